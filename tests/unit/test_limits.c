/* Limits towards a provider: who waits, until when exactly, who is next, and what becomes of those who wait in vain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/engine_rig.h"

#define MODEL "openai/gpt-4o-mini"
#define LIMITS(limits) "{\"providers\":{\"openai\":{\"key\":\"sk-aaaa\",\"retries\":0,\"limits\":{" limits "}}}}"
#define TWO_KEYS(limits) "{\"providers\":{\"openai\":{\"keys\":[\"sk-aaaa\",\"sk-bbbb\"],\"retries\":0,\"limits\":{" limits "}}}}"

enum { MOST_CALLS = 16 };

/* Calls on one loop, each with a question that tells it apart. */
typedef struct limits_rig {
    engine_rig rig;
    llmcost_loop *loop;
    rig_request space[MOST_CALLS];
    struct end {
        llmcost_status status;
        int64_t at_ms, retry_after_ms;
        uint64_t id;
        int times;
        fake_clock *clock;
    } ends[MOST_CALLS];
    int count;
} limits_rig;

static void on_done(uint64_t call, llmcost_response *response, void *user)
{
    struct end *end = user;
    end->id = call;
    end->times++;
    end->at_ms = fake_clock_ms(end->clock);
    end->status = llmcost_response_status(response);
    end->retry_after_ms = llmcost_response_error(response) ? llmcost_error_retry_after_ms(llmcost_response_error(response)) : -1;
    llmcost_response_free(response);
}

static void open_rig(limits_rig *self, const char *config)
{
    memset(self, 0, sizeof *self);
    rig_open(&self->rig, config);
    assert_int_equal(llmcost_loop_open(self->rig.client, &self->loop), LLMCOST_OK);
}

static void run(limits_rig *self)
{
    for (int i = 0; llmcost_loop_pending(self->loop) && i < 10000; i++)
        assert_int_equal(llmcost_loop_poll(self->loop, -1), LLMCOST_OK);
    assert_int_equal(llmcost_loop_pending(self->loop), 0);
    for (int i = 0; i < self->count; i++)
        assert_int_equal(self->ends[i].times, 1);
}

static void close_rig(limits_rig *self)
{
    run(self);
    assert_int_equal(llmcost_loop_close(self->loop), LLMCOST_OK);
    assert_int_equal(rig_stat(&self->rig, "in_flight"), 0);
    rig_close(&self->rig);
}

/* What all calls are answered from now on, `ms` after they were sent. */
static fake_exchange *takes(limits_rig *self, const char *body, int64_t ms)
{
    fake_exchange *exchange = fake_network_says(&self->rig.network, body, "hi", 10, 5);
    exchange->pieces[0].at_ms = exchange->done_ms = ms;
    return exchange;
}

static llmcost_request *request_of(limits_rig *self, const char *model, const char *question)
{
    self->ends[self->count].clock = &self->rig.clock;
    return rig_ask(&self->space[self->count], model, question);
}

static void submit(limits_rig *self, llmcost_request *request)
{
    struct end *end = &self->ends[self->count++];
    assert_int_equal(llmcost_loop_submit(self->loop, request, NULL, on_done, end, &end->id), LLMCOST_OK);
}

static void ask(limits_rig *self, const char *question, int32_t priority)
{
    llmcost_request *request = request_of(self, MODEL, question);
    request->priority = priority;
    submit(self, request);
}

static void poll_once(limits_rig *self)
{
    assert_int_equal(llmcost_loop_poll(self->loop, 0), LLMCOST_OK);
}

/* "A@0 B@1000": the questions in the order they were sent, and when. */
static void assert_sent(limits_rig *self, const char *expected)
{
    char sent[1000] = "";
    for (size_t i = 0; i < self->rig.network.request_count; i++) {
        const char *at = strstr(self->rig.network.requests[i].body, "question ");
        size_t length = strlen(sent);
        snprintf(sent + length, sizeof sent - length, "%s%c@%lld", length ? " " : "", at ? at[9] : '?', (long long)self->rig.network.requests[i].at_ms);
    }
    assert_string_equal(sent, expected);
}

