/* Receipts: lines, keys, totals, and savings that add up to the last unit. */
#include "money/receipt.h"

#include "../support/counting_memory.h"
#include "../support/prices.h"
#include "../support/rounds.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

enum { ONE_TO_ONE = 1000000000 };

/* ---- helpers ---- */

typedef struct fixture {
    llmc_arena arena;
    llmc_receipt receipt;
} fixture;

static void begin(fixture *f)
{
    llmc_arena_init(&f->arena, &llmc_allocator_system, NULL, 0);
    llmc_receipt_init(&f->receipt, UINT64_C(0x0123456789abcdef), "USD", 1700000000000);
}

static void end(fixture *f)
{
    llmc_arena_clear(&f->arena);
}

/* Per million tokens in dollars times 1e6: 0.15 is 150000 pico per token. */
static llmc_rates rates_of(int64_t input, int64_t cached, int64_t write, int64_t output)
{
    llmc_rates rates = { .currency = "USD", .source = "price list of a test, 2026-01-01" };
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++)
        rates.rate[i].pico = input;
    rates.rate[LLMCOST_INPUT_CACHED].pico = cached;
    rates.rate[LLMCOST_WRITE_5M].pico = rates.rate[LLMCOST_WRITE_30M].pico = rates.rate[LLMCOST_WRITE_1H].pico = write;
    rates.rate[LLMCOST_OUTPUT].pico = rates.rate[LLMCOST_REASONING].pico = rates.rate[LLMCOST_AUDIO_OUT].pico = output;
    rates.rate[LLMCOST_REQUEST].pico = 0;
    return rates;
}

static llmc_line *add_sent(fixture *f, const char *purpose, const char *model, const llmc_usage *usage, const llmc_rates *rates)
{
    llmc_line *line = llmc_receipt_add(&f->receipt, &f->arena, purpose, -1);
    assert_non_null(line);
    line->provider = "openai";
    line->model = model;
    line->usage = *usage;
    line->usage.flags |= LLMC_USAGE_REPORTED;
    line->rates = rates;
    line->flags = LLMC_LINE_SENT | LLMC_LINE_PRICED;
    assert_true(llmc_price_usage(rates, usage, line->exchange_nano, &line->cost_nano));
    return line;
}

static int64_t sum_of(const int64_t saved[LLMC_SAVING_COUNT])
{
    int64_t sum = 0;
    for (int i = 0; i < LLMC_SAVING_COUNT; i++)
        sum += saved[i];
    return sum;
}

static void assert_adds_up(const llmc_receipt *receipt)
{
    int64_t cost = 0;
    for (const llmc_line *line = receipt->lines; line; line = line->next)
        cost += (line->flags & LLMC_LINE_PRICE_UNKNOWN) && !(line->flags & LLMC_LINE_PRICED) ? 0 : line->cost_nano;
    assert_int_equal(receipt->cost_nano, cost);
    assert_int_equal(receipt->baseline_nano - sum_of(receipt->saved_nano), receipt->cost_nano);
}

/* Owned by one static buffer; ends with the next call. */
static const char *summary_of(const llmc_receipt *receipt, llmcost_status status)
{
    static char text[4096];
    llmc_buffer out;
    llmc_buffer_init(&out, &llmc_allocator_system, sizeof text - 1);
    llmc_receipt_summary(receipt, status, &out);
    assert_non_null(llmc_buffer_text(&out));
    memcpy(text, out.data, out.length + 1);
    llmc_buffer_free(&out);
    assert_null(strchr(text, '\n'));
    return text;
}

static json_t *json_of(const llmc_receipt *receipt, llmcost_status status)
{
    llmc_buffer out;
    llmc_buffer_init(&out, &llmc_allocator_system, 1 << 20);
    llmc_receipt_write(receipt, status, &out);
    assert_int_equal(out.failure, LLMC_BUFFER_FINE);
    json_error_t error;
    json_t *json = json_loadb(out.data, out.length, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        fail_msg("%s in %.*s", error.text, (int)out.length, out.data);
    llmc_buffer_free(&out);
    return json;
}

static int64_t member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value))
        fail_msg("%s is no integer", key);
    return json_integer_value(value);
}

static const char *text_member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_null(value))
        return NULL;
    if (!json_is_string(value))
        fail_msg("%s is no text", key);
    return json_string_value(value);
}

static int64_t line_number(const llmc_line *line, const char *key)
{
    int64_t value = INT64_MIN;
    if (!llmc_line_number(line, key, &value))
        fail_msg("the line has no %s", key);
    return value;
}

static bool has_number(const llmc_line *line, const char *key)
{
    int64_t value = 77;
    bool has = llmc_line_number(line, key, &value);
    if (!has)
        assert_int_equal(value, 77);
    return has;
}

/* The items of every line, multiplied, added up, exchanged and rounded once, are its cost; the lines are the total. */
static void assert_json_adds_up(const llmc_receipt *receipt)
{
    json_t *json = json_of(receipt, LLMCOST_OK);
    json_t *lines = json_object_get(json, "lines");
    int64_t total = 0;
    assert_int_equal(json_array_size(lines), receipt->line_count);
    for (size_t i = 0; i < json_array_size(lines); i++) {
        json_t *line = json_array_get(lines, i), *items = json_object_get(line, "items");
        json_t *exchange = json_object_get(line, "exchange_nano");
        llmc_sum sum = { 0 };
        int64_t cost = 0, rate = ONE_TO_ONE;
        for (size_t k = 0; k < json_array_size(items); k++) {
            json_t *item = json_array_get(items, k);
            llmc_sum_add(&sum, member(item, "quantity"), (llmc_rate){ member(item, "rate_pico") });
            if (exchange && strcmp(text_member(item, "currency"), "USD") != 0)
                rate = json_integer_value(exchange);
        }
        assert_true(llmc_sum_amount(&sum, rate, &cost));
        if (json_is_null(json_object_get(line, "cost_nano"))) {
            assert_int_equal(json_array_size(items), 0);
            continue;
        }
        assert_int_equal(cost, member(line, "cost_nano"));
        total += cost;
    }
    assert_int_equal(total, member(json, "cost_nano"));

    json_t *saved = json_object_get(json, "saved"), *baseline = json_object_get(json, "baseline");
    int64_t sum = 0;
    for (int i = 0; i < LLMC_SAVING_COUNT; i++)
        sum += member(saved, llmc_saving_names[i]);
    assert_int_equal(json_object_size(saved), LLMC_SAVING_COUNT);
    assert_int_equal(sum, member(json, "saved_nano"));
    if (json_is_null(baseline))
        assert_int_equal(sum, 0);
    else
        assert_int_equal(member(baseline, "cost_nano") - sum, total);
    json_decref(json);
}

/* ---- lines ---- */

