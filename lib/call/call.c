/*
 * A call: its legs' queue, its deadline, and its one completion.
 *
 * A call begins on the thread that makes it and needs no driver until something waits: a cache hit never leases one.
 */
#include "call/call.h"

#include <string.h>

static llmc_call *make_call(llmcost_client *client, llmcost_response *response, llmc_operation_id operation, const llmcost_request *request)
{
    llmc_call *call = llmc_arena_calloc(&response->arena, 1, sizeof *call + llmc_leg_bytes(client));
    if (!call)
        return NULL;
    call->client = client;
    call->response = response;
    call->request = request;
    call->started_ns = llmc_clock_now(&client->services.clock);
    int32_t deadline_ms = request ? request->deadline_ms : 0;
    if (deadline_ms == 0)
        deadline_ms = client->settings->deadline_ms ? client->settings->deadline_ms : -1;
    call->deadline_ns = llmc_clock_after(call->started_ns, deadline_ms);
    call->root = llmc_leg_init(call + 1, call, NULL, &llmc_operations[operation], 0);
    call->root->request = request;
    call->root->purpose = "answer";
    return call;
}

llmc_call *llmc_call_new(llmcost_client *client, llmcost_response *response, llmc_operation_id operation, const llmcost_request *request, llmc_call_mode mode)
{
    if (!atomic_load_explicit(&client->sealed, memory_order_relaxed)) /* all threads read its cache line: written once */
        atomic_store_explicit(&client->sealed, true, memory_order_relaxed);
    llmc_call *call = make_call(client, response, operation, request);
    if (call)
        call->mode = mode;
    return call;
}

llmc_call *llmc_call_sketch(llmcost_client *client, llmcost_response *response, llmc_operation_id operation, const llmcost_request *request, llmc_services *services)
{
    llmc_call *call = make_call(client, response, operation, request);
    if (call)
        call->root->services = services;
    return call;
}

llmcost_leg *llmc_leg_sketch(llmcost_leg *parent, const llmc_route *route, const llmcost_request *request)
{
    llmcost_leg *leg = llmc_leg_new(parent->call, parent, parent->operation, parent->first);
    if (!leg)
        return NULL;
    leg->services = parent->services;
    leg->route = route;
    leg->request = request;
    leg->wishes = parent->wishes;
    leg->extra_prompt_tokens = parent->extra_prompt_tokens;
    leg->purpose = parent->purpose;
    return leg;
}

void llmc_services_copy(llmc_services *copy, llmc_services *services)
{
    *copy = (llmc_services){ .allocator = services->allocator, .clock = services->clock, .settings = services->settings, .cache = services->cache,
                             .cache_store = services->cache_store, .accounts = services->accounts, .totals = services->totals,
                             .judges = services->judges, .key_sources = services->key_sources, .labellers = services->labellers };
    atomic_init(&copy->random.state, atomic_load(&services->random.state));
    atomic_init(&copy->cache_generation, atomic_load(&services->cache_generation));
}

static void detach_slot(llmc_call *call)
{
    llmc_slot *slot = call->slot;
    if (!slot)
        return;
    if (call->timer_reserved) {
        llmc_driver_timer_stop(&slot->driver, &call->deadline_timer);
        llmc_driver_unreserve_timer(&slot->driver);
        call->timer_reserved = false;
    }
    *call->link = call->next;
    if (call->next)
        call->next->link = call->link;
    slot->call_count--;
}

static void deadline_passed(void *user)
{
    llmc_call *call = user;
    llmc_call_cancel(call, LLMCOST_E_DEADLINE);
}

bool llmc_call_attach(llmc_call *call, llmc_slot *slot)
{
    if (call->deadline_ns != LLMC_NEVER) {
        if (!llmc_driver_reserve_timer(&slot->driver))
            return false;
        call->timer_reserved = true;
        call->deadline_timer.fire = deadline_passed;
        call->deadline_timer.user = call;
        llmc_driver_timer_start(&slot->driver, &call->deadline_timer, call->deadline_ns);
    }
    call->slot = slot;
    call->next = slot->calls;
    call->link = &slot->calls;
    if (call->next)
        call->next->link = &call->next;
    slot->calls = call;
    slot->call_count++;
    return true;
}

static void take_outcome(llmc_call *call)
{
    llmcost_response *response = call->response;
    llmcost_leg *root = call->root;
    response->status = root->status;
    response->altered = root->altered || response->receipt.altered;
    response->answer = root->answer;
    root->answer = NULL;
    response->answered = root->source ? root->source->line : NULL;
    response->from_cache = response->answered && (response->answered->flags & LLMC_LINE_CACHED);
    if (root->status == LLMCOST_OK)
        return;
    llmc_error_move(&response->error, &root->error);
    response->error.status = root->status;
    llmc_response_set_trail(response);
}

