/*
 * A live run against a real model on this machine: blocking, streaming, cached, listed, with tools, through cascades, and
 * stopped by a budget. Usage: live BASE_URL. The model costs nothing, so prices are made up to give the budget something
 * to count; under a second name it is the dear model of the cascades.
 */
#include "live.h"

#include <stdio.h>
#include <string.h>

static int failures;

void expect(int good, const char *what)
{
    printf("  %s %s\n", good ? "ok  " : "FAIL", what);
    failures += !good;
}

static int judge(const llmcost_judgement *judgement, void *verdict)
{
    expect(judgement->question_bytes > 0 && strcmp(judgement->model, "local/gemma") == 0, "a judge is shown question and model");
    return *(const int *)verdict;
}

static llmcost_client *open_client(const char *url)
{
    static int yes = 1, no = 0;
    char config[4000];
    snprintf(config, sizeof config,
             "{\"providers\": {\"local\": {\"preset\": \"llamacpp\", \"base_url\": \"%s\", \"free\": false, \"first_byte_ms\": 300000, \"idle_ms\": 120000}},"
             " \"prices\": {\"llmcost_prices\": 1, \"unit\": \"per_million_tokens\", \"currency\": \"USD\","
             "             \"models\": {\"llamacpp/gemma\": {\"input\": 1, \"output\": 2}, \"llamacpp/gemma-dear\": {\"input\": 10, \"output\": 20}}},"
             " \"routes\": {\"cut\": {\"cascade\": [\"local/gemma\", \"local/gemma-dear\"], \"escalate_on\": {\"truncation\": true}},"
             "             \"refused\": {\"cascade\": [\"local/gemma\", \"local/gemma-dear\"], \"escalate_on\": {\"judge\": \"host:no\"}},"
             "             \"accepted\": {\"cascade\": [\"local/gemma\", \"local/gemma-dear\"], \"escalate_on\": {\"judge\": \"host:yes\"}},"
             "             \"sure-never\": {\"cascade\": [\"local/gemma\", \"local/gemma-dear\"], \"escalate_on\": {\"logprob_below\": 0}},"
             "             \"sure-always\": {\"cascade\": [\"local/gemma\", \"local/gemma-dear\"], \"escalate_on\": {\"logprob_below\": -100}},"
             "             \"marked\": {\"cascade\": [\"local/gemma\", \"local/gemma-dear\"]},"
             "             \"judged\": {\"cascade\": [\"local/gemma\", \"local/gemma-dear\"], \"escalate_on\": {\"judge\": \"local/gemma\"}}},"
             " \"cache\": {\"memory\": {\"max_bytes\": \"1MB\", \"ttl\": \"1h\"}, \"sampled\": true},"
             " \"budgets\": [{\"name\": \"live\", \"limit\": \"0.002 USD\", \"per\": \"total\", \"where\": {\"run\": \"live\"}}],"
             " \"deadline_ms\": 600000}",
             url);
    llmcost_client *client = NULL;
    llmcost_error *error = NULL;
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    options.error = &error;
    if (llmcost_client_open(&client, config, &options))
        printf("  %s\n", llmcost_error_message(error));
    llmcost_error_free(error);
    if (client)
        expect(!llmcost_client_add_judge(client, "yes", judge, &yes) && !llmcost_client_add_judge(client, "no", judge, &no), "with judges");
    return client;
}

/* Its end tokens, forbidden. */
static const char keep_talking[] = "{\"logit_bias\": {\"1\": -100, \"106\": -100}}";

llmcost_request question(talk *turns, const char *text, int64_t max_tokens)
{
    llmcost_request request = LLMCOST_REQUEST_INIT;
    turns->messages[0] = (llmcost_message){ .role = LLMCOST_USER, .text = "Name the capital of France." };
    turns->messages[1] = (llmcost_message){ .role = LLMCOST_ASSISTANT, .text = "Paris." };
    turns->messages[2] = (llmcost_message){ .role = LLMCOST_USER, .text = "Count from one to ten." };
    turns->messages[3] = (llmcost_message){ .role = LLMCOST_ASSISTANT, .text = "one, two, three, four, five, six, seven, eight, nine, ten" };
    turns->messages[4] = (llmcost_message){ .role = LLMCOST_USER, .text = text };
    turns->tag = (llmcost_tag){ "run", "talk" };
    request.model = "local/gemma";
    request.messages = turns->messages;
    request.message_count = 5;
    request.tags = &turns->tag;
    request.tag_count = 1;
    request.max_tokens = max_tokens;
    request.extra = keep_talking;
    return request;
}

