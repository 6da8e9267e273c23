/* Fallbacks: what goes on and what does not, from every position, before and after part of an answer was shown. */
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
#include "policy/fallback_cause.h"

#define MODELS "\"models\":{\"a\":\"openai/gpt-4o\",\"b\":\"second/gpt-4o-mini\",\"c\":\"third_/gpt-4.1\"}"
#define MORE(members) "{\"preset\":\"openai\",\"key\":\"k\"," members "}"
#define PROVIDERS(members) "\"providers\":{\"openai\":" MORE(members) ",\"second\":" MORE(members) ",\"third_\":" MORE(members) "}"
#define PROVIDER PROVIDERS("\"retries\":0,\"first_byte_ms\":1000")
#define CONFIG(routes) "{" PROVIDER "," MODELS ",\"routes\":{" routes "}}"
#define ABC CONFIG("\"r\":{\"fallback\":[\"a\",\"b\",\"c\"]}")

static const char *const bodies[] = { "\"gpt-4o\"", "\"gpt-4o-mini\"", "\"gpt-4.1\"" };
static const char *const targets[] = { "openai/gpt-4o", "second/gpt-4o-mini", "third_/gpt-4.1" };

/* ---- one call, and what came of it ---- */

typedef struct seen {
    llmcost_status status;
    llmcost_response *response;
    char text[400];         /* as a caller has it who clears his screen when told */
    int restarts, finishes, usages;
} seen;

static void take(seen *out, const llmcost_event *event)
{
    size_t bytes;
    const char *text = llmcost_event_text(event, &bytes);
    llmcost_event_kind kind = llmcost_event_get_kind(event);
    if (kind == LLMCOST_EVENT_RESTART_ANSWER) {
        out->restarts++;
        out->text[0] = '\0';
        out->finishes = out->usages = 0;
        assert_string_equal(text, "");
        assert_non_null(strstr(llmcost_event_json(event), "\"choices\":[],\"llmcost\":{\"restart\":true}}"));
    }
    if (kind == LLMCOST_EVENT_TEXT)
        strncat(out->text, text, bytes);
    out->finishes += kind == LLMCOST_EVENT_FINISH;
    out->usages += kind == LLMCOST_EVENT_USAGE;
}

static void run(engine_rig *rig, const llmcost_request *request, bool streams, seen *out)
{
    llmcost_stream *stream;
    const llmcost_event *event;
    memset(out, 0, sizeof *out);
    if (!streams) {
        out->status = llmcost_chat(rig->client, request, &out->response);
        snprintf(out->text, sizeof out->text, "%s", llmcost_response_text(out->response));
    } else {
        assert_int_equal(llmcost_stream_open(rig->client, request, &stream), LLMCOST_OK);
        while (llmcost_stream_next(stream, &event) == LLMCOST_OK && event)
            take(out, event);
        out->status = llmcost_stream_finish(stream, &out->response);
        llmcost_stream_close(stream);
        if (out->status == LLMCOST_OK) {
            assert_string_equal(out->text, llmcost_response_text(out->response));
            assert_int_equal(out->finishes, 1);
        }
    }
    rig_check_receipt(out->response);
}

static void ask(engine_rig *rig, bool streams, seen *out)
{
    rig_request space;
    run(rig, rig_ask(&space, "r", "hi"), streams, out);
}

static void finish(engine_rig *rig, seen *out)
{
    llmcost_response_free(out->response);
    rig_close(rig);
}

static void answers(engine_rig *rig, const char *match, const char *text, bool streams)
{
    if (streams)
        fake_network_streams(&rig->network, match, (const char *const[]){ text, NULL }, 10, 5);
    else
        fake_network_says(&rig->network, match, text, 10, 5);
}

/* A stream that begins well and breaks off. */
static fake_exchange *breaks_off(engine_rig *rig, const char *match, const char *text)
{
    fake_exchange *exchange = fake_network_add(&rig->network, match);
    fake_exchange_delta(exchange, 1, text);
    exchange->done_ms = 2;
    exchange->status = LLMCOST_E_NETWORK;
    return exchange;
}

static const char *trail(const seen *out)
{
    return llmcost_error_trail(llmcost_response_error(out->response));
}

/* ---- every failure ---- */

static void body_of(engine_rig *rig, const char *match, const char *body)
{
    fake_exchange_piece(fake_network_add(&rig->network, match), 0, body, strlen(body));
}

static llmcost_verdict unavailable(llmcost_leg *leg, void *state, void *user)
{
    (void)state;
    return strcmp(llmcost_leg_target(leg), user) == 0 ? llmcost_leg_fail(leg, (llmcost_status)92, "its breaker is open") : LLMCOST_CONTINUE;
}

/* Makes one target fail in this way; what a budget refuses the config says. Returns what a call to it alone would give. */
static llmcost_status break_it(engine_rig *rig, size_t which, llmc_fallback_cause cause)
{
    const char *match = bodies[which];
    fake_exchange *exchange;
    llmcost_policy breaker = { .struct_size = sizeof breaker, .name = "breaker", .phase = LLMCOST_PHASE_BREAKER, .operations = 1, .enter = unavailable, .user = (void *)(uintptr_t)targets[which] };
    switch (cause) {
    case LLMC_CAUSE_RATE_LIMIT:
        fake_network_fails(&rig->network, match, 429, "rate_limit_exceeded");
        return LLMCOST_E_RATE_LIMITED;
    case LLMC_CAUSE_OVERLOAD:
        fake_network_fails(&rig->network, match, 503, "overloaded");
        return LLMCOST_E_OVERLOADED;
    case LLMC_CAUSE_SERVER_ERROR:
        fake_network_fails(&rig->network, match, 500, "server_error");
        return LLMCOST_E_SERVER;
    case LLMC_CAUSE_TIMEOUT:
        fake_network_add(&rig->network, match)->status_ms = FAKE_SILENT;
        return LLMCOST_E_FIRST_BYTE_TIMEOUT;
    case LLMC_CAUSE_NETWORK:
        exchange = fake_network_add(&rig->network, match);
        exchange->http_status = 0;
        exchange->status = LLMCOST_E_NETWORK;
        return LLMCOST_E_NETWORK;
    case LLMC_CAUSE_QUOTA:
        fake_network_fails(&rig->network, match, 429, "insufficient_quota");
        return LLMCOST_E_QUOTA;
    case LLMC_CAUSE_AUTH:
        fake_network_fails(&rig->network, match, 401, "invalid_api_key");
        return LLMCOST_E_AUTH;
    case LLMC_CAUSE_NOT_FOUND:
        fake_network_fails(&rig->network, match, 404, "model_not_found");
        return LLMCOST_E_NOT_FOUND;
    case LLMC_CAUSE_CONTEXT_LENGTH:
        fake_network_fails(&rig->network, match, 400, "context_length_exceeded");
        return LLMCOST_E_CONTEXT_LENGTH;
    case LLMC_CAUSE_CONTENT_FILTER:
        fake_network_fails(&rig->network, match, 400, "content_filter");
        return LLMCOST_E_CONTENT_FILTER;
    case LLMC_CAUSE_BUDGET:
        return LLMCOST_E_BUDGET;
    case LLMC_CAUSE_MALFORMED:
        body_of(rig, match, "<html>");
        return LLMCOST_E_MALFORMED;
    case LLMC_CAUSE_UNAVAILABLE:
        assert_int_equal(llmcost_client_add_policy(rig->client, &breaker), LLMCOST_OK);
        return (llmcost_status)92;
    case LLMC_CAUSE_REFUSAL:
        body_of(rig, match, "{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,\"refusal\":\"no\"},\"finish_reason\":\"stop\"}],"
                            "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":1,\"total_tokens\":11}}");
        return LLMCOST_OK;
    default:
        return LLMCOST_E_MISUSE;
    }
}

