/* What a request shows of a credential, for each way to show it. */
#include "provider/authorize.h"
#include "provider/bceauth.h"
#include "provider/jwt.h"
#include "provider/sigv4.h"

#include "../support/nth_failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char url[] = "https://bedrock-runtime.us-east-1.amazonaws.com/model/a%3Ab/converse?x=1";
static const llmc_unauthorized request = { "POST", url, "{}", 2, INT64_C(1440938160000) };

typedef struct shown {
    llmcost_status status;
    char lines[2000], query[600]; /* lines with a newline each */
} shown;

static llmc_credential credential_of(const char *key, const char *id, const char *session)
{
    llmc_credential credential = { 0 };
    assert_true(llmc_secret_set(&credential.key, &llmc_allocator_system, key, strlen(key)));
    if (id)
        assert_true(llmc_secret_set(&credential.id, &llmc_allocator_system, id, strlen(id)));
    if (session)
        assert_true(llmc_secret_set(&credential.session, &llmc_allocator_system, session, strlen(session)));
    return credential;
}

static const char *const *configured; /* a line, or NULL */

static shown show(llmc_auth auth, const char *key, const char *id, const char *session, const char *token, const llmc_unauthorized *to)
{
    shown out = { 0 };
    llmc_provider provider = { .preset = llmc_preset_find(strstr(to->url, "wenxin") ? "qianfan-v1" : "qianfan"), .auth = auth, .region = "us-east-1", .headers = configured, .header_count = configured ? 1 : 0 };
    llmc_credential credential = credential_of(key, id, session);
    llmc_secret secret = { 0 };
    llmc_buffer lines, query;
    if (token)
        assert_true(llmc_secret_set(&secret, &llmc_allocator_system, token, strlen(token)));
    llmc_buffer_init(&lines, &llmc_allocator_system, 1 << 16);
    llmc_buffer_init(&query, &llmc_allocator_system, 1 << 16);
    out.status = llmc_authorize(&provider, &credential, token ? &secret : NULL, to, &lines, &query);
    for (size_t i = 0; !out.status && i < lines.length; i++)
        out.lines[i] = lines.data[i] ? lines.data[i] : '\n';
    if (!out.status && query.length)
        memcpy(out.query, query.data, query.length);
    llmc_buffer_free(&lines);
    llmc_buffer_free(&query);
    llmc_secret_free(&secret, &llmc_allocator_system);
    llmc_credential_free(&credential, &llmc_allocator_system);
    return out;
}

