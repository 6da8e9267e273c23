/*
 * Failures that users of other clients and gateways reported in public, as acceptance tests over real sockets. Each is
 * named after its number in the list that the project keeps; the figures are those of the reports, where they gave any.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/live.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const models[] = { OPENAI_MODEL, ANTHROPIC_MODEL };
static const int64_t input_rate[] = { 150, 3000 }, output_rate[] = { 600, 15000 }; /* nano-dollars a token */

/* A text of so many bytes, and a rule that streams it. */
static void script_of_text(char *out, size_t size, int bytes, const char *members)
{
    int head = snprintf(out, size, "{\"default\":{\"chunk_bytes\":40%s,\"reply\":{\"usage\":{\"prompt\":1000,\"completion\":%d},\"text\":\"", members, bytes / 4);
    assert_true((size_t)head + (size_t)bytes + 10 < size);
    memset(out + head, 'x', (size_t)bytes);
    strcpy(out + head + bytes, "\"}}}");
}

static int64_t report_number(live *all, const char *name)
{
    char *text = NULL, key[40];
    assert_int_equal(llmcost_report(all->client, "json", &text), LLMCOST_OK);
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(text, key);
    assert_non_null(at);
    int64_t value = atoll(at + strlen(key));
    llmcost_string_free(text);
    return value;
}

static int stop_after(const llmcost_event *event, void *user)
{
    size_t bytes;
    llmcost_event_text(event, &bytes);
    *(long *)user -= (long)bytes;
    return *(long *)user <= 0;
}

/* Streams until so many bytes of text have come, then leaves. */
static llmcost_response *leave_after(live *all, const char *model, long bytes)
{
    llmcost_response *response = NULL;
    llmcost_message message = live_user("Tell me a long story.");
    llmcost_request request = live_request(model, &message);
    assert_int_equal(llmcost_chat_stream(all->client, &request, stop_after, &bytes, &response), LLMCOST_E_CANCELLED);
    return response;
}

/* ---- C: streaming ---- */

/* 38: the caller stops in the middle of a long story; the call is counted, with its cost. */
static void c38_a_stopped_stream_is_counted(void **state)
{
    (void)state;
    static char script[20000];
    script_of_text(script, sizeof script, 12000, ",\"chunk_delay_ms\":5");
    for (size_t dialect = 0; dialect < 2; dialect++) {
        live all;
        live_open(&all, script, NULL, NULL);
        llmcost_response *response = leave_after(&all, models[dialect], 2000);
        assert_int_equal(llmcost_response_line_count(response), 1);
        assert_true(llmcost_response_cost_nano(response) >= 500 * output_rate[dialect]);
        assert_int_equal(report_number(&all, "calls"), 1);
        assert_int_equal(report_number(&all, "cost_nano"), llmcost_response_cost_nano(response));
        llmcost_response_free(response);
        live_close(&all);
    }
}

/* 39: a cut stream with 20 tokens in and 296 out is not free. */
static void c39_a_cut_stream_has_a_price(void **state)
{
    (void)state;
    static char script[40000];
    script_of_text(script, sizeof script, 1184, ",\"fault\":{\"error_in_stream\":{\"after\":28,\"message\":\"gone\"}}");
    for (size_t dialect = 0; dialect < 2; dialect++) {
        live all;
        live_result result;
        live_open(&all, script, NULL, NULL);
        live_ask(&all, PULLED, models[dialect], "Twenty tokens or so, give or take a few of them, in a question.", &result);
        assert_true(result.status != LLMCOST_OK);
        assert_int_equal(strlen(result.text), 28 * 40);
        int64_t in = llmcost_response_tokens(result.response, LLMCOST_INPUT), out = llmcost_response_tokens(result.response, LLMCOST_OUTPUT);
        assert_true(in > 0);
        assert_in_range(out, 280, 300);
        assert_int_equal(llmcost_response_cost_nano(result.response), in * input_rate[dialect] + out * output_rate[dialect]);
        assert_non_null(strstr(llmcost_response_receipt(result.response), "estimated"));
        live_result_free(&result);
        live_close(&all);
    }
}

/* 40: the count that opens an Anthropic stream is a placeholder, not the output. */
static void c40_a_placeholder_is_no_count(void **state)
{
    (void)state;
    static char script[40000];
    live all;
    live_result result;
    script_of_text(script, sizeof script, 4000, ",\"fault\":{\"cut_at\":9000}");
    live_open(&all, script, NULL, NULL);
    live_ask(&all, STREAMED_ON_A_LOOP, ANTHROPIC_MODEL, "hello", &result);
    assert_int_equal(result.status, LLMCOST_E_TRUNCATED);
    size_t bytes = strlen(result.text);
    assert_true(bytes > 1000);
    assert_int_equal(llmcost_response_tokens(result.response, LLMCOST_INPUT), 1000); /* as reported at its beginning */
    assert_int_equal(llmcost_response_tokens(result.response, LLMCOST_OUTPUT), (bytes + 3) / 4);
    live_result_free(&result);
    live_close(&all);
}

