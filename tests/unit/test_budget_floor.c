/* Below what the target's format needs a budget refuses, as below its own floor: nobody is sent a length that is no length there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "../support/engine_rig.h"
#include "policy/extra_cost.h"

#define PROVIDERS "\"providers\":{\"anthropic\":{\"key\":\"k\"},\"openai\":{\"key\":\"k\"},\"openai-responses\":{\"key\":\"k\",\"retries\":0}}"
#define ROUTES "\"routes\":{\"chat\":{\"fallback\":[\"anthropic/claude-sonnet-4-5\",\"openai/gpt-4o-mini\"]}}"
#define CLAUDE "anthropic/claude-sonnet-4-5"

typedef struct asked {
    const char *config, *model, *extra;
    int32_t effort;
    int64_t max_tokens;
} asked;

static void open_and_ask(engine_rig *rig, rig_request *space, const asked *ask)
{
    static const char claude[] = "{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}],"
                                 "\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":10,\"output_tokens\":5}}";
    rig_open(rig, ask->config);
    fake_exchange_piece(fake_network_add(&rig->network, "claude"), 0, claude, sizeof claude - 1);
    fake_network_says(&rig->network, "mini", "hi", 10, 5);
    llmcost_request *request = rig_ask(space, ask->model, "hello");
    request->effort = ask->effort;
    request->extra = ask->extra;
    request->max_tokens = ask->max_tokens;
}

/* The call's status is what explain() foresaw. Returns what was sent as max_tokens or the like; 0: nothing. */
static int64_t sent(const asked *ask, llmcost_status expected, const char *message)
{
    engine_rig rig;
    rig_request space;
    llmcost_response *response = NULL;
    char *explained = NULL;
    open_and_ask(&rig, &space, ask);
    assert_int_equal(llmcost_explain(rig.client, &space.request, &explained), LLMCOST_OK);
    json_t *tree = json_loads(explained, 0, NULL);
    llmcost_status status = llmcost_chat(rig.client, &space.request, &response);
    const char *text = llmcost_error_message(llmcost_response_error(response));
    if (status != expected)
        print_error("%s\n%s\n", text, explained);
    assert_int_equal(status, expected);
    assert_string_equal(json_string_value(json_object_get(tree, "status")), llmcost_status_name(expected));
    assert_true(!message || strstr(text, message));
    assert_int_equal(rig_held(&rig), 0);
    assert_int_equal(rig.network.request_count, expected == LLMCOST_OK);
    rig_check_receipt(response);
    const char *length = expected == LLMCOST_OK ? strstr(rig.network.requests[0].body, "_tokens\":") : NULL;
    int64_t tokens = length ? strtoll(length + strlen("_tokens\":"), NULL, 10) : 0;
    json_decref(tree);
    llmcost_string_free(explained);
    llmcost_response_free(response);
    rig_close(&rig);
    return tokens;
}

#define CONFIG(limit, more) "{" PROVIDERS "," ROUTES ",\"budgets\":[{\"name\":\"b\",\"limit\":\"" limit " USD\"}]" more "}"

/* 1,024 tokens of thinking and as many beside it, at 15 dollars a million. */
static void test_thinking(void **unused)
{
    (void)unused;
    static const char *const short_ones[] = { CONFIG("0.01", ""), CONFIG("0.02", ""), CONFIG("0.03", "") };
    for (size_t i = 0; i < 3; i++) {
        sent(&(asked){ .config = short_ones[i], .model = CLAUDE, .effort = LLMCOST_EFFORT_LOW }, LLMCOST_E_BUDGET, "budget \"b\"");
        sent(&(asked){ .config = short_ones[i], .model = CLAUDE, .effort = LLMCOST_EFFORT_HIGH, .max_tokens = 30000 }, LLMCOST_E_BUDGET, "budget \"b\"");
        assert_true(sent(&(asked){ .config = short_ones[i], .model = CLAUDE }, LLMCOST_OK, NULL) >= 64);
        assert_true(sent(&(asked){ .config = short_ones[i], .model = "chat", .effort = LLMCOST_EFFORT_DEFAULT }, LLMCOST_OK, NULL) >= 64);
    }
    int64_t tokens = sent(&(asked){ .config = CONFIG("0.05", ""), .model = CLAUDE, .effort = LLMCOST_EFFORT_LOW }, LLMCOST_OK, NULL);
    assert_true(tokens >= 2048 && tokens < 3400);
}

/* The next model of a fallback is asked. */
static void test_fallback_goes_on(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_response *response = NULL;
    static const asked ask = { .config = "{" PROVIDERS ",\"routes\":{\"chat\":{\"fallback\":[\"" CLAUDE "\",\"openai/o4-mini\"]}},"
                                         "\"budgets\":[{\"name\":\"b\",\"limit\":\"0.02 USD\"}]}",
                               .model = "chat", .effort = LLMCOST_EFFORT_LOW };
    open_and_ask(&rig, &space, &ask);
    assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_OK);
    assert_int_equal(rig.network.request_count, 1);
    assert_non_null(strstr(rig.network.requests[0].body, "o4-mini"));
    llmcost_response_free(response);
    rig_close(&rig);
}

