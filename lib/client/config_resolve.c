/*
 * What a name of a model means, and fingerprints: SHA-256 over everything that decides which answer comes out of a
 * subtree. Names do not enter, so that two routes that do the same share their answers. What is hashed is built of
 * texts with their lengths in front and of fixed-width numbers, so that no two meanings have the same bytes.
 */
#include "client/config.h"

#include "base/sha256.h"
#include "base/text.h"
#include "policy/target.h"

#include <stdio.h>
#include <string.h>

enum { FINGERPRINT_FORMAT = 2 };

/* ---- fingerprints ---- */

static void hash_number(llmc_sha256 *hash, uint64_t number)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(number >> (8 * i));
    llmc_sha256_add(hash, bytes, sizeof bytes);
}

static void hash_text(llmc_sha256 *hash, const char *text)
{
    hash_number(hash, text ? strlen(text) + 1 : 0);
    llmc_sha256_add(hash, text, text ? strlen(text) : 0);
}

/* Headers can switch a provider's features. Their order means nothing. */
static void hash_headers(llmc_sha256 *hash, const llmc_provider *provider)
{
    uint8_t all[32] = { 0 }, each[32];
    for (size_t i = 0; i < provider->header_count; i++) {
        llmc_sha256_of(provider->headers[i], strlen(provider->headers[i]), each);
        for (size_t k = 0; k < sizeof all; k++)
            all[k] ^= each[k];
    }
    hash_number(hash, provider->header_count);
    llmc_sha256_add(hash, all, sizeof all);
}

static void hash_leaf(llmc_sha256 *hash, const llmc_route *route)
{
    const llmc_provider *provider = route->provider;
    hash_text(hash, provider->codec->name);
    hash_text(hash, provider->base_url);
    hash_text(hash, provider->preset->name);
    hash_number(hash, provider->quirks);
    hash_headers(hash, provider);
    hash_text(hash, provider->api_version); /* a part of the URL, like the base */
    hash_text(hash, route->model);
}

static void hash_escalation(llmc_sha256 *hash, const llmc_escalation *rules)
{
    hash_text(hash, rules->marker);
    hash_text(hash, rules->marker_instruction);
    hash_number(hash, (uint64_t)(rules->on_refusal | rules->on_truncation << 1 | rules->on_invalid_json << 2 | rules->has_logprob << 3));
    hash_number(hash, rules->has_logprob ? (uint64_t)(int64_t)(rules->min_mean_logprob * 1e6 - 0.5) : 0);
    hash_text(hash, rules->judge_host);
    hash_number(hash, rules->judge_route != NULL);
    if (rules->judge_route)
        llmc_sha256_add(hash, rules->judge_route->fingerprint, sizeof rules->judge_route->fingerprint);
    hash_text(hash, rules->judge_instruction);
    hash_number(hash, (uint64_t)rules->judge_max_tokens);
}

static void hash_cascade(llmc_sha256 *hash, const llmc_cascade *cascade)
{
    hash_escalation(hash, &cascade->escalation);
    hash_number(hash, cascade->on_failure);
}

/* What may still decide between the steps when the cache is asked: a model's label. */
static void hash_labels(llmc_sha256 *hash, const llmc_route *route)
{
    const llmc_labeller *labeller = route->choose->labeller;
    if (!labeller || labeller->kind != LLMC_LABELLER_MODEL)
        return;
    llmc_sha256_add(hash, labeller->route->fingerprint, sizeof labeller->route->fingerprint);
    hash_number(hash, (uint64_t)labeller->max_tokens);
    hash_number(hash, labeller->label_count);
    for (size_t i = 0; i < labeller->label_count; i++) {
        hash_text(hash, labeller->labels[i].name);
        hash_text(hash, labeller->labels[i].description);
    }
    for (size_t i = 0; i < route->step_count; i++) {
        const llmc_rule *rule = &route->choose->rules[i];
        hash_number(hash, rule->label_count);
        for (size_t k = 0; k < rule->label_count; k++)
            hash_text(hash, rule->labels[k]);
    }
}

/* Which way a split or a choose goes is decided before, and enters with what is left of the tree. */
void llmc_route_fingerprint(llmc_route *route)
{
    llmc_sha256 hash;
    llmc_sha256_begin(&hash);
    hash_number(&hash, FINGERPRINT_FORMAT);
    hash_number(&hash, route->kind);
    if (route->kind == LLMC_ROUTE_LEAF)
        hash_leaf(&hash, route);
    hash_number(&hash, route->step_count);
    for (size_t i = 0; i < route->step_count; i++)
        llmc_sha256_add(&hash, route->steps[i]->fingerprint, sizeof route->steps[i]->fingerprint);
    if (route->cascade)
        hash_cascade(&hash, route->cascade);
    if (route->fallback)
        hash_number(&hash, route->fallback->on);
    if (route->choose)
        hash_labels(&hash, route);
    llmc_sha256_end(&hash, route->fingerprint);
}

