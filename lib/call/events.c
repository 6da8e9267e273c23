/*
 * Events walk outward from the policy a leg is at: each policy may pass, hold, release, swallow or cut. Past the
 * outermost policy they enter the parent at the policy that spawned the leg, if the leg forwards, or reach the caller.
 */
#include "call/events.h"

#include "base/text.h"

#include <string.h>

typedef struct held_event {
    llmcost_event event;  /* its pointers are set when it is let go */
    size_t text_at, id_at, name_at, raw_at;
    llmc_usage usage;
    const llmcost_leg *child; /* the child it came through; NULL: the leg's own */
} held_event;

typedef struct llmc_held_events {
    struct llmc_held_events *next;
    uint16_t policy;
    held_event *events;
    size_t count, capacity;
    llmc_buffer texts;    /* each ended by a zero byte */
} llmc_held_events;

static bool deliver(llmcost_leg *leg, int32_t below, const llmcost_event *event, llmcost_leg *child, llmcost_leg *origin);
static void end_timer(llmcost_leg *leg, bool *set, llmc_timer *timer);

static llmc_held_events *find_held(const llmcost_leg *leg, uint16_t policy)
{
    llmc_held_events *held = leg->held;
    while (held && held->policy != policy)
        held = held->next;
    return held;
}

static llmc_held_events *make_held(llmcost_leg *leg, uint16_t policy)
{
    llmc_held_events *held = find_held(leg, policy);
    if (held)
        return held;
    held = llmc_arena_calloc(llmc_leg_arena(leg), 1, sizeof *held);
    if (!held)
        return NULL;
    held->policy = policy;
    llmc_buffer_init(&held->texts, &leg->services->allocator, SIZE_MAX / 4);
    held->next = leg->held;
    leg->held = held;
    return held;
}

static size_t keep_text(llmc_held_events *held, const char *text, size_t bytes)
{
    size_t at = held->texts.length;
    if (bytes)
        llmc_buffer_add(&held->texts, text, bytes);
    llmc_buffer_add_byte(&held->texts, '\0');
    return at;
}

/* Text that follows text of the same choice grows the last event instead of making a new one. */
static bool extends_last(const llmc_held_events *held, const llmcost_event *event, const llmcost_leg *child)
{
    if (event->kind != LLMCOST_EVENT_TEXT || held->count == 0)
        return false;
    const held_event *last = &held->events[held->count - 1];
    return last->event.kind == LLMCOST_EVENT_TEXT && last->event.choice == event->choice && last->child == child && last->raw_at + 1 == held->texts.length;
}

static bool add_held(llmcost_leg *leg, uint16_t policy, const llmcost_event *event, const llmcost_leg *child)
{
    llmc_held_events *held = make_held(leg, policy);
    if (!held)
        return false;
    if (extends_last(held, event, child)) {
        held_event *last = &held->events[held->count - 1];
        held->texts.length = last->text_at + last->event.bytes;
        llmc_buffer_add(&held->texts, event->text, event->bytes);
        llmc_buffer_add_byte(&held->texts, '\0');
        last->event.bytes += event->bytes;
        last->id_at = last->name_at = last->raw_at = held->texts.length - 1;
        return !held->texts.failure;
    }
    if (!llmc_grow(&leg->services->allocator, (void **)&held->events, &held->capacity, held->count + 1, sizeof *held->events))
        return false;
    held_event *copy = &held->events[held->count];
    copy->event = *event;
    copy->child = child;
    copy->text_at = keep_text(held, event->text, event->bytes);
    if (event->kind == LLMCOST_EVENT_TEXT) { /* one zero byte serves all the empty texts, so that the text can grow */
        copy->id_at = copy->name_at = copy->raw_at = held->texts.length - 1;
    } else {
        copy->id_at = keep_text(held, event->tool_id, event->tool_id ? strlen(event->tool_id) : 0);
        copy->name_at = keep_text(held, event->tool_name, event->tool_name ? strlen(event->tool_name) : 0);
        copy->raw_at = keep_text(held, event->finish_raw, event->finish_raw ? strlen(event->finish_raw) : 0);
    }
    if (event->usage)
        copy->usage = *event->usage;
    if (held->texts.failure)
        return false;
    held->count++;
    return true;
}

