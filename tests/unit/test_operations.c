/* What there is around a call: counting tokens, the balance of an account, and the limits that an answer's headers tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../support/engine_rig.h"
#include "call/call.h"

#define CONFIG "{\"providers\":{\"google\":{\"key\":\"k\",\"retries\":1},\"openai\":{\"key\":\"k\",\"retries\":1},\"cohere\":{\"key\":\"k\"}," \
               "\"deepseek\":{\"key\":\"k\"},\"kimi\":{\"preset\":\"moonshot-cn\",\"key\":\"k\"}}," \
               "\"routes\":{\"r\":{\"cascade\":[\"google/gemini-2.5-flash\",\"google/gemini-2.5-pro\"]}},\"cache\":{\"memory\":{},\"sampled\":true}," \
               "\"exchange_rates\":{\"CNY\":{\"rate\":0.14,\"date\":\"2026-08-01\"}},\"budgets\":[{\"limit\":\"0.0000001 USD\"}]}"

static fake_exchange *says(engine_rig *rig, const char *body)
{
    fake_exchange *exchange = fake_network_add(&rig->network, NULL);
    fake_exchange_piece(exchange, 0, body, strlen(body));
    return exchange;
}

static const char *message_of(const llmcost_response *response)
{
    return llmcost_error_message(llmcost_response_error(response));
}

/* ---- counting ---- */

static void test_a_count(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    int64_t tokens = 5;
    llmcost_response *response;
    rig_open(&rig, CONFIG);
    says(&rig, "{\"totalTokens\":31}");
    /* The budget has no room for anything: a count costs nothing. */
    assert_int_equal(llmcost_count_tokens(rig.client, rig_ask(&space, "google/gemini-2.5-flash", "hello"), &tokens, &response), LLMCOST_OK);
    assert_int_equal(tokens, 31);
    assert_non_null(strstr(rig.network.requests[0].url, ":countTokens"));
    assert_int_equal(llmcost_response_cost_nano(response), 0);
    assert_int_equal(llmcost_response_saved_nano(response), 0);
    assert_int_equal(llmcost_response_tokens(response, LLMCOST_INPUT), -1);
    assert_int_equal(llmcost_response_line_count(response), 1);
    assert_null(response->receipt.baseline);
    llmcost_response_free(response);
    /* Not kept, and the response is not needed. */
    assert_int_equal(llmcost_count_tokens(rig.client, &space.request, &tokens, NULL), LLMCOST_OK);
    assert_int_equal(rig.network.request_count, 2);
    char *report;
    assert_int_equal(llmcost_report(rig.client, "json", &report), LLMCOST_OK);
    assert_null(strstr(report, "gemini"));
    llmcost_string_free(report);
    rig_close(&rig);
}

static void test_a_count_of_a_body(void **unused)
{
    (void)unused;
    engine_rig rig;
    int64_t tokens;
    rig_open(&rig, CONFIG);
    says(&rig, "{\"totalTokens\":7}");
    static const char body[] = "{\"model\":\"google/gemini-2.5-flash\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
    assert_int_equal(llmcost_count_tokens_json(rig.client, body, 0, &tokens, NULL), LLMCOST_OK);
    assert_int_equal(tokens, 7);
    assert_int_equal(llmcost_count_tokens_json(rig.client, "{}", 0, &tokens, NULL), LLMCOST_E_INVALID);
    assert_int_equal(tokens, 0);
    assert_int_equal(llmcost_count_tokens_json(rig.client, NULL, 0, &tokens, NULL), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_count_tokens_json(rig.client, body, 0, NULL, NULL), LLMCOST_E_MISUSE);
    rig_close(&rig);
}

