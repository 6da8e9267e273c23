/* Request signatures against published vectors: Amazon's test suite and documentation, Baidu's documentation, RFC 7515. */
#include "../support/nth_failure.h"
#include "base/sha256.h"
#include "provider/bceauth.h"
#include "provider/jwt.h"
#include "provider/sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const int64_t SUITE_MS = INT64_C(1440938160000); /* 2015-08-30T12:36:00Z */
static const llmc_signing_key suite_key = { "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", NULL };
static const llmc_sigv4_scope suite_scope = { "us-east-1", "service" };

#define UNRESERVED "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define FORM "Content-Type: application/x-www-form-urlencoded"

/* The cases of Amazon's suite that an HTTP/1.1 request of ours can have: no header runs over several lines. */
static const struct suite_case {
    const char *name, *method, *target;
    const char *headers[4];
    const char *body, *signed_headers, *signature;
} suite[] = {
    { "get-vanilla", "GET", "/", { 0 }, "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
    { "get-vanilla-query", "GET", "/", { 0 }, "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
    { "get-vanilla-empty-query-key", "GET", "/?Param1=value1", { 0 }, "", "host;x-amz-date", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb" },
    { "get-vanilla-query-order-key", "GET", "/?Param1=value2&Param1=Value1", { 0 }, "", "host;x-amz-date", "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1" },
    { "get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", { 0 }, "", "host;x-amz-date", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },
    { "get-vanilla-query-order-value", "GET", "/?Param1=value2&Param1=value1", { 0 }, "", "host;x-amz-date", "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694" },
    { "get-vanilla-query-unreserved", "GET", "/?" UNRESERVED "=" UNRESERVED, { 0 }, "", "host;x-amz-date", "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197" },
    { "get-vanilla-utf8-query", "GET", "/?\xe1\x88\xb4=bar", { 0 }, "", "host;x-amz-date", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04" },
    { "get-unreserved", "GET", "/" UNRESERVED, { 0 }, "", "host;x-amz-date", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f" },
    { "get-utf8", "GET", "/\xe1\x88\xb4", { 0 }, "", "host;x-amz-date", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85" },
    { "get-space", "GET", "/example space/", { 0 }, "", "host;x-amz-date", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741" },
    { "get-relative", "GET", "/example/..", { 0 }, "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
    { "get-relative-relative", "GET", "/example1/example2/../..", { 0 }, "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
    { "get-slash", "GET", "//", { 0 }, "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
    { "get-slash-dot-slash", "GET", "/./", { 0 }, "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
    { "get-slash-pointless-dot", "GET", "/./example", { 0 }, "", "host;x-amz-date", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5" },
    { "get-slashes", "GET", "//example//", { 0 }, "", "host;x-amz-date", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84" },
    { "get-header-key-duplicate", "GET", "/", { "My-Header1:value2", "My-Header1:value2", "My-Header1:value1" }, "", "host;my-header1;x-amz-date",
      "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea" },
    { "get-header-value-order", "GET", "/", { "My-Header1:value4", "My-Header1:value1", "My-Header1:value3", "My-Header1:value2" }, "", "host;my-header1;x-amz-date",
      "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01" },
    { "get-header-value-trim", "GET", "/", { "My-Header1: value1", "My-Header2: \"a   b   c\"" }, "", "host;my-header1;my-header2;x-amz-date",
      "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736" },
    { "post-vanilla", "POST", "/", { 0 }, "", "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
    { "post-vanilla-query", "POST", "/?Param1=value1", { 0 }, "", "host;x-amz-date", "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11" },
    { "post-header-key-sort", "POST", "/", { "My-Header1:value1" }, "", "host;my-header1;x-amz-date", "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c" },
    { "post-header-value-case", "POST", "/", { "My-Header1:VALUE1" }, "", "host;my-header1;x-amz-date", "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d" },
    { "post-x-www-form-urlencoded", "POST", "/", { FORM }, "Param1=value1", "content-type;host;x-amz-date", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a" },
    { "post-x-www-form-urlencoded-parameters", "POST", "/", { FORM "; charset=utf8" }, "Param1=value1", "content-type;host;x-amz-date",
      "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe" },
};

static llmc_signed_request request_of(const char *method, const char *host, const char *target, const char *const *headers, const char *body)
{
    llmc_signed_request request = { .method = method, .host = host, .target = target, .headers = headers, .body = body, .body_bytes = strlen(body) };
    while (headers && request.header_count < 4 && headers[request.header_count])
        request.header_count++;
    return request;
}

/* The lines, each ended by a zero byte, become lines of a text. */
static void expect_lines(llmc_buffer *lines, const char *wanted)
{
    for (size_t i = 0; i < lines->length; i++)
        lines->data[i] = lines->data[i] ? lines->data[i] : '\n';
    assert_string_equal(llmc_buffer_text(lines), wanted);
    llmc_buffer_clear(lines);
}

static void sigv4_signs_as_the_suite(void **state)
{
    (void)state;
    llmc_buffer lines;
    llmc_buffer_init(&lines, &llmc_allocator_system, 1 << 16);
    for (size_t i = 0; i < sizeof suite / sizeof suite[0]; i++) {
        char wanted[600];
        llmc_signed_request request = request_of(suite[i].method, "example.amazonaws.com", suite[i].target, suite[i].headers, suite[i].body);
        assert_int_equal(llmc_sigv4_sign(&request, &suite_key, &suite_scope, SUITE_MS, &lines), LLMCOST_OK);
        snprintf(wanted, sizeof wanted, "x-amz-date: 20150830T123600Z\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=%s, Signature=%s\n",
                 suite[i].signed_headers, suite[i].signature);
        expect_lines(&lines, wanted);
    }
    llmc_buffer_free(&lines);
}

/* post-sts-header-before: the token is signed. */
static void sigv4_signs_a_session_token(void **state)
{
    (void)state;
    static const char token[] = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGd"
                                "QrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz"
                                "+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
    llmc_signing_key key = suite_key;
    llmc_signed_request request = request_of("POST", "example.amazonaws.com", "/", NULL, "");
    llmc_buffer lines;
    char wanted[1000];
    llmc_buffer_init(&lines, &llmc_allocator_system, 1 << 16);
    key.session_token = token;
    assert_int_equal(llmc_sigv4_sign(&request, &key, &suite_scope, SUITE_MS, &lines), LLMCOST_OK);
    snprintf(wanted, sizeof wanted, "x-amz-date: 20150830T123600Z\nx-amz-security-token: %s\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
             "SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead\n", token);
    expect_lines(&lines, wanted);
    key.session_token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"; /* get-vanilla-with-session-token */
    request.method = "GET";
    assert_int_equal(llmc_sigv4_sign(&request, &key, &suite_scope, SUITE_MS, &lines), LLMCOST_OK);
    assert_non_null(strstr(lines.data + 120, "Signature=07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"));
    key.session_token = ""; /* none */
    llmc_buffer_clear(&lines);
    assert_int_equal(llmc_sigv4_sign(&request, &key, &suite_scope, SUITE_MS, &lines), LLMCOST_OK);
    expect_lines(&lines, "x-amz-date: 20150830T123600Z\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, "
                         "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31\n");
    llmc_buffer_free(&lines);
}

/* The worked example of the documentation: a list of users. */
static void sigv4_signs_as_documented(void **state)
{
    (void)state;
    static const char *const headers[] = { "Content-Type: application/x-www-form-urlencoded; charset=utf-8", NULL };
    const llmc_sigv4_scope scope = { "us-east-1", "iam" };
    llmc_signed_request request = request_of("GET", "iam.amazonaws.com", "/?Action=ListUsers&Version=2010-05-08", headers, "");
    llmc_buffer lines;
    llmc_buffer_init(&lines, &llmc_allocator_system, 1 << 16);
    assert_int_equal(llmc_sigv4_sign(&request, &suite_key, &scope, SUITE_MS, &lines), LLMCOST_OK);
    expect_lines(&lines, "x-amz-date: 20150830T123600Z\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, "
                         "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7\n");
    llmc_buffer_free(&lines);
}

/* The figure is from another implementation: what is %3A on the wire is signed as %253A. */
static void sigv4_encodes_the_path_of_a_model_twice(void **state)
{
    (void)state;
    static const char *const headers[] = { "Content-Type: application/json", NULL };
    const llmc_signing_key key = { "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a/token+with=all" };
    const llmc_sigv4_scope scope = { "eu-west-1", "bedrock" };
    llmc_signed_request request = request_of("POST", "bedrock-runtime.eu-west-1.amazonaws.com", "/model/eu.amazon.nova-lite-v1%3A0/converse", headers, "{\"messages\":[]}");
    llmc_buffer lines;
    llmc_buffer_init(&lines, &llmc_allocator_system, 1 << 16);
    assert_int_equal(llmc_sigv4_sign(&request, &key, &scope, INT64_C(1795258830999), &lines), LLMCOST_OK);
    expect_lines(&lines, "x-amz-date: 20261121T110030Z\nx-amz-security-token: a/token+with=all\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/eu-west-1/bedrock/aws4_request, "
                         "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=7bcba9c9a0c4a85c2090ae9f72deef5e7fac2620fc49654d43656aa2a4358fba\n");
    llmc_buffer_free(&lines);
}

/* Names are compared before values, whatever follows the shorter name; what is encoded stays encoded once. */
static void queries_are_put_in_order(void **state)
{
    (void)state;
    static const struct { const char *query, *by_name, *whole; } queries[] = {
        { "text&text1=\xe6\xb5\x8b\xe8\xaf\x95&text10=test", "text=&text1=%E6%B5%8B%E8%AF%95&text10=test", "text10=test&text1=%E6%B5%8B%E8%AF%95&text=" },
        { "b=2&a=1&&b=1&a=1", "a=1&a=1&b=1&b=2", "a=1&a=1&b=1&b=2" },
        { "a=%7e%2F+b&a=%zz&a=%4", "a=%254&a=%25zz&a=~%2F%2Bb", "a=%254&a=%25zz&a=~%2F%2Bb" },
        { "a=b=c&=&&", "=&a=b%3Dc", "=&a=b%3Dc" },
        { "", "", "" }, { "&", "", "" },
    };
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++)
        for (int whole = 0; whole < 2; whole++) {
            llmc_buffer out;
            llmc_buffer_init(&out, &llmc_allocator_system, 1000);
            llmc_sign_query(&out, queries[i].query, whole);
            assert_string_equal(llmc_buffer_text(&out), whole ? queries[i].whole : queries[i].by_name);
            llmc_buffer_free(&out);
        }
}

static void times_are_written(void **state)
{
    (void)state;
    static const struct { int64_t ms; const char *extended, *basic; } times[] = {
        { 0, "1970-01-01T00:00:00Z", "19700101T000000Z" }, { -1, "1969-12-31T23:59:59Z", "19691231T235959Z" },
        { INT64_C(1709164800000), "2024-02-29T00:00:00Z", "20240229T000000Z" }, { INT64_C(4102444799999), "2099-12-31T23:59:59Z", "20991231T235959Z" },
    };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        char extended[21], basic[17];
        llmc_sign_time(times[i].ms, extended, basic);
        assert_string_equal(extended, times[i].extended);
        assert_string_equal(basic, times[i].basic);
    }
}

/* ---- bce-auth-v1 ---- */

static const llmc_signing_key bce_key = { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", NULL };
static const int64_t BCE_MS = INT64_C(1430123029000); /* 2015-04-27T08:23:49Z */
static const char *const bce_headers[] = { "Content-Type: text/plain", "Content-Length: 8", "Content-Md5: NFzcPqhviddjRNnSOGo4rw==", NULL };
#define BCE_TARGET "/v1/test/myfolder/readme.txt"
#define BCE_LINES "x-bce-date: 2015-04-27T08:23:49Z\nAuthorization: bce-auth-v1/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/2015-04-27T08:23:49Z/1800/"

static void bceauth_signs_as_documented(void **state)
{
    (void)state;
    llmc_signed_request request = request_of("PUT", "bj.bcebos.com", BCE_TARGET "?partNumber=9&uploadId=a44cc9bab11cbd156984767aad637851", bce_headers, "ignored");
    llmc_buffer lines;
    llmc_buffer_init(&lines, &llmc_allocator_system, 1 << 16);
    assert_int_equal(llmc_bceauth_sign(&request, &bce_key, BCE_MS, 1800, &lines), LLMCOST_OK);
    expect_lines(&lines, BCE_LINES "content-length;content-md5;content-type;host;x-bce-date/d74a04362e6a848f5b39b15421cb449427f419c95a480fd6b8cf9fc783e2999e\n");
    request.target = BCE_TARGET;
    assert_int_equal(llmc_bceauth_sign(&request, &bce_key, BCE_MS, 1800, &lines), LLMCOST_OK);
    expect_lines(&lines, BCE_LINES "content-length;content-md5;content-type;host;x-bce-date/0558aac491bbef484d3aaa30ac1e65d4ff10daccd351f15c91e922ee4ce72690\n");
    llmc_buffer_free(&lines);
}

/* What we sign: the request for a short-lived bearer. The figures are from another implementation. */
static void bceauth_signs_the_request_for_a_bearer(void **state)
{
    (void)state;
    llmc_signed_request request = request_of("GET", "iam.bj.baidubce.com", "/v1/BCE-BEARER/token?expireInSeconds=86400", NULL, "");
    llmc_signing_key key = bce_key;
    llmc_buffer lines;
    llmc_buffer_init(&lines, &llmc_allocator_system, 1 << 16);
    assert_int_equal(llmc_bceauth_sign(&request, &key, BCE_MS, 1800, &lines), LLMCOST_OK);
    expect_lines(&lines, BCE_LINES "host;x-bce-date/9456d28f8c79bbe7e676c7719b07b11b6678581895c544e2e38ade31d01bffd1\n");
    key.session_token = "a/token+x";
    assert_int_equal(llmc_bceauth_sign(&request, &key, BCE_MS, 1800, &lines), LLMCOST_OK);
    expect_lines(&lines, "x-bce-date: 2015-04-27T08:23:49Z\nx-bce-security-token: a/token+x\nAuthorization: bce-auth-v1/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/2015-04-27T08:23:49Z/1800/"
                         "host;x-bce-date;x-bce-security-token/96a37ad60c4ab5f2ff5565adc0379ac6dbcaec20e43952b84e6208aadf77cafc\n");
    llmc_buffer_free(&lines);
}

/* ---- tokens ---- */

static void jwt_signs_as_the_rfc(void **state)
{
    (void)state;
    static const uint8_t key[] = { 3, 35, 53, 75, 43, 15, 165, 188, 131, 126, 6, 101, 119, 123, 166, 143, 90, 179, 40, 230, 240, 84, 201, 40, 169, 15, 132, 178, 210, 80, 46, 191,
                                   211, 251, 90, 146, 210, 6, 71, 239, 150, 138, 180, 195, 119, 98, 61, 34, 61, 46, 33, 114, 5, 46, 79, 8, 192, 205, 154, 245, 103, 208, 128, 163 };
    static const char header[] = "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}", payload[] = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
    llmc_buffer token;
    llmc_buffer_init(&token, &llmc_allocator_system, 1 << 16);
    llmc_buffer_add_text(&token, "Bearer ");
    llmc_jwt_hs256(header, sizeof header - 1, payload, sizeof payload - 1, key, sizeof key, &token);
    assert_string_equal(llmc_buffer_text(&token), "Bearer eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
                                                  "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    llmc_buffer_free(&token);
}

/* The figure is from another implementation. */
static void jwt_of_zhipu(void **state)
{
    (void)state;
    llmc_buffer token;
    llmc_buffer_init(&token, &llmc_allocator_system, 1 << 16);
    assert_int_equal(llmc_jwt_zhipu("id7.secret9", INT64_C(1795258830000), &token), LLMCOST_OK);
    assert_string_equal(llmc_buffer_text(&token), "eyJhbGciOiJIUzI1NiIsInNpZ25fdHlwZSI6IlNJR04ifQ.eyJhcGlfa2V5IjoiaWQ3IiwiZXhwIjoxNzk1MjU5MDQwMDAwLCJ0aW1lc3RhbXAiOjE3OTUyNTg4MzAwMDB9.yH_RTNcZqfPGhyu8KXdb_c7iMH7Ct0h-ciuQDpdlfJ8");
    llmc_buffer_clear(&token);
    static const char *const keys[] = { "", ".", "id", "id.", ".secret", "a.b.c" };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        assert_int_equal(llmc_jwt_zhipu(keys[i], 0, &token), LLMCOST_E_INVALID);
        assert_int_equal(token.length, 0);
    }
    llmc_buffer_free(&token);
}

/* ---- failures ---- */

/* Targets and a header that no service of ours has; the figures are from another implementation. */
static void odd_requests_are_signed_as_elsewhere(void **state)
{
    (void)state;
    static const struct { const char *target, *sigv4, *bceauth; } cases[] = {
        { "/a%2Fb/c%20d/+*'()!?x=%2f&x=%2F+&y&=z&&x=", "a0bc3ab854b974b2597320cb6d6619c88deec63889fb6121605200242134ae79",
          "573cb972c46c963052bd28aed1f9e0b465fb1602913acdfd182ad6cd9f421228" },
        { "/../a/./b//../c/?b=2&b=1&B=3&b-=0&b%3D=x", "96ff8b30085c21093f7cbd7a0e44231c77843d503ab969b6fba8ff412787e836",
          "4b9ba9564cc9f66a72363fa8d941560e9fbe8da14553d00fa08b923120772b56" },
        { "/\xc3\xa9/%C3%A9?\xc3\xa9=%c3%a9&q=a%zz%", "3dbc1ba371cbdd0c8a4e127b9b4ce1f57b6b7e630c56b41c2e8849be142b8d5a",
          "2245e904ac07d060a952f754d59212843b80b55b552a2dde518a90e865a2cee4" },
        { "//?&&&", "8994de62fdb0cd8494b55d7cfc16b7ac330285b32e1887ebcee5596b4fa818e8", "8bf5b791970e57b58b0fab5d73d391f6c44d501d579c9c5768cbe9ceb544852b" },
    };
    static const char *const headers[] = { "X-Odd: \t a  b \t c " };
    const llmc_signing_key key = { "AKID", "k", "" };
    const llmc_sigv4_scope scope = { "us-east-1", "bedrock" };
    const int64_t wall_ms = INT64_C(1709164799999); /* the last instant of a 28th of February that a 29th follows */
    llmc_buffer lines;
    llmc_buffer_init(&lines, &llmc_allocator_system, 1 << 16);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        llmc_signed_request request = { .method = "POST", .host = "h:8080", .target = cases[i].target, .headers = headers, .header_count = 1, .body = "\0\xff", .body_bytes = 2 };
        assert_int_equal(llmc_sigv4_sign(&request, &key, &scope, wall_ms, &lines), LLMCOST_OK);
        assert_memory_equal(lines.data + lines.length - 65, cases[i].sigv4, 65);
        assert_int_equal(llmc_bceauth_sign(&request, &key, wall_ms, 1800, &lines), LLMCOST_OK);
        assert_memory_equal(lines.data + lines.length - 65, cases[i].bceauth, 65);
        llmc_buffer_clear(&lines);
    }
    llmc_buffer_free(&lines);
}

static void any_clock_is_signed(void **state)
{
    (void)state;
    static const int64_t clocks[] = { INT64_MIN, -1, INT64_MAX - 210000, INT64_MAX };
    llmc_signed_request request = request_of("GET", "h", "/", NULL, "");
    llmc_buffer lines;
    llmc_buffer_init(&lines, &llmc_allocator_system, 1 << 16);
    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        assert_int_equal(llmc_sigv4_sign(&request, &suite_key, &suite_scope, clocks[i], &lines), LLMCOST_OK);
        assert_int_equal(llmc_bceauth_sign(&request, &suite_key, clocks[i], 1800, &lines), LLMCOST_OK);
        llmc_buffer_clear(&lines);
        assert_int_equal(llmc_jwt_zhipu("id.secret", clocks[i], &lines), LLMCOST_OK);
        bool latest = strstr(llmc_buffer_text(&lines), "eyJhcGlfa2V5IjoiaWQiLCJleHAiOjkyMjMzNzIwMzY4NTQ3NzU4MDcs") != NULL; /* id","exp":9223372036854775807 */
        assert_int_equal(latest, clocks[i] > 0);
        llmc_buffer_clear(&lines);
    }
    llmc_buffer_free(&lines);
}

static void what_cannot_be_signed(void **state)
{
    (void)state;
    char overlong[300];
    static const char *const no_header[] = { "no colon", NULL }, *const nameless[] = { ": x", NULL };
    memset(overlong, 'x', sizeof overlong - 1);
    overlong[sizeof overlong - 1] = '\0';
    const llmc_signing_key keys[] = { { "", "s", NULL }, { "a", "", NULL }, { NULL, "s", NULL }, { "a", NULL, NULL }, { overlong, "s", NULL }, { "a", overlong, NULL }, { "a\n", "s", NULL }, { "a", "s", "t\r\n" } };
    llmc_signed_request request = request_of("GET", "h", "/", NULL, "");
    llmc_buffer lines;
    llmc_buffer_init(&lines, &llmc_allocator_system, 1 << 16);
    llmc_buffer_add_text(&lines, "before");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        assert_int_equal(llmc_sigv4_sign(&request, &keys[i], &suite_scope, 0, &lines), LLMCOST_E_INVALID);
        assert_int_equal(llmc_bceauth_sign(&request, &keys[i], 0, 60, &lines), LLMCOST_E_INVALID);
    }
    const llmc_sigv4_scope scopes[] = { { "", "s" }, { "r", "" }, { overlong, "s" }, { "r", overlong }, { NULL, "s" }, { "r\n", "s" } };
    for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++)
        assert_int_equal(llmc_sigv4_sign(&request, &suite_key, &scopes[i], 0, &lines), LLMCOST_E_INVALID);
    for (int i = 0; i < 2; i++) {
        request = request_of("GET", "h", "/", i ? no_header : nameless, "");
        assert_int_equal(llmc_sigv4_sign(&request, &suite_key, &suite_scope, 0, &lines), LLMCOST_E_INVALID);
        assert_int_equal(llmc_bceauth_sign(&request, &bce_key, 0, 60, &lines), LLMCOST_E_INVALID);
    }
    const char *many[LLMC_SIGNED_HEADERS_MAXIMUM];
    for (size_t i = 0; i < LLMC_SIGNED_HEADERS_MAXIMUM; i++)
        many[i] = "a: b";
    request = (llmc_signed_request){ .method = "GET", .host = "h", .target = "/", .headers = many, .header_count = LLMC_SIGNED_HEADERS_MAXIMUM - 2 };
    llmc_buffer fine;
    llmc_buffer_init(&fine, &llmc_allocator_system, 1 << 16);
    assert_int_equal(llmc_sigv4_sign(&request, &suite_key, &suite_scope, 0, &fine), LLMCOST_OK);
    llmc_buffer_free(&fine);
    request.header_count++;
    assert_int_equal(llmc_sigv4_sign(&request, &suite_key, &suite_scope, 0, &lines), LLMCOST_E_INVALID);
    char *target = malloc(100000);
    memset(target, 'x', 99999);
    target[0] = '/';
    target[99999] = '\0';
    request = request_of("GET", "h", target, NULL, "");
    assert_int_equal(llmc_sigv4_sign(&request, &suite_key, &suite_scope, 0, &lines), LLMCOST_E_INVALID);
    assert_int_equal(llmc_bceauth_sign(&request, &bce_key, 0, 60, &lines), LLMCOST_E_INVALID);
    free(target);
    assert_string_equal(llmc_buffer_text(&lines), "before");
    llmc_buffer_free(&lines);
}

static llmcost_status sign_one(int which, llmc_buffer *lines)
{
    llmc_signed_request request = request_of("PUT", "bj.bcebos.com", BCE_TARGET "?partNumber=9&uploadId=a44cc9", bce_headers, "");
    if (which == 0)
        return llmc_sigv4_sign(&request, &suite_key, &suite_scope, SUITE_MS, lines);
    return which == 1 ? llmc_bceauth_sign(&request, &bce_key, BCE_MS, 1800, lines) : llmc_jwt_zhipu("id.secret", SUITE_MS, lines);
}

static void without_memory_nothing_is_signed(void **state)
{
    (void)state;
    for (int which = 0; which < 3; which++)
        for (long n = 1;; n++) {
            nth_failure failure = { .fail_at = n };
            llmc_allocator allocator = nth_failure_allocator(&failure);
            llmc_buffer lines;
            llmc_buffer_init(&lines, &allocator, 1 << 16);
            llmcost_status status = sign_one(which, &lines);
            bool done = failure.allocations < n;
            assert_int_equal(status, done ? LLMCOST_OK : LLMCOST_E_MEMORY);
            assert_int_equal(lines.length > 0, done);
            llmc_buffer_free(&lines);
            assert_int_equal(failure.live, 0);
            if (done)
                break;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sigv4_signs_as_the_suite), cmocka_unit_test(sigv4_signs_a_session_token), cmocka_unit_test(sigv4_signs_as_documented),
        cmocka_unit_test(sigv4_encodes_the_path_of_a_model_twice), cmocka_unit_test(queries_are_put_in_order), cmocka_unit_test(times_are_written),
        cmocka_unit_test(bceauth_signs_as_documented), cmocka_unit_test(bceauth_signs_the_request_for_a_bearer), cmocka_unit_test(jwt_signs_as_the_rfc),
        cmocka_unit_test(jwt_of_zhipu), cmocka_unit_test(odd_requests_are_signed_as_elsewhere), cmocka_unit_test(any_clock_is_signed),
        cmocka_unit_test(what_cannot_be_signed), cmocka_unit_test(without_memory_nothing_is_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
