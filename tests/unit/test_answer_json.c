/* Answers as bytes: an exact way there and back, and nothing but a miss for what is no answer. */
#include "provider/answer.h"

#include "../support/counting_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static llmcost_event piece(int kind, uint32_t choice, const char *text, size_t bytes)
{
    return (llmcost_event){ .kind = kind, .choice = choice, .text = text, .bytes = bytes, .tool_id = "", .tool_name = "" };
}

static void add(llmc_answer_builder *builder, llmcost_event event)
{
    assert_true(llmc_answer_builder_add(builder, &event));
}

static llmc_usage every_count(void)
{
    llmc_usage usage;
    llmc_usage_init(&usage);
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++)
        usage.quantity[i] = i * 1000 - 1; /* the first is -1 */
    usage.quantity[LLMCOST_AUDIO_IN] = 0;
    usage.quantity[LLMCOST_REASONING] = INT64_MAX;
    usage.reported_prompt = 0;
    usage.reported_total = 99;
    usage.stated_cost_pico = 123456789;
    usage.flags = LLMC_USAGE_REPORTED | LLMC_USAGE_PRESUMED;
    memcpy(usage.tier, "priority\xc3\xa9x", 12);
    return usage;
}

/* Something in every field, zero bytes and four-byte characters too. */
static llmc_answer *full_answer(void)
{
    llmc_answer_builder b;
    llmc_usage usage = every_count();
    llmc_answer_builder_init(&b, &llmc_allocator_system, 10000);
    add(&b, (llmcost_event){ .kind = LLMC_EVENT_META, .text = "chat-\"1\"", .bytes = 8, .tool_name = "m\\x" });
    add(&b, piece(LLMCOST_EVENT_TEXT, 0, "a\0b\x01\x7f\"\\/\n\xf0\x9f\x98\x80", 13));
    add(&b, piece(LLMCOST_EVENT_REASONING, 0, "why\0", 4));
    add(&b, piece(LLMCOST_EVENT_REFUSAL, 0, "no", 2));
    add(&b, piece(LLMC_EVENT_SIGNATURE, 0, "s==", 3));
    add(&b, piece(LLMC_EVENT_REASONING_HIDDEN, 0, "hid", 3));
    add(&b, piece(LLMCOST_EVENT_LOGPROBS, 0, "[{\"logprob\": -1.2345678901234567890e-5, \"x\":\"\\ud83d\\u0000\"} , 1e999]", 65));
    llmcost_event call = piece(LLMCOST_EVENT_TOOL_CALL, 0, "", 0);
    call.tool_id = "call-1";
    call.tool_name = "f\xc3\xa9";
    add(&b, call);
    add(&b, piece(LLMCOST_EVENT_TOOL_ARGUMENTS, 0, "{\"a\": [1, 2]}", 13));
    call.tool_index = 1;
    call.tool_id = "";
    call.is_custom = true;
    add(&b, call);
    add(&b, (llmcost_event){ .kind = LLMCOST_EVENT_FINISH, .finish = LLMCOST_FINISH_TOOL_CALLS, .finish_raw = "tool_use" });
    add(&b, (llmcost_event){ .kind = LLMCOST_EVENT_FINISH, .choice = 2, .finish = LLMCOST_FINISH_ERROR, .finish_raw = "" });
    add(&b, (llmcost_event){ .kind = LLMCOST_EVENT_EXTRA, .tool_name = "cit\"a", .text = "[ \"x\" , 1.50 ]", .bytes = 14 });
    add(&b, (llmcost_event){ .kind = LLMCOST_EVENT_EXTRA, .tool_name = "", .text = "{\"y\":null}", .bytes = 10 });
    add(&b, piece(LLMC_EVENT_MODEL, 0, "m1", 2));
    add(&b, piece(LLMC_EVENT_MODEL, 0, "", 0));
    add(&b, piece(LLMC_EVENT_MODEL, 0, "m3", 2));
    b.target = "gpt\"4";
    llmc_answer *answer = llmc_answer_build(&b, "open\tai", "r-00ff", &usage, INT64_MAX);
    llmc_answer_builder_free(&b);
    assert_non_null(answer);
    return answer;
}