static void test_counts_that_cannot_be(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    int64_t tokens = 5;
    llmcost_response *response;
    rig_open(&rig, CONFIG);
    assert_int_equal(llmcost_count_tokens(rig.client, rig_ask(&space, "cohere/command-a", "hello"), &tokens, &response), LLMCOST_E_UNSUPPORTED);
    assert_int_equal(tokens, 0);
    assert_non_null(strstr(message_of(response), "\"cohere\" has no operation count_tokens"));
    assert_non_null(strstr(message_of(response), "estimate"));
    llmcost_response_free(response);
    assert_int_equal(llmcost_count_tokens(rig.client, rig_ask(&space, "r", "hello"), &tokens, &response), LLMCOST_E_UNSUPPORTED);
    assert_non_null(strstr(message_of(response), "route of several models"));
    llmcost_response_free(response);
    assert_int_equal(rig.network.request_count, 0);
    says(&rig, "{\"error\":{\"code\":400,\"message\":\"no\",\"status\":\"INVALID_ARGUMENT\"}}")->http_status = 400;
    assert_int_equal(llmcost_count_tokens(rig.client, rig_ask(&space, "google/gemini-2.5-flash", "hello"), &tokens, &response), LLMCOST_E_INVALID_REQUEST);
    assert_int_equal(tokens, 0);
    llmcost_response_free(response);
    response = (llmcost_response *)&space;
    assert_int_equal(llmcost_count_tokens(rig.client, NULL, &tokens, &response), LLMCOST_E_MISUSE);
    assert_null(response);
    assert_int_equal(llmcost_count_tokens(rig.client, &space.request, NULL, &response), LLMCOST_E_MISUSE);
    rig_close(&rig);
}

/* ---- balances ---- */

static void test_a_balance(void **unused)
{
    (void)unused;
    engine_rig rig;
    llmcost_response *response;
    const char *currency = NULL;
    if (!llmc_codec_openai.has_operation(LLMC_OP_BALANCE)) {
        print_message("no codec here reads balances\n");
        skip();
    }
    rig_open(&rig, CONFIG);
    says(&rig, "{\"balance_infos\":[{\"currency\":\"CNY\",\"total_balance\":\"110.05\"},{\"currency\":\"USD\",\"total_balance\":\"-0.000001\"}]}")->times = 1;
    assert_int_equal(llmcost_balance(rig.client, "deepseek", &response), LLMCOST_OK);
    assert_int_equal(llmcost_response_balance_count(response), 2);
    assert_string_equal(llmcost_response_balance(response, 0, &currency), "110.05");
    assert_string_equal(currency, "CNY");
    assert_string_equal(llmcost_response_balance(response, 1, &currency), "-0.000001");
    assert_string_equal(currency, "USD");
    assert_null(llmcost_response_balance(response, 2, &currency));
    assert_string_equal(currency, "");
    assert_int_equal(llmcost_response_cost_nano(response), 0);
    llmcost_response_free(response);
    /* A host that names no currency means its own. */
    says(&rig, "{\"code\":0,\"data\":{\"available_balance\":49.58894,\"voucher_balance\":46.58893}}");
    assert_int_equal(llmcost_balance(rig.client, "kimi", &response), LLMCOST_OK);
    assert_string_equal(llmcost_response_balance(response, 0, &currency), "49.58894");
    assert_string_equal(currency, "CNY");
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_balances_that_nobody_tells(void **unused)
{
    (void)unused;
    engine_rig rig;
    llmcost_response *response = (llmcost_response *)&rig;
    rig_open(&rig, CONFIG);
    static const char *const providers[] = { "openai", "google", "cohere" };
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(llmcost_balance(rig.client, providers[i], &response), LLMCOST_E_UNSUPPORTED);
        assert_non_null(strstr(message_of(response), providers[i]));
        llmcost_response_free(response);
    }
    assert_int_equal(llmcost_balance(rig.client, "nobody", &response), LLMCOST_E_UNKNOWN_MODEL);
    llmcost_response_free(response);
    assert_int_equal(llmcost_balance(rig.client, NULL, &response), LLMCOST_E_MISUSE);
    assert_null(response);
    assert_int_equal(llmcost_balance(rig.client, "openai", NULL), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_balance(NULL, "openai", &response), LLMCOST_E_MISUSE);
    assert_int_equal(rig.network.request_count, 0);
    rig_close(&rig);
}

