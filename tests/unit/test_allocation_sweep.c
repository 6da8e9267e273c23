/*
 * Memory runs out: every scenario is run with its Nth allocation failing once, and with all failing from the Nth on,
 * for every N until it passes. Never a crash, a hang, a leak or money that stays held.
 */
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

#define HEAD "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":1,\"on_abort\":\"drain\",\"headers\":{\"x-a\":\"b\"}},\"anthropic\":{\"keys\":[\"a\"]},\"cohere\":{\"key\":\"k\"},\"google\":{\"key\":\"k\"},\"deepseek\":{\"key\":\"k\"},\"ollama\":{}}," \
             "\"models\":{\"small\":\"openai/gpt-4o-mini\",\"large\":\"openai/gpt-4o\"}," \
             "\"routes\":{\"r\":{\"cascade\":[\"small\",\"large\"]},\"j\":{\"cascade\":[\"small\",\"large\"],\"escalate_on\":{\"judge\":\"openai/o3\",\"truncation\":true}}," \
             "\"f\":{\"fallback\":[\"large\",\"cohere/command-a-03-2025\",\"small\"],\"on\":[\"default\",\"refusal\"],\"after_delta\":\"continue\",\"attempt_ms\":60000}," \
             "\"fs\":{\"fallback\":[{\"split\":{\"r\":1,\"small\":1}},\"r\"]}}," \
             "\"cache\":{\"memory\":{},\"sampled\":true,\"namespace\":\"n\"},\"report\":{\"tags\":[\"feature\"]},"
#define FULL HEAD "\"budgets\":[{\"name\":\"b\",\"limit\":\"0.05 USD\",\"per\":\"day\",\"alert_at\":[0.001,0.5]},{\"name\":\"t\",\"limit\":\"1 USD\",\"where\":{\"feature\":\"*\"},\"each\":\"feature\"}]}"
#define KEYS "{\"providers\":{\"qianfan\":{\"keys\":[{\"access_key\":\"AK\",\"secret_key\":\"SK\"},{\"access_key\":\"AK2\",\"secret_key\":\"SK2\"}],\"free\":true,\"retries\":0}," \
             "\"old\":{\"preset\":\"qianfan\",\"key\":{\"access_key\":\"AK\",\"secret_key\":\"SK\"},\"auth\":\"oauth\",\"free\":true,\"retries\":0}," \
             "\"openai\":{\"keys\":[\"host:vault\",\"sk\"],\"retries\":0},\"zhipu\":{\"key\":\"id.secret\",\"auth\":\"jwt\",\"free\":true}," \
             "\"aws\":{\"base_url\":\"https://h\",\"region\":\"r\",\"auth\":\"aws\",\"key\":{\"access_key\":\"AK\",\"secret_key\":\"SK\",\"session_token\":\"ST\"},\"free\":true}}}"
#define SPLIT "{" RIG_OPENAI ",\"routes\":{\"s\":{\"split\":[{\"use\":{\"fallback\":[{\"split\":{\"openai/gpt-4o\":1}},\"openai/gpt-4.1\"]},\"weight\":1,\"name\":\"x\"},{\"use\":\"openai/gpt-4o\",\"weight\":0}],\"sticky\":\"user\"}}," \
              "\"report\":{\"feedback_calls\":5}}"
#define TIGHT "{" RIG_OPENAI ",\"budgets\":[{\"limit\":\"0.0014 USD\"}]}"

#define CHOOSING "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0},\"deepseek\":{\"key\":\"k\"}},\"models\":{\"small\":\"openai/gpt-4o-mini\",\"large\":\"openai/gpt-4o\"}," \
                 "\"cache\":{\"memory\":{},\"sampled\":true},\"budgets\":[{\"name\":\"b\",\"limit\":\"1 USD\",\"where\":{\"feature\":\"*\"}}],\"routes\":{" \
                 "\"facts\":{\"choose\":[{\"when\":{\"tag\":{\"feature\":[\"x\",\"faq\"]},\"prompt_tokens\":{\"above\":1},\"fits\":true,\"spent\":{\"budget\":\"b\",\"below\":2},\"label\":\"simple\"," \
                 "\"healthy\":[\"small\",\"large\"],\"hour\":{\"from\":0,\"to\":23},\"weekday\":[\"mon\",\"tue\",\"wed\",\"thu\",\"fri\",\"sat\",\"sun\"]},\"use\":{\"fallback\":[\"large\",\"small\"]}},{\"use\":\"small\"}],\"label_with\":\"local\"}," \
                 "\"label\":{\"fallback\":[{\"choose\":[{\"when\":{\"label\":\"a\"},\"use\":\"large\"},{\"use\":\"small\"}],\"label_with\":\"openai/gpt-4.1\",\"labels\":{\"a\":\"first\",\"b\":\"second\"}},\"large\"]}," \
                 "\"host\":{\"choose\":[{\"when\":{\"label\":\"x\"},\"use\":\"large\"},{\"use\":\"small\"}],\"label_with\":\"host:me\"}," \
                 "\"cheap\":{\"choose\":[{\"use\":{\"cheapest\":[\"large\",\"small\"]}}]}," \
                 "\"deep\":{\"choose\":[{\"when\":{\"needs\":\"audio\"},\"use\":\"deepseek/deepseek-chat\"},{\"use\":\"deepseek/deepseek-reasoner\"}]}}}"

typedef struct sweep {
    engine_rig rig;
    const char *config;
    int done;
} sweep;

typedef llmcost_status (*scenario_fn)(sweep *self);

static const char *no_environment(const char *name, void *user)
{
    (void)name;
    (void)user;
    return NULL;
}

