/*
 * What the library asks a model for by itself, and can go without: each target of a leg that has wishes gets those that
 * it takes (fit.c). What the caller asked for is no wish: a target that cannot do it is unfit.
 */
#ifndef LLMC_WISH_H
#define LLMC_WISH_H

#include "policy/policy.h"

enum {
    LLMC_WISH_TEMPERATURE = 1,
    LLMC_WISH_LOGPROBS = 2,
    LLMC_WISH_ROOM = 4 /* max_tokens are of the answer alone: more for a model that thinks first */
};

/* Of a short question of the library's own, whose max_tokens the config may set; 0: it does not. */
static inline uint8_t llmc_wishes_of_question(int64_t configured_max_tokens)
{
    return LLMC_WISH_TEMPERATURE | (configured_max_tokens > 0 ? 0 : LLMC_WISH_ROOM);
}

static inline void llmc_request_drop(llmcost_request *request, uint8_t wishes)
{
    if (wishes & LLMC_WISH_TEMPERATURE) {
        request->has_temperature = 0;
        request->temperature = 0;
    }
    if (wishes & LLMC_WISH_LOGPROBS)
        request->logprobs = 0;
}

#endif
