/* The Cohere codec: every field on its way out, every event on its way in. */
#include "../support/decode_check.h"
#include "../support/encode_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const llmcost_message hello[] = { { .role = LLMCOST_USER, .text = "Hello" } };

#define BODY(members) "{\"model\":\"command-a\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]" members "}"

/* ---- encoding ---- */

static void the_envelope(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("cohere", "command-a", false);
    expect_encoded(&target, LLMC_OP_CHAT, &request, "POST", "/v2/chat", BODY(""));
    expect_encoded(&target, LLMC_OP_LIST_MODELS, &request, "GET", "/v1/models?page_size=1000", NULL);
    target.stream = true;
    expect_body(&target, &request, BODY(",\"stream\":true"));
    assert_true(llmc_codec_cohere.has_operation(LLMC_OP_CHAT) && llmc_codec_cohere.has_operation(LLMC_OP_LIST_MODELS) && llmc_codec_cohere.has_operation(LLMC_OP_EMBED));
    assert_false(llmc_codec_cohere.has_operation(LLMC_OP_COUNT_TOKENS) || llmc_codec_cohere.has_operation(LLMC_OP_BALANCE));
    assert_string_equal(llmc_codec_cohere.stream_type, "text/event-stream");
}

static void a_conversation_with_tools(void **state)
{
    (void)state;
    const llmcost_part parts[] = {
        { .type = LLMCOST_PART_TEXT, .text = "See" }, { .type = LLMCOST_PART_IMAGE_URL, .url = "https://example.org/a.png", .detail = "low" },
        { .type = LLMCOST_PART_IMAGE, .data = "\1\2\3\4", .data_bytes = 4, .media_type = "image/png" },
    };
    const llmcost_part pieces[] = { { .type = LLMCOST_PART_TEXT, .text = "a" }, { .type = LLMCOST_PART_TEXT, .text = "b" } };
    const llmcost_part thought[] = {
        { .type = LLMCOST_PART_REASONING, .text = "I will look" }, { .type = LLMCOST_PART_REASONING, .text = "of another", .signature = "c2ln" },
        { .type = LLMCOST_PART_REASONING_HIDDEN, .text = "b64" },
    };
    const llmcost_part said[] = { { .type = LLMCOST_PART_REASONING, .text = "hm" }, { .type = LLMCOST_PART_TEXT, .text = "4 degrees." } };
    const llmcost_tool_call calls[] = { { .id = "t1", .name = "weather", .arguments = "{\"city\":\"Oslo\"}" }, { .id = "t2", .name = "map", .arguments = "" } }, more[] = { { .id = "t3", .name = "time", .arguments = "{}" } };
    const llmcost_message messages[] = {
        { .role = LLMCOST_SYSTEM, .text = "Be brief.", .cache_mark = 1 },
        { .role = LLMCOST_USER, .parts = parts, .part_count = 3 },
        { .role = LLMCOST_ASSISTANT, .parts = thought, .part_count = 3, .tool_calls = calls, .tool_call_count = 2 },
        { .role = LLMCOST_TOOL, .tool_call_id = "t1", .text = "no", .is_error = 1, .name = "weather" },
        { .role = LLMCOST_TOOL, .tool_call_id = "t2", .parts = pieces, .part_count = 2 },
        { .role = LLMCOST_ASSISTANT, .text = "And", .tool_calls = more, .tool_call_count = 1 },
        { .role = LLMCOST_TOOL, .tool_call_id = "t3" },
        { .role = LLMCOST_ASSISTANT, .parts = said, .part_count = 2 },
        { .role = LLMCOST_USER, .parts = pieces, .part_count = 2 },
    };
    llmcost_request request = request_of(messages, 9);
    llmc_codec_target target = target_of("cohere", "command-a", false);
    expect_body(&target, &request,
                "{\"model\":\"command-a\",\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},"
                "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"See\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://example.org/a.png\",\"detail\":\"low\"}},"
                "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AQIDBA==\"}}]},"
                "{\"role\":\"assistant\",\"tool_plan\":\"I will look\",\"tool_calls\":[{\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"weather\",\"arguments\":\"{\\\"city\\\":\\\"Oslo\\\"}\"}},"
                "{\"id\":\"t2\",\"type\":\"function\",\"function\":{\"name\":\"map\",\"arguments\":\"{}\"}}]},"
                "{\"role\":\"tool\",\"tool_call_id\":\"t1\",\"content\":\"Error:\\nno\"},{\"role\":\"tool\",\"tool_call_id\":\"t2\",\"content\":\"a\\nb\"},"
                "{\"role\":\"assistant\",\"content\":\"And\",\"tool_calls\":[{\"id\":\"t3\",\"type\":\"function\",\"function\":{\"name\":\"time\",\"arguments\":\"{}\"}}]},"
                "{\"role\":\"tool\",\"tool_call_id\":\"t3\",\"content\":\"\"},{\"role\":\"assistant\",\"content\":\"4 degrees.\"},{\"role\":\"user\",\"content\":\"a\\nb\"}]}");
    expect_clean_without_memory(&target, &request);
}

