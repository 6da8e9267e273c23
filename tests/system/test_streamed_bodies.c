/* OpenAI-shaped streams: what their chunks add up to is the whole answer, whichever provider served it, cached or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/live.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Chunks put together as OpenAI's clients do it. */
typedef struct completion {
    char id[100], model[100], text[1000];
    json_t *logprobs, *usage, *citations;
    int usages, finishes;
} completion;

static void take_name(char *name, size_t room, const json_t *chunk, const char *member)
{
    const char *value = json_string_value(json_object_get(chunk, member));
    assert_non_null(value);
    if (*name)
        assert_string_equal(name, value); /* the same in every chunk */
    snprintf(name, room, "%s", value);
}

static void take_chunk(completion *all, const char *text)
{
    json_t *chunk = json_loads(text, 0, NULL);
    json_t *choice = json_array_get(json_object_get(chunk, "choices"), 0), *delta = json_object_get(choice, "delta");
    const char *piece = json_string_value(json_object_get(delta, "content"));
    assert_non_null(chunk);
    take_name(all->id, sizeof all->id, chunk, "id");
    take_name(all->model, sizeof all->model, chunk, "model");
    assert_true(!choice || json_is_object(delta));
    strncat(all->text, piece ? piece : "", 100);
    if (json_is_object(json_object_get(choice, "logprobs")))
        json_array_extend(all->logprobs, json_object_get(json_object_get(choice, "logprobs"), "content"));
    if (json_is_object(json_object_get(chunk, "usage"))) {
        assert_int_equal(json_array_size(json_object_get(chunk, "choices")), 0);
        all->usages++;
        json_object_update(all->usage, json_object_get(chunk, "usage"));
    }
    if (json_object_get(chunk, "citations")) {
        json_array_clear(all->citations);
        json_array_extend(all->citations, json_object_get(chunk, "citations"));
    }
    all->finishes += json_is_string(json_object_get(choice, "finish_reason"));
    json_decref(chunk);
}

static void completion_begin(completion *all)
{
    *all = (completion){ .logprobs = json_array(), .usage = json_object(), .citations = json_array() };
}

static void completion_end(completion *all)
{
    json_decref(all->logprobs);
    json_decref(all->usage);
    json_decref(all->citations);
}

static json_t *at(const json_t *json, const char *list, const char *name)
{
    return json_object_get(json_array_get(json_object_get(json, list), 0), name);
}

static void compare(const completion *all, llmcost_response *response, bool wants_usage)
{
    json_t *whole = json_loads(llmcost_response_json(response), 0, NULL), *logprobs = json_object_get(at(whole, "choices", "logprobs"), "content");
    assert_string_equal(all->id, json_string_value(json_object_get(whole, "id")));
    assert_string_equal(all->model, json_string_value(json_object_get(whole, "model")));
    assert_string_equal(all->text, json_string_value(json_object_get(at(whole, "choices", "message"), "content")));
    assert_int_equal(json_array_size(all->logprobs), json_array_size(logprobs));
    assert_true(!logprobs || json_equal(all->logprobs, logprobs));
    assert_int_equal(all->usages, wants_usage);
    assert_true(!wants_usage || json_equal(all->usage, json_object_get(whole, "usage")));
    assert_int_equal(json_array_size(all->citations), json_array_size(json_object_get(whole, "citations")));
    assert_int_equal(all->finishes, 1);
    json_decref(whole);
}

static void pull(live *all, const char *body, completion *told, llmcost_response **response)
{
    const llmcost_event *event;
    llmcost_stream *stream = NULL;
    llmcost_status status;
    assert_int_equal(llmcost_stream_open_json(all->client, body, 0, &stream), LLMCOST_OK);
    while ((status = llmcost_stream_next(stream, &event)) == LLMCOST_OK && event) {
        if (llmcost_event_json(event))
            take_chunk(told, llmcost_event_json(event));
    }
    assert_int_equal(status, LLMCOST_OK);
    assert_int_equal(llmcost_stream_finish(stream, response), LLMCOST_OK);
    llmcost_stream_close(stream);
}

