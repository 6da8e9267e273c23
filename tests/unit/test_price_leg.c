/* The bill of one leg: our figure, the provider's, a fee, a level, a worst case, and what the line says of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../support/engine_rig.h"

#define PRICES ",\"prices\":{\"llmcost_prices\":1,\"unit\":\"per_million_tokens\",\"models\":{" \
               "\"openai/plain\":{\"input\":1,\"output\":2,\"flex_multiplier\":0.5},\"openai/fee\":{\"input\":1,\"output\":2,\"per_request\":0.005}," \
               "\"openai/unsure\":{\"input\":1,\"output\":2,\"uncertain\":true}}}"
#define CONFIG(more) "{\"providers\":{\"openai\":{\"key\":\"k\"},\"dashscope-intl\":{\"key\":\"k\"},\"ollama-openai\":{},\"vllm\":{}}" PRICES more "}"
#define TEN_AND_FIVE "\"prompt_tokens\":10,\"completion_tokens\":5"

static void test_bills(void **state)
{
    static const char ours[] = CONFIG(""), theirs[] = CONFIG(",\"stated_cost\":\"provider\""), worst[] = CONFIG(",\"unknown_price\":{\"input\":30,\"output\":60}");
    static const struct {
        const char *config, *model, *usage;
        int64_t cost, stated, requests;
        const char *flags;
    } cases[] = {
        { ours, "openai/plain", TEN_AND_FIVE, 20000, -1, -1, "sent priced" },
        { ours, "openai/plain", TEN_AND_FIVE ",\"cost\":0.001", 20000, 1000000, -1, "sent priced stated_differs" },
        { ours, "openai/plain", TEN_AND_FIVE ",\"cost\":0.00002", 20000, 20000, -1, "sent priced" },
        { ours, "openai/plain", TEN_AND_FIVE ",\"cost\":0", 20000, 0, -1, "sent priced stated_differs" },
        { theirs, "openai/plain", TEN_AND_FIVE ",\"cost\":0.001", 1000000, 1000000, -1, "sent priced stated stated_differs" },
        { theirs, "openai/plain", TEN_AND_FIVE ",\"cost\":0.00002", 20000, 20000, -1, "sent priced stated" },
        { theirs, "openai/plain", TEN_AND_FIVE ",\"cost\":0", 0, 0, -1, "sent priced stated stated_differs" },
        { theirs, "openai/plain", TEN_AND_FIVE, 20000, -1, -1, "sent priced" },
        { ours, "openai/unheard-of", TEN_AND_FIVE ",\"cost\":0.001", 1000000, 1000000, -1, "sent priced stated" },
        { ours, "openai/unheard-of", TEN_AND_FIVE, 0, -1, -1, "sent price_unknown" },
        { worst, "openai/unheard-of", TEN_AND_FIVE, 10 * 30000 + 5 * 60000, -1, -1, "sent priced price_unknown worst_case" },
        { worst, "openai/unheard-of", "\"prompt_tokens\":10,\"completion_tokens\":9,\"prompt_tokens_details\":{\"cached_tokens\":4,\"audio_tokens\":1},\"completion_tokens_details\":{\"reasoning_tokens\":3,\"audio_tokens\":2}",
          10 * 30000 + 9 * 60000, -1, -1, "sent priced price_unknown worst_case" },
        { ours, "openai/fee", TEN_AND_FIVE, 5020000, -1, 1, "sent priced" },
        { ours, "openai/unsure", TEN_AND_FIVE, 20000, -1, -1, "sent priced price_uncertain" },
        { ours, "openai/plain", TEN_AND_FIVE ",\"service_tier\":\"default\"", 20000, -1, -1, "sent priced" },
        { ours, "openai/plain", TEN_AND_FIVE ",\"service_tier\":\"flex\"", 10000, -1, -1, "sent priced" },
        { ours, "ollama-openai/m", TEN_AND_FIVE, 0, -1, -1, "sent priced free" },
        { ours, "vllm/m", TEN_AND_FIVE, 0, -1, -1, "sent priced free" }, /* of which the catalog has no row */
        { ours, "dashscope-intl/qwen-plus", "\"prompt_tokens\":1000,\"completion_tokens\":300", 400000 + 300 * 1200, -1, -1, "sent priced" },
        { ours, "dashscope-intl/qwen-plus", "\"prompt_tokens\":1000,\"completion_tokens\":300,\"completion_tokens_details\":{\"reasoning_tokens\":200}", 400000 + 300 * 4000, -1, -1, "sent priced" },
    };
    static const char *const flags[] = { "sent", "priced", "price_unknown", "worst_case", "price_uncertain", "stated", "stated_differs", "free" };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        char said[200] = "", key[40];
        llmcost_response *response = rig_bill(&rig, cases[i].config, cases[i].model, cases[i].usage);
        assert_int_equal(llmcost_response_cost_nano(response), cases[i].cost);
        assert_int_equal(rig_line(response, 0, "stated_nano"), cases[i].stated);
        assert_int_equal(rig_line(response, 0, "tokens_request"), cases[i].requests);
        for (size_t k = 0; k < sizeof flags / sizeof flags[0]; k++) {
            snprintf(key, sizeof key, "is_%s", flags[k]);
            if (rig_line(response, 0, key) == 1)
                snprintf(said + strlen(said), sizeof said - strlen(said), "%s%s", *said ? " " : "", flags[k]);
        }
        assert_string_equal(said, cases[i].flags);
        bool at_rates = rig_line(response, 0, "is_priced") == 1 && (rig_line(response, 0, "is_stated") == 0 || cases[i].cost == 20000);
        assert_int_equal(strstr(llmcost_response_receipt(response), "{\"class\":\"input\",\"quantity\":") != NULL, at_rates);
        if (strstr(said, "worst_case"))
            assert_string_equal(rig_line_text(response, 0, "source"), "worst case of the config");
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

/* An error that comes as a document of its own under HTTP 200 costs nothing, not even the fee; what is said of it is said once. */
static void test_refused_in_success(void **state)
{
    static const struct { const char *config, *model; } cases[] = { { CONFIG(""), "openai/fee" }, { CONFIG(""), "openai/unheard-of" }, { CONFIG(",\"unknown_price\":{\"input\":30,\"output\":60}"), "openai/unheard-of" } };
    static const char body[] = "{\"error\":{\"message\":\"no such thing\",\"type\":\"invalid_request_error\"}}";
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        rig_request space;
        char message[100];
        llmcost_response *response = NULL;
        rig_open(&rig, cases[i].config);
        fake_exchange_piece(fake_network_add(&rig.network, NULL), 0, body, sizeof body - 1);
        llmcost_status status = llmcost_chat(rig.client, rig_ask(&space, cases[i].model, "hello"), &response);
        assert_int_not_equal(status, LLMCOST_OK);
        snprintf(message, sizeof message, "%s: %s: no such thing", cases[i].model, llmcost_status_text(status));
        assert_string_equal(llmcost_error_message(llmcost_response_error(response)), message);
        assert_int_equal(llmcost_response_cost_nano(response), 0);
        assert_int_equal(rig_line(response, 0, "cost_nano"), 0);
        assert_int_equal(rig_line(response, 0, "is_sent"), 1);
        assert_int_equal(rig_line(response, 0, "is_priced"), 1);
        assert_int_equal(rig_line(response, 0, "is_price_unknown"), 0);
        assert_int_equal(rig_line(response, 0, "tokens_request"), -1);
        rig_check_receipt(response);
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_bills), cmocka_unit_test(test_refused_in_success) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
