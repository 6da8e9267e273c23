#include "policy/place.h"

#include <string.h>

void llmc_place_leave_key(llmc_place *place)
{
    if (place->pool)
        llmc_key_pool_give_back(place->pool, place->key);
    place->pool = NULL;
}

/* Tokens that only a guess speaks for stay as they were reserved. */
static int64_t tokens_of(const llmcost_leg *leg)
{
    if (leg->usage.flags & LLMC_USAGE_PRESUMED)
        return -1;
    int64_t prompt = llmc_usage_prompt(&leg->usage), output = llmc_usage_output(&leg->usage);
    return (prompt > 0 ? prompt : 0) + (output > 0 ? output : 0);
}

void llmc_place_leave_lane(const llmcost_leg *leg, llmc_place *place)
{
    if (!place->lane.lane)
        return;
    llmc_lane_report report = { .sent = leg->sent, .tokens = tokens_of(leg), .closed_ms = -1, .limits = leg->line ? leg->line->limits : NULL };
    if (leg->status == LLMCOST_E_RATE_LIMITED)
        report.closed_ms = leg->error.retry_after_ms;
    llmc_lane_give_back(leg->services->lanes, &place->lane, &report, llmc_leg_now(leg));
}

/* Without memory it is not told: the leg fails as it does. */
void llmc_place_note_refusal(llmcost_leg *leg, llmcost_status status)
{
    llmc_line *line = llmc_leg_line(leg);
    char *provider = llmc_arena_strdup(llmc_leg_arena(leg), leg->route->provider->name), *model = llmc_arena_strdup(llmc_leg_arena(leg), leg->route->model);
    if (!line || !provider || !model)
        return;
    line->provider = provider;
    line->model = model;
    line->status = status;
    llmc_error_set_text(&leg->error, &leg->error.provider, provider, strlen(provider));
}

void llmc_place_leave(const llmcost_leg *leg, llmc_place *place)
{
    if (!place)
        return;
    llmc_place_leave_lane(leg, place);
    llmc_place_leave_key(place);
}