static const llmcost_tool tools[] = { { .name = "weather", .description = "What it is like", .parameters = "{\"type\":\"object\"}", .strict = 1 }, { .name = "now" } };
#define TOOL1 ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"description\":\"What it is like\",\"parameters\":{\"type\":\"object\"}}}],\"strict_tools\":true"
#define TOOL2 ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"now\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}}]"

static void tools_and_choices(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("cohere", "command-a", false);
    request.tools = tools;
    request.tool_count = 1;
    expect_body(&target, &request, BODY(TOOL1));
    request.tool_count = 2;
    expect_unsupported(&target, &request, "strict");
    request.tools = tools + 1;
    request.tool_count = 1;
    request.parallel_tool_calls = LLMCOST_ON;
    expect_body(&target, &request, BODY(TOOL2));
    request.tool_choice = LLMCOST_TOOLS_REQUIRED;
    expect_body(&target, &request, BODY(TOOL2 ",\"tool_choice\":\"REQUIRED\""));
    request.tool_choice = LLMCOST_TOOLS_NONE;
    expect_body(&target, &request, BODY(TOOL2 ",\"tool_choice\":\"NONE\""));
    request.tool_choice = LLMCOST_TOOLS_ONE;
    request.tool_choice_name = "now";
    expect_unsupported(&target, &request, "tool_choice");
    request.tool_choice = LLMCOST_TOOLS_AUTO;
    request.parallel_tool_calls = LLMCOST_OFF;
    expect_unsupported(&target, &request, "parallel_tool_calls");
    request.parallel_tool_calls = LLMCOST_DEFAULT;
    request.format = LLMCOST_FORMAT_JSON;
    expect_unsupported(&target, &request, "format");
    request.format = LLMCOST_FORMAT_TEXT;
    request.tool_count = 0;
    request.tool_choice = LLMCOST_TOOLS_NONE;
    expect_body(&target, &request, BODY(""));
    request.tool_choice = LLMCOST_TOOLS_REQUIRED;
    expect_invalid(&target, &request, "tool_choice");
}

static void numbers_and_names(void **state)
{
    (void)state;
    static const char *const stop[] = { "END", "1", "2", "3", "4", "5" };
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("cohere", "command-a", false);
    request.max_tokens = 100;
    request.has_temperature = request.has_top_p = request.has_seed = request.logprobs = 1;
    request.temperature = 0;
    request.top_p = 0.5;
    request.seed = 7;
    request.stop = stop;
    request.stop_count = 2;
    request.extra = "{\"k\":5,\"documents\":[],\"safety_mode\":\"OFF\"}";
    expect_body(&target, &request, BODY(",\"max_tokens\":100,\"temperature\":0.0,\"p\":0.5,\"stop_sequences\":[\"END\",\"1\"],\"seed\":7,\"logprobs\":true,\"k\":5,\"documents\":[],\"safety_mode\":\"OFF\""));
    expect_clean_without_memory(&target, &request);
    static const char *const taken[] = { "{\"max_tokens\":1}", "{\"p\":1}", "{\"messages\":[]}", "{\"stream\":false}", "{\"seed\":1}" };
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        request.extra = taken[i];
        expect_invalid(&target, &request, "extra repeats");
    }
    request = request_of(hello, 1);
    request.has_top_p = 1;
    request.top_p = 1;
    expect_body(&target, &request, BODY(",\"p\":0.99"));
    request.top_p = 0;
    expect_body(&target, &request, BODY(",\"p\":0.01"));
    request.stop = stop;
    request.stop_count = 6;
    expect_unsupported(&target, &request, "stop");
}

