/* Responses and events: every accessor on nothing, on a failure, on an answer; texts made once; memory. */
#include "call/openai_shape.h"

#include "../support/counting_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct fixture {
    counting_memory memory;
    llmc_settings settings;
    llmc_services services;
} fixture;

static int64_t fixed_wall_ms(void *user)
{
    (void)user;
    return INT64_C(1750000000123);
}

static int64_t fixed_ns(void *user)
{
    (void)user;
    return 0;
}

static llmcost_response *open_response(fixture *f)
{
    memset(f, 0, sizeof *f);
    counting_memory_init(&f->memory);
    memcpy(f->settings.currency, "EUR", 4);
    f->services.allocator = f->memory.allocator;
    f->services.settings = &f->settings;
    f->services.clock = (llmcost_clock){ .monotonic_ns = fixed_ns, .wall_ms = fixed_wall_ms };
    llmc_random_init(&f->services.random, 7);
    return llmc_response_new(&f->services, llmc_random_next(&f->services.random), 0);
}

static llmcost_event event_of(int kind, uint32_t choice, const char *text, size_t bytes)
{
    return (llmcost_event){ .kind = kind, .choice = choice, .text = text, .bytes = bytes, .tool_id = "", .tool_name = "", .finish_raw = "" };
}

/* Two choices; the first with everything. */
static llmc_answer *make_answer(const llmc_allocator *allocator)
{
    llmc_answer_builder builder;
    llmc_usage usage;
    llmc_usage_init(&usage);
    llmc_answer_builder_init(&builder, allocator, 1 << 20);
    llmcost_event meta = event_of(LLMC_EVENT_META, 0, "chatcmpl-1", 10), call = event_of(LLMCOST_EVENT_TOOL_CALL, 0, "", 0);
    llmcost_event finish = event_of(LLMCOST_EVENT_FINISH, 0, "", 0), second = event_of(LLMCOST_EVENT_FINISH, 1, "", 0);
    meta.tool_name = "gpt-4o-2024-08-06";
    call.tool_id = "c1";
    call.tool_name = "f";
    finish.finish = LLMCOST_FINISH_TOOL_CALLS;
    finish.finish_raw = "tool_use";
    second.finish = LLMCOST_FINISH_LENGTH;
    second.finish_raw = "length";
    const llmcost_event events[] = {
        meta, event_of(LLMCOST_EVENT_REASONING, 0, "hm", 2), event_of(LLMCOST_EVENT_TEXT, 0, "a\0b", 3), event_of(LLMCOST_EVENT_REFUSAL, 0, "no", 2),
        event_of(LLMCOST_EVENT_LOGPROBS, 0, "[{\"token\":\"a\"}]", 15), call, event_of(LLMCOST_EVENT_TOOL_ARGUMENTS, 0, "{}", 2), finish,
        event_of(LLMCOST_EVENT_TEXT, 1, "two", 3), second, event_of(LLMC_EVENT_MODEL, 0, "model-a", 7), event_of(LLMC_EVENT_MODEL, 0, "model-b", 7),
    };
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        assert_true(llmc_answer_builder_add(&builder, &events[i]));
    llmc_answer *answer = llmc_answer_build(&builder, "openai", "r-1", &usage, 5);
    llmc_answer_builder_free(&builder);
    assert_non_null(answer);
    return answer;
}

/* ---- on nothing ---- */

