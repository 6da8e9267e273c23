/* Loops: submit, poll, cancel and wake from any thread; every call done exactly once. */
#include <poll.h>
#include <sched.h>
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

#define CONFIG "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0}},\"budgets\":[{\"limit\":\"100 USD\"}]}"

enum { MANY = 400 };

typedef struct calls {
    engine_rig *rig;
    llmcost_loop *loop;
    atomic_int done, by_status[100];
    atomic_int times[MANY * 4];  /* how often each id was done */
    int events;
    bool resubmit, cancels, closing;
    uint64_t victim;
    atomic_bool stop;
} calls;

static void on_done(uint64_t call, llmcost_response *response, void *user)
{
    calls *all = user;
    all->done++;
    all->by_status[llmcost_response_status(response)]++;
    assert_true(call < MANY * 4);
    all->times[call]++;
    assert_int_equal(llmcost_loop_poll(all->loop, 0), LLMCOST_E_REENTRANT);
    assert_int_equal(llmcost_loop_close(all->loop), LLMCOST_E_REENTRANT);
    assert_int_equal(llmcost_client_close(all->rig->client), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_loop_cancel(all->loop, call), LLMCOST_OK); /* done already: nothing happens */
    if (all->cancels)
        assert_int_equal(llmcost_loop_cancel(all->loop, all->victim), LLMCOST_OK);
    llmcost_response_free(response);
    if (!all->resubmit)
        return;
    all->resubmit = all->closing; /* once, or after each end, as a host does that keeps so many in flight */
    rig_request space;
    assert_int_equal(llmcost_loop_submit(all->loop, rig_ask(&space, "openai/gpt-4o", "again"), NULL, on_done, all, NULL), all->closing ? LLMCOST_E_CLOSED : LLMCOST_OK);
}

static int on_event(const llmcost_event *event, void *user)
{
    calls *all = user;
    all->events++;
    assert_int_equal(llmcost_loop_poll(all->loop, 0), LLMCOST_E_REENTRANT);
    return llmcost_event_get_kind(event) == LLMCOST_EVENT_TEXT && strcmp(llmcost_event_text(event, NULL), "stop") == 0;
}

static uint64_t submit(calls *all, const char *text, bool streams)
{
    rig_request space;
    uint64_t id = 0;
    assert_int_equal(llmcost_loop_submit(all->loop, rig_ask(&space, "openai/gpt-4o", text), streams ? on_event : NULL, on_done, all, &id), LLMCOST_OK);
    assert_int_not_equal(id, 0);
    return id;
}

static void begin(engine_rig *rig, calls *all)
{
    rig_open(rig, CONFIG);
    memset(all, 0, sizeof *all);
    all->rig = rig;
    assert_int_equal(llmcost_loop_open(rig->client, &all->loop), LLMCOST_OK);
}

static void run(calls *all)
{
    for (int i = 0; llmcost_loop_pending(all->loop) && i < 100000; i++)
        assert_int_equal(llmcost_loop_poll(all->loop, -1), LLMCOST_OK);
    assert_int_equal(llmcost_loop_pending(all->loop), 0);
}

static void end(engine_rig *rig, calls *all)
{
    assert_int_equal(llmcost_loop_close(all->loop), LLMCOST_OK);
    for (int i = 0; i < MANY * 4; i++)
        assert_true(all->times[i] <= 1);
    rig_close(rig);
}

static void test_many_calls(void **unused)
{
    (void)unused;
    engine_rig rig;
    static calls all;
    begin(&rig, &all);
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    for (int i = 0; i < MANY; i++)
        submit(&all, "hello", false);
    assert_int_equal(llmcost_loop_pending(all.loop), MANY);
    assert_int_equal(all.done, 0); /* never from submit */
    run(&all);
    assert_int_equal(all.by_status[LLMCOST_OK], MANY);
    end(&rig, &all);
}

static void test_streams_and_stops(void **unused)
{
    (void)unused;
    engine_rig rig;
    static calls all;
    begin(&rig, &all);
    fake_network_streams(&rig.network, "one", (const char *const[]){ "a", "b", NULL }, 10, 5);
    fake_network_streams(&rig.network, "two", (const char *const[]){ "a", "stop", "b", NULL }, 10, 5);
    submit(&all, "one", true);
    submit(&all, "two", true);
    run(&all);
    assert_int_equal(all.by_status[LLMCOST_OK], 1);
    assert_int_equal(all.by_status[LLMCOST_E_CANCELLED], 1);
    assert_true(all.events >= 5);
    end(&rig, &all);
}

