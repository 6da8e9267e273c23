/* Dialogues with the loopback provider in both wire formats: what a healthy call gives, in each way to make one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/live.h"

#include <llmcost/plugin.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const models[] = { OPENAI_MODEL, ANTHROPIC_MODEL };
#define FOR_EACH_WAY(dialect, way) for (size_t dialect = 0; dialect < 2; dialect++) for (live_way way = BLOCKING; way < LIVE_WAYS; way++)

static const char *last_request(live *all)
{
    const char *body = llmcost_mock_request_body(all->mock, llmcost_mock_request_count(all->mock) - 1, NULL);
    assert_non_null(body);
    return body;
}

static void assert_sent(live *all, const char *piece)
{
    if (!strstr(last_request(all), piece))
        fail_msg("not sent: %s in %s", piece, last_request(all));
}

static json_t *parsed(const char *text)
{
    json_error_t error;
    json_t *value = text ? json_loads(text, 0, &error) : NULL;
    if (!value)
        fail_msg("no JSON: %s", text ? text : "(null)");
    return value;
}

/* ---- text ---- */

static void text_and_usage(void **state)
{
    (void)state;
    live all;
    live_result result;
    live_open(&all, "{\"default\":{\"reply\":{\"text\":\"Gr\xc3\xbc\xc3\x9f Gott \xf0\x9f\x8c\x8d, \\\"quoted\\\"\\n\",\"usage\":{\"prompt\":1000,\"cached\":400,\"completion\":50}},\"chunk_bytes\":3}}", NULL, NULL);
    FOR_EACH_WAY(dialect, way)
    {
        live_ask(&all, way, models[dialect], "hello", &result);
        assert_int_equal(result.status, LLMCOST_OK);
        assert_string_equal(llmcost_response_text(result.response), "Gr\xc3\xbc\xc3\x9f Gott \xf0\x9f\x8c\x8d, \"quoted\"\n");
        assert_int_equal(llmcost_response_finish(result.response, 0), LLMCOST_FINISH_STOP);
        assert_int_equal(llmcost_response_tokens(result.response, LLMCOST_INPUT), 600);
        assert_int_equal(llmcost_response_tokens(result.response, LLMCOST_INPUT_CACHED), 400);
        assert_int_equal(llmcost_response_tokens(result.response, LLMCOST_OUTPUT), 50);
        /* gpt-4o-mini: 0.15, 0.075 and 0.60 a million; claude-sonnet-4-5: 3, 0.30 and 15. */
        assert_int_equal(llmcost_response_cost_nano(result.response), dialect ? 600 * 3000 + 400 * 300 + 50 * 15000 : 600 * 150 + 400 * 75 + 50 * 600);
        assert_string_equal(llmcost_response_provider(result.response), dialect ? "anthropic" : "openai");
        assert_int_equal(llmcost_response_choice_count(result.response), 1);
        assert_true(!live_way_streams(way) || result.kinds[LLMCOST_EVENT_TEXT] > 3);
        assert_true(!live_way_streams(way) || (result.kinds[LLMCOST_EVENT_FINISH] == 1 && result.kinds[LLMCOST_EVENT_USAGE] == 1));
        assert_sent(&all, "\"hello\"");
        assert_true((strstr(last_request(&all), "\"stream\":true") != NULL) == live_way_streams(way));
        live_result_free(&result);
    }
    uint64_t last = llmcost_mock_request_count(all.mock) - 1;
    assert_string_equal(llmcost_mock_request_header(all.mock, last, "x-api-key"), ANTHROPIC_KEY);
    assert_null(llmcost_mock_request_header(all.mock, last, "authorization"));
    assert_string_equal(llmcost_mock_request_header(all.mock, 0, "authorization"), "Bearer " OPENAI_KEY);
    live_close(&all);
}

static void large_texts(void **state)
{
    (void)state;
    enum { ASKED = 200000 };
    live all;
    live_result result;
    live_open(&all, NULL, NULL, NULL); /* echoes */
    char *question = malloc(ASKED + 1);
    assert_non_null(question);
    for (size_t i = 0; i < ASKED; i++)
        question[i] = (char)('a' + i % 26);
    question[ASKED] = '\0';
    FOR_EACH_WAY(dialect, way)
    {
        llmcost_message message = live_user(question);
        llmcost_request request = live_request(models[dialect], &message);
        if (live_way_streams(way))
            question[60000] = '\0'; /* what the test keeps of a stream */
        live_run(&all, way, &request, &result);
        assert_int_equal(result.status, LLMCOST_OK);
        assert_int_equal(llmcost_response_text_bytes(result.response), strlen(question));
        assert_string_equal(llmcost_response_text(result.response), question);
        question[60000] = (char)('a' + 60000 % 26);
        live_result_free(&result);
    }
    free(question);
    live_close(&all);
}

/* ---- tools: begun on OpenAI, continued on Anthropic, and back ---- */

