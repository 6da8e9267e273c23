/* What we write in OpenAI's shape, read back with jansson. */
#include "call/openai_shape.h"

#include "../support/counting_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

static llmcost_event event_of(int kind, const char *text)
{
    return (llmcost_event){ .kind = kind, .text = text, .bytes = strlen(text), .tool_id = "", .tool_name = "", .finish_raw = "" };
}

static llmc_usage usage_of(int64_t input, int64_t cached, int64_t written, int64_t output, int64_t reasoning)
{
    llmc_usage usage;
    llmc_usage_init(&usage);
    usage.quantity[LLMCOST_INPUT] = input;
    usage.quantity[LLMCOST_INPUT_CACHED] = cached;
    usage.quantity[LLMCOST_WRITE_5M] = written;
    usage.quantity[LLMCOST_OUTPUT] = output;
    usage.quantity[LLMCOST_REASONING] = reasoning;
    return usage;
}

static llmc_answer *answer_of(const llmcost_event *events, size_t count, const llmc_usage *usage)
{
    llmc_answer_builder builder;
    llmc_answer_builder_init(&builder, &llmc_allocator_system, 1 << 20);
    for (size_t i = 0; i < count; i++)
        assert_true(llmc_answer_builder_add(&builder, &events[i]));
    llmc_answer *answer = llmc_answer_build(&builder, "openai", "r-0", usage, 0);
    llmc_answer_builder_free(&builder);
    return answer;
}

static void begin(llmcost_response *response, llmc_answer *answer)
{
    *response = (llmcost_response){ .allocator = llmc_allocator_system, .answer = answer };
    llmc_error_init(&response->error, &llmc_allocator_system);
    llmc_receipt_init(&response->receipt, 0xABC, "USD", INT64_C(1750000000999));
}

