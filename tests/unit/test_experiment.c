/* The statistics of experiments, against published figures and by simulation; and what is counted, scored and reported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/comma_locale.h"
#include "../support/nth_failure.h"
#include "../support/rounds.h"
#include "base/random.h"
#include "money/experiment_sums.h"

static void expect_near(double value, double wanted, double within, const char *what)
{
    if (!(value - wanted <= within && wanted - value <= within))
        fail_msg("%s: %.9g, not %.9g", what, value, wanted);
}

/* ---- intervals ---- */

static void test_student_t(void **state)
{
    static const struct { double freedom, t; } table[] = { { 1, 12.7062047 }, { 1.5, 6.0166631 }, { 2, 4.3026527 }, { 3, 3.1824463 }, { 4, 2.7764451 }, { 5, 2.5705818 },
        { 7, 2.3646243 }, { 10, 2.2281389 }, { 17.776, 2.1028213 }, { 20, 2.0859634 }, { 30, 2.0422725 }, { 60, 2.0002978 }, { 100, 1.9839715 }, { 1e9, 1.9599640 } };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        expect_near(llmc_student_t(table[i].freedom), table[i].t, table[i].t * 5e-6, "t");
    expect_near(llmc_student_t(0.2), llmc_student_t(1), 0, "below one degree of freedom");
}

/* Newcombe (1998), interval estimation for the single proportion: method 3. */
static void test_wilson(void **state)
{
    static const struct { int64_t hits, count; double low, high; } table[] = { { 81, 263, 0.2553, 0.3662 }, { 15, 148, 0.0624, 0.1605 }, { 0, 20, 0, 0.1611 }, { 1, 29, 0.0061, 0.1718 } };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        double low, high;
        llmc_interval_of_share(table[i].hits, table[i].count, &low, &high);
        expect_near(low, table[i].low, 0.00005, "low");
        expect_near(high, table[i].high, 0.00005, "high");
        llmc_interval_of_share(table[i].count - table[i].hits, table[i].count, &low, &high); /* the other way round */
        expect_near(low, 1 - table[i].high, 0.00005, "low of the rest");
        expect_near(high, 1 - table[i].low, 0.00005, "high of the rest");
    }
}

/* Newcombe (1998), interval estimation for the difference between independent proportions: method 10. */
static void test_newcombe(void **state)
{
    static const struct { int64_t a, m, b, n; double low, high; } table[] = {
        { 56, 70, 48, 80, 0.0524, 0.3339 }, { 9, 10, 3, 10, 0.1705, 0.8090 }, { 6, 7, 2, 7, 0.0582, 0.8062 }, { 5, 56, 0, 29, -0.0381, 0.1926 },
        { 0, 10, 0, 20, -0.1611, 0.2775 }, { 0, 10, 0, 10, -0.2775, 0.2775 }, { 10, 10, 0, 20, 0.6791, 1.0000 }, { 10, 10, 0, 10, 0.6075, 1.0000 } };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        llmc_interval of = llmc_interval_of_shares(table[i].b, table[i].n, table[i].a, table[i].m);
        assert_true(of.known);
        expect_near(of.difference, (double)table[i].a / (double)table[i].m - (double)table[i].b / (double)table[i].n, 1e-12, "difference");
        expect_near(of.low, table[i].low, 0.00006, "low");
        expect_near(of.high, table[i].high, 0.00006, "high");
    }
    assert_false(llmc_interval_of_shares(0, 0, 1, 2).known);
    assert_false(llmc_interval_of_shares(1, 2, 0, 0).known);
}

static llmc_moments moments_of(const int64_t *values, size_t count, int64_t offset)
{
    llmc_moments moments = { 0 };
    for (size_t i = 0; i < count; i++)
        llmc_moments_add(&moments, values[i] + offset);
    return moments;
}

/* Student's sleep data, in tenths of an hour; R's t.test() says t = -1.8608, df = 17.776 and -3.3654832 .. 0.2054832 hours. */
static const int64_t sleep_one[] = { 7, -16, -2, -12, -1, 34, 37, 8, 0, 20 }, sleep_two[] = { 19, 8, 11, 1, -1, 44, 55, 16, 46, 34 };