static void test_new_receipt(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    assert_string_equal(llmc_receipt_id(&f.receipt), "r-0123456789abcdef");
    assert_string_equal(llmc_receipt_id(&f.receipt), "r-0123456789abcdef"); /* the second time it is there */
    uint64_t number;
    assert_true(llmc_receipt_number(llmc_receipt_id(&f.receipt), &number));
    assert_true(number == f.receipt.number);
    assert_string_equal(f.receipt.currency, "USD");
    assert_null(f.receipt.lines);
    llmc_line *first = llmc_receipt_add(&f.receipt, &f.arena, "answer", -1), *second = llmc_receipt_add(&f.receipt, &f.arena, "judge", 0);
    assert_int_equal(f.receipt.line_count, 2);
    assert_ptr_equal(f.receipt.lines, first);
    assert_ptr_equal(first->next, second);
    assert_null(second->next);
    assert_int_equal(second->index, 1);
    assert_int_equal(second->parent, 0);
    assert_string_equal(second->purpose, "judge");
    assert_int_equal(second->usage.quantity[LLMCOST_REQUEST], -1);
    assert_int_equal(second->stated_nano, -1);
    assert_int_equal(second->bound_nano, -1);
    assert_string_equal(second->model, "");
    end(&f);
    llmc_receipt_init(&f.receipt, UINT64_MAX, "TOOLONG", 0);
    assert_string_equal(llmc_receipt_id(&f.receipt), "r-ffffffffffffffff");
    assert_string_equal(f.receipt.currency, "TOO");
}

static void test_lines_cost_one_piece_of_the_arena(void **state)
{
    (void)state;
    counting_memory memory;
    counting_memory_init(&memory);
    llmc_arena arena;
    llmc_receipt receipt;
    char first[4096];
    llmc_rates rates = rates_of(1, 1, 1, 1);
    llmc_usage usage = usage_of(1, -1, 1, -1);
    llmc_arena_init(&arena, &memory.allocator, first, sizeof first);
    llmc_receipt_init(&receipt, 1, "USD", 0);
    llmc_line *line = llmc_receipt_add(&receipt, &arena, "answer", -1);
    llmc_receipt_close(&receipt, &(llmc_saving_inputs){ .answered = line, .delivered = &usage, .baseline = &rates, .baseline_exchange_nano = ONE_TO_ONE });
    assert_int_equal(memory.calls, 0);
    llmc_arena_clear(&arena);
}

static void test_without_memory(void **state)
{
    (void)state;
    counting_memory memory;
    counting_memory_init(&memory);
    memory.fail_all = 1;
    llmc_arena arena;
    llmc_receipt receipt;
    llmc_arena_init(&arena, &memory.allocator, NULL, 0);
    llmc_receipt_init(&receipt, 1, "USD", 0);
    assert_null(llmc_receipt_add(&receipt, &arena, "answer", -1));
    assert_int_equal(receipt.line_count, 0);
    memory.fail_all = 0;
    llmc_line *line = llmc_receipt_add(&receipt, &arena, "answer", -1);
    assert_int_equal(line->index, 0);
    llmc_line_add_note(line, &arena, "kept");
    memory.fail_all = 1;
    char long_note[8192];
    memset(long_note, 'x', sizeof long_note - 1);
    long_note[sizeof long_note - 1] = '\0';
    llmc_line_add_note(line, &arena, long_note);
    assert_string_equal(line->note, "kept");
    llmc_arena_clear(&arena);
    assert_int_equal(memory.blocks, 0);
}

static void test_notes_are_joined(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_line *line = llmc_receipt_add(&f.receipt, &f.arena, "answer", -1);
    llmc_line_add_note(line, &f.arena, "");
    assert_null(line->note);
    llmc_line_add_note(line, &f.arena, "first");
    llmc_line_add_note(line, &f.arena, "");
    llmc_line_add_note(line, &f.arena, "second");
    assert_string_equal(line->note, "first; second");
    end(&f);
}

/* ---- keys ---- */

static void test_every_key_is_listed_once(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_usage usage;
    llmc_usage_init(&usage);
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++)
        usage.quantity[i] = 10 + i;
    llmc_rates rates = rates_of(1, 1, 1, 1);
    llmc_receipt_add(&f.receipt, &f.arena, "cascade", -1);
    llmc_line *line = add_sent(&f, "answer", "m", &usage, &rates);
    line->parent = 0;
    line->served_model = "m-2026";
    line->request_id = "req-1";
    line->key = "KEY_1";
    line->original = "r-1";
    line->note = "a note";
    line->http_status = 200;
    line->stated_nano = 5;
    line->bound_nano = 6;
    line->started_ms = 0;
    line->first_byte_ms = 7;
    line->duration_ms = 8;
    line->age_ms = 9;
    uint32_t count = 0, texts = 0;
    const char *name, *unit, *other;
    for (; llmcost_line_key(count, &name, &unit); count++) {
        int64_t number;
        bool is_text = *unit == '\0';
        texts += is_text;
        assert_int_equal(llmc_line_text(line, name) != NULL, is_text);
        assert_int_equal(llmc_line_number(line, name, &number), !is_text);
        if (!is_text && strcmp(unit, "nano") != 0 && strcmp(unit, "ms") != 0 && strcmp(unit, "tokens") != 0)
            assert_string_equal(unit, "count");
        for (uint32_t i = 0; i < count; i++) {
            assert_true(llmcost_line_key(i, &other, NULL));
            assert_string_not_equal(other, name);
        }
    }
    assert_int_equal(texts, 11);
    assert_int_equal(count, 11 + 3 + 3 + LLMCOST_CLASS_COUNT + 4 + 16);
    assert_int_equal(llmcost_line_key(count, &name, &unit), 0);
    assert_int_equal(llmcost_line_key(UINT32_MAX, &name, &unit), 0);
    assert_int_equal(llmcost_line_key(0, NULL, NULL), 1);

    assert_string_equal(llmc_line_text(line, "purpose"), "answer");
    assert_string_equal(llmc_line_text(line, "served_model"), "m-2026");
    assert_string_equal(llmc_line_text(line, "status"), "OK");
    assert_string_equal(llmc_line_text(line, "counts"), "reported");
    assert_string_equal(llmc_line_text(line, "source"), "price list of a test, 2026-01-01");
    assert_string_equal(llmc_line_text(line, "original"), "r-1");
    assert_int_equal(line_number(line, "index"), 1);
    assert_int_equal(line_number(line, "parent"), 0);
    assert_int_equal(line_number(line, "http_status"), 200);
    assert_int_equal(line_number(line, "tokens_input"), 10);
    assert_int_equal(line_number(line, "tokens_audio_out"), 18);
    assert_int_equal(line_number(line, "tokens_request"), 19);
    assert_int_equal(line_number(line, "cost_nano"), line->cost_nano);
    assert_int_equal(line_number(line, "stated_nano"), 5);
    assert_int_equal(line_number(line, "bound_nano"), 6);
    assert_int_equal(line_number(line, "started_ms"), 0);
    assert_int_equal(line_number(line, "age_ms"), 9);
    assert_int_equal(line_number(line, "is_sent"), 1);
    assert_int_equal(line_number(line, "is_cached"), 0);
    end(&f);
}

