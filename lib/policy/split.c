/*
 * split.c: which side of a split a call goes to.
 *
 * Each side draws a number from a hash of the split's name, the tag's value and its own name; the smallest in proportion
 * to the weight wins (rendezvous hashing with weights). So a value keeps its side on every machine and after every
 * restart, whatever the order of the sides; when a weight changes or a side comes or goes only those values move that
 * must; and what a value has in one split says nothing about what it has in another. The hash is part of the interface:
 * another one would move everybody's users.
 *
 * A side that cannot serve the request is passed over, and told; the others share its values in proportion, and each
 * goes on to the one that has drawn next best. That a target fails just now, or that its breaker is open, moves nobody:
 * a fallback inside the side is for that, or else figures of a side would depend on how well the other one is.
 */
#include "policy/decide.h"

#include "base/hash.h"
#include "money/tags.h"

#include <string.h>

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

typedef struct side_draw {
    size_t side;
    uint64_t hash, drawn;
    uint32_t weight;
} side_draw;

static side_draw draw(const llmc_split *split, size_t side, uint64_t seed)
{
    const char *name = split->sides[side];
    uint64_t hash = llmc_hash64(name, strlen(name), seed);
    return (side_draw){ side, hash, minus_log2(hash), split->weights[side] };
}

/* As drawn / weight, without rounding. Equals are told apart by what was not rounded off. */
static bool is_better(const side_draw *a, const side_draw *b)
{
    unsigned __int128 x = (unsigned __int128)a->drawn * b->weight, y = (unsigned __int128)b->drawn * a->weight;
    return x != y ? x < y : a->hash > b->hash;
}

uint64_t llmc_split_seed(const llmc_split *split, const char *value)
{
    return llmc_hash64(value, strlen(value), llmc_hash64(split->name, strlen(split->name), 0));
}

size_t llmc_split_draw(const llmc_split *split, uint64_t seed, uint32_t without)
{
    side_draw best = { .side = SIZE_MAX };
    for (size_t i = 0; i < split->side_count; i++) {
        if (!split->weights[i] || without >> i & 1)
            continue;
        side_draw drawn = draw(split, i, seed);
        if (best.side == SIZE_MAX || is_better(&drawn, &best))
            best = drawn;
    }
    return best.side;
}

size_t llmc_split_side(llmcost_leg *leg, const llmc_route *route, const char **why)
{
    const llmc_split *split = route->split;
    const char *value = split->sticky ? llmc_tag_value(leg->request->tags, leg->request->tag_count, split->sticky) : NULL;
    uint64_t seed = value ? llmc_split_seed(split, value) : llmc_random_next(&leg->services->random);
    size_t first = llmc_split_draw(split, seed, 0), side = first;
    uint32_t unfit = 0;
    *why = value ? "by its tag" : split->sticky ? "by chance, without its tag" : "by chance";
    while (side != SIZE_MAX && !llmc_route_fits(leg, route->steps[side])) { /* the winner is the winner of any that are left */
        unfit |= 1u << side;
        side = llmc_split_draw(split, seed, unfit);
    }
    if (side == SIZE_MAX) /* what is wrong with that one is what the call fails with */
        return first;
    for (size_t i = 0; i < split->side_count; i++) {
        if (unfit >> i & 1)
            llmc_route_tell_unfit(leg, route->steps[i]);
    }
    return side;
}
