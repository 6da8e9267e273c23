/*
 * "key", "keys": what a provider is shown. Each is a text ("env:NAME", "file:PATH", "host:NAME" or the key itself) or a
 * pair of texts; without either the preset's usual variables are looked for. No message shows any of it.
 */
#include "client/config.h"

#include "provider/signing.h"
#include "provider/token.h"

#include <string.h>

enum { MAX_KEYS = 1000, MAX_KEY_BYTES = 16 << 10, MAX_KEY_FILE_BYTES = 64 << 10 };

/* What is wrong with a key, without showing it. */
static const char *flaw_of_key(const char *text, size_t bytes)
{
    if (!bytes)
        return "is empty";
    if (bytes > MAX_KEY_BYTES)
        return "is longer than 16 KB";
    if (text[0] == ' ' || text[bytes - 1] == ' ')
        return "begins or ends with a space";
    for (size_t i = 0; i < bytes; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            return "holds a control character, such as a newline";
        if ((unsigned char)text[i] > 0x7F)
            return "holds a character that is not ASCII";
    }
    return NULL;
}

/* The reading of one secret: whose it is, and how messages call it. */
typedef struct secret_reading {
    llmc_config *config;
    const llmc_config_node *node;
    const char *provider, *what; /* "key", "secret_key" */
} secret_reading;

static llmcost_status set(const secret_reading *in, llmc_secret *secret, const char *origin, const char *text, size_t bytes)
{
    const char *flaw = flaw_of_key(text, bytes);
    if (flaw)
        return llmc_config_fail(in->config, in->node, "provider \"%s\": the %s%.300s %s", in->provider, in->what, origin, flaw);
    return llmc_secret_set(secret, in->config->allocator, text, bytes) ? LLMCOST_OK : llmc_config_no_memory(in->config);
}

static llmcost_status set_from_file(const secret_reading *in, llmc_secret *secret, const char *path)
{
    const char *joined = llmc_config_path(in->config, path);
    if (!joined)
        return llmc_config_no_memory(in->config);
    llmc_buffer content;
    llmcost_status status = llmc_config_file(in->config, in->node, joined, MAX_KEY_FILE_BYTES, &content);
    size_t bytes = content.length;
    while (bytes && (content.data[bytes - 1] == '\n' || content.data[bytes - 1] == '\r'))
        bytes--;
    if (!status)
        status = set(in, secret, " in its file", content.data, bytes);
    llmc_wipe(content.data, content.length);
    llmc_buffer_free(&content);
    return status;
}

static llmcost_status set_from_node(const secret_reading *in, llmc_secret *secret)
{
    const llmc_config_node *node = in->node;
    if (node->type != LLMC_JSON_STRING)
        return llmc_config_fail(in->config, node, "provider \"%s\": a %s is a text: \"env:NAME\", \"file:PATH\" or the key itself", in->provider, in->what);
    if (strncmp(node->text, "file:", 5) == 0)
        return set_from_file(in, secret, node->text + 5);
    if (strncmp(node->text, "env:", 4) != 0)
        return set(in, secret, "", node->text, node->bytes);
    if (!node->text[4])
        return llmc_config_fail(in->config, node, "provider \"%s\": \"env:\" needs the name of a variable", in->provider);
    const char *value = llmc_config_variable(in->config, node->text + 4);
    if (!value)
        return llmc_config_fail(in->config, node, "provider \"%s\": the environment variable %.200s is not set", in->provider, node->text + 4);
    return set(in, secret, " in its environment variable", value, strlen(value));
}

/* ---- one credential ---- */

static llmcost_status read_pair(llmc_config *config, const llmc_config_node *object, const llmc_provider *provider, llmc_credential *out)
{
    struct { const char *name; llmc_secret *secret; bool needed; } halves[] = { { "access_key", &out->id, true }, { "secret_key", &out->key, true }, { "session_token", &out->session, false } };
    for (const llmc_config_node *node = object->first; node; node = node->next) {
        if (strcmp(node->key, "access_key") != 0 && strcmp(node->key, "secret_key") != 0 && strcmp(node->key, "session_token") != 0)
            return llmc_config_fail(config, node, "provider \"%s\": a pair has \"access_key\", \"secret_key\" and perhaps \"session_token\", not \"%.200s\"", provider->name, node->key);
    }
    for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++) {
        secret_reading in = { config, llmc_config_member(object, halves[i].name), provider->name, halves[i].name };
        if (!in.node && halves[i].needed)
            return llmc_config_fail(config, object, "provider \"%s\": a pair needs \"%s\"", provider->name, halves[i].name);
        llmcost_status status = in.node ? set_from_node(&in, halves[i].secret) : LLMCOST_OK;
        if (status)
            return status;
    }
    return LLMCOST_OK;
}

