/* How connections are opened, kept, shared out and counted; and what comes compressed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/live.h"

#include <arpa/inet.h>
#include <llmcost/plugin.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const models[] = { OPENAI_MODEL, ANTHROPIC_MODEL };

static void a_thousand_calls_make_one_connection(void **state)
{
    (void)state;
    live all;
    live_result result;
    live_open(&all, NULL, NULL, NULL);
    for (int i = 0; i < 1000; i++) {
        live_ask(&all, BLOCKING, OPENAI_MODEL, "hello", &result);
        assert_int_equal(result.status, LLMCOST_OK);
        live_result_free(&result);
    }
    assert_int_equal(llmcost_mock_connection_count(all.mock), 1);
    assert_int_equal(llmcost_mock_request_count(all.mock), 1000);
    for (int i = 0; i < 300; i++) { /* also when ways and formats alternate: drivers are leased in turn, one host is one connection */
        live_ask(&all, (live_way)(i % LIVE_WAYS), models[i % 2], "hello", &result);
        assert_int_equal(result.status, LLMCOST_OK);
        live_result_free(&result);
    }
    assert_int_equal(llmcost_mock_connection_count(all.mock), 1);
    live_close(&all);
}

static void kept_alive_after_errors(void **state)
{
    (void)state;
    static const char *const faults[] = { "\"status\":429", "\"status\":500", "\"status\":401", "\"html\":true", "\"garbage_body\":true", "\"error_with_200\":{}", "\"no_usage\":true" };
    live all;
    live_result result;
    live_open(&all, NULL, NULL, NULL);
    for (size_t i = 0; i < 7 * LIVE_WAYS; i++) {
        char script[200];
        snprintf(script, sizeof script, "{\"default\":{\"fault\":{%s}}}", faults[i % 7]);
        live_script(&all, script);
        live_ask(&all, (live_way)(i / 7), models[i % 2], "hello", &result);
        live_result_free(&result);
    }
    assert_int_equal(llmcost_mock_connection_count(all.mock), 1);
    live_close(&all);
}

/* ---- many calls on one loop ---- */

typedef struct tally {
    int done, failed;
} tally;

static void count_done(uint64_t call, llmcost_response *response, void *user)
{
    (void)call;
    tally *counted = user;
    counted->done++;
    counted->failed += llmcost_response_status(response) != LLMCOST_OK;
    llmcost_response_free(response);
}

static double run_many(llmcost_loop *loop, const char *model, int calls, tally *counted)
{
    double began = seconds_now();
    llmcost_message message = live_user("hello");
    llmcost_request request = live_request(model, &message);
    *counted = (tally){ 0, 0 };
    for (int i = 0; i < calls; i++)
        assert_int_equal(llmcost_loop_submit(loop, &request, NULL, count_done, counted, NULL), LLMCOST_OK);
    while (llmcost_loop_pending(loop) > 0)
        assert_int_equal(llmcost_loop_poll(loop, 1000), LLMCOST_OK);
    assert_int_equal(counted->done, calls);
    assert_int_equal(counted->failed, 0);
    return seconds_now() - began;
}

static void connections_are_bounded(void **state)
{
    (void)state;
    live all;
    tally counted;
    llmcost_loop *loop = NULL;
    live_open(&all, "{\"default\":{\"delay_ms\":20}}", "\"retries\":0,\"max_connections\":4", NULL);
    assert_int_equal(llmcost_loop_open(all.client, &loop), LLMCOST_OK);
    double seconds = run_many(loop, OPENAI_MODEL, 40, &counted);
    assert_int_equal(llmcost_mock_connection_count(all.mock), 4);
    assert_true(seconds >= 0.19); /* ten rounds of four */
    run_many(loop, OPENAI_MODEL, 40, &counted);
    assert_int_equal(llmcost_mock_connection_count(all.mock), 4);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    live_close(&all);
}

/* ---- two answers in one round ---- */

typedef struct pair {
    llmcost_leg *children[2];
} pair;

