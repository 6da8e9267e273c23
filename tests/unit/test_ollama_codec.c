/* The Ollama codec: every field on its way out, every line on its way in. */
#include "../support/decode_check.h"
#include "../support/encode_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const llmcost_message hello[] = { { .role = LLMCOST_USER, .text = "Hello" } };

#define HELLO "{\"model\":\"qwen3\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],\"stream\":false"
#define BODY(members) HELLO members "}"

/* ---- encoding ---- */

static void the_envelope(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("ollama", "qwen3", false);
    expect_encoded(&target, LLMC_OP_CHAT, &request, "POST", "/api/chat", BODY(""));
    expect_encoded(&target, LLMC_OP_LIST_MODELS, &request, "GET", "/api/tags", NULL);
    target.stream = true;
    expect_body(&target, &request, "{\"model\":\"qwen3\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],\"stream\":true}");
    assert_true(llmc_codec_ollama.has_operation(LLMC_OP_CHAT) && llmc_codec_ollama.has_operation(LLMC_OP_LIST_MODELS) && llmc_codec_ollama.has_operation(LLMC_OP_EMBED));
    assert_false(llmc_codec_ollama.has_operation(LLMC_OP_COUNT_TOKENS) || llmc_codec_ollama.has_operation(LLMC_OP_BALANCE));
    assert_string_equal(llmc_codec_ollama.stream_type, "application/x-ndjson");
    assert_ptr_equal(llmc_codec_ollama.stream_framing, &llmc_framing_ndjson);
}

static void a_conversation_with_tools(void **state)
{
    (void)state;
    const llmcost_part parts[] = {
        { .type = LLMCOST_PART_TEXT, .text = "See" }, { .type = LLMCOST_PART_IMAGE, .data = "\1\2\3\4", .data_bytes = 4, .media_type = "image/png" },
        { .type = LLMCOST_PART_IMAGE_URL, .url = "data:image/webp;base64,AAAA", .detail = "auto" }, { .type = LLMCOST_PART_TEXT, .text = "and say" },
    };
    const llmcost_part thought[] = {
        { .type = LLMCOST_PART_REASONING, .text = "hm" }, { .type = LLMCOST_PART_REASONING, .text = "of another", .signature = "c2ln" },
        { .type = LLMCOST_PART_REASONING_HIDDEN, .text = "b64" }, { .type = LLMCOST_PART_TEXT, .text = "Looking" },
    };
    const llmcost_part said[] = { { .type = LLMCOST_PART_REASONING, .text = "hm" }, { .type = LLMCOST_PART_TEXT, .text = "4 degrees." } };
    const llmcost_part result[] = { { .type = LLMCOST_PART_TEXT, .text = "a" }, { .type = LLMCOST_PART_TEXT, .text = "b" } };
    const llmcost_tool_call first[] = { { .id = "t1", .name = "weather", .arguments = "{\"city\":\"Oslo\"}" }, { .id = "t2", .name = "map", .arguments = "" } }, again[] = { { .id = "t1", .name = "time", .arguments = "{}" } };
    const llmcost_message messages[] = {
        { .role = LLMCOST_SYSTEM, .text = "Be brief.", .cache_mark = 1 },
        { .role = LLMCOST_USER, .parts = parts, .part_count = 4 },
        { .role = LLMCOST_ASSISTANT, .parts = thought, .part_count = 4, .tool_calls = first, .tool_call_count = 2 },
        { .role = LLMCOST_TOOL, .tool_call_id = "t1", .text = "no", .is_error = 1 },
        { .role = LLMCOST_TOOL, .tool_call_id = "t2", .parts = result, .part_count = 2 },
        { .role = LLMCOST_ASSISTANT, .tool_calls = again, .tool_call_count = 1 },
        { .role = LLMCOST_TOOL, .tool_call_id = "t1", .text = "noon" }, /* the latest call of this id */
        { .role = LLMCOST_TOOL, .tool_call_id = "gone", .text = "x" },
        { .role = LLMCOST_TOOL, .tool_call_id = "gone", .name = "told", .text = "y" },
        { .role = LLMCOST_ASSISTANT, .parts = said, .part_count = 2 },
        { .role = LLMCOST_USER },
    };
    llmcost_request request = request_of(messages, 11);
    llmc_codec_target target = target_of("ollama", "qwen3", false);
    expect_body(&target, &request,
                "{\"model\":\"qwen3\",\"stream\":false,\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},"
                "{\"role\":\"user\",\"content\":\"See\\nand say\",\"images\":[\"AQIDBA==\",\"AAAA\"]},"
                "{\"role\":\"assistant\",\"content\":\"Looking\",\"thinking\":\"hm\",\"tool_calls\":[{\"id\":\"t1\",\"function\":{\"name\":\"weather\",\"arguments\":{\"city\":\"Oslo\"}}},"
                "{\"id\":\"t2\",\"function\":{\"name\":\"map\",\"arguments\":{}}}]},"
                "{\"role\":\"tool\",\"tool_name\":\"weather\",\"tool_call_id\":\"t1\",\"content\":\"Error:\\nno\"},"
                "{\"role\":\"tool\",\"tool_name\":\"map\",\"tool_call_id\":\"t2\",\"content\":\"a\\nb\"},"
                "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"t1\",\"function\":{\"name\":\"time\",\"arguments\":{}}}]},"
                "{\"role\":\"tool\",\"tool_name\":\"time\",\"tool_call_id\":\"t1\",\"content\":\"noon\"},"
                "{\"role\":\"tool\",\"tool_call_id\":\"gone\",\"content\":\"x\"},{\"role\":\"tool\",\"tool_name\":\"told\",\"tool_call_id\":\"gone\",\"content\":\"y\"},"
                "{\"role\":\"assistant\",\"content\":\"4 degrees.\"},{\"role\":\"user\",\"content\":\"\"}]}");
    expect_clean_without_memory(&target, &request);
}