static bool hold(llmcost_leg *leg, uint16_t policy, const llmcost_event *event, const llmcost_leg *child)
{
    bool held = add_held(leg, policy, event, child);
    leg->call->no_memory |= !held;
    return held;
}

static bool let_go(llmcost_leg *leg, llmc_held_events *held, held_event *copy, size_t bytes)
{
    if (copy->event.kind == LLMCOST_EVENT_TEXT && bytes == 0)
        return true; /* trimmed away */
    llmcost_event event = copy->event;
    const char *texts = held->texts.data;
    event.text = texts + copy->text_at;
    event.bytes = bytes;
    event.tool_id = texts + copy->id_at;
    event.tool_name = texts + copy->name_at;
    event.finish_raw = texts + copy->raw_at;
    event.usage = copy->event.usage ? &copy->usage : NULL;
    /* A shortened piece borrows its last byte's successor for the zero that ends it. */
    char *end = held->texts.data + copy->text_at + bytes, after = *end;
    *end = '\0';
    bool more = deliver(leg, (int32_t)held->policy - 1, &event, NULL, leg);
    *end = after;
    return more;
}

static size_t held_text_bytes(const llmc_held_events *held)
{
    size_t bytes = 0;
    for (size_t i = 0; i < held->count; i++)
        bytes += held->events[i].event.kind == LLMCOST_EVENT_TEXT ? held->events[i].event.bytes : 0;
    return bytes;
}

static bool release(llmcost_leg *leg, uint16_t policy, size_t keep_bytes)
{
    llmc_held_events *held = find_held(leg, policy);
    if (!held || held->count == 0)
        return true;
    size_t total = held_text_bytes(held), may = total > keep_bytes ? total - keep_bytes : 0, done = 0;
    bool more = true;
    while (done < held->count && more) {
        held_event *copy = &held->events[done];
        if (copy->event.kind != LLMCOST_EVENT_TEXT || copy->event.bytes <= may) {
            if (copy->event.kind == LLMCOST_EVENT_TEXT)
                may -= copy->event.bytes;
            more = let_go(leg, held, copy, copy->event.bytes);
            done++;
            continue;
        }
        size_t part = llmc_utf8_cut(held->texts.data + copy->text_at, copy->event.bytes, may);
        if (part > 0) {
            more = let_go(leg, held, copy, part);
            copy->text_at += part;
            copy->event.bytes -= part;
        }
        break;
    }
    memmove(held->events, held->events + done, (held->count - done) * sizeof *held->events);
    held->count -= done;
    if (held->count == 0)
        llmc_buffer_clear(&held->texts);
    return more;
}

bool llmc_leg_was_delivered(const llmcost_leg *leg)
{
    for (; leg; leg = leg->forwards ? leg->parent : NULL) {
        if (leg->delivered)
            return true;
    }
    return false;
}

bool llmc_leg_release(llmcost_leg *leg, size_t keep_bytes)
{
    return release(leg, leg->at, keep_bytes);
}

bool llmc_leg_hold(llmcost_leg *leg, const llmcost_event *event)
{
    return hold(leg, leg->at, event, NULL);
}

void llmc_leg_lose_event(llmcost_leg *leg)
{
    leg->call->no_memory = true;
}

llmcost_status llmc_leg_stop_status(const llmcost_leg *leg)
{
    return leg->call->no_memory ? LLMCOST_E_MEMORY : LLMCOST_E_CANCELLED;
}

llmcost_verdict llmc_leg_stopped(llmcost_leg *leg)
{
    if (leg->call->no_memory)
        return llmc_leg_out_of_memory(leg);
    return llmc_leg_fail(leg, LLMCOST_E_CANCELLED, "the caller wanted no more");
}

void llmc_leg_trim_held(llmcost_leg *leg, size_t bytes)
{
    llmc_held_events *held = find_held(leg, leg->at);
    for (size_t i = held ? held->count : 0; i-- > 0 && bytes > 0;) {
        held_event *copy = &held->events[i];
        if (copy->event.kind != LLMCOST_EVENT_TEXT)
            continue;
        size_t part = copy->event.bytes < bytes ? copy->event.bytes : bytes;
        copy->event.bytes -= part;
        bytes -= part;
    }
}