static void blocking_and_cached(llmcost_client *client)
{
    talk turns;
    llmcost_request request = question(&turns, "Count from one to ten in words.", 24);
    llmcost_response *first = NULL, *again = NULL;
    llmcost_status status = llmcost_chat(client, &request, &first);
    printf("  %s\n  %s\n", llmcost_response_text(first), llmcost_response_summary(first));
    expect(status == LLMCOST_OK && llmcost_response_text_bytes(first) > 0, "a blocking call is answered");
    expect(llmcost_response_tokens(first, LLMCOST_INPUT) > 0 && llmcost_response_tokens(first, LLMCOST_OUTPUT) > 0, "with counts");
    expect(llmcost_response_cost_nano(first) == llmcost_response_tokens(first, LLMCOST_INPUT) * 1000 + llmcost_response_tokens(first, LLMCOST_OUTPUT) * 2000, "and the right bill");
    status = llmcost_chat(client, &request, &again);
    expect(status == LLMCOST_OK && llmcost_response_from_cache(again) && strcmp(llmcost_response_text(first), llmcost_response_text(again)) == 0, "the same question comes from the cache");
    expect(llmcost_response_cost_nano(again) == 0 && llmcost_response_saved_nano(again) > 0, "at no cost, with its saving told");
    llmcost_response_free(first);
    llmcost_response_free(again);
}

static void streaming(llmcost_client *client)
{
    talk turns;
    llmcost_request request = question(&turns, "Count from one to twelve in words.", 48);
    llmcost_stream *stream = NULL;
    const llmcost_event *event = NULL;
    llmcost_response *response = NULL;
    size_t pieces = 0, bytes = 0, length;
    llmcost_status status = llmcost_stream_open(client, &request, &stream);
    while (!status && (status = llmcost_stream_next(stream, &event)) == LLMCOST_OK && event) {
        pieces += llmcost_event_get_kind(event) == LLMCOST_EVENT_TEXT;
        llmcost_event_text(event, &length);
        bytes += llmcost_event_get_kind(event) == LLMCOST_EVENT_TEXT ? length : 0;
    }
    expect(status == LLMCOST_OK && pieces > 1, "a streamed call comes in pieces");
    expect(stream && llmcost_stream_finish(stream, &response) == LLMCOST_OK && llmcost_response_text_bytes(response) == bytes, "which are the whole answer");
    printf("  %s\n  %s\n", llmcost_response_text(response), llmcost_response_summary(response));
    llmcost_response_free(response);
    llmcost_stream_close(stream);
}

static void budget(llmcost_client *client)
{
    int refused = 0, answered = 0;
    for (int i = 0; i < 40 && !refused; i++) {
        char text[100];
        talk turns;
        snprintf(text, sizeof text, "Say the number %d.", i);
        llmcost_request request = question(&turns, text, 100);
        turns.tag.value = "live";
        llmcost_response *response = NULL;
        llmcost_status status = llmcost_chat(client, &request, &response);
        refused = status == LLMCOST_E_BUDGET;
        answered += status == LLMCOST_OK;
        if (refused)
            printf("  %s\n", llmcost_error_message(llmcost_response_error(response)));
        llmcost_response_free(response);
    }
    char *text = NULL;
    expect(refused, "the budget refuses in the end");
    printf("  %d more calls were answered before\n", answered);
    if (llmcost_budgets(client, &text) == LLMCOST_OK)
        printf("  %s\n", text);
    llmcost_string_free(text);
}

int main(int count, char **arguments)
{
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* whoever ends it for being late sees how far it came */
    llmcost_client *client = count > 1 ? open_client(arguments[1]) : NULL;
    llmcost_response *models = NULL;
    expect(client != NULL, "the client opens");
    if (!client)
        return 1;
    expect(llmcost_list_models(client, "local", &models) == LLMCOST_OK && llmcost_response_model_count(models) > 0, "the models are listed");
    llmcost_response_free(models);
    blocking_and_cached(client);
    streaming(client);
    tools(client);
    cascades(client);
    budget(client);
    char *report = NULL;
    if (llmcost_report(client, "text", &report) == LLMCOST_OK)
        puts(report);
    llmcost_string_free(report);
    expect(llmcost_client_close(client) == LLMCOST_OK, "the client closes");
    return failures != 0;
}
