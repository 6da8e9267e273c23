/* Routes that choose by a label: of a model, of the local classifier, of the host. On a fake clock and a fake network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../support/engine_rig.h"

#define MODELS "\"models\":{\"small\":\"openai/gpt-4o-mini\",\"large\":\"openai/gpt-4o\",\"mid\":\"openai/gpt-4.1\",\"asker\":\"openai/gpt-4.1-nano\"}"
#define HEAD "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0},\"deepseek\":{\"key\":\"k\"}}," MODELS ","
#define THREE "{\"when\":{\"label\":\"complex\"},\"use\":\"large\"},{\"when\":{\"label\":\"medium\"},\"use\":\"mid\"},{\"use\":\"small\"}"
#define BY(labeller) HEAD "\"cache\":{\"memory\":{},\"sampled\":true},\"routes\":{\"r\":{\"choose\":[" THREE "]," labeller "}}}"
#define BY_MODEL BY("\"label_with\":\"asker\"")
#define IS_LABEL "You sort the requests"

/* The models answer with their names; the labeller is asked first. */
static void add_models(engine_rig *rig)
{
    fake_network_says(&rig->network, "\"gpt-4o-mini\"", "small", 10, 5);
    fake_network_says(&rig->network, "\"gpt-4o\"", "large", 10, 5);
    fake_network_says(&rig->network, "\"gpt-4.1\"", "mid", 10, 5);
}

static llmcost_response *ask(engine_rig *rig, const llmcost_request *request, const char *who)
{
    llmcost_response *answer;
    assert_int_equal(llmcost_chat(rig->client, request, &answer), LLMCOST_OK);
    assert_string_equal(llmcost_response_text(answer), who);
    rig_check_receipt(answer);
    return answer;
}

static void expect_on_receipt(const llmcost_response *answer, const char *text)
{
    if (!strstr(llmcost_response_receipt(answer), text))
        fail_msg("%s is not in %s", text, llmcost_response_receipt(answer));
}

/* ---- a model ---- */

static void expect_label(const char *said, const char *who, const char *why, const char *degraded)
{
    engine_rig rig;
    rig_request space;
    rig_open(&rig, BY_MODEL);
    fake_network_says(&rig.network, IS_LABEL, said, 200, 2);
    add_models(&rig);
    llmcost_response *answer = ask(&rig, rig_ask(&space, "r", "hi"), who);
    expect_on_receipt(answer, why);
    expect_on_receipt(answer, degraded);
    llmcost_response_free(answer);
    rig_close(&rig);
}

static void test_a_model_says_it(void **state)
{
    (void)state;
    expect_label("complex", "large", "{\"node\":\"r\",\"kind\":\"choose\",\"to\":\"openai/gpt-4o\",\"why\":\"label complex (openai/gpt-4.1-nano)\"}", "\"degraded\":null");
    expect_label("Label: **Medium**.", "mid", "label medium (openai/gpt-4.1-nano)", "\"degraded\":null");
    expect_label("simple", "small", "\"why\":\"by default, label simple (openai/gpt-4.1-nano)\"", "\"degraded\":null");
    expect_label("either simple or complex", "mid", "label medium (the labeller's answer names no label: the middle one)", "\"degraded\":\"choose: the labeller's answer names no label");
    expect_label("", "mid", "label medium", "\"degraded\":\"choose: ");
}

static void test_its_money(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, BY_MODEL);
    fake_network_says(&rig.network, IS_LABEL, "complex", 200, 2);
    add_models(&rig);
    llmcost_response *answer = ask(&rig, rig_ask(&space, "r", "hi"), "large");
    assert_int_equal(llmcost_response_line_count(answer), 2);
    assert_string_equal(rig_line_text(answer, 0, "purpose"), "label");
    assert_string_equal(rig_line_text(answer, 0, "model"), "gpt-4.1-nano");
    int64_t label = 200 * 100 + 2 * 400, whole = 10 * 2500 + 5 * 10000; /* nano-dollars */
    assert_int_equal(rig_line(answer, 0, "cost_nano"), label);
    assert_int_equal(llmcost_response_cost_nano(answer), label + whole);
    char overhead[60];
    snprintf(overhead, sizeof overhead, "\"overhead\":-%lld", (long long)label);
    expect_on_receipt(answer, overhead);
    llmcost_response_free(answer);
    rig_close(&rig);
}

