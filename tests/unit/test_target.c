/*
 * The shared state of targets without an engine: the breaker's rules at exact instants and against a simple model, one
 * probe among many threads, the table, the latencies. Built with the thread sanitizer too.
 */
#include "policy/target.h"

#include "base/clock.h"

#include "../support/nth_failure.h"
#include "../support/rounds.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const llmc_breaker_rules usual = { .min_calls = 10, .failed_permille = 500, .window_ms = 30000, .slow_permille = 800, .open_ms = 5000, .max_open_ms = 60000, .probes = 1 };

/* ---- small words for one target ---- */

typedef struct bench {
    struct llmc_targets *targets;
    llmc_target *target;
    llmc_breaker_rules rules;
    int64_t now_ms;
    llmc_target_change change;
    int64_t wait_ms;
} bench;

static void bench_open(bench *self, const llmc_breaker_rules *rules)
{
    *self = (bench){ .rules = *rules, .now_ms = 1000000, .targets = llmc_targets_new(&llmc_allocator_system) };
    assert_true(llmc_target_of(self->targets, "openai/gpt-4o", &self->rules, &self->target));
    assert_non_null(self->target);
}

static void bench_close(bench *self)
{
    llmc_targets_free(self->targets);
}

static bool let_in(bench *self, bool lone, llmc_target_pass *pass)
{
    self->change.target = NULL;
    self->wait_ms = 0;
    if (llmc_target_admit_closed(self->target, pass))
        return true;
    return llmc_target_admit(self->target, self->now_ms * LLMC_MS, lone, pass, &self->wait_ms, &self->change);
}

static void report(bench *self, const llmc_target_pass *pass, llmc_outcome outcome, int64_t ms, int64_t retry_after_ms)
{
    llmc_target_report about = { .outcome = outcome, .status = LLMCOST_E_SERVER, .now_ns = self->now_ms * LLMC_MS, .whole_ms = ms, .first_byte_ms = ms, .retry_after_ms = retry_after_ms };
    llmc_target_report_outcome(pass, &about, &self->change);
}

/* One call of a leg that has another target, at once. false: refused. */
static bool call(bench *self, llmc_outcome outcome)
{
    llmc_target_pass pass;
    if (!let_in(self, false, &pass))
        return false;
    report(self, &pass, outcome, 100, -1);
    return true;
}

static void fail_times(bench *self, int times)
{
    for (int i = 0; i < times; i++)
        assert_true(call(self, LLMC_OUTCOME_BAD));
}

static llmc_breaker_state state_of(bench *self)
{
    return llmc_phase_state(self->target->phase);
}

/* ---- opening ---- */

static void test_it_takes_enough_calls(void **unused)
{
    (void)unused;
    bench self;
    bench_open(&self, &usual);
    fail_times(&self, 9);
    assert_int_equal(state_of(&self), LLMC_BREAKER_CLOSED);
    assert_null(self.change.target);
    fail_times(&self, 1);
    assert_int_equal(state_of(&self), LLMC_BREAKER_OPEN);
    assert_string_equal(self.change.target, "openai/gpt-4o");
    assert_int_equal(self.change.state, LLMC_BREAKER_OPEN);
    assert_int_equal(self.change.window.calls, 10);
    assert_int_equal(self.change.window.failures, 10);
    bench_close(&self);
}

static void test_it_takes_enough_failures(void **unused)
{
    (void)unused;
    for (int good = 0; good <= 20; good++) {
        bench self;
        bench_open(&self, &usual);
        for (int i = 0; i < good; i++)
            assert_true(call(&self, LLMC_OUTCOME_GOOD));
        int failures = good > 10 ? good : 10 - good < good ? good : 10 - good; /* the least that makes ten calls and half of them failed */
        fail_times(&self, failures - 1);
        assert_int_equal(state_of(&self), LLMC_BREAKER_CLOSED);
        fail_times(&self, 1);
        assert_int_equal(state_of(&self), LLMC_BREAKER_OPEN);
        bench_close(&self);
    }
}

static void test_what_says_nothing_is_not_counted(void **unused)
{
    (void)unused;
    bench self;
    bench_open(&self, &usual);
    for (int i = 0; i < 100; i++)
        assert_true(call(&self, i % 2 ? LLMC_OUTCOME_ALIVE : LLMC_OUTCOME_NOTHING));
    fail_times(&self, 9);
    assert_int_equal(state_of(&self), LLMC_BREAKER_CLOSED);
    assert_int_equal(self.target->calls, 9);
    bench_close(&self);
}

