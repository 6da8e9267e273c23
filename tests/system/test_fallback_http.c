/* Fallbacks over real sockets: every wire format as the one that fails and as the one that answers, in each way to call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/live.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char story[] = "Once upon a time there was a target that did not get to the end of its story.";

/* The script tells them apart by their models, which two formats share. */
static int other_than(int first, int second)
{
    while (strcmp(strchr(live_models[first], '/'), strchr(live_models[second % LIVE_FORMATS], '/')) == 0)
        second++;
    return second % LIVE_FORMATS;
}

static void open_pair(live *all, int first, int second, const char *fault, const char *members)
{
    char script[900], route[300];
    second = other_than(first, second);
    snprintf(script, sizeof script, "{\"rules\":[{\"match\":{\"model\":\"%s\"},\"reply\":{\"text\":\"%s\"},\"chunk_bytes\":4,\"fault\":{%s}}],\"default\":{\"reply\":{\"text\":\"the second one answers\"},\"chunk_bytes\":5}}",
             strchr(live_models[first], '/') + 1, story, fault);
    snprintf(route, sizeof route, "\"budgets\":[{\"limit\":\"100 USD\"}],\"routes\":{\"r\":{\"fallback\":[\"%s\",\"%s\"]%s}}", live_models[first], live_models[second], members);
    live_open(all, script, NULL, route);
}

static void expect(const live_result *result, const char *text, unsigned restarts, const char *what)
{
    if (result->status)
        fail_msg("%s: %s", what, llmcost_error_message(llmcost_response_error(result->response)));
    assert_string_equal(llmcost_response_text(result->response), text);
    assert_int_equal(result->kinds[LLMCOST_EVENT_RESTART_ANSWER], restarts);
    assert_true(llmcost_response_is_altered(result->response));
    assert_int_equal(llmcost_response_line_count(result->response), 2);
}

static void test_before_the_first_delta(void **state)
{
    (void)state;
    static const char *const faults[] = { "\"status\":503", "\"status\":429", "\"close_before_reply\":true", "\"html\":true" };
    for (int first = 0; first < LIVE_FORMATS; first++) {
        for (size_t fault = 0; fault < sizeof faults / sizeof faults[0]; fault++) {
            live all;
            live_result result;
            open_pair(&all, first, first + 1 + (int)fault % (LIVE_FORMATS - 1), faults[fault], "");
            for (live_way way = BLOCKING; way < LIVE_WAYS; way++) {
                live_ask(&all, way, "r", "hello", &result);
                expect(&result, "the second one answers", 0, faults[fault]);
                if (live_way_streams(way))
                    assert_string_equal(result.text, "the second one answers");
                live_result_free(&result);
            }
            live_close(&all);
        }
    }
}

/* A stream that breaks off when part of it was read: an error, or the other one's answer and nothing else. */
static void test_after_the_first_delta(void **state)
{
    (void)state;
    for (int first = 0; first < LIVE_FORMATS; first++) {
        for (int again = 0; again < 2; again++) {
            live all;
            live_result result;
            open_pair(&all, first, first + 1, "\"error_in_stream\":{\"after\":3,\"type\":\"server_error\",\"message\":\"gone\"}", again ? ",\"after_delta\":\"continue\"" : "");
            for (live_way way = BLOCKING; way < LIVE_WAYS; way++) {
                if (!live_way_streams(way))
                    continue;
                live_ask(&all, way, "r", "hello", &result);
                if (again) {
                    expect(&result, "the second one answers", 1, live_models[first]);
                    assert_string_equal(result.text, "the second one answers");
                    int64_t wasted;
                    assert_int_equal(llmcost_response_line_number(result.response, 0, "cost_nano", &wasted), 1);
                    assert_true(wasted > 0 || first == LIVE_OLLAMA);
                } else {
                    assert_true(result.status != LLMCOST_OK);
                    assert_true(strlen(result.text) > 0);
                    assert_int_equal(strncmp(result.text, story, strlen(result.text)), 0);
                    assert_int_equal(llmcost_response_line_count(result.response), 1);
                }
                live_result_free(&result);
            }
            live_close(&all);
        }
    }
}

/* The same as OpenAI's chunks: the roles are told again, and our member says why. */
static void test_chunks(void **state)
{
    (void)state;
    live all;
    llmcost_stream *stream = NULL;
    const llmcost_event *event;
    char kinds[100] = "";
    static const char body[] = "{\"model\":\"r\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";
    open_pair(&all, LIVE_ANTHROPIC, LIVE_OPENAI, "\"error_in_stream\":{\"after\":1,\"type\":\"server_error\",\"message\":\"gone\"}", ",\"after_delta\":\"continue\"");
    assert_int_equal(llmcost_stream_open_json(all.client, body, 0, &stream), LLMCOST_OK);
    while (llmcost_stream_next(stream, &event) == LLMCOST_OK && event) {
        const char *chunk = llmcost_event_json(event);
        if (chunk)
            strcat(kinds, strstr(chunk, "\"restart\":true") ? "!" : strstr(chunk, "\"role\":\"assistant\"") ? "r" : strstr(chunk, "\"finish_reason\":null") ? "." : "f");
    }
    assert_string_equal(kinds, "r!r....f");
    llmcost_stream_close(stream);
    live_close(&all);
}

/* The caller leaves while the second target speaks: it is cut as any other. */
static int leave_later(const llmcost_event *event, void *user)
{
    int *after = user;
    *after += llmcost_event_get_kind(event) == LLMCOST_EVENT_RESTART_ANSWER || *after > 0;
    return *after > 2;
}

static void test_leaving_after_a_restart(void **state)
{
    (void)state;
    live all;
    int after = 0;
    llmcost_response *response;
    llmcost_message message = live_user("hello");
    llmcost_request request = live_request("r", &message);
    open_pair(&all, LIVE_OPENAI, LIVE_ANTHROPIC, "\"error_in_stream\":{\"after\":2,\"type\":\"server_error\",\"message\":\"gone\"}", ",\"after_delta\":\"continue\"");
    live_script(&all, "{\"rules\":[{\"match\":{\"model\":\"gpt-4o-mini\"},\"chunk_bytes\":4,\"reply\":{\"text\":\"some words and\"},\"fault\":{\"error_in_stream\":{\"after\":2,\"type\":\"server_error\",\"message\":\"gone\"}}}],"
                      "\"default\":{\"reply\":{\"text\":\"a text that takes an hour\"},\"chunk_bytes\":1,\"chunk_delay_ms\":200}}");
    assert_int_equal(llmcost_chat_stream(all.client, &request, leave_later, &after, &response), LLMCOST_E_CANCELLED);
    assert_int_equal(after, 3);
    llmcost_response_free(response);
    live_close(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_the_first_delta), cmocka_unit_test(test_after_the_first_delta), cmocka_unit_test(test_chunks), cmocka_unit_test(test_leaving_after_a_restart),
    };
    alarm(300);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
