/* The Anthropic codec: every field on its way out, every event on its way in. */
#include "../support/decode_check.h"
#include "../support/encode_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const llmcost_message hello[] = { { .role = LLMCOST_USER, .text = "Hello" } };

/* The format wants max_tokens. */
static llmcost_request bounded_request_of(const llmcost_message *messages, uint32_t count)
{
    llmcost_request request = request_of(messages, count);
    request.max_tokens = 100;
    return request;
}

#define OLD "claude-3-5-haiku-20241022"
#define MIDDLE "claude-sonnet-4-6"
#define NEW "claude-sonnet-5"
#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]"
#define BODY(model, members) "{\"model\":\"" model "\",\"max_tokens\":100," HELLO members "}"
#define MARK "\"cache_control\":{\"type\":\"ephemeral\"}"

/* ---- encoding ---- */

static void a_question_is_small(void **state)
{
    (void)state;
    llmcost_request request = bounded_request_of(hello, 1);
    llmc_codec_target target = target_of("anthropic", NEW, false);
    expect_body(&target, &request, BODY(NEW, ""));
    target.stream = true;
    expect_body(&target, &request, BODY(NEW, ",\"stream\":true"));
    target.stream = false;
    request.max_tokens = 0;
    expect_body(&target, &request, "{\"model\":\"" NEW "\",\"max_tokens\":4096," HELLO "}");
}

static void the_envelope(void **state)
{
    (void)state;
    llmcost_request request = bounded_request_of(hello, 1);
    llmc_codec_target target = target_of("anthropic", NEW, false);
    static const char *const paths[] = { "/v1/messages", "/v1/models?limit=1000" }, *const methods[] = { "POST", "GET" };
    for (int i = 0; i < 2; i++) {
        llmc_encoded out;
        llmcost_error error;
        llmc_error_init(&error, &llmc_allocator_system);
        llmc_encoded_init(&out, &llmc_allocator_system);
        assert_int_equal(llmc_codec_anthropic.check((llmc_operation_id)i, &request, &target, &error), LLMCOST_OK);
        assert_int_equal(llmc_codec_anthropic.encode((llmc_operation_id)i, &request, &target, &out, &error), LLMCOST_OK);
        assert_string_equal(llmc_buffer_text(&out.path), paths[i]);
        assert_string_equal(out.method, methods[i]);
        assert_string_equal(out.headers[0], "anthropic-version: 2023-06-01");
        assert_null(out.headers[1]);
        assert_int_equal(out.body.length > 0, i == LLMC_OP_CHAT);
        llmc_encoded_free(&out);
    }
}

static void a_conversation_with_tools(void **state)
{
    (void)state;
    const llmcost_part parts[] = {
        { .type = LLMCOST_PART_TEXT, .text = "See" }, { .type = LLMCOST_PART_IMAGE_URL, .url = "https://example.org/a.png", .detail = "auto" },
        { .type = LLMCOST_PART_IMAGE, .data = "\1\2\3\4", .data_bytes = 4, .media_type = "image/png" },
        { .type = LLMCOST_PART_IMAGE_URL, .url = "data:image/webp;base64,AAAA" }, { .type = LLMCOST_PART_TEXT, .text = "" },
    };
    const llmcost_part thought[] = {
        { .type = LLMCOST_PART_REASONING, .text = "hm", .signature = "c2ln" }, { .type = LLMCOST_PART_REASONING, .text = "of another" },
        { .type = LLMCOST_PART_REASONING_HIDDEN, .text = "b64" }, { .type = LLMCOST_PART_TEXT, .text = "Looking" },
        { .type = LLMCOST_PART_REASONING_HIDDEN, .text = "{\"type\":\"reasoning\"}" }, { .type = LLMCOST_PART_REASONING_HIDDEN, .text = "[{}]" }, /* of others */
    };
    const llmcost_part result[] = { { .type = LLMCOST_PART_TEXT, .text = "map" }, { .type = LLMCOST_PART_IMAGE_URL, .url = "https://example.org/m.png" } };
    const llmcost_tool_call calls[] = { { .id = "t1", .name = "weather", .arguments = "{\"city\":\"Oslo\"}" }, { .id = "t2", .name = "map", .arguments = "" } };
    const llmcost_message messages[] = {
        { .role = LLMCOST_SYSTEM, .text = "Be brief.", .cache_mark = 1 }, { .role = LLMCOST_SYSTEM, .text = "Be kind." },
        { .role = LLMCOST_USER, .parts = parts, .part_count = 5 },
        { .role = LLMCOST_ASSISTANT, .parts = thought, .part_count = 6, .tool_calls = calls, .tool_call_count = 2 },
        { .role = LLMCOST_TOOL, .tool_call_id = "t1", .text = "no", .is_error = 1 }, { .role = LLMCOST_TOOL, .tool_call_id = "t2", .parts = result, .part_count = 2, .cache_mark = 1 },
        { .role = LLMCOST_USER, .text = "And now?" },
        { .role = LLMCOST_ASSISTANT, .text = "4 degrees." },
        { .role = LLMCOST_USER, .text = "Thanks", .cache_mark = 1 },
    };
    llmcost_request request = bounded_request_of(messages, 9);
    llmc_codec_target target = target_of("anthropic", NEW, false);
    expect_body(&target, &request,
                "{\"model\":\"" NEW "\",\"max_tokens\":100,\"system\":[{\"type\":\"text\",\"text\":\"Be brief.\"," MARK "},{\"type\":\"text\",\"text\":\"Be kind.\"}],\"messages\":["
                "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"See\"},{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://example.org/a.png\"}},"
                "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"AQIDBA==\"}},"
                "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/webp\",\"data\":\"AAAA\"}}]},"
                "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"c2ln\"},{\"type\":\"redacted_thinking\",\"data\":\"b64\"},"
                "{\"type\":\"text\",\"text\":\"Looking\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"weather\",\"input\":{\"city\":\"Oslo\"}},"
                "{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"map\",\"input\":{}}]},"
                "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"no\",\"is_error\":true},"
                "{\"type\":\"tool_result\",\"tool_use_id\":\"t2\",\"content\":[{\"type\":\"text\",\"text\":\"map\"},{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://example.org/m.png\"}}]," MARK "},"
                "{\"type\":\"text\",\"text\":\"And now?\"}]},{\"role\":\"assistant\",\"content\":\"4 degrees.\"},"
                "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Thanks\"," MARK "}]}]}");
    expect_clean_without_memory(&target, &request);
}

