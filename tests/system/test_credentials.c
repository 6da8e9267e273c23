/*
 * Credentials over real sockets: what arrives at a server for each way to show a key. The server's side computes the
 * signatures once more, from what it received.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/live.h"
#include "provider/bceauth.h"
#include "provider/jwt.h"
#include "provider/sigv4.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECRET "sk-Zq81vKx0SECRETtail"
#define ID "AKIDEXAMPLE"
#define CHAT "\"raw\":{\"content_type\":\"application/json\",\"body\":\"{\\\"id\\\":\\\"1\\\",\\\"model\\\":\\\"m\\\",\\\"choices\\\":[{\\\"index\\\":0,\\\"message\\\":{\\\"role\\\":\\\"assistant\\\",\\\"content\\\":\\\"hi\\\"},\\\"finish_reason\\\":\\\"stop\\\"}]," \
             "\\\"usage\\\":{\\\"prompt_tokens\\\":3,\\\"completion_tokens\\\":1,\\\"total_tokens\\\":4}}\"}"
#define PAIR "{\"access_key\":\"" ID "\",\"secret_key\":\"" SECRET "\"}"

typedef struct desk {
    llmcost_mock *mock;
    llmcost_client *client;
    counting_memory memory;
    const char *const *environment; /* "NAME=value", NULL-ended */
    char config[4000];
} desk;

static void read_log(llmcost_log_level level, const char *part, const char *line, void *user)
{
    (void)level;
    (void)user;
    assert_no_secret(part);
    assert_no_secret(line);
}

static const char *environment_of(const char *name, void *user)
{
    const desk *self = user;
    for (const char *const *pair = self->environment; pair && *pair; pair++)
        if (strncmp(*pair, name, strlen(name)) == 0 && (*pair)[strlen(name)] == '=')
            return *pair + strlen(name) + 1;
    return NULL;
}

