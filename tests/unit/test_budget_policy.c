/* Budgets around calls: holds, waiting, shortening, and what every outcome settles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../support/engine_rig.h"
#include "call/call.h"

#define BUDGET(limit, more) "{" RIG_OPENAI ",\"budgets\":[{\"name\":\"b\",\"limit\":\"" limit "\"" more "}]"

static llmcost_response *chat(engine_rig *rig, const char *model, int64_t max_tokens, llmcost_status expected)
{
    rig_request space;
    llmcost_response *response = NULL;
    rig_ask(&space, model, "hello")->max_tokens = max_tokens;
    llmcost_status status = llmcost_chat(rig->client, &space.request, &response);
    if (status != expected)
        print_error("%s\n", llmcost_error_message(llmcost_response_error(response)));
    assert_int_equal(status, expected);
    assert_int_equal(rig_held(rig), 0);
    rig_check_receipt(response);
    return response;
}

/* The bound of "hello" at gpt-4o: 5 bytes + 32 + 16 = 53 tokens of input. */
enum { INPUT_BOUND = 53 };
static int64_t bound(int64_t output)
{
    return INPUT_BOUND * 2500 + output * 10000;
}

static void test_hold_and_settle(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, BUDGET("1 USD", "") "}");
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    llmcost_response *response = chat(&rig, "openai/gpt-4o", 100, LLMCOST_OK);
    assert_int_equal(rig_line(response, 0, "bound_nano"), bound(100));
    assert_int_equal(rig_spent(&rig), 75000);
    llmcost_response_free(response);
    rig_close(&rig);
}

/* Refused, and nothing was sent. */
static void test_refusal(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, BUDGET("0.0001 USD", "") "}"); /* 100 000 nano: not even the prompt */
    llmcost_response *response = chat(&rig, "openai/gpt-4o", 100, LLMCOST_E_BUDGET);
    assert_int_equal(rig.network.request_count, 0);
    assert_int_equal(rig_spent(&rig), 0);
    assert_int_equal(llmcost_response_cost_nano(response), 0);
    assert_int_equal(rig_stat(&rig, "budget_refusals"), 1);
    assert_non_null(strstr(llmcost_error_message(llmcost_response_error(response)), "\"b\""));
    llmcost_response_free(response);
    rig_close(&rig);
}

/* What is left covers the prompt and 70 tokens: that is what is sent. Less than the floor of 64 is refused. */
static void test_shortening(void **unused)
{
    (void)unused;
    engine_rig rig;
    char config[300];
    for (int64_t affordable = 63; affordable <= 101; affordable++) {
        int64_t limit = bound(affordable);
        snprintf(config, sizeof config, BUDGET("0.%09lld USD", "") "}", (long long)limit);
        rig_open(&rig, config);
        fake_network_says(&rig.network, NULL, "hi", 10, 5);
        llmcost_response *response = chat(&rig, "openai/gpt-4o", 100, affordable < 64 ? LLMCOST_E_BUDGET : LLMCOST_OK);
        char sent[100];
        snprintf(sent, sizeof sent, "_tokens\":%lld", (long long)(affordable < 100 ? affordable : 100));
        if (affordable >= 64) {
            assert_non_null(strstr(rig.network.requests[0].body, sent));
            assert_int_equal(llmcost_response_is_altered(response), affordable < 100);
        }
        assert_int_equal(rig.network.request_count, affordable >= 64);
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

/* Without max_tokens the number behind the bound is the number that is sent. */
static void test_the_bound_is_sent(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, BUDGET("1 USD", "") "}");
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    llmcost_response *response = chat(&rig, "openai/gpt-4o", 0, LLMCOST_OK);
    assert_non_null(strstr(rig.network.requests[0].body, "_tokens\":16384"));
    assert_int_equal(rig_line(response, 0, "bound_nano"), bound(16384));
    assert_false(llmcost_response_is_altered(response));
    llmcost_response_free(response);
    rig_close(&rig);
}

/* ---- the settling table ---- */

static int64_t settled(fake_exchange *(*script)(fake_network *network), bool streams, llmcost_status expected)
{
    engine_rig rig;
    rig_request space;
    char text[200];
    llmcost_response *response = NULL;
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"sk-test\",\"retries\":0}},\"budgets\":[{\"limit\":\"1 USD\"}]}");
    script(&rig.network);
    rig_ask(&space, "openai/gpt-4o", "hello")->max_tokens = 100;
    llmcost_status status = streams ? rig_stream(&rig, &space.request, text, sizeof text, &response) : llmcost_chat(rig.client, &space.request, &response);
    assert_int_equal(status, expected);
    rig_check_receipt(response);
    int64_t spent = rig_spent(&rig);
    assert_int_equal(llmcost_response_cost_nano(response), spent); /* the receipt and the account agree */
    llmcost_response_free(response);
    rig_close(&rig);
    return spent;
}

static fake_exchange *not_started(fake_network *network)
{
    fake_exchange *exchange = fake_network_says(network, NULL, "hi", 10, 5);
    exchange->refuses = LLMCOST_E_NETWORK;
    return exchange;
}

static fake_exchange *not_connected(fake_network *network)
{
    fake_exchange *exchange = fake_network_add(network, NULL);
    exchange->connected_ms = FAKE_SILENT;
    return exchange;
}

static fake_exchange *bad_request(fake_network *network)
{
    return fake_network_fails(network, NULL, 400, "invalid_request_error");
}

static fake_exchange *rate_limited(fake_network *network)
{
    return fake_network_fails(network, NULL, 429, "rate_limit_exceeded");
}

static fake_exchange *server_error(fake_network *network)
{
    return fake_network_fails(network, NULL, 500, "server_error");
}

static fake_exchange *usage_known(fake_network *network)
{
    return fake_network_says(network, NULL, "hi", 10, 5);
}

static fake_exchange *usage_of_zero(fake_network *network)
{
    return fake_network_says(network, NULL, "hi", 0, 0);
}

static fake_exchange *usage_unknown(fake_network *network)
{
    return fake_network_says(network, NULL, "12345678", -1, 0);
}

static fake_exchange *says_with(fake_network *network, const char *usage)
{
    char body[400];
    fake_exchange *exchange = fake_network_add(network, NULL);
    int length = snprintf(body, sizeof body, "{\"id\":\"x\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"12345678\"},\"finish_reason\":\"stop\"}],\"usage\":%s}", usage);
    fake_exchange_piece(exchange, 0, body, (size_t)length);
    return exchange;
}

static fake_exchange *usage_of_output_only(fake_network *network)
{
    return says_with(network, "{\"completion_tokens\":1}");
}

static fake_exchange *usage_of_input_only(fake_network *network)
{
    return says_with(network, "{\"prompt_tokens\":10}");
}

static fake_exchange *usage_beyond_belief(fake_network *network)
{
    return says_with(network, "{\"prompt_tokens\":9000000000000000,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":2}}");
}

static fake_exchange *usage_of_nothing(fake_network *network)
{
    return says_with(network, "{}");
}

static fake_exchange *whole(fake_network *network, const char *body)
{
    fake_exchange *exchange = fake_network_add(network, NULL);
    fake_exchange_piece(exchange, 0, body, strlen(body));
    return exchange;
}

static fake_exchange *error_in_success(fake_network *network)
{
    return whole(network, "{\"error\":{\"code\":429,\"message\":\"up\"}}");
}

static fake_exchange *billed_error_in_success(fake_network *network)
{
    return whole(network, "{\"error\":{\"code\":502,\"message\":\"up\"},\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":0}}");
}

static fake_exchange *garbage_in_success(fake_network *network)
{
    return whole(network, "<html>welcome</html>");
}

