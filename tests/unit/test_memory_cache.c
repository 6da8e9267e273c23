/* The memory tier of the answer cache. */
#include "store/memory_cache.h"

#include "../support/counting_memory.h"
#include "../support/fail_for_good.h"
#include "../support/rounds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <xxhash.h>

static const int64_t FOREVER = INT64_MAX;
static int released; /* values given back */

static void release_value(void *value)
{
    if (value)
        ++*(int *)value;
    released++;
}

static void retain_value(void *value)
{
    if (value)
        --*(int *)value;
    released--;
}

static const llmc_cache_values counted = { retain_value, release_value };

static llmc_memory_cache *open_cache(counting_memory *memory, size_t max_bytes, size_t max_entries)
{
    llmc_memory_cache *cache = NULL;
    counting_memory_init(memory);
    released = 0;
    assert_int_equal(llmc_memory_cache_new(&cache, &memory->allocator, &(llmc_memory_cache_limits){ max_bytes, max_entries }, 42, &counted), LLMCOST_OK);
    return cache;
}

static bool put(llmc_memory_cache *cache, const char *key, void *value, size_t bytes, int64_t expires, int64_t now)
{
    return llmc_memory_cache_put(cache, llmc_memory_cache_hash(cache, key, strlen(key)), key, strlen(key), value, bytes, expires, 1234, now);
}

static bool get(llmc_memory_cache *cache, const char *key, int64_t now, llmc_cache_hit *hit)
{
    return llmc_memory_cache_get(cache, llmc_memory_cache_hash(cache, key, strlen(key)), key, strlen(key), now, hit);
}

static bool has(llmc_memory_cache *cache, const char *key, int64_t now)
{
    llmc_cache_hit hit;
    bool found = get(cache, key, now, &hit);
    if (found)
        release_value(hit.value);
    return found;
}

static llmc_memory_cache_stats stats(llmc_memory_cache *cache)
{
    llmc_memory_cache_stats read;
    llmc_memory_cache_stats_read(cache, &read);
    return read;
}

static void close_cache(llmc_memory_cache *cache, counting_memory *memory)
{
    llmc_memory_cache_free(cache);
    assert_int_equal(memory->blocks, 0);
    assert_int_equal(memory->bytes, 0);
}

static void hash_is_xxh3_128_with_the_seed(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_memory_cache *cache = open_cache(&memory, 1 << 20, 0);
    char text[3000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 31 + i / 7);
    for (size_t bytes = 0; bytes <= sizeof text; bytes += bytes < 300 ? 1 : 97) {
        XXH128_hash_t expected = XXH3_128bits_withSeed(text, bytes, 42);
        llmc_cache_hash hash = llmc_memory_cache_hash(cache, text, bytes);
        assert_true(hash.low == expected.low64 && hash.high == expected.high64);
    }
    close_cache(cache, &memory);
}

static void stores_finds_replaces_and_removes(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_memory_cache *cache = open_cache(&memory, 1 << 20, 0);
    int first = 0, second = 0;
    llmc_cache_hit hit, later;
    assert_false(get(cache, "question", 0, &hit));
    assert_true(put(cache, "question", &first, 100, FOREVER, 0));
    assert_true(get(cache, "question", 5, &hit));
    assert_ptr_equal(hit.value, &first);
    assert_int_equal(hit.stored_wall_ms, 1234);
    assert_false(has(cache, "questions", 5));

    assert_true(put(cache, "question", &second, 100, FOREVER, 0));
    assert_int_equal(first, 0); /* still referenced */
    assert_int_equal(second, 0);
    release_value(hit.value);
    assert_int_equal(first, 1);
    assert_true(get(cache, "question", 5, &later));
    assert_ptr_equal(later.value, &second);
    release_value(later.value);
    assert_int_equal(second, 0);
    assert_int_equal(stats(cache).entries, 1);

    llmc_memory_cache_remove(cache, llmc_memory_cache_hash(cache, "question", 8), "question", 8);
    assert_int_equal(second, 1);
    llmc_memory_cache_remove(cache, llmc_memory_cache_hash(cache, "question", 8), "question", 8);
    assert_false(has(cache, "question", 5));
    llmc_memory_cache_stats now = stats(cache);
    assert_int_equal(now.hits, 2);
    assert_int_equal(now.misses, 3);
    assert_int_equal(now.stores, 2);
    assert_int_equal(now.evictions, 0);
    assert_int_equal(now.entries, 0);
    assert_int_equal(now.bytes, 0);
    close_cache(cache, &memory);
    assert_int_equal(released, 2);
}

