/* What the front door's files share. */
#ifndef LLMC_CLIENT_H
#define LLMC_CLIENT_H

#include "call/call.h"

/* A text for the host, freed by llmcost_string_free(). Takes the buffer's content; NULL without memory. */
char *llmc_string_new(const llmc_allocator *allocator, llmc_buffer *from);

/* A response whose call never began, because of what its error says; for the callers that yield one anyway. */
typedef struct llmc_front {
    llmcost_response *response;
    const llmcost_request *request; /* imported */
    llmcost_status status;          /* of the import */
} llmc_front;
/* Makes the response of the visit's one call and imports. E_MEMORY, E_MISUSE: no response. Else LLMCOST_OK, and front->status. */
llmcost_status llmc_front_open(const llmc_visit *visit, const llmcost_request *request, llmc_operation_id operation, bool copy, llmc_front *front);
/* The same for an OpenAI body. wants_stream: what the body asks for. */
typedef struct llmc_json_front {
    llmc_front front;
    bool wants_stream, wants_usage;
} llmc_json_front;
llmcost_status llmc_front_open_json(const llmc_visit *visit, const char *body, size_t bytes, llmc_operation_id operation, llmc_json_front *front);

/* Lets `write` fill a buffer and hands the text out, inside the client. */
typedef llmcost_status (*llmc_write_fn)(llmcost_client *client, const void *how, llmc_buffer *out);
llmcost_status llmc_client_hand_out(llmcost_client *client, llmc_write_fn write, const void *how, char **out);

bool llmc_policy_is_ours(const llmcost_policy *policy); /* not a host's */

#endif
