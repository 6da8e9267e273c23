/* The loopback provider as a server: connections, hostile bytes, the child process, its end, and want of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <llmcost/mock.h>

#include "../support/http_call.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OPENAI "/v1/chat/completions"
#define HELLO "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}"
#define FIXED "{\"default\":{\"reply\":{\"text\":\"fixed\",\"usage\":{\"prompt\":1,\"completion\":1}}}}"
#define POST_HEAD "POST " OPENAI " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static llmcost_mock *start(const char *script)
{
    llmcost_mock *mock = NULL;
    assert_int_equal(llmcost_mock_start(&mock, script, NULL), LLMCOST_OK);
    return mock;
}

static size_t request_text(char *out, size_t capacity, const char *extra_headers)
{
    int bytes = snprintf(out, capacity, POST_HEAD "%sContent-Length: %zu\r\n\r\n" HELLO, extra_headers, strlen(HELLO));
    assert_true(bytes > 0 && (size_t)bytes < capacity);
    return (size_t)bytes;
}

static size_t count_of(const char *text, const char *word)
{
    size_t count = 0;
    for (; (text = strstr(text, word)); text += strlen(word))
        count++;
    return count;
}

static void a_connection_is_kept(void **state)
{
    (void)state;
    llmcost_mock *mock = start(NULL);
    CURL *curl = curl_easy_init();
    for (int i = 0; i < 50; i++) {
        http_reply reply = http_call(curl, llmcost_mock_url(mock), OPENAI, HELLO, NULL);
        assert_int_equal(reply.result, CURLE_OK);
        assert_int_equal(reply.connects, i == 0);
        char id[60];
        snprintf(id, sizeof id, "X-Request-Id: req_mock_%016x\r\n", i + 1);
        assert_non_null(strstr(reply.head, id));
        http_reply_free(&reply);
    }
    assert_int_equal(llmcost_mock_connection_count(mock), 1);
    assert_int_equal(llmcost_mock_request_count(mock), 50);
    curl_easy_cleanup(curl);
    llmcost_mock_stop(mock);
}

static void requests_may_be_pipelined_and_split(void **state)
{
    (void)state;
    llmcost_mock *mock = start("{\"rules\":[{\"times\":1,\"delay_ms\":20}]}");
    char request[400], three[1200];
    size_t bytes = request_text(request, sizeof request, ""), last = request_text(three, sizeof three, "Connection: close\r\n");
    memmove(three + 2 * bytes, three, last);
    memcpy(three, request, bytes);
    memcpy(three + bytes, request, bytes);
    for (int split = 0; split < 3; split++) {
        int fd = raw_connect(llmcost_mock_port(mock));
        size_t total = 2 * bytes + last, step = split == 0 ? total : split == 1 ? 1 : 37;
        for (size_t at = 0; at < total; at += step) {
            assert_true(raw_send(fd, three + at, total - at < step ? total - at : step));
            if (split == 2)
                pause_ms(1);
        }
        char *answers = raw_read(fd, NULL, NULL); /* until the server closes, as asked */
        assert_int_equal(count_of(answers, "HTTP/1.1 200 OK\r\n"), 3);
        assert_int_equal(count_of(answers, "\"content\":\"hello\""), 3);
        free(answers);
        close(fd);
    }
    assert_int_equal(llmcost_mock_request_count(mock), 9);
    llmcost_mock_stop(mock);
}

static char *talk(llmcost_mock *mock, const char *text, size_t bytes)
{
    int fd = raw_connect(llmcost_mock_port(mock));
    assert_true(fd >= 0);
    raw_send(fd, text, bytes);
    char *answer = raw_read(fd, NULL, NULL);
    close(fd);
    return answer;
}

