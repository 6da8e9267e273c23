/* Threads that count calls, correct and score them, while others read reports: nothing is lost, and sums are exact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "../support/engine_rig.h"
#include "../support/rounds.h"
#include "money/experiment_sums.h"

enum { THREADS = 6 };

static const char *const names[] = { "a", "b" };
static const uint32_t weights[] = { 1, 1 };
static const llmc_split split = { .name = "r", .sides = names, .weights = weights, .side_count = 2 };

typedef struct counting {
    llmc_experiments *experiments;
    uint64_t first_id;
    int calls;
} counting;

static void *count_calls(void *user)
{
    counting *of = user;
    for (int i = 0; i < of->calls; i++) {
        llmc_split_call call = { .sides = { (uint32_t)i % 2 }, .side_count = 1, .id = of->first_id + (uint64_t)i, .cost_nano = 1000, .duration_ns = 5000000, .first_byte_ns = 1000000 };
        llmc_experiments_add(of->experiments, &call);
        llmc_experiments_correct(of->experiments, call.sides, 1, 1000, 700);
        if (llmc_experiments_feedback(of->experiments, call.id, 5) != LLMCOST_OK || llmc_experiments_feedback(of->experiments, call.id, -2) != LLMCOST_OK)
            return of;
    }
    return NULL;
}

static void *read_reports(void *user)
{
    counting *of = user;
    for (int i = 0; i < of->calls / 20; i++) {
        llmc_side_sums sums;
        llmc_experiments_read(of->experiments, 0, &sums);
        if (sums.cost.count != sums.calls || sums.score.count > sums.calls || sums.cost.sum > 1000 * sums.calls || sums.cost.sum < 700 * sums.calls)
            return of;
        if (llmc_experiments_latency(of->experiments, 0).count > of->calls * THREADS)
            return of;
    }
    return NULL;
}

static void test_counting(void **state)
{
    (void)state;
    int calls = 2000 * test_rounds(1);
    llmc_experiments *experiments;
    const llmc_experiment_settings settings = { &split, 2, 100000 * (size_t)test_rounds(1), "USD" };
    assert_int_equal(llmc_experiments_new(&experiments, &llmc_allocator_system, &settings), LLMCOST_OK);
    counting work[THREADS];
    pthread_t threads[THREADS], reader;
    for (int i = 0; i < THREADS; i++) {
        work[i] = (counting){ experiments, (uint64_t)i << 32, calls };
        assert_int_equal(pthread_create(&threads[i], NULL, count_calls, &work[i]), 0);
    }
    assert_int_equal(pthread_create(&reader, NULL, read_reports, &work[0]), 0);
    void *failed;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    pthread_join(reader, &failed);
    assert_null(failed);
    for (uint32_t side = 0; side < 2; side++) {
        llmc_side_sums sums;
        int64_t all = (int64_t)THREADS * calls / 2;
        llmc_experiments_read(experiments, side, &sums);
        assert_int_equal(sums.calls, all);
        assert_true(sums.cost_nano == 700 * all && sums.cost.sum == 700 * all && sums.cost.squares == 490000 * all);
        assert_true(sums.score.count == all && sums.score.sum == -2000000 * all);
        assert_int_equal(llmc_experiments_latency(experiments, side).count, all);
    }
    llmc_experiments_free(experiments);
}

/* ---- a whole client ---- */

typedef struct calling {
    engine_rig *rig;
    int first, calls;
} calling;

static void *make_calls(void *user)
{
    calling *of = user;
    for (int i = 0; i < of->calls; i++) {
        char name[2] = { (char)('a' + (of->first + i) % 26), 0 };
        llmcost_tag tag = { "user", name };
        rig_request space;
        llmcost_response *response, *again;
        rig_ask(&space, "r", "hello");
        space.request.tags = &tag;
        space.request.tag_count = 1;
        if (llmcost_chat(of->rig->client, &space.request, &response) || llmcost_chat(of->rig->client, &space.request, &again))
            return of;
        bool same = strcmp(llmcost_response_text(response), llmcost_response_text(again)) == 0;
        if (!same || llmcost_feedback(of->rig->client, llmcost_response_id(response), 1))
            return of;
        llmcost_response_free(response);
        llmcost_response_free(again);
        char *report;
        if (i % 10 == 0 && llmcost_report(of->rig->client, "text", &report) == LLMCOST_OK)
            llmcost_string_free(report);
    }
    return NULL;
}

static int64_t sum_of(const char *report, const char *key)
{
    int64_t sum = 0;
    for (const char *at = strstr(strstr(report, "\"splits\""), key); at; at = strstr(at + 1, key))
        sum += strtoll(at + strlen(key), NULL, 10);
    return sum;
}

static void test_clients_calls(void **state)
{
    enum { CALLS = 40 };
    engine_rig rig;
    calling work[THREADS];
    pthread_t threads[THREADS];
    (void)state;
    rig_open(&rig, "{" RIG_OPENAI ",\"routes\":{\"r\":{\"split\":{\"openai/gpt-4o\":1,\"openai/gpt-4o-mini\":1},\"sticky\":\"user\"}},\"cache\":{\"memory\":{},\"sampled\":true}}");
    fake_network_says(&rig.network, "\"gpt-4o\"", "large", 10, 5);
    fake_network_says(&rig.network, "\"gpt-4o-mini\"", "small", 10, 5);
    for (int i = 0; i < THREADS; i++) {
        work[i] = (calling){ &rig, i, CALLS };
        assert_int_equal(pthread_create(&threads[i], NULL, make_calls, &work[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    char *report = NULL;
    assert_int_equal(llmcost_report(rig.client, "json", &report), LLMCOST_OK);
    assert_int_equal(sum_of(report, "\"calls\":") + sum_of(report, "\"cached\":"), 2 * THREADS * CALLS);
    assert_int_equal(sum_of(report, "\"scored\":"), THREADS * CALLS);
    llmcost_string_free(report);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_counting), cmocka_unit_test(test_clients_calls) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
