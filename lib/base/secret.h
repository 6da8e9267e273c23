/* A secret: its own type, so that no formatter takes it by mistake; wiped when freed. */
#ifndef LLMC_SECRET_H
#define LLMC_SECRET_H

#include "base/memory.h"

typedef struct llmc_secret {
    char *hidden; /* read through llmc_secret_reveal() only, where it goes onto the wire */
    size_t bytes;
    char fingerprint[9]; /* 8 hex digits of its SHA-256: names the key on receipts */
} llmc_secret;

bool llmc_secret_set(llmc_secret *secret, const llmc_allocator *allocator, const char *text, size_t bytes); /* copies */
void llmc_secret_free(llmc_secret *secret, const llmc_allocator *allocator); /* wipes */
const char *llmc_secret_reveal(const llmc_secret *secret);
void llmc_secret_mask(const llmc_secret *secret, char *text); /* *** where it stands in a text, also where the text ends within it; NULL is fine */
void llmc_wipe(void *memory, size_t bytes); /* not optimised away */

/*
 * An allocator whose pieces are wiped when they are given back or moved: for buffers that hold secrets, grow as they
 * please and end in many ways.
 */
typedef struct llmc_wiping_memory {
    llmc_allocator pieces; /* what to allocate from */
    const llmc_allocator *under;
} llmc_wiping_memory;
void llmc_wiping_memory_init(llmc_wiping_memory *memory, const llmc_allocator *under); /* must not move afterwards */

#endif