static fake_exchange *error_in_stream(fake_network *network)
{
    fake_exchange *exchange = whole(network, "data: {\"error\":{\"code\":429,\"message\":\"up\"}}\n\n");
    exchange->headers[0] = "Content-Type: text/event-stream";
    return exchange;
}

static fake_exchange *usage_above(fake_network *network)
{
    return fake_network_says(network, NULL, "hi", 1000, 1000);
}

static fake_exchange *sent_and_silent(fake_network *network)
{
    fake_exchange *exchange = fake_network_add(network, NULL);
    exchange->status_ms = FAKE_SILENT;
    return exchange;
}

static fake_exchange *sent_and_broken(fake_network *network)
{
    fake_exchange *exchange = fake_network_add(network, NULL);
    exchange->http_status = 0;
    exchange->status = LLMCOST_E_NETWORK;
    return exchange;
}

static fake_exchange *cut_stream(fake_network *network)
{
    fake_exchange *exchange = fake_network_add(network, NULL);
    fake_exchange_delta(exchange, 1, "12345678");
    exchange->done_ms = 2;
    exchange->status = LLMCOST_E_NETWORK;
    return exchange;
}

static fake_exchange *stream_without_end(fake_network *network)
{
    fake_exchange *exchange = cut_stream(network);
    exchange->status = LLMCOST_OK;
    return exchange;
}

static void test_settling(void **unused)
{
    (void)unused;
    /* "hello" is estimated at (5 + 3) / 4 + 4 tokens, 8 bytes of answer at 2. */
    int64_t estimate = 6 * 2500 + 2 * 10000;
    assert_int_equal(settled(not_started, false, LLMCOST_E_NETWORK), 0);
    assert_int_equal(settled(not_connected, false, LLMCOST_E_CONNECT_TIMEOUT), 0);
    assert_int_equal(settled(bad_request, false, LLMCOST_E_INVALID_REQUEST), 0);
    assert_int_equal(settled(rate_limited, false, LLMCOST_E_RATE_LIMITED), 0);
    assert_int_equal(settled(server_error, false, LLMCOST_E_SERVER), 0);
    assert_int_equal(settled(usage_known, false, LLMCOST_OK), 75000);
    assert_int_equal(settled(usage_of_zero, false, LLMCOST_OK), 0);
    assert_int_equal(settled(usage_unknown, false, LLMCOST_OK), estimate);
    assert_int_equal(settled(usage_of_nothing, false, LLMCOST_OK), estimate);
    assert_int_equal(settled(usage_of_output_only, false, LLMCOST_OK), 6 * 2500 + 1 * 10000);
    assert_int_equal(settled(usage_of_input_only, false, LLMCOST_OK), 10 * 2500 + 2 * 10000);
    assert_int_equal(settled(usage_beyond_belief, false, LLMCOST_OK), 4 * 2500 + 2 * 1250 + 5 * 10000);
    assert_int_equal(settled(error_in_success, false, LLMCOST_E_RATE_LIMITED), 0);
    assert_int_equal(settled(error_in_success, true, LLMCOST_E_RATE_LIMITED), 0);
    assert_int_equal(settled(billed_error_in_success, false, LLMCOST_E_SERVER), 10 * 2500);
    assert_int_equal(settled(garbage_in_success, false, LLMCOST_E_MALFORMED), 6 * 2500);
    assert_int_equal(settled(error_in_stream, true, LLMCOST_E_RATE_LIMITED), 6 * 2500);
    assert_int_equal(settled(usage_above, false, LLMCOST_OK), 1000 * 2500 + 1000 * 10000);
    assert_int_equal(settled(sent_and_silent, false, LLMCOST_E_FIRST_BYTE_TIMEOUT), bound(100));
    assert_int_equal(settled(sent_and_broken, false, LLMCOST_E_NETWORK), bound(100));
    assert_int_equal(settled(cut_stream, true, LLMCOST_E_TRUNCATED), estimate);
    assert_int_equal(settled(stream_without_end, true, LLMCOST_E_TRUNCATED), estimate);
}

