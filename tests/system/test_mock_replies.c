/* The loopback provider through plain libcurl: both formats, every member of a rule, validation, scripts that are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <llmcost/mock.h>

#include "../support/http_call.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPENAI "/v1/chat/completions"
#define ANTHROPIC "/v1/messages"
#define HELLO "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":\"hello\"}]}"
#define HELLO_STREAM "{\"model\":\"gpt-4o-mini\",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}"
#define A_HELLO "{\"model\":\"claude\",\"max_tokens\":10,\"system\":\"Be brief.\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}"
#define A_HELLO_STREAM "{\"model\":\"claude\",\"max_tokens\":10,\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}"

static const char *const anthropic_headers[] = { "Content-Type: application/json", "anthropic-version: 2023-06-01", NULL };

static llmcost_mock *start(const char *script)
{
    llmcost_mock *mock = NULL;
    llmcost_error *error = NULL;
    llmcost_mock_options options = LLMCOST_MOCK_OPTIONS_INIT;
    options.error = &error;
    if (llmcost_mock_start(&mock, script, &options) != LLMCOST_OK)
        fail_msg("%s", llmcost_error_message(error));
    return mock;
}

static http_reply ask(llmcost_mock *mock, const char *path, const char *body)
{
    http_reply reply = http_call(NULL, llmcost_mock_url(mock), path, body, strcmp(path, ANTHROPIC) == 0 ? anthropic_headers : NULL);
    assert_int_equal(reply.result, CURLE_OK);
    return reply;
}

static json_t *ask_json(llmcost_mock *mock, const char *path, const char *body, long status)
{
    http_reply reply = ask(mock, path, body);
    if (reply.status != status)
        fail_msg("status %ld instead of %ld: %s", reply.status, status, reply.body);
    json_t *root = json_loads(reply.body, JSON_ALLOW_NUL, NULL);
    assert_non_null(root);
    http_reply_free(&reply);
    return root;
}

/* A member by a path such as "choices.0.message.content". */
static json_t *at(json_t *root, const char *path)
{
    char part[64];
    while (*path && root) {
        size_t bytes = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)bytes, path);
        root = json_is_array(root) ? json_array_get(root, strtoul(part, NULL, 10)) : json_object_get(root, part);
        path += bytes + (path[bytes] == '.');
    }
    return root;
}

static void assert_text(json_t *root, const char *path, const char *wanted)
{
    json_t *found = at(root, path);
    if (!json_is_string(found))
        fail_msg("%s is no text", path);
    assert_string_equal(json_string_value(found), wanted);
}

static void assert_number(json_t *root, const char *path, json_int_t wanted)
{
    json_t *found = at(root, path);
    if (!json_is_integer(found))
        fail_msg("%s is no number", path);
    assert_int_equal(json_integer_value(found), wanted);
}

/* The data of the events of a stream as an array; [DONE] and event names are kept as texts "[DONE]" and "event: x". */
static json_t *events_of(const char *body)
{
    json_t *events = json_array();
    while (*body) {
        size_t bytes = strcspn(body, "\n");
        char *line = strndup(body, bytes);
        assert_non_null(line);
        if (strncmp(line, "data: {", 7) == 0) {
            json_t *data = json_loads(line + 6, 0, NULL);
            if (!data)
                fail_msg("no JSON: %s", line);
            json_array_append_new(events, data);
        } else if (*line) {
            json_array_append_new(events, json_string(strncmp(line, "data: ", 6) == 0 ? line + 6 : line));
        }
        free(line);
        body += bytes + (body[bytes] == '\n');
    }
    return events;
}

static json_t *ask_events(llmcost_mock *mock, const char *path, const char *body)
{
    http_reply reply = ask(mock, path, body);
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.head, "Content-Type: text/event-stream"));
    assert_non_null(strstr(reply.head, "Transfer-Encoding: chunked"));
    json_t *events = events_of(reply.body);
    http_reply_free(&reply);
    return events;
}

/* All texts at one path of the events, one after the other. */
static void assert_joined(json_t *events, const char *path, const char *wanted)
{
    char joined[2000] = "";
    size_t index;
    json_t *event;
    json_array_foreach(events, index, event) {
        const char *piece = json_is_object(event) ? json_string_value(at(event, path)) : NULL;
        if (piece)
            strncat(joined, piece, sizeof joined - strlen(joined) - 1);
    }
    assert_string_equal(joined, wanted);
}

static void echoes_without_a_script(void **state)
{
    (void)state;
    llmcost_mock *mock = start(NULL);
    json_t *answer = ask_json(mock, OPENAI, HELLO, 200);
    assert_text(answer, "choices.0.message.content", "hello");
    assert_text(answer, "choices.0.message.role", "assistant");
    assert_text(answer, "choices.0.finish_reason", "stop");
    assert_text(answer, "model", "gpt-4o-mini");
    assert_text(answer, "object", "chat.completion");
    assert_number(answer, "usage.prompt_tokens", 4); /* 14 bytes */
    assert_number(answer, "usage.completion_tokens", 2);
    assert_number(answer, "usage.total_tokens", 6);
    json_decref(answer);
    answer = ask_json(mock, ANTHROPIC, A_HELLO, 200);
    assert_text(answer, "content.0.text", "hello");
    assert_text(answer, "stop_reason", "end_turn");
    assert_number(answer, "usage.input_tokens", 4);
    assert_number(answer, "usage.output_tokens", 2);
    json_decref(answer);
    answer = ask_json(mock, OPENAI, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\\u0000b\"},{\"type\":\"text\",\"text\":\"\xc3\xa9\"}]}]}", 200);
    assert_number(answer, "usage.prompt_tokens", 2);
    json_decref(answer);
    llmcost_mock_stop(mock);
}

