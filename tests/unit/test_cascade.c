/* Cascades: when a step is not good enough, what the caller then sees, and what the receipt says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/engine_rig.h"
#include "call/call.h"

#define SMALL "gpt-4o-mini"
#define LARGE "gpt-4o\""
#define MODELS "\"models\":{\"small\":\"openai/gpt-4o-mini\",\"large\":\"openai/gpt-4o\",\"huge\":\"openai/gpt-4.1\"}"
#define ROUTE(more) "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0}}," MODELS ",\"routes\":{\"r\":{\"cascade\":[\"small\",\"large\"]" more "}}"

static llmcost_response *ask_for(engine_rig *rig, llmcost_request *request, llmcost_status expected)
{
    llmcost_response *response = NULL;
    llmcost_status status = llmcost_chat(rig->client, request, &response);
    if (status != expected)
        print_error("%s\n", llmcost_error_message(llmcost_response_error(response)));
    assert_int_equal(status, expected);
    rig_check_receipt(response);
    return response;
}

static llmcost_response *ask(engine_rig *rig, llmcost_status expected)
{
    rig_request space;
    return ask_for(rig, rig_ask(&space, "r", "hello"), expected);
}

/* Which step answered a text of the small model: 1 or 2. */
static int step_for(const char *config, const char *said)
{
    engine_rig rig;
    rig_open(&rig, config);
    fake_network_says(&rig.network, SMALL, said, 10, 5);
    fake_network_says(&rig.network, LARGE, "large", 10, 5);
    llmcost_response *response = ask(&rig, LLMCOST_OK);
    int step = strcmp(llmcost_response_text(response), "large") == 0 ? 2 : 1;
    if (step == 1)
        assert_string_equal(llmcost_response_text(response), said);
    assert_int_equal(llmcost_response_line_count(response), step);
    assert_int_equal(llmcost_response_cost_nano(response), step == 1 ? 4500 : 4500 + 75000);
    assert_string_equal(rig_line_text(response, 0, "purpose"), "cascade");
    assert_false(llmcost_response_is_altered(response));
    llmcost_response_free(response);
    rig_close(&rig);
    return step;
}

static void test_the_marker(void **unused)
{
    (void)unused;
    assert_int_equal(step_for(ROUTE("") "}", "It is 4."), 1);
    assert_int_equal(step_for(ROUTE("") "}", "UNCERTAIN"), 2);
    assert_int_equal(step_for(ROUTE("") "}", "uncertain."), 2);
    assert_int_equal(step_for(ROUTE("") "}", "UNCERTAIN, but 4"), 2);
    assert_int_equal(step_for(ROUTE("") "}", "It is 4.\nUNCERTAIN"), 2);
    assert_int_equal(step_for(ROUTE("") "}", "Uncertain times call for courage."), 1);
    assert_int_equal(step_for(ROUTE(",\"escalate_on\":{\"marker\":\"NOT SURE\"}") "}", "NOT SURE"), 2);
}

static void test_the_instruction(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, ROUTE("") "}");
    fake_network_says(&rig.network, SMALL, "UNCERTAIN", 10, 5);
    fake_network_says(&rig.network, LARGE, "large", 10, 5);
    llmcost_response_free(ask(&rig, LLMCOST_OK));
    assert_non_null(strstr(rig.network.requests[0].body, "UNCERTAIN"));
    assert_null(strstr(rig.network.requests[1].body, "UNCERTAIN")); /* the original request */
    rig_close(&rig);
}

/* ---- streaming ---- */

static void check_split(const char *said, size_t at, const char *expected)
{
    engine_rig rig;
    rig_request space;
    char first[300], text[400];
    llmcost_response *response;
    snprintf(first, sizeof first, "%.*s", (int)at, said);
    rig_open(&rig, ROUTE("") "}");
    fake_network_streams(&rig.network, SMALL, at ? (const char *const[]){ first, said + at, NULL } : (const char *const[]){ said, NULL }, 10, 5);
    fake_network_streams(&rig.network, LARGE, (const char *const[]){ "la", "rge", NULL }, 10, 5);
    assert_int_equal(rig_stream(&rig, rig_ask(&space, "r", "hello"), text, sizeof text, &response), LLMCOST_OK);
    if (strcmp(text, expected) != 0)
        fail_msg("\"%s\" cut at %zu: \"%s\"", said, at, text);
    assert_string_equal(llmcost_response_text(response), expected);
    rig_check_receipt(response);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_streams_cut_everywhere(void **unused)
{
    (void)unused;
    static const char *const cases[][2] = {
        { "It is 4.", "It is 4." }, { "UNCERTAIN", "large" }, { "uncertain.", "large" }, { "**UNCERTAIN**", "large" }, { "UNCERTAIN \n", "large" },
        { "UNCERTAIN, but 4", "large" }, { "Uncertain times call for courage.", "Uncertain times call for courage." }, { "UNCERTAINTY is", "UNCERTAINTY is" },
        { "A\nUNCERTAINTY\nB", "A\nUNCERTAINTY\nB" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t at = 0; at < strlen(cases[i][0]); at++)
            check_split(cases[i][0], at, cases[i][1]);
    }
}

/* An inner cascade lets text go, an outer one holds it up once more and lets it go too: then it is shown, for both. */
static void test_a_nested_step_that_breaks_off(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    char text[400];
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"sk-test\",\"retries\":0}},\"routes\":{\"r\":{\"cascade\":[{\"cascade\":[\"openai/gpt-4o-mini\",\"openai/gpt-4o\"]},\"openai/gpt-4.1\"]}}}");
    fake_exchange *exchange = fake_network_add(&rig.network, SMALL);
    fake_exchange_delta(exchange, 1, "part");
    exchange->done_ms = 2;
    exchange->status = LLMCOST_E_NETWORK;
    fake_network_streams(&rig.network, NULL, (const char *const[]){ "another answer", NULL }, 10, 5);
    assert_int_equal(rig_stream(&rig, rig_ask(&space, "r", "hello"), text, sizeof text, NULL), LLMCOST_E_TRUNCATED);
    assert_string_equal(text, "part");
    assert_int_equal(rig.network.request_count, 1);
    rig_close(&rig);
}