/* 42: a reported zero is a figure. */
static void c42_zeros_are_figures(void **state)
{
    (void)state;
    live all;
    live_result result;
    live_open(&all, "{\"default\":{\"reply\":{\"text\":\"a text that could be estimated\",\"usage\":{\"prompt\":0,\"completion\":0}}}}", NULL, NULL);
    for (int i = 0; i < 2 * LIVE_WAYS; i++) {
        live_ask(&all, (live_way)(i / 2), models[i % 2], "hello, and some more words", &result);
        assert_int_equal(result.status, LLMCOST_OK);
        assert_int_equal(llmcost_response_tokens(result.response, LLMCOST_INPUT), 0);
        assert_int_equal(llmcost_response_tokens(result.response, LLMCOST_OUTPUT), 0);
        assert_int_equal(llmcost_response_cost_nano(result.response), 0);
        live_result_free(&result);
    }
    live_close(&all);
}

/* 43: the provider learns that the caller left, and stops. */
static void c43_leaving_reaches_the_provider(void **state)
{
    (void)state;
    static char script[20000];
    live all;
    script_of_text(script, sizeof script, 12000, ",\"chunk_delay_ms\":20");
    live_open(&all, script, NULL, NULL);
    for (uint64_t i = 0; i < 2; i++) {
        llmcost_response_free(leave_after(&all, models[i], 100));
        for (int wait = 0; wait < 6000 && llmcost_mock_abandoned_count(all.mock) <= i; wait++)
            usleep(5000);
        assert_int_equal(llmcost_mock_abandoned_count(all.mock), i + 1);
    }
    live_close(&all);
}

/* 44: a provider that dies in mid-stream never looks like a clean end with no tokens. */
static void c44_a_dead_stream_is_no_success(void **state)
{
    (void)state;
    static char script[20000];
    static const char *const deaths[] = { ",\"fault\":{\"cut_at\":3000}", ",\"fault\":{\"cut_at\":3000,\"reset\":true}", ",\"fault\":{\"no_terminator\":true}" };
    for (size_t i = 0; i < 6; i++) {
        live all;
        live_result result;
        script_of_text(script, sizeof script, 4000, deaths[i / 2]);
        live_open(&all, script, NULL, NULL);
        live_ask(&all, PULLED, models[i % 2], "hello", &result);
        assert_int_equal(result.status, LLMCOST_E_TRUNCATED);
        assert_true(llmcost_response_tokens(result.response, LLMCOST_OUTPUT) > 50);
        assert_true(llmcost_response_cost_nano(result.response) > 0);
        assert_non_null(strstr(llmcost_response_json(result.response), "\"error\""));
        live_result_free(&result);
        live_close(&all);
    }
}

/* 44: behind a fallback it is a success only where another target gave a whole answer, and then it is that one's alone. */
static void c44_a_dead_stream_with_a_fallback(void **state)
{
    (void)state;
    static const char *const deaths[] = { "\"cut_at\":700", "\"cut_at\":700,\"reset\":true", "\"no_terminator\":true" };
    for (int i = 0; i < 6; i++) {
        live all;
        live_result result;
        char script[400];
        snprintf(script, sizeof script, "{\"rules\":[{\"match\":{\"model\":\"%s\"},\"reply\":{\"text\":\"0123456789012345678901234567890123456789\"},\"chunk_bytes\":4,\"fault\":{%s}}],"
                 "\"default\":{\"reply\":{\"text\":\"a whole answer\"}}}", strchr(models[0], '/') + 1, deaths[i / 2]);
        live_open(&all, script, NULL, i % 2 ? "\"routes\":{\"r\":{\"fallback\":[\"" OPENAI_MODEL "\",\"" ANTHROPIC_MODEL "\"],\"after_delta\":\"continue\"}}"
                                            : "\"routes\":{\"r\":{\"fallback\":[\"" OPENAI_MODEL "\",\"" ANTHROPIC_MODEL "\"]}}");
        live_ask(&all, PULLED, "r", "hello", &result);
        if (i % 2 == 0) {
            assert_int_equal(result.status, LLMCOST_E_TRUNCATED);
            assert_ptr_equal(strstr("0123456789012345678901234567890123456789", result.text), "0123456789012345678901234567890123456789");
        } else {
            assert_int_equal(result.status, LLMCOST_OK);
            assert_string_equal(result.text, "a whole answer");
            assert_int_equal(result.kinds[LLMCOST_EVENT_RESTART_ANSWER], 1);
        }
        live_result_free(&result);
        live_close(&all);
    }
}

/* 45: accepting and saying nothing; pausing for ever; not even accepting. Each has its own time-out, and is tried again. */
static void c45_silence_is_bounded(void **state)
{
    (void)state;
    live all;
    live_result result;
    live_open(&all, "{\"rules\":[{\"times\":1,\"fault\":{\"silent\":true}}],\"default\":{\"reply\":{\"text\":\"at last\"}}}", "\"retries\":10,\"first_byte_ms\":300", NULL);
    live_ask(&all, PULLED, OPENAI_MODEL, "hello", &result);
    assert_int_equal(result.status, LLMCOST_OK);
    assert_true(llmcost_response_line_count(result.response) >= 2); /* a very slow machine takes another */
    assert_string_equal(llmcost_response_line_text(result.response, 0, "status"), "E_FIRST_BYTE_TIMEOUT");
    live_result_free(&result);
    live_close(&all);
    live_open(&all, "{\"default\":{\"chunk_delay_ms\":60000,\"chunk_bytes\":2}}", "\"retries\":2,\"idle_ms\":100", NULL);
    live_ask(&all, PULLED, OPENAI_MODEL, "hello", &result);
    assert_int_equal(result.status, LLMCOST_E_IDLE_TIMEOUT);
    assert_true(result.seconds < 30);
    live_result_free(&result);
    live_close(&all);
}

