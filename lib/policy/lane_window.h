/*
 * What went through in the last 60 seconds, in pieces of less than a second each. A piece counts until 60 seconds after
 * its last call, so that the sum is never too small: calls that are a second and more apart return exactly on time.
 */
#ifndef LLMC_LANE_WINDOW_H
#define LLMC_LANE_WINDOW_H

#include <stddef.h>
#include <stdint.h>

enum { LLMC_WINDOW_PIECES = 63 };

typedef struct llmc_window_piece {
    int64_t first_ns, last_ns, requests, tokens;
} llmc_window_piece;

typedef struct llmc_lane_window {
    llmc_window_piece pieces[LLMC_WINDOW_PIECES]; /* a ring */
    size_t oldest, count;
    int64_t requests, tokens;                     /* of all */
} llmc_lane_window;

void llmc_lane_window_slide(llmc_lane_window *window, int64_t now_ns); /* first of all, each time */
void llmc_lane_window_add(llmc_lane_window *window, int64_t tokens, int64_t now_ns);
/* Corrects what was added at at_ns, if it is still in the window. */
void llmc_lane_window_correct(llmc_lane_window *window, int64_t at_ns, int64_t requests, int64_t tokens);
/* When there is room for one more request, for more tokens (more than the limit: as for the limit); 0: now. */
int64_t llmc_lane_window_requests_ns(const llmc_lane_window *window, int64_t limit);
int64_t llmc_lane_window_tokens_ns(const llmc_lane_window *window, int64_t tokens, int64_t limit);

#endif
