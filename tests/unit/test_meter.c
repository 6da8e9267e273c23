/* What a call is compared with, policy by policy, and as what it counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../support/engine_rig.h"

/* Two of plain prices, each dearer on its own side; two of prices that depend on the prompt's length; one with a fee. */
#define CONFIG(routes) "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0}},\"routes\":{" routes "},\"prices\":{\"llmcost_prices\":1,\"unit\":\"per_million_tokens\",\"models\":{" \
    "\"openai/reads\":{\"input\":10,\"output\":1,\"cache_read\":2},\"openai/writes\":{\"input\":1,\"output\":20},\"openai/fee\":{\"input\":1,\"output\":1,\"per_request\":0.01}," \
    "\"openai/dear\":{\"input\":50,\"output\":1,\"tiers\":[{\"above_prompt_tokens\":1000,\"input\":60,\"output\":60}]}," \
    "\"openai/cheap\":{\"input\":2,\"output\":2,\"tiers\":[{\"above_prompt_tokens\":1000,\"input\":60,\"output\":60}]}}}}"

/* The dearest leaf for this usage, all of its prompt uncached; its own rates, whichever leaf is looked at after it. */
static void test_the_dearest_leaf(void **state)
{
#define USAGE(in, out) "\"prompt_tokens\":" #in ",\"completion_tokens\":" #out
    static const struct { const char *config, *usage, *baseline; } cases[] = {
        { CONFIG("\"r\":{\"fallback\":[\"openai/reads\",\"openai/writes\"]}"), USAGE(100, 2), "{\"model\":\"openai/reads\",\"cost_nano\":1002000}" },
        { CONFIG("\"r\":{\"fallback\":[\"openai/reads\",\"openai/writes\"]}"), USAGE(10, 100), "{\"model\":\"openai/writes\",\"cost_nano\":2010000}" },
        { CONFIG("\"r\":{\"fallback\":[\"openai/writes\",\"openai/reads\"]}"), USAGE(100, 2) ",\"prompt_tokens_details\":{\"cached_tokens\":90}", "{\"model\":\"openai/reads\",\"cost_nano\":1002000}" },
        { CONFIG("\"r\":{\"fallback\":[\"openai/writes\",\"openai/fee\"]}"), USAGE(10, 10), "{\"model\":\"openai/fee\",\"cost_nano\":10020000}" },
        { CONFIG("\"r\":{\"fallback\":[\"openai/dear\",\"openai/cheap\"]}"), USAGE(100, 2), "{\"model\":\"openai/dear\",\"cost_nano\":5002000}" },
        { CONFIG("\"r\":{\"fallback\":[\"openai/cheap\",\"openai/dear\"]}"), USAGE(100, 2), "{\"model\":\"openai/dear\",\"cost_nano\":5002000}" },
        { CONFIG("\"r\":{\"fallback\":[\"openai/cheap\",\"openai/unheard-of\"]}"), USAGE(100, 2), "{\"model\":\"openai/cheap\",\"cost_nano\":204000}" },
        { CONFIG("\"r\":{\"split\":{\"openai/cheap\":1,\"openai/dear\":0}}"), USAGE(100, 2), "{\"model\":\"openai/dear\",\"cost_nano\":5002000}" }, /* the route as it was named */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        char wanted[200];
        llmcost_response *response = rig_bill(&rig, cases[i].config, "r", cases[i].usage);
        snprintf(wanted, sizeof wanted, "\"baseline\":%s", cases[i].baseline);
        if (!strstr(llmcost_response_receipt(response), wanted))
            fail_msg("%s is not in %s", wanted, llmcost_response_receipt(response));
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

/* What the provider's own cache saved is its own, not the route's. */
static void test_savings_by_policy(void **state)
{
    (void)state;
    engine_rig rig;
    llmcost_response *response = rig_bill(&rig, CONFIG("\"r\":{\"fallback\":[\"openai/reads\",\"openai/writes\"]}"), "r", USAGE(100, 2) ",\"prompt_tokens_details\":{\"cached_tokens\":90}");
    assert_int_equal(llmcost_response_cost_nano(response), 10 * 10000 + 90 * 2000 + 2 * 1000);
    assert_non_null(strstr(llmcost_response_receipt(response), "\"saved\":{\"cache\":0,\"shape\":0,\"output\":0,\"route\":0,\"provider_cache\":720000,\"tier\":0,\"overhead\":0}"));
    llmcost_response_free(response);
    rig_close(&rig);
}

/* Only a budget refuses; everything else that goes wrong has failed. */
static void test_failed_and_refused(void **state)
{
    static const struct { const char *budget, *figures; llmcost_status status; } cases[] = {
        { "", "\"calls\":1,\"failed\":1,\"refused\":0,\"cached\":0", LLMCOST_E_SERVER }, { ",\"budgets\":[{\"limit\":\"0.000001 USD\"}]", "\"calls\":1,\"failed\":1,\"refused\":1,\"cached\":0", LLMCOST_E_BUDGET },
    };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        engine_rig rig;
        rig_request space;
        char config[200], *report;
        llmcost_response *response = NULL;
        snprintf(config, sizeof config, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0}}%s}", cases[i].budget);
        rig_open(&rig, config);
        fake_network_fails(&rig.network, NULL, 500, "server_error");
        assert_int_equal(llmcost_chat(rig.client, rig_ask(&space, "openai/gpt-4o", "hello"), &response), cases[i].status);
        llmcost_response_free(response);
        assert_int_equal(llmcost_report(rig.client, "json", &report), LLMCOST_OK);
        if (!strstr(report, cases[i].figures))
            fail_msg("%s is not in %s", cases[i].figures, report);
        llmcost_string_free(report);
        rig_close(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_the_dearest_leaf), cmocka_unit_test(test_savings_by_policy), cmocka_unit_test(test_failed_and_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
