/* Health as a policy that chooses by it sees it: passive, and asked for over a child, once at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/engine_rig.h"
#include "call/call.h"

#define LOCAL "ollama-openai/llama3"
#define CLOUD "openai/gpt-4o"
#define CONFIG(more) "{\"breaker\":{\"min_calls\":2},\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0},\"ollama-openai\":{\"retries\":3" more "}}}"

/* Local first: the least policy that chooses by health. */
typedef struct chooser {
    int known, asked, healthy, unhealthy;
    bool no_child; /* the latest was not asked for: another leg was at it */
} chooser;

static llmcost_verdict decide(llmcost_leg *leg, chooser *self, bool healthy)
{
    *(healthy ? &self->healthy : &self->unhealthy) += 1;
    leg->status = llmc_settings_resolve(leg->services->settings, healthy ? LOCAL : CLOUD, llmc_leg_arena(leg), &leg->route, &leg->error);
    return leg->status ? LLMCOST_FAIL : LLMCOST_CONTINUE;
}

static llmcost_verdict choose_enter(llmcost_leg *leg, void *state, void *user)
{
    (void)state;
    chooser *self = user;
    bool healthy;
    if (leg->parent)
        return LLMCOST_CONTINUE;
    const llmc_route *route = NULL;
    leg->status = llmc_settings_resolve(leg->services->settings, LOCAL, llmc_leg_arena(leg), &route, &leg->error);
    if (leg->status)
        return LLMCOST_FAIL;
    if (llmc_health_known(leg, route, &healthy)) {
        self->known++;
        return decide(leg, self, healthy);
    }
    llmcost_leg *child = llmc_health_ask(leg, route);
    self->no_child = !child;
    if (child) {
        self->asked++;
        return LLMCOST_WAIT;
    }
    if (leg->status)
        return LLMCOST_FAIL;
    return decide(leg, self, llmc_target_is_healthy(route->target, llmc_leg_now(leg)));
}

static llmcost_verdict choose_resume(llmcost_leg *leg, void *state, void *user, const llmcost_wake *wake)
{
    (void)state;
    return decide(leg, user, llmc_health_learn(leg, wake->child));
}

static void open_rig(engine_rig *rig, chooser *self, const char *config)
{
    *self = (chooser){ 0 };
    rig_open(rig, config);
    llmcost_policy policy = { .struct_size = sizeof policy, .name = "choose", .phase = LLMCOST_PHASE_RESOLVE, .operations = 1, .user = self, .state_bytes = 1,
                              .enter = choose_enter, .resume = choose_resume };
    assert_int_equal(llmcost_client_add_policy(rig->client, &policy), LLMCOST_OK);
}

static fake_exchange *list_of_models(engine_rig *rig)
{
    static const char body[] = "{\"object\":\"list\",\"data\":[{\"id\":\"llama3\",\"object\":\"model\"}]}";
    fake_exchange *exchange = fake_network_add(&rig->network, NULL);
    exchange->url = "/models";
    fake_exchange_piece(exchange, 0, body, sizeof body - 1);
    return exchange;
}

static llmcost_response *ask(engine_rig *rig, llmcost_status expected)
{
    llmcost_response *response = NULL;
    llmcost_status status = llmcost_ask(rig->client, CLOUD, "hello", &response);
    if (status != expected)
        fail_msg("%s: %s", llmcost_status_name(status), llmcost_error_message(llmcost_response_error(response)));
    rig_check_receipt(response);
    return response;
}

/* ---- a healthy one ---- */

static void test_it_is_asked_once_for_a_while(void **unused)
{
    (void)unused;
    engine_rig rig;
    chooser self;
    open_rig(&rig, &self, CONFIG(""));
    list_of_models(&rig);
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    llmcost_response *response = ask(&rig, LLMCOST_OK);
    assert_int_equal(llmcost_response_line_count(response), 2);
    assert_string_equal(rig_line_text(response, 0, "purpose"), "health");
    assert_string_equal(rig_line_text(response, 0, "provider"), "ollama-openai");
    assert_int_equal(rig_line(response, 0, "cost_nano"), 0);
    assert_string_equal(rig_line_text(response, 1, "provider"), "ollama-openai");
    llmcost_response_free(response);
    assert_int_equal(rig.network.request_count, 2);
    assert_string_equal(rig.network.requests[0].method, "GET");
    for (int i = 0; i < 5; i++)
        llmcost_response_free(ask(&rig, LLMCOST_OK));
    fake_clock_advance(&rig.clock, 9999);
    llmcost_response_free(ask(&rig, LLMCOST_OK));
    assert_int_equal(self.asked, 1);
    assert_int_equal(self.known, 6);
    fake_clock_advance(&rig.clock, 1);
    llmcost_response_free(ask(&rig, LLMCOST_OK));
    assert_int_equal(self.asked, 2);
    assert_int_equal(self.healthy, 8);
    rig_close(&rig);
}

