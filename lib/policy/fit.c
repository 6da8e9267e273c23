/* fit.c: what depends on the target: the length of the answer where the caller named none. */
#include "policy/policy.h"
#include "policy/request_copy.h"

#include <string.h>

enum { LENGTH_WHERE_UNKNOWN = 4096 };

static llmcost_verdict fit_enter(llmcost_leg *leg, void *state, void *user)
{
    (void)state;
    (void)user;
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

const llmcost_policy llmc_policy_fit = {
    .struct_size = sizeof(llmcost_policy), .name = "fit", .phase = LLMCOST_PHASE_FIT, .operations = 1u << LLMC_OP_CHAT, .enter = fit_enter,
};
