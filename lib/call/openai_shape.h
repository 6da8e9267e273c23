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

/* What the chunks of one stream share; an event's response_for_json points to it. Belongs to the call. */
typedef struct llmc_chunks {
    const char *id, *model;   /* borrowed */
    int64_t created;          /* seconds since 1970 */
    bool without_usage;       /* the caller's stream_options: no chunk for USAGE */
    bool written, has_form;   /* of the event at hand: made already, and had one */
    uint64_t begun[LLMC_CHUNK_MAX_CHOICES / 64]; /* choices whose role was said */
    llmc_buffer text;
} llmc_chunks;

void llmc_chunks_init(llmc_chunks *chunks, const llmc_allocator *allocator, const char *id, const char *model, int64_t created);
void llmc_chunks_free(llmc_chunks *chunks);
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
