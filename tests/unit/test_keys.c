/* What legs show their providers: keys in turn, tokens that are exchanged or handed out, kept, refreshed, rejected; and that no secret is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/engine_rig.h"
#include "../support/secret_watch.h"
#include "call/call.h"

#include <llmcost/plugin.h>

#define PAIR_ID "AK-public-half"
#define PAIR_SECRET "sk-Qv7secretHALFtail"
#define PAIR "{\"access_key\":\"" PAIR_ID "\",\"secret_key\":\"" PAIR_SECRET "\"}"
#define QIANFAN(more) "{\"providers\":{\"qianfan\":{\"key\":" PAIR ",\"free\":true,\"retries\":0" more "}}}"
#define HOST_KEY(more) "{\"providers\":{\"openai\":{\"key\":\"host:vault\",\"retries\":0" more "}}}"
#define MODEL "qianfan/ernie-5.0"
#define TOKEN(n) "tok-" #n "-9fKsecretTOKENtail"

static const char *const secrets[] = { PAIR_SECRET, "9fKsecretTOKENtail", "sk-hostSECRET", NULL };

static void assert_no_secret_in(const char *text)
{
    for (size_t i = 0; text && secrets[i]; i++)
        if (strstr(text, secrets[i]))
            fail_msg("a secret came out: %s", text);
}

/* ---- the rig, with its allocator watched and its log read ---- */

typedef struct keys_rig {
    engine_rig rig;
    secret_watch watch;
    int asked;           /* the host's callback */
    int rejected;        /* how often it was told so */
    const char *gives[64]; /* what it hands out, in turn; the last for ever */
    int64_t valid_ms;
    llmcost_status fails;
    char fill;           /* all of its room with this, without an end */
} keys_rig;

static void read_log(llmcost_log_level level, const char *part, const char *line, void *user)
{
    (void)level;
    (void)user;
    assert_no_secret_in(part);
    assert_no_secret_in(line);
}

static void read_receipt(const llmcost_response *response, void *user)
{
    (void)user;
    assert_no_secret_in(llmcost_response_receipt(response));
    assert_no_secret_in(llmcost_response_summary(response));
    assert_no_secret_in(llmcost_response_json(response));
    const llmcost_error *error = llmcost_response_error(response);
    if (!error)
        return;
    assert_no_secret_in(llmcost_error_message(error));
    assert_no_secret_in(llmcost_error_provider_message(error));
    assert_no_secret_in(llmcost_error_code(error));
    assert_no_secret_in(llmcost_error_trail(error));
}

static llmcost_status vault(const char *provider, int rejected, char *key, size_t capacity, int64_t *valid_ms, void *user)
{
    keys_rig *self = user;
    int turn = self->asked++;
    assert_string_equal(provider, "openai");
    assert_int_equal(*valid_ms, 0);
    assert_int_equal(capacity, (16 << 10) + 1);
    self->rejected += rejected;
    while (turn > 0 && !self->gives[turn])
        turn--;
    if (self->gives[turn])
        strcpy(key, self->gives[turn]);
    if (self->fill)
        memset(key, self->fill, capacity);
    *valid_ms = self->valid_ms;
    return self->fails;
}

static const char *no_environment(const char *name, void *user)
{
    (void)name;
    (void)user;
    return NULL;
}

static void open_rig(keys_rig *self, const char *config)
{
    llmcost_error *error = NULL;
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    memset(self, 0, sizeof *self);
    rig_init(&self->rig);
    secret_watch_init(&self->watch, &self->rig.memory.allocator, secrets);
    options.allocator = &self->watch.allocator;
    options.clock = &self->rig.clock.clock;
    options.transport = &self->rig.network.transport;
    options.random_seed = 1;
    options.environment = no_environment;
    options.log = read_log;
    options.log_level = LLMCOST_LOG_TRACE;
    options.error = &error;
    if (llmcost_client_open(&self->rig.client, config, &options))
        fail_msg("open: %s", llmcost_error_message(error));
    assert_int_equal(llmcost_client_on_receipt(self->rig.client, read_receipt, NULL), LLMCOST_OK);
    assert_int_equal(llmcost_client_add_key_source(self->rig.client, "vault", vault, self), LLMCOST_OK);
}

static void close_rig(keys_rig *self)
{
    char *report = NULL;
    assert_int_equal(llmcost_report(self->rig.client, "json", &report), LLMCOST_OK);
    assert_no_secret_in(report);
    llmcost_string_free(report);
    rig_close(&self->rig);
    if (self->watch.left_behind)
        fail_msg("%d blocks were given back with a secret in them: %s", self->watch.left_behind, self->watch.which);
}

static fake_exchange *to(fake_exchange *exchange, const char *url)
{
    exchange->url = url;
    return exchange;
}

static fake_exchange *gives_token(keys_rig *self, const char *token, int seconds)
{
    char body[400];
    fake_exchange *exchange = to(fake_network_add(&self->rig.network, NULL), "/v1/BCE-BEARER/token");
    int length = snprintf(body, sizeof body, "{\"token\":\"%s\",\"status\":\"enable\",\"createTime\":\"2026-11-22T23:30:00Z\",\"expireTime\":\"2026-11-2%dT%02d:%02d:%02dZ\"}",
                          token, 2 + (1410 * 60 + seconds) / 86400, (1410 * 60 + seconds) / 3600 % 24, (1410 * 60 + seconds) / 60 % 60, seconds % 60);
    fake_exchange_piece(exchange, 0, body, (size_t)length);
    exchange->times = 1;
    return exchange;
}

static fake_exchange *answers(keys_rig *self, const char *body)
{
    fake_exchange *exchange = to(fake_network_add(&self->rig.network, NULL), "/v1/BCE-BEARER/token");
    fake_exchange_piece(exchange, 0, body, strlen(body));
    return exchange;
}

static llmcost_status ask(keys_rig *self, const char *model, llmcost_response **out)
{
    llmcost_response *response = NULL;
    llmcost_status status = llmcost_ask(self->rig.client, model, "hello", &response);
    if (out)
        *out = response;
    else
        llmcost_response_free(response);
    return status;
}

static const char *headers_of(const keys_rig *self, size_t request)
{
    assert_true(request < self->rig.network.request_count);
    return self->rig.network.requests[request].headers;
}

static size_t requests_to(const keys_rig *self, const char *where)
{
    size_t count = 0;
    for (size_t i = 0; i < self->rig.network.request_count; i++)
        count += strstr(self->rig.network.requests[i].url, where) != NULL;
    return count;
}

