/* The Gemini codec: every field on its way out, every member on its way in, at Google itself and at Vertex. */
#include "../support/decode_check.h"
#include "../support/encode_check.h"

#include "../support/nth_failure.h"
#include "provider/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const llmcost_message hello[] = { { .role = LLMCOST_USER, .text = "Hello" } };

#define OLD "gemini-2.0-flash"
#define BUDGET "gemini-2.5-flash"
#define PRO "gemini-2.5-pro"
#define NEW "gemini-3-flash-preview"
#define HELLO "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hello\"}]}]"
#define BODY(members) "{" HELLO members "}"
#define CONFIG(members) BODY(",\"generationConfig\":{" members "}")
#define USER(parts) "{\"role\":\"user\",\"parts\":[" parts "]}"
#define MODEL(parts) "{\"role\":\"model\",\"parts\":[" parts "]}"
#define TEXT(words) "{\"text\":\"" words "\"}"
#define EXCUSE "\"thoughtSignature\":\"skip_thought_signature_validator\""

/* ---- encoding ---- */

static void expect_nothing_lost_without_memory(llmc_operation_id operation, const llmc_codec_target *target, const llmcost_request *request)
{
    for (long n = 1;; n++) {
        nth_failure failure = { .fail_at = n };
        llmc_allocator allocator = nth_failure_allocator(&failure);
        llmc_encoded out;
        llmcost_error error;
        llmc_error_init(&error, &llmc_allocator_system);
        llmc_encoded_init(&out, &allocator);
        llmcost_status status = llmc_codec_gemini.encode(operation, request, target, &out, &error);
        llmc_encoded_free(&out);
        llmc_error_clear(&error);
        assert_int_equal(failure.live, 0);
        if (failure.allocations < n) {
            assert_int_equal(status, LLMCOST_OK);
            return;
        }
        assert_int_equal(status, LLMCOST_E_MEMORY);
    }
}

static void the_envelope(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("google", NEW, false);
    expect_encoded(&target, LLMC_OP_CHAT, &request, "POST", "/models/gemini-3-flash-preview:generateContent", BODY(""));
    target.stream = true;
    expect_encoded(&target, LLMC_OP_CHAT, &request, "POST", "/models/gemini-3-flash-preview:streamGenerateContent?alt=sse", BODY(""));
    target.model = "models/" NEW;
    expect_encoded(&target, LLMC_OP_CHAT, &request, "POST", "/models/gemini-3-flash-preview:streamGenerateContent?alt=sse", BODY(""));
    target.stream = false;
    target.model = "tunedModels/mine-1";
    expect_encoded(&target, LLMC_OP_CHAT, &request, "POST", "/tunedModels/mine-1:generateContent", BODY(""));
    target.model = "a b/c:d?\xc3\xa9";
    expect_encoded(&target, LLMC_OP_CHAT, &request, "POST", "/models/a%20b%2Fc%3Ad%3F%C3%A9:generateContent", BODY(""));
    expect_encoded(&target, LLMC_OP_LIST_MODELS, &request, "GET", "/models?pageSize=1000", NULL);
    for (int i = 0; i < LLMC_OP_COUNT; i++)
        assert_int_equal(llmc_codec_gemini.has_operation((llmc_operation_id)i), i != LLMC_OP_BALANCE);
    char *name = calloc(1, 6000);
    memset(name, 'm', 5999);
    target.model = name;
    expect_invalid(&target, &request, "name is too long");
    free(name);
    expect_nothing_lost_without_memory(LLMC_OP_LIST_MODELS, &(llmc_codec_target){ .preset = target.preset, .provider = "google", .model = NEW }, &request);
}

static const llmcost_tool_call two_calls[] = { { .id = "c1", .name = "weather", .arguments = "{\"city\":\"Oslo\"}" }, { .id = "c2", .name = "map", .arguments = "" } };

static void a_conversation_with_tools(void **state)
{
    (void)state;
    const llmcost_part parts[] = {
        { .type = LLMCOST_PART_TEXT, .text = "See" }, { .type = LLMCOST_PART_IMAGE_URL, .url = "https://example.org/a.png?x=1", .detail = "auto" },
        { .type = LLMCOST_PART_IMAGE, .data = "\1\2\3\4", .data_bytes = 4, .media_type = "image/png" },
        { .type = LLMCOST_PART_IMAGE_URL, .url = "data:image/webp;base64,AAAA" }, { .type = LLMCOST_PART_TEXT, .text = "" },
        { .type = LLMCOST_PART_AUDIO, .data = "\1\2\3", .data_bytes = 3, .media_type = "audio/wav" },
        { .type = LLMCOST_PART_DOCUMENT, .data = "\1\2\3", .data_bytes = 3, .media_type = "application/pdf", .detail = "a.pdf" },
        { .type = LLMCOST_PART_DOCUMENT, .url = "https://example.org/b", .media_type = "application/pdf" }, { .type = LLMCOST_PART_IMAGE_URL, .url = "gs://bucket/c" },
    };
    const llmcost_part thought[] = {
        { .type = LLMCOST_PART_REASONING, .text = "hm" }, { .type = LLMCOST_PART_REASONING_HIDDEN, .text = "gemini:0:c2ln\ngemini:text:dGV4dA==\ngemini:end:ZW5k\ngemini:thought:dGg=\n" },
        { .type = LLMCOST_PART_TEXT, .text = "Looking" },
    };
    const llmcost_part result[] = { { .type = LLMCOST_PART_TEXT, .text = "map" }, { .type = LLMCOST_PART_IMAGE_URL, .url = "data:image/png;base64,AAAA" } };
    const llmcost_message messages[] = {
        { .role = LLMCOST_SYSTEM, .text = "Be brief.", .cache_mark = 1 }, { .role = LLMCOST_SYSTEM, .text = "Be kind." },
        { .role = LLMCOST_USER, .parts = parts, .part_count = 9 }, { .role = LLMCOST_USER, .text = "Well?" },
        { .role = LLMCOST_ASSISTANT, .parts = thought, .part_count = 3, .tool_calls = two_calls, .tool_call_count = 2 },
        { .role = LLMCOST_TOOL, .tool_call_id = "c2", .parts = result, .part_count = 2 }, { .role = LLMCOST_TOOL, .tool_call_id = "c1", .text = "no", .is_error = 1 },
        { .role = LLMCOST_USER, .text = "And now?" },
        { .role = LLMCOST_ASSISTANT, .text = "4 degrees." }, { .role = LLMCOST_ASSISTANT, .text = "" }, { .role = LLMCOST_ASSISTANT, .text = "Truly." },
        { .role = LLMCOST_USER, .text = "Thanks" },
    };
    llmcost_request request = request_of(messages, 12);
    llmc_codec_target target = target_of("google", NEW, false);
#define SYSTEM "\"systemInstruction\":{\"parts\":[" TEXT("Be brief.") "," TEXT("Be kind.") "]},"
#define SEEN USER(TEXT("See") ",{\"fileData\":{\"mimeType\":\"image/png\",\"fileUri\":\"https://example.org/a.png?x=1\"}}," \
        "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AQIDBA==\"}},{\"inlineData\":{\"mimeType\":\"image/webp\",\"data\":\"AAAA\"}}," \
        "{\"inlineData\":{\"mimeType\":\"audio/wav\",\"data\":\"AQID\"}},{\"inlineData\":{\"mimeType\":\"application/pdf\",\"data\":\"AQID\"}}," \
        "{\"fileData\":{\"mimeType\":\"application/pdf\",\"fileUri\":\"https://example.org/b\"}},{\"fileData\":{\"fileUri\":\"gs://bucket/c\"}}," TEXT("Well?"))
    expect_body(&target, &request,
                "{" SYSTEM "\"contents\":[" SEEN ","
                MODEL("{\"text\":\"hm\",\"thought\":true,\"thoughtSignature\":\"dGg=\"},{\"text\":\"Looking\",\"thoughtSignature\":\"dGV4dA==\"},{\"text\":\"\",\"thoughtSignature\":\"ZW5k\"},"
                      "{\"functionCall\":{\"id\":\"c1\",\"name\":\"weather\",\"args\":{\"city\":\"Oslo\"}},\"thoughtSignature\":\"c2ln\"},"
                      "{\"functionCall\":{\"id\":\"c2\",\"name\":\"map\",\"args\":{}}}") ","
                USER("{\"functionResponse\":{\"id\":\"c1\",\"name\":\"weather\",\"response\":{\"error\":\"no\"}}},"
                     "{\"functionResponse\":{\"id\":\"c2\",\"name\":\"map\",\"response\":{\"result\":\"map\"},\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AAAA\"}}]}},"
                     TEXT("And now?")) ","
                MODEL(TEXT("4 degrees.") "," TEXT("Truly.")) "," USER(TEXT("Thanks")) "]}");
    expect_clean_without_memory(&target, &request);
}