static void test_the_window_moves_on(void **unused)
{
    (void)unused;
    bench self;
    bench_open(&self, &usual);
    self.now_ms = 3000000; /* the beginning of a slice */
    fail_times(&self, 9);
    self.now_ms += 29999;
    assert_true(call(&self, LLMC_OUTCOME_BAD));
    assert_int_equal(state_of(&self), LLMC_BREAKER_OPEN);
    bench_close(&self);

    bench_open(&self, &usual);
    self.now_ms = 3000000;
    fail_times(&self, 9);
    self.now_ms += 30000;
    fail_times(&self, 9);
    assert_int_equal(state_of(&self), LLMC_BREAKER_CLOSED);
    self.now_ms += INT64_C(1000000000); /* days */
    fail_times(&self, 9);
    assert_int_equal(state_of(&self), LLMC_BREAKER_CLOSED);
    self.now_ms -= 5; /* read before another thread's */
    fail_times(&self, 1);
    assert_int_equal(state_of(&self), LLMC_BREAKER_OPEN);
    bench_close(&self);
}

static void test_slow_calls(void **unused)
{
    (void)unused;
    for (int whole = 0; whole < 2; whole++) {
        bench self;
        llmc_breaker_rules rules = usual;
        rules.slow_ms = 1000;
        rules.slow_whole = whole;
        bench_open(&self, &rules);
        for (int i = 0; i < 10; i++) {
            llmc_target_pass pass;
            assert_true(let_in(&self, false, &pass));
            assert_int_equal(state_of(&self), LLMC_BREAKER_CLOSED);
            bool slow = i >= 2;
            llmc_target_report about = { .outcome = LLMC_OUTCOME_GOOD, .now_ns = self.now_ms * LLMC_MS, .whole_ms = whole && !slow ? 999 : 1000, .first_byte_ms = whole || !slow ? 999 : 1000, .retry_after_ms = -1 };
            llmc_target_report_outcome(&pass, &about, &self.change);
        }
        assert_int_equal(state_of(&self), LLMC_BREAKER_OPEN);
        assert_int_equal(self.change.window.slow, 8);
        assert_int_equal(self.change.window.failures, 0);
        self.now_ms += 5000;
        llmc_target_pass probe;
        assert_true(let_in(&self, false, &probe)); /* an answer, but a slow one */
        report(&self, &probe, LLMC_OUTCOME_GOOD, 1000, -1);
        assert_int_equal(state_of(&self), LLMC_BREAKER_OPEN);
        bench_close(&self);
    }
}

static void test_off(void **unused)
{
    (void)unused;
    bench self;
    llmc_breaker_rules rules = usual;
    rules.off = true;
    bench_open(&self, &rules);
    fail_times(&self, 1000);
    assert_int_equal(state_of(&self), LLMC_BREAKER_CLOSED);
    assert_false(llmc_target_is_healthy(self.target, self.now_ms * LLMC_MS)); /* that is known all the same */
    bench_close(&self);
}

/* ---- open ---- */

static void test_open_to_the_millisecond(void **unused)
{
    (void)unused;
    static const int64_t lengths[] = { 5000, 10000, 20000, 40000, 60000, 60000, 60000 };
    bench self;
    bench_open(&self, &usual);
    fail_times(&self, 10);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        assert_false(call(&self, LLMC_OUTCOME_GOOD));
        assert_int_equal(self.wait_ms, lengths[i]);
        self.now_ms += lengths[i] - 1;
        assert_false(call(&self, LLMC_OUTCOME_GOOD));
        assert_int_equal(self.wait_ms, 1);
        self.now_ms += 1;
        assert_true(call(&self, LLMC_OUTCOME_BAD));
        assert_int_equal(self.change.state, LLMC_BREAKER_OPEN);
    }
    self.now_ms += 60000;
    assert_true(call(&self, LLMC_OUTCOME_GOOD));
    assert_int_equal(state_of(&self), LLMC_BREAKER_CLOSED);
    assert_int_equal(self.change.state, LLMC_BREAKER_CLOSED);
    fail_times(&self, 10); /* begins anew: nothing of before counts */
    assert_false(call(&self, LLMC_OUTCOME_GOOD));
    assert_int_equal(self.wait_ms, 5000);
    assert_int_equal(self.target->opened, 9);
    bench_close(&self);
}