/* All but one of the causes, or that one alone. */
static void list_causes(llmc_fallback_cause cause, bool on, char *out, size_t bytes)
{
    size_t length = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < LLMC_CAUSES; i++) {
        if ((i == cause) == on)
            length += (size_t)snprintf(out + length, bytes - length, "%s\"%s\"", length ? "," : "", llmc_fallback_cause_names[i]);
    }
}

/* Windows of 100000 tokens, 200000 and 300000: every next one is larger. */
#define PRICES "\"prices\":{\"llmcost_prices\":1,\"unit\":\"per_million_tokens\",\"currency\":\"USD\",\"models\":{\"openai/gpt-4o\":{\"input\":\"2.5\",\"output\":\"10\",\"context\":100000}," \
               "\"openai/gpt-4o-mini\":{\"input\":\"0.15\",\"output\":\"0.6\",\"context\":200000},\"openai/gpt-4.1\":{\"input\":\"2\",\"output\":\"8\",\"context\":300000}}}"

static void open_causes(engine_rig *rig, llmc_fallback_cause cause, const char *on, size_t broken)
{
    static const char *const refused[] = { "", "{\"limit\":\"0.000001 USD\",\"model\":\"gpt-4o\"}", "{\"limit\":\"0.000001 USD\",\"model\":\"gpt-4o\"},{\"limit\":\"0.000001 USD\",\"model\":\"gpt-4o-mini\"}",
                                           "{\"limit\":\"0.000001 USD\"}" };
    char config[3000];
    snprintf(config, sizeof config, "{" PROVIDER "," MODELS "," PRICES ",\"budgets\":[%s],\"routes\":{\"r\":{\"fallback\":[\"a\",\"b\",\"c\"]%s%s%s}}}",
             cause == LLMC_CAUSE_BUDGET ? refused[broken] : "", *on ? ",\"on\":[" : "", on, *on ? "]" : "");
    rig_open(rig, config);
}

/* The first `broken` targets fail in this way. Where that is on, the next one answers, else the failure is the caller's. */
static void check_cause(llmc_fallback_cause cause, const char *on, bool goes_on, size_t broken, bool streams)
{
    engine_rig rig;
    seen out;
    llmcost_status alone = LLMCOST_OK;
    open_causes(&rig, cause, on, broken);
    for (size_t i = 0; i < broken; i++)
        alone = break_it(&rig, i, cause);
    for (size_t i = broken; i < 3; i++)
        answers(&rig, bodies[i], "hello", streams);
    ask(&rig, streams, &out);
    const char *name = llmc_fallback_cause_names[cause];
    bool good = goes_on && broken < 3;
    if (out.status != (good ? LLMCOST_OK : alone))
        fail_msg("%s, on: [%s], %zu broken: %s", name, on, broken, llmcost_error_message(llmcost_response_error(out.response)));
    assert_string_equal(out.text, good ? "hello" : "");
    assert_int_equal(llmcost_response_is_altered(out.response), goes_on && broken ? 1 : 0);
    assert_int_equal(llmcost_response_line_count(out.response), goes_on ? (broken < 3 ? broken + 1 : 3) : 1);
    for (size_t i = 0; good && i < broken; i++) {
        char decision[200];
        const char *why = cause == LLMC_CAUSE_REFUSAL ? "it refused" : llmcost_status_name(alone);
        snprintf(decision, sizeof decision, "{\"node\":\"r\",\"kind\":\"fallback\",\"to\":\"%s\",\"why\":\"%s\"}", targets[i + 1], why);
        if (!strstr(llmcost_response_receipt(out.response), decision))
            fail_msg("no %s in %s", decision, llmcost_response_receipt(out.response));
        assert_string_equal(rig_line_text(out.response, (uint32_t)i, "status"), llmcost_status_name(alone));
        assert_string_equal(rig_line_text(out.response, (uint32_t)i, "model"), targets[i] + 7);
        assert_string_equal(rig_line_text(out.response, (uint32_t)i, "purpose"), i ? "fallback" : "answer");
    }
    if (good)
        assert_string_equal(rig_line_text(out.response, (uint32_t)broken, "purpose"), broken ? "fallback" : "answer");
    for (size_t i = 0; out.status && goes_on && i < 3; i++)
        assert_non_null(strstr(trail(&out), targets[i]));
    assert_int_equal(rig_held(&rig), 0);
    finish(&rig, &out);
}

static void test_every_cause_on_and_off_from_every_position(void **unused)
{
    (void)unused;
    char on[600];
    for (unsigned cause = 0; cause < LLMC_CAUSES; cause++) {
        for (size_t broken = 0; broken <= 3; broken++) {
            for (int streams = 0; streams < 2; streams++) {
                list_causes(cause, true, on, sizeof on);
                check_cause(cause, on, true, broken, streams);
                if (broken == 0)
                    continue;
                list_causes(cause, false, on, sizeof on);
                check_cause(cause, on, false, broken, streams);
                check_cause(cause, "", cause != LLMC_CAUSE_REFUSAL, broken, streams);
                check_cause(cause, "\"default\"", cause != LLMC_CAUSE_REFUSAL, broken, streams);
                check_cause(cause, "\"default\",\"refusal\"", true, broken, streams);
            }
        }
    }
}

static void test_every_status_has_its_place(void **unused)
{
    (void)unused;
    static const llmcost_status never[] = { LLMCOST_OK, LLMCOST_E_MEMORY, LLMCOST_E_MISUSE, LLMCOST_E_REENTRANT, LLMCOST_E_CLOSED, LLMCOST_E_CONFIG, LLMCOST_E_FILE, LLMCOST_E_UNKNOWN_MODEL,
                                            LLMCOST_E_AMBIGUOUS_MODEL, LLMCOST_E_INVALID, LLMCOST_E_UNSUPPORTED, LLMCOST_E_DEADLINE, LLMCOST_E_CANCELLED, LLMCOST_E_INVALID_REQUEST, LLMCOST_E_CACHE_MISS, LLMCOST_E_UNKNOWN_CALL };
    for (int number = 0; number < 200; number++) {
        bool known = strcmp(llmcost_status_name((llmcost_status)number), "E_UNKNOWN") != 0, ends = !known;
        for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
            ends |= never[i] == (llmcost_status)number;
        if (number == 92 || number == 93)
            ends = false;
        assert_int_equal(llmc_fallback_cause_of((llmcost_status)number) == LLMC_CAUSE_NONE, ends);
        if (llmcost_status_is_retriable((llmcost_status)number)) /* what may pass may pass elsewhere */
            assert_false(ends);
    }
}

static void test_an_invalid_request_never_goes_on(void **unused)
{
    (void)unused;
    for (int streams = 0; streams < 2; streams++) {
        engine_rig rig;
        seen out;
        rig_open(&rig, ABC);
        fake_network_fails(&rig.network, bodies[0], 500, "server_error");
        fake_network_fails(&rig.network, bodies[1], 400, "invalid_request_error");
        ask(&rig, streams, &out);
        assert_int_equal(out.status, LLMCOST_E_INVALID_REQUEST);
        assert_int_equal(rig.network.request_count, 2);
        finish(&rig, &out);
    }
}

/* Also where the provider's retries would allow it. */
static void test_what_will_not_pass_is_asked_once(void **unused)
{
    (void)unused;
    static const struct { int http_status; const char *code; } kinds[] = { { 401, "invalid_api_key" }, { 403, "permission_denied" }, { 404, "model_not_found" }, { 429, "insufficient_quota" } };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        engine_rig rig;
        seen out;
        rig_open(&rig, "{" PROVIDERS("\"retries\":3") "," MODELS ",\"routes\":{\"r\":{\"fallback\":[\"a\",\"b\"]}}}");
        fake_network_fails(&rig.network, bodies[0], kinds[i].http_status, kinds[i].code);
        answers(&rig, bodies[1], "hello", false);
        ask(&rig, false, &out);
        assert_int_equal(out.status, LLMCOST_OK);
        assert_int_equal(rig.network.request_count, 2);
        assert_int_equal(fake_clock_ms(&rig.clock), 0);
        finish(&rig, &out);
    }
}

