/* The Responses codec: every field on its way out, every event on its way in. */
#include "../support/decode_check.h"
#include "../support/encode_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const llmcost_message hello[] = { { .role = LLMCOST_USER, .text = "Hello" } };

#define HELLO "\"input\":[{\"role\":\"user\",\"content\":\"Hello\"}],\"store\":false"
#define PLAIN(members) "{\"model\":\"gpt-4o\"," HELLO members "}"

/* ---- encoding ---- */

static void a_question_is_small(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("openai-responses", "gpt-4o", false);
    expect_body(&target, &request, PLAIN(""));
    target.stream = true;
    expect_body(&target, &request, PLAIN(",\"stream\":true"));
    expect_clean_without_memory(&target, &request);
}

static void expect_envelope(llmc_operation_id operation, const llmcost_request *request, const char *method, const char *path, const char *body)
{
    llmc_codec_target target = target_of("openai-responses", "gpt-5-mini", false);
    llmc_encoded out;
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_encoded_init(&out, &llmc_allocator_system);
    assert_int_equal(llmc_codec_responses.check(operation, request, &target, &error), LLMCOST_OK);
    assert_int_equal(llmc_codec_responses.encode(operation, request, &target, &out, &error), LLMCOST_OK);
    assert_string_equal(out.method, method);
    assert_string_equal(llmc_buffer_text(&out.path), path);
    assert_string_equal(out.body.length ? llmc_buffer_text(&out.body) : "", body);
    assert_null(out.headers[0]);
    llmc_encoded_free(&out);
    llmc_error_clear(&error);
}

static void each_operation_has_its_envelope(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    request.max_tokens = 100;
    request.effort = LLMCOST_EFFORT_LOW;
    expect_envelope(LLMC_OP_LIST_MODELS, NULL, "GET", "/models", "");
    expect_envelope(LLMC_OP_COUNT_TOKENS, &request, "POST", "/responses/input_tokens",
                    "{\"model\":\"gpt-5-mini\",\"input\":[{\"role\":\"user\",\"content\":\"Hello\"}],\"reasoning\":{\"effort\":\"low\"}}");
    expect_envelope(LLMC_OP_CHAT, &request, "POST", "/responses",
                    "{\"model\":\"gpt-5-mini\",\"input\":[{\"role\":\"user\",\"content\":\"Hello\"}],\"reasoning\":{\"effort\":\"low\"},"
                    "\"max_output_tokens\":100,\"store\":false,\"include\":[\"reasoning.encrypted_content\"]}");
    assert_true(llmc_codec_responses.has_operation(LLMC_OP_COUNT_TOKENS));
    assert_false(llmc_codec_responses.has_operation(LLMC_OP_EMBED));
    assert_false(llmc_codec_responses.has_operation(LLMC_OP_BALANCE));
}