static void an_empty_key_is_a_key(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_memory_cache *cache = open_cache(&memory, 1 << 20, 0);
    llmc_cache_hash hash = llmc_memory_cache_hash(cache, NULL, 0);
    assert_true(llmc_memory_cache_put(cache, hash, NULL, 0, NULL, 0, FOREVER, 0, 0));
    llmc_cache_hit hit;
    assert_true(llmc_memory_cache_get(cache, hash, NULL, 0, 0, &hit));
    release_value(hit.value);
    llmc_memory_cache_remove(cache, hash, NULL, 0);
    assert_int_equal(stats(cache).entries, 0);
    close_cache(cache, &memory);
}

static void collide(size_t key_bytes)
{
    counting_memory memory;
    llmc_memory_cache *cache = open_cache(&memory, 1 << 20, 0);
    llmc_cache_hash same = { 7, 7 };
    llmc_cache_hit hit;
    int first = 0, second = 0;
    static char one[10001], two[10001];
    memset(one, 'x', sizeof one);
    memset(two, 'x', sizeof two);
    two[key_bytes - 1] = 'y';
    assert_true(llmc_memory_cache_put(cache, same, one, key_bytes, &first, 1, FOREVER, 0, 0));
    assert_false(llmc_memory_cache_get(cache, same, two, key_bytes, 0, &hit));
    assert_false(llmc_memory_cache_get(cache, same, one, key_bytes + 1, 0, &hit));
    assert_false(llmc_memory_cache_has(cache, same, two, key_bytes, 0));
    assert_true(llmc_memory_cache_has(cache, same, one, key_bytes, 0));
    llmc_memory_cache_remove(cache, same, two, key_bytes);
    assert_int_equal(stats(cache).entries, 1);
    assert_int_equal(stats(cache).hits, 0);
    assert_int_equal(stats(cache).misses, 2);
    assert_true(llmc_memory_cache_put(cache, same, two, key_bytes, &second, 1, FOREVER, 0, 0));
    assert_int_equal(first, 1);
    assert_false(llmc_memory_cache_get(cache, same, one, key_bytes, 0, &hit));
    assert_true(llmc_memory_cache_get(cache, same, two, key_bytes, 0, &hit));
    assert_ptr_equal(hit.value, &second);
    assert_int_equal(stats(cache).entries, 1);
    assert_int_equal(stats(cache).hits, 1);
    assert_int_equal(stats(cache).misses, 3);
    close_cache(cache, &memory);
    assert_int_equal(second, 0); /* ours */
    release_value(hit.value);
    assert_int_equal(second, 1);
}

static void a_collision_is_a_miss_and_a_put_replaces(void **state)
{
    (void)state;
    static const size_t lengths[] = { 1, 3, 64, 4095, 4096, 4097, 10000 };
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        collide(lengths[i]);
}

static void an_entry_lives_until_its_instant(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_memory_cache *cache = open_cache(&memory, 1 << 20, 0);
    int value = 0, late = 0;
    assert_true(put(cache, "a", &value, 10, 1000, 0));
    assert_true(has(cache, "a", 999));
    assert_int_equal(value, 0);
    assert_false(has(cache, "a", 1000));
    assert_int_equal(value, 1);
    assert_int_equal(stats(cache).expirations, 1);
    assert_int_equal(stats(cache).entries, 0);
    assert_int_equal(stats(cache).bytes, 0);
    assert_false(put(cache, "b", &late, 10, 1000, 1000)); /* over before it began */
    assert_int_equal(late, 1);
    assert_int_equal(stats(cache).stores, 1);
    close_cache(cache, &memory);
}

