/*
 * The tree of an explanation: every leaf is taken through the policies that stand between it and the wire, as in a call,
 * but by those of their functions that only look (policy/outlook.h). Each step of a node is a leg with the request that
 * it would get, so that a cascade's instruction is in the bounds of its steps.
 *
 * Left out on purpose: what the steps before have cost by then. Budgets are looked at as they stand now.
 */
#include "client/explain.h"

#include "base/text.h"
#include "policy/decide.h"
#include "policy/labeller.h"
#include "policy/outlook.h"
#include "policy/wish.h"

#include <string.h>

/* ---- writing ---- */

void llmc_explain_text(llmc_explaining *explaining, llmcost_leg *leg, const char *key, const char *text)
{
    llmc_json_write_key(&explaining->json, key);
    if (text && !llmc_utf8_valid(text, strlen(text))) { /* a message may cut a name off within a character */
        char *clean = llmc_arena_strdup(llmc_leg_arena(leg), text);
        explaining->no_memory |= !clean;
        if (clean)
            llmc_utf8_sanitize(clean);
        text = clean;
    }
    llmc_json_write_text(&explaining->json, text);
}

static void write_integer(llmc_explaining *explaining, const char *key, int64_t value)
{
    llmc_json_write_member_integer(&explaining->json, key, value);
}

/* null where there is no such figure. */
static void write_figure(llmc_explaining *explaining, const char *key, int64_t value, int64_t least)
{
    llmc_json_write_key(&explaining->json, key);
    if (value >= least)
        llmc_json_write_integer(&explaining->json, value);
    else
        llmc_json_write_null(&explaining->json);
}

static void write_bool(llmc_explaining *explaining, const char *key, bool value)
{
    llmc_json_write_member_bool(&explaining->json, key, value);
}

static void write_amount(llmc_explaining *explaining, const char *nano_key, const char *text_key, int64_t nano)
{
    char text[40];
    write_figure(explaining, nano_key, nano, 0);
    llmc_json_write_member_text(&explaining->json, text_key, nano < 0 ? "unknown" : llmc_amount_text(nano, explaining->currency, 2, text));
}

void llmc_explain_cost(llmc_explaining *explaining, const char *key, int64_t least_nano, int64_t greatest_nano)
{
    llmc_json_write_member_object(&explaining->json, key);
    write_amount(explaining, "least_nano", "least", least_nano);
    write_amount(explaining, "greatest_nano", "greatest", greatest_nano);
    llmc_json_write_end_object(&explaining->json);
}

static void write_route(llmc_explaining *explaining, llmcost_leg *leg)
{
    llmc_explain_text(explaining, leg, "name", leg->route->name);
    llmc_explain_text(explaining, leg, "kind", llmc_route_kind_names[leg->route->kind]);
}

/* ---- a leaf ---- */

static int64_t times(int64_t nano, int64_t count)
{
    int64_t product;
    return nano < 0 || __builtin_mul_overflow(nano, count, &product) ? -1 : product;
}

static int64_t tries_of(const llmc_route *leaf)
{
    return 1 + (int64_t)leaf->provider->retries;
}

/* Enter a policy that changes nothing but its leg. */
static llmcost_verdict enter(llmcost_leg *leg, const llmcost_policy *policy)
{
    void *state = llmc_arena_calloc(llmc_leg_arena(leg), 1, policy->state_bytes + 1);
    return state ? policy->enter(leg, state, policy->user) : llmc_leg_out_of_memory(leg);
}

static const char *outcome_of(llmcost_verdict verdict, const llmc_budget_outlook *outlook)
{
    if (outlook->unknown)
        return "unknown";
    if (verdict == LLMCOST_FAIL)
        return "refused";
    if (verdict == LLMCOST_WAIT)
        return "waits for other calls to settle";
    if (outlook->shortened)
        return "admitted with a lower max_tokens";
    return outlook->ref_count ? "admitted" : "no budget";
}

static void write_budgets(llmc_explaining *explaining, llmcost_leg *leg, const llmc_budget_outlook *outlook)
{
    llmc_json_write_member_array(&explaining->json, "budgets");
    for (size_t i = 0; i < outlook->ref_count; i++) {
        const llmc_budget *budget = &leg->services->settings->budgets[outlook->refs[i].budget];
        llmc_json_write_begin_object(&explaining->json);
        llmc_explain_text(explaining, leg, "name", budget->name);
        llmc_explain_text(explaining, leg, "value", outlook->refs[i].value);
        write_bool(explaining, "soft", budget->soft);
        write_integer(explaining, "limit_nano", budget->limit_nano);
        if (!outlook->unknown) {
            write_integer(explaining, "spent_nano", outlook->figures[i].spent_nano);
            write_integer(explaining, "held_nano", outlook->figures[i].held_nano);
        }
        llmc_json_write_end_object(&explaining->json);
    }
    llmc_json_write_end_array(&explaining->json);
}