static void documents_go_as_blocks(void **state)
{
    (void)state;
    const llmcost_part parts[] = {
        { .type = LLMCOST_PART_DOCUMENT, .data = "%PDF", .data_bytes = 4, .media_type = "application/pdf", .detail = "terms.pdf" },
        { .type = LLMCOST_PART_DOCUMENT, .url = "https://example.org/a.pdf" },
        { .type = LLMCOST_PART_DOCUMENT, .url = "https://example.org/a.pdf", .media_type = "application/pdf", .detail = "" },
        { .type = LLMCOST_PART_DOCUMENT, .url = "data:application/pdf;base64,AAAA" },
        { .type = LLMCOST_PART_DOCUMENT, .data = "a \"b\" and more", .data_bytes = 5, .media_type = "text/plain" },
    };
    const llmcost_message message = { .role = LLMCOST_USER, .parts = parts, .part_count = 5, .cache_mark = 1 };
    llmcost_request request = bounded_request_of(&message, 1);
    llmc_codec_target target = target_of("anthropic", NEW, false);
    expect_body(&target, &request,
                "{\"model\":\"" NEW "\",\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":["
                "{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"JVBERg==\"},\"title\":\"terms.pdf\"},"
                "{\"type\":\"document\",\"source\":{\"type\":\"url\",\"url\":\"https://example.org/a.pdf\"}},"
                "{\"type\":\"document\",\"source\":{\"type\":\"url\",\"url\":\"https://example.org/a.pdf\"}},"
                "{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"AAAA\"}},"
                "{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"a \\\"b\\\"\"}," MARK "}]}]}");
    expect_clean_without_memory(&target, &request);
}

static void documents_and_sounds_it_cannot_read(void **state)
{
    (void)state;
    llmc_codec_target target = target_of("anthropic", NEW, false);
    llmcost_part part;
    llmcost_message messages[] = { { .role = LLMCOST_USER, .text = "x" }, { .role = LLMCOST_USER, .parts = &part, .part_count = 1 } };
    llmcost_request request = bounded_request_of(messages, 2);
    const llmcost_part refused[] = {
        { .type = LLMCOST_PART_DOCUMENT, .data = "x", .data_bytes = 1, .media_type = "text/markdown" },
        { .type = LLMCOST_PART_DOCUMENT, .url = "https://example.org/a.txt", .media_type = "text/plain" },
        { .type = LLMCOST_PART_DOCUMENT, .url = "data:text/plain;base64,AAAA" },
        { .type = LLMCOST_PART_DOCUMENT, .url = "data:image/png;base64,AAAA", .media_type = "application/pdf" },
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        part = refused[i];
        expect_unsupported(&target, &request, "messages[1] document type");
    }
    static const int32_t roles[] = { LLMCOST_ASSISTANT, LLMCOST_TOOL };
    part = (llmcost_part){ .type = LLMCOST_PART_DOCUMENT, .data = "x", .data_bytes = 1, .media_type = "application/pdf" };
    for (size_t i = 0; i < 2; i++) {
        messages[1].role = roles[i];
        messages[1].tool_call_id = "t";
        expect_unsupported(&target, &request, "messages[1] document");
    }
    messages[1].role = LLMCOST_USER;
    part = (llmcost_part){ .type = LLMCOST_PART_AUDIO, .data = "x", .data_bytes = 1, .media_type = "audio/wav" };
    expect_unsupported(&target, &request, "messages[1] audio");
    part = (llmcost_part){ .type = LLMCOST_PART_DOCUMENT, .media_type = "application/pdf" };
    expect_invalid(&target, &request, "messages[1].parts[0] needs data and a media_type such as application/pdf");
    part = (llmcost_part){ .type = LLMCOST_PART_DOCUMENT, .data = "x", .data_bytes = 1 };
    expect_invalid(&target, &request, "messages[1].parts[0] needs data");
    part = (llmcost_part){ .type = LLMCOST_PART_DOCUMENT, .data = "a\xff", .data_bytes = 2, .media_type = "text/plain" };
    expect_invalid(&target, &request, "messages[1].parts[0].data is no UTF-8 text");
    part = (llmcost_part){ .type = LLMCOST_PART_DOCUMENT, .url = "data:text" };
    expect_invalid(&target, &request, "messages[1].parts[0].url is no base64 data URL");
}

static void what_is_counted(void **state)
{
    (void)state;
    const llmcost_message messages[] = { { .role = LLMCOST_SYSTEM, .text = "Be brief." }, { .role = LLMCOST_USER, .text = "Hello", .cache_mark = 1 } };
    const llmcost_tool tool = { .name = "look", .parameters = "{}" };
    llmcost_request request = bounded_request_of(messages, 2);
    llmc_codec_target target = target_of("anthropic", MIDDLE, true);
    request.tools = &tool;
    request.tool_count = 1;
    request.parallel_tool_calls = LLMCOST_OFF;
    request.max_tokens = 4000;
    request.thinking_budget_tokens = 2000;
    request.has_temperature = request.has_top_p = 1;
    request.temperature = request.top_p = 1;
    request.stop = (const char *const[]){ "END" };
    request.stop_count = 1;
    request.end_user = "u1";
    request.format = LLMCOST_FORMAT_JSON_SCHEMA;
    request.format_schema = "{}";
    request.extra = "{\"top_k\":3}";
    expect_encoded(&target, LLMC_OP_COUNT_TOKENS, &request, "POST", "/v1/messages/count_tokens",
                   "{\"model\":\"" MIDDLE "\",\"system\":[{\"type\":\"text\",\"text\":\"Be brief.\"}],"
                   "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Hello\"," MARK "}]}],"
                   "\"tools\":[{\"name\":\"look\",\"input_schema\":{}}],\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true},"
                   "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000},\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{}}}}");
    request = bounded_request_of(NULL, 0);
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    assert_int_equal(llmc_codec_anthropic.check(LLMC_OP_COUNT_TOKENS, &request, &target, &error), LLMCOST_E_UNSUPPORTED);
    llmc_error_clear(&error);
}

static void claude_at_vertex(void **state)
{
    (void)state;
    llmcost_request request = bounded_request_of(hello, 1);
    llmc_codec_target target = target_of("vertex-anthropic", "claude-sonnet-4-5@20250929", false);
    expect_encoded(&target, LLMC_OP_CHAT, &request, "POST", "/models/claude-sonnet-4-5@20250929:rawPredict",
                   "{\"anthropic_version\":\"vertex-2023-10-16\",\"max_tokens\":100," HELLO "}");
    target = target_of("vertex-anthropic", "a/b:c", true);
    expect_encoded(&target, LLMC_OP_CHAT, &request, "POST", "/models/a%2Fb%3Ac:streamRawPredict",
                   "{\"anthropic_version\":\"vertex-2023-10-16\",\"max_tokens\":100," HELLO ",\"stream\":true}");
    expect_clean_without_memory(&target, &request);
    static const char *const twice[] = { "{\"model\":\"x\"}", "{\"anthropic_version\":\"x\"}" };
    for (size_t i = 0; i < 2; i++) {
        request.extra = twice[i];
        expect_invalid(&target, &request, "extra repeats the member");
    }
    request.extra = NULL;
    llmc_encoded out;
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_encoded_init(&out, &llmc_allocator_system);
    assert_int_equal(llmc_codec_anthropic.encode(LLMC_OP_CHAT, &request, &target, &out, &error), LLMCOST_OK);
    assert_null(out.headers[0]); /* the version stands in the body */
    llmc_encoded_free(&out);
    static const struct { llmc_operation_id operation; const char *name; } others[] = { { LLMC_OP_LIST_MODELS, "list_models" }, { LLMC_OP_COUNT_TOKENS, "count_tokens" } };
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(llmc_codec_anthropic.check(others[i].operation, &request, &target, &error), LLMCOST_E_UNSUPPORTED);
        assert_non_null(strstr(llmcost_error_message(&error), others[i].name));
        assert_non_null(strstr(llmcost_error_message(&error), "vertex-anthropic"));
    }
    llmc_error_clear(&error);
}

