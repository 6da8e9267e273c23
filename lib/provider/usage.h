/*
 * Usage: what a provider counted, as it stands on the wire, and the one place where it becomes disjoint classes.
 * A decoder fills in figures as they come (a later one replaces an earlier one) and normalises after each frame.
 */
#ifndef LLMC_USAGE_H
#define LLMC_USAGE_H

#include "money/money.h"
#include "wire/json.h"

/* The provider's own figures; -1: not reported. */
typedef struct llmc_usage_counts {
    int64_t prompt, completion, total;
    int64_t cached;                        /* read from the prompt cache */
    int64_t missed;                        /* uncached input, where a provider tells it apart (DeepSeek) */
    int64_t written;                       /* written to the prompt cache, of all lives */
    int64_t written_5m, written_30m, written_1h;
    int64_t reasoning, audio_in, audio_out;
    int64_t stated_cost_pico;
    bool prompt_excludes_cache;            /* Anthropic: cached and written tokens are beside the prompt */
    bool reasoning_beside;                 /* reasoning is beside completion where the total does not tell */
    char tier[12];
} llmc_usage_counts;

void llmc_usage_counts_init(llmc_usage_counts *counts); /* all -1 */
/* Counts to classes: never negative, never counted twice; differences from the provider's total are flagged, not mended. */
void llmc_usage_normalise(const llmc_usage_counts *counts, llmc_usage *usage);
/* A count as it stands next in the input, as a number or a text of digits (Hunyuan); keeps *out where it is no sensible count. */
void llmc_usage_read_count(llmc_json *json, int64_t *out);
/* The same of what was read: known from the beginning, so that a zero behind a figure is a host's that left it out. */
void llmc_usage_read_input(llmc_json *json, int64_t *out);
/* An amount in units of money, as a number or a decimal text; keeps *pico where it is none. */
void llmc_usage_read_cost(llmc_json *json, int64_t *pico);
/* The tier that was served, in our words. */
void llmc_usage_read_tier(llmc_json *json, llmc_usage_counts *counts);

#endif
