/*
 * XXH3 for hash tables inside the process; never stored, never sent. A secret seed keeps hostile texts from colliding on
 * purpose.
 */
#ifndef LLMC_HASH_H
#define LLMC_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t llmc_hash64(const void *data, size_t bytes, uint64_t seed);

#endif
