/*
 * Every key of the config, in one table: it parses, checks, gives the defaults and documents itself. A default is
 * written as it would stand in the config and goes through the same reading, so that the documentation cannot lie.
 */
#include "client/config.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

typedef enum key_kind {
    KEY_BOOL, KEY_INTEGER, KEY_MILLISECONDS, KEY_DURATION, KEY_SIZE, KEY_TEXT, KEY_LONG_TEXT, KEY_PATH, KEY_CURRENCY, KEY_CHOICE,
    KEY_STRUCTURE /* read by the section's own file */
} key_kind;

typedef struct config_key {
    const char *name;
    key_kind kind;
    size_t offset, width; /* where the value goes in the section's target */
    int64_t minimum, maximum; /* of a text: its length */
    const char *fallback; /* as it would stand in the config; NULL: what the target holds stays */
    const char *shape;    /* the choices, joined by |; of a structure: what it looks like */
    const char *text;
} config_key;

#define FIELD(type, field) offsetof(type, field), sizeof(((type *)0)->field)
#define DAY_MS INT64_C(86400000)
#define NO_FIELD 0, 0, 0, 0, NULL

static const config_key root_keys[] = {
    { "providers", KEY_STRUCTURE, NO_FIELD, "{NAME: {...}}", "who answers; names are yours, and a preset's name needs no more than {}" },
    { "env_file", KEY_STRUCTURE, NO_FIELD, "PATH", "a file of NAME=VALUE lines for variables that the environment lacks" },
    { "models", KEY_STRUCTURE, NO_FIELD, "{ALIAS: NAME}", "short names for \"provider/model\" or for other names" },
    { "routes", KEY_STRUCTURE, NO_FIELD, "{NAME: {...}}", "names for trees of models" },
    { "cache", KEY_STRUCTURE, NO_FIELD, "{...}", "answers that are given again without a call; absent: no cache" },
    { "budgets", KEY_STRUCTURE, NO_FIELD, "[{...}]", "limits on money" },
    { "prices", KEY_STRUCTURE, NO_FIELD, "PATH, [PATH, ...] or {...}", "price files over the built-in catalog, ours or LiteLLM's; or one of them, written in place" },
    { "currency", KEY_CURRENCY, FIELD(llmc_settings, currency), 0, 0, "USD", NULL, "what the ledger counts in" },
    { "exchange_rates", KEY_STRUCTURE, NO_FIELD, "{CURRENCY: {...}}", "what one unit of another currency is worth in the ledger's" },
    { "unknown_price", KEY_STRUCTURE, NO_FIELD, "refuse, allow or {...}", "calls to a model without a price, under a hard budget: refused (the default) or allowed at no cost; without one they are never refused; {...}: charged at a worst case" },
    { "stated_cost", KEY_CHOICE, FIELD(llmc_settings, stated_cost), 0, 0, "ours", "ours|provider", "which figure is charged where a provider states its cost" },
    { "baseline", KEY_STRUCTURE, NO_FIELD, "NAME", "the model that savings are measured against; absent: the dearest of the route" },
    { "default_max_tokens", KEY_INTEGER, FIELD(llmc_settings, default_max_tokens), 0, 10000000, "0", NULL, "max_tokens of a request that has none; 0: the model's maximum, as far as the money goes" },
    { "min_max_tokens", KEY_INTEGER, FIELD(llmc_settings, min_max_tokens), 1, 10000000, "64", NULL, "a budget that runs short lowers max_tokens no further than this" },
    { "budget_wait_ms", KEY_MILLISECONDS, FIELD(llmc_settings, budget_wait_ms), 0, 3600000, "2000", NULL, "how long a call waits for money that other calls hold" },
    { "image_bound_tokens", KEY_INTEGER, FIELD(llmc_settings, image_bound_tokens), 0, 10000000, "0", NULL, "upper bound of one image's tokens; 0: by the model's family" },
    { "report", KEY_STRUCTURE, NO_FIELD, "{...}", "what the running totals tell apart" },
    { "deadline_ms", KEY_MILLISECONDS, FIELD(llmc_settings, deadline_ms), 0, DAY_MS, "600000", NULL, "deadline of a call that states none; 0: no deadline" },
    { "close_ms", KEY_MILLISECONDS, FIELD(llmc_settings, close_ms), 0, 3600000, "5000", NULL, "how long closing the client waits for unfinished work" },
    { "background", KEY_BOOL, FIELD(llmc_settings, background), 0, 0, "false", NULL, "a thread of the library's own for work that outlives a call" },
};

