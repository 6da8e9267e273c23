/* Changing a request: policies never write into one, they copy the struct and change the copy. */
#ifndef LLMC_REQUEST_COPY_H
#define LLMC_REQUEST_COPY_H

#include "base/memory.h"

/* A shallow copy of the struct. NULL without memory. */
llmcost_request *llmc_request_copy(const llmcost_request *request, llmc_arena *arena);
/* A copy with a text put at the end of the system text (a system message is made where there is none). NULL without memory. */
llmcost_request *llmc_request_with_instruction(const llmcost_request *request, const char *instruction, llmc_arena *arena);
/* The text of the last user message; "" where there is none. NULL without memory. It ends by a zero byte, and may hold others. */
const char *llmc_request_question(const llmcost_request *request, llmc_arena *arena, size_t *bytes);
size_t llmc_text_bytes_of(const char *text, size_t bytes); /* bytes, or strlen where it is 0; 0 for NULL */

#endif
