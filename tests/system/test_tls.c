/*
 * TLS and HTTP/2, with nginx in front of the loopback provider. Certificates are made by the openssl command for each
 * run. Skipped by name where nginx or openssl is not installed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/http_call.h"
#include "../support/live.h"
#include "../support/shared.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64], nginx_program[64];
static llmcost_mock *mock;
static pid_t nginx;
static int good_port, expired_port, old_port; /* old: HTTP/1.1 only */

/* ---- the proxy and its certificates ---- */

static int run_command(const char *format, ...)
{
    char command[1000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    return system(command);
}

static int free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || getsockname(fd, (struct sockaddr *)&address, &size))
        return 0;
    close(fd);
    return ntohs(address.sin_port);
}

static int make_certificate(const char *name, const char *dates)
{
    return run_command("cd %s && openssl req -newkey rsa:2048 -nodes -keyout %s.key -out %s.csr -subj /CN=localhost >/dev/null 2>&1 && "
                       "printf 'subjectAltName=DNS:localhost\\n' > %s.ext && "
                       "openssl x509 -req -in %s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out %s.pem -extfile %s.ext %s >/dev/null 2>&1",
                       folder, name, name, name, name, name, name, dates);
}

static int make_certificates(void)
{
    return run_command("cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj '/CN=Test CA' -days 2 >/dev/null 2>&1 && "
                       "openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -subj '/CN=Other CA' -days 2 >/dev/null 2>&1", folder) ||
           make_certificate("good", "-days 2") || make_certificate("expired", "-days -1");
}

static void write_server(FILE *out, int port, const char *certificate, const char *protocol)
{
    fprintf(out,
            "server { listen 127.0.0.1:%d ssl%s; server_name localhost; ssl_certificate %s/%s.pem; ssl_certificate_key %s/%s.key;\n"
            " location / { proxy_pass http://127.0.0.1:%d; proxy_http_version 1.1; proxy_buffering off; proxy_set_header Connection ''; } }\n",
            port, protocol, folder, certificate, folder, certificate, llmcost_mock_port(mock));
}

static int write_config(void)
{
    char path[100];
    snprintf(path, sizeof path, "%s/nginx.conf", folder);
    FILE *out = fopen(path, "w");
    if (!out)
        return -1;
    fprintf(out,
            "daemon off; master_process off; pid %s/pid; error_log %s/error.log;\nevents { worker_connections 1000; }\n"
            "http { log_format wire '$server_protocol $connection'; access_log %s/access.log wire; client_max_body_size 10m;\n"
            "client_body_temp_path %s/a; proxy_temp_path %s/b; fastcgi_temp_path %s/c; uwsgi_temp_path %s/d; scgi_temp_path %s/e;\n",
            folder, folder, folder, folder, folder, folder, folder, folder);
    write_server(out, good_port, "good", " http2");
    write_server(out, expired_port, "expired", " http2");
    write_server(out, old_port, "good", "");
    fprintf(out, "}\n");
    return fclose(out);
}

static int wait_until_it_listens(void)
{
    for (int i = 0; i < 6000; i++) {
        int fd = raw_connect((uint16_t)old_port);
        if (fd >= 0) {
            close(fd);
            return 0;
        }
        usleep(10000);
    }
    return -1;
}

static int start_nginx(void)
{
    char config[100], log[100];
    snprintf(config, sizeof config, "%s/nginx.conf", folder);
    snprintf(log, sizeof log, "%s/error.log", folder);
    nginx = fork();
    if (nginx == 0) {
        execl(nginx_program, "nginx", "-p", folder, "-e", log, "-c", config, (char *)NULL);
        _exit(127);
    }
    return nginx < 0 || wait_until_it_listens();
}

