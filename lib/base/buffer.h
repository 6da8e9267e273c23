/*
 * A growing run of bytes that knows its maximum and remembers that it failed: a writer appends without looking and
 * asks once, at the end. After a failure appends do nothing.
 */
#ifndef LLMC_BUFFER_H
#define LLMC_BUFFER_H

#include "base/memory.h"

#include <string.h>

typedef enum llmc_buffer_failure { LLMC_BUFFER_FINE = 0, LLMC_BUFFER_NO_MEMORY, LLMC_BUFFER_TOO_LARGE } llmc_buffer_failure;

typedef struct llmc_buffer {
    const llmc_allocator *allocator;
    char *data; /* not ended by a zero byte, see llmc_buffer_text() */
    size_t length, capacity, maximum;
    llmc_buffer_failure failure;
} llmc_buffer;

void llmc_buffer_init(llmc_buffer *buffer, const llmc_allocator *allocator, size_t maximum);
void llmc_buffer_free(llmc_buffer *buffer);             /* gives the memory back; the buffer is empty and usable again */
void llmc_buffer_clear(llmc_buffer *buffer);            /* keeps the memory, forgets content and failure */
bool llmc_buffer_reserve(llmc_buffer *buffer, size_t more); /* room for `more` bytes after the end */
const char *llmc_buffer_text(llmc_buffer *buffer);      /* ended by a zero byte; NULL after a failure */
char *llmc_buffer_take(llmc_buffer *buffer);            /* the text is yours, the buffer is empty; NULL after a failure */
void llmc_buffer_consume(llmc_buffer *buffer, size_t bytes); /* drop from the front */
void llmc_buffer_add_slow(llmc_buffer *buffer, const void *bytes, size_t length);
void llmc_buffer_add_integer(llmc_buffer *buffer, int64_t value);
void llmc_buffer_add_format(llmc_buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3))); /* ASCII only */

/* Not static: where a file does not take them in, it calls the one copy in buffer.c. */
inline void llmc_buffer_add(llmc_buffer *buffer, const void *bytes, size_t length)
{
    if (length && length < buffer->capacity - buffer->length && buffer->length + length <= buffer->maximum && !buffer->failure) {
        memcpy(buffer->data + buffer->length, bytes, length);
        buffer->length += length;
    } else {
        llmc_buffer_add_slow(buffer, bytes, length);
    }
}

inline void llmc_buffer_add_byte(llmc_buffer *buffer, char byte)
{
    llmc_buffer_add(buffer, &byte, 1);
}

inline void llmc_buffer_add_text(llmc_buffer *buffer, const char *text)
{
    llmc_buffer_add(buffer, text, strlen(text));
}

#endif
