/* NULL in every place where a host of any language may pass one: nothing crashes, and every answer is a defined one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../support/engine_rig.h"
#include "llmcost/mock.h"
#include "llmcost/plugin.h"

#define MISUSE(call) assert_int_equal(call, LLMCOST_E_MISUSE)

static void test_leg_is_null(void **unused)
{
    (void)unused;
    size_t bytes = 7;
    llmcost_request request = LLMCOST_REQUEST_INIT;
    llmcost_spawn spawn = { .struct_size = sizeof spawn };
    assert_null(llmcost_leg_request(NULL));
    assert_string_equal(llmcost_leg_operation(NULL), "");
    assert_string_equal(llmcost_leg_target(NULL), "");
    MISUSE(llmcost_leg_status(NULL));
    assert_string_equal(llmcost_leg_text(NULL, &bytes), "");
    assert_int_equal(bytes, 0);
    assert_string_equal(llmcost_leg_text(NULL, NULL), "");
    assert_int_equal(llmcost_leg_finish_reason(NULL), LLMCOST_FINISH_NONE);
    assert_int_equal(llmcost_leg_fail(NULL, LLMCOST_E_NETWORK, "why"), LLMCOST_FAIL);
    assert_int_equal(llmcost_leg_answer(NULL, "text", 0), LLMCOST_FAIL);
    MISUSE(llmcost_leg_set_request(NULL, &request));
    assert_null(llmcost_leg_alloc(NULL, 8));
    llmcost_leg_mark_altered(NULL);
    llmcost_leg_note(NULL, "text");
    assert_null(llmcost_leg_spawn(NULL, &spawn));
    assert_null(llmcost_leg_spawn(NULL, NULL));
    assert_int_equal(llmcost_leg_adopt(NULL, NULL), LLMCOST_FAIL);
    llmcost_leg_cancel_child(NULL, NULL);
    MISUSE(llmcost_leg_timer(NULL, 1));
    MISUSE(llmcost_leg_timer(NULL, -1));
    assert_null(llmcost_leg_waker(NULL));
    llmcost_waker_fire(NULL, 1);
    llmcost_waker_free(NULL);
    llmcost_cache_reply_send(NULL, "value", 5);
}

/* ---- the other arguments, inside a policy */

static llmcost_verdict enter_with_nulls(llmcost_leg *leg, void *state, void *user)
{
    assert_null(state);
    if (++*(int *)user > 1) /* the child */
        return llmcost_leg_answer(leg, "child", 0);
    llmcost_leg_note(leg, NULL);
    llmcost_leg_note(leg, "");
    llmcost_leg_cancel_child(leg, NULL);
    MISUSE(llmcost_leg_set_request(leg, NULL));
    assert_int_equal(llmcost_leg_status(leg), LLMCOST_OK);
    assert_null(llmcost_leg_spawn(leg, NULL));
    MISUSE(llmcost_leg_status(leg));
    assert_int_equal(llmcost_leg_adopt(leg, NULL), LLMCOST_FAIL);
    assert_int_equal(llmcost_leg_answer(leg, NULL, 0), LLMCOST_FAIL);
    assert_null(llmcost_leg_alloc(leg, SIZE_MAX));
    assert_null(llmcost_leg_alloc(leg, SIZE_MAX - 20));
    return llmcost_leg_fail(leg, LLMCOST_E_NETWORK, NULL);
}

static void test_arguments_of_a_leg_are_null(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    int entered = 0;
    llmcost_policy policy = { .struct_size = sizeof policy, .phase = LLMCOST_PHASE_SHAPE, .name = "nulls", .user = &entered, .enter = enter_with_nulls };
    rig_open(&rig, "{" RIG_OPENAI "}");
    MISUSE(llmcost_client_add_policy(NULL, &policy));
    MISUSE(llmcost_client_add_policy(rig.client, NULL));
    MISUSE(llmcost_client_set_cache_store(NULL, NULL));
    MISUSE(llmcost_client_set_cache_store(rig.client, NULL));
    assert_int_equal(llmcost_client_add_policy(rig.client, &policy), LLMCOST_OK);
    assert_int_equal(llmcost_chat(rig.client, rig_ask(&space, "openai/gpt-4o", "hello"), &response), LLMCOST_E_NETWORK);
    assert_string_equal(llmcost_error_message(llmcost_response_error(response)), llmcost_status_text(LLMCOST_E_NETWORK));
    assert_int_equal(entered, 1);
    llmcost_response_free(response);
    rig_close(&rig);
}