/* 45: a target that accepts and says nothing is passed over. */
static void c45_silence_goes_on_to_the_next(void **state)
{
    (void)state;
    static const char *const limits[] = { "\"retries\":0,\"first_byte_ms\":300", "\"retries\":0" };
    static const char *const routes[] = { "\"routes\":{\"r\":{\"fallback\":[\"" OPENAI_MODEL "\",\"" ANTHROPIC_MODEL "\"]}}",
                                          "\"routes\":{\"r\":{\"fallback\":[\"" OPENAI_MODEL "\",\"" ANTHROPIC_MODEL "\"],\"attempt_ms\":300}}" };
    for (int i = 0; i < 2 * LIVE_WAYS; i++) {
        live all;
        live_result result;
        live_open(&all, "{\"rules\":[{\"match\":{\"model\":\"gpt-*\"},\"fault\":{\"silent\":true}}],\"default\":{\"reply\":{\"text\":\"at once\"},\"chunk_bytes\":3}}", limits[i % 2], routes[i % 2]);
        live_ask(&all, (live_way)(i / 2), "r", "hello", &result);
        if (result.status == LLMCOST_OK) { /* a very slow machine may need longer than that for the second one too */
            assert_string_equal(llmcost_response_text(result.response), "at once");
            assert_int_equal(llmcost_mock_request_count(all.mock), 2);
        }
        assert_string_equal(llmcost_response_line_text(result.response, 0, "status"), i % 2 ? "E_DEADLINE" : "E_FIRST_BYTE_TIMEOUT");
        live_result_free(&result);
        live_close(&all);
    }
}

/* A listener whose queue is full: connecting hangs. */
static void c45_connecting_is_bounded(void **state)
{
    (void)state;
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), fill[8];
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    for (int i = 0; i < 8; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(fill[i], (struct sockaddr *)&address, sizeof address))
            usleep(1000);
    }
    char config[300];
    llmcost_client *client = NULL;
    llmcost_response *response = NULL;
    snprintf(config, sizeof config, "{\"providers\":{\"openai\":{\"base_url\":\"http://127.0.0.1:%d/v1\",\"key\":\"" OPENAI_KEY "\",\"proxy\":\"\",\"retries\":0,\"connect_ms\":150}}}", ntohs(address.sin_port));
    assert_int_equal(llmcost_client_open(&client, config, NULL), LLMCOST_OK);
    double began = seconds_now();
    assert_int_equal(llmcost_ask(client, OPENAI_MODEL, "hello", &response), LLMCOST_E_CONNECT_TIMEOUT);
    assert_true(seconds_now() - began >= 0.149 && seconds_now() - began < 8);
    assert_int_equal(llmcost_response_cost_nano(response), 0);
    llmcost_response_free(response);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
    for (int i = 0; i < 8; i++)
        close(fill[i]);
    close(listener);
}

static void take_status(uint64_t call, llmcost_response *response, void *user)
{
    (void)call;
    *(llmcost_status *)user = llmcost_response_status(response);
    llmcost_response_free(response);
}

/* 46: retries are as many as the config says, and end when the caller has gone. */
static void c46_no_attempts_after_the_caller_left(void **state)
{
    (void)state;
    live all;
    live_result result;
    live_open(&all, "{\"default\":{\"fault\":{\"status\":500,\"retry_after_ms\":\"1\"}}}", "\"retries\":2", NULL);
    live_ask(&all, PULLED, OPENAI_MODEL, "hello", &result);
    assert_int_equal(result.status, LLMCOST_E_SERVER);
    assert_int_equal(llmcost_mock_request_count(all.mock), 3);
    assert_int_equal(llmcost_response_line_count(result.response), 3);
    live_result_free(&result);
    live_script(&all, "{\"default\":{\"fault\":{\"status\":500,\"retry_after_ms\":\"3000\"}}}");
    llmcost_loop *loop = NULL;
    llmcost_message message = live_user("hello");
    llmcost_request request = live_request(OPENAI_MODEL, &message);
    llmcost_status status = LLMCOST_OK;
    uint64_t call;
    assert_int_equal(llmcost_loop_open(all.client, &loop), LLMCOST_OK);
    assert_int_equal(llmcost_loop_submit(loop, &request, NULL, take_status, &status, &call), LLMCOST_OK);
    for (double until = seconds_now() + 60; llmcost_mock_request_count(all.mock) < 4 && seconds_now() < until;)
        llmcost_loop_poll(loop, 20);
    double sent = seconds_now();
    while (seconds_now() - sent < 0.15) /* the refusal comes, and the pause begins */
        llmcost_loop_poll(loop, 20);
    assert_int_equal(llmcost_mock_request_count(all.mock), 4);
    assert_int_equal(llmcost_loop_cancel(loop, call), LLMCOST_OK);
    for (int polls = 0; llmcost_loop_pending(loop) > 0 && polls < 100; polls++)
        llmcost_loop_poll(loop, 0);
    assert_int_equal(status, LLMCOST_E_CANCELLED); /* a pause between attempts does not outlive the call */
    while (seconds_now() - sent < 3.4)
        llmcost_loop_poll(loop, 50);
    assert_int_equal(llmcost_mock_request_count(all.mock), 4);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    live_close(&all);
}