static const config_key provider_keys[] = {
    { "preset", KEY_STRUCTURE, NO_FIELD, "NAME", "the host it is; default: the preset of the same name, else an OpenAI-shaped server at base_url" },
    { "base_url", KEY_TEXT, FIELD(llmc_provider, base_url), 1, 2000, NULL, NULL, "http or https, up to and without /chat/completions; without a path the preset's is taken; default: the preset's" },
    { "key", KEY_STRUCTURE, NO_FIELD, "\"env:NAME\", \"file:PATH\", \"host:NAME\", the key, or a pair", "host: a callback of the program; a pair: {\"access_key\": KEY, \"secret_key\": KEY, \"session_token\": KEY}; default: the preset's usual environment variables" },
    { "keys", KEY_STRUCTURE, NO_FIELD, "[KEY, ...]", "several of them, used in turn" },
    { "auth", KEY_STRUCTURE, NO_FIELD, "bearer, x-api-key, api-key, x-goog-api-key, aws, jwt, bce or oauth", "how the key is shown; default: the preset's, for a pair the pair's own" },
    { "resource", KEY_TEXT, FIELD(llmc_provider, resource), 1, 200, NULL, NULL, "Azure: the resource in the base URL" },
    { "region", KEY_TEXT, FIELD(llmc_provider, region), 1, 100, NULL, NULL, "Bedrock: the region in the base URL and in signatures" },
    { "project", KEY_TEXT, FIELD(llmc_provider, project), 1, 200, NULL, NULL, "Vertex: the project" },
    { "location", KEY_TEXT, FIELD(llmc_provider, location), 1, 100, NULL, NULL, "Vertex: the location" },
    { "token_url", KEY_TEXT, FIELD(llmc_provider, token_url), 1, 2000, NULL, NULL, "where a pair is exchanged for a token; default: the provider's own" },
    { "api_version", KEY_TEXT, FIELD(llmc_provider, api_version), 1, 100, NULL, NULL, "Azure: calls go to /openai/deployments/MODEL with this api-version" },
    { "models", KEY_STRUCTURE, NO_FIELD, "{NAME: MODEL}", "deployments and endpoints of yours, and the models they are: for their prices" },
    { "headers", KEY_STRUCTURE, NO_FIELD, "{NAME: VALUE}", "further HTTP headers of every request" },
    { "currency", KEY_CURRENCY, FIELD(llmc_provider, currency), 0, 0, NULL, NULL, "what it bills in; default: the preset's" },
    { "catalog", KEY_TEXT, FIELD(llmc_provider, catalog), 1, 100, NULL, NULL, "its name in the price catalog; default: the preset's" },
    { "free", KEY_BOOL, FIELD(llmc_provider, free_of_charge), 0, 0, NULL, NULL, "nothing is billed; default: the preset's (true for local servers)" },
    { "send_key_over_plain_http", KEY_BOOL, FIELD(llmc_provider, allow_plain_http_key), 0, 0, "false", NULL, "send the key without TLS to a host that is not this machine, or to a proxy" },
    { "on_abort", KEY_CHOICE, FIELD(llmc_provider, drain_on_abort), 0, 0, "cancel", "cancel|drain", "a caller leaves a stream: cancel it and estimate the cost, or read on to the reported usage in the turns of later calls, of llmcost_client_run() or of the \"background\" thread" },
    { "drain_ms", KEY_MILLISECONDS, FIELD(llmc_provider, drain_ms), 0, DAY_MS, "60000", NULL, "with drain: how long reading on may take, then it is cancelled and estimated; 0: no limit" },
    { "connect_ms", KEY_MILLISECONDS, FIELD(llmc_provider, connect_ms), 0, DAY_MS, "10000", NULL, "time-out for the connection; 0: none" },
    { "first_byte_ms", KEY_MILLISECONDS, FIELD(llmc_provider, first_byte_ms), 0, DAY_MS, "300000", NULL, "time-out for the first byte of the answer; 0: none" },
    { "idle_ms", KEY_MILLISECONDS, FIELD(llmc_provider, idle_ms), 0, DAY_MS, "60000", NULL, "time-out for a pause within the answer; 0: none" },
    { "max_response_bytes", KEY_SIZE, FIELD(llmc_provider, max_response_bytes), 1024, INT64_C(1) << 32, "32MB", NULL, "a longer answer is an error" },
    { "max_connections", KEY_INTEGER, FIELD(llmc_provider, max_connections), 0, 100000, "100", NULL, "connections to this host per driver; 0: no limit" },
    { "proxy", KEY_TEXT, FIELD(llmc_provider, proxy), 0, 2000, NULL, NULL, "URL of a proxy; \"\": none; default: the usual environment variables, and none for a server of this machine" },
    { "ca_file", KEY_PATH, FIELD(llmc_provider, ca_file), 1, 4000, NULL, NULL, "certificates to trust; default: the system's" },
    { "accept_any_certificate", KEY_BOOL, FIELD(llmc_provider, insecure_tls), 0, 0, "false", NULL, "turn TLS verification off: anybody can read the key and the prompts" },
    { "retries", KEY_INTEGER, FIELD(llmc_provider, retries), 0, 20, "2", NULL, "further attempts after one that failed for a passing reason" },
    { "quirks", KEY_STRUCTURE, NO_FIELD, "{NAME: true or false}", "how its dialect differs, over the preset's" },
    { "codec", KEY_STRUCTURE, NO_FIELD, "NAME", "wire format: openai, anthropic, gemini, responses, bedrock, cohere, ollama or qianfan_v1; default: the preset's" },
};