static void a_conversation_begun_elsewhere(void **state)
{
    (void)state;
    const llmcost_part thought[] = {
        { .type = LLMCOST_PART_REASONING, .text = "hm", .signature = "c2ln" }, { .type = LLMCOST_PART_REASONING_HIDDEN, .text = "b64" }, { .type = LLMCOST_PART_TEXT, .text = "Looking" },
    };
    const llmcost_message messages[] = {
        { .role = LLMCOST_USER, .text = "Hello" },
        { .role = LLMCOST_ASSISTANT, .parts = thought, .part_count = 3, .tool_calls = two_calls, .tool_call_count = 2 },
        { .role = LLMCOST_TOOL, .tool_call_id = "c1", .text = "{\"t\": 4}" }, { .role = LLMCOST_TOOL, .tool_call_id = "c2", .text = "[1, 2]" },
    };
    llmcost_request request = request_of(messages, 4);
    llmc_codec_target new = target_of("google", NEW, false), old = target_of("google", BUDGET, false), other = target_of("google", "gemma-3-27b-it", false);
#define ELSEWHERE(id1, id2, signature)                                                                                                                                \
    "{\"contents\":[" USER(TEXT("Hello")) "," MODEL(TEXT("Looking") ",{\"functionCall\":{" id1 "\"name\":\"weather\",\"args\":{\"city\":\"Oslo\"}}" signature "},"      \
                                                    "{\"functionCall\":{" id2 "\"name\":\"map\",\"args\":{}}}") ","                                                    \
    USER("{\"functionResponse\":{" id1 "\"name\":\"weather\",\"response\":{\"t\": 4}}},{\"functionResponse\":{" id2 "\"name\":\"map\",\"response\":{\"result\":[1, 2]}}}") "]}"
    expect_body(&new, &request, ELSEWHERE("\"id\":\"c1\",", "\"id\":\"c2\",", "," EXCUSE));
    expect_body(&old, &request, ELSEWHERE("", "", ""));
    expect_body(&other, &request, ELSEWHERE("\"id\":\"c1\",", "\"id\":\"c2\",", ""));
}

static void results_find_their_calls(void **state)
{
    (void)state;
    const llmcost_tool_call nameless[] = { { .id = "", .name = "f", .arguments = "{}" }, { .id = "", .name = "g", .arguments = "{}" } }, made_up[] = { { .id = "llmc_00000000000000aa", .name = "f", .arguments = "{}" } };
    const llmcost_part several[] = { { .type = LLMCOST_PART_TEXT, .text = "a" }, { .type = LLMCOST_PART_TEXT, .text = "b" } };
    const llmcost_message messages[] = {
        { .role = LLMCOST_ASSISTANT, .tool_calls = nameless, .tool_call_count = 2 },
        { .role = LLMCOST_TOOL, .tool_call_id = "", .text = "{\"broken\":" }, { .role = LLMCOST_TOOL, .tool_call_id = "", .parts = several, .part_count = 2 },
        { .role = LLMCOST_ASSISTANT, .tool_calls = made_up, .tool_call_count = 1 },
        { .role = LLMCOST_TOOL, .tool_call_id = "llmc_00000000000000aa", .text = "{\"a\":1}rest", .text_bytes = 7 },
        { .role = LLMCOST_USER, .text = "More?" },
        { .role = LLMCOST_TOOL, .tool_call_id = "llmc_00000000000000aa", .text = "late", .is_error = 1 },
    };
    llmcost_request request = request_of(messages, 7);
    llmc_codec_target target = target_of("google", NEW, false);
    expect_body(&target, &request,
                "{\"contents\":[" MODEL("{\"functionCall\":{\"name\":\"f\",\"args\":{}}," EXCUSE "},{\"functionCall\":{\"name\":\"g\",\"args\":{}}}") ","
                USER("{\"functionResponse\":{\"name\":\"f\",\"response\":{\"result\":\"{\\\"broken\\\":\"}}},{\"functionResponse\":{\"name\":\"g\",\"response\":{\"result\":[\"a\",\"b\"]}}}") ","
                MODEL("{\"functionCall\":{\"name\":\"f\",\"args\":{}}," EXCUSE "}") ","
                USER("{\"functionResponse\":{\"name\":\"f\",\"response\":{\"a\":1}}}," TEXT("More?") ",{\"functionResponse\":{\"name\":\"f\",\"response\":{\"error\":\"late\"}}}") "]}");
    const llmcost_message lost[] = { { .role = LLMCOST_USER, .text = "x" }, { .role = LLMCOST_TOOL, .tool_call_id = "nobody", .text = "x" } };
    request = request_of(lost, 2);
    expect_invalid(&target, &request, "messages[1].tool_call_id");
    /* Two calls under one id: every result is written, and once. */
    const llmcost_tool_call twins[] = { { .id = "t", .name = "f", .arguments = "{}" }, { .id = "t", .name = "f", .arguments = "{}" } };
    const llmcost_message twice[] = {
        { .role = LLMCOST_ASSISTANT, .tool_calls = twins, .tool_call_count = 2 },
        { .role = LLMCOST_TOOL, .tool_call_id = "t", .text = "1" }, { .role = LLMCOST_TOOL, .tool_call_id = "t", .text = "2" },
    };
    target.model = OLD;
    request = request_of(twice, 3);
    expect_body(&target, &request,
                "{\"contents\":[" MODEL("{\"functionCall\":{\"name\":\"f\",\"args\":{}}},{\"functionCall\":{\"name\":\"f\",\"args\":{}}}") ","
                USER("{\"functionResponse\":{\"name\":\"f\",\"response\":{\"result\":\"1\"}}},{\"functionResponse\":{\"name\":\"f\",\"response\":{\"result\":\"2\"}}}") "]}");
}

static const llmcost_tool tools[] = { { .name = "weather", .description = "What it is like", .parameters = "{\"type\":\"object\"}" }, { .name = "now" } };
#define TOOLS ",\"tools\":[{\"functionDeclarations\":[{\"name\":\"weather\",\"description\":\"What it is like\",\"parametersJsonSchema\":{\"type\":\"object\"}},{\"name\":\"now\"}]}]"
#define MODE(mode, more) ",\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"" mode "\"" more "}}"

static void tools_and_choices(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("google", NEW, false);
    request.tools = tools;
    request.tool_count = 2;
    expect_body(&target, &request, BODY(TOOLS));
    request.parallel_tool_calls = LLMCOST_ON;
    expect_body(&target, &request, BODY(TOOLS));
    request.tool_choice = LLMCOST_TOOLS_REQUIRED;
    expect_body(&target, &request, BODY(TOOLS MODE("ANY", "")));
    request.tool_choice = LLMCOST_TOOLS_NONE;
    request.parallel_tool_calls = LLMCOST_OFF;
    expect_body(&target, &request, BODY(TOOLS MODE("NONE", "")));
    request.parallel_tool_calls = LLMCOST_DEFAULT;
    request.tool_choice = LLMCOST_TOOLS_ONE;
    request.tool_choice_name = "weather";
    expect_body(&target, &request, BODY(TOOLS MODE("ANY", ",\"allowedFunctionNames\":[\"weather\"]")));
    expect_clean_without_memory(&target, &request);
    request.tool_choice_name = NULL;
    expect_invalid(&target, &request, "tool_choice_name");
    request.tool_count = 0;
    expect_invalid(&target, &request, "tool_choice");
    const llmcost_tool strict = { .name = "f", .strict = 1 };
    request.tools = &strict;
    request.tool_count = 1;
    request.tool_choice = LLMCOST_TOOLS_AUTO;
    expect_body(&target, &request, BODY(",\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\"}]}]" MODE("VALIDATED", "")));
    target.model = OLD;
    expect_body(&target, &request, BODY(",\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\"}]}]"));
    request.extra = "{\"tools\":[{\"googleSearch\":{}}],\"cachedContent\":\"cachedContents/x\"}";
    expect_body(&target, &request, BODY(",\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\"}]},{\"googleSearch\":{}}],\"cachedContent\":\"cachedContents/x\""));
    request.tool_count = 0;
    expect_body(&target, &request, BODY(",\"tools\":[{\"googleSearch\":{}}],\"cachedContent\":\"cachedContents/x\""));
    request.extra = "{\"tools\":7}";
    expect_invalid(&target, &request, "tools in extra");
}