static void openai_streams(void **state)
{
    (void)state;
    llmcost_mock *mock = start("{\"default\":{\"chunk_bytes\":2,\"reply\":{\"text\":\"caf\xc3\xa9 \\\"x\\\"\",\"usage\":{\"prompt\":9,\"completion\":7,\"cached\":4}}}}");
    json_t *events = ask_events(mock, OPENAI, HELLO_STREAM);
    size_t count = json_array_size(events);
    assert_joined(events, "choices.0.delta.content", "caf\xc3\xa9 \"x\"");
    assert_text(events, "0.choices.0.delta.role", "assistant");
    assert_true(json_is_null(at(events, "0.usage")));
    char path[60];
    snprintf(path, sizeof path, "%zu", count - 1);
    assert_text(events, path, "[DONE]");
    json_t *usage = json_array_get(events, count - 2);
    assert_int_equal(json_array_size(at(usage, "choices")), 0);
    assert_number(usage, "usage.prompt_tokens", 9);
    assert_number(usage, "usage.prompt_tokens_details.cached_tokens", 4);
    assert_text(json_array_get(events, count - 3), "choices.0.finish_reason", "stop");
    assert_int_equal(count, 1 + 4 + 3);
    json_decref(events);
    events = ask_events(mock, OPENAI, "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
    size_t index;
    json_t *event;
    json_array_foreach(events, index, event)
        assert_null(json_object_get(event, "usage")); /* not asked for */
    json_decref(events);
    llmcost_mock_stop(mock);
}

static void anthropic_streams(void **state)
{
    (void)state;
    llmcost_mock *mock = start("{\"default\":{\"chunks\":3,\"reply\":{\"reasoning\":\"hmm\",\"text\":\"fine\",\"tool_calls\":[{\"id\":\"t1\",\"name\":\"f\",\"arguments\":{\"a\":1}},{\"name\":\"g\"}],"
                               "\"usage\":{\"prompt\":100,\"completion\":50,\"cached\":20,\"cache_write\":10,\"write_1h\":5,\"reasoning\":8}}}}");
    json_t *events = ask_events(mock, ANTHROPIC, A_HELLO_STREAM);
    static const char *const sequence[] = {
        "message_start", "content_block_start", "ping", "content_block_delta", "content_block_delta", "content_block_delta", "content_block_delta", "content_block_stop",
        "content_block_start", "content_block_delta", "content_block_delta", "content_block_delta", "content_block_stop", "content_block_start", "content_block_delta",
        "content_block_delta", "content_block_delta", "content_block_stop", "content_block_start", "content_block_stop", "message_delta", "message_stop",
    };
    assert_int_equal(json_array_size(events), 2 * sizeof sequence / sizeof sequence[0]);
    for (size_t i = 0; i < sizeof sequence / sizeof sequence[0]; i++) {
        char named[60];
        snprintf(named, sizeof named, "event: %s", sequence[i]);
        assert_string_equal(json_string_value(json_array_get(events, 2 * i)), named);
        assert_text(json_array_get(events, 2 * i + 1), "type", sequence[i]);
    }
    assert_joined(events, "delta.thinking", "hmm");
    assert_joined(events, "delta.text", "fine");
    assert_joined(events, "delta.partial_json", "{\"a\":1}");
    assert_joined(events, "delta.signature", "c2lnbmVk");
    assert_number(events, "1.message.usage.input_tokens", 65);
    assert_number(events, "1.message.usage.cache_read_input_tokens", 20);
    assert_number(events, "1.message.usage.cache_creation_input_tokens", 15);
    assert_number(events, "1.message.usage.cache_creation.ephemeral_1h_input_tokens", 5);
    assert_number(events, "1.message.usage.output_tokens", 1);
    assert_number(events, "41.usage.output_tokens", 50);
    assert_number(events, "41.usage.output_tokens_details.thinking_tokens", 8);
    assert_text(events, "41.delta.stop_reason", "tool_use");
    json_decref(events);
    json_t *answer = ask_json(mock, ANTHROPIC, A_HELLO, 200);
    assert_text(answer, "content.0.thinking", "hmm");
    assert_text(answer, "content.1.text", "fine");
    assert_number(answer, "content.2.input.a", 1);
    assert_text(answer, "content.3.id", "toolu_mock_1");
    assert_int_equal(json_object_size(at(answer, "content.3.input")), 0);
    json_decref(answer);
    llmcost_mock_stop(mock);
}

static void openai_tools_and_reasoning(void **state)
{
    (void)state;
    llmcost_mock *mock = start("{\"default\":{\"reply\":{\"reasoning\":\"why\",\"tool_calls\":[{\"id\":\"c1\",\"name\":\"f\",\"arguments\":\"{\\\"city\\\":\\\"Oslo\\\"}\"},{\"name\":\"g\"}]}}}");
    json_t *answer = ask_json(mock, OPENAI, HELLO, 200);
    assert_true(json_is_null(at(answer, "choices.0.message.content")));
    assert_text(answer, "choices.0.message.reasoning_content", "why");
    assert_text(answer, "choices.0.message.tool_calls.0.function.arguments", "{\"city\":\"Oslo\"}");
    assert_text(answer, "choices.0.message.tool_calls.0.type", "function");
    assert_text(answer, "choices.0.message.tool_calls.1.id", "call_mock_1");
    assert_text(answer, "choices.0.finish_reason", "tool_calls");
    json_decref(answer);
    json_t *events = ask_events(mock, OPENAI, HELLO_STREAM);
    assert_joined(events, "choices.0.delta.tool_calls.0.id", "c1call_mock_1");
    assert_joined(events, "choices.0.delta.tool_calls.0.function.arguments", "{\"city\":\"Oslo\"}{}");
    assert_joined(events, "choices.0.delta.reasoning_content", "why");
    json_decref(events);
    llmcost_mock_stop(mock);
}

static void choices_logprobs_and_refusal(void **state)
{
    (void)state;
    llmcost_mock *mock = start("{\"rules\":[{\"match\":{\"contains\":\"two\"},\"reply\":{\"choices\":[{\"text\":\"one\",\"finish\":\"length\"},{\"refusal\":\"no\"}]}}],"
                               "\"default\":{\"reply\":{\"text\":\"abcd\",\"logprobs\":[-0.5,-1,-0.25],\"usage\":{\"prompt\":1,\"completion\":3}}}}");
    json_t *answer = ask_json(mock, OPENAI, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"two\"}]}", 200);
    assert_int_equal(json_array_size(at(answer, "choices")), 2);
    assert_text(answer, "choices.0.finish_reason", "length");
    assert_text(answer, "choices.1.message.refusal", "no");
    assert_number(answer, "choices.1.index", 1);
    json_decref(answer);
    answer = ask_json(mock, ANTHROPIC, "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"two\"}]}", 200);
    assert_text(answer, "stop_reason", "max_tokens");
    json_decref(answer);
    answer = ask_json(mock, OPENAI, "{\"model\":\"m\",\"n\":3,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", 200);
    assert_int_equal(json_array_size(at(answer, "choices")), 3);
    assert_text(answer, "choices.2.message.content", "abcd");
    assert_true(json_is_null(at(answer, "choices.0.logprobs")));
    json_decref(answer);
    answer = ask_json(mock, OPENAI, "{\"model\":\"m\",\"logprobs\":true,\"top_logprobs\":1,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", 200);
    assert_int_equal(json_array_size(at(answer, "choices.0.logprobs.content")), 3);
    assert_true(json_real_value(at(answer, "choices.0.logprobs.content.2.logprob")) == -0.25);
    assert_int_equal(json_array_size(at(answer, "choices.0.logprobs.content.0.top_logprobs")), 1);
    json_decref(answer);
    json_t *events = ask_events(mock, OPENAI, "{\"model\":\"m\",\"stream\":true,\"n\":2,\"logprobs\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
    assert_joined(events, "choices.0.delta.content", "abcdabcd");
    assert_joined(events, "choices.0.logprobs.content.0.token", "abcdabcd");
    assert_number(events, "6.choices.0.index", 1);
    json_decref(events);
    llmcost_mock_stop(mock);
}

static void escapes_may_be_cut_inside_a_character(void **state)
{
    (void)state;
    llmcost_mock *mock = start("{\"default\":{\"split_utf8\":true,\"reply\":{\"text\":\"a\xf0\x9f\x98\x80z\"}}}");
    http_reply reply = ask(mock, OPENAI, HELLO_STREAM);
    assert_non_null(strstr(reply.body, "{\"content\":\"a\\ud83d\"}"));
    assert_non_null(strstr(reply.body, "{\"content\":\"\\ude00z\"}"));
    http_reply_free(&reply);
    llmcost_mock_stop(mock);
}

static void an_exact_number_of_chunks(void **state)
{
    (void)state;
    llmcost_mock *mock = start("{\"default\":{\"chunks\":64,\"reply\":{\"text\":\"short \xe2\x82\xac\"}}}");
    json_t *events = ask_events(mock, OPENAI, HELLO_STREAM);
    assert_int_equal(json_array_size(events), 1 + 64 + 3);
    assert_joined(events, "choices.0.delta.content", "short \xe2\x82\xac");
    json_decref(events);
    llmcost_mock_stop(mock);
}

static void assert_answer(llmcost_mock *mock, const char *body, const char *wanted)
{
    json_t *answer = ask_json(mock, OPENAI, body, 200);
    assert_text(answer, "choices.0.message.content", wanted);
    json_decref(answer);
}

static void rules_match_in_order(void **state)
{
    (void)state;
    llmcost_mock *mock = start("{\"rules\":["
                               "{\"match\":{\"path\":\"/special*\"},\"reply\":{\"text\":\"path\"}},"
                               "{\"match\":{\"model\":\"gpt-5*\",\"stream\":false},\"reply\":{\"text\":\"model\"}},"
                               "{\"match\":{\"contains\":\"needle\",\"system_contains\":\"hay\"},\"reply\":{\"text\":\"both\"}},"
                               "{\"match\":{\"contains\":\"needle\"},\"after\":1,\"times\":2,\"reply\":{\"text\":\"counted\"}},"
                               "{\"match\":{\"header\":{\"name\":\"x-who\",\"equals\":\"me\"}},\"reply\":{\"text\":\"header\",\"model\":\"other\",\"headers\":{\"X-Extra\":\"1\"}}}],"
                               "\"default\":{\"reply\":{\"text\":\"default\"}}}");
    http_reply reply = ask(mock, "/special/chat/completions", HELLO);
    assert_non_null(strstr(reply.body, "\"content\":\"path\""));
    http_reply_free(&reply);
    assert_answer(mock, "{\"model\":\"gpt-5-nano\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "model");
    assert_answer(mock, "{\"model\":\"m\",\"messages\":[{\"role\":\"developer\",\"content\":\"hay\"},{\"role\":\"user\",\"content\":\"a needle\"}]}", "both");
    const char *needle = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"needle\"},{\"role\":\"assistant\",\"content\":\"needle\"},{\"role\":\"user\",\"content\":\"the needle\"}]}";
    static const char *const turns[] = { "default", "counted", "counted", "default" };
    for (size_t i = 0; i < 4; i++)
        assert_answer(mock, needle, turns[i]);
    assert_answer(mock, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"needle\"},{\"role\":\"user\",\"content\":\"no\"}]}", "default");
    static const char *const who[] = { "Content-Type: application/json", "X-Who: me", NULL };
    reply = http_call(NULL, llmcost_mock_url(mock), OPENAI, HELLO, who);
    assert_non_null(strstr(reply.body, "\"content\":\"header\""));
    assert_non_null(strstr(reply.body, "\"model\":\"other\""));
    assert_non_null(strstr(reply.head, "X-Extra: 1\r\n"));
    http_reply_free(&reply);
    llmcost_mock_stop(mock);
}

static void raw_replies_on_any_path(void **state)
{
    (void)state;
    llmcost_mock *mock = start("{\"rules\":[{\"match\":{\"path\":\"/user/balance\"},\"reply\":{\"raw\":{\"status\":201,\"content_type\":\"text/plain\",\"body\":\"42\"}}},"
                               "{\"match\":{\"contains\":\"sse\"},\"chunk_bytes\":3,\"reply\":{\"raw\":{\"content_type\":\"text/event-stream\",\"body\":\"data: {\\\"a\\\":1}\\n\\n\"}}}]}");
    http_reply reply = ask(mock, "/user/balance", NULL);
    assert_int_equal(reply.status, 201);
    assert_string_equal(reply.body, "42");
    assert_non_null(strstr(reply.head, "Content-Type: text/plain\r\nContent-Length: 2\r\n"));
    http_reply_free(&reply);
    reply = ask(mock, OPENAI, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"sse\"}]}");
    assert_string_equal(reply.body, "data: {\"a\":1}\n\n");
    assert_non_null(strstr(reply.head, "chunked"));
    http_reply_free(&reply);
    reply = ask(mock, "/elsewhere", NULL);
    assert_int_equal(reply.status, 404);
    http_reply_free(&reply);
    llmcost_mock_stop(mock);
}

static void lists_models(void **state)
{
    (void)state;
    llmcost_mock *mock = start("{\"models\":[\"a\",\"b\"]}");
    json_t *list = ask_json(mock, "/v1/models", NULL, 200);
    assert_text(list, "data.1.id", "b");
    assert_text(list, "object", "list");
    json_decref(list);
    http_reply reply = http_call(NULL, llmcost_mock_url(mock), "/v1/models", NULL, anthropic_headers);
    list = json_loads(reply.body, 0, NULL);
    assert_text(list, "data.0.id", "a");
    assert_text(list, "last_id", "b");
    json_decref(list);
    http_reply_free(&reply);
    llmcost_mock_stop(mock);
    mock = start("{\"models\":[],\"rules\":[{\"match\":{\"path\":\"*/models\"},\"times\":1,\"fault\":{\"status\":500}}]}");
    json_decref(ask_json(mock, "/v1/models", NULL, 500));
    list = ask_json(mock, "/v1/models", NULL, 200);
    assert_int_equal(json_array_size(at(list, "data")), 0);
    json_decref(list);
    llmcost_mock_stop(mock);
}

#define BAD_MESSAGES(messages) "{\"model\":\"m\",\"messages\":" messages "}"
#define WITH(more) "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]," more "}"

static void openai_requests_are_validated(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "{", "[]", "null", "{}", "\xff", "{\"model\":\"m\"}", "{\"model\":\"\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "{\"model\":1,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
        BAD_MESSAGES("[]"), BAD_MESSAGES("{}"), BAD_MESSAGES("[1]"), BAD_MESSAGES("[{\"role\":\"king\",\"content\":\"x\"}]"), BAD_MESSAGES("[{\"role\":\"user\"}]"),
        BAD_MESSAGES("[{\"role\":\"user\",\"content\":null}]"), BAD_MESSAGES("[{\"role\":\"user\",\"content\":[]}]"), BAD_MESSAGES("[{\"role\":\"user\",\"content\":[{\"type\":\"smell\"}]}]"),
        BAD_MESSAGES("[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]"), BAD_MESSAGES("[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":\"u\"}]}]"),
        BAD_MESSAGES("[{\"role\":\"assistant\"}]"), BAD_MESSAGES("[{\"role\":\"assistant\",\"tool_calls\":[]}]"),
        BAD_MESSAGES("[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":{}}}]}]"),
        BAD_MESSAGES("[{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"x\"}]"), BAD_MESSAGES("[{\"role\":\"tool\",\"content\":\"x\"}]"),
        /* calls of which one is not answered, or too late */
        BAD_MESSAGES("[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"x\"}]"),
        BAD_MESSAGES("[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"x\"},{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"tool\",\"tool_call_id\":\"b\",\"content\":\"x\"}]"),
        WITH("\"temperature\":3"), WITH("\"temperature\":\"1\""), WITH("\"top_p\":1.5"), WITH("\"n\":0"), WITH("\"n\":1.5"), WITH("\"max_tokens\":0"), WITH("\"max_tokens\":1,\"max_completion_tokens\":1"),
        WITH("\"stream\":1"), WITH("\"stream_options\":{}"), WITH("\"stop\":[1,2,3,4,5]"), WITH("\"stop\":5"), WITH("\"top_logprobs\":1"), WITH("\"tools\":[]"), WITH("\"tools\":[{\"type\":\"function\"}]"),
        WITH("\"tool_choice\":\"auto\""), WITH("\"parallel_tool_calls\":true"), WITH("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"tool_choice\":\"any\""),
        WITH("\"response_format\":{\"type\":\"xml\"}"), WITH("\"response_format\":{\"type\":\"json_schema\"}"),
    };
    llmcost_mock *mock = start(NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *answer = ask_json(mock, OPENAI, bad[i], 400);
        assert_text(answer, "error.type", "invalid_request_error");
        assert_true(json_string_length(at(answer, "error.message")) > 0);
        json_decref(answer);
    }
    static const char *const good[] = {
        BAD_MESSAGES("[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"x\"}]"),
        BAD_MESSAGES("[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"b\",\"content\":\"x\"},{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"x\"}]"),
        BAD_MESSAGES("[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:x\"}}]}]"),
        WITH("\"temperature\":0,\"top_p\":1,\"stop\":\"x\",\"seed\":-4,\"thinking\":{\"type\":\"enabled\"},\"max_completion_tokens\":5"),
        WITH("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{}}}],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}},\"parallel_tool_calls\":false"),
        WITH("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"a\",\"schema\":{}}}"),
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        json_decref(ask_json(mock, OPENAI, good[i], 200));
    static const char *const no_type[] = { "Content-Type: text/plain", NULL };
    http_reply reply = http_call(NULL, llmcost_mock_url(mock), OPENAI, HELLO, no_type);
    assert_int_equal(reply.status, 400);
    http_reply_free(&reply);
    llmcost_mock_stop(mock);
}

