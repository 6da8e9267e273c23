/* Calls through the engine in Ollama's and Cohere's own formats: what goes out, what comes back, and what it costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/engine_rig.h"

static fake_exchange *answers(engine_rig *rig, const char *type, const char *body)
{
    fake_exchange *exchange = fake_network_add(&rig->network, NULL);
    exchange->headers[0] = type;
    fake_exchange_piece(exchange, 1, body, strlen(body) / 2);
    fake_exchange_piece(exchange, 2, body + strlen(body) / 2, strlen(body) - strlen(body) / 2);
    return exchange;
}

static llmcost_response *chat(engine_rig *rig, const char *model, llmcost_status expected)
{
    rig_request space;
    llmcost_response *response = NULL;
    rig_ask(&space, model, "hello")->max_tokens = 100;
    assert_int_equal(llmcost_chat(rig->client, &space.request, &response), expected);
    rig_check_receipt(response);
    return response;
}

static void ollama_whole(void **state)
{
    (void)state;
    engine_rig rig;
    rig_open(&rig, "{\"providers\":{\"ollama\":{}},\"budgets\":[{\"name\":\"b\",\"limit\":\"1 USD\"}]}");
    answers(&rig, "content-type: application/json",
            "{\"model\":\"qwen3\",\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":26,\"eval_count\":5}");
    llmcost_response *response = chat(&rig, "ollama/qwen3", LLMCOST_OK);
    assert_string_equal(rig.network.requests[0].url, "http://localhost:11434/api/chat");
    assert_non_null(strstr(rig.network.requests[0].body, "\"stream\":false"));
    assert_non_null(strstr(rig.network.requests[0].body, "\"options\":{\"num_predict\":100}"));
    assert_string_equal(llmcost_response_text(response), "hi");
    assert_int_equal(llmcost_response_finish(response, 0), LLMCOST_FINISH_STOP);
    assert_int_equal(rig_spent(&rig), 0);
    llmcost_response_free(response);
    rig_close(&rig);
}

/* Where the model is in the path, a name that would lead out of it is not sent; elsewhere it is a name as any other. */
static void names_that_lead_elsewhere(void **state)
{
    (void)state;
#define HOST(members) "{\"base_url\":\"http://127.0.0.1:1\",\"key\":\"k\"" members "}"
    static const struct { const char *model; bool sent; } cases[] = {
        { "google/models/../../x", false }, { "google/models/./x", false }, { "google/models/..", true }, { "google/models/a..b", true },
        { "google/../x", true }, { "azure/..", false }, { "azure/.", false }, { "azure/...", true }, { "azure/../x", true }, { "bedrock/..", false }, { "bedrock/.a", true },
        { "vllm/./local", true }, { "vllm/..", true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        rig_open(&rig, "{\"providers\":{\"google\":" HOST(",\"retries\":0") ",\"azure\":" HOST(",\"retries\":0,\"api_version\":\"2024-10-21\"") ","
                       "\"bedrock\":" HOST(",\"retries\":0,\"region\":\"eu-north-1\"") ",\"vllm\":" HOST(",\"retries\":0") "}}");
        fake_network_fails(&rig.network, NULL, 400, "no");
        llmcost_response *response = chat(&rig, cases[i].model, cases[i].sent ? LLMCOST_E_INVALID_REQUEST : LLMCOST_E_INVALID);
        assert_int_equal(rig.network.request_count, cases[i].sent);
        if (!cases[i].sent)
            assert_non_null(strstr(llmcost_error_message(llmcost_response_error(response)), "would lead to another URL"));
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

static void ollama_streams(void **state)
{
    (void)state;
    static const char body[] = "{\"model\":\"qwen3\",\"message\":{\"content\":\"h\"},\"done\":false}\n{\"model\":\"qwen3\",\"message\":{\"content\":\"i\"},\"done\":false}\n"
                               "{\"model\":\"qwen3\",\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"eval_count\":5}\n";
    for (int cut = 0; cut < 2; cut++) {
        engine_rig rig;
        rig_request space;
        char text[100];
        rig_open(&rig, "{\"providers\":{\"ollama\":{\"retries\":0}}}");
        char *copy = strdup(body);
        if (cut)
            *strstr(copy, "{\"model\":\"qwen3\",\"message\":{\"content\":\"\"}") = '\0';
        answers(&rig, "content-type: application/x-ndjson", copy);
        free(copy);
        llmcost_status status = rig_stream(&rig, rig_ask(&space, "ollama/qwen3", "hello"), text, sizeof text, NULL);
        assert_int_equal(status, cut ? LLMCOST_E_TRUNCATED : LLMCOST_OK);
        assert_string_equal(text, "hi");
        assert_non_null(strstr(rig.network.requests[0].body, "\"stream\":true"));
        rig_close(&rig);
    }
}

static void ollama_refuses_a_stream(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    char text[100];
    rig_open(&rig, "{\"providers\":{\"ollama\":{}}}");
    answers(&rig, "content-type: application/json", "{\"error\":\"model 'x' not found\"}")->http_status = 404;
    assert_int_equal(rig_stream(&rig, rig_ask(&space, "ollama/x", "hello"), text, sizeof text, NULL), LLMCOST_E_NOT_FOUND);
    rig_close(&rig);
}

static void the_door_of_openai_stays(void **state)
{
    (void)state;
    engine_rig rig;
    rig_open(&rig, "{\"providers\":{\"ollama-openai\":{}}}");
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    llmcost_response *response = chat(&rig, "ollama-openai/qwen3", LLMCOST_OK);
    assert_string_equal(rig.network.requests[0].url, "http://localhost:11434/v1/chat/completions");
    llmcost_response_free(response);
    rig_close(&rig);
}

/* 9 at 2.5 and 4 at 10 USD a million: what is billed, not what was read. */
static void cohere_bills_units(void **state)
{
    (void)state;
    static const char usage[] = "\"usage\":{\"billed_units\":{\"input_tokens\":9.0,\"output_tokens\":4.0},\"tokens\":{\"input_tokens\":575,\"output_tokens\":6},\"cached_tokens\":480}";
    char body[700], text[100];
    engine_rig rig;
    rig_request space;
    rig_open(&rig, "{\"providers\":{\"cohere\":{\"key\":\"k\"}},\"budgets\":[{\"name\":\"b\",\"limit\":\"1 USD\"}]}");
    snprintf(body, sizeof body, "{\"id\":\"c1\",\"message\":{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]},\"finish_reason\":\"COMPLETE\",%s}", usage);
    answers(&rig, "content-type: application/json", body)->times = 1;
    llmcost_response *response = chat(&rig, "cohere/command-a-03-2025", LLMCOST_OK);
    assert_string_equal(rig.network.requests[0].url, "https://api.cohere.com/v2/chat");
    assert_string_equal(llmcost_response_text(response), "hi");
    assert_int_equal(rig_spent(&rig), 9 * 2500 + 4 * 10000);
    llmcost_response_free(response);
    snprintf(body, sizeof body, "event: message-start\ndata: {\"type\":\"message-start\",\"id\":\"c2\"}\n\nevent: content-delta\ndata: {\"type\":\"content-delta\",\"index\":0,"
             "\"delta\":{\"message\":{\"content\":{\"text\":\"ho\"}}}}\n\nevent: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\",%s}}\n\ndata: [DONE]\n\n", usage);
    answers(&rig, "content-type: text/event-stream", body);
    assert_int_equal(rig_stream(&rig, rig_ask(&space, "cohere/command-a-03-2025", "hello"), text, sizeof text, NULL), LLMCOST_OK);
    assert_string_equal(text, "ho");
    assert_int_equal(rig_spent(&rig), 2 * (9 * 2500 + 4 * 10000));
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ollama_whole), cmocka_unit_test(names_that_lead_elsewhere), cmocka_unit_test(ollama_streams), cmocka_unit_test(ollama_refuses_a_stream),
        cmocka_unit_test(the_door_of_openai_stays), cmocka_unit_test(cohere_bills_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
