/* Usage that a provider did not count, or counted in part: what is billed, and what the receipt says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/engine_rig.h"

/* "hello" is estimated at (5 + 3) / 4 + 4 tokens. */
enum { PROMPT = 6, IN = 2500, OUT = 10000 };

#define CONFIG(more) "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0},\"lmstudio\":{},\"dashscope\":{\"key\":\"k\",\"retries\":0},\"bedrock\":{\"key\":\"k\",\"region\":\"eu-central-1\"}}," \
                     "\"exchange_rates\":{\"CNY\":{\"rate\":\"0.1\",\"date\":\"2026-11-01\"}},\"budgets\":[{\"limit\":\"10 USD\"}]" more "}"

#define STATED ",\"stated_cost\":\"provider\""

static void says(fake_network *network, const char *message, const char *finish, const char *usage)
{
    char body[2000];
    int length = snprintf(body, sizeof body, "{\"id\":\"x\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",%s},\"finish_reason\":\"%s\"}],\"usage\":%s}", message, finish, usage);
    assert_in_range(length, 1, sizeof body - 1);
    fake_exchange_piece(fake_network_add(network, NULL), 0, body, (size_t)length);
}

typedef struct expected_bill {
    const char *model, *message, *finish, *usage;
    int64_t in, out, cost;
    const char *counts;
} expected_bill;

static void check(const char *config, const expected_bill *expected)
{
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, config);
    says(&rig.network, expected->message, expected->finish, expected->usage);
    rig_ask(&space, expected->model, "hello")->max_tokens = 1000;
    assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_OK);
    rig_check_receipt(response);
    int64_t in = llmcost_response_tokens(response, LLMCOST_INPUT), out = llmcost_response_tokens(response, LLMCOST_OUTPUT), cost = llmcost_response_cost_nano(response);
    const char *counts = rig_line_text(response, 0, "counts");
    if (in != expected->in || out != expected->out || cost != expected->cost || strcmp(counts, expected->counts) != 0)
        fail_msg("%s %s %s: %lld in, %lld out, %lld, %s", expected->model, expected->message, expected->usage, (long long)in, (long long)out, (long long)cost, counts);
    assert_int_equal(rig_spent(&rig), cost);
    llmcost_response_free(response);
    rig_close(&rig);
}

#define TEXT "\"content\":\"12345678\""
#define CALL "\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"clock\",\"arguments\":\"{\\\"a\\\":1}\"}}]"
#define ZEROS "{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0"

/* What a provider says of an answer that came whole is a figure, zeros too: it may come from a gateway's own cache, or from a filter. */
static void test_zeros_are_figures(void **unused)
{
    (void)unused;
    static const expected_bill bills[] = {
        { "openai/gpt-4o", TEXT, "stop", ZEROS "}", 0, 0, 0, "reported" },
        { "openai/gpt-4o", CALL, "tool_calls", ZEROS "}", 0, 0, 0, "reported" },
        { "openai/gpt-4o", "\"content\":\"\"", "stop", ZEROS "}", 0, 0, 0, "reported" },
        { "openai/gpt-4o", TEXT, "content_filter", ZEROS "}", 0, 0, 0, "reported" },
        { "openai/gpt-4o", TEXT, "stop", ZEROS ",\"cost\":0}", 0, 0, 0, "reported" },
        { "openai/gpt-4o", TEXT, "stop", "{\"prompt_tokens\":10,\"completion_tokens\":0}", 10, 0, 10 * IN, "reported" },
        { "openai/gpt-4o", TEXT, "stop", "{\"prompt_tokens\":0,\"completion_tokens\":5}", 0, 5, 5 * OUT, "reported" },
        { "openai/gpt-4o", TEXT, "stop", "{\"prompt_tokens\":4,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":4}}", 0, 5, 4 * 1250 + 5 * OUT, "reported" },
        { "lmstudio/m", TEXT, "stop", ZEROS "}", 0, 0, 0, "reported" },
    };
    for (size_t i = 0; i < sizeof bills / sizeof bills[0]; i++)
        check(CONFIG(""), &bills[i]);
    static const expected_bill theirs = { "openai/gpt-4o", TEXT, "stop", ZEROS ",\"cost\":0.5}", 0, 0, 500000000, "reported" };
    check(CONFIG(STATED), &theirs);
}