/* 47: what fails before the first piece is tried again in streams too; what fails after it is not. */
static void c47_streams_are_tried_again(void **state)
{
    (void)state;
    live all;
    live_result result;
    for (int i = 0; i < 2 * LIVE_WAYS; i++) {
        live_open(&all, "{\"rules\":[{\"times\":1,\"fault\":{\"status\":503,\"retry_after_ms\":\"1\"}}],\"default\":{\"reply\":{\"text\":\"second time\"},\"chunk_bytes\":3}}", "\"retries\":2", NULL);
        live_ask(&all, (live_way)(i / 2), models[i % 2], "hello", &result);
        assert_int_equal(result.status, LLMCOST_OK);
        assert_string_equal(llmcost_response_text(result.response), "second time");
        assert_int_equal(llmcost_mock_request_count(all.mock), 2);
        live_result_free(&result);
        live_close(&all);
    }
    live_open(&all, "{\"default\":{\"reply\":{\"text\":\"0123456789\"},\"chunk_bytes\":3,\"fault\":{\"error_in_stream\":{\"after\":2}}}}", "\"retries\":2", NULL);
    live_ask(&all, PULLED, OPENAI_MODEL, "hello", &result);
    assert_int_equal(result.status, LLMCOST_E_SERVER);
    assert_int_equal(llmcost_mock_request_count(all.mock), 1); /* the caller has seen its beginning */
    live_result_free(&result);
    live_close(&all);
}

/* 46: nor are further targets asked. */
static void c46_no_targets_after_the_caller_left(void **state)
{
    (void)state;
    live all;
    live_open(&all, "{\"default\":{\"fault\":{\"status\":500,\"retry_after_ms\":\"600000\"},\"delay_ms\":200}}", "\"retries\":2",
              "\"routes\":{\"r\":{\"fallback\":[\"" OPENAI_MODEL "\",\"" ANTHROPIC_MODEL "\",\"" OPENAI_MODEL "\",\"" ANTHROPIC_MODEL "\"]}}");
    llmcost_loop *loop = NULL;
    llmcost_message message = live_user("hello");
    llmcost_request request = live_request("r", &message);
    llmcost_status status = LLMCOST_OK;
    uint64_t call;
    assert_int_equal(llmcost_loop_open(all.client, &loop), LLMCOST_OK);
    assert_int_equal(llmcost_loop_submit(loop, &request, NULL, take_status, &status, &call), LLMCOST_OK);
    for (double until = seconds_now() + 60; llmcost_mock_request_count(all.mock) < 2 && seconds_now() < until;)
        llmcost_loop_poll(loop, 20);
    assert_int_equal(llmcost_loop_cancel(loop, call), LLMCOST_OK);
    for (int polls = 0; llmcost_loop_pending(loop) > 0 && polls < 100; polls++)
        llmcost_loop_poll(loop, 0);
    assert_int_equal(status, LLMCOST_E_CANCELLED);
    long asked = (long)llmcost_mock_request_count(all.mock);
    for (double sent = seconds_now(); seconds_now() - sent < 1;)
        llmcost_loop_poll(loop, 50);
    assert_int_equal(llmcost_mock_request_count(all.mock), asked);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    live_close(&all);
}

/* 47: an error before the first chunk goes on in streaming mode too, however the stream is read. */
static void c47_streams_fall_back(void **state)
{
    (void)state;
    static const char *const faults[] = { "\"status\":500", "\"status\":429", "\"reset\":true,\"cut_at\":0", "\"garbage_body\":true", "\"error_with_200\":{\"type\":\"server_error\"}",
                                          "\"error_in_stream\":{\"after\":0,\"type\":\"server_error\"}" };
    for (size_t fault = 0; fault < sizeof faults / sizeof faults[0]; fault++) {
        for (live_way way = BLOCKING; way < LIVE_WAYS; way++) {
            live all;
            live_result result;
            char script[300];
            snprintf(script, sizeof script, "{\"rules\":[{\"match\":{\"model\":\"gpt-*\"},\"fault\":{%s}}],\"default\":{\"reply\":{\"text\":\"the second one\"},\"chunk_bytes\":3}}", faults[fault]);
            if (fault == 5 && !live_way_streams(way))
                continue;
            live_open(&all, script, NULL, "\"routes\":{\"r\":{\"fallback\":[\"" OPENAI_MODEL "\",\"" ANTHROPIC_MODEL "\"]}}");
            live_ask(&all, way, "r", "hello", &result);
            if (result.status)
                fail_msg("%s, %s: %s", faults[fault], live_way_name(way), llmcost_error_message(llmcost_response_error(result.response)));
            assert_string_equal(llmcost_response_text(result.response), "the second one");
            assert_int_equal(result.kinds[LLMCOST_EVENT_RESTART_ANSWER], 0);
            assert_int_equal(llmcost_mock_request_count(all.mock), 2);
            live_result_free(&result);
            live_close(&all);
        }
    }
}