static llmc_answer *empty_answer(void)
{
    llmc_answer_builder b;
    llmc_usage usage;
    llmc_usage_init(&usage);
    llmc_answer_builder_init(&b, &llmc_allocator_system, 10);
    llmc_answer *answer = llmc_answer_build(&b, "", "", &usage, -5);
    llmc_answer_builder_free(&b);
    assert_non_null(answer);
    return answer;
}

static void assert_same_text(llmc_text a, llmc_text b)
{
    assert_int_equal(a.bytes, b.bytes);
    assert_memory_equal(a.text, b.text, a.bytes + 1);
}

static void assert_same_choice(const llmc_choice *a, const llmc_choice *b)
{
    assert_same_text(a->text, b->text);
    assert_same_text(a->reasoning, b->reasoning);
    assert_same_text(a->refusal, b->refusal);
    assert_same_text(a->signature, b->signature);
    assert_same_text(a->hidden_reasoning, b->hidden_reasoning);
    assert_same_text(a->logprobs, b->logprobs);
    assert_string_equal(a->finish_raw, b->finish_raw);
    assert_int_equal(a->finish, b->finish);
    assert_int_equal(a->tool_call_count, b->tool_call_count);
    for (uint32_t i = 0; i < a->tool_call_count; i++) {
        assert_string_equal(a->tool_calls[i].id, b->tool_calls[i].id);
        assert_string_equal(a->tool_calls[i].name, b->tool_calls[i].name);
        assert_string_equal(a->tool_calls[i].arguments, b->tool_calls[i].arguments);
        assert_int_equal(a->tool_calls[i].is_custom, b->tool_calls[i].is_custom);
    }
    assert_int_equal(a->message->part_count, b->message->part_count);
    assert_int_equal(a->message->text_bytes, b->message->text_bytes);
    assert_int_equal(a->message->tool_call_count, b->message->tool_call_count);
}

static void assert_same_usage(const llmc_usage *a, const llmc_usage *b)
{
    assert_memory_equal(a->quantity, b->quantity, sizeof a->quantity);
    assert_int_equal(a->reported_prompt, b->reported_prompt);
    assert_int_equal(a->reported_completion, b->reported_completion);
    assert_int_equal(a->reported_total, b->reported_total);
    assert_int_equal(a->stated_cost_pico, b->stated_cost_pico);
    assert_int_equal(a->flags, b->flags);
    assert_string_equal(a->tier, b->tier);
}

static void assert_same(const llmc_answer *a, const llmc_answer *b)
{
    assert_int_equal(a->bytes, b->bytes);
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->model, b->model);
    assert_string_equal(a->provider, b->provider);
    assert_string_equal(a->target, b->target);
    assert_string_equal(a->receipt_id, b->receipt_id);
    assert_string_equal(a->extra, b->extra);
    assert_int_equal(a->duration_ns, b->duration_ns);
    assert_same_usage(&a->usage, &b->usage);
    assert_int_equal(a->model_count, b->model_count);
    for (uint32_t i = 0; i < a->model_count; i++)
        assert_string_equal(a->models[i], b->models[i]);
    assert_int_equal(a->choice_count, b->choice_count);
    for (uint32_t i = 0; i < a->choice_count; i++)
        assert_same_choice(&a->choices[i], &b->choices[i]);
}

static llmc_buffer written(const llmc_answer *answer)
{
    llmc_buffer out;
    llmc_buffer_init(&out, &llmc_allocator_system, 1 << 20);
    assert_true(llmc_answer_write(answer, &out));
    assert_non_null(llmc_buffer_text(&out));
    return out;
}

static void assert_round_trip(llmc_answer *answer)
{
    llmc_buffer out = written(answer);
    llmc_answer *back = llmc_answer_read(&llmc_allocator_system, out.data, out.length);
    assert_non_null(back);
    assert_same(answer, back);
    llmc_buffer again = written(back);
    assert_int_equal(again.length, out.length);
    assert_memory_equal(again.data, out.data, out.length);
    llmc_buffer_free(&again);
    llmc_buffer_free(&out);
    llmc_answer_unref(back);
    llmc_answer_unref(answer);
}

static void test_there_and_back(void **state)
{
    (void)state;
    assert_round_trip(full_answer());
    assert_round_trip(empty_answer());
    assert_round_trip(llmc_answer_of_text(&llmc_allocator_system, "plain", 5));
    assert_round_trip(llmc_answer_of_text(&llmc_allocator_system, "\0", 1));
    llmc_answer *full = full_answer();
    assert_round_trip(llmc_answer_with_text(full, "", 0));
    llmc_answer_unref(full);
}

