/*
 * choose.c: the first rule whose conditions hold.
 *
 * All but a model's label is known when names are resolved (decide.c), and the steps that are out of the question leave
 * the tree. Where several are left that a model's label decides between, it is asked here, in the phase of routes, so
 * that an answer out of the cache costs no label. A rule whose target cannot serve the request is skipped; a rule that
 * does not hold is never used, not even where nothing else is left.
 */
#include "policy/choose.h"

#include "policy/decide.h"

#include <string.h>

enum { USUAL_BYTES = 200 }; /* of the reasons, with their names and figures */

/* ---- rules ---- */

static bool conditions_hold(llmcost_leg *leg, llmc_facts *facts, const llmc_rule *rule, const llmc_route *to)
{
    for (size_t i = 0; i < rule->condition_count; i++) {
        if (!llmc_condition_holds(leg, facts, &rule->conditions[i], to))
            return false;
    }
    return true;
}

static bool label_holds(const llmc_rule *rule, const llmc_given_label *given)
{
    for (size_t i = 0; i < rule->label_count; i++) {
        if (strcmp(rule->labels[i], given->label) == 0)
            return true;
    }
    return !rule->label_count;
}

/* "task is code, label complex (score 7: code 3, length 4)". NULL given: no label was needed so far. */
static const char *reasons(llmcost_leg *leg, llmc_facts *facts, const llmc_rule *rule, const llmc_route *to, const llmc_given_label *given)
{
    llmc_buffer text;
    if (!rule->condition_count && !given)
        return "by default";
    llmc_buffer_init(&text, &leg->services->allocator, 4000);
    llmc_buffer_reserve(&text, USUAL_BYTES);
    for (size_t i = 0; i < rule->condition_count; i++) {
        llmc_buffer_add_text(&text, i ? ", " : "");
        llmc_condition_tell(leg, facts, &rule->conditions[i], to, &text);
    }
    if (!rule->condition_count && !rule->label_count)
        llmc_buffer_add_text(&text, "by default");
    if (given) {
        llmc_buffer_add_text(&text, text.length ? ", label " : "label ");
        llmc_buffer_add_text(&text, given->label);
        llmc_buffer_add_text(&text, " (");
        llmc_buffer_add_text(&text, given->why);
        llmc_buffer_add_text(&text, ")");
    }
    const char *kept = llmc_arena_strdup(llmc_leg_arena(leg), llmc_buffer_text(&text));
    llmc_buffer_free(&text);
    return kept ? kept : "";
}

bool llmc_choose_takes(llmcost_leg *leg, const llmc_route *step, llmcost_error *first)
{
    llmcost_error error;
    llmc_error_init(&error, &leg->services->allocator);
    bool takes = llmc_route_takes(leg, step, &error);
    if (!takes && error.status == LLMCOST_E_UNSUPPORTED)
        llmc_route_prune(leg, step, &error);
    if (!takes && !first->status)
        llmc_error_copy(first, &error);
    llmc_error_clear(&error);
    return takes;
}

void llmc_choose_no_step(llmcost_leg *leg, const llmc_route *route, const llmcost_error *first)
{
    if (leg->status)
        return;
    if (!first->status)
        llmc_leg_fail(leg, LLMCOST_E_UNSUPPORTED, "%s: no rule of this choose holds whose model can serve the request", route->name);
    else if (first->status == LLMCOST_E_UNSUPPORTED)
        llmc_leg_fail(leg, LLMCOST_E_UNSUPPORTED, "%s: no rule of this choose is left; %s", route->name, llmcost_error_message(first));
    else {
        leg->status = first->status;
        llmc_error_copy(&leg->error, first);
    }
}

uint32_t llmc_choose_steps(llmcost_leg *leg, const llmc_route *route, bool *open, const char **why)
{
    const llmc_choose *choose = route->choose;
    llmc_facts *facts = llmc_facts_of(leg);
    const llmc_given_label *given = NULL;
    llmcost_error first;
    uint32_t steps = 0;
    *open = false;
    if (!facts)
        return 0;
    llmc_error_init(&first, &leg->services->allocator);
    for (size_t i = 0; i < route->step_count && !leg->status; i++) {
        const llmc_rule *rule = &choose->rules[i];
        if (!conditions_hold(leg, facts, rule, route->steps[i]))
            continue;
        if (rule->label_count && (given = llmc_label_known(leg, facts, choose->labeller)) && !label_holds(rule, given))
            continue;
        if (leg->status || !llmc_choose_takes(leg, route->steps[i], &first))
            continue;
        steps |= 1u << i;
        bool maybe = rule->label_count && !given;
        *open |= maybe;
        if (!maybe && !*open)
            *why = reasons(leg, facts, rule, route->steps[i], given);
        if (!maybe)
            break;
    }
    if (leg->status)
        steps = 0;
    if (!steps)
        llmc_choose_no_step(leg, route, &first);
    llmc_error_clear(&first);
    return steps;
}

/* ---- health that nobody knows ---- */

