/*
 * The loopback provider's formats beside OpenAI's chats and Anthropic's, through plain libcurl: answers whole and
 * streamed, vectors, counts, lists, errors in each provider's words, keys, and what a strict provider refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <llmcost/mock.h>

#include "../support/counting_memory.h"
#include "../support/http_call.h"
#include "base/base64.h"
#include "wire/framing.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GEMINI "/v1beta/models/gemini-2.5-flash:"
#define CONTENTS "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hello\"}]}]"
#define ASK_GEMINI "{" CONTENTS ",\"systemInstruction\":{\"parts\":[{\"text\":\"Be brief.\"}]}}"
#define MESSAGES "\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":\"hello\"}]"
#define ASK_OLLAMA "{\"model\":\"qwen\"," MESSAGES "}"
#define ASK_OLLAMA_WHOLE "{\"model\":\"qwen\",\"stream\":false," MESSAGES "}"
#define ASK_COHERE "{\"model\":\"command\"," MESSAGES "}"
#define ASK_COHERE_STREAM "{\"model\":\"command\",\"stream\":true," MESSAGES "}"
#define BEDROCK "/model/eu.amazon.nova-lite-v1%3A0/"
#define CONVERSE "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hello\"}]}],\"system\":[{\"text\":\"Be brief.\"}]"
#define ASK_BEDROCK "{" CONVERSE "}"
#define RESPONSES "/v1/responses"
#define ASK_RESPONSES "{\"model\":\"gpt-5\",\"instructions\":\"Be brief.\",\"input\":\"hello\"}"
#define ASK_RESPONSES_STREAM "{\"model\":\"gpt-5\",\"stream\":true,\"instructions\":\"Be brief.\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hello\"}]}]}"

static llmcost_mock *start(const char *script)
{
    llmcost_mock *mock = NULL;
    llmcost_error *error = NULL;
    llmcost_mock_options options = LLMCOST_MOCK_OPTIONS_INIT;
    options.error = &error;
    if (llmcost_mock_start(&mock, script, &options) != LLMCOST_OK)
        fail_msg("%s", llmcost_error_message(error));
    return mock;
}

static http_reply ask(llmcost_mock *mock, const char *path, const char *body, long status)
{
    http_reply reply = http_call(NULL, llmcost_mock_url(mock), path, body, NULL);
    assert_int_equal(reply.result, CURLE_OK);
    if (reply.status != status)
        fail_msg("%s: status %ld instead of %ld: %s", path, reply.status, status, reply.body);
    return reply;
}

static json_t *ask_json(llmcost_mock *mock, const char *path, const char *body, long status)
{
    http_reply reply = ask(mock, path, body, status);
    json_t *root = json_loads(reply.body, JSON_ALLOW_NUL, NULL);
    if (!root)
        fail_msg("%s: no JSON: %s", path, reply.body);
    http_reply_free(&reply);
    return root;
}

/* A member by a path such as "choices.0.message.content". */
static json_t *at(json_t *root, const char *path)
{
    char part[64];
    while (*path && root) {
        size_t bytes = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)bytes, path);
        root = json_is_array(root) ? json_array_get(root, strtoul(part, NULL, 10)) : json_object_get(root, part);
        path += bytes + (path[bytes] == '.');
    }
    return root;
}

static void assert_value(json_t *root, const char *path, const char *wanted)
{
    char *found = json_dumps(at(root, path), JSON_ENCODE_ANY | JSON_COMPACT);
    if (!found || strcmp(found, wanted) != 0)
        fail_msg("%s is %s instead of %s", path, found ? found : "missing", wanted);
    free(found);
}

/* ---- streams as arrays of {"event", "data"} */

static bool take_frame(const llmc_frame *frame, void *user)
{
    json_t *data = json_loadb(frame->data, frame->bytes, 0, NULL);
    if (!data)
        fail_msg("no JSON: %.*s", (int)frame->bytes, frame->data);
    json_array_append_new(user, json_pack("{s:s, s:o}", "event", frame->event, "data", data));
    return true;
}

static json_t *frames_of(const llmc_framing *framing, const char *bytes, size_t length)
{
    json_t *frames = json_array();
    void *cutter = malloc(framing->state_bytes);
    framing->init(cutter, &llmc_allocator_system, 1 << 20);
    assert_int_equal(framing->feed(cutter, bytes, length, take_frame, frames), LLMCOST_OK);
    assert_int_equal(framing->finish(cutter, take_frame, frames), LLMCOST_OK);
    framing->free(cutter);
    free(cutter);
    return frames;
}

typedef struct stream_form {
    const char *path, *body, *type;
    const llmc_framing *framing;
    const char *text, *reasoning; /* where the pieces are */
    const char *model;            /* where the model's name is, and what it is; NULL: nowhere */
    const char *model_name;
} stream_form;

static const stream_form streams[] = {
    { GEMINI "streamGenerateContent?alt=sse", ASK_GEMINI, "text/event-stream", &llmc_framing_sse, "data.candidates.0.content.parts.0.text", NULL, "data.modelVersion",
      "\"gemini-2.5-flash\"" },
    { "/api/chat", ASK_OLLAMA, "application/x-ndjson", &llmc_framing_ndjson, "data.message.content", "data.message.thinking", "data.model", "\"qwen\"" },
    { "/v2/chat", ASK_COHERE_STREAM, "text/event-stream", &llmc_framing_sse, "data.delta.message.content.text", "data.delta.message.content.thinking", NULL, NULL },
    { BEDROCK "converse-stream", ASK_BEDROCK, "application/vnd.amazon.eventstream", &llmc_framing_event_stream, "data.delta.text", "data.delta.reasoningContent.text", NULL, NULL },
    { RESPONSES, ASK_RESPONSES_STREAM, "text/event-stream; charset=utf-8", &llmc_framing_sse, "data.delta", NULL, "data.response.model", "\"gpt-5\"" },
};
enum { STREAMS = sizeof streams / sizeof streams[0] };

