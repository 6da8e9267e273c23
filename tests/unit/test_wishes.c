/* What the library asks for by itself (a judge's temperature, log-probabilities): each target gets what it takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/engine_rig.h"

#define KEY "{\"key\":\"k\",\"retries\":0}"
#define HEAD                                                                                                                                     \
    "{\"providers\":{\"openai\":" KEY ",\"openai-responses\":" KEY ",\"anthropic\":" KEY ",\"google\":" KEY ",\"deepseek\":" KEY ",\"groq\":" KEY   \
    ",\"zhipu\":" KEY ",\"xai\":" KEY "},\"routes\":{\"both\":{\"fallback\":[\"openai/o3\",\"openai/gpt-4.1\"]},\"side\":{\"split\":{\"openai/o3\":1}},\"r\":"
#define CASCADE(steps, rules) HEAD "{\"cascade\":[" steps ",\"openai/gpt-4o\"],\"escalate_on\":{" rules "}}}}"
#define JUDGED(rules) CASCADE("\"openai/gpt-4o-mini\"", rules)
#define LABELLED(by) HEAD "{\"choose\":[{\"when\":{\"label\":\"complex\"},\"use\":\"openai/gpt-4o\"},{\"use\":\"openai/gpt-4o-mini\"}]," by "}}}"

static void add_steps(engine_rig *rig)
{
    fake_network_says(&rig->network, "\"gpt-4o-mini\"", "small", 10, 5);
    fake_network_says(&rig->network, "\"gpt-4o\"", "large", 10, 5);
}

static void expect_answer(engine_rig *rig, llmcost_request *request, const char *text)
{
    llmcost_response *answer;
    assert_int_equal(llmcost_chat(rig->client, request, &answer), LLMCOST_OK);
    assert_string_equal(llmcost_response_text(answer), text);
    rig_check_receipt(answer);
    llmcost_response_free(answer);
}

static void expect_in(const engine_rig *rig, size_t request, const char *text, bool is_in)
{
    assert_true(request < rig->network.request_count);
    if (!strstr(rig->network.requests[request].body, text) != !is_in)
        fail_msg("%s is %sin %s", text, is_in ? "not " : "", rig->network.requests[request].body);
}

static const struct {
    const char *name;
    bool temperature, thinks;
} models[] = {
    { "openai/gpt-4.1", true, false },
    { "openai/o3", false, true },
    { "openai/gpt-5-mini", false, true },
    { "openai-responses/gpt-5", false, true },
    { "openai-responses/gpt-4.1", true, false },
    { "anthropic/claude-sonnet-4-5", true, false },
    { "anthropic/claude-sonnet-5", false, true },
    { "google/gemini-2.0-flash", true, false },
    { "google/gemini-2.5-flash", true, true },
    { "google/gemini-2.5-flash-lite", true, false },
    { "deepseek/deepseek-chat", true, true },
    { "groq/openai/gpt-oss-20b", true, true },
    { "groq/llama-3.3-70b-versatile", true, false },
    { "xai/grok-4", true, true },
    { "xai/grok-4-1-fast-non-reasoning", true, false },
};

/* "max_tokens", "max_completion_tokens", "maxOutputTokens" */
static void expect_question(const engine_rig *rig, size_t request, size_t model, int max_tokens)
{
    char room[40];
    snprintf(room, sizeof room, "okens\":%d", max_tokens);
    expect_in(rig, request, room, true);
    expect_in(rig, request, "\"temperature\":0", models[model].temperature);
}

/* What comes back is no matter here: a judge that cannot tell, a labeller that gives no label. */
static void test_each_model_gets_what_it_takes(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        for (int configured = 0; configured < 2; configured++) {
            char config[1500];
            engine_rig rig;
            rig_request space;
            snprintf(config, sizeof config, JUDGED("\"judge\":\"%s\"%s"), models[i].name, configured ? ",\"judge_max_tokens\":77" : "");
            rig_open(&rig, config);
            add_steps(&rig);
            fake_network_fails(&rig.network, NULL, 500, "down");
            expect_answer(&rig, rig_ask(&space, "r", "hi"), "small");
            assert_int_equal(rig.network.request_count, 2);
            expect_question(&rig, 1, i, configured ? 77 : models[i].thinks ? 1024 : 16);
            rig_close(&rig);
            snprintf(config, sizeof config, LABELLED("\"label_with\":\"%s\"%s"), models[i].name, configured ? ",\"label_max_tokens\":77" : "");
            rig_open(&rig, config);
            add_steps(&rig);
            fake_network_fails(&rig.network, NULL, 500, "down");
            expect_answer(&rig, rig_ask(&space, "r", "hi"), "small");
            assert_int_equal(rig.network.request_count, 2);
            expect_question(&rig, 0, i, configured ? 77 : models[i].thinks ? 1024 : 20);
            rig_close(&rig);
        }
    }
}

/* Another try of the judge's is as careful as the first. */
static void test_another_try_gets_what_it_takes(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":1}},\"routes\":{\"r\":"
                   "{\"cascade\":[\"openai/gpt-4o-mini\",\"openai/gpt-4o\"],\"escalate_on\":{\"judge\":\"openai/o3\"}}}}");
    add_steps(&rig);
    fake_network_fails(&rig.network, "\"o3\"", 500, "down");
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "small");
    assert_int_equal(rig.network.request_count, 3);
    for (size_t i = 1; i < 3; i++) {
        expect_in(&rig, i, "\"temperature\"", false);
        expect_in(&rig, i, "okens\":1024", true);
    }
    rig_close(&rig);
}