/* ---- an exchange ---- */

static void test_a_pair_becomes_a_token(void **unused)
{
    (void)unused;
    keys_rig self;
    llmcost_response *response;
    open_rig(&self, "{\"providers\":{\"qianfan\":{\"key\":" PAIR ",\"retries\":0}},\"exchange_rates\":{\"CNY\":{\"rate\":\"0.14\",\"date\":\"2026-11-01\"}}}");
    gives_token(&self, TOKEN(1), 3600);
    to(fake_network_says(&self.rig.network, NULL, "hi", 10, 5), "/chat/completions");
    assert_int_equal(ask(&self, MODEL, &response), LLMCOST_OK);
    assert_int_equal(self.rig.network.request_count, 2);
    assert_string_equal(self.rig.network.requests[0].method, "GET");
    assert_string_equal(self.rig.network.requests[0].url, "https://iam.bj.baidubce.com/v1/BCE-BEARER/token?expireInSeconds=86400");
    assert_non_null(strstr(headers_of(&self, 0), "Authorization: bce-auth-v1/" PAIR_ID "/"));
    assert_non_null(strstr(headers_of(&self, 0), "x-bce-date: "));
    assert_null(strstr(headers_of(&self, 0), PAIR_SECRET));
    assert_non_null(strstr(headers_of(&self, 1), "Authorization: Bearer " TOKEN(1) "\n"));
    assert_null(strstr(headers_of(&self, 1), "bce-auth"));

    /* The receipt: a line for the exchange, which costs nothing and is no line without a price. */
    assert_int_equal(llmcost_response_line_count(response), 2);
    uint32_t token = strcmp(rig_line_text(response, 0, "purpose"), "token") == 0 ? 0 : 1;
    assert_string_equal(rig_line_text(response, token, "purpose"), "token");
    assert_int_equal(rig_line(response, token, "cost_nano"), 0);
    assert_int_equal(rig_line(response, token, "http_status"), 200);
    assert_int_equal(rig_line(response, token, "is_price_unknown"), 0);
    assert_int_equal(rig_line(response, token, "is_sent"), 1);
    assert_string_equal(rig_line_text(response, token, "key"), rig_line_text(response, 1 - token, "key"));
    assert_int_equal(strlen(rig_line_text(response, token, "key")), 8);
    assert_non_null(strstr(llmcost_response_receipt(response), "\"unpriced_lines\":0"));
    assert_true(llmcost_response_cost_nano(response) > 0);
    assert_int_equal(llmcost_response_cost_nano(response), rig_line(response, 1 - token, "cost_nano"));
    rig_check_receipt(response);
    llmcost_response_free(response);
    close_rig(&self);
}

static void test_kept_to_the_millisecond(void **unused)
{
    (void)unused;
    static const struct { int seconds; int64_t good_ms; } tokens[] = { { 3600, 3540000 }, { 100, 90000 }, { 1, 900 } };
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        keys_rig self;
        open_rig(&self, QIANFAN(""));
        gives_token(&self, TOKEN(1), tokens[i].seconds)->done_ms = 0;
        gives_token(&self, TOKEN(2), tokens[i].seconds);
        to(fake_network_says(&self.rig.network, NULL, "hi", 10, 5), "/chat/completions");
        assert_int_equal(ask(&self, MODEL, NULL), LLMCOST_OK);
        int64_t began = self.rig.network.requests[0].at_ms;
        fake_clock_advance(&self.rig.clock, began + tokens[i].good_ms - 1 - fake_clock_ms(&self.rig.clock));
        assert_int_equal(ask(&self, MODEL, NULL), LLMCOST_OK);
        assert_int_equal(requests_to(&self, "BCE-BEARER"), 1);
        assert_non_null(strstr(headers_of(&self, 2), "Bearer " TOKEN(1)));
        fake_clock_advance(&self.rig.clock, began + tokens[i].good_ms - fake_clock_ms(&self.rig.clock));
        assert_int_equal(ask(&self, MODEL, NULL), LLMCOST_OK);
        assert_int_equal(requests_to(&self, "BCE-BEARER"), 2);
        assert_non_null(strstr(headers_of(&self, 4), "Bearer " TOKEN(2)));
        close_rig(&self);
    }
}

/* The time that the exchange took is off the token's. */
static void test_a_slow_exchange_makes_a_shorter_token(void **unused)
{
    (void)unused;
    keys_rig self;
    open_rig(&self, QIANFAN(""));
    fake_exchange *slow = gives_token(&self, TOKEN(1), 10);
    slow->pieces[0].at_ms = slow->done_ms = 9000; /* a token of 10 s has nothing left but its margin */
    gives_token(&self, TOKEN(2), 10);
    to(fake_network_says(&self.rig.network, NULL, "hi", 10, 5), "/chat/completions");
    assert_int_equal(ask(&self, MODEL, NULL), LLMCOST_OK); /* what was just made is shown, all the same */
    assert_non_null(strstr(headers_of(&self, 1), "Bearer " TOKEN(1)));
    assert_int_equal(ask(&self, MODEL, NULL), LLMCOST_OK);
    assert_int_equal(requests_to(&self, "BCE-BEARER"), 2);
    close_rig(&self);
}

static void test_a_token_without_a_time(void **unused)
{
    (void)unused;
    static const char *const bodies[] = {
        "{\"token\":\"" TOKEN(1) "\"}", "{\"token\":\"" TOKEN(1) "\",\"createTime\":\"2026-11-22T08:00:00Z\",\"expireTime\":\"2026-11-22T08:00:00Z\"}",
        "{\"token\":\"" TOKEN(1) "\",\"createTime\":\"2026-11-22T08:00:00Z\",\"expireTime\":\"2026-11-22T07:00:00Z\"}",
        "{\"token\":\"" TOKEN(1) "\",\"createTime\":null,\"expireTime\":\"soon\"}", "{\"access_token\":\"" TOKEN(1) "\",\"expires_in\":0}",
        "{\"access_token\":\"" TOKEN(1) "\",\"expires_in\":-5}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        keys_rig self;
        open_rig(&self, QIANFAN(""));
        answers(&self, bodies[i]);
        to(fake_network_says(&self.rig.network, NULL, "hi", 10, 5), "/chat/completions");
        assert_int_equal(ask(&self, MODEL, NULL), LLMCOST_OK);
        assert_int_equal(ask(&self, MODEL, NULL), LLMCOST_OK);
        assert_int_equal(requests_to(&self, "BCE-BEARER"), 2); /* for each call anew */
        close_rig(&self);
    }
}

