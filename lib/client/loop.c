/*
 * Async: a driver of its own, run by the host's thread. Submitting and cancelling from other threads are messages; the
 * calls themselves live on the polling thread only.
 */
#include "call/openai_shape.h"
#include "client/client.h"

#include <string.h>

enum { BUCKETS = 1024 };

typedef struct loop_call {
    llmc_message message; /* its submission */
    llmcost_loop *loop;
    struct loop_call *next_in_bucket, *next_doomed;
    uint64_t id;
    bool stopped; /* by the closing */
    llmc_front front;
    llmc_call *call;
    llmcost_event_fn on_event;
    llmcost_done_fn on_done;
    void *user;
    llmc_chunks chunks;
} loop_call;

typedef struct cancel_message {
    llmc_message message;
    llmcost_loop *loop;
    uint64_t id;
} cancel_message;

struct llmcost_loop {
    llmcost_client *client;
    llmc_slot *slot;
    atomic_uint_fast64_t last_id;
    atomic_uint_fast64_t pending; /* submitted and not done */
    loop_call *buckets[BUCKETS];  /* begun and not done: the polling thread's */
    loop_call *done;              /* to be freed at the end of the round */
    atomic_bool closing;
    bool polling;
};

static loop_call **find_link(llmcost_loop *loop, uint64_t id)
{
    loop_call **link = &loop->buckets[id % BUCKETS];
    while (*link && (*link)->id != id)
        link = &(*link)->next_in_bucket;
    return link;
}

static void free_done(llmcost_loop *loop)
{
    while (loop->done) {
        loop_call *item = loop->done;
        loop->done = item->next_doomed;
        llmc_chunks_free(&item->chunks);
        llmc_free(&loop->client->services.allocator, item);
    }
}

/* ---- what the engine reports ---- */

static bool show(loop_call *item, const llmcost_event *event)
{
    llmcost_event copy = *event;
    llmc_chunks_attach(&item->chunks, &copy);
    return item->on_event(&copy, item->user) == 0;
}

static bool event_left(llmc_call *call, const llmcost_event *event)
{
    loop_call *item = call->user;
    bool shown, seen = llmc_chunks_see(&item->chunks, event, &shown);
    call->no_memory |= !seen;
    return seen && (!shown || show(item, event));
}

static void call_done(llmc_call *call)
{
    loop_call *item = call->user;
    llmcost_loop *loop = item->loop;
    loop_call **link = find_link(loop, item->id);
    if (*link)
        *link = item->next_in_bucket;
    item->next_doomed = loop->done;
    loop->done = item;
    atomic_fetch_sub(&loop->pending, 1);
    llmcost_event usage;
    if (item->on_event && llmc_chunks_owed(&item->chunks, call->response, &usage))
        show(item, &usage);
    item->on_done(item->id, call->response, item->user);
}

/* ---- submitting ---- */

static void start_call(llmc_message *message)
{
    loop_call *item = (loop_call *)message;
    llmcost_loop *loop = item->loop;
    loop_call **bucket = &loop->buckets[item->id % BUCKETS];
    item->next_in_bucket = *bucket;
    *bucket = item;
    if (item->front.status) {
        llmc_call_fail(item->call, item->front.status);
        return;
    }
    if (!llmc_call_attach(item->call, loop->slot)) {
        llmc_call_fail(item->call, LLMCOST_E_MEMORY);
        return;
    }
    if (atomic_load_explicit(&loop->closing, memory_order_relaxed)) {
        llmc_call_cancel(item->call, LLMCOST_E_CANCELLED);
        return;
    }
    llmc_call_begin(item->call);
}

/* Whom to tell, and whether as it comes. */
typedef struct listener {
    llmcost_event_fn on_event; /* NULL: the answer is not streamed */
    llmcost_done_fn on_done;
    void *user;
    uint64_t *call;
} listener;

