/*
 * fallback.c: asks the steps of a route one after the other until one has not failed.
 *
 * Which failures go on is the config's (fallback_cause.c has the names). Until content has reached the caller a failure
 * is not seen; afterwards it is the caller's, or the next answer begins from the start and he is told, as configured.
 * A failure that does not go on is the caller's as it is. Where the last step has failed too he gets the most useful of
 * them all: the first that may pass, else the first that is no refusal of a budget; with the shortest wait that any
 * provider asked for, and all the others named behind it, so that none is masked.
 * Left out on purpose: more tries of one target (retry.c), answers that are not good enough (cascade.c).
 */
#include "policy/decide.h"
#include "policy/fallback_cause.h"
#include "policy/outlook.h"
#include "policy/window.h"

#include <stdio.h>
#include <string.h>

typedef struct fallback_state {
    size_t step, next;      /* the one that is asked, and the one after it: step_count: there is none */
    llmcost_leg *child;
    llmcost_leg *failed;    /* whose failure is the most useful so far */
    llmcost_leg *filtered;  /* a filter ended its answer, or it refused: better than none */
    int64_t retry_after_ms; /* the soonest that any asked for; -1: none did */
    int64_t too_small;
    llmc_prompt_floor prompt;
} fallback_state;

static const llmc_fallback *rules(const llmcost_leg *leg)
{
    return leg->route->fallback;
}

static bool goes_on_for(const llmcost_leg *leg, llmc_fallback_cause cause)
{
    return cause != LLMC_CAUSE_NONE && rules(leg)->on >> cause & 1;
}

/* ---- the steps ---- */

static void tell_too_small(llmcost_leg *leg, const llmc_route *step)
{
    llmc_receipt *receipt = llmc_leg_receipt(leg);
    receipt->pruned = llmc_receipt_join(llmc_leg_arena(leg), receipt->pruned, step->name, "the prompt is too long for its context window");
}

/* The first step from `at` on that may answer. Unfit ones are on the receipt already (check.c). */
static size_t find_step(llmcost_leg *leg, fallback_state *state, size_t at)
{
    for (; at < leg->route->step_count; at++) {
        const llmc_route *step = leg->route->steps[at];
        if (!llmc_route_fits(leg, step))
            continue;
        if (llmc_route_may_hold(leg, step, state->too_small, &state->prompt))
            break;
        tell_too_small(leg, step);
    }
    return at;
}

static llmcost_verdict ask(llmcost_leg *leg, fallback_state *state, size_t step)
{
    const llmc_fallback *rule = rules(leg);
    state->step = step;
    state->next = find_step(leg, state, step + 1);
    bool further = state->next < leg->route->step_count;
    llmc_spawn spawn = { .first_phase = LLMCOST_PHASE_ROUTE, .route = leg->route->steps[step], .purpose = state->child ? "fallback" : leg->purpose,
                         .forwards = true, .until_shown = true };
    if (further && rule->attempt_ms > 0)
        spawn.deadline_ns = llmc_clock_after(llmc_leg_now(leg), rule->attempt_ms);
    state->child = llmc_leg_spawn(leg, &spawn);
    if (!state->child)
        return LLMCOST_FAIL;
    state->child->has_alternative = leg->has_alternative || further;
    state->child->too_small = state->too_small;
    return LLMCOST_WAIT;
}

/* ---- why it goes on ---- */

/* Its own deadline has passed, not that of the call. */
static bool took_too_long(const llmcost_leg *leg, const llmcost_leg *child)
{
    return child->status == LLMCOST_E_DEADLINE && llmc_leg_now(leg) < leg->deadline_ns;
}

static llmc_fallback_cause cause_of_answer(const llmcost_leg *child)
{
    for (uint32_t i = 0; child->answer && i < child->answer->choice_count; i++) {
        const llmc_choice *choice = &child->answer->choices[i];
        if (choice->finish == LLMCOST_FINISH_CONTENT_FILTER)
            return LLMC_CAUSE_CONTENT_FILTER;
        if (choice->refusal.bytes)
            return LLMC_CAUSE_REFUSAL;
    }
    return LLMC_CAUSE_NONE;
}

static llmc_fallback_cause cause_of(const llmcost_leg *leg, const llmcost_leg *child)
{
    if (child->status == LLMCOST_OK)
        return cause_of_answer(child);
    return took_too_long(leg, child) ? LLMC_CAUSE_TIMEOUT : llmc_fallback_cause_of(child->status);
}

static const char *reason(llmcost_leg *leg, const llmcost_leg *child, llmc_fallback_cause cause, bool shown)
{
    const char *why = child->status ? llmcost_status_name(child->status) : cause == LLMC_CAUSE_REFUSAL ? "it refused" : "a filter ended its answer";
    char words[120];
    if (child->status == LLMCOST_E_DEADLINE)
        why = "attempt_ms passed";
    if (!shown)
        return why;
    snprintf(words, sizeof words, "%s, when part of its answer had been shown", why);
    const char *copy = llmc_arena_strdup(llmc_leg_arena(leg), words);
    return copy ? copy : why;
}

