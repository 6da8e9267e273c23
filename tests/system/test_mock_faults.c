/* Everything that the loopback provider can do wrong, seen by plain libcurl and by a raw socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <llmcost/mock.h>

#include "../support/http_call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define OPENAI "/v1/chat/completions"
#define ANTHROPIC "/v1/messages"
#define HELLO "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}"
#define HELLO_STREAM "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}"
#define A_HELLO "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}"
#define A_HELLO_STREAM "{\"model\":\"m\",\"max_tokens\":1,\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}"

static const char *const anthropic_headers[] = { "Content-Type: application/json", "anthropic-version: 2023-06-01", NULL };

static llmcost_mock *start_fault(const char *rule_members)
{
    char script[2000];
    llmcost_mock *mock = NULL;
    llmcost_error *error = NULL;
    llmcost_mock_options options = LLMCOST_MOCK_OPTIONS_INIT;
    options.error = &error;
    snprintf(script, sizeof script, "{\"default\":{%s}}", rule_members);
    if (llmcost_mock_start(&mock, script, &options) != LLMCOST_OK)
        fail_msg("%s", llmcost_error_message(error));
    return mock;
}

/* The server is another thread: what it counts is waited for. */
static void wait_for(uint64_t (*count)(const llmcost_mock *), llmcost_mock *mock, uint64_t wanted)
{
    for (int i = 0; i < 10000 && count(mock) != wanted; i++)
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    assert_int_equal(count(mock), wanted);
}

static int send_hello(llmcost_mock *mock)
{
    char request[300];
    int fd = raw_connect(llmcost_mock_port(mock));
    int bytes = snprintf(request, sizeof request, "POST " OPENAI " HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n" HELLO, strlen(HELLO));
    assert_true(raw_send(fd, request, (size_t)bytes));
    wait_for(llmcost_mock_request_count, mock, 1);
    return fd;
}

static http_reply ask(llmcost_mock *mock, const char *path, const char *body)
{
    return http_call(NULL, llmcost_mock_url(mock), path, body, strcmp(path, ANTHROPIC) == 0 ? anthropic_headers : NULL);
}

struct expectation {
    const char *rule, *path, *body;
    CURLcode result;
    long status;
    const char *in_head, *in_body, *not_in_body;
};

