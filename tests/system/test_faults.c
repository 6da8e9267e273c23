/*
 * Everything that a provider can do wrong, over real sockets, in all wire formats and in each way to make a call:
 * each ends in its own status, with an error, a receipt and within its time, and nothing leaks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const *const models = live_models;

typedef struct fault_case {
    const char *rule;       /* members of the mock's rule */
    const char *provider;   /* members of the provider, or NULL */
    int32_t http_status;    /* that the error tells; 0: none */
    llmcost_status whole, stream;
    struct {
        live_format format; /* 0: no further one */
        llmcost_status whole, stream;
    } others[4]; /* formats in which it comes out otherwise */
} fault_case;

#define ALL(status) LLMCOST_##status, LLMCOST_##status, { { 0 } }
#define STATUS(number, status) { "\"fault\":{\"status\":" #number "}", NULL, number, ALL(status) }
#define LONG_REPLY "\"reply\":{\"text\":\"0123456789012345678901234567890123456789012345678901234567890123456789\"},\"chunk_bytes\":7,"

/* These say all in fewer bytes than are let through. */
#define SHORT_ANSWERS { { LIVE_OLLAMA, LLMCOST_OK, LLMCOST_E_TRUNCATED }, { LIVE_COHERE, LLMCOST_OK, LLMCOST_E_TRUNCATED } }