static void assert_says_nothing(const llmcost_response *r)
{
    size_t bytes = 99;
    int64_t number = 99;
    assert_string_equal(llmcost_response_text(r), "");
    assert_int_equal(llmcost_response_text_bytes(r), 0);
    assert_int_equal(llmcost_response_choice_count(r), 0);
    assert_string_equal(llmcost_response_choice_text(r, 0, &bytes), "");
    assert_int_equal(bytes, 0);
    assert_string_equal(llmcost_response_choice_text(r, 7, NULL), "");
    assert_string_equal(llmcost_response_reasoning(r, 0, &bytes), "");
    assert_string_equal(llmcost_response_refusal(r, 0, NULL), "");
    assert_int_equal(llmcost_response_finish(r, 0), LLMCOST_FINISH_NONE);
    assert_string_equal(llmcost_response_finish_raw(r, 0), "");
    assert_int_equal(llmcost_response_tool_call_count(r, 0), 0);
    assert_null(llmcost_response_tool_call(r, 0, 0));
    assert_null(llmcost_response_logprobs(r, 0));
    assert_null(llmcost_response_message(r, 0));
    assert_string_equal(llmcost_response_model_name(r), "");
    assert_string_equal(llmcost_response_provider(r), "");
    assert_string_equal(llmcost_response_request_id(r), "");
    assert_int_equal(llmcost_response_from_cache(r), 0);
    assert_int_equal(llmcost_response_is_altered(r), 0);
    assert_int_equal(llmcost_response_model_count(r), 0);
    assert_null(llmcost_response_model(r, 0));
    assert_int_equal(llmcost_response_cost_nano(r), 0);
    assert_int_equal(llmcost_response_saved_nano(r), 0);
    assert_int_equal(llmcost_response_tokens(r, LLMCOST_INPUT), -1);
    assert_int_equal(llmcost_response_tokens(r, (llmcost_class)-1), -1);
    assert_int_equal(llmcost_response_line_count(r), 0);
    assert_int_equal(llmcost_response_line_number(r, 0, "cost", &number), 0);
    assert_int_equal(number, 0);
    assert_null(llmcost_response_line_text(r, 0, "model"));
}

static void test_null(void **state)
{
    (void)state;
    assert_says_nothing(NULL);
    assert_int_equal(llmcost_response_status(NULL), LLMCOST_E_MISUSE);
    assert_null(llmcost_response_error(NULL));
    assert_string_equal(llmcost_response_currency(NULL), "");
    assert_string_equal(llmcost_response_summary(NULL), "");
    assert_null(llmcost_response_receipt(NULL));
    assert_null(llmcost_response_json(NULL));
    llmcost_response_free(NULL);
    llmc_response_unref(NULL);
    assert_null(llmc_response_ref(NULL));
}

static void test_failure(void **state)
{
    (void)state;
    fixture f;
    llmcost_response *r = open_response(&f);
    assert_int_equal(f.memory.calls, 1);
    assert_int_equal(f.memory.bytes, LLMC_RESPONSE_BYTES);
    assert_null(llmcost_response_error(r));
    assert_int_equal(llmcost_response_status(r), LLMCOST_OK);
    r->status = llmc_error_set(&r->error, LLMCOST_E_BUDGET, "no money");
    assert_says_nothing(r);
    assert_int_equal(llmcost_response_status(r), LLMCOST_E_BUDGET);
    assert_string_equal(llmcost_error_message(llmcost_response_error(r)), "no money");
    assert_string_equal(llmcost_response_currency(r), "EUR");
    assert_int_equal(r->receipt.started_wall_ms, INT64_C(1750000000123));
    assert_int_equal(strlen(llmc_receipt_id(&r->receipt)), 18);
    assert_non_null(strstr(llmcost_response_json(r), "\"error\":{\"message\":\"no money\""));
    llmcost_response_free(r);
    assert_int_equal(f.memory.blocks, 0);
}

/* ---- on an answer ---- */

