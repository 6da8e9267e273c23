/*
 * Limits over real sockets: sixteen threads and three places, never four at once, and everybody is served; a provider
 * whose headers say that a minute is used up is not asked before its reset.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/live.h"

#include <llmcost/plugin.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 16, CALLS = 25, PLACES = 3 };

/* ---- who is on the wire ---- */

static atomic_int on_the_wire, most_on_the_wire;

static llmcost_verdict enter(llmcost_leg *leg, void *state, void *user)
{
    (void)leg;
    (void)user;
    *(int *)state = 1;
    int now = atomic_fetch_add(&on_the_wire, 1) + 1, most = atomic_load(&most_on_the_wire);
    while (now > most && !atomic_compare_exchange_weak(&most_on_the_wire, &most, now))
        continue;
    return LLMCOST_CONTINUE;
}

static void destroy(llmcost_leg *leg, void *state, void *user)
{
    (void)leg;
    (void)user;
    if (*(int *)state)
        atomic_fetch_sub(&on_the_wire, 1);
}

static const llmcost_policy counter = { .struct_size = sizeof(llmcost_policy), .name = "counter", .phase = LLMCOST_PHASE_BUDGET, .state_bytes = sizeof(int), .enter = enter, .destroy = destroy };

/* ---- threads ---- */

typedef struct worker {
    live *all;
    int index;
    int answered, limited, cut, other;
} worker;

static int leave_at_once(const llmcost_event *event, void *user)
{
    (void)user;
    return llmcost_event_get_kind(event) == LLMCOST_EVENT_TEXT;
}

static void *work(void *user)
{
    worker *own = user;
    for (int i = 0; i < CALLS; i++) {
        llmcost_response *response = NULL;
        llmcost_message message = live_user("hello");
        llmcost_request request = live_request(OPENAI_MODEL, &message);
        request.priority = (own->index + i) % 3 - 1;
        bool leaves = (own->index + i) % 5 == 0;
        if ((own->index + i) % 7 == 0)
            request.deadline_ms = 1 + i % 4; /* most are gone before it is their turn */
        llmcost_status status = leaves ? llmcost_chat_stream(own->all->client, &request, leave_at_once, NULL, &response) : llmcost_chat(own->all->client, &request, &response);
        own->answered += status == LLMCOST_OK;
        own->limited += status == LLMCOST_E_LIMITED;
        own->cut += status == LLMCOST_E_CANCELLED || status == LLMCOST_E_DEADLINE;
        own->other += status != LLMCOST_OK && status != LLMCOST_E_LIMITED && status != LLMCOST_E_CANCELLED && status != LLMCOST_E_DEADLINE;
        llmcost_response_free(response);
    }
    return NULL;
}

static void never_four_at_once(void **state)
{
    (void)state;
    live all;
    pthread_t threads[THREADS];
    worker workers[THREADS], sum = { .index = 0 };
    atomic_store(&on_the_wire, 0);
    atomic_store(&most_on_the_wire, 0);
    live_open(&all, "{\"default\":{\"reply\":{\"text\":\"an answer of some length\"},\"chunk_bytes\":6,\"delay_ms\":2}}",
              "\"retries\":0,\"limits\":{\"in_flight\":3,\"wait_ms\":\"10m\"}", NULL);
    assert_int_equal(llmcost_client_add_policy(all.client, &counter), LLMCOST_OK);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){ .all = &all, .index = i };
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        sum.answered += workers[i].answered;
        sum.limited += workers[i].limited;
        sum.cut += workers[i].cut;
        sum.other += workers[i].other;
    }
    assert_int_equal(sum.other, 0);
    assert_int_equal(sum.limited + sum.answered + sum.cut, THREADS * CALLS);
    assert_true(sum.answered >= THREADS * CALLS / 2);
    assert_in_range(atomic_load(&most_on_the_wire), 1, PLACES);
    assert_int_equal(atomic_load(&on_the_wire), 0);
    char *text;
    assert_int_equal(llmcost_stats(all.client, &text), LLMCOST_OK);
    for (const char *at = text; (at = strstr(at, "\"in_flight\":")); at++)
        assert_int_equal(at[strlen("\"in_flight\":")], '0');
    llmcost_string_free(text);
    live_close(&all);
}

/* ---- headers ---- */

static void a_used_up_minute_is_waited_for(void **state)
{
    (void)state;
    live all;
    live_result result;
    live_open(&all, "{\"rules\":[{\"times\":1,\"reply\":{\"text\":\"last one\",\"headers\":{\"x-ratelimit-remaining-requests\":\"0\",\"x-ratelimit-reset-requests\":\"400ms\"}}}],"
                    "\"default\":{\"reply\":{\"text\":\"new minute\"}}}", "\"retries\":0,\"limits\":{}", NULL);
    live_ask(&all, BLOCKING, OPENAI_MODEL, "hello", &result);
    assert_string_equal(llmcost_response_text(result.response), "last one");
    live_result_free(&result);
    double before = seconds_now();
    live_ask(&all, BLOCKING, OPENAI_MODEL, "hello", &result);
    assert_true(seconds_now() - before > 0.3); /* at least: nobody is too early, however busy the machine is */
    assert_string_equal(llmcost_response_text(result.response), "new minute");
    live_result_free(&result);
    live_script(&all, "{\"rules\":[{\"times\":1,\"fault\":{\"status\":429,\"retry_after\":3600}}],\"default\":{\"reply\":{\"text\":\"not yet\"}}}");
    uint64_t requests = llmcost_mock_request_count(all.mock);
    live_ask(&all, BLOCKING, OPENAI_MODEL, "hello", &result);
    assert_int_equal(result.status, LLMCOST_E_RATE_LIMITED);
    live_result_free(&result);
    for (int way = 0; way < LIVE_WAYS; way++) { /* an hour: nobody asks again, and nobody waits for it */
        live_ask(&all, (live_way)way, OPENAI_MODEL, "hello", &result);
        assert_int_equal(result.status, LLMCOST_E_LIMITED);
        assert_in_range(llmcost_error_retry_after_ms(llmcost_response_error(result.response)), 1000000, 3600000);
        live_result_free(&result);
    }
    assert_int_equal(llmcost_mock_request_count(all.mock), requests + 1);
    live_close(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(never_four_at_once), cmocka_unit_test(a_used_up_minute_is_waited_for) };
    alarm(600);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