static llmc_answer *read_text(const char *text)
{
    size_t bytes = strlen(text);
    char *exact = malloc(bytes ? bytes : 1); /* no zero behind it: reading too far is found */
    memcpy(exact, text, bytes);
    llmc_answer *answer = llmc_answer_read(&llmc_allocator_system, exact, bytes);
    free(exact);
    return answer;
}

static void test_what_is_no_answer(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", " ", "null", "[]", "{}", "{\"llmcost_answer\":2}", "{\"llmcost_answer\":0}", "{\"llmcost_answer\":\"1\"}", "{\"llmcost_answer\":1", "{\"llmcost_answer\":1}}",
        "{\"llmcost_answer\":1}x", "{\"llmcost_answer\":1,}", "{\"choices\":[]}",
        "{\"llmcost_answer\":1,\"id\":1}", "{\"llmcost_answer\":1,\"id\":null}", "{\"llmcost_answer\":1,\"id\":\"a\\u0000b\"}", "{\"llmcost_answer\":1,\"model\":\"\\ud800\"}",
        "{\"llmcost_answer\":1,\"duration_ns\":1.5}", "{\"llmcost_answer\":1,\"duration_ns\":9223372036854775808}",
        "{\"llmcost_answer\":1,\"usage\":[]}", "{\"llmcost_answer\":1,\"usage\":{\"input\":-2}}", "{\"llmcost_answer\":1,\"usage\":{\"input\":\"3\"}}",
        "{\"llmcost_answer\":1,\"usage\":{\"images\":3}}", "{\"llmcost_answer\":1,\"usage\":{\"flags\":4294967296}}", "{\"llmcost_answer\":1,\"usage\":{\"tier\":\"twelve chars\"}}",
        "{\"llmcost_answer\":1,\"usage\":{\"total\":-1}}", "{\"llmcost_answer\":1,\"usage\":null}",
        "{\"llmcost_answer\":1,\"choices\":{}}", "{\"llmcost_answer\":1,\"choices\":[1]}", "{\"llmcost_answer\":1,\"choices\":[{\"text\":1}]}",
        "{\"llmcost_answer\":1,\"choices\":[{\"text\":\"\\ud800\"}]}", "{\"llmcost_answer\":1,\"choices\":[{\"text\":\"\xff\"}]}", "{\"llmcost_answer\":1,\"choices\":[{\"text\":\"\xed\xa0\x80\"}]}",
        "{\"llmcost_answer\":1,\"choices\":[{\"finish\":8}]}", "{\"llmcost_answer\":1,\"choices\":[{\"finish\":-1}]}", "{\"llmcost_answer\":1,\"choices\":[{\"finish_raw\":\"\\u0000\"}]}",
        "{\"llmcost_answer\":1,\"choices\":[{\"logprobs\":{}}]}", "{\"llmcost_answer\":1,\"choices\":[{\"logprobs\":[1,]}]}",
        "{\"llmcost_answer\":1,\"choices\":[{\"tool_calls\":{}}]}", "{\"llmcost_answer\":1,\"choices\":[{\"tool_calls\":[null]}]}",
        "{\"llmcost_answer\":1,\"choices\":[{\"tool_calls\":[{\"name\":[]}]}]}", "{\"llmcost_answer\":1,\"choices\":[{\"tool_calls\":[{\"arguments\":\"\\u0000\"}]}]}",
        "{\"llmcost_answer\":1,\"models\":\"a\"}", "{\"llmcost_answer\":1,\"models\":[1]}", "{\"llmcost_answer\":1,\"models\":[\"a\\u0000\"]}",
        "{\"llmcost_answer\":1,\"extra\":[]}", "{\"llmcost_answer\":1,\"extra\":{\"a\":}}", "{\"llmcost_answer\":1,\"extra\":{\"\\u0000\":1}}", "{\"llmcost_answer\":1,\"extra\":{\"\\udc00\":1}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        llmc_answer *answer = read_text(texts[i]);
        if (answer)
            fail_msg("taken for an answer: %s", texts[i]);
    }
}

