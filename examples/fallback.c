/* Another target when one fails: silently before its first piece, and from the start when it dies in the middle. */
#include "loopback.h"

static const char script[] =
    "{\"rules\": [{\"match\": {\"model\": \"gpt-4.1\"}, \"fault\": {\"status\": 503}},"
    "            {\"match\": {\"model\": \"gpt-4o\"}, \"reply\": {\"text\": \"We open at half past\"}, \"fault\": {\"error_in_stream\": {\"after\": 1, \"type\": \"server_error\"}}}],"
    " \"default\": {\"reply\": {\"text\": \"We open at nine.\", \"usage\": {\"prompt\": 20, \"completion\": 5}}}}";
static const char settings[] =
    "\"routes\": {\"chat\": {\"fallback\": [\"openai/gpt-4.1\", \"openai/gpt-4o\", \"openai/gpt-4o-mini\"], \"after_delta\": \"continue\"}}";

static int show(const llmcost_event *piece, void *user)
{
    (void)user;
    if (llmcost_event_get_kind(piece) == LLMCOST_EVENT_TEXT)
        printf("[%s]", llmcost_event_text(piece, NULL));
    if (llmcost_event_get_kind(piece) == LLMCOST_EVENT_RESTART_ANSWER)
        printf(" that was nothing\n"); /* a screen is cleared here */
    return 0;
}

int main(int count, char **arguments)
{
    llmcost_client *client = open_example(count, arguments, script, settings);
    llmcost_message message = { .role = LLMCOST_USER, .text = "When do you open?" };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    llmcost_response *answer = NULL;
    request.model = "chat";
    request.messages = &message;
    request.message_count = 1;
    llmcost_status status = llmcost_chat_stream(client, &request, show, NULL, &answer);
    printf("\n%s\n%s\n", llmcost_response_text(answer), llmcost_response_summary(answer));
    for (uint32_t i = 0; i < llmcost_response_line_count(answer); i++)
        printf("  %s: %s\n", llmcost_response_line_text(answer, i, "model"), llmcost_response_line_text(answer, i, "status"));
    llmcost_response_free(answer);
    close_example(client);
    return status != LLMCOST_OK;
}
