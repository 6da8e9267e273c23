/* "providers": presets with the config's keys, base URL and limits laid over them; or, without a config, the environment's. */
#include "client/config.h"

#include "base/text.h"

#include <string.h>

/* ---- headers and quirks ---- */

static bool is_token(const char *text)
{
    return *text && text[strspn(text, "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")] == '\0';
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++) {
        if (llmc_text_equal_ignoring_case(name, *names))
            return true;
    }
    return false;
}

static llmcost_status read_header(llmc_config *config, const llmc_config_node *node, const llmc_provider *provider, const char **out)
{
    static const char *const ours[] = { "content-length", "transfer-encoding", "connection", "content-type", "accept-encoding", "expect", NULL };
    if (!is_token(node->key))
        return llmc_config_fail(config, node, "provider \"%s\": this is no name of an HTTP header", provider->name);
    if (is_one_of(node->key, ours))
        return llmc_config_fail(config, node, "provider \"%s\": the header %s is the library's own", provider->name, node->key);
    if (node->type != LLMC_JSON_STRING || node->bytes > 8000 || !llmc_text_is_header_safe(node->text))
        return llmc_config_fail(config, node, "provider \"%s\": the header %s must be a text of at most 8,000 bytes without control characters",
                                provider->name, node->key);
    if (llmc_text_equal_ignoring_case(node->key, "host") && !node->text[strspn(node->text, " ")]) /* of an empty header libcurl sends none */
        return llmc_config_fail(config, node, "provider \"%s\": the header %s is empty: give it a value, or leave it out", provider->name, node->key);
    size_t name = strlen(node->key);
    char *line = llmc_arena_alloc(&config->settings->arena, name + 2 + node->bytes + 1);
    if (!line)
        return llmc_config_no_memory(config);
    memcpy(line, node->key, name);
    memcpy(line + name, ": ", 2);
    memcpy(line + name + 2, node->text, node->bytes + 1);
    *out = line;
    return LLMCOST_OK;
}

static llmcost_status read_headers(llmc_config *config, const llmc_config_node *headers, llmc_provider *provider)
{
    if (!headers)
        return LLMCOST_OK;
    llmcost_status status = llmc_config_expect(config, headers, LLMC_JSON_OBJECT, "an object of names and values");
    if (!status && headers->count > LLMC_PROVIDER_HEADERS)
        return llmc_config_fail(config, headers, "provider \"%s\": at most %d \"headers\"", provider->name, LLMC_PROVIDER_HEADERS);
    const char **lines = llmc_arena_calloc(&config->settings->arena, headers->count + 1, sizeof *lines);
    if (!status && !lines)
        return llmc_config_no_memory(config);
    for (const llmc_config_node *node = headers->first; node && !status; node = node->next)
        status = read_header(config, node, provider, &lines[provider->header_count++]);
    provider->headers = lines;
    return status;
}

static llmcost_status read_quirks(llmc_config *config, const llmc_config_node *quirks, llmc_provider *provider)
{
#define QUIRK_NAME(name, text) text,
    static const char *const names[] = { LLMC_QUIRK_LIST(QUIRK_NAME) };
#undef QUIRK_NAME
    llmcost_status status = quirks ? llmc_config_expect(config, quirks, LLMC_JSON_OBJECT, "an object of names and true or false") : LLMCOST_OK;
    for (const llmc_config_node *node = quirks ? quirks->first : NULL; node && !status; node = node->next) {
        uint64_t quirk = llmc_quirk_find(node->key);
        llmc_nearest nearest = { .word = node->key };
        char hint[LLMC_HINT_BYTES];
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            llmc_nearest_offer(&nearest, names[i]);
        if (!quirk)
            return llmc_config_fail(config, node, "unknown quirk \"%.200s\"%s", node->key, llmc_nearest_hint(&nearest, hint));
        if (node->type != LLMC_JSON_TRUE && node->type != LLMC_JSON_FALSE)
            return llmc_config_fail(config, node, "\"%s\" must be true or false", node->key);
        provider->quirks = node->type == LLMC_JSON_TRUE ? provider->quirks | quirk : provider->quirks & ~quirk;
    }
    return status;
}

/* ---- one provider ---- */