static const llmcost_tool tools[] = { { .name = "weather", .description = "What it is like", .parameters = "{\"type\":\"object\"}", .strict = 1 }, { .name = "now" } };
#define TOOLS ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"description\":\"What it is like\",\"parameters\":{\"type\":\"object\"}}}," \
              "{\"type\":\"function\",\"function\":{\"name\":\"now\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}}]"

static void tools_and_choices(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("ollama", "qwen3", false);
    request.tools = tools;
    request.tool_count = 2;
    expect_body(&target, &request, BODY(TOOLS));
    request.parallel_tool_calls = LLMCOST_ON;
    expect_body(&target, &request, BODY(TOOLS));
    request.parallel_tool_calls = LLMCOST_OFF;
    expect_unsupported(&target, &request, "parallel_tool_calls");
    request.tool_choice = LLMCOST_TOOLS_NONE;
    expect_body(&target, &request, BODY(""));
    request.parallel_tool_calls = LLMCOST_DEFAULT;
    request.tool_choice = LLMCOST_TOOLS_REQUIRED;
    expect_unsupported(&target, &request, "tool_choice");
    request.tool_choice = LLMCOST_TOOLS_ONE;
    request.tool_choice_name = "weather";
    expect_unsupported(&target, &request, "tool_choice");
}

