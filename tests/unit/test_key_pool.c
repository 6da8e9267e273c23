/* Several keys of one provider: whose turn it is, which are out and until when, what a call does then, and who is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/engine_rig.h"
#include "base/memory.h"
#include "policy/key_pool.h"
#include "policy/key_verdict.h"

#define MODEL "openai/gpt-4o-mini"
#define KEYS(more) "{\"providers\":{\"openai\":{\"keys\":[\"sk-aaaa\",\"sk-bbbb\",\"sk-cccc\"],\"retries\":0" more "}}}"
#define LONE(more) "{\"providers\":{\"openai\":{\"key\":\"sk-aaaa\",\"retries\":0" more "}}}"
#define HOUR INT64_C(3600000)

/* ---- the rig ---- */

typedef struct pool_rig {
    engine_rig rig;
    char alerts[1000];
    int alert_count;
} pool_rig;

static void keep_alert(const char *json, void *user)
{
    pool_rig *self = user;
    self->alert_count++;
    snprintf(self->alerts + strlen(self->alerts), sizeof self->alerts - strlen(self->alerts), "%s\n", json);
}

static void open_rig(pool_rig *self, const char *config)
{
    memset(self, 0, sizeof *self);
    rig_open(&self->rig, config);
    assert_int_equal(llmcost_client_on_alert(self->rig.client, keep_alert, self), LLMCOST_OK);
}

/* What calls with this key are answered from now on. */
static fake_exchange *fails(pool_rig *self, const char *key, int http_status, const char *code)
{
    fake_exchange *exchange = fake_network_fails(&self->rig.network, NULL, http_status, code);
    exchange->header = key;
    return exchange;
}

static fake_exchange *says(pool_rig *self, const char *key)
{
    fake_exchange *exchange = fake_network_says(&self->rig.network, NULL, "hi", 10, 5);
    exchange->header = key;
    return exchange;
}

static char key_of(const pool_rig *self, size_t request)
{
    const char *at = strstr(self->rig.network.requests[request].headers, "sk-");
    return at ? at[3] : '-';
}

/* The keys of all requests so far, by their letters. */
static const char *shown(const pool_rig *self)
{
    static char letters[FAKE_MAX_REQUESTS + 1];
    size_t count = self->rig.network.request_count;
    for (size_t i = 0; i < count; i++)
        letters[i] = key_of(self, i);
    letters[count] = '\0';
    return letters;
}

static llmcost_response *ask_model(pool_rig *self, const char *model, llmcost_status expected)
{
    llmcost_response *response = NULL;
    llmcost_status status = llmcost_ask(self->rig.client, model, "hello", &response);
    if (status != expected)
        fail_msg("%s, not %s: %s", llmcost_status_name(status), llmcost_status_name(expected), llmcost_error_message(llmcost_response_error(response)));
    rig_check_receipt(response);
    return response;
}

static void ask(pool_rig *self, llmcost_status expected)
{
    llmcost_response_free(ask_model(self, MODEL, expected));
}

static void ask_expecting(pool_rig *self, llmcost_status expected, int64_t retry_after_ms, const char *words)
{
    llmcost_response *response = ask_model(self, MODEL, expected);
    const llmcost_error *error = llmcost_response_error(response);
    assert_int_equal(llmcost_error_retry_after_ms(error), retry_after_ms);
    if (!strstr(llmcost_error_message(error), words))
        fail_msg("\"%s\" lacks \"%s\"", llmcost_error_message(error), words);
    llmcost_response_free(response);
}

/* "ok rejected limited": the states of all keys; their figures add up to what was sent. */
static void assert_states(pool_rig *self, const char *expected)
{
    char *json = NULL, states[200] = "";
    assert_int_equal(llmcost_stats(self->rig.client, &json), LLMCOST_OK);
    for (const char *at = json; (at = strstr(at, "\"state\":\""));) {
        at += strlen("\"state\":\"");
        size_t length = strlen(states);
        snprintf(states + length, sizeof states - length, "%s%.*s", length ? " " : "", (int)strcspn(at, "\""), at);
    }
    assert_string_equal(states, expected);
    assert_null(strstr(json, "sk-"));
    llmcost_string_free(json);
    assert_int_equal(rig_stat(&self->rig, "in_flight"), 0);
    assert_int_equal(rig_stat(&self->rig, "calls"), self->rig.network.request_count);
}

