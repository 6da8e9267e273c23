/* The caller leaves in the middle: what is cancelled, what is read on without him, and what is settled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../support/engine_rig.h"
#include "call/call.h"

#define CONFIG(abort) "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0,\"on_abort\":\"" abort "\"}},\"close_ms\":2000,\"budgets\":[{\"limit\":\"1 USD\"}]}"

/* Pieces every second; the usage comes after five. */
static void slow_stream(fake_network *network)
{
    fake_exchange *exchange = fake_network_add(network, NULL);
    for (int i = 0; i < 5; i++)
        fake_exchange_delta(exchange, 1000 * (i + 1), "12345678");
    fake_exchange_end(exchange, 6000, "stop", 10, 50);
}

static int stop_at_once(const llmcost_event *event, void *user)
{
    (void)user;
    assert_string_equal(llmcost_event_text(event, NULL), "12345678");
    return 1;
}

static llmcost_response *leave_after_one(engine_rig *rig)
{
    rig_request *space = malloc(sizeof *space);
    char *question = strdup("hello");
    llmcost_response *response;
    rig_ask(space, "openai/gpt-4o", question)->max_tokens = 100;
    assert_int_equal(llmcost_chat_stream(rig->client, &space->request, stop_at_once, NULL, &response), LLMCOST_E_CANCELLED);
    free(question);
    free(space);
    rig_check_receipt(response);
    return response;
}

static int64_t estimate(void)
{
    return 6 * 2500 + 2 * 10000; /* the prompt and the eight bytes that came */
}

static void test_cancel(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, CONFIG("cancel"));
    slow_stream(&rig.network);
    llmcost_response *response = leave_after_one(&rig);
    assert_int_equal(rig.network.aborted, 1);
    assert_int_equal(rig_spent(&rig), estimate());
    assert_int_equal(llmcost_response_cost_nano(response), estimate());
    assert_string_equal(llmcost_response_text(response), "12345678");
    llmcost_response_free(response);
    rig_close(&rig);
}

/* Each provider has its own word on what happens, and the receipt tells which it was. */
static void test_the_receipt_tells(void **unused)
{
    (void)unused;
    static const struct { const char *model; int64_t cut, draining; } cases[] = { { "openai/gpt-4o", 1, 0 }, { "other/gpt-4o", 0, 1 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        rig_request space;
        llmcost_response *response;
        rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0},\"other\":{\"preset\":\"openai\",\"key\":\"k\",\"retries\":0,\"on_abort\":\"drain\"}}}");
        slow_stream(&rig.network);
        rig_ask(&space, cases[i].model, "hello")->max_tokens = 100;
        assert_int_equal(llmcost_chat_stream(rig.client, &space.request, stop_at_once, NULL, &response), LLMCOST_E_CANCELLED);
        assert_int_equal(rig_line(response, 0, "is_cut"), cases[i].cut);
        assert_int_equal(rig_line(response, 0, "is_draining"), cases[i].draining);
        assert_string_equal(rig_line_text(response, 0, "counts"), "estimated");
        assert_non_null(strstr(llmcost_response_receipt(response), cases[i].cut ? "\"cut\"" : "\"draining\""));
        llmcost_response_free(response);
        assert_int_equal(llmcost_client_run(rig.client, 60000), LLMCOST_OK);
        rig_close(&rig);
    }
    engine_rig rig; /* an answer that came whole, and one that the deadline ended */
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, CONFIG("cancel"));
    fake_network_says(&rig.network, NULL, "hi", 10, 5)->times = 1;
    fake_exchange *slow = fake_network_says(&rig.network, NULL, "hi", 10, 5);
    slow->pieces[0].at_ms = slow->done_ms = 6000;
    assert_int_equal(llmcost_chat(rig.client, rig_ask(&space, "openai/gpt-4o", "hello"), &response), LLMCOST_OK);
    assert_int_equal(rig_line(response, 0, "is_cut"), 0);
    llmcost_response_free(response);
    rig_ask(&space, "openai/gpt-4o", "hello")->deadline_ms = 2500;
    assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_E_DEADLINE);
    assert_int_equal(rig_line(response, 0, "is_cut"), 1);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_drain(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, CONFIG("drain"));
    slow_stream(&rig.network);
    llmcost_response *response = leave_after_one(&rig);
    assert_int_equal(rig.network.aborted, 0);
    assert_int_equal(fake_clock_ms(&rig.clock), 1000);
    assert_int_equal(rig_spent(&rig), 0);
    assert_true(rig_held(&rig) > 0);
    assert_int_equal(rig_stat(&rig, "detached"), 1);
    assert_int_equal(llmcost_response_cost_nano(response), estimate());
    llmcost_response_free(response); /* the caller is done with it */
    assert_int_equal(llmcost_client_run(rig.client, 3000), LLMCOST_OK);
    assert_int_equal(fake_clock_ms(&rig.clock), 4000);
    assert_int_equal(rig_stat(&rig, "detached"), 1);
    assert_int_equal(llmcost_client_run(rig.client, 60000), LLMCOST_OK);
    assert_int_equal(fake_clock_ms(&rig.clock), 6000);
    assert_int_equal(rig_stat(&rig, "detached"), 0);
    assert_int_equal(rig_spent(&rig), 10 * 2500 + 50 * 10000); /* the true amount */
    assert_int_equal(rig_held(&rig), 0);
    assert_int_equal(rig.receipts, 1);
    char *report;
    assert_int_equal(llmcost_report(rig.client, "text", &report), LLMCOST_OK);
    assert_non_null(strstr(report, "in 10, out 50"));
    llmcost_string_free(report);
    rig_close(&rig);
}

