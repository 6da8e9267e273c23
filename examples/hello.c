/* One question, its answer, and what it cost. */
#include "loopback.h"

int main(int count, char **arguments)
{
    llmcost_client *client = open_example(count, arguments,
        "{\"default\": {\"reply\": {\"text\": \"A cache whose entries expire after a fixed time.\"}}}",
        "\"models\": {\"faq\": \"openai/gpt-4o-mini\"}");
    llmcost_response *answer = NULL;
    llmcost_status status = llmcost_ask(client, "faq", "What is a TTL cache?", &answer);
    if (status == LLMCOST_OK)
        puts(llmcost_response_text(answer));
    else
        fprintf(stderr, "%s\n", llmcost_error_message(llmcost_response_error(answer)));
    puts(llmcost_response_summary(answer));
    llmcost_response_free(answer);
    close_example(client);
    return status != LLMCOST_OK;
}
