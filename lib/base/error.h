/*
 * What went wrong. One object per call or per opening; every text is bounded and owned by the error, so that filling
 * it in cannot fail half-way: without memory only the texts are lost, never the status.
 */
#ifndef LLMC_ERROR_H
#define LLMC_ERROR_H

#include "base/memory.h"

struct llmcost_error {
    llmc_allocator allocator;
    llmcost_status status;
    int32_t http_status;
    int64_t retry_after_ms; /* -1: the provider did not say */
    int8_t should_retry;    /* what the provider says itself: 1 yes, -1 no, 0 nothing */
    char *message;          /* what failed and what to do next */
    char *provider, *code, *provider_message, *request_id;
    char *trail;            /* JSON */
};

void llmc_error_init(llmcost_error *error, const llmc_allocator *allocator);
void llmc_error_clear(llmcost_error *error); /* frees the texts; status OK again */

/*
 * Sets status and message (at most 1,000 bytes; UTF-8 is cut at a character). Returns status, for `return llmc_error_set(...)`. Cold, here and elsewhere:
 * what leads to a failure is compiled for size and kept apart from what calls run through.
 */
llmcost_status llmc_error_set(llmcost_error *error, llmcost_status status, const char *format, ...) __attribute__((format(printf, 3, 4), cold));
/* Replaces one of the texts by a bounded copy; bytes that are no UTF-8 or are control characters become '?'. NULL clears. */
void llmc_error_set_text(llmcost_error *error, char **field, const char *text, size_t bytes);
bool llmc_error_copy(llmcost_error *to, const llmcost_error *from); /* deep; false: some texts were lost for want of memory */
void llmc_error_move(llmcost_error *to, llmcost_error *from);       /* to takes from's content; from is clear */

#endif