/* ---- which error is told ---- */

static void fails_with_wait(engine_rig *rig, const char *match, int http_status, const char *code, const char *wait)
{
    fake_network_fails(&rig->network, match, http_status, code)->headers[1] = wait;
}

static void test_the_most_useful_error_is_told(void **unused)
{
    (void)unused;
    engine_rig rig;
    seen out;
    rig_open(&rig, "{" PROVIDER "," MODELS ",\"budgets\":[{\"limit\":\"0.000001 USD\",\"model\":\"gpt-4o\"}],\"routes\":{\"r\":{\"fallback\":[\"a\",\"b\",\"c\",\"openai/gpt-4.1-mini\"]}}}");
    fails_with_wait(&rig, bodies[1], 401, "invalid_api_key", NULL);
    fails_with_wait(&rig, bodies[2], 429, "rate_limit_exceeded", "Retry-After: 30");
    fails_with_wait(&rig, "\"gpt-4.1-mini\"", 429, "rate_limit_exceeded", "Retry-After: 7");
    rig_request space;
    rig_ask(&space, "r", "hi")->deadline_ms = 5000;
    run(&rig, &space.request, false, &out);
    assert_int_equal(out.status, LLMCOST_E_RATE_LIMITED); /* the one that may pass, not the one that needs the operator */
    const llmcost_error *error = llmcost_response_error(out.response);
    assert_int_equal(llmcost_error_retry_after_ms(error), 7000);
    assert_int_equal(llmcost_error_http_status(error), 429);
    const char *said = llmcost_error_message(error);
    assert_ptr_equal(strstr(said, "third_/gpt-4.1: "), said);
    assert_non_null(strstr(said, "; also failed: openai/gpt-4o: E_BUDGET, second/gpt-4o-mini: E_AUTH, openai/gpt-4.1-mini: E_RATE_LIMITED"));
    const char *first = strstr(trail(&out), "{\"target\":\"openai/gpt-4o\",\"purpose\":\"answer\",\"status\":\"E_BUDGET\",\"message\":\"openai/gpt-4o: budget ");
    assert_non_null(first);
    assert_non_null(strstr(first, "\"E_AUTH\""));
    assert_non_null(strstr(first, "{\"target\":\"openai/gpt-4.1-mini\",\"purpose\":\"fallback\",\"status\":\"E_RATE_LIMITED\",\"message\":\"openai/gpt-4.1-mini: "));
    finish(&rig, &out);

    rig_open(&rig, "{" PROVIDER "," MODELS ",\"budgets\":[{\"limit\":\"0.000001 USD\",\"model\":\"gpt-4o\"}],\"routes\":{\"r\":{\"fallback\":[\"a\",\"b\"]}}}");
    fails_with_wait(&rig, bodies[1], 401, "invalid_api_key", NULL);
    ask(&rig, true, &out);
    assert_int_equal(out.status, LLMCOST_E_AUTH); /* a refusal of the budget hides nothing */
    finish(&rig, &out);
}

/* A target that was not even asked tells less than one that failed, and more than one that will fail again. */
static void test_what_was_not_asked_is_told_second(void **unused)
{
    (void)unused;
    static const struct { llmc_fallback_cause other; llmcost_status told; } cases[] = { { LLMC_CAUSE_SERVER_ERROR, LLMCOST_E_SERVER }, { LLMC_CAUSE_AUTH, LLMCOST_E_BREAKER_OPEN } };
    for (size_t i = 0; i < 2; i++) {
        engine_rig rig;
        seen out;
        rig_open(&rig, CONFIG("\"r\":{\"fallback\":[\"a\",\"b\"]}"));
        break_it(&rig, 0, LLMC_CAUSE_UNAVAILABLE);
        break_it(&rig, 1, cases[i].other);
        ask(&rig, false, &out);
        assert_int_equal(out.status, cases[i].told);
        finish(&rig, &out);
    }
}

static void test_all_refused_by_the_budget(void **unused)
{
    (void)unused;
    engine_rig rig;
    seen out;
    rig_open(&rig, "{" PROVIDER "," MODELS ",\"budgets\":[{\"limit\":\"0.000001 USD\"}],\"routes\":{\"r\":{\"fallback\":[\"a\",\"b\",\"c\"]}}}");
    ask(&rig, false, &out);
    assert_int_equal(out.status, LLMCOST_E_BUDGET);
    assert_int_equal(rig.network.request_count, 0);
    assert_int_equal(llmcost_response_cost_nano(out.response), 0);
    finish(&rig, &out);
}

/* ---- money ---- */

/* Room for one hold and what is left of it: the next target is asked only if the first one's money is free again. */
static void test_the_failed_ones_hold_is_free_again(void **unused)
{
    (void)unused;
    engine_rig rig;
    seen out;
    rig_open(&rig, "{" PROVIDER "," MODELS ",\"budget_wait_ms\":0,\"budgets\":[{\"limit\":\"0.002 USD\"}],\"routes\":{\"r\":{\"fallback\":[\"a\",\"c\"]}}}");
    fake_network_fails(&rig.network, bodies[0], 500, "server_error");
    answers(&rig, bodies[2], "hello", false);
    rig_request space;
    rig_ask(&space, "r", "hi")->max_tokens = 150;
    run(&rig, &space.request, false, &out);
    assert_int_equal(out.status, LLMCOST_OK);
    assert_true(rig_line(out.response, 0, "bound_nano") + rig_line(out.response, 1, "bound_nano") > 2000000);
    assert_int_equal(rig_spent(&rig), llmcost_response_cost_nano(out.response));
    finish(&rig, &out);
}

static void test_money_of_the_failed_is_overhead(void **unused)
{
    (void)unused;
    engine_rig rig;
    seen out;
    rig_open(&rig, CONFIG("\"r\":{\"fallback\":[\"a\",\"b\"],\"after_delta\":\"continue\"}"));
    breaks_off(&rig, bodies[0], "twelve bytes");
    answers(&rig, bodies[1], "hello", true);
    ask(&rig, true, &out);
    int64_t wasted = rig_line(out.response, 0, "cost_nano");
    assert_true(wasted > 0);
    assert_int_equal(llmcost_response_cost_nano(out.response), wasted + 10 * 150 + 5 * 600);
    char overhead[60];
    snprintf(overhead, sizeof overhead, "\"overhead\":-%lld", (long long)wasted);
    assert_non_null(strstr(llmcost_response_receipt(out.response), overhead));
    assert_non_null(strstr(rig_line_text(out.response, 0, "note"), "part of its answer was shown"));
    finish(&rig, &out);
}

static void test_only_the_first_targets_answer_is_cached(void **unused)
{
    (void)unused;
    engine_rig rig;
    seen out;
    rig_open(&rig, "{" PROVIDER "," MODELS ",\"cache\":{\"memory\":{},\"sampled\":true},\"routes\":{\"r\":{\"fallback\":[\"a\",\"b\"]}}}");
    fake_network_fails(&rig.network, bodies[0], 500, "server_error")->times = 1;
    answers(&rig, bodies[1], "second", false);
    answers(&rig, bodies[0], "first", false);
    static const char *const expected[] = { "second", "first", "first" };
    for (int i = 0; i < 3; i++) {
        ask(&rig, false, &out);
        assert_string_equal(out.text, expected[i]);
        assert_int_equal(llmcost_response_from_cache(out.response), i == 2);
        llmcost_response_free(out.response);
    }
    rig_close(&rig);
}

/* ---- part of an answer was shown ---- */