static llmcost_verdict ask_twice(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    pair *both = memory;
    for (int i = 0; i < 2; i++) {
        llmcost_spawn spawn = { .struct_size = sizeof spawn, .purpose = "hedge" };
        both->children[i] = llmcost_leg_spawn(leg, &spawn);
    }
    return LLMCOST_WAIT;
}

static llmcost_verdict take_the_first(llmcost_leg *leg, void *memory, void *user, const llmcost_wake *wake)
{
    (void)user;
    const pair *both = memory;
    llmcost_leg_cancel_child(leg, both->children[wake->child == both->children[0]]);
    return llmcost_leg_adopt(leg, wake->child);
}

/* The first of the two to be told ends the other, which has landed and was not told yet. */
static void the_loser_has_landed(void **state)
{
    (void)state;
    enum { CALLS = 10 };
    const llmcost_policy hedge = { .struct_size = sizeof hedge, .phase = LLMCOST_PHASE_ROUTE, .name = "hedge", .state_bytes = sizeof(pair), .enter = ask_twice, .resume = take_the_first };
    live all;
    tally counted = { 0, 0 };
    llmcost_loop *loop = NULL;
    llmcost_message message = live_user("hello");
    llmcost_request request = live_request(OPENAI_MODEL, &message);
    live_open(&all, "{\"default\":{\"delay_ms\":20}}", NULL, NULL);
    assert_int_equal(llmcost_client_add_policy(all.client, &hedge), LLMCOST_OK);
    assert_int_equal(llmcost_loop_open(all.client, &loop), LLMCOST_OK);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(llmcost_loop_submit(loop, &request, NULL, count_done, &counted, NULL), LLMCOST_OK);
        while (llmcost_mock_request_count(all.mock) < 2 * (uint64_t)(i + 1) && llmcost_loop_pending(loop) > 0)
            assert_int_equal(llmcost_loop_poll(loop, 0), LLMCOST_OK);
        usleep(50000); /* both answers wait, most times: what happens then must be right either way */
        while (llmcost_loop_pending(loop) > 0)
            assert_int_equal(llmcost_loop_poll(loop, 1000), LLMCOST_OK);
        assert_int_equal(counted.done, i + 1);
    }
    assert_int_equal(counted.failed, 0);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    live_close(&all);
}

/* Those who wait for a place leave it in good order: by cancelling, by their deadline, and the place of a cancelled call goes on. */
static void a_queue_for_places(void **state)
{
    (void)state;
    live all;
    llmcost_loop *loop = NULL;
    tally first = { 0, 0 }, late = { 0, 0 }, cancelled = { 0, 0 }, last = { 0, 0 };
    uint64_t id = 0, running = 0;
    live_open(&all, "{\"rules\":[{\"times\":1,\"delay_ms\":120000}]}", "\"retries\":0,\"max_connections\":1", NULL);
    assert_int_equal(llmcost_loop_open(all.client, &loop), LLMCOST_OK);
    llmcost_message message = live_user("hello");
    llmcost_request request = live_request(OPENAI_MODEL, &message), hasty = request;
    hasty.deadline_ms = 50;
    assert_int_equal(llmcost_loop_submit(loop, &request, NULL, count_done, &first, &running), LLMCOST_OK);
    assert_int_equal(llmcost_loop_submit(loop, &hasty, NULL, count_done, &late, NULL), LLMCOST_OK);
    assert_int_equal(llmcost_loop_submit(loop, &request, NULL, count_done, &cancelled, &id), LLMCOST_OK);
    assert_int_equal(llmcost_loop_submit(loop, &request, NULL, count_done, &last, NULL), LLMCOST_OK);
    assert_int_equal(llmcost_loop_poll(loop, 0), LLMCOST_OK);
    assert_int_equal(llmcost_loop_cancel(loop, id), LLMCOST_OK);
    double began = seconds_now();
    while (late.done + cancelled.done < 2 || llmcost_mock_request_count(all.mock) == 0)
        llmcost_loop_poll(loop, 20);
    assert_true(seconds_now() - began < 60);
    assert_int_equal(late.failed + cancelled.failed, 2);
    assert_int_equal(first.done, 0);
    assert_int_equal(llmcost_loop_cancel(loop, running), LLMCOST_OK);
    while (llmcost_loop_pending(loop) > 0)
        llmcost_loop_poll(loop, 1000);
    assert_int_equal(first.failed, 1);
    assert_int_equal(last.done, 1);
    assert_int_equal(last.failed, 0);
    assert_int_equal(llmcost_mock_request_count(all.mock), 2); /* what waited was never sent */
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    live_close(&all);
}

