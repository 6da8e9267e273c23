#include "fake_network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_transfer {
    fake_transfer *next;
    fake_exchange *exchange;
    llmcost_http_events events;
    void *context;
    int64_t started_ns;
    size_t next_report;      /* 0 opening, 1 connected, 2 status, 3.. pieces, then done */
    bool over;
    const struct driver *driver;
};

/* What one driver of the client is given. */
typedef struct driver {
    fake_network *network;
} driver;

static fake_exchange unmatched_exchange = { .connected_ms = 0, .status_ms = FAKE_SILENT, .status = LLMCOST_E_NETWORK };

static bool occurs(const char *needle, const char *text, size_t bytes)
{
    return !needle || (text && memmem(text, bytes, needle, strlen(needle)));
}

static bool has_header(const char *needle, const llmcost_http_request *request)
{
    for (uint32_t i = 0; needle && i < request->header_count; i++) {
        if (strstr(request->headers[i], needle))
            return true;
    }
    return !needle;
}

static fake_exchange *match(fake_network *network, const llmcost_http_request *request)
{
    for (size_t i = 0; i < network->exchange_count; i++) {
        fake_exchange *exchange = &network->exchanges[i];
        if (exchange->times && exchange->used >= exchange->times)
            continue;
        if (!occurs(exchange->url, request->url, strlen(request->url)) || !occurs(exchange->body, request->body, request->body_bytes) ||
            !has_header(exchange->header, request))
            continue;
        exchange->used++;
        return exchange;
    }
    network->unmatched++;
    return &unmatched_exchange;
}

static char *joined(const llmcost_http_request *request)
{
    size_t bytes = 1;
    for (uint32_t i = 0; i < request->header_count; i++)
        bytes += strlen(request->headers[i]) + 1;
    char *text = calloc(1, bytes), *at = text;
    for (uint32_t i = 0; i < request->header_count; i++) {
        at = stpcpy(at, request->headers[i]);
        *at++ = '\n';
    }
    return text;
}

static llmcost_status start(void *user, const llmcost_http_request *request, const llmcost_http_events *events, void *context, void **transfer)
{
    fake_network *network = ((driver *)user)->network;
    pthread_mutex_lock(&network->lock);
    fake_exchange *exchange = match(network, request);
    if (network->request_count < FAKE_MAX_REQUESTS) {
        size_t at = network->request_count;
        network->requests[at].method = strdup(request->method);
        network->requests[at].url = strdup(request->url);
        network->requests[at].headers = joined(request);
        network->requests[at].body = strndup(request->body ? request->body : "", request->body_bytes);
        network->requests[at].at_ms = fake_clock_ms(network->clock);
    }
    network->request_count++;
    llmcost_status status = exchange->refuses;
    if (!status) {
        fake_transfer *made = calloc(1, sizeof *made);
        *made = (fake_transfer){ .exchange = exchange, .events = *events, .context = context, .started_ns = network->clock->now_ns, .driver = user };
        fake_transfer **end = &network->transfers;
        while (*end)
            end = &(*end)->next;
        *end = made;
        *transfer = made;
        network->active++;
    }
    pthread_mutex_unlock(&network->lock);
    return status;
}

static void abort_transfer(void *user, void *transfer)
{
    fake_network *network = ((driver *)user)->network;
    pthread_mutex_lock(&network->lock);
    ((fake_transfer *)transfer)->over = true;
    network->active--;
    network->aborted++;
    pthread_mutex_unlock(&network->lock);
}

static int64_t due_ms(const fake_transfer *transfer)
{
    const fake_exchange *exchange = transfer->exchange;
    size_t at = transfer->next_report;
    if (at == 0)
        return exchange->opening_ms;
    if (at == 1)
        return exchange->connected_ms;
    if (at == 2 && (exchange->http_status || exchange->status_ms == FAKE_SILENT))
        return exchange->http_status ? exchange->status_ms : exchange->done_ms;
    if (at == 2)
        return exchange->done_ms;
    return at - 3 < exchange->piece_count ? exchange->pieces[at - 3].at_ms : exchange->done_ms;
}

static int64_t due_ns(const fake_transfer *transfer)
{
    int64_t ms = due_ms(transfer);
    return ms < 0 ? INT64_MAX : transfer->started_ns + ms * 1000000;
}