static void test_absent_is_not_zero(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_line *line = llmc_receipt_add(&f.receipt, &f.arena, "answer", -1);
    const char *absent[] = { "parent", "http_status", "stated_nano", "bound_nano", "tokens_input", "tokens_request", "started_ms", "first_byte_ms", "duration_ms", "age_ms" };
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        assert_false(has_number(line, absent[i]));
    const char *no_text[] = { "provider", "model", "served_model", "request_id", "key", "original", "note", "source", "counts" };
    for (size_t i = 0; i < sizeof no_text / sizeof no_text[0]; i++)
        assert_null(llmc_line_text(line, no_text[i]));
    assert_int_equal(line_number(line, "cost_nano"), 0); /* nothing was sent: that is a figure */
    line->usage.quantity[LLMCOST_OUTPUT] = 0;
    assert_int_equal(line_number(line, "tokens_output"), 0);
    line->flags = LLMC_LINE_SENT | LLMC_LINE_PRICE_UNKNOWN;
    assert_false(has_number(line, "cost_nano"));
    assert_int_equal(line_number(line, "is_price_unknown"), 1);
    line->flags |= LLMC_LINE_PRICED | LLMC_LINE_WORST_CASE;
    assert_true(has_number(line, "cost_nano"));
    assert_false(has_number(line, "purpose"));
    assert_false(has_number(line, "nonsense"));
    assert_null(llmc_line_text(line, "cost_nano"));
    assert_null(llmc_line_text(line, "is_sent"));
    assert_null(llmc_line_text(line, "nonsense"));
    end(&f);
}

static void test_zero_is_not_absent(void **state)
{
    static const char *const figures[] = { "parent", "stated_nano", "bound_nano", "tokens_input", "tokens_request", "started_ms", "first_byte_ms", "duration_ms", "age_ms" };
    (void)state;
    fixture f;
    begin(&f);
    llmc_line *line = llmc_receipt_add(&f.receipt, &f.arena, "answer", 0);
    line->stated_nano = line->bound_nano = line->started_ms = line->first_byte_ms = line->duration_ms = line->age_ms = 0;
    line->usage.quantity[LLMCOST_INPUT] = line->usage.quantity[LLMCOST_REQUEST] = 0;
    line->http_status = 1;
    assert_int_equal(line_number(line, "http_status"), 1);
    json_t *json = json_of(&f.receipt, LLMCOST_OK), *written = json_array_get(json_object_get(json, "lines"), 0);
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        assert_int_equal(line_number(line, figures[i]), 0);
        if (strncmp(figures[i], "tokens", 6) != 0)
            assert_int_equal(member(written, figures[i]), 0);
    }
    json_decref(json);
    end(&f);
}

