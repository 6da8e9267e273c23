/* Budgets: windows, matching, and admission by the memory engine. Money in nano-dollars. */
#include "money/accounts.h"
#include "money/tags.h"

#include "../support/counting_memory.h"
#include "../support/rounds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

static const int64_t DOLLAR = 1000000000, DAY_MS = 86400000, NOON = 1790000000000 / 86400000 * 86400000 + 43200000; /* some noon of 2026 */

/* ---- windows and matching ---- */

static void expect_window(llmc_period period, int64_t wall_ms, int64_t from_ms, int64_t until_ms)
{
    int64_t from, until;
    llmc_period_window(period, wall_ms, &from, &until);
    assert_true(from == from_ms);
    assert_true(until == until_ms);
}

static void windows_are_utc(void **state)
{
    (void)state;
    int64_t at = 1772323199999; /* 2026-02-28T23:59:59.999Z */
    expect_window(LLMC_PERIOD_TOTAL, at, INT64_MIN, INT64_MAX);
    expect_window(LLMC_PERIOD_MINUTE, at, 1772323140000, 1772323200000);
    expect_window(LLMC_PERIOD_HOUR, at, 1772319600000, 1772323200000);
    expect_window(LLMC_PERIOD_DAY, at, 1772236800000, 1772323200000);
    expect_window(LLMC_PERIOD_MONTH, at, 1769904000000, 1772323200000);
    expect_window(LLMC_PERIOD_MONTH, at + 1, 1772323200000, 1775001600000);
    expect_window(LLMC_PERIOD_DAY, at + 1, 1772323200000, 1772323200000 + DAY_MS);
    expect_window(LLMC_PERIOD_MONTH, 1798761599999, 1796083200000, 1798761600000);  /* December 2026 */
    expect_window(LLMC_PERIOD_MONTH, 1709164800000, 1706745600000, 1709251200000);  /* 29 February 2024 */
    expect_window(LLMC_PERIOD_MINUTE, 0, 0, 60000);
    expect_window(LLMC_PERIOD_MINUTE, -1, -60000, 0);
    expect_window(LLMC_PERIOD_DAY, -1, -DAY_MS, 0);
    expect_window(LLMC_PERIOD_MONTH, -1, -31 * DAY_MS, 0);
}

static void windows_never_wrap(void **state)
{
    (void)state;
    static const int64_t instants[] = { INT64_MIN, INT64_MIN + 1, INT64_MAX, INT64_MAX - 1 };
    for (int period = LLMC_PERIOD_TOTAL; period <= LLMC_PERIOD_MONTH; period++) {
        for (size_t i = 0; i < 4; i++) {
            int64_t from, until;
            llmc_period_window((llmc_period)period, instants[i], &from, &until);
            assert_true(from <= instants[i] && instants[i] <= until && from < until);
        }
    }
}

static void every_window_follows_the_one_before(void **state)
{
    (void)state;
    for (int period = LLMC_PERIOD_MINUTE; period <= LLMC_PERIOD_MONTH; period++) {
        int64_t at = NOON;
        for (int i = 0; i < 3000; i++) {
            int64_t from, until, next_from, next_until;
            llmc_period_window((llmc_period)period, at, &from, &until);
            llmc_period_window((llmc_period)period, until - 1, &next_from, &next_until);
            assert_true(next_from == from && next_until == until);
            llmc_period_window((llmc_period)period, until, &next_from, &next_until);
            assert_true(next_from == until && next_until > until);
            at = until + (until - from) / 3;
        }
    }
}

static void tags_are_found_by_name(void **state)
{
    (void)state;
    const llmcost_tag tags[] = { { "feature", "faq" }, { "user", NULL }, { "empty", "" } };
    assert_string_equal(llmc_tag_value(tags, 3, "feature"), "faq");
    assert_string_equal(llmc_tag_value(tags, 3, "user"), "");
    assert_string_equal(llmc_tag_value(tags, 3, "empty"), "");
    assert_null(llmc_tag_value(tags, 3, "Feature"));
    assert_null(llmc_tag_value(NULL, 0, "feature"));
}

static void budgets_match_by_tags_provider_and_model(void **state)
{
    (void)state;
    const llmcost_tag faq[] = { { "user", "ann" }, { "feature", "faq" } }, star[] = { { "feature", "*" } }, both[] = { { "feature", "faq" }, { "user", "*" } };
    const llmcost_tag prefix[] = { { "feature", "fa*" } };
    llmc_budget all = { .name = "all" }, model = { .name = "m", .provider = "openai", .model = "gpt" }, feature = { .name = "f", .where = both, .where_count = 2 };
    llmc_budget any = { .name = "any", .where = star, .where_count = 1 }, literal = { .name = "l", .where = prefix, .where_count = 1 };
    assert_true(llmc_budget_matches(&all, NULL, 0, NULL, NULL));
    assert_true(llmc_budget_matches(&all, faq, 2, "openai", "gpt"));
    assert_true(llmc_budget_matches(&model, NULL, 0, "openai", "gpt"));
    assert_false(llmc_budget_matches(&model, NULL, 0, "openai", "gpt-mini"));
    assert_false(llmc_budget_matches(&model, NULL, 0, "azure", "gpt"));
    assert_false(llmc_budget_matches(&model, NULL, 0, NULL, "gpt"));
    assert_false(llmc_budget_matches(&model, NULL, 0, "openai", NULL));
    assert_true(llmc_budget_matches(&feature, faq, 2, NULL, NULL));
    assert_false(llmc_budget_matches(&feature, faq, 1, NULL, NULL));
    assert_false(llmc_budget_matches(&feature, faq + 1, 1, NULL, NULL));
    assert_true(llmc_budget_matches(&any, faq, 2, NULL, NULL));
    assert_false(llmc_budget_matches(&any, faq, 1, NULL, NULL));
    assert_false(llmc_budget_matches(&literal, faq, 2, NULL, NULL));
    assert_true(llmc_budget_matches(&literal, prefix, 1, NULL, NULL));
}

/* ---- a bench around the engine ---- */

typedef struct bench {
    counting_memory memory;
    llmc_account_engine *engine;
    llmc_budget budgets[4];
    int alerts;
    llmc_account_alert last;
    char last_value[64];
    int32_t permilles[64];
    int64_t now_ms; /* of the last hold */
} bench;

static void on_alert(const llmc_account_alert *alert, void *user)
{
    bench *of = user;
    assert_true(of->alerts < 64);
    of->permilles[of->alerts++] = alert->permille;
    of->last = *alert;
    snprintf(of->last_value, sizeof of->last_value, "%s", alert->value ? alert->value : "-");
    llmc_buffer text; /* no lock is held: the engine can be asked */
    llmc_buffer_init(&text, &llmc_allocator_system, 1 << 20);
    assert_int_equal(of->engine->describe(of->engine, of->now_ms, &text), LLMCOST_OK);
    llmc_buffer_free(&text);
}

static void open_bench(bench *of, size_t budget_count)
{
    counting_memory_init(&of->memory);
    assert_int_equal(llmc_memory_accounts_new(&of->engine, &of->memory.allocator, of->budgets, budget_count, on_alert, of), LLMCOST_OK);
}

static void close_bench(bench *of)
{
    of->engine->free(of->engine);
    assert_int_equal(of->memory.blocks, 0);
}

static void keep_reply(void *user, const llmc_hold_reply *reply)
{
    *(llmc_hold_reply *)user = *reply;
}

static void keep_stored(void *user, bool stored)
{
    *(int *)user += stored ? 1 : 100;
}

