/*
 * The memory tier of the answer cache: a chained hash table and a list by last use.
 *
 * A reader takes its mark of several; a writer takes the mutex, says that it writes, and waits for the marks that are
 * taken. Answers are read far more often than stored, and a store follows a call to a provider. So two readers share no
 * lock, and on different keys write no cache line in common; a mark costs one atomic operation, where a mutex costs two
 * and calls; the limits hold exactly over all entries; and there is one order of use. A reader keeps its mark for a walk
 * of a chain; the key is compared afterwards, on a referenced entry. Chains rather than open addressing: a table that
 * cannot grow for want of memory still takes entries.
 *
 * A reader notes the time of its use in the entry; the list is put in order when room is needed, a bounded part of it at
 * a time from its old end. So the order is exact in a small cache and close to it in a large one.
 *
 * Every entry, key, value and table is counted; the cache's own two kilobytes and the heap's overhead per block are not.
 * One entry may take at most half of the limit, so that no single answer empties the cache.
 *
 * Left out: a background sweep. Expired entries go when they are met, or before others when room is made and
 * the old end is looked at.
 */
#include "store/memory_cache.h"

#include "base/thread.h"

#include <stdatomic.h>
#include <string.h>
#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#endif

/* GCC unrolls the hash's inner loop at O3 only: a third of its instructions. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("O3")
#endif
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { LONG_KEY_BYTES = 500 }; /* from here on a call costs less than it saves */

/* libxxhash takes the widest registers of the machine where it was built to look at it; a static one and other systems do without. */
extern XXH128_hash_t XXH3_128bits_withSecret_dispatch(const void *key, size_t bytes, const void *secret, size_t secret_bytes) __attribute__((weak));

/*
 * libxxhash 0.8.1 returns from its widest loops with the upper halves of the vector registers in use, and from then on
 * every instruction that knows only the lower halves is slow, everywhere in the process, until somebody clears them.
 */
#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("avx"), noinline)) static void clear_upper_halves(void)
{
    __builtin_ia32_vzeroupper();
}

/* The processor has upper halves and the system keeps them. The compiler's own question for it is five kilobytes. */
__attribute__((cold)) static bool has_upper_halves(void)
{
    enum { XMM_AND_YMM = 6 };
    unsigned a, b, c = 0, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX))
        return false;
    __asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (a & XMM_AND_YMM) == XMM_AND_YMM;
}
#else
static void clear_upper_halves(void)
{
}

static bool has_upper_halves(void)
{
    return false;
}
#endif
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif

enum { MARKS = 8, FIRST_BUCKETS = 16, LOOK = 16, CACHE_LINE = 64 };

static const int64_t NOT_USED = INT64_MIN;

/* What a lookup touches comes first. */
struct llmc_cache_entry {
    llmc_cache_hash hash;
    llmc_cache_entry *chain;    /* the next in the bucket; once unlinked, in the list of what is to be released */
    int64_t expires_ns;
    atomic_size_t references;
    _Atomic(int64_t) used_ns;   /* the last use since it was placed in the list, or NOT_USED */
    size_t key_bytes;
    void *value;
    int64_t placed_ns;          /* the use that its place in the list stands for */
    llmc_cache_entry *newer, *older;
    int64_t stored_wall_ms;
    size_t charge;
    void (*release_value)(void *value); /* NULL: it was never put */
    llmc_allocator allocator;   /* a copy: an entry may outlive the cache */
    _Alignas(int64_t) char key[];
};

/* A reader's, on a cache line of its own. */
typedef union reader_mark {
    struct {
        llmc_mark taken;
        uint64_t hits, misses;
    } of;
    char padding[CACHE_LINE];
} reader_mark;

_Static_assert(sizeof(reader_mark) == CACHE_LINE, "a reader's mark and counts share one cache line and no other's");

/* All but the readers' counts changes only while a writer has the mutex and no mark is taken. */
struct llmc_memory_cache {
    llmc_allocator allocator;
    llmc_cache_values values;
    uint64_t seed;
    bool clears;                /* the upper halves of the vector registers, after hashing */
    size_t max_bytes, max_entries, largest_entry, largest_table;
    reader_mark *marks;
    atomic_bool writing;
    pthread_mutex_t mutex;      /* of the writers, and of readers who wait for them */
    llmc_cache_entry **buckets;
    size_t bucket_count, entry_count, bytes;
    llmc_cache_entry *newest, *oldest;
    uint64_t stores, evictions, expirations;
    uint32_t looked_ago;        /* evictions since the old end of the list was put in order */
    llmc_cache_entry *first_buckets[FIRST_BUCKETS];
    unsigned char secret[XXH3_SECRET_DEFAULT_SIZE]; /* of the seed: saves deriving it for each long key */
};