/* A second call finds the answer before anybody is asked for a label. */
static void test_the_cache(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, BY_MODEL);
    fake_network_says(&rig.network, IS_LABEL, "complex", 200, 2);
    add_models(&rig);
    llmcost_response_free(ask(&rig, rig_ask(&space, "r", "hi"), "large"));
    llmcost_response *answer = ask(&rig, rig_ask(&space, "r", "hi"), "large");
    expect_on_receipt(answer, "\"cache\":\"hit\"");
    llmcost_response_free(answer);
    assert_int_equal(rig.network.request_count, 2);
    rig_close(&rig);
}

/* A guess is good for this call only. */
static void test_a_guess_is_not_stored(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, BY_MODEL);
    fake_network_says(&rig.network, IS_LABEL, "no idea", 200, 2)->times = 1;
    fake_network_says(&rig.network, IS_LABEL, "complex", 200, 2);
    add_models(&rig);
    llmcost_response_free(ask(&rig, rig_ask(&space, "r", "hi"), "mid"));
    assert_int_equal(rig_stat(&rig, "policy_failures"), 1);
    llmcost_response_free(ask(&rig, rig_ask(&space, "r", "hi"), "large"));
    rig_close(&rig);
}

static void test_it_fails(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, BY_MODEL);
    fake_network_fails(&rig.network, IS_LABEL, 500, "server_error");
    add_models(&rig);
    llmcost_response *answer = ask(&rig, rig_ask(&space, "r", "hi"), "mid");
    expect_on_receipt(answer, "\"degraded\":\"choose: the labeller failed: the middle label\"");
    assert_false(llmcost_response_is_altered(answer));
    llmcost_response_free(answer);
    rig_close(&rig);
}

/* It has a quarter of what is left, twenty seconds at most. */
static void test_it_is_slow(void **state)
{
    (void)state;
    static const struct {
        int32_t deadline_ms;
        int64_t waited_ms;
    } cases[] = { { 8000, 2000 }, { 80000, 20000 }, { 400000, 20000 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        rig_request space;
        rig_open(&rig, BY_MODEL);
        fake_network_says(&rig.network, IS_LABEL, "complex", 200, 2)->status_ms = FAKE_SILENT;
        add_models(&rig);
        rig_ask(&space, "r", "hi");
        space.request.deadline_ms = cases[i].deadline_ms;
        llmcost_response *answer = ask(&rig, &space.request, "mid");
        expect_on_receipt(answer, "the labeller was too slow: the middle label");
        assert_int_equal(fake_clock_ms(&rig.clock), cases[i].waited_ms);
        llmcost_response_free(answer);
        rig_close(&rig);
    }
}

static void test_the_budget_refuses_it(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, HEAD "\"budgets\":[{\"limit\":\"0.0000001 USD\",\"model\":\"gpt-4.1-nano\"}],\"routes\":{\"r\":{\"choose\":[" THREE "],\"label_with\":\"asker\"}}}");
    add_models(&rig);
    llmcost_response *answer = ask(&rig, rig_ask(&space, "r", "hi"), "mid");
    expect_on_receipt(answer, "the budget refused the labeller: the middle label");
    llmcost_response_free(answer);
    assert_int_equal(rig.network.request_count, 1);
    rig_close(&rig);
}

static void test_cancelled_while_it_is_asked(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    llmcost_stream *stream;
    rig_open(&rig, BY_MODEL);
    fake_network_says(&rig.network, IS_LABEL, "complex", 200, 2)->status_ms = FAKE_SILENT;
    add_models(&rig);
    assert_int_equal(llmcost_stream_open(rig.client, rig_ask(&space, "r", "hi"), &stream), LLMCOST_OK);
    assert_int_equal(llmcost_stream_poll(stream, 1), 0);
    llmcost_stream_close(stream);
    assert_int_equal(rig.network.request_count, 1);
    rig_close(&rig);
}