static json_t *ask_stream(llmcost_mock *mock, const stream_form *form)
{
    char type[100];
    http_reply reply = ask(mock, form->path, form->body, 200);
    snprintf(type, sizeof type, "Content-Type: %s\r\n", form->type);
    assert_non_null(strstr(reply.head, type));
    assert_non_null(strstr(reply.head, "Transfer-Encoding: chunked"));
    json_t *frames = frames_of(form->framing, reply.body, reply.body_bytes);
    http_reply_free(&reply);
    return frames;
}

static void join(json_t *frames, const char *path, char *out, size_t room)
{
    size_t index;
    json_t *frame;
    *out = '\0';
    json_array_foreach(frames, index, frame) {
        const char *piece = json_string_value(at(frame, path));
        strncat(out, piece ? piece : "", room - strlen(out) - 1);
    }
}

static json_t *last_of(json_t *frames, size_t back)
{
    return json_array_get(frames, json_array_size(frames) - back);
}

static void echoes_are_streamed(void **state)
{
    (void)state;
    llmcost_mock *mock = start("{\"default\":{\"chunk_bytes\":2}}");
    char text[100];
    for (size_t i = 0; i < STREAMS; i++) {
        json_t *frames = ask_stream(mock, &streams[i]);
        join(frames, streams[i].text, text, sizeof text);
        assert_string_equal(text, "hello");
        if (streams[i].model)
            assert_value(json_array_get(frames, 0), streams[i].model, streams[i].model_name);
        json_decref(frames);
    }
    llmcost_mock_stop(mock);
}

#define FULL "{\"default\":{\"chunk_bytes\":4,\"reply\":{\"reasoning\":\"let me \\\"see\\\"\",\"text\":\"all is fine\"," \
             "\"tool_calls\":[{\"id\":\"c1\",\"name\":\"weather\",\"arguments\":{\"city\":\"Oslo\"}},{\"name\":\"clock\"}],"  \
             "\"usage\":{\"prompt\":100,\"completion\":50,\"cached\":20,\"cache_write\":10,\"write_1h\":5,\"reasoning\":8}}}}"

static void gemini_answers(void **state)
{
    (void)state;
    llmcost_mock *mock = start(FULL);
    static const char usage[] = "{\"promptTokenCount\":100,\"cachedContentTokenCount\":20,\"candidatesTokenCount\":42,\"thoughtsTokenCount\":8,\"totalTokenCount\":150}";
    static const char call[] = "{\"functionCall\":{\"id\":\"c1\",\"name\":\"weather\",\"args\":{\"city\":\"Oslo\"}},\"thoughtSignature\":\"c2lnbmVk\"}";
    static const char *const bases[] = { "/v1beta", "/v1/projects/p/locations/eu/publishers/google", "" };
    for (size_t i = 0; i < 3; i++) {
        char path[200];
        snprintf(path, sizeof path, "%s/models/gemini-2.5-flash:generateContent", bases[i]);
        json_t *answer = ask_json(mock, path, ASK_GEMINI, 200);
        assert_value(answer, "modelVersion", "\"gemini-2.5-flash\"");
        assert_value(answer, "candidates.0.content.parts.0", "{\"text\":\"let me \\\"see\\\"\",\"thought\":true}");
        assert_value(answer, "candidates.0.content.parts.1", "{\"text\":\"all is fine\"}");
        assert_value(answer, "candidates.0.content.parts.2", call);
        assert_value(answer, "candidates.0.content.parts.3.functionCall", "{\"id\":\"call_mock_1\",\"name\":\"clock\",\"args\":{}}");
        assert_value(answer, "candidates.0.finishReason", "\"STOP\"");
        assert_value(answer, "usageMetadata", usage);
        json_decref(answer);
    }
    json_t *frames = ask_stream(mock, &streams[0]);
    assert_value(frames, "0.data.candidates.0.content.parts.0", "{\"text\":\"let \",\"thought\":true}");
    assert_value(last_of(frames, 3), "data.candidates.0.content.parts.0", call);
    assert_value(last_of(frames, 1), "data.candidates.0.finishReason", "\"STOP\"");
    assert_value(last_of(frames, 1), "data.usageMetadata", usage);
    json_decref(frames);
    llmcost_mock_stop(mock);
    mock = start("{\"default\":{\"reply\":{\"choices\":[{\"text\":\"a\"},{\"text\":\"b\",\"finish\":\"length\"}]}}}");
    json_t *answer = ask_json(mock, GEMINI "generateContent", ASK_GEMINI, 200);
    assert_value(answer, "candidates.1.content.parts.0.text", "\"b\"");
    assert_value(answer, "candidates.1.index", "1");
    assert_value(answer, "candidates.1.finishReason", "\"MAX_TOKENS\"");
    json_decref(answer);
    answer = ask_json(mock, "/v1beta/models/a%2Fb%zz%ff:generateContent", "{" CONTENTS ",\"generationConfig\":{\"candidateCount\":2}}", 200);
    assert_value(answer, "modelVersion", "\"a/b%zz?\"");
    json_decref(answer);
    llmcost_mock_stop(mock);
}

