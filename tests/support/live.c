#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "live.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

long open_descriptors(void)
{
    long count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

const char *const live_models[LIVE_FORMATS] = { OPENAI_MODEL, ANTHROPIC_MODEL, GOOGLE_MODEL, OLLAMA_MODEL, COHERE_MODEL, BEDROCK_MODEL, RESPONSES_MODEL, AZURE_MODEL };
const char *const live_providers[LIVE_FORMATS] = { "openai", "anthropic", "google", "ollama", "cohere", "bedrock", "openai-responses", "azure" };
const char *const live_embedders[LIVE_FORMATS] = {
    [LIVE_OPENAI] = "openai/text-embedding-3-small", [LIVE_GOOGLE] = "google/gemini-embedding-001", [LIVE_OLLAMA] = "ollama/nomic-embed-text",
    [LIVE_COHERE] = "cohere/embed-v4.0", [LIVE_AZURE] = "azure/deployed-vectors",
};

/* Where each lives, and its key; the key may be an object, and further members come behind it. */
static const struct {
    const char *path, *key;
} homes[LIVE_FORMATS] = {
    { "/v1", "\"" OPENAI_KEY "\"" }, { "", "\"" ANTHROPIC_KEY "\"" }, { "/v1beta", "\"" GOOGLE_KEY "\"" }, { "", "\"" OLLAMA_KEY "\"" }, { "", "\"" COHERE_KEY "\"" },
    { "", "{\"access_key\":\"" BEDROCK_ID "\",\"secret_key\":\"" BEDROCK_KEY "\"},\"region\":\"us-east-1\"" },
    { "/v1", "\"" RESPONSES_KEY "\"" },
    { "", "\"" AZURE_KEY "\",\"api_version\":\"2024-10-21\",\"catalog\":\"openai\",\"models\":{\"deployed-mini\":\"gpt-4o-mini\",\"deployed-vectors\":\"text-embedding-3-small\"}" },
};

/* ---- secrets ---- */

void assert_no_secret(const char *text)
{
    if (!text)
        return;
    if (strstr(text, "SECRETtail") || strstr(text, "Zq81vKx0") || strstr(text, "Yw72mHd9"))
        fail_msg("a key came out: %s", text);
}

static void assert_no_secret_in_error(const llmcost_error *error)
{
    if (!error)
        return;
    assert_no_secret(llmcost_error_message(error));
    assert_no_secret(llmcost_error_code(error));
    assert_no_secret(llmcost_error_provider(error));
    assert_no_secret(llmcost_error_provider_message(error));
    assert_no_secret(llmcost_error_request_id(error));
    assert_no_secret(llmcost_error_trail(error));
}

void assert_no_secret_in(const llmcost_response *response)
{
    assert_no_secret_in_error(llmcost_response_error(response));
    assert_no_secret(llmcost_response_summary(response));
    assert_no_secret(llmcost_response_receipt(response));
    assert_no_secret(llmcost_response_json(response));
    assert_no_secret(llmcost_response_request_id(response));
    for (uint32_t line = 0; line < llmcost_response_line_count(response); line++) {
        const char *name, *unit;
        for (uint32_t i = 0; llmcost_line_key(i, &name, &unit); i++)
            assert_no_secret(llmcost_response_line_text(response, line, name));
    }
}

static void log_line(llmcost_log_level level, const char *part, const char *line, void *user)
{
    (void)level;
    (void)user;
    assert_no_secret(part);
    assert_no_secret(line);
}

static void count_receipt(const llmcost_response *response, void *user)
{
    live *all = user;
    atomic_fetch_add(&all->receipts, 1);
    assert_no_secret(llmcost_response_receipt(response));
}

/* ---- the client and its provider ---- */

static void open_client(live *all)
{
    llmcost_error *error = NULL;
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    counting_memory_init(&all->memory);
    options.allocator = &all->memory.allocator;
    options.log = log_line;
    options.log_level = LLMCOST_LOG_TRACE;
    options.error = &error;
    if (llmcost_client_open(&all->client, all->config, &options))
        fail_msg("client: %s", llmcost_error_message(error));
    assert_int_equal(llmcost_client_on_receipt(all->client, count_receipt, all), LLMCOST_OK);
}

void live_open(live *all, const char *script, const char *provider, const char *root)
{
    llmcost_error *error = NULL;
    memset(all, 0, sizeof *all);
    llmcost_mock_options mock_options = LLMCOST_MOCK_OPTIONS_INIT;
    mock_options.error = &error;
    if (llmcost_mock_start(&all->mock, script, &mock_options))
        fail_msg("mock: %s", llmcost_error_message(error));
    const char *members = provider ? provider : "\"retries\":0", *url = llmcost_mock_url(all->mock);
    size_t at = (size_t)snprintf(all->config, sizeof all->config, "{\"providers\":{");
    for (int i = 0; i < LIVE_FORMATS; i++)
        at += (size_t)snprintf(all->config + at, sizeof all->config - at, "%s\"%s\":{\"base_url\":\"%s%s\",\"key\":%s,\"proxy\":\"\",%s}", i ? "," : "", live_providers[i], url,
                               homes[i].path, homes[i].key, members);
    at += (size_t)snprintf(all->config + at, sizeof all->config - at, "}%s%s}", root ? "," : "", root ? root : "");
    assert_true(at < sizeof all->config);
    open_client(all);
}

static void close_client(live *all)
{
    char *text = NULL;
    assert_int_equal(llmcost_report(all->client, "json", &text), LLMCOST_OK);
    assert_no_secret(text);
    llmcost_string_free(text);
    assert_int_equal(llmcost_report(all->client, "text", &text), LLMCOST_OK);
    assert_no_secret(text);
    llmcost_string_free(text);
    assert_int_equal(llmcost_stats(all->client, &text), LLMCOST_OK);
    assert_no_secret(text);
    llmcost_string_free(text);
    assert_int_equal(llmcost_client_close(all->client), LLMCOST_OK);
    assert_int_equal((long)all->memory.blocks, 0);
    assert_int_equal((long)all->memory.bytes, 0);
}

void live_close(live *all)
{
    close_client(all);
    llmcost_mock_stop(all->mock);
}

void live_renew(live *all)
{
    close_client(all);
    open_client(all);
}

void live_script(live *all, const char *script)
{
    llmcost_error *error = NULL;
    if (llmcost_mock_script(all->mock, script, &error))
        fail_msg("script %s: %s", script, llmcost_error_message(error));
}

/* ---- one call ---- */

int live_way_streams(live_way way)
{
    return way == PULLED || way == CALLED_BACK || way == STREAMED_ON_A_LOOP;
}

const char *live_way_name(live_way way)
{
    static const char *const names[] = { "blocking", "pulled", "called back", "on a loop", "streamed on a loop" };
    return names[way];
}

llmcost_message live_user(const char *text)
{
    llmcost_message message = { .role = LLMCOST_USER, .text = text };
    return message;
}

llmcost_request live_request(const char *model, const llmcost_message *message)
{
    llmcost_request request = LLMCOST_REQUEST_INIT;
    request.model = model;
    request.messages = message;
    request.message_count = 1;
    request.max_tokens = 100;
    return request;
}

static int take_event(const llmcost_event *event, void *user)
{
    live_result *result = user;
    llmcost_event_kind kind = llmcost_event_get_kind(event);
    assert_in_range(kind, 1, LLMCOST_EVENT_EXTRA);
    result->kinds[kind]++;
    if (kind == LLMCOST_EVENT_RESTART_ANSWER)
        result->text[0] = result->reasoning[0] = '\0';
    char *target = kind == LLMCOST_EVENT_TEXT ? result->text : kind == LLMCOST_EVENT_REASONING ? result->reasoning : NULL;
    size_t room = kind == LLMCOST_EVENT_TEXT ? sizeof result->text : sizeof result->reasoning;
    if (target)
        strncat(target, llmcost_event_text(event, NULL), room - strlen(target) - 1);
    return 0;
}

static void take_done(uint64_t call, llmcost_response *response, void *user)
{
    live_result *result = user;
    assert_true(call > 0);
    result->completions++;
    result->response = response;
    result->status = llmcost_response_status(response);
}

static void run_on_loop(live *all, const llmcost_request *request, live_result *result, int streams)
{
    llmcost_loop *loop = NULL;
    assert_int_equal(llmcost_loop_open(all->client, &loop), LLMCOST_OK);
    if (request->input_count)
        assert_int_equal(llmcost_loop_submit_embed(loop, request, take_done, result, NULL), LLMCOST_OK);
    else
        assert_int_equal(llmcost_loop_submit(loop, request, streams ? take_event : NULL, take_done, result, NULL), LLMCOST_OK);
    while (llmcost_loop_pending(loop) > 0)
        assert_int_equal(llmcost_loop_poll(loop, 1000), LLMCOST_OK);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    assert_int_equal(result->completions, 1);
}

static void run_pulled(live *all, const llmcost_request *request, live_result *result)
{
    llmcost_stream *stream = NULL;
    const llmcost_event *event = NULL;
    llmcost_status status;
    assert_int_equal(llmcost_stream_open(all->client, request, &stream), LLMCOST_OK);
    while ((status = llmcost_stream_next(stream, &event)) == LLMCOST_OK && event)
        take_event(event, result);
    result->status = llmcost_stream_finish(stream, &result->response);
    assert_int_equal(result->status, status);
    llmcost_stream_close(stream);
}

void live_run(live *all, live_way way, const llmcost_request *request, live_result *result)
{
    int before = atomic_load(&all->receipts);
    double began = seconds_now();
    memset(result, 0, sizeof *result);
    if (way == BLOCKING)
        result->status = (request->input_count ? llmcost_embed : llmcost_chat)(all->client, request, &result->response);
    else if (way == PULLED)
        run_pulled(all, request, result);
    else if (way == CALLED_BACK)
        result->status = llmcost_chat_stream(all->client, request, take_event, result, &result->response);
    else
        run_on_loop(all, request, result, way == STREAMED_ON_A_LOOP);
    result->seconds = seconds_now() - began;
    assert_non_null(result->response);
    assert_int_equal(llmcost_response_status(result->response), result->status);
    assert_int_equal(atomic_load(&all->receipts), before + 1);
    assert_non_null(llmcost_response_receipt(result->response));
    assert_int_equal(llmcost_response_error(result->response) == NULL, result->status == LLMCOST_OK);
    if (live_way_streams(way) && llmcost_response_choice_count(result->response) <= 1)
        assert_string_equal(result->text, llmcost_response_text(result->response));
    assert_no_secret_in(result->response);
}

void live_ask(live *all, live_way way, const char *model, const char *question, live_result *result)
{
    llmcost_message message = live_user(question);
    llmcost_request request = live_request(model, &message);
    live_run(all, way, &request, result);
}

void live_embed(live *all, live_way way, const char *model, live_result *result)
{
    static const char *const texts[] = { "one text", "another" };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    request.model = model;
    request.inputs = texts;
    request.input_count = 2;
    live_run(all, way, &request, result);
}

void live_result_free(live_result *result)
{
    llmcost_response_free(result->response);
    result->response = NULL;
}
