/* Where hosts of the OpenAI dialect part from it, and what they do beside chat. */
#include "../support/decode_check.h"
#include "../support/encode_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const llmcost_message hello[] = { { .role = LLMCOST_USER, .text = "Hello" } };

#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]"

static const replay_how whole = { .codec = &llmc_codec_openai, .http_status = 200 };
static const replay_how stream = { .codec = &llmc_codec_openai, .http_status = 200, .stream = true };

/* ---- the envelope ---- */

static void expect_envelope(const llmc_codec_target *target, llmc_operation_id operation, const llmcost_request *request, const char *method, const char *path,
                            const char *body)
{
    llmc_encoded out;
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_encoded_init(&out, &llmc_allocator_system);
    if (llmc_codec_openai.check(operation, request, target, &error) || llmc_codec_openai.encode(operation, request, target, &out, &error))
        fail_msg("%s", llmcost_error_message(&error));
    assert_string_equal(out.method, method);
    assert_string_equal(llmc_buffer_text(&out.path), path);
    assert_string_equal(out.body.length ? llmc_buffer_text(&out.body) : "", body);
    llmc_encoded_free(&out);
    llmc_error_clear(&error);
}

static void azure_names_the_deployment_in_the_path(void **state)
{
    (void)state;
    static const char *const inputs[] = { "a" };
    llmcost_request request = request_of(hello, 1), embed = request_of(NULL, 0);
    llmc_codec_target target = target_of("azure", "my gpt/4o", false);
    embed.inputs = inputs;
    embed.input_count = 1;
#define AZURE_BODY "{\"model\":\"my gpt/4o\"," HELLO "}"
    expect_envelope(&target, LLMC_OP_CHAT, &request, "POST", "/chat/completions", AZURE_BODY);
    target.api_version = "preview";
    expect_envelope(&target, LLMC_OP_CHAT, &request, "POST", "/chat/completions?api-version=preview", AZURE_BODY);
    target.api_version = "2024-10-21";
    expect_envelope(&target, LLMC_OP_CHAT, &request, "POST", "/deployments/my%20gpt%2F4o/chat/completions?api-version=2024-10-21", AZURE_BODY);
    expect_envelope(&target, LLMC_OP_EMBED, &embed, "POST", "/deployments/my%20gpt%2F4o/embeddings?api-version=2024-10-21",
                    "{\"model\":\"my gpt/4o\",\"input\":[\"a\"],\"encoding_format\":\"base64\"}");
    expect_envelope(&target, LLMC_OP_LIST_MODELS, NULL, "GET", "/models?api-version=2024-10-21", "");
    const llmc_preset *preset = target.preset;
    assert_string_equal(preset->base_url, "https://{resource}.openai.azure.com/openai/v1");
    assert_string_equal(preset->settings[0].name, "resource");
    assert_string_equal(preset->settings[0].variables[0], "AZURE_OPENAI_RESOURCE");
    assert_null(preset->settings[1].name);
    assert_int_equal(preset->auth, LLMC_AUTH_API_KEY);
}

static void azure_tells_what_filters_found(void **state)
{
    (void)state;
    static const char body[] =
        "data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":{}}]}\n\n"
        "data: {\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"content_filter_results\":{}}]}\n\n"
        "data: {\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"},\"content_filter_results\":{\"hate\":{\"filtered\":false}}}]}\n\n"
        "data: {\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"c\"},\"content_filter_results\":{\"hate\":{\"filtered\":false}}}]}\n\n"
        "data: {\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\",\"content_filter_results\":{}}]}\n\n"
        "data: {\"id\":\"i\",\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3,\"total_tokens\":5}}\n\ndata: [DONE]\n\n";
    expect_events(&stream, body, LLMCOST_OK,
                  "META 0 0 id= name=m |i|\nTEXT 0 0 |a|\nEXTRA 0 0 id= name=prompt_filter_results |[{\"prompt_index\":0,\"content_filter_results\":{}}]|\n"
                  "TEXT 0 0 |b|\nEXTRA 0 0 id= name=content_filter_results |{\"hate\":{\"filtered\":false}}|\nTEXT 0 0 |c|\nFINISH 0 0 finish=1 stop ||\n"
                  "USAGE 0 0 0=2 5=3 p=2 c=3 t=5 cost=-1 flags=1 tier= ||\n");
    expect_decoder_clean_without_memory(&stream, body);
    replay_how refused = whole;
    refused.http_status = 400;
    expect_status(&refused, "{\"error\":{\"message\":\"The response was filtered\",\"type\":null,\"param\":\"prompt\",\"code\":\"content_filter\",\"status\":400,"
                  "\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\",\"content_filter_result\":{\"hate\":{\"filtered\":true,\"severity\":\"high\"}}}}}",
                  LLMCOST_E_CONTENT_FILTER);
    expect_status(&refused, "{\"error\":{\"message\":\"x\",\"code\":null,\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\"}}}", LLMCOST_E_CONTENT_FILTER);
    /* Grok there: cached tokens beside the prompt */
    expect_events(&whole, "{\"id\":\"i\",\"model\":\"grok\",\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],"
                  "\"usage\":{\"prompt_tokens\":29,\"completion_tokens\":6,\"total_tokens\":35,\"prompt_tokens_details\":{\"cached_tokens\":157}}}", LLMCOST_OK,
                  "META 0 0 id= name=grok |i|\nTEXT 0 0 |x|\nFINISH 0 0 finish=1 stop ||\nUSAGE 0 0 0=29 1=157 5=6 p=29 c=6 t=35 cost=-1 flags=7 tier= ||\n");
}