static void test_retry_after_extends(void **unused)
{
    (void)unused;
    bench self;
    llmc_target_pass passes[13];
    bench_open(&self, &usual);
    for (size_t i = 0; i < 13; i++)
        assert_true(let_in(&self, false, &passes[i]));
    for (size_t i = 0; i < 9; i++)
        report(&self, &passes[i], LLMC_OUTCOME_BAD, 10, -1);
    report(&self, &passes[9], LLMC_OUTCOME_BAD, 10, 7000); /* this one opens it */
    assert_false(call(&self, LLMC_OUTCOME_GOOD));
    assert_int_equal(self.wait_ms, 7000);
    report(&self, &passes[10], LLMC_OUTCOME_BAD, 10, 20000); /* sent before, and heard later */
    assert_false(call(&self, LLMC_OUTCOME_GOOD));
    assert_int_equal(self.wait_ms, 20000);
    report(&self, &passes[11], LLMC_OUTCOME_BAD, 10, 1000); /* never shorter */
    assert_false(call(&self, LLMC_OUTCOME_GOOD));
    assert_int_equal(self.wait_ms, 20000);
    report(&self, &passes[12], LLMC_OUTCOME_BAD, 10, INT64_C(86400000)); /* never longer than max_open_ms */
    assert_false(call(&self, LLMC_OUTCOME_GOOD));
    assert_int_equal(self.wait_ms, 60000);
    bench_close(&self);
}

static void test_one_probe_at_a_time(void **unused)
{
    (void)unused;
    bench self;
    llmc_target_pass probe, other;
    bench_open(&self, &usual);
    fail_times(&self, 10);
    self.now_ms += 5000;
    assert_true(let_in(&self, false, &probe));
    assert_true(probe.probe);
    assert_int_equal(self.change.state, LLMC_BREAKER_HALF_OPEN);
    for (int i = 0; i < 3; i++, self.now_ms += 100000) {
        assert_false(let_in(&self, false, &other));
        assert_int_equal(self.wait_ms, -1); /* nobody knows */
        assert_null(self.change.target);
    }
    report(&self, &probe, LLMC_OUTCOME_NOTHING, -1, -1); /* it was never sent: the next may */
    assert_null(self.change.target);
    assert_true(let_in(&self, false, &probe));
    assert_true(probe.probe);
    assert_false(let_in(&self, false, &other));
    report(&self, &probe, LLMC_OUTCOME_ALIVE, -1, -1); /* it said that the key is wrong: it is there */
    assert_int_equal(state_of(&self), LLMC_BREAKER_CLOSED);
    bench_close(&self);
}

static void test_several_probes(void **unused)
{
    (void)unused;
    bench self;
    llmc_breaker_rules rules = usual;
    rules.probes = 3;
    bench_open(&self, &rules);
    fail_times(&self, 10);
    self.now_ms += 5000;
    assert_true(call(&self, LLMC_OUTCOME_GOOD));
    assert_true(call(&self, LLMC_OUTCOME_GOOD));
    assert_int_equal(state_of(&self), LLMC_BREAKER_HALF_OPEN);
    assert_true(call(&self, LLMC_OUTCOME_BAD));
    assert_int_equal(state_of(&self), LLMC_BREAKER_OPEN);
    self.now_ms += 10000;
    for (int i = 0; i < 3; i++) { /* from the beginning */
        assert_int_equal(state_of(&self), i ? LLMC_BREAKER_HALF_OPEN : LLMC_BREAKER_OPEN);
        assert_true(call(&self, LLMC_OUTCOME_GOOD));
    }
    assert_int_equal(state_of(&self), LLMC_BREAKER_CLOSED);
    bench_close(&self);
}

static void test_what_comes_too_late(void **unused)
{
    (void)unused;
    bench self;
    llmc_target_pass old[40], probe;
    bench_open(&self, &usual);
    for (size_t i = 0; i < 40; i++)
        assert_true(let_in(&self, false, &old[i]));
    for (size_t i = 0; i < 10; i++)
        report(&self, &old[i], LLMC_OUTCOME_BAD, 10, -1);
    for (size_t i = 10; i < 20; i++) /* good ones do not close it */
        report(&self, &old[i], LLMC_OUTCOME_GOOD, 10, -1);
    assert_int_equal(state_of(&self), LLMC_BREAKER_OPEN);
    self.now_ms += 5000;
    assert_true(let_in(&self, false, &probe));
    for (size_t i = 20; i < 25; i++)
        report(&self, &old[i], i % 2 ? LLMC_OUTCOME_BAD : LLMC_OUTCOME_GOOD, 10, -1);
    assert_int_equal(state_of(&self), LLMC_BREAKER_HALF_OPEN);
    report(&self, &probe, LLMC_OUTCOME_GOOD, 10, -1);
    assert_int_equal(state_of(&self), LLMC_BREAKER_CLOSED);
    for (size_t i = 25; i < 40; i++)
        report(&self, &old[i], LLMC_OUTCOME_BAD, 10, -1);
    assert_int_equal(state_of(&self), LLMC_BREAKER_CLOSED);
    assert_true(llmc_target_is_healthy(self.target, self.now_ms * LLMC_MS));
    fail_times(&self, 9);
    assert_int_equal(state_of(&self), LLMC_BREAKER_CLOSED);
    bench_close(&self);
}

