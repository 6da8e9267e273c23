/* Gathering answers from events, packing them, and changing their text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../support/counting_memory.h"
#include "provider/answer.h"

static const llmcost_event meta = { .kind = LLMC_EVENT_META, .text = "chat-1", .bytes = 6, .tool_name = "gpt-x-2026" };
static const llmcost_event finish_stop = { .kind = LLMCOST_EVENT_FINISH, .finish = LLMCOST_FINISH_STOP, .finish_raw = "end_turn" };

static llmcost_event piece(int kind, uint32_t choice, const char *text)
{
    return (llmcost_event){ .kind = kind, .choice = choice, .text = text, .bytes = strlen(text) };
}

static llmcost_event tool_event(int kind, uint32_t index, const char *id, const char *name, const char *arguments)
{
    return (llmcost_event){ .kind = kind, .tool_index = index, .tool_id = id, .tool_name = name, .text = arguments, .bytes = strlen(arguments) };
}

static llmcost_event extra(const char *name, const char *json)
{
    return (llmcost_event){ .kind = LLMCOST_EVENT_EXTRA, .tool_name = name, .text = json, .bytes = strlen(json) };
}

static llmc_usage some_usage(void)
{
    llmc_usage usage;
    llmc_usage_init(&usage);
    usage.quantity[LLMCOST_INPUT] = 12;
    usage.quantity[LLMCOST_OUTPUT] = 0;
    usage.flags = LLMC_USAGE_REPORTED;
    return usage;
}

static bool add_all(llmc_answer_builder *builder, const llmcost_event *events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!llmc_answer_builder_add(builder, &events[i]))
            return false;
    }
    return true;
}

/* An answer with something in every field. NULL without memory. */
static llmc_answer *full_answer(const llmc_allocator *allocator)
{
    const llmcost_event events[] = {
        meta,
        piece(LLMCOST_EVENT_REASONING, 0, "Let me "), piece(LLMCOST_EVENT_REASONING, 0, "think."), piece(LLMC_EVENT_SIGNATURE, 0, "sig=="),
        piece(LLMC_EVENT_REASONING_HIDDEN, 0, "opaque"), piece(LLMCOST_EVENT_TEXT, 0, "Hel"), piece(LLMCOST_EVENT_TEXT, 0, "lo"),
        { .kind = LLMCOST_EVENT_TEXT, .text = "\0!", .bytes = 2 },
        piece(LLMCOST_EVENT_LOGPROBS, 0, "[{\"token\":\"Hel\"}]"), piece(LLMCOST_EVENT_LOGPROBS, 0, "[ ]"), piece(LLMCOST_EVENT_LOGPROBS, 0, " no array"),
        piece(LLMCOST_EVENT_LOGPROBS, 0, "[ {\"token\":\"lo\"}\n]"),
        tool_event(LLMCOST_EVENT_TOOL_CALL, 0, "call_1", "look_up", ""), tool_event(LLMCOST_EVENT_TOOL_ARGUMENTS, 0, "", "", "{\"q\":"),
        tool_event(LLMCOST_EVENT_TOOL_ARGUMENTS, 0, "", "", "1}"), tool_event(LLMCOST_EVENT_TOOL_CALL, 1, "call_2", "stop_it", ""),
        tool_event(LLMCOST_EVENT_TOOL_CALL, 0, "", "", ""),
        finish_stop,
        piece(LLMCOST_EVENT_REFUSAL, 1, "No."), { .kind = LLMCOST_EVENT_FINISH, .choice = 1, .finish = LLMCOST_FINISH_LENGTH },
        { .kind = LLMCOST_EVENT_USAGE, .choice = 77 }, { .kind = LLMC_EVENT_TEXT_JSON, .choice = 78 },
        extra("citations", "[\"a\"]"), extra("x", "{\"y\":1}"),
    };
    llmc_answer_builder builder;
    llmc_usage usage = some_usage();
    llmc_answer *answer = NULL;
    llmc_answer_builder_init(&builder, allocator, 4096);
    if (add_all(&builder, events, sizeof events / sizeof events[0]))
        answer = llmc_answer_build(&builder, "openai", "r-0123", &usage, 42);
    else
        assert_true(builder.failed && !builder.too_large);
    llmc_answer_builder_free(&builder);
    return answer;
}

