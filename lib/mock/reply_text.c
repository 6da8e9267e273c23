/* What all dialects render with: escaping, cutting a text into deltas, the answer with echo and estimates filled in. */
#include "mock/reply.h"

#include <stdint.h>
#include <string.h>

void llmc_mock_body_init(llmc_mock_body *body, const llmc_allocator *allocator)
{
    *body = (llmc_mock_body){ .status = 200, .content_type = "application/json" };
    llmc_buffer_init(&body->headers, allocator, SIZE_MAX / 4);
    llmc_buffer_init(&body->bytes, allocator, SIZE_MAX / 4);
}

void llmc_mock_body_free(llmc_mock_body *body)
{
    llmc_free(body->bytes.allocator, body->cuts);
    llmc_buffer_free(&body->headers);
    llmc_buffer_free(&body->bytes);
}

void llmc_mock_body_cut(llmc_mock_body *body)
{
    void *cuts = body->cuts;
    if (!llmc_grow(body->bytes.allocator, &cuts, &body->cut_capacity, body->cut_count + 1, sizeof *body->cuts)) {
        body->no_memory = true;
        return;
    }
    body->cuts = cuts;
    body->cuts[body->cut_count++] = body->bytes.length;
}

static void add_unit(llmc_buffer *buffer, uint32_t unit)
{
    static const char digits[] = "0123456789abcdef";
    char escape[6] = { '\\', 'u', digits[unit >> 12 & 15], digits[unit >> 8 & 15], digits[unit >> 4 & 15], digits[unit & 15] };
    llmc_buffer_add(buffer, escape, sizeof escape);
}

/* A character beyond ASCII as \u escapes; returns its bytes. The text is valid UTF-8: it came through a JSON reader. */
static size_t add_wide(llmc_buffer *buffer, const unsigned char *text, size_t bytes)
{
    size_t length = text[0] >= 0xF0 ? 4 : text[0] >= 0xE0 ? 3 : 2;
    if (length > bytes)
        return bytes;
    uint32_t code = text[0] & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++)
        code = code << 6 | (text[i] & 0x3F);
    if (code < 0x10000) {
        add_unit(buffer, code);
        return length;
    }
    add_unit(buffer, 0xD800 + ((code - 0x10000) >> 10));
    add_unit(buffer, 0xDC00 + ((code - 0x10000) & 0x3FF));
    return length;
}

static void add_special(llmc_buffer *buffer, unsigned char byte)
{
    static const char shorts[] = "\"\"\\\\\nn\rr\tt";
    for (size_t i = 0; shorts[i]; i += 2) {
        if ((unsigned char)shorts[i] == byte) {
            llmc_buffer_add_byte(buffer, '\\');
            llmc_buffer_add_byte(buffer, shorts[i + 1]);
            return;
        }
    }
    add_unit(buffer, byte);
}

void llmc_mock_add_escaped(llmc_buffer *buffer, const char *text, size_t bytes, bool ascii)
{
    size_t plain = 0;
    for (size_t at = 0; at < bytes;) {
        unsigned char byte = (unsigned char)text[at];
        if (byte >= 0x20 && byte != '"' && byte != '\\' && (byte < 0x80 || !ascii)) {
            at++;
            continue;
        }
        llmc_buffer_add(buffer, text + plain, at - plain);
        if (byte >= 0x80) {
            at += add_wide(buffer, (const unsigned char *)text + at, bytes - at);
        } else {
            add_special(buffer, byte);
            at++;
        }
        plain = at;
    }
    llmc_buffer_add(buffer, text + plain, bytes - plain);
}

void llmc_mock_add_string(llmc_buffer *buffer, const char *text, size_t bytes)
{
    llmc_buffer_add_byte(buffer, '"');
    llmc_mock_add_escaped(buffer, text, bytes, false);
    llmc_buffer_add_byte(buffer, '"');
}

/* ---- pieces */

void llmc_mock_pieces_begin(llmc_mock_pieces *pieces, const llmc_allocator *allocator, llmc_mock_text text, const llmc_mock_rule *rule, size_t exact_count)
{
    *pieces = (llmc_mock_pieces){ .split = rule->split_utf8, .count = exact_count ? exact_count : (size_t)rule->chunks };
    pieces->piece_bytes = rule->chunk_bytes ? (size_t)rule->chunk_bytes : 16;
    llmc_buffer_init(&pieces->escaped, allocator, SIZE_MAX / 4);
    llmc_mock_add_escaped(&pieces->escaped, text.text ? text.text : "", text.bytes, rule->split_utf8);
}

