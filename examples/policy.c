/* A host's own policy: no e-mail address leaves the house. It stands in the phase that shapes the request. */
#include "loopback.h"

#include <llmcost/plugin.h>

#include <ctype.h>
#include <string.h>

/* Overwrites every word with an @ in it. Returns how many there were. */
static int redact(char *text)
{
    int count = 0;
    for (char *at = strchr(text, '@'); at; at = strchr(at, '@')) {
        char *start = at, *end = at;
        while (start > text && !isspace((unsigned char)start[-1]))
            start--;
        while (*end && !isspace((unsigned char)*end))
            end++;
        memset(start, 'x', (size_t)(end - start));
        count++;
    }
    return count;
}

static llmcost_verdict redact_enter(llmcost_leg *leg, void *state, void *user)
{
    (void)state;
    llmcost_request request = *llmcost_leg_request(leg);
    llmcost_message *messages = llmcost_leg_alloc(leg, request.message_count * sizeof *messages);
    for (uint32_t i = 0; messages && i < request.message_count; i++) {
        messages[i] = request.messages[i];
        size_t bytes = messages[i].text ? strlen(messages[i].text) : 0;
        char *copy = llmcost_leg_alloc(leg, bytes + 1);
        if (!copy)
            return llmcost_leg_fail(leg, LLMCOST_E_MEMORY, "no memory for the redacted request");
        memcpy(copy, bytes ? messages[i].text : "", bytes);
        *(int *)user += redact(copy);
        messages[i].text = messages[i].text ? copy : NULL;
    }
    request.messages = messages;
    llmcost_leg_note(leg, "e-mail addresses were redacted");
    return messages && llmcost_leg_set_request(leg, &request) == LLMCOST_OK ? LLMCOST_CONTINUE : llmcost_leg_fail(leg, LLMCOST_E_MEMORY, "no memory");
}

int main(int count, char **arguments)
{
    int redacted = 0;
    llmcost_policy policy = { .struct_size = sizeof policy, .phase = LLMCOST_PHASE_SHAPE, .name = "redact", .user = &redacted, .operations = 1, .enter = redact_enter };
    llmcost_client *client = open_example(count, arguments, NULL, "\"models\": {\"faq\": \"openai/gpt-4o-mini\"}"); /* without a script it echoes */
    llmcost_response *answer = NULL;
    if (llmcost_client_add_policy(client, &policy) != LLMCOST_OK)
        return 1;
    llmcost_status status = llmcost_ask(client, "faq", "Write to ann@example.com or bob@example.org today.", &answer);
    printf("the provider saw: %s\nredacted: %d\n", llmcost_response_text(answer), redacted);
    llmcost_response_free(answer);
    close_example(client);
    return status != LLMCOST_OK;
}
