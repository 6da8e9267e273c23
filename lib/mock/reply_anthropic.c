/* Anthropic Messages: the whole answer, and the stream of named events. It knows one choice only: the first. */
#include "mock/dialect.h"

#include <string.h>

static void add(llmc_buffer *out, llmc_mock_text text)
{
    llmc_mock_add_string(out, text.text ? text.text : "", text.bytes);
}

static llmc_mock_text stop_reason(llmc_mock_text finish)
{
    static const char *const words[][2] = { { "stop", "end_turn" }, { "length", "max_tokens" }, { "tool_calls", "tool_use" }, { "content_filter", "refusal" } };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(finish.text, words[i][0]) == 0)
            return (llmc_mock_text){ words[i][1], strlen(words[i][1]) };
    }
    return finish;
}

static void add_head(llmc_buffer *out, const llmc_mock_answer *answer)
{
    llmc_buffer_add_text(out, "{\"id\":\"msg_mock_");
    llmc_buffer_add_integer(out, (int64_t)answer->question->number);
    llmc_buffer_add_text(out, "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
    add(out, answer->model);
    llmc_buffer_add_text(out, ",\"content\":[");
}

/* The input side excludes what was read from and written to the cache. */
static void add_usage(llmc_buffer *out, const llmc_mock_usage *usage, int64_t output, bool all)
{
    int64_t input = usage->prompt - usage->cached - usage->cache_write - usage->write_1h;
    const struct { const char *before; int64_t value; } parts[] = {
        { ",\"usage\":{\"input_tokens\":", input < 0 ? 0 : input },
        { ",\"cache_creation_input_tokens\":", usage->cache_write + usage->write_1h },
        { ",\"cache_read_input_tokens\":", usage->cached },
        { ",\"cache_creation\":{\"ephemeral_5m_input_tokens\":", usage->cache_write },
        { ",\"ephemeral_1h_input_tokens\":", usage->write_1h },
        { "},\"output_tokens\":", output },
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        llmc_buffer_add_text(out, parts[i].before);
        llmc_buffer_add_integer(out, parts[i].value);
    }
    if (all && usage->reasoning > 0) {
        llmc_buffer_add_text(out, ",\"output_tokens_details\":{\"thinking_tokens\":");
        llmc_buffer_add_integer(out, usage->reasoning);
        llmc_buffer_add_byte(out, '}');
    }
    llmc_buffer_add_text(out, ",\"service_tier\":\"standard\"}");
}

static void add_call_head(llmc_buffer *out, const json_t *call, size_t index)
{
    llmc_mock_text id = llmc_mock_member(call, "id");
    llmc_buffer_add_text(out, "{\"type\":\"tool_use\",\"id\":");
    if (id.text) {
        add(out, id);
    } else {
        llmc_buffer_add_text(out, "\"toolu_mock_");
        llmc_buffer_add_integer(out, (int64_t)index);
        llmc_buffer_add_byte(out, '"');
    }
    llmc_buffer_add_text(out, ",\"name\":");
    add(out, llmc_mock_member(call, "name"));
    llmc_buffer_add_text(out, ",\"input\":");
}

static void comma(llmc_buffer *out, size_t *blocks)
{
    if ((*blocks)++)
        llmc_buffer_add_byte(out, ',');
}

static void add_blocks(llmc_buffer *out, const llmc_mock_choice *choice)
{
    size_t blocks = 0, index;
    json_t *call;
    if (choice->reasoning.text) {
        comma(out, &blocks);
        llmc_buffer_add_text(out, "{\"type\":\"thinking\",\"thinking\":");
        add(out, choice->reasoning);
        llmc_buffer_add_text(out, ",\"signature\":\"c2lnbmVk\"}");
    }
    llmc_mock_text text = choice->text.text ? choice->text : choice->refusal;
    if (text.text) {
        comma(out, &blocks);
        llmc_buffer_add_text(out, "{\"type\":\"text\",\"text\":");
        add(out, text);
        llmc_buffer_add_byte(out, '}');
    }
    LLMC_MOCK_EACH(choice->tool_calls, index, call) {
        llmc_mock_text arguments = llmc_mock_arguments(call);
        comma(out, &blocks);
        add_call_head(out, call, index);
        llmc_buffer_add(out, arguments.text, arguments.bytes);
        llmc_buffer_add_byte(out, '}');
    }
}

static llmc_mock_text finish_of(const llmc_mock_choice *choice)
{
    if (choice->refusal.text && !choice->text.text && strcmp(choice->finish.text, "stop") == 0)
        return (llmc_mock_text){ "refusal", 7 };
    return stop_reason(choice->finish);
}

static void render_whole(llmc_mock_body *body, const llmc_mock_answer *answer)
{
    llmc_mock_choice choice = llmc_mock_answer_choice(answer, 0);
    llmc_buffer *out = &body->bytes;
    add_head(out, answer);
    add_blocks(out, &choice);
    llmc_buffer_add_text(out, "],\"stop_reason\":");
    add(out, finish_of(&choice));
    llmc_buffer_add_text(out, ",\"stop_sequence\":null");
    if (!answer->usage.none)
        add_usage(out, &answer->usage, answer->usage.completion, true);
    llmc_buffer_add_byte(out, '}');
}

/* ---- the stream */

struct stream {
    llmc_mock_body *body;
    const llmc_mock_answer *answer;
    size_t block;
};

static void begin_event(struct stream *stream, const char *name)
{
    llmc_buffer *out = &stream->body->bytes;
    llmc_buffer_add_text(out, "event: ");
    llmc_buffer_add_text(out, name);
    llmc_buffer_add_text(out, "\ndata: {\"type\":\"");
    llmc_buffer_add_text(out, name);
    llmc_buffer_add_byte(out, '"');
}

static void begin_block_event(struct stream *stream, const char *name)
{
    begin_event(stream, name);
    llmc_buffer_add_text(&stream->body->bytes, ",\"index\":");
    llmc_buffer_add_integer(&stream->body->bytes, (int64_t)stream->block);
}

static void end_event(struct stream *stream)
{
    llmc_buffer_add_text(&stream->body->bytes, "}\n\n");
    llmc_mock_body_cut(stream->body);
}

static void send_delta(struct stream *stream, const char *before, const char *piece, size_t bytes)
{
    begin_block_event(stream, "content_block_delta");
    llmc_buffer_add_text(&stream->body->bytes, before);
    llmc_buffer_add(&stream->body->bytes, piece, bytes);
    llmc_buffer_add_text(&stream->body->bytes, "\"}");
    end_event(stream);
}

static bool send_pieces(struct stream *stream, llmc_mock_text text, const char *before)
{
    llmc_mock_pieces pieces;
    const char *piece;
    size_t bytes;
    bool whole = true;
    llmc_mock_pieces_begin(&pieces, stream->body->bytes.allocator, text, stream->answer->rule, 0);
    while (whole && llmc_mock_pieces_next(&pieces, &piece, &bytes)) {
        whole = !llmc_mock_stream_broke(stream->body, stream->answer);
        if (whole)
            send_delta(stream, before, piece, bytes);
    }
    llmc_mock_pieces_free(&pieces, &stream->body->bytes);
    return whole;
}

static void begin_block(struct stream *stream)
{
    begin_block_event(stream, "content_block_start");
    llmc_buffer_add_text(&stream->body->bytes, ",\"content_block\":");
}

/* The first block is followed by a ping, as the provider does. */
static void block_begun(struct stream *stream)
{
    end_event(stream);
    if (stream->block)
        return;
    begin_event(stream, "ping");
    end_event(stream);
}

static void end_block(struct stream *stream)
{
    begin_block_event(stream, "content_block_stop");
    end_event(stream);
    stream->block++;
}

static bool send_thinking(struct stream *stream, llmc_mock_text reasoning)
{
    if (!reasoning.text)
        return true;
    begin_block(stream);
    llmc_buffer_add_text(&stream->body->bytes, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}");
    block_begun(stream);
    if (!send_pieces(stream, reasoning, ",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\""))
        return false;
    send_delta(stream, ",\"delta\":{\"type\":\"signature_delta\",\"signature\":\"", "c2lnbmVk", 8);
    end_block(stream);
    return true;
}

static bool send_text(struct stream *stream, llmc_mock_text text)
{
    if (!text.text)
        return true;
    begin_block(stream);
    llmc_buffer_add_text(&stream->body->bytes, "{\"type\":\"text\",\"text\":\"\"}");
    block_begun(stream);
    if (!send_pieces(stream, text, ",\"delta\":{\"type\":\"text_delta\",\"text\":\""))
        return false;
    end_block(stream);
    return true;
}

/* A tool without arguments sends no fragment: its input stays {}. */
static bool send_calls(struct stream *stream, json_t *calls)
{
    size_t index;
    json_t *call;
    LLMC_MOCK_EACH(calls, index, call) {
        llmc_mock_text arguments = llmc_mock_arguments(call);
        begin_block(stream);
        add_call_head(&stream->body->bytes, call, index);
        llmc_buffer_add_text(&stream->body->bytes, "{}}");
        block_begun(stream);
        if (strcmp(arguments.text, "{}") != 0 && !send_pieces(stream, arguments, ",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\""))
            return false;
        end_block(stream);
    }
    return true;
}

static void send_start(struct stream *stream)
{
    llmc_buffer *out = &stream->body->bytes;
    begin_event(stream, "message_start");
    llmc_buffer_add_text(out, ",\"message\":");
    add_head(out, stream->answer);
    llmc_buffer_add_text(out, "],\"stop_reason\":null,\"stop_sequence\":null");
    if (!stream->answer->usage.none)
        add_usage(out, &stream->answer->usage, 1, false);
    llmc_buffer_add_byte(out, '}');
    end_event(stream);
}

static void send_finish(struct stream *stream, const llmc_mock_choice *choice)
{
    llmc_buffer *out = &stream->body->bytes;
    begin_event(stream, "message_delta");
    llmc_buffer_add_text(out, ",\"delta\":{\"stop_reason\":");
    add(out, finish_of(choice));
    llmc_buffer_add_text(out, ",\"stop_sequence\":null}");
    if (!stream->answer->usage.none)
        add_usage(out, &stream->answer->usage, stream->answer->usage.completion, true);
    end_event(stream);
    if (stream->answer->rule->fault.no_terminator)
        return;
    begin_event(stream, "message_stop");
    end_event(stream);
}

static void render_stream(llmc_mock_body *body, const llmc_mock_answer *answer)
{
    struct stream stream = { .body = body, .answer = answer };
    llmc_mock_choice choice = llmc_mock_answer_choice(answer, 0);
    body->content_type = "text/event-stream; charset=utf-8";
    body->streamed = true;
    send_start(&stream);
    bool whole = send_thinking(&stream, choice.reasoning) && send_text(&stream, choice.text.text ? choice.text : choice.refusal) && send_calls(&stream, choice.tool_calls);
    if (whole && !llmc_mock_stream_broke(body, answer))
        send_finish(&stream, &choice);
}

static void render(llmc_mock_body *body, const llmc_mock_answer *answer)
{
    (answer->question->stream ? render_stream : render_whole)(body, answer);
}

#define ERROR "{'type':'error','error':{'type':'%y','message':%M},'request_id':'req_mock'}"

const llmc_mock_dialect llmc_mock_anthropic = {
    .key_header = "x-api-key", .request_id = "Request-Id", .words = LLMC_MOCK_WORDS_ANTHROPIC, .skims = true, .stream_failure = 529,
    .wrong_key = { 401, "authentication_error", NULL, "invalid x-api-key" },
    .error = ERROR, .error_in_stream = "event: error\ndata: " ERROR "\n\n",
    .read = llmc_mock_read_chat, .validate = llmc_mock_validate_anthropic, .render = render,
};
