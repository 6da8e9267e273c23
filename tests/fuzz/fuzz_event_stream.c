/*
 * Amazon's event streams: cut at points taken from the data, the frames are those of the uncut bytes. With an odd third
 * byte the checksums are put right first, as far as the lengths make sense, so that what lies behind them is reached.
 */
#include <stdlib.h>

#include "base/crc32.h"
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

static void write_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void mend(uint8_t *at, size_t left)
{
    while (left >= 16) {
        size_t total = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
        write_u32(at + 8, llmc_crc32(0, at, 8));
        if (total < 16 || total > left)
            return;
        write_u32(at + total - 4, llmc_crc32(0, at, total - 4));
        at += total;
        left -= total;
    }
}

/* Pieces of `step` bytes after a first one; each is a block of its own, so that reading a piece that is gone shows. */
static llmcost_status cut(const uint8_t *bytes, size_t size, size_t first, size_t step, size_t maximum, run *all)
{
    void *state = malloc(llmc_framing_event_stream.state_bytes);
    llmc_framing_event_stream.init(state, &llmc_allocator_system, maximum);
    for (size_t at = 0, length = first; at < size; at += length, length = step) {
        length = length == 0 ? 1 : length;
        length = length > size - at ? size - at : length;
        char *piece = malloc(length);
        memcpy(piece, bytes + at, length);
        llmcost_status status = llmc_framing_event_stream.feed(state, piece, length, note, all);
        (void)status;
        free(piece);
    }
    llmcost_status status = llmc_framing_event_stream.finish(state, note, all);
    llmc_framing_event_stream.free(state);
    free(state);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    size_t first = data[0], step = data[1], maximum = data[2] & 2 ? data[2] : 1 << 20;
    run whole = { .stop_after = data[3] }, split = { .stop_after = data[3] };
    uint8_t *bytes = malloc(size);
    memcpy(bytes, data + 4, size - 4);
    if (data[2] & 1)
        mend(bytes, size - 4);
    llmc_buffer_init(&whole.seen, &llmc_allocator_system, SIZE_MAX / 4);
    llmc_buffer_init(&split.seen, &llmc_allocator_system, SIZE_MAX / 4);
    llmcost_status status = cut(bytes, size - 4, size, size, maximum, &whole);
    if (cut(bytes, size - 4, first, step, maximum, &split) != status || whole.seen.length != split.seen.length)
        abort();
    if (whole.seen.length && memcmp(whole.seen.data, split.seen.data, whole.seen.length) != 0)
        abort();
    llmc_buffer_free(&whole.seen);
    llmc_buffer_free(&split.seen);
    free(bytes);
    return 0;
}