static void options_stand_together(void **state)
{
    (void)state;
    static const char *const stop[] = { "END", "\"" };
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("ollama", "qwen3", false);
    request.max_tokens = 100;
    expect_body(&target, &request, BODY(",\"options\":{\"num_predict\":100}"));
    request.extra = "{\"options\":{\"num_ctx\":8192,\"mirostat\":[1, 2]},\"keep_alive\":\"5m\"}";
    expect_body(&target, &request, BODY(",\"options\":{\"num_predict\":100,\"num_ctx\":8192,\"mirostat\":[1,2]},\"keep_alive\":\"5m\""));
    request.has_temperature = request.has_top_p = request.has_seed = 1;
    request.temperature = 0;
    request.top_p = 0.5;
    request.seed = -7;
    request.stop = stop;
    request.stop_count = 2;
    expect_body(&target, &request, BODY(",\"options\":{\"num_predict\":100,\"temperature\":0.0,\"top_p\":0.5,\"seed\":-7,\"stop\":[\"END\",\"\\\"\"],\"num_ctx\":8192,\"mirostat\":[1,2]},\"keep_alive\":\"5m\""));
    expect_clean_without_memory(&target, &request);
    static const char *const repeated[] = { "temperature", "top_p", "seed", "stop", "num_predict" };
    for (size_t i = 0; i < sizeof repeated / sizeof repeated[0]; i++) {
        char extra[80], words[80];
        snprintf(extra, sizeof extra, "{\"options\":{\"num_ctx\":1,\"%s\":1}}", repeated[i]);
        snprintf(words, sizeof words, "extra repeats the member \"options.%s\"", repeated[i]);
        request.extra = extra;
        expect_invalid(&target, &request, words);
    }
    request = request_of(hello, 1);
    request.extra = "{\"options\":{\"num_ctx\":1,\"temperature\":1}}"; /* nobody else sets it */
    expect_body(&target, &request, BODY(",\"options\":{\"num_ctx\":1,\"temperature\":1}"));
    request.extra = "{\"options\":{}}";
    expect_body(&target, &request, BODY(",\"options\":{}"));
    request.extra = "{\"options\":{\"num_predict\":1}}"; /* it bounds the cost: max_tokens says it */
    expect_invalid(&target, &request, "options.num_predict");
    request.extra = "{\"options\":{\"num_ctx\":1,\"num_ctx\":2}}";
    expect_invalid(&target, &request, "options.num_ctx");
    request.extra = "{\"options\":7}";
    expect_invalid(&target, &request, "\"options\" is no JSON object");
    request.extra = "{\"options\":{}";
    expect_invalid(&target, &request, "extra is no JSON object");
    request.extra = "[]";
    expect_invalid(&target, &request, "extra is no JSON object");
    static const char *const taken[] = { "{\"model\":1}", "{\"messages\":[]}", "{\"stream\":false}" };
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        request.extra = taken[i];
        expect_invalid(&target, &request, "extra repeats");
    }
    request.extra = "{\"top_k\":1,\"think\":true}";
    expect_body(&target, &request, BODY(",\"top_k\":1,\"think\":true"));
}

static void formats_thinking_and_logprobs(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("ollama", "qwen3", false);
    request.format = LLMCOST_FORMAT_JSON;
    expect_body(&target, &request, BODY(",\"format\":\"json\""));
    request.format = LLMCOST_FORMAT_JSON_SCHEMA;
    request.format_schema = "{\"type\":\"object\"}";
    request.format_name = "n";
    expect_body(&target, &request, BODY(",\"format\":{\"type\":\"object\"}"));
    request.format_schema = "[";
    expect_invalid(&target, &request, "format_schema");
    request.format_schema = NULL;
    expect_invalid(&target, &request, "format_schema");
    request.format = LLMCOST_FORMAT_TEXT;
    static const struct { int effort; const char *body; } efforts[] = {
        { LLMCOST_EFFORT_NONE, BODY(",\"think\":false") }, { LLMCOST_EFFORT_LOW, BODY(",\"think\":\"low\"") }, { LLMCOST_EFFORT_MEDIUM, BODY(",\"think\":\"medium\"") },
        { LLMCOST_EFFORT_HIGH, BODY(",\"think\":\"high\"") }, { LLMCOST_EFFORT_MAX, BODY(",\"think\":\"max\"") },
    };
    for (size_t i = 0; i < sizeof efforts / sizeof efforts[0]; i++) {
        request.effort = efforts[i].effort;
        expect_body(&target, &request, efforts[i].body);
    }
    request.thinking_budget_tokens = 500; /* for models that take budgets */
    expect_body(&target, &request, BODY(",\"think\":\"max\""));
    request.thinking_budget_tokens = 0;
    request.effort = LLMCOST_EFFORT_DEFAULT;
    request.logprobs = 1;
    request.top_logprobs = 3;
    expect_body(&target, &request, BODY(",\"logprobs\":true,\"top_logprobs\":3"));
    request.logprobs = 0;
    expect_invalid(&target, &request, "logprobs");
}

