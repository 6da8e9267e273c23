/*
 * Tools with a real model: a call that it is made to ask for, whole and streamed, its result sent back, and what it does
 * of its own accord. The server fills in the arguments by the tool's schema when the tool is named; it reads no calls
 * out of the text otherwise.
 */
#include "live.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const llmcost_tool offered[] = {
    { .name = "weather", .description = "The weather in a city",
      .parameters = "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\",\"enum\":[\"Oslo\",\"Rome\"]}},\"required\":[\"city\"]}" },
    { .name = "clock", .description = "The time of day" },
};

static llmcost_request ask_for_weather(talk *turns, llmcost_tool_choice choice)
{
    llmcost_request request = question(turns, "What is the weather in Oslo?", 24);
    request.tools = offered;
    request.tool_count = 2;
    request.tool_choice = choice;
    request.tool_choice_name = choice == LLMCOST_TOOLS_ONE ? "weather" : NULL;
    request.cache = LLMCOST_CACHE_OFF;
    return request;
}

static int is_city(const char *arguments)
{
    json_t *read = json_loads(arguments, 0, NULL);
    const char *city = json_string_value(json_object_get(read, "city"));
    int good = city && (strcmp(city, "Oslo") == 0 || strcmp(city, "Rome") == 0);
    json_decref(read);
    return good;
}

static int gather(const llmcost_event *event, void *user)
{
    char *arguments = user;
    if (llmcost_event_get_kind(event) == LLMCOST_EVENT_TOOL_ARGUMENTS)
        strncat(arguments, llmcost_event_text(event, NULL), 199 - strlen(arguments));
    return 0;
}

/* The call goes back as it came, with its result behind it. */
static void continue_with(llmcost_client *client, talk *turns, llmcost_request *request, const llmcost_response *asked, int streams)
{
    llmcost_response *answer = NULL;
    const llmcost_tool_call *call = llmcost_response_tool_call(asked, 0, 0);
    turns->messages[5] = *llmcost_response_message(asked, 0);
    turns->messages[6] = (llmcost_message){ .role = LLMCOST_TOOL, .tool_call_id = call->id, .text = "4 degrees and rain" };
    request->message_count = 7;
    request->tool_choice = LLMCOST_TOOLS_AUTO;
    request->tool_choice_name = NULL;
    llmcost_status status = llmcost_chat(client, request, &answer);
    if (status)
        printf("  %s\n", llmcost_error_message(llmcost_response_error(answer)));
    /* Of a stream this server counts none. */
    expect(status == LLMCOST_OK && llmcost_response_tokens(answer, LLMCOST_INPUT) > (streams ? 0 : llmcost_response_tokens(asked, LLMCOST_INPUT)),
           "its result goes back and is answered, with a longer prompt");
    printf("  %s\n  %s\n", llmcost_response_text(answer), llmcost_response_summary(answer));
    llmcost_response_free(answer);
}

static void named(llmcost_client *client, int streams)
{
    talk turns;
    char arguments[200] = "";
    llmcost_request request = ask_for_weather(&turns, LLMCOST_TOOLS_ONE);
    llmcost_response *asked = NULL;
    llmcost_status status = streams ? llmcost_chat_stream(client, &request, gather, arguments, &asked) : llmcost_chat(client, &request, &asked);
    const llmcost_tool_call *call = llmcost_response_tool_call(asked, 0, 0);
    if (status)
        printf("  %s\n", llmcost_error_message(llmcost_response_error(asked)));
    expect(status == LLMCOST_OK && call && llmcost_response_tool_call_count(asked, 0) == 1, streams ? "a named tool is called, streamed" : "a named tool is called");
    if (call) {
        printf("  %s(%s) %s\n", call->name, call->arguments, llmcost_response_summary(asked));
        expect(strcmp(call->name, "weather") == 0 && *call->id && is_city(call->arguments), "by its name, with an id, with arguments of its schema");
        expect(llmcost_response_finish(asked, 0) == LLMCOST_FINISH_TOOL_CALLS, "and that ends the turn");
        expect(!streams || strcmp(arguments, call->arguments) == 0, "the pieces are the arguments");
        continue_with(client, &turns, &request, asked, streams);
    }
    llmcost_response_free(asked);
}

/* Nobody knows what a model of this size does with an offer: it must be an answer, or a call of what was offered. */
static void offered_only(llmcost_client *client, llmcost_tool_choice choice, const char *what)
{
    talk turns;
    llmcost_request request = ask_for_weather(&turns, choice);
    llmcost_response *response = NULL;
    int good = llmcost_chat(client, &request, &response) == LLMCOST_OK;
    for (uint32_t i = 0; good && i < llmcost_response_tool_call_count(response, 0); i++) {
        const char *name = llmcost_response_tool_call(response, 0, i)->name;
        good = strcmp(name, "weather") == 0 || strcmp(name, "clock") == 0;
    }
    expect(good && llmcost_response_finish(response, 0) != LLMCOST_FINISH_NONE, what);
    printf("  %u calls, \"%s\"\n", llmcost_response_tool_call_count(response, 0), llmcost_response_text(response));
    llmcost_response_free(response);
}

void tools(llmcost_client *client)
{
    named(client, 0);
    named(client, 1);
    offered_only(client, LLMCOST_TOOLS_AUTO, "tools offered: an answer, or a call of one of them");
    offered_only(client, LLMCOST_TOOLS_REQUIRED, "a tool required: the same");
    offered_only(client, LLMCOST_TOOLS_NONE, "tools forbidden: an answer");
}