static size_t ask_target(llmcost_leg *leg, const llmc_route *route)
{
    size_t asked = 0;
    bool healthy;
    if (route->kind == LLMC_ROUTE_LEAF)
        return !llmc_health_known(leg, route, &healthy) && llmc_health_ask(leg, route) ? 1 : 0;
    for (size_t i = 0; i < route->step_count && !leg->status; i++)
        asked += ask_target(leg, route->steps[i]);
    return asked;
}

static size_t ask_for_condition(llmcost_leg *leg, const llmc_condition *condition, const llmc_route *to)
{
    size_t asked = 0;
    if (!condition->count)
        return ask_target(leg, to);
    for (size_t i = 0; i < condition->count && !leg->status; i++)
        asked += ask_target(leg, condition->targets[i]);
    return asked;
}

/* Whether it could hold; what needs asking is asked only where all before it holds. */
static size_t ask_for_rule(llmcost_leg *leg, llmc_facts *facts, const llmc_rule *rule, const llmc_route *to)
{
    size_t asked = 0;
    bool needed = false;
    for (size_t i = 0; i < rule->condition_count; i++)
        needed |= rule->conditions[i].fact == LLMC_FACT_HEALTHY;
    for (size_t i = 0; i < rule->condition_count && needed; i++)
        needed = rule->conditions[i].fact == LLMC_FACT_HEALTHY || llmc_condition_holds(leg, facts, &rule->conditions[i], to);
    if (!needed)
        return 0;
    for (size_t i = 0; i < rule->condition_count && !leg->status; i++) {
        if (rule->conditions[i].fact == LLMC_FACT_HEALTHY)
            asked += ask_for_condition(leg, &rule->conditions[i], to);
    }
    return asked;
}

size_t llmc_choose_ask_health(llmcost_leg *leg, const llmc_route *route)
{
    size_t asked = 0;
    llmc_facts *facts = route->choice_count ? llmc_facts_of(leg) : NULL;
    bool rules = facts && route->kind == LLMC_ROUTE_CHOOSE && route->choose->rules;
    for (size_t i = 0; facts && i < route->step_count && !leg->status; i++) {
        if (rules)
            asked += ask_for_rule(leg, facts, &route->choose->rules[i], route->steps[i]);
        asked += llmc_choose_ask_health(leg, route->steps[i]);
    }
    return asked;
}

/* ---- the policy: what only a model's label decides ---- */

typedef struct choose_state {
    llmcost_leg *child;
} choose_state;

/* The leg goes on as one for the step. */
static llmcost_verdict take(llmcost_leg *leg, const llmc_given_label *given)
{
    const llmc_route *route = leg->route;
    for (size_t i = 0; i < route->step_count; i++) {
        const llmc_rule *rule = &route->choose->rules[i];
        if (!label_holds(rule, given))
            continue;
        llmc_leg_decided(leg, route, route->steps[i], reasons(leg, route->choose->facts, rule, route->steps[i], given));
        leg->route = route->steps[i];
        llmc_route_taken(leg->route);
        return LLMCOST_CONTINUE;
    }
    return llmc_leg_fail(leg, LLMCOST_E_UNSUPPORTED, "%s: no rule of this choose is left for the label \"%s\" (%s); what else holds cannot serve the request",
                         route->name, given->label, given->why);
}

static llmcost_verdict go_on(llmcost_leg *leg, choose_state *state)
{
    llmcost_verdict verdict = LLMCOST_CONTINUE;
    while (verdict == LLMCOST_CONTINUE && leg->route && leg->route->kind == LLMC_ROUTE_CHOOSE) {
        const llmc_choose *choose = leg->route->choose;
        const llmc_given_label *given = llmc_label_known(leg, choose->facts, choose->labeller);
        if (!given && !leg->status && (state->child = llmc_label_ask(leg, choose->labeller)))
            return LLMCOST_WAIT;
        if (!given && !leg->status && !leg->cancelled)
            given = llmc_label_learn(leg, choose->facts, choose->labeller, NULL);
        verdict = given ? take(leg, given) : LLMCOST_FAIL;
    }
    return verdict;
}

static llmcost_verdict choose_enter(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    return go_on(leg, memory);
}

static llmcost_verdict choose_resume(llmcost_leg *leg, void *memory, void *user, const llmcost_wake *wake)
{
    (void)user;
    choose_state *state = memory;
    const llmc_choose *choose = leg->route->choose;
    if (wake->kind != LLMCOST_WAKE_CHILD)
        return LLMCOST_WAIT;
    if (!llmc_label_learn(leg, choose->facts, choose->labeller, state->child))
        return LLMCOST_FAIL;
    return go_on(leg, state);
}

const llmcost_policy llmc_policy_choose = {
    .struct_size = sizeof(llmcost_policy), .name = "choose", .phase = LLMCOST_PHASE_ROUTE, .operations = 1u << LLMC_OP_CHAT,
    .state_bytes = sizeof(choose_state), .enter = choose_enter, .resume = choose_resume,
};