static const config_key route_keys[] = {
    { "cascade", KEY_STRUCTURE, NO_FIELD, "[NAME or {...}, ...]", "models or routes, cheap ones first: the next is asked when an answer is not good enough" },
    { "escalate_on", KEY_STRUCTURE, NO_FIELD, "{...}", "when an answer is not good enough; default: {\"marker\": \"UNCERTAIN\"}" },
    { "on_failure", KEY_CHOICE, FIELD(llmc_route, on_failure), 0, 0, "best", "best|error", "the next step fails or the budget refuses it: the best answer so far, or an error" },
};

static const config_key escalate_keys[] = {
    { "marker", KEY_STRUCTURE, NO_FIELD, "TEXT, true or false", "a word that the model is told to answer with when it is not sure; true: UNCERTAIN" },
    { "marker_instruction", KEY_LONG_TEXT, FIELD(llmc_escalation, marker_instruction), 1, 10000, NULL, NULL, "how the model is told; default: ours" },
    { "refusal", KEY_BOOL, FIELD(llmc_escalation, on_refusal), 0, 0, "false", NULL, "the model refused" },
    { "truncation", KEY_BOOL, FIELD(llmc_escalation, on_truncation), 0, 0, "false", NULL, "the answer was cut at max_tokens" },
    { "invalid_json", KEY_BOOL, FIELD(llmc_escalation, on_invalid_json), 0, 0, "false", NULL, "JSON was asked for and did not come" },
    { "logprob_below", KEY_STRUCTURE, NO_FIELD, "number from -100 to 0", "the mean log-probability of the answer's tokens is below this" },
    { "judge", KEY_STRUCTURE, NO_FIELD, "\"host:NAME\" or NAME", "a callback of the host, or a model or route, says that the answer is not good enough" },
    { "judge_instruction", KEY_LONG_TEXT, FIELD(llmc_escalation, judge_instruction), 1, 10000, NULL, NULL, "what the judge model is asked; default: ours" },
};