/* The marker as a last line: before anything was shown the large model answers, else the text ends before it. */
static void test_a_late_marker(void **unused)
{
    (void)unused;
    static const char said[] = "It is 4.\nUNCERTAIN\n";
    for (size_t at = 1; at < strlen(said); at++) {
        engine_rig rig;
        rig_request space;
        char first[300], text[400];
        llmcost_response *response;
        snprintf(first, sizeof first, "%.*s", (int)at, said);
        rig_open(&rig, ROUTE("") "}");
        fake_network_streams(&rig.network, SMALL, (const char *const[]){ first, said + at, NULL }, 10, 5);
        fake_network_streams(&rig.network, LARGE, (const char *const[]){ "large", NULL }, 10, 5);
        assert_int_equal(rig_stream(&rig, rig_ask(&space, "r", "hello"), text, sizeof text, &response), LLMCOST_OK);
        assert_string_equal(text, "It is 4.");
        assert_string_equal(llmcost_response_text(response), "It is 4.");
        assert_true(llmcost_response_is_altered(response));
        assert_int_equal(rig.network.request_count, 1);
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

/* How many bytes of an answer the caller has not been shown when so much of it has come. */
static void test_what_is_held_is_bounded(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    const llmcost_event *event;
    llmcost_stream *stream;
    rig_open(&rig, ROUTE("") "}");
    fake_exchange *exchange = fake_network_add(&rig.network, SMALL);
    for (int i = 0; i < 30; i++)
        fake_exchange_delta(exchange, 10 * (i + 1), "0123456789");
    fake_exchange_end(exchange, 400, "stop", 10, 5);
    assert_int_equal(llmcost_stream_open(rig.client, rig_ask(&space, "r", "hello"), &stream), LLMCOST_OK);
    size_t seen = 0;
    while (llmcost_stream_next(stream, &event) == LLMCOST_OK && event) {
        size_t bytes;
        llmcost_event_text(event, &bytes);
        seen += bytes;
        int64_t come = fake_clock_ms(&rig.clock) / 10 * 10;
        assert_true(come - (int64_t)seen <= 64 || fake_clock_ms(&rig.clock) >= 400);
    }
    assert_int_equal(seen, 300);
    llmcost_stream_close(stream);
    rig_close(&rig);
}

static void test_whole_answer_triggers_show_nothing_of_a_step_that_fails(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    char text[200];
    rig_open(&rig, ROUTE(",\"escalate_on\":{\"truncation\":true}") "}");
    fake_exchange *exchange = fake_network_add(&rig.network, SMALL);
    fake_exchange_delta(exchange, 1, "half an ans");
    fake_exchange_end(exchange, 2, "length", 10, 5);
    fake_network_streams(&rig.network, LARGE, (const char *const[]){ "lar", "ge", NULL }, 10, 5);
    assert_int_equal(rig_stream(&rig, rig_ask(&space, "r", "hello"), text, sizeof text, NULL), LLMCOST_OK);
    assert_string_equal(text, "large");
    rig_close(&rig);

    rig_open(&rig, ROUTE(",\"escalate_on\":{\"truncation\":true}") "}");
    fake_network_streams(&rig.network, SMALL, (const char *const[]){ "who", "le", NULL }, 10, 5);
    assert_int_equal(rig_stream(&rig, rig_ask(&space, "r", "hello"), text, sizeof text, NULL), LLMCOST_OK);
    assert_string_equal(text, "whole");
    rig_close(&rig);
}

/* Choices come interleaved: nothing of a step is shown before it is judged. */
static void test_several_choices_are_judged_whole(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    char text[200];
    static const char chunk[] = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"It is 4.\\nUNCERT\"}}]}\n\n"
                                "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"another long answer\"}}]}\n\n"
                                "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"AIN\"},\"finish_reason\":\"stop\"}]}\n\n"
                                "data: {\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    rig_open(&rig, ROUTE("") "}");
    fake_exchange *exchange = fake_network_add(&rig.network, SMALL);
    exchange->headers[0] = "Content-Type: text/event-stream";
    fake_exchange_piece(exchange, 1, chunk, sizeof chunk - 1);
    exchange->done_ms = 1;
    fake_network_streams(&rig.network, LARGE, (const char *const[]){ "large", NULL }, 10, 5);
    rig_ask(&space, "r", "hello")->n = 2;
    assert_int_equal(rig_stream(&rig, &space.request, text, sizeof text, NULL), LLMCOST_OK);
    assert_string_equal(text, "large");
    rig_close(&rig);
}

/* ---- the other triggers ---- */

static void body(fake_network *network, const char *match, const char *message, const char *finish, const char *more)
{
    char text[1000];
    int length = snprintf(text, sizeof text, "{\"id\":\"x\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",%s},\"finish_reason\":\"%s\"%s}],"
                          "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15}}", message, finish, more);
    fake_exchange_piece(fake_network_add(network, match), 0, text, (size_t)length);
}