static void hostile_bytes_are_refused(void **state)
{
    (void)state;
    llmcost_mock *mock = NULL;
    llmcost_mock_options options = LLMCOST_MOCK_OPTIONS_INIT;
    options.max_body_bytes = 5000;
    assert_int_equal(llmcost_mock_start(&mock, NULL, &options), LLMCOST_OK);
    static const struct { const char *text, *status; } cases[] = {
        { "\x16\x03\x01\r\n\r\n", "HTTP/1.1 400" },
        { "GET / HTTP/3.0\r\n\r\n", "HTTP/1.1 505" },
        { POST_HEAD "Content-Length: nine\r\n\r\n", "HTTP/1.1 400" },
        { POST_HEAD "Content-Length: 5001\r\n\r\n", "HTTP/1.1 413" },
        { POST_HEAD "Transfer-Encoding: chunked\r\n\r\n1389\r\n", "HTTP/1.1 413" },
        { POST_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 400" },
        { POST_HEAD "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 400" },
        { "HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 405" },
        { "PUT /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 405" },
        { "GET " OPENAI " HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 404" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *answer = talk(mock, cases[i].text, strlen(cases[i].text));
        if (strncmp(answer, cases[i].status, strlen(cases[i].status)) != 0)
            fail_msg("%s: %s", cases[i].text, answer);
        free(answer);
    }
    char *flood = malloc(300000);
    assert_non_null(flood);
    memset(flood, 'a', 300000);
    char *answer = talk(mock, flood, 300000);
    assert_memory_equal(answer, "HTTP/1.1 431", 12);
    free(answer);
    /* The refusal arrives although more is on its way. */
    memcpy(flood, POST_HEAD "Content-Length: 290000\r\n\r\n", strlen(POST_HEAD "Content-Length: 290000\r\n\r\n"));
    answer = talk(mock, flood, 290000);
    assert_memory_equal(answer, "HTTP/1.1 413", 12);
    free(answer);
    free(flood);
    int fd = raw_connect(llmcost_mock_port(mock)); /* leaves in the middle of a head */
    assert_true(raw_send(fd, "POST /", 6));
    close(fd);
    http_reply reply = http_call(NULL, llmcost_mock_url(mock), OPENAI, HELLO, NULL);
    assert_int_equal(reply.status, 200);
    http_reply_free(&reply);
    llmcost_mock_stop(mock);
}

static void old_http_is_answered_without_chunks(void **state)
{
    (void)state;
    llmcost_mock *mock = start(FIXED);
    static const char body[] = "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}";
    char request[500];
    for (int round = 0; round < 2; round++) {
        int bytes = snprintf(request, sizeof request, "POST " OPENAI " HTTP/1.%d\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", round, strlen(body), body);
        char *answer = talk(mock, request, (size_t)bytes);
        assert_int_equal(strstr(answer, "Transfer-Encoding: chunked") != NULL, round);
        assert_non_null(strstr(answer, "data: [DONE]"));
        free(answer);
    }
    llmcost_mock_stop(mock);
}

static void a_body_waits_for_continue(void **state)
{
    (void)state;
    llmcost_mock *mock = start(NULL);
    char request[500];
    size_t bytes = request_text(request, sizeof request, "Expect: 100-continue\r\nConnection: close\r\n"), head = bytes - strlen(HELLO);
    int fd = raw_connect(llmcost_mock_port(mock));
    assert_true(raw_send(fd, request, head));
    char *answer = raw_read(fd, "\r\n\r\n", NULL);
    assert_string_equal(answer, "HTTP/1.1 100 Continue\r\n\r\n");
    free(answer);
    assert_true(raw_send(fd, request + head, 5));
    pause_ms(5);
    assert_true(raw_send(fd, request + head + 5, bytes - head - 5));
    answer = raw_read(fd, NULL, NULL);
    assert_int_equal(count_of(answer, "100 Continue"), 0); /* once */
    assert_memory_equal(answer, "HTTP/1.1 200 OK", 15);
    free(answer);
    close(fd);
    llmcost_mock_stop(mock);
}

static size_t read_upload(char *out, size_t size, size_t count, void *user)
{
    const char **at = user;
    size_t bytes = strlen(*at) < size * count ? strlen(*at) : size * count;
    memcpy(out, *at, bytes);
    *at += bytes;
    return bytes;
}

static void large_and_chunked_bodies_arrive(void **state)
{
    (void)state;
    llmcost_mock *mock = start(NULL);
    size_t text_bytes = 3000000;
    char *body = malloc(text_bytes + 200);
    assert_non_null(body);
    size_t at = (size_t)sprintf(body, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"");
    memset(body + at, 'y', text_bytes);
    strcpy(body + at + text_bytes, "\"}]}");
    http_reply reply = http_call(NULL, llmcost_mock_url(mock), OPENAI, body, NULL); /* Expect: 100-continue by libcurl */
    assert_int_equal(reply.status, 200);
    assert_true(reply.body_bytes > text_bytes);
    http_reply_free(&reply);
    CURL *curl = curl_easy_init();
    const char *upload = body;
    char url[100];
    FILE *sink = fopen("/dev/null", "w");
    snprintf(url, sizeof url, "%s" OPENAI, llmcost_mock_url(mock));
    struct curl_slist *list = curl_slist_append(curl_slist_append(NULL, "Content-Type: application/json"), "Transfer-Encoding: chunked");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_upload);
    curl_easy_setopt(curl, CURLOPT_READDATA, &upload);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, sink);
    long status = 0;
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    assert_int_equal(status, 200);
    size_t bytes;
    const char *recorded = llmcost_mock_request_body(mock, 1, &bytes);
    assert_int_equal(bytes, 1 << 20);
    assert_memory_equal(recorded, body, bytes);
    curl_easy_cleanup(curl);
    curl_slist_free_all(list);
    fclose(sink);
    free(body);
    llmcost_mock_stop(mock);
}

