/* Vectors over real HTTP: batches of a small host, faults of the network, and many threads with one client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/counting_memory.h"

#include <llmcost/llmcost.h>
#include <llmcost/mock.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PER_REQUEST = 10, TEXTS = 95, THREADS = 4 }; /* Qwen's host takes ten at a time */

/* What the mock says to any batch of ten: vectors in reverse order, each its place and the number of texts. */
static void vectors(char *out, int count)
{
    out += sprintf(out, "{\\\"data\\\":[");
    for (int i = count - 1; i >= 0; i--)
        out += sprintf(out, "%s{\\\"index\\\":%d,\\\"embedding\\\":[%d,%d]}", i == count - 1 ? "" : ",", i, i, count);
    sprintf(out, "],\\\"model\\\":\\\"text-embedding-v4\\\",\\\"usage\\\":{\\\"prompt_tokens\\\":%d,\\\"total_tokens\\\":%d}}", count * 3, count * 3);
}

typedef struct server {
    counting_memory memory;
    llmcost_mock *mock;
    llmcost_client *client;
} server;

/* before: rules that come first, each with a comma behind it. */
static void open_server(server *self, int count, const char *before, const char *settings)
{
    char body[4000], script[6000], config[1000];
    vectors(body, count);
    snprintf(script, sizeof script, "{\"rules\":[%s{\"match\":{\"path\":\"/v1/embeddings\"},\"reply\":{\"raw\":{\"status\":200,\"content_type\":\"application/json\",\"body\":\"%s\"}}}]}", before, body);
    assert_int_equal(llmcost_mock_start(&self->mock, script, NULL), LLMCOST_OK);
    snprintf(config, sizeof config, "{\"providers\":{\"dashscope\":{\"key\":\"none\",\"base_url\":\"%s/v1\",\"retries\":3}},\"exchange_rates\":{\"CNY\":{\"rate\":0.14,\"date\":\"2026-08-01\"}}%s}",
             llmcost_mock_url(self->mock), settings);
    counting_memory_init(&self->memory);
    llmcost_error *error = NULL;
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    options.allocator = &self->memory.allocator;
    options.error = &error;
    if (llmcost_client_open(&self->client, config, &options))
        fail_msg("%s", llmcost_error_message(error));
}

static void close_server(server *self)
{
    assert_int_equal(llmcost_client_close(self->client), LLMCOST_OK);
    assert_int_equal(self->memory.blocks, 0);
    llmcost_mock_stop(self->mock);
}

static llmcost_status embed(llmcost_client *client, uint32_t count, int32_t deadline_ms, llmcost_response **out)
{
    static const char *const words[] = { "one", "two", "three", "four" };
    const char *inputs[TEXTS];
    for (uint32_t i = 0; i < count; i++)
        inputs[i] = words[i % 4];
    llmcost_request request = LLMCOST_REQUEST_INIT;
    request.model = "dashscope/text-embedding-v4";
    request.inputs = inputs;
    request.input_count = count;
    request.deadline_ms = deadline_ms;
    return llmcost_embed(client, &request, out);
}

static void check_vectors(const llmcost_response *response, uint32_t count)
{
    assert_int_equal(llmcost_response_embedding_count(response), count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t dimensions;
        const float *vector = llmcost_response_embedding(response, i, &dimensions);
        assert_int_equal(dimensions, 2);
        assert_true(vector[0] == (float)(i % PER_REQUEST) && vector[1] == (float)PER_REQUEST);
    }
}

static void test_batches(void **state)
{
    (void)state;
    server with;
    llmcost_response *response;
    open_server(&with, PER_REQUEST, "", ",\"cache\":{\"memory\":{}}");
    for (int time = 0; time < 2; time++) {
        assert_int_equal(embed(with.client, 90, 0, &response), LLMCOST_OK);
        check_vectors(response, 90);
        assert_int_equal(llmcost_response_from_cache(response), time);
        assert_int_equal(llmcost_response_line_count(response), time ? 1 : 9);
        assert_int_equal(llmcost_mock_request_count(with.mock), 9);
        if (!time)
            assert_int_equal(llmcost_response_tokens(response, LLMCOST_INPUT), 270);
        llmcost_response_free(response);
    }
    close_server(&with);
}

/* Five texts are left over, for which ten vectors come. */
static void test_a_host_that_says_too_much(void **state)
{
    (void)state;
    server with;
    llmcost_response *response;
    open_server(&with, PER_REQUEST, "", "");
    assert_int_equal(embed(with.client, TEXTS, 0, &response), LLMCOST_E_MALFORMED);
    assert_int_equal(llmcost_response_embedding_count(response), 0);
    assert_true(llmcost_response_cost_nano(response) > 0);
    llmcost_response_free(response);
    close_server(&with);
}

static void test_faults_pass(void **state)
{
    (void)state;
    static const char *const faults[] = { "{\"reset\":true}", "{\"status\":503}", "{\"status\":429,\"retry_after_ms\":\"1\"}", "{\"close_before_reply\":true}" };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        server with;
        llmcost_response *response;
        char rule[300];
        snprintf(rule, sizeof rule, "{\"match\":{\"path\":\"/v1/embeddings\"},\"times\":2,\"fault\":%s},", faults[i]);
        open_server(&with, PER_REQUEST, rule, "");
        llmcost_status status = embed(with.client, 40, 0, &response);
        if (status)
            fail_msg("%s: %s", faults[i], llmcost_error_message(llmcost_response_error(response)));
        check_vectors(response, 40);
        assert_int_equal(llmcost_response_line_count(response), 6);
        llmcost_response_free(response);
        close_server(&with);
    }
}

static void test_a_silent_host(void **state)
{
    (void)state;
    server with;
    llmcost_response *response;
    open_server(&with, PER_REQUEST, "{\"match\":{\"path\":\"/v1/embeddings\"},\"times\":1,\"fault\":{\"silent\":true}},", "");
    assert_int_equal(embed(with.client, 40, 400, &response), LLMCOST_E_DEADLINE);
    assert_int_equal(llmcost_response_embedding_count(response), 0);
    llmcost_response_free(response);
    close_server(&with);
}

static void *many_times(void *user)
{
    server *with = user;
    for (int i = 0; i < 5; i++) {
        llmcost_response *response = NULL;
        if (embed(with->client, 50, 0, &response) != LLMCOST_OK || llmcost_response_embedding_count(response) != 50)
            return (void *)"a call failed";
        llmcost_response_free(response);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    server with;
    pthread_t threads[THREADS];
    open_server(&with, PER_REQUEST, "", ",\"budgets\":[{\"limit\":\"1 USD\"}]");
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, many_times, &with), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failure;
        pthread_join(threads[i], &failure);
        assert_null(failure);
    }
    char *budgets;
    assert_int_equal(llmcost_budgets(with.client, &budgets), LLMCOST_OK);
    assert_non_null(strstr(budgets, "\"held_nano\":0"));
    /* 20 calls of five times 30 tokens at 0.5 CNY per million and 0.14 USD per CNY, each rounded on its own. */
    assert_non_null(strstr(budgets, "\"spent_nano\":210000"));
    llmcost_string_free(budgets);
    close_server(&with);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches), cmocka_unit_test(test_a_host_that_says_too_much), cmocka_unit_test(test_faults_pass),
        cmocka_unit_test(test_a_silent_host), cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