static const char *const tool_script =
    "{\"rules\":[{\"match\":{\"contains\":\"weather\"},\"reply\":{\"text\":\"Let me look.\",\"tool_calls\":["
    "{\"id\":\"call_a\",\"name\":\"weather\",\"arguments\":{\"city\":\"K\xc3\xb6ln\"}},{\"id\":\"call_b\",\"name\":\"weather\",\"arguments\":{\"city\":\"Bonn\"}}]},\"chunk_bytes\":5}],"
    "\"default\":{\"reply\":{\"text\":\"Rain in both.\"}}}";

static void check_tool_calls(const live_result *result, live_way way)
{
    assert_int_equal(result->status, LLMCOST_OK);
    assert_int_equal(llmcost_response_finish(result->response, 0), LLMCOST_FINISH_TOOL_CALLS);
    assert_string_equal(llmcost_response_text(result->response), "Let me look.");
    assert_int_equal(llmcost_response_tool_call_count(result->response, 0), 2);
    static const char *const cities[] = { "K\xc3\xb6ln", "Bonn" };
    for (uint32_t i = 0; i < 2; i++) {
        const llmcost_tool_call *call = llmcost_response_tool_call(result->response, 0, i);
        assert_string_equal(call->id, i ? "call_b" : "call_a");
        assert_string_equal(call->name, "weather");
        json_t *arguments = parsed(call->arguments);
        assert_string_equal(json_string_value(json_object_get(arguments, "city")), cities[i]);
        json_decref(arguments);
    }
    assert_null(llmcost_response_tool_call(result->response, 0, 2));
    assert_true(!live_way_streams(way) || result->kinds[LLMCOST_EVENT_TOOL_CALL] == 2);
}

static void tools_across_providers(void **state)
{
    (void)state;
    live all;
    live_result first, second;
    live_open(&all, tool_script, NULL, NULL);
    static const llmcost_tool tool = { .name = "weather", .description = "The weather of a city",
                                       .parameters = "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"]}" };
    FOR_EACH_WAY(dialect, way)
    {
        llmcost_message messages[4] = { live_user("What is the weather?") };
        llmcost_request request = live_request(models[dialect], messages);
        request.tools = &tool;
        request.tool_count = 1;
        live_run(&all, way, &request, &first);
        check_tool_calls(&first, way);
        messages[1] = *llmcost_response_message(first.response, 0);
        messages[2] = (llmcost_message){ .role = LLMCOST_TOOL, .tool_call_id = "call_a", .text = "{\"sky\":\"rain\"}" };
        messages[3] = (llmcost_message){ .role = LLMCOST_TOOL, .tool_call_id = "call_b", .text = "no idea", .is_error = 1 };
        request.message_count = 4;
        request.model = models[1 - dialect];
        live_script(&all, "{\"default\":{\"reply\":{\"text\":\"Rain in both.\"}}}");
        live_run(&all, way, &request, &second);
        assert_int_equal(second.status, LLMCOST_OK);
        assert_string_equal(llmcost_response_text(second.response), "Rain in both.");
        assert_sent(&all, "K\xc3\xb6ln");
        assert_sent(&all, dialect ? "\"tool_call_id\":\"call_a\"" : "\"tool_use_id\":\"call_a\"");
        assert_sent(&all, dialect ? "\"role\":\"tool\"" : "\"type\":\"tool_result\"");
        live_script(&all, tool_script);
        live_result_free(&first);
        live_result_free(&second);
    }
    live_close(&all);
}

/* ---- reasoning, formats, choices ---- */

static void reasoning_is_apart(void **state)
{
    (void)state;
    live all;
    live_result result;
    live_open(&all, "{\"default\":{\"reply\":{\"text\":\"42\",\"reasoning\":\"Six times seven.\",\"usage\":{\"prompt\":10,\"completion\":30,\"reasoning\":20}},\"chunk_bytes\":4}}", NULL, NULL);
    FOR_EACH_WAY(dialect, way)
    {
        live_ask(&all, way, models[dialect], "hello", &result);
        assert_int_equal(result.status, LLMCOST_OK);
        assert_string_equal(llmcost_response_text(result.response), "42");
        assert_string_equal(llmcost_response_reasoning(result.response, 0, NULL), "Six times seven.");
        assert_true(!live_way_streams(way) || strcmp(result.reasoning, "Six times seven.") == 0);
        int64_t output = llmcost_response_tokens(result.response, LLMCOST_OUTPUT), reasoning = llmcost_response_tokens(result.response, LLMCOST_REASONING);
        assert_int_equal(output + (reasoning > 0 ? reasoning : 0), 30);
        live_result_free(&result);
    }
    live_close(&all);
}

static void json_schema_is_asked_for(void **state)
{
    (void)state;
    live all;
    live_result result;
    live_open(&all, "{\"default\":{\"reply\":{\"text\":\"{\\\"n\\\": 7}\"}}}", NULL, NULL);
    FOR_EACH_WAY(dialect, way)
    {
        llmcost_message message = live_user("a number, please");
        llmcost_request request = live_request(models[dialect], &message);
        request.format = LLMCOST_FORMAT_JSON_SCHEMA;
        request.format_schema = "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}},\"required\":[\"n\"],\"additionalProperties\":false}";
        live_run(&all, way, &request, &result);
        if (result.status)
            fail_msg("%s: %s", models[dialect], llmcost_error_message(llmcost_response_error(result.response)));
        assert_string_equal(llmcost_response_text(result.response), "{\"n\": 7}");
        assert_sent(&all, "\"additionalProperties\":false");
        live_result_free(&result);
    }
    live_close(&all);
}