static llmcost_status open_client(sweep *self)
{
    llmcost_error *error = NULL;
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    options.allocator = &self->rig.memory.allocator;
    options.clock = &self->rig.clock.clock;
    options.transport = &self->rig.network.transport;
    options.random_seed = 1;
    options.environment = no_environment;
    options.error = &error;
    llmcost_status status = llmcost_client_open(&self->rig.client, self->config, &options);
    if (status && status != LLMCOST_E_MEMORY)
        print_error("%s\n", llmcost_error_message(error));
    llmcost_error_free(error);
    if (status)
        assert_null(self->rig.client);
    return status;
}

static llmcost_tag tags[] = { { "feature", "faq" }, { "user", "u" } };

static llmcost_request *request_of(rig_request *space, const char *model, const char *text)
{
    llmcost_request *request = rig_ask(space, model, text);
    request->tags = tags;
    request->tag_count = 2;
    request->max_tokens = 100;
    return request;
}

/* Everything a response can be asked for. */
static void read_response(const llmcost_response *response)
{
    llmcost_response_summary(response);
    llmcost_response_receipt(response);
    llmcost_response_json(response);
    llmcost_response_text(response);
    llmcost_response_message(response, 0);
    if (llmcost_response_error(response)) {
        llmcost_error_message(llmcost_response_error(response));
        llmcost_error_trail(llmcost_response_error(response));
    }
    rig_check_receipt(response);
}

static llmcost_status chat_with(sweep *self, const llmcost_request *request)
{
    llmcost_response *response = NULL;
    llmcost_status status = llmcost_chat(self->rig.client, request, &response);
    if (response) {
        assert_int_equal(llmcost_response_status(response), status);
        read_response(response);
    }
    assert_true(response || status == LLMCOST_E_MEMORY);
    llmcost_response_free(response);
    return status;
}

static llmcost_status chat(sweep *self)
{
    rig_request space;
    fake_network_says(&self->rig.network, NULL, "hi there", 10, 5);
    return chat_with(self, request_of(&space, "openai/gpt-4o", "hello"));
}

static llmcost_status retried(sweep *self)
{
    rig_request space;
    fake_network_fails(&self->rig.network, NULL, 503, "overloaded")->times = 1;
    fake_network_says(&self->rig.network, NULL, "hi there", 10, 5);
    return chat_with(self, request_of(&space, "openai/gpt-4o", "hello"));
}

static llmcost_status failed(sweep *self)
{
    rig_request space;
    fake_network_fails(&self->rig.network, NULL, 401, "invalid_api_key");
    return chat_with(self, request_of(&space, "openai/gpt-4o", "hello"));
}

static llmcost_status cut(sweep *self)
{
    rig_request space;
    fake_exchange *exchange = fake_network_add(&self->rig.network, NULL);
    exchange->http_status = 0;
    exchange->status = LLMCOST_E_TLS;
    return chat_with(self, request_of(&space, "openai/gpt-4o", "hello"));
}

static llmcost_status unknown(sweep *self)
{
    rig_request space;
    return chat_with(self, request_of(&space, "openay/gpt-4o", "hello"));
}

static llmcost_status anthropic(sweep *self)
{
    rig_request space;
    static const char body[] = "{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}],\"stop_reason\":\"end_turn\","
                               "\"usage\":{\"input_tokens\":10,\"output_tokens\":5}}";
    fake_exchange_piece(fake_network_add(&self->rig.network, NULL), 0, body, sizeof body - 1);
    return chat_with(self, request_of(&space, "anthropic/claude-sonnet-4-5", "hello"));
}

static llmcost_status ask(sweep *self)
{
    llmcost_response *response = NULL;
    fake_network_says(&self->rig.network, NULL, "hi there", 10, 5);
    llmcost_status status = llmcost_ask(self->rig.client, "large", "hello", &response);
    llmcost_response_free(response);
    return status;
}

static llmcost_status chat_json(sweep *self)
{
    static const char body[] = "{\"model\":\"openai/gpt-4o\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}],"
                               "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\"}}}],\"stop\":[\"x\"],\"llmcost\":{\"tags\":{\"feature\":\"faq\"}}}";
    llmcost_response *response = NULL;
    fake_network_says(&self->rig.network, NULL, "hi there", 10, 5);
    llmcost_status status = llmcost_chat_json(self->rig.client, body, 0, &response);
    if (response)
        read_response(response);
    llmcost_response_free(response);
    return status;
}

static llmcost_status cached(sweep *self)
{
    llmcost_status first = chat(self), second = chat(self);
    return first ? first : second;
}

static llmcost_status cascade(sweep *self)
{
    rig_request space;
    fake_network_says(&self->rig.network, "gpt-4o-mini", "It is 4.\nUNCERTAIN", 10, 5);
    fake_network_says(&self->rig.network, NULL, "large", 10, 5);
    return chat_with(self, request_of(&space, "r", "hello"));
}

static llmcost_status cascade_with_a_judge(sweep *self)
{
    rig_request space;
    fake_network_says(&self->rig.network, "\"o3\"", "NO", 10, 5);
    fake_network_says(&self->rig.network, "gpt-4o-mini", "small", 10, 5);
    fake_network_says(&self->rig.network, NULL, "large", 10, 5);
    return chat_with(self, request_of(&space, "j", "hello"));
}

static llmcost_status cascade_that_fails(sweep *self)
{
    rig_request space;
    fake_network_says(&self->rig.network, "gpt-4o-mini", "It is 4.\nUNCERTAIN", 10, 5);
    fake_network_fails(&self->rig.network, NULL, 401, "invalid_api_key");
    return chat_with(self, request_of(&space, "r", "hello"));
}