static void ollama_answers(void **state)
{
    (void)state;
    llmcost_mock *mock = start(FULL);
    json_t *answer = ask_json(mock, "/api/chat", ASK_OLLAMA_WHOLE, 200), *frames = ask_stream(mock, &streams[1]);
    static const char calls[] = "[{\"id\":\"c1\",\"function\":{\"index\":0,\"name\":\"weather\",\"arguments\":{\"city\":\"Oslo\"}}},"
                                "{\"id\":\"call_mock_1\",\"function\":{\"index\":1,\"name\":\"clock\",\"arguments\":{}}}]";
    char text[100];
    assert_value(answer, "message.content", "\"all is fine\"");
    assert_value(answer, "message.thinking", "\"let me \\\"see\\\"\"");
    assert_value(answer, "message.tool_calls", calls);
    assert_value(answer, "done", "true");
    assert_value(answer, "prompt_eval_count", "100");
    assert_value(answer, "eval_count", "50");
    join(frames, "data.message.thinking", text, sizeof text);
    assert_string_equal(text, "let me \"see\"");
    assert_value(frames, "0.data.done", "false");
    assert_value(last_of(frames, 2), "data.message.tool_calls.0.function.name", "\"clock\"");
    assert_value(last_of(frames, 1), "data.done_reason", "\"stop\"");
    assert_value(last_of(frames, 1), "data.eval_count", "50");
    json_decref(frames);
    json_decref(answer);
    llmcost_mock_stop(mock);
    mock = start("{\"default\":{\"reply\":{\"tool_calls\":[{\"name\":\"f\"}],\"usage\":\"none\"}}}");
    answer = ask_json(mock, "/api/chat", ASK_OLLAMA_WHOLE, 200);
    assert_value(answer, "message.content", "\"\"");
    assert_null(at(answer, "eval_count"));
    json_decref(answer);
    llmcost_mock_stop(mock);
}

static void cohere_answers(void **state)
{
    (void)state;
    llmcost_mock *mock = start(FULL);
    json_t *answer = ask_json(mock, "/v2/chat", ASK_COHERE, 200), *frames = ask_stream(mock, &streams[2]);
    static const char usage[] = "{\"billed_units\":{\"input_tokens\":100,\"output_tokens\":50},\"tokens\":{\"input_tokens\":100,\"output_tokens\":50},\"cached_tokens\":20}";
    char text[100];
    assert_value(answer, "message.content", "[{\"type\":\"thinking\",\"thinking\":\"let me \\\"see\\\"\"},{\"type\":\"text\",\"text\":\"all is fine\"}]");
    assert_value(answer, "message.tool_calls.0", "{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"weather\",\"arguments\":\"{\\\"city\\\":\\\"Oslo\\\"}\"}}");
    assert_value(answer, "finish_reason", "\"TOOL_CALL\"");
    assert_value(answer, "usage", usage);
    assert_value(frames, "0.event", "\"message-start\"");
    assert_value(frames, "1.data.type", "\"content-start\"");
    assert_value(frames, "5.event", "\"content-end\"");
    join(frames, "data.delta.message.tool_calls.function.arguments", text, sizeof text);
    assert_string_equal(text, "{\"city\":\"Oslo\"}{}");
    assert_value(last_of(frames, 2), "data", "{\"type\":\"tool-call-end\",\"index\":1}");
    assert_value(last_of(frames, 1), "event", "\"message-end\"");
    assert_value(last_of(frames, 1), "data.delta.usage", usage);
    json_decref(frames);
    json_decref(answer);
    llmcost_mock_stop(mock);
}

static void bedrock_answers(void **state)
{
    (void)state;
    llmcost_mock *mock = start(FULL);
    json_t *answer = ask_json(mock, BEDROCK "converse", ASK_BEDROCK, 200), *frames = ask_stream(mock, &streams[3]);
    static const char usage[] = "{\"inputTokens\":65,\"outputTokens\":50,\"totalTokens\":150,\"cacheReadInputTokens\":20,\"cacheWriteInputTokens\":15,"
                                "\"cacheDetails\":[{\"ttl\":\"5m\",\"inputTokens\":10},{\"ttl\":\"1h\",\"inputTokens\":5}]}";
    char text[100];
    assert_value(answer, "output.message.content.0", "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"let me \\\"see\\\"\",\"signature\":\"c2lnbmVk\"}}}");
    assert_value(answer, "output.message.content.1", "{\"text\":\"all is fine\"}");
    assert_value(answer, "output.message.content.2.toolUse", "{\"toolUseId\":\"c1\",\"name\":\"weather\",\"input\":{\"city\":\"Oslo\"}}");
    assert_value(answer, "stopReason", "\"tool_use\"");
    assert_value(answer, "usage", usage);
    assert_value(frames, "0", "{\"event\":\"messageStart\",\"data\":{\"role\":\"assistant\"}}");
    join(frames, "data.delta.toolUse.input", text, sizeof text);
    assert_string_equal(text, "{\"city\":\"Oslo\"}{}");
    assert_value(last_of(frames, 2), "", "{\"event\":\"messageStop\",\"data\":{\"stopReason\":\"tool_use\"}}");
    assert_value(last_of(frames, 1), "event", "\"metadata\"");
    assert_value(last_of(frames, 1), "data.usage", usage);
    json_decref(frames);
    json_decref(answer);
    llmcost_mock_stop(mock);
}