/* Some servers of one's own check each member of a request: nothing about tools may be absent or null. */
static void local_servers_get_tools_spelt_out(void **state)
{
    (void)state;
    static const llmcost_tool_call call = { .id = "c1", .name = "clock", .arguments = "{}" };
    static const llmcost_tool tool = { .name = "clock" };
    static const llmcost_message turns[] = { { .role = LLMCOST_USER, .text = "Hello" }, { .role = LLMCOST_ASSISTANT, .tool_calls = &call, .tool_call_count = 1 },
                                             { .role = LLMCOST_TOOL, .tool_call_id = "c1", .text = "12" } };
#define TURNS(content) "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"},{\"role\":\"assistant\",\"content\":" content ",\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"clock\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"12\"}],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"clock\""
    static const char *const local[] = { "vllm", "llamacpp", "lmstudio" };
    llmcost_request request = request_of(turns, 3);
    request.tools = &tool;
    request.tool_count = 1;
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++) {
        llmc_codec_target target = target_of(local[i], "m", false);
        expect_body(&target, &request, TURNS("\"\"") ",\"parameters\":{\"type\":\"object\",\"properties\":{}}}}]}");
    }
    llmc_codec_target openai = target_of("openai", "m", false);
    expect_body(&openai, &request, TURNS("null") "}}]}");
}

/* Mistral refuses members that it does not know: a name stands in a tool's result only. */
static void names_of_speakers(void **state)
{
    (void)state;
    static const llmcost_tool_call call = { .id = "abcdefghi", .name = "clock", .arguments = "{}" };
    static const llmcost_message turns[] = { { .role = LLMCOST_USER, .text = "Hello" }, { .role = LLMCOST_ASSISTANT, .tool_calls = &call, .tool_call_count = 1 },
                                             { .role = LLMCOST_TOOL, .tool_call_id = "abcdefghi", .text = "12", .name = "clock" } };
    static const llmcost_message ann[] = { { .role = LLMCOST_USER, .text = "Hello" }, { .role = LLMCOST_USER, .text = "Hello", .name = "ann" } };
    llmc_codec_target mistral = target_of("mistral", "m", false), groq = target_of("groq", "m", false);
    llmcost_request named = request_of(ann, 2), tool = request_of(turns, 3);
    expect_unsupported(&mistral, &named, "messages[1].name");
    named.end_user = "u";
    expect_unsupported(&mistral, &named, "end_user");
    expect_body(&groq, &named, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"},{\"role\":\"user\",\"name\":\"ann\",\"content\":\"Hello\"}],\"user\":\"u\"}");
    expect_body(&mistral, &tool, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"abcdefghi\",\"type\":\"function\","
                                 "\"function\":{\"name\":\"clock\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"abcdefghi\",\"name\":\"clock\",\"content\":\"12\"}]}");
}

/* ---- thinking ---- */

