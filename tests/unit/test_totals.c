/* Running totals and their report. */
#include "money/totals.h"

#include "../support/counting_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

static const int64_t DAY_MS = 86400000, FIRST = 1790000000000 / 86400000 * 86400000; /* 2026-09-21 */
static const char *const declared[] = { "feature", "user" };

static llmc_totals *open_totals(counting_memory *memory, size_t max_values, size_t max_days)
{
    llmc_totals *totals = NULL;
    counting_memory_init(memory);
    assert_int_equal(llmc_totals_new(&totals, &memory->allocator, &(llmc_totals_settings){ declared, 2, max_values, max_days, "USD" }), LLMCOST_OK);
    return totals;
}

static void close_totals(llmc_totals *totals, counting_memory *memory)
{
    llmc_totals_free(totals);
    assert_int_equal(memory->blocks, 0);
}

static void add(llmc_totals *totals, const char *feature, const char *model, int64_t cost, int64_t wall_ms)
{
    const llmcost_tag tags[] = { { "undeclared", "x" }, { "feature", feature } };
    llmc_totals_add(totals, &(llmc_call_facts){ .tags = tags, .tag_count = feature ? 2 : 1, .model = model, .provider = model ? "openai" : NULL, .wall_ms = wall_ms,
                                                .row.figure = { [LLMC_CALLS] = 1, [LLMC_COST_NANO] = cost, [LLMC_BASELINE_NANO] = cost * 2, [LLMC_TOKENS_IN] = 10, [LLMC_TOKENS_OUT] = 1 } });
}

static json_t *read_json(llmc_totals *totals)
{
    llmc_buffer text;
    llmc_buffer_init(&text, &llmc_allocator_system, 1 << 24);
    assert_int_equal(llmc_totals_report(totals, NULL, 'j', &text), LLMCOST_OK);
    json_t *report = json_loadb(text.data, text.length, 0, NULL);
    assert_non_null(report);
    llmc_buffer_free(&text);
    return report;
}

static char *read_text(llmc_totals *totals)
{
    llmc_buffer text;
    llmc_buffer_init(&text, &llmc_allocator_system, 1 << 24);
    assert_int_equal(llmc_totals_report(totals, NULL, 't', &text), LLMCOST_OK);
    return llmc_buffer_take(&text);
}

static json_t *rows_of(json_t *report, const char *name)
{
    json_t *dimension;
    size_t i;
    json_array_foreach(json_object_get(report, "by"), i, dimension) {
        if (strcmp(json_string_value(json_object_get(dimension, "name")), name) == 0)
            return json_object_get(dimension, "rows");
    }
    fail_msg("no dimension %s", name);
    return NULL;
}

static int64_t number(const json_t *object, const char *name)
{
    assert_true(json_is_integer(json_object_get(object, name)));
    return json_integer_value(json_object_get(object, name));
}

static const char *value_at(json_t *rows, size_t i)
{
    const char *value = json_string_value(json_object_get(json_array_get(rows, i), "value"));
    return value ? value : json_is_true(json_object_get(json_array_get(rows, i), "other")) ? "(other)" : "(none)";
}

