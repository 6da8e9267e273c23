/* The circuit breaker in the engine: what counts, what a refused leg looks like, probes, alerts, the config, the state to be read. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "../support/engine_rig.h"
#include "call/call.h"

#define MODEL "openai/gpt-4o"
#define PROVIDERS(more) "\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0" more "},\"ollama\":{\"retries\":0}}"
#define STRICT "\"alone\":\"strict\""
#define TOUCHY "\"breaker\":{\"min_calls\":2," STRICT "}"
#define CONFIG "{" TOUCHY "," PROVIDERS("") "}"

/* ---- small words ---- */

static llmcost_status ask(engine_rig *rig, const char *model, const char *text)
{
    llmcost_response *response = NULL;
    llmcost_status status = llmcost_ask(rig->client, model, text, &response);
    rig_check_receipt(response);
    llmcost_response_free(response);
    return status;
}

static json_t *targets_of(engine_rig *rig)
{
    char *text = NULL;
    assert_int_equal(llmcost_targets(rig->client, &text), LLMCOST_OK);
    json_t *list = json_loads(text, 0, NULL);
    assert_true(json_is_array(list));
    llmcost_string_free(text);
    return list;
}

static json_t *target_of(engine_rig *rig, const char *name)
{
    json_t *list = targets_of(rig), *found = NULL, *each;
    size_t i;
    json_array_foreach(list, i, each) {
        if (!strcmp(json_string_value(json_object_get(each, "name")), name))
            found = json_incref(each);
    }
    json_decref(list);
    assert_non_null(found);
    return found;
}

static void assert_state(engine_rig *rig, const char *state)
{
    json_t *target = target_of(rig, MODEL);
    assert_string_equal(json_string_value(json_object_get(target, "state")), state);
    json_decref(target);
}

static int64_t figure(engine_rig *rig, const char *name)
{
    json_t *target = target_of(rig, MODEL), *value = json_object_get(target, name);
    assert_non_null(value);
    int64_t number = json_is_null(value) ? -1 : json_integer_value(value);
    json_decref(target);
    return number;
}

static void good_and_bad(engine_rig *rig)
{
    fake_network_says(&rig->network, "good", "hi", 10, 5);
    fake_network_fails(&rig->network, "bad", 500, "server_error");
}

static void open_breaker(engine_rig *rig)
{
    assert_int_equal(ask(rig, MODEL, "bad"), LLMCOST_E_SERVER);
    assert_int_equal(ask(rig, MODEL, "bad"), LLMCOST_E_SERVER);
    assert_state(rig, "open");
}

/* ---- a refused leg ---- */

static void test_a_refused_leg(void **unused)
{
    (void)unused;
    engine_rig rig;
    llmcost_response *response;
    rig_open(&rig, "{" TOUCHY ",\"budgets\":[{\"limit\":\"1 USD\"}],\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":5}}}");
    good_and_bad(&rig);
    assert_int_equal(ask(&rig, MODEL, "bad"), LLMCOST_E_SERVER); /* the second try opens it, and there is no third */
    assert_state(&rig, "open");
    size_t sent = rig.network.request_count;
    assert_int_equal(sent, 2);
    int64_t opened_ms = fake_clock_ms(&rig.clock);
    fake_clock_advance(&rig.clock, 1000);
    assert_int_equal(llmcost_ask(rig.client, MODEL, "good", &response), LLMCOST_E_BREAKER_OPEN);
    assert_int_equal(fake_clock_ms(&rig.clock), opened_ms + 1000); /* at once: never tried again here */
    assert_int_equal(rig.network.request_count, sent);
    const llmcost_error *error = llmcost_response_error(response);
    assert_int_equal(llmcost_error_retry_after_ms(error), 4000);
    assert_string_equal(llmcost_error_message(error), "openai/gpt-4o: it failed too often lately; nothing was sent, and the next try is in 4000 ms");
    assert_string_equal(llmcost_error_provider(error), "openai");
    assert_non_null(strstr(llmcost_error_trail(error), "\"status\":\"E_BREAKER_OPEN\""));
    assert_non_null(strstr(llmcost_error_trail(error), "the next try is in 4000 ms"));
    assert_int_equal(llmcost_response_line_count(response), 1);
    assert_string_equal(rig_line_text(response, 0, "status"), "E_BREAKER_OPEN");
    assert_string_equal(rig_line_text(response, 0, "provider"), "openai");
    assert_string_equal(rig_line_text(response, 0, "model"), "gpt-4o");
    assert_int_equal(rig_line(response, 0, "is_sent"), 0);
    assert_int_equal(rig_line(response, 0, "cost_nano"), 0);
    assert_int_equal(llmcost_response_cost_nano(response), 0);
    rig_check_receipt(response);
    assert_int_equal(rig_spent(&rig), 0);
    assert_int_equal(LLMCOST_E_BREAKER_OPEN, 92);
    assert_int_equal(llmcost_status_category(LLMCOST_E_BREAKER_OPEN), LLMCOST_CATEGORY_CAPACITY);
    assert_int_equal(llmcost_status_is_retriable(LLMCOST_E_BREAKER_OPEN), 1);
    rig.responses_out = true;
    rig_close(&rig);
    assert_string_equal(rig_line_text(response, 0, "model"), "gpt-4o"); /* outlives the client */
    llmcost_response_free(response);
}

