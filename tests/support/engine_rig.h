/*
 * A client on a fake clock, a fake network and a counting allocator. Closing it proves that nothing was left behind:
 * no memory, no call, no timer, no room reserved for one, no exchange, no money held.
 */
#ifndef TESTS_ENGINE_RIG_H
#define TESTS_ENGINE_RIG_H

#include "counting_memory.h"
#include "fake_clock.h"
#include "fake_network.h"

typedef struct engine_rig {
    fake_clock clock;
    fake_network network;
    counting_memory memory;
    llmcost_client *client;
    uint64_t random_seed;
    atomic_int receipts;       /* how often on_receipt was called */
    bool responses_out;        /* a response outlives the client: its memory is not missed */
} engine_rig;

#define RIG_OPENAI "\"providers\":{\"openai\":{\"key\":\"sk-test\"}}"

void rig_init(engine_rig *rig);
void rig_open(engine_rig *rig, const char *config); /* inits, opens, asserts */
void rig_close(engine_rig *rig);
int64_t rig_held(engine_rig *rig);  /* nano-units held in all accounts */
int64_t rig_spent(engine_rig *rig); /* spent in all accounts */
int64_t rig_stat(engine_rig *rig, const char *name); /* a figure of llmcost_stats */

/* A request with one user message; the message lives in `request_text`. */
typedef struct rig_request {
    llmcost_request request;
    llmcost_message messages[2];
} rig_request;
llmcost_request *rig_ask(rig_request *space, const char *model, const char *text);

/* The sum of the lines' costs, which must be the receipt's. */
int64_t rig_line_sum(const llmcost_response *response);
int64_t rig_line(const llmcost_response *response, uint32_t line, const char *key);
const char *rig_line_text(const llmcost_response *response, uint32_t line, const char *key);
/* Baseline minus cost is what was saved, policy by policy. */
void rig_check_receipt(const llmcost_response *response);
/* Opens the rig, and asks; one whole answer with these members of usage comes, whose receipt adds up. */
llmcost_response *rig_bill(engine_rig *rig, const char *config, const char *model, const char *usage);

/* A stream's whole text; its response in *out where out is given. Returns the status. */
llmcost_status rig_stream(engine_rig *rig, const llmcost_request *request, char *text, size_t bytes, llmcost_response **out);

#endif