static void every_figure_is_counted(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_totals *totals = open_totals(&memory, 10, 10);
    const llmcost_tag tags[] = { { "feature", "faq" }, { "user", "ann" } };
    static const int64_t saved_nano[LLMC_SAVING_COUNT] = { 500, 1, 2, 400, 4, 5, -12 };
    llmc_call_facts call = { .tags = tags, .tag_count = 2, .provider = "openai", .model = "gpt", .wall_ms = FIRST, .saved_nano = saved_nano,
                             .row.figure = { [LLMC_CALLS] = 1, [LLMC_COST_NANO] = 100, [LLMC_BASELINE_NANO] = 1000, [LLMC_TOKENS_IN] = 70, [LLMC_TOKENS_OUT] = 30 },
                             .duration_ns = 1000, .escalations = 2 };
    llmc_totals_add(totals, &call);
    call.row.figure[LLMC_FAILED] = 1;
    llmc_totals_add(totals, &call);
    call.row.figure[LLMC_FAILED] = 0;
    call.row.figure[LLMC_CACHED] = 1;
    llmc_totals_add(totals, &call);
    call.row.figure[LLMC_CACHED] = 0;
    call.row.figure[LLMC_REFUSED] = 1;
    llmc_totals_add(totals, &call);

    json_t *report = read_json(totals), *total = json_object_get(report, "total"), *saved = json_object_get(total, "saved_by");
    assert_string_equal(json_string_value(json_object_get(report, "currency")), "USD");
    assert_int_equal(number(total, "calls"), 4);
    assert_int_equal(number(total, "failed"), 1);
    assert_int_equal(number(total, "cached"), 1);
    assert_int_equal(number(total, "refused"), 1);
    assert_int_equal(number(total, "cost_nano"), 400);
    assert_int_equal(number(total, "baseline_nano"), 4000);
    assert_int_equal(number(total, "saved_nano"), 3600);
    assert_int_equal(number(total, "saved_permille"), 900);
    assert_int_equal(number(total, "hit_rate_permille"), 250);
    assert_int_equal(number(total, "tokens_in"), 280);
    assert_int_equal(number(total, "tokens_out"), 120);
    assert_int_equal(number(total, "escalations"), 8);
    assert_int_equal(number(total, "duration_ns"), 4000);
    int64_t sum = 0, expected[] = { 2000, 4, 8, 1600, 16, 20, -48 };
    for (size_t i = 0; i < LLMC_SAVING_COUNT; i++) {
        assert_int_equal(number(saved, llmc_saving_names[i]), expected[i]);
        sum += expected[i];
    }
    assert_int_equal(sum, 3600); /* they telescope */
    assert_int_equal(json_object_size(saved), LLMC_SAVING_COUNT);
    static const struct { const char *dimension, *value; } rows[] = { { "feature", "faq" }, { "user", "ann" }, { "model", "gpt" }, { "provider", "openai" }, { "day", "2026-09-21" } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *list = rows_of(report, rows[i].dimension), *row = json_array_get(list, 0);
        assert_int_equal(json_array_size(list), 1);
        assert_string_equal(value_at(list, 0), rows[i].value);
        assert_int_equal(number(row, "calls"), 4);
        assert_int_equal(number(row, "failed"), 1);
        assert_int_equal(number(row, "refused"), 1);
        assert_int_equal(number(row, "cached"), 1);
        assert_int_equal(number(row, "cost_nano"), 400);
        assert_int_equal(number(row, "baseline_nano"), 4000);
        assert_int_equal(number(row, "tokens_in"), 280);
        assert_int_equal(number(row, "tokens_out"), 120);
        assert_int_equal(number(row, "share_permille"), 1000);
    }
    json_decref(report);
    close_totals(totals, &memory);
}

static void nothing_yet_is_a_report_too(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_totals *totals = open_totals(&memory, 10, 10);
    json_t *report = read_json(totals);
    assert_int_equal(number(json_object_get(report, "total"), "calls"), 0);
    assert_int_equal(number(json_object_get(report, "total"), "hit_rate_permille"), 0);
    assert_int_equal(json_array_size(rows_of(report, "feature")), 0);
    assert_int_equal(json_array_size(rows_of(report, "day")), 0);
    json_decref(report);
    char *text = read_text(totals);
    assert_non_null(strstr(text, "calls     0 "));
    assert_non_null(strstr(text, "cost      $0.00\n"));
    free(text);
    llmc_buffer out;
    llmc_buffer_init(&out, &llmc_allocator_system, 100);
    assert_int_equal(llmc_totals_report(totals, NULL, 'x', &out), LLMCOST_E_MISUSE);
    assert_int_equal(out.length, 0);
    assert_int_equal(llmc_totals_report(totals, NULL, 't', &out), LLMCOST_E_MEMORY); /* larger than the buffer may get */
    llmc_buffer_free(&out);
    close_totals(totals, &memory);
    llmc_totals_free(NULL);
}