static void test_where_counts_come_from(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_line *line = llmc_receipt_add(&f.receipt, &f.arena, "answer", -1);
    const struct { uint32_t flags; const char *counts; } cases[] = {
        { LLMC_USAGE_REPORTED, "reported" }, { LLMC_USAGE_REPORTED | LLMC_USAGE_OUTPUT_ESTIMATED, "estimated" },
        { LLMC_USAGE_INPUT_ESTIMATED, "estimated" }, { LLMC_USAGE_PRESUMED | LLMC_USAGE_INPUT_ESTIMATED, "presumed" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        line->usage.flags = cases[i].flags;
        assert_string_equal(llmc_line_text(line, "counts"), cases[i].counts);
    }
    line->flags = LLMC_LINE_STATED;
    assert_string_equal(llmc_line_text(line, "source"), "stated by the provider");
    end(&f);
}

static void test_class_names(void **state)
{
    (void)state;
    assert_string_equal(llmcost_class_name(LLMCOST_INPUT), "input");
    assert_string_equal(llmcost_class_name(LLMCOST_INPUT_CACHED), "input_cached");
    assert_string_equal(llmcost_class_name(LLMCOST_REQUEST), "request");
    assert_null(llmcost_class_name(LLMCOST_CLASS_COUNT));
    assert_null(llmcost_class_name(UINT32_MAX));
}

/* ---- totals and savings ---- */

static void test_route_and_provider_cache(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_rates large = rates_of(2500000, 1250000, 2500000, 10000000), small = rates_of(150000, 75000, 150000, 600000);
    llmc_usage usage = usage_of(1000, 204, 80, 7);
    llmc_line *line = add_sent(&f, "answer", "gpt-4o-mini", &usage, &small);
    f.receipt.baseline = "openai/gpt-4o";
    llmc_receipt_close(&f.receipt, &(llmc_saving_inputs){ .answered = line, .delivered = &usage, .baseline = &large, .baseline_exchange_nano = ONE_TO_ONE, .standard = &small });
    /* baseline (1204 * 2.5 + 87 * 10) / 1e6; uncached (1204 * 0.15 + 87 * 0.6) / 1e6; charged 204 at half */
    assert_int_equal(f.receipt.baseline_nano, 3880000);
    assert_int_equal(f.receipt.cost_nano, 217500);
    assert_int_equal(f.receipt.saved_nano[LLMC_SAVING_ROUTE], 3880000 - 232800);
    assert_int_equal(f.receipt.saved_nano[LLMC_SAVING_PROVIDER_CACHE], 15300);
    assert_int_equal(f.receipt.saved_nano[LLMC_SAVING_TIER], 0);
    assert_int_equal(f.receipt.saved_nano[LLMC_SAVING_OVERHEAD], 0);
    assert_int_equal(f.receipt.delivered_in, 1204);
    assert_int_equal(f.receipt.delivered_out, 87);
    assert_true(line->flags & LLMC_LINE_ANSWERED);
    assert_adds_up(&f.receipt);
    assert_json_adds_up(&f.receipt);
    assert_string_equal(summary_of(&f.receipt, LLMCOST_OK),
                        "$0.0002175: openai/gpt-4o-mini, 1,204 in, 87 out; saved $0.0036625 of $0.00388 (route $0.0036472, provider_cache $0.0000153)");
    end(&f);
}

/* The model that is compared with asks a fee for each call, the one that answered none. */
static void test_the_baselines_fee(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_rates small = rates_of(150000, 75000, 150000, 600000), fee = small;
    fee.rate[LLMCOST_REQUEST].pico = INT64_C(5000000000);
    llmc_usage usage = usage_of(1000, 0, 100, 0);
    llmc_line *line = add_sent(&f, "answer", "gpt-4o-mini", &usage, &small);
    f.receipt.baseline = "perplexity/sonar";
    llmc_receipt_close(&f.receipt, &(llmc_saving_inputs){ .answered = line, .delivered = &usage, .baseline = &fee, .baseline_exchange_nano = ONE_TO_ONE, .standard = &small });
    assert_int_equal(f.receipt.cost_nano, 210000);
    assert_int_equal(f.receipt.baseline_nano, 210000 + 5000000);
    assert_int_equal(f.receipt.saved_nano[LLMC_SAVING_ROUTE], 5000000);
    assert_adds_up(&f.receipt);
    end(&f);
}

/* Anthropic's written tokens cost more than plain input: that is a loss, and shown as one. */
static void test_cache_writes_are_a_loss(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_rates rates = rates_of(3000000, 300000, 3750000, 15000000);
    llmc_usage usage = usage_of(3, -1, 550, -1);
    usage.quantity[LLMCOST_WRITE_5M] = 12304;
    llmc_line *line = add_sent(&f, "answer", "claude", &usage, &rates);
    f.receipt.baseline = "anthropic/claude";
    llmc_receipt_close(&f.receipt, &(llmc_saving_inputs){ .answered = line, .baseline = &rates, .baseline_exchange_nano = ONE_TO_ONE, .standard = &rates });
    assert_int_equal(f.receipt.cost_nano, 54399000);
    assert_int_equal(f.receipt.baseline_nano, 45171000);
    assert_int_equal(f.receipt.saved_nano[LLMC_SAVING_PROVIDER_CACHE], -9228000);
    assert_adds_up(&f.receipt);
    assert_string_equal(summary_of(&f.receipt, LLMCOST_OK), "$0.054399: openai/claude, 12,307 in, 550 out; saved -$0.009228 of $0.045171 (provider_cache -$0.009228)");
    end(&f);
}

static void test_tier_and_stated_cost(void **state)
{
    (void)state;
    llmc_rates standard = rates_of(1000000, 1000000, 1000000, 2000000), batch = rates_of(500000, 500000, 500000, 1000000);
    llmc_usage usage = usage_of(1000, -1, 500, -1);
    fixture f;
    begin(&f);
    llmc_line *line = add_sent(&f, "answer", "m", &usage, &batch);
    f.receipt.baseline = "openai/m";
    const llmc_saving_inputs inputs = { .answered = line, .delivered = &usage, .baseline = &standard, .baseline_exchange_nano = ONE_TO_ONE, .standard = &standard };
    llmc_receipt_close(&f.receipt, &inputs);
    assert_int_equal(f.receipt.saved_nano[LLMC_SAVING_TIER], 1000000);
    assert_adds_up(&f.receipt);
    assert_json_adds_up(&f.receipt);

    line->flags |= LLMC_LINE_STATED | LLMC_LINE_STATED_DIFFERS;
    line->stated_nano = line->cost_nano = 2345678;
    llmc_receipt_close(&f.receipt, &inputs);
    assert_int_equal(f.receipt.saved_nano[LLMC_SAVING_TIER], 2000000 - 2345678);
    assert_adds_up(&f.receipt);
    assert_json_adds_up(&f.receipt);
    json_t *json = json_of(&f.receipt, LLMCOST_OK), *items = json_object_get(json_array_get(json_object_get(json, "lines"), 0), "items");
    assert_int_equal(json_array_size(items), 1);
    assert_string_equal(text_member(json_array_get(items, 0), "class"), "stated");
    json_decref(json);
    end(&f);
}

static void test_cascade_has_overhead(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_rates small = rates_of(150000, 75000, 150000, 600000), large = rates_of(2500000, 1250000, 2500000, 10000000);
    llmc_usage tried = usage_of(1010, -1, 4, -1), usage = usage_of(1000, -1, 90, -1);
    add_sent(&f, "cascade", "small", &tried, &small);
    llmc_line *line = add_sent(&f, "cascade", "large", &usage, &large);
    f.receipt.baseline = "openai/large";
    llmc_receipt_close(&f.receipt, &(llmc_saving_inputs){ .answered = line, .delivered = &usage, .baseline = &large, .baseline_exchange_nano = ONE_TO_ONE, .standard = &large });
    assert_int_equal(f.receipt.cost_nano, 153900 + 3400000);
    assert_int_equal(f.receipt.baseline_nano, 3400000);
    assert_int_equal(f.receipt.saved_nano[LLMC_SAVING_OVERHEAD], -153900);
    assert_int_equal(f.receipt.saved_nano[LLMC_SAVING_ROUTE], 0);
    assert_false(f.receipt.lines->flags & LLMC_LINE_ANSWERED);
    assert_adds_up(&f.receipt);
    assert_json_adds_up(&f.receipt);
    assert_string_equal(summary_of(&f.receipt, LLMCOST_OK), "$0.0035539: openai/large, 2,010 in, 94 out over 2 legs; saved -$0.0001539 of $0.0034 (overhead -$0.0001539)");
    end(&f);
}

/* The cascade's instruction was not asked for: the baseline is without it, and the route pays for it. */
static void test_our_own_instruction_is_no_saving(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_rates rates = rates_of(1000000, 1000000, 1000000, 1000000);
    llmc_usage usage = usage_of(100, -1, 10, -1);
    llmc_line *line = add_sent(&f, "cascade", "m", &usage, &rates);
    llmc_saving_inputs inputs = { .answered = line, .delivered = &usage, .baseline = &rates, .baseline_exchange_nano = ONE_TO_ONE, .standard = &rates, .extra_prompt_tokens = 30 };
    f.receipt.baseline = "openai/m";
    llmc_receipt_close(&f.receipt, &inputs);
    assert_int_equal(f.receipt.baseline_nano, 80000);
    assert_int_equal(f.receipt.saved_nano[LLMC_SAVING_ROUTE], -30000);
    assert_adds_up(&f.receipt);
    inputs.extra_prompt_tokens = 1000; /* an estimate above the count */
    llmc_receipt_close(&f.receipt, &inputs);
    assert_int_equal(f.receipt.baseline_nano, 10000);
    assert_adds_up(&f.receipt);
    end(&f);
}

static void test_cached_answer(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_rates rates = rates_of(2500000, 1250000, 2500000, 10000000);
    llmc_usage stored = usage_of(100, 32, 87, -1);
    llmc_line *line = llmc_receipt_add(&f.receipt, &f.arena, "cache", -1);
    line->flags = LLMC_LINE_CACHED | LLMC_LINE_PRICED;
    line->age_ms = 1500;
    line->original = "r-000000000000abcd";
    f.receipt.cached = true;
    f.receipt.cache_state = "hit";
    f.receipt.baseline = "openai/gpt-4o";
    llmc_receipt_close(&f.receipt, &(llmc_saving_inputs){ .answered = line, .delivered = &stored, .baseline = &rates, .baseline_exchange_nano = ONE_TO_ONE, .standard = &rates });
    assert_int_equal(f.receipt.cost_nano, 0);
    assert_int_equal(f.receipt.baseline_nano, 1200000);
    assert_int_equal(f.receipt.saved_nano[LLMC_SAVING_CACHE], 1200000);
    assert_adds_up(&f.receipt);
    assert_json_adds_up(&f.receipt);
    assert_string_equal(summary_of(&f.receipt, LLMCOST_OK), "$0 from the cache: 87 out, saved $0.0012");

    /* A leg beside the hit (an embedding) is overhead. */
    llmc_usage asked = usage_of(50, -1, -1, -1);
    llmc_rates cheap = rates_of(20000, 20000, 20000, 20000);
    add_sent(&f, "embed", "e", &asked, &cheap);
    llmc_receipt_close(&f.receipt, &(llmc_saving_inputs){ .answered = line, .delivered = &stored, .baseline = &rates, .baseline_exchange_nano = ONE_TO_ONE });
    assert_int_equal(f.receipt.saved_nano[LLMC_SAVING_CACHE], 1200000);
    assert_int_equal(f.receipt.saved_nano[LLMC_SAVING_OVERHEAD], -1000);
    assert_adds_up(&f.receipt);
    assert_json_adds_up(&f.receipt);

    /* No baseline: nothing is claimed. */
    llmc_receipt_close(&f.receipt, &(llmc_saving_inputs){ .answered = line, .delivered = &stored });
    assert_int_equal(sum_of(f.receipt.saved_nano), 0);
    assert_int_equal(f.receipt.baseline_nano, 1000);
    assert_null(f.receipt.baseline);
    assert_string_equal(summary_of(&f.receipt, LLMCOST_OK), "$0.000001 from the cache: 87 out");
    end(&f);
}

static void test_failed_call(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_rates rates = rates_of(1000000, 1000000, 1000000, 1000000);
    llmc_usage usage = usage_of(100, -1, 10, -1);
    llmc_line *line = add_sent(&f, "answer", "m", &usage, &rates);
    line->status = LLMCOST_E_TRUNCATED;
    llmc_receipt_close(&f.receipt, &(llmc_saving_inputs){ .baseline = &rates, .baseline_exchange_nano = ONE_TO_ONE, .standard = &rates });
    assert_int_equal(f.receipt.baseline_nano, 0);
    assert_int_equal(f.receipt.cost_nano, 110000);
    assert_int_equal(f.receipt.saved_nano[LLMC_SAVING_OVERHEAD], -110000);
    assert_int_equal(f.receipt.delivered_out, -1);
    assert_adds_up(&f.receipt);
    assert_json_adds_up(&f.receipt);
    json_t *json = json_of(&f.receipt, LLMCOST_E_TRUNCATED);
    assert_string_equal(text_member(json, "status"), "E_TRUNCATED");
    assert_int_equal(member(json_object_get(json, "baseline"), "cost_nano"), 0);
    json_decref(json);
    assert_string_equal(summary_of(&f.receipt, LLMCOST_E_TRUNCATED),
                        "$0.00011: openai/m failed with E_TRUNCATED, the answer ended before it was complete, 100 in, 10 out");
    end(&f);
}

static void test_refused_call(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_receipt_close(&f.receipt, &(llmc_saving_inputs){ 0 });
    assert_int_equal(f.receipt.cost_nano, 0);
    assert_adds_up(&f.receipt);
    assert_json_adds_up(&f.receipt);
    assert_string_equal(summary_of(&f.receipt, LLMCOST_E_BUDGET), "$0: failed with E_BUDGET, the budget could not cover the call; nothing was sent");
    assert_string_equal(summary_of(&f.receipt, LLMCOST_OK), "$0: no provider was asked");
    end(&f);
}

/* An unknown price is never 0: no cost, no saving, and it says so. */
static void test_unknown_price(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_rates rates = rates_of(1000000, 1000000, 1000000, 1000000);
    llmc_usage usage = usage_of(100, -1, 10, -1);
    llmc_line *line = add_sent(&f, "answer", "secret", &usage, &rates);
    line->flags = LLMC_LINE_SENT | LLMC_LINE_PRICE_UNKNOWN;
    line->rates = NULL;
    line->cost_nano = 0;
    f.receipt.baseline = "openai/large";
    const llmc_saving_inputs inputs = { .answered = line, .delivered = &usage, .baseline = &rates, .baseline_exchange_nano = ONE_TO_ONE };
    llmc_receipt_close(&f.receipt, &inputs);
    assert_null(f.receipt.baseline);
    assert_int_equal(f.receipt.baseline_nano, 0);
    assert_int_equal(sum_of(f.receipt.saved_nano), 0);
    assert_adds_up(&f.receipt);
    assert_json_adds_up(&f.receipt);
    json_t *json = json_of(&f.receipt, LLMCOST_OK);
    assert_int_equal(member(json, "unpriced_lines"), 1);
    assert_true(json_is_null(json_object_get(json, "baseline")));
    assert_true(json_is_null(json_object_get(json_array_get(json_object_get(json, "lines"), 0), "cost_nano")));
    json_decref(json);
    assert_string_equal(summary_of(&f.receipt, LLMCOST_OK), "cost unknown (no price in the catalog): openai/secret, 100 in, 10 out");

    llmc_line *judge = add_sent(&f, "judge", "j", &usage, &rates);
    llmc_receipt_close(&f.receipt, &inputs);
    assert_int_equal(f.receipt.cost_nano, judge->cost_nano);
    assert_int_equal(sum_of(f.receipt.saved_nano), 0);
    assert_adds_up(&f.receipt);
    assert_string_equal(summary_of(&f.receipt, LLMCOST_OK), "at least $0.00011: openai/secret, 200 in, 20 out over 2 legs");

    /* Charged at the worst-case rates: a figure again, and the difference is the route's. */
    llmc_rates worst = rates_of(9000000, 9000000, 9000000, 9000000);
    line->flags |= LLMC_LINE_PRICED | LLMC_LINE_WORST_CASE;
    line->rates = &worst;
    line->cost_nano = 990000;
    f.receipt.baseline = "openai/large";
    llmc_receipt_close(&f.receipt, &inputs);
    assert_int_equal(f.receipt.saved_nano[LLMC_SAVING_ROUTE], 110000 - 990000);
    assert_int_equal(f.receipt.saved_nano[LLMC_SAVING_PROVIDER_CACHE], 0);
    assert_int_equal(f.receipt.saved_nano[LLMC_SAVING_TIER], 0);
    assert_adds_up(&f.receipt);
    assert_json_adds_up(&f.receipt);
    end(&f);
}

static void test_usage_that_nobody_counted(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_rates rates = rates_of(1000000, 1000000, 1000000, 1000000);
    llmc_usage none;
    llmc_usage_init(&none);
    llmc_line *line = add_sent(&f, "answer", "m", &none, &rates);
    line->usage.flags = LLMC_USAGE_PRESUMED;
    line->bound_nano = line->cost_nano = 123457;
    f.receipt.baseline = "openai/m";
    llmc_receipt_close(&f.receipt, &(llmc_saving_inputs){ .answered = line, .baseline = &rates, .baseline_exchange_nano = ONE_TO_ONE, .standard = &rates });
    assert_null(f.receipt.baseline);
    assert_int_equal(f.receipt.baseline_nano, 123457);
    assert_adds_up(&f.receipt);
    assert_json_adds_up(&f.receipt);
    json_t *json = json_of(&f.receipt, LLMCOST_OK), *written = json_array_get(json_object_get(json, "lines"), 0);
    assert_string_equal(text_member(json_array_get(json_object_get(written, "items"), 0), "class"), "presumed");
    assert_string_equal(text_member(written, "counts"), "presumed");
    assert_int_equal(json_object_size(json_object_get(written, "tokens")), 0);
    json_decref(json);
    end(&f);
}

static void test_amounts_beyond_measure(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_rates dear = rates_of(INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX), cheap = rates_of(1000, 1000, 1000, 1000);
    llmc_usage usage = usage_of(INT64_MAX, INT64_MAX, 1, -1);
    llmc_usage little = usage_of(1, -1, 1, -1);
    llmc_line *line = add_sent(&f, "answer", "m", &little, &cheap);
    f.receipt.baseline = "x";
    llmc_receipt_close(&f.receipt, &(llmc_saving_inputs){ .answered = line, .delivered = &usage, .baseline = &dear, .baseline_exchange_nano = ONE_TO_ONE });
    assert_null(f.receipt.baseline);
    assert_adds_up(&f.receipt);

    line->cost_nano = INT64_MAX - 1;
    llmc_receipt_add(&f.receipt, &f.arena, "judge", -1)->cost_nano = 2;
    llmc_receipt_close(&f.receipt, &(llmc_saving_inputs){ .answered = line, .delivered = &little, .baseline = &cheap, .baseline_exchange_nano = ONE_TO_ONE });
    assert_int_equal(f.receipt.cost_nano, INT64_MAX);
    assert_int_equal(f.receipt.baseline_nano, INT64_MAX);
    assert_int_equal(sum_of(f.receipt.saved_nano), 0);
    end(&f);
}

static void test_audio_stays_audio(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_rates rates = rates_of(1000, 500, 1000, 2000);
    rates.rate[LLMCOST_AUDIO_IN].pico = 40000;
    llmc_usage usage = usage_of(10, 20, 5, -1);
    usage.quantity[LLMCOST_AUDIO_IN] = 7;
    llmc_line *line = add_sent(&f, "answer", "m", &usage, &rates);
    f.receipt.baseline = "openai/m";
    llmc_receipt_close(&f.receipt, &(llmc_saving_inputs){ .answered = line, .delivered = &usage, .baseline = &rates, .baseline_exchange_nano = ONE_TO_ONE, .standard = &rates });
    assert_int_equal(f.receipt.baseline_nano, 30 + 280 + 10);
    assert_int_equal(f.receipt.saved_nano[LLMC_SAVING_PROVIDER_CACHE], 10);
    assert_adds_up(&f.receipt);
    end(&f);
}

static void test_other_currency(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_rates yuan = rates_of(4000000, 1000000, 4000000, 16000000), dollars = rates_of(2500000, 1250000, 2500000, 10000000);
    memcpy(yuan.currency, "CNY", 4);
    llmc_usage usage = usage_of(1001, 333, 87, -1);
    llmc_line *line = add_sent(&f, "answer", "kimi", &usage, &yuan);
    line->exchange_nano = 139700001;
    assert_true(llmc_price_usage(&yuan, &usage, line->exchange_nano, &line->cost_nano));
    f.receipt.baseline = "openai/gpt-4o";
    llmc_receipt_close(&f.receipt, &(llmc_saving_inputs){ .answered = line, .delivered = &usage, .baseline = &dollars, .baseline_exchange_nano = ONE_TO_ONE, .standard = &yuan });
    assert_int_equal(f.receipt.cost_nano, 800341); /* 5729000000 pico at 0.139700001 */
    assert_adds_up(&f.receipt);
    assert_json_adds_up(&f.receipt);
    json_t *json = json_of(&f.receipt, LLMCOST_OK), *written = json_array_get(json_object_get(json, "lines"), 0);
    assert_string_equal(text_member(json_array_get(json_object_get(written, "items"), 0), "currency"), "CNY");
    assert_int_equal(member(written, "exchange_nano"), 139700001);
    json_decref(json);
    end(&f);
}

/* ---- the property, over random receipts ---- */

static int64_t below(llmc_random *random, uint64_t limit)
{
    return (int64_t)llmc_random_below(random, limit);
}

static llmc_rates random_rates(llmc_random *random)
{
    static const char *const currencies[] = { "USD", "CNY", "EUR" };
    llmc_rates rates = { .source = "random" };
    memcpy(rates.currency, currencies[below(random, 3)], 4);
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++)
        rates.rate[i].pico = below(random, 4) ? below(random, 100000007) : 0;
    return rates;
}

