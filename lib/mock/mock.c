/*
 * The public face: starts the server in a thread or in a child, hands scripts over, shows what was counted. A pipe ends
 * either: its writing end is held here only, so it closes on stop and also when this process dies.
 */
#include "base/layout.h"
#include "mock/server.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct llmcost_mock {
    llmc_mock_server server;
    pthread_t thread;
    pid_t child;   /* 0: in a thread */
    int stop_pipe; /* the writing end */
    char url[32];
};

enum { DEFAULT_RECORDS = 64, MOST_RECORDS = 65536 };

void llmcost_mock_options_init(llmcost_mock_options *options, uint32_t struct_size)
{
    if (!options || !llmc_layout_is_possible(struct_size, sizeof options->struct_size))
        return;
    memset(options, 0, struct_size);
    options->struct_size = struct_size;
}

static bool import_options(llmcost_mock_options *own, const llmcost_mock_options *given)
{
    *own = (llmcost_mock_options)LLMCOST_MOCK_OPTIONS_INIT;
    if (!given)
        return true;
    if (!llmc_layout_is_possible(given->struct_size, sizeof given->struct_size) || !llmc_lay_over(own, sizeof *own, given, given->struct_size))
        return false;
    const llmcost_allocator *allocator = own->allocator;
    return !allocator || (allocator->allocate && allocator->reallocate && allocator->release);
}

/* Moves the details into an object of their own, where the caller wants them. */
static void give_error(llmcost_error *details, llmcost_error **out)
{
    if (!out)
        return;
    *out = details->status == LLMCOST_OK ? NULL : llmc_alloc(&details->allocator, sizeof **out);
    if (!*out)
        return;
    llmc_error_init(*out, &details->allocator);
    llmc_error_move(*out, details);
}

static void *run_thread(void *user)
{
    llmcost_mock *mock = user;
    llmc_mock_server_run(&mock->server);
    return NULL;
}

static llmcost_status start_thread(llmcost_mock *mock, llmcost_error *error)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals belong to the host's threads */
    int failure = pthread_create(&mock->thread, NULL, run_thread, mock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure ? llmc_error_set(error, LLMCOST_E_MEMORY, "mock: no thread (%d)", failure) : LLMCOST_OK;
}

/* Everything beyond 2 that is not the server's goes: the parent's sockets must not stay open in here. */
static void close_others(const llmc_mock_server *server)
{
    int keep[] = { server->listen_fd, server->epoll_fd, server->stop_fd };
    unsigned from = 3;
    for (size_t round = 0; round < 3; round++) {
        unsigned next = ~0u;
        for (size_t i = 0; i < 3; i++) {
            if ((unsigned)keep[i] >= from && (unsigned)keep[i] < next)
                next = (unsigned)keep[i];
        }
        if (next == ~0u)
            break;
        if (next > from)
            close_range(from, next - 1, 0);
        from = next + 1;
    }
    close_range(from, ~0u, 0);
}