/* %U in the config is the server's URL. */
static void write_config(desk *self, const char *config)
{
    char *to = self->config;
    for (const char *from = config; *from;) {
        if (strncmp(from, "%U", 2) == 0) {
            to = stpcpy(to, llmcost_mock_url(self->mock));
            from += 2;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

static void open_desk(desk *self, const char *script, const char *config, const char *const *environment)
{
    llmcost_error *error = NULL;
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    memset(self, 0, sizeof *self);
    llmcost_mock_options mock_options = LLMCOST_MOCK_OPTIONS_INIT;
    mock_options.error = &error;
    if (llmcost_mock_start(&self->mock, script, &mock_options))
        fail_msg("mock: %s", llmcost_error_message(error));
    write_config(self, config);
    self->environment = environment;
    counting_memory_init(&self->memory);
    options.allocator = &self->memory.allocator;
    options.environment = environment_of;
    options.environment_user = self;
    options.log = read_log;
    options.log_level = LLMCOST_LOG_TRACE;
    options.error = &error;
    if (llmcost_client_open(&self->client, self->config, &options))
        fail_msg("client: %s", llmcost_error_message(error));
}

static void close_desk(desk *self)
{
    char *report = NULL;
    assert_int_equal(llmcost_report(self->client, "json", &report), LLMCOST_OK);
    assert_no_secret(report);
    llmcost_string_free(report);
    assert_int_equal(llmcost_client_close(self->client), LLMCOST_OK);
    llmcost_mock_stop(self->mock);
    assert_int_equal((long)self->memory.blocks, 0);
}

static llmcost_status ask(desk *self, const char *model)
{
    llmcost_response *response = NULL;
    llmcost_status status = llmcost_ask(self->client, model, "hello", &response);
    assert_no_secret_in(response);
    llmcost_response_free(response);
    return status;
}

static void ask_well(desk *self, const char *model)
{
    llmcost_response *response = NULL;
    if (llmcost_ask(self->client, model, "hello", &response))
        fail_msg("%s: %s", model, llmcost_error_message(llmcost_response_error(response)));
    assert_no_secret_in(response);
    llmcost_response_free(response);
}

static const char *received(desk *self, uint64_t request, const char *name)
{
    const char *value = llmcost_mock_request_header(self->mock, request, name);
    return value ? value : "";
}

static uint64_t requests_to(desk *self, const char *where)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < llmcost_mock_request_count(self->mock); i++)
        count += strstr(received(self, i, ":path"), where) != NULL;
    return count;
}

/* ---- keys as they are ---- */

static void plain_keys(void **unused)
{
    (void)unused;
    static const struct { const char *config, *header, *value; } ways[] = {
        { "{\"providers\":{\"openai\":{\"base_url\":\"%U/v1\",\"key\":\"" SECRET "\"}}}", "authorization", "Bearer " SECRET },
        { "{\"providers\":{\"openai\":{\"base_url\":\"%U/v1\",\"auth\":\"x-api-key\",\"key\":\"" SECRET "\"}}}", "x-api-key", SECRET },
        { "{\"providers\":{\"openai\":{\"base_url\":\"%U/v1\",\"auth\":\"api-key\",\"key\":\"" SECRET "\"}}}", "api-key", SECRET },
        { "{\"providers\":{\"openai\":{\"base_url\":\"%U/v1\",\"auth\":\"api-key\",\"key\":\"eyJ0eXAi." SECRET "\"}}}", "authorization", "Bearer eyJ0eXAi." SECRET },
        { "{\"providers\":{\"openai\":{\"base_url\":\"%U/v1\",\"auth\":\"x-goog-api-key\",\"key\":\"" SECRET "\"}}}", "x-goog-api-key", SECRET },
        { "{\"providers\":{\"openai\":{\"base_url\":\"%U/v1\",\"auth\":\"aws\",\"key\":\"ABSK" SECRET "\"}}}", "authorization", "Bearer ABSK" SECRET },
    };
    static const char *const all[] = { "authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "x-amz-security-token" };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        desk self;
        open_desk(&self, NULL, ways[i].config, NULL);
        ask_well(&self, "openai/gpt-4o-mini");
        for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
            assert_string_equal(received(&self, 0, all[k]), strcmp(all[k], ways[i].header) == 0 ? ways[i].value : "");
        assert_null(strstr(received(&self, 0, ":path"), "SECRETtail"));
        close_desk(&self);
    }
}

/* ---- AWS ---- */

#define CONVERSE "{\"rules\":[{\"match\":{\"path\":\"*/converse\"},\"reply\":{\"raw\":{\"content_type\":\"application/json\",\"body\":" \
                 "\"{\\\"output\\\":{\\\"message\\\":{\\\"role\\\":\\\"assistant\\\",\\\"content\\\":[{\\\"text\\\":\\\"hi\\\"}]}},\\\"stopReason\\\":\\\"end_turn\\\"," \
                 "\\\"usage\\\":{\\\"inputTokens\\\":3,\\\"outputTokens\\\":2,\\\"totalTokens\\\":5}}\"}}}]}"
#define BEDROCK_MODEL "anthropic.claude-3-5-sonnet-20241022-v2:0"

static int64_t time_of(const char *text, const char *format)
{
    struct tm parts = { 0 };
    assert_non_null(strptime(text, format, &parts));
    return (int64_t)timegm(&parts) * 1000;
}

static void check_sigv4(desk *self, uint64_t request, const char *session)
{
    size_t bytes;
    const char *body = llmcost_mock_request_body(self->mock, request, &bytes), *date = received(self, request, "x-amz-date");
    int64_t wall_ms = time_of(date, "%Y%m%dT%H%M%SZ");
    assert_in_range(time(NULL) * 1000 - wall_ms, 0, 30000);
    llmc_signed_request to_sign = { .method = received(self, request, ":method"), .host = received(self, request, "host"), .target = received(self, request, ":path"), .body = body, .body_bytes = bytes };
    llmc_signing_key key = { ID, SECRET, session };
    llmc_buffer lines;
    llmc_buffer_init(&lines, &llmc_allocator_system, 1 << 16);
    assert_int_equal(llmc_sigv4_sign(&to_sign, &key, &(llmc_sigv4_scope){ "eu-north-1", "bedrock" }, wall_ms, &lines), LLMCOST_OK);
    const char *expected = memmem(lines.data, lines.length, "Authorization: ", 15);
    assert_non_null(expected);
    assert_string_equal(received(self, request, "authorization"), expected + 15);
    assert_string_equal(received(self, request, "x-amz-security-token"), session ? session : "");
    llmc_buffer_free(&lines);
}

static void aws_signs_what_arrives(void **unused)
{
    (void)unused;
    desk self;
    open_desk(&self, CONVERSE, "{\"providers\":{\"bedrock\":{\"base_url\":\"%U\",\"region\":\"eu-north-1\",\"key\":" PAIR "}}}", NULL);
    ask_well(&self, "bedrock/" BEDROCK_MODEL);
    ask_well(&self, "bedrock/" BEDROCK_MODEL);
    assert_non_null(strstr(received(&self, 0, ":path"), "v2%3A0/converse"));
    check_sigv4(&self, 0, NULL);
    check_sigv4(&self, 1, NULL);
    close_desk(&self);

    static const char *const environment[] = { "AWS_ACCESS_KEY_ID=" ID, "AWS_SECRET_ACCESS_KEY=" SECRET, "AWS_SESSION_TOKEN=IQoJb3JpZ2luX2Vj/+=SECRETtail", "AWS_REGION=eu-north-1", NULL };
    open_desk(&self, CONVERSE, "{\"providers\":{\"bedrock\":{\"base_url\":\"%U\"}}}", environment);
    ask_well(&self, "bedrock/" BEDROCK_MODEL);
    check_sigv4(&self, 0, "IQoJb3JpZ2luX2Vj/+=SECRETtail");
    close_desk(&self);

    static const char *const bearer[] = { "AWS_BEARER_TOKEN_BEDROCK=ABSK" SECRET, "AWS_REGION=eu-north-1", NULL };
    open_desk(&self, CONVERSE, "{\"providers\":{\"bedrock\":{\"base_url\":\"%U\"}}}", bearer);
    ask_well(&self, "bedrock/" BEDROCK_MODEL);
    assert_string_equal(received(&self, 0, "authorization"), "Bearer ABSK" SECRET);
    assert_string_equal(received(&self, 0, "x-amz-date"), "");
    close_desk(&self);
}

/* ---- Zhipu ---- */

static size_t decode_base64url(const char *text, size_t bytes, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t length = 0, held = 0, bits = 0;
    for (size_t i = 0; i < bytes; i++) {
        held = held << 6 | (size_t)(strchr(digits, text[i]) - digits);
        bits += 6;
        if (bits >= 8)
            out[length++] = (char)(held >> (bits -= 8) & 255);
    }
    out[length] = '\0';
    return length;
}

static void zhipu_signs_each_request(void **unused)
{
    (void)unused;
    desk self;
    open_desk(&self, "{\"rules\":[{\"reply\":{" CHAT "}}]}", "{\"providers\":{\"zhipu\":{\"base_url\":\"%U/api/paas/v4\",\"auth\":\"jwt\",\"free\":true,\"key\":\"id7.Zq81vKx0SECRETtail\"}}}", NULL);
    ask_well(&self, "zhipu/glm-4.7");
    const char *shown = received(&self, 0, "authorization");
    assert_int_equal(strncmp(shown, "Bearer ", 7), 0);
    const char *payload = strchr(shown, '.') + 1;
    char claims[300];
    decode_base64url(payload, strcspn(payload, "."), claims);
    assert_non_null(strstr(claims, "\"api_key\":\"id7\""));
    int64_t wall_ms = strtoll(strstr(claims, "\"timestamp\":") + 12, NULL, 10);
    assert_in_range(time(NULL) * 1000 + 1000 - wall_ms, 0, 30000);
    llmc_buffer jwt;
    llmc_buffer_init(&jwt, &llmc_allocator_system, 1 << 16);
    assert_int_equal(llmc_jwt_zhipu("id7.Zq81vKx0SECRETtail", wall_ms, &jwt), LLMCOST_OK);
    assert_string_equal(shown + 7, llmc_buffer_text(&jwt));
    llmc_buffer_free(&jwt);
    close_desk(&self);

    open_desk(&self, "{\"rules\":[{\"reply\":{" CHAT "}}]}", "{\"providers\":{\"zhipu\":{\"base_url\":\"%U/api/paas/v4\",\"free\":true,\"key\":\"id7.Zq81vKx0SECRETtail\"}}}", NULL);
    ask_well(&self, "zhipu/glm-4.7"); /* as it is, unless the config says otherwise */
    assert_string_equal(received(&self, 0, "authorization"), "Bearer id7.Zq81vKx0SECRETtail");
    close_desk(&self);
}

/* ---- Qianfan ---- */

#define IAM(token, created, expires, more) "{\"match\":{\"path\":\"/v1/BCE-BEARER/token*\"}" more ",\"reply\":{\"raw\":{\"content_type\":\"application/json\",\"body\":" \
    "\"{\\\"userId\\\":\\\"u\\\",\\\"token\\\":\\\"" token "\\\",\\\"status\\\":\\\"enable\\\",\\\"createTime\\\":\\\"" created "\\\",\\\"expireTime\\\":\\\"" expires "\\\"}\"}}}"
#define LONG_IAM(token, more) IAM(token, "2026-11-22T08:00:00Z", "2026-11-23T08:00:00Z", more)
#define QIANFAN(more) "{\"providers\":{\"qianfan\":{\"base_url\":\"%U/v2\",\"token_url\":\"%U\",\"free\":true" more "}}}"
#define MODEL "qianfan/ernie-5.0"

static void qianfan_by_a_key(void **unused)
{
    (void)unused;
    static const char *const variables[][2] = { { "QIANFAN_API_KEY=bce-v3/ALTAK-" SECRET, NULL }, { "QIANFAN_BEARER_TOKEN=bce-v3/ALTAK-" SECRET, NULL } };
    for (size_t i = 0; i < 2; i++) {
        desk self;
        open_desk(&self, "{\"rules\":[{\"reply\":{" CHAT "}}]}", QIANFAN(""), variables[i]);
        ask_well(&self, MODEL);
        assert_string_equal(received(&self, 0, "authorization"), "Bearer bce-v3/ALTAK-" SECRET);
        assert_string_equal(received(&self, 0, ":path"), "/v2/chat/completions");
        assert_int_equal(llmcost_mock_request_count(self.mock), 1);
        close_desk(&self);
    }
}

static void check_bce(desk *self, uint64_t request)
{
    int64_t wall_ms = time_of(received(self, request, "x-bce-date"), "%Y-%m-%dT%H:%M:%SZ");
    assert_in_range(time(NULL) * 1000 - wall_ms, 0, 30000);
    llmc_signed_request to_sign = { .method = received(self, request, ":method"), .host = received(self, request, "host"), .target = received(self, request, ":path") };
    llmc_signing_key key = { ID, SECRET, NULL };
    llmc_buffer lines;
    llmc_buffer_init(&lines, &llmc_allocator_system, 1 << 16);
    assert_int_equal(llmc_bceauth_sign(&to_sign, &key, wall_ms, 1800, &lines), LLMCOST_OK);
    const char *expected = memmem(lines.data, lines.length, "Authorization: ", 15);
    assert_string_equal(received(self, request, "authorization"), expected + 15);
    llmc_buffer_free(&lines);
}

static void qianfan_by_a_pair(void **unused)
{
    (void)unused;
    static const char *const variables[][3] = { { "QIANFAN_ACCESS_KEY=" ID, "QIANFAN_SECRET_KEY=" SECRET, NULL }, { "BAIDU_QIANFAN_AK=" ID, "BAIDU_QIANFAN_SK=" SECRET, NULL }, { NULL } };
    for (size_t i = 0; i < 3; i++) {
        desk self;
        open_desk(&self, "{\"rules\":[" LONG_IAM("tok-1-SECRETtail", "") ",{\"reply\":{" CHAT "}}]}", i < 2 ? QIANFAN("") : QIANFAN(",\"key\":" PAIR), variables[i]);
        for (int call = 0; call < 3; call++)
            ask_well(&self, MODEL);
        assert_int_equal(llmcost_mock_request_count(self.mock), 4); /* exchanged once */
        assert_string_equal(received(&self, 0, ":method"), "GET");
        assert_string_equal(received(&self, 0, ":path"), "/v1/BCE-BEARER/token?expireInSeconds=86400");
        check_bce(&self, 0);
        for (uint64_t call = 1; call < 4; call++)
            assert_string_equal(received(&self, call, "authorization"), "Bearer tok-1-SECRETtail");
        close_desk(&self);
    }
}

static void a_token_runs_out(void **unused)
{
    (void)unused;
    desk self;
    open_desk(&self, "{\"rules\":[" IAM("tok-1-SECRETtail", "2026-11-22T08:00:00Z", "2026-11-22T08:00:01Z", ",\"times\":1") "," LONG_IAM("tok-2-SECRETtail", "") ",{\"reply\":{" CHAT "}}]}",
              QIANFAN(",\"key\":" PAIR), NULL);
    ask_well(&self, MODEL);
    usleep(950000);
    ask_well(&self, MODEL);
    ask_well(&self, MODEL);
    assert_int_equal(requests_to(&self, "BCE-BEARER"), 2);
    assert_string_equal(received(&self, 1, "authorization"), "Bearer tok-1-SECRETtail");
    assert_string_equal(received(&self, 3, "authorization"), "Bearer tok-2-SECRETtail");
    assert_string_equal(received(&self, 4, "authorization"), "Bearer tok-2-SECRETtail");
    close_desk(&self);
}

static void a_token_is_withdrawn(void **unused)
{
    (void)unused;
    desk self;
    open_desk(&self, "{\"rules\":[" LONG_IAM("tok-1-SECRETtail", ",\"times\":1") "," LONG_IAM("tok-2-SECRETtail", "")
                     ",{\"match\":{\"path\":\"*/completions\",\"header\":{\"name\":\"authorization\",\"equals\":\"Bearer tok-1*\"}},\"after\":1,"
                     "\"fault\":{\"status\":401,\"code\":\"invalid_iam_token\",\"message\":\"no more: tok-1-SECRETtail\"}},{\"reply\":{" CHAT "}}]}", QIANFAN(",\"key\":" PAIR), NULL);
    ask_well(&self, MODEL);
    ask_well(&self, MODEL);
    assert_int_equal(requests_to(&self, "BCE-BEARER"), 2);
    assert_string_equal(received(&self, 4, "authorization"), "Bearer tok-2-SECRETtail");
    close_desk(&self);
}

static void a_pair_is_not_accepted(void **unused)
{
    (void)unused;
    desk self;
    open_desk(&self, "{\"rules\":[{\"match\":{\"path\":\"/v1/BCE-BEARER*\"},\"reply\":{\"raw\":{\"status\":401,\"content_type\":\"application/json\",\"body\":"
                     "\"{\\\"code\\\":\\\"InvalidAccessKeyId\\\",\\\"message\\\":\\\"no pair of " SECRET "\\\"}\"}}},{\"reply\":{" CHAT "}}]}", QIANFAN(",\"key\":" PAIR), NULL);
    llmcost_response *response;
    assert_int_equal(llmcost_ask(self.client, MODEL, "hello", &response), LLMCOST_E_AUTH);
    assert_string_equal(llmcost_error_provider_message(llmcost_response_error(response)), "no pair of ***");
    assert_no_secret_in(response);
    llmcost_response_free(response);
    assert_int_equal(requests_to(&self, "completions"), 0);
    close_desk(&self);
}

static void qianfan_by_oauth(void **unused)
{
    (void)unused;
    static const char *const variables[][3] = { { "BAIDU_QIANFAN_AK=" ID, "BAIDU_QIANFAN_SK=" SECRET, NULL }, { "QIANFAN_AK=" ID, "QIANFAN_SK=" SECRET, NULL } };
    for (size_t i = 0; i < 2; i++) {
        desk self;
        open_desk(&self, "{\"rules\":[{\"match\":{\"path\":\"/oauth/2.0/token*\"},\"reply\":{\"raw\":{\"content_type\":\"application/json\",\"body\":"
                         "\"{\\\"expires_in\\\":2592000,\\\"access_token\\\":\\\"24.tok-SECRETtail\\\"}\"}}},{\"reply\":{" CHAT "}}]}", QIANFAN(",\"auth\":\"oauth\""), variables[i]);
        ask_well(&self, MODEL);
        ask_well(&self, MODEL);
        assert_int_equal(llmcost_mock_request_count(self.mock), 3);
        assert_string_equal(received(&self, 0, ":method"), "POST");
        assert_string_equal(received(&self, 0, ":path"), "/oauth/2.0/token?grant_type=client_credentials&client_id=" ID "&client_secret=" SECRET);
        assert_string_equal(received(&self, 0, "authorization"), "");
        assert_string_equal(received(&self, 1, "authorization"), "Bearer 24.tok-SECRETtail");
        assert_string_equal(received(&self, 2, "authorization"), "Bearer 24.tok-SECRETtail");
        close_desk(&self);
    }
}

/* Its first format: the token is a part of the URL, and a refusal comes under HTTP 200. */
static void qianfan_v1(void **unused)
{
    (void)unused;
    desk self;
    static const char *const variables[] = { "QIANFAN_AK=" ID, "QIANFAN_SK=" SECRET, NULL };
#define OAUTH(token, more) "{\"match\":{\"path\":\"/oauth/2.0/token*\"}" more ",\"reply\":{\"raw\":{\"content_type\":\"application/json\",\"body\":\"{\\\"expires_in\\\":2592000,\\\"access_token\\\":\\\"" token "\\\"}\"}}}"
#define V1(members) "\"raw\":{\"content_type\":\"application/json\",\"body\":\"{" members "}\"}"
    open_desk(&self, "{\"rules\":[" OAUTH("24.one-SECRETtail", ",\"times\":1") "," OAUTH("24.two-SECRETtail", "")
                     ",{\"match\":{\"path\":\"/w/chat/*\"},\"after\":1,\"times\":1,\"reply\":{" V1("\\\"error_code\\\":111,\\\"error_msg\\\":\\\"Access token expired: 24.one-SECRETtail\\\"") "}}"
                     ",{\"match\":{\"path\":\"/w/chat/*\"},\"reply\":{" V1("\\\"id\\\":\\\"as-1\\\",\\\"result\\\":\\\"hi\\\",\\\"is_end\\\":true,\\\"usage\\\":{\\\"prompt_tokens\\\":3,\\\"completion_tokens\\\":1,\\\"total_tokens\\\":4}") "}}]}",
              "{\"providers\":{\"qianfan-v1\":{\"base_url\":\"%U/w\",\"token_url\":\"%U\",\"free\":true,\"retries\":0}}}", variables);
    ask_well(&self, "qianfan-v1/completions_pro");
    ask_well(&self, "qianfan-v1/completions_pro");
    ask_well(&self, "qianfan-v1/ernie-4.0-turbo-8k");
    static const char *const paths[] = {
        "/oauth/2.0/token?grant_type=client_credentials&client_id=" ID "&client_secret=" SECRET, "/w/chat/completions_pro?access_token=24.one-SECRETtail",
        "/w/chat/completions_pro?access_token=24.one-SECRETtail", "/oauth/2.0/token?grant_type=client_credentials&client_id=" ID "&client_secret=" SECRET,
        "/w/chat/completions_pro?access_token=24.two-SECRETtail", "/w/chat/ernie-4.0-turbo-8k?access_token=24.two-SECRETtail",
    };
    assert_int_equal(llmcost_mock_request_count(self.mock), 6);
    for (uint64_t i = 0; i < 6; i++) {
        assert_string_equal(received(&self, i, ":path"), paths[i]);
        assert_string_equal(received(&self, i, "authorization"), "");
    }
    close_desk(&self);
}

static void *ask_in_a_thread(void *user)
{
    return (void *)(uintptr_t)ask(user, MODEL);
}

static void one_exchange_for_many_threads(void **unused)
{
    (void)unused;
    enum { THREADS = 12 };
    desk self;
    pthread_t threads[THREADS];
    open_desk(&self, "{\"rules\":[" LONG_IAM("tok-1-SECRETtail", ",\"delay_ms\":150") ",{\"reply\":{" CHAT "}}]}", QIANFAN(",\"key\":" PAIR), NULL);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_in_a_thread, &self), 0);
    for (int i = 0; i < THREADS; i++) {
        void *status;
        pthread_join(threads[i], &status);
        assert_int_equal((uintptr_t)status, LLMCOST_OK);
    }
    assert_int_equal(requests_to(&self, "BCE-BEARER"), 1);
    assert_int_equal(requests_to(&self, "completions"), THREADS);
    close_desk(&self);
}

