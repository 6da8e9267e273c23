/* The stores under many threads: built alone with the thread sanitizer too. */
#include "money/accounts.h"
#include "money/totals.h"
#include "store/memory_cache.h"

#include "../support/counting_memory.h"
#include "../support/rounds.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

enum { THREADS = 16 };

static const int64_t NOON = 1790000000000 / 86400000 * 86400000 + 43200000;

static uint64_t next_random(uint64_t *random)
{
    *random ^= *random << 13, *random ^= *random >> 7, *random ^= *random << 17;
    return *random;
}

static void run_threads(void *(*body)(void *), void *context, size_t bytes_each, size_t count)
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, body, (char *)context + i * bytes_each), 0);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

/* ---- one budget, many threads ---- */

enum { CALLS = 400, LIMIT = 100000 };

typedef struct contest {
    counting_memory memory;
    llmc_account_engine *engine;
    llmc_budget budgets[2];
    atomic_llong granted;         /* bounds granted less what is given back, counted so that it is never above the truth */
    atomic_int over, alerts;
} contest;

/* A thread that waits like a call does: on a condition that its waiter signals. */
typedef struct caller {
    contest *of;
    uint64_t random;
    pthread_mutex_t mutex;
    pthread_cond_t woken;
    bool ready;
    int served, refused, needless, wakes;
    int64_t spent;
} caller;

static void on_alert(const llmc_account_alert *alert, void *user)
{
    contest *of = user;
    of->alerts += alert->permille > 0;
}

static void on_wake(void *user)
{
    caller *of = user;
    pthread_mutex_lock(&of->mutex);
    of->ready = true;
    of->wakes++;
    pthread_cond_signal(&of->woken);
    pthread_mutex_unlock(&of->mutex);
}

static void keep_reply(void *user, const llmc_hold_reply *reply)
{
    *(llmc_hold_reply *)user = *reply;
}

static llmc_hold_reply hold(caller *of, llmc_ticket *ticket, const char *value, int64_t bound, int64_t wall_ms)
{
    const llmc_account_ref refs[] = { { 0, NULL }, { 1, value } };
    llmc_hold_reply reply;
    of->of->engine->hold(of->of->engine, ticket, refs, 2, bound, wall_ms, keep_reply, &reply);
    return reply;
}

/* Queue, try again, sleep: so that a change between a refusal and the queueing is not missed. */
static llmc_hold_reply hold_waiting(caller *of, llmc_ticket *ticket, const char *value, int64_t bound)
{
    llmc_account_engine *engine = of->of->engine;
    llmc_account_waiter waiter = { .wake = on_wake, .user = of };
    for (;;) {
        of->ready = false;
        engine->wait(engine, &waiter);
        llmc_hold_reply reply = hold(of, ticket, value, bound, NOON);
        if (reply.outcome != LLMC_HOLD_SHORT_HELD) {
            engine->unwait(engine, &waiter);
            return reply;
        }
        pthread_mutex_lock(&of->mutex);
        while (!of->ready)
            pthread_cond_wait(&of->woken, &of->mutex);
        pthread_mutex_unlock(&of->mutex);
        engine->unwait(engine, &waiter);
    }
}

static void *contend(void *user)
{
    caller *of = user;
    contest *over = of->of;
    for (int i = 0; i < CALLS; i++) {
        uint64_t dice = next_random(&of->random);
        int64_t bound = 1 + (int64_t)(dice % (LIMIT / 5)), amount = (dice >> 20) % 4 ? (int64_t)((dice >> 32) % (uint64_t)(bound / 64 + 1)) : 0;
        char value[2] = { (char)('a' + (dice >> 28) % 3), 0 };
        llmc_ticket ticket = { 0 };
        llmc_hold_reply reply = hold_waiting(of, &ticket, value, bound);
        if (reply.outcome != LLMC_HOLD_GRANTED) {
            of->refused++;
            of->needless += reply.outcome != LLMC_HOLD_SHORT_SPENT || bound <= reply.spendable_nano;
            continue;
        }
        if (atomic_fetch_add(&over->granted, bound) + bound > LIMIT)
            over->over++;
        if (dice >> 60 == 0)
            sched_yield();
        of->served++;
        of->spent += amount;
        atomic_fetch_sub(&over->granted, bound - amount); /* first here, so that this sum is never more than the engine's */
        over->engine->settle(over->engine, &ticket, amount, NULL, NULL);
    }
    return NULL;
}

