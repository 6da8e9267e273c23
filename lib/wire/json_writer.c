/*
 * The JSON writer: into a buffer that remembers its own failure, so nothing here can fail. It trusts its caller with
 * the structure and puts the commas.
 */
#include "wire/json.h"

#include "wire/number.h"
#include "wire/scan.h"

/* What comes before a value or a name. */
static void separate(llmc_json_writer *writer)
{
    if (writer->comma)
        llmc_buffer_add_byte(writer->out, ',');
    writer->comma = true;
}

static void begin_container(llmc_json_writer *writer, char bracket)
{
    const char both[] = { ',', bracket };
    llmc_buffer_add(writer->out, both + !writer->comma, 1 + (size_t)writer->comma);
    writer->comma = false;
}

static void end_container(llmc_json_writer *writer, char bracket)
{
    llmc_buffer_add_byte(writer->out, bracket);
    writer->comma = true;
}

void llmc_json_write_begin_object(llmc_json_writer *writer)
{
    begin_container(writer, '{');
}

void llmc_json_write_end_object(llmc_json_writer *writer)
{
    end_container(writer, '}');
}

void llmc_json_write_begin_array(llmc_json_writer *writer)
{
    begin_container(writer, '[');
}

void llmc_json_write_end_array(llmc_json_writer *writer)
{
    end_container(writer, ']');
}

static void add_escape(llmc_buffer *out, char byte)
{
    static const char letter[128] = { ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't' };
    static const char hex[] = "0123456789abcdef";
    char escape[6] = { '\\', letter[(unsigned char)byte] };
    if (escape[1]) {
        llmc_buffer_add(out, escape, 2);
        return;
    }
    memcpy(escape + 1, "u00", 3);
    escape[4] = hex[byte >> 4];
    escape[5] = hex[byte & 15];
    llmc_buffer_add(out, escape, 6);
}

/* special: the first byte of text that needs an escape, or end. */
static void add_escaped(llmc_buffer *out, const char *text, const char *special, const char *end)
{
    for (;;) {
        llmc_buffer_add(out, text, (size_t)(special - text));
        if (special == end)
            return;
        add_escape(out, *special);
        text = special + 1;
        special = llmc_scan_escape(text, end);
    }
}

/* A quoted text with what stands around it: by one look at the room where it is plain, as nearly all are. */
static inline void add_quoted(llmc_json_writer *writer, const char *text, size_t bytes, bool is_key)
{
    enum { AROUND = 4 }; /* comma, quotes, colon */
    llmc_buffer *out = writer->out;
    const char *end = bytes ? text + bytes : text, *special = bytes ? llmc_scan_escape(text, end) : end;
    size_t length = out->length, needed = bytes + AROUND;
    if (special == end && needed < out->capacity - length && length + needed <= out->maximum && !out->failure) {
        char *at = out->data + length;
        *at = ',';
        at += writer->comma;
        *at++ = '"';
        if (bytes)
            memcpy(at, text, bytes);
        at += bytes;
        *at++ = '"';
        *at = ':';
        out->length = (size_t)(at - out->data) + is_key;
    } else {
        separate(writer);
        llmc_buffer_add_byte(out, '"');
        add_escaped(out, text, special, end);
        llmc_buffer_add(out, "\":", is_key ? 2 : 1);
    }
    writer->comma = !is_key;
}

void llmc_json_write_string(llmc_json_writer *writer, const char *text, size_t bytes)
{
    add_quoted(writer, text, bytes, false);
}

void llmc_json_write_key(llmc_json_writer *writer, const char *name)
{
    add_quoted(writer, name, strlen(name), true);
}

void llmc_json_write_text(llmc_json_writer *writer, const char *text)
{
    if (text)
        llmc_json_write_string(writer, text, strlen(text));
    else
        llmc_json_write_null(writer);
}

void llmc_json_write_integer(llmc_json_writer *writer, int64_t value)
{
    separate(writer);
    llmc_buffer_add_integer(writer->out, value);
}

