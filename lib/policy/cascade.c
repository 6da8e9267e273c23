/*
 * cascade.c: asks the steps of a route one after the other until an answer is good enough.
 *
 * Prefix triggers (marker, refusal) hold a streamed step back only until its beginning is known not to be the marker,
 * and a possible last line with it; whole-answer triggers hold every step but the last. A step escalates with the
 * request as it entered this node. When a further step fails, the best answer so far is delivered, flagged, or the
 * error, as configured. Left out on purpose: failures of the last step's target (fallback), choices before the first.
 */
#include "policy/marker.h"
#include "policy/outlook.h"
#include "policy/request_copy.h"
#include "policy/usage_estimate.h"
#include "policy/wish.h"
#include "wire/json.h"

#include <math.h>
#include <string.h>

static const char default_instruction[] = "If you are not sure that your answer is right and complete, reply with the single word %s and nothing else.";
static const char default_judge_instruction[] =
    "You check another assistant's answer. Reply with the single word YES if it is a correct and complete answer to the question, else with the single word NO.";
enum { JUDGE_MAX_TOKENS = 16, LONGEST_AFTER_MARKER = 256 };

typedef enum cascade_wait { FOR_STEP, FOR_JUDGE } cascade_wait;

typedef struct cascade_state {
    size_t step;
    llmcost_leg *child, *judge;
    llmcost_leg *best;          /* the best answer so far; NULL: none */
    size_t best_bytes;          /* how much of its text is an answer */
    bool best_is_broken;        /* refused, cut off or no JSON: worse than one that is only doubted */
    cascade_wait wait;
    llmc_buffer seen;           /* text of the step so far, while its beginning or a last line matters */
    bool seen_made, begun, cut, refused;
} cascade_state;

static const llmc_escalation *rules(const llmcost_leg *leg)
{
    return &leg->route->cascade->escalation;
}

static bool is_last(const llmcost_leg *leg, const cascade_state *state)
{
    return state->step + 1 >= leg->route->step_count;
}

/* Several choices stream interleaved: what is held back of one cannot be told apart from the others. */
static bool needs_whole_answer(const llmcost_leg *leg)
{
    const llmc_escalation *rule = rules(leg);
    return leg->request->n > 1 || rule->on_truncation || rule->on_invalid_json || rule->has_logprob || rule->judge_host || rule->judge_route;
}

/* ---- asking a step ---- */

const llmcost_request *llmc_cascade_step_request(llmcost_leg *leg, size_t step, int64_t *extra_tokens, uint8_t *wishes)
{
    const llmc_escalation *rule = rules(leg);
    const llmcost_request *request = leg->request;
    llmc_arena *arena = llmc_leg_arena(leg);
    *extra_tokens = 0;
    *wishes = leg->wishes;
    if (step + 1 >= leg->route->step_count)
        return request;
    if (rule->marker) {
        const char *text = rule->marker_instruction;
        if (!text) {
            size_t bytes = sizeof default_instruction + strlen(rule->marker);
            char *made = llmc_arena_alloc(arena, bytes);
            const char *mark = strstr(default_instruction, "%s");
            if (!made)
                return NULL;
            size_t before = (size_t)(mark - default_instruction);
            memcpy(made, default_instruction, before);
            strcpy(made + before, rule->marker);
            strcat(made, mark + 2);
            text = made;
        }
        request = llmc_request_with_instruction(request, text, arena);
        *extra_tokens = (int64_t)(strlen(text) + 3) / 4;
    }
    if (request && rule->has_logprob && !request->logprobs) {
        llmcost_request *copy = llmc_request_copy(request, arena);
        if (copy)
            copy->logprobs = 1;
        *wishes |= LLMC_WISH_LOGPROBS;
        request = copy;
    }
    return request;
}

static llmcost_verdict give_up(llmcost_leg *leg, cascade_state *state);

/* Nothing of the step has come yet: it was asked just now, or it is asked again. */
static void begin_reading(cascade_state *state)
{
    state->begun = state->cut = state->refused = false;
    llmc_buffer_clear(&state->seen);
}

