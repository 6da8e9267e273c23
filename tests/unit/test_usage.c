/* From a provider's figures to disjoint classes. */
#include "provider/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* Fields that are not named are not reported: 0 in the literal, -1 here; ZERO is a reported zero. */
#define ZERO INT64_MIN

static llmc_usage normalised(llmc_usage_counts given)
{
    llmc_usage usage;
    int64_t *figures[] = { &given.prompt, &given.completion, &given.total, &given.cached, &given.missed, &given.written, &given.written_5m,
                           &given.written_30m, &given.written_1h, &given.reasoning, &given.audio_in, &given.audio_out, &given.stated_cost_pico };
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        *figures[i] = *figures[i] == ZERO ? 0 : *figures[i] == 0 ? -1 : *figures[i];
    llmc_usage_normalise(&given, &usage);
    for (size_t i = 0; i < LLMCOST_CLASS_COUNT; i++)
        assert_true(usage.quantity[i] >= -1);
    return usage;
}

static void expect(const llmc_usage *usage, int64_t input, int64_t cached, int64_t output, int64_t reasoning)
{
    assert_int_equal(usage->quantity[LLMCOST_INPUT], input);
    assert_int_equal(usage->quantity[LLMCOST_INPUT_CACHED], cached);
    assert_int_equal(usage->quantity[LLMCOST_OUTPUT], output);
    assert_int_equal(usage->quantity[LLMCOST_REASONING], reasoning);
}

static void nothing_is_nothing(void **state)
{
    (void)state;
    llmc_usage usage = normalised((llmc_usage_counts){ 0 });
    for (size_t i = 0; i < LLMCOST_CLASS_COUNT; i++)
        assert_int_equal(usage.quantity[i], -1);
    assert_int_equal(usage.flags, 0);
    assert_int_equal(usage.reported_prompt, -1);
}

static void parts_are_taken_out_of_their_whole(void **state)
{
    (void)state;
    llmc_usage usage = normalised((llmc_usage_counts){ .prompt = 10000, .completion = 1000, .total = 11000, .cached = 4000, .written_30m = 5000, .reasoning = 600 });
    expect(&usage, 1000, 4000, 400, 600);
    assert_int_equal(usage.quantity[LLMCOST_WRITE_30M], 5000);
    assert_int_equal(usage.quantity[LLMCOST_WRITE_5M], -1);
    assert_int_equal(usage.flags, LLMC_USAGE_REPORTED);
    assert_int_equal(usage.reported_prompt, 10000);
    assert_int_equal(usage.reported_completion, 1000);
    assert_int_equal(usage.reported_total, 11000);
}

static void a_reported_zero_is_a_figure(void **state)
{
    (void)state;
    llmc_usage usage = normalised((llmc_usage_counts){ .prompt = ZERO, .completion = ZERO, .total = ZERO, .cached = ZERO, .reasoning = ZERO, .written_30m = ZERO });
    expect(&usage, 0, 0, 0, 0);
    assert_int_equal(usage.quantity[LLMCOST_WRITE_30M], 0);
    assert_int_equal(usage.flags, LLMC_USAGE_REPORTED);
}

static void hits_and_misses_make_a_prompt(void **state)
{
    (void)state;
    llmc_usage usage = normalised((llmc_usage_counts){ .cached = 8000, .missed = 2000, .completion = 500 });
    expect(&usage, 2000, 8000, 500, -1);
}

static void more_cached_than_prompt_is_beside_it(void **state)
{
    (void)state;
    llmc_usage usage = normalised((llmc_usage_counts){ .prompt = 120, .completion = 30, .total = 150, .cached = 900 });
    expect(&usage, 120, 900, 30, -1);
    assert_int_equal(usage.flags, LLMC_USAGE_REPORTED | LLMC_USAGE_PROMPT_EXCLUSIVE | LLMC_USAGE_TOTAL_DIFFERS);
}