static void test_welch(void **state)
{
    (void)state;
    for (int64_t offset = 0; offset <= INT64_C(1000000000000000); offset = offset ? offset * 1000 : 1000) { /* nothing is lost far from 0 */
        llmc_moments one = moments_of(sleep_one, 10, offset), two = moments_of(sleep_two, 10, offset);
        llmc_interval of = llmc_interval_of_means(&two, &one);
        double within = offset > 1000000000 ? 1.0 : 1e-4; /* a difference of doubles */
        assert_true(of.known);
        expect_near(llmc_moments_variance(&one), 320.0556, 0.0001, "variance");
        expect_near(llmc_moments_variance(&two), 400.9, 0.0001, "variance");
        expect_near(of.difference, -15.8, within, "difference");
        expect_near(of.low, -33.654832, within, "low");
        expect_near(of.high, 2.054832, within, "high");
    }
}

static void test_few_and_equal(void **state)
{
    static const int64_t three[] = { 5, 5, 5 }, seven[] = { 7, 7, 7 };
    (void)state;
    llmc_moments none = { 0 }, one = moments_of(three, 1, 0), a = moments_of(three, 3, 0), b = moments_of(seven, 2, 0);
    expect_near(llmc_moments_mean(&none), 0, 0, "mean of none");
    assert_false(llmc_interval_of_means(&none, &a).known);
    assert_false(llmc_interval_of_means(&a, &one).known);
    llmc_interval of = llmc_interval_of_means(&a, &b);
    assert_true(of.known && of.low == 2 && of.high == 2 && of.difference == 2);
}

/* In any order, in parts, with some taken out again: the same, to the last unit. */
static void test_moments_are_exact(void **state)
{
    llmc_random random;
    (void)state;
    llmc_random_init(&random, 11);
    for (int round = test_rounds(200); round; round--) {
        llmc_moments whole = { 0 }, parts[3] = { { 0 } }, merged = { 0 };
        for (int i = 0; i < 100; i++) {
            int64_t value = (int64_t)llmc_random_next(&random) >> llmc_random_below(&random, 64), extra = (int64_t)llmc_random_next(&random);
            llmc_moments *part = &parts[llmc_random_below(&random, 3)], *other = &parts[llmc_random_below(&random, 3)];
            llmc_moments_add(&whole, value);
            llmc_moments_remove(other, extra);
            llmc_moments_add(part, value);
            llmc_moments_add(part, extra);
        }
        for (int i = 0; i < 3; i++)
            llmc_moments_merge(&merged, &parts[i]);
        assert_true(merged.count == whole.count && merged.sum == whole.sum && merged.squares == whole.squares);
        assert_true(llmc_moments_variance(&whole) >= 0);
    }
}

/* ---- by simulation ---- */

static double fraction(llmc_random *random)
{
    return (double)(llmc_random_next(random) >> 11) / 9007199254740992.0;
}

/* Skewed, as costs are: mean 1/4 of the scale. */
static int64_t cube(llmc_random *random, double scale)
{
    double u = fraction(random);
    return (int64_t)(u * u * u * scale + 0.5);
}

static void expect_coverage(int held, int rounds, const char *what)
{
    double share = (double)held / rounds;
    if (share < 0.93 || share > 0.97)
        fail_msg("%s: the true difference lies in %.2f %% of the intervals", what, share * 100);
}

static void test_coverage_of_means(void **state)
{
    int held = 0, held_few = 0, rounds = 2000 * test_rounds(1);
    llmc_random random;
    (void)state;
    llmc_random_init(&random, 2024);
    for (int round = 0; round < rounds; round++) {
        llmc_moments a = { 0 }, b = { 0 };
        for (int i = 0; i < 150; i++)
            llmc_moments_add(&a, cube(&random, 1e6));
        for (int i = 0; i < 90; i++)
            llmc_moments_add(&b, cube(&random, 1.4e6));
        llmc_interval of = llmc_interval_of_means(&a, &b);
        held += of.low <= 1e5 && 1e5 <= of.high;
    }
    expect_coverage(held, rounds, "skewed costs");
    for (int round = 0; round < rounds; round++) { /* scores, few of them */
        llmc_moments a = { 0 }, b = { 0 };
        for (int i = 0; i < 8; i++)
            llmc_moments_add(&a, (int64_t)(fraction(&random) * 1e6));
        for (int i = 0; i < 12; i++)
            llmc_moments_add(&b, (int64_t)((fraction(&random) + fraction(&random)) * 1e6));
        llmc_interval of = llmc_interval_of_means(&a, &b);
        held_few += of.low <= 5e5 && 5e5 <= of.high;
    }
    expect_coverage(held_few, rounds, "few scores");
}

