/*
 * The client against the loopback provider in every wire format, over real sockets and in each way to make a call: the
 * same script must give the same answer, and each format its own figures, finishes and continuation of a tool turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/live.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void check(const live_result *result, live_format format, live_way way)
{
    if (result->status)
        fail_msg("%s, %s: %s: %s", live_models[format], live_way_name(way), llmcost_status_name(result->status),
                 llmcost_error_message(llmcost_response_error(result->response)));
}

/* What the same figures are in each format: some do not tell thoughts apart, some do not tell what was cached. */
static const struct {
    int64_t input, cached, output, reasoning, cost_nano;
} bills[LIVE_FORMATS] = {
    [LIVE_OPENAI] = { 800, 200, 300, 100, 375000 },     [LIVE_ANTHROPIC] = { 800, 200, 300, 100, 8460000 }, [LIVE_GOOGLE] = { 800, 200, 300, 100, 1246000 },
    [LIVE_OLLAMA] = { 1000, -1, 400, -1, 0 },           [LIVE_COHERE] = { 1000, -1, 400, -1, 6500000 },     [LIVE_BEDROCK] = { 800, 200, 400, -1, 147000 },
    [LIVE_RESPONSES] = { 800, 200, 300, 100, 375000 },  [LIVE_AZURE] = { 800, 200, 300, 100, 375000 },
};

static int64_t at_least_zero(int64_t tokens)
{
    return tokens < 0 ? 0 : tokens;
}

static void the_same_answer_and_its_bill(void **state)
{
    (void)state;
    live all;
    live_result result;
    live_open(&all, "{\"default\":{\"chunk_bytes\":5,\"reply\":{\"reasoning\":\"think\\n\\\"hard\\\"\",\"text\":\"caf\xc3\xa9 \\\\ \xf0\x9f\x98\x80 \xe2\x82\xac done\","
                    "\"usage\":{\"prompt\":1000,\"completion\":400,\"cached\":200,\"reasoning\":100}}}}", NULL, NULL);
    for (int i = 0; i < LIVE_FORMATS * LIVE_WAYS; i++) {
        live_format format = (live_format)(i / LIVE_WAYS);
        live_ask(&all, (live_way)(i % LIVE_WAYS), live_models[format], "hello", &result);
        check(&result, format, (live_way)(i % LIVE_WAYS));
        assert_string_equal(llmcost_response_text(result.response), "caf\xc3\xa9 \\ \xf0\x9f\x98\x80 \xe2\x82\xac done");
        assert_string_equal(llmcost_response_reasoning(result.response, 0, NULL), "think\n\"hard\"");
        assert_int_equal(llmcost_response_finish(result.response, 0), LLMCOST_FINISH_STOP);
        assert_int_equal(llmcost_response_tokens(result.response, LLMCOST_INPUT), bills[format].input);
        assert_int_equal(at_least_zero(llmcost_response_tokens(result.response, LLMCOST_INPUT_CACHED)), at_least_zero(bills[format].cached));
        assert_int_equal(llmcost_response_tokens(result.response, LLMCOST_OUTPUT), bills[format].output);
        assert_int_equal(at_least_zero(llmcost_response_tokens(result.response, LLMCOST_REASONING)), at_least_zero(bills[format].reasoning));
        assert_int_equal(llmcost_response_cost_nano(result.response), bills[format].cost_nano);
        assert_null(strstr(llmcost_response_receipt(result.response), "estimated"));
        live_result_free(&result);
    }
    live_close(&all);
}

