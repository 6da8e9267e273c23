/* Choices over real HTTP: labels of a model, and a local server that lives, is slow or is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <llmcost/mock.h>

#define CLOUD_SCRIPT "{\"rules\":[{\"match\":{\"contains\":\"The request:\\nhard\"},\"reply\":{\"text\":\"Label: Complex\",\"usage\":{\"prompt\":100,\"completion\":2}}}," \
                     "{\"match\":{\"contains\":\"The request:\"},\"reply\":{\"text\":\"simple\",\"usage\":{\"prompt\":100,\"completion\":2}}}," \
                     "{\"match\":{\"model\":\"gpt-4o-mini\"},\"reply\":{\"text\":\"small\"}}],\"default\":{\"reply\":{\"text\":\"large\"}}}"
#define ROUTES "\"routes\":{\"first\":{\"choose\":[{\"when\":{\"healthy\":\"local/qwen2.5:7b\",\"label\":[\"simple\",\"medium\"]},\"use\":{\"fallback\":[\"local/qwen2.5:7b\",\"openai/gpt-4o-mini\"]}}," \
               "{\"use\":\"openai/gpt-4o-mini\"}],\"label_with\":\"local\"}," \
               "\"auto\":{\"choose\":[{\"when\":{\"label\":\"complex\"},\"use\":\"openai/gpt-4o\"},{\"use\":\"openai/gpt-4o-mini\"}],\"label_with\":\"openai/gpt-4o-mini\"}}"

typedef struct rig {
    llmcost_mock *cloud, *local;
    llmcost_client *client;
} rig;

/* local: the script of the local server; NULL: nobody listens there. */
static void rig_open(rig *self, const char *local)
{
    char config[3000], address[100];
    llmcost_error *error = NULL;
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    options.error = &error;
    *self = (rig){ 0 };
    assert_int_equal(llmcost_mock_start(&self->cloud, CLOUD_SCRIPT, NULL), LLMCOST_OK);
    assert_int_equal(llmcost_mock_start(&self->local, local ? local : "{}", NULL), LLMCOST_OK);
    snprintf(address, sizeof address, "%s", llmcost_mock_url(self->local));
    if (!local) {
        llmcost_mock_stop(self->local);
        self->local = NULL;
    }
    snprintf(config, sizeof config, "{\"providers\":{\"openai\":{\"base_url\":\"%s/v1\",\"key\":\"k\",\"retries\":0},\"local\":{\"preset\":\"vllm\",\"base_url\":\"%s/v1\",\"retries\":0}}," ROUTES "}",
             llmcost_mock_url(self->cloud), address);
    if (llmcost_client_open(&self->client, config, &options) != LLMCOST_OK)
        fail_msg("%s", llmcost_error_message(error));
}

static void rig_close(rig *self)
{
    assert_int_equal(llmcost_client_close(self->client), LLMCOST_OK);
    llmcost_mock_stop(self->cloud);
    llmcost_mock_stop(self->local);
}

static void expect(rig *self, const char *model, const char *question, const char *text, const char *why)
{
    llmcost_response *answer;
    assert_int_equal(llmcost_ask(self->client, model, question, &answer), LLMCOST_OK);
    assert_string_equal(llmcost_response_text(answer), text);
    if (!strstr(llmcost_response_receipt(answer), why))
        fail_msg("\"%s\" is not in %s", why, llmcost_response_receipt(answer));
    llmcost_response_free(answer);
}

static void test_labels(void **state)
{
    (void)state;
    rig self;
    rig_open(&self, NULL);
    expect(&self, "auto", "hard", "large", "label complex (openai/gpt-4o-mini)");
    expect(&self, "auto", "easy", "small", "by default, label simple (openai/gpt-4o-mini)");
    llmcost_response *answer;
    assert_int_equal(llmcost_ask(self.client, "auto", "hard", &answer), LLMCOST_OK);
    int64_t sum = 0, cost;
    assert_int_equal(llmcost_response_line_count(answer), 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(llmcost_response_line_number(answer, i, "cost_nano", &cost), 1);
        sum += cost;
    }
    assert_int_equal(sum, llmcost_response_cost_nano(answer));
    llmcost_response_free(answer);
    rig_close(&self);
}

static void test_a_live_local_server(void **state)
{
    (void)state;
    rig self;
    rig_open(&self, "{\"default\":{\"reply\":{\"text\":\"local\"}}}");
    expect(&self, "first", "hi", "local", "local/qwen2.5:7b is healthy, label simple");
    expect(&self, "first", "First prove the theorem, then derive the equation, explain why, compare both. ```x```", "small", "by default, label complex");
    assert_int_equal(llmcost_mock_request_count(self.cloud), 1);
    rig_close(&self);
}

static void test_a_slow_local_server(void **state)
{
    (void)state;
    rig self;
    rig_open(&self, "{\"rules\":[{\"match\":{\"path\":\"*/models\"},\"delay_ms\":60000}],\"default\":{\"reply\":{\"text\":\"local\"}}}");
    expect(&self, "first", "hi", "small", "\"to\":\"openai/gpt-4o-mini\",\"why\":\"by default");
    rig_close(&self);
}

static void test_a_dead_local_server(void **state)
{
    (void)state;
    rig self;
    rig_open(&self, NULL);
    expect(&self, "first", "hi", "small", "\"to\":\"openai/gpt-4o-mini\",\"why\":\"by default");
    rig_close(&self);
}

/* The check is answered, the call is not: the fallback of the same entry. */
static void test_a_local_server_that_fails(void **state)
{
    (void)state;
    rig self;
    rig_open(&self, "{\"rules\":[{\"match\":{\"contains\":\"hi\"},\"fault\":{\"status\":500}}],\"default\":{\"reply\":{\"text\":\"local\"}}}");
    expect(&self, "first", "hi", "small", "local/qwen2.5:7b is healthy");
    expect(&self, "first", "hi", "small", "by default");
    rig_close(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels), cmocka_unit_test(test_a_live_local_server), cmocka_unit_test(test_a_slow_local_server), cmocka_unit_test(test_a_dead_local_server),
        cmocka_unit_test(test_a_local_server_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
