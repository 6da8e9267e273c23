/*
 * Running totals. Adding a call is on the path of a cache hit, so it looks values up without a lock and counts in one
 * of several shards, each with a mark that its threads rarely find taken.
 *
 * Values are never forgotten, so the table of a dimension only grows, up to max_values: its chains are read without a
 * lock, and a value is either in it for all shards or counts under "other" in all of them. Each value has one row per
 * shard that met it.
 *
 * Calls come in runs of the same tags, model and day: those are gathered in one row and counted in all their rows when
 * one comes that differs.
 *
 * A report sees each call wholly or not at all, because it takes a shard to read it. Sums are capped, not wrapped.
 */
#include "money/totals_rows.h"

#include "base/hash.h"
#include "base/thread.h"
#include "money/tags.h"

#include <stdatomic.h>
#include <string.h>

enum { SHARDS = 16, MAX_VALUE_BYTES = 200, MAX_BUCKETS = 512, CACHE_LINE = 64 };
static const int64_t DAY_MS = 86400000;

const char *const llmc_saving_names[LLMC_SAVING_COUNT] = { "cache", "shape", "output", "route", "provider_cache", "tier", "overhead" };

/* What a call is compared with comes last, all in one place. */
typedef struct value_node {
    llmc_row *rows[SHARDS];    /* each under its shard's mark; NULL: that shard never met it */
    llmc_row merged;           /* under the report's lock */
    struct value_node *before; /* the value that came before it, for walking over all; never changes */
    struct value_node *chain;  /* in its bucket; never changes */
    uint64_t hash;
    size_t bytes;              /* of its text */
    llmc_row_kind kind;
    char text[];
} value_node;

typedef struct dimension {
    const char *name;
    bool tag;
    size_t bucket_count, count;
    _Atomic(value_node *) *buckets;
    _Atomic(value_node *) newest;
    value_node *none, *other;
} dimension;

typedef struct day_row {
    int64_t day;
    llmc_row row;
} day_row;

/* What a call like the one before touches comes first. */
typedef struct totals_shard {
    llmc_mark mark;
    value_node **alike; /* what the latest calls have in common, one of each dimension */
    int64_t day;
    llmc_row *day_row;  /* of that day; NULL: no call so far */
    llmc_row gathered;  /* of those calls, alike in all dimensions: they are not in their rows and in the total yet */
    llmc_grand_total total;
    size_t number;      /* of this shard */
    llmc_row earlier;
    day_row *days;      /* in no order */
    size_t day_count, day_capacity;
} totals_shard;

