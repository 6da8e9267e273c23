/* The Bedrock codec: every field on its way out, every event on its way in. */
#include "../support/decode_check.h"
#include "../support/encode_check.h"
#include "../support/event_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const llmcost_message hello[] = { { .role = LLMCOST_USER, .text = "Hello" } };

#define OLD "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
#define MIDDLE "anthropic.claude-sonnet-4-6"
#define NEW "global.anthropic.claude-opus-5"
#define NOVA "amazon.nova-2-lite-v1:0"
#define OSS "openai.gpt-oss-120b-1:0"
#define LLAMA "meta.llama3-2-1b-instruct-v1:0"
#define HIDDEN "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/x1y2z3"
#define USER(blocks) "{\"role\":\"user\",\"content\":[" blocks "]}"
#define ASSISTANT(blocks) "{\"role\":\"assistant\",\"content\":[" blocks "]}"
#define TEXT(text) "{\"text\":\"" text "\"}"
#define HELLO "\"messages\":[" USER(TEXT("Hello")) "]"
#define BODY(members) "{" HELLO members "}"
#define MADE "tooluse_aa7365710d4380b5d92dc755" /* of call.2:x */
#define MARK "{\"cachePoint\":{\"type\":\"default\"}}"

/* ---- encoding ---- */

static void a_question_is_small(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("bedrock", NEW, false);
    expect_body(&target, &request, BODY(""));
    target.stream = true; /* told by the path */
    expect_body(&target, &request, BODY(""));
    request.max_tokens = 100;
    expect_body(&target, &request, BODY(",\"inferenceConfig\":{\"maxTokens\":100}"));
}

static void expect_path(llmc_operation_id operation, const char *model, bool stream, const char *path)
{
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("bedrock", model, stream);
    llmc_encoded out;
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_encoded_init(&out, &llmc_allocator_system);
    assert_int_equal(llmc_codec_bedrock.check(operation, &request, &target, &error), LLMCOST_OK);
    assert_int_equal(llmc_codec_bedrock.encode(operation, &request, &target, &out, &error), LLMCOST_OK);
    assert_string_equal(llmc_buffer_text(&out.path), path);
    assert_string_equal(out.method, "POST");
    assert_null(out.headers[0]);
    llmc_encoded_free(&out);
}

static void the_envelope(void **state)
{
    (void)state;
    expect_path(LLMC_OP_CHAT, MIDDLE, false, "/model/anthropic.claude-sonnet-4-6/converse");
    expect_path(LLMC_OP_CHAT, NOVA, true, "/model/amazon.nova-2-lite-v1%3A0/converse-stream");
    expect_path(LLMC_OP_COUNT_TOKENS, MIDDLE, true, "/model/anthropic.claude-sonnet-4-6/count-tokens");
    expect_path(LLMC_OP_CHAT, "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.a~b_c d\xc3\xa9", false,
                "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Feu.a~b_c%20d%C3%A9/converse");
    assert_true(llmc_codec_bedrock.has_operation(LLMC_OP_CHAT));
    assert_true(llmc_codec_bedrock.has_operation(LLMC_OP_COUNT_TOKENS));
    assert_false(llmc_codec_bedrock.has_operation(LLMC_OP_LIST_MODELS));
    assert_false(llmc_codec_bedrock.has_operation(LLMC_OP_EMBED));
    assert_ptr_equal(llmc_codec_find("bedrock"), &llmc_codec_bedrock);
}

static void what_is_counted(void **state)
{
    (void)state;
    static const llmcost_tool tool = { .name = "f" };
    const llmcost_message messages[] = { { .role = LLMCOST_SYSTEM, .text = "Be brief." }, { .role = LLMCOST_USER, .text = "Hello" } };
    llmcost_request request = request_of(messages, 2);
    llmc_codec_target target = target_of("bedrock", MIDDLE, false);
    llmc_encoded out;
    llmcost_error error;
    request.max_tokens = 10;
    request.end_user = "u";
    request.effort = LLMCOST_EFFORT_LOW;
    request.tools = &tool;
    request.tool_count = 1;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_encoded_init(&out, &llmc_allocator_system);
    assert_int_equal(llmc_codec_bedrock.encode(LLMC_OP_COUNT_TOKENS, &request, &target, &out, &error), LLMCOST_OK);
    assert_string_equal(llmc_buffer_text(&out.body),
                        "{\"input\":{\"converse\":{\"system\":[" TEXT("Be brief.") "],\"messages\":[" USER(TEXT("Hello")) "],"
                        "\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{\"json\":{\"type\":\"object\",\"properties\":{}}}}}]},"
                        "\"additionalModelRequestFields\":{\"output_config\":{\"effort\":\"low\"}}}}}");
    llmc_encoded_free(&out);
}

#define TOOL_CONFIG ",\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"weather\",\"description\":\"What it is like\",\"inputSchema\":{\"json\":{\"type\":\"object\"}},\"strict\":true}}]"
static const llmcost_tool tools[] = { { .name = "weather", .description = "What it is like", .parameters = "{\"type\":\"object\"}", .strict = 1 } };

