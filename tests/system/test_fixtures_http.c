/*
 * Recorded exchanges over real HTTP, end to end: the loopback provider sends status, headers and body as they were, whole
 * and in pieces, and what the public API says of them is held against the list. The bill is computed here from the
 * list's figures and the catalog's rates.
 */
#include "../support/prices.h"
#include "../support/recorded.h"

#include <llmcost/mock.h>

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { CNY_NANO = 140000000 }; /* a yuan in dollars: 0.14 */

static llmc_catalog *catalog;
static size_t answered, refused, priced, unpriced;
static int64_t billed_nano;

/* ---- the server ---- */

static json_t *headers_of(const json_t *meta)
{
    static const char *const names[] = { "x-request-id", "request-id", "retry-after", "retry-after-ms", "openai-processing-ms", "x-ratelimit-remaining-tokens" };
    json_t *from = json_object_get(meta, "headers"), *headers = json_object();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = json_string_value(json_object_get(from, names[i]));
        if (value)
            json_object_set_new(headers, names[i], json_string(value));
    }
    return headers;
}

/* chunk_bytes 0: the whole body at once, with its length. */
static llmcost_mock *serve(const recorded *e, const json_t *meta, int chunk_bytes)
{
    llmcost_mock *mock = NULL;
    llmcost_error *error = NULL;
    llmcost_mock_options options = LLMCOST_MOCK_OPTIONS_INIT;
    options.error = &error;
    const char *type = json_string_value(json_object_get(json_object_get(meta, "headers"), "content-type"));
    if (!type)
        type = recorded_figure(e, RECORDED_STREAM) && recorded_figure(e, RECORDED_STATUS) == 200 ? "text/event-stream" : "application/json";
    json_t *raw = json_pack("{s:I, s:s, s:s%}", "status", (json_int_t)recorded_figure(e, RECORDED_STATUS), "content_type", type, "body", e->body, e->bytes);
    assert_non_null(raw);
    json_t *rule = json_pack("{s:{s:o, s:o}}", "reply", "raw", raw, "headers", headers_of(meta));
    if (chunk_bytes)
        json_object_set_new(rule, "chunk_bytes", json_integer(chunk_bytes));
    json_t *script = json_pack("{s:b, s:o}", "validate", 0, "default", rule);
    char *text = json_dumps(script, 0);
    if (llmcost_mock_start(&mock, text, &options))
        fail_msg("%s", llmcost_error_message(error));
    free(text);
    json_decref(script);
    return mock;
}

/* ---- the client ---- */

