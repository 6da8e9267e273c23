/*
 * "models" and "routes": names become trees. Every name is a draft that is built when it is first needed, so that the
 * order in the file means nothing; a name that is needed while it is being built closes a circle.
 */
#include "client/config.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 32, MAX_STEPS = 16, MAX_LEAVES = 256, MAX_MARKER_BYTES = 64 };

typedef enum draft_state { DRAFT_NEW, DRAFT_OPEN, DRAFT_BUILT } draft_state;

typedef struct llmc_route_draft {
    const char *name;
    const llmc_config_node *node; /* a string: an alias; an object: a route */
    draft_state state;
    const struct llmc_route_draft *needed_by; /* while it is open */
    const llmc_route *route;
} route_draft;

/* Where in the tree the building is. */
typedef struct place {
    route_draft *draft; /* the name that is being built, or NULL */
    int depth;
} place;

static llmcost_status build(llmc_config *config, const llmc_config_node *node, place at, const char *name, const llmc_route **out);

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

static llmcost_status build_draft(llmc_config *config, route_draft *draft, place at)
{
    draft->state = DRAFT_OPEN;
    draft->needed_by = at.draft;
    llmcost_status status = build(config, draft->node, (place){ draft, at.depth }, draft->name, &draft->route);
    draft->state = DRAFT_BUILT;
    return status;
}

static llmcost_status build_name(llmc_config *config, const llmc_config_node *node, place at, const char *name, const llmc_route **out)
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

/* ---- escalation ---- */

static llmcost_status read_marker(llmc_config *config, const llmc_config_node *node, llmc_escalation *rules)
{
    if (!node || node->type == LLMC_JSON_FALSE)
        return LLMCOST_OK;
    if (node->type == LLMC_JSON_TRUE) {
        rules->marker = "UNCERTAIN";
        return LLMCOST_OK;
    }
    if (node->type != LLMC_JSON_STRING || !node->bytes || node->bytes > MAX_MARKER_BYTES || !llmc_text_is_header_safe(node->text) || node->text[0] == ' ' ||
        node->text[node->bytes - 1] == ' ')
        return llmc_config_fail(config, node, "\"marker\" must be true, false or one line of 1 to %d bytes without spaces at its ends", MAX_MARKER_BYTES);
    rules->marker = llmc_arena_strdup(&config->settings->arena, node->text);
    return rules->marker ? LLMCOST_OK : llmc_config_no_memory(config);
}

static llmcost_status read_logprob(llmc_config *config, const llmc_config_node *node, llmc_escalation *rules)
{
    int64_t micro;
    if (!node)
        return LLMCOST_OK;
    if (node->type != LLMC_JSON_NUMBER || !llmc_config_decimal(node, 6, &micro) || micro > 0 || micro < -100000000)
        return llmc_config_fail(config, node, "\"logprob_below\" must be a number from -100 to 0 of at most 6 decimals, such as -0.5");
    rules->has_logprob = true;
    rules->min_mean_logprob = (double)micro / 1e6;
    return LLMCOST_OK;
}

static llmcost_status read_judge(llmc_config *config, const llmc_config_node *node, place at, llmc_escalation *rules)
{
    const char *name;
    if (!node)
        return LLMCOST_OK;
    llmcost_status status = llmc_config_name(config, node, &name);
    if (status)
        return status;
    if (strncmp(name, "host:", 5) != 0)
        return build(config, node, (place){ at.draft, at.depth + 1 }, name, &rules->judge_route);
    rules->judge_host = name + 5;
    return *rules->judge_host ? LLMCOST_OK : llmc_config_fail(config, node, "\"judge\" must name a callback behind \"host:\"");
}