/* The completion, parsed; it is one JSON value. */
static json_t *completion_of(const llmcost_response *response)
{
    llmc_buffer out;
    json_error_t error;
    llmc_buffer_init(&out, &llmc_allocator_system, 1 << 20);
    llmc_openai_completion(response, &out);
    json_t *json = json_loadb(out.data, out.length, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        fail_msg("%s: %.*s", error.text, (int)out.length, out.data);
    llmc_buffer_free(&out);
    return json;
}

/* A path such as "choices.0.message.content"; NULL where there is nothing. */
static json_t *at(json_t *json, const char *path)
{
    char step[64];
    for (int used; json && sscanf(path, "%63[^.]%n", step, &used) == 1;) {
        json = json_is_array(json) ? json_array_get(json, (size_t)atoi(step)) : json_object_get(json, step);
        path += used;
        path += *path == '.';
    }
    return json;
}

static void assert_text(json_t *json, const char *path, const char *wanted)
{
    const char *text = json_string_value(at(json, path));
    if (!text || strcmp(text, wanted) != 0)
        fail_msg("%s is \"%s\", not \"%s\"", path, text ? text : "(no string)", wanted);
}

static void assert_count(json_t *json, const char *path, int64_t wanted)
{
    json_t *value = at(json, path);
    if (!json_is_integer(value) || json_integer_value(value) != wanted)
        fail_msg("%s is %lld, not %lld", path, value ? (long long)json_integer_value(value) : -1, (long long)wanted);
}

static void test_plain_answer(void **state)
{
    (void)state;
    llmcost_event meta = event_of(LLMC_EVENT_META, "chatcmpl-1"), finish = event_of(LLMCOST_EVENT_FINISH, "");
    meta.tool_name = "gpt-4o-2024-08-06";
    finish.finish = LLMCOST_FINISH_STOP;
    finish.finish_raw = "end_turn";
    const llmcost_event events[] = { meta, event_of(LLMCOST_EVENT_TEXT, "Hi \"you\"\n\xE2\x80\xA6"), finish };
    llmc_usage usage = usage_of(10, 4, 2, 7, 5);
    llmcost_response response;
    begin(&response, answer_of(events, 3, &usage));
    json_t *json = completion_of(&response);
    assert_text(json, "id", "chatcmpl-1");
    assert_text(json, "object", "chat.completion");
    assert_count(json, "created", 1750000000);
    assert_text(json, "model", "gpt-4o-2024-08-06");
    assert_int_equal(json_array_size(at(json, "choices")), 1);
    assert_count(json, "choices.0.index", 0);
    assert_text(json, "choices.0.finish_reason", "stop");
    assert_true(json_is_null(at(json, "choices.0.logprobs")));
    assert_text(json, "choices.0.message.role", "assistant");
    assert_text(json, "choices.0.message.content", "Hi \"you\"\n\xE2\x80\xA6");
    assert_true(json_is_null(at(json, "choices.0.message.refusal")));
    assert_int_equal(json_object_size(at(json, "choices.0.message")), 3);
    assert_count(json, "usage.prompt_tokens", 16);
    assert_count(json, "usage.completion_tokens", 12);
    assert_count(json, "usage.total_tokens", 28);
    assert_count(json, "usage.prompt_tokens_details.cached_tokens", 4);
    assert_count(json, "usage.prompt_tokens_details.cache_write_tokens", 2);
    assert_count(json, "usage.completion_tokens_details.reasoning_tokens", 5);
    assert_true(json_is_object(at(json, "llmcost")));
    assert_int_equal(json_object_size(json), 7);
    json_decref(json);
    llmc_answer_unref(response.answer);
}

static void test_everything(void **state)
{
    (void)state;
    llmcost_event call = event_of(LLMCOST_EVENT_TOOL_CALL, ""), finish = event_of(LLMCOST_EVENT_FINISH, ""), extra = event_of(LLMCOST_EVENT_EXTRA, "[\"https://a\"]"), taken = event_of(LLMCOST_EVENT_EXTRA, "1");
    llmcost_event second = event_of(LLMCOST_EVENT_REFUSAL, "I won't");
    call.tool_id = "c1";
    call.tool_name = "f";
    llmcost_event custom = call;
    custom.tool_index = 1;
    custom.tool_id = "c2";
    custom.tool_name = "sql";
    custom.is_custom = true;
    finish.finish = LLMCOST_FINISH_CONTEXT_LENGTH;
    finish.finish_raw = "model_context_window_exceeded";
    extra.tool_name = "citations";
    taken.tool_name = "usage";
    second.choice = 1;
    const llmcost_event events[] = {
        event_of(LLMCOST_EVENT_REASONING, "hm"), event_of(LLMC_EVENT_SIGNATURE, "c2ln"), event_of(LLMC_EVENT_REASONING_HIDDEN, "xyz"), call,
        event_of(LLMCOST_EVENT_TOOL_ARGUMENTS, "{\"a\":"), event_of(LLMCOST_EVENT_TOOL_ARGUMENTS, "1}"), custom, event_of(LLMCOST_EVENT_LOGPROBS, "[{\"token\":\"a\",\"logprob\":-0.5}]"), finish, extra, taken, second,
    };
    llmc_usage usage = usage_of(-1, -1, -1, -1, -1);
    llmcost_response response;
    begin(&response, answer_of(events, sizeof events / sizeof events[0], &usage));
    json_t *json = completion_of(&response);
    assert_text(json, "id", llmc_receipt_id(&response.receipt));
    assert_text(json, "choices.0.message.tool_calls.1.id", "c2");
    assert_text(json, "choices.0.message.tool_calls.1.type", "custom");
    assert_text(json, "choices.0.message.tool_calls.1.custom.name", "sql");
    assert_text(json, "choices.0.message.tool_calls.1.custom.input", "");
    assert_int_equal(json_object_size(at(json, "choices.0.message.tool_calls.1")), 3);
    assert_text(json, "model", "");
    assert_true(json_is_null(at(json, "usage")));
    assert_true(json_is_null(at(json, "choices.0.message.content")));
    assert_text(json, "choices.0.message.reasoning_content", "hm");
    assert_text(json, "choices.0.message.thinking_blocks.0.type", "thinking");
    assert_text(json, "choices.0.message.thinking_blocks.0.thinking", "hm");
    assert_text(json, "choices.0.message.thinking_blocks.0.signature", "c2ln");
    assert_text(json, "choices.0.message.thinking_blocks.1.type", "redacted_thinking");
    assert_text(json, "choices.0.message.thinking_blocks.1.data", "xyz");
    assert_text(json, "choices.0.message.tool_calls.0.id", "c1");
    assert_text(json, "choices.0.message.tool_calls.0.type", "function");
    assert_text(json, "choices.0.message.tool_calls.0.function.name", "f");
    assert_text(json, "choices.0.message.tool_calls.0.function.arguments", "{\"a\":1}");
    assert_text(json, "choices.0.logprobs.content.0.token", "a");
    assert_text(json, "choices.0.finish_reason", "length");
    assert_count(json, "choices.1.index", 1);
    assert_true(json_is_null(at(json, "choices.1.message.content")));
    assert_text(json, "choices.1.message.refusal", "I won't");
    assert_true(json_is_null(at(json, "choices.1.finish_reason")));
    assert_text(json, "citations.0", "https://a");
    json_decref(json);
    llmc_answer_unref(response.answer);
}

/* The counts are those of the leg that answered; of a cached answer those that it had. */
static void test_usage_of_the_answering_leg(void **state)
{
    (void)state;
    llmcost_event text = event_of(LLMCOST_EVENT_TEXT, "");
    llmc_usage usage = usage_of(10, -1, -1, 7, -1);
    llmc_line line = { .usage = usage_of(100, -1, -1, 0, -1) };
    llmcost_response response;
    begin(&response, answer_of(&text, 1, &usage));
    response.answered = &line;
    json_t *json = completion_of(&response);
    assert_count(json, "usage.prompt_tokens", 100);
    assert_count(json, "usage.completion_tokens", 0);
    assert_null(at(json, "usage.prompt_tokens_details.cache_write_tokens"));
    assert_text(json, "choices.0.message.content", "");
    json_decref(json);
    llmc_usage_init(&line.usage);
    json = completion_of(&response);
    assert_count(json, "usage.prompt_tokens", 10);
    assert_count(json, "usage.total_tokens", 17);
    json_decref(json);
    llmc_answer_unref(response.answer);
}

static void test_failures(void **state)
{
    (void)state;
    static const struct {
        llmcost_status status;
        const char *type;
    } rows[] = {
        { LLMCOST_E_AUTH, "authentication_error" }, { LLMCOST_E_PERMISSION, "permission_error" }, { LLMCOST_E_NOT_FOUND, "not_found_error" }, { LLMCOST_E_QUOTA, "insufficient_quota" },
        { LLMCOST_E_RATE_LIMITED, "rate_limit_error" }, { LLMCOST_E_INVALID, "invalid_request_error" }, { LLMCOST_E_BUDGET, "insufficient_quota" }, { LLMCOST_E_DEADLINE, "timeout_error" },
        { LLMCOST_E_NETWORK, "connection_error" }, { LLMCOST_E_OVERLOADED, "overloaded_error" }, { LLMCOST_E_SERVER, "server_error" }, { LLMCOST_E_UNKNOWN_MODEL, "invalid_request_error" },
        { LLMCOST_E_MEMORY, "server_error" }, { (llmcost_status)12345, "server_error" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        llmcost_response response;
        begin(&response, NULL);
        response.status = llmc_error_set(&response.error, rows[i].status, "what \"failed\"");
        json_t *json = completion_of(&response);
        assert_text(json, "error.message", "what \"failed\"");
        assert_text(json, "error.type", rows[i].type);
        assert_text(json, "error.code", llmcost_status_name(rows[i].status));
        assert_true(json_is_null(at(json, "error.param")));
        assert_true(json_is_object(at(json, "llmcost")));
        assert_int_equal(json_object_size(json), 2);
        json_decref(json);
        llmc_error_clear(&response.error);
    }
    llmcost_response response;
    begin(&response, NULL);
    response.status = LLMCOST_E_QUOTA; /* without a message, with the provider's code */
    llmc_error_set_text(&response.error, &response.error.code, "insufficient_quota", 18);
    json_t *json = completion_of(&response);
    assert_text(json, "error.message", llmcost_status_text(LLMCOST_E_QUOTA));
    assert_text(json, "error.code", "insufficient_quota");
    json_decref(json);
    llmc_error_clear(&response.error);
}

/* ---- chunks ---- */

typedef struct stream {
    counting_memory memory;
    llmc_chunks chunks;
} stream;

static void open_stream(stream *s)
{
    counting_memory_init(&s->memory);
    llmcost_response response;
    llmcost_request request = LLMCOST_REQUEST_INIT;
    request.model = "m-1";
    begin(&response, NULL);
    response.receipt.started_wall_ms = 1750000000999;
    llmc_chunks_init(&s->chunks, &s->memory.allocator, &response, &request);
    s->chunks.id = "chatcmpl-9"; /* the receipt's is as random */
}

static void close_stream(stream *s)
{
    llmc_chunks_free(&s->chunks);
    assert_int_equal(s->memory.blocks, 0);
}

static json_t *chunk_of(stream *s, llmcost_event event)
{
    llmc_chunks_attach(&s->chunks, &event);
    const char *text = llmcost_event_json(&event);
    if (!text)
        return NULL;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    assert_ptr_equal(llmcost_event_json(&event), text); /* asked again: the same, the role included */
    assert_text(json, "id", "chatcmpl-9");
    assert_text(json, "object", "chat.completion.chunk");
    assert_count(json, "created", 1750000000);
    assert_text(json, "model", "m-1");
    return json;
}

static void test_chunks(void **state)
{
    (void)state;
    stream s;
    open_stream(&s);
    json_t *json = chunk_of(&s, event_of(LLMCOST_EVENT_TEXT, "a\"b"));
    assert_text(json, "choices.0.delta.content", "a\"b");
    assert_text(json, "choices.0.delta.role", "assistant");
    assert_true(json_is_null(at(json, "choices.0.finish_reason")));
    json_decref(json);

    json = chunk_of(&s, event_of(LLMCOST_EVENT_TEXT, "c"));
    assert_null(at(json, "choices.0.delta.role"));
    assert_int_equal(json_object_size(at(json, "choices.0.delta")), 1);
    json_decref(json);

    llmcost_event other = event_of(LLMCOST_EVENT_REASONING, "hm");
    other.choice = 127;
    json = chunk_of(&s, other);
    assert_count(json, "choices.0.index", 127);
    assert_text(json, "choices.0.delta.role", "assistant");
    assert_text(json, "choices.0.delta.reasoning_content", "hm");
    json_decref(json);

    json = chunk_of(&s, event_of(LLMCOST_EVENT_REFUSAL, "no"));
    assert_text(json, "choices.0.delta.refusal", "no");
    json_decref(json);

    llmcost_event call = event_of(LLMCOST_EVENT_TOOL_CALL, "");
    call.tool_index = 2;
    call.tool_id = "c1";
    call.tool_name = "f";
    json = chunk_of(&s, call);
    assert_count(json, "choices.0.delta.tool_calls.0.index", 2);
    assert_text(json, "choices.0.delta.tool_calls.0.id", "c1");
    assert_text(json, "choices.0.delta.tool_calls.0.type", "function");
    assert_text(json, "choices.0.delta.tool_calls.0.function.name", "f");
    assert_text(json, "choices.0.delta.tool_calls.0.function.arguments", "");
    json_decref(json);

    llmcost_event arguments = event_of(LLMCOST_EVENT_TOOL_ARGUMENTS, "{\"a");
    arguments.tool_index = 2;
    json = chunk_of(&s, arguments);
    assert_count(json, "choices.0.delta.tool_calls.0.index", 2);
    assert_text(json, "choices.0.delta.tool_calls.0.function.arguments", "{\"a");
    assert_int_equal(json_object_size(at(json, "choices.0.delta.tool_calls.0")), 2);
    json_decref(json);

    call.is_custom = arguments.is_custom = true;
    json = chunk_of(&s, call);
    assert_text(json, "choices.0.delta.tool_calls.0.type", "custom");
    assert_text(json, "choices.0.delta.tool_calls.0.custom.name", "f");
    assert_text(json, "choices.0.delta.tool_calls.0.custom.input", "");
    assert_int_equal(json_object_size(at(json, "choices.0.delta.tool_calls.0")), 4);
    json_decref(json);
    json = chunk_of(&s, arguments);
    assert_text(json, "choices.0.delta.tool_calls.0.custom.input", "{\"a");
    assert_int_equal(json_object_size(at(json, "choices.0.delta.tool_calls.0")), 2);
    json_decref(json);

    llmcost_event thoughtful = event_of(LLMCOST_EVENT_FINISH, "[{\"index\":0,\"type\":\"redacted_thinking\",\"data\":\"x\"}]");
    thoughtful.finish = LLMCOST_FINISH_STOP;
    json = chunk_of(&s, thoughtful);
    assert_text(json, "choices.0.delta.thinking_blocks.0.data", "x");
    assert_text(json, "choices.0.finish_reason", "stop");
    json_decref(json);
    assert_string_equal(llmcost_event_text(&thoughtful, NULL), "");

    llmcost_event finish = event_of(LLMCOST_EVENT_FINISH, "");
    finish.finish = LLMCOST_FINISH_TOOL_CALLS;
    json = chunk_of(&s, finish);
    assert_int_equal(json_object_size(at(json, "choices.0.delta")), 0);
    assert_text(json, "choices.0.finish_reason", "tool_calls");
    json_decref(json);
    close_stream(&s);
}

static void test_usage_chunks(void **state)
{
    (void)state;
    stream s;
    open_stream(&s);
    llmc_usage usage = usage_of(3, 1, -1, 2, -1);
    llmcost_event event = event_of(LLMCOST_EVENT_USAGE, "");
    assert_null(chunk_of(&s, event));
    llmc_usage unknown = usage_of(-1, -1, -1, -1, -1);
    event.usage = &unknown;
    assert_null(chunk_of(&s, event));
    event.usage = &usage;
    json_t *json = chunk_of(&s, event);
    assert_int_equal(json_array_size(at(json, "choices")), 0);
    assert_count(json, "usage.prompt_tokens", 4);
    assert_count(json, "usage.total_tokens", 6);
    json_decref(json);
    s.chunks.usage = LLMC_USAGE_NEVER;
    assert_null(chunk_of(&s, event));
    close_stream(&s);
}

static void test_chunks_of_what_comes_beside_the_text(void **state)
{
    (void)state;
    stream s;
    open_stream(&s);
    llmcost_event logprobs = event_of(LLMCOST_EVENT_LOGPROBS, "[{\"token\":\"a\",\"logprob\":-0.5}]");
    json_t *json = chunk_of(&s, logprobs);
    assert_text(json, "choices.0.delta.role", "assistant");
    assert_text(json, "choices.0.logprobs.content.0.token", "a");
    assert_true(json_is_null(at(json, "choices.0.finish_reason")));
    json_decref(json);
    assert_string_equal(llmcost_event_text(&logprobs, NULL), "[{\"token\":\"a\",\"logprob\":-0.5}]");

    llmcost_event extra = event_of(LLMCOST_EVENT_EXTRA, "[\"https://a\"]");
    extra.tool_name = "cit\"ations";
    json = chunk_of(&s, extra);
    assert_text(json, "cit\"ations.0", "https://a");
    assert_int_equal(json_object_size(at(json, "choices.0.delta")), 0);
    json_decref(json);
    extra.tool_name = "usage"; /* ours */
    assert_null(chunk_of(&s, extra));
    assert_string_equal(llmcost_event_text(&extra, NULL), "");
    assert_string_equal(llmcost_event_tool_name(&extra), "");

    llmcost_event several = event_of(LLMCOST_EVENT_EXTRA, "{\"a\":1,\"mod\\u0065l\":2,\"b\":[]}");
    json = chunk_of(&s, several);
    assert_count(json, "a", 1);
    assert_int_equal(json_array_size(at(json, "b")), 0);
    json_decref(json);
    close_stream(&s);
}

static void test_names_of_chunks(void **state)
{
    (void)state;
    stream s;
    bool shown;
    open_stream(&s);
    llmcost_event meta = event_of(LLMC_EVENT_META, ""), text = event_of(LLMCOST_EVENT_TEXT, "x");
    meta.tool_name = "m-1-2025";
    assert_true(llmc_chunks_see(&s.chunks, &text, &shown) && shown);
    llmcost_event logprobs = event_of(LLMCOST_EVENT_LOGPROBS, "[]");
    assert_true(llmc_chunks_see(&s.chunks, &logprobs, &shown) && !shown); /* a policy's: the request asks for none */
    assert_true(llmc_chunks_see(&s.chunks, &meta, &shown) && !shown);
    assert_string_equal(s.chunks.id, "chatcmpl-9"); /* nobody gave another */
    assert_string_equal(s.chunks.model, "m-1-2025");
    meta = event_of(LLMC_EVENT_META, "msg_2");
    assert_true(llmc_chunks_see(&s.chunks, &meta, &shown) && !shown);
    assert_string_equal(s.chunks.id, "msg_2");
    assert_string_equal(s.chunks.model, "m-1-2025");
    s.memory.fail_at = s.memory.calls + 1;
    assert_false(llmc_chunks_see(&s.chunks, &meta, &shown));
    s.memory.fail_at = 0;
    json_t *json = json_loads(llmcost_event_json((llmc_chunks_attach(&s.chunks, &text), &text)), 0, NULL);
    assert_text(json, "id", "msg_2"); /* pieces of before are still told */
    json_decref(json);
    close_stream(&s);
}

static void test_chunks_of_other_events(void **state)
{
    (void)state;
    stream s;
    open_stream(&s);
    static const int kinds[] = { 0, -1, 11, LLMC_EVENT_META, LLMC_EVENT_SIGNATURE };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        assert_null(chunk_of(&s, event_of(kinds[i], "x")));
    llmcost_event far = event_of(LLMCOST_EVENT_TEXT, "x");
    far.choice = UINT32_MAX;
    json_t *json = chunk_of(&s, far);
    assert_count(json, "choices.0.index", UINT32_MAX);
    json_decref(json);
    close_stream(&s);
}

/* Its roles are told again. */
static void test_chunks_of_an_answer_that_begins_again(void **state)
{
    (void)state;
    stream s;
    open_stream(&s);
    for (int i = 0; i < 2; i++) {
        json_t *json = chunk_of(&s, event_of(LLMCOST_EVENT_TEXT, "x"));
        assert_string_equal(json_string_value(at(json, "choices.0.delta.role")), "assistant");
        json_decref(json);
        json = chunk_of(&s, event_of(LLMCOST_EVENT_RESTART_ANSWER, ""));
        assert_int_equal(json_array_size(at(json, "choices")), 0);
        assert_true(json_is_true(at(json, "llmcost.restart")));
        json_decref(json);
    }
    close_stream(&s);
}

static void test_chunks_without_memory(void **state)
{
    (void)state;
    stream s;
    open_stream(&s);
    s.memory.fail_all = 1;
    assert_null(chunk_of(&s, event_of(LLMCOST_EVENT_TEXT, "a")));
    s.memory.fail_all = 0;
    json_t *json = chunk_of(&s, event_of(LLMCOST_EVENT_TEXT, "b"));
    assert_text(json, "choices.0.delta.content", "b");
    json_decref(json);
    close_stream(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_answer), cmocka_unit_test(test_everything), cmocka_unit_test(test_usage_of_the_answering_leg), cmocka_unit_test(test_failures),
        cmocka_unit_test(test_chunks), cmocka_unit_test(test_usage_chunks), cmocka_unit_test(test_chunks_of_what_comes_beside_the_text), cmocka_unit_test(test_names_of_chunks), cmocka_unit_test(test_chunks_of_other_events), cmocka_unit_test(test_chunks_of_an_answer_that_begins_again), cmocka_unit_test(test_chunks_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
