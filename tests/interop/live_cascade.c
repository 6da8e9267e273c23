/*
 * Cascades on a real model: two steps at two prices that the same model answers, so that what decides is known: an
 * answer that is cut, a judge that says no, a sum of probabilities that no model reaches. With the marker and with the
 * model as its own judge anything may come out; what must hold is the receipt.
 */
#include "live.h"

#include <stdio.h>
#include <string.h>

/* Both prices are per million: a token of input in nano-units at each step. */
static const int64_t input_nano[] = { 1000, 10000 }, output_nano[] = { 2000, 20000 };

static int is_step(const char *purpose)
{
    return purpose && strcmp(purpose, "judge") != 0;
}

/* Every line costs what its tokens do, and all of them together what the call did. */
static int adds_up(const llmcost_response *response)
{
    int64_t sum = 0;
    for (uint32_t line = 0; line < llmcost_response_line_count(response); line++) {
        int64_t in = 0, out = 0, cost = -1;
        const char *model = llmcost_response_line_text(response, line, "model");
        int step = model && strcmp(model, "gemma-dear") == 0;
        llmcost_response_line_number(response, line, "tokens_input", &in);
        llmcost_response_line_number(response, line, "tokens_output", &out);
        llmcost_response_line_number(response, line, "cost_nano", &cost);
        if (cost != in * input_nano[step] + out * output_nano[step])
            return 0;
        sum += cost;
    }
    return sum > 0 && sum == llmcost_response_cost_nano(response);
}

/* steps: how many must have been asked; 0: one or two. */
static void run(llmcost_client *client, const char *route, uint32_t steps, const char *what)
{
    talk turns;
    uint32_t asked = 0;
    const char *last = "";
    char told[100];
    llmcost_response *response = NULL;
    llmcost_request request = question(&turns, "Count from one to ten in words.", strcmp(route, "cut") == 0 ? 1 : 6);
    request.model = route;
    request.cache = LLMCOST_CACHE_OFF;
    request.logprobs = strncmp(route, "sure", 4) == 0;
    request.top_logprobs = request.logprobs ? 1 : 0;
    llmcost_status status = llmcost_chat(client, &request, &response);
    if (status)
        printf("  %s\n", llmcost_error_message(llmcost_response_error(response)));
    for (uint32_t line = 0; line < llmcost_response_line_count(response); line++) {
        if (!is_step(llmcost_response_line_text(response, line, "purpose")))
            continue;
        asked++;
        last = llmcost_response_line_text(response, line, "model");
    }
    printf("  %s: \"%s\", %u steps, %u lines, %s\n", route, llmcost_response_text(response), asked, llmcost_response_line_count(response), llmcost_response_summary(response));
    expect(status == LLMCOST_OK && (steps ? asked == steps : asked == 1 || asked == 2), what);
    snprintf(told, sizeof told, "%s: the receipt adds up", route);
    expect(adds_up(response), told);
    snprintf(told, sizeof told, "%s: the answer is the last step's, without a marker", route);
    expect(strcmp(llmcost_response_model_name(response), last) == 0 && !strstr(llmcost_response_text(response), "UNCERTAIN"), told);
    llmcost_response_free(response);
}

void cascades(llmcost_client *client)
{
    run(client, "cut", 2, "an answer that is cut goes on to the second step");
    run(client, "refused", 2, "an answer that the host's judge refuses goes on");
    run(client, "accepted", 1, "one that it accepts does not");
    run(client, "sure-never", 2, "an answer less probable than certain goes on");
    run(client, "sure-always", 1, "one more probable than impossible does not");
    run(client, "marked", 0, "the marker: one step or two");
    run(client, "judged", 0, "the model as a judge: one step or two");
}
