/*
 * Answers and pieces of answers in the shape of OpenAI's chat completions, whichever provider served them.
 *
 * Beside OpenAI's members: "reasoning_content" (text), "thinking_blocks" (reasoning with what a provider wants back:
 * its signature, or its opaque data) and "llmcost" (the receipt). client/chat_json.c reads the first two in a message of
 * the assistant, so that a choice's message can stand in the next request as it is. In a stream the blocks come whole with
 * the chunk that ends the choice.
 */
#ifndef LLMC_OPENAI_SHAPE_H
#define LLMC_OPENAI_SHAPE_H

#include "call/call.h"

enum { LLMC_CHUNK_MAX_BYTES = 64 << 20, LLMC_CHUNK_MAX_CHOICES = 128 };

/* Whether the counts have a chunk: where a provider told them, or by the caller's stream_options never or always. */
typedef enum llmc_usage_chunk { LLMC_USAGE_AS_TOLD, LLMC_USAGE_NEVER, LLMC_USAGE_ALWAYS } llmc_usage_chunk;

/* What the chunks of one stream share; an event's response_for_json points to it. Belongs to the call. */
typedef struct llmc_chunks {
    const char *id, *model;   /* borrowed, or in names */
    int64_t created;          /* seconds since 1970 */
    llmc_usage_chunk usage;
    bool counts_told;
    bool wants_logprobs;      /* else they are a policy's, if there are any */
    bool written, has_form;   /* of the event at hand: made already, and had one */
    uint64_t begun[LLMC_CHUNK_MAX_CHOICES / 64]; /* choices whose role was said */
    llmc_buffer text;
    char *names;
} llmc_chunks;

/* request NULL: none that could be read. What it borrows of both lives as long as the call. */
void llmc_chunks_init(llmc_chunks *chunks, const llmc_allocator *allocator, const llmcost_response *response, const llmcost_request *request);
void llmc_chunks_free(llmc_chunks *chunks);
/* First of all for each event that reaches the caller. *shown: it goes on to the host. false: no memory. */
bool llmc_chunks_see(llmc_chunks *chunks, const llmcost_event *event, bool *shown);
/* Of a complete call: the counts that the caller wants and nobody told, as its receipt has them. false: none are owed. */
bool llmc_chunks_owed(const llmc_chunks *chunks, const llmcost_response *response, llmcost_event *usage);
/* Before an event goes to the host: its JSON is made when asked for, once. */
static inline void llmc_chunks_attach(llmc_chunks *chunks, llmcost_event *event)
{
    chunks->written = false;
    event->response_for_json = chunks;
}

void llmc_openai_completion(const llmcost_response *response, llmc_buffer *out);
/* false: the event has no such form; out is as it was. */
bool llmc_openai_chunk(const llmcost_event *event, llmc_chunks *chunks, llmc_buffer *out);

#endif