static void test_after_the_first_delta(void **unused)
{
    (void)unused;
    engine_rig rig;
    seen out;
    rig_open(&rig, ABC);
    breaks_off(&rig, bodies[0], "Once upon");
    answers(&rig, bodies[1], "hello", true);
    ask(&rig, true, &out);
    assert_int_equal(out.status, LLMCOST_E_TRUNCATED);
    assert_string_equal(out.text, "Once upon");
    assert_int_equal(out.restarts, 0);
    assert_int_equal(rig.network.request_count, 1);
    finish(&rig, &out);

    rig_open(&rig, CONFIG("\"r\":{\"fallback\":[\"a\",\"b\",\"c\"],\"after_delta\":\"continue\"}"));
    breaks_off(&rig, bodies[0], "Once upon");
    breaks_off(&rig, bodies[1], "In the");
    answers(&rig, bodies[2], "hello", true);
    ask(&rig, true, &out);
    assert_int_equal(out.status, LLMCOST_OK);
    assert_string_equal(out.text, "hello");
    assert_int_equal(out.restarts, 2);
    assert_true(llmcost_response_is_altered(out.response));
    const char *receipt = llmcost_response_receipt(out.response);
    assert_non_null(strstr(receipt, "\"restarts\":2"));
    assert_non_null(strstr(receipt, "\"to\":\"second/gpt-4o-mini\",\"why\":\"E_TRUNCATED, when part of its answer had been shown\""));
    finish(&rig, &out);
}

/* A target that fails before it shows anything is passed over in silence, also behind one that had shown something. */
static void test_told_only_of_what_was_shown(void **unused)
{
    (void)unused;
    engine_rig rig;
    seen out;
    rig_open(&rig, CONFIG("\"r\":{\"fallback\":[\"a\",\"b\",\"c\"],\"after_delta\":\"continue\"}"));
    breaks_off(&rig, bodies[0], "Once upon");
    fake_network_fails(&rig.network, bodies[1], 500, "server_error");
    answers(&rig, bodies[2], "hello", true);
    ask(&rig, true, &out);
    assert_int_equal(out.status, LLMCOST_OK);
    assert_int_equal(out.restarts, 1);
    finish(&rig, &out);

    rig_open(&rig, CONFIG("\"r\":{\"fallback\":[\"a\",\"b\",\"c\"],\"after_delta\":\"continue\"}"));
    breaks_off(&rig, bodies[0], "Once upon");
    fake_network_fails(&rig.network, bodies[1], 429, "rate_limit_exceeded");
    fake_network_fails(&rig.network, bodies[2], 401, "invalid_api_key");
    ask(&rig, true, &out);
    assert_int_equal(out.status, LLMCOST_E_TRUNCATED); /* the first that may pass */
    assert_int_equal(out.restarts, 1);
    assert_string_equal(out.text, "");
    finish(&rig, &out);
}

/* What began again may itself be tried again before it shows anything. */
static void test_retries_after_a_restart(void **unused)
{
    (void)unused;
    engine_rig rig;
    seen out;
    rig_open(&rig, "{" PROVIDERS("\"retries\":1") "," MODELS ",\"routes\":{\"r\":{\"fallback\":[\"a\",\"b\"],\"after_delta\":\"continue\"}}}");
    breaks_off(&rig, bodies[0], "Once upon");
    fake_network_fails(&rig.network, bodies[1], 500, "server_error")->times = 1;
    answers(&rig, bodies[1], "hello", true);
    ask(&rig, true, &out);
    assert_int_equal(out.status, LLMCOST_OK);
    assert_int_equal(out.restarts, 1);
    assert_int_equal(rig.network.request_count, 3);
    assert_string_equal(out.text, "hello");
    finish(&rig, &out);
}

static int leave_on_restart(const llmcost_event *event, void *user)
{
    int *events = user;
    (*events)++;
    return llmcost_event_get_kind(event) == LLMCOST_EVENT_RESTART_ANSWER;
}

static void take_response(uint64_t call, llmcost_response *response, void *user)
{
    (void)call;
    *(llmcost_response **)user = response;
}

typedef struct looped {
    llmcost_response *response;
    int events;
} looped;

static int leave_looped(const llmcost_event *event, void *user)
{
    return leave_on_restart(event, &((looped *)user)->events);
}

static void take_looped(uint64_t call, llmcost_response *response, void *user)
{
    take_response(call, response, &((looped *)user)->response);
}

static void test_a_caller_who_wants_no_second_beginning(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    int events = 0;
    static const char config[] = CONFIG("\"r\":{\"fallback\":[\"a\",\"b\"],\"after_delta\":\"continue\"}");
    rig_open(&rig, config);
    breaks_off(&rig, bodies[0], "Once upon");
    answers(&rig, bodies[1], "hello", true);
    assert_int_equal(llmcost_chat_stream(rig.client, rig_ask(&space, "r", "hi"), leave_on_restart, &events, &response), LLMCOST_E_CANCELLED);
    assert_int_equal(events, 2);
    llmcost_response_free(response);
    rig_close(&rig);

    looped job = { NULL, 0 };
    llmcost_loop *loop;
    rig_open(&rig, config);
    breaks_off(&rig, bodies[0], "Once upon");
    answers(&rig, bodies[1], "hello", true);
    assert_int_equal(llmcost_loop_open(rig.client, &loop), LLMCOST_OK);
    assert_int_equal(llmcost_loop_submit(loop, rig_ask(&space, "r", "hi"), leave_looped, take_looped, &job, NULL), LLMCOST_OK);
    while (llmcost_loop_pending(loop))
        llmcost_loop_poll(loop, 1000);
    assert_int_equal(llmcost_response_status(job.response), LLMCOST_E_CANCELLED);
    assert_int_equal(job.events, 2);
    assert_int_equal(rig.network.request_count, 1);
    llmcost_response_free(job.response);
    llmcost_loop_close(loop);
    rig_close(&rig);
}

/* ---- filters and refusals of an answer ---- */

static void filtered(engine_rig *rig, const char *match, const char *text, bool streams)
{
    char body[300];
    if (streams) {
        fake_exchange *exchange = fake_network_add(&rig->network, match);
        if (*text)
            fake_exchange_delta(exchange, 1, text);
        exchange->headers[0] = "Content-Type: text/event-stream";
        fake_exchange_end(exchange, 2, "content_filter", 10, 5);
        return;
    }
    snprintf(body, sizeof body, "{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},\"finish_reason\":\"content_filter\"}],"
                                "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15}}", text);
    body_of(rig, match, body);
}

static void test_a_filtered_answer(void **unused)
{
    (void)unused;
    for (int streams = 0; streams < 2; streams++) {
        engine_rig rig;
        seen out;
        rig_open(&rig, ABC);
        filtered(&rig, bodies[0], "", streams);
        answers(&rig, bodies[1], "hello", streams);
        ask(&rig, streams, &out);
        assert_string_equal(out.text, "hello");
        assert_int_equal(out.usages, streams);
        assert_non_null(strstr(llmcost_response_receipt(out.response), "\"why\":\"a filter ended its answer\""));
        finish(&rig, &out);

        rig_open(&rig, ABC); /* all the others fail: better than none */
        filtered(&rig, bodies[0], "", streams);
        fake_network_fails(&rig.network, bodies[1], 500, "server_error");
        fake_network_fails(&rig.network, bodies[2], 500, "server_error");
        ask(&rig, streams, &out);
        assert_int_equal(out.status, LLMCOST_OK);
        assert_int_equal(llmcost_response_finish(out.response, 0), LLMCOST_FINISH_CONTENT_FILTER);
        assert_true(llmcost_response_is_altered(out.response));
        finish(&rig, &out);

        rig_open(&rig, ABC); /* all of them are filtered: the last as it is */
        filtered(&rig, NULL, "", streams);
        ask(&rig, streams, &out);
        assert_int_equal(llmcost_response_finish(out.response, 0), LLMCOST_FINISH_CONTENT_FILTER);
        assert_int_equal(rig.network.request_count, 3);
        finish(&rig, &out);

        rig_open(&rig, CONFIG("\"r\":{\"fallback\":[\"a\",\"b\"],\"on\":[\"rate_limit\"]}"));
        filtered(&rig, bodies[0], "half", streams);
        ask(&rig, streams, &out);
        assert_string_equal(out.text, "half");
        assert_false(llmcost_response_is_altered(out.response));
        finish(&rig, &out);
    }
}

