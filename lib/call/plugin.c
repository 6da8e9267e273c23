/* What plugin.h offers to policies of the host. */
#include "base/layout.h"
#include "call/call.h"
#include "policy/request_copy.h"

#include <string.h>

static bool add_by_phase(llmcost_client *client, const llmcost_policy *policy)
{
    if (client->policy_count == LLMC_MAX_POLICIES)
        return false;
    uint16_t at = client->policy_count;
    while (at > 0 && client->policies[at - 1].phase > policy->phase)
        at--;
    memmove(&client->policies[at + 1], &client->policies[at], (size_t)(client->policy_count - at) * sizeof *policy);
    client->policies[at] = *policy;
    client->policy_count++;
    return true;
}

/* Which policies are asked for what: looked up by all legs, found out once. */
static void sort_out(llmcost_client *client)
{
    client->leavers = client->listeners = 0;
    memset(client->concerned, 0, sizeof client->concerned);
    for (uint16_t i = 0; i < client->policy_count; i++) {
        const llmcost_policy *policy = &client->policies[i];
        uint64_t bit = UINT64_C(1) << i;
        client->listeners |= policy->event ? bit : 0;
        client->leavers |= policy->leave || policy->event || policy->destroy ? bit : 0;
        for (int operation = 0; operation < LLMC_OP_COUNT; operation++)
            client->concerned[operation] |= policy->operations == 0 || (policy->operations >> operation & 1) ? bit : 0;
    }
}

llmcost_status llmc_client_add_policy(llmcost_client *client, const llmcost_policy *policy)
{
    if (!add_by_phase(client, policy))
        return LLMCOST_E_MISUSE;
    sort_out(client);
    return LLMCOST_OK;
}

llmcost_status llmcost_client_add_policy(llmcost_client *client, const llmcost_policy *policy)
{
    llmcost_policy ours = { .phase = -1 };
    if (!client || !policy || !llmc_client_is_ours(client) || atomic_load(&client->sealed))
        return LLMCOST_E_MISUSE;
    if (!llmc_layout_is_possible(policy->struct_size, offsetof(llmcost_policy, enter)) || !llmc_lay_over(&ours, sizeof ours, policy, policy->struct_size))
        return LLMCOST_E_MISUSE;
    ours.struct_size = sizeof ours;
    if (!ours.name || ours.phase < LLMCOST_PHASE_METER || ours.phase > LLMCOST_PHASE_BUDGET || client->host_policy_count == LLMC_HOST_POLICIES)
        return LLMCOST_E_MISUSE;
    client->host_policy_count++; /* a number of their own: how many of ours there are depends on the config */
    return llmc_client_add_policy(client, &ours);
}

const llmcost_request *llmcost_leg_request(const llmcost_leg *leg)
{
    return leg ? leg->request : NULL;
}

const char *llmcost_leg_operation(const llmcost_leg *leg)
{
    return leg ? leg->operation->name : "";
}

const char *llmcost_leg_target(const llmcost_leg *leg)
{
    return leg && leg->route ? leg->route->name : "";
}

llmcost_status llmcost_leg_status(const llmcost_leg *leg)
{
    return leg ? leg->status : LLMCOST_E_MISUSE;
}

const char *llmcost_leg_text(const llmcost_leg *leg, size_t *bytes)
{
    bool has = leg && leg->answer && leg->answer->choice_count > 0;
    if (bytes)
        *bytes = has ? leg->answer->choices[0].text.bytes : 0;
    return has ? leg->answer->choices[0].text.text : "";
}

llmcost_finish llmcost_leg_finish_reason(const llmcost_leg *leg)
{
    return leg && leg->answer && leg->answer->choice_count > 0 ? leg->answer->choices[0].finish : LLMCOST_FINISH_NONE;
}

llmcost_verdict llmcost_leg_fail(llmcost_leg *leg, llmcost_status status, const char *message)
{
    if (!leg)
        return LLMCOST_FAIL;
    return llmc_leg_fail(leg, status == LLMCOST_OK ? LLMCOST_E_MISUSE : status, "%s", message ? message : llmcost_status_text(status));
}