/* A stream that never ends is not read on for ever: what had come is the estimate, and what was held is free again. */
static void test_a_drain_that_takes_too_long(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0,\"on_abort\":\"drain\",\"drain_ms\":2500}},\"budgets\":[{\"limit\":\"1 USD\"}]}");
    slow_stream(&rig.network);
    llmcost_response_free(leave_after_one(&rig));
    assert_int_equal(rig_stat(&rig, "detached"), 1);
    assert_int_equal(llmcost_client_run(rig.client, 60000), LLMCOST_OK);
    assert_int_equal(fake_clock_ms(&rig.clock), 3500); /* 1000 when the caller left, and 2500 */
    assert_int_equal(rig_stat(&rig, "detached"), 0);
    assert_int_equal(rig.network.aborted, 1);
    assert_int_equal(rig_held(&rig), 0);
    assert_int_equal(rig_spent(&rig), 6 * 2500 + 3 * 2 * 10000); /* the prompt and three pieces */
    rig_close(&rig);
}

static int stop_on_a_loop(const llmcost_event *event, void *user)
{
    (void)event;
    ++*(int *)user;
    return 1;
}

static void done_on_a_loop(uint64_t call, llmcost_response *response, void *user)
{
    (void)call;
    (void)user;
    assert_int_equal(llmcost_response_status(response), LLMCOST_E_CANCELLED);
    assert_string_equal(llmcost_response_text(response), "12345678");
    llmcost_response_free(response);
}

/* On a loop the word of the callback ends a call as a cancel does. */
static void test_drain_on_a_loop(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_loop *loop;
    int seen = 0;
    rig_open(&rig, CONFIG("drain"));
    slow_stream(&rig.network);
    assert_int_equal(llmcost_loop_open(rig.client, &loop), LLMCOST_OK);
    rig_ask(&space, "openai/gpt-4o", "hello")->max_tokens = 100;
    assert_int_equal(llmcost_loop_submit(loop, &space.request, stop_on_a_loop, done_on_a_loop, &seen, NULL), LLMCOST_OK);
    while (llmcost_loop_pending(loop))
        assert_int_equal(llmcost_loop_poll(loop, -1), LLMCOST_OK);
    assert_int_equal(fake_clock_ms(&rig.clock), 1000);
    assert_int_equal(rig.network.aborted, 0);
    assert_int_equal(rig_stat(&rig, "detached"), 1);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    assert_int_equal(llmcost_client_run(rig.client, 60000), LLMCOST_OK);
    assert_int_equal(fake_clock_ms(&rig.clock), 6000);
    assert_int_equal(seen, 1);
    assert_int_equal(rig_spent(&rig), 10 * 2500 + 50 * 10000);
    assert_int_equal(rig_held(&rig), 0);
    rig_close(&rig);
}

