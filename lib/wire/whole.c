/* The framing of answers that do not stream: the whole body, less a byte order mark, is one frame, also when it is empty. */
#include "wire/framing.h"

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

static llmcost_status whole_finish(void *state, llmc_frame_fn fn, void *user)
{
    static const char mark[] = "\xEF\xBB\xBF";
    const llmc_buffer *body = state;
    size_t skipped = body->length >= sizeof mark - 1 && !memcmp(body->data, mark, sizeof mark - 1) ? sizeof mark - 1 : 0;
    if (!body->failure)
        fn(&(llmc_frame){ .event = "", .data = body->length ? body->data + skipped : "", .bytes = body->length - skipped }, user);
    return status_of(body);
}

static void whole_free(void *state)
{
    llmc_buffer_free(state);
}

const llmc_framing llmc_framing_whole = { "whole", sizeof(llmc_buffer), whole_init, whole_feed, whole_finish, whole_free };