static llmc_hold_reply hold_refs(bench *of, llmc_ticket *ticket, const llmc_account_ref *refs, size_t count, int64_t bound, int64_t wall_ms)
{
    llmc_hold_reply reply = { .outcome = (llmc_hold_outcome)99 };
    of->now_ms = wall_ms;
    of->engine->hold(of->engine, ticket, refs, count, bound, wall_ms, keep_reply, &reply);
    assert_true(reply.outcome <= LLMC_HOLD_UNAVAILABLE);
    return reply;
}

static llmc_hold_outcome hold(bench *of, llmc_ticket *ticket, int64_t bound)
{
    return hold_refs(of, ticket, &(llmc_account_ref){ 0, NULL }, 1, bound, NOON).outcome;
}

static llmc_hold_outcome hold_for(bench *of, llmc_ticket *ticket, const char *value, int64_t bound)
{
    return hold_refs(of, ticket, &(llmc_account_ref){ 0, value }, 1, bound, NOON).outcome;
}

static void settle(bench *of, llmc_ticket *ticket, int64_t amount)
{
    int stored = 0;
    of->engine->settle(of->engine, ticket, amount, keep_stored, &stored);
    assert_int_equal(stored, 1);
}

static json_t *describe(bench *of, int64_t wall_ms)
{
    llmc_buffer text;
    llmc_buffer_init(&text, &llmc_allocator_system, 1 << 24);
    assert_int_equal(of->engine->describe(of->engine, wall_ms, &text), LLMCOST_OK);
    json_t *array = json_loadb(text.data, text.length, 0, NULL);
    assert_true(json_is_array(array));
    llmc_buffer_free(&text);
    return array;
}

/* One figure of the account with this value (NULL: none), the newest window first; -1: no such account. */
static int64_t figure_at(bench *of, const char *value, const char *name, int64_t wall_ms)
{
    json_t *array = describe(of, wall_ms), *object;
    int64_t found = -1;
    size_t i;
    json_array_foreach(array, i, object) {
        const char *of_value = json_string_value(json_object_get(object, "value"));
        if ((value && of_value && strcmp(value, of_value) == 0) || (!value && !of_value)) {
            found = json_integer_value(json_object_get(object, name));
            break;
        }
    }
    json_decref(array);
    return found;
}

static int64_t figure(bench *of, const char *name)
{
    return figure_at(of, NULL, name, NOON);
}

/* ---- admission ---- */

static void a_hold_reserves_and_a_settle_records(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "all", .limit_nano = 100 } } };
    open_bench(&of, 1);
    llmc_ticket first = { 0 }, second = { 0 }, third = { 0 };
    llmc_hold_reply reply = hold_refs(&of, &first, &(llmc_account_ref){ 0, NULL }, 1, 60, NOON);
    assert_int_equal(reply.outcome, LLMC_HOLD_GRANTED);
    assert_int_equal(first.bound_nano, 60);
    assert_int_equal(first.state, 1);
    reply = hold_refs(&of, &second, &(llmc_account_ref){ 0, NULL }, 1, 41, NOON);
    assert_int_equal(reply.outcome, LLMC_HOLD_SHORT_HELD);
    assert_int_equal(reply.budget, 0);
    assert_int_equal(reply.spendable_nano, 100);
    assert_int_equal(second.state, 0);
    assert_int_equal(hold(&of, &second, 40), LLMC_HOLD_GRANTED); /* up to the limit, not one more */
    settle(&of, &first, 50);
    assert_int_equal(figure(&of, "spent_nano"), 50);
    assert_int_equal(figure(&of, "held_nano"), 40);
    reply = hold_refs(&of, &third, &(llmc_account_ref){ 0, NULL }, 1, 51, NOON);
    assert_int_equal(reply.outcome, LLMC_HOLD_SHORT_SPENT);
    assert_int_equal(reply.spendable_nano, 50);
    settle(&of, &second, 0);
    assert_int_equal(figure(&of, "held_nano"), 0);
    assert_int_equal(hold(&of, &third, 50), LLMC_HOLD_GRANTED);
    assert_int_equal(figure(&of, "granted"), 3);
    assert_int_equal(figure(&of, "short"), 2);
    assert_int_equal(figure(&of, "settled"), 1);
    assert_int_equal(figure(&of, "released"), 1);
    assert_int_equal(figure(&of, "open"), 1);
    close_bench(&of);
}

static void admission_is_all_or_nothing(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "wide", .limit_nano = 1000 }, { .name = "narrow", .limit_nano = 10 }, { .name = "soft", .limit_nano = 1, .soft = true } } };
    open_bench(&of, 3);
    const llmc_account_ref refs[] = { { 0, NULL }, { 1, NULL }, { 2, NULL } };
    llmc_ticket ticket = { 0 }, other = { 0 }, repeated = { 0 };
    llmc_hold_reply reply = hold_refs(&of, &ticket, refs, 3, 11, NOON);
    assert_int_equal(reply.outcome, LLMC_HOLD_SHORT_SPENT);
    assert_int_equal(reply.budget, 1);
    assert_int_equal(reply.spendable_nano, 10);
    assert_int_equal(figure(&of, "held_nano"), 0); /* nothing stayed behind in the wide one */
    reply = hold_refs(&of, &ticket, refs, 3, 10, NOON);
    assert_int_equal(reply.outcome, LLMC_HOLD_GRANTED); /* soft never refuses */
    assert_int_equal(hold_refs(&of, &other, refs, 3, 1, NOON).outcome, LLMC_HOLD_SHORT_HELD);
    assert_int_equal(hold_refs(&of, &other, refs + 2, 1, 1 << 20, NOON).outcome, LLMC_HOLD_GRANTED);
    settle(&of, &ticket, 10);
    settle(&of, &other, 0);
    const llmc_account_ref twice[] = { { 0, NULL }, { 0, NULL } };
    assert_int_equal(hold_refs(&of, &repeated, twice, 2, 990, NOON).outcome, LLMC_HOLD_GRANTED);
    settle(&of, &repeated, 990);
    assert_int_equal(figure(&of, "spent_nano"), 1000);
    close_bench(&of);
}

/* Short of spent in one account, of held in another: waiting would not help, and the reply must say so. */
static void spent_outweighs_held(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "held", .limit_nano = 100 }, { .name = "spent", .limit_nano = 100 } } };
    open_bench(&of, 2);
    llmc_ticket held = { 0 }, spent = { 0 }, ticket = { 0 };
    assert_int_equal(hold_refs(&of, &held, &(llmc_account_ref){ 0, NULL }, 1, 90, NOON).outcome, LLMC_HOLD_GRANTED);
    assert_int_equal(hold_refs(&of, &spent, &(llmc_account_ref){ 1, NULL }, 1, 80, NOON).outcome, LLMC_HOLD_GRANTED);
    settle(&of, &spent, 80);
    for (uint32_t i = 0; i < 2; i++) {
        const llmc_account_ref refs[] = { { i, NULL }, { 1 - i, NULL } };
        llmc_hold_reply reply = hold_refs(&of, &ticket, refs, 2, 21, NOON);
        assert_int_equal(reply.outcome, LLMC_HOLD_SHORT_SPENT);
        assert_int_equal(reply.budget, 1);
        assert_int_equal(reply.spendable_nano, 20);
        reply = hold_refs(&of, &ticket, refs, 2, 20, NOON);
        assert_int_equal(reply.outcome, LLMC_HOLD_SHORT_HELD);
        assert_int_equal(reply.budget, 0);
    }
    close_bench(&of);
}