llmcost_verdict llmcost_leg_answer(llmcost_leg *leg, const char *text, size_t bytes)
{
    if (!leg)
        return LLMCOST_FAIL;
    if (!leg->operation->generates)
        return llmc_leg_fail(leg, LLMCOST_E_MISUSE, "a text is no answer to \"%s\"", leg->operation->name);
    if (!text)
        return llmc_leg_fail(leg, LLMCOST_E_MISUSE, "NULL is no answer");
    llmc_answer *answer = llmc_answer_of_text(&leg->services->allocator, text, bytes ? bytes : strlen(text));
    if (!answer)
        return llmc_leg_out_of_memory(leg);
    llmc_leg_set_answer(leg, answer);
    leg->altered = leg->unseen = true;
    if (leg->cancelled && leg->status != LLMCOST_OK)
        return LLMCOST_FAIL;
    llmc_error_clear(&leg->error);
    leg->status = LLMCOST_OK; /* also in leave, over a failure */
    return LLMCOST_ANSWER;
}

/* A host's request in our layout; the struct itself is ours, for his may be gone soon. *out stays as it is on failure. */
static llmcost_status import_request(llmcost_leg *leg, const llmcost_request *request, const llmc_operation *operation, const llmcost_request **out, llmcost_error *error)
{
    llmc_arena *arena = llmc_leg_arena(leg);
    const llmcost_request *imported;
    llmcost_status status = llmc_request_import(request, operation->id, false, arena, &imported, error);
    if (!status && imported == request && !(imported = llmc_request_copy(request, arena)))
        status = llmc_error_set(error, LLMCOST_E_MEMORY, "out of memory for a copy of the request");
    if (!status)
        *out = imported;
    return status;
}

llmcost_status llmcost_leg_set_request(llmcost_leg *leg, const llmcost_request *request)
{
    if (!leg)
        return LLMCOST_E_MISUSE;
    llmcost_error error;
    llmc_error_init(&error, &leg->services->allocator);
    llmcost_status status = import_request(leg, request, leg->operation, &leg->request, &error);
    llmc_error_clear(&error);
    if (status)
        return status;
    leg->stops[leg->at].request = leg->request; /* what another try is made with */
    leg->unchecked = true;
    leg->all_fit = false;
    if (leg->call->client->policies[leg->at].phase >= LLMCOST_PHASE_CACHE)
        leg->no_store = true; /* the key is that of the request as it was */
    return LLMCOST_OK;
}

void *llmcost_leg_alloc(llmcost_leg *leg, size_t bytes)
{
    return leg ? llmc_arena_calloc(llmc_leg_arena(leg), 1, bytes) : NULL;
}

void llmcost_leg_mark_altered(llmcost_leg *leg)
{
    if (leg)
        leg->altered = true;
}

void llmcost_leg_note(llmcost_leg *leg, const char *text)
{
    llmc_line *line = leg && text ? llmc_leg_line(leg) : NULL;
    if (line)
        llmc_line_add_note(line, llmc_leg_arena(leg), text);
}

/* A credential is exchanged by the library alone. */
static const llmc_operation *find_operation(const char *name)
{
    for (int i = 0; i < LLMC_OP_COUNT; i++) {
        if (i != LLMC_OP_TOKEN && strcmp(llmc_operations[i].name, name) == 0)
            return &llmc_operations[i];
    }
    return NULL;
}