static void a_conversation_with_tools(void **state)
{
    (void)state;
    const llmcost_part parts[] = {
        { .type = LLMCOST_PART_TEXT, .text = "See" }, { .type = LLMCOST_PART_IMAGE, .data = "\1\2\3\4", .data_bytes = 4, .media_type = "image/png" },
        { .type = LLMCOST_PART_IMAGE_URL, .url = "data:image/webp;base64,AAAA", .detail = "auto" }, { .type = LLMCOST_PART_TEXT, .text = "" },
    };
    const llmcost_part thought[] = {
        { .type = LLMCOST_PART_REASONING, .text = "hm", .signature = "c2ln" }, { .type = LLMCOST_PART_REASONING, .text = "of another" },
        { .type = LLMCOST_PART_REASONING_HIDDEN, .text = "b64+/=" }, { .type = LLMCOST_PART_REASONING_HIDDEN, .text = "gAA-_x" }, { .type = LLMCOST_PART_TEXT, .text = "Looking" },
    };
    const llmcost_part result[] = { { .type = LLMCOST_PART_TEXT, .text = "map" }, { .type = LLMCOST_PART_IMAGE, .data = "\1", .data_bytes = 1, .media_type = "image/jpeg" } };
    const llmcost_tool_call calls[] = { { .id = "t1", .name = "weather", .arguments = "{\"city\":\"Oslo\"}" }, { .id = "call.2:x", .name = "map", .arguments = "" } };
    const llmcost_message messages[] = {
        { .role = LLMCOST_SYSTEM, .text = "Be brief.", .cache_mark = 1 }, { .role = LLMCOST_SYSTEM, .text = "Be kind." },
        { .role = LLMCOST_USER, .parts = parts, .part_count = 4 },
        { .role = LLMCOST_ASSISTANT, .parts = thought, .part_count = 5, .tool_calls = calls, .tool_call_count = 2 },
        { .role = LLMCOST_TOOL, .tool_call_id = "t1", .text = "no", .is_error = 1 }, { .role = LLMCOST_TOOL, .tool_call_id = "call.2:x", .parts = result, .part_count = 2, .cache_mark = 1 },
        { .role = LLMCOST_USER, .text = "And now?" },
        { .role = LLMCOST_ASSISTANT, .text = "4 degrees." }, { .role = LLMCOST_ASSISTANT, .text = "Cold." },
        { .role = LLMCOST_USER, .text = "Thanks", .cache_mark = 1 }, { .role = LLMCOST_USER, .text = "Bye" },
    };
    llmcost_request request = request_of(messages, 11);
    llmc_codec_target target = target_of("bedrock", MIDDLE, false);
    request.tools = tools;
    request.tool_count = 1;
    expect_body(&target, &request,
                   "{\"system\":[" TEXT("Be brief.") "," MARK "," TEXT("Be kind.") "],\"messages\":["
                USER(TEXT("See") ",{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"AQIDBA==\"}}},{\"image\":{\"format\":\"webp\",\"source\":{\"bytes\":\"AAAA\"}}}") ","
                ASSISTANT("{\"reasoningContent\":{\"reasoningText\":{\"text\":\"hm\",\"signature\":\"c2ln\"}}},{\"reasoningContent\":{\"redactedContent\":\"b64+/=\"}},"
                          TEXT("Looking") ",{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"weather\",\"input\":{\"city\":\"Oslo\"}}},{\"toolUse\":{\"toolUseId\":\"" MADE "\",\"name\":\"map\",\"input\":{}}}") ","
                USER("{\"toolResult\":{\"toolUseId\":\"t1\",\"content\":[" TEXT("no") "],\"status\":\"error\"}},"
                     "{\"toolResult\":{\"toolUseId\":\"" MADE "\",\"content\":[" TEXT("map") ",{\"image\":{\"format\":\"jpeg\",\"source\":{\"bytes\":\"AQ==\"}}}]}}," MARK "," TEXT("And now?")) ","
                ASSISTANT(TEXT("4 degrees.") "," TEXT("Cold.")) "," USER(TEXT("Thanks") "," MARK "," TEXT("Bye")) "]" TOOL_CONFIG "}}");
    expect_clean_without_memory(&target, &request);
}

/* Kimi's own ids have dots and colons; Claude does not take them. What is too long for all is made anew for all. */
static void ids_are_kept_where_they_can_be(void **state)
{
    (void)state;
    llmcost_tool_call call = { .id = "functions.f:0", .name = "f", .arguments = "{}" };
    llmcost_message messages[] = { { .role = LLMCOST_USER, .text = "x" }, { .role = LLMCOST_ASSISTANT, .tool_calls = &call, .tool_call_count = 1 } };
    llmcost_request request = request_of(messages, 2);
    llmc_codec_target kimi = target_of("bedrock", "moonshot.kimi-k2-thinking", false);
    request.tools = tools;
    request.tool_count = 1;
    expect_body(&kimi, &request, "{\"messages\":[" USER(TEXT("x")) "," ASSISTANT("{\"toolUse\":{\"toolUseId\":\"functions.f:0\",\"name\":\"f\",\"input\":{}}}") "]" TOOL_CONFIG "}}");
    call.id = "0123456789012345678901234567890123456789012345678901234567890123456789";
    expect_body(&kimi, &request, "{\"messages\":[" USER(TEXT("x")) "," ASSISTANT("{\"toolUse\":{\"toolUseId\":\"tooluse_57445fa40b08c60cdcba7ca3\",\"name\":\"f\",\"input\":{}}}") "]" TOOL_CONFIG "}}");
}

