/* Which model answers depends on the question: on a tag, on its size, or on how hard it looks, without a call for that. */
#include "loopback.h"

#include <string.h>

static const char script[] = "{\"rules\": [{\"match\": {\"model\": \"gpt-4o-mini\"}, \"reply\": {\"text\": \"A short answer.\"}}], \"default\": {\"reply\": {\"text\": \"A thorough answer.\"}}}";
static const char settings[] =
    "\"models\": {\"small\": \"openai/gpt-4o-mini\", \"large\": \"openai/gpt-4o\"},"
    "\"routes\": {\"auto\": {\"label_with\": \"local\", \"choose\": ["
    "  {\"by_tag\": \"task\", \"use\": {\"translate\": \"small\", \"review\": \"large\"}},"
    "  {\"when\": {\"prompt_tokens\": {\"above\": 2000}}, \"use\": \"large\"},"
    "  {\"when\": {\"label\": \"complex\"}, \"use\": \"large\"},"
    "  {\"use\": \"small\"}]}}";

static int ask(llmcost_client *client, const char *task, const char *question)
{
    llmcost_message message = { .role = LLMCOST_USER, .text = question };
    llmcost_tag tag = { "task", task };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    llmcost_response *answer = NULL;
    request.model = "auto";
    request.messages = &message;
    request.message_count = 1;
    request.tags = &tag;
    request.tag_count = 1;
    llmcost_status status = llmcost_chat(client, &request, &answer);
    const char *why = strstr(llmcost_response_receipt(answer), "\"why\":\""), *end = why ? strchr(why + 7, '"') : NULL;
    printf("%s\n  %s\n  because: %.*s\n", llmcost_response_text(answer), llmcost_response_summary(answer), why && end ? (int)(end - why - 7) : 0, why ? why + 7 : "");
    llmcost_response_free(answer);
    return status != LLMCOST_OK;
}

int main(int count, char **arguments)
{
    llmcost_client *client = open_example(count, arguments, script, settings);
    int failed = ask(client, "review", "Is this sentence fine?") | ask(client, "chat", "What is the capital of France?") |
                 ask(client, "chat", "Design a queue. It must survive a crash and must not lose anything. First compare two ways, then recommend one, and finally explain why. How would you prove it?");
    close_example(client);
    return failed;
}