/* What it says nothing of is no zero. */
static void test_a_side_that_is_not_there_is_estimated(void **unused)
{
    (void)unused;
    static const expected_bill bills[] = {
        { "openai/gpt-4o", TEXT, "stop", "null", PROMPT, 2, PROMPT * IN + 2 * OUT, "estimated" },
        { "openai/gpt-4o", CALL, "tool_calls", "{}", PROMPT, 3, PROMPT * IN + 3 * OUT, "estimated" },
        { "openai/gpt-4o", "\"content\":null,\"refusal\":\"1234\"", "stop", "null", PROMPT, 1, PROMPT * IN + OUT, "estimated" },
        { "openai/gpt-4o", TEXT, "stop", "{\"prompt_tokens\":10}", 10, 2, 10 * IN + 2 * OUT, "estimated" },
        { "openai/gpt-4o", TEXT, "stop", "{\"completion_tokens\":5}", PROMPT, 5, PROMPT * IN + 5 * OUT, "estimated" },
    };
    for (size_t i = 0; i < sizeof bills / sizeof bills[0]; i++)
        check(CONFIG(""), &bills[i]);
}

/* ---- streams that break off ---- */

typedef struct broken {
    const char *config, *model, *extra, *chunks;
    int64_t in, out, reasoning, cost;
} broken;

static void check_broken(const broken *stream)
{
    engine_rig rig;
    rig_request space;
    char text[2000];
    llmcost_response *response = NULL;
    rig_open(&rig, stream->config);
    fake_exchange *exchange = fake_network_add(&rig.network, NULL);
    exchange->headers[0] = "Content-Type: text/event-stream";
    fake_exchange_piece(exchange, 1, stream->chunks, strlen(stream->chunks));
    exchange->done_ms = 2;
    exchange->status = LLMCOST_E_NETWORK;
    rig_ask(&space, stream->model, "hello")->max_tokens = 1000;
    space.request.extra = stream->extra;
    assert_int_equal(rig_stream(&rig, &space.request, text, sizeof text, &response), LLMCOST_E_TRUNCATED);
    int64_t in = llmcost_response_tokens(response, LLMCOST_INPUT), out = llmcost_response_tokens(response, LLMCOST_OUTPUT);
    int64_t reasoning = llmcost_response_tokens(response, LLMCOST_REASONING), cost = llmcost_response_cost_nano(response);
    if (in != stream->in || out != stream->out || reasoning != stream->reasoning || cost != stream->cost)
        fail_msg("%s: %lld in, %lld out, %lld reasoning, %lld", stream->chunks, (long long)in, (long long)out, (long long)reasoning, (long long)cost);
    assert_string_equal(rig_line_text(response, 0, "counts"), "estimated");
    assert_int_equal(rig_spent(&rig), cost);
    llmcost_response_free(response);
    rig_close(&rig);
}

#define DELTA(member, text, more) "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"" member "\":\"" text "\"}}]" more "}\n\n"
#define USAGE(in, out, reasoning) ",\"usage\":{\"prompt_tokens\":" #in ",\"completion_tokens\":" #out ",\"completion_tokens_details\":{\"reasoning_tokens\":" #reasoning "}}"
#define TEN "1234567890"
#define FORTY TEN TEN TEN TEN

