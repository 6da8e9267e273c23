/* The OpenAI codec: every field on its way out, every event on its way in. */
#include "../support/decode_check.h"
#include "../support/encode_check.h"
#include "../support/nth_failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const llmcost_message hello[] = { { .role = LLMCOST_USER, .text = "Hello" } };

#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]"

/* ---- encoding ---- */

static void a_question_is_small(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("openai", "gpt-4o", false);
    expect_body(&target, &request, "{\"model\":\"gpt-4o\"," HELLO "}");
    target.stream = true;
    expect_body(&target, &request, "{\"model\":\"gpt-4o\"," HELLO ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
    target = target_of("mistral", "m", true);
    expect_body(&target, &request, "{\"model\":\"m\"," HELLO ",\"stream\":true}");
}

static void models_are_listed(void **state)
{
    (void)state;
    llmc_codec_target target = target_of("openai", "", false);
    llmc_encoded out;
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_encoded_init(&out, &llmc_allocator_system);
    assert_int_equal(llmc_codec_openai.check(LLMC_OP_LIST_MODELS, NULL, &target, &error), LLMCOST_OK);
    assert_int_equal(llmc_codec_openai.encode(LLMC_OP_LIST_MODELS, NULL, &target, &out, &error), LLMCOST_OK);
    assert_string_equal(out.method, "GET");
    assert_string_equal(llmc_buffer_text(&out.path), "/models");
    assert_int_equal(out.body.length, 0);
    llmc_encoded_free(&out);
    llmcost_request request = request_of(hello, 1);
    llmc_encoded_init(&out, &llmc_allocator_system);
    assert_int_equal(llmc_codec_openai.encode(LLMC_OP_CHAT, &request, &target, &out, &error), LLMCOST_OK);
    assert_string_equal(out.method, "POST");
    assert_string_equal(llmc_buffer_text(&out.path), "/chat/completions");
    assert_null(out.headers[0]);
    llmc_encoded_free(&out);
}

static void messages_of_all_kinds(void **state)
{
    (void)state;
    const llmcost_part parts[] = {
        { .type = LLMCOST_PART_TEXT, .text = "See", .text_bytes = 2 },
        { .type = LLMCOST_PART_IMAGE_URL, .url = "https://example.org/a.png", .detail = "low" },
        { .type = LLMCOST_PART_IMAGE, .data = "\1\2\3\4", .data_bytes = 4, .media_type = "image/png" },
    };
    const llmcost_part one_text[] = { { .type = LLMCOST_PART_TEXT, .text = "alone" } };
    const llmcost_part thought[] = { { .type = LLMCOST_PART_REASONING, .text = "hm, ", .signature = "s" }, { .type = LLMCOST_PART_REASONING, .text = "so" },
                                     { .type = LLMCOST_PART_REASONING_HIDDEN, .text = "x" } };
    const llmcost_tool_call calls[] = { { .id = "c1", .name = "weather", .arguments = "{\"city\":\"Oslo\"}" }, { .id = "c2", .name = "clock", .arguments = NULL } };
    const llmcost_message messages[] = {
        { .role = LLMCOST_SYSTEM, .text = "Be brief.\n", .cache_mark = 1 },
        { .role = LLMCOST_USER, .parts = parts, .part_count = 3, .name = "ann" },
        { .role = LLMCOST_ASSISTANT, .parts = thought, .part_count = 3, .tool_calls = calls, .tool_call_count = 2 },
        { .role = LLMCOST_TOOL, .tool_call_id = "c1", .text = "4 C" },
        { .role = LLMCOST_TOOL, .tool_call_id = "c2", .text = "no clock", .is_error = 1 },
        { .role = LLMCOST_ASSISTANT, .text = "4 degrees." },
        { .role = LLMCOST_USER, .parts = one_text, .part_count = 1 },
    };
    llmcost_request request = request_of(messages, 7);
    llmc_codec_target target = target_of("openai", "gpt-4o", false);
#define ALL_KINDS(system, reasoning)                                                                                                              \
    "\"messages\":[{\"role\":\"" system "\",\"content\":\"Be brief.\\n\"},{\"role\":\"user\",\"name\":\"ann\",\"content\":["                        \
    "{\"type\":\"text\",\"text\":\"Se\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://example.org/a.png\",\"detail\":\"low\"}},"       \
    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AQIDBA==\"}}]},{\"role\":\"assistant\",\"content\":null," reasoning   \
    "\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"weather\",\"arguments\":\"{\\\"city\\\":\\\"Oslo\\\"}\"}},"   \
    "{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"clock\",\"arguments\":\"{}\"}}]},"                                             \
    "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"4 C\"},{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":\"Error: no clock\"}," \
    "{\"role\":\"assistant\",\"content\":\"4 degrees.\"},{\"role\":\"user\",\"content\":\"alone\"}]"
    expect_body(&target, &request, "{\"model\":\"gpt-4o\"," ALL_KINDS("system", "") "}");
    target = target_of("openai", "o3", false);
    expect_body(&target, &request, "{\"model\":\"o3\"," ALL_KINDS("developer", "") "}");
    target = target_of("deepseek", "deepseek-chat", false);
    expect_body(&target, &request, "{\"model\":\"deepseek-chat\"," ALL_KINDS("system", "\"reasoning_content\":\"hm, so\",") "}");
    expect_clean_without_memory(&target, &request);
}

static const llmcost_tool tools[] = {
    { .name = "weather", .description = "What it is like", .parameters = "{\"type\":\"object\"}", .strict = 1 },
    { .name = "clock" },
};
#define TOOLS                                                                                                                                \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"description\":\"What it is like\",\"parameters\":{\"type\":\"object\"}," \
    "\"strict\":true}},{\"type\":\"function\",\"function\":{\"name\":\"clock\"}}]"

static void tools_and_choices(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("openai", "gpt-4o", false), mistral = target_of("mistral", "m", false);
    request.tools = tools;
    request.tool_count = 2;
    expect_body(&target, &request, "{\"model\":\"gpt-4o\"," HELLO "," TOOLS "}");
    request.tool_choice = LLMCOST_TOOLS_NONE;
    expect_body(&target, &request, "{\"model\":\"gpt-4o\"," HELLO "," TOOLS ",\"tool_choice\":\"none\"}");
    request.tool_choice = LLMCOST_TOOLS_REQUIRED;
    request.parallel_tool_calls = LLMCOST_OFF;
    expect_body(&target, &request, "{\"model\":\"gpt-4o\"," HELLO "," TOOLS ",\"tool_choice\":\"required\",\"parallel_tool_calls\":false}");
    expect_body(&mistral, &request, "{\"model\":\"m\"," HELLO "," TOOLS ",\"tool_choice\":\"any\",\"parallel_tool_calls\":false}");
    request.tool_choice = LLMCOST_TOOLS_ONE;
    request.tool_choice_name = "clock";
    request.parallel_tool_calls = LLMCOST_ON;
    expect_body(&target, &request, "{\"model\":\"gpt-4o\"," HELLO "," TOOLS ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"clock\"}},\"parallel_tool_calls\":true}");
    expect_clean_without_memory(&target, &request);
    request.tool_choice_name = NULL;
    expect_invalid(&target, &request, "tool_choice_name");
    request.tool_count = 0;
    expect_invalid(&target, &request, "tool_choice");
}

static void formats(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("openai", "gpt-4o", false);
    request.format = LLMCOST_FORMAT_JSON;
    expect_body(&target, &request, "{\"model\":\"gpt-4o\"," HELLO ",\"response_format\":{\"type\":\"json_object\"}}");
    request.format = LLMCOST_FORMAT_JSON_SCHEMA;
    request.format_schema = "{\"type\":\"object\"}";
    expect_body(&target, &request, "{\"model\":\"gpt-4o\"," HELLO ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"answer\",\"schema\":{\"type\":\"object\"}}}}");
    request.format_strict = 1;
    request.format_name = "verdict";
    expect_body(&target, &request, "{\"model\":\"gpt-4o\"," HELLO ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"verdict\",\"strict\":true,\"schema\":{\"type\":\"object\"}}}}");
    request.format_schema = "{\"type\":";
    expect_invalid(&target, &request, "format_schema");
    request.format_schema = NULL;
    expect_invalid(&target, &request, "format_schema");
}

static void numbers_and_names(void **state)
{
    (void)state;
    static const char *const stop[] = { "END", "\n\n" };
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target openai = target_of("openai", "gpt-4o", false), mistral = target_of("mistral", "m", false), zhipu = target_of("zhipu", "glm", false);
    request.max_tokens = 300;
    request.has_temperature = request.has_top_p = request.has_seed = 1;
    request.temperature = 0.25;
    request.top_p = 0.5;
    request.seed = -7;
    request.stop = stop;
    request.stop_count = 2;
    request.n = 3;
    request.logprobs = 1;
    request.top_logprobs = 5;
    request.end_user = "user-9";
    expect_body(&openai, &request, "{\"model\":\"gpt-4o\"," HELLO ",\"max_completion_tokens\":300,\"stop\":[\"END\",\"\\n\\n\"],\"temperature\":0.25,\"top_p\":0.5,"
                                   "\"seed\":-7,\"n\":3,\"logprobs\":true,\"top_logprobs\":5,\"safety_identifier\":\"user-9\"}");
    request.logprobs = 0;
    request.top_logprobs = 0;
    request.end_user = NULL;
    expect_body(&mistral, &request, "{\"model\":\"m\"," HELLO ",\"max_tokens\":300,\"stop\":[\"END\",\"\\n\\n\"],\"temperature\":0.25,\"top_p\":0.5,"
                                    "\"random_seed\":-7,\"n\":3}");
    request.end_user = "user-9";
    request.has_seed = 0;
    request.n = 1;
    request.stop_count = 0;
    request.temperature = 0;
    request.top_p = 1;
    expect_body(&zhipu, &request, "{\"model\":\"glm\"," HELLO ",\"max_tokens\":300,\"temperature\":0.01,\"top_p\":0.99,\"user_id\":\"user-9\"}");
    request.top_logprobs = 5;
    expect_invalid(&openai, &request, "top_logprobs");
}

static void efforts(void **state)
{
    (void)state;
    static const char *const words[] = { "none", "minimal", "low", "medium", "high", "xhigh", "max" };
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("openai", "gpt-5.2", false);
    for (int effort = LLMCOST_EFFORT_NONE; effort <= LLMCOST_EFFORT_MAX; effort++) {
        char body[300];
        request.effort = effort;
        snprintf(body, sizeof body, "{\"model\":\"gpt-5.2\",%s,\"reasoning_effort\":\"%s\"}", HELLO, words[effort - 1]);
        expect_body(&target, &request, body);
    }
    request.effort = LLMCOST_EFFORT_NONE;
    target.model = "gpt-6.2-sol";
    expect_unsupported(&target, &request, "effort");
    target.model = "gpt-6-astra";
    expect_unsupported(&target, &request, "effort");
    request.effort = LLMCOST_EFFORT_MINIMAL;
    target.model = "gpt-6.2-astra";
    expect_unsupported(&target, &request, "effort");
    target = target_of("moonshot", "kimi-k3", false);
    expect_unsupported(&target, &request, "effort");
    request.effort = LLMCOST_EFFORT_LOW;
    request.thinking_budget_tokens = 2000; /* for another step of the route */
    expect_body(&target, &request, "{\"model\":\"kimi-k3\"," HELLO ",\"reasoning_effort\":\"low\"}");
    request.effort = LLMCOST_EFFORT_DEFAULT;
    expect_unsupported(&target, &request, "thinking_budget_tokens");
}

static void extra_passes_through(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("openai", "gpt-4o", false);
    request.extra = " { \"logit_bias\" : {\"5\": -100}, \"we\\u0069rd\": [1.50, \"\\u00e9\"] } ";
    expect_body(&target, &request, "{\"model\":\"gpt-4o\"," HELLO ",\"logit_bias\":{\"5\":-100},\"weird\":[1.5,\"\xc3\xa9\"]}");
    request.extra = "{\"temperature\":0.5}"; /* not set in the request */
    expect_body(&target, &request, "{\"model\":\"gpt-4o\"," HELLO ",\"temperature\":0.5}");
    request.has_temperature = 1;
    expect_invalid(&target, &request, "temperature");
    request.extra = "{\"m\\u006fdel\":\"x\"}";
    expect_invalid(&target, &request, "extra repeats");
    static const char *const reserved[] = { "{\"stream\":true}", "{\"n\":4}", "{\"max_tokens\":9}", "{\"max_completion_tokens\":9}", "{\"stream_options\":{}}" };
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        request.extra = reserved[i];
        expect_invalid(&target, &request, "extra repeats");
    }
    request.extra = "[1]";
    expect_invalid(&target, &request, "extra is no JSON object");
    request.extra = "{\"a\":1,}";
    expect_invalid(&target, &request, "extra is no JSON object");
    request.extra = "{} {}";
    expect_invalid(&target, &request, "extra is no JSON object");
    request.extra = "";
    request.has_temperature = 0;
    expect_body(&target, &request, "{\"model\":\"gpt-4o\"," HELLO "}");
    /* A choice among tools that only the host knows. */
    request.extra = "{\"tools\":[{\"type\":\"custom\"}]}";
    request.parallel_tool_calls = LLMCOST_OFF;
    request.tool_choice = LLMCOST_TOOLS_REQUIRED;
    expect_body(&target, &request, "{\"model\":\"gpt-4o\"," HELLO ",\"tool_choice\":\"required\",\"parallel_tool_calls\":false,\"tools\":[{\"type\":\"custom\"}]}");
    request.tool_choice = LLMCOST_TOOLS_NONE;
    expect_body(&target, &request, "{\"model\":\"gpt-4o\"," HELLO ",\"tool_choice\":\"none\",\"parallel_tool_calls\":false,\"tools\":[{\"type\":\"custom\"}]}");
    request.tool_choice = LLMCOST_TOOLS_REQUIRED;
    request.extra = "{\"tools\":null}";
    expect_invalid(&target, &request, "there are none");
}