static llmc_usage random_usage(llmc_random *random)
{
    llmc_usage usage;
    llmc_usage_init(&usage);
    for (int i = 0; i < LLMCOST_REQUEST; i++)
        usage.quantity[i] = below(random, 3) ? below(random, 300000) - 1 : -1;
    usage.quantity[LLMCOST_REQUEST] = below(random, 3) - 1;
    return usage;
}

static int64_t random_exchange(llmc_random *random, const llmc_rates *rates)
{
    return strcmp(rates->currency, "USD") == 0 ? ONE_TO_ONE : 1 + below(random, 2000000000);
}

/* One line of a random kind; NULL: no answer could come from it. */
static llmc_line *random_line(fixture *f, llmc_random *random, llmc_rates *rates)
{
    *rates = random_rates(random);
    llmc_line *line = llmc_receipt_add(&f->receipt, &f->arena, "answer", -1);
    line->provider = "p";
    line->model = "m";
    line->flags = LLMC_LINE_SENT;
    line->usage = random_usage(random);
    line->rates = rates;
    line->exchange_nano = random_exchange(random, rates);
    int kind = (int)below(random, 6);
    if (kind == 0) { /* no price */
        line->flags |= LLMC_LINE_PRICE_UNKNOWN;
        line->rates = NULL;
        return line;
    }
    line->flags |= LLMC_LINE_PRICED;
    assert_true(llmc_price_usage(rates, &line->usage, line->exchange_nano, &line->cost_nano));
    if (kind == 1) { /* the provider's word is charged */
        line->flags |= LLMC_LINE_STATED;
        line->stated_nano = line->cost_nano = below(random, 1000000000);
    }
    if (kind == 2) { /* nothing came back */
        llmc_usage_init(&line->usage);
        line->usage.flags = LLMC_USAGE_PRESUMED;
        line->cost_nano = line->bound_nano = below(random, 1000000000);
    }
    return kind == 2 ? NULL : line;
}

