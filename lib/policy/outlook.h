/*
 * What policies can tell of a leg without sending it: the same code that decides in a call, but nothing is held, counted
 * or stored. The leg is one that is looked at and never run (llmc_call_sketch); what fails is in its status and error.
 */
#ifndef LLMC_OUTLOOK_H
#define LLMC_OUTLOOK_H

#include "policy/policy.h"

/* The name becomes a route and its choices are made, asking no target how it is and no host for a label. */
llmcost_verdict llmc_resolve_look(llmcost_leg *leg); /* resolve.c */

typedef struct llmc_cache_outlook {
    const char *why_not;     /* it is not for the cache; NULL: it is */
    uint8_t address[32];     /* where why_not is NULL */
    bool in_memory;
    bool asks_store;         /* a miss in memory would ask the host's store */
} llmc_cache_outlook;
/* ANSWER: a hit in memory. CONTINUE: what was looked at is a miss. FAIL: a call for a cached answer only would end here. */
llmcost_verdict llmc_cache_look(llmcost_leg *leg, llmc_cache_outlook *out); /* cache.c */

/* Whether a leaf can serve the leg's request; if not, error says why. */
bool llmc_leaf_fits(llmcost_leg *leg, const llmc_route *leaf, llmcost_error *error); /* check.c */

/* The request that a step of the leg's cascade gets, what it adds to the prompt, and its wishes (wish.h). NULL: no memory. */
const llmcost_request *llmc_cascade_step_request(llmcost_leg *leg, size_t step, int64_t *extra_tokens, uint8_t *wishes); /* cascade.c */

/* fallback.c: whether the leg's fallback would ask a step, whether it goes on after a failure, and which of two it tells. */
bool llmc_fallback_would_ask(llmcost_leg *leg, size_t step);
bool llmc_fallback_goes_on(const llmc_route *fallback, llmcost_status status);
bool llmc_fallback_prefers(llmcost_status status, llmcost_status other);
llmcost_verdict llmc_fallback_look(llmcost_leg *leg); /* FAIL: the prompt is too long for all of them */

llmcost_verdict llmc_keys_look(llmcost_leg *leg); /* keys.c: FAIL where none of its provider's keys is usable */

/* breaker.c: how the target is, and FAIL where its breaker would refuse the leg. */
llmcost_verdict llmc_breaker_look(llmcost_leg *leg, llmc_target_view *out);

typedef struct llmc_budget_outlook {
    llmc_account_ref refs[LLMC_BUDGET_MAX_MATCHES];
    llmc_account_figures figures[LLMC_BUDGET_MAX_MATCHES];
    size_t ref_count;
    int64_t input_tokens, output_tokens; /* upper bounds; output -1: none */
    int64_t bound_nano;                  /* the most that it can cost; -1: unknown */
    bool shortened;                      /* max_tokens would be lowered to output_tokens */
    bool unknown;                        /* the accounts cannot tell without being asked */
} llmc_budget_outlook;
/* CONTINUE: it would be sent (unless `unknown`). WAIT: other calls' holds are in the way. FAIL: refused. The leg's route is a leaf. */
llmcost_verdict llmc_budget_look(llmcost_leg *leg, llmc_budget_outlook *out); /* budget.c */

#endif
