/* The framing of answers that do not stream: the whole body, less a byte order mark, is one frame, also when it is empty. */
#include "wire/framing.h"

#include "wire/json.h"

static void whole_init(void *state, const llmc_allocator *allocator, size_t max_frame_bytes)
{
    llmc_buffer_init(state, allocator, max_frame_bytes);
}

static llmcost_status status_of(const llmc_buffer *body)
{
    if (!body->failure)
        return LLMCOST_OK;
    return body->failure == LLMC_BUFFER_NO_MEMORY ? LLMCOST_E_MEMORY : LLMCOST_E_TOO_LARGE;
}

static llmcost_status whole_feed(void *state, const char *bytes, size_t length, llmc_frame_fn fn, void *user)
{
    (void)fn;
    (void)user;
    llmc_buffer_add(state, bytes, length);
    return status_of(state);
}

static llmc_frame frame_of(const llmc_buffer *body)
{
    static const char mark[] = "\xEF\xBB\xBF";
    size_t skipped = body->length >= sizeof mark - 1 && !memcmp(body->data, mark, sizeof mark - 1) ? sizeof mark - 1 : 0;
    return (llmc_frame){ .event = "", .data = body->length ? body->data + skipped : "", .bytes = body->length - skipped };
}

static llmcost_status whole_finish(void *state, llmc_frame_fn fn, void *user)
{
    const llmc_buffer *body = state;
    llmc_frame frame = frame_of(body);
    if (!body->failure)
        fn(&frame, user);
    return status_of(body);
}

bool llmc_whole_is_json(const void *state)
{
    const llmc_buffer *body = state;
    if (body->failure)
        return false;
    llmc_frame frame = frame_of(body);
    llmc_json json;
    llmc_json_begin(&json, frame.data, frame.bytes);
    llmc_json_type type = llmc_json_peek(&json);
    return (type == LLMC_JSON_OBJECT || type == LLMC_JSON_ARRAY) && llmc_json_skip(&json) && llmc_json_end(&json);
}

static void whole_free(void *state)
{
    llmc_buffer_free(state);
}

const llmc_framing llmc_framing_whole = { "whole", sizeof(llmc_buffer), whole_init, whole_feed, whole_finish, whole_free };