static void test_cancel(void **unused)
{
    (void)unused;
    engine_rig rig;
    static calls all;
    begin(&rig, &all);
    fake_network_add(&rig.network, "silent")->done_ms = FAKE_SILENT;
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    uint64_t silent = submit(&all, "silent", false), second = submit(&all, "silent too", false);
    assert_int_equal(llmcost_loop_cancel(all.loop, second), LLMCOST_OK); /* before it began */
    assert_int_equal(llmcost_loop_cancel(all.loop, 12345), LLMCOST_OK);
    assert_int_equal(llmcost_loop_poll(all.loop, 0), LLMCOST_OK);
    assert_int_equal(all.by_status[LLMCOST_E_CANCELLED], 1);
    all.cancels = true; /* from within a callback */
    all.victim = silent;
    submit(&all, "hello", false);
    run(&all);
    assert_int_equal(all.by_status[LLMCOST_E_CANCELLED], 2);
    assert_int_equal(all.by_status[LLMCOST_OK], 1);
    end(&rig, &all);
}

static void test_callbacks_submit(void **unused)
{
    (void)unused;
    engine_rig rig;
    static calls all;
    begin(&rig, &all);
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    all.resubmit = true;
    submit(&all, "hello", false);
    run(&all);
    assert_int_equal(all.done, 2);
    end(&rig, &all);
}

static void test_close_in_flight(void **unused)
{
    (void)unused;
    engine_rig rig;
    static calls all;
    begin(&rig, &all);
    fake_network_add(&rig.network, NULL)->done_ms = FAKE_SILENT;
    for (int i = 0; i < 50; i++)
        submit(&all, "hello", i % 2);
    assert_int_equal(llmcost_loop_poll(all.loop, 0), LLMCOST_OK);
    for (int i = 0; i < 50; i++) /* in the mailbox only */
        submit(&all, "hello", false);
    all.resubmit = all.closing = true;
    assert_int_equal(llmcost_loop_cancel(all.loop, 3), LLMCOST_OK);
    end(&rig, &all);
    assert_int_equal(all.done, 100);
    assert_int_equal(all.by_status[LLMCOST_E_CANCELLED], 100);
}

/* More calls than the loop's table has places: closing cancels each, also where the end of one cancels its neighbour. */
static void test_closing_cancels_those_that_share_a_place(void **unused)
{
    (void)unused;
    enum { CALLS = 1200, PLACES = 1024 };
    engine_rig rig;
    static calls all;
    begin(&rig, &all);
    fake_network_add(&rig.network, NULL)->done_ms = FAKE_SILENT;
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(submit(&all, "hello", i % 2), i + 1);
    assert_int_equal(llmcost_loop_poll(all.loop, 0), LLMCOST_OK);
    all.cancels = true;
    all.victim = CALLS - PLACES;
    end(&rig, &all);
    assert_int_equal(all.done, CALLS);
    assert_int_equal(all.by_status[LLMCOST_E_CANCELLED], CALLS);
}