static void test_coverage_of_shares(void **state)
{
    static const struct { double a, b; int m, n; } cases[] = { { 0.05, 0.08, 200, 300 }, { 0.5, 0.55, 100, 60 }, { 0.02, 0.02, 500, 500 }, { 0.9, 0.97, 150, 150 } };
    llmc_random random;
    (void)state;
    llmc_random_init(&random, 7);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int held = 0, rounds = 2000 * test_rounds(1);
        for (int round = 0; round < rounds; round++) {
            int a = 0, b = 0;
            for (int k = 0; k < cases[i].m; k++)
                a += fraction(&random) < cases[i].a;
            for (int k = 0; k < cases[i].n; k++)
                b += fraction(&random) < cases[i].b;
            llmc_interval of = llmc_interval_of_shares(a, cases[i].m, b, cases[i].n);
            double truth = cases[i].b - cases[i].a;
            held += of.low <= truth && truth <= of.high;
            assert_true(of.low >= -1 && of.high <= 1 && of.low <= of.difference && of.difference <= of.high);
        }
        expect_coverage(held, rounds, "shares");
    }
}

/* ---- the latest calls ---- */

static void test_recent_calls(void **state)
{
    static const uint32_t sides[] = { 4, 7 };
    llmc_recent_call before;
    (void)state;
    llmc_recent_calls *recent = llmc_recent_calls_new(&llmc_allocator_system, 3);
    assert_false(llmc_recent_calls_score(recent, 0, 1, &before)); /* an empty place is no call */
    for (uint64_t id = 0; id < 30; id += 4) { /* all in one bucket */
        llmc_recent_calls_add(recent, id, sides, 2);
        for (uint64_t at = 0; at < 30; at++) {
            bool known = at <= id && at % 4 == 0 && at + 12 > id;
            assert_int_equal(llmc_recent_calls_score(recent, at, (int64_t)id, &before), known);
            if (known) {
                assert_int_equal(before.side_count, 2);
                assert_memory_equal(before.sides, sides, sizeof sides);
                assert_int_equal(before.scored, at < id);
                assert_int_equal(before.score, at < id ? (int64_t)id - 4 : 0);
            }
        }
    }
    llmc_recent_calls_free(recent);
    llmc_recent_calls_free(NULL);
}

/* Against a list that remembers everything. */
static void test_recent_calls_at_random(void **state)
{
    enum { CAPACITY = 50, CALLS = 2000 };
    llmc_random random;
    llmc_recent_call before;
    (void)state;
    llmc_random_init(&random, 5);
    for (int round = test_rounds(5); round; round--) {
        uint64_t ids[CALLS];
        llmc_recent_calls *recent = llmc_recent_calls_new(&llmc_allocator_system, CAPACITY);
        for (int i = 0; i < CALLS; i++) {
            uint32_t side = (uint32_t)i;
            ids[i] = llmc_random_nth(9, (uint64_t)(round * CALLS + i)) & ~UINT64_C(0x38); /* crowded buckets */
            llmc_recent_calls_add(recent, ids[i], &side, 1);
            int asked = (int)llmc_random_below(&random, (uint64_t)i + 1);
            bool known = llmc_recent_calls_score(recent, ids[asked], 1, &before);
            assert_int_equal(known, i - asked < CAPACITY);
            assert_true(!known || before.sides[0] == (uint32_t)asked);
        }
        llmc_recent_calls_free(recent);
    }
}

/* ---- what is counted ---- */

static const char *const ab[] = { "a", "b" }, *const xyz[] = { "x", "y\n\"", "z" };
static const uint32_t equal[] = { 1, 1 }, unequal[] = { 5, 3, 0 };
static llmc_split second = { .name = "second", .sides = xyz, .weights = unequal, .side_count = 3, .first_side = 2 };
static llmc_split first = { .name = "first", .sticky = "user", .sides = ab, .weights = equal, .side_count = 2, .first_side = 0, .next = &second };

static llmc_experiments *experiments_new(size_t feedback_calls)
{
    const llmc_experiment_settings settings = { &first, 5, feedback_calls, "USD" };
    llmc_experiments *experiments;
    assert_int_equal(llmc_experiments_new(&experiments, &llmc_allocator_system, &settings), LLMCOST_OK);
    return experiments;
}