/* Deltas cut between the halves of a surrogate pair, and more of them than the text has characters. */
static void deltas_of_any_size(void **state)
{
    (void)state;
    live all;
    live_result result;
    static const char *const cuts[] = { "\"split_utf8\":true,\"chunk_bytes\":1", "\"chunks\":1", "\"chunks\":40", "\"chunk_bytes\":1", "\"chunk_bytes\":1000,\"chunk_delay_ms\":1" };
    live_open(&all, NULL, NULL, NULL);
    for (size_t cut = 0; cut < sizeof cuts / sizeof cuts[0]; cut++) {
        char script[400];
        snprintf(script, sizeof script, "{\"default\":{%s,\"reply\":{\"text\":\"a\xf0\x9f\x98\x80\xf0\x9f\x98\x81z\",\"reasoning\":\"\xf0\x9f\x98\x82\"}}}", cuts[cut]);
        live_script(&all, script);
        for (int format = 0; format < LIVE_FORMATS; format++) {
            live_ask(&all, PULLED, live_models[format], "hello", &result);
            check(&result, (live_format)format, PULLED);
            assert_string_equal(result.text, "a\xf0\x9f\x98\x80\xf0\x9f\x98\x81z");
            assert_string_equal(result.reasoning, "\xf0\x9f\x98\x82");
            live_result_free(&result);
        }
    }
    live_close(&all);
}

static void finishes_and_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        llmcost_finish finish[LIVE_FORMATS]; /* NONE: has no such end, its last event is named by the finish */
    } cases[] = {
        { "\"text\":\"a\",\"finish\":\"length\"",
          { LLMCOST_FINISH_LENGTH, LLMCOST_FINISH_LENGTH, LLMCOST_FINISH_LENGTH, LLMCOST_FINISH_LENGTH, LLMCOST_FINISH_LENGTH, LLMCOST_FINISH_LENGTH,
            LLMCOST_FINISH_LENGTH, LLMCOST_FINISH_LENGTH } },
        { "\"text\":\"a\",\"finish\":\"content_filter\"",
          { LLMCOST_FINISH_CONTENT_FILTER, LLMCOST_FINISH_CONTENT_FILTER, LLMCOST_FINISH_CONTENT_FILTER, LLMCOST_FINISH_STOP, LLMCOST_FINISH_STOP, LLMCOST_FINISH_CONTENT_FILTER,
            LLMCOST_FINISH_CONTENT_FILTER, LLMCOST_FINISH_CONTENT_FILTER } },
        { "\"refusal\":\"a\"",
          { LLMCOST_FINISH_STOP, LLMCOST_FINISH_CONTENT_FILTER, LLMCOST_FINISH_CONTENT_FILTER, LLMCOST_FINISH_STOP, LLMCOST_FINISH_STOP, LLMCOST_FINISH_CONTENT_FILTER,
            LLMCOST_FINISH_STOP, LLMCOST_FINISH_STOP } },
        { "\"text\":\"a\",\"finish\":\"ERROR\"",
          { LLMCOST_FINISH_STOP, LLMCOST_FINISH_STOP, LLMCOST_FINISH_STOP, LLMCOST_FINISH_STOP, LLMCOST_FINISH_ERROR, LLMCOST_FINISH_STOP,
            LLMCOST_FINISH_NONE, LLMCOST_FINISH_STOP } },
    };
    live all;
    live_result result;
    live_open(&all, NULL, NULL, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char script[200];
        snprintf(script, sizeof script, "{\"default\":{\"reply\":{%s}}}", cases[i].reply);
        live_script(&all, script);
        for (int format = 0; format < LIVE_FORMATS; format++)
            for (live_way way = BLOCKING; way <= PULLED && cases[i].finish[format]; way++) {
                live_ask(&all, way, live_models[format], "hello", &result);
                check(&result, (live_format)format, way);
                if (llmcost_response_finish(result.response, 0) != cases[i].finish[format])
                    fail_msg("%s, %s: finish %s", cases[i].reply, live_models[format], llmcost_response_finish_raw(result.response, 0));
                live_result_free(&result);
            }
    }
    live_close(&all);
}

/* ---- tools ---- */

#define TWO_CALLS "\"tool_calls\":[{\"name\":\"weather\",\"arguments\":{\"city\":\"Oslo \\\"N\\\"\"}},{\"name\":\"clock\"}]"