/* ---- one that is not ---- */

static void test_one_that_does_not_answer(void **unused)
{
    (void)unused;
    static const struct { llmcost_status transport; int http_status; int64_t status_ms, takes_ms; bool healthy; } rows[] = {
        { LLMCOST_E_NETWORK, 0, 0, 0, false },
        { LLMCOST_OK, 500, 0, 0, false },
        { LLMCOST_OK, 200, FAKE_SILENT, 500, false }, /* its own deadline */
        { LLMCOST_OK, 401, 0, 0, true },              /* it is there, and wants a key for that */
        { LLMCOST_OK, 404, 0, 0, true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        engine_rig rig;
        chooser self;
        open_rig(&rig, &self, CONFIG(""));
        fake_exchange *exchange = fake_network_add(&rig.network, NULL);
        exchange->url = "/models";
        exchange->status = rows[i].transport;
        exchange->http_status = rows[i].http_status;
        exchange->status_ms = rows[i].status_ms;
        fake_network_says(&rig.network, NULL, "hi", 10, 5);
        llmcost_response *response = ask(&rig, LLMCOST_OK);
        assert_string_equal(rig_line_text(response, 1, "provider"), rows[i].healthy ? "ollama-openai" : "openai");
        llmcost_response_free(response);
        assert_int_equal(fake_clock_ms(&rig.clock), rows[i].takes_ms);
        assert_int_equal(rig.network.request_count, 2); /* no retries */
        llmcost_response_free(ask(&rig, LLMCOST_OK));
        assert_int_equal(self.asked, 1);
        assert_int_equal(rows[i].healthy ? self.healthy : self.unhealthy, 2);
        assert_null(strstr(rig.network.requests[0].url, "chat"));
        rig_close(&rig);
    }
}

/* What calls met with decides where nothing is asked. */
static void test_passive(void **unused)
{
    (void)unused;
    engine_rig rig;
    chooser self;
    open_rig(&rig, &self, "{\"breaker\":{\"min_calls\":2},\"providers\":{\"openai\":{\"key\":\"k\"},\"ollama-openai\":{\"retries\":0,\"health_check_ms\":0}}}");
    fake_exchange *broken = fake_network_add(&rig.network, NULL);
    broken->url = "11434";
    broken->status = LLMCOST_E_NETWORK;
    broken->http_status = 0;
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    llmcost_response_free(ask(&rig, LLMCOST_E_NETWORK)); /* nothing was known */
    llmcost_response_free(ask(&rig, LLMCOST_OK));        /* the other one */
    fake_clock_advance(&rig.clock, 5000);
    llmcost_response_free(ask(&rig, LLMCOST_E_NETWORK)); /* tried again */
    llmcost_response_free(ask(&rig, LLMCOST_OK));
    broken->status = LLMCOST_OK;
    broken->times = 1;
    fake_clock_advance(&rig.clock, 5000);
    llmcost_response_free(ask(&rig, LLMCOST_OK));
    llmcost_response_free(ask(&rig, LLMCOST_OK));
    assert_int_equal(self.asked, 0);
    assert_int_equal(self.unhealthy, 2);
    assert_int_equal(self.healthy, 4);
    rig_close(&rig);
}

static void test_a_failing_call_overrules_the_check(void **unused)
{
    (void)unused;
    engine_rig rig;
    chooser self;
    open_rig(&rig, &self, "{\"providers\":{\"openai\":{\"key\":\"k\"},\"ollama-openai\":{\"retries\":0}}}");
    list_of_models(&rig);
    fake_exchange *broken = fake_network_fails(&rig.network, NULL, 500, "server_error");
    broken->url = "11434";
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    llmcost_response_free(ask(&rig, LLMCOST_E_SERVER)); /* its list of models is fine */
    llmcost_response_free(ask(&rig, LLMCOST_OK));
    assert_int_equal(self.asked, 1);
    assert_int_equal(self.unhealthy, 1);
    fake_clock_advance(&rig.clock, 10000);
    llmcost_response_free(ask(&rig, LLMCOST_E_SERVER));
    assert_int_equal(self.asked, 2);
    rig_close(&rig);
}

/* ---- one at a time ---- */

static void count_completion(uint64_t id, llmcost_response *response, void *user)
{
    (void)id;
    ++*(int *)user;
    assert_int_equal(llmcost_response_status(response), LLMCOST_OK);
    llmcost_response_free(response);
}

static void test_one_check_at_a_time(void **unused)
{
    (void)unused;
    engine_rig rig;
    chooser self;
    rig_request space;
    llmcost_loop *loop;
    int completions = 0;
    open_rig(&rig, &self, CONFIG(""));
    fake_exchange *slow = list_of_models(&rig);
    slow->status_ms = slow->done_ms = slow->pieces[0].at_ms = 100;
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    assert_int_equal(llmcost_loop_open(rig.client, &loop), LLMCOST_OK);
    for (int i = 0; i < 10; i++)
        assert_int_equal(llmcost_loop_submit(loop, rig_ask(&space, CLOUD, "hello"), NULL, count_completion, &completions, NULL), LLMCOST_OK);
    while (llmcost_loop_pending(loop))
        assert_int_equal(llmcost_loop_poll(loop, -1), LLMCOST_OK);
    assert_int_equal(completions, 10);
    assert_int_equal(self.asked, 1);
    assert_int_equal(self.healthy, 10); /* the others took what was known */
    assert_int_equal(rig.network.request_count, 11);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    rig_close(&rig);
}

/* The caller leaves while his leg asks: another may ask when the check's time is over. */
static void test_who_leaves_in_a_check(void **unused)
{
    (void)unused;
    engine_rig rig;
    chooser self;
    rig_request space;
    llmcost_stream *stream;
    open_rig(&rig, &self, CONFIG(""));
    fake_exchange *silent = list_of_models(&rig);
    silent->status_ms = FAKE_SILENT;
    silent->times = 1;
    list_of_models(&rig);
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    assert_int_equal(llmcost_stream_open(rig.client, rig_ask(&space, CLOUD, "hello"), &stream), LLMCOST_OK);
    llmcost_stream_close(stream);
    llmcost_response_free(ask(&rig, LLMCOST_OK));
    assert_true(self.no_child);
    fake_clock_advance(&rig.clock, 500);
    llmcost_response_free(ask(&rig, LLMCOST_OK));
    assert_false(self.no_child);
    assert_int_equal(self.asked, 2);
    rig_close(&rig);
}

static void test_memory_runs_out(void **unused)
{
    (void)unused;
    bool done = false;
    for (long n = 1; !done; n++) {
        engine_rig rig;
        chooser self;
        llmcost_response *response = NULL;
        open_rig(&rig, &self, CONFIG(""));
        list_of_models(&rig);
        fake_network_says(&rig.network, NULL, "hi", 10, 5);
        rig.memory.fail_at = rig.memory.calls + n;
        llmcost_status status = llmcost_ask(rig.client, CLOUD, "hello", &response);
        done = !rig.memory.failed;
        rig.memory.fail_at = 0;
        assert_true(status == LLMCOST_OK || status == LLMCOST_E_MEMORY);
        llmcost_response_free(response);
        fake_clock_advance(&rig.clock, 500);
        llmcost_response_free(ask(&rig, LLMCOST_OK)); /* nothing is left behind that would keep the next from asking */
        assert_int_equal(self.healthy >= 1, 1);
        rig_close(&rig);
    }
}

static void test_defaults(void **unused)
{
    (void)unused;
    engine_rig rig;
    chooser self;
    open_rig(&rig, &self, CONFIG(""));
    const llmc_settings *settings = rig.client->settings;
    for (size_t i = 0; i < settings->provider_count; i++)
        assert_int_equal(settings->providers[i].health_check_ms, settings->providers[i].free_of_charge ? 10000 : 0);
    rig_close(&rig);
    open_rig(&rig, &self, CONFIG(",\"health_check_ms\":\"3s\""));
    assert_int_equal(rig.client->settings->providers[1].health_check_ms, 3000);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_asked_once_for_a_while),
        cmocka_unit_test(test_one_that_does_not_answer),
        cmocka_unit_test(test_passive),
        cmocka_unit_test(test_a_failing_call_overrules_the_check),
        cmocka_unit_test(test_one_check_at_a_time),
        cmocka_unit_test(test_who_leaves_in_a_check),
        cmocka_unit_test(test_memory_runs_out),
        cmocka_unit_test(test_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