static void random_receipt(llmc_random *random, unsigned seen[4])
{
    fixture f;
    llmc_rates rates[6], baseline = random_rates(random), standard = random_rates(random);
    llmc_usage stored = random_usage(random);
    llmc_saving_inputs inputs = { .extra_prompt_tokens = below(random, 3) ? 0 : below(random, 500) };
    begin(&f);
    f.receipt.baseline = "p/baseline";
    int lines = (int)below(random, 6);
    llmc_line *answered = NULL;
    for (int i = 0; i < lines; i++) {
        llmc_line *line = random_line(&f, random, &rates[i]);
        answered = line && below(random, 2) ? line : answered;
    }
    if (answered && below(random, 4) == 0) {
        f.receipt.cached = true;
        inputs.delivered = &stored;
        answered->flags = LLMC_LINE_CACHED | LLMC_LINE_PRICED;
        answered->cost_nano = 0;
        llmc_usage_init(&answered->usage);
    }
    inputs.answered = answered;
    if (below(random, 5)) {
        inputs.baseline = &baseline;
        inputs.baseline_exchange_nano = random_exchange(random, &baseline);
    }
    if (below(random, 4))
        inputs.standard = &standard;
    llmc_receipt_close(&f.receipt, &inputs);
    assert_adds_up(&f.receipt);
    assert_json_adds_up(&f.receipt);
    assert_true(strlen(summary_of(&f.receipt, LLMCOST_OK)) > 2);
    seen[0] += f.receipt.baseline == NULL;
    seen[1] += f.receipt.cached && f.receipt.saved_nano[LLMC_SAVING_CACHE] > 0;
    seen[2] += f.receipt.saved_nano[LLMC_SAVING_ROUTE] != 0 && f.receipt.saved_nano[LLMC_SAVING_OVERHEAD] < 0 && f.receipt.saved_nano[LLMC_SAVING_TIER] != 0;
    seen[3] += !inputs.answered && f.receipt.cost_nano > 0;
    end(&f);
}

static void test_every_receipt_adds_up(void **state)
{
    (void)state;
    llmc_random random;
    unsigned seen[4] = { 0 };
    int rounds = test_rounds(5000);
    llmc_random_init(&random, 20261122);
    for (int i = 0; i < rounds; i++)
        random_receipt(&random, seen);
    for (int i = 0; i < 4; i++)
        assert_true(seen[i] > 50); /* each sort of receipt was among them */
}