/* ---- where no key may go ---- */

static void redirects_carry_nothing(void **unused)
{
    (void)unused;
    llmcost_mock *elsewhere = NULL;
    assert_int_equal(llmcost_mock_start(&elsewhere, NULL, NULL), LLMCOST_OK);
    static const char *const scripts[] = {
        "{\"rules\":[{\"match\":{\"path\":\"/v1/BCE*\"},\"fault\":{\"redirect\":\"%s/v1/BCE-BEARER/token\"}},{\"reply\":{" CHAT "}}]}",
        "{\"rules\":[" LONG_IAM("tok-1-SECRETtail", "") ",{\"fault\":{\"redirect\":\"%s/v2/chat/completions\",\"status\":307}}]}",
    };
    for (size_t i = 0; i < 2; i++) {
        char script[2000];
        desk self;
        snprintf(script, sizeof script, i ? scripts[1] : scripts[0], llmcost_mock_url(elsewhere));
        open_desk(&self, script, QIANFAN(",\"retries\":0,\"key\":" PAIR), NULL);
        assert_int_equal(ask(&self, MODEL), LLMCOST_E_NOT_FOUND);
        close_desk(&self);
        assert_int_equal(llmcost_mock_request_count(elsewhere), 0);
    }
    llmcost_mock_stop(elsewhere);
}