static void messages_of_all_kinds(void **state)
{
    (void)state;
    const llmcost_part parts[] = {
        { .type = LLMCOST_PART_TEXT, .text = "See", .text_bytes = 2 },
        { .type = LLMCOST_PART_IMAGE_URL, .url = "https://example.org/a.png", .detail = "low" },
        { .type = LLMCOST_PART_IMAGE, .data = "\1\2\3\4", .data_bytes = 4, .media_type = "image/png" },
        { .type = LLMCOST_PART_AUDIO, .data = "\1\2\3", .data_bytes = 3, .media_type = "audio/mpeg" },
        { .type = LLMCOST_PART_DOCUMENT, .data = "\1\2\3", .data_bytes = 3, .media_type = "application/pdf" },
        { .type = LLMCOST_PART_DOCUMENT, .url = "https://example.org/a.pdf" },
    };
    const llmcost_part shown[] = { { .type = LLMCOST_PART_TEXT, .text = "Here" }, { .type = LLMCOST_PART_IMAGE_URL, .url = "https://example.org/b.png" } };
    const llmcost_part said[] = { { .type = LLMCOST_PART_REASONING, .text = "hm", .signature = "s" }, { .type = LLMCOST_PART_REASONING_HIDDEN, .text = "opaque" },
                                  { .type = LLMCOST_PART_TEXT, .text = "Let " }, { .type = LLMCOST_PART_TEXT, .text = "me see." } };
    const llmcost_tool_call calls[] = { { .id = "c1", .name = "weather", .arguments = "{\"city\":\"Oslo\"}" }, { .id = "c2", .name = "clock", .arguments = NULL } };
    const llmcost_message messages[] = {
        { .role = LLMCOST_SYSTEM, .text = "Be brief.\n", .cache_mark = 1 },
        { .role = LLMCOST_USER, .parts = parts, .part_count = 6 },
        { .role = LLMCOST_ASSISTANT, .parts = said, .part_count = 4, .tool_calls = calls, .tool_call_count = 2 },
        { .role = LLMCOST_TOOL, .tool_call_id = "c1", .text = "4 C" },
        { .role = LLMCOST_TOOL, .tool_call_id = "c2", .text = "no clock", .is_error = 1 },
        { .role = LLMCOST_ASSISTANT, .tool_calls = calls, .tool_call_count = 1 },
        { .role = LLMCOST_TOOL, .tool_call_id = "c1", .parts = shown, .part_count = 2, .is_error = 1 },
        { .role = LLMCOST_ASSISTANT, .text = "" },
    };
    llmcost_request request = request_of(messages, 8);
    llmc_codec_target target = target_of("openai-responses", "gpt-4o", false);
#define ALL_KINDS(system)                                                                                                                          \
    "\"input\":[{\"role\":\"" system "\",\"content\":\"Be brief.\\n\"},{\"role\":\"user\",\"content\":["                                          \
    "{\"type\":\"input_text\",\"text\":\"Se\"},{\"type\":\"input_image\",\"image_url\":\"https://example.org/a.png\",\"detail\":\"low\"},"        \
    "{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,AQIDBA==\"},"                                                                \
    "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AQID\",\"format\":\"mp3\"}},"                                                          \
    "{\"type\":\"input_file\",\"filename\":\"document.pdf\",\"file_data\":\"data:application/pdf;base64,AQID\"},"                                 \
    "{\"type\":\"input_file\",\"file_url\":\"https://example.org/a.pdf\"}]},"                                                                     \
    "{\"role\":\"assistant\",\"content\":\"Let me see.\"},"                                                                                       \
    "{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"weather\",\"arguments\":\"{\\\"city\\\":\\\"Oslo\\\"}\"},"                         \
    "{\"type\":\"function_call\",\"call_id\":\"c2\",\"name\":\"clock\",\"arguments\":\"{}\"},"                                                    \
    "{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"4 C\"},"                                                                  \
    "{\"type\":\"function_call_output\",\"call_id\":\"c2\",\"output\":\"Error: no clock\"},"                                                      \
    "{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"weather\",\"arguments\":\"{\\\"city\\\":\\\"Oslo\\\"}\"},"                         \
    "{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":[{\"type\":\"input_text\",\"text\":\"Error:\"},"                            \
    "{\"type\":\"input_text\",\"text\":\"Here\"},{\"type\":\"input_image\",\"image_url\":\"https://example.org/b.png\"}]},"                       \
    "{\"role\":\"assistant\",\"content\":\"\"}],\"store\":false"
    expect_body(&target, &request, "{\"model\":\"gpt-4o\"," ALL_KINDS("system") "}");
    expect_clean_without_memory(&target, &request);
    target = target_of("openai-responses", "o3", false);
    expect_body(&target, &request, "{\"model\":\"o3\"," ALL_KINDS("developer") ",\"include\":[\"reasoning.encrypted_content\"]}");
}

#define OPENAI_ITEM "{\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"Think.\"}],\"encrypted_content\":\"gAAAAABn\""
#define OTHER_ITEM "{\"id\":\"rs_2\",\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"NqHDc2k\""
#define OPEN_ITEM "{\"id\":\"rs_3\",\"type\":\"reasoning\",\"summary\":[],\"content\":[{\"type\":\"reasoning_text\",\"text\":\"Hm.\"}]"

static void expect_reasoning(const char *preset, const char *items)
{
    const llmcost_part parts[] = {
        { .type = LLMCOST_PART_REASONING, .text = "Think." },
        { .type = LLMCOST_PART_REASONING_HIDDEN, .text = OPENAI_ITEM ",\"status\":\"completed\"}" OTHER_ITEM ",\"content\":null}" OPEN_ITEM "}{\"type\":\"other\"}" },
        { .type = LLMCOST_PART_REASONING_HIDDEN, .text = "[{\"type\":\"reasoning.text\"}]" },
        { .type = LLMCOST_PART_REASONING_HIDDEN, .text = "{\"broken" },
        { .type = LLMCOST_PART_TEXT, .text = "4" },
    };
    const llmcost_message messages[] = { { .role = LLMCOST_ASSISTANT, .parts = parts, .part_count = 5 } };
    llmcost_request request = request_of(messages, 1);
    llmc_codec_target target = target_of(preset, "m", false);
    char body[2000];
    bool named = strstr(preset, "openai") || strstr(preset, "azure");
    snprintf(body, sizeof body, "{\"model\":\"m\",\"input\":[%s{\"role\":\"assistant\",\"content\":\"4\"}],\"store\":false%s}", items,
             named ? "" : ",\"include\":[\"reasoning.encrypted_content\"]");
    expect_body(&target, &request, body);
    expect_clean_without_memory(&target, &request);
}

static void reasoning_goes_back_to_who_can_read_it(void **state)
{
    (void)state;
    expect_reasoning("openai-responses", OPENAI_ITEM "},");
    expect_reasoning("azure-responses", OPENAI_ITEM "},");
    expect_reasoning("xai-responses", OTHER_ITEM "},");
}

static void ids_of_others_are_mapped(void **state)
{
    (void)state;
    const char *id = "a-call-id-of-another-provider-that-is-much-longer-than-sixty-four-characters";
    const llmcost_tool_call calls[] = { { .id = id, .name = "clock", .arguments = NULL }, { .id = "fine_1-2", .name = "clock", .arguments = NULL }, { .id = "with space", .name = "clock", .arguments = NULL } };
    const llmcost_message messages[] = { { .role = LLMCOST_ASSISTANT, .tool_calls = calls, .tool_call_count = 3 },
                                         { .role = LLMCOST_TOOL, .tool_call_id = id, .text = "1" },
                                         { .role = LLMCOST_TOOL, .tool_call_id = "with space", .text = "2" } };
    llmcost_request request = request_of(messages, 3);
    llmc_codec_target target = target_of("openai-responses", "gpt-4o", false);
    llmc_encoded out;
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_encoded_init(&out, &llmc_allocator_system);
    assert_int_equal(llmc_codec_responses.encode(LLMC_OP_CHAT, &request, &target, &out, &error), LLMCOST_OK);
    char text[3000], made_up[2][21] = { "", "" };
    snprintf(text, sizeof text, "%.*s", (int)out.body.length, out.body.data);
    assert_null(strstr(text, id));
    assert_null(strstr(text, "with space"));
    assert_non_null(strstr(text, "\"call_id\":\"fine_1-2\""));
    const char *first = strstr(text, "\"call_id\":\""), *result = strstr(text, "function_call_output\",\"call_id\":\"");
    memcpy(made_up[0], first + 11, 20);
    memcpy(made_up[1], result + 33, 20);
    assert_string_equal(made_up[0], made_up[1]);
    assert_int_equal(first[31], '"');
    llmc_encoded_free(&out);
}

static const llmcost_tool tools[] = {
    { .name = "weather", .description = "What it is like", .parameters = "{\"type\":\"object\"}", .strict = 1 },
    { .name = "clock" },
};
#define TOOLS                                                                                                                        \
    ",\"tools\":[{\"type\":\"function\",\"name\":\"weather\",\"description\":\"What it is like\",\"parameters\":{\"type\":\"object\"}," \
    "\"strict\":true},{\"type\":\"function\",\"name\":\"clock\",\"parameters\":{\"type\":\"object\",\"properties\":{}},\"strict\":false}]"

static void tools_and_choices(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("openai-responses", "gpt-4o", false);
    request.tools = tools;
    request.tool_count = 2;
    expect_body(&target, &request, PLAIN(TOOLS));
    request.tool_choice = LLMCOST_TOOLS_NONE;
    expect_body(&target, &request, PLAIN(TOOLS ",\"tool_choice\":\"none\""));
    request.tool_choice = LLMCOST_TOOLS_REQUIRED;
    request.parallel_tool_calls = LLMCOST_OFF;
    expect_body(&target, &request, PLAIN(TOOLS ",\"tool_choice\":\"required\",\"parallel_tool_calls\":false"));
    request.tool_choice = LLMCOST_TOOLS_ONE;
    request.tool_choice_name = "clock";
    request.parallel_tool_calls = LLMCOST_ON;
    expect_body(&target, &request, PLAIN(TOOLS ",\"tool_choice\":{\"type\":\"function\",\"name\":\"clock\"},\"parallel_tool_calls\":true"));
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
    llmc_codec_target target = target_of("openai-responses", "gpt-4o", false);
    request.format = LLMCOST_FORMAT_JSON;
    expect_body(&target, &request, PLAIN(",\"text\":{\"format\":{\"type\":\"json_object\"}}"));
    request.format = LLMCOST_FORMAT_JSON_SCHEMA;
    request.format_schema = "{\"type\":\"object\"}";
    expect_body(&target, &request, PLAIN(",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"answer\",\"schema\":{\"type\":\"object\"}}}"));
    request.format_name = "n";
    request.format_strict = 1;
    request.extra = "{\"text\":{\"verbosity\":\"low\"}}";
    expect_body(&target, &request,
                PLAIN(",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"strict\":true,\"schema\":{\"type\":\"object\"}},\"verbosity\":\"low\"}"));
    expect_clean_without_memory(&target, &request);
    request.extra = "{\"text\":{\"format\":{}}}";
    expect_invalid(&target, &request, "text.format");
    request.extra = "{\"text\":1}";
    expect_invalid(&target, &request, "\"text\"");
    request.extra = NULL;
    request.format_schema = "[]";
    expect_invalid(&target, &request, "format_schema");
}

static void sampling_and_limits(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("openai-responses", "gpt-4o", false), xai = target_of("xai-responses", "g", false);
    request.max_tokens = 16;
    request.has_temperature = request.has_top_p = 1;
    request.temperature = 0.5;
    request.top_p = 0.25;
    request.logprobs = 1;
    request.top_logprobs = 3;
    request.end_user = "u1";
#define SAMPLED(user) "\"max_output_tokens\":16,\"temperature\":0.5,\"top_p\":0.25,\"top_logprobs\":3,\"" user "\":\"u1\""
    expect_body(&target, &request, PLAIN("," SAMPLED("safety_identifier") ",\"include\":[\"message.output_text.logprobs\"]"));
    expect_body(&xai, &request, "{\"model\":\"g\"," HELLO "," SAMPLED("user") ",\"include\":[\"reasoning.encrypted_content\",\"message.output_text.logprobs\"]}");
    request.logprobs = 0;
    expect_invalid(&target, &request, "top_logprobs");
}

static void extra_is_merged(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("openai-responses", "gpt-5", false);
#define BODY(members) "{\"model\":\"gpt-5\",\"input\":[{\"role\":\"user\",\"content\":\"Hello\"}]," members "}"
    request.effort = LLMCOST_EFFORT_HIGH;
    request.extra = "{\"store\":true,\"reasoning\":{\"summary\":\"auto\"},\"include\":[\"reasoning.encrypted_content\",\"file_search_call.results\"],\"truncation\":\"auto\"}";
    expect_body(&target, &request, BODY("\"store\":true,\"reasoning\":{\"effort\":\"high\",\"summary\":\"auto\"},"
                                        "\"include\":[\"reasoning.encrypted_content\",\"file_search_call.results\"],\"truncation\":\"auto\""));
    expect_clean_without_memory(&target, &request);
    request.effort = LLMCOST_EFFORT_DEFAULT;
    request.extra = "{\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\"}}";
    expect_body(&target, &request, BODY("\"store\":false,\"include\":[\"reasoning.encrypted_content\"],\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\"}"));
    request.effort = LLMCOST_EFFORT_HIGH;
    expect_invalid(&target, &request, "reasoning.effort");
    const char *const repeated[] = { "model", "input", "stream", "max_output_tokens", "background" };
    for (size_t i = 0; i < sizeof repeated / sizeof repeated[0]; i++) {
        char extra[60];
        snprintf(extra, sizeof extra, "{\"%s\":1}", repeated[i]);
        request.extra = extra;
        expect_invalid(&target, &request, repeated[i]);
    }
    request.extra = "[]";
    expect_invalid(&target, &request, "extra");
    request.effort = LLMCOST_EFFORT_DEFAULT;
    request.extra = "{\"tools\":[{\"type\":\"web_search\"}]}";
    request.tool_choice = LLMCOST_TOOLS_REQUIRED;
    expect_body(&target, &request, BODY("\"tool_choice\":\"required\",\"store\":false,\"include\":[\"reasoning.encrypted_content\"],\"tools\":[{\"type\":\"web_search\"}]"));
    request.extra = NULL;
    expect_invalid(&target, &request, "there are none");
}

static void what_cannot_be_said_is_refused(void **state)
{
    (void)state;
    static const char *const stops[] = { "a" };
    llmc_codec_target target = target_of("openai-responses", "gpt-4o", false), thinker = target_of("openai-responses", "gpt-5", false);
    llmc_codec_target astra = target_of("openai-responses", "gpt-6-astra", false), xai = target_of("xai-responses", "g", false);
    llmcost_request plain = request_of(hello, 1), request = plain;
    request.has_seed = 1;
    expect_unsupported(&target, &request, "seed");
    request = plain;
    request.n = 2;
    expect_unsupported(&target, &request, "\"n\"");
    request = plain;
    request.stop = stops;
    request.stop_count = 1;
    expect_unsupported(&target, &request, "stop");
    request = plain;
    request.top_logprobs = 21;
    expect_unsupported(&target, &request, "top_logprobs");
    request = plain;
    request.max_tokens = 15;
    expect_unsupported(&target, &request, "max_tokens");
    assert_int_equal(llmc_codec_responses.check(LLMC_OP_CHAT, &request, &xai, NULL), LLMCOST_OK);
    request = plain;
    request.thinking_budget_tokens = 2000;
    expect_unsupported(&target, &request, "thinking_budget_tokens");
    request = plain;
    request.effort = LLMCOST_EFFORT_NONE;
    expect_unsupported(&astra, &request, "effort");
    expect_unsupported(&xai, &request, "effort");
    request = plain;
    request.has_temperature = 1;
    request.temperature = 0.5;
    expect_unsupported(&thinker, &request, "temperature");
    request.temperature = 2.5;
    expect_unsupported(&target, &request, "temperature");
    request = plain;
    request.has_top_p = 1;
    request.top_p = 0.5;
    expect_unsupported(&thinker, &request, "top_p");
}

static void parts_in_wrong_places_are_refused(void **state)
{
    (void)state;
    static const struct { int32_t role, type; const char *field; } cases[] = {
        { LLMCOST_SYSTEM, LLMCOST_PART_IMAGE_URL, "messages[0] image" }, { LLMCOST_ASSISTANT, LLMCOST_PART_IMAGE, "messages[0] image" },
        { LLMCOST_SYSTEM, LLMCOST_PART_DOCUMENT, "messages[0] document" }, { LLMCOST_ASSISTANT, LLMCOST_PART_AUDIO, "messages[0] audio" },
        { LLMCOST_TOOL, LLMCOST_PART_AUDIO, "messages[0] audio" },
    };
    llmc_codec_target target = target_of("openai-responses", "gpt-4o", false);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const llmcost_part part = { .type = cases[i].type, .url = "https://example.org" };
        const llmcost_message message = { .role = cases[i].role, .parts = &part, .part_count = 1, .tool_call_id = "c" };
        llmcost_request request = request_of(&message, 1);
        expect_unsupported(&target, &request, cases[i].field);
    }
    const llmcost_message named = { .role = LLMCOST_USER, .text = "x", .name = "ann" };
    llmcost_request request = request_of(&named, 1);
    expect_unsupported(&target, &request, "messages[0].name");
}

static void what_is_malformed_is_said(void **state)
{
    (void)state;
    llmc_codec_target target = target_of("openai-responses", "gpt-4o", false);
    const llmcost_part parts[][1] = { { { .type = 99 } }, { { .type = LLMCOST_PART_IMAGE_URL } }, { { .type = LLMCOST_PART_IMAGE, .data = "x", .data_bytes = 1 } },
                                      { { .type = LLMCOST_PART_AUDIO } }, { { .type = LLMCOST_PART_DOCUMENT, .url = "" } }, { { .type = LLMCOST_PART_DOCUMENT } } };
    static const char *const words[] = { "type 99", "url is missing", "media_type", "audio/wav", "url is missing", "media_type" };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const llmcost_message message = { .role = LLMCOST_USER, .parts = parts[i], .part_count = 1 };
        llmcost_request request = request_of(&message, 1);
        expect_invalid(&target, &request, words[i]);
    }
    const llmcost_tool_call no_id = { .id = NULL, .name = "f", .arguments = NULL }, no_json = { .id = "c", .name = "f", .arguments = "{" };
    const llmcost_message messages[] = { { .role = 9, .text = "x" }, { .role = LLMCOST_TOOL, .text = "x" },
                                         { .role = LLMCOST_ASSISTANT, .tool_calls = &no_id, .tool_call_count = 1 },
                                         { .role = LLMCOST_ASSISTANT, .tool_calls = &no_json, .tool_call_count = 1 } };
    static const char *const wrong[] = { "role 9", "tool_call_id", "needs an id", "no JSON" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        llmcost_request request = request_of(&messages[i], 1);
        expect_invalid(&target, &request, wrong[i]);
    }
    const llmcost_tool nameless = { .name = "" }, odd = { .name = "f", .parameters = "[]" };
    llmcost_request request = request_of(hello, 1);
    request.tool_count = 1;
    request.tools = &nameless;
    expect_invalid(&target, &request, "tools[0].name");
    request.tools = &odd;
    expect_invalid(&target, &request, "tools[0].parameters");
}