static int step_of(const char *config, const char *message, const char *finish, const char *more, int format)
{
    engine_rig rig;
    rig_request space;
    rig_open(&rig, config);
    body(&rig.network, SMALL, message, finish, more);
    fake_network_says(&rig.network, LARGE, "large", 10, 5);
    rig_ask(&space, "r", "say it in json")->format = format;
    llmcost_response *response = ask_for(&rig, &space.request, LLMCOST_OK);
    int steps = (int)llmcost_response_line_count(response);
    llmcost_response_free(response);
    rig_close(&rig);
    return steps;
}

static void test_triggers(void **unused)
{
    (void)unused;
    static const char refusal[] = ROUTE(",\"escalate_on\":{\"refusal\":true}") "}", truncation[] = ROUTE(",\"escalate_on\":{\"truncation\":true}") "}",
                      json[] = ROUTE(",\"escalate_on\":{\"invalid_json\":true}") "}", logprob[] = ROUTE(",\"escalate_on\":{\"logprob_below\":-0.5}") "}";
    assert_int_equal(step_of(refusal, "\"content\":null,\"refusal\":\"I will not\"", "stop", "", 0), 2);
    assert_int_equal(step_of(refusal, "\"content\":\"yes\"", "content_filter", "", 0), 2);
    assert_int_equal(step_of(refusal, "\"content\":\"yes\"", "stop", "", 0), 1);
    assert_int_equal(step_of(truncation, "\"content\":\"ye\"", "length", "", 0), 2);
    assert_int_equal(step_of(json, "\"content\":\"{not json\"", "stop", "", LLMCOST_FORMAT_JSON), 2);
    assert_int_equal(step_of(json, "\"content\":\"{\\\"a\\\":1}\"", "stop", "", LLMCOST_FORMAT_JSON), 1);
    assert_int_equal(step_of(json, "\"content\":\"{not json\"", "stop", "", LLMCOST_FORMAT_TEXT), 1);
    assert_int_equal(step_of(logprob, "\"content\":\"a b\"", "stop", ",\"logprobs\":{\"content\":[{\"token\":\"a\",\"logprob\":-0.1},{\"token\":\" b\",\"logprob\":-1.5}]}", 0), 2);
    assert_int_equal(step_of(logprob, "\"content\":\"a b\"", "stop", ",\"logprobs\":{\"content\":[{\"token\":\"a\",\"logprob\":-0.1},{\"token\":\" b\",\"logprob\":-0.3}]}", 0), 1);
    assert_int_equal(step_of(logprob, "\"content\":\"a b\"", "stop", "", 0), 1); /* it gave none */
}

/* ---- judges ---- */

static int verdict_of_host;
static char asked[200];
static const char *question;
static size_t question_bytes;

static int host_judge(const llmcost_judgement *judgement, void *user)
{
    snprintf(asked, sizeof asked, "%s|%s|%s|%u", judgement->question, judgement->answer, judgement->model, judgement->request->message_count);
    assert_int_equal(judgement->struct_size, sizeof *judgement);
    assert_int_equal(judgement->question_bytes, question_bytes);
    assert_memory_equal(judgement->question, question, question_bytes + 1);
    assert_int_equal(judgement->answer_bytes, strlen(judgement->answer));
    /* Closing from inside is refused and does nothing. */
    assert_int_equal(llmcost_client_close(user), LLMCOST_E_MISUSE);
    return verdict_of_host;
}

static void test_a_host_judge(void **unused)
{
    (void)unused;
    for (int verdict = -1; verdict <= 1; verdict++) {
        engine_rig rig;
        rig_open(&rig, ROUTE(",\"escalate_on\":{\"judge\":\"host:me\"}") "}");
        assert_int_equal(llmcost_client_add_judge(rig.client, "me", host_judge, rig.client), LLMCOST_OK);
        verdict_of_host = verdict;
        question = "hello";
        question_bytes = 5;
        fake_network_says(&rig.network, SMALL, "small", 10, 5);
        fake_network_says(&rig.network, LARGE, "large", 10, 5);
        llmcost_response *response = ask(&rig, LLMCOST_OK);
        assert_string_equal(llmcost_response_text(response), verdict == 0 ? "large" : "small");
        assert_string_equal(asked, "hello|small|openai/gpt-4o-mini|1");
        assert_int_equal(rig_stat(&rig, "policy_failures"), verdict < 0);
        llmcost_response_free(response);
        rig_close(&rig);
    }
    engine_rig rig;
    rig_open(&rig, ROUTE(",\"escalate_on\":{\"judge\":\"host:nobody\"}") "}");
    fake_network_says(&rig.network, SMALL, "small", 10, 5);
    llmcost_response *response = ask(&rig, LLMCOST_OK);
    assert_string_equal(llmcost_response_text(response), "small");
    llmcost_response_free(response);
    rig_close(&rig);
}