/* All of it in one piece: it is over before the caller's word is acted on, and the provider's count is known. */
static void test_leaving_at_the_last_moment(void **unused)
{
    (void)unused;
    for (int drains = 0; drains < 2; drains++) {
        engine_rig rig;
        rig_request space;
        llmcost_loop *loop;
        int seen = 0;
        rig_open(&rig, drains ? CONFIG("drain") : CONFIG("cancel"));
        fake_exchange *exchange = fake_network_add(&rig.network, NULL);
        fake_exchange_delta(exchange, 1000, "12345678");
        fake_exchange_end(exchange, 1000, "stop", 10, 50);
        assert_int_equal(llmcost_loop_open(rig.client, &loop), LLMCOST_OK);
        rig_ask(&space, "openai/gpt-4o", "hello")->max_tokens = 100;
        assert_int_equal(llmcost_loop_submit(loop, &space.request, stop_on_a_loop, done_on_a_loop, &seen, NULL), LLMCOST_OK);
        while (llmcost_loop_pending(loop))
            assert_int_equal(llmcost_loop_poll(loop, -1), LLMCOST_OK);
        assert_int_equal(seen, 1);
        assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
        assert_int_equal(rig_stat(&rig, "detached"), 0);
        assert_int_equal(rig_spent(&rig), drains ? 10 * 2500 + 50 * 10000 : estimate());
        rig_close(&rig);
    }
}

/* The request of a blocking call is borrowed: a drain must not look at it after the call returned. */
static void test_drain_of_a_blocking_call(void **unused)
{
    (void)unused;
    engine_rig rig;
    llmcost_response *response;
    rig_open(&rig, CONFIG("drain"));
    fake_exchange *exchange = fake_network_add(&rig.network, NULL);
    exchange->connected_ms = 10;
    exchange->status_ms = 20;
    char start[800];
    memset(start, ' ', sizeof start);
    fake_exchange_piece(exchange, 30, start, sizeof start);
    exchange->done_ms = 5000;
    exchange->status = LLMCOST_E_NETWORK; /* and then it breaks: an estimate of the prompt is needed, and of what came, up to max_tokens */
    rig_request *space = malloc(sizeof *space);
    char *question = strdup("hello");
    rig_ask(space, "openai/gpt-4o", question)->deadline_ms = 1000;
    space->request.max_tokens = 100;
    assert_int_equal(llmcost_chat(rig.client, &space->request, &response), LLMCOST_E_DEADLINE);
    free(question);
    free(space);
    llmcost_response_free(response);
    assert_int_equal(rig_stat(&rig, "detached"), 1);
    assert_int_equal(llmcost_client_run(rig.client, 60000), LLMCOST_OK);
    assert_int_equal(rig_spent(&rig), 6 * 2500 + 100 * 10000);
    rig_close(&rig);
}

/* Other calls give it a turn. */
static void test_drain_by_other_calls(void **unused)
{
    (void)unused;
    engine_rig rig;
    llmcost_response *response;
    rig_open(&rig, CONFIG("drain"));
    slow_stream(&rig.network);
    rig.network.exchanges[0].times = 1;
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    llmcost_response_free(leave_after_one(&rig));
    fake_clock_advance(&rig.clock, 10000);
    assert_int_equal(llmcost_ask(rig.client, "openai/gpt-4o", "hello", &response), LLMCOST_OK);
    llmcost_response_free(response);
    assert_int_equal(rig_stat(&rig, "detached"), 0);
    assert_int_equal(rig_spent(&rig), 525000 + 75000);
    rig_close(&rig);
}

/* Closing waits close_ms for them, then drops and settles an estimate. */
static void test_closing_drains(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, CONFIG("drain"));
    slow_stream(&rig.network);
    llmcost_response *response = leave_after_one(&rig);
    rig.responses_out = true;
    rig_close(&rig);
    assert_int_equal(fake_clock_ms(&rig.clock), 3000); /* left at 1000, close_ms 2000 */
    assert_int_equal(rig.network.aborted, 1);
    assert_string_equal(llmcost_response_text(response), "12345678"); /* outlives its client */
    assert_non_null(llmcost_response_receipt(response));
    llmcost_response_free(response);
    assert_int_equal(rig.memory.blocks, 0);
}