static void what_is_malformed_is_named(void **state)
{
    (void)state;
    llmc_codec_target target = target_of("openai", "gpt-4o", false);
    llmcost_tool_call call = { .id = "c", .name = "f", .arguments = "{broken" };
    llmcost_part part = { .type = LLMCOST_PART_IMAGE, .data = "x", .data_bytes = 1, .media_type = "image/\"png" };
    llmcost_tool tool = { .name = "f", .parameters = "[]" };
    llmcost_message message = { .role = LLMCOST_ASSISTANT, .tool_calls = &call, .tool_call_count = 1 };
    llmcost_request request = request_of(&message, 1);
    expect_invalid(&target, &request, "messages[0].tool_calls[0].arguments");
    call = (llmcost_tool_call){ .id = NULL, .name = "f", .arguments = "{}" };
    expect_invalid(&target, &request, "messages[0].tool_calls[0]");
    message = (llmcost_message){ .role = LLMCOST_TOOL, .text = "x" };
    expect_invalid(&target, &request, "messages[0].tool_call_id");
    message = (llmcost_message){ .role = LLMCOST_USER, .parts = &part, .part_count = 1 };
    expect_invalid(&target, &request, "messages[0].parts[0]");
    part = (llmcost_part){ .type = LLMCOST_PART_IMAGE_URL };
    expect_invalid(&target, &request, "messages[0].parts[0].url");
    llmcost_part two[] = { { .type = LLMCOST_PART_TEXT, .text = "a" }, { .type = 99 } };
    message = (llmcost_message){ .role = LLMCOST_USER, .parts = two, .part_count = 2 };
    expect_invalid(&target, &request, "messages[0].parts[1].type");
    message = (llmcost_message){ .role = 7, .text = "x" };
    expect_invalid(&target, &request, "messages[0].role");
    message = hello[0];
    request.tools = &tool;
    request.tool_count = 1;
    expect_invalid(&target, &request, "tools[0].parameters");
    tool = (llmcost_tool){ .name = "" };
    expect_invalid(&target, &request, "tools[0].name");
}