/* A question is as long as it is, whatever bytes it holds, and one in parts is joined. */
static void test_what_a_host_judge_is_shown(void **unused)
{
    (void)unused;
    llmcost_part parts[] = { { .type = LLMCOST_PART_TEXT, .text = "one" }, { .type = LLMCOST_PART_IMAGE_URL, .url = "https://example.com/a.png" },
                             { .type = LLMCOST_PART_TEXT, .text = "two!", .text_bytes = 3 } };
    static const struct { const char *question; size_t bytes; } cases[] = { { "a\0b", 3 }, { "one\ntwo", 7 } };
    for (size_t i = 0; i < 2; i++) {
        engine_rig rig;
        rig_request space;
        llmcost_response *response = NULL;
        rig_open(&rig, ROUTE(",\"escalate_on\":{\"judge\":\"host:me\"}") "}");
        assert_int_equal(llmcost_client_add_judge(rig.client, "me", host_judge, rig.client), LLMCOST_OK);
        verdict_of_host = 1;
        question = cases[i].question;
        question_bytes = cases[i].bytes;
        fake_network_says(&rig.network, SMALL, "small", 10, 5);
        llmcost_request *request = rig_ask(&space, "r", "a\0b and more");
        space.messages[0].text_bytes = 3;
        if (i == 1) {
            space.messages[0].text = NULL;
            space.messages[0].text_bytes = 0;
            space.messages[0].parts = parts;
            space.messages[0].part_count = 3;
        }
        asked[0] = '\0';
        assert_int_equal(llmcost_chat(rig.client, request, &response), LLMCOST_OK);
        assert_non_null(strstr(asked, "|small|openai/gpt-4o-mini|1"));
        assert_int_equal(rig_stat(&rig, "policy_failures"), 0);
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

static void test_a_judge_model(void **unused)
{
    (void)unused;
    /* Its one word may come with blanks and ornaments; what it could tell is no failure of the policy. */
    static const struct { const char *said; int steps, failures; } cases[] = {
        { "YES", 2, 0 }, { "Yes", 2, 0 }, { " YES", 2, 0 }, { "*yes.", 2, 0 }, { "NO", 3, 0 }, { "no.", 3, 0 }, { "\n**No**, it is wrong", 3, 0 },
        { "Notwithstanding", 2, 1 }, { "perhaps", 2, 1 }, { "Yesterday", 2, 1 }, { "NOZ", 2, 1 }, { "noa", 2, 1 }, { "", 2, 1 },
    };
    static const char *const shown[] = { "You check another assistant's answer.", "\"Question:\\nhello\\n\\nAnswer:\\nsmall\"", "_tokens\":16", "\"temperature\":0" };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        rig_open(&rig, ROUTE(",\"escalate_on\":{\"judge\":\"huge\"}") "}");
        fake_network_says(&rig.network, "gpt-4.1", cases[i].said, 100, 1);
        fake_network_says(&rig.network, SMALL, "small", 10, 5);
        fake_network_says(&rig.network, LARGE, "large", 10, 5);
        llmcost_response *response = ask(&rig, LLMCOST_OK);
        assert_string_equal(llmcost_response_text(response), cases[i].steps == 3 ? "large" : "small");
        assert_int_equal(llmcost_response_line_count(response), cases[i].steps);
        assert_string_equal(rig_line_text(response, 1, "purpose"), "judge");
        assert_int_equal(rig_stat(&rig, "policy_failures"), cases[i].failures);
        for (size_t k = 0; k < sizeof shown / sizeof shown[0]; k++)
            assert_non_null(strstr(rig.network.requests[1].body, shown[k]));
        assert_int_equal(llmcost_response_cost_nano(response), 4500 + 100 * 2000 + 8000 + (cases[i].steps == 3 ? 75000 : 0));
        llmcost_response_free(response);
        rig_close(&rig);
    }
    engine_rig rig; /* a judge that fails never fails the call */
    rig_open(&rig, ROUTE(",\"escalate_on\":{\"judge\":\"huge\"}") "}");
    fake_network_fails(&rig.network, "gpt-4.1", 500, "server_error");
    fake_network_says(&rig.network, SMALL, "small", 10, 5);
    llmcost_response *response = ask(&rig, LLMCOST_OK);
    assert_string_equal(llmcost_response_text(response), "small");
    llmcost_response_free(response);
    rig_close(&rig);
}

/* What a judge could not tell of is delivered, but not kept: the next call asks again. */
static void test_an_unjudged_answer_is_not_cached(void **unused)
{
    (void)unused;
#define CACHED ",\"cache\":{\"memory\":{},\"sampled\":true}}"
    static const struct { const char *config; int verdict; const char *said; bool kept; } cases[] = {
        { ROUTE(",\"escalate_on\":{\"judge\":\"host:me\"}") CACHED, 1, "", true }, { ROUTE(",\"escalate_on\":{\"judge\":\"host:me\"}") CACHED, -1, "", false },
        { ROUTE(",\"escalate_on\":{\"judge\":\"host:nobody\"}") CACHED, 1, "", false }, { ROUTE(",\"escalate_on\":{\"judge\":\"huge\"}") CACHED, 0, "YES", true },
        { ROUTE(",\"escalate_on\":{\"judge\":\"huge\"}") CACHED, 0, "perhaps", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        rig_open(&rig, cases[i].config);
        assert_int_equal(llmcost_client_add_judge(rig.client, "me", host_judge, rig.client), LLMCOST_OK);
        question = "hello";
        question_bytes = 5;
        verdict_of_host = cases[i].verdict;
        fake_network_says(&rig.network, "gpt-4.1", cases[i].said, 100, 1);
        fake_network_says(&rig.network, SMALL, "small", 10, 5);
        for (int round = 0; round < 2; round++) {
            llmcost_response *response = ask(&rig, LLMCOST_OK);
            assert_string_equal(llmcost_response_text(response), "small");
            assert_false(llmcost_response_is_altered(response));
            assert_int_equal(llmcost_response_from_cache(response), round && cases[i].kept);
            llmcost_response_free(response);
        }
        rig_close(&rig);
    }
#undef CACHED
}

/* ---- more steps ---- */

#define THREE "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0}}," MODELS ",\"routes\":{\"r\":{\"cascade\":[\"small\",\"large\",\"huge\"]}}}"
#define NESTED "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":1}}," MODELS ",\"routes\":{\"in\":{\"cascade\":[\"small\",\"large\"]},\"r\":{\"cascade\":[\"in\",\"huge\"]}}}"

static void test_three_steps_and_a_nest(void **unused)
{
    (void)unused;
    static const char *const configs[] = { THREE, NESTED };
    for (size_t i = 0; i < 2; i++) {
        for (int answered = 1; answered <= 3; answered++) {
            engine_rig rig;
            rig_request space;
            char text[100];
            llmcost_response *response;
            rig_open(&rig, configs[i]);
            fake_network_says(&rig.network, SMALL, answered > 1 ? "UNCERTAIN" : "one", 10, 5)->times = 1;
            fake_network_says(&rig.network, LARGE, answered > 2 ? "UNCERTAIN" : "two", 10, 5)->times = 1;
            fake_network_says(&rig.network, "gpt-4.1", "three", 10, 5)->times = 1;
            response = ask(&rig, LLMCOST_OK);
            assert_string_equal(llmcost_response_text(response), answered == 1 ? "one" : answered == 2 ? "two" : "three");
            assert_int_equal(llmcost_response_line_count(response), answered);
            llmcost_response_free(response);
            fake_network_streams(&rig.network, SMALL, (const char *const[]){ answered > 1 ? "UNCERTAIN" : "one", NULL }, 10, 5);
            fake_network_streams(&rig.network, LARGE, (const char *const[]){ answered > 2 ? "UNCERTAIN" : "two", NULL }, 10, 5);
            fake_network_streams(&rig.network, "gpt-4.1", (const char *const[]){ "three", NULL }, 10, 5);
            assert_int_equal(rig_stream(&rig, rig_ask(&space, "r", "hello"), text, sizeof text, NULL), LLMCOST_OK);
            assert_string_equal(text, answered == 1 ? "one" : answered == 2 ? "two" : "three");
            rig_close(&rig);
        }
    }
}

/* The instruction's tokens are told apart also when the step needed a second try. */
static void test_a_steps_retry_keeps_what_was_added(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, NESTED);
    fake_network_fails(&rig.network, SMALL, 503, "overloaded")->times = 1;
    fake_network_says(&rig.network, SMALL, "one", 60, 5);
    llmcost_response *response = ask(&rig, LLMCOST_OK);
    assert_string_equal(llmcost_response_text(response), "one");
    assert_int_equal(rig.network.request_count, 2);
    /* The baseline is the dearest leaf on the prompt without the instructions. */
    assert_true(response->receipt.baseline_nano < 60 * 2500 + 5 * 10000);
    llmcost_response_free(response);
    rig_close(&rig);
}

/* What a failed try had said is neither shown nor judged. */
static void test_a_steps_retry_begins_anew(void **unused)
{
    (void)unused;
    static const char *const first[] = { "UNCERT", "It is 5.\nUNCERTAIN", NULL }, *const rules[] = { "", ",\"escalate_on\":{\"refusal\":true}", ",\"escalate_on\":{\"truncation\":true}" };
    for (int rule = 0; rule < 3; rule++) {
        for (int i = 0; i < 3; i++) {
            engine_rig rig;
            rig_request space;
            char config[600], text[200];
            llmcost_response *response;
            snprintf(config, sizeof config, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":1}}," MODELS ",\"routes\":{\"r\":{\"cascade\":[\"small\",\"large\"]%s}}}", rules[rule]);
            rig_open(&rig, config);
            fake_exchange *cut = fake_network_add(&rig.network, SMALL);
            cut->times = 1;
            if (i == 1 && rule == 0)
                fake_exchange_delta(cut, 1, "UNC");
            else if (first[i] && (i == 0 || rule == 2))
                fake_exchange_delta(cut, 1, first[i]);
            static const char refusal[] = "data: {\"choices\":[{\"index\":0,\"delta\":{\"refusal\":\"I must not\"}}]}\n\n";
            if (rule == 1)
                fake_exchange_piece(cut, 1, refusal, sizeof refusal - 1);
            cut->headers[0] = "Content-Type: text/event-stream";
            cut->done_ms = 2;
            cut->status = LLMCOST_E_NETWORK;
            fake_network_streams(&rig.network, SMALL, (const char *const[]){ "It ", "is 4.", NULL }, 10, 5);
            llmcost_status status = rig_stream(&rig, rig_ask(&space, "r", "hello"), text, sizeof text, &response);
            assert_int_equal(status, LLMCOST_OK);
            assert_string_equal(text, "It is 4.");
            assert_string_equal(llmcost_response_text(response), "It is 4.");
            assert_int_equal(rig.network.request_count, 2);
            assert_false(llmcost_response_is_altered(response));
            rig_check_receipt(response);
            llmcost_response_free(response);
            rig_close(&rig);
        }
    }
}

/* ---- what cannot serve the request ---- */

#define PRUNED(order) "{\"providers\":{\"openai\":{\"key\":\"k\"},\"deepseek\":{\"key\":\"k\"}},\"unknown_price\":\"allow\",\"routes\":{\"r\":{\"cascade\":[" order "]}}}"

static void test_pruned_steps(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, PRUNED("\"deepseek/deepseek-chat\",\"openai/gpt-4o\""));
    fake_network_says(&rig.network, NULL, "large", 10, 5);
    rig_ask(&space, "r", "hello")->n = 2;
    response = ask_for(&rig, &space.request, LLMCOST_OK);
    assert_string_equal(llmcost_response_text(response), "large");
    assert_int_equal(rig.network.request_count, 1);
    assert_non_null(strstr(llmcost_response_receipt(response), "deepseek/deepseek-chat"));
    llmcost_response_free(response);
    rig_close(&rig);

    rig_open(&rig, PRUNED("\"openai/gpt-4o\",\"deepseek/deepseek-chat\""));
    response = ask_for(&rig, &space.request, LLMCOST_E_UNSUPPORTED);
    assert_int_equal(rig.network.request_count, 0); /* before anything is sent */
    llmcost_response_free(response);
    rig_close(&rig);
}