static void test_to_the_millisecond(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, CONFIG);
    good_and_bad(&rig);
    open_breaker(&rig);
    fake_clock_advance(&rig.clock, 4999);
    assert_int_equal(ask(&rig, MODEL, "good"), LLMCOST_E_BREAKER_OPEN);
    assert_int_equal(figure(&rig, "probe_in_ms"), 1);
    fake_clock_advance(&rig.clock, 1);
    assert_int_equal(figure(&rig, "probe_in_ms"), 0);
    assert_int_equal(ask(&rig, MODEL, "bad"), LLMCOST_E_SERVER); /* the probe */
    fake_clock_advance(&rig.clock, 9999);
    assert_int_equal(ask(&rig, MODEL, "good"), LLMCOST_E_BREAKER_OPEN);
    fake_clock_advance(&rig.clock, 1);
    assert_int_equal(ask(&rig, MODEL, "good"), LLMCOST_OK);
    assert_state(&rig, "closed");
    assert_int_equal(figure(&rig, "probe_in_ms"), -1);
    rig_close(&rig);
}

/* ---- what counts ---- */

typedef struct outcome {
    const char *what;
    llmcost_status expected;
    const char *state; /* after one of it, where one is enough */
    int http_status;
    const char *code;
    llmcost_status transport;  /* of done */
    int64_t opening_ms, connected_ms, status_ms, done_ms;
    const char *body;
} outcome;

static const outcome outcomes[] = {
    { "server", LLMCOST_E_SERVER, "open", .http_status = 500, .code = "server_error" },
    { "bad gateway", LLMCOST_E_SERVER, "open", .http_status = 502, .code = "" },
    { "overload", LLMCOST_E_OVERLOADED, "open", .http_status = 503, .code = "overloaded" },
    { "Anthropic's overload", LLMCOST_E_OVERLOADED, "open", .http_status = 529, .code = "overloaded_error" },
    { "its own time-out", LLMCOST_E_SERVER_TIMEOUT, "open", .http_status = 504, .code = "timeout" },
    { "network", LLMCOST_E_NETWORK, "open", .transport = LLMCOST_E_NETWORK },
    { "TLS", LLMCOST_E_TLS, "open", .transport = LLMCOST_E_TLS },
    { "name", LLMCOST_E_NAME, "open", .transport = LLMCOST_E_NAME },
    { "no connection", LLMCOST_E_CONNECT_TIMEOUT, "open", .connected_ms = FAKE_SILENT },
    { "no first byte", LLMCOST_E_FIRST_BYTE_TIMEOUT, "open", .http_status = 200, .status_ms = FAKE_SILENT },
    { "a gap", LLMCOST_E_IDLE_TIMEOUT, "open", .http_status = 200, .done_ms = FAKE_SILENT, .body = "{\"id\":" },
    { "nonsense", LLMCOST_E_MALFORMED, "open", .http_status = 200, .body = "<html>" },
    { "a broken end", LLMCOST_E_TRUNCATED, "open", .http_status = 200, .body = "{\"id\":", .transport = LLMCOST_E_NETWORK },
    { "rate limit", LLMCOST_E_RATE_LIMITED, "closed", .http_status = 429, .code = "rate_limit_exceeded" },
    { "quota", LLMCOST_E_QUOTA, "closed", .http_status = 429, .code = "insufficient_quota" },
    { "key", LLMCOST_E_AUTH, "closed", .http_status = 401, .code = "invalid_api_key" },
    { "request", LLMCOST_E_INVALID_REQUEST, "closed", .http_status = 400, .code = "invalid_request_error" },
    { "length", LLMCOST_E_CONTEXT_LENGTH, "closed", .http_status = 400, .code = "context_length_exceeded" },
    { "unknown", LLMCOST_E_NOT_FOUND, "closed", .http_status = 404, .code = "model_not_found" },
};

static void add_outcome(engine_rig *rig, const outcome *row)
{
    fake_exchange *exchange = row->code ? fake_network_fails(&rig->network, "odd", row->http_status, row->code) : fake_network_add(&rig->network, "odd");
    exchange->http_status = row->http_status;
    exchange->opening_ms = row->opening_ms;
    exchange->connected_ms = row->connected_ms;
    exchange->status_ms = row->status_ms;
    exchange->done_ms = row->done_ms;
    exchange->status = row->transport;
    if (row->body)
        fake_exchange_piece(exchange, 0, row->body, strlen(row->body));
}