/* What only asks whether it is there sees the same instant, and an entry that was made beforehand is no exception. */
static void the_instant_itself_is_too_late(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_memory_cache *cache = open_cache(&memory, 1 << 20, 10);
    llmc_cache_hash hash = llmc_memory_cache_hash(cache, "k", 1);
    int released_early = 0, value = 0;
    for (int64_t end = 100; end <= 101; end++) {
        llmc_cache_entry *entry = llmc_memory_cache_entry_new(cache, 1);
        llmc_cache_entry_key(entry)[0] = 'k';
        assert_int_equal(llmc_memory_cache_put_entry(cache, hash, entry, end > 100 ? &value : &released_early, 1, end, 1234, 100), end > 100);
    }
    assert_int_equal(released_early, 1);
    assert_true(llmc_memory_cache_has(cache, hash, "k", 1, 100));
    assert_false(llmc_memory_cache_has(cache, hash, "k", 1, 101));
    close_cache(cache, &memory);
}

static void the_least_recently_used_goes_first(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_memory_cache *cache = open_cache(&memory, 1 << 20, 3);
    assert_true(put(cache, "a", NULL, 1, FOREVER, 0));
    assert_true(put(cache, "b", NULL, 1, FOREVER, 0));
    assert_true(put(cache, "c", NULL, 1, FOREVER, 0));
    assert_true(has(cache, "a", 0));
    assert_true(put(cache, "d", NULL, 1, FOREVER, 0));
    assert_true(has(cache, "a", 0) && has(cache, "c", 0) && has(cache, "d", 0));
    assert_false(has(cache, "b", 0));
    assert_true(put(cache, "a", NULL, 1, FOREVER, 0)); /* a replacement evicts nothing */
    assert_int_equal(stats(cache).evictions, 1);
    assert_int_equal(stats(cache).entries, 3);
    close_cache(cache, &memory);
}

static void expired_entries_go_before_live_ones(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_memory_cache *cache = open_cache(&memory, 1 << 20, 3);
    assert_true(put(cache, "old but live", NULL, 1, FOREVER, 0));
    assert_true(put(cache, "expired", NULL, 1, 10, 0));
    assert_true(put(cache, "new", NULL, 1, FOREVER, 0));
    assert_true(put(cache, "newest", NULL, 1, FOREVER, 20));
    assert_true(has(cache, "old but live", 20));
    assert_int_equal(stats(cache).expirations, 1);
    assert_int_equal(stats(cache).evictions, 0);
    close_cache(cache, &memory);
}

/* A large cache looks closely only now and then: what is in use stays all the same, what has expired goes soon. */
static void in_a_large_cache_too(void **state)
{
    (void)state;
    enum { ENTRIES = 500, IN_USE = 40, DEAD = 10 };
    counting_memory memory;
    llmc_memory_cache *cache = open_cache(&memory, 8 << 20, ENTRIES);
    char key[16];
    int64_t now = 1;
    for (int i = 0; i < IN_USE; i++) {
        snprintf(key, sizeof key, "used %d", i);
        assert_true(put(cache, key, NULL, 1, FOREVER, now++));
    }
    for (int i = 0; i < DEAD; i++) {
        snprintf(key, sizeof key, "dead %d", i);
        assert_true(put(cache, key, NULL, 1, 100, now++));
    }
    for (int i = 0; i < 20 * ENTRIES; i++, now++) {
        snprintf(key, sizeof key, "new %d", i);
        assert_true(put(cache, key, NULL, 1, FOREVER, now));
        snprintf(key, sizeof key, "used %d", i % IN_USE);
        assert_true(has(cache, key, now));
    }
    assert_int_equal(stats(cache).entries, ENTRIES);
    assert_int_equal(stats(cache).expirations, DEAD);
    assert_int_equal(stats(cache).evictions, IN_USE + DEAD + 20 * ENTRIES - ENTRIES - DEAD);
    close_cache(cache, &memory);
}