void llmc_mock_pieces_free(llmc_mock_pieces *pieces, llmc_buffer *out)
{
    if (pieces->escaped.failure)
        out->failure = pieces->escaped.failure;
    llmc_buffer_free(&pieces->escaped);
}

static size_t unit_bytes(const char *at)
{
    unsigned char first = (unsigned char)at[0];
    if (first == '\\')
        return at[1] == 'u' ? 6 : 2;
    return first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
}

static bool is_high_surrogate(const char *at)
{
    return at[0] == '\\' && at[1] == 'u' && at[2] == 'd' && (at[3] == '8' || at[3] == '9' || at[3] == 'a' || at[3] == 'b');
}

/* An exact count is kept even where the text is shorter: the pieces left over are empty. */
bool llmc_mock_pieces_next(llmc_mock_pieces *pieces, const char **piece, size_t *bytes)
{
    size_t length = pieces->escaped.length;
    if (pieces->count ? pieces->index == pieces->count : pieces->at >= length)
        return false;
    size_t from = pieces->at, target = from + pieces->piece_bytes;
    if (pieces->count)
        target = (size_t)((double)length * (double)(pieces->index + 1) / (double)pieces->count + 0.5);
    pieces->index++;
    while (pieces->at < length && pieces->at < target) {
        const char *unit = pieces->escaped.data + pieces->at;
        pieces->at += unit_bytes(unit);
        if (pieces->split && !pieces->count && is_high_surrogate(unit))
            break;
    }
    *piece = length ? pieces->escaped.data + from : "";
    *bytes = pieces->at - from;
    return true;
}

/* ---- the answer */

/* Four bytes make a token: what everybody can compute in the head. */
static int64_t estimate(size_t bytes)
{
    return (int64_t)((bytes + 3) / 4);
}

static size_t choice_bytes(const llmc_mock_choice *choice)
{
    size_t bytes = choice->text.bytes + choice->reasoning.bytes + choice->refusal.bytes, index;
    json_t *call;
    LLMC_MOCK_EACH(choice->tool_calls, index, call)
        bytes += json_string_length(json_object_get(call, "name")) + json_string_length(json_object_get(call, "arguments"));
    return bytes;
}

llmc_mock_choice llmc_mock_answer_choice(const llmc_mock_answer *answer, size_t index)
{
    llmc_mock_choice choice = answer->rule->choices[index % answer->rule->choice_count];
    bool silent = !choice.text.text && !choice.refusal.text && !json_array_size(choice.tool_calls);
    if (silent && answer->question->user.length)
        choice.text = (llmc_mock_text){ answer->question->user.data, answer->question->user.length };
    if (silent && !choice.text.text)
        choice.text = (llmc_mock_text){ "", 0 };
    if (!choice.finish.text)
        choice.finish = json_array_size(choice.tool_calls) ? (llmc_mock_text){ "tool_calls", 10 } : (llmc_mock_text){ "stop", 4 };
    return choice;
}

void llmc_mock_answer_begin(llmc_mock_answer *answer, const llmc_mock_question *question, const llmc_mock_rule *rule)
{
    *answer = (llmc_mock_answer){ .question = question, .rule = rule, .usage = rule->usage };
    answer->model = rule->model.text ? rule->model : question->model;
    if (!answer->model.text)
        answer->model = (llmc_mock_text){ "mock", 4 };
    answer->count = rule->has_choices ? rule->choice_count : (size_t)question->n;
    size_t reply_bytes = 0, reasoning_bytes = 0;
    for (size_t i = 0; i < answer->count; i++) {
        llmc_mock_choice choice = llmc_mock_answer_choice(answer, i);
        reply_bytes += choice_bytes(&choice);
        reasoning_bytes += choice.reasoning.bytes;
    }
    llmc_mock_usage *usage = &answer->usage;
    int64_t *extras[] = { &usage->cached, &usage->cache_write, &usage->write_1h };
    for (size_t i = 0; i < sizeof extras / sizeof extras[0]; i++)
        *extras[i] = *extras[i] < 0 ? 0 : *extras[i];
    if (usage->prompt < 0)
        usage->prompt = estimate(question->prompt_bytes) + usage->cached + usage->cache_write + usage->write_1h;
    if (usage->completion < 0)
        usage->completion = estimate(reply_bytes);
    if (usage->reasoning < 0)
        usage->reasoning = estimate(reasoning_bytes) < usage->completion ? estimate(reasoning_bytes) : usage->completion;
    usage->none = usage->none || rule->fault.no_usage;
}