/* The child is ours alone, so it may take as many connections as it is let. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static llmcost_status start_child(llmcost_mock *mock, llmcost_error *error)
{
    pid_t child = fork();
    if (child < 0)
        return llmc_error_set(error, LLMCOST_E_MEMORY, "mock: no child process (errno %d)", errno);
    if (child == 0) {
        close_others(&mock->server);
        raise_descriptor_limit();
        llmc_mock_server_run(&mock->server);
        _exit(0);
    }
    mock->child = child;
    return LLMCOST_OK;
}

static llmcost_status open_mock(llmcost_mock *mock, const char *script, const llmcost_mock_options *options, llmcost_error *error)
{
    llmc_mock_server *server = &mock->server;
    size_t records = options->record_requests < 0 || options->in_child_process ? 0 : options->record_requests ? (size_t)options->record_requests : DEFAULT_RECORDS;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return llmc_error_set(error, LLMCOST_E_NETWORK, "mock: no pipe (errno %d)", errno);
    mock->stop_pipe = ends[1];
    server->max_body_bytes = options->max_body_bytes ? (size_t)options->max_body_bytes : (size_t)64 << 20;
    server->on_request = options->on_request;
    server->on_request_user = options->on_request_user;
    llmcost_status status = llmc_mock_server_open(server, options->port, ends[0], records < MOST_RECORDS ? records : MOST_RECORDS, error);
    if (status == LLMCOST_OK)
        status = llmc_mock_script_compile(&server->script, script, script ? strlen(script) : 0, &server->allocator, error);
    if (status != LLMCOST_OK)
        return status;
    snprintf(mock->url, sizeof mock->url, "http://127.0.0.1:%u", (unsigned)server->port);
    return (options->in_child_process ? start_child : start_thread)(mock, error);
}

static void free_mock(llmcost_mock *mock)
{
    llmc_allocator allocator = mock->server.allocator;
    if (mock->stop_pipe >= 0)
        close(mock->stop_pipe);
    llmc_mock_server_close(&mock->server);
    llmc_free(&allocator, mock);
}

llmcost_status llmcost_mock_start(llmcost_mock **out, const char *script, const llmcost_mock_options *options)
{
    if (!out)
        return LLMCOST_E_MISUSE;
    *out = NULL;
    llmcost_mock_options own;
    if (!import_options(&own, options))
        return LLMCOST_E_MISUSE;
    llmc_allocator allocator = own.allocator ? *own.allocator : llmc_allocator_system;
    if (own.error)
        *own.error = NULL;
    llmcost_error error;
    llmc_error_init(&error, &allocator);
    llmcost_mock *mock = llmc_calloc(&allocator, 1, sizeof *mock);
    llmcost_status status = mock ? LLMCOST_OK : llmc_error_set(&error, LLMCOST_E_MEMORY, "mock: out of memory");
    if (mock) {
        mock->server.allocator = allocator;
        mock->server.listen_fd = mock->server.epoll_fd = mock->server.stop_fd = mock->stop_pipe = -1;
        status = open_mock(mock, script, &own, &error);
        if (status != LLMCOST_OK)
            free_mock(mock);
    }
    give_error(&error, own.error);
    llmc_error_clear(&error);
    *out = status == LLMCOST_OK ? mock : NULL;
    return status;
}

llmcost_status llmcost_mock_stop(llmcost_mock *mock)
{
    if (!mock)
        return LLMCOST_OK;
    if (!mock->child && pthread_equal(pthread_self(), mock->thread))
        return LLMCOST_E_MISUSE;
    close(mock->stop_pipe);
    mock->stop_pipe = -1;
    if (!mock->child) {
        pthread_join(mock->thread, NULL);
    } else if (waitpid(mock->child, NULL, WNOHANG) == 0) { /* not reaped by the host, so the number is still ours */
        kill(mock->child, SIGKILL);
        while (waitpid(mock->child, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    free_mock(mock);
    return LLMCOST_OK;
}

const char *llmcost_mock_url(const llmcost_mock *mock)
{
    return mock ? mock->url : NULL;
}

uint16_t llmcost_mock_port(const llmcost_mock *mock)
{
    return mock ? mock->server.port : 0;
}

llmcost_status llmcost_mock_script(llmcost_mock *mock, const char *script, llmcost_error **error)
{
    if (error)
        *error = NULL;
    if (!mock || mock->child)
        return LLMCOST_E_MISUSE;
    llmcost_error details;
    llmc_error_init(&details, &mock->server.allocator);
    llmc_mock_script *compiled;
    llmcost_status status = llmc_mock_script_compile(&compiled, script, script ? strlen(script) : 0, &mock->server.allocator, &details);
    give_error(&details, error);
    llmc_error_clear(&details);
    if (status == LLMCOST_OK)
        llmc_mock_script_free(atomic_exchange(&mock->server.next_script, compiled));
    return status;
}

uint64_t llmcost_mock_request_count(const llmcost_mock *mock)
{
    return mock ? atomic_load(&mock->server.requests) : 0;
}

uint64_t llmcost_mock_connection_count(const llmcost_mock *mock)
{
    return mock ? atomic_load(&mock->server.accepted) : 0;
}

uint64_t llmcost_mock_open_count(const llmcost_mock *mock)
{
    return mock ? atomic_load(&mock->server.open) : 0;
}

uint64_t llmcost_mock_abandoned_count(const llmcost_mock *mock)
{
    return mock ? atomic_load(&mock->server.abandoned) : 0;
}

const char *llmcost_mock_request_body(llmcost_mock *mock, uint64_t index, size_t *bytes)
{
    if (mock)
        return llmc_mock_records_body(&mock->server.records, index + 1, bytes);
    if (bytes)
        *bytes = 0;
    return NULL;
}

const char *llmcost_mock_request_header(llmcost_mock *mock, uint64_t index, const char *name)
{
    return mock && name ? llmc_mock_records_header(&mock->server.records, index + 1, name) : NULL;
}
