/* Which model is worth its price: users split in two, a score for each answer, the outcome with its interval. */
#include "loopback.h"

static const char script[] = "{\"default\": {\"reply\": {\"text\": \"Done.\", \"usage\": {\"prompt\": 400, \"completion\": 80}}}}";
static const char settings[] = "\"routes\": {\"faq\": {\"split\": {\"openai/gpt-4o-mini\": 50, \"openai/gpt-4o\": 50}, \"sticky\": \"user\"}}";

/* A user asks, and says afterwards whether it helped. */
static int ask(llmcost_client *client, int number)
{
    char user[32];
    snprintf(user, sizeof user, "user-%d", number);
    llmcost_message message = { .role = LLMCOST_USER, .text = "Where is my parcel?" };
    llmcost_tag tag = { "user", user };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    llmcost_response *answer = NULL;
    request.model = "faq";
    request.messages = &message;
    request.message_count = 1;
    request.tags = &tag;
    request.tag_count = 1;
    llmcost_status status = llmcost_chat(client, &request, &answer);
    if (!status)
        status = llmcost_feedback(client, llmcost_response_id(answer), number % 3 != 0);
    llmcost_response_free(answer);
    return status != LLMCOST_OK;
}

int main(int count, char **arguments)
{
    llmcost_client *client = open_example(count, arguments, script, settings);
    char *report = NULL;
    int failed = 0;
    for (int user = 0; user < 100; user++)
        failed |= ask(client, user);
    if (llmcost_report(client, "text", &report) != LLMCOST_OK)
        return 1;
    fputs(report, stdout);
    llmcost_string_free(report);
    close_example(client);
    return failed;
}