/* ---- failures ---- */

/* Of all failures the one with the lowest rank is told, of several the first. */
static int rank(llmcost_status status)
{
    llmc_fallback_cause cause = llmc_fallback_cause_of(status);
    if (cause == LLMC_CAUSE_BUDGET)
        return 3;
    if (cause == LLMC_CAUSE_UNAVAILABLE)
        return 1;
    return llmcost_status_is_retriable(status) ? 0 : 2;
}

static const char *kept(llmcost_leg *leg, const char *text)
{
    const char *copy = llmc_arena_strdup(llmc_leg_arena(leg), text);
    return copy ? copy : "";
}

/* A target that was never sent to may have no line so far; among others that were it shall not be missed. */
static void tell_refused(llmcost_leg *leg, llmcost_leg *child)
{
    llmc_line *line = child->route->kind == LLMC_ROUTE_LEAF ? llmc_leg_line(child) : NULL;
    if (!line || line->message)
        return;
    line->provider = kept(leg, child->route->provider->name);
    line->model = kept(leg, child->route->model);
    line->status = child->status;
    line->message = kept(leg, llmcost_error_message(&child->error));
}

static void name_the_limit(llmcost_leg *leg, llmcost_leg *child)
{
    if (took_too_long(leg, child) && rules(leg)->attempt_ms > 0)
        llmc_error_set(&child->error, LLMCOST_E_DEADLINE, "%s: no answer within attempt_ms (%d)", child->route->name, (int)rules(leg)->attempt_ms);
}

static void keep_failure(llmcost_leg *leg, fallback_state *state)
{
    llmcost_leg *child = state->child;
    int64_t wait = child->error.retry_after_ms;
    name_the_limit(leg, child);
    tell_refused(leg, child);
    if (!state->failed || rank(child->status) < rank(state->failed->status))
        state->failed = child;
    if (wait >= 0 && (state->retry_after_ms < 0 || wait < state->retry_after_ms))
        state->retry_after_ms = wait;
}

/* ---- looking ahead ---- */

static llmcost_verdict fail_too_long(llmcost_leg *leg)
{
    return llmc_leg_fail(leg, LLMCOST_E_CONTEXT_LENGTH, "%s: the prompt is longer than any of its models takes; nothing was sent", leg->route->name);
}

bool llmc_fallback_would_ask(llmcost_leg *leg, size_t step)
{
    fallback_state state = { .too_small = leg->too_small };
    return find_step(leg, &state, step) == step;
}

bool llmc_fallback_goes_on(const llmc_route *fallback, llmcost_status status)
{
    llmc_fallback_cause cause = llmc_fallback_cause_of(status);
    return cause != LLMC_CAUSE_NONE && fallback->fallback->on >> cause & 1;
}

bool llmc_fallback_prefers(llmcost_status status, llmcost_status other)
{
    return rank(status) < rank(other);
}

llmcost_verdict llmc_fallback_look(llmcost_leg *leg)
{
    for (size_t i = 0; i < leg->route->step_count; i++) {
        if (llmc_fallback_would_ask(leg, i))
            return LLMCOST_CONTINUE;
    }
    return fail_too_long(leg);
}

/* Behind the failure that is told: what became of the others, in their order. */
static void name_the_others(llmcost_leg *leg, const llmcost_leg *told)
{
    const llmcost_leg *all[LLMC_ROUTE_MAX_STEPS];
    char line[1000];
    size_t count = 0;
    for (const llmcost_leg *child = leg->children; child && count < LLMC_ROUTE_MAX_STEPS; child = child->next_sibling) {
        if (child->forwards && child != told && child->status)
            all[count++] = child;
    }
    int length = snprintf(line, sizeof line, "%s", llmcost_error_message(&leg->error));
    for (size_t i = count; i-- > 0 && length < (int)sizeof line;)
        length += snprintf(line + length, sizeof line - (size_t)length, "%s%.200s: %s", i + 1 == count ? "; also failed: " : ", ", all[i]->route->name, llmcost_status_name(all[i]->status));
    if (count)
        llmc_error_set(&leg->error, leg->status, "%s", line);
}

/* ---- the end ---- */

static llmcost_verdict deliver_filtered(llmcost_leg *leg, const fallback_state *state)
{
    llmcost_leg_adopt(leg, state->filtered);
    if (!llmc_leg_begin_again(leg))
        return llmc_leg_stopped(leg);
    return llmc_leg_streams(leg) ? llmc_leg_replay(leg) : LLMCOST_ANSWER;
}

