/*
 * Connections on one epoll, edge-triggered and registered once: a request on a kept connection costs epoll_wait, recv
 * and send. Bytes are read into one buffer of the server's; a connection has a buffer of its own only while a request
 * is incomplete, so that ten thousand idle ones cost their struct.
 *
 * A client that leaves (or shuts its side) while an answer is held back counts as abandoned, and its connection ends.
 */
#include "mock/server.h"

#include "mock/http_request.h"
#include "mock/reply.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SCRATCH_BYTES = 64 * 1024, EVENTS = 256, LINGER_MS = 1000 };

struct llmc_mock_connection {
    llmc_mock_connection *before, *after;
    int fd;
    bool readable;    /* recv may have something */
    bool peer_closed;
    bool close_after; /* the request asked for it */
    bool continued;   /* 100 Continue was sent */
    bool lingering;   /* answered and shut; what still comes is thrown away, so that the answer is not lost in a reset */
    llmc_buffer in;
    llmc_http_request request;
    llmc_mock_wire *wire;
    size_t sent, step;
    bool step_begun;
    uint64_t filler_sent, number;
    struct llmc_mock_due due;
};

typedef enum progress { WAITING, DONE, DEAD } progress;

struct llmc_mock_due *llmc_mock_connection_due(llmc_mock_connection *connection)
{
    return &connection->due;
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void wake_after(llmc_mock_server *server, llmc_mock_connection *connection, int64_t ms)
{
    connection->due.at_ns = now_ns() + ms * 1000000;
    llmc_mock_heap_add(&server->heap, connection);
}

/* ---- life of a connection */

static void watch_listener(llmc_mock_server *server, bool accepting)
{
    struct epoll_event event = { .events = accepting ? EPOLLIN : 0, .data.ptr = &server->listen_fd };
    epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, server->listen_fd, &event);
    server->accepting = accepting;
}

static void close_connection(llmc_mock_server *server, llmc_mock_connection *connection)
{
    if (connection->wire && !connection->lingering)
        atomic_fetch_add(&server->abandoned, 1);
    llmc_mock_heap_remove(&server->heap, connection);
    llmc_mock_wire_release(connection->wire);
    llmc_buffer_free(&connection->in);
    close(connection->fd);
    if (connection->before)
        connection->before->after = connection->after;
    else
        server->connections = connection->after;
    if (connection->after)
        connection->after->before = connection->before;
    llmc_free(&server->allocator, connection);
    atomic_fetch_sub(&server->open, 1);
    if (!server->accepting)
        watch_listener(server, true);
}

static llmc_mock_connection *new_connection(llmc_mock_server *server, int fd)
{
    llmc_mock_heap *heap = &server->heap;
    void *items = heap->items;
    bool room = llmc_grow(&server->allocator, &items, &heap->capacity, (size_t)atomic_load(&server->open) + 1, sizeof *heap->items);
    heap->items = items;
    llmc_mock_connection *connection = room ? llmc_calloc(&server->allocator, 1, sizeof *connection) : NULL;
    if (!connection)
        return NULL;
    connection->fd = fd;
    llmc_buffer_init(&connection->in, &server->allocator, SIZE_MAX / 4);
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = connection };
    if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        llmc_free(&server->allocator, connection);
        return NULL;
    }
    connection->after = server->connections;
    if (server->connections)
        server->connections->before = connection;
    server->connections = connection;
    atomic_fetch_add(&server->open, 1);
    return connection;
}

static void accept_all(llmc_mock_server *server)
{
    for (;;) {
        int fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            atomic_fetch_add(&server->accepted, 1);
            if (!new_connection(server, fd)) {
                atomic_fetch_add(&server->dropped, 1);
                close(fd);
            }
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno != EAGAIN)
            watch_listener(server, false); /* no descriptor left: the next close opens the door again */
        return;
    }
}

/* ---- sending */

static void stamp_request_id(llmc_mock_connection *connection)
{
    /* In place, although the wire may be shared: these bytes leave with the very next send. */
    char *digit = connection->wire->bytes + connection->wire->request_id + 16;
    for (uint64_t rest = connection->number, i = 0; i < 16; i++, rest >>= 4)
        *--digit = "0123456789abcdef"[rest & 15];
}

