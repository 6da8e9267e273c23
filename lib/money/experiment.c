/*
 * experiment.c: counting what came of the sides of splits.
 *
 * Sums are sharded by thread as the running totals are; they are whole numbers, so that a score can be replaced and
 * the order of calls means nothing. Latencies are counted in buckets, sixteen to a doubling, without a lock.
 *
 * What the figures mean: a call counts with all that it cost, from its first leg to its last, for each side that it
 * went to. It counts once it is complete, and only where the side was really asked: one further down a fallback whose
 * first step answered was not.
 *
 * Left out on purpose: that the calls of one user are like each other. The intervals take calls as independent.
 */
#include "money/experiment_sums.h"

#include "base/thread.h"

#include <stdatomic.h>

enum { SHARDS = 16, CACHE_LINE = 64 };
/* From a microsecond to a day and a half; what is shorter or longer counts in the first and the last bucket. */
enum { SUB_BITS = 4, FIRST_OCTAVE = 10, LAST_OCTAVE = 46, BUCKETS = (LAST_OCTAVE - FIRST_OCTAVE + 1) << SUB_BITS };
static const double MILLIONTHS = 1e6, HIGHEST_SCORE = 1e9;

typedef struct side_latencies {
    atomic_uint_fast64_t whole[BUCKETS], first_byte[BUCKETS];
} side_latencies;

typedef struct experiment_shard {
    pthread_mutex_t lock;
    llmc_side_sums *sums; /* one per side */
} experiment_shard;

typedef union padded_experiment_shard {
    experiment_shard shard;
    char padding[(sizeof(experiment_shard) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE];
} padded_experiment_shard;

struct llmc_experiments {
    llmc_allocator allocator;
    llmc_experiment_settings settings;
    side_latencies *latencies;  /* one per side */
    llmc_recent_calls *recent;  /* NULL: none take a score */
    padded_experiment_shard shards[SHARDS];
};

/* ---- making and freeing ---- */

static bool make_parts(llmc_experiments *experiments)
{
    const llmc_allocator *allocator = &experiments->allocator;
    const llmc_experiment_settings *settings = &experiments->settings;
    for (size_t i = 0; i < SHARDS; i++) {
        if (!(experiments->shards[i].shard.sums = llmc_calloc(allocator, settings->side_count, sizeof(llmc_side_sums))))
            return false;
    }
    if (!(experiments->latencies = llmc_calloc(allocator, settings->side_count, sizeof *experiments->latencies)))
        return false;
    return !settings->feedback_calls || (experiments->recent = llmc_recent_calls_new(allocator, settings->feedback_calls));
}

llmcost_status llmc_experiments_new(llmc_experiments **out, const llmc_allocator *allocator, const llmc_experiment_settings *settings)
{
    *out = NULL;
    llmc_experiments *experiments = llmc_calloc(allocator, 1, sizeof *experiments);
    if (!experiments)
        return LLMCOST_E_MEMORY;
    experiments->allocator = *allocator;
    experiments->settings = *settings;
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&experiments->shards[i].shard.lock, NULL);
    if (!make_parts(experiments)) {
        llmc_experiments_free(experiments);
        return LLMCOST_E_MEMORY;
    }
    *out = experiments;
    return LLMCOST_OK;
}

void llmc_experiments_free(llmc_experiments *experiments)
{
    if (!experiments)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_destroy(&experiments->shards[i].shard.lock);
        llmc_free(&experiments->allocator, experiments->shards[i].shard.sums);
    }
    llmc_free(&experiments->allocator, experiments->latencies);
    llmc_recent_calls_free(experiments->recent);
    llmc_allocator allocator = experiments->allocator;
    llmc_free(&allocator, experiments);
}

const llmc_experiment_settings *llmc_experiments_settings(const llmc_experiments *experiments)
{
    return &experiments->settings;
}

/* ---- latencies ---- */

static size_t bucket_of(int64_t ns)
{
    if (ns < INT64_C(1) << FIRST_OCTAVE)
        return 0;
    int octave = 63 - __builtin_clzll((uint64_t)ns);
    if (octave > LAST_OCTAVE)
        return BUCKETS - 1;
    size_t sub = (size_t)(ns >> (octave - SUB_BITS)) & ((1u << SUB_BITS) - 1);
    return ((size_t)(octave - FIRST_OCTAVE) << SUB_BITS) + sub;
}

static int64_t middle_of_bucket(size_t bucket)
{
    int octave = FIRST_OCTAVE + (int)(bucket >> SUB_BITS);
    int64_t width = INT64_C(1) << (octave - SUB_BITS), sub = (int64_t)(bucket & ((1u << SUB_BITS) - 1));
    return (INT64_C(1) << octave) + sub * width + width / 2;
}

static void count_latency(atomic_uint_fast64_t *buckets, int64_t ns)
{
    atomic_fetch_add_explicit(&buckets[bucket_of(ns)], 1, memory_order_relaxed);
}

/* The least bucket that this share of all is not above. */
static int64_t percentile(const uint64_t *counts, uint64_t count, uint64_t percent)
{
    uint64_t rank = (uint64_t)(((unsigned __int128)count * percent + 99) / 100), seen = 0;
    size_t at = 0;
    while (at < BUCKETS - 1 && (seen += counts[at]) < rank)
        at++;
    return middle_of_bucket(at);
}

