/*
 * One exchange on a libcurl easy handle: its options, what libcurl reports of it, and how it ended.
 *
 * Only what differs from the handle's last exchange is set. How connections are shared out is http.c's.
 */
#include "wire/http_exchange.h"

#include "base/secret.h"

#include <string.h>

/* Half of what libcurl keeps a name for by itself. */
enum { NAMES_LOOK_S = 30 };

/* ---- what libcurl reports of an exchange ---- */

static int on_prepared(void *user, char *remote, char *local, int remote_port, int local_port)
{
    (void)remote;
    (void)local;
    (void)remote_port;
    (void)local_port;
    exchange *x = user;
    x->sendings++;
    if (!x->doomed)
        x->events->connected(x->context);
    return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *line, size_t size, size_t count, void *user)
{
    exchange *x = user;
    size_t bytes = size * count, end = bytes;
    x->head_bytes += bytes;
    if (x->doomed || x->head_bytes > LLMC_MAX_HEAD_BYTES)
        return 0;
    while (end > 0 && (line[end - 1] == '\r' || line[end - 1] == '\n' || line[end - 1] == ' ' || line[end - 1] == '\t'))
        end--;
    if (end > 9 && memcmp(line, "HTTP/", 5) == 0) {
        long status = 0;
        curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
        x->answering = true;
        if (status >= 200)
            x->events->status(x->context, (int32_t)status);
        return bytes;
    }
    char *colon = memchr(line, ':', end);
    char text[2048];
    if (!colon || end >= sizeof text)
        return bytes; /* over-long headers concern nobody here */
    llmc_put_text(text, line, end);
    char *value = text + (colon - line);
    *value++ = '\0';
    while (*value == ' ' || *value == '\t')
        value++;
    x->events->header(x->context, text, value);
    return bytes;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    exchange *x = user;
    if (x->doomed || x->events->body(x->context, bytes, size * count))
        return CURL_WRITEFUNC_ERROR;
    return size * count;
}

/* Broken off in the middle of TLS' greeting: no verdict on a certificate but a failure that may pass. Only the words tell. */
static bool broke_off(CURLcode code, const char *detail)
{
    return code == CURLE_SSL_CONNECT_ERROR && (strstr(detail, "SSL_ERROR_SYSCALL") || strstr(detail, "Recv failure: ") || strstr(detail, "Send failure: "));
}

static llmcost_status status_of(CURLcode code, const char *detail)
{
    if (broke_off(code, detail))
        return LLMCOST_E_NETWORK;
    switch (code) {
    case CURLE_OK:
        return LLMCOST_OK;
    case CURLE_OUT_OF_MEMORY:
        return LLMCOST_E_MEMORY;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return LLMCOST_E_NAME;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        return LLMCOST_E_TLS;
    case CURLE_PARTIAL_FILE:
        return LLMCOST_E_TRUNCATED;
    case CURLE_UNSUPPORTED_PROTOCOL: /* what libcurl calls an answer that is no HTTP */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        return LLMCOST_E_MALFORMED;
    default:
        return LLMCOST_E_NETWORK;
    }
}

/* Of a single header that is longer than it takes, libcurl says that memory ran out. */
static bool head_is_too_long(const exchange *x, CURLcode code)
{
    return x->head_bytes > LLMC_MAX_HEAD_BYTES || (code == CURLE_OUT_OF_MEMORY && x->answering && !x->starved);
}

llmcost_status llmc_exchange_status(exchange *x, CURLcode code)
{
    if (x->starved && code != CURLE_OK)
        return LLMCOST_E_MEMORY;
    if (!head_is_too_long(x, code))
        return status_of(code, x->detail);
    strcpy(x->detail, "its head is too long");
    return LLMCOST_E_MALFORMED;
}

/* ---- life of an exchange ---- */

/* Headers and URLs may hold keys. libcurl's own copies of them are out of reach. */
static void free_headers(struct curl_slist *list)
{
    for (struct curl_slist *item = list; item; item = item->next)
        llmc_wipe(item->data, strlen(item->data));
    curl_slist_free_all(list);
}

static void free_text(const llmc_allocator *allocator, char *text)
{
    llmc_wipe(text, text ? strlen(text) : 0);
    llmc_free(allocator, text);
}

void llmc_exchange_free(exchange *x)
{
    const llmc_allocator *allocator = x->http->allocator;
    if (x->easy)
        curl_easy_cleanup(x->easy);
    free_headers(x->headers);
    curl_url_cleanup(x->parts);
    free_text(allocator, x->url);
    llmc_free(allocator, x->proxy);
    llmc_free(allocator, x->ca_file);
    llmc_free(allocator, x);
}

static void set_constant_options(exchange *x)
{
    CURL *easy = x->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, x);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 86400000L); /* deadlines are the driver's */
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->detail);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_prepared);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, x);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, llmc_http_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, x);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, llmc_http_close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, x->http);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* what a proxy says of its tunnel is no answer */
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    /* libcurl reads a hundred of them before it lets others have their turn: by the usual 16 KB a flood is late news for all. */
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 4096L);
    /* Without a CA folder libcurl keeps the parsed CA file for all connections of the multi handle. */
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    x->system_ca_file = curl_version_info(CURLVERSION_NOW)->cainfo;
}

exchange *llmc_exchange_new(llmc_http *http)
{
    exchange *x = http->idle;
    if (x) {
        http->idle = x->next;
        x->next = NULL;
        return x;
    }
    x = llmc_calloc(http->allocator, 1, sizeof *x);
    if (!x)
        return NULL;
    x->http = http;
    x->easy = curl_easy_init();
    if (!x->easy) {
        llmc_exchange_free(x);
        return NULL;
    }
    set_constant_options(x);
    return x;
}