static void marks_stand_on_what_can_bear_them(void **state)
{
    (void)state;
    const llmcost_part parts[] = { { .type = LLMCOST_PART_TEXT, .text = "a" }, { .type = LLMCOST_PART_IMAGE_URL, .url = "https://example.org/x" } };
    const llmcost_part thought[] = { { .type = LLMCOST_PART_TEXT, .text = "said" }, { .type = LLMCOST_PART_REASONING, .text = "hm", .signature = "s" } };
    const llmcost_tool_call call = { .id = "t", .name = "f", .arguments = "{}" };
    const llmcost_message messages[] = {
        { .role = LLMCOST_USER, .parts = parts, .part_count = 2, .cache_mark = 1 },
        { .role = LLMCOST_ASSISTANT, .parts = thought, .part_count = 2, .cache_mark = 1 },
        { .role = LLMCOST_ASSISTANT, .text = "x", .tool_calls = &call, .tool_call_count = 1, .cache_mark = 1 },
    };
    const llmcost_tool tool = { .name = "f", .cache_mark = 1 };
    llmcost_request request = bounded_request_of(messages, 3);
    llmc_codec_target target = target_of("anthropic", NEW, false);
    request.tools = &tool;
    request.tool_count = 1;
    expect_body(&target, &request,
                "{\"model\":\"" NEW "\",\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
                "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://example.org/x\"}," MARK "}]},"
                "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"said\"," MARK "},{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"s\"}]},"
                "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}," MARK "}]}],"
                "\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}," MARK "}]}");
    const llmcost_message five[] = { messages[0], messages[0], messages[0], messages[0] };
    request.messages = five;
    request.message_count = 4;
    expect_unsupported(&target, &request, "cache_mark");
}

static const llmcost_tool tools[] = { { .name = "weather", .description = "What it is like", .parameters = "{\"type\":\"object\"}", .strict = 1 } };
#define TOOLS ",\"tools\":[{\"name\":\"weather\",\"description\":\"What it is like\",\"input_schema\":{\"type\":\"object\"},\"strict\":true}]"

static void tools_and_choices(void **state)
{
    (void)state;
    llmcost_request request = bounded_request_of(hello, 1);
    llmc_codec_target target = target_of("anthropic", NEW, false);
    request.tools = tools;
    request.tool_count = 1;
    expect_body(&target, &request, BODY(NEW, TOOLS));
    request.parallel_tool_calls = LLMCOST_ON;
    expect_body(&target, &request, BODY(NEW, TOOLS));
    request.parallel_tool_calls = LLMCOST_OFF;
    expect_body(&target, &request, BODY(NEW, TOOLS ",\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}"));
    request.tool_choice = LLMCOST_TOOLS_REQUIRED;
    expect_body(&target, &request, BODY(NEW, TOOLS ",\"tool_choice\":{\"type\":\"any\",\"disable_parallel_tool_use\":true}"));
    request.tool_choice = LLMCOST_TOOLS_NONE;
    expect_body(&target, &request, BODY(NEW, TOOLS ",\"tool_choice\":{\"type\":\"none\"}"));
    request.parallel_tool_calls = LLMCOST_DEFAULT;
    request.tool_choice = LLMCOST_TOOLS_ONE;
    request.tool_choice_name = "weather";
    expect_body(&target, &request, BODY(NEW, TOOLS ",\"tool_choice\":{\"type\":\"tool\",\"name\":\"weather\"}"));
    expect_clean_without_memory(&target, &request);
    request.tool_choice_name = NULL;
    expect_invalid(&target, &request, "tool_choice_name");
    request.tool_count = 0;
    expect_invalid(&target, &request, "tool_choice");
}

