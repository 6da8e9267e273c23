/*
 * Amazon's binary event stream. A message is two lengths with a checksum of their own, headers, a payload, and a
 * checksum of all before. The lengths are believed only after their checksum, so that a hostile one costs nothing.
 *
 * A message that came in one piece is handed out where it stands; all else is gathered. Headers other than the three
 * that name a message are skipped by the width of their type. A message that the end of the input cuts is dropped: the
 * decoder knows that its answer is not complete.
 */
#include "base/crc32.h"
#include "wire/framing.h"

enum {
    PRELUDE = 12, CHECKSUM = 4,
    HEADERS_MAXIMUM = 128 << 10, /* the format's own limit */
    NAME_BYTES = 128             /* of an event; longer ones are cut */
};

typedef struct event_stream_state {
    llmc_buffer message;  /* the beginning of a message whose end has not come */
    size_t max_payload;
    char event[NAME_BYTES];
    bool stopped;         /* by the callback */
    llmcost_status status;
} event_stream_state;

/* The value of a header that names a message. */
typedef struct header_text {
    const char *text;
    size_t bytes;
} header_text;

typedef struct message_headers {
    header_text message_type, event_type, exception_type, error_code, error_message;
} message_headers;

static void event_stream_init(void *memory, const llmc_allocator *allocator, size_t max_frame_bytes)
{
    event_stream_state *state = memory;
    size_t overhead = PRELUDE + HEADERS_MAXIMUM + CHECKSUM, most = SIZE_MAX / 2;
    *state = (event_stream_state){ .max_payload = max_frame_bytes };
    llmc_buffer_init(&state->message, allocator, max_frame_bytes > most - overhead ? most : max_frame_bytes + overhead);
}

static void event_stream_free(void *memory)
{
    event_stream_state *state = memory;
    llmc_buffer_free(&state->message);
}