static llmcost_status stream_of(sweep *self, const char *model, const char *first, const char *second)
{
    rig_request space;
    llmcost_stream *stream = NULL;
    llmcost_response *response = NULL;
    const llmcost_event *event;
    fake_network_streams(&self->rig.network, "gpt-4o-mini", (const char *const[]){ first, second, NULL }, 10, 5);
    fake_network_streams(&self->rig.network, NULL, (const char *const[]){ "lar", "ge", NULL }, 10, 5);
    llmcost_status status = llmcost_stream_open(self->rig.client, request_of(&space, model, "hello"), &stream);
    if (status) {
        assert_null(stream);
        return status;
    }
    while ((status = llmcost_stream_next(stream, &event)) == LLMCOST_OK && event)
        llmcost_event_json(event);
    assert_int_equal(llmcost_stream_finish(stream, &response), status);
    read_response(response);
    llmcost_response_free(response);
    llmcost_stream_close(stream);
    return status;
}

static llmcost_status stream(sweep *self)
{
    return stream_of(self, "small", "hel", "lo");
}

static llmcost_status stream_of_a_cascade(sweep *self)
{
    return stream_of(self, "r", "UNCERT", "AIN");
}

static llmcost_status stream_with_a_late_marker(sweep *self)
{
    return stream_of(self, "r", "It is 4.\nUNC", "ERTAIN");
}

static llmcost_status stream_of_a_hit(sweep *self)
{
    llmcost_status first = stream(self), second = stream(self);
    return first ? first : second;
}

static int stop_now(const llmcost_event *event, void *user)
{
    (void)event;
    (void)user;
    return 1;
}

/* Left in the middle, read on without the caller. */
static llmcost_status drained(sweep *self)
{
    rig_request space;
    llmcost_response *response = NULL;
    fake_network_streams(&self->rig.network, NULL, (const char *const[]){ "a", "b", "c", NULL }, 10, 5);
    llmcost_status status = llmcost_chat_stream(self->rig.client, request_of(&space, "large", "hello"), stop_now, NULL, &response);
    if (response)
        read_response(response);
    llmcost_response_free(response);
    assert_int_equal(llmcost_client_run(self->rig.client, 100000), LLMCOST_OK);
    return status;
}

/* ---- loops ---- */

static void on_done(uint64_t call, llmcost_response *response, void *user)
{
    (void)call;
    ((sweep *)user)->done++;
    assert_non_null(response);
    llmcost_response_free(response);
}

static int on_event(const llmcost_event *event, void *user)
{
    (void)user;
    llmcost_event_json(event);
    return 0;
}

static llmcost_status loop(sweep *self)
{
    rig_request space;
    llmcost_loop *opened = NULL;
    uint64_t id = 0, silent = 0;
    self->done = 0;
    fake_network_add(&self->rig.network, "silent")->done_ms = FAKE_SILENT;
    fake_network_streams(&self->rig.network, NULL, (const char *const[]){ "a", "b", NULL }, 10, 5);
    llmcost_status status = llmcost_loop_open(self->rig.client, &opened);
    if (status)
        return status;
    llmcost_status first = llmcost_loop_submit(opened, request_of(&space, "large", "hello"), on_event, on_done, self, &id);
    llmcost_status second = llmcost_loop_submit(opened, request_of(&space, "large", "silent"), NULL, on_done, self, &silent);
    llmcost_status third = llmcost_loop_submit(opened, request_of(&space, "large", "silent"), NULL, on_done, self, NULL);
    llmcost_status cancelled = llmcost_loop_cancel(opened, silent);
    for (int i = 0; i < 20 && llmcost_loop_pending(opened); i++)
        assert_int_equal(llmcost_loop_poll(opened, 0), LLMCOST_OK);
    assert_int_equal(llmcost_loop_close(opened), LLMCOST_OK);
    assert_int_equal(self->done, !first + !second + !third);
    return first ? first : second ? second : third ? third : cancelled;
}

/* OpenAI-shaped, with counts that no provider tells. */
static const char streamed_body[] = "{\"model\":\"openai/gpt-4o\",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";

static void stream_without_counts(sweep *self)
{
    static const char chunks[] = "data: {\"id\":\"i\",\"model\":\"gpt-4o-2024\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hel\"}}],\"citations\":[\"https://a\"]}\n\n"
                                 "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\"},\"logprobs\":{\"content\":[{\"token\":\"lo\",\"logprob\":-1}]},\"finish_reason\":\"stop\"}]}\n\n"
                                 "data: [DONE]\n\n";
    fake_exchange *exchange = fake_network_add(&self->rig.network, NULL);
    exchange->headers[0] = "Content-Type: text/event-stream";
    fake_exchange_piece(exchange, 1, chunks, strlen(chunks));
    exchange->done_ms = 2;
}

static llmcost_status stream_json(sweep *self)
{
    llmcost_stream *stream = NULL;
    llmcost_response *response = NULL;
    const llmcost_event *event;
    int counts = 0;
    stream_without_counts(self);
    llmcost_status status = llmcost_stream_open_json(self->rig.client, streamed_body, 0, &stream);
    if (status)
        return status;
    while ((status = llmcost_stream_next(stream, &event)) == LLMCOST_OK && event) {
        llmcost_event_json(event);
        counts += llmcost_event_get_kind(event) == LLMCOST_EVENT_USAGE;
    }
    assert_int_equal(counts, status == LLMCOST_OK);
    assert_int_equal(llmcost_stream_finish(stream, &response), status);
    llmcost_response_free(response);
    llmcost_stream_close(stream);
    return status;
}