static void overlapping_reads_and_writes_count_once(void **state)
{
    (void)state;
    llmc_usage usage = normalised((llmc_usage_counts){ .prompt = 2168, .completion = 10, .total = 2178, .cached = 2161, .written_30m = 2161 });
    expect(&usage, 7, 2161, 10, -1);
    assert_int_equal(usage.quantity[LLMCOST_WRITE_30M], 0);
    assert_int_equal(usage.flags, LLMC_USAGE_REPORTED);
}

/* More written than there is of a prompt cannot stand in it. */
static void more_written_than_prompt_is_beside_it(void **state)
{
    (void)state;
    llmc_usage usage = normalised((llmc_usage_counts){ .prompt = 3, .completion = 550, .written = 12304 });
    expect(&usage, 3, -1, 550, -1);
    assert_int_equal(usage.quantity[LLMCOST_WRITE_5M], 12304);
    assert_int_equal(usage.flags, LLMC_USAGE_REPORTED | LLMC_USAGE_PROMPT_EXCLUSIVE);
    usage = normalised((llmc_usage_counts){ .prompt = 3, .completion = 550, .cached = 2, .written_30m = 100, .written_1h = 50, .audio_in = 1 });
    expect(&usage, 3, 2, 550, -1);
    assert_int_equal(usage.quantity[LLMCOST_WRITE_30M], 100);
    assert_int_equal(usage.quantity[LLMCOST_WRITE_1H], 50);
    usage = normalised((llmc_usage_counts){ .prompt = 12304, .completion = 550, .written = 12304 });
    expect(&usage, 0, -1, 550, -1);
    assert_int_equal(usage.flags, LLMC_USAGE_REPORTED);
}

static void the_total_tells_where_reasoning_is(void **state)
{
    (void)state;
    llmc_usage usage = normalised((llmc_usage_counts){ .prompt = 1000, .cached = 400, .completion = 20, .reasoning = 300, .total = 1320 });
    expect(&usage, 600, 400, 20, 300);
    assert_int_equal(usage.flags, LLMC_USAGE_REPORTED);
    usage = normalised((llmc_usage_counts){ .prompt = 1000, .completion = 320, .reasoning = 300, .total = 1320, .reasoning_beside = true });
    expect(&usage, 1000, -1, 20, 300);
    usage = normalised((llmc_usage_counts){ .prompt = 1000, .completion = 320, .reasoning = 300, .reasoning_beside = true });
    expect(&usage, 1000, -1, 320, 300);
    usage = normalised((llmc_usage_counts){ .prompt = 1000, .completion = 320, .reasoning = 300 });
    expect(&usage, 1000, -1, 20, 300);
    usage = normalised((llmc_usage_counts){ .prompt = 28, .completion = 9, .reasoning = 61, .total = 37 });
    expect(&usage, 28, -1, 9, 61);
    assert_true(usage.flags & LLMC_USAGE_TOTAL_DIFFERS);
}

static void audio_is_a_class_of_its_own(void **state)
{
    (void)state;
    llmc_usage usage = normalised((llmc_usage_counts){ .prompt = 100, .audio_in = 60, .completion = 50, .audio_out = 40, .total = 150 });
    expect(&usage, 40, -1, 10, -1);
    assert_int_equal(usage.quantity[LLMCOST_AUDIO_IN], 60);
    assert_int_equal(usage.quantity[LLMCOST_AUDIO_OUT], 40);
    assert_int_equal(usage.flags, LLMC_USAGE_REPORTED);
    usage = normalised((llmc_usage_counts){ .prompt = 100, .cached = 80, .audio_in = 60 });
    assert_int_equal(usage.quantity[LLMCOST_AUDIO_IN], 20); /* the others were cached */
    assert_int_equal(usage.quantity[LLMCOST_INPUT], 0);
    usage = normalised((llmc_usage_counts){ .prompt = 11, .cached = 9, .audio_in = 375, .completion = 15, .total = 401 });
    assert_int_equal(usage.quantity[LLMCOST_AUDIO_IN], 375); /* beside the prompt: the total says so */
    expect(&usage, 2, 9, 15, -1);
    assert_int_equal(usage.flags, LLMC_USAGE_REPORTED);
}

