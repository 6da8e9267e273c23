/* Random numbers for jitter, ids and hash seeds: from the system, or from a seed so that a test repeats. Not for keys. */
#ifndef LLMC_RANDOM_H
#define LLMC_RANDOM_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct llmc_random {
    _Atomic uint64_t state;
} llmc_random;

void llmc_random_init(llmc_random *random, uint64_t seed); /* 0: from the system */
uint64_t llmc_random_next(llmc_random *random);            /* any thread */
uint64_t llmc_random_nth(uint64_t seed, uint64_t n);       /* the n-th number of a sequence; n are all different, so are they */
uint64_t llmc_random_below(llmc_random *random, uint64_t limit); /* 0 .. limit-1; 0 when limit is 0 */

#endif
