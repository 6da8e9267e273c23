/* What experiment.c counts in and experiment_report.c writes out. */
#ifndef LLMC_EXPERIMENT_SUMS_H
#define LLMC_EXPERIMENT_SUMS_H

#include "money/experiment.h"
#include "money/interval.h"

enum { LLMC_CATEGORIES = LLMCOST_CATEGORY_SERVER + 1 };

typedef struct llmc_side_sums {
    __int128 cost_nano;                  /* exact */
    llmc_moments cost, duration, score;  /* of calls, of answered calls (ns), of scored ones (millionths) */
    int64_t calls, cached;               /* disjoint: a cached answer is no call */
    int64_t failed[LLMC_CATEGORIES];     /* of the calls */
    int64_t escalated, escalations;      /* calls that did, and how often */
    int64_t tokens_in, tokens_out;
} llmc_side_sums;

typedef struct llmc_percentiles {
    int64_t count;
    int64_t p50_ns, p95_ns, p99_ns; /* within 3.2 % */
} llmc_percentiles;

void llmc_experiments_read(llmc_experiments *experiments, uint32_t side, llmc_side_sums *sums);
llmc_percentiles llmc_experiments_latency(llmc_experiments *experiments, uint32_t side);
llmc_percentiles llmc_experiments_first_byte(llmc_experiments *experiments, uint32_t side);
const llmc_experiment_settings *llmc_experiments_settings(const llmc_experiments *experiments);

#endif
