/* The canonical form of a request's parts. Both schemes that use it encode alike and differ in order and in what they encode. */
#include "provider/signing.h"

#include "base/text.h"

#include <stdio.h>

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

static void add_encoded(llmc_buffer *out, char c, const char *kept)
{
    static const char digits[] = "0123456789ABCDEF";
    unsigned char byte = (unsigned char)c;
    const char escape[3] = { '%', digits[byte >> 4], digits[byte & 15] };
    if (is_unreserved(c) || (c && strchr(kept, c)))
        llmc_buffer_add_byte(out, c);
    else
        llmc_buffer_add(out, escape, sizeof escape);
}

void llmc_sign_encode(llmc_buffer *out, const char *text, size_t bytes, const char *kept)
{
    for (size_t i = 0; i < bytes; i++)
        add_encoded(out, text[i], kept);
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = llmc_sign_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void llmc_sign_encode_again(llmc_buffer *out, const char *text, size_t bytes, const char *kept)
{
    for (size_t i = 0; i < bytes; i++) {
        int high = text[i] == '%' && i + 2 < bytes ? hex_of(text[i + 1]) : -1, low = high >= 0 ? hex_of(text[i + 2]) : -1;
        if (low < 0) {
            add_encoded(out, text[i], kept);
            continue;
        }
        add_encoded(out, (char)(high << 4 | low), kept);
        i += 2;
    }
}

/* ---- query ---- */

/* "name=value", encoded; ended by zero bytes. */
static int compare(const char *a, const char *b, bool whole)
{
    for (;; a++, b++) {
        int x = (unsigned char)*a, y = (unsigned char)*b;
        if (x != y)
            return (!whole && x == '=' ? 0 : x) - (!whole && y == '=' ? 0 : y);
        if (!x)
            return 0;
    }
}

/* The least parameter behind `last` (in order, and among equals in place); NULL: none. */
static const char *next_parameter(const char *texts, size_t bytes, const char *last, bool whole)
{
    const char *least = NULL;
    for (const char *at = texts; at < texts + bytes; at += strlen(at) + 1) {
        int order = last ? compare(at, last, whole) : 1;
        if (order < 0 || (order == 0 && at <= last))
            continue;
        if (!least || compare(at, least, whole) < 0)
            least = at;
    }
    return least;
}

void llmc_sign_query(llmc_buffer *out, const char *query, bool whole)
{
    llmc_buffer texts;
    llmc_buffer_init(&texts, out->allocator, out->maximum);
    while (*query) {
        size_t bytes = strcspn(query, "&"), name = strcspn(query, "=&");
        if (bytes) {
            llmc_sign_encode_again(&texts, query, name, "");
            llmc_buffer_add_byte(&texts, '=');
            if (name < bytes)
                llmc_sign_encode_again(&texts, query + name + 1, bytes - name - 1, "");
            llmc_buffer_add_byte(&texts, '\0');
        }
        query += bytes + (query[bytes] == '&');
    }
    if (texts.failure)
        out->failure = texts.failure;
    size_t bytes = texts.failure ? 0 : texts.length;
    const char *all = bytes ? texts.data : "", *first = next_parameter(all, bytes, NULL, whole);
    for (const char *at = first; at; at = next_parameter(all, bytes, at, whole)) {
        if (at != first)
            llmc_buffer_add_byte(out, '&');
        llmc_buffer_add_text(out, at);
    }
    llmc_buffer_free(&texts);
}

/* ---- headers ---- */

static int compare_names(const llmc_signed_header *a, const llmc_signed_header *b)
{
    for (size_t i = 0; i < a->name_bytes && i < b->name_bytes; i++) {
        int x = (unsigned char)llmc_sign_lower(a->name[i]), y = (unsigned char)llmc_sign_lower(b->name[i]);
        if (x != y)
            return x - y;
    }
    return a->name_bytes < b->name_bytes ? -1 : a->name_bytes > b->name_bytes;
}

bool llmc_sign_same_name(const llmc_signed_header *a, const llmc_signed_header *b)
{
    return compare_names(a, b) == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool insert(llmc_signed_headers *headers, llmc_signed_header header)
{
    if (headers->count == LLMC_SIGNED_HEADERS_MAXIMUM || !header.name_bytes)
        return false;
    while (header.value_bytes && is_blank(*header.value)) {
        header.value++;
        header.value_bytes--;
    }
    while (header.value_bytes && is_blank(header.value[header.value_bytes - 1]))
        header.value_bytes--;
    size_t at = headers->count++;
    for (; at > 0 && compare_names(&header, &headers->list[at - 1]) < 0; at--)
        headers->list[at] = headers->list[at - 1];
    headers->list[at] = header;
    return true;
}

bool llmc_sign_header(llmc_signed_headers *headers, const char *name, const char *value)
{
    return insert(headers, (llmc_signed_header){ .name = name, .name_bytes = strlen(name), .value = value, .value_bytes = strlen(value) });
}

bool llmc_sign_header_line(llmc_signed_headers *headers, const char *line)
{
    const char *colon = strchr(line, ':');
    if (!colon)
        return false;
    return insert(headers, (llmc_signed_header){ .name = line, .name_bytes = (size_t)(colon - line), .value = colon + 1, .value_bytes = strlen(colon + 1) });
}

void llmc_sign_header_names(const llmc_signed_headers *headers, llmc_buffer *out)
{
    for (size_t i = 0; i < headers->count; i++) {
        const llmc_signed_header *header = &headers->list[i];
        if (i && llmc_sign_same_name(header, header - 1))
            continue;
        if (i)
            llmc_buffer_add_byte(out, ';');
        for (size_t j = 0; j < header->name_bytes; j++)
            llmc_buffer_add_byte(out, llmc_sign_lower(header->name[j]));
    }
}

void llmc_sign_add_line(llmc_buffer *lines, const char *name, const char *value)
{
    llmc_buffer_add_text(lines, name);
    llmc_buffer_add_text(lines, value);
    llmc_buffer_add_byte(lines, '\0');
}

llmcost_status llmc_sign_status(llmc_buffer_failure failure)
{
    if (!failure)
        return LLMCOST_OK;
    return failure == LLMC_BUFFER_NO_MEMORY ? LLMCOST_E_MEMORY : LLMCOST_E_INVALID;
}

/* ---- time ---- */

void llmc_sign_time(int64_t wall_ms, char extended[21], char basic[17])
{
    int64_t seconds = wall_ms / 1000 - (wall_ms % 1000 < 0), days = seconds / 86400 - (seconds % 86400 < 0), year;
    int month, day, rest = (int)(seconds - days * 86400);
    char text[40];
    llmc_civil_from_days(days, &year, &month, &day);
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)(year % 10000), month, day, rest / 3600, rest / 60 % 60, rest % 60);
    memcpy(extended, text, 20);
    extended[20] = '\0';
    for (const char *at = extended; *at; at++)
        if (*at != '-' && *at != ':')
            *basic++ = *at;
    *basic = '\0';
}