static void a_limit_of_one_keeps_the_newest(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_memory_cache *cache = open_cache(&memory, 1 << 20, 1);
    for (int i = 0; i < 10; i++) {
        char key[8];
        snprintf(key, sizeof key, "%d", i);
        assert_true(put(cache, key, NULL, 1, FOREVER, 0));
        assert_true(has(cache, key, 0));
        assert_int_equal(stats(cache).entries, 1);
    }
    assert_int_equal(stats(cache).evictions, 9);
    close_cache(cache, &memory);
}

/* Keys, values, entries and tables count, and never exceed the limit; what counts is what the allocator gave. */
static void bytes_stay_within_the_limit(void **state)
{
    (void)state;
    static const struct { size_t max_bytes, max_entries, puts, value_bytes; } cases[] = {
        { 20000, 0, 500, 50 }, { 300000, 0, 5000, 0 }, { 8 << 20, 0, 30000, 700 }, { 64 << 20, 5000, 20000, 100 }, { 64 << 20, 100, 2000, 100 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        counting_memory memory;
        llmc_memory_cache *cache = open_cache(&memory, cases[i].max_bytes, cases[i].max_entries);
        long empty = memory.bytes;
        for (size_t j = 0; j < cases[i].puts; j++) {
            char key[40];
            snprintf(key, sizeof key, "key number %zu", j);
            assert_true(put(cache, key, NULL, cases[i].value_bytes, FOREVER, 0));
            llmc_memory_cache_stats now = stats(cache);
            assert_true(now.bytes <= cases[i].max_bytes);
            assert_true(!cases[i].max_entries || now.entries <= cases[i].max_entries);
            assert_int_equal(now.bytes, (uint64_t)(memory.bytes - empty) + now.entries * cases[i].value_bytes);
        }
        llmc_memory_cache_stats now = stats(cache);
        assert_int_equal(now.stores, cases[i].puts);
        assert_int_equal(now.stores, now.entries + now.evictions);
        if (cases[i].max_entries)
            assert_int_equal(now.entries, cases[i].max_entries); /* the whole limit can be used */
        else
            assert_true(now.bytes > cases[i].max_bytes - cases[i].max_bytes / 8);
        llmc_memory_cache_clear(cache);
        assert_int_equal(memory.bytes, empty);
        assert_int_equal(stats(cache).bytes, 0);
        assert_int_equal(stats(cache).entries, 0);
        close_cache(cache, &memory);
    }
}

static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_memory_cache *cache = open_cache(&memory, 10000, 0);
    int value = 0, old = 0;
    assert_true(put(cache, "k", &old, 100, FOREVER, 0));
    assert_false(put(cache, "k", &value, 10000, FOREVER, 0));
    assert_false(put(cache, "k", &value, SIZE_MAX, FOREVER, 0));
    assert_false(llmc_memory_cache_put(cache, (llmc_cache_hash){ 1, 1 }, "k", SIZE_MAX / 2, &value, SIZE_MAX / 2 + 2, FOREVER, 0, 0));
    assert_int_equal(value, 3);
    assert_int_equal(old, 0);
    assert_true(has(cache, "k", 0)); /* the old answer is still there */
    close_cache(cache, &memory);

    cache = open_cache(&memory, 0, 0);
    assert_false(put(cache, "k", &value, 0, FOREVER, 0));
    assert_int_equal(stats(cache).entries, 0);
    close_cache(cache, &memory);
}

static void one_entry_takes_half_of_the_cache_at_most(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_memory_cache *cache = open_cache(&memory, 32 << 20, 0);
    assert_true(put(cache, "small", NULL, 1, FOREVER, 0));
    assert_false(put(cache, "huge", NULL, 16 << 20, FOREVER, 0));
    assert_true(put(cache, "large", NULL, 15 << 20, FOREVER, 0));
    assert_true(has(cache, "large", 0));
    assert_true(has(cache, "small", 0));
    close_cache(cache, &memory);
}