static int64_t spent_of(llmc_account_engine *engine, const char *budget)
{
    llmc_buffer text;
    llmc_buffer_init(&text, &llmc_allocator_system, 1 << 20);
    assert_int_equal(engine->describe(engine, NOON, &text), LLMCOST_OK);
    json_t *array = json_loadb(text.data, text.length, 0, NULL), *object;
    size_t i;
    int64_t spent = 0;
    json_array_foreach(array, i, object) {
        assert_int_equal(json_integer_value(json_object_get(object, "held_nano")), 0);
        if (strcmp(json_string_value(json_object_get(object, "name")), budget) == 0)
            spent += json_integer_value(json_object_get(object, "spent_nano"));
    }
    json_decref(array);
    llmc_buffer_free(&text);
    return spent;
}

/* How often somebody who waited was woken. */
static int contend_once(int round)
{
    contest of = { .budgets = { { .name = "all", .limit_nano = LIMIT, .alert_permille = { 100, 250, 400 }, .alert_count = 3 },
                                { .name = "each", .limit_nano = LIMIT * 10, .each = "user", .max_accounts = 2 } } };
    counting_memory_init(&of.memory);
    assert_int_equal(llmc_memory_accounts_new(&of.engine, &of.memory.allocator, of.budgets, 2, on_alert, &of), LLMCOST_OK);
    caller callers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        callers[i] = (caller){ .of = &of, .random = 88172645463325252u + (uint64_t)(round * THREADS + i) * 7919 };
        pthread_mutex_init(&callers[i].mutex, NULL);
        pthread_cond_init(&callers[i].woken, NULL);
    }
    run_threads(contend, callers, sizeof callers[0], THREADS);
    int64_t spent = 0;
    int served = 0, refused = 0, needless = 0, wakes = 0;
    for (int i = 0; i < THREADS; i++) {
        spent += callers[i].spent;
        served += callers[i].served;
        refused += callers[i].refused;
        needless += callers[i].needless;
        wakes += callers[i].wakes;
        pthread_cond_destroy(&callers[i].woken);
        pthread_mutex_destroy(&callers[i].mutex);
    }
    assert_int_equal(of.over, 0);
    assert_int_equal(needless, 0);
    assert_int_equal(served + refused, THREADS * CALLS);
    assert_true(served > 0 && refused > 0);
    assert_true(spent <= LIMIT);
    assert_int_equal(spent_of(of.engine, "all"), spent);
    assert_int_equal(spent_of(of.engine, "each"), spent);
    assert_int_equal(of.alerts, 3);
    of.engine->free(of.engine);
    assert_int_equal(of.memory.blocks, 0);
    return wakes;
}

static void admission_is_never_over_and_nobody_is_refused_for_nothing(void **state)
{
    (void)state;
    int wakes = 0;
    for (int round = 0, rounds = test_rounds(1); round < rounds; round++)
        wakes += contend_once(round);
    assert_true(wakes > 0);
}

/* B23, B24: everybody reads nothing spent at the same time, from the first request of a value on. */
typedef struct starter {
    caller as_caller;
    pthread_barrier_t *start;
    llmc_ticket ticket;
    llmc_hold_outcome outcome;
} starter;

static void *start_together(void *user)
{
    starter *of = user;
    pthread_barrier_wait(of->start);
    of->outcome = hold(&of->as_caller, &of->ticket, "new user", 10, NOON).outcome;
    return NULL;
}

static void first_calls_at_once_are_all_counted(void **state)
{
    (void)state;
    for (int round = 0, rounds = test_rounds(30); round < rounds; round++) {
        contest of = { .budgets = { { .name = "all", .limit_nano = 1000 }, { .name = "each", .limit_nano = 50, .each = "user", .max_accounts = 10 } } };
        assert_int_equal(llmc_memory_accounts_new(&of.engine, &llmc_allocator_system, of.budgets, 2, NULL, NULL), LLMCOST_OK);
        pthread_barrier_t start;
        starter starters[8];
        pthread_barrier_init(&start, NULL, 8);
        for (int i = 0; i < 8; i++)
            starters[i] = (starter){ .as_caller = { .of = &of }, .start = &start };
        run_threads(start_together, starters, sizeof starters[0], 8);
        int admitted = 0;
        for (int i = 0; i < 8; i++) {
            admitted += starters[i].outcome == LLMC_HOLD_GRANTED;
            of.engine->settle(of.engine, &starters[i].ticket, 10, NULL, NULL);
        }
        assert_int_equal(admitted, 5);
        assert_int_equal(spent_of(of.engine, "each"), 50);
        pthread_barrier_destroy(&start);
        of.engine->free(of.engine);
    }
}

