/*
 * split.c: which side of a split a call goes to.
 *
 * Each side draws a number from a hash of its name and the tag's value; the smallest in proportion to the weight wins.
 * So a value keeps its side, and when a weight changes only those move that must (rendezvous hashing with weights).
 */
#include "policy/decide.h"

#include "base/hash.h"

#include <string.h>

static const char *tag_value(const llmcost_request *request, const char *name)
{
    for (uint32_t i = 0; name && i < request->tag_count; i++)
        if (strcmp(request->tags[i].name, name) == 0)
            return request->tags[i].value;
    return NULL;
}

/* -log2 of a random fraction of 1, times 2^32. In integers, so that a value has the same side on every machine. */
static uint64_t minus_log2(uint64_t random)
{
    random |= 1;
    int zeros = __builtin_clzll(random);
    uint64_t mantissa = random << zeros, fraction = 0;
    for (int i = 0; i < 32; i++) { /* squared, its next binary digit shows */
        uint64_t squared = (uint64_t)((unsigned __int128)mantissa * mantissa >> 64);
        fraction = fraction << 1 | squared >> 63;
        mantissa = squared >> 63 ? squared : squared << 1;
    }
    return ((uint64_t)(zeros + 1) << 32) - fraction;
}

size_t llmc_split_side(llmcost_leg *leg, const llmc_route *route, const char **why)
{
    const char *value = tag_value(leg->request, route->split->sticky);
    uint64_t seed = value ? llmc_hash64(value, strlen(value), 0) : llmc_random_next(&leg->services->random);
    size_t best = SIZE_MAX;
    uint64_t least = 0; /* what the best side drew */
    for (size_t i = 0; i < route->step_count; i++) {
        const char *name = route->steps[i]->name;
        uint32_t weight = route->split->weights[i];
        if (!weight)
            continue;
        uint64_t drawn = minus_log2(llmc_hash64(name, strlen(name), seed));
        if (best != SIZE_MAX && (unsigned __int128)drawn * route->split->weights[best] >= (unsigned __int128)least * weight)
            continue;
        least = drawn;
        best = i;
    }
    *why = value ? "by its tag" : "by chance";
    return best;
}