static llmc_ways write_outlook(llmc_explaining *explaining, llmcost_leg *leg)
{
    llmc_budget_outlook outlook = { .output_tokens = -1, .bound_nano = -1 };
    llmc_target_view target;
    llmcost_verdict breaker = llmc_breaker_look(leg, &target), verdict = llmc_keys_look(leg); /* whose failure comes first */
    if (verdict == LLMCOST_CONTINUE)
        verdict = breaker;
    llmc_explain_text(explaining, leg, "breaker", llmc_breaker_state_name(target.state));
    write_bool(explaining, "healthy", target.healthy);
    if (verdict == LLMCOST_CONTINUE)
        verdict = enter(leg, &llmc_policy_fit);
    if (verdict == LLMCOST_CONTINUE)
        verdict = enter(leg, &llmc_policy_format);
    if (verdict == LLMCOST_CONTINUE)
        verdict = llmc_budget_look(leg, &outlook);
    llmc_ways ways = { .least_nano = outlook.bound_nano, .greatest_nano = times(outlook.bound_nano, tries_of(leg->route)) };
    if (verdict == LLMCOST_FAIL) {
        ways.refusal = leg->status;
        ways.message = llmcost_error_message(&leg->error);
    }
    explaining->no_memory |= leg->status == LLMCOST_E_MEMORY;
    write_integer(explaining, "tries", tries_of(leg->route));
    write_figure(explaining, "input_tokens", outlook.input_tokens, 1);
    write_figure(explaining, "output_tokens", outlook.output_tokens, 0);
    write_amount(explaining, "max_cost_nano", "max_cost", outlook.bound_nano);
    llmc_explain_text(explaining, leg, "admission", outcome_of(verdict, &outlook));
    if (verdict == LLMCOST_FAIL) {
        llmc_explain_text(explaining, leg, "status", llmcost_status_name(leg->status));
        llmc_explain_text(explaining, leg, "message", ways.message);
    }
    write_budgets(explaining, leg, &outlook);
    return ways;
}

static llmc_ways explain_leaf(llmc_explaining *explaining, llmcost_leg *leg)
{
    const llmc_route *leaf = leg->route;
    llmcost_error error;
    llmc_ways ways = { .refusal = LLMCOST_E_UNSUPPORTED };
    llmc_error_init(&error, &leg->services->allocator);
    llmc_explain_text(explaining, leg, "provider", leaf->provider->name);
    llmc_explain_text(explaining, leg, "model", leaf->model);
    write_figure(explaining, "context_window", leaf->prices ? llmc_model_context(leaf->prices) : 0, 1);
    bool fits = llmc_leaf_fits(leg, leaf, &error);
    write_bool(explaining, "fits", fits);
    if (!fits)
        llmc_explain_text(explaining, leg, "why", llmcost_error_message(&error));
    explaining->no_memory |= error.status == LLMCOST_E_MEMORY;
    llmc_error_clear(&error);
    return fits ? write_outlook(explaining, leg) : ways;
}

/* ---- nodes ---- */

/* Steps one after the other, each of which may be paid. */
static void add_cost(llmc_ways *all, const llmc_ways *step, bool first)
{
    int64_t sum = 0;
    bool unknown = all->greatest_nano < 0 || step->greatest_nano < 0 || __builtin_add_overflow(all->greatest_nano, step->greatest_nano, &sum);
    all->greatest_nano = unknown ? -1 : sum;
    if (first || (all->least_nano >= 0 && step->least_nano < all->least_nano)) /* below 0, unknown, is the least too */
        all->least_nano = step->least_nano;
}

/* Whether a node asks a step at all: unfit ones are pruned, and a fallback passes over windows that are too small. */
static bool would_ask(llmcost_leg *leg, size_t step)
{
    if (leg->route->kind == LLMC_ROUTE_FALLBACK)
        return llmc_fallback_would_ask(leg, step);
    return llmc_route_fits(leg, leg->route->steps[step]);
}

/* One of the steps, and nobody knows yet which: a refusal of the node is one of all of them. */
static void add_alternative(llmc_ways *all, const llmc_ways *step, bool first)
{
    if (first || (all->least_nano >= 0 && step->least_nano < all->least_nano))
        all->least_nano = step->least_nano;
    if (first || step->greatest_nano < 0 || (all->greatest_nano >= 0 && step->greatest_nano > all->greatest_nano))
        all->greatest_nano = step->greatest_nano;
    if (!first && !all->refusal)
        return;
    all->refusal = step->refusal;
    all->message = step->message;
}

static bool goes_on_after(const llmc_route *node, llmcost_status refusal)
{
    return refusal && (node->kind == LLMC_ROUTE_CASCADE || llmc_fallback_goes_on(node, refusal));
}