static void exclusive_prompts_stay_as_they_are(void **state)
{
    (void)state;
    llmc_usage usage = normalised((llmc_usage_counts){ .prompt = 50, .cached = 20000, .written = 3000, .written_5m = 1000, .written_1h = 2000, .completion = 400,
                                                       .reasoning = 100, .prompt_excludes_cache = true });
    expect(&usage, 50, 20000, 300, 100);
    assert_int_equal(usage.quantity[LLMCOST_WRITE_5M], 1000);
    assert_int_equal(usage.quantity[LLMCOST_WRITE_1H], 2000);
    assert_int_equal(usage.flags, LLMC_USAGE_REPORTED);
}

static void the_total_of_writes_wins_over_a_smaller_split(void **state)
{
    (void)state;
    llmc_usage usage = normalised((llmc_usage_counts){ .prompt = 5, .written = 12174, .written_5m = 91, .written_1h = 200, .prompt_excludes_cache = true });
    assert_int_equal(usage.quantity[LLMCOST_WRITE_5M], 11974);
    assert_int_equal(usage.quantity[LLMCOST_WRITE_1H], 200);
    usage = normalised((llmc_usage_counts){ .prompt = 5, .written = 70, .prompt_excludes_cache = true });
    assert_int_equal(usage.quantity[LLMCOST_WRITE_5M], 70);
    assert_int_equal(usage.quantity[LLMCOST_WRITE_1H], -1);
    usage = normalised((llmc_usage_counts){ .prompt = 5, .written = ZERO, .prompt_excludes_cache = true });
    assert_int_equal(usage.quantity[LLMCOST_WRITE_5M], 0);
    usage = normalised((llmc_usage_counts){ .prompt = 5, .written = 10, .written_5m = 30, .prompt_excludes_cache = true });
    assert_int_equal(usage.quantity[LLMCOST_WRITE_5M], 30);
}

static void totals_are_compared(void **state)
{
    (void)state;
    assert_int_equal(normalised((llmc_usage_counts){ .prompt = 3, .completion = 4, .total = 7 }).flags, LLMC_USAGE_REPORTED);
    assert_int_equal(normalised((llmc_usage_counts){ .prompt = 3, .completion = 4, .total = 8 }).flags, LLMC_USAGE_REPORTED | LLMC_USAGE_TOTAL_DIFFERS);
}

/* Every combination of small figures: never negative, never more than the provider's whole (but for what is beside it). */
static void no_combination_goes_wrong(void **state)
{
    (void)state;
    static const int64_t values[] = { 0, ZERO, 1, 5, 9 };
    enum { N = 5 };
    for (int i = 0; i < N * N * N * N * N * N; i++) {
        int digit[6], rest = i;
        for (int j = 0; j < 6; j++, rest /= N)
            digit[j] = rest % N;
        llmc_usage usage = normalised((llmc_usage_counts){ .prompt = values[digit[0]], .completion = values[digit[1]], .cached = values[digit[2]],
                                                           .written_30m = values[digit[3]], .reasoning = values[digit[4]], .audio_in = values[digit[5]] });
        if (usage.reported_prompt < 0 || usage.flags & LLMC_USAGE_PROMPT_EXCLUSIVE)
            continue;
        int64_t input = 0;
        for (llmcost_class c = LLMCOST_INPUT; c <= LLMCOST_WRITE_1H; c++)
            input += usage.quantity[c] > 0 ? usage.quantity[c] : 0;
        input += usage.quantity[LLMCOST_AUDIO_IN] > 0 ? usage.quantity[LLMCOST_AUDIO_IN] : 0;
        assert_int_equal(input, usage.reported_prompt);
    }
}

static int64_t cost_of(const char *text)
{
    llmc_json json;
    int64_t pico = -1;
    llmc_json_begin(&json, text, strlen(text));
    llmc_usage_read_cost(&json, &pico);
    return pico;
}

