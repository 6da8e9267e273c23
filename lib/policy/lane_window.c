#include "policy/lane_window.h"

#include <stdbool.h>

#define SECOND_NS INT64_C(1000000000)
#define MINUTE_NS (60 * SECOND_NS)

static llmc_window_piece *piece_at(llmc_lane_window *window, size_t index)
{
    return &window->pieces[(window->oldest + index) % LLMC_WINDOW_PIECES];
}

void llmc_lane_window_slide(llmc_lane_window *window, int64_t now_ns)
{
    while (window->count) {
        const llmc_window_piece *oldest = piece_at(window, 0);
        if (oldest->last_ns > now_ns - MINUTE_NS)
            return;
        window->requests -= oldest->requests;
        window->tokens -= oldest->tokens;
        window->oldest = (window->oldest + 1) % LLMC_WINDOW_PIECES;
        window->count--;
    }
}

/* Pieces begin a second or more apart, and the oldest ended less than a minute ago: there is always room for one more. */
void llmc_lane_window_add(llmc_lane_window *window, int64_t tokens, int64_t now_ns)
{
    llmc_window_piece *newest = window->count ? piece_at(window, window->count - 1) : NULL;
    if (!newest || (now_ns - newest->first_ns >= SECOND_NS && window->count < LLMC_WINDOW_PIECES)) {
        newest = piece_at(window, window->count++);
        *newest = (llmc_window_piece){ .first_ns = now_ns };
    }
    newest->last_ns = now_ns > newest->last_ns ? now_ns : newest->last_ns;
    newest->requests++;
    newest->tokens += tokens;
    window->requests++;
    window->tokens += tokens;
}

void llmc_lane_window_correct(llmc_lane_window *window, int64_t at_ns, int64_t requests, int64_t tokens)
{
    for (size_t i = window->count; i-- > 0;) {
        llmc_window_piece *piece = piece_at(window, i);
        if (at_ns < piece->first_ns)
            continue;
        if (at_ns > piece->last_ns)
            return;
        piece->requests += requests;
        piece->tokens += tokens;
        window->requests += requests;
        window->tokens += tokens;
        return;
    }
}

static int64_t when_returned(const llmc_lane_window *window, int64_t excess, bool tokens)
{
    for (size_t i = 0; i < window->count; i++) {
        const llmc_window_piece *piece = &window->pieces[(window->oldest + i) % LLMC_WINDOW_PIECES];
        excess -= tokens ? piece->tokens : piece->requests;
        if (excess <= 0)
            return piece->last_ns + MINUTE_NS;
    }
    return 0;
}

int64_t llmc_lane_window_requests_ns(const llmc_lane_window *window, int64_t limit)
{
    return window->requests < limit ? 0 : when_returned(window, window->requests - limit + 1, false);
}

int64_t llmc_lane_window_tokens_ns(const llmc_lane_window *window, int64_t tokens, int64_t limit)
{
    int64_t wanted = tokens < limit ? tokens : limit;
    return window->tokens + wanted <= limit ? 0 : when_returned(window, window->tokens + wanted - limit, true);
}