static void test_oauth(void **unused)
{
    (void)unused;
    keys_rig self;
    open_rig(&self, "{\"providers\":{\"qianfan\":{\"key\":{\"access_key\":\"id/1\",\"secret_key\":\"" PAIR_SECRET " +\\u0026=~\"},\"auth\":\"oauth\",\"free\":true,\"retries\":0}}}");
    fake_exchange *exchange = to(fake_network_add(&self.rig.network, NULL), "/oauth/2.0/token");
    static const char body[] = "{\"refresh_token\":\"x\",\"expires_in\":2592000,\"scope\":\"public\",\"access_token\":\"" TOKEN(1) "\"}";
    fake_exchange_piece(exchange, 0, body, sizeof body - 1);
    to(fake_network_says(&self.rig.network, NULL, "hi", 10, 5), "/chat/completions");
    assert_int_equal(ask(&self, MODEL, NULL), LLMCOST_OK);
    assert_string_equal(self.rig.network.requests[0].method, "POST");
    assert_string_equal(self.rig.network.requests[0].url,
                        "https://aip.baidubce.com/oauth/2.0/token?grant_type=client_credentials&client_id=id%2F1&client_secret=" PAIR_SECRET "%20%2B%26%3D~");
    assert_null(strstr(headers_of(&self, 0), "Authorization"));
    assert_string_equal(self.rig.network.requests[0].body, "");
    assert_non_null(strstr(headers_of(&self, 1), "Bearer " TOKEN(1)));
    fake_clock_advance(&self.rig.clock, INT64_C(2592000) * 1000 - 60001);
    assert_int_equal(ask(&self, MODEL, NULL), LLMCOST_OK);
    assert_int_equal(requests_to(&self, "oauth"), 1);
    fake_clock_advance(&self.rig.clock, 1);
    assert_int_equal(ask(&self, MODEL, NULL), LLMCOST_OK);
    assert_int_equal(requests_to(&self, "oauth"), 2);
    close_rig(&self);
}

/* ---- what is rejected ---- */

static void test_a_rejected_token_is_asked_for_again_once(void **unused)
{
    (void)unused;
    keys_rig self;
    llmcost_response *response;
    open_rig(&self, QIANFAN(""));
    gives_token(&self, TOKEN(1), 3600);
    gives_token(&self, TOKEN(2), 3600);
    to(fake_network_fails(&self.rig.network, NULL, 401, "invalid_iam_token"), "/chat/completions")->times = 1;
    to(fake_network_says(&self.rig.network, NULL, "hi", 10, 5), "/chat/completions");
    assert_int_equal(ask(&self, MODEL, &response), LLMCOST_OK);
    assert_int_equal(self.rig.network.request_count, 4);
    assert_non_null(strstr(headers_of(&self, 1), TOKEN(1)));
    assert_non_null(strstr(headers_of(&self, 3), TOKEN(2)));
    assert_int_equal(llmcost_response_line_count(response), 4);
    rig_check_receipt(response);
    llmcost_response_free(response);
    assert_int_equal(ask(&self, MODEL, NULL), LLMCOST_OK); /* the second is kept */
    assert_int_equal(self.rig.network.request_count, 5);
    assert_non_null(strstr(headers_of(&self, 4), TOKEN(2)));
    close_rig(&self);

    open_rig(&self, QIANFAN(""));
    answers(&self, "{\"token\":\"" TOKEN(3) "\",\"createTime\":\"2026-11-22T08:00:00Z\",\"expireTime\":\"2026-11-23T08:00:00Z\"}");
    to(fake_network_fails(&self.rig.network, NULL, 401, "invalid_iam_token"), "/chat/completions");
    assert_int_equal(ask(&self, MODEL, NULL), LLMCOST_E_AUTH);
    assert_int_equal(requests_to(&self, "BCE-BEARER"), 2);
    assert_int_equal(requests_to(&self, "/chat/completions"), 2); /* and no more */
    close_rig(&self);
}

static void test_a_rejection_and_no_other_token(void **unused)
{
    (void)unused;
    keys_rig self;
    open_rig(&self, QIANFAN(""));
    gives_token(&self, TOKEN(1), 3600);
    to(fake_network_fails(&self.rig.network, NULL, 401, "invalid_iam_token"), "/chat/completions");
    to(fake_network_fails(&self.rig.network, NULL, 403, "AccessDenied"), "BCE-BEARER");
    assert_int_equal(ask(&self, MODEL, NULL), LLMCOST_E_PERMISSION);
    assert_int_equal(self.rig.network.request_count, 3);
    close_rig(&self);
}

/* A plain key that is rejected is not asked for again. */
static void test_a_plain_key_is_rejected(void **unused)
{
    (void)unused;
    keys_rig self;
    open_rig(&self, "{\"providers\":{\"openai\":{\"key\":\"sk-hostSECRET-plain\",\"retries\":3}}}");
    fake_network_fails(&self.rig.network, NULL, 401, "invalid_api_key");
    assert_int_equal(ask(&self, "openai/gpt-4o", NULL), LLMCOST_E_AUTH);
    assert_int_equal(self.rig.network.request_count, 1);
    close_rig(&self);
}

/* The words of a failed exchange may hold what was shown. */
static void test_a_host_repeats_secrets(void **unused)
{
    (void)unused;
    keys_rig self;
    llmcost_response *response;
    open_rig(&self, QIANFAN(""));
    fake_exchange *exchange = answers(&self, "{\"requestId\":\"r\",\"code\":\"SignatureDoesNotMatch\",\"message\":\"not the signature of " PAIR_SECRET "\"}");
    exchange->http_status = 401;
    assert_int_equal(ask(&self, MODEL, &response), LLMCOST_E_AUTH);
    const llmcost_error *error = llmcost_response_error(response);
    assert_non_null(strstr(llmcost_error_provider_message(error), "not the signature of ***"));
    assert_non_null(strstr(llmcost_error_trail(error), "\"purpose\":\"token\""));
    llmcost_response_free(response);
    close_rig(&self);

    open_rig(&self, QIANFAN(""));
    answers(&self, "{\"token\":\"" TOKEN(1) "\"}");
    exchange = to(fake_network_add(&self.rig.network, NULL), "/chat/completions");
    static const char words[] = "{\"error\":{\"code\":\"invalid_iam_token\",\"message\":\"bad token " TOKEN(1) "\"}}";
    fake_exchange_piece(exchange, 0, words, sizeof words - 1);
    exchange->http_status = 401;
    assert_int_equal(ask(&self, MODEL, &response), LLMCOST_E_AUTH);
    assert_non_null(strstr(llmcost_error_provider_message(llmcost_response_error(response)), "bad token ***"));
    llmcost_response_free(response);
    self.watch.secrets += 2; /* the body as it came from the host is only masked where it goes on */
    close_rig(&self);
}