static void report_head(fake_transfer *transfer)
{
    const fake_exchange *exchange = transfer->exchange;
    transfer->events.status(transfer->context, exchange->http_status);
    for (size_t i = 0; i < 4 && exchange->headers[i] && !transfer->over; i++) {
        char name[100];
        const char *colon = strchr(exchange->headers[i], ':');
        snprintf(name, sizeof name, "%.*s", (int)(colon - exchange->headers[i]), exchange->headers[i]);
        transfer->events.header(transfer->context, name, colon + 2);
    }
}

static void finish(fake_network *network, fake_transfer *transfer, llmcost_status status)
{
    pthread_mutex_lock(&network->lock);
    transfer->over = true;
    network->active--;
    pthread_mutex_unlock(&network->lock);
    transfer->events.done(transfer->context, status, status ? "scripted failure" : "");
}

static void report(fake_network *network, fake_transfer *transfer)
{
    const fake_exchange *exchange = transfer->exchange;
    size_t at = transfer->next_report++;
    if (at == 0)
        transfer->events.opening(transfer->context);
    else if (at == 1)
        transfer->events.connected(transfer->context);
    else if (at == 2 && exchange->http_status)
        report_head(transfer);
    else if (at >= 3 && at - 3 < exchange->piece_count) {
        const fake_piece *piece = &exchange->pieces[at - 3];
        if (transfer->events.body(transfer->context, piece->bytes, piece->length) && !transfer->over)
            finish(network, transfer, LLMCOST_E_NETWORK);
    } else {
        finish(network, transfer, exchange->status);
    }
}

/* The first of this driver that is due; lock held. */
static fake_transfer *find_due(const driver *own, int64_t now_ns, int64_t *next_ns)
{
    fake_transfer *found = NULL;
    *next_ns = INT64_MAX;
    for (fake_transfer *transfer = own->network->transfers; transfer; transfer = transfer->next) {
        if (transfer->over || transfer->driver != own)
            continue;
        if (due_ns(transfer) < *next_ns) {
            *next_ns = due_ns(transfer);
            found = transfer;
        }
    }
    return *next_ns <= now_ns ? found : NULL;
}

static void sweep(const driver *own)
{
    for (fake_transfer **link = &own->network->transfers; *link;) {
        fake_transfer *transfer = *link;
        if (!transfer->over || transfer->driver != own) {
            link = &transfer->next;
            continue;
        }
        *link = transfer->next;
        free(transfer);
    }
}

static int64_t step(void *user, int64_t now_ns)
{
    const driver *own = user;
    fake_network *network = own->network;
    int64_t next_ns;
    pthread_mutex_lock(&network->lock);
    fake_transfer *transfer;
    while ((transfer = find_due(own, now_ns, &next_ns))) {
        pthread_mutex_unlock(&network->lock);
        report(network, transfer);
        pthread_mutex_lock(&network->lock);
    }
    sweep(own);
    pthread_mutex_unlock(&network->lock);
    return next_ns;
}

static void *open_driver(void *user, llmcost_transport_wake_fn wake, void *wake_context)
{
    (void)wake; /* nothing happens here but by the clock */
    (void)wake_context;
    fake_network *network = user;
    driver *own = malloc(sizeof *own);
    own->network = network;
    pthread_mutex_lock(&network->lock);
    network->drivers++;
    pthread_mutex_unlock(&network->lock);
    return own;
}

static void close_driver(void *user)
{
    driver *own = user;
    pthread_mutex_lock(&own->network->lock);
    own->network->drivers--;
    pthread_mutex_unlock(&own->network->lock);
    free(own);
}

void fake_network_init(fake_network *network, fake_clock *clock)
{
    memset(network, 0, sizeof *network);
    pthread_mutex_init(&network->lock, NULL);
    network->clock = clock;
    network->transport = (llmcost_transport){ sizeof network->transport, 0, network, start, abort_transfer, step, open_driver, close_driver };
}

void fake_network_free(fake_network *network)
{
    for (fake_transfer *transfer = network->transfers; transfer;) {
        fake_transfer *next = transfer->next;
        free(transfer);
        transfer = next;
    }
    for (size_t i = 0; i < network->exchange_count; i++) {
        for (size_t j = 0; j < network->exchanges[i].piece_count; j++)
            free(network->exchanges[i].pieces[j].bytes);
    }
    for (size_t i = 0; i < network->request_count && i < FAKE_MAX_REQUESTS; i++) {
        free(network->requests[i].method);
        free(network->requests[i].url);
        free(network->requests[i].headers);
        free(network->requests[i].body);
    }
    pthread_mutex_destroy(&network->lock);
}