static void thinking_is_switched_in_many_ways(void **state)
{
    (void)state;
    static const struct { const char *preset, *model; int32_t effort; int64_t budget; const char *members; } cases[] = {
        { "deepseek", "m", LLMCOST_EFFORT_NONE, 0, ",\"thinking\":{\"type\":\"disabled\"}" },
        { "deepseek", "m", LLMCOST_EFFORT_MAX, 0, ",\"reasoning_effort\":\"max\"" },
        { "moonshot", "m", LLMCOST_EFFORT_NONE, 0, ",\"thinking\":{\"type\":\"disabled\"}" },
        { "moonshot-cn", "m", LLMCOST_EFFORT_LOW, 0, ",\"reasoning_effort\":\"low\"" },
        { "zhipu", "glm-4.7", LLMCOST_EFFORT_NONE, 0, ",\"thinking\":{\"type\":\"disabled\"}" },
        { "zai", "glm-5.3", LLMCOST_EFFORT_HIGH, 0, ",\"reasoning_effort\":\"high\"" },
        { "doubao", "m", LLMCOST_EFFORT_NONE, 0, ",\"thinking\":{\"type\":\"disabled\"}" },
        { "dashscope", "m", LLMCOST_EFFORT_NONE, 0, ",\"enable_thinking\":false" },
        { "dashscope", "m", LLMCOST_EFFORT_NONE, 500, ",\"enable_thinking\":false" },
        { "dashscope", "m", LLMCOST_EFFORT_LOW, 0, ",\"enable_thinking\":true,\"reasoning_effort\":\"low\"" },
        { "dashscope-intl", "m", LLMCOST_EFFORT_DEFAULT, 500, ",\"enable_thinking\":true,\"thinking_budget\":500" },
        { "siliconflow", "m", LLMCOST_EFFORT_LOW, 500, ",\"enable_thinking\":true,\"thinking_budget\":500,\"reasoning_effort\":\"low\"" },
        { "openrouter", "m", LLMCOST_EFFORT_DEFAULT, 500, ",\"reasoning\":{\"max_tokens\":500}" },
        { "openrouter", "m", LLMCOST_EFFORT_LOW, 500, ",\"reasoning_effort\":\"low\"" },
        { "minimax", "m", LLMCOST_EFFORT_DEFAULT, 0, ",\"reasoning_split\":true" },
        { "openai", "gpt-5", LLMCOST_EFFORT_NONE, 0, ",\"reasoning_effort\":\"none\"" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[400];
        llmcost_request request = request_of(hello, 1);
        llmc_codec_target target = target_of(cases[i].preset, cases[i].model, false);
        request.effort = cases[i].effort;
        request.thinking_budget_tokens = cases[i].budget;
        snprintf(body, sizeof body, "{\"model\":\"%s\"," HELLO "%s}", cases[i].model, cases[i].members);
        expect_body(&target, &request, body);
    }
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target zhipu = target_of("zhipu", "glm-5.3", false), deepseek = target_of("deepseek", "m", false), minimax = target_of("minimax", "m", false);
    llmc_codec_target openrouter = target_of("openrouter", "m", false);
    request.effort = LLMCOST_EFFORT_NONE;
    expect_unsupported(&zhipu, &request, "effort");
    request.effort = LLMCOST_EFFORT_XHIGH;
    expect_unsupported(&deepseek, &request, "effort");
    request.effort = LLMCOST_EFFORT_DEFAULT;
    request.extra = "{\"reasoning_split\":false}";
    expect_body(&minimax, &request, "{\"model\":\"m\"," HELLO ",\"reasoning_split\":false}");
    request.thinking_budget_tokens = 500;
    expect_unsupported(&minimax, &request, "thinking_budget_tokens");
    request.extra = "{\"reasoning\":{\"exclude\":true}}";
    expect_body(&openrouter, &request, "{\"model\":\"m\"," HELLO ",\"reasoning\":{\"max_tokens\":500,\"exclude\":true}}");
}

#define CHUNK(members) "data: {\"id\":\"i\",\"model\":\"m\"," members "}\n\n"
#define DELTA(delta) CHUNK("\"choices\":[{\"index\":0,\"delta\":{" delta "}}]")
#define FINISHED(word) CHUNK("\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" word "\"}]")
#define DONE "data: [DONE]\n\n"
#define META "META 0 0 id= name=m |i|\n"

static void reasoning_details_are_kept(void **state)
{
    (void)state;
    static const char body[] =
        DELTA("\"reasoning\":\"On\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"On\",\"index\":0}]")
        DELTA("\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"e\",\"index\":0},{\"type\":\"reasoning.encrypted\",\"data\":\"x\"}],\"content\":\"\"")
        DELTA("\"reasoning_details\":[]") DELTA("\"reasoning_details\":null,\"content\":\"a\"") FINISHED("stop") DONE;
    expect_events(&stream, body, LLMCOST_OK,
                  META "REASONING 0 0 |On|\nREASONING_HIDDEN 0 0 |[{\"type\":\"reasoning.text\",\"text\":\"On\",\"index\":0}]|\nREASONING 0 0 |e|\n"
                  "REASONING_HIDDEN 0 0 |[{\"type\":\"reasoning.text\",\"text\":\"e\",\"index\":0},{\"type\":\"reasoning.encrypted\",\"data\":\"x\"}]|\n"
                  "TEXT 0 0 |a|\nFINISH 0 0 finish=1 stop ||\n");
    expect_decoder_clean_without_memory(&stream, body);
    expect_stoppable(&stream, body);
}

static void reasoning_details_go_back_whole(void **state)
{
    (void)state;
    const llmcost_part parts[] = {
        { .type = LLMCOST_PART_REASONING, .text = "One" },
        { .type = LLMCOST_PART_REASONING_HIDDEN, .text =
              "[{\"type\":\"reasoning.text\",\"text\":\"On\\ud83d\",\"index\":0,\"format\":null}][{\"type\":\"reasoning.text\",\"text\":\"\\ude00e\",\"signature\":null,\"index\":0}]"
              "[{\"type\":\"reasoning.text\",\"text\":\"\",\"signature\":\"s\\\"1\",\"index\":0},{\"type\":\"reasoning.summary\",\"summary\":\"Two\",\"index\":1}]"
              "[{\"type\":\"reasoning.encrypted\",\"data\":\"x\",\"index\":1}, {\"type\":\"reasoning.encrypted\",\"data\":\"y\",\"index\":1},{\"type\":\"other\"},7]" },
        { .type = LLMCOST_PART_REASONING_HIDDEN, .text = "{\"type\":\"reasoning\"}" },
        { .type = LLMCOST_PART_REASONING_HIDDEN, .text = "opaque" },
        { .type = LLMCOST_PART_REASONING_HIDDEN, .text = "[{\"type\":\"reasoning.text\",\"text\":\"cut" },
        { .type = LLMCOST_PART_TEXT, .text = "a" },
    };
    const llmcost_message messages[] = { { .role = LLMCOST_ASSISTANT, .parts = parts, .part_count = 6 }, { .role = LLMCOST_USER, .text = "b" } };
    llmcost_request request = request_of(messages, 2);
    llmc_codec_target target = target_of("openrouter", "m", false), other = target_of("groq", "m", false);
    expect_body(&target, &request,
                "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"reasoning_details\":["
                "{\"type\":\"reasoning.text\",\"index\":0,\"format\":null,\"text\":\"On\\ud83d\\ude00e\",\"signature\":\"s\\\"1\"},"
                "{\"type\":\"reasoning.summary\",\"index\":1,\"summary\":\"Two\"},{\"type\":\"reasoning.encrypted\",\"data\":\"x\",\"index\":1},"
                "{\"type\":\"reasoning.encrypted\",\"data\":\"y\",\"index\":1}]},{\"role\":\"user\",\"content\":\"b\"}]}");
    expect_clean_without_memory(&target, &request);
    expect_body(&other, &request, "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"b\"}]}");
}

/* ---- content ---- */

static void expect_parts(const char *preset, const llmcost_part *parts, uint32_t count, const char *content)
{
    const llmcost_message messages[] = { { .role = LLMCOST_USER, .parts = parts, .part_count = count } };
    llmcost_request request = request_of(messages, 1);
    llmc_codec_target target = target_of(preset, "m", false);
    char body[600];
    snprintf(body, sizeof body, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[%s]}]}", content);
    expect_body(&target, &request, body);
    expect_clean_without_memory(&target, &request);
}