static llmcost_status submit(llmcost_loop *loop, llmc_operation_id operation, llmc_front *front, llmc_usage_chunk usage, const listener *to)
{
    llmcost_client *client = loop->client;
    loop_call *item = llmc_calloc(&client->services.allocator, 1, sizeof *item);
    llmc_call *made = item ? llmc_call_new(client, front->response, operation, front->request, LLMC_CALL_LOOP) : NULL;
    if (!made) {
        llmc_free(&client->services.allocator, item);
        llmc_response_unref(front->response);
        return LLMCOST_E_MEMORY;
    }
    *item = (loop_call){ .message.run = start_call, .loop = loop, .front = *front, .call = made, .on_event = to->on_event, .on_done = to->on_done, .user = to->user };
    made->streams = to->on_event != NULL;
    made->sink = to->on_event ? event_left : NULL;
    made->done = call_done;
    made->user = item;
    item->id = made->id = atomic_fetch_add(&loop->last_id, 1) + 1;
    llmc_chunks_init(&item->chunks, &client->services.allocator, front->response, front->request);
    item->chunks.usage = usage;
    if (to->call)
        *to->call = item->id;
    atomic_fetch_add(&loop->pending, 1);
    llmc_driver_post(&loop->slot->driver, &item->message);
    return LLMCOST_OK;
}

static llmcost_status enter(llmcost_loop *loop, const listener *to, llmc_visit *visit)
{
    if (to->call)
        *to->call = 0;
    if (!loop || !to->on_done)
        return LLMCOST_E_MISUSE;
    /* A host that answers every end with another call would never see the loop closed. */
    if (atomic_load_explicit(&loop->closing, memory_order_relaxed))
        return LLMCOST_E_CLOSED;
    return llmc_client_enter(loop->client, visit);
}

static llmcost_status submit_request(llmcost_loop *loop, llmc_operation_id operation, const llmcost_request *request, const listener *to)
{
    llmc_front front;
    llmc_visit visit;
    llmcost_status status = enter(loop, to, &visit);
    if (status)
        return status;
    status = llmc_front_open(&visit, request, operation, true, &front);
    if (!status)
        status = submit(loop, operation, &front, LLMC_USAGE_AS_TOLD, to);
    llmc_client_leave(&visit);
    return status;
}

static llmcost_status submit_body(llmcost_loop *loop, llmc_operation_id operation, const char *body, size_t body_bytes, const listener *to)
{
    llmc_json_front json;
    llmc_visit visit;
    llmcost_status status = enter(loop, to, &visit);
    if (status)
        return status;
    listener told = *to;
    status = llmc_front_open_json(&visit, body, body_bytes, operation, &json);
    bool streams = !status && json.wants_stream && operation == LLMC_OP_CHAT;
    if (streams && !json.front.status && !to->on_event)
        json.front.status = llmc_error_set(&json.front.response->error, LLMCOST_E_INVALID, "\"stream\": true needs an on_event callback");
    if (!streams)
        told.on_event = NULL;
    if (!status)
        status = submit(loop, operation, &json.front, json.wants_usage ? LLMC_USAGE_ALWAYS : LLMC_USAGE_NEVER, &told);
    llmc_client_leave(&visit);
    return status;
}

llmcost_status llmcost_loop_submit(llmcost_loop *loop, const llmcost_request *request, llmcost_event_fn on_event, llmcost_done_fn on_done, void *user, uint64_t *call)
{
    return submit_request(loop, LLMC_OP_CHAT, request, &(listener){ on_event, on_done, user, call });
}

llmcost_status llmcost_loop_submit_json(llmcost_loop *loop, const char *body, size_t body_bytes, llmcost_event_fn on_event, llmcost_done_fn on_done, void *user, uint64_t *call)
{
    return submit_body(loop, LLMC_OP_CHAT, body, body_bytes, &(listener){ on_event, on_done, user, call });
}

llmcost_status llmcost_loop_submit_embed(llmcost_loop *loop, const llmcost_request *request, llmcost_done_fn on_done, void *user, uint64_t *call)
{
    return submit_request(loop, LLMC_OP_EMBED, request, &(listener){ NULL, on_done, user, call });
}

llmcost_status llmcost_loop_submit_embed_json(llmcost_loop *loop, const char *body, size_t body_bytes, llmcost_done_fn on_done, void *user, uint64_t *call)
{
    return submit_body(loop, LLMC_OP_EMBED, body, body_bytes, &(listener){ NULL, on_done, user, call });
}

/* ---- cancelling ---- */

static void cancel_call(llmc_message *message)
{
    cancel_message *cancel = (cancel_message *)message;
    llmcost_loop *loop = cancel->loop;
    loop_call *item = *find_link(loop, cancel->id);
    llmc_free(&loop->client->services.allocator, cancel);
    if (item)
        llmc_call_cancel(item->call, LLMCOST_E_CANCELLED);
}

