/* Vectors on a loop: beside chats, in parts, as a request and as a body; cancelled, refused, and never called back twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../support/engine_rig.h"

#define CONFIG "{\"providers\":{\"cohere\":{\"key\":\"k\",\"retries\":0},\"openai\":{\"key\":\"k\",\"retries\":0}},\"cache\":{\"memory\":{}}}"
#define MODEL "cohere/embed-v4.0"

enum { COHERE_TAKES = 96, MOST = 100 };

typedef struct ended {
    int times;
    uint64_t call;
    llmcost_response *response;
} ended;

static void on_done(uint64_t call, llmcost_response *response, void *user)
{
    ended *end = user;
    end->times++;
    end->call = call;
    end->response = response;
}

/* The host says the place of each text, counted from `first`. */
static fake_exchange *says_places(engine_rig *rig, const char *match, int first, int count)
{
    static char body[MOST * 16];
    char *at = body + sprintf(body, "{\"embeddings\":{\"float\":[");
    for (int i = first; i < first + count; i++)
        at += sprintf(at, "%s[%d]", i == first ? "" : ",", i);
    at += sprintf(at, "]},\"meta\":{\"billed_units\":{\"input_tokens\":%d}}}", count);
    fake_exchange *exchange = fake_network_add(&rig->network, NULL);
    exchange->body = match;
    fake_exchange_piece(exchange, 0, body, (size_t)(at - body));
    return exchange;
}

static llmcost_status submit(llmcost_loop *loop, uint32_t count, ended *end, uint64_t *call)
{
    char first[] = "first", other[] = "other"; /* gone when this returns: they are copied */
    const char *inputs[MOST];
    for (uint32_t i = 0; i < count; i++)
        inputs[i] = i ? other : first;
    llmcost_request request = LLMCOST_REQUEST_INIT;
    request.model = MODEL;
    request.inputs = inputs;
    request.input_count = count;
    return llmcost_loop_submit_embed(loop, &request, on_done, end, call);
}

static void run(llmcost_loop *loop)
{
    for (int i = 0; i < 100 && llmcost_loop_pending(loop); i++)
        assert_int_equal(llmcost_loop_poll(loop, 1000), LLMCOST_OK);
    assert_int_equal(llmcost_loop_pending(loop), 0);
}

static void check(ended *end, llmcost_status status, uint32_t count)
{
    assert_int_equal(end->times, 1);
    if (llmcost_response_status(end->response) != status)
        fail_msg("%s", llmcost_error_message(llmcost_response_error(end->response)));
    rig_check_receipt(end->response);
    assert_int_equal(llmcost_response_embedding_count(end->response), count);
    for (uint32_t i = 0; i < count; i++)
        assert_true(*llmcost_response_embedding(end->response, i, NULL) == (float)i);
    llmcost_response_free(end->response);
    *end = (ended){ 0 };
}

static void test_parts_beside_a_chat(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_loop *loop = NULL;
    ended vectors = { 0 }, chat = { 0 };
    uint64_t call = 0;
    rig_open(&rig, CONFIG);
    says_places(&rig, "\"first\"", 0, COHERE_TAKES);
    says_places(&rig, "\"texts\"", COHERE_TAKES, MOST - COHERE_TAKES);
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    assert_int_equal(llmcost_loop_open(rig.client, &loop), LLMCOST_OK);
    assert_int_equal(submit(loop, MOST, &vectors, &call), LLMCOST_OK);
    assert_int_equal(llmcost_loop_submit(loop, rig_ask(&space, "openai/gpt-4o", "hello"), NULL, on_done, &chat, NULL), LLMCOST_OK);
    assert_int_equal(llmcost_loop_pending(loop), 2);
    assert_int_equal(vectors.times, 0);
    run(loop);
    assert_int_equal(vectors.call, call);
    assert_int_equal(llmcost_response_line_count(vectors.response), 2);
    assert_int_equal(llmcost_response_tokens(vectors.response, LLMCOST_INPUT), MOST);
    check(&vectors, LLMCOST_OK, MOST);
    check(&chat, LLMCOST_OK, 0);
    uint64_t before = rig.network.request_count;
    assert_int_equal(submit(loop, MOST, &vectors, NULL), LLMCOST_OK);
    run(loop);
    assert_int_equal(llmcost_response_from_cache(vectors.response), 1);
    check(&vectors, LLMCOST_OK, MOST);
    assert_int_equal(rig.network.request_count, before);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    rig_close(&rig);
}