static void audio_and_documents(void **state)
{
    (void)state;
    const llmcost_part parts[] = {
        { .type = LLMCOST_PART_AUDIO, .data = "\1\2\3", .data_bytes = 3, .media_type = "audio/x-wav" },
        { .type = LLMCOST_PART_DOCUMENT, .data = "\1\2\3", .data_bytes = 3, .media_type = "application/pdf", .detail = "a.pdf" },
        { .type = LLMCOST_PART_DOCUMENT, .url = "https://example.org/a.pdf" },
        { .type = LLMCOST_PART_AUDIO, .data = "\1\2\3", .data_bytes = 3, .media_type = "audio/flac" },
    };
#define HEARD "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AQID\",\"format\":\"wav\"}}"
    expect_parts("openai", parts, 2, HEARD ",{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":\"data:application/pdf;base64,AQID\"}}");
    expect_parts("openrouter", parts, 3, HEARD ",{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":\"data:application/pdf;base64,AQID\"}},"
                 "{\"type\":\"file\",\"file\":{\"filename\":\"document\",\"file_data\":\"https://example.org/a.pdf\"}}");
    expect_parts("mistral", parts, 3, "{\"type\":\"input_audio\",\"input_audio\":\"AQID\"},{\"type\":\"document_url\",\"document_url\":\"data:application/pdf;base64,AQID\"},"
                 "{\"type\":\"document_url\",\"document_url\":\"https://example.org/a.pdf\"}");
    static const struct { const char *preset; int part; const char *field; } refused[] = {
        { "openai", 2, "document url" }, { "openai", 3, "audio" }, { "deepseek", 0, "audio" }, { "deepseek", 1, "documents" }, { "azure", 1, "documents" },
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const llmcost_message messages[] = { { .role = LLMCOST_USER, .parts = &parts[refused[i].part], .part_count = 1 } };
        llmcost_request request = request_of(messages, 1);
        llmc_codec_target target = target_of(refused[i].preset, "m", false);
        expect_unsupported(&target, &request, refused[i].field);
    }
    const llmcost_message wrong[] = { { .role = LLMCOST_SYSTEM, .parts = parts, .part_count = 1 } };
    llmcost_request request = request_of(wrong, 1);
    llmc_codec_target target = target_of("openai", "m", false);
    expect_unsupported(&target, &request, "messages[0] audio");
}

static void what_a_model_speaks_is_kept(void **state)
{
    (void)state;
    expect_events(&whole, "{\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"message\":{\"content\":null,\"audio\":{\"id\":\"a\",\"data\":\"AQID\"},\"images\":[{\"type\":\"image_url\"}]},"
                  "\"finish_reason\":\"stop\"}]}", LLMCOST_OK,
                  META "EXTRA 0 0 id= name=audio |{\"id\":\"a\",\"data\":\"AQID\"}|\nEXTRA 0 0 id= name=images |[{\"type\":\"image_url\"}]|\nFINISH 0 0 finish=1 stop ||\n");
    expect_events(&stream, DELTA("\"audio\":{\"id\":\"a\"}") DELTA("\"audio\":{\"data\":\"AQ\"}") DELTA("\"audio\":null") FINISHED("stop") DONE, LLMCOST_OK,
                  META "EXTRA 0 0 id= name=audio |[{\"id\":\"a\"}]|\nEXTRA 0 0 id= name=audio |[{\"data\":\"AQ\"}]|\nFINISH 0 0 finish=1 stop ||\n");
}

static void stop_texts_have_limits(void **state)
{
    (void)state;
    static const char *const stops[] = { "a", "b" };
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target zhipu = target_of("zhipu", "m", false), grok = target_of("xai", "grok-4.3", false), plain = target_of("xai", "grok-4-1-fast-non-reasoning", false);
    request.stop = stops;
    request.stop_count = 1;
    expect_body(&zhipu, &request, "{\"model\":\"m\"," HELLO ",\"stop\":[\"a\"]}");
    expect_body(&plain, &request, "{\"model\":\"grok-4-1-fast-non-reasoning\"," HELLO ",\"stop\":[\"a\"]}");
    expect_unsupported(&grok, &request, "stop");
    request.stop_count = 2;
    expect_unsupported(&zhipu, &request, "stop");
}

static void expect_call_id(const char *preset, const char *id, size_t bytes, bool kept)
{
    const llmcost_tool_call calls[] = { { .id = id, .name = "f", .arguments = NULL } };
    const llmcost_message messages[] = { { .role = LLMCOST_ASSISTANT, .tool_calls = calls, .tool_call_count = 1 }, { .role = LLMCOST_TOOL, .tool_call_id = id, .text = "1" } };
    llmcost_request request = request_of(messages, 2);
    llmc_codec_target target = target_of(preset, "m", false);
    llmc_encoded out;
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_encoded_init(&out, &llmc_allocator_system);
    assert_int_equal(llmc_codec_openai.encode(LLMC_OP_CHAT, &request, &target, &out, &error), LLMCOST_OK);
    const char *text = llmc_buffer_text(&out.body), *first = strstr(text, "\"id\":\"") + 6, *second = strstr(text, "\"tool_call_id\":\"") + 16;
    assert_int_equal(strcspn(first, "\""), bytes);
    assert_memory_equal(first, second, bytes + 1);
    assert_int_equal(!strncmp(first, id, bytes), kept);
    llmc_encoded_free(&out);
}