static int start_all(void **state)
{
    (void)state;
    static const char *const places[] = { "/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx" };
    for (size_t i = 0; i < 3 && !*nginx_program; i++) {
        if (access(places[i], X_OK) == 0)
            strcpy(nginx_program, places[i]);
    }
    if (!*nginx_program || run_command("openssl version >/dev/null 2>&1"))
        return 0;
    strcpy(folder, "/tmp/llmcost-tls-XXXXXX");
    if (!mkdtemp(folder) || llmcost_mock_start(&mock, NULL, NULL))
        return -1;
    good_port = free_port();
    expired_port = free_port();
    old_port = free_port();
    return make_certificates() || write_config() || start_nginx();
}

static int stop_all(void **state)
{
    (void)state;
    if (nginx > 0) {
        kill(nginx, SIGTERM);
        waitpid(nginx, NULL, 0);
    }
    llmcost_mock_stop(mock);
    return *folder ? run_command("rm -rf %s", folder) : 0;
}

static void need_nginx(void)
{
    if (*nginx_program && nginx > 0)
        return;
    print_message("skipped: nginx or openssl is not installed\n");
    skip();
}

/* Lines of the access log that hold a word; nginx writes them when a request is over. */
static int logged(const char *word)
{
    char path[100];
    int count = 0;
    snprintf(path, sizeof path, "%s/access.log", folder);
    char *text = read_file(path, NULL);
    for (char *at = text; at && (at = strstr(at, word)); at++)
        count++;
    free(text);
    return count;
}

static void wait_logged(const char *word, int wanted)
{
    for (int i = 0; i < 6000 && logged(word) != wanted; i++)
        usleep(10000);
    assert_int_equal(logged(word), wanted);
}

/* One process writes the log in its turn: once a last request is in it, so is everything before. */
static void forget_log(void)
{
    static const char last[] = "GET /last HTTP/1.0\r\n\r\n"; /* without TLS: refused, and logged */
    char path[100];
    int fd = raw_connect((uint16_t)old_port);
    assert_true(raw_send(fd, last, sizeof last - 1));
    wait_logged("HTTP/1.0", 1);
    close(fd);
    snprintf(path, sizeof path, "%s/access.log", folder);
    assert_int_equal(truncate(path, 0), 0);
}

/* ---- clients ---- */

static llmcost_client *client_of(const char *host, int port, const char *members)
{
    char config[1000];
    llmcost_client *client = NULL;
    llmcost_error *error = NULL;
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    options.error = &error;
    snprintf(config, sizeof config,
             "{\"providers\":{\"openai\":{\"base_url\":\"https://%s:%d/v1\",\"key\":\"" OPENAI_KEY "\",\"proxy\":\"\",\"retries\":1%s},"
             "\"anthropic\":{\"base_url\":\"https://%s:%d\",\"key\":\"" ANTHROPIC_KEY "\",\"proxy\":\"\",\"retries\":1%s}}}",
             host, port, members, host, port, members);
    if (llmcost_client_open(&client, config, &options))
        fail_msg("%s", llmcost_error_message(error));
    return client;
}

static const char *trusting(const char *ca)
{
    static char members[200];
    snprintf(members, sizeof members, ",\"ca_file\":\"%s/%s.pem\"", folder, ca);
    return members;
}

static void expect_refusal(const char *host, int port, const char *members)
{
    static const char *const models[] = { OPENAI_MODEL, ANTHROPIC_MODEL };
    uint64_t requests = llmcost_mock_request_count(mock), connections = llmcost_mock_connection_count(mock);
    llmcost_client *client = client_of(host, port, members);
    for (size_t i = 0; i < 2; i++) {
        llmcost_response *response = NULL;
        llmcost_status status = llmcost_ask(client, models[i], "hello", &response);
        if (status != LLMCOST_E_TLS)
            fail_msg("%s:%d: %s: %s", host, port, llmcost_status_name(status), status ? llmcost_error_message(llmcost_response_error(response)) : "");
        assert_int_equal(llmcost_response_line_count(response), 1); /* trying again would not help */
        assert_int_equal(llmcost_response_cost_nano(response), 0);
        assert_int_equal(llmcost_error_http_status(llmcost_response_error(response)), 0);
        assert_no_secret_in(response);
        llmcost_response_free(response);
    }
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
    assert_int_equal(llmcost_mock_request_count(mock), requests);
    assert_int_equal(llmcost_mock_connection_count(mock), connections); /* the key never left */
}

