/* OpenAI's Responses: an answer is a list of items; a stream tells each in pieces, then whole, and then the whole answer. */
#include "mock/dialect.h"

#include <string.h>

#define SUMMARY(text) "{'type':'reasoning','id':'rs_mock_%b','summary':[" text "],'encrypted_content':'c2lnbmVk'}"
#define MESSAGE(status, part) "{'type':'message','id':'msg_mock_%b','role':'assistant','status':'" status "','content':[" part "]}"
#define REFUSAL(text) "{'type':'refusal','refusal':" text "}"
#define CALL(status, arguments) "{'type':'function_call','id':'fc_mock_%b','call_id':%c,'name':%N,'arguments':" arguments ",'status':'" status "'}"

/* What several forms hold: the head of a response, the place of an event, and parts and items as they end. */
#define RESPONSE "%3"
#define PLACE "%4"
#define TEXT "%5"
#define DONE "%6"
#define ADDED "%7"
#define SHARED { \
    "{'id':'resp_mock_%n','object':'response','created_at':1700000000,'model':%m,'parallel_tool_calls':true,'tool_choice':'auto','tools':[],'error':null", \
    ",'sequence_number':%q,'output_index':%b", \
    "{'type':'output_text','text':%X,'annotations':[],'logprobs':[]}", \
    "#response.output_item.done" PLACE ",'item':", \
    "#response.output_item.added" PLACE ",'item':" }

static const llmc_mock_sheet whole = {
    .open = RESPONSE ",'output':[",
    .reasoning.begin = "%," SUMMARY("{'type':'summary_text','text':%X}"),
    .text.begin = "%," MESSAGE("completed", TEXT),
    .refusal.begin = "%," MESSAGE("completed", REFUSAL("%X")),
    .call.begin = "%," CALL("completed", "%A"),
    .close = "],'status':'%F','incomplete_details':%d,'service_tier':'default'"
             "%<,'usage':{'input_tokens':%P,'input_tokens_details':{'cached_tokens':%H,'cache_write_tokens':%S},'output_tokens':%C,"
             "'output_tokens_details':{'reasoning_tokens':%R},'total_tokens':%T}%>}",
};

#define BEGUN(event) "#response." event ",'sequence_number':%q,'response':" RESPONSE ",'status':'in_progress','output':[]}}\n\n"
#define EVENT(event, id, more) "#response." event PLACE ",'item_id':'" id "_mock_%b'," more "}\n\n"
#define PART(event, part) EVENT("content_part." event, "msg", "'content_index':0,'part':" part)

static const llmc_mock_sheet stream = {
    .stream_type = "text/event-stream; charset=utf-8",
    .open = BEGUN("created") BEGUN("in_progress"),
    .reasoning = { ADDED SUMMARY("") "}\n\n",
                   EVENT("reasoning_summary_text.delta", "rs", "'summary_index':0,'delta':'%p'"),
                   EVENT("reasoning_summary_text.done", "rs", "'summary_index':0,'text':%X") DONE SUMMARY("{'type':'summary_text','text':%X}") "}\n\n" },
    .text = { ADDED MESSAGE("in_progress", "") "}\n\n" PART("added", "{'type':'output_text','text':'','annotations':[],'logprobs':[]}"),
              EVENT("output_text.delta", "msg", "'content_index':0,'delta':'%p','logprobs':[]"),
              EVENT("output_text.done", "msg", "'content_index':0,'text':%X,'logprobs':[]") PART("done", TEXT) DONE MESSAGE("completed", TEXT) "}\n\n" },
    .refusal = { ADDED MESSAGE("in_progress", "") "}\n\n" PART("added", REFUSAL("''")),
                 EVENT("refusal.delta", "msg", "'content_index':0,'delta':'%p'"),
                 EVENT("refusal.done", "msg", "'content_index':0,'refusal':%X") PART("done", REFUSAL("%X")) DONE MESSAGE("completed", REFUSAL("%X")) "}\n\n" },
    .call = { ADDED CALL("in_progress", "''") "}\n\n",
              EVENT("function_call_arguments.delta", "fc", "'delta':'%p'"),
              EVENT("function_call_arguments.done", "fc", "'name':%N,'arguments':%A") DONE CALL("completed", "%A") "}\n\n" },
    .close = "event: response.%F\ndata: {'type':'response.%F','sequence_number':%q,'response':%w}\n\n",
};