static llmcost_status loop_json(sweep *self)
{
    llmcost_loop *opened = NULL;
    self->done = 0;
    stream_without_counts(self);
    llmcost_status status = llmcost_loop_open(self->rig.client, &opened);
    if (status)
        return status;
    status = llmcost_loop_submit_json(opened, streamed_body, 0, on_event, on_done, self, NULL);
    for (int i = 0; i < 20 && llmcost_loop_pending(opened); i++)
        assert_int_equal(llmcost_loop_poll(opened, 0), LLMCOST_OK);
    assert_int_equal(llmcost_loop_close(opened), LLMCOST_OK);
    assert_int_equal(self->done, !status);
    return status;
}

/* ---- budgets ---- */

static llmcost_status shortened(sweep *self)
{
    rig_request space;
    fake_network_says(&self->rig.network, NULL, "hi", 10, 5);
    request_of(&space, "openai/gpt-4o", "hello")->max_tokens = 1000;
    return chat_with(self, &space.request);
}

static llmcost_status waits_for_room(sweep *self)
{
    rig_request space;
    llmcost_loop *opened = NULL;
    self->done = 0;
    fake_exchange *exchange = fake_network_says(&self->rig.network, NULL, "hi", 10, 5);
    exchange->pieces[0].at_ms = exchange->done_ms = 500;
    llmcost_status status = llmcost_loop_open(self->rig.client, &opened);
    if (status)
        return status;
    int submitted = 0;
    for (int i = 0; i < 3; i++) {
        llmcost_status one = llmcost_loop_submit(opened, request_of(&space, "openai/gpt-4o", "hello"), NULL, on_done, self, NULL);
        submitted += one == LLMCOST_OK;
        status = one ? one : status;
    }
    for (int i = 0; i < 200 && llmcost_loop_pending(opened); i++)
        assert_int_equal(llmcost_loop_poll(opened, 1000), LLMCOST_OK);
    assert_int_equal(self->done, submitted);
    assert_int_equal(llmcost_loop_close(opened), LLMCOST_OK);
    return status;
}

/* Without memory for the decision a call is counted nowhere, and takes no score. */
static llmcost_status feedback(sweep *self)
{
    rig_request space;
    llmcost_response *response = NULL;
    char *report = NULL;
    fake_network_says(&self->rig.network, NULL, "hello", 10, 5);
    llmcost_status status = llmcost_chat(self->rig.client, request_of(&space, "s", "hello"), &response);
    if (!status)
        status = llmcost_feedback(self->rig.client, llmcost_response_id(response), 1);
    llmcost_response_free(response);
    if (!status)
        status = llmcost_report(self->rig.client, "json", &report);
    llmcost_string_free(report);
    return status;
}

static llmcost_status ask_one(sweep *self, const char *model)
{
    llmcost_response *response = NULL;
    llmcost_status status = llmcost_ask(self->rig.client, model, "hello", &response);
    llmcost_response_free(response);
    return status;
}

/* All targets fail; then the last one answers. */
static llmcost_status fallback(sweep *self)
{
    fake_network_fails(&self->rig.network, "command-a", 503, "overloaded");
    fake_network_fails(&self->rig.network, "\"gpt-4o\"", 503, "overloaded");
    fake_network_fails(&self->rig.network, "\"gpt-4o-mini\"", 404, "model_not_found")->times = 1;
    fake_network_says(&self->rig.network, "\"gpt-4o-mini\"", "hi", 10, 5);
    llmcost_status status = ask_one(self, "f");
    return status == LLMCOST_E_OVERLOADED ? ask_one(self, "f") : status;
}

static int any_event(const llmcost_event *event, void *user)
{
    (void)user;
    (void)llmcost_event_json(event);
    return 0;
}

/* Part of an answer was shown, and another one follows from the start. */
static llmcost_status stream_that_begins_again(sweep *self)
{
    rig_request space;
    llmcost_response *response = NULL;
    fake_exchange *broken = fake_network_add(&self->rig.network, "\"gpt-4o\"");
    fake_exchange_delta(broken, 1, "Once upon");
    broken->done_ms = 2;
    broken->status = LLMCOST_E_NETWORK;
    fake_network_fails(&self->rig.network, "command-a", 500, "server_error");
    fake_network_streams(&self->rig.network, "\"gpt-4o-mini\"", (const char *const[]){ "hel", "lo", NULL }, 10, 5);
    llmcost_status status = llmcost_chat_stream(self->rig.client, request_of(&space, "f", "hello"), any_event, NULL, &response);
    if (status == LLMCOST_OK)
        assert_string_equal(llmcost_response_text(response), "hello");
    llmcost_response_free(response);
    return status;
}

static llmcost_status figures(sweep *self)
{
    char *text;
    llmcost_status worst = LLMCOST_OK, status;
    for (int i = 0; i < 5; i++) {
        text = NULL;
        status = i == 4 ? llmcost_targets(self->rig.client, &text) : i == 0 ? llmcost_report(self->rig.client, "text", &text) : i == 1 ? llmcost_report(self->rig.client, "json", &text)
                        : i == 2 ? llmcost_stats(self->rig.client, &text) : llmcost_budgets(self->rig.client, &text);
        assert_true((text != NULL) == (status == LLMCOST_OK));
        llmcost_string_free(text);
        worst = status ? status : worst;
    }
    status = llmcost_budget_correct(self->rig.client, "t", "faq", 5);
    return status ? status : worst;
}