static void responses_answer(void **state)
{
    (void)state;
    llmcost_mock *mock = start(FULL);
    json_t *answer = ask_json(mock, RESPONSES, ASK_RESPONSES, 200), *frames = ask_stream(mock, &streams[4]), *frame;
    size_t index;
    assert_value(answer, "output.0", "{\"type\":\"reasoning\",\"id\":\"rs_mock_0\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"let me \\\"see\\\"\"}],\"encrypted_content\":\"c2lnbmVk\"}");
    assert_value(answer, "output.1.content", "[{\"type\":\"output_text\",\"text\":\"all is fine\",\"annotations\":[],\"logprobs\":[]}]");
    assert_value(answer, "output.2", "{\"type\":\"function_call\",\"id\":\"fc_mock_2\",\"call_id\":\"c1\",\"name\":\"weather\",\"arguments\":\"{\\\"city\\\":\\\"Oslo\\\"}\",\"status\":\"completed\"}");
    assert_value(answer, "status", "\"completed\"");
    assert_value(answer, "incomplete_details", "null");
    assert_value(answer, "usage", "{\"input_tokens\":100,\"input_tokens_details\":{\"cached_tokens\":20,\"cache_write_tokens\":15},\"output_tokens\":50,"
                                  "\"output_tokens_details\":{\"reasoning_tokens\":8},\"total_tokens\":150}");
    json_array_foreach(frames, index, frame) {
        assert_int_equal(json_integer_value(at(frame, "data.sequence_number")), index);
        assert_string_equal(json_string_value(at(frame, "event")), json_string_value(at(frame, "data.type")));
    }
    assert_value(last_of(frames, 1), "event", "\"response.completed\"");
    json_object_del(answer, "id");
    json_object_del(at(last_of(frames, 1), "data.response"), "id");
    assert_true(json_equal(answer, at(last_of(frames, 1), "data.response"))); /* the stream ends with the whole of it */
    json_decref(frames);
    json_decref(answer);
    llmcost_mock_stop(mock);
    mock = start("{\"rules\":[{\"match\":{\"stream\":true},\"reply\":{\"text\":\"a\",\"finish\":\"length\"}}],\"default\":{\"reply\":{\"refusal\":\"no\"}}}");
    frames = ask_stream(mock, &streams[4]);
    assert_value(last_of(frames, 1), "event", "\"response.incomplete\"");
    assert_value(last_of(frames, 1), "data.response.incomplete_details", "{\"reason\":\"max_output_tokens\"}");
    answer = ask_json(mock, RESPONSES, ASK_RESPONSES, 200);
    assert_value(answer, "output.0.content", "[{\"type\":\"refusal\",\"refusal\":\"no\"}]");
    json_decref(frames);
    json_decref(answer);
    llmcost_mock_stop(mock);
}

static void azure_deployments_are_models(void **state)
{
    (void)state;
    llmcost_mock *mock = start("{\"rules\":[{\"match\":{\"model\":\"my dep\"},\"reply\":{\"text\":\"found\",\"usage\":{\"prompt\":1,\"completion\":1}}}]}");
    for (int i = 0; i < 2; i++) {
        json_t *answer = ask_json(mock, "/openai/deployments/my%20dep/chat/completions?api-version=2024-10-21", "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", 200);
        assert_value(answer, "model", "\"my dep\"");
        assert_value(answer, "choices.0.message.content", "\"found\"");
        json_decref(answer);
        assert_int_equal(llmcost_mock_script(mock, "{\"validate\":false,\"default\":{\"reply\":{\"text\":\"found\",\"usage\":{\"prompt\":1,\"completion\":1}}}}", NULL), LLMCOST_OK); /* skimmed now */
    }
    json_t *answer = ask_json(mock, "/openai/deployments/e/embeddings?api-version=1", "{\"input\":\"x\"}", 200);
    assert_value(answer, "model", "\"e\"");
    json_decref(answer);
    llmcost_mock_stop(mock);
}

/* ---- answers that are no chat */

static const struct {
    const char *path, *one, *two, *first, *second, *tokens;
} embeddings[] = {
    { "/v1/embeddings", "{\"model\":\"m\",\"input\":\"alpha\"}", "{\"model\":\"m\",\"input\":[\"beta\",\"alpha\"]}", "data.0.embedding", "data.1.embedding", "usage.prompt_tokens" },
    { GEMINI "embedContent", "{\"content\":{\"parts\":[{\"text\":\"al\"},{\"text\":\"pha\"}]}}", NULL, "embedding.values", NULL, NULL },
    { GEMINI "batchEmbedContents", "{\"requests\":[{\"content\":{\"parts\":[{\"text\":\"alpha\"}]}}]}",
      "{\"requests\":[{\"content\":{\"parts\":[{\"text\":\"beta\"}]}},{\"content\":{\"parts\":[{\"text\":\"alpha\"}]}}]}", "embeddings.0.values", "embeddings.1.values", NULL },
    { GEMINI "predict", "{\"instances\":[{\"content\":\"alpha\"}]}", "{\"instances\":[{\"content\":\"beta\"},{\"content\":\"alpha\"}]}", "predictions.0.embeddings.values",
      "predictions.1.embeddings.values", NULL },
    { "/api/embed", "{\"model\":\"m\",\"input\":\"alpha\"}", "{\"model\":\"m\",\"input\":[\"beta\",\"alpha\"]}", "embeddings.0", "embeddings.1", "prompt_eval_count" },
    { "/v2/embed", "{\"model\":\"m\",\"texts\":[\"alpha\"]}", "{\"model\":\"m\",\"texts\":[\"beta\",\"alpha\"]}", "embeddings.float.0", "embeddings.float.1", "meta.billed_units.input_tokens" },
};
enum { EMBEDDINGS = sizeof embeddings / sizeof embeddings[0] };

static void vectors_hang_on_their_text(void **state)
{
    (void)state;
    llmcost_mock *mock = start(NULL);
    json_t *alpha = NULL;
    for (size_t i = 0; i < EMBEDDINGS; i++) {
        json_t *answer = ask_json(mock, embeddings[i].path, embeddings[i].one, 200), *vector = at(answer, embeddings[i].first);
        assert_int_equal(json_array_size(vector), 8);
        alpha = alpha ? alpha : json_incref(vector);
        assert_true(json_equal(alpha, vector)); /* the same in every format */
        if (embeddings[i].tokens)
            assert_value(answer, embeddings[i].tokens, "2");
        json_decref(answer);
        if (!embeddings[i].two)
            continue;
        answer = ask_json(mock, embeddings[i].path, embeddings[i].two, 200);
        assert_true(json_equal(alpha, at(answer, embeddings[i].second)));
        assert_false(json_equal(alpha, at(answer, embeddings[i].first)));
        json_decref(answer);
        json_decref(ask_json(mock, embeddings[i].path, "{\"model\":\"m\"}", 400));
    }
    json_decref(alpha);
    llmcost_mock_stop(mock);
}