static void assert_end(const limits_rig *self, int call, llmcost_status status, int64_t at_ms)
{
    if (self->ends[call].status != status)
        fail_msg("call %d: %s", call, llmcost_status_name(self->ends[call].status));
    assert_int_equal(self->ends[call].at_ms, at_ms);
}

/* ---- in flight ---- */

static void test_one_after_the_other(void **unused)
{
    (void)unused;
    limits_rig self;
    open_rig(&self, LIMITS("\"in_flight\":1"));
    takes(&self, NULL, 1000);
    ask(&self, "question A", 0);
    ask(&self, "question B", 0);
    ask(&self, "question C", 0);
    run(&self);
    assert_sent(&self, "A@0 B@1000 C@2000");
    for (int i = 0; i < 3; i++)
        assert_end(&self, i, LLMCOST_OK, 1000 * (i + 1));
    close_rig(&self);
}

static void test_models_have_lanes_of_their_own(void **unused)
{
    (void)unused;
    limits_rig self;
    open_rig(&self, LIMITS("\"in_flight\":1,\"models\":{\"gpt-4o\":{\"in_flight\":2}}"));
    takes(&self, NULL, 1000);
    ask(&self, "question A", 0);
    for (int i = 0; i < 3; i++)
        submit(&self, request_of(&self, "openai/gpt-4o", "question L"));
    ask(&self, "question B", 0);
    run(&self);
    assert_sent(&self, "A@0 L@0 L@0 B@1000 L@1000");
    close_rig(&self);
}

static void test_a_key_with_room_goes_first(void **unused)
{
    (void)unused;
    limits_rig self;
    open_rig(&self, TWO_KEYS("\"in_flight\":1"));
    takes(&self, "question A", 5000);
    takes(&self, NULL, 1000);
    ask(&self, "question A", 0);
    ask(&self, "question B", 0);
    for (int i = 0; self.ends[1].times == 0 && i < 100; i++)
        assert_int_equal(llmcost_loop_poll(self.loop, -1), LLMCOST_OK);
    ask(&self, "question C", 0); /* not behind A, though it is that key's turn */
    run(&self);
    assert_sent(&self, "A@0 B@0 C@1000");
    assert_non_null(strstr(self.rig.network.requests[2].headers, "sk-bbbb"));
    close_rig(&self);
}

static void test_a_server_without_a_key(void **unused)
{
    (void)unused;
    limits_rig self;
    open_rig(&self, "{\"providers\":{\"local\":{\"preset\":\"ollama-openai\",\"base_url\":\"http://127.0.0.1:1/v1\",\"retries\":0,\"limits\":{\"in_flight\":1}}}}");
    takes(&self, NULL, 1000);
    for (int i = 0; i < 2; i++)
        submit(&self, request_of(&self, "local/qwen", "question A"));
    assert_int_equal(llmcost_loop_poll(self.loop, -1), LLMCOST_OK);
    for (int i = 0; llmcost_loop_pending(self.loop) && i < 1000; i++)
        assert_int_equal(llmcost_loop_poll(self.loop, -1), LLMCOST_OK);
    assert_sent(&self, "A@0 A@1000");
    assert_int_equal(llmcost_loop_close(self.loop), LLMCOST_OK);
    rig_close(&self.rig);
}

/* ---- who is next ---- */

static void test_the_higher_priority_first(void **unused)
{
    (void)unused;
    limits_rig self;
    open_rig(&self, LIMITS("\"in_flight\":1"));
    takes(&self, NULL, 1000);
    ask(&self, "question A", 0);
    ask(&self, "question B", -1000);
    ask(&self, "question C", 0);
    ask(&self, "question D", 1000);
    ask(&self, "question E", 0);
    run(&self);
    assert_sent(&self, "A@0 D@1000 C@2000 E@3000 B@4000");
    close_rig(&self);
}

/* Nothing is put by for the low ones. */
static void test_a_low_one_waits_in_vain(void **unused)
{
    (void)unused;
    limits_rig self;
    open_rig(&self, LIMITS("\"in_flight\":1,\"wait_ms\":2500"));
    takes(&self, NULL, 1000);
    ask(&self, "question A", 0);
    ask(&self, "question L", -1);
    ask(&self, "question B", 1);
    ask(&self, "question C", 1);
    run(&self);
    assert_sent(&self, "A@0 B@1000 C@2000");
    assert_end(&self, 1, LLMCOST_E_LIMITED, 2500);
    close_rig(&self);
}