typedef union padded_totals_shard {
    totals_shard shard;
    char padding[(sizeof(totals_shard) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE];
} padded_totals_shard;

struct llmc_totals {
    llmc_allocator allocator;
    llmc_totals_settings settings;
    uint64_t seed;
    size_t dimension_count; /* the tags, then model, then provider */
    dimension *dimensions;
    pthread_mutex_t adding, reporting;
    padded_totals_shard shards[SHARDS];
};

static void add_capped(int64_t *to, int64_t more)
{
    if (__builtin_add_overflow(*to, more, to))
        *to = more < 0 ? INT64_MIN : INT64_MAX;
}

/* Unrolled, once: a hit counts a row. */
static __attribute__((noinline)) void row_add(llmc_row *restrict to, const llmc_row *restrict from)
{
#pragma GCC unroll 8
    for (size_t i = 0; i < LLMC_FIGURE_COUNT; i++)
        add_capped(&to->figure[i], from->figure[i]);
}

static void add_savings(int64_t *restrict to, const int64_t *restrict from)
{
    for (size_t i = 0; i < LLMC_SAVING_COUNT; i++) {
        if (from[i]) /* few policies have a part in a call */
            add_capped(&to[i], from[i]);
    }
}

/* ---- making and freeing ---- */

static value_node *node_new(llmc_totals *totals, llmc_row_kind kind, const char *text, size_t bytes)
{
    value_node *node = llmc_calloc(&totals->allocator, 1, sizeof *node + bytes + 1);
    if (!node)
        return NULL;
    node->kind = kind;
    node->bytes = bytes;
    memcpy(node->text, text, bytes);
    return node;
}

/* The rows that must be there when there is no memory for others. */
__attribute__((cold)) static value_node *fixed_node_new(llmc_totals *totals, llmc_row_kind kind)
{
    value_node *node = node_new(totals, kind, "", 0);
    llmc_row *rows = node ? llmc_calloc(&totals->allocator, SHARDS, sizeof *rows) : NULL;
    if (!rows) {
        llmc_free(&totals->allocator, node);
        return NULL;
    }
    for (size_t i = 0; i < SHARDS; i++)
        node->rows[i] = &rows[i];
    return node;
}

static void fixed_node_free(llmc_totals *totals, value_node *node)
{
    if (!node)
        return;
    llmc_free(&totals->allocator, node->rows[0]);
    llmc_free(&totals->allocator, node);
}

__attribute__((cold)) static bool init_dimension(llmc_totals *totals, dimension *of, const char *name, bool tag)
{
    of->name = name;
    of->tag = tag;
    of->bucket_count = 16;
    while (of->bucket_count < totals->settings.max_values && of->bucket_count < MAX_BUCKETS)
        of->bucket_count *= 2;
    of->buckets = llmc_calloc(&totals->allocator, of->bucket_count, sizeof *of->buckets);
    of->none = fixed_node_new(totals, LLMC_ROW_NONE);
    of->other = fixed_node_new(totals, LLMC_ROW_OTHER);
    return of->buckets && of->none && of->other;
}

static void free_dimension(llmc_totals *totals, dimension *of)
{
    for (value_node *node = atomic_load(&of->newest), *before; node; node = before) {
        before = node->before;
        for (size_t i = 0; i < SHARDS; i++)
            llmc_free(&totals->allocator, node->rows[i]);
        llmc_free(&totals->allocator, node);
    }
    fixed_node_free(totals, of->none);
    fixed_node_free(totals, of->other);
    llmc_free(&totals->allocator, of->buckets);
}

static bool init_dimensions(llmc_totals *totals)
{
    size_t tags = totals->settings.tag_count;
    totals->dimensions = llmc_calloc(&totals->allocator, tags + 2, sizeof *totals->dimensions);
    if (!totals->dimensions)
        return false;
    totals->dimension_count = tags + 2;
    for (size_t i = 0; i < SHARDS; i++) {
        if (!(totals->shards[i].shard.alike = llmc_calloc(&totals->allocator, tags + 2, sizeof(value_node *))))
            return false;
    }
    for (size_t i = 0; i < tags; i++) {
        if (!init_dimension(totals, &totals->dimensions[i], totals->settings.tags[i], true))
            return false;
    }
    return init_dimension(totals, &totals->dimensions[tags], "model", false) && init_dimension(totals, &totals->dimensions[tags + 1], "provider", false);
}

static void init_shard(totals_shard *shard, size_t number)
{
    shard->number = number;
    atomic_init(&shard->mark, false);
}

__attribute__((cold)) llmcost_status llmc_totals_new(llmc_totals **out, const llmc_allocator *allocator, const llmc_totals_settings *settings)
{
    *out = NULL;
    llmc_totals *totals = llmc_calloc(allocator, 1, sizeof *totals);
    if (!totals)
        return LLMCOST_E_MEMORY;
    totals->allocator = *allocator;
    totals->settings = *settings;
    totals->seed = (uintptr_t)totals;
    pthread_mutex_init(&totals->adding, NULL);
    pthread_mutex_init(&totals->reporting, NULL);
    for (size_t i = 0; i < SHARDS; i++)
        init_shard(&totals->shards[i].shard, i);
    if (!init_dimensions(totals)) {
        llmc_totals_free(totals);
        return LLMCOST_E_MEMORY;
    }
    *out = totals;
    return LLMCOST_OK;
}

void llmc_totals_free(llmc_totals *totals)
{
    if (!totals)
        return;
    for (size_t i = 0; i < totals->dimension_count; i++)
        free_dimension(totals, &totals->dimensions[i]);
    llmc_free(&totals->allocator, totals->dimensions);
    for (size_t i = 0; i < SHARDS; i++) {
        llmc_free(&totals->allocator, totals->shards[i].shard.days);
        llmc_free(&totals->allocator, totals->shards[i].shard.alike);
    }
    pthread_mutex_destroy(&totals->adding);
    pthread_mutex_destroy(&totals->reporting);
    llmc_allocator allocator = totals->allocator;
    llmc_free(&allocator, totals);
}

/* ---- adding ---- */

static value_node *find_value(const dimension *of, const char *text, size_t bytes, uint64_t hash)
{
    value_node *node = atomic_load_explicit(&of->buckets[hash & (of->bucket_count - 1)], memory_order_acquire);
    while (node && (node->hash != hash || node->bytes != bytes || memcmp(node->text, text, bytes) != 0))
        node = node->chain;
    return node;
}

static value_node *add_value(llmc_totals *totals, dimension *of, const char *text, size_t bytes, uint64_t hash)
{
    pthread_mutex_lock(&totals->adding);
    value_node *node = find_value(of, text, bytes, hash); /* another thread may have been first */
    if (!node && of->count < totals->settings.max_values && (node = node_new(totals, LLMC_ROW_VALUE, text, bytes))) {
        _Atomic(value_node *) *bucket = &of->buckets[hash & (of->bucket_count - 1)];
        node->hash = hash;
        node->chain = atomic_load_explicit(bucket, memory_order_relaxed);
        node->before = atomic_load_explicit(&of->newest, memory_order_relaxed);
        atomic_store_explicit(bucket, node, memory_order_release);
        atomic_store_explicit(&of->newest, node, memory_order_release);
        of->count++;
    }
    pthread_mutex_unlock(&totals->adding);
    return node;
}

/* A value with a row in a shard that was taken; "other" where there is no room or no memory for it. */
static value_node *find_node(llmc_totals *totals, dimension *of, const char *text, size_t shard)
{
    if (!text || !*text)
        return of->none;
    size_t bytes = strlen(text);
    if (bytes > MAX_VALUE_BYTES)
        return of->other;
    uint64_t hash = llmc_hash64(text, bytes, totals->seed);
    value_node *node = find_value(of, text, bytes, hash);
    if (!node)
        node = add_value(totals, of, text, bytes, hash);
    if (node && !node->rows[shard])
        node->rows[shard] = llmc_calloc(&totals->allocator, 1, sizeof *node->rows[shard]);
    return node && node->rows[shard] ? node : of->other;
}

static int64_t day_of(int64_t wall_ms)
{
    return wall_ms / DAY_MS - (wall_ms % DAY_MS < 0);
}

/* Give the oldest day's place to a newer one. NULL: the day is older than all that are kept. */
static day_row *replace_oldest(totals_shard *shard, int64_t day)
{
    day_row *oldest = shard->days;
    for (size_t i = 1; i < shard->day_count; i++) {
        if (shard->days[i].day < oldest->day)
            oldest = &shard->days[i];
    }
    if (!shard->day_count || oldest->day > day)
        return NULL;
    row_add(&shard->earlier, &oldest->row);
    return oldest;
}

static llmc_row *find_day(llmc_totals *totals, totals_shard *shard, int64_t day)
{
    for (size_t i = 0; i < shard->day_count; i++) {
        if (shard->days[i].day == day)
            return &shard->days[i].row;
    }
    day_row *fresh;
    if (shard->day_count < totals->settings.max_days && llmc_grow(&totals->allocator, (void **)&shard->days, &shard->day_capacity, shard->day_count + 1, sizeof *shard->days))
        fresh = &shard->days[shard->day_count++];
    else
        fresh = replace_oldest(shard, day);
    if (!fresh)
        return &shard->earlier;
    *fresh = (day_row){ .day = day };
    return &fresh->row;
}

/* The thread's own shard, or the next one that is free just now. Returns it taken. */
static totals_shard *take_shard(llmc_totals *totals)
{
    size_t home = llmc_thread_number();
    for (unsigned round = 0;; round++) {
        totals_shard *shard = &totals->shards[(home + round) % SHARDS].shard;
        if (llmc_mark_try(&shard->mark))
            return shard;
        if (round >= SHARDS)
            llmc_mark_wait(round);
    }
}

/* This one, as soon as it is free. */
static totals_shard *take_shard_at(llmc_totals *totals, size_t at)
{
    totals_shard *shard = &totals->shards[at].shard;
    for (unsigned round = 0; !llmc_mark_try(&shard->mark); round++)
        llmc_mark_wait(round);
    return shard;
}

static void add_total(llmc_grand_total *to, const llmc_grand_total *from)
{
    row_add(&to->row, &from->row);
    add_savings(to->saved_nano, from->saved_nano);
    add_capped(&to->duration_ns, from->duration_ns);
    add_capped(&to->cached_ns, from->cached_ns);
    add_capped(&to->escalations, from->escalations);
}

/* What is gathered goes where it belongs. */
static void spread(const llmc_totals *totals, totals_shard *shard)
{
    if (!shard->day_row)
        return;
    row_add(&shard->total.row, &shard->gathered);
    row_add(shard->day_row, &shard->gathered);
    for (size_t i = 0; i < totals->dimension_count; i++)
        row_add(shard->alike[i]->rows[shard->number], &shard->gathered);
    shard->gathered = (llmc_row){ 0 };
}

/* What is "other" now may find room later. */
static bool is_value(const value_node *node, const char *text)
{
    return node->kind != LLMC_ROW_OTHER && strcmp(node->text, text ? text : "") == 0;
}

static const char *tag_of(const llmc_totals *totals, size_t index, const llmc_call_facts *facts)
{
    return llmc_tag_value(facts->tags, facts->tag_count, totals->settings.tags[index]);
}

/* The call belongs to what the shard gathers. */
static bool is_alike(const llmc_totals *totals, const totals_shard *shard, const llmc_call_facts *facts, int64_t day)
{
    size_t tags = totals->settings.tag_count;
    value_node *const *alike = shard->alike;
    if (!shard->day_row || shard->day != day || !is_value(alike[tags], facts->model) || !is_value(alike[tags + 1], facts->provider))
        return false;
    for (size_t i = 0; i < tags; i++) {
        if (!is_value(alike[i], tag_of(totals, i, facts)))
            return false;
    }
    return true;
}

/* From now on the shard gathers what is like this call. */
static __attribute__((noinline)) void begin_like(llmc_totals *totals, totals_shard *shard, const llmc_call_facts *facts, int64_t day)
{
    size_t tags = totals->settings.tag_count;
    spread(totals, shard);
    for (size_t i = 0; i < tags; i++)
        shard->alike[i] = find_node(totals, &totals->dimensions[i], tag_of(totals, i, facts), shard->number);
    shard->alike[tags] = find_node(totals, &totals->dimensions[tags], facts->model, shard->number);
    shard->alike[tags + 1] = find_node(totals, &totals->dimensions[tags + 1], facts->provider, shard->number);
    shard->day_row = find_day(totals, shard, day);
    shard->day = day;
}

void llmc_totals_add(llmc_totals *totals, const llmc_call_facts *facts)
{
    int64_t day = day_of(facts->wall_ms);
    totals_shard *shard = take_shard(totals);
    if (!is_alike(totals, shard, facts, day))
        begin_like(totals, shard, facts, day);
    row_add(&shard->gathered, &facts->row);
    if (facts->saved_nano)
        add_savings(shard->total.saved_nano, facts->saved_nano);
    add_capped(&shard->total.duration_ns, facts->duration_ns);
    add_capped(&shard->total.cached_ns, facts->cached_ns);
    add_capped(&shard->total.escalations, facts->escalations);
    llmc_mark_give_back(&shard->mark);
}

void llmc_totals_cached(llmc_totals *totals, int64_t *saved_nano, int64_t *saved_ns)
{
    *saved_nano = *saved_ns = 0;
    for (size_t i = 0; i < SHARDS; i++) {
        totals_shard *shard = take_shard_at(totals, i);
        add_capped(saved_nano, shard->total.saved_nano[LLMC_SAVING_CACHE]);
        add_capped(saved_ns, shard->total.cached_ns);
        llmc_mark_give_back(&shard->mark);
    }
}

/* ---- merging ---- */

/* The fixed nodes, then all values, newest first. */
static value_node *next_node(dimension *of, value_node *node)
{
    if (!node)
        return of->none;
    if (node == of->none)
        return of->other;
    return node == of->other ? atomic_load_explicit(&of->newest, memory_order_acquire) : node->before;
}

static void clear_merged(dimension *of)
{
    for (value_node *node = next_node(of, NULL); node; node = next_node(of, node))
        node->merged = (llmc_row){ 0 };
}

/* What one shard counted, at one moment. days gathers the days of all shards. false: no memory. */
static bool merge_shard(llmc_totals *totals, size_t at, llmc_report *report, llmc_row *earlier, totals_shard *days)
{
    totals_shard *shard = take_shard_at(totals, at);
    spread(totals, shard);
    bool room = llmc_grow(&totals->allocator, (void **)&days->days, &days->day_capacity, days->day_count + shard->day_count, sizeof *days->days);
    if (room) {
        add_total(&report->total, &shard->total);
        row_add(earlier, &shard->earlier);
        if (shard->day_count)
            memcpy(days->days + days->day_count, shard->days, shard->day_count * sizeof *shard->days);
        days->day_count += shard->day_count;
    }
    for (size_t i = 0; room && i < totals->dimension_count; i++) {
        dimension *of = &totals->dimensions[i];
        for (value_node *node = next_node(of, NULL); node; node = next_node(of, node)) {
            if (node->rows[at])
                row_add(&node->merged, node->rows[at]);
        }
    }
    llmc_mark_give_back(&shard->mark);
    return room;
}

static bool gather_values(dimension *of, llmc_report_dimension *out, llmc_arena *arena)
{
    size_t count = 0;
    for (value_node *node = next_node(of, NULL); node; node = next_node(of, node))
        count += node->merged.figure[LLMC_CALLS] > 0;
    *out = (llmc_report_dimension){ .name = of->name, .tag = of->tag, .rows = llmc_arena_calloc(arena, count, sizeof *out->rows) };
    if (!out->rows)
        return false;
    for (value_node *node = next_node(of, NULL); node && out->count < count; node = next_node(of, node)) {
        if (node->merged.figure[LLMC_CALLS] > 0)
            out->rows[out->count++] = (llmc_report_row){ node->kind, node->kind == LLMC_ROW_VALUE ? node->text : NULL, 0, node->merged };
    }
    return true;
}

static bool gather_days(const totals_shard *days, const llmc_row *earlier, size_t max_days, llmc_report_dimension *out, llmc_arena *arena)
{
    *out = (llmc_report_dimension){ .name = "day", .days = true, .rows = llmc_arena_calloc(arena, days->day_count + 1, sizeof *out->rows) };
    if (!out->rows)
        return false;
    for (size_t i = 0; i < days->day_count; i++) {
        size_t at = 0;
        while (at < out->count && out->rows[at].day > days->days[i].day)
            at++;
        if (at == out->count || out->rows[at].day != days->days[i].day) {
            memmove(&out->rows[at + 1], &out->rows[at], (out->count++ - at) * sizeof *out->rows);
            out->rows[at] = (llmc_report_row){ .day = days->days[i].day };
        }
        row_add(&out->rows[at].row, &days->days[i].row);
    }
    llmc_report_row rest = { .kind = LLMC_ROW_OTHER, .row = *earlier };
    while (out->count > max_days)
        row_add(&rest.row, &out->rows[--out->count].row);
    if (rest.row.figure[LLMC_CALLS])
        out->rows[out->count++] = rest;
    return true;
}

static bool gather(llmc_totals *totals, llmc_report *report, llmc_arena *arena)
{
    llmc_row earlier = { 0 };
    totals_shard days = { .days = NULL };
    size_t dimensions = totals->dimension_count;
    report->currency = totals->settings.currency;
    report->dimensions = llmc_arena_calloc(arena, dimensions + 1, sizeof *report->dimensions);
    report->count = dimensions + 1;
    bool complete = report->dimensions;
    for (size_t i = 0; i < dimensions; i++)
        clear_merged(&totals->dimensions[i]);
    for (size_t i = 0; complete && i < SHARDS; i++)
        complete = merge_shard(totals, i, report, &earlier, &days);
    for (size_t i = 0; complete && i < dimensions; i++)
        complete = gather_values(&totals->dimensions[i], &report->dimensions[i], arena);
    complete = complete && gather_days(&days, &earlier, totals->settings.max_days, &report->dimensions[dimensions], arena);
    llmc_free(&totals->allocator, days.days);
    return complete;
}

__attribute__((cold)) llmcost_status llmc_totals_report(llmc_totals *totals, llmc_experiments *experiments, char format, llmc_buffer *out)
{
    if (format != 't' && format != 'j')
        return LLMCOST_E_MISUSE;
    llmc_report report = { .experiments = experiments };
    llmc_arena arena;
    llmc_arena_init(&arena, &totals->allocator, NULL, 0);
    pthread_mutex_lock(&totals->reporting);
    bool complete = gather(totals, &report, &arena);
    pthread_mutex_unlock(&totals->reporting);
    if (complete) {
        llmc_report_sort(&report);
        (format == 't' ? llmc_report_text : llmc_report_json)(&report, out);
    }
    llmc_arena_clear(&arena);
    return complete && !out->failure ? LLMCOST_OK : LLMCOST_E_MEMORY;
}