static void read_question(llmc_mock_question *question)
{
    json_t *input = json_object_get(question->root, "input"), *item;
    size_t index;
    llmc_mock_read_system(question, json_object_get(question->root, "instructions"));
    if (json_is_string(input))
        llmc_mock_read_turn(question, input, true);
    LLMC_MOCK_EACH(input, index, item) {
        json_t *content = json_object_get(item, "content"), *output = json_object_get(item, "output");
        if (llmc_mock_text_is(item, "role", "system") || llmc_mock_text_is(item, "role", "developer"))
            llmc_mock_read_system(question, content);
        else
            llmc_mock_read_turn(question, content ? content : output, llmc_mock_text_is(item, "role", "user"));
    }
}

/* ---- validation */

static const char members[] =
    "model:T input:* instructions:* stream:b stream_options:o max_output_tokens:n max_tool_calls:n temperature:n top_p:n top_logprobs:n "
    "reasoning:o text:o tools:a tool_choice:* parallel_tool_calls:b store:b include:* previous_response_id:* conversation:* metadata:o "
    "service_tier:t safety_identifier:t user:t prompt_cache_key:t prompt_cache_retention:t prompt_cache_options:o truncation:t "
    "background:b prompt:o";

static bool was_called(const json_t *input, size_t before, const char *id)
{
    for (size_t i = 0; i < before; i++) {
        const json_t *item = json_array_get(input, i);
        if (llmc_mock_text_is(item, "type", "function_call") && llmc_mock_text_is(item, "call_id", id))
            return true;
    }
    return false;
}

static bool check_item(llmc_mock_question *question, const json_t *input, size_t index)
{
    const json_t *item = json_array_get(input, index);
    const char *type = llmc_mock_text_at(item, "type"), *id = llmc_mock_text_at(item, "call_id");
    if (!type || strcmp(type, "message") == 0)
        return llmc_mock_check_word(question, item, "role", " user assistant system developer ") &&
               (json_object_get(item, "content") || llmc_mock_invalid(question, "input", "Missing required parameter: 'input[%zu].content'.", index));
    if (strcmp(type, "function_call") == 0 && (!id || !llmc_mock_text_at(item, "name") || !llmc_mock_text_at(item, "arguments")))
        return llmc_mock_invalid(question, "input", "Missing required parameter: 'input[%zu].call_id'.", index);
    if (strcmp(type, "function_call_output") == 0 && (!id || !json_object_get(item, "output") || !was_called(input, index, id)))
        return llmc_mock_invalid(question, "input", "No tool call found for function call output with call_id %.60s.", id ? id : "null");
    return true;
}

static bool validate(llmc_mock_question *question)
{
    const json_t *input = json_object_get(question->root, "input"), *tool;
    size_t index;
    if (!json_is_string(input) && !json_array_size(input))
        return llmc_mock_invalid(question, "input", "Missing required parameter: 'input'.");
    for (size_t i = 0; i < json_array_size(input); i++) {
        if (!check_item(question, input, i))
            return false;
    }
    LLMC_MOCK_EACH(json_object_get(question->root, "tools"), index, tool) {
        if (!llmc_mock_text_at(tool, "type") || (llmc_mock_text_is(tool, "type", "function") && !llmc_mock_text_at(tool, "name")))
            return llmc_mock_invalid(question, "tools", "Missing required parameter: 'tools[%zu].name'.", index);
    }
    return true;
}

const llmc_mock_dialect llmc_mock_responses = {
    .key_header = "api-key", .request_id = "X-Request-Id", .words = LLMC_MOCK_WORDS_OPENAI, .one_choice = true, .stream_failure = 500,
    .wrong_key = { 401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided." },
    .shared = SHARED, .finishes = { "completed", "incomplete", "completed", "incomplete" },
    .details = { NULL, "{\"reason\":\"max_output_tokens\"}", NULL, "{\"reason\":\"content_filter\"}" },
    .error = "{'error':{'message':%M,'type':'%y','param':%x,'code':%z}}",
    .error_in_stream = "#error,'sequence_number':%q,'code':%z,'message':%M,'param':%x}\n\n",
    .members = members, .read = read_question, .validate = validate, .whole = &whole, .stream = &stream,
};