static void nothing_wraps(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "small", .limit_nano = 10 }, { .name = "all there is", .limit_nano = INT64_MAX }, { .name = "soft", .limit_nano = 5, .soft = true } } };
    open_bench(&of, 3);
    llmc_ticket one = { 0 }, tickets[4] = { 0 };
    assert_int_equal(hold(&of, &one, 10), LLMC_HOLD_GRANTED);
    settle(&of, &one, 9);
    assert_int_equal(hold(&of, &tickets[0], INT64_MAX), LLMC_HOLD_SHORT_SPENT);
    assert_int_equal(hold(&of, &tickets[0], -1), LLMC_HOLD_UNAVAILABLE);
    assert_int_equal(hold(&of, &tickets[0], INT64_MIN), LLMC_HOLD_UNAVAILABLE);
    const llmc_account_ref large = { 1, NULL }, soft = { 2, NULL };
    assert_int_equal(hold_refs(&of, &tickets[0], &large, 1, INT64_MAX, NOON).outcome, LLMC_HOLD_GRANTED);
    assert_int_equal(hold_refs(&of, &tickets[1], &large, 1, 1, NOON).outcome, LLMC_HOLD_SHORT_HELD);
    assert_int_equal(hold_refs(&of, &tickets[1], &large, 1, INT64_MAX, NOON).outcome, LLMC_HOLD_SHORT_HELD);
    settle(&of, &tickets[0], INT64_MAX);
    assert_int_equal(hold_refs(&of, &tickets[1], &large, 1, 1, NOON).outcome, LLMC_HOLD_SHORT_SPENT);
    assert_int_equal(of.engine->correct(of.engine, 1, NULL, INT64_MAX, NOON), LLMCOST_OK);
    llmc_hold_reply reply = hold_refs(&of, &tickets[1], &large, 1, 0, NOON);
    assert_int_equal(reply.outcome, LLMC_HOLD_SHORT_SPENT);
    assert_true(reply.spendable_nano == -INT64_MAX);
    assert_int_equal(of.engine->correct(of.engine, 1, NULL, INT64_MIN, NOON), LLMCOST_OK);
    assert_int_equal(of.engine->correct(of.engine, 1, NULL, INT64_MIN, NOON), LLMCOST_OK);
    reply = hold_refs(&of, &tickets[1], &large, 1, 0, NOON);
    assert_int_equal(reply.outcome, LLMC_HOLD_GRANTED);
    assert_true(reply.spendable_nano == INT64_MAX); /* capped, not wrapped */
    for (int i = 2; i < 4; i++)
        assert_int_equal(hold_refs(&of, &tickets[i], &soft, 1, INT64_MAX, NOON).outcome, LLMC_HOLD_GRANTED);
    settle(&of, &tickets[2], INT64_MAX);
    settle(&of, &tickets[3], INT64_MAX);
    json_t *array = describe(&of, NOON);
    assert_true(json_integer_value(json_object_get(json_array_get(array, 2), "spent_nano")) == INT64_MAX);
    assert_true(json_integer_value(json_object_get(json_array_get(array, 2), "held_nano")) == 0);
    json_decref(array);
    close_bench(&of);
}

static void misuse_is_unavailable(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "all", .limit_nano = 100 } } };
    open_bench(&of, 1);
    llmc_account_ref refs[LLMC_BUDGET_MAX_MATCHES + 1] = { { 0, NULL } };
    llmc_ticket ticket = { 0 };
    assert_int_equal(hold_refs(&of, &ticket, refs, LLMC_BUDGET_MAX_MATCHES + 1, 1, NOON).outcome, LLMC_HOLD_UNAVAILABLE);
    assert_int_equal(hold_refs(&of, &ticket, &(llmc_account_ref){ 1, NULL }, 1, 1, NOON).outcome, LLMC_HOLD_UNAVAILABLE);
    assert_int_equal(of.engine->correct(of.engine, 1, NULL, 1, NOON), LLMCOST_E_MISUSE);
    int stored = 0;
    of.engine->settle(of.engine, &ticket, 5, keep_stored, &stored); /* never granted: nothing to record it in */
    assert_int_equal(stored, 100);
    of.engine->settle(of.engine, &ticket, 0, keep_stored, &stored);
    assert_int_equal(stored, 101);
    assert_int_equal(figure(&of, "spent_nano"), 0);
    assert_int_equal(hold_refs(&of, &ticket, NULL, 0, 1000, NOON).outcome, LLMC_HOLD_GRANTED); /* no account matches */
    settle(&of, &ticket, 1000);
    assert_int_equal(figure(&of, "spent_nano"), 0);
    close_bench(&of);
}

/* ---- what went wrong elsewhere: B22 to B37 ---- */

/* B22: a cap of $0.45, five calls at once, each of 300,000 tokens at $0.50 a million: at most what fits. */
static void five_large_calls_at_once_admit_three(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "cap", .limit_nano = 450000000 } } };
    open_bench(&of, 1);
    llmc_ticket tickets[5] = { 0 };
    int admitted = 0;
    for (int i = 0; i < 5; i++)
        admitted += hold(&of, &tickets[i], 150000000) == LLMC_HOLD_GRANTED;
    assert_int_equal(admitted, 3);
    for (int i = 0; i < 5; i++)
        of.engine->settle(of.engine, &tickets[i], tickets[i].state == 1 ? 150000000 : 0, NULL, NULL);
    assert_int_equal(figure(&of, "spent_nano"), 450000000);
    close_bench(&of);
}

/* B24: eight first requests of an unknown user at once, before any has settled: all are counted. */
static void first_requests_of_an_unknown_user_count(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "per user", .limit_nano = 5 * 100, .each = "user", .max_accounts = 100 } } };
    open_bench(&of, 1);
    llmc_ticket tickets[8] = { 0 };
    int admitted = 0;
    for (int i = 0; i < 8; i++)
        admitted += hold_for(&of, &tickets[i], "new user", 100) == LLMC_HOLD_GRANTED;
    assert_int_equal(admitted, 5);
    assert_int_equal(figure_at(&of, "new user", "held_nano", NOON), 500);
    llmc_ticket other = { 0 };
    assert_int_equal(hold_for(&of, &other, "another", 500), LLMC_HOLD_GRANTED); /* an account of his own */
    close_bench(&of);
}

/* B25: $52.195456 of stuck holds against a limit of 50 with $0.001 spent. Released holds leave nothing behind. */
static void released_holds_leave_nothing(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "user", .limit_nano = 50 * DOLLAR } } };
    open_bench(&of, 1);
    llmc_ticket paid = { 0 };
    assert_int_equal(hold(&of, &paid, DOLLAR), LLMC_HOLD_GRANTED);
    settle(&of, &paid, 1000000);
    for (int i = 0; i < 1000; i++) {
        llmc_ticket failed = { 0 };
        assert_int_equal(hold(&of, &failed, 521954560), LLMC_HOLD_GRANTED);
        settle(&of, &failed, 0);
    }
    assert_int_equal(figure(&of, "spent_nano"), 1000000);
    assert_int_equal(figure(&of, "held_nano"), 0);
    llmc_ticket small = { 0 };
    assert_int_equal(hold(&of, &small, 50 * DOLLAR - 1000000), LLMC_HOLD_GRANTED);
    close_bench(&of);
}