static int64_t monotonic(void *user)
{
    struct timespec now;
    (void)user;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t wall(void *user)
{
    (void)user;
    return price_day;
}

/* Anthropic's OpenAI-shaped door and hosts without a preset are read as any server of that shape. */
static const char *preset_of(const recorded *e)
{
    const llmc_preset *preset = recorded_preset(e);
    if (e->codec == &llmc_codec_responses)
        return strcmp(preset->name, "xai") == 0 ? "xai-responses" : "openai-responses";
    if (e->codec == &llmc_codec_anthropic)
        return "anthropic"; /* Claude at Vertex, too: the loopback provider serves a body whatever the path */
    return preset->codec == e->codec ? preset->name : "openai-compatible";
}

static llmcost_client *open_client(const recorded *e, const llmcost_mock *mock)
{
    static const llmcost_clock clock = { monotonic, wall, NULL, NULL };
    char config[1000];
    const char *preset = preset_of(e);
    snprintf(config, sizeof config,
             "{\"providers\": {\"recorded\": {\"preset\": \"%s\", \"base_url\": \"%s%s\", \"key\": \"sk-of-nobody\", \"retries\": 0}}, \"unknown_price\": \"allow\","
             " \"exchange_rates\": {\"CNY\": {\"rate\": \"0.14\", \"date\": \"2026-11-01\"}}}",
             preset, llmcost_mock_url(mock), strcmp(preset, "openai-compatible") == 0 ? "/v1" : "");
    llmcost_client *client = NULL;
    llmcost_error *error = NULL;
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    options.error = &error;
    options.clock = &clock;
    if (llmcost_client_open(&client, config, &options))
        fail_msg("%s", llmcost_error_message(error));
    return client;
}

/* Pieces of choice 0, put together again. */
typedef struct heard {
    char *text, *reasoning;
    llmcost_finish finish;
} heard;

static int hear(const llmcost_event *event, void *user)
{
    heard *h = user;
    size_t bytes;
    const char *text = llmcost_event_text(event, &bytes);
    llmcost_event_kind kind = llmcost_event_get_kind(event);
    if (llmcost_event_choice(event) != 0)
        return 0;
    if (kind == LLMCOST_EVENT_FINISH)
        h->finish = llmcost_event_finish(event);
    char **sum = kind == LLMCOST_EVENT_TEXT ? &h->text : kind == LLMCOST_EVENT_REASONING ? &h->reasoning : NULL;
    if (!sum)
        return 0;
    size_t length = strlen(*sum);
    *sum = realloc(*sum, length + bytes + 1);
    memcpy(*sum + length, text, bytes);
    (*sum)[length + bytes] = '\0';
    return 0;
}

static llmcost_status ask(llmcost_client *client, const recorded *e, heard *h, llmcost_response **response)
{
    char model[300];
    llmcost_message message = { .role = LLMCOST_USER, .text = "What was asked is not what is tested here." };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    snprintf(model, sizeof model, "recorded/%s", recorded_has(e, RECORDED_MODEL) ? e->cells[RECORDED_MODEL] : "a-model");
    request.model = model;
    request.messages = &message;
    request.message_count = 1;
    request.max_tokens = 100;
    *h = (heard){ strdup(""), strdup(""), LLMCOST_FINISH_NONE };
    return recorded_figure(e, RECORDED_STREAM) ? llmcost_chat_stream(client, &request, hear, h, response) : llmcost_chat(client, &request, response);
}

/* ---- the bill ---- */

static bool has_flag(const llmcost_response *response, const char *flag)
{
    json_t *receipt = json_loads(llmcost_response_receipt(response), 0, NULL), *name;
    bool found = false;
    size_t i;
    json_array_foreach(json_object_get(json_array_get(json_object_get(receipt, "lines"), 0), "flags"), i, name)
        found = found || strcmp(json_string_value(name), flag) == 0;
    json_decref(receipt);
    return found;
}

/* The list's figures as disjoint classes. Of the writes it may not say how long they are kept: the response does. */
static void classes_of(const recorded *e, const llmcost_response *response, bool prompt_exclusive, int64_t quantity[LLMCOST_CLASS_COUNT])
{
    static const llmcost_class writes[] = { LLMCOST_WRITE_5M, LLMCOST_WRITE_30M, LLMCOST_WRITE_1H };
    int64_t completion = recorded_figure(e, RECORDED_COMPLETION), reasoning = recorded_figure(e, RECORDED_REASONING), prompt = recorded_figure(e, RECORDED_PROMPT);
    bool exclusive = e->codec == &llmc_codec_anthropic || prompt_exclusive, audio_beside = strcmp(e->cells[RECORDED_PROVIDER], "mistral") == 0;
    bool beside = reasoning > completion || (strcmp(e->cells[RECORDED_PROVIDER], "xai") == 0 && e->codec == &llmc_codec_openai) ||
                  (reasoning && recorded_figure(e, RECORDED_TOTAL) == prompt + completion + reasoning);
    memset(quantity, 0, LLMCOST_CLASS_COUNT * sizeof *quantity);
    for (size_t i = 0; i < 3; i++) {
        int64_t written = llmcost_response_tokens(response, writes[i]);
        quantity[writes[i]] = written > 0 ? written : 0;
    }
    quantity[LLMCOST_INPUT_CACHED] = recorded_figure(e, RECORDED_CACHED);
    quantity[LLMCOST_AUDIO_IN] = recorded_figure(e, RECORDED_AUDIO_IN);
    quantity[LLMCOST_INPUT] = prompt - (exclusive ? 0 : recorded_figure(e, RECORDED_CACHED) + recorded_figure(e, RECORDED_WRITE)) -
                              (audio_beside ? 0 : recorded_figure(e, RECORDED_AUDIO_IN));
    quantity[LLMCOST_AUDIO_OUT] = recorded_figure(e, RECORDED_AUDIO_OUT);
    quantity[LLMCOST_REASONING] = reasoning;
    quantity[LLMCOST_OUTPUT] = completion - (beside ? 0 : reasoning) - recorded_figure(e, RECORDED_AUDIO_OUT);
}

/* false: the catalog has no price. */
static bool compute_bill(const recorded *e, const char *tier, const int64_t quantity[LLMCOST_CLASS_COUNT], int64_t *nano)
{
    const llmc_preset *preset = llmc_preset_find(preset_of(e));
    const llmc_model *model = llmc_catalog_find(catalog, llmc_preset_catalog(preset), e->cells[RECORDED_MODEL]);
    llmc_price_query query = { .wall_ms = price_day, .reasoned = quantity[LLMCOST_REASONING] > 0, .tier = tier };
    llmc_rates rates;
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++)
        *(i == LLMCOST_OUTPUT || i == LLMCOST_REASONING || i == LLMCOST_AUDIO_OUT ? &query.output_tokens : &query.prompt_tokens) += quantity[i];
    if (!model || !llmc_model_rates(model, &query, &rates))
        return false;
    __int128 sum = rates.rate[LLMCOST_REQUEST].pico;
    for (int i = 0; i < LLMCOST_REQUEST; i++)
        sum += (__int128)quantity[i] * rates.rate[i].pico;
    __int128 unit = 1000;
    if (strcmp(rates.currency, "CNY") == 0) {
        sum *= CNY_NANO;
        unit *= 1000000000;
    }
    *nano = (int64_t)((sum + unit / 2) / unit);
    return true;
}