static void what_a_host_cannot_do_is_said(void **state)
{
    (void)state;
    static const char *const stop[] = { "1", "2", "3", "4", "5" };
    const llmcost_part image = { .type = LLMCOST_PART_IMAGE_URL, .url = "https://example.org/x" };
    const llmcost_message with_image = { .role = LLMCOST_USER, .parts = &image, .part_count = 1 }, image_in_system = { .role = LLMCOST_SYSTEM, .parts = &image, .part_count = 1 };
    llmc_codec_target deepseek = target_of("deepseek", "d", false), groq = target_of("groq", "g", false), openai = target_of("openai", "gpt-4o", false);
    llmc_codec_target perplexity = target_of("perplexity", "sonar", false), o3 = target_of("openai", "o3", false), zhipu = target_of("zhipu", "glm", false);
    llmcost_request request = request_of(hello, 1);
    request.has_seed = 1;
    expect_unsupported(&deepseek, &request, "seed");
    request.has_seed = 0;
    request.n = 2;
    expect_unsupported(&groq, &request, "n");
    request.n = 129;
    expect_unsupported(&openai, &request, "n");
    request.n = 0;
    request.logprobs = 1;
    expect_unsupported(&groq, &request, "logprobs");
    request.top_logprobs = 21;
    expect_unsupported(&openai, &request, "top_logprobs");
    request.logprobs = 0;
    request.top_logprobs = 0;
    request.stop = stop;
    request.stop_count = 5;
    expect_unsupported(&openai, &request, "stop");
    request.stop_count = 1;
    expect_unsupported(&o3, &request, "stop");
    openai.quirks |= LLMC_QUIRK(NO_STOP) | LLMC_QUIRK(NO_IMAGES) | LLMC_QUIRK(NO_EFFORT);
    expect_unsupported(&openai, &request, "stop");
    request.stop_count = 0;
    request.effort = LLMCOST_EFFORT_LOW;
    expect_unsupported(&openai, &request, "effort");
    request.effort = LLMCOST_EFFORT_DEFAULT;
    request.messages = &with_image;
    expect_unsupported(&openai, &request, "images");
    request.messages = &image_in_system;
    expect_unsupported(&deepseek, &request, "messages[0] image");
    request.messages = hello;
    request.tools = tools;
    request.tool_count = 1;
    expect_unsupported(&perplexity, &request, "tools");
    request.tool_count = 0;
    request.format = LLMCOST_FORMAT_JSON_SCHEMA;
    expect_unsupported(&deepseek, &request, "format_schema");
    request.format = LLMCOST_FORMAT_TEXT;
    request.has_temperature = 1;
    request.temperature = 2.5;
    expect_unsupported(&groq, &request, "temperature");
    request.temperature = 1.5;
    expect_unsupported(&zhipu, &request, "temperature");
    expect_unsupported(&o3, &request, "temperature");
    request.temperature = 1.0;
    expect_body(&o3, &request, "{\"model\":\"o3\"," HELLO ",\"temperature\":1.0}");
    request.has_temperature = 0;
    request.has_top_p = 1;
    request.top_p = 0.9;
    expect_unsupported(&o3, &request, "top_p");
    o3.model = "gpt-5.2";
    request.effort = LLMCOST_EFFORT_NONE;
    expect_body(&o3, &request, "{\"model\":\"gpt-5.2\"," HELLO ",\"reasoning_effort\":\"none\",\"top_p\":0.9}");
    o3.model = "gpt-5-chat-latest";
    request.effort = LLMCOST_EFFORT_DEFAULT;
    expect_body(&o3, &request, "{\"model\":\"gpt-5-chat-latest\"," HELLO ",\"top_p\":0.9}");
}

/* ---- decoding ---- */

static const replay_how whole = { .codec = &llmc_codec_openai };
static const replay_how stream = { .codec = &llmc_codec_openai, .stream = true };
static const replay_how lenient = { .codec = &llmc_codec_openai, .stream = true, .quirks = LLMC_QUIRK(DONE_OPTIONAL) };
static const replay_how beside = { .codec = &llmc_codec_openai, .quirks = LLMC_QUIRK(REASONING_BESIDE_COMPLETION) };