/* ---- exchanges that fail ---- */

static void test_exchanges_that_fail(void **unused)
{
    (void)unused;
    static const struct { const char *body; int32_t http_status; llmcost_status status; } cases[] = {
        { "{\"code\":\"AccessDenied\",\"message\":\"m\"}", 403, LLMCOST_E_PERMISSION },
        { "{\"error\":\"invalid_client\",\"error_description\":\"unknown client id\"}", 401, LLMCOST_E_AUTH },
        { "<html>bad gateway</html>", 502, LLMCOST_E_SERVER },
        { "", 503, LLMCOST_E_OVERLOADED },
        { "", 200, LLMCOST_E_TRUNCATED },
        { "[]", 200, LLMCOST_E_MALFORMED },
        { "{}", 200, LLMCOST_E_MALFORMED },
        { "{\"token\":\"\"}", 200, LLMCOST_E_MALFORMED },
        { "{\"token\":12345678}", 200, LLMCOST_E_MALFORMED },
        { "{\"token\":{\"a\":1}}", 200, LLMCOST_E_MALFORMED },
        { "{\"token\":\"a b\"}", 200, LLMCOST_E_MALFORMED },
        { "{\"token\":\"a\\r\\nx-more: 1\"}", 200, LLMCOST_E_MALFORMED },
        { "{\"token\":\"a\\u0000b\"}", 200, LLMCOST_E_MALFORMED },
        { "{\"token\":\"\xC3\xA9\"}", 200, LLMCOST_E_MALFORMED },
        { "{\"token\":\"abc", 200, LLMCOST_E_TRUNCATED },
        { "{\"error_code\":110,\"error_msg\":\"Access token invalid\"}", 200, LLMCOST_E_AUTH },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        keys_rig self;
        open_rig(&self, QIANFAN(""));
        answers(&self, cases[i].body)->http_status = cases[i].http_status;
        llmcost_response *response;
        llmcost_status status = ask(&self, MODEL, &response);
        if (status != cases[i].status)
            fail_msg("%s: %s, not %s: %s", cases[i].body, llmcost_status_name(status), llmcost_status_name(cases[i].status), llmcost_error_message(llmcost_response_error(response)));
        assert_int_equal(requests_to(&self, "/chat/completions"), 0);
        assert_int_equal(llmcost_response_cost_nano(response), 0);
        assert_int_equal(rig_line(response, 0, "is_sent"), 0 + (strcmp(rig_line_text(response, 0, "purpose"), "token") == 0));
        llmcost_response_free(response);
        close_rig(&self);
    }
}

static void test_an_exchange_that_passes_on_the_second_try(void **unused)
{
    (void)unused;
    keys_rig self;
    open_rig(&self, "{\"providers\":{\"qianfan\":{\"key\":" PAIR ",\"free\":true,\"retries\":2}}}");
    fake_exchange *broken = answers(&self, "");
    broken->http_status = 0;
    broken->status = LLMCOST_E_NETWORK;
    broken->times = 2;
    gives_token(&self, TOKEN(1), 3600);
    to(fake_network_says(&self.rig.network, NULL, "hi", 10, 5), "/chat/completions");
    assert_int_equal(ask(&self, MODEL, NULL), LLMCOST_OK);
    assert_int_equal(requests_to(&self, "BCE-BEARER"), 3);
    close_rig(&self);
}

static void test_the_deadline_passes_in_an_exchange(void **unused)
{
    (void)unused;
    keys_rig self;
    rig_request space;
    llmcost_response *response;
    open_rig(&self, QIANFAN(""));
    fake_exchange *silent = answers(&self, "");
    silent->status_ms = FAKE_SILENT;
    silent->times = 1;
    gives_token(&self, TOKEN(1), 3600);
    to(fake_network_says(&self.rig.network, NULL, "hi", 10, 5), "/chat/completions");
    rig_ask(&space, MODEL, "hello")->deadline_ms = 1500;
    assert_int_equal(llmcost_chat(self.rig.client, &space.request, &response), LLMCOST_E_DEADLINE);
    assert_int_equal(fake_clock_ms(&self.rig.clock), 1500);
    assert_int_equal(self.rig.network.active, 0);
    llmcost_response_free(response);
    assert_int_equal(ask(&self, MODEL, NULL), LLMCOST_OK); /* the next one asks at once: nobody does any more */
    assert_int_equal(fake_clock_ms(&self.rig.clock), 1500);
    close_rig(&self);
}

static void test_the_caller_leaves_during_an_exchange(void **unused)
{
    (void)unused;
    keys_rig self;
    rig_request space;
    llmcost_stream *stream;
    open_rig(&self, QIANFAN(",\"on_abort\":\"drain\""));
    fake_exchange *silent = answers(&self, "");
    silent->status_ms = FAKE_SILENT;
    silent->times = 1;
    gives_token(&self, TOKEN(1), 3600);
    to(fake_network_says(&self.rig.network, NULL, "hi", 10, 5), "/chat/completions");
    assert_int_equal(llmcost_stream_open(self.rig.client, rig_ask(&space, MODEL, "hello"), &stream), LLMCOST_OK);
    llmcost_stream_close(stream);
    assert_int_equal(self.rig.network.active, 0); /* there is nothing to drain */
    assert_int_equal(rig_stat(&self.rig, "detached"), 0);
    assert_int_equal(ask(&self, MODEL, NULL), LLMCOST_OK);
    close_rig(&self);
}

/* ---- many at once ---- */

typedef struct many {
    int done, fine;
    llmcost_status last;
} many;

static void one_done(uint64_t call, llmcost_response *response, void *user)
{
    (void)call;
    many *all = user;
    all->done++;
    all->last = llmcost_response_status(response);
    all->fine += all->last == LLMCOST_OK;
    llmcost_response_free(response);
}