static void embeddings_are_asked_for(void **state)
{
    (void)state;
    static const char *const inputs[] = { "one", "two and more" };
    static const size_t bytes[] = { 3, 3 };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    llmc_codec_target target = target_of("ollama", "nomic-embed-text", false);
    request.inputs = inputs;
    request.input_count = 2;
    request.input_purpose = LLMCOST_INPUT_QUERY;
    expect_encoded(&target, LLMC_OP_EMBED, &request, "POST", "/api/embed", "{\"model\":\"nomic-embed-text\",\"input\":[\"one\",\"two and more\"]}");
    request.input_bytes = bytes;
    request.dimensions = 64;
    request.extra = "{\"truncate\":false,\"options\":{\"num_ctx\":1}}";
    expect_encoded(&target, LLMC_OP_EMBED, &request, "POST", "/api/embed",
                   "{\"model\":\"nomic-embed-text\",\"input\":[\"one\",\"two\"],\"dimensions\":64,\"truncate\":false,\"options\":{\"num_ctx\":1}}");
}

static void what_it_cannot_do_is_said(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("ollama-cloud", "qwen3", false);
    request.n = 2;
    expect_unsupported(&target, &request, "n");
    request.n = 1;
    request.effort = LLMCOST_EFFORT_MINIMAL;
    expect_unsupported(&target, &request, "effort");
    request.effort = LLMCOST_EFFORT_XHIGH;
    expect_unsupported(&target, &request, "effort");
    request.effort = LLMCOST_EFFORT_DEFAULT;
    request.thinking_budget_tokens = 9;
    expect_unsupported(&target, &request, "thinking_budget_tokens");
    request.thinking_budget_tokens = 0;
    request.end_user = "u";
    expect_unsupported(&target, &request, "end_user");
    request.end_user = NULL;
    request.logprobs = 1;
    request.top_logprobs = 21;
    expect_unsupported(&target, &request, "top_logprobs");
    request = request_of(hello, 1);
    static const llmcost_part parts[] = {
        { .type = LLMCOST_PART_AUDIO, .data = "x", .data_bytes = 1, .media_type = "audio/wav" }, { .type = LLMCOST_PART_DOCUMENT, .data = "x", .data_bytes = 1 },
        { .type = LLMCOST_PART_IMAGE_URL, .url = "https://example.org/a.png" }, { .type = LLMCOST_PART_IMAGE, .data = "x", .data_bytes = 1, .detail = "low" },
        { .type = LLMCOST_PART_IMAGE, .data = "x", .data_bytes = 1 },
    };
    static const char *const fields[] = { "messages[0] audio", "messages[0] document", "messages[0] image URL", "messages[0] image detail", "messages[0] image" };
    for (size_t i = 0; i < 5; i++) {
        const llmcost_message message = { .role = i == 4 ? LLMCOST_ASSISTANT : LLMCOST_USER, .parts = &parts[i], .part_count = 1 };
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
    llmc_codec_target target = target_of("ollama", "qwen3", false);
    llmcost_tool_call call = { .id = "c", .name = "f", .arguments = "[1]" };
    llmcost_part part = { .type = LLMCOST_PART_IMAGE_URL, .url = "data:text,hello" };
    llmcost_tool tool = { .name = "f", .parameters = "{" };
    llmcost_message message = { .role = LLMCOST_ASSISTANT, .tool_calls = &call, .tool_call_count = 1 };
    llmcost_request request = request_of(&message, 1);
    expect_invalid(&target, &request, "messages[0].tool_calls[0].arguments");
    call = (llmcost_tool_call){ .id = "c", .name = NULL, .arguments = "{}" };
    expect_invalid(&target, &request, "messages[0].tool_calls[0]");
    call = (llmcost_tool_call){ .id = "", .name = "f", .arguments = "{}" };
    expect_invalid(&target, &request, "messages[0].tool_calls[0]");
    message = (llmcost_message){ .role = LLMCOST_TOOL, .text = "x" };
    expect_invalid(&target, &request, "messages[0].tool_call_id");
    message = (llmcost_message){ .role = LLMCOST_USER, .parts = &part, .part_count = 1 };
    expect_invalid(&target, &request, "messages[0].parts[0].url");
    part = (llmcost_part){ .type = LLMCOST_PART_IMAGE_URL };
    expect_invalid(&target, &request, "messages[0].parts[0].url");
    part = (llmcost_part){ .type = LLMCOST_PART_IMAGE };
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
}

/* ---- decoding ---- */

static const replay_how whole = { .codec = &llmc_codec_ollama };
static const replay_how stream = { .codec = &llmc_codec_ollama, .stream = true };

static const char full_body[] =
    "{\"prompt_eval_count\":26,\"eval_count\":5,\"done_reason\":\"stop\",\"done\":true,\"total_duration\":900000000,"
    "\"logprobs\":[{\"token\":\"S\",\"logprob\":-0.5,\"bytes\":[83],\"top_logprobs\":[]}],"
    "\"message\":{\"tool_calls\":[{\"id\":\"call_1\",\"function\":{\"index\":0,\"name\":\"f\",\"arguments\":{\"a\":[1, 2]}}},{\"function\":{\"name\":\"g\"}},"
    "{\"function\":{\"arguments\":\"{\\\"t\\\":1}\",\"name\":\"h\"}}],\"content\":\"Snow \\ud83d\\ude00\",\"thinking\":\"hm\",\"role\":\"assistant\",\"images\":null},"
    "\"created_at\":\"2025-01-01T00:00:00Z\",\"model\":\"qwen3:8b\"}";

static void a_whole_answer(void **state)
{
    (void)state;
    expect_events(&whole, full_body, LLMCOST_OK,
                  "META 0 0 id= name=qwen3:8b ||\n" "REASONING 0 0 |hm|\n" "TEXT 0 0 |Snow \xf0\x9f\x98\x80|\n"
                  "LOGPROBS 0 0 |[{\"token\":\"S\",\"logprob\":-0.5,\"bytes\":[83],\"top_logprobs\":[]}]|\n"
                  "TOOL_CALL 0 0 id=call_1 name=f ||\n" "TOOL_ARGUMENTS 0 0 |{\"a\":[1, 2]}|\n"
                  "TOOL_CALL 0 1 id=call_0640d3c32258e9e4_1 name=g ||\n" "TOOL_ARGUMENTS 0 1 |{}|\n"
                  "TOOL_CALL 0 2 id=call_194afc53193c9e0e_2 name=h ||\n" "TOOL_ARGUMENTS 0 2 |{\"t\":1}|\n"
                  "FINISH 0 0 finish=3 stop ||\n" "USAGE 0 0 0=26 5=5 p=26 c=5 t=-1 cost=-1 flags=1 tier= ||\n");
    expect_decoder_clean_without_memory(&whole, full_body);
    expect_stoppable(&whole, full_body);
}

#define LINE(message) "{\"model\":\"m\",\"created_at\":\"t\",\"message\":{\"role\":\"assistant\"," message "},\"done\":false}\n"
#define DONE(members) "{\"model\":\"m\",\"created_at\":\"t\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true" members "}\n"
#define META "META 0 0 id= name=m ||\n"

static const char full_stream[] =
    LINE("\"content\":\"\",\"thinking\":\"h\"") LINE("\"content\":\"\",\"thinking\":\"m\"") "\r\n"
    LINE("\"content\":\"Snow \\ud83d\"") LINE("\"content\":\"\\ude00!\"")
    "{\"model\":\"m\",\"message\":{\"content\":\"x\"},\"logprobs\":[{\"token\":\"x\",\"logprob\":-1}],\"done\":false,\"something_new\":{\"a\":[1]}}\r\n"
    LINE("\"content\":\"\",\"tool_calls\":[{\"id\":\"a\",\"function\":{\"index\":0,\"name\":\"f\",\"arguments\":{\"x\":1}}}]")
    LINE("\"content\":\"\",\"tool_calls\":[{\"id\":\"b\",\"function\":{\"index\":1,\"name\":\"g\",\"arguments\":{}}}]")
    DONE(",\"done_reason\":\"stop\",\"eval_count\":9,\"prompt_eval_count\":25") "{\"more\":1}\n";

static void a_streamed_answer(void **state)
{
    (void)state;
    expect_events(&stream, full_stream, LLMCOST_OK,
                  META "REASONING 0 0 |h|\n" "REASONING 0 0 |m|\n" "TEXT 0 0 |Snow |\n" "TEXT 0 0 |\xf0\x9f\x98\x80!|\n" "TEXT 0 0 |x|\n" "LOGPROBS 0 0 |[{\"token\":\"x\",\"logprob\":-1}]|\n"
                  "TOOL_CALL 0 0 id=a name=f ||\n" "TOOL_ARGUMENTS 0 0 |{\"x\":1}|\n" "TOOL_CALL 0 1 id=b name=g ||\n" "TOOL_ARGUMENTS 0 1 |{}|\n"
                  "FINISH 0 0 finish=3 stop ||\n" "USAGE 0 0 0=25 5=9 p=25 c=9 t=-1 cost=-1 flags=1 tier= ||\n");
    expect_decoder_clean_without_memory(&stream, full_stream);
    expect_stoppable(&stream, full_stream);
}

/* The same answer has the same ids; the same call in another turn has another, and so has the next one of its turn. */
static void ids_that_are_made_up(void **state)
{
    (void)state;
#define CALL(time) "{\"model\":\"m\",\"created_at\":\"" time "\",\"message\":{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{}}},{\"function\":{\"name\":\"f\",\"arguments\":{}}}]},\"done\":true}"
    static const char *const bodies[] = { CALL("1"), CALL("1"), CALL("2") };
    char ids[3][2][64];
    for (int i = 0; i < 3; i++) {
        replay r;
        replay_whole(&r, &whole, bodies[i], strlen(bodies[i]));
        assert_int_equal(r.status, LLMCOST_OK);
        const char *at = strstr(r.log, "id=call_"), *next = strstr(at + 1, "id=call_");
        assert_int_equal(sscanf(at, "id=%63s", ids[i][0]), 1);
        assert_int_equal(sscanf(next, "id=%63s", ids[i][1]), 1);
        assert_string_not_equal(ids[i][0], ids[i][1]);
        replay_free(&r);
    }
    assert_string_equal(ids[0][0], ids[1][0]);
    assert_string_equal(ids[0][1], ids[1][1]);
    assert_string_not_equal(ids[0][0], ids[2][0]);
}

static void done_reasons(void **state)
{
    (void)state;
    static const struct { const char *word; int finish; } words[] = { { "stop", 1 }, { "length", 2 }, { "load", 7 }, { "unload", 7 }, { "what_is_this", 1 } };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        char body[300], log[300];
        snprintf(body, sizeof body, "{\"model\":\"m\",\"message\":{\"content\":\"x\"},\"done\":true,\"done_reason\":\"%s\"}", words[i].word);
        snprintf(log, sizeof log, META "TEXT 0 0 |x|\nFINISH 0 0 finish=%d %s ||\n", words[i].finish, words[i].word);
        expect_events(&whole, body, LLMCOST_OK, log);
    }
    expect_events(&stream, LINE("\"content\":\"x\"") "{\"model\":\"m\",\"done\":true}", LLMCOST_OK, META "TEXT 0 0 |x|\nFINISH 0 0 finish=1  ||\n");
}