static llmcost_status read_credential(llmc_config *config, const llmc_config_node *node, llmc_provider *provider)
{
    llmc_credential *credential = &provider->credentials[provider->credential_count++]; /* counted first: what a failure leaves is wiped too */
    if (node->type == LLMC_JSON_OBJECT)
        return read_pair(config, node, provider, credential);
    if (node->type == LLMC_JSON_STRING && strncmp(node->text, "host:", 5) == 0) {
        credential->host = llmc_arena_strdup(&config->settings->arena, node->text + 5);
        if (!node->text[5])
            return llmc_config_fail(config, node, "provider \"%s\": \"host:\" needs the name of a callback", provider->name);
        return credential->host ? LLMCOST_OK : llmc_config_no_memory(config);
    }
    secret_reading in = { config, node, provider->name, "key" };
    return set_from_node(&in, &credential->key);
}

/* ---- what is usual ---- */

static llmcost_status make_room(llmc_config *config, llmc_provider *provider, size_t count)
{
    provider->credentials = llmc_arena_calloc(&config->settings->arena, count, sizeof *provider->credentials);
    return provider->credentials ? LLMCOST_OK : llmc_config_no_memory(config);
}

static bool wants_pair(const llmc_provider *provider)
{
    return provider->auth == LLMC_AUTH_BCE || provider->auth == LLMC_AUTH_OAUTH;
}

/* A pair for this way in goes before one that is for another. */
static const llmc_preset_pair *usual_pair(const llmc_config *config, const llmc_preset *preset, llmc_auth auth)
{
    const llmc_preset_pair *found = NULL;
    for (const llmc_preset_pair *pair = preset->pairs; pair && pair->id; pair++) {
        if (!llmc_config_variable(config, pair->id) || !llmc_config_variable(config, pair->secret))
            continue;
        if (pair->auth == auth)
            return pair;
        found = found ? found : pair;
    }
    return found;
}

static llmcost_status add_usual_pair(llmc_config *config, const llmc_config_node *node, llmc_provider *provider, const llmc_preset_pair *pair)
{
    llmcost_status status = make_room(config, provider, 1);
    if (status)
        return status;
    provider->credential_count = 1;
    if (!wants_pair(provider)) /* the config's word for it counts */
        provider->auth = pair->auth;
    const char *session = pair->session ? llmc_config_variable(config, pair->session) : NULL;
    struct { const char *what, *value; llmc_secret *secret; } halves[] = {
        { pair->id, llmc_config_variable(config, pair->id), &provider->credentials->id },
        { pair->secret, llmc_config_variable(config, pair->secret), &provider->credentials->key },
        { pair->session, session, &provider->credentials->session },
    };
    for (size_t i = 0; i < (session ? 3u : 2u) && !status; i++) {
        secret_reading in = { config, node, provider->name, halves[i].what };
        status = set(&in, halves[i].secret, " in the environment", halves[i].value, strlen(halves[i].value));
    }
    return status;
}

static llmcost_status add_usual_key(llmc_config *config, const llmc_config_node *node, llmc_provider *provider)
{
    const llmc_preset *preset = provider->preset;
    const char *const *variables = preset->key_variables;
    for (size_t i = 0; i < LLMC_PRESET_KEY_VARIABLES && variables[i] && !wants_pair(provider); i++) {
        const char *value = llmc_config_variable(config, variables[i]);
        if (!value)
            continue;
        secret_reading in = { config, node, provider->name, "key" };
        llmcost_status status = make_room(config, provider, 1);
        provider->credential_count = !status;
        return status ? status : set(&in, &provider->credentials->key, " in its usual environment variable", value, strlen(value));
    }
    const llmc_preset_pair *pair = usual_pair(config, preset, provider->auth);
    if (pair)
        return add_usual_pair(config, node, provider, pair);
    if (provider->auth == LLMC_AUTH_NONE_OR_BEARER || provider->loopback)
        return LLMCOST_OK;
    if (preset->pairs && (!variables[0] || wants_pair(provider)))
        return llmc_config_fail(config, node, "provider \"%s\" has no key: set %s and %s, or give it a \"key\"", provider->name, preset->pairs->id, preset->pairs->secret);
    return llmc_config_fail(config, node, "provider \"%s\" has no key: set the environment variable %s, or give it a \"key\"", provider->name,
                            variables[0] ? variables[0] : "that you name in \"key\"");
}

bool llmc_config_has_usual_key(const llmc_config *config, const llmc_preset *preset)
{
    for (size_t i = 0; i < LLMC_PRESET_KEY_VARIABLES && preset->key_variables[i]; i++)
        if (llmc_config_variable(config, preset->key_variables[i]))
            return true;
    return usual_pair(config, preset, preset->auth) != NULL;
}

/* ---- the lot ---- */

/* "id.secret" */
static bool is_dotted(const char *key)
{
    const char *dot = strchr(key, '.');
    return dot && dot != key && dot[1] && !strchr(dot + 1, '.');
}

