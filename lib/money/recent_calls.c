/*
 * recent_calls.c: a ring of calls, with a table of chains over it that finds one by its number. Nothing is allocated
 * after it was made. Under one lock, held for some dozens of instructions.
 */
#include "money/recent_calls.h"

#include <pthread.h>
#include <string.h>

struct llmc_recent_calls {
    llmc_allocator allocator;
    pthread_mutex_t lock;
    size_t capacity, oldest, bucket_mask;
    llmc_recent_call *calls;
    uint32_t *buckets; /* place and one of the first of a chain; 0: empty */
};

llmc_recent_calls *llmc_recent_calls_new(const llmc_allocator *allocator, size_t capacity)
{
    llmc_recent_calls *recent = llmc_calloc(allocator, 1, sizeof *recent);
    size_t buckets = 1;
    while (buckets < capacity)
        buckets *= 2;
    if (!recent)
        return NULL;
    recent->allocator = *allocator;
    recent->capacity = capacity;
    recent->bucket_mask = buckets - 1;
    recent->calls = llmc_calloc(allocator, capacity, sizeof *recent->calls);
    recent->buckets = llmc_calloc(allocator, buckets, sizeof *recent->buckets);
    pthread_mutex_init(&recent->lock, NULL);
    if (recent->calls && recent->buckets)
        return recent;
    llmc_recent_calls_free(recent);
    return NULL;
}

void llmc_recent_calls_free(llmc_recent_calls *recent)
{
    if (!recent)
        return;
    pthread_mutex_destroy(&recent->lock);
    llmc_free(&recent->allocator, recent->calls);
    llmc_free(&recent->allocator, recent->buckets);
    llmc_allocator allocator = recent->allocator;
    llmc_free(&allocator, recent);
}

/* Receipts' numbers are random already. */
static uint32_t *bucket_of(llmc_recent_calls *recent, uint64_t id)
{
    return &recent->buckets[id & recent->bucket_mask];
}

static void forget(llmc_recent_calls *recent, const llmc_recent_call *call)
{
    uint32_t place = (uint32_t)(call - recent->calls) + 1, *link = bucket_of(recent, call->id);
    while (*link != place)
        link = &recent->calls[*link - 1].next;
    *link = call->next;
}

void llmc_recent_calls_add(llmc_recent_calls *recent, uint64_t id, const uint32_t *sides, size_t side_count)
{
    pthread_mutex_lock(&recent->lock);
    llmc_recent_call *call = &recent->calls[recent->oldest];
    if (call->used)
        forget(recent, call);
    uint32_t *bucket = bucket_of(recent, id);
    *call = (llmc_recent_call){ .id = id, .next = *bucket, .side_count = (uint16_t)side_count, .used = true };
    memcpy(call->sides, sides, side_count * sizeof *sides);
    *bucket = (uint32_t)recent->oldest + 1;
    recent->oldest = (recent->oldest + 1) % recent->capacity;
    pthread_mutex_unlock(&recent->lock);
}

bool llmc_recent_calls_score(llmc_recent_calls *recent, uint64_t id, int64_t score, llmc_recent_call *before)
{
    pthread_mutex_lock(&recent->lock);
    uint32_t place = *bucket_of(recent, id);
    while (place && recent->calls[place - 1].id != id)
        place = recent->calls[place - 1].next;
    if (place) {
        llmc_recent_call *call = &recent->calls[place - 1];
        *before = *call;
        call->score = score;
        call->scored = true;
    }
    pthread_mutex_unlock(&recent->lock);
    return place != 0;
}