static llmc_split_call call_to(uint32_t side, uint64_t id)
{
    return (llmc_split_call){ .sides = { side }, .side_count = 1, .id = id, .cost_nano = 1000, .tokens_in = 10, .tokens_out = 5, .duration_ns = 20000000, .first_byte_ns = 3000000 };
}

static void test_counters(void **state)
{
    llmc_side_sums sums;
    (void)state;
    llmc_experiments *experiments = experiments_new(100);
    llmc_split_call call = call_to(0, 1);
    call.sides[1] = 3;
    call.side_count = 2;
    call.escalations = 2;
    llmc_experiments_add(experiments, &call);
    call = call_to(0, 2);
    call.status = LLMCOST_E_RATE_LIMITED;
    call.cost_nano = 0;
    llmc_experiments_add(experiments, &call);
    call = call_to(0, 3);
    call.cached = true;
    call.cost_nano = 0;
    call.duration_ns = 1000;
    llmc_experiments_add(experiments, &call);
    llmc_experiments_read(experiments, 0, &sums);
    assert_int_equal(sums.calls, 2);
    assert_int_equal(sums.cached, 1);
    assert_int_equal(sums.failed[LLMCOST_CATEGORY_CAPACITY], 1);
    assert_int_equal(sums.escalated, 1);
    assert_int_equal(sums.escalations, 2);
    assert_int_equal(sums.tokens_in, 20);
    assert_int_equal(sums.tokens_out, 10);
    assert_true(sums.cost_nano == 1000 && sums.cost.count == 2 && sums.cost.sum == 1000 && sums.cost.squares == 1000000);
    assert_true(sums.duration.count == 1 && sums.duration.sum == 20000000); /* neither the failed nor the cached one */
    assert_int_equal(llmc_experiments_latency(experiments, 0).count, 1);
    assert_int_equal(llmc_experiments_first_byte(experiments, 0).count, 1);
    llmc_experiments_read(experiments, 3, &sums);
    assert_int_equal(sums.calls, 1);
    llmc_experiments_read(experiments, 1, &sums);
    assert_int_equal(sums.calls, 0);
    assert_int_equal(llmc_experiments_latency(experiments, 1).count, 0);
    llmc_experiments_free(experiments);
    llmc_experiments_free(NULL);
}

static void test_corrections(void **state)
{
    llmc_side_sums sums;
    (void)state;
    llmc_experiments *experiments = experiments_new(0);
    llmc_split_call call = call_to(1, 1);
    llmc_experiments_add(experiments, &call);
    llmc_experiments_correct(experiments, call.sides, 1, 1000, 400);
    llmc_experiments_correct(experiments, call.sides, 1, 400, INT64_MAX);
    llmc_experiments_correct(experiments, call.sides, 1, INT64_MAX, 700);
    llmc_experiments_read(experiments, 1, &sums);
    assert_true(sums.calls == 1 && sums.cost_nano == 700 && sums.cost.count == 1 && sums.cost.sum == 700 && sums.cost.squares == 490000);
    llmc_experiments_free(experiments);
}

static void test_feedback(void **state)
{
    llmc_side_sums sums;
    double nothing = 0;
    (void)state;
    llmc_experiments *experiments = experiments_new(2);
    for (uint64_t id = 1; id <= 3; id++) {
        llmc_split_call call = call_to(0, id);
        llmc_experiments_add(experiments, &call);
    }
    assert_int_equal(llmc_experiments_feedback(experiments, 1, 0.5), LLMCOST_E_UNKNOWN_CALL); /* two are kept */
    assert_int_equal(llmc_experiments_feedback(experiments, 4, 0.5), LLMCOST_E_UNKNOWN_CALL);
    assert_int_equal(llmc_experiments_feedback(experiments, 2, 1e9), LLMCOST_OK);
    assert_int_equal(llmc_experiments_feedback(experiments, 2, -1e9), LLMCOST_OK);
    assert_int_equal(llmc_experiments_feedback(experiments, 2, 0.7), LLMCOST_OK); /* nothing is left of the others */
    assert_int_equal(llmc_experiments_feedback(experiments, 3, -0.3), LLMCOST_OK);
    llmc_experiments_read(experiments, 0, &sums);
    assert_true(sums.score.count == 2 && sums.score.sum == 400000 && sums.score.squares == INT64_C(580000000000));
    assert_int_equal(llmc_experiments_feedback(experiments, 3, 1.0001e9), LLMCOST_E_MISUSE);
    assert_int_equal(llmc_experiments_feedback(experiments, 3, -1.0001e9), LLMCOST_E_MISUSE);
    assert_int_equal(llmc_experiments_feedback(experiments, 3, 1 / nothing), LLMCOST_E_MISUSE);
    assert_int_equal(llmc_experiments_feedback(experiments, 3, nothing / nothing), LLMCOST_E_MISUSE);
    llmc_experiments_read(experiments, 0, &sums);
    assert_true(sums.score.count == 2);
    llmc_experiments_free(experiments);
    experiments = experiments_new(0);
    llmc_split_call call = call_to(0, 1);
    llmc_experiments_add(experiments, &call);
    assert_int_equal(llmc_experiments_feedback(experiments, 1, 0.5), LLMCOST_E_UNKNOWN_CALL);
    assert_int_equal(llmc_experiments_feedback(NULL, 1, 0.5), LLMCOST_E_UNKNOWN_CALL);
    llmc_experiments_free(experiments);
}

