/*
 * A network that answers from a script, on the fake clock. Each request takes the first exchange whose url, body
 * and header occur in it and that is not used up. Instants are milliseconds after the start of the exchange.
 */
#ifndef TESTS_FAKE_NETWORK_H
#define TESTS_FAKE_NETWORK_H

#include <pthread.h>
#include <stdbool.h>

#include <llmcost/plugin.h>

#include "fake_clock.h"

enum { FAKE_MAX_EXCHANGES = 64, FAKE_MAX_REQUESTS = 256, FAKE_MAX_PIECES = 64, FAKE_SILENT = -1 };

typedef struct fake_piece {
    int64_t at_ms;
    char *bytes;
    size_t length;
} fake_piece;

typedef struct fake_exchange {
    const char *url, *body, *header; /* substrings; NULL: any */
    int times;                 /* 0: any number */
    int used;
    llmcost_status refuses;    /* start() itself fails */
    int64_t opening_ms, connected_ms, status_ms, done_ms; /* FAKE_SILENT: never, nor what follows */
    int32_t http_status;
    const char *headers[4];    /* "Name: value" */
    fake_piece pieces[FAKE_MAX_PIECES];
    size_t piece_count;
    llmcost_status status;     /* of done */
} fake_exchange;

typedef struct fake_transfer fake_transfer;

typedef struct fake_network {
    llmcost_transport transport; /* hand this out */
    fake_clock *clock;
    pthread_mutex_t lock;
    fake_exchange exchanges[FAKE_MAX_EXCHANGES];
    size_t exchange_count;
    struct { char *method, *url, *headers, *body; int64_t at_ms; } requests[FAKE_MAX_REQUESTS];
    size_t request_count;        /* their headers: a line each */
    size_t active, aborted, unmatched;
    size_t drivers;              /* open ones; each steps only what it started */
    fake_transfer *transfers;
} fake_network;

void fake_network_init(fake_network *network, fake_clock *clock);
void fake_network_free(fake_network *network);

/* A plain exchange that answers 200 at once, to be changed. */
fake_exchange *fake_network_add(fake_network *network, const char *match);
void fake_exchange_piece(fake_exchange *exchange, int64_t at_ms, const char *bytes, size_t length);

/* Answers in the wire format of OpenAI. text is plain ASCII without quotes; counts below 0: no usage. */
fake_exchange *fake_network_says(fake_network *network, const char *match, const char *text, int in, int out);
/* As a stream: each text a delta of its own, 1 ms apart; ended by NULL. */
fake_exchange *fake_network_streams(fake_network *network, const char *match, const char *const *texts, int in, int out);
fake_exchange *fake_network_fails(fake_network *network, const char *match, int http_status, const char *code);
/* Pieces of a stream, one by one. */
void fake_exchange_delta(fake_exchange *exchange, int64_t at_ms, const char *text);
void fake_exchange_end(fake_exchange *exchange, int64_t at_ms, const char *finish, int in, int out);

#endif