/* Same as the list that the handle has, whose last lines are ours. */
static bool same_headers(const exchange *x, const llmcost_http_request *request)
{
    const struct curl_slist *item = x->headers;
    for (uint32_t i = 0; i < request->header_count; i++, item = item->next) {
        if (strcmp(item->data, request->headers[i]) != 0)
            return false;
    }
    return true;
}

static bool append(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer)
        *list = longer;
    return longer != NULL;
}

/* Only for a body of a megabyte libcurl asks beforehand whether the server wants it. */
static bool is_large(const llmcost_http_request *request)
{
    return request->body_bytes >= 1000000;
}

/* The config takes neither from the host. libcurl would write the line of encodings afresh for every transfer, and twice. */
static bool append_ours(struct curl_slist **list, const llmc_http *http, bool large)
{
    return (!http->encodings[0] || append(list, http->encodings)) && (!large || append(list, "Expect:"));
}

static bool set_headers(exchange *x, const llmcost_http_request *request)
{
    bool large = is_large(request);
    if (x->headers && x->header_count == request->header_count && x->large == large && same_headers(x, request))
        return true;
    struct curl_slist *list = NULL;
    bool complete = true;
    for (uint32_t i = 0; complete && i < request->header_count; i++)
        complete = append(&list, request->headers[i]);
    if (!complete || !append_ours(&list, x->http, large)) {
        free_headers(list);
        return false;
    }
    curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, list);
    free_headers(x->headers);
    x->headers = list;
    x->header_count = request->header_count;
    x->large = large;
    return true;
}

/* Sets a text option if it differs from what the handle has. */
static bool set_text(exchange *x, CURLoption option, char **current, const char *wanted)
{
    if ((!wanted && !*current) || (wanted && *current && strcmp(wanted, *current) == 0))
        return true;
    char *copy = wanted ? llmc_strdup(x->http->allocator, wanted) : NULL;
    if (wanted && !copy)
        return false;
    if (curl_easy_setopt(x->easy, option, wanted) != CURLE_OK) {
        free_text(x->http->allocator, copy);
        return false;
    }
    free_text(x->http->allocator, *current);
    *current = copy;
    return true;
}

/*
 * libcurl takes a URL apart for every transfer, and again writes it together; one that is taken apart already it only
 * copies. What it cannot parse here it refuses when it starts, in its own words.
 */
static bool set_url(exchange *x, const char *wanted)
{
    if (x->url && strcmp(wanted, x->url) == 0)
        return true;
    CURLU *parts = curl_url();
    if (!parts || !set_text(x, CURLOPT_URL, &x->url, wanted)) {
        curl_url_cleanup(parts);
        return false;
    }
    if (curl_url_set(parts, CURLUPART_URL, wanted, CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
        curl_url_cleanup(parts);
        parts = NULL;
    }
    curl_easy_setopt(x->easy, CURLOPT_CURLU, parts);
    curl_url_cleanup(x->parts);
    x->parts = parts;
    return true;
}

/* "": none at all. libcurl would still ask the environment, for every transfer, where none is to be used. */
static bool set_proxy(exchange *x, const char *wanted)
{
    if (!set_text(x, CURLOPT_PROXY, &x->proxy, wanted))
        return false;
    bool none = wanted && !*wanted;
    if (none != x->no_proxy)
        curl_easy_setopt(x->easy, CURLOPT_NOPROXY, none ? "*" : NULL);
    x->no_proxy = none;
    return true;
}

/*
 * At the end of every transfer libcurl looks through all names that it knows for old ones. Twice in their lifetime will do:
 * one that is too young for a look is dropped at the next, so that names are used about as long as libcurl keeps them itself.
 */
static void age_names(exchange *x)
{
    llmc_http *http = x->http;
    int64_t now = llmc_clock_now(http->driver->clock);
    bool due = now >= http->names_due_ns;
    if (due)
        http->names_due_ns = llmc_clock_after(now, NAMES_LOOK_S * 1000);
    if (!x->prepared || x->ages_names != due)
        curl_easy_setopt(x->easy, CURLOPT_DNS_CACHE_TIMEOUT, due ? (long)NAMES_LOOK_S : -1L);
    x->ages_names = due;
}

bool llmc_exchange_prepare(exchange *x, const llmcost_http_request *request)
{
    bool get = strcmp(request->method, "GET") == 0;
    age_names(x);
    if (!set_url(x, request->url) || !set_proxy(x, request->proxy) || !set_headers(x, request))
        return false;
    /* Wait for a connection that may carry many streams; where ALPN cannot tell that, it would be a wait for a whole answer. */
    if (!x->prepared || x->alone != x->host->plain)
        curl_easy_setopt(x->easy, CURLOPT_PIPEWAIT, x->host->plain ? 0L : 1L);
    x->alone = x->host->plain;
    if (!set_text(x, CURLOPT_CAINFO, &x->ca_file, request->ca_file ? request->ca_file : x->system_ca_file))
        return false;
    if (!x->prepared || x->accept_any != (request->accept_any_certificate != 0)) {
        x->accept_any = request->accept_any_certificate != 0;
        curl_easy_setopt(x->easy, CURLOPT_SSL_VERIFYPEER, x->accept_any ? 0L : 1L);
        curl_easy_setopt(x->easy, CURLOPT_SSL_VERIFYHOST, x->accept_any ? 0L : 2L);
    }
    if (get && (!x->prepared || !x->get))
        curl_easy_setopt(x->easy, CURLOPT_HTTPGET, 1L);
    if (!get) {
        curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, request->body);
        curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_bytes);
    }
    x->get = get;
    x->prepared = true;
    return true;
}