/* The same ticket settled by many at once counts once. */
static void *settle_shared(void *user)
{
    starter *of = user;
    pthread_barrier_wait(of->start);
    of->as_caller.of->engine->settle(of->as_caller.of->engine, (llmc_ticket *)(uintptr_t)of->as_caller.random, 7, NULL, NULL);
    return NULL;
}

static void one_ticket_settled_by_many_counts_once(void **state)
{
    (void)state;
    contest of = { .budgets = { { .name = "all", .limit_nano = 1000 }, { .name = "each", .limit_nano = 50, .each = "user", .max_accounts = 10 } } };
    assert_int_equal(llmc_memory_accounts_new(&of.engine, &llmc_allocator_system, of.budgets, 2, NULL, NULL), LLMCOST_OK);
    llmc_ticket ticket = { 0 };
    pthread_barrier_t start;
    starter starters[8];
    pthread_barrier_init(&start, NULL, 8);
    for (int i = 0; i < 8; i++)
        starters[i] = (starter){ .as_caller = { .of = &of, .random = (uintptr_t)&ticket }, .start = &start };
    assert_int_equal(hold(&starters[0].as_caller, &ticket, "a", 10, NOON).outcome, LLMC_HOLD_GRANTED);
    run_threads(settle_shared, starters, sizeof starters[0], 8);
    assert_int_equal(spent_of(of.engine, "all"), 7);
    pthread_barrier_destroy(&start);
    of.engine->free(of.engine);
}

/* Windows roll while calls are open, waiters come and go at random; sums come out and no waiter is called after unwait. */
typedef struct roller {
    contest *of;
    uint64_t random;
    atomic_bool queued;
    atomic_int stray;
    int64_t settled;
} roller;

static void on_roller_wake(void *user)
{
    roller *of = user;
    of->stray += !of->queued;
}

static void *roll(void *user)
{
    roller *of = user;
    llmc_account_engine *engine = of->of->engine;
    for (int i = 0; i < 500; i++) {
        uint64_t dice = next_random(&of->random);
        char value[2] = { (char)('a' + dice % 5), 0 };
        const llmc_account_ref refs[] = { { 0, NULL }, { 1, value } };
        llmc_account_waiter waiter = { .wake = on_roller_wake, .user = of };
        llmc_ticket ticket = { 0 };
        llmc_hold_reply reply;
        of->queued = true;
        engine->wait(engine, &waiter);
        engine->hold(engine, &ticket, refs, 2, 10, NOON + i * 7000 + (int64_t)(dice >> 40 & 1023), keep_reply, &reply);
        if (dice >> 60 == 3)
            sched_yield();
        if (reply.outcome == LLMC_HOLD_GRANTED)
            of->settled += 12;
        engine->settle(engine, &ticket, reply.outcome == LLMC_HOLD_GRANTED ? 12 : 0, NULL, NULL);
        engine->unwait(engine, &waiter);
        of->queued = false;
        if (dice >> 50 == 3)
            engine->correct(engine, 1, value, 0, NOON + i * 7000);
    }
    return NULL;
}

static void count_exceeded(const llmc_account_alert *alert, void *user)
{
    contest *of = user;
    if (alert->permille == 0 && strcmp(alert->budget->name, "minute") == 0)
        of->granted += 12;
}

