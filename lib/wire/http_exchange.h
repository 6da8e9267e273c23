/* What http.c and http_exchange.c share: the objects of one multi handle. Nobody else includes this. */
#ifndef LLMC_HTTP_EXCHANGE_H
#define LLMC_HTTP_EXCHANGE_H

#include "wire/http.h"

#include <curl/curl.h>

enum { LLMC_MAX_HEAD_BYTES = 512 << 10 };

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
    size_t origin_bytes;
    int32_t active, most_active;
    bool plain;   /* http: a connection carries one exchange at a time */
    struct exchange *first, **last; /* waiting for a place */
} host_entry;

typedef struct exchange {
    struct exchange *next; /* in a host's queue, the free list, or the doomed list */
    struct exchange *next_starved, *next_landed;
    llmc_http *http;
    CURL *easy;
    host_entry *host;
    const llmcost_http_events *events;
    void *context;
    struct curl_slist *headers; /* the request's, and ours behind them */
    uint32_t header_count;      /* of the request's */
    char *url, *proxy, *ca_file;    /* what the handle is set to */
    CURLU *parts;                   /* of the URL; NULL: libcurl parses it, and fails */
    const char *system_ca_file;     /* asked once per handle: libcurl writes its whole version text each time */
    bool get, accept_any, alone, fresh, prepared, large, no_proxy, ages_names;
    bool running, doomed, landed; /* landed: complete, and nobody was told yet */
    CURLcode code;                /* of one that has landed */
    bool answering; /* a status line came */
    size_t head_bytes;
    uint32_t sendings; /* libcurl sends again where a kept connection turns out dead */
    bool starved;   /* memory for a socket was not to be had */
    char detail[CURL_ERROR_SIZE];
} exchange;

struct llmc_http {
    llmc_driver *driver;
    const llmc_allocator *allocator;
    CURLM *multi;
    char encodings[64]; /* the header line that names what libcurl can decode; "": nothing */
    llmc_timer timer;
    socket_entry **sockets; /* by descriptor */
    size_t socket_capacity;
    host_entry *hosts;
    exchange *idle, *doomed, *starved;
    exchange *landed, **last_landed; /* in the order in which they were complete */
    uint32_t acting; /* inside libcurl */
    int64_t names_due_ns; /* when libcurl is to drop the names that it has known for long */
    long active, kept; /* transfers under way; connections that libcurl may keep */
    atomic_uint_fast64_t connections; /* read by other threads */
    llmcost_transport transport;
};

exchange *llmc_exchange_new(llmc_http *http); /* an idle one, or a new one; NULL without memory */
void llmc_exchange_free(exchange *x);
bool llmc_exchange_prepare(exchange *x, const llmcost_http_request *request); /* its host is set */
llmcost_status llmc_exchange_status(exchange *x, CURLcode code);              /* may mend x->detail */

/* libcurl's callbacks; user: the exchange, the llmc_http. */
curl_socket_t llmc_http_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address);
int llmc_http_close_socket(void *user, curl_socket_t descriptor);

#endif
