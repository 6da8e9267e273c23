/* The loopback provider's HTTP parser: good requests at every split, hostile ones, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mock/http_request.h"

#include <stdlib.h>
#include <string.h>

#define MAX_BODY 1000

static llmc_http_state feed_all(llmc_http_request *request, char *bytes, size_t length, size_t step)
{
    llmc_http_state state = LLMC_HTTP_MORE;
    *request = (llmc_http_request){ 0 };
    for (size_t known = 0; known < length && state == LLMC_HTTP_MORE;) {
        known = length - known < step ? length : known + step;
        state = llmc_http_feed(request, bytes, known, MAX_BODY);
    }
    return state;
}

/* At every step size; the result is the same and stays in request for a look. */
static void expect(const char *text, llmc_http_state state, int32_t refusal, const char *body, size_t next)
{
    size_t length = strlen(text);
    for (size_t step = 1; step <= length; step++) {
        char *bytes = malloc(length + 1); /* exact, so that a sanitizer sees a read too far */
        assert_non_null(bytes);
        memcpy(bytes, text, length);
        llmc_http_request request;
        assert_int_equal(feed_all(&request, bytes, length, step), state);
        assert_int_equal(request.refusal, refusal);
        if (state == LLMC_HTTP_READY) {
            assert_int_equal(request.next, next ? next : length);
            assert_int_equal(request.body_bytes, strlen(body));
            assert_memory_equal(bytes + request.body, body, strlen(body));
        }
        free(bytes);
    }
}

static void good_requests(void **state)
{
    (void)state;
    expect("GET / HTTP/1.1\r\n\r\n", LLMC_HTTP_READY, 0, "", 0);
    expect("POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", LLMC_HTTP_READY, 0, "hello", 0);
    expect("POST /a HTTP/1.1\r\ncontent-length:5\r\nContent-Length:\t5 \r\n\r\nhello", LLMC_HTTP_READY, 0, "hello", 0);
    expect("POST /a HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0001;a=b\r\n!\r\n0\r\n\r\n", LLMC_HTTP_READY, 0, "hello!", 0);
    expect("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123\r\n6789\r\n0\r\nTrailer: x\r\n\r\n", LLMC_HTTP_READY, 0, "0123\r\n6789", 0);
}

static void stops_where_the_next_request_begins(void **state)
{
    (void)state;
    const char *text = "POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nabGET /b HTTP/1.1\r\n\r\n";
    char bytes[200];
    strcpy(bytes, text);
    llmc_http_request request = { 0 };
    assert_int_equal(llmc_http_feed(&request, bytes, strlen(text), MAX_BODY), LLMC_HTTP_READY);
    assert_string_equal(bytes + request.next, "GET /b HTTP/1.1\r\n\r\n");
}

static void incomplete_requests_wait(void **state)
{
    (void)state;
    expect("GET / HTTP/1.1\r\nHost: a\r\n", LLMC_HTTP_MORE, 0, NULL, 0);
    expect("POST /a HTTP/1.1\r\nContent-Length: 6\r\n\r\nhello", LLMC_HTTP_MORE, 0, NULL, 0);
    expect("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", LLMC_HTTP_MORE, 0, NULL, 0);
}