static void vectors_as_the_script_says(void **state)
{
    (void)state;
    llmcost_mock *mock = start("{\"rules\":[{\"match\":{\"contains\":\"long\"},\"reply\":{\"embedding\":{\"dimensions\":1000}}},"
                               "{\"match\":{\"contains\":\"ill\"},\"fault\":{\"status\":429}}],"
                               "\"default\":{\"reply\":{\"embedding\":{\"vectors\":[[0.5,-1,0.1],[3]]},\"usage\":{\"prompt\":77}}}}");
    json_t *answer = ask_json(mock, "/v1/embeddings", "{\"model\":\"m\",\"input\":[\"a\",\"b\",\"c\"]}", 200);
    assert_value(answer, "data.0.embedding", "[0.5,-1.0,0.10000000000000001]");
    assert_value(answer, "data.1.embedding", "[3.0]");
    assert_true(json_equal(at(answer, "data.0.embedding"), at(answer, "data.2.embedding")));
    assert_value(answer, "usage", "{\"prompt_tokens\":77,\"total_tokens\":77}");
    json_decref(answer);
    answer = ask_json(mock, "/v2/embed", "{\"model\":\"m\",\"texts\":[\"a long one\"]}", 200);
    assert_int_equal(json_array_size(at(answer, "embeddings.float.0")), 1000);
    json_decref(answer);
    static const char *const shorter[][2] = { { "/v1/embeddings", "{\"model\":\"m\",\"input\":\"long\",\"dimensions\":5}" }, { "/api/embed", "{\"model\":\"m\",\"input\":\"long\",\"dimensions\":5}" },
                                              { "/v2/embed", "{\"model\":\"m\",\"texts\":[\"long\"],\"output_dimension\":5}" },
                                              { GEMINI "embedContent", "{\"content\":{\"parts\":[{\"text\":\"long\"}]},\"outputDimensionality\":5}" } };
    static const char *const places[] = { "data.0.embedding", "embeddings.0", "embeddings.float.0", "embedding.values" };
    for (size_t i = 0; i < 4; i++) {
        answer = ask_json(mock, shorter[i][0], shorter[i][1], 200);
        assert_int_equal(json_array_size(at(answer, places[i])), 5);
        json_decref(answer);
    }
    answer = ask_json(mock, "/v1/embeddings", "{\"model\":\"m\",\"input\":[\"a\"],\"encoding_format\":\"base64\"}", 200);
    const char *text = json_string_value(at(answer, "data.0.embedding"));
    unsigned char bytes[64];
    size_t count = 0;
    static const unsigned char wanted[] = { 0, 0, 0, 0x3f, 0, 0, 0x80, 0xbf, 0xcd, 0xcc, 0xcc, 0x3d };
    assert_true(text && llmc_base64_decode(text, strlen(text), bytes, &count));
    assert_int_equal(count, sizeof wanted);
    assert_memory_equal(bytes, wanted, sizeof wanted);
    json_decref(answer);
    json_decref(ask_json(mock, "/v1/embeddings", "{\"model\":\"m\",\"input\":[\"ill\"]}", 429));
    llmcost_mock_stop(mock);
    static const char *const bad[] = { "{\"dimension\":1}", "{\"dimensions\":99999999}", "{\"vectors\":[1]}", "{\"vectors\":[[]]}", "{\"vectors\":[[\"x\"]]}", "5" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char script[200];
        snprintf(script, sizeof script, "{\"default\":{\"reply\":{\"embedding\":%s}}}", bad[i]);
        assert_int_equal(llmcost_mock_start(&mock, script, NULL), LLMCOST_E_CONFIG);
    }
}

static void tokens_are_counted(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        { RESPONSES "/input_tokens", ASK_RESPONSES, "input_tokens" },
        { "/v1/messages/count_tokens", "{\"model\":\"c\"," "\"system\":\"Be brief.\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}", "input_tokens" },
        { GEMINI "countTokens", ASK_GEMINI, "totalTokens" },
        { GEMINI "countTokens", "{\"generateContentRequest\":" ASK_GEMINI "}", "totalTokens" },
        { BEDROCK "count-tokens", "{\"input\":{\"converse\":" ASK_BEDROCK "}}", "inputTokens" },
    };
    llmcost_mock *mock = start("{\"rules\":[{\"after\":5,\"reply\":{\"usage\":{\"prompt\":1234}}}]}");
    for (size_t i = 0; i < 10; i++) {
        json_t *answer = ask_json(mock, cases[i % 5][0], cases[i % 5][1], 200);
        assert_value(answer, cases[i % 5][2], i < 5 ? "4" : "1234"); /* 14 bytes */
        json_decref(answer);
    }
    llmcost_mock_stop(mock);
}

static void lists_of_models(void **state)
{
    (void)state;
    static const char *const google[] = { "x-goog-api-key: k", NULL };
    const struct { const char *path; const char *const *headers; const char *place, *name; } cases[] = {
        { "/v1beta/models", NULL, "models.1.name", "\"models/b\\\"\"" },   { "/v1/models?pageSize=50", NULL, "models.1.name", "\"models/b\\\"\"" },
        { "/models", google, "models.1.displayName", "\"b\\\"\"" },        { "/api/tags", NULL, "models.1.model", "\"b\\\"\"" },
        { "/v1/models?page_size=50", NULL, "models.1.name", "\"b\\\"\"" }, { "/v1/models", NULL, "data.1.id", "\"b\\\"\"" },
    };
    llmcost_mock *mock = start("{\"models\":[\"a\",\"b\\\"\"],\"default\":{\"fault\":{\"status\":500}}}");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        http_reply reply = http_call(NULL, llmcost_mock_url(mock), cases[i].path, NULL, cases[i].headers);
        json_t *answer = json_loads(reply.body, 0, NULL);
        assert_int_equal(reply.status, 200);
        assert_value(answer, cases[i].place, cases[i].name);
        json_decref(answer);
        http_reply_free(&reply);
    }
    json_decref(ask_json(mock, "/api/tagged", NULL, 404));
    json_decref(ask_json(mock, "/models/:generateContent", ASK_GEMINI, 404)); /* no model */
    json_decref(ask_json(mock, "/v1beta/models/x:generateContent", NULL, 404)); /* no POST */
    llmcost_mock_stop(mock);
}