/* The Responses API takes 16 tokens or more. */
static void test_least_output(void **unused)
{
    (void)unused;
    char config[400];
    int refused = 0;
    for (int64_t output = 12; output < 20; output++) {
        snprintf(config, sizeof config, CONFIG("0.%09lld", ",\"min_max_tokens\":1"), (long long)(53 * 2500 + output * 10000));
        engine_rig rig;
        rig_request space;
        llmcost_response *response = NULL;
        open_and_ask(&rig, &space, &(asked){ .config = config, .model = "openai-responses/gpt-4o" });
        llmcost_status status = llmcost_chat(rig.client, &space.request, &response);
        refused += status == LLMCOST_E_BUDGET;
        assert_int_equal(rig.network.request_count > 0, output >= 16);
        assert_int_equal(status == LLMCOST_E_BUDGET, output < 16);
        llmcost_response_free(response);
        rig_close(&rig);
    }
    assert_int_equal(refused, 4);
}

/* What extra says of thinking is a floor, too; what it says to others is none of the budget's business. */
static void test_thinking_of_extra(void **unused)
{
    (void)unused;
    static const char extra[] = "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":8000}}";
    sent(&(asked){ .config = CONFIG("0.05", ""), .model = CLAUDE, .extra = extra }, LLMCOST_E_BUDGET, "budget \"b\"");
    assert_true(sent(&(asked){ .config = CONFIG("0.13", ""), .model = CLAUDE, .extra = extra }, LLMCOST_OK, NULL) > 8000);
    assert_true(sent(&(asked){ .config = CONFIG("0.05", ""), .model = CLAUDE, .extra = "{\"thinking\":{\"type\":\"disabled\"}}" }, LLMCOST_OK, NULL) < 8000);
    assert_true(sent(&(asked){ .config = CONFIG("0.05", ""), .model = CLAUDE, .extra = "{\"thinking\":{\"a\":[{\"budget_tokens\":8000}],\"budget_tokens\":\"x\"}}" }, LLMCOST_OK, NULL) < 8000);
    assert_int_equal(sent(&(asked){ .config = CONFIG("1", ""), .model = CLAUDE, .extra = extra, .max_tokens = 5000 }, LLMCOST_OK, NULL), 5000); /* the caller's own */
}

/* Each host has its place for the budget of thinking. */
static void test_places_of_a_thinking_budget(void **unused)
{
    (void)unused;
    static const struct { const char *extra; int64_t tokens; } cases[] = {
        { "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":8000}}", 8000 },
        { "{\"generationConfig\":{\"topK\":3,\"thinkingConfig\":{\"includeThoughts\":true,\"thinkingBudget\":4096}}}", 4096 },
        { "{\"additionalModelRequestFields\":{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}},\"thinking\":{\"budget_tokens\":100}}", 2000 },
        { "{\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":-1}}}", 0 },
        { "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"budget_tokens\":9}}}}}}}", 0 },
        { "{\"budget_tokens\":9,\"x\":[{\"budget_tokens\":9}],\"thinking\":{\"budget_tokens\":1e99}}", 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        llmc_extra_cost cost;
        llmc_extra_cost_of(cases[i].extra, &cost);
        assert_int_equal(cost.thinking_tokens, cases[i].tokens);
    }
}

/* The config's own length is not raised behind its back: the error says which figure it is. */
static void test_default_length(void **unused)
{
    (void)unused;
    static const char small[] = CONFIG("1", ",\"default_max_tokens\":1000");
    sent(&(asked){ .config = small, .model = CLAUDE, .effort = LLMCOST_EFFORT_LOW }, LLMCOST_E_UNSUPPORTED, "default_max_tokens of the config (1000) is too little");
    assert_int_equal(sent(&(asked){ .config = small, .model = CLAUDE }, LLMCOST_OK, NULL), 1000);
    assert_int_equal(sent(&(asked){ .config = small, .model = CLAUDE, .effort = LLMCOST_EFFORT_LOW, .max_tokens = 3000 }, LLMCOST_OK, NULL), 3000);
    assert_int_equal(sent(&(asked){ .config = CONFIG("1", ",\"default_max_tokens\":3000"), .model = CLAUDE, .effort = LLMCOST_EFFORT_HIGH }, LLMCOST_OK, NULL), 3000);
    sent(&(asked){ .config = CONFIG("1", ",\"default_max_tokens\":10"), .model = "openai-responses/gpt-4o" }, LLMCOST_E_UNSUPPORTED, "default_max_tokens of the config (10)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thinking), cmocka_unit_test(test_fallback_goes_on), cmocka_unit_test(test_least_output),
        cmocka_unit_test(test_thinking_of_extra), cmocka_unit_test(test_places_of_a_thinking_budget), cmocka_unit_test(test_default_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
