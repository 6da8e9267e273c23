/*
 * What came of the sides of every split: calls, costs, errors, latencies, scores. The sides stand in the config, so
 * that memory is bounded: about 14 KB a side. The outcome, each side against its split's first one, is in the report.
 */
#ifndef LLMC_EXPERIMENT_H
#define LLMC_EXPERIMENT_H

#include "money/recent_calls.h"
#include "wire/json.h"

/* A split as the config has it. */
typedef struct llmc_split {
    const char *name;         /* its node's */
    const char *sticky;       /* the tag whose values keep their side; NULL: by chance */
    const char *const *sides; /* names, by which values keep them */
    const uint32_t *weights;
    uint32_t side_count;
    uint32_t first_side;      /* the sides of all splits are numbered through */
    struct llmc_split *next;  /* of the config */
} llmc_split;

typedef struct llmc_experiments llmc_experiments;

typedef struct llmc_experiment_settings {
    const llmc_split *splits; /* borrowed while the experiments live, as is the rest */
    size_t side_count;        /* of all of them */
    size_t feedback_calls;    /* the latest so many take a score; 0: none */
    const char *currency;
} llmc_experiment_settings;

llmcost_status llmc_experiments_new(llmc_experiments **out, const llmc_allocator *allocator, const llmc_experiment_settings *settings);
void llmc_experiments_free(llmc_experiments *experiments);

/* A finished call. */
typedef struct llmc_split_call {
    uint32_t sides[LLMC_CALL_SIDES]; /* that it went to, no side twice */
    size_t side_count;
    uint64_t id;                     /* its receipt's */
    llmcost_status status;
    bool cached;                     /* counted apart: it says nothing about cost and latency */
    int64_t cost_nano, tokens_in, tokens_out, duration_ns;
    int64_t first_byte_ns;           /* -1: not known */
    uint32_t escalations;
} llmc_split_call;

/* Any thread, all of them. Nothing allocates and nothing fails. */
void llmc_experiments_add(llmc_experiments *experiments, const llmc_split_call *call);
/* The call's cost was counted as one amount and turns out to be another. */
void llmc_experiments_correct(llmc_experiments *experiments, const uint32_t *sides, size_t side_count, int64_t counted_nano, int64_t true_nano);
/* E_MISUSE: not a number from -1e9 to 1e9. E_UNKNOWN_CALL: not one of the latest calls through a split. */
llmcost_status llmc_experiments_feedback(llmc_experiments *experiments, uint64_t id, double score);

/* ---- the report (experiment_report.c); nothing of NULL ---- */
void llmc_experiments_text(llmc_experiments *experiments, llmc_buffer *out);
void llmc_experiments_json(llmc_experiments *experiments, llmc_json_writer *out); /* an array */

#endif
