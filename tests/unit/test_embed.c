/* Vectors through the whole engine: one request, many, their order, bill, budget and cache, and what is refused. */
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

#define PROVIDERS "\"providers\":{\"cohere\":{\"key\":\"k\",\"retries\":0},\"google\":{\"key\":\"k\",\"retries\":0},\"ollama\":{\"retries\":0},\"anthropic\":{\"key\":\"k\"}}," \
                  "\"models\":{\"e\":\"cohere/embed-v4.0\"},\"routes\":{\"r\":{\"cascade\":[\"cohere/embed-v4.0\",\"ollama/nomic\"]}}"
#define CONFIG "{" PROVIDERS ",\"cache\":{\"memory\":{}}}"
#define MODEL "cohere/embed-v4.0"
#define PICO_PER_TOKEN 120000 /* embed-v4.0: 0.12 USD per million */

enum { MOST_TEXTS = 400, COHERE_TAKES = 96, DIMENSIONS = 3 };

typedef struct texts {
    char space[MOST_TEXTS][16];
    const char *inputs[MOST_TEXTS];
    llmcost_request request;
} texts;

/* "t0", "t1" ...; none is a part of another with its quotes. */
static llmcost_request *texts_of(texts *all, const char *model, uint32_t count)
{
    llmcost_request_init(&all->request);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(all->space[i], sizeof all->space[i], "t%u", i);
        all->inputs[i] = all->space[i];
    }
    all->request.model = model;
    all->request.inputs = all->inputs;
    all->request.input_count = count;
    return &all->request;
}

/* An answer of Cohere's: the vector of text i is i, i + 0.5, -i. */
static fake_exchange *says_vectors(engine_rig *rig, const char *match, uint32_t first, uint32_t count, int tokens)
{
    char *body = malloc(200 + count * 40), *at = body;
    at += sprintf(at, "{\"id\":\"e\",\"embeddings\":{\"float\":[");
    for (uint32_t i = first; i < first + count; i++)
        at += sprintf(at, "%s[%u,%u.5,-%u]", i == first ? "" : ",", i, i, i);
    at += sprintf(at, "]},\"texts\":[]");
    at += tokens < 0 ? sprintf(at, "}") : sprintf(at, ",\"meta\":{\"billed_units\":{\"input_tokens\":%d}}}", tokens);
    fake_exchange *exchange = fake_network_add(&rig->network, NULL);
    exchange->body = match;
    fake_exchange_piece(exchange, 0, body, (size_t)(at - body));
    free(body);
    return exchange;
}

static fake_exchange *says(engine_rig *rig, const char *match, const char *body)
{
    fake_exchange *exchange = fake_network_add(&rig->network, NULL);
    exchange->body = match;
    fake_exchange_piece(exchange, 0, body, strlen(body));
    return exchange;
}

static void check_vectors(const llmcost_response *response, uint32_t count)
{
    assert_int_equal(llmcost_response_embedding_count(response), count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t dimensions = 0;
        const float *vector = llmcost_response_embedding(response, i, &dimensions);
        assert_non_null(vector);
        assert_int_equal(dimensions, DIMENSIONS);
        assert_true(vector[0] == (float)i && vector[1] == (float)i + 0.5f && vector[2] == -(float)i);
    }
    uint32_t none = 7;
    assert_null(llmcost_response_embedding(response, count, &none));
    assert_int_equal(none, 0);
}

static llmcost_response *embed(engine_rig *rig, const llmcost_request *request, llmcost_status expected)
{
    llmcost_response *response = NULL;
    llmcost_status status = llmcost_embed(rig->client, request, &response);
    if (status != expected)
        fail_msg("%s: %s", llmcost_status_name(status), response ? llmcost_error_message(llmcost_response_error(response)) : "");
    assert_non_null(response);
    rig_check_receipt(response);
    return response;
}

/* ---- one request ---- */