static void numbers_and_names(void **state)
{
    (void)state;
    static const char *const stop[] = { "END", "." };
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("google", NEW, false);
    request.max_tokens = 100;
    request.has_temperature = request.has_top_p = request.has_seed = 1;
    request.temperature = 0.25;
    request.top_p = 0.5;
    request.seed = -7;
    request.n = 2;
    request.stop = stop;
    request.stop_count = 2;
    request.logprobs = 1;
    request.top_logprobs = 3;
    request.extra = "{\"safetySettings\":[],\"generationConfig\":{\"topK\":5},\"serviceTier\":\"flex\"}";
    expect_body(&target, &request,
                BODY(",\"generationConfig\":{\"maxOutputTokens\":100,\"temperature\":0.25,\"topP\":0.5,\"seed\":-7,\"candidateCount\":2,\"stopSequences\":[\"END\",\".\"],"
                     "\"responseLogprobs\":true,\"logprobs\":3,\"topK\":5},\"safetySettings\":[],\"serviceTier\":\"flex\""));
}

static void extra_is_merged_and_never_repeats(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("google", NEW, false);
    request.has_top_p = 1;
    request.top_p = 0.5;
    request.extra = "{\"generationConfig\":{\"topK\":5,\"speechConfig\":{\"a\":[1]}},\"serviceTier\":\"flex\"}";
    expect_body(&target, &request, BODY(",\"generationConfig\":{\"topP\":0.5,\"topK\":5,\"speechConfig\":{\"a\":[1]}},\"serviceTier\":\"flex\""));
    expect_clean_without_memory(&target, &request);
    static const char *const taken[] = { "{\"contents\":[]}", "{\"systemInstruction\":{}}", "{\"model\":\"x\"}", "{\"generation_config\":{}}", "{\"generationConfig\":{\"topP\":1}}",
                                         "{\"generationConfig\":{\"maxOutputTokens\":1}}", "{\"generationConfig\":{\"candidate_count\":8}}" };
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        request.extra = taken[i];
        expect_invalid(&target, &request, "extra repeats");
    }
    request.has_top_p = 0;
    request.extra = "{\"generationConfig\":{\"maxOutputTokens\":1}}";
    expect_invalid(&target, &request, "extra repeats");
    request.extra = "{\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":0}}}";
    expect_body(&target, &request, CONFIG("\"thinkingConfig\":{\"thinkingBudget\":0}"));
    request.extra = "{\"generationConfig\":7}";
    expect_invalid(&target, &request, "generationConfig in extra");
    request.extra = "7";
    expect_invalid(&target, &request, "extra is no JSON object");
    request.extra = NULL;
    request.top_logprobs = 3;
    expect_invalid(&target, &request, "top_logprobs needs logprobs");
}

static void formats(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target target = target_of("google", BUDGET, false);
    request.format = LLMCOST_FORMAT_JSON;
    expect_body(&target, &request, CONFIG("\"responseMimeType\":\"application/json\""));
    request.format = LLMCOST_FORMAT_JSON_SCHEMA;
    request.format_schema = "{\"type\":\"object\"}";
    request.format_name = "thing";
    request.format_strict = 1;
    expect_body(&target, &request, CONFIG("\"responseMimeType\":\"application/json\",\"responseJsonSchema\":{\"type\":\"object\"}"));
    request.format_schema = "[]";
    expect_invalid(&target, &request, "format_schema");
}

