/*
 * HTTP over curl_multi_socket_action.
 *
 * Easy handles are kept with their options set, and a request changes only what differs from the last one: setting up
 * a handle afresh costs more than the whole rest of a call. Sockets that libcurl lets go of stay in the epoll set until
 * they are closed or speak up, which saves two system calls per kept-alive exchange.
 */
#include "wire/http.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FEWEST_KEPT = 16 };

typedef struct socket_entry {
    llmc_watch watch;
    llmc_http *http;
    uint32_t registered; /* what epoll knows */
    bool ours;           /* opened through open_socket: we hear of its close */
    bool idle;           /* libcurl does not want it watched at the moment */
} socket_entry;

typedef struct host_entry {
    struct host_entry *next;
    char *origin; /* scheme and authority */
    int32_t active, most_active;
    bool plain;   /* http: a connection carries one exchange at a time */
    struct exchange *first, **last; /* waiting for a place */
} host_entry;

typedef struct exchange {
    struct exchange *next; /* in a host's queue, the free list, or the doomed list */
    struct exchange *next_starved;
    llmc_http *http;
    CURL *easy;
    host_entry *host;
    const llmcost_http_events *events;
    void *context;
    struct curl_slist *headers;
    char *url, *proxy, *ca_file;    /* what the handle is set to */
    bool get, accept_any, prepared;
    bool running, doomed;
    bool answering; /* a status line came */
    bool starved;   /* memory for a socket was not to be had */
    char detail[CURL_ERROR_SIZE];
} exchange;

struct llmc_http {
    llmc_driver *driver;
    const llmc_allocator *allocator;
    CURLM *multi;
    llmc_timer timer;
    const char *system_ca_file; /* asked once: libcurl writes its whole version text each time */
    socket_entry **sockets; /* by descriptor */
    size_t socket_capacity;
    host_entry *hosts;
    exchange *idle, *doomed, *starved;
    uint32_t acting; /* inside libcurl */
    long active, kept; /* transfers under way; connections that libcurl may keep */
    atomic_uint_fast64_t connections; /* read by other threads */
    llmcost_transport transport;
};

static void collect(llmc_http *http);

/* ---- sockets ---- */

static void act(llmc_http *http, curl_socket_t descriptor, int what)
{
    int running;
    http->acting++;
    curl_multi_socket_action(http->multi, descriptor, what, &running);
    http->acting--;
    collect(http);
}

static void socket_ready(void *user, uint32_t events)
{
    socket_entry *entry = user;
    if (entry->idle) {
        llmc_driver_unwatch(entry->http->driver, &entry->watch);
        entry->registered = 0;
        return;
    }
    /* Never CURL_CSELECT_ERR: libcurl believes it unseen, and the event may be of a descriptor that was closed in this round. */
    act(entry->http, entry->watch.descriptor, (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0));
}

static socket_entry *find_socket(llmc_http *http, curl_socket_t descriptor)
{
    size_t index = (size_t)descriptor, before = http->socket_capacity;
    if (!llmc_grow(http->allocator, (void **)&http->sockets, &http->socket_capacity, index + 1, sizeof *http->sockets))
        return NULL;
    if (http->socket_capacity > before)
        memset(http->sockets + before, 0, (http->socket_capacity - before) * sizeof *http->sockets);
    if (!http->sockets[index]) {
        socket_entry *entry = llmc_calloc(http->allocator, 1, sizeof *entry);
        if (!entry)
            return NULL;
        entry->http = http;
        entry->watch = (llmc_watch){ .descriptor = descriptor, .ready = socket_ready, .user = entry };
        http->sockets[index] = entry;
    }
    return http->sockets[index];
}

/* Telling libcurl of it would end every transfer of the multi handle: this one is ended when libcurl has returned. */
static int starve(llmc_http *http, CURL *easy)
{
    exchange *x = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&x);
    if (!x || x->starved)
        return 0;
    x->starved = true;
    x->next_starved = http->starved;
    http->starved = x;
    return 0;
}

static int on_socket(CURL *easy, curl_socket_t descriptor, int what, void *user, void *socket_user)
{
    (void)socket_user;
    llmc_http *http = user;
    socket_entry *entry = find_socket(http, descriptor);
    if (!entry)
        return starve(http, easy);
    if (what == CURL_POLL_REMOVE) {
        entry->idle = true;
        if (!entry->ours && entry->registered) {
            llmc_driver_unwatch(http->driver, &entry->watch);
            entry->registered = 0;
        }
        return 0;
    }
    entry->idle = false;
    entry->watch.events = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) | (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
    if (entry->registered == entry->watch.events)
        return 0;
    if (!llmc_driver_watch(http->driver, &entry->watch))
        return starve(http, easy);
    entry->registered = entry->watch.events;
    return 0;
}