static void keys_as_they_are(void **unused)
{
    (void)unused;
    static const struct { llmc_auth auth; const char *key, *line; } cases[] = {
        { LLMC_AUTH_BEARER, "sk-1", "Authorization: Bearer sk-1\n" },
        { LLMC_AUTH_NONE_OR_BEARER, "sk-1", "Authorization: Bearer sk-1\n" },
        { LLMC_AUTH_X_API_KEY, "sk-1", "x-api-key: sk-1\n" },
        { LLMC_AUTH_X_GOOG_API_KEY, "AIza", "x-goog-api-key: AIza\n" },
        { LLMC_AUTH_API_KEY, "0123abcd", "api-key: 0123abcd\n" },
        { LLMC_AUTH_API_KEY, "e", "api-key: e\n" },
        { LLMC_AUTH_API_KEY, "eyJhbGciOi.a.b", "Authorization: Bearer eyJhbGciOi.a.b\n" }, /* no key looks like this, every token does */
        { LLMC_AUTH_AWS, "ABSKtoken", "Authorization: Bearer ABSKtoken\n" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        shown plain = show(cases[i].auth, cases[i].key, NULL, NULL, NULL, &request);
        assert_int_equal(plain.status, LLMCOST_OK);
        assert_string_equal(plain.lines, cases[i].line);
        assert_string_equal(plain.query, "");
        shown token = show(cases[i].auth, "unused", NULL, NULL, cases[i].key, &request); /* a host's key goes the same way */
        assert_string_equal(token.lines, cases[i].line);
    }
}

static void expect_sigv4(const char *session)
{
    llmc_signed_request to_sign = { .method = "POST", .host = "bedrock-runtime.us-east-1.amazonaws.com", .target = "/model/a%3Ab/converse?x=1", .body = "{}", .body_bytes = 2 };
    llmc_signing_key key = { "AKID", "SECRET", session };
    llmc_buffer lines;
    llmc_buffer_init(&lines, &llmc_allocator_system, 1 << 16);
    assert_int_equal(llmc_sigv4_sign(&to_sign, &key, &(llmc_sigv4_scope){ "us-east-1", "bedrock" }, request.wall_ms, &lines), LLMCOST_OK);
    shown signature = show(LLMC_AUTH_AWS, "SECRET", "AKID", session, NULL, &request);
    assert_int_equal(signature.status, LLMCOST_OK);
    assert_int_equal(strlen(signature.lines), lines.length);
    for (size_t i = 0; i < lines.length; i++)
        assert_int_equal(signature.lines[i], lines.data[i] ? lines.data[i] : '\n');
    assert_int_equal(strstr(signature.lines, "x-amz-security-token: ") != NULL, session != NULL);
    assert_null(strstr(signature.lines, "SECRET"));
    llmc_buffer_free(&lines);
}

static void pairs_sign(void **unused)
{
    (void)unused;
    expect_sigv4(NULL);
    expect_sigv4("a session");
    shown bce = show(LLMC_AUTH_BCE, "SECRET", "AK", NULL, NULL, &request);
    assert_non_null(strstr(bce.lines, "Authorization: bce-auth-v1/AK/2015-08-30T12:36:00Z/1800/host;x-bce-date/"));
    assert_null(strstr(bce.lines, "SECRET"));
    bce = show(LLMC_AUTH_BCE, "SECRET", "AK", NULL, "tok", &request);
    assert_string_equal(bce.lines, "Authorization: Bearer tok\n");
}

/* A way in of one's own that is told apart by its Host header. */
static void the_configured_host_is_signed(void **unused)
{
    (void)unused;
    static const struct { const char *line, *host; } cases[] = {
        { "Host: elsewhere.example", "elsewhere.example" }, { "hOST:  b ", "b" }, { "Hosts: x", "bedrock-runtime.us-east-1.amazonaws.com" }, { "H: x", "bedrock-runtime.us-east-1.amazonaws.com" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        configured = &cases[i].line;
        shown ours = show(LLMC_AUTH_AWS, "SECRET", "AKID", NULL, NULL, &request);
        configured = NULL;
        char other[200];
        snprintf(other, sizeof other, "https://%s/model/a%%3Ab/converse?x=1", cases[i].host);
        llmc_unauthorized direct = request;
        direct.url = other;
        assert_string_equal(ours.lines, show(LLMC_AUTH_AWS, "SECRET", "AKID", NULL, NULL, &direct).lines);
    }
}

static void oauth_shows_the_pair_in_the_query(void **unused)
{
    (void)unused;
    shown pair = show(LLMC_AUTH_OAUTH, "s +&=%~._-/?\"", "id", NULL, NULL, &request);
    assert_string_equal(pair.lines, "");
    assert_string_equal(pair.query, "&client_id=id&client_secret=s%20%2B%26%3D%25~._-%2F%3F%22");
    pair = show(LLMC_AUTH_OAUTH, "s", "id", NULL, "tok", &request);
    assert_string_equal(pair.lines, "Authorization: Bearer tok\n");
    assert_string_equal(pair.query, "");
}

/* Its first format wants the token in the URL, and nothing in a header. */
static void oauth_token_in_the_query(void **unused)
{
    (void)unused;
    const llmc_unauthorized plain = { "POST", "https://h/wenxinworkshop/chat/a", "{}", 2, 0 }, more = { "POST", "https://h/wenxinworkshop/chat/a?b=c", "{}", 2, 0 };
    assert_string_equal(show(LLMC_AUTH_OAUTH, "s", "id", NULL, "24.t+/=k", &plain).query, "?access_token=24.t%2B%2F%3Dk");
    assert_string_equal(show(LLMC_AUTH_OAUTH, "s", "id", NULL, "24.t", &more).query, "&access_token=24.t");
    assert_string_equal(show(LLMC_AUTH_OAUTH, "s", "id", NULL, "24.t", &more).lines, "");
}

static void jwt_for_each_request(void **unused)
{
    (void)unused;
    llmc_buffer jwt;
    llmc_buffer_init(&jwt, &llmc_allocator_system, 1 << 16);
    assert_int_equal(llmc_jwt_zhipu("id.secret", request.wall_ms, &jwt), LLMCOST_OK);
    shown made = show(LLMC_AUTH_JWT, "id.secret", NULL, NULL, NULL, &request);
    char line[1000];
    snprintf(line, sizeof line, "Authorization: Bearer %s\n", llmc_buffer_text(&jwt));
    assert_string_equal(made.lines, line);
    llmc_buffer_free(&jwt);
    made = show(LLMC_AUTH_JWT, "unused", NULL, NULL, "ready.made", &request);
    assert_string_equal(made.lines, "Authorization: Bearer ready.made\n");
}

static void what_cannot_sign(void **unused)
{
    (void)unused;
    char long_host[400];
    snprintf(long_host, sizeof long_host, "https://%0310d/", 1);
    const llmc_unauthorized nowhere = { "POST", "no-url", "", 0, 0 }, far = { "POST", long_host, "", 0, 0 }, bare = { "GET", "http://h", NULL, 0, 0 };
    assert_int_equal(show(LLMC_AUTH_AWS, "SECRET", "AKID", NULL, NULL, &nowhere).status, LLMCOST_E_INVALID);
    assert_int_equal(show(LLMC_AUTH_AWS, "SECRET", "AKID", NULL, NULL, &far).status, LLMCOST_E_INVALID);
    assert_int_equal(show(LLMC_AUTH_AWS, "SECRET", "AKID", NULL, NULL, &bare).status, LLMCOST_OK); /* the root */
    assert_int_equal(show(LLMC_AUTH_BCE, "SECRET", "A\nK", NULL, NULL, &request).status, LLMCOST_E_INVALID);
    assert_int_equal(show(LLMC_AUTH_JWT, "nodot", NULL, NULL, NULL, &request).status, LLMCOST_E_INVALID);
}

static void without_memory(void **unused)
{
    (void)unused;
    static const llmc_auth ways[] = { LLMC_AUTH_BEARER, LLMC_AUTH_API_KEY, LLMC_AUTH_AWS, LLMC_AUTH_BCE, LLMC_AUTH_OAUTH, LLMC_AUTH_JWT };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        llmc_provider provider = { .auth = ways[i], .region = "r" };
        llmc_credential credential = credential_of("id.secret", ways[i] == LLMC_AUTH_AWS || ways[i] == LLMC_AUTH_BCE || ways[i] == LLMC_AUTH_OAUTH ? "AK" : NULL, NULL);
        for (long n = 1;; n++) {
            nth_failure failure = { .fail_at = n };
            llmc_allocator allocator = nth_failure_allocator(&failure);
            llmc_buffer lines, query;
            llmc_buffer_init(&lines, &allocator, 1 << 16);
            llmc_buffer_init(&query, &allocator, 1 << 16);
            llmcost_status status = llmc_authorize(&provider, &credential, NULL, &request, &lines, &query);
            bool done = failure.allocations < n;
            assert_int_equal(status, done ? LLMCOST_OK : LLMCOST_E_MEMORY);
            llmc_buffer_free(&lines);
            llmc_buffer_free(&query);
            assert_int_equal(failure.live, 0);
            if (done)
                break;
        }
        llmc_credential_free(&credential, &llmc_allocator_system);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_as_they_are), cmocka_unit_test(pairs_sign), cmocka_unit_test(the_configured_host_is_signed), cmocka_unit_test(oauth_shows_the_pair_in_the_query), cmocka_unit_test(oauth_token_in_the_query), cmocka_unit_test(jwt_for_each_request),
        cmocka_unit_test(what_cannot_sign), cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