/* OpenAI's description of a schema stands in no provider's way. */
static void a_described_schema_of_a_body(void **state)
{
    (void)state;
    live all;
    live_open(&all, "{\"default\":{\"reply\":{\"text\":\"{\\\"n\\\": 7}\"}}}", NULL, NULL);
    for (int format = 0; format < LIVE_FORMATS; format++) {
        char body[600];
        llmcost_response *response = NULL;
        snprintf(body, sizeof body, "{\"model\":\"%s\",\"max_tokens\":50,\"messages\":[{\"role\":\"user\",\"content\":\"a number, please\"}],\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
                 "{\"name\":\"number\",\"description\":\"A lucky number.\",\"schema\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}},\"required\":[\"n\"],\"additionalProperties\":false}}}}", live_models[format]);
        if (llmcost_chat_json(all.client, body, 0, &response))
            fail_msg("%s: %s", live_models[format], llmcost_error_message(llmcost_response_error(response)));
        assert_string_equal(llmcost_response_text(response), "{\"n\": 7}");
        assert_sent(&all, "A lucky number.");
        assert_null(strstr(last_request(&all), "\"number\",\"description\""));
        llmcost_response_free(response);
    }
    live_close(&all);
}

static void several_choices_and_logprobs(void **state)
{
    (void)state;
    live all;
    live_result result;
    live_open(&all, "{\"default\":{\"reply\":{\"choices\":[{\"text\":\"one\",\"logprobs\":[-0.5]},{\"text\":\"two\"},{\"text\":\"three\"}]}}}", NULL, NULL);
    FOR_EACH_WAY(dialect, way)
    {
        llmcost_message message = live_user("three of them");
        llmcost_request request = live_request(models[dialect], &message);
        request.n = 3;
        request.logprobs = 1;
        uint64_t before = llmcost_mock_request_count(all.mock);
        live_run(&all, way, &request, &result);
        if (dialect == 1) { /* has neither; nothing is dropped silently */
            assert_int_equal(result.status, LLMCOST_E_UNSUPPORTED);
            assert_int_equal(llmcost_mock_request_count(all.mock), before);
            assert_int_equal(llmcost_response_cost_nano(result.response), 0);
        } else if (!live_way_streams(way)) {
            assert_int_equal(result.status, LLMCOST_OK);
            assert_int_equal(llmcost_response_choice_count(result.response), 3);
            assert_string_equal(llmcost_response_choice_text(result.response, 2, NULL), "three");
            assert_non_null(strstr(llmcost_response_logprobs(result.response, 0), "-0.5"));
        }
        live_result_free(&result);
    }
    live_close(&all);
}

/* Pieces of several choices come mixed; each belongs to one. */
static int take_choice(const llmcost_event *event, void *user)
{
    char(*texts)[16] = user;
    if (llmcost_event_get_kind(event) == LLMCOST_EVENT_TEXT && llmcost_event_choice(event) < 3)
        strncat(texts[llmcost_event_choice(event)], llmcost_event_text(event, NULL), 8);
    return 0;
}

static void several_choices_streamed(void **state)
{
    (void)state;
    live all;
    live_open(&all, "{\"default\":{\"reply\":{\"choices\":[{\"text\":\"one\"},{\"text\":\"two\"},{\"text\":\"three\"}]},\"chunk_bytes\":2}}", NULL, NULL);
    char texts[3][16] = { "", "", "" };
    llmcost_message message = live_user("three of them");
    llmcost_request request = live_request(OPENAI_MODEL, &message);
    request.n = 3;
    llmcost_response *response = NULL;
    assert_int_equal(llmcost_chat_stream(all.client, &request, take_choice, texts, &response), LLMCOST_OK);
    assert_string_equal(texts[0], "one");
    assert_string_equal(texts[1], "two");
    assert_string_equal(texts[2], "three");
    assert_string_equal(llmcost_response_choice_text(response, 1, NULL), "two");
    llmcost_response_free(response);
    live_close(&all);
}

static void models_are_listed(void **state)
{
    (void)state;
    live all;
    live_open(&all, "{\"models\":[\"gpt-4o\",\"gpt-4o-mini\",\"m3\"]}", NULL, NULL);
    static const char *const providers[] = { "openai", "anthropic" };
    for (size_t i = 0; i < 2; i++) {
        llmcost_response *response = NULL;
        assert_int_equal(llmcost_list_models(all.client, providers[i], &response), LLMCOST_OK);
        assert_int_equal(llmcost_response_model_count(response), 3);
        assert_string_equal(llmcost_response_model(response, 2), "m3");
        assert_null(llmcost_response_model(response, 3));
        assert_int_equal(llmcost_response_cost_nano(response), 0);
        assert_no_secret_in(response);
        llmcost_response_free(response);
    }
    live_close(&all);
}

