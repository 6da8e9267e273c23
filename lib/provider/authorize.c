#include "provider/authorize.h"

#include "base/text.h"
#include "provider/bceauth.h"
#include "provider/jwt.h"
#include "provider/sigv4.h"

#include <string.h>

enum { BCE_SECONDS = 1800 };

static llmcost_status add_line(llmc_buffer *lines, const char *name, const char *value)
{
    llmc_buffer_add_text(lines, name);
    llmc_buffer_add_text(lines, value);
    llmc_buffer_add_byte(lines, '\0');
    return lines->failure ? LLMCOST_E_MEMORY : LLMCOST_OK;
}

static llmcost_status add_bearer(llmc_buffer *lines, const char *token)
{
    return add_line(lines, "Authorization: Bearer ", token);
}

static llmcost_status add_jwt(llmc_buffer *lines, const char *key, int64_t wall_ms)
{
    llmc_buffer_add_text(lines, "Authorization: Bearer ");
    llmcost_status status = llmc_jwt_zhipu(key, wall_ms, lines);
    llmc_buffer_add_byte(lines, '\0');
    return status ? status : lines->failure ? LLMCOST_E_MEMORY : LLMCOST_OK;
}

/* A key goes into a query as it is only if it is made of what needs no encoding there. */
static void add_encoded(llmc_buffer *query, const char *name, const char *value)
{
    static const char hex[] = "0123456789ABCDEF";
    llmc_buffer_add_text(query, name);
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-_.~", c);
        if (!plain)
            llmc_buffer_add_byte(query, '%');
        if (!plain)
            llmc_buffer_add_byte(query, hex[c >> 4]);
        llmc_buffer_add_byte(query, plain ? (char)c : hex[c & 15]);
    }
}

/* The Host header that libcurl will send, and what comes behind the host. false: no URL that can be signed. */
static bool part_url(const char *url, char host[300], const char **target)
{
    const char *at = strstr(url, "://");
    if (!at)
        return false;
    at += 3;
    size_t bytes = strcspn(at, "/?");
    if (bytes >= 300)
        return false;
    memcpy(host, at, bytes);
    host[bytes] = '\0';
    *target = at[bytes] ? at + bytes : "/";
    return true;
}

/* A configured Host header is what the host sees, and so what is signed. */
static const char *configured_host(const llmc_provider *provider)
{
    for (size_t i = 0; i < provider->header_count; i++) {
        char name[sizeof "host"] = "";
        if (strcspn(provider->headers[i], ":") == 4 && llmc_text_equal_ignoring_case(strncat(name, provider->headers[i], 4), "host"))
            return provider->headers[i] + 5;
    }
    return NULL;
}

static llmcost_status sign(const llmc_provider *provider, const llmc_credential *credential, const llmc_unauthorized *request, llmc_buffer *lines)
{
    char host[300];
    const char *target, *told = configured_host(provider);
    if (!part_url(request->url, host, &target))
        return LLMCOST_E_INVALID;
    llmc_signed_request to_sign = { .method = request->method, .host = told ? told : host, .target = target, .body = request->body, .body_bytes = request->body_bytes };
    llmc_signing_key key = { llmc_secret_reveal(&credential->id), llmc_secret_reveal(&credential->key), llmc_secret_reveal(&credential->session) };
    if (provider->auth == LLMC_AUTH_BCE)
        return llmc_bceauth_sign(&to_sign, &key, request->wall_ms, BCE_SECONDS, lines);
    llmc_sigv4_scope scope = { provider->region ? provider->region : "", "bedrock" };
    return llmc_sigv4_sign(&to_sign, &key, &scope, request->wall_ms, lines);
}

llmcost_status llmc_authorize(const llmc_provider *provider, const llmc_credential *credential, const llmc_secret *token, const llmc_unauthorized *request,
                              llmc_buffer *lines, llmc_buffer *query)
{
    const char *key = llmc_secret_reveal(token ? token : &credential->key);
    switch (provider->auth) {
    case LLMC_AUTH_X_API_KEY: return add_line(lines, "x-api-key: ", key);
    case LLMC_AUTH_X_GOOG_API_KEY: return add_line(lines, "x-goog-api-key: ", key);
    case LLMC_AUTH_API_KEY: return strncmp(key, "ey", 2) == 0 ? add_bearer(lines, key) : add_line(lines, "api-key: ", key);
    case LLMC_AUTH_JWT: return token ? add_bearer(lines, key) : add_jwt(lines, key, request->wall_ms);
    case LLMC_AUTH_AWS: return credential->id.bytes && !token ? sign(provider, credential, request, lines) : add_bearer(lines, key);
    case LLMC_AUTH_BCE: return token ? add_bearer(lines, key) : sign(provider, credential, request, lines);
    case LLMC_AUTH_OAUTH:
        if (token && !provider->preset->token_in_query)
            return add_bearer(lines, key);
        if (token) {
            add_encoded(query, strchr(request->url, '?') ? "&access_token=" : "?access_token=", key);
            return query->failure ? LLMCOST_E_MEMORY : LLMCOST_OK;
        }
        add_encoded(query, "&client_id=", llmc_secret_reveal(&credential->id));
        add_encoded(query, "&client_secret=", llmc_secret_reveal(&credential->key));
        return query->failure ? LLMCOST_E_MEMORY : LLMCOST_OK;
    case LLMC_AUTH_BEARER:
    case LLMC_AUTH_NONE_OR_BEARER: break;
    }
    return add_bearer(lines, key);
}
