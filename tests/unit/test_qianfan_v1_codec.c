/* Qianfan's first format: every field on its way out, every piece on its way in. */
#include "../support/decode_check.h"
#include "../support/encode_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const llmcost_message hello[] = { { .role = LLMCOST_USER, .text = "Hello" } };

#define BODY(members) "{\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],\"stream\":false" members "}"

/* ---- encoding ---- */

static void the_envelope(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("qianfan-v1", "ernie-4.0-turbo-8k", false);
    expect_encoded(&target, LLMC_OP_CHAT, &request, "POST", "/chat/ernie-4.0-turbo-8k", BODY(""));
    target.model = "my/model?";
    expect_encoded(&target, LLMC_OP_CHAT, &request, "POST", "/chat/my%2Fmodel%3F", BODY(""));
    target.stream = true;
    expect_body(&target, &request, "{\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],\"stream\":true}");
    for (int operation = LLMC_OP_CHAT; operation < LLMC_OP_COUNT; operation++)
        assert_int_equal(llmc_codec_qianfan_v1.has_operation((llmc_operation_id)operation), operation == LLMC_OP_CHAT);
    llmc_encoded encoded;
    llmcost_error error;
    llmc_encoded_init(&encoded, &llmc_allocator_system);
    llmc_error_init(&error, &llmc_allocator_system);
    assert_int_equal(llmc_codec_qianfan_v1.encode(LLMC_OP_LIST_MODELS, &request, &target, &encoded, &error), LLMCOST_E_UNSUPPORTED);
    llmc_error_clear(&error);
    llmc_encoded_free(&encoded);
    assert_ptr_equal(llmc_codec_find("qianfan_v1"), &llmc_codec_qianfan_v1);
}

static void a_conversation_with_a_function(void **state)
{
    (void)state;
    const llmcost_part rules[] = { { .type = LLMCOST_PART_TEXT, .text = "Be" }, { .type = LLMCOST_PART_TEXT, .text = "kind." } };
    const llmcost_part thought[] = { { .type = LLMCOST_PART_REASONING, .text = "hm" }, { .type = LLMCOST_PART_REASONING_HIDDEN, .text = "b64" }, { .type = LLMCOST_PART_TEXT, .text = "Looking" } };
    const llmcost_tool_call call[] = { { .id = "t1", .name = "weather", .arguments = "{\"city\":\"Oslo\"}" } }, bare[] = { { .id = "t2", .name = "map", .arguments = NULL } };
    const llmcost_message messages[] = {
        { .role = LLMCOST_SYSTEM, .text = "Be brief.", .cache_mark = 1 }, { .role = LLMCOST_USER, .text = "Weather?" },
        { .role = LLMCOST_ASSISTANT, .parts = thought, .part_count = 3, .tool_calls = call, .tool_call_count = 1 },
        { .role = LLMCOST_TOOL, .tool_call_id = "t1", .text = "no", .is_error = 1 }, { .role = LLMCOST_SYSTEM, .parts = rules, .part_count = 2 },
        { .role = LLMCOST_ASSISTANT, .tool_calls = bare, .tool_call_count = 1 }, { .role = LLMCOST_TOOL, .tool_call_id = "gone", .name = "map", .text = "x" },
    };
    const llmcost_tool tools[] = { { .name = "weather", .description = "of a city", .parameters = "{\"type\":\"object\"}", .strict = 1 }, { .name = "map" } };
    llmcost_request request = request_of(messages, 7);
    request.tools = tools;
    request.tool_count = 2;
    llmc_codec_target target = target_of("qianfan-v1", "completions_pro", false);
    expect_body(&target, &request,
                "{\"messages\":[{\"role\":\"user\",\"content\":\"Weather?\"},"
                "{\"role\":\"assistant\",\"content\":\"Looking\",\"function_call\":{\"name\":\"weather\",\"arguments\":\"{\\\"city\\\":\\\"Oslo\\\"}\"}},"
                "{\"role\":\"function\",\"name\":\"weather\",\"content\":\"Error:\\nno\"},"
                "{\"role\":\"assistant\",\"content\":\"\",\"function_call\":{\"name\":\"map\",\"arguments\":\"{}\"}},{\"role\":\"function\",\"name\":\"map\",\"content\":\"x\"}],"
                "\"system\":\"Be brief.\\n\\nBe\\nkind.\",\"stream\":false,\"functions\":[{\"name\":\"weather\",\"description\":\"of a city\",\"parameters\":{\"type\":\"object\"}},"
                "{\"name\":\"map\",\"description\":\"\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}]}");
    expect_clean_without_memory(&target, &request);
    request.tool_choice = LLMCOST_TOOLS_NONE;
    request.messages = hello;
    request.message_count = 1;
    expect_body(&target, &request, BODY(""));
}