/* Sends the bytes up to limit. DONE: they are sent. */
static progress send_up_to(llmc_mock_connection *connection, size_t limit)
{
    llmc_mock_wire *wire = connection->wire;
    if (connection->sent == 0 && wire->request_id)
        stamp_request_id(connection);
    while (connection->sent < limit) {
        ssize_t count = send(connection->fd, wire->bytes + connection->sent, limit - connection->sent, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return errno == EAGAIN ? WAITING : DEAD;
        connection->sent += (size_t)count;
    }
    return DONE;
}

/* Where the current step ends; waits for its delay first. DONE: *limit is set. */
static progress enter_step(llmc_mock_server *server, llmc_mock_connection *connection, size_t *limit)
{
    llmc_mock_wire *wire = connection->wire;
    *limit = wire->length;
    if (connection->step == wire->step_count)
        return DONE;
    *limit = wire->steps[connection->step].end;
    if (connection->step_begun || wire->steps[connection->step].delay_ms == 0)
        return DONE;
    connection->step_begun = true;
    wake_after(server, connection, wire->steps[connection->step].delay_ms);
    return WAITING;
}

static progress send_filler(llmc_mock_server *server, llmc_mock_connection *connection)
{
    llmc_mock_wire *wire = connection->wire;
    while (connection->filler_sent < wire->filler) {
        uint64_t rest = wire->filler - connection->filler_sent;
        ssize_t count = send(connection->fd, server->filler, rest < SCRATCH_BYTES ? (size_t)rest : SCRATCH_BYTES, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return errno == EAGAIN ? WAITING : DEAD;
        connection->filler_sent += (uint64_t)count;
    }
    return DONE;
}

static progress send_wire(llmc_mock_server *server, llmc_mock_connection *connection)
{
    llmc_mock_wire *wire = connection->wire;
    for (;;) {
        size_t limit;
        if (enter_step(server, connection, &limit) == WAITING)
            return WAITING;
        bool drips = wire->drip_bytes && limit - connection->sent > wire->drip_bytes;
        progress outcome = send_up_to(connection, drips ? connection->sent + wire->drip_bytes : limit);
        if (outcome != DONE)
            return outcome;
        if (!drips && connection->step == wire->step_count)
            return wire->filler ? send_filler(server, connection) : DONE;
        if (!drips) {
            connection->step++;
            connection->step_begun = false;
        }
        if (wire->drip_bytes) {
            wake_after(server, connection, wire->drip_ms);
            return WAITING;
        }
    }
}

/* After an answer. DONE: the next request may come. */
static progress end_wire(llmc_mock_server *server, llmc_mock_connection *connection)
{
    llmc_mock_end end = connection->wire->end;
    if (end == LLMC_MOCK_SILENT)
        return WAITING;
    llmc_mock_wire_release(connection->wire);
    connection->wire = NULL;
    if (end == LLMC_MOCK_RESET)
        setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof(struct linger));
    if (connection->request.refusal) {
        shutdown(connection->fd, SHUT_WR);
        connection->lingering = true;
        wake_after(server, connection, LINGER_MS);
        return DONE;
    }
    if (end != LLMC_MOCK_KEEP || connection->close_after)
        return DEAD;
    connection->request = (llmc_http_request){ 0 };
    return DONE;
}

/* ---- receiving */

static void begin_wire(llmc_mock_server *server, llmc_mock_connection *connection, llmc_mock_wire *wire)
{
    connection->wire = wire;
    connection->sent = connection->step = 0;
    connection->step_begun = false;
    connection->filler_sent = 0;
    if (!wire)
        atomic_fetch_add(&server->dropped, 1);
}

/* More bytes, into the server's scratch or behind what the connection has. DONE: *bytes and *length are all there is. */
static progress receive(llmc_mock_server *server, llmc_mock_connection *connection, char **bytes, size_t *length)
{
    llmc_buffer *in = &connection->in;
    char *target = server->scratch;
    if (!connection->readable)
        return WAITING;
    if (in->length) {
        if (!llmc_buffer_reserve(in, SCRATCH_BYTES))
            return DEAD;
        target = in->data + in->length;
    }
    ssize_t count;
    do
        count = recv(connection->fd, target, SCRATCH_BYTES, 0);
    while (count < 0 && errno == EINTR);
    if (count < 0 && errno == EAGAIN) {
        connection->readable = false;
        return WAITING;
    }
    if (count <= 0)
        return DEAD;
    /* A short read drained the socket, unless the end of the stream waits behind it, for which no other edge comes. */
    if (count < SCRATCH_BYTES && !connection->peer_closed)
        connection->readable = false;
    in->length += in->length ? (size_t)count : 0;
    *bytes = in->length ? in->data : target;
    *length = in->length ? in->length : (size_t)count;
    return DONE;
}

static bool set_aside(llmc_mock_connection *connection, const char *bytes, size_t from, size_t length)
{
    llmc_buffer *in = &connection->in;
    if (bytes == in->data) {
        if (from)
            llmc_buffer_consume(in, from);
        if (!in->length)
            llmc_buffer_free(in);
        return true;
    }
    llmc_buffer_add(in, bytes + from, length - from);
    return !in->failure;
}

static bool say_continue(llmc_mock_connection *connection)
{
    static const char words[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (connection->continued || !connection->request.expects_continue || !connection->request.head_bytes)
        return true;
    connection->continued = true;
    return send(connection->fd, words, sizeof words - 1, MSG_NOSIGNAL) == (ssize_t)sizeof words - 1;
}

/* Looks for a whole request in bytes. DONE: an answer is on its way. */
static progress feed(llmc_mock_server *server, llmc_mock_connection *connection, char *bytes, size_t length)
{
    llmc_http_request *request = &connection->request;
    llmc_http_state state = llmc_http_feed(request, bytes, length, server->max_body_bytes);
    if (state == LLMC_HTTP_MORE)
        return set_aside(connection, bytes, 0, length) && say_continue(connection) ? WAITING : DEAD;
    if (state == LLMC_HTTP_BAD) {
        begin_wire(server, connection, llmc_mock_answer_bad(server, request->refusal));
        llmc_buffer_free(&connection->in);
        return connection->wire ? DONE : DEAD;
    }
    connection->close_after = !request->keep_alive || request->method == LLMC_HTTP_HEAD; /* whose refusal has a body */
    connection->continued = false;
    begin_wire(server, connection, llmc_mock_answer_request(server, request, bytes, &connection->number));
    return connection->wire && set_aside(connection, bytes, request->next, length) ? DONE : DEAD;
}

static progress take_request(llmc_mock_server *server, llmc_mock_connection *connection)
{
    progress outcome = connection->in.length && !connection->request.scanned && !connection->request.head_bytes ? feed(server, connection, connection->in.data, connection->in.length) : WAITING;
    while (outcome == WAITING) {
        char *bytes;
        size_t length;
        outcome = receive(server, connection, &bytes, &length);
        if (outcome != DONE)
            return outcome;
        outcome = feed(server, connection, bytes, length);
    }
    return outcome;
}

static progress drain(llmc_mock_server *server, llmc_mock_connection *connection)
{
    for (;;) {
        ssize_t count = recv(connection->fd, server->scratch, SCRATCH_BYTES, 0);
        if (count > 0 || (count < 0 && errno == EINTR))
            continue;
        return count < 0 && errno == EAGAIN ? WAITING : DEAD;
    }
}

/* As far as it goes without waiting. */
static void advance(llmc_mock_server *server, llmc_mock_connection *connection)
{
    for (;;) {
        progress outcome = DONE;
        if (connection->lingering)
            outcome = drain(server, connection);
        else if (connection->wire) {
            outcome = send_wire(server, connection);
            if (outcome == DONE)
                outcome = end_wire(server, connection);
        } else {
            outcome = take_request(server, connection);
        }
        if (outcome == DEAD)
            close_connection(server, connection);
        if (outcome != DONE)
            return;
    }
}

static void handle(llmc_mock_server *server, llmc_mock_connection *connection, uint32_t events)
{
    connection->readable = connection->readable || (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP));
    connection->peer_closed = connection->peer_closed || (events & (EPOLLRDHUP | EPOLLHUP));
    bool held = connection->due.place && !connection->lingering;
    if (!held && !(events & EPOLLERR)) {
        bool silent = connection->wire && connection->wire->end == LLMC_MOCK_SILENT;
        if (!silent || !connection->peer_closed) {
            advance(server, connection);
            return;
        }
    }
    if (connection->peer_closed || (events & EPOLLERR))
        close_connection(server, connection);
}

/* ---- the loop */

static int next_timeout_ms(llmc_mock_server *server)
{
    if (!server->heap.count)
        return -1;
    int64_t left = server->heap.items[0]->due.at_ns - now_ns();
    return left <= 0 ? 0 : left > INT64_C(3600000000000) ? 3600000 : (int)((left + 999999) / 1000000);
}

static void run_due(llmc_mock_server *server)
{
    if (!server->heap.count)
        return;
    int64_t now = now_ns();
    while (server->heap.count && server->heap.items[0]->due.at_ns <= now) {
        llmc_mock_connection *connection = server->heap.items[0];
        llmc_mock_heap_remove(&server->heap, connection);
        if (connection->lingering)
            close_connection(server, connection);
        else
            advance(server, connection);
    }
}

void llmc_mock_server_run(llmc_mock_server *server)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        int count = epoll_wait(server->epoll_fd, events, EVENTS, next_timeout_ms(server));
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &server->stop_fd)
                return;
            if (events[i].data.ptr == &server->listen_fd)
                accept_all(server);
            else
                handle(server, events[i].data.ptr, events[i].events);
        }
        if (count < 0 && errno != EINTR)
            return;
        run_due(server);
    }
}