static void hostile_requests(void **state)
{
    (void)state;
    static const struct { const char *text; int32_t refusal; } cases[] = {
        { "\r\n\r\n", 400 },
        { "GET\r\n\r\n", 400 },
        { "GET /\r\n\r\n", 400 },
        { "GET  HTTP/1.1\r\n\r\n", 400 },
        { "GET ?a HTTP/1.1\r\n\r\n", 400 },
        { "GET http://a/ HTTP/1.1\r\n\r\n", 400 },
        { " / HTTP/1.1\r\n\r\n", 400 },
        { "G\tT / HTTP/1.1\r\n\r\n", 400 },
        { "GET /a\x01 HTTP/1.1\r\n\r\n", 400 },
        { "GET / HTTP/1.1 \r\n\r\n", 400 },
        { "GET / HTTP/2.0\r\n\r\n", 505 },
        { "GET / HTTP/1.7\r\n\r\n", 505 },
        { "GET / JUNK/1.1\r\n\r\n", 505 },
        { "GET / HTTP/1.1\r\nNoColon\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\n: empty\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nA : b\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nA: b\x01\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nContent-Length: \r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", 413 },
        { "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501 },
        { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400 },
        { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\nab\r\n", 400 },
        { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", 400 },
        { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n", 413 },
        { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", 400 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect(cases[i].text, LLMC_HTTP_BAD, cases[i].refusal, NULL, 0);
}

static void a_refusal_sticks(void **state)
{
    (void)state;
    char bad[] = "GET\r\n\r\n", good[] = "GET / HTTP/1.1\r\n\r\n";
    llmc_http_request request = { 0 };
    assert_int_equal(llmc_http_feed(&request, bad, strlen(bad), MAX_BODY), LLMC_HTTP_BAD);
    assert_int_equal(llmc_http_feed(&request, good, strlen(good), MAX_BODY), LLMC_HTTP_BAD);
}

static void many_small_chunks_stay_within_the_limit(void **state)
{
    (void)state;
    char bytes[20000] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < 1001; i++)
        strcat(bytes, "1\r\nx\r\n");
    llmc_http_request request = { 0 };
    assert_int_equal(llmc_http_feed(&request, bytes, strlen(bytes), MAX_BODY), LLMC_HTTP_BAD);
    assert_int_equal(request.refusal, 413);
}

static void long_heads_and_lines_are_refused(void **state)
{
    (void)state;
    char *bytes = malloc(LLMC_HTTP_MAX_HEAD + 100);
    assert_non_null(bytes);
    memset(bytes, 'a', LLMC_HTTP_MAX_HEAD + 100);
    llmc_http_request request = { 0 };
    assert_int_equal(llmc_http_feed(&request, bytes, LLMC_HTTP_MAX_HEAD - 1, MAX_BODY), LLMC_HTTP_MORE);
    assert_int_equal(llmc_http_feed(&request, bytes, LLMC_HTTP_MAX_HEAD, MAX_BODY), LLMC_HTTP_BAD);
    assert_int_equal(request.refusal, 431);
    static const char head[] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;";
    memcpy(bytes, head, sizeof head - 1);
    assert_int_equal(feed_all(&request, bytes, 2000, 7), LLMC_HTTP_BAD);
    assert_int_equal(request.refusal, 400);
    free(bytes);
}

static void reads_what_the_head_says(void **state)
{
    (void)state;
    char bytes[] = "POST /v1/x?y=z HTTP/1.1\r\nX-One: 1\r\nConnection: foo, Close\r\nexpect: 100-Continue\r\n\r\n";
    llmc_http_request request = { 0 };
    const char *value;
    size_t length;
    assert_int_equal(llmc_http_feed(&request, bytes, strlen(bytes), MAX_BODY), LLMC_HTTP_READY);
    assert_int_equal(request.method, LLMC_HTTP_POST);
    assert_int_equal(request.target_bytes, 5);
    assert_memory_equal(bytes + request.target, "/v1/x", 5);
    assert_false(request.keep_alive);
    assert_true(request.expects_continue);
    assert_true(llmc_http_header(bytes, request.head_bytes, "x-ONE", &value, &length));
    assert_int_equal(length, 1);
    assert_int_equal(*value, '1');
    assert_false(llmc_http_header(bytes, request.head_bytes, "x-on", &value, &length));
    assert_false(llmc_http_header(bytes, request.head_bytes, "POST /v1/x?y=z HTTP/1.1", &value, &length));
}

static void keep_alive_by_version(void **state)
{
    (void)state;
    static const struct { const char *text; int keep_alive, http_1_0, method; } cases[] = {
        { "GET / HTTP/1.1\r\n\r\n", 1, 0, LLMC_HTTP_GET },
        { "HEAD / HTTP/1.0\r\n\r\n", 0, 1, LLMC_HTTP_HEAD },
        { "PUT / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 1, 1, LLMC_HTTP_OTHER },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char bytes[100];
        strcpy(bytes, cases[i].text);
        llmc_http_request request = { 0 };
        assert_int_equal(llmc_http_feed(&request, bytes, strlen(bytes), MAX_BODY), LLMC_HTTP_READY);
        assert_int_equal(request.keep_alive, cases[i].keep_alive);
        assert_int_equal(request.http_1_0, cases[i].http_1_0);
        assert_int_equal(request.method, cases[i].method);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_requests),
        cmocka_unit_test(stops_where_the_next_request_begins),
        cmocka_unit_test(incomplete_requests_wait),
        cmocka_unit_test(hostile_requests),
        cmocka_unit_test(a_refusal_sticks),
        cmocka_unit_test(many_small_chunks_stay_within_the_limit),
        cmocka_unit_test(long_heads_and_lines_are_refused),
        cmocka_unit_test(reads_what_the_head_says),
        cmocka_unit_test(keep_alive_by_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
