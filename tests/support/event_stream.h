/*
 * Amazon's event streams, written. Header only, so that fuzz targets can use it.
 *
 * A script has one message a line: its name, a blank, its payload. "!name" is an exception, "?code" an error whose words
 * stand among the headers; all others are events.
 */
#ifndef TESTS_EVENT_STREAM_H
#define TESTS_EVENT_STREAM_H

#include "base/buffer.h"
#include "base/crc32.h"

static inline void event_stream_u32(llmc_buffer *out, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        llmc_buffer_add_byte(out, (char)(value >> shift));
}

static inline void event_stream_header(llmc_buffer *out, const char *name, const char *value, size_t bytes)
{
    llmc_buffer_add_byte(out, (char)strlen(name));
    llmc_buffer_add_text(out, name);
    llmc_buffer_add_byte(out, 7);
    llmc_buffer_add_byte(out, (char)(bytes >> 8));
    llmc_buffer_add_byte(out, (char)bytes);
    llmc_buffer_add(out, value, bytes);
}

/* Headers as they stand. */
static inline void event_stream_raw(llmc_buffer *out, const char *headers, size_t header_bytes, const char *payload, size_t bytes)
{
    size_t start = out->length;
    event_stream_u32(out, (uint32_t)(16 + header_bytes + bytes));
    event_stream_u32(out, (uint32_t)header_bytes);
    event_stream_u32(out, llmc_crc32(0, out->data + start, 8));
    llmc_buffer_add(out, headers, header_bytes);
    llmc_buffer_add(out, payload, bytes);
    event_stream_u32(out, llmc_crc32(0, out->data + start, 12 + header_bytes + bytes));
}

static inline void event_stream_message(llmc_buffer *out, const char *name, size_t name_bytes, const char *payload, size_t bytes)
{
    llmc_buffer headers;
    char kind = name_bytes ? name[0] : ' ';
    bool event = kind != '!' && kind != '?';
    llmc_buffer_init(&headers, &llmc_allocator_system, 1 << 20);
    event_stream_header(&headers, kind == '!' ? ":exception-type" : kind == '?' ? ":error-code" : ":event-type", name + !event, name_bytes - !event);
    event_stream_header(&headers, ":content-type", "application/json", strlen("application/json"));
    if (kind == '?')
        event_stream_header(&headers, ":error-message", payload, bytes);
    const char *type = kind == '!' ? "exception" : kind == '?' ? "error" : "event";
    event_stream_header(&headers, ":message-type", type, strlen(type));
    event_stream_raw(out, headers.data, headers.length, payload, kind == '?' ? 0 : bytes);
    llmc_buffer_free(&headers);
}

static inline void event_stream_script(llmc_buffer *out, const char *script, size_t bytes)
{
    const char *end = script + bytes;
    while (script < end) {
        const char *line_end = memchr(script, '\n', (size_t)(end - script));
        line_end = line_end ? line_end : end;
        const char *blank = memchr(script, ' ', (size_t)(line_end - script));
        const char *name_end = blank ? blank : line_end, *payload = blank ? blank + 1 : line_end;
        if ((size_t)(name_end - script) > 60000) /* what a header holds */
            name_end = script + 60000;
        size_t payload_bytes = (size_t)(line_end - payload);
        if (script < name_end && *script == '?' && payload_bytes > 60000)
            payload_bytes = 60000;
        event_stream_message(out, script, (size_t)(name_end - script), payload, payload_bytes);
        script = line_end + 1;
    }
}

#endif