static void documents_have_names_of_their_own(void **state)
{
    (void)state;
    const llmcost_part parts[] = {
        { .type = LLMCOST_PART_TEXT, .text = "Compare" },
        { .type = LLMCOST_PART_DOCUMENT, .data = "\1", .data_bytes = 1, .media_type = "application/pdf", .detail = "Q1  r\xc3\xa9sum\xc3\xa9 (final).v2.pdf" },
        { .type = LLMCOST_PART_DOCUMENT, .data = "\1", .data_bytes = 1, .media_type = "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
        { .type = LLMCOST_PART_DOCUMENT, .url = "data:text/csv;base64,AAAA", .detail = ".csv" },
    };
    const llmcost_message messages[] = { { .role = LLMCOST_USER, .parts = parts, .part_count = 4 } };
    llmcost_request request = request_of(messages, 1);
    llmc_codec_target target = target_of("bedrock", NOVA, false);
    expect_body(&target, &request,
                "{\"messages\":[" USER(TEXT("Compare") ",{\"document\":{\"format\":\"pdf\",\"name\":\"Q1 -r-sum- (final)-v2\",\"source\":{\"bytes\":\"AQ==\"}}},"
                "{\"document\":{\"format\":\"docx\",\"name\":\"document-2\",\"source\":{\"bytes\":\"AQ==\"}}},"
                "{\"document\":{\"format\":\"csv\",\"name\":\"-csv-3\",\"source\":{\"bytes\":\"AAAA\"}}}") "]}");
    expect_clean_without_memory(&target, &request);
}

static void marks_go_to_those_who_take_them(void **state)
{
    (void)state;
    const llmcost_part thought = { .type = LLMCOST_PART_REASONING, .text = "hm", .signature = "s" };
    const llmcost_message messages[] = { { .role = LLMCOST_USER, .text = "Hello", .cache_mark = 1 }, { .role = LLMCOST_ASSISTANT, .parts = &thought, .part_count = 1, .cache_mark = 1 },
                                         { .role = LLMCOST_USER, .text = "Go on" } };
    const llmcost_tool tool = { .name = "f", .cache_mark = 1 };
    llmcost_request request = request_of(messages, 3);
    request.tools = &tool;
    request.tool_count = 1;
#define SPEC "{\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{\"json\":{\"type\":\"object\",\"properties\":{}}}}}"
#define THOUGHT "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"hm\",\"signature\":\"s\"}}}"
    llmc_codec_target claude = target_of("bedrock", MIDDLE, false), hidden = target_of("bedrock", HIDDEN, false), nova = target_of("bedrock", NOVA, false);
    llmc_codec_target llama = target_of("bedrock", LLAMA, false);
    const char *all = "{\"messages\":[" USER(TEXT("Hello") "," MARK) "," ASSISTANT(THOUGHT "," MARK) "," USER(TEXT("Go on")) "],\"toolConfig\":{\"tools\":[" SPEC "," MARK "]}}";
    expect_body(&claude, &request, all);
    expect_body(&hidden, &request, all);
    expect_body(&nova, &request, "{\"messages\":[" USER(TEXT("Hello") "," MARK "," TEXT("Go on")) "],\"toolConfig\":{\"tools\":[" SPEC "]}}");
    expect_body(&llama, &request, "{\"messages\":[" USER(TEXT("Hello") "," TEXT("Go on")) "],\"toolConfig\":{\"tools\":[" SPEC "]}}");
    const llmcost_message five[] = { messages[0], messages[0], messages[0], messages[0] };
    request.messages = five;
    request.message_count = 4;
    expect_unsupported(&claude, &request, "cache_mark");
}

static void tools_and_choices(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("bedrock", NEW, false);
    request.tools = tools;
    request.tool_count = 1;
    expect_body(&target, &request, BODY(TOOL_CONFIG "}"));
    request.parallel_tool_calls = LLMCOST_ON;
    expect_body(&target, &request, BODY(TOOL_CONFIG "}"));
    request.parallel_tool_calls = LLMCOST_OFF;
    expect_unsupported(&target, &request, "parallel_tool_calls");
    request.tool_choice = LLMCOST_TOOLS_NONE;
    expect_body(&target, &request, BODY(""));
    request.parallel_tool_calls = LLMCOST_DEFAULT;
    request.tool_choice = LLMCOST_TOOLS_REQUIRED;
    expect_body(&target, &request, BODY(TOOL_CONFIG ",\"toolChoice\":{\"any\":{}}}"));
    request.tool_choice = LLMCOST_TOOLS_ONE;
    request.tool_choice_name = "weather";
    expect_body(&target, &request, BODY(TOOL_CONFIG ",\"toolChoice\":{\"tool\":{\"name\":\"weather\"}}}"));
    expect_clean_without_memory(&target, &request);
    request.tool_choice_name = NULL;
    expect_invalid(&target, &request, "tool_choice_name");
    request.tool_count = 0;
    expect_invalid(&target, &request, "tool_choice");
}

/* The format refuses tool calls without the tools that were called. */
static void tools_that_were_used_must_be_given(void **state)
{
    (void)state;
    const llmcost_tool_call call = { .id = "t", .name = "f", .arguments = "{}" };
    const llmcost_message messages[] = { { .role = LLMCOST_USER, .text = "x" }, { .role = LLMCOST_ASSISTANT, .tool_calls = &call, .tool_call_count = 1 },
                                         { .role = LLMCOST_TOOL, .tool_call_id = "t", .text = "" } };
    llmcost_request request = request_of(messages, 3);
    llmc_codec_target target = target_of("bedrock", NEW, false);
    expect_unsupported(&target, &request, "tools");
    request.extra = "{\"toolConfig\":{\"tools\":[]}}";
    expect_body(&target, &request, "{\"messages\":[" USER(TEXT("x")) "," ASSISTANT("{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"f\",\"input\":{}}}") ","
                                   USER("{\"toolResult\":{\"toolUseId\":\"t\",\"content\":[]}}") "],\"toolConfig\":{\"tools\":[]}}");
    request.extra = NULL;
    request.tools = tools;
    request.tool_count = 1;
    request.tool_choice = LLMCOST_TOOLS_NONE;
    expect_unsupported(&target, &request, "tool_choice");
}

static void numbers_and_names(void **state)
{
    (void)state;
    static const char *const stop[] = { "END", "STOP" };
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("bedrock", LLAMA, false);
    request.max_tokens = 100;
    request.has_temperature = request.has_top_p = 1;
    request.temperature = 0.25;
    request.top_p = 0.5;
    request.stop = stop;
    request.stop_count = 2;
    request.end_user = "user-9";
    request.format = LLMCOST_FORMAT_JSON_SCHEMA;
    request.format_schema = "{\"type\":\"object\"}";
    request.extra = "{\"additionalModelRequestFields\":{\"top_k\":5},\"serviceTier\":{\"type\":\"flex\"}}";
#define FIGURES ",\"inferenceConfig\":{\"maxTokens\":100,\"temperature\":0.25,\"topP\":0.5,\"stopSequences\":[\"END\",\"STOP\"]},\"requestMetadata\":{\"user_id\":\"user-9\"}," \
                "\"additionalModelRequestFields\":{\"top_k\":5},\"serviceTier\":{\"type\":\"flex\"}"
#define SCHEMA(name) ",\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\",\"structure\":{\"jsonSchema\":{\"name\":\"" name "\",\"schema\":\"{\\\"type\\\":\\\"object\\\"}\"}}}}"
    expect_body(&target, &request, BODY(FIGURES SCHEMA("answer")));
    request.format_name = "city";
    expect_body(&target, &request, BODY(FIGURES SCHEMA("city")));
    expect_clean_without_memory(&target, &request);
    static const char *const taken[] = { "{\"messages\":[]}", "{\"system\":[]}", "{\"inferenceConfig\":{}}", "{\"requestMetadata\":{}}", "{\"outputConfig\":{}}" };
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        request.extra = taken[i];
        expect_invalid(&target, &request, "extra repeats");
    }
    request.extra = "7";
    expect_invalid(&target, &request, "extra is no JSON object");
}

#define FIELDS(fields) ",\"additionalModelRequestFields\":{" fields "}"

