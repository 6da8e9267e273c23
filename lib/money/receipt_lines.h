/* What the parts of the receipt share: a line's answers about itself, and the names of its flags. */
#ifndef LLMC_RECEIPT_LINES_H
#define LLMC_RECEIPT_LINES_H

#include "money/receipt.h"

enum { LLMC_LINE_FLAG_COUNT = 16 };

typedef struct llmc_line_flag_name {
    uint32_t flag;
    const char *name; /* as a key, "is_sent"; without its first three letters in the JSON's list of flags */
} llmc_line_flag_name;
extern const llmc_line_flag_name llmc_line_flag_names[LLMC_LINE_FLAG_COUNT];

/* Its cost is not known, which is not the same as 0. */
static inline bool llmc_line_is_unpriced(const llmc_line *line)
{
    return (line->flags & (LLMC_LINE_PRICE_UNKNOWN | LLMC_LINE_PRICED)) == LLMC_LINE_PRICE_UNKNOWN;
}
const char *llmc_line_source(const llmc_line *line);     /* where the price comes from; NULL: nowhere */
const char *llmc_line_counts(const llmc_line *line);     /* "reported", "estimated", "presumed"; NULL: nothing was counted */

#endif
