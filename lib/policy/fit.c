/*
 * fit.c: what depends on the target: which of the library's own wishes it takes, and the length of the answer where the
 * caller named none.
 */
#include "policy/format.h"
#include "policy/request_copy.h"
#include "policy/wish.h"
#include "provider/thinks.h"

#include <string.h>

enum { LENGTH_WHERE_UNKNOWN = 4096, ROOM_TO_THINK = 1024 };

/* Each wish is tried by itself, and without the format, which format.c sees to. */
static llmcost_verdict grant_wishes(llmcost_leg *leg)
{
    const llmc_route *target = leg->route;
    static const uint8_t wishes[] = { LLMC_WISH_TEMPERATURE, LLMC_WISH_LOGPROBS };
    llmcost_request *request = llmc_request_copy(leg->request, llmc_leg_arena(leg));
    if (!request)
        return llmc_leg_out_of_memory(leg);
    for (size_t i = 0; i < sizeof wishes; i++) {
        if (!(leg->wishes & wishes[i]))
            continue;
        llmcost_request tried = *leg->request;
        llmcost_error error;
        llmc_error_init(&error, &leg->services->allocator);
        tried.format = LLMCOST_FORMAT_TEXT;
        llmc_request_drop(&tried, leg->wishes & ~wishes[i]);
        llmcost_status status = llmc_target_check(leg, target, &tried, &error);
        llmc_error_clear(&error);
        if (status == LLMCOST_E_MEMORY)
            return llmc_leg_out_of_memory(leg);
        if (status)
            llmc_request_drop(request, wishes[i]);
    }
    if ((leg->wishes & LLMC_WISH_ROOM) && llmc_thinks_by_itself(target->provider->quirks, target->model))
        request->max_tokens = ROOM_TO_THINK;
    leg->request = request;
    return LLMCOST_CONTINUE;
}

static llmcost_verdict fit_length(llmcost_leg *leg)
{
    if (leg->request->max_tokens > 0)
        return LLMCOST_CONTINUE;
    int64_t length = leg->services->settings->default_max_tokens;
    bool needed = strcmp(leg->route->provider->codec->name, "anthropic") == 0; /* the format has no default of its own */
    if (length <= 0 && !needed)
        return LLMCOST_CONTINUE;
    if (length <= 0)
        length = leg->route->prices ? llmc_model_max_output(leg->route->prices) : 0;
    llmcost_request *request = llmc_request_copy(leg->request, llmc_leg_arena(leg));
    if (!request)
        return llmc_leg_out_of_memory(leg);
    request->max_tokens = length > 0 ? length : LENGTH_WHERE_UNKNOWN;
    leg->request = request;
    return LLMCOST_CONTINUE;
}

static llmcost_verdict fit_enter(llmcost_leg *leg, void *state, void *user)
{
    (void)state;
    (void)user;
    llmcost_verdict verdict = leg->wishes ? grant_wishes(leg) : LLMCOST_CONTINUE;
    return verdict == LLMCOST_CONTINUE ? fit_length(leg) : verdict;
}

const llmcost_policy llmc_policy_fit = {
    .struct_size = sizeof(llmcost_policy), .name = "fit", .phase = LLMCOST_PHASE_FIT, .operations = 1u << LLMC_OP_CHAT, .enter = fit_enter,
};