/* ---- the loopback provider */

static void test_mock_is_null(void **unused)
{
    (void)unused;
    size_t bytes = 7;
    llmcost_error *error = (llmcost_error *)&bytes;
    MISUSE(llmcost_mock_start(NULL, NULL, NULL));
    llmcost_mock_options_init(NULL, 64);
    assert_int_equal(llmcost_mock_stop(NULL), LLMCOST_OK);
    assert_null(llmcost_mock_url(NULL));
    assert_int_equal(llmcost_mock_port(NULL), 0);
    MISUSE(llmcost_mock_script(NULL, "{}", &error));
    assert_null(error);
    MISUSE(llmcost_mock_script(NULL, NULL, NULL));
    assert_int_equal(llmcost_mock_request_count(NULL), 0);
    assert_int_equal(llmcost_mock_connection_count(NULL), 0);
    assert_int_equal(llmcost_mock_open_count(NULL), 0);
    assert_int_equal(llmcost_mock_abandoned_count(NULL), 0);
    assert_null(llmcost_mock_request_body(NULL, 0, &bytes));
    assert_int_equal(bytes, 0);
    assert_null(llmcost_mock_request_body(NULL, 0, NULL));
    assert_null(llmcost_mock_request_header(NULL, 0, "host"));
    assert_null(llmcost_mock_request_header(NULL, 0, NULL));
}

static void test_exchange_of_the_mock_is_null(void **unused)
{
    (void)unused;
    size_t bytes = 7;
    assert_string_equal(llmcost_mock_exchange_model(NULL), "");
    assert_string_equal(llmcost_mock_exchange_user(NULL, &bytes), "");
    assert_int_equal(bytes, 0);
    assert_string_equal(llmcost_mock_exchange_user(NULL, NULL), "");
    bytes = 7;
    assert_string_equal(llmcost_mock_exchange_system(NULL, &bytes), "");
    assert_int_equal(bytes, 0);
    bytes = 7;
    assert_string_equal(llmcost_mock_exchange_body(NULL, &bytes), "");
    assert_int_equal(bytes, 0);
    MISUSE(llmcost_mock_exchange_text(NULL, "text", 0));
    llmcost_mock_exchange_usage(NULL, 1, 1, 1);
    llmcost_mock_exchange_delay(NULL, 1, 1);
    MISUSE(llmcost_mock_exchange_rule(NULL, "{}"));
}

static int answer_with_nulls(llmcost_mock_exchange *exchange, void *user)
{
    (void)user;
    MISUSE(llmcost_mock_exchange_text(exchange, NULL, 0));
    MISUSE(llmcost_mock_exchange_rule(exchange, NULL));
    assert_non_null(strchr(llmcost_mock_exchange_body(exchange, NULL), '{'));
    return 0;
}

static void test_arguments_of_a_running_mock_are_null(void **unused)
{
    (void)unused;
    llmcost_mock *mock;
    llmcost_mock_options options = LLMCOST_MOCK_OPTIONS_INIT;
    options.on_request = answer_with_nulls;
    assert_int_equal(llmcost_mock_start(&mock, NULL, &options), LLMCOST_OK);
    assert_int_equal(llmcost_mock_script(mock, NULL, NULL), LLMCOST_OK);
    assert_null(llmcost_mock_request_header(mock, 0, NULL));
    assert_null(llmcost_mock_request_body(mock, UINT64_MAX, NULL));
    assert_null(llmcost_mock_request_header(mock, UINT64_MAX, "host"));
    assert_int_equal(llmcost_mock_stop(mock), LLMCOST_OK);
}

/* ---- llmcost.h */