static void refused(const char *config, const char *words)
{
    llmcost_client *client = NULL;
    llmcost_error *error = NULL;
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    options.error = &error;
    assert_int_equal(llmcost_client_open(&client, config, &options), LLMCOST_E_CONFIG);
    if (!strstr(llmcost_error_message(error), words))
        fail_msg("%s: %s", config, llmcost_error_message(error));
    assert_no_secret(llmcost_error_message(error));
    llmcost_error_free(error);
}

static void no_key_over_plain_http(void **unused)
{
    (void)unused;
    refused("{\"providers\":{\"openai\":{\"base_url\":\"http://10.1.2.3/v1\",\"key\":\"" SECRET "\"}}}", "would send its key over plain http");
    refused("{\"providers\":{\"openai\":{\"base_url\":\"http://10.1.2.3/v1\",\"key\":\"host:vault\"}}}", "would send its key over plain http");
    refused("{\"providers\":{\"qianfan\":{\"token_url\":\"http://10.1.2.3\",\"key\":" PAIR "}}}", "would send its key over plain http");
    refused("{\"providers\":{\"qianfan\":{\"token_url\":\"http://10.1.2.3\",\"auth\":\"oauth\",\"key\":" PAIR "}}}", "would send its key over plain http");
    refused("{\"providers\":{\"qianfan\":{\"base_url\":\"http://10.1.2.3/v2\",\"key\":" PAIR "}}}", "would send its key over plain http");
    refused("{\"providers\":{\"qianfan\":{\"token_url\":\"http://127.0.0.1:1\",\"proxy\":\"http://10.1.2.3\",\"key\":" PAIR "}}}", "would send its key over plain http to its \"proxy\"");
    refused("{\"providers\":{\"qianfan\":{\"token_url\":\"https://u:p@h\",\"key\":" PAIR "}}}", "the token_url of provider \"qianfan\" must not hold a user name");
    refused("{\"providers\":{\"qianfan\":{\"token_url\":\"ftp://h\",\"key\":" PAIR "}}}", "the token_url of provider \"qianfan\" must begin with http");
    refused("{\"providers\":{\"bedrock\":{\"base_url\":\"https://h\",\"key\":" PAIR "}}}", "needs a \"region\"");
}