/* ---- a further step fails ---- */

static void test_a_further_step_fails(void **unused)
{
    (void)unused;
    static const char *const configs[] = { ROUTE("") "}", ROUTE(",\"on_failure\":\"error\"") "}" };
    for (int error = 0; error < 2; error++) {
        engine_rig rig;
        rig_request space;
        char text[200];
        llmcost_status expected = error ? LLMCOST_E_AUTH : LLMCOST_OK;
        rig_open(&rig, configs[error]);
        fake_network_says(&rig.network, SMALL, "It is 4.\nUNCERTAIN", 10, 5)->times = 1;
        fake_network_streams(&rig.network, SMALL, (const char *const[]){ "UNCERTAIN", NULL }, 10, 5);
        fake_network_fails(&rig.network, LARGE, 401, "invalid_api_key");
        llmcost_response *response = ask(&rig, expected);
        if (!error) {
            assert_string_equal(llmcost_response_text(response), "It is 4.");
            assert_true(llmcost_response_is_altered(response));
        }
        assert_int_equal(llmcost_response_cost_nano(response), 4500);
        llmcost_response_free(response);
        /* The marker alone is no answer: there is no best. */
        assert_int_equal(rig_stream(&rig, rig_ask(&space, "r", "hello"), text, sizeof text, NULL), LLMCOST_E_AUTH);
        assert_string_equal(text, "");
        rig_close(&rig);
    }
}