static void rows_are_sorted_by_cost_with_shares(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_totals *totals = open_totals(&memory, 10, 10);
    add(totals, "cheap", "a", 1, FIRST);
    add(totals, "dear", "b", 600, FIRST + DAY_MS);
    add(totals, NULL, NULL, 398, FIRST + 2 * DAY_MS);
    add(totals, "also cheap", "b", 1, FIRST);
    json_t *report = read_json(totals), *features = rows_of(report, "feature"), *days = rows_of(report, "day");
    static const char *const order[] = { "dear", "(none)", "also cheap", "cheap" };
    static const int64_t shares[] = { 600, 398, 1, 1 };
    assert_int_equal(json_array_size(features), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(value_at(features, i), order[i]);
        assert_int_equal(number(json_array_get(features, i), "share_permille"), shares[i]);
    }
    assert_string_equal(value_at(rows_of(report, "model"), 0), "b");
    assert_string_equal(value_at(rows_of(report, "model"), 1), "(none)");
    assert_string_equal(value_at(rows_of(report, "provider"), 0), "openai");
    assert_string_equal(value_at(rows_of(report, "user"), 0), "(none)");
    assert_int_equal(json_array_size(days), 3);
    assert_string_equal(value_at(days, 0), "2026-09-23"); /* days by date */
    assert_string_equal(value_at(days, 2), "2026-09-21");
    json_decref(report);

    char *text = read_text(totals), *at = text;
    static const char *const parts[] = { "calls     4 ", "hit rate 0.0 %", "tokens    in 40, out 4", "cost      $0.000001\n", "baseline  $0.000002\n", "saved     $0.000001 (50.0 %)",
                                         "cache ", "shape ", "output ", "route ", "provider_cache ", "tier ", "overhead ", "feature ", "dear ", "60.0 %", "(none)", "39.8 %",
                                         "also cheap", "0.1 %", "cheap", "user ", "model ", "provider ", "openai", "day ", "2026-09-23", "39.8 %", "2026-09-21" };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        at = strstr(at, parts[i]);
        if (!at)
            fail_msg("%s is missing or out of order in:\n%s", parts[i], text);
        at += strlen(parts[i]);
    }
    free(text);
    close_totals(totals, &memory);
}

/* A loss has its sign in every form; one call of one is all of them; a name as wide as its column is whole. */
static void a_loss_is_told(void **state)
{
    static const char wide[] = "0123456789012345678901234567890123456789";
    (void)state;
    counting_memory memory;
    llmc_totals *totals = open_totals(&memory, 10, 10);
    llmc_totals_add(totals, &(llmc_call_facts){ .model = wide, .wall_ms = FIRST, .row.figure = { [LLMC_CALLS] = 1, [LLMC_CACHED] = 1, [LLMC_COST_NANO] = 30000000, [LLMC_BASELINE_NANO] = 20000000 } });
    json_t *report = read_json(totals), *total = json_object_get(report, "total");
    assert_int_equal(number(total, "saved_nano"), -10000000);
    assert_int_equal(number(total, "saved_permille"), -500);
    assert_int_equal(number(total, "hit_rate_permille"), 1000);
    json_decref(report);
    char *text = read_text(totals);
    static const char *const parts[] = { "hit rate 100.0 %", "cost      $0.03\n", "baseline  $0.02\n", "saved     -$0.01 (-50.0 %)\n", "\n0123456789012345678901234567890123456789 ", " 100.0 %             -$0.01\n" };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!strstr(text, parts[i]))
            fail_msg("%s is missing in:\n%s", parts[i], text);
    }
    free(text);
    close_totals(totals, &memory);
}

static void many_rows_are_sorted(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_totals *totals = open_totals(&memory, 2000, 10);
    for (int i = 0; i < 1500; i++) {
        char feature[16];
        snprintf(feature, sizeof feature, "f%d", i);
        add(totals, feature, "m", i * 7919 % 1009, FIRST);
    }
    json_t *report = read_json(totals), *features = rows_of(report, "feature");
    assert_int_equal(json_array_size(features), 1500);
    for (size_t i = 1; i < 1500; i++) {
        int64_t before = number(json_array_get(features, i - 1), "cost_nano"), here = number(json_array_get(features, i), "cost_nano");
        assert_true(before > here || (before == here && strcmp(value_at(features, i - 1), value_at(features, i)) < 0));
    }
    json_decref(report);
    close_totals(totals, &memory);
}