static void test_what_counts(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        engine_rig rig;
        rig_open(&rig, "{\"breaker\":{\"min_calls\":1," STRICT "}," PROVIDERS("") "}");
        add_outcome(&rig, &outcomes[i]);
        llmcost_status status = ask(&rig, MODEL, "odd");
        if (status != outcomes[i].expected)
            fail_msg("%s: %s", outcomes[i].what, llmcost_status_name(status));
        json_t *target = target_of(&rig, MODEL);
        bool open = !strcmp(outcomes[i].state, "open");
        if (strcmp(json_string_value(json_object_get(target, "state")), outcomes[i].state) != 0)
            fail_msg("%s: %s", outcomes[i].what, json_string_value(json_object_get(target, "state")));
        assert_int_equal(json_integer_value(json_object_get(target, "calls")), open);
        assert_int_equal(json_integer_value(json_object_get(target, "failures")), open);
        if (open)
            assert_string_equal(json_string_value(json_object_get(target, "last_error")), llmcost_status_name(status));
        else
            assert_true(json_is_null(json_object_get(target, "last_error")));
        assert_int_equal(json_is_true(json_object_get(target, "healthy")), !open);
        json_decref(target);
        rig_close(&rig);
    }
}

/* Each of them shows a probe that somebody is there, or that nobody is. */
static void test_what_a_probe_shows(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        engine_rig rig;
        rig_open(&rig, CONFIG);
        good_and_bad(&rig);
        add_outcome(&rig, &outcomes[i]);
        open_breaker(&rig);
        fake_clock_advance(&rig.clock, 5000);
        assert_int_equal(ask(&rig, MODEL, "odd"), outcomes[i].expected);
        assert_state(&rig, outcomes[i].state);
        rig_close(&rig);
    }
}

static void test_rate_limits_where_wanted(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, "{\"breaker\":{\"min_calls\":1,\"rate_limits\":true}," PROVIDERS("") "}");
    fake_network_fails(&rig.network, NULL, 429, "rate_limit_exceeded");
    assert_int_equal(ask(&rig, MODEL, "hello"), LLMCOST_E_RATE_LIMITED);
    assert_state(&rig, "open");
    rig_close(&rig);
}

/* A deadline in a silence counts, unless it is shorter than half of the answers take to begin. */
static void test_deadlines(void **unused)
{
    (void)unused;
    for (int known = 0; known < 3; known++) {
        engine_rig rig;
        rig_request space;
        llmcost_response *response;
        rig_open(&rig, "{\"breaker\":{\"min_calls\":1,\"failed\":0.001," STRICT "}," PROVIDERS("") "}");
        fake_exchange *good = fake_network_says(&rig.network, "good", "hi", 10, 5);
        good->pieces[0].at_ms = good->done_ms = known == 1 ? 100 : 3000;
        if (known)
            assert_int_equal(ask(&rig, MODEL, "good"), LLMCOST_OK);
        fake_network_add(&rig.network, "silent")->status_ms = FAKE_SILENT;
        rig_ask(&space, MODEL, "silent")->deadline_ms = 1000;
        assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_E_DEADLINE);
        llmcost_response_free(response);
        assert_state(&rig, known == 2 ? "closed" : "open");
        rig_close(&rig);
    }
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, "{\"breaker\":{\"min_calls\":1," STRICT "}," PROVIDERS("") "}");
    fake_exchange *slow = fake_network_add(&rig.network, NULL); /* it speaks, and has not finished */
    fake_exchange_piece(slow, 10, "{\"id\":", 6);
    slow->done_ms = FAKE_SILENT;
    rig_ask(&space, MODEL, "hello")->deadline_ms = 1000;
    assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_E_DEADLINE);
    llmcost_response_free(response);
    assert_state(&rig, "closed");
    slow->connected_ms = FAKE_SILENT; /* and here it was never sent */
    rig_ask(&space, MODEL, "hello")->deadline_ms = 1000;
    assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_E_DEADLINE);
    llmcost_response_free(response);
    assert_state(&rig, "closed");
    rig_close(&rig);
}

static void test_what_is_none_of_its_fault(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_stream *stream;
    const llmcost_event *event;
    rig_open(&rig, "{\"breaker\":{\"min_calls\":1," STRICT "},\"cache\":{\"memory\":{},\"sampled\":true}," PROVIDERS("") "}");
    fake_network_says(&rig.network, "good", "hi", 10, 5);
    fake_network_streams(&rig.network, "stream", (const char *const[]){ "a", "b", "c", NULL }, 10, 5);
    assert_int_equal(ask(&rig, MODEL, "good"), LLMCOST_OK);
    assert_int_equal(figure(&rig, "calls"), 1);
    assert_int_equal(ask(&rig, MODEL, "good"), LLMCOST_OK); /* the cache */
    assert_int_equal(figure(&rig, "calls"), 1);
    assert_int_equal(llmcost_stream_open(rig.client, rig_ask(&space, MODEL, "stream"), &stream), LLMCOST_OK);
    assert_int_equal(llmcost_stream_next(stream, &event), LLMCOST_OK);
    llmcost_stream_close(stream); /* the caller left */
    assert_int_equal(figure(&rig, "calls"), 1);
    assert_int_equal(figure(&rig, "failures"), 0);
    assert_state(&rig, "closed");
    rig_close(&rig);
}