static void windows_roll_under_open_calls(void **state)
{
    (void)state;
    contest of = { .budgets = { { .name = "minute", .limit_nano = 1000000, .period = LLMC_PERIOD_MINUTE },
                                { .name = "each", .limit_nano = 2000, .each = "user", .max_accounts = 3, .period = LLMC_PERIOD_HOUR } } };
    counting_memory_init(&of.memory);
    assert_int_equal(llmc_memory_accounts_new(&of.engine, &of.memory.allocator, of.budgets, 2, count_exceeded, &of), LLMCOST_OK);
    roller rollers[8];
    memset(rollers, 0, sizeof rollers);
    int64_t settled = 0;
    for (int i = 0; i < 8; i++) {
        rollers[i].of = &of;
        rollers[i].random = 424242 + (uint64_t)i * 104729;
    }
    run_threads(roll, rollers, sizeof rollers[0], 8);
    for (int i = 0; i < 8; i++) {
        settled += rollers[i].settled;
        assert_int_equal(rollers[i].stray, 0);
    }
    assert_true(settled > 0);
    assert_int_equal(of.granted, settled); /* every settle exceeded its hold, and each was told */
    of.engine->free(of.engine);
    assert_int_equal(of.memory.blocks, 0);
}

/* ---- the cache ---- */

enum { KEYS = 300, STEPS = 4000 };

typedef struct reader {
    llmc_memory_cache *cache;
    uint64_t random;
    uint64_t gets, hits, puts, wrong;
} reader;

static atomic_llong values_made, values_released;

static void release_value(void *value)
{
    (void)value;
    values_released++;
}

static void retain_value(void *value)
{
    (void)value;
    values_made++;
}

static void *use_cache(void *user)
{
    reader *of = user;
    for (int i = 0; i < STEPS; i++) {
        uint64_t dice = next_random(&of->random);
        char key[5000] = "";
        int number = (int)(dice % KEYS), bytes = snprintf(key, sizeof key, "a key with the number %d", number);
        if (number % 8 == 0)
            bytes = sizeof key; /* a long one, compared without a lock */
        llmc_cache_hash hash = llmc_memory_cache_hash(of->cache, key, (size_t)bytes);
        int64_t now = i;
        llmc_memory_cache_stats stats;
        switch (dice >> 32 & 15) {
        case 0: case 1: case 2:
            values_made++;
            of->puts += llmc_memory_cache_put(of->cache, hash, key, (size_t)bytes, (void *)(uintptr_t)(number + 1), dice >> 40 & 2047, now + 1000, number, now);
            break;
        case 3:
            llmc_memory_cache_remove(of->cache, hash, key, (size_t)bytes);
            break;
        case 4:
            llmc_memory_cache_stats_read(of->cache, &stats);
            of->wrong += dice >> 44 == 1 && stats.stores < 1;
            if (dice >> 44 & 127)
                break;
            llmc_memory_cache_clear(of->cache);
            break;
        default: {
            llmc_cache_hit hit;
            of->gets++;
            if (!llmc_memory_cache_get(of->cache, hash, key, (size_t)bytes, now, &hit))
                break;
            of->hits++;
            of->wrong += hit.value != (void *)(uintptr_t)(number + 1) || hit.stored_wall_ms != number;
            release_value(hit.value);
        }
        }
    }
    return NULL;
}

static void the_cache_keeps_its_word_under_threads(void **state)
{
    (void)state;
    static const llmc_memory_cache_limits limits[] = { { 100000, 0 }, { 8 << 20, 0 }, { 64 << 20, 200 } };
    for (size_t round = 0; round < 3; round++) {
        counting_memory memory;
        counting_memory_init(&memory);
        llmc_memory_cache *cache;
        values_made = values_released = 0;
        assert_int_equal(llmc_memory_cache_new(&cache, &memory.allocator, &limits[round], 99, &(llmc_cache_values){ retain_value, release_value }), LLMCOST_OK);
        reader readers[THREADS];
        for (int i = 0; i < THREADS; i++)
            readers[i] = (reader){ .cache = cache, .random = 1234567 + (uint64_t)i * 7919 };
        run_threads(use_cache, readers, sizeof readers[0], THREADS);
        uint64_t gets = 0, hits = 0, puts = 0;
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(readers[i].wrong, 0);
            gets += readers[i].gets;
            hits += readers[i].hits;
            puts += readers[i].puts;
        }
        llmc_memory_cache_stats stats;
        llmc_memory_cache_stats_read(cache, &stats);
        assert_int_equal(stats.hits, hits);
        assert_int_equal(stats.hits + stats.misses, gets);
        assert_int_equal(stats.stores, puts);
        assert_true(hits > 0);
        assert_true(stats.bytes <= limits[round].max_bytes);
        assert_true(!limits[round].max_entries || stats.entries <= limits[round].max_entries);
        assert_int_equal(values_made - values_released, stats.entries);
        llmc_memory_cache_free(cache);
        assert_int_equal(values_made, values_released);
        assert_int_equal(memory.blocks, 0);
    }
}