static const fault_case cases[] = {
    STATUS(400, E_INVALID_REQUEST), STATUS(401, E_AUTH), STATUS(402, E_QUOTA), STATUS(403, E_PERMISSION), STATUS(404, E_NOT_FOUND),
    STATUS(408, E_SERVER_TIMEOUT), STATUS(409, E_CONFLICT), STATUS(413, E_INVALID_REQUEST), STATUS(418, E_INVALID_REQUEST),
    STATUS(429, E_RATE_LIMITED), STATUS(500, E_SERVER), STATUS(502, E_SERVER), STATUS(503, E_OVERLOADED), STATUS(504, E_SERVER_TIMEOUT),
    STATUS(529, E_OVERLOADED), STATUS(599, E_SERVER),
    { "\"fault\":{\"status\":402,\"body\":\"no money\"}", NULL, 402, ALL(E_QUOTA) },
    { "\"fault\":{\"status\":500,\"body\":\"\"}", NULL, 500, ALL(E_SERVER) },
    { "\"fault\":{\"status\":429,\"type\":\"insufficient_quota\",\"code\":\"insufficient_quota\"}", NULL, 429, LLMCOST_E_QUOTA, LLMCOST_E_QUOTA,
      { { LIVE_OLLAMA, LLMCOST_E_RATE_LIMITED, LLMCOST_E_RATE_LIMITED }, { LIVE_COHERE, LLMCOST_E_RATE_LIMITED, LLMCOST_E_RATE_LIMITED } } }, /* which know no codes */
    /* The status line says what it is, however badly the body ends. */
    { "\"fault\":{\"status\":500,\"cut_at\":10}", NULL, 500, ALL(E_SERVER) },
    { "\"fault\":{\"status\":429,\"cut_at\":0}", NULL, 429, ALL(E_RATE_LIMITED) },
    { "\"fault\":{\"status\":401,\"wrong_length\":50}", NULL, 401, ALL(E_AUTH) },
    { "\"fault\":{\"cut_at\":0}", NULL, 200, ALL(E_TRUNCATED) },
    { LONG_REPLY "\"fault\":{\"cut_at\":30}", NULL, 200, ALL(E_TRUNCATED) },
    { LONG_REPLY "\"fault\":{\"cut_at\":350}", NULL, 200, LLMCOST_E_TRUNCATED, LLMCOST_E_TRUNCATED, SHORT_ANSWERS },
    { LONG_REPLY "\"fault\":{\"cut_at\":350,\"reset\":true}", NULL, 200, LLMCOST_E_TRUNCATED, LLMCOST_E_TRUNCATED, SHORT_ANSWERS },
    { "\"fault\":{\"reset\":true}", NULL, 0, ALL(E_NETWORK) },
    { "\"fault\":{\"close_before_reply\":true}", NULL, 0, ALL(E_NETWORK) },
    { "\"delay_ms\":20,\"fault\":{\"close_before_reply\":true}", NULL, 0, ALL(E_NETWORK) },
    { "\"fault\":{\"silent\":true}", "\"retries\":0,\"first_byte_ms\":80", 0, ALL(E_FIRST_BYTE_TIMEOUT) },
    { "\"delay_ms\":120000", "\"retries\":0,\"first_byte_ms\":80", 0, ALL(E_FIRST_BYTE_TIMEOUT) },
    { LONG_REPLY "\"fault\":{\"drip_bytes\":300,\"drip_ms\":60000}", "\"retries\":0,\"idle_ms\":80", 200, ALL(E_IDLE_TIMEOUT) },
    { LONG_REPLY "\"fault\":{\"drip_bytes\":200,\"drip_ms\":5}", "\"retries\":0,\"idle_ms\":30000", 200, ALL(OK) },
    { "\"fault\":{\"garbage\":true}", NULL, 0, ALL(E_MALFORMED) },
    { "\"fault\":{\"garbage_body\":true}", NULL, 200, ALL(E_MALFORMED) },
    { "\"fault\":{\"html\":true}", NULL, 502, ALL(E_SERVER) },
    { "\"fault\":{\"html\":true,\"status\":200}", NULL, 200, ALL(E_MALFORMED) },
    { "\"fault\":{\"huge_bytes\":3000000}", "\"retries\":0,\"max_response_bytes\":65536", 200, LLMCOST_E_TOO_LARGE, LLMCOST_E_TOO_LARGE,
      { { LIVE_BEDROCK, LLMCOST_E_TOO_LARGE, LLMCOST_E_MALFORMED } } }, /* a frame with a wrong checksum comes first */
    /* Nothing of the answer is missing, only of HTTP: it is paid for, and is one. What says its end nowhere may lack something. */
    { "\"fault\":{\"wrong_length\":10}", NULL, 200, LLMCOST_OK, LLMCOST_OK, { { LIVE_GOOGLE, LLMCOST_OK, LLMCOST_E_TRUNCATED } } },
    { "\"fault\":{\"no_end\":true}", "\"retries\":0,\"idle_ms\":80", 200, LLMCOST_OK, LLMCOST_OK, { { LIVE_GOOGLE, LLMCOST_OK, LLMCOST_E_IDLE_TIMEOUT } } },
    { "\"fault\":{\"wrong_length\":-10}", NULL, 200, LLMCOST_E_TRUNCATED, LLMCOST_E_TRUNCATED,
      { { LIVE_BEDROCK, LLMCOST_E_TRUNCATED, LLMCOST_OK } } }, /* only its metadata is cut */
    { LONG_REPLY "\"fault\":{\"error_in_stream\":{\"after\":2}}", NULL, 200, LLMCOST_OK, LLMCOST_E_SERVER, { { LIVE_ANTHROPIC, LLMCOST_OK, LLMCOST_E_OVERLOADED } } },
    { "\"fault\":{\"error_with_200\":{}}", NULL, 200, ALL(E_SERVER) },
    { "\"fault\":{\"error_with_200\":{\"type\":\"rate_limit_error\",\"code\":\"rate_limit_exceeded\"}}", NULL, 200, LLMCOST_E_RATE_LIMITED, LLMCOST_E_RATE_LIMITED,
      { { LIVE_GOOGLE, LLMCOST_E_SERVER, LLMCOST_E_SERVER }, { LIVE_OLLAMA, LLMCOST_E_SERVER, LLMCOST_E_SERVER }, { LIVE_COHERE, LLMCOST_E_SERVER, LLMCOST_E_SERVER } } },
    { "\"fault\":{\"no_terminator\":true}", NULL, 200, LLMCOST_OK, LLMCOST_E_TRUNCATED, { { 0 } } },
    { "\"fault\":{\"no_usage\":true}", NULL, 200, ALL(OK) },
    { "\"fault\":{\"long_header\":5000}", NULL, 200, ALL(OK) },
    { "\"fault\":{\"long_header\":250000}", NULL, 0, ALL(E_MALFORMED) },
};