static void call_ids_fit_the_host(void **state)
{
    (void)state;
    expect_call_id("mistral", "abcDEF123", 9, true);
    expect_call_id("mistral", "call_abcdef", 9, false);
    expect_call_id("openai", "toolu_01A09q90qw90lq917835lq9", 29, true);
    expect_call_id("openai", "an-id-of-more-than-forty-characters-of-another-host", 20, false);
    expect_call_id("groq", "an-id-of-more-than-forty-characters-of-another-host", 51, true);
}

/* ---- money and failures ---- */

static void costs_of_gateways(void **state)
{
    (void)state;
    expect_events(&stream, DELTA("\"content\":\"x\"") DELTA("\"provider_metadata\":{\"google\":{\"cost\":7},\"gateway\":{\"routing\":{},\"cost\":\"0.000896\"}}") FINISHED("stop")
                  CHUNK("\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}") DONE, LLMCOST_OK,
                  META "TEXT 0 0 |x|\nFINISH 0 0 finish=1 stop ||\nUSAGE 0 0 0=1 5=2 p=1 c=2 t=-1 cost=896000000 flags=1 tier= ||\n");
    expect_events(&stream, DELTA("\"content\":\"x\"") FINISHED("stop") CHUNK("\"choices\":[],\"cost\":{\"diem\":0,\"usd\":0.5},\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":\"2\"}") DONE,
                  LLMCOST_OK, META "TEXT 0 0 |x|\nFINISH 0 0 finish=1 stop ||\nUSAGE 0 0 0=1 5=2 p=1 c=2 t=-1 cost=500000000000 flags=1 tier= ||\n");
    expect_status(&stream, DELTA("\"provider_metadata\":7") DELTA("\"provider_metadata\":{\"gateway\":[]}") FINISHED("stop") DONE, LLMCOST_OK);
}

#define USED(usage) "{\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],\"usage\":{" usage "}}"

static void audio_told_in_seconds(void **state)
{
    (void)state;
    static const char log[] = META "TEXT 0 0 |x|\nFINISH 0 0 finish=1 stop ||\nUSAGE 0 0 0=11 5=15 7=375 p=11 c=15 t=401 cost=-1 flags=1 tier= ||\n";
    expect_events(&whole, USED("\"prompt_audio_seconds\":5,\"prompt_tokens\":11,\"completion_tokens\":15,\"total_tokens\":401"), LLMCOST_OK, log);
    expect_events(&whole, USED("\"prompt_tokens\":11,\"completion_tokens\":15,\"total_tokens\":401,\"prompt_audio_seconds\":5,"
                               "\"prompt_tokens_details\":{\"audio_tokens\":375}"), LLMCOST_OK, log);
}

static void failures_with_status_200(void **state)
{
    (void)state;
    expect_status(&whole, "{\"error_code\":17,\"error_msg\":\"Open api daily request limit reached\"}", LLMCOST_E_QUOTA);
    expect_status(&stream, "data: {\"error_code\":336501,\"error_msg\":\"Rate limit reached for RPM\"}\n\n", LLMCOST_E_RATE_LIMITED);
    expect_status(&stream, DELTA("\"content\":\"x\"") "data: {\"error_code\":0,\"choices\":[]}\n\n" FINISHED("stop") DONE, LLMCOST_OK);
    expect_status(&stream, "data: {\"base_resp\":{\"status_code\":1008,\"status_msg\":\"insufficient balance\"}}\n\n", LLMCOST_E_QUOTA);
    replay_how zhipu = whole;
    zhipu.http_status = 429;
    expect_status(&zhipu, "{\"error\":{\"code\":\"1113\",\"message\":\"m\"}}", LLMCOST_E_RATE_LIMITED);
    zhipu.quirks = llmc_preset_find("zhipu")->quirks;
    expect_status(&zhipu, "{\"error\":{\"code\":\"1113\",\"message\":\"m\"}}", LLMCOST_E_QUOTA);
}

/* ---- embeddings ---- */

static void embeddings_are_asked_for(void **state)
{
    (void)state;
    static const char *const inputs[] = { "one", "two!" };
    static const size_t bytes[] = { 3, 3 };
    llmcost_request request = request_of(NULL, 0);
    llmc_codec_target target = target_of("openai", "m", false), mistral = target_of("mistral", "m", false), zhipu = target_of("zhipu", "m", false);
    request.inputs = inputs;
    request.input_bytes = bytes;
    request.input_count = 2;
    request.dimensions = 256;
    request.end_user = "u";
    expect_envelope(&target, LLMC_OP_EMBED, &request, "POST", "/embeddings",
                    "{\"model\":\"m\",\"input\":[\"one\",\"two\"],\"dimensions\":256,\"encoding_format\":\"base64\",\"user\":\"u\"}");
    expect_envelope(&mistral, LLMC_OP_EMBED, &request, "POST", "/embeddings", "{\"model\":\"m\",\"input\":[\"one\",\"two\"],\"output_dimension\":256}");
    request.input_bytes = NULL;
    request.dimensions = 0;
    request.extra = "{\"encoding_format\":\"float\"}";
    expect_envelope(&target, LLMC_OP_EMBED, &request, "POST", "/embeddings", "{\"model\":\"m\",\"input\":[\"one\",\"two!\"],\"user\":\"u\",\"encoding_format\":\"float\"}");
    request.extra = NULL;
    expect_envelope(&zhipu, LLMC_OP_EMBED, &request, "POST", "/embeddings", "{\"model\":\"m\",\"input\":[\"one\",\"two!\"]}");
    request.extra = "{\"input\":1}";
    llmc_encoded out;
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_encoded_init(&out, &llmc_allocator_system);
    assert_int_equal(llmc_codec_openai.encode(LLMC_OP_EMBED, &request, &target, &out, &error), LLMCOST_E_INVALID);
    llmc_encoded_free(&out);
    llmc_error_clear(&error);
}

