/*
 * HTTP over curl_multi_socket_action: sockets, hosts and their places, and the life of exchanges.
 *
 * Easy handles are kept with their options set: setting up one afresh costs more than the whole rest of a call. Sockets that libcurl lets go of stay in the epoll set until
 * they are closed or speak up, which saves two system calls per kept-alive exchange.
 *
 * Of what is ready together first all is read, then all that is complete is taken from libcurl, then its owners are told:
 * with many exchanges in flight the code of each of these is read from memory once per round instead of once per exchange.
 */
#include "wire/http_exchange.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FEWEST_KEPT = 16 };

static void collect(llmc_http *http);

/* ---- sockets ---- */

static void act(llmc_http *http, curl_socket_t descriptor, int what)
{
    int running;
    http->acting++;
    curl_multi_socket_action(http->multi, descriptor, what, &running);
    http->acting--;
}

static void after_ready(void *user)
{
    collect(user);
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
        return what == CURL_POLL_REMOVE ? 0 : starve(http, easy);
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

curl_socket_t llmc_http_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
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

int llmc_http_close_socket(void *user, curl_socket_t descriptor)
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
    collect(user);
}

static int on_timer(CURLM *multi, long timeout_ms, void *user)
{
    (void)multi;
    llmc_http *http = user;
    llmc_driver *driver = http->driver;
    /* From the latest look on: at worst libcurl is asked early and says what is left. 0: at once, as for each transfer that begins. */
    int64_t at_ns = timeout_ms ? llmc_clock_after(driver->looked_ns, timeout_ms) : 0;
    llmc_driver_timer_start(driver, &http->timer, at_ns);
    return 0;
}

static size_t origin_bytes(const char *url)
{
    const char *authority = strstr(url, "://");
    authority = authority ? authority + 3 : url;
    return (size_t)(authority - url) + strcspn(authority, "/?#");
}

static host_entry *find_host(llmc_http *http, const char *url)
{
    for (host_entry *host = http->hosts; host; host = host->next) {
        if (strncmp(host->origin, url, host->origin_bytes) == 0 && strchr("/?#", url[host->origin_bytes]))
            return host;
    }
    size_t bytes = origin_bytes(url);
    host_entry *host = llmc_calloc(http->allocator, 1, sizeof *host);
    char *origin = llmc_strndup(http->allocator, url, bytes);
    if (!host || !origin) {
        llmc_free(http->allocator, host);
        llmc_free(http->allocator, origin);
        return NULL;
    }
    host->origin = origin;
    host->origin_bytes = bytes;
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
    if (busy != x->fresh)
        curl_easy_setopt(x->easy, CURLOPT_FRESH_CONNECT, busy ? 1L : 0L);
    x->fresh = busy;
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

static void leave_starved(exchange *x)
{
    exchange **link = &x->http->starved;
    while (*link && *link != x)
        link = &(*link)->next_starved;
    if (*link)
        *link = x->next_starved;
}

static void recycle(exchange *x)
{
    llmc_http *http = x->http;
    if (x->starved)
        leave_starved(x);
    x->events = NULL;
    x->context = NULL;
    x->doomed = x->starved = x->landed = false;
    if (x->sendings > 1) { /* a handle counts these for its whole life, and after a few it gives up */
        llmc_exchange_free(x);
        return;
    }
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

/* libcurl is through with it. */
static void land(exchange *x, CURLcode code)
{
    llmc_http *http = x->http;
    stop(x);
    if (x->doomed)
        return; /* the doomed list recycles it */
    x->landed = true;
    x->code = code;
    x->next_landed = NULL;
    *http->last_landed = x;
    http->last_landed = &x->next_landed;
    run_next(x->host); /* those who wait come before whoever begins a new one on being told */
}

static void tell(exchange *x)
{
    const llmcost_http_events *events = x->events;
    void *context = x->context;
    char detail[CURL_ERROR_SIZE];
    detail[0] = '\0';
    llmcost_status status = llmc_exchange_status(x, x->code);
    if (x->code != CURLE_OK)
        snprintf(detail, sizeof detail, "%s", x->detail[0] ? x->detail : curl_easy_strerror(x->code));
    recycle(x);
    if (events) /* it was not aborted meanwhile */
        events->done(context, status, detail);
}

static void tell_all(llmc_http *http)
{
    exchange *x;
    while ((x = http->landed)) {
        http->landed = x->next_landed;
        if (!http->landed)
            http->last_landed = &http->landed;
        tell(x);
    }
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
            land(x, CURLE_OUT_OF_MEMORY);
    }
}

/* After libcurl ran. */
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
        land(x, message->data.result);
    }
    tell_all(http);
    reap(http);
}

/* ---- the transport ---- */

static llmcost_status http_start(void *user, const llmcost_http_request *request, const llmcost_http_events *events, void *context, void **transfer)
{
    llmc_http *http = user;
    exchange *x = llmc_exchange_new(http);
    if (!x)
        return LLMCOST_E_MEMORY;
    x->host = find_host(http, request->url);
    x->events = events;
    x->context = context;
    x->detail[0] = '\0';
    x->answering = false;
    x->head_bytes = 0;
    x->sendings = 0;
    if (!x->host || !llmc_exchange_prepare(x, request)) {
        llmc_exchange_free(x);
        return LLMCOST_E_MEMORY;
    }
    if (request->max_connections > 0 && x->host->active >= request->max_connections) {
        x->next = NULL;
        *x->host->last = x;
        x->host->last = &x->next;
        *transfer = x;
        return LLMCOST_OK;
    }
    if (!run(x)) {
        llmc_exchange_free(x);
        return LLMCOST_E_MEMORY;
    }
    *transfer = x;
    return LLMCOST_OK;
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
    if (x->landed) {
        x->events = NULL;
        return;
    }
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

/* What libcurl can decode. Not "deflate": servers disagree on what that is, and whoever speaks it speaks gzip. */
static void name_encodings(llmc_http *http)
{
    static const struct { int feature; const char *name; } known[] = { { CURL_VERSION_LIBZ, "gzip" }, { CURL_VERSION_BROTLI, "br" }, { CURL_VERSION_ZSTD, "zstd" } };
    int features = curl_version_info(CURLVERSION_NOW)->features;
    size_t at = 0;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (features & known[i].feature)
            at += (size_t)snprintf(http->encodings + at, sizeof http->encodings - at, "%s%s", at ? ", " : "Accept-Encoding: ", known[i].name);
    }
}

llmcost_status llmc_http_open(llmc_http **out, llmc_driver *driver)
{
    *out = NULL;
    llmc_http *http = llmc_calloc(driver->allocator, 1, sizeof *http);
    if (!http)
        return LLMCOST_E_MEMORY;
    http->driver = driver;
    http->allocator = driver->allocator;
    http->last_landed = &http->landed;
    name_encodings(http);
    http->timer = (llmc_timer){ .fire = timer_fired, .user = http };
    http->transport = (llmcost_transport){ .struct_size = sizeof http->transport, .user = http, .start = http_start, .abort = http_abort, .step = http_step };
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
    driver->after_ready = after_ready;
    driver->after_ready_user = http;
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
        llmc_exchange_free(x);
    }
    http->driver->after_ready = NULL;
    curl_multi_cleanup(http->multi); /* closes kept connections through llmc_http_close_socket */
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