/* ---- decoding ---- */

static const replay_how whole = { .codec = &llmc_codec_responses, .http_status = 200 };
static const replay_how stream = { .codec = &llmc_codec_responses, .http_status = 200, .stream = true };

#define USAGE_JSON                                                                                                                                 \
    "\"usage\":{\"input_tokens\":100,\"input_tokens_details\":{\"cached_tokens\":40,\"cache_write_tokens\":50},\"output_tokens\":30,"              \
    "\"output_tokens_details\":{\"reasoning_tokens\":20},\"total_tokens\":130}"
#define USAGE_LOG "USAGE 0 0 0=10 1=40 3=50 5=10 6=20 p=100 c=30 t=130 cost=-1 flags=1 tier=default ||\n"
#define REASONING_ITEM "{\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"One.\"},{\"type\":\"summary_text\",\"text\":\"Two.\"}],\"encrypted_content\":\"gAAAAAB\"}"
#define MESSAGE_ITEM                                                                                                                               \
    "{\"id\":\"m1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"4 \\u00b0C\","                   \
    "\"annotations\":[{\"type\":\"url_citation\"}],\"logprobs\":[{\"token\":\"4\",\"logprob\":-0.5}]},{\"type\":\"output_text\",\"text\":\".\",\"annotations\":[]}]}"