static void efforts_and_budgets(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target old = target_of("bedrock", OLD, false), middle = target_of("bedrock", MIDDLE, false), nova = target_of("bedrock", NOVA, false);
    llmc_codec_target oss = target_of("bedrock", OSS, false), llama = target_of("bedrock", LLAMA, false), hidden = target_of("bedrock", HIDDEN, false);
    llmc_codec_target nova_1 = target_of("bedrock", "eu.amazon.nova-pro-v1:0", false);
    request.effort = LLMCOST_EFFORT_HIGH;
    expect_body(&middle, &request, BODY(FIELDS("\"output_config\":{\"effort\":\"high\"}")));
    expect_body(&nova, &request, BODY(FIELDS("\"reasoningConfig\":{\"type\":\"enabled\",\"maxReasoningEffort\":\"high\"}")));
    expect_body(&oss, &request, BODY(FIELDS("\"reasoning_effort\":\"high\"")));
    expect_body(&old, &request, BODY(",\"inferenceConfig\":{\"maxTokens\":4096}" FIELDS("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}")));
    expect_clean_without_memory(&old, &request);
    expect_unsupported(&llama, &request, "effort");
    expect_unsupported(&hidden, &request, "effort");
    expect_unsupported(&nova_1, &request, "effort");
    request.thinking_budget_tokens = 2000; /* both: each model gets what it takes */
    request.max_tokens = 10000;
    expect_body(&old, &request, BODY(",\"inferenceConfig\":{\"maxTokens\":10000}" FIELDS("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}")));
    expect_body(&nova, &request, BODY(",\"inferenceConfig\":{\"maxTokens\":10000}" FIELDS("\"reasoningConfig\":{\"type\":\"enabled\",\"maxReasoningEffort\":\"high\"}")));
    request.effort = LLMCOST_EFFORT_DEFAULT;
    expect_unsupported(&nova, &request, "thinking_budget_tokens");
    expect_unsupported(&hidden, &request, "thinking_budget_tokens");
    request.thinking_budget_tokens = 1000; /* the rules of Claude hold here, too */
    expect_unsupported(&old, &request, "thinking_budget_tokens");
    request.thinking_budget_tokens = 5000;
    request.max_tokens = 0;
    expect_invalid(&old, &request, "max_tokens");
    request.thinking_budget_tokens = 0;
    request.effort = LLMCOST_EFFORT_NONE;
    expect_body(&nova, &request, BODY(FIELDS("\"reasoningConfig\":{\"type\":\"disabled\"}")));
    expect_unsupported(&middle, &request, "effort");
    expect_unsupported(&oss, &request, "effort");
    request.effort = LLMCOST_EFFORT_MAX;
    expect_unsupported(&nova, &request, "effort");
    expect_body(&middle, &request, BODY(FIELDS("\"output_config\":{\"effort\":\"max\"}")));
    request.effort = LLMCOST_EFFORT_LOW;
    request.extra = "{\"additionalModelRequestFields\":{\"top_k\":5}}";
    expect_invalid(&oss, &request, "extra repeats");
}

static void what_it_cannot_do_is_said(void **state)
{
    (void)state;
    llmc_codec_target target = target_of("bedrock", LLAMA, false), new = target_of("bedrock", NEW, false);
    llmcost_part part = { .type = LLMCOST_PART_IMAGE, .data = "x", .data_bytes = 1, .media_type = "image/tiff" };
    llmcost_message message = { .role = LLMCOST_USER, .parts = &part, .part_count = 1 };
    llmcost_request request = request_of(hello, 1);
    request.n = 2;
    expect_unsupported(&target, &request, "n");
    request.n = 1;
    request.has_seed = 1;
    expect_unsupported(&target, &request, "seed");
    request.has_seed = 0;
    request.logprobs = 1;
    expect_unsupported(&target, &request, "logprobs");
    request.logprobs = 0;
    request.top_logprobs = 1;
    expect_unsupported(&target, &request, "logprobs");
    request.top_logprobs = 0;
    request.format = LLMCOST_FORMAT_JSON;
    expect_unsupported(&target, &request, "format");
    request.format = LLMCOST_FORMAT_TEXT;
    request.has_temperature = 1;
    request.temperature = 1.2;
    expect_unsupported(&target, &request, "temperature");
    request.temperature = 0;
    expect_unsupported(&new, &request, "temperature"); /* Claude's fifth generation */
    request.has_temperature = 0;
    request.messages = &message;
    const struct { llmcost_part part; const char *field; } parts[] = {
        { part, "messages[0] image type" }, { { .type = LLMCOST_PART_IMAGE_URL, .url = "data:image/tiff;base64,AAAA" }, "messages[0] image type" },
        { { .type = LLMCOST_PART_IMAGE_URL, .url = "https://example.org/x.png" }, "messages[0] image url" },
        { { .type = LLMCOST_PART_IMAGE, .data = "x", .data_bytes = 1, .media_type = "image/png", .detail = "low" }, "messages[0] image detail" },
        { { .type = LLMCOST_PART_DOCUMENT, .url = "https://example.org/x.pdf" }, "messages[0] document url" },
        { { .type = LLMCOST_PART_DOCUMENT, .data = "x", .data_bytes = 1, .media_type = "application/zip" }, "messages[0] document type" },
        { { .type = LLMCOST_PART_AUDIO, .data = "x", .data_bytes = 1, .media_type = "audio/wav" }, "messages[0] audio" },
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        part = parts[i].part;
        expect_unsupported(&target, &request, parts[i].field);
    }
    part = (llmcost_part){ .type = LLMCOST_PART_DOCUMENT, .data = "x", .data_bytes = 1, .media_type = "application/pdf" };
    const llmcost_message turns[][2] = {
        { { .role = LLMCOST_ASSISTANT, .text = "x" }, { .role = LLMCOST_USER, .text = "y" } },
        { { .role = LLMCOST_USER, .text = "x" }, { .role = LLMCOST_SYSTEM, .text = "y" } },
        { { .role = LLMCOST_SYSTEM, .text = "x" }, { .role = LLMCOST_SYSTEM, .text = "y" } },
        { { .role = LLMCOST_USER, .text = "x" }, { .role = LLMCOST_USER, .text = "y", .name = "ann" } },
        { { .role = LLMCOST_USER, .text = "x" }, { .role = LLMCOST_ASSISTANT, .parts = &part, .part_count = 1 } },
    };
    static const char *const fields[] = { "messages[0] assistant turn", "messages[1] system text", "messages", "messages[1].name", "messages[1] document" };
    request.message_count = 2;
    for (size_t i = 0; i < 5; i++) {
        request.messages = turns[i];
        expect_unsupported(&target, &request, fields[i]);
    }
}