static void test_operations(void **unused)
{
    (void)unused;
    engine_rig rig;
    llmcost_response *response;
    llmcost_request request = LLMCOST_REQUEST_INIT;
    static const char *const inputs[] = { "a" };
    rig_open(&rig, CONFIG);
    fake_network_fails(&rig.network, NULL, 500, "server_error");
    for (int i = 0; i < 5; i++) {
        assert_int_equal(llmcost_list_models(rig.client, "openai", &response), LLMCOST_E_SERVER); /* of no model's health */
        llmcost_response_free(response);
    }
    request.model = "openai/text-embedding-3-small";
    request.inputs = inputs;
    request.input_count = 1;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(llmcost_embed(rig.client, &request, &response), i < 2 ? LLMCOST_E_SERVER : LLMCOST_E_BREAKER_OPEN);
        llmcost_response_free(response);
    }
    assert_int_equal(ask(&rig, MODEL, "another model is another target"), LLMCOST_E_SERVER);
    rig_close(&rig);
}

/* ---- probes ---- */

static void test_a_probe_gives_its_place_back(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_stream *stream;
    rig_open(&rig, CONFIG);
    good_and_bad(&rig);
    fake_network_add(&rig.network, "silent")->status_ms = FAKE_SILENT;
    open_breaker(&rig);
    fake_clock_advance(&rig.clock, 5000);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(llmcost_stream_open(rig.client, rig_ask(&space, MODEL, "silent"), &stream), LLMCOST_OK);
        assert_state(&rig, "half_open");
        llmcost_response *response;
        assert_int_equal(llmcost_ask(rig.client, MODEL, "good", &response), LLMCOST_E_BREAKER_OPEN);
        assert_int_equal(llmcost_error_retry_after_ms(llmcost_response_error(response)), -1);
        llmcost_response_free(response);
        llmcost_stream_close(stream); /* cancelled */
    }
    assert_state(&rig, "half_open");
    assert_int_equal(figure(&rig, "refused"), 3);
    assert_int_equal(ask(&rig, MODEL, "good"), LLMCOST_OK);
    assert_state(&rig, "closed");
    rig_close(&rig);

    rig_open(&rig, "{" TOUCHY ",\"budgets\":[{\"limit\":\"0.001 USD\",\"where\":{\"poor\":\"yes\"}}],\"min_max_tokens\":1000," PROVIDERS("") "}");
    good_and_bad(&rig);
    open_breaker(&rig);
    fake_clock_advance(&rig.clock, 5000);
    llmcost_tag poor = { "poor", "yes" };
    llmcost_response *response;
    rig_ask(&space, MODEL, "good")->tags = &poor;
    space.request.tag_count = 1;
    space.request.max_tokens = 10000;
    assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_E_BUDGET); /* never sent */
    llmcost_response_free(response);
    assert_state(&rig, "half_open");
    assert_int_equal(figure(&rig, "calls"), 2);
    assert_int_equal(ask(&rig, MODEL, "good"), LLMCOST_OK);
    assert_state(&rig, "closed");
    rig_close(&rig);
}

static void count_completion(uint64_t id, llmcost_response *response, void *user)
{
    (void)id;
    ++*(int *)user;
    llmcost_response_free(response);
}

/* A loop that is closed while its probe waits. */
static void test_closing_in_a_probe(void **unused)
{
    (void)unused;
    int completions = 0;
    engine_rig rig;
    rig_request space;
    llmcost_loop *loop;
    rig_open(&rig, CONFIG);
    good_and_bad(&rig);
    fake_network_add(&rig.network, "silent")->status_ms = FAKE_SILENT;
    open_breaker(&rig);
    fake_clock_advance(&rig.clock, 5000);
    assert_int_equal(llmcost_loop_open(rig.client, &loop), LLMCOST_OK);
    assert_int_equal(llmcost_loop_submit(loop, rig_ask(&space, MODEL, "silent"), NULL, count_completion, &completions, NULL), LLMCOST_OK);
    assert_int_equal(llmcost_loop_poll(loop, 0), LLMCOST_OK);
    assert_state(&rig, "half_open");
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    assert_int_equal(completions, 1);
    assert_int_equal(ask(&rig, MODEL, "good"), LLMCOST_OK);
    rig_close(&rig);
}

/* ---- with no other target, by default ---- */

static llmcost_verdict mark_alternative(llmcost_leg *leg, void *state, void *user)
{
    (void)state;
    (void)user;
    leg->has_alternative = strstr(leg->request->messages[0].text, "elsewhere") != NULL;
    return LLMCOST_CONTINUE;
}