static void test_by_json(void **unused)
{
    (void)unused;
    limits_rig self;
    llmcost_response *response;
    open_rig(&self, LIMITS("\"in_flight\":1"));
    takes(&self, NULL, 1000);
    static const char *const bodies[] = {
        "{\"model\":\"" MODEL "\",\"messages\":[{\"role\":\"user\",\"content\":\"question A\"}]}",
        "{\"model\":\"" MODEL "\",\"messages\":[{\"role\":\"user\",\"content\":\"question B\"}]}",
        "{\"model\":\"" MODEL "\",\"messages\":[{\"role\":\"user\",\"content\":\"question C\"}],\"llmcost\":{\"priority\":7}}",
    };
    for (int i = 0; i < 3; i++) {
        self.ends[i].clock = &self.rig.clock;
        assert_int_equal(llmcost_loop_submit_json(self.loop, bodies[i], strlen(bodies[i]), NULL, on_done, &self.ends[i], NULL), LLMCOST_OK);
    }
    self.count = 3;
    run(&self);
    assert_sent(&self, "A@0 C@1000 B@2000");
    assert_null(strstr(self.rig.network.requests[1].body, "priority"));
    static const char far[] = "{\"model\":\"" MODEL "\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"llmcost\":{\"priority\":1001}}";
    assert_int_equal(llmcost_chat_json(self.rig.client, far, sizeof far - 1, &response), LLMCOST_E_INVALID);
    llmcost_response_free(response);
    close_rig(&self);
}

/* ---- in vain ---- */

static void test_no_room_in_time(void **unused)
{
    (void)unused;
    limits_rig self; /* with retries, which leave it alone */
    open_rig(&self, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":3,\"limits\":{\"in_flight\":1}}}}");
    takes(&self, NULL, 30000);
    ask(&self, "question A", 0);
    ask(&self, "question B", 0);
    run(&self);
    assert_sent(&self, "A@0");
    assert_end(&self, 1, LLMCOST_E_LIMITED, 10000);
    assert_int_equal(self.ends[1].retry_after_ms, 1000); /* nobody knows */
    close_rig(&self);
}

static void test_a_minute_that_is_spent(void **unused)
{
    (void)unused;
    limits_rig self;
    open_rig(&self, LIMITS("\"requests_per_minute\":2"));
    takes(&self, NULL, 10);
    ask(&self, "question A", 0);
    run(&self);
    fake_clock_advance(&self.rig.clock, 1990);
    ask(&self, "question B", 0);
    run(&self);
    ask(&self, "question C", 0); /* waiting would not help it */
    run(&self);
    assert_end(&self, 2, LLMCOST_E_LIMITED, 2010);
    assert_int_equal(self.ends[2].retry_after_ms, 57990);
    fake_clock_advance(&self.rig.clock, 50000 - 2010);
    ask(&self, "question D", 0);
    run(&self);
    ask(&self, "question E", 0);
    run(&self);
    assert_sent(&self, "A@0 B@2000 D@60000 E@62000");
    close_rig(&self);
}

static void test_the_deadline_comes_first(void **unused)
{
    (void)unused;
    limits_rig self;
    open_rig(&self, LIMITS("\"in_flight\":1"));
    takes(&self, NULL, 30000);
    ask(&self, "question A", 0);
    llmcost_request *request = request_of(&self, MODEL, "question B");
    request->deadline_ms = 3000;
    submit(&self, request);
    run(&self);
    assert_int_equal(self.ends[1].at_ms, 3000);
    assert_true(self.ends[1].status == LLMCOST_E_DEADLINE || self.ends[1].status == LLMCOST_E_LIMITED);
    close_rig(&self);
}