/* The side that was estimated is told. */
static void test_a_missing_side_is_flagged(void **unused)
{
    (void)unused;
    static const struct { fake_exchange *(*script)(fake_network *network); const char *counts; } cases[] = {
        { usage_known, "reported" }, { usage_of_zero, "reported" }, { usage_of_output_only, "estimated" }, { usage_of_input_only, "estimated" }, { usage_beyond_belief, "estimated" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        rig_open(&rig, "{" RIG_OPENAI "}");
        cases[i].script(&rig.network);
        llmcost_response *response = chat(&rig, "openai/gpt-4o", 100, LLMCOST_OK);
        assert_string_equal(rig_line_text(response, 0, "counts"), cases[i].counts);
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

/* A price is worth what its own currency is, whatever its provider bills in: such as a published map's dollars for a host in China. */
static void test_the_currency_of_the_price(void **unused)
{
    (void)unused;
#define PRICED_IN(currency) ",\"prices\":{\"llmcost_prices\":1,\"unit\":\"per_million_tokens\",\"currency\":\"" currency "\",\"models\":{\"doubao/m\":{\"input\":1,\"output\":2},\"openai/m\":{\"input\":1,\"output\":2}}}"
#define CLIENT(more) "{\"providers\":{\"openai\":{\"key\":\"k\"},\"doubao\":{\"key\":\"k\"}},\"budgets\":[{\"limit\":\"1 USD\"}]" more "}"
#define YUAN ",\"exchange_rates\":{\"CNY\":{\"rate\":\"0.14\",\"date\":\"2026-11-01\"}}"
    static const struct { const char *config, *model; llmcost_status status; int64_t cost; } cases[] = {
        { CLIENT(PRICED_IN("USD")), "doubao/m", LLMCOST_OK, 20000 },
        { CLIENT(PRICED_IN("USD") YUAN), "doubao/m", LLMCOST_OK, 20000 },
        { CLIENT(PRICED_IN("CNY") YUAN), "doubao/m", LLMCOST_OK, 2800 },
        { CLIENT(PRICED_IN("CNY") YUAN), "openai/m", LLMCOST_OK, 2800 },
        { CLIENT(PRICED_IN("CNY")), "openai/m", LLMCOST_E_PRICE_UNKNOWN, 0 },
        { CLIENT(PRICED_IN("CNY")), "doubao/m", LLMCOST_E_PRICE_UNKNOWN, 0 },
        { CLIENT(",\"prices\":{\"m\":{\"litellm_provider\":\"volcengine\",\"mode\":\"chat\",\"input_cost_per_token\":1e-06,\"output_cost_per_token\":2e-06}}" YUAN), "doubao/m", LLMCOST_OK, 20000 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        rig_open(&rig, cases[i].config);
        usage_known(&rig.network);
        llmcost_response *response = chat(&rig, cases[i].model, 100, cases[i].status);
        assert_int_equal(llmcost_response_cost_nano(response), cases[i].cost);
        assert_int_equal(rig_spent(&rig), cases[i].cost);
        if (cases[i].status == LLMCOST_OK) {
            assert_int_equal(rig_line(response, 0, "bound_nano"), (INPUT_BOUND + 200) * (cases[i].cost / 20));
            assert_non_null(strstr(llmcost_response_receipt(response), "\"baseline\":{"));
        }
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

/* What a provider states in a currency without a rate is not known to us, and not nothing. */
static void test_a_stated_cost_without_a_rate(void **unused)
{
    (void)unused;
#define FOREIGN(more) "{\"providers\":{\"openai\":{\"key\":\"k\",\"currency\":\"CNY\"}}" more "}"
    static const struct { const char *config; int64_t stated, cost; bool unpriced; } cases[] = {
        { FOREIGN(""), -1, 0, true },
        { FOREIGN(",\"unknown_price\":{\"input\":30,\"output\":60}"), -1, 10 * 30000 + 5 * 60000, false },
        { FOREIGN(",\"exchange_rates\":{\"CNY\":{\"rate\":\"0.14\",\"date\":\"2026-11-01\"}}"), 70000000, 70000000, false },
        { FOREIGN(",\"budgets\":[{\"limit\":\"1 USD\",\"when_spent\":\"alert\"}]"), -1, 0, true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        rig_open(&rig, cases[i].config);
        says_with(&rig.network, "{\"prompt_tokens\":10,\"completion_tokens\":5,\"cost\":0.5}");
        llmcost_response *response = chat(&rig, "openai/unheard-of", 100, LLMCOST_OK);
        assert_int_equal(rig_line(response, 0, "stated_nano"), cases[i].stated);
        assert_int_equal(llmcost_response_cost_nano(response), cases[i].cost);
        assert_int_equal(strstr(llmcost_response_receipt(response), "\"unpriced_lines\":1") != NULL, cases[i].unpriced);
        llmcost_response_free(response);
        rig_close(&rig);
    }
#undef FOREIGN
}

static void test_a_settle_above_its_hold_is_counted(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, BUDGET("1 USD", "") "}");
    usage_above(&rig.network);
    llmcost_response_free(chat(&rig, "openai/gpt-4o", 100, LLMCOST_OK));
    assert_int_equal(rig_stat(&rig, "bounds_exceeded"), 1);
    rig_close(&rig);
}

static void test_settled_in_the_window_of_the_hold(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, BUDGET("1 USD", ",\"per\":\"minute\"") "}");
    fake_exchange *exchange = usage_known(&rig.network);
    exchange->pieces[0].at_ms = exchange->done_ms = 59000; /* idle and first byte allow it */
    llmcost_response_free(chat(&rig, "openai/gpt-4o", 100, LLMCOST_OK));
    fake_clock_advance(&rig.clock, 30000);
    assert_int_equal(rig_spent(&rig), 0); /* another window by now */
    rig_close(&rig);
}

/* ---- waiting for other calls' holds ---- */

typedef struct finished {
    int count;
    llmcost_status status[16];
    int64_t at_ms[16];
    engine_rig *rig;
} finished;

static void on_done(uint64_t call, llmcost_response *response, void *user)
{
    (void)call;
    finished *end = user;
    end->status[end->count] = llmcost_response_status(response);
    end->at_ms[end->count++] = fake_clock_ms(&end->rig->clock);
    llmcost_response_free(response);
}

static void run(llmcost_loop *loop)
{
    for (int i = 0; llmcost_loop_pending(loop) && i < 1000; i++)
        assert_int_equal(llmcost_loop_poll(loop, -1), LLMCOST_OK);
    assert_int_equal(llmcost_loop_pending(loop), 0);
}

/* Room for one call at a time: the second waits for the first, and is not answered by the timer of its own waiting. */
static void waits_for_room(int64_t each_ms, int32_t wait_ms, llmcost_status expected_second)
{
    engine_rig rig;
    rig_request space;
    char config[300];
    snprintf(config, sizeof config, BUDGET("0.%09lld USD", "") ",\"budget_wait_ms\":%d}", (long long)bound(100) + 200000, wait_ms);
    rig_open(&rig, config);
    finished end = { .rig = &rig };
    fake_exchange *exchange = usage_known(&rig.network);
    exchange->pieces[0].at_ms = exchange->done_ms = each_ms;
    llmcost_loop *loop;
    assert_int_equal(llmcost_loop_open(rig.client, &loop), LLMCOST_OK);
    rig_ask(&space, "openai/gpt-4o", "hello")->max_tokens = 100;
    for (int i = 0; i < 2; i++)
        assert_int_equal(llmcost_loop_submit(loop, &space.request, NULL, on_done, &end, NULL), LLMCOST_OK);
    run(loop);
    assert_int_equal(end.count, 2);
    bool second_waits = expected_second == LLMCOST_OK;
    assert_int_equal(end.status[second_waits ? 1 : 0], expected_second);
    assert_int_equal(end.status[second_waits ? 0 : 1], LLMCOST_OK);
    assert_int_equal(end.at_ms[1], second_waits ? 2 * each_ms : each_ms);
    assert_int_equal(rig.network.request_count, second_waits ? 2 : 1);
    if (!second_waits)
        assert_int_equal(end.at_ms[0], wait_ms);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    rig_close(&rig);
}

static void test_waiting_for_room(void **unused)
{
    (void)unused;
    waits_for_room(1000, 2000, LLMCOST_OK);
    waits_for_room(1500, 2000, LLMCOST_OK); /* its exchange is running when its waiting would have been over */
    waits_for_room(3000, 2000, LLMCOST_E_BUDGET);
    waits_for_room(500, 0, LLMCOST_E_BUDGET);
}

/* The window turns while a call waits for other calls' holds: it counts in the new one, which has room. */
static void test_a_window_that_turns_while_one_waits(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    char config[300];
    snprintf(config, sizeof config, BUDGET("0.%09lld USD", ",\"per\":\"minute\"") ",\"budget_wait_ms\":2000}", (long long)bound(100) + 200000);
    rig_open(&rig, config);
    finished end = { .rig = &rig };
    fake_exchange *exchange = usage_known(&rig.network);
    exchange->pieces[0].at_ms = exchange->done_ms = 55000;
    exchange->times = 1;
    usage_known(&rig.network);
    llmcost_loop *loop;
    assert_int_equal(llmcost_loop_open(rig.client, &loop), LLMCOST_OK);
    rig_ask(&space, "openai/gpt-4o", "hello")->max_tokens = 100;
    assert_int_equal(llmcost_loop_submit(loop, &space.request, NULL, on_done, &end, NULL), LLMCOST_OK);
    assert_int_equal(llmcost_loop_poll(loop, 0), LLMCOST_OK);
    fake_clock_advance(&rig.clock, 39000); /* a second before the minute is over */
    assert_int_equal(llmcost_loop_submit(loop, &space.request, NULL, on_done, &end, NULL), LLMCOST_OK);
    run(loop);
    assert_int_equal(end.count, 2);
    assert_int_equal(end.status[0], LLMCOST_OK); /* the second one, while the first was still under way */
    assert_int_equal(end.at_ms[0], 41000);
    assert_int_equal(end.status[1], LLMCOST_OK);
    assert_int_equal(rig_spent(&rig), 75000); /* of this minute */
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    rig_close(&rig);
}

static void test_a_deadline_ends_the_waiting(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    char config[300];
    snprintf(config, sizeof config, BUDGET("0.%09lld USD", "") "}", (long long)bound(100) + 200000);
    rig_open(&rig, config);
    finished end = { .rig = &rig };
    fake_exchange *exchange = usage_known(&rig.network);
    exchange->pieces[0].at_ms = exchange->done_ms = 5000;
    llmcost_loop *loop;
    uint64_t id;
    assert_int_equal(llmcost_loop_open(rig.client, &loop), LLMCOST_OK);
    rig_ask(&space, "openai/gpt-4o", "hello")->max_tokens = 100;
    assert_int_equal(llmcost_loop_submit(loop, &space.request, NULL, on_done, &end, NULL), LLMCOST_OK);
    space.request.deadline_ms = 700;
    assert_int_equal(llmcost_loop_submit(loop, &space.request, NULL, on_done, &end, NULL), LLMCOST_OK);
    space.request.deadline_ms = 0;
    assert_int_equal(llmcost_loop_submit(loop, &space.request, NULL, on_done, &end, &id), LLMCOST_OK);
    assert_int_equal(llmcost_loop_poll(loop, 0), LLMCOST_OK);
    assert_int_equal(llmcost_loop_cancel(loop, id), LLMCOST_OK);
    run(loop);
    assert_int_equal(end.status[0], LLMCOST_E_CANCELLED);
    assert_int_equal(end.status[1], LLMCOST_E_DEADLINE);
    assert_int_equal(end.at_ms[1], 700);
    assert_int_equal(end.status[2], LLMCOST_OK);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    rig_close(&rig);
}

/* A cap of 0.45, five calls at once that may cost 0.15 each: three at a time, never 0.46 committed. */
static void test_a_burst_never_overshoots(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, BUDGET("0.45 USD", "") "}");
    finished end = { .rig = &rig };
    fake_exchange *exchange = fake_network_says(&rig.network, NULL, "hi", 59000, 0);
    exchange->pieces[0].at_ms = exchange->done_ms = 1000;
    llmcost_loop *loop;
    assert_int_equal(llmcost_loop_open(rig.client, &loop), LLMCOST_OK);
    rig_ask(&space, "openai/gpt-4o", "hello")->max_tokens = 100;
    space.request.input_bound_tokens = 59600; /* 0.15 with the output */
    for (int i = 0; i < 5; i++)
        assert_int_equal(llmcost_loop_submit(loop, &space.request, NULL, on_done, &end, NULL), LLMCOST_OK);
    while (llmcost_loop_pending(loop)) {
        assert_int_equal(llmcost_loop_poll(loop, -1), LLMCOST_OK);
        assert_true(rig_held(&rig) + rig_spent(&rig) <= 450000000);
    }
    int served = 0;
    for (int i = 0; i < 5; i++)
        served += end.status[i] == LLMCOST_OK;
    assert_int_equal(served, 3);
    assert_int_equal(rig.network.request_count, 3);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    rig_close(&rig);
}

/* ---- prices and bounds that are not known ---- */

static void test_unknown_prices(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, BUDGET("1 USD", "") "}");
    llmcost_response_free(chat(&rig, "openai/unheard-of", 100, LLMCOST_E_PRICE_UNKNOWN));
    assert_int_equal(rig.network.request_count, 0);
    rig_close(&rig);

    rig_open(&rig, BUDGET("1 USD", "") ",\"unknown_price\":\"allow\"}");
    usage_known(&rig.network);
    llmcost_response_free(chat(&rig, "openai/unheard-of", 100, LLMCOST_OK));
    assert_int_equal(rig_spent(&rig), 0);
    rig_close(&rig);

    rig_open(&rig, BUDGET("1 USD", "") ",\"unknown_price\":{\"input\":30,\"output\":60}}");
    usage_known(&rig.network);
    llmcost_response_free(chat(&rig, "openai/unheard-of", 100, LLMCOST_OK));
    assert_int_equal(rig_spent(&rig), 10 * 30000 + 5 * 60000);
    rig_close(&rig);

    rig_open(&rig, BUDGET("1 USD", ",\"when_spent\":\"alert\"") "}");
    usage_known(&rig.network);
    llmcost_response_free(chat(&rig, "openai/unheard-of", 100, LLMCOST_OK)); /* a soft budget never refuses */
    rig_close(&rig);
}

/* A budget that only counts sends what the caller asked for, whether or not it can bound it. */
static void test_a_soft_budget_changes_nothing(void **unused)
{
    (void)unused;
    static const char *const models[] = { "openai/unheard-of", "openai/gpt-4o" };
    for (size_t i = 0; i < 4; i++) {
        engine_rig rig;
        bool asks = i & 1;
        rig_open(&rig, BUDGET("1 USD", ",\"when_spent\":\"alert\"") "}");
        usage_known(&rig.network);
        llmcost_response *response = chat(&rig, models[i / 2], asks ? 100 : 0, LLMCOST_OK);
        assert_int_equal(strstr(rig.network.requests[0].body, "_tokens\":100") != NULL, asks);
        assert_int_equal(strstr(rig.network.requests[0].body, "_tokens\"") != NULL, asks);
        assert_false(llmcost_response_is_altered(response));
        assert_int_equal(rig_line(response, 0, "bound_nano") >= 0, i >= 2);
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

static void keep_alert(const char *json, void *user)
{
    snprintf(user, 400, "%s", json);
}

/* A bound that was never computed is not exceeded. */
static void test_a_soft_budget_without_a_bound_counts(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, BUDGET("1 USD", ",\"when_spent\":\"alert\"") "}");
    usage_known(&rig.network);
    char alert[400] = "", *budgets;
    assert_int_equal(llmcost_client_on_alert(rig.client, keep_alert, alert), LLMCOST_OK);
    rig_ask(&space, "openai/gpt-4o", "hello")->extra = "{\"web_search_options\":{}}";
    assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_OK);
    assert_int_equal(rig_spent(&rig), 75000);
    assert_int_equal(rig_stat(&rig, "bounds_exceeded"), 0);
    assert_string_equal(alert, "");
    assert_int_equal(llmcost_budgets(rig.client, &budgets), LLMCOST_OK);
    assert_non_null(strstr(budgets, "\"bound_exceeded\":0"));
    llmcost_string_free(budgets);
    llmcost_response_free(response);
    rig_close(&rig);
}

/* Where nothing could be held, nothing is known but the prompt, and that is no nothing. */
static void test_silence_under_a_soft_budget_without_a_bound(void **unused)
{
    (void)unused;
#define SOFT "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0}},\"budgets\":[{\"limit\":\"1 USD\",\"when_spent\":\"alert\"}]"
    static const struct { const char *config, *model; int64_t cost; bool unpriced; } cases[] = {
        { SOFT "}", "openai/gpt-4o", (6 + 6) * 2500, false },
        { SOFT ",\"unknown_price\":\"allow\"}", "openai/unheard-of", 0, true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        rig_request space;
        llmcost_response *response;
        rig_open(&rig, cases[i].config);
        sent_and_silent(&rig.network);
        rig_ask(&space, cases[i].model, "hello")->extra = "{\"web_search_options\":{}}";
        space.request.max_tokens = 100;
        assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_E_FIRST_BYTE_TIMEOUT);
        assert_int_equal(llmcost_response_cost_nano(response), cases[i].cost);
        assert_int_equal(rig_spent(&rig), cases[i].cost);
        assert_int_equal(strstr(llmcost_response_receipt(response), "\"unpriced_lines\":0") == NULL, cases[i].unpriced);
        llmcost_response_free(response);
        rig_close(&rig);
    }
#undef SOFT
}

/* An alert tells when its window began; money for all time has no window. */
static void test_the_window_of_an_alert(void **unused)
{
    (void)unused;
    static const char *const periods[][2] = { { "", "\"window_from_ms\":null" }, { ",\"per\":\"day\"", "\"window_from_ms\":1789948800000" } };
    for (size_t i = 0; i < 2; i++) {
        engine_rig rig;
        char config[300], alert[400] = "";
        snprintf(config, sizeof config, BUDGET("0.01 USD", ",\"alert_at\":[0.001]%s") "}", periods[i][0]);
        rig_open(&rig, config);
        usage_known(&rig.network);
        assert_int_equal(llmcost_client_on_alert(rig.client, keep_alert, alert), LLMCOST_OK);
        llmcost_response_free(chat(&rig, "openai/gpt-4o", 100, LLMCOST_OK));
        if (!strstr(alert, periods[i][1]))
            fail_msg("%s", alert);
        rig_close(&rig);
    }
}

/* A length of nobody's making is sent only where money needs it; what it cuts is flagged. */
static void test_lengths_that_nobody_stated(void **unused)
{
    (void)unused;
    static const char body[] = "{\"id\":\"x\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"h\"},\"finish_reason\":\"length\"}],"
                               "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}}";
    engine_rig rig;
    rig_open(&rig, "{" RIG_OPENAI ",\"unknown_price\":{\"input\":1,\"output\":1},\"budgets\":[{\"limit\":\"1 USD\"}]}");
    fake_exchange_piece(fake_network_add(&rig.network, NULL), 0, body, sizeof body - 1);
    llmcost_response *response = chat(&rig, "openai/unheard-of", 0, LLMCOST_OK);
    assert_non_null(strstr(rig.network.requests[0].body, "_tokens\":4096"));
    assert_true(llmcost_response_is_altered(response));
    llmcost_response_free(response);
    rig_close(&rig);

    rig_open(&rig, "{\"providers\":{\"ollama-openai\":{}},\"budgets\":[{\"limit\":\"1 USD\"}]}");
    fake_exchange_piece(fake_network_add(&rig.network, NULL), 0, body, sizeof body - 1);
    response = chat(&rig, "ollama-openai/qwen2.5:7b", 0, LLMCOST_OK);
    assert_null(strstr(rig.network.requests[0].body, "_tokens"));
    assert_false(llmcost_response_is_altered(response));
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_images_need_a_bound(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    llmcost_part parts[] = { { .text = "what is it" }, { .type = LLMCOST_PART_IMAGE_URL, .url = "https://example.com/a.png" } };
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\"}},\"unknown_price\":\"allow\",\"budgets\":[{\"limit\":\"1 USD\"}]}");
    usage_known(&rig.network);
    rig_ask(&space, "openai/odd-vision", NULL)->max_tokens = 100;
    space.messages[0].parts = parts;
    space.messages[0].part_count = 2;
    assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_E_BUDGET);
    assert_int_equal(rig.network.request_count, 0);
    llmcost_response_free(response);
    space.request.input_bound_tokens = 3000;
    assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_OK);
    llmcost_response_free(response);
    rig_close(&rig);
}

/* The dearest image of a family, as its maker's page counts it, is never above what is held; a family that is not known is not guessed. */
static void test_images_are_held_at_their_dearest(void **unused)
{
    (void)unused;
    static const struct { const char *model, *detail; int tokens; } cases[] = {
        { "gpt-4o", NULL, 1445 }, { "gpt-4o-mini", "high", 48169 }, { "gpt-4.1", NULL, 1445 }, { "gpt-4.1-mini", NULL, 6636 }, { "gpt-5", NULL, 1190 }, { "gpt-5-mini", NULL, 4916 },
        { "gpt-5-nano", "high", 6144 }, { "gpt-5.1-2025-11-13", NULL, 1190 }, { "gpt-5.2", NULL, 4916 }, { "gpt-5.3-codex", NULL, 4916 },
        { "gpt-5.4", NULL, 3000 }, { "gpt-5.4", "low", 4916 }, { "gpt-5.4", "high", 3000 }, { "gpt-5.4-mini", "auto", 3000 },
        { "gpt-5.5", NULL, 12000 }, { "gpt-5.5", "auto", 12000 }, { "gpt-5.5", "high", 3000 }, { "gpt-5.5", "low", 308 },
        { "gpt-5.6-sol", NULL, 36000 }, { "gpt-5.6-luna", "auto", 36000 }, { "gpt-5.6-terra", "high", 3000 }, { "gpt-6-astra", NULL, 36000 }, { "gpt-6.2-sol", "high", 3000 },
        { "o4-mini", NULL, 7046 }, { "o3", NULL, 1275 }, { "gpt-5.9", NULL, -1 }, { "gpt-7-sol", NULL, -1 }, { "gpt-4.15", NULL, -1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        rig_request space;
        llmcost_response *response;
        char model[60];
        llmcost_part part = { .type = LLMCOST_PART_IMAGE_URL, .url = "https://example.com/a.png", .detail = cases[i].detail };
        rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\"}},\"unknown_price\":{\"input\":1,\"output\":1},\"budgets\":[{\"limit\":\"9 USD\"}]}");
        fake_network_says(&rig.network, NULL, "hi", cases[i].tokens, 100);
        snprintf(model, sizeof model, "openai/%s", cases[i].model);
        rig_ask(&space, model, NULL)->max_tokens = 100;
        space.messages[0].parts = &part;
        space.messages[0].part_count = 1;
        llmcost_status status = llmcost_chat(rig.client, &space.request, &response);
        if (status != (cases[i].tokens < 0 ? LLMCOST_E_BUDGET : LLMCOST_OK) || rig_stat(&rig, "bounds_exceeded"))
            fail_msg("%s, detail %s: %s, %s", model, cases[i].detail ? cases[i].detail : "none", llmcost_status_name(status), llmcost_response_receipt(response));
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

/* Where max_tokens covers the text alone, what may be thought is held, too. */
static void test_thinking_beside_the_length_is_held(void **unused)
{
    (void)unused;
#define THINKER(name) "{\"providers\":{\"" name "\":{\"key\":\"k\",\"currency\":\"USD\"}},\"unknown_price\":{\"input\":1,\"output\":1},\"budgets\":[{\"limit\":\"1 USD\"}]}"
    static const struct { const char *config, *model; int32_t effort; int64_t budget; const char *extra; int64_t thinks; } cases[] = {
        { THINKER("dashscope"), "dashscope/qwen4-new", LLMCOST_EFFORT_DEFAULT, 0, NULL, 81920 },
        { THINKER("dashscope"), "dashscope/qwen4-new", LLMCOST_EFFORT_HIGH, 0, NULL, 81920 },
        { THINKER("dashscope"), "dashscope/qwen4-new", LLMCOST_EFFORT_NONE, 0, NULL, 0 },
        { THINKER("dashscope"), "dashscope/qwen4-new", LLMCOST_EFFORT_NONE, 5000, NULL, 0 },
        { THINKER("dashscope"), "dashscope/qwen4-new", LLMCOST_EFFORT_DEFAULT, 5000, NULL, 5000 },
        { THINKER("dashscope"), "dashscope/qwen4-new", LLMCOST_EFFORT_DEFAULT, 0, "{\"enable_thinking\":false}", 0 },
        { THINKER("dashscope"), "dashscope/qwen4-new", LLMCOST_EFFORT_DEFAULT, 0, "{\"enable_thinking\":null}", 81920 },
        { THINKER("dashscope"), "dashscope/kimi-k9", LLMCOST_EFFORT_DEFAULT, 5000, NULL, 81920 }, /* it may go on beyond the budget */
        { THINKER("siliconflow"), "siliconflow/Qwen/Qwen3-8B", LLMCOST_EFFORT_DEFAULT, 4096, NULL, 4096 },
        { THINKER("siliconflow"), "siliconflow/Pro/deepseek-ai/DeepSeek-R1", LLMCOST_EFFORT_DEFAULT, 100000, NULL, 100000 },
        { THINKER("siliconflow"), "siliconflow/Qwen/Qwen3-8B", LLMCOST_EFFORT_DEFAULT, 0, NULL, 81920 },
        { THINKER("siliconflow"), "siliconflow/Qwen/Qwen2.5-7B-Instruct", LLMCOST_EFFORT_DEFAULT, 0, NULL, 0 },
        { THINKER("siliconflow"), "siliconflow/tencent/Hunyuan-A13B-Instruct", LLMCOST_EFFORT_DEFAULT, 0, NULL, 81920 }, /* others' names do not tell */
        { THINKER("dashscope"), "dashscope/qwen3-coder-next", LLMCOST_EFFORT_DEFAULT, 0, NULL, 0 },
        { THINKER("groq"), "groq/qwen/qwen3-32b", LLMCOST_EFFORT_DEFAULT, 0, NULL, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        rig_request space;
        llmcost_response *response;
        char body[400];
        rig_open(&rig, cases[i].config);
        snprintf(body, sizeof body, "{\"id\":\"x\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":10,"
                 "\"completion_tokens\":%lld,\"completion_tokens_details\":{\"reasoning_tokens\":%lld}}}", (long long)(100 + cases[i].thinks), (long long)cases[i].thinks);
        fake_exchange_piece(fake_network_add(&rig.network, NULL), 0, body, strlen(body));
        rig_ask(&space, cases[i].model, "hello")->max_tokens = 100;
        space.request.effort = cases[i].effort;
        space.request.thinking_budget_tokens = cases[i].budget;
        space.request.extra = cases[i].extra;
        if (llmcost_chat(rig.client, &space.request, &response))
            fail_msg("%s: %s", cases[i].model, llmcost_error_message(llmcost_response_error(response)));
        int64_t input = INPUT_BOUND + (cases[i].extra ? (int64_t)strlen(cases[i].extra) : 0), held = rig_line(response, 0, "bound_nano");
        if (held != (input + 100 + cases[i].thinks) * 1000 || rig_stat(&rig, "bounds_exceeded"))
            fail_msg("%s, case %zu: %lld are held", cases[i].model, i, (long long)held);
        llmcost_response_free(response);
        rig_close(&rig);
    }
    engine_rig rig; /* thinking that is longer than anything: no overflow, a refusal that says what to do */
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, THINKER("dashscope"));
    rig_ask(&space, "dashscope/qwen4-new", "hello")->max_tokens = INT64_MAX;
    space.request.thinking_budget_tokens = INT64_MAX;
    assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_E_BUDGET);
    assert_non_null(strstr(llmcost_error_message(llmcost_response_error(response)), "thinking_budget_tokens"));
    assert_int_equal(rig.network.request_count, 0);
    llmcost_response_free(response);
    rig_close(&rig);
#undef THINKER
}

/* Tokens of sound have a rate of their own, in whichever part it comes; without sound nobody holds that much. */
static void test_sound_is_held_at_its_rate(void **unused)
{
    (void)unused;
    static const char config[] = BUDGET("1 USD", "") ",\"prices\":{\"llmcost_prices\":1,\"unit\":\"per_million_tokens\",\"models\":"
                                 "{\"openai/hears\":{\"input\":2.5,\"output\":10,\"audio_in\":40}}}}";
    static const char answer[] = "{\"id\":\"x\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"h\"},\"finish_reason\":\"stop\"}],"
                                 "\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":5,\"prompt_tokens_details\":{\"audio_tokens\":1000}}}";
    static const struct { llmcost_part part; int64_t rate; } cases[] = {
        { { .type = LLMCOST_PART_AUDIO, .data = "abc", .data_bytes = 3, .media_type = "audio/wav" }, 40000 },
        { { .type = LLMCOST_PART_TEXT, .text = "abc" }, 2500 },
    };
    for (size_t i = 0; i < 2; i++) {
        engine_rig rig;
        rig_request space;
        llmcost_response *response;
        rig_open(&rig, config);
        fake_exchange_piece(fake_network_add(&rig.network, NULL), 0, answer, sizeof answer - 1);
        rig_ask(&space, "openai/hears", NULL)->max_tokens = 10;
        space.messages[0].parts = &cases[i].part;
        space.messages[0].part_count = 1;
        space.request.input_bound_tokens = 1000;
        assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_OK);
        assert_int_equal(rig_line(response, 0, "bound_nano"), 1000 * cases[i].rate + 10 * 10000);
        assert_int_equal(rig_stat(&rig, "bounds_exceeded"), i); /* the text that is billed as sound is this test's own doing */
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

/* What hosts put into a prompt beside its text: instructions around tools, a preamble. The counts are such as were billed. */
static void test_what_hosts_add_to_a_prompt(void **unused)
{
    (void)unused;
    static const struct { const char *provider, *model; bool tool; int billed; } cases[] = {
        { "deepseek", "deepseek/deepseek-v4-flash", true, 341 },
        { "groq", "groq/llama-3.1-8b-instant", true, 660 },
        { "xai", "xai/grok-4.3", false, 199 },
    };
    llmcost_tool tool = { .name = "weather", .description = "The weather of a city just now, in words", .parameters = "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}" };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        rig_request space;
        llmcost_response *response;
        char config[200];
        snprintf(config, sizeof config, "{\"providers\":{\"%s\":{\"key\":\"k\"}},\"budgets\":[{\"limit\":\"1 USD\"}]}", cases[i].provider);
        rig_open(&rig, config);
        fake_network_says(&rig.network, NULL, "hi", cases[i].billed, 10);
        llmcost_request *request = rig_ask(&space, cases[i].model, "hello");
        request->max_tokens = 10;
        request->tools = &tool;
        request->tool_count = cases[i].tool;
        assert_int_equal(llmcost_chat(rig.client, request, &response), LLMCOST_OK);
        assert_int_equal(rig_stat(&rig, "bounds_exceeded"), 0);
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

/* Figures as large as numbers go are bounded, shortened and refused like others. */
static void test_figures_beyond_measure(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, BUDGET("1 USD", "") ",\"routes\":{\"r\":{\"cascade\":[\"openai/gpt-4o-mini\",\"openai/gpt-4o\"]}}}");
    usage_known(&rig.network);
    llmcost_response *response = chat(&rig, "openai/gpt-4o", INT64_MAX, LLMCOST_OK);
    assert_true(rig_line(response, 0, "bound_nano") <= INT64_C(1000000000));
    assert_true(rig_line(response, 0, "bound_nano") > INT64_C(1000000000) - 10000); /* all that there is */
    llmcost_response_free(response);
    assert_int_equal(rig.network.request_count, 1);
    static const char *const names[] = { "openai/gpt-4o", "r" }; /* a cascade adds to what the host has bounded */
    for (size_t i = 0; i < 2; i++) {
        llmcost_request *request = rig_ask(&space, names[i], "hello");
        request->input_bound_tokens = INT64_MAX;
        request->max_tokens = 100;
        assert_int_equal(llmcost_chat(rig.client, request, &response), LLMCOST_E_BUDGET);
        assert_non_null(strstr(llmcost_error_message(llmcost_response_error(response)), "may cost $9223372036.85"));
        assert_int_equal(rig.network.request_count, 1);
        llmcost_response_free(response);
    }
    rig_close(&rig);
}

static llmcost_status with_extra(const char *config, const char *extra, int64_t input_bound, int64_t *bound_nano, size_t *sent)
{
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, config);
    usage_known(&rig.network);
    llmcost_request *request = rig_ask(&space, "openai/gpt-4o", "hello");
    request->max_tokens = 100;
    request->extra = extra;
    request->input_bound_tokens = input_bound;
    llmcost_status status = llmcost_chat(rig.client, request, &response);
    *bound_nano = rig_line(response, 0, "bound_nano");
    *sent = rig.network.request_count;
    assert_int_equal(rig_held(&rig), 0);
    llmcost_response_free(response);
    rig_close(&rig);
    return status;
}

/* What passes through to the provider may cost: under a hard budget only what is known not to, or what the host bounds. */
static void test_extra_members(void **unused)
{
    (void)unused;
    static const char hard[] = BUDGET("1 USD", "") "}", soft[] = BUDGET("1 USD", ",\"when_spent\":\"alert\"") "}";
    static const char priced[] = BUDGET("1 USD", "") ",\"prices\":{\"openai/gpt-4o\":{\"input_cost_per_token\":0.0000025,\"output_cost_per_token\":0.00001,"
                                 "\"input_cost_per_token_priority\":0.000005,\"output_cost_per_token_priority\":0.00002,\"litellm_provider\":\"openai\",\"mode\":\"chat\"}}}";
    static const char *const refused[] = {
        "{\"web_search_options\":{}}", "{\"top_k\":3,\"plugins\":[1]}", "{\"modalities\":[\"audio\"]}", "{\"enable_search\":true}", "{\"\":1}",
        "{\"service_tier\":\"golden\"}", "{\"service_tier\":1}", "{\"service\\u005ftier\":\"golden\"}", "{\"service_tier\":\"priority\",\"service_tier\":\"fast\"}",
    };
    static const char *const taken[] = {
        "{\"top_k\":3,\"logit_bias\":{}}", "{\"enable_search\":false,\"web_search_options\":null}", "{\"service_tier\":\"flex\"}", "{\"service_tier\":null}", "{}",
    };
    int64_t held;
    size_t sent;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (with_extra(hard, refused[i], 0, &held, &sent) != LLMCOST_E_BUDGET || sent)
            fail_msg("%s was let through", refused[i]);
        assert_int_equal(with_extra(soft, refused[i], 0, &held, &sent), LLMCOST_OK);
    }
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        if (with_extra(hard, taken[i], 0, &held, &sent))
            fail_msg("%s was refused", taken[i]);
        assert_int_equal(held, bound(100) + (int64_t)strlen(taken[i]) * 2500);
    }
    assert_int_equal(with_extra(hard, "{\"web_search_options\":{}}", 10000, &held, &sent), LLMCOST_OK);
    assert_int_equal(held, INT64_C(10000) * 2500 + 100 * 10000);
    assert_int_equal(with_extra(priced, "{\"service_tier\":\"priority\"}", 1000, &held, &sent), LLMCOST_OK);
    assert_int_equal(held, INT64_C(1000) * 5000 + 100 * 20000);
    assert_int_equal(with_extra(hard, "no json", 0, &held, &sent), LLMCOST_E_INVALID);
}

