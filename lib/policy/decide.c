/*
 * decide.c: the choices of a route that need no call, made once, before the cache is asked, so that an answer is stored
 * and found under the tree that gave it. What is left is a tree of leaves, cascades and fallbacks, and of chooses that a
 * model's label decides; nodes above a choice are copied, and their fingerprints carry which way each choice below them
 * went, or still may go.
 *
 * Left out on purpose: the asking of a model for its label (choose.c).
 */
#include "policy/decide.h"

#include "policy/choose.h"

#include <string.h>

const char *const llmc_route_kind_names[LLMC_ROUTE_KINDS] = { "model", "cascade", "fallback", "split", "choose" };

llmc_decision *llmc_leg_decided(llmcost_leg *leg, const llmc_route *node, const llmc_route *to, const char *why)
{
    llmc_receipt *receipt = llmc_leg_receipt(leg);
    size_t name = strlen(node->name), target = strlen(to->name);
    llmc_decision *decision = llmc_arena_alloc(llmc_leg_arena(leg), sizeof *decision + name + 1 + target + 1);
    if (!decision)
        return NULL;
    char *names = (char *)(decision + 1); /* the receipt outlives the config */
    *decision = (llmc_decision){ .node = names, .kind = llmc_route_kind_names[node->kind], .to = names + name + 1, .why = why };
    llmc_put_text(llmc_put_text(names, node->name, name), to->name, target);
    *receipt->last_decision = decision;
    receipt->last_decision = &decision->next;
    return decision;
}

void llmc_route_taken(const llmc_route *route)
{
    for (llmc_decision *decision = route->through; decision; decision = decision->inner)
        decision->taken = true;
}

typedef struct choices {
    uint16_t made[LLMC_ROUTE_MAX_CHOICES]; /* one for each choice of the whole tree, at its own place: 0 where none was made; of a choose a bit for each step that is left */
    bool nested;                           /* below a node that may never ask for what is decided */
} choices;

static const llmc_route *decide(llmcost_leg *leg, const llmc_route *route, uint32_t place, choices *all);

/* The places of a node's choices follow its own: steps in their order, whether they are taken or not. */
static uint32_t place_of_step(const llmc_route *route, uint32_t place, size_t step)
{
    place += route->kind == LLMC_ROUTE_SPLIT || route->kind == LLMC_ROUTE_CHOOSE;
    for (size_t i = 0; i < step; i++)
        place += route->steps[i]->choice_count;
    return place;
}

/* A node of the call's own that remembers the decision for it, which counts when it is asked: see llmc_route_taken(). */
static const llmc_route *remember(llmcost_leg *leg, const llmc_route *decided, llmc_decision *decision)
{
    llmc_route *copy = llmc_arena_alloc(llmc_leg_arena(leg), sizeof *copy);
    if (!copy) {
        llmc_leg_out_of_memory(leg);
        return NULL;
    }
    *copy = *decided;
    decision->inner = decided->through;
    copy->through = decision;
    return copy;
}

static const llmc_route *decide_split(llmcost_leg *leg, const llmc_route *route, uint32_t place, choices *all)
{
    const char *why = "";
    size_t side = llmc_split_side(leg, route, &why);
    all->made[place] = (uint16_t)(side + 1);
    llmc_decision *decision = llmc_leg_decided(leg, route, route->steps[side], why);
    if (decision) {
        const char *name = llmc_arena_strdup(llmc_leg_arena(leg), route->split->sides[side]);
        decision->side = name ? name : "";
        decision->side_number = route->split->first_side + (uint32_t)side;
        decision->taken = !all->nested;
    }
    const llmc_route *decided = decide(leg, route->steps[side], place_of_step(route, place, side), all);
    return decided && decision && all->nested ? remember(leg, decided, decision) : decided;
}

/* SHA-256 is random already: the choices are laid over the half of it that they fit into twice. */
static void mark_choices(llmc_route *copy, uint32_t place, uint32_t count, const choices *all)
{
    for (uint32_t i = 0; i < count; i++) {
        copy->fingerprint[2 * i] ^= (uint8_t)all->made[place + i];
        copy->fingerprint[2 * i + 1] ^= (uint8_t)(all->made[place + i] >> 8);
    }
}