/* 48: leaving after some 300 tokens is billed as some 300 tokens, not as 13,000 and not as none. */
static void c48_an_abort_is_billed_for_what_came(void **state)
{
    (void)state;
    static char script[60000];
    script_of_text(script, sizeof script, 52000, ",\"chunk_delay_ms\":5");
    for (size_t dialect = 0; dialect < 2; dialect++) {
        live all;
        live_open(&all, script, NULL, NULL);
        llmcost_response *response = leave_after(&all, models[dialect], 1200);
        assert_in_range(llmcost_response_tokens(response, LLMCOST_OUTPUT), 300, 2500); /* what had arrived when the caller left */
        assert_true(llmcost_response_tokens(response, LLMCOST_INPUT) > 0);
        llmcost_response_free(response);
        live_close(&all);
    }
}

/* 49: a cached stream ends like the first one: finish and usage. */
static void c49_a_cached_stream_tells_usage(void **state)
{
    (void)state;
    live all;
    live_result first, again;
    live_open(&all, "{\"default\":{\"reply\":{\"text\":\"one and the same\",\"usage\":{\"prompt\":100,\"completion\":20}},\"chunk_bytes\":4}}", NULL, "\"cache\":{\"memory\":{},\"sampled\":true}");
    for (size_t dialect = 0; dialect < 2; dialect++) {
        live_ask(&all, PULLED, models[dialect], "hello", &first);
        live_ask(&all, PULLED, models[dialect], "hello", &again);
        assert_int_equal(llmcost_response_from_cache(first.response), 0);
        assert_int_equal(llmcost_response_from_cache(again.response), 1);
        assert_string_equal(again.text, first.text);
        assert_int_equal(again.kinds[LLMCOST_EVENT_USAGE], 1);
        assert_int_equal(first.kinds[LLMCOST_EVENT_USAGE], 1);
        assert_int_equal(again.kinds[LLMCOST_EVENT_FINISH], 1);
        assert_int_equal(llmcost_response_cost_nano(again.response), 0);
        live_result_free(&first);
        live_result_free(&again);
    }
    assert_int_equal(llmcost_mock_request_count(all.mock), 2);
    live_close(&all);
}

/* 50: max_completion_tokens: 10 is sent, and so is what nobody here knows. */
static void c50_no_parameter_is_dropped(void **state)
{
    (void)state;
    live all;
    live_open(&all, "{\"validate\":false,\"default\":{\"reply\":{\"text\":\"fine\"}}}", NULL, NULL);
    for (size_t dialect = 0; dialect < 2; dialect++) {
        char body[400];
        llmcost_response *response = NULL;
        snprintf(body, sizeof body, "{\"model\":\"%s\",\"max_completion_tokens\":10,\"stop\":[\"END\"],\"top_p\":0.5,\"x_vendor_option\":{\"a\":[1,2]},\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", models[dialect]);
        assert_int_equal(llmcost_chat_json(all.client, body, 0, &response), LLMCOST_OK);
        const char *sent = llmcost_mock_request_body(all.mock, dialect, NULL);
        assert_non_null(strstr(sent, dialect ? "\"max_tokens\":10" : "\"max_completion_tokens\":10"));
        assert_non_null(strstr(sent, "[\"END\"]"));
        assert_non_null(strstr(sent, "\"top_p\":0.5"));
        assert_non_null(strstr(sent, "x_vendor_option"));
        llmcost_response_free(response);
    }
    live_close(&all);
}

/* ---- D: caching ---- */

static llmcost_request plain_request(const llmcost_message *message)
{
    llmcost_request request = live_request(OPENAI_MODEL, message);
    request.has_temperature = 1; /* 0: may be kept */
    return request;
}

static int asked_upstream(live *all, const llmcost_request *request)
{
    uint64_t before = llmcost_mock_request_count(all->mock);
    live_result result;
    live_run(all, BLOCKING, request, &result);
    assert_int_equal(result.status, LLMCOST_OK);
    live_result_free(&result);
    return (int)(llmcost_mock_request_count(all->mock) - before);
}

