/* Ten questions to a real provider. The budget is the library's: should prices surprise, calls are refused. */
#include "desk.h"

#include <stdio.h>
#include <string.h>

enum { REAL_QUESTIONS = 10 };

static const char *const questions[REAL_QUESTIONS] = {
    "What does it mean when a parcel is \"in transit\"?", "How do I write a polite reminder for an unpaid invoice? Two sentences.",
    "What is a tracking number?", "What is a return label?", "A customer got the wrong size. Write one sentence of apology.",
    "What is a TTL cache?", "What does it mean when a parcel is \"in transit\"?", "What is a tracking number?",
    "Which is heavier, a kilo of feathers or a kilo of lead?", "What is a return label?",
};

static bool open_client(llmcost_client **client, const desk_options *options)
{
    char config[1024], base_url[512] = "";
    size_t provider = strcspn(options->model, "/");
    llmcost_options open_options = LLMCOST_OPTIONS_INIT;
    llmcost_error *error = NULL;
    open_options.error = &error;
    if (options->base_url)
        snprintf(base_url, sizeof base_url, "\"base_url\": \"%s\"", options->base_url);
    snprintf(config, sizeof config,
             "{\"providers\": {\"%.*s\": {%s}}, \"cache\": {\"sampled\": true, \"memory\": {}}, \"budgets\": [{\"name\": \"demo\", \"limit\": \"0.05 USD\"}]}",
             (int)provider, options->model, base_url);
    if (llmcost_client_open(client, config, &open_options) == LLMCOST_OK)
        return true;
    fprintf(stderr, "demo: %s\n", llmcost_error_message(error));
    llmcost_error_free(error);
    return false;
}

int desk_real(const desk_options *options)
{
    llmcost_client *client = NULL;
    int64_t cost = 0;
    int failed = 0;
    if (!open_client(&client, options))
        return 2;
    printf("Ten questions to %s, under a budget of 0.05 USD:\n", options->model);
    for (int i = 0; i < REAL_QUESTIONS; i++) {
        llmcost_message message = { .role = LLMCOST_USER, .text = questions[i] };
        llmcost_request request = LLMCOST_REQUEST_INIT;
        llmcost_response *response = NULL;
        request.model = options->model;
        request.messages = &message;
        request.message_count = 1;
        request.max_tokens = 120;
        llmcost_status status = llmcost_chat(client, &request, &response);
        failed += status != LLMCOST_OK;
        cost += llmcost_response_cost_nano(response);
        printf("%2d  %s\n    %.100s\n    %s\n", i + 1, questions[i],
               status == LLMCOST_OK ? llmcost_response_text(response) : llmcost_error_message(llmcost_response_error(response)), llmcost_response_summary(response));
        llmcost_response_free(response);
    }
    printf("spent $%.6f of $0.05, %d failed\n", (double)cost / 1e9, failed);
    llmcost_client_close(client);
    return failed || cost > 50000000;
}
