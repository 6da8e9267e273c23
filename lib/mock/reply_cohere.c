/* Cohere's v2. A refusal has no word of its own there: it is a text. */
#include "mock/dialect.h"

#include <string.h>

#define USAGE "%<,'usage':{'billed_units':{'input_tokens':%P,'output_tokens':%C},'tokens':{'input_tokens':%P,'output_tokens':%C},'cached_tokens':%H}%>"
#define CONTENT(event, content) "#content-" event ",'index':%b,'delta':{'message':{'content':{" content "}}}}\n\n"
#define CALL(event, call) "#tool-call-" event ",'index':%k,'delta':{'message':{'tool_calls':{" call "}}}}\n\n"

static const llmc_mock_sheet whole = {
    .open = "{'id':'mock-%n','message':{'role':'assistant','content':[",
    .reasoning.begin = "%,{'type':'thinking','thinking':%X}",
    .text.begin = "%,{'type':'text','text':%X}",
    .texts_end = "]",
    .calls_begin = ",'tool_calls':[",
    .call.begin = "%,{'id':%c,'type':'function','function':{'name':%N,'arguments':%A}}",
    .calls_end = "]",
    .close = "},'finish_reason':'%F'" USAGE "}",
};

static const llmc_mock_sheet stream = {
    .stream_type = "text/event-stream",
    .open = "#message-start,'id':'mock-%n','delta':{'message':{'role':'assistant','content':[],'tool_plan':'','tool_calls':[],'citations':[]}}}\n\n",
    .reasoning = { CONTENT("start", "'type':'thinking','thinking':''"), CONTENT("delta", "'thinking':'%p'"), "#content-end,'index':%b}\n\n" },
    .text = { CONTENT("start", "'type':'text','text':''"), CONTENT("delta", "'text':'%p'"), "#content-end,'index':%b}\n\n" },
    .call = { CALL("start", "'id':%c,'type':'function','function':{'name':%N,'arguments':''}"), CALL("delta", "'function':{'arguments':'%p'}"),
              "#tool-call-end,'index':%k}\n\n" },
    .close = "#message-end,'id':'mock-%n','delta':{'finish_reason':'%F'" USAGE "}}\n\n",
};

static const char members[] =
    "model:T messages:A stream:b max_tokens:n temperature:n p:n k:n stop_sequences:a seed:n frequency_penalty:n presence_penalty:n "
    "logprobs:b tools:a tool_choice:t strict_tools:b response_format:o documents:a citation_options:o safety_mode:t thinking:o "
    "priority:n";
static const char message_members[] = "role:T content:* tool_calls:a tool_call_id:t tool_plan:t citations:a";

static bool was_called(const json_t *messages, size_t before, const char *id)
{
    for (size_t i = 0; i < before; i++) {
        size_t index;
        json_t *call;
        LLMC_MOCK_EACH(json_object_get(json_array_get(messages, i), "tool_calls"), index, call) {
            if (llmc_mock_text_is(call, "id", id) && llmc_mock_text_at(json_object_get(call, "function"), "arguments"))
                return true;
        }
    }
    return false;
}

static bool validate(llmc_mock_question *question)
{
    const json_t *root = question->root, *messages = json_object_get(root, "messages");
    size_t index;
    json_t *message;
    LLMC_MOCK_EACH((json_t *)messages, index, message) {
        const char *id = llmc_mock_text_at(message, "tool_call_id");
        if (!llmc_mock_check_members(question, message, message_members) || !llmc_mock_check_word(question, message, "role", " system user assistant tool "))
            return false;
        if (!json_object_get(message, "content") && !json_object_get(message, "tool_calls"))
            return llmc_mock_invalid(question, NULL, "invalid request: message %zu must have non-empty content or tool calls", index);
        if (llmc_mock_text_is(message, "role", "tool") && (!id || !was_called(messages, index, id)))
            return llmc_mock_invalid(question, NULL, "invalid request: the tool message at position %zu answers no tool call", index);
    }
    return !json_object_get(root, "tool_choice") || llmc_mock_check_word(question, root, "tool_choice", " REQUIRED NONE ");
}

const llmc_mock_dialect llmc_mock_cohere = {
    .request_id = "X-Request-Id", .words = LLMC_MOCK_WORDS_OPENAI, .one_choice = true, .stream_failure = 500,
    .wrong_key = { 401, NULL, NULL, "invalid api token" },
    .finishes = { "COMPLETE", "MAX_TOKENS", "TOOL_CALL", "COMPLETE" },
    .error = "{'id':'mock','message':%M}",
    .error_in_stream = "#message-end,'delta':{'finish_reason':'ERROR','error':%M}}\n\n",
    .members = members, .read = llmc_mock_read_chat, .validate = validate, .whole = &whole, .stream = &stream,
};
