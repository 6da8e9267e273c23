/* The latest calls that went through a split, by the number of their receipt: a fixed table, the oldest call gives way. */
#ifndef LLMC_RECENT_CALLS_H
#define LLMC_RECENT_CALLS_H

#include "base/memory.h"

enum { LLMC_CALL_SIDES = 10 }; /* of one call that are told apart; the outermost */

typedef struct llmc_recent_call {
    uint64_t id;
    int64_t score;
    uint32_t next;       /* in its bucket: place and one; 0: none */
    uint16_t side_count;
    bool scored, used;
    uint32_t sides[LLMC_CALL_SIDES];
} llmc_recent_call;

typedef struct llmc_recent_calls llmc_recent_calls;

llmc_recent_calls *llmc_recent_calls_new(const llmc_allocator *allocator, size_t capacity); /* NULL: no memory */
void llmc_recent_calls_free(llmc_recent_calls *recent);
/* Any thread, both. */
void llmc_recent_calls_add(llmc_recent_calls *recent, uint64_t id, const uint32_t *sides, size_t side_count);
/* Gives a call a score; *before is what stood there. false: the call is not known, or not any more. */
bool llmc_recent_calls_score(llmc_recent_calls *recent, uint64_t id, int64_t score, llmc_recent_call *before);

#endif