static const llmcost_policy alternative = { .struct_size = sizeof(llmcost_policy), .name = "alternative", .phase = LLMCOST_PHASE_ROUTE, .enter = mark_alternative };

static void test_alone_by_default(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, "{" PROVIDERS("") "}");
    assert_int_equal(llmcost_client_add_policy(rig.client, &alternative), LLMCOST_OK);
    good_and_bad(&rig);
    assert_int_equal(ask(&rig, MODEL, "good"), LLMCOST_OK);
    for (int i = 0; i < 9; i++)
        assert_int_equal(ask(&rig, MODEL, "bad"), LLMCOST_E_SERVER);
    assert_state(&rig, "open");
    assert_int_equal(ask(&rig, MODEL, "good, or elsewhere"), LLMCOST_E_BREAKER_OPEN);
    assert_int_equal(ask(&rig, MODEL, "bad"), LLMCOST_E_SERVER); /* some are answered: it may be this one */
    assert_int_equal(ask(&rig, MODEL, "good"), LLMCOST_OK);
    assert_state(&rig, "open");
    fake_clock_advance(&rig.clock, 5000);
    assert_int_equal(ask(&rig, MODEL, "good"), LLMCOST_OK);
    assert_state(&rig, "closed");
    for (int i = 0; i < 10; i++)
        assert_int_equal(ask(&rig, MODEL, "bad"), LLMCOST_E_SERVER);
    assert_int_equal(ask(&rig, MODEL, "good"), LLMCOST_E_BREAKER_OPEN); /* nobody is */
    for (int i = 0; i < 4; i++) { /* and the doubling is for the others */
        fake_clock_advance(&rig.clock, 5000);
        assert_int_equal(ask(&rig, MODEL, "bad"), LLMCOST_E_SERVER);
        assert_int_equal(ask(&rig, MODEL, "good"), LLMCOST_E_BREAKER_OPEN);
    }
    fake_clock_advance(&rig.clock, 5000);
    assert_int_equal(ask(&rig, MODEL, "good, or elsewhere"), LLMCOST_E_BREAKER_OPEN);
    assert_int_equal(ask(&rig, MODEL, "good"), LLMCOST_OK);
    assert_int_equal(ask(&rig, MODEL, "good, or elsewhere"), LLMCOST_OK);
    rig_close(&rig);
}

/* In a fallback the next target is asked at once, and the first one again when it may be tried; its half of the failures is enough. */
static void test_in_a_fallback(void **unused)
{
    (void)unused;
    engine_rig rig;
    llmcost_response *response;
    rig_open(&rig, "{\"routes\":{\"r\":{\"fallback\":[\"openai/gpt-4o\",\"openai/gpt-4o-mini\"]}}," PROVIDERS("") "}");
    fake_exchange *broken = fake_network_fails(&rig.network, "\"gpt-4o\"", 500, "server_error");
    broken->times = 5;
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(ask(&rig, "r", "hello"), LLMCOST_OK);
    assert_state(&rig, "closed");
    broken->times = 0;
    for (int i = 0; i < 5; i++)
        assert_int_equal(ask(&rig, "r", "hello"), LLMCOST_OK);
    assert_state(&rig, "open");
    size_t sent = rig.network.request_count;
    assert_int_equal(llmcost_ask(rig.client, "r", "hello", &response), LLMCOST_OK);
    assert_int_equal(rig.network.request_count, sent + 1);
    assert_int_equal(llmcost_response_line_count(response), 2);
    assert_string_equal(rig_line_text(response, 0, "status"), "E_BREAKER_OPEN");
    assert_string_equal(rig_line_text(response, 1, "model"), "gpt-4o-mini");
    assert_int_equal(fake_clock_ms(&rig.clock), 0);
    llmcost_response_free(response);
    fake_clock_advance(&rig.clock, 5000);
    broken->times = broken->used; /* it is well again */
    assert_int_equal(llmcost_ask(rig.client, "r", "hello", &response), LLMCOST_OK);
    assert_int_equal(llmcost_response_line_count(response), 1); /* the probe */
    llmcost_response_free(response);
    assert_state(&rig, "closed");
    rig_close(&rig);
}

/* Known failure E61: 25 failures in a row, 10 s apart, never took a deployment out. */
static void test_e61_failures_far_apart(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, "{\"breaker\":{\"min_calls\":3,\"window_ms\":\"5m\",\"open_ms\":\"1m\"," STRICT "}," PROVIDERS("") "}");
    fake_network_fails(&rig.network, NULL, 500, "server_error");
    int sent = 0;
    for (int i = 0; i < 25; i++, fake_clock_advance(&rig.clock, 10000))
        sent += ask(&rig, MODEL, "hello") == LLMCOST_E_SERVER;
    assert_int_equal(sent, 3 + 3); /* and a probe a minute */
    assert_int_equal(rig.network.request_count, sent);
    rig_close(&rig);
}