static void thousands_of_connections_at_once(void **state)
{
    (void)state;
    enum { MANY = 2000 };
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 2 * MANY + 100) {
        print_message("skipped: the hard limit of descriptors is %lu\n", (unsigned long)limit.rlim_max);
        skip();
    }
    llmcost_mock *mock = start(FIXED);
    int *descriptors = calloc(MANY, sizeof *descriptors);
    char request[400];
    size_t bytes = request_text(request, sizeof request, "");
    assert_non_null(descriptors);
    for (int i = 0; i < MANY; i++)
        assert_true((descriptors[i] = raw_connect(llmcost_mock_port(mock))) >= 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++)
            assert_true(raw_send(descriptors[i], request, bytes));
        for (int i = 0; i < MANY; i++) {
            char *answer = raw_read(descriptors[i], "}}}", NULL);
            assert_non_null(strstr(answer, "\"content\":\"fixed\""));
            free(answer);
        }
    }
    assert_int_equal(llmcost_mock_open_count(mock), MANY);
    assert_int_equal(llmcost_mock_connection_count(mock), MANY);
    assert_int_equal(llmcost_mock_request_count(mock), 2 * MANY);
    for (int i = 0; i < MANY / 2; i++)
        close(descriptors[i]);
    assert_int_equal(llmcost_mock_stop(mock), LLMCOST_OK); /* with the other half open */
    char byte;
    assert_int_equal(recv(descriptors[MANY - 1], &byte, 1, 0), 0);
    for (int i = MANY / 2; i < MANY; i++)
        close(descriptors[i]);
    free(descriptors);
}

