/* The server: one thread, one epoll, any number of connections. Starting it in a thread or a child is mock.c's part. */
#ifndef LLMC_MOCK_SERVER_H
#define LLMC_MOCK_SERVER_H

#include <llmcost/mock.h>

#include "base/error.h"
#include "mock/record.h"
#include "mock/script.h"

#include <stdatomic.h>

typedef struct llmc_mock_connection llmc_mock_connection;

/* The connections that wait for an instant, the earliest on top (due_heap.c). */
typedef struct llmc_mock_heap {
    llmc_mock_connection **items;
    size_t count, capacity;
} llmc_mock_heap;

typedef struct llmc_mock_server {
    llmc_allocator allocator;
    int listen_fd, epoll_fd, stop_fd; /* stop_fd: the reading end of a pipe; the server ends when the other end closes */
    uint16_t port;
    bool accepting;                   /* false: out of descriptors, until a connection closes */
    size_t max_body_bytes;
    llmcost_mock_fn on_request;
    void *on_request_user;
    llmc_mock_script *script;                  /* the server thread's */
    _Atomic(llmc_mock_script *) next_script;   /* handed over by any thread */
    llmc_mock_heap heap;
    llmc_mock_connection *connections;
    char *scratch, *filler;
    llmc_mock_records records;
    atomic_uint_fast64_t requests, accepted, open, abandoned, dropped;
} llmc_mock_server;

/* Opens everything that can fail; allocator, callback and limits are set. E_NETWORK or E_MEMORY. The script is taken on success. */
llmcost_status llmc_mock_server_open(llmc_mock_server *server, uint16_t port, int stop_fd, size_t record_count, llmcost_error *error);
void llmc_mock_server_run(llmc_mock_server *server); /* until the stop pipe closes */
void llmc_mock_server_close(llmc_mock_server *server);

/* What to answer (mock_answer.c). head..body: a whole request, in memory until this returns. NULL: drop the connection. */
struct llmc_http_request;
struct llmc_mock_wire;
struct llmc_mock_wire *llmc_mock_answer_request(llmc_mock_server *server, const struct llmc_http_request *request, const char *bytes, uint64_t *number);
struct llmc_mock_wire *llmc_mock_answer_bad(llmc_mock_server *server, int32_t status);

/* due_heap.c */
void llmc_mock_heap_add(llmc_mock_heap *heap, llmc_mock_connection *connection); /* room was reserved when it connected */
void llmc_mock_heap_remove(llmc_mock_heap *heap, llmc_mock_connection *connection);

struct llmc_mock_due {
    int64_t at_ns;
    size_t place; /* in the heap, from 1; 0: not in it */
};
struct llmc_mock_due *llmc_mock_connection_due(llmc_mock_connection *connection);

#endif
