/* Another try: when there is one, how long it waits, and what each costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../support/engine_rig.h"
#include "call/call.h"

#define UNBROKEN "{\"breaker\":false,\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":2}}}"
#define CONFIG "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":2}},\"budgets\":[{\"limit\":\"1 USD\"}]}"

static int tries_of(int http_status, const char *code, llmcost_status expected)
{
    engine_rig rig;
    llmcost_response *response;
    rig_open(&rig, CONFIG);
    fake_network_fails(&rig.network, NULL, http_status, code);
    assert_int_equal(llmcost_ask(rig.client, "openai/gpt-4o", "hello", &response), expected);
    int tries = (int)rig.network.request_count;
    assert_int_equal(llmcost_response_line_count(response), tries);
    assert_int_equal(llmcost_response_cost_nano(response), 0);
    rig_check_receipt(response);
    llmcost_response_free(response);
    rig_close(&rig);
    return tries;
}

static void test_what_is_tried_again(void **unused)
{
    (void)unused;
    assert_int_equal(tries_of(500, "server_error", LLMCOST_E_SERVER), 3);
    assert_int_equal(tries_of(429, "rate_limit_exceeded", LLMCOST_E_RATE_LIMITED), 3);
    assert_int_equal(tries_of(503, "overloaded", LLMCOST_E_OVERLOADED), 3);
    assert_int_equal(tries_of(401, "invalid_api_key", LLMCOST_E_AUTH), 1);
    assert_int_equal(tries_of(429, "insufficient_quota", LLMCOST_E_QUOTA), 1);
    assert_int_equal(tries_of(400, "invalid_request_error", LLMCOST_E_INVALID_REQUEST), 1);
    assert_int_equal(tries_of(404, "model_not_found", LLMCOST_E_NOT_FOUND), 1);
}

/* x-should-retry, over what the status says; a wait beside it is kept. */
static void test_the_provider_says_whether(void **unused)
{
    (void)unused;
    static const struct { int http_status; const char *code, *headers[2]; llmcost_status status; int tries; } rows[] = {
        { 500, "server_error", { "x-should-retry: false" }, LLMCOST_E_SERVER, 1 },
        { 503, "overloaded", { "x-should-retry: false", "Retry-After: 1" }, LLMCOST_E_OVERLOADED, 1 },
        { 429, "rate_limit_exceeded", { "X-Should-Retry: false" }, LLMCOST_E_RATE_LIMITED, 1 },
        { 409, "conflict", { "x-should-retry: false" }, LLMCOST_E_CONFLICT, 1 },
        { 408, "timeout", { "x-should-retry: false" }, LLMCOST_E_SERVER_TIMEOUT, 1 },
        { 400, "invalid_request_error", { "x-should-retry: true" }, LLMCOST_E_INVALID_REQUEST, 3 },
        { 400, "invalid_request_error", { "x-should-retry: true", "Retry-After: 3" }, LLMCOST_E_INVALID_REQUEST, 3 },
        { 404, "model_not_found", { "x-should-retry: true" }, LLMCOST_E_NOT_FOUND, 3 },
        { 401, "invalid_api_key", { "x-should-retry: true" }, LLMCOST_E_AUTH, 1 }, /* the key is out */
        { 429, "rate_limit_exceeded", { "x-should-retry: true" }, LLMCOST_E_RATE_LIMITED, 3 },
        { 500, "server_error", { "x-should-retry: perhaps" }, LLMCOST_E_SERVER, 3 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        engine_rig rig;
        llmcost_response *response;
        rig_open(&rig, CONFIG);
        fake_exchange *failing = fake_network_fails(&rig.network, NULL, rows[i].http_status, rows[i].code);
        failing->headers[1] = rows[i].headers[0];
        failing->headers[2] = rows[i].headers[1];
        assert_int_equal(llmcost_ask(rig.client, "openai/gpt-4o", "hello", &response), rows[i].status);
        if ((int)rig.network.request_count != rows[i].tries)
            fail_msg("%d, %s: %d tries", rows[i].http_status, rows[i].headers[0], (int)rig.network.request_count);
        if (rows[i].tries == 3 && rows[i].headers[1])
            assert_int_equal(rig.network.requests[1].at_ms, 3000);
        assert_int_equal(llmcost_response_line_count(response), rows[i].tries);
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

static void test_a_budget_refusal_is_not(void **unused)
{
    (void)unused;
    engine_rig rig;
    llmcost_response *response;
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\"}},\"budgets\":[{\"limit\":\"0.0001 USD\"}]}");
    assert_int_equal(llmcost_ask(rig.client, "openai/gpt-4o", "hello", &response), LLMCOST_E_BUDGET);
    assert_int_equal(fake_clock_ms(&rig.clock), 0);
    assert_int_equal(llmcost_response_line_count(response), 0);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_jitter(void **unused)
{
    (void)unused;
    int64_t seen[2] = { -1, -1 };
    for (int client = 0; client < 40; client++) {
        engine_rig rig;
        llmcost_response *response;
        rig_open(&rig, UNBROKEN);
        fake_network_fails(&rig.network, NULL, 500, "server_error");
        for (int call = 0; call <= client % 5; call++) {
            size_t before = rig.network.request_count;
            assert_int_equal(llmcost_ask(rig.client, "openai/gpt-4o", "hello", &response), LLMCOST_E_SERVER);
            llmcost_response_free(response);
            int64_t first = rig.network.requests[before + 1].at_ms - rig.network.requests[before].at_ms;
            int64_t second = rig.network.requests[before + 2].at_ms - rig.network.requests[before + 1].at_ms;
            assert_in_range(first, 0, 250);
            assert_in_range(second, 0, 500);
            if (call == 0 && seen[0] >= 0) { /* one seed, one sequence */
                assert_int_equal(first, seen[0]);
                assert_int_equal(second, seen[1]);
            }
            if (call == 0) {
                seen[0] = first;
                seen[1] = second;
            }
        }
        rig_close(&rig);
    }
}

static void test_retry_after_counts_over_our_delay(void **unused)
{
    (void)unused;
    engine_rig rig;
    llmcost_response *response;
    rig_open(&rig, CONFIG);
    fake_exchange *busy = fake_network_fails(&rig.network, NULL, 429, "rate_limit_exceeded");
    busy->times = 1;
    busy->headers[1] = "Retry-After: 60";
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    assert_int_equal(llmcost_ask(rig.client, "openai/gpt-4o", "hello", &response), LLMCOST_OK);
    assert_int_equal(rig.network.requests[1].at_ms, 60000);
    assert_int_equal(rig_spent(&rig), 75000);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_a_wait_that_does_not_fit_the_deadline(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, CONFIG);
    fake_exchange *busy = fake_network_fails(&rig.network, NULL, 429, "rate_limit_exceeded");
    busy->headers[1] = "Retry-After: 60";
    rig_ask(&space, "openai/gpt-4o", "hello")->deadline_ms = 60000;
    assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_E_RATE_LIMITED);
    assert_int_equal(fake_clock_ms(&rig.clock), 0);
    assert_int_equal(llmcost_error_retry_after_ms(llmcost_response_error(response)), 60000);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_cancelled_in_the_wait(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_stream *stream;
    rig_open(&rig, CONFIG);
    fake_exchange *busy = fake_network_fails(&rig.network, NULL, 429, "rate_limit_exceeded");
    busy->headers[1] = "Retry-After: 60";
    assert_int_equal(llmcost_stream_open(rig.client, rig_ask(&space, "openai/gpt-4o", "hello"), &stream), LLMCOST_OK);
    llmcost_stream_close(stream);
    assert_true(fake_clock_ms(&rig.clock) < 60000);
    assert_int_equal(rig.network.request_count, 1);
    rig_close(&rig);
}

static void test_each_try_is_paid(void **unused)
{
    (void)unused;
    engine_rig rig;
    llmcost_response *response;
    rig_open(&rig, CONFIG);
    fake_exchange *broken = fake_network_add(&rig.network, NULL);
    broken->times = 1;
    broken->http_status = 0;
    broken->status = LLMCOST_E_NETWORK; /* sent, and nothing known: the full hold */
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    assert_int_equal(llmcost_ask(rig.client, "openai/gpt-4o", "hello", &response), LLMCOST_OK);
    assert_int_equal(llmcost_response_line_count(response), 2);
    int64_t presumed = rig_line(response, 0, "bound_nano");
    assert_true(presumed > 0);
    assert_int_equal(rig_line(response, 0, "cost_nano"), presumed);
    assert_int_equal(llmcost_response_cost_nano(response), presumed + 75000);
    assert_int_equal(rig_spent(&rig), presumed + 75000);
    assert_string_equal(rig_line_text(response, 1, "purpose"), "retry");
    rig_check_receipt(response);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_streams(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    char text[100];
    rig_open(&rig, CONFIG);
    fake_network_fails(&rig.network, NULL, 500, "server_error")->times = 1; /* before the first piece: again */
    fake_network_streams(&rig.network, NULL, (const char *const[]){ "he", "llo", NULL }, 10, 5);
    assert_int_equal(rig_stream(&rig, rig_ask(&space, "openai/gpt-4o", "hello"), text, sizeof text, NULL), LLMCOST_OK);
    assert_string_equal(text, "hello");
    assert_int_equal(rig.network.request_count, 2);
    rig_close(&rig);

    rig_open(&rig, CONFIG);
    fake_exchange *cut = fake_network_add(&rig.network, NULL);
    fake_exchange_delta(cut, 1, "he");
    cut->done_ms = 2;
    cut->status = LLMCOST_E_NETWORK;
    assert_int_equal(rig_stream(&rig, rig_ask(&space, "openai/gpt-4o", "hello"), text, sizeof text, NULL), LLMCOST_E_TRUNCATED);
    assert_string_equal(text, "he"); /* the caller has it: it is not said twice */
    assert_int_equal(rig.network.request_count, 1);
    rig_close(&rig);
}

/* Who has seen why an answer ended is not shown another one behind it. */
static void test_no_other_try_behind_a_finish(void **unused)
{
    (void)unused;
    static const char piece[] = "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\n";
    engine_rig rig;
    rig_request space;
    char text[100];
    rig_open(&rig, CONFIG);
    fake_exchange *cut = fake_network_add(&rig.network, NULL);
    cut->times = 1;
    cut->headers[0] = "Content-Type: text/event-stream";
    fake_exchange_piece(cut, 1, piece, strlen(piece));
    cut->done_ms = 2;
    cut->status = LLMCOST_E_NETWORK;
    fake_network_streams(&rig.network, NULL, (const char *const[]){ "hello", NULL }, 10, 5);
    assert_int_equal(rig_stream(&rig, rig_ask(&space, "openai/gpt-4o", "hello"), text, sizeof text, NULL), LLMCOST_E_TRUNCATED);
    assert_string_equal(text, "");
    assert_int_equal(rig.network.request_count, 1);
    rig_close(&rig);
}

/* A second try is not bound by what the budget left the first one. */
static void test_a_second_try_is_sized_up_anew(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":2}},\"budgets\":[{\"limit\":\"0.0009325 USD\",\"per\":\"minute\"}]}"); /* 80 tokens */
    fake_exchange *broken = fake_network_fails(&rig.network, NULL, 429, "rate_limit_exceeded");
    broken->times = 1;
    broken->headers[1] = "Retry-After: 1";
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    rig_ask(&space, "openai/gpt-4o", "hello")->max_tokens = 100;
    assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_OK);
    assert_true(llmcost_response_is_altered(response)); /* the second was shortened from 100, too */
    assert_non_null(strstr(rig.network.requests[1].body, "_tokens\":80"));
    llmcost_response_free(response);
    rig_close(&rig);
}

/* ---- the provider's wait ---- */

/* Every form that a wait comes in, and what it comes to. */
static void test_forms_of_a_wait(void **unused)
{
    (void)unused;
    static const struct { int http_status; const char *code, *headers[2]; int64_t waits_ms; } rows[] = {
        { 429, "rate_limit_exceeded", { "Retry-After: 7" }, 7000 },
        { 503, "overloaded", { "Retry-After: 7" }, 7000 },
        { 500, "server_error", { "Retry-After: 1.5" }, 1500 },
        { 429, "rate_limit_exceeded", { "Retry-After: Mon, 21 Sep 2026 14:13:30 GMT" }, 10000 }, /* the clock says 14:13:20 */
        { 429, "rate_limit_exceeded", { "Retry-After: Mon, 21 Sep 2026 14:00:00 GMT" }, 0 },     /* long ago: at once */
        { 429, "rate_limit_exceeded", { "Retry-After: Monday, 21-Sep-26 14:13:30 GMT" }, 10000 },
        { 429, "rate_limit_exceeded", { "Retry-After: Mon Sep 21 14:13:30 2026" }, 10000 },
        { 429, "rate_limit_exceeded", { "retry-after-ms: 1234", "Retry-After: 2" }, 1234 },
        { 429, "rate_limit_exceeded", { "x-ratelimit-reset-requests: 4s" }, 4000 },
        { 429, "rate_limit_exceeded", { "anthropic-ratelimit-requests-reset: 2026-09-21T14:13:25Z" }, 5000 },
        { 429, "rate_limit_exceeded", { "Retry-After: 0" }, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        engine_rig rig;
        llmcost_response *response;
        rig_open(&rig, CONFIG);
        fake_exchange *busy = fake_network_fails(&rig.network, NULL, rows[i].http_status, rows[i].code);
        busy->times = 1;
        busy->headers[1] = rows[i].headers[0];
        busy->headers[2] = rows[i].headers[1];
        fake_network_says(&rig.network, NULL, "hi", 10, 5);
        assert_int_equal(llmcost_ask(rig.client, "openai/gpt-4o", "hello", &response), LLMCOST_OK);
        if (rig.network.requests[1].at_ms != rows[i].waits_ms)
            fail_msg("%s: %lld ms", rows[i].headers[0], (long long)rig.network.requests[1].at_ms);
        llmcost_response_free(response);
        rig_close(&rig);
    }
    engine_rig rig; /* the reset times of limits come with every answer: they are no wait of a failing server's */
    llmcost_response *response;
    rig_open(&rig, CONFIG);
    fake_network_fails(&rig.network, NULL, 500, "server_error")->headers[1] = "x-ratelimit-reset-requests: 50s";
    assert_int_equal(llmcost_ask(rig.client, "openai/gpt-4o", "hello", &response), LLMCOST_E_SERVER);
    assert_in_range(fake_clock_ms(&rig.clock), 0, 750);
    llmcost_response_free(response);
    rig_close(&rig);
}

static llmcost_verdict mark_alternative(llmcost_leg *leg, void *state, void *user)
{
    (void)state;
    (void)user;
    leg->has_alternative = true;
    return LLMCOST_CONTINUE;
}

static int64_t ends_after(const char *config, const char *wait, bool has_alternative, size_t *sent)
{
    engine_rig rig;
    llmcost_response *response;
    llmcost_policy policy = { .struct_size = sizeof policy, .name = "alternative", .phase = LLMCOST_PHASE_ROUTE, .enter = mark_alternative };
    rig_open(&rig, config);
    if (has_alternative)
        assert_int_equal(llmcost_client_add_policy(rig.client, &policy), LLMCOST_OK);
    fake_exchange *busy = fake_network_fails(&rig.network, NULL, 429, "rate_limit_exceeded");
    busy->headers[1] = wait;
    assert_int_equal(llmcost_ask(rig.client, "openai/gpt-4o", "hello", &response), LLMCOST_E_RATE_LIMITED);
    assert_true(llmcost_error_retry_after_ms(llmcost_response_error(response)) > 0); /* passed on */
    llmcost_response_free(response);
    *sent = rig.network.request_count;
    int64_t ms = fake_clock_ms(&rig.clock);
    rig_close(&rig);
    return ms;
}

static void test_the_longest_wait(void **unused)
{
    (void)unused;
    static const char own[] = "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":1,\"retry_wait_ms\":\"10s\",\"failover_wait_ms\":500}}}";
    static const char none[] = "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":1,\"retry_wait_ms\":0}}}";
    static const struct { const char *config, *wait; bool has_alternative; int64_t ends_ms; size_t sent; } rows[] = {
        { CONFIG, "Retry-After: 60", false, 120000, 3 },
        { CONFIG, "Retry-After: 61", false, 0, 1 },
        { CONFIG, "Retry-After: 2", true, 4000, 3 },
        { CONFIG, "Retry-After: 2.001", true, 0, 1 }, /* the next target is asked at once */
        { own, "Retry-After: 10", false, 10000, 2 },
        { own, "Retry-After: 11", false, 0, 1 },
        { own, "retry-after-ms: 500", true, 500, 2 },
        { own, "retry-after-ms: 501", true, 0, 1 },
        { none, "Retry-After: 1", false, 0, 1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t sent;
        int64_t ms = ends_after(rows[i].config, rows[i].wait, rows[i].has_alternative, &sent);
        if (ms != rows[i].ends_ms || sent != rows[i].sent)
            fail_msg("row %zu: %lld ms, %zu requests", i, (long long)ms, sent);
    }
}

/* ---- the budget of retries ---- */

#define BUDGETED(budget) "{\"breaker\":false,\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":3" budget "}}}"

/* How many requests so many failing calls make; each must say why there are no more. */
static size_t requests_of(const char *config, int calls, int64_t *refused)
{
    engine_rig rig;
    rig_open(&rig, config);
    fake_network_fails(&rig.network, NULL, 500, "server_error");
    int64_t before = 0;
    for (int i = 0; i < calls; i++) {
        llmcost_response *response;
        assert_int_equal(llmcost_ask(rig.client, "openai/gpt-4o", "hello", &response), LLMCOST_E_SERVER);
        int64_t now = rig_stat(&rig, "retries_refused");
        bool noted = strstr(llmcost_response_receipt(response), "not tried again: the provider's retry_budget is used up") != NULL;
        assert_int_equal(noted, now > before);
        before = now;
        llmcost_response_free(response);
    }
    *refused = before;
    size_t requests = rig.network.request_count;
    rig_close(&rig);
    return requests;
}

static void test_the_budget_of_retries(void **unused)
{
    (void)unused;
    int64_t refused;
    assert_int_equal(requests_of(BUDGETED(""), 6, &refused), 24); /* 18 of the 20 in stock: a small program never notices */
    assert_int_equal(refused, 0);
    /* 100 calls: the stock of 20 and a fifth for each first attempt after it was touched. */
    assert_int_equal(requests_of(BUDGETED(""), 100, &refused), 100 + 20 + 19);
    assert_true(refused > 80);
    assert_int_equal(requests_of(BUDGETED(",\"retry_budget\":0.5"), 50, &refused), 50 + 20 + 24);
    assert_int_equal(requests_of(BUDGETED(",\"retry_budget\":1"), 40, &refused), 40 + 20 + 39);
    assert_int_equal(requests_of(BUDGETED(",\"retry_budget\":0"), 50, &refused), 200); /* not counted */
    assert_int_equal(refused, 0);
}

static void test_the_stock_is_filled_again(void **unused)
{
    (void)unused;
    engine_rig rig;
    llmcost_response *response;
    rig_open(&rig, BUDGETED(""));
    fake_network_fails(&rig.network, "bad", 500, "server_error");
    fake_network_says(&rig.network, "good", "hi", 10, 5);
    for (int round = 0; round < 2; round++) {
        size_t before = rig.network.request_count;
        for (int i = 0; i < 10; i++) {
            assert_int_equal(llmcost_ask(rig.client, "openai/gpt-4o", "bad", &response), LLMCOST_E_SERVER);
            llmcost_response_free(response);
        }
        assert_in_range(rig.network.request_count - before, 10 + 20 + 1, 10 + 20 + 2);
        for (int i = 0; i < 300 && rig.network.request_count < FAKE_MAX_REQUESTS; i++) { /* never above what it holds */
            assert_int_equal(llmcost_ask(rig.client, "openai/gpt-4o", "good", &response), LLMCOST_OK);
            llmcost_response_free(response);
        }
        assert_in_range(*rig.client->settings->providers[0].retry_stock, 0, LLMC_RETRY_STOCK);
    }
    rig_close(&rig);
}

/* What the breaker would refuse is not tried: the error is the provider's. */
static void test_the_breaker_ends_the_tries(void **unused)
{
    (void)unused;
    engine_rig rig;
    llmcost_response *response;
    rig_open(&rig, "{\"breaker\":{\"min_calls\":2},\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":5}}}");
    fake_network_fails(&rig.network, NULL, 500, "server_error");
    assert_int_equal(llmcost_ask(rig.client, "openai/gpt-4o", "hello", &response), LLMCOST_E_SERVER);
    assert_int_equal(llmcost_response_line_count(response), 2);
    llmcost_response_free(response);
    rig_close(&rig);

    rig_open(&rig, "{\"breaker\":{\"min_calls\":2,\"open_ms\":1000},\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":5}}}");
    fake_network_fails(&rig.network, NULL, 503, "overloaded")->headers[1] = "Retry-After: 3";
    rig.network.exchanges[0].times = 2;
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    assert_int_equal(llmcost_ask(rig.client, "openai/gpt-4o", "hello", &response), LLMCOST_OK); /* the wait ends when the breaker lets a probe in */
    assert_int_equal(fake_clock_ms(&rig.clock), 6000);
    llmcost_response_free(response);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_tried_again),
        cmocka_unit_test(test_the_provider_says_whether), cmocka_unit_test(test_a_budget_refusal_is_not),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_retry_after_counts_over_our_delay),
        cmocka_unit_test(test_a_wait_that_does_not_fit_the_deadline),
        cmocka_unit_test(test_cancelled_in_the_wait),
        cmocka_unit_test(test_each_try_is_paid),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_no_other_try_behind_a_finish),
        cmocka_unit_test(test_a_second_try_is_sized_up_anew),
        cmocka_unit_test(test_forms_of_a_wait),
        cmocka_unit_test(test_the_longest_wait),
        cmocka_unit_test(test_the_budget_of_retries),
        cmocka_unit_test(test_the_stock_is_filled_again),
        cmocka_unit_test(test_the_breaker_ends_the_tries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