/* ---- limits ---- */

static void check_limit(const llmcost_response *response, llmcost_limit kind, int64_t limit, int64_t remaining, int64_t reset_ms)
{
    int64_t told[3] = { 9, 9, 9 };
    int any = llmcost_response_rate_limit(response, kind, &told[0], &told[1], &told[2]);
    assert_int_equal(told[0], limit);
    assert_int_equal(told[1], remaining);
    assert_int_equal(told[2], reset_ms);
    assert_int_equal(any, limit >= 0 || remaining >= 0 || reset_ms >= 0);
    assert_int_equal(llmcost_response_rate_limit(response, kind, NULL, NULL, NULL), any);
}

#define NO_BUDGET "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":1}},\"cache\":{\"memory\":{},\"sampled\":true}}"

static void test_limits_of_an_answer(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, NO_BUDGET);
    fake_exchange *exchange = fake_network_says(&rig.network, NULL, "hi", 10, 5);
    exchange->headers[0] = "X-RateLimit-Limit-Requests: 5000";
    exchange->headers[1] = "x-ratelimit-remaining-requests: 4999";
    exchange->headers[2] = "x-ratelimit-reset-tokens: 120ms";
    exchange->headers[3] = "x-ratelimit-remaining-tokens: soon";
    assert_int_equal(llmcost_chat(rig.client, rig_ask(&space, "openai/gpt-4o", "hello"), &response), LLMCOST_OK);
    check_limit(response, LLMCOST_LIMIT_REQUESTS, 5000, 4999, -1);
    check_limit(response, LLMCOST_LIMIT_TOKENS, -1, -1, 120);
    check_limit(response, LLMCOST_LIMIT_INPUT_TOKENS, -1, -1, -1);
    check_limit(response, LLMCOST_LIMIT_OUTPUT_TOKENS, -1, -1, -1);
    check_limit(response, LLMCOST_LIMIT_COUNT, -1, -1, -1);
    check_limit(response, (llmcost_limit)-1, -1, -1, -1);
    llmcost_response_free(response);
    assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_OK);
    assert_int_equal(llmcost_response_from_cache(response), 1);
    check_limit(response, LLMCOST_LIMIT_REQUESTS, -1, -1, -1); /* nobody was asked */
    llmcost_response_free(response);
    check_limit(NULL, LLMCOST_LIMIT_REQUESTS, -1, -1, -1);
    rig_close(&rig);
}

