/* A fee per call: no provider counts it, so the bill must. */
#include <llmcost/mock.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { FEE_NANO = 5000000 };

static llmcost_mock *mock;

/* 1 and 2 dollars per million tokens and half a cent per call; each question is 10 tokens, each answer 4. */
static llmcost_client *open_client(const char *more)
{
    char config[2000];
    snprintf(config, sizeof config,
             "{\"providers\": {\"search\": {\"base_url\": \"%s/v1\", \"catalog\": \"search\", \"free\": false, \"retries\": 0}},"
             " \"prices\": {\"llmcost_prices\": 1, \"unit\": \"per_million_tokens\", \"currency\": \"USD\", \"models\": {"
             "   \"search/small\": {\"input\": 1, \"output\": 2, \"per_request\": 0.005}, \"search/plain\": {\"input\": 1, \"output\": 2}}}%s}",
             llmcost_mock_url(mock), more);
    llmcost_client *client = NULL;
    llmcost_error *error = NULL;
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    options.error = &error;
    if (llmcost_client_open(&client, config, &options))
        fail_msg("%s", llmcost_error_message(error));
    return client;
}

static void answer_is_charged_once(void **state)
{
    (void)state;
    llmcost_client *client = open_client("");
    llmcost_response *response = NULL;
    int64_t count = -1;
    assert_int_equal(llmcost_ask(client, "search/small", "Who?", &response), LLMCOST_OK);
    assert_int_equal(llmcost_response_cost_nano(response), 10 * 1000 + 4 * 2000 + FEE_NANO);
    assert_int_equal(llmcost_response_tokens(response, LLMCOST_REQUEST), 1);
    assert_int_equal(llmcost_response_line_number(response, 0, "tokens_request", &count), 1);
    assert_int_equal(count, 1);
    assert_non_null(strstr(llmcost_response_receipt(response), "{\"class\":\"request\",\"quantity\":1,\"rate_pico\":5000000000,\"currency\":\"USD\"}"));
    assert_int_equal(llmcost_response_saved_nano(response), 0);
    llmcost_response_free(response);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
}

static void model_without_a_fee_has_no_such_figure(void **state)
{
    (void)state;
    llmcost_client *client = open_client("");
    llmcost_response *response = NULL;
    assert_int_equal(llmcost_ask(client, "search/plain", "Who?", &response), LLMCOST_OK);
    assert_int_equal(llmcost_response_cost_nano(response), 10 * 1000 + 4 * 2000);
    assert_int_equal(llmcost_response_tokens(response, LLMCOST_REQUEST), -1);
    llmcost_response_free(response);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
}

static void refused_call_is_free(void **state)
{
    (void)state;
    llmcost_client *client = open_client("");
    llmcost_response *response = NULL;
    assert_int_equal(llmcost_ask(client, "search/small", "Refuse this.", &response), LLMCOST_E_INVALID_REQUEST);
    assert_int_equal(llmcost_response_cost_nano(response), 0);
    llmcost_response_free(response);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
}

static void cached_answer_saves_the_fee(void **state)
{
    (void)state;
    llmcost_client *client = open_client(", \"cache\": {\"memory\": {}, \"sampled\": true}");
    llmcost_response *response = NULL;
    assert_int_equal(llmcost_ask(client, "search/small", "Who?", &response), LLMCOST_OK);
    llmcost_response_free(response);
    assert_int_equal(llmcost_ask(client, "search/small", "Who?", &response), LLMCOST_OK);
    assert_int_equal(llmcost_response_from_cache(response), 1);
    assert_int_equal(llmcost_response_cost_nano(response), 0);
    assert_int_equal(llmcost_response_saved_nano(response), 10 * 1000 + 4 * 2000 + FEE_NANO);
    llmcost_response_free(response);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
}

static void budget_counts_the_fee(void **state)
{
    (void)state;
    llmcost_client *client = open_client(", \"default_max_tokens\": 100, \"budgets\": [{\"name\": \"cent\", \"limit\": \"0.011 USD\"}]");
    llmcost_response *response = NULL;
    for (int i = 0; i < 3; i++) {
        llmcost_status status = llmcost_ask(client, "search/small", "Who?", &response);
        assert_int_equal(status, i < 2 ? LLMCOST_OK : LLMCOST_E_BUDGET);
        llmcost_response_free(response);
    }
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
}

static int start(void **state)
{
    (void)state;
    return llmcost_mock_start(&mock,
                              "{\"rules\": [{\"match\": {\"contains\": \"Refuse\"}, \"fault\": {\"status\": 400}}],"
                              " \"default\": {\"reply\": {\"text\": \"Somebody.\", \"usage\": {\"prompt\": 10, \"completion\": 4}}}}",
                              NULL);
}

static int stop(void **state)
{
    (void)state;
    return llmcost_mock_stop(mock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_is_charged_once), cmocka_unit_test(model_without_a_fee_has_no_such_figure), cmocka_unit_test(refused_call_is_free),
        cmocka_unit_test(cached_answer_saves_the_fee), cmocka_unit_test(budget_counts_the_fee),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