/* ---- calls with no other target ---- */

static void test_alone(void **unused)
{
    (void)unused;
    bench self;
    llmc_target_pass pass, probe;
    bench_open(&self, &usual);
    assert_true(call(&self, LLMC_OUTCOME_GOOD)); /* at 1,000 s: within the window until 1,029 s, where its slice ends */
    fail_times(&self, 9);
    assert_int_equal(state_of(&self), LLMC_BREAKER_OPEN);
    assert_false(let_in(&self, false, &pass));
    for (int i = 0; i < 10; i++) { /* one of ten was answered: that is better than nothing */
        assert_true(let_in(&self, true, &pass));
        assert_false(pass.probe);
        report(&self, &pass, LLMC_OUTCOME_BAD, 10, -1);
    }
    assert_int_equal(state_of(&self), LLMC_BREAKER_OPEN);
    self.now_ms += 5000;
    assert_true(let_in(&self, true, &probe));
    assert_true(probe.probe);
    assert_true(let_in(&self, true, &pass)); /* beside the probe */
    assert_false(pass.probe);
    assert_false(let_in(&self, false, &pass));
    report(&self, &probe, LLMC_OUTCOME_BAD, 10, -1);
    self.now_ms += 4999;
    fail_times(&self, 0);
    assert_true(let_in(&self, true, &pass));
    assert_false(pass.probe);
    report(&self, &pass, LLMC_OUTCOME_NOTHING, -1, -1);
    self.now_ms += 1; /* not doubled */
    assert_true(let_in(&self, true, &probe));
    assert_true(probe.probe);
    report(&self, &probe, LLMC_OUTCOME_BAD, 10, -1);
    self.now_ms += 4999;
    assert_false(let_in(&self, false, &pass)); /* doubled twice */
    assert_int_equal(self.wait_ms, 15001);
    bench_close(&self);

    bench_open(&self, &usual);
    fail_times(&self, 10);
    assert_false(let_in(&self, true, &pass)); /* nobody is answered */
    assert_int_equal(self.wait_ms, 5000);
    assert_true(llmc_target_would_refuse(self.target, (self.now_ms + 4999) * LLMC_MS, true));
    assert_false(llmc_target_would_refuse(self.target, (self.now_ms + 5000) * LLMC_MS, true));
    self.now_ms += 5000;
    assert_true(let_in(&self, true, &probe));
    assert_false(let_in(&self, true, &pass));
    report(&self, &probe, LLMC_OUTCOME_BAD, 10, 8000);
    assert_false(let_in(&self, true, &pass)); /* the provider's word counts for all */
    assert_int_equal(self.wait_ms, 8000);
    bench_close(&self);

    llmc_breaker_rules strict = usual;
    strict.strict = true;
    bench_open(&self, &strict);
    assert_true(call(&self, LLMC_OUTCOME_GOOD));
    fail_times(&self, 9);
    assert_false(let_in(&self, true, &pass));
    self.now_ms += 5000;
    assert_true(call(&self, LLMC_OUTCOME_BAD));
    self.now_ms += 9999;
    assert_false(let_in(&self, true, &pass));
    assert_int_equal(self.wait_ms, 1);
    bench_close(&self);
}

/* ---- health ---- */

static void test_health(void **unused)
{
    (void)unused;
    bench self;
    assert_true(llmc_target_is_healthy(NULL, 0));
    bench_open(&self, &usual);
    assert_true(llmc_target_is_healthy(self.target, self.now_ms * LLMC_MS)); /* nothing speaks against it */
    assert_true(call(&self, LLMC_OUTCOME_BAD));
    assert_false(llmc_target_is_healthy(self.target, (self.now_ms + 4999) * LLMC_MS));
    assert_true(llmc_target_is_healthy(self.target, (self.now_ms + 5000) * LLMC_MS)); /* somebody should try again */
    assert_true(call(&self, LLMC_OUTCOME_GOOD));
    assert_true(llmc_target_is_healthy(self.target, self.now_ms * LLMC_MS));
    self.now_ms++;
    fail_times(&self, 8);
    assert_int_equal(state_of(&self), LLMC_BREAKER_OPEN);
    assert_false(llmc_target_is_healthy(self.target, (self.now_ms + 4999) * LLMC_MS));
    assert_true(llmc_target_is_healthy(self.target, (self.now_ms + 5000) * LLMC_MS)); /* the probe */
    self.now_ms += 5000;
    llmc_target_pass probe;
    assert_true(let_in(&self, false, &probe));
    assert_false(llmc_target_is_healthy(self.target, self.now_ms * LLMC_MS));
    bench_close(&self);
}

