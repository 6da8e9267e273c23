/* A client with all wire formats in front of a loopback provider, and one call made in each of the ways to make one. */
#ifndef TESTS_LIVE_H
#define TESTS_LIVE_H

#include "counting_memory.h"

#include <llmcost/mock.h>

#define OPENAI_KEY "sk-live-Zq81vKx0openaiSECRETtail"
#define ANTHROPIC_KEY "sk-ant-Yw72mHd9anthropicSECRETtail"
#define OPENAI_MODEL "openai/gpt-4o-mini"
#define ANTHROPIC_MODEL "anthropic/claude-sonnet-4-5"
#define GOOGLE_KEY "AIza-Xv64pLt3googleSECRETtail"
#define GOOGLE_MODEL "google/gemini-2.5-flash"
#define OLLAMA_KEY "ol-Uu52kJs7ollamaSECRETtail"
#define OLLAMA_MODEL "ollama/qwen2.5:7b"
#define COHERE_KEY "co-Rt38cGb2cohereSECRETtail"
#define COHERE_MODEL "cohere/command-a-03-2025"
#define BEDROCK_ID "AKIALIVEPUBLIC0001"
#define BEDROCK_KEY "Pq19dNw4bedrockSECRETtail"
#define BEDROCK_MODEL "bedrock/amazon.nova-lite-v1:0"
#define RESPONSES_KEY "sk-Mn53hVr8responsesSECRETtail"
#define RESPONSES_MODEL "openai-responses/gpt-4o-mini"
#define AZURE_KEY "az-Kd47tYs6azureSECRETtail"
#define AZURE_MODEL "azure/deployed-mini"

/* One of each format, in the order of live_format; Azure speaks OpenAI's at an address of its own. */
typedef enum live_format { LIVE_OPENAI, LIVE_ANTHROPIC, LIVE_GOOGLE, LIVE_OLLAMA, LIVE_COHERE, LIVE_BEDROCK, LIVE_RESPONSES, LIVE_AZURE, LIVE_FORMATS } live_format;
extern const char *const live_models[LIVE_FORMATS], *const live_providers[LIVE_FORMATS];
extern const char *const live_embedders[LIVE_FORMATS]; /* NULL: the format has no vectors */

typedef struct live {
    llmcost_mock *mock;
    llmcost_client *client;
    counting_memory memory;
    atomic_int receipts; /* that on_receipt saw */
    char config[16000];
} live;

typedef enum live_way { BLOCKING, PULLED, CALLED_BACK, ON_A_LOOP, STREAMED_ON_A_LOOP, LIVE_WAYS } live_way;
int live_way_streams(live_way way);
const char *live_way_name(live_way way);

/* What one call gave. */
typedef struct live_result {
    llmcost_status status;
    llmcost_response *response;
    char text[65536];       /* of its TEXT events, put together; several choices one after the other, as they come */
    char reasoning[4096];
    unsigned kinds[16];      /* events by kind */
    int completions;        /* on a loop */
    double seconds;
} live_result;

/* script: the mock's; provider: members of all providers (NULL: no retries); root: further members of the config, or NULL. */
void live_open(live *live, const char *script, const char *provider, const char *root);
void live_close(live *live); /* closes, and asserts that nothing of the client's memory is left */
void live_renew(live *live); /* another client of the same config: what this one has learnt of its keys is forgotten */
void live_script(live *live, const char *script);

llmcost_request live_request(const char *model, const llmcost_message *message);
llmcost_message live_user(const char *text);
/* Runs a call and asserts what holds for every call: one completion, a receipt, an error exactly on failure, no secret. */
void live_run(live *live, live_way way, const llmcost_request *request, live_result *result);
void live_ask(live *live, live_way way, const char *model, const char *question, live_result *result);
/* Vectors of two texts, blocking or on a loop. */
void live_embed(live *live, live_way way, const char *model, live_result *result);
void live_result_free(live_result *result);

void assert_no_secret(const char *text); /* NULL is fine */
void assert_no_secret_in(const llmcost_response *response);
double seconds_now(void);
long open_descriptors(void);

#endif
