/* 95 % confidence intervals of a difference: of two means, and of two shares. */
#ifndef LLMC_INTERVAL_H
#define LLMC_INTERVAL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What is known of a run of whole numbers: exact, whatever their order, so that one can be taken out again and runs of
 * several threads can be added up. A number beyond 2^50 (a million dollars in nano-dollars, 13 days in nanoseconds)
 * counts as that.
 */
typedef struct llmc_moments {
    int64_t count;
    __int128 sum, squares;
} llmc_moments;

void llmc_moments_add(llmc_moments *moments, int64_t value);
void llmc_moments_remove(llmc_moments *moments, int64_t value);
void llmc_moments_merge(llmc_moments *to, const llmc_moments *from);
double llmc_moments_mean(const llmc_moments *moments);     /* 0 of none */
double llmc_moments_variance(const llmc_moments *moments); /* the sample's; 0 of less than two */

typedef struct llmc_interval {
    double difference;  /* b - a */
    double low, high;
    bool known;         /* there is an interval at all: else there were too few */
} llmc_interval;

/* Welch: variances may differ. Known from two of each on. */
llmc_interval llmc_interval_of_means(const llmc_moments *a, const llmc_moments *b);
/* Newcombe's hybrid score interval: holds for small numbers and for shares near 0 and 1 too. Known from one of each on. */
llmc_interval llmc_interval_of_shares(int64_t a_hits, int64_t a_count, int64_t b_hits, int64_t b_count);
/* Wilson's score interval of one share; count above 0. */
void llmc_interval_of_share(int64_t hits, int64_t count, double *low, double *high);
/* What Student's t stays within, on either side, 95 % of the time; freedom from 1 on. */
double llmc_student_t(double freedom);

#endif