/* B27: retries of a hold and of a settle count once: 14 calls are 14, not 50. */
static void repeated_holds_and_settles_count_once(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "all", .limit_nano = 1000 } } };
    open_bench(&of, 1);
    for (int i = 0; i < 14; i++) {
        llmc_ticket ticket = { 0 };
        for (int j = 0; j < 4; j++)
            assert_int_equal(hold(&of, &ticket, 10), LLMC_HOLD_GRANTED);
        assert_int_equal(figure(&of, "held_nano"), 10);
        for (int j = 0; j < 4; j++)
            settle(&of, &ticket, j ? 500 : 1);
        settle(&of, &ticket, 0);
        assert_int_equal(hold(&of, &ticket, 10), LLMC_HOLD_UNAVAILABLE); /* a used ticket is not good for another call */
    }
    assert_int_equal(figure(&of, "spent_nano"), 14);
    assert_int_equal(figure(&of, "settled"), 14);
    assert_int_equal(figure(&of, "granted"), 14);
    assert_int_equal(figure(&of, "held_nano"), 0);
    close_bench(&of);
}

/* B30: $9 of $10 used, a call of $2: not $11. The reply says how far a smaller call may go. */
static void the_last_dollar_is_not_two(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "virtual key", .limit_nano = 10 * DOLLAR } } };
    open_bench(&of, 1);
    llmc_ticket used = { 0 }, call = { 0 };
    assert_int_equal(hold(&of, &used, 9 * DOLLAR), LLMC_HOLD_GRANTED);
    settle(&of, &used, 9 * DOLLAR);
    llmc_hold_reply reply = hold_refs(&of, &call, &(llmc_account_ref){ 0, NULL }, 1, 2 * DOLLAR, NOON);
    assert_int_equal(reply.outcome, LLMC_HOLD_SHORT_SPENT);
    assert_int_equal(reply.spendable_nano, DOLLAR);
    assert_int_equal(hold(&of, &call, reply.spendable_nano), LLMC_HOLD_GRANTED);
    settle(&of, &call, DOLLAR);
    assert_int_equal(figure(&of, "spent_nano"), 10 * DOLLAR);
    close_bench(&of);
}

/* B31: a free local model is never blocked by a budget that is exactly used up; a priced one is never seen as free. */
static void a_free_call_passes_a_full_budget(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "all", .limit_nano = DOLLAR } } };
    open_bench(&of, 1);
    llmc_ticket used = { 0 }, local = { 0 }, priced = { 0 };
    assert_int_equal(hold(&of, &used, DOLLAR), LLMC_HOLD_GRANTED);
    settle(&of, &used, DOLLAR);
    assert_int_equal(hold(&of, &local, 0), LLMC_HOLD_GRANTED);
    settle(&of, &local, 0);
    assert_int_equal(hold(&of, &priced, 1), LLMC_HOLD_SHORT_SPENT);
    close_bench(&of);
}

/* B32: a wrong price recorded once blocks until it is corrected, and no longer. */
static void a_correction_unblocks(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "day", .limit_nano = 15 * DOLLAR, .period = LLMC_PERIOD_DAY }, { .name = "user", .limit_nano = DOLLAR, .each = "user", .max_accounts = 3 } } };
    open_bench(&of, 2);
    llmc_ticket wrong = { 0 }, call = { 0 };
    assert_int_equal(hold(&of, &wrong, 15 * DOLLAR), LLMC_HOLD_GRANTED);
    settle(&of, &wrong, 15 * DOLLAR);
    assert_int_equal(hold(&of, &call, DOLLAR), LLMC_HOLD_SHORT_SPENT);
    assert_int_equal(of.engine->correct(of.engine, 0, "ignored", -14 * DOLLAR, NOON), LLMCOST_OK);
    assert_int_equal(figure(&of, "spent_nano"), DOLLAR);
    assert_int_equal(hold(&of, &call, DOLLAR), LLMC_HOLD_GRANTED);
    assert_int_equal(of.engine->correct(of.engine, 0, NULL, -2 * DOLLAR, NOON), LLMCOST_OK);
    assert_int_equal(figure(&of, "spent_nano"), -DOLLAR); /* told as it is */
    assert_int_equal(of.engine->correct(of.engine, 1, "ann", 7, NOON), LLMCOST_OK);
    assert_int_equal(of.engine->correct(of.engine, 1, NULL, 8, NOON), LLMCOST_OK);
    assert_int_equal(figure_at(&of, "ann", "spent_nano", NOON), 7);
    assert_int_equal(figure_at(&of, "", "spent_nano", NOON), 8);
    close_bench(&of);
}

/* B34: an alert for over 99 % at $0.40 of $15. */
static void alerts_fire_at_their_fraction_once(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "b", .limit_nano = 15 * DOLLAR, .period = LLMC_PERIOD_DAY, .alert_permille = { 500, 990, 1000 }, .alert_count = 3 } } };
    open_bench(&of, 1);
    llmc_ticket tickets[6] = { 0 };
    assert_int_equal(hold(&of, &tickets[0], 14 * DOLLAR), LLMC_HOLD_GRANTED); /* held is not spent */
    settle(&of, &tickets[0], DOLLAR * 4 / 10);
    assert_int_equal(of.alerts, 0);
    hold(&of, &tickets[1], 8 * DOLLAR);
    settle(&of, &tickets[1], DOLLAR * 71 / 10 - 1);
    assert_int_equal(of.alerts, 0);
    hold(&of, &tickets[2], 1);
    settle(&of, &tickets[2], 1);
    assert_int_equal(of.alerts, 1);
    assert_int_equal(of.last.permille, 500);
    assert_int_equal(of.last.spent_nano, DOLLAR * 75 / 10);
    assert_int_equal(of.last.limit_nano, 15 * DOLLAR);
    assert_int_equal(of.last.window_from_ms, NOON - DAY_MS / 2);
    assert_null(of.last.value);
    assert_ptr_equal(of.last.budget, &of.budgets[0]);
    assert_int_equal(of.engine->correct(of.engine, 0, NULL, -5 * DOLLAR, NOON), LLMCOST_OK);
    assert_int_equal(of.engine->correct(of.engine, 0, NULL, 5 * DOLLAR, NOON), LLMCOST_OK);
    assert_int_equal(of.alerts, 1); /* once per window, whatever is corrected */
    hold(&of, &tickets[3], DOLLAR * 75 / 10);
    settle(&of, &tickets[3], DOLLAR * 75 / 10); /* crosses two at once */
    assert_int_equal(of.alerts, 3);
    assert_int_equal(of.permilles[1], 990);
    assert_int_equal(of.permilles[2], 1000);
    assert_int_equal(hold_refs(&of, &tickets[4], &(llmc_account_ref){ 0, NULL }, 1, 8 * DOLLAR, NOON + DAY_MS).outcome, LLMC_HOLD_GRANTED);
    settle(&of, &tickets[4], 8 * DOLLAR);
    assert_int_equal(of.alerts, 4); /* a new window, a new alert */
    assert_int_equal(of.last.window_from_ms, NOON + DAY_MS / 2);
    assert_int_equal(of.engine->correct(of.engine, 0, NULL, 8 * DOLLAR, NOON + DAY_MS), LLMCOST_OK);
    assert_int_equal(of.alerts, 6);
    close_bench(&of);
}

/* B35: 110 requests whose spend never accrues. */
static void every_request_accrues(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "b", .limit_nano = DOLLAR } } };
    open_bench(&of, 1);
    for (int i = 1; i <= 110; i++) {
        llmc_ticket ticket = { 0 };
        assert_int_equal(hold(&of, &ticket, 5000), LLMC_HOLD_GRANTED);
        settle(&of, &ticket, 1234);
        assert_int_equal(figure(&of, "spent_nano"), i * 1234);
    }
    assert_int_equal(figure(&of, "settled"), 110);
    close_bench(&of);
}

