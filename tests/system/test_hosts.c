/* Which hosts a key may go to, by which way, and what may not be smuggled into a request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/live.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static llmcost_status open_provider(const char *members, llmcost_client **client)
{
    char config[1000];
    llmcost_error *error = NULL;
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    options.error = &error;
    snprintf(config, sizeof config, "{\"providers\":{\"openai\":{%s}}}", members);
    llmcost_status status = llmcost_client_open(client, config, &options);
    assert_no_secret(llmcost_error_message(error));
    assert_int_equal(status != LLMCOST_OK, error != NULL);
    llmcost_error_free(error);
    return status;
}

static void expect_config(const char *members, llmcost_status wanted)
{
    llmcost_client *client = NULL;
    llmcost_status status = open_provider(members, &client);
    if (status != wanted)
        fail_msg("%s: %s", members, llmcost_status_name(status));
    llmcost_client_close(client);
}

#define KEY "\"key\":\"" OPENAI_KEY "\""

static void a_key_needs_tls_or_loopback(void **state)
{
    (void)state;
    static const char *const refused[] = { "http://api.example.com/v1", "http://10.0.0.1/v1", "http://128.0.0.1/v1", "http://localhost.example.com/v1",
                                           "http://127.0.0.1.example.com/v1", "http://127.0.0.1@example.com/v1", "http://[::2]/v1", "ftp://127.0.0.1/v1", "file:///etc/passwd" };
    static const char *const fine[] = { "http://127.0.0.1:1/v1", "http://localhost:1/v1", "http://[::1]:1/v1", "https://api.example.com/v1" };
    char members[300];
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        snprintf(members, sizeof members, KEY ",\"base_url\":\"%s\"", refused[i]);
        expect_config(members, LLMCOST_E_CONFIG);
    }
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        snprintf(members, sizeof members, KEY ",\"base_url\":\"%s\"", fine[i]);
        expect_config(members, LLMCOST_OK);
    }
    expect_config(KEY ",\"base_url\":\"http://10.0.0.1/v1\",\"send_key_over_plain_http\":true", LLMCOST_OK);
    expect_config("\"key\":\"" OPENAI_KEY "\",\"headers\":{\"Authorization\":\"Bearer x\"},\"base_url\":\"http://10.0.0.1/v1\"", LLMCOST_E_CONFIG);
}

static void nothing_is_smuggled_through_the_config(void **state)
{
    (void)state;
    expect_config("\"key\":\"sk-1\\r\\nX-Evil: 1 SECRETtail\"", LLMCOST_E_CONFIG);
    expect_config("\"key\":\"sk-1\\nSECRETtail\"", LLMCOST_E_CONFIG);
    expect_config("\"key\":\"sk 1\\u0000SECRETtail\"", LLMCOST_E_CONFIG);
    expect_config(KEY ",\"headers\":{\"X-A\":\"1\\r\\nX-Evil: 1\"}", LLMCOST_E_CONFIG);
    expect_config(KEY ",\"headers\":{\"X-A\\r\\nX-Evil\":\"1\"}", LLMCOST_E_CONFIG);
    expect_config(KEY ",\"headers\":{\"X A\":\"1\"}", LLMCOST_E_CONFIG);
    expect_config(KEY ",\"headers\":{\"Host:\":\"1\"}", LLMCOST_E_CONFIG);
    expect_config(KEY ",\"headers\":{\"Content-Length\":\"1\"}", LLMCOST_E_CONFIG);
    expect_config(KEY ",\"headers\":{\"Transfer-Encoding\":\"chunked\"}", LLMCOST_E_CONFIG);
    expect_config(KEY ",\"base_url\":\"https://a.example/v1\\r\\nX-Evil: 1\"", LLMCOST_E_CONFIG);
    expect_config(KEY ",\"proxy\":\"http://127.0.0.1:1\\r\\n\"", LLMCOST_E_CONFIG);
    expect_config(KEY ",\"headers\":{\"X-Title\":\"my program\"}", LLMCOST_OK);
    char many[800] = KEY ",\"headers\":{\"X-0\":\"0\"";
    for (int i = 1; i < 17; i++) { /* more than go onto the wire are refused, not dropped */
        snprintf(many + strlen(many), sizeof many - strlen(many), ",\"X-%d\":\"%d\"", i, i);
        char whole[810];
        snprintf(whole, sizeof whole, "%s}", many);
        expect_config(whole, i < 16 ? LLMCOST_OK : LLMCOST_E_CONFIG);
    }
}

