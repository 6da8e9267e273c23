/* A small model first; it says UNCERTAIN where it is not sure, and then the large one is asked. */
#include "loopback.h"

static const char script[] =
    "{\"rules\": [{\"match\": {\"model\": \"gpt-4o-mini\", \"contains\": \"customs\"}, \"reply\": {\"text\": \"UNCERTAIN\"}},"
    "            {\"match\": {\"model\": \"gpt-4o-mini\"}, \"reply\": {\"text\": \"We open at nine.\"}}],"
    " \"default\": {\"reply\": {\"text\": \"Gifts under 45 euros are free of duty.\"}}}";
static const char settings[] =
    "\"models\": {\"small\": \"openai/gpt-4o-mini\", \"large\": \"openai/gpt-4o\"},"
    "\"routes\": {\"faq\": {\"cascade\": [\"small\", \"large\"], \"escalate_on\": {\"marker\": \"UNCERTAIN\"}}}";

static int ask(llmcost_client *client, const char *question)
{
    llmcost_response *answer = NULL;
    llmcost_status status = llmcost_ask(client, "faq", question, &answer);
    printf("%s\n  %s\n  %s\n", question, llmcost_response_text(answer), llmcost_response_summary(answer));
    for (uint32_t i = 0; i < llmcost_response_line_count(answer); i++) {
        int64_t cost = 0;
        llmcost_response_line_number(answer, i, "cost_nano", &cost);
        printf("  step %u: %s, %lld nano-dollars\n", i + 1, llmcost_response_line_text(answer, i, "model"), (long long)cost);
    }
    llmcost_response_free(answer);
    return status != LLMCOST_OK;
}

int main(int count, char **arguments)
{
    llmcost_client *client = open_example(count, arguments, script, settings);
    int failed = ask(client, "When do you open?") | ask(client, "What are the customs rules for gifts?");
    close_example(client);
    return failed;
}