static void test_who_leaves_the_queue(void **unused)
{
    (void)unused;
    limits_rig self;
    open_rig(&self, LIMITS("\"in_flight\":1"));
    takes(&self, NULL, 1000);
    for (int i = 0; i < 4; i++) {
        char question[20];
        snprintf(question, sizeof question, "question %c", 'A' + i);
        ask(&self, question, 0);
    }
    poll_once(&self);
    assert_int_equal(llmcost_loop_cancel(self.loop, self.ends[1].id), LLMCOST_OK); /* who waits */
    poll_once(&self);
    assert_end(&self, 1, LLMCOST_E_CANCELLED, 0);
    fake_clock_advance(&self.rig.clock, 500);
    assert_int_equal(llmcost_loop_cancel(self.loop, self.ends[0].id), LLMCOST_OK); /* who is under way */
    run(&self);
    assert_sent(&self, "A@0 C@500 D@1500");
    close_rig(&self);
}

/* Where a fallback has a further target a short wait is enough; behind the last one the whole of it. */
static void test_a_further_target_is_asked_soon(void **unused)
{
    (void)unused;
    limits_rig self;
    open_rig(&self, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":2,\"limits\":{\"in_flight\":1}}},"
                    "\"routes\":{\"chat\":{\"fallback\":[\"openai/gpt-4o\",\"" MODEL "\"]}}}");
    takes(&self, "question A", 60000);
    takes(&self, NULL, 30000);
    submit(&self, request_of(&self, "openai/gpt-4o", "question A"));
    submit(&self, request_of(&self, "chat", "question B"));
    submit(&self, request_of(&self, "chat", "question C"));
    run(&self);
    assert_sent(&self, "A@0 B@2000");
    assert_end(&self, 1, LLMCOST_OK, 32000);
    assert_end(&self, 2, LLMCOST_E_LIMITED, 12000);
    close_rig(&self);
}

/* ---- tokens ---- */

static void test_tokens_are_reserved_and_corrected(void **unused)
{
    (void)unused;
    limits_rig self;
    open_rig(&self, LIMITS("\"tokens_per_minute\":1000,\"wait_ms\":\"2m\""));
    takes(&self, NULL, 1000); /* 15 tokens each */
    for (int i = 0; i < 3; i++) {
        char question[20];
        snprintf(question, sizeof question, "question %c", 'A' + i);
        llmcost_request *request = request_of(&self, MODEL, question);
        request->max_tokens = 600;
        submit(&self, request);
    }
    llmcost_request *request = request_of(&self, MODEL, "question D");
    request->max_tokens = 950; /* not beside three times 15, and a little for the prompt */
    submit(&self, request);
    run(&self);
    assert_sent(&self, "A@0 B@1000 C@2000 D@60000");
    close_rig(&self);
}

static void test_more_than_the_limit_goes_alone(void **unused)
{
    (void)unused;
    limits_rig self;
    open_rig(&self, LIMITS("\"tokens_per_minute\":1000,\"wait_ms\":\"2m\""));
    takes(&self, NULL, 1000);
    llmcost_request *request = request_of(&self, MODEL, "question A");
    request->max_tokens = 5000;
    submit(&self, request);
    ask(&self, "question B", 0); /* a thousand where none is stated */
    run(&self);
    assert_sent(&self, "A@0 B@60000");
    close_rig(&self);
}

/* What was not sent has used nothing. */
static void test_what_a_budget_refuses_is_given_back(void **unused)
{
    (void)unused;
    limits_rig self;
    open_rig(&self, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0,\"limits\":{\"requests_per_minute\":1}}},\"budgets\":[{\"limit\":\"0.0000001 USD\",\"where\":{\"team\":\"poor\"}}]}");
    takes(&self, NULL, 0);
    static const llmcost_tag poor = { "team", "poor" };
    for (int i = 0; i < 2; i++) {
        llmcost_request *request = request_of(&self, MODEL, "question P");
        request->tags = &poor;
        request->tag_count = 1;
        submit(&self, request);
        run(&self);
        assert_end(&self, i, LLMCOST_E_BUDGET, 0);
    }
    ask(&self, "question A", 0);
    run(&self);
    assert_sent(&self, "A@0");
    close_rig(&self);
}

/* ---- what providers tell ---- */