static llmcost_status expected(const fault_case *wanted, size_t format, live_way way)
{
    for (size_t i = 0; i < sizeof wanted->others / sizeof wanted->others[0] && wanted->others[i].format; i++)
        if (wanted->others[i].format == format)
            return live_way_streams(way) ? wanted->others[i].stream : wanted->others[i].whole;
    return live_way_streams(way) ? wanted->stream : wanted->whole;
}

static void check_failure(const fault_case *wanted, size_t format, const live_result *result)
{
    const llmcost_error *error = llmcost_response_error(result->response);
    assert_int_equal(llmcost_error_status(error), result->status);
    assert_true(strlen(llmcost_error_message(error)) > 10);
    assert_null(strchr(llmcost_error_message(error), '\n'));
    assert_null(strstr(llmcost_error_message(error), "writing")); /* how libcurl puts that we would have no more of it */
    assert_string_equal(llmcost_error_provider(error), live_providers[format]);
    if (wanted->http_status && llmcost_error_http_status(error) != wanted->http_status)
        fail_msg("%s: http status %d", wanted->rule, (int)llmcost_error_http_status(error));
    assert_string_equal(llmcost_response_line_text(result->response, 0, "status"), llmcost_status_name(result->status));
}

static void run_case(const fault_case *wanted)
{
    char script[2000];
    snprintf(script, sizeof script, "{\"default\":{%s}}", wanted->rule);
    live all;
    live_result result;
    live_open(&all, script, wanted->provider, NULL);
    for (size_t format = 0; format < LIVE_FORMATS; format++) {
        for (live_way way = BLOCKING; way < LIVE_WAYS; way++) {
            live_ask(&all, way, models[format], "hello", &result);
            if (result.status != expected(wanted, format, way))
                fail_msg("%s, %s, %s: %s: %s", wanted->rule, models[format], live_way_name(way), llmcost_status_name(result.status),
                         result.status ? llmcost_error_message(llmcost_response_error(result.response)) : "");
            if (result.seconds > 30)
                fail_msg("%s, %s, %s: took %.1f s", wanted->rule, models[format], live_way_name(way), result.seconds);
            assert_int_equal(llmcost_response_line_count(result.response), 1);
            if (result.status)
                check_failure(wanted, format, &result);
            bool is_out = result.status == LLMCOST_E_AUTH || result.status == LLMCOST_E_QUOTA; /* its key: nothing is sent with it */
            live_result_free(&result);
            if (is_out)
                live_renew(&all);
        }
    }
    live_close(&all);
}

static void each_fault_has_its_status(void **state)
{
    (void)state;
    long before = open_descriptors();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        run_case(&cases[i]);
    assert_int_equal(open_descriptors(), before);
}

/* The whole answer cut after every byte: never a success, never anything but a truncated answer. */
static void cut_at_every_byte(void **state)
{
    (void)state;
    for (size_t format = 0; format < LIVE_FORMATS; format++) {
        live all;
        live_result result;
        live_open(&all, "{\"default\":{\"reply\":{\"text\":\"abc\"}}}", NULL, "\"breaker\":false");
        for (int cut = 0; cut < 220; cut += 3) {
            char script[200];
            snprintf(script, sizeof script, "{\"default\":{\"reply\":{\"text\":\"abc\"},\"fault\":{\"cut_at\":%d}}}", cut);
            live_script(&all, script);
            for (live_way way = BLOCKING; way <= PULLED; way++) {
                live_ask(&all, way, models[format], "hello", &result);
                if (result.status != LLMCOST_E_TRUNCATED)
                    fail_msg("cut at %d, %s, %s: %s", cut, models[format], live_way_name(way), llmcost_status_name(result.status));
                live_result_free(&result);
            }
        }
        live_close(&all);
    }
}