/* ---- tokens of clouds, from the host ---- */

typedef struct vault {
    int asked, rejected;
} vault;

static llmcost_status hand_out(const char *provider, int rejected, char *key, size_t capacity, int64_t *valid_ms, void *user)
{
    vault *self = user;
    self->asked++;
    self->rejected += rejected;
    snprintf(key, capacity, "%s-%d-SECRETtail", strcmp(provider, "vertex") == 0 ? "ya29.v" : "eyJhbGciOi", self->asked);
    *valid_ms = 3600000;
    return LLMCOST_OK;
}

static void a_callback_for_vertex(void **unused)
{
    (void)unused;
    desk self;
    vault keys = { 0 };
    open_desk(&self, "{\"rules\":[{\"match\":{\"path\":\"*generateContent\",\"header\":{\"name\":\"authorization\",\"equals\":\"Bearer ya29.v-1*\"}},\"after\":2,\"reply\":{\"raw\":{\"status\":401,\"body\":"
                     "\"{\\\"error\\\":{\\\"code\\\":401,\\\"message\\\":\\\"expired\\\",\\\"status\\\":\\\"UNAUTHENTICATED\\\"}}\"}}},"
                     "{\"match\":{\"path\":\"*generateContent\"},\"reply\":{\"raw\":{\"content_type\":\"application/json\",\"body\":"
                     "\"{\\\"candidates\\\":[{\\\"content\\\":{\\\"role\\\":\\\"model\\\",\\\"parts\\\":[{\\\"text\\\":\\\"hi\\\"}]},\\\"finishReason\\\":\\\"STOP\\\"}],"
                     "\\\"usageMetadata\\\":{\\\"promptTokenCount\\\":3,\\\"candidatesTokenCount\\\":1,\\\"totalTokenCount\\\":4}}\"}}}]}",
              "{\"providers\":{\"vertex\":{\"base_url\":\"%U/v1/projects/p/locations/l/publishers/google\",\"project\":\"p\",\"key\":\"host:vault\"}}}", NULL);
    assert_int_equal(llmcost_client_add_key_source(self.client, "vault", hand_out, &keys), LLMCOST_OK);
    for (int call = 0; call < 4; call++)
        ask_well(&self, "vertex/gemini-2.5-flash");
    assert_int_equal(keys.asked, 2);
    assert_int_equal(keys.rejected, 1);
    assert_string_equal(received(&self, 0, "authorization"), "Bearer ya29.v-1-SECRETtail");
    assert_string_equal(received(&self, 4, "authorization"), "Bearer ya29.v-2-SECRETtail");
    assert_int_equal(llmcost_mock_request_count(self.mock), 5);
    close_desk(&self);
}