void llmc_json_write_double(llmc_json_writer *writer, double value)
{
    if (!(value - value == 0)) { /* neither infinite nor no number */
        llmc_json_write_null(writer);
        return;
    }
    char text[LLMC_NUMBER_BYTES];
    separate(writer);
    llmc_buffer_add(writer->out, text, llmc_number_from_double(value, text));
}

void llmc_json_write_raw(llmc_json_writer *writer, const char *json, size_t bytes)
{
    separate(writer);
    llmc_buffer_add(writer->out, json, bytes);
}

void llmc_json_write_bool(llmc_json_writer *writer, bool value)
{
    llmc_json_write_raw(writer, value ? "true" : "false", value ? 4 : 5);
}

void llmc_json_write_null(llmc_json_writer *writer)
{
    llmc_json_write_raw(writer, "null", 4);
}

static char base64_letter(unsigned value)
{
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[value & 63];
}

static void base64_group(unsigned three_bytes, char out[4])
{
    out[0] = base64_letter(three_bytes >> 18);
    out[1] = base64_letter(three_bytes >> 12);
    out[2] = base64_letter(three_bytes >> 6);
    out[3] = base64_letter(three_bytes);
}

/* Straight into the buffer: an image is not held a second time. */
static void add_base64(llmc_buffer *out, const unsigned char *data, size_t bytes)
{
    size_t groups = bytes / 3 + (bytes % 3 != 0);
    if (!groups || !llmc_buffer_reserve(out, groups > SIZE_MAX / 4 ? SIZE_MAX : groups * 4))
        return;
    char *at = out->data + out->length;
    out->length += groups * 4;
    for (; bytes >= 3; bytes -= 3, data += 3, at += 4)
        base64_group((unsigned)data[0] << 16 | (unsigned)data[1] << 8 | data[2], at);
    if (!bytes)
        return;
    base64_group((unsigned)data[0] << 16 | (bytes == 2 ? (unsigned)data[1] << 8 : 0), at);
    at[3] = '=';
    if (bytes == 1)
        at[2] = '=';
}

void llmc_json_write_base64(llmc_json_writer *writer, const char *prefix, const void *data, size_t bytes)
{
    separate(writer);
    llmc_buffer_add_byte(writer->out, '"');
    if (prefix)
        add_escaped(writer->out, prefix, llmc_scan_escape(prefix, prefix + strlen(prefix)), prefix + strlen(prefix));
    add_base64(writer->out, data, bytes);
    llmc_buffer_add_byte(writer->out, '"');
}

void llmc_json_write_member_string(llmc_json_writer *writer, const char *name, const char *text, size_t bytes)
{
    llmc_json_write_key(writer, name);
    llmc_json_write_string(writer, text, bytes);
}

void llmc_json_write_member_text(llmc_json_writer *writer, const char *name, const char *text)
{
    llmc_json_write_key(writer, name);
    llmc_json_write_text(writer, text);
}

void llmc_json_write_member_integer(llmc_json_writer *writer, const char *name, int64_t value)
{
    llmc_json_write_key(writer, name);
    llmc_json_write_integer(writer, value);
}

void llmc_json_write_member_count(llmc_json_writer *writer, const char *name, uint64_t value)
{
    llmc_json_write_member_integer(writer, name, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

void llmc_json_write_member_bool(llmc_json_writer *writer, const char *name, bool value)
{
    llmc_json_write_key(writer, name);
    llmc_json_write_bool(writer, value);
}

void llmc_json_write_member_json(llmc_json_writer *writer, const char *name, const char *json)
{
    llmc_json_write_key(writer, name);
    llmc_json_write_raw(writer, json, strlen(json));
}

void llmc_json_write_member_object(llmc_json_writer *writer, const char *name)
{
    llmc_json_write_key(writer, name);
    llmc_json_write_begin_object(writer);
}

void llmc_json_write_member_array(llmc_json_writer *writer, const char *name)
{
    llmc_json_write_key(writer, name);
    llmc_json_write_begin_array(writer);
}