static void values_beyond_the_maximum_are_other(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_totals *totals = open_totals(&memory, 3, 10);
    char endless[1000];
    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    add(totals, endless, "m", 1, FIRST); /* too long to keep */
    for (int pass = 0; pass < 3; pass++) {
        for (int i = 0; i < 10; i++) {
            char feature[16];
            snprintf(feature, sizeof feature, "f%d", i);
            add(totals, feature, "m", 100, FIRST);
        }
    }
    add(totals, "", "m", 1, FIRST);
    long blocks = memory.blocks;
    for (int i = 0; i < 5000; i++) {
        char feature[16];
        snprintf(feature, sizeof feature, "g%d", i);
        add(totals, feature, "m", 0, FIRST);
    }
    assert_int_equal(memory.blocks, blocks); /* bounded */
    json_t *report = read_json(totals), *features = rows_of(report, "feature");
    assert_int_equal(json_array_size(features), 5);
    assert_string_equal(value_at(features, 0), "(other)");
    assert_int_equal(number(json_array_get(features, 0), "calls"), 1 + 21 + 5000);
    assert_int_equal(number(json_array_get(features, 0), "cost_nano"), 2101);
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(number(json_array_get(features, i), "calls"), 3);
    assert_string_equal(value_at(features, 4), "(none)");
    json_decref(report);
    close_totals(totals, &memory);
}

static void old_days_are_earlier(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_totals *totals = open_totals(&memory, 3, 3);
    static const int order[] = { 5, 1, 4, 2, 0, 3, 5, 9, 0 };
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        add(totals, "f", "m", 1, FIRST + order[i] * DAY_MS + 5);
    add(totals, "f", "m", 1, -1); /* 1969-12-31 */
    json_t *report = read_json(totals), *days = rows_of(report, "day");
    assert_int_equal(json_array_size(days), 4);
    assert_string_equal(value_at(days, 0), "2026-09-30");
    assert_string_equal(value_at(days, 1), "2026-09-26");
    assert_int_equal(number(json_array_get(days, 1), "calls"), 2);
    assert_string_equal(value_at(days, 2), "2026-09-25");
    assert_string_equal(value_at(days, 3), "(other)");
    assert_int_equal(number(json_array_get(days, 3), "calls"), 6);
    json_decref(report);
    char *text = read_text(totals);
    assert_non_null(strstr(text, "(earlier)"));
    free(text);
    close_totals(totals, &memory);

    totals = open_totals(&memory, 3, 0); /* no days at all */
    add(totals, "f", "m", 1, FIRST);
    report = read_json(totals);
    assert_string_equal(value_at(rows_of(report, "day"), 0), "(other)");
    json_decref(report);
    close_totals(totals, &memory);
}

static void values_cannot_break_the_report(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_totals *totals = open_totals(&memory, 10, 10);
    add(totals, "a\nb\tc\x1b[31m\"\\", "m", 1, FIRST);
    add(totals, "\xff\xfe", "m", 1, FIRST);
    add(totals, "a feature whose name is much longer than the column of the table, \xc3\xa9 included", "m", 1, FIRST);
    json_t *report = read_json(totals), *features = rows_of(report, "feature");
    assert_int_equal(json_array_size(features), 3);
    int found = 0;
    for (size_t i = 0; i < 3; i++)
        found += !strcmp(value_at(features, i), "a\nb\tc\x1b[31m\"\\") || !strcmp(value_at(features, i), "??");
    assert_int_equal(found, 2);
    json_decref(report);
    char *text = read_text(totals);
    assert_non_null(strstr(text, "a b c?[31m\"\\"));
    for (char *at = text; *at; at++)
        assert_true(*at == '\n' || (unsigned char)*at >= 0x20);
    size_t width = 0; /* every line of a table is as long as its head */
    for (char *line = strstr(text, "\nfeature") + 1; *line != '\n'; line = strchr(line, '\n') + 1) {
        width = width ? width : (size_t)(strchr(line, '\n') - line);
        assert_int_equal(strchr(line, '\n') - line, width);
    }
    free(text);
    close_totals(totals, &memory);
}

static void sums_are_capped(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_totals *totals = open_totals(&memory, 10, 10);
    static const int64_t saved_nano[LLMC_SAVING_COUNT] = { INT64_MIN, INT64_MAX };
    llmc_call_facts call = { .model = "m", .provider = "p", .wall_ms = FIRST, .saved_nano = saved_nano, .duration_ns = INT64_MAX,
                             .row.figure = { [LLMC_CALLS] = 1, [LLMC_COST_NANO] = INT64_MAX, [LLMC_BASELINE_NANO] = INT64_MIN, [LLMC_TOKENS_IN] = INT64_MAX } };
    llmc_totals_add(totals, &call);
    llmc_totals_add(totals, &call);
    json_t *report = read_json(totals), *total = json_object_get(report, "total");
    assert_true(number(total, "cost_nano") == INT64_MAX);
    assert_true(number(total, "baseline_nano") == INT64_MIN);
    assert_true(number(total, "saved_nano") == INT64_MIN);
    assert_true(number(total, "duration_ns") == INT64_MAX);
    assert_true(number(json_object_get(total, "saved_by"), "cache") == INT64_MIN);
    assert_true(number(json_object_get(total, "saved_by"), "shape") == INT64_MAX);
    assert_int_equal(number(json_array_get(rows_of(report, "model"), 0), "share_permille"), 1000);
    json_decref(report);
    free(read_text(totals));
    close_totals(totals, &memory);
}

