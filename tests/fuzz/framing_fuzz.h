/* Bytes through a framing, twice: whole, and cut at points taken from the data. The frames must be the same. */
#ifndef FUZZ_FRAMING_FUZZ_H
#define FUZZ_FRAMING_FUZZ_H

#include "wire/framing.h"

#include <stdlib.h>

typedef struct fuzz_run {
    llmc_buffer seen; /* every frame, with its lengths */
    int stop_after;
} fuzz_run;

static inline bool fuzz_note(const llmc_frame *frame, void *user)
{
    fuzz_run *all = user;
    size_t lengths[2] = { strlen(frame->event), frame->bytes };
    llmc_buffer_add(&all->seen, lengths, sizeof lengths);
    llmc_buffer_add(&all->seen, frame->event, lengths[0]);
    llmc_buffer_add(&all->seen, frame->data, lengths[1]);
    return --all->stop_after != 0;
}

/* Pieces of `step` bytes after a first one; each is a block of its own, so that reading a piece that is gone shows. */
static inline llmcost_status fuzz_cut(const llmc_framing *framing, const char *text, size_t size, size_t first, size_t step, size_t maximum, fuzz_run *all)
{
    void *state = malloc(framing->state_bytes);
    framing->init(state, &llmc_allocator_system, maximum);
    for (size_t at = 0, length = first; at < size; at += length, length = step) {
        length = length == 0 ? 1 : length;
        length = length > size - at ? size - at : length;
        char *piece = malloc(length);
        memcpy(piece, text + at, length);
        llmcost_status status = framing->feed(state, piece, length, fuzz_note, all);
        (void)status;
        free(piece);
    }
    llmcost_status status = framing->finish(state, fuzz_note, all);
    framing->free(state);
    free(state);
    return status;
}

static inline void fuzz_framing(const llmc_framing *framing, const char *text, size_t size, size_t first, size_t step, size_t maximum, int stop_after)
{
    fuzz_run whole = { .stop_after = stop_after }, split = { .stop_after = stop_after };
    llmc_buffer_init(&whole.seen, &llmc_allocator_system, SIZE_MAX / 4);
    llmc_buffer_init(&split.seen, &llmc_allocator_system, SIZE_MAX / 4);
    llmcost_status status = fuzz_cut(framing, text, size, size, size, maximum, &whole);
    if (fuzz_cut(framing, text, size, first, step, maximum, &split) != status || whole.seen.length != split.seen.length)
        abort();
    if (whole.seen.length && memcmp(whole.seen.data, split.seen.data, whole.seen.length) != 0)
        abort();
    llmc_buffer_free(&whole.seen);
    llmc_buffer_free(&split.seen);
}

#endif