static uint32_t read_u32(const char *at)
{
    const unsigned char *bytes = (const unsigned char *)at;
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The length of the message that begins here with its whole prelude; 0: a failure. */
static size_t message_bytes(event_stream_state *state, const char *prelude)
{
    size_t total = read_u32(prelude), headers = read_u32(prelude + 4);
    state->status = LLMCOST_E_MALFORMED;
    if (llmc_crc32(0, prelude, 8) != read_u32(prelude + 8) || total < PRELUDE + CHECKSUM || headers > total - PRELUDE - CHECKSUM || headers > HEADERS_MAXIMUM)
        return 0;
    if (total - PRELUDE - CHECKSUM - headers > state->max_payload) {
        state->status = LLMCOST_E_TOO_LARGE;
        return 0;
    }
    state->status = LLMCOST_OK;
    return total;
}

/* The width of a value, its own length included; 0: no such type, or it does not fit. Sets *text for a string. */
static size_t value_bytes(int type, const char *at, size_t left, header_text *text)
{
    enum { BYTES = 6, STRING = 7 };
    static const uint8_t widths[] = { 0, 0, 1, 2, 4, 8, 2, 2, 8, 16 }; /* true, false, byte, short, int, long, bytes, string, time, uuid */
    *text = (header_text){ 0 };
    if (type < 0 || (size_t)type >= sizeof widths || widths[type] > left)
        return SIZE_MAX;
    if (type != BYTES && type != STRING)
        return widths[type];
    size_t length = (size_t)(unsigned char)at[0] << 8 | (unsigned char)at[1];
    if (length > left - 2)
        return SIZE_MAX;
    if (type == STRING)
        *text = (header_text){ at + 2, length };
    return 2 + length;
}

static bool is_named(const char *name, size_t bytes, const char *wanted)
{
    return bytes == strlen(wanted) && memcmp(name, wanted, bytes) == 0;
}

static void note_header(message_headers *headers, const char *name, size_t bytes, header_text value)
{
    const struct { const char *name; header_text *value; } known[] = {
        { ":message-type", &headers->message_type }, { ":event-type", &headers->event_type }, { ":exception-type", &headers->exception_type },
        { ":error-code", &headers->error_code }, { ":error-message", &headers->error_message },
    };
    for (size_t i = 0; value.text && i < sizeof known / sizeof known[0]; i++)
        if (is_named(name, bytes, known[i].name))
            *known[i].value = value;
}

static bool read_headers(const char *at, size_t left, message_headers *headers)
{
    *headers = (message_headers){ 0 };
    while (left) {
        size_t name = (unsigned char)at[0];
        header_text value;
        if (left < name + 2)
            return false;
        size_t width = value_bytes((unsigned char)at[1 + name], at + 2 + name, left - 2 - name, &value);
        if (width == SIZE_MAX)
            return false;
        note_header(headers, at + 1, name, value);
        at += 2 + name + width;
        left -= 2 + name + width;
    }
    return true;
}

/* What the frame is called: an exception by its kind, an error by its code. */
static header_text name_of(const message_headers *headers)
{
    const header_text *type = &headers->message_type;
    bool exception = is_named(type->text, type->bytes, "exception"), error = is_named(type->text, type->bytes, "error");
    header_text name = exception ? headers->exception_type : error ? headers->error_code : headers->event_type;
    return (exception || error) && !name.bytes ? *type : name;
}

/* false: stop. */
static bool take_message(event_stream_state *state, const char *message, size_t bytes, llmc_frame_fn fn, void *user)
{
    message_headers headers;
    size_t header_bytes = read_u32(message + 4);
    bool sound = llmc_crc32(0, message, bytes - CHECKSUM) == read_u32(message + bytes - CHECKSUM);
    if (!sound || !read_headers(message + PRELUDE, header_bytes, &headers)) {
        state->status = LLMCOST_E_MALFORMED;
        return false;
    }
    header_text name = name_of(&headers);
    size_t length = name.bytes < NAME_BYTES ? name.bytes : NAME_BYTES - 1;
    if (length)
        memcpy(state->event, name.text, length);
    state->event[length] = '\0';
    llmc_frame frame = { .event = state->event, .data = message + PRELUDE + header_bytes, .bytes = bytes - PRELUDE - header_bytes - CHECKSUM };
    if (!frame.bytes && headers.error_message.bytes) { /* an error has its words among the headers */
        frame.data = headers.error_message.text;
        frame.bytes = headers.error_message.bytes;
    }
    state->stopped = !fn(&frame, user);
    return !state->stopped;
}

/* Adds to the message that is being gathered, up to `wanted` bytes of it. false: no memory. */
static bool gather(event_stream_state *state, size_t wanted, const char **at, const char *end)
{
    size_t missing = wanted - state->message.length, there = (size_t)(end - *at), taken = there < missing ? there : missing;
    llmc_buffer_add(&state->message, *at, taken);
    *at += taken;
    if (state->message.failure)
        state->status = state->message.failure == LLMC_BUFFER_NO_MEMORY ? LLMCOST_E_MEMORY : LLMCOST_E_TOO_LARGE;
    return !state->message.failure;
}

/* Goes on with the gathered message. false: stop, or it is still not complete. */
static bool finish_gathered(event_stream_state *state, const char **at, const char *end, llmc_frame_fn fn, void *user)
{
    llmc_buffer *message = &state->message;
    if (message->length < PRELUDE && (!gather(state, PRELUDE, at, end) || message->length < PRELUDE))
        return false;
    size_t bytes = message_bytes(state, message->data);
    if (!bytes || !gather(state, bytes, at, end) || message->length < bytes)
        return false;
    bool go_on = take_message(state, message->data, bytes, fn, user);
    llmc_buffer_clear(message);
    return go_on;
}

static llmcost_status event_stream_feed(void *memory, const char *bytes, size_t length, llmc_frame_fn fn, void *user)
{
    event_stream_state *state = memory;
    if (state->status || state->stopped || !length)
        return state->status;
    const char *at = bytes, *end = bytes + length;
    if (state->message.length && !finish_gathered(state, &at, end, fn, user))
        return state->status;
    while (at < end) {
        size_t there = (size_t)(end - at), wanted = there < PRELUDE ? 0 : message_bytes(state, at);
        if (state->status)
            break;
        if (!wanted || wanted > there) {
            gather(state, there, &at, end);
            break;
        }
        if (!take_message(state, at, wanted, fn, user))
            break;
        at += wanted;
    }
    return state->status;
}

static llmcost_status event_stream_finish(void *memory, llmc_frame_fn fn, void *user)
{
    event_stream_state *state = memory;
    (void)fn;
    (void)user;
    return state->status;
}

const llmc_framing llmc_framing_event_stream = { "event_stream", sizeof(event_stream_state), event_stream_init, event_stream_feed, event_stream_finish, event_stream_free };