static void a_callback_for_entra(void **unused)
{
    (void)unused;
    desk self;
    vault keys = { 0 };
    open_desk(&self, NULL, "{\"providers\":{\"azure\":{\"preset\":\"openai\",\"base_url\":\"%U/openai/v1\",\"auth\":\"api-key\",\"key\":\"host:vault\"}}}", NULL);
    assert_int_equal(llmcost_client_add_key_source(self.client, "vault", hand_out, &keys), LLMCOST_OK);
    ask_well(&self, "azure/gpt-4o-mini");
    ask_well(&self, "azure/gpt-4o-mini");
    assert_int_equal(keys.asked, 1);
    assert_string_equal(received(&self, 1, "authorization"), "Bearer eyJhbGciOi-1-SECRETtail");
    assert_string_equal(received(&self, 1, "api-key"), "");
    close_desk(&self);
}

/* ---- several keys ---- */

static void two_keys_take_turns(void **unused)
{
    (void)unused;
    desk self;
    char seen[2][9] = { "", "" };
    open_desk(&self, NULL, "{\"providers\":{\"openai\":{\"base_url\":\"%U/v1\",\"keys\":[\"" SECRET "-1\",\"" SECRET "-2\"]}}}", NULL);
    for (uint64_t call = 0; call < 6; call++) {
        llmcost_response *response = NULL;
        assert_int_equal(llmcost_ask(self.client, "openai/gpt-4o-mini", "hello", &response), LLMCOST_OK);
        assert_string_equal(received(&self, call, "authorization"), call % 2 ? "Bearer " SECRET "-2" : "Bearer " SECRET "-1");
        const char *key = llmcost_response_line_text(response, 0, "key");
        assert_int_equal(strlen(key), 8);
        if (call < 2)
            strcpy(seen[call], key);
        assert_string_equal(key, seen[call % 2]);
        assert_non_null(strstr(llmcost_response_receipt(response), key));
        assert_no_secret_in(response);
        llmcost_response_free(response);
    }
    assert_string_not_equal(seen[0], seen[1]);
    close_desk(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_keys), cmocka_unit_test(aws_signs_what_arrives), cmocka_unit_test(zhipu_signs_each_request), cmocka_unit_test(qianfan_by_a_key),
        cmocka_unit_test(qianfan_by_a_pair), cmocka_unit_test(a_token_runs_out), cmocka_unit_test(a_token_is_withdrawn), cmocka_unit_test(a_pair_is_not_accepted),
        cmocka_unit_test(qianfan_by_oauth), cmocka_unit_test(qianfan_v1), cmocka_unit_test(one_exchange_for_many_threads), cmocka_unit_test(redirects_carry_nothing), cmocka_unit_test(no_key_over_plain_http),
        cmocka_unit_test(a_callback_for_vertex), cmocka_unit_test(a_callback_for_entra), cmocka_unit_test(two_keys_take_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