static void formats_and_thinking(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("cohere", "command-a", false);
    request.format = LLMCOST_FORMAT_JSON;
    expect_body(&target, &request, BODY(",\"response_format\":{\"type\":\"json_object\"}"));
    request.format = LLMCOST_FORMAT_JSON_SCHEMA;
    request.format_schema = "{\"type\":\"object\"}";
    request.format_name = "n";
    request.format_strict = 1;
    expect_body(&target, &request, BODY(",\"response_format\":{\"type\":\"json_object\",\"json_schema\":{\"type\":\"object\"}}"));
    request.format_schema = "[";
    expect_invalid(&target, &request, "format_schema");
    request.format = LLMCOST_FORMAT_TEXT;
#define THINK(budget) BODY(",\"thinking\":{\"type\":\"enabled\"" budget "}")
    static const struct { int effort; const char *body; } efforts[] = {
        { LLMCOST_EFFORT_NONE, BODY(",\"thinking\":{\"type\":\"disabled\"}") }, { LLMCOST_EFFORT_LOW, THINK(",\"token_budget\":1024") },
        { LLMCOST_EFFORT_MEDIUM, THINK(",\"token_budget\":4096") }, { LLMCOST_EFFORT_HIGH, THINK(",\"token_budget\":16384") },
        { LLMCOST_EFFORT_XHIGH, THINK(",\"token_budget\":32768") }, { LLMCOST_EFFORT_MAX, THINK("") },
    };
    for (size_t i = 0; i < sizeof efforts / sizeof efforts[0]; i++) {
        request.effort = efforts[i].effort;
        expect_body(&target, &request, efforts[i].body);
    }
    request.thinking_budget_tokens = 500;
    expect_body(&target, &request, THINK(",\"token_budget\":500"));
    request.effort = LLMCOST_EFFORT_NONE;
    expect_body(&target, &request, BODY(",\"thinking\":{\"type\":\"disabled\"}"));
    request.effort = LLMCOST_EFFORT_DEFAULT;
    expect_body(&target, &request, THINK(",\"token_budget\":500"));
    request.thinking_budget_tokens = 0;
    request.effort = LLMCOST_EFFORT_HIGH;
    request.max_tokens = 1000;
    expect_body(&target, &request, BODY(",\"max_tokens\":1000,\"thinking\":{\"type\":\"enabled\",\"token_budget\":500}"));
    request.effort = LLMCOST_EFFORT_MINIMAL;
    expect_unsupported(&target, &request, "effort");
}

static void embeddings_are_asked_for(void **state)
{
    (void)state;
    static const char *const inputs[] = { "one", "two and more" };
    static const size_t bytes[] = { 3, 3 };
    static const char *const purposes[] = { "search_document", "search_document", "search_query", "classification", "clustering" };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    llmc_codec_target target = target_of("cohere", "embed-v4.0", false);
    request.inputs = inputs;
    request.input_count = 2;
    for (int i = 0; i < 5; i++) {
        char body[300];
        snprintf(body, sizeof body, "{\"model\":\"embed-v4.0\",\"texts\":[\"one\",\"two and more\"],\"input_type\":\"%s\",\"embedding_types\":[\"float\"]}", purposes[i]);
        request.input_purpose = i;
        expect_encoded(&target, LLMC_OP_EMBED, &request, "POST", "/v2/embed", body);
    }
    request.input_purpose = LLMCOST_INPUT_QUERY;
    request.input_bytes = bytes;
    request.dimensions = 256;
    request.extra = "{\"truncate\":\"NONE\"}";
    expect_encoded(&target, LLMC_OP_EMBED, &request, "POST", "/v2/embed",
                   "{\"model\":\"embed-v4.0\",\"texts\":[\"one\",\"two\"],\"input_type\":\"search_query\",\"embedding_types\":[\"float\"],\"output_dimension\":256,\"truncate\":\"NONE\"}");
}

static void what_it_cannot_do_is_said(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("cohere", "command-a", false);
    request.n = 2;
    expect_unsupported(&target, &request, "n");
    request.n = 1;
    request.end_user = "u";
    expect_unsupported(&target, &request, "end_user");
    request.end_user = NULL;
    request.logprobs = 1;
    request.top_logprobs = 1;
    expect_unsupported(&target, &request, "top_logprobs");
    request = request_of(hello, 1);
    static const llmcost_part parts[] = {
        { .type = LLMCOST_PART_AUDIO, .data = "x", .data_bytes = 1, .media_type = "audio/wav" }, { .type = LLMCOST_PART_DOCUMENT, .data = "x", .data_bytes = 1 },
        { .type = LLMCOST_PART_IMAGE_URL, .url = "https://example.org/a.png" },
    };
    static const char *const fields[] = { "messages[0] audio", "messages[0] document", "messages[0] image" };
    for (size_t i = 0; i < 3; i++) {
        const llmcost_message message = { .role = i == 2 ? LLMCOST_TOOL : LLMCOST_USER, .parts = &parts[i], .part_count = 1 };
        request.messages = &message;
        expect_unsupported(&target, &request, fields[i]);
    }
    const llmcost_message named = { .role = LLMCOST_USER, .text = "x", .name = "ann" };
    request.messages = &named;
    expect_unsupported(&target, &request, "messages[0].name");
}