static llmcost_status read_escalation(llmc_config *config, const llmc_config_node *node, place at, llmc_escalation *rules)
{
    if (!node) {
        rules->marker = "UNCERTAIN";
        return LLMCOST_OK;
    }
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_ESCALATE, node, rules);
    if (!status)
        status = read_marker(config, llmc_config_member(node, "marker"), rules);
    if (!status)
        status = read_logprob(config, llmc_config_member(node, "logprob_below"), rules);
    if (!status)
        status = read_judge(config, llmc_config_member(node, "judge"), at, rules);
    if (status)
        return status;
    bool judged = rules->judge_host || rules->judge_route;
    if (rules->marker_instruction && !rules->marker)
        return llmc_config_fail(config, node, "\"marker_instruction\" needs a \"marker\"");
    if (rules->judge_instruction && !rules->judge_route)
        return llmc_config_fail(config, node, "\"judge_instruction\" needs a \"judge\" that is a model or a route");
    if (!rules->marker && !rules->on_refusal && !rules->on_truncation && !rules->on_invalid_json && !rules->has_logprob && !judged)
        return llmc_config_fail(config, node, "\"escalate_on\" names nothing to escalate on; leave it out for {\"marker\": \"UNCERTAIN\"}");
    return LLMCOST_OK;
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

static llmcost_status build_step(llmc_config *config, const llmc_config_node *node, place at, llmc_route *route, const llmc_route **step)
{
    const char *name = node->type == LLMC_JSON_OBJECT ? name_of_step(config, route->name, route->step_count) : "";
    if (!name)
        return llmc_config_no_memory(config);
    llmcost_status status = build(config, node, (place){ at.draft, at.depth + 1 }, name, step);
    if (status)
        return status;
    route->step_count++;
    route->leaf_count += (*step)->leaf_count;
    return route->leaf_count <= MAX_LEAVES ? LLMCOST_OK : llmc_config_fail(config, node, "a route reaches more than %d models", MAX_LEAVES);
}

static llmcost_status build_cascade(llmc_config *config, const llmc_config_node *node, place at, llmc_route *route)
{
    const llmc_config_node *list = llmc_config_member(node, "cascade");
    if (list->type != LLMC_JSON_ARRAY || !list->count || list->count > MAX_STEPS)
        return llmc_config_fail(config, list, "\"cascade\" must be a list of 1 to %d names", MAX_STEPS);
    const llmc_route **steps = llmc_arena_calloc(&config->settings->arena, list->count, sizeof *steps);
    if (!steps)
        return llmc_config_no_memory(config);
    route->steps = steps;
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_ROUTE, node, route);
    for (const llmc_config_node *step = list->first; step && !status; step = step->next)
        status = build_step(config, step, at, route, &steps[route->step_count]);
    return status ? status : read_escalation(config, llmc_config_member(node, "escalate_on"), at, &route->escalation);
}

static llmcost_status build_object(llmc_config *config, const llmc_config_node *node, place at, const char *name, const llmc_route **out)
{
    static const char *const later[] = { "fallback", "split", "choose" };
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        const llmc_config_node *member = llmc_config_member(node, later[i]);
        if (member)
            return llmc_config_fail(config, member, "route kind '%s' is not available in this version", later[i]);
    }
    llmc_route *route = llmc_arena_calloc(&config->settings->arena, 1, sizeof *route);
    if (!route)
        return llmc_config_no_memory(config);
    *route = (llmc_route){ .kind = LLMC_ROUTE_CASCADE, .name = name };
    llmcost_status status = llmc_config_member(node, "cascade") ? build_cascade(config, node, at, route) : llmc_config_keys(config, LLMC_SECTION_ROUTE, node, route);
    if (status)
        return status;
    if (!route->steps)
        return llmc_config_fail(config, node, "a route needs its kind, such as \"cascade\"");
    llmc_route_fingerprint(route);
    *out = route;
    return LLMCOST_OK;
}

static llmcost_status build(llmc_config *config, const llmc_config_node *node, place at, const char *name, const llmc_route **out)
{
    if (at.depth > MAX_DEPTH)
        return llmc_config_fail(config, node, "routes are nested more than %d deep", MAX_DEPTH);
    if (node->type == LLMC_JSON_OBJECT)
        return build_object(config, node, at, name, out);
    llmcost_status status = llmc_config_name(config, node, &name);
    return status ? status : build_name(config, node, (place){ at.draft, at.depth + 1 }, name, out);
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
            status = build_draft(config, &config->drafts[i], (place){ NULL, 0 });
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
