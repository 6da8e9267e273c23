/* Gemini and Vertex AI. A stream has no end of its own: its last chunks carry the finish reasons and the usage. */
#include "mock/dialect.h"

#include <string.h>

#define HEAD "'modelVersion':%m,'responseId':'mock-%n'"
#define USAGE \
    "%<,'usageMetadata':{'promptTokenCount':%P,'cachedContentTokenCount':%H,'candidatesTokenCount':%V,'thoughtsTokenCount':%R,'totalTokenCount':%T}%>"
#define CHUNK(part) "data: {" HEAD ",'candidates':[{'index':%i,'content':{'role':'model','parts':[" part "]}}]}\n\n"
#define CALL "{'functionCall':{'id':%c,'name':%N,'args':%a},'thoughtSignature':'c2lnbmVk'}"

static const llmc_mock_sheet whole = {
    .open = "{" HEAD ",'candidates':[",
    .begin = "%,{'index':%i,'content':{'role':'model','parts':[",
    .reasoning.begin = "%,{'text':%X,'thought':true}",
    .text.begin = "%,{'text':%X}",
    .call.begin = "%," CALL,
    .finish = "]},'finishReason':'%F'}",
    .close = "]" USAGE "}",
};

static const llmc_mock_sheet stream = {
    .stream_type = "text/event-stream",
    .reasoning.piece = CHUNK("{'text':'%p','thought':true}"),
    .text.piece = CHUNK("{'text':'%p'}"),
    .call.begin = CHUNK(CALL),
    .finish = "data: {" HEAD ",'candidates':[{'index':%i,'content':{'role':'model','parts':[{'text':''}]},'finishReason':'%F'}]" USAGE "}\n\n",
};

static void read_question(llmc_mock_question *question)
{
    json_t *inner = json_object_get(question->root, "generateContentRequest"), *content;
    size_t index;
    question->chat = inner ? inner : question->root;
    json_int_t count = json_integer_value(json_object_get(json_object_get(question->chat, "generationConfig"), "candidateCount"));
    if (count > 0 && count <= 8)
        question->n = count;
    llmc_mock_read_system(question, json_object_get(json_object_get(question->chat, "systemInstruction"), "parts"));
    LLMC_MOCK_EACH(json_object_get(question->chat, "contents"), index, content)
        llmc_mock_read_turn(question, json_object_get(content, "parts"), !llmc_mock_text_is(content, "role", "model"));
}

/* ---- validation */

static const char members[] =
    "contents:A systemInstruction:o tools:a toolConfig:o safetySettings:a generationConfig:o cachedContent:t serviceTier:t labels:o "
    "model:t";
static const char config_members[] =
    "maxOutputTokens:n temperature:n topP:n topK:n stopSequences:a seed:n candidateCount:n presencePenalty:n frequencyPenalty:n "
    "responseMimeType:t responseSchema:o responseJsonSchema:o responseLogprobs:b logprobs:n responseModalities:a thinkingConfig:o "
    "mediaResolution:t speechConfig:o imageConfig:o";
static const char part_members[] =
    "text:t inlineData:o fileData:o functionCall:o functionResponse:o thought:b thoughtSignature:t executableCode:o "
    "codeExecutionResult:o";

static bool was_called(const json_t *contents, size_t before, const char *name)
{
    for (size_t i = 0; i < before; i++) {
        size_t index;
        json_t *part;
        LLMC_MOCK_EACH(json_object_get(json_array_get(contents, i), "parts"), index, part) {
            if (llmc_mock_text_is(json_object_get(part, "functionCall"), "name", name))
                return true;
        }
    }
    return false;
}

/* Newer models want the signature of their first call in a turn back. */
static bool check_parts(llmc_mock_question *question, const json_t *contents, size_t at)
{
    const json_t *parts = json_object_get(json_array_get(contents, at), "parts");
    bool signed_calls = question->path_model.length > 8 && memcmp(question->path_model.data, "gemini-3", 8) == 0, called = false;
    size_t index;
    json_t *part;
    if (!json_array_size(parts))
        return llmc_mock_invalid(question, NULL, "contents[%zu].parts must not be empty.", at);
    LLMC_MOCK_EACH(parts, index, part) {
        const json_t *call = json_object_get(part, "functionCall"), *result = json_object_get(part, "functionResponse");
        const char *name = llmc_mock_text_at(result, "name");
        if (!json_object_size(part))
            return llmc_mock_invalid(question, NULL, "contents[%zu].parts[%zu]: required oneof field 'data' must have one initialized field", at, index);
        if (!llmc_mock_check_members(question, part, part_members))
            return false;
        if (call && (!llmc_mock_text_at(call, "name") || (json_object_get(call, "args") && !json_is_object(json_object_get(call, "args")))))
            return llmc_mock_invalid(question, NULL, "contents[%zu].parts[%zu].functionCall needs a name and args that are an object.", at, index);
        if (call && signed_calls && !called && !json_object_get(part, "thoughtSignature"))
            return llmc_mock_invalid(question, NULL, "Function call is missing a thought_signature in functionCall parts.");
        if (result && (!name || !json_is_object(json_object_get(result, "response")) || !was_called(contents, at, name)))
            return llmc_mock_invalid(question, NULL, "contents[%zu].parts[%zu].functionResponse must answer a functionCall, with an object.", at, index);
        called = called || call;
    }
    return true;
}

static bool validate(llmc_mock_question *question)
{
    const json_t *contents = json_object_get(question->root, "contents");
    for (size_t i = 0; i < json_array_size(contents); i++) {
        const json_t *content = json_array_get(contents, i);
        if (json_object_get(content, "role") && !llmc_mock_check_word(question, content, "role", " user model function "))
            return false;
        if (!check_parts(question, contents, i))
            return false;
    }
    return llmc_mock_check_members(question, json_object_get(question->root, "generationConfig"), config_members);
}

#define ERROR "{'error':{'code':%s,'message':%M,'status':'%y','details':[{'@type':'type.googleapis.com/google.rpc.ErrorInfo','reason':%z}]}}"

const llmc_mock_dialect llmc_mock_gemini = {
    .key_header = "x-goog-api-key", .request_id = "X-Request-Id", .words = LLMC_MOCK_WORDS_GOOGLE, .stream_failure = 500,
    .wrong_key = { 400, "INVALID_ARGUMENT", "API_KEY_INVALID", "API key not valid. Please pass a valid API key." },
    .finishes = { "STOP", "MAX_TOKENS", "STOP", "SAFETY" },
    .error = ERROR, .error_in_stream = "data: " ERROR "\n\n",
    .members = members, .read = read_question, .validate = validate, .whole = &whole, .stream = &stream,
};