static const char full_body[] =
    "\n\n{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\",\"content\":\"Snow \\ud83d\\ude00\",\"reasoning\":\"why\",\"reasoning_content\":\"why\","
    "\"refusal\":null,\"tool_calls\":[{\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":{\"b\":2}}}],\"annotations\":[{\"u\":1}]},"
    "\"logprobs\":{\"content\":[{\"token\":\"S\"}],\"refusal\":null},\"index\":0},{\"index\":1,\"message\":{\"content\":null,\"refusal\":\"No.\"},\"finish_reason\":\"content_filter\"}],"
    "\"citations\":[\"u1\"],\"usage\":{\"prompt_tokens\":30,\"completion_tokens\":9,\"total_tokens\":39,\"prompt_tokens_details\":{\"cached_tokens\":8,\"cache_write_tokens\":4},"
    "\"completion_tokens_details\":{\"reasoning_tokens\":3}},\"service_tier\":\"flex\",\"model\":\"m-1\",\"id\":\"c1\",\"unknown\":{\"deep\":[1,[2,{}]]},\"error\":null}";

static void a_whole_answer(void **state)
{
    (void)state;
    expect_events(&whole, full_body, LLMCOST_OK,
                  "META 0 0 id= name=m-1 |c1|\n" "TEXT 0 0 |Snow \xf0\x9f\x98\x80|\n" "REASONING 0 0 |why|\n" "TOOL_CALL 0 0 id=t1 name=f ||\n"
                  "TOOL_ARGUMENTS 0 0 |{\"a\":1}|\n" "TOOL_CALL 0 1 id=call_0_1 name=g ||\n" "TOOL_ARGUMENTS 0 1 |{\"b\":2}|\n"
                  "EXTRA 0 0 id= name=annotations |[{\"u\":1}]|\n" "LOGPROBS 0 0 |[{\"token\":\"S\"}]|\n" "FINISH 0 0 finish=3 stop ||\n"
                  "REFUSAL 1 0 |No.|\n" "FINISH 1 0 finish=4 content_filter ||\n" "EXTRA 0 0 id= name=citations |[\"u1\"]|\n"
                  "USAGE 0 0 0=18 1=8 3=4 5=6 6=3 p=30 c=9 t=39 cost=-1 flags=1 tier=flex ||\n");
    expect_decoder_clean_without_memory(&whole, full_body);
    expect_stoppable(&whole, full_body);
}

static const char full_stream[] =
    "data: {\"choices\":[],\"id\":\"\",\"model\":\"\",\"prompt_filter_results\":[{}]}\n\n"
    ": keep-alive\n\n"
    "data: {\"id\":\"c2\",\"model\":\"m-2\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n\n"
    "data:{\"id\":\"c2\",\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"hm\"}}]}\r\n\r\n"
    "data: {\"choices\":[{\"delta\":{\"content\":\"It \\ud83d\"},\"index\":0,\"logprobs\":{\"content\":[{\"token\":\"It\"}]}}]}\n\n"
    "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"Other \\ud83d\"}},{\"index\":0,\"delta\":{\"content\":\"\\ude00 snows\"}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}},{\"index\":1,\"id\":\"b\"}]}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"x\\\":\"}},{\"index\":1,\"function\":{\"name\":\"g\"}}]}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"{}\"}},{\"index\":0,\"function\":{\"arguments\":\"1}\"}}]}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"},{\"index\":1,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n"
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":60,\"completion_tokens\":15,\"total_tokens\":75}}\n\n"
    "data: [DONE]\n\ndata: what comes after is nobody's business\n\n";

static void a_streamed_answer(void **state)
{
    (void)state;
    expect_events(&stream, full_stream, LLMCOST_OK,
                  "META 0 0 id= name=m-2 |c2|\n" "EXTRA 0 0 id= name=prompt_filter_results |[{}]|\n" "REASONING 0 0 |hm|\n" "TEXT 0 0 |It |\n" "LOGPROBS 0 0 |[{\"token\":\"It\"}]|\n" "TEXT 1 0 |Other |\n"
                  "TEXT 0 0 |\xf0\x9f\x98\x80 snows|\n" "TOOL_CALL 0 0 id=a name=f ||\n" "TOOL_ARGUMENTS 0 0 |{\"x\":|\n" "TOOL_CALL 0 1 id=b name=g ||\n"
                  "TOOL_ARGUMENTS 0 1 |{}|\n" "TOOL_ARGUMENTS 0 0 |1}|\n" "FINISH 0 0 finish=3 tool_calls ||\n" "TEXT 1 0 |\xef\xbf\xbd|\n"
                  "FINISH 1 0 finish=2 length ||\n" "USAGE 0 0 0=60 5=15 p=60 c=15 t=75 cost=-1 flags=1 tier= ||\n");
    expect_decoder_clean_without_memory(&stream, full_stream);
    expect_stoppable(&stream, full_stream);
}

#define CHUNK(members) "data: {\"id\":\"i\",\"model\":\"m\"," members "}\n\n"
#define DELTA(delta) CHUNK("\"choices\":[{\"index\":0,\"delta\":{" delta "}}]")
#define FINISHED(word) CHUNK("\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" word "\"}]")
#define DONE "data: [DONE]\n\n"
#define META "META 0 0 id= name=m |i|\n"

static void pieces_of_thinking(void **state)
{
    (void)state;
    expect_events(&stream, DELTA("\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"first\"}],\"closed\":true},{\"type\":\"text\",\"text\":\"then\"},{\"type\":\"reference\",\"ids\":[1]}]")
                           DELTA("\"content\":[{\"thinking\":\"more\",\"type\":\"thinking\"}]") FINISHED("stop") DONE,
                  LLMCOST_OK, META "REASONING 0 0 |first|\nTEXT 0 0 |then|\nREASONING 0 0 |more|\nFINISH 0 0 finish=1 stop ||\n");
}

/* Free text where a function has JSON; whole, in pieces, before its name, and beside functions. */
static void calls_of_custom_tools(void **state)
{
    (void)state;
#define CUSTOM(members) "\"type\":\"custom\",\"custom\":{" members "}"
    const char *body = "{\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"content\":null,\"tool_calls\":["
        "{\"id\":\"a\"," CUSTOM("\"name\":\"sql\",\"input\":\"SELECT \\\"x\\\"\\n\"") "},"
        "{\"id\":\"b\",\"type\":\"function\",\"custom\":null,\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
        "{\"id\":\"c\",\"function\":null," CUSTOM("\"input\":\"\",\"name\":\"ping\"") "}]},\"finish_reason\":\"tool_calls\"}]}";
    expect_events(&whole, body, LLMCOST_OK, META "TOOL_CALL 0 0 id=a name=sql custom ||\nTOOL_ARGUMENTS 0 0 custom |SELECT \"x\"\n|\nTOOL_CALL 0 1 id=b name=f ||\nTOOL_ARGUMENTS 0 1 |{}|\n"
                                                 "TOOL_CALL 0 2 id=c name=ping custom ||\nFINISH 0 0 finish=3 tool_calls ||\n");
    expect_decoder_clean_without_memory(&whole, body);
    expect_stoppable(&whole, body);
#define PIECE(index, members) DELTA("\"tool_calls\":[{\"index\":" index "," members "}]")
    const char *pieces = PIECE("0", "\"id\":\"a\"," CUSTOM("\"name\":\"sql\",\"input\":\"\"")) PIECE("1", "\"id\":\"b\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}")
        PIECE("0", "\"custom\":{\"input\":\"SELECT \\ud83d\"}") PIECE("1", "\"function\":{\"arguments\":\"{}\"}") PIECE("0", "\"custom\":{\"input\":\"\\ude00\"}")
        PIECE("2", "\"id\":\"c\"," CUSTOM("\"input\":\"late \\ud83d\"")) PIECE("2", "\"custom\":{\"name\":\"sql\"}") FINISHED("tool_calls") DONE;
    expect_events(&stream, pieces, LLMCOST_OK, META "TOOL_CALL 0 0 id=a name=sql custom ||\nTOOL_CALL 0 1 id=b name=f ||\nTOOL_ARGUMENTS 0 0 custom |SELECT |\nTOOL_ARGUMENTS 0 1 |{}|\n"
                                                    "TOOL_ARGUMENTS 0 0 custom |\xF0\x9F\x98\x80|\nTOOL_CALL 0 2 id=c name=sql custom ||\nTOOL_ARGUMENTS 0 2 custom |late |\n"
                                                    "TOOL_ARGUMENTS 0 2 custom |\xef\xbf\xbd|\nFINISH 0 0 finish=3 tool_calls ||\n");
    expect_decoder_clean_without_memory(&stream, pieces);
    expect_stoppable(&stream, pieces);
    /* never named: what came is told at the end */
    expect_events(&stream, PIECE("0", "\"id\":\"a\"," CUSTOM("\"input\":\"x\"")) FINISHED("stop") DONE, LLMCOST_OK,
                  META "TOOL_CALL 0 0 id=a name= custom ||\nTOOL_ARGUMENTS 0 0 custom |x|\nFINISH 0 0 finish=3 stop ||\n");
}

static void custom_tools_go_along(void **state)
{
    (void)state;
    static const char *const hosts[] = { "openai", "openrouter", "groq" };
    const llmcost_tool_call calls[] = { { .id = "a", .name = "sql", .arguments = "SELECT \"x\"", .is_custom = 1 }, { .id = "b", .name = "ping", .arguments = "", .is_custom = 1 },
                                        { .id = "c", .name = "count", .arguments = "42", .is_custom = 1 } };
    const llmcost_message messages[] = { { .role = LLMCOST_USER, .text = "hello" }, { .role = LLMCOST_ASSISTANT, .tool_calls = calls, .tool_call_count = 3 },
                                         { .role = LLMCOST_TOOL, .tool_call_id = "a", .text = "1" } };
    llmcost_request request = request_of(messages, 3);
    request.extra = "{\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"sql\"}}]}";
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        llmc_codec_target target = target_of(hosts[i], "gpt-4o", false);
        expect_body(&target, &request, "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":["
                    "{\"id\":\"a\",\"type\":\"custom\",\"custom\":{\"name\":\"sql\",\"input\":\"SELECT \\\"x\\\"\"}},{\"id\":\"b\",\"type\":\"custom\",\"custom\":{\"name\":\"ping\",\"input\":\"\"}},"
                    "{\"id\":\"c\",\"type\":\"custom\",\"custom\":{\"name\":\"count\",\"input\":\"42\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"1\"}],"
                    "\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"sql\"}}]}");
    }
    /* Elsewhere there is no such thing. */
    static const char *const others[] = { "anthropic", "google", "bedrock", "cohere", "ollama", "openai-responses", "qianfan-v1" };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        llmc_codec_target target = target_of(others[i], "m", false);
        llmcost_request asking = request_of(messages, 1);
        asking.max_tokens = 100;
        asking.extra = request.extra;
        expect_unsupported(&target, &asking, "custom tools");
        asking = request_of(messages, 3);
        asking.max_tokens = 100;
        expect_unsupported(&target, &asking, "custom tools");
    }
    /* Anthropic's own type of that name is its own. */
    llmc_codec_target anthropic = target_of("anthropic", "claude-sonnet-4-5", false);
    llmcost_request own = request_of(messages, 1);
    own.max_tokens = 100;
    own.extra = "{\"tools\":[{\"type\":\"custom\",\"name\":\"f\",\"input_schema\":{}}]}";
    expect_body(&anthropic, &own, "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}],"
                                  "\"tools\":[{\"type\":\"custom\",\"name\":\"f\",\"input_schema\":{}}]}");
}