/* ---- certificates ---- */

static void a_known_authority_is_trusted(void **state)
{
    (void)state;
    need_nginx();
    llmcost_client *client = client_of("localhost", good_port, trusting("ca"));
    llmcost_response *response = NULL;
    assert_int_equal(llmcost_ask(client, OPENAI_MODEL, "hello", &response), LLMCOST_OK);
    assert_string_equal(llmcost_response_text(response), "hello");
    llmcost_response_free(response);
    assert_int_equal(llmcost_ask(client, ANTHROPIC_MODEL, "hello", &response), LLMCOST_OK);
    llmcost_response_free(response);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
}

static void an_unknown_authority_is_refused(void **state)
{
    (void)state;
    need_nginx();
    expect_refusal("localhost", good_port, "");
    expect_refusal("localhost", good_port, trusting("other"));
}

static void a_wrong_host_name_is_refused(void **state)
{
    (void)state;
    need_nginx();
    expect_refusal("127.0.0.1", good_port, trusting("ca"));
}

static void an_expired_certificate_is_refused(void **state)
{
    (void)state;
    need_nginx();
    expect_refusal("localhost", expired_port, trusting("ca"));
}

static void a_missing_ca_file_is_an_error(void **state)
{
    (void)state;
    need_nginx();
    expect_refusal("localhost", good_port, trusting("missing"));
}

static void any_certificate_when_asked_for(void **state)
{
    (void)state;
    need_nginx();
    const struct {
        const char *host;
        int port;
    } places[] = { { "localhost", good_port }, { "127.0.0.1", good_port }, { "localhost", expired_port } };
    for (size_t i = 0; i < 3; i++) {
        llmcost_client *client = client_of(places[i].host, places[i].port, ",\"accept_any_certificate\":true");
        llmcost_response *response = NULL;
        assert_int_equal(llmcost_ask(client, OPENAI_MODEL, "hello", &response), LLMCOST_OK);
        llmcost_response_free(response);
        assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
    }
}

/* A server that does not answer a greeting in TLS: waiting for it is part of connecting. */
static void silence_instead_of_tls(void **state)
{
    (void)state;
    need_nginx();
    uint64_t requests = llmcost_mock_request_count(mock);
    char members[300];
    snprintf(members, sizeof members, "%s,\"connect_ms\":150", trusting("ca"));
    llmcost_client *client = client_of("localhost", llmcost_mock_port(mock), members);
    llmcost_response *response = NULL;
    double began = seconds_now();
    assert_int_equal(llmcost_ask(client, OPENAI_MODEL, "hello", &response), LLMCOST_E_CONNECT_TIMEOUT);
    assert_true(seconds_now() - began < 8); /* two attempts and the pause between; connect_ms is 10 s otherwise */
    assert_int_equal(llmcost_response_cost_nano(response), 0);
    llmcost_response_free(response);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
    assert_int_equal(llmcost_mock_request_count(mock), requests);
}

/* A server that hangs up in the middle of the greeting, as one does that is being replaced: a passing failure. */
static void *hang_up(void *user)
{
    int listener = *(int *)user;
    for (int i = 0; i < 2; i++) {
        char greeting[16];
        int fd = accept(listener, NULL, NULL);
        struct linger abort_it = { 1, 0 };
        if (read(fd, greeting, sizeof greeting) > 0 && i == 0)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_it, sizeof abort_it);
        close(fd);
    }
    return NULL;
}

static void a_broken_greeting_is_tried_again(void **state)
{
    (void)state;
    need_nginx();
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    pthread_t thread;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(pthread_create(&thread, NULL, hang_up, &listener), 0);
    llmcost_client *client = client_of("127.0.0.1", ntohs(address.sin_port), trusting("ca")); /* one retry */
    llmcost_response *response = NULL;
    llmcost_status status = llmcost_ask(client, OPENAI_MODEL, "hello", &response);
    if (status != LLMCOST_E_NETWORK)
        fail_msg("%s", llmcost_error_message(llmcost_response_error(response)));
    assert_int_equal(llmcost_response_line_count(response), 2);
    assert_int_equal(llmcost_response_cost_nano(response), 0);
    llmcost_response_free(response);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
    pthread_join(thread, NULL);
    close(listener);
}