/* ---- the wire shape that everybody knows ---- */

static void bodies_in_and_out(void **state)
{
    (void)state;
    live all;
    live_open(&all, tool_script, NULL, NULL);
    for (size_t dialect = 0; dialect < 2; dialect++) {
        char body[600];
        llmcost_response *response = NULL;
        snprintf(body, sizeof body,
                 "{\"model\":\"%s\",\"max_tokens\":50,\"messages\":[{\"role\":\"system\",\"content\":\"Be kind.\"},{\"role\":\"user\",\"content\":\"weather?\"}],"
                 "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"parameters\":{\"type\":\"object\"}}}]}", models[dialect]);
        assert_int_equal(llmcost_chat_json(all.client, body, 0, &response), LLMCOST_OK);
        json_t *answer = parsed(llmcost_response_json(response));
        json_t *message = json_object_get(json_array_get(json_object_get(answer, "choices"), 0), "message");
        assert_string_equal(json_string_value(json_object_get(answer, "object")), "chat.completion");
        assert_int_equal(json_array_size(json_object_get(message, "tool_calls")), 2);
        assert_non_null(json_object_get(answer, "llmcost"));
        assert_sent(&all, "Be kind.");
        assert_no_secret_in(response);
        json_decref(answer);
        llmcost_response_free(response);
    }
    live_close(&all);
}

static void bodies_streamed(void **state)
{
    (void)state;
    live all;
    live_open(&all, "{\"default\":{\"reply\":{\"text\":\"0123456789\"},\"chunk_bytes\":3}}", NULL, NULL);
    for (size_t dialect = 0; dialect < 2; dialect++) {
        char body[400], text[64] = "";
        const llmcost_event *event;
        llmcost_stream *stream = NULL;
        llmcost_status status;
        int usages = 0;
        snprintf(body, sizeof body, "{\"model\":\"%s\",\"max_tokens\":50,\"stream\":true,\"stream_options\":{\"include_usage\":true},\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}", models[dialect]);
        assert_int_equal(llmcost_stream_open_json(all.client, body, 0, &stream), LLMCOST_OK);
        while ((status = llmcost_stream_next(stream, &event)) == LLMCOST_OK && event) {
            const char *chunk = llmcost_event_json(event);
            if (!chunk)
                continue;
            json_t *value = parsed(chunk), *delta = json_object_get(json_array_get(json_object_get(value, "choices"), 0), "delta");
            const char *piece = json_string_value(json_object_get(delta, "content"));
            strncat(text, piece ? piece : "", 20);
            usages += json_is_object(json_object_get(value, "usage"));
            json_decref(value);
        }
        assert_int_equal(status, LLMCOST_OK);
        assert_string_equal(text, "0123456789");
        assert_int_equal(usages, 1);
        llmcost_stream_close(stream);
    }
    live_close(&all);
}

/* What a stream's deltas come to goes back as it is, and the provider gets its signature; from the cache, too. */
static void thinking_goes_back_from_a_stream(void **state)
{
    (void)state;
    static const char *const thinkers[] = { ANTHROPIC_MODEL, "bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0" };
    live all;
    live_open(&all, "{\"default\":{\"reply\":{\"reasoning\":\"Hm, \\\"so\\\".\",\"text\":\"42\"},\"chunk_bytes\":3}}", NULL, "\"cache\":{\"memory\":{},\"sampled\":true}");
    for (int i = 0; i < 4; i++) {
        char body[900], whole[400] = "";
        const llmcost_event *event;
        llmcost_stream *stream = NULL;
        llmcost_response *response = NULL;
        llmcost_status status;
        json_t *blocks = NULL;
        snprintf(body, sizeof body, "{\"model\":\"%s\",\"max_tokens\":4000,\"reasoning_effort\":\"low\",\"messages\":[{\"role\":\"user\",\"content\":\"ask\"}]}", thinkers[i / 2]);
        assert_int_equal(llmcost_stream_open_json(all.client, body, 0, &stream), LLMCOST_OK);
        while ((status = llmcost_stream_next(stream, &event)) == LLMCOST_OK && event) {
            json_t *chunk = llmcost_event_json(event) ? parsed(llmcost_event_json(event)) : NULL;
            json_t *choice = json_array_get(json_object_get(chunk, "choices"), 0), *said = json_object_get(json_object_get(choice, "delta"), "thinking_blocks");
            assert_true(!said || (!blocks && json_is_string(json_object_get(choice, "finish_reason"))));
            blocks = said ? json_deep_copy(said) : blocks;
            json_decref(chunk);
        }
        assert_int_equal(status, LLMCOST_OK);
        assert_int_equal(llmcost_stream_finish(stream, &response), LLMCOST_OK);
        assert_int_equal(llmcost_response_from_cache(response), i % 2);
        llmcost_stream_close(stream);
        json_t *answer = parsed(llmcost_response_json(response)), *block = json_array_get(blocks, 0);
        json_t *at_once = json_object_get(json_object_get(json_array_get(json_object_get(answer, "choices"), 0), "message"), "thinking_blocks");
        assert_int_equal(json_array_size(blocks), 1);
        assert_string_equal(json_string_value(json_object_get(block, "thinking")), "Hm, \"so\".");
        assert_int_equal(json_integer_value(json_object_get(block, "index")), 0);
        char *text = json_dumps(blocks, JSON_COMPACT);
        snprintf(whole, sizeof whole, "%s", text);
        free(text);
        json_object_del(block, "index");
        assert_true(json_equal(blocks, at_once));
        json_decref(blocks);
        json_decref(answer);
        llmcost_response_free(response);
        snprintf(body, sizeof body, "{\"model\":\"%s\",\"max_tokens\":4000,\"messages\":[{\"role\":\"user\",\"content\":\"ask\"},{\"role\":\"assistant\",\"content\":\"42\",\"reasoning_content\":\"Hm, \\\"so\\\".\",\"thinking_blocks\":%s},"
                 "{\"role\":\"user\",\"content\":\"again %d\"}]}", thinkers[i / 2], whole, i);
        assert_int_equal(llmcost_chat_json(all.client, body, 0, &response), LLMCOST_OK);
        assert_sent(&all, "\"signature\":\"c2lnbmVk\"");
        llmcost_response_free(response);
    }
    live_close(&all);
}

