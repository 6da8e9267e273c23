/* Whether a prompt can fit into the context windows of a route. */
#ifndef LLMC_WINDOW_H
#define LLMC_WINDOW_H

#include "policy/policy.h"

/* What is known of a prompt's length from below; zero bytes: nothing yet. */
typedef struct llmc_prompt_floor {
    int64_t bytes, tokens; /* of its texts; made when first needed */
    bool measured, counted;
} llmc_prompt_floor;

/*
 * Whether any of the leaves that may answer for the route may take the leg's prompt. A window that the catalog does not
 * know may be larger than any. too_small: a window of so many tokens did not do; 0: none is known.
 */
bool llmc_route_may_hold(const llmcost_leg *leg, const llmc_route *route, int64_t too_small, llmc_prompt_floor *prompt);
int64_t llmc_route_window(const llmc_route *leaf); /* 0: unknown */

#endif
