/* The library's side: calls through the public functions with every policy on. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *bench_cache = "1MB";
static llmcost_client *client;
static char *prompt;
static size_t prompt_bytes;
static uint64_t serial;
static llmcost_request request;
static llmcost_message message;
static const llmcost_tag tag = { "feature", "faq" };

llmcost_client *bench_client(const char *url, const char *ca_file, const llmcost_allocator *allocator)
{
    char config[2000], trust[600] = "";
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    llmcost_error *error = NULL;
    llmcost_client *opened = NULL;
    if (ca_file)
        snprintf(trust, sizeof trust, ",\"ca_file\":\"%s\"", ca_file);
    snprintf(config, sizeof config,
             "{\"providers\":{\"openai\":{\"base_url\":\"%s/v1\",\"key\":\"sk-bench-0123456789abcdef\",\"retries\":2%s}},"
             "\"cache\":{\"memory\":{\"max_bytes\":\"%s\",\"ttl\":\"1h\"},\"sampled\":true},"
             "\"budgets\":[{\"name\":\"all\",\"limit\":\"1000000 USD\",\"per\":\"day\"},"
             "{\"name\":\"features\",\"limit\":\"1000000 USD\",\"per\":\"month\",\"where\":{\"feature\":\"*\"},\"each\":\"feature\"}],"
             "\"report\":{\"tags\":[\"feature\"]}}", url, trust, bench_cache);
    options.allocator = allocator;
    options.error = &error;
    if (llmcost_client_open(&opened, config, &options) != LLMCOST_OK)
        bench_die("opening a client", llmcost_error_message(error));
    return opened;
}

static void check(llmcost_response *response, llmcost_status status)
{
    if (status != LLMCOST_OK || llmcost_response_text_bytes(response) != BENCH_ANSWER_BYTES || llmcost_response_cost_nano(response) < 0)
        bench_die("a call of the library", response && status ? llmcost_error_message(llmcost_response_error(response)) : "no answer");
    llmcost_response_free(response);
}

static void chat(void)
{
    llmcost_response *response = NULL;
    llmcost_status status = llmcost_chat(client, &request, &response);
    check(response, status);
}

void bench_ours_open(const char *url, size_t bytes)
{
    client = bench_client(url, NULL, NULL);
    prompt_bytes = bytes;
    prompt = malloc(bytes + 1);
    bench_text(prompt, bytes, serial);
    message = (llmcost_message){ .role = LLMCOST_USER, .text = prompt, .text_bytes = bytes };
    llmcost_request_init(&request);
    request.model = "openai/gpt-4o-mini";
    request.messages = &message;
    request.message_count = 1;
    request.tags = &tag;
    request.tag_count = 1;
    request.max_tokens = 512;
}

static void next_prompt(void)
{
    char number[17];
    snprintf(number, sizeof number, "%016llx", (unsigned long long)++serial);
    memcpy(prompt, number, 16);
}

void bench_ours_calls(size_t n)
{
    while (n--) {
        next_prompt();
        chat();
    }
}

void bench_ours_hits(size_t n)
{
    while (n--)
        chat();
}

static llmcost_loop *loop;
static size_t to_start;

static void flight_done(uint64_t call, llmcost_response *response, void *user);

static void take_off(void)
{
    next_prompt();
    if (llmcost_loop_submit(loop, &request, NULL, flight_done, NULL, NULL) != LLMCOST_OK)
        bench_die("llmcost_loop_submit", "failed");
}

static void flight_done(uint64_t call, llmcost_response *response, void *user)
{
    (void)call;
    (void)user;
    check(response, llmcost_response_status(response));
    if (to_start) {
        to_start--;
        take_off();
    }
}

void bench_ours_flights(size_t n)
{
    if (!loop && llmcost_loop_open(client, &loop) != LLMCOST_OK)
        bench_die("llmcost_loop_open", "failed");
    to_start = n > BENCH_IN_FLIGHT ? n - BENCH_IN_FLIGHT : 0;
    for (size_t i = 0; i < n && i < BENCH_IN_FLIGHT; i++)
        take_off();
    while (llmcost_loop_pending(loop))
        llmcost_loop_poll(loop, -1);
}

llmcost_client *bench_ours_client(void)
{
    return client;
}

void bench_ours_close(void)
{
    llmcost_loop_close(loop);
    loop = NULL;
    llmcost_client_close(client);
    client = NULL;
    free(prompt);
}
