/*
 * Reads a config into settings: where it comes from, and the order in which its parts need each other. Prices and rates
 * come before providers and budgets, providers before routes; the baseline names one of those.
 */
#include "client/config.h"

#include "policy/target.h"
#include "provider/token.h"

#include <string.h>

/* Who speaks of a cache has one: only a host with a store of its own may want none in memory. */
static llmcost_status read_cache(llmc_config *config, const llmc_config_node *cache)
{
    llmc_settings *settings = config->settings;
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_CACHE, cache, settings);
    const llmc_config_node *memory = cache && !status ? llmc_config_member(cache, "memory") : NULL;
    bool without = memory && memory->type == LLMC_JSON_FALSE;
    settings->cache_memory = cache && !without;
    return status ? status : llmc_config_keys(config, LLMC_SECTION_CACHE_MEMORY, without ? NULL : memory, settings);
}

static llmcost_status read_report(llmc_config *config, const llmc_config_node *report)
{
    llmc_settings *settings = config->settings;
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_REPORT, report, settings);
    const llmc_config_node *list = report && !status ? llmc_config_member(report, "tags") : NULL;
    if (!list)
        return status;
    if (list->type != LLMC_JSON_ARRAY)
        return llmc_config_fail(config, list, "\"tags\" must be a list of names");
    const char **tags = llmc_arena_calloc(&settings->arena, list->count + 1, sizeof *tags);
    if (!tags)
        return llmc_config_no_memory(config);
    settings->report_tags = tags;
    for (const llmc_config_node *node = list->first; node && !status; node = node->next) {
        status = llmc_config_name(config, node, &tags[settings->report_tag_count]);
        for (size_t i = 0; i < settings->report_tag_count && !status; i++) {
            if (strcmp(tags[i], tags[settings->report_tag_count]) == 0)
                return llmc_config_fail(config, node, "the tag \"%.200s\" stands twice", tags[i]);
        }
        settings->report_tag_count++;
    }
    return status;
}

static llmcost_status read_baseline(llmc_config *config, const llmc_config_node *node)
{
    llmc_settings *settings = config->settings;
    const char *name;
    if (!node)
        return LLMCOST_OK;
    llmcost_status status = llmc_config_name(config, node, &name);
    if (status)
        return status;
    char reason[LLMC_REASON_BYTES];
    settings->baseline = llmc_config_known_name(settings, name);
    if (!settings->baseline)
        status = llmc_config_leaf(settings, name, &settings->arena, &settings->baseline, reason);
    if (status == LLMCOST_E_MEMORY)
        return llmc_config_no_memory(config);
    if (status)
        return llmc_config_fail(config, node, "\"baseline\": %s", reason);
    return settings->baseline->kind == LLMC_ROUTE_LEAF ? LLMCOST_OK : llmc_config_fail(config, node, "\"baseline\" must be a model, and \"%.200s\" is a route", name);
}

/* The catalog holds what the configured providers need; price files are read into it afterwards. */
static llmcost_status make_catalog(llmc_config *config)
{
    llmc_settings *settings = config->settings;
    const char **names = llmc_arena_alloc(&settings->arena, (settings->provider_count + 1) * sizeof *names);
    size_t count = 0;
    if (!names)
        return llmc_config_no_memory(config);
    for (size_t i = 0; i < settings->provider_count; i++) {
        if (settings->providers[i].catalog)
            names[count++] = settings->providers[i].catalog;
    }
    return llmc_catalog_new_for(&settings->catalog, config->allocator, names, count, config->error);
}

static llmcost_status read_root(llmc_config *config, const llmc_config_node *root)
{
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_ROOT, root, config->settings);
    if (!status)
        status = llmc_config_environment_file(config, llmc_config_member(root, "env_file"));
    if (!status)
        status = llmc_config_keys(config, LLMC_SECTION_BREAKER, NULL, &config->settings->breaker);
    if (!status)
        status = llmc_config_breaker(config, llmc_config_member(root, "breaker"), &config->settings->breaker);
    if (!status)
        status = llmc_config_providers(config, llmc_config_member(root, "providers"));
    if (!status)
        status = make_catalog(config);
    if (!status)
        status = llmc_config_money_rules(config, root);
    if (!status)
        status = llmc_config_budgets(config, llmc_config_member(root, "budgets"));
    if (!status)
        status = llmc_config_routes(config, llmc_config_member(root, "models"), llmc_config_member(root, "routes"));
    if (!status)
        status = llmc_config_budget_models(config, llmc_config_member(root, "budgets"));
    if (!status)
        status = read_cache(config, llmc_config_member(root, "cache"));
    if (!status)
        status = read_report(config, llmc_config_member(root, "report"));
    return status ? status : read_baseline(config, llmc_config_member(root, "baseline"));
}