#define CALL_ITEM "{\"id\":\"fc_1\",\"type\":\"function_call\",\"call_id\":\"call_1\",\"name\":\"clock\",\"arguments\":\"{\\\"at\\\":\\\"Oslo\\\"}\"}"
#define SEARCH_ITEM "{\"id\":\"ws_1\",\"type\":\"web_search_call\",\"status\":\"completed\"}"
#define OUTPUT_LOG                                                                                                                                 \
    "REASONING 0 0 |One.|\nREASONING 0 0 |\n\n|\nREASONING 0 0 |Two.|\nREASONING_HIDDEN 0 0 |" REASONING_ITEM "|\n"                               \
    "EXTRA 0 0 id= name=output_items |[" SEARCH_ITEM "]|\n"                                                                                        \
    "TEXT 0 0 |4 \302\260C|\nEXTRA 0 0 id= name=annotations |[{\"type\":\"url_citation\"}]|\nLOGPROBS 0 0 |[{\"token\":\"4\",\"logprob\":-0.5}]|\n" \
    "TEXT 0 0 |.|\nTOOL_CALL 0 0 id=call_1 name=clock ||\nTOOL_ARGUMENTS 0 0 |{\"at\":\"Oslo\"}|\n"
#define META_LOG "META 0 0 id= name=gpt-5-mini |resp_1|\n"