static void the_wait_that_is_asked_for_comes_through(void **state)
{
    (void)state;
    static const struct {
        const char *fault;
        int64_t ms;
    } waits[] = { { "\"retry_after\":7", 7000 }, { "\"retry_after_ms\":\"250\"", 250 }, { "\"retry_after\":7,\"retry_after_ms\":\"250\"", 250 }, { "\"code\":\"x\"", -1 } };
    live all;
    live_result result;
    live_open(&all, NULL, NULL, NULL);
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        char script[200];
        snprintf(script, sizeof script, "{\"default\":{\"fault\":{\"status\":429,%s}}}", waits[i].fault);
        live_script(&all, script);
        for (live_way way = BLOCKING; way < LIVE_WAYS; way++) {
            live_ask(&all, way, models[i % LIVE_FORMATS], "hello", &result);
            assert_int_equal(result.status, LLMCOST_E_RATE_LIMITED);
            assert_int_equal(llmcost_error_retry_after_ms(llmcost_response_error(result.response)), waits[i].ms);
            live_result_free(&result);
        }
    }
    live_close(&all);
}

/* What had come stays readable, and is billed as an estimate. */
static void a_broken_stream_keeps_its_beginning(void **state)
{
    (void)state;
    live all;
    live_result result;
    live_open(&all, "{\"default\":{" LONG_REPLY "\"fault\":{\"error_in_stream\":{\"after\":4,\"message\":\"midway\"}}}}", NULL, NULL);
    for (size_t format = 0; format < LIVE_FORMATS; format++) {
        live_ask(&all, PULLED, models[format], "hello", &result);
        assert_true(strlen(result.text) >= 7 && strlen(result.text) < 70);
        assert_memory_equal(result.text, "0123456", 7);
        assert_string_equal(llmcost_error_provider_message(llmcost_response_error(result.response)), "midway");
        assert_int_equal(llmcost_response_cost_nano(result.response) > 0, format != LIVE_OLLAMA);
        live_result_free(&result);
    }
    live_close(&all);
}

/* 42 and no_usage: what the provider does not report is estimated and says so. */
static void missing_usage_is_estimated(void **state)
{
    (void)state;
    live all;
    live_result result;
    live_open(&all, "{\"default\":{\"reply\":{\"text\":\"0123456789012345678901234567890123456789\"},\"fault\":{\"no_usage\":true}}}", NULL, NULL);
    for (int i = 0; i < LIVE_FORMATS * LIVE_WAYS; i++) {
        live_ask(&all, (live_way)(i / LIVE_FORMATS), models[i % LIVE_FORMATS], "hello", &result);
        assert_int_equal(result.status, LLMCOST_OK);
        assert_int_equal(llmcost_response_tokens(result.response, LLMCOST_OUTPUT), 10);
        assert_true(llmcost_response_tokens(result.response, LLMCOST_INPUT) > 0);
        assert_int_equal(llmcost_response_cost_nano(result.response) > 0, i % LIVE_FORMATS != LIVE_OLLAMA);
        assert_non_null(strstr(llmcost_response_receipt(result.response), "estimated"));
        live_result_free(&result);
    }
    live_close(&all);
}

