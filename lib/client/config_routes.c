/*
 * "models" and "routes": names become trees. Every name is a draft that is built when it is first needed, so that the
 * order in the file means nothing; a name that is needed while it is being built closes a circle.
 */
#include "client/config_routes.h"

#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 32, MAX_LEAVES = 256 };

typedef enum draft_state { DRAFT_NEW, DRAFT_OPEN, DRAFT_BUILT } draft_state;

typedef struct llmc_route_draft {
    const char *name;
    const llmc_config_node *node; /* a string: an alias; an object: a route */
    draft_state state;
    const struct llmc_route_draft *needed_by; /* while it is open */
    const llmc_route *route;
} route_draft;

/* ---- names ---- */

static route_draft *find_draft(const llmc_config *config, const char *name)
{
    for (size_t i = 0; i < config->draft_count; i++) {
        if (strcmp(config->drafts[i].name, name) == 0)
            return &config->drafts[i];
    }
    return NULL;
}

static llmcost_status fail_circle(llmc_config *config, const llmc_config_node *node, const route_draft *asking, const route_draft *asked)
{
    const char *names[MAX_DEPTH + 1];
    char circle[600];
    size_t count = 0;
    for (const route_draft *draft = asking; draft && count < MAX_DEPTH; draft = draft == asked ? NULL : draft->needed_by)
        names[count++] = draft->name;
    size_t length = 0;
    while (count-- && length < sizeof circle)
        length += (size_t)snprintf(circle + length, sizeof circle - length, "\"%s\" -> ", names[count]);
    return llmc_config_fail(config, node, "names go in a circle: %s\"%.100s\"", circle, asked->name);
}

static llmcost_status build_draft(llmc_config *config, route_draft *draft, llmc_route_place at)
{
    draft->state = DRAFT_OPEN;
    draft->needed_by = at.draft;
    llmcost_status status = llmc_config_route(config, draft->node, (llmc_route_place){ draft, at.depth }, draft->name, &draft->route);
    draft->state = DRAFT_BUILT;
    return status;
}

static llmcost_status build_name(llmc_config *config, const llmc_config_node *node, llmc_route_place at, const char *name, const llmc_route **out)
{
    char reason[LLMC_REASON_BYTES];
    route_draft *draft = find_draft(config, name);
    if (draft && draft->state == DRAFT_OPEN)
        return fail_circle(config, node, at.draft, draft);
    if (draft) {
        llmcost_status status = draft->state == DRAFT_NEW ? build_draft(config, draft, at) : LLMCOST_OK;
        *out = draft->route;
        return status;
    }
    llmcost_status status = llmc_config_leaf(config->settings, name, &config->settings->arena, out, reason);
    if (status == LLMCOST_E_MEMORY)
        return llmc_config_no_memory(config);
    return status ? llmc_config_fail(config, node, "%s", reason) : LLMCOST_OK;
}

/* ---- nodes ---- */

static const char *name_of_step(llmc_config *config, const char *name, size_t index)
{
    llmc_buffer text;
    llmc_buffer_init(&text, config->allocator, 1 << 16);
    llmc_buffer_add_text(&text, name);
    llmc_buffer_add_format(&text, ".%zu", index + 1);
    const char *whole = llmc_buffer_text(&text), *copy = whole ? llmc_arena_strdup(&config->settings->arena, whole) : NULL;
    llmc_buffer_free(&text);
    return copy;
}

llmcost_status llmc_config_step(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_route *route)
{
    const llmc_route **step = (const llmc_route **)&route->steps[route->step_count];
    const char *name = node->type == LLMC_JSON_OBJECT ? name_of_step(config, route->name, route->step_count) : "";
    if (!name)
        return llmc_config_no_memory(config);
    llmcost_status status = llmc_config_route(config, node, at, name, step);
    if (status)
        return status;
    route->step_count++;
    route->leaf_count += (*step)->leaf_count;
    route->choice_count += (*step)->choice_count;
    if (route->leaf_count > MAX_LEAVES)
        return llmc_config_fail(config, node, "a route reaches more than %d models", MAX_LEAVES);
    if (route->choice_count > LLMC_ROUTE_MAX_CHOICES)
        return llmc_config_fail(config, node, "a route has more than %d splits and chooses", LLMC_ROUTE_MAX_CHOICES);
    return llmc_config_under(config, node, route, *step);
}

/* Names that were built before are not nested in the reading of this one, but in the tree, which calls walk down. */
llmcost_status llmc_config_under(llmc_config *config, const llmc_config_node *node, llmc_route *route, const llmc_route *below)
{
    if (route->depth <= below->depth)
        route->depth = below->depth + 1;
    return route->depth <= MAX_DEPTH ? LLMCOST_OK : llmc_config_fail(config, node, "routes are nested more than %d deep", MAX_DEPTH);
}

llmcost_status llmc_config_make_steps(llmc_config *config, const llmc_config_node *list, llmc_route *route)
{
    if (!list->count || list->count > LLMC_ROUTE_MAX_STEPS)
        return llmc_config_fail(config, list, "\"%s\" must be a list of 1 to %d names", list->key, LLMC_ROUTE_MAX_STEPS);
    route->steps = llmc_arena_calloc(&config->settings->arena, list->count, sizeof *route->steps);
    return route->steps ? LLMCOST_OK : llmc_config_no_memory(config);
}