static void the_older_function_call(void **state)
{
    (void)state;
    expect_events(&stream, DELTA("\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}") DELTA("\"function_call\":{\"arguments\":\"{}\"}") FINISHED("function_call") DONE,
                  LLMCOST_OK, META "TOOL_CALL 0 0 id=call_0_0 name=f ||\nTOOL_ARGUMENTS 0 0 |{}|\nFINISH 0 0 finish=3 function_call ||\n");
    expect_status(&whole, "{\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"x\",\"function_call\":null},\"finish_reason\":\"stop\"}]}", LLMCOST_OK);
}

/* Some servers tell a call in both shapes, in any order: it is one call. */
#define CALL(index, members) DELTA("\"tool_calls\":[{\"index\":" index "," members "}]")

/* Its arguments wait for its name; halves of a character that came apart meet in the end. */
static void a_name_that_comes_late(void **state)
{
    (void)state;
    static const char late[] = CALL("0", "\"id\":\"a\",\"function\":{\"arguments\":\"{\\\"x\\\":\\\"\\ud83d\"}") CALL("1", "\"id\":\"b\",\"function\":{\"arguments\":\"[\"}")
        CALL("0", "\"function\":{\"arguments\":\"\\ude00\"}") CALL("0", "\"function\":{\"name\":\"f\",\"arguments\":\"\\\"}\"}") CALL("1", "\"function\":{\"name\":\"g\"}")
        CALL("1", "\"function\":{\"arguments\":\"]\"}") FINISHED("tool_calls") DONE;
    expect_events(&stream, late, LLMCOST_OK, META "TOOL_CALL 0 0 id=a name=f ||\nTOOL_ARGUMENTS 0 0 |{\"x\":\"\xF0\x9F\x98\x80|\nTOOL_ARGUMENTS 0 0 |\"}|\n"
                                                  "TOOL_CALL 0 1 id=b name=g ||\nTOOL_ARGUMENTS 0 1 |[|\nTOOL_ARGUMENTS 0 1 |]|\nFINISH 0 0 finish=3 tool_calls ||\n");
    expect_decoder_clean_without_memory(&stream, late);
    expect_stoppable(&stream, late);
    /* never: what came is told at the end */
    expect_events(&stream, CALL("0", "\"id\":\"a\",\"function\":{\"arguments\":\"{}\"}") FINISHED("stop") DONE, LLMCOST_OK,
                  META "TOOL_CALL 0 0 id=a name= ||\nTOOL_ARGUMENTS 0 0 |{}|\nFINISH 0 0 finish=3 stop ||\n");
    expect_status(&stream, CALL("0", "\"id\":\"a\",\"function\":{\"arguments\":\"{}\"}"), LLMCOST_E_TRUNCATED);
}

static void a_call_told_twice(void **state)
{
    (void)state;
#define OLDER(name, arguments) "\"function_call\":{" name "\"arguments\":\"" arguments "\"}"
#define LISTED(name, arguments) "\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{" name "\"arguments\":\"" arguments "\"}}]"
#define NAMED "\"name\":\"f\","
    const char *one = META "TOOL_CALL 0 0 id=a name=f ||\nTOOL_ARGUMENTS 0 0 |{|\nTOOL_ARGUMENTS 0 0 |}|\nFINISH 0 0 finish=3 tool_calls ||\n";
    expect_events(&stream, DELTA(OLDER(NAMED, "{") "," LISTED(NAMED, "{")) DELTA(OLDER(NAMED, "}") "," LISTED(NAMED, "}")) FINISHED("tool_calls") DONE, LLMCOST_OK, one);
    expect_events(&stream, DELTA(LISTED(NAMED, "{") "," OLDER(NAMED, "{")) DELTA(LISTED("", "}") "," OLDER("", "}")) FINISHED("tool_calls") DONE, LLMCOST_OK, one);
    const char *whole_one = META "TOOL_CALL 0 0 id=a name=f ||\nTOOL_ARGUMENTS 0 0 |{}|\nFINISH 0 0 finish=3 tool_calls ||\n";
    expect_events(&whole, "{\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"message\":{" LISTED(NAMED, "{}") "," OLDER(NAMED, "{}") "},\"finish_reason\":\"tool_calls\"}]}", LLMCOST_OK, whole_one);
    expect_events(&whole, "{\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"message\":{" OLDER(NAMED, "{}") "," LISTED(NAMED, "{}") "},\"finish_reason\":\"tool_calls\"}]}", LLMCOST_OK, whole_one);
    expect_events(&stream, DELTA("\"tool_calls\":[]," OLDER(NAMED, "{}")) FINISHED("function_call") DONE, LLMCOST_OK,
                  META "TOOL_CALL 0 0 id=call_0_0 name=f ||\nTOOL_ARGUMENTS 0 0 |{}|\nFINISH 0 0 finish=3 function_call ||\n");
}

/* No index, one index for all, an index of one's own: calls are told apart by their ids. */
static void odd_tool_indexes(void **state)
{
    (void)state;
    const char *two = META "TOOL_CALL 0 0 id=a name=f ||\nTOOL_ARGUMENTS 0 0 |{}|\nTOOL_CALL 0 1 id=b name=f ||\nTOOL_ARGUMENTS 0 1 |{}|\nFINISH 0 0 finish=3 stop ||\n";
    static const char *const indexes[][2] = { { "", "" }, { "\"index\":0,", "\"index\":0," }, { "\"index\":1,", "\"index\":7," } };
    for (size_t i = 0; i < 3; i++) {
        char body[900];
        snprintf(body, sizeof body, "%s%s%s%s%s%s%s", "data: {\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{", indexes[i][0],
                 "\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{", indexes[i][1],
                 "\"id\":\"b\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}\n\n", FINISHED("stop"), DONE);
        expect_events(&stream, body, LLMCOST_OK, two);
    }
    expect_events(&stream, DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\"}}]") DELTA("\"tool_calls\":[{\"function\":{\"arguments\":\"{\"}}]")
                           DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"}\"}}]") FINISHED("tool_calls") DONE,
                  LLMCOST_OK, META "TOOL_CALL 0 0 id=a name=f ||\nTOOL_ARGUMENTS 0 0 |{|\nTOOL_ARGUMENTS 0 0 |}|\nFINISH 0 0 finish=3 tool_calls ||\n");
}

static void a_message_beside_the_delta_is_a_repetition(void **state)
{
    (void)state;
    expect_events(&stream, CHUNK("\"choices\":[{\"index\":0,\"message\":{\"content\":\"ab\"},\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}]") DONE, LLMCOST_OK,
                  META "TEXT 0 0 |b|\nFINISH 0 0 finish=1 stop ||\n");
    expect_events(&stream, CHUNK("\"choices\":[{\"delta\":{\"content\":\"b\"},\"message\":{\"content\":\"ab\"},\"index\":0,\"finish_reason\":\"stop\"}]") DONE, LLMCOST_OK,
                  META "TEXT 0 0 |b|\nFINISH 0 0 finish=1 stop ||\n");
}