static void what_is_malformed_is_named(void **state)
{
    (void)state;
    llmc_codec_target target = target_of("cohere", "command-a", false);
    llmcost_tool_call call = { .id = "c", .name = "f", .arguments = "{" };
    llmcost_part part = { .type = LLMCOST_PART_IMAGE_URL };
    llmcost_tool tool = { .name = "f", .parameters = "{" };
    llmcost_message message = { .role = LLMCOST_ASSISTANT, .tool_calls = &call, .tool_call_count = 1 };
    llmcost_request request = request_of(&message, 1);
    expect_invalid(&target, &request, "messages[0].tool_calls[0].arguments");
    call = (llmcost_tool_call){ .id = "c", .name = NULL, .arguments = "{}" };
    expect_invalid(&target, &request, "messages[0].tool_calls[0]");
    message = (llmcost_message){ .role = LLMCOST_TOOL, .text = "x" };
    expect_invalid(&target, &request, "messages[0].tool_call_id");
    message = (llmcost_message){ .role = LLMCOST_USER, .parts = &part, .part_count = 1 };
    expect_invalid(&target, &request, "messages[0].parts[0].url");
    part = (llmcost_part){ .type = LLMCOST_PART_IMAGE, .data = "x", .data_bytes = 1 };
    expect_invalid(&target, &request, "messages[0].parts[0]");
    part = (llmcost_part){ .type = 77 };
    expect_invalid(&target, &request, "messages[0].parts[0].type");
    message = (llmcost_message){ .role = 9 };
    expect_invalid(&target, &request, "messages[0].role");
    request.messages = hello;
    request.tools = &tool;
    request.tool_count = 1;
    expect_invalid(&target, &request, "tools[0].parameters");
    request.tool_count = 0;
    request.extra = "7";
    expect_invalid(&target, &request, "extra is no JSON object");
}

/* ---- decoding ---- */

static const replay_how whole = { .codec = &llmc_codec_cohere };
static const replay_how stream = { .codec = &llmc_codec_cohere, .stream = true };

static const char full_body[] =
    "{\"usage\":{\"billed_units\":{\"input_tokens\":51.0,\"output_tokens\":65.2,\"search_units\":1},\"tokens\":{\"input_tokens\":267,\"output_tokens\":91,\"reasoning_tokens\":58},\"cached_tokens\":144},"
    "\"finish_reason\":\"TOOL_CALL\",\"logprobs\":[{\"text\":\"Sn\\u00f6\",\"token_ids\":[1,2],\"logprobs\":[-0.5,-0.25]},{\"text\":\"w\",\"token_ids\":[3],\"logprobs\":[-1]}],"
    "\"message\":{\"citations\":[{\"start\":0,\"end\":4}],\"tool_calls\":[{\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}],\"tool_plan\":\"I will look\",\"role\":\"assistant\","
    "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\"},{\"type\":\"text\",\"text\":\"Snow \\ud83d\\ude00\"},{\"type\":\"text\",\"text\":\"!\"}]},\"id\":\"c1\"}";

static void a_whole_answer(void **state)
{
    (void)state;
    expect_events(&whole, full_body, LLMCOST_OK,
                  "META 0 0 |c1|\n" "REASONING 0 0 |I will look|\n" "REASONING 0 0 |hm|\n" "TEXT 0 0 |Snow \xf0\x9f\x98\x80|\n" "TEXT 0 0 |!|\n"
                  "TOOL_CALL 0 0 id=t1 name=f ||\n" "TOOL_ARGUMENTS 0 0 |{\"a\":1}|\n" "TOOL_CALL 0 1 id=call_0_1 name=g ||\n" "TOOL_ARGUMENTS 0 1 |{}|\n"
                  "EXTRA 0 0 id= name=citations |[{\"start\":0,\"end\":4}]|\n"
                  "LOGPROBS 0 0 |[{\"token\":\"Sn\\u00f6\",\"logprob\":-0.75,\"bytes\":null,\"top_logprobs\":[]}]|\n"
                  "LOGPROBS 0 0 |[{\"token\":\"w\",\"logprob\":-1.0,\"bytes\":null,\"top_logprobs\":[]}]|\n"
                  "FINISH 0 0 finish=3 TOOL_CALL ||\n" "USAGE 0 0 0=51 5=66 p=51 c=66 t=-1 cost=-1 flags=1 tier= ||\n");
    expect_decoder_clean_without_memory(&whole, full_body);
    expect_stoppable(&whole, full_body);
}