/* ---- what it is asked ---- */

static const char *label_body(const engine_rig *rig)
{
    for (size_t i = 0; i < rig->network.request_count; i++) {
        if (strstr(rig->network.requests[i].body, IS_LABEL))
            return rig->network.requests[i].body;
    }
    fail_msg("no label was asked for");
    return NULL;
}

static void expect_asked(const char *body, const char *text, bool there)
{
    if ((strstr(body, text) != NULL) != there)
        fail_msg("\"%s\" %s in %s", text, there ? "is not" : "is", body);
}

static void test_its_request(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    enum { LONG = 20000 };
    char *text = malloc(LONG + 1);
    assert_non_null(text);
    memset(text, 'q', LONG);
    memcpy(text, "The begin", 9);
    memcpy(text + LONG - 7, "The end", 8);
    llmcost_tool tool = { .name = "secret_tool", .parameters = "{\"type\":\"object\"}" };
    llmcost_message messages[8] = { { .role = LLMCOST_SYSTEM, .text = "You sell shoes." } };
    for (int i = 1; i < 7; i++)
        messages[i] = (llmcost_message){ .role = i % 2 ? LLMCOST_USER : LLMCOST_ASSISTANT, .text = i == 1 ? "the oldest" : i == 6 ? "the newest" : "between" };
    messages[7] = (llmcost_message){ .role = LLMCOST_USER, .text = text };
    rig_open(&rig, BY("\"label_with\":\"asker\",\"labels\":{\"simple\":\"it is short\",\"medium\":\"\",\"complex\":\"it is \\\"long\\\"\"},\"label_max_tokens\":7"));
    fake_network_says(&rig.network, IS_LABEL, "complex", 200, 2);
    add_models(&rig);
    rig_ask(&space, "r", "");
    space.request.messages = messages;
    space.request.message_count = 8;
    space.request.tools = &tool;
    space.request.tool_count = 1;
    space.request.has_temperature = 1;
    space.request.temperature = 1;
    space.request.max_tokens = 999;
    llmcost_response_free(ask(&rig, &space.request, "large"));
    const char *body = label_body(&rig);
    expect_asked(body, "- simple: it is short\\n- medium\\n- complex: it is \\\"long\\\"\\n", true);
    expect_asked(body, "system: You sell shoes.\\n", true);
    expect_asked(body, "assistant: the newest\\n", true);
    expect_asked(body, "the oldest", false);
    expect_asked(body, "The assistant has 1 tools.", true);
    expect_asked(body, "secret_tool", false);
    expect_asked(body, "The request:\\nThe begin", true);
    expect_asked(body, "qqq\\n[...]\\nqqq", true);
    expect_asked(body, "The end\"", true);
    expect_asked(body, "\"temperature\":0", true);
    expect_asked(body, ":7", true);
    expect_asked(body, "999", false);
    assert_true(strlen(body) < 6000);
    free(text);
    rig_close(&rig);
}

/* A cut between characters, never within one. */
static void test_a_long_chinese_prompt(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    for (int shift = 0; shift < 3; shift++) {
        char text[9100] = "xxx";
        for (int i = shift; i + 3 < 9000; i += 3)
            memcpy(text + i, "\xE4\xB8\xAD", 4);
        rig_open(&rig, BY_MODEL);
        fake_network_says(&rig.network, IS_LABEL, "complex", 200, 2);
        add_models(&rig);
        llmcost_response_free(ask(&rig, rig_ask(&space, "r", text), "large"));
        expect_asked(label_body(&rig), "\xE4\xB8\xAD\\n[...]\\n\xE4\xB8\xAD", true);
        rig_close(&rig);
    }
}