static void what_is_malformed_is_named(void **state)
{
    (void)state;
    llmc_codec_target target = target_of("bedrock", NEW, false);
    llmcost_tool_call call = { .id = "c", .name = "f", .arguments = "[1]" };
    llmcost_part part = { .type = LLMCOST_PART_IMAGE_URL, .url = "data:text,hello" };
    llmcost_tool tool = { .name = "f", .parameters = "{" };
    llmcost_message message = { .role = LLMCOST_ASSISTANT, .tool_calls = &call, .tool_call_count = 1 };
    llmcost_request request = request_of(&message, 1);
    expect_invalid(&target, &request, "messages[0].tool_calls[0].arguments");
    call = (llmcost_tool_call){ .id = "c", .name = NULL, .arguments = "{}" };
    expect_invalid(&target, &request, "messages[0].tool_calls[0]");
    message = (llmcost_message){ .role = LLMCOST_TOOL, .text = "x" };
    expect_invalid(&target, &request, "messages[0].tool_call_id");
    message = (llmcost_message){ .role = LLMCOST_USER, .parts = &part, .part_count = 1 };
    expect_invalid(&target, &request, "messages[0].parts[0]");
    part = (llmcost_part){ .type = LLMCOST_PART_IMAGE, .media_type = "image/png" };
    expect_invalid(&target, &request, "messages[0].parts[0]");
    part = (llmcost_part){ .type = LLMCOST_PART_DOCUMENT };
    expect_invalid(&target, &request, "messages[0].parts[0]");
    part = (llmcost_part){ .type = 77 };
    expect_invalid(&target, &request, "messages[0].parts[0].type 77");
    message = (llmcost_message){ .role = 9, .text = "x" };
    expect_invalid(&target, &request, "messages[0].role 9");
    request.messages = hello;
    request.tools = &tool;
    request.tool_count = 1;
    expect_invalid(&target, &request, "tools[0].parameters");
    tool = (llmcost_tool){ .name = NULL };
    expect_invalid(&target, &request, "tools[0].name");
    request.tool_count = 0;
    request.format = LLMCOST_FORMAT_JSON_SCHEMA;
    expect_invalid(&target, &request, "format_schema");
}

/* ---- decoding ---- */

static const replay_how whole = { .codec = &llmc_codec_bedrock };
static const replay_how stream = { .codec = &llmc_codec_bedrock, .stream = true };

static const char full_body[] =
    "{\"metrics\":{\"latencyMs\":5},\"usage\":{\"inputTokens\":50,\"outputTokens\":400,\"totalTokens\":23450,\"cacheReadInputTokens\":20000,\"cacheReadInputTokenCount\":20000,"
    "\"cacheWriteInputTokens\":3000,\"cacheDetails\":[{\"ttl\":\"1h\",\"inputTokens\":1500},{\"inputTokens\":1000,\"ttl\":\"5m\"},{\"ttl\":\"1h\",\"inputTokens\":500}],\"serverToolUsage\":{}},"
    "\"serviceTier\":{\"type\":\"flex\"},\"trace\":{\"guardrail\":{}},\"stopReason\":\"tool_use\",\"output\":{\"message\":{\"role\":\"assistant\",\"content\":["
    "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"hm\",\"signature\":\"c2ln\"}}},{\"reasoningContent\":{\"redactedContent\":\"b64\"}},{\"text\":\"Snow \\ud83d\\ude00\"},"
    "{\"citationsContent\":{\"citations\":[{\"t\":1}],\"content\":[{\"text\":\"said \"},{\"text\":\"so\"}]}},{\"image\":{\"format\":\"png\"}},"
    "{\"toolUse\":{\"toolUseId\":\"s\",\"name\":\"web\",\"type\":\"server_tool_use\",\"input\":{}}},"
    "{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"f\",\"input\":{\"a\":[1, 2]}}},{\"toolUse\":{\"name\":\"g\",\"toolUseId\":\"t2\",\"type\":\"tool_use\"}}]}},"
    "\"additionalModelResponseFields\":{\"stop_sequence\":null}}";

static void a_whole_answer(void **state)
{
    (void)state;
    expect_events(&whole, full_body, LLMCOST_OK,
                  "REASONING 0 0 |hm|\n" "SIGNATURE 0 0 |c2ln|\n" "REASONING_HIDDEN 0 0 |b64|\n" "TEXT 0 0 |Snow \xf0\x9f\x98\x80|\n"
                  "TEXT 0 0 |said |\n" "TEXT 0 0 |so|\n" "EXTRA 0 0 id= name=citations |[{\"t\":1}]|\n" "EXTRA 0 0 id= name=image |{\"format\":\"png\"}|\n"
                  "EXTRA 0 0 id= name=toolUse |{\"toolUseId\":\"s\",\"name\":\"web\",\"type\":\"server_tool_use\",\"input\":{}}|\n"
                  "TOOL_CALL 0 0 id=t1 name=f ||\n" "TOOL_ARGUMENTS 0 0 |{\"a\":[1, 2]}|\n" "TOOL_CALL 0 1 id=t2 name=g ||\n" "TOOL_ARGUMENTS 0 1 |{}|\n"
                  "EXTRA 0 0 id= name=additionalModelResponseFields |{\"stop_sequence\":null}|\n" "FINISH 0 0 finish=3 tool_use ||\n"
                  "EXTRA 0 0 id= name=trace |{\"guardrail\":{}}|\n" "USAGE 0 0 0=50 1=20000 2=1000 4=2000 5=400 p=50 c=400 t=23450 cost=-1 flags=1 tier=flex ||\n");
    expect_decoder_clean_without_memory(&whole, full_body);
    expect_stoppable(&whole, full_body);
}

static void begin(llmc_buffer *body, const char *script)
{
    llmc_buffer_init(body, &llmc_allocator_system, 1 << 24);
    event_stream_script(body, script, strlen(script));
}

static void expect_stream(const char *script, llmcost_status status, const char *log)
{
    llmc_buffer body;
    begin(&body, script);
    expect_events_of_bytes(&stream, body.data ? body.data : "", body.length, status, log);
    llmc_buffer_free(&body);
}

