/* Routes other than cascades alone: fallbacks and splits, and trees of them, on a fake network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "../support/engine_rig.h"

#define ROUTES(text) "{" RIG_OPENAI ",\"models\":{\"a\":\"openai/gpt-4o\",\"b\":\"openai/gpt-4o-mini\",\"c\":\"openai/gpt-4.1\"},\"routes\":{" text "}}"

static void test_fallback(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    llmcost_response *answer;
    rig_open(&rig, ROUTES("\"r\":{\"fallback\":[\"a\",\"b\"]}"));
    fake_network_fails(&rig.network, "\"gpt-4o\"", 500, "server_error");
    fake_network_says(&rig.network, "\"gpt-4o-mini\"", "hello", 10, 5);
    assert_int_equal(llmcost_chat(rig.client, rig_ask(&space, "r", "hi"), &answer), LLMCOST_OK);
    assert_string_equal(llmcost_response_text(answer), "hello");
    assert_true(llmcost_response_is_altered(answer));
    assert_non_null(strstr(llmcost_response_receipt(answer), "{\"node\":\"r\",\"kind\":\"fallback\",\"to\":\"openai/gpt-4o-mini\",\"why\":\"E_SERVER\"}"));
    rig_check_receipt(answer);
    llmcost_response_free(answer);
    rig_close(&rig);
}

static void test_split_in_a_fallback(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    llmcost_response *answer;
    llmcost_tag tag = { "user", "ann" };
    rig_open(&rig, ROUTES("\"r\":{\"fallback\":[{\"split\":{\"a\":1,\"b\":0},\"sticky\":\"user\"},\"c\"]}"));
    fake_network_says(&rig.network, "\"gpt-4o\"", "hello", 10, 5);
    rig_ask(&space, "r", "hi");
    space.request.tags = &tag;
    space.request.tag_count = 1;
    assert_int_equal(llmcost_chat(rig.client, &space.request, &answer), LLMCOST_OK);
    assert_non_null(strstr(llmcost_response_receipt(answer), "{\"node\":\"r.1\",\"kind\":\"split\",\"side\":\"a\",\"to\":\"openai/gpt-4o\",\"why\":\"by its tag\"}"));
    assert_false(llmcost_response_is_altered(answer));
    rig_check_receipt(answer);
    llmcost_response_free(answer);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fallback), cmocka_unit_test(test_split_in_a_fallback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
