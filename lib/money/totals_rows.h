/* What totals.c counts in and report.c writes out. */
#ifndef LLMC_TOTALS_ROWS_H
#define LLMC_TOTALS_ROWS_H

#include "money/totals.h"

/* What is counted once per call. */
typedef struct llmc_grand_total {
    llmc_row row;
    int64_t saved_nano[LLMC_SAVING_COUNT];
    int64_t duration_ns, cached_ns, escalations;
} llmc_grand_total;

typedef enum llmc_row_kind { LLMC_ROW_VALUE = 0, LLMC_ROW_NONE, LLMC_ROW_OTHER } llmc_row_kind;

typedef struct llmc_report_row {
    llmc_row_kind kind;
    const char *value; /* NONE, OTHER: NULL */
    int64_t day;       /* days since 1970; in the dimension of days only */
    llmc_row row;
} llmc_report_row;

typedef struct llmc_report_dimension {
    const char *name;
    bool tag, days;    /* a declared tag; the days: newest first, OTHER is what was before */
    llmc_report_row *rows;
    size_t count;
} llmc_report_dimension;

/* One moment's figures: what a report is written from. All in one arena. */
typedef struct llmc_report {
    const char *currency;
    llmc_grand_total total;
    llmc_report_dimension *dimensions;
    size_t count;
    llmc_experiments *experiments;
} llmc_report;

void llmc_report_sort(llmc_report *report); /* by cost, dearest first */
void llmc_report_text(const llmc_report *report, llmc_buffer *out);
void llmc_report_json(const llmc_report *report, llmc_buffer *out);

#endif