#define A_WITH(more) "{\"model\":\"m\",\"max_tokens\":2000,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]," more "}"
#define A_MESSAGES(messages) "{\"model\":\"m\",\"max_tokens\":1,\"messages\":" messages "}"

static void anthropic_requests_are_validated(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{", "{}", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "{\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "{\"model\":\"m\",\"max_tokens\":-1,\"messages\":[]}",
        "{\"model\":\"m\",\"max_tokens\":1}", A_MESSAGES("[]"), A_MESSAGES("[{\"role\":\"system\",\"content\":\"x\"}]"), A_MESSAGES("[{\"role\":\"assistant\",\"content\":\"x\"}]"),
        A_MESSAGES("[{\"role\":\"user\",\"content\":\"\"}]"), A_MESSAGES("[{\"role\":\"user\",\"content\":[]}]"), A_MESSAGES("[{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}]"),
        A_MESSAGES("[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"\"}]}]"), A_MESSAGES("[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\"}}]}]"),
        A_MESSAGES("[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":\"{}\"}]}]"),
        A_MESSAGES("[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"a\",\"content\":\"x\"}]}]"),
        A_MESSAGES("[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":{}}]},{\"role\":\"user\",\"content\":\"x\"}]"),
        A_MESSAGES("[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"x\"}]}]"),
        A_WITH("\"n\":1"), A_WITH("\"seed\":1"), A_WITH("\"temperature\":1.5"), A_WITH("\"stream\":\"yes\""), A_WITH("\"stop_sequences\":\"x\""), A_WITH("\"system\":5"), A_WITH("\"tools\":[{\"name\":\"f\"}]"),
        A_WITH("\"tool_choice\":{\"type\":\"auto\"}"), A_WITH("\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}],\"tool_choice\":{\"type\":\"required\"}"),
        A_WITH("\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}],\"tool_choice\":{\"type\":\"tool\"}"), A_WITH("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":100}"),
        A_WITH("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}"), A_WITH("\"thinking\":{\"type\":\"hard\"}"),
    };
    llmcost_mock *mock = start(NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *answer = ask_json(mock, ANTHROPIC, bad[i], 400);
        assert_text(answer, "type", "error");
        assert_text(answer, "error.type", "invalid_request_error");
        json_decref(answer);
    }
    static const char *const good[] = {
        A_MESSAGES("[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"h\",\"signature\":\"s\"},{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":{}}]},"
                   "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"a\",\"content\":[{\"type\":\"text\",\"text\":\"4\"}]},{\"type\":\"text\",\"text\":\"go\"}]}]"),
        A_WITH("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024},\"stop_sequences\":[\"x\"],\"system\":[{\"type\":\"text\",\"text\":\"s\"}]"),
        A_WITH("\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}],\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\"}"),
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        json_decref(ask_json(mock, ANTHROPIC, good[i], 200));
    http_reply reply = http_call(NULL, llmcost_mock_url(mock), ANTHROPIC, A_HELLO, NULL);
    assert_int_equal(reply.status, 400); /* no anthropic-version */
    http_reply_free(&reply);
    llmcost_mock_stop(mock);
}