/* Many delayed answers at once: the timers fire in order, each once. */
static void many_delays_at_once(void **state)
{
    (void)state;
    enum { MANY = 200 };
    llmcost_mock *mock = start("{\"rules\":[{\"match\":{\"header\":{\"name\":\"x-slow\",\"equals\":\"1\"}},\"delay_ms\":80},{\"match\":{\"header\":{\"name\":\"x-slow\",\"equals\":\"2\"}},\"delay_ms\":40}]}");
    int descriptors[MANY];
    for (int i = 0; i < MANY; i++) {
        char request[400], header[20];
        snprintf(header, sizeof header, "X-Slow: %d\r\n", i % 3);
        size_t bytes = request_text(request, sizeof request, header);
        assert_true((descriptors[i] = raw_connect(llmcost_mock_port(mock))) >= 0);
        assert_true(raw_send(descriptors[i], request, bytes));
        if (i % 7 == 6) { /* some leave early */
            close(descriptors[i]);
            descriptors[i] = -1;
        }
    }
    for (int i = 0; i < MANY; i++) {
        if (descriptors[i] < 0)
            continue;
        char *answer = raw_read(descriptors[i], "}}}", NULL);
        assert_non_null(strstr(answer, "\"content\":\"hello\""));
        free(answer);
        close(descriptors[i]);
    }
    llmcost_mock_stop(mock);
}

static void stops_while_answers_are_held_back(void **state)
{
    (void)state;
    llmcost_mock *mock = start("{\"default\":{\"delay_ms\":60000}}");
    char request[400];
    size_t bytes = request_text(request, sizeof request, "");
    int fd = raw_connect(llmcost_mock_port(mock));
    assert_true(raw_send(fd, request, bytes));
    for (int i = 0; i < 10000 && !llmcost_mock_request_count(mock); i++)
        pause_ms(2);
    assert_int_equal(llmcost_mock_stop(mock), LLMCOST_OK);
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    close(fd);
}

/* ---- the child process */

static llmcost_mock *start_child(const char *script)
{
    llmcost_mock *mock = NULL;
    llmcost_mock_options options = LLMCOST_MOCK_OPTIONS_INIT;
    options.in_child_process = 1;
    assert_int_equal(llmcost_mock_start(&mock, script, &options), LLMCOST_OK);
    return mock;
}