static llmcost_verdict ask_step(llmcost_leg *leg, cascade_state *state)
{
    while (!is_last(leg, state) && !llmc_route_fits(leg, leg->route->steps[state->step]))
        state->step++; /* pruned: the receipt says so already */
    int64_t extra_tokens;
    uint8_t wishes;
    const llmcost_request *request = llmc_cascade_step_request(leg, state->step, &extra_tokens, &wishes);
    if (!request)
        return llmc_leg_out_of_memory(leg);
    llmc_spawn spawn = { .first_phase = LLMCOST_PHASE_ROUTE, .route = leg->route->steps[state->step], .request = request, .wishes = wishes, .purpose = "cascade", .forwards = true };
    state->child = llmc_leg_spawn(leg, &spawn);
    if (!state->child)
        return LLMCOST_FAIL;
    state->child->extra_prompt_tokens = leg->extra_prompt_tokens + extra_tokens;
    state->wait = FOR_STEP;
    if (!state->seen_made) {
        llmc_buffer_init(&state->seen, &leg->services->allocator, SIZE_MAX / 4);
        state->seen_made = true;
    }
    begin_reading(state);
    return LLMCOST_WAIT;
}

/* ---- a step's pieces on their way out ---- */

/*
 * Text of a step that may still turn out to be unsure. What can no longer be part of the marker is let go at once. A
 * step that said the marker is read to its end, for its exact bill, unless it goes on and on.
 */
static llmcost_event_verdict hold_text(llmcost_leg *leg, cascade_state *state, const llmcost_event *event)
{
    const char *marker = rules(leg)->marker;
    llmc_buffer_add(&state->seen, event->text, event->bytes);
    if (state->seen.failure)
        llmc_leg_lose_event(leg);
    if (state->seen.failure || !llmc_leg_hold(leg, event))
        return LLMCOST_CUT;
    if (!state->begun) {
        llmc_marker_state start = llmc_marker_at_start(marker, state->seen.data, state->seen.length);
        if (start == LLMC_MARKER_FIRST) {
            state->cut = state->seen.length > LONGEST_AFTER_MARKER;
            return state->cut ? LLMCOST_CUT : LLMCOST_SWALLOW;
        }
        if (start == LLMC_MARKER_POSSIBLE)
            return LLMCOST_SWALLOW;
        state->begun = true;
    }
    if (state->refused)
        return LLMCOST_SWALLOW;
    return llmc_leg_release(leg, llmc_marker_tail(marker, state->seen.data, state->seen.length)) ? LLMCOST_SWALLOW : LLMCOST_CUT;
}

static llmcost_event_verdict cascade_event(llmcost_leg *leg, void *memory, void *user, const llmcost_event *event, llmcost_leg *child)
{
    (void)user;
    cascade_state *state = memory;
    if (!child || child != state->child || is_last(leg, state)) /* of a leg that is no cascade, too */
        return LLMCOST_PASS;
    const llmc_escalation *rule = rules(leg);
    if (event->kind == LLMCOST_EVENT_RESTART) {
        begin_reading(state);
        return LLMCOST_PASS;
    }
    if (event->kind == LLMCOST_EVENT_REFUSAL && rule->on_refusal) {
        state->refused = true;
        return LLMCOST_HOLD;
    }
    if (needs_whole_answer(leg) || event->kind >= 32)
        return LLMCOST_HOLD;
    if (event->kind != LLMCOST_EVENT_TEXT || event->choice != 0 || !rule->marker)
        return rule->marker || rule->on_refusal ? LLMCOST_HOLD : LLMCOST_PASS;
    return hold_text(leg, state, event);
}

/* ---- judging an answer ---- */

static const llmc_choice *first_choice(const llmcost_leg *child)
{
    return child->answer && child->answer->choice_count ? &child->answer->choices[0] : NULL;
}

static bool is_json(const llmc_choice *choice)
{
    llmc_json json;
    llmc_json_begin(&json, choice->text.text, choice->text.bytes);
    return llmc_json_skip(&json) && llmc_json_end(&json);
}

/* The mean of the tokens' log-probabilities. false: the provider gave none. */
static bool mean_logprob(const llmc_choice *choice, double *mean)
{
    llmc_json json;
    llmc_json_key key;
    double sum = 0, value;
    size_t count = 0;
    llmc_json_begin(&json, choice->logprobs.text, choice->logprobs.bytes);
    if (!choice->logprobs.bytes || !llmc_json_array(&json))
        return false;
    while (llmc_json_next_item(&json)) {
        if (!llmc_json_object(&json))
            continue;
        while (llmc_json_next_key(&json, &key)) {
            if (!llmc_json_key_is(&key, "logprob") || llmc_json_peek(&json) != LLMC_JSON_NUMBER) {
                llmc_json_skip(&json);
                continue;
            }
            if (llmc_json_double(&json, &value)) {
                sum += value;
                count++;
            }
        }
    }
    *mean = count ? sum / (double)count : 0;
    return count > 0 && llmc_json_end(&json) && isfinite(*mean);
}