#define EVENT(type, members) "event: " type "\ndata: {\"type\":\"" type "\"," members "}\n\n"
#define MESSAGE(type, members) EVENT(type, "\"index\":0,\"delta\":{\"message\":{" members "}}")
#define START "event: message-start\ndata: {\"id\":\"c1\",\"type\":\"message-start\",\"delta\":{\"message\":{\"role\":\"assistant\",\"content\":[],\"tool_plan\":\"\",\"tool_calls\":[],\"citations\":[]}}}\n\n"
#define TEXT(text) MESSAGE("content-delta", "\"content\":{\"text\":\"" text "\"}")
#define END(reason) EVENT("message-end", "\"delta\":{\"finish_reason\":\"" reason "\",\"usage\":{\"billed_units\":{\"input_tokens\":9,\"output_tokens\":4},\"tokens\":{\"input_tokens\":75,\"output_tokens\":6}}}")
#define USAGE "USAGE 0 0 0=9 5=4 p=9 c=4 t=-1 cost=-1 flags=1 tier= ||\n"
#define META "META 0 0 |c1|\n"

static const char full_stream[] =
    START
    MESSAGE("tool-plan-delta", "\"tool_plan\":\"I \\ud83d\"") MESSAGE("tool-plan-delta", "\"tool_plan\":\"\\ude00\"")
    MESSAGE("content-start", "\"content\":{\"type\":\"thinking\",\"thinking\":\"\"}") MESSAGE("content-delta", "\"content\":{\"thinking\":\"hm\"}") EVENT("content-end", "\"index\":0")
    MESSAGE("content-start", "\"content\":{\"type\":\"text\",\"text\":\"Sn\"}") TEXT("ow \\ud83d") TEXT("\\ude00!") TEXT("\\ud83d") EVENT("content-end", "\"index\":1")
    "data: {\"delta\":{\"message\":{\"content\":{\"text\":\"x\"}}},\"logprobs\":{\"text\":\"x\",\"token_ids\":[1],\"logprobs\":[-0.5]},\"index\":1,\"type\":\"content-delta\"}\r\n\r\n"
    "event: content-delta\ndata: {\"delta\":{\"message\":{\"content\":{\"text\":\"y\"}}}}\n\n"
    EVENT("citation-start", "\"index\":0,\"delta\":{\"message\":{\"citations\":{\"start\":0,\"end\":4}}}") EVENT("citation-end", "\"index\":0")
    MESSAGE("tool-call-start", "\"tool_calls\":{\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}")
    MESSAGE("tool-call-delta", "\"tool_calls\":{\"function\":{\"arguments\":\"{\\\"a\\\"\"}}") MESSAGE("tool-call-delta", "\"tool_calls\":{\"function\":{\"arguments\":\":1}\"}}")
    EVENT("tool-call-end", "\"index\":0")
    EVENT("tool-call-start", "\"index\":1,\"delta\":{\"message\":{\"tool_calls\":{\"id\":\"t2\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}}}") EVENT("tool-call-end", "\"index\":1")
    EVENT("something-new", "\"x\":[1]") END("TOOL_CALL") "data: [DONE]\n\n";

static void a_streamed_answer(void **state)
{
    (void)state;
    expect_events(&stream, full_stream, LLMCOST_OK,
                  META "REASONING 0 0 |I |\n" "REASONING 0 0 |\xf0\x9f\x98\x80|\n" "REASONING 0 0 |hm|\n" "TEXT 0 0 |Sn|\n" "TEXT 0 0 |ow |\n" "TEXT 0 0 |\xf0\x9f\x98\x80!|\n"
                  "TEXT 0 0 |\xef\xbf\xbd|\n" "TEXT 0 0 |x|\n" "LOGPROBS 0 0 |[{\"token\":\"x\",\"logprob\":-0.5,\"bytes\":null,\"top_logprobs\":[]}]|\n" "TEXT 0 0 |y|\n"
                  "EXTRA 0 0 id= name=citations |{\"start\":0,\"end\":4}|\n" "TOOL_CALL 0 0 id=t1 name=f ||\n" "TOOL_ARGUMENTS 0 0 |{\"a\"|\n" "TOOL_ARGUMENTS 0 0 |:1}|\n"
                  "TOOL_CALL 0 1 id=t2 name=g ||\n" "TOOL_ARGUMENTS 0 1 |{}|\n" "FINISH 0 0 finish=3 TOOL_CALL ||\n" USAGE);
    expect_decoder_clean_without_memory(&stream, full_stream);
    expect_stoppable(&stream, full_stream);
}

