#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>

enum { FIRST_BYTES = 256 }; /* doubling from less costs a short text several allocations */

extern inline void llmc_buffer_add(llmc_buffer *buffer, const void *bytes, size_t length);
extern inline void llmc_buffer_add_byte(llmc_buffer *buffer, char byte);
extern inline void llmc_buffer_add_text(llmc_buffer *buffer, const char *text);

void llmc_buffer_init(llmc_buffer *buffer, const llmc_allocator *allocator, size_t maximum)
{
    buffer->allocator = allocator; /* one by one: a call makes twenty, and a literal is zeroed as a whole first */
    buffer->data = NULL;
    buffer->length = buffer->capacity = 0;
    buffer->maximum = maximum;
    buffer->failure = LLMC_BUFFER_FINE;
}

void llmc_buffer_free(llmc_buffer *buffer)
{
    llmc_free(buffer->allocator, buffer->data);
    llmc_buffer_init(buffer, buffer->allocator, buffer->maximum);
}

void llmc_buffer_clear(llmc_buffer *buffer)
{
    buffer->length = 0;
    buffer->failure = LLMC_BUFFER_FINE;
}

bool llmc_buffer_reserve(llmc_buffer *buffer, size_t more)
{
    if (buffer->failure)
        return false;
    if (more > buffer->maximum || buffer->length > buffer->maximum - more) {
        buffer->failure = LLMC_BUFFER_TOO_LARGE;
        return false;
    }
    /* One byte beyond the content, so that ending it by zero cannot fail later. */
    size_t needed = buffer->length + more + 1, wanted = buffer->capacity ? buffer->capacity : FIRST_BYTES;
    if (needed <= buffer->capacity)
        return true;
    while (wanted < needed)
        wanted = wanted > SIZE_MAX / 2 ? needed : wanted * 2;
    char *grown = llmc_realloc(buffer->allocator, buffer->data, wanted);
    if (!grown) {
        buffer->failure = LLMC_BUFFER_NO_MEMORY;
        return false;
    }
    buffer->data = grown;
    buffer->capacity = wanted;
    return true;
}

void llmc_buffer_add_slow(llmc_buffer *buffer, const void *bytes, size_t length)
{
    if (!length || !llmc_buffer_reserve(buffer, length))
        return;
    memcpy(buffer->data + buffer->length, bytes, length);
    buffer->length += length;
}

const char *llmc_buffer_text(llmc_buffer *buffer)
{
    if (!llmc_buffer_reserve(buffer, 0))
        return NULL;
    buffer->data[buffer->length] = '\0';
    return buffer->data;
}

char *llmc_buffer_take(llmc_buffer *buffer)
{
    if (!llmc_buffer_text(buffer))
        return NULL;
    char *text = buffer->data;
    buffer->data = NULL;
    buffer->length = buffer->capacity = 0;
    return text;
}

void llmc_buffer_consume(llmc_buffer *buffer, size_t bytes)
{
    if (bytes >= buffer->length) {
        buffer->length = 0;
        return;
    }
    memmove(buffer->data, buffer->data + bytes, buffer->length - bytes);
    buffer->length -= bytes;
}

void llmc_buffer_add_integer(llmc_buffer *buffer, int64_t value)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        digits[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        digits[--at] = '-';
    llmc_buffer_add(buffer, digits + at, sizeof digits - at);
}

void llmc_buffer_add_format(llmc_buffer *buffer, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    llmc_buffer_add(buffer, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}