static many run_many(keys_rig *self, int count)
{
    rig_request space;
    llmcost_loop *loop;
    many all = { 0 };
    assert_int_equal(llmcost_loop_open(self->rig.client, &loop), LLMCOST_OK);
    for (int i = 0; i < count; i++)
        assert_int_equal(llmcost_loop_submit(loop, rig_ask(&space, MODEL, "hello"), NULL, one_done, &all, NULL), LLMCOST_OK);
    while (llmcost_loop_pending(loop) > 0)
        assert_int_equal(llmcost_loop_poll(loop, 1000), LLMCOST_OK);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    assert_int_equal(all.done, count);
    return all;
}

static void test_one_exchange_for_many(void **unused)
{
    (void)unused;
    keys_rig self;
    open_rig(&self, QIANFAN(""));
    fake_exchange *slow = gives_token(&self, TOKEN(1), 3600);
    slow->pieces[0].at_ms = slow->done_ms = 300;
    to(fake_network_says(&self.rig.network, NULL, "hi", 10, 5), "/chat/completions");
    assert_int_equal(run_many(&self, 20).fine, 20);
    assert_int_equal(requests_to(&self, "BCE-BEARER"), 1);
    assert_true(fake_clock_ms(&self.rig.clock) < 400);
    close_rig(&self);
}

/* It fails: the others ask for themselves, all at once, and nobody waits for a queue of failures. */
static void test_one_exchange_for_many_fails(void **unused)
{
    (void)unused;
    keys_rig self;
    open_rig(&self, QIANFAN(""));
    fake_exchange *broken = answers(&self, "{\"code\":\"AccessDenied\",\"message\":\"m\"}");
    broken->http_status = 401;
    broken->status_ms = broken->pieces[0].at_ms = broken->done_ms = 300;
    many all = run_many(&self, 8);
    assert_int_equal(all.fine, 0);
    assert_int_equal(all.last, LLMCOST_E_AUTH);
    assert_int_equal(requests_to(&self, "BCE-BEARER"), 8);
    assert_true(fake_clock_ms(&self.rig.clock) < 700);
    close_rig(&self);
}

/* Who asks takes too long, or is on a loop that nobody turns: after a while the others do not wait any more. */
static void test_nobody_waits_for_an_exchange_for_ever(void **unused)
{
    (void)unused;
    keys_rig self;
    rig_request space;
    llmcost_loop *loop;
    many stuck = { 0 };
    open_rig(&self, QIANFAN(""));
    gives_token(&self, TOKEN(1), 3600)->status_ms = 60000;
    gives_token(&self, TOKEN(2), 3600);
    to(fake_network_says(&self.rig.network, NULL, "hi", 10, 5), "/chat/completions");
    assert_int_equal(llmcost_loop_open(self.rig.client, &loop), LLMCOST_OK);
    assert_int_equal(llmcost_loop_submit(loop, rig_ask(&space, MODEL, "hello"), NULL, one_done, &stuck, NULL), LLMCOST_OK);
    assert_int_equal(llmcost_loop_poll(loop, 0), LLMCOST_OK);
    assert_int_equal(self.rig.network.request_count, 1);
    assert_int_equal(ask(&self, MODEL, NULL), LLMCOST_OK);
    assert_in_range(fake_clock_ms(&self.rig.clock), 5000, 5020);
    assert_int_equal(stuck.done, 0);
    while (llmcost_loop_pending(loop) > 0)
        assert_int_equal(llmcost_loop_poll(loop, 100000), LLMCOST_OK);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    assert_int_equal(stuck.fine, 1);
    close_rig(&self);
}

/* ---- the host's callback ---- */

static void test_the_host_hands_out_keys(void **unused)
{
    (void)unused;
    keys_rig self;
    llmcost_response *response;
    open_rig(&self, HOST_KEY(""));
    self.gives[0] = "sk-hostSECRET-1";
    self.gives[1] = "sk-hostSECRET-2";
    self.valid_ms = 10000;
    fake_network_says(&self.rig.network, NULL, "hi", 10, 5);
    assert_int_equal(ask(&self, "openai/gpt-4o", &response), LLMCOST_OK);
    assert_int_equal(llmcost_response_line_count(response), 1); /* no exchange */
    char first[9];
    strcpy(first, rig_line_text(response, 0, "key"));
    assert_int_equal(strlen(first), 8);
    llmcost_response_free(response);
    fake_clock_advance(&self.rig.clock, 8999);
    assert_int_equal(ask(&self, "openai/gpt-4o", NULL), LLMCOST_OK);
    assert_int_equal(self.asked, 1);
    fake_clock_advance(&self.rig.clock, 1); /* a tenth of its time is left, which is not used */
    assert_int_equal(ask(&self, "openai/gpt-4o", &response), LLMCOST_OK);
    assert_int_equal(self.asked, 2);
    assert_string_not_equal(rig_line_text(response, 0, "key"), first);
    llmcost_response_free(response);
    assert_non_null(strstr(headers_of(&self, 1), "Bearer sk-hostSECRET-1\n"));
    assert_non_null(strstr(headers_of(&self, 2), "Bearer sk-hostSECRET-2\n"));
    assert_int_equal(self.rejected, 0);
    close_rig(&self);
}

static void test_a_key_for_one_call(void **unused)
{
    (void)unused;
    static const int64_t valid[] = { 0, -1, INT64_MIN };
    for (size_t i = 0; i < sizeof valid / sizeof valid[0]; i++) {
        keys_rig self;
        open_rig(&self, HOST_KEY(""));
        self.gives[0] = "sk-hostSECRET-1";
        self.valid_ms = valid[i];
        fake_network_says(&self.rig.network, NULL, "hi", 10, 5);
        assert_int_equal(ask(&self, "openai/gpt-4o", NULL), LLMCOST_OK);
        assert_int_equal(ask(&self, "openai/gpt-4o", NULL), LLMCOST_OK);
        assert_int_equal(self.asked, 2);
        close_rig(&self);
    }
    keys_rig self; /* and one for ever */
    open_rig(&self, HOST_KEY(""));
    self.gives[0] = "sk-hostSECRET-1";
    self.valid_ms = INT64_MAX;
    fake_network_says(&self.rig.network, NULL, "hi", 10, 5);
    assert_int_equal(ask(&self, "openai/gpt-4o", NULL), LLMCOST_OK);
    fake_clock_advance(&self.rig.clock, INT64_C(1000) * 86400 * 3650);
    assert_int_equal(ask(&self, "openai/gpt-4o", NULL), LLMCOST_OK);
    assert_int_equal(self.asked, 1);
    close_rig(&self);
}