static void clock_set(pool_rig *self, int64_t ms)
{
    fake_clock_advance(&self->rig.clock, ms - fake_clock_ms(&self->rig.clock));
}

/* ---- whose turn it is ---- */

static void test_each_in_turn(void **unused)
{
    (void)unused;
    pool_rig self;
    open_rig(&self, KEYS(""));
    says(&self, NULL);
    for (int i = 0; i < 7; i++)
        ask(&self, LLMCOST_OK);
    assert_string_equal(shown(&self), "abcabca");
    assert_states(&self, "ok ok ok");
    rig_close(&self.rig);
}

static void test_the_least_used(void **unused)
{
    (void)unused;
    pool_rig self;
    rig_request space[4];
    llmcost_stream *streams[4];
    open_rig(&self, KEYS(",\"key_order\":\"least_used\""));
    says(&self, NULL);
    ask(&self, LLMCOST_OK); /* a has a call more */
    self.rig.network.exchanges[0].times = 1;
    static const char *const texts[] = { "x", NULL };
    fake_network_streams(&self.rig.network, NULL, texts, 3, 3)->times = 4;
    for (int i = 0; i < 4; i++) {
        const llmcost_event *event;
        assert_int_equal(llmcost_stream_open(self.rig.client, rig_ask(&space[i], MODEL, "hello"), &streams[i]), LLMCOST_OK);
        assert_int_equal(llmcost_stream_next(streams[i], &event), LLMCOST_OK); /* it is under way */
        assert_non_null(event);
    }
    assert_string_equal(shown(&self), "abcab"); /* b and c have had fewer calls; then a has as many, and its turn */
    assert_int_equal(rig_stat(&self.rig, "in_flight"), 4);
    llmcost_stream_close(streams[0]);
    llmcost_stream_close(streams[3]);
    says(&self, NULL);
    ask(&self, LLMCOST_OK);
    assert_string_equal(shown(&self) + 5, "b"); /* two calls before, as a; but none under way, as a has */
    llmcost_stream_close(streams[1]);
    llmcost_stream_close(streams[2]);
    ask(&self, LLMCOST_OK);
    assert_string_equal(shown(&self) + 6, "c");
    assert_states(&self, "ok ok ok");
    rig_close(&self.rig);
}

static void test_the_most_remaining(void **unused)
{
    (void)unused;
    pool_rig self;
    open_rig(&self, KEYS(",\"key_order\":\"remaining\""));
    const char *const left[] = { "x-ratelimit-remaining-requests: 50", "x-ratelimit-remaining-requests: 70", "x-ratelimit-remaining-requests: 20" };
    const char *const keys[] = { "sk-a", "sk-b", "sk-c" };
    for (int i = 0; i < 3; i++) {
        fake_exchange *exchange = says(&self, keys[i]);
        exchange->headers[1] = "x-ratelimit-limit-requests: 100";
        exchange->headers[2] = left[i];
        exchange->headers[3] = "x-ratelimit-reset-requests: 30s";
    }
    for (int i = 0; i < 5; i++)
        ask(&self, LLMCOST_OK);
    assert_string_equal(shown(&self), "abcbb"); /* unknown is most */
    clock_set(&self, 31000);
    for (int i = 0; i < 3; i++)
        ask(&self, LLMCOST_OK);
    assert_string_equal(shown(&self) + 5, "cab"); /* after their reset nothing is known of any: in turn */
    rig_close(&self.rig);
}

/* ---- out ---- */

static void test_a_rejected_key_is_out_for_good(void **unused)
{
    (void)unused;
    pool_rig self;
    open_rig(&self, KEYS(""));
    fails(&self, "sk-a", 401, "invalid_api_key");
    says(&self, NULL);
    llmcost_response *response = ask_model(&self, MODEL, LLMCOST_OK);
    assert_int_equal(fake_clock_ms(&self.rig.clock), 0); /* at once */
    assert_int_equal(llmcost_response_line_count(response), 2);
    assert_string_equal(rig_line_text(response, 0, "purpose"), "answer");
    assert_string_equal(rig_line_text(response, 1, "purpose"), "key");
    assert_string_not_equal(rig_line_text(response, 0, "key"), rig_line_text(response, 1, "key"));
    char expected[200];
    snprintf(expected, sizeof expected, "{\"alert\":\"key\",\"provider\":\"openai\",\"key\":\"%s\",\"state\":\"rejected\"}\n", rig_line_text(response, 0, "key"));
    assert_string_equal(self.alerts, expected);
    llmcost_response_free(response);
    clock_set(&self, 1000 * HOUR);
    for (int i = 0; i < 4; i++)
        ask(&self, LLMCOST_OK);
    assert_string_equal(shown(&self), "abcbcb");
    assert_int_equal(self.alert_count, 1);
    assert_states(&self, "rejected ok ok");
    rig_close(&self.rig);
}