/* What a caller hands over goes into the body, where it is quoted, or is refused; never into the head. */
static void nothing_is_smuggled_through_a_request(void **state)
{
    (void)state;
    static const char *const hostile[] = { "m\r\nX-Evil: 1", "m\nX-Evil: 1", "m\" , \"x\": \"", "../../admin", "m?x=y#z", "m%0d%0aX-Evil: 1" };
    static const char *const providers[] = { "openai", "anthropic" };
    live all;
    live_result result;
    live_open(&all, "{\"validate\":false,\"default\":{\"reply\":{\"text\":\"fine\"}}}", NULL, NULL);
    for (size_t i = 0; i < 2 * sizeof hostile / sizeof hostile[0]; i++) {
        char model[100];
        uint64_t before = llmcost_mock_request_count(all.mock);
        snprintf(model, sizeof model, "%s/%s", providers[i % 2], hostile[i / 2]);
        llmcost_message message = live_user(hostile[i / 2]);
        llmcost_request request = live_request(model, &message);
        request.end_user = hostile[i / 2];
        live_run(&all, BLOCKING, &request, &result);
        uint64_t sent = llmcost_mock_request_count(all.mock) - before;
        assert_int_equal(sent, result.status == LLMCOST_OK);
        if (sent) {
            assert_null(llmcost_mock_request_header(all.mock, before, "x-evil"));
            assert_string_equal(llmcost_mock_request_header(all.mock, before, ":path"), i % 2 ? "/v1/messages" : "/v1/chat/completions");
            assert_null(strchr(llmcost_mock_request_body(all.mock, before, NULL), '\n'));
        }
        live_result_free(&result);
    }
    live_close(&all);
}

static void invalid_utf8_is_refused(void **state)
{
    (void)state;
    static const char *const broken[] = { "\xff", "a\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82" };
    live all;
    live_result result;
    live_open(&all, NULL, NULL, NULL);
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        for (int place = 0; place < 4; place++) {
            llmcost_message messages[2] = { live_user(place == 0 ? broken[i] : "hello") };
            llmcost_tool tool = { .name = "t", .description = place == 1 ? broken[i] : "d" };
            char model[40];
            snprintf(model, sizeof model, "openai/gpt%s", place == 2 ? broken[i] : "-4o");
            llmcost_request request = live_request(model, messages);
            request.tools = &tool;
            request.tool_count = 1;
            request.end_user = place == 3 ? broken[i] : NULL;
            live_run(&all, (live_way)((i + (size_t)place) % LIVE_WAYS), &request, &result);
            if (result.status != LLMCOST_E_INVALID)
                fail_msg("text %zu at place %d: %s", i, place, llmcost_status_name(result.status));
            live_result_free(&result);
        }
    }
    assert_int_equal(llmcost_mock_connection_count(all.mock), 0);
    live_close(&all);
}

/* ---- proxies ---- */

typedef struct proxy {
    int listener;
    uint16_t port;
    pthread_t thread;
    const char *answer;
    char seen[4096];
} proxy;

static void *serve_one(void *user)
{
    proxy *own = user;
    int fd = accept(own->listener, NULL, NULL);
    size_t length = 0;
    ssize_t got;
    while (!strstr(own->seen, "\r\n\r\n") && (got = read(fd, own->seen + length, sizeof own->seen - 1 - length)) > 0)
        length += (size_t)got;
    if (send(fd, own->answer, strlen(own->answer), MSG_NOSIGNAL) > 0)
        shutdown(fd, SHUT_WR);
    char rest[256];
    while (read(fd, rest, sizeof rest) > 0)
        continue;
    close(fd);
    return NULL;
}

static void start_proxy(proxy *own, const char *answer)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    memset(own, 0, sizeof *own);
    own->answer = answer;
    own->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(own->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(own->listener, 4), 0);
    assert_int_equal(getsockname(own->listener, (struct sockaddr *)&address, &size), 0);
    own->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&own->thread, NULL, serve_one, own), 0);
}

static void stop_proxy(proxy *own)
{
    pthread_join(own->thread, NULL);
    close(own->listener);
}

static const char whole_answer[] =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    "{\"id\":\"x\",\"object\":\"chat.completion\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"by proxy\"},"
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}";