/* ---- leaves ---- */

const llmc_provider *llmc_config_provider(const llmc_settings *settings, const char *name, size_t bytes)
{
    for (size_t i = 0; i < settings->provider_count; i++) {
        const llmc_provider *provider = &settings->providers[i];
        if (strncmp(provider->name, name, bytes) == 0 && provider->name[bytes] == '\0')
            return provider;
    }
    return NULL;
}

/* A deployment's name is the customer's own; the config may say which model it is. */
static const char *known_as(const llmc_provider *provider, const char *model)
{
    for (size_t i = 0; i < provider->model_count; i++)
        if (strcmp(provider->models[i].name, model) == 0)
            return provider->models[i].model;
    return model;
}

/* A price may be in another currency than its provider bills in: a map of dollars for all the world. 0: there is no rate. */
static int64_t exchange_of(const llmc_settings *settings, const llmc_provider *provider, const llmc_model *prices)
{
    const char *currency = prices ? llmc_model_currency(prices) : NULL;
    int64_t nano;
    return llmc_settings_exchange(settings, currency ? currency : provider->currency, &nano) ? nano : 0;
}

static llmcost_status make_leaf(const llmc_settings *settings, const llmc_provider *provider, const char *model, llmc_arena *arena, const llmc_route **out,
                                char reason[LLMC_REASON_BYTES])
{
    size_t prefix = strlen(provider->name), bytes = strlen(model);
    llmc_route *leaf = llmc_arena_calloc(arena, 1, sizeof *leaf);
    char *name = llmc_arena_alloc(arena, prefix + 1 + bytes + 1);
    if (name) {
        memcpy(name, provider->name, prefix);
        name[prefix] = '/';
        memcpy(name + prefix + 1, model, bytes + 1);
    }
    if (!leaf || !name || !llmc_target_of(settings->targets, name, &provider->breaker, &leaf->target)) {
        snprintf(reason, LLMC_REASON_BYTES, "out of memory");
        return LLMCOST_E_MEMORY;
    }
    leaf->name = name;
    leaf->leaf_count = 1;
    leaf->provider = provider;
    leaf->model = name + prefix + 1;
    leaf->prices = provider->catalog ? llmc_catalog_find(settings->catalog, provider->catalog, known_as(provider, leaf->model)) : NULL;
    leaf->exchange_nano = exchange_of(settings, provider, leaf->prices);
    leaf->has_fixed_rates = leaf->prices && llmc_model_rates_fixed(leaf->prices, &leaf->fixed_rates);
    llmc_route_fingerprint(leaf);
    *out = leaf;
    return LLMCOST_OK;
}

static bool provider_has(const llmc_settings *settings, const llmc_provider *provider, const char *model)
{
    return provider->catalog && llmc_catalog_has(settings->catalog, provider->catalog, model);
}

static llmcost_status ambiguous(const llmc_settings *settings, const char *name, const char *first, char reason[LLMC_REASON_BYTES])
{
    int length = snprintf(reason, LLMC_REASON_BYTES, "several providers have \"%.200s\": write one of them in front, such as \"%.60s/%.200s\"; they are", name,
                          first, name);
    const char *comma = " ";
    for (size_t i = 0; i < settings->provider_count && length < LLMC_REASON_BYTES - 1; i++) {
        if (!provider_has(settings, &settings->providers[i], name))
            continue;
        length += snprintf(reason + length, (size_t)(LLMC_REASON_BYTES - length), "%s%s", comma, settings->providers[i].name);
        comma = ", ";
    }
    return LLMCOST_E_AMBIGUOUS_MODEL;
}

/* ---- names that nobody has ---- */

/* A host we know, but that is not configured: say how to have it. Returns 0 where no preset fits. */
static int hint_at_preset(const char *name, char *out, size_t bytes)
{
    const char *slash = strchr(name, '/');
    for (size_t i = 0; i < llmc_preset_count(); i++) {
        const llmc_preset *preset = llmc_preset_at(i);
        bool named = slash && strlen(preset->name) == (size_t)(slash - name) && strncmp(preset->name, name, (size_t)(slash - name)) == 0;
        bool has = llmc_catalog_builtin_has(preset->name, name);
        if (!named && !has)
            continue;
        if (preset->key_variables[0])
            return snprintf(out, bytes, "; %s has it, but is not configured: set %s, or add \"%s\" to \"providers\"", preset->name, preset->key_variables[0], preset->name);
        return snprintf(out, bytes, "; %s has it, but is not configured: add \"%s\" to \"providers\"", preset->name, preset->name);
    }
    return 0;
}

