/* Ollama's own format: a line per delta, and a last line that says done; without a stream that line alone. */
#include "mock/dialect.h"

#define HEAD "{'model':%m,'created_at':'2023-11-14T00:00:00.%nZ','message':{'role':'assistant'"
#define LINE(member) HEAD member "},'done':false}\n"
#define CALL "{'id':%c,'function':{'index':%k,'name':%N,'arguments':%a}}"
#define DONE ",'done':true,'done_reason':'%F','total_duration':2000,'load_duration':1000%<,'prompt_eval_count':%P,'prompt_eval_duration':500,'eval_count':%C,'eval_duration':500%>}"

static const llmc_mock_sheet whole = {
    .open = HEAD,
    .no_text = ",'content':''",
    .reasoning.begin = ",'thinking':%X",
    .text.begin = ",'content':%X",
    .calls_begin = ",'tool_calls':[",
    .call.begin = "%," CALL,
    .calls_end = "]",
    .close = "}" DONE,
};

static const llmc_mock_sheet stream = {
    .stream_type = "application/x-ndjson",
    .reasoning.piece = LINE(",'content':'','thinking':'%p'"),
    .text.piece = LINE(",'content':'%p'"),
    .call.begin = LINE(",'content':'','tool_calls':[" CALL "]"),
    .close = HEAD ",'content':''}" DONE "\n",
};

static const char members[] = "model:T messages:a tools:a format:* think:* stream:b keep_alive:* logprobs:b top_logprobs:n options:o";
static const char message_members[] = "role:T content:t thinking:t images:a tool_calls:a tool_name:t tool_call_id:t";

static bool validate(llmc_mock_question *question)
{
    size_t index, at;
    json_t *message, *call;
    LLMC_MOCK_EACH(json_object_get(question->root, "messages"), index, message) {
        if (!llmc_mock_check_members(question, message, message_members) || !llmc_mock_check_word(question, message, "role", " system user assistant tool "))
            return false;
        LLMC_MOCK_EACH(json_object_get(message, "tool_calls"), at, call) {
            const json_t *function = json_object_get(call, "function");
            if (!llmc_mock_text_at(function, "name") || !json_is_object(json_object_get(function, "arguments")))
                return llmc_mock_invalid(question, NULL, "messages[%zu]: a tool call needs a name and arguments that are an object", index);
        }
    }
    return true;
}

const llmc_mock_dialect llmc_mock_ollama = {
    .request_id = "X-Request-Id", .words = LLMC_MOCK_WORDS_OPENAI, .streams_by_default = true, .one_choice = true, .stream_failure = 500,
    .wrong_key = { 401, NULL, NULL, "unauthorized" },
    .finishes = { "stop", "length", "stop", "stop" },
    .error = "{'error':%M}", .error_in_stream = "{'error':%M}\n",
    .members = members, .read = llmc_mock_read_chat, .validate = validate, .whole = &whole, .stream = &stream,
};