/* 51: whatever shapes the answer is part of the key; a missing temperature is no 0. */
static void d51_the_key_has_every_field(void **state)
{
    (void)state;
    enum { VARIANTS = 16 };
    static const char *const stop[] = { "x" };
    static const llmcost_tool tool = { .name = "t" };
    live all;
    live_open(&all, NULL, NULL, "\"cache\":{\"memory\":{}}");
    llmcost_message message = live_user("hello"), pair[2] = { { .role = LLMCOST_SYSTEM, .text = "s" }, message };
    llmcost_request variants[VARIANTS];
    for (int i = 0; i < VARIANTS; i++)
        variants[i] = plain_request(&message);
    variants[1].max_tokens = 4000;
    variants[2].stop = stop, variants[2].stop_count = 1;
    variants[3].has_top_p = 1, variants[3].top_p = 0.5;
    variants[4].n = 2;
    variants[5].tools = &tool, variants[5].tool_count = 1;
    variants[6] = variants[5], variants[6].tool_choice = LLMCOST_TOOLS_REQUIRED;
    variants[7].has_seed = 1;
    variants[8].format = LLMCOST_FORMAT_JSON;
    variants[9].logprobs = 1;
    variants[10].messages = pair, variants[10].message_count = 2;
    variants[11].extra = "{\"x\":1}";
    variants[12].cache_namespace = "other";
    variants[13].model = "openai/gpt-4o";
    variants[14].end_user = "u";
    variants[15].model = ANTHROPIC_MODEL;
    for (int i = 0; i < VARIANTS; i++) {
        if (asked_upstream(&all, &variants[i]) != 1 && i != 14)
            fail_msg("variant %d was answered by another's answer", i);
    }
    for (int i = 0; i < VARIANTS; i++) {
        if (asked_upstream(&all, &variants[i]) != 0)
            fail_msg("variant %d was not kept", i);
    }
    llmcost_request sampled = plain_request(&message);
    sampled.has_temperature = 0;
    assert_int_equal(asked_upstream(&all, &sampled), 1);
    assert_int_equal(asked_upstream(&all, &sampled), 1); /* and never kept */
    live_close(&all);
}

/* 54: one team's answer is never another's. */
static void d54_namespaces_are_apart(void **state)
{
    (void)state;
    live all;
    live_open(&all, NULL, NULL, "\"cache\":{\"memory\":{}}");
    llmcost_message message = live_user("What do we earn?");
    llmcost_request a = plain_request(&message), b = a;
    a.cache_namespace = "team-a";
    b.cache_namespace = "team-b";
    assert_int_equal(asked_upstream(&all, &a), 1);
    assert_int_equal(asked_upstream(&all, &b), 1);
    assert_int_equal(asked_upstream(&all, &a), 0);
    assert_int_equal(asked_upstream(&all, &b), 0);
    live_close(&all);
}

/* 56, 57: the same last turn after another history is another question. */
static void d56_history_counts(void **state)
{
    (void)state;
    live all;
    live_open(&all, NULL, NULL, "\"cache\":{\"memory\":{}}");
    llmcost_message anna[3] = { live_user("Anna is 30."), { .role = LLMCOST_ASSISTANT, .text = "Noted." }, live_user("How old is she?") };
    llmcost_message eve[3] = { live_user("Eve is 50."), anna[1], anna[2] };
    llmcost_message longer[5] = { anna[0], anna[1], anna[2], { .role = LLMCOST_ASSISTANT, .text = "30." }, anna[2] };
    llmcost_request first = plain_request(anna), second = plain_request(eve), third = plain_request(longer);
    first.message_count = second.message_count = 3;
    third.message_count = 5;
    assert_int_equal(asked_upstream(&all, &first), 1);
    assert_int_equal(asked_upstream(&all, &second), 1);
    assert_int_equal(asked_upstream(&all, &third), 1);
    assert_int_equal(asked_upstream(&all, &first), 0);
    live_close(&all);
}

/* 59: a failure is never kept, nor half an answer. */
static void d59_failures_are_not_kept(void **state)
{
    (void)state;
    static const char *const faults[] = { "\"status\":429", "\"status\":500", "\"cut_at\":50", "\"error_with_200\":{}", "\"garbage_body\":true", "\"html\":true" };
    live all;
    live_result result;
    live_open(&all, NULL, NULL, "\"cache\":{\"memory\":{}}");
    for (size_t i = 0; i < 6; i++) {
        char script[200], question[20];
        snprintf(script, sizeof script, "{\"rules\":[{\"times\":1,\"fault\":{%s}}]}", faults[i]);
        snprintf(question, sizeof question, "question %zu", i);
        live_script(&all, script);
        llmcost_message message = live_user(question);
        llmcost_request request = plain_request(&message);
        live_run(&all, PULLED, &request, &result);
        assert_true(result.status != LLMCOST_OK);
        live_result_free(&result);
        assert_int_equal(asked_upstream(&all, &request), 1);
        assert_int_equal(asked_upstream(&all, &request), 0);
    }
    live_close(&all);
}

/* ---- E: retry ---- */