static void keys_are_required(void **state)
{
    (void)state;
    static const char *const bearer[] = { "Content-Type: application/json", "Authorization: Bearer sk-1", NULL };
    static const char *const wrong[] = { "Content-Type: application/json", "Authorization: Bearer sk-2", NULL };
    static const char *const x_key[] = { "Content-Type: application/json", "anthropic-version: 1", "x-api-key: sk-1", NULL };
    const struct { const char *path, *body; const char *const *headers; long status; } cases[] = {
        { OPENAI, HELLO, bearer, 200 }, { OPENAI, HELLO, wrong, 401 }, { OPENAI, HELLO, NULL, 401 }, { OPENAI, HELLO, x_key, 401 },
        { ANTHROPIC, A_HELLO, x_key, 200 }, { ANTHROPIC, A_HELLO, anthropic_headers, 401 }, { "/v1/models", NULL, wrong, 401 }, { "/v1/models", NULL, x_key, 200 },
    };
    llmcost_mock *mock = start("{\"require_key\":\"sk-1\",\"models\":[]}");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        http_reply reply = http_call(NULL, llmcost_mock_url(mock), cases[i].path, cases[i].body, cases[i].headers);
        assert_int_equal(reply.status, cases[i].status);
        http_reply_free(&reply);
    }
    llmcost_mock_stop(mock);
}