static void test_a_filtered_answer_that_was_shown(void **unused)
{
    (void)unused;
    engine_rig rig;
    seen out;
    rig_open(&rig, ABC);
    filtered(&rig, bodies[0], "half", true);
    ask(&rig, true, &out);
    assert_int_equal(out.status, LLMCOST_OK);
    assert_string_equal(out.text, "half");
    assert_int_equal(llmcost_response_finish(out.response, 0), LLMCOST_FINISH_CONTENT_FILTER);
    finish(&rig, &out);

    rig_open(&rig, CONFIG("\"r\":{\"fallback\":[\"a\",\"b\",\"c\"],\"after_delta\":\"continue\"}"));
    filtered(&rig, bodies[0], "half", true);
    fake_network_fails(&rig.network, bodies[1], 500, "server_error");
    fake_network_fails(&rig.network, bodies[2], 500, "server_error");
    ask(&rig, true, &out);
    assert_int_equal(out.status, LLMCOST_OK); /* void, and then given after all */
    assert_string_equal(out.text, "half");
    assert_int_equal(out.restarts, 1);
    finish(&rig, &out);
}

static void test_a_streamed_refusal_is_not_shown(void **unused)
{
    (void)unused;
    static const char refusal[] = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"refusal\":\"I cannot\"}}]}\n\n"
                                  "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    for (int on = 0; on < 2; on++) {
        engine_rig rig;
        seen out;
        rig_open(&rig, on ? CONFIG("\"r\":{\"fallback\":[\"a\",\"b\"],\"on\":[\"refusal\"]}") : ABC);
        fake_exchange *exchange = fake_network_add(&rig.network, bodies[0]);
        exchange->headers[0] = "Content-Type: text/event-stream";
        fake_exchange_piece(exchange, 1, refusal, sizeof refusal - 1);
        answers(&rig, bodies[1], "hello", true);
        ask(&rig, true, &out);
        assert_string_equal(out.text, on ? "hello" : "");
        assert_int_equal(out.restarts, 0);
        assert_int_equal(rig.network.request_count, 1 + on);
        finish(&rig, &out);
    }
}

/* ---- context windows ---- */

#define WINDOWS(a, b, c) "{" PROVIDER "," MODELS ",\"prices\":{\"llmcost_prices\":1,\"unit\":\"per_million_tokens\",\"currency\":\"USD\",\"models\":{\"openai/gpt-4o\":{\"input\":\"2.5\",\"output\":\"10\",\"context\":" a "}," \
    "\"openai/gpt-4o-mini\":{\"input\":\"0.15\",\"output\":\"0.6\",\"context\":" b "},\"openai/gpt-4.1\":{\"input\":\"2\",\"output\":\"8\",\"context\":" c "}}},"
#define TOO_LARGE "\"pruned\":\"second/gpt-4o-mini: the prompt is too long for its context window\""

static void test_a_too_long_prompt_goes_to_a_larger_window(void **unused)
{
    (void)unused;
    engine_rig rig;
    seen out;
    rig_open(&rig, WINDOWS("1000", "1000", "2000") "\"routes\":{\"r\":{\"fallback\":[\"a\",\"b\",\"c\"]}}}");
    fake_network_fails(&rig.network, bodies[0], 400, "context_length_exceeded");
    answers(&rig, bodies[1], "no", false);
    answers(&rig, bodies[2], "hello", false);
    ask(&rig, false, &out);
    assert_string_equal(out.text, "hello");
    assert_int_equal(rig.network.request_count, 2);
    assert_non_null(strstr(llmcost_response_receipt(out.response), TOO_LARGE));
    finish(&rig, &out);

    rig_open(&rig, WINDOWS("2000", "1000", "2000") "\"routes\":{\"r\":{\"fallback\":[\"a\",\"b\",\"c\"]}}}"); /* none is larger */
    fake_network_fails(&rig.network, bodies[0], 400, "context_length_exceeded");
    ask(&rig, false, &out);
    assert_int_equal(out.status, LLMCOST_E_CONTEXT_LENGTH);
    assert_int_equal(rig.network.request_count, 1);
    finish(&rig, &out);
}

static void test_an_unknown_window_may_be_larger(void **unused)
{
    (void)unused;
    engine_rig rig;
    seen out;
    rig_open(&rig, "{" PROVIDER ",\"routes\":{\"r\":{\"fallback\":[\"openai/gpt-4o\",\"openai/nobody-knows\",\"openai/gpt-4o-mini\"]}}}");
    fake_network_fails(&rig.network, bodies[0], 400, "context_length_exceeded");
    fake_network_fails(&rig.network, "nobody-knows", 400, "context_length_exceeded");
    ask(&rig, false, &out);
    assert_int_equal(out.status, LLMCOST_E_CONTEXT_LENGTH);
    assert_int_equal(rig.network.request_count, 2);
    finish(&rig, &out);
}

/* What one node learned the next one knows; the failure may come from deep inside. */
static void test_windows_of_nested_nodes(void **unused)
{
    (void)unused;
    engine_rig rig;
    seen out;
    rig_open(&rig, WINDOWS("1000", "1000", "2000") "\"routes\":{\"r\":{\"fallback\":[{\"cascade\":[\"b\",\"a\"]},{\"fallback\":[\"a\",\"c\"]}]}}}");
    fake_network_fails(&rig.network, bodies[0], 400, "context_length_exceeded");
    fake_network_fails(&rig.network, bodies[1], 400, "context_length_exceeded");
    answers(&rig, bodies[2], "hello", false);
    ask(&rig, false, &out);
    assert_string_equal(out.text, "hello");
    assert_int_equal(rig.network.request_count, 3); /* the small, the large, and not the large again */
    finish(&rig, &out);
}

static void test_a_prompt_that_cannot_fit_is_not_sent(void **unused)
{
    (void)unused;
    engine_rig rig;
    seen out;
    rig_request space;
    char *prompt = malloc(40001);
    for (int i = 0; i < 20000; i++)
        memcpy(prompt + 2 * i, "a ", 3);
    rig_open(&rig, WINDOWS("4000", "6000", "100000") "\"routes\":{\"r\":{\"fallback\":[\"a\",\"b\",\"c\"]},\"s\":{\"fallback\":[\"a\",\"a\"]}}}");
    fake_network_fails(&rig.network, bodies[1], 500, "server_error");
    answers(&rig, bodies[2], "hello", false);
    run(&rig, rig_ask(&space, "r", prompt), false, &out); /* 20,000 words: 5,000 tokens at least */
    assert_string_equal(out.text, "hello");
    assert_int_equal(rig.network.request_count, 2);
    assert_non_null(strstr(llmcost_response_receipt(out.response), "\"pruned\":\"openai/gpt-4o: the prompt"));
    llmcost_response_free(out.response);
    run(&rig, rig_ask(&space, "s", prompt), false, &out);
    assert_int_equal(out.status, LLMCOST_E_CONTEXT_LENGTH);
    assert_int_equal(rig.network.request_count, 2);
    llmcost_response_free(out.response);
    rig_ask(&space, "s", prompt)->extra = "{\"truncation\":\"auto\"}"; /* the provider may cut it */
    answers(&rig, bodies[0], "cut", false);
    run(&rig, &space.request, false, &out);
    assert_string_equal(out.text, "cut");
    free(prompt);
    finish(&rig, &out);
}

/* ---- time ---- */