static llmcost_status listen_on(llmc_mock_server *server, uint16_t port, llmcost_error *error)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    int on = 1, fd = server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return llmc_error_set(error, LLMCOST_E_NETWORK, "mock: no socket (errno %d)", errno);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* accepted sockets inherit it */
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4096) != 0 || getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        return llmc_error_set(error, LLMCOST_E_NETWORK, "mock: port %u of 127.0.0.1 cannot be used (errno %d); port 0 picks a free one", (unsigned)port, errno);
    server->port = ntohs(address.sin_port);
    return LLMCOST_OK;
}

static bool watch(llmc_mock_server *server, int fd, void *mark)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = mark };
    return epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

llmcost_status llmc_mock_server_open(llmc_mock_server *server, uint16_t port, int stop_fd, size_t record_count, llmcost_error *error)
{
    server->listen_fd = server->epoll_fd = -1;
    server->stop_fd = stop_fd;
    server->accepting = true;
    server->scratch = llmc_alloc(&server->allocator, SCRATCH_BYTES);
    server->filler = llmc_alloc(&server->allocator, SCRATCH_BYTES);
    if (!server->scratch || !server->filler || !llmc_mock_records_open(&server->records, &server->allocator, record_count))
        return llmc_error_set(error, LLMCOST_E_MEMORY, "mock: out of memory");
    memset(server->filler, 'x', SCRATCH_BYTES);
    llmcost_status status = listen_on(server, port, error);
    if (status != LLMCOST_OK)
        return status;
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (server->epoll_fd < 0 || !watch(server, server->listen_fd, &server->listen_fd) || !watch(server, stop_fd, &server->stop_fd))
        return llmc_error_set(error, LLMCOST_E_NETWORK, "mock: no epoll (errno %d)", errno);
    return LLMCOST_OK;
}

void llmc_mock_server_close(llmc_mock_server *server)
{
    while (server->connections)
        close_connection(server, server->connections);
    int descriptors[] = { server->listen_fd, server->epoll_fd, server->stop_fd };
    for (size_t i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++) {
        if (descriptors[i] >= 0)
            close(descriptors[i]);
    }
    llmc_free(&server->allocator, server->heap.items);
    llmc_free(&server->allocator, server->scratch);
    llmc_free(&server->allocator, server->filler);
    llmc_mock_script_free(server->script);
    llmc_mock_script_free(atomic_load(&server->next_script));
    llmc_mock_records_close(&server->records);
}