/* ---- what goes wrong */

static void errors_in_each_providers_words(void **state)
{
    (void)state;
    static const struct { const char *path, *body, *plain, *own; } cases[] = {
        { GEMINI "generateContent", ASK_GEMINI,
          "{\"error\":{\"code\":429,\"message\":\"Too many requests.\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"rate_limit_exceeded\"}]}}",
          "{\"error\":{\"code\":418,\"message\":\"M\",\"status\":\"T\",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"C\"}]}}" },
        { "/api/chat", ASK_OLLAMA, "{\"error\":\"Too many requests.\"}", "{\"error\":\"M\"}" },
        { "/v2/chat", ASK_COHERE, "{\"id\":\"mock\",\"message\":\"Too many requests.\"}", "{\"id\":\"mock\",\"message\":\"M\"}" },
        { BEDROCK "converse", ASK_BEDROCK, "{\"message\":\"Too many requests.\"}", "{\"message\":\"M\"}" },
        { RESPONSES, ASK_RESPONSES, "{\"error\":{\"message\":\"Too many requests.\",\"type\":\"requests\",\"param\":null,\"code\":\"rate_limit_exceeded\"}}",
          "{\"error\":{\"message\":\"M\",\"type\":\"T\",\"param\":null,\"code\":\"C\"}}" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        llmcost_mock *mock = start("{\"rules\":[{\"times\":1,\"fault\":{\"status\":429}}],\"default\":{\"fault\":{\"status\":418,\"type\":\"T\",\"code\":\"C\",\"message\":\"M\"}}}");
        for (int own = 0; own < 2; own++) {
            http_reply reply = ask(mock, cases[i].path, cases[i].body, own ? 418 : 429);
            assert_string_equal(reply.body, own ? cases[i].own : cases[i].plain);
            if (cases[i].path[1] == 'm')
                assert_non_null(strstr(reply.head, own ? "X-Amzn-ErrorType: T\r\n" : "X-Amzn-ErrorType: ThrottlingException\r\n"));
            http_reply_free(&reply);
        }
        llmcost_mock_stop(mock);
    }
}

static void streams_break_in_each_way(void **state)
{
    (void)state;
    static const char *const failures[STREAMS][2] = {
        { "data.error.message", "\"midway\"" }, { "data.error", "\"midway\"" }, { "data.delta.error", "\"midway\"" }, { "event", "\"throttlingException\"" }, { "data.message", "\"midway\"" },
    };
    static const size_t ends[STREAMS] = { 1, 1, 1, 2, 1 }; /* frames that the end is made of */
    for (size_t i = 0; i < STREAMS; i++) {
        llmcost_mock *mock = start("{\"default\":{\"chunk_bytes\":1,\"fault\":{\"error_in_stream\":{\"after\":2,\"type\":\"ThrottlingException\",\"message\":\"midway\"}}}}");
        char text[100];
        json_t *frames = ask_stream(mock, &streams[i]);
        join(frames, streams[i].text, text, sizeof text);
        assert_string_equal(text, "he");
        assert_value(last_of(frames, 1), failures[i][0], failures[i][1]);
        json_decref(frames);
        assert_int_equal(llmcost_mock_script(mock, NULL, NULL), LLMCOST_OK);
        frames = ask_stream(mock, &streams[i]);
        size_t whole = json_array_size(frames);
        json_decref(frames);
        assert_int_equal(llmcost_mock_script(mock, "{\"default\":{\"fault\":{\"no_terminator\":true}}}", NULL), LLMCOST_OK);
        frames = ask_stream(mock, &streams[i]);
        assert_int_equal(json_array_size(frames), whole - ends[i]);
        json_decref(frames);
        llmcost_mock_stop(mock);
    }
}

static void no_usage_is_no_usage(void **state)
{
    (void)state;
    llmcost_mock *mock = start("{\"default\":{\"fault\":{\"no_usage\":true}}}");
    static const char *const whole[][2] = { { GEMINI "generateContent", ASK_GEMINI }, { "/api/chat", ASK_OLLAMA_WHOLE }, { "/v2/chat", ASK_COHERE },
                                            { BEDROCK "converse", ASK_BEDROCK }, { RESPONSES, ASK_RESPONSES }, { "/v1/embeddings", "{\"model\":\"m\",\"input\":\"x\"}" },
                                            { "/v2/embed", "{\"model\":\"m\",\"texts\":[\"x\"]}" }, { "/api/embed", "{\"model\":\"m\",\"input\":\"x\"}" } };
    for (size_t i = 0; i < sizeof whole / sizeof whole[0] + STREAMS; i++) {
        bool streamed = i < STREAMS;
        http_reply reply = ask(mock, streamed ? streams[i].path : whole[i - STREAMS][0], streamed ? streams[i].body : whole[i - STREAMS][1], 200);
        assert_null(memmem(reply.body, reply.body_bytes, "usage", 5));
        assert_null(memmem(reply.body, reply.body_bytes, "eval_count", 10));
        assert_null(memmem(reply.body, reply.body_bytes, "billed", 6));
        http_reply_free(&reply);
    }
    llmcost_mock_stop(mock);
}

static void keys_in_each_providers_way(void **state)
{
    (void)state;
#define JSON_TYPE "Content-Type: application/json"
    static const char *const bearer[] = { JSON_TYPE, "Authorization: Bearer k1", NULL }, *const google[] = { JSON_TYPE, "x-goog-api-key: k1", NULL };
    static const char *const azure[] = { JSON_TYPE, "api-key: k1", NULL }, *const none[] = { JSON_TYPE, NULL };
    static const char *const amazon[] = { JSON_TYPE, "Authorization: AWS4-HMAC-SHA256 Credential=k1/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0", NULL };
    static const char *const other[] = { JSON_TYPE, "Authorization: AWS4-HMAC-SHA256 Credential=k12/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0", NULL };
    const struct { const char *path, *body; const char *const *headers; long status; } cases[] = {
        { GEMINI "generateContent", ASK_GEMINI, google, 200 }, { GEMINI "generateContent", ASK_GEMINI, bearer, 200 }, { GEMINI "generateContent", ASK_GEMINI, azure, 400 },
        { "/v1beta/models", NULL, google, 200 }, { "/v1beta/models", NULL, none, 400 }, { "/api/chat", ASK_OLLAMA, bearer, 200 }, { "/api/chat", ASK_OLLAMA, none, 401 },
        { "/v2/chat", ASK_COHERE, bearer, 200 }, { "/v2/chat", ASK_COHERE, google, 401 }, { BEDROCK "converse", ASK_BEDROCK, amazon, 200 },
        { BEDROCK "converse", ASK_BEDROCK, bearer, 200 }, { BEDROCK "converse", ASK_BEDROCK, other, 403 }, { "/v2/chat", ASK_COHERE, amazon, 401 },
        { RESPONSES, ASK_RESPONSES, azure, 200 }, { RESPONSES, ASK_RESPONSES, google, 401 },
        { "/openai/deployments/d/chat/completions", "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", azure, 200 },
    };
    llmcost_mock *mock = start("{\"require_key\":\"k1\"}");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        http_reply reply = http_call(NULL, llmcost_mock_url(mock), cases[i].path, cases[i].body, cases[i].headers);
        if (reply.status != cases[i].status)
            fail_msg("%s, %s: %ld", cases[i].path, cases[i].headers[1], reply.status);
        http_reply_free(&reply);
    }
    llmcost_mock_stop(mock);
}