/* 60: "Retry-After: 60" is told to the caller at once where it does not fit, and kept to where it does. */
static void e60_the_wait_is_the_providers(void **state)
{
    (void)state;
    live all;
    live_result result;
    llmcost_message message = live_user("hello");
    live_open(&all, "{\"default\":{\"fault\":{\"status\":429,\"retry_after\":60}}}", "\"retries\":3", NULL);
    for (int i = 0; i < 2 * LIVE_WAYS; i++) {
        llmcost_request request = live_request(models[i % 2], &message);
        request.deadline_ms = 50000;
        live_run(&all, (live_way)(i / 2), &request, &result);
        assert_int_equal(result.status, LLMCOST_E_RATE_LIMITED);
        assert_int_equal(llmcost_error_retry_after_ms(llmcost_response_error(result.response)), 60000);
        assert_true(result.seconds < 30);
        assert_int_equal(llmcost_mock_request_count(all.mock), i + 1);
        live_result_free(&result);
    }
    live_script(&all, "{\"rules\":[{\"times\":1,\"fault\":{\"status\":429,\"retry_after\":1}}]}");
    live_ask(&all, PULLED, OPENAI_MODEL, "hello", &result);
    assert_int_equal(result.status, LLMCOST_OK);
    assert_true(result.seconds >= 0.999 && result.seconds < 30);
    live_result_free(&result);
    live_close(&all);
}

/*
 * 60: with two deployments the header counts as well: neither is asked again before its time, and the caller is told the
 * sooner of the two waits.
 */
static void e60_the_wait_of_two_deployments(void **state)
{
    (void)state;
    live all;
    live_result result;
    live_open(&all, "{\"rules\":[{\"match\":{\"model\":\"gpt-*\"},\"fault\":{\"status\":429,\"retry_after\":60}},{\"fault\":{\"status\":429,\"retry_after\":45}}]}", "\"retries\":3",
              "\"deadline_ms\":40000,\"routes\":{\"r\":{\"fallback\":[\"" OPENAI_MODEL "\",\"" ANTHROPIC_MODEL "\"]}}");
    for (live_way way = BLOCKING; way < LIVE_WAYS; way++) {
        live_ask(&all, way, "r", "hello", &result);
        assert_int_equal(result.status, LLMCOST_E_RATE_LIMITED);
        assert_int_equal(llmcost_error_retry_after_ms(llmcost_response_error(result.response)), 45000);
        assert_true(result.seconds < 30);
        assert_int_equal(llmcost_mock_request_count(all.mock), 2 * (way + 1));
        live_result_free(&result);
    }
    live_script(&all, "{\"rules\":[{\"match\":{\"model\":\"gpt-*\"},\"fault\":{\"status\":429,\"retry_after\":60}}],\"default\":{\"reply\":{\"text\":\"free\"}}}");
    live_ask(&all, PULLED, "r", "hello", &result);
    assert_int_equal(result.status, LLMCOST_OK); /* at once: the other one is not limited */
    assert_true(result.seconds < 30);
    live_result_free(&result);
    live_close(&all);
}

/* 61: a target that fails call after call is taken out, and stays so for the calls that come later. */
static void e61_failures_in_a_row_take_a_target_out(void **state)
{
    (void)state;
    live all;
    live_result result;
    live_open(&all, "{\"default\":{\"fault\":{\"status\":500}}}", NULL, "\"breaker\":{\"open_ms\":\"1h\"}");
    for (int i = 0; i < 25; i++) {
        live_ask(&all, (live_way)(i % LIVE_WAYS), OPENAI_MODEL, "hello", &result);
        assert_int_equal(result.status, i < 10 ? LLMCOST_E_SERVER : LLMCOST_E_BREAKER_OPEN);
        live_result_free(&result);
    }
    assert_int_equal(llmcost_mock_request_count(all.mock), 10);
    live_ask(&all, BLOCKING, ANTHROPIC_MODEL, "hello", &result); /* that one only */
    assert_int_equal(result.status, LLMCOST_E_SERVER);
    live_result_free(&result);
    live_close(&all);
}

/* 62: a revoked key is not tried again and again; neither is anything else that will not pass. */
static void e62_no_retries_of_what_will_not_pass(void **state)
{
    (void)state;
    static const int statuses[] = { 400, 401, 402, 403, 404, 413 };
    live all;
    live_result result;
    live_open(&all, NULL, "\"retries\":5", NULL);
    for (size_t i = 0; i < 6; i++) {
        char script[100];
        snprintf(script, sizeof script, "{\"default\":{\"fault\":{\"status\":%d}}}", statuses[i]);
        live_script(&all, script);
        live_ask(&all, (live_way)(i % LIVE_WAYS), models[i % 2], "hello", &result);
        assert_true(result.status != LLMCOST_OK);
        assert_int_equal(llmcost_mock_request_count(all.mock), i + 1);
        live_result_free(&result);
        live_renew(&all);
    }
    live_script(&all, "{\"default\":{\"fault\":{\"status\":401}}}");
    uint64_t before = llmcost_mock_request_count(all.mock);
    for (int i = 0; i < 8; i++) { /* nor by the next calls */
        live_ask(&all, (live_way)(i % LIVE_WAYS), OPENAI_MODEL, "hello", &result);
        assert_int_equal(result.status, LLMCOST_E_AUTH);
        assert_int_equal(llmcost_mock_request_count(all.mock), before + 1);
        live_result_free(&result);
    }
    live_close(&all);
}