static void test_answer(void **state)
{
    (void)state;
    fixture f;
    size_t bytes;
    llmcost_response *r = open_response(&f);
    r->answer = make_answer(&f.memory.allocator);
    r->from_cache = r->altered = true;
    assert_int_equal(llmcost_response_choice_count(r), 2);
    assert_int_equal(llmcost_response_text_bytes(r), 3);
    assert_memory_equal(llmcost_response_text(r), "a\0b\0", 4);
    assert_string_equal(llmcost_response_choice_text(r, 1, &bytes), "two");
    assert_int_equal(bytes, 3);
    assert_string_equal(llmcost_response_choice_text(r, 2, &bytes), "");
    assert_int_equal(bytes, 0);
    assert_string_equal(llmcost_response_reasoning(r, 0, &bytes), "hm");
    assert_int_equal(bytes, 2);
    assert_string_equal(llmcost_response_refusal(r, 0, NULL), "no");
    assert_int_equal(llmcost_response_finish(r, 0), LLMCOST_FINISH_TOOL_CALLS);
    assert_int_equal(llmcost_response_finish(r, 1), LLMCOST_FINISH_LENGTH);
    assert_string_equal(llmcost_response_finish_raw(r, 0), "tool_use");
    assert_int_equal(llmcost_response_tool_call_count(r, 0), 1);
    assert_string_equal(llmcost_response_tool_call(r, 0, 0)->name, "f");
    assert_null(llmcost_response_tool_call(r, 0, 1));
    assert_null(llmcost_response_tool_call(r, 1, 0));
    assert_string_equal(llmcost_response_logprobs(r, 0), "[{\"token\":\"a\"}]");
    assert_null(llmcost_response_logprobs(r, 1));
    assert_int_equal(llmcost_response_message(r, 1)->role, LLMCOST_ASSISTANT);
    assert_int_equal(llmcost_response_message(r, 0)->part_stride, sizeof(llmcost_part));
    assert_int_equal(llmcost_response_message(r, 0)->tool_call_stride, sizeof(llmcost_tool_call));
    assert_null(llmcost_response_message(r, 2));
    assert_string_equal(llmcost_response_model_name(r), "gpt-4o-2024-08-06");
    assert_string_equal(llmcost_response_provider(r), "openai");
    assert_int_equal(llmcost_response_from_cache(r), 1);
    assert_int_equal(llmcost_response_is_altered(r), 1);
    assert_int_equal(llmcost_response_model_count(r), 2);
    assert_string_equal(llmcost_response_model(r, 1), "model-b");
    assert_null(llmcost_response_model(r, 2));
    llmcost_response_free(r);
    assert_int_equal(f.memory.blocks, 0);
}

static void test_lines(void **state)
{
    (void)state;
    fixture f;
    llmcost_response *r = open_response(&f);
    llmc_line *first = llmc_receipt_add(&r->receipt, &r->arena, "cascade", -1), *second = llmc_receipt_add(&r->receipt, &r->arena, "answer", -1);
    llmc_usage_init(&first->usage);
    llmc_usage_init(&second->usage);
    first->usage.quantity[LLMCOST_INPUT] = 10;
    second->usage.quantity[LLMCOST_INPUT] = 32;
    second->usage.quantity[LLMCOST_OUTPUT] = 0;
    second->request_id = "req_1";
    second->model = "gpt-4o";
    r->answered = second;
    r->receipt.cost_nano = 700;
    r->receipt.saved_nano[LLMC_SAVING_CACHE] = 50;
    r->receipt.saved_nano[LLMC_SAVING_OVERHEAD] = -20;
    assert_int_equal(llmcost_response_line_count(r), 2);
    assert_int_equal(llmcost_response_tokens(r, LLMCOST_INPUT), 42);
    assert_int_equal(llmcost_response_tokens(r, LLMCOST_OUTPUT), 0);
    assert_int_equal(llmcost_response_tokens(r, LLMCOST_REASONING), -1);
    assert_int_equal(llmcost_response_cost_nano(r), 700);
    assert_int_equal(llmcost_response_saved_nano(r), 30);
    assert_string_equal(llmcost_response_request_id(r), "req_1");
    assert_string_equal(llmcost_response_line_text(r, 0, "purpose"), "cascade");
    assert_string_equal(llmcost_response_line_text(r, 1, "model"), "gpt-4o");
    assert_null(llmcost_response_line_text(r, 2, "purpose"));
    assert_null(llmcost_response_line_text(r, 0, NULL));
    assert_null(llmcost_response_line_text(r, 0, "no such key"));
    /* Every numeric key can be asked for, and says the same with and without a place for the figure. */
    const char *name, *unit;
    uint32_t figures = 0;
    for (uint32_t i = 0; llmcost_line_key(i, &name, &unit); i++) {
        int64_t number = -77;
        int has = llmcost_response_line_number(r, 1, name, &number);
        assert_int_equal(llmcost_response_line_number(r, 1, name, NULL), has);
        assert_int_equal(number == -77, 0);
        figures += (uint32_t)has;
    }
    assert_true(figures > 0);
    assert_int_equal(llmcost_response_line_number(r, 9, "cost", NULL), 0);
    assert_int_equal(llmcost_response_line_number(r, 0, NULL, NULL), 0);
    llmcost_response_free(r);
    assert_int_equal(f.memory.blocks, 0);
}