static void finish_words(void **state)
{
    (void)state;
    static const struct { const char *word; int finish; } words[] = {
        { "stop", 1 }, { "length", 2 }, { "model_length", 2 }, { "content_filter", 4 }, { "sensitive", 4 }, { "model_context_window_exceeded", 5 },
        { "insufficient_system_resource", 7 }, { "error", 7 }, { "network_error", 7 }, { "eos", 1 }, { "no_such_word", 1 },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        char body[300], log[300];
        snprintf(body, sizeof body, "{\"model\":\"m\",\"id\":\"i\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"x\"},\"finish_reason\":\"%s\"}]}", words[i].word);
        snprintf(log, sizeof log, META "TEXT 0 0 |x|\nFINISH 0 0 finish=%d %s ||\n", words[i].finish, words[i].word);
        expect_events(&whole, body, LLMCOST_OK, log);
    }
    expect_events(&stream, DELTA("\"content\":\"x\"") DONE, LLMCOST_OK, META "TEXT 0 0 |x|\nFINISH 0 0 finish=1  ||\n");
}

/* ---- usage, wherever it stands ---- */

static void expect_usage(const replay_how *how, const char *body, unsigned usages, const char *figures)
{
    replay r;
    replay_whole(&r, how, body, strlen(body));
    if (r.status)
        fail_msg("%s", llmcost_error_message(&r.error));
    assert_int_equal(r.usages, usages);
    const char *line = r.log, *next;
    while ((next = strstr(line + 1, "USAGE 0 0")))
        line = next;
    if (!strstr(line, figures))
        fail_msg("%s\nwanted %s", line, figures);
    replay_free(&r);
}

#define BODY(usage) "{\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],\"usage\":" usage "}"

static void usage_of_every_host(void **state)
{
    (void)state;
    expect_usage(&whole, BODY("{\"prompt_tokens\":2006,\"completion_tokens\":300,\"total_tokens\":2306,\"prompt_tokens_details\":{\"cached_tokens\":1920}}"), 1, " 0=86 1=1920 5=300 p=2006");
    expect_usage(&whole, BODY("{\"prompt_tokens\":10000,\"completion_tokens\":500,\"total_tokens\":10500,\"prompt_cache_hit_tokens\":8000,\"prompt_cache_miss_tokens\":2000}"), 1, " 0=2000 1=8000 5=500 ");
    expect_usage(&whole, BODY("{\"prompt_tokens\":3000,\"completion_tokens\":100,\"cached_tokens\":2000}"), 1, " 0=1000 1=2000 5=100 ");
    expect_usage(&whole, BODY("{\"prompt_tokens\":30,\"completion_tokens\":1,\"num_cached_tokens\":20}"), 1, " 0=10 1=20 5=1 ");
    expect_usage(&whole, BODY("{\"prompt_tokens\":30,\"completion_tokens\":1,\"prompt_token_details\":{\"cached_tokens\":20}}"), 1, " 0=10 1=20 5=1 ");
    expect_usage(&whole, BODY("{\"prompt_tokens\":30,\"completion_tokens\":1,\"prompt_tokens_details\":{\"cached_tokens\":0,\"cache_creation_input_tokens\":20,\"cache_creation\":{\"ephemeral_5m_input_tokens\":20}}}"), 1, " 0=10 1=0 2=20 5=1 ");
    expect_usage(&whole, BODY("{\"prompt_tokens\":10000,\"completion_tokens\":1000,\"total_tokens\":11000,\"prompt_tokens_details\":{\"cached_tokens\":4000,\"cache_write_tokens\":5000},\"completion_tokens_details\":{\"reasoning_tokens\":600}}"), 1, " 0=1000 1=4000 3=5000 5=400 6=600 ");
    expect_usage(&beside, BODY("{\"prompt_tokens\":1000,\"completion_tokens\":20,\"total_tokens\":1320,\"prompt_tokens_details\":{\"cached_tokens\":400},\"completion_tokens_details\":{\"reasoning_tokens\":300},\"cost_in_usd_ticks\":16300000}"), 1, " 0=600 1=400 5=20 6=300 p=1000 c=20 t=1320 cost=1630000000 flags=1");
    expect_usage(&whole, BODY("{\"prompt_tokens\":10,\"completion_tokens\":20,\"prompt_tokens_details\":{\"audio_tokens\":4},\"completion_tokens_details\":{\"audio_tokens\":15}}"), 1, " 0=6 5=5 7=4 8=15 ");
    expect_usage(&whole, BODY("{\"prompt_tokens\":10,\"completion_tokens\":20,\"cost\":0.00125}"), 1, "cost=1250000000 ");
    expect_usage(&whole, BODY("{\"prompt_tokens\":10,\"completion_tokens\":20,\"cost\":0.00125,\"is_byok\":true}"), 1, "cost=-1 ");
    expect_usage(&whole, BODY("{\"prompt_tokens\":10,\"completion_tokens\":20,\"cost\":{\"request_cost\":0.005,\"total_cost\":0.006}}"), 1, "cost=6000000000 ");
    expect_usage(&whole, BODY("{\"prompt_tokens\":10,\"completion_tokens\":20,\"estimated_cost\":1.5e-06}"), 1, "cost=1500000 ");
    expect_usage(&whole, BODY("{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0,\"prompt_tokens_details\":null}"), 1, " 0=0 5=0 p=0 c=0 t=0 ");
    expect_usage(&whole, BODY("{\"prompt_tokens\":-4,\"completion_tokens\":1e40}"), 0, "FINISH");
    expect_usage(&whole, BODY("null"), 0, "FINISH");
    expect_usage(&whole, BODY("\"much\""), 0, "FINISH");
}

static void usage_in_streams(void **state)
{
    (void)state;
#define USAGE(p, c) "\"usage\":{\"prompt_tokens\":" p ",\"completion_tokens\":" c ",\"total_tokens\":99}"
    expect_usage(&stream, CHUNK("\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]," USAGE("9", "3")) DONE, 1, " 0=9 5=3 ");
    expect_usage(&stream, CHUNK("\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]," USAGE("9", "1")) CHUNK("\"choices\":[{\"index\":0,\"delta\":{\"content\":\"y\"},\"finish_reason\":\"stop\"}]," USAGE("9", "2")) DONE, 2, " 0=9 5=2 ");
    expect_usage(&stream, CHUNK("\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"x_groq\":{\"id\":\"r\"," USAGE("9", "2") "}") CHUNK("\"choices\":[]," USAGE("9", "2")) DONE, 1, " 0=9 5=2 ");
    expect_usage(&stream, CHUNK("\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"," USAGE("9", "4") "}]") DONE, 1, " 0=9 5=4 ");
    expect_usage(&stream, DELTA("\"content\":\"x\"") FINISHED("stop") DONE, 0, "FINISH");
}

static void sources_are_told_when_they_change(void **state)
{
    (void)state;
    expect_events(&stream, CHUNK("\"citations\":[\"u\"],\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]") CHUNK("\"citations\":[\"u\"],\"search_results\":[],\"choices\":[{\"index\":0,\"delta\":{\"content\":\"y\"}}]")
                           CHUNK("\"citations\":[\"u\",\"v\"],\"search_results\":[{\"t\":1}],\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]") DONE,
                  LLMCOST_OK, META "TEXT 0 0 |x|\nEXTRA 0 0 id= name=citations |[\"u\"]|\nTEXT 0 0 |y|\nFINISH 0 0 finish=1 stop ||\n"
                                   "EXTRA 0 0 id= name=citations |[\"u\",\"v\"]|\nEXTRA 0 0 id= name=search_results |[{\"t\":1}]|\n");
}

/* ---- failures ---- */