/* Known failure C45: who accepts and says nothing is found out, and the next call does not wait for him again. */
static void test_c45_silence_opens(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, "{" TOUCHY "," PROVIDERS(",\"first_byte_ms\":1000") "}");
    fake_network_add(&rig.network, NULL)->status_ms = FAKE_SILENT;
    assert_int_equal(ask(&rig, MODEL, "hello"), LLMCOST_E_FIRST_BYTE_TIMEOUT);
    assert_int_equal(ask(&rig, MODEL, "hello"), LLMCOST_E_FIRST_BYTE_TIMEOUT);
    assert_int_equal(fake_clock_ms(&rig.clock), 2000);
    assert_int_equal(ask(&rig, MODEL, "hello"), LLMCOST_E_BREAKER_OPEN);
    assert_int_equal(fake_clock_ms(&rig.clock), 2000);
    rig_close(&rig);
}

static void test_retry_after_keeps_it_open(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, CONFIG);
    fake_exchange *busy = fake_network_fails(&rig.network, "bad", 503, "overloaded");
    busy->headers[1] = "Retry-After: 30";
    fake_network_says(&rig.network, "good", "hi", 10, 5);
    assert_int_equal(ask(&rig, MODEL, "bad"), LLMCOST_E_OVERLOADED);
    assert_int_equal(ask(&rig, MODEL, "bad"), LLMCOST_E_OVERLOADED);
    fake_clock_advance(&rig.clock, 29999);
    assert_int_equal(ask(&rig, MODEL, "good"), LLMCOST_E_BREAKER_OPEN);
    fake_clock_advance(&rig.clock, 1);
    assert_int_equal(ask(&rig, MODEL, "good"), LLMCOST_OK);
    rig_close(&rig);
}

static void test_slow_answers(void **unused)
{
    (void)unused;
    for (int whole = 0; whole < 2; whole++) {
        engine_rig rig;
        rig_open(&rig, whole ? "{\"breaker\":{\"min_calls\":2,\"slow_ms\":\"2s\",\"slow_until\":\"end\"," STRICT "}," PROVIDERS("") "}"
                             : "{\"breaker\":{\"min_calls\":2,\"slow_ms\":2000," STRICT "}," PROVIDERS("") "}");
        fake_exchange *quick = fake_network_says(&rig.network, NULL, "hi", 10, 5);
        quick->times = 1;
        quick->pieces[0].at_ms = 1999;
        quick->done_ms = whole ? 1999 : 5000; /* its first byte came in time */
        fake_exchange *slow = fake_network_says(&rig.network, NULL, "hi", 10, 5);
        slow->pieces[0].at_ms = whole ? 1 : 2000;
        slow->done_ms = 2000;
        for (int i = 0; i < 5; i++) {
            assert_int_equal(ask(&rig, MODEL, "hello"), LLMCOST_OK);
            assert_int_equal(figure(&rig, "slow"), i);
            assert_state(&rig, i < 4 ? "closed" : "open"); /* four of five are slow */
        }
        assert_int_equal(ask(&rig, MODEL, "hello"), LLMCOST_E_BREAKER_OPEN);
        rig_close(&rig);
    }
}

/* ---- reading the state ---- */

static void test_the_state_can_be_read(void **unused)
{
    (void)unused;
    engine_rig rig;
    char *text = NULL;
    rig_open(&rig, "{" TOUCHY ",\"models\":{\"small\":\"openai/gpt-4o-mini\",\"again\":\"openai/gpt-4o-mini\"}," PROVIDERS("") "}");
    assert_int_equal(llmcost_targets(rig.client, &text), LLMCOST_OK);
    assert_string_equal(text, "[{\"name\":\"openai/gpt-4o-mini\",\"state\":\"closed\",\"healthy\":true,\"calls\":0,\"failures\":0,\"slow\":0,\"refused\":0,\"opened\":0,\"probe_in_ms\":null,"
                              "\"last_error\":null,\"window\":{\"calls\":0,\"failures\":0,\"slow\":0},\"whole_ms\":{\"p50\":null,\"p95\":null},\"first_byte_ms\":{\"p50\":null,\"p95\":null}}]");
    llmcost_string_free(text);
    good_and_bad(&rig);
    rig.network.exchanges[0].done_ms = 90;
    rig.network.exchanges[0].pieces[0].at_ms = 40;
    assert_int_equal(ask(&rig, "again", "good"), LLMCOST_OK);
    assert_int_equal(ask(&rig, "small", "bad"), LLMCOST_E_SERVER); /* two names, one target: half of its two calls */
    assert_int_equal(ask(&rig, "openai/gpt-4o-mini", "good"), LLMCOST_E_BREAKER_OPEN);
    assert_int_equal(ask(&rig, "openai/gpt-4o", "good"), LLMCOST_OK);
    assert_int_equal(llmcost_targets(rig.client, &text), LLMCOST_OK);
    assert_non_null(strstr(text, "[{\"name\":\"openai/gpt-4o\",\"state\":\"closed\",\"healthy\":true,\"calls\":1,"));
    assert_non_null(strstr(text, "{\"name\":\"openai/gpt-4o-mini\",\"state\":\"open\",\"healthy\":false,\"calls\":2,\"failures\":1,\"slow\":0,\"refused\":1,\"opened\":1,\"probe_in_ms\":4910,"
                                 "\"last_error\":\"E_SERVER\",\"window\":{\"calls\":2,\"failures\":1,\"slow\":0},\"whole_ms\":{\"p50\":95,\"p95\":95},\"first_byte_ms\":{\"p50\":47,\"p95\":47}}"));
    llmcost_string_free(text);
    assert_int_equal(llmcost_targets(rig.client, NULL), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_targets(NULL, &text), LLMCOST_E_MISUSE);
    rig_close(&rig);
}