/* A pair is of use only where something is signed with it, and a JWT needs both halves in its key. */
static llmcost_status check_credential(llmc_config *config, const llmc_config_node *node, const llmc_provider *provider, const llmc_credential *credential)
{
    bool pair = credential->id.bytes > 0, signs = provider->auth == LLMC_AUTH_AWS || provider->auth == LLMC_AUTH_BCE || provider->auth == LLMC_AUTH_OAUTH;
    if (pair && !signs)
        return llmc_config_fail(config, node, "provider \"%s\" takes one key, not a pair; or say \"auth\": \"aws\", \"bce\" or \"oauth\"", provider->name);
    if (!pair && wants_pair(provider))
        return llmc_config_fail(config, node, "provider \"%s\": this \"auth\" needs a pair: {\"access_key\": ..., \"secret_key\": ...}", provider->name);
    if (pair && provider->auth == LLMC_AUTH_AWS && !provider->region)
        return llmc_config_fail(config, node, "provider \"%s\" signs with its pair, and for that needs a \"region\"", provider->name);
    if (pair && (credential->id.bytes > LLMC_SIGNING_KEY_MAXIMUM || credential->key.bytes > LLMC_SIGNING_KEY_MAXIMUM))
        return llmc_config_fail(config, node, "provider \"%s\": each half of a pair has at most %d bytes", provider->name, LLMC_SIGNING_KEY_MAXIMUM);
    if (provider->auth == LLMC_AUTH_JWT && !credential->host && !is_dotted(llmc_secret_reveal(&credential->key)))
        return llmc_config_fail(config, node, "provider \"%s\": \"auth\": \"jwt\" needs a key of the form id.secret", provider->name);
    return LLMCOST_OK;
}

/* What is exchanged or handed out is kept beside the credential. */
static llmcost_status keep_tokens(llmc_config *config, const llmc_provider *provider, llmc_credential *credential)
{
    if (!credential->host && !wants_pair(provider))
        return LLMCOST_OK;
    llmc_token *token = llmc_arena_calloc(&config->settings->arena, 1, sizeof *token);
    if (!token || !llmc_token_open(token, config->allocator))
        return llmc_config_no_memory(config);
    credential->token = token;
    return LLMCOST_OK;
}

/* The exchange is a provider of its own: another host, another format, the same limits and the same credentials. */
static llmcost_status make_exchange(llmc_config *config, const llmc_config_node *object, llmc_provider *provider)
{
    const llmc_preset *preset = llmc_preset_of_exchange(provider->auth);
    llmc_provider *exchange = llmc_arena_calloc(&config->settings->arena, 1, sizeof *exchange);
    llmc_route *route = llmc_arena_calloc(&config->settings->arena, 1, sizeof *route);
    if (!exchange || !route)
        return llmc_config_no_memory(config);
    *exchange = *provider;
    exchange->preset = preset;
    exchange->codec = preset->codec;
    exchange->base_url = provider->token_url;
    exchange->api_version = NULL;
    exchange->header_count = 0;
    llmcost_status status = llmc_config_base_url(config, object ? llmc_config_member(object, "token_url") : NULL, exchange);
    llmc_config_keep_loopback_local(exchange);
    *route = (llmc_route){ .kind = LLMC_ROUTE_LEAF, .name = provider->name, .leaf_count = 1, .provider = exchange, .model = "" };
    provider->exchange = route;
    return status ? status : llmc_config_check_plain_http(config, object, exchange);
}

llmcost_status llmc_config_credentials(llmc_config *config, const llmc_config_node *object, llmc_provider *provider)
{
    const llmc_config_node *one = object ? llmc_config_member(object, "key") : NULL, *several = object ? llmc_config_member(object, "keys") : NULL;
    if (one && several)
        return llmc_config_fail(config, several, "provider \"%s\" has both \"key\" and \"keys\"; give one of them", provider->name);
    if (several && (several->type != LLMC_JSON_ARRAY || !several->count || several->count > MAX_KEYS))
        return llmc_config_fail(config, several, "provider \"%s\": \"keys\" must be a list of 1 to %d keys", provider->name, MAX_KEYS);
    llmcost_status status = one || several ? make_room(config, provider, several ? several->count : 1) : add_usual_key(config, object, provider);
    const llmc_config_node *node = several ? several->first : one;
    for (; node && !status; node = several ? node->next : NULL) {
        /* A pair says what it is for: at a host that takes keys and pairs alike, the pair's own way in. */
        if (node->type == LLMC_JSON_OBJECT && provider->preset->pairs && provider->auth == provider->preset->auth)
            provider->auth = provider->preset->pairs->auth;
        status = read_credential(config, node, provider);
    }
    for (size_t i = 0; i < provider->credential_count && !status; i++) {
        status = check_credential(config, several ? several : one ? one : object, provider, &provider->credentials[i]);
        if (!status)
            status = keep_tokens(config, provider, &provider->credentials[i]);
    }
    if (!status && wants_pair(provider))
        status = make_exchange(config, object, provider);
    return status;
}
