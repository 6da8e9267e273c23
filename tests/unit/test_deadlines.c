/* Each deadline has an error of its own, and none is waited for longer than it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../support/engine_rig.h"

#define CONFIG "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0,\"connect_ms\":1000,\"first_byte_ms\":2000,\"idle_ms\":3000}}," \
               "\"cache\":{\"memory\":{},\"sampled\":true},\"budgets\":[{\"limit\":\"1 USD\"}]}"

typedef void (*script_fn)(fake_exchange *exchange);

static void check(script_fn script, int32_t deadline_ms, llmcost_status expected, int64_t expected_ms)
{
    for (int streams = 0; streams < 2; streams++) {
        engine_rig rig;
        rig_request space;
        char text[200];
        llmcost_response *response = NULL;
        rig_open(&rig, CONFIG);
        script(fake_network_add(&rig.network, NULL));
        rig_ask(&space, "openai/gpt-4o", "hello")->deadline_ms = deadline_ms;
        llmcost_status status = streams ? rig_stream(&rig, &space.request, text, sizeof text, &response) : llmcost_chat(rig.client, &space.request, &response);
        assert_int_equal(status, expected);
        assert_int_equal(fake_clock_ms(&rig.clock), expected_ms);
        assert_int_equal(rig_held(&rig), 0);
        assert_int_equal(rig_spent(&rig), llmcost_response_cost_nano(response));
        assert_int_equal(rig_stat(&rig, "stores"), 0); /* nothing of it is kept */
        rig_check_receipt(response);
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

static void never_opens(fake_exchange *exchange)
{
    exchange->opening_ms = FAKE_SILENT;
}

static void never_connects(fake_exchange *exchange)
{
    exchange->connected_ms = FAKE_SILENT;
}

static void never_answers(fake_exchange *exchange)
{
    exchange->connected_ms = 500;
    exchange->status_ms = FAKE_SILENT;
}

/* A status and headers are no byte of the answer. */
static void only_a_head(fake_exchange *exchange)
{
    exchange->connected_ms = exchange->status_ms = 500;
    exchange->done_ms = FAKE_SILENT;
}

static void stops_midway(fake_exchange *exchange)
{
    exchange->connected_ms = 500;
    exchange->headers[0] = "Content-Type: text/event-stream";
    exchange->status_ms = 1000;
    for (int i = 0; i < 3; i++) /* each piece begins the pause anew */
        fake_exchange_piece(exchange, 2000 + i * 2500, ": still here\n\n", 14);
    exchange->done_ms = FAKE_SILENT;
}

static void drips(fake_exchange *exchange)
{
    exchange->headers[0] = "Content-Type: text/event-stream";
    for (int i = 0; i < 60; i++)
        fake_exchange_piece(exchange, 1000 * (i + 1), ": drip\n\n", 8);
    exchange->done_ms = FAKE_SILENT;
}

static void test_each_deadline(void **unused)
{
    (void)unused;
    check(never_opens, 5000, LLMCOST_E_DEADLINE, 5000); /* waiting for a connection of ours is nobody's time-out */
    check(never_connects, 0, LLMCOST_E_CONNECT_TIMEOUT, 1000);
    check(never_answers, 0, LLMCOST_E_FIRST_BYTE_TIMEOUT, 2500);
    check(only_a_head, 0, LLMCOST_E_FIRST_BYTE_TIMEOUT, 2500);
    check(stops_midway, 0, LLMCOST_E_IDLE_TIMEOUT, 7000 + 3000);
    check(drips, 30000, LLMCOST_E_DEADLINE, 30000);
    check(never_answers, 700, LLMCOST_E_DEADLINE, 700);
    check(never_connects, 1, LLMCOST_E_DEADLINE, 1);
}

static void test_the_config_s_deadline_and_none(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0,\"first_byte_ms\":0}},\"deadline_ms\":4000}");
    fake_exchange *late = fake_network_says(&rig.network, NULL, "hi", 10, 5);
    late->status_ms = late->pieces[0].at_ms = late->done_ms = 86400000;
    assert_int_equal(llmcost_ask(rig.client, "openai/gpt-4o", "hello", &response), LLMCOST_E_DEADLINE);
    assert_int_equal(fake_clock_ms(&rig.clock), 4000);
    llmcost_response_free(response);
    rig_ask(&space, "openai/gpt-4o", "hello")->deadline_ms = -1;
    assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_OK);
    assert_int_equal(fake_clock_ms(&rig.clock), 4000 + 86400000);
    llmcost_response_free(response);
    rig_close(&rig);
}

/* ---- an answer that is whole, and an end of HTTP that never comes, or comes badly ---- */

typedef struct ending {
    bool streams;
    llmcost_status status;  /* of the transport */
    int64_t done_ms, expected_ms;
} ending;

