/*
 * A leg is sent only if every budget it matches can cover its upper bound, and is settled for what it cost.
 *
 * The bound is computed by the same price code that settles. A shortage that other calls' open holds make is waited
 * for; one that is really spent lowers max_tokens, down to a floor; below it the leg is refused and nothing was sent.
 * The tickets' engine decides; this file only asks, waits, shortens and settles.
 */
#include "money/tags.h"
#include "policy/extra_cost.h"
#include "policy/format.h"
#include "policy/outlook.h"
#include "policy/price_leg.h"
#include "policy/request_copy.h"
#include "policy/usage_estimate.h"

#include <string.h>

enum { OUTPUT_WHERE_UNKNOWN = 4096 };

/* Who is at what: the engine's answer may come when nobody wants it any more. */
typedef enum reply_state { ASKED, ANSWERED, WAITED_FOR, ABANDONED } reply_state;
enum { WAKE_ANSWERED, WAKE_ROOM };

typedef struct budget_state {
    llmc_account_engine *accounts;
    llmc_ticket ticket;
    llmc_account_ref refs[LLMC_BUDGET_MAX_MATCHES];
    size_t ref_count;
    llmc_rates rates;          /* worst case */
    int64_t exchange_nano, input_bound, output_bound, floor;
    int64_t thinking_bound;    /* of each choice, beside output_bound */
    uint32_t choices;
    bool has_sound;            /* in the prompt */
    llmc_account_waiter waiter;
    bool queued, shortened, own_length, hard;
    bool asked_last;           /* when the time was up, after a turn for legs that are read on */
    bool bounded;              /* input_bound, output_bound and rates are figures; not so: a soft budget holds nothing and counts */
    bool guessed;              /* the price is unknown, and the config lets that pass */
    bool invented;             /* output_bound is nobody's figure, so an answer that it cuts might have gone on */
    int64_t give_up_ns;
    /* The answer of an engine that answers later. */
    atomic_uint reply_state;   /* a reply_state */
    llmc_hold_reply reply;
    llmcost_waker *answer_waker; /* fired by the engine's answer; keeps this state's memory until then */
    llmcost_waker *room_waker;   /* fired by room in an account */
    bool holding;
} budget_state;

static llmcost_verdict try_hold(llmcost_leg *leg, budget_state *state);

/* ---- what is matched, and what it can cost ---- */

static bool match(llmcost_leg *leg, budget_state *state)
{
    const llmc_settings *settings = leg->services->settings;
    const llmcost_request *request = leg->request;
    for (size_t i = 0; i < settings->budget_count; i++) {
        const llmc_budget *budget = &settings->budgets[i];
        if (!llmc_budget_matches(budget, request->tags, request->tag_count, leg->route->provider->name, leg->route->model))
            continue;
        if (state->ref_count == LLMC_BUDGET_MAX_MATCHES)
            return false;
        const char *value = budget->each ? llmc_tag_value(request->tags, request->tag_count, budget->each) : NULL;
        state->refs[state->ref_count++] = (llmc_account_ref){ (uint32_t)i, budget->each && !value ? "" : value };
        state->hard |= !budget->soft;
    }
    return true;
}

/* What any token of the prompt can cost. Sound has a rate of its own. */
static int64_t dearest_input(const budget_state *state)
{
    /* A mark may write to the provider's cache at a surcharge; automatic caches may write too. */
    static const llmcost_class classes[] = { LLMCOST_INPUT, LLMCOST_INPUT_CACHED, LLMCOST_WRITE_5M, LLMCOST_WRITE_30M, LLMCOST_WRITE_1H };
    const llmc_rate *rate = state->rates.rate;
    int64_t dearest = state->has_sound ? rate[LLMCOST_AUDIO_IN].pico : 0;
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (rate[classes[i]].pico > dearest)
            dearest = rate[classes[i]].pico;
    }
    return dearest;
}

static int64_t dearest_output(const llmc_rates *rates)
{
    int64_t output = rates->rate[LLMCOST_OUTPUT].pico, reasoning = rates->rate[LLMCOST_REASONING].pico;
    return output > reasoning ? output : reasoning;
}