static void test_texts_are_made_once(void **state)
{
    (void)state;
    fixture f;
    llmcost_response *r = open_response(&f);
    r->answer = make_answer(&f.memory.allocator);
    const char *summary = llmcost_response_summary(r), *receipt = llmcost_response_receipt(r), *json = llmcost_response_json(r);
    assert_true(*summary && receipt[0] == '{' && json[0] == '{');
    long calls = f.memory.calls;
    assert_ptr_equal(llmcost_response_summary(r), summary);
    assert_ptr_equal(llmcost_response_receipt(r), receipt);
    assert_ptr_equal(llmcost_response_json(r), json);
    assert_int_equal(f.memory.calls, calls);
    llmcost_response_free(r);
    assert_int_equal(f.memory.blocks, 0);
}

static void test_without_memory(void **state)
{
    (void)state;
    fixture f;
    llmcost_response *r = open_response(&f);
    r->answer = make_answer(&f.memory.allocator);
    f.memory.fail_all = 1;
    assert_string_equal(llmcost_response_summary(r), "");
    assert_null(llmcost_response_receipt(r));
    assert_null(llmcost_response_json(r));
    f.memory.fail_all = 0;
    assert_non_null(llmcost_response_json(r)); /* the next asking may succeed */
    assert_true(*llmcost_response_summary(r));
    llmcost_response_free(r);
    assert_int_equal(f.memory.blocks, 0);

    f.memory.fail_all = 1;
    assert_null(llmc_response_new(&f.services, 1, 0));
}

/* Each allocation of making the JSON fails in turn. */
static void test_failing_allocations(void **state)
{
    (void)state;
    for (long step = 1;; step++) {
        fixture f;
        llmcost_response *r = open_response(&f);
        r->answer = make_answer(&f.memory.allocator);
        f.memory.failed = 0;
        f.memory.fail_at = f.memory.calls + step;
        bool made = llmcost_response_json(r);
        bool failed = f.memory.failed;
        assert_int_equal(made, !failed);
        llmcost_response_free(r);
        assert_int_equal(f.memory.blocks, 0);
        assert_in_range(step, 1, 100);
        if (!failed)
            break;
    }
}

static void test_references(void **state)
{
    (void)state;
    fixture f;
    llmcost_response *r = open_response(&f);
    assert_ptr_equal(llmc_response_ref(r), r);
    assert_non_null(llmc_arena_alloc(&r->arena, 100000));
    llmcost_response_free(r);
    assert_int_equal(f.memory.blocks, 2);
    assert_int_equal(llmcost_response_status(r), LLMCOST_OK);
    llmc_response_unref(r);
    assert_int_equal(f.memory.blocks, 0);
}

/* The arena's first block is the rest of the response's own allocation. */
static void test_first_block(void **state)
{
    (void)state;
    fixture f;
    llmcost_response *r = open_response(&f);
    assert_non_null(llmc_arena_alloc(&r->arena, LLMC_RESPONSE_BYTES / 2));
    assert_int_equal(f.memory.calls, 1);
    llmcost_response_free(r);
    assert_int_equal(f.memory.blocks, 0);
}

static void test_finish_names(void **state)
{
    (void)state;
    static const char *const names[] = { "none", "stop", "length", "tool_calls", "content_filter", "context_length", "paused", "error" };
    for (int i = 0; i < 8; i++)
        assert_string_equal(llmcost_finish_name((llmcost_finish)i), names[i]);
    assert_string_equal(llmcost_finish_name((llmcost_finish)8), "unknown");
    assert_string_equal(llmcost_finish_name((llmcost_finish)-1), "unknown");
}