static llmcost_status unknown(const llmc_settings *settings, const char *name, char reason[LLMC_REASON_BYTES])
{
    int length = snprintf(reason, LLMC_REASON_BYTES, "no route, alias or provider is called \"%.256s\"", name);
    const char *slash = strchr(name, '/');
    llmc_nearest nearest = { .word = name };
    for (size_t i = 0; i < settings->name_count; i++)
        llmc_nearest_offer(&nearest, settings->names[i].name);
    char hint[LLMC_HINT_BYTES], prefix[64] = "";
    if (!*llmc_nearest_hint(&nearest, hint) && slash && (size_t)(slash - name) < sizeof prefix) {
        memcpy(prefix, name, (size_t)(slash - name));
        nearest = (llmc_nearest){ .word = prefix };
        for (size_t i = 0; i < settings->provider_count; i++)
            llmc_nearest_offer(&nearest, settings->providers[i].name);
        if (*llmc_nearest_hint(&nearest, hint))
            snprintf(hint, sizeof hint, ", did you mean \"%.60s%.200s\"?", nearest.best, slash);
    }
    size_t rest = (size_t)(LLMC_REASON_BYTES - length);
    if (*hint)
        snprintf(reason + length, rest, "%s", hint);
    else if (!hint_at_preset(name, reason + length, rest) && settings->provider_count)
        snprintf(reason + length, rest, "; write \"provider/model\", such as \"%s/%.200s\"", settings->providers[0].name, slash ? slash + 1 : name);
    else if (!settings->provider_count && !reason[length])
        snprintf(reason + length, rest, "; no provider is configured: set OPENAI_API_KEY or another provider's key variable, or open the client with a config");
    return LLMCOST_E_UNKNOWN_MODEL;
}

static const char *flaw_of_name(const char *name)
{
    size_t bytes = name ? strnlen(name, LLMC_CONFIG_MAX_NAME_BYTES + 1) : 0;
    if (!bytes)
        return "no model is named";
    if (bytes > LLMC_CONFIG_MAX_NAME_BYTES)
        return "the name of the model is longer than 256 bytes";
    if (!llmc_utf8_valid(name, bytes))
        return "the name of the model is not valid UTF-8";
    return llmc_text_is_header_safe(name) ? NULL : "the name of the model holds a control character";
}

llmcost_status llmc_config_leaf(const llmc_settings *settings, const char *name, llmc_arena *arena, const llmc_route **out, char reason[LLMC_REASON_BYTES])
{
    const char *slash = strchr(name, '/');
    const llmc_provider *found = slash && slash[1] ? llmc_config_provider(settings, name, (size_t)(slash - name)) : NULL;
    if (found)
        return make_leaf(settings, found, slash + 1, arena, out, reason);
    if (slash && !slash[1]) {
        snprintf(reason, LLMC_REASON_BYTES, "no model is named behind \"%.256s\"", name);
        return LLMCOST_E_UNKNOWN_MODEL;
    }
    for (size_t i = 0; i < settings->provider_count; i++) {
        const llmc_provider *provider = &settings->providers[i];
        if (!provider_has(settings, provider, name) || (found && provider->preset->second_door))
            continue;
        if (found && !found->preset->second_door)
            return ambiguous(settings, name, found->name, reason);
        found = provider;
    }
    return found ? make_leaf(settings, found, name, arena, out, reason) : unknown(settings, name, reason);
}

/* Routes and aliases are sorted by name. */
const llmc_route *llmc_config_known_name(const llmc_settings *settings, const char *name)
{
    size_t low = 0, high = settings->name_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, settings->names[middle].name);
        if (order == 0)
            return settings->names[middle].route;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* A leaf that nobody has named before. */
static llmcost_status resolve_anew(const llmc_settings *settings, const char *name, llmc_arena *arena, const llmc_route **out, llmcost_error *error)
{
    char reason[LLMC_REASON_BYTES];
    *out = NULL;
    const char *flaw = flaw_of_name(name);
    if (flaw)
        return llmc_error_set(error, LLMCOST_E_INVALID, "%s", flaw);
    llmcost_status status = llmc_leaf_memo_resolve(settings, name, arena, out, reason);
    return status ? llmc_error_set(error, status, "%s", reason) : LLMCOST_OK;
}

llmcost_status llmc_settings_resolve(const llmc_settings *settings, const char *name, llmc_arena *arena, const llmc_route **out, llmcost_error *error)
{
    const llmc_route *route = name && settings->name_count ? llmc_config_known_name(settings, name) : NULL;
    if (!route && name)
        route = llmc_leaf_memo_find(settings->leaves, name);
    if (!route)
        return resolve_anew(settings, name, arena, out, error);
    *out = route;
    return LLMCOST_OK;
}

bool llmc_settings_exchange(const llmc_settings *settings, const char *currency, int64_t *nano)
{
    if (strcmp(currency, settings->currency) == 0) {
        *nano = 1000000000;
        return true;
    }
    for (size_t i = 0; i < settings->exchange_count; i++) {
        if (strcmp(currency, settings->exchanges[i].from) == 0) {
            *nano = settings->exchanges[i].nano;
            return true;
        }
    }
    return false;
}