static void a_whole_answer(void **state)
{
    (void)state;
    const char *body = "{\"id\":\"resp_1\",\"object\":\"response\",\"model\":\"gpt-5-mini\",\"error\":null,\"incomplete_details\":null,\"service_tier\":\"default\","
                       "\"output\":[" REASONING_ITEM "," SEARCH_ITEM "," MESSAGE_ITEM "," CALL_ITEM "],\"status\":\"completed\"," USAGE_JSON "}";
    expect_events(&whole, body, LLMCOST_OK, META_LOG OUTPUT_LOG USAGE_LOG "FINISH 0 0 finish=3 completed ||\n");
    expect_decoder_clean_without_memory(&whole, body);
    expect_stoppable(&whole, body);
}

#define EVENT(name, members) "event: " name "\ndata: {\"type\":\"" name "\"" members "}\n\n"
#define CREATED EVENT("response.created", ",\"response\":{\"id\":\"resp_1\",\"model\":\"gpt-5-mini\",\"status\":\"in_progress\",\"service_tier\":\"auto\",\"output\":[],\"usage\":null}")
#define ENDED(word, members) EVENT("response." word, ",\"response\":{\"id\":\"resp_1\",\"model\":\"gpt-5-mini\",\"status\":\"" word "\",\"service_tier\":\"default\"" members "," USAGE_JSON "}")
#define PIECE(kind, index, members) EVENT("response." kind, ",\"output_index\":" index members)

