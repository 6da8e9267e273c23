/*
 * What a route of three nodes costs: calls through it and plain ones, on a network that answers at once within the
 * process, so that the difference is the route's and nothing else.
 */
#include "bench.h"

#include <llmcost/plugin.h>

#include <stdio.h>
#include <string.h>

typedef struct exchange {
    const llmcost_http_events *events;
    void *context;
} exchange;

static const char answer[] = "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1760000000,\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[{\"index\":0,"
                             "\"message\":{\"role\":\"assistant\",\"content\":\"It is on its way.\"},\"finish_reason\":\"stop\"}],"
                             "\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":100,\"total_tokens\":300}}";

static exchange pending; /* calls are made one after the other */
static llmcost_client *client;
static llmcost_http_events told;

static llmcost_status start(void *user, const llmcost_http_request *request, const llmcost_http_events *events, void *context, void **transfer)
{
    (void)user;
    (void)request;
    told = *events;
    pending = (exchange){ &told, context };
    *transfer = &pending;
    return LLMCOST_OK;
}

static void abort_transfer(void *user, void *transfer)
{
    (void)user;
    (void)transfer;
    pending.events = NULL;
}

static int64_t step(void *user, int64_t now_ns)
{
    (void)user;
    (void)now_ns;
    const llmcost_http_events *events = pending.events;
    void *context = pending.context;
    pending.events = NULL;
    if (!events)
        return INT64_MAX;
    events->opening(context);
    events->connected(context);
    events->status(context, 200);
    events->header(context, "Content-Type", "application/json");
    events->body(context, answer, sizeof answer - 1);
    events->done(context, LLMCOST_OK, "");
    return INT64_MAX;
}

static const llmcost_transport transport = { .struct_size = sizeof transport, .start = start, .abort = abort_transfer, .step = step };

static void open_with(const char *route)
{
    char config[1000];
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    llmcost_error *error = NULL;
    snprintf(config, sizeof config,
             "{\"providers\":{\"openai\":{\"key\":\"sk-bench\"}},\"routes\":{\"r\":%s},\"cache\":{\"memory\":{\"max_bytes\":\"1MB\"},\"sampled\":true},"
             "\"budgets\":[{\"limit\":\"1000000 USD\",\"per\":\"day\"}]}", route);
    options.transport = &transport;
    options.error = &error;
    if (llmcost_client_open(&client, config, &options) != LLMCOST_OK)
        bench_die("opening a client", llmcost_error_message(error));
}

void bench_fallback_open(const char *url)
{
    (void)url;
    open_with("{\"fallback\":[\"openai/gpt-4o-mini\",\"openai/gpt-4.1-mini\"]}");
}

void bench_split_open(const char *url)
{
    (void)url;
    open_with("{\"split\":{\"openai/gpt-4o-mini\":1,\"openai/gpt-4.1-mini\":1},\"sticky\":\"feature\"}");
}

static void calls(const char *model, size_t n)
{
    static uint64_t serial;
    static char prompt[1025];
    const llmcost_tag tag = { "feature", "faq" };
    llmcost_message message = { .role = LLMCOST_USER, .text = prompt };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    if (!*prompt)
        bench_text(prompt, sizeof prompt - 1, 0);
    request.model = model;
    request.messages = &message;
    request.message_count = 1;
    request.tags = &tag;
    request.tag_count = 1;
    request.max_tokens = 512;
    while (n--) {
        char number[17];
        llmcost_response *response = NULL;
        snprintf(number, sizeof number, "%016llx", (unsigned long long)++serial);
        memcpy(prompt, number, 16);
        if (llmcost_chat(client, &request, &response) != LLMCOST_OK)
            bench_die("a call through a route", response ? llmcost_error_message(llmcost_response_error(response)) : "memory");
        llmcost_response_free(response);
    }
}

void bench_route_calls(size_t n)
{
    calls("r", n);
}

void bench_plain_calls(size_t n)
{
    calls("openai/gpt-4o-mini", n);
}

void bench_routes_close(void)
{
    llmcost_client_close(client);
    client = NULL;
}