static const config_key cache_keys[] = {
    { "memory", KEY_STRUCTURE, NO_FIELD, "{...}", "keep answers in memory" },
    { "sampled", KEY_BOOL, FIELD(llmc_settings, cache_sampled), 0, 0, "false", NULL, "keep answers that another call might have worded differently too" },
    { "namespace", KEY_TEXT, FIELD(llmc_settings, cache_namespace), 0, 256, "", NULL, "answers are never shared between namespaces" },
    { "store_wait_ms", KEY_MILLISECONDS, FIELD(llmc_settings, cache_store_wait_ms), 0, 3600000, "1000", NULL, "how long a call waits for the host's own store before it goes on without; 0: until its deadline" },
};

static const config_key cache_memory_keys[] = {
    { "max_bytes", KEY_SIZE, FIELD(llmc_settings, cache_max_bytes), 64 << 10, INT64_C(1) << 46, "64MB", NULL, "limit of keys, answers and our own overhead" },
    { "max_entries", KEY_INTEGER, FIELD(llmc_settings, cache_max_entries), 0, INT64_C(1000000000), "0", NULL, "limit of answers; 0: none but the bytes" },
    { "ttl", KEY_DURATION, FIELD(llmc_settings, cache_ttl_ms), 1, 3650 * DAY_MS, "10m", NULL, "how long an answer is good" },
};

static const config_key budget_keys[] = {
    { "name", KEY_TEXT, FIELD(llmc_budget, name), 1, 256, NULL, NULL, "for reports and errors; default: made from where and per" },
    { "limit", KEY_STRUCTURE, NO_FIELD, "\"5 USD\"", "needed; how much may be spent" },
    { "per", KEY_CHOICE, FIELD(llmc_budget, period), 0, 0, "total", "total|minute|hour|day|month", "the window that it starts again with (UTC)" },
    { "where", KEY_STRUCTURE, NO_FIELD, "{TAG: VALUE}", "only calls with these tags; \"*\": any value" },
    { "provider", KEY_STRUCTURE, NO_FIELD, "NAME", "only calls to this provider" },
    { "model", KEY_TEXT, FIELD(llmc_budget, model), 1, 256, NULL, NULL, "only calls to this model, as the provider names it" },
    { "each", KEY_TEXT, FIELD(llmc_budget, each), 1, 256, NULL, NULL, "a tag: the limit holds for each of its values" },
    { "alert_at", KEY_STRUCTURE, NO_FIELD, "[0.5, 0.8]", "fractions of the limit that raise an alert, once per window" },
    { "when_spent", KEY_CHOICE, FIELD(llmc_budget, soft), 0, 0, "deny", "deny|alert", "refuse calls, or only count and alert" },
    { "max_accounts", KEY_INTEGER, FIELD(llmc_budget, max_accounts), 1, 10000000, "100000", NULL, "with each: values counted apart at once; the rest share one account" },
};


static const config_key exchange_keys[] = {
    { "rate", KEY_STRUCTURE, NO_FIELD, "\"0.14\"", "needed; ledger units for one unit, at most 9 decimals" },
    { "date", KEY_TEXT, FIELD(llmc_exchange, date), 1, 10, NULL, NULL, "needed; the day of the rate, 2026-11-01" },
};

static const config_key unknown_price_keys[] = {
    { "input", KEY_STRUCTURE, NO_FIELD, "number", "needed; ledger units per million input tokens" },
    { "output", KEY_STRUCTURE, NO_FIELD, "number", "needed; ledger units per million output tokens" },
};

static const config_key report_keys[] = {
    { "tags", KEY_STRUCTURE, NO_FIELD, "[NAME, ...]", "tags whose values are totalled apart" },
    { "max_values", KEY_INTEGER, FIELD(llmc_settings, report_max_values), 1, 1000000, "1000", NULL, "values of one tag told apart; the rest is \"other\"" },
    { "max_days", KEY_INTEGER, FIELD(llmc_settings, report_max_days), 1, 3660, "93", NULL, "days kept" },
};