static int can_connect(uint16_t port)
{
    int fd = raw_connect(port);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void a_child_serves(void **state)
{
    (void)state;
    llmcost_mock *mock = start_child(FIXED);
    for (int i = 0; i < 3; i++) {
        http_reply reply = http_call(NULL, llmcost_mock_url(mock), OPENAI, HELLO, NULL);
        assert_non_null(strstr(reply.body, "fixed"));
        http_reply_free(&reply);
    }
    assert_int_equal(llmcost_mock_request_count(mock), 0);
    assert_null(llmcost_mock_request_body(mock, 0, NULL));
    http_reply reply = http_call(NULL, llmcost_mock_url(mock), "/mock/stats", NULL, NULL);
    assert_string_equal(reply.body, "{\"requests\":3,\"connections\":4,\"open\":1,\"abandoned\":0,\"dropped\":0}");
    http_reply_free(&reply);
    assert_int_equal(llmcost_mock_script(mock, NULL, NULL), LLMCOST_E_MISUSE);
    reply = http_call(NULL, llmcost_mock_url(mock), "/mock/script", "{}", NULL);
    assert_int_equal(reply.status, 200);
    http_reply_free(&reply);
    reply = http_call(NULL, llmcost_mock_url(mock), OPENAI, HELLO, NULL);
    assert_non_null(strstr(reply.body, "hello"));
    http_reply_free(&reply);
    uint16_t port = llmcost_mock_port(mock);
    assert_int_equal(llmcost_mock_stop(mock), LLMCOST_OK);
    assert_false(can_connect(port));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* reaped */
}

static void a_child_holds_nothing_of_its_parent(void **state)
{
    (void)state;
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    llmcost_mock *mock = start_child(NULL), *other = start_child(NULL);
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* at once: no child has the writing end */
    close(ends[0]);
    uint16_t port = llmcost_mock_port(mock);
    assert_int_equal(llmcost_mock_stop(mock), LLMCOST_OK); /* although `other` was forked later */
    assert_false(can_connect(port));
    assert_true(can_connect(llmcost_mock_port(other)));
    assert_int_equal(llmcost_mock_stop(other), LLMCOST_OK);
}

static void a_child_ends_with_its_parent(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t parent = fork();
    assert_true(parent >= 0);
    if (parent == 0) {
        llmcost_mock *mock = start_child(NULL);
        uint16_t port = llmcost_mock_port(mock);
        if (!can_connect(port) || write(ends[1], &port, sizeof port) != sizeof port)
            _exit(1);
        raise(SIGKILL); /* without any chance to say good-bye */
    }
    uint16_t port = 0;
    assert_int_equal(read(ends[0], &port, sizeof port), sizeof port);
    int status;
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_true(WIFSIGNALED(status));
    int alive = 1;
    for (int i = 0; i < 10000 && alive; i++) {
        alive = can_connect(port);
        pause_ms(2);
    }
    assert_false(alive);
    close(ends[0]);
    close(ends[1]);
}

static int say_pid(llmcost_mock_exchange *exchange, void *user)
{
    char text[60];
    snprintf(text, sizeof text, "%d %s", (int)getpid() != *(int *)user, llmcost_mock_exchange_user(exchange, NULL));
    return llmcost_mock_exchange_text(exchange, text, 0) == LLMCOST_OK;
}

static void a_child_runs_the_callback(void **state)
{
    (void)state;
    int pid = (int)getpid();
    llmcost_mock *mock = NULL;
    llmcost_mock_options options = LLMCOST_MOCK_OPTIONS_INIT;
    options.in_child_process = 1;
    options.on_request = say_pid;
    options.on_request_user = &pid;
    assert_int_equal(llmcost_mock_start(&mock, NULL, &options), LLMCOST_OK);
    http_reply reply = http_call(NULL, llmcost_mock_url(mock), OPENAI, HELLO, NULL);
    assert_non_null(strstr(reply.body, "\"content\":\"1 hello\""));
    http_reply_free(&reply);
    llmcost_mock_stop(mock);
}

/* ---- misuse, ports, threads, memory */

static int stop_inside(llmcost_mock_exchange *exchange, void *user)
{
    (void)exchange;
    llmcost_mock **mock = user;
    assert_int_equal(llmcost_mock_stop(*mock), LLMCOST_E_MISUSE);
    return 0;
}

static void misuse_is_told(void **state)
{
    (void)state;
    llmcost_mock *mock = NULL, *second = NULL;
    llmcost_mock_options options = LLMCOST_MOCK_OPTIONS_INIT;
    assert_int_equal(llmcost_mock_start(NULL, NULL, NULL), LLMCOST_E_MISUSE);
    options.struct_size = 2;
    assert_int_equal(llmcost_mock_start(&mock, NULL, &options), LLMCOST_E_MISUSE);
    llmcost_allocator half = { 0 };
    llmcost_mock_options_init(&options, sizeof options);
    options.allocator = &half;
    assert_int_equal(llmcost_mock_start(&mock, NULL, &options), LLMCOST_E_MISUSE);
    struct { llmcost_mock_options known; char more[8]; } future = { .known = LLMCOST_MOCK_OPTIONS_INIT };
    future.known.struct_size = sizeof future;
    future.more[7] = 1;
    assert_int_equal(llmcost_mock_start(&mock, NULL, &future.known), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_mock_stop(NULL), LLMCOST_OK);
    assert_int_equal(llmcost_mock_script(NULL, NULL, NULL), LLMCOST_E_MISUSE);
    size_t bytes = 1;
    assert_null(llmcost_mock_url(NULL));
    assert_null(llmcost_mock_request_body(NULL, 0, &bytes));
    assert_null(llmcost_mock_request_header(NULL, 0, ":path"));
    assert_int_equal(bytes + llmcost_mock_port(NULL) + llmcost_mock_request_count(NULL) + llmcost_mock_connection_count(NULL), 0);
    assert_int_equal(llmcost_mock_open_count(NULL) + llmcost_mock_abandoned_count(NULL), 0);
    llmcost_mock_options_init(&options, sizeof options);
    options.on_request = stop_inside;
    options.on_request_user = &mock;
    options.record_requests = -1;
    assert_int_equal(llmcost_mock_start(&mock, NULL, &options), LLMCOST_OK);
    http_reply reply = http_call(NULL, llmcost_mock_url(mock), OPENAI, HELLO, NULL);
    assert_int_equal(reply.status, 200);
    http_reply_free(&reply);
    assert_null(llmcost_mock_request_body(mock, 0, NULL));
    llmcost_error *error = NULL;
    options.port = llmcost_mock_port(mock);
    options.error = &error;
    assert_int_equal(llmcost_mock_start(&second, NULL, &options), LLMCOST_E_NETWORK);
    assert_null(second);
    assert_non_null(strstr(llmcost_error_message(error), "port"));
    llmcost_error_free(error);
    uint16_t port = llmcost_mock_port(mock);
    llmcost_mock_stop(mock);
    llmcost_mock_options_init(&options, sizeof options);
    options.port = port; /* free again at once */
    assert_int_equal(llmcost_mock_start(&mock, NULL, &options), LLMCOST_OK);
    assert_int_equal(llmcost_mock_port(mock), port);
    llmcost_mock_stop(mock);
}

static void *keep_replacing(void *user)
{
    llmcost_mock *mock = user;
    for (int i = 0; i < 300; i++) {
        if (llmcost_mock_script(mock, i % 2 ? FIXED : "{\"default\":{\"reply\":{\"text\":\"fixed too\"}}}", NULL) != LLMCOST_OK)
            return user;
        llmcost_mock_request_body(mock, llmcost_mock_request_count(mock) - 1, NULL);
        llmcost_mock_open_count(mock);
    }
    return NULL;
}

static void any_thread_may_replace_and_read(void **state)
{
    (void)state;
    llmcost_mock *mock = start(FIXED);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, keep_replacing, mock), 0);
    CURL *curl = curl_easy_init();
    for (int i = 0; i < 300; i++) {
        http_reply reply = http_call(curl, llmcost_mock_url(mock), OPENAI, HELLO, NULL);
        assert_int_equal(reply.status, 200);
        assert_non_null(strstr(reply.body, "\"content\":\"fixed"));
        http_reply_free(&reply);
    }
    curl_easy_cleanup(curl);
    for (int i = 0; i < 2; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    llmcost_mock_stop(mock);
}