/* The reverse mistake: a provider that bills nothing is not stopped by a budget that is spent. */
static void test_a_free_provider_over_a_spent_budget(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\"},\"ollama-openai\":{}},\"budgets\":[{\"name\":\"b\",\"limit\":\"0.001 USD\"}]}");
    usage_known(&rig.network);
    assert_int_equal(llmcost_budget_correct(rig.client, "b", NULL, 1000000), LLMCOST_OK);
    llmcost_response_free(chat(&rig, "openai/gpt-4o", 100, LLMCOST_E_BUDGET));
    llmcost_response_free(chat(&rig, "ollama-openai/qwen2.5:7b", 100, LLMCOST_OK));
    assert_int_equal(llmcost_budget_correct(rig.client, "b", NULL, -1000000), LLMCOST_OK);
    rig_close(&rig);
}

/* A limit of 9 of 10 used, a call of 2: shrunk or refused, never 11. */
static void test_the_last_money(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_open(&rig, BUDGET("10 USD", "") "}");
    fake_network_says(&rig.network, NULL, "hi", 50, 90000);
    assert_int_equal(llmcost_budget_correct(rig.client, "b", NULL, INT64_C(9000000000)), LLMCOST_OK);
    llmcost_response *response = chat(&rig, "openai/gpt-4o", 200000, LLMCOST_OK);
    assert_true(rig_line(response, 0, "bound_nano") <= 1000000000);
    llmcost_response_free(response);
    assert_true(rig_spent(&rig) <= INT64_C(10000000000));
    rig_close(&rig);
}

