/* The circuit breaker over real sockets: a provider that dies, is left alone, and comes back. No elapsed time decides anything. */
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/live.h"

#define DEAD "{\"default\":{\"fault\":{\"status\":503}}}"
#define CUT "{\"default\":{\"fault\":{\"cut_at\":0}}}"
#define ALIVE "{\"default\":{\"reply\":{\"text\":\"here\"}}}"
#define FOR_LONG "\"breaker\":{\"min_calls\":4,\"open_ms\":\"1h\",\"max_open_ms\":\"1h\"}"
#define BRIEFLY "\"breaker\":{\"min_calls\":4,\"open_ms\":20,\"max_open_ms\":40}"

typedef struct alerts {
    pthread_mutex_t lock;
    int open, half_open, closed;
} alerts;

static void take_alert(const char *json, void *user)
{
    alerts *self = user;
    pthread_mutex_lock(&self->lock);
    self->open += strstr(json, "\"state\":\"open\"") != NULL;
    self->half_open += strstr(json, "\"state\":\"half_open\"") != NULL;
    self->closed += strstr(json, "\"state\":\"closed\"") != NULL;
    pthread_mutex_unlock(&self->lock);
}

static bool state_is(live *all, const char *model, const char *state)
{
    char *text = NULL, member[200];
    assert_int_equal(llmcost_targets(all->client, &text), LLMCOST_OK);
    assert_no_secret(text);
    snprintf(member, sizeof member, "{\"name\":\"%s\",\"state\":\"%s\"", model, state);
    bool is = strstr(text, member) != NULL;
    llmcost_string_free(text);
    return is;
}

/* ---- left alone, in every way to call ---- */

static void nothing_is_sent_to_what_is_dead(void **unused)
{
    (void)unused;
    static const char *const deaths[] = { DEAD, CUT, "{\"default\":{\"fault\":{\"silent\":true}}}", "{\"default\":{\"fault\":{\"status\":200,\"body\":\"nonsense\"}}}" };
    for (size_t death = 0; death < sizeof deaths / sizeof deaths[0]; death++) {
        live all;
        live_result result;
        live_open(&all, deaths[death], "\"retries\":0,\"first_byte_ms\":100", FOR_LONG);
        for (size_t format = 0; format < LIVE_FORMATS; format++) {
            uint64_t before = llmcost_mock_request_count(all.mock);
            for (int i = 0; i < 4; i++) {
                live_ask(&all, (live_way)(i % LIVE_WAYS), live_models[format], "hello", &result);
                assert_true(result.status != LLMCOST_OK && result.status != LLMCOST_E_BREAKER_OPEN);
                live_result_free(&result);
            }
            assert_true(state_is(&all, live_models[format], "open"));
            for (live_way way = BLOCKING; way < LIVE_WAYS; way++) {
                live_ask(&all, way, live_models[format], "hello", &result);
                assert_int_equal(result.status, LLMCOST_E_BREAKER_OPEN);
                assert_int_equal(llmcost_response_cost_nano(result.response), 0);
                assert_int_equal(llmcost_response_line_count(result.response), 1);
                live_result_free(&result);
            }
            assert_int_equal(llmcost_mock_request_count(all.mock), before + 4);
        }
        live_close(&all);
    }
}

/* ---- and back ---- */

static bool comes_back(live *all, live_way way)
{
    for (int i = 0; i < 5000; i++) {
        live_result result;
        live_ask(all, way, OPENAI_MODEL, "hello", &result);
        llmcost_status status = result.status;
        live_result_free(&result);
        if (status == LLMCOST_OK)
            return true;
        usleep(2000);
    }
    return false;
}

static void it_dies_and_comes_back(void **unused)
{
    (void)unused;
    live all;
    alerts seen = { .lock = PTHREAD_MUTEX_INITIALIZER };
    live_open(&all, ALIVE, "\"retries\":1", BRIEFLY);
    assert_int_equal(llmcost_client_on_alert(all.client, take_alert, &seen), LLMCOST_OK);
    for (live_way way = BLOCKING; way < LIVE_WAYS; way++) {
        live_script(&all, way % 2 ? CUT : DEAD);
        for (int i = 0; i < 40 || !state_is(&all, OPENAI_MODEL, "open"); i++) { /* its window remembers what went well before */
            live_result result;
            live_ask(&all, way, OPENAI_MODEL, "hello", &result);
            assert_true(result.status != LLMCOST_OK);
            live_result_free(&result);
        }
        live_script(&all, ALIVE);
        assert_true(comes_back(&all, way));
        while (!state_is(&all, OPENAI_MODEL, "closed")) /* one that had no other target went past an open breaker */
            assert_true(comes_back(&all, way));
    }
    assert_int_equal(seen.closed, LIVE_WAYS);
    assert_true(seen.open >= LIVE_WAYS);
    assert_int_equal(seen.half_open, seen.open); /* each opening ended in a probe */
    live_close(&all);
}

/* ---- a crowd ---- */

enum { THREADS = 8, CALLS = 40 };

typedef struct crowd {
    live *all;
    atomic_int answered, failed, refused;
} crowd;

static void *call_often(void *user)
{
    crowd *of = user;
    for (int i = 0; i < CALLS; i++) {
        llmcost_response *response = NULL;
        llmcost_status status = llmcost_ask(of->all->client, OPENAI_MODEL, "hello", &response);
        llmcost_response_free(response);
        atomic_fetch_add(status == LLMCOST_OK ? &of->answered : status == LLMCOST_E_BREAKER_OPEN ? &of->refused : &of->failed, 1);
    }
    return NULL;
}

static void a_crowd_sends_no_more_than_was_under_way(void **unused)
{
    (void)unused;
    live all;
    crowd of = { .all = &all };
    pthread_t threads[THREADS];
    live_open(&all, DEAD, "\"retries\":2", FOR_LONG);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, &of), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(of.answered, 0);
    assert_int_equal(of.failed + of.refused, THREADS * CALLS);
    assert_in_range(llmcost_mock_request_count(all.mock), 4, 4 + THREADS);
    assert_true(of.failed <= 4 + THREADS);
    live_close(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_sent_to_what_is_dead),
        cmocka_unit_test(it_dies_and_comes_back),
        cmocka_unit_test(a_crowd_sends_no_more_than_was_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