/* Trust is each provider's own: one that accepts anything does not soften its neighbour, who shares driver and host. */
static void trust_is_not_shared(void **state)
{
    (void)state;
    need_nginx();
    char config[800];
    llmcost_client *client = NULL;
    snprintf(config, sizeof config,
             "{\"providers\":{\"openai\":{\"base_url\":\"https://localhost:%d/v1\",\"key\":\"" OPENAI_KEY "\",\"proxy\":\"\",\"accept_any_certificate\":true},"
             "\"anthropic\":{\"base_url\":\"https://localhost:%d\",\"key\":\"" ANTHROPIC_KEY "\",\"proxy\":\"\",\"retries\":0}}}", expired_port, expired_port);
    assert_int_equal(llmcost_client_open(&client, config, NULL), LLMCOST_OK);
    for (int i = 0; i < 6; i++) {
        llmcost_response *response = NULL;
        llmcost_status status = llmcost_ask(client, i % 2 ? ANTHROPIC_MODEL : OPENAI_MODEL, "hello", &response);
        assert_int_equal(status, i % 2 ? LLMCOST_E_TLS : LLMCOST_OK);
        llmcost_response_free(response);
    }
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
}

/* ---- HTTP/2 ---- */

static int done;

static void count_done(uint64_t call, llmcost_response *response, void *user)
{
    (void)call;
    (void)user;
    done++;
    if (llmcost_response_status(response))
        fail_msg("%s", llmcost_error_message(llmcost_response_error(response)));
    assert_string_equal(llmcost_response_text(response), "hello");
    llmcost_response_free(response);
}

static int take_event(const llmcost_event *event, void *user)
{
    (void)event;
    (void)user;
    return 0;
}

static void run_burst(int port, int calls, char **stats)
{
    llmcost_client *client = client_of("localhost", port, trusting("ca"));
    llmcost_loop *loop = NULL;
    done = 0;
    assert_int_equal(llmcost_loop_open(client, &loop), LLMCOST_OK);
    llmcost_message message = live_user("hello");
    for (int i = 0; i < calls; i++) {
        llmcost_request request = live_request(i % 2 ? ANTHROPIC_MODEL : OPENAI_MODEL, &message);
        assert_int_equal(llmcost_loop_submit(loop, &request, i % 3 ? take_event : NULL, count_done, NULL, NULL), LLMCOST_OK);
    }
    while (llmcost_loop_pending(loop) > 0)
        assert_int_equal(llmcost_loop_poll(loop, 1000), LLMCOST_OK);
    assert_int_equal(done, calls);
    assert_int_equal(llmcost_stats(client, stats), LLMCOST_OK);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
}

static long connections_in(const char *stats)
{
    const char *at = strstr(stats, "\"connections\":");
    assert_non_null(at);
    return atol(at + 14);
}

static void many_streams_on_few_connections(void **state)
{
    (void)state;
    need_nginx();
    char *stats = NULL;
    forget_log();
    assert_int_equal(llmcost_mock_script(mock, "{\"default\":{\"delay_ms\":100}}", NULL), LLMCOST_OK);
    run_burst(good_port, 60, &stats);
    wait_logged("HTTP/2.0", 60);
    assert_int_equal(logged("HTTP/1.1"), 0);
    if (connections_in(stats) > 2)
        fail_msg("60 calls at once opened %ld connections", connections_in(stats));
    llmcost_string_free(stats);
    assert_int_equal(llmcost_mock_script(mock, "{}", NULL), LLMCOST_OK);
}

static void http_1_where_that_is_offered(void **state)
{
    (void)state;
    need_nginx();
    char *stats = NULL;
    forget_log();
    run_burst(old_port, 20, &stats);
    wait_logged("HTTP/1.1", 20);
    assert_int_equal(logged("HTTP/2.0"), 0);
    llmcost_string_free(stats);
}