#define START "messageStart {\"p\":\"abc\",\"role\":\"assistant\"}\n"
#define DELTA(index, delta) "contentBlockDelta {\"contentBlockIndex\":" index ",\"delta\":{" delta "},\"p\":\"abcdef\"}\n"
#define STOP(reason) "messageStop {\"p\":\"ab\",\"stopReason\":\"" reason "\"}\n"
#define END(index) "contentBlockStop {\"contentBlockIndex\":" index "}\n"
#define METADATA "metadata {\"metrics\":{\"latencyMs\":300},\"usage\":{\"inputTokens\":20,\"outputTokens\":5,\"totalTokens\":25}}\n"
#define USAGE "USAGE 0 0 0=20 5=5 p=20 c=5 t=25 cost=-1 flags=1 tier= ||\n"

static const char full_stream[] =
    START DELTA("0", "\"reasoningContent\":{\"text\":\"h\"}") DELTA("0", "\"reasoningContent\":{\"text\":\"m\"}") DELTA("0", "\"reasoningContent\":{\"signature\":\"c2ln\"}") END("0")
    DELTA("1", "\"reasoningContent\":{\"redactedContent\":\"b64\"}") END("1")
    DELTA("2", "\"text\":\"\"") DELTA("2", "\"text\":\"Snow \\ud83d\"") DELTA("2", "\"text\":\"\\ude00!\"") DELTA("2", "\"citation\":{\"t\":1}") END("2")
    "contentBlockStart {\"contentBlockIndex\":3,\"start\":{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"f\"}}}\n"
    DELTA("3", "\"toolUse\":{\"input\":\"\"}") DELTA("3", "\"toolUse\":{\"input\":\"{\\\"a\\\"\"}") DELTA("3", "\"toolUse\":{\"input\":\":1}\"}") END("3")
    "contentBlockStart {\"contentBlockIndex\":4,\"start\":{\"toolUse\":{\"toolUseId\":\"t2\",\"name\":\"g\"}}}\n" END("4")
    "contentBlockStart {\"contentBlockIndex\":5,\"start\":{\"toolUse\":{\"toolUseId\":\"s\",\"name\":\"web\",\"type\":\"server_tool_use\"}}}\n"
    DELTA("5", "\"toolUse\":{\"input\":\"{}\"}") END("5")
    "contentBlockStart {\"contentBlockIndex\":6,\"start\":{\"image\":{\"format\":\"png\"}}}\n" END("6")
    "somethingNew {\"x\":[1]}\nanotherOne no json\n"
    STOP("tool_use") METADATA "contentBlockDelta late\n";

static void a_streamed_answer(void **state)
{
    (void)state;
    llmc_buffer body;
    begin(&body, full_stream);
    expect_events_of_bytes(&stream, body.data, body.length, LLMCOST_OK,
                           "REASONING 0 0 |h|\n" "REASONING 0 0 |m|\n" "SIGNATURE 0 0 |c2ln|\n" "REASONING_HIDDEN 0 0 |b64|\n" "TEXT 0 0 |Snow |\n" "TEXT 0 0 |\xf0\x9f\x98\x80!|\n"
                           "EXTRA 0 0 id= name=citations |{\"t\":1}|\n" "TOOL_CALL 0 0 id=t1 name=f ||\n" "TOOL_ARGUMENTS 0 0 |{\"a\"|\n" "TOOL_ARGUMENTS 0 0 |:1}|\n"
                           "TOOL_CALL 0 1 id=t2 name=g ||\n" "TOOL_ARGUMENTS 0 1 |{}|\n"
                           "EXTRA 0 0 id= name=toolUse |{\"toolUseId\":\"s\",\"name\":\"web\",\"type\":\"server_tool_use\"}|\n" "EXTRA 0 0 id= name=image |{\"format\":\"png\"}|\n"
                           "FINISH 0 0 finish=3 tool_use ||\n" USAGE);
    expect_decoder_of_bytes_clean_without_memory(&stream, body.data, body.length);
    expect_stoppable_bytes(&stream, body.data, body.length);
    llmc_buffer_free(&body);
}

/* Without the metadata the answer is complete all the same; a block that was not closed ends with the message. */
static void the_end_of_a_stream(void **state)
{
    (void)state;
    expect_stream(START DELTA("0", "\"text\":\"x\\ud83d\"") STOP("end_turn"), LLMCOST_OK, "TEXT 0 0 |x|\nTEXT 0 0 |\xef\xbf\xbd|\nFINISH 0 0 finish=1 end_turn ||\n");
    expect_stream(START METADATA DELTA("0", "\"text\":\"x\"") STOP("end_turn"), LLMCOST_OK, USAGE "TEXT 0 0 |x|\nFINISH 0 0 finish=1 end_turn ||\n");
    expect_stream(START DELTA("0", "\"text\":\"x\"") STOP("end_turn") STOP("max_tokens") METADATA, LLMCOST_OK, "TEXT 0 0 |x|\nFINISH 0 0 finish=1 end_turn ||\n" USAGE);
    expect_stream(START DELTA("0", "\"text\":\"x\"") END("0"), LLMCOST_E_TRUNCATED, "TEXT 0 0 |x|\n");
    expect_stream(START DELTA("0", "\"text\":\"x\"") METADATA, LLMCOST_E_TRUNCATED, "TEXT 0 0 |x|\n" USAGE);
    expect_stream(START, LLMCOST_E_TRUNCATED, "");
    expect_stream("", LLMCOST_E_TRUNCATED, "");
}