/* Of several failures a fallback tells one, a cascade its last. */
static bool tells(const llmc_route *node, const llmc_ways *all, const llmc_ways *step, bool first)
{
    return first || !step->refusal || node->kind != LLMC_ROUTE_FALLBACK || !llmc_fallback_goes_on(node, step->refusal) ||
           llmc_fallback_prefers(step->refusal, all->refusal);
}

static llmcost_leg *step_leg(llmcost_leg *leg, size_t step)
{
    int64_t extra_tokens = 0;
    uint8_t wishes = leg->wishes;
    const llmcost_request *request = leg->request;
    if (leg->route->kind == LLMC_ROUTE_CASCADE)
        request = llmc_cascade_step_request(leg, step, &extra_tokens, &wishes);
    llmcost_leg *child = request ? llmc_leg_sketch(leg, leg->route->steps[step], request) : NULL;
    if (!child)
        return NULL;
    child->extra_prompt_tokens += extra_tokens;
    child->wishes = wishes;
    child->has_alternative = leg->has_alternative;
    for (size_t i = step + 1; i < leg->route->step_count && leg->route->kind == LLMC_ROUTE_FALLBACK; i++)
        child->has_alternative |= llmc_fallback_would_ask(leg, i);
    return child;
}

static llmc_ways explain_steps(llmc_explaining *explaining, llmcost_leg *leg)
{
    llmc_ways all = { 0 };
    bool first = true, goes_on = true;
    llmc_json_write_member_array(&explaining->json, "steps");
    for (size_t i = 0; i < leg->route->step_count; i++) {
        llmcost_leg *child = step_leg(leg, i);
        if (!child) {
            explaining->no_memory = true;
            break;
        }
        bool asks = would_ask(leg, i);
        llmc_json_write_begin_object(&explaining->json);
        llmc_ways step = llmc_explain_tree(explaining, child);
        llmc_json_write_end_object(&explaining->json);
        if (!asks)
            continue;
        if (leg->route->kind == LLMC_ROUTE_CHOOSE) {
            add_alternative(&all, &step, first);
            first = false;
            continue;
        }
        add_cost(&all, &step, first);
        if (goes_on && tells(leg->route, &all, &step, first)) {
            all.refusal = step.refusal;
            all.message = step.message;
        }
        goes_on = goes_on && goes_on_after(leg->route, step.refusal);
        first = false;
    }
    llmc_json_write_end_array(&explaining->json);
    if (leg->route->kind == LLMC_ROUTE_FALLBACK && llmc_fallback_look(leg) == LLMCOST_FAIL) {
        all.refusal = leg->status;
        all.message = llmcost_error_message(&leg->error);
    }
    return all;
}

/* A judge is shown an answer that nobody knows yet. */
static void explain_judge(llmc_explaining *explaining, llmcost_leg *leg, llmc_ways *ways)
{
    const llmc_escalation *rules = leg->route->cascade ? &leg->route->cascade->escalation : NULL;
    if (!rules || !rules->judge_route || leg->route->step_count < 2)
        return;
    llmc_explain_text(explaining, leg, "judge", rules->judge_route->name);
    ways->least_nano = ways->greatest_nano = -1;
}

/* The model that gives the label is asked first: its tree, and what it adds to the cost. A refused label is the middle one. */
static void explain_labeller(llmc_explaining *explaining, llmcost_leg *leg, llmc_ways *ways)
{
    const llmc_labeller *labeller = leg->route->kind == LLMC_ROUTE_CHOOSE ? leg->route->choose->labeller : NULL;
    if (!labeller || labeller->kind != LLMC_LABELLER_MODEL)
        return;
    const llmcost_request *request = llmc_label_request(leg, labeller);
    llmcost_leg *child = request ? llmc_leg_sketch(leg, labeller->route, request) : NULL;
    if (child)
        child->wishes = llmc_wishes_of_question(labeller->max_tokens);
    if (child && child->route->choice_count)
        child->route = llmc_route_decide(child, child->route);
    explaining->no_memory |= !child;
    if (!child || !child->route)
        return;
    llmc_json_write_member_object(&explaining->json, "labeller");
    llmc_ways label = llmc_explain_tree(explaining, child);
    llmc_json_write_end_object(&explaining->json);
    bool unknown = ways->greatest_nano < 0 || label.greatest_nano < 0 || __builtin_add_overflow(ways->greatest_nano, label.greatest_nano, &ways->greatest_nano);
    if (unknown)
        ways->greatest_nano = -1;
}

llmc_ways llmc_explain_tree(llmc_explaining *explaining, llmcost_leg *leg)
{
    write_route(explaining, leg);
    if (leg->route->kind == LLMC_ROUTE_LEAF)
        return explain_leaf(explaining, leg);
    llmc_ways ways = explain_steps(explaining, leg);
    explain_judge(explaining, leg, &ways);
    explain_labeller(explaining, leg, &ways);
    llmc_explain_cost(explaining, "cost", ways.least_nano, ways.greatest_nano);
    return ways;
}