#define SECTION(id, name, keys, text) [id] = { name, keys, sizeof(keys) / sizeof((keys)[0]), text }
static const struct section {
    const char *name;
    const config_key *keys;
    size_t count;
    const char *text;
} sections[LLMC_SECTION_COUNT] = {
    SECTION(LLMC_SECTION_ROOT, "", root_keys, "The whole of the config is one object."),
    SECTION(LLMC_SECTION_PROVIDER, "providers.NAME", provider_keys, "Names are made of letters, digits, `_`, `.` and `-`."),
    SECTION(LLMC_SECTION_ROUTE, "routes.NAME", route_keys, "Steps are names, or nodes written in place."),
    SECTION(LLMC_SECTION_ESCALATE, "routes.NAME.escalate_on", escalate_keys, "Any of these, together."),
    SECTION(LLMC_SECTION_CACHE, "cache", cache_keys, "Exact answers to exactly equal requests."),
    SECTION(LLMC_SECTION_CACHE_MEMORY, "cache.memory", cache_memory_keys, "`{}` turns it on."),
    SECTION(LLMC_SECTION_BUDGET, "budgets[]", budget_keys, "A call must fit every budget that it matches."),
    SECTION(LLMC_SECTION_EXCHANGE, "exchange_rates.CURRENCY", exchange_keys, "Budgets and bills in other currencies need one."),
    SECTION(LLMC_SECTION_UNKNOWN_PRICE, "unknown_price", unknown_price_keys, "The worst case, when it is an object."),
    SECTION(LLMC_SECTION_REPORT, "report", report_keys, "Models, providers and days are always told apart."),
};

/* ---- reading ---- */

static llmcost_status store_integer(llmc_config *config, const llmc_config_node *node, const config_key *key, int64_t value, const char *unit, char *at)
{
    if (value < key->minimum || value > key->maximum)
        return llmc_config_fail(config, node, "\"%s\" is out of range: from %lld to %lld%s", key->name, (long long)key->minimum, (long long)key->maximum, unit);
    int32_t narrow = (int32_t)value;
    memcpy(at, key->width == sizeof narrow ? (void *)&narrow : (void *)&value, key->width);
    return LLMCOST_OK;
}

static llmcost_status read_integer(llmc_config *config, const llmc_config_node *node, const config_key *key, char *at)
{
    int64_t value;
    if (node->type != LLMC_JSON_NUMBER || !llmc_decimal(node->text, node->bytes, 0, &value))
        return llmc_config_fail(config, node, "\"%s\" must be a whole number from %lld to %lld", key->name, (long long)key->minimum, (long long)key->maximum);
    return store_integer(config, node, key, value, "", at);
}

static llmcost_status read_time(llmc_config *config, const llmc_config_node *node, const config_key *key, char *at)
{
    int64_t value;
    bool bare = key->kind == KEY_MILLISECONDS && node->type == LLMC_JSON_NUMBER;
    bool valid = bare ? llmc_decimal(node->text, node->bytes, 0, &value) : node->type == LLMC_JSON_STRING && llmc_config_duration(node->text, &value);
    if (!valid)
        return llmc_config_fail(config, node, "\"%s\" must be %sa duration with its unit, such as \"10m\", \"1h\" or \"250ms\"", key->name,
                                key->kind == KEY_MILLISECONDS ? "a whole number of milliseconds or " : "");
    return store_integer(config, node, key, value, " milliseconds", at);
}

static llmcost_status read_size(llmc_config *config, const llmc_config_node *node, const config_key *key, char *at)
{
    int64_t value;
    bool valid = node->type == LLMC_JSON_NUMBER ? llmc_decimal(node->text, node->bytes, 0, &value)
                                                : node->type == LLMC_JSON_STRING && llmc_config_size(node->text, &value);
    if (!valid)
        return llmc_config_fail(config, node, "\"%s\" must be a number of bytes or a size, such as \"64MB\" or \"512KB\"", key->name);
    return store_integer(config, node, key, value, " bytes", at);
}

static llmcost_status read_bool(llmc_config *config, const llmc_config_node *node, const config_key *key, char *at)
{
    if (node->type != LLMC_JSON_TRUE && node->type != LLMC_JSON_FALSE)
        return llmc_config_fail(config, node, "\"%s\" must be true or false", key->name);
    *(bool *)at = node->type == LLMC_JSON_TRUE;
    return LLMCOST_OK;
}