static void a_cached_prompt_counts_nothing(void **state)
{
    (void)state;
    expect_events(&stream, DONE(",\"done_reason\":\"length\",\"eval_count\":9"), LLMCOST_OK,
                  META "FINISH 0 0 finish=2 length ||\n" "USAGE 0 0 0=0 5=9 p=0 c=9 t=-1 cost=-1 flags=1 tier= ||\n");
    expect_events(&stream, DONE(",\"prompt_eval_count\":-4,\"eval_count\":\"9\""), LLMCOST_OK, META "FINISH 0 0 finish=1  ||\nUSAGE 0 0 0=0 5=9 p=0 c=9 t=-1 cost=-1 flags=1 tier= ||\n");
}

static void failures_and_ends(void **state)
{
    (void)state;
    expect_events(&stream, LINE("\"content\":\"x\"") "{\"error\":\"an error was encountered while running the model\"}\n", LLMCOST_E_SERVER, META "TEXT 0 0 |x|\n");
    expect_status(&stream, "{\"error\":\"the input exceeds the context length\"}", LLMCOST_E_CONTEXT_LENGTH);
    expect_status(&whole, "{\"error\":\"m\"}", LLMCOST_E_SERVER);
    expect_status(&stream, LINE("\"content\":\"x\""), LLMCOST_E_TRUNCATED);
    expect_status(&stream, "", LLMCOST_E_TRUNCATED);
    expect_status(&whole, "", LLMCOST_E_TRUNCATED);
    expect_status(&stream, LINE("\"content\":\"x\"") "{\"model\":\"m\",\"messa", LLMCOST_E_TRUNCATED);
    expect_status(&stream, LINE("\"content\":\"x\"") "{\"model\":}\n", LLMCOST_E_MALFORMED);
    expect_status(&stream, "[1]\n" DONE(""), LLMCOST_E_MALFORMED);
    expect_status(&stream, "data: {}\n", LLMCOST_E_MALFORMED);
    expect_status(&whole, "<html>", LLMCOST_E_MALFORMED);
    expect_status(&whole, "{}", LLMCOST_E_MALFORMED);
    expect_status(&whole, "{\"message\":\"text\",\"done\":false}", LLMCOST_E_SERVER); /* of something in between: it says why */
    expect_status(&whole, "{\"message\":{\"content\":\"x\"},\"done\":false}", LLMCOST_E_TRUNCATED);
    static const struct { int32_t http; const char *body; llmcost_status status; } refusals[] = {
        { 404, "{\"error\":\"model 'x' not found\"}", LLMCOST_E_NOT_FOUND }, { 400, "{\"error\":\"\\\"x\\\" does not support tools\"}", LLMCOST_E_INVALID_REQUEST },
        { 401, "{\"error\":\"unauthorized\"}", LLMCOST_E_AUTH }, { 500, "{\"error\":\"llama runner process has terminated\"}", LLMCOST_E_SERVER },
        { 400, "{\"error\":\"the input length exceeds the context length\"}", LLMCOST_E_CONTEXT_LENGTH }, { 503, "{\"error\":\"server busy\"}", LLMCOST_E_OVERLOADED }, { 502, "", LLMCOST_E_SERVER },
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const replay_how refused = { .codec = &llmc_codec_ollama, .http_status = refusals[i].http };
        expect_status(&refused, refusals[i].body, refusals[i].status);
    }
}

