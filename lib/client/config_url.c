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
    return path && host && !strchr(host + 3, '/') ? path : "";
}

static llmcost_status check_parts(llmc_config *config, const llmc_config_node *node, const char *name, CURLU *url)
{
    if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD))
        return llmc_config_fail(config, node, "the base_url of provider \"%s\" must not hold a user name or password; use \"key\"", name);
    if (has_part(url, CURLUPART_QUERY) || has_part(url, CURLUPART_FRAGMENT))
        return llmc_config_fail(config, node, "the base_url of provider \"%s\" must not hold a query or a fragment", name);
    char *scheme = NULL;
    bool accepted = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                    (llmc_text_equal_ignoring_case(scheme, "http") || llmc_text_equal_ignoring_case(scheme, "https"));
    curl_free(scheme);
    return accepted ? LLMCOST_OK : llmc_config_fail(config, node, "the base_url of provider \"%s\" must begin with http:// or https://", name);
}

static llmcost_status take_url(llmc_config *config, const llmc_config_node *node, llmc_provider *provider, CURLU *url, const char *text)
{
    if (!llmc_text_is_header_safe(text))
        return llmc_config_fail(config, node, "the base_url of provider \"%s\" holds a control character", provider->name);
    CURLUcode code = curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
    if (code == CURLUE_OUT_OF_MEMORY)
        return llmc_config_no_memory(config);
    if (code != CURLUE_OK)
        return llmc_config_fail(config, node, "the base_url of provider \"%s\" is no URL such as https://host/v1", provider->name);
    llmcost_status status = check_parts(config, node, provider->name, url);
    if (status)
        return status;
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

llmcost_status llmc_config_base_url(llmc_config *config, const llmc_config_node *node, llmc_provider *provider, const char *text)
{
    CURLU *url = curl_url();
    if (!url)
        return llmc_config_no_memory(config);
    llmcost_status status = take_url(config, node, provider, url, text);
    curl_url_cleanup(url);
    return status;
}