/* A cancel that arrives after the last call is done must not be left behind in the mailbox of a driver. */
static void test_a_late_cancel(void **unused)
{
    (void)unused;
    engine_rig rig;
    static calls all;
    llmcost_response *response;
    begin(&rig, &all);
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    uint64_t id = submit(&all, "hello", false);
    run(&all);
    assert_int_equal(llmcost_loop_cancel(all.loop, id), LLMCOST_OK);
    assert_int_equal(llmcost_loop_close(all.loop), LLMCOST_OK);
    assert_int_equal(llmcost_ask(rig.client, "openai/gpt-4o", "hello", &response), LLMCOST_OK); /* on the same driver */
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_failures_before_the_call(void **unused)
{
    (void)unused;
    engine_rig rig;
    static calls all;
    rig_request space;
    uint64_t id;
    begin(&rig, &all);
    rig_ask(&space, "openai/gpt-4o", "hello")->top_logprobs = 99;
    assert_int_equal(llmcost_loop_submit(all.loop, &space.request, NULL, on_done, &all, &id), LLMCOST_OK);
    rig_ask(&space, "nobody/nothing", "hello");
    assert_int_equal(llmcost_loop_submit(all.loop, &space.request, NULL, on_done, &all, &id), LLMCOST_OK);
    assert_int_equal(llmcost_loop_submit_json(all.loop, "{\"model\":\"openai/gpt-4o\",\"stream\":true,\"messages\":[]}", 0, NULL, on_done, &all, &id), LLMCOST_OK);
    assert_int_equal(llmcost_loop_submit(all.loop, NULL, NULL, on_done, &all, &id), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_loop_submit(all.loop, &space.request, NULL, NULL, &all, &id), LLMCOST_E_MISUSE);
    run(&all);
    assert_int_equal(all.done, 3);
    assert_int_equal(all.by_status[LLMCOST_E_UNKNOWN_MODEL], 1);
    end(&rig, &all);
}

static void test_the_descriptor_and_the_timeout(void **unused)
{
    (void)unused;
    engine_rig rig;
    static calls all;
    begin(&rig, &all);
    fake_network_add(&rig.network, NULL)->connected_ms = FAKE_SILENT;
    struct pollfd descriptor = { .fd = llmcost_loop_descriptor(all.loop), .events = POLLIN };
    assert_int_equal(poll(&descriptor, 1, 0), 0);
    assert_int_equal(llmcost_loop_timeout_ms(all.loop), -1);
    submit(&all, "hello", false);
    assert_int_equal(poll(&descriptor, 1, 0), 1);
    assert_int_equal(llmcost_loop_poll(all.loop, 0), LLMCOST_OK);
    assert_int_equal(llmcost_loop_poll(all.loop, 0), LLMCOST_OK);
    assert_int_equal(llmcost_loop_timeout_ms(all.loop), 10000);
    assert_int_equal(poll(&descriptor, 1, 0), 0);
    llmcost_loop_wake(all.loop);
    assert_int_equal(poll(&descriptor, 1, 0), 1);
    run(&all);
    assert_int_equal(all.by_status[LLMCOST_E_CONNECT_TIMEOUT], 1);
    end(&rig, &all);
}

/* ---- threads ---- */

static time_t seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void *submit_many(void *user)
{
    calls *all = user;
    for (int i = 0; i < MANY; i++) {
        rig_request space;
        uint64_t id;
        if (llmcost_loop_submit(all->loop, rig_ask(&space, "openai/gpt-4o", "hello"), NULL, on_done, all, &id))
            abort();
        if (i % 3 == 0 && llmcost_loop_cancel(all->loop, id))
            abort();
        if (i % 7 == 0)
            llmcost_loop_wake(all->loop);
    }
    return NULL;
}

static void test_submitting_from_threads(void **unused)
{
    (void)unused;
    engine_rig rig;
    static calls all;
    pthread_t threads[3];
    begin(&rig, &all);
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, submit_many, &all);
    for (time_t until = seconds_now() + 120; all.done < 3 * MANY && seconds_now() < until;)
        assert_int_equal(llmcost_loop_poll(all.loop, 10), LLMCOST_OK);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(all.done, 3 * MANY);
    assert_int_equal(all.by_status[LLMCOST_OK] + all.by_status[LLMCOST_E_CANCELLED], 3 * MANY);
    end(&rig, &all);
}

static void *wake_many(void *user)
{
    calls *all = user;
    while (!all->stop) {
        llmcost_loop_wake(all->loop);
        sched_yield();
    }
    return NULL;
}

/*
 * No wake is lost: one that comes while another is being taken in still ends the next wait. System clock. A wait ends
 * when the other thread has its turn, which takes long where the machine is busy, but nothing like its whole time.
 */
static void test_no_wake_is_lost(void **unused)
{
    (void)unused;
    engine_rig rig;
    static calls all;
    pthread_t thread;
    rig_init(&rig);
    memset(&all, 0, sizeof all);
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    options.transport = &rig.network.transport;
    assert_int_equal(llmcost_client_open(&rig.client, CONFIG, &options), LLMCOST_OK);
    assert_int_equal(llmcost_loop_open(rig.client, &all.loop), LLMCOST_OK);
    pthread_create(&thread, NULL, wake_many, &all);
    time_t begun = seconds_now(), now = begun;
    for (int i = 0; i < 20000 && now - begun < 10; i++) {
        time_t before = now;
        assert_int_equal(llmcost_loop_poll(all.loop, 60000), LLMCOST_OK);
        now = seconds_now();
        assert_true(now - before < 30);
    }
    all.stop = true;
    pthread_join(thread, NULL);
    assert_int_equal(llmcost_loop_close(all.loop), LLMCOST_OK);
    assert_int_equal(llmcost_client_close(rig.client), LLMCOST_OK);
    fake_network_free(&rig.network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_calls),
        cmocka_unit_test(test_streams_and_stops),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_callbacks_submit),
        cmocka_unit_test(test_close_in_flight),
        cmocka_unit_test(test_closing_cancels_those_that_share_a_place),
        cmocka_unit_test(test_a_late_cancel),
        cmocka_unit_test(test_failures_before_the_call),
        cmocka_unit_test(test_the_descriptor_and_the_timeout),
        cmocka_unit_test(test_submitting_from_threads),
        cmocka_unit_test(test_no_wake_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