static void test_what_is_passed_over(void **state)
{
    (void)state;
    llmc_answer *answer = read_text(" {\"new\":[{}],\"choices\":[{\"new\":1,\"text\":\"x\",\"logprobs\":[ ],\"tool_calls\":[{\"new\":2}]}],\"extra\":{},\"llmcost_answer\":1.0} ");
    assert_non_null(answer);
    assert_string_equal(answer->choices[0].text.text, "x");
    assert_int_equal(answer->choices[0].logprobs.bytes, 0);
    assert_int_equal(answer->choices[0].tool_call_count, 1);
    assert_string_equal(answer->choices[0].tool_calls[0].arguments, "{}");
    assert_string_equal(answer->extra, "{}");
    assert_int_equal(answer->usage.quantity[LLMCOST_INPUT], -1);
    llmc_answer_unref(answer);
}

/* Every prefix of an answer, and every answer with one byte changed, is a miss or an answer; never anything else. */
static void test_damaged_bytes(void **state)
{
    (void)state;
    llmc_answer *answer = full_answer();
    llmc_buffer out = written(answer);
    char *copy = malloc(out.length);
    unsigned misses = 0;
    for (size_t cut = 0; cut < out.length; cut++) {
        char *exact = malloc(cut ? cut : 1);
        memcpy(exact, out.data, cut);
        assert_null(llmc_answer_read(&llmc_allocator_system, exact, cut));
        free(exact);
    }
    for (size_t at = 0; at < out.length; at++) {
        static const char bytes[] = { 0, '"', '\\', '{', ']', '9', (char)0xff };
        for (size_t i = 0; i < sizeof bytes; i++) {
            memcpy(copy, out.data, out.length);
            copy[at] = bytes[i];
            llmc_answer *damaged = llmc_answer_read(&llmc_allocator_system, copy, out.length);
            misses += damaged == NULL;
            llmc_answer_unref(damaged);
        }
    }
    assert_true(misses > out.length * 3);
    free(copy);
    llmc_buffer_free(&out);
    llmc_answer_unref(answer);
}

static char *repeated(const char *before, const char *item, size_t count, const char *after)
{
    size_t each = strlen(item), from = strlen(before);
    char *text = malloc(from + count * each + strlen(after) + 1), *at = text + from;
    memcpy(text, before, from);
    for (size_t i = 0; i < count; i++, at += each)
        memcpy(at, item, each);
    strcpy(at, after);
    return text;
}

static void assert_count(const char *before, const char *item, size_t count, const char *after, bool accepted)
{
    char *text = repeated(before, item, count, after);
    llmc_answer *answer = read_text(text);
    assert_int_equal(answer != NULL, accepted);
    llmc_answer_unref(answer);
    free(text);
}

static void test_counts_are_bounded(void **state)
{
    (void)state;
    const char *choices = "{\"llmcost_answer\":1,\"choices\":[{}", *tools = "{\"llmcost_answer\":1,\"choices\":[{\"tool_calls\":[{}";
    assert_count(choices, ",{}", LLMC_ANSWER_MAX_CHOICES - 1, "]}", true);
    assert_count(choices, ",{}", LLMC_ANSWER_MAX_CHOICES, "]}", false);
    assert_count(tools, ",{}", LLMC_ANSWER_MAX_TOOL_CALLS - 1, "]}]}", true);
    assert_count(tools, ",{}", LLMC_ANSWER_MAX_TOOL_CALLS, "]}]}", false);
    assert_count("{\"llmcost_answer\":1,\"x\":", "[", 100000, "", false);
}

static void test_what_cannot_be_kept(void **state)
{
    (void)state;
    llmc_buffer out;
    llmc_answer *answer = llmc_answer_of_text(&llmc_allocator_system, "no UTF-8: \xff", 11);
    llmc_buffer_init(&out, &llmc_allocator_system, 1 << 20);
    assert_false(llmc_answer_write(answer, &out));
    llmc_buffer_free(&out);
    llmc_answer_unref(answer);
    answer = full_answer();
    llmc_buffer_init(&out, &llmc_allocator_system, 100);
    assert_false(llmc_answer_write(answer, &out));
    assert_int_equal(out.failure, LLMC_BUFFER_TOO_LARGE);
    llmc_buffer_free(&out);
    llmc_answer_unref(answer);
}