/* Over plain http no call waits for another's answer to learn that connections cannot be shared. */
static void the_first_calls_go_out_together(void **state)
{
    (void)state;
    live all;
    tally counted = { 0, 0 };
    llmcost_loop *loop = NULL;
    live_open(&all, "{\"default\":{\"delay_ms\":120000}}", NULL, NULL);
    assert_int_equal(llmcost_loop_open(all.client, &loop), LLMCOST_OK);
    llmcost_message message = live_user("hello");
    llmcost_request request = live_request(OPENAI_MODEL, &message);
    for (int i = 0; i < 20; i++)
        assert_int_equal(llmcost_loop_submit(loop, &request, NULL, count_done, &counted, NULL), LLMCOST_OK);
    for (double until = seconds_now() + 60; llmcost_mock_request_count(all.mock) < 20 && seconds_now() < until;)
        assert_int_equal(llmcost_loop_poll(loop, 20), LLMCOST_OK);
    assert_int_equal(llmcost_mock_request_count(all.mock), 20);
    assert_int_equal(counted.done, 0);
    assert_int_equal(llmcost_mock_connection_count(all.mock), 20);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    assert_int_equal(counted.failed, 20);
    live_close(&all);
}

/* A second burst finds the connections of the first. */
static void bursts_share_connections(void **state)
{
    (void)state;
    live all;
    tally counted;
    llmcost_loop *loop = NULL;
    live_open(&all, "{\"rules\":[{\"times\":50,\"delay_ms\":2000}],\"default\":{\"delay_ms\":50}}", NULL, NULL); /* all fifty are on their way at first */
    assert_int_equal(llmcost_loop_open(all.client, &loop), LLMCOST_OK);
    for (int i = 0; i < 4; i++)
        run_many(loop, models[i % 2], 50, &counted);
    assert_int_equal(llmcost_mock_connection_count(all.mock), 50);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    live_close(&all);
}

/* A kept connection that the server has closed meanwhile: the next call opens another, and nobody notices. */
static void a_closed_connection_is_replaced(void **state)
{
    (void)state;
    live all;
    live_result result;
    live_open(&all, "{\"default\":{\"reply\":{\"headers\":{\"Connection\":\"close\"}}}}", NULL, NULL);
    for (int i = 0; i < 2 * LIVE_WAYS; i++) {
        live_ask(&all, (live_way)(i / 2), models[i % 2], "hello", &result);
        assert_int_equal(result.status, LLMCOST_OK);
        live_result_free(&result);
    }
    live_close(&all);
}

/* A kept connection ends just as it is used again: sent once more on a new one, and never a third time. */
static void a_stale_connection_is_tried_once_more(void **state)
{
    (void)state;
    live all;
    live_result result;
    live_open(&all, NULL, NULL, NULL);
    for (int i = 0; i < 2 * LIVE_WAYS; i++) {
        live_script(&all, "{}");
        live_ask(&all, BLOCKING, OPENAI_MODEL, "hello", &result);
        live_result_free(&result);
        uint64_t before = llmcost_mock_request_count(all.mock);
        int always = i % 2;
        live_script(&all, always ? "{\"default\":{\"fault\":{\"close_before_reply\":true}}}" : "{\"rules\":[{\"times\":1,\"fault\":{\"close_before_reply\":true}}]}");
        live_ask(&all, (live_way)(i / 2), OPENAI_MODEL, "hello", &result);
        assert_int_equal(result.status, always ? LLMCOST_E_NETWORK : LLMCOST_OK);
        if (llmcost_mock_request_count(all.mock) - before != 2)
            fail_msg("%s, %s: %d requests", live_way_name((live_way)(i / 2)), always ? "always" : "once", (int)(llmcost_mock_request_count(all.mock) - before));
        live_result_free(&result);
    }
    live_close(&all);
}