static void test_results_are_null(void **unused)
{
    (void)unused;
    size_t bytes = 7;
    int64_t a = 1, b = 1, c = 1, number = 7;
    uint32_t dimensions = 7;
    const char *currency = "x";
    llmcost_response_free(NULL);
    MISUSE(llmcost_response_status(NULL));
    assert_string_equal(llmcost_error_message(llmcost_response_error(NULL)), "");
    assert_string_equal(llmcost_response_text(NULL), "");
    assert_int_equal(llmcost_response_text_bytes(NULL), 0);
    assert_int_equal(llmcost_response_choice_count(NULL), 0);
    assert_string_equal(llmcost_response_choice_text(NULL, 0, &bytes), "");
    assert_int_equal(bytes, 0);
    bytes = 7;
    assert_string_equal(llmcost_response_reasoning(NULL, 0, &bytes), "");
    assert_int_equal(bytes, 0);
    bytes = 7;
    assert_string_equal(llmcost_response_refusal(NULL, 0, &bytes), "");
    assert_int_equal(bytes, 0);
    assert_int_equal(llmcost_response_finish(NULL, 0), LLMCOST_FINISH_NONE);
    assert_string_equal(llmcost_response_finish_raw(NULL, 0), "");
    assert_int_equal(llmcost_response_tool_call_count(NULL, 0), 0);
    assert_null(llmcost_response_tool_call(NULL, 0, 0));
    assert_null(llmcost_response_logprobs(NULL, 0));
    assert_null(llmcost_response_message(NULL, 0));
    assert_string_equal(llmcost_response_model_name(NULL), "");
    assert_string_equal(llmcost_response_provider(NULL), "");
    assert_string_equal(llmcost_response_request_id(NULL), "");
    assert_int_equal(llmcost_response_rate_limit(NULL, LLMCOST_LIMIT_TOKENS, &a, &b, &c), 0);
    assert_true(a == -1 && b == -1 && c == -1);
    assert_int_equal(llmcost_response_from_cache(NULL), 0);
    assert_int_equal(llmcost_response_is_altered(NULL), 0);
    assert_null(llmcost_response_json(NULL));
    assert_int_equal(llmcost_response_model_count(NULL), 0);
    assert_null(llmcost_response_model(NULL, 0));
    assert_int_equal(llmcost_response_embedding_count(NULL), 0);
    assert_null(llmcost_response_embedding(NULL, 0, &dimensions));
    assert_int_equal(dimensions, 0);
    assert_int_equal(llmcost_response_balance_count(NULL), 0);
    assert_null(llmcost_response_balance(NULL, 0, &currency));
    assert_string_equal(llmcost_response_summary(NULL), "");
    assert_int_equal(llmcost_response_cost_nano(NULL), 0);
    assert_string_equal(llmcost_response_id(NULL), "");
    assert_int_equal(llmcost_response_saved_nano(NULL), 0);
    assert_string_equal(llmcost_response_currency(NULL), "");
    assert_int_equal(llmcost_response_tokens(NULL, LLMCOST_INPUT), -1);
    assert_null(llmcost_response_receipt(NULL));
    assert_int_equal(llmcost_response_line_count(NULL), 0);
    assert_int_equal(llmcost_response_line_number(NULL, 0, "cost", &number), 0);
    assert_null(llmcost_response_line_text(NULL, 0, NULL));
    assert_int_equal(llmcost_line_key(0, NULL, NULL), 1);
    llmcost_error_free(NULL);
    assert_int_equal(llmcost_error_status(NULL), LLMCOST_OK);
    assert_string_equal(llmcost_error_message(NULL), "");
    assert_string_equal(llmcost_error_provider(NULL), "");
    assert_string_equal(llmcost_error_code(NULL), "");
    assert_string_equal(llmcost_error_provider_message(NULL), "");
    assert_string_equal(llmcost_error_request_id(NULL), "");
    assert_int_equal(llmcost_error_http_status(NULL), 0);
    assert_int_equal(llmcost_error_retry_after_ms(NULL), -1);
    assert_string_equal(llmcost_error_trail(NULL), "[]");
    llmcost_string_free(NULL);
}