static void a_stream_in_pieces(void **state)
{
    (void)state;
    static const char body[] =
        CREATED ": a comment\n\n"
        PIECE("output_item.added", "0", ",\"item\":{\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[]}")
        PIECE("reasoning_summary_text.delta", "0", ",\"summary_index\":0,\"delta\":\"On\"")
        PIECE("reasoning_summary_text.delta", "0", ",\"summary_index\":0,\"delta\":\"e.\"")
        PIECE("reasoning_summary_text.delta", "0", ",\"summary_index\":1,\"delta\":\"Two.\"")
        PIECE("output_item.done", "0", ",\"item\":" REASONING_ITEM)
        PIECE("output_item.added", "1", ",\"item\":{\"id\":\"m1\",\"type\":\"message\",\"content\":[]}")
        PIECE("content_part.added", "1", ",\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\"}")
        PIECE("output_text.delta", "1", ",\"content_index\":0,\"delta\":\"4 \\ud83d\",\"logprobs\":[{\"token\":\"4\",\"logprob\":-0.5}],\"obfuscation\":\"xx\"")
        PIECE("output_text.delta", "1", ",\"content_index\":0,\"delta\":\"\\ude00.\",\"logprobs\":[]")
        PIECE("output_text.done", "1", ",\"text\":\"4 \\ud83d\\ude00.\"")
        PIECE("output_item.done", "1", ",\"item\":" MESSAGE_ITEM)
        PIECE("output_item.added", "2", ",\"item\":{\"id\":\"fc_1\",\"type\":\"function_call\",\"call_id\":\"call_1\",\"name\":\"clock\",\"arguments\":\"\"}")
        PIECE("function_call_arguments.delta", "2", ",\"delta\":\"{\\\"at\\\":\"")
        PIECE("function_call_arguments.delta", "2", ",\"delta\":\"\\\"Oslo\\\"}\"")
        PIECE("function_call_arguments.done", "2", ",\"arguments\":\"{\\\"at\\\":\\\"Oslo\\\"}\"")
        PIECE("output_item.done", "2", ",\"item\":" CALL_ITEM)
        PIECE("something.new", "2", ",\"item\":7")
        ENDED("completed", ",\"output\":[" REASONING_ITEM "," MESSAGE_ITEM "," CALL_ITEM "]")
        "data: [DONE]\n\n";
    expect_events(&stream, body, LLMCOST_OK,
                  META_LOG "REASONING 0 0 |On|\nREASONING 0 0 |e.|\nREASONING 0 0 |\n\n|\nREASONING 0 0 |Two.|\nREASONING_HIDDEN 0 0 |" REASONING_ITEM "|\n"
                  "TEXT 0 0 |4 |\nLOGPROBS 0 0 |[{\"token\":\"4\",\"logprob\":-0.5}]|\nTEXT 0 0 |\360\237\230\200.|\n"
                  "EXTRA 0 0 id= name=annotations |[{\"type\":\"url_citation\"}]|\n"
                  "TOOL_CALL 0 0 id=call_1 name=clock ||\nTOOL_ARGUMENTS 0 0 |{\"at\":|\nTOOL_ARGUMENTS 0 0 |\"Oslo\"}|\n" USAGE_LOG "FINISH 0 0 finish=3 completed ||\n");
    expect_decoder_clean_without_memory(&stream, body);
    expect_stoppable(&stream, body);
}

static void a_stream_may_tell_only_the_ends(void **state)
{
    (void)state;
    expect_events(&stream, CREATED ENDED("completed", ",\"output\":[" REASONING_ITEM "," SEARCH_ITEM "," MESSAGE_ITEM "," CALL_ITEM "]"), LLMCOST_OK,
                  META_LOG OUTPUT_LOG USAGE_LOG "FINISH 0 0 finish=3 completed ||\n");
    expect_events(&stream, PIECE("output_item.done", "0", ",\"item\":" REASONING_ITEM) PIECE("output_item.done", "1", ",\"item\":" SEARCH_ITEM)
                  PIECE("output_item.done", "2", ",\"item\":" MESSAGE_ITEM) PIECE("output_item.done", "3", ",\"item\":" CALL_ITEM) ENDED("completed", ""), LLMCOST_OK,
                  OUTPUT_LOG META_LOG USAGE_LOG "FINISH 0 0 finish=3 completed ||\n");
    /* pieces of a call that nothing announced; a call that has no name yet */
    expect_events(&stream, CREATED PIECE("function_call_arguments.delta", "0", ",\"delta\":\"{}\"") PIECE("output_item.done", "0", ",\"item\":" CALL_ITEM)
                  PIECE("output_item.done", "0", ",\"item\":" CALL_ITEM) PIECE("output_item.added", "1", ",\"item\":{\"type\":\"function_call\"}")
                  PIECE("output_item.done", "1", ",\"item\":{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"\"}") ENDED("completed", ""), LLMCOST_OK,
                  META_LOG "TOOL_CALL 0 0 id=call_1 name=clock ||\nTOOL_ARGUMENTS 0 0 |{\"at\":\"Oslo\"}|\nTOOL_CALL 0 1 id=call_1 name=f ||\n" USAGE_LOG
                  "FINISH 0 0 finish=3 completed ||\n");
}

static void open_reasoning_is_kept_once(void **state)
{
    (void)state;
#define OPEN "{\"type\":\"reasoning\",\"id\":\"r\",\"content\":[{\"type\":\"reasoning_text\",\"text\":\"Hm.\"}],\"summary\":[{\"text\":\"Hm!\"}]}"
    expect_events(&stream, CREATED PIECE("reasoning_text.delta", "0", ",\"content_index\":0,\"delta\":\"Hm.\"") PIECE("reasoning_summary_text.delta", "0", ",\"delta\":\"Hm!\"")
                  PIECE("output_item.done", "0", ",\"item\":" OPEN) PIECE("reasoning_text.delta", "1", ",\"content_index\":0,\"delta\":\"So\"") ENDED("completed", ""), LLMCOST_OK,
                  META_LOG "REASONING 0 0 |Hm.|\nREASONING_HIDDEN 0 0 |" OPEN "|\nREASONING 0 0 |\n\n|\nREASONING 0 0 |So|\n" USAGE_LOG "FINISH 0 0 finish=1 completed ||\n");
    expect_events(&stream, CREATED PIECE("output_item.done", "0", ",\"item\":{\"type\":\"reasoning\",\"id\":\"r\",\"summary\":[]}") ENDED("completed", ""), LLMCOST_OK,
                  META_LOG USAGE_LOG "FINISH 0 0 finish=1 completed ||\n");
}