static void test_attempt_ms(void **unused)
{
    (void)unused;
    for (int streams = 0; streams < 2; streams++) {
        engine_rig rig;
        seen out;
        rig_open(&rig, CONFIG("\"r\":{\"fallback\":[\"a\",\"b\"],\"attempt_ms\":400}"));
        fake_network_add(&rig.network, bodies[0])->status_ms = FAKE_SILENT;
        answers(&rig, bodies[1], "hello", streams);
        ask(&rig, streams, &out);
        assert_string_equal(out.text, "hello");
        assert_int_equal(rig.network.requests[1].at_ms, 400);
        assert_non_null(strstr(llmcost_response_receipt(out.response), "\"why\":\"attempt_ms passed\""));
        finish(&rig, &out);

        rig_open(&rig, CONFIG("\"r\":{\"fallback\":[\"a\",\"b\"],\"attempt_ms\":400}")); /* the last has the call's time */
        fake_network_add(&rig.network, NULL)->status_ms = FAKE_SILENT;
        ask(&rig, streams, &out);
        assert_int_equal(out.status, LLMCOST_E_FIRST_BYTE_TIMEOUT);
        assert_int_equal(fake_clock_ms(&rig.clock), 1400);
        assert_non_null(strstr(trail(&out), "\"E_DEADLINE\""));
        finish(&rig, &out);

        rig_open(&rig, CONFIG("\"r\":{\"fallback\":[\"a\",\"b\"],\"attempt_ms\":400,\"on\":[\"rate_limit\"]}"));
        fake_network_add(&rig.network, NULL)->status_ms = FAKE_SILENT;
        ask(&rig, streams, &out);
        assert_int_equal(out.status, LLMCOST_E_DEADLINE);
        assert_non_null(strstr(llmcost_error_message(llmcost_response_error(out.response)), "openai/gpt-4o: no answer within attempt_ms (400)"));
        finish(&rig, &out);
    }
}

/* An answer that is being shown is not cut because it is long. */
static void test_attempt_ms_ends_when_the_answer_is_shown(void **unused)
{
    (void)unused;
    static const char *const configs[] = { CONFIG("\"r\":{\"fallback\":[\"a\",\"b\"],\"attempt_ms\":400}"), CONFIG("\"r\":{\"cascade\":[{\"fallback\":[\"a\",\"b\"],\"attempt_ms\":400},\"c\"]}"),
                                           CONFIG("\"r\":{\"fallback\":[{\"fallback\":[\"a\",\"b\"],\"attempt_ms\":500},\"c\"],\"attempt_ms\":400}") };
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        engine_rig rig;
        seen out;
        rig_open(&rig, configs[i]);
        fake_exchange *slow = fake_network_add(&rig.network, bodies[0]);
        for (int k = 0; k < 20; k++)
            fake_exchange_delta(slow, 100 * (k + 1), "some words, ");
        fake_exchange_end(slow, 2100, "stop", 10, 5);
        ask(&rig, true, &out);
        assert_int_equal(out.status, LLMCOST_OK);
        assert_int_equal(strlen(out.text), 20 * 12);
        assert_int_equal(rig.network.request_count, 1);
        finish(&rig, &out);
    }
}

static void test_the_calls_deadline_ends_it(void **unused)
{
    (void)unused;
    for (int attempt = 0; attempt < 2; attempt++) {
        engine_rig rig;
        seen out;
        rig_request space;
        rig_open(&rig, attempt ? CONFIG("\"r\":{\"fallback\":[\"a\",\"b\"],\"attempt_ms\":900}") : ABC);
        fake_network_add(&rig.network, NULL)->status_ms = FAKE_SILENT;
        rig_ask(&space, "r", "hi")->deadline_ms = 900;
        run(&rig, &space.request, attempt, &out);
        assert_int_equal(out.status, LLMCOST_E_DEADLINE);
        assert_int_equal(fake_clock_ms(&rig.clock), 900);
        assert_int_equal(rig.network.request_count, 1);
        finish(&rig, &out);
    }
}

static void test_cancelled_in_the_middle(void **unused)
{
    (void)unused;
    for (int which = 0; which < 2; which++) {
        engine_rig rig;
        rig_request space;
        llmcost_stream *stream;
        const llmcost_event *event;
        rig_open(&rig, CONFIG("\"r\":{\"fallback\":[\"a\",\"b\",\"c\"],\"after_delta\":\"continue\"}"));
        if (which)
            breaks_off(&rig, bodies[0], "Once upon");
        else
            fake_network_fails(&rig.network, bodies[0], 500, "server_error");
        fake_exchange *slow = fake_network_add(&rig.network, bodies[1]);
        fake_exchange_delta(slow, 100, "hel");
        fake_exchange_delta(slow, 100000, "lo");
        assert_int_equal(llmcost_stream_open(rig.client, rig_ask(&space, "r", "hi"), &stream), LLMCOST_OK);
        for (int i = 0; i < 1 + 2 * which; i++)
            assert_int_equal(llmcost_stream_next(stream, &event), LLMCOST_OK);
        assert_string_equal(llmcost_event_text(event, NULL), "hel");
        llmcost_stream_close(stream);
        assert_int_equal(rig.network.request_count, 2);
        assert_true(fake_clock_ms(&rig.clock) < 1000);
        rig_close(&rig);
    }
}

/* ---- nested ---- */

static void test_a_cascade_in_a_fallback(void **unused)
{
    (void)unused;
    for (int streams = 0; streams < 2; streams++) {
        engine_rig rig;
        seen out;
        rig_open(&rig, CONFIG("\"r\":{\"fallback\":[{\"cascade\":[\"b\",\"a\"]},\"c\"]}"));
        answers(&rig, bodies[1], "UNCERTAIN", streams);
        fake_network_fails(&rig.network, bodies[0], 500, "server_error");
        answers(&rig, bodies[2], "hello", streams);
        ask(&rig, streams, &out);
        assert_string_equal(out.text, "hello");
        assert_int_equal(llmcost_response_line_count(out.response), 3);
        assert_non_null(strstr(llmcost_response_receipt(out.response), "{\"node\":\"r\",\"kind\":\"fallback\",\"to\":\"third_/gpt-4.1\",\"why\":\"E_SERVER\"}"));
        finish(&rig, &out);
    }
}

/* A step of a cascade is held back until it is known to be sure: what a failed target gave of it is forgotten. */
static void test_a_fallback_in_a_cascade(void **unused)
{
    (void)unused;
    static const struct { const char *first, *second, *said; int steps; } cases[] = {
        { "It is 4.\nUNCERT", "It is 5.", "It is 5.", 2 },
        { "UNCERT", "It is 5.", "It is 5.", 2 },
        { "UNCERTAIN", "It is 5.", "It is 5.", 2 },
        { "UNCERT", "UNCERTAIN", "large", 3 },
        { "", "AIN\nUNCERTAIN", "large", 3 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int whole = 0; whole < 2; whole++) {
            engine_rig rig;
            seen out;
            rig_open(&rig, whole ? CONFIG("\"r\":{\"cascade\":[{\"fallback\":[\"a\",\"b\"],\"after_delta\":\"continue\"},\"c\"],\"escalate_on\":{\"marker\":true,\"truncation\":true}}")
                                 : CONFIG("\"r\":{\"cascade\":[{\"fallback\":[\"a\",\"b\"],\"after_delta\":\"continue\"},\"c\"]}"));
            breaks_off(&rig, bodies[0], cases[i].first);
            answers(&rig, bodies[1], cases[i].second, true);
            answers(&rig, bodies[2], "large", true);
            ask(&rig, true, &out);
            bool marked_at_its_end = strchr(cases[i].second, '\n') && !whole;
            if (!marked_at_its_end && strcmp(out.text, cases[i].said) != 0)
                fail_msg("\"%s\" then \"%s\": \"%s\"", cases[i].first, cases[i].second, out.text);
            if (!marked_at_its_end)
                assert_int_equal(rig.network.request_count, cases[i].steps);
            bool shown = strchr(cases[i].first, '\n') && !whole;
            assert_int_equal(out.restarts, shown);
            finish(&rig, &out);
        }
    }
}

/* The first target has shown part of its answer through the cascade: an error, and neither the next target nor the next step. */
static void test_a_fallback_in_a_cascade_that_has_shown(void **unused)
{
    (void)unused;
    engine_rig rig;
    seen out;
    rig_open(&rig, CONFIG("\"r\":{\"cascade\":[{\"fallback\":[\"a\",\"b\"]},\"c\"]}"));
    breaks_off(&rig, bodies[0], "It is 4, and this is why: ");
    ask(&rig, true, &out);
    assert_int_equal(out.status, LLMCOST_E_TRUNCATED);
    assert_int_equal(rig.network.request_count, 1);
    assert_true(strlen(out.text) > 0);
    finish(&rig, &out);
}

