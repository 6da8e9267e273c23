/*
 * XXH3 for hash tables inside the process; never stored, never sent. A secret seed keeps hostile texts from colliding on
 * purpose. The code is libxxhash's, which takes the widest registers that the machine has.
 */
#ifndef LLMC_HASH_H
#define LLMC_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t llmc_hash64(const void *data, size_t bytes, uint64_t seed);
void llmc_hash128(const void *data, size_t bytes, uint64_t seed, uint64_t *low, uint64_t *high); /* for keys that may be long */

#endif