/* ---- a host with a loop of its own ---- */

static void in_a_host_s_own_loop(void **state)
{
    (void)state;
    live all;
    tally counted = { 0, 0 };
    llmcost_loop *loop = NULL;
    live_open(&all, "{\"default\":{\"delay_ms\":100}}", NULL, NULL);
    assert_int_equal(llmcost_loop_open(all.client, &loop), LLMCOST_OK);
    llmcost_message message = live_user("hello");
    int rounds = 0;
    for (int burst = 0; burst < 2; burst++) {
        for (int i = 0; i < 10; i++) {
            llmcost_request request = live_request(models[i % 2], &message);
            assert_int_equal(llmcost_loop_submit(loop, &request, NULL, count_done, &counted, NULL), LLMCOST_OK);
        }
        while (llmcost_loop_pending(loop) > 0) {
            struct pollfd own = { .fd = llmcost_loop_descriptor(loop), .events = POLLIN };
            assert_true(poll(&own, 1, llmcost_loop_timeout_ms(loop)) >= 0);
            assert_int_equal(llmcost_loop_poll(loop, 0), LLMCOST_OK);
            rounds++;
        }
    }
    assert_int_equal(counted.done, 20);
    assert_int_equal(counted.failed, 0);
    assert_in_range(rounds, 2, 300); /* waits, and does not spin */
    /* Idle, and the kept connections are closed by the server: the descriptor becomes silent again. */
    llmcost_mock_stop(all.mock);
    assert_int_equal(llmcost_mock_start(&all.mock, NULL, NULL), LLMCOST_OK);
    struct pollfd own = { .fd = llmcost_loop_descriptor(loop), .events = POLLIN };
    for (rounds = 0; rounds < 100 && poll(&own, 1, 50) > 0; rounds++)
        assert_int_equal(llmcost_loop_poll(loop, 0), LLMCOST_OK);
    assert_in_range(rounds, 0, 30);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    live_close(&all);
}

/* No descriptor is left in the process: the call fails, says so, and a later one works. */
static void without_descriptors(void **state)
{
    (void)state;
    enum { MANY = 4096 };
    static int taken[MANY];
    struct rlimit limit, low;
    char config[300];
    llmcost_mock *mock = NULL;
    llmcost_client *client = NULL;
    llmcost_response *response = NULL;
    llmcost_mock_options options = LLMCOST_MOCK_OPTIONS_INIT;
    options.in_child_process = 1; /* with descriptors of its own */
    assert_int_equal(llmcost_mock_start(&mock, NULL, &options), LLMCOST_OK);
    snprintf(config, sizeof config, "{\"providers\":{\"openai\":{\"base_url\":\"%s/v1\",\"key\":\"" OPENAI_KEY "\",\"proxy\":\"\",\"retries\":0}}}", llmcost_mock_url(mock));
    assert_int_equal(llmcost_client_open(&client, config, NULL), LLMCOST_OK);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    low.rlim_cur = (rlim_t)open_descriptors() + 8;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    int count = 0, answered = 0;
    while (count < MANY && (taken[count] = dup(0)) >= 0)
        count++;
    for (int spare = 0; spare < 6 && spare < count; spare++) { /* none at all, then one more each time: fails at another place */
        llmcost_status status = llmcost_ask(client, OPENAI_MODEL, "hello", &response);
        if (status != LLMCOST_E_MEMORY && status != LLMCOST_E_NETWORK && status != LLMCOST_OK)
            fail_msg("%d descriptors left: %s", spare, llmcost_status_name(status));
        assert_true(spare > 0 || status != LLMCOST_OK);
        answered += status == LLMCOST_OK;
        llmcost_response_free(response);
        close(taken[--count]);
    }
    assert_true(answered > 0);
    while (count > 0)
        close(taken[--count]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(llmcost_ask(client, OPENAI_MODEL, "hello", &response), LLMCOST_OK);
    llmcost_response_free(response);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
    llmcost_mock_stop(mock);
}

/* ---- a server that compresses ---- */

typedef struct tiny_server {
    int listener;
    uint16_t port;
    pthread_t thread;
    char *answer;
    size_t answer_bytes;
    char request[4096];
} tiny_server;

static void *serve_once(void *user)
{
    tiny_server *server = user;
    int fd = accept(server->listener, NULL, NULL);
    size_t length = 0;
    ssize_t got;
    while (!strstr(server->request, "\r\n\r\n") && (got = read(fd, server->request + length, sizeof server->request - 1 - length)) > 0)
        length += (size_t)got;
    for (size_t at = 0; at < server->answer_bytes; at += (size_t)got) {
        if ((got = send(fd, server->answer + at, server->answer_bytes - at, MSG_NOSIGNAL)) <= 0)
            break;
    }
    shutdown(fd, SHUT_WR);
    while (read(fd, server->request + length, 1) > 0 && length < sizeof server->request - 1)
        length++;
    close(fd);
    return NULL;
}

/* Head and packed body; the packing is left to the gzip command. Returns the bytes written. */
static size_t pack(const char *body, size_t bytes, char *out)
{
    char path[] = "/tmp/llmcost-gzip-XXXXXX", command[100];
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, body, bytes) == (ssize_t)bytes);
    close(fd);
    snprintf(command, sizeof command, "gzip -c %s", path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n";
    memcpy(out, head, sizeof head - 1);
    size_t packed = fread(out + sizeof head - 1, 1, bytes + 500, pipe);
    assert_int_equal(pclose(pipe), 0);
    unlink(path);
    return sizeof head - 1 + packed;
}