static void test_all_rejected(void **unused)
{
    (void)unused;
    pool_rig self;
    open_rig(&self, KEYS(""));
    fails(&self, NULL, 401, "invalid_api_key");
    ask(&self, LLMCOST_E_AUTH);
    assert_string_equal(shown(&self), "abc"); /* each once */
    ask_expecting(&self, LLMCOST_E_AUTH, -1, "of 3, 0 rate-limited, 0 out of money, 3 rejected; open the client anew");
    assert_int_equal(self.rig.network.request_count, 3);
    llmcost_response *response = ask_model(&self, MODEL, LLMCOST_E_AUTH);
    assert_int_equal(llmcost_response_line_count(response), 1); /* refused by us: told, and nothing to pay */
    assert_string_equal(rig_line_text(response, 0, "model"), "gpt-4o-mini");
    assert_string_equal(rig_line_text(response, 0, "status"), "E_AUTH");
    assert_int_equal(rig_line(response, 0, "http_status"), -1); /* none */
    assert_non_null(strstr(llmcost_error_trail(llmcost_response_error(response)), MODEL));
    llmcost_response_free(response);
    assert_int_equal(self.alert_count, 3);
    assert_states(&self, "rejected rejected rejected");
    rig_close(&self.rig);
}

static void test_a_lone_revoked_key_is_not_tried_again(void **unused)
{
    (void)unused;
    pool_rig self;
    open_rig(&self, LONE(""));
    fake_exchange *once = fails(&self, NULL, 401, "invalid_api_key");
    once->times = 1;
    says(&self, NULL);
    ask_expecting(&self, LLMCOST_E_AUTH, -1, "did not accept the key");
    for (int i = 0; i < 5; i++)
        ask_expecting(&self, LLMCOST_E_AUTH, -1, "nothing was sent: of 1, 0 rate-limited, 0 out of money, 1 rejected");
    assert_int_equal(self.rig.network.request_count, 1);
    assert_int_equal(self.alert_count, 1);
    rig_close(&self.rig);
    open_rig(&self, LONE(""));
    says(&self, NULL);
    ask(&self, LLMCOST_OK);
    rig_close(&self.rig);
}

static void test_a_listing_that_is_answered_puts_a_lone_key_back(void **unused)
{
    (void)unused;
    pool_rig self;
    llmcost_response *response;
    open_rig(&self, LONE(""));
    fails(&self, NULL, 401, "invalid_api_key")->times = 1;
    fake_exchange *list = fake_network_add(&self.rig.network, NULL);
    list->url = "/models";
    fake_exchange_piece(list, 0, "{\"data\":[]}", 11);
    says(&self, NULL);
    ask(&self, LLMCOST_E_AUTH);
    ask(&self, LLMCOST_E_AUTH);
    assert_int_equal(llmcost_list_models(self.rig.client, "openai", &response), LLMCOST_OK);
    llmcost_response_free(response);
    ask(&self, LLMCOST_OK);
    assert_states(&self, "ok");
    rig_close(&self.rig);
}

static void test_out_of_money_for_a_time(void **unused)
{
    (void)unused;
    pool_rig self;
    open_rig(&self, KEYS(""));
    fails(&self, "sk-a", 429, "insufficient_quota")->times = 1;
    says(&self, NULL);
    ask(&self, LLMCOST_OK);
    assert_states(&self, "out_of_money ok ok");
    assert_non_null(strstr(self.alerts, "\"state\":\"out_of_money\""));
    for (int i = 0; i < 2; i++)
        ask(&self, LLMCOST_OK);
    assert_string_equal(shown(&self), "abcb");
    clock_set(&self, HOUR - 1);
    ask(&self, LLMCOST_OK);
    assert_string_equal(shown(&self) + 4, "c");
    clock_set(&self, HOUR);
    ask(&self, LLMCOST_OK);
    assert_string_equal(shown(&self) + 5, "a");
    assert_states(&self, "ok ok ok");
    assert_int_equal(self.alert_count, 1);
    rig_close(&self.rig);
}

