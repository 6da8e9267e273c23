/*
 * The canonical form of a request: every field that shapes the answer, in a fixed order, each text with its length, so
 * that two requests have the same bytes exactly when they ask the same. With the namespace and the fingerprint of the
 * resolved route before it, it is the key of the cache.
 *
 * Not in it, because they do not shape the answer: tags, deadline, cache options, the end user's id, and the model's
 * name (its route's fingerprint stands for it).
 */
#ifndef LLMC_CANONICAL_H
#define LLMC_CANONICAL_H

#include "policy/policy.h"

/* What a request means beside its own fields. */
typedef struct llmc_canonical_context {
    const char *name_space;     /* NULL: "" */
    const llmc_route *route;
    llmc_operation_id operation;
    int64_t default_max_tokens; /* of the config: what a request without max_tokens gets. Clients may share a store */
} llmc_canonical_context;

/* The bytes it takes; it is complete in out only if it has room for them. 0: larger than a key may be. */
size_t llmc_canonical_write(const llmcost_request *request, const llmc_canonical_context *context, char *out, size_t room);

#endif