static void test_the_host_is_told_of_a_rejection(void **unused)
{
    (void)unused;
    for (int valid = 0; valid < 2; valid++) {
        keys_rig self;
        open_rig(&self, HOST_KEY(""));
        self.gives[0] = "sk-hostSECRET-1";
        self.gives[1] = "sk-hostSECRET-2";
        self.valid_ms = valid ? 3600000 : 0;
        fake_network_fails(&self.rig.network, NULL, 401, "invalid_api_key")->times = 1;
        fake_network_says(&self.rig.network, NULL, "hi", 10, 5);
        assert_int_equal(ask(&self, "openai/gpt-4o", NULL), LLMCOST_OK);
        assert_int_equal(self.asked, 2);
        assert_int_equal(self.rejected, 1);
        assert_non_null(strstr(headers_of(&self, 1), "sk-hostSECRET-2"));
        close_rig(&self);

        open_rig(&self, HOST_KEY(""));
        self.gives[0] = "sk-hostSECRET-1";
        fake_network_fails(&self.rig.network, NULL, 401, "invalid_api_key");
        assert_int_equal(ask(&self, "openai/gpt-4o", NULL), LLMCOST_E_AUTH);
        assert_int_equal(self.asked, 2);
        assert_int_equal(self.rig.network.request_count, 2);
        close_rig(&self);
    }
}

static void test_odd_outputs_of_the_callback(void **unused)
{
    (void)unused;
    static const struct { const char *gives; llmcost_status fails; char fill; } odd[] = {
        { NULL, LLMCOST_OK, 0 }, { "", LLMCOST_OK, 0 }, { "a b", LLMCOST_OK, 0 }, { "a\r\nx: y", LLMCOST_OK, 0 }, { "a\x7f", LLMCOST_OK, 0 },
        { "\xC3\xA9", LLMCOST_OK, 0 }, { NULL, LLMCOST_OK, 'x' }, { "sk-hostSECRET", LLMCOST_E_FILE, 0 }, { "sk-hostSECRET", LLMCOST_E_CANCELLED, 0 },
        { "sk-hostSECRET", (llmcost_status)12345, 0 }, { "sk-hostSECRET", (llmcost_status)-7, 0 },
    };
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        keys_rig self;
        llmcost_response *response;
        open_rig(&self, "{\"providers\":{\"openai\":{\"key\":\"host:vault\",\"retries\":3}}}");
        self.gives[0] = odd[i].gives;
        self.fails = odd[i].fails;
        self.fill = odd[i].fill;
        self.valid_ms = 3600000;
        assert_int_equal(ask(&self, "openai/gpt-4o", &response), LLMCOST_E_AUTH);
        assert_int_equal(self.asked, 1);
        assert_int_equal(self.rig.network.request_count, 0);
        assert_non_null(strstr(llmcost_error_message(llmcost_response_error(response)), "openai/gpt-4o: the callback for its key "));
        llmcost_response_free(response);
        self.gives[0] = "sk-hostSECRET-1"; /* and nothing of it was kept */
        self.fails = LLMCOST_OK;
        self.fill = 0;
        fake_network_says(&self.rig.network, NULL, "hi", 10, 5);
        assert_int_equal(ask(&self, "openai/gpt-4o", NULL), LLMCOST_OK);
        close_rig(&self);
    }
}

static void test_no_such_callback(void **unused)
{
    (void)unused;
    keys_rig self;
    llmcost_response *response;
    open_rig(&self, "{\"providers\":{\"openai\":{\"key\":\"host:nobody\"}}}");
    assert_int_equal(ask(&self, "openai/gpt-4o", &response), LLMCOST_E_CONFIG);
    assert_non_null(strstr(llmcost_error_message(llmcost_response_error(response)), "its key is \"host:nobody\", and no such callback was added"));
    llmcost_response_free(response);
    assert_int_equal(llmcost_client_add_key_source(self.rig.client, "nobody", vault, &self), LLMCOST_E_MISUSE); /* too late */
    close_rig(&self);
    open_rig(&self, HOST_KEY(""));
    assert_int_equal(llmcost_client_add_key_source(NULL, "x", vault, NULL), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_client_add_key_source(self.rig.client, NULL, vault, NULL), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_client_add_key_source(self.rig.client, "", vault, NULL), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_client_add_key_source(self.rig.client, "x", NULL, NULL), LLMCOST_E_MISUSE);
    close_rig(&self);
}

/* Clouds hand out bearer tokens: Google's to the callback of a service account, Microsoft's Entra where else a key would go. */
static void test_tokens_of_clouds(void **unused)
{
    (void)unused;
    static const struct { const char *config, *model, *key, *line; } clouds[] = {
        { "{\"providers\":{\"openai\":{\"preset\":\"vertex\",\"project\":\"p\",\"key\":\"host:vault\",\"free\":true}}}", "openai/gemini-2.5-flash", "ya29.sk-hostSECRET", "Authorization: Bearer ya29.sk-hostSECRET\n" },
        { "{\"providers\":{\"openai\":{\"base_url\":\"https://r.openai.azure.com/openai/v1\",\"auth\":\"api-key\",\"key\":\"host:vault\"}}}", "openai/gpt-4o", "eyJ0.sk-hostSECRET", "Authorization: Bearer eyJ0.sk-hostSECRET\n" },
        { "{\"providers\":{\"openai\":{\"base_url\":\"https://r.openai.azure.com/openai/v1\",\"auth\":\"api-key\",\"key\":\"host:vault\"}}}", "openai/gpt-4o", "0123sk-hostSECRET", "api-key: 0123sk-hostSECRET\n" },
        { "{\"providers\":{\"openai\":{\"auth\":\"x-goog-api-key\",\"key\":\"host:vault\"}}}", "openai/gpt-4o", "sk-hostSECRET", "x-goog-api-key: sk-hostSECRET\n" },
        { "{\"providers\":{\"openai\":{\"auth\":\"x-api-key\",\"key\":\"host:vault\"}}}", "openai/gpt-4o", "sk-hostSECRET", "x-api-key: sk-hostSECRET\n" },
        { "{\"providers\":{\"openai\":{\"auth\":\"aws\",\"key\":\"host:vault\"}}}", "openai/gpt-4o", "sk-hostSECRET", "Authorization: Bearer sk-hostSECRET\n" },
        { "{\"providers\":{\"openai\":{\"auth\":\"jwt\",\"key\":\"host:vault\"}}}", "openai/gpt-4o", "sk-hostSECRET", "Authorization: Bearer sk-hostSECRET\n" },
    };
    for (size_t i = 0; i < sizeof clouds / sizeof clouds[0]; i++) {
        keys_rig self;
        open_rig(&self, clouds[i].config);
        self.gives[0] = clouds[i].key;
        fake_network_says(&self.rig.network, NULL, "hi", 10, 5);
        llmcost_status status = ask(&self, clouds[i].model, NULL);
        assert_true(status == LLMCOST_OK || i == 0); /* the answer is not in Gemini's format */
        if (!strstr(headers_of(&self, 0), clouds[i].line))
            fail_msg("%s: %s", clouds[i].config, headers_of(&self, 0));
        close_rig(&self);
    }
}

