/*
 * Streaming by pull: the caller's thread drives the call for as long as it takes to have the next piece. Not calling
 * next drives nothing, so the transfer pauses by itself. A stream owns its driver while it is open.
 */
#include "call/openai_shape.h"
#include "client/client.h"

#include <string.h>

typedef struct queued_event {
    llmcost_event event;
    size_t text_at, id_at, name_at, raw_at;
    llmc_usage usage;
} queued_event;

struct llmcost_stream {
    llmcost_client *client;
    llmc_slot *slot;
    llmc_call *call;
    llmcost_response *response;
    llmcost_status status;      /* when the call is complete */
    queued_event *events;
    size_t head, count, capacity;
    llmc_buffer texts;
    llmcost_event current;
    llmc_chunks chunks;
    bool discards, taken;
};

/* ---- the queue between the engine and the caller ---- */

static size_t put_text(llmcost_stream *stream, const char *text, size_t bytes)
{
    size_t at = stream->texts.length;
    if (bytes)
        llmc_buffer_add(&stream->texts, text, bytes);
    llmc_buffer_add_byte(&stream->texts, '\0');
    return at;
}

static size_t put_string(llmcost_stream *stream, const char *text)
{
    return put_text(stream, text, text ? strlen(text) : 0);
}

static bool put_event(llmcost_stream *stream, const llmcost_event *event)
{
    if (!llmc_grow(&stream->client->services.allocator, (void **)&stream->events, &stream->capacity, stream->count + 1, sizeof *stream->events))
        return false;
    queued_event *queued = &stream->events[stream->count];
    queued->event = *event;
    queued->text_at = put_text(stream, event->text, event->bytes);
    queued->id_at = put_string(stream, event->tool_id);
    queued->name_at = put_string(stream, event->tool_name);
    queued->raw_at = put_string(stream, event->finish_raw);
    if (event->usage)
        queued->usage = *event->usage;
    bool complete = stream->texts.failure == LLMC_BUFFER_FINE;
    stream->count += complete;
    return complete;
}

/* What cannot be queued ends the call, and it is not the caller who has left. */
static bool queue_event(llmc_call *call, const llmcost_event *event)
{
    llmcost_stream *stream = call->user;
    bool shown, goes_on = llmc_chunks_see(&stream->chunks, event, &shown) && (!shown || stream->discards || put_event(stream, event));
    call->no_memory |= !goes_on;
    return goes_on;
}

static const llmcost_event *pop_event(llmcost_stream *stream)
{
    queued_event *queued = &stream->events[stream->head++];
    const char *texts = stream->texts.data;
    stream->current = queued->event;
    stream->current.text = texts + queued->text_at;
    stream->current.tool_id = texts + queued->id_at;
    stream->current.tool_name = texts + queued->name_at;
    stream->current.finish_raw = texts + queued->raw_at;
    stream->current.usage = queued->event.usage ? &queued->usage : NULL;
    llmc_chunks_attach(&stream->chunks, &stream->current);
    return &stream->current;
}

static void clear_queue(llmcost_stream *stream)
{
    stream->head = stream->count = 0;
    llmc_buffer_clear(&stream->texts);
}

/* ---- driving ---- */

static void step(llmcost_stream *stream, int64_t until_ns)
{
    if (!stream->call->slot) { /* a policy waits for something that no driver will bring */
        llmc_call_cancel(stream->call, LLMCOST_E_MISUSE);
        return;
    }
    llmc_driver_step(&stream->slot->driver, until_ns);
}

static void call_done(llmc_call *call)
{
    llmcost_stream *stream = call->user;
    llmcost_event usage;
    stream->status = call->response->status;
    if (!stream->discards && llmc_chunks_owed(&stream->chunks, call->response, &usage) && !put_event(stream, &usage))
        stream->status = LLMCOST_E_MEMORY;
}

static void drop_stream(llmcost_stream *stream)
{
    llmc_allocator allocator = stream->client->services.allocator; /* with the driver given back another thread may close the client */
    llmc_response_unref(stream->response);
    llmc_free(&allocator, stream->events);
    llmc_buffer_free(&stream->texts);
    llmc_chunks_free(&stream->chunks);
    llmc_slot_return(stream->slot, true);
    llmc_free(&allocator, stream);
}

static llmcost_stream *new_stream(llmcost_client *client, llmcost_response *response)
{
    const llmc_allocator *allocator = &client->services.allocator;
    llmcost_stream *stream = llmc_calloc(allocator, 1, sizeof *stream);
    if (!stream)
        return NULL;
    stream->client = client;
    stream->slot = llmc_slot_lease(client, true);
    if (!stream->slot) {
        llmc_free(allocator, stream);
        return NULL;
    }
    llmc_buffer_init(&stream->texts, allocator, SIZE_MAX / 4);
    stream->response = response;
    return stream;
}