static void test_headers_are_heeded(void **unused)
{
    (void)unused;
    limits_rig self;
    open_rig(&self, LIMITS(""));
    fake_exchange *last = takes(&self, "question A", 100);
    last->headers[1] = "x-ratelimit-remaining-requests: 0";
    last->headers[2] = "x-ratelimit-reset-requests: 5s";
    takes(&self, NULL, 100);
    ask(&self, "question A", 0);
    run(&self);
    ask(&self, "question B", 0);
    run(&self);
    assert_int_equal(self.rig.network.requests[1].at_ms, 5100);
    close_rig(&self);
    open_rig(&self, LIMITS("\"learn\":false"));
    last = takes(&self, "question A", 100);
    last->headers[1] = "x-ratelimit-remaining-requests: 0";
    last->headers[2] = "x-ratelimit-reset-requests: 5s";
    takes(&self, NULL, 100);
    ask(&self, "question A", 0);
    run(&self);
    ask(&self, "question B", 0);
    run(&self);
    assert_sent(&self, "A@0 B@100");
    close_rig(&self);
}

/* One call is told to wait: the others do not go and ask the same. */
static void test_a_refusal_holds_for_all(void **unused)
{
    (void)unused;
    limits_rig self;
    open_rig(&self, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":1,\"limits\":{}}}}");
    fake_exchange *busy = fake_network_fails(&self.rig.network, NULL, 429, "rate_limit_exceeded");
    busy->times = 1;
    busy->headers[1] = "Retry-After: 4";
    takes(&self, NULL, 100);
    ask(&self, "question A", 0);
    poll_once(&self);
    fake_clock_advance(&self.rig.clock, 1000);
    ask(&self, "question B", 0);
    ask(&self, "question C", 0);
    run(&self);
    for (int i = 0; i < 3; i++)
        assert_int_equal(self.ends[i].status, LLMCOST_OK);
    assert_int_equal(self.rig.network.request_count, 4);
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(self.rig.network.requests[i].at_ms, 4000);
    close_rig(&self);
}

/* ---- a caller who left ---- */

static void test_a_leg_that_is_read_on_keeps_its_place(void **unused)
{
    (void)unused;
    limits_rig self;
    rig_request space;
    llmcost_stream *stream;
    const llmcost_event *event;
    open_rig(&self, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0,\"on_abort\":\"drain\",\"limits\":{\"in_flight\":1,\"wait_ms\":50}}}}");
    fake_exchange *slow = fake_network_add(&self.rig.network, "question S");
    slow->headers[0] = "Content-Type: text/event-stream";
    fake_exchange_delta(slow, 0, "a");
    fake_exchange_end(slow, 5000, "stop", 10, 50);
    takes(&self, NULL, 0);
    assert_int_equal(llmcost_stream_open(self.rig.client, rig_ask(&space, MODEL, "question S"), &stream), LLMCOST_OK);
    assert_int_equal(llmcost_stream_next(stream, &event), LLMCOST_OK);
    llmcost_stream_close(stream);
    assert_int_equal(rig_stat(&self.rig, "detached"), 1);
    assert_int_equal(rig_stat(&self.rig, "in_flight"), 1);
    ask(&self, "question A", 0);
    run(&self);
    assert_end(&self, 0, LLMCOST_E_LIMITED, 50);
    assert_int_equal(llmcost_client_run(self.rig.client, 60000), LLMCOST_OK);
    assert_int_equal(rig_stat(&self.rig, "detached"), 0);
    assert_int_equal(rig_stat(&self.rig, "in_flight"), 0);
    ask(&self, "question B", 0);
    run(&self);
    assert_sent(&self, "S@0 B@5000");
    close_rig(&self);
}

/* ---- closing, memory ---- */

static void test_no_memory(void **unused)
{
    (void)unused;
    for (long fail_at = 1;; fail_at++) {
        limits_rig self;
        open_rig(&self, LIMITS("\"in_flight\":1,\"requests_per_minute\":100"));
        takes(&self, NULL, 1000);
        self.rig.memory.calls = 0;
        self.rig.memory.failed = 0;
        self.rig.memory.fail_at = fail_at;
        for (int i = 0; i < 3; i++) {
            struct end *end = &self.ends[self.count];
            llmcost_status status = llmcost_loop_submit(self.loop, request_of(&self, MODEL, "question A"), NULL, on_done, end, NULL);
            self.count += status == LLMCOST_OK;
        }
        run(&self);
        bool failed = self.rig.memory.failed;
        self.rig.memory.fail_at = 0;
        for (int i = 0; i < self.count; i++) {
            llmcost_status status = self.ends[i].status;
            if (status != LLMCOST_OK && status != LLMCOST_E_MEMORY)
                fail_msg("allocation %ld, call %d: %s", fail_at, i, llmcost_status_name(status));
        }
        close_rig(&self);
        if (!failed)
            return;
    }
}