static void sampling_and_the_rest(void **state)
{
    (void)state;
    static const char *const stops[] = { "a", "b" };
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("qianfan-v1", "completions", false);
    request.max_tokens = 100;
    request.has_temperature = request.has_top_p = 1;
    request.temperature = 0.5;
    request.top_p = 0.25;
    request.stop = stops;
    request.stop_count = 2;
    request.end_user = "u";
    request.extra = "{\"penalty_score\":1.5}";
    expect_body(&target, &request, BODY(",\"max_output_tokens\":100,\"temperature\":0.5,\"top_p\":0.25,\"stop\":[\"a\",\"b\"],\"user_id\":\"u\",\"penalty_score\":1.5"));
    static const struct { double given; const char *body; } temperatures[] = { { 0, BODY(",\"temperature\":0.01") }, { 1, BODY(",\"temperature\":1.0") }, { 2, BODY(",\"temperature\":1.0") } };
    for (size_t i = 0; i < 3; i++) {
        request = request_of(hello, 1);
        request.has_temperature = 1;
        request.temperature = temperatures[i].given;
        expect_body(&target, &request, temperatures[i].body);
    }
}

static void what_it_cannot_say(void **state)
{
    (void)state;
    llmc_codec_target target = target_of("qianfan-v1", "completions", false);
    const llmcost_part image[] = { { .type = LLMCOST_PART_IMAGE_URL, .url = "https://h/a.png" } };
    const llmcost_tool_call two[] = { { .id = "a", .name = "f", .arguments = "{}" }, { .id = "b", .name = "f", .arguments = "{}" } }, wrong[] = { { .id = "a", .name = "f", .arguments = "[1]" } }, nameless[] = { { .id = "a", .name = "", .arguments = "{}" } };
    const llmcost_message messages[] = {
        { .role = LLMCOST_USER, .parts = image, .part_count = 1 }, { .role = LLMCOST_USER, .text = "x", .name = "Ann" }, { .role = LLMCOST_ASSISTANT, .tool_calls = two, .tool_call_count = 2 },
        { .role = LLMCOST_ASSISTANT, .tool_calls = wrong, .tool_call_count = 1 }, { .role = LLMCOST_ASSISTANT, .tool_calls = nameless, .tool_call_count = 1 },
        { .role = LLMCOST_TOOL, .tool_call_id = "lost", .text = "x" },
    };
    static const char *const fields[] = { "messages[0] parts", "messages[0].name", "messages[0].tool_calls" };
    llmcost_request request;
    for (uint32_t i = 0; i < 3; i++) {
        request = request_of(&messages[i], 1);
        expect_unsupported(&target, &request, fields[i]);
    }
    static const char *const flaws[] = { "arguments is no JSON object", "needs a name", "answers no call of this conversation" };
    for (uint32_t i = 0; i < 3; i++) {
        request = request_of(&messages[i + 3], 1);
        expect_invalid(&target, &request, flaws[i]);
    }
#define REFUSES(member, value, field)         \
    do {                                      \
        request = request_of(hello, 1);       \
        request.member = value;               \
        expect_unsupported(&target, &request, field); \
    } while (0)
    REFUSES(n, 2, "n");
    REFUSES(tool_choice, LLMCOST_TOOLS_REQUIRED, "tool_choice");
    REFUSES(tool_choice, LLMCOST_TOOLS_ONE, "tool_choice");
    REFUSES(format, LLMCOST_FORMAT_JSON, "format");
    REFUSES(format, LLMCOST_FORMAT_JSON_SCHEMA, "format");
    REFUSES(has_seed, 1, "seed");
    REFUSES(logprobs, 1, "logprobs");
    REFUSES(effort, LLMCOST_EFFORT_LOW, "effort");
    REFUSES(thinking_budget_tokens, 1024, "thinking_budget_tokens");
    static const char *const extras[] = { "{\"stream\":true}", "{\"max_output_tokens\":1}", "{\"functions\":[]}", "[]" };
    for (size_t i = 0; i < 4; i++) {
        request = request_of(hello, 1);
        request.extra = extras[i];
        expect_invalid(&target, &request, "extra");
    }
}