static void failures_inside_an_answer(void **state)
{
    (void)state;
    expect_events(&stream, DELTA("\"content\":\"x\"") "data: {\"error\":{\"message\":\"up\",\"code\":429}}\n\n", LLMCOST_E_RATE_LIMITED, META "TEXT 0 0 |x|\n");
    expect_events(&stream, DELTA("\"content\":\"x\"") "event: error\ndata: {\"error\":{\"message\":\"up\",\"type\":\"overloaded_error\"}}\n\n", LLMCOST_E_OVERLOADED, META "TEXT 0 0 |x|\n");
    expect_events(&stream, CHUNK("\"error\":{\"message\":\"up\",\"code\":502},\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":\"error\"}]"), LLMCOST_E_SERVER,
                  META "TEXT 0 0 |x|\nFINISH 0 0 finish=7 error ||\n");
    expect_status(&stream, "data: {\"x_groq\":{\"error\":\"over capacity\"}}\n\n", LLMCOST_E_SERVER);
    expect_status(&whole, "{\"error\":{\"message\":\"up\",\"code\":402}}", LLMCOST_E_QUOTA);
    expect_status(&whole, "{\"error\":\"text\"}", LLMCOST_E_SERVER);
    expect_status(&whole, "\xEF\xBB\xBF{\"error\":{\"message\":\"up\",\"code\":402}}", LLMCOST_E_QUOTA); /* a byte order mark is passed over */
    expect_status(&whole, "\xEF\xBB\xBF{\"choices\":[{\"message\":{\"content\":\"x\"}}]}", LLMCOST_OK);
    expect_status(&whole, "{\"id\":\"i\",\"choices\":null,\"base_resp\":{\"status_code\":1008,\"status_msg\":\"m\"}}", LLMCOST_E_QUOTA);
    expect_status(&stream, "data: {\"base_resp\":{\"status_code\":1002,\"status_msg\":\"m\"}}\n\n", LLMCOST_E_RATE_LIMITED);
    expect_status(&whole, "{\"code\":30001,\"message\":\"m\"}", LLMCOST_E_QUOTA);
    expect_status(&whole, "{\"model\":\"m\",\"error\":\"\",\"base_resp\":{\"status_code\":0},\"choices\":[{\"message\":{\"content\":\"x\"}}]}", LLMCOST_OK);
    /* not wrapped into "error", in a stream as in a whole answer */
    expect_events(&stream, DELTA("\"content\":\"x\"") "data: {\"code\":50505,\"message\":\"busy\",\"data\":null}\n\n", LLMCOST_E_OVERLOADED, META "TEXT 0 0 |x|\n");
    expect_status(&stream, "data: {\"object\":\"error\",\"message\":\"over the maximum context length\",\"type\":\"BadRequestError\",\"code\":400}\n\n" DONE, LLMCOST_E_CONTEXT_LENGTH);
    expect_status(&stream, "data: {\"message\":\"m\",\"code\":\"insufficient_quota\"}\n\n", LLMCOST_E_QUOTA);
    expect_status(&stream, "data: {\"detail\":[{\"msg\":\"m\",\"type\":\"invalid_request_error\"}]}\n\n" DONE, LLMCOST_E_INVALID_REQUEST);
    expect_status(&stream, "data: {\"detail\":\"m\"}\n\n" DONE, LLMCOST_E_SERVER);
    static const char *const notices[] = { "{\"message\":\"queued\"}", "{\"code\":200,\"message\":\"ok\"}", "{\"code\":0,\"message\":\"ok\"}", "{\"code\":null,\"message\":\"ok\"}",
                                           "{\"code\":\"\",\"message\":\"ok\"}", "{\"code\":7}", "{\"code\":7,\"message\":{\"content\":\"x\"}}", "{\"code\":7,\"message\":\"m\",\"choices\":[]}",
                                           "{\"detail\":null}" };
    for (size_t i = 0; i < sizeof notices / sizeof notices[0]; i++) {
        char body[400];
        snprintf(body, sizeof body, "data: %s\n\n" DELTA("\"content\":\"x\"") DONE, notices[i]);
        expect_events(&stream, body, LLMCOST_OK, META "TEXT 0 0 |x|\nFINISH 0 0 finish=1  ||\n");
    }
    const replay_how refused = { .codec = &llmc_codec_openai, .http_status = 401 }, refused_stream = { .codec = &llmc_codec_openai, .http_status = 503, .stream = true };
    expect_status(&refused, "{\"error\":{\"message\":\"who\"}}", LLMCOST_E_AUTH);
    expect_status(&refused, "", LLMCOST_E_AUTH);
    expect_status(&refused_stream, "data: {\"error\":{\"message\":\"later\"}}\n\n", LLMCOST_E_OVERLOADED);
    expect_status(&refused_stream, "", LLMCOST_E_OVERLOADED);
    expect_decoder_clean_without_memory(&stream, DELTA("\"content\":\"x\"") "data: {\"error\":{\"message\":\"up\",\"code\":429}}\n\n");
}

/* OpenRouter tells inside the choice why an upstream failed. */
static void failures_inside_a_choice(void **state)
{
    (void)state;
#define FAILED_CHOICE "\"error\":{\"code\":%d,\"message\":\"the upstream is out\",\"metadata\":{\"error_type\":\"%s\",\"provider_name\":\"P\"}}"
    static const struct { int code; const char *type; llmcost_status status; } kinds[] = {
        { 502, "provider_unavailable", LLMCOST_E_SERVER }, { 429, "rate_limit_exceeded", LLMCOST_E_RATE_LIMITED }, { 503, "provider_overloaded", LLMCOST_E_OVERLOADED },
        { 402, "payment_required", LLMCOST_E_QUOTA }, { 400, "context_length_exceeded", LLMCOST_E_CONTEXT_LENGTH },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char failure[300], body[900];
        snprintf(failure, sizeof failure, FAILED_CHOICE, kinds[i].code, kinds[i].type);
        snprintf(body, sizeof body, "{\"id\":\"i\",\"model\":\"m\",\"choices\":[{%s,\"index\":0,\"message\":{\"content\":\"so f\"},\"finish_reason\":\"error\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}", failure);
        expect_events(&whole, body, kinds[i].status, META "TEXT 0 0 |so f|\nUSAGE 0 0 0=9 5=2 p=9 c=2 t=-1 cost=-1 flags=1 tier= ||\n");
        expect_decoder_clean_without_memory(&whole, body);
        snprintf(body, sizeof body, DELTA("\"content\":\"so f\"") "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ar\"},\"finish_reason\":\"error\",%s}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\n" DONE, failure);
        expect_events(&stream, body, kinds[i].status, META "TEXT 0 0 |so f|\nTEXT 0 0 |ar|\nUSAGE 0 0 0=9 5=2 p=9 c=2 t=-1 cost=-1 flags=1 tier= ||\n");
        expect_decoder_clean_without_memory(&stream, body);
    }
    expect_status(&whole, "{\"choices\":[{\"error\":\"in words\",\"finish_reason\":\"error\"}]}", LLMCOST_E_SERVER);
    expect_status(&whole, "{\"choices\":[{\"error\":null,\"message\":{\"content\":\"x\"}}]}", LLMCOST_OK);
    expect_status(&whole, "{\"choices\":[{\"error\":{},\"message\":{\"content\":\"x\"}}]}", LLMCOST_OK);
    expect_status(&stream, DELTA("\"content\":\"x\"") "data: {\"choices\":[{\"index\":0,\"error\":{\"message\":\"m\"}}]}\n\n", LLMCOST_E_SERVER);
}

static void ends(void **state)
{
    (void)state;
    expect_status(&stream, DELTA("\"content\":\"x\"") FINISHED("stop"), LLMCOST_E_TRUNCATED);
    expect_status(&lenient, DELTA("\"content\":\"x\"") FINISHED("stop"), LLMCOST_OK);
    expect_status(&lenient, DELTA("\"content\":\"x\""), LLMCOST_E_TRUNCATED);
    expect_status(&stream, "", LLMCOST_E_TRUNCATED);
    expect_status(&stream, DELTA("\"content\":\"x\"") FINISHED("stop") "data: [DONE]", LLMCOST_OK); /* no blank line behind it */
    expect_status(&stream, DELTA("\"content\":\"x\"") FINISHED("stop") "data: [DONE]  \n\n", LLMCOST_OK);
    expect_status(&stream, DONE, LLMCOST_E_MALFORMED);
    expect_status(&stream, "data: <html>\n\n", LLMCOST_E_MALFORMED);
    expect_status(&stream, "data:\n\n" DELTA("\"content\":\"x\"") DONE, LLMCOST_OK);
}

