/* Another try: when there is one, how long it waits, and what each costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../support/engine_rig.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_tried_again),
        cmocka_unit_test(test_a_budget_refusal_is_not),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_retry_after_counts_over_our_delay),
        cmocka_unit_test(test_a_wait_that_does_not_fit_the_deadline),
        cmocka_unit_test(test_cancelled_in_the_wait),
        cmocka_unit_test(test_each_try_is_paid),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_a_second_try_is_sized_up_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