llmcost_status llmc_config_steps(llmc_config *config, const llmc_config_node *list, llmc_route_place at, llmc_route *route)
{
    if (list->type != LLMC_JSON_ARRAY)
        return llmc_config_fail(config, list, "\"%s\" must be a list of 1 to %d names", list->key, LLMC_ROUTE_MAX_STEPS);
    llmcost_status status = llmc_config_make_steps(config, list, route);
    for (const llmc_config_node *step = list->first; step && !status; step = step->next)
        status = llmc_config_step(config, step, at, route);
    return status;
}

static const struct {
    const char *key;
    llmc_route_kind kind;
    llmcost_status (*read)(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_route *route);
} kinds[] = {
    { "cascade", LLMC_ROUTE_CASCADE, llmc_config_cascade },
    { "fallback", LLMC_ROUTE_FALLBACK, llmc_config_fallback },
    { "split", LLMC_ROUTE_SPLIT, llmc_config_split },
    { "choose", LLMC_ROUTE_CHOOSE, llmc_config_choose },
    { "cheapest", LLMC_ROUTE_CHOOSE, llmc_config_cheapest },
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static llmcost_status no_kind(llmc_config *config, const llmc_config_node *node)
{
    llmc_nearest nearest = { .word = node->first ? node->first->key : "" };
    char hint[LLMC_HINT_BYTES];
    for (size_t i = 0; i < KINDS; i++)
        llmc_nearest_offer(&nearest, kinds[i].key);
    return llmc_config_fail(config, node, "a route needs its kind: \"cascade\", \"fallback\", \"split\", \"choose\" or \"cheapest\"%s", llmc_nearest_hint(&nearest, hint));
}

static llmcost_status build_object(llmc_config *config, const llmc_config_node *node, llmc_route_place at, const char *name, const llmc_route **out)
{
    size_t kind = 0;
    while (kind < KINDS && !llmc_config_member(node, kinds[kind].key))
        kind++;
    if (kind == KINDS)
        return no_kind(config, node);
    llmc_route *route = llmc_arena_calloc(&config->settings->arena, 1, sizeof *route);
    if (!route)
        return llmc_config_no_memory(config);
    route->kind = kinds[kind].kind;
    config->settings->route_kinds |= 1u << route->kind;
    route->name = name;
    route->choice_count = route->kind == LLMC_ROUTE_SPLIT || route->kind == LLMC_ROUTE_CHOOSE;
    llmcost_status status = kinds[kind].read(config, node, at, route);
    if (status)
        return status;
    llmc_route_fingerprint(route);
    *out = route;
    return LLMCOST_OK;
}

llmcost_status llmc_config_route(llmc_config *config, const llmc_config_node *node, llmc_route_place at, const char *name, const llmc_route **out)
{
    if (at.depth > MAX_DEPTH)
        return llmc_config_fail(config, node, "routes are nested more than %d deep", MAX_DEPTH);
    at.depth++;
    if (node->type == LLMC_JSON_OBJECT)
        return build_object(config, node, at, name, out);
    llmcost_status status = llmc_config_name(config, node, &name);
    return status ? status : build_name(config, node, at, name, out);
}

/* ---- all of them ---- */

static llmcost_status add_drafts(llmc_config *config, const llmc_config_node *object, llmc_json_type type, const char *what)
{
    llmcost_status status = object ? llmc_config_expect(config, object, LLMC_JSON_OBJECT, "an object") : LLMCOST_OK;
    for (const llmc_config_node *node = object ? object->first : NULL; node && !status; node = node->next) {
        route_draft *draft = &config->drafts[config->draft_count];
        if (node->type != type)
            return llmc_config_fail(config, node, "\"%.200s\" must be %s", node->key, what);
        status = llmc_config_key_name(config, node, &draft->name);
        if (status)
            return status;
        if (find_draft(config, draft->name))
            return llmc_config_fail(config, node, "\"%.200s\" is both a model's alias and a route", draft->name);
        draft->node = node;
        config->draft_count++;
    }
    return status;
}

static void insert_name(llmc_settings *settings, const route_draft *draft)
{
    size_t at = settings->name_count++;
    for (; at && strcmp(settings->names[at - 1].name, draft->name) > 0; at--)
        settings->names[at] = settings->names[at - 1];
    settings->names[at] = (llmc_alias){ draft->name, draft->route };
}

static llmcost_status build_all(llmc_config *config)
{
    llmc_settings *settings = config->settings;
    llmcost_status status = LLMCOST_OK;
    for (size_t i = 0; i < config->draft_count && !status; i++) {
        if (config->drafts[i].state == DRAFT_NEW)
            status = build_draft(config, &config->drafts[i], (llmc_route_place){ NULL, 0 });
        if (!status)
            insert_name(settings, &config->drafts[i]);
    }
    return status;
}

llmcost_status llmc_config_routes(llmc_config *config, const llmc_config_node *models, const llmc_config_node *routes)
{
    llmc_settings *settings = config->settings;
    size_t count = (models ? models->count : 0) + (routes ? routes->count : 0);
    if (!models && !routes)
        return LLMCOST_OK;
    settings->names = llmc_arena_calloc(&settings->arena, count + 1, sizeof *settings->names);
    config->drafts = llmc_calloc(config->allocator, count + 1, sizeof *config->drafts);
    llmcost_status status = settings->names && config->drafts ? LLMCOST_OK : llmc_config_no_memory(config);
    if (!status)
        status = add_drafts(config, models, LLMC_JSON_STRING, "a name, such as \"openai/gpt-4o-mini\"");
    if (!status)
        status = add_drafts(config, routes, LLMC_JSON_OBJECT, "a route, such as {\"cascade\": [\"small\", \"large\"]}");
    if (!status)
        status = build_all(config);
    llmc_free(config->allocator, config->drafts);
    config->drafts = NULL;
    config->draft_count = 0;
    return status;
}