static void test_a_lone_key_out_of_money(void **unused)
{
    (void)unused;
    pool_rig self;
    open_rig(&self, LONE(",\"quota_retry_ms\":\"10s\""));
    fails(&self, NULL, 402, "insufficient_balance")->times = 1;
    says(&self, NULL);
    ask(&self, LLMCOST_E_QUOTA);
    clock_set(&self, 4000);
    ask_expecting(&self, LLMCOST_E_QUOTA, 6000, "1 out of money");
    assert_int_equal(self.rig.network.request_count, 1);
    clock_set(&self, 10000);
    ask(&self, LLMCOST_OK);
    rig_close(&self.rig);
    open_rig(&self, LONE(",\"quota_retry_ms\":0"));
    fails(&self, NULL, 402, "insufficient_balance");
    for (int i = 0; i < 3; i++)
        ask(&self, LLMCOST_E_QUOTA);
    assert_int_equal(self.rig.network.request_count, 3); /* never out */
    assert_int_equal(self.alert_count, 0);
    rig_close(&self.rig);
}

static void balance_is(pool_rig *self, const char *amount, int times)
{
    char body[200];
    fake_exchange *exchange = fake_network_add(&self->rig.network, NULL);
    exchange->url = "/user/balance";
    exchange->times = times;
    int bytes = snprintf(body, sizeof body, "{\"is_available\":true,\"balance_infos\":[{\"currency\":\"CNY\",\"total_balance\":\"%s\"}]}", amount);
    fake_exchange_piece(exchange, 0, body, (size_t)bytes);
}

static void test_a_balance_puts_money_back(void **unused)
{
    (void)unused;
    pool_rig self;
    llmcost_response *response;
    open_rig(&self, "{\"providers\":{\"deepseek\":{\"keys\":[\"sk-aaaa\",\"sk-bbbb\"],\"retries\":0}}}");
    balance_is(&self, "0.00", 1);
    balance_is(&self, "-3.5", 1);
    balance_is(&self, "12.5", 0);
    fails(&self, "sk-b", 402, "insufficient_balance")->times = 1;
    says(&self, NULL);
    llmcost_response_free(ask_model(&self, "deepseek/deepseek-chat", LLMCOST_OK));
    llmcost_response_free(ask_model(&self, "deepseek/deepseek-chat", LLMCOST_OK));
    assert_string_equal(shown(&self), "aba");
    for (int i = 0; i < 3; i++) {
        assert_states(&self, "ok out_of_money");
        assert_int_equal(llmcost_balance(self.rig.client, "deepseek", &response), LLMCOST_OK);
        llmcost_response_free(response);
        assert_int_equal(key_of(&self, self.rig.network.request_count - 1), 'b'); /* of the key that is out */
    }
    assert_states(&self, "ok ok");
    rig_close(&self.rig);
}

/* ---- rate limits ---- */

static void test_a_limited_key_is_out_until_its_reset(void **unused)
{
    (void)unused;
    pool_rig self;
    open_rig(&self, KEYS(""));
    fake_exchange *busy = fails(&self, "sk-a", 429, "rate_limit_exceeded");
    busy->times = 1;
    busy->headers[1] = "Retry-After: 60";
    says(&self, NULL);
    ask(&self, LLMCOST_OK);
    assert_int_equal(fake_clock_ms(&self.rig.clock), 0);
    assert_states(&self, "limited ok ok");
    for (int i = 0; i < 2; i++)
        ask(&self, LLMCOST_OK);
    assert_string_equal(shown(&self), "abcb");
    llmcost_response_free(ask_model(&self, "openai/gpt-4o", LLMCOST_OK)); /* another model's limit is another */
    llmcost_response_free(ask_model(&self, "openai/gpt-4o", LLMCOST_OK));
    assert_string_equal(shown(&self) + 4, "ca");
    clock_set(&self, 59999);
    ask(&self, LLMCOST_OK);
    ask(&self, LLMCOST_OK);
    assert_string_equal(shown(&self) + 6, "bc");
    clock_set(&self, 60000);
    ask(&self, LLMCOST_OK);
    assert_string_equal(shown(&self) + 8, "a");
    assert_int_equal(self.alert_count, 0);
    assert_states(&self, "ok ok ok");
    rig_close(&self.rig);
}