/* Whether any choice carries the marker; *answer_bytes: how much of the first one is an answer. */
static bool is_marked(const char *marker, const llmc_answer *answer, size_t *answer_bytes)
{
    bool marked = false;
    size_t bytes;
    for (uint32_t i = 0; i < answer->choice_count; i++) {
        const llmc_choice *choice = &answer->choices[i];
        if (!llmc_marker_in(marker, choice->text.text, choice->text.bytes, &bytes))
            continue;
        *answer_bytes = i == 0 ? bytes : 0; /* an answer with the marker in another choice is none to fall back on */
        marked = true;
    }
    return marked;
}

/* What is wrong with an answer as it stands; NULL: nothing. */
static const char *flaw(llmcost_leg *leg, const cascade_state *state, const llmc_choice *choice)
{
    const llmc_escalation *rule = rules(leg);
    if (rule->on_refusal && (state->refused || choice->refusal.bytes || choice->finish == LLMCOST_FINISH_CONTENT_FILTER))
        return "it refused";
    if (rule->on_truncation && choice->finish == LLMCOST_FINISH_LENGTH && !state->child->altered)
        return "it was cut off";
    if (rule->on_invalid_json && leg->request->format != LLMCOST_FORMAT_TEXT && !choice->tool_call_count && !is_json(choice))
        return "it is not the JSON that was asked for";
    return NULL;
}

/* Why a complete answer of a step is not good enough; NULL: nothing speaks against it. */
static const char *objection(llmcost_leg *leg, cascade_state *state, const llmc_choice *choice, size_t *answer_bytes)
{
    const llmc_escalation *rule = rules(leg);
    double mean;
    *answer_bytes = choice->text.bytes;
    if (rule->marker && is_marked(rule->marker, state->child->answer, answer_bytes))
        return "it said that it is not sure";
    const char *why = flaw(leg, state, choice);
    if (why)
        return why;
    if (rule->has_logprob && mean_logprob(choice, &mean) && mean < rule->min_mean_logprob)
        return "its log-probability is low";
    return NULL;
}

static void note(llmcost_leg *leg, llmcost_leg *child, const char *text)
{
    const llmcost_leg *source = child->source ? child->source : child;
    if (source->line)
        llmc_line_add_note(source->line, llmc_leg_arena(leg), text);
}

/* ---- moving on ---- */

static llmcost_verdict deliver(llmcost_leg *leg, cascade_state *state)
{
    llmcost_verdict verdict = llmcost_leg_adopt(leg, state->child);
    if (!llmc_leg_release(leg, 0))
        return llmc_leg_stopped(leg);
    return verdict;
}

/* Part of an answer that is not sure has reached the caller already: it cannot be taken back, only ended and flagged. */
static llmcost_verdict deliver_uncertain(llmcost_leg *leg, cascade_state *state, size_t answer_bytes)
{
    note(leg, state->child, "it said at its end that it is not sure, but its beginning had been streamed");
    llmcost_leg_adopt(leg, state->child);
    llmc_answer *trimmed = llmc_answer_with_text(leg->answer, leg->answer->choices[0].text.text, answer_bytes);
    if (!trimmed)
        return llmc_leg_out_of_memory(leg);
    const llmcost_leg *source = leg->source;
    llmc_leg_set_answer(leg, trimmed);
    leg->source = source;
    leg->altered = true;
    llmc_leg_trim_held(leg, state->seen.length > answer_bytes ? state->seen.length - answer_bytes : 0);
    if (!llmc_leg_release(leg, 0))
        return llmc_leg_stopped(leg);
    return LLMCOST_ANSWER;
}

static llmcost_verdict deliver_best(llmcost_leg *leg, cascade_state *state)
{
    llmcost_leg_adopt(leg, state->best);
    const llmcost_leg *source = leg->source;
    leg->altered = true;
    if (state->best_bytes < leg->answer->choices[0].text.bytes) {
        llmc_answer *trimmed = llmc_answer_with_text(leg->answer, leg->answer->choices[0].text.text, state->best_bytes);
        if (!trimmed)
            return llmc_leg_out_of_memory(leg);
        llmc_leg_set_answer(leg, trimmed);
        leg->source = source;
    }
    note(leg, state->best, "the best answer there was: a further step failed");
    llmc_leg_drop_held(leg);
    return llmc_leg_streams(leg) ? llmc_leg_replay(leg) : LLMCOST_ANSWER;
}

static bool can_deliver_best(const llmcost_leg *leg, const cascade_state *state)
{
    return state->best && state->best_bytes > 0 && !llmc_leg_was_delivered(leg) && leg->route->cascade->on_failure == LLMC_CASCADE_BEST;
}