struct meter {
    atomic_long live, left; /* left: allocations until one fails; below 0: none fails */
};

static int may_allocate(struct meter *meter)
{
    return atomic_load(&meter->left) < 0 || atomic_fetch_sub(&meter->left, 1) != 0;
}

static void *metered_allocate(size_t bytes, void *user)
{
    struct meter *meter = user;
    void *memory = may_allocate(meter) ? malloc(bytes) : NULL;
    atomic_fetch_add(&meter->live, memory != NULL);
    return memory;
}

static void *metered_reallocate(void *memory, size_t bytes, void *user)
{
    struct meter *meter = user;
    return may_allocate(meter) ? realloc(memory, bytes) : NULL;
}

static void metered_release(void *memory, void *user)
{
    struct meter *meter = user;
    atomic_fetch_sub(&meter->live, memory != NULL);
    free(memory);
}

static void starting_survives_want_of_memory(void **state)
{
    (void)state;
    static const char script[] = "{\"rules\":[{\"reply\":{\"text\":\"a\",\"tool_calls\":[{\"name\":\"f\",\"arguments\":{\"a\":1}}]}},{\"reply\":{\"choices\":[{\"text\":\"a\"}]}}]}";
    struct meter meter = { 0 };
    llmcost_allocator allocator = { metered_allocate, metered_reallocate, metered_release, &meter };
    llmcost_mock_options options = LLMCOST_MOCK_OPTIONS_INIT;
    options.allocator = &allocator;
    llmcost_mock *mock = NULL;
    long n = 0;
    for (; n < 1000 && !mock; n++) {
        llmcost_error *error = NULL;
        options.error = &error;
        atomic_store(&meter.left, n);
        llmcost_status status = llmcost_mock_start(&mock, script, &options);
        assert_int_equal(status, mock ? LLMCOST_OK : LLMCOST_E_MEMORY);
        if (mock)
            break;
        atomic_store(&meter.left, -1);
        llmcost_error_free(error);
        assert_int_equal(atomic_load(&meter.live), 0);
    }
    assert_non_null(mock);
    assert_in_range(n, 7, 100);
    atomic_store(&meter.left, -1);
    llmcost_mock_stop(mock);
    assert_int_equal(atomic_load(&meter.live), 0);
}

