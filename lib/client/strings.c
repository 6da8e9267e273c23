/* Texts that a function returned to the host: each remembers whose memory it is. */
#include "client/client.h"

#include <string.h>

typedef struct string_head {
    llmc_allocator allocator;
} string_head;

char *llmc_string_new(const llmc_allocator *allocator, llmc_buffer *from)
{
    const char *text = llmc_buffer_text(from);
    string_head *head = text ? llmc_alloc(allocator, sizeof *head + from->length + 1) : NULL;
    if (!head)
        return NULL;
    head->allocator = *allocator;
    return memcpy(head + 1, text, from->length + 1);
}

void llmcost_string_free(char *text)
{
    if (!text)
        return;
    string_head *head = (string_head *)(void *)text - 1;
    llmc_allocator allocator = head->allocator;
    llmc_free(&allocator, head);
}