static void efforts_and_budgets(void **state)
{
    (void)state;
    static const struct { int32_t effort; const char *budget, *pro_budget, *level, *pro_level; } rows[] = {
        { LLMCOST_EFFORT_NONE, "0", NULL, NULL, NULL }, { LLMCOST_EFFORT_MINIMAL, "512", "512", "MINIMAL", "LOW" }, { LLMCOST_EFFORT_LOW, "1024", "1024", "LOW", "LOW" },
        { LLMCOST_EFFORT_MEDIUM, "8192", "8192", "MEDIUM", "MEDIUM" }, { LLMCOST_EFFORT_HIGH, "24576", "24576", "HIGH", "HIGH" },
        { LLMCOST_EFFORT_XHIGH, "24576", "32768", "HIGH", "HIGH" }, { LLMCOST_EFFORT_MAX, "24576", "32768", "HIGH", "HIGH" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *const wanted[] = { rows[i].budget, rows[i].pro_budget, rows[i].level, rows[i].pro_level };
        static const char *const models[] = { BUDGET, PRO, NEW, "gemini-3.1-pro-preview" };
        for (size_t m = 0; m < 4; m++) {
            llmcost_request request = request_of(hello, 1);
            llmc_codec_target target = target_of("google", models[m], false);
            char json[300];
            request.effort = rows[i].effort;
            if (!wanted[m]) {
                expect_unsupported(&target, &request, "effort");
                continue;
            }
            const char *quote = m < 2 ? "" : "\"", *thoughts = strcmp(wanted[m], "0") != 0 ? ",\"includeThoughts\":true" : "";
            snprintf(json, sizeof json, "{" HELLO ",\"generationConfig\":{\"thinkingConfig\":{\"%s\":%s%s%s%s}}}", m < 2 ? "thinkingBudget" : "thinkingLevel", quote, wanted[m], quote, thoughts);
            expect_body(&target, &request, json);
        }
    }
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target old = target_of("google", OLD, false), budget = target_of("google", PRO, false), new = target_of("google", NEW, false);
    request.thinking_budget_tokens = 3000;
    expect_body(&budget, &request, CONFIG("\"thinkingConfig\":{\"thinkingBudget\":3000,\"includeThoughts\":true}"));
    expect_unsupported(&new, &request, "thinking_budget_tokens");
    expect_unsupported(&old, &request, "effort");
    request.effort = LLMCOST_EFFORT_LOW; /* each model gets what it takes */
    expect_body(&budget, &request, CONFIG("\"thinkingConfig\":{\"thinkingBudget\":3000,\"includeThoughts\":true}"));
    expect_body(&new, &request, CONFIG("\"thinkingConfig\":{\"thinkingLevel\":\"LOW\",\"includeThoughts\":true}"));
    request.thinking_budget_tokens = 0;
    expect_unsupported(&old, &request, "effort");
    request.effort = LLMCOST_EFFORT_NONE;
    expect_body(&old, &request, BODY(""));
}

static void vectors_are_asked_for(void **state)
{
    (void)state;
    static const char *const inputs[] = { "one", "twofold" };
    static const size_t bytes[] = { 3, 3 };
    llmcost_request request = request_of(NULL, 0);
    llmc_codec_target google = target_of("google", "gemini-embedding-001", false), vertex = target_of("vertex", "gemini-embedding-001", false);
    request.inputs = inputs;
    request.input_count = 1;
#define INPUT(text, more) "{\"model\":\"models/gemini-embedding-001\",\"content\":{\"parts\":[{\"text\":\"" text "\"}]}" more "}"
    expect_encoded(&google, LLMC_OP_EMBED, &request, "POST", "/models/gemini-embedding-001:embedContent", INPUT("one", ""));
    request.input_count = 2;
    request.input_bytes = bytes;
    request.dimensions = 256;
    request.input_purpose = LLMCOST_INPUT_QUERY;
#define MORE ",\"taskType\":\"RETRIEVAL_QUERY\",\"outputDimensionality\":256"
    expect_encoded(&google, LLMC_OP_EMBED, &request, "POST", "/models/gemini-embedding-001:batchEmbedContents",
                "{\"requests\":[" INPUT("one", MORE) "," INPUT("two", MORE) "]}");
    expect_encoded(&vertex, LLMC_OP_EMBED, &request, "POST", "/models/gemini-embedding-001:predict",
                "{\"instances\":[{\"content\":\"one\",\"task_type\":\"RETRIEVAL_QUERY\"},{\"content\":\"two\",\"task_type\":\"RETRIEVAL_QUERY\"}],\"parameters\":{\"outputDimensionality\":256}}");
    expect_nothing_lost_without_memory(LLMC_OP_EMBED, &google, &request);
    expect_nothing_lost_without_memory(LLMC_OP_EMBED, &vertex, &request);
    request.extra = "{\"title\":\"t\"}";
    request.dimensions = request.input_purpose = 0;
    expect_encoded(&google, LLMC_OP_EMBED, &request, "POST", "/models/gemini-embedding-001:batchEmbedContents",
                "{\"requests\":[" INPUT("one", ",\"title\":\"t\"") "," INPUT("two", ",\"title\":\"t\"") "]}");
    static const char *const tasks[] = { "RETRIEVAL_DOCUMENT", "RETRIEVAL_QUERY", "CLASSIFICATION", "CLUSTERING" };
    request.extra = NULL;
    request.input_count = 1;
    for (int i = 0; i < 4; i++) {
        char json[300];
        snprintf(json, sizeof json, "{\"model\":\"models/gemini-embedding-001\",\"content\":{\"parts\":[{\"text\":\"one\"}]},\"taskType\":\"%s\"}", tasks[i]);
        request.input_purpose = i + 1;
        expect_encoded(&google, LLMC_OP_EMBED, &request, "POST", "/models/gemini-embedding-001:embedContent", json);
    }
}

static void counts_are_asked_for(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target google = target_of("google", NEW, false), vertex = target_of("vertex", NEW, false);
    request.tools = tools;
    request.tool_count = 2;
    request.tool_choice = LLMCOST_TOOLS_REQUIRED;
    request.max_tokens = 9;
    request.extra = "{\"safetySettings\":[]}";
#define COUNTED TOOLS MODE("ANY", "") ",\"generationConfig\":{\"maxOutputTokens\":9},\"safetySettings\":[]"
    expect_encoded(&google, LLMC_OP_COUNT_TOKENS, &request, "POST", "/models/" NEW ":countTokens",
                "{\"generateContentRequest\":{\"model\":\"models/" NEW "\"," HELLO COUNTED "}}");
    google.model = "tunedModels/t";
    expect_encoded(&google, LLMC_OP_COUNT_TOKENS, &request, "POST", "/tunedModels/t:countTokens",
                "{\"generateContentRequest\":{\"model\":\"tunedModels/t\"," HELLO COUNTED "}}");
    expect_encoded(&vertex, LLMC_OP_COUNT_TOKENS, &request, "POST", "/models/" NEW ":countTokens", "{" HELLO TOOLS ",\"generationConfig\":{\"maxOutputTokens\":9}}");
    expect_nothing_lost_without_memory(LLMC_OP_COUNT_TOKENS, &google, &request);
    expect_nothing_lost_without_memory(LLMC_OP_COUNT_TOKENS, &vertex, &request);
}

static void what_it_cannot_do_is_said(void **state)
{
    (void)state;
    static const char *const stop[] = { "a", "b", "c", "d", "e", "f" };
    const struct { const char *field; llmcost_request request; } cases[] = {
        { "n", { .n = 9 } }, { "stop", { .stop = stop, .stop_count = 6 } }, { "temperature", { .has_temperature = 1, .temperature = 2.5 } },
        { "seed", { .has_seed = 1, .seed = INT64_C(1) << 40 } }, { "top_logprobs", { .logprobs = 1, .top_logprobs = 21 } }, { "end_user", { .end_user = "u" } },
        { "parallel_tool_calls", { .tools = tools, .tool_count = 1, .parallel_tool_calls = LLMCOST_OFF } },
        { "format", { .tools = tools, .tool_count = 1, .format = LLMCOST_FORMAT_JSON } },
    };
    llmc_codec_target target = target_of("google", BUDGET, false), new = target_of("vertex", NEW, false);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        llmcost_request request = cases[i].request;
        request.messages = hello;
        request.message_count = 1;
        expect_unsupported(&target, &request, cases[i].field);
    }
    llmcost_request request = request_of(hello, 1);
    request.tools = tools;
    request.tool_count = 1;
    request.format = LLMCOST_FORMAT_JSON;
    expect_body(&new, &request, "{" HELLO ",\"tools\":[{\"functionDeclarations\":[{\"name\":\"weather\",\"description\":\"What it is like\",\"parametersJsonSchema\":{\"type\":\"object\"}}]}],"
                                "\"generationConfig\":{\"responseMimeType\":\"application/json\"}}");
    const llmcost_part picture = { .type = LLMCOST_PART_IMAGE_URL, .url = "https://example.org/a" }, close = { .type = LLMCOST_PART_IMAGE_URL, .url = "https://example.org/a", .detail = "high" };
    const llmcost_part gif = { .type = LLMCOST_PART_IMAGE, .data = "x", .data_bytes = 1, .media_type = "image/gif" }, sound = { .type = LLMCOST_PART_AUDIO, .data = "x", .data_bytes = 1, .media_type = "audio/wav" };
    const struct { const char *field; llmcost_message messages[2]; } turns[] = {
        { "messages[1] system text", { { .role = LLMCOST_USER, .text = "x" }, { .role = LLMCOST_SYSTEM, .text = "x" } } },
        { "messages[1].name", { { .role = LLMCOST_USER, .text = "x" }, { .role = LLMCOST_USER, .text = "x", .name = "Ann" } } },
        { "messages[1] image", { { .role = LLMCOST_USER, .text = "x" }, { .role = LLMCOST_ASSISTANT, .parts = &picture, .part_count = 1 } } },
        { "messages[0] file", { { .role = LLMCOST_SYSTEM, .parts = &sound, .part_count = 1 }, { .role = LLMCOST_USER, .text = "x" } } },
        { "messages[1] image", { { .role = LLMCOST_USER, .text = "x" }, { .role = LLMCOST_TOOL, .tool_call_id = "t", .parts = &picture, .part_count = 1 } } },
        { "messages[0] image detail", { { .role = LLMCOST_USER, .parts = &close, .part_count = 1 }, { .role = LLMCOST_USER, .text = "x" } } },
        { "messages[0] image type", { { .role = LLMCOST_USER, .parts = &gif, .part_count = 1 }, { .role = LLMCOST_USER, .text = "x" } } },
        { "messages", { { .role = LLMCOST_SYSTEM, .text = "x" }, { .role = LLMCOST_SYSTEM, .text = "x" } } },
    };
    for (size_t i = 0; i < sizeof turns / sizeof turns[0]; i++) {
        request = request_of(turns[i].messages, 2);
        expect_unsupported(&target, &request, turns[i].field);
    }
}