static llmcost_status ask_through(proxy *own, const char *base_url, llmcost_response **response)
{
    char members[600];
    llmcost_client *client = NULL;
    snprintf(members, sizeof members, KEY ",\"base_url\":\"%s\",\"send_key_over_plain_http\":true,\"retries\":0,\"proxy\":\"http://user:pa55SECRETtail@127.0.0.1:%d\"", base_url, own->port);
    assert_int_equal(open_provider(members, &client), LLMCOST_OK);
    llmcost_status status = llmcost_ask(client, OPENAI_MODEL, "hello", response);
    assert_no_secret_in(*response);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
    stop_proxy(own);
    return status;
}

static void plain_http_through_a_proxy(void **state)
{
    (void)state;
    proxy own;
    llmcost_response *response = NULL;
    start_proxy(&own, whole_answer);
    assert_int_equal(ask_through(&own, "http://models.example.com/v1", &response), LLMCOST_OK);
    assert_string_equal(llmcost_response_text(response), "by proxy");
    assert_memory_equal(own.seen, "POST http://models.example.com/v1/chat/completions HTTP/1.1\r\n", 61);
    assert_non_null(strstr(own.seen, "Proxy-Authorization: Basic "));
    llmcost_response_free(response);
}

static void ask_for(llmcost_client *client, const char *model, const char *expected)
{
    llmcost_response *response = NULL;
    llmcost_status status = llmcost_ask(client, model, "hello", &response);
    if (status)
        fail_msg("%s: %s", model, llmcost_error_message(llmcost_response_error(response)));
    assert_string_equal(llmcost_response_text(response), expected);
    llmcost_response_free(response);
}

/* Hosts in turn on one libcurl handle: what one of them wants of proxies holds for no other. */
static void proxies_of_hosts_in_turn(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        proxy named, usual;
        char config[900], variable[60];
        llmcost_client *client = NULL;
        llmcost_mock *mock = NULL;
        assert_int_equal(llmcost_mock_start(&mock, "{\"default\":{\"reply\":{\"text\":\"by itself\"}}}", NULL), LLMCOST_OK);
        start_proxy(&named, whole_answer);
        start_proxy(&usual, whole_answer);
        snprintf(variable, sizeof variable, "http://127.0.0.1:%d", usual.port);
        assert_int_equal(setenv("http_proxy", variable, 1), 0);
        snprintf(config, sizeof config,
                 "{\"providers\":{\"near\":{\"base_url\":\"%s/v1\",\"key\":\"k\"},"
                 "\"named\":{\"base_url\":\"http://models.example.com/v1\",\"key\":\"k\",\"send_key_over_plain_http\":true,\"proxy\":\"http://127.0.0.1:%d\"},"
                 "\"usual\":{\"base_url\":\"http://models.example.org/v1\",\"key\":\"k\",\"send_key_over_plain_http\":true}}}",
                 llmcost_mock_url(mock), named.port);
        assert_int_equal(llmcost_client_open(&client, config, NULL), LLMCOST_OK);
        ask_for(client, "near/m", "by itself");
        ask_for(client, first ? "named/m" : "usual/m", "by proxy");
        ask_for(client, "near/m", "by itself");
        ask_for(client, first ? "usual/m" : "named/m", "by proxy");
        ask_for(client, "near/m", "by itself");
        unsetenv("http_proxy");
        assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
        stop_proxy(&named);
        stop_proxy(&usual);
        assert_non_null(strstr(named.seen, "POST http://models.example.com/"));
        assert_non_null(strstr(usual.seen, "POST http://models.example.org/"));
        assert_int_equal(llmcost_mock_request_count(mock), 3);
        llmcost_mock_stop(mock);
    }
}

/* TLS goes through a tunnel: the proxy sees a name and a port, not the key. What it says is not the provider's answer. */
static void tls_through_a_tunnel(void **state)
{
    (void)state;
    static const char *const answers[] = { "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 Connection established\r\n\r\nno TLS at all, and enough of it to be sure\r\n",
                                           "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n" };
    static const llmcost_status statuses[] = { LLMCOST_E_NETWORK, LLMCOST_E_TLS, LLMCOST_E_NETWORK };
    for (size_t i = 0; i < 3; i++) {
        proxy own;
        llmcost_response *response = NULL;
        start_proxy(&own, answers[i]);
        llmcost_status status = ask_through(&own, "https://models.example.com/v1", &response);
        if (status != statuses[i])
            fail_msg("%s: %s", llmcost_status_name(status), llmcost_error_message(llmcost_response_error(response)));
        assert_memory_equal(own.seen, "CONNECT models.example.com:443 HTTP/1.1\r\n", 41);
        assert_null(strstr(own.seen, OPENAI_KEY));
        assert_int_equal(llmcost_error_http_status(llmcost_response_error(response)), 0);
        assert_int_equal(llmcost_error_retry_after_ms(llmcost_response_error(response)), -1);
        assert_int_equal(llmcost_response_cost_nano(response), 0); /* never sent */
        llmcost_response_free(response);
    }
}

