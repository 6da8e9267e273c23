/* What was spent on what: tags on the calls, totals by tag, model, provider and day. */
#include "loopback.h"

static const char script[] = "{\"default\": {\"reply\": {\"text\": \"Done.\", \"usage\": {\"prompt\": 400, \"completion\": 80}}}}";
static const char settings[] = "\"report\": {\"tags\": [\"feature\"]}";

static int ask(llmcost_client *client, const char *model, const char *feature)
{
    llmcost_message message = { .role = LLMCOST_USER, .text = "Please." };
    llmcost_tag tag = { "feature", feature };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    llmcost_response *answer = NULL;
    request.model = model;
    request.messages = &message;
    request.message_count = 1;
    request.tags = &tag;
    request.tag_count = 1;
    llmcost_status status = llmcost_chat(client, &request, &answer);
    llmcost_response_free(answer);
    return status != LLMCOST_OK;
}

int main(int count, char **arguments)
{
    llmcost_client *client = open_example(count, arguments, script, settings);
    char *report = NULL;
    int failed = 0;
    for (int i = 0; i < 3; i++)
        failed |= ask(client, "openai/gpt-4o-mini", "faq");
    failed |= ask(client, "openai/gpt-4o", "summaries");
    if (llmcost_report(client, "text", &report) != LLMCOST_OK)
        return 1;
    fputs(report, stdout);
    llmcost_string_free(report);
    close_example(client);
    return failed;
}