llmcost_leg *llmcost_leg_spawn(llmcost_leg *parent, const llmcost_spawn *spawn)
{
    llmcost_spawn ours = { 0 };
    if (!parent)
        return NULL;
    if (!spawn || !llmc_layout_is_possible(spawn->struct_size, offsetof(llmcost_spawn, model))) {
        llmc_leg_fail(parent, LLMCOST_E_MISUSE, "a spawn without its struct_size");
        return NULL;
    }
    if (!llmc_lay_over(&ours, sizeof ours, spawn, spawn->struct_size)) {
        llmc_leg_fail(parent, LLMCOST_E_MISUSE, "a spawn sets a field that this version of the library does not know");
        return NULL;
    }
    llmc_spawn inner = { .inside = true, .first_phase = (llmcost_phase)ours.first_phase, .purpose = ours.purpose ? ours.purpose : "spawn", .forwards = ours.forward_events != 0 };
    if (ours.operation && !(inner.operation = find_operation(ours.operation))) {
        llmc_leg_fail(parent, LLMCOST_E_MISUSE, "there is no operation \"%.100s\"", ours.operation);
        return NULL;
    }
    if (ours.model && llmc_settings_resolve(parent->services->settings, ours.model, llmc_leg_arena(parent), &inner.route, &parent->error)) {
        parent->status = parent->error.status;
        return NULL;
    }
    const llmc_operation *operation = inner.operation ? inner.operation : parent->operation;
    llmcost_status status = ours.request ? import_request(parent, ours.request, operation, &inner.request, &parent->error) : LLMCOST_OK;
    if (!ours.request && (operation->id == LLMC_OP_EMBED) != (parent->operation->id == LLMC_OP_EMBED) && operation->has_request)
        status = llmc_error_set(&parent->error, LLMCOST_E_MISUSE, "a child that does \"%s\" needs a request of its own", operation->name);
    if (status) {
        parent->status = status;
        return NULL;
    }
    if (ours.deadline_ms > 0)
        inner.deadline_ns = llmc_clock_after(llmc_leg_now(parent), ours.deadline_ms);
    llmcost_leg *child = llmc_leg_spawn(parent, &inner);
    if (child && (ours.request || ours.model || ours.operation)) {
        child->unchecked = true;
        child->all_fit = false;
    }
    return child;
}

void llmcost_leg_cancel_child(llmcost_leg *leg, llmcost_leg *child)
{
    (void)leg;
    if (child)
        llmc_leg_cancel(child, LLMCOST_E_CANCELLED);
}

/* ---- wakers ---- */

struct llmcost_waker {
    llmc_message message;
    llmc_allocator allocator;
    llmc_slot *slot;
    llmcost_response *response; /* keeps the leg's memory */
    llmcost_leg *leg;
    uint32_t visit;             /* of the leg: a later place of it is not resumed */
    int32_t value;
};

static void waker_free(llmcost_waker *waker)
{
    llmc_allocator allocator = waker->allocator;
    llmc_response_unref(waker->response);
    llmc_slot_unref(waker->slot);
    llmc_free(&allocator, waker);
}

static void waker_arrived(llmc_message *message)
{
    llmcost_waker *waker = (llmcost_waker *)message;
    llmcost_leg *leg = waker->leg;
    if (leg->stage != LLMC_LEG_COMPLETE && !leg->call->complete && leg->visit == waker->visit) {
        llmcost_wake wake = { .kind = LLMCOST_WAKE_HOOK, .value = waker->value };
        llmc_leg_wake(leg, &wake);
        llmc_call_pump(leg->call);
    }
    waker_free(waker);
}

llmcost_waker *llmcost_leg_waker(llmcost_leg *leg)
{
    if (!leg || !llmc_leg_driver(leg))
        return NULL;
    llmcost_waker *waker = llmc_calloc(&leg->services->allocator, 1, sizeof *waker);
    if (!waker)
        return NULL;
    waker->message.run = waker_arrived;
    waker->allocator = leg->services->allocator;
    waker->slot = leg->call->slot;
    waker->response = llmc_response_ref(leg->call->response);
    waker->leg = leg;
    waker->visit = leg->visit;
    llmc_slot_ref(waker->slot);
    return waker;
}

void llmcost_waker_fire(llmcost_waker *waker, int32_t value)
{
    if (!waker)
        return;
    llmc_slot *slot = waker->slot;
    waker->value = value;
    llmc_slot_ref(slot);
    pthread_mutex_lock(&slot->lock);
    bool closed = slot->closed;
    if (!closed)
        llmc_driver_post(&slot->driver, &waker->message);
    pthread_mutex_unlock(&slot->lock);
    if (closed)
        waker_free(waker);
    llmc_slot_unref(slot);
}

void llmcost_waker_free(llmcost_waker *waker)
{
    if (waker)
        waker_free(waker);
}
