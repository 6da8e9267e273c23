/*
 * "choose" and "cheapest" of a route: the entries with their conditions, and who gives the label.
 *
 * A map by a tag's value ("by_tag") is written as one entry and kept as a rule for each model in it.
 */
#include "client/config_routes.h"

#include <string.h>

static llmcost_status fail_many(llmc_config *config, const llmc_config_node *node)
{
    return llmc_config_fail(config, node, "a choose has at most %d models to choose from; name another route for the rest", LLMC_ROUTE_MAX_STEPS);
}

/* The rules of one choose as they are read. */
typedef struct rules_draft {
    llmc_route *route;
    llmc_rule *rules; /* one per step */
    const llmc_labeller *labeller;
} rules_draft;

/* ---- one entry ---- */

static llmcost_status add_rule(llmc_config *config, const llmc_config_node *use, llmc_route_place at, rules_draft *draft, const llmc_rule *rule)
{
    if (draft->route->step_count == LLMC_ROUTE_MAX_STEPS)
        return fail_many(config, use);
    draft->rules[draft->route->step_count] = *rule;
    return llmc_config_step(config, use, at, draft->route);
}

static bool same_name(const llmc_config_node *a, const llmc_config_node *b)
{
    return a == b || (a->type == LLMC_JSON_STRING && b->type == LLMC_JSON_STRING && strcmp(a->text, b->text) == 0);
}

/* How many members, from this one on, lead to its name; 0: one before it does. */
static size_t count_same(const llmc_config_node *map, const llmc_config_node *member)
{
    size_t count = 0;
    for (const llmc_config_node *other = map->first; other != member; other = other->next) {
        if (same_name(other, member))
            return 0;
    }
    for (const llmc_config_node *other = member; other; other = other->next)
        count += same_name(other, member);
    return count;
}

/* The conditions of the entry, and the tag's values that lead to this member's model. */
static llmcost_status add_tag_rule(llmc_config *config, const llmc_config_node *member, size_t count, const char *tag, llmc_route_place at,
                                   rules_draft *draft, llmc_rule rule)
{
    llmc_arena *arena = &config->settings->arena;
    llmc_condition *conditions = llmc_arena_calloc(arena, rule.condition_count + 1, sizeof *conditions);
    const char **words = llmc_arena_calloc(arena, count, sizeof *words);
    llmcost_status status = conditions && words ? LLMCOST_OK : llmc_config_no_memory(config);
    if (!status && rule.condition_count)
        memcpy(conditions, rule.conditions, rule.condition_count * sizeof *conditions);
    size_t found = 0;
    for (const llmc_config_node *other = member; other && !status && found < count; other = other->next) {
        if (same_name(other, member))
            status = llmc_config_key_name(config, other, &words[found++]);
    }
    if (status)
        return status;
    conditions[rule.condition_count++] = (llmc_condition){ .fact = LLMC_FACT_TAG, .subject = tag, .words = words, .count = count };
    rule.conditions = conditions;
    return add_rule(config, member, at, draft, &rule);
}

/* {"by_tag": "task", "use": {"translate": "small", "code": "large"}} */
static llmcost_status add_map(llmc_config *config, const llmc_config_node *by_tag, const llmc_config_node *map, llmc_route_place at, rules_draft *draft, const llmc_rule *rule)
{
    const char *tag;
    llmcost_status status = llmc_config_name(config, by_tag, &tag);
    if (!status && (map->type != LLMC_JSON_OBJECT || !map->count))
        return llmc_config_fail(config, map, "with \"by_tag\" goes a map from the tag's values to models, such as {\"translate\": \"small\", \"code\": \"large\"}");
    for (const llmc_config_node *member = map->first; member && !status; member = member->next) {
        size_t count = count_same(map, member);
        if (count)
            status = add_tag_rule(config, member, count, tag, at, draft, *rule);
    }
    return status;
}

static llmcost_status add_entry(llmc_config *config, const llmc_config_node *node, llmc_route_place at, rules_draft *draft)
{
    char nothing[1];
    llmc_rule rule = { 0 };
    if (node->type != LLMC_JSON_OBJECT)
        return llmc_config_fail(config, node, "an entry of a choose is an object such as {\"when\": {\"label\": \"complex\"}, \"use\": \"large\"}");
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_CHOOSE_RULE, node, nothing);
    const llmc_config_node *use = llmc_config_member(node, "use"), *when = llmc_config_member(node, "when"), *by_tag = llmc_config_member(node, "by_tag");
    if (!status && !use)
        return llmc_config_fail(config, node, "an entry of a choose needs \"use\"");
    if (!status && !node->next && (when || by_tag))
        return llmc_config_fail(config, node, "the last entry of a choose is for all that is left: {\"use\": NAME} without conditions");
    if (!status && when)
        status = llmc_config_when(config, when, at, draft->labeller, &rule);
    if (status)
        return status;
    return by_tag ? add_map(config, by_tag, use, at, draft, &rule) : add_rule(config, use, at, draft, &rule);
}

/* ---- the whole ---- */

static bool asks_for_labels(const rules_draft *draft)
{
    for (size_t i = 0; i < draft->route->step_count; i++) {
        if (draft->rules[i].label_count)
            return true;
    }
    return false;
}

llmcost_status llmc_config_choose(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_route *route)
{
    const llmc_config_node *entries = llmc_config_member(node, "choose");
    llmc_arena *arena = &config->settings->arena;
    llmc_choose *choose = llmc_arena_calloc(arena, 1, sizeof *choose);
    rules_draft draft = { .route = route, .rules = llmc_arena_calloc(arena, LLMC_ROUTE_MAX_STEPS, sizeof *draft.rules) };
    route->steps = llmc_arena_calloc(arena, LLMC_ROUTE_MAX_STEPS, sizeof *route->steps);
    if (!choose || !draft.rules || !route->steps)
        return llmc_config_no_memory(config);
    if (entries->type != LLMC_JSON_ARRAY || !entries->count)
        return llmc_config_fail(config, entries, "\"choose\" must be a list of entries, such as [{\"when\": {\"label\": \"complex\"}, \"use\": \"large\"}, {\"use\": \"small\"}]");
    llmcost_status status = llmc_config_labeller(config, node, at, &draft.labeller);
    for (const llmc_config_node *entry = entries->first; entry && !status; entry = entry->next)
        status = add_entry(config, entry, at, &draft);
    if (status)
        return status;
    if (draft.labeller && !asks_for_labels(&draft))
        return llmc_config_fail(config, llmc_config_member(node, "label_with"), "\"label_with\" is never asked: no entry has a \"label\" among its conditions");
    *choose = (llmc_choose){ .rules = draft.rules, .labeller = draft.labeller };
    route->choose = choose;
    return LLMCOST_OK;
}

llmcost_status llmc_config_cheapest(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_route *route)
{
    llmc_choose *choose = llmc_arena_calloc(&config->settings->arena, 1, sizeof *choose);
    if (!choose)
        return llmc_config_no_memory(config);
    route->choose = choose;
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_CHEAPEST, node, choose);
    return status ? status : llmc_config_steps(config, llmc_config_member(node, "cheapest"), at, route);
}