/* The step at hand has failed and none is left, or none may be asked any more. */
static llmcost_verdict give_up(llmcost_leg *leg, cascade_state *state)
{
    if (can_deliver_best(leg, state) && !leg->cancelled)
        return deliver_best(leg, state);
    return llmcost_leg_adopt(leg, state->child);
}

static llmcost_verdict escalate(llmcost_leg *leg, cascade_state *state)
{
    llmc_leg_drop_held(leg);
    llmc_leg_receipt(leg)->escalations++;
    state->step++;
    llmc_services_log(leg->services, LLMCOST_LOG_INFO, "cascade", "%s: escalates to step %zu", llmcost_leg_target(leg), state->step + 1);
    return ask_step(leg, state);
}

/* Of two that are alike the later one, which is the larger model's. */
static void keep_best(llmcost_leg *leg, cascade_state *state, size_t answer_bytes)
{
    if (answer_bytes == 0 || !state->child->answer)
        return;
    bool broken = flaw(leg, state, first_choice(state->child)) != NULL;
    if (state->best && broken && !state->best_is_broken)
        return;
    state->best = state->child;
    state->best_is_broken = broken;
    state->best_bytes = answer_bytes;
}

static llmcost_verdict object(llmcost_leg *leg, cascade_state *state, const char *why, size_t answer_bytes)
{
    if (llmc_leg_was_delivered(leg)) /* none of it an answer, and yet shown: the marker is in another choice */
        return deliver_uncertain(leg, state, answer_bytes ? answer_bytes : first_choice(state->child)->text.bytes);
    note(leg, state->child, why);
    keep_best(leg, state, answer_bytes);
    return escalate(leg, state);
}

/* ---- judges ---- */

static llmcost_verdict ask_host(llmcost_leg *leg, cascade_state *state, const llmc_choice *choice)
{
    const llmc_named_hook *judge = llmc_named_hook_find(leg->services->judges, rules(leg)->judge_host);
    llmcost_judgement judgement = { .struct_size = sizeof judgement, .answer = choice->text.text, .answer_bytes = choice->text.bytes,
                                    .model = llmcost_leg_target(state->child), .request = leg->request };
    judgement.question = llmc_request_question(leg->request, llmc_leg_arena(leg), &judgement.question_bytes);
    int verdict = judge && judgement.question ? judge->fn.judge(&judgement, judge->user) : -1;
    if (verdict == 0)
        return object(leg, state, "the host's judge did not accept it", choice->text.bytes);
    if (verdict < 0) {
        llmc_leg_policy_failed(leg, "cascade", judge ? "the host's judge could not tell" : "no judge of this name was added to the client");
        leg->no_store = true; /* unjudged: the next call asks again */
    }
    return deliver(leg, state);
}

static const llmcost_request *judge_request(llmcost_leg *leg, const llmc_choice *choice)
{
    llmc_arena *arena = llmc_leg_arena(leg);
    size_t bytes;
    const char *question = llmc_request_question(leg->request, arena, &bytes);
    int64_t max_tokens = rules(leg)->judge_max_tokens;
    llmcost_request *request = llmc_request_copy(leg->request, arena);
    llmcost_message *messages = llmc_arena_calloc(arena, 2, sizeof *messages);
    char *text = question ? llmc_arena_alloc(arena, bytes + choice->text.bytes + 32) : NULL;
    if (!request || !messages || !text)
        return NULL;
    static const char before[] = "Question:\n", between[] = "\n\nAnswer:\n";
    size_t at = sizeof before - 1;
    memcpy(text, before, at);
    memcpy(text + at, question, bytes);
    at += bytes;
    memcpy(text + at, between, sizeof between - 1);
    at += sizeof between - 1;
    memcpy(text + at, choice->text.text, choice->text.bytes + 1);
    messages[0] = (llmcost_message){ .role = LLMCOST_SYSTEM, .text = rules(leg)->judge_instruction ? rules(leg)->judge_instruction : default_judge_instruction };
    messages[1] = (llmcost_message){ .role = LLMCOST_USER, .text = text, .text_bytes = at + choice->text.bytes };
    /* Only tags, namespace and deadline are the caller's. */
    llmcost_request fresh = { .struct_size = request->struct_size, .model = request->model, .tags = request->tags, .tag_count = request->tag_count,
                              .cache_namespace = request->cache_namespace, .deadline_ms = request->deadline_ms, .priority = request->priority, .messages = messages, .message_count = 2,
                              .max_tokens = max_tokens > 0 ? max_tokens : JUDGE_MAX_TOKENS, .has_temperature = 1, .temperature = 0 };
    *request = fresh;
    return request;
}