static void serve(tiny_server *server, char *answer, size_t bytes)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    memset(server->request, 0, sizeof server->request);
    server->answer = answer;
    server->answer_bytes = bytes;
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server->listener, 4), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, serve_once, server), 0);
}

static llmcost_status ask_compressed(tiny_server *server, const char *text, const char *members, char **answer)
{
    char config[1000], *body = NULL;
    llmcost_client *client = NULL;
    llmcost_response *response = NULL;
    int bytes = asprintf(&body, "{\"id\":\"x\",\"object\":\"chat.completion\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},"
                                "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}", text);
    char *packed = malloc((size_t)bytes + 1000);
    assert_non_null(packed);
    serve(server, packed, pack(body, (size_t)bytes, packed));
    free(body);
    snprintf(config, sizeof config, "{\"providers\":{\"openai\":{\"base_url\":\"http://127.0.0.1:%d/v1\",\"key\":\"" OPENAI_KEY "\",\"proxy\":\"\",\"retries\":0%s}}}", server->port, members);
    assert_int_equal(llmcost_client_open(&client, config, NULL), LLMCOST_OK);
    llmcost_status status = llmcost_ask(client, OPENAI_MODEL, "hello", &response);
    *answer = strdup(llmcost_response_text(response));
    llmcost_response_free(response);
    llmcost_client_close(client);
    pthread_join(server->thread, NULL);
    close(server->listener);
    free(server->answer);
    return status;
}

/* Blanks and tabs around a header's value are no part of it. */
static void white_space_around_headers(void **state)
{
    (void)state;
    static const char *const waits[] = { "Retry-After: 7", "Retry-After:7", "Retry-After: \t 7 \t ", "retry-after:7\t" };
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        char config[500], *answer = NULL;
        tiny_server server;
        llmcost_client *client = NULL;
        llmcost_response *response = NULL;
        int bytes = asprintf(&answer, "HTTP/1.1 429 Slow\r\n%s\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", waits[i]);
        serve(&server, answer, (size_t)bytes);
        snprintf(config, sizeof config, "{\"providers\":{\"openai\":{\"base_url\":\"http://127.0.0.1:%d/v1\",\"key\":\"" OPENAI_KEY "\",\"proxy\":\"\",\"retries\":0}}}", server.port);
        assert_int_equal(llmcost_client_open(&client, config, NULL), LLMCOST_OK);
        assert_int_equal(llmcost_ask(client, OPENAI_MODEL, "hello", &response), LLMCOST_E_RATE_LIMITED);
        assert_int_equal(llmcost_error_retry_after_ms(llmcost_response_error(response)), 7000);
        llmcost_response_free(response);
        llmcost_client_close(client);
        pthread_join(server.thread, NULL);
        close(server.listener);
        free(answer);
    }
}