static llmcost_status explain(sweep *self)
{
    rig_request space;
    static const char body[] = "{\"model\":\"r\",\"response_format\":{\"type\":\"json_object\"},\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}";
    llmcost_status worst = LLMCOST_OK;
    for (int i = 0; i < 5; i++) {
        char *text = NULL;
        llmcost_status status = i == 0 ? llmcost_explain(self->rig.client, request_of(&space, "fs", "hello"), &text)
                                : i == 1 ? llmcost_explain(self->rig.client, request_of(&space, "none such", "hello"), &text)
                                : i == 2 ? llmcost_explain_json(self->rig.client, body, 0, &text) : llmcost_route_describe(self->rig.client, i == 3 ? NULL : "openai/gpt-4.1-nano", &text);
        assert_true((text != NULL) == (status == LLMCOST_OK));
        llmcost_string_free(text);
        worst = status ? status : worst;
    }
    return worst;
}

static llmcost_status chosen(sweep *self)
{
    rig_request space;
    fake_network_says(&self->rig.network, "\"gpt-4o\"", "hi there", 10, 5);
    return chat_with(self, request_of(&space, "facts", "hello"));
}

static llmcost_status labelled(sweep *self)
{
    rig_request space;
    fake_network_says(&self->rig.network, "gpt-4.1", "a", 10, 5);
    fake_network_says(&self->rig.network, NULL, "hi there", 10, 5);
    return chat_with(self, request_of(&space, "label", "hello"));
}

static int host_label(const llmcost_labelling *shown, char *label, size_t capacity, void *user)
{
    (void)user;
    (void)capacity;
    strcpy(label, "x");
    return strcmp(shown->question, "hello");
}

static llmcost_status labelled_by_host(sweep *self)
{
    rig_request space;
    llmcost_status status = llmcost_client_add_labeller(self->rig.client, "me", host_label, NULL);
    fake_network_says(&self->rig.network, "\"gpt-4o\"", "hi there", 10, 5);
    return status ? status : chat_with(self, request_of(&space, "host", "hello"));
}

static llmcost_status cheapest(sweep *self)
{
    rig_request space;
    fake_network_says(&self->rig.network, "\"gpt-4o-mini\"", "hi there", 10, 5);
    return chat_with(self, request_of(&space, "cheap", "hello"));
}

static llmcost_status unfit(sweep *self)
{
    rig_request space;
    llmcost_part part = { .type = LLMCOST_PART_AUDIO, .data = "xx", .data_bytes = 2, .media_type = "audio/wav" };
    request_of(&space, "deep", "hello");
    space.messages[0] = (llmcost_message){ .role = LLMCOST_USER, .parts = &part, .part_count = 1 };
    return chat_with(self, &space.request);
}

static llmcost_status explain_choices(sweep *self)
{
    rig_request space;
    llmcost_status worst = LLMCOST_OK;
    static const char *const names[] = { "facts", "label", "host", "cheap" };
    for (size_t i = 0; i < 2 * sizeof names / sizeof names[0]; i++) {
        char *text = NULL;
        llmcost_status status = i % 2 ? llmcost_explain(self->rig.client, request_of(&space, names[i / 2], "hello"), &text) : llmcost_route_describe(self->rig.client, names[i / 2], &text);
        assert_true((text != NULL) == (status == LLMCOST_OK));
        llmcost_string_free(text);
        worst = status ? status : worst;
    }
    return worst;
}

static llmcost_status list_models(sweep *self)
{
    llmcost_response *response = NULL;
    static const char models[] = "{\"object\":\"list\",\"data\":[{\"id\":\"a\"},{\"id\":\"b\"}]}";
    fake_exchange_piece(fake_network_add(&self->rig.network, NULL), 0, models, sizeof models - 1);
    llmcost_status status = llmcost_list_models(self->rig.client, "openai", &response);
    llmcost_response_free(response);
    return status;
}

/* Of two requests; the second time out of the cache. */
static llmcost_status embed(sweep *self)
{
    enum { TEXTS = 100, FIRST = 96 };
    static char body[2][4000];
    const char *inputs[TEXTS];
    for (int part = 0; part < 2; part++) {
        char *at = body[part] + sprintf(body[part], "{\"embeddings\":{\"float\":[");
        for (int i = 0; i < (part ? TEXTS - FIRST : FIRST); i++)
            at += sprintf(at, "%s[%d,1]", i ? "," : "", i);
        strcpy(at, "]},\"meta\":{\"billed_units\":{\"input_tokens\":9}}}");
        fake_exchange *exchange = fake_network_add(&self->rig.network, NULL);
        exchange->body = part ? NULL : "\"first\"";
        exchange->headers[0] = "x-ratelimit-remaining-requests: 3";
        fake_exchange_piece(exchange, 0, body[part], strlen(body[part]));
    }
    for (int i = 0; i < TEXTS; i++)
        inputs[i] = i ? "other" : "first";
    llmcost_request request = LLMCOST_REQUEST_INIT;
    request.model = "cohere/embed-v4.0";
    request.inputs = inputs;
    request.input_count = TEXTS;
    llmcost_status worst = LLMCOST_OK;
    for (int time = 0; time < 2; time++) {
        llmcost_response *response = NULL;
        llmcost_status status = llmcost_embed(self->rig.client, &request, &response);
        if (response)
            read_response(response);
        assert_int_equal(llmcost_response_embedding_count(response), status ? 0 : TEXTS);
        llmcost_response_free(response);
        worst = status ? status : worst;
    }
    return worst;
}