/* Both turns in one way; the question of the second one is validated by the server. */
static void run_tool_turn(live *all, live_format format, live_way way)
{
    static const llmcost_tool tools[] = { { .name = "weather", .parameters = "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}" }, { .name = "clock" } };
    llmcost_message messages[4] = { live_user("Weather and time?") };
    llmcost_request request = live_request(live_models[format], messages);
    live_result asked, answered;
    request.tools = tools;
    request.tool_count = 2;
    live_script(all, "{\"rules\":[{\"match\":{\"contains\":\"Weather\"},\"times\":1,\"chunk_bytes\":4,\"reply\":{\"reasoning\":\"look\",\"text\":\"One moment\"," TWO_CALLS "}},"
                     "{\"match\":{\"contains\":\"Weather\"},\"reply\":{\"text\":\"4 C at noon\"}}]}");
    live_run(all, way, &request, &asked);
    check(&asked, format, way);
    assert_int_equal(llmcost_response_finish(asked.response, 0), LLMCOST_FINISH_TOOL_CALLS);
    assert_int_equal(llmcost_response_tool_call_count(asked.response, 0), 2);
    const llmcost_tool_call *weather = llmcost_response_tool_call(asked.response, 0, 0), *hour = llmcost_response_tool_call(asked.response, 0, 1);
    assert_string_equal(weather->name, "weather");
    assert_string_equal(weather->arguments, "{\"city\":\"Oslo \\\"N\\\"\"}");
    assert_string_equal(hour->name, "clock");
    assert_string_equal(hour->arguments, "{}");
    assert_string_not_equal(weather->id, hour->id);
    messages[1] = *llmcost_response_message(asked.response, 0);
    messages[2] = (llmcost_message){ .role = LLMCOST_TOOL, .tool_call_id = weather->id, .text = "4 C" };
    messages[3] = (llmcost_message){ .role = LLMCOST_TOOL, .tool_call_id = hour->id, .text = "{\"hour\":12}" };
    request.message_count = 4;
    live_run(all, way, &request, &answered);
    check(&answered, format, way);
    assert_string_equal(llmcost_response_text(answered.response), "4 C at noon");
    const char *body = llmcost_mock_request_body(all->mock, llmcost_mock_request_count(all->mock) - 1, NULL);
    int signs = format == LIVE_ANTHROPIC || format == LIVE_GOOGLE;
    assert_non_null(strstr(body, "4 C"));
    if (signs)
        assert_non_null(strstr(body, "c2lnbmVk"));
    live_result_free(&asked);
    live_result_free(&answered);
}

static void tool_turns_are_continued(void **state)
{
    (void)state;
    live all;
    live_open(&all, NULL, NULL, NULL);
    for (int i = 0; i < LIVE_FORMATS * LIVE_WAYS; i++)
        run_tool_turn(&all, (live_format)(i / LIVE_WAYS), (live_way)(i % LIVE_WAYS));
    live_close(&all);
}

/* A turn begun in one format and ended in each other one. */
static void a_tool_turn_moves_to_another_format(void **state)
{
    (void)state;
    static const llmcost_tool tool = { .name = "clock" };
    live all;
    live_open(&all, "{\"rules\":[{\"match\":{\"contains\":\"first\"},\"reply\":{\"reasoning\":\"look\",\"tool_calls\":[{\"name\":\"clock\"}]}}],\"default\":{\"reply\":{\"text\":\"noon\"}}}", NULL, NULL);
    for (int i = 0; i < LIVE_FORMATS * LIVE_FORMATS; i++) {
        live_format from = (live_format)(i / LIVE_FORMATS), to = (live_format)(i % LIVE_FORMATS);
        llmcost_message messages[3] = { live_user("first") };
        llmcost_request request = live_request(live_models[from], messages);
        live_result asked, answered;
        request.tools = &tool;
        request.tool_count = 1;
        live_run(&all, PULLED, &request, &asked);
        check(&asked, from, PULLED);
        messages[0].text = "second";
        messages[1] = *llmcost_response_message(asked.response, 0);
        messages[2] = (llmcost_message){ .role = LLMCOST_TOOL, .tool_call_id = llmcost_response_tool_call(asked.response, 0, 0)->id, .text = "12" };
        request.model = live_models[to];
        request.message_count = 3;
        live_run(&all, BLOCKING, &request, &answered);
        if (answered.status)
            fail_msg("%s to %s: %s", live_models[from], live_models[to], llmcost_error_message(llmcost_response_error(answered.response)));
        assert_string_equal(llmcost_response_text(answered.response), "noon");
        live_result_free(&asked);
        live_result_free(&answered);
    }
    live_close(&all);
}