static void finish_reasons(void **state)
{
    (void)state;
    static const struct { const char *word; int finish; } words[] = {
        { "COMPLETE", 1 }, { "STOP_SEQUENCE", 1 }, { "MAX_TOKENS", 2 }, { "TOOL_CALL", 3 }, { "ERROR", 7 }, { "TIMEOUT", 7 }, { "WHAT_IS_THIS", 1 },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        char body[300], log[300];
        snprintf(body, sizeof body, "{\"id\":\"c1\",\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"x\"}]},\"finish_reason\":\"%s\"}", words[i].word);
        snprintf(log, sizeof log, META "TEXT 0 0 |x|\nFINISH 0 0 finish=%d %s ||\n", words[i].finish, words[i].word);
        expect_events(&whole, body, LLMCOST_OK, log);
    }
    /* tool calls present win over a stop */
    expect_events(&stream, START MESSAGE("tool-call-start", "\"tool_calls\":{\"id\":\"t\",\"function\":{\"name\":\"f\"}}") END("COMPLETE"), LLMCOST_OK,
                  META "TOOL_CALL 0 0 id=t name=f ||\nTOOL_ARGUMENTS 0 0 |{}|\nFINISH 0 0 finish=3 COMPLETE ||\n" USAGE);
}

/* What is billed counts, as whole numbers; what the host put around it does not. */
static void what_is_billed(void **state)
{
    (void)state;
#define BILL(units) "{\"id\":\"c1\",\"message\":{\"content\":null},\"finish_reason\":\"COMPLETE\",\"usage\":" units "}"
#define BILLED(figures) META "FINISH 0 0 finish=1 COMPLETE ||\n" figures
    expect_events(&whole, BILL("{\"billed_units\":{\"input_tokens\":10,\"output_tokens\":0.0},\"tokens\":{\"input_tokens\":505},\"cached_tokens\":480}"), LLMCOST_OK,
                  BILLED("USAGE 0 0 0=10 5=0 p=10 c=0 t=-1 cost=-1 flags=1 tier= ||\n"));
    expect_events(&whole, BILL("{\"billed_units\":{\"input_tokens\":10.01,\"output_tokens\":3e2}}"), LLMCOST_OK, BILLED("USAGE 0 0 0=11 5=300 p=11 c=300 t=-1 cost=-1 flags=1 tier= ||\n"));
    expect_events(&whole, BILL("{\"billed_units\":{\"input_tokens\":-1,\"output_tokens\":1e300}}"), LLMCOST_OK, BILLED(""));
    expect_events(&whole, BILL("{\"billed_units\":{\"input_tokens\":null,\"output_tokens\":\"4\"}}"), LLMCOST_OK, BILLED(""));
    expect_events(&whole, BILL("{\"billed_units\":null,\"tokens\":{\"input_tokens\":505,\"output_tokens\":6}}"), LLMCOST_OK, BILLED(""));
    expect_events(&whole, BILL("[1]"), LLMCOST_OK, BILLED(""));
}