/* With "validate": false and a fixed reply the body is skimmed only. */
static void the_fast_path_answers_the_same(void **state)
{
    (void)state;
    llmcost_mock *mock = start("{\"validate\":false,\"rules\":[{\"match\":{\"model\":\"echo\"}}],\"default\":{\"reply\":{\"text\":\"fixed\",\"usage\":{\"prompt\":5,\"completion\":6}}}}");
    for (int i = 0; i < 3; i++) {
        json_t *answer = ask_json(mock, OPENAI, " {\"messages\" : [{\"role\":\"user\",\"content\":\"a \\\\\\\" ] } b\"}], \"model\" : \"m1\" } ", 200);
        assert_text(answer, "choices.0.message.content", "fixed");
        assert_text(answer, "model", "m1");
        json_decref(answer);
        answer = ask_json(mock, ANTHROPIC, "{\"model\":\"m2\"}", 200);
        assert_text(answer, "model", "m2");
        json_decref(answer);
        json_t *events = ask_events(mock, OPENAI, HELLO_STREAM);
        assert_joined(events, "choices.0.delta.content", "fixed");
        assert_number(events, "3.usage.completion_tokens", 6);
        json_decref(events);
    }
    assert_answer(mock, "{\"model\":\"echo\",\"messages\":[{\"role\":\"user\",\"content\":\"again\"}]}", "again");
    json_t *answer = ask_json(mock, OPENAI, "{\"model\":\"m\",\"n\":2,\"messages\":[]}", 200);
    assert_int_equal(json_array_size(at(answer, "choices")), 2);
    json_decref(answer);
    static const char *const broken[] = { "", "{", "[", "{\"model", "{\"model\":", "{\"model\":\"m\"", "{\"model\":\"m\" x", "{\"model\":\"m\\", "{\"a\":{\"b\":[}" };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        json_decref(ask_json(mock, OPENAI, broken[i], 400));
    for (int i = 0; i < 20; i++) { /* more models than a rule keeps wires of */
        char body[100], model[20];
        snprintf(model, sizeof model, "model-%d", i);
        snprintf(body, sizeof body, "{\"model\":\"%s\",\"messages\":[]}", model);
        answer = ask_json(mock, OPENAI, body, 200);
        assert_text(answer, "model", model);
        json_decref(answer);
    }
    llmcost_mock_stop(mock);
}

