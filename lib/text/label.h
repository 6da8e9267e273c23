/* Which of several labels a model answered with. */
#ifndef LLMC_LABEL_H
#define LLMC_LABEL_H

#include <stddef.h>

enum { LLMC_LABEL_NONE = -1 };

/*
 * The label that the text says: "complex", "**Complex**.", "Label: complex", "This is a complex request." Case counts
 * for nothing (ASCII), a longer label wins over a shorter one in it, "not complex" does not say complex. Where several
 * are named, the one that the text begins with, else the one behind its last colon, else none. LLMC_LABEL_NONE: none.
 */
int llmc_label_in(const char *text, size_t bytes, const char *const *labels, size_t count);

#endif