/* A whole answer that ends too early, wherever it is cut. */
static void cut_answers(void **state)
{
    (void)state;
    size_t bytes = strlen(full_body);
    for (size_t i = 3; i < bytes; i++) {
        replay r;
        replay_whole(&r, &whole, full_body, i);
        if (r.status != LLMCOST_E_TRUNCATED)
            fail_msg("cut at %zu (%.20s): %s", i, full_body + (i > 20 ? i - 20 : 0), llmcost_error_message(&r.error));
        replay_free(&r);
    }
    expect_status(&whole, "", LLMCOST_E_TRUNCATED);
    expect_status(&whole, "<html><body>Welcome</body></html>", LLMCOST_E_MALFORMED);
    expect_status(&whole, "\xEF\xBB\xBF", LLMCOST_E_TRUNCATED);
    expect_status(&whole, "\xEF\xBB{}", LLMCOST_E_MALFORMED);
    expect_status(&whole, "Internal error", LLMCOST_E_MALFORMED);
    expect_status(&whole, "{\"choices\":[]} trailing", LLMCOST_E_MALFORMED);
    expect_status(&whole, "{\"id\":\"x\"}", LLMCOST_E_MALFORMED);
    expect_status(&whole, "{\"choices\":[]}", LLMCOST_E_MALFORMED);
    expect_status(&whole, "[]", LLMCOST_E_MALFORMED);
    expect_status(&whole, "42", LLMCOST_E_MALFORMED);
}

static void hostile_numbers(void **state)
{
    (void)state;
    expect_status(&stream, CHUNK("\"choices\":[{\"index\":4000000000,\"delta\":{\"content\":\"x\"}}]"), LLMCOST_E_MALFORMED);
    expect_status(&stream, CHUNK("\"choices\":[{\"index\":128,\"delta\":{\"content\":\"x\"}}]"), LLMCOST_E_MALFORMED);
    expect_status(&stream, CHUNK("\"choices\":[{\"index\":-1,\"delta\":{\"content\":\"x\"}}]"), LLMCOST_E_MALFORMED);
    expect_status(&stream, CHUNK("\"choices\":[{\"index\":127,\"delta\":{\"content\":\"x\"}}]") DONE, LLMCOST_OK);
    expect_status(&stream, DELTA("\"tool_calls\":[{\"index\":1000000000,\"id\":\"a\"}]"), LLMCOST_E_MALFORMED);
    expect_status(&stream, CHUNK("\"choices\":[{\"index\":\"zero\",\"delta\":[1]},7,null]") DONE, LLMCOST_OK);
    /* more calls than anybody makes */
    size_t room = 1100 * 60;
    char *body = malloc(room);
    size_t length = (size_t)snprintf(body, room, "{\"model\":\"m\",\"choices\":[{\"message\":{\"tool_calls\":[");
    for (int i = 0; i < 1025; i++)
        length += (size_t)snprintf(body + length, room - length, "%s{\"id\":\"t%d\",\"function\":{\"name\":\"f\"}}", i ? "," : "", i);
    snprintf(body + length, room - length, "]}}]}");
    replay r;
    replay_whole(&r, &whole, body, strlen(body));
    assert_int_equal(r.status, LLMCOST_E_MALFORMED);
    assert_int_equal(r.tool_calls, 1024);
    replay_free(&r);
    free(body);
    char deep[3000] = "{\"model\":";
    for (int i = 0; i < 1000; i++)
        strcat(deep, "[");
    expect_status(&whole, deep, LLMCOST_E_MALFORMED);
}

static void lists_of_models(void **state)
{
    (void)state;
    const replay_how list = { .codec = &llmc_codec_openai, .operation = LLMC_OP_LIST_MODELS };
    expect_events(&list, "{\"object\":\"list\",\"data\":[{\"id\":\"m-1\",\"object\":\"model\"},{\"name\":\"m-2\"},7,{\"x\":1}]}", LLMCOST_OK, "MODEL 0 0 |m-1|\nMODEL 0 0 |m-2|\n");
    expect_events(&list, "[{\"id\":\"m\\u00e9\"}]", LLMCOST_OK, "MODEL 0 0 |m\xc3\xa9|\n");
    expect_status(&list, "{\"data\":[]}", LLMCOST_OK);
    expect_status(&list, "{\"error\":{\"message\":\"no\",\"code\":401}}", LLMCOST_E_AUTH);
    expect_status(&list, "{}", LLMCOST_E_MALFORMED);
    expect_status(&list, "{\"data\":[{\"id\":\"m", LLMCOST_E_TRUNCATED);
    expect_status(&list, "", LLMCOST_E_TRUNCATED);
    expect_decoder_clean_without_memory(&list, "{\"data\":[{\"id\":\"m-1\"}]}");
}

static bool ignore(void *user, const llmcost_event *event)
{
    (void)event;
    ++*(long *)user;
    return true;
}

/* A long stream allocates nothing once it is warm. */
static void warm_chunks_do_not_allocate(void **state)
{
    (void)state;
    static const char chunk[] = "{\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a \\u00e9 piece of text\"},\"finish_reason\":null}],\"usage\":null}";
    nth_failure counter = { 0 };
    llmc_allocator allocator = nth_failure_allocator(&counter);
    llmcost_error error;
    llmc_decoder decoder;
    long events = 0;
    void *memory = malloc(llmc_codec_openai.decoder_bytes);
    llmc_error_init(&error, &allocator);
    llmc_decoder_begin(&decoder, &llmc_codec_openai, LLMC_OP_CHAT, &allocator, 0, true, 200, ignore, &events, &error, memory);
    const llmc_frame frame = { "", chunk, strlen(chunk) };
    assert_int_equal(llmc_codec_openai.decode_frame(&decoder, &frame), LLMCOST_OK);
    long warm = counter.allocations;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(llmc_codec_openai.decode_frame(&decoder, &frame), LLMCOST_OK);
    assert_int_equal(counter.allocations, warm);
    assert_int_equal(events, 1002); /* META, and a piece each */
    llmc_decoder_free(&decoder);
    free(memory);
    assert_int_equal(counter.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_small), cmocka_unit_test(models_are_listed), cmocka_unit_test(messages_of_all_kinds), cmocka_unit_test(tools_and_choices),
        cmocka_unit_test(formats), cmocka_unit_test(numbers_and_names), cmocka_unit_test(efforts), cmocka_unit_test(extra_passes_through),
        cmocka_unit_test(what_is_malformed_is_named), cmocka_unit_test(what_a_host_cannot_do_is_said), cmocka_unit_test(a_whole_answer),
        cmocka_unit_test(a_streamed_answer), cmocka_unit_test(pieces_of_thinking), cmocka_unit_test(calls_of_custom_tools), cmocka_unit_test(custom_tools_go_along), cmocka_unit_test(the_older_function_call), cmocka_unit_test(a_call_told_twice), cmocka_unit_test(a_name_that_comes_late),
        cmocka_unit_test(odd_tool_indexes), cmocka_unit_test(a_message_beside_the_delta_is_a_repetition), cmocka_unit_test(finish_words),
        cmocka_unit_test(usage_of_every_host), cmocka_unit_test(usage_in_streams), cmocka_unit_test(sources_are_told_when_they_change),
        cmocka_unit_test(failures_inside_an_answer), cmocka_unit_test(failures_inside_a_choice), cmocka_unit_test(ends), cmocka_unit_test(cut_answers), cmocka_unit_test(hostile_numbers),
        cmocka_unit_test(lists_of_models), cmocka_unit_test(warm_chunks_do_not_allocate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