static void test_all_limited(void **unused)
{
    (void)unused;
    pool_rig self;
    open_rig(&self, KEYS(""));
    const char *const waits[] = { "Retry-After: 60", "Retry-After: 20", "Retry-After: 40" }, *const keys[] = { "sk-a", "sk-b", "sk-c" };
    for (int i = 0; i < 3; i++) {
        fake_exchange *busy = fails(&self, keys[i], 429, "rate_limit_exceeded");
        busy->times = 1;
        busy->headers[1] = waits[i];
    }
    says(&self, NULL);
    ask_expecting(&self, LLMCOST_E_RATE_LIMITED, 20000, "limits the rate"); /* the soonest, not that of the last */
    clock_set(&self, 5000);
    ask_expecting(&self, LLMCOST_E_RATE_LIMITED, 15000, "of 3, 3 rate-limited");
    assert_int_equal(self.rig.network.request_count, 3);
    clock_set(&self, 20000);
    ask(&self, LLMCOST_OK);
    assert_string_equal(shown(&self), "abcb");
    rig_close(&self.rig);
}

/* A retry is a new leg: it waits for the soonest key, and counts as one retry however many keys there are. */
static void test_a_retry_waits_for_the_soonest_key(void **unused)
{
    (void)unused;
    pool_rig self;
    open_rig(&self, "{\"providers\":{\"openai\":{\"keys\":[\"sk-aaaa\",\"sk-bbbb\"],\"retries\":1}}}");
    fake_exchange *busy = fails(&self, "sk-a", 429, "rate_limit_exceeded");
    busy->times = 1;
    busy->headers[1] = "Retry-After: 9";
    busy = fails(&self, "sk-b", 429, "rate_limit_exceeded");
    busy->times = 1;
    busy->headers[1] = "Retry-After: 7";
    says(&self, NULL);
    llmcost_response *response = ask_model(&self, MODEL, LLMCOST_OK);
    assert_string_equal(shown(&self), "abb");
    assert_int_equal(self.rig.network.requests[2].at_ms, 7000);
    assert_string_equal(rig_line_text(response, 2, "purpose"), "retry");
    llmcost_response_free(response);
    rig_close(&self.rig);
}

/* Without a word on how long: 1 s, 2 s, 4 s ..., until a call is answered. */
static void test_an_own_guess(void **unused)
{
    (void)unused;
    pool_rig self;
    open_rig(&self, "{\"providers\":{\"openai\":{\"keys\":[\"sk-aaaa\",\"sk-bbbb\"],\"retries\":0}}}");
    fake_exchange *busy = fails(&self, "sk-a", 429, "rate_limit_exceeded");
    busy->times = 3;
    says(&self, NULL);
    int64_t at = 0;
    for (int i = 0; i < 3; i++) {
        clock_set(&self, at);
        while (busy->used == i)
            ask(&self, LLMCOST_OK);
        at += 1000 << i;
        clock_set(&self, at - 1);
        assert_states(&self, "limited ok");
        clock_set(&self, at);
        assert_states(&self, "ok ok");
    }
    ask(&self, LLMCOST_OK);
    ask(&self, LLMCOST_OK);
    busy->times = 4;
    ask(&self, LLMCOST_OK);
    ask(&self, LLMCOST_OK);
    assert_int_equal(busy->used, 4);
    clock_set(&self, at + 1000);
    assert_states(&self, "ok ok"); /* begun anew */
    rig_close(&self.rig);
}

static void test_a_lone_key_is_never_kept_back_for_a_rate(void **unused)
{
    (void)unused;
    pool_rig self;
    open_rig(&self, LONE(""));
    fails(&self, NULL, 429, "rate_limit_exceeded")->headers[1] = "Retry-After: 60";
    for (int i = 0; i < 3; i++)
        ask_expecting(&self, LLMCOST_E_RATE_LIMITED, 60000, "limits the rate");
    assert_int_equal(self.rig.network.request_count, 3);
    assert_states(&self, "ok");
    rig_close(&self.rig);
}