static void check_bill(const recorded *e, const llmcost_response *response, const int64_t quantity[LLMCOST_CLASS_COUNT])
{
    int64_t wanted, line = -1;
    if (!compute_bill(e, llmcost_response_line_text(response, 0, "tier"), quantity, &wanted)) {
        /* What the provider states is charged then, else nothing. */
        int64_t stated = 0;
        llmcost_response_line_number(response, 0, "stated_nano", &stated);
        assert_int_equal(llmcost_response_cost_nano(response), stated);
        unpriced++;
        return;
    }
    assert_int_equal(llmcost_response_cost_nano(response), wanted);
    assert_int_equal(llmcost_response_line_number(response, 0, "cost_nano", &line), 1);
    assert_int_equal(line, wanted);
    assert_true(wanted > 0 || recorded_figure(e, RECORDED_TOTAL) == 0 || has_flag(response, "free"));
    billed_nano += wanted;
    priced++;
}

/* ---- checks ---- */

static void check_usage(const recorded *e, const llmcost_response *response)
{
    int64_t said[LLMCOST_CLASS_COUNT], wanted[LLMCOST_CLASS_COUNT];
    bool prompt_exclusive = has_flag(response, "prompt_exclusive");
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++)
        said[i] = llmcost_response_tokens(response, (llmcost_class)i);
    assert_string_equal(llmcost_response_line_text(response, 0, "counts"), "reported");
    recorded_check_quantities(e, said, prompt_exclusive);
    classes_of(e, response, prompt_exclusive, wanted);
    for (int i = 0; i < LLMCOST_REQUEST; i++)
        assert_int_equal(said[i] > 0 ? said[i] : 0, wanted[i]);
    check_bill(e, response, wanted);
}