/* One stream is left in the middle; its neighbours on the same connection do not notice. */
static int leave_it(const llmcost_event *event, void *user)
{
    (void)event;
    return *(int *)user;
}

static void count_left(uint64_t call, llmcost_response *response, void *user)
{
    (void)call;
    done++;
    assert_int_equal(llmcost_response_status(response), *(int *)user ? LLMCOST_E_CANCELLED : LLMCOST_OK);
    assert_true(*(int *)user || strcmp(llmcost_response_text(response), "0123456789") == 0);
    llmcost_response_free(response);
}

static void leaving_one_stream_of_many(void **state)
{
    (void)state;
    need_nginx();
    static int leaves[2] = { 0, 1 };
    assert_int_equal(llmcost_mock_script(mock, "{\"default\":{\"reply\":{\"text\":\"0123456789\"},\"chunk_bytes\":1,\"chunk_delay_ms\":10}}", NULL), LLMCOST_OK);
    llmcost_client *client = client_of("localhost", good_port, trusting("ca"));
    llmcost_loop *loop = NULL;
    done = 0;
    assert_int_equal(llmcost_loop_open(client, &loop), LLMCOST_OK);
    llmcost_message message = live_user("hello");
    llmcost_request request = live_request(OPENAI_MODEL, &message);
    for (int i = 0; i < 20; i++)
        assert_int_equal(llmcost_loop_submit(loop, &request, leave_it, count_left, &leaves[i % 2], NULL), LLMCOST_OK);
    while (llmcost_loop_pending(loop) > 0)
        assert_int_equal(llmcost_loop_poll(loop, 1000), LLMCOST_OK);
    assert_int_equal(done, 20);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
    assert_int_equal(llmcost_mock_script(mock, "{}", NULL), LLMCOST_OK);
}

/* ---- the CA store ---- */

/* The kernel tells how often the CA file was opened: once for all connections of a driver. */
static void the_ca_file_is_read_once(void **state)
{
    (void)state;
    need_nginx();
    char path[100], events[8192];
    snprintf(path, sizeof path, "%s/ca.pem", folder);
    int watch = inotify_init1(IN_NONBLOCK);
    assert_true(watch >= 0);
    assert_true(inotify_add_watch(watch, path, IN_OPEN) >= 0);
    char *stats = NULL;
    assert_int_equal(llmcost_mock_script(mock, "{\"default\":{\"delay_ms\":2000}}", NULL), LLMCOST_OK); /* none is done before all have begun */
    run_burst(old_port, 12, &stats); /* HTTP/1.1: as many connections */
    assert_int_equal(connections_in(stats), 12);
    llmcost_string_free(stats);
    ssize_t bytes = read(watch, events, sizeof events);
    assert_true(bytes > 0);
    int opened = (int)((size_t)bytes / sizeof(struct inotify_event));
    if (opened != 1)
        fail_msg("the CA file was opened %d times for 12 connections", opened);
    close(watch);
    assert_int_equal(llmcost_mock_script(mock, "{}", NULL), LLMCOST_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_authority_is_trusted), cmocka_unit_test(an_unknown_authority_is_refused), cmocka_unit_test(a_wrong_host_name_is_refused),
        cmocka_unit_test(an_expired_certificate_is_refused), cmocka_unit_test(a_missing_ca_file_is_an_error), cmocka_unit_test(any_certificate_when_asked_for),
        cmocka_unit_test(silence_instead_of_tls), cmocka_unit_test(a_broken_greeting_is_tried_again), cmocka_unit_test(trust_is_not_shared), cmocka_unit_test(many_streams_on_few_connections),
        cmocka_unit_test(http_1_where_that_is_offered), cmocka_unit_test(leaving_one_stream_of_many), cmocka_unit_test(the_ca_file_is_read_once),
    };
    alarm(600);
    return cmocka_run_group_tests(tests, start_all, stop_all);
}
