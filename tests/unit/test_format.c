/* JSON from a target that has no mechanism for it: what it is told, what of its answer is good, what that costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../support/engine_rig.h"

#define DEEPSEEK "{\"providers\":{\"deepseek\":{\"key\":\"k\",\"retries\":2}},\"budgets\":[{\"limit\":\"1 USD\"}]}"
#define SCHEMA "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}},\"required\":[\"n\"]}"

static llmcost_request *ask(rig_request *space, int32_t format)
{
    llmcost_request *request = rig_ask(space, "deepseek/deepseek-chat", "how many?");
    request->format = format;
    request->format_schema = format == LLMCOST_FORMAT_JSON_SCHEMA ? SCHEMA : NULL;
    return request;
}

/* A choice whose text is this JSON string content, with what else stands beside it. */
static fake_exchange *says(engine_rig *rig, const char *escaped, const char *finish)
{
    char body[1000];
    int length = snprintf(body, sizeof body, "{\"id\":\"x\",\"model\":\"deepseek-chat\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},\"finish_reason\":\"%s\"}],"
                          "\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":10,\"total_tokens\":110}}", escaped, finish);
    fake_exchange *exchange = fake_network_add(&rig->network, NULL);
    exchange->times = 1;
    fake_exchange_piece(exchange, 0, body, (size_t)length);
    return exchange;
}

static void a_good_answer(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, DEEPSEEK);
    says(&rig, "{\\\"n\\\": 3}", "stop");
    assert_int_equal(llmcost_chat(rig.client, ask(&space, LLMCOST_FORMAT_JSON_SCHEMA), &response), LLMCOST_OK);
    assert_string_equal(llmcost_response_text(response), "{\"n\": 3}");
    assert_non_null(strstr(rig.network.requests[0].body, "\"response_format\":{\"type\":\"json_object\"}"));
    assert_non_null(strstr(rig.network.requests[0].body, "must follow this JSON Schema"));
    assert_non_null(strstr(rig.network.requests[0].body, "\\\"required\\\":[\\\"n\\\"]"));
    assert_int_equal(rig_line(response, 0, "is_format_instructed"), 1);
    assert_false(llmcost_response_is_altered(response));
    rig_check_receipt(response);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void a_fence_is_taken_off(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, DEEPSEEK);
    says(&rig, " ```json\\n{\\\"n\\\": 3}\\n```\\n", "stop");
    assert_int_equal(llmcost_chat(rig.client, ask(&space, LLMCOST_FORMAT_JSON_SCHEMA), &response), LLMCOST_OK);
    assert_string_equal(llmcost_response_text(response), "{\"n\": 3}\n");
    assert_int_equal(rig_line(response, 0, "is_answered"), 1);
    rig_check_receipt(response);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void a_breach_is_tried_again_and_then_told(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, DEEPSEEK);
    says(&rig, "three", "stop");
    says(&rig, "{\\\"n\\\": 3}", "stop");
    assert_int_equal(llmcost_chat(rig.client, ask(&space, LLMCOST_FORMAT_JSON_SCHEMA), &response), LLMCOST_OK);
    assert_int_equal(llmcost_response_line_count(response), 2);
    assert_true(rig_line(response, 0, "cost_nano") > 0); /* a wrong answer costs as much as a right one */
    rig_check_receipt(response);
    llmcost_response_free(response);
    for (int i = 0; i < 3; i++)
        says(&rig, "{\\\"n\\\": \\\"three\\\"}", "stop");
    assert_int_equal(llmcost_chat(rig.client, ask(&space, LLMCOST_FORMAT_JSON_SCHEMA), &response), LLMCOST_E_MALFORMED);
    assert_non_null(strstr(llmcost_error_message(llmcost_response_error(response)), "/n is no integer"));
    assert_int_equal(llmcost_response_line_count(response), 3);
    rig_check_receipt(response);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void what_is_no_answer_is_not_judged(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, DEEPSEEK);
    says(&rig, "{\\\"n\\\":", "length");
    assert_int_equal(llmcost_chat(rig.client, ask(&space, LLMCOST_FORMAT_JSON_SCHEMA), &response), LLMCOST_OK);
    assert_int_equal(llmcost_response_finish(response, 0), LLMCOST_FINISH_LENGTH);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void a_mechanism_of_its_own_is_left_to_it(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, DEEPSEEK);
    says(&rig, "no JSON at all", "stop");
    assert_int_equal(llmcost_chat(rig.client, ask(&space, LLMCOST_FORMAT_JSON), &response), LLMCOST_OK); /* json_object is the host's promise */
    assert_string_equal(llmcost_response_text(response), "no JSON at all");
    assert_null(strstr(rig.network.requests[0].body, "without a code fence"));
    assert_int_equal(rig_line(response, 0, "is_format_instructed"), 0);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void a_stream_is_judged_at_its_end(void **state)
{
    (void)state;
    static const char *const good[] = { "{", "}", NULL }, *const bad[] = { "no", NULL };
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    char text[100];
    rig_open(&rig, "{\"providers\":{\"deepseek\":{\"key\":\"k\",\"retries\":0}}}");
    llmcost_request *request = ask(&space, LLMCOST_FORMAT_JSON_SCHEMA);
    request->format_schema = "{\"type\":\"object\"}";
    fake_network_streams(&rig.network, NULL, good, 10, 2)->times = 1;
    assert_int_equal(rig_stream(&rig, request, text, sizeof text, &response), LLMCOST_OK);
    assert_string_equal(text, "{}");
    llmcost_response_free(response);
    fake_network_streams(&rig.network, NULL, bad, 10, 2)->times = 1;
    assert_int_equal(rig_stream(&rig, request, text, sizeof text, &response), LLMCOST_E_MALFORMED);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void what_else_does_not_fit_is_named(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, "{\"providers\":{\"zhipu\":{\"key\":\"k\"},\"anthropic\":{\"key\":\"k\"}}}");
    static const char *const models[] = { "zhipu/glm-4.6", "anthropic/claude-sonnet-4-5" };
    for (int i = 0; i < 2; i++) {
        llmcost_request *request = ask(&space, i ? LLMCOST_FORMAT_JSON : LLMCOST_FORMAT_JSON_SCHEMA);
        request->model = models[i];
        request->has_temperature = 1;
        request->temperature = 1.2;
        assert_int_equal(llmcost_chat(rig.client, request, &response), LLMCOST_E_UNSUPPORTED);
        const char *message = llmcost_error_message(llmcost_response_error(response));
        assert_non_null(strstr(message, "cannot do \"temperature\""));
        assert_null(strstr(message, "format"));
        llmcost_response_free(response);
    }
    assert_int_equal(rig.network.request_count, 0);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_answer), cmocka_unit_test(a_fence_is_taken_off), cmocka_unit_test(a_breach_is_tried_again_and_then_told),
        cmocka_unit_test(what_is_no_answer_is_not_judged), cmocka_unit_test(a_mechanism_of_its_own_is_left_to_it), cmocka_unit_test(a_stream_is_judged_at_its_end),
        cmocka_unit_test(what_else_does_not_fit_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
