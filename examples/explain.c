/* Before a call: which way it would go, and what it could cost. Nothing is sent. */
#include "loopback.h"

#include <string.h>

static const char script[] = "{\"default\": {\"reply\": {\"text\": \"It is on its way.\", \"usage\": {\"prompt\": 20, \"completion\": 10}}}}";
static const char settings[] =
    "\"models\": {\"small\": \"openai/gpt-4o-mini\", \"large\": \"openai/gpt-4o\"},"
    "\"routes\": {\"faq\": {\"cascade\": [\"small\", \"large\"]}, \"desk\": {\"fallback\": [\"faq\", \"openai/gpt-4.1\"]}},"
    "\"budgets\": [{\"name\": \"day\", \"limit\": \"5 USD\", \"per\": \"day\"}]";

/* The whole of an explanation fills a screen; its end says how dear the call can be, and whether it would be refused. */
static const char *last_of(const char *text, const char *member)
{
    const char *last = text;
    for (const char *at = text; (at = strstr(at, member)); at++)
        last = at;
    return last;
}

int main(int count, char **arguments)
{
    llmcost_client *client = open_example(count, arguments, script, settings);
    llmcost_message message = { .role = LLMCOST_USER, .text = "Where is my parcel?" };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    char *text = NULL;
    request.model = "desk";
    request.messages = &message;
    request.message_count = 1;
    request.max_tokens = 100;
    if (llmcost_route_describe(client, "desk", &text) == LLMCOST_OK)
        fputs(text, stdout);
    llmcost_string_free(text);
    if (llmcost_explain(client, &request, &text) == LLMCOST_OK)
        puts(last_of(text, "\"cost\":"));
    llmcost_string_free(text);
    close_example(client);
    return 0;
}
