/*
 * Running totals: what was spent and saved by declared tag, model, provider and day, bounded in number: only declared
 * tags, at most max_values values of each dimension, the rest under "other"; the latest days only. Sharded by thread,
 * so that a cache hit does not wait for another thread's; merged when a report is asked for.
 */
#ifndef LLMC_TOTALS_H
#define LLMC_TOTALS_H

#include "base/buffer.h"
#include "money/experiment.h"
#include "money/money.h"

typedef struct llmc_totals llmc_totals;

/* In this fixed order savings telescope. */
typedef enum llmc_saving {
    LLMC_SAVING_CACHE = 0, LLMC_SAVING_SHAPE, LLMC_SAVING_OUTPUT, LLMC_SAVING_ROUTE, LLMC_SAVING_PROVIDER_CACHE, LLMC_SAVING_TIER, LLMC_SAVING_OVERHEAD, LLMC_SAVING_COUNT
} llmc_saving;
extern const char *const llmc_saving_names[LLMC_SAVING_COUNT]; /* "cache", "shape", "output", "route", "provider_cache", "tier", "overhead" */

/* What every row of every dimension counts: one cache line. */
typedef enum llmc_figure {
    LLMC_CALLS = 0, LLMC_FAILED, LLMC_REFUSED, LLMC_CACHED, LLMC_COST_NANO, LLMC_BASELINE_NANO, LLMC_TOKENS_IN, LLMC_TOKENS_OUT, LLMC_FIGURE_COUNT
} llmc_figure;

typedef struct llmc_row {
    int64_t figure[LLMC_FIGURE_COUNT];
} llmc_row;

/* One finished call. Texts and savings are borrowed. */
typedef struct llmc_call_facts {
    const llmcost_tag *tags;
    size_t tag_count;
    const char *provider, *model; /* of the answering leg; NULL: none */
    int64_t wall_ms;
    llmc_row row;                 /* its own figures. Of one that was counted before: only what its true amounts differ by */
    const int64_t *saved_nano;    /* by llmc_saving; NULL: nothing */
    int64_t duration_ns;
    int64_t cached_ns;            /* what answers out of the cache took when they were fetched */
    uint32_t escalations;
} llmc_call_facts;

typedef struct llmc_totals_settings {
    const char *const *tags; /* declared tags; borrowed while the totals live */
    size_t tag_count;
    size_t max_values;       /* per dimension */
    size_t max_days;
    const char *currency;
} llmc_totals_settings;

llmcost_status llmc_totals_new(llmc_totals **out, const llmc_allocator *allocator, const llmc_totals_settings *settings);
void llmc_totals_free(llmc_totals *totals);
/* Any thread. Cannot fail: without memory for a new value it counts under "other". */
void llmc_totals_add(llmc_totals *totals, const llmc_call_facts *facts);
/* What the cache has saved so far: money, and time of waiting. */
void llmc_totals_cached(llmc_totals *totals, int64_t *saved_nano, int64_t *saved_ns);
/* format: 't' text, 'j' JSON. experiments: what came of the splits, or NULL. */
llmcost_status llmc_totals_report(llmc_totals *totals, llmc_experiments *experiments, char format, llmc_buffer *out);

#endif