#define G(contents) "{\"contents\":" contents "}"
#define CALLED "{\"role\":\"user\",\"parts\":[{\"text\":\"x\"}]},{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{}}}]}"
#define O(messages) "{\"model\":\"m\",\"messages\":[" messages "]}"
#define B(messages) "{\"messages\":[" messages "],\"toolConfig\":{\"tools\":[]}}"
#define USED "{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]},{\"role\":\"assistant\",\"content\":[{\"toolUse\":{\"toolUseId\":\"a\",\"name\":\"f\",\"input\":{}}}]},"
#define RESULT "{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"a\",\"content\":[]}}]}"
#define R(input) "{\"model\":\"m\",\"input\":[" input "]}"

static void requests_are_validated(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        { GEMINI "generateContent", "{" }, { GEMINI "generateContent", "{}" }, { GEMINI "generateContent", G("[]") }, { GEMINI "generateContent", "{" CONTENTS ",\"max_tokens\":1}" },
        { GEMINI "generateContent", "{" CONTENTS ",\"generationConfig\":{\"max_tokens\":1}}" }, { GEMINI "generateContent", "{" CONTENTS ",\"generationConfig\":{\"topP\":\"1\"}}" },
        { GEMINI "generateContent", G("[{\"role\":\"assistant\",\"parts\":[{\"text\":\"x\"}]}]") }, { GEMINI "generateContent", G("[{\"role\":\"user\",\"parts\":[]}]") },
        { GEMINI "generateContent", G("[{\"parts\":[{}]}]") }, { GEMINI "generateContent", G("[{\"parts\":[{\"txt\":\"x\"}]}]") }, { GEMINI "generateContent", G("[5]") },
        { GEMINI "generateContent", G("[{\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":{}}}]}]") },
        { GEMINI "generateContent", G("[" CALLED ",{\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":\"4\"}}]}]") },
        { "/v1beta/models/gemini-3-pro:generateContent", G("[" CALLED ",{\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":{}}}]}]") },
        { "/api/chat", "{\"messages\":[]}" }, { "/api/chat", O("{\"content\":\"x\"}") }, { "/api/chat", O("{\"role\":\"developer\",\"content\":\"x\"}") },
        { "/api/chat", O("{\"role\":\"user\",\"content\":[]}") }, { "/api/chat", O("{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}") },
        { "/api/chat", "{\"model\":\"m\",\"temperature\":1,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}" },
        { "/v2/chat", O("") }, { "/v2/chat", O("{\"role\":\"user\"}") }, { "/v2/chat", O("{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"x\"}") },
        { "/v2/chat", "{\"model\":\"m\",\"top_p\":1,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}" },
        { "/v2/chat", "{\"model\":\"m\",\"tool_choice\":\"auto\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}" },
        { BEDROCK "converse", "{\"messages\":[]}" }, { BEDROCK "converse", B("{\"role\":\"assistant\",\"content\":[{\"text\":\"x\"}]}") }, { BEDROCK "converse", B(RESULT) },
        { BEDROCK "converse", B("{\"role\":\"user\",\"content\":[]}") }, { BEDROCK "converse", B("{\"role\":\"user\",\"content\":[{\"text\":\" \\n\"}]}") },
        { BEDROCK "converse", B("{\"role\":\"user\",\"content\":[{\"text\":\"x\",\"image\":{}}]}") }, { BEDROCK "converse", B("{\"role\":\"user\",\"content\":[{\"smell\":{}}]}") },
        { BEDROCK "converse", "{\"messages\":[" USED RESULT "]}" }, { BEDROCK "converse", "{" CONVERSE ",\"temperature\":1}" },
        { RESPONSES, "{\"model\":\"m\"}" }, { RESPONSES, R("") }, { RESPONSES, R("{\"role\":\"king\",\"content\":\"x\"}") }, { RESPONSES, R("{\"role\":\"user\"}") },
        { RESPONSES, R("{\"type\":\"function_call\",\"name\":\"f\"}") }, { RESPONSES, R("{\"type\":\"function_call_output\",\"call_id\":\"a\",\"output\":\"x\"}") },
        { RESPONSES, "{\"model\":\"m\",\"input\":\"x\",\"messages\":[]}" }, { RESPONSES, "{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}" },
    };
    static const char *const good[][2] = {
        { GEMINI "generateContent", G("[" CALLED ",{\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":{}}}]}]") },
        { "/v1beta/models/gemini-3-pro:generateContent", G("[{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\"},\"thoughtSignature\":\"s\"},{\"functionCall\":{\"name\":\"g\"}}]}]") },
        { "/api/chat", O("{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{}}}]},{\"role\":\"tool\",\"tool_name\":\"f\",\"content\":\"4\"}") },
        { "/v2/chat", O("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"4\"}") },
        { BEDROCK "converse", B(USED RESULT) },
        { RESPONSES, R("{\"type\":\"function_call\",\"call_id\":\"a\",\"name\":\"f\",\"arguments\":\"{}\"},{\"type\":\"function_call_output\",\"call_id\":\"a\",\"output\":\"4\"}") },
    };
    llmcost_mock *mock = start(NULL), *lenient = start("{\"validate\":false}");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *answer = ask_json(mock, bad[i][0], bad[i][1], 400), *message = json_object_get(answer, "message"), *error = json_object_get(answer, "error");
        assert_true(json_string_length(message) || json_string_length(error) || json_string_length(json_object_get(error, "message")));
        json_decref(answer);
        http_reply reply = ask(lenient, bad[i][0], bad[i][1], bad[i][1][1] ? 200 : 400);
        http_reply_free(&reply);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        http_reply reply = ask(mock, good[i][0], good[i][1], 200);
        http_reply_free(&reply);
    }
    llmcost_mock_stop(mock);
    llmcost_mock_stop(lenient);
}