/* A bound of the host's is one of the prompt that he wrote: what a cascade adds to it is counted too. */
static void test_the_hosts_bound_covers_his_prompt_only(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, BUDGET("1 USD", "") ",\"routes\":{\"r\":{\"cascade\":[\"openai/gpt-4o-mini\",\"openai/gpt-4o\"],\"escalate_on\":{\"marker\":\"NO\",\"marker_instruction\":\"0123456789012345678901234567890123456789\"}}}}");
    fake_network_says(&rig.network, "gpt-4o-mini", "NO", 10, 5);
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    llmcost_request *request = rig_ask(&space, "r", "hello");
    request->input_bound_tokens = 1000;
    request->max_tokens = 100;
    assert_int_equal(llmcost_chat(rig.client, request, &response), LLMCOST_OK);
    assert_int_equal(rig_line(response, 0, "bound_nano"), (1000 + 40 + 16) * 150 + 100 * 600);
    assert_int_equal(rig_line(response, 1, "bound_nano"), 1000 * 2500 + 100 * 10000);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void copy_receipt(const llmcost_response *response, void *user)
{
    snprintf(user, 2000, "%s", llmcost_response_receipt(response));
}

/* The receipt names the call's tags, when the request they came with is long gone. */
static void test_tags_on_the_receipt(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    char seen[2000], name[] = "feature", value[] = "f\"q";
    llmcost_response *response;
    llmcost_tag tags[] = { { name, value }, { "team", "a" } };
    rig_open(&rig, "{" RIG_OPENAI "}");
    assert_int_equal(llmcost_client_on_receipt(rig.client, copy_receipt, seen), LLMCOST_OK);
    usage_known(&rig.network);
    llmcost_request *request = rig_ask(&space, "openai/gpt-4o", "hello");
    assert_int_equal(llmcost_chat(rig.client, request, &response), LLMCOST_OK);
    assert_non_null(strstr(seen, "\"tags\":[]"));
    llmcost_response_free(response);
    request->tags = tags;
    request->tag_count = 2;
    assert_int_equal(llmcost_chat(rig.client, request, &response), LLMCOST_OK);
    memset(name, 'x', sizeof name - 1);
    memset(value, 'x', sizeof value - 1);
    static const char expected[] = "\"tags\":[{\"name\":\"feature\",\"value\":\"f\\\"q\"},{\"name\":\"team\",\"value\":\"a\"}]";
    assert_non_null(strstr(seen, expected));
    assert_non_null(strstr(llmcost_response_receipt(response), expected));
    llmcost_response_free(response);
    rig_close(&rig);
}