/* ---- the written forms ---- */

static void test_json_members(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_rates rates = rates_of(1000000, 500000, 1000000, 2000000);
    llmc_usage usage = usage_of(100, 0, 10, -1);
    usage.flags = LLMC_USAGE_TOTAL_DIFFERS;
    memcpy(usage.tier, "flex", 5);
    llmc_line *retried = llmc_receipt_add(&f.receipt, &f.arena, "retry", -1);
    retried->status = LLMCOST_E_RATE_LIMITED;
    retried->http_status = 429;
    llmc_line *line = add_sent(&f, "answer", "m", &usage, &rates);
    line->parent = 0;
    line->request_id = "req \"1\"\n";
    line->note = "bad \xff byte";
    line->flags |= LLMC_LINE_PRICE_UNCERTAIN;
    f.receipt.baseline = "openai/m";
    f.receipt.altered = true;
    f.receipt.escalations = 2;
    f.receipt.duration_ns = 123;
    f.receipt.cache_state = "miss";
    llmc_receipt_close(&f.receipt, &(llmc_saving_inputs){ .answered = line, .baseline = &rates, .baseline_exchange_nano = ONE_TO_ONE, .standard = &rates });
    json_t *json = json_of(&f.receipt, LLMCOST_OK), *lines = json_object_get(json, "lines"), *first = json_array_get(lines, 0), *second = json_array_get(lines, 1);
    assert_string_equal(text_member(json, "id"), "r-0123456789abcdef");
    assert_string_equal(text_member(json, "status"), "OK");
    assert_int_equal(member(json, "cost_nano"), 120000);
    assert_string_equal(text_member(json, "cost"), "0.00012");
    assert_string_equal(text_member(json, "currency"), "USD");
    assert_string_equal(text_member(json, "cache"), "miss");
    assert_true(json_is_true(json_object_get(json, "altered")));
    assert_int_equal(member(json, "escalations"), 2);
    assert_int_equal(member(json, "duration_ns"), 123);
    assert_int_equal(member(json, "started_wall_ms"), 1700000000000);
    assert_string_equal(text_member(json_object_get(json, "baseline"), "model"), "openai/m");
    assert_null(text_member(json, "pruned"));
    assert_true(json_is_null(json_object_get(first, "parent")));
    assert_true(json_is_null(json_object_get(first, "started_ms")));
    assert_true(json_is_null(json_object_get(first, "age_ms")));
    assert_null(text_member(first, "model"));
    assert_null(text_member(first, "counts"));
    assert_string_equal(text_member(first, "status"), "E_RATE_LIMITED");
    assert_int_equal(member(first, "http_status"), 429);
    assert_int_equal(member(first, "cost_nano"), 0);
    assert_int_equal(member(second, "parent"), 0);
    assert_string_equal(text_member(second, "request_id"), "req \"1\"\n");
    assert_string_equal(text_member(second, "note"), "bad ? byte");
    assert_string_equal(text_member(second, "tier"), "flex");
    json_t *tokens = json_object_get(second, "tokens"), *items = json_object_get(second, "items"), *flags = json_object_get(second, "flags");
    assert_int_equal(json_object_size(tokens), 3);
    assert_int_equal(member(tokens, "input_cached"), 0); /* a reported zero is told */
    assert_int_equal(json_array_size(items), 2);         /* but costs nothing */
    assert_string_equal(text_member(json_array_get(items, 1), "class"), "output");
    assert_int_equal(member(json_array_get(items, 1), "rate_pico"), 2000000);
    const char *const expected[] = { "sent", "priced", "price_uncertain", "answered", "total_differs" };
    assert_int_equal(json_array_size(flags), 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(json_string_value(json_array_get(flags, i)), expected[i]);
    json_decref(json);
    end(&f);
}

/* Every member, each with a value of its own: none is left out, and none has another's. */
static void test_json_as_a_whole(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_rates rates = rates_of(1000000, 500000, 1000000, 2000000);
    llmc_usage usage = usage_of(100, 20, 10, -1);
    memcpy(usage.tier, "flex", 5);
    llmc_line *line = add_sent(&f, "answer", "m", &usage, &rates);
    *line = (llmc_line){ .next = line->next, .index = 0, .parent = 3, .flags = line->flags | LLMC_LINE_CUT, .status = LLMCOST_E_NETWORK, .http_status = 502,
        .purpose = "answer", .provider = "openai", .model = "m", .served_model = "m-1", .request_id = "req", .key = "second", .original = "r-1", .note = "noted",
        .usage = line->usage, .rates = &rates, .exchange_nano = 2 * INT64_C(1000000000), .cost_nano = 260000, .stated_nano = 5, .bound_nano = 6, .age_ms = 7,
        .started_ms = 8, .first_byte_ms = 9, .duration_ms = 10 };
    line->usage.flags |= LLMC_USAGE_PROMPT_EXCLUSIVE;
    llmc_decision inner = { .node = "route.1", .kind = "test", .to = "openai/m", .why = "by its tag" };
    llmc_decision split = { .next = &inner, .node = "route", .kind = "split", .to = "route.1", .why = "at random", .side = "b" };
    const llmcost_tag tags[] = { { "user", "u" }, { "job", "j" } };
    f.receipt = (llmc_receipt){ .number = 1, .line_count = 1, .lines = line, .last = f.receipt.last, .decisions = &split, .started_wall_ms = 11, .duration_ns = 12,
        .cost_nano = 260000, .baseline_nano = 300000, .saved_nano = { 1, 2, 3, 4, 5, 6, 7 }, .baseline = "openai/b", .delivered_in = 1, .delivered_out = 1, .escalations = 13,
        .restarts = 14, .currency = "USD", .tags = tags, .tag_count = 2, .cache_state = "off", .pruned = "gone", .degraded = "worse" };
    json_t *json = json_of(&f.receipt, LLMCOST_E_NETWORK);
    char *text = json_dumps(json, JSON_COMPACT);
    assert_string_equal(text,
        "{\"id\":\"r-0000000000000001\",\"status\":\"E_NETWORK\",\"cost_nano\":260000,\"currency\":\"USD\",\"cost\":\"0.00026\",\"unpriced_lines\":0,\"baseline\":{\"model\":\"openai/b\",\"cost_nano\":300000},"
        "\"saved_nano\":40000,\"saved\":{\"cache\":1,\"shape\":2,\"output\":3,\"route\":4,\"provider_cache\":5,\"tier\":6,\"overhead\":7},\"tags\":[{\"name\":\"user\",\"value\":\"u\"},{\"name\":\"job\",\"value\":\"j\"}],"
        "\"cache\":\"off\",\"altered\":false,\"escalations\":13,\"restarts\":14,\"route\":[{\"node\":\"route\",\"kind\":\"split\",\"side\":\"b\",\"to\":\"route.1\",\"why\":\"at random\"},"
        "{\"node\":\"route.1\",\"kind\":\"test\",\"to\":\"openai/m\",\"why\":\"by its tag\"}],\"pruned\":\"gone\",\"degraded\":\"worse\",\"started_wall_ms\":11,\"duration_ns\":12,"
        "\"lines\":[{\"index\":0,\"purpose\":\"answer\",\"parent\":3,\"provider\":\"openai\",\"model\":\"m\",\"served_model\":\"m-1\",\"status\":\"E_NETWORK\",\"http_status\":502,\"request_id\":\"req\",\"key\":\"second\","
        "\"tokens\":{\"input\":100,\"input_cached\":20,\"output\":10},\"tier\":\"flex\",\"counts\":\"reported\",\"items\":[{\"class\":\"input\",\"quantity\":100,\"rate_pico\":1000000,\"currency\":\"USD\"},"
        "{\"class\":\"input_cached\",\"quantity\":20,\"rate_pico\":500000,\"currency\":\"USD\"},{\"class\":\"output\",\"quantity\":10,\"rate_pico\":2000000,\"currency\":\"USD\"}],"
        "\"source\":\"price list of a test, 2026-01-01\",\"exchange_nano\":2000000000,\"cost_nano\":260000,\"stated_nano\":5,\"bound_nano\":6,\"flags\":[\"sent\",\"priced\",\"cut\",\"prompt_exclusive\"],"
        "\"note\":\"noted\",\"started_ms\":8,\"first_byte_ms\":9,\"duration_ms\":10,\"age_ms\":7,\"original\":\"r-1\"}]}");
    free(text);
    json_decref(json);
    end(&f);
}

static void test_summary_is_one_line(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_rates rates = rates_of(1000000, 1000000, 1000000, 1000000);
    llmc_usage usage = usage_of(1234567, -1, -1, -1);
    llmc_line *line = add_sent(&f, "answer", "evil\nname\x01\xff", &usage, &rates);
    line->usage.flags = LLMC_USAGE_INPUT_ESTIMATED;
    llmc_receipt_close(&f.receipt, &(llmc_saving_inputs){ .answered = line });
    assert_string_equal(summary_of(&f.receipt, LLMCOST_OK), "$1.234567: openai/evil name??, about 1,234,567 in");
    memcpy(f.receipt.currency, "CNY", 4);
    assert_string_equal(summary_of(&f.receipt, LLMCOST_E_CANCELLED), "CNY 1.234567: openai/evil name?? failed with E_CANCELLED, the call was cancelled, about 1,234,567 in");
    end(&f);
}

static void test_summary_goes_behind_what_is_there(void **state)
{
    (void)state;
    fixture f;
    llmc_buffer out;
    begin(&f);
    llmc_buffer_init(&out, &llmc_allocator_system, 1000);
    llmc_buffer_add_text(&out, "a\nb ");
    llmc_receipt_summary(&f.receipt, LLMCOST_E_BUDGET, &out);
    assert_memory_equal(out.data, "a\nb $0: failed", 14);
    llmc_receipt_add(&f.receipt, &f.arena, "answer", -1)->model = "m\n\xff";
    out.length = 4;
    llmc_receipt_summary(&f.receipt, LLMCOST_E_BUDGET, &out);
    assert_memory_equal(out.data, "a\nb $0: m ? failed", 18);
    llmc_buffer_free(&out);
    end(&f);
}

static void test_writing_without_memory(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    llmc_rates rates = rates_of(1000000, 1000000, 1000000, 1000000);
    llmc_usage usage = usage_of(1, -1, 1, -1);
    llmc_line *line = add_sent(&f, "answer", "m", &usage, &rates);
    llmc_receipt_close(&f.receipt, &(llmc_saving_inputs){ .answered = line, .baseline = &rates, .baseline_exchange_nano = ONE_TO_ONE });
    for (int what = 0; what < 2; what++) {
        bool written = false;
        for (long n = 1; !written; n++) {
            counting_memory memory;
            llmc_buffer out;
            counting_memory_init(&memory);
            memory.fail_at = n;
            llmc_buffer_init(&out, &memory.allocator, 1 << 20);
            if (what)
                llmc_receipt_write(&f.receipt, LLMCOST_OK, &out);
            else
                llmc_receipt_summary(&f.receipt, LLMCOST_OK, &out);
            written = out.failure == LLMC_BUFFER_FINE;
            assert_int_equal(written, !memory.failed);
            llmc_buffer_free(&out);
            assert_int_equal(memory.blocks, 0);
        }
    }
    end(&f);
}

/* Lines as real bills are: the figures that others got wrong. */
static void test_known_bills(void **state)
{
    (void)state;
    const struct { llmc_rates rates; int64_t input, cached, write, output, reasoning, cost_nano; } bills[] = {
        { rates_of(3000000, 300000, 3750000, 15000000), 3, -1, 12304, 550, -1, 54399000 },
        { rates_of(3000000, 300000, 3750000, 15000000), -1, -1, 1000, -1, -1, 3750000 },
        { rates_of(30000000, 30000000, 30000000, 180000000), 14746, -1, -1, 584, 1360, 792300000 },
        { rates_of(2500000, 1250000, 2500000, 10000000), 2618, 3456, -1, 285, -1, 13715000 },
    };
    for (size_t i = 0; i < sizeof bills / sizeof bills[0]; i++) {
        fixture f;
        begin(&f);
        llmc_usage usage = usage_of(bills[i].input, bills[i].cached, bills[i].output, bills[i].reasoning);
        usage.quantity[LLMCOST_WRITE_5M] = bills[i].write;
        llmc_line *line = add_sent(&f, "answer", "m", &usage, &bills[i].rates);
        llmc_receipt_close(&f.receipt, &(llmc_saving_inputs){ .answered = line, .baseline = &bills[i].rates, .baseline_exchange_nano = ONE_TO_ONE, .standard = &bills[i].rates });
        assert_int_equal(f.receipt.cost_nano, bills[i].cost_nano);
        assert_adds_up(&f.receipt);
        assert_json_adds_up(&f.receipt);
        end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_receipt),
        cmocka_unit_test(test_lines_cost_one_piece_of_the_arena),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_notes_are_joined),
        cmocka_unit_test(test_every_key_is_listed_once),
        cmocka_unit_test(test_absent_is_not_zero),
        cmocka_unit_test(test_zero_is_not_absent),
        cmocka_unit_test(test_where_counts_come_from),
        cmocka_unit_test(test_class_names),
        cmocka_unit_test(test_route_and_provider_cache),
        cmocka_unit_test(test_the_baselines_fee),
        cmocka_unit_test(test_cache_writes_are_a_loss),
        cmocka_unit_test(test_tier_and_stated_cost),
        cmocka_unit_test(test_cascade_has_overhead),
        cmocka_unit_test(test_our_own_instruction_is_no_saving),
        cmocka_unit_test(test_cached_answer),
        cmocka_unit_test(test_failed_call),
        cmocka_unit_test(test_refused_call),
        cmocka_unit_test(test_unknown_price),
        cmocka_unit_test(test_usage_that_nobody_counted),
        cmocka_unit_test(test_amounts_beyond_measure),
        cmocka_unit_test(test_audio_stays_audio),
        cmocka_unit_test(test_other_currency),
        cmocka_unit_test(test_every_receipt_adds_up),
        cmocka_unit_test(test_json_members),
        cmocka_unit_test(test_json_as_a_whole),
        cmocka_unit_test(test_summary_is_one_line),
        cmocka_unit_test(test_summary_goes_behind_what_is_there),
        cmocka_unit_test(test_writing_without_memory),
        cmocka_unit_test(test_known_bills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