/* Headers without end, each of a harmless length. */
static void a_head_without_end(void **state)
{
    (void)state;
    enum { LINES = 60000 };
    static const char line[] = "X-Filler: and so on and so forth\r\n", start[] = "HTTP/1.1 200 OK\r\n";
    char *answer = malloc(sizeof start + LINES * (sizeof line - 1));
    assert_non_null(answer);
    strcpy(answer, start);
    for (size_t i = 0; i < LINES; i++)
        memcpy(answer + sizeof start - 1 + i * (sizeof line - 1), line, sizeof line);
    proxy own;
    llmcost_response *response = NULL;
    start_proxy(&own, answer);
    double began = seconds_now();
    llmcost_status status = ask_through(&own, "http://models.example.com/v1", &response);
    if (status != LLMCOST_E_MALFORMED && status != LLMCOST_E_NETWORK) /* newer versions of libcurl have a limit of their own */
        fail_msg("%s", llmcost_status_name(status));
    assert_true(seconds_now() - began < 60);
    llmcost_response_free(response);
    free(answer);
}

/* "" means none, also where the environment names one. */
static void no_proxy_when_told_so(void **state)
{
    (void)state;
    live all;
    live_result result;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    live_open(&all, NULL, NULL, NULL); /* says "proxy": "" */
    live_ask(&all, BLOCKING, OPENAI_MODEL, "hello", &result);
    assert_int_equal(result.status, LLMCOST_OK);
    live_result_free(&result);
    live_close(&all);
    proxy own;
    char variable[60], members[200];
    llmcost_client *client = NULL;
    llmcost_response *response = NULL;
    start_proxy(&own, whole_answer);
    snprintf(variable, sizeof variable, "http://127.0.0.1:%d", own.port);
    setenv("http_proxy", variable, 1);
    snprintf(members, sizeof members, KEY ",\"base_url\":\"http://models.example.com/v1\",\"send_key_over_plain_http\":true");
    assert_int_equal(open_provider(members, &client), LLMCOST_OK);
    assert_int_equal(llmcost_ask(client, OPENAI_MODEL, "hello", &response), LLMCOST_OK);
    assert_memory_equal(own.seen, "POST http://models.example.com/", 31);
    llmcost_response_free(response);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
    stop_proxy(&own);
    unsetenv("http_proxy");
}

/* A server of this machine is reached directly, whatever the environment says: its proxy never sees the key. */
static void no_proxy_of_the_environment_to_this_machine(void **state)
{
    (void)state;
    proxy server;
    char members[200];
    llmcost_client *client = NULL;
    llmcost_response *response = NULL;
    start_proxy(&server, whole_answer);
    setenv("http_proxy", "http://127.0.0.1:1", 1); /* nobody answers there */
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    snprintf(members, sizeof members, KEY ",\"retries\":0,\"base_url\":\"http://127.0.0.1:%d/v1\"", server.port);
    assert_int_equal(open_provider(members, &client), LLMCOST_OK);
    assert_int_equal(llmcost_ask(client, OPENAI_MODEL, "hello", &response), LLMCOST_OK);
    assert_memory_equal(server.seen, "POST /v1/chat/completions HTTP/1.1\r\n", 36);
    llmcost_response_free(response);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
    stop_proxy(&server);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_needs_tls_or_loopback), cmocka_unit_test(nothing_is_smuggled_through_the_config), cmocka_unit_test(nothing_is_smuggled_through_a_request),
        cmocka_unit_test(invalid_utf8_is_refused), cmocka_unit_test(plain_http_through_a_proxy), cmocka_unit_test(proxies_of_hosts_in_turn), cmocka_unit_test(tls_through_a_tunnel),
        cmocka_unit_test(a_head_without_end), cmocka_unit_test(no_proxy_when_told_so),
        cmocka_unit_test(no_proxy_of_the_environment_to_this_machine),
    };
    alarm(600);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