static void numbers_and_names(void **state)
{
    (void)state;
    static const char *const stop[] = { "END" };
    llmcost_request request = bounded_request_of(hello, 1);
    llmc_codec_target target = target_of("anthropic", OLD, false);
    request.has_temperature = request.has_top_p = 1;
    request.temperature = 0.25;
    request.top_p = 0.5;
    request.stop = stop;
    request.stop_count = 1;
    request.end_user = "user-9";
    request.format = LLMCOST_FORMAT_JSON_SCHEMA;
    request.format_schema = "{\"type\":\"object\"}";
    request.extra = "{\"top_k\":5,\"service_tier\":\"standard_only\"}";
    expect_body(&target, &request, BODY(OLD, ",\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\"}}},\"temperature\":0.25,\"top_p\":0.5,"
                                             "\"stop_sequences\":[\"END\"],\"metadata\":{\"user_id\":\"user-9\"},\"top_k\":5,\"service_tier\":\"standard_only\""));
    expect_clean_without_memory(&target, &request);
    static const char *const taken[] = { "{\"max_tokens\":1}", "{\"system\":\"x\"}", "{\"metadata\":{\"user_id\":\"x\"}}", "{\"output_config\":{}}", "{\"stream\":false}" };
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        request.extra = taken[i];
        expect_invalid(&target, &request, "extra repeats");
    }
    request.extra = "7";
    expect_invalid(&target, &request, "extra is no JSON object");
    /* A choice among tools of the provider's own. */
    request = request_of(hello, 1);
    request.max_tokens = 100;
    request.extra = "{\"tools\":[{\"type\":\"t\",\"name\":\"search\"}]}";
    request.tool_choice = LLMCOST_TOOLS_ONE;
    request.tool_choice_name = "search";
    request.parallel_tool_calls = LLMCOST_OFF;
    expect_body(&target, &request, BODY(OLD, ",\"tool_choice\":{\"type\":\"tool\",\"name\":\"search\",\"disable_parallel_tool_use\":true},\"tools\":[{\"type\":\"t\",\"name\":\"search\"}]"));
    request.extra = "{\"tools_of_mine\":[]}";
    expect_invalid(&target, &request, "there are none");
}

static void efforts_and_budgets(void **state)
{
    (void)state;
    llmcost_request request = bounded_request_of(hello, 1);
    llmc_codec_target old = target_of("anthropic", OLD, false), middle = target_of("anthropic", MIDDLE, false), new = target_of("anthropic", NEW, false);
    request.max_tokens = 10000;
#define THINKING(model, budget) "{\"model\":\"" model "\",\"max_tokens\":10000," HELLO ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":" budget "}}"
#define EFFORT(model, effort) "{\"model\":\"" model "\",\"max_tokens\":10000," HELLO ",\"output_config\":{\"effort\":\"" effort "\"}}"
    request.effort = LLMCOST_EFFORT_LOW;
    expect_body(&old, &request, THINKING(OLD, "1024"));
    expect_body(&middle, &request, EFFORT(MIDDLE, "low"));
    expect_body(&new, &request, EFFORT(NEW, "low"));
    request.effort = LLMCOST_EFFORT_MEDIUM;
    expect_body(&old, &request, THINKING(OLD, "4096"));
    request.effort = LLMCOST_EFFORT_MAX;
    expect_body(&old, &request, THINKING(OLD, "5000")); /* half of max_tokens */
    expect_body(&new, &request, EFFORT(NEW, "max"));
    request.thinking_budget_tokens = 2000; /* both: each model gets what it takes */
    expect_body(&old, &request, THINKING(OLD, "2000"));
    expect_body(&middle, &request, EFFORT(MIDDLE, "max"));
    expect_body(&new, &request, EFFORT(NEW, "max"));
    request.effort = LLMCOST_EFFORT_DEFAULT;
    expect_body(&middle, &request, THINKING(MIDDLE, "2000"));
    expect_unsupported(&new, &request, "thinking_budget_tokens");
    request.thinking_budget_tokens = 1000;
    expect_unsupported(&old, &request, "thinking_budget_tokens");
    request.thinking_budget_tokens = 10000;
    expect_unsupported(&old, &request, "thinking_budget_tokens");
    request.thinking_budget_tokens = 0;
    request.effort = LLMCOST_EFFORT_HIGH;
    request.has_temperature = 1;
    expect_unsupported(&old, &request, "temperature");
    request.has_temperature = 0;
    request.tools = tools;
    request.tool_count = 1;
    request.tool_choice = LLMCOST_TOOLS_REQUIRED;
    expect_unsupported(&old, &request, "tool_choice");
    request.tool_choice = LLMCOST_TOOLS_AUTO;
    request.max_tokens = 2047;
    expect_unsupported(&old, &request, "effort");
    request.thinking_budget_tokens = 5000;
    request.max_tokens = 0;
    expect_invalid(&old, &request, "max_tokens");
    request.thinking_budget_tokens = 0;
    request.effort = LLMCOST_EFFORT_NONE;
    expect_unsupported(&new, &request, "effort");
    request.effort = LLMCOST_EFFORT_MINIMAL;
    expect_unsupported(&old, &request, "effort");
}

