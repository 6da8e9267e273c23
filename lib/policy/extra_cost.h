/* What the members that a request passes through to the provider may cost beyond its tokens. */
#ifndef LLMC_EXTRA_COST_H
#define LLMC_EXTRA_COST_H

#include "policy/policy.h"

typedef struct llmc_extra_cost {
    char unknown[48]; /* the first member that may cost anything; "": none */
    char tier[12];    /* the service tier that is asked for, where it may be dearer than the standard one; "": none */
    int64_t thinking_tokens; /* the budget of thinking, which max_tokens must not be lowered to; 0: none */
} llmc_extra_cost;

void llmc_extra_cost_of(const char *extra, llmc_extra_cost *out);

#endif