static llmcost_status embed_json(sweep *self)
{
    static const char body[] = "{\"model\":\"cohere/embed-v4.0\",\"input\":[\"a\",\"b\"],\"encoding_format\":\"base64\",\"user\":\"u\"}";
    static const char answer[] = "{\"embeddings\":{\"float\":[[1,2],[3,4]]}}";
    llmcost_response *response = NULL;
    fake_exchange_piece(fake_network_add(&self->rig.network, NULL), 0, answer, sizeof answer - 1);
    llmcost_status status = llmcost_embed_json(self->rig.client, body, 0, &response);
    if (response)
        read_response(response);
    llmcost_response_free(response);
    return status;
}

static llmcost_status embed_on_a_loop(sweep *self)
{
    static const char body[] = "{\"model\":\"cohere/embed-v4.0\",\"input\":[\"a\",\"b\"]}", answer[] = "{\"embeddings\":{\"float\":[[1,2],[3,4]]}}";
    static const char *const inputs[] = { "c", "d" };
    llmcost_loop *opened = NULL;
    llmcost_request request = LLMCOST_REQUEST_INIT;
    self->done = 0;
    fake_exchange_piece(fake_network_add(&self->rig.network, NULL), 0, answer, sizeof answer - 1);
    llmcost_status status = llmcost_loop_open(self->rig.client, &opened);
    if (status)
        return status;
    request.model = "cohere/embed-v4.0";
    request.inputs = inputs;
    request.input_count = 2;
    llmcost_status first = llmcost_loop_submit_embed(opened, &request, on_done, self, NULL);
    llmcost_status second = llmcost_loop_submit_embed_json(opened, body, 0, on_done, self, NULL);
    for (int i = 0; i < 20 && llmcost_loop_pending(opened); i++)
        assert_int_equal(llmcost_loop_poll(opened, 0), LLMCOST_OK);
    assert_int_equal(llmcost_loop_close(opened), LLMCOST_OK);
    assert_int_equal(self->done, !first + !second);
    return first ? first : second;
}

static llmcost_status count_tokens(sweep *self)
{
    rig_request space;
    int64_t tokens;
    static const char answer[] = "{\"totalTokens\":31}", body[] = "{\"model\":\"google/gemini-2.5-flash\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}";
    fake_exchange_piece(fake_network_add(&self->rig.network, NULL), 0, answer, sizeof answer - 1);
    llmcost_status first = llmcost_count_tokens(self->rig.client, request_of(&space, "google/gemini-2.5-flash", "hello"), &tokens, NULL);
    llmcost_status second = llmcost_count_tokens_json(self->rig.client, body, 0, &tokens, NULL);
    return first ? first : second;
}

static llmcost_status balance(sweep *self)
{
    llmcost_response *response = NULL;
    static const char answer[] = "{\"balance_infos\":[{\"currency\":\"CNY\",\"total_balance\":\"110.05\"}]}";
    fake_exchange_piece(fake_network_add(&self->rig.network, NULL), 0, answer, sizeof answer - 1);
    llmcost_status status = llmcost_balance(self->rig.client, "deepseek", &response);
    assert_int_equal(llmcost_response_balance_count(response), status ? 0 : 1);
    llmcost_response_free(response);
    return status;
}

/* ---- what plugins do ---- */

static llmcost_verdict plugin_enter(llmcost_leg *leg, void *state, void *user)
{
    (void)state;
    (void)user;
    llmcost_request *request = llmcost_leg_alloc(leg, sizeof *request);
    if (!request)
        return llmcost_leg_fail(leg, LLMCOST_E_MEMORY, NULL);
    *request = *llmcost_leg_request(leg);
    llmcost_leg_note(leg, "a note");
    llmcost_leg_note(leg, "and another");
    llmcost_spawn spawn = { .struct_size = sizeof spawn, .model = "small", .purpose = "hedge", .request = request, .deadline_ms = 5000 };
    llmcost_waker_free(llmcost_leg_waker(leg));
    if (llmcost_leg_set_request(leg, request) || llmcost_leg_timer(leg, 100))
        return llmcost_leg_fail(leg, LLMCOST_E_MEMORY, "no memory");
    llmcost_leg *first = llmcost_leg_spawn(leg, &spawn), *second = llmcost_leg_spawn(leg, &spawn);
    if (!first || !second)
        return LLMCOST_FAIL;
    return LLMCOST_WAIT;
}

static llmcost_verdict plugin_resume(llmcost_leg *leg, void *state, void *user, const llmcost_wake *wake)
{
    (void)state;
    (void)user;
    return wake->kind == LLMCOST_WAKE_CHILD ? llmcost_leg_adopt(leg, wake->child) : LLMCOST_WAIT;
}

static llmcost_verdict plugin_leave(llmcost_leg *leg, void *state, void *user)
{
    (void)user;
    if (*(int *)state)
        return LLMCOST_CONTINUE;
    *(int *)state = 1;
    return llmcost_leg_status(leg) ? llmcost_leg_answer(leg, "instead", 0) : LLMCOST_ANOTHER;
}

static llmcost_event_verdict plugin_event(llmcost_leg *leg, void *state, void *user, const llmcost_event *event, llmcost_leg *child)
{
    (void)leg;
    (void)state;
    (void)user;
    (void)event;
    (void)child;
    return LLMCOST_HOLD;
}

static void store_get(const uint8_t key[32], llmcost_cache_reply *reply, void *user)
{
    (void)key;
    (void)user;
    llmcost_cache_reply_send(reply, "garbage", 7);
}

static void store_put(const uint8_t key[32], const void *value, size_t bytes, int64_t ttl_ms, void *user)
{
    (void)key;
    (void)value;
    (void)bytes;
    (void)ttl_ms;
    (void)user;
}

static struct {
    char bytes[8000];
    size_t length;
} vectors_of_a_host;

