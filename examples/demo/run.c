/* Asks the day, one question after the other, and adds up what the receipts say. */
#include "desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool desk_run_make(desk_run *run, const desk_day *day)
{
    memset(run, 0, sizeof *run);
    run->cost = calloc(day->asked_count, sizeof *run->cost);
    run->answered = calloc(day->asked_count, sizeof *run->answered);
    return run->cost && run->answered;
}

void desk_run_free(desk_run *run)
{
    free(run->cost);
    free(run->answered);
    memset(run, 0, sizeof *run);
}

/* On a terminal a line that moves; elsewhere one line a quarter. */
static void show_progress(const char *what, size_t done, size_t all)
{
    if (isatty(STDERR_FILENO)) {
        if (done % 50 == 0 || done == all)
            fprintf(stderr, "\r%-10s %zu of %zu%s", what, done, all, done == all ? "\n" : "");
        return;
    }
    if (done * 4 / all != (done - 1) * 4 / all)
        fprintf(stderr, "%-10s %zu of %zu\n", what, done, all);
}

static void count(desk_feature_total *total, llmcost_status status, bool right, int64_t cost)
{
    total->asked++;
    total->answered += status == LLMCOST_OK;
    total->refused += status == LLMCOST_E_BUDGET;
    total->wrong += status == LLMCOST_OK && !right;
    total->cost += cost;
}

static bool ask(desk_run *run, const desk_day *day, llmcost_client *client, const char *model, size_t moment)
{
    size_t number = day->asked[moment];
    const desk_question *question = &day->questions[number];
    llmcost_message messages[] = { { .role = LLMCOST_SYSTEM, .text = day->system }, { .role = LLMCOST_USER, .text = question->text } };
    llmcost_tag tag = { "feature", desk_features[question->feature] };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    llmcost_response *response = NULL;
    request.model = model;
    request.messages = messages;
    request.message_count = 2;
    request.tags = &tag;
    request.tag_count = 1;
    request.max_tokens = DESK_MAX_TOKENS;
    llmcost_status status = llmcost_chat(client, &request, &response);
    if (status != LLMCOST_OK && status != LLMCOST_E_BUDGET) {
        fprintf(stderr, "demo: %s\n", response ? llmcost_error_message(llmcost_response_error(response)) : llmcost_status_text(status));
        llmcost_response_free(response);
        return false;
    }
    bool right = desk_is_right(number, llmcost_response_text(response));
    run->cost[moment] = llmcost_response_cost_nano(response);
    run->answered[moment] = status == LLMCOST_OK;
    run->cached += llmcost_response_from_cache(response) != 0;
    run->saved += llmcost_response_saved_nano(response);
    count(&run->by[question->feature], status, right, run->cost[moment]);
    count(&run->total, status, right, run->cost[moment]);
    llmcost_response_free(response);
    return true;
}

bool desk_run_day(desk_run *run, const desk_day *day, llmcost_client *client, const char *model, const char *what)
{
    for (size_t moment = 0; moment < day->asked_count; moment++) {
        if (!ask(run, day, client, model, moment))
            return false;
        show_progress(what, moment + 1, day->asked_count);
    }
    return true;
}
