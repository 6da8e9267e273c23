#include "base/hash.h"

#include <xxhash.h>

/* libxxhash has it where it was built to look at the machine it runs on; a static libxxhash and other systems do without. */
extern XXH128_hash_t XXH3_128bits_withSeed_dispatch(const void *data, size_t bytes, XXH64_hash_t seed) __attribute__((weak));

uint64_t llmc_hash64(const void *data, size_t bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, bytes, seed);
}

void llmc_hash128(const void *data, size_t bytes, uint64_t seed, uint64_t *low, uint64_t *high)
{
    XXH128_hash_t (*widest)(const void *, size_t, XXH64_hash_t) = XXH3_128bits_withSeed_dispatch;
    XXH128_hash_t hash = (widest ? widest : XXH3_128bits_withSeed)(data, bytes, seed);
    *low = hash.low64;
    *high = hash.high64;
}