static void exceptions_in_a_stream(void **state)
{
    (void)state;
    static const struct { const char *event; llmcost_status status; const char *code, *words; } failures[] = {
        { "!throttlingException {\"message\":\"Too many tokens, wait\"}\n", LLMCOST_E_RATE_LIMITED, "throttlingException", "Too many tokens, wait" },
        { "!internalServerException {\"message\":\"m\"}\n", LLMCOST_E_SERVER, "internalServerException", "m" },
        { "!modelStreamErrorException {\"message\":\"m\",\"originalStatusCode\":500}\n", LLMCOST_E_SERVER, "modelStreamErrorException", "m" },
        { "!serviceUnavailableException {\"message\":\"m\"}\n", LLMCOST_E_OVERLOADED, "serviceUnavailableException", "m" },
        { "!modelTimeoutException {\"message\":\"m\"}\n", LLMCOST_E_SERVER_TIMEOUT, "modelTimeoutException", "m" },
        { "!validationException {\"message\":\"m\"}\n", LLMCOST_E_INVALID_REQUEST, "validationException", "m" },
        { "!validationException {\"message\":\"Input is too long for requested model.\"}\n", LLMCOST_E_CONTEXT_LENGTH, "validationException", "Input is too long for requested model." },
        { "!accessDeniedException {\"message\":\"m\"}\n", LLMCOST_E_PERMISSION, "accessDeniedException", "m" },
        { "!expiredTokenException {\"message\":\"m\"}\n", LLMCOST_E_AUTH, "expiredTokenException", "m" },
        { "!resourceNotFoundException {}\n", LLMCOST_E_NOT_FOUND, "resourceNotFoundException", "" },
        { "?InternalFailure It broke\n", LLMCOST_E_SERVER, "InternalFailure", "It broke" },
        { "?ThrottlingException\n", LLMCOST_E_RATE_LIMITED, "ThrottlingException", "" },
        { "! {\"message\":\"m\"}\n", LLMCOST_E_SERVER, "exception", "m" },
        { "? words\n", LLMCOST_E_SERVER, "", "words" },
    };
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        char script[400];
        llmc_buffer body;
        replay r;
        snprintf(script, sizeof script, START DELTA("0", "\"text\":\"x\"") "%s", failures[i].event);
        begin(&body, script);
        expect_events_of_bytes(&stream, body.data, body.length, failures[i].status, "TEXT 0 0 |x|\n");
        replay_whole(&r, &stream, body.data, body.length);
        assert_string_equal(llmcost_error_code(&r.error), failures[i].code);
        assert_string_equal(llmcost_error_provider_message(&r.error), failures[i].words);
        expect_decoder_of_bytes_clean_without_memory(&stream, body.data, body.length);
        replay_free(&r);
        llmc_buffer_free(&body);
    }
}

static void stop_reasons(void **state)
{
    (void)state;
    static const struct { const char *word; int finish; } words[] = {
        { "end_turn", 1 }, { "stop_sequence", 1 }, { "max_tokens", 2 }, { "tool_use", 3 }, { "guardrail_intervened", 4 }, { "content_filtered", 4 },
        { "model_context_window_exceeded", 5 }, { "malformed_model_output", 7 }, { "malformed_tool_use", 7 }, { "what_is_this", 1 },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        char body[300], log[300];
        snprintf(body, sizeof body, "{\"output\":{\"message\":{\"content\":[{\"text\":\"x\"}]}},\"stopReason\":\"%s\"}", words[i].word);
        snprintf(log, sizeof log, "TEXT 0 0 |x|\nFINISH 0 0 finish=%d %s ||\n", words[i].finish, words[i].word);
        expect_events(&whole, body, LLMCOST_OK, log);
    }
    expect_events(&whole, "{\"output\":{\"message\":{\"content\":[{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"f\"}}]}},\"stopReason\":\"end_turn\"}", LLMCOST_OK,
                  "TOOL_CALL 0 0 id=t name=f ||\nTOOL_ARGUMENTS 0 0 |{}|\nFINISH 0 0 finish=3 end_turn ||\n");
}

#define ANSWER(usage) "{\"output\":{\"message\":{\"content\":[]}},\"usage\":" usage "}"