static void a_known_value_allocates_nothing(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_totals *totals = open_totals(&memory, 10, 10);
    add(totals, "f", "m", 1, FIRST);
    long calls = memory.calls;
    for (int i = 0; i < 100; i++)
        add(totals, "f", "m", 1, FIRST);
    assert_int_equal(memory.calls, calls);
    close_totals(totals, &memory);
}

static void without_memory_values_are_other(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_totals *totals = open_totals(&memory, 10, 10);
    memory.fail_all = 1;
    add(totals, "f", "m", 7, FIRST);
    llmc_buffer out;
    llmc_buffer_init(&out, &llmc_allocator_system, 1 << 20);
    assert_int_equal(llmc_totals_report(totals, NULL, 'j', &out), LLMCOST_E_MEMORY);
    memory.fail_all = 0;
    add(totals, "f", "m", 7, FIRST);
    json_t *report = read_json(totals);
    static const char *const names[] = { "feature", "model", "provider", "day" };
    for (size_t i = 0; i < 4; i++) {
        json_t *rows = rows_of(report, names[i]);
        assert_int_equal(json_array_size(rows), 2);
        assert_int_equal(number(json_array_get(rows, 0), "cost_nano") + number(json_array_get(rows, 1), "cost_nano"), 14);
        assert_true(!strcmp(value_at(rows, 0), "(other)") != !strcmp(value_at(rows, 1), "(other)"));
    }
    json_decref(report);
    llmc_buffer_free(&out);
    close_totals(totals, &memory);
}

static bool try_everything(counting_memory *memory)
{
    llmc_totals *totals;
    if (llmc_totals_new(&totals, &memory->allocator, &(llmc_totals_settings){ declared, 2, 20, 10, "USD" })) {
        assert_null(totals);
        return false;
    }
    for (int i = 0; i < 12; i++) {
        char feature[8];
        snprintf(feature, sizeof feature, "%d", i);
        add(totals, feature, feature, 1, FIRST + i * DAY_MS);
    }
    bool complete = true;
    for (int i = 0; i < 2; i++) {
        llmc_buffer out;
        llmc_buffer_init(&out, &memory->allocator, 1 << 20);
        complete = llmc_totals_report(totals, NULL, "tj"[i], &out) == LLMCOST_OK && complete;
        llmc_buffer_free(&out);
    }
    memory->fail_at = 0;
    json_t *report = read_json(totals), *row; /* whatever failed, no call was lost */
    static const char *const names[] = { "feature", "model", "provider", "day" };
    for (size_t i = 0; i < 4; i++) {
        int64_t calls = 0;
        size_t j;
        json_array_foreach(rows_of(report, names[i]), j, row)
            calls += number(row, "calls");
        assert_int_equal(calls, 12);
    }
    assert_int_equal(number(json_object_get(report, "total"), "calls"), 12);
    json_decref(report);
    llmc_totals_free(totals);
    return complete;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    int incomplete = 0;
    for (long n = 1;; n++) {
        counting_memory memory;
        counting_memory_init(&memory);
        memory.fail_at = n;
        incomplete += !try_everything(&memory);
        assert_int_equal(memory.blocks, 0);
        if (!memory.failed)
            break;
        assert_true(n < 1000);
    }
    assert_true(incomplete > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_figure_is_counted),
        cmocka_unit_test(nothing_yet_is_a_report_too),
        cmocka_unit_test(rows_are_sorted_by_cost_with_shares),
        cmocka_unit_test(a_loss_is_told), cmocka_unit_test(many_rows_are_sorted),
        cmocka_unit_test(values_beyond_the_maximum_are_other),
        cmocka_unit_test(old_days_are_earlier),
        cmocka_unit_test(values_cannot_break_the_report),
        cmocka_unit_test(sums_are_capped),
        cmocka_unit_test(a_known_value_allocates_nothing),
        cmocka_unit_test(without_memory_values_are_other),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