/* Faults that one call shows. */
static const struct expectation expectations[] = {
    { "\"fault\":{\"status\":429,\"retry_after\":1,\"retry_after_ms\":\"250\"}", OPENAI, HELLO, CURLE_OK, 429, "Retry-After: 1\r\nRetry-After-Ms: 250\r\n", "\"code\":\"rate_limit_exceeded\"", NULL },
    { "\"fault\":{\"status\":429}", ANTHROPIC, A_HELLO_STREAM, CURLE_OK, 429, "application/json", "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\"", NULL },
    { "\"fault\":{\"status\":529}", ANTHROPIC, A_HELLO, CURLE_OK, 529, NULL, "overloaded_error", NULL },
    { "\"fault\":{\"status\":599}", OPENAI, HELLO, CURLE_OK, 599, NULL, "server_error", NULL },
    { "\"fault\":{\"status\":418}", OPENAI, HELLO, CURLE_OK, 418, NULL, "invalid_request_error", NULL },
    { "\"fault\":{\"status\":429,\"type\":\"insufficient_quota\",\"code\":\"insufficient_quota\",\"message\":\"pay\"}", OPENAI, HELLO, CURLE_OK, 429, NULL, "{\"error\":{\"message\":\"pay\",\"type\":\"insufficient_quota\",\"param\":null,\"code\":\"insufficient_quota\"}}", NULL },
    { "\"fault\":{\"status\":429,\"code\":1113}", OPENAI, HELLO, CURLE_OK, 429, NULL, "\"code\":\"1113\"", NULL },
    { "\"fault\":{\"type\":\"odd\"}", ANTHROPIC, A_HELLO, CURLE_OK, 500, NULL, "\"type\":\"odd\"", NULL },
    { "\"fault\":{\"status\":402,\"body\":\"no money\"}", OPENAI, HELLO, CURLE_OK, 402, "Content-Length: 8", "no money", NULL },
    { "\"fault\":{\"html\":true}", OPENAI, HELLO, CURLE_OK, 502, "Content-Type: text/html", "<html>", NULL },
    { "\"fault\":{\"html\":true,\"status\":200}", OPENAI, HELLO_STREAM, CURLE_OK, 200, "Content-Type: text/html", "<html>", NULL },
    { "\"fault\":{\"garbage_body\":true}", OPENAI, HELLO, CURLE_OK, 200, "application/json", NULL, "{\"" },
    { "\"fault\":{\"error_with_200\":{\"code\":\"x\",\"message\":\"hidden\"}}", OPENAI, HELLO, CURLE_OK, 200, NULL, "{\"error\":{\"message\":\"hidden\"", "choices" },
    { "\"fault\":{\"error_with_200\":{}}", ANTHROPIC, A_HELLO, CURLE_OK, 200, NULL, "api_error", "content" },
    { "\"reply\":{\"text\":\"0123456789012345678901234567890123456789\"},\"chunk_bytes\":4,\"fault\":{\"error_in_stream\":{\"after\":3,\"type\":\"t\",\"message\":\"midway\"}}", OPENAI, HELLO_STREAM, CURLE_OK, 200, NULL, "\"content\":\"8901\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\ndata: {\"error\":{\"message\":\"midway\",\"type\":\"t\"", "2345678901" },
    { "\"reply\":{\"text\":\"01234567\"},\"chunk_bytes\":4,\"fault\":{\"error_in_stream\":{\"after\":1}}", ANTHROPIC, A_HELLO_STREAM, CURLE_OK, 200, NULL, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"", "4567" },
    { "\"fault\":{\"error_in_stream\":{\"after\":1}}", OPENAI, HELLO_STREAM, CURLE_OK, 200, NULL, "data: {\"error\"", "[DONE]" },
    { "\"fault\":{\"no_terminator\":true}", OPENAI, HELLO_STREAM, CURLE_OK, 200, NULL, "\"choices\":[],\"usage\":{", "[DONE]" },
    { "\"fault\":{\"no_terminator\":true}", ANTHROPIC, A_HELLO_STREAM, CURLE_OK, 200, NULL, "message_delta", "message_stop" },
    { "\"fault\":{\"no_usage\":true}", OPENAI, HELLO_STREAM, CURLE_OK, 200, NULL, "[DONE]", "prompt_tokens" },
    { "\"fault\":{\"no_usage\":true}", OPENAI, HELLO, CURLE_OK, 200, NULL, "choices", "usage" },
    { "\"reply\":{\"usage\":\"none\"}", OPENAI, HELLO, CURLE_OK, 200, NULL, "choices", "usage" },
    { "\"fault\":{\"no_usage\":true}", ANTHROPIC, A_HELLO_STREAM, CURLE_OK, 200, NULL, "message_stop", "usage" },
    { "\"fault\":{\"redirect\":\"http://127.0.0.1:1/x\"}", OPENAI, HELLO, CURLE_OK, 302, "Location: http://127.0.0.1:1/x\r\n", NULL, "c" },
    { "\"fault\":{\"redirect\":\"/x\",\"status\":307}", OPENAI, HELLO, CURLE_OK, 307, "Location: /x\r\n", NULL, NULL },
    { "\"fault\":{\"close_before_reply\":true}", OPENAI, HELLO, CURLE_GOT_NOTHING, 0, NULL, NULL, NULL },
    { "\"delay_ms\":20,\"fault\":{\"close_before_reply\":true}", OPENAI, HELLO, CURLE_GOT_NOTHING, 0, NULL, NULL, NULL },
    { "\"fault\":{\"reset\":true}", OPENAI, HELLO, CURLE_RECV_ERROR, 0, NULL, NULL, NULL },
    { "\"fault\":{\"garbage\":true}", OPENAI, HELLO, CURLE_UNSUPPORTED_PROTOCOL, 0, NULL, NULL, NULL },
    { "\"fault\":{\"wrong_length\":10}", OPENAI, HELLO, CURLE_PARTIAL_FILE, 200, "Connection: close", "choices", NULL },
    { "\"fault\":{\"wrong_length\":-10}", OPENAI, HELLO, CURLE_OK, 200, NULL, "choices", "}}}" },
    { "\"fault\":{\"wrong_length\":7}", OPENAI, HELLO_STREAM, CURLE_PARTIAL_FILE, 200, "Content-Length", "[DONE]", NULL },
    { "\"fault\":{\"cut_at\":0}", OPENAI, HELLO, CURLE_PARTIAL_FILE, 200, NULL, NULL, "{" },
    { "\"fault\":{\"cut_at\":10,\"status\":500}", OPENAI, HELLO, CURLE_PARTIAL_FILE, 500, NULL, "{\"error\":{", "message" },
};