static void embeddings_are_read(void **state)
{
    (void)state;
    replay_how embed = whole;
    embed.operation = LLMC_OP_EMBED;
    static const char numbers[] = "{\"object\":\"list\",\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8,\"completion_tokens\":0},\"model\":\"e\",\"data\":["
                                  "{\"object\":\"embedding\",\"embedding\":[0.5,-1,2e-3],\"index\":1},{\"index\":0,\"embedding\":[]}]}";
    expect_events(&embed, numbers, LLMCOST_OK,
                  "META 0 0 id= name=e ||\nEMBEDDING 1 0 |0.5 -1 0.00200000009|\nEMBEDDING 0 0 ||\nUSAGE 0 0 0=8 p=8 c=-1 t=8 cost=-1 flags=1 tier= ||\n");
    expect_decoder_clean_without_memory(&embed, numbers);
    expect_stoppable(&embed, numbers);
    /* 0.5 and -1 in single, then in double precision */
    expect_events(&embed, "{\"data\":[{\"embedding\":\"AAAAPwAAgL8=\"},{\"embedding\":\"AAAAAAAA4D8AAAAAAADwvw==\"}]}", LLMCOST_OK,
                  "META 0 0 ||\nEMBEDDING 0 0 |0.5 -1|\nEMBEDDING 1 0 |0.5 -1|\n");
    expect_decoder_clean_without_memory(&embed, "{\"data\":[{\"embedding\":\"AAAAPwAAgL8=\"}]}");
    static const char *const wrong[] = {
        "{\"data\":[{\"embedding\":\"!!\"}]}", "{\"data\":[{\"embedding\":\"AAAA\"}]}", "{\"data\":[{\"embedding\":[\"x\"]}]}", "{\"data\":[{\"index\":0}]}",
        "{\"data\":[7]}", "{\"data\":[{\"embedding\":null}]}", "{\"data\":[{\"index\":-1,\"embedding\":[]}]}", "{\"data\":[{\"index\":1048576,\"embedding\":[]}]}",
        "{\"data\":{}}", "{}", "[]",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        expect_status(&embed, wrong[i], LLMCOST_E_MALFORMED);
    expect_status(&embed, "{\"data\":[{\"embed", LLMCOST_E_TRUNCATED);
    expect_status(&embed, "{\"error\":{\"code\":\"model_not_found\"}}", LLMCOST_E_NOT_FOUND);
}

/* ---- counts and balances ---- */

static void tokens_are_counted_where_a_host_counts(void **state)
{
    (void)state;
    llmcost_request request = request_of(hello, 1);
    llmc_codec_target moonshot = target_of("moonshot", "kimi", false), groq = target_of("groq", "m", false);
    llmcost_error error;
    request.max_tokens = 10;
    expect_envelope(&moonshot, LLMC_OP_COUNT_TOKENS, &request, "POST", "/tokenizers/estimate-token-count", "{\"model\":\"kimi\"," HELLO "}");
    llmc_error_init(&error, &llmc_allocator_system);
    assert_int_equal(llmc_codec_openai.check(LLMC_OP_COUNT_TOKENS, &request, &groq, &error), LLMCOST_E_UNSUPPORTED);
    assert_non_null(strstr(llmcost_error_message(&error), "count_tokens"));
    llmc_error_clear(&error);
    replay_how count = whole;
    count.operation = LLMC_OP_COUNT_TOKENS;
    expect_events(&count, "{\"code\":0,\"data\":{\"total_tokens\":80},\"status\":true}", LLMCOST_OK, "USAGE 0 0 0=80 p=80 c=-1 t=-1 cost=-1 flags=1 tier= ||\n");
    expect_decoder_clean_without_memory(&count, "{\"data\":{\"total_tokens\":80}}");
    expect_status(&count, "{\"data\":[]}", LLMCOST_E_MALFORMED);
    expect_status(&count, "{\"data\":{\"total_tokens\":-1}}", LLMCOST_E_MALFORMED);
    expect_status(&count, "{\"data\":{\"total", LLMCOST_E_TRUNCATED);
}

#define CONTROL ",\"cache_control\":{\"type\":\"ephemeral\"}"
#define BREAKPOINT ",\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"}"
#define TEXT_OF(text, mark) "{\"type\":\"text\",\"text\":\"" text "\"" mark "}"
#define MARKED(model, role, system, image_mark, failed, said, tool_mark)                                                          \
    "{\"model\":\"" model "\",\"messages\":[{\"role\":\"" role "\",\"content\":" system "},{\"role\":\"user\",\"content\":["            \
    TEXT_OF("see", "") ",{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://example.org/a.png\"}" image_mark "}]},"                \
    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"abcdefghi\",\"type\":\"function\","                              \
    "\"function\":{\"name\":\"look\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"abcdefghi\",\"content\":" failed "},"  \
    "{\"role\":\"assistant\",\"content\":" said "},{\"role\":\"user\",\"content\":\"And?\"}],"                                          \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"hear\"}" tool_mark "},{\"type\":\"function\",\"function\":{\"name\":\"look\"}}]}"
#define UNMARKED(model, role) MARKED(model, role, "\"be\"", "", "\"Error: no\"", "\"so\"", "")
#define FAILED(mark) "[" TEXT_OF("Error:", "") "," TEXT_OF("no", mark) "]"

/* Marks on all that can bear one, as far as four go. */
static void expect_marked(const char *preset, const char *model, bool tools_too, const char *body)
{
    const llmcost_part parts[] = {
        { .type = LLMCOST_PART_TEXT, .text = "see" }, { .type = LLMCOST_PART_IMAGE_URL, .url = "https://example.org/a.png" }, { .type = LLMCOST_PART_REASONING, .text = "hm" },
    };
    const llmcost_tool_call call = { .id = "abcdefghi", .name = "look", .arguments = "{}" };
    const llmcost_message messages[] = {
        { .role = LLMCOST_SYSTEM, .text = "be", .cache_mark = 1 }, { .role = LLMCOST_USER, .parts = parts, .part_count = 3, .cache_mark = 1 },
        { .role = LLMCOST_ASSISTANT, .tool_calls = &call, .tool_call_count = 1 },
        { .role = LLMCOST_TOOL, .tool_call_id = "abcdefghi", .text = "no", .is_error = 1, .cache_mark = !tools_too },
        { .role = LLMCOST_ASSISTANT, .text = "so", .cache_mark = 1 }, { .role = LLMCOST_USER, .text = "And?" },
    };
    const llmcost_tool tools[] = { { .name = "hear", .cache_mark = 1 }, { .name = "look" } };
    llmcost_request request = request_of(messages, 6);
    llmc_codec_target target = target_of(preset, model, false);
    request.tools = tools;
    request.tool_count = 2;
    expect_body(&target, &request, body);
    expect_clean_without_memory(&target, &request);
}

static void cache_marks_go_where_they_are_known(void **state)
{
    (void)state;
#define SYSTEM(mark) "[" TEXT_OF("be", mark) "]"
#define SAID(mark) "[" TEXT_OF("so", mark) "]"
    expect_marked("openrouter", "anthropic/claude-sonnet-4.6", true,
                  MARKED("anthropic/claude-sonnet-4.6", "system", SYSTEM(CONTROL), CONTROL, "\"Error: no\"", SAID(CONTROL), CONTROL));
    expect_marked("dashscope", "qwen3-max", false, MARKED("qwen3-max", "system", SYSTEM(CONTROL), CONTROL, FAILED(CONTROL), SAID(CONTROL), ""));
    expect_marked("dashscope-intl", "qwen3-max", false, MARKED("qwen3-max", "system", SYSTEM(CONTROL), CONTROL, FAILED(CONTROL), SAID(CONTROL), ""));
    expect_marked("openai", "gpt-5.6-sol", false, MARKED("gpt-5.6-sol", "developer", SYSTEM(BREAKPOINT), BREAKPOINT, FAILED(BREAKPOINT), "\"so\"", ""));
    expect_marked("openai", "gpt-6.2-luna", false, MARKED("gpt-6.2-luna", "developer", SYSTEM(BREAKPOINT), BREAKPOINT, FAILED(BREAKPOINT), "\"so\"", ""));
    expect_marked("openai", "gpt-5.5", false, UNMARKED("gpt-5.5", "developer"));
    expect_marked("openai", "gpt-5", false, UNMARKED("gpt-5", "developer"));
    expect_marked("openai", "gpt-4.9", false, UNMARKED("gpt-4.9", "system"));
    expect_marked("openai", "o3", false, UNMARKED("o3", "developer"));
    expect_marked("azure", "gpt-5.6-sol", false, UNMARKED("gpt-5.6-sol", "developer"));
    expect_marked("deepseek", "m", false, UNMARKED("m", "system"));
    expect_marked("openai-compatible", "gpt-5.6-sol", false, UNMARKED("gpt-5.6-sol", "system"));
}

static void marks_are_four_at_most(void **state)
{
    (void)state;
    llmcost_message messages[5];
    const llmcost_tool tool = { .name = "look", .cache_mark = 1 };
    for (size_t i = 0; i < 5; i++)
        messages[i] = (llmcost_message){ .role = LLMCOST_USER, .text = "x", .cache_mark = 1 };
    static const char *const presets[] = { "openrouter", "dashscope" };
    for (size_t i = 0; i < 2; i++) {
        llmcost_request request = request_of(messages, 5);
        llmc_codec_target target = target_of(presets[i], "m", false);
        expect_unsupported(&target, &request, "cache_mark");
    }
    llmcost_request request = request_of(messages, 4);
    request.tools = &tool;
    request.tool_count = 1;
    llmc_codec_target openrouter = target_of("openrouter", "m", false), dashscope = target_of("dashscope", "m", false), openai = target_of("openai", "gpt-5.6-sol", false);
    expect_unsupported(&openrouter, &request, "cache_mark");
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    assert_int_equal(llmc_codec_openai.check(LLMC_OP_CHAT, &request, &dashscope, &error), LLMCOST_OK); /* marks on tools do not go there */
    request.message_count = 5;
    assert_int_equal(llmc_codec_openai.check(LLMC_OP_CHAT, &request, &openai, &error), LLMCOST_OK); /* the latest ones are written, the others only read */
    llmc_error_clear(&error);
}

static void hosts_that_do_not_embed(void **state)
{
    (void)state;
    static const char *const without[] = { "deepseek", "moonshot", "moonshot-cn", "xai", "groq", "perplexity", "cerebras" };
    static const char *const with[] = { "openai", "azure", "zhipu", "dashscope", "doubao", "mistral", "siliconflow", "openrouter", "openai-compatible" };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    llmcost_error error;
    request.inputs = (const char *const[]){ "a" };
    request.input_count = 1;
    llmc_error_init(&error, &llmc_allocator_system);
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
        llmc_codec_target target = target_of(without[i], "m", false);
        assert_int_equal(llmc_codec_openai.check(LLMC_OP_EMBED, &request, &target, &error), LLMCOST_E_UNSUPPORTED);
        assert_non_null(strstr(llmcost_error_message(&error), "\"embed\""));
        assert_non_null(strstr(llmcost_error_message(&error), without[i]));
        target.quirks &= ~LLMC_QUIRK(NO_EMBED); /* a config may know better */
        assert_int_equal(llmc_codec_openai.check(LLMC_OP_EMBED, &request, &target, &error), LLMCOST_OK);
    }
    for (size_t i = 0; i < sizeof with / sizeof with[0]; i++) {
        llmc_codec_target target = target_of(with[i], "m", false);
        assert_int_equal(llmc_codec_openai.check(LLMC_OP_EMBED, &request, &target, &error), LLMCOST_OK);
    }
    llmc_error_clear(&error);
}