static void check_success(const recorded *e, llmcost_status status, const llmcost_response *response, const heard *h)
{
    char *text, *reasoning;
    bool streamed = recorded_figure(e, RECORDED_STREAM);
    uint32_t tool_calls = 0;
    recorded_said(e, &text, &reasoning);
    if (status)
        print_message("%s\n", llmcost_error_message(llmcost_response_error(response)));
    assert_int_equal(status, LLMCOST_OK);
    assert_string_equal(llmcost_response_text(response), text);
    assert_string_equal(llmcost_response_reasoning(response, 0, NULL), reasoning);
    assert_string_equal(h->text, streamed ? text : "");
    assert_string_equal(h->reasoning, streamed ? reasoning : "");
    if (streamed)
        assert_int_equal(h->finish, llmcost_response_finish(response, 0));
    for (uint32_t i = 0; i < llmcost_response_choice_count(response); i++)
        tool_calls += llmcost_response_tool_call_count(response, i);
    assert_int_equal(tool_calls, recorded_tool_calls(e));
    recorded_check_finish(e, llmcost_response_finish(response, 0), tool_calls > 0);
    assert_int_equal(llmcost_response_line_count(response), 1);
    if (recorded_has(e, RECORDED_PROMPT))
        check_usage(e, response);
    free(text);
    free(reasoning);
    answered++;
}

static void check_failure(const recorded *e, const json_t *meta, llmcost_status status, const llmcost_response *response)
{
    const llmcost_error *error = llmcost_response_error(response);
    json_t *headers = headers_of(meta);
    const char *id = json_string_value(json_object_get(headers, "x-request-id")), *wait_ms = json_string_value(json_object_get(headers, "retry-after-ms"));
    recorded_check_failure(e, status);
    assert_non_null(error);
    assert_int_equal(llmcost_error_http_status(error), recorded_figure(e, RECORDED_STATUS));
    assert_true(*llmcost_error_provider_message(error));
    assert_string_equal(llmcost_error_provider(error), "recorded");
    if (id)
        assert_string_equal(llmcost_error_request_id(error), id);
    if (wait_ms)
        assert_int_equal(llmcost_error_retry_after_ms(error), atoll(wait_ms)); /* the finer one counts */
    assert_int_equal(llmcost_response_line_count(response), 1);
    json_decref(headers);
    refused++;
}

/* ---- operations beside chats ---- */

/* The texts that were asked about, as they were; without a recorded request: one. */
static llmcost_status embed(llmcost_client *client, const recorded *e, const char *model, llmcost_response **response)
{
    enum { MOST = 32 };
    const char *texts[MOST] = { "a text" };
    json_t *asked = e->request ? json_loads(e->request, 0, NULL) : NULL, *input = json_object_get(asked, "input");
    llmcost_request request = LLMCOST_REQUEST_INIT;
    request.model = model;
    request.inputs = texts;
    request.input_count = json_array_size(input) ? (uint32_t)json_array_size(input) : 1;
    request.dimensions = (int32_t)json_integer_value(json_object_get(asked, "dimensions"));
    assert_in_range(request.input_count, 1, MOST);
    for (uint32_t i = 0; i < request.input_count && input; i++)
        texts[i] = json_string_value(json_is_array(input) ? json_array_get(input, i) : input);
    llmcost_status status = llmcost_embed(client, &request, response);
    json_decref(asked);
    return status;
}

/* Numbers are compared one by one, packed ones by how many they are; one host packs doubles. */
static void check_vectors(const recorded *e, const llmcost_response *response)
{
    json_t *body = json_loads(e->body, 0, NULL), *data = json_object_get(body, "data"), *item, *number;
    size_t at, place, packed = strcmp(e->cells[RECORDED_PROVIDER], "vllm") == 0 ? sizeof(double) : sizeof(float);
    assert_int_equal(llmcost_response_embedding_count(response), json_array_size(data));
    json_array_foreach(data, at, item) {
        uint32_t dimensions = 0;
        json_t *vector = json_object_get(item, "embedding");
        const float *numbers = llmcost_response_embedding(response, (uint32_t)at, &dimensions);
        assert_non_null(numbers);
        assert_int_equal(dimensions, json_is_string(vector) ? json_string_length(vector) / 4 * 3 / packed : json_array_size(vector));
        json_array_foreach(vector, place, number)
            assert_true(numbers[place] == (float)json_number_value(number));
    }
    json_decref(body);
}