/* ---- totals ---- */

typedef struct adder {
    llmc_totals *totals;
    int number;
} adder;

static void *add_calls(void *user)
{
    adder *of = user;
    for (int i = 0; i < 2000; i++) {
        char feature[16], model[16];
        snprintf(feature, sizeof feature, "f%d", i % 12);
        snprintf(model, sizeof model, "m%d", i % 3);
        const llmcost_tag tags[] = { { "user", "x" }, { "feature", feature } };
        llmc_totals_add(of->totals, &(llmc_call_facts){ .tags = tags, .tag_count = 2, .model = model, .provider = "p", .wall_ms = NOON + (int64_t)(i % 5) * 86400000,
                                                        .row.figure = { [LLMC_CALLS] = 1, [LLMC_COST_NANO] = 3, [LLMC_BASELINE_NANO] = 5, [LLMC_TOKENS_IN] = 1 } });
        if (of->number == 0 && i % 100 == 0) { /* a report in between adds up by itself */
            llmc_buffer text;
            llmc_buffer_init(&text, &llmc_allocator_system, 1 << 20);
            assert_int_equal(llmc_totals_report(of->totals, NULL, 'j', &text), LLMCOST_OK);
            json_t *report = json_loadb(text.data, text.length, 0, NULL), *dimension, *row;
            int64_t calls = json_integer_value(json_object_get(json_object_get(report, "total"), "calls"));
            size_t j, k;
            json_array_foreach(json_object_get(report, "by"), j, dimension) {
                int64_t sum = 0;
                json_array_foreach(json_object_get(dimension, "rows"), k, row)
                    sum += json_integer_value(json_object_get(row, "calls"));
                assert_int_equal(sum, calls);
            }
            json_decref(report);
            llmc_buffer_free(&text);
        }
    }
    return NULL;
}

static void totals_add_up_under_threads(void **state)
{
    (void)state;
    const char *const tags[] = { "feature" };
    counting_memory memory;
    counting_memory_init(&memory);
    llmc_totals *totals;
    assert_int_equal(llmc_totals_new(&totals, &memory.allocator, &(llmc_totals_settings){ tags, 1, 8, 3, "USD" }), LLMCOST_OK);
    adder adders[THREADS];
    for (int i = 0; i < THREADS; i++)
        adders[i] = (adder){ totals, i };
    run_threads(add_calls, adders, sizeof adders[0], THREADS);
    llmc_buffer text;
    llmc_buffer_init(&text, &llmc_allocator_system, 1 << 20);
    assert_int_equal(llmc_totals_report(totals, NULL, 'j', &text), LLMCOST_OK);
    json_t *report = json_loadb(text.data, text.length, 0, NULL), *row;
    assert_int_equal(json_integer_value(json_object_get(json_object_get(report, "total"), "calls")), THREADS * 2000);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(report, "total"), "cost_nano")), THREADS * 2000 * 3);
    json_t *features = json_object_get(json_array_get(json_object_get(report, "by"), 0), "rows");
    assert_int_equal(json_array_size(features), 9); /* eight, and the rest */
    size_t i;
    int64_t other = 0, named = 0;
    json_array_foreach(features, i, row)
        if (json_is_true(json_object_get(row, "other")))
            other += json_integer_value(json_object_get(row, "calls"));
        else { /* a value has all its calls or none, whichever thread made them */
            int number = atoi(json_string_value(json_object_get(row, "value")) + 1);
            assert_int_equal(json_integer_value(json_object_get(row, "calls")), THREADS * (number < 8 ? 167 : 166));
            named += THREADS * (number < 8 ? 167 : 166);
        }
    assert_int_equal(other + named, THREADS * 2000);
    json_decref(report);
    llmc_buffer_free(&text);
    llmc_totals_free(totals);
    assert_int_equal(memory.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(admission_is_never_over_and_nobody_is_refused_for_nothing),
        cmocka_unit_test(first_calls_at_once_are_all_counted),
        cmocka_unit_test(one_ticket_settled_by_many_counts_once),
        cmocka_unit_test(windows_roll_under_open_calls),
        cmocka_unit_test(the_cache_keeps_its_word_under_threads),
        cmocka_unit_test(totals_add_up_under_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
