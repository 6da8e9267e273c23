/* "budgets": the rules. Their figures are kept by an account engine (money/accounts.h). */
#include "client/config.h"

#include <stdio.h>
#include <string.h>

static llmcost_status read_where(llmc_config *config, const llmc_config_node *where, llmc_budget *budget)
{
    if (!where)
        return LLMCOST_OK;
    llmcost_status status = llmc_config_expect(config, where, LLMC_JSON_OBJECT, "an object of tags and values");
    llmcost_tag *tags = llmc_arena_calloc(&config->settings->arena, where->count + 1, sizeof *tags);
    if (!status && !tags)
        return llmc_config_no_memory(config);
    for (const llmc_config_node *node = where->first; node && !status; node = node->next) {
        llmcost_tag *tag = &tags[budget->where_count++];
        if (strcmp(node->key, "provider") == 0 || strcmp(node->key, "model") == 0)
            return llmc_config_fail(config, node, "\"%s\" is no tag: write it beside \"where\", not in it", node->key);
        status = llmc_config_key_name(config, node, &tag->name);
        if (!status)
            status = llmc_config_name(config, node, &tag->value);
    }
    budget->where = tags;
    return status;
}

/* Sorted as they come in, each once: crossing them goes upwards. */
static llmcost_status add_alert(llmc_config *config, const llmc_config_node *node, llmc_budget *budget)
{
    int64_t permille;
    if (node->type != LLMC_JSON_NUMBER || !llmc_config_decimal(node, 3, &permille) || permille < 1 || permille > 1000)
        return llmc_config_fail(config, node, "\"alert_at\" holds fractions from 0.001 to 1 of at most 3 decimals, such as 0.8");
    size_t at = budget->alert_count;
    while (at && budget->alert_permille[at - 1] > permille)
        at--;
    if (at && budget->alert_permille[at - 1] == permille)
        return LLMCOST_OK;
    if (budget->alert_count == LLMC_BUDGET_MAX_ALERTS)
        return llmc_config_fail(config, node, "\"alert_at\" holds at most %d fractions", LLMC_BUDGET_MAX_ALERTS);
    memmove(&budget->alert_permille[at + 1], &budget->alert_permille[at], (budget->alert_count - at) * sizeof budget->alert_permille[0]);
    budget->alert_permille[at] = (int32_t)permille;
    budget->alert_count++;
    return LLMCOST_OK;
}

static llmcost_status read_alerts(llmc_config *config, const llmc_config_node *alerts, llmc_budget *budget)
{
    if (!alerts)
        return LLMCOST_OK;
    llmcost_status status = llmc_config_expect(config, alerts, LLMC_JSON_ARRAY, "a list of fractions, such as [0.5, 0.8]");
    for (const llmc_config_node *node = alerts->first; node && !status; node = node->next)
        status = add_alert(config, node, budget);
    return status;
}

static llmcost_status read_provider(llmc_config *config, const llmc_config_node *node, llmc_budget *budget)
{
    if (!node)
        return LLMCOST_OK;
    llmcost_status status = llmc_config_name(config, node, &budget->provider);
    if (status || llmc_config_provider(config->settings, budget->provider, strlen(budget->provider)))
        return status;
    llmc_nearest nearest = { .word = budget->provider };
    char hint[LLMC_HINT_BYTES];
    for (size_t i = 0; i < config->settings->provider_count; i++)
        llmc_nearest_offer(&nearest, config->settings->providers[i].name);
    return llmc_config_fail(config, node, "provider \"%.200s\" is not configured%s", budget->provider, llmc_nearest_hint(&nearest, hint));
}

static bool is_taken(const llmc_settings *settings, const llmc_budget *budget, const char *name)
{
    for (const llmc_budget *other = settings->budgets; other < settings->budgets + settings->budget_count; other++) {
        if (other != budget && other->name && strcmp(other->name, name) == 0)
            return true;
    }
    return false;
}

/* "feature=faq per day" where nobody else is called so, else "budget 3". */
static llmcost_status derive_name(llmc_config *config, llmc_budget *budget)
{
    static const char *const periods[] = { "", " per minute", " per hour", " per day", " per month" };
    llmc_settings *settings = config->settings;
    llmc_buffer name;
    llmc_buffer_init(&name, config->allocator, 2000);
    for (size_t i = 0; i < budget->where_count; i++) {
        llmc_buffer_add_text(&name, i ? " " : "");
        llmc_buffer_add_text(&name, budget->where[i].name);
        llmc_buffer_add_byte(&name, '=');
        llmc_buffer_add_text(&name, budget->where[i].value);
    }
    if (budget->where_count)
        llmc_buffer_add_text(&name, periods[budget->period]);
    const char *text = llmc_buffer_text(&name);
    bool usable = text && name.length && name.length <= LLMC_CONFIG_MAX_NAME_BYTES && !is_taken(settings, budget, text);
    bool no_memory = name.failure == LLMC_BUFFER_NO_MEMORY;
    for (size_t number = (size_t)(budget - settings->budgets) + 1; !usable && !no_memory; number++) {
        llmc_buffer_clear(&name);
        llmc_buffer_add_format(&name, "budget %zu", number);
        text = llmc_buffer_text(&name);
        no_memory = !text;
        usable = text && !is_taken(settings, budget, text);
    }
    budget->name = usable ? llmc_arena_strdup(&settings->arena, text) : NULL;
    llmc_buffer_free(&name);
    return budget->name ? LLMCOST_OK : llmc_config_no_memory(config);
}

