/*
 * The memory tier of the answer cache: shards, each with a mutex, a chained hash table and a list by last use.
 *
 * A lookup holds its shard's lock for a walk of a chain and four pointers; the key is compared afterwards, on a
 * referenced entry. Chains rather than open addressing: a table that cannot grow for want of memory still takes entries.
 *
 * The limits hold over all shards together. A put adds first and then evicts, the least recently used of its own shard
 * before those of the others, so they may be exceeded while puts are on their way, by what these puts add. Every entry,
 * key, value and table is counted; the cache's own few kilobytes and the heap's overhead per block are not. One entry
 * may take at most 7/8 of a shard's share, so that no single answer empties the cache.
 *
 * Left out: a strict order of use over all shards (small caches have one shard, and there it is strict), and a
 * background sweep: expired entries go when they are met, or first when room is made.
 */
#include "store/memory_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    MAX_SHARDS = 16,
    MIN_SHARD_BYTES = 1 << 20, /* a shard's share of the limits is at least this much, unless there is but one */
    MIN_SHARD_ENTRIES = 64,
    FIRST_BUCKETS = 8,
    EVICTION_LOOK = 8,         /* so many of the least recently used are looked at for an expired one */
    CACHE_LINE = 64
};

/* What a lookup reads comes first. */
struct llmc_cache_entry {
    llmc_cache_hash hash;
    llmc_cache_entry *chain; /* the next in the bucket; once unlinked, in the list of what is to be released */
    int64_t expires_ns;
    atomic_size_t references;
    llmc_cache_entry *newer, *older;
    size_t key_bytes;
    void *value;
    int64_t stored_wall_ms;
    size_t charge;
    void (*release_value)(void *value);
    llmc_allocator allocator; /* a copy: an entry may outlive the cache */
    char key[];
};

typedef struct cache_shard {
    pthread_mutex_t lock;
    llmc_cache_entry **buckets;
    size_t bucket_count, entry_count;
    llmc_cache_entry *newest, *oldest;
    uint64_t hits, misses, stores, evictions, expirations;
    llmc_cache_entry *first_buckets[FIRST_BUCKETS];
} cache_shard;

