/* The same question twice: the second answer comes from memory. */
#include "loopback.h"

static const char script[] = "{\"default\": {\"reply\": {\"text\": \"Returns are free within 30 days.\"}}}";
/* No temperature is set, so the provider samples; "sampled" says that such an answer may be given again all the same. */
static const char settings[] = "\"models\": {\"faq\": \"openai/gpt-4o\"}, \"cache\": {\"sampled\": true, \"memory\": {\"max_bytes\": \"16MB\", \"ttl\": \"10m\"}}";

int main(int count, char **arguments)
{
    llmcost_client *client = open_example(count, arguments, script, settings);
    int failed = 0;
    for (int i = 0; i < 2; i++) {
        llmcost_response *answer = NULL;
        failed |= llmcost_ask(client, "faq", "What does a return cost?", &answer) != LLMCOST_OK;
        printf("%s: %s\n", llmcost_response_from_cache(answer) ? "cached" : "fresh", llmcost_response_summary(answer));
        llmcost_response_free(answer);
    }
    close_example(client);
    return failed;
}