/* Begun again inside the first step, then not sure: nothing that was shown counts any more. */
static void test_an_escalation_after_a_restart(void **unused)
{
    (void)unused;
    engine_rig rig;
    seen out;
    rig_open(&rig, CONFIG("\"r\":{\"cascade\":[{\"fallback\":[\"a\",\"b\"],\"after_delta\":\"continue\"},\"c\"]}"));
    breaks_off(&rig, bodies[0], "It is 4, and this is why: ");
    answers(&rig, bodies[1], "UNCERTAIN", true);
    answers(&rig, bodies[2], "large", true);
    ask(&rig, true, &out);
    assert_int_equal(out.status, LLMCOST_OK);
    assert_string_equal(out.text, "large");
    assert_int_equal(out.restarts, 1);
    finish(&rig, &out);
}

static void test_fallbacks_in_fallbacks(void **unused)
{
    (void)unused;
    engine_rig rig;
    seen out;
    rig_open(&rig, CONFIG("\"r\":{\"fallback\":[{\"fallback\":[\"a\",\"b\"]},\"c\"],\"after_delta\":\"continue\"}"));
    breaks_off(&rig, bodies[0], "Once upon"); /* the inner one makes it an error, the outer one goes on */
    answers(&rig, bodies[2], "hello", true);
    ask(&rig, true, &out);
    assert_string_equal(out.text, "hello");
    assert_int_equal(out.restarts, 1);
    assert_int_equal(rig.network.request_count, 2);
    finish(&rig, &out);

    rig_open(&rig, CONFIG("\"r\":{\"fallback\":[{\"fallback\":[\"a\",\"b\"]},\"c\"]}"));
    fails_with_wait(&rig, bodies[0], 429, "rate_limit_exceeded", "Retry-After: 5");
    fails_with_wait(&rig, bodies[1], 429, "rate_limit_exceeded", "Retry-After: 3");
    fails_with_wait(&rig, bodies[2], 429, "rate_limit_exceeded", "Retry-After: 9");
    ask(&rig, false, &out);
    assert_int_equal(out.status, LLMCOST_E_RATE_LIMITED);
    assert_int_equal(llmcost_error_retry_after_ms(llmcost_response_error(out.response)), 3000);
    assert_int_equal(llmcost_response_line_count(out.response), 3);
    finish(&rig, &out);
}

/* ---- what others ask of a leg ---- */

typedef struct noted {
    char targets[8][40];
    bool alternative[8];
    size_t count;
} noted;

static llmcost_verdict note_alternative(llmcost_leg *leg, void *state, void *user)
{
    (void)state;
    noted *all = user;
    snprintf(all->targets[all->count], sizeof all->targets[0], "%s", llmcost_leg_target(leg));
    all->alternative[all->count++] = leg->has_alternative;
    return LLMCOST_CONTINUE;
}

static void test_who_has_an_alternative(void **unused)
{
    (void)unused;
    engine_rig rig;
    seen out;
    noted all = { .count = 0 };
    llmcost_policy policy = { .struct_size = sizeof policy, .name = "noting", .phase = LLMCOST_PHASE_BREAKER, .operations = 1, .enter = note_alternative, .user = &all };
    rig_open(&rig, "{" PROVIDERS("\"retries\":1") "," MODELS ",\"routes\":{\"r\":{\"fallback\":[{\"fallback\":[\"a\",\"b\"]},\"c\"]}}}");
    assert_int_equal(llmcost_client_add_policy(rig.client, &policy), LLMCOST_OK);
    fake_network_fails(&rig.network, NULL, 500, "server_error");
    ask(&rig, false, &out);
    static const bool expected[] = { true, true, true, true, false, false }; /* each is tried twice */
    assert_int_equal(all.count, 6);
    assert_memory_equal(all.alternative, expected, sizeof expected);
    finish(&rig, &out);
}

/* An unfit step is skipped and told, and is no alternative. */
static void test_unfit_steps_are_skipped(void **unused)
{
    (void)unused;
    engine_rig rig;
    seen out;
    rig_request space;
    llmcost_part parts[] = { { .type = LLMCOST_PART_TEXT, .text = "what is this?" }, { .type = LLMCOST_PART_AUDIO, .data = "RIFF", .data_bytes = 4, .media_type = "audio/wav" } };
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0},\"anthropic\":{\"key\":\"k\",\"retries\":0}},\"routes\":{\"r\":{\"fallback\":[\"anthropic/claude-sonnet-4-5\",\"openai/gpt-4o\",\"anthropic/claude-haiku-4-5\"]}}}");
    answers(&rig, bodies[0], "hello", false);
    rig_ask(&space, "r", "hi");
    space.messages[0].text = NULL;
    space.messages[0].parts = parts;
    space.messages[0].part_count = 2;
    run(&rig, &space.request, false, &out);
    assert_string_equal(out.text, "hello");
    assert_false(llmcost_response_is_altered(out.response)); /* the first that could answer did */
    assert_non_null(strstr(llmcost_response_receipt(out.response), "\"pruned\":\"anthropic/claude-sonnet-4-5: "));
    finish(&rig, &out);
}

/* OpenAI's own members are a step's to have or not, like fields. */
static void test_steps_without_a_member_of_openai_are_skipped(void **unused)
{
    (void)unused;
    static const char *const members[] = { "\"presence_penalty\":0.5", "\"logit_bias\":{\"1\":1}", "\"store\":true", "\"metadata\":{\"a\":\"b\"}" };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        engine_rig rig;
        llmcost_response *response;
        char body[200];
        rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0},\"anthropic\":{\"key\":\"k\",\"retries\":0}},\"routes\":{\"r\":{\"fallback\":[\"anthropic/claude-sonnet-4-5\",\"openai/gpt-4o\"]}}}");
        answers(&rig, bodies[0], "hello", false);
        snprintf(body, sizeof body, "{\"model\":\"r\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],%s}", members[i]);
        assert_int_equal(llmcost_chat_json(rig.client, body, 0, &response), LLMCOST_OK);
        assert_string_equal(llmcost_response_text(response), "hello");
        assert_non_null(strstr(llmcost_response_receipt(response), "\"pruned\":\"anthropic/claude-sonnet-4-5: "));
        assert_int_equal(rig.network.request_count, 1);
        assert_non_null(strstr(rig.network.requests[0].body, members[i]));
        llmcost_response_free(response);
        snprintf(body, sizeof body, "{\"model\":\"anthropic/claude-sonnet-4-5\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],%s}", members[i]);
        assert_int_equal(llmcost_chat_json(rig.client, body, 0, &response), LLMCOST_E_UNSUPPORTED);
        assert_int_equal(rig.network.request_count, 1);
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

static void test_only_chats(void **unused)
{
    (void)unused;
    engine_rig rig;
    llmcost_response *response;
    llmcost_request request;
    int64_t tokens;
    const char *const inputs[] = { "a text" };
    rig_request space;
    rig_open(&rig, ABC);
    llmcost_request_init(&request);
    request.model = "r";
    request.inputs = inputs;
    request.input_count = 1;
    assert_int_equal(llmcost_embed(rig.client, &request, &response), LLMCOST_E_UNSUPPORTED);
    assert_non_null(strstr(llmcost_error_message(llmcost_response_error(response)), "r is a route of several models"));
    llmcost_response_free(response);
    assert_int_equal(llmcost_count_tokens(rig.client, rig_ask(&space, "r", "hi"), &tokens, &response), LLMCOST_E_UNSUPPORTED);
    llmcost_response_free(response);
    assert_int_equal(rig.network.request_count, 0);
    rig_close(&rig);
}

/* ---- the config ---- */