void llmc_leg_drop_held(llmcost_leg *leg)
{
    llmc_held_events *held = find_held(leg, leg->at);
    if (!held)
        return;
    held->count = 0;
    llmc_buffer_clear(&held->texts);
}

/* Of several children that forward, only what came through this one; what cannot be told apart goes too. */
static void drop_of_child(llmc_held_events *held, const llmcost_leg *child)
{
    size_t kept = 0;
    for (size_t i = 0; i < held->count; i++) {
        const llmcost_leg *from = held->events[i].child;
        if (child && from && from != child)
            held->events[kept++] = held->events[i];
    }
    held->count = kept;
    if (kept == 0)
        llmc_buffer_clear(&held->texts);
}

void llmc_events_restart(llmcost_leg *leg)
{
    llmcost_event event = { .kind = LLMCOST_EVENT_RESTART, .text = "", .tool_id = "", .tool_name = "" };
    llmcost_leg *child = NULL;
    for (bool goes_on = true; leg && goes_on; child = leg, goes_on = leg->forwards, leg = leg->parent) {
        for (llmc_held_events *held = leg->held; held; held = held->next) {
            if (held->policy <= leg->at)
                drop_of_child(held, child);
        }
        llmcost_leg *told = child;
        for (int32_t i = leg->at; i >= (int32_t)leg->first; i--, told = NULL) {
            const llmcost_policy *policy = &leg->call->client->policies[i];
            if (policy->event && (leg->entered >> i & 1))
                policy->event(leg, leg->stops[i].state, policy->user, &event, told);
        }
    }
}

bool llmc_leg_begin_again(llmcost_leg *leg)
{
    llmc_call *call = leg->call;
    bool shown = llmc_leg_was_delivered(leg);
    llmc_events_restart(leg);
    if (!shown)
        return true;
    for (; leg; leg = leg->parent)
        leg->delivered = false;
    llmcost_event event = { .kind = LLMCOST_EVENT_RESTART_ANSWER, .text = "", .tool_id = "", .tool_name = "" };
    call->response->receipt.restarts++;
    call->left = call->left || !call->sink(call, &event);
    return !call->left;
}

void llmc_events_free(llmcost_leg *leg)
{
    for (llmc_held_events *held = leg->held; held; held = held->next) {
        llmc_free(&leg->services->allocator, held->events);
        llmc_buffer_free(&held->texts);
    }
    leg->held = NULL;
}

/* What one policy says of an event; true: it goes on outward. *stop: the leg was cut, or memory ran out. */
static bool ask(llmcost_leg *leg, uint16_t index, const llmcost_event *event, llmcost_leg *child, bool *stop)
{
    const llmcost_policy *policy = &leg->call->client->policies[index];
    switch (policy->event(leg, leg->stops[index].state, policy->user, event, child)) {
    case LLMCOST_PASS:
        return true;
    case LLMCOST_HOLD:
        *stop = !hold(leg, index, event, child);
        return false;
    case LLMCOST_RELEASE:
        *stop = !release(leg, index, 0);
        return !*stop;
    case LLMCOST_SWALLOW:
        return false;
    default:
        *stop = true;
        return false;
    }
}

static bool is_content(const llmcost_event *event)
{
    return event->kind >= LLMCOST_EVENT_TEXT && event->kind <= LLMCOST_EVENT_TOOL_ARGUMENTS;
}

/* Those that run on the old deadline, which they took over from above. */
static void move_deadline(llmcost_leg *leg, int64_t old_ns, int64_t new_ns)
{
    if (leg->stage == LLMC_LEG_COMPLETE || leg->deadline_ns != old_ns)
        return;
    leg->deadline_ns = new_ns;
    for (llmcost_leg *child = leg->children; child; child = child->next_sibling)
        move_deadline(child, old_ns, new_ns);
}

static void lift_deadline(llmcost_leg *leg)
{
    if (!leg->until_shown)
        return;
    leg->until_shown = false;
    end_timer(leg, &leg->deadline_timer_set, &leg->deadline_timer);
    move_deadline(leg, leg->deadline_ns, leg->parent->deadline_ns);
}