/* ---- an engine that answers later, from another thread ---- */

typedef struct late_engine {
    llmc_account_engine base;
    llmc_account_engine *inner;
    llmc_hold_outcome outcome;
    bool here;               /* answers before hold returns */
    bool mute;               /* does not answer by itself */
    int holds, settles;
    pthread_t thread;
    bool started;
    struct { llmc_hold_fn fn; void *user; llmc_hold_reply reply; } pending;
    llmc_ticket *ticket;
} late_engine;

static void *answer_later(void *user)
{
    late_engine *engine = user;
    nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    engine->pending.fn(engine->pending.user, &engine->pending.reply);
    return NULL;
}

static void keep_reply(void *user, const llmc_hold_reply *reply)
{
    *(llmc_hold_reply *)user = *reply;
}

static void late_hold(llmc_account_engine *base, llmc_ticket *ticket, const llmc_account_ref *refs, size_t count, int64_t bound_nano, int64_t wall_ms, llmc_hold_fn fn, void *user)
{
    late_engine *engine = (late_engine *)base;
    engine->holds++;
    engine->ticket = ticket;
    engine->pending.fn = fn;
    engine->pending.user = user;
    engine->pending.reply = (llmc_hold_reply){ .outcome = engine->outcome };
    if (engine->outcome == LLMC_HOLD_GRANTED)
        engine->inner->hold(engine->inner, ticket, refs, count, bound_nano, wall_ms, keep_reply, &engine->pending.reply);
    if (engine->mute)
        return;
    if (engine->here) {
        fn(user, &engine->pending.reply);
        return;
    }
    if (engine->started)
        pthread_join(engine->thread, NULL);
    engine->started = true;
    pthread_create(&engine->thread, NULL, answer_later, engine);
}

