/*
 * One JSON value per line. A line that came in one piece is handed out where it stands; others are gathered.
 *
 * Limits count alike wherever the pieces were cut: a line may have max_frame_bytes, its end not counted. What is left
 * out: JSON texts that span lines, which are no NDJSON.
 */
#include "wire/framing.h"

typedef struct ndjson_state {
    llmc_buffer line; /* the beginning of a line whose end has not come */
    size_t max_frame_bytes;
    bool stopped;     /* by the callback */
    llmcost_status status;
} ndjson_state;

static void ndjson_init(void *memory, const llmc_allocator *allocator, size_t max_frame_bytes)
{
    ndjson_state *state = memory;
    size_t maximum = max_frame_bytes < SIZE_MAX / 2 ? max_frame_bytes : SIZE_MAX / 2;
    *state = (ndjson_state){ .max_frame_bytes = maximum };
    llmc_buffer_init(&state->line, allocator, maximum + 1); /* and a CR */
}

static void ndjson_free(void *memory)
{
    ndjson_state *state = memory;
    llmc_buffer_free(&state->line);
}

static bool is_blank(const char *line, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
            return false;
    return true;
}

/* One line without its LF. false: stop. */
static bool take_line(ndjson_state *state, const char *line, size_t bytes, llmc_frame_fn fn, void *user)
{
    if (bytes && line[bytes - 1] == '\r')
        bytes--;
    if (bytes > state->max_frame_bytes) {
        state->status = LLMCOST_E_TOO_LARGE;
        return false;
    }
    if (!is_blank(line, bytes))
        state->stopped = !fn(&(llmc_frame){ .event = "", .data = line, .bytes = bytes }, user);
    return !state->stopped;
}

static bool keep(ndjson_state *state, const char *bytes, size_t length)
{
    llmc_buffer_add(&state->line, bytes, length);
    if (state->line.failure)
        state->status = state->line.failure == LLMC_BUFFER_NO_MEMORY ? LLMCOST_E_MEMORY : LLMCOST_E_TOO_LARGE;
    return !state->line.failure;
}

static bool take_kept_line(ndjson_state *state, llmc_frame_fn fn, void *user)
{
    bool go_on = take_line(state, state->line.data, state->line.length, fn, user);
    llmc_buffer_clear(&state->line);
    return go_on;
}

static llmcost_status ndjson_feed(void *memory, const char *bytes, size_t length, llmc_frame_fn fn, void *user)
{
    ndjson_state *state = memory;
    const char *at = bytes, *end = bytes + length, *line_end;
    bool go_on = state->status == LLMCOST_OK && !state->stopped && length;
    while (go_on && (line_end = memchr(at, '\n', (size_t)(end - at)))) {
        if (!state->line.length)
            go_on = take_line(state, at, (size_t)(line_end - at), fn, user);
        else
            go_on = keep(state, at, (size_t)(line_end - at)) && take_kept_line(state, fn, user);
        at = line_end + 1;
        if (at == end)
            return state->status;
    }
    if (go_on)
        keep(state, at, (size_t)(end - at));
    return state->status;
}

static llmcost_status ndjson_finish(void *memory, llmc_frame_fn fn, void *user)
{
    ndjson_state *state = memory;
    if (state->status == LLMCOST_OK && !state->stopped && state->line.length)
        take_kept_line(state, fn, user);
    return state->status;
}

const llmc_framing llmc_framing_ndjson = { "ndjson", sizeof(ndjson_state), ndjson_init, ndjson_feed, ndjson_finish, ndjson_free };