static void scripts_are_replaced(void **state)
{
    (void)state;
    llmcost_mock *mock = start("{\"default\":{\"reply\":{\"text\":\"old\"}}}");
    assert_answer(mock, HELLO, "old");
    assert_int_equal(llmcost_mock_script(mock, "{\"default\":{\"reply\":{\"text\":\"lost\"}}}", NULL), LLMCOST_OK);
    assert_int_equal(llmcost_mock_script(mock, "{\"default\":{\"reply\":{\"text\":\"new\"}}}", NULL), LLMCOST_OK);
    assert_answer(mock, HELLO, "new");
    llmcost_error *error = NULL;
    assert_int_equal(llmcost_mock_script(mock, "{", &error), LLMCOST_E_CONFIG);
    assert_non_null(error);
    llmcost_error_free(error);
    assert_answer(mock, HELLO, "new");
    json_decref(ask_json(mock, "/mock/script", "{\"default\":{\"reply\":{\"text\":\"posted\"}}}", 200));
    assert_answer(mock, HELLO, "posted");
    json_t *refused = ask_json(mock, "/mock/script", "{\"defualt\":{}}", 400);
    assert_non_null(strstr(json_string_value(at(refused, "error.message")), "did you mean \"default\"?"));
    json_decref(refused);
    assert_answer(mock, HELLO, "posted");
    llmcost_mock_stop(mock);
}