/* ---- what the requests look like to a strict provider ---- */

static void every_setting_is_taken(void **state)
{
    (void)state;
    static const char *const stop[] = { "END" };
    static const llmcost_tool tool = { .name = "clock", .description = "The time", .parameters = "{\"type\":\"object\"}" };
    llmcost_message messages[] = { { .role = LLMCOST_SYSTEM, .text = "Be brief." }, live_user("hello"), { .role = LLMCOST_ASSISTANT, .text = "Hi." }, live_user("again") };
    live all;
    live_result result;
    live_open(&all, "{\"rules\":[{\"match\":{\"contains\":\"again\",\"system_contains\":\"brief\"},\"reply\":{\"text\":\"well\"}}],\"default\":{\"fault\":{\"status\":500}}}", NULL, NULL);
    for (int format = 0; format < LIVE_FORMATS; format++)
        for (live_way way = BLOCKING; way <= PULLED; way++) {
            llmcost_request request = live_request(live_models[format], messages);
            request.message_count = 4;
            request.tools = &tool;
            request.tool_count = 1;
            request.has_temperature = 1;
            request.temperature = 0.5;
            request.stop = stop;
            request.stop_count = format != LIVE_RESPONSES; /* which has no such setting */
            live_run(&all, way, &request, &result);
            check(&result, (live_format)format, way);
            assert_string_equal(llmcost_response_text(result.response), "well");
            live_result_free(&result);
        }
    live_close(&all);
}

static void several_choices(void **state)
{
    (void)state;
    static const live_format formats[] = { LIVE_OPENAI, LIVE_GOOGLE, LIVE_AZURE };
    llmcost_message message = live_user("hello");
    live all;
    live_result result;
    live_open(&all, "{\"default\":{\"chunk_bytes\":2,\"reply\":{\"choices\":[{\"text\":\"first\"},{\"text\":\"second\",\"finish\":\"length\"}],\"usage\":{\"prompt\":3,\"completion\":9}}}}", NULL, NULL);
    for (int i = 0; i < 3 * LIVE_WAYS; i++) {
        live_way way = (live_way)(i / 3);
        llmcost_request request = live_request(live_models[formats[i % 3]], &message);
        request.n = 2;
        live_run(&all, way, &request, &result);
        check(&result, formats[i % 3], way);
        assert_int_equal(llmcost_response_choice_count(result.response), 2);
        assert_string_equal(llmcost_response_choice_text(result.response, 0, NULL), "first");
        assert_string_equal(llmcost_response_choice_text(result.response, 1, NULL), "second");
        assert_int_equal(llmcost_response_finish(result.response, 1), LLMCOST_FINISH_LENGTH);
        assert_int_equal(llmcost_response_tokens(result.response, LLMCOST_OUTPUT), 9);
        live_result_free(&result);
    }
    live_close(&all);
}