/* ---- events ---- */

static void test_events(void **state)
{
    (void)state;
    size_t bytes = 9;
    assert_int_equal(llmcost_event_get_kind(NULL), 0);
    assert_string_equal(llmcost_event_text(NULL, &bytes), "");
    assert_int_equal(bytes, 0);
    assert_int_equal(llmcost_event_choice(NULL), 0);
    assert_int_equal(llmcost_event_tool_index(NULL), 0);
    assert_string_equal(llmcost_event_tool_id(NULL), "");
    assert_string_equal(llmcost_event_tool_name(NULL), "");
    assert_int_equal(llmcost_event_finish(NULL), LLMCOST_FINISH_NONE);
    assert_string_equal(llmcost_event_finish_raw(NULL), "");
    assert_int_equal(llmcost_event_tokens(NULL, LLMCOST_INPUT), -1);
    assert_null(llmcost_event_json(NULL));
    llmc_usage usage = { .quantity = { 11, -1, -1, -1, -1, 7, 3, -1, -1, -1 } };
    for (int kind = LLMCOST_EVENT_TEXT; kind <= LLMCOST_EVENT_USAGE; kind++) {
        llmcost_event event = { .kind = kind, .choice = 3, .tool_index = 4, .finish = LLMCOST_FINISH_STOP, .text = "ab", .bytes = 2, .tool_id = "id", .tool_name = "name",
                                .finish_raw = "end_turn", .usage = &usage };
        bool counts = kind == LLMCOST_EVENT_USAGE;
        bool has_text = kind <= LLMCOST_EVENT_REFUSAL || kind == LLMCOST_EVENT_TOOL_ARGUMENTS, call = kind == LLMCOST_EVENT_TOOL_CALL;
        assert_int_equal(llmcost_event_get_kind(&event), kind);
        assert_string_equal(llmcost_event_text(&event, &bytes), has_text ? "ab" : "");
        assert_int_equal(bytes, has_text ? 2 : 0);
        assert_string_equal(llmcost_event_text(&event, NULL), has_text ? "ab" : "");
        assert_int_equal(llmcost_event_choice(&event), 3);
        assert_int_equal(llmcost_event_tool_index(&event), 4);
        assert_string_equal(llmcost_event_tool_id(&event), call ? "id" : "");
        assert_string_equal(llmcost_event_tool_name(&event), call ? "name" : "");
        assert_int_equal(llmcost_event_finish(&event), kind == LLMCOST_EVENT_FINISH ? LLMCOST_FINISH_STOP : LLMCOST_FINISH_NONE);
        assert_string_equal(llmcost_event_finish_raw(&event), kind == LLMCOST_EVENT_FINISH ? "end_turn" : "");
        assert_int_equal(llmcost_event_tokens(&event, LLMCOST_INPUT), counts ? 11 : -1);
        assert_int_equal(llmcost_event_tokens(&event, LLMCOST_INPUT_CACHED), -1);
        assert_int_equal(llmcost_event_tokens(&event, LLMCOST_REASONING), counts ? 3 : -1);
        assert_int_equal(llmcost_event_tokens(&event, LLMCOST_CLASS_COUNT), -1);
        assert_int_equal(llmcost_event_tokens(&event, (llmcost_class)-1), -1);
        event.finish_raw = NULL;
        event.usage = NULL;
        assert_string_equal(llmcost_event_finish_raw(&event), "");
        assert_int_equal(llmcost_event_tokens(&event, LLMCOST_INPUT), -1);
        assert_null(llmcost_event_json(&event));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_null), cmocka_unit_test(test_failure), cmocka_unit_test(test_answer), cmocka_unit_test(test_lines),
        cmocka_unit_test(test_texts_are_made_once), cmocka_unit_test(test_without_memory), cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_references), cmocka_unit_test(test_first_block), cmocka_unit_test(test_finish_names), cmocka_unit_test(test_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