static void add_latency(llmc_experiments *experiments, uint32_t side, int64_t ns)
{
    llmc_split_call call = call_to(side, 1);
    call.duration_ns = ns;
    call.first_byte_ns = -1;
    llmc_experiments_add(experiments, &call);
}

/* The middle of two hundred is the hundredth, not its neighbours. */
static void test_percentile_ranks(void **state)
{
    (void)state;
    for (int low = 99; low <= 100; low++) {
        llmc_experiments *experiments = experiments_new(0);
        for (int i = 0; i < 200; i++)
            add_latency(experiments, 0, i < low ? 1000000 : 1000000000);
        expect_near((double)llmc_experiments_latency(experiments, 0).p50_ns, low == 100 ? 1e6 : 1e9, low == 100 ? 32e3 : 32e6, "p50");
        llmc_experiments_free(experiments);
    }
}

static void test_percentiles(void **state)
{
    (void)state;
    llmc_experiments *experiments = experiments_new(0);
    for (int64_t ms = 1000; ms; ms--)
        add_latency(experiments, 0, ms * 1000000);
    llmc_percentiles of = llmc_experiments_latency(experiments, 0);
    assert_int_equal(of.count, 1000);
    expect_near((double)of.p50_ns, 500e6, 500e6 * 0.032, "p50");
    expect_near((double)of.p95_ns, 950e6, 950e6 * 0.032, "p95");
    expect_near((double)of.p99_ns, 990e6, 990e6 * 0.032, "p99");
    assert_int_equal(llmc_experiments_first_byte(experiments, 0).count, 0);
    static const int64_t ends[] = { 0, 1, 1023, INT64_C(200000000000000), INT64_MAX };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        llmc_experiments *fresh = experiments_new(0);
        add_latency(fresh, 1, ends[i]);
        of = llmc_experiments_latency(fresh, 1);
        assert_int_equal(of.count, 1);
        assert_true(ends[i] < 1024 ? of.p50_ns < 1100 : of.p50_ns > INT64_C(100000000000000));
        assert_true(of.p50_ns == of.p99_ns);
        llmc_experiments_free(fresh);
    }
    for (int64_t ns = 1024; ns < INT64_C(1) << 46; ns += ns / 7 + 1) { /* each bucket stands for what is in it */
        llmc_experiments *fresh = experiments_new(0);
        add_latency(fresh, 2, ns);
        expect_near((double)llmc_experiments_latency(fresh, 2).p95_ns, (double)ns, (double)ns * 0.0321, "bucket");
        llmc_experiments_free(fresh);
    }
    llmc_experiments_free(experiments);
}

/* ---- the report ---- */

static char *json_of(llmc_experiments *experiments)
{
    llmc_buffer text;
    llmc_buffer_init(&text, &llmc_allocator_system, 1 << 20);
    llmc_json_writer writer = { &text, false };
    llmc_experiments_json(experiments, &writer);
    return llmc_buffer_take(&text);
}

static char *text_of(llmc_experiments *experiments)
{
    llmc_buffer text;
    llmc_buffer_init(&text, &llmc_allocator_system, 1 << 20);
    llmc_experiments_text(experiments, &text);
    llmc_buffer_add_text(&text, "");
    return llmc_buffer_take(&text);
}

static void expect_in(const char *text, const char *wanted)
{
    if (!strstr(text, wanted))
        fail_msg("no \"%s\" in: %s", wanted, text);
}