static void refusals(void **state)
{
    (void)state;
#define REFUSED "{\"type\":\"message\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"No.\"}]}"
    expect_events(&whole, "{\"id\":\"i\",\"model\":\"m\",\"status\":\"completed\",\"output\":[" REFUSED "]}", LLMCOST_OK,
                  "META 0 0 id= name=m |i|\nREFUSAL 0 0 |No.|\nFINISH 0 0 finish=1 completed ||\n");
    expect_events(&stream, CREATED PIECE("refusal.delta", "0", ",\"delta\":\"N\\ud83d\"") PIECE("refusal.delta", "0", ",\"delta\":\"\"") ENDED("completed", ""), LLMCOST_OK,
                  META_LOG "REFUSAL 0 0 |N|\nREFUSAL 0 0 |\357\277\275|\n" USAGE_LOG "FINISH 0 0 finish=1 completed ||\n");
}

static void every_end(void **state)
{
    (void)state;
    static const struct { const char *reason; int finish; } ends[] = {
        { "max_output_tokens", LLMCOST_FINISH_LENGTH }, { "content_filter", LLMCOST_FINISH_CONTENT_FILTER }, { "because", LLMCOST_FINISH_STOP },
    };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char body[300], log[200];
        snprintf(body, sizeof body, "{\"model\":\"m\",\"status\":\"incomplete\",\"incomplete_details\":{\"a\":1,\"reason\":\"%s\"},\"output\":[]}", ends[i].reason);
        snprintf(log, sizeof log, "META 0 0 id= name=m ||\nFINISH 0 0 finish=%d %s ||\n", ends[i].finish, ends[i].reason);
        expect_events(&whole, body, LLMCOST_OK, log);
    }
    expect_events(&stream, CREATED ENDED("incomplete", ",\"incomplete_details\":{\"reason\":\"max_output_tokens\"}"), LLMCOST_OK,
                  META_LOG USAGE_LOG "FINISH 0 0 finish=2 max_output_tokens ||\n");
    expect_events(&stream, CREATED EVENT("response.completed", ",\"response\":{\"output\":[]}"), LLMCOST_OK, META_LOG "FINISH 0 0 finish=1 completed ||\n");
}

static void costs_are_read(void **state)
{
    (void)state;
    expect_events(&whole, "{\"model\":\"m\",\"status\":\"completed\",\"output\":[],\"usage\":{\"input_tokens\":252,\"input_tokens_details\":{\"cached_tokens\":128},"
                  "\"output_tokens\":396,\"output_tokens_details\":{\"reasoning_tokens\":326},\"total_tokens\":648,\"cost_in_usd_ticks\":11706000}}", LLMCOST_OK,
                  "META 0 0 id= name=m ||\nUSAGE 0 0 0=124 1=128 5=70 6=326 p=252 c=396 t=648 cost=1170600000 flags=1 tier= ||\nFINISH 0 0 finish=1 completed ||\n");
    expect_events(&whole, "{\"model\":\"m\",\"status\":\"completed\",\"output\":[],\"usage\":{\"input_tokens\":2,\"output_tokens\":3,\"cost\":0.5,\"prompt_tokens\":9}}",
                  LLMCOST_OK, "META 0 0 id= name=m ||\nUSAGE 0 0 0=2 5=3 p=2 c=3 t=-1 cost=500000000000 flags=1 tier= ||\nFINISH 0 0 finish=1 completed ||\n");
}

static void failures(void **state)
{
    (void)state;
    expect_status(&stream, CREATED EVENT("error", ",\"code\":\"rate_limit_exceeded\",\"message\":\"slow\",\"param\":null"), LLMCOST_E_RATE_LIMITED);
    expect_status(&stream, CREATED "data: {\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"code\":\"context_length_exceeded\",\"message\":\"long\"}}\n\n",
                  LLMCOST_E_CONTEXT_LENGTH);
    expect_status(&stream, "data: {\"error\":{\"message\":\"x\",\"code\":\"insufficient_quota\"}}\n\n", LLMCOST_E_QUOTA);
    expect_status(&stream, CREATED ENDED("failed", ",\"error\":{\"code\":\"server_error\",\"message\":\"sorry\"}"), LLMCOST_E_SERVER);
    expect_status(&stream, CREATED ENDED("failed", ",\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"slow\"}"), LLMCOST_E_RATE_LIMITED);
    expect_status(&stream, CREATED ENDED("failed", ",\"error\":{\"code\":\"invalid_prompt\",\"message\":\"no\"}"), LLMCOST_E_INVALID_REQUEST);
    expect_status(&stream, CREATED ENDED("failed", ",\"error\":null"), LLMCOST_E_SERVER);
    expect_status(&whole, "{\"status\":\"cancelled\",\"output\":[]}", LLMCOST_E_SERVER);
    expect_status(&whole, "{\"status\":\"queued\",\"output\":[]}", LLMCOST_E_MALFORMED);
    expect_status(&whole, "{\"status\":\"failed\",\"error\":{\"code\":\"insufficient_quota\",\"message\":\"x\"}}", LLMCOST_E_QUOTA);
    expect_status(&whole, "{\"error\":{\"code\":\"model_not_found\",\"message\":\"x\"}}", LLMCOST_E_NOT_FOUND);
    expect_status(&whole, "{\"choices\":[]}", LLMCOST_E_MALFORMED);
    expect_status(&whole, "7", LLMCOST_E_MALFORMED);
    expect_status(&whole, "", LLMCOST_E_TRUNCATED);
    expect_status(&whole, "{\"status\":\"comple", LLMCOST_E_TRUNCATED);
    expect_status(&stream, "data: {\"type\":\n\n", LLMCOST_E_MALFORMED);
    replay_how limited = whole;
    limited.http_status = 429;
    expect_status(&limited, "{\"error\":{\"message\":\"no money\",\"type\":\"insufficient_quota\",\"code\":\"insufficient_quota\"}}", LLMCOST_E_QUOTA);
    expect_status(&limited, "", LLMCOST_E_RATE_LIMITED);
}