static const llmc_route *decide_steps(llmcost_leg *leg, const llmc_route *route, uint32_t place, choices *all)
{
    llmc_arena *arena = llmc_leg_arena(leg);
    llmc_route *copy = llmc_arena_alloc(arena, sizeof *copy);
    const llmc_route **steps = llmc_arena_calloc(arena, route->step_count, sizeof *steps);
    if (!copy || !steps) {
        llmc_leg_out_of_memory(leg);
        return NULL;
    }
    *copy = *route;
    copy->steps = steps;
    copy->choice_count = 0;
    all->nested = true;
    for (size_t i = 0; i < route->step_count; i++) {
        if (!(steps[i] = decide(leg, route->steps[i], place_of_step(route, place, i), all)))
            return NULL;
    }
    mark_choices(copy, place, route->choice_count, all);
    return copy;
}

static const llmc_route *decide_cheapest(llmcost_leg *leg, const llmc_route *route, uint32_t place, choices *all)
{
    const char *why = "";
    llmc_facts *facts = llmc_facts_of(leg);
    size_t step = facts ? llmc_cheapest_step(leg, route, facts, &why) : SIZE_MAX;
    if (step == SIZE_MAX)
        return NULL;
    all->made[place] = (uint16_t)(1u << step);
    llmc_leg_decided(leg, route, route->steps[step], why);
    return decide(leg, route->steps[step], place_of_step(route, place, step), all);
}

/* Several steps are left: a choose of these alone, whose other conditions hold. */
static const llmc_route *leave_open(llmcost_leg *leg, const llmc_route *route, uint32_t place, choices *all)
{
    llmc_arena *arena = llmc_leg_arena(leg);
    llmc_route *copy = llmc_arena_alloc(arena, sizeof *copy);
    llmc_choose *choose = llmc_arena_alloc(arena, sizeof *choose);
    const llmc_route **steps = llmc_arena_calloc(arena, route->step_count, sizeof *steps);
    llmc_rule *rules = llmc_arena_calloc(arena, route->step_count, sizeof *rules);
    if (!copy || !choose || !steps || !rules) {
        llmc_leg_out_of_memory(leg);
        return NULL;
    }
    *copy = *route;
    copy->steps = steps;
    copy->step_count = copy->choice_count = 0;
    *choose = (llmc_choose){ rules, route->choose->labeller, leg->facts };
    copy->choose = choose;
    all->nested = true;
    for (size_t i = 0; i < route->step_count; i++) {
        if (!(all->made[place] & 1u << i))
            continue;
        rules[copy->step_count] = route->choose->rules[i];
        if (!(steps[copy->step_count++] = decide(leg, route->steps[i], place_of_step(route, place, i), all)))
            return NULL;
    }
    mark_choices(copy, place, route->choice_count, all);
    return copy;
}

static const llmc_route *decide_choose(llmcost_leg *leg, const llmc_route *route, uint32_t place, choices *all)
{
    const char *why = "";
    bool open;
    uint32_t left = llmc_choose_steps(leg, route, &open, &why);
    if (!left)
        return NULL;
    all->made[place] = (uint16_t)left;
    if (open)
        return leave_open(leg, route, place, all);
    size_t step = (size_t)__builtin_ctz(left);
    llmc_leg_decided(leg, route, route->steps[step], why);
    return decide(leg, route->steps[step], place_of_step(route, place, step), all);
}

static const llmc_route *decide(llmcost_leg *leg, const llmc_route *route, uint32_t place, choices *all)
{
    if (route->choice_count == 0)
        return route;
    if (route->kind == LLMC_ROUTE_CHOOSE)
        return route->choose->rules ? decide_choose(leg, route, place, all) : decide_cheapest(leg, route, place, all);
    return route->kind == LLMC_ROUTE_SPLIT ? decide_split(leg, route, place, all) : decide_steps(leg, route, place, all);
}

const llmc_route *llmc_route_decide(llmcost_leg *leg, const llmc_route *route)
{
    choices all = { .nested = false };
    return decide(leg, route, 0, &all);
}