static void usage_is_disjoint(void **state)
{
    (void)state;
    static const struct { const char *body, *usage; } cases[] = {
        { ANSWER("{\"inputTokens\":12,\"outputTokens\":250,\"totalTokens\":1290,\"cacheReadInputTokens\":1028,\"cacheWriteInputTokens\":0}"),
          "0=12 1=1028 2=0 5=250 p=12 c=250 t=1290 cost=-1 flags=1 tier=" },
        { ANSWER("{\"inputTokens\":11,\"outputTokens\":236,\"totalTokens\":1275,\"cacheReadInputTokens\":0,\"cacheWriteInputTokens\":1028}"),
          "0=11 1=0 2=1028 5=236 p=11 c=236 t=1275 cost=-1 flags=1 tier=" },
        /* the split alone; the split smaller than the sum; a life that is not known is the shortest */
        { ANSWER("{\"inputTokens\":1,\"outputTokens\":2,\"cacheDetails\":[{\"ttl\":\"1h\",\"inputTokens\":7}]}"), "0=1 4=7 5=2 p=1 c=2 t=-1 cost=-1 flags=1 tier=" },
        { ANSWER("{\"inputTokens\":1,\"outputTokens\":2,\"cacheWriteInputTokens\":10,\"cacheDetails\":[{\"ttl\":\"1h\",\"inputTokens\":7},5,{\"inputTokens\":1},{\"ttl\":\"30m\",\"inputTokens\":1}]}"),
          "0=1 2=2 3=1 4=7 5=2 p=1 c=2 t=-1 cost=-1 flags=1 tier=" },
        { ANSWER("{\"inputTokens\":5,\"outputTokens\":2,\"totalTokens\":9}"), "0=5 5=2 p=5 c=2 t=9 cost=-1 flags=3 tier=" },
        { ANSWER("{\"inputTokens\":-5,\"outputTokens\":2.5,\"totalTokens\":\"9\",\"cacheDetails\":{}}"), NULL },
        { ANSWER("null"), NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char log[300];
        snprintf(log, sizeof log, "FINISH 0 0 finish=1  ||\n%s%s%s", cases[i].usage ? "USAGE 0 0 " : "", cases[i].usage ? cases[i].usage : "", cases[i].usage ? " ||\n" : "");
        expect_events(&whole, cases[i].body, LLMCOST_OK, log);
    }
}

static void counts_of_tokens(void **state)
{
    (void)state;
    const replay_how count = { .codec = &llmc_codec_bedrock, .operation = LLMC_OP_COUNT_TOKENS };
    expect_events(&count, "{\"inputTokens\":42}", LLMCOST_OK, "USAGE 0 0 0=42 p=42 c=-1 t=-1 cost=-1 flags=1 tier= ||\n");
    expect_events(&count, "{\"inputTokens\":0}", LLMCOST_OK, "USAGE 0 0 0=0 p=0 c=-1 t=-1 cost=-1 flags=1 tier= ||\n");
    expect_status(&count, "{\"inputTokens\":\"many\"}", LLMCOST_E_MALFORMED);
    expect_status(&count, "{}", LLMCOST_E_MALFORMED);
    expect_status(&count, "", LLMCOST_E_TRUNCATED);
    expect_status(&count, "{\"inputTok", LLMCOST_E_TRUNCATED);
    expect_decoder_clean_without_memory(&count, "{\"inputTokens\":42}");
    expect_stoppable(&count, "{\"inputTokens\":42}");
}

static void failures_and_ends(void **state)
{
    (void)state;
    expect_status(&whole, "<html>", LLMCOST_E_MALFORMED);
    expect_status(&whole, "{}", LLMCOST_E_MALFORMED);
    expect_status(&whole, "[]", LLMCOST_E_MALFORMED);
    expect_status(&whole, "{\"output\":{\"message\":{}}}", LLMCOST_E_MALFORMED);
    expect_status(&whole, "{\"output\":\"x\"}", LLMCOST_E_MALFORMED);
    expect_status(&whole, "{\"message\":\"m\"}", LLMCOST_E_SERVER);
    expect_status(&whole, "", LLMCOST_E_TRUNCATED);
    expect_stream("contentBlockDelta {\"x\n", LLMCOST_E_MALFORMED, "");
    expect_stream("contentBlockDelta\n", LLMCOST_E_MALFORMED, "");
    expect_stream(DELTA("99999999", "\"text\":\"x\""), LLMCOST_E_MALFORMED, "");
    expect_stream(DELTA("-1", "\"text\":\"x\""), LLMCOST_E_MALFORMED, "");
    expect_stream(DELTA("\"a\"", "\"text\":\"x\""), LLMCOST_E_MALFORMED, "");
    expect_stream("contentBlockStop {}\n", LLMCOST_E_MALFORMED, "");
    expect_stream("contentBlockDelta {\"contentBlockIndex\":0,\"delta\":\"text\"}\ncontentBlockDelta {\"contentBlockIndex\":0}\ncontentBlockStart {\"contentBlockIndex\":1,\"start\":[]}\n"
                  DELTA("0", "") DELTA("0", "\"toolUse\":{\"input\":\"{\"}") DELTA("0", "\"toolUse\":7") DELTA("1", "\"reasoningContent\":[7]") END("7") STOP("end_turn"),
                  LLMCOST_OK, "FINISH 0 0 finish=1 end_turn ||\n");
    const replay_how refused = { .codec = &llmc_codec_bedrock, .http_status = 503 };
    expect_status(&refused, "{\"message\":\"Model is getting throttled.\"}", LLMCOST_E_OVERLOADED);
    expect_status(&refused, "", LLMCOST_E_OVERLOADED);
}

/* A whole answer that ends too early, wherever it is cut. */
static void cut_answers(void **state)
{
    (void)state;
    for (size_t i = 1; i < strlen(full_body); i++) {
        replay r;
        replay_whole(&r, &whole, full_body, i);
        if (r.status != LLMCOST_E_TRUNCATED)
            fail_msg("cut at %zu: %s", i, llmcost_error_message(&r.error));
        replay_free(&r);
    }
}

/* A stream that ends anywhere before the message does is truncated, never malformed. */
static void cut_streams(void **state)
{
    (void)state;
    llmc_buffer body, tail;
    begin(&body, full_stream);
    begin(&tail, STOP("tool_use") METADATA "contentBlockDelta late\n");
    for (size_t i = 0; i < body.length; i++) {
        replay r;
        llmc_buffer stop;
        begin(&stop, STOP("tool_use"));
        bool complete = i >= body.length - tail.length + stop.length;
        replay_whole(&r, &stream, body.data, i);
        assert_int_equal(r.status, complete ? LLMCOST_OK : LLMCOST_E_TRUNCATED);
        replay_free(&r);
        llmc_buffer_free(&stop);
    }
    llmc_buffer_free(&body);
    llmc_buffer_free(&tail);
}

static void too_many_tools(void **state)
{
    (void)state;
    size_t room = 1100 * 70;
    char *body = malloc(room);
    size_t length = (size_t)snprintf(body, room, "{\"output\":{\"message\":{\"content\":[");
    for (int i = 0; i < 1025; i++)
        length += (size_t)snprintf(body + length, room - length, "%s{\"toolUse\":{\"toolUseId\":\"t%d\",\"name\":\"f\"}}", i ? "," : "", i);
    snprintf(body + length, room - length, "]}}}");
    replay r;
    replay_whole(&r, &whole, body, strlen(body));
    assert_int_equal(r.status, LLMCOST_E_MALFORMED);
    assert_int_equal(r.tool_calls, 1024);
    replay_free(&r);
    free(body);
}

static void deep_json(void **state)
{
    (void)state;
    char body[3000] = "{\"output\":{\"message\":{\"content\":[{\"toolUse\":{\"input\":";
    size_t length = strlen(body);
    memset(body + length, '[', 1000);
    memset(body + length + 1000, ']', 1000);
    strcpy(body + length + 2000, "}}]}}}");
    expect_status(&whole, body, LLMCOST_E_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_small), cmocka_unit_test(the_envelope), cmocka_unit_test(what_is_counted), cmocka_unit_test(a_conversation_with_tools),
        cmocka_unit_test(ids_are_kept_where_they_can_be), cmocka_unit_test(documents_have_names_of_their_own), cmocka_unit_test(marks_go_to_those_who_take_them),
        cmocka_unit_test(tools_and_choices), cmocka_unit_test(tools_that_were_used_must_be_given), cmocka_unit_test(numbers_and_names),
        cmocka_unit_test(efforts_and_budgets), cmocka_unit_test(what_it_cannot_do_is_said), cmocka_unit_test(what_is_malformed_is_named),
        cmocka_unit_test(a_whole_answer), cmocka_unit_test(a_streamed_answer), cmocka_unit_test(the_end_of_a_stream), cmocka_unit_test(exceptions_in_a_stream),
        cmocka_unit_test(stop_reasons), cmocka_unit_test(usage_is_disjoint), cmocka_unit_test(counts_of_tokens), cmocka_unit_test(failures_and_ends),
        cmocka_unit_test(cut_answers), cmocka_unit_test(cut_streams), cmocka_unit_test(too_many_tools), cmocka_unit_test(deep_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
