/* One JSON value per line: cut at points taken from the data, the frames are those of the uncut text. */
#include <stdlib.h>

#include "wire/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct run {
    llmc_buffer seen; /* every frame, with its lengths */
    int stop_after;
} run;

static bool note(const llmc_frame *frame, void *user)
{
    run *all = user;
    size_t lengths[2] = { strlen(frame->event), frame->bytes };
    llmc_buffer_add(&all->seen, lengths, sizeof lengths);
    llmc_buffer_add(&all->seen, frame->event, lengths[0]);
    llmc_buffer_add(&all->seen, frame->data, lengths[1]);
    return --all->stop_after != 0;
}

/* Pieces of `step` bytes after a first one; each is a block of its own, so that reading a piece that is gone shows. */
static llmcost_status cut(const char *text, size_t size, size_t first, size_t step, size_t maximum, run *all)
{
    void *state = malloc(llmc_framing_ndjson.state_bytes);
    llmc_framing_ndjson.init(state, &llmc_allocator_system, maximum);
    for (size_t at = 0, length = first; at < size; at += length, length = step) {
        length = length == 0 ? 1 : length;
        length = length > size - at ? size - at : length;
        char *piece = malloc(length);
        memcpy(piece, text + at, length);
        llmcost_status status = llmc_framing_ndjson.feed(state, piece, length, note, all);
        (void)status;
        free(piece);
    }
    llmcost_status status = llmc_framing_ndjson.finish(state, note, all);
    llmc_framing_ndjson.free(state);
    free(state);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    size_t first = data[0], step = data[1], maximum = data[2] & 1 ? data[2] : 1 << 20;
    const char *text = (const char *)data + 4;
    size -= 4;
    run whole = { .stop_after = data[3] }, split = { .stop_after = data[3] };
    llmc_buffer_init(&whole.seen, &llmc_allocator_system, SIZE_MAX / 4);
    llmc_buffer_init(&split.seen, &llmc_allocator_system, SIZE_MAX / 4);
    llmcost_status status = cut(text, size, size, size, maximum, &whole);
    if (cut(text, size, first, step, maximum, &split) != status || whole.seen.length != split.seen.length)
        abort();
    if (whole.seen.length && memcmp(whole.seen.data, split.seen.data, whole.seen.length) != 0)
        abort();
    llmc_buffer_free(&whole.seen);
    llmc_buffer_free(&split.seen);
    return 0;
}
