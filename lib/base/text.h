/* UTF-8 and small text questions. */
#ifndef LLMC_TEXT_H
#define LLMC_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool llmc_utf8_valid(const char *text, size_t bytes); /* RFC 3629: no surrogates, no overlong forms, at most U+10FFFF */
size_t llmc_utf8_cut(const char *text, size_t bytes, size_t maximum); /* the longest prefix of at most `maximum` bytes that ends between characters */
void llmc_utf8_sanitize(char *text); /* in place: bytes that are no UTF-8, and control characters, become '?' */
bool llmc_text_equal_ignoring_case(const char *a, const char *b); /* ASCII, whatever the locale */
size_t llmc_text_distance(const char *a, const char *b); /* edit distance of two short texts, for "did you mean" */
bool llmc_text_is_header_safe(const char *text); /* no control characters: may stand in an HTTP header */
int64_t llmc_days_from_civil(int64_t year, int month, int day); /* days since 1970-01-01 */
void llmc_civil_from_days(int64_t days, int64_t *year, int *month, int *day);

#endif