static llmcost_verdict give_up(llmcost_leg *leg, fallback_state *state)
{
    if (state->filtered && !llmc_leg_was_delivered(leg))
        return deliver_filtered(leg, state);
    llmcost_leg_adopt(leg, state->failed);
    leg->error.retry_after_ms = state->retry_after_ms;
    name_the_others(leg, state->failed);
    return LLMCOST_FAIL;
}

/* A window that was too small says which others are. The failure may come from a node below. */
static void learn_window(fallback_state *state)
{
    const llmcost_leg *source = state->child->source ? state->child->source : state->child;
    int64_t window = source->route->kind == LLMC_ROUTE_LEAF ? llmc_route_window(source->route) : 0;
    if (window > state->too_small)
        state->too_small = window;
}

static llmcost_verdict go_on(llmcost_leg *leg, fallback_state *state, llmc_fallback_cause cause, bool shown)
{
    llmcost_leg *child = state->child;
    const char *why = reason(leg, child, cause, shown);
    const llmcost_leg *source = child->source ? child->source : child;
    leg->altered = true;
    if (shown && source->line)
        llmc_line_add_note(source->line, llmc_leg_arena(leg), "part of its answer was shown; then another one began from the start");
    llmc_leg_decided(leg, leg->route, leg->route->steps[state->next], why);
    llmc_services_log(leg->services, LLMCOST_LOG_INFO, "fallback", "%s: %s: %s; goes on to %s", leg->route->name, child->route->name, why, leg->route->steps[state->next]->name);
    if (!llmc_leg_begin_again(leg))
        return llmc_leg_stopped(leg);
    return ask(leg, state, state->next);
}

/* What ends the walk is told as it is, but for a failure of the last step, which is one of many. */
static llmcost_verdict step_done(llmcost_leg *leg, fallback_state *state)
{
    llmcost_leg *child = state->child;
    llmc_fallback_cause cause = cause_of(leg, child);
    bool shown = llmc_leg_was_delivered(leg), wanted = goes_on_for(leg, cause);
    if (child->status)
        keep_failure(leg, state);
    if (!wanted || leg->cancelled || (shown && !rules(leg)->begins_again))
        return llmcost_leg_adopt(leg, child);
    if (cause == LLMC_CAUSE_CONTEXT_LENGTH) {
        learn_window(state);
        state->next = find_step(leg, state, state->next);
    }
    if (state->next < leg->route->step_count) {
        if (child->status == LLMCOST_OK && !state->filtered)
            state->filtered = child;
        return go_on(leg, state, cause, shown);
    }
    return child->status == LLMCOST_OK || shown ? llmcost_leg_adopt(leg, child) : give_up(leg, state);
}

/* ---- the policy ---- */

static llmcost_verdict fallback_enter(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    fallback_state *state = memory;
    if (!leg->route || leg->route->kind != LLMC_ROUTE_FALLBACK)
        return LLMCOST_CONTINUE;
    state->retry_after_ms = -1;
    state->too_small = leg->too_small;
    size_t first = find_step(leg, state, 0);
    if (first < leg->route->step_count)
        return ask(leg, state, first);
    if (!llmc_route_fits(leg, leg->route)) /* a policy of the host's has changed the request: the codec says what is wrong */
        return ask(leg, state, leg->route->step_count - 1);
    return fail_too_long(leg);
}

/* The end of an answer is told when it is known to be one; a refusal likewise, where another target would be asked. */
static llmcost_event_verdict fallback_event(llmcost_leg *leg, void *memory, void *user, const llmcost_event *event, llmcost_leg *child)
{
    (void)user;
    const fallback_state *state = memory;
    if (!child || child != state->child || state->next >= leg->route->step_count || !llmc_leg_streams(leg))
        return LLMCOST_PASS; /* where nobody is shown pieces, a next step voids what policies have seen of this one */
    if (event->kind == LLMCOST_EVENT_REFUSAL && goes_on_for(leg, LLMC_CAUSE_REFUSAL))
        return LLMCOST_HOLD;
    return event->kind == LLMCOST_EVENT_FINISH || event->kind == LLMCOST_EVENT_USAGE ? LLMCOST_HOLD : LLMCOST_PASS;
}

static llmcost_verdict fallback_resume(llmcost_leg *leg, void *memory, void *user, const llmcost_wake *wake)
{
    (void)user;
    fallback_state *state = memory;
    if (wake->kind != LLMCOST_WAKE_CHILD || wake->child != state->child)
        return LLMCOST_WAIT;
    return step_done(leg, state);
}

const llmcost_policy llmc_policy_fallback = {
    .struct_size = sizeof(llmcost_policy), .name = "fallback", .phase = LLMCOST_PHASE_ROUTE, .operations = 1u << LLMC_OP_CHAT,
    .state_bytes = sizeof(fallback_state), .enter = fallback_enter, .event = fallback_event, .resume = fallback_resume,
};