static llmc_percentiles read_percentiles(atomic_uint_fast64_t *buckets)
{
    uint64_t counts[BUCKETS], count = 0;
    for (size_t i = 0; i < BUCKETS; i++)
        count += counts[i] = atomic_load_explicit(&buckets[i], memory_order_relaxed);
    if (!count)
        return (llmc_percentiles){ 0 };
    return (llmc_percentiles){ (int64_t)count, percentile(counts, count, 50), percentile(counts, count, 95), percentile(counts, count, 99) };
}

llmc_percentiles llmc_experiments_latency(llmc_experiments *experiments, uint32_t side)
{
    return read_percentiles(experiments->latencies[side].whole);
}

llmc_percentiles llmc_experiments_first_byte(llmc_experiments *experiments, uint32_t side)
{
    return read_percentiles(experiments->latencies[side].first_byte);
}

/* ---- sums ---- */

/* The thread's own shard, or the next one that is free just now. Returns it locked. */
static experiment_shard *lock_shard(llmc_experiments *experiments)
{
    size_t home = llmc_thread_number();
    for (size_t i = 0; i < 4; i++) {
        experiment_shard *shard = &experiments->shards[(home + i) % SHARDS].shard;
        if (pthread_mutex_trylock(&shard->lock) == 0)
            return shard;
    }
    experiment_shard *shard = &experiments->shards[home % SHARDS].shard;
    pthread_mutex_lock(&shard->lock);
    return shard;
}

static void add_call(llmc_side_sums *sums, const llmc_split_call *call)
{
    sums->cost_nano += call->cost_nano;
    if (call->cached) {
        sums->cached++;
        return;
    }
    sums->calls++;
    sums->escalated += call->escalations > 0;
    sums->escalations += call->escalations;
    sums->tokens_in += call->tokens_in;
    sums->tokens_out += call->tokens_out;
    llmc_moments_add(&sums->cost, call->cost_nano);
    if (call->status)
        sums->failed[llmcost_status_category(call->status)]++;
    else
        llmc_moments_add(&sums->duration, call->duration_ns);
}

void llmc_experiments_add(llmc_experiments *experiments, const llmc_split_call *call)
{
    bool answered = !call->cached && !call->status;
    experiment_shard *shard = lock_shard(experiments);
    for (size_t i = 0; i < call->side_count; i++)
        add_call(&shard->sums[call->sides[i]], call);
    pthread_mutex_unlock(&shard->lock);
    for (size_t i = 0; i < call->side_count && answered; i++) {
        side_latencies *latencies = &experiments->latencies[call->sides[i]];
        count_latency(latencies->whole, call->duration_ns);
        if (call->first_byte_ns >= 0)
            count_latency(latencies->first_byte, call->first_byte_ns);
    }
    if (experiments->recent)
        llmc_recent_calls_add(experiments->recent, call->id, call->sides, call->side_count);
}

void llmc_experiments_correct(llmc_experiments *experiments, const uint32_t *sides, size_t side_count, int64_t counted_nano, int64_t true_nano)
{
    experiment_shard *shard = lock_shard(experiments);
    for (size_t i = 0; i < side_count; i++) {
        llmc_side_sums *sums = &shard->sums[sides[i]];
        sums->cost_nano += (__int128)true_nano - counted_nano;
        llmc_moments_remove(&sums->cost, counted_nano);
        llmc_moments_add(&sums->cost, true_nano);
    }
    pthread_mutex_unlock(&shard->lock);
}

llmcost_status llmc_experiments_feedback(llmc_experiments *experiments, uint64_t id, double score)
{
    llmc_recent_call call;
    if (!(score >= -HIGHEST_SCORE && score <= HIGHEST_SCORE))
        return LLMCOST_E_MISUSE;
    int64_t millionths = (int64_t)(score * MILLIONTHS + (score < 0 ? -0.5 : 0.5));
    if (!experiments || !experiments->recent)
        return LLMCOST_E_UNKNOWN_CALL;
    experiment_shard *shard = &experiments->shards[0].shard; /* always: two scores of one call come in the order of the table */
    pthread_mutex_lock(&shard->lock);
    bool known = llmc_recent_calls_score(experiments->recent, id, millionths, &call);
    for (size_t i = 0; known && i < call.side_count; i++) {
        llmc_moments *scores = &shard->sums[call.sides[i]].score;
        if (call.scored)
            llmc_moments_remove(scores, call.score);
        llmc_moments_add(scores, millionths);
    }
    pthread_mutex_unlock(&shard->lock);
    return known ? LLMCOST_OK : LLMCOST_E_UNKNOWN_CALL;
}

/* ---- reading ---- */

static void merge_sums(llmc_side_sums *to, const llmc_side_sums *from)
{
    to->cost_nano += from->cost_nano;
    llmc_moments_merge(&to->cost, &from->cost);
    llmc_moments_merge(&to->duration, &from->duration);
    llmc_moments_merge(&to->score, &from->score);
    to->calls += from->calls;
    to->cached += from->cached;
    for (size_t i = 0; i < LLMC_CATEGORIES; i++)
        to->failed[i] += from->failed[i];
    to->escalated += from->escalated;
    to->escalations += from->escalations;
    to->tokens_in += from->tokens_in;
    to->tokens_out += from->tokens_out;
}

/* All at one moment: a correction may stand in another shard than what it corrects. */
void llmc_experiments_read(llmc_experiments *experiments, uint32_t side, llmc_side_sums *sums)
{
    *sums = (llmc_side_sums){ 0 };
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_lock(&experiments->shards[i].shard.lock);
    for (size_t i = 0; i < SHARDS; i++)
        merge_sums(sums, &experiments->shards[i].shard.sums[side]);
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_unlock(&experiments->shards[i].shard.lock);
}