/* The sleepers' hours as scores and costs: the figures of test_welch(). */
static llmc_experiments *sleepers(void)
{
    llmc_experiments *experiments = experiments_new(100);
    for (uint32_t side = 0; side < 2; side++) {
        for (uint64_t i = 0; i < 10; i++) {
            int64_t hours = (side ? sleep_one : sleep_two)[i];
            llmc_split_call call = call_to(side, side * 10 + i);
            call.cost_nano = 1000000 + hours * 1000;
            call.duration_ns = 100000000 + hours * 1000000;
            call.status = side && i < 3 ? LLMCOST_E_SERVER : LLMCOST_OK;
            llmc_experiments_add(experiments, &call);
            assert_int_equal(llmc_experiments_feedback(experiments, call.id, (double)hours / 10), LLMCOST_OK);
        }
    }
    return experiments;
}

static void test_json(void **state)
{
    (void)state;
    llmc_experiments *experiments = sleepers();
    char *json = json_of(experiments);
    expect_in(json, "[{\"name\":\"first\",\"sticky\":\"user\",\"sides\":[{\"name\":\"a\",\"weight\":1,\"calls\":10,\"cached\":0,\"failed\":0,\"failed_by\":{\"host\":0,");
    expect_in(json, "\"calls\":10,\"cached\":0,\"failed\":3,\"failed_by\":{\"host\":0,\"config\":0,\"request\":0,\"budget\":0,\"time\":0,\"network\":0,\"credentials\":0,\"capacity\":0,\"server\":3}");
    expect_in(json, "\"cost_nano\":10233000,\"tokens_in\":100,\"tokens_out\":50,");
    expect_in(json, "\"latency_ms\":{\"mean\":123.3,\"p50\":115.34336,\"p95\":155.189248,\"p99\":155.189248},\"first_byte_ms\":{\"p50\":2.94912,\"p95\":2.94912,\"p99\":2.94912}}");
    expect_in(json, "\"mean_cost_nano\":1023300.0,\"error_rate\":0.0,\"escalation_rate\":0.0,\"mean_score\":2.33,");
    expect_in(json, "\"against\":{\"side\":\"a\",\"mean_cost_nano\":{\"difference\":-15800.0,\"low\":-33654.8");
    expect_in(json, "\"error_rate\":{\"difference\":0.3,\"low\":-0.0375");
    expect_in(json, "\"mean_score\":{\"difference\":-1.58,\"low\":-3.36548");
    expect_in(json, ",{\"name\":\"second\",\"sticky\":null,\"sides\":[{\"name\":\"x\",\"weight\":5,\"calls\":0,");
    expect_in(json, "\"mean_cost_nano\":null,\"error_rate\":null,\"escalation_rate\":null,\"mean_score\":null,\"latency_ms\":{\"mean\":null,\"p50\":null,\"p95\":null,\"p99\":null}");
    expect_in(json, "\"against\":{\"side\":\"x\",\"mean_cost_nano\":{\"difference\":null,\"low\":null,\"high\":null}");
    expect_in(json, "\"name\":\"y\\n\\\"\"");
    llmc_json reader;
    llmc_json_begin(&reader, json, strlen(json));
    assert_true(llmc_json_skip(&reader) && llmc_json_end(&reader));
    free(json);
    llmc_experiments_free(experiments);
    json = json_of(NULL);
    assert_string_equal(json, "[]");
    free(json);
}

static void test_text(void **state)
{
    (void)state;
    llmc_experiments *experiments = sleepers();
    llmc_split_call dear = call_to(2, 77);
    dear.cost_nano = INT64_MAX;
    llmc_experiments_add(experiments, &dear);
    char *text = text_of(experiments);
    expect_in(text, "\nsplit first by user ");
    expect_in(text, "\nsplit second  ");
    expect_in(text, "\ny \" ");
    expect_in(text, "\n  b against a, 95 % intervals\n    cost of a call          -$0.0000158   -$0.000033655 .. $0.000002055\n");
    expect_in(text, "    error rate                 +30.00 %   -3.76 % .. +60.32 %");
    expect_in(text, "    latency (ms)                  -11.0   -31.4 .. +9.3\n");
    expect_in(text, "     $0.0010233     115.3     155.2     155.2       10     2.3300\n");
    expect_in(text, "              -         -         -         -        0          -\n"); /* of no calls */
    expect_in(text, "    score                       -1.5800   -3.3655 .. +0.2055\n");
    expect_in(text, "    score              too few\n");
    assert_null(strstr(text, "differs"));
    for (uint64_t i = 100; i < 200; i++) {
        llmc_split_call call = call_to((uint32_t)i % 2, i);
        call.escalations = (uint32_t)i % 2;
        llmc_experiments_add(experiments, &call);
    }
    char *more = text_of(experiments);
    expect_in(more, "    escalation rate            +83.33 %   +70.");
    expect_in(more, " %   differs\n");
    free(more);
    comma_locale_begin();
    char *again = text_of(experiments), *json = json_of(experiments);
    comma_locale_end();
    expect_in(again, " +83.33 % ");
    expect_in(json, "\"difference\":-1.58,");
    free(text);
    free(again);
    free(json);
    llmc_experiments_free(experiments);
}