static llmcost_status read_text(llmc_config *config, const llmc_config_node *node, const config_key *key, char *at)
{
    if (node->type != LLMC_JSON_STRING)
        return llmc_config_fail(config, node, "\"%s\" must be a text", key->name);
    if ((int64_t)node->bytes < key->minimum || (int64_t)node->bytes > key->maximum)
        return llmc_config_fail(config, node, "\"%s\" has %lld to %lld bytes", key->name, (long long)key->minimum, (long long)key->maximum);
    if (key->kind != KEY_LONG_TEXT && !llmc_text_is_header_safe(node->text))
        return llmc_config_fail(config, node, "\"%s\" holds a control character", key->name);
    const char *copy = key->kind == KEY_PATH ? llmc_config_path(config, node->text) : llmc_arena_strdup(&config->settings->arena, node->text);
    memcpy(at, &copy, sizeof copy);
    return copy ? LLMCOST_OK : llmc_config_no_memory(config);
}

/* The ledger's currency stands in the settings itself, a provider's is a text. */
static llmcost_status read_currency(llmc_config *config, const llmc_config_node *node, const config_key *key, char *at)
{
    if (node->type != LLMC_JSON_STRING || !llmc_config_currency(node->text))
        return llmc_config_fail(config, node, "\"%s\" must be a currency of three capital letters, such as \"USD\"", key->name);
    if (key->width == sizeof(llmc_currency)) {
        memcpy(at, node->text, sizeof(llmc_currency));
        return LLMCOST_OK;
    }
    const char *copy = llmc_arena_strdup(&config->settings->arena, node->text);
    memcpy(at, &copy, sizeof copy);
    return copy ? LLMCOST_OK : llmc_config_no_memory(config);
}

static llmcost_status read_choice(llmc_config *config, const llmc_config_node *node, const config_key *key, char *at)
{
    int32_t index = 0;
    llmc_nearest nearest = { .word = node->text };
    char words[64], *rest = words, hint[LLMC_HINT_BYTES];
    snprintf(words, sizeof words, "%s", key->shape);
    for (char *word; node->type == LLMC_JSON_STRING && (word = strsep(&rest, "|")) != NULL; index++) {
        llmc_nearest_offer(&nearest, word);
        if (strcmp(word, node->text) != 0)
            continue;
        if (key->width == sizeof(bool))
            *(bool *)at = index != 0;
        else
            memcpy(at, &index, sizeof index);
        return LLMCOST_OK;
    }
    return llmc_config_fail(config, node, "\"%s\" must be one of %s%s", key->name, key->shape, llmc_nearest_hint(&nearest, hint));
}

static llmcost_status read_structure(llmc_config *config, const llmc_config_node *node, const config_key *key, char *at)
{
    (void)config, (void)node, (void)key, (void)at;
    return LLMCOST_OK;
}

static const struct kind {
    llmcost_status (*read)(llmc_config *config, const llmc_config_node *node, const config_key *key, char *at);
    const char *name; /* for the documentation */
} kinds[] = {
    [KEY_BOOL] = { read_bool, "true or false" },
    [KEY_INTEGER] = { read_integer, "number" },
    [KEY_MILLISECONDS] = { read_time, "milliseconds, or a duration" },
    [KEY_DURATION] = { read_time, "duration" },
    [KEY_SIZE] = { read_size, "size" },
    [KEY_TEXT] = { read_text, "text" },
    [KEY_LONG_TEXT] = { read_text, "text" },
    [KEY_PATH] = { read_text, "path" },
    [KEY_CURRENCY] = { read_currency, "currency" },
    [KEY_CHOICE] = { read_choice, NULL },
    [KEY_STRUCTURE] = { read_structure, NULL },
};

static const config_key *find_key(const struct section *section, const char *name)
{
    for (size_t i = 0; i < section->count; i++) {
        if (strcmp(section->keys[i].name, name) == 0)
            return &section->keys[i];
    }
    return NULL;
}