static void test_active_checks(void **unused)
{
    (void)unused;
    bench self;
    bool good;
    bench_open(&self, &usual);
    assert_false(llmc_target_checked(self.target, 0, 10000, &good));
    assert_true(llmc_target_begin_check(self.target, 0, 500 * LLMC_MS));
    assert_false(llmc_target_begin_check(self.target, 499 * LLMC_MS, 999 * LLMC_MS));
    assert_true(llmc_target_begin_check(self.target, 500 * LLMC_MS, 1000 * LLMC_MS)); /* the first never came back */
    llmc_target_end_check(self.target, 600 * LLMC_MS, true, false);
    assert_true(llmc_target_checked(self.target, 10599 * LLMC_MS, 10000, &good));
    assert_false(good);
    assert_false(llmc_target_checked(self.target, 10600 * LLMC_MS, 10000, &good));
    assert_true(llmc_target_begin_check(self.target, 10600 * LLMC_MS, 11000 * LLMC_MS));
    llmc_target_end_check(self.target, 10700 * LLMC_MS, false, true); /* it says nothing */
    assert_false(llmc_target_checked(self.target, 10700 * LLMC_MS, 10000, &good));
    bench_close(&self);
}

/* ---- latencies ---- */

static void test_latencies(void **unused)
{
    (void)unused;
    bench self;
    bench_open(&self, &usual);
    assert_int_equal(llmc_latency_quantile_ms(&self.target->whole, 500), -1);
    assert_int_equal(llmc_target_median_first_byte_ms(self.target), -1);
    static const int64_t values[] = { 0, 1, 3, 4, 7, 8, 100, 1000, 123456, INT64_C(4194303), INT64_C(1) << 40 };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) { /* never below, and never a quarter above */
        bench one;
        llmc_target_pass pass;
        bench_open(&one, &usual);
        assert_true(let_in(&one, false, &pass));
        report(&one, &pass, LLMC_OUTCOME_GOOD, values[i], -1);
        int64_t told = llmc_latency_quantile_ms(&one.target->whole, 950), most = values[i] < 8388607 ? values[i] : 8388607;
        assert_true(told >= most && told <= most + most / 4);
        bench_close(&one);
    }
    for (int64_t ms = 1; ms <= 1000; ms++) {
        llmc_target_pass pass;
        assert_true(let_in(&self, false, &pass));
        report(&self, &pass, LLMC_OUTCOME_GOOD, ms, -1);
    }
    assert_in_range(llmc_latency_quantile_ms(&self.target->whole, 500), 500, 625);
    assert_in_range(llmc_latency_quantile_ms(&self.target->whole, 950), 950, 1187);
    for (int i = 0; i < 20000; i++) { /* the latest count most */
        llmc_target_pass pass;
        assert_true(let_in(&self, false, &pass));
        report(&self, &pass, LLMC_OUTCOME_GOOD, 5, -1);
    }
    assert_int_equal(llmc_latency_quantile_ms(&self.target->whole, 990), 5);
    assert_true(self.target->whole.total < 2000);
    bench_close(&self);
}

/* ---- the table ---- */

static void test_the_table(void **unused)
{
    (void)unused;
    struct llmc_targets *targets = llmc_targets_new(&llmc_allocator_system);
    llmc_target *first, *again, *target;
    char name[40];
    assert_true(llmc_target_of(targets, "a/b", &usual, &first));
    assert_true(llmc_target_of(targets, "a/b", &usual, &again));
    assert_ptr_equal(first, again);
    for (int i = 1; i < LLMC_TARGETS_MOST; i++) {
        snprintf(name, sizeof name, "provider/model-%d", i);
        assert_true(llmc_target_of(targets, name, &usual, &target));
        assert_non_null(target);
        assert_string_equal(target->name, name);
    }
    assert_true(llmc_target_of(targets, "one/more", &usual, &target));
    assert_null(target);
    assert_true(llmc_target_of(targets, "a/b", &usual, &again));
    assert_ptr_equal(first, again);
    assert_int_equal(llmc_targets_list(targets, NULL, 0), LLMC_TARGETS_MOST);
    llmc_targets_free(targets);
    llmc_targets_free(NULL);
}