static void test_what_other_rules_know_comes_first(void **state)
{
    (void)state;
    static const char config[] = HEAD "\"routes\":{\"r\":{\"choose\":[{\"when\":{\"tag\":{\"vip\":\"1\"}},\"use\":\"large\"},{\"when\":{\"label\":\"complex\",\"tag\":{\"t\":\"1\"}},\"use\":\"mid\"},{\"use\":\"small\"}],\"label_with\":\"asker\"}}}";
    engine_rig rig;
    rig_request space;
    llmcost_tag vip = { "vip", "1" }, other = { "t", "1" };
    rig_open(&rig, config);
    fake_network_says(&rig.network, IS_LABEL, "complex", 200, 2);
    add_models(&rig);
    rig_ask(&space, "r", "hi")->tags = &vip;
    space.request.tag_count = 1;
    llmcost_response_free(ask(&rig, &space.request, "large"));
    llmcost_response_free(ask(&rig, rig_ask(&space, "r", "hi"), "small"));
    assert_int_equal(rig.network.request_count, 2); /* nobody was asked */
    rig_ask(&space, "r", "hi")->tags = &other;
    space.request.tag_count = 1;
    llmcost_response *answer = ask(&rig, &space.request, "mid");
    expect_on_receipt(answer, "\"why\":\"t is 1, label complex (openai/gpt-4.1-nano)\"");
    llmcost_response_free(answer);
    assert_int_equal(rig.network.request_count, 4);
    rig_close(&rig);
}

/* Two chooses of one tree with the same question to the same model. */
static void test_asked_once(void **state)
{
    (void)state;
    static const char config[] = HEAD "\"routes\":{\"in\":{\"choose\":[{\"when\":{\"label\":[\"complex\"]},\"use\":\"large\"},{\"use\":\"small\"}],\"label_with\":\"asker\"},"
                                 "\"r\":{\"choose\":[{\"when\":{\"label\":[\"medium\",\"complex\"]},\"use\":\"in\"},{\"use\":\"small\"}],\"label_with\":\"asker\"},"
                                 "\"f\":{\"fallback\":[\"in\",\"r\"]}}}";
    engine_rig rig;
    rig_request space;
    rig_open(&rig, config);
    fake_network_says(&rig.network, IS_LABEL, "complex", 200, 2);
    fake_network_fails(&rig.network, "\"gpt-4o\"", 500, "server_error")->times = 1;
    add_models(&rig);
    llmcost_response_free(ask(&rig, rig_ask(&space, "f", "hi"), "large"));
    assert_int_equal(rig.network.request_count, 3); /* label, failure, answer */
    rig_close(&rig);
}

static void test_a_route_as_labeller(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, BY("\"label_with\":{\"fallback\":[\"deepseek/deepseek-chat\",{\"choose\":[{\"when\":{\"prompt_tokens\":{\"above\":1}},\"use\":\"asker\"},{\"use\":\"large\"}]}]}"));
    fake_network_fails(&rig.network, "deepseek", 500, "server_error");
    fake_network_says(&rig.network, IS_LABEL, "complex", 200, 2);
    add_models(&rig);
    llmcost_response *answer = ask(&rig, rig_ask(&space, "r", "hi"), "large");
    expect_on_receipt(answer, "label complex (label_with)");
    llmcost_response_free(answer);
    rig_close(&rig);
}

static void test_no_rule_for_the_label(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    llmcost_response *answer;
    llmcost_part part = { .type = LLMCOST_PART_AUDIO, .data = "xx", .data_bytes = 2, .media_type = "audio/wav" };
    rig_open(&rig, HEAD "\"routes\":{\"r\":{\"choose\":[{\"when\":{\"label\":\"complex\"},\"use\":\"large\"},{\"use\":\"deepseek/deepseek-chat\"}],\"label_with\":\"asker\"}}}");
    fake_network_says(&rig.network, IS_LABEL, "simple", 200, 2)->times = 1;
    fake_network_says(&rig.network, IS_LABEL, "complex", 200, 2);
    add_models(&rig);
    rig_ask(&space, "r", "");
    space.messages[0] = (llmcost_message){ .role = LLMCOST_USER, .parts = &part, .part_count = 1 };
    assert_int_equal(llmcost_chat(rig.client, &space.request, &answer), LLMCOST_E_UNSUPPORTED);
    assert_non_null(strstr(llmcost_error_message(llmcost_response_error(answer)), "r: no rule of this choose is left for the label \"simple\""));
    rig_check_receipt(answer);
    llmcost_response_free(answer);
    llmcost_response_free(ask(&rig, &space.request, "large"));
    rig_close(&rig);
}