static void init_table(llmc_memory_cache *cache)
{
    memset(cache->first_buckets, 0, sizeof cache->first_buckets);
    cache->buckets = cache->first_buckets;
    cache->bucket_count = FIRST_BUCKETS;
    cache->newest = cache->oldest = NULL;
    cache->entry_count = cache->bytes = 0;
}

__attribute__((cold)) llmcost_status llmc_memory_cache_new(llmc_memory_cache **out, const llmc_allocator *allocator, const llmc_memory_cache_limits *limits,
                                     uint64_t seed, const llmc_cache_values *values)
{
    *out = NULL;
    llmc_memory_cache *cache = llmc_calloc(allocator, 1, sizeof *cache + CACHE_LINE + MARKS * sizeof(reader_mark));
    if (!cache)
        return LLMCOST_E_MEMORY;
    cache->allocator = *allocator;
    cache->values = *values;
    cache->seed = seed;
    cache->clears = has_upper_halves();
    cache->max_bytes = limits->max_bytes;
    cache->max_entries = limits->max_entries ? limits->max_entries : SIZE_MAX;
    cache->largest_table = limits->max_bytes / 8;
    cache->largest_entry = limits->max_bytes / 2;
    cache->marks = (reader_mark *)(((uintptr_t)(cache + 1) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    XXH3_generateSecret_fromSeed(cache->secret, seed);
    pthread_mutex_init(&cache->mutex, NULL);
    init_table(cache);
    *out = cache;
    return LLMCOST_OK;
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("O3")
#endif
__attribute__((noinline)) static XXH128_hash_t hash_here(const llmc_memory_cache *cache, const void *key, size_t key_bytes)
{
    return XXH3_128bits_withSecretandSeed(key, key_bytes, cache->secret, XXH3_SECRET_DEFAULT_SIZE, cache->seed);
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif

llmc_cache_hash llmc_memory_cache_hash(const llmc_memory_cache *cache, const void *key, size_t key_bytes)
{
    XXH128_hash_t hash;
    if (key_bytes > LONG_KEY_BYTES && XXH3_128bits_withSecret_dispatch) {
        hash = XXH3_128bits_withSecret_dispatch(key, key_bytes, cache->secret, XXH3_SECRET_DEFAULT_SIZE);
        if (cache->clears)
            clear_upper_halves();
    } else {
        hash = hash_here(cache, key, key_bytes);
    }
    return (llmc_cache_hash){ hash.low64, hash.high64 };
}

/* ---- locks ---- */

/* Behind the writer and before the next one, with whichever mark is free. The mutex orders it: nobody begins to write meanwhile. */
__attribute__((cold, noinline)) static reader_mark *wait_to_read(llmc_memory_cache *cache, reader_mark *own)
{
    size_t at = (size_t)(own - cache->marks);
    pthread_mutex_lock(&cache->mutex);
    for (unsigned round = 0; !llmc_mark_try(&cache->marks[at].of.taken); round++) {
        at = (at + 1) % MARKS;
        if (round >= MARKS)
            llmc_mark_wait(round);
    }
    pthread_mutex_unlock(&cache->mutex);
    return &cache->marks[at];
}

/*
 * Takes the thread's own mark and then looks whether somebody writes, who says so and then looks at the marks: in one
 * order for all threads, so that one of the two sees the other: llmc_mark_try() orders too little for that.
 */
static inline reader_mark *lock_to_read(llmc_memory_cache *cache)
{
    reader_mark *own = &cache->marks[llmc_thread_number() % MARKS];
    bool taken = atomic_exchange(&own->of.taken, true);
    if (!taken && !atomic_load(&cache->writing))
        return own;
    if (!taken)
        llmc_mark_give_back(&own->of.taken);
    return wait_to_read(cache, own);
}

static void lock_to_write(llmc_memory_cache *cache)
{
    pthread_mutex_lock(&cache->mutex);
    atomic_store(&cache->writing, true);
    for (size_t i = 0; i < MARKS; i++) {
        for (unsigned round = 0; atomic_load(&cache->marks[i].of.taken); round++)
            llmc_mark_wait(round);
    }
}

static void unlock_writer(llmc_memory_cache *cache)
{
    atomic_store_explicit(&cache->writing, false, memory_order_release);
    pthread_mutex_unlock(&cache->mutex);
}

/* ---- table and list ---- */

/* The link that points to the entry with this hash, or to NULL at the end of its chain. */
static llmc_cache_entry **find_link(llmc_memory_cache *cache, llmc_cache_hash hash)
{
    llmc_cache_entry **link = &cache->buckets[hash.low & (cache->bucket_count - 1)];
    while (*link && ((*link)->hash.low != hash.low || (*link)->hash.high != hash.high))
        link = &(*link)->chain;
    return link;
}

static void list_remove(llmc_memory_cache *cache, llmc_cache_entry *entry)
{
    *(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

/* In front of what was used before it, as far as a short walk from the new end tells. */
static void list_place(llmc_memory_cache *cache, llmc_cache_entry *entry)
{
    llmc_cache_entry *older = cache->newest, *newer = NULL;
    for (int i = 0; i < LOOK && older && older->placed_ns > entry->placed_ns; i++) {
        newer = older;
        older = older->older;
    }
    entry->newer = newer;
    entry->older = older;
    *(newer ? &newer->older : &cache->newest) = entry;
    *(older ? &older->newer : &cache->oldest) = entry;
}

/* Move those that were used since they were placed, in a short part of the list. */
static void settle_order(llmc_memory_cache *cache)
{
    llmc_cache_entry *entry = cache->oldest, *next;
    for (int i = 0; i < 2 * LOOK && entry; i++, entry = next) {
        next = entry->newer;
        int64_t used_ns = atomic_load_explicit(&entry->used_ns, memory_order_relaxed);
        if (used_ns == NOT_USED)
            continue;
        atomic_store_explicit(&entry->used_ns, NOT_USED, memory_order_relaxed);
        list_remove(cache, entry);
        entry->placed_ns = used_ns;
        list_place(cache, entry);
    }
}

/* Take an entry out and onto the list of what to release once the locks are free. */
static void unlink_entry(llmc_memory_cache *cache, llmc_cache_entry **link, llmc_cache_entry **dropped)
{
    llmc_cache_entry *entry = *link;
    *link = entry->chain;
    list_remove(cache, entry);
    cache->entry_count--;
    cache->bytes -= entry->charge;
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

/*
 * An expired entry among the least recently used, else the last of them. Looking at so many that have not been touched
 * for long costs more than all the rest of a put: a large cache looks at one, but for every so many evictions.
 */
static llmc_cache_entry *find_victim(llmc_memory_cache *cache, int64_t now_ns)
{
    bool unused = cache->oldest && atomic_load_explicit(&cache->oldest->used_ns, memory_order_relaxed) == NOT_USED;
    if (unused && cache->entry_count > LOOK && ++cache->looked_ago < LOOK)
        return cache->oldest;
    cache->looked_ago = 0;
    settle_order(cache);
    llmc_cache_entry *entry = cache->oldest;
    for (int i = 0; i < LOOK && entry; i++, entry = entry->newer) {
        if (entry->expires_ns <= now_ns)
            return entry;
    }
    return cache->oldest;
}

static void make_room(llmc_memory_cache *cache, size_t bytes, size_t entries, int64_t now_ns, llmc_cache_entry **dropped)
{
    while (cache->entry_count && (cache->bytes + bytes > cache->max_bytes || cache->entry_count + entries > cache->max_entries)) {
        llmc_cache_entry *victim = find_victim(cache, now_ns);
        *(victim->expires_ns <= now_ns ? &cache->expirations : &cache->evictions) += 1;
        unlink_entry(cache, find_link(cache, victim->hash), dropped);
    }
}

static size_t table_bytes(const llmc_memory_cache *cache)
{
    return cache->buckets == cache->first_buckets ? 0 : cache->bucket_count * sizeof *cache->buckets;
}

/* Returns the table that it replaces, to be freed; NULL: the first one. */
static llmc_cache_entry **replace_table(llmc_memory_cache *cache, llmc_cache_entry **buckets, size_t bucket_count)
{
    llmc_cache_entry **old = table_bytes(cache) ? cache->buckets : NULL;
    for (llmc_cache_entry *entry = cache->newest; entry; entry = entry->older) {
        llmc_cache_entry **bucket = &buckets[entry->hash.low & (bucket_count - 1)];
        entry->chain = *bucket;
        *bucket = entry;
    }
    cache->bytes -= table_bytes(cache);
    cache->buckets = buckets;
    cache->bucket_count = bucket_count;
    cache->bytes += table_bytes(cache);
    return old;
}

/* Double the table. It is allocated with the locks free, so another put may have been first; without memory chains get longer. */
static void grow_table(llmc_memory_cache *cache, size_t from, int64_t now_ns, llmc_cache_entry **dropped)
{
    if (from > cache->largest_table / 2 / sizeof *cache->buckets)
        return;
    llmc_cache_entry **buckets = llmc_calloc(&cache->allocator, from * 2, sizeof *buckets), **unused = buckets;
    if (!buckets)
        return;
    lock_to_write(cache);
    if (cache->bucket_count == from) {
        unused = replace_table(cache, buckets, from * 2);
        make_room(cache, 0, 0, now_ns, dropped);
    }
    unlock_writer(cache);
    llmc_free(&cache->allocator, unused);
}

/* ---- the interface ---- */

static bool has_key(const llmc_cache_entry *entry, const void *key, size_t key_bytes)
{
    return entry->key_bytes == key_bytes && (!key_bytes || memcmp(entry->key, key, key_bytes) == 0);
}

/* Counts it, and gives the mark back. An expired entry goes, if it still is one when everything is locked. */
__attribute__((noinline)) static bool missed(llmc_memory_cache *cache, reader_mark *mark, llmc_cache_hash hash, bool expired, int64_t now_ns)
{
    llmc_cache_entry *dropped = NULL;
    mark->of.misses++;
    llmc_mark_give_back(&mark->of.taken);
    if (!expired)
        return false;
    lock_to_write(cache);
    llmc_cache_entry **link = find_link(cache, hash);
    if (*link && (*link)->expires_ns <= now_ns) {
        unlink_entry(cache, link, &dropped);
        cache->expirations++;
    }
    unlock_writer(cache);
    release_list(dropped);
    return false;
}

static llmc_cache_entry *reference(llmc_cache_entry *entry)
{
    atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    return entry;
}

/* Two keys of one hash, which nobody will see. */
__attribute__((cold, noinline)) static void correct_count(llmc_memory_cache *cache)
{
    reader_mark *mark = lock_to_read(cache);
    mark->of.hits--;
    mark->of.misses++;
    llmc_mark_give_back(&mark->of.taken);
}

bool llmc_memory_cache_get(llmc_memory_cache *cache, llmc_cache_hash hash, const void *key, size_t key_bytes, int64_t now_ns, llmc_cache_hit *out)
{
    reader_mark *mark = lock_to_read(cache);
    llmc_cache_entry *entry = *find_link(cache, hash);
    if (!entry || entry->expires_ns <= now_ns)
        return missed(cache, mark, hash, entry != NULL, now_ns);
    reference(entry);
    atomic_store_explicit(&entry->used_ns, now_ns, memory_order_relaxed);
    mark->of.hits++;
    llmc_mark_give_back(&mark->of.taken);
    bool found = has_key(entry, key, key_bytes);
    if (found) {
        cache->values.retain(entry->value);
        *out = (llmc_cache_hit){ entry->value, entry->stored_wall_ms };
    } else {
        correct_count(cache);
    }
    llmc_cache_entry_release(entry);
    return found;
}

bool llmc_memory_cache_has(llmc_memory_cache *cache, llmc_cache_hash hash, const void *key, size_t key_bytes, int64_t now_ns)
{
    reader_mark *mark = lock_to_read(cache);
    llmc_cache_entry *entry = *find_link(cache, hash);
    bool alive = entry && entry->expires_ns > now_ns;
    if (alive)
        reference(entry);
    llmc_mark_give_back(&mark->of.taken);
    if (!alive)
        return false;
    bool found = has_key(entry, key, key_bytes);
    llmc_cache_entry_release(entry);
    return found;
}

llmc_cache_entry *llmc_memory_cache_entry_new(llmc_memory_cache *cache, size_t key_bytes)
{
    llmc_cache_entry *entry = key_bytes < SIZE_MAX - sizeof *entry ? llmc_alloc(&cache->allocator, sizeof *entry + key_bytes) : NULL;
    if (!entry)
        return NULL;
    *entry = (llmc_cache_entry){ .key_bytes = key_bytes, .allocator = cache->allocator };
    atomic_init(&entry->references, 1);
    atomic_init(&entry->used_ns, NOT_USED);
    return entry;
}

char *llmc_cache_entry_key(llmc_cache_entry *entry)
{
    return entry->key;
}

static bool fits(const llmc_memory_cache *cache, size_t key_bytes, size_t value_bytes)
{
    return key_bytes <= cache->largest_entry && value_bytes <= cache->largest_entry &&
           sizeof(llmc_cache_entry) + key_bytes + value_bytes <= cache->largest_entry;
}

static void link_entry(llmc_memory_cache *cache, llmc_cache_entry *entry)
{
    llmc_cache_entry **bucket = &cache->buckets[entry->hash.low & (cache->bucket_count - 1)];
    entry->chain = *bucket;
    *bucket = entry;
    list_place(cache, entry);
    cache->entry_count++;
    cache->bytes += entry->charge;
    cache->stores++;
}

/* A value that cannot be stored leaves the old one under its key in place: it is still true until it expires. */
bool llmc_memory_cache_put_entry(llmc_memory_cache *cache, llmc_cache_hash hash, llmc_cache_entry *entry, void *value, size_t value_bytes, int64_t expires_ns,
                                 int64_t stored_wall_ms, int64_t now_ns)
{
    llmc_cache_entry *dropped = NULL;
    if (!entry || expires_ns <= now_ns || !fits(cache, entry->key_bytes, value_bytes)) {
        cache->values.release(value);
        llmc_cache_entry_release(entry);
        return false;
    }
    entry->release_value = cache->values.release;
    entry->charge = sizeof *entry + entry->key_bytes + value_bytes;
    entry->hash = hash;
    entry->value = value;
    entry->expires_ns = expires_ns;
    entry->stored_wall_ms = stored_wall_ms;
    entry->placed_ns = now_ns;

    lock_to_write(cache);
    llmc_cache_entry **link = find_link(cache, hash);
    if (*link)
        unlink_entry(cache, link, &dropped);
    make_room(cache, entry->charge, 1, now_ns, &dropped);
    link_entry(cache, entry);
    size_t bucket_count = cache->bucket_count;
    bool crowded = cache->entry_count > bucket_count;
    unlock_writer(cache);

    if (crowded)
        grow_table(cache, bucket_count, now_ns, &dropped);
    release_list(dropped);
    return true;
}

bool llmc_memory_cache_put(llmc_memory_cache *cache, llmc_cache_hash hash, const void *key, size_t key_bytes, void *value, size_t value_bytes,
                           int64_t expires_ns, int64_t stored_wall_ms, int64_t now_ns)
{
    llmc_cache_entry *entry = expires_ns > now_ns && fits(cache, key_bytes, value_bytes) ? llmc_memory_cache_entry_new(cache, key_bytes) : NULL;
    if (entry && key_bytes)
        memcpy(entry->key, key, key_bytes);
    return llmc_memory_cache_put_entry(cache, hash, entry, value, value_bytes, expires_ns, stored_wall_ms, now_ns);
}

__attribute__((cold)) void llmc_memory_cache_remove(llmc_memory_cache *cache, llmc_cache_hash hash, const void *key, size_t key_bytes)
{
    llmc_cache_entry *dropped = NULL;
    reader_mark *mark = lock_to_read(cache);
    llmc_cache_entry *entry = *find_link(cache, hash);
    if (entry)
        reference(entry);
    llmc_mark_give_back(&mark->of.taken);
    if (!entry)
        return;
    if (has_key(entry, key, key_bytes)) {
        lock_to_write(cache);
        llmc_cache_entry **link = find_link(cache, hash);
        if (*link == entry) /* still */
            unlink_entry(cache, link, &dropped);
        unlock_writer(cache);
    }
    llmc_cache_entry_release(entry);
    release_list(dropped);
}

__attribute__((cold)) void llmc_memory_cache_clear(llmc_memory_cache *cache)
{
    lock_to_write(cache);
    llmc_cache_entry *dropped = cache->newest, **table = table_bytes(cache) ? cache->buckets : NULL;
    for (llmc_cache_entry *entry = dropped; entry; entry = entry->older)
        entry->chain = entry->older;
    init_table(cache);
    unlock_writer(cache);
    llmc_free(&cache->allocator, table);
    release_list(dropped);
}

void llmc_memory_cache_free(llmc_memory_cache *cache)
{
    if (!cache)
        return;
    llmc_memory_cache_clear(cache);
    pthread_mutex_destroy(&cache->mutex);
    llmc_allocator allocator = cache->allocator;
    llmc_free(&allocator, cache);
}

__attribute__((cold)) void llmc_memory_cache_stats_read(llmc_memory_cache *cache, llmc_memory_cache_stats *out)
{
    lock_to_write(cache);
    *out = (llmc_memory_cache_stats){ .stores = cache->stores, .evictions = cache->evictions, .expirations = cache->expirations,
                                      .entries = cache->entry_count, .bytes = cache->bytes };
    for (size_t i = 0; i < MARKS; i++) {
        out->hits += cache->marks[i].of.hits;
        out->misses += cache->marks[i].of.misses;
    }
    unlock_writer(cache);
}

void llmc_cache_entry_release(llmc_cache_entry *entry)
{
    if (!entry || atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) != 1)
        return;
    llmc_allocator allocator = entry->allocator;
    if (entry->release_value)
        entry->release_value(entry->value);
    llmc_free(&allocator, entry);
}
