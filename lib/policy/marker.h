/*
 * The marker with which a small model says that it is not sure.
 *
 * Upper case and exact it counts alone, as the first token, or as the last line, each time followed by the end, a
 * newline or punctuation. In another case it counts only when it is all there is: "Uncertain times call for..." is an
 * answer. Behind a run of more than 64 bytes of space and decoration it is not looked for: holding back has an end.
 * Pure functions of the text so far.
 */
#ifndef LLMC_MARKER_H
#define LLMC_MARKER_H

#include <stdbool.h>
#include <stddef.h>

enum { LLMC_MARKER_PREFIX_BYTES = 64 };

typedef enum llmc_marker_state {
    LLMC_MARKER_ABSENT,   /* the text does not begin with it, whatever follows */
    LLMC_MARKER_POSSIBLE, /* it may still turn out to: hold back */
    LLMC_MARKER_FIRST     /* it is the first token */
} llmc_marker_state;

/* What the beginning of an answer says, before its end is known. */
llmc_marker_state llmc_marker_at_start(const char *marker, const char *text, size_t bytes);
/* Whether a complete answer carries the marker; *answer_bytes: how much of it before the marker is an answer (0: none). */
bool llmc_marker_in(const char *marker, const char *text, size_t bytes, size_t *answer_bytes);
/* How many bytes at the end of an unfinished text must be held back, because a last line with the marker may begin there. */
size_t llmc_marker_tail(const char *marker, const char *text, size_t bytes);

#endif