/* Which generation a name means shows in what becomes of an effort. */
static void models_are_placed(void **state)
{
    (void)state;
    static const char *const by_effort[] = { "claude-opus-4-5", "claude-opus-4-5-20251101", "claude-opus-4-8", "claude-haiku-5-5", "claude-fable-5-1", "anthropic/claude-sonnet-4.6", "MiniMax-M3" };
    static const char *const by_budget[] = { "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "claude-haiku-4-5", "claude-sonnet-4-20250514", "claude-opus-4-1", "claude-3-7-sonnet-latest", "claude-3-haiku-20240307" };
    llmcost_request request = bounded_request_of(hello, 1);
    request.max_tokens = 4096;
    request.effort = LLMCOST_EFFORT_LOW;
    for (int budget = 0; budget < 2; budget++)
        for (size_t i = 0; i < 7; i++) {
            const char *model = budget ? by_budget[i] : by_effort[i];
            llmc_codec_target target = target_of("anthropic", model, false);
            char body[400];
            snprintf(body, sizeof body, "{\"model\":\"%s\",\"max_tokens\":4096,%s,%s}", model, HELLO,
                     budget ? "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}" : "\"output_config\":{\"effort\":\"low\"}");
            expect_body(&target, &request, body);
        }
}

static void what_it_cannot_do_is_said(void **state)
{
    (void)state;
    llmc_codec_target old = target_of("anthropic", OLD, false), new = target_of("anthropic", NEW, false);
    llmcost_part part = { .type = LLMCOST_PART_IMAGE, .data = "x", .data_bytes = 1, .media_type = "image/tiff" };
    llmcost_message message = { .role = LLMCOST_USER, .parts = &part, .part_count = 1 };
    llmcost_request request = bounded_request_of(hello, 1);
    request.n = 2;
    expect_unsupported(&old, &request, "n");
    request.n = 1;
    request.has_seed = 1;
    expect_unsupported(&old, &request, "seed");
    request.has_seed = 0;
    request.logprobs = 1;
    expect_unsupported(&old, &request, "logprobs");
    request.logprobs = 0;
    request.top_logprobs = 1;
    expect_unsupported(&old, &request, "logprobs");
    request.top_logprobs = 0;
    request.format = LLMCOST_FORMAT_JSON;
    expect_unsupported(&old, &request, "format");
    request.format = LLMCOST_FORMAT_TEXT;
    request.has_temperature = 1;
    request.temperature = 1.2;
    expect_unsupported(&old, &request, "temperature");
    request.temperature = 0;
    expect_unsupported(&new, &request, "temperature");
    request.temperature = 1;
    expect_body(&new, &request, BODY(NEW, ",\"temperature\":1.0"));
    request.has_temperature = 0;
    request.has_top_p = 1;
    request.top_p = 0.9;
    expect_unsupported(&new, &request, "top_p");
    request.has_top_p = 0;
    request.messages = &message;
    expect_unsupported(&new, &request, "messages[0] image type");
    part = (llmcost_part){ .type = LLMCOST_PART_IMAGE_URL, .url = "https://example.org/x", .detail = "low" };
    expect_unsupported(&new, &request, "messages[0] image detail");
    part.detail = NULL;
    const llmcost_message turns[][2] = {
        { { .role = LLMCOST_ASSISTANT, .text = "x" }, { .role = LLMCOST_USER, .text = "y" } },
        { { .role = LLMCOST_USER, .text = "x" }, { .role = LLMCOST_SYSTEM, .text = "y" } },
        { { .role = LLMCOST_SYSTEM, .text = "x" }, { .role = LLMCOST_SYSTEM, .text = "y" } },
        { { .role = LLMCOST_USER, .text = "x" }, { .role = LLMCOST_USER, .text = "y", .name = "ann" } },
        { { .role = LLMCOST_USER, .text = "x" }, { .role = LLMCOST_ASSISTANT, .parts = &part, .part_count = 1 } },
    };
    static const char *const fields[] = { "messages[0] assistant turn", "messages[1] system text", "messages", "messages[1].name", "messages[1] image" };
    request.message_count = 2;
    for (size_t i = 0; i < 5; i++) {
        request.messages = turns[i];
        expect_unsupported(&new, &request, fields[i]);
    }
}

static void what_is_malformed_is_named(void **state)
{
    (void)state;
    llmc_codec_target target = target_of("anthropic", NEW, false);
    llmcost_tool_call call = { .id = "c", .name = "f", .arguments = "[1]" };
    llmcost_part part = { .type = LLMCOST_PART_IMAGE_URL, .url = "data:text,hello" };
    llmcost_tool tool = { .name = "f", .parameters = "{" };
    llmcost_message message = { .role = LLMCOST_ASSISTANT, .tool_calls = &call, .tool_call_count = 1 };
    llmcost_request request = bounded_request_of(&message, 1);
    expect_invalid(&target, &request, "messages[0].tool_calls[0].arguments");
    call = (llmcost_tool_call){ .id = "c", .name = NULL, .arguments = "{}" };
    expect_invalid(&target, &request, "messages[0].tool_calls[0]");
    message = (llmcost_message){ .role = LLMCOST_TOOL, .text = "x" };
    expect_invalid(&target, &request, "messages[0].tool_call_id");
    message = (llmcost_message){ .role = LLMCOST_USER, .parts = &part, .part_count = 1 };
    expect_invalid(&target, &request, "messages[0].parts[0].url");
    part = (llmcost_part){ .type = LLMCOST_PART_IMAGE_URL };
    expect_invalid(&target, &request, "messages[0].parts[0].url");
    part = (llmcost_part){ .type = LLMCOST_PART_IMAGE, .media_type = "image/png" };
    expect_invalid(&target, &request, "messages[0].parts[0]");
    part = (llmcost_part){ .type = 77 };
    expect_invalid(&target, &request, "messages[0].parts[0].type");
    message = (llmcost_message){ .role = 9 };
    expect_invalid(&target, &request, "messages[0].role");
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

static const replay_how whole = { .codec = &llmc_codec_anthropic };
static const replay_how stream = { .codec = &llmc_codec_anthropic, .stream = true };

static const char full_body[] =
    "{\"usage\":{\"input_tokens\":50,\"cache_read_input_tokens\":20000,\"cache_creation_input_tokens\":3000,\"cache_creation\":{\"ephemeral_5m_input_tokens\":1000,"
    "\"ephemeral_1h_input_tokens\":2000},\"output_tokens\":400,\"output_tokens_details\":{\"thinking_tokens\":100},\"service_tier\":\"standard\"},"
    "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"c2ln\"},{\"type\":\"redacted_thinking\",\"data\":\"b64\"},"
    "{\"type\":\"text\",\"text\":\"Snow \\ud83d\\ude00\",\"citations\":[{\"t\":1}]},{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web\",\"input\":{}},"
    "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"a\":[1, 2]}},{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"g\",\"input\":{}}],"
    "\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-x\",\"container\":{\"n\":[null]}}";

static void a_whole_answer(void **state)
{
    (void)state;
    expect_events(&whole, full_body, LLMCOST_OK,
                  "META 0 0 id= name=claude-x |msg_1|\n" "REASONING 0 0 |hm|\n" "SIGNATURE 0 0 |c2ln|\n" "REASONING_HIDDEN 0 0 |b64|\n" "TEXT 0 0 |Snow \xf0\x9f\x98\x80|\n"
                  "EXTRA 0 0 id= name=citations |[{\"t\":1}]|\n" "EXTRA 0 0 id= name=server_tool_use |{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web\",\"input\":{}}|\n"
                  "TOOL_CALL 0 0 id=t1 name=f ||\n" "TOOL_ARGUMENTS 0 0 |{\"a\":[1, 2]}|\n" "TOOL_CALL 0 1 id=t2 name=g ||\n" "TOOL_ARGUMENTS 0 1 |{}|\n"
                  "FINISH 0 0 finish=3 tool_use ||\n" "USAGE 0 0 0=50 1=20000 2=1000 4=2000 5=300 6=100 p=50 c=400 t=-1 cost=-1 flags=1 tier=default ||\n");
    expect_decoder_clean_without_memory(&whole, full_body);
    expect_stoppable(&whole, full_body);
}

#define EVENT(type, members) "event: " type "\ndata: {\"type\":\"" type "\"," members "}\n\n"
#define START EVENT("message_start", "\"message\":{\"id\":\"i\",\"model\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":50,\"cache_read_input_tokens\":7,\"output_tokens\":1}}")
#define META "META 0 0 id= name=m |i|\nUSAGE 0 0 0=50 1=7 5=1 p=50 c=1 t=-1 cost=-1 flags=1 tier= ||\n"
#define STOP "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
#define TEXT_BLOCK(text) EVENT("content_block_start", "\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}") \
    EVENT("content_block_delta", "\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"" text "\"}") EVENT("content_block_stop", "\"index\":0")
#define DELTA(reason, usage) EVENT("message_delta", "\"delta\":{\"stop_reason\":\"" reason "\",\"stop_sequence\":null},\"usage\":" usage)

static const char full_stream[] =
    START "event: ping\ndata: {\"type\":\"ping\"}\n\n"
    EVENT("content_block_start", "\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}")
    EVENT("content_block_delta", "\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}")
    EVENT("content_block_delta", "\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"c2ln\"}")
    EVENT("content_block_stop", "\"index\":0")
    EVENT("content_block_start", "\"index\":1,\"content_block\":{\"type\":\"redacted_thinking\",\"data\":\"b64\"}") EVENT("content_block_stop", "\"index\":1")
    EVENT("content_block_start", "\"index\":2,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")
    "data: {\"delta\":{\"text\":\"Snow \\ud83d\",\"type\":\"text_delta\"},\"index\":2,\"type\":\"content_block_delta\"}\r\n\r\n"
    EVENT("content_block_delta", "\"index\":2,\"delta\":{\"type\":\"text_delta\",\"text\":\"\\ude00!\"}")
    EVENT("content_block_delta", "\"index\":2,\"delta\":{\"type\":\"citations_delta\",\"citation\":{\"t\":1}}") EVENT("content_block_stop", "\"index\":2")
    EVENT("content_block_start", "\"index\":3,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}")
    EVENT("content_block_delta", "\"index\":3,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\"}")
    EVENT("content_block_delta", "\"index\":3,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\"\"}")
    EVENT("content_block_delta", "\"index\":3,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\":1}\"}") EVENT("content_block_stop", "\"index\":3")
    EVENT("content_block_start", "\"index\":4,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"g\",\"input\":{}}") EVENT("content_block_stop", "\"index\":4")
    EVENT("content_block_start", "\"index\":5,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t3\",\"name\":\"h\",\"input\":{\"whole\":1}}")
    EVENT("content_block_delta", "\"index\":5,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"whole\\\":1}\"}") EVENT("content_block_stop", "\"index\":5")
    EVENT("something_new", "\"x\":[1]")
    DELTA("tool_use", "{\"output_tokens\":12,\"output_tokens_details\":{\"thinking_tokens\":5}}") STOP "data: [DONE]\n\n";

static void a_streamed_answer(void **state)
{
    (void)state;
    expect_events(&stream, full_stream, LLMCOST_OK,
                  META "REASONING 0 0 |hm|\n" "SIGNATURE 0 0 |c2ln|\n" "REASONING_HIDDEN 0 0 |b64|\n" "TEXT 0 0 |Snow |\n" "TEXT 0 0 |\xf0\x9f\x98\x80!|\n"
                  "EXTRA 0 0 id= name=citations |{\"t\":1}|\n" "TOOL_CALL 0 0 id=t1 name=f ||\n" "TOOL_ARGUMENTS 0 0 |{\"a\"|\n" "TOOL_ARGUMENTS 0 0 |:1}|\n"
                  "TOOL_CALL 0 1 id=t2 name=g ||\n" "TOOL_ARGUMENTS 0 1 |{}|\n" "TOOL_CALL 0 2 id=t3 name=h ||\n" "TOOL_ARGUMENTS 0 2 |{\"whole\":1}|\n"
                  "FINISH 0 0 finish=3 tool_use ||\n" "USAGE 0 0 0=50 1=7 5=7 6=5 p=50 c=12 t=-1 cost=-1 flags=1 tier= ||\n");
    expect_decoder_clean_without_memory(&stream, full_stream);
    expect_stoppable(&stream, full_stream);
}

static void figures_replace_and_stay(void **state)
{
    (void)state;
    expect_events(&stream, START TEXT_BLOCK("x") DELTA("end_turn", "{\"input_tokens\":60,\"output_tokens\":9,\"speed\":\"fast\"}") STOP, LLMCOST_OK,
                  META "TEXT 0 0 |x|\nFINISH 0 0 finish=1 end_turn ||\nUSAGE 0 0 0=60 1=7 5=9 p=60 c=9 t=-1 cost=-1 flags=1 tier=fast ||\n");
}

/* Imitators count the prompt at the beginning and end with zeros. */
static void zeros_at_the_end_take_nothing_back(void **state)
{
    (void)state;
    expect_events(&stream, START TEXT_BLOCK("x") DELTA("end_turn", "{\"input_tokens\":0,\"cache_read_input_tokens\":0,\"cache_creation_input_tokens\":0,\"output_tokens\":9}") STOP, LLMCOST_OK,
                  META "TEXT 0 0 |x|\nFINISH 0 0 finish=1 end_turn ||\nUSAGE 0 0 0=50 1=7 2=0 5=9 p=50 c=9 t=-1 cost=-1 flags=1 tier= ||\n");
}

#define FAST_LOG(text) META text "USAGE 0 0 0=50 1=7 5=9 p=50 c=9 t=-1 cost=-1 flags=1 tier=fast ||\n"

/* Fast speed is dearer, wherever it stands beside the tier, and whether or not the tier comes again. */
static void speed_and_tier_in_any_order(void **state)
{
    (void)state;
    static const char *const both[] = { "\"speed\":\"fast\",\"service_tier\":\"standard\"", "\"service_tier\":\"standard\",\"speed\":\"fast\"" };
    for (size_t i = 0; i < 2; i++) {
        char body[1000];
        snprintf(body, sizeof body, START TEXT_BLOCK("x") DELTA("end_turn", "{\"output_tokens\":9,%s}") STOP, both[i]);
        expect_events(&stream, body, LLMCOST_OK, FAST_LOG("TEXT 0 0 |x|\nFINISH 0 0 finish=1 end_turn ||\n"));
    }
    expect_events(&stream, START EVENT("message_delta", "\"delta\":{},\"usage\":{\"speed\":\"fast\",\"output_tokens\":9}") TEXT_BLOCK("x")
                           DELTA("end_turn", "{\"output_tokens\":9,\"service_tier\":\"standard\"}") STOP, LLMCOST_OK,
                  FAST_LOG("") "TEXT 0 0 |x|\nFINISH 0 0 finish=1 end_turn ||\n");
}

/* No answer, though it says that it is one: never an empty success. */
static void answers_without_content(void **state)
{
    (void)state;
    static const char *const contents[] = { "\"hello\"", "{\"type\":\"text\",\"text\":\"hello\"}", "7", "true" };
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        char body[200];
        snprintf(body, sizeof body, "{\"type\":\"message\",\"id\":\"i\",\"model\":\"m\",\"content\":%s,\"stop_reason\":\"end_turn\"}", contents[i]);
        expect_status(&whole, body, LLMCOST_E_MALFORMED);
    }
    expect_status(&stream, STOP, LLMCOST_E_MALFORMED);
    expect_status(&stream, EVENT("ping", "\"x\":1") STOP, LLMCOST_E_MALFORMED);
    expect_status(&stream, START STOP, LLMCOST_OK);
    expect_status(&stream, DELTA("end_turn", "{\"output_tokens\":0}") STOP, LLMCOST_OK);
    expect_status(&stream, TEXT_BLOCK("x") STOP, LLMCOST_OK);
}

static void compaction_is_added_and_advice_is_not(void **state)
{
    (void)state;
    expect_events(&stream, START TEXT_BLOCK("x")
                           DELTA("end_turn", "{\"output_tokens\":9,\"iterations\":[{\"type\":\"compaction\",\"input_tokens\":1000,\"output_tokens\":30,\"cache_read_input_tokens\":5},"
                                             "{\"type\":\"advisor_message\",\"input_tokens\":777,\"output_tokens\":77},{\"type\":\"message\",\"input_tokens\":50,\"output_tokens\":9}]}") STOP,
                  LLMCOST_OK, META "TEXT 0 0 |x|\nFINISH 0 0 finish=1 end_turn ||\nUSAGE 0 0 0=1050 1=12 5=39 p=1050 c=39 t=-1 cost=-1 flags=1 tier= ||\n");
}

static void stop_reasons(void **state)
{
    (void)state;
    static const struct { const char *word; int finish; } words[] = {
        { "end_turn", 1 }, { "stop_sequence", 1 }, { "max_tokens", 2 }, { "tool_use", 3 }, { "refusal", 4 }, { "model_context_window_exceeded", 5 }, { "pause_turn", 6 }, { "what_is_this", 1 },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        char body[300], log[300];
        snprintf(body, sizeof body, "{\"type\":\"message\",\"model\":\"m\",\"id\":\"i\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}],\"stop_reason\":\"%s\"}", words[i].word);
        snprintf(log, sizeof log, "META 0 0 id= name=m |i|\nTEXT 0 0 |x|\nFINISH 0 0 finish=%d %s ||\n", words[i].finish, words[i].word);
        expect_events(&whole, body, LLMCOST_OK, log);
    }
    expect_events(&whole, "{\"type\":\"message\",\"model\":\"m\",\"id\":\"i\",\"content\":[],\"stop_reason\":\"refusal\",\"stop_details\":{\"category\":\"c\",\"explanation\":\"Not this.\"}}",
                  LLMCOST_OK, "META 0 0 id= name=m |i|\nREFUSAL 0 0 |Not this.|\nFINISH 0 0 finish=4 refusal ||\n");
}

static void failures_and_ends(void **state)
{
    (void)state;
    expect_events(&stream, START TEXT_BLOCK("x") EVENT("error", "\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}"), LLMCOST_E_OVERLOADED, META "TEXT 0 0 |x|\n");
    expect_events(&stream, START "data: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow\"}}\n\n", LLMCOST_E_RATE_LIMITED, META);
    expect_status(&whole, "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"m\"}}", LLMCOST_E_SERVER);
    expect_status(&stream, START TEXT_BLOCK("x") DELTA("end_turn", "{\"output_tokens\":9}"), LLMCOST_E_TRUNCATED);
    expect_status(&stream, START, LLMCOST_E_TRUNCATED);
    expect_status(&stream, "", LLMCOST_E_TRUNCATED);
    expect_status(&stream, START TEXT_BLOCK("x") DELTA("end_turn", "{}") "event: message_stop\ndata: {\"type\":\"message_stop\"}", LLMCOST_OK);
    expect_status(&stream, "data: {\"type\":\n\n", LLMCOST_E_MALFORMED);
    expect_status(&stream, "data: [1]\n\n" START TEXT_BLOCK("x") STOP, LLMCOST_OK);
    expect_status(&stream, START EVENT("content_block_start", "\"index\":99999999,\"content_block\":{\"type\":\"text\"}"), LLMCOST_E_MALFORMED);
    expect_status(&stream, START EVENT("content_block_delta", "\"index\":-1,\"delta\":{}"), LLMCOST_E_MALFORMED);
    expect_status(&stream, START EVENT("content_block_delta", "\"delta\":{}"), LLMCOST_E_MALFORMED);
    expect_status(&stream, START EVENT("content_block_delta", "\"index\":5,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\"}") STOP, LLMCOST_OK);
    expect_status(&whole, "<html>", LLMCOST_E_MALFORMED);
    expect_status(&whole, "{}", LLMCOST_E_MALFORMED);
    expect_status(&whole, "", LLMCOST_E_TRUNCATED);
    const replay_how refused = { .codec = &llmc_codec_anthropic, .http_status = 529 };
    expect_status(&refused, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}", LLMCOST_E_OVERLOADED);
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

static void too_many_tools(void **state)
{
    (void)state;
    size_t room = 1100 * 60;
    char *body = malloc(room);
    size_t length = (size_t)snprintf(body, room, "{\"type\":\"message\",\"model\":\"m\",\"content\":[");
    for (int i = 0; i < 1025; i++)
        length += (size_t)snprintf(body + length, room - length, "%s{\"type\":\"tool_use\",\"id\":\"t%d\",\"name\":\"f\"}", i ? "," : "", i);
    snprintf(body + length, room - length, "]}");
    replay r;
    replay_whole(&r, &whole, body, strlen(body));
    assert_int_equal(r.status, LLMCOST_E_MALFORMED);
    assert_int_equal(r.tool_calls, 1024);
    replay_free(&r);
    free(body);
}

static void lists_of_models(void **state)
{
    (void)state;
    const replay_how list = { .codec = &llmc_codec_anthropic, .operation = LLMC_OP_LIST_MODELS };
    expect_events(&list, "{\"data\":[{\"type\":\"model\",\"id\":\"claude-a\",\"display_name\":\"A\"},{\"type\":\"model\",\"id\":\"claude-b\"}],\"has_more\":false}", LLMCOST_OK,
                  "MODEL 0 0 |claude-a|\nMODEL 0 0 |claude-b|\n");
    expect_status(&list, "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"m\"}}", LLMCOST_E_AUTH);
}

static void counts_of_tokens(void **state)
{
    (void)state;
    llmcost_message message = { .role = LLMCOST_USER, .text = "hi" };
    llmcost_tool tool = { .name = "add" };
    llmcost_request request = bounded_request_of(&message, 1);
    llmc_codec_target target = target_of("anthropic", "claude-sonnet-4-5", false);
    request.max_tokens = 4096;
    request.effort = LLMCOST_EFFORT_LOW;
    request.tools = &tool;
    request.tool_count = 1;
    request.stop_count = 1;
    request.stop = (const char *const[]){ "x" };
    request.end_user = "u";
    request.extra = "{\"top_k\":1}";
    target.stream = true;
    expect_encoded(&target, LLMC_OP_COUNT_TOKENS, &request, "POST", "/v1/messages/count_tokens",
                   "{\"model\":\"claude-sonnet-4-5\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tools\":[{\"name\":\"add\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}}],"
                   "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}}");
    const replay_how count = { .codec = &llmc_codec_anthropic, .operation = LLMC_OP_COUNT_TOKENS };
    expect_events(&count, "{\"input_tokens\":13}", LLMCOST_OK, "USAGE 0 0 0=13 p=13 c=-1 t=-1 cost=-1 flags=1 tier= ||\n");
    expect_status(&count, "{}", LLMCOST_E_MALFORMED);
    expect_status(&count, "{\"input_tokens\":\"many\"}", LLMCOST_E_MALFORMED);
    expect_status(&count, "{\"input_tok", LLMCOST_E_TRUNCATED);
    expect_status(&count, "", LLMCOST_E_TRUNCATED);
    expect_status(&count, "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"m\"}}", LLMCOST_E_AUTH);
    expect_decoder_clean_without_memory(&count, "{\"input_tokens\":13}");
    assert_true(llmc_codec_anthropic.has_operation(LLMC_OP_COUNT_TOKENS));
    assert_false(llmc_codec_anthropic.has_operation(LLMC_OP_EMBED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_small), cmocka_unit_test(the_envelope), cmocka_unit_test(a_conversation_with_tools),
        cmocka_unit_test(marks_stand_on_what_can_bear_them), cmocka_unit_test(tools_and_choices), cmocka_unit_test(numbers_and_names),
        cmocka_unit_test(efforts_and_budgets), cmocka_unit_test(models_are_placed), cmocka_unit_test(what_it_cannot_do_is_said),
        cmocka_unit_test(what_is_malformed_is_named), cmocka_unit_test(a_whole_answer), cmocka_unit_test(a_streamed_answer),
        cmocka_unit_test(figures_replace_and_stay), cmocka_unit_test(zeros_at_the_end_take_nothing_back), cmocka_unit_test(speed_and_tier_in_any_order), cmocka_unit_test(answers_without_content),
        cmocka_unit_test(compaction_is_added_and_advice_is_not), cmocka_unit_test(stop_reasons),
        cmocka_unit_test(failures_and_ends), cmocka_unit_test(cut_answers), cmocka_unit_test(too_many_tools), cmocka_unit_test(lists_of_models),
        cmocka_unit_test(documents_go_as_blocks), cmocka_unit_test(documents_and_sounds_it_cannot_read), cmocka_unit_test(what_is_counted),
        cmocka_unit_test(claude_at_vertex),
        cmocka_unit_test(counts_of_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
