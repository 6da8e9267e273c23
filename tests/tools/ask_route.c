/*
 * Asks a route once and says who answered: ask_route CONFIG ROUTE [--stream] [--question TEXT] [TAG=VALUE ...]
 * prints "provider/model", or the name of the status of a call that failed.
 */
#include <llmcost/llmcost.h>

#include <stdio.h>
#include <string.h>

static int ignore(const llmcost_event *event, void *user)
{
    (void)event;
    (void)user;
    return 0;
}

static void say_who(const llmcost_response *response)
{
    for (uint32_t i = 0; i < llmcost_response_line_count(response); i++) {
        int64_t answered = 0;
        if (llmcost_response_line_number(response, i, "is_answered", &answered) && answered)
            printf("%s/%s\n", llmcost_response_line_text(response, i, "provider"), llmcost_response_line_text(response, i, "model"));
    }
}

static void read_arguments(int count, char **arguments, llmcost_request *request, llmcost_message *message, llmcost_tag *tags, int *streams)
{
    for (int i = 0; i < count; i++) {
        char *equals = strchr(arguments[i], '=');
        if (strcmp(arguments[i], "--stream") == 0)
            *streams = 1;
        else if (strcmp(arguments[i], "--question") == 0 && i + 1 < count)
            message->text = arguments[++i];
        else if (equals && request->tag_count < 8) {
            *equals = '\0';
            tags[request->tag_count++] = (llmcost_tag){ arguments[i], equals + 1 };
        }
    }
}

int main(int count, char **arguments)
{
    llmcost_client *client = NULL;
    llmcost_error *error = NULL;
    llmcost_response *response = NULL;
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    llmcost_request request = LLMCOST_REQUEST_INIT;
    llmcost_message message = { .role = LLMCOST_USER, .text = "What is a TTL cache?" };
    llmcost_tag tags[8];
    int streams = 0;
    options.error = &error;
    if (count < 3)
        return 2;
    request.model = arguments[2];
    request.messages = &message;
    request.message_count = 1;
    request.tags = tags;
    read_arguments(count - 3, arguments + 3, &request, &message, tags, &streams);
    if (llmcost_client_open(&client, arguments[1], &options) != LLMCOST_OK) {
        fprintf(stderr, "%s\n", llmcost_error_message(error));
        return 2;
    }
    llmcost_status status = streams ? llmcost_chat_stream(client, &request, ignore, NULL, &response) : llmcost_chat(client, &request, &response);
    if (status)
        printf("%s\n", llmcost_status_name(status));
    else
        say_who(response);
    llmcost_response_free(response);
    llmcost_client_close(client);
    return 0;
}