/* The response's reference is the stream's, also after a failure. */
static llmcost_status open_stream(llmcost_client *client, llmc_front *front, llmc_usage_chunk usage, llmcost_stream **out)
{
    llmcost_stream *stream = new_stream(client, front->response);
    if (!stream) {
        llmc_response_unref(front->response);
        return atomic_load(&client->closing) ? LLMCOST_E_CLOSED : LLMCOST_E_MEMORY;
    }
    llmc_call *call = stream->call = llmc_call_new(client, front->response, LLMC_OP_CHAT, front->request, LLMC_CALL_STREAM);
    if (!call || (!front->status && !llmc_call_attach(call, stream->slot))) {
        drop_stream(stream);
        return LLMCOST_E_MEMORY;
    }
    call->streams = true;
    call->sink = queue_event;
    call->done = call_done;
    call->user = stream;
    llmc_chunks_init(&stream->chunks, &client->services.allocator, front->response, front->request);
    stream->chunks.usage = usage;
    if (front->status)
        llmc_call_fail(call, front->status);
    else
        llmc_call_begin(call);
    *out = stream;
    return LLMCOST_OK;
}

/* ---- the public face ---- */

llmcost_status llmcost_stream_open(llmcost_client *client, const llmcost_request *request, llmcost_stream **out)
{
    llmc_front front;
    if (!out)
        return LLMCOST_E_MISUSE;
    *out = NULL;
    llmc_visit visit;
    llmcost_status status = llmc_client_enter(client, &visit);
    if (status)
        return status;
    status = llmc_front_open(&visit, request, LLMC_OP_CHAT, true, &front);
    if (!status)
        status = open_stream(client, &front, LLMC_USAGE_AS_TOLD, out);
    llmc_client_leave(&visit);
    return status;
}

llmcost_status llmcost_stream_open_json(llmcost_client *client, const char *body, size_t body_bytes, llmcost_stream **out)
{
    llmc_json_front json;
    if (!out)
        return LLMCOST_E_MISUSE;
    *out = NULL;
    llmc_visit visit;
    llmcost_status status = llmc_client_enter(client, &visit);
    if (status)
        return status;
    status = llmc_front_open_json(&visit, body, body_bytes, LLMC_OP_CHAT, &json);
    if (!status)
        status = open_stream(client, &json.front, json.wants_usage ? LLMC_USAGE_ALWAYS : LLMC_USAGE_NEVER, out);
    llmc_client_leave(&visit);
    return status;
}

llmcost_status llmcost_stream_next(llmcost_stream *stream, const llmcost_event **out)
{
    if (!out)
        return LLMCOST_E_MISUSE;
    *out = NULL;
    if (!stream || !llmc_client_is_ours(stream->client))
        return LLMCOST_E_MISUSE;
    if (stream->head == stream->count) {
        clear_queue(stream);
        while (stream->count == 0 && !stream->call->complete)
            step(stream, LLMC_NEVER);
    }
    if (stream->head == stream->count)
        return stream->status;
    *out = pop_event(stream);
    return LLMCOST_OK;
}

int llmcost_stream_poll(llmcost_stream *stream, int32_t timeout_ms)
{
    if (!stream || !llmc_client_is_ours(stream->client))
        return 1; /* next says what is wrong */
    if (stream->head < stream->count)
        return 1;
    clear_queue(stream);
    const llmcost_clock *clock = &stream->client->services.clock;
    int64_t until_ns = timeout_ms < 0 ? LLMC_NEVER : llmc_clock_after(llmc_clock_now(clock), timeout_ms);
    while (stream->count == 0 && !stream->call->complete) {
        step(stream, until_ns);
        if (llmc_clock_now(clock) >= until_ns)
            break;
    }
    return stream->count > 0 || stream->call->complete;
}

llmcost_status llmcost_stream_finish(llmcost_stream *stream, llmcost_response **out)
{
    if (!out)
        return LLMCOST_E_MISUSE;
    *out = NULL;
    if (!stream || stream->taken || !llmc_client_is_ours(stream->client))
        return LLMCOST_E_MISUSE;
    stream->discards = true;
    clear_queue(stream);
    while (!stream->call->complete)
        step(stream, LLMC_NEVER);
    *out = llmc_response_ref(stream->response);
    llmcost_status status = stream->status;
    stream->taken = true;
    return status;
}

void llmcost_stream_close(llmcost_stream *stream)
{
    if (!stream || !llmc_client_is_ours(stream->client))
        return;
    stream->discards = true;
    llmc_call_cancel(stream->call, LLMCOST_E_CANCELLED);
    while (!stream->call->complete)
        step(stream, LLMC_NEVER);
    llmc_client_give_turn(stream->client); /* before the driver goes back: then the client may be closed */
    drop_stream(stream);
}

llmcost_status llmcost_chat_stream(llmcost_client *client, const llmcost_request *request, llmcost_event_fn fn, void *user, llmcost_response **out)
{
    llmcost_stream *stream;
    const llmcost_event *event;
    if (!out)
        return LLMCOST_E_MISUSE;
    *out = NULL;
    if (!fn)
        return LLMCOST_E_MISUSE;
    llmcost_status status = llmcost_stream_open(client, request, &stream);
    if (status)
        return status;
    while ((status = llmcost_stream_next(stream, &event)) == LLMCOST_OK && event) {
        int stop = fn(event, user);
        if (stop) {
            llmc_call_cancel(stream->call, LLMCOST_E_CANCELLED);
            break;
        }
    }
    status = llmcost_stream_finish(stream, out);
    llmcost_stream_close(stream);
    return status;
}