/* B37: wide holds throttle a burst of 20 to 4 only until they settle; in the end nobody was refused for nothing. */
static void a_burst_with_wide_holds_gets_through(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "b", .limit_nano = 4000 } } };
    open_bench(&of, 1);
    llmc_ticket tickets[20] = { 0 };
    int open_calls[20], open_count = 0, done = 0;
    while (done < 20) {
        for (int i = 0; i < 20; i++) {
            if (tickets[i].state)
                continue;
            llmc_hold_outcome outcome = hold(&of, &tickets[i], 1000); /* ten times what it will cost */
            assert_int_not_equal(outcome, LLMC_HOLD_SHORT_SPENT);
            if (outcome == LLMC_HOLD_GRANTED)
                open_calls[open_count++] = i;
        }
        assert_true(open_count > 0 && open_count <= 4);
        while (open_count) {
            settle(&of, &tickets[open_calls[--open_count]], 100);
            done++;
        }
    }
    assert_int_equal(figure(&of, "spent_nano"), 2000);
    close_bench(&of);
}

static void a_settle_above_its_hold_is_recorded_and_told(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "b", .limit_nano = 100, .each = "user", .max_accounts = 5 }, { .name = "s", .limit_nano = 1000, .soft = true, .alert_permille = { 100 }, .alert_count = 1 } } };
    open_bench(&of, 2);
    const llmc_account_ref refs[] = { { 0, "ann" }, { 1, NULL } };
    llmc_ticket ticket = { 0 }, next = { 0 };
    assert_int_equal(hold_refs(&of, &ticket, refs, 2, 60, NOON).outcome, LLMC_HOLD_GRANTED);
    settle(&of, &ticket, 130);
    assert_int_equal(of.alerts, 3);
    assert_int_equal(of.permilles[0], 0);
    assert_int_equal(of.permilles[1], 0);
    assert_int_equal(of.permilles[2], 100);
    assert_int_equal(figure_at(&of, "ann", "spent_nano", NOON), 130);
    assert_int_equal(figure_at(&of, "ann", "bound_exceeded", NOON), 1);
    llmc_hold_reply reply = hold_refs(&of, &next, refs, 2, 0, NOON);
    assert_int_equal(reply.outcome, LLMC_HOLD_SHORT_SPENT);
    assert_int_equal(reply.spendable_nano, -30);
    close_bench(&of);
}

/* ---- windows ---- */

static void a_settle_lands_in_the_window_of_its_hold(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "b", .limit_nano = 100, .period = LLMC_PERIOD_DAY, .alert_permille = { 900 }, .alert_count = 1 } } };
    open_bench(&of, 1);
    llmc_ticket yesterday = { 0 }, today = { 0 };
    assert_int_equal(hold(&of, &yesterday, 95), LLMC_HOLD_GRANTED);
    assert_int_equal(hold_refs(&of, &today, &(llmc_account_ref){ 0, NULL }, 1, 100, NOON + DAY_MS).outcome, LLMC_HOLD_GRANTED);
    json_t *array = describe(&of, NOON + DAY_MS);
    assert_int_equal(json_array_size(array), 2);
    json_t *past = json_object_get(json_array_get(array, 1), "window");
    assert_string_equal(json_string_value(json_object_get(past, "period")), "day");
    assert_int_equal(json_integer_value(json_object_get(past, "from_ms")), NOON - DAY_MS / 2);
    assert_int_equal(json_integer_value(json_object_get(past, "until_ms")), NOON + DAY_MS / 2);
    json_decref(array);
    settle(&of, &yesterday, 95);
    assert_int_equal(of.alerts, 1);
    assert_int_equal(of.last.window_from_ms, NOON - DAY_MS / 2);
    assert_int_equal(of.last.spent_nano, 95);
    array = describe(&of, NOON + DAY_MS);
    assert_int_equal(json_array_size(array), 1); /* nobody holds the past window any more */
    json_decref(array);
    assert_int_equal(figure_at(&of, NULL, "spent_nano", NOON + DAY_MS), 0);
    settle(&of, &today, 50);
    assert_int_equal(figure_at(&of, NULL, "spent_nano", NOON + DAY_MS), 50);
    assert_int_equal(figure_at(&of, NULL, "spent_nano", NOON + 2 * DAY_MS), 0); /* described in a new window */
    close_bench(&of);
}

static void a_late_clock_reading_does_not_open_a_window_again(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "b", .limit_nano = 100, .period = LLMC_PERIOD_DAY } } };
    open_bench(&of, 1);
    llmc_ticket spent = { 0 }, next = { 0 }, late = { 0 };
    const llmc_account_ref ref = { 0, NULL };
    int64_t midnight = NOON + DAY_MS / 2;
    assert_int_equal(hold_refs(&of, &spent, &ref, 1, 100, midnight - 1).outcome, LLMC_HOLD_GRANTED);
    settle(&of, &spent, 100);
    assert_int_equal(hold_refs(&of, &next, &ref, 1, 60, midnight).outcome, LLMC_HOLD_GRANTED);
    assert_int_equal(hold_refs(&of, &late, &ref, 1, 60, midnight - 1).outcome, LLMC_HOLD_SHORT_HELD);
    assert_int_equal(hold_refs(&of, &late, &ref, 1, 40, midnight - 1).outcome, LLMC_HOLD_GRANTED);
    settle(&of, &next, 60);
    settle(&of, &late, 40);
    assert_int_equal(figure_at(&of, NULL, "spent_nano", midnight), 100);
    llmc_ticket corrected = { 0 };
    assert_int_equal(hold_refs(&of, &corrected, &ref, 1, 100, midnight - 40 * DAY_MS).outcome, LLMC_HOLD_GRANTED); /* a clock set right */
    close_bench(&of);
}

static void accounts_of_past_windows_are_dropped(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "b", .limit_nano = 100, .period = LLMC_PERIOD_MINUTE, .each = "user", .max_accounts = 50 } } };
    open_bench(&of, 1);
    llmc_ticket held = { 0 };
    long after_first = 0;
    for (int window = 0; window < 20; window++) {
        for (int user = 0; user < 50; user++) {
            char value[16];
            snprintf(value, sizeof value, "user %d", user + window * 10);
            llmc_ticket ticket = { 0 };
            assert_int_equal(hold_refs(&of, &ticket, &(llmc_account_ref){ 0, value }, 1, 100, NOON + window * 60000).outcome, LLMC_HOLD_GRANTED);
            settle(&of, &ticket, 100);
        }
        if (!window)
            after_first = of.memory.blocks;
        assert_int_equal(of.memory.blocks, after_first);
    }
    assert_int_equal(hold_refs(&of, &held, &(llmc_account_ref){ 0, "late" }, 1, 100, NOON + 30 * 60000).outcome, LLMC_HOLD_GRANTED);
    json_t *array = describe(&of, NOON + 31 * 60000);
    assert_int_equal(json_array_size(array), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(array, 0), "value")), "late");
    json_decref(array);
    settle(&of, &held, 10);
    array = describe(&of, NOON + 31 * 60000);
    assert_int_equal(json_array_size(array), 0);
    json_decref(array);
    close_bench(&of);
}

/* ---- "each" ---- */