static void failures_and_ends(void **state)
{
    (void)state;
    expect_events(&stream, START TEXT("x") EVENT("message-end", "\"delta\":{\"finish_reason\":\"ERROR\",\"error\":\"something went wrong\",\"usage\":{\"billed_units\":{\"input_tokens\":9,\"output_tokens\":4}}}"),
                  LLMCOST_E_SERVER, META "TEXT 0 0 |x|\n" USAGE);
    expect_events(&stream, START "data: {\"id\":\"e\",\"message\":\"too many tokens: shorten\"}\n\n", LLMCOST_E_CONTEXT_LENGTH, META);
    expect_events(&stream, START "event: error\ndata: {\"message\":\"no\"}\n\n", LLMCOST_E_SERVER, META);
    expect_status(&whole, "{\"id\":\"e\",\"message\":\"no\"}", LLMCOST_E_SERVER);
    expect_status(&stream, START TEXT("x"), LLMCOST_E_TRUNCATED);
    expect_status(&stream, START TEXT("x") EVENT("content-end", "\"index\":0"), LLMCOST_E_TRUNCATED);
    expect_status(&stream, "", LLMCOST_E_TRUNCATED);
    expect_status(&whole, "", LLMCOST_E_TRUNCATED);
    expect_status(&stream, START TEXT("x") "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\"}}", LLMCOST_OK);
    expect_status(&stream, "data: {\"type\":\n\n", LLMCOST_E_MALFORMED);
    expect_status(&stream, "data: [1]\n\n" START TEXT("x") END("COMPLETE"), LLMCOST_OK);
    expect_status(&whole, "<html>", LLMCOST_E_MALFORMED);
    expect_status(&whole, "{}", LLMCOST_E_MALFORMED);
    static const struct { int32_t http; const char *body; llmcost_status status; } refusals[] = {
        { 400, "{\"message\":\"invalid request\"}", LLMCOST_E_INVALID_REQUEST }, { 400, "{\"error_type\":\"X\",\"message\":\"too many tokens: size limit exceeded\"}", LLMCOST_E_CONTEXT_LENGTH },
        { 401, "{\"message\":\"invalid api token\"}", LLMCOST_E_AUTH }, { 402, "{\"message\":\"pay\"}", LLMCOST_E_QUOTA }, { 403, "{\"message\":\"m\"}", LLMCOST_E_PERMISSION },
        { 404, "{\"message\":\"model 'x' not found\"}", LLMCOST_E_NOT_FOUND }, { 422, "{\"message\":\"m\"}", LLMCOST_E_INVALID_REQUEST }, { 429, "{\"message\":\"trial key: 20 calls a minute\"}", LLMCOST_E_RATE_LIMITED },
        { 498, "{\"message\":\"invalid token\"}", LLMCOST_E_AUTH }, { 498, "", LLMCOST_E_AUTH }, { 499, "{\"message\":\"m\"}", LLMCOST_E_CANCELLED }, { 500, "{\"message\":\"m\"}", LLMCOST_E_SERVER },
        { 503, "{\"message\":\"m\"}", LLMCOST_E_OVERLOADED }, { 504, "{\"message\":\"m\"}", LLMCOST_E_SERVER_TIMEOUT },
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const replay_how refused = { .codec = &llmc_codec_cohere, .http_status = refusals[i].http };
        replay r;
        expect_status(&refused, refusals[i].body, refusals[i].status);
        replay_whole(&r, &refused, refusals[i].body, strlen(refusals[i].body));
        assert_int_equal(r.error.http_status, refusals[i].http);
        replay_free(&r);
    }
}

static void hostile_answers(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"message\":{\"content\":\"text\",\"tool_plan\":7,\"tool_calls\":{\"a\":1},\"citations\":\"[1\"},\"id\":7,\"finish_reason\":[]}",
        "{\"message\":{\"content\":[7,null,[],{\"text\":{\"a\":1}},{\"thinking\":[1]}],\"tool_calls\":[7,null,{},{\"function\":\"x\"},{\"id\":1,\"function\":{\"name\":2,\"arguments\":{\"a\":1}}}]}}",
        ("{\"message\":{\"content\":[{\"text\":\"\\ud83d\"}],\"tool_plan\":\"\\ud83d\",\"tool_calls\":[{\"id\":\"\\u0000\",\"function\":{\"name\":\"\\ud83d\",\"arguments\":\"\\ud83d\"}}]},"
        "\"logprobs\":[{\"text\":{\"a\":\"b\"},\"logprobs\":[1]},{\"text\":\"x\",\"logprobs\":[null]},{\"text\":\"x\",\"logprobs\":7},7]}"),
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        expect_status(&whole, bodies[i], LLMCOST_OK);
        expect_decoder_clean_without_memory(&whole, bodies[i]);
    }
    expect_events(&whole, bodies[2], LLMCOST_OK,
                  "META 0 0 ||\nREASONING 0 0 |\xef\xbf\xbd|\nTEXT 0 0 |\xef\xbf\xbd|\nTOOL_CALL 0 0 id= name=??? ||\nTOOL_ARGUMENTS 0 0 |\xef\xbf\xbd|\nFINISH 0 0 finish=3  ||\n");
    static const char *const events[] = {
        MESSAGE("tool-call-delta", "\"tool_calls\":{\"function\":{\"arguments\":\"{\"}}"), /* of a call that never began */
        EVENT("tool-call-end", "\"index\":99999999"), EVENT("tool-call-end", "\"index\":-1"), EVENT("tool-call-end", "\"index\":\"x\""), EVENT("content-delta", "\"delta\":7"),
        EVENT("content-delta", "\"delta\":{\"message\":\"x\"}"), EVENT("tool-call-start", "\"index\":1e18,\"delta\":{\"message\":{\"tool_calls\":{\"function\":{\"name\":\"f\"}}}}"),
        EVENT("citation-start", "\"delta\":{\"message\":{\"citations\":7}}"), EVENT("message-start", "\"delta\":null"),
    };
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        char body[1000];
        snprintf(body, sizeof body, "%s%s%s", START, events[i], END("COMPLETE"));
        expect_status(&stream, body, LLMCOST_OK);
    }
    char deep[2100];
    memset(deep, '[', sizeof deep);
    memcpy(deep, "{\"message\":", 11);
    deep[sizeof deep - 1] = '\0';
    expect_status(&whole, deep, LLMCOST_E_MALFORMED);
}