/* A conversation with a custom tool: its call comes as OpenAI writes it, goes back so, and comes from the cache so. */
#define CUSTOM_TOOLS "\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"sql\",\"description\":\"d\"}}]"
static const char *const custom_call = "{\"id\":\"c1\",\"type\":\"custom\",\"custom\":{\"name\":\"sql\",\"input\":\"SELECT 1\"}}";
static const char custom_script[] =
    "{\"rules\":[{\"match\":{\"stream\":true},\"reply\":{\"raw\":{\"content_type\":\"text/event-stream\",\"body\":\""
    "data: {\\\"id\\\":\\\"i\\\",\\\"model\\\":\\\"m\\\",\\\"choices\\\":[{\\\"index\\\":0,\\\"delta\\\":{\\\"tool_calls\\\":[{\\\"index\\\":0,\\\"id\\\":\\\"c1\\\",\\\"type\\\":\\\"custom\\\",\\\"custom\\\":{\\\"name\\\":\\\"sql\\\",\\\"input\\\":\\\"\\\"}}]}}]}\\n\\n"
    "data: {\\\"choices\\\":[{\\\"index\\\":0,\\\"delta\\\":{\\\"tool_calls\\\":[{\\\"index\\\":0,\\\"custom\\\":{\\\"input\\\":\\\"SELECT 1\\\"}}]},\\\"finish_reason\\\":\\\"tool_calls\\\"}]}\\n\\n"
    "data: [DONE]\\n\\n\"}}},"
    "{\"match\":{},\"reply\":{\"raw\":{\"content_type\":\"application/json\",\"body\":\"{\\\"id\\\":\\\"i\\\",\\\"model\\\":\\\"m\\\",\\\"choices\\\":[{\\\"index\\\":0,\\\"message\\\":{\\\"role\\\":\\\"assistant\\\",\\\"content\\\":null,"
    "\\\"tool_calls\\\":[{\\\"id\\\":\\\"c1\\\",\\\"type\\\":\\\"custom\\\",\\\"custom\\\":{\\\"name\\\":\\\"sql\\\",\\\"input\\\":\\\"SELECT 1\\\"}}]},\\\"finish_reason\\\":\\\"tool_calls\\\"}]}\"}}}]}";