/* On cache lines of their own, so that two threads in two shards do not slow each other down. */
typedef union padded_shard {
    cache_shard shard;
    char padding[(sizeof(cache_shard) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE];
} padded_shard;

struct llmc_memory_cache {
    llmc_allocator allocator;
    void (*release_value)(void *value);
    uint64_t seed;
    size_t max_bytes, max_entries, largest_entry, largest_table;
    size_t shard_count; /* a power of two */
    padded_shard *shards;
    atomic_size_t bytes, entries; /* of all shards; read and written by puts only */
    unsigned char secret[XXH3_SECRET_DEFAULT_SIZE]; /* of the seed: saves deriving it for each long key */
};

static size_t count_shards(const llmc_memory_cache_limits *limits)
{
    size_t count = 1;
    while (count < MAX_SHARDS && limits->max_bytes / (count * 2) >= MIN_SHARD_BYTES &&
           (!limits->max_entries || limits->max_entries / (count * 2) >= MIN_SHARD_ENTRIES))
        count *= 2;
    return count;
}

static void init_table(cache_shard *shard)
{
    memset(shard->first_buckets, 0, sizeof shard->first_buckets);
    shard->buckets = shard->first_buckets;
    shard->bucket_count = FIRST_BUCKETS;
    shard->newest = shard->oldest = NULL;
    shard->entry_count = 0;
}

llmcost_status llmc_memory_cache_new(llmc_memory_cache **out, const llmc_allocator *allocator, const llmc_memory_cache_limits *limits,
                                     uint64_t seed, void (*release_value)(void *value))
{
    *out = NULL;
    size_t shard_count = count_shards(limits);
    llmc_memory_cache *cache = llmc_calloc(allocator, 1, sizeof *cache + CACHE_LINE + shard_count * sizeof(padded_shard));
    if (!cache)
        return LLMCOST_E_MEMORY;
    size_t share = limits->max_bytes / shard_count;
    cache->allocator = *allocator;
    cache->release_value = release_value;
    cache->seed = seed;
    cache->max_bytes = limits->max_bytes;
    cache->max_entries = limits->max_entries ? limits->max_entries : SIZE_MAX;
    cache->largest_table = share / 8;
    cache->largest_entry = share - share / 8;
    cache->shard_count = shard_count;
    cache->shards = (padded_shard *)(((uintptr_t)(cache + 1) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    XXH3_generateSecret_fromSeed(cache->secret, seed);
    for (size_t i = 0; i < shard_count; i++) {
        pthread_mutex_init(&cache->shards[i].shard.lock, NULL);
        init_table(&cache->shards[i].shard);
    }
    *out = cache;
    return LLMCOST_OK;
}

llmc_cache_hash llmc_memory_cache_hash(const llmc_memory_cache *cache, const void *key, size_t key_bytes)
{
    XXH128_hash_t hash = XXH3_128bits_withSecretandSeed(key, key_bytes, cache->secret, sizeof cache->secret, cache->seed);
    return (llmc_cache_hash){ hash.low64, hash.high64 };
}

static cache_shard *shard_of(llmc_memory_cache *cache, llmc_cache_hash hash)
{
    return &cache->shards[hash.high & (cache->shard_count - 1)].shard;
}

/* The link that points to the entry with this hash, or to NULL at the end of its chain. */
static llmc_cache_entry **find_link(cache_shard *shard, llmc_cache_hash hash)
{
    llmc_cache_entry **link = &shard->buckets[hash.low & (shard->bucket_count - 1)];
    while (*link && ((*link)->hash.low != hash.low || (*link)->hash.high != hash.high))
        link = &(*link)->chain;
    return link;
}

static void list_remove(cache_shard *shard, llmc_cache_entry *entry)
{
    if (entry->newer)
        entry->newer->older = entry->older;
    else
        shard->newest = entry->older;
    if (entry->older)
        entry->older->newer = entry->newer;
    else
        shard->oldest = entry->newer;
}

static void list_add_newest(cache_shard *shard, llmc_cache_entry *entry)
{
    entry->newer = NULL;
    entry->older = shard->newest;
    if (shard->newest)
        shard->newest->newer = entry;
    else
        shard->oldest = entry;
    shard->newest = entry;
}

/* Take an entry out of its shard and onto the list of what to release once the lock is free. */
static void unlink_entry(llmc_memory_cache *cache, cache_shard *shard, llmc_cache_entry **link, llmc_cache_entry **dropped)
{
    llmc_cache_entry *entry = *link;
    *link = entry->chain;
    list_remove(shard, entry);
    shard->entry_count--;
    atomic_fetch_sub_explicit(&cache->entries, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&cache->bytes, entry->charge, memory_order_relaxed);
    entry->chain = *dropped;
    *dropped = entry;
}

static void release_list(llmc_cache_entry *dropped)
{
    while (dropped) {
        llmc_cache_entry *next = dropped->chain;
        llmc_cache_entry_release(dropped);
        dropped = next;
    }
}

static bool has_key(const llmc_cache_entry *entry, const void *key, size_t key_bytes)
{
    return entry->key_bytes == key_bytes && (!key_bytes || memcmp(entry->key, key, key_bytes) == 0);
}

llmc_cache_entry *llmc_memory_cache_get(llmc_memory_cache *cache, llmc_cache_hash hash, const void *key, size_t key_bytes, int64_t now_ns)
{
    cache_shard *shard = shard_of(cache, hash);
    llmc_cache_entry *dropped = NULL;
    pthread_mutex_lock(&shard->lock);
    llmc_cache_entry **link = find_link(shard, hash), *entry = *link;
    if (entry && entry->expires_ns <= now_ns) {
        unlink_entry(cache, shard, link, &dropped);
        shard->expirations++;
        entry = NULL;
    }
    if (!entry) {
        shard->misses++;
        pthread_mutex_unlock(&shard->lock);
        release_list(dropped);
        return NULL;
    }
    if (entry != shard->newest) {
        list_remove(shard, entry);
        list_add_newest(shard, entry);
    }
    atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    shard->hits++;
    pthread_mutex_unlock(&shard->lock);

    if (has_key(entry, key, key_bytes))
        return entry;
    pthread_mutex_lock(&shard->lock); /* two keys of one hash, which nobody will see: correct the count */
    shard->hits--;
    shard->misses++;
    pthread_mutex_unlock(&shard->lock);
    llmc_cache_entry_release(entry);
    return NULL;
}

static bool over_limit(llmc_memory_cache *cache)
{
    return atomic_load_explicit(&cache->bytes, memory_order_relaxed) > cache->max_bytes ||
           atomic_load_explicit(&cache->entries, memory_order_relaxed) > cache->max_entries;
}

/* An expired entry among the least recently used, else the last of them. */
static llmc_cache_entry *find_victim(const cache_shard *shard, int64_t now_ns)
{
    llmc_cache_entry *entry = shard->oldest;
    for (int i = 0; i < EVICTION_LOOK && entry; i++, entry = entry->newer) {
        if (entry->expires_ns <= now_ns)
            return entry;
    }
    return shard->oldest;
}

/* Make room in one locked shard, but never of `keep`, which is its newest and not expired. */
static bool evict_one(llmc_memory_cache *cache, cache_shard *shard, const llmc_cache_entry *keep, int64_t now_ns, llmc_cache_entry **dropped)
{
    llmc_cache_entry *victim = find_victim(shard, now_ns);
    if (!victim || victim == keep)
        return false;
    *(victim->expires_ns <= now_ns ? &shard->expirations : &shard->evictions) += 1;
    unlink_entry(cache, shard, find_link(shard, victim->hash), dropped);
    return true;
}

static void evict_elsewhere(llmc_memory_cache *cache, size_t own, int64_t now_ns, llmc_cache_entry **dropped)
{
    for (size_t i = 1; i < cache->shard_count && over_limit(cache); i++) {
        cache_shard *shard = &cache->shards[(own + i) & (cache->shard_count - 1)].shard;
        pthread_mutex_lock(&shard->lock);
        while (over_limit(cache) && evict_one(cache, shard, NULL, now_ns, dropped))
            continue;
        pthread_mutex_unlock(&shard->lock);
    }
}

static void move_entries(cache_shard *shard, llmc_cache_entry **buckets, size_t bucket_count)
{
    for (llmc_cache_entry *entry = shard->newest; entry; entry = entry->older) {
        llmc_cache_entry **bucket = &buckets[entry->hash.low & (bucket_count - 1)];
        entry->chain = *bucket;
        *bucket = entry;
    }
}

static size_t table_bytes(const cache_shard *shard)
{
    return shard->buckets == shard->first_buckets ? 0 : shard->bucket_count * sizeof *shard->buckets;
}

/* Double the table. It is allocated with the lock free, so another put may have been first; without memory chains get longer. */
static void grow_table(llmc_memory_cache *cache, cache_shard *shard, size_t from)
{
    if (from > SIZE_MAX / 2 / sizeof *shard->buckets || from * 2 * sizeof *shard->buckets > cache->largest_table)
        return;
    llmc_cache_entry **buckets = llmc_calloc(&cache->allocator, from * 2, sizeof *buckets), **old = buckets;
    if (!buckets)
        return;
    pthread_mutex_lock(&shard->lock);
    if (shard->bucket_count == from) {
        move_entries(shard, buckets, from * 2);
        old = shard->buckets == shard->first_buckets ? NULL : shard->buckets;
        atomic_fetch_sub_explicit(&cache->bytes, table_bytes(shard), memory_order_relaxed);
        shard->buckets = buckets;
        shard->bucket_count = from * 2;
        atomic_fetch_add_explicit(&cache->bytes, table_bytes(shard), memory_order_relaxed);
    }
    pthread_mutex_unlock(&shard->lock);
    llmc_free(&cache->allocator, old);
}

static llmc_cache_entry *entry_new(llmc_memory_cache *cache, const void *key, size_t key_bytes, size_t value_bytes)
{
    if (key_bytes > cache->largest_entry || value_bytes > cache->largest_entry ||
        sizeof(llmc_cache_entry) + key_bytes + value_bytes > cache->largest_entry)
        return NULL;
    llmc_cache_entry *entry = llmc_alloc(&cache->allocator, sizeof *entry + key_bytes);
    if (!entry)
        return NULL;
    *entry = (llmc_cache_entry){ .key_bytes = key_bytes, .charge = sizeof *entry + key_bytes + value_bytes,
                                 .release_value = cache->release_value, .allocator = cache->allocator };
    atomic_init(&entry->references, 1);
    if (key_bytes)
        memcpy(entry->key, key, key_bytes);
    return entry;
}

/* A value that cannot be stored leaves the old one under its key in place: it is still true until it expires. */
bool llmc_memory_cache_put(llmc_memory_cache *cache, llmc_cache_hash hash, const void *key, size_t key_bytes, void *value, size_t value_bytes,
                           int64_t expires_ns, int64_t stored_wall_ms, int64_t now_ns)
{
    llmc_cache_entry *entry = expires_ns > now_ns ? entry_new(cache, key, key_bytes, value_bytes) : NULL, *dropped = NULL;
    if (!entry) {
        cache->release_value(value);
        return false;
    }
    entry->hash = hash;
    entry->value = value;
    entry->expires_ns = expires_ns;
    entry->stored_wall_ms = stored_wall_ms;

    cache_shard *shard = shard_of(cache, hash);
    pthread_mutex_lock(&shard->lock);
    llmc_cache_entry **link = find_link(shard, hash);
    if (*link)
        unlink_entry(cache, shard, link, &dropped);
    link = &shard->buckets[hash.low & (shard->bucket_count - 1)];
    entry->chain = *link;
    *link = entry;
    list_add_newest(shard, entry);
    shard->entry_count++;
    shard->stores++;
    atomic_fetch_add_explicit(&cache->entries, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&cache->bytes, entry->charge, memory_order_relaxed);
    while (over_limit(cache) && evict_one(cache, shard, entry, now_ns, &dropped))
        continue;
    size_t bucket_count = shard->bucket_count;
    bool crowded = shard->entry_count > bucket_count;
    pthread_mutex_unlock(&shard->lock);

    if (crowded)
        grow_table(cache, shard, bucket_count);
    if (over_limit(cache))
        evict_elsewhere(cache, hash.high & (cache->shard_count - 1), now_ns, &dropped);
    release_list(dropped);
    return true;
}

void llmc_memory_cache_remove(llmc_memory_cache *cache, llmc_cache_hash hash, const void *key, size_t key_bytes)
{
    cache_shard *shard = shard_of(cache, hash);
    llmc_cache_entry *dropped = NULL;
    pthread_mutex_lock(&shard->lock);
    llmc_cache_entry *entry = *find_link(shard, hash);
    if (entry)
        atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    pthread_mutex_unlock(&shard->lock);
    if (!entry)
        return;
    if (has_key(entry, key, key_bytes)) {
        pthread_mutex_lock(&shard->lock);
        llmc_cache_entry **link = find_link(shard, hash);
        if (*link == entry) /* still */
            unlink_entry(cache, shard, link, &dropped);
        pthread_mutex_unlock(&shard->lock);
    }
    llmc_cache_entry_release(entry);
    release_list(dropped);
}

void llmc_memory_cache_clear(llmc_memory_cache *cache)
{
    for (size_t i = 0; i < cache->shard_count; i++) {
        cache_shard *shard = &cache->shards[i].shard;
        pthread_mutex_lock(&shard->lock);
        llmc_cache_entry *dropped = shard->newest, **table = table_bytes(shard) ? shard->buckets : NULL;
        size_t bytes = table_bytes(shard);
        for (llmc_cache_entry *entry = dropped; entry; entry = entry->older) {
            entry->chain = entry->older;
            bytes += entry->charge;
        }
        atomic_fetch_sub_explicit(&cache->bytes, bytes, memory_order_relaxed);
        atomic_fetch_sub_explicit(&cache->entries, shard->entry_count, memory_order_relaxed);
        init_table(shard);
        pthread_mutex_unlock(&shard->lock);
        llmc_free(&cache->allocator, table);
        release_list(dropped);
    }
}

void llmc_memory_cache_free(llmc_memory_cache *cache)
{
    if (!cache)
        return;
    llmc_memory_cache_clear(cache);
    for (size_t i = 0; i < cache->shard_count; i++)
        pthread_mutex_destroy(&cache->shards[i].shard.lock);
    llmc_allocator allocator = cache->allocator;
    llmc_free(&allocator, cache);
}

void llmc_memory_cache_stats_read(llmc_memory_cache *cache, llmc_memory_cache_stats *out)
{
    *out = (llmc_memory_cache_stats){ 0 };
    for (size_t i = 0; i < cache->shard_count; i++) {
        cache_shard *shard = &cache->shards[i].shard;
        pthread_mutex_lock(&shard->lock);
        out->hits += shard->hits;
        out->misses += shard->misses;
        out->stores += shard->stores;
        out->evictions += shard->evictions;
        out->expirations += shard->expirations;
        out->entries += shard->entry_count;
        pthread_mutex_unlock(&shard->lock);
    }
    out->bytes = atomic_load_explicit(&cache->bytes, memory_order_relaxed);
}

void *llmc_cache_entry_value(const llmc_cache_entry *entry)
{
    return entry->value;
}

int64_t llmc_cache_entry_stored_wall_ms(const llmc_cache_entry *entry)
{
    return entry->stored_wall_ms;
}

void llmc_cache_entry_release(llmc_cache_entry *entry)
{
    if (!entry || atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) != 1)
        return;
    llmc_allocator allocator = entry->allocator;
    entry->release_value(entry->value);
    llmc_free(&allocator, entry);
}