static bool bound_of(const budget_state *state, int64_t output, int64_t *nano)
{
    llmc_sum sum = { 0 };
    llmc_sum_add(&sum, state->input_bound, (llmc_rate){ dearest_input(state) });
    llmc_sum_add(&sum, 1, state->rates.rate[LLMCOST_REQUEST]);
    for (uint32_t i = 0; i < state->choices; i++) {
        llmc_sum_add(&sum, output, (llmc_rate){ dearest_output(&state->rates) });
        llmc_sum_add(&sum, state->thinking_bound, (llmc_rate){ dearest_output(&state->rates) });
    }
    return llmc_sum_amount(&sum, state->exchange_nano, nano);
}

static bool covers(const budget_state *state, int64_t output, int64_t spendable)
{
    int64_t nano;
    return bound_of(state, output, &nano) && nano <= spendable;
}

/* The longest answer that `spendable` covers; -1: not even the prompt. */
static int64_t affordable_output(const budget_state *state, int64_t spendable)
{
    int64_t low = 0, high = state->output_bound;
    if (!covers(state, 0, spendable))
        return -1;
    while (low < high) {
        int64_t middle = low + (high - low) / 2 + 1; /* a length may be as long as numbers go */
        if (covers(state, middle, spendable))
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* ---- sizes and rates ---- */

static int64_t wanted_output(llmcost_leg *leg, budget_state *state)
{
    if (leg->request->max_tokens > 0 || !leg->operation->generates)
        return leg->request->max_tokens;
    int64_t most = leg->route->prices ? llmc_model_max_output(leg->route->prices) : 0;
    state->own_length = true;
    state->invented = most <= 0;
    return most > 0 ? most : OUTPUT_WHERE_UNKNOWN;
}

static bool standard_rates(llmcost_leg *leg, const llmc_price_query *query, llmc_rates *out)
{
    if (!leg->route->has_fixed_rates)
        return llmc_target_rates(leg->services, leg->route, query, true, out);
    *out = leg->route->fixed_rates;
    return true;
}

/* The dearest of the standard rates and those of the tier that is asked for; false: the catalog has no figure for the tier. */
static bool raise_to_tier(llmcost_leg *leg, budget_state *state, llmc_price_query query, const char *tier)
{
    llmc_rates dear;
    bool raised = leg->route->provider->free_of_charge;
    query.tier = tier;
    if (!llmc_target_rates(leg->services, leg->route, &query, true, &dear))
        return false;
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++) {
        if (dear.rate[i].pico <= state->rates.rate[i].pico)
            continue;
        state->rates.rate[i] = dear.rate[i];
        raised = true;
    }
    return raised;
}

static llmcost_verdict find_rates(llmcost_leg *leg, budget_state *state, const char *tier)
{
    const llmc_settings *settings = leg->services->settings;
    llmc_price_query query = { .wall_ms = leg->requested_wall_ms, .prompt_tokens = state->input_bound, .reasoned = true };
    if (__builtin_add_overflow(state->output_bound, state->thinking_bound, &query.output_tokens))
        query.output_tokens = INT64_MAX;
    state->exchange_nano = leg->route->exchange_nano;
    bool known = state->exchange_nano && standard_rates(leg, &query, &state->rates);
    if (known && *tier && !raise_to_tier(leg, state, query, tier))
        return llmc_leg_fail(leg, LLMCOST_E_BUDGET, "%s: its cost has no upper bound: the catalog has no price for the service tier \"%s\"; add it under \"prices\"",
                             leg->route->name, tier);
    if (known)
        return LLMCOST_CONTINUE;
    if (llmc_worst_case_rates(leg->services, &state->rates)) {
        state->exchange_nano = 1000000000;
        return LLMCOST_CONTINUE;
    }
    if (settings->unknown_price == LLMC_PRICE_ALLOW) {
        llmc_rates_free_of_charge(&state->rates, settings->currency);
        state->exchange_nano = 1000000000;
        state->guessed = true;
        return LLMCOST_CONTINUE;
    }
    return llmc_leg_fail(leg, LLMCOST_E_PRICE_UNKNOWN, "%s: the catalog has no price for it, so a budget cannot bound it; add it under \"prices\", or set \"unknown_price\"",
                         leg->route->name);
}

static llmcost_verdict size_up(llmcost_leg *leg, budget_state *state)
{
    const char *why = "";
    llmc_extra_cost extra;
    llmc_extra_cost_of(leg->request->extra, &extra);
    if (*extra.unknown && leg->request->input_bound_tokens <= 0)
        return llmc_leg_fail(leg, LLMCOST_E_BUDGET, "%s: its cost has no upper bound under a hard budget: what \"%s\" in extra costs is not known; set input_bound_tokens on the request so that it covers it",
                             leg->route->name, extra.unknown);
    if (!llmc_prompt_bound(leg->services, leg->request, leg->route, leg->extra_prompt_tokens, &state->input_bound, &why))
        return llmc_leg_fail(leg, LLMCOST_E_BUDGET, "%s: its cost has no upper bound under a hard budget: %s", leg->route->name, why);
    state->choices = leg->request->n ? leg->request->n : 1;
    state->has_sound = llmc_prompt_has_sound(leg->request);
    state->output_bound = wanted_output(leg, state);
    state->thinking_bound = leg->operation->generates ? llmc_thinking_bound(leg->request, leg->route) : 0;
    state->floor = leg->services->settings->min_max_tokens > 0 ? leg->services->settings->min_max_tokens : 1;
    if (extra.thinking_tokens >= state->floor && extra.thinking_tokens < INT64_MAX)
        state->floor = extra.thinking_tokens + 1; /* providers refuse a thought that is no shorter than the answer may be */
    return find_rates(leg, state, extra.tier);
}

/* The length that a hard budget counted with is the length that is sent. What only counts, or costs nothing, is not cut. */
static bool set_length(llmcost_leg *leg, const budget_state *state)
{
    int64_t length = state->output_bound;
    if (!state->hard || leg->request->max_tokens == length || (!state->shortened && dearest_output(&state->rates) == 0))
        return true;
    llmcost_request *request = llmc_request_copy(leg->request, llmc_leg_arena(leg));
    if (!request)
        return false;
    request->max_tokens = length;
    leg->request = request;
    return true;
}

/* ---- holding ---- */

static void replied(void *user, const llmc_hold_reply *reply)
{
    budget_state *state = user;
    state->reply = *reply;
    unsigned before = atomic_exchange(&state->reply_state, ANSWERED);
    if (before == ABANDONED && reply->outcome == LLMC_HOLD_GRANTED)
        state->accounts->settle(state->accounts, &state->ticket, 0, NULL, NULL);
    if (before != ASKED)
        llmcost_waker_fire(state->answer_waker, WAKE_ANSWERED);
}

static llmcost_verdict refuse(llmcost_leg *leg, budget_state *state)
{
    const llmc_budget *budget = &leg->services->settings->budgets[state->reply.budget];
    char bound[40], left[40];
    int64_t nano;
    if (!bound_of(state, state->shortened ? state->floor : state->output_bound, &nano))
        nano = INT64_MAX;
    atomic_fetch_add(&leg->services->refused, 1);
    llmc_services_log(leg->services, LLMCOST_LOG_INFO, "budget", "%s: refused by budget \"%s\"", leg->route->name, budget->name);
    return llmc_leg_fail(leg, LLMCOST_E_BUDGET, "%s: budget \"%s\" has %s left and the call may cost %s; raise the limit, lower max_tokens%s, or wait for the next window",
                         leg->route->name, budget->name, llmc_amount_text(state->reply.spendable_nano, leg->services->settings->currency, 2, left),
                         llmc_amount_text(nano, leg->services->settings->currency, 2, bound),
                         state->thinking_bound > 0 ? " or thinking_budget_tokens, or set effort to none (max_tokens does not cover thinking here)" : "");
}

static llmcost_verdict granted(llmcost_leg *leg, budget_state *state)
{
    state->holding = true;
    leg->bound_nano = state->ticket.bound_nano;
    llmc_line *line = llmc_leg_line(leg);
    if (!line || !set_length(leg, state))
        return llmc_leg_out_of_memory(leg);
    line->bound_nano = state->bounded ? leg->bound_nano : -1;
    if (state->shortened)
        llmc_line_add_note(line, llmc_leg_arena(leg), "max_tokens was lowered to what the budget has left");
    return LLMCOST_CONTINUE;
}

/* What the codec would refuse, but for its length, is too short: nothing shorter does either. */
__attribute__((cold)) static bool is_too_short(llmcost_leg *leg, const budget_state *state, int64_t length)
{
    llmcost_error error;
    if (!leg->operation->generates)
        return false;
    llmc_error_init(&error, &leg->services->allocator);
    bool too_short = !llmc_length_suffices(leg, leg->route, length, &error) && llmc_length_suffices(leg, leg->route, state->output_bound, &error);
    llmc_error_clear(&error);
    return too_short;
}

/* Less is left than the bound: a shorter answer may fit. false: none that is long enough does. */
static bool shorten(llmcost_leg *leg, budget_state *state)
{
    int64_t length = affordable_output(state, state->reply.spendable_nano);
    int64_t floor = state->floor < state->output_bound ? state->floor : state->output_bound;
    if (length < floor || length >= state->output_bound || is_too_short(leg, state, length))
        return false;
    state->output_bound = length;
    return state->shortened = true;
}

static void room_made(void *user)
{
    budget_state *state = user;
    llmcost_waker *waker = state->room_waker;
    state->room_waker = NULL;
    llmcost_waker_fire(waker, WAKE_ROOM);
}

/* In the way are only other calls' holds: queue, ask once more (room may have been made meanwhile), then wait. */
static llmcost_verdict wait_for_room(llmcost_leg *leg, budget_state *state)
{
    llmc_account_engine *accounts = state->accounts;
    bool read_on = atomic_load(&leg->services->detached) > 0; /* abandoned streams that are read on hold money too */
    bool turns = llmc_leg_give_turn(leg);
    int64_t now = llmc_leg_now(leg);
    if (!state->give_up_ns)
        state->give_up_ns = llmc_clock_after(now, leg->services->settings->budget_wait_ms);
    if (now >= state->give_up_ns || now >= leg->deadline_ns) {
        if (!read_on || state->asked_last)
            return refuse(leg, state);
        state->asked_last = true; /* the turn may have settled what was in the way */
        return try_hold(leg, state);
    }
    if (!state->queued) {
        state->room_waker = llmcost_leg_waker(leg);
        if (!state->room_waker)
            return llmc_leg_no_driver(leg);
        state->waiter = (llmc_account_waiter){ .wake = room_made, .user = state };
        state->queued = true;
        llmc_services_log(leg->services, LLMCOST_LOG_INFO, "budget", "%s: waits until other calls have settled", leg->route->name);
        accounts->wait(accounts, &state->waiter);
        return try_hold(leg, state);
    }
    int64_t left_ms = (state->give_up_ns - now + LLMC_MS - 1) / LLMC_MS;
    if (turns && left_ms > LLMC_TURN_MS)
        left_ms = LLMC_TURN_MS;
    return llmcost_leg_timer(leg, left_ms) == LLMCOST_OK ? LLMCOST_WAIT : llmc_leg_out_of_memory(leg);
}

static void stop_waiting(budget_state *state)
{
    if (!state->queued)
        return;
    state->accounts->unwait(state->accounts, &state->waiter);
    state->queued = false;
    llmcost_waker_free(state->room_waker);
    state->room_waker = NULL;
}

static llmcost_verdict act_on_reply(llmcost_leg *leg, budget_state *state)
{
    if (state->reply.outcome == LLMC_HOLD_SHORT_HELD)
        return wait_for_room(leg, state);
    stop_waiting(state);
    switch (state->reply.outcome) {
    case LLMC_HOLD_GRANTED:
        return granted(leg, state);
    case LLMC_HOLD_SHORT_SPENT:
        return shorten(leg, state) ? try_hold(leg, state) : refuse(leg, state);
    default:
        atomic_fetch_add(&leg->services->policy_failures, 1);
        if (!state->hard)
            return LLMCOST_CONTINUE;
        return llmc_leg_fail(leg, LLMCOST_E_BUDGET, "%s: the budget's account cannot be read, and a hard budget then refuses", leg->route->name);
    }
}

static int64_t whole_bound(const budget_state *state)
{
    int64_t bound;
    return bound_of(state, state->output_bound, &bound) ? bound : INT64_MAX;
}

static llmcost_verdict try_hold(llmcost_leg *leg, budget_state *state)
{
    llmc_account_engine *accounts = state->accounts;
    int64_t bound = whole_bound(state);
    state->ticket.id[0] = llmc_random_next(&leg->services->random);
    state->ticket.id[1] = leg->serial;
    state->ticket.bound_nano = bound;
    state->ticket.no_bound = !state->bounded;
    atomic_store(&state->reply_state, ASKED);
    if (accounts->answers_later && !(state->answer_waker = llmcost_leg_waker(leg)))
        return llmc_leg_no_driver(leg);
    accounts->hold(accounts, &state->ticket, state->refs, state->ref_count, bound, leg->requested_wall_ms, replied, state);
    unsigned asked = ASKED;
    if (atomic_compare_exchange_strong(&state->reply_state, &asked, WAITED_FOR))
        return LLMCOST_WAIT;
    llmcost_waker_free(state->answer_waker);
    state->answer_waker = NULL;
    return act_on_reply(leg, state);
}

/* ---- the policy ---- */

static llmcost_verdict match_all(llmcost_leg *leg, budget_state *state)
{
    state->accounts = leg->services->accounts;
    leg->bound_nano = -1;
    leg->requested_wall_ms = llmc_clock_wall_ms(&leg->services->clock);
    if (state->accounts && !match(leg, state))
        return llmc_leg_fail(leg, LLMCOST_E_CONFIG, "more than %d budgets match one call; join some of them", LLMC_BUDGET_MAX_MATCHES);
    return LLMCOST_CONTINUE;
}

/* What cannot be bounded is no reason for soft budgets to refuse: they count. */
static llmcost_verdict find_bound(llmcost_leg *leg, budget_state *state)
{
    llmcost_verdict verdict = size_up(leg, state);
    state->bounded = verdict == LLMCOST_CONTINUE;
    if (state->bounded || state->hard)
        return verdict;
    llmc_error_clear(&leg->error);
    leg->status = LLMCOST_OK;
    state->input_bound = state->output_bound = state->thinking_bound = 0;
    llmc_rates_free_of_charge(&state->rates, leg->services->settings->currency);
    state->exchange_nano = 1000000000;
    return LLMCOST_CONTINUE;
}

static llmcost_verdict budget_enter(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    budget_state *state = memory;
    llmcost_verdict verdict = match_all(leg, state);
    if (verdict != LLMCOST_CONTINUE || state->ref_count == 0)
        return verdict;
    verdict = find_bound(leg, state);
    return verdict == LLMCOST_CONTINUE ? try_hold(leg, state) : verdict;
}

/* ---- looking ahead ---- */

/* What act_on_reply() would say, with nothing held and nobody waiting. */
static llmcost_verdict look_at_reply(llmcost_leg *leg, budget_state *state, llmc_budget_outlook *out)
{
    for (;;) {
        state->accounts->look(state->accounts, state->refs, state->ref_count, whole_bound(state), leg->requested_wall_ms, &state->reply, out->figures);
        if (state->reply.outcome == LLMC_HOLD_SHORT_HELD)
            return LLMCOST_WAIT;
        if (state->reply.outcome != LLMC_HOLD_SHORT_SPENT)
            return LLMCOST_CONTINUE;
        if (!shorten(leg, state))
            return refuse(leg, state);
    }
}

llmcost_verdict llmc_budget_look(llmcost_leg *leg, llmc_budget_outlook *out)
{
    budget_state state = { 0 };
    *out = (llmc_budget_outlook){ .bound_nano = -1 };
    llmcost_verdict verdict = match_all(leg, &state);
    if (verdict == LLMCOST_CONTINUE)
        verdict = find_bound(leg, &state);
    out->unknown = state.ref_count && !state.accounts->look;
    if (state.ref_count && !out->unknown && verdict == LLMCOST_CONTINUE)
        verdict = look_at_reply(leg, &state, out);
    else if (state.ref_count && !out->unknown)
        state.accounts->look(state.accounts, state.refs, state.ref_count, 0, leg->requested_wall_ms, &state.reply, out->figures);
    memcpy(out->refs, state.refs, sizeof out->refs);
    out->ref_count = state.ref_count;
    out->shortened = state.shortened;
    if (!state.bounded)
        return verdict;
    out->input_tokens = state.input_bound;
    out->output_tokens = state.invented && !state.hard ? -1 : state.output_bound; /* nobody's figure, and not sent */
    if (!state.guessed && (out->output_tokens >= 0 || dearest_output(&state.rates) == 0))
        out->bound_nano = whole_bound(&state);
    return verdict;
}

/* After waiting it is another time, and perhaps another window, or another price list. */
static llmcost_verdict ask_anew(llmcost_leg *leg, budget_state *state)
{
    leg->requested_wall_ms = llmc_clock_wall_ms(&leg->services->clock);
    state->shortened = false;
    llmcost_verdict verdict = find_bound(leg, state);
    return verdict == LLMCOST_CONTINUE ? try_hold(leg, state) : verdict;
}

static llmcost_verdict budget_resume(llmcost_leg *leg, void *memory, void *user, const llmcost_wake *wake)
{
    (void)user;
    budget_state *state = memory;
    if (wake->kind == LLMCOST_WAKE_HOOK && wake->value == WAKE_ANSWERED) {
        state->answer_waker = NULL;
        return act_on_reply(leg, state);
    }
    if (wake->kind == LLMCOST_WAKE_HOOK)
        stop_waiting(state); /* woken once; the message may be an earlier wait's, and this one still queued */
    /* An engine that has not answered yet is not asked twice. */
    return atomic_load(&state->reply_state) == WAITED_FOR ? LLMCOST_WAIT : ask_anew(leg, state);
}

static void mark_if_shortened(llmcost_leg *leg, const budget_state *state)
{
    if (!state->hard || !leg->answer)
        return;
    bool cut = leg->answer->choice_count && leg->answer->choices[0].finish == LLMCOST_FINISH_LENGTH;
    if (state->shortened ? !state->own_length || cut : state->invented && cut && dearest_output(&state->rates) > 0)
        leg->altered = true;
}

/* What is charged. A leg that was served but could not be priced (an overflow, no memory) costs what was held for it. */
static int64_t bill(const llmcost_leg *leg, const budget_state *state)
{
    if (!leg->line)
        return 0;
    if (leg->line->flags & LLMC_LINE_PRICED)
        return leg->line->cost_nano;
    return leg->sent && leg->line->http_status < 300 ? state->ticket.bound_nano : 0;
}

static llmcost_verdict budget_leave(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    budget_state *state = memory;
    stop_waiting(state);
    if (!state->holding)
        return LLMCOST_CONTINUE;
    state->holding = false;
    mark_if_shortened(leg, state);
    llmc_line *line = leg->line;
    bool held = state->bounded && !state->guessed;
    if (line && held && (leg->usage.flags & LLMC_USAGE_PRESUMED)) { /* sent, and nothing is known of what became of it */
        line->cost_nano = state->ticket.bound_nano;
        line->flags |= LLMC_LINE_PRICED;
        line->rates = NULL;
    }
    int64_t amount = bill(leg, state);
    if (line && state->bounded && amount > state->ticket.bound_nano) {
        line->flags |= LLMC_LINE_BOUND_EXCEEDED;
        atomic_fetch_add(&leg->services->bound_exceeded, 1);
    }
    state->accounts->settle(state->accounts, &state->ticket, amount, NULL, NULL);
    return LLMCOST_CONTINUE;
}

static void budget_cancel(llmcost_leg *leg, void *memory, void *user)
{
    (void)leg;
    (void)user;
    budget_state *state = memory;
    stop_waiting(state);
    unsigned before = WAITED_FOR;
    if (atomic_compare_exchange_strong(&state->reply_state, &before, ABANDONED) || !state->answer_waker)
        return;
    /* The answer is under way to a leg that is gone. */
    if (before == ANSWERED && state->reply.outcome == LLMC_HOLD_GRANTED)
        state->accounts->settle(state->accounts, &state->ticket, 0, NULL, NULL);
}

const llmcost_policy llmc_policy_budget = {
    .struct_size = sizeof(llmcost_policy), .name = "budget", .phase = LLMCOST_PHASE_BUDGET, .operations = 1u << LLMC_OP_CHAT | 1u << LLMC_OP_EMBED,
    .state_bytes = sizeof(budget_state), .enter = budget_enter, .resume = budget_resume, .leave = budget_leave, .cancel = budget_cancel,
};