static int on_event(const llmcost_event *event, void *user)
{
    if (llmcost_event_json(event))
        take_chunk(user, llmcost_event_json(event));
    return 0;
}

static llmcost_response *landed;

static void on_done(uint64_t call, llmcost_response *response, void *user)
{
    (void)call;
    (void)user;
    landed = response;
}

static void submit(live *all, const char *body, completion *told, llmcost_response **response)
{
    llmcost_loop *loop = NULL;
    assert_int_equal(llmcost_loop_open(all->client, &loop), LLMCOST_OK);
    assert_int_equal(llmcost_loop_submit_json(loop, body, 0, on_event, on_done, told, NULL), LLMCOST_OK);
    while (llmcost_loop_pending(loop))
        llmcost_loop_poll(loop, -1);
    llmcost_loop_close(loop);
    *response = landed;
    assert_int_equal(llmcost_response_status(*response), LLMCOST_OK);
}

/* The same body by pull, then from the cache on a loop, each with and without its counts. */
static void compare_all_ways(live *all, const char *model, const char *members, size_t logprobs, size_t citations)
{
    for (int way = 0; way < 4; way++) {
        bool counts = way < 2;
        char body[600];
        completion told;
        llmcost_response *response = NULL;
        snprintf(body, sizeof body, "{\"model\":\"%s\",\"max_tokens\":50,\"stream\":true%s,%s\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}", model,
                 counts ? ",\"stream_options\":{\"include_usage\":true}" : "", members);
        completion_begin(&told);
        (way % 2 ? submit : pull)(all, body, &told, &response);
        assert_int_equal(llmcost_response_from_cache(response), way > 0);
        compare(&told, response, counts);
        assert_int_equal(json_array_size(told.logprobs), logprobs);
        assert_int_equal(json_array_size(told.citations), citations);
        completion_end(&told);
        llmcost_response_free(response);
    }
}

#define CACHE "\"cache\":{\"memory\":{},\"sampled\":true}"

static void test_names_and_counts(void **state)
{
    (void)state;
    static const char *const models[] = { OPENAI_MODEL, ANTHROPIC_MODEL, GOOGLE_MODEL, OLLAMA_MODEL, COHERE_MODEL, BEDROCK_MODEL, RESPONSES_MODEL, AZURE_MODEL };
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        live all;
        live_open(&all, "{\"default\":{\"reply\":{\"text\":\"some text\",\"usage\":{\"prompt\":7,\"completion\":3}},\"chunk_bytes\":3}}", NULL, CACHE);
        compare_all_ways(&all, models[i], "", 0, 0);
        live_close(&all);
    }
}

/* Counts that no provider told are the receipt's, as in a whole answer. */
static void test_counts_that_nobody_told(void **state)
{
    (void)state;
    static const char *const models[] = { OPENAI_MODEL, ANTHROPIC_MODEL };
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        live all;
        live_open(&all, "{\"default\":{\"reply\":{\"text\":\"some text\"},\"fault\":{\"no_usage\":true},\"chunk_bytes\":3}}", NULL, CACHE);
        compare_all_ways(&all, models[i], "", 0, 0);
        live_close(&all);
    }
}

static void test_logprobs(void **state)
{
    (void)state;
    live all;
    live_open(&all, "{\"default\":{\"reply\":{\"text\":\"abcdef\",\"logprobs\":[-0.5,-0.25,-1.5]},\"chunks\":3}}", NULL, CACHE);
    compare_all_ways(&all, OPENAI_MODEL, "\"logprobs\":true,\"top_logprobs\":2,", 3, 0);
    live_close(&all);
}