static void assert_text(llmc_text text, const char *expected, size_t bytes)
{
    assert_int_equal(text.bytes, bytes);
    assert_memory_equal(text.text, expected, bytes);
    assert_int_equal(text.text[bytes], 0);
}

static void check_first_choice(const llmc_choice *choice, const char *text, size_t bytes)
{
    assert_text(choice->text, text, bytes);
    assert_text(choice->reasoning, "Let me think.", 13);
    assert_text(choice->signature, "sig==", 5);
    assert_text(choice->hidden_reasoning, "opaque", 6);
    assert_text(choice->refusal, "", 0);
    assert_string_equal(choice->logprobs.text, "[{\"token\":\"Hel\"},{\"token\":\"lo\"}]");
    assert_int_equal(choice->finish, LLMCOST_FINISH_STOP);
    assert_string_equal(choice->finish_raw, "end_turn");
    assert_int_equal(choice->tool_call_count, 2);
    assert_string_equal(choice->tool_calls[0].id, "call_1");
    assert_string_equal(choice->tool_calls[0].name, "look_up");
    assert_string_equal(choice->tool_calls[0].arguments, "{\"q\":1}");
    assert_string_equal(choice->tool_calls[1].arguments, "{}");
    const llmcost_message *message = choice->message;
    assert_int_equal(message->role, LLMCOST_ASSISTANT);
    assert_null(message->text);
    assert_int_equal(message->part_count, 3);
    assert_int_equal(message->parts[0].type, LLMCOST_PART_REASONING);
    assert_string_equal(message->parts[0].text, "Let me think.");
    assert_string_equal(message->parts[0].signature, "sig==");
    assert_int_equal(message->parts[1].type, LLMCOST_PART_REASONING_HIDDEN);
    assert_string_equal(message->parts[1].text, "opaque");
    assert_int_equal(message->parts[2].type, LLMCOST_PART_TEXT);
    assert_int_equal(message->parts[2].text_bytes, bytes);
    assert_ptr_equal(message->parts[2].text, choice->text.text);
    assert_ptr_equal(message->tool_calls, choice->tool_calls);
    assert_int_equal(message->tool_call_count, 2);
}

static void check_around(const llmc_answer *answer)
{
    assert_string_equal(answer->id, "chat-1");
    assert_string_equal(answer->model, "gpt-x-2026");
    assert_string_equal(answer->provider, "openai");
    assert_string_equal(answer->receipt_id, "r-0123");
    assert_string_equal(answer->extra, "{\"citations\":[\"a\"],\"x\":{\"y\":1}}");
    assert_int_equal(answer->duration_ns, 42);
    assert_int_equal(answer->usage.quantity[LLMCOST_INPUT], 12);
    assert_int_equal(answer->usage.quantity[LLMCOST_OUTPUT], 0);
    assert_int_equal(answer->usage.quantity[LLMCOST_REASONING], -1);
    assert_int_equal(answer->choice_count, 2);
    assert_int_equal(answer->model_count, 0);
    assert_text(answer->choices[1].refusal, "No.", 3);
    assert_text(answer->choices[1].text, "", 0);
    assert_int_equal(answer->choices[1].finish, LLMCOST_FINISH_LENGTH);
    assert_string_equal(answer->choices[1].finish_raw, "");
    assert_string_equal(answer->choices[1].message->text, "");
    assert_int_equal(answer->choices[1].message->part_count, 0);
}

static void test_every_field(void **state)
{
    (void)state;
    llmc_answer *answer = full_answer(&llmc_allocator_system);
    assert_non_null(answer);
    check_first_choice(&answer->choices[0], "Hello\0!", 7);
    check_around(answer);
    llmc_answer_unref(answer);
}

static void test_one_allocation_and_references(void **state)
{
    (void)state;
    counting_memory memory;
    counting_memory_init(&memory);
    llmc_answer *answer = full_answer(&memory.allocator);
    assert_int_equal(memory.blocks, 1);
    assert_int_equal(memory.bytes, answer->bytes);
    assert_ptr_equal(llmc_answer_ref(answer), answer);
    llmc_answer_unref(answer);
    assert_int_equal(memory.blocks, 1);
    llmc_answer_unref(answer);
    assert_int_equal(memory.blocks, 0);
    llmc_answer_unref(NULL);
    assert_null(llmc_answer_ref(NULL));
}