static void a_large_entry_makes_room_for_itself(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_memory_cache *cache = open_cache(&memory, 100000, 0);
    int values[200] = { 0 }, gone = 0;
    for (int i = 0; i < 200; i++) {
        char key[8];
        snprintf(key, sizeof key, "%d", i);
        assert_true(put(cache, key, &values[i], 200, FOREVER, i));
    }
    assert_int_equal(stats(cache).evictions, 0);
    assert_true(put(cache, "large", NULL, 49000, FOREVER, 200));
    for (int i = 0; i < 200; i++)
        gone += values[i];
    assert_true(gone > 0 && gone < 199);
    for (int i = 0; i < 200; i++)
        assert_int_equal(values[i], i < gone); /* the oldest, and no more than needed */
    assert_int_equal(stats(cache).evictions, gone);
    assert_true(stats(cache).bytes <= 100000 && stats(cache).bytes > 100000 - 1000);
    close_cache(cache, &memory);
}

/* In a large cache the order is kept in part; what is used all the time stays. */
static void what_is_used_stays_in_a_large_cache(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_memory_cache *cache = open_cache(&memory, 64 << 20, 1000);
    int64_t now = 0;
    for (int i = 0; i < 20000; i++) {
        char key[16];
        snprintf(key, sizeof key, "once %d", i);
        assert_true(put(cache, key, NULL, 10, FOREVER, now++));
        snprintf(key, sizeof key, "often %d", i % 300);
        if (i < 300)
            assert_true(put(cache, key, NULL, 10, FOREVER, now++));
        else
            assert_true(has(cache, key, now++));
    }
    assert_int_equal(stats(cache).entries, 1000);
    assert_int_equal(stats(cache).misses, 0);
    close_cache(cache, &memory);
}

static void values_outlive_the_cache(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_memory_cache *cache = open_cache(&memory, 1 << 20, 0);
    int value = 0;
    assert_true(put(cache, "a", &value, 10, FOREVER, 0));
    llmc_cache_hit hit;
    assert_true(get(cache, "a", 0, &hit));
    llmc_memory_cache_free(cache);
    assert_int_equal(value, 0);
    assert_ptr_equal(hit.value, &value);
    assert_int_equal(memory.blocks, 0);
    release_value(hit.value);
    assert_int_equal(value, 1);
    llmc_memory_cache_free(NULL);
    llmc_cache_entry_release(NULL);
}

static void without_memory_nothing_is_lost(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_memory_cache *cache = NULL;
    counting_memory_init(&memory);
    memory.fail_at = 1;
    llmc_memory_cache_limits limits = { 1 << 20, 0 };
    assert_int_equal(llmc_memory_cache_new(&cache, &memory.allocator, &limits, 1, &counted), LLMCOST_E_MEMORY);
    assert_null(cache);

    /* Each allocation fails once: an entry's refuses that put, a table's leaves the chains longer; all else is found. */
    for (long n = 2;; n++) {
        bool stored[60];
        cache = open_cache(&memory, 1 << 20, 0);
        memory.fail_at = n;
        int refused = 0;
        for (int i = 0; i < 60; i++) {
            char key[8];
            snprintf(key, sizeof key, "%d", i);
            stored[i] = put(cache, key, NULL, 10, FOREVER, 0);
            refused += !stored[i];
        }
        assert_true(refused <= 1 || test_allocation_fails(n + 1, n));
        for (int i = 0; i < 60; i++) {
            char key[8];
            snprintf(key, sizeof key, "%d", i);
            assert_int_equal(has(cache, key, 0), stored[i]);
        }
        int failed = memory.failed;
        assert_int_equal(released, refused);
        close_cache(cache, &memory);
        if (!failed)
            break;
    }
}