static void balances_are_asked_for(void **state)
{
    (void)state;
    static const struct { const char *preset, *path; } hosts[] = {
        { "deepseek", "/user/balance" }, { "moonshot", "/users/me/balance" }, { "moonshot-cn", "/users/me/balance" },
        { "openrouter", "/credits" }, { "siliconflow", "/user/info" }, { "holysheep", "/user/balance" },
    };
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        llmc_codec_target target = target_of(hosts[i].preset, "", false);
        expect_envelope(&target, LLMC_OP_BALANCE, NULL, "GET", hosts[i].path, "");
    }
    llmcost_error error;
    llmc_codec_target openai = target_of("openai", "", false);
    llmc_error_init(&error, &llmc_allocator_system);
    assert_int_equal(llmc_codec_openai.check(LLMC_OP_BALANCE, NULL, &openai, &error), LLMCOST_E_UNSUPPORTED);
    assert_non_null(strstr(llmcost_error_message(&error), "balance"));
    llmc_error_clear(&error);
}

static void balances_are_read(void **state)
{
    (void)state;
    replay_how how = whole;
    how.operation = LLMC_OP_BALANCE;
    static const struct { const char *body, *log; } bodies[] = {
        { "{\"is_available\":true,\"balance_infos\":[{\"currency\":\"CNY\",\"total_balance\":\"110.00\",\"granted_balance\":\"10.00\"},{\"total_balance\":\"0.05\",\"currency\":\"USD\"}]}",
          "BALANCE 0 0 id= name=CNY |110|\nBALANCE 0 0 id= name=USD |0.05|\n" },
        { "{\"code\":0,\"data\":{\"available_balance\":49.58894,\"voucher_balance\":46.58893},\"status\":true}", "BALANCE 0 0 |49.58894|\n" },
        { "{\"data\":{\"total_credits\":100.5,\"total_usage\":25.750000125}}", "BALANCE 0 0 |74.75|\n" },
        { "{\"data\":{\"total_credits\":1,\"total_usage\":1.5}}", "BALANCE 0 0 |-0.5|\n" },
        { "{\"code\":20000,\"data\":{\"id\":\"u\",\"balance\":\"0.88\",\"totalBalance\":\"88.88\"}}", "BALANCE 0 0 |88.88|\n" },
        { "{\"balance\":0}", "BALANCE 0 0 |0|\n" },
        { "{\"balance\":\"12.3456789\"}", "BALANCE 0 0 |12.345678|\n" },
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        expect_events(&how, bodies[i].body, LLMCOST_OK, bodies[i].log);
        expect_decoder_clean_without_memory(&how, bodies[i].body);
        expect_stoppable(&how, bodies[i].body);
    }
    static const char *const wrong[] = { "{}", "[]", "{\"balance\":\"much\"}", "{\"data\":7}", "{\"balance_infos\":[7]}", "{\"balance\":1e400}" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        expect_status(&how, wrong[i], LLMCOST_E_MALFORMED);
    expect_status(&how, "{\"balance\":", LLMCOST_E_TRUNCATED);
    expect_status(&how, "{\"error\":{\"code\":\"invalid_api_key\"}}", LLMCOST_E_AUTH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(azure_names_the_deployment_in_the_path), cmocka_unit_test(local_servers_get_tools_spelt_out), cmocka_unit_test(azure_tells_what_filters_found),
        cmocka_unit_test(names_of_speakers), cmocka_unit_test(thinking_is_switched_in_many_ways), cmocka_unit_test(reasoning_details_are_kept), cmocka_unit_test(reasoning_details_go_back_whole),
        cmocka_unit_test(audio_and_documents), cmocka_unit_test(what_a_model_speaks_is_kept), cmocka_unit_test(stop_texts_have_limits), cmocka_unit_test(call_ids_fit_the_host),
        cmocka_unit_test(costs_of_gateways), cmocka_unit_test(audio_told_in_seconds), cmocka_unit_test(failures_with_status_200), cmocka_unit_test(embeddings_are_asked_for),
        cmocka_unit_test(embeddings_are_read), cmocka_unit_test(tokens_are_counted_where_a_host_counts), cmocka_unit_test(cache_marks_go_where_they_are_known), cmocka_unit_test(marks_are_four_at_most), cmocka_unit_test(hosts_that_do_not_embed), cmocka_unit_test(balances_are_asked_for),
        cmocka_unit_test(balances_are_read),
    };
    return cmocka_run_group_tests_name("openai dialects", tests, NULL, NULL);
}
