/* Vectors: which of some texts is nearest to a question. The second run of the same texts comes from the cache. */
#include "loopback.h"

#define EMBEDDINGS "{\"match\": {\"path\": \"/v1/embeddings\"}, \"times\": 1, \"reply\": {\"raw\": {\"status\": 200, \"content_type\": \"application/json\", \"body\": "
static const char script[] =
    "{\"rules\": [" EMBEDDINGS "\"{\\\"data\\\": [{\\\"index\\\": 0, \\\"embedding\\\": [1, 0]}, {\\\"index\\\": 1, \\\"embedding\\\": [0, 1]}], \\\"usage\\\": {\\\"prompt_tokens\\\": 14}}\"}}},"
    EMBEDDINGS "\"{\\\"data\\\": [{\\\"index\\\": 0, \\\"embedding\\\": [0.1, 0.9]}], \\\"usage\\\": {\\\"prompt_tokens\\\": 8}}\"}}}]}";
static const char settings[] = "\"models\": {\"embedder\": \"openai/text-embedding-3-small\"}, \"cache\": {\"memory\": {}}";

static llmcost_response *embed(llmcost_client *client, const char *const *texts, uint32_t count, llmcost_input_purpose purpose)
{
    llmcost_request request = LLMCOST_REQUEST_INIT;
    llmcost_response *response = NULL;
    request.model = "embedder";
    request.inputs = texts;
    request.input_count = count;
    request.input_purpose = purpose;
    if (llmcost_embed(client, &request, &response) != LLMCOST_OK) {
        fprintf(stderr, "%s\n", response ? llmcost_error_message(llmcost_response_error(response)) : "no memory");
        exit(1);
    }
    puts(llmcost_response_summary(response));
    return response;
}

static float likeness(const llmcost_response *a, uint32_t i, const llmcost_response *b, uint32_t j)
{
    uint32_t dimensions = 0;
    const float *left = llmcost_response_embedding(a, i, &dimensions), *right = llmcost_response_embedding(b, j, NULL);
    float sum = 0;
    for (uint32_t d = 0; d < dimensions; d++)
        sum += left[d] * right[d];
    return sum;
}

int main(int count, char **arguments)
{
    static const char *const pages[] = { "We deliver to all of Europe.", "An order takes three days." }, *const question[] = { "How long must I wait?" };
    llmcost_client *client = open_example(count, arguments, script, settings);
    llmcost_response *known = embed(client, pages, 2, LLMCOST_INPUT_DOCUMENT), *asked = embed(client, question, 1, LLMCOST_INPUT_QUERY);
    uint32_t best = 0;
    for (uint32_t i = 1; i < llmcost_response_embedding_count(known); i++)
        best = likeness(known, i, asked, 0) > likeness(known, best, asked, 0) ? i : best;
    printf("nearest: %s\n", pages[best]);
    llmcost_response_free(known);
    llmcost_response_free(embed(client, pages, 2, LLMCOST_INPUT_DOCUMENT));
    llmcost_response_free(asked);
    close_example(client);
    return 0;
}