/* A host that refuses a temperature hears none, and so its judge is heard. */
static void test_the_judge_is_heard(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, JUDGED("\"judge\":\"openai/o3\""));
    fake_network_fails(&rig.network, "\"temperature\"", 400, "unsupported_value");
    fake_network_says(&rig.network, "\"o3\"", "NO", 10, 5);
    add_steps(&rig);
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "large");
    assert_int_equal(rig_stat(&rig, "policy_failures"), 0);
    rig_close(&rig);
}

static void test_the_label_is_heard(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, LABELLED("\"label_with\":\"openai/gpt-5\""));
    fake_network_fails(&rig.network, "\"temperature\"", 400, "unsupported_value");
    fake_network_says(&rig.network, "\"gpt-5\"", "complex", 10, 5);
    add_steps(&rig);
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "large");
    assert_int_equal(rig_stat(&rig, "policy_failures"), 0);
    rig_close(&rig);
}

/* A judge that is a route: its targets are not alike, and none is unfit for what it may do without. */
static void test_each_target_of_a_judge(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, JUDGED("\"judge\":\"both\""));
    fake_network_fails(&rig.network, "\"o3\"", 500, "down");
    fake_network_says(&rig.network, "\"gpt-4.1\"", "NO", 10, 5);
    add_steps(&rig);
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "large");
    expect_question(&rig, 1, 1, 1024);
    expect_question(&rig, 2, 0, 16);
    rig_close(&rig);
    rig_open(&rig, JUDGED("\"judge\":\"side\""));
    fake_network_says(&rig.network, "\"o3\"", "NO", 10, 5);
    add_steps(&rig);
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "large");
    expect_question(&rig, 1, 1, 1024);
    rig_close(&rig);
}

/* Also where the caller wants a schema, which this host is told in words. */
static void test_logprobs_where_a_host_has_them(void **unused)
{
    (void)unused;
    static const struct { const char *config, *model; bool sent; } cases[] = {
        { CASCADE("\"openai/gpt-4o-mini\"", "\"logprob_below\":-0.5"), "\"gpt-4o-mini\"", true },
        { CASCADE("\"groq/llama\"", "\"logprob_below\":-0.5"), "\"llama\"", false },
        { CASCADE("\"zhipu/glm-4.6\"", "\"logprob_below\":-0.5"), "\"glm-4.6\"", false },
        { CASCADE("{\"cascade\":[\"groq/llama\",\"openai/gpt-4.1\"],\"escalate_on\":{\"logprob_below\":-0.5}}", "\"logprob_below\":-0.5"), "\"llama\"", false },
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        rig_request space;
        rig_open(&rig, cases[i / 2].config);
        fake_network_says(&rig.network, cases[i / 2].model, "1", 10, 5);
        rig_ask(&space, "r", "hi");
        if (i % 2) {
            space.request.format = LLMCOST_FORMAT_JSON_SCHEMA;
            space.request.format_schema = "{\"type\":\"integer\"}";
        }
        expect_answer(&rig, &space.request, "1");
        expect_in(&rig, 0, "logprobs", cases[i / 2].sent);
        rig_close(&rig);
    }
}

static void test_logprobs_of_each_target_of_a_step(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, CASCADE("{\"fallback\":[\"groq/llama\",\"openai/gpt-4.1\"]}", "\"logprob_below\":-0.5"));
    fake_network_fails(&rig.network, "\"llama\"", 500, "down");
    fake_network_says(&rig.network, "\"gpt-4.1\"", "second", 10, 5);
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "second");
    expect_in(&rig, 0, "logprobs", false);
    expect_in(&rig, 1, "\"logprobs\":true", true);
    rig_close(&rig);
}

/* What the caller asks for is no wish: the step that cannot do it is left out. */
static void test_logprobs_that_the_caller_wants(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, CASCADE("\"groq/llama\"", "\"logprob_below\":-0.5"));
    add_steps(&rig);
    rig_ask(&space, "r", "hi")->logprobs = 1;
    expect_answer(&rig, &space.request, "large");
    assert_int_equal(rig.network.request_count, 1);
    expect_in(&rig, 0, "\"logprobs\":true", true);
    rig_close(&rig);
}

static void test_explained(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    char *text;
    rig_open(&rig, CASCADE("\"groq/llama\"", "\"logprob_below\":-0.5"));
    assert_int_equal(llmcost_explain(rig.client, rig_ask(&space, "r", "hi"), &text), LLMCOST_OK);
    assert_null(strstr(text, "\"fits\":false"));
    llmcost_string_free(text);
    rig_close(&rig);
    rig_open(&rig, LABELLED("\"label_with\":\"openai/o3\""));
    assert_int_equal(llmcost_explain(rig.client, rig_ask(&space, "r", "hi"), &text), LLMCOST_OK);
    assert_null(strstr(text, "\"fits\":false"));
    assert_non_null(strstr(text, "\"output_tokens\":1024"));
    llmcost_string_free(text);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_model_gets_what_it_takes), cmocka_unit_test(test_another_try_gets_what_it_takes),
        cmocka_unit_test(test_the_judge_is_heard), cmocka_unit_test(test_the_label_is_heard),
        cmocka_unit_test(test_each_target_of_a_judge), cmocka_unit_test(test_logprobs_where_a_host_has_them),
        cmocka_unit_test(test_logprobs_of_each_target_of_a_step), cmocka_unit_test(test_logprobs_that_the_caller_wants), cmocka_unit_test(test_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