static void custom_tools(void **state)
{
    (void)state;
    live all;
    llmcost_response *response = NULL;
    live_open(&all, custom_script, NULL, "\"cache\":{\"memory\":{},\"sampled\":true}");
    for (int cached = 0; cached < 2; cached++) {
        assert_int_equal(llmcost_chat_json(all.client, "{\"model\":\"" OPENAI_MODEL "\",\"messages\":[{\"role\":\"user\",\"content\":\"count\"}]," CUSTOM_TOOLS "}", 0, &response), LLMCOST_OK);
        assert_int_equal(llmcost_response_from_cache(response), cached);
        assert_int_equal(llmcost_response_tool_call(response, 0, 0)->is_custom, 1);
        json_t *answer = parsed(llmcost_response_json(response));
        json_t *calls = json_object_get(json_object_get(json_array_get(json_object_get(answer, "choices"), 0), "message"), "tool_calls"), *wanted = json_pack("[o]", parsed(custom_call));
        assert_true(json_equal(calls, wanted));
        json_decref(wanted);
        json_decref(answer);
        llmcost_response_free(response);
        assert_sent(&all, CUSTOM_TOOLS);
    }
    char body[600], text[64] = "";
    snprintf(body, sizeof body, "{\"model\":\"%s\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"count\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[%s]},"
             "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"1\"}]," CUSTOM_TOOLS "}", OPENAI_MODEL, custom_call);
    for (int cached = 0; cached < 2; cached++) {
        const llmcost_event *event;
        llmcost_stream *stream = NULL;
        llmcost_status status;
        int named = 0;
        *text = '\0';
        assert_int_equal(llmcost_stream_open_json(all.client, body, 0, &stream), LLMCOST_OK);
        while ((status = llmcost_stream_next(stream, &event)) == LLMCOST_OK && event) {
            if (!llmcost_event_json(event))
                continue;
            json_t *value = parsed(llmcost_event_json(event)), *delta = json_object_get(json_array_get(json_object_get(value, "choices"), 0), "delta");
            json_t *call = json_array_get(json_object_get(delta, "tool_calls"), 0), *custom = json_object_get(call, "custom");
            const char *type = json_string_value(json_object_get(call, "type")), *input = json_string_value(json_object_get(custom, "input"));
            assert_null(json_object_get(call, "function"));
            named += type && strcmp(type, "custom") == 0 && strcmp(json_string_value(json_object_get(custom, "name")), "sql") == 0;
            strncat(text, input ? input : "", 20);
            json_decref(value);
        }
        assert_int_equal(status, LLMCOST_OK);
        assert_int_equal(named, 1);
        assert_string_equal(text, "SELECT 1");
        assert_int_equal(llmcost_stream_finish(stream, &response), LLMCOST_OK);
        assert_int_equal(llmcost_response_from_cache(response), cached);
        llmcost_response_free(response);
        llmcost_stream_close(stream);
        assert_sent(&all, custom_call);
    }
    uint64_t sent = llmcost_mock_request_count(all.mock);
    assert_int_equal(sent, 2);
    assert_int_equal(llmcost_chat_json(all.client, "{\"model\":\"" ANTHROPIC_MODEL "\",\"messages\":[{\"role\":\"user\",\"content\":\"count\"}]," CUSTOM_TOOLS "}", 0, &response), LLMCOST_E_UNSUPPORTED);
    assert_non_null(strstr(llmcost_error_message(llmcost_response_error(response)), "custom tools"));
    llmcost_response_free(response);
    assert_int_equal(llmcost_mock_request_count(all.mock), sent);
    live_close(&all);
}

/* OpenRouter's failure inside a choice: in its words, of its kind, and what was counted beside it is billed. */
#define UPSTREAM_OUT "\\\"error\\\":{\\\"code\\\":503,\\\"message\\\":\\\"the upstream is out\\\",\\\"metadata\\\":{\\\"provider_name\\\":\\\"P\\\"}},\\\"finish_reason\\\":\\\"error\\\""
#define COUNTED "\\\"usage\\\":{\\\"prompt_tokens\\\":1000,\\\"completion_tokens\\\":50}"
static void a_failure_inside_a_choice(void **state)
{
    (void)state;
    static const char script[] =
        "{\"rules\":[{\"match\":{\"stream\":true},\"reply\":{\"raw\":{\"content_type\":\"text/event-stream\",\"body\":\""
        "data: {\\\"id\\\":\\\"i\\\",\\\"model\\\":\\\"m\\\",\\\"choices\\\":[{\\\"index\\\":0,\\\"delta\\\":{}," UPSTREAM_OUT "}]," COUNTED "}\\n\\ndata: [DONE]\\n\\n\"}}},"
        "{\"match\":{},\"reply\":{\"raw\":{\"content_type\":\"application/json\",\"body\":\"{\\\"id\\\":\\\"i\\\",\\\"model\\\":\\\"m\\\",\\\"choices\\\":[{\\\"message\\\":{\\\"content\\\":\\\"\\\"}," UPSTREAM_OUT "}]," COUNTED "}\"}}}]}";
    live all;
    live_open(&all, script, NULL, NULL);
    for (live_way way = BLOCKING; way < LIVE_WAYS; way++) {
        live_result result;
        live_ask(&all, way, OPENAI_MODEL, "hello", &result);
        const llmcost_error *error = llmcost_response_error(result.response);
        assert_int_equal(result.status, LLMCOST_E_OVERLOADED);
        assert_string_equal(llmcost_error_provider_message(error), "the upstream is out");
        assert_non_null(strstr(llmcost_error_message(error), "the upstream is out"));
        assert_string_equal(llmcost_error_code(error), "503");
        assert_int_equal(llmcost_response_cost_nano(result.response), 1000 * 150 + 50 * 600);
        assert_int_equal(result.kinds[LLMCOST_EVENT_FINISH], 0);
        live_result_free(&result);
    }
    live_close(&all);
}

/* ---- leaving early ---- */

/* Takes half a minute: nobody is so slow that it is over before he leaves. */
static const char *long_story(void)
{
    static char script[5000] = "";
    int head = snprintf(script, sizeof script, "{\"default\":{\"chunk_bytes\":4,\"chunk_delay_ms\":30,\"reply\":{\"text\":\"");
    memset(script + head, 'x', 4000);
    strcpy(script + head + 4000, "\"}}}");
    return script;
}

static int stop_at_once(const llmcost_event *event, void *user)
{
    (void)event;
    ++*(int *)user;
    return 1;
}