static void what_is_malformed_is_named(void **state)
{
    (void)state;
    llmc_codec_target target = target_of("google", NEW, false);
    llmcost_tool_call call = { .id = "c", .name = "f", .arguments = "[1]" };
    llmcost_part part = { .type = LLMCOST_PART_IMAGE_URL, .url = "data:text,hello" };
    llmcost_tool tool = { .name = "f", .parameters = "{" };
    llmcost_message message = { .role = LLMCOST_ASSISTANT, .tool_calls = &call, .tool_call_count = 1 };
    llmcost_request request = request_of(&message, 1);
    expect_invalid(&target, &request, "messages[0].tool_calls[0].arguments");
    call = (llmcost_tool_call){ .id = "c", .name = NULL, .arguments = "{}" };
    expect_invalid(&target, &request, "messages[0].tool_calls[0].name");
    message = (llmcost_message){ .role = LLMCOST_TOOL, .text = "x" };
    expect_invalid(&target, &request, "messages[0].tool_call_id");
    message = (llmcost_message){ .role = LLMCOST_USER, .parts = &part, .part_count = 1 };
    expect_invalid(&target, &request, "messages[0].parts[0].url");
    part = (llmcost_part){ .type = LLMCOST_PART_DOCUMENT };
    expect_invalid(&target, &request, "messages[0].parts[0].url");
    part = (llmcost_part){ .type = LLMCOST_PART_IMAGE, .media_type = "image/png" };
    expect_invalid(&target, &request, "messages[0].parts[0]");
    part = (llmcost_part){ .type = LLMCOST_PART_AUDIO, .data = "x", .data_bytes = 1, .media_type = "wav\n" };
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

static const replay_how whole = { .codec = &llmc_codec_gemini };
static const replay_how stream = { .codec = &llmc_codec_gemini, .stream = true };

static const char full_body[] =
    "{\"usageMetadata\":{\"promptTokenCount\":1000,\"cachedContentTokenCount\":400,\"candidatesTokenCount\":100,\"thoughtsTokenCount\":900,\"toolUsePromptTokenCount\":50,"
    "\"totalTokenCount\":2050,\"serviceTier\":\"standard\",\"promptTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":900},{\"modality\":\"AUDIO\",\"tokenCount\":100}],"
    "\"cacheTokensDetails\":[{\"modality\":\"AUDIO\",\"tokenCount\":30}],\"candidatesTokensDetails\":[{\"modality\":\"AUDIO\",\"tokenCount\":20},{\"modality\":\"TEXT\",\"tokenCount\":80}]},"
    "\"candidates\":[{\"finishReason\":\"STOP\",\"avgLogprobs\":-0.1,\"content\":{\"parts\":[{\"text\":\"hm\",\"thought\":true,\"thoughtSignature\":\"dGg\\u003d\"},"
    "{\"text\":\"Snow \\ud83d\\ude00\",\"thoughtSignature\":\"dGV4dA==\"},{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AAAA\"},\"thoughtSignature\":\"aW1n\"},"
    "{\"executableCode\":{\"code\":\"1\"}},{\"codeExecutionResult\":{\"output\":\"1\"}},{\"fileData\":{\"fileUri\":\"f\"}},{\"new\":[1]},"
    "{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":[1, 2]}},\"thoughtSignature\":\"c2ln\"},{\"functionCall\":{\"id\":\"x1\",\"name\":\"g\"}}],\"role\":\"model\"},"
    "\"citationMetadata\":{\"citationSources\":[1]},\"groundingMetadata\":{\"webSearchQueries\":[\"q\"]},\"urlContextMetadata\":{\"u\":1},\"safetyRatings\":[{\"p\":1}],\"index\":0,"
    "\"finishMessage\":\"Model generated function call(s).\"}],\"modelVersion\":\"gemini-x\",\"responseId\":\"r1\"}";
#define FULL_ID "llmc_4ed0cba1dcbdf989"
#define FULL_LOG                                                                                                                                            \
    "META 0 0 id= name=gemini-x |r1|\n" "REASONING 0 0 |hm|\n" "REASONING_HIDDEN 0 0 |gemini:thought:dGg=\n|\n" "TEXT 0 0 |Snow \xf0\x9f\x98\x80|\n"         \
    "REASONING_HIDDEN 0 0 |gemini:text:dGV4dA==\n|\n" "EXTRA 0 0 id= name=inline_data |[{\"mimeType\":\"image/png\",\"data\":\"AAAA\"}]|\n"                  \
    "EXTRA 0 0 id= name=executableCode |[{\"code\":\"1\"}]|\n" "EXTRA 0 0 id= name=codeExecutionResult |[{\"output\":\"1\"}]|\n"                              \
    "EXTRA 0 0 id= name=fileData |[{\"fileUri\":\"f\"}]|\n" "TOOL_CALL 0 0 id=" FULL_ID " name=f ||\n" "TOOL_ARGUMENTS 0 0 |{\"a\":[1, 2]}|\n"                \
    "REASONING_HIDDEN 0 0 |gemini:0:c2ln\n|\n" "TOOL_CALL 0 1 id=x1 name=g ||\n" "TOOL_ARGUMENTS 0 1 |{}|\n"                                                 \
    "EXTRA 0 0 id= name=groundingMetadata |{\"webSearchQueries\":[\"q\"]}|\n" "EXTRA 0 0 id= name=citationMetadata |{\"citationSources\":[1]}|\n"             \
    "EXTRA 0 0 id= name=urlContextMetadata |{\"u\":1}|\n" "EXTRA 0 0 id= name=safetyRatings |[{\"p\":1}]|\n"                                                  \
    "USAGE 0 0 0=580 1=400 5=80 6=900 7=70 8=20 p=1050 c=100 t=2050 cost=-1 flags=1 tier=default ||\n"
#define FULL_FINISH "FINISH 0 0 finish=3 STOP ||\n"

static void a_whole_answer(void **state)
{
    (void)state;
    expect_events(&whole, full_body, LLMCOST_OK, FULL_LOG FULL_FINISH);
    expect_decoder_clean_without_memory(&whole, full_body);
    expect_stoppable(&whole, full_body);
}

#define DATA(json) "data: " json "\r\n\r\n"
#define CHUNK(parts, more) DATA("{\"candidates\":[{\"content\":{\"parts\":[" parts "],\"role\":\"model\"}" more "}],\"modelVersion\":\"m\",\"responseId\":\"i\"}")
#define FIGURES(figures) "],\"usageMetadata\":{" figures "}"
#define META "META 0 0 id= name=m |i|\n"

static const char full_stream[] =
    DATA("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\",\"thought\":true}],\"role\":\"model\"},\"index\":0,\"safetyRatings\":[{\"p\":1}]}],"
         "\"usageMetadata\":{\"promptTokenCount\":18,\"totalTokenCount\":89,\"thoughtsTokenCount\":71},\"modelVersion\":\"m\",\"responseId\":\"i\"}")
    DATA("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Snow \\ud83d\"}]},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":18,\"candidatesTokenCount\":2,"
         "\"totalTokenCount\":91,\"thoughtsTokenCount\":71}}")
    DATA("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\\ude00!\"},{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":1},\"id\":\"k\"},\"thoughtSignature\":\"c2ln\"}]},"
         "\"finishReason\":\"STOP\"}]}")
    DATA("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\",\"thoughtSignature\":\"ZW5k\"}]},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":"
         "{\"candidatesTokenCount\":7,\"totalTokenCount\":96,\"trafficType\":\"ON_DEMAND\"}}");

static void a_streamed_answer(void **state)
{
    (void)state;
    expect_events(&stream, full_stream, LLMCOST_OK,
                  META "REASONING 0 0 |hm|\n" "USAGE 0 0 0=18 6=71 p=18 c=-1 t=89 cost=-1 flags=1 tier= ||\n"
                  "TEXT 0 0 |Snow |\n" "USAGE 0 0 0=18 5=2 6=71 p=18 c=2 t=91 cost=-1 flags=1 tier= ||\n" "TEXT 0 0 |\xf0\x9f\x98\x80!|\n"
                  "TOOL_CALL 0 0 id=k name=f ||\n" "TOOL_ARGUMENTS 0 0 |{\"a\":1}|\n" "REASONING_HIDDEN 0 0 |gemini:0:c2ln\n|\n" "REASONING_HIDDEN 0 0 |gemini:end:ZW5k\n|\n"
                  "USAGE 0 0 0=18 5=7 6=71 p=18 c=7 t=96 cost=-1 flags=1 tier=default ||\n" "FINISH 0 0 finish=3 STOP ||\n");
    expect_decoder_clean_without_memory(&stream, full_stream);
    expect_stoppable(&stream, full_stream);
}

static void a_stream_as_one_array(void **state)
{
    (void)state;
    static const char body[] = "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}],\"modelVersion\":\"m\",\"responseId\":\"i\"}\n,\r\n"
                               "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}]},\"finishReason\":\"MAX_TOKENS\"}],\"usageMetadata\":{\"promptTokenCount\":1}}]";
    expect_events(&whole, body, LLMCOST_OK, META "TEXT 0 0 |a|\nTEXT 0 0 |b|\nUSAGE 0 0 0=1 p=1 c=-1 t=-1 cost=-1 flags=1 tier= ||\nFINISH 0 0 finish=2 MAX_TOKENS ||\n");
    expect_decoder_clean_without_memory(&whole, body);
    expect_status(&whole, "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}]", LLMCOST_E_TRUNCATED);
    expect_status(&whole, "[]", LLMCOST_E_TRUNCATED);
    expect_status(&whole, "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]},", LLMCOST_E_TRUNCATED);
    expect_status(&whole, "[{\"error\":{\"code\":503,\"message\":\"The model is overloaded.\",\"status\":\"UNAVAILABLE\"}}]", LLMCOST_E_OVERLOADED);
    const replay_how refused = { .codec = &llmc_codec_gemini, .http_status = 400 };
    expect_status(&refused, "[{\"error\":{\"code\":400,\"message\":\"m\",\"status\":\"INVALID_ARGUMENT\"}}]", LLMCOST_E_INVALID_REQUEST);
}