static void test_a_body(void **unused)
{
    (void)unused;
    static const char body[] = "{\"model\":\"" MODEL "\",\"input\":[\"a\",\"b\"],\"encoding_format\":\"base64\"}", bad[] = "{\"model\":\"" MODEL "\",\"input\":[5]}";
    engine_rig rig;
    llmcost_loop *loop = NULL;
    ended end = { 0 };
    uint64_t call = 0;
    rig_open(&rig, CONFIG);
    says_places(&rig, NULL, 0, 2);
    assert_int_equal(llmcost_loop_open(rig.client, &loop), LLMCOST_OK);
    assert_int_equal(llmcost_loop_submit_embed_json(loop, body, 0, on_done, &end, &call), LLMCOST_OK);
    assert_true(call > 0);
    run(loop);
    assert_non_null(strstr(llmcost_response_json(end.response), "\"embedding\":\"AACAPw==\"")); /* 1 as four bytes */
    check(&end, LLMCOST_OK, 2);
    assert_int_equal(llmcost_loop_submit_embed_json(loop, bad, strlen(bad), on_done, &end, NULL), LLMCOST_OK);
    assert_int_equal(end.times, 0); /* never from here */
    run(loop);
    check(&end, LLMCOST_E_INVALID, 0);
    assert_int_equal(rig.network.request_count, 1);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    rig_close(&rig);
}

/* With parts under way: nothing of them is left, and closing the loop does the same. */
static void test_cancelled(void **unused)
{
    (void)unused;
    for (int closes = 0; closes < 2; closes++) {
        engine_rig rig;
        llmcost_loop *loop = NULL;
        ended end = { 0 };
        uint64_t call = 0;
        rig_open(&rig, CONFIG);
        fake_network_add(&rig.network, NULL)->done_ms = FAKE_SILENT;
        assert_int_equal(llmcost_loop_open(rig.client, &loop), LLMCOST_OK);
        assert_int_equal(submit(loop, MOST, &end, &call), LLMCOST_OK);
        assert_int_equal(llmcost_loop_poll(loop, 0), LLMCOST_OK);
        assert_int_equal(rig.network.request_count, 2);
        if (!closes) {
            assert_int_equal(llmcost_loop_cancel(loop, call), LLMCOST_OK);
            run(loop);
        }
        assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
        check(&end, LLMCOST_E_CANCELLED, 0);
        rig_close(&rig);
    }
}

static void test_misuse(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_loop *loop = NULL;
    ended end = { 0 };
    uint64_t call = 9;
    rig_open(&rig, CONFIG);
    assert_int_equal(llmcost_loop_open(rig.client, &loop), LLMCOST_OK);
    assert_int_equal(submit(NULL, 1, &end, &call), LLMCOST_E_MISUSE);
    assert_int_equal(call, 0);
    assert_int_equal(llmcost_loop_submit_embed(loop, NULL, on_done, &end, &call), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_loop_submit_embed_json(loop, NULL, 0, on_done, &end, &call), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_loop_submit_embed_json(loop, "{}", 2, NULL, &end, &call), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_loop_submit_embed_json(NULL, "{}", 2, on_done, &end, &call), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_loop_submit_embed(loop, rig_ask(&space, MODEL, "messages"), NULL, &end, &call), LLMCOST_E_MISUSE);
    assert_int_equal(end.times, 0);
    /* A question is no text to embed, nor the other way round. */
    assert_int_equal(llmcost_loop_submit_embed(loop, rig_ask(&space, MODEL, "messages"), on_done, &end, &call), LLMCOST_OK);
    run(loop);
    check(&end, LLMCOST_E_INVALID, 0);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_beside_a_chat),
        cmocka_unit_test(test_a_body),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