static llmcost_status unknown_key(llmc_config *config, const struct section *section, const llmc_config_node *node)
{
    llmc_nearest nearest = { .word = node->key };
    char hint[LLMC_HINT_BYTES], known[600];
    size_t length = 0;
    for (size_t i = 0; i < section->count; i++) {
        llmc_nearest_offer(&nearest, section->keys[i].name);
        length += (size_t)snprintf(known + length, sizeof known - length, "%s%s", i ? ", " : "", section->keys[i].name);
    }
    if (*llmc_nearest_hint(&nearest, hint))
        return llmc_config_fail(config, node, "unknown key \"%s\"%s", node->key, hint);
    return llmc_config_fail(config, node, "unknown key \"%.200s\"; the nearest is \"%s\" of: %s", node->key, nearest.best, known);
}

static llmcost_status read_default(llmc_config *config, const config_key *key, char *at)
{
    bool number = (key->kind == KEY_INTEGER || key->kind == KEY_MILLISECONDS);
    llmc_config_node node = { .type = number ? LLMC_JSON_NUMBER : LLMC_JSON_STRING, .key = key->name, .text = key->fallback, .bytes = strlen(key->fallback) };
    if (key->kind == KEY_BOOL)
        node.type = strcmp(key->fallback, "true") == 0 ? LLMC_JSON_TRUE : LLMC_JSON_FALSE;
    return kinds[key->kind].read(config, &node, key, at);
}

llmcost_status llmc_config_keys(llmc_config *config, llmc_config_section_id id, const llmc_config_node *object, void *target)
{
    const struct section *section = &sections[id];
    llmcost_status status = object ? llmc_config_expect(config, object, LLMC_JSON_OBJECT, "an object") : LLMCOST_OK;
    for (size_t i = 0; i < section->count && !status; i++) {
        const config_key *key = &section->keys[i];
        if (key->fallback && !(object && llmc_config_member(object, key->name)))
            status = read_default(config, key, (char *)target + key->offset);
    }
    for (const llmc_config_node *node = object ? object->first : NULL; node && !status; node = node->next) {
        const config_key *key = find_key(section, node->key);
        if (!key)
            return unknown_key(config, section, node);
        status = kinds[key->kind].read(config, node, key, (char *)target + key->offset);
    }
    return status;
}

/* ---- documenting ---- */

static void document_value(llmc_buffer *out, const config_key *key)
{
    const char *text = kinds[key->kind].name ? kinds[key->kind].name : key->shape;
    for (; *text; text++) /* a bar would end the cell */
        llmc_buffer_add_text(out, *text == '|' ? ", " : (char[]){ *text, '\0' });
    if (key->maximum && (key->kind == KEY_INTEGER || key->kind == KEY_MILLISECONDS))
        llmc_buffer_add_format(out, ", %lld to %lld", (long long)key->minimum, (long long)key->maximum);
}

static void document_key(llmc_buffer *out, const config_key *key)
{
    llmc_buffer_add_format(out, "| `%s` | ", key->name);
    document_value(out, key);
    llmc_buffer_add_text(out, " | ");
    if (key->fallback && !*key->fallback)
        llmc_buffer_add_text(out, "empty");
    else if (key->fallback)
        llmc_buffer_add_format(out, "`%s`", key->fallback);
    llmc_buffer_add_text(out, " | ");
    llmc_buffer_add_text(out, key->text);
    llmc_buffer_add_text(out, " |\n");
}

llmcost_status llmc_config_document(llmc_buffer *out)
{
    for (size_t i = 0; i < LLMC_SECTION_COUNT; i++) {
        const struct section *section = &sections[i];
        if (i)
            llmc_buffer_add_format(out, "\n### `%s`\n\n", section->name);
        llmc_buffer_add_format(out, "%s\n\n| key | value | default | meaning |\n|---|---|---|---|\n", section->text);
        for (size_t k = 0; k < section->count; k++)
            document_key(out, &section->keys[k]);
    }
    static const llmcost_status statuses[] = { LLMCOST_OK, LLMCOST_E_MEMORY, LLMCOST_E_TOO_LARGE };
    return statuses[out->failure];
}