/* The n-th allocation of a call fails: the call is dropped, or answered to the end. */
static void want_of_memory_spoils_no_answer(void **state)
{
    (void)state;
    static const char *const whole[][2] = {
        { GEMINI "generateContent", ASK_GEMINI }, { "/api/chat", ASK_OLLAMA_WHOLE }, { "/v2/chat", ASK_COHERE }, { BEDROCK "converse", ASK_BEDROCK },
        { RESPONSES, ASK_RESPONSES }, { "/v1/embeddings", "{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"encoding_format\":\"base64\"}" },
        { GEMINI "batchEmbedContents", "{\"requests\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}" }, { BEDROCK "count-tokens", "{\"input\":{\"converse\":" ASK_BEDROCK "}}" },
    };
    counting_memory memory;
    counting_memory_init(&memory);
    llmcost_mock *mock = NULL;
    llmcost_mock_options options = LLMCOST_MOCK_OPTIONS_INIT;
    options.allocator = &memory.allocator;
    options.record_requests = -1;
    assert_int_equal(llmcost_mock_start(&mock, "{\"default\":{\"reply\":{\"reasoning\":\"think\",\"text\":\"answer\",\"tool_calls\":[{\"name\":\"f\"}]}}}", &options), LLMCOST_OK);
    for (size_t i = 0; i < sizeof whole / sizeof whole[0] + STREAMS; i++) {
        const char *path = i < STREAMS ? streams[i].path : whole[i - STREAMS][0], *body = i < STREAMS ? streams[i].body : whole[i - STREAMS][1];
        http_reply right = ask(mock, path, body, 200);
        int failures = 0;
        for (long n = 1, fine = 0; fine < 3; n++) {
            assert_true(n < 500);
            atomic_store(&memory.failed, 0);
            atomic_store(&memory.fail_at, atomic_load(&memory.calls) + n);
            http_reply reply = http_call(NULL, llmcost_mock_url(mock), path, body, NULL);
            fine = atomic_load(&memory.failed) ? 0 : fine + 1;
            atomic_store(&memory.fail_at, 0);
            failures += reply.result != CURLE_OK;
            if (reply.result == CURLE_OK) {
                assert_int_equal(reply.status, 200);
                assert_in_range(reply.body_bytes + 60, right.body_bytes, right.body_bytes + 120); /* numbers of requests grow */
            }
            http_reply_free(&reply);
        }
        assert_in_range(failures, 3, 400);
        http_reply_free(&right);
    }
    llmcost_mock_stop(mock);
    assert_int_equal(atomic_load(&memory.blocks), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echoes_are_streamed),
        cmocka_unit_test(gemini_answers),
        cmocka_unit_test(ollama_answers),
        cmocka_unit_test(cohere_answers),
        cmocka_unit_test(bedrock_answers),
        cmocka_unit_test(responses_answer),
        cmocka_unit_test(azure_deployments_are_models),
        cmocka_unit_test(vectors_hang_on_their_text),
        cmocka_unit_test(vectors_as_the_script_says),
        cmocka_unit_test(tokens_are_counted),
        cmocka_unit_test(lists_of_models),
        cmocka_unit_test(errors_in_each_providers_words),
        cmocka_unit_test(streams_break_in_each_way),
        cmocka_unit_test(no_usage_is_no_usage),
        cmocka_unit_test(keys_in_each_providers_way),
        cmocka_unit_test(requests_are_validated),
        cmocka_unit_test(want_of_memory_spoils_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