/* ---- decoding ---- */

static const replay_how whole = { .codec = &llmc_codec_qianfan_v1 };
static const replay_how stream = { .codec = &llmc_codec_qianfan_v1, .stream = true };

#define USAGE(in, out, total) "\"usage\":{\"prompt_tokens\":" #in ",\"completion_tokens\":" #out ",\"total_tokens\":" #total "}"
#define ANSWER(members) "{\"id\":\"as-1\",\"object\":\"chat.completion\",\"created\":1," members ",\"is_truncated\":false,\"need_clear_history\":false," USAGE(7, 5, 12) "}"
#define PIECE(members) "data: {\"id\":\"as-1\",\"object\":\"chat.completion\",\"created\":1," members "}\n\n"

static void a_whole_answer(void **state)
{
    (void)state;
    static const char body[] = ANSWER("\"result\":\"Snow \\ud83d\\ude00\",\"finish_reason\":\"normal\"");
    expect_events(&whole, body, LLMCOST_OK, "META 0 0 |as-1|\n" "TEXT 0 0 |Snow \xf0\x9f\x98\x80|\n" "FINISH 0 0 finish=1 normal ||\n"
                                            "USAGE 0 0 0=7 5=5 p=7 c=5 t=12 cost=-1 flags=1 tier= ||\n");
    expect_decoder_clean_without_memory(&whole, body);
    expect_stoppable(&whole, body);
}

static void a_call_of_a_function(void **state)
{
    (void)state;
    static const char body[] = ANSWER("\"result\":\"\",\"finish_reason\":\"function_call\",\"function_call\":{\"name\":\"f\",\"thoughts\":\"hm\",\"arguments\":\"{\\\"a\\\":1}\"}");
    expect_events(&whole, body, LLMCOST_OK, "META 0 0 |as-1|\n" "TOOL_CALL 0 0 id=call_as-1 name=f ||\n" "TOOL_ARGUMENTS 0 0 |{\"a\":1}|\n"
                                            "FINISH 0 0 finish=3 function_call ||\n" "USAGE 0 0 0=7 5=5 p=7 c=5 t=12 cost=-1 flags=1 tier= ||\n");
    expect_decoder_clean_without_memory(&whole, body);
    static const char bare[] = ANSWER("\"result\":\"\",\"finish_reason\":\"stop\",\"function_call\":{\"name\":\"f\"}");
    expect_events(&whole, bare, LLMCOST_OK, "META 0 0 |as-1|\n" "TOOL_CALL 0 0 id=call_as-1 name=f ||\n" "TOOL_ARGUMENTS 0 0 |{}|\n"
                                            "FINISH 0 0 finish=3 stop ||\n" "USAGE 0 0 0=7 5=5 p=7 c=5 t=12 cost=-1 flags=1 tier= ||\n");
}

static void a_streamed_answer(void **state)
{
    (void)state;
    static const char body[] =
        PIECE("\"sentence_id\":0,\"is_end\":false,\"result\":\"Snow \\ud83d\",\"is_truncated\":false," USAGE(7, 1, 8)) ": still there\n\n"
        PIECE("\"sentence_id\":1,\"is_end\":false,\"result\":\"\\ude00!\"," USAGE(7, 3, 10))
        PIECE("\"sentence_id\":2,\"is_end\":true,\"finish_reason\":\"normal\",\"result\":\"\"," USAGE(7, 5, 12)) PIECE("\"result\":\"more\"");
    expect_events(&stream, body, LLMCOST_OK, "META 0 0 |as-1|\n" "TEXT 0 0 |Snow |\n" "USAGE 0 0 0=7 5=1 p=7 c=1 t=8 cost=-1 flags=1 tier= ||\n"
                                             "TEXT 0 0 |\xf0\x9f\x98\x80!|\n" "USAGE 0 0 0=7 5=3 p=7 c=3 t=10 cost=-1 flags=1 tier= ||\n"
                                             "FINISH 0 0 finish=1 normal ||\n" "USAGE 0 0 0=7 5=5 p=7 c=5 t=12 cost=-1 flags=1 tier= ||\n");
    expect_decoder_clean_without_memory(&stream, body);
    expect_stoppable(&stream, body);
}

