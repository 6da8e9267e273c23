/* A hard budget: a call that it cannot cover is refused before anything is sent. */
#include "loopback.h"

static const char script[] = "{\"default\": {\"reply\": {\"text\": \"Here is your summary.\", \"usage\": {\"prompt\": 40, \"completion\": 60}}}}";
static const char settings[] =
    "\"models\": {\"large\": \"openai/gpt-4o\"},"
    "\"budgets\": [{\"name\": \"summaries\", \"limit\": \"0.003 USD\", \"per\": \"day\", \"where\": {\"feature\": \"summaries\"}, \"alert_at\": [0.5]}]";

static void on_alert(const char *json, void *user)
{
    (void)user;
    printf("alert: %s\n", json);
}

int main(int count, char **arguments)
{
    llmcost_client *client = open_example(count, arguments, script, settings);
    llmcost_message message = { .role = LLMCOST_USER, .text = "Sum up the day." };
    llmcost_tag tag = { "feature", "summaries" };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    llmcost_status status = LLMCOST_OK;
    request.model = "large";
    request.messages = &message;
    request.message_count = 1;
    request.tags = &tag;
    request.tag_count = 1;
    request.max_tokens = 100;
    llmcost_client_on_alert(client, on_alert, NULL);
    for (int i = 0; i < 5 && status == LLMCOST_OK; i++) {
        llmcost_response *answer = NULL;
        status = llmcost_chat(client, &request, &answer);
        puts(status == LLMCOST_OK ? llmcost_response_summary(answer) : llmcost_error_message(llmcost_response_error(answer)));
        llmcost_response_free(answer);
    }
    if (llmcost_status_is_budget(status))
        printf("refused: %s\n", llmcost_status_text(status));
    close_example(client);
    return !llmcost_status_is_budget(status);
}