llmcost_status llmcost_loop_cancel(llmcost_loop *loop, uint64_t call)
{
    if (!loop || !llmc_client_is_ours(loop->client))
        return LLMCOST_E_MISUSE;
    cancel_message *cancel = llmc_calloc(&loop->client->services.allocator, 1, sizeof *cancel);
    if (!cancel)
        return LLMCOST_E_MEMORY;
    *cancel = (cancel_message){ .message.run = cancel_call, .loop = loop, .id = call };
    llmc_driver_post(&loop->slot->driver, &cancel->message);
    return LLMCOST_OK;
}

/* ---- the loop ---- */

llmcost_status llmcost_loop_open(llmcost_client *client, llmcost_loop **out)
{
    if (!out)
        return LLMCOST_E_MISUSE;
    *out = NULL;
    llmc_visit visit;
    llmcost_status status = llmc_client_enter(client, &visit);
    if (status)
        return status;
    llmcost_loop *loop = llmc_calloc(&client->services.allocator, 1, sizeof *loop);
    if (loop) {
        loop->client = client;
        loop->slot = llmc_slot_lease(client, true);
    }
    if (loop && !loop->slot) {
        llmc_free(&client->services.allocator, loop);
        loop = NULL;
    }
    if (!loop)
        status = atomic_load(&client->closing) ? LLMCOST_E_CLOSED : LLMCOST_E_MEMORY;
    llmc_client_leave(&visit); /* afterwards the client may be gone */
    *out = loop;
    return status;
}

static void round_of(llmcost_loop *loop, int64_t until_ns)
{
    loop->polling = true;
    llmc_driver_step(&loop->slot->driver, until_ns);
    if (loop->done)
        llmc_client_give_turn(loop->client);
    loop->polling = false;
    free_done(loop);
}

llmcost_status llmcost_loop_poll(llmcost_loop *loop, int32_t timeout_ms)
{
    if (!loop || !llmc_client_is_ours(loop->client))
        return LLMCOST_E_MISUSE;
    if (loop->polling)
        return LLMCOST_E_REENTRANT;
    int64_t now = llmc_clock_now(&loop->client->services.clock);
    round_of(loop, timeout_ms < 0 ? LLMC_NEVER : llmc_clock_after(now, timeout_ms));
    return LLMCOST_OK;
}

/* One that is cancelled may stay until it has settled, and may take others with it: they are looked for afresh each time. */
static void cancel_those_at(loop_call *const *bucket)
{
    loop_call *item = *bucket;
    while (item) {
        bool stops = !item->stopped;
        item->stopped = true;
        if (stops)
            llmc_call_cancel(item->call, LLMCOST_E_CANCELLED);
        item = stops ? *bucket : item->next_in_bucket;
    }
}

llmcost_status llmcost_loop_close(llmcost_loop *loop)
{
    if (!loop)
        return LLMCOST_OK;
    if (!llmc_client_is_ours(loop->client))
        return LLMCOST_E_MISUSE;
    if (loop->polling)
        return LLMCOST_E_REENTRANT;
    atomic_store(&loop->closing, true);
    loop->polling = true;
    for (size_t i = 0; i < BUCKETS; i++)
        cancel_those_at(&loop->buckets[i]);
    loop->polling = false;
    free_done(loop);
    while (atomic_load(&loop->pending) > 0)
        round_of(loop, LLMC_NEVER);
    llmc_driver_run_mail(&loop->slot->driver); /* cancels that came too late: they point here */
    llmc_allocator allocator = loop->client->services.allocator; /* with the driver given back another thread may close the client */
    llmc_slot_return(loop->slot, true);
    llmc_free(&allocator, loop);
    return LLMCOST_OK;
}

uint64_t llmcost_loop_pending(const llmcost_loop *loop)
{
    return loop ? atomic_load(&((llmcost_loop *)(uintptr_t)loop)->pending) : 0;
}

int llmcost_loop_descriptor(const llmcost_loop *loop)
{
    return loop ? loop->slot->driver.epoll : -1;
}

int32_t llmcost_loop_timeout_ms(const llmcost_loop *loop)
{
    if (!loop)
        return -1;
    int64_t next = llmc_driver_next_ns(&loop->slot->driver), now = llmc_clock_now(&loop->client->services.clock);
    if (next == LLMC_NEVER)
        return -1;
    int64_t ms = next <= now ? 0 : (next - now + LLMC_MS - 1) / LLMC_MS;
    return ms > INT32_MAX ? INT32_MAX : (int32_t)ms;
}

void llmcost_loop_wake(llmcost_loop *loop)
{
    if (loop)
        llmc_driver_wake(&loop->slot->driver);
}