static llmcost_status unknown_preset(llmc_config *config, const llmc_config_node *node, const char *what, const char *word)
{
    llmc_nearest nearest = { .word = word };
    char hint[LLMC_HINT_BYTES];
    for (size_t i = 0; i < llmc_preset_count(); i++)
        llmc_nearest_offer(&nearest, llmc_preset_at(i)->name);
    return llmc_config_fail(config, node, "%s \"%.200s\"%s", what, word, llmc_nearest_hint(&nearest, hint));
}

static llmcost_status find_preset(llmc_config *config, const llmc_config_node *object, llmc_provider *provider)
{
    const llmc_config_node *node = llmc_config_member(object, "preset");
    if (node && node->type != LLMC_JSON_STRING)
        return llmc_config_fail(config, node, "\"preset\" must be a text");
    provider->preset = llmc_preset_find(node ? node->text : provider->name);
    if (provider->preset)
        return LLMCOST_OK;
    if (node)
        return unknown_preset(config, node, "unknown preset", node->text);
    provider->preset = llmc_preset_find("openai-compatible");
    return llmc_config_member(object, "base_url") ? LLMCOST_OK : unknown_preset(config, object, "a \"preset\" or \"base_url\" is needed for provider", provider->name);
}

static void take_preset(llmc_provider *provider)
{
    enum { LOCAL_CHECK_MS = 10000 };
    const llmc_preset *preset = provider->preset;
    provider->codec = preset->codec;
    provider->auth = preset->auth;
    provider->catalog = llmc_preset_catalog(preset);
    provider->currency = preset->currency;
    provider->quirks = preset->quirks;
    provider->free_of_charge = preset->free_of_charge;
    provider->health_check_ms = preset->free_of_charge ? LOCAL_CHECK_MS : 0;
}

/* ---- breakers and retries ---- */

/* Over what is there: the defaults, or the root's. */
llmcost_status llmc_config_breaker(llmc_config *config, const llmc_config_node *node, llmc_breaker_rules *rules)
{
    rules->off = node && node->type == LLMC_JSON_FALSE;
    if (!node || rules->off)
        return LLMCOST_OK;
    if (node->type != LLMC_JSON_OBJECT)
        return llmc_config_fail(config, node, "\"breaker\" must be an object, or false");
    return llmc_config_keys_over(config, LLMC_SECTION_BREAKER, node, rules);
}

/* What a provider's calls share, and the root's rules with its own over them. */
static llmcost_status read_resilience(llmc_config *config, const llmc_config_node *object, llmc_provider *provider)
{
    const llmc_config_node *own = object ? llmc_config_member(object, "breaker") : NULL;
    provider->breaker = config->settings->breaker;
    if (provider->retry_permille) {
        provider->retry_stock = llmc_arena_alloc(&config->settings->arena, sizeof *provider->retry_stock);
        if (!provider->retry_stock)
            return llmc_config_no_memory(config);
        atomic_init(provider->retry_stock, LLMC_RETRY_STOCK);
    }
    return own ? llmc_config_breaker(config, own, &provider->breaker) : LLMCOST_OK;
}

/* ---- the rest of one ---- */

/* Older configs give Ollama's door for the OpenAI dialect, which lies under /v1, to what is now the preset of its own format. */
static llmcost_status find_door(llmc_config *config, const llmc_config_node *object, llmc_provider *provider)
{
    llmcost_status status = llmc_config_base_url(config, object, provider);
    size_t bytes = status ? 0 : strlen(provider->base_url);
    if (provider->codec != &llmc_codec_ollama || bytes < 3 || strcmp(provider->base_url + bytes - 3, "/v1") != 0)
        return status;
    const llmc_preset *door = llmc_preset_find("ollama-openai");
    provider->codec = door->codec;
    provider->quirks = door->quirks;
    return status;
}

static llmcost_status unknown_codec(llmc_config *config, const llmc_config_node *node)
{
    char names[200] = "";
    for (size_t i = 0; llmc_codec_at(i); i++) {
        strncat(names, i ? ", " : "", sizeof names - strlen(names) - 1);
        strncat(names, llmc_codec_at(i)->name, sizeof names - strlen(names) - 1);
    }
    return llmc_config_fail(config, node, "\"codec\" must be one of %s", names);
}