static llmcost_verdict ask_model(llmcost_leg *leg, cascade_state *state, const llmc_choice *choice)
{
    const llmcost_request *request = judge_request(leg, choice);
    if (!request)
        return llmc_leg_out_of_memory(leg);
    llmc_spawn spawn = { .first_phase = LLMCOST_PHASE_ROUTE, .route = rules(leg)->judge_route, .request = request,
                         .wishes = llmc_wishes_of_question(rules(leg)->judge_max_tokens), .purpose = "judge" };
    state->judge = llmc_leg_spawn(leg, &spawn);
    if (!state->judge)
        return LLMCOST_FAIL;
    state->wait = FOR_JUDGE;
    return LLMCOST_WAIT;
}

static bool begins_with_word(const char *text, const char *word)
{
    while (*text == ' ' || *text == '\n' || *text == '*' || *text == '"')
        text++;
    size_t length = strlen(word);
    for (size_t i = 0; i < length; i++) {
        if ((text[i] & ~0x20) != word[i])
            return false;
    }
    char after = text[length];
    return !((after | 0x20) >= 'a' && (after | 0x20) <= 'z');
}

static llmcost_verdict judged(llmcost_leg *leg, cascade_state *state)
{
    const llmc_choice *said = first_choice(state->judge), *choice = first_choice(state->child);
    if (said && begins_with_word(said->text.text, "NO"))
        return object(leg, state, "the judge did not accept it", choice->text.bytes);
    if (!said || !begins_with_word(said->text.text, "YES")) {
        llmc_leg_policy_failed(leg, "cascade", "the judge could not tell");
        leg->no_store = true;
    }
    return deliver(leg, state);
}

static llmcost_verdict step_done(llmcost_leg *leg, cascade_state *state)
{
    llmcost_leg *child = state->child;
    if (is_last(leg, state))
        return child->status == LLMCOST_OK ? deliver(leg, state) : give_up(leg, state);
    if (state->cut && state->seen.failure == LLMC_BUFFER_FINE)
        return object(leg, state, "it said that it is not sure", 0);
    const llmc_choice *choice = first_choice(child);
    if (child->status != LLMCOST_OK || !choice) {
        bool ended = child->status == LLMCOST_E_CANCELLED || child->status == LLMCOST_E_DEADLINE || child->status == LLMCOST_E_MEMORY;
        return ended || llmc_leg_was_delivered(leg) ? give_up(leg, state) : escalate(leg, state);
    }
    size_t answer_bytes;
    const char *why = objection(leg, state, choice, &answer_bytes);
    if (why)
        return object(leg, state, why, answer_bytes);
    if (rules(leg)->judge_host)
        return ask_host(leg, state, choice);
    return rules(leg)->judge_route ? ask_model(leg, state, choice) : deliver(leg, state);
}

/* ---- the policy ---- */

static llmcost_verdict cascade_enter(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    if (!leg->route || leg->route->kind != LLMC_ROUTE_CASCADE)
        return LLMCOST_CONTINUE;
    return ask_step(leg, memory);
}

static llmcost_verdict cascade_resume(llmcost_leg *leg, void *memory, void *user, const llmcost_wake *wake)
{
    (void)user;
    cascade_state *state = memory;
    if (wake->kind != LLMCOST_WAKE_CHILD)
        return LLMCOST_WAIT;
    return state->wait == FOR_JUDGE ? judged(leg, state) : step_done(leg, state);
}

/*
 * The deadline may end the step at hand or the whole call: which comes first is chance, what comes out must not be.
 * Either way the best answer so far is delivered where that is configured.
 */
static llmcost_verdict cascade_leave(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    cascade_state *state = memory;
    if (!leg->cancelled || leg->status != LLMCOST_E_DEADLINE || !can_deliver_best(leg, state))
        return LLMCOST_CONTINUE;
    return deliver_best(leg, state);
}

static void cascade_destroy(llmcost_leg *leg, void *memory, void *user)
{
    (void)leg;
    (void)user;
    cascade_state *state = memory;
    if (state->seen_made)
        llmc_buffer_free(&state->seen);
}

const llmcost_policy llmc_policy_cascade = {
    .struct_size = sizeof(llmcost_policy), .name = "cascade", .phase = LLMCOST_PHASE_ROUTE, .operations = 1u << LLMC_OP_CHAT,
    .state_bytes = sizeof(cascade_state), .enter = cascade_enter, .event = cascade_event, .resume = cascade_resume, .leave = cascade_leave, .destroy = cascade_destroy,
};