static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    exchange *x = user;
    llmc_http *http = x->http;
    int descriptor = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (descriptor < 0)
        return CURL_SOCKET_BAD;
    socket_entry *entry = find_socket(http, descriptor);
    if (!entry) {
        close(descriptor);
        x->starved = true;
        return CURL_SOCKET_BAD;
    }
    entry->ours = true;
    entry->registered = 0;
    atomic_fetch_add_explicit(&http->connections, 1, memory_order_relaxed);
    return descriptor;
}

static int close_socket(void *user, curl_socket_t descriptor)
{
    llmc_http *http = user;
    socket_entry *entry = (size_t)descriptor < http->socket_capacity ? http->sockets[descriptor] : NULL;
    if (entry) {
        entry->ours = false;
        entry->registered = 0; /* closing takes it out of the epoll set */
        entry->watch.events = 0;
    }
    return close(descriptor);
}

static void timer_fired(void *user)
{
    act(user, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long timeout_ms, void *user)
{
    (void)multi;
    llmc_http *http = user;
    llmc_driver *driver = http->driver;
    llmc_driver_timer_start(driver, &http->timer, timeout_ms < 0 ? LLMC_NEVER : llmc_clock_after(llmc_clock_now(driver->clock), timeout_ms));
    return 0;
}

/* ---- what libcurl reports of an exchange ---- */

static int on_prepared(void *user, char *remote, char *local, int remote_port, int local_port)
{
    (void)remote;
    (void)local;
    (void)remote_port;
    (void)local_port;
    exchange *x = user;
    if (!x->doomed)
        x->events->connected(x->context);
    return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *line, size_t size, size_t count, void *user)
{
    exchange *x = user;
    size_t bytes = size * count, end = bytes;
    if (x->doomed)
        return 0;
    while (end > 0 && (line[end - 1] == '\r' || line[end - 1] == '\n' || line[end - 1] == ' '))
        end--;
    if (end > 9 && strncmp(line, "HTTP/", 5) == 0) {
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
    memcpy(text, line, end);
    text[end] = '\0';
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

static llmcost_status status_of(CURLcode code, bool answering, const char *detail)
{
    if (broke_off(code, detail))
        return LLMCOST_E_NETWORK;
    if (code == CURLE_OUT_OF_MEMORY && answering)
        return LLMCOST_E_MALFORMED; /* so libcurl says it of a header that is longer than it takes */
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

/* ---- life of an exchange ---- */

static void free_exchange(exchange *x)
{
    const llmc_allocator *allocator = x->http->allocator;
    if (x->easy)
        curl_easy_cleanup(x->easy);
    curl_slist_free_all(x->headers);
    llmc_free(allocator, x->url);
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
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, x);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, x->http);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* what a proxy says of its tunnel is no answer */
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    /* Without a CA folder libcurl keeps the parsed CA file for all connections of the multi handle. */
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

static exchange *new_exchange(llmc_http *http)
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
        free_exchange(x);
        return NULL;
    }
    set_constant_options(x);
    return x;
}

static bool same_headers(const exchange *x, const llmcost_http_request *request)
{
    const struct curl_slist *item = x->headers;
    for (uint32_t i = 0; i < request->header_count; i++, item = item->next) {
        if (!item || strcmp(item->data, request->headers[i]) != 0)
            return false;
    }
    return item && !item->next; /* the last one is ours: Expect */
}

static bool set_headers(exchange *x, const llmcost_http_request *request)
{
    if (x->headers && same_headers(x, request))
        return true;
    struct curl_slist *list = NULL, *longer;
    for (uint32_t i = 0; i <= request->header_count; i++) {
        longer = curl_slist_append(list, i < request->header_count ? request->headers[i] : "Expect:");
        if (!longer) {
            curl_slist_free_all(list);
            return false;
        }
        list = longer;
    }
    curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, list);
    curl_slist_free_all(x->headers);
    x->headers = list;
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
        llmc_free(x->http->allocator, copy);
        return false;
    }
    llmc_free(x->http->allocator, *current);
    *current = copy;
    return true;
}