/* 62, 60: of two keys the revoked one is tried once, the busy one not before its reset, and the caller hears of the soonest. */
static void e62_keys_are_apart(void **state)
{
    (void)state;
    static const char script[] = "{\"rules\":[{\"match\":{\"header\":{\"name\":\"authorization\",\"equals\":\"Bearer sk-one\"}},\"fault\":{\"status\":%d,\"retry_after\":%d}}],\"default\":%s}";
    static const struct { int status, wait; } kinds[] = { { 401, 1 }, { 402, 1 }, { 429, 60 } };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char text[500], config[500];
        llmcost_mock *mock;
        llmcost_client *client;
        llmcost_response *response;
        snprintf(text, sizeof text, script, kinds[i].status, kinds[i].wait, "{\"reply\":{\"text\":\"well\"}}");
        assert_int_equal(llmcost_mock_start(&mock, text, NULL), LLMCOST_OK);
        snprintf(config, sizeof config, "{\"providers\":{\"openai\":{\"base_url\":\"%s/v1\",\"keys\":[\"sk-one\",\"sk-two\"],\"proxy\":\"\",\"retries\":0}}}", llmcost_mock_url(mock));
        assert_int_equal(llmcost_client_open(&client, config, NULL), LLMCOST_OK);
        for (int call = 0; call < 10; call++) {
            assert_int_equal(llmcost_ask(client, OPENAI_MODEL, "hello", &response), LLMCOST_OK);
            assert_int_equal(llmcost_response_line_count(response), call ? 1 : 2);
            llmcost_response_free(response);
        }
        assert_int_equal(llmcost_mock_request_count(mock), 11);
        if (kinds[i].status == 429) { /* now the other one too, for longer */
            assert_int_equal(llmcost_mock_script(mock, "{\"default\":{\"fault\":{\"status\":429,\"retry_after\":3000}}}", NULL), LLMCOST_OK);
            assert_int_equal(llmcost_ask(client, OPENAI_MODEL, "hello", &response), LLMCOST_E_RATE_LIMITED);
            assert_in_range(llmcost_error_retry_after_ms(llmcost_response_error(response)), 1, 60000);
            llmcost_response_free(response);
        }
        assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
        llmcost_mock_stop(mock);
    }
}

/* ---- H: secrets ---- */

static void scan_alert(const char *json, void *user)
{
    ++*(int *)user;
    assert_no_secret(json);
}

/* 73: no key in a budget's error, in an alert or in what budgets tell. */
static void h73_no_key_where_money_is_told(void **state)
{
    (void)state;
    live all;
    live_result result;
    int alerts = 0;
    char *text = NULL;
    live_open(&all, "{\"default\":{\"reply\":{\"usage\":{\"prompt\":10,\"completion\":100}}}}", NULL,
              "\"budget_wait_ms\":0,\"min_max_tokens\":100,\"budgets\":[{\"limit\":\"0.0001 USD\",\"alert_at\":[0.5]}]");
    assert_int_equal(llmcost_client_on_alert(all.client, scan_alert, &alerts), LLMCOST_OK);
    live_ask(&all, BLOCKING, OPENAI_MODEL, "hello", &result);
    assert_int_equal(result.status, LLMCOST_OK);
    live_result_free(&result);
    live_ask(&all, BLOCKING, OPENAI_MODEL, "hello", &result);
    assert_int_equal(result.status, LLMCOST_E_BUDGET);
    live_result_free(&result);
    assert_int_equal(alerts, 1);
    assert_int_equal(llmcost_budgets(all.client, &text), LLMCOST_OK);
    assert_no_secret(text);
    llmcost_string_free(text);
    live_close(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c38_a_stopped_stream_is_counted), cmocka_unit_test(c39_a_cut_stream_has_a_price), cmocka_unit_test(c40_a_placeholder_is_no_count),
        cmocka_unit_test(c42_zeros_are_figures), cmocka_unit_test(c43_leaving_reaches_the_provider), cmocka_unit_test(c44_a_dead_stream_is_no_success), cmocka_unit_test(c44_a_dead_stream_with_a_fallback),
        cmocka_unit_test(c45_silence_is_bounded), cmocka_unit_test(c45_silence_goes_on_to_the_next), cmocka_unit_test(c45_connecting_is_bounded), cmocka_unit_test(c46_no_attempts_after_the_caller_left),
        cmocka_unit_test(c46_no_targets_after_the_caller_left), cmocka_unit_test(c47_streams_are_tried_again), cmocka_unit_test(c47_streams_fall_back), cmocka_unit_test(c48_an_abort_is_billed_for_what_came), cmocka_unit_test(c49_a_cached_stream_tells_usage),
        cmocka_unit_test(c50_no_parameter_is_dropped), cmocka_unit_test(d51_the_key_has_every_field), cmocka_unit_test(d54_namespaces_are_apart),
        cmocka_unit_test(d56_history_counts), cmocka_unit_test(d59_failures_are_not_kept), cmocka_unit_test(e60_the_wait_is_the_providers), cmocka_unit_test(e60_the_wait_of_two_deployments), cmocka_unit_test(e61_failures_in_a_row_take_a_target_out),
        cmocka_unit_test(e62_no_retries_of_what_will_not_pass), cmocka_unit_test(e62_keys_are_apart), cmocka_unit_test(h73_no_key_where_money_is_told),
    };
    alarm(600);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
