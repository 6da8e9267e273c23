/* A split over real sockets, between two wire formats and in each way to make a call: who goes where, and what the report says of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "../support/live.h"

#define SPLIT "\"routes\":{\"test\":{\"split\":[{\"use\":\"" OPENAI_MODEL "\",\"weight\":50,\"name\":\"mini\"},{\"use\":\"" ANTHROPIC_MODEL "\",\"weight\":50,\"name\":\"sonnet\"}],\"sticky\":\"user\"}}"
#define REPLY "{\"default\":{\"reply\":{\"text\":\"hello\",\"usage\":{\"prompt\":1000,\"completion\":50}}}}"

static json_t *report_of(live *all)
{
    char *text = NULL;
    assert_int_equal(llmcost_report(all->client, "json", &text), LLMCOST_OK);
    json_t *report = json_loads(text, 0, NULL);
    llmcost_string_free(text);
    assert_non_null(report);
    return report;
}

static json_t *side(json_t *report, size_t index)
{
    return json_array_get(json_object_get(json_array_get(json_object_get(report, "splits"), 0), "sides"), index);
}

static json_int_t figure(json_t *of, const char *key)
{
    assert_true(json_is_integer(json_object_get(of, key)));
    return json_integer_value(json_object_get(of, key));
}

static void every_way(void **state)
{
    live all;
    json_int_t calls[2] = { 0 }, cost[2] = { 0 };
    (void)state;
    live_open(&all, REPLY, NULL, SPLIT);
    for (int user = 0; user < 12; user++) {
        char name[16], provider[32] = "";
        llmcost_tag tag = { "user", name };
        snprintf(name, sizeof name, "user-%d", user);
        for (live_way way = BLOCKING; way < LIVE_WAYS; way++) {
            live_result result;
            llmcost_message message = live_user("hello");
            llmcost_request request = live_request("test", &message);
            request.tags = &tag;
            request.tag_count = 1;
            live_run(&all, way, &request, &result);
            assert_int_equal(result.status, LLMCOST_OK);
            const char *who = llmcost_response_provider(result.response);
            if (way == BLOCKING)
                snprintf(provider, sizeof provider, "%s", who);
            assert_string_equal(who, provider); /* his side, however he calls */
            bool sonnet = strcmp(who, "anthropic") == 0;
            calls[sonnet]++;
            cost[sonnet] += llmcost_response_cost_nano(result.response);
            assert_int_equal(llmcost_feedback(all.client, llmcost_response_id(result.response), sonnet ? 0.9 - user % 2 * 0.1 : 0.5 + user % 2 * 0.1), LLMCOST_OK);
            live_result_free(&result);
        }
    }
    assert_true(calls[0] >= LIVE_WAYS && calls[1] >= LIVE_WAYS);
    json_t *report = report_of(&all);
    for (size_t i = 0; i < 2; i++) {
        json_t *of = side(report, i);
        assert_string_equal(json_string_value(json_object_get(of, "name")), i ? "sonnet" : "mini");
        assert_int_equal(figure(of, "calls"), calls[i]);
        assert_int_equal(figure(of, "cost_nano"), cost[i]);
        assert_int_equal(figure(of, "scored"), calls[i]);
        assert_int_equal(figure(of, "tokens_in"), 1000 * calls[i]);
        json_t *latency = json_object_get(of, "latency_ms");
        assert_true(json_real_value(json_object_get(latency, "p50")) > 0);
        assert_true(json_real_value(json_object_get(latency, "p99")) >= json_real_value(json_object_get(latency, "p50")));
        assert_true(json_is_real(json_object_get(json_object_get(of, "first_byte_ms"), "p50")));
    }
    assert_null(json_object_get(side(report, 0), "against"));
    json_t *against = json_object_get(side(report, 1), "against"), *dearer = json_object_get(against, "mean_cost_nano"), *better = json_object_get(against, "mean_score");
    assert_string_equal(json_string_value(json_object_get(against, "side")), "mini");
    assert_true(json_real_value(json_object_get(dearer, "difference")) == 1000 * 3000 + 50 * 15000 - (1000 * 150 + 50 * 600));
    assert_true(json_real_value(json_object_get(better, "low")) > 0.2 && json_real_value(json_object_get(better, "high")) < 0.4);
    json_decref(report);
    live_close(&all);
}

/* One side's provider is down: its users' calls fail, and nobody moves. */
static void a_failing_side(void **state)
{
    live all;
    json_int_t failed = 0, answered = 0;
    (void)state;
    live_open(&all, "{\"rules\":[{\"match\":{\"model\":\"gpt-4o-mini\"},\"fault\":{\"status\":500}}],\"default\":{\"reply\":{\"text\":\"hello\"}}}", "\"retries\":0", SPLIT);
    for (int user = 0; user < 16; user++) {
        char name[16];
        llmcost_tag tag = { "user", name };
        snprintf(name, sizeof name, "user-%d", user);
        live_result result;
        llmcost_message message = live_user("hello");
        llmcost_request request = live_request("test", &message);
        request.tags = &tag;
        request.tag_count = 1;
        live_run(&all, BLOCKING, &request, &result);
        assert_true(result.status == LLMCOST_OK || result.status == LLMCOST_E_SERVER);
        failed += result.status != LLMCOST_OK;
        answered += result.status == LLMCOST_OK;
        live_result_free(&result);
    }
    json_t *report = report_of(&all);
    assert_true(failed > 2 && answered > 2);
    assert_int_equal(figure(side(report, 0), "calls"), failed);
    assert_int_equal(figure(side(report, 0), "failed"), failed);
    assert_int_equal(figure(json_object_get(side(report, 0), "failed_by"), "server"), failed);
    assert_int_equal(figure(side(report, 1), "calls"), answered);
    assert_int_equal(figure(side(report, 1), "failed"), 0);
    json_t *rate = json_object_get(json_object_get(side(report, 1), "against"), "error_rate");
    assert_true(json_real_value(json_object_get(rate, "difference")) == -1 && json_real_value(json_object_get(rate, "high")) < -0.4);
    json_decref(report);
    live_close(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_way), cmocka_unit_test(a_failing_side) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
