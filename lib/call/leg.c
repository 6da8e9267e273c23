/*
 * The walk of a leg: inward through the policies' enter, outward through their leave, waiting where one says so.
 *
 * Nothing recurses: a leg that a callback makes ready is queued, and the call's pump runs the queue. A leg that has
 * begun to leave never turns back; another try is a new leg.
 */
#include "call/call.h"
#include "call/events.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const llmcost_policy *policy_at(const llmcost_leg *leg, uint16_t index)
{
    return &leg->call->client->policies[index];
}

static bool has_entered(const llmcost_leg *leg, uint16_t index)
{
    return leg->entered >> index & 1;
}

uint16_t llmc_leg_policy_index(const llmcost_leg *leg, llmcost_phase phase)
{
    uint16_t index = 0;
    while (index < leg->call->client->policy_count && policy_at(leg, index)->phase < (int32_t)phase)
        index++;
    return index;
}

size_t llmc_leg_bytes(const llmcost_client *client)
{
    return sizeof(llmcost_leg) + client->policy_count * sizeof(llmc_stop);
}

llmcost_leg *llmc_leg_new(llmc_call *call, llmcost_leg *parent, const llmc_operation *operation, uint16_t first)
{
    void *memory = llmc_arena_calloc(&call->response->arena, 1, llmc_leg_bytes(call->client));
    return memory ? llmc_leg_init(memory, call, parent, operation, first) : NULL;
}

llmcost_leg *llmc_leg_init(void *memory, llmc_call *call, llmcost_leg *parent, const llmc_operation *operation, uint16_t first)
{
    llmcost_leg *leg = memory;
    leg->call = call;
    leg->services = &call->client->services;
    leg->arena = &call->response->arena;
    leg->receipt = &call->response->receipt;
    leg->operation = operation;
    leg->first = leg->at = first;
    leg->serial = ++call->serial;
    leg->deadline_ns = parent ? parent->deadline_ns : call->deadline_ns;
    llmc_error_init(&leg->error, &leg->services->allocator);
    llmc_usage_init(&leg->usage);
    if (parent) {
        leg->parent = parent;
        leg->next_sibling = parent->children;
        parent->children = leg;
        leg->parent_visit = parent->visit;
        leg->unchecked = parent->unchecked;
        leg->has_alternative = parent->has_alternative;
    }
    return leg;
}

/* ---- the queue ---- */

void llmc_leg_schedule(llmcost_leg *leg)
{
    if (leg->queued)
        return;
    leg->queued = 1;
    leg->next_ready = NULL;
    llmc_call *call = leg->call;
    if (call->ready)
        call->last_ready->next_ready = leg;
    else
        call->ready = leg;
    call->last_ready = leg;
}

void llmc_leg_wake(llmcost_leg *leg, const llmcost_wake *wake)
{
    if (!leg->waiting || leg->stage == LLMC_LEG_COMPLETE)
        return;
    llmc_pending_wake *pending = llmc_arena_alloc(leg->arena, sizeof *pending);
    if (!pending) { /* a wake that is lost would hang the call */
        llmc_leg_cancel(leg, LLMCOST_E_MEMORY);
        return;
    }
    pending->next = NULL;
    pending->wake = *wake;
    if (leg->wakes)
        leg->last_wake->next = pending;
    else
        leg->wakes = pending;
    leg->last_wake = pending;
    llmc_leg_schedule(leg);
}

/* The leg leaves the place it was at: what was to resume the policy there must not resume the next one. */
static void move_on(llmcost_leg *leg)
{
    leg->visit++;
    leg->waiting = 0;
    leg->wakes = NULL;
    if (leg->timer_set)
        llmc_leg_timer_stop(leg);
}

/* ---- outcomes ---- */

