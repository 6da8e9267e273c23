/* Numbers as JSON spells them: exact both ways, and whatever decimal point the host's locale has. */
#ifndef LLMC_NUMBER_H
#define LLMC_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* text: a number of JSON's grammar. */
bool llmc_number_to_integer(const char *text, size_t bytes, int64_t *out); /* false: not whole, or not within int64 */
bool llmc_number_to_double(const char *text, size_t bytes, double *out);   /* nearest, ties to even; false: beyond the range */

/* The fewest digits that read back as the same finite value, always with a point or an exponent: 0.7, 1.0, 1e22. */
enum { LLMC_NUMBER_BYTES = 32 };
size_t llmc_number_from_double(double value, char out[LLMC_NUMBER_BYTES]); /* returns the length; no zero byte */

#endif
