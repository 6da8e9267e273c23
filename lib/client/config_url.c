/*
 * A provider's base URL: parsed by libcurl, so that what is checked here is what libcurl will connect to. No message
 * holds the URL itself: it may carry a password.
 */
#include "client/config.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>

/* This machine and no other. Names are not resolved: only the one that is loopback by definition counts. */
static bool is_loopback(const char *host)
{
    struct in_addr four;
    struct in6_addr six;
    char bare[64];
    size_t bytes = strlen(host);
    if (llmc_text_equal_ignoring_case(host, "localhost"))
        return true;
    if (inet_pton(AF_INET, host, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    if (bytes < 3 || bytes >= sizeof bare || host[0] != '[')
        return false;
    memcpy(bare, host + 1, bytes - 2);
    bare[bytes - 2] = '\0';
    return inet_pton(AF_INET6, bare, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static bool has_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool found = curl_url_get(url, part, &text, 0) == CURLUE_OK;
    curl_free(text);
    return found;
}

/* libcurl forgives "http:/host" and "https:///path", and takes what is no host for one; nobody listens on port 0. */
static bool names_host(CURLU *url, const char *text)
{
    const char *host = strchr(text, ':');
    char *port = NULL;
    bool has_zero = curl_url_get(url, CURLUPART_PORT, &port, 0) == CURLUE_OK && strcmp(port, "0") == 0;
    curl_free(port);
    return host && strncmp(host, "://", 3) == 0 && host[3] != '/' && !has_zero;
}

/* Scheme and host in lower case, no slash at the end: one server has one spelling, and so one fingerprint. */
static char *normalised(llmc_arena *arena, const char *url, const char *path)
{
    size_t bytes = strlen(url), authority = (size_t)(strstr(url, "://") - url) + 3;
    while (url[bytes - 1] == '/')
        bytes--;
    char *text = llmc_arena_alloc(arena, bytes + strlen(path) + 1);
    if (!text)
        return NULL;
    authority += strcspn(url + authority, "/");
    for (size_t i = 0; i < bytes; i++)
        text[i] = (char)(i < authority && url[i] >= 'A' && url[i] <= 'Z' ? url[i] - 'A' + 'a' : url[i]);
    strcpy(text + bytes, path);
    return text;
}

/* A server's address alone gets the path that its kind of server has: ollama at http://127.0.0.1:11434 answers under /v1. */
static const char *missing_path(const llmc_preset *preset, const char *text)
{
    const char *host = strstr(text, "://"), *usual = preset->base_url ? strstr(preset->base_url, "://") : NULL;
    const char *path = usual ? strchr(usual + 3, '/') : NULL;
    return path && host && !strchr(path, '{') && !strchr(host + 3, '/') ? path : "";
}

/* A host of exchanges has its own key. */
static const char *key_of(const llmc_provider *provider)
{
    return provider->preset == llmc_preset_of_exchange(provider->auth) ? "token_url" : "base_url";
}

static llmcost_status check_parts(llmc_config *config, const llmc_config_node *node, const llmc_provider *provider, CURLU *url)
{
    const char *key = key_of(provider), *name = provider->name;
    if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD))
        return llmc_config_fail(config, node, "the %s of provider \"%s\" must not hold a user name or password; use \"key\"", key, name);
    if (has_part(url, CURLUPART_QUERY) || has_part(url, CURLUPART_FRAGMENT))
        return llmc_config_fail(config, node, "the %s of provider \"%s\" must not hold a query or a fragment", key, name);
    char *scheme = NULL;
    bool accepted = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                    (llmc_text_equal_ignoring_case(scheme, "http") || llmc_text_equal_ignoring_case(scheme, "https"));
    curl_free(scheme);
    return accepted ? LLMCOST_OK : llmc_config_fail(config, node, "the %s of provider \"%s\" must begin with http:// or https://", key, name);
}

static llmcost_status take_url(llmc_config *config, const llmc_config_node *node, llmc_provider *provider, CURLU *url, const char *text)
{
    if (!llmc_text_is_header_safe(text))
        return llmc_config_fail(config, node, "the %s of provider \"%s\" holds a control character", key_of(provider), provider->name);
    /* Encoded as it will be sent: a signature covers it. */
    CURLUcode code = curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE);
    if (code == CURLUE_OUT_OF_MEMORY)
        return llmc_config_no_memory(config);
    llmcost_status status = code == CURLUE_OK ? check_parts(config, node, provider, url) : LLMCOST_OK;
    if (status)
        return status;
    if (code != CURLUE_OK || !names_host(url, text))
        return llmc_config_fail(config, node, "the %s of provider \"%s\" is no URL such as https://host/v1", key_of(provider), provider->name);
    char *whole = NULL, *host = NULL, *copy = NULL;
    if (curl_url_get(url, CURLUPART_URL, &whole, CURLU_NO_DEFAULT_PORT) == CURLUE_OK && curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        copy = normalised(&config->settings->arena, whole, missing_path(provider->preset, text));
        provider->loopback = is_loopback(host);
    }
    curl_free(whole);
    curl_free(host);
    if (!copy)
        return llmc_config_no_memory(config);
    provider->base_url = copy;
    return LLMCOST_OK;
}