/* What a failed answer used is billed all the same. */
static void a_failure_tells_its_usage(void **state)
{
    (void)state;
    expect_events(&stream, CREATED ENDED("failed", ",\"error\":{\"code\":\"server_error\",\"message\":\"sorry\"}"), LLMCOST_E_SERVER, META_LOG USAGE_LOG);
}

static void a_stream_that_breaks_is_truncated(void **state)
{
    (void)state;
    expect_status(&stream, "", LLMCOST_E_TRUNCATED);
    expect_status(&stream, CREATED PIECE("output_text.delta", "0", ",\"delta\":\"x\""), LLMCOST_E_TRUNCATED);
    expect_status(&stream, CREATED PIECE("output_item.done", "0", ",\"item\":" MESSAGE_ITEM) "data: [DONE]\n\n", LLMCOST_E_TRUNCATED);
}

static void hostile_answers(void **state)
{
    (void)state;
    expect_status(&stream, PIECE("output_text.delta", "-1", ",\"delta\":\"x\""), LLMCOST_E_MALFORMED);
    expect_status(&stream, PIECE("output_text.delta", "99999999999", ",\"delta\":\"x\""), LLMCOST_E_MALFORMED);
    expect_status(&stream, PIECE("output_text.delta", "\"x\"", ",\"delta\":\"x\""), LLMCOST_E_MALFORMED);
    expect_status(&stream, EVENT("response.output_text.delta", ",\"delta\":\"x\""), LLMCOST_E_MALFORMED);
    expect_status(&stream, PIECE("output_text.delta", "8000", ",\"delta\":\"x\"") ENDED("completed", ""), LLMCOST_OK);
    expect_status(&stream, PIECE("output_item.done", "0", ",\"item\":[1]") PIECE("output_item.done", "1", ",\"item\":{\"type\":{\"a\":1},\"content\":\"x\"}")
                  PIECE("output_item.done", "2", "") ENDED("completed", ",\"output\":[1,null,[],{}],\"incomplete_details\":[],\"error\":[]"), LLMCOST_E_SERVER);
    expect_status(&stream, EVENT("response.completed", ",\"response\":null"), LLMCOST_OK);
    expect_status(&whole, "{\"id\":7,\"model\":[],\"service_tier\":5,\"status\":\"completed\",\"output\":[1,{\"type\":\"message\",\"content\":[1,{\"text\":2}]}],\"usage\":[]}", LLMCOST_OK);
    char *deep = malloc(4000);
    memset(deep, '[', 3999);
    deep[3999] = '\0';
    expect_status(&whole, deep, LLMCOST_E_MALFORMED);
    free(deep);
}

static void counts_and_models(void **state)
{
    (void)state;
    replay_how count = { .codec = &llmc_codec_responses, .operation = LLMC_OP_COUNT_TOKENS, .http_status = 200 };
    replay_how list = { .codec = &llmc_codec_responses, .operation = LLMC_OP_LIST_MODELS, .http_status = 200 };
    expect_events(&count, "{\"object\":\"response.input_tokens\",\"input_tokens\":9}", LLMCOST_OK, "USAGE 0 0 0=9 p=9 c=-1 t=-1 cost=-1 flags=1 tier= ||\n");
    expect_status(&count, "{\"input_tokens\":\"many\"}", LLMCOST_E_MALFORMED);
    expect_status(&count, "{\"error\":{\"code\":\"invalid_api_key\"}}", LLMCOST_E_AUTH);
    expect_status(&count, "{", LLMCOST_E_TRUNCATED);
    expect_events(&list, "{\"data\":[{\"id\":\"gpt-5\"}]}", LLMCOST_OK, "MODEL 0 0 |gpt-5|\n");
    expect_decoder_clean_without_memory(&count, "{\"input_tokens\":9}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_small), cmocka_unit_test(each_operation_has_its_envelope), cmocka_unit_test(messages_of_all_kinds),
        cmocka_unit_test(reasoning_goes_back_to_who_can_read_it), cmocka_unit_test(ids_of_others_are_mapped), cmocka_unit_test(tools_and_choices),
        cmocka_unit_test(formats), cmocka_unit_test(sampling_and_limits), cmocka_unit_test(extra_is_merged),
        cmocka_unit_test(what_cannot_be_said_is_refused), cmocka_unit_test(parts_in_wrong_places_are_refused), cmocka_unit_test(what_is_malformed_is_said),
        cmocka_unit_test(a_whole_answer), cmocka_unit_test(a_stream_in_pieces), cmocka_unit_test(a_stream_may_tell_only_the_ends),
        cmocka_unit_test(open_reasoning_is_kept_once), cmocka_unit_test(refusals), cmocka_unit_test(every_end), cmocka_unit_test(costs_are_read),
        cmocka_unit_test(failures), cmocka_unit_test(a_failure_tells_its_usage), cmocka_unit_test(a_stream_that_breaks_is_truncated),
        cmocka_unit_test(hostile_answers), cmocka_unit_test(counts_and_models),
    };
    return cmocka_run_group_tests_name("responses codec", tests, NULL, NULL);
}