static void compressed_answers(void **state)
{
    (void)state;
    tiny_server server;
    char *answer = NULL;
    assert_int_equal(ask_compressed(&server, "packed and sent", "", &answer), LLMCOST_OK);
    assert_string_equal(answer, "packed and sent");
    const char *line = strstr(server.request, "\r\nAccept-Encoding: ");
    assert_non_null(line);
    assert_non_null(strstr(line, "gzip"));
    assert_null(strstr(line + 4, "Accept-Encoding"));
    free(answer);
}

/* Each of them once, in the order of the config; and "proxy": "" means none, whatever the environment says. */
static void all_headers_of_the_config(void **state)
{
    (void)state;
    enum { COUNT = 16 }; /* as many as a config may have */
    char members[600], line[32], *answer = NULL;
    size_t length = (size_t)snprintf(members, sizeof members, ",\"headers\":{");
    for (int i = 0; i < COUNT; i++)
        length += (size_t)snprintf(members + length, sizeof members - length, "%s\"X-N-%d\":\"v%d\"", i ? "," : "", i, i);
    snprintf(members + length, sizeof members - length, "}");
    tiny_server server;
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    llmcost_status status = ask_compressed(&server, "all of them", members, &answer);
    unsetenv("http_proxy");
    assert_int_equal(status, LLMCOST_OK);
    assert_string_equal(answer, "all of them");
    const char *at = server.request;
    for (int i = 0; i < COUNT; i++) {
        snprintf(line, sizeof line, "\r\nX-N-%d: v%d\r\n", i, i);
        at = strstr(at, line);
        assert_non_null(at);
        assert_null(strstr(at + 2, line));
    }
    free(answer);
}

/* Nobody waits for a server to say that it wants a large body. */
static void bodies_are_sent_unasked(void **state)
{
    (void)state;
    static const size_t sizes[] = { 10, 3 << 20, 10 };
    live all;
    live_result result;
    live_open(&all, NULL, NULL, NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *question = malloc(sizes[i] + 1);
        assert_non_null(question);
        memset(question, 'q', sizes[i]);
        question[sizes[i]] = '\0';
        live_ask(&all, BLOCKING, OPENAI_MODEL, question, &result);
        assert_int_equal(result.status, LLMCOST_OK);
        live_result_free(&result);
        assert_null(llmcost_mock_request_header(all.mock, i, "expect"));
        free(question);
    }
    live_close(&all);
}

/* What was kept of one host is not sent to another. */
static void hosts_in_turn(void **state)
{
    (void)state;
    char config[600];
    llmcost_mock *mocks[2] = { NULL, NULL };
    llmcost_client *client = NULL;
    for (int i = 0; i < 2; i++)
        assert_int_equal(llmcost_mock_start(&mocks[i], "{}", NULL), LLMCOST_OK);
    snprintf(config, sizeof config, "{\"providers\":{\"openai\":{\"base_url\":\"%s/v1\",\"key\":\"key-of-one\"},\"groq\":{\"base_url\":\"%s/v1\",\"key\":\"key-of-other\"}}}",
             llmcost_mock_url(mocks[0]), llmcost_mock_url(mocks[1]));
    assert_int_equal(llmcost_client_open(&client, config, NULL), LLMCOST_OK);
    for (uint64_t i = 0; i < 6; i++) {
        llmcost_response *response = NULL;
        assert_int_equal(llmcost_ask(client, i % 2 ? "groq/llama-3.3-70b-versatile" : OPENAI_MODEL, "hello", &response), LLMCOST_OK);
        llmcost_response_free(response);
        assert_int_equal(llmcost_mock_request_count(mocks[i % 2]), i / 2 + 1);
        assert_string_equal(llmcost_mock_request_header(mocks[i % 2], i / 2, "authorization"), i % 2 ? "Bearer key-of-other" : "Bearer key-of-one");
        assert_non_null(strstr(llmcost_mock_url(mocks[i % 2]), llmcost_mock_request_header(mocks[i % 2], i / 2, "host")));
    }
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
    for (int i = 0; i < 2; i++)
        llmcost_mock_stop(mocks[i]);
}