static void several_candidates(void **state)
{
    (void)state;
    expect_events(&whole,
                  "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"STOP\"},{\"content\":{\"parts\":[{\"text\":\"b\"}]},\"finishReason\":\"SAFETY\",\"index\":1}],"
                  "\"modelVersion\":\"m\",\"responseId\":\"i\"}",
                  LLMCOST_OK, META "TEXT 0 0 |a|\nTEXT 1 0 |b|\nFINISH 0 0 finish=1 STOP ||\nFINISH 1 0 finish=4 SAFETY ||\n");
}

/* Whether thoughts are in the candidates: asked of the total. */
static void figures_are_made_disjoint(void **state)
{
    (void)state;
    static const struct { const char *figures, *usage; } rows[] = {
        { "\"promptTokenCount\":1200,\"toolUsePromptTokenCount\":50,\"candidatesTokenCount\":100,\"thoughtsTokenCount\":900,\"totalTokenCount\":2250", "0=1250 5=100 6=900 p=1250 c=100 t=2250 cost=-1 flags=1 tier=" },
        { "\"promptTokenCount\":10,\"candidatesTokenCount\":100,\"thoughtsTokenCount\":60,\"totalTokenCount\":110", "0=10 5=40 6=60 p=10 c=100 t=110 cost=-1 flags=1 tier=" },
        { "\"promptTokenCount\":10,\"candidatesTokenCount\":100,\"thoughtsTokenCount\":60", "0=10 5=100 6=60 p=10 c=100 t=-1 cost=-1 flags=1 tier=" },
        { "\"promptTokenCount\":10,\"candidatesTokenCount\":100,\"thoughtsTokenCount\":60,\"totalTokenCount\":999", "0=10 5=100 6=60 p=10 c=100 t=999 cost=-1 flags=3 tier=" },
        /* as many tokens of audio as of thoughts */
        { "\"promptTokenCount\":500,\"candidatesTokenCount\":9,\"thoughtsTokenCount\":60,\"totalTokenCount\":569,\"promptTokensDetails\":[{\"tokenCount\":60,\"modality\":\"AUDIO\"}]",
          "0=440 5=9 6=60 7=60 p=500 c=9 t=569 cost=-1 flags=1 tier=" },
        { "\"promptTokenCount\":500,\"cachedContentTokenCount\":100,\"candidatesTokenCount\":9,\"totalTokenCount\":509,\"promptTokensDetails\":[{\"tokenCount\":60,\"modality\":\"AUDIO\"}],"
          "\"cacheTokensDetails\":[{\"tokenCount\":60,\"modality\":\"AUDIO\"}]", "0=400 1=100 5=9 7=0 p=500 c=9 t=509 cost=-1 flags=1 tier=" },
        { "\"promptTokenCount\":5,\"serviceTier\":\"flex\"", "0=5 p=5 c=-1 t=-1 cost=-1 flags=1 tier=flex" },
        { "\"promptTokenCount\":5,\"trafficType\":\"ON_DEMAND_PRIORITY\"", "0=5 p=5 c=-1 t=-1 cost=-1 flags=1 tier=priority" },
        { "\"promptTokenCount\":5,\"trafficType\":\"PROVISIONED_THROUGHPUT\"", "0=5 p=5 c=-1 t=-1 cost=-1 flags=1 tier=provisioned" },
        { "\"promptTokenCount\":5,\"serviceTier\":[1],\"candidatesTokenCount\":-3,\"promptTokensDetails\":{},\"thoughtsTokenCount\":\"x\"", "0=5 p=5 c=-1 t=-1 cost=-1 flags=1 tier=" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[700], log[300];
        snprintf(body, sizeof body, "{\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{%s}}", rows[i].figures);
        snprintf(log, sizeof log, "META 0 0 ||\nUSAGE 0 0 %s ||\nFINISH 0 0 finish=1 STOP ||\n", rows[i].usage);
        expect_events(&whole, body, LLMCOST_OK, log);
    }
}

static void finish_reasons(void **state)
{
    (void)state;
    static const struct { const char *word; int finish; } words[] = {
        { "STOP", 1 }, { "MAX_TOKENS", 2 }, { "SAFETY", 4 }, { "RECITATION", 4 }, { "LANGUAGE", 4 }, { "BLOCKLIST", 4 }, { "PROHIBITED_CONTENT", 4 }, { "SPII", 4 },
        { "IMAGE_SAFETY", 4 }, { "IMAGE_PROHIBITED_CONTENT", 4 }, { "IMAGE_RECITATION", 4 }, { "OTHER", 7 }, { "MALFORMED_FUNCTION_CALL", 7 }, { "UNEXPECTED_TOOL_CALL", 7 },
        { "TOO_MANY_TOOL_CALLS", 7 }, { "NO_IMAGE", 7 }, { "IMAGE_OTHER", 7 }, { "WHAT_IS_THIS", 1 },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        char body[300], log[300];
        snprintf(body, sizeof body, "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]},\"finishReason\":\"%s\"}],\"modelVersion\":\"m\",\"responseId\":\"i\"}", words[i].word);
        snprintf(log, sizeof log, META "TEXT 0 0 |x|\nFINISH 0 0 finish=%d %s ||\n", words[i].finish, words[i].word);
        expect_events(&whole, body, LLMCOST_OK, log);
    }
    expect_events(&whole, "{\"candidates\":[{\"finishReason\":\"MALFORMED_FUNCTION_CALL\",\"finishMessage\":\"print(\\\"x\\\")\"}],\"modelVersion\":\"m\",\"responseId\":\"i\"}", LLMCOST_OK,
                  META "EXTRA 0 0 id= name=finishMessage |\"print(\\\"x\\\")\"|\nFINISH 0 0 finish=7 MALFORMED_FUNCTION_CALL ||\n");
    expect_events(&whole, "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]}}],\"modelVersion\":\"m\",\"responseId\":\"i\"}", LLMCOST_OK, META "TEXT 0 0 |x|\nFINISH 0 0 finish=1  ||\n");
    /* The last reason counts, and the empty one does not. */
    expect_events(&stream, CHUNK("{\"text\":\"a\"}", ",\"finishReason\":\"STOP\"") CHUNK("{\"text\":\"b\"}", ",\"finishReason\":\"MAX_TOKENS\"")
                           CHUNK("", ",\"finishReason\":\"FINISH_REASON_UNSPECIFIED\""), LLMCOST_OK,
                  META "TEXT 0 0 |a|\nTEXT 0 0 |b|\nFINISH 0 0 finish=2 MAX_TOKENS ||\n");
}

static void blocked_prompts(void **state)
{
    (void)state;
#define BLOCKED "{\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\",\"blockReasonMessage\":\"Not this.\"},\"usageMetadata\":{\"promptTokenCount\":9,\"totalTokenCount\":9},\"modelVersion\":\"m\",\"responseId\":\"i\"}"
    static const char log[] = META "REFUSAL 0 0 |Not this.|\nEXTRA 0 0 id= name=promptFeedback |{\"blockReason\":\"PROHIBITED_CONTENT\",\"blockReasonMessage\":\"Not this.\"}|\n"
                              "USAGE 0 0 0=9 p=9 c=-1 t=9 cost=-1 flags=1 tier= ||\nFINISH 0 0 finish=4 PROHIBITED_CONTENT ||\n";
    expect_events(&whole, BLOCKED, LLMCOST_OK, log);
    expect_events(&stream, DATA(BLOCKED), LLMCOST_OK, log);
    expect_events(&whole, "[" BLOCKED "]", LLMCOST_OK, log);
    expect_stoppable(&whole, BLOCKED);
    /* Feedback without a reason is none. */
    expect_events(&whole, "{\"promptFeedback\":{\"safetyRatings\":[{\"p\":1}]},\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]},\"finishReason\":\"STOP\"}],\"modelVersion\":\"m\",\"responseId\":\"i\"}",
                  LLMCOST_OK, META "TEXT 0 0 |x|\nFINISH 0 0 finish=1 STOP ||\n");
}

static void logprobs_in_the_common_shape(void **state)
{
    (void)state;
    static const char body[] =
        "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]},\"finishReason\":\"STOP\",\"logprobsResult\":{\"topCandidates\":[{\"candidates\":[{\"token\":\"x\",\"tokenId\":1,"
        "\"logProbability\":-0.5},{\"token\":\"\\\"\",\"logProbability\":-1e-3}]}],\"chosenCandidates\":[{\"token\":\"x\",\"logProbability\":-0.5},{\"token\":\"y\"}]}}],\"modelVersion\":\"m\",\"responseId\":\"i\"}";
    expect_events(&whole, body, LLMCOST_OK,
                  META "TEXT 0 0 |x|\nLOGPROBS 0 0 |[{\"token\":\"x\",\"logprob\":-0.5,\"bytes\":null,\"top_logprobs\":[{\"token\":\"x\",\"logprob\":-0.5,\"bytes\":null},"
                  "{\"token\":\"\\\"\",\"logprob\":-1e-3,\"bytes\":null}]},{\"token\":\"y\",\"logprob\":null,\"bytes\":null,\"top_logprobs\":[]}]|\nFINISH 0 0 finish=1 STOP ||\n");
    expect_decoder_clean_without_memory(&whole, body);
    expect_events(&whole, "{\"candidates\":[{\"finishReason\":\"STOP\",\"logprobsResult\":{\"topCandidates\":[]}}],\"modelVersion\":\"m\",\"responseId\":\"i\"}", LLMCOST_OK,
                  META "FINISH 0 0 finish=1 STOP ||\n");
}

static void failures_and_ends(void **state)
{
    (void)state;
    expect_events(&stream, CHUNK("{\"text\":\"x\"}", "") DATA("{\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}"), LLMCOST_E_OVERLOADED, META "TEXT 0 0 |x|\n");
    expect_status(&stream, DATA("{\"error\":{\"code\":429,\"message\":\"slow\",\"status\":\"RESOURCE_EXHAUSTED\"}}"), LLMCOST_E_RATE_LIMITED);
    expect_status(&whole, "{\"error\":{\"code\":500,\"message\":\"m\",\"status\":\"INTERNAL\"}}", LLMCOST_E_SERVER);
    expect_events(&stream, CHUNK("{\"text\":\"x\"}", ""), LLMCOST_E_TRUNCATED, META "TEXT 0 0 |x|\n");
    expect_status(&stream, "", LLMCOST_E_TRUNCATED);
    expect_status(&stream, CHUNK("{\"text\":\"x\"}", ",\"finishReason\":\"STOP\""), LLMCOST_OK);
    expect_status(&stream, CHUNK("{\"text\":\"x\"}", ",\"finishReason\":\"STOP\"") "data: \n\n", LLMCOST_OK);
    expect_status(&stream, "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}", LLMCOST_OK); /* without its blank line */
    expect_status(&stream, "data: {\"candidates\":\n\n", LLMCOST_E_MALFORMED);
    expect_status(&stream, "data: [1]\n\n", LLMCOST_E_MALFORMED);
    expect_status(&stream, DATA("{\"candidates\":[{\"index\":128}]}"), LLMCOST_E_MALFORMED);
    expect_status(&stream, DATA("{\"candidates\":[{\"index\":-1}]}"), LLMCOST_E_MALFORMED);
    expect_status(&stream, DATA("{\"candidates\":[{\"index\":99999999999}]}"), LLMCOST_E_MALFORMED);
    expect_status(&stream, DATA("{\"candidates\":[{\"index\":\"x\",\"content\":7,\"finishReason\":[]},3,[],{\"content\":{\"parts\":[1,{\"text\":{}},{\"functionCall\":[]}]}}]}"), LLMCOST_OK);
    expect_status(&whole, "<html>", LLMCOST_E_MALFORMED);
    expect_status(&whole, "{}", LLMCOST_E_MALFORMED);
    expect_status(&whole, "7", LLMCOST_E_MALFORMED);
    expect_status(&whole, "{\"candidates\":[]}", LLMCOST_E_MALFORMED);
    expect_status(&whole, "", LLMCOST_E_TRUNCATED);
}

static void refusals_of_the_host(void **state)
{
    (void)state;
    static const struct { int32_t http; const char *error; llmcost_status status; } rows[] = {
        { 400, "\"status\":\"INVALID_ARGUMENT\",\"message\":\"m\"", LLMCOST_E_INVALID_REQUEST },
        { 400, "\"status\":\"INVALID_ARGUMENT\",\"message\":\"m\",\"details\":[{\"@type\":\"t\",\"reason\":\"API_KEY_INVALID\"}]", LLMCOST_E_AUTH },
        { 400, "\"status\":\"INVALID_ARGUMENT\",\"message\":\"The input token count (9) exceeds the maximum number of tokens allowed (8).\"", LLMCOST_E_CONTEXT_LENGTH },
        { 400, "\"status\":\"FAILED_PRECONDITION\",\"message\":\"User location is not supported for the API use.\"", LLMCOST_E_PERMISSION },
        { 401, "\"status\":\"UNAUTHENTICATED\",\"message\":\"m\"", LLMCOST_E_AUTH }, { 402, "\"message\":\"m\"", LLMCOST_E_QUOTA },
        { 403, "\"status\":\"PERMISSION_DENIED\",\"message\":\"m\"", LLMCOST_E_PERMISSION },
        { 403, "\"status\":\"PERMISSION_DENIED\",\"message\":\"m\",\"details\":[{\"reason\":\"BILLING_DISABLED\"}]", LLMCOST_E_QUOTA },
        { 404, "\"status\":\"NOT_FOUND\",\"message\":\"m\"", LLMCOST_E_NOT_FOUND }, { 429, "\"status\":\"RESOURCE_EXHAUSTED\",\"message\":\"m\"", LLMCOST_E_RATE_LIMITED },
        { 499, "\"status\":\"CANCELLED\",\"message\":\"m\"", LLMCOST_E_CANCELLED }, { 500, "\"status\":\"INTERNAL\",\"message\":\"m\"", LLMCOST_E_SERVER },
        { 503, "\"status\":\"UNAVAILABLE\",\"message\":\"m\"", LLMCOST_E_OVERLOADED }, { 504, "\"status\":\"DEADLINE_EXCEEDED\",\"message\":\"m\"", LLMCOST_E_SERVER_TIMEOUT },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[400];
        const replay_how how = { .codec = &llmc_codec_gemini, .http_status = rows[i].http };
        snprintf(body, sizeof body, "{\"error\":{\"code\":%d,%s}}", (int)rows[i].http, rows[i].error);
        expect_status(&how, body, rows[i].status);
        expect_status(&how, "", llmc_status_from_http(rows[i].http));
    }
    const replay_how limited = { .codec = &llmc_codec_gemini, .http_status = 429 };
    static const char body[] = "{\"error\":{\"code\":429,\"message\":\"m\",\"details\":[{\"@type\":\"t\",\"retryDelay\":\"17s\"}]}}";
    replay r;
    replay_whole(&r, &limited, body, strlen(body));
    assert_int_equal(r.error.retry_after_ms, 17000);
    replay_free(&r);
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
    size_t length = (size_t)snprintf(body, room, "{\"candidates\":[{\"content\":{\"parts\":[");
    for (int i = 0; i < 1025; i++)
        length += (size_t)snprintf(body + length, room - length, "%s{\"functionCall\":{\"name\":\"f\"}}", i ? "," : "");
    snprintf(body + length, room - length, "]}}]}");
    replay r;
    replay_whole(&r, &whole, body, strlen(body));
    assert_int_equal(r.status, LLMCOST_E_MALFORMED);
    assert_int_equal(r.tool_calls, 1024);
    replay_free(&r);
    free(body);
}

static void signatures_that_are_none_are_dropped(void **state)
{
    (void)state;
    expect_events(&whole, "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\",\"thoughtSignature\":\"a\\nb\"},{\"text\":\"y\",\"thoughtSignature\":7},{\"text\":\"z\",\"thoughtSignature\":\"\\u00e9\"}]},"
                          "\"finishReason\":\"STOP\"}],\"modelVersion\":\"m\",\"responseId\":\"i\"}",
                  LLMCOST_OK, META "TEXT 0 0 |x|\nTEXT 0 0 |y|\nTEXT 0 0 |z|\nFINISH 0 0 finish=1 STOP ||\n");
}

static bool gather(void *user, const llmcost_event *event)
{
    return llmc_answer_builder_add(user, event);
}

/* An answer goes back as it came: its signatures stand on the parts that they came with. */
static void an_answer_goes_back(void **state)
{
    (void)state;
    llmc_answer_builder builder;
    llmc_decoder decoder;
    llmcost_error error;
    llmc_usage usage;
    void *memory = malloc(llmc_codec_gemini.decoder_bytes);
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_usage_init(&usage);
    llmc_answer_builder_init(&builder, &llmc_allocator_system, 1 << 20);
    llmc_decoder_begin(&decoder, &llmc_codec_gemini, LLMC_OP_CHAT, &llmc_allocator_system, 0, false, 200, gather, &builder, &error, memory);
    const llmc_frame frame = { "", full_body, strlen(full_body) };
    assert_int_equal(llmc_codec_gemini.decode_frame(&decoder, &frame), LLMCOST_OK);
    llmc_answer *answer = llmc_answer_build(&builder, "google", "r", &usage, 0);
    assert_non_null(answer);
    const llmcost_message messages[] = { hello[0], *answer->choices[0].message, { .role = LLMCOST_TOOL, .tool_call_id = FULL_ID, .text = "{}" },
                                         { .role = LLMCOST_TOOL, .tool_call_id = "x1", .text = "{}" } };
    llmcost_request request = request_of(messages, 4);
    llmc_codec_target target = target_of("google", NEW, false);
    expect_body(&target, &request,
                "{\"contents\":[" USER(TEXT("Hello")) ","
                MODEL("{\"text\":\"hm\",\"thought\":true,\"thoughtSignature\":\"dGg=\"},{\"text\":\"Snow \xf0\x9f\x98\x80\",\"thoughtSignature\":\"dGV4dA==\"},"
                      "{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":[1, 2]}},\"thoughtSignature\":\"c2ln\"},{\"functionCall\":{\"id\":\"x1\",\"name\":\"g\",\"args\":{}}}") ","
                USER("{\"functionResponse\":{\"name\":\"f\",\"response\":{}}},{\"functionResponse\":{\"id\":\"x1\",\"name\":\"g\",\"response\":{}}}") "]}");
    llmc_answer_unref(answer);
    llmc_decoder_free(&decoder);
    llmc_answer_builder_free(&builder);
    llmc_error_clear(&error);
    free(memory);
}