static void keep_vectors(const uint8_t key[32], const void *value, size_t bytes, int64_t ttl_ms, void *user)
{
    (void)key;
    (void)ttl_ms;
    (void)user;
    assert_true(bytes <= sizeof vectors_of_a_host.bytes);
    memcpy(vectors_of_a_host.bytes, value, bytes);
    vectors_of_a_host.length = bytes;
}

static void give_vectors(const uint8_t key[32], llmcost_cache_reply *reply, void *user)
{
    (void)key;
    (void)user;
    llmcost_cache_reply_send(reply, vectors_of_a_host.length ? vectors_of_a_host.bytes : NULL, vectors_of_a_host.length);
}

/* Written for a host's store, and read from it. */
static llmcost_status kept_vectors(sweep *self)
{
    llmcost_cache_store store = { .struct_size = sizeof store, .get = give_vectors, .put = keep_vectors };
    vectors_of_a_host.length = 0;
    assert_int_equal(llmcost_client_set_cache_store(self->rig.client, &store), LLMCOST_OK);
    llmcost_status first = embed(self);
    llmcost_cache_clear(self->rig.client);
    llmcost_status second = embed(self);
    return first ? first : second;
}

static llmcost_status plugins(sweep *self)
{
    static const int32_t phases[] = { LLMCOST_PHASE_COALESCE, LLMCOST_PHASE_KEYS };
    llmcost_cache_store store = { .struct_size = sizeof store, .get = store_get, .put = store_put };
    for (int i = 0; i < 2; i++) {
        llmcost_policy policy = { .struct_size = sizeof policy, .phase = phases[i], .name = "plugin", .state_bytes = sizeof(int), .enter = i ? NULL : plugin_enter,
                                  .resume = i ? NULL : plugin_resume, .leave = plugin_leave, .event = plugin_event };
        assert_int_equal(llmcost_client_add_policy(self->rig.client, &policy), LLMCOST_OK);
    }
    assert_int_equal(llmcost_client_set_cache_store(self->rig.client, &store), LLMCOST_OK);
    return stream(self);
}

static int host_judge(const llmcost_judgement *judgement, void *user)
{
    (void)user;
    return strcmp(judgement->question, judgement->answer) == 0;
}

static llmcost_status add_judge(sweep *self)
{
    return llmcost_client_add_judge(self->rig.client, "me", host_judge, NULL);
}

static void token_at(sweep *self, const char *url)
{
    static const char body[] = "{\"token\":\"t\",\"createTime\":\"2026-11-22T08:00:00Z\",\"expireTime\":\"2026-11-22T09:00:00Z\",\"expires_in\":3600}";
    fake_exchange *exchange = fake_network_add(&self->rig.network, NULL);
    exchange->url = url;
    fake_exchange_piece(exchange, 0, body, sizeof body - 1);
}

static llmcost_status exchanged(sweep *self)
{
    token_at(self, "BCE-BEARER");
    token_at(self, "oauth");
    fake_network_fails(&self->rig.network, "\"messages\"", 401, "invalid_iam_token")->times = 1;
    fake_network_says(&self->rig.network, NULL, "hi", 10, 5);
    llmcost_status status = ask_one(self, "qianfan/ernie-5.0");
    return status ? status : ask_one(self, "old/ernie-5.0");
}

static llmcost_status signed_requests(sweep *self)
{
    fake_network_says(&self->rig.network, NULL, "hi", 10, 5);
    llmcost_status status = ask_one(self, "zhipu/glm-4.7");
    return status ? status : ask_one(self, "aws/gpt-4o");
}

static llmcost_status vault(const char *provider, int rejected, char *key, size_t capacity, int64_t *valid_ms, void *user)
{
    (void)provider;
    (void)rejected;
    (void)capacity;
    (void)user;
    strcpy(key, "sk-of-the-vault");
    *valid_ms = 60000;
    return LLMCOST_OK;
}

static llmcost_status add_key_source(sweep *self)
{
    return llmcost_client_add_key_source(self->rig.client, "vault", vault, NULL);
}

static llmcost_status handed_out(sweep *self)
{
    llmcost_status status = add_key_source(self);
    fake_network_fails(&self->rig.network, NULL, 401, "invalid_api_key")->times = 1;
    fake_network_says(&self->rig.network, NULL, "hi", 10, 5);
    for (int i = 0; i < 2 && !status; i++)
        status = ask_one(self, "openai/gpt-4o");
    return status;
}

/* ---- the sweep ---- */

/* E_BUDGET: an account that cannot be made cannot be read, and a hard budget then refuses. */
static bool is_expected(llmcost_status status, llmcost_status normal, llmcost_status other)
{
    return status == normal || status == other || status == LLMCOST_OK || status == LLMCOST_E_MEMORY || status == LLMCOST_E_BUDGET;
}

static bool run_once(const char *config, scenario_fn scenario, llmcost_status normal, llmcost_status other, long nth, bool for_good)
{
    sweep self = { .config = config };
    rig_init(&self.rig);
    counting_memory *memory = &self.rig.memory;
    if (scenario)
        assert_int_equal(open_client(&self), LLMCOST_OK);
    memory->failed = 0;
    *(for_good ? &memory->fail_from : &memory->fail_at) = memory->calls + nth;
    llmcost_status status = scenario ? scenario(&self) : open_client(&self);
    memory->fail_from = memory->fail_at = 0;
    bool failed_one = memory->failed;
    if (!is_expected(status, normal, other))
        fail_msg("allocation %ld: %s", nth, llmcost_status_name(status));
    if (!failed_one)
        assert_int_equal(status, normal);
    if (self.rig.client)
        rig_close(&self.rig);
    else
        fake_network_free(&self.rig.network);
    assert_int_equal(memory->blocks, 0);
    return failed_one;
}

