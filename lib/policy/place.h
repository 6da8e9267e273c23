/*
 * What a leg occupies at its provider: a key, counted as in use, and a place in the lane of this key and the model.
 * Given back when the leg leaves; where a caller left and his leg is read on without him, when that is done.
 */
#ifndef LLMC_PLACE_H
#define LLMC_PLACE_H

#include "policy/key_pool.h"
#include "policy/lanes.h"
#include "policy/policy.h"

typedef struct llmc_place {
    llmc_key_pool *pool;  /* NULL: no key of one */
    size_t key;
    llmc_lane_place lane;
    bool kept;            /* by a detached leg */
} llmc_place;

/* A line on the receipt for a leg that was refused by us: nothing was sent, there is nothing to pay, and the trail tells. */
void llmc_place_note_refusal(llmcost_leg *leg, llmcost_status status);
/* limits.c: what the leg may take of a limit on tokens, prompt and answer. */
int64_t llmc_limits_tokens(llmcost_leg *leg, int64_t *prompt);

void llmc_place_leave_key(llmc_place *place);
void llmc_place_leave_lane(const llmcost_leg *leg, llmc_place *place); /* leg: it tells how it went */
void llmc_place_leave(const llmcost_leg *leg, llmc_place *place);      /* both; NULL is fine */

#endif