static llmcost_status read_codec(llmc_config *config, const llmc_config_node *node, llmc_provider *provider)
{
    if (!node)
        return LLMCOST_OK;
    const llmc_codec *codec = node->type == LLMC_JSON_STRING ? llmc_codec_find(node->text) : NULL;
    if (!codec)
        return unknown_codec(config, node);
    provider->codec = codec;
    return LLMCOST_OK;
}

static llmcost_status read_auth(llmc_config *config, const llmc_config_node *node, llmc_provider *provider)
{
    static const struct { const char *name; llmc_auth auth; } ways[] = {
        { "bearer", LLMC_AUTH_BEARER }, { "x-api-key", LLMC_AUTH_X_API_KEY }, { "api-key", LLMC_AUTH_API_KEY }, { "x-goog-api-key", LLMC_AUTH_X_GOOG_API_KEY },
        { "aws", LLMC_AUTH_AWS }, { "jwt", LLMC_AUTH_JWT }, { "bce", LLMC_AUTH_BCE }, { "oauth", LLMC_AUTH_OAUTH },
    };
    if (!node)
        return LLMCOST_OK;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0] && node->type == LLMC_JSON_STRING; i++) {
        provider->auth = ways[i].auth;
        if (strcmp(ways[i].name, node->text) == 0)
            return LLMCOST_OK;
    }
    return llmc_config_fail(config, node, "\"auth\" must be one of bearer, x-api-key, api-key, x-goog-api-key, aws, jwt, bce, oauth");
}

/* Deployments and endpoints have names of the customer's own: what they are decides what they cost. */
static llmcost_status read_models(llmc_config *config, const llmc_config_node *models, llmc_provider *provider)
{
    llmcost_status status = models ? llmc_config_expect(config, models, LLMC_JSON_OBJECT, "an object of names and models") : LLMCOST_OK;
    if (!models || status)
        return status;
    llmc_model_alias *list = llmc_arena_calloc(&config->settings->arena, models->count + 1, sizeof *list);
    if (!list)
        return llmc_config_no_memory(config);
    for (const llmc_config_node *node = models->first; node && !status; node = node->next) {
        llmc_model_alias *alias = &list[provider->model_count++];
        status = llmc_config_key_name(config, node, &alias->name);
        if (!status)
            status = llmc_config_name(config, node, &alias->model);
    }
    provider->models = list;
    return status;
}

/*
 * The way to this machine leads through no proxy unless the config names one: an http_proxy of the environment would be
 * handed the key, and would look for the server on its own machine.
 */
void llmc_config_keep_loopback_local(llmc_provider *provider)
{
    if (provider->loopback && !provider->proxy)
        provider->proxy = "";
}