static void late_settle(llmc_account_engine *base, llmc_ticket *ticket, int64_t amount_nano, llmc_settled_fn fn, void *user)
{
    late_engine *engine = (late_engine *)base;
    engine->settles++;
    engine->inner->settle(engine->inner, ticket, amount_nano, fn, user);
}

static void late_wait(llmc_account_engine *base, llmc_account_waiter *waiter)
{
    late_engine *engine = (late_engine *)base;
    engine->inner->wait(engine->inner, waiter);
}

static void late_unwait(llmc_account_engine *base, llmc_account_waiter *waiter)
{
    late_engine *engine = (late_engine *)base;
    engine->inner->unwait(engine->inner, waiter);
}

static llmcost_status late_describe(llmc_account_engine *base, int64_t wall_ms, llmc_buffer *out)
{
    late_engine *engine = (late_engine *)base;
    return engine->inner->describe(engine->inner, wall_ms, out);
}

static void late_free(llmc_account_engine *base)
{
    late_engine *engine = (late_engine *)base;
    engine->inner->free(engine->inner);
}

static void install(engine_rig *rig, late_engine *engine, const char *config)
{
    rig_open(rig, config);
    engine->inner = rig->client->services.accounts;
    engine->base = (llmc_account_engine){ "late", true, late_hold, NULL, late_settle, late_wait, late_unwait, NULL, late_describe, late_free };
    rig->client->services.accounts = &engine->base;
    rig->clock.frozen = 1;
    usage_known(&rig->network);
}