/* ---- the best of them speaks ---- */

static void test_mixed(void **unused)
{
    (void)unused;
    pool_rig self;
    open_rig(&self, KEYS(""));
    fails(&self, "sk-a", 429, "rate_limit_exceeded")->headers[1] = "Retry-After: 60";
    fails(&self, "sk-b", 402, "insufficient_balance");
    fails(&self, "sk-c", 401, "invalid_api_key");
    ask_expecting(&self, LLMCOST_E_RATE_LIMITED, 60000, "of 3, 1 rate-limited, 1 out of money, 1 rejected; ask again later");
    assert_string_equal(shown(&self), "abc");
    assert_int_equal(self.alert_count, 2);
    assert_states(&self, "limited out_of_money rejected");
    clock_set(&self, 1000);
    ask_expecting(&self, LLMCOST_E_RATE_LIMITED, 59000, "of 3, 1 rate-limited, 1 out of money, 1 rejected");
    assert_int_equal(self.rig.network.request_count, 3);
    rig_close(&self.rig);
}

/* ---- what is not the key's fault ---- */

static void test_other_failures_use_no_other_key(void **unused)
{
    (void)unused;
    static const struct { int http; const char *code; llmcost_status status; } rows[] = {
        { 400, "invalid_request_error", LLMCOST_E_INVALID_REQUEST }, { 404, "model_not_found", LLMCOST_E_NOT_FOUND },
        { 403, "permission_error", LLMCOST_E_PERMISSION }, { 500, "server_error", LLMCOST_E_SERVER }, { 503, "overloaded", LLMCOST_E_OVERLOADED },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pool_rig self;
        open_rig(&self, KEYS(""));
        fails(&self, NULL, rows[i].http, rows[i].code);
        ask(&self, rows[i].status);
        assert_string_equal(shown(&self), "a");
        assert_states(&self, "ok ok ok");
        assert_int_equal(self.alert_count, 0);
        rig_close(&self.rig);
    }
}

static void test_a_budget_refusal_is_nobodys_fault(void **unused)
{
    (void)unused;
    pool_rig self;
    open_rig(&self, "{\"providers\":{\"openai\":{\"keys\":[\"sk-aaaa\",\"sk-bbbb\"]}},\"budgets\":[{\"limit\":\"0.0000001 USD\"}]}");
    ask(&self, LLMCOST_E_BUDGET);
    assert_int_equal(self.rig.network.request_count, 0);
    char *json;
    assert_int_equal(llmcost_stats(self.rig.client, &json), LLMCOST_OK);
    assert_null(strstr(json, "rejected"));
    assert_int_equal(rig_stat(&self.rig, "in_flight"), 0);
    llmcost_string_free(json);
    rig_close(&self.rig);
}

static void test_words_about_the_key(void **unused)
{
    (void)unused;
    static const struct { const char *code, *says; llmc_key_state verdict; } rows[] = {
        { "permission_error", "Your API key has been revoked.", LLMC_KEY_REJECTED },
        { "PERMISSION_DENIED", "Your API key was reported as leaked. Please use another API key.", LLMC_KEY_REJECTED },
        { NULL, "This account has been deactivated", LLMC_KEY_REJECTED },
        { "api_key_disabled", NULL, LLMC_KEY_REJECTED },
        { "permission_error", "Your API key does not have permission to use the model gpt-5; it was disabled for it", LLMC_KEY_OK },
        { "permission_error", "You have insufficient permissions for this operation. Missing scopes: model.request", LLMC_KEY_OK },
        { NULL, "Country, region, or territory not supported", LLMC_KEY_OK },
        { NULL, "Your key may not do that", LLMC_KEY_OK },
        { "invalid_request_error", "The key may not do this.", LLMC_KEY_OK },
        { NULL, NULL, LLMC_KEY_OK },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        llmcost_error error = { .code = (char *)rows[i].code, .provider_message = (char *)rows[i].says };
        assert_int_equal(llmc_key_verdict(LLMCOST_E_PERMISSION, &error), rows[i].verdict);
        assert_int_equal(llmc_key_verdict(LLMCOST_E_AUTH, &error), LLMC_KEY_REJECTED);
        assert_int_equal(llmc_key_verdict(LLMCOST_E_BUDGET, &error), LLMC_KEY_OK);
        assert_int_equal(llmc_key_verdict(LLMCOST_E_SERVER, &error), LLMC_KEY_OK);
    }
    llmcost_error free_calls = { .code = (char *)"AllocationQuota.FreeTierOnly" }, empty = { .code = (char *)"insufficient_quota" };
    assert_int_equal(llmc_key_verdict(LLMCOST_E_QUOTA, &free_calls), LLMC_KEY_OK);
    assert_int_equal(llmc_key_verdict(LLMCOST_E_QUOTA, &empty), LLMC_KEY_OUT_OF_MONEY);
    llmcost_error skew = { .code = (char *)"RequestTimeTooSkewed" }, wrong = { .code = (char *)"InvalidSignature" };
    llmc_credential pair = { .id = { .bytes = 1 } }, hosts = { .host = "vault" }, plain = { .host = NULL };
    llmc_provider aws = { .auth = LLMC_AUTH_AWS }, bearer = { .auth = LLMC_AUTH_BEARER };
    assert_false(llmc_key_stays_rejected(&skew, &aws, &pair));
    assert_true(llmc_key_stays_rejected(&wrong, &aws, &pair));
    assert_true(llmc_key_stays_rejected(&skew, &bearer, &plain));
    assert_false(llmc_key_stays_rejected(&wrong, &bearer, &hosts));
}