/* done() may free the response, and the call with it. */
static void finish(llmc_call *call)
{
    llmcost_client *client = call->client;
    call->complete = true;
    if (call->root->stage == LLMC_LEG_COMPLETE)
        take_outcome(call);
    llmc_leg_destroy(call->root);
    detach_slot(call);
    if (call->mode != LLMC_CALL_DETACHED && client->services.on_receipt)
        client->services.on_receipt(call->response, client->services.on_receipt_user);
    if (call->done)
        call->done(call);
}

void llmc_call_pump(llmc_call *call)
{
    if (call->pumping || call->complete || (!call->ready && call->root->stage != LLMC_LEG_COMPLETE))
        return;
    call->pumping = true;
    while (call->ready) {
        llmcost_leg *leg = call->ready;
        call->ready = leg->next_ready;
        leg->queued = 0;
        llmc_leg_run(leg);
    }
    call->pumping = false;
    if (call->root->stage == LLMC_LEG_COMPLETE)
        finish(call);
}

void llmc_call_begin(llmc_call *call)
{
    llmc_leg_schedule(call->root);
    llmc_call_pump(call);
}

void llmc_call_fail(llmc_call *call, llmcost_status status)
{
    call->response->status = call->response->error.status = status;
    finish(call);
}

void llmc_call_cancel(llmc_call *call, llmcost_status status)
{
    if (call->complete)
        return;
    llmc_leg_cancel(call->root, status);
    llmc_call_pump(call);
}

/* ---- what legs ask of their call ---- */

llmcost_response *llmc_leg_response(llmcost_leg *leg)
{
    return leg->call->response;
}

int64_t llmc_leg_now(const llmcost_leg *leg)
{
    return llmc_clock_now(&leg->services->clock);
}

int64_t llmc_leg_call_started(const llmcost_leg *leg)
{
    return leg->call->started_ns;
}

bool llmc_leg_streams(const llmcost_leg *leg)
{
    return leg->call->streams;
}

bool llmc_leg_is_detached(const llmcost_leg *leg)
{
    return leg->call->mode == LLMC_CALL_DETACHED;
}

llmc_driver *llmc_leg_driver(llmcost_leg *leg)
{
    llmc_call *call = leg->call;
    if (call->slot)
        return &call->slot->driver;
    llmc_slot *slot = llmc_slot_lease(call->client, false);
    if (!slot)
        return NULL;
    if (!llmc_call_attach(call, slot)) {
        llmc_slot_return(slot, false);
        return NULL;
    }
    call->owns_lease = true;
    return &slot->driver;
}

llmcost_verdict llmc_leg_no_driver(llmcost_leg *leg)
{
    if (atomic_load(&leg->call->client->closing))
        return llmc_leg_fail(leg, LLMCOST_E_CANCELLED, "the client is being closed");
    return llmc_leg_out_of_memory(leg);
}

const llmcost_transport *llmc_leg_transport(llmcost_leg *leg)
{
    return leg->call->slot ? leg->call->slot->transport : NULL;
}

void llmc_leg_pump(llmcost_leg *leg)
{
    llmc_call_pump(leg->call);
}

static void pump_arrived(llmc_message *message)
{
    llmc_call *call = (llmc_call *)(void *)((char *)message - offsetof(llmc_call, pump_message));
    llmcost_response *response = call->response; /* the message's reference */
    call->pump_posted = false;
    if (call->left)
        llmc_call_cancel(call, llmc_leg_stop_status(call->root));
    llmc_call_pump(call);
    llmc_response_unref(response);
}

void llmc_leg_pump_later(llmcost_leg *leg)
{
    llmc_call *call = leg->call;
    if (call->pump_posted || (!call->ready && !call->left))
        return;
    llmc_response_ref(call->response);
    call->pump_posted = true;
    call->pump_message.run = pump_arrived;
    llmc_driver_post(&call->slot->driver, &call->pump_message);
}

bool llmc_leg_caller_left(const llmcost_leg *leg)
{
    return leg->call->left;
}

llmc_line *llmc_leg_line(llmcost_leg *leg)
{
    if (leg->line)
        return leg->line;
    const llmcost_leg *above = leg->parent;
    while (above && !above->line)
        above = above->parent;
    llmc_line *line = llmc_receipt_add(llmc_leg_receipt(leg), llmc_leg_arena(leg), leg->purpose, above ? (int32_t)above->line->index : -1);
    if (line && leg->call->slot) /* without a driver it has not waited: it began just now */
        line->started_ms = (llmc_leg_now(leg) - leg->call->started_ns) / LLMC_MS;
    else if (line)
        line->started_ms = 0;
    return leg->line = line;
}