static void test_a_broken_stream_counts_text_and_thoughts(void **unused)
{
    (void)unused;
    static const broken streams[] = {
        { CONFIG(""), "openai/gpt-4o", NULL, DELTA("content", FORTY, ""), PROMPT, 10, -1, PROMPT * IN + 10 * OUT },
        /* thoughts that are not shown do not pay for text that came behind the last count */
        { CONFIG(""), "openai/gpt-4o", NULL, DELTA("content", "1234", USAGE(10, 101, 100)) DELTA("content", FORTY, ""), 10, 11, 100, 10 * IN + 111 * OUT },
        /* what is shown of them is not added to what was counted of them */
        { CONFIG(""), "openai/gpt-4o", NULL, DELTA("reasoning_content", FORTY, USAGE(10, 9, 9)) DELTA("content", "12345678", ""), 10, 2, 10, 10 * IN + 12 * OUT },
        /* nor what was counted as text */
        { CONFIG(""), "openai/gpt-4o", NULL, DELTA("reasoning_content", FORTY, USAGE(10, 9, 0)) DELTA("content", "12345678", ""), 10, 9, 3, 10 * IN + 12 * OUT },
        /* a count that does not tell thoughts from text is of both */
        { CONFIG(""), "openai/gpt-4o", NULL, DELTA("reasoning_content", FORTY, ",\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":9}") DELTA("content", "12345678", ""), 10, 12, -1, 10 * IN + 12 * OUT },
        /* a prompt of no tokens is nobody's, until the answer is whole */
        { CONFIG(""), "openai/gpt-4o", NULL, DELTA("content", "12345678", USAGE(0, 5, 0)), PROMPT, 5, 0, PROMPT * IN + 5 * OUT },
        { CONFIG(""), "openai/gpt-4o", NULL, DELTA("content", "12345678", USAGE(10, 0, 0)), 10, 2, 0, 10 * IN + 2 * OUT },
        /* an answer with thoughts has another price at some hosts: CNY 8 in place of 2 */
        { CONFIG(""), "dashscope/qwen-plus", NULL, DELTA("reasoning_content", FORTY, "") DELTA("content", "12345678", ""), PROMPT, 2, 10, (PROMPT * 800 + 12 * 8000) / 10 },
    };
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++)
        check_broken(&streams[i]);
}

#define TIERS CONFIG(",\"prices\":{\"openai/gpt-4o\":{\"input_cost_per_token\":0.0000025,\"output_cost_per_token\":0.00001," \
                     "\"input_cost_per_token_priority\":0.000005,\"output_cost_per_token_priority\":0.00002,\"input_cost_per_token_flex\":0.000001," \
                     "\"output_cost_per_token_flex\":0.000005,\"litellm_provider\":\"openai\",\"mode\":\"chat\"}}")

#define RESPONSES "{\"providers\":{\"openai-responses\":{\"key\":\"k\",\"retries\":0}},\"budgets\":[{\"limit\":\"10 USD\"}],\"prices\":{\"openai/gpt-4o\":{\"input_cost_per_token\":0.0000025," \
                  "\"output_cost_per_token\":0.00001,\"input_cost_per_token_priority\":0.000005,\"output_cost_per_token_priority\":0.00002,\"litellm_provider\":\"openai\",\"mode\":\"chat\"}}}"
#define BEGUN(more) "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"model\":\"gpt-4o\",\"status\":\"in_progress\"" more "}}\n\n"
#define SAID "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"12345678\"}\n\n"