/* From the calls to the report's figures: the true differences lie in the intervals as often as they say. */
static void test_coverage_of_the_report(void **state)
{
    static const char *const keys[] = { "\"mean_cost_nano\":{\"difference\":", "\"error_rate\":{\"difference\":", "\"mean_score\":{\"difference\":" };
    static const double truth[] = { 25000, 0.05, 0.1 };
    int held[3] = { 0 }, rounds = 2000 * test_rounds(1);
    llmc_random random;
    (void)state;
    llmc_random_init(&random, 99);
    for (int round = 0; round < rounds; round++) {
        llmc_experiments *experiments = experiments_new(200);
        for (uint64_t i = 0; i < 160; i++) {
            uint32_t side = i % 2;
            llmc_split_call call = call_to(side, i);
            call.cost_nano = cube(&random, side ? 500000 : 400000);
            call.status = fraction(&random) < (side ? 0.15 : 0.10) ? LLMCOST_E_SERVER : LLMCOST_OK;
            llmc_experiments_add(experiments, &call);
            double score = fraction(&random) < (side ? 0.6 : 0.5);
            assert_int_equal(llmc_experiments_feedback(experiments, i, score), LLMCOST_OK);
        }
        char *json = json_of(experiments), *against = strstr(json, "\"against\"");
        assert_non_null(against);
        for (int i = 0; i < 3; i++) {
            const char *at = strstr(against, keys[i]);
            assert_non_null(at);
            double low = strtod(strstr(at, "\"low\":") + 6, NULL), high = strtod(strstr(at, "\"high\":") + 7, NULL);
            held[i] += low <= truth[i] && truth[i] <= high;
        }
        free(json);
        llmc_experiments_free(experiments);
    }
    for (int i = 0; i < 3; i++)
        expect_coverage(held[i], rounds, keys[i]);
}

static void test_no_memory(void **state)
{
    (void)state;
    const llmc_experiment_settings settings = { &first, 5, 10, "USD" };
    long nth = 1;
    for (;; nth++) {
        nth_failure failure = { .fail_at = nth };
        llmc_allocator allocator = nth_failure_allocator(&failure);
        llmc_experiments *experiments;
        llmcost_status status = llmc_experiments_new(&experiments, &allocator, &settings);
        if (!status) {
            long after = failure.allocations;
            llmc_split_call call = call_to(0, 1);
            llmc_experiments_add(experiments, &call);
            assert_int_equal(llmc_experiments_feedback(experiments, 1, 1), LLMCOST_OK);
            assert_int_equal(failure.allocations, after); /* counting asks for nothing */
            llmc_experiments_free(experiments);
            assert_int_equal(failure.live, 0);
            break;
        }
        assert_int_equal(status, LLMCOST_E_MEMORY);
        assert_null(experiments);
        assert_int_equal(failure.live, 0);
    }
    assert_true(nth > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_student_t), cmocka_unit_test(test_wilson), cmocka_unit_test(test_newcombe), cmocka_unit_test(test_welch),
        cmocka_unit_test(test_few_and_equal), cmocka_unit_test(test_moments_are_exact),
        cmocka_unit_test(test_coverage_of_means), cmocka_unit_test(test_coverage_of_shares),
        cmocka_unit_test(test_recent_calls), cmocka_unit_test(test_recent_calls_at_random),
        cmocka_unit_test(test_counters), cmocka_unit_test(test_corrections), cmocka_unit_test(test_feedback), cmocka_unit_test(test_percentiles), cmocka_unit_test(test_percentile_ranks),
        cmocka_unit_test(test_json), cmocka_unit_test(test_text), cmocka_unit_test(test_coverage_of_the_report), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