static void test_several_drains_take_turns(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, CONFIG("drain"));
    slow_stream(&rig.network);
    llmcost_stream *streams[3];
    rig_request space;
    const llmcost_event *event;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(llmcost_stream_open(rig.client, rig_ask(&space, "openai/gpt-4o", "hello"), &streams[i]), LLMCOST_OK);
        assert_int_equal(llmcost_stream_next(streams[i], &event), LLMCOST_OK);
    }
    for (int i = 0; i < 3; i++)
        llmcost_stream_close(streams[i]);
    assert_int_equal(rig_stat(&rig, "detached"), 3);
    fake_clock_advance(&rig.clock, 10000);
    assert_int_equal(llmcost_client_run(rig.client, 0), LLMCOST_OK); /* what is ready, of all of them */
    assert_int_equal(rig_stat(&rig, "detached"), 0);
    assert_int_equal(rig_spent(&rig), 3 * 525000);
    rig_close(&rig);
}

/* Nothing was sent yet: there is nothing to drain and nothing to pay. */
static void test_leaving_before_it_is_sent(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_stream *stream;
    rig_open(&rig, CONFIG("drain"));
    fake_network_add(&rig.network, NULL)->opening_ms = FAKE_SILENT;
    assert_int_equal(llmcost_stream_open(rig.client, rig_ask(&space, "openai/gpt-4o", "hello"), &stream), LLMCOST_OK);
    llmcost_stream_close(stream);
    assert_int_equal(rig_stat(&rig, "detached"), 0);
    assert_int_equal(rig_spent(&rig), 0);
    assert_int_equal(rig.network.aborted, 1);
    rig_close(&rig);
}

static void test_a_background_thread_drains(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, "{\"background\":true,\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0,\"on_abort\":\"drain\"}},\"budgets\":[{\"limit\":\"1 USD\"}]}");
    slow_stream(&rig.network);
    llmcost_response *response = leave_after_one(&rig);
    for (int i = 0; i < 30000 && rig_stat(&rig, "detached"); i++) {
        assert_non_null(llmcost_response_summary(response)); /* the caller goes on using his response meanwhile */
        assert_non_null(llmcost_response_receipt(response));
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    assert_int_equal(rig_stat(&rig, "detached"), 0);
    assert_int_equal(rig_spent(&rig), 525000);
    llmcost_response_free(response);
    while (rig_stat(&rig, "leased")) /* it gives its driver back */
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    rig_close(&rig);
}

#define SHORT(wait, more) "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0,\"on_abort\":\"drain\"" more "}},\"budget_wait_ms\":\"" wait "\",\"budgets\":[{\"limit\":\"0.0015 USD\"}]}"

/* Of two streams one is left, and is read on with a driver that the next call does not get. Left at 1000, its usage comes at 6000. */
static void leave_on_another_driver(engine_rig *rig, int64_t max_tokens)
{
    rig_request space;
    llmcost_stream *left, *whole;
    const llmcost_event *event;
    slow_stream(&rig->network);
    rig->network.exchanges[0].times = 1;
    fake_network_says(&rig->network, NULL, "hi", 10, 5);
    rig_ask(&space, "openai/gpt-4o", "hello")->max_tokens = max_tokens;
    assert_int_equal(llmcost_stream_open(rig->client, &space.request, &left), LLMCOST_OK);
    assert_int_equal(llmcost_stream_next(left, &event), LLMCOST_OK);
    rig_ask(&space, "openai/gpt-4o-mini", "hello")->max_tokens = 1;
    assert_int_equal(llmcost_stream_open(rig->client, &space.request, &whole), LLMCOST_OK);
    while (llmcost_stream_next(whole, &event) == LLMCOST_OK && event)
        continue;
    llmcost_stream_close(left);
    llmcost_stream_close(whole);
    assert_int_equal(rig_stat(rig, "detached"), 1);
}

/* Streams are calls, too, and those of a loop. */
static void test_drain_by_other_streams(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_stream *stream;
    rig_open(&rig, CONFIG("drain"));
    leave_on_another_driver(&rig, 100);
    fake_clock_advance(&rig.clock, 10000);
    assert_int_equal(llmcost_stream_open(rig.client, rig_ask(&space, "openai/gpt-4o", "hello"), &stream), LLMCOST_OK);
    llmcost_stream_close(stream);
    assert_int_equal(rig_stat(&rig, "detached"), 0);
    rig_close(&rig);
}

