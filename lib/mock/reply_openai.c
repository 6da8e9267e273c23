/* OpenAI chat completions: the whole answer, and the stream of chunks. */
#include "mock/dialect.h"

#include <string.h>

static void add(llmc_buffer *out, llmc_mock_text text)
{
    llmc_mock_add_string(out, text.text ? text.text : "", text.bytes);
}

static void add_head(llmc_buffer *out, const llmc_mock_answer *answer, const char *object)
{
    llmc_buffer_add_text(out, "{\"id\":\"chatcmpl-mock-");
    llmc_buffer_add_integer(out, (int64_t)answer->question->number);
    llmc_buffer_add_text(out, "\",\"object\":\"");
    llmc_buffer_add_text(out, object);
    llmc_buffer_add_text(out, "\",\"created\":1700000000,\"model\":");
    add(out, answer->model);
    llmc_buffer_add_text(out, ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_mock\",\"choices\":[");
}

static void add_usage(llmc_buffer *out, const llmc_mock_usage *usage)
{
    const struct { const char *before; int64_t value; } parts[] = {
        { ",\"usage\":{\"prompt_tokens\":", usage->prompt },
        { ",\"completion_tokens\":", usage->completion },
        { ",\"total_tokens\":", usage->prompt + usage->completion },
        { ",\"prompt_tokens_details\":{\"cached_tokens\":", usage->cached },
        { ",\"cache_write_tokens\":", usage->cache_write + usage->write_1h },
        { ",\"audio_tokens\":", 0 },
        { "},\"completion_tokens_details\":{\"reasoning_tokens\":", usage->reasoning },
        { ",\"audio_tokens\":", 0 },
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        llmc_buffer_add_text(out, parts[i].before);
        llmc_buffer_add_integer(out, parts[i].value);
    }
    llmc_buffer_add_text(out, "}}");
}

static void add_call_head(llmc_buffer *out, const json_t *call, size_t index)
{
    llmc_mock_text id = llmc_mock_member(call, "id");
    llmc_buffer_add_text(out, "\"id\":");
    if (id.text) {
        add(out, id);
    } else {
        llmc_buffer_add_text(out, "\"call_mock_");
        llmc_buffer_add_integer(out, (int64_t)index);
        llmc_buffer_add_byte(out, '"');
    }
    llmc_buffer_add_text(out, ",\"type\":\"function\",\"function\":{\"name\":");
    add(out, llmc_mock_member(call, "name"));
    llmc_buffer_add_text(out, ",\"arguments\":");
}