static void why_it_ended(void **state)
{
    (void)state;
    static const struct { const char *members; int finish; const char *word; } ends[] = {
        { "\"finish_reason\":\"normal\"", 1, "normal" }, { "\"finish_reason\":\"stop\"", 1, "stop" }, { "\"finish_reason\":\"length\"", 2, "length" },
        { "\"finish_reason\":\"content_filter\"", 4, "content_filter" }, { "\"finish_reason\":\"news\"", 1, "news" }, { "\"is_truncated\":true", 2, "" },
        { "\"finish_reason\":\"normal\",\"is_truncated\":true", 2, "normal" }, { "\"is_end\":true", 1, "" },
    };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char body[300], log[300];
        snprintf(body, sizeof body, "{\"id\":\"x\",\"result\":\"y\",%s}", ends[i].members);
        snprintf(log, sizeof log, "META 0 0 |x|\nTEXT 0 0 |y|\nFINISH 0 0 finish=%d %s ||\n", ends[i].finish, ends[i].word);
        expect_events(&whole, body, LLMCOST_OK, log);
    }
}

/* Under HTTP 200. */
static void failures(void **state)
{
    (void)state;
    static const struct { int code; llmcost_status status; } codes[] = {
        { 6, LLMCOST_E_PERMISSION }, { 13, LLMCOST_E_AUTH }, { 14, LLMCOST_E_AUTH }, { 100, LLMCOST_E_AUTH }, { 110, LLMCOST_E_AUTH }, { 111, LLMCOST_E_AUTH }, { 4, LLMCOST_E_RATE_LIMITED },
        { 18, LLMCOST_E_RATE_LIMITED }, { 17, LLMCOST_E_QUOTA }, { 19, LLMCOST_E_QUOTA }, { 336000, LLMCOST_E_SERVER }, { 336001, LLMCOST_E_INVALID_REQUEST }, { 336006, LLMCOST_E_INVALID_REQUEST },
        { 336007, LLMCOST_E_CONTEXT_LENGTH }, { 336100, LLMCOST_E_OVERLOADED }, { 336103, LLMCOST_E_CONTEXT_LENGTH }, { 336501, LLMCOST_E_RATE_LIMITED }, { 336502, LLMCOST_E_RATE_LIMITED },
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        char body[200];
        snprintf(body, sizeof body, "{\"error_code\":%d,\"error_msg\":\"m\",\"id\":\"as-1\"}", codes[i].code);
        expect_status(&whole, body, codes[i].status);
        snprintf(body, sizeof body, PIECE("\"result\":\"a\",\"is_end\":false") "data: {\"error_code\":%d,\"error_msg\":\"m\"}\n\n", codes[i].code);
        expect_status(&stream, body, codes[i].status);
    }
    static const replay_how busy = { .codec = &llmc_codec_qianfan_v1, .http_status = 503 };
    expect_status(&busy, "", LLMCOST_E_OVERLOADED);
    expect_status(&busy, "<html>", LLMCOST_E_OVERLOADED);
    expect_status(&whole, "", LLMCOST_E_TRUNCATED);
    expect_status(&whole, "{}", LLMCOST_E_MALFORMED);
    expect_status(&whole, "[]", LLMCOST_E_MALFORMED);
    expect_status(&whole, "{\"result\":\"a\"", LLMCOST_E_TRUNCATED);
    expect_status(&whole, "{\"result\":\"a\"} x", LLMCOST_E_MALFORMED);
    expect_status(&stream, PIECE("\"result\":\"a\",\"is_end\":false"), LLMCOST_E_TRUNCATED);
    expect_status(&stream, "", LLMCOST_E_TRUNCATED);
    expect_status(&stream, "data: {\"result\":[1],\"is_end\":true,\"usage\":7,\"function_call\":\"x\",\"id\":{}}\n\n", LLMCOST_OK); /* wrong types */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_envelope), cmocka_unit_test(a_conversation_with_a_function), cmocka_unit_test(sampling_and_the_rest), cmocka_unit_test(what_it_cannot_say),
        cmocka_unit_test(a_whole_answer), cmocka_unit_test(a_call_of_a_function), cmocka_unit_test(a_streamed_answer), cmocka_unit_test(why_it_ended), cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