/* A small body that unpacks to a large one is measured unpacked. */
static void a_bomb_is_too_large(void **state)
{
    (void)state;
    enum { BYTES = 20 << 20 };
    tiny_server server;
    char *text = malloc(BYTES + 1), *answer = NULL;
    assert_non_null(text);
    memset(text, 'x', BYTES);
    text[BYTES] = '\0';
    assert_int_equal(ask_compressed(&server, text, ",\"max_response_bytes\":\"1MB\"", &answer), LLMCOST_E_TOO_LARGE);
    free(answer);
    free(text);
}

/* What is counted is told. */
static void connections_are_counted(void **state)
{
    (void)state;
    live all;
    live_result result;
    char *stats = NULL;
    live_open(&all, NULL, NULL, NULL);
    for (int i = 0; i < 5; i++) {
        live_ask(&all, BLOCKING, OPENAI_MODEL, "hello", &result);
        live_result_free(&result);
    }
    assert_int_equal(llmcost_stats(all.client, &stats), LLMCOST_OK);
    assert_non_null(strstr(stats, "\"connections\":1"));
    llmcost_string_free(stats);
    live_close(&all);
}

static int64_t stands_still(void *user)
{
    (void)user;
    return INT64_C(5000000000);
}

/* A host's clock may tick as coarsely as it likes: what is to be done at once does not wait for its next tick. */
static void a_clock_that_stands_still(void **state)
{
    (void)state;
    llmcost_clock clock = { .monotonic_ns = stands_still, .wall_ms = stands_still };
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    llmcost_client *client = NULL;
    llmcost_mock *mock = NULL;
    char config[300];
    assert_int_equal(llmcost_mock_start(&mock, NULL, NULL), LLMCOST_OK);
    snprintf(config, sizeof config, "{\"providers\":{\"openai\":{\"base_url\":\"%s/v1\",\"key\":\"" OPENAI_KEY "\"}}}", llmcost_mock_url(mock));
    options.clock = &clock;
    assert_int_equal(llmcost_client_open(&client, config, &options), LLMCOST_OK);
    alarm(60); /* it would wait for ever */
    for (int i = 0; i < 3; i++) {
        llmcost_response *response = NULL;
        assert_int_equal(llmcost_ask(client, OPENAI_MODEL, "hello", &response), LLMCOST_OK);
        llmcost_response_free(response);
    }
    alarm(600);
    llmcost_client_close(client);
    llmcost_mock_stop(mock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_calls_make_one_connection), cmocka_unit_test(kept_alive_after_errors), cmocka_unit_test(connections_are_bounded), cmocka_unit_test(the_loser_has_landed),
        cmocka_unit_test(a_queue_for_places), cmocka_unit_test(the_first_calls_go_out_together), cmocka_unit_test(bursts_share_connections),
        cmocka_unit_test(a_closed_connection_is_replaced), cmocka_unit_test(compressed_answers), cmocka_unit_test(white_space_around_headers), cmocka_unit_test(all_headers_of_the_config), cmocka_unit_test(bodies_are_sent_unasked), cmocka_unit_test(hosts_in_turn), cmocka_unit_test(a_bomb_is_too_large),
        cmocka_unit_test(connections_are_counted), cmocka_unit_test(a_stale_connection_is_tried_once_more), cmocka_unit_test(in_a_host_s_own_loop), cmocka_unit_test(a_clock_that_stands_still), cmocka_unit_test(without_descriptors),
    };
    alarm(600);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