static void check_error(const char *config, const char *expected)
{
    engine_rig rig;
    llmcost_error *error = NULL;
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    rig_init(&rig);
    options.allocator = &rig.memory.allocator;
    options.error = &error;
    assert_int_equal(llmcost_client_open(&rig.client, config, &options), LLMCOST_E_CONFIG);
    if (!strstr(llmcost_error_message(error), expected))
        fail_msg("%s", llmcost_error_message(error));
    llmcost_error_free(error);
    assert_int_equal(rig.memory.blocks, 0);
    fake_network_free(&rig.network);
}

#define WRONG(members) "{" PROVIDER ",\n\"routes\":{\n\"r\":{\"fallback\":[\"openai/gpt-4o\",\"openai/gpt-4.1\"],\n" members "}}}"

static void test_config_errors(void **unused)
{
    (void)unused;
    check_error(WRONG("\"on\":[]"), ":4: \"on\" must be a list of names of failures");
    check_error(WRONG("\"on\":\"timeout\""), ":4: \"on\" must be a list");
    check_error(WRONG("\"on\":[\"timeout\",\n5]"), ":5: \"on\" must be a list");
    check_error(WRONG("\"on\":[\"timeout\",\n\"ratelimit\"]"), ":5: \"on\": no failure is called \"ratelimit\", did you mean \"rate_limit\"?");
    check_error(WRONG("\"on\":[\"invalid_request\"]"), ":4: \"on\": no failure is called \"invalid_request\"; the nearest is \"");
    check_error(WRONG("\"after_delta\":\"contine\""), ":4: \"after_delta\" must be one of error|continue, did you mean \"continue\"?");
    check_error(WRONG("\"attempt_ms\":-1"), ":4: \"attempt_ms\" is out of range");
    check_error(WRONG("\"attempt_ms\":\"soon\""), ":4: \"attempt_ms\" must be a whole number of milliseconds or a duration");
    check_error(WRONG("\"atempt_ms\":1"), ":4: unknown key \"atempt_ms\", did you mean \"attempt_ms\"?");
    check_error("{" PROVIDER ",\"routes\":{\n\"r\":{\"fallback\":[]}}}", ":2: \"fallback\" must be a list of 1 to 16 names");
    check_error("{" PROVIDER ",\"routes\":{\n\"r\":{\"fallback\":[\"openai/gpt-4o\",\n\"r\"]}}}", ":3: names go in a circle: \"r\" -> \"r\"");
}

/* Each is built before the next one needs it: the reading never goes deep, the tree would. */
static void test_the_trees_depth_is_bounded(void **unused)
{
    (void)unused;
    static const char *const chains[] = { "{\"fallback\":[\"r%d\"]}", "{\"cascade\":[\"openai/gpt-4o\"],\"escalate_on\":{\"judge\":\"r%d\"}}" };
    for (size_t kind = 0; kind < 2; kind++) {
        for (int depth = 31; depth <= 33; depth++) {
            char config[6000], link[200];
            size_t length = (size_t)snprintf(config, sizeof config, "{" PROVIDER ",\"routes\":{\"r1\":{\"fallback\":[\"openai/gpt-4o\"]}");
            for (int i = 2; i <= depth; i++) {
                snprintf(link, sizeof link, chains[kind], i - 1);
                length += (size_t)snprintf(config + length, sizeof config - length, ",\n\"r%d\":%s", i, link);
            }
            snprintf(config + length, sizeof config - length, "}}");
            if (depth == 33) {
                check_error(config, ":33: routes are nested more than 32 deep");
                continue;
            }
            engine_rig rig;
            rig_open(&rig, config);
            rig_close(&rig);
        }
    }
}

/* ---- no memory ---- */

static void test_without_memory(void **unused)
{
    (void)unused;
    static const char *const configs[] = { CONFIG("\"r\":{\"fallback\":[\"a\",\"b\",\"c\"],\"after_delta\":\"continue\",\"attempt_ms\":5000}"),
                                           CONFIG("\"r\":{\"cascade\":[{\"fallback\":[\"a\",\"b\",\"c\"],\"after_delta\":\"continue\"},\"openai/gpt-4.1-mini\"]}") };
    for (int way = 0; way < 8; way++) {
        for (long nth = 1;; nth++) {
            engine_rig rig;
            rig_request space;
            llmcost_response *response = NULL;
            bool streams = way & 1, fails = way & 4;
            rig_open(&rig, configs[way >> 1 & 1]);
            if (streams)
                breaks_off(&rig, bodies[0], "Once upon a time there was\nUNC");
            else
                fake_network_fails(&rig.network, bodies[0], 400, "context_length_exceeded");
            fake_network_fails(&rig.network, bodies[1], 500, "server_error");
            if (fails)
                fake_network_fails(&rig.network, bodies[2], 503, "overloaded");
            else
                answers(&rig, bodies[2], "hello", streams);
            answers(&rig, "gpt-4.1-mini", "large", streams);
            rig.memory.failed = 0;
            rig.memory.fail_at = rig.memory.calls + nth;
            rig_ask(&space, "r", "hi");
            int events = 0;
            llmcost_status status = streams ? llmcost_chat_stream(rig.client, &space.request, leave_on_restart, &events, &response) : llmcost_chat(rig.client, &space.request, &response);
            rig.memory.fail_at = 0;
            bool failed = rig.memory.failed;
            if (response && status == LLMCOST_OK)
                assert_true(strlen(llmcost_response_text(response)) > 0);
            if (!response)
                assert_int_equal(status, LLMCOST_E_MEMORY);
            llmcost_response_free(response);
            rig_close(&rig);
            if (!failed)
                break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cause_on_and_off_from_every_position),
        cmocka_unit_test(test_every_status_has_its_place),
        cmocka_unit_test(test_an_invalid_request_never_goes_on),
        cmocka_unit_test(test_what_will_not_pass_is_asked_once),
        cmocka_unit_test(test_the_most_useful_error_is_told),
        cmocka_unit_test(test_what_was_not_asked_is_told_second),
        cmocka_unit_test(test_all_refused_by_the_budget),
        cmocka_unit_test(test_the_failed_ones_hold_is_free_again),
        cmocka_unit_test(test_money_of_the_failed_is_overhead),
        cmocka_unit_test(test_only_the_first_targets_answer_is_cached),
        cmocka_unit_test(test_after_the_first_delta),
        cmocka_unit_test(test_told_only_of_what_was_shown),
        cmocka_unit_test(test_retries_after_a_restart),
        cmocka_unit_test(test_a_caller_who_wants_no_second_beginning),
        cmocka_unit_test(test_a_filtered_answer),
        cmocka_unit_test(test_a_filtered_answer_that_was_shown),
        cmocka_unit_test(test_a_streamed_refusal_is_not_shown),
        cmocka_unit_test(test_a_too_long_prompt_goes_to_a_larger_window),
        cmocka_unit_test(test_an_unknown_window_may_be_larger),
        cmocka_unit_test(test_windows_of_nested_nodes),
        cmocka_unit_test(test_a_prompt_that_cannot_fit_is_not_sent),
        cmocka_unit_test(test_attempt_ms),
        cmocka_unit_test(test_attempt_ms_ends_when_the_answer_is_shown),
        cmocka_unit_test(test_the_calls_deadline_ends_it),
        cmocka_unit_test(test_cancelled_in_the_middle),
        cmocka_unit_test(test_a_cascade_in_a_fallback),
        cmocka_unit_test(test_a_fallback_in_a_cascade),
        cmocka_unit_test(test_a_fallback_in_a_cascade_that_has_shown),
        cmocka_unit_test(test_an_escalation_after_a_restart),
        cmocka_unit_test(test_fallbacks_in_fallbacks),
        cmocka_unit_test(test_who_has_an_alternative),
        cmocka_unit_test(test_unfit_steps_are_skipped), cmocka_unit_test(test_steps_without_a_member_of_openai_are_skipped),
        cmocka_unit_test(test_only_chats),
        cmocka_unit_test(test_config_errors),
        cmocka_unit_test(test_the_trees_depth_is_bounded),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