fake_exchange *fake_network_add(fake_network *network, const char *match_body)
{
    if (network->exchange_count == FAKE_MAX_EXCHANGES)
        abort();
    fake_exchange *exchange = &network->exchanges[network->exchange_count++];
    *exchange = (fake_exchange){ .body = match_body, .http_status = 200, .headers = { "Content-Type: application/json" } };
    return exchange;
}

void fake_exchange_piece(fake_exchange *exchange, int64_t at_ms, const char *bytes, size_t length)
{
    if (exchange->piece_count == FAKE_MAX_PIECES)
        abort();
    fake_piece *piece = &exchange->pieces[exchange->piece_count++];
    *piece = (fake_piece){ at_ms, malloc(length + 1), length };
    memcpy(piece->bytes, bytes, length);
}

/* A text as the inside of a JSON string: line ends are all that tests need escaped. */
static void escape(const char *text, char *out, size_t bytes)
{
    size_t at = 0;
    for (; *text && at + 3 < bytes; text++) {
        bool escaped = *text == '\n' || *text == '"' || *text == '\\';
        if (escaped)
            out[at++] = '\\';
        out[at++] = *text == '\n' ? 'n' : *text;
    }
    out[at] = '\0';
}

fake_exchange *fake_network_says(fake_network *network, const char *match_body, const char *text, int in, int out)
{
    char escaped[4000], body[5000], usage[200] = "";
    fake_exchange *exchange = fake_network_add(network, match_body);
    escape(text, escaped, sizeof escaped);
    if (in >= 0)
        snprintf(usage, sizeof usage, ",\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d,\"total_tokens\":%d}", in, out, in + out);
    int length = snprintf(body, sizeof body, "{\"id\":\"c-1\",\"object\":\"chat.completion\",\"model\":\"served\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},"
                          "\"finish_reason\":\"stop\"}]%s}", escaped, usage);
    fake_exchange_piece(exchange, 0, body, (size_t)length);
    return exchange;
}

static void event(fake_exchange *exchange, int64_t at_ms, const char *data)
{
    char frame[5000];
    int length = snprintf(frame, sizeof frame, "data: %s\n\n", data);
    fake_exchange_piece(exchange, at_ms, frame, (size_t)length);
}

void fake_exchange_delta(fake_exchange *exchange, int64_t at_ms, const char *text)
{
    char escaped[4000], chunk[4500];
    exchange->headers[0] = "Content-Type: text/event-stream";
    escape(text, escaped, sizeof escaped);
    snprintf(chunk, sizeof chunk, "{\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"model\":\"served\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"}}]}", escaped);
    event(exchange, at_ms, chunk);
}

void fake_exchange_end(fake_exchange *exchange, int64_t at_ms, const char *finish_reason, int in, int out)
{
    char chunk[500];
    snprintf(chunk, sizeof chunk, "{\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"model\":\"served\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"%s\"}]}", finish_reason);
    event(exchange, at_ms, chunk);
    if (in >= 0) {
        snprintf(chunk, sizeof chunk, "{\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"model\":\"served\",\"choices\":[],"
                 "\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d,\"total_tokens\":%d}}", in, out, in + out);
        event(exchange, at_ms, chunk);
    }
    event(exchange, at_ms, "[DONE]");
    exchange->done_ms = at_ms;
}

fake_exchange *fake_network_streams(fake_network *network, const char *match_body, const char *const *texts, int in, int out)
{
    fake_exchange *exchange = fake_network_add(network, match_body);
    int64_t at_ms = 0;
    for (; *texts; texts++)
        fake_exchange_delta(exchange, ++at_ms, *texts);
    fake_exchange_end(exchange, at_ms + 1, "stop", in, out);
    return exchange;
}

fake_exchange *fake_network_fails(fake_network *network, const char *match_body, int http_status, const char *code)
{
    char body[500];
    fake_exchange *exchange = fake_network_add(network, match_body);
    exchange->http_status = http_status;
    int length = snprintf(body, sizeof body, "{\"error\":{\"message\":\"scripted\",\"type\":\"%s\",\"code\":\"%s\"}}", code, code);
    fake_exchange_piece(exchange, 0, body, (size_t)length);
    return exchange;
}
