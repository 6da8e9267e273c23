/* A whole tool turn: the model asks for a function, the program runs it, the model answers with what came out. */
#include "loopback.h"

#include <string.h>

static const char script[] =
    "{\"rules\": [{\"times\": 1, \"reply\": {\"tool_calls\": [{\"id\": \"call_1\", \"name\": \"parcel_status\", \"arguments\": {\"number\": \"4711\"}}]}}],"
    " \"default\": {\"reply\": {\"text\": \"Parcel 4711 is out for delivery.\"}}}";

static const char *run_tool(const llmcost_tool_call *call)
{
    printf("the model calls %s(%s)\n", call->name, call->arguments);
    return strcmp(call->name, "parcel_status") == 0 ? "{\"status\": \"out for delivery\"}" : "{\"error\": \"no such tool\"}";
}

int main(int count, char **arguments)
{
    llmcost_client *client = open_example(count, arguments, script, "\"models\": {\"desk\": \"openai/gpt-4o\"}");
    llmcost_tool tool = { .name = "parcel_status", .description = "Where a parcel is",
                          .parameters = "{\"type\": \"object\", \"properties\": {\"number\": {\"type\": \"string\"}}, \"required\": [\"number\"]}" };
    llmcost_message messages[3] = { { .role = LLMCOST_USER, .text = "Where is parcel 4711?" } };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    llmcost_response *asked = NULL, *answer = NULL;
    request.model = "desk";
    request.messages = messages;
    request.message_count = 1;
    request.tools = &tool;
    request.tool_count = 1;
    if (llmcost_chat(client, &request, &asked) != LLMCOST_OK || llmcost_response_tool_call_count(asked, 0) != 1)
        return 1;
    puts(llmcost_response_summary(asked));

    const llmcost_tool_call *call = llmcost_response_tool_call(asked, 0, 0);
    messages[1] = *llmcost_response_message(asked, 0);
    messages[2] = (llmcost_message){ .role = LLMCOST_TOOL, .tool_call_id = call->id, .text = run_tool(call) };
    request.message_count = 3;
    llmcost_status status = llmcost_chat(client, &request, &answer);
    puts(llmcost_response_text(answer));
    puts(llmcost_response_summary(answer));
    llmcost_response_free(answer);
    llmcost_response_free(asked); /* the messages borrowed from it until here */
    close_example(client);
    return status != LLMCOST_OK;
}
