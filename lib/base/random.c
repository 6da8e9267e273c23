#include "base/random.h"

#include <sys/random.h>
#include <time.h>

void llmc_random_init(llmc_random *random, uint64_t seed)
{
    while (seed == 0) {
        if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
            seed = (uint64_t)time(NULL) * UINT64_C(0x9E3779B97F4A7C15) ^ (uintptr_t)random;
    }
    atomic_init(&random->state, seed);
}

static const uint64_t STEP = UINT64_C(0x9E3779B97F4A7C15);

/* SplitMix64: a number's place in the sequence, well mixed. */
uint64_t llmc_random_nth(uint64_t seed, uint64_t n)
{
    uint64_t z = seed + n * STEP;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* One atomic addition, then mixing that needs no shared state. */
uint64_t llmc_random_next(llmc_random *random)
{
    return llmc_random_nth(atomic_fetch_add_explicit(&random->state, STEP, memory_order_relaxed), 1);
}

uint64_t llmc_random_below(llmc_random *random, uint64_t limit)
{
    return limit ? (uint64_t)(((unsigned __int128)llmc_random_next(random) * limit) >> 64) : 0;
}