static void test_other_text(void **state)
{
    (void)state;
    llmc_answer *answer = full_answer(&llmc_allocator_system);
    llmc_answer *changed = llmc_answer_with_text(answer, "Good\0bye", 8);
    assert_non_null(changed);
    llmc_answer_unref(answer); /* the copy stands alone */
    check_first_choice(&changed->choices[0], "Good\0bye", 8);
    check_around(changed);
    llmc_answer *emptied = llmc_answer_with_text(changed, "", 0);
    assert_text(emptied->choices[0].text, "", 0);
    assert_int_equal(emptied->choices[0].message->part_count, 2);
    llmc_answer_unref(emptied);
    llmc_answer_unref(changed);
}

static void test_of_text(void **state)
{
    (void)state;
    llmc_answer *answer = llmc_answer_of_text(&llmc_allocator_system, "a\0b", 3);
    assert_text(answer->choices[0].text, "a\0b", 3);
    assert_int_equal(answer->choice_count, 1);
    assert_int_equal(answer->choices[0].finish, LLMCOST_FINISH_STOP);
    assert_int_equal(answer->choices[0].message->text_bytes, 3);
    assert_ptr_equal(answer->choices[0].message->text, answer->choices[0].text.text);
    assert_string_equal(answer->extra, "{}");
    assert_int_equal(answer->usage.quantity[LLMCOST_OUTPUT], -1);
    llmc_answer_unref(answer);
    answer = llmc_answer_of_text(&llmc_allocator_system, "", 0);
    assert_int_equal(answer->choice_count, 1);
    assert_text(answer->choices[0].text, "", 0);
    llmc_answer_unref(answer);
}

static void test_models(void **state)
{
    (void)state;
    llmc_answer_builder builder;
    llmc_usage usage = some_usage();
    const llmcost_event cut = { .kind = LLMC_EVENT_MODEL, .text = "b\0c", .bytes = 3 };
    llmc_answer_builder_init(&builder, &llmc_allocator_system, 100);
    assert_true(llmc_answer_builder_is_empty(&builder));
    const llmcost_event events[] = { piece(LLMC_EVENT_MODEL, 0, "a"), cut, piece(LLMC_EVENT_MODEL, 0, ""), piece(LLMC_EVENT_MODEL, 0, "last") };
    assert_true(add_all(&builder, events, 4));
    assert_false(llmc_answer_builder_is_empty(&builder));
    llmc_answer *answer = llmc_answer_build(&builder, "p", "", &usage, 0), *copy = llmc_answer_with_text(answer, "x", 1);
    llmc_answer_unref(answer);
    assert_int_equal(copy->model_count, 4);
    assert_string_equal(copy->models[0], "a");
    assert_string_equal(copy->models[1], "b");
    assert_string_equal(copy->models[2], "");
    assert_string_equal(copy->models[3], "last");
    assert_int_equal(copy->choice_count, 0);
    llmc_answer_unref(copy);
    llmc_answer_builder_free(&builder);
}

/* What has come so far can be built, and the rest added later. */
static void test_build_twice(void **state)
{
    (void)state;
    llmc_answer_builder builder;
    llmc_usage usage = some_usage();
    llmc_answer_builder_init(&builder, &llmc_allocator_system, 1000);
    assert_true(llmc_answer_builder_add(&builder, &meta));
    assert_true(llmc_answer_builder_is_empty(&builder));
    const llmcost_event first[] = { piece(LLMCOST_EVENT_LOGPROBS, 0, "[1]"), extra("e", "[1]"), piece(LLMCOST_EVENT_TEXT, 0, "one") };
    assert_true(add_all(&builder, first, 3));
    llmc_answer *half = llmc_answer_build(&builder, "p", "r", &usage, 1);
    assert_string_equal(half->choices[0].logprobs.text, "[1]");
    assert_string_equal(half->extra, "{\"e\":[1]}");
    const llmcost_event second[] = { piece(LLMCOST_EVENT_LOGPROBS, 0, "[2]"), extra("e", "[2]"), piece(LLMCOST_EVENT_TEXT, 0, " two") };
    assert_true(add_all(&builder, second, 3));
    llmc_answer *whole = llmc_answer_build(&builder, "p", "r", &usage, 2);
    assert_string_equal(whole->choices[0].logprobs.text, "[1,2]");
    assert_string_equal(whole->extra, "{\"e\":[1,2]}");
    assert_string_equal(whole->choices[0].text.text, "one two");
    assert_string_equal(half->choices[0].text.text, "one");
    llmc_answer_unref(half);
    llmc_answer_unref(whole);
    llmc_answer_builder_free(&builder);
}