/* ---- models, vectors, counts ---- */

static void lists_of_models(void **state)
{
    (void)state;
    const replay_how list = { .codec = &llmc_codec_gemini, .operation = LLMC_OP_LIST_MODELS };
    expect_events(&list, "{\"models\":[{\"name\":\"models/gemini-a\",\"displayName\":\"A\"},{\"name\":\"tunedModels/b\"},{\"name\":\"publishers/google/models/c\"},{\"x\":1},3],\"nextPageToken\":\"t\"}",
                  LLMCOST_OK, "MODEL 0 0 |gemini-a|\nMODEL 0 0 |tunedModels/b|\nMODEL 0 0 |c|\n");
    expect_events(&list, "{\"publisherModels\":[{\"name\":\"publishers/google/models/c\"}]}", LLMCOST_OK, "MODEL 0 0 |c|\n");
    expect_status(&list, "{\"error\":{\"code\":403,\"message\":\"m\",\"status\":\"PERMISSION_DENIED\"}}", LLMCOST_E_PERMISSION);
    expect_status(&list, "{\"models\":7}", LLMCOST_E_MALFORMED);
    expect_status(&list, "{\"models\":[", LLMCOST_E_TRUNCATED);
}

static void vectors(void **state)
{
    (void)state;
    const replay_how embed = { .codec = &llmc_codec_gemini, .operation = LLMC_OP_EMBED };
    static const char batch[] = "{\"embeddings\":[{\"values\":[0.5,-2,1e3]},{\"values\":[1],\"statistics\":{\"tokenCount\":3}}],\"usageMetadata\":{\"promptTokenCount\":7,\"totalTokenCount\":7}}";
    expect_events(&embed, "{\"embedding\":{\"values\":[0.5,-2,1e3]}}", LLMCOST_OK, "EMBEDDING 0 0 |0.5 -2 1000|\n");
    expect_events(&embed, batch, LLMCOST_OK, "EMBEDDING 0 0 |0.5 -2 1000|\nEMBEDDING 1 0 |1|\nUSAGE 0 0 0=7 p=7 c=-1 t=7 cost=-1 flags=1 tier= ||\n");
    expect_decoder_clean_without_memory(&embed, batch);
    expect_stoppable(&embed, batch);
    expect_events(&embed, "{\"predictions\":[{\"embeddings\":{\"statistics\":{\"truncated\":false,\"token_count\":6},\"values\":[1,2]}},{\"embeddings\":{\"values\":[3],\"statistics\":{\"token_count\":2}}}],"
                          "\"metadata\":{\"billableCharacterCount\":11}}",
                  LLMCOST_OK, "EMBEDDING 0 0 |1 2|\nEMBEDDING 1 0 |3|\nUSAGE 0 0 0=8 p=8 c=-1 t=-1 cost=-1 flags=1 tier= ||\n");
    expect_status(&embed, "{\"embedding\":{\"values\":[1,\"x\"]}}", LLMCOST_E_MALFORMED);
    expect_status(&embed, "{\"embedding\":{\"values\":[1e300]}}", LLMCOST_E_MALFORMED);
    expect_status(&embed, "{}", LLMCOST_E_MALFORMED);
    expect_status(&embed, "{\"error\":{\"code\":404,\"message\":\"m\",\"status\":\"NOT_FOUND\"}}", LLMCOST_E_NOT_FOUND);
    expect_status(&embed, "", LLMCOST_E_TRUNCATED);
}