static void test_an_engine_that_answers_later(void **unused)
{
    (void)unused;
    engine_rig rig;
    late_engine engine = { .outcome = LLMC_HOLD_GRANTED };
    install(&rig, &engine, BUDGET("1 USD", "") "}");
    llmcost_response_free(chat(&rig, "openai/gpt-4o", 100, LLMCOST_OK));
    pthread_join(engine.thread, NULL);
    assert_int_equal(engine.settles, 1);
    assert_int_equal(rig_spent(&rig), 75000);
    engine.here = true;
    llmcost_response_free(chat(&rig, "openai/gpt-4o", 100, LLMCOST_OK));
    assert_int_equal(engine.settles, 2);
    rig_close(&rig);
}

static void test_an_engine_that_cannot_tell(void **unused)
{
    (void)unused;
    engine_rig rig;
    late_engine engine = { .outcome = LLMC_HOLD_UNAVAILABLE };
    install(&rig, &engine, BUDGET("1 USD", "") "}");
    llmcost_response_free(chat(&rig, "openai/gpt-4o", 100, LLMCOST_E_BUDGET));
    assert_int_equal(rig.network.request_count, 0);
    pthread_join(engine.thread, NULL);
    rig_close(&rig);

    late_engine soft = { .outcome = LLMC_HOLD_UNAVAILABLE, .here = true };
    install(&rig, &soft, BUDGET("1 USD", ",\"when_spent\":\"alert\"") "}");
    llmcost_response_free(chat(&rig, "openai/gpt-4o", 100, LLMCOST_OK)); /* it only counts: it never refuses */
    assert_int_equal(soft.settles, 0);
    rig_close(&rig);
}

/* The caller has left when the engine grants: nothing stays held. */
static void test_a_grant_that_comes_too_late(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    late_engine engine = { .outcome = LLMC_HOLD_GRANTED, .mute = true };
    llmcost_response *response;
    install(&rig, &engine, BUDGET("1 USD", "") "}");
    rig.clock.frozen = 0;
    rig_ask(&space, "openai/gpt-4o", "hello")->deadline_ms = 500;
    assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_E_DEADLINE);
    llmcost_response_free(response);
    assert_true(rig_held(&rig) > 0);
    engine.pending.fn(engine.pending.user, &engine.pending.reply);
    assert_int_equal(engine.settles, 1);
    assert_int_equal(rig_held(&rig), 0);
    assert_int_equal(rig.network.request_count, 0);
    rig_close(&rig);
}

/* As many as a ticket has places for are all settled; one more is a mistake of the config, and nothing is sent. */
static void test_as_many_budgets_as_match(void **unused)
{
    (void)unused;
    for (int count = 16; count <= 17; count++) {
        engine_rig rig;
        char config[2000];
        int length = snprintf(config, sizeof config, "{" RIG_OPENAI ",\"budgets\":[");
        for (int i = 0; i < count; i++)
            length += snprintf(config + length, sizeof config - (size_t)length, "%s{\"name\":\"b%d\",\"limit\":\"1 USD\"}", i ? "," : "", i);
        snprintf(config + length, sizeof config - (size_t)length, "]}");
        rig_open(&rig, config);
        usage_known(&rig.network);
        llmcost_response *response = chat(&rig, "openai/gpt-4o", 100, count > 16 ? LLMCOST_E_CONFIG : LLMCOST_OK);
        assert_int_equal(rig_spent(&rig), count > 16 ? 0 : 16 * 75000);
        assert_int_equal(rig.network.request_count, count == 16);
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

/* A tier that is dearer, at a model of which the catalog knows no price for it: what it costs has no bound. */
static void test_a_tier_of_a_price_unknown(void **unused)
{
    (void)unused;
    int64_t held;
    size_t sent;
    static const char worst[] = BUDGET("1 USD", "") ",\"unknown_price\":{\"input\":30,\"output\":60},\"prices\":{\"llmcost_prices\":1,\"unit\":\"per_million_tokens\","
                                "\"models\":{\"openai/gpt-4o\":{\"input\":1,\"output\":2,\"priority_multiplier\":1}}}}";
    assert_int_equal(with_extra(worst, "{\"service_tier\":\"priority\"}", 0, &held, &sent), LLMCOST_E_BUDGET);
    assert_int_equal(sent, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hold_and_settle),
        cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_shortening),
        cmocka_unit_test(test_the_bound_is_sent),
        cmocka_unit_test(test_settling),
        cmocka_unit_test(test_a_missing_side_is_flagged),
        cmocka_unit_test(test_the_currency_of_the_price), cmocka_unit_test(test_a_stated_cost_without_a_rate),
        cmocka_unit_test(test_a_settle_above_its_hold_is_counted),
        cmocka_unit_test(test_settled_in_the_window_of_the_hold),
        cmocka_unit_test(test_waiting_for_room),
        cmocka_unit_test(test_a_window_that_turns_while_one_waits),
        cmocka_unit_test(test_a_deadline_ends_the_waiting),
        cmocka_unit_test(test_a_burst_never_overshoots),
        cmocka_unit_test(test_unknown_prices),
        cmocka_unit_test(test_a_soft_budget_changes_nothing),
        cmocka_unit_test(test_a_soft_budget_without_a_bound_counts),
        cmocka_unit_test(test_silence_under_a_soft_budget_without_a_bound), cmocka_unit_test(test_the_window_of_an_alert), cmocka_unit_test(test_lengths_that_nobody_stated),
        cmocka_unit_test(test_images_need_a_bound), cmocka_unit_test(test_images_are_held_at_their_dearest),
        cmocka_unit_test(test_thinking_beside_the_length_is_held), cmocka_unit_test(test_sound_is_held_at_its_rate),
        cmocka_unit_test(test_what_hosts_add_to_a_prompt), cmocka_unit_test(test_figures_beyond_measure),
        cmocka_unit_test(test_extra_members),
        cmocka_unit_test(test_a_free_provider_over_a_spent_budget),
        cmocka_unit_test(test_the_last_money),
        cmocka_unit_test(test_the_hosts_bound_covers_his_prompt_only),
        cmocka_unit_test(test_tags_on_the_receipt),
        cmocka_unit_test(test_an_engine_that_answers_later),
        cmocka_unit_test(test_an_engine_that_cannot_tell),
        cmocka_unit_test(test_a_grant_that_comes_too_late),
        cmocka_unit_test(test_as_many_budgets_as_match), cmocka_unit_test(test_a_tier_of_a_price_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