static llmcost_status read_text(llmc_config *config, const char *name, const char *text, size_t bytes)
{
    llmc_config_tree tree;
    llmcost_status status = llmc_config_tree_read(&tree, name, text, bytes, config->allocator, config->error);
    config->tree = &tree;
    if (!status)
        status = read_root(config, &tree.root);
    config->tree = NULL;
    llmc_config_tree_free(&tree);
    return status;
}

static llmcost_status read_path(llmc_config *config, const char *path)
{
    llmc_buffer content;
    llmcost_status status = llmc_config_file(config, NULL, path, LLMC_CONFIG_MAX_FILE_BYTES, &content);
    config->path = path;
    if (!status)
        status = read_text(config, path, content.data, content.length);
    llmc_wipe(content.data, content.length);
    llmc_buffer_free(&content);
    return status;
}

/* No config: the defaults, and the providers whose keys are in the environment. */
static llmcost_status read_environment(llmc_config *config)
{
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_ROOT, NULL, config->settings);
    if (!status)
        status = read_cache(config, NULL);
    if (!status)
        status = read_report(config, NULL);
    if (!status)
        status = llmc_config_keys(config, LLMC_SECTION_BREAKER, NULL, &config->settings->breaker);
    if (!status)
        status = llmc_config_providers_of_environment(config);
    return status ? status : make_catalog(config);
}

static llmcost_status read_any(llmc_config *config, const char *source)
{
    if (!source)
        return read_environment(config);
    if (source[strspn(source, " \t\r\n")] == '{') {
        size_t bytes = strnlen(source, LLMC_CONFIG_MAX_FILE_BYTES + 1);
        return bytes <= LLMC_CONFIG_MAX_FILE_BYTES ? read_text(config, "config", source, bytes) : llmc_config_fail(config, NULL, "the config is larger than 16 MB");
    }
    return read_path(config, source);
}

/* What each provider's bills are worth, looked up once. */
static void exchange_providers(llmc_settings *settings)
{
    for (size_t i = 0; i < settings->provider_count; i++)
        llmc_settings_exchange(settings, settings->providers[i].currency, &settings->providers[i].exchange_nano);
}

llmcost_status llmc_settings_read(llmc_settings **out, const char *config, const llmc_allocator *allocator, llmcost_environment_fn environment,
                                  void *environment_user, llmcost_error *error)
{
    *out = NULL;
    llmc_settings *settings = llmc_calloc(allocator, 1, sizeof *settings);
    llmc_config reading = { .settings = settings, .allocator = allocator, .environment = environment, .environment_user = environment_user, .error = error };
    if (!settings)
        return llmc_config_no_memory(&reading);
    llmc_buffer_init(&reading.environment_lines, allocator, LLMC_CONFIG_MAX_FILE_BYTES);
    llmc_arena_init(&settings->arena, allocator, NULL, 0);
    settings->leaves = llmc_leaf_memo_new(&settings->arena);
    settings->targets = llmc_targets_new(allocator);
    llmcost_status status = settings->leaves && settings->targets ? LLMCOST_OK : llmc_config_no_memory(&reading);
    if (!status)
        status = read_any(&reading, config);
    llmc_config_environment_forget(&reading);
    if (status) {
        llmc_settings_free(settings);
        return status;
    }
    exchange_providers(settings);
    *out = settings;
    return LLMCOST_OK;
}

void llmc_settings_free(llmc_settings *settings)
{
    if (!settings)
        return;
    const llmc_allocator *allocator = settings->arena.allocator;
    for (size_t i = 0; i < settings->provider_count; i++) {
        llmc_provider *provider = &settings->providers[i];
        for (size_t k = 0; k < provider->credential_count; k++) {
            if (provider->credentials[k].token)
                llmc_token_close(provider->credentials[k].token);
            llmc_credential_free(&provider->credentials[k], allocator);
        }
    }
    llmc_leaf_memo_free(settings->leaves, allocator);
    llmc_targets_free(settings->targets);
    llmc_catalog_free(settings->catalog);
    llmc_arena_clear(&settings->arena);
    llmc_free(allocator, settings);
}