static void keep_response(uint64_t call, llmcost_response *response, void *user)
{
    (void)call;
    *(llmcost_response **)user = response;
}

static void test_drain_by_calls_of_a_loop(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_loop *loop;
    llmcost_response *response = NULL;
    rig_open(&rig, CONFIG("drain"));
    leave_on_another_driver(&rig, 100);
    fake_clock_advance(&rig.clock, 10000);
    assert_int_equal(llmcost_loop_open(rig.client, &loop), LLMCOST_OK);
    assert_int_equal(llmcost_loop_submit(loop, rig_ask(&space, "openai/gpt-4o", "hello"), NULL, keep_response, &response, NULL), LLMCOST_OK);
    while (!response)
        assert_int_equal(llmcost_loop_poll(loop, -1), LLMCOST_OK);
    llmcost_response_free(response);
    assert_int_equal(rig_stat(&rig, "detached"), 0);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    rig_close(&rig);
}

/* A call that waits for the money, or the place, of a leg that is read on sees to it meanwhile: nobody else does. */
static void test_who_waits_for_a_drain_runs_it(void **unused)
{
    (void)unused;
    static const struct { const char *config; int64_t left, asked, status; } cases[] = {
        { SHORT("2s", ""), 100, 100, LLMCOST_E_BUDGET }, /* it comes to an end at 6000 */
        { SHORT("10s", ""), 100, 60, LLMCOST_OK },
        { SHORT("10s", ",\"limits\":{\"in_flight\":1,\"wait_ms\":\"10s\"}"), 10, 10, LLMCOST_OK },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        rig_request space;
        llmcost_response *response;
        rig_open(&rig, cases[i].config);
        leave_on_another_driver(&rig, cases[i].left);
        int64_t from_ms = fake_clock_ms(&rig.clock);
        rig_ask(&space, "openai/gpt-4o", "hello")->max_tokens = cases[i].asked;
        assert_int_equal(llmcost_chat(rig.client, &space.request, &response), cases[i].status);
        if (cases[i].status)
            assert_int_equal(fake_clock_ms(&rig.clock), from_ms + 2000);
        else
            assert_in_range(fake_clock_ms(&rig.clock), 6000, 6020);
        llmcost_response_free(response);
        assert_int_equal(llmcost_client_run(rig.client, 60000), LLMCOST_OK);
        assert_int_equal(rig_held(&rig), 0);
        rig_close(&rig);
    }
}

/* Also where nothing is waited for: what has come to its end by then is settled first, what has not is in the way. */
static void test_who_does_not_wait_gives_a_drain_its_turn(void **unused)
{
    (void)unused;
    static const struct { int64_t later_ms; llmcost_status status; } cases[] = { { 10000, LLMCOST_OK }, { 100, LLMCOST_E_BUDGET } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        rig_request space;
        llmcost_response *response;
        rig_open(&rig, SHORT("0s", ""));
        leave_on_another_driver(&rig, 100);
        fake_clock_advance(&rig.clock, cases[i].later_ms);
        rig_ask(&space, "openai/gpt-4o", "hello")->max_tokens = 60;
        assert_int_equal(llmcost_chat(rig.client, &space.request, &response), cases[i].status);
        llmcost_response_free(response);
        assert_int_equal(llmcost_client_run(rig.client, 60000), LLMCOST_OK);
        assert_int_equal(rig_held(&rig), 0);
        rig_close(&rig);
    }
}

/* A stream that runs out of memory says so in every place: its status, its error, and the receipt that was told. */
static void note_status(const llmcost_response *response, void *user)
{
    *(llmcost_status *)user = llmcost_response_status(response);
}