/* Events under another name, or none, are read as they come; what only looks like text is not. */
static void streams_under_another_name(void **state)
{
    (void)state;
#define PIECE(members) "data: {\\\"id\\\":\\\"c\\\",\\\"model\\\":\\\"m\\\",\\\"choices\\\":[{\\\"index\\\":0," members "}]}\\n\\n"
#define EVENTS PIECE("\\\"delta\\\":{\\\"content\\\":\\\"hello\\\"}") PIECE("\\\"delta\\\":{},\\\"finish_reason\\\":\\\"stop\\\"") "data: [DONE]\\n\\n"
    static const struct {
        const char *type, *body;
        llmcost_status status;
    } answers[] = { { "text/plain", EVENTS, LLMCOST_OK }, { "application/octet-stream", ": hello\\n\\n" EVENTS, LLMCOST_OK }, { "application/json", "event: x\\n" EVENTS, LLMCOST_OK },
                    { "text/plain", "date: today", LLMCOST_E_MALFORMED }, { "text/html", "<html>data: x</html>", LLMCOST_E_MALFORMED },
                    { "text/plain", "data: {\\\"error\\\":{\\\"message\\\":\\\"m\\\",\\\"code\\\":\\\"insufficient_quota\\\"}}\\n\\n", LLMCOST_E_QUOTA } };
    live all;
    live_result result;
    live_open(&all, NULL, NULL, NULL);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        char script[1500];
        snprintf(script, sizeof script, "{\"default\":{\"reply\":{\"raw\":{\"status\":200,\"content_type\":\"%s\",\"body\":\"%s\"}}}}", answers[i].type, answers[i].body);
        live_script(&all, script);
        for (live_way way = PULLED; way < LIVE_WAYS; way++) {
            if (!live_way_streams(way))
                continue;
            live_ask(&all, way, OPENAI_MODEL, "hello", &result);
            if (result.status != answers[i].status)
                fail_msg("%s %s: %s", answers[i].type, answers[i].body, llmcost_status_name(result.status));
            assert_string_equal(result.text, answers[i].status ? "" : "hello");
            live_result_free(&result);
            if (answers[i].status == LLMCOST_E_QUOTA)
                live_renew(&all);
        }
    }
    live_close(&all);
}

/* A redirect is an error, and the key stays at home. */
static void the_key_never_travels_on(void **state)
{
    (void)state;
    llmcost_mock *elsewhere = NULL;
    assert_int_equal(llmcost_mock_start(&elsewhere, NULL, NULL), LLMCOST_OK);
    static const int statuses[] = { 301, 302, 303, 307, 308 };
    live all;
    live_result result;
    live_open(&all, NULL, NULL, NULL);
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        char script[300];
        snprintf(script, sizeof script, "{\"default\":{\"fault\":{\"redirect\":\"%s/v1/chat/completions\",\"status\":%d}}}", llmcost_mock_url(elsewhere), statuses[i]);
        live_script(&all, script);
        for (live_way way = BLOCKING; way < LIVE_WAYS; way++) {
            live_ask(&all, way, models[i % LIVE_FORMATS], "hello", &result);
            assert_int_equal(result.status, LLMCOST_E_NOT_FOUND);
            assert_int_equal(llmcost_error_http_status(llmcost_response_error(result.response)), statuses[i]);
            assert_non_null(strstr(llmcost_error_message(llmcost_response_error(result.response)), "redirect"));
            assert_int_equal(llmcost_response_cost_nano(result.response), 0);
            live_result_free(&result);
        }
    }
    assert_int_equal(llmcost_mock_connection_count(elsewhere), 0);
    live_close(&all);
    llmcost_mock_stop(elsewhere);
}

/* A provider that repeats the key in its words, its code and its request id. */
static void a_repeated_key_is_masked(void **state)
{
    (void)state;
    static const char *const keys[] = { OPENAI_KEY, ANTHROPIC_KEY, GOOGLE_KEY, OLLAMA_KEY, COHERE_KEY, BEDROCK_KEY, RESPONSES_KEY, AZURE_KEY };
    live all;
    live_result result;
    live_open(&all, NULL, NULL, NULL);
    for (size_t format = 0; format < LIVE_FORMATS; format++) {
        char script[1000];
        snprintf(script, sizeof script,
                 "{\"default\":{\"reply\":{\"headers\":{\"x-request-id\":\"id-%s\",\"request-id\":\"id-%s\"}},"
                 "\"fault\":{\"status\":401,\"code\":\"c-%s\",\"type\":\"t-%s\",\"message\":\"Wrong key %s, and again %s.\"}}}",
                 keys[format], keys[format], keys[format], keys[format], keys[format], keys[format]);
        live_script(&all, script);
        for (live_way way = BLOCKING; way < LIVE_WAYS; way++) {
            live_ask(&all, way, models[format], "hello", &result); /* which looks for the key everywhere */
            assert_int_equal(result.status, LLMCOST_E_AUTH);
            assert_string_equal(llmcost_error_provider_message(llmcost_response_error(result.response)), "Wrong key ***, and again ***.");
            live_result_free(&result);
            live_renew(&all);
        }
    }
    live_close(&all);
}

