/*
 * Server-sent events, by the rules of the HTML standard as far as `event` and `data` go. `id` and `retry` are ignored:
 * they serve reconnecting, and a paid answer is not asked for twice.
 *
 * Unlike the standard, the last event counts although no blank line follows it: providers close the connection there.
 * An event of one data line that came in one piece is handed out where it stands; all else is gathered.
 *
 * Limits count alike wherever the pieces were cut: the data of an event, and any one line, may have max_frame_bytes.
 */
#include "wire/framing.h"

#include "wire/scan.h"

enum { LINE_SLACK = 16 }; /* a byte order mark and "data: ", which are no part of the frame */

typedef struct sse_state {
    llmc_buffer line;     /* the beginning of a line whose end has not come */
    llmc_buffer data;     /* data lines that cannot be borrowed */
    llmc_buffer event;
    const char *borrowed; /* the only data line so far, inside the piece at hand; NULL: see data */
    size_t borrowed_bytes;
    size_t max_line_bytes;
    bool has_data, has_event;
    bool started;         /* the first line, which may bear a byte order mark, is behind */
    bool after_cr;        /* an LF that comes now belongs to the line end before */
    bool stopped;         /* by the callback */
    llmcost_status status;
} sse_state;

static void sse_init(void *memory, const llmc_allocator *allocator, size_t max_frame_bytes)
{
    sse_state *state = memory;
    size_t max_line_bytes = max_frame_bytes > SIZE_MAX / 2 ? SIZE_MAX / 2 : max_frame_bytes + LINE_SLACK;
    *state = (sse_state){ .max_line_bytes = max_line_bytes };
    llmc_buffer_init(&state->line, allocator, max_line_bytes);
    llmc_buffer_init(&state->event, allocator, max_line_bytes);
    llmc_buffer_init(&state->data, allocator, max_frame_bytes);
}

static void sse_free(void *memory)
{
    sse_state *state = memory;
    llmc_buffer_free(&state->line);
    llmc_buffer_free(&state->data);
    llmc_buffer_free(&state->event);
}

static bool fine(sse_state *state, const llmc_buffer *buffer)
{
    if (buffer->failure)
        state->status = buffer->failure == LLMC_BUFFER_NO_MEMORY ? LLMCOST_E_MEMORY : LLMCOST_E_TOO_LARGE;
    return !buffer->failure;
}

/* What was borrowed moves into the buffer: more data follows, or the piece ends. */
static bool keep_borrowed(sse_state *state)
{
    if (!state->borrowed)
        return true;
    llmc_buffer_add(&state->data, state->borrowed, state->borrowed_bytes);
    state->borrowed = NULL;
    return fine(state, &state->data);
}

static bool add_data(sse_state *state, const char *value, size_t bytes, bool borrowable)
{
    if (bytes > state->data.maximum) {
        state->status = LLMCOST_E_TOO_LARGE;
        return false;
    }
    if (!state->has_data && borrowable) {
        state->has_data = true;
        state->borrowed = value;
        state->borrowed_bytes = bytes;
        return true;
    }
    if (!keep_borrowed(state))
        return false;
    if (state->has_data)
        llmc_buffer_add_byte(&state->data, '\n');
    state->has_data = true;
    llmc_buffer_add(&state->data, value, bytes);
    return fine(state, &state->data);
}

static bool set_event(sse_state *state, const char *value, size_t bytes)
{
    llmc_buffer_clear(&state->event);
    llmc_buffer_add(&state->event, value, bytes);
    state->has_event = llmc_buffer_text(&state->event) != NULL;
    return fine(state, &state->event);
}

static bool dispatch(sse_state *state, llmc_frame_fn fn, void *user)
{
    llmc_frame frame = { .event = state->has_event ? state->event.data : "", .data = state->data.data, .bytes = state->data.length };
    if (state->borrowed) {
        frame.data = state->borrowed;
        frame.bytes = state->borrowed_bytes;
    }
    if (frame.bytes)
        state->stopped = !fn(&frame, user);
    state->borrowed = NULL;
    state->has_data = state->has_event = false;
    llmc_buffer_clear(&state->data);
    return !state->stopped;
}

/* One line without its end. borrowable: it stays where it is until the piece ends. false: stop. */
static bool take_line(sse_state *state, const char *line, size_t bytes, bool borrowable, llmc_frame_fn fn, void *user)
{
    if (bytes > state->max_line_bytes) {
        state->status = LLMCOST_E_TOO_LARGE;
        return false;
    }
    if (!state->started && bytes >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0) {
        line += 3;
        bytes -= 3;
    }
    state->started = true;
    if (!bytes)
        return dispatch(state, fn, user);
    const char *colon = memchr(line, ':', bytes);
    size_t name = colon ? (size_t)(colon - line) : bytes, value = colon ? name + 1 : name;
    if (value < bytes && line[value] == ' ')
        value++;
    if (name == 4 && memcmp(line, "data", 4) == 0)
        return add_data(state, line + value, bytes - value, borrowable);
    if (name == 5 && memcmp(line, "event", 5) == 0)
        return set_event(state, line + value, bytes - value);
    return true; /* a comment, or a field that nobody needs */
}

/* The line whose beginning was kept. */
static bool take_kept_line(sse_state *state, llmc_frame_fn fn, void *user)
{
    bool go_on = fine(state, &state->line) && take_line(state, state->line.data, state->line.length, false, fn, user);
    llmc_buffer_clear(&state->line);
    return go_on;
}

static void cut(sse_state *state, const char *at, const char *end, llmc_frame_fn fn, void *user)
{
    bool go_on = true;
    while (go_on && at < end) {
        if (state->after_cr && *at == '\n')
            at++;
        state->after_cr = false;
        const char *line_end = llmc_scan_line_end(at, end);
        size_t bytes = (size_t)(line_end - at);
        if (line_end == end || state->line.length)
            llmc_buffer_add(&state->line, at, bytes);
        if (line_end == end) {
            fine(state, &state->line);
            return;
        }
        go_on = state->line.length ? take_kept_line(state, fn, user) : take_line(state, at, bytes, true, fn, user);
        state->after_cr = *line_end == '\r';
        at = line_end + 1;
    }
}

static llmcost_status sse_feed(void *memory, const char *bytes, size_t length, llmc_frame_fn fn, void *user)
{
    sse_state *state = memory;
    if (state->status != LLMCOST_OK || state->stopped || !length)
        return state->status;
    cut(state, bytes, bytes + length, fn, user);
    if (state->status == LLMCOST_OK)
        keep_borrowed(state);
    return state->status;
}

static llmcost_status sse_finish(void *memory, llmc_frame_fn fn, void *user)
{
    sse_state *state = memory;
    if (state->status != LLMCOST_OK || state->stopped)
        return state->status;
    if (!state->line.length || take_kept_line(state, fn, user))
        dispatch(state, fn, user);
    return state->status;
}

const llmc_framing llmc_framing_sse = { "sse", sizeof(sse_state), sse_init, sse_feed, sse_finish, sse_free };