static void test_memory_runs_out(void **unused)
{
    (void)unused;
    for (long n = 1;; n++) {
        nth_failure failure = { .fail_at = n };
        llmc_allocator allocator = nth_failure_allocator(&failure);
        llmc_target *target = NULL;
        llmc_buffer out;
        llmc_buffer_init(&out, &allocator, 10000);
        struct llmc_targets *targets = llmc_targets_new(&allocator);
        bool made = targets && llmc_target_of(targets, "a/b", &usual, &target) && llmc_target_of(targets, "a/c", &usual, &target);
        bool done = made && llmc_targets_describe(targets, &allocator, 0, &out) == LLMCOST_OK && llmc_buffer_text(&out);
        if (made)
            assert_int_equal(llmc_targets_list(targets, NULL, 0), 2);
        llmc_buffer_free(&out);
        llmc_targets_free(targets);
        assert_int_equal(failure.live, 0);
        if (done) {
            assert_true(n > 3);
            return;
        }
    }
}

/* ---- a model ---- */

/*
 * The same rules, told as simply as they can be: every outcome that counts is kept with its slice, and the window is
 * what is left of them when the old ones are passed over.
 */
enum { MODEL_LOG = 4000, IN_FLIGHT = 12 };

typedef struct model {
    llmc_breaker_rules rules;
    struct { int64_t slice; bool bad, slow; } log[MODEL_LOG];
    size_t count;
    llmc_breaker_state state;
    uint32_t changes, row, good;
    int64_t until, lone_until;
    bool probing;
} model;