llmcost_status llmc_config_check_plain_http(llmc_config *config, const llmc_config_node *node, const llmc_provider *provider)
{
    static const char *const credentials[] = { "authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "proxy-authorization", NULL };
    bool secret = provider->credential_count > 0;
    for (size_t i = 0; i < provider->header_count; i++) {
        char name[32] = "";
        strncat(name, provider->headers[i], strcspn(provider->headers[i], ":") < sizeof name ? strcspn(provider->headers[i], ":") : 0);
        secret = secret || is_one_of(name, credentials);
    }
    bool stays_here = provider->loopback && !*provider->proxy;
    if (!secret || stays_here || provider->allow_plain_http_key || strncmp(provider->base_url, "http://", 7) != 0)
        return LLMCOST_OK;
    if (provider->loopback)
        return llmc_config_fail(config, node, "provider \"%s\" would send its key over plain http to its \"proxy\": say \"proxy\": \"\", or "
                                              "\"send_key_over_plain_http\": true", provider->name);
    return llmc_config_fail(config, node, "provider \"%s\" would send its key over plain http: use https, or say \"send_key_over_plain_http\": true", provider->name);
}

/* Of two headers of one name a host takes either, or neither. */
static llmcost_status check_shown_once(llmc_config *config, const llmc_config_node *headers, const llmc_provider *provider)
{
    const char *shown = provider->auth == LLMC_AUTH_X_API_KEY ? "x-api-key" : provider->auth == LLMC_AUTH_API_KEY ? "api-key" :
                        provider->auth == LLMC_AUTH_X_GOOG_API_KEY ? "x-goog-api-key" : "authorization";
    if (!headers || !provider->credential_count)
        return LLMCOST_OK;
    for (const llmc_config_node *node = headers->first; node; node = node->next) {
        if (llmc_text_equal_ignoring_case(node->key, shown))
            return llmc_config_fail(config, node, "provider \"%s\": the header %s is where its key goes: leave one of them out", provider->name, node->key);
    }
    return LLMCOST_OK;
}

static llmcost_status read_provider(llmc_config *config, const llmc_config_node *object, llmc_provider *provider)
{
    if (!is_token(provider->name) || provider->name[strspn(provider->name, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.-")])
        return llmc_config_fail(config, object, "the name of a provider is made of letters, digits, \"_\", \".\" and \"-\"");
    llmcost_status status = llmc_config_expect(config, object, LLMC_JSON_OBJECT, "an object");
    if (!status)
        status = find_preset(config, object, provider);
    if (status)
        return status;
    take_preset(provider);
    status = llmc_config_keys(config, LLMC_SECTION_PROVIDER, object, provider);
    if (!status)
        status = read_resilience(config, object, provider);
    if (!status)
        status = find_door(config, object, provider);
    if (!status)
        status = read_codec(config, llmc_config_member(object, "codec"), provider);
    if (!status)
        status = read_quirks(config, llmc_config_member(object, "quirks"), provider);
    if (!status)
        status = read_headers(config, llmc_config_member(object, "headers"), provider);
    if (!status)
        status = read_auth(config, llmc_config_member(object, "auth"), provider);
    if (!status)
        status = read_models(config, llmc_config_member(object, "models"), provider);
    if (!status)
        status = llmc_config_limits(config, llmc_config_member(object, "limits"), provider);
    if (!status)
        status = llmc_config_credentials(config, object, provider);
    if (!status)
        status = check_shown_once(config, llmc_config_member(object, "headers"), provider);
    if (!status)
        llmc_config_keep_loopback_local(provider);
    return status ? status : llmc_config_check_plain_http(config, object, provider);
}

llmcost_status llmc_config_providers(llmc_config *config, const llmc_config_node *providers)
{
    llmc_settings *settings = config->settings;
    if (!providers)
        return LLMCOST_OK;
    llmcost_status status = llmc_config_expect(config, providers, LLMC_JSON_OBJECT, "an object of names and providers");
    settings->providers = llmc_arena_calloc(&settings->arena, providers->count + 1, sizeof *settings->providers);
    if (!status && !settings->providers)
        return llmc_config_no_memory(config);
    for (const llmc_config_node *node = providers->first; node && !status; node = node->next) {
        llmc_provider *provider = &settings->providers[settings->provider_count++];
        status = llmc_config_key_name(config, node, &provider->name);
        if (!status)
            status = read_provider(config, node, provider);
    }
    return status;
}

llmcost_status llmc_config_providers_of_environment(llmc_config *config)
{
    llmc_settings *settings = config->settings;
    settings->providers = llmc_arena_calloc(&settings->arena, llmc_preset_count() + 1, sizeof *settings->providers);
    if (!settings->providers)
        return llmc_config_no_memory(config);
    llmcost_status status = LLMCOST_OK;
    for (size_t i = 0; i < llmc_preset_count() && !status; i++) {
        const llmc_preset *preset = llmc_preset_at(i);
        if (preset->auth == LLMC_AUTH_NONE_OR_BEARER || !llmc_config_has_usual_key(config, preset) || !llmc_config_has_base_url(config, preset))
            continue;
        llmc_provider *provider = &settings->providers[settings->provider_count++];
        *provider = (llmc_provider){ .name = preset->name, .preset = preset };
        take_preset(provider);
        status = llmc_config_keys(config, LLMC_SECTION_PROVIDER, NULL, provider);
        if (!status)
            status = read_resilience(config, NULL, provider);
        if (!status)
            status = llmc_config_base_url(config, NULL, provider);
        if (!status)
            status = llmc_config_credentials(config, NULL, provider);
        llmc_config_keep_loopback_local(provider);
        if (!status)
            status = llmc_config_check_plain_http(config, NULL, provider);
    }
    return status;
}