/* The list of models is another operation over the same wire, and so are vectors. */
static void other_operations_fail_alike(void **state)
{
    (void)state;
    static const struct {
        const char *fault;
        llmcost_status status;
    } faults[] = { { "\"status\":401", LLMCOST_E_AUTH }, { "\"status\":500", LLMCOST_E_SERVER }, { "\"html\":true", LLMCOST_E_SERVER },
                   { "\"html\":true,\"status\":200", LLMCOST_E_MALFORMED }, { "\"garbage_body\":true", LLMCOST_E_MALFORMED }, { "\"garbage\":true", LLMCOST_E_MALFORMED },
                   { "\"cut_at\":5", LLMCOST_E_TRUNCATED }, { "\"reset\":true", LLMCOST_E_NETWORK }, { "\"redirect\":\"http://127.0.0.1:1/\"", LLMCOST_E_NOT_FOUND },
                   { "\"silent\":true", LLMCOST_E_FIRST_BYTE_TIMEOUT } };
    for (size_t at = 0; at < sizeof faults / sizeof faults[0]; at++) {
        live all;
        char script[200];
        live_open(&all, NULL, faults[at].status == LLMCOST_E_FIRST_BYTE_TIMEOUT ? "\"retries\":0,\"first_byte_ms\":100" : NULL, NULL);
        snprintf(script, sizeof script, "{\"rules\":[{\"match\":{\"path\":\"*\"},\"fault\":{%s}}]}", faults[at].fault);
        live_script(&all, script);
        for (size_t format = 0; format < LIVE_FORMATS; format++) {
            llmcost_response *response = NULL;
            if (format == LIVE_BEDROCK)
                continue; /* lists them on another host */
            llmcost_status status = llmcost_list_models(all.client, live_providers[format], &response);
            if (status != faults[at].status)
                fail_msg("%s: %s", faults[at].fault, llmcost_status_name(status));
            assert_int_equal(llmcost_response_model_count(response), 0);
            assert_int_equal(llmcost_response_cost_nano(response), 0);
            assert_no_secret_in(response);
            llmcost_response_free(response);
        }
        for (int i = 0; i < LIVE_FORMATS * 2; i++) {
            const char *model = live_embedders[i / 2];
            live_result result;
            if (!model)
                continue;
            live_embed(&all, i % 2 ? ON_A_LOOP : BLOCKING, model, &result);
            if (result.status != faults[at].status)
                fail_msg("%s, %s: %s", faults[at].fault, model, llmcost_status_name(result.status));
            assert_int_equal(llmcost_response_embedding_count(result.response), 0);
            live_result_free(&result);
        }
        live_close(&all);
    }
}