static void check_ending(const ending *bad)
{
    engine_rig rig;
    rig_request space;
    char text[200];
    llmcost_response *response = NULL;
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":2,\"idle_ms\":3000}},\"budgets\":[{\"limit\":\"1 USD\"}]}");
    fake_exchange *exchange = bad->streams ? fake_network_streams(&rig.network, NULL, (const char *const[]){ "one", " two", NULL }, 10, 5)
                                              : fake_network_says(&rig.network, NULL, "one two", 10, 5);
    exchange->done_ms = bad->done_ms;
    exchange->status = bad->status;
    rig_ask(&space, "openai/gpt-4o", "hello");
    llmcost_status status = bad->streams ? rig_stream(&rig, &space.request, text, sizeof text, &response) : llmcost_chat(rig.client, &space.request, &response);
    assert_int_equal(status, LLMCOST_OK);
    assert_string_equal(llmcost_response_text(response), "one two");
    assert_int_equal(llmcost_response_tokens(response, LLMCOST_OUTPUT), 5);
    assert_int_equal(llmcost_response_cost_nano(response), 10 * 2500 + 5 * 10000);
    assert_null(strstr(llmcost_response_receipt(response), "estimated"));
    assert_int_equal(fake_clock_ms(&rig.clock), bad->expected_ms);
    assert_int_equal(rig.network.request_count, 1); /* and is not asked for again */
    assert_int_equal(rig.network.aborted, bad->done_ms == FAKE_SILENT);
    assert_int_equal(rig_held(&rig), 0);
    rig_check_receipt(response);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_a_whole_answer_is_one_however_badly_it_ends(void **unused)
{
    (void)unused;
    static const ending endings[] = {
        { false, LLMCOST_E_NETWORK, 7, 7 }, { false, LLMCOST_E_TRUNCATED, 7, 7 }, { false, LLMCOST_OK, FAKE_SILENT, 3000 },
        { true, LLMCOST_E_NETWORK, 7, 7 }, { true, LLMCOST_E_TRUNCATED, 7, 7 }, { true, LLMCOST_OK, FAKE_SILENT, 1003 },
    };
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        check_ending(&endings[i]);
}

/* A reader who looks at something else now and then: he waits as long as he says, and knows when next would not wait. */
static void test_polling_a_stream(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_stream *stream = NULL;
    const llmcost_event *event = NULL;
    llmcost_response *response = NULL;
    assert_int_equal(llmcost_stream_poll(NULL, 1000), 1); /* next is E_MISUSE at once */
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0}}}");
    fake_exchange *exchange = fake_network_streams(&rig.network, NULL, (const char *const[]){ "one", NULL }, 10, 5);
    exchange->done_ms += 2000;
    for (size_t i = 0; i < exchange->piece_count; i++)
        exchange->pieces[i].at_ms += 1000;
    assert_int_equal(llmcost_stream_open(rig.client, rig_ask(&space, "openai/gpt-4o", "hello"), &stream), LLMCOST_OK);
    assert_int_equal(llmcost_stream_poll(stream, 0), 0);
    assert_int_equal(fake_clock_ms(&rig.clock), 0);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(llmcost_stream_poll(stream, 300), 0);
        assert_int_equal(fake_clock_ms(&rig.clock), 300 * i);
    }
    char text[10] = "";
    for (int pieces = 0;; pieces++) {
        assert_int_equal(llmcost_stream_poll(stream, -1), 1);
        assert_in_range(fake_clock_ms(&rig.clock), 1000, 2100);
        int64_t before = fake_clock_ms(&rig.clock);
        assert_int_equal(llmcost_stream_poll(stream, 5000), 1); /* still there */
        assert_int_equal(llmcost_stream_next(stream, &event), LLMCOST_OK);
        assert_int_equal(fake_clock_ms(&rig.clock), before);
        if (!event)
            break;
        assert_in_range(pieces, 0, 10);
        if (llmcost_event_get_kind(event) == LLMCOST_EVENT_TEXT)
            strcat(text, llmcost_event_text(event, NULL));
    }
    assert_string_equal(text, "one");
    assert_int_equal(llmcost_stream_poll(stream, 0), 1); /* over is over */
    assert_int_equal(llmcost_stream_finish(stream, &response), LLMCOST_OK);
    llmcost_response_free(response);
    llmcost_stream_close(stream);
    assert_int_equal(llmcost_stream_open(rig.client, rig_ask(&space, "nobody", "hello"), &stream), LLMCOST_OK);
    assert_int_equal(llmcost_stream_poll(stream, -1), 1);
    assert_int_equal(llmcost_stream_next(stream, &event), LLMCOST_E_UNKNOWN_MODEL);
    llmcost_stream_close(stream);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_deadline),
        cmocka_unit_test(test_the_config_s_deadline_and_none),
        cmocka_unit_test(test_a_whole_answer_is_one_however_badly_it_ends),
        cmocka_unit_test(test_polling_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