static void test_one_request(void **unused)
{
    (void)unused;
    engine_rig rig;
    texts all;
    rig_open(&rig, CONFIG);
    says_vectors(&rig, NULL, 0, 3, 11);
    llmcost_request *request = texts_of(&all, "e", 3);
    request->dimensions = DIMENSIONS;
    request->input_purpose = LLMCOST_INPUT_QUERY;
    llmcost_response *response = embed(&rig, request, LLMCOST_OK);
    check_vectors(response, 3);
    assert_int_equal(llmcost_response_cost_nano(response), 11 * PICO_PER_TOKEN / 1000);
    assert_int_equal(llmcost_response_tokens(response, LLMCOST_INPUT), 11);
    assert_int_equal(llmcost_response_tokens(response, LLMCOST_OUTPUT), -1);
    assert_int_equal(llmcost_response_line_count(response), 1);
    assert_string_equal(rig_line_text(response, 0, "counts"), "reported");
    assert_int_equal(llmcost_response_saved_nano(response), 0);
    assert_string_equal(llmcost_response_provider(response), "cohere");
    assert_int_equal(llmcost_response_choice_count(response), 0);
    assert_string_equal(llmcost_response_text(response), "");
    assert_non_null(strstr(rig.network.requests[0].body, "\"texts\":[\"t0\",\"t1\",\"t2\"],\"input_type\":\"search_query\""));
    assert_non_null(strstr(rig.network.requests[0].body, "\"output_dimension\":3"));
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_lengths_of_texts(void **unused)
{
    (void)unused;
    engine_rig rig;
    texts all;
    const size_t bytes[] = { 1, 0, 2 };
    rig_open(&rig, CONFIG);
    says_vectors(&rig, NULL, 0, 3, 3);
    llmcost_request *request = texts_of(&all, MODEL, 3);
    request->input_bytes = bytes;
    llmcost_response *response = embed(&rig, request, LLMCOST_OK);
    assert_non_null(strstr(rig.network.requests[0].body, "[\"t\",\"t1\",\"t2\"]"));
    llmcost_response_free(response);
    rig_close(&rig);
}

/* What the provider does not count is estimated, and only what there is: texts, no answer. */
static void test_usage_that_nobody_reports(void **unused)
{
    (void)unused;
    engine_rig rig;
    texts all;
    rig_open(&rig, CONFIG);
    says(&rig, NULL, "{\"embeddings\":[{\"values\":[1,2]},{\"values\":[3,4]}]}");
    llmcost_response *response = embed(&rig, texts_of(&all, "google/gemini-embedding-001", 2), LLMCOST_OK);
    assert_int_equal(llmcost_response_embedding_count(response), 2);
    assert_true(llmcost_response_embedding(response, 1, NULL)[1] == 4.0f);
    assert_string_equal(rig_line_text(response, 0, "counts"), "estimated");
    assert_true(llmcost_response_tokens(response, LLMCOST_INPUT) > 0);
    assert_int_equal(llmcost_response_tokens(response, LLMCOST_OUTPUT), -1);
    assert_true(llmcost_response_cost_nano(response) > 0);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_a_local_server(void **unused)
{
    (void)unused;
    engine_rig rig;
    texts all;
    rig_open(&rig, CONFIG);
    says(&rig, NULL, "{\"model\":\"nomic\",\"embeddings\":[[0.25,-1]],\"prompt_eval_count\":4}");
    llmcost_response *response = embed(&rig, texts_of(&all, "ollama/nomic", 1), LLMCOST_OK);
    assert_true(llmcost_response_embedding(response, 0, NULL)[0] == 0.25f);
    assert_int_equal(llmcost_response_cost_nano(response), 0);
    assert_int_equal(rig_line(response, 0, "is_free"), 1);
    llmcost_response_free(response);
    rig_close(&rig);
}

/* ---- several requests ---- */

static void says_parts(engine_rig *rig, uint32_t count)
{
    static const char *const matches[] = { "\"t0\"", "\"t96\"", "\"t192\"", "\"t288\"", "\"t384\"" };
    for (uint32_t first = 0, part = 0; first < count; first += COHERE_TAKES, part++) {
        fake_exchange *exchange = says_vectors(rig, matches[part], first, count - first < COHERE_TAKES ? count - first : COHERE_TAKES, 100 + (int)part);
        exchange->pieces[0].at_ms = exchange->done_ms = 100 - 10 * part; /* the last one is the first to be there */
    }
}

static void test_a_batch_is_cut_and_joined(void **unused)
{
    (void)unused;
    engine_rig rig;
    texts all;
    rig_open(&rig, CONFIG);
    says_parts(&rig, MOST_TEXTS);
    llmcost_response *response = embed(&rig, texts_of(&all, MODEL, MOST_TEXTS), LLMCOST_OK);
    check_vectors(response, MOST_TEXTS);
    assert_int_equal(rig.network.request_count, 5);
    assert_int_equal(llmcost_response_line_count(response), 5);
    assert_int_equal(llmcost_response_tokens(response, LLMCOST_INPUT), 100 + 101 + 102 + 103 + 104);
    assert_int_equal(llmcost_response_cost_nano(response), 510 * PICO_PER_TOKEN / 1000);
    for (uint32_t i = 0; i < 5; i++) {
        assert_string_equal(rig_line_text(response, i, "purpose"), "part");
        assert_int_equal(rig_line(response, i, "is_part"), 1);
        assert_int_equal(rig_line(response, i, "is_answered"), 1);
        assert_int_equal(rig_line(response, i, "parent"), -1);
    }
    /* All parts are the answer: nothing was saved and nothing lost. */
    assert_int_equal(llmcost_response_saved_nano(response), 0);
    for (int i = 0; i < LLMC_SAVING_COUNT; i++)
        assert_int_equal(response->receipt.saved_nano[i], 0);
    assert_string_equal(response->receipt.baseline, MODEL);
    assert_non_null(strstr(llmcost_response_json(response), "\"prompt_tokens\":510"));
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_four_at_a_time(void **unused)
{
    (void)unused;
    engine_rig rig;
    texts all;
    rig_open(&rig, CONFIG);
    says_parts(&rig, MOST_TEXTS);
    llmcost_response_free(embed(&rig, texts_of(&all, MODEL, MOST_TEXTS), LLMCOST_OK));
    int64_t began = rig.network.requests[0].at_ms;
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(rig.network.requests[i].at_ms, began);
    assert_int_equal(rig.network.requests[4].at_ms - began, 70); /* when the fourth part has come */
    rig_close(&rig);
}

static void test_a_part_that_fails(void **unused)
{
    (void)unused;
    engine_rig rig;
    texts all;
    rig_open(&rig, CONFIG);
    fake_exchange *refused = fake_network_fails(&rig.network, NULL, 400, "invalid_request");
    refused->body = "\"t96\"";
    says_parts(&rig, MOST_TEXTS);
    llmcost_response *response = embed(&rig, texts_of(&all, MODEL, MOST_TEXTS), LLMCOST_E_INVALID_REQUEST);
    assert_int_equal(llmcost_response_embedding_count(response), 0);
    assert_int_equal(rig.network.request_count, 4); /* what was under way is read to its end, the fifth is not sent */
    assert_int_equal(llmcost_response_line_count(response), 4);
    assert_int_equal(llmcost_response_cost_nano(response), (100 + 102 + 103) * PICO_PER_TOKEN / 1000);
    assert_int_equal(rig.network.aborted, 0);
    llmcost_response_free(response);

    says_parts(&rig, MOST_TEXTS); /* nothing of it was kept */
    refused->times = refused->used;
    response = embed(&rig, texts_of(&all, MODEL, MOST_TEXTS), LLMCOST_OK);
    assert_int_equal(llmcost_response_from_cache(response), 0);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_parts_that_do_not_fit_together(void **unused)
{
    (void)unused;
    engine_rig rig;
    texts all;
    char *body = malloc(20000), *at = body;
    rig_open(&rig, CONFIG);
    says_vectors(&rig, "\"t0\"", 0, COHERE_TAKES, 5);
    at += sprintf(at, "{\"embeddings\":{\"float\":[");
    for (int i = 0; i < 4; i++)
        at += sprintf(at, "%s[1,2]", i ? "," : "");
    sprintf(at, "]}}");
    says(&rig, "\"t96\"", body);
    free(body);
    llmcost_response_free(embed(&rig, texts_of(&all, MODEL, COHERE_TAKES + 4), LLMCOST_E_MALFORMED));
    rig_close(&rig);
}

static void test_a_part_is_tried_again(void **unused)
{
    (void)unused;
    engine_rig rig;
    texts all;
    rig_open(&rig, "{\"providers\":{\"cohere\":{\"key\":\"k\",\"retries\":2}}}");
    fake_exchange *overloaded = fake_network_fails(&rig.network, NULL, 503, "overloaded");
    overloaded->body = "\"t96\"";
    overloaded->times = 1;
    says_parts(&rig, 2 * COHERE_TAKES);
    llmcost_response *response = embed(&rig, texts_of(&all, MODEL, 2 * COHERE_TAKES), LLMCOST_OK);
    check_vectors(response, 2 * COHERE_TAKES);
    assert_int_equal(llmcost_response_line_count(response), 3);
    assert_int_equal(llmcost_response_cost_nano(response), 201 * PICO_PER_TOKEN / 1000);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_a_deadline(void **unused)
{
    (void)unused;
    engine_rig rig;
    texts all;
    rig_open(&rig, CONFIG);
    says_vectors(&rig, "\"t96\"", COHERE_TAKES, COHERE_TAKES, 5);
    fake_network_add(&rig.network, NULL)->done_ms = FAKE_SILENT;
    llmcost_request *request = texts_of(&all, MODEL, 2 * COHERE_TAKES);
    request->deadline_ms = 500;
    llmcost_response_free(embed(&rig, request, LLMCOST_E_DEADLINE));
    rig_close(&rig);
}

/* A limit of tokens, by estimate: OpenAI's is the only one. */
static void test_limits_of_presets(void **unused)
{
    (void)unused;
    static const struct { const char *name; uint32_t inputs; } rows[] = {
        { "openai", 2048 }, { "dashscope", 10 }, { "dashscope-intl", 10 }, { "zhipu", 64 }, { "mistral", 128 }, { "cohere", 96 }, { "google", 100 }, { "ollama", 512 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(llmc_preset_embed_limits(llmc_preset_find(rows[i].name)).inputs, rows[i].inputs);
    assert_true(llmc_preset_embed_limits(llmc_preset_find("openai")).tokens > 0);
    for (size_t i = 0; i < llmc_preset_count(); i++)
        assert_true(llmc_preset_embed_limits(llmc_preset_at(i)).inputs > 0);
}

/* ---- answers that are none ---- */

static void test_malformed_answers(void **unused)
{
    (void)unused;
    static const char *const bodies[] = {
        "{\"embeddings\":{\"float\":[[1,2]]}}",                 /* one of two */
        "{\"embeddings\":{\"float\":[[1,2],[1]]}}",             /* of two lengths */
        "{\"embeddings\":{\"float\":[[1,2],[1,2],[1,2]]}}",     /* three of two */
        "{\"embeddings\":{\"float\":[[],[]]}}",
        "{\"embeddings\":{\"float\":[]}}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        engine_rig rig;
        texts all;
        rig_open(&rig, CONFIG);
        says(&rig, NULL, bodies[i]);
        llmcost_response *response = embed(&rig, texts_of(&all, MODEL, 2), LLMCOST_E_MALFORMED);
        assert_int_equal(llmcost_response_embedding_count(response), 0);
        assert_true(llmcost_response_cost_nano(response) > 0); /* it was served, and is billed: the texts, by estimate */
        assert_int_equal(llmcost_response_tokens(response, LLMCOST_OUTPUT), -1);
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

/* ---- the cache ---- */

static void test_vectors_come_from_the_cache(void **unused)
{
    (void)unused;
    engine_rig rig;
    texts all;
    rig_open(&rig, CONFIG);
    says_parts(&rig, 200);
    llmcost_response_free(embed(&rig, texts_of(&all, MODEL, 200), LLMCOST_OK));
    llmcost_response *response = embed(&rig, texts_of(&all, MODEL, 200), LLMCOST_OK);
    assert_int_equal(llmcost_response_from_cache(response), 1);
    check_vectors(response, 200);
    assert_int_equal(llmcost_response_cost_nano(response), 0);
    assert_int_equal(llmcost_response_saved_nano(response), 303 * PICO_PER_TOKEN / 1000);
    assert_int_equal(rig.network.request_count, 3);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_another_question_is_another_key(void **unused)
{
    (void)unused;
    engine_rig rig;
    texts all;
    rig_open(&rig, CONFIG);
    for (int i = 0; i < 5; i++) {
        llmcost_request *request = texts_of(&all, MODEL, 2);
        const char *other[] = { "t1", "t0" };
        request->inputs = i == 1 ? other : request->inputs;
        request->dimensions = i == 2 ? DIMENSIONS : 0;
        request->input_purpose = i == 3 ? LLMCOST_INPUT_CLUSTERING : LLMCOST_INPUT_ANY;
        request->cache_namespace = i == 4 ? "other" : NULL;
        says_vectors(&rig, NULL, 0, 2, 2)->times = 1;
        llmcost_response *response = embed(&rig, request, LLMCOST_OK);
        assert_int_equal(llmcost_response_from_cache(response), 0);
        llmcost_response_free(response);
    }
    assert_int_equal(rig.network.request_count, 5);
    llmcost_request *request = texts_of(&all, MODEL, 2);
    request->cache = LLMCOST_CACHE_ONLY;
    llmcost_response_free(embed(&rig, request, LLMCOST_OK));
    request->input_count = 1;
    llmcost_response_free(embed(&rig, request, LLMCOST_E_CACHE_MISS));
    rig_close(&rig);
}

typedef struct kept {
    char bytes[20000];
    size_t length;
} kept;

static void store_get(const uint8_t key[32], llmcost_cache_reply *reply, void *user)
{
    (void)key;
    kept *store = user;
    llmcost_cache_reply_send(reply, store->length ? store->bytes : NULL, store->length);
}

static void store_put(const uint8_t key[32], const void *value, size_t bytes, int64_t ttl_ms, void *user)
{
    (void)key;
    (void)ttl_ms;
    kept *store = user;
    assert_true(bytes < sizeof store->bytes);
    memcpy(store->bytes, value, bytes);
    store->length = bytes;
}

static void test_a_host_keeps_vectors(void **unused)
{
    (void)unused;
    static kept bytes;
    bytes.length = 0;
    llmcost_cache_store store = { .struct_size = sizeof store, .get = store_get, .put = store_put, .user = &bytes };
    engine_rig rig;
    texts all;
    for (int i = 0; i < 2; i++) {
        rig_open(&rig, "{" PROVIDERS "}");
        assert_int_equal(llmcost_client_set_cache_store(rig.client, &store), LLMCOST_OK);
        says_vectors(&rig, NULL, 0, 40, 60);
        llmcost_response *response = embed(&rig, texts_of(&all, MODEL, 40), LLMCOST_OK);
        assert_int_equal(llmcost_response_from_cache(response), i);
        check_vectors(response, 40);
        assert_true(bytes.length > 0);
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

/* ---- money ---- */

static void test_a_budget_holds_for_the_texts(void **unused)
{
    (void)unused;
    engine_rig rig;
    texts all;
    rig_open(&rig, "{" PROVIDERS ",\"budgets\":[{\"name\":\"b\",\"limit\":\"0.00003 USD\"}]}");
    says_parts(&rig, 2 * COHERE_TAKES);
    llmcost_response *response = embed(&rig, texts_of(&all, MODEL, 2), LLMCOST_E_MALFORMED); /* 96 vectors for two texts */
    int64_t bound = rig_line(response, 0, "bound_nano");
    assert_true(bound > 0 && bound < 100 * PICO_PER_TOKEN / 1000); /* nothing for an answer's length */
    assert_null(strstr(rig.network.requests[0].body, "max_tokens"));
    llmcost_response_free(response);
    response = embed(&rig, texts_of(&all, MODEL, MOST_TEXTS), LLMCOST_E_BUDGET);
    assert_int_equal(llmcost_response_embedding_count(response), 0);
    llmcost_response_free(response);
    assert_int_equal(rig_held(&rig), 0);
    rig_close(&rig);
}

static void test_the_report_counts_embeddings(void **unused)
{
    (void)unused;
    engine_rig rig;
    texts all;
    char *report;
    rig_open(&rig, CONFIG);
    says_vectors(&rig, NULL, 0, 1, 1000);
    llmcost_response_free(embed(&rig, texts_of(&all, MODEL, 1), LLMCOST_OK));
    assert_int_equal(llmcost_report(rig.client, "json", &report), LLMCOST_OK);
    assert_non_null(strstr(report, "embed-v4.0"));
    llmcost_string_free(report);
    rig_close(&rig);
}

/* ---- what is refused ---- */

typedef void (*change_fn)(llmcost_request *request);
#define CHANGE(name, ...)                       \
    static void name(llmcost_request *request) \
    {                                           \
        __VA_ARGS__;                            \
    }
static const llmcost_message hello = { .role = LLMCOST_USER, .text = "hello" };
static const llmcost_tool tool = { .name = "f" };
static const char *const stops[] = { "x" };
static const char *const null_text[] = { NULL, "b" }, *const empty_text[] = { "a", "" }, *const bad_text[] = { "a", "\xff" };
CHANGE(messages, (request->messages = &hello, request->message_count = 1))
CHANGE(tools, (request->tools = &tool, request->tool_count = 1))
CHANGE(stop, (request->stop = stops, request->stop_count = 1))
CHANGE(max_tokens, request->max_tokens = 10)
CHANGE(temperature, request->has_temperature = 1)
CHANGE(top_p, (request->has_top_p = 1, request->top_p = 0.5))
CHANGE(seed, request->has_seed = 1)
CHANGE(logprobs, request->logprobs = 1)
CHANGE(choices, request->n = 2)
CHANGE(format, request->format = LLMCOST_FORMAT_JSON)
CHANGE(schema, request->format_schema = "{}")
CHANGE(effort, request->effort = LLMCOST_EFFORT_LOW)
CHANGE(thinking, request->thinking_budget_tokens = 5)
CHANGE(choice, request->tool_choice = LLMCOST_TOOLS_NONE)
CHANGE(parallel, request->parallel_tool_calls = LLMCOST_OFF)
CHANGE(sampled, request->cache_sampled = LLMCOST_ON)
CHANGE(end_user, request->end_user = "u")
CHANGE(no_inputs, request->input_count = 0)
CHANGE(null_inputs, request->inputs = NULL)
CHANGE(null_input, request->inputs = null_text)
CHANGE(empty_input, request->inputs = empty_text)
CHANGE(bad_input, request->inputs = bad_text)
CHANGE(dimensions, request->dimensions = -1)
CHANGE(purpose, request->input_purpose = 5)
CHANGE(many, request->input_count = UINT32_MAX)
CHANGE(no_model, request->model = NULL)
CHANGE(tag, request->tag_count = 1)
CHANGE(reserved, request->reserved2 = 1)
CHANGE(extra, request->extra = "{\"texts\":[]}")

static void test_requests_that_are_none(void **unused)
{
    (void)unused;
    static const struct { const char *says; change_fn change; } rows[] = {
        { "messages is set: an embedding takes none", messages }, { "tools is set", tools }, { "stop is set", stop }, { "max_tokens is set", max_tokens },
        { "has_temperature is set", temperature }, { "top_p is set", top_p }, { "has_seed is set", seed }, { "logprobs is set", logprobs }, { "n is set", choices },
        { "format is set", format }, { "format_schema is set", schema }, { "effort is set", effort }, { "thinking_budget_tokens is set", thinking },
        { "tool_choice is set", choice }, { "parallel_tool_calls is set", parallel }, { "cache_sampled is set", sampled }, { "end_user is set", end_user },
        { "inputs is empty", no_inputs }, { "inputs is NULL, but its count is 2", null_inputs }, { "inputs[0] is NULL", null_input }, { "inputs[1] is empty", empty_input },
        { "inputs[1] is not valid UTF-8", bad_input }, { "dimensions is -1", dimensions }, { "input_purpose is 5", purpose }, { "inputs has 4294967295 items", many },
        { "model is missing", no_model }, { "tags is NULL", tag }, { "reserved is not 0", reserved }, { "extra", extra },
    };
    engine_rig rig;
    rig_open(&rig, CONFIG);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        texts all;
        llmcost_request *request = texts_of(&all, MODEL, 2);
        rows[i].change(request);
        llmcost_response *response = embed(&rig, request, LLMCOST_E_INVALID);
        if (!strstr(llmcost_error_message(llmcost_response_error(response)), rows[i].says))
            fail_msg("%s, and not: %s", llmcost_error_message(llmcost_response_error(response)), rows[i].says);
        llmcost_response_free(response);
    }
    assert_int_equal(rig.network.request_count, 0);
    rig_close(&rig);
}

static void test_targets_that_cannot(void **unused)
{
    (void)unused;
    engine_rig rig;
    texts all;
    rig_open(&rig, CONFIG);
    llmcost_response *response = embed(&rig, texts_of(&all, "r", 2), LLMCOST_E_UNSUPPORTED);
    assert_non_null(strstr(llmcost_error_message(llmcost_response_error(response)), "route of several models"));
    llmcost_response_free(response);
    response = embed(&rig, texts_of(&all, "anthropic/claude-sonnet-4-5", 2), LLMCOST_E_UNSUPPORTED);
    assert_non_null(strstr(llmcost_error_message(llmcost_response_error(response)), "provider \"anthropic\" has no operation embed"));
    llmcost_response_free(response);
    llmcost_response_free(embed(&rig, texts_of(&all, "nobody/x", 2), LLMCOST_E_UNKNOWN_MODEL));
    assert_int_equal(rig.network.request_count, 0);
    rig_close(&rig);
}

static void test_misuse(void **unused)
{
    (void)unused;
    engine_rig rig;
    texts all;
    llmcost_response *response = (llmcost_response *)&all;
    rig_open(&rig, CONFIG);
    assert_int_equal(llmcost_embed(rig.client, NULL, &response), LLMCOST_E_MISUSE);
    assert_null(response);
    assert_int_equal(llmcost_embed(rig.client, texts_of(&all, MODEL, 1), NULL), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_embed(NULL, texts_of(&all, MODEL, 1), &response), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_embed_json(rig.client, NULL, 0, &response), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_response_embedding_count(NULL), 0);
    assert_null(llmcost_response_embedding(NULL, 0, NULL));
    assert_int_equal(llmcost_response_balance_count(NULL), 0);
    rig_close(&rig);
}

/* ---- OpenAI's shape ---- */

static void test_a_body(void **unused)
{
    (void)unused;
    static const char numbers[] = "{\"model\":\"e\",\"input\":[\"t0\",\"t1\"],\"llmcost\":{\"purpose\":\"query\",\"tags\":{\"a\":\"b\"}}}";
    static const char base64[] = "{\"model\":\"e\",\"input\":\"t0\",\"encoding_format\":\"base64\",\"dimensions\":3}";
    engine_rig rig;
    llmcost_response *response;
    rig_open(&rig, CONFIG);
    says_vectors(&rig, "\"t1\"", 0, 2, 7);
    says_vectors(&rig, NULL, 0, 1, 7);
    assert_int_equal(llmcost_embed_json(rig.client, numbers, 0, &response), LLMCOST_OK);
    check_vectors(response, 2);
    const char *json = llmcost_response_json(response);
    static const char begins[] = "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[0.0,0.5,-0.0]},{\"object\":\"embedding\",\"index\":1,\"embedding\":[1.0,1.5,-1.0]}],\"model\":\"embed-v4.0\",";
    if (strncmp(json, begins, sizeof begins - 1) != 0)
        fail_msg("%s", json);
    assert_non_null(strstr(json, "\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7},\"llmcost\":{"));
    assert_non_null(strstr(rig.network.requests[0].body, "search_query"));
    llmcost_response_free(response);
    assert_int_equal(llmcost_embed_json(rig.client, base64, 0, &response), LLMCOST_OK);
    assert_non_null(strstr(llmcost_response_json(response), "\"embedding\":\"AAAAAAAAAD8AAACA\"")); /* 0, 0.5, -0 */
    assert_non_null(strstr(rig.network.requests[1].body, "\"output_dimension\":3"));
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_bodies_that_are_none(void **unused)
{
    (void)unused;
    static const struct { const char *body, *says; } rows[] = {
        { "{\"model\":\"e\"}", "inputs is empty" }, { "{\"model\":\"e\",\"input\":[]}", "inputs is empty" },
        { "{\"model\":\"e\",\"input\":[1,2]}", "input[0]" }, { "{\"model\":\"e\",\"input\":[[1,2]]}", "input[0]" }, { "{\"model\":\"e\",\"input\":5}", "input" },
        { "{\"model\":\"e\",\"input\":\"a\",\"dimensions\":0}", "dimensions must be a whole number" },
        { "{\"model\":\"e\",\"input\":\"a\",\"encoding_format\":\"int8\"}", "encoding_format \"int8\" is not known: float or base64" },
        { "{\"model\":\"e\",\"input\":\"a\",\"llmcost\":{\"purpose\":\"x\"}}", "llmcost.purpose \"x\" is not known" }, { "[]", "object" }, { "{\"input\":\"a\"}", "model is missing" },
    };
    engine_rig rig;
    rig_open(&rig, CONFIG);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        llmcost_response *response;
        assert_int_equal(llmcost_embed_json(rig.client, rows[i].body, 0, &response), LLMCOST_E_INVALID);
        if (!strstr(llmcost_error_message(llmcost_response_error(response)), rows[i].says))
            fail_msg("%s, and not: %s", llmcost_error_message(llmcost_response_error(response)), rows[i].says);
        llmcost_response_free(response);
    }
    rig_close(&rig);
}

/* ---- policies of the host ---- */

typedef struct host_policy {
    const char *says;     /* answers with a text */
    const char *operation, *model;
} host_policy;

static llmcost_verdict host_enter(llmcost_leg *leg, void *state, void *user)
{
    (void)state;
    const host_policy *host = user;
    assert_string_equal(llmcost_leg_operation(leg), "embed");
    assert_int_equal(llmcost_leg_request(leg)->input_count, 2);
    if (host->says)
        return llmcost_leg_answer(leg, host->says, 0);
    llmcost_spawn spawn = { .struct_size = sizeof spawn, .operation = host->operation, .model = host->model, .first_phase = LLMCOST_PHASE_ROUTE };
    return llmcost_leg_spawn(leg, &spawn) ? LLMCOST_WAIT : LLMCOST_FAIL;
}

static void test_what_a_policy_may_not(void **unused)
{
    (void)unused;
    static host_policy hosts[] = { { "a text", NULL, NULL }, { NULL, "chat", NULL }, { NULL, "token", NULL }, { NULL, NULL, "r" } };
    static const char *const says[] = { "a text is no answer", "needs a request of its own", "no operation \"token\"", "a child for a cascade chats" };
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        engine_rig rig;
        texts all;
        llmcost_policy policy = { .struct_size = sizeof policy, .phase = LLMCOST_PHASE_SHAPE, .name = "host", .operations = 4, .user = &hosts[i], .enter = host_enter };
        rig_open(&rig, CONFIG);
        assert_int_equal(llmcost_client_add_policy(rig.client, &policy), LLMCOST_OK);
        llmcost_response *response = embed(&rig, texts_of(&all, MODEL, 2), LLMCOST_E_MISUSE);
        if (!strstr(llmcost_error_message(llmcost_response_error(response)), says[i]))
            fail_msg("%s, and not: %s", llmcost_error_message(llmcost_response_error(response)), says[i]);
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_request),
        cmocka_unit_test(test_lengths_of_texts),
        cmocka_unit_test(test_usage_that_nobody_reports),
        cmocka_unit_test(test_a_local_server),
        cmocka_unit_test(test_a_batch_is_cut_and_joined),
        cmocka_unit_test(test_four_at_a_time),
        cmocka_unit_test(test_a_part_that_fails),
        cmocka_unit_test(test_parts_that_do_not_fit_together),
        cmocka_unit_test(test_a_part_is_tried_again),
        cmocka_unit_test(test_a_deadline),
        cmocka_unit_test(test_limits_of_presets),
        cmocka_unit_test(test_malformed_answers),
        cmocka_unit_test(test_vectors_come_from_the_cache),
        cmocka_unit_test(test_another_question_is_another_key),
        cmocka_unit_test(test_a_host_keeps_vectors),
        cmocka_unit_test(test_a_budget_holds_for_the_texts),
        cmocka_unit_test(test_the_report_counts_embeddings),
        cmocka_unit_test(test_requests_that_are_none),
        cmocka_unit_test(test_targets_that_cannot),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_a_body),
        cmocka_unit_test(test_bodies_that_are_none),
        cmocka_unit_test(test_what_a_policy_may_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
