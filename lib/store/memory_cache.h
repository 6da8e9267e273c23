/*
 * The memory tier of the answer cache: LRU within a byte limit and an entry limit, a lifetime per entry, locks sharded
 * by reader.
 *
 * An entry is found by the 128-bit hash of its key and accepted only after comparing the whole key: no lock is held while
 * hashing, comparing or copying. Values are opaque and reference counted by their owner.
 */
#ifndef LLMC_MEMORY_CACHE_H
#define LLMC_MEMORY_CACHE_H

#include "base/memory.h"

typedef struct llmc_memory_cache llmc_memory_cache;
typedef struct llmc_cache_entry llmc_cache_entry;

typedef struct llmc_cache_hash {
    uint64_t low, high;
} llmc_cache_hash;

/* How references on values are counted: without a lock. */
typedef struct llmc_cache_values {
    void (*retain)(void *value);
    void (*release)(void *value); /* called without a lock held, from any thread */
} llmc_cache_values;

/* What a look-up found. */
typedef struct llmc_cache_hit {
    void *value; /* with a reference for who asked */
    int64_t stored_wall_ms;
} llmc_cache_hit;

typedef struct llmc_memory_cache_limits {
    size_t max_bytes;   /* keys, values and our own overhead, counted */
    size_t max_entries; /* 0: no limit but the bytes */
} llmc_memory_cache_limits;

typedef struct llmc_memory_cache_stats {
    uint64_t hits, misses, stores, evictions, expirations, entries, bytes;
} llmc_memory_cache_stats;

/* seed: random, per client. */
llmcost_status llmc_memory_cache_new(llmc_memory_cache **out, const llmc_allocator *allocator, const llmc_memory_cache_limits *limits,
                                     uint64_t seed, const llmc_cache_values *values);
void llmc_memory_cache_free(llmc_memory_cache *cache);

llmc_cache_hash llmc_memory_cache_hash(const llmc_memory_cache *cache, const void *key, size_t key_bytes); /* XXH3-128, seeded */
/* What is stored under exactly this key and alive, now the most recently used; false: nothing. now_ns: monotonic. */
bool llmc_memory_cache_get(llmc_memory_cache *cache, llmc_cache_hash hash, const void *key, size_t key_bytes, int64_t now_ns, llmc_cache_hit *out);
/* Whether a get would find it. Counts nothing, and is no use of the entry. */
bool llmc_memory_cache_has(llmc_memory_cache *cache, llmc_cache_hash hash, const void *key, size_t key_bytes, int64_t now_ns);
/*
 * Store a value under a copy of key, replacing what was there. value_bytes counts against the limit.
 * stored_wall_ms is kept for its age. The reference on value passes to the cache, also on failure (then it is released).
 * Returns false when it was not stored: no memory, larger than half of max_bytes, or expired already; what was there stays.
 */
bool llmc_memory_cache_put(llmc_memory_cache *cache, llmc_cache_hash hash, const void *key, size_t key_bytes, void *value, size_t value_bytes,
                           int64_t expires_ns, int64_t stored_wall_ms, int64_t now_ns);
/*
 * The same in two steps, for a key that is written where it will stay: an entry with room for it (NULL: no memory), which
 * is then put, whatever comes of that, or released.
 */
llmc_cache_entry *llmc_memory_cache_entry_new(llmc_memory_cache *cache, size_t key_bytes);
char *llmc_cache_entry_key(llmc_cache_entry *entry); /* aligned for a number */
bool llmc_memory_cache_put_entry(llmc_memory_cache *cache, llmc_cache_hash hash, llmc_cache_entry *entry, void *value, size_t value_bytes, int64_t expires_ns,
                                 int64_t stored_wall_ms, int64_t now_ns);
void llmc_memory_cache_remove(llmc_memory_cache *cache, llmc_cache_hash hash, const void *key, size_t key_bytes);
void llmc_memory_cache_clear(llmc_memory_cache *cache);
void llmc_memory_cache_stats_read(llmc_memory_cache *cache, llmc_memory_cache_stats *out);

void llmc_cache_entry_release(llmc_cache_entry *entry);

#endif