static void values_beyond_the_maximum_share_one_account(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "b", .limit_nano = 100, .each = "user", .max_accounts = 2, .alert_permille = { 500 }, .alert_count = 1 } } };
    open_bench(&of, 1);
    llmc_ticket tickets[6] = { 0 };
    char *endless = malloc(4000);
    memset(endless, 'x', 3999);
    endless[3999] = '\0';
    assert_int_equal(hold_for(&of, &tickets[0], "a", 100), LLMC_HOLD_GRANTED);
    assert_int_equal(hold_for(&of, &tickets[1], endless, 40), LLMC_HOLD_GRANTED); /* not a value to keep: shares */
    assert_int_equal(hold_for(&of, &tickets[2], NULL, 100), LLMC_HOLD_GRANTED);   /* without the tag: "" */
    assert_int_equal(hold_for(&of, &tickets[3], "c", 40), LLMC_HOLD_GRANTED);
    assert_int_equal(hold_for(&of, &tickets[4], "d", 40), LLMC_HOLD_SHORT_HELD);
    assert_int_equal(hold_for(&of, &tickets[5], "", 1), LLMC_HOLD_SHORT_HELD);
    settle(&of, &tickets[0], 100);
    assert_string_equal(of.last_value, "a");
    settle(&of, &tickets[3], 60);
    assert_string_equal(of.last_value, "-");
    json_t *array = describe(&of, NOON), *object;
    size_t i;
    int others = 0;
    json_array_foreach(array, i, object) {
        if (!json_is_true(json_object_get(object, "other")))
            continue;
        others++;
        assert_true(json_is_null(json_object_get(object, "value")));
        assert_int_equal(json_integer_value(json_object_get(object, "granted")), 2);
        assert_int_equal(json_integer_value(json_object_get(object, "short")), 1);
        assert_int_equal(json_integer_value(json_object_get(object, "spent_nano")), 60);
    }
    assert_int_equal(others, 1);
    assert_int_equal(json_array_size(array), 3);
    json_decref(array);
    free(endless);
    close_bench(&of);
}

static void many_values_keep_their_own_figures(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "b", .limit_nano = 1000000, .each = "user", .max_accounts = 3000 } } };
    open_bench(&of, 1);
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < 3000; i++) {
            char value[16];
            snprintf(value, sizeof value, "u%d", i);
            llmc_ticket ticket = { 0 };
            assert_int_equal(hold_for(&of, &ticket, value, i), LLMC_HOLD_GRANTED);
            settle(&of, &ticket, i);
        }
    }
    json_t *array = describe(&of, NOON), *object;
    size_t i;
    assert_int_equal(json_array_size(array), 3000);
    json_array_foreach(array, i, object)
        assert_int_equal(json_integer_value(json_object_get(object, "spent_nano")), 2 * atoi(json_string_value(json_object_get(object, "value")) + 1));
    json_decref(array);
    close_bench(&of);
}

static void describe_survives_any_value(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "na\"me\n", .limit_nano = 10, .each = "user", .max_accounts = 5 } } };
    open_bench(&of, 1);
    llmc_ticket quote = { 0 }, broken = { 0 };
    assert_int_equal(hold_for(&of, &quote, "\"},{\\\t\x01", 1), LLMC_HOLD_GRANTED);
    assert_int_equal(hold_for(&of, &broken, "\xff\xc0 no UTF-8", 1), LLMC_HOLD_GRANTED);
    assert_int_equal(figure_at(&of, "\"},{\\\t\x01", "held_nano", NOON), 1);
    assert_int_equal(figure_at(&of, "?? no UTF-8", "held_nano", NOON), 1);
    llmc_buffer tiny;
    llmc_buffer_init(&tiny, &llmc_allocator_system, 50);
    assert_int_equal(of.engine->describe(of.engine, NOON, &tiny), LLMCOST_E_MEMORY);
    llmc_buffer_free(&tiny);
    close_bench(&of);
}

/* ---- waiters ---- */

typedef struct line {
    char text[32];
    size_t length;
} line;

typedef struct waiting {
    llmc_account_waiter waiter;
    line *woken;
    char name;
    bench *again; /* queue again, and hold and settle, while being woken */
    struct waiting *leaves; /* and take this one out of the line */
} waiting;

static void on_wake(void *user)
{
    waiting *of = user;
    assert_null(of->waiter.link); /* already out of the queue */
    of->woken->text[of->woken->length++] = of->name;
    if (of->leaves)
        of->again->engine->unwait(of->again->engine, &of->leaves->waiter);
    if (!of->again)
        return;
    llmc_account_engine *engine = of->again->engine;
    engine->unwait(engine, &of->waiter); /* from inside: returns at once */
    engine->wait(engine, &of->waiter);
    llmc_ticket ticket = { 0 };
    assert_int_equal(hold(of->again, &ticket, 1000), LLMC_HOLD_SHORT_SPENT);
}

static void init_waiting(waiting *of, line *woken, char name)
{
    *of = (waiting){ .waiter = { .wake = on_wake, .user = of }, .woken = woken, .name = name };
}

static void waiters_are_woken_in_order_at_every_change(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "b", .limit_nano = 100, .period = LLMC_PERIOD_DAY } } };
    open_bench(&of, 1);
    llmc_account_engine *engine = of.engine;
    line woken = { .length = 0 };
    waiting a, b, c;
    init_waiting(&a, &woken, 'a');
    init_waiting(&b, &woken, 'b');
    init_waiting(&c, &woken, 'c');
    llmc_ticket first = { 0 }, second = { 0 }, third = { 0 };
    hold(&of, &first, 50);
    hold(&of, &second, 50);
    engine->wait(engine, &a.waiter);
    engine->wait(engine, &b.waiter);
    engine->wait(engine, &c.waiter);
    engine->wait(engine, &b.waiter); /* queued already */
    assert_int_equal(hold(&of, &third, 60), LLMC_HOLD_SHORT_HELD);
    assert_string_equal(woken.text, "");
    settle(&of, &first, 50);
    assert_string_equal(woken.text, "abc");
    settle(&of, &first, 50);
    assert_string_equal(woken.text, "abc"); /* nothing changed, nobody queued */

    engine->wait(engine, &c.waiter);
    engine->wait(engine, &a.waiter);
    engine->wait(engine, &b.waiter);
    engine->unwait(engine, &a.waiter);
    engine->unwait(engine, &a.waiter);
    settle(&of, &second, 0); /* a release */
    assert_string_equal(woken.text, "abccb");

    engine->wait(engine, &a.waiter);
    engine->unwait(engine, &a.waiter); /* the only one */
    engine->wait(engine, &b.waiter);
    assert_int_equal(engine->correct(engine, 0, NULL, -1, NOON), LLMCOST_OK);
    assert_string_equal(woken.text, "abccbb");

    engine->wait(engine, &a.waiter);
    assert_int_equal(hold_refs(&of, &third, &(llmc_account_ref){ 0, NULL }, 1, 60, NOON + DAY_MS).outcome, LLMC_HOLD_GRANTED);
    assert_string_equal(woken.text, "abccbba"); /* a new window */
    engine->wait(engine, &a.waiter);
    json_decref(describe(&of, NOON + 2 * DAY_MS));
    assert_string_equal(woken.text, "abccbbaa");
    close_bench(&of);
}

static void a_waiter_may_queue_again_and_unwait_others_while_woken(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "b", .limit_nano = 100 } } };
    open_bench(&of, 1);
    llmc_account_engine *engine = of.engine;
    line woken = { .length = 0 };
    waiting a, b, c, d;
    init_waiting(&a, &woken, 'a');
    init_waiting(&b, &woken, 'b');
    init_waiting(&c, &woken, 'c');
    init_waiting(&d, &woken, 'd');
    a.again = &of;
    a.leaves = &c;
    llmc_ticket first = { 0 }, second = { 0 };
    hold(&of, &first, 50);
    hold(&of, &second, 50);
    engine->wait(engine, &a.waiter);
    engine->wait(engine, &b.waiter);
    engine->wait(engine, &c.waiter);
    engine->wait(engine, &d.waiter);
    settle(&of, &first, 1);
    assert_string_equal(woken.text, "abd"); /* c left while the line was being woken; a waits for the next change */
    engine->wait(engine, &d.waiter);
    settle(&of, &second, 1);
    assert_string_equal(woken.text, "abdad");
    engine->unwait(engine, &a.waiter);
    close_bench(&of);
}