static void run_scenario(const char *config, scenario_fn scenario, llmcost_status normal, llmcost_status other)
{
    for (int for_good = 0; for_good < 2; for_good++) {
        long nth = 1;
        while (run_once(config, scenario, normal, other, nth, for_good))
            nth++;
        if (!for_good)
            print_message("%ld allocations\n", nth - 1);
    }
}

#define SCENARIO(name, config, normal, other)   \
    static void test_##name(void **unused)      \
    {                                           \
        (void)unused;                           \
        run_scenario(config, name, normal, other); \
    }
#define SCENARIOS(X)                                        \
    X(chat, FULL, LLMCOST_OK, LLMCOST_OK)                               \
    X(retried, FULL, LLMCOST_OK, LLMCOST_OK)                            \
    X(failed, FULL, LLMCOST_E_AUTH, LLMCOST_OK)                         \
    X(cut, FULL, LLMCOST_E_TLS, LLMCOST_OK)                             \
    X(unknown, FULL, LLMCOST_E_UNKNOWN_MODEL, LLMCOST_OK)               \
    X(anthropic, FULL, LLMCOST_OK, LLMCOST_OK)                          \
    X(ask, FULL, LLMCOST_OK, LLMCOST_OK)                                \
    X(chat_json, FULL, LLMCOST_OK, LLMCOST_OK)                          \
    X(cached, FULL, LLMCOST_OK, LLMCOST_OK)                             \
    X(cascade, FULL, LLMCOST_OK, LLMCOST_OK)                            \
    X(cascade_with_a_judge, FULL, LLMCOST_OK, LLMCOST_OK)               \
    X(cascade_that_fails, FULL, LLMCOST_OK, LLMCOST_E_AUTH)                 \
    X(stream, FULL, LLMCOST_OK, LLMCOST_OK)                             \
    X(stream_of_a_cascade, FULL, LLMCOST_OK, LLMCOST_OK)                \
    X(stream_with_a_late_marker, FULL, LLMCOST_OK, LLMCOST_OK)          \
    X(stream_of_a_hit, FULL, LLMCOST_OK, LLMCOST_OK)                    \
    X(stream_json, FULL, LLMCOST_OK, LLMCOST_OK)                        \
    X(drained, FULL, LLMCOST_E_CANCELLED, LLMCOST_OK)                   \
    X(fallback, FULL, LLMCOST_OK, LLMCOST_E_OVERLOADED)                 \
    X(stream_that_begins_again, FULL, LLMCOST_OK, LLMCOST_E_SERVER)     \
    X(loop, FULL, LLMCOST_OK, LLMCOST_OK)                               \
    X(loop_json, FULL, LLMCOST_OK, LLMCOST_OK)                          \
    X(shortened, TIGHT, LLMCOST_OK, LLMCOST_OK)                         \
    X(waits_for_room, TIGHT, LLMCOST_OK, LLMCOST_OK)                    \
    X(figures, FULL, LLMCOST_OK, LLMCOST_OK)                            \
    X(feedback, SPLIT, LLMCOST_OK, LLMCOST_E_UNKNOWN_CALL)              \
    X(list_models, FULL, LLMCOST_OK, LLMCOST_OK)                        \
    X(embed, FULL, LLMCOST_OK, LLMCOST_OK)                              \
    X(embed_json, FULL, LLMCOST_OK, LLMCOST_OK)                         \
    X(embed_on_a_loop, FULL, LLMCOST_OK, LLMCOST_OK)                    \
    X(kept_vectors, FULL, LLMCOST_OK, LLMCOST_OK)                       \
    X(count_tokens, FULL, LLMCOST_OK, LLMCOST_OK)                       \
    X(balance, FULL, LLMCOST_OK, LLMCOST_OK)                            \
    X(plugins, FULL, LLMCOST_OK, LLMCOST_OK)                            \
    X(explain, FULL, LLMCOST_OK, LLMCOST_OK)                            \
    X(explain_choices, CHOOSING, LLMCOST_OK, LLMCOST_OK)                \
    X(chosen, CHOOSING, LLMCOST_OK, LLMCOST_OK)                         \
    X(labelled, CHOOSING, LLMCOST_OK, LLMCOST_OK)                       \
    X(labelled_by_host, CHOOSING, LLMCOST_OK, LLMCOST_OK)               \
    X(cheapest, CHOOSING, LLMCOST_OK, LLMCOST_OK)                       \
    X(unfit, CHOOSING, LLMCOST_E_UNSUPPORTED, LLMCOST_E_UNSUPPORTED)    \
    X(add_judge, FULL, LLMCOST_OK, LLMCOST_OK)                          \
    X(add_key_source, KEYS, LLMCOST_OK, LLMCOST_OK)                     \
    X(handed_out, KEYS, LLMCOST_OK, LLMCOST_OK)                         \
    X(exchanged, KEYS, LLMCOST_OK, LLMCOST_E_AUTH)                      \
    X(signed_requests, KEYS, LLMCOST_OK, LLMCOST_OK)
SCENARIOS(SCENARIO)

static void test_open(void **unused)
{
    (void)unused;
    run_scenario(FULL, NULL, LLMCOST_OK, LLMCOST_OK);
    run_scenario(KEYS, NULL, LLMCOST_OK, LLMCOST_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ENTRY(name, config, normal, other) cmocka_unit_test(test_##name),
        SCENARIOS(ENTRY)
        cmocka_unit_test(test_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