/* The n-th allocation of a call fails: the call is dropped or answered, and the next one is answered. */
static void serving_survives_want_of_memory(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        HELLO,
        "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hello hello hello hello\"}]}",
        "{\"model\":\"m\",\"logprobs\":true,\"messages\":[{\"role\":\"user\",\"content\":\"special\"}]}",
        "{\"model\":\"m\",\"messages\":7}",
    };
    struct meter meter = { .left = -1 };
    llmcost_allocator allocator = { metered_allocate, metered_reallocate, metered_release, &meter };
    llmcost_mock_options options = LLMCOST_MOCK_OPTIONS_INIT;
    options.allocator = &allocator;
    llmcost_mock *mock = NULL;
    assert_int_equal(llmcost_mock_start(&mock, "{\"rules\":[{\"match\":{\"contains\":\"special\"},\"chunk_delay_ms\":1,\"reply\":{\"text\":\"abc\",\"logprobs\":[-1,-2]}}]}", &options), LLMCOST_OK);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        long n = 0, wanted = i == 3 ? 400 : 200;
        int failures = 0;
        for (int fine = 0; n < 300 && fine < 3; n++) { /* until the failure lies behind the end of the call */
            atomic_store(&meter.left, n);
            http_reply reply = http_call(NULL, llmcost_mock_url(mock), OPENAI, bodies[i], NULL);
            int untouched = atomic_load(&meter.left) >= 0;
            atomic_store(&meter.left, -1);
            if (reply.result == CURLE_OK)
                assert_int_equal(reply.status, wanted);
            failures += reply.result != CURLE_OK;
            fine = reply.result == CURLE_OK && untouched ? fine + 1 : 0;
            http_reply_free(&reply);
            reply = http_call(NULL, llmcost_mock_url(mock), OPENAI, bodies[i], NULL);
            assert_int_equal(reply.result, CURLE_OK);
            assert_int_equal(reply.status, wanted);
            http_reply_free(&reply);
        }
        assert_in_range(n, 4, 290);
        assert_in_range(failures, 2, 290);
    }
    llmcost_mock_stop(mock);
    assert_int_equal(atomic_load(&meter.live), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_kept),
        cmocka_unit_test(requests_may_be_pipelined_and_split),
        cmocka_unit_test(hostile_bytes_are_refused),
        cmocka_unit_test(old_http_is_answered_without_chunks),
        cmocka_unit_test(a_body_waits_for_continue),
        cmocka_unit_test(large_and_chunked_bodies_arrive),
        cmocka_unit_test(thousands_of_connections_at_once),
        cmocka_unit_test(many_delays_at_once),
        cmocka_unit_test(stops_while_answers_are_held_back),
        cmocka_unit_test(a_child_serves),
        cmocka_unit_test(a_child_holds_nothing_of_its_parent),
        cmocka_unit_test(a_child_ends_with_its_parent),
        cmocka_unit_test(a_child_runs_the_callback),
        cmocka_unit_test(misuse_is_told),
        cmocka_unit_test(any_thread_may_replace_and_read),
        cmocka_unit_test(starting_survives_want_of_memory),
        cmocka_unit_test(serving_survives_want_of_memory),
    };
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failures;
}