static void wait_for(uint64_t (*count)(const llmcost_mock *), llmcost_mock *mock, uint64_t wanted)
{
    for (int i = 0; i < 6000 && count(mock) != wanted; i++)
        usleep(5000);
    assert_int_equal(count(mock), wanted);
}

static void a_caller_may_leave(void **state)
{
    (void)state;
    for (size_t dialect = 0; dialect < 2; dialect++) {
        live all;
        int seen = 0;
        llmcost_stream *stream = NULL;
        llmcost_response *response = NULL;
        const llmcost_event *event;
        live_open(&all, long_story(), NULL, NULL);
        llmcost_message message = live_user("hello");
        llmcost_request request = live_request(models[dialect], &message);
        assert_int_equal(llmcost_chat_stream(all.client, &request, stop_at_once, &seen, &response), LLMCOST_E_CANCELLED);
        assert_int_equal(seen, 1);
        assert_true(llmcost_response_cost_nano(response) > 0); /* what came is billed */
        assert_no_secret_in(response);
        llmcost_response_free(response);
        assert_int_equal(llmcost_stream_open(all.client, &request, &stream), LLMCOST_OK);
        assert_int_equal(llmcost_stream_next(stream, &event), LLMCOST_OK);
        assert_non_null(event);
        llmcost_stream_close(stream);
        assert_int_equal(atomic_load(&all.receipts), 2);
        wait_for(llmcost_mock_abandoned_count, all.mock, 2); /* the provider learns of it */
        live_close(&all);
    }
}

/* By then at the latest, and nothing is held any more. */
static void expect_spent(llmcost_client *client, int64_t cost, double within_seconds)
{
    char *text = NULL, wanted[60];
    double until = seconds_now() + within_seconds;
    snprintf(wanted, sizeof wanted, "\"spent_nano\":%lld,\"held_nano\":0", (long long)cost);
    assert_int_equal(llmcost_budgets(client, &text), LLMCOST_OK);
    while (!strstr(text, wanted) && seconds_now() < until) {
        usleep(5000);
        llmcost_string_free(text);
        assert_int_equal(llmcost_budgets(client, &text), LLMCOST_OK);
    }
    if (!strstr(text, wanted))
        fail_msg("%s is not in %s", wanted, text);
    llmcost_string_free(text);
}

/* "drain": the stream that a caller left is read on to the provider's own count, and that is what it costs. */
static void draining_finds_the_true_cost(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        live all;
        int seen = 0;
        llmcost_response *response = NULL;
        live_open(&all, "{\"default\":{\"reply\":{\"text\":\"0123456789012345678901234567890123456789\",\"usage\":{\"prompt\":1000,\"completion\":77}},\"chunk_bytes\":4,\"chunk_delay_ms\":10}}",
                  "\"retries\":0,\"on_abort\":\"drain\"", i / 2 == 1 ? "\"background\":true,\"budgets\":[{\"limit\":\"1 USD\"}]" : i / 2 == 2 ? "\"close_ms\":60000,\"budgets\":[{\"limit\":\"1 USD\"}]" : "\"budgets\":[{\"limit\":\"1 USD\"}]");
        llmcost_message message = live_user("hello");
        llmcost_request request = live_request(models[i % 2], &message);
        assert_int_equal(llmcost_chat_stream(all.client, &request, stop_at_once, &seen, &response), LLMCOST_E_CANCELLED);
        assert_no_secret_in(response);
        llmcost_response_free(response);
        if (i / 2 == 0)
            assert_int_equal(llmcost_client_run(all.client, 60000), LLMCOST_OK);
        if (i / 2 < 2) /* else closing does it */
            expect_spent(all.client, i % 2 ? 1000 * 3000 + 77 * 15000 : 1000 * 150 + 77 * 600, i / 2 == 1 ? 60 : 0);
        llmcost_mock *mock = all.mock;
        assert_int_equal(llmcost_client_close(all.client), LLMCOST_OK);
        assert_int_equal(llmcost_mock_abandoned_count(mock), 0);
        llmcost_mock_stop(mock);
        assert_int_equal((long)all.memory.blocks, 0);
    }
}

/* ---- a policy that starts and cancels requests on being shown a piece ---- */

typedef struct race {
    llmcost_leg *first, *second, *third;
    int seen;
} race;

static llmcost_verdict race_enter(llmcost_leg *leg, void *memory, void *user)
{
    (void)memory;
    race *all = user;
    llmcost_spawn first = { .struct_size = sizeof first, .purpose = "first", .forward_events = 1 }, second = { .struct_size = sizeof second, .purpose = "second", .model = "openai/gpt-4o-mini" };
    all->first = llmcost_leg_spawn(leg, &first);
    all->second = llmcost_leg_spawn(leg, &second);
    return LLMCOST_WAIT;
}

static llmcost_event_verdict race_event(llmcost_leg *leg, void *memory, void *user, const llmcost_event *event, llmcost_leg *child)
{
    (void)memory;
    (void)event;
    race *all = user;
    if (child == all->first && !all->seen) {
        all->seen = 1;
        llmcost_leg_cancel_child(leg, all->second);
    }
    return LLMCOST_PASS;
}