static void stated_costs_are_read(void **state)
{
    (void)state;
    assert_int_equal(cost_of("0.005615"), INT64_C(5615000000));
    assert_int_equal(cost_of("0.00022500000000000002"), 225000000);
    assert_int_equal(cost_of("\"0.000896\""), 896000000);
    assert_int_equal(cost_of("1.1e-7"), 110000);
    assert_int_equal(cost_of("0"), 0);
    assert_int_equal(cost_of("-1"), -1);
    assert_int_equal(cost_of("1e300"), -1);
    assert_int_equal(cost_of("null"), -1);
    assert_int_equal(cost_of("\"dear\""), -1);
}

static int64_t count_of(const char *text)
{
    llmc_json json;
    int64_t count = -7;
    llmc_json_begin(&json, text, strlen(text));
    llmc_usage_read_count(&json, &count);
    return count;
}

static void counts_are_sensible(void **state)
{
    (void)state;
    assert_int_equal(count_of("12"), 12);
    assert_int_equal(count_of("12.0"), 12);
    assert_int_equal(count_of("-3"), -7);
    assert_int_equal(count_of("9223372036854775807"), -7);
    assert_int_equal(count_of("1e99"), -7);
    assert_int_equal(count_of("null"), -7);
    assert_int_equal(count_of("\"5\""), 5); /* Hunyuan */
    assert_int_equal(count_of("\"5 tokens\""), -7);
    assert_int_equal(count_of("\"-5\""), -7);
    assert_int_equal(count_of("\"\""), -7);
    assert_int_equal(count_of("[5]"), -7);
}

static int64_t input_of(int64_t before, const char *text)
{
    llmc_json json;
    llmc_json_begin(&json, text, strlen(text));
    llmc_usage_read_input(&json, &before);
    return before;
}

static void a_zero_does_not_take_back_what_was_read(void **state)
{
    (void)state;
    assert_int_equal(input_of(-1, "0"), 0);
    assert_int_equal(input_of(-1, "9"), 9);
    assert_int_equal(input_of(0, "9"), 9);
    assert_int_equal(input_of(9, "0"), 9);
    assert_int_equal(input_of(9, "5"), 5);
    assert_int_equal(input_of(9, "null"), 9);
    assert_int_equal(input_of(9, "-1"), 9);
}

static const char *tier_of(const char *text, llmc_usage_counts *counts)
{
    llmc_json json;
    llmc_usage_counts_init(counts);
    llmc_json_begin(&json, text, strlen(text));
    llmc_usage_read_tier(&json, counts);
    return counts->tier;
}

static void tiers_have_our_names(void **state)
{
    (void)state;
    llmc_usage_counts counts;
    assert_string_equal(tier_of("\"flex\"", &counts), "flex");
    assert_string_equal(tier_of("\"standard\"", &counts), "default");
    assert_string_equal(tier_of("\"on_demand\"", &counts), "default");
    assert_string_equal(tier_of("\"a tier with a long name\"", &counts), "");
    assert_string_equal(tier_of("null", &counts), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_nothing), cmocka_unit_test(parts_are_taken_out_of_their_whole), cmocka_unit_test(a_reported_zero_is_a_figure),
        cmocka_unit_test(hits_and_misses_make_a_prompt), cmocka_unit_test(more_cached_than_prompt_is_beside_it),
        cmocka_unit_test(overlapping_reads_and_writes_count_once), cmocka_unit_test(more_written_than_prompt_is_beside_it),
        cmocka_unit_test(a_zero_does_not_take_back_what_was_read), cmocka_unit_test(the_total_tells_where_reasoning_is),
        cmocka_unit_test(audio_is_a_class_of_its_own), cmocka_unit_test(exclusive_prompts_stay_as_they_are),
        cmocka_unit_test(the_total_of_writes_wins_over_a_smaller_split), cmocka_unit_test(totals_are_compared),
        cmocka_unit_test(no_combination_goes_wrong), cmocka_unit_test(stated_costs_are_read), cmocka_unit_test(counts_are_sensible),
        cmocka_unit_test(tiers_have_our_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