static void test_streams_and_loops_are_null(void **unused)
{
    (void)unused;
    static char any;
    const llmcost_event *event = (const llmcost_event *)(const void *)&any;
    llmcost_response *response = (llmcost_response *)(void *)&any;
    MISUSE(llmcost_stream_next(NULL, &event));
    assert_null(event);
    MISUSE(llmcost_stream_next(NULL, NULL));
    assert_int_equal(llmcost_stream_poll(NULL, 0), 1); /* next is E_MISUSE at once */
    MISUSE(llmcost_stream_finish(NULL, &response));
    assert_null(response);
    llmcost_stream_close(NULL);
    assert_int_equal(llmcost_loop_close(NULL), LLMCOST_OK);
    MISUSE(llmcost_loop_cancel(NULL, 1));
    MISUSE(llmcost_loop_poll(NULL, 0));
    assert_int_equal(llmcost_loop_pending(NULL), 0);
    assert_int_equal(llmcost_loop_descriptor(NULL), -1);
    assert_int_equal(llmcost_loop_timeout_ms(NULL), -1);
    llmcost_loop_wake(NULL);
}

/* With a client of NULL, then with this one and every other argument NULL. */
static void check_client(llmcost_client *client)
{
    char *text = (char *)&client;
    llmcost_response *response = (llmcost_response *)&client;
    llmcost_stream *stream = (llmcost_stream *)&client;
    llmcost_loop *loop = (llmcost_loop *)&client;
    int64_t tokens = 7;
    llmcost_request request = LLMCOST_REQUEST_INIT;
    const llmcost_request *asked = client ? NULL : &request;
    const char *body = client ? NULL : "{}", *model = client ? NULL : "m";
#define NO_RESPONSE(call)                             \
    do {                                              \
        response = (llmcost_response *)&client;       \
        llmcost_status said = (call);                 \
        if (said != LLMCOST_E_MISUSE && said != LLMCOST_E_INVALID) \
            fail_msg("%s: %s", #call, llmcost_status_name(said)); \
        if (said == LLMCOST_E_MISUSE)                 \
            assert_null(response);                    \
        llmcost_response_free(response);              \
    } while (0)
    NO_RESPONSE(llmcost_chat(client, asked, &response));
    NO_RESPONSE(llmcost_ask(client, model, model, &response));
    NO_RESPONSE(llmcost_ask(client, "m", NULL, &response));
    NO_RESPONSE(llmcost_chat_json(client, body, 0, &response));
    NO_RESPONSE(llmcost_embed(client, asked, &response));
    NO_RESPONSE(llmcost_embed_json(client, body, 0, &response));
    NO_RESPONSE(llmcost_count_tokens(client, asked, &tokens, &response));
    assert_int_equal(tokens, 0);
    tokens = 7;
    NO_RESPONSE(llmcost_count_tokens_json(client, body, 0, &tokens, &response));
    assert_int_equal(tokens, 0);
    NO_RESPONSE(llmcost_balance(client, model, &response));
    NO_RESPONSE(llmcost_list_models(client, model, &response));
    NO_RESPONSE(llmcost_chat_stream(client, asked, NULL, NULL, &response));
    MISUSE(llmcost_chat(client, &request, NULL));
    MISUSE(llmcost_ask(client, "m", "q", NULL));
    MISUSE(llmcost_chat_json(client, "{}", 0, NULL));
    MISUSE(llmcost_embed(client, &request, NULL));
    MISUSE(llmcost_embed_json(client, "{}", 0, NULL));
    MISUSE(llmcost_count_tokens(client, &request, NULL, NULL));
    MISUSE(llmcost_count_tokens_json(client, "{}", 0, NULL, NULL));
    MISUSE(llmcost_balance(client, "openai", NULL));
    MISUSE(llmcost_list_models(client, "openai", NULL));
    MISUSE(llmcost_stream_open(client, asked, &stream));
    assert_null(stream);
    stream = (llmcost_stream *)&client;
    MISUSE(llmcost_stream_open_json(client, body, 0, &stream));
    assert_null(stream);
    MISUSE(llmcost_stream_open(client, &request, NULL));
    MISUSE(llmcost_stream_open_json(client, "{}", 0, NULL));
    MISUSE(llmcost_loop_open(client, NULL));
    if (!client)
        MISUSE(llmcost_loop_open(NULL, &loop));
#define NO_TEXT(call)             \
    do {                          \
        text = (char *)&client;   \
        MISUSE(call);             \
        assert_null(text);        \
    } while (0)
    NO_TEXT(llmcost_explain(client, asked, &text));
    NO_TEXT(llmcost_explain_json(client, body, 0, &text));
    NO_TEXT(llmcost_report(client, client ? NULL : "text", &text));
    if (!client) {
        NO_TEXT(llmcost_stats(NULL, &text));
        NO_TEXT(llmcost_budgets(NULL, &text));
        NO_TEXT(llmcost_targets(NULL, &text));
        NO_TEXT(llmcost_route_describe(NULL, NULL, &text));
        MISUSE(llmcost_cache_clear(NULL));
        MISUSE(llmcost_client_on_receipt(NULL, NULL, NULL));
        MISUSE(llmcost_client_on_alert(NULL, NULL, NULL));
        MISUSE(llmcost_client_run(NULL, 0));
    }
    MISUSE(llmcost_stats(client, NULL));
    MISUSE(llmcost_budgets(client, NULL));
    MISUSE(llmcost_targets(client, NULL));
    MISUSE(llmcost_route_describe(client, NULL, NULL));
    MISUSE(llmcost_explain(client, &request, NULL));
    MISUSE(llmcost_explain_json(client, "{}", 0, NULL));
    MISUSE(llmcost_report(client, "text", NULL));
    MISUSE(llmcost_feedback(client, client ? NULL : "r-0123456789abcdef", 1));
    MISUSE(llmcost_budget_correct(client, client ? NULL : "b", NULL, 1));
    MISUSE(llmcost_client_add_judge(client, NULL, NULL, NULL));
    MISUSE(llmcost_client_add_judge(client, "j", NULL, NULL));
    MISUSE(llmcost_client_add_labeller(client, NULL, NULL, NULL));
    MISUSE(llmcost_client_add_labeller(client, "l", NULL, NULL));
    MISUSE(llmcost_client_add_key_source(client, NULL, NULL, NULL));
    MISUSE(llmcost_client_add_key_source(client, "k", NULL, NULL));
}

static void test_client_is_null(void **unused)
{
    (void)unused;
    MISUSE(llmcost_client_open(NULL, NULL, NULL));
    assert_null(llmcost_client_ref(NULL));
    assert_int_equal(llmcost_client_close(NULL), LLMCOST_OK);
    llmcost_options_init(NULL, 64);
    llmcost_request_init(NULL);
    check_client(NULL);
}

static void test_arguments_of_a_client_are_null(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, "{" RIG_OPENAI "}");
    check_client(rig.client);
    assert_int_equal(llmcost_client_on_receipt(rig.client, NULL, NULL), LLMCOST_OK); /* takes it back */
    assert_int_equal(llmcost_client_on_alert(rig.client, NULL, NULL), LLMCOST_OK);
    rig_close(&rig);
}