static void test_a_broken_stream_costs_what_its_tier_costs(void **unused)
{
    (void)unused;
    enum { STANDARD = PROMPT * IN + 2 * OUT };
    static const char unnamed[] = DELTA("content", "12345678", "");
    static const broken streams[] = {
        { TIERS, "openai/gpt-4o", NULL, unnamed, PROMPT, 2, -1, STANDARD },
        { TIERS, "openai/gpt-4o", "{\"service_tier\":\"priority\"}", unnamed, PROMPT + 6, 2, -1, 2 * ((PROMPT + 6) * IN + 2 * OUT) },
        { TIERS, "openai/gpt-4o", "{\"service_tier\":\"priority\"}", DELTA("content", "12345678", ",\"service_tier\":\"default\"" USAGE(10, 1, 0)), 10, 2, 0, 10 * IN + 2 * OUT },
        /* named before anything was counted */
        { TIERS, "openai/gpt-4o", NULL, DELTA("content", "12345678", ",\"service_tier\":\"priority\""), PROMPT, 2, -1, 2 * STANDARD },
        { TIERS, "openai/gpt-4o", "{\"service_tier\":\"priority\"}", DELTA("content", "12345678", ",\"service_tier\":\"default\""), PROMPT + 6, 2, -1, (PROMPT + 6) * IN + 2 * OUT },
        { TIERS, "openai/gpt-4o", "{\"service_tier\":\"priority\"}", DELTA("content", "12345678", ",\"service_tier\":\"auto\""), PROMPT + 6, 2, -1, 2 * ((PROMPT + 6) * IN + 2 * OUT) },
        { RESPONSES, "openai-responses/gpt-4o", NULL, BEGUN(",\"service_tier\":\"priority\"") SAID, PROMPT, 2, -1, 2 * STANDARD },
        { RESPONSES, "openai-responses/gpt-4o", NULL, BEGUN("") SAID, PROMPT, 2, -1, STANDARD },
        /* it may be served at the standard price after all */
        { TIERS, "openai/gpt-4o", "{\"service_tier\":\"flex\"}", unnamed, PROMPT + 5, 2, -1, (PROMPT + 5) * IN + 2 * OUT },
        { TIERS, "openai/gpt-4o", "{\"service_tier\":\"auto\"}", unnamed, PROMPT + 5, 2, -1, (PROMPT + 5) * IN + 2 * OUT },
    };
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++)
        check_broken(&streams[i]);
}

#define CLAUDE "{\"providers\":{\"anthropic\":{\"key\":\"k\",\"retries\":0}},\"budgets\":[{\"limit\":\"10 USD\"}]}"
#define STARTED "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"i\",\"model\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":50,\"output_tokens\":1}}}\n\n"
#define WROTE(text) "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"" text "\"}}\n\n"

/* What is counted at the start is a placeholder; counts of before the finish are of the beginning. */
static void test_a_broken_stream_with_a_placeholder(void **unused)
{
    (void)unused;
    static const broken streams[] = {
        { CLAUDE, "anthropic/claude-sonnet-4-5", NULL, STARTED, 50, 1, -1, 50 * 3000 + 15000 },
        { CLAUDE, "anthropic/claude-sonnet-4-5", NULL, STARTED WROTE("1234"), 50, 1, -1, 50 * 3000 + 15000 },
        { CLAUDE, "anthropic/claude-sonnet-4-5", NULL, STARTED WROTE("12345678"), 50, 2, -1, 50 * 3000 + 2 * 15000 },
        { CONFIG(""), "openai/gpt-4o", NULL, DELTA("content", "12345678", USAGE(10, 7, 0)), 10, 7, 0, 10 * IN + 7 * OUT },
    };
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++)
        check_broken(&streams[i]);
}

#define ENDED(tokens) "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":" #tokens "}}\n\n"