static void assert_extra(const char *first, const char *second, const char *expected)
{
    llmc_answer_builder builder;
    llmc_usage usage = some_usage();
    llmc_answer_builder_init(&builder, &llmc_allocator_system, 1000);
    const llmcost_event events[] = { extra("k", first), extra("k", second) };
    assert_true(add_all(&builder, events, 2));
    llmc_answer *answer = llmc_answer_build(&builder, "p", "r", &usage, 1);
    assert_string_equal(answer->extra, expected);
    llmc_answer_unref(answer);
    llmc_answer_builder_free(&builder);
}

static void test_extra_that_comes_again(void **state)
{
    (void)state;
    assert_extra("[\"a\"]", "[\"a\"]", "{\"k\":[\"a\"]}");
    assert_extra("[\"a\"]", "[\"a\",\"b\"]", "{\"k\":[\"a\",\"b\"]}");
    assert_extra("[\"a\"]", "[\"a\" , \"b\"]", "{\"k\":[\"a\" , \"b\"]}");
    assert_extra("[\"a\"]", "[\"b\"]", "{\"k\":[\"a\",\"b\"]}");
    assert_extra("[1]", "[12]", "{\"k\":[1,12]}");
    assert_extra("[1]", "[]", "{\"k\":[1]}");
    assert_extra("[]", "[1]", "{\"k\":[1]}");
    assert_extra("1", "[1]", "{\"k\":[1]}");
    assert_extra("[1]", "{\"a\":1}", "{\"k\":{\"a\":1}}");
    assert_extra("\"a\"", "", "{\"k\":\"a\"}");
}

static void test_output_bytes(void **state)
{
    (void)state;
    llmc_answer_builder builder;
    llmc_answer_builder_init(&builder, &llmc_allocator_system, 1000);
    assert_int_equal(llmc_answer_builder_output_bytes(&builder), 0);
    const llmcost_event events[] = {
        meta, piece(LLMCOST_EVENT_TEXT, 0, "1234"), piece(LLMCOST_EVENT_REASONING, 1, "56"), piece(LLMCOST_EVENT_REFUSAL, 1, "7"),
        tool_event(LLMCOST_EVENT_TOOL_CALL, 0, "id", "89", ""), tool_event(LLMCOST_EVENT_TOOL_ARGUMENTS, 0, "", "", "0"), finish_stop,
    };
    assert_true(add_all(&builder, events, sizeof events / sizeof events[0]));
    assert_int_equal(llmc_answer_builder_output_bytes(&builder), 10);
    llmc_answer_builder_free(&builder);
    assert_true(llmc_answer_builder_is_empty(&builder));
}

/* The maximum holds for all texts together, whichever they are. */
static void test_maximum(void **state)
{
    (void)state;
    const llmcost_event kinds[] = {
        piece(LLMCOST_EVENT_TEXT, 0, "12345"), piece(LLMCOST_EVENT_REASONING, 1, "12345"), piece(LLMC_EVENT_SIGNATURE, 0, "12345"), meta, extra("12", "345"),
        piece(LLMC_EVENT_MODEL, 0, "1234"), tool_event(LLMCOST_EVENT_TOOL_ARGUMENTS, 3, "", "", "12345"), tool_event(LLMCOST_EVENT_TOOL_CALL, 3, "12", "345", ""),
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        llmc_answer_builder builder;
        llmc_usage usage = some_usage();
        llmc_answer_builder_init(&builder, &llmc_allocator_system, 9);
        assert_true(llmc_answer_builder_add(&builder, &kinds[0]));
        assert_false(llmc_answer_builder_add(&builder, &kinds[i]));
        assert_true(builder.failed && builder.too_large);
        assert_false(llmc_answer_builder_add(&builder, &finish_stop));
        assert_null(llmc_answer_build(&builder, "p", "r", &usage, 1));
        llmc_answer_builder_free(&builder);
    }
    llmc_answer_builder builder;
    llmc_answer_builder_init(&builder, &llmc_allocator_system, 10);
    assert_true(add_all(&builder, kinds, 2));
    llmc_answer_builder_free(&builder);
}