static llmcost_status count(llmcost_client *client, const recorded *e, const char *model, llmcost_response **response)
{
    llmcost_message message = { .role = LLMCOST_USER, .text = "And tomorrow?" };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    int64_t tokens;
    json_t *body = json_loads(e->body, 0, NULL);
    request.model = model;
    request.messages = &message;
    request.message_count = 1;
    llmcost_status status = llmcost_count_tokens(client, &request, &tokens, response);
    assert_int_equal(tokens, json_integer_value(json_object_get(body, "input_tokens")));
    json_decref(body);
    return status;
}

/* What is asked at once and answered whole: an embedding, a count. */
static void read_other(const recorded *e, const json_t *meta, int chunk_bytes)
{
    llmcost_mock *mock = serve(e, meta, chunk_bytes);
    llmcost_client *client = open_client(e, mock);
    llmcost_response *response = NULL;
    bool vectors = e->operation == LLMC_OP_EMBED;
    char model[300];
    snprintf(model, sizeof model, "recorded/%s", e->cells[RECORDED_MODEL]);
    llmcost_status status = (vectors ? embed : count)(client, e, model, &response);
    if (recorded_fails(e))
        check_failure(e, meta, status, response);
    else if (status)
        fail_msg("%s", llmcost_error_message(llmcost_response_error(response)));
    if (!status) {
        answered++;
        if (vectors) {
            check_vectors(e, response);
            check_usage(e, response);
        }
        assert_true(vectors || llmcost_response_cost_nano(response) == 0);
    }
    llmcost_response_free(response);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
    assert_int_equal(llmcost_mock_stop(mock), LLMCOST_OK);
}

/* ---- one exchange ---- */

static void read_once(const recorded *e, const json_t *meta, int chunk_bytes)
{
    llmcost_mock *mock = serve(e, meta, chunk_bytes);
    llmcost_client *client = open_client(e, mock);
    llmcost_response *response = NULL;
    heard h;
    llmcost_status status = ask(client, e, &h, &response);
    assert_non_null(response);
    assert_int_equal(llmcost_response_status(response), status);
    if (recorded_fails(e))
        check_failure(e, meta, status, response);
    else
        check_success(e, status, response, &h);
    assert_int_equal(llmcost_mock_request_count(mock), 1);
    free(h.text);
    free(h.reasoning);
    llmcost_response_free(response);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
    assert_int_equal(llmcost_mock_stop(mock), LLMCOST_OK);
}

static void check_exchange(void **state)
{
    static const int pieces[] = { 0, 1, 7, 100, 4096 };
    const recorded *e = *state;
    json_t *meta = json_loads(e->meta ? e->meta : "{}", 0, NULL);
    assert_non_null(meta);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        if (pieces[i] != 1 || e->bytes <= 4096)
            (e->operation == LLMC_OP_CHAT ? read_once : read_other)(e, meta, pieces[i]);
    }
    json_decref(meta);
}

int main(void)
{
    recordings all = recordings_read();
    catalog = prices_new();
    int failures = recordings_run(&all, "recorded exchanges over HTTP", check_exchange);
    printf("# %zu readings of %zu exchanges: %zu answers, %zu failures; %zu bills, %zu without a price, %.6f USD in all\n", answered + refused, all.count, answered, refused,
           priced, unpriced, (double)billed_nano / 1e9);
    recordings_free(&all);
    llmc_catalog_free(catalog);
    return failures;
}
