/*
 * An OpenAI chat-completions body as a request.
 *
 * What our request can say is read into it; every other member goes into request.extra as it stands, so that the
 * provider gets it. That includes "tools", "tool_choice" and "response_format" of kinds that only some providers have.
 * Members that are null read as absent. Inside messages there is no place for what we do not know: there it is E_INVALID,
 * unless it says nothing (null, false, [] or {}).
 *
 * Beyond OpenAI's own members, what others write is understood: "cache_control" beside "prompt_cache_breakpoint",
 * "reasoning" beside "reasoning_content", "thinking_blocks". A cache mark in the middle of a user's or a system message
 * cuts it in two, because our marks stand at the end of a message.
 */
#ifndef LLMC_CHAT_JSON_H
#define LLMC_CHAT_JSON_H

#include "base/error.h"

/* What the body asks of the way the answer comes. */
typedef struct llmc_stream_wish {
    bool stream;
    bool include_usage; /* "stream_options": {"include_usage": true} */
    bool base64;        /* vectors: "encoding_format": "base64" */
} llmc_stream_wish;

/*
 * bytes 0: strlen. The request is in our own layout and lives, with all its texts, in the arena; the body may go away.
 * It is not checked yet beyond what reading needs: llmc_request_import() follows. E_INVALID names the path
 * ("messages[2].content[1].type"), E_MISUSE: body is NULL, E_MEMORY. After a failure *out is NULL.
 */
llmcost_status llmc_request_from_json(const char *body, size_t bytes, llmc_arena *arena, llmcost_request **out, llmc_stream_wish *wish, llmcost_error *error);
/* The same of an embeddings body. "input" is a text or a list of texts; numbers of tokens are not taken. */
llmcost_status llmc_inputs_from_json(const char *body, size_t bytes, llmc_arena *arena, llmcost_request **out, llmc_stream_wish *wish, llmcost_error *error);

#endif
