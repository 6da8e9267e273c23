/* Why a fallback goes on: names for the config, and which failure is which. */
#ifndef LLMC_FALLBACK_CAUSE_H
#define LLMC_FALLBACK_CAUSE_H

#include <llmcost/llmcost.h>

#include <stdbool.h>

/* The order of the names in the config's documentation. Bits of llmc_fallback.on. */
#define LLMC_CAUSE_LIST(X)                                                                                            \
    X(RATE_LIMIT, "rate_limit")                                                                                       \
    X(OVERLOAD, "overload")                                                                                           \
    X(SERVER_ERROR, "server_error")                                                                                   \
    X(TIMEOUT, "timeout")               /* "attempt_ms" too, never the call's own deadline */                         \
    X(NETWORK, "network")                                                                                             \
    X(QUOTA, "quota")                                                                                                 \
    X(AUTH, "auth")                                                                                                   \
    X(NOT_FOUND, "not_found")                                                                                         \
    X(CONTEXT_LENGTH, "context_length") /* to a larger window only */                                                 \
    X(CONTENT_FILTER, "content_filter") /* of the prompt, or of the answer */                                         \
    X(BUDGET, "budget")                                                                                               \
    X(MALFORMED, "malformed")           /* an answer that is none, or not whole */                                    \
    X(UNAVAILABLE, "unavailable")       /* nothing was sent: its breaker is open, or its limits are reached */        \
    X(REFUSAL, "refusal")               /* the model refused; the only one that must be asked for */

typedef enum llmc_fallback_cause {
#define LLMC_CAUSE_ENUM(name, text) LLMC_CAUSE_##name,
    LLMC_CAUSE_LIST(LLMC_CAUSE_ENUM)
#undef LLMC_CAUSE_ENUM
    LLMC_CAUSES,
    LLMC_CAUSE_NONE = LLMC_CAUSES /* it ends the call: the request itself, the caller, the config, or memory */
} llmc_fallback_cause;

enum { LLMC_CAUSES_BY_DEFAULT = (1u << LLMC_CAUSE_REFUSAL) - 1 };

extern const char *const llmc_fallback_cause_names[LLMC_CAUSES];
llmc_fallback_cause llmc_fallback_cause_of(llmcost_status status);

#endif