/* ---- memory ---- */

static void without_memory_hard_budgets_cannot_tell_and_soft_ones_go_on(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "hard", .limit_nano = 100, .period = LLMC_PERIOD_DAY }, { .name = "soft", .limit_nano = 100, .period = LLMC_PERIOD_DAY, .soft = true },
                              { .name = "users", .limit_nano = 100, .each = "user", .max_accounts = 9 }, { .name = "soft users", .limit_nano = 1, .each = "user", .max_accounts = 9, .soft = true } } };
    open_bench(&of, 4);
    llmc_ticket tickets[4] = { 0 }, later[4] = { 0 };
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(hold_refs(&of, &tickets[i], &(llmc_account_ref){ i, NULL }, 1, 10, NOON).outcome, LLMC_HOLD_GRANTED);
    of.memory.fail_all = 1;
    for (uint32_t i = 0; i < 4; i++) {
        llmc_hold_reply reply = hold_refs(&of, &later[i], &(llmc_account_ref){ i, "ann" }, 1, 10, NOON + DAY_MS);
        assert_int_equal(reply.outcome, i % 2 ? LLMC_HOLD_GRANTED : LLMC_HOLD_UNAVAILABLE);
        assert_int_equal(i % 2 ? i : reply.budget, i);
        settle(&of, &later[i], i % 2 ? 10 : 0);
    }
    assert_int_equal(of.engine->correct(of.engine, 2, "ann", 1, NOON), LLMCOST_E_MEMORY);
    llmc_buffer text;
    llmc_buffer_init(&text, &llmc_allocator_system, 1 << 20);
    assert_int_equal(of.engine->describe(of.engine, NOON + DAY_MS, &text), LLMCOST_E_MEMORY);
    llmc_buffer_free(&text);
    of.memory.fail_all = 0;
    settle(&of, &tickets[0], 10);
    settle(&of, &tickets[1], 10);
    llmc_ticket again = { 0 };
    assert_int_equal(hold_refs(&of, &again, &(llmc_account_ref){ 2, "ann" }, 1, 10, NOON).outcome, LLMC_HOLD_GRANTED);
    assert_int_equal(hold_refs(&of, &later[0], &(llmc_account_ref){ 0, NULL }, 1, 100, NOON + DAY_MS).outcome, LLMC_HOLD_GRANTED);
    close_bench(&of);
}

static bool try_everything(counting_memory *memory)
{
    bench of = { .budgets = { { .name = "a", .limit_nano = 1000, .period = LLMC_PERIOD_MINUTE }, { .name = "b", .limit_nano = 1000, .each = "user", .max_accounts = 40, .period = LLMC_PERIOD_DAY } } };
    if (llmc_memory_accounts_new(&of.engine, &memory->allocator, of.budgets, 2, on_alert, &of)) {
        assert_null(of.engine);
        return false;
    }
    bool complete = true;
    for (int i = 0; i < 40; i++) {
        char value[8];
        snprintf(value, sizeof value, "%d", i);
        const llmc_account_ref refs[] = { { 0, NULL }, { 1, value } };
        llmc_ticket ticket = { 0 };
        llmc_hold_reply reply = hold_refs(&of, &ticket, refs, 2, 10, NOON + i * 10000);
        complete = complete && reply.outcome == LLMC_HOLD_GRANTED;
        settle(&of, &ticket, reply.outcome == LLMC_HOLD_GRANTED ? 10 : 0);
    }
    llmc_buffer text;
    llmc_buffer_init(&text, &memory->allocator, 1 << 20);
    complete = of.engine->describe(of.engine, NOON + 400000, &text) == LLMCOST_OK && complete;
    llmc_buffer_free(&text);
    of.engine->free(of.engine);
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
    assert_true(incomplete > 40);
}

static void a_hold_allocates_nothing(void **state)
{
    (void)state;
    bench of = { .budgets = { { .name = "a", .limit_nano = 1000, .period = LLMC_PERIOD_DAY }, { .name = "b", .limit_nano = 1000, .each = "user", .max_accounts = 40 } } };
    open_bench(&of, 2);
    const llmc_account_ref refs[] = { { 0, NULL }, { 1, "ann" } };
    long calls = 0;
    for (int i = 0; i < 10; i++) {
        llmc_ticket ticket = { 0 };
        assert_int_equal(hold_refs(&of, &ticket, refs, 2, 10, NOON).outcome, LLMC_HOLD_GRANTED);
        settle(&of, &ticket, 10);
        if (!i)
            calls = of.memory.calls;
        assert_int_equal(of.memory.calls, calls);
    }
    close_bench(&of);
}

/* ---- a naive model ---- */

enum { MODEL_BUDGETS = 4, MODEL_TICKETS = 24, MODEL_VALUES = 4, MODEL_ACCOUNTS = 20000 };

typedef struct model_account {
    int budget, value; /* value -1: none, MODEL_VALUES: other */
    int64_t from_ms;
    int64_t spent, held;
} model_account;

typedef struct model {
    model_account accounts[MODEL_ACCOUNTS]; /* never dropped */
    int count;
    int64_t from_ms[MODEL_BUDGETS];
    bool begun[MODEL_BUDGETS];
    int known[MODEL_BUDGETS][MODEL_VALUES];
} model;

static uint64_t next_random(uint64_t *random)
{
    *random ^= *random << 13, *random ^= *random >> 7, *random ^= *random << 17;
    return *random;
}

static void model_enter(model *of, const llmc_budget *rule, int budget, int64_t wall_ms)
{
    int64_t from, until;
    llmc_period_window(rule->period, wall_ms, &from, &until);
    if (of->begun[budget] && from <= of->from_ms[budget])
        return;
    of->begun[budget] = true;
    of->from_ms[budget] = from;
    memset(of->known[budget], 0, sizeof of->known[budget]);
}

static model_account *model_find(model *of, const llmc_budget *rule, int budget, int value, int64_t wall_ms)
{
    model_enter(of, rule, budget, wall_ms);
    if (rule->each && !of->known[budget][value]) {
        int known = 0;
        for (int i = 0; i < MODEL_VALUES; i++)
            known += of->known[budget][i];
        if (known < rule->max_accounts)
            of->known[budget][value] = 1;
        else
            value = MODEL_VALUES;
    }
    if (!rule->each)
        value = -1;
    for (int i = 0; i < of->count; i++) {
        if (of->accounts[i].budget == budget && of->accounts[i].value == value && of->accounts[i].from_ms == of->from_ms[budget])
            return &of->accounts[i];
    }
    assert_true(of->count < MODEL_ACCOUNTS);
    of->accounts[of->count] = (model_account){ .budget = budget, .value = value, .from_ms = of->from_ms[budget] };
    return &of->accounts[of->count++];
}

