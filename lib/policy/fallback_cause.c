/*
 * What is not in this table ends the call wherever it happens: a request that a provider calls invalid, a caller who has
 * left or whose deadline has passed, the host's memory, the operator's config.
 */
#include "policy/fallback_cause.h"

#include <stddef.h>

#define CAUSE_NAME(name, text) text,
const char *const llmc_fallback_cause_names[LLMC_CAUSES] = { LLMC_CAUSE_LIST(CAUSE_NAME) };

static const struct {
    int status;
    llmc_fallback_cause cause;
} causes[] = {
    { LLMCOST_E_RATE_LIMITED, LLMC_CAUSE_RATE_LIMIT },
    { LLMCOST_E_OVERLOADED, LLMC_CAUSE_OVERLOAD },
    { LLMCOST_E_SERVER, LLMC_CAUSE_SERVER_ERROR },
    { LLMCOST_E_CONFLICT, LLMC_CAUSE_SERVER_ERROR },
    { LLMCOST_E_SERVER_TIMEOUT, LLMC_CAUSE_TIMEOUT },
    { LLMCOST_E_CONNECT_TIMEOUT, LLMC_CAUSE_TIMEOUT },
    { LLMCOST_E_FIRST_BYTE_TIMEOUT, LLMC_CAUSE_TIMEOUT },
    { LLMCOST_E_IDLE_TIMEOUT, LLMC_CAUSE_TIMEOUT },
    { LLMCOST_E_NETWORK, LLMC_CAUSE_NETWORK },
    { LLMCOST_E_TLS, LLMC_CAUSE_NETWORK },
    { LLMCOST_E_NAME, LLMC_CAUSE_NETWORK },
    { LLMCOST_E_QUOTA, LLMC_CAUSE_QUOTA },
    { LLMCOST_E_AUTH, LLMC_CAUSE_AUTH },
    { LLMCOST_E_PERMISSION, LLMC_CAUSE_AUTH },
    { LLMCOST_E_NOT_FOUND, LLMC_CAUSE_NOT_FOUND },
    { LLMCOST_E_CONTEXT_LENGTH, LLMC_CAUSE_CONTEXT_LENGTH },
    { LLMCOST_E_CONTENT_FILTER, LLMC_CAUSE_CONTENT_FILTER },
    { LLMCOST_E_BUDGET, LLMC_CAUSE_BUDGET },
    { LLMCOST_E_PRICE_UNKNOWN, LLMC_CAUSE_BUDGET },
    { LLMCOST_E_MALFORMED, LLMC_CAUSE_MALFORMED },
    { LLMCOST_E_TRUNCATED, LLMC_CAUSE_MALFORMED },
    { LLMCOST_E_TOO_LARGE, LLMC_CAUSE_MALFORMED },
    { LLMCOST_E_BREAKER_OPEN, LLMC_CAUSE_UNAVAILABLE },
    { LLMCOST_E_LIMITED, LLMC_CAUSE_UNAVAILABLE },
};

llmc_fallback_cause llmc_fallback_cause_of(llmcost_status status)
{
    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
        if (causes[i].status == (int)status)
            return causes[i].cause;
    }
    return LLMC_CAUSE_NONE;
}