/* Pieces have reached the caller: the key is out, but this call does not begin again. */
static void test_not_after_content(void **unused)
{
    (void)unused;
    pool_rig self;
    rig_request space;
    char text[100];
    open_rig(&self, KEYS(""));
    fake_exchange *stream = fake_network_add(&self.rig.network, NULL);
    stream->headers[0] = "Content-Type: text/event-stream";
    fake_exchange_delta(stream, 0, "half");
    static const char failure[] = "data: {\"error\":{\"message\":\"x\",\"code\":\"rate_limit_exceeded\"}}\n\n";
    fake_exchange_piece(stream, 1, failure, sizeof failure - 1);
    assert_int_equal(rig_stream(&self.rig, rig_ask(&space, MODEL, "hello"), text, sizeof text, NULL), LLMCOST_E_RATE_LIMITED);
    assert_string_equal(text, "half");
    assert_string_equal(shown(&self), "a");
    assert_states(&self, "limited ok ok");
    rig_close(&self.rig);
}

/* ---- parts of a batch ---- */

static void test_each_part_of_a_batch_finds_its_key(void **unused)
{
    (void)unused;
    pool_rig self;
    enum { TEXTS = 5000 };
    static const char *texts[TEXTS];
    llmcost_response *response;
    open_rig(&self, KEYS(""));
    fails(&self, "sk-b", 401, "invalid_api_key");
    for (int i = 0; i < TEXTS; i++)
        texts[i] = "t";
    llmcost_request request = LLMCOST_REQUEST_INIT;
    request.model = "openai/text-embedding-3-small";
    request.inputs = texts;
    request.input_count = TEXTS;
    fake_network_fails(&self.rig.network, NULL, 500, "server_error"); /* enough: whom they ask is the question */
    assert_int_equal(llmcost_embed(self.rig.client, &request, &response), LLMCOST_E_SERVER);
    int of_b = 0;
    for (size_t i = 0; i < self.rig.network.request_count; i++)
        of_b += key_of(&self, i) == 'b';
    assert_int_equal(of_b, 1);
    assert_states(&self, "ok rejected ok");
    llmcost_response_free(response);
    rig_close(&self.rig);
}

/* ---- memory ---- */

static void test_no_memory_for_the_pools(void **unused)
{
    (void)unused;
    llmc_credential credentials[3] = { 0 };
    for (int fail_at = 0;; fail_at++) {
        counting_memory memory;
        counting_memory_init(&memory);
        memory.fail_at = fail_at + 1;
        llmc_provider providers[3] = { { .credentials = credentials, .credential_count = 3 }, { .name = "none" }, { .credentials = credentials, .credential_count = 1 } };
        llmcost_status status = llmc_key_pools_open(providers, 3, &memory.allocator);
        llmc_key_pools_close(providers, 3, &memory.allocator);
        assert_int_equal(memory.blocks, 0);
        if (!status) {
            assert_int_equal(fail_at, 2);
            return;
        }
        assert_int_equal(status, LLMCOST_E_MEMORY);
    }
}