static void test_a_stream_without_memory_says_one_thing(void **unused)
{
    (void)unused;
    static const char *const texts[] = { "one ", "two ", "three", NULL };
    int failed = 0;
    llmcost_status status = LLMCOST_E_MEMORY;
    for (long nth = 1; status; nth++) {
        engine_rig rig;
        rig_request space;
        llmcost_stream *stream;
        const llmcost_event *event;
        llmcost_response *response;
        llmcost_status told = LLMCOST_OK;
        rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0}}}");
        fake_network_streams(&rig.network, NULL, texts, 10, 5);
        assert_int_equal(llmcost_client_on_receipt(rig.client, note_status, &told), LLMCOST_OK);
        assert_int_equal(llmcost_stream_open(rig.client, rig_ask(&space, "openai/gpt-4o", "hello"), &stream), LLMCOST_OK);
        rig.memory.fail_at = rig.memory.calls + nth;
        while ((status = llmcost_stream_next(stream, &event)) == LLMCOST_OK && event)
            continue;
        rig.memory.fail_at = 0;
        assert_int_equal(llmcost_stream_finish(stream, &response), status);
        assert_true(status == LLMCOST_OK || status == LLMCOST_E_MEMORY);
        assert_int_equal(llmcost_response_status(response), status);
        assert_int_equal(told, status);
        if (status) {
            assert_int_equal(llmcost_error_status(llmcost_response_error(response)), status);
            failed++;
        }
        llmcost_response_free(response);
        llmcost_stream_close(stream);
        rig_close(&rig);
    }
    assert_true(failed >= 3);
}

static void count_done(uint64_t call, llmcost_response *response, void *user)
{
    (void)call;
    ++*(int *)user;
    llmcost_response_free(response);
}

static void answer_at(engine_rig *rig, const char *question, int64_t output, int64_t at_ms)
{
    fake_exchange *exchange = fake_network_says(&rig->network, question, "ok", 10, output);
    exchange->pieces[0].at_ms = exchange->done_ms = at_ms;
}

/*
 * One that waits for room is told of it when its own timer has just made it ask, be shortened and wait again: the word is
 * that of the first wait, and it still stands in the queue with the second.
 */
static void test_a_word_of_room_that_comes_late(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_stream *stream;
    const llmcost_event *event;
    llmcost_loop *loop;
    int done = 0;
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0,\"on_abort\":\"drain\"}},\"budgets\":[{\"limit\":\"0.02 USD\"}],\"budget_wait_ms\":500}");
    fake_exchange *endless = fake_network_add(&rig.network, "abandoned");
    fake_exchange_delta(endless, 1, "x");
    endless->done_ms = FAKE_SILENT;
    answer_at(&rig, "first", 900, 40);
    answer_at(&rig, "second", 100, 100);
    answer_at(&rig, "third", 100, 1);
    rig_ask(&space, "openai/gpt-4o", "abandoned")->max_tokens = 10;
    assert_int_equal(llmcost_stream_open(rig.client, &space.request, &stream), LLMCOST_OK);
    assert_int_equal(llmcost_stream_next(stream, &event), LLMCOST_OK);
    assert_int_equal(llmcost_loop_open(rig.client, &loop), LLMCOST_OK); /* a driver of its own, not the stream's */
    llmcost_stream_close(stream);
    static const struct { const char *question; int64_t most; } calls[] = { { "first", 1000 }, { "second", 800 }, { "third", 1200 } };
    for (int i = 0; i < 3; i++) {
        rig_ask(&space, "openai/gpt-4o", calls[i].question)->max_tokens = calls[i].most;
        assert_int_equal(llmcost_loop_submit(loop, &space.request, NULL, count_done, &done, NULL), LLMCOST_OK);
    }
    for (int i = 0; i < 1000 && llmcost_loop_pending(loop); i++)
        assert_int_equal(llmcost_loop_poll(loop, 20), LLMCOST_OK);
    assert_int_equal(done, 3);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_the_receipt_tells),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_a_drain_that_takes_too_long),
        cmocka_unit_test(test_drain_on_a_loop),
        cmocka_unit_test(test_leaving_at_the_last_moment),
        cmocka_unit_test(test_drain_of_a_blocking_call),
        cmocka_unit_test(test_drain_by_other_calls),
        cmocka_unit_test(test_drain_by_other_streams),
        cmocka_unit_test(test_drain_by_calls_of_a_loop),
        cmocka_unit_test(test_who_waits_for_a_drain_runs_it),
        cmocka_unit_test(test_who_does_not_wait_gives_a_drain_its_turn),
        cmocka_unit_test(test_closing_drains),
        cmocka_unit_test(test_a_stream_without_memory_says_one_thing),
        cmocka_unit_test(test_several_drains_take_turns),
        cmocka_unit_test(test_leaving_before_it_is_sent),
        cmocka_unit_test(test_a_background_thread_drains),
        cmocka_unit_test(test_a_word_of_room_that_comes_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