static void counts(void **state)
{
    (void)state;
    const replay_how count = { .codec = &llmc_codec_gemini, .operation = LLMC_OP_COUNT_TOKENS };
    expect_events(&count, "{\"totalTokens\":31,\"cachedContentTokenCount\":5,\"promptTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":31}]}", LLMCOST_OK,
                  "USAGE 0 0 0=31 p=31 c=-1 t=-1 cost=-1 flags=1 tier= ||\n");
    expect_status(&count, "{}", LLMCOST_E_MALFORMED);
    expect_status(&count, "{\"totalTokens\":-1}", LLMCOST_E_MALFORMED);
}

static void models_are_placed(void **state)
{
    (void)state;
    static const struct { const char *model; bool levels; } rows[] = {
        { "gemini-3-pro-preview", true }, { "gemini-3.1-flash-lite", true }, { "gemini-4-pro", true }, { "models/gemini-3.5-flash", true }, { "gemini-flash-latest", true },
        { "tunedModels/x", true }, { "gemini-2.5-flash-lite", false }, { "google/gemini-2.5-pro", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        llmcost_request request = request_of(hello, 1);
        llmc_codec_target target = target_of("google", rows[i].model, false);
        request.effort = LLMCOST_EFFORT_LOW;
        expect_body(&target, &request, rows[i].levels ? CONFIG("\"thinkingConfig\":{\"thinkingLevel\":\"LOW\",\"includeThoughts\":true}")
                                                      : CONFIG("\"thinkingConfig\":{\"thinkingBudget\":1024,\"includeThoughts\":true}"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_envelope), cmocka_unit_test(a_conversation_with_tools), cmocka_unit_test(a_conversation_begun_elsewhere),
        cmocka_unit_test(results_find_their_calls), cmocka_unit_test(tools_and_choices), cmocka_unit_test(numbers_and_names),
        cmocka_unit_test(extra_is_merged_and_never_repeats), cmocka_unit_test(formats), cmocka_unit_test(efforts_and_budgets),
        cmocka_unit_test(models_are_placed), cmocka_unit_test(vectors_are_asked_for), cmocka_unit_test(counts_are_asked_for),
        cmocka_unit_test(what_it_cannot_do_is_said), cmocka_unit_test(what_is_malformed_is_named),
        cmocka_unit_test(a_whole_answer), cmocka_unit_test(a_streamed_answer), cmocka_unit_test(a_stream_as_one_array), cmocka_unit_test(several_candidates),
        cmocka_unit_test(figures_are_made_disjoint), cmocka_unit_test(finish_reasons), cmocka_unit_test(blocked_prompts),
        cmocka_unit_test(logprobs_in_the_common_shape), cmocka_unit_test(failures_and_ends), cmocka_unit_test(refusals_of_the_host),
        cmocka_unit_test(cut_answers), cmocka_unit_test(too_many_tools), cmocka_unit_test(signatures_that_are_none_are_dropped),
        cmocka_unit_test(an_answer_goes_back), cmocka_unit_test(lists_of_models), cmocka_unit_test(vectors), cmocka_unit_test(counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