/* ---- several keys ---- */

static void test_keys_take_turns(void **unused)
{
    (void)unused;
    keys_rig self;
    llmcost_response *response;
    char seen[3][9];
    open_rig(&self, "{\"providers\":{\"openai\":{\"keys\":[\"sk-a\",\"host:vault\",\"sk-c\"],\"retries\":0}}}");
    self.gives[0] = "sk-b";
    fake_network_says(&self.rig.network, NULL, "hi", 10, 5);
    static const char *const lines[] = { "Bearer sk-a\n", "Bearer sk-b\n", "Bearer sk-c\n" };
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(ask(&self, "openai/gpt-4o", &response), LLMCOST_OK);
        assert_non_null(strstr(headers_of(&self, i), lines[i % 3]));
        if (i < 3)
            strcpy(seen[i], rig_line_text(response, 0, "key"));
        assert_string_equal(rig_line_text(response, 0, "key"), seen[i % 3]);
        llmcost_response_free(response);
    }
    assert_string_not_equal(seen[0], seen[1]);
    assert_string_not_equal(seen[1], seen[2]);
    close_rig(&self);
}

/* Another try takes the next key: what one key may not any more, the other may. */
static void test_another_try_takes_another_key(void **unused)
{
    (void)unused;
    keys_rig self;
    open_rig(&self, "{\"providers\":{\"openai\":{\"keys\":[\"sk-a\",\"sk-b\"],\"retries\":1}}}");
    fake_network_fails(&self.rig.network, NULL, 429, "rate_limit_exceeded")->times = 1;
    fake_network_says(&self.rig.network, NULL, "hi", 10, 5);
    assert_int_equal(ask(&self, "openai/gpt-4o", NULL), LLMCOST_OK);
    assert_non_null(strstr(headers_of(&self, 0), "sk-a"));
    assert_non_null(strstr(headers_of(&self, 1), "sk-b"));
    close_rig(&self);
}

/* Pairs among several each have a token of their own. */
static void test_pairs_take_turns(void **unused)
{
    (void)unused;
    keys_rig self;
    open_rig(&self, "{\"providers\":{\"qianfan\":{\"keys\":[{\"access_key\":\"AK1\",\"secret_key\":\"" PAIR_SECRET "\"},{\"access_key\":\"AK2\",\"secret_key\":\"" PAIR_SECRET "\"}],\"free\":true}}}");
    gives_token(&self, TOKEN(1), 3600);
    gives_token(&self, TOKEN(2), 3600);
    to(fake_network_says(&self.rig.network, NULL, "hi", 10, 5), "/chat/completions");
    for (int i = 0; i < 4; i++)
        assert_int_equal(ask(&self, MODEL, NULL), LLMCOST_OK);
    assert_int_equal(self.rig.network.request_count, 6);
    assert_non_null(strstr(headers_of(&self, 0), "/AK1/"));
    assert_non_null(strstr(headers_of(&self, 2), "/AK2/"));
    assert_non_null(strstr(headers_of(&self, 4), TOKEN(1)));
    assert_non_null(strstr(headers_of(&self, 5), TOKEN(2)));
    close_rig(&self);
}

/* ---- streams ---- */

static void test_streams_exchange_too(void **unused)
{
    (void)unused;
    keys_rig self;
    rig_request space;
    char text[100];
    open_rig(&self, QIANFAN(""));
    gives_token(&self, TOKEN(1), 3600);
    gives_token(&self, TOKEN(2), 3600);
    to(fake_network_fails(&self.rig.network, NULL, 401, "invalid_iam_token"), "/chat/completions")->times = 1;
    to(fake_network_streams(&self.rig.network, NULL, (const char *const[]){ "he", "llo", NULL }, 10, 5), "/chat/completions");
    assert_int_equal(rig_stream(&self.rig, rig_ask(&space, MODEL, "hello"), text, sizeof text, NULL), LLMCOST_OK);
    assert_string_equal(text, "hello");
    assert_int_equal(self.rig.network.request_count, 4);
    close_rig(&self);
}

/* An error within a stream may call a token invalid, too late for another try: the caller has a part of the answer. */
static void test_rejected_after_content(void **unused)
{
    (void)unused;
    keys_rig self;
    rig_request space;
    char text[100];
    static const char late[] = "data: {\"error\":{\"code\":\"invalid_iam_token\",\"message\":\"over\"}}\n\n";
    open_rig(&self, QIANFAN(""));
    gives_token(&self, TOKEN(1), 3600);
    fake_exchange *exchange = to(fake_network_add(&self.rig.network, NULL), "/chat/completions");
    fake_exchange_delta(exchange, 1, "he");
    fake_exchange_piece(exchange, 2, late, sizeof late - 1);
    exchange->done_ms = 3;
    llmcost_status status = rig_stream(&self.rig, rig_ask(&space, MODEL, "hello"), text, sizeof text, NULL);
    assert_int_equal(status, LLMCOST_E_AUTH);
    assert_string_equal(text, "he");
    assert_int_equal(self.rig.network.request_count, 2);
    close_rig(&self);
}

/* ---- a policy of the host's sends a child elsewhere ---- */

static llmcost_verdict go_elsewhere(llmcost_leg *leg, void *state, void *user)
{
    (void)state;
    if (strcmp(llmcost_leg_target(leg), "openai/gpt-4o") != 0)
        return LLMCOST_CONTINUE;
    llmcost_spawn spawn = { .struct_size = sizeof spawn, .first_phase = LLMCOST_PHASE_FIT, .model = user, .purpose = "elsewhere" };
    return llmcost_leg_spawn(leg, &spawn) ? LLMCOST_WAIT : LLMCOST_FAIL;
}