static void too_many_tools(void **state)
{
    (void)state;
    size_t room = 1100 * 60;
    char *body = malloc(room);
    size_t length = (size_t)snprintf(body, room, "{\"message\":{\"tool_calls\":[");
    for (int i = 0; i < 1025; i++)
        length += (size_t)snprintf(body + length, room - length, "%s{\"function\":{\"name\":\"f\"}}", i ? "," : "");
    snprintf(body + length, room - length, "]}}");
    replay r;
    replay_whole(&r, &whole, body, strlen(body));
    assert_int_equal(r.status, LLMCOST_E_MALFORMED);
    assert_int_equal(r.tool_calls, 1024);
    replay_free(&r);
    free(body);
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

static void lists_of_models(void **state)
{
    (void)state;
    const replay_how list = { .codec = &llmc_codec_cohere, .operation = LLMC_OP_LIST_MODELS };
    expect_events(&list, "{\"models\":[{\"name\":\"command-a-03-2025\",\"endpoints\":[\"chat\"],\"finetuned\":false},{\"name\":\"embed-v4.0\"}],\"next_page_token\":null}", LLMCOST_OK,
                  "MODEL 0 0 |command-a-03-2025|\nMODEL 0 0 |embed-v4.0|\n");
    expect_status(&list, "{\"message\":\"no\"}", LLMCOST_E_SERVER);
}

static void embeddings_come(void **state)
{
    (void)state;
    const replay_how embed = { .codec = &llmc_codec_cohere, .operation = LLMC_OP_EMBED };
    static const char body[] = "{\"id\":\"c1\",\"texts\":[\"a\",\"b\"],\"embeddings\":{\"int8\":[[1]],\"float\":[[0.5,-1e-3,0],[1,2,3]]},\"meta\":{\"api_version\":{\"version\":\"2\"},\"billed_units\":{\"input_tokens\":4.0}}}";
    expect_events(&embed, body, LLMCOST_OK, META "EMBEDDING 0 0 |0.5 -0.00100000005 0|\nEMBEDDING 1 0 |1 2 3|\nUSAGE 0 0 0=4 p=4 c=-1 t=-1 cost=-1 flags=1 tier= ||\n");
    expect_decoder_clean_without_memory(&embed, body);
    expect_stoppable(&embed, body);
    expect_events(&embed, "{\"id\":\"c1\",\"embeddings\":[[1]]}", LLMCOST_OK, META "EMBEDDING 0 0 |1|\n");
    expect_status(&embed, "{\"embeddings\":{\"int8\":[[1]]}}", LLMCOST_E_MALFORMED);
    expect_status(&embed, "{\"embeddings\":{\"float\":[[null]]}}", LLMCOST_E_MALFORMED);
    expect_status(&embed, "{\"embeddings\":7}", LLMCOST_E_MALFORMED);
    expect_status(&embed, "{\"message\":\"no\"}", LLMCOST_E_SERVER);
    expect_status(&embed, "{}", LLMCOST_E_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_envelope), cmocka_unit_test(a_conversation_with_tools), cmocka_unit_test(tools_and_choices), cmocka_unit_test(numbers_and_names),
        cmocka_unit_test(formats_and_thinking), cmocka_unit_test(embeddings_are_asked_for), cmocka_unit_test(what_it_cannot_do_is_said),
        cmocka_unit_test(what_is_malformed_is_named), cmocka_unit_test(a_whole_answer), cmocka_unit_test(a_streamed_answer), cmocka_unit_test(finish_reasons),
        cmocka_unit_test(what_is_billed), cmocka_unit_test(failures_and_ends), cmocka_unit_test(hostile_answers), cmocka_unit_test(too_many_tools),
        cmocka_unit_test(cut_answers), cmocka_unit_test(lists_of_models), cmocka_unit_test(embeddings_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