static void test_streamed(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    char text[100];
    llmcost_response *answer;
    rig_open(&rig, BY_MODEL);
    fake_network_streams(&rig.network, IS_LABEL, (const char *const[]){ "com", "plex", NULL }, 200, 2);
    fake_network_streams(&rig.network, "\"gpt-4o\"", (const char *const[]){ "lar", "ge", NULL }, 10, 5);
    assert_int_equal(rig_stream(&rig, rig_ask(&space, "r", "hi"), text, sizeof text, &answer), LLMCOST_OK);
    assert_string_equal(text, "large"); /* and nothing of the label */
    rig_check_receipt(answer);
    llmcost_response_free(answer);
    rig_close(&rig);
}

/* ---- the local classifier ---- */

static void test_local(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, BY("\"label_with\":\"local\""));
    add_models(&rig);
    llmcost_response *answer = ask(&rig, rig_ask(&space, "r", "What is the capital of France?"), "small");
    expect_on_receipt(answer, "\"why\":\"by default, label simple (score 0)\"");
    llmcost_response_free(answer);
    answer = ask(&rig, rig_ask(&space, "r", "Compare and explain both."), "mid");
    expect_on_receipt(answer, "\"why\":\"label medium (score 3: reasoning 3)\"");
    llmcost_response_free(answer);
    answer = ask(&rig, rig_ask(&space, "r", "First prove the theorem, then derive the equation, explain why, compare both. ```x```"), "large");
    expect_on_receipt(answer, "label complex (score 10: code 4, math 3, reasoning 3)");
    llmcost_response_free(answer);
    assert_int_equal(rig.network.request_count, 3);
    rig_close(&rig);
}

static void test_thresholds(void **state)
{
    (void)state;
    static const char four[] = HEAD "\"routes\":{\"r\":{\"choose\":[{\"when\":{\"label\":\"b\"},\"use\":\"mid\"},{\"when\":{\"label\":[\"c\",\"d\"]},\"use\":\"large\"},{\"use\":\"small\"}],"
                               "\"label_with\":\"local\",\"labels\":[\"a\",\"b\",\"c\",\"d\"],\"label_thresholds\":[2,3,20]}}}";
    engine_rig rig;
    rig_request space;
    rig_open(&rig, four);
    add_models(&rig);
    llmcost_response_free(ask(&rig, rig_ask(&space, "r", "hi"), "small"));
    llmcost_response_free(ask(&rig, rig_ask(&space, "r", "why"), "mid"));
    llmcost_response_free(ask(&rig, rig_ask(&space, "r", "why and how"), "large"));
    rig_close(&rig);
}

/* ---- the host ---- */

typedef struct host {
    const char *says;
    int fails, calls;
    char question[100];
} host;

static int host_says(const llmcost_labelling *shown, char *label, size_t capacity, void *user)
{
    host *self = user;
    assert_true(shown->struct_size >= sizeof *shown && capacity == 257 && shown->request);
    snprintf(self->question, sizeof self->question, "%.*s", (int)shown->question_bytes, shown->question);
    snprintf(label, capacity, "%s", self->says);
    self->calls++;
    return self->fails;
}