/* ---- the config ---- */

static void assert_refused(const char *config, const char *words)
{
    llmcost_client *client;
    llmcost_error *error = NULL;
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    options.error = &error;
    assert_int_equal(llmcost_client_open(&client, config, &options), LLMCOST_E_CONFIG);
    if (!strstr(llmcost_error_message(error), words))
        fail_msg("\"%s\" lacks \"%s\"", llmcost_error_message(error), words);
    llmcost_error_free(error);
}

/* Lengths as long as numbers go, call after call: what a lane adds up does not overflow. */
static void test_lengths_beyond_measure(void **unused)
{
    (void)unused;
    static const int64_t lengths[] = { INT64_MAX, (INT64_MAX >> 8) - 100 };
    for (size_t i = 0; i < 2; i++) {
        engine_rig rig;
        rig_request space;
        rig_open(&rig, LIMITS("\"in_flight\":2"));
        fake_network_fails(&rig.network, NULL, 400, "invalid");
        for (int k = 0; k < 240; k++) { /* of several choices each */
            llmcost_response *response;
            llmcost_request *request = rig_ask(&space, "openai/gpt-4o", "hello");
            request->max_tokens = lengths[i];
            request->n = 4;
            assert_int_equal(llmcost_chat(rig.client, request, &response), LLMCOST_E_INVALID_REQUEST);
            llmcost_response_free(response);
        }
        rig_close(&rig);
    }
}

static void test_the_config(void **unused)
{
    (void)unused;
    assert_refused(LIMITS("\"in_flight\":-1"), "out of range: from 0");
    assert_refused(LIMITS("\"inflight\":1"), "did you mean \"in_flight\"?");
    assert_refused(LIMITS("\"models\":[]"), "an object of models and limits");
    assert_refused(LIMITS("\"models\":{\"m\":1}"), "an object");
    assert_refused(LIMITS("\"models\":{\"m\":{\"models\":{}}}"), "have no \"models\"");
    assert_refused("{\"providers\":{\"openai\":{\"key\":\"k\",\"limits\":7}}}", "an object");
    assert_refused("{\"providers\":{\"openai\":{\"key\":\"k\",\"key_order\":\"random\"}}}", "must be one of round_robin|least_used|remaining");
    limits_rig self; /* what a model's own limits lack is the provider's */
    open_rig(&self, LIMITS("\"in_flight\":1,\"wait_ms\":70,\"models\":{\"gpt-4o-mini\":{\"requests_per_minute\":50}}"));
    takes(&self, NULL, 1000);
    ask(&self, "question A", 0);
    ask(&self, "question B", 0);
    run(&self);
    assert_end(&self, 1, LLMCOST_E_LIMITED, 70);
    close_rig(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_after_the_other), cmocka_unit_test(test_models_have_lanes_of_their_own), cmocka_unit_test(test_a_key_with_room_goes_first),
        cmocka_unit_test(test_a_server_without_a_key), cmocka_unit_test(test_the_higher_priority_first), cmocka_unit_test(test_a_low_one_waits_in_vain),
        cmocka_unit_test(test_by_json), cmocka_unit_test(test_no_room_in_time), cmocka_unit_test(test_a_minute_that_is_spent),
        cmocka_unit_test(test_the_deadline_comes_first), cmocka_unit_test(test_who_leaves_the_queue), cmocka_unit_test(test_a_further_target_is_asked_soon), cmocka_unit_test(test_tokens_are_reserved_and_corrected),
        cmocka_unit_test(test_more_than_the_limit_goes_alone), cmocka_unit_test(test_what_a_budget_refuses_is_given_back), cmocka_unit_test(test_headers_are_heeded),
        cmocka_unit_test(test_a_refusal_holds_for_all), cmocka_unit_test(test_a_leg_that_is_read_on_keeps_its_place), cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_lengths_beyond_measure), cmocka_unit_test(test_the_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