static void a_table_that_cannot_grow_still_takes_entries(void **state)
{
    (void)state;
    counting_memory memory;
    llmc_memory_cache *cache = open_cache(&memory, 1 << 20, 0);
    llmc_memory_cache *tight = NULL;
    /* An eighth of the limit is less than the first table to allocate: chains only. */
    assert_int_equal(llmc_memory_cache_new(&tight, &memory.allocator, &(llmc_memory_cache_limits){ 2000, 0 }, 1, &counted), LLMCOST_OK);
    for (int i = 0; i < 100; i++) {
        char key[8];
        snprintf(key, sizeof key, "%d", i);
        assert_true(put(tight, key, NULL, 0, FOREVER, 0));
        assert_true(has(tight, key, 0));
        assert_true(stats(tight).bytes <= 2000);
    }
    llmc_memory_cache_free(tight);
    close_cache(cache, &memory);
}

/* Random operations against a naive model: an array in order of use, small enough for that order to be exact. */
static void agrees_with_a_naive_model(void **state)
{
    (void)state;
    enum { KEYS = 40, LIMIT = 16 };
    int steps = test_rounds(20000);
    counting_memory memory;
    llmc_memory_cache *cache = open_cache(&memory, 1 << 20, LIMIT);
    int order[LIMIT], count = 0, value[KEYS] = { 0 };
    int64_t expires[KEYS] = { 0 }, now = 0;
    uint64_t random = 88172645463325252u;
    for (int step = 0; step < steps; step++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        int key = (int)(random % KEYS), at = 0;
        char text[8];
        snprintf(text, sizeof text, "%d", key);
        while (at < count && order[at] != key)
            at++;
        bool there = at < count;
        if (there) {
            memmove(order + at, order + at + 1, (size_t)(--count - at) * sizeof *order);
        }
        switch (random >> 20 & 3) {
        case 0:
            if (!there && count == LIMIT) {
                int victim = 0; /* the oldest expired one, else the oldest */
                while (victim < count && expires[order[victim]] > now)
                    victim++;
                victim = victim == count ? 0 : victim;
                memmove(order + victim, order + victim + 1, (size_t)(--count - victim) * sizeof *order);
            }
            expires[key] = now + 1 + (int64_t)(random >> 30 & 127);
            assert_true(put(cache, text, &value[key], 5, expires[key], now));
            order[count++] = key;
            break;
        case 1:
            llmc_memory_cache_remove(cache, llmc_memory_cache_hash(cache, text, strlen(text)), text, strlen(text));
            break;
        default: {
            llmc_cache_hit hit;
            bool found = get(cache, text, now, &hit);
            assert_int_equal(found, there && expires[key] > now);
            if (found) {
                assert_ptr_equal(hit.value, &value[key]);
                order[count++] = key;
                release_value(hit.value);
            }
            now++;
        }
        }
        assert_int_equal(stats(cache).entries, count);
    }
    assert_true(stats(cache).evictions > 100 && stats(cache).expirations > 100 && stats(cache).hits > 1000);
    close_cache(cache, &memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_is_xxh3_128_with_the_seed),
        cmocka_unit_test(stores_finds_replaces_and_removes),
        cmocka_unit_test(an_empty_key_is_a_key),
        cmocka_unit_test(a_collision_is_a_miss_and_a_put_replaces),
        cmocka_unit_test(an_entry_lives_until_its_instant),
        cmocka_unit_test(the_instant_itself_is_too_late),
        cmocka_unit_test(the_least_recently_used_goes_first),
        cmocka_unit_test(expired_entries_go_before_live_ones),
        cmocka_unit_test(in_a_large_cache_too),
        cmocka_unit_test(a_limit_of_one_keeps_the_newest),
        cmocka_unit_test(bytes_stay_within_the_limit),
        cmocka_unit_test(what_is_too_large_is_refused),
        cmocka_unit_test(one_entry_takes_half_of_the_cache_at_most),
        cmocka_unit_test(a_large_entry_makes_room_for_itself),
        cmocka_unit_test(what_is_used_stays_in_a_large_cache),
        cmocka_unit_test(values_outlive_the_cache),
        cmocka_unit_test(without_memory_nothing_is_lost),
        cmocka_unit_test(a_table_that_cannot_grow_still_takes_entries),
        cmocka_unit_test(agrees_with_a_naive_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