llmcost_verdict llmc_leg_fail(llmcost_leg *leg, llmcost_status status, const char *format, ...)
{
    char line[1000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    leg->status = llmc_error_set(&leg->error, status, "%s", line);
    return LLMCOST_FAIL;
}

llmcost_verdict llmc_leg_out_of_memory(llmcost_leg *leg)
{
    llmc_error_clear(&leg->error);
    leg->status = leg->error.status = LLMCOST_E_MEMORY;
    return LLMCOST_FAIL;
}

/* The line of a cached answer borrows its texts (policy/cache.c), and a host's policy may put another answer in its place. */
static __attribute__((cold, noinline)) void drop_answer(llmcost_leg *leg)
{
    llmc_line *line = leg->line;
    if (line && line->flags & LLMC_LINE_CACHED) {
        const char **const borrowed[] = { &line->provider, &line->model, &line->served_model, &line->original };
        for (size_t i = 0; i < sizeof borrowed / sizeof borrowed[0]; i++) {
            const char *copy = llmc_arena_strdup(leg->arena, *borrowed[i]);
            *borrowed[i] = copy ? copy : "";
        }
    }
    llmc_answer_unref(leg->answer);
}

void llmc_leg_set_answer(llmcost_leg *leg, llmc_answer *answer)
{
    if (leg->answer)
        drop_answer(leg);
    leg->answer = answer;
    leg->source = leg;
    leg->unseen = false;
}

llmcost_verdict llmcost_leg_adopt(llmcost_leg *leg, llmcost_leg *child)
{
    if (!leg)
        return LLMCOST_FAIL;
    if (!child) /* where it could not be made, the leg says why */
        return leg->status ? LLMCOST_FAIL : llmc_leg_fail(leg, LLMCOST_E_MISUSE, "there is no child to adopt");
    if (leg->answer)
        drop_answer(leg);
    leg->answer = llmc_answer_ref(child->answer);
    leg->source = child->source ? child->source : child;
    leg->usage = child->usage;
    leg->extra_prompt_tokens = child->extra_prompt_tokens;
    leg->status = child->status;
    leg->altered |= child->altered;
    leg->no_store |= child->no_store;
    leg->unseen = !child->forwards;
    if (child->status == LLMCOST_OK) {
        llmc_error_clear(&leg->error);
        return LLMCOST_ANSWER;
    }
    llmc_error_copy(&leg->error, &child->error);
    return LLMCOST_FAIL;
}

/* ---- the walk ---- */

static void destroy_state(llmcost_leg *leg, uint16_t index)
{
    const llmcost_policy *policy = policy_at(leg, index);
    if (policy->destroy && has_entered(leg, index))
        policy->destroy(leg, leg->stops[index].state, policy->user);
    leg->entered &= ~(UINT64_C(1) << index);
}

static void let_go(llmcost_leg *leg)
{
    if (leg->timer_set || leg->deadline_timer_set)
        llmc_leg_timer_end(leg);
    if (leg->held)
        llmc_events_free(leg);
}

static __attribute__((cold)) void tell_parent(llmcost_leg *leg)
{
    llmcost_leg *parent = leg->parent;
    llmcost_wake wake = { .kind = LLMCOST_WAKE_CHILD, .child = leg };
    if (parent->waiting && parent->visit == leg->parent_visit)
        llmc_leg_wake(parent, &wake);
    else
        llmc_leg_schedule(parent); /* it may be waiting for its children to be gone */
}

static void complete(llmcost_leg *leg)
{
    leg->at = leg->first;
    leg->stage = LLMC_LEG_COMPLETE;
    let_go(leg);
    if (leg->parent)
        tell_parent(leg);
}

/* Inward, until a policy does not let the leg on at once. */
static llmcost_verdict enter_next(llmcost_leg *leg)
{
    const llmcost_client *client = leg->call->client;
    uint64_t ahead = client->concerned[leg->operation->id] & ~UINT64_C(0) << leg->at;
    for (; ahead; ahead &= ahead - 1) {
        const unsigned at = (unsigned)__builtin_ctzll(ahead);
        const llmcost_policy *policy = &client->policies[at];
        llmc_stop *stop = &leg->stops[at];
        leg->at = (uint16_t)at;
        if (policy->state_bytes && !(stop->state = llmc_arena_calloc(leg->arena, 1, policy->state_bytes)))
            return llmc_leg_out_of_memory(leg);
        leg->entered |= ahead & -ahead;
        llmcost_verdict verdict = policy->enter ? policy->enter(leg, stop->state, policy->user) : LLMCOST_CONTINUE;
        if (verdict != LLMCOST_CONTINUE || leg->cancelled)
            return verdict;
        move_on(leg);
        stop->request = leg->request;
    }
    leg->at = (uint16_t)(client->policy_count - 1);
    return llmc_leg_fail(leg, LLMCOST_E_MISUSE, "no policy answered the leg");
}

/* What the policy that a leg enters has said; false: the leg waits. */
static bool entered(llmcost_leg *leg, llmcost_verdict verdict)
{
    const llmcost_policy *policy = policy_at(leg, leg->at);
    if (leg->cancelled) { /* by what the policy itself did */
        if (verdict == LLMCOST_WAIT && policy->cancel)
            policy->cancel(leg, leg->stops[leg->at].state, policy->user);
        return true;
    }
    if (verdict == LLMCOST_WAIT) {
        leg->waiting = 1;
        return leg->wakes != NULL;
    }
    move_on(leg);
    if (verdict == LLMCOST_CONTINUE) {
        leg->stops[leg->at].request = leg->request;
        leg->at++;
        return true;
    }
    if (verdict != LLMCOST_ANSWER && leg->status == LLMCOST_OK)
        llmc_leg_fail(leg, LLMCOST_E_MISUSE, "policy %s failed the leg without a reason", policy->name);
    if (verdict == LLMCOST_ANSWER && leg->status == LLMCOST_OK && !leg->answer)
        llmc_leg_fail(leg, LLMCOST_E_MISUSE, "policy %s answered the leg without an answer", policy->name);
    leg->stage = LLMC_LEG_LEAVING;
    return true;
}

static bool spawn_another(llmcost_leg *leg)
{
    llmcost_leg *child = llmc_leg_new(leg->call, leg, leg->operation, (uint16_t)(leg->at + 1));
    if (!child)
        return false;
    const llmcost_request *before = leg->stops[leg->at].request; /* without what was further in did to it */
    child->request = before ? before : leg->request;
    child->wishes = leg->wishes;
    child->route = leg->route;
    child->provider_name = leg->provider_name;
    child->credential = leg->credential;
    child->token = leg->token;
    child->extra_prompt_tokens = leg->extra_prompt_tokens;
    child->purpose = leg->another ? leg->another : "retry";
    leg->another = NULL;
    child->place = leg->place;
    child->forwards = 1;
    child->attempt = leg->attempt + 1;
    llmc_events_restart(leg);
    leg->attempt++;
    leg->wanted_another = 1;
    leg->waiting = 1;
    llmc_leg_schedule(child);
    return true;
}

/* A policy has said more of a leg that leaves than that it may; true: the leg stays here for now. */
static __attribute__((cold)) bool stays(llmcost_leg *leg, llmcost_verdict verdict)
{
    if (verdict == LLMCOST_WAIT && !leg->cancelled) { /* a cancelled leg waits for nothing: the call's end is bounded */
        leg->waiting = 1;
        return true;
    }
    if (verdict == LLMCOST_ANOTHER && !leg->cancelled && !llmc_leg_is_detached(leg)) {
        if (spawn_another(leg))
            return true;
        llmc_leg_out_of_memory(leg);
    }
    if (verdict == LLMCOST_FAIL && leg->status == LLMCOST_OK)
        llmc_leg_fail(leg, LLMCOST_E_MISUSE, "policy %s failed the leg without a reason", policy_at(leg, leg->at)->name);
    return false;
}

/*
 * What of the answer has not gone outward, for it is about to be the leg's. A caller who wants pieces gets them also of
 * one that did not come as pieces.
 */
static __attribute__((cold)) void show_answer(llmcost_leg *leg)
{
    if (leg->unseen && leg->status == LLMCOST_OK && leg->answer) {
        leg->unseen = false;
        llmc_leg_drop_held(leg);
        if (llmc_leg_streams(leg))
            llmc_leg_replay(leg);
    }
    if (leg->held && leg->status == LLMCOST_OK && !llmc_leg_release(leg, 0))
        llmc_leg_stopped(leg);
}

/* What the policy that a leg leaves has said: on to the next that has a say in it; false: the leg waits, or there is none and it is complete. */
static bool left(llmcost_leg *leg, llmcost_verdict verdict)
{
    if (verdict > LLMCOST_ANSWER && stays(leg, verdict))
        return leg->wakes != NULL;
    if (leg->unseen || leg->held)
        show_answer(leg);
    move_on(leg);
    destroy_state(leg, leg->at);
    uint64_t outward = leg->entered & leg->call->client->leavers & ((UINT64_C(1) << leg->at) - 1);
    if (outward)
        leg->at = (uint16_t)(63 ^ __builtin_clzll(outward));
    else
        complete(leg);
    return outward;
}

static inline llmcost_verdict leave_here(llmcost_leg *leg)
{
    const llmcost_policy *policy = policy_at(leg, leg->at);
    return policy->leave && has_entered(leg, leg->at) ? policy->leave(leg, leg->stops[leg->at].state, policy->user) : LLMCOST_CONTINUE;
}

/* Of a leg that was cancelled while a child spoke for it: what had come is still told. Its status stands. */
static void keep_partial_answer(llmcost_leg *leg)
{
    const llmcost_leg *child = leg->children; /* the latest */
    while (child && !child->forwards)
        child = child->next_sibling;
    if (leg->answer || leg->status == LLMCOST_OK || !child || !child->answer || (llmc_leg_streams(leg) && !llmc_leg_was_delivered(leg)))
        return;
    leg->answer = llmc_answer_ref(child->answer);
    leg->source = child->source ? child->source : child;
    leg->usage = child->usage;
    leg->altered |= child->altered;
}

/* Whether a leg with children may leave: the receipt needs their lines. The last of them schedules the leg again. */
static __attribute__((cold)) bool children_are_done(llmcost_leg *leg)
{
    for (const llmcost_leg *child = leg->children; child; child = child->next_sibling) {
        if (child->stage != LLMC_LEG_COMPLETE)
            return false;
    }
    if (leg->cancelled)
        keep_partial_answer(leg);
    return true;
}

/* The first wake of a waiting leg: its policy resumes, or leaves again with the outcome of another try. */
static __attribute__((noinline)) llmcost_verdict resume(llmcost_leg *leg)
{
    const llmcost_policy *policy = policy_at(leg, leg->at);
    const llmcost_wake *wake = &leg->wakes->wake;
    leg->wakes = leg->wakes->next;
    leg->waiting = 0;
    if (leg->wanted_another) {
        if (wake->kind != LLMCOST_WAKE_CHILD)
            return LLMCOST_WAIT;
        leg->wanted_another = 0;
        llmcost_leg_adopt(leg, wake->child);
        return leave_here(leg);
    }
    return policy->resume ? policy->resume(leg, leg->stops[leg->at].state, policy->user, wake) : LLMCOST_WAIT;
}

/* One step; false: the leg waits, or is complete. */
static inline bool step(llmcost_leg *leg)
{
    llmcost_verdict verdict;
    bool entering = leg->stage == LLMC_LEG_ENTERING;
    if (leg->waiting) {
        if (!leg->wakes)
            return false;
        verdict = resume(leg);
        entering = leg->stage == LLMC_LEG_ENTERING; /* it may have been cancelled by that */
    } else if (entering) {
        verdict = enter_next(leg);
    } else {
        if (leg->children && !children_are_done(leg))
            return false;
        verdict = leave_here(leg);
    }
    return entering ? entered(leg, verdict) : left(leg, verdict);
}

void llmc_leg_run(llmcost_leg *leg)
{
    if (leg->stage == LLMC_LEG_NEW)
        leg->stage = LLMC_LEG_ENTERING;
    if (leg->stage == LLMC_LEG_COMPLETE)
        return;
    while (step(leg))
        continue;
}

__attribute__((cold)) void llmc_leg_cancel(llmcost_leg *leg, llmcost_status status)
{
    if (leg->stage == LLMC_LEG_COMPLETE || leg->cancelled)
        return;
    leg->cancelled = 1;
    for (llmcost_leg *child = leg->children; child; child = child->next_sibling)
        llmc_leg_cancel(child, status);
    /* A leg that leaves with an answer is only settling: its outcome stands. */
    if (leg->stage != LLMC_LEG_LEAVING || leg->wanted_another || leg->status != LLMCOST_OK) {
        leg->status = leg->error.status = status;
        llmc_error_set(&leg->error, status, "%s", status == LLMCOST_E_DEADLINE ? "deadline_ms passed before the answer was complete"
                                                                                : llmcost_status_text(status));
    }
    const llmcost_policy *policy = policy_at(leg, leg->at < leg->call->client->policy_count ? leg->at : 0);
    if (leg->waiting && !leg->wanted_another && policy->cancel)
        policy->cancel(leg, leg->stops[leg->at].state, policy->user);
    leg->wanted_another = 0;
    move_on(leg);
    if (leg->stage == LLMC_LEG_NEW)
        leg->at = leg->first;
    leg->stage = LLMC_LEG_LEAVING;
    llmc_leg_schedule(leg);
}

void llmc_leg_destroy(llmcost_leg *leg)
{
    for (llmcost_leg *child = leg->children; child; child = child->next_sibling)
        llmc_leg_destroy(child);
    if (leg->stage != LLMC_LEG_COMPLETE) { /* else they went one by one as it left */
        for (uint16_t i = leg->first; i < leg->call->client->policy_count; i++)
            destroy_state(leg, i);
        let_go(leg);
    }
    llmc_answer_unref(leg->answer);
    leg->answer = NULL;
    llmc_error_clear(&leg->error);
}