static void test_arguments_of_a_loop_are_null(void **unused)
{
    (void)unused;
    engine_rig rig;
    llmcost_loop *loop;
    uint64_t call = 7;
    llmcost_request request = LLMCOST_REQUEST_INIT;
    rig_open(&rig, "{" RIG_OPENAI "}");
    assert_int_equal(llmcost_loop_open(rig.client, &loop), LLMCOST_OK);
    for (int i = 0; i < 2; i++) {
        llmcost_loop *at = i ? loop : NULL;
        MISUSE(llmcost_loop_submit(at, i ? NULL : &request, NULL, NULL, NULL, &call));
        assert_int_equal(call, 0);
        call = 7;
        MISUSE(llmcost_loop_submit_json(at, i ? NULL : "{}", 0, NULL, NULL, NULL, &call));
        assert_int_equal(call, 0);
        call = 7;
        MISUSE(llmcost_loop_submit_embed(at, i ? NULL : &request, NULL, NULL, &call));
        assert_int_equal(call, 0);
        call = 7;
        MISUSE(llmcost_loop_submit_embed_json(at, i ? NULL : "{}", 0, NULL, NULL, &call));
        assert_int_equal(call, 0);
        call = 7;
    }
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leg_is_null),
        cmocka_unit_test(test_arguments_of_a_leg_are_null),
        cmocka_unit_test(test_mock_is_null),
        cmocka_unit_test(test_exchange_of_the_mock_is_null),
        cmocka_unit_test(test_arguments_of_a_running_mock_are_null),
        cmocka_unit_test(test_results_are_null),
        cmocka_unit_test(test_streams_and_loops_are_null),
        cmocka_unit_test(test_client_is_null),
        cmocka_unit_test(test_arguments_of_a_client_are_null),
        cmocka_unit_test(test_arguments_of_a_loop_are_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