static void test_limits_of_a_failure(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, NO_BUDGET);
    for (int i = 0; i < 2; i++) {
        fake_exchange *exchange = fake_network_fails(&rig.network, NULL, 429, "rate_limit_exceeded");
        exchange->headers[0] = i ? "x-ratelimit-remaining-tokens: 0" : "x-ratelimit-remaining-tokens: 7";
        exchange->headers[1] = "retry-after-ms: 5";
        exchange->times = 1;
    }
    assert_int_equal(llmcost_chat(rig.client, rig_ask(&space, "openai/gpt-4o", "hello"), &response), LLMCOST_E_RATE_LIMITED);
    check_limit(response, LLMCOST_LIMIT_TOKENS, -1, 0, -1); /* of the second try */
    assert_int_equal(llmcost_error_retry_after_ms(llmcost_response_error(response)), 5);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_names_of_limits(void **unused)
{
    (void)unused;
    enum { WALL_MS = 1795258830 };
    static const struct {
        const char *name, *value;
        llmcost_limit kind;
        int64_t limit, remaining, reset_ms;
    } rows[] = {
        { "x-ratelimit-limit-requests", "10", LLMCOST_LIMIT_REQUESTS, 10, -1, -1 },
        { "X-RATELIMIT-REMAINING-TOKENS", "149984", LLMCOST_LIMIT_TOKENS, -1, 149984, -1 },
        { "x-ratelimit-reset-requests", "6m0s", LLMCOST_LIMIT_REQUESTS, -1, -1, 360000 },
        { "x-ratelimit-reset-tokens", "17", LLMCOST_LIMIT_TOKENS, -1, -1, 17000 },
        { "x-ratelimit-limit", "60", LLMCOST_LIMIT_REQUESTS, 60, -1, -1 },
        { "x-ratelimit-remaining", "59", LLMCOST_LIMIT_REQUESTS, -1, 59, -1 },
        { "x-ratelimit-reset", "1795258835", LLMCOST_LIMIT_REQUESTS, -1, -1, 5000 },
        { "anthropic-ratelimit-requests-limit", "50", LLMCOST_LIMIT_REQUESTS, 50, -1, -1 },
        { "anthropic-ratelimit-tokens-remaining", "0", LLMCOST_LIMIT_TOKENS, -1, 0, -1 },
        { "anthropic-ratelimit-input-tokens-remaining", "39000", LLMCOST_LIMIT_INPUT_TOKENS, -1, 39000, -1 },
        { "Anthropic-RateLimit-Output-Tokens-Reset", "2026-11-21T11:00:36Z", LLMCOST_LIMIT_OUTPUT_TOKENS, -1, -1, 6000 },
        { "x-ratelimit-limit-requests-day", "10", LLMCOST_LIMIT_REQUESTS, -1, -1, -1 },
        { "x-ratelimit-limit-request", "10", LLMCOST_LIMIT_REQUESTS, -1, -1, -1 },
        { "x-ratelimit-limit-", "10", LLMCOST_LIMIT_REQUESTS, -1, -1, -1 },
        { "x-ratelimit-", "10", LLMCOST_LIMIT_REQUESTS, -1, -1, -1 },
        { "anthropic-ratelimit-", "10", LLMCOST_LIMIT_REQUESTS, -1, -1, -1 },
        { "x-ratelimit-limit-requests", "-1", LLMCOST_LIMIT_REQUESTS, -1, -1, -1 },
        { "x-ratelimit-limit-requests", "", LLMCOST_LIMIT_REQUESTS, -1, -1, -1 },
        { "x-ratelimit-limit-requests", "99999999999999999999", LLMCOST_LIMIT_REQUESTS, -1, -1, -1 },
        { "x-ratelimit-reset-requests", "later", LLMCOST_LIMIT_REQUESTS, -1, -1, -1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        llmc_rate_limits limits;
        llmc_rate_limits_init(&limits);
        assert_true(llmc_is_limit_header(rows[i].name));
        llmc_decode_limit_header(&limits, rows[i].name, rows[i].value, (int64_t)WALL_MS * 1000);
        for (int k = 0; k < LLMCOST_LIMIT_COUNT; k++) {
            bool same = k == (int)rows[i].kind;
            if (limits.of[k].limit != (same ? rows[i].limit : -1) || limits.of[k].remaining != (same ? rows[i].remaining : -1) || limits.of[k].reset_ms != (same ? rows[i].reset_ms : -1))
                fail_msg("%s: %s: %lld %lld %lld", rows[i].name, rows[i].value, (long long)limits.of[k].limit, (long long)limits.of[k].remaining, (long long)limits.of[k].reset_ms);
        }
    }
    static const char *const others[] = { "", "x", "x-request-id", "anthropic-version", "ratelimit-limit", "retry-after" };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(llmc_is_limit_header(others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_count),
        cmocka_unit_test(test_a_count_of_a_body),
        cmocka_unit_test(test_counts_that_cannot_be),
        cmocka_unit_test(test_a_balance),
        cmocka_unit_test(test_balances_that_nobody_tells),
        cmocka_unit_test(test_limits_of_an_answer),
        cmocka_unit_test(test_limits_of_a_failure),
        cmocka_unit_test(test_names_of_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