static llmcost_verdict race_resume(llmcost_leg *leg, void *memory, void *user, const llmcost_wake *wake)
{
    (void)memory;
    race *all = user;
    if (wake->child == all->second) {
        assert_int_equal(llmcost_leg_status(wake->child), LLMCOST_E_CANCELLED);
        llmcost_spawn third = { .struct_size = sizeof third, .purpose = "third", .model = "openai/gpt-4.1" };
        all->third = llmcost_leg_spawn(leg, &third);
        assert_non_null(all->third);
        return LLMCOST_WAIT;
    }
    if (wake->child == all->third)
        assert_int_equal(llmcost_leg_status(wake->child), LLMCOST_OK);
    return wake->child == all->first ? llmcost_leg_adopt(leg, wake->child) : LLMCOST_WAIT;
}

static void a_piece_starts_and_cancels_others(void **state)
{
    (void)state;
    live all;
    race here = { 0 };
    llmcost_policy policy = { .struct_size = sizeof policy, .phase = LLMCOST_PHASE_SHAPE, .name = "race", .user = &here, .operations = 1, .enter = race_enter, .event = race_event, .resume = race_resume };
    live_open(&all, "{\"rules\":[{\"match\":{\"model\":\"gpt-4o-mini\"},\"reply\":{\"text\":\"late\"},\"delay_ms\":120000}],"
                    "\"default\":{\"reply\":{\"text\":\"0123456789012345678901234567890123456789\"},\"chunk_bytes\":4,\"chunk_delay_ms\":10}}", NULL, NULL);
    assert_int_equal(llmcost_client_add_policy(all.client, &policy), LLMCOST_OK);
    live_result result;
    llmcost_message message = live_user("hello");
    llmcost_request request = live_request("openai/gpt-4o", &message);
    live_run(&all, PULLED, &request, &result);
    assert_int_equal(result.status, LLMCOST_OK);
    assert_string_equal(result.text, "0123456789012345678901234567890123456789");
    assert_true(result.seconds < 60);
    assert_int_equal(llmcost_response_line_count(result.response), 3);
    live_result_free(&result);
    live_close(&all);
}

/* Reads so many pieces of text; fewer only at the end. */
static llmcost_status read_texts(llmcost_stream *stream, char *text, int pieces)
{
    const llmcost_event *event = NULL;
    llmcost_status status = LLMCOST_OK;
    while (pieces && (status = llmcost_stream_next(stream, &event)) == LLMCOST_OK && event) {
        if (llmcost_event_get_kind(event) != LLMCOST_EVENT_TEXT)
            continue;
        strcat(text, llmcost_event_text(event, NULL));
        pieces--;
    }
    return status;
}

/* Who reads slowly is no slow provider: what waits in the socket counts, however late it is looked at. */
static void a_slow_reader(void **state)
{
    (void)state;
    live all;
    llmcost_stream *streams[2] = { NULL, NULL };
    char texts[2][100] = { "", "" };
    live_open(&all, "{\"default\":{\"reply\":{\"text\":\"01234567890123456789\"},\"chunk_bytes\":4,\"chunk_delay_ms\":20}}", "\"retries\":0,\"idle_ms\":2000", NULL);
    llmcost_message message = live_user("hello");
    for (size_t dialect = 0; dialect < 2; dialect++) {
        llmcost_request request = live_request(models[dialect], &message);
        assert_int_equal(llmcost_stream_open(all.client, &request, &streams[dialect]), LLMCOST_OK);
        usleep(100000);
        assert_int_equal(llmcost_mock_request_count(all.mock), dialect); /* it is sent when it is read */
        assert_int_equal(read_texts(streams[dialect], texts[dialect], 2), LLMCOST_OK);
    }
    usleep(3000000); /* the provider has long said everything */
    for (size_t dialect = 0; dialect < 2; dialect++) {
        assert_int_equal(read_texts(streams[dialect], texts[dialect], -1), LLMCOST_OK);
        assert_string_equal(texts[dialect], "01234567890123456789");
        llmcost_stream_close(streams[dialect]);
    }
    live_close(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_usage), cmocka_unit_test(large_texts), cmocka_unit_test(tools_across_providers), cmocka_unit_test(reasoning_is_apart),
        cmocka_unit_test(json_schema_is_asked_for), cmocka_unit_test(a_described_schema_of_a_body), cmocka_unit_test(several_choices_and_logprobs), cmocka_unit_test(several_choices_streamed),
        cmocka_unit_test(models_are_listed), cmocka_unit_test(bodies_in_and_out), cmocka_unit_test(bodies_streamed), cmocka_unit_test(thinking_goes_back_from_a_stream), cmocka_unit_test(custom_tools), cmocka_unit_test(a_failure_inside_a_choice), cmocka_unit_test(a_caller_may_leave),
        cmocka_unit_test(draining_finds_the_true_cost), cmocka_unit_test(a_piece_starts_and_cancels_others), cmocka_unit_test(a_slow_reader),
    };
    alarm(600);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