/* Whatever is not found, a call ends in a sound way, and keys that are out are out. */
static void test_no_memory_on_the_way_to_another_key(void **unused)
{
    (void)unused;
    for (long fail_at = 1;; fail_at++) {
        pool_rig self;
        llmcost_response *response = NULL;
        open_rig(&self, KEYS(""));
        fails(&self, "sk-a", 401, "invalid_api_key");
        fails(&self, "sk-b", 429, "rate_limit_exceeded");
        says(&self, NULL);
        self.rig.memory.calls = 0;
        self.rig.memory.fail_at = fail_at;
        llmcost_status status = llmcost_ask(self.rig.client, MODEL, "hello", &response);
        bool failed = self.rig.memory.failed;
        self.rig.memory.fail_at = 0;
        if (status != LLMCOST_OK && status != LLMCOST_E_MEMORY && status != LLMCOST_E_AUTH && status != LLMCOST_E_RATE_LIMITED)
            fail_msg("allocation %ld: %s", fail_at, llmcost_status_name(status));
        llmcost_response_free(response);
        assert_int_equal(rig_stat(&self.rig, "in_flight"), 0);
        rig_close(&self.rig);
        if (failed)
            continue;
        assert_int_equal(status, LLMCOST_OK);
        return;
    }
}

/* More models than are told apart: what is forgotten first is what would have returned first. */
static void test_more_models_than_room(void **unused)
{
    (void)unused;
    llmc_credential credentials[2] = { 0 };
    llmc_provider provider = { .credentials = credentials, .credential_count = 2 };
    assert_int_equal(llmc_key_pools_open(&provider, 1, &llmc_allocator_system), LLMCOST_OK);
    for (uint64_t model = 1; model <= 2 * LLMC_KEY_MODELS; model++)
        llmc_key_pool_limited(provider.pool, 0, model, 0, (int64_t)(1000 * model));
    size_t known = 0;
    for (uint64_t model = 1; model <= 2 * LLMC_KEY_MODELS; model++)
        known += llmc_key_pool_census(provider.pool, model, 0).of[LLMC_KEY_LIMITED];
    assert_int_equal(known, LLMC_KEY_MODELS);
    assert_int_equal(llmc_key_pool_census(provider.pool, 2 * LLMC_KEY_MODELS, 0).of[LLMC_KEY_LIMITED], 1);
    int64_t back;
    assert_int_equal(llmc_key_pool_state(provider.pool, 0, 0, &back), LLMC_KEY_LIMITED);
    assert_int_equal(llmc_key_pool_state(provider.pool, 1, 0, &back), LLMC_KEY_OK);
    llmc_key_pools_close(&provider, 1, &llmc_allocator_system);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_in_turn), cmocka_unit_test(test_the_least_used), cmocka_unit_test(test_the_most_remaining),
        cmocka_unit_test(test_a_rejected_key_is_out_for_good), cmocka_unit_test(test_all_rejected), cmocka_unit_test(test_a_lone_revoked_key_is_not_tried_again),
        cmocka_unit_test(test_a_listing_that_is_answered_puts_a_lone_key_back), cmocka_unit_test(test_out_of_money_for_a_time),
        cmocka_unit_test(test_a_lone_key_out_of_money), cmocka_unit_test(test_a_balance_puts_money_back), cmocka_unit_test(test_a_limited_key_is_out_until_its_reset),
        cmocka_unit_test(test_all_limited), cmocka_unit_test(test_a_retry_waits_for_the_soonest_key), cmocka_unit_test(test_an_own_guess),
        cmocka_unit_test(test_a_lone_key_is_never_kept_back_for_a_rate), cmocka_unit_test(test_mixed), cmocka_unit_test(test_other_failures_use_no_other_key),
        cmocka_unit_test(test_a_budget_refusal_is_nobodys_fault), cmocka_unit_test(test_words_about_the_key), cmocka_unit_test(test_not_after_content),
        cmocka_unit_test(test_each_part_of_a_batch_finds_its_key), cmocka_unit_test(test_no_memory_for_the_pools), cmocka_unit_test(test_no_memory_on_the_way_to_another_key), cmocka_unit_test(test_more_models_than_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