static void each_fault_shows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof expectations / sizeof expectations[0]; i++) {
        const struct expectation *wanted = &expectations[i];
        llmcost_mock *mock = start_fault(wanted->rule);
        http_reply reply = ask(mock, wanted->path, wanted->body);
        int garbage = strstr(wanted->rule, "\"garbage\"") != NULL;
        if (garbage ? reply.result == CURLE_OK : reply.result != wanted->result)
            fail_msg("%s: result %d (%s)", wanted->rule, (int)reply.result, curl_easy_strerror(reply.result));
        if (!garbage && reply.status != wanted->status)
            fail_msg("%s: status %ld", wanted->rule, reply.status);
        if (wanted->in_head && !strstr(reply.head, wanted->in_head))
            fail_msg("%s: head %s", wanted->rule, reply.head);
        if (wanted->in_body && !strstr(reply.body, wanted->in_body))
            fail_msg("%s: body %s", wanted->rule, reply.body);
        if (wanted->not_in_body && strstr(reply.body, wanted->not_in_body))
            fail_msg("%s: body %s", wanted->rule, reply.body);
        http_reply_free(&reply);
        llmcost_mock_stop(mock);
    }
}

/* The body as it is, and cut after each of its bytes: always exactly the prefix. */
static void cut_at_any_byte(void **state)
{
    (void)state;
    static const char *const bodies[] = { HELLO, HELLO_STREAM };
    for (size_t form = 0; form < 2; form++) {
        llmcost_mock *mock = start_fault("\"reply\":{\"text\":\"abc\",\"usage\":{\"prompt\":1,\"completion\":1}}");
        http_reply whole = ask(mock, OPENAI, bodies[form]);
        assert_int_equal(whole.result, CURLE_OK);
        for (size_t cut = 0; cut < whole.body_bytes; cut += form ? 13 : 7) {
            char script[300];
            snprintf(script, sizeof script, "{\"default\":{\"reply\":{\"text\":\"abc\",\"usage\":{\"prompt\":1,\"completion\":1}},\"fault\":{\"cut_at\":%zu}}}", cut);
            assert_int_equal(llmcost_mock_script(mock, script, NULL), LLMCOST_OK);
            http_reply reply = ask(mock, OPENAI, bodies[form]);
            assert_int_equal(reply.result, CURLE_PARTIAL_FILE);
            assert_int_equal(reply.body_bytes, cut);
            char *same = strstr(whole.body, "\"object\""), *here = strstr(reply.body, "\"object\""); /* the id before it counts on */
            if (here)
                assert_memory_equal(here, same, 20 < reply.body_bytes - (size_t)(here - reply.body) ? 20 : reply.body_bytes - (size_t)(here - reply.body));
            http_reply_free(&reply);
        }
        http_reply_free(&whole);
        llmcost_mock_stop(mock);
    }
}

static void cut_by_reset(void **state)
{
    (void)state;
    llmcost_mock *mock = start_fault("\"chunk_delay_ms\":30,\"chunks\":2,\"reply\":{\"text\":\"abcd\"},\"fault\":{\"cut_at\":700,\"reset\":true}");
    http_reply reply = ask(mock, OPENAI, HELLO_STREAM);
    assert_int_equal(reply.result, CURLE_RECV_ERROR);
    http_reply_free(&reply);
    llmcost_mock_stop(mock);
}