static llmc_target_counts model_window(const model *self, int64_t now)
{
    llmc_target_counts sum = { 0 };
    int64_t slice = now / (self->rules.window_ms / 10);
    for (size_t i = 0; i < self->count; i++) {
        if (self->log[i].slice > slice - 10) {
            sum.calls++;
            sum.failures += self->log[i].bad;
            sum.slow += self->log[i].slow;
        }
    }
    return sum;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void model_open(model *self, int64_t now, int64_t retry_after)
{
    int64_t length = self->rules.open_ms, longest = most(self->rules.max_open_ms, self->rules.open_ms);
    for (uint32_t i = 0; i < self->row; i++)
        length = least(2 * length, longest);
    self->state = LLMC_BREAKER_OPEN;
    self->changes++;
    self->until = now + most(length, least(retry_after, longest));
    self->lone_until = now + most(self->rules.open_ms, least(retry_after, longest));
}

/* 0: refused, 1: let in, 2: as a probe. */
static int model_admit(model *self, int64_t now, bool lone, int64_t *wait)
{
    lone = lone && !self->rules.strict;
    int64_t until = lone ? self->lone_until : self->until;
    llmc_target_counts window = model_window(self, now);
    if (self->state == LLMC_BREAKER_CLOSED)
        return 1;
    if (self->state == LLMC_BREAKER_OPEN && now >= until) {
        self->state = LLMC_BREAKER_HALF_OPEN;
        self->changes++;
        self->good = 0;
        self->probing = false;
    }
    if (self->state == LLMC_BREAKER_HALF_OPEN && !self->probing) {
        self->probing = true;
        return 2;
    }
    *wait = self->state == LLMC_BREAKER_OPEN ? until - now : -1;
    return lone && window.calls > window.failures;
}

static void model_report(model *self, int64_t now, bool probe, uint32_t let_in_under, llmc_outcome outcome, int64_t ms, int64_t retry_after)
{
    bool bad = outcome == LLMC_OUTCOME_BAD, slow = outcome == LLMC_OUTCOME_GOOD && self->rules.slow_ms && ms >= self->rules.slow_ms;
    bool of_now = let_in_under == self->changes, closed = self->state == LLMC_BREAKER_CLOSED;
    if (!bad)
        retry_after = -1;
    if (outcome >= LLMC_OUTCOME_GOOD && (of_now || !closed) && self->count < MODEL_LOG) {
        self->log[self->count].slice = now / (self->rules.window_ms / 10);
        self->log[self->count].bad = bad;
        self->log[self->count++].slow = slow;
    }
    if (probe) {
        self->probing = false;
        if (outcome == LLMC_OUTCOME_NOTHING)
            return;
        if (bad || slow) {
            self->row++;
            model_open(self, now, retry_after);
        } else if (++self->good >= (uint32_t)self->rules.probes) {
            self->state = LLMC_BREAKER_CLOSED;
            self->changes++;
            self->count = 0;
            self->row = 0;
        }
        return;
    }
    if (!(bad || slow))
        return;
    if (!closed && retry_after > 0) {
        int64_t until = now + least(retry_after, most(self->rules.max_open_ms, self->rules.open_ms));
        self->until = most(self->until, until);
        self->lone_until = most(self->lone_until, until);
    }
    llmc_target_counts window = model_window(self, now);
    bool too_much = window.failures * 1000 >= window.calls * (uint32_t)self->rules.failed_permille || (self->rules.slow_ms && window.slow * 1000 >= window.calls * (uint32_t)self->rules.slow_permille);
    if (closed && of_now && !self->rules.off && window.calls >= (uint32_t)self->rules.min_calls && too_much)
        model_open(self, now, retry_after);
}

static uint64_t next_random(uint64_t *random)
{
    *random ^= *random << 13, *random ^= *random >> 7, *random ^= *random << 17;
    return *random;
}

static int64_t pick(uint64_t *random, const int64_t *values, size_t count)
{
    return values[next_random(random) % count];
}
#define PICK(...) pick(&random, (const int64_t[]){ __VA_ARGS__ }, sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))

static void run_model(uint64_t seed, uint64_t *opened, uint64_t *closed)
{
    uint64_t random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    struct { llmc_target_pass pass; uint32_t under; } flying[IN_FLIGHT];
    size_t count = 0;
    static model expected;
    memset(&expected, 0, sizeof expected);
    expected.rules = (llmc_breaker_rules){
        .off = next_random(&random) % 20 == 0, .strict = next_random(&random) % 3 == 0, .min_calls = (int32_t)PICK(1, 2, 5, 10), .failed_permille = (int32_t)PICK(1, 300, 500, 1000),
        .window_ms = (int32_t)PICK(100, 1000, 30000), .slow_ms = (int32_t)PICK(0, 0, 50), .slow_permille = (int32_t)PICK(500, 1000), .open_ms = (int32_t)PICK(1, 500, 5000),
        .max_open_ms = (int32_t)PICK(1, 4000, 60000), .probes = (int32_t)PICK(1, 1, 3) };
    bench self;
    bench_open(&self, &expected.rules);
    int64_t failing = PICK(10, 50, 90, 100);
    for (int step = 0; step < 400; step++) {
        uint64_t dice = next_random(&random) % 100;
        if (dice < 5)
            failing = PICK(0, 10, 50, 90, 100);
        if (dice < 30)
            self.now_ms += PICK(0, 1, 9, 10, 499, 500, 3000, 4999, 5000, 30000);
        int64_t wait = 0;
        if (dice < 60 && count < IN_FLIGHT) {
            bool lone = next_random(&random) % 2;
            bool refuses = llmc_target_would_refuse(self.target, self.now_ms * LLMC_MS, lone), in = let_in(&self, lone, &flying[count].pass);
            int verdict = model_admit(&expected, self.now_ms, lone, &wait);
            assert_int_equal(in ? 1 + flying[count].pass.probe : 0, verdict);
            assert_int_equal(refuses, !in);
            if (!in)
                assert_int_equal(self.wait_ms, wait);
            flying[count].under = expected.changes;
            count += in;
        } else if (count) {
            size_t which = next_random(&random) % count;
            llmc_outcome outcome = (int64_t)(next_random(&random) % 100) < failing ? LLMC_OUTCOME_BAD : LLMC_OUTCOME_GOOD;
            if (next_random(&random) % 10 == 0)
                outcome = (llmc_outcome)(next_random(&random) % 2); /* nothing, alive */
            int64_t ms = PICK(0, 10, 49, 50, 200), retry_after = PICK(-1, -1, -1, 0, 1, 700, 100000);
            if (outcome != LLMC_OUTCOME_BAD)
                retry_after = -1;
            report(&self, &flying[which].pass, outcome, ms, retry_after);
            llmc_breaker_state before = expected.state;
            uint32_t changes = expected.changes;
            model_report(&expected, self.now_ms, flying[which].pass.probe, flying[which].under, outcome, ms, retry_after);
            assert_int_equal(self.change.target != NULL, changes != expected.changes);
            *opened += changes != expected.changes && expected.state == LLMC_BREAKER_OPEN;
            *closed += before != expected.state && expected.state == LLMC_BREAKER_CLOSED;
            flying[which] = flying[--count];
        }
        assert_int_equal(state_of(&self), expected.state);
        assert_int_equal(self.target->phase >> 2, expected.changes);
        llmc_target_view view;
        llmc_target_look(self.target, self.now_ms * LLMC_MS, &view);
        llmc_target_counts window = model_window(&expected, self.now_ms);
        assert_int_equal(view.window.calls, window.calls);
        assert_int_equal(view.window.failures, window.failures);
        assert_int_equal(view.window.slow, window.slow);
    }
    bench_close(&self);
}

static void test_against_a_model(void **unused)
{
    (void)unused;
    uint64_t opened = 0, closed = 0;
    int rounds = test_rounds(3000);
    for (int seed = 1; seed <= rounds; seed++)
        run_model((uint64_t)seed, &opened, &closed);
    assert_true(opened > (uint64_t)rounds && closed > (uint64_t)rounds / 2); /* it was about something */
}

/* ---- threads ---- */

enum { THREADS = 16, CALLS = 3000 };

typedef struct crowd {
    struct llmc_targets *targets;
    llmc_breaker_rules rules;
    atomic_llong now_ms;
    atomic_int probes, most_probes;
    atomic_llong let_in, refused, changes;
    atomic_int works;
} crowd;

static void *call_often(void *user)
{
    crowd *of = user;
    llmc_target *target;
    assert_true(llmc_target_of(of->targets, "openai/gpt-4o", &of->rules, &target));
    for (int i = 0; i < CALLS; i++) {
        llmc_target_pass pass;
        llmc_target_change change = { 0 };
        int64_t wait_ms, now = atomic_fetch_add(&of->now_ms, 1);
        bool in = llmc_target_admit_closed(target, &pass) || llmc_target_admit(target, now * LLMC_MS, false, &pass, &wait_ms, &change);
        of->changes += change.target != NULL;
        if (!in) {
            of->refused++;
            continue;
        }
        of->let_in++;
        if (pass.probe) {
            int there = atomic_fetch_add(&of->probes, 1) + 1;
            if (there > of->most_probes)
                of->most_probes = there;
            sched_yield();
            atomic_fetch_sub(&of->probes, 1);
        }
        llmc_target_report about = { .outcome = pass.probe && i % 3 == 0 ? LLMC_OUTCOME_NOTHING : (of->now_ms / 2000) % 2 ? LLMC_OUTCOME_GOOD : LLMC_OUTCOME_BAD,
                                     .status = LLMCOST_E_SERVER, .now_ns = now * LLMC_MS, .whole_ms = i, .first_byte_ms = i, .retry_after_ms = -1 };
        llmc_target_report_outcome(&pass, &about, &change);
        of->changes += change.target != NULL;
    }
    return NULL;
}

static void test_many_threads_one_probe(void **unused)
{
    (void)unused;
    crowd of = { .targets = llmc_targets_new(&llmc_allocator_system), .rules = usual, .now_ms = 100000 };
    pthread_t threads[THREADS];
    of.rules.open_ms = 100;
    of.rules.max_open_ms = 400;
    of.rules.window_ms = 1000;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, &of), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    llmc_target *target;
    assert_true(llmc_target_of(of.targets, "openai/gpt-4o", &of.rules, &target));
    assert_int_equal(llmc_targets_list(of.targets, NULL, 0), 1); /* however many asked for it first */
    assert_int_equal(of.most_probes, 1);
    assert_int_equal(of.let_in + of.refused, THREADS * CALLS);
    assert_int_equal(target->refused, of.refused);
    assert_int_equal(target->phase >> 2, of.changes); /* each change was told once */
    assert_true(target->opened > 0 && of.refused > 0);
    assert_false(target->probing);
    llmc_targets_free(of.targets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_takes_enough_calls),
        cmocka_unit_test(test_it_takes_enough_failures),
        cmocka_unit_test(test_what_says_nothing_is_not_counted),
        cmocka_unit_test(test_the_window_moves_on),
        cmocka_unit_test(test_slow_calls),
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_open_to_the_millisecond),
        cmocka_unit_test(test_retry_after_extends),
        cmocka_unit_test(test_one_probe_at_a_time),
        cmocka_unit_test(test_several_probes),
        cmocka_unit_test(test_what_comes_too_late),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_health),
        cmocka_unit_test(test_active_checks),
        cmocka_unit_test(test_latencies),
        cmocka_unit_test(test_the_table),
        cmocka_unit_test(test_memory_runs_out),
        cmocka_unit_test(test_against_a_model),
        cmocka_unit_test(test_many_threads_one_probe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