static void wrong_scripts_say_why(void **state)
{
    (void)state;
    static const struct { const char *script, *words; } cases[] = {
        { "{\n\"rules\": [\n}", "line 3" },
        { "[]", "not an object" },
        { "{\"rules\":{}}", "\"rules\" must be an array" },
        { "{\"rule\":[]}", "did you mean \"rules\"?" },
        { "{\"xyzzyxyzzy\":[]}", "is no known key" },
        { "{\"rules\":[5]}", "rules[0]" },
        { "{\"rules\":[{},{\"replay\":{}}]}", "rules[1]: \"replay\" is no known key; did you mean \"reply\"?" },
        { "{\"rules\":[{\"match\":{\"modell\":\"x\"}}]}", "rules[0].match: \"modell\"" },
        { "{\"rules\":[{\"match\":{\"stream\":1}}]}", "must be true or false" },
        { "{\"rules\":[{\"match\":{\"header\":{\"name\":\"x\"}}}]}", "needs \"name\" and \"equals\"" },
        { "{\"default\":{\"times\":-1}}", "default: \"times\" must be a number from 0 up" },
        { "{\"default\":{\"reply\":{\"text\":5}}}", "default.reply: \"text\" must be a string" },
        { "{\"default\":{\"reply\":{\"usage\":\"some\"}}}", "\"usage\"" },
        { "{\"default\":{\"reply\":{\"usage\":{\"promt\":1}}}}", "did you mean \"prompt\"?" },
        { "{\"default\":{\"reply\":{\"tool_calls\":[{}]}}}", "needs objects with a \"name\"" },
        { "{\"default\":{\"reply\":{\"tool_calls\":[{\"name\":\"f\",\"id\":1}]}}}", "tool_calls[].id" },
        { "{\"default\":{\"reply\":{\"logprobs\":[\"x\"]}}}", "array of numbers" },
        { "{\"default\":{\"reply\":{\"choices\":[{\"txt\":\"\"}]}}}", "did you mean \"text\"?" },
        { "{\"default\":{\"reply\":{\"headers\":{\"A\":\"b\\r\\nC: d\"}}}}", "without control characters" },
        { "{\"default\":{\"reply\":{\"raw\":{\"status\":99}}}}", "from 100 to 999" },
        { "{\"default\":{\"reply\":{\"raw\":{\"content_type\":\"a\\nb\"}}}}", "control characters" },
        { "{\"default\":{\"fault\":{\"status\":42}}}", "default.fault: \"status\"" },
        { "{\"default\":{\"fault\":{\"redirect\":\"a\\r\\nb\"}}}", "control characters" },
        { "{\"default\":{\"fault\":{\"error_in_stream\":{\"aftr\":1}}}}", "did you mean \"after\"?" },
        { "{\"default\":{\"fault\":{\"drip_ms\":99999999999999999}}}", "must be a number" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        llmcost_mock *mock = (llmcost_mock *)&mock;
        llmcost_error *error = NULL;
        llmcost_mock_options options = LLMCOST_MOCK_OPTIONS_INIT;
        options.error = &error;
        assert_int_equal(llmcost_mock_start(&mock, cases[i].script, &options), LLMCOST_E_CONFIG);
        assert_null(mock);
        assert_non_null(error);
        assert_int_equal(llmcost_error_status(error), LLMCOST_E_CONFIG);
        if (!strstr(llmcost_error_message(error), cases[i].words))
            fail_msg("\"%s\" lacks \"%s\"", llmcost_error_message(error), cases[i].words);
        llmcost_error_free(error);
        assert_int_equal(llmcost_mock_start(&mock, cases[i].script, NULL), LLMCOST_E_CONFIG);
    }
}

static int compute(llmcost_mock_exchange *exchange, void *user)
{
    size_t bytes;
    const char *question = llmcost_mock_exchange_user(exchange, &bytes);
    ++*(int *)user;
    assert_int_equal(bytes, strlen(question));
    if (strstr(question, "script"))
        return 0;
    if (strstr(question, "rule")) {
        assert_int_equal(llmcost_mock_exchange_rule(exchange, "{\"nope\":1}"), LLMCOST_E_CONFIG);
        assert_int_equal(llmcost_mock_exchange_rule(exchange, "{\"reply\":{\"text\":\"first\"}}"), LLMCOST_OK);
        assert_int_equal(llmcost_mock_exchange_rule(exchange, "{\"fault\":{\"status\":503}}"), LLMCOST_OK);
        return 1;
    }
    assert_int_equal(llmcost_mock_exchange_text(exchange, "\xff", 1), LLMCOST_E_MISUSE);
    char answer[200];
    snprintf(answer, sizeof answer, "%s/%s/%s", llmcost_mock_exchange_model(exchange), llmcost_mock_exchange_system(exchange, NULL), question);
    assert_int_equal(llmcost_mock_exchange_text(exchange, answer, 0), LLMCOST_OK);
    llmcost_mock_exchange_usage(exchange, 11, 12, 3);
    llmcost_mock_exchange_delay(exchange, 1, -5);
    const char *body = llmcost_mock_exchange_body(exchange, &bytes);
    assert_non_null(memmem(body, bytes, "\"messages\"", 10));
    return 1;
}

static void the_host_computes_answers(void **state)
{
    (void)state;
    llmcost_mock *mock = NULL;
    int calls = 0;
    llmcost_mock_options options;
    llmcost_mock_options_init(&options, sizeof options);
    options.on_request = compute;
    options.on_request_user = &calls;
    assert_int_equal(llmcost_mock_start(&mock, "{\"validate\":false,\"default\":{\"reply\":{\"text\":\"script's\"}}}", &options), LLMCOST_OK);
    json_t *answer = ask_json(mock, OPENAI, HELLO, 200);
    assert_text(answer, "choices.0.message.content", "gpt-4o-mini/Be brief./hello");
    assert_number(answer, "usage.prompt_tokens", 11);
    assert_number(answer, "usage.prompt_tokens_details.cached_tokens", 3);
    json_decref(answer);
    answer = ask_json(mock, ANTHROPIC, A_HELLO, 200);
    assert_text(answer, "content.0.text", "claude/Be brief./hello");
    assert_number(answer, "usage.input_tokens", 8);
    json_decref(answer);
    assert_answer(mock, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"the script\"}]}", "script's");
    json_decref(ask_json(mock, OPENAI, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a rule\"}]}", 503));
    llmcost_mock_stop(mock);
    assert_int_equal(calls, 4);
}

static void requests_are_recorded(void **state)
{
    (void)state;
    llmcost_mock *mock = NULL;
    llmcost_mock_options options = LLMCOST_MOCK_OPTIONS_INIT;
    options.record_requests = 2;
    assert_int_equal(llmcost_mock_start(&mock, NULL, &options), LLMCOST_OK);
    for (int i = 0; i < 3; i++) {
        http_reply reply = ask(mock, i == 1 ? "/v1/models?x=1" : OPENAI, i == 1 ? NULL : HELLO);
        http_reply_free(&reply);
    }
    size_t bytes;
    assert_int_equal(llmcost_mock_request_count(mock), 3);
    assert_null(llmcost_mock_request_body(mock, 0, &bytes));
    assert_int_equal(bytes, 0);
    assert_string_equal(llmcost_mock_request_body(mock, 1, &bytes), "");
    assert_string_equal(llmcost_mock_request_header(mock, 1, ":path"), "/v1/models?x=1");
    assert_string_equal(llmcost_mock_request_header(mock, 1, ":method"), "GET");
    assert_string_equal(llmcost_mock_request_body(mock, 2, &bytes), HELLO);
    assert_int_equal(bytes, strlen(HELLO));
    assert_string_equal(llmcost_mock_request_header(mock, 2, "content-TYPE"), "application/json");
    assert_null(llmcost_mock_request_header(mock, 2, "x-none"));
    assert_null(llmcost_mock_request_header(mock, 2, ":nonsense"));
    assert_null(llmcost_mock_request_body(mock, 3, NULL));
    assert_null(llmcost_mock_request_body(mock, UINT64_MAX, NULL));
    llmcost_mock_stop(mock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echoes_without_a_script),
        cmocka_unit_test(openai_streams),
        cmocka_unit_test(anthropic_streams),
        cmocka_unit_test(openai_tools_and_reasoning),
        cmocka_unit_test(choices_logprobs_and_refusal),
        cmocka_unit_test(escapes_may_be_cut_inside_a_character),
        cmocka_unit_test(an_exact_number_of_chunks),
        cmocka_unit_test(rules_match_in_order),
        cmocka_unit_test(raw_replies_on_any_path),
        cmocka_unit_test(lists_models),
        cmocka_unit_test(openai_requests_are_validated),
        cmocka_unit_test(anthropic_requests_are_validated),
        cmocka_unit_test(keys_are_required),
        cmocka_unit_test(the_fast_path_answers_the_same),
        cmocka_unit_test(scripts_are_replaced),
        cmocka_unit_test(wrong_scripts_say_why),
        cmocka_unit_test(the_host_computes_answers),
        cmocka_unit_test(requests_are_recorded),
    };
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failures;
}