static void silence_ends_with_the_client(void **state)
{
    (void)state;
    llmcost_mock *mock = start_fault("\"fault\":{\"silent\":true}");
    int fd = send_hello(mock);
    struct timeval limit = { .tv_usec = 150000 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(llmcost_mock_open_count(mock), 1);
    close(fd);
    wait_for(llmcost_mock_open_count, mock, 0);
    wait_for(llmcost_mock_abandoned_count, mock, 1);
    llmcost_mock_stop(mock);
}

static void a_client_that_leaves_during_a_delay_counts(void **state)
{
    (void)state;
    llmcost_mock *mock = start_fault("\"delay_ms\":60000");
    close(send_hello(mock));
    wait_for(llmcost_mock_open_count, mock, 0);
    wait_for(llmcost_mock_abandoned_count, mock, 1);
    llmcost_mock_stop(mock);
}

static void delays_are_kept(void **state)
{
    (void)state;
    llmcost_mock *mock = start_fault("\"delay_ms\":120,\"reply\":{\"text\":\"x\",\"usage\":{\"prompt\":1,\"completion\":1}}");
    for (int i = 0; i < 2; i++) { /* the second from a kept wire */
        http_reply reply = ask(mock, OPENAI, HELLO);
        assert_int_equal(reply.result, CURLE_OK);
        assert_true(reply.first_byte_seconds >= 0.119);
        http_reply_free(&reply);
    }
    llmcost_mock_stop(mock);
    mock = start_fault("\"chunk_delay_ms\":25,\"chunks\":4,\"reply\":{\"text\":\"abcd\"}");
    http_reply reply = ask(mock, OPENAI, HELLO_STREAM);
    assert_int_equal(reply.result, CURLE_OK);
    assert_true(reply.seconds >= 7 * 0.0249); /* role, 4 deltas, finish, usage, [DONE]: the first goes out at once */
    assert_non_null(strstr(reply.body, "[DONE]"));
    http_reply_free(&reply);
    llmcost_mock_stop(mock);
}

static void drips(void **state)
{
    (void)state;
    llmcost_mock *mock = start_fault("\"chunk_delay_ms\":1,\"fault\":{\"drip_bytes\":100,\"drip_ms\":3}");
    http_reply reply = ask(mock, OPENAI, HELLO);
    assert_int_equal(reply.result, CURLE_OK);
    assert_non_null(strstr(reply.body, "hello"));
    assert_true(reply.seconds >= 5 * 0.0029);
    http_reply_free(&reply);
    reply = ask(mock, OPENAI, HELLO_STREAM);
    assert_int_equal(reply.result, CURLE_OK);
    assert_non_null(strstr(reply.body, "data: [DONE]\n\n"));
    assert_true(reply.seconds >= 10 * 0.0029);
    http_reply_free(&reply);
    llmcost_mock_stop(mock);
    mock = start_fault("\"fault\":{\"drip_bytes\":1}"); /* without a delay: byte by byte */
    reply = ask(mock, OPENAI, HELLO);
    assert_int_equal(reply.result, CURLE_OK);
    http_reply_free(&reply);
    llmcost_mock_stop(mock);
}

static void huge_bodies(void **state)
{
    (void)state;
    static const char *const bodies[] = { HELLO, HELLO_STREAM };
    for (size_t form = 0; form < 2; form++) {
        llmcost_mock *mock = start_fault("\"fault\":{\"huge_bytes\":5000000}");
        http_reply reply = ask(mock, OPENAI, bodies[form]);
        assert_int_equal(reply.result, CURLE_OK);
        assert_int_equal(reply.body_bytes, 5000000);
        assert_int_equal(strncmp(reply.body, form ? "data: {\"id\"" : "{\"id\"", 5), 0);
        assert_int_equal(reply.body[4999999], 'x');
        assert_non_null(strstr(reply.body, "\"content\":\"xxx"));
        http_reply_free(&reply);
        llmcost_mock_stop(mock);
    }
    llmcost_mock *mock = start_fault("\"fault\":{\"huge_bytes\":1000000}");
    http_reply reply = ask(mock, ANTHROPIC, A_HELLO);
    assert_int_equal(reply.body_bytes, 1000000);
    assert_non_null(strstr(reply.body, "\"text\":\"xxx"));
    http_reply_free(&reply);
    llmcost_mock_stop(mock);
}

static void long_headers(void **state)
{
    (void)state;
    llmcost_mock *mock = start_fault("\"fault\":{\"long_header\":50000}");
    http_reply reply = ask(mock, OPENAI, HELLO);
    assert_int_equal(reply.result, CURLE_OK);
    assert_true(reply.head_bytes > 50000);
    http_reply_free(&reply);
    llmcost_mock_stop(mock);
}

static void faults_of_one_rule_leave_the_next_call_alone(void **state)
{
    (void)state;
    llmcost_mock *mock = NULL;
    assert_int_equal(llmcost_mock_start(&mock, "{\"rules\":[{\"times\":1,\"fault\":{\"status\":503}},{\"times\":1,\"fault\":{\"cut_at\":5}}]}", NULL), LLMCOST_OK);
    static const struct { long status; CURLcode result; } turns[] = { { 503, CURLE_OK }, { 200, CURLE_PARTIAL_FILE }, { 200, CURLE_OK } };
    CURL *curl = curl_easy_init();
    for (size_t i = 0; i < 3; i++) {
        http_reply reply = http_call(curl, llmcost_mock_url(mock), OPENAI, HELLO, NULL);
        assert_int_equal(reply.status, turns[i].status);
        assert_int_equal(reply.result, turns[i].result);
        http_reply_free(&reply);
    }
    curl_easy_cleanup(curl);
    llmcost_mock_stop(mock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_shows),
        cmocka_unit_test(cut_at_any_byte),
        cmocka_unit_test(cut_by_reset),
        cmocka_unit_test(silence_ends_with_the_client),
        cmocka_unit_test(a_client_that_leaves_during_a_delay_counts),
        cmocka_unit_test(delays_are_kept),
        cmocka_unit_test(drips),
        cmocka_unit_test(huge_bodies),
        cmocka_unit_test(long_headers),
        cmocka_unit_test(faults_of_one_rule_leave_the_next_call_alone),
    };
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failures;
}
