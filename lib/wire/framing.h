/*
 * Framings: how one body carries many messages. A framing is a pure cutter: bytes in pieces of any size go in, whole
 * frames come out. One descriptor per framing; its state lives in memory of the caller.
 *
 * Order of calls: init, feed any number of times, finish once (bytes that no terminator followed), free.
 */
#ifndef LLMC_FRAMING_H
#define LLMC_FRAMING_H

#include "base/buffer.h"

typedef struct llmc_frame {
    const char *event; /* SSE: the event's name, "" where it has none; other framings: "" */
    const char *data;  /* borrowed during the callback; not ended by a zero byte */
    size_t bytes;
} llmc_frame;

/* Returns false to stop: the rest of the input is not cut any more, and feed returns LLMCOST_OK. */
typedef bool (*llmc_frame_fn)(const llmc_frame *frame, void *user);

typedef struct llmc_framing {
    const char *name;
    size_t state_bytes;
    void (*init)(void *state, const llmc_allocator *allocator, size_t max_frame_bytes);
    /* LLMCOST_OK, E_MEMORY, E_TOO_LARGE (a frame above max_frame_bytes), or E_MALFORMED where the framing can tell. A failure sticks. */
    llmcost_status (*feed)(void *state, const char *bytes, size_t length, llmc_frame_fn fn, void *user);
    llmcost_status (*finish)(void *state, llmc_frame_fn fn, void *user);
    void (*free)(void *state);
} llmc_framing;

/* Server-sent events: LF, CRLF or CR; comments; `data:` with or without a blank; several data lines joined by LF; a last event without its blank line. */
extern const llmc_framing llmc_framing_sse;
/* One JSON value per line, LF or CRLF; blank lines are skipped; a last line without its LF counts. */
extern const llmc_framing llmc_framing_ndjson;
/*
 * Amazon's binary event stream: prelude, headers, payload, CRC-32 over each. event is the :event-type, or the
 * :exception-type of a message of type "exception" (":error-code" of type "error"), so that an exception has the name
 * that it has in the taxonomy; an error's words, which stand in a header, are its data. A wrong checksum or an impossible
 * length is E_MALFORMED; a message that the end cuts is dropped.
 */
extern const llmc_framing llmc_framing_event_stream;
/* The whole body is one frame, delivered by finish. */
extern const llmc_framing llmc_framing_whole;
bool llmc_whole_is_json(const void *state); /* what came so far is an object or an array, with its end */

#endif