/* What 50 tokens cost at each, and whether it tells how many they are. */
static void vectors(void **state)
{
    (void)state;
    static const struct {
        int64_t cost_nano;
        int counts;
    } costs[LIVE_FORMATS] = { [LIVE_OPENAI] = { 1000, 1 }, [LIVE_GOOGLE] = { 0, 0 }, [LIVE_OLLAMA] = { 0, 1 }, [LIVE_COHERE] = { 6000, 1 }, [LIVE_AZURE] = { 1000, 1 } };
    static const live_way ways[] = { BLOCKING, ON_A_LOOP };
    live all;
    live_result result;
    live_open(&all, "{\"default\":{\"reply\":{\"usage\":{\"prompt\":50}}}}", NULL, NULL);
    for (int i = 0; i < LIVE_FORMATS * 2; i++) {
        live_format format = (live_format)(i / 2);
        uint32_t one = 0, other = 0;
        live_embed(&all, ways[i % 2], live_embedders[format] ? live_embedders[format] : live_models[format], &result);
        if (!live_embedders[format]) {
            assert_int_equal(result.status, LLMCOST_E_UNSUPPORTED);
            live_result_free(&result);
            continue;
        }
        check(&result, format, ways[i % 2]);
        assert_int_equal(llmcost_response_embedding_count(result.response), 2);
        assert_non_null(llmcost_response_embedding(result.response, 0, &one));
        assert_non_null(llmcost_response_embedding(result.response, 1, &other));
        assert_true(one > 0 && one == other);
        assert_string_equal(llmcost_response_line_text(result.response, 0, "counts"), costs[format].counts ? "reported" : "estimated");
        if (costs[format].counts) {
            assert_int_equal(llmcost_response_tokens(result.response, LLMCOST_INPUT), 50);
            assert_int_equal(llmcost_response_cost_nano(result.response), costs[format].cost_nano);
        }
        live_result_free(&result);
    }
    live_close(&all);
}

static void keys_are_shown_in_each_way(void **state)
{
    (void)state;
    static const char *const keys[LIVE_FORMATS] = { OPENAI_KEY, ANTHROPIC_KEY, GOOGLE_KEY, OLLAMA_KEY, COHERE_KEY, BEDROCK_ID, RESPONSES_KEY, AZURE_KEY };
    live all;
    live_result result;
    for (int wanted = 0; wanted < LIVE_FORMATS; wanted++) {
        char script[100];
        snprintf(script, sizeof script, "{\"require_key\":\"%s\"}", keys[wanted]);
        live_open(&all, script, NULL, NULL); /* a client keeps in mind which keys were refused */
        for (int format = 0; format < LIVE_FORMATS; format++) {
            live_ask(&all, BLOCKING, live_models[format], "hello", &result);
            if (result.status != (format == wanted ? LLMCOST_OK : LLMCOST_E_AUTH))
                fail_msg("the key of %s for %s: %s", live_models[wanted], live_models[format], llmcost_status_name(result.status));
            live_result_free(&result);
        }
        live_close(&all);
    }
}

static void models_are_listed(void **state)
{
    (void)state;
    live all;
    live_open(&all, "{\"models\":[\"alpha\",\"beta:1\"]}", NULL, NULL);
    for (int format = 0; format < LIVE_FORMATS; format++) {
        llmcost_response *response = NULL;
        llmcost_status status = llmcost_list_models(all.client, live_providers[format], &response);
        if (format == LIVE_BEDROCK) { /* lists them on another host */
            assert_int_equal(status, LLMCOST_E_UNSUPPORTED);
            llmcost_response_free(response);
            continue;
        }
        assert_int_equal(status, LLMCOST_OK);
        assert_int_equal(llmcost_response_model_count(response), 2);
        assert_string_equal(llmcost_response_model(response, 0), "alpha");
        assert_string_equal(llmcost_response_model(response, 1), "beta:1");
        llmcost_response_free(response);
    }
    live_close(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_answer_and_its_bill),
        cmocka_unit_test(deltas_of_any_size),
        cmocka_unit_test(finishes_and_refusals),
        cmocka_unit_test(tool_turns_are_continued),
        cmocka_unit_test(a_tool_turn_moves_to_another_format),
        cmocka_unit_test(every_setting_is_taken),
        cmocka_unit_test(several_choices),
        cmocka_unit_test(vectors),
        cmocka_unit_test(keys_are_shown_in_each_way),
        cmocka_unit_test(models_are_listed),
    };
    alarm(300);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