/* A refusal, a piece or what is no JSON does not take the place of a whole answer that was only doubted. */
static void test_the_best_is_whole(void **unused)
{
    (void)unused;
    static const char rules[] = "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0}}," MODELS ",\"routes\":{\"r\":{\"cascade\":[\"small\",\"large\",\"huge\"],"
                                "\"escalate_on\":{\"logprob_below\":-0.5,\"refusal\":true,\"truncation\":true,\"invalid_json\":true}}}}";
    static const char doubted[] = ",\"logprobs\":{\"content\":[{\"token\":\"a\",\"logprob\":-1.5}]}";
    static const struct { const char *small, *small_finish, *large, *large_finish, *expected; } cases[] = {
        { "\"content\":\"[1]\"", "stop", "\"content\":\"[2]\"", "stop", "[2]" },
        { "\"content\":\"[1]\"", "stop", "\"content\":\"I can\"", "content_filter", "[1]" },
        { "\"content\":\"[1]\"", "stop", "\"content\":\"[2,\"", "length", "[1]" },
        { "\"content\":\"[1]\"", "stop", "\"content\":\"two\"", "stop", "[1]" },
        { "\"content\":\"one\"", "stop", "\"content\":\"two\"", "stop", "two" },
        { "\"content\":\"one\"", "stop", "\"content\":\"[2]\"", "stop", "[2]" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        rig_request space;
        rig_open(&rig, rules);
        body(&rig.network, SMALL, cases[i].small, cases[i].small_finish, doubted);
        body(&rig.network, LARGE, cases[i].large, cases[i].large_finish, doubted);
        fake_network_fails(&rig.network, "gpt-4.1", 500, "down");
        rig_ask(&space, "r", "hello")->format = LLMCOST_FORMAT_JSON;
        llmcost_response *response = ask_for(&rig, &space.request, LLMCOST_OK);
        assert_string_equal(llmcost_response_text(response), cases[i].expected);
        assert_true(llmcost_response_is_altered(response));
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

static void test_the_best_is_streamed_too(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    char text[200];
    rig_open(&rig, ROUTE(",\"escalate_on\":{\"truncation\":true}") "}");
    fake_exchange *exchange = fake_network_add(&rig.network, SMALL);
    fake_exchange_delta(exchange, 1, "half an ans");
    fake_exchange_end(exchange, 2, "length", 10, 5);
    fake_network_fails(&rig.network, LARGE, 401, "invalid_api_key");
    assert_int_equal(rig_stream(&rig, rig_ask(&space, "r", "hello"), text, sizeof text, NULL), LLMCOST_OK);
    assert_string_equal(text, "half an ans");
    rig_close(&rig);
}

static void test_a_first_step_that_fails_escalates(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, ROUTE("") "}");
    fake_network_fails(&rig.network, SMALL, 500, "server_error");
    fake_network_says(&rig.network, LARGE, "large", 10, 5);
    llmcost_response *response = ask(&rig, LLMCOST_OK);
    assert_string_equal(llmcost_response_text(response), "large");
    assert_int_equal(llmcost_response_line_count(response), 2);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_the_budget_refuses_the_next_step(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    /* Enough for the small model, not for the prompt of the large one. */
    rig_open(&rig, ROUTE("") ",\"budgets\":[{\"limit\":\"0.0001 USD\"}]}");
    fake_network_says(&rig.network, SMALL, "It is 4.\nUNCERTAIN", 10, 5);
    rig_ask(&space, "r", "hello")->max_tokens = 64;
    llmcost_response *response = ask_for(&rig, &space.request, LLMCOST_OK);
    assert_string_equal(llmcost_response_text(response), "It is 4.");
    assert_true(llmcost_response_is_altered(response));
    assert_int_equal(rig.network.request_count, 1);
    llmcost_response_free(response);
    rig_close(&rig);
}

/* The caller leaves in the middle of a step. */
static void test_a_deadline_in_a_step(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, ROUTE("") "}");
    fake_network_says(&rig.network, SMALL, "It is 4.\nUNCERTAIN", 10, 5);
    fake_network_add(&rig.network, LARGE)->done_ms = FAKE_SILENT;
    rig_ask(&space, "r", "hello")->deadline_ms = 1000;
    llmcost_response *response = ask_for(&rig, &space.request, LLMCOST_OK);
    assert_int_equal(fake_clock_ms(&rig.clock), 1000);
    assert_string_equal(llmcost_response_text(response), "It is 4."); /* the best there was */
    assert_true(llmcost_response_is_altered(response));
    assert_int_equal(llmcost_response_line_count(response), 2);
    llmcost_response_free(response);
    rig_close(&rig);
}

static int stop_at_text(const llmcost_event *event, void *user)
{
    (void)user;
    return llmcost_event_get_kind(event) == LLMCOST_EVENT_TEXT;
}

/* What had come when a call ended is told on a route as it is without one. */
static void test_a_partial_answer_is_kept(void **unused)
{
    (void)unused;
    for (int way = 0; way < 3; way++) {
        engine_rig rig;
        rig_request space;
        char text[200];
        llmcost_response *response;
        rig_open(&rig, ROUTE("") "}");
        fake_network_streams(&rig.network, SMALL, (const char *const[]){ "UNCERTAIN", NULL }, 10, 5);
        fake_exchange *exchange = fake_network_add(&rig.network, LARGE);
        if (way < 2)
            fake_exchange_delta(exchange, 1, "It is ");
        exchange->headers[0] = "Content-Type: text/event-stream";
        exchange->done_ms = FAKE_SILENT;
        rig_ask(&space, "r", "hello")->deadline_ms = 1000;
        if (way == 0)
            assert_int_equal(llmcost_chat_stream(rig.client, &space.request, stop_at_text, NULL, &response), LLMCOST_E_CANCELLED);
        else
            assert_int_equal(rig_stream(&rig, &space.request, text, sizeof text, &response), LLMCOST_E_DEADLINE);
        assert_string_equal(llmcost_response_text(response), way < 2 ? "It is " : ""); /* never what a step was passed over for */
        rig_check_receipt(response);
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

static void test_the_marker_in_another_choice(void **unused)
{
    (void)unused;
    static const char said[] = "{\"id\":\"x\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"It is 4.\"},\"finish_reason\":\"stop\"},"
                               "{\"index\":1,\"message\":{\"role\":\"assistant\",\"content\":\"UNCERTAIN\"},\"finish_reason\":\"stop\"}],"
                               "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15}}";
    static const char streamed[] = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"It is 4.\"},\"finish_reason\":\"stop\"}]}\n\n"
                                   "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"UNCERTAIN\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    for (int streams = 0; streams < 2; streams++) {
        engine_rig rig;
        rig_request space;
        char text[200];
        llmcost_response *response;
        rig_open(&rig, ROUTE("") "}");
        fake_exchange *exchange = fake_network_add(&rig.network, SMALL);
        fake_exchange_piece(exchange, 0, streams ? streamed : said, (streams ? sizeof streamed : sizeof said) - 1);
        if (streams)
            exchange->headers[0] = "Content-Type: text/event-stream";
        rig_ask(&space, "r", "hello")->n = 2;
        if (streams) {
            fake_network_streams(&rig.network, LARGE, (const char *const[]){ "large", NULL }, 10, 5);
            assert_int_equal(rig_stream(&rig, &space.request, text, sizeof text, &response), LLMCOST_OK);
        } else {
            fake_network_says(&rig.network, LARGE, "large", 10, 5);
            response = ask_for(&rig, &space.request, LLMCOST_OK);
        }
        assert_string_equal(llmcost_response_text(response), "large");
        assert_int_equal(rig.network.request_count, 2);
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

/* What a hit saves is the caller's own prompt, without the instruction that the first answer's step was sent. */
static void test_a_hit_saves_the_callers_prompt(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, ROUTE("") ",\"cache\":{\"memory\":{},\"sampled\":true}}");
    fake_network_says(&rig.network, SMALL, "It is 4.", 100, 5);
    llmcost_response_free(ask(&rig, LLMCOST_OK));
    llmcost_response *response = ask(&rig, LLMCOST_OK);
    assert_true(llmcost_response_from_cache(response));
    assert_int_equal(llmcost_response_saved_nano(response), (100 - 29) * 2500 + 5 * 10000); /* the instruction's 114 bytes, four to a token */
    llmcost_response_free(response);
    rig_close(&rig);
}

/* A step that says the marker and then goes on is read for its exact bill, up to 256 bytes; then it is ended, and estimated. */
static void test_a_marker_that_goes_on(void **unused)
{
    (void)unused;
    for (size_t bytes = 256; bytes <= 257; bytes++) {
        engine_rig rig;
        rig_request space;
        char said[300] = "UNCERTAIN, for ", text[300];
        llmcost_response *response;
        memset(said + 15, 'x', bytes - 15);
        said[bytes] = '\0';
        rig_open(&rig, ROUTE("") "}");
        fake_network_streams(&rig.network, SMALL, (const char *const[]){ said, NULL }, 10, 5);
        fake_network_streams(&rig.network, LARGE, (const char *const[]){ "large", NULL }, 10, 5);
        assert_int_equal(rig_stream(&rig, rig_ask(&space, "r", "hello"), text, sizeof text, &response), LLMCOST_OK);
        assert_string_equal(text, "large");
        assert_string_equal(rig_line_text(response, 0, "counts"), bytes > 256 ? "estimated" : "reported");
        assert_non_null(strstr(rig_line_text(response, 0, "note"), "it said that it is not sure"));
        assert_int_equal(llmcost_response_line_count(response), 2);
        rig_check_receipt(response);
        llmcost_response_free(response);
        rig_close(&rig);

        rig_open(&rig, ROUTE("") "}"); /* and none of it is an answer to fall back on */
        fake_network_streams(&rig.network, SMALL, (const char *const[]){ said, NULL }, 10, 5);
        fake_network_fails(&rig.network, LARGE, 500, "server_error");
        assert_int_equal(rig_stream(&rig, rig_ask(&space, "r", "hello"), text, sizeof text, &response), LLMCOST_E_SERVER);
        assert_string_equal(text, "");
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_marker),
        cmocka_unit_test(test_a_hit_saves_the_callers_prompt), cmocka_unit_test(test_a_marker_that_goes_on),
        cmocka_unit_test(test_the_instruction),
        cmocka_unit_test(test_a_nested_step_that_breaks_off), cmocka_unit_test(test_streams_cut_everywhere),
        cmocka_unit_test(test_a_late_marker),
        cmocka_unit_test(test_what_is_held_is_bounded),
        cmocka_unit_test(test_whole_answer_triggers_show_nothing_of_a_step_that_fails),
        cmocka_unit_test(test_several_choices_are_judged_whole),
        cmocka_unit_test(test_triggers),
        cmocka_unit_test(test_a_host_judge), cmocka_unit_test(test_what_a_host_judge_is_shown),
        cmocka_unit_test(test_a_judge_model),
        cmocka_unit_test(test_an_unjudged_answer_is_not_cached),
        cmocka_unit_test(test_three_steps_and_a_nest),
        cmocka_unit_test(test_a_steps_retry_keeps_what_was_added),
        cmocka_unit_test(test_a_steps_retry_begins_anew),
        cmocka_unit_test(test_pruned_steps),
        cmocka_unit_test(test_a_further_step_fails),
        cmocka_unit_test(test_the_best_is_whole), cmocka_unit_test(test_the_best_is_streamed_too),
        cmocka_unit_test(test_a_first_step_that_fails_escalates),
        cmocka_unit_test(test_the_budget_refuses_the_next_step),
        cmocka_unit_test(test_a_deadline_in_a_step),
        cmocka_unit_test(test_a_partial_answer_is_kept),
        cmocka_unit_test(test_the_marker_in_another_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