static llmcost_verdict adopt(llmcost_leg *leg, void *state, void *user, const llmcost_wake *wake)
{
    (void)state;
    (void)user;
    return wake->kind == LLMCOST_WAKE_CHILD ? llmcost_leg_adopt(leg, wake->child) : LLMCOST_WAIT;
}

/* Whatever begins inside the phase of keys: no host sees another one's key. */
static void test_no_host_is_shown_anothers_key(void **unused)
{
    (void)unused;
    static const struct { const char *model; llmcost_status status; const char *line; } cases[] = {
        { "mistral/mistral-small-latest", LLMCOST_OK, "Bearer sk-of-mistral\n" }, { "xai/grok-4", LLMCOST_E_AUTH, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        keys_rig self;
        llmcost_response *response;
        open_rig(&self, "{\"providers\":{\"openai\":{\"key\":\"host:vault\"},\"mistral\":{\"key\":\"sk-of-mistral\"},\"xai\":{\"key\":\"host:vault\"}}}");
        llmcost_policy policy = { .struct_size = sizeof policy, .name = "elsewhere", .phase = LLMCOST_PHASE_BREAKER, .state_bytes = 1, .enter = go_elsewhere, .resume = adopt, .user = (void *)(uintptr_t)cases[i].model };
        assert_int_equal(llmcost_client_add_policy(self.rig.client, &policy), LLMCOST_OK);
        self.gives[0] = "sk-hostSECRET-1";
        fake_network_says(&self.rig.network, NULL, "hi", 10, 5);
        llmcost_status status = ask(&self, "openai/gpt-4o", &response);
        if (status != cases[i].status)
            fail_msg("%s: %s", cases[i].model, llmcost_error_message(llmcost_response_error(response)));
        assert_int_equal(self.rig.network.request_count, cases[i].line ? 1 : 0);
        if (cases[i].line)
            assert_non_null(strstr(headers_of(&self, 0), cases[i].line));
        llmcost_response_free(response);
        close_rig(&self);
    }
}

/* ---- several of them ---- */

/* A pair whose exchange is refused is out as a key is; the call goes on with the other one, now and later. */
static void test_a_pair_that_is_refused_is_out(void **unused)
{
    (void)unused;
    keys_rig self;
    llmcost_response *response;
    open_rig(&self, "{\"providers\":{\"qianfan\":{\"keys\":[{\"access_key\":\"AK-revoked\",\"secret_key\":\"" PAIR_SECRET "\"}," PAIR "],\"free\":true,\"retries\":0}}}");
    fake_exchange *refused = to(fake_network_fails(&self.rig.network, NULL, 401, "invalid_api_key"), "/v1/BCE-BEARER/token");
    refused->header = "AK-revoked";
    gives_token(&self, TOKEN(1), 3600);
    fake_network_says(&self.rig.network, NULL, "hi", 10, 5);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ask(&self, MODEL, &response), LLMCOST_OK);
        llmcost_response_free(response);
    }
    assert_int_equal(refused->used, 1);
    assert_int_equal(self.rig.network.request_count, 2 + 4);
    close_rig(&self);
}

/* A key of the host's is never out for good: he may hand out another. While it is refused the other key serves. */
static void test_a_hosts_key_is_asked_for_again(void **unused)
{
    (void)unused;
    keys_rig self;
    llmcost_response *response;
    open_rig(&self, "{\"providers\":{\"openai\":{\"keys\":[\"host:vault\",\"sk-plain\"],\"retries\":0}}}");
    self.gives[0] = TOKEN(1);
    self.valid_ms = 3600000;
    fake_network_fails(&self.rig.network, NULL, 401, "invalid_api_key")->header = "tok-";
    fake_network_says(&self.rig.network, NULL, "hi", 10, 5);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ask(&self, "openai/gpt-4o", &response), LLMCOST_OK);
        llmcost_response_free(response);
    }
    assert_true(self.asked >= 4); /* in each of its turns twice */
    self.fails = LLMCOST_E_FILE;  /* and where the callback itself fails */
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ask(&self, "openai/gpt-4o", &response), LLMCOST_OK);
        llmcost_response_free(response);
    }
    char *json = NULL;
    assert_int_equal(llmcost_stats(self.rig.client, &json), LLMCOST_OK);
    assert_non_null(strstr(json, "\"key\":\"vault\",\"state\":\"ok\""));
    assert_null(strstr(json, "rejected"));
    assert_no_secret_in(json);
    llmcost_string_free(json);
    close_rig(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pair_becomes_a_token),
        cmocka_unit_test(test_kept_to_the_millisecond),
        cmocka_unit_test(test_a_slow_exchange_makes_a_shorter_token),
        cmocka_unit_test(test_a_token_without_a_time),
        cmocka_unit_test(test_oauth),
        cmocka_unit_test(test_a_rejected_token_is_asked_for_again_once),
        cmocka_unit_test(test_a_rejection_and_no_other_token),
        cmocka_unit_test(test_a_plain_key_is_rejected),
        cmocka_unit_test(test_a_host_repeats_secrets),
        cmocka_unit_test(test_exchanges_that_fail),
        cmocka_unit_test(test_an_exchange_that_passes_on_the_second_try),
        cmocka_unit_test(test_the_deadline_passes_in_an_exchange),
        cmocka_unit_test(test_the_caller_leaves_during_an_exchange),
        cmocka_unit_test(test_one_exchange_for_many),
        cmocka_unit_test(test_one_exchange_for_many_fails),
        cmocka_unit_test(test_nobody_waits_for_an_exchange_for_ever),
        cmocka_unit_test(test_the_host_hands_out_keys),
        cmocka_unit_test(test_a_key_for_one_call),
        cmocka_unit_test(test_the_host_is_told_of_a_rejection),
        cmocka_unit_test(test_odd_outputs_of_the_callback),
        cmocka_unit_test(test_no_such_callback),
        cmocka_unit_test(test_tokens_of_clouds),
        cmocka_unit_test(test_keys_take_turns),
        cmocka_unit_test(test_another_try_takes_another_key),
        cmocka_unit_test(test_pairs_take_turns),
        cmocka_unit_test(test_streams_exchange_too),
        cmocka_unit_test(test_rejected_after_content),
        cmocka_unit_test(test_no_host_is_shown_anothers_key),
        cmocka_unit_test(test_a_pair_that_is_refused_is_out), cmocka_unit_test(test_a_hosts_key_is_asked_for_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