/* What a policy held back and lets go came from further in. */
static void lift_deadlines_below(llmcost_leg *leg)
{
    for (llmcost_leg *child = leg->children; child; child = child->next_sibling) {
        if (!child->forwards || child->stage == LLMC_LEG_COMPLETE)
            continue;
        lift_deadline(child);
        lift_deadlines_below(child);
    }
}

static void mark_delivered(llmcost_leg *origin)
{
    lift_deadlines_below(origin);
    for (llmcost_leg *leg = origin; leg; leg = leg->parent) {
        leg->delivered = true;
        lift_deadline(leg);
    }
}

static bool deliver(llmcost_leg *leg, int32_t below, const llmcost_event *event, llmcost_leg *child, llmcost_leg *origin)
{
    bool stop = false;
    uint64_t listeners = leg->call->client->listeners & ((UINT64_C(1) << (below + 1)) - 1);
    while (listeners & leg->entered) { /* what a policy did may take others off this leg */
        int32_t i = 63 - __builtin_clzll(listeners & leg->entered);
        listeners &= (UINT64_C(1) << i) - 1;
        if (!ask(leg, (uint16_t)i, event, i == below ? child : NULL, &stop))
            return !stop;
    }
    if (leg->parent)
        return leg->forwards ? deliver(leg->parent, leg->parent->at, event, leg, origin) : true;
    llmc_call *call = leg->call;
    if (call->sink && (is_content(event) || event->kind == LLMCOST_EVENT_FINISH || event->kind == LLMCOST_EVENT_LOGPROBS))
        mark_delivered(origin);
    if (!call->sink || (event->kind > LLMCOST_EVENT_EXTRA && event->kind != LLMC_EVENT_META))
        return true;
    call->left = call->left || !call->sink(call, event); /* who has left is shown nothing more */
    return !call->left;
}

bool llmc_leg_emit(llmcost_leg *leg, const llmcost_event *event)
{
    return deliver(leg, (int32_t)leg->at - 1, event, NULL, leg);
}

/* ---- the leg's timer ---- */

static void timer_fired(void *user)
{
    llmcost_leg *leg = user;
    llmcost_wake wake = { .kind = LLMCOST_WAKE_TIMER };
    llmc_leg_wake(leg, &wake);
    llmc_leg_pump(leg);
}

void llmc_leg_timer_stop(llmcost_leg *leg)
{
    if (leg->timer_set)
        llmc_driver_timer_stop(&leg->call->slot->driver, &leg->timer);
}

llmcost_status llmcost_leg_timer(llmcost_leg *leg, int64_t delay_ms)
{
    if (!leg)
        return LLMCOST_E_MISUSE;
    if (delay_ms < 0) {
        llmc_leg_timer_stop(leg);
        return LLMCOST_OK;
    }
    llmc_driver *driver = llmc_leg_driver(leg);
    if (!driver || (!leg->timer_set && !llmc_driver_reserve_timer(driver)))
        return LLMCOST_E_MEMORY;
    leg->timer_set = true;
    leg->timer.fire = timer_fired;
    leg->timer.user = leg;
    llmc_driver_timer_start(driver, &leg->timer, llmc_clock_after(llmc_leg_now(leg), delay_ms));
    return LLMCOST_OK;
}

static void end_timer(llmcost_leg *leg, bool *set, llmc_timer *timer)
{
    if (!*set)
        return;
    *set = false;
    llmc_driver_timer_stop(&leg->call->slot->driver, timer);
    llmc_driver_unreserve_timer(&leg->call->slot->driver);
}

void llmc_leg_timer_end(llmcost_leg *leg)
{
    end_timer(leg, &leg->timer_set, &leg->timer);
    end_timer(leg, &leg->deadline_timer_set, &leg->deadline_timer);
}

/* ---- a deadline of a child's own ---- */

static void deadline_passed(void *user)
{
    llmcost_leg *leg = user;
    llmc_leg_cancel(leg, LLMCOST_E_DEADLINE);
    llmc_leg_pump(leg);
}

void llmc_leg_set_deadline(llmcost_leg *leg, llmc_driver *driver, int64_t deadline_ns)
{
    leg->deadline_ns = deadline_ns;
    leg->deadline_timer_set = true;
    leg->deadline_timer.fire = deadline_passed;
    leg->deadline_timer.user = leg;
    llmc_driver_timer_start(driver, &leg->deadline_timer, deadline_ns);
}