static void hostile_answers(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"model\":7,\"message\":{\"content\":{\"a\":1},\"thinking\":[],\"tool_calls\":7},\"done\":true,\"done_reason\":[]}",
        "{\"model\":\"m\",\"message\":{\"tool_calls\":[7,null,[],{},{\"function\":7},{\"function\":{\"name\":\"\"}},{\"id\":7,\"function\":{\"name\":8,\"arguments\":9}}]},\"done\":true}",
        "{\"model\":\"m\",\"message\":{\"content\":\"x\"},\"logprobs\":\"[1\",\"done\":true}",
        "{\"model\":\"m\",\"message\":{\"content\":\"x\"},\"logprobs\":{\"a\":1},\"done\":true,\"eval_count\":1e300,\"prompt_eval_count\":[1]}",
        "{\"model\":\"\\ud83d\",\"message\":{\"content\":\"\\ud83d\",\"thinking\":\"\\udc00\",\"tool_calls\":[{\"id\":\"\\ud83d\\u0000\",\"function\":{\"name\":\"\\ud83d\"}}]},\"done\":true}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        expect_status(&whole, bodies[i], LLMCOST_OK);
        expect_status(&stream, bodies[i], LLMCOST_OK);
        expect_decoder_clean_without_memory(&stream, bodies[i]);
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
    size_t length = (size_t)snprintf(body, room, "{\"model\":\"m\",\"message\":{\"tool_calls\":[");
    for (int i = 0; i < 1025; i++)
        length += (size_t)snprintf(body + length, room - length, "%s{\"function\":{\"name\":\"f\"}}", i ? "," : "");
    snprintf(body + length, room - length, "]},\"done\":true}");
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
    for (size_t i = 1; i < strlen(full_body); i++)
        for (int streams = 0; streams < 2; streams++) {
            replay r;
            replay_whole(&r, streams ? &stream : &whole, full_body, i);
            if (r.status != LLMCOST_E_TRUNCATED)
                fail_msg("cut at %zu: %s", i, llmcost_error_message(&r.error));
            replay_free(&r);
        }
}

