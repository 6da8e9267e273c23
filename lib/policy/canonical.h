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

enum { LLMC_CANONICAL_LEAST = 256 }; /* there is always room for so much, or for all of it */

/*
 * The key of what a leg asks; its route is resolved. The bytes it takes: it is complete in out, which is aligned for a
 * number, only if it has room for them. 0: larger than a key may be.
 */
size_t llmc_canonical_write(const llmcost_leg *leg, char *out, size_t room);

#endif