static void test_without_memory(void **state)
{
    (void)state;
    llmc_answer *answer = full_answer(), *back = NULL;
    llmc_buffer out = written(answer);
    long n = 0;
    while (!back) {
        counting_memory memory;
        counting_memory_init(&memory);
        memory.fail_at = ++n;
        back = llmc_answer_read(&memory.allocator, out.data, out.length);
        assert_int_equal(back == NULL, memory.failed);
        if (back)
            assert_same(answer, back);
        llmc_answer_unref(back);
        assert_int_equal(memory.blocks, 0);
    }
    assert_true(n > 10);
    bool complete = false;
    for (n = 1; !complete; n++) {
        counting_memory memory;
        llmc_buffer copy;
        counting_memory_init(&memory);
        memory.fail_at = n;
        llmc_buffer_init(&copy, &memory.allocator, 1 << 20);
        complete = llmc_answer_write(answer, &copy);
        assert_int_equal(complete, !memory.failed);
        llmc_buffer_free(&copy);
        assert_int_equal(memory.blocks, 0);
    }
    llmc_buffer_free(&out);
    llmc_answer_unref(answer);
}

static llmc_answer *read_vectors(const char *embeddings)
{
    char text[400];
    int bytes = snprintf(text, sizeof text, "{\"llmcost_answer\":1,\"usage\":{\"input\":3},\"choices\":[],\"embeddings\":%s}", embeddings);
    return llmc_answer_read(&llmc_allocator_system, text, (size_t)bytes);
}

static void test_vectors(void **state)
{
    (void)state;
    static const float numbers[] = { 1, 2, 3, 4 }; /* "AACAPwAAAEAAAEBAAACAQA==" */
    static const char *const wrong[] = {
        "{}", "[]", "null", "{\"dimensions\":2}", "{\"vectors\":\"AACAPwAAAEAAAEBAAACAQA==\"}", "{\"dimensions\":0,\"vectors\":\"AACAPwAAAEAAAEBAAACAQA==\"}",
        "{\"dimensions\":3,\"vectors\":\"AACAPwAAAEAAAEBAAACAQA==\"}", "{\"dimensions\":5,\"vectors\":\"AACAPwAAAEAAAEBAAACAQA==\"}",
        "{\"dimensions\":-2,\"vectors\":\"AACAPwAAAEAAAEBAAACAQA==\"}", "{\"dimensions\":2,\"vectors\":\"\"}", "{\"dimensions\":1,\"vectors\":\"AACA\"}",
        "{\"dimensions\":2,\"vectors\":\"AACAPwAAAEAAAEBAAAC$QA==\"}", "{\"dimensions\":2,\"vectors\":[1,2]}",
        "{\"dimensions\":2,\"vectors\":\"AACAPwAAAEAAAEBAAACAQA==\"},\"embeddings\":{\"dimensions\":2,\"vectors\":\"AACAPwAAAEAAAEBAAACAQA==\"}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        llmc_answer *answer = read_vectors(wrong[i]);
        if (answer)
            fail_msg("%s was read", wrong[i]);
    }
    llmc_answer *answer = read_vectors("{\"vectors\":\"AACAPwAAAEAAAEBAAACAQA==\",\"dimensions\":2,\"new\":[1]}");
    assert_non_null(answer);
    assert_int_equal(answer->embedding_count, 2);
    assert_int_equal(answer->dimensions, 2);
    assert_memory_equal(answer->embeddings, numbers, sizeof numbers);
    llmc_buffer out;
    llmc_buffer_init(&out, &llmc_allocator_system, 1 << 20);
    assert_true(llmc_answer_write(answer, &out));
    assert_non_null(strstr(llmc_buffer_text(&out), "\"embeddings\":{\"dimensions\":2,\"vectors\":\"AACAPwAAAEAAAEBAAACAQA==\"}"));
    llmc_answer *changed = llmc_answer_with_text(answer, "x", 1); /* whatever it is changed to, they stay */
    assert_memory_equal(changed->embeddings, numbers, sizeof numbers);
    llmc_answer_unref(changed);
    llmc_buffer_free(&out);
    llmc_answer_unref(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_what_is_no_answer),
        cmocka_unit_test(test_what_is_passed_over),
        cmocka_unit_test(test_damaged_bytes),
        cmocka_unit_test(test_counts_are_bounded),
        cmocka_unit_test(test_what_cannot_be_kept),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