static bool prepare(exchange *x, const llmcost_http_request *request)
{
    bool get = strcmp(request->method, "GET") == 0;
    if (!set_text(x, CURLOPT_URL, &x->url, request->url) || !set_text(x, CURLOPT_PROXY, &x->proxy, request->proxy) || !set_headers(x, request))
        return false;
    /* Wait for a connection that may carry many streams; where ALPN cannot tell that, it would be a wait for a whole answer. */
    curl_easy_setopt(x->easy, CURLOPT_PIPEWAIT, x->host->plain ? 0L : 1L);
    if (!set_text(x, CURLOPT_CAINFO, &x->ca_file, request->ca_file ? request->ca_file : x->http->system_ca_file))
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

static size_t origin_bytes(const char *url)
{
    const char *authority = strstr(url, "://");
    authority = authority ? authority + 3 : url;
    return (size_t)(authority - url) + strcspn(authority, "/?#");
}

static host_entry *find_host(llmc_http *http, const char *url)
{
    size_t bytes = origin_bytes(url);
    for (host_entry *host = http->hosts; host; host = host->next) {
        if (strlen(host->origin) == bytes && memcmp(host->origin, url, bytes) == 0)
            return host;
    }
    host_entry *host = llmc_calloc(http->allocator, 1, sizeof *host);
    char *origin = llmc_strndup(http->allocator, url, bytes);
    if (!host || !origin) {
        llmc_free(http->allocator, host);
        llmc_free(http->allocator, origin);
        return NULL;
    }
    host->origin = origin;
    host->plain = strncmp(origin, "http:", 5) == 0;
    host->last = &host->first;
    host->next = http->hosts;
    http->hosts = host;
    return host;
}

/*
 * As many connections are kept as were ever in use at once, so that the second burst of calls finds those of the first.
 * Left to itself libcurl goes by the calls still under way, and closes most of them while a burst runs out.
 */
static void keep_connections(llmc_http *http)
{
    if (http->active <= http->kept)
        return;
    http->kept = http->kept ? http->kept * 2 : FEWEST_KEPT;
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, http->kept);
}

/*
 * Where every connection must be busy, libcurl is spared the search for an idle one: it looks at them one by one, and
 * with ten thousand calls in flight that search is most of the work.
 */
static void skip_vain_search(exchange *x)
{
    host_entry *host = x->host;
    bool busy = host->plain && host->active >= host->most_active;
    curl_easy_setopt(x->easy, CURLOPT_FRESH_CONNECT, busy ? 1L : 0L);
    if (host->active >= host->most_active)
        host->most_active = host->active + 1;
}

static bool run(exchange *x)
{
    llmc_http *http = x->http;
    skip_vain_search(x);
    http->acting++;
    CURLMcode code = curl_multi_add_handle(http->multi, x->easy);
    http->acting--;
    if (code != CURLM_OK)
        return false;
    x->running = true;
    x->host->active++;
    http->active++;
    keep_connections(http);
    x->events->opening(x->context);
    return true;
}

static void recycle(exchange *x)
{
    llmc_http *http = x->http;
    x->events = NULL;
    x->context = NULL;
    x->doomed = x->starved = false;
    x->next = http->idle;
    http->idle = x;
}

/* A place at a host is free: the first who waits and can be started takes it. */
static void run_next(host_entry *host)
{
    exchange *x;
    while ((x = host->first)) {
        host->first = x->next;
        if (!host->first)
            host->last = &host->first;
        x->next = NULL;
        if (run(x))
            return;
        const llmcost_http_events *events = x->events;
        void *context = x->context;
        recycle(x);
        events->done(context, LLMCOST_E_MEMORY, "libcurl could not start the transfer");
    }
}

static void stop(exchange *x)
{
    curl_multi_remove_handle(x->http->multi, x->easy);
    x->running = false;
    x->host->active--;
    x->http->active--;
}

static void finish(exchange *x, CURLcode code)
{
    const llmcost_http_events *events = x->events;
    void *context = x->context;
    host_entry *host = x->host;
    char detail[CURL_ERROR_SIZE];
    bool doomed = x->doomed;
    llmcost_status status = x->starved && code != CURLE_OK ? LLMCOST_E_MEMORY : status_of(code, x->answering, x->detail);
    if (code == CURLE_OUT_OF_MEMORY && status == LLMCOST_E_MALFORMED)
        strcpy(x->detail, "a header is too long");
    memcpy(detail, x->detail[0] ? x->detail : curl_easy_strerror(code), x->detail[0] ? sizeof detail : strlen(curl_easy_strerror(code)) + 1);
    stop(x);
    if (doomed)
        return; /* the doomed list recycles it */
    recycle(x);
    run_next(host);
    events->done(context, status, code == CURLE_OK ? "" : detail);
}

