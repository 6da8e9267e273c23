/*
 * Over real sockets, with the Nth allocation failing, for each N until a call gets through: the call ends, with a
 * response or with E_MEMORY alone; nothing leaks; and the next call on the same client works.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/live.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct outcome {
    int completions;
    llmcost_status status;
} outcome;

static int ignore_event(const llmcost_event *event, void *user)
{
    (void)event;
    (void)user;
    return 0;
}

static void take_done(uint64_t call, llmcost_response *response, void *user)
{
    (void)call;
    outcome *out = user;
    out->completions++;
    out->status = llmcost_response_status(response);
    llmcost_response_free(response);
}

static llmcost_status run_on_loop(live *all, const llmcost_request *request, int streams)
{
    llmcost_loop *loop = NULL;
    outcome out = { 0, LLMCOST_OK };
    llmcost_status status = llmcost_loop_open(all->client, &loop);
    if (status)
        return status;
    status = llmcost_loop_submit(loop, request, streams ? ignore_event : NULL, take_done, &out, NULL);
    while (llmcost_loop_pending(loop) > 0)
        llmcost_loop_poll(loop, 1000);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    assert_int_equal(out.completions, status == LLMCOST_OK);
    return status ? status : out.status;
}

/* What live_run() does, without its assertions: here everything may fail. */
static llmcost_status run(live *all, live_way way, const llmcost_request *request)
{
    llmcost_response *response = NULL;
    llmcost_stream *stream = NULL;
    const llmcost_event *event = NULL;
    llmcost_status status;
    if (way == ON_A_LOOP || way == STREAMED_ON_A_LOOP)
        return run_on_loop(all, request, way == STREAMED_ON_A_LOOP);
    if (way == PULLED) {
        status = llmcost_stream_open(all->client, request, &stream);
        while (stream && (status = llmcost_stream_next(stream, &event)) == LLMCOST_OK && event)
            continue;
        llmcost_stream_close(stream);
        return status;
    }
    status = way == BLOCKING ? llmcost_chat(all->client, request, &response) : llmcost_chat_stream(all->client, request, ignore_event, NULL, &response);
    assert_true(response || status == LLMCOST_E_MEMORY);
    assert_true(!response || llmcost_response_status(response) == status);
    if (response) { /* texts made when asked for: NULL or whole */
        llmcost_response_json(response);
        llmcost_response_receipt(response);
    }
    llmcost_response_free(response);
    return status;
}

static const char *const scripts[] = {
    "{\"default\":{\"reply\":{\"text\":\"a reply of some length\",\"reasoning\":\"because\",\"tool_calls\":[{\"id\":\"c\",\"name\":\"t\",\"arguments\":{}}]},\"chunk_bytes\":5}}",
    "{\"default\":{\"fault\":{\"status\":429,\"retry_after\":60,\"message\":\"slowly\"}}}",
    "{\"default\":{\"reply\":{\"text\":\"a reply of some length\"},\"fault\":{\"cut_at\":300}}}",
};
static const llmcost_status healthy[] = { LLMCOST_OK, LLMCOST_E_RATE_LIMITED, LLMCOST_E_TRUNCATED };

static void each_allocation_fails(live_way way, const char *model, size_t which, int fresh)
{
    static const llmcost_tool tool = { .name = "t" };
    live all;
    live_open(&all, scripts[which], NULL, "\"breaker\":false,\"cache\":{\"memory\":{}},\"budgets\":[{\"limit\":\"100 USD\"}]");
    llmcost_message message = live_user("hello");
    llmcost_request request = live_request(model, &message);
    request.tools = &tool;
    request.tool_count = 1;
    if (!fresh) /* a driver and its connection are there */
        run(&all, way, &request);
    for (long n = 1;; n++) {
        assert_true(n < 5000);
        all.memory.failed = 0;
        all.memory.fail_at = all.memory.calls + n;
        llmcost_status status = run(&all, way, &request);
        all.memory.fail_at = 0;
        int failed = all.memory.failed;
        if (status != healthy[which] && status != LLMCOST_E_MEMORY)
            fail_msg("allocation %ld, %s, %s: %s", n, live_way_name(way), model, llmcost_status_name(status));
        if (!failed) {
            assert_int_equal(status, healthy[which]);
            break;
        }
        if (n % 16 == 0)
            assert_int_equal(run(&all, way, &request), healthy[which]);
    }
    live_close(&all); /* which looks for leaks */
}

static void calls_without_memory(void **state)
{
    (void)state;
    for (live_way way = BLOCKING; way < LIVE_WAYS; way++) {
        for (size_t which = 0; which < sizeof scripts / sizeof scripts[0]; which++) {
            each_allocation_fails(way, OPENAI_MODEL, which, 1);
            each_allocation_fails(way, ANTHROPIC_MODEL, which, 0);
        }
    }
}

/* The first target fails, before anything or in the middle, and the second one answers. */
static void fallbacks_without_memory(void **state)
{
    (void)state;
    static const char *const faults[] = { "\"status\":503", "\"error_in_stream\":{\"after\":2}" };
    for (int i = 0; i < 2; i++) {
        char script[300];
        live all;
        snprintf(script, sizeof script, "{\"rules\":[{\"match\":{\"model\":\"gpt-*\"},\"reply\":{\"text\":\"a reply of some length\"},\"chunk_bytes\":5,\"fault\":{%s}}]}", faults[i]);
        live_open(&all, script, NULL, "\"routes\":{\"r\":{\"fallback\":[\"" OPENAI_MODEL "\",\"" ANTHROPIC_MODEL "\"],\"after_delta\":\"continue\",\"attempt_ms\":60000}}");
        llmcost_message message = live_user("hello");
        llmcost_request request = live_request("r", &message);
        live_way way = i ? PULLED : ON_A_LOOP;
        for (long n = 1;; n++) {
            all.memory.failed = 0;
            all.memory.fail_at = all.memory.calls + n;
            llmcost_status status = run(&all, way, &request);
            all.memory.fail_at = 0;
            if (status != LLMCOST_OK && status != LLMCOST_E_MEMORY)
                fail_msg("allocation %ld, %s: %s", n, live_way_name(way), llmcost_status_name(status));
            if (!all.memory.failed)
                break;
        }
        live_close(&all);
    }
}

static void listing_without_memory(void **state)
{
    (void)state;
    live all;
    live_open(&all, "{\"models\":[\"a\",\"b\"]}", NULL, NULL);
    for (long n = 1;; n++) {
        llmcost_response *response = NULL;
        all.memory.failed = 0;
        all.memory.fail_at = all.memory.calls + n;
        llmcost_status status = llmcost_list_models(all.client, n % 2 ? "openai" : "anthropic", &response);
        all.memory.fail_at = 0;
        assert_true(status == LLMCOST_OK || status == LLMCOST_E_MEMORY);
        llmcost_response_free(response);
        if (!all.memory.failed)
            break;
    }
    live_close(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(calls_without_memory), cmocka_unit_test(fallbacks_without_memory), cmocka_unit_test(listing_without_memory) };
    alarm(600);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