/* Time-outs of ours, the deadline and nobody at home. */
static void time_is_bounded(void **state)
{
    (void)state;
    live all;
    live_result result;
    live_open(&all, "{\"default\":{\"fault\":{\"silent\":true}}}", NULL, NULL);
    llmcost_message message = live_user("hello");
    for (int i = 0; i < LIVE_FORMATS * LIVE_WAYS; i++) {
        llmcost_request request = live_request(models[i % LIVE_FORMATS], &message);
        request.deadline_ms = 100;
        live_run(&all, (live_way)(i / LIVE_FORMATS), &request, &result);
        assert_int_equal(result.status, LLMCOST_E_DEADLINE);
        assert_true(result.seconds >= 0.099 && result.seconds < 60);
        live_result_free(&result);
    }
    live_script(&all, "{\"default\":{" LONG_REPLY "\"fault\":{\"drip_bytes\":5,\"drip_ms\":1000}}}");
    for (int i = 0; i < LIVE_FORMATS * LIVE_WAYS; i++) {
        llmcost_request request = live_request(models[i % LIVE_FORMATS], &message);
        request.deadline_ms = 150;
        live_run(&all, (live_way)(i / LIVE_FORMATS), &request, &result);
        assert_int_equal(result.status, LLMCOST_E_DEADLINE);
        assert_true(result.seconds >= 0.149 && result.seconds < 30);
        live_result_free(&result);
    }
    live_close(&all);
}

static void nobody_at_home(void **state)
{
    (void)state;
    live all;
    live_result result;
    live_open(&all, NULL, NULL, NULL);
    llmcost_mock *home = NULL;
    assert_int_equal(llmcost_mock_start(&home, NULL, NULL), LLMCOST_OK);
    llmcost_mock_stop(all.mock);
    all.mock = home;
    for (int i = 0; i < LIVE_FORMATS * LIVE_WAYS; i++) {
        live_ask(&all, (live_way)(i / LIVE_FORMATS), models[i % LIVE_FORMATS], "hello", &result);
        assert_int_equal(result.status, LLMCOST_E_NETWORK);
        assert_true(result.seconds < 8); /* long before connect_ms */
        assert_int_equal(llmcost_response_cost_nano(result.response), 0); /* nothing was sent */
        live_result_free(&result);
    }
    live_close(&all);
}

/* Any fault, then a healthy answer over the same client; the connection is kept where HTTP allows it. */
static void healthy_after_each_fault(void **state)
{
    (void)state;
    live all;
    live_result result;
    live_open(&all, NULL, "\"retries\":0,\"first_byte_ms\":60000,\"max_response_bytes\":65536", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char script[2000];
        if (strstr(cases[i].rule, "silent") || strstr(cases[i].rule, "drip") || strstr(cases[i].rule, "120000"))
            continue;
        snprintf(script, sizeof script, "{\"rules\":[{\"times\":1,%s}]}", cases[i].rule);
        live_script(&all, script);
        live_ask(&all, (live_way)(i % LIVE_WAYS), models[i % LIVE_FORMATS], "hello", &result);
        bool is_out = result.status == LLMCOST_E_AUTH || result.status == LLMCOST_E_QUOTA;
        live_result_free(&result);
        live_script(&all, "{\"default\":{\"reply\":{\"text\":\"well\"}}}");
        if (is_out) /* its key stays out, however well the provider is */
            live_renew(&all);
        live_ask(&all, (live_way)(i % LIVE_WAYS), models[i % LIVE_FORMATS], "hello", &result);
        if (result.status || strcmp(llmcost_response_text(result.response), "well") != 0)
            fail_msg("after %s: %s, %s", cases[i].rule, llmcost_status_name(result.status), llmcost_response_text(result.response));
        live_result_free(&result);
    }
    live_close(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_has_its_status),
        cmocka_unit_test(cut_at_every_byte), cmocka_unit_test(streams_under_another_name),
        cmocka_unit_test(the_wait_that_is_asked_for_comes_through),
        cmocka_unit_test(a_broken_stream_keeps_its_beginning),
        cmocka_unit_test(missing_usage_is_estimated),
        cmocka_unit_test(the_key_never_travels_on),
        cmocka_unit_test(a_repeated_key_is_masked),
        cmocka_unit_test(other_operations_fail_alike),
        cmocka_unit_test(time_is_bounded),
        cmocka_unit_test(nobody_at_home),
        cmocka_unit_test(healthy_after_each_fault),
    };
    alarm(600);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