static void check_against(model *of, bench *engine, int64_t wall_ms)
{
    json_t *array = describe(engine, wall_ms), *object;
    size_t i;
    for (int budget = 0; budget < MODEL_BUDGETS; budget++) /* asking enters the window too */
        model_enter(of, &engine->budgets[budget], budget, wall_ms);
    int64_t sum = 0, expected = 0;
    json_array_foreach(array, i, object) {
        int budget = json_string_value(json_object_get(object, "name"))[0] - '0', value = -1;
        const char *text = json_string_value(json_object_get(object, "value"));
        if (text)
            value = text[0] - 'a';
        if (json_is_true(json_object_get(object, "other")))
            value = MODEL_VALUES;
        json_t *window = json_object_get(json_object_get(object, "window"), "from_ms");
        int64_t from = window ? json_integer_value(window) : INT64_MIN;
        int64_t spent = json_integer_value(json_object_get(object, "spent_nano")), held = json_integer_value(json_object_get(object, "held_nano"));
        bool found = false;
        for (int j = 0; j < of->count && !found; j++) {
            const model_account *account = &of->accounts[j];
            found = account->budget == budget && account->value == value && account->from_ms == from;
            if (found)
                assert_true(account->spent == spent && account->held == held);
        }
        if (!found)
            assert_true(spent == 0 && held == 0);
        sum += held;
    }
    for (int j = 0; j < of->count; j++)
        expected += of->accounts[j].held;
    assert_true(sum == expected); /* no account with something held was dropped */
    json_decref(array);
}

static void run_model(uint64_t random, int steps)
{
    bench of = { .budgets = { { .name = "0", .limit_nano = 4000, .period = LLMC_PERIOD_MINUTE }, { .name = "1", .limit_nano = 900, .each = "user", .max_accounts = 2, .period = LLMC_PERIOD_HOUR },
                              { .name = "2", .limit_nano = 500, .soft = true, .period = LLMC_PERIOD_DAY }, { .name = "3", .limit_nano = 1000000 } } };
    open_bench(&of, MODEL_BUDGETS);
    model *naive = calloc(1, sizeof *naive);
    llmc_ticket tickets[MODEL_TICKETS] = { 0 };
    model_account *held_in[MODEL_TICKETS][MODEL_BUDGETS];
    int held_count[MODEL_TICKETS] = { 0 }, outcomes[4] = { 0 };
    int64_t now = NOON;
    for (int step = 0; step < steps; step++) {
        uint64_t dice = next_random(&random);
        int slot = (int)(dice % MODEL_TICKETS), value = (int)((dice >> 8) % MODEL_VALUES);
        llmc_ticket *ticket = &tickets[slot];
        if (dice >> 16 & 1)
            now += (int64_t)(dice >> 17 & 4095);
        if ((dice >> 40) % 512 == 0)
            now += 3600000;
        of.now_ms = now; /* what an alert looks with */
        if (ticket->state == 2)
            *ticket = (llmc_ticket){ 0 };
        if ((dice >> 32) % 50 == 0) {
            int budget = (int)((dice >> 44) % MODEL_BUDGETS);
            int64_t delta = (int64_t)(dice >> 50 & 255) - 128;
            char text[2] = { (char)('a' + value), 0 };
            assert_int_equal(of.engine->correct(of.engine, (uint32_t)budget, text, delta, now), LLMCOST_OK);
            model_find(naive, &of.budgets[budget], budget, value, now)->spent += delta;
        } else if (ticket->state == 1) {
            int64_t amount = dice >> 60 ? (int64_t)((uint64_t)ticket->bound_nano * (dice >> 32 & 127) / 100) : 0;
            for (int i = 0; i < held_count[slot]; i++) {
                held_in[slot][i]->held -= ticket->bound_nano;
                held_in[slot][i]->spent += amount;
            }
            of.alerts = 0;
            settle(&of, ticket, amount);
        } else {
            llmc_account_ref refs[MODEL_BUDGETS];
            char text[2] = { (char)('a' + value), 0 };
            size_t count = 0;
            int64_t bound = (int64_t)(dice >> 24 & 511), wall_ms = now - (int64_t)(dice >> 20 & 1); /* some read the clock late */
            llmc_hold_outcome expected = LLMC_HOLD_GRANTED;
            held_count[slot] = 0;
            for (int i = 0; i < MODEL_BUDGETS; i++) {
                if (!(dice >> (56 + i) & 1))
                    continue;
                refs[count++] = (llmc_account_ref){ (uint32_t)i, text };
                model_account *account = model_find(naive, &of.budgets[i], i, value, wall_ms);
                held_in[slot][held_count[slot]++] = account;
                if (of.budgets[i].soft)
                    continue;
                if (account->spent + bound > of.budgets[i].limit_nano)
                    expected = LLMC_HOLD_SHORT_SPENT;
                else if (account->spent + account->held + bound > of.budgets[i].limit_nano && expected == LLMC_HOLD_GRANTED)
                    expected = LLMC_HOLD_SHORT_HELD;
            }
            llmc_hold_reply reply = hold_refs(&of, ticket, refs, count, bound, wall_ms);
            assert_int_equal(reply.outcome, expected);
            outcomes[expected]++;
            for (int i = 0; expected == LLMC_HOLD_GRANTED && i < held_count[slot]; i++)
                held_in[slot][i]->held += bound;
        }
        if (step % 16 == 0)
            check_against(naive, &of, now);
    }
    assert_true(outcomes[LLMC_HOLD_GRANTED] > steps / 10 && outcomes[LLMC_HOLD_SHORT_HELD] > 10 && outcomes[LLMC_HOLD_SHORT_SPENT] > 10);
    free(naive);
    close_bench(&of);
}

static void agrees_with_a_naive_model(void **state)
{
    (void)state;
    static const uint64_t seeds[] = { 1, 88172645463325252u, 0x9E3779B97F4A7C15u, 424242 };
    for (int round = 0, rounds = test_rounds(1); round < rounds; round++)
        for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
            run_model(seeds[i] + (uint64_t)round * 7919, 6000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_utc),
        cmocka_unit_test(windows_never_wrap),
        cmocka_unit_test(every_window_follows_the_one_before),
        cmocka_unit_test(tags_are_found_by_name),
        cmocka_unit_test(budgets_match_by_tags_provider_and_model),
        cmocka_unit_test(a_hold_reserves_and_a_settle_records),
        cmocka_unit_test(admission_is_all_or_nothing),
        cmocka_unit_test(spent_outweighs_held),
        cmocka_unit_test(nothing_wraps),
        cmocka_unit_test(misuse_is_unavailable),
        cmocka_unit_test(five_large_calls_at_once_admit_three),
        cmocka_unit_test(first_requests_of_an_unknown_user_count),
        cmocka_unit_test(released_holds_leave_nothing),
        cmocka_unit_test(repeated_holds_and_settles_count_once),
        cmocka_unit_test(the_last_dollar_is_not_two),
        cmocka_unit_test(a_free_call_passes_a_full_budget),
        cmocka_unit_test(a_correction_unblocks),
        cmocka_unit_test(alerts_fire_at_their_fraction_once),
        cmocka_unit_test(every_request_accrues),
        cmocka_unit_test(a_burst_with_wide_holds_gets_through),
        cmocka_unit_test(a_settle_above_its_hold_is_recorded_and_told),
        cmocka_unit_test(a_settle_lands_in_the_window_of_its_hold),
        cmocka_unit_test(a_late_clock_reading_does_not_open_a_window_again),
        cmocka_unit_test(accounts_of_past_windows_are_dropped),
        cmocka_unit_test(values_beyond_the_maximum_share_one_account),
        cmocka_unit_test(many_values_keep_their_own_figures),
        cmocka_unit_test(describe_survives_any_value),
        cmocka_unit_test(waiters_are_woken_in_order_at_every_change),
        cmocka_unit_test(a_waiter_may_queue_again_and_unwait_others_while_woken),
        cmocka_unit_test(without_memory_hard_budgets_cannot_tell_and_soft_ones_go_on),
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(a_hold_allocates_nothing),
        cmocka_unit_test(agrees_with_a_naive_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