typedef struct alerts {
    char states[20][200];
    int count;
    llmcost_client *client;
} alerts;

static void take_alert(const char *json, void *user)
{
    alerts *self = user;
    char *text = NULL;
    assert_int_equal(llmcost_targets(self->client, &text), LLMCOST_OK); /* no lock is held */
    llmcost_string_free(text);
    snprintf(self->states[self->count++], sizeof self->states[0], "%s", json);
}

static void test_alerts(void **unused)
{
    (void)unused;
    engine_rig rig;
    alerts self = { .count = 0 };
    rig_open(&rig, CONFIG);
    self.client = rig.client;
    assert_int_equal(llmcost_client_on_alert(rig.client, take_alert, &self), LLMCOST_OK);
    good_and_bad(&rig);
    open_breaker(&rig);
    assert_int_equal(ask(&rig, MODEL, "good"), LLMCOST_E_BREAKER_OPEN);
    fake_clock_advance(&rig.clock, 5000);
    assert_int_equal(ask(&rig, MODEL, "bad"), LLMCOST_E_SERVER);
    fake_clock_advance(&rig.clock, 10000);
    assert_int_equal(ask(&rig, MODEL, "good"), LLMCOST_OK);
    assert_int_equal(ask(&rig, MODEL, "good"), LLMCOST_OK);
    static const char *const expected[] = {
        "{\"alert\":\"breaker\",\"target\":\"openai/gpt-4o\",\"state\":\"open\",\"calls\":2,\"failures\":2,\"slow\":0}",
        "{\"alert\":\"breaker\",\"target\":\"openai/gpt-4o\",\"state\":\"half_open\",\"calls\":2,\"failures\":2,\"slow\":0}",
        "{\"alert\":\"breaker\",\"target\":\"openai/gpt-4o\",\"state\":\"open\",\"calls\":3,\"failures\":3,\"slow\":0}",
        "{\"alert\":\"breaker\",\"target\":\"openai/gpt-4o\",\"state\":\"half_open\",\"calls\":3,\"failures\":3,\"slow\":0}",
        "{\"alert\":\"breaker\",\"target\":\"openai/gpt-4o\",\"state\":\"closed\",\"calls\":4,\"failures\":3,\"slow\":0}",
    };
    assert_int_equal(self.count, 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(self.states[i], expected[i]);
    rig_close(&rig);
}

/* ---- the config ---- */

static const llmc_breaker_rules *rules_of(engine_rig *rig, const char *provider)
{
    const llmc_settings *settings = rig->client->settings;
    for (size_t i = 0; i < settings->provider_count; i++) {
        if (!strcmp(settings->providers[i].name, provider))
            return &settings->providers[i].breaker;
    }
    return NULL;
}

static void test_the_config(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, "{" PROVIDERS("") "}");
    const llmc_breaker_rules *rules = rules_of(&rig, "openai");
    assert_false(rules->off || rules->strict || rules->slow_whole || rules->rate_limits);
    assert_int_equal(rules->min_calls, 10);
    assert_int_equal(rules->failed_permille, 500);
    assert_int_equal(rules->window_ms, 30000);
    assert_int_equal(rules->slow_ms, 0);
    assert_int_equal(rules->slow_permille, 800);
    assert_int_equal(rules->open_ms, 5000);
    assert_int_equal(rules->max_open_ms, 60000);
    assert_int_equal(rules->probes, 1);
    rig_close(&rig);

    rig_open(&rig, "{\"breaker\":{\"failed\":0.125,\"open_ms\":\"1s\"}," PROVIDERS(",\"breaker\":{\"min_calls\":3,\"open_ms\":7}") "}");
    rules = rules_of(&rig, "openai");
    assert_int_equal(rules->min_calls, 3);
    assert_int_equal(rules->failed_permille, 125); /* the root's */
    assert_int_equal(rules->open_ms, 7);
    assert_int_equal(rules->probes, 1);            /* nobody's */
    assert_int_equal(rules_of(&rig, "ollama")->open_ms, 1000);
    rig_close(&rig);

    rig_open(&rig, "{\"breaker\":false," PROVIDERS(",\"breaker\":{\"min_calls\":3}") "}");
    assert_true(rules_of(&rig, "ollama")->off);
    assert_false(rules_of(&rig, "openai")->off);
    rig_close(&rig);

    rig_open(&rig, "{" PROVIDERS(",\"breaker\":false") "}");
    assert_true(rules_of(&rig, "openai")->off);
    fake_network_fails(&rig.network, NULL, 500, "server_error");
    for (int i = 0; i < 30; i++)
        assert_int_equal(ask(&rig, MODEL, "hello"), LLMCOST_E_SERVER);
    assert_state(&rig, "closed");
    rig_close(&rig);
}