/* Counts that came with the finish are the whole truth, though the stream's last word did not come; fewer than came are none. */
static void test_a_stream_that_breaks_off_after_its_finish(void **unused)
{
    (void)unused;
    static const struct { const char *chunks; int64_t out; const char *counts; } cases[] = {
        { STARTED WROTE("12345678") ENDED(30), 30, "reported" },
        { STARTED WROTE("12345678") ENDED(2), 2, "reported" },
        { STARTED WROTE("12345678") ENDED(1), 2, "estimated" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        rig_request space;
        char text[100];
        llmcost_response *response = NULL;
        rig_open(&rig, CLAUDE);
        fake_exchange *exchange = fake_network_add(&rig.network, NULL);
        exchange->headers[0] = "Content-Type: text/event-stream";
        fake_exchange_piece(exchange, 1, cases[i].chunks, strlen(cases[i].chunks));
        exchange->done_ms = 2;
        exchange->status = LLMCOST_E_NETWORK;
        rig_ask(&space, "anthropic/claude-sonnet-4-5", "hello")->max_tokens = 1000;
        assert_int_equal(rig_stream(&rig, &space.request, text, sizeof text, &response), LLMCOST_E_TRUNCATED);
        assert_int_equal(llmcost_response_cost_nano(response), 50 * 3000 + cases[i].out * 15000);
        assert_string_equal(rig_line_text(response, 0, "counts"), cases[i].counts);
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

/* A first piece that no answer may be as long as: it was billed all the same. */
static void test_a_first_piece_that_is_too_large(void **unused)
{
    (void)unused;
    static const struct { int64_t max_tokens, out; } cases[] = { { 10000, 1500 }, { 70, 70 } };
    static char piece[6001];
    snprintf(piece, sizeof piece, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%05900d", 7);
    memset(piece + strlen(piece), 'x', 6000 - strlen(piece));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        rig_request space;
        char text[100];
        llmcost_response *response = NULL;
        rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0,\"max_response_bytes\":\"4KB\"}},\"budgets\":[{\"limit\":\"10 USD\"}]}");
        fake_exchange *exchange = fake_network_add(&rig.network, NULL);
        exchange->headers[0] = "Content-Type: text/event-stream";
        fake_exchange_piece(exchange, 1, piece, 6000);
        exchange->done_ms = 2;
        rig_ask(&space, "openai/gpt-4o", "hello")->max_tokens = cases[i].max_tokens;
        assert_int_equal(rig_stream(&rig, &space.request, text, sizeof text, &response), LLMCOST_E_TOO_LARGE);
        assert_int_equal(llmcost_response_tokens(response, LLMCOST_OUTPUT), cases[i].out);
        assert_string_equal(rig_line_text(response, 0, "counts"), "estimated");
        assert_int_equal(rig_spent(&rig), llmcost_response_cost_nano(response));
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

static int stop_at_text(const llmcost_event *event, void *user)
{
    (void)user;
    assert_string_equal(llmcost_event_text(event, NULL), "12345678");
    return 1;
}

/* A whole answer that breaks off was written to its end: what came of its body stands for it, never more than was asked for. */
static void test_a_whole_answer_that_breaks_off(void **unused)
{
    (void)unused;
    static const struct { llmcost_status ends, status; int64_t max_tokens, deadline_ms, out; } cases[] = {
        { LLMCOST_E_NETWORK, LLMCOST_E_TRUNCATED, 1000, 0, 200 },
        { LLMCOST_E_NETWORK, LLMCOST_E_TRUNCATED, 50, 0, 50 },
        { LLMCOST_OK, LLMCOST_E_DEADLINE, 1000, 500, 200 },
    };
    char half[900];
    snprintf(half, sizeof half, "{\"id\":\"x\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%0800d", 7);
    half[800] = '\0';
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        rig_request space;
        llmcost_response *response;
        rig_open(&rig, CONFIG(""));
        fake_exchange *cut = fake_network_add(&rig.network, NULL);
        fake_exchange_piece(cut, 10, half, strlen(half));
        cut->done_ms = cases[i].ends ? 20 : FAKE_SILENT;
        cut->status = cases[i].ends;
        llmcost_request *request = rig_ask(&space, "openai/gpt-4o", "hello");
        request->max_tokens = cases[i].max_tokens;
        request->deadline_ms = (int32_t)cases[i].deadline_ms;
        assert_int_equal(llmcost_chat(rig.client, request, &response), cases[i].status);
        rig_check_receipt(response);
        assert_int_equal(llmcost_response_tokens(response, LLMCOST_OUTPUT), cases[i].out);
        assert_int_equal(llmcost_response_cost_nano(response), PROMPT * IN + cases[i].out * OUT);
        assert_int_equal(rig_spent(&rig), PROMPT * IN + cases[i].out * OUT);
        assert_int_equal(rig_held(&rig), 0);
        assert_string_equal(rig_line_text(response, 0, "counts"), "estimated");
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

/* Without a length that was asked for, all that came counts. */
static void test_a_whole_answer_without_a_length(void **unused)
{
    (void)unused;
    static const char half[] = "{\"id\":\"x\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"" FORTY;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0}}}");
    fake_exchange *cut = fake_network_add(&rig.network, NULL);
    fake_exchange_piece(cut, 10, half, strlen(half));
    cut->done_ms = 20;
    cut->status = LLMCOST_E_NETWORK;
    assert_int_equal(llmcost_chat(rig.client, rig_ask(&space, "openai/gpt-4o", "hello"), &response), LLMCOST_E_TRUNCATED);
    assert_null(strstr(rig.network.requests[0].body, "max_"));
    assert_int_equal(llmcost_response_tokens(response, LLMCOST_OUTPUT), (strlen(half) + 3) / 4);
    llmcost_response_free(response);
    rig_close(&rig);
}

/* The caller and his request are gone when the connection is; what he asked for is still known. */
static void test_a_drained_stream_that_breaks_off(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    char config[sizeof TIERS + 40], *key;
    strcpy(config, TIERS);
    assert_non_null(key = strstr(config, "\"retries\":0"));
    memmove(key + strlen("\"on_abort\":\"drain\","), key, strlen(key) + 1);
    memcpy(key, "\"on_abort\":\"drain\",", strlen("\"on_abort\":\"drain\","));
    rig_open(&rig, config);
    fake_exchange *exchange = fake_network_add(&rig.network, NULL);
    exchange->headers[0] = "Content-Type: text/event-stream";
    fake_exchange_delta(exchange, 1, "12345678");
    fake_exchange_delta(exchange, 500, "12345678");
    exchange->done_ms = 1000;
    exchange->status = LLMCOST_E_NETWORK;
    rig_ask(&space, "openai/gpt-4o", "hello")->max_tokens = 1000;
    space.request.extra = "{\"service_tier\":\"priority\"}";
    assert_int_equal(llmcost_chat_stream(rig.client, &space.request, stop_at_text, NULL, &response), LLMCOST_E_CANCELLED);
    assert_int_equal(llmcost_response_cost_nano(response), 2 * ((PROMPT + 6) * IN + 2 * OUT));
    assert_int_equal(rig_spent(&rig), 0);
    memset(&space, 0, sizeof space);
    assert_int_equal(llmcost_client_run(rig.client, 60000), LLMCOST_OK);
    assert_int_equal(rig_spent(&rig), 2 * ((PROMPT + 6) * IN + 4 * OUT));
    llmcost_response_free(response);
    rig_close(&rig);
}

/* What a host stated of the beginning is not what the whole costs. */
static void test_a_broken_stream_with_a_stated_cost(void **unused)
{
    (void)unused;
    static const broken streams[] = {
        { CONFIG(STATED), "openai/gpt-4o", NULL, DELTA("content", "1", ",\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":1,\"cost\":0.00001}") DELTA("content", FORTY, ""), 10, 11, -1, 10 * IN + 11 * OUT },
        { CONFIG(STATED), "openai/gpt-4o", NULL, DELTA("content", "1", ",\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":1,\"cost\":0.5}") DELTA("content", FORTY, ""), 10, 11, -1, 500000000 },
    };
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++)
        check_broken(&streams[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeros_are_figures), cmocka_unit_test(test_a_side_that_is_not_there_is_estimated), cmocka_unit_test(test_a_broken_stream_counts_text_and_thoughts),
        cmocka_unit_test(test_a_broken_stream_costs_what_its_tier_costs), cmocka_unit_test(test_a_broken_stream_with_a_stated_cost),
        cmocka_unit_test(test_a_broken_stream_with_a_placeholder), cmocka_unit_test(test_a_stream_that_breaks_off_after_its_finish),
        cmocka_unit_test(test_a_first_piece_that_is_too_large), cmocka_unit_test(test_a_whole_answer_that_breaks_off), cmocka_unit_test(test_a_whole_answer_without_a_length),
        cmocka_unit_test(test_a_drained_stream_that_breaks_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