/* Takes out what was aborted. Inside libcurl this waits until libcurl has returned. */
static void reap(llmc_http *http)
{
    while (!http->acting && http->doomed) {
        exchange *x = http->doomed;
        http->doomed = x->next;
        if (x->running)
            stop(x);
        host_entry *host = x->host;
        recycle(x);
        run_next(host);
    }
}

static void end_starved(llmc_http *http)
{
    while (http->starved) {
        exchange *x = http->starved;
        http->starved = x->next_starved;
        if (x->starved && x->running && !x->doomed)
            finish(x, CURLE_OUT_OF_MEMORY);
    }
}

/* After libcurl ran: report what is complete. */
static void collect(llmc_http *http)
{
    if (http->acting)
        return;
    end_starved(http);
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(http->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        exchange *x = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&x);
        finish(x, message->data.result);
    }
    reap(http);
}

/* ---- the transport ---- */

static llmcost_status http_start(void *user, const llmcost_http_request *request, const llmcost_http_events *events, void *context, void **transfer)
{
    llmc_http *http = user;
    exchange *x = new_exchange(http);
    if (!x)
        return LLMCOST_E_MEMORY;
    x->host = find_host(http, request->url);
    x->events = events;
    x->context = context;
    x->detail[0] = '\0';
    x->answering = false;
    if (!x->host || !prepare(x, request)) {
        free_exchange(x);
        return LLMCOST_E_MEMORY;
    }
    *transfer = x;
    if (request->max_connections > 0 && x->host->active >= request->max_connections) {
        x->next = NULL;
        *x->host->last = x;
        x->host->last = &x->next;
        return LLMCOST_OK;
    }
    if (run(x))
        return LLMCOST_OK;
    free_exchange(x);
    return LLMCOST_E_MEMORY;
}

static void leave_queue(exchange *x)
{
    exchange **link = &x->host->first;
    while (*link && *link != x)
        link = &(*link)->next;
    if (!*link)
        return;
    *link = x->next;
    if (!x->next)
        x->host->last = link;
    recycle(x);
}

static void http_abort(void *user, void *transfer)
{
    llmc_http *http = user;
    exchange *x = transfer;
    if (!x->running) {
        leave_queue(x);
        return;
    }
    x->doomed = true;
    x->next = http->doomed;
    http->doomed = x;
    reap(http);
}

static int64_t http_step(void *user, int64_t now_ns)
{
    (void)user;
    (void)now_ns;
    return LLMC_NEVER;
}

const llmcost_transport *llmc_http_transport(llmc_http *http)
{
    return &http->transport;
}

uint64_t llmc_http_connections(llmc_http *http)
{
    return atomic_load_explicit(&http->connections, memory_order_relaxed);
}

llmcost_status llmc_http_open(llmc_http **out, llmc_driver *driver)
{
    *out = NULL;
    llmc_http *http = llmc_calloc(driver->allocator, 1, sizeof *http);
    if (!http)
        return LLMCOST_E_MEMORY;
    http->driver = driver;
    http->allocator = driver->allocator;
    http->system_ca_file = curl_version_info(CURLVERSION_NOW)->cainfo;
    http->timer = (llmc_timer){ .fire = timer_fired, .user = http };
    http->transport = (llmcost_transport){ sizeof http->transport, 0, http, http_start, http_abort, http_step };
    http->multi = curl_multi_init();
    if (!http->multi || !llmc_driver_reserve_timer(driver)) {
        if (http->multi)
            curl_multi_cleanup(http->multi);
        llmc_free(http->allocator, http);
        return LLMCOST_E_MEMORY;
    }
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    *out = http;
    return LLMCOST_OK;
}

void llmc_http_close(llmc_http *http)
{
    if (!http)
        return;
    llmc_driver_timer_stop(http->driver, &http->timer);
    for (exchange *x = http->idle, *next; x; x = next) {
        next = x->next;
        free_exchange(x);
    }
    curl_multi_cleanup(http->multi); /* closes kept connections through close_socket */
    llmc_driver_timer_stop(http->driver, &http->timer);
    llmc_driver_unreserve_timer(http->driver);
    for (host_entry *host = http->hosts, *next; host; host = next) {
        next = host->next;
        llmc_free(http->allocator, host->origin);
        llmc_free(http->allocator, host);
    }
    for (size_t i = 0; i < http->socket_capacity; i++)
        llmc_free(http->allocator, http->sockets[i]);
    llmc_free(http->allocator, http->sockets);
    llmc_free(http->allocator, http);
}

/* ---- process-wide ---- */

llmcost_status llmc_http_global_open(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? LLMCOST_OK : LLMCOST_E_MEMORY;
}

void llmc_http_global_close(void)
{
    curl_global_cleanup();
}