/* A finish reason that is said again takes the place of the first. */
static void test_replacing_gives_room_back(void **state)
{
    (void)state;
    llmc_answer_builder builder;
    llmc_answer_builder_init(&builder, &llmc_allocator_system, 8);
    for (int i = 0; i < 5; i++)
        assert_true(llmc_answer_builder_add(&builder, &finish_stop));
    assert_int_equal(builder.used, 8);
    llmc_answer_builder_free(&builder);
}

static void assert_too_large(const llmcost_event *allowed, const llmcost_event *refused)
{
    counting_memory memory;
    llmc_answer_builder builder;
    counting_memory_init(&memory);
    llmc_answer_builder_init(&builder, &memory.allocator, 1000);
    assert_true(llmc_answer_builder_add(&builder, allowed));
    long bytes = memory.bytes;
    assert_false(llmc_answer_builder_add(&builder, refused));
    assert_true(builder.too_large);
    assert_int_equal(memory.bytes, bytes); /* refused before room is made */
    llmc_answer_builder_free(&builder);
    assert_int_equal(memory.blocks, 0);
}

static void test_indices_are_bounded(void **state)
{
    (void)state;
    llmcost_event last = piece(LLMCOST_EVENT_TEXT, LLMC_ANSWER_MAX_CHOICES - 1, "x"), beyond = piece(LLMCOST_EVENT_TEXT, LLMC_ANSWER_MAX_CHOICES, "x");
    assert_too_large(&last, &beyond);
    beyond.choice = UINT32_MAX;
    assert_too_large(&last, &beyond);
    last = tool_event(LLMCOST_EVENT_TOOL_CALL, LLMC_ANSWER_MAX_TOOL_CALLS - 1, "i", "n", "");
    beyond = tool_event(LLMCOST_EVENT_TOOL_ARGUMENTS, LLMC_ANSWER_MAX_TOOL_CALLS, "", "", "x");
    assert_too_large(&last, &beyond);
    beyond.tool_index = UINT32_MAX;
    assert_too_large(&last, &beyond);
}

static void test_extras_are_bounded(void **state)
{
    (void)state;
    llmc_answer_builder builder;
    llmc_answer_builder_init(&builder, &llmc_allocator_system, 1000);
    for (int i = 0; i <= LLMC_ANSWER_MAX_EXTRAS; i++) {
        char name[2] = { (char)('0' + i), '\0' };
        llmcost_event event = extra(name, "1");
        assert_int_equal(llmc_answer_builder_add(&builder, &event), i < LLMC_ANSWER_MAX_EXTRAS);
    }
    assert_true(builder.too_large);
    llmc_answer_builder_free(&builder);
}

typedef llmc_answer *(*maker)(const llmc_allocator *allocator);

static llmc_answer *make_copy(const llmc_allocator *allocator)
{
    llmc_answer *answer = full_answer(allocator), *copy = answer ? llmc_answer_with_text(answer, "t", 1) : NULL;
    llmc_answer_unref(answer);
    return copy;
}

static llmc_answer *make_of_text(const llmc_allocator *allocator)
{
    return llmc_answer_of_text(allocator, "some text", 9);
}

static void test_without_memory(void **state)
{
    (void)state;
    const maker makers[] = { full_answer, make_copy, make_of_text };
    for (size_t i = 0; i < 3; i++) {
        llmc_answer *answer = NULL;
        long n = 0;
        while (!answer) {
            counting_memory memory;
            counting_memory_init(&memory);
            memory.fail_at = ++n;
            answer = makers[i](&memory.allocator);
            assert_int_equal(answer == NULL, memory.failed);
            if (!answer)
                assert_int_equal(memory.blocks, 0);
            llmc_answer_unref(answer);
            assert_int_equal(memory.blocks, 0);
        }
        assert_true(n > 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field),
        cmocka_unit_test(test_one_allocation_and_references),
        cmocka_unit_test(test_other_text),
        cmocka_unit_test(test_of_text),
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_build_twice),
        cmocka_unit_test(test_extra_that_comes_again),
        cmocka_unit_test(test_output_bytes),
        cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_replacing_gives_room_back),
        cmocka_unit_test(test_indices_are_bounded),
        cmocka_unit_test(test_extras_are_bounded),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