/* ---- where it comes from ---- */

static const char *setting_of(const llmc_provider *provider, const char *name)
{
    const struct { const char *name, *value; } settings[] = {
        { "resource", provider->resource }, { "region", provider->region }, { "project", provider->project }, { "location", provider->location },
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (strcmp(settings[i].name, name) == 0)
            return settings[i].value;
    return NULL;
}

static void take_setting(llmc_provider *provider, const char *name, const char *value)
{
    struct { const char *name, **at; } settings[] = {
        { "resource", &provider->resource }, { "region", &provider->region }, { "project", &provider->project }, { "location", &provider->location },
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (strcmp(settings[i].name, name) == 0)
            *settings[i].at = value;
}

/* From the config, else the environment, else the preset's own; it becomes a part of a host's name or a path. */
static llmcost_status read_setting(llmc_config *config, const llmc_config_node *object, llmc_provider *provider, const llmc_preset_setting *setting, bool needed)
{
    const char *value = setting_of(provider, setting->name);
    for (size_t i = 0; i < 3 && setting->variables[i] && !value; i++)
        value = llmc_config_variable(config, setting->variables[i]);
    if (!value)
        value = setting->otherwise;
    if (!value && needed)
        return llmc_config_fail(config, object, "provider \"%s\" needs a \"%s\", or the environment variable %s", provider->name, setting->name, setting->variables[0]);
    if (!value)
        return LLMCOST_OK;
    if (!*value || strlen(value) > 200 || value[strspn(value, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.-")])
        return llmc_config_fail(config, object, "provider \"%s\": its \"%s\" is made of letters, digits, \"_\", \".\" and \"-\"", provider->name, setting->name);
    const char *copy = llmc_arena_strdup(&config->settings->arena, value);
    if (!copy)
        return llmc_config_no_memory(config);
    take_setting(provider, setting->name, copy);
    return LLMCOST_OK;
}

/* "{region}" becomes the region. */
static llmcost_status fill_in(llmc_config *config, const llmc_provider *provider, const char *pattern, llmc_buffer *out)
{
    while (*pattern) {
        size_t plain = strcspn(pattern, "{"), name = pattern[plain] ? strcspn(pattern + plain, "}") : 0;
        char word[32] = "";
        llmc_buffer_add(out, pattern, plain);
        if (!name)
            break;
        strncat(word, pattern + plain + 1, name - 1 < sizeof word ? name - 1 : sizeof word - 1);
        const char *value = setting_of(provider, word);
        llmc_buffer_add_text(out, value ? value : "");
        pattern += plain + name + 1;
    }
    return llmc_buffer_text(out) ? LLMCOST_OK : llmc_config_no_memory(config);
}

static const char *pattern_of(const llmc_provider *provider)
{
    for (const llmc_preset_place *place = provider->preset->places; place && place->setting; place++) {
        const char *value = setting_of(provider, place->setting);
        if (value && strcmp(value, place->value) == 0)
            return place->base_url;
    }
    return provider->preset->base_url;
}

/* Where ":port" begins; an IPv6 address without brackets has none. */
static size_t port_at(const char *host, size_t bytes)
{
    const char *bracket = memchr(host, ']', bytes), *from = bracket ? bracket : host, *end = host + bytes;
    const char *colon = memchr(from, ':', (size_t)(end - from));
    bool bare_address = colon && !bracket && memchr(colon + 1, ':', (size_t)(end - colon - 1));
    return colon && !bare_address ? (size_t)(colon - host) : bytes;
}

/* What a server was told to listen on: "everywhere" is found here, and where nothing but a name is told, it has its usual port. */
static void complete_listener(const llmc_preset *preset, const char *host, size_t bytes, bool has_scheme, llmc_buffer *out)
{
    static const struct { const char *written, *meant; } everywhere[] = { { "", "127.0.0.1" }, { "0.0.0.0", "127.0.0.1" }, { "[::]", "[::1]" }, { "::", "[::1]" } };
    size_t name = port_at(host, bytes), i = 0, count = sizeof everywhere / sizeof everywhere[0];
    while (i < count && (strlen(everywhere[i].written) != name || memcmp(everywhere[i].written, host, name) != 0))
        i++;
    if (i < count)
        llmc_buffer_add_text(out, everywhere[i].meant);
    else if (host[0] != '[' && memchr(host, ':', name))
        llmc_buffer_add_format(out, "[%.*s]", (int)name, host);
    else
        llmc_buffer_add(out, host, name);
    if (name < bytes)
        llmc_buffer_add(out, host + name, bytes - name);
    else if (!has_scheme)
        llmc_buffer_add_text(out, strrchr(preset->base_url, ':'));
}

/* A variable of another program may name a host without a scheme or a port, or the address that a server listens on. */
static void complete(const llmc_preset *preset, const char *value, llmc_buffer *out)
{
    const char *scheme_end = strstr(value, "://"), *host = scheme_end ? scheme_end + 3 : value;
    size_t bytes = strcspn(host, "/");
    if (scheme_end)
        llmc_buffer_add(out, value, (size_t)(host - value));
    else
        llmc_buffer_add_text(out, "http://");
    if (preset->free_of_charge)
        complete_listener(preset, host, bytes, scheme_end != NULL, out);
    else
        llmc_buffer_add(out, host, bytes);
    if (host[bytes + strspn(host + bytes, "/")]) /* slashes alone are no path of its own */
        llmc_buffer_add_text(out, host + bytes);
}

bool llmc_config_has_base_url(const llmc_config *config, const llmc_preset *preset)
{
    if (preset->base_url_variable && llmc_config_variable(config, preset->base_url_variable))
        return true;
    for (const llmc_preset_setting *setting = preset->settings; setting && setting->name; setting++) {
        bool found = setting->otherwise != NULL;
        for (size_t i = 0; i < 3 && setting->variables[i]; i++)
            found = found || llmc_config_variable(config, setting->variables[i]);
        if (!found)
            return false;
    }
    return preset->base_url != NULL;
}

static llmcost_status find_url(llmc_config *config, const llmc_config_node *object, llmc_provider *provider, llmc_buffer *out)
{
    const llmc_preset *preset = provider->preset;
    const char *variable = preset->base_url_variable && !provider->base_url ? llmc_config_variable(config, preset->base_url_variable) : NULL;
    llmcost_status status = LLMCOST_OK;
    for (const llmc_preset_setting *setting = preset->settings; setting && setting->name && !status; setting++)
        status = read_setting(config, object, provider, setting, !provider->base_url && !variable);
    if (status)
        return status;
    if (provider->base_url)
        llmc_buffer_add_text(out, provider->base_url);
    else if (variable)
        complete(preset, variable, out);
    else if (preset->base_url)
        return fill_in(config, provider, pattern_of(provider), out);
    else
        return llmc_config_fail(config, object, "provider \"%s\" needs a \"base_url\"", provider->name);
    return llmc_buffer_text(out) ? LLMCOST_OK : llmc_config_no_memory(config);
}

/* Azure's classic form lies beside the newer one, not below it. */
static void leave_version(llmc_provider *provider)
{
    size_t bytes = strlen(provider->base_url);
    char *url = (char *)provider->base_url;
    if (provider->api_version && bytes > 10 && strcmp(url + bytes - 10, "/openai/v1") == 0)
        url[bytes - 3] = '\0';
}

llmcost_status llmc_config_base_url(llmc_config *config, const llmc_config_node *object, llmc_provider *provider)
{
    const llmc_config_node *node = object ? llmc_config_member(object, "base_url") : NULL;
    llmc_buffer text;
    CURLU *url = curl_url();
    if (!url)
        return llmc_config_no_memory(config);
    llmc_buffer_init(&text, config->allocator, 1 << 16);
    llmcost_status status = find_url(config, object, provider, &text);
    if (!status)
        status = take_url(config, node ? node : object, provider, url, text.data);
    if (!status)
        leave_version(provider);
    llmc_buffer_free(&text);
    curl_url_cleanup(url);
    return status;
}