static void test_host(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    host self = { .says = "complex" };
    rig_open(&rig, BY("\"label_with\":\"host:me\""));
    add_models(&rig);
    assert_int_equal(llmcost_client_add_labeller(rig.client, NULL, host_says, &self), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_client_add_labeller(rig.client, "", host_says, &self), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_client_add_labeller(rig.client, "me", NULL, &self), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_client_add_labeller(rig.client, "me", host_says, &self), LLMCOST_OK);
    llmcost_response *answer = ask(&rig, rig_ask(&space, "r", "hi"), "large");
    expect_on_receipt(answer, "label complex (the host says so)");
    llmcost_response_free(answer);
    assert_string_equal(self.question, "hi");
    assert_int_equal(self.calls, 1); /* two rules ask */
    self.says = "a label that no rule knows";
    llmcost_response_free(ask(&rig, rig_ask(&space, "r", "hi"), "small"));
    self.fails = 1;
    answer = ask(&rig, rig_ask(&space, "r", "hi"), "mid");
    expect_on_receipt(answer, "the host's labeller could not tell: the middle label");
    llmcost_response_free(answer);
    self = (host){ .says = "" };
    llmcost_response_free(ask(&rig, rig_ask(&space, "r", "hi"), "mid"));
    assert_int_equal(llmcost_client_add_labeller(rig.client, "late", host_says, &self), LLMCOST_E_MISUSE);
    rig_close(&rig);
}

static void test_no_such_host(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, BY("\"label_with\":\"host:nobody\""));
    add_models(&rig);
    llmcost_response *answer = ask(&rig, rig_ask(&space, "r", "hi"), "mid");
    expect_on_receipt(answer, "no labeller of this name was added to the client: the middle label");
    llmcost_response_free(answer);
    rig_close(&rig);
}

/* ---- explained ---- */

static void test_explained(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    char *text;
    rig_open(&rig, BY_MODEL);
    rig_ask(&space, "r", "hi")->max_tokens = 100;
    assert_int_equal(llmcost_explain(rig.client, &space.request, &text), LLMCOST_OK);
    assert_non_null(strstr(text, "\"labeller\":{\"name\":\"openai/gpt-4.1-nano\""));
    assert_non_null(strstr(text, "\"kind\":\"choose\""));
    assert_int_equal(rig.network.request_count, 0);
    llmcost_string_free(text);
    assert_int_equal(llmcost_route_describe(rig.client, "r", &text), LLMCOST_OK);
    assert_non_null(strstr(text, "r: choose, the first whose conditions hold; labels by openai/gpt-4.1-nano\n"));
    assert_non_null(strstr(text, "  1. when label is complex: openai/gpt-4o"));
    assert_non_null(strstr(text, "  3. else: openai/gpt-4o-mini"));
    llmcost_string_free(text);
    rig_close(&rig);
}

static void test_explaining_asks_no_host(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    host self = { .says = "complex" };
    char *text;
    rig_open(&rig, BY("\"label_with\":\"host:me\""));
    assert_int_equal(llmcost_client_add_labeller(rig.client, "me", host_says, &self), LLMCOST_OK);
    assert_int_equal(llmcost_explain(rig.client, rig_ask(&space, "r", "hi"), &text), LLMCOST_OK);
    assert_int_equal(self.calls, 0);
    assert_non_null(strstr(text, "\"kind\":\"choose\""));
    llmcost_string_free(text);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_model_says_it), cmocka_unit_test(test_its_money), cmocka_unit_test(test_the_cache), cmocka_unit_test(test_a_guess_is_not_stored),
        cmocka_unit_test(test_it_fails), cmocka_unit_test(test_it_is_slow), cmocka_unit_test(test_the_budget_refuses_it), cmocka_unit_test(test_cancelled_while_it_is_asked),
        cmocka_unit_test(test_its_request), cmocka_unit_test(test_a_long_chinese_prompt), cmocka_unit_test(test_what_other_rules_know_comes_first), cmocka_unit_test(test_asked_once),
        cmocka_unit_test(test_a_route_as_labeller), cmocka_unit_test(test_no_rule_for_the_label), cmocka_unit_test(test_streamed), cmocka_unit_test(test_local),
        cmocka_unit_test(test_thresholds), cmocka_unit_test(test_host), cmocka_unit_test(test_no_such_host), cmocka_unit_test(test_explained), cmocka_unit_test(test_explaining_asks_no_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