static llmcost_status read_budget(llmc_config *config, const llmc_config_node *node, llmc_budget *budget)
{
    if (node->type != LLMC_JSON_OBJECT)
        return llmc_config_fail(config, node, "a budget is an object such as {\"limit\": \"5 USD\", \"per\": \"day\"}");
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_BUDGET, node, budget);
    const llmc_config_node *limit = llmc_config_member(node, "limit");
    if (!status && !limit)
        return llmc_config_fail(config, node, "a budget needs a \"limit\", such as \"5 USD\"");
    if (!status)
        status = llmc_config_money(config, limit, &budget->limit_nano);
    if (!status)
        status = read_where(config, llmc_config_member(node, "where"), budget);
    if (!status)
        status = read_provider(config, llmc_config_member(node, "provider"), budget);
    if (!status)
        status = read_alerts(config, llmc_config_member(node, "alert_at"), budget);
    if (!status && budget->name && is_taken(config->settings, budget, budget->name))
        return llmc_config_fail(config, node, "two budgets are called \"%.200s\"", budget->name);
    return status;
}

llmcost_status llmc_config_budgets(llmc_config *config, const llmc_config_node *budgets)
{
    llmc_settings *settings = config->settings;
    if (!budgets)
        return LLMCOST_OK;
    llmcost_status status = llmc_config_expect(config, budgets, LLMC_JSON_ARRAY, "a list of budgets");
    settings->budgets = llmc_arena_calloc(&settings->arena, budgets->count + 1, sizeof *settings->budgets);
    if (!status && !settings->budgets)
        return llmc_config_no_memory(config);
    for (const llmc_config_node *node = budgets->first; node && !status; node = node->next)
        status = read_budget(config, node, &settings->budgets[settings->budget_count++]);
    for (size_t i = 0; i < settings->budget_count && !status; i++) {
        if (!settings->budgets[i].name)
            status = derive_name(config, &settings->budgets[i]);
    }
    return status;
}

/* ---- "model": a name that no call can have would make a limit that never holds ---- */

__attribute__((cold)) static bool is_asked_for(const llmc_route *route, const llmc_budget *budget)
{
    if (route->kind == LLMC_ROUTE_LEAF)
        return strcmp(route->model, budget->model) == 0 && (!budget->provider || strcmp(route->provider->name, budget->provider) == 0);
    for (size_t i = 0; i < route->step_count; i++) {
        if (is_asked_for(route->steps[i], budget))
            return true;
    }
    return false;
}

/* Some hosts' own names look like "provider/model". */
__attribute__((cold)) static bool may_serve(const llmc_settings *settings, const llmc_budget *budget, bool slashed)
{
    for (size_t i = 0; i < settings->provider_count; i++) {
        const llmc_provider *provider = &settings->providers[i];
        if (budget->provider && strcmp(provider->name, budget->provider) != 0)
            continue;
        if (!provider->catalog || llmc_catalog_has(settings->catalog, provider->catalog, budget->model) ||
            (slashed && llmc_catalog_builtin_may_slash(provider->catalog)))
            return true;
    }
    return false;
}

/* Of "provider/model"; 0: nobody is called so. */
__attribute__((cold)) static size_t provider_bytes(const llmc_settings *settings, const char *model)
{
    const char *slash = strchr(model, '/');
    size_t bytes = slash ? (size_t)(slash - model) : 0;
    bool named = bytes && llmc_config_provider(settings, model, bytes);
    for (size_t i = 0; i < llmc_preset_count() && bytes && !named; i++)
        named = strlen(llmc_preset_at(i)->name) == bytes && memcmp(llmc_preset_at(i)->name, model, bytes) == 0;
    return named ? bytes : 0;
}

__attribute__((cold)) static llmcost_status check_model(llmc_config *config, const llmc_config_node *node, const llmc_budget *budget)
{
    const llmc_settings *settings = config->settings;
    const char *model = budget->model;
    size_t bytes = provider_bytes(settings, model);
    const llmc_route *route = llmc_config_known_name(settings, model);
    if ((!route && !bytes) || may_serve(settings, budget, bytes > 0))
        return LLMCOST_OK;
    for (size_t i = 0; i < settings->name_count; i++) {
        if (is_asked_for(settings->names[i].route, budget))
            return LLMCOST_OK;
    }
    if (route)
        return llmc_config_fail(config, node, "\"%.200s\" is the name of %s, which no budget sees: \"model\" is as the provider names it, such as \"gpt-4o-mini\"",
                                model, route->kind == LLMC_ROUTE_LEAF ? "an alias" : "a route");
    return llmc_config_fail(config, node, "\"model\" is as the provider names it: instead of \"%.200s\" write \"provider\": \"%.*s\", \"model\": \"%.200s\"", model,
                            (int)bytes, model, model + bytes + 1);
}

__attribute__((cold)) llmcost_status llmc_config_budget_models(llmc_config *config, const llmc_config_node *budgets)
{
    llmcost_status status = LLMCOST_OK;
    const llmc_budget *budget = config->settings->budgets;
    for (const llmc_config_node *node = budgets ? budgets->first : NULL; node && !status; node = node->next, budget++) {
        if (budget->model)
            status = check_model(config, llmc_config_member(node, "model"), budget);
    }
    return status;
}