static void test_wrong_configs(void **unused)
{
    (void)unused;
    static const struct { const char *config, *says; } cases[] = {
        { "{\"breaker\":true}", "\"breaker\" must be an object, or false" },
        { "{\"breaker\":{\"failed\":0}}", "\"failed\" must be a number from 0.001 to 1 of at most three decimals" },
        { "{\"breaker\":{\"failed\":1.001}}", "\"failed\" must be a number from 0.001 to 1" },
        { "{\"breaker\":{\"failed\":0.0001}}", "\"failed\" must be a number from 0.001 to 1" },
        { "{\"breaker\":{\"failed\":\"half\"}}", "\"failed\" must be a number from 0.001 to 1" },
        { "{\"breaker\":{\"slow\":-1}}", "\"slow\" must be a number from 0.001 to 1" },
        { "{\"breaker\":{\"open\":5}}", "unknown key \"open\"; the nearest is \"open_ms\"" },
        { "{\"breaker\":{\"min_calls\":0}}", "\"min_calls\" is out of range" },
        { "{\"breaker\":{\"alone\":\"no\"}}", "\"alone\" must be one of lenient|strict" },
        { "{\"providers\":{\"openai\":{\"key\":\"k\",\"breaker\":[]}}}", "\"breaker\" must be an object, or false" },
        { "{\"providers\":{\"openai\":{\"key\":\"k\",\"retry_budget\":2}}}", "\"retry_budget\" must be a number from 0 to 1 of at most three decimals" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        llmcost_client *client;
        llmcost_error *error = NULL;
        llmcost_options options = LLMCOST_OPTIONS_INIT;
        options.error = &error;
        assert_int_equal(llmcost_client_open(&client, cases[i].config, &options), LLMCOST_E_CONFIG);
        if (!strstr(llmcost_error_message(error), cases[i].says))
            fail_msg("%s: %s", cases[i].config, llmcost_error_message(error));
        llmcost_error_free(error);
    }
}

/* ---- threads ---- */

enum { THREADS = 8 };

typedef struct crowd {
    engine_rig *rig;
    atomic_int answered, failed, refused;
} crowd;

static void *call_often(void *user)
{
    crowd *of = user;
    for (int i = 0; i < 25; i++) {
        llmcost_response *response = NULL;
        llmcost_status status = llmcost_ask(of->rig->client, MODEL, "bad", &response);
        llmcost_response_free(response);
        status == LLMCOST_OK ? of->answered++ : status == LLMCOST_E_BREAKER_OPEN ? of->refused++ : of->failed++;
    }
    return NULL;
}

/* The clock stands: when the breaker has opened nothing more is sent, whoever asks. */
static void test_many_threads(void **unused)
{
    (void)unused;
    engine_rig rig;
    crowd of = { .rig = &rig };
    pthread_t threads[THREADS];
    rig_open(&rig, CONFIG);
    rig.clock.frozen = 1;
    good_and_bad(&rig);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, &of), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(of.answered, 0);
    assert_int_equal(of.failed + of.refused, THREADS * 25);
    assert_int_equal(of.failed, rig.network.request_count);
    assert_in_range(of.failed, 2, 2 + THREADS); /* those that were under way */
    assert_int_equal(figure(&rig, "refused"), of.refused);
    assert_int_equal(figure(&rig, "opened"), 1);
    rig.clock.frozen = 0;
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_refused_leg),
        cmocka_unit_test(test_to_the_millisecond),
        cmocka_unit_test(test_what_counts),
        cmocka_unit_test(test_what_a_probe_shows),
        cmocka_unit_test(test_rate_limits_where_wanted),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_what_is_none_of_its_fault),
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_a_probe_gives_its_place_back),
        cmocka_unit_test(test_closing_in_a_probe),
        cmocka_unit_test(test_alone_by_default),
        cmocka_unit_test(test_in_a_fallback),
        cmocka_unit_test(test_e61_failures_far_apart),
        cmocka_unit_test(test_c45_silence_opens),
        cmocka_unit_test(test_retry_after_keeps_it_open),
        cmocka_unit_test(test_slow_answers),
        cmocka_unit_test(test_the_state_can_be_read),
        cmocka_unit_test(test_alerts),
        cmocka_unit_test(test_the_config),
        cmocka_unit_test(test_wrong_configs),
        cmocka_unit_test(test_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