/* One token with its log-probability; the token is escaped already. */
static void add_token(llmc_buffer *out, const llmc_mock_question *question, const char *token, size_t bytes, const json_t *logprob)
{
    for (int top = 0; top < (question->top_logprobs ? 2 : 1); top++) {
        llmc_buffer_add_text(out, top ? ",\"top_logprobs\":[{\"token\":\"" : "{\"token\":\"");
        llmc_buffer_add(out, token, bytes);
        llmc_buffer_add_text(out, "\",\"bytes\":null,\"logprob\":");
        char number[40];
        size_t length = json_dumpb(logprob, number, sizeof number, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        llmc_buffer_add(out, number, length <= sizeof number ? length : 0);
    }
    llmc_buffer_add_text(out, question->top_logprobs ? "}]}" : ",\"top_logprobs\":[]}");
}

static bool wants_logprobs(const llmc_mock_answer *answer, const llmc_mock_choice *choice)
{
    return answer->question->logprobs && json_array_size(choice->logprobs);
}

static void add_logprobs(llmc_buffer *out, const llmc_mock_answer *answer, const llmc_mock_choice *choice)
{
    llmc_mock_pieces pieces;
    const char *piece;
    size_t bytes;
    llmc_mock_pieces_begin(&pieces, out->allocator, choice->text, answer->rule, json_array_size(choice->logprobs));
    llmc_buffer_add_text(out, "{\"content\":[");
    for (size_t i = 0; llmc_mock_pieces_next(&pieces, &piece, &bytes); i++) {
        if (i)
            llmc_buffer_add_byte(out, ',');
        add_token(out, answer->question, piece, bytes, json_array_get(choice->logprobs, i));
    }
    llmc_buffer_add_text(out, "],\"refusal\":null}");
    llmc_mock_pieces_free(&pieces, out);
}

static void add_message(llmc_buffer *out, const llmc_mock_choice *choice)
{
    llmc_buffer_add_text(out, "{\"role\":\"assistant\",\"content\":");
    if (choice->text.text)
        add(out, choice->text);
    else
        llmc_buffer_add_text(out, "null");
    if (choice->reasoning.text) {
        llmc_buffer_add_text(out, ",\"reasoning_content\":");
        add(out, choice->reasoning);
    }
    llmc_buffer_add_text(out, ",\"refusal\":");
    if (choice->refusal.text)
        add(out, choice->refusal);
    else
        llmc_buffer_add_text(out, "null");
    size_t index;
    json_t *call;
    LLMC_MOCK_EACH(choice->tool_calls, index, call) {
        llmc_buffer_add_text(out, index ? ",{" : ",\"tool_calls\":[{");
        add_call_head(out, call, index);
        add(out, llmc_mock_arguments(call));
        llmc_buffer_add_text(out, "}}");
    }
    llmc_buffer_add_text(out, json_array_size(choice->tool_calls) ? "]}" : "}");
}

static void render_whole(llmc_mock_body *body, const llmc_mock_answer *answer)
{
    llmc_buffer *out = &body->bytes;
    add_head(out, answer, "chat.completion");
    for (size_t i = 0; i < answer->count; i++) {
        llmc_mock_choice choice = llmc_mock_answer_choice(answer, i);
        llmc_buffer_add_text(out, i ? ",{\"index\":" : "{\"index\":");
        llmc_buffer_add_integer(out, (int64_t)i);
        llmc_buffer_add_text(out, ",\"message\":");
        add_message(out, &choice);
        llmc_buffer_add_text(out, ",\"logprobs\":");
        if (wants_logprobs(answer, &choice))
            add_logprobs(out, answer, &choice);
        else
            llmc_buffer_add_text(out, "null");
        llmc_buffer_add_text(out, ",\"finish_reason\":");
        add(out, choice.finish);
        llmc_buffer_add_byte(out, '}');
    }
    llmc_buffer_add_byte(out, ']');
    if (!answer->usage.none)
        add_usage(out, &answer->usage);
    llmc_buffer_add_byte(out, '}');
}

/* ---- the stream */

struct stream {
    llmc_mock_body *body;
    const llmc_mock_answer *answer;
    llmc_buffer head; /* of every chunk, up to the choices */
    size_t index;     /* of the choice */
};

static void begin_chunk(struct stream *stream)
{
    llmc_buffer *out = &stream->body->bytes;
    llmc_buffer_add(out, stream->head.data, stream->head.length);
    llmc_buffer_add_text(out, "{\"index\":");
    llmc_buffer_add_integer(out, (int64_t)stream->index);
    llmc_buffer_add_text(out, ",\"delta\":{");
}

/* The delta stands; what follows it in every chunk. */
static void end_chunk(struct stream *stream, llmc_mock_text finish)
{
    llmc_buffer *out = &stream->body->bytes;
    llmc_buffer_add_text(out, ",\"finish_reason\":");
    if (finish.text)
        add(out, finish);
    else
        llmc_buffer_add_text(out, "null");
    llmc_buffer_add_text(out, "}]");
    if (stream->answer->question->include_usage)
        llmc_buffer_add_text(out, ",\"usage\":null");
    llmc_buffer_add_text(out, "}\n\n");
    llmc_mock_body_cut(stream->body);
}

static void plain_end(struct stream *stream, const char *end)
{
    llmc_buffer_add_text(&stream->body->bytes, end);
    llmc_buffer_add_text(&stream->body->bytes, ",\"logprobs\":null");
    end_chunk(stream, (llmc_mock_text){ 0 });
}

/* A text as deltas of one member; before and after stand around the piece. */
static bool send_pieces(struct stream *stream, llmc_mock_text text, const char *before, const char *after, const json_t *logprobs)
{
    llmc_mock_pieces pieces;
    const char *piece;
    size_t bytes;
    llmc_buffer *out = &stream->body->bytes;
    llmc_mock_pieces_begin(&pieces, out->allocator, text, stream->answer->rule, json_array_size(logprobs));
    bool whole = true;
    for (size_t i = 0; whole && llmc_mock_pieces_next(&pieces, &piece, &bytes); i++) {
        whole = !llmc_mock_stream_broke(stream->body, stream->answer);
        if (!whole)
            break;
        begin_chunk(stream);
        llmc_buffer_add_text(out, before);
        llmc_buffer_add(out, piece, bytes);
        if (!logprobs) {
            plain_end(stream, after);
            continue;
        }
        llmc_buffer_add_text(out, after);
        llmc_buffer_add_text(out, ",\"logprobs\":{\"content\":[");
        add_token(out, stream->answer->question, piece, bytes, json_array_get(logprobs, i));
        llmc_buffer_add_text(out, "],\"refusal\":null}");
        end_chunk(stream, (llmc_mock_text){ 0 });
    }
    llmc_mock_pieces_free(&pieces, out);
    return whole;
}

static bool send_calls(struct stream *stream, const json_t *calls)
{
    size_t index;
    json_t *call;
    llmc_buffer *out = &stream->body->bytes;
    LLMC_MOCK_EACH((json_t *)calls, index, call) {
        begin_chunk(stream);
        llmc_buffer_add_text(out, "\"tool_calls\":[{\"index\":");
        llmc_buffer_add_integer(out, (int64_t)index);
        llmc_buffer_add_byte(out, ',');
        add_call_head(out, call, index);
        plain_end(stream, "\"\"}}]}");
        char before[80];
        llmc_buffer fragment;
        llmc_buffer_init(&fragment, out->allocator, sizeof before);
        llmc_buffer_add_format(&fragment, "\"tool_calls\":[{\"index\":%zu,\"function\":{\"arguments\":\"", index);
        const char *start = llmc_buffer_text(&fragment);
        bool whole = start && send_pieces(stream, llmc_mock_arguments(call), start, "\"}}]}", NULL);
        stream->body->no_memory = stream->body->no_memory || !start;
        llmc_buffer_free(&fragment);
        if (!whole)
            return false;
    }
    return true;
}

static bool send_choice(struct stream *stream, const llmc_mock_choice *choice)
{
    begin_chunk(stream);
    plain_end(stream, choice->text.text ? "\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}" : "\"role\":\"assistant\",\"content\":null}");
    if (choice->reasoning.text && !send_pieces(stream, choice->reasoning, "\"reasoning_content\":\"", "\"}", NULL))
        return false;
    if (choice->text.text && !send_pieces(stream, choice->text, "\"content\":\"", "\"}", wants_logprobs(stream->answer, choice) ? choice->logprobs : NULL))
        return false;
    if (choice->refusal.text && !send_pieces(stream, choice->refusal, "\"refusal\":\"", "\"}", NULL))
        return false;
    if (!send_calls(stream, choice->tool_calls) || llmc_mock_stream_broke(stream->body, stream->answer))
        return false;
    begin_chunk(stream);
    llmc_buffer_add_text(&stream->body->bytes, "},\"logprobs\":null");
    end_chunk(stream, choice->finish);
    return true;
}

static void render_stream(llmc_mock_body *body, const llmc_mock_answer *answer)
{
    struct stream stream = { .body = body, .answer = answer };
    llmc_buffer_init(&stream.head, body->bytes.allocator, SIZE_MAX / 4);
    llmc_buffer_add_text(&stream.head, "data: ");
    add_head(&stream.head, answer, "chat.completion.chunk");
    body->content_type = "text/event-stream; charset=utf-8";
    body->streamed = true;
    bool whole = !stream.head.failure;
    body->no_memory = !whole;
    for (; whole && stream.index < answer->count; stream.index++) {
        llmc_mock_choice choice = llmc_mock_answer_choice(answer, stream.index);
        whole = send_choice(&stream, &choice);
    }
    if (whole && answer->question->include_usage && !answer->usage.none) {
        llmc_buffer_add(&body->bytes, stream.head.data, stream.head.length);
        llmc_buffer_add_byte(&body->bytes, ']');
        add_usage(&body->bytes, &answer->usage);
        llmc_buffer_add_text(&body->bytes, "}\n\n");
        llmc_mock_body_cut(body);
    }
    if (whole && !answer->rule->fault.no_terminator) {
        llmc_buffer_add_text(&body->bytes, "data: [DONE]\n\n");
        llmc_mock_body_cut(body);
    }
    llmc_buffer_free(&stream.head);
}

static void render(llmc_mock_body *body, const llmc_mock_answer *answer)
{
    (answer->question->stream ? render_stream : render_whole)(body, answer);
}

#define ERROR "{'error':{'message':%M,'type':'%y','param':%x,'code':%z}}"

const llmc_mock_dialect llmc_mock_openai = {
    .key_header = "api-key", .request_id = "X-Request-Id", .words = LLMC_MOCK_WORDS_OPENAI, .skims = true, .stream_failure = 500,
    .wrong_key = { 401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided." },
    .error = ERROR, .error_in_stream = "data: " ERROR "\n\n",
    .read = llmc_mock_read_chat, .validate = llmc_mock_validate_openai, .render = render,
};