static void lists_of_models(void **state)
{
    (void)state;
    const replay_how list = { .codec = &llmc_codec_ollama, .operation = LLMC_OP_LIST_MODELS };
    expect_events(&list, "{\"models\":[{\"name\":\"llama3:8b\",\"model\":\"llama3:8b\",\"details\":{\"families\":[\"llama\"]}},{\"name\":\"b\"}]}", LLMCOST_OK,
                  "MODEL 0 0 |llama3:8b|\nMODEL 0 0 |b|\n");
    expect_events(&list, "{\"models\":[]}", LLMCOST_OK, "");
    expect_events(&list, "{\"data\":[{\"id\":\"a\"}],\"models\":[{\"name\":\"b\"}]}", LLMCOST_OK, "MODEL 0 0 |a|\n");
    expect_events(&list, "{\"models\":[{\"name\":\"b\"}],\"data\":[{\"id\":\"a\"}]}", LLMCOST_OK, "MODEL 0 0 |a|\n");
    expect_status(&list, "{\"error\":\"no\"}", LLMCOST_E_SERVER);
    expect_status(&list, "{\"models\":null}", LLMCOST_E_MALFORMED);
}

static void embeddings_come(void **state)
{
    (void)state;
    const replay_how embed = { .codec = &llmc_codec_ollama, .operation = LLMC_OP_EMBED };
    static const char body[] = "{\"model\":\"e\",\"embeddings\":[[0.5,-1e-3,0],[1,2,3]],\"total_duration\":1,\"prompt_eval_count\":9}";
    expect_events(&embed, body, LLMCOST_OK, "META 0 0 id= name=e ||\nEMBEDDING 0 0 |0.5 -0.00100000005 0|\nEMBEDDING 1 0 |1 2 3|\nUSAGE 0 0 0=9 p=9 c=-1 t=-1 cost=-1 flags=1 tier= ||\n");
    expect_decoder_clean_without_memory(&embed, body);
    expect_stoppable(&embed, body);
    expect_events(&embed, "{\"model\":\"e\",\"embeddings\":[]}", LLMCOST_OK, "META 0 0 id= name=e ||\n");
    expect_status(&embed, "{\"embeddings\":[[1,null]]}", LLMCOST_E_MALFORMED);
    expect_status(&embed, "{\"embeddings\":[[1,1e60]]}", LLMCOST_E_MALFORMED);
    expect_status(&embed, "{\"embeddings\":[7]}", LLMCOST_E_MALFORMED);
    expect_status(&embed, "{\"embeddings\":{}}", LLMCOST_E_MALFORMED);
    expect_status(&embed, "{\"model\":\"e\"}", LLMCOST_E_MALFORMED);
    expect_status(&embed, "{\"error\":\"this model does not support embeddings\"}", LLMCOST_E_SERVER);
    expect_status(&embed, "", LLMCOST_E_TRUNCATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_envelope), cmocka_unit_test(a_conversation_with_tools), cmocka_unit_test(tools_and_choices), cmocka_unit_test(options_stand_together),
        cmocka_unit_test(formats_thinking_and_logprobs), cmocka_unit_test(embeddings_are_asked_for), cmocka_unit_test(what_it_cannot_do_is_said),
        cmocka_unit_test(what_is_malformed_is_named), cmocka_unit_test(a_whole_answer), cmocka_unit_test(a_streamed_answer), cmocka_unit_test(ids_that_are_made_up),
        cmocka_unit_test(done_reasons), cmocka_unit_test(a_cached_prompt_counts_nothing), cmocka_unit_test(failures_and_ends), cmocka_unit_test(hostile_answers),
        cmocka_unit_test(too_many_tools), cmocka_unit_test(cut_answers), cmocka_unit_test(lists_of_models), cmocka_unit_test(embeddings_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