static void test_what_comes_beside_the_text(void **state)
{
    (void)state;
    live all;
    live_open(&all, "{\"default\":{\"reply\":{\"raw\":{\"content_type\":\"text/event-stream\",\"body\":\""
                    "data: {\\\"id\\\":\\\"i1\\\",\\\"model\\\":\\\"gpt-4o-mini-2024-07-18\\\",\\\"citations\\\":[\\\"https://a\\\"],\\\"choices\\\":[{\\\"index\\\":0,\\\"delta\\\":{\\\"content\\\":\\\"so\\\"}}]}\\n\\n"
                    "data: {\\\"citations\\\":[\\\"https://a\\\",\\\"https://b\\\"],\\\"choices\\\":[{\\\"index\\\":0,\\\"delta\\\":{},\\\"finish_reason\\\":\\\"stop\\\"}]}\\n\\n"
                    "data: {\\\"choices\\\":[],\\\"usage\\\":{\\\"prompt_tokens\\\":3,\\\"completion_tokens\\\":2,\\\"total_tokens\\\":5}}\\n\\ndata: [DONE]\\n\\n\"}}}}", NULL, CACHE);
    compare_all_ways(&all, OPENAI_MODEL, "", 0, 2);
    live_close(&all);
}

/* A step that was not shown leaves nothing in the stream of the one that answers: no name, no log-probabilities. */
static void test_after_an_escalation(void **state)
{
    (void)state;
    live all;
    completion told;
    llmcost_response *response = NULL;
    live_open(&all, "{\"rules\":[{\"match\":{\"model\":\"gpt-4o-mini\"},\"reply\":{\"text\":\"UNCERTAIN\",\"logprobs\":[-3,-4]},\"chunks\":2}],"
                    "\"default\":{\"reply\":{\"text\":\"surely\",\"logprobs\":[-0.5]},\"chunks\":1}}",
              NULL, "\"routes\":{\"faq\":{\"cascade\":[\"" OPENAI_MODEL "\",\"openai/gpt-4o\"],\"escalate_on\":{\"marker\":\"UNCERTAIN\"}}}");
    completion_begin(&told);
    pull(&all, "{\"model\":\"faq\",\"stream\":true,\"logprobs\":true,\"stream_options\":{\"include_usage\":true},\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}", &told, &response);
    compare(&told, response, true);
    assert_string_equal(told.text, "surely");
    assert_string_equal(told.model, "gpt-4o");
    assert_int_equal(json_array_size(told.logprobs), 1);
    completion_end(&told);
    llmcost_response_free(response);
    live_close(&all);
}

/* The small model's log-probabilities are the cascade's business: who asked for none is shown none. */
static void test_logprobs_of_a_policy(void **state)
{
    (void)state;
    live all;
    completion told;
    llmcost_response *response = NULL;
    live_open(&all, "{\"default\":{\"reply\":{\"text\":\"surely\",\"logprobs\":[-0.01,-0.01]},\"chunks\":2}}", NULL,
              "\"routes\":{\"faq\":{\"cascade\":[\"" OPENAI_MODEL "\",\"openai/gpt-4o\"],\"escalate_on\":{\"logprob_below\":-1}}}");
    completion_begin(&told);
    pull(&all, "{\"model\":\"faq\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}", &told, &response);
    assert_string_equal(told.text, "surely");
    assert_string_equal(told.model, "gpt-4o-mini");
    assert_non_null(strstr(llmcost_mock_request_body(all.mock, 0, NULL), "\"logprobs\":true"));
    assert_int_equal(json_array_size(told.logprobs), 0);
    completion_end(&told);
    llmcost_response_free(response);
    live_close(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_counts), cmocka_unit_test(test_counts_that_nobody_told), cmocka_unit_test(test_logprobs),
        cmocka_unit_test(test_what_comes_beside_the_text), cmocka_unit_test(test_after_an_escalation),
        cmocka_unit_test(test_logprobs_of_a_policy),
    };
    alarm(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
