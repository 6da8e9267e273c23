/* See http_request.h. Two parts: the head, read once when it is complete, and the body, by length or by chunks. */
#include "mock/http_request.h"

#include <string.h>

enum { PHASE_SIZE = 0, PHASE_DATA, PHASE_DATA_END, PHASE_TRAILER };
enum { MAX_CHUNK_LINE = 1024 };

static llmc_http_state refuse(llmc_http_request *request, int32_t status)
{
    request->refusal = status;
    return LLMC_HTTP_BAD;
}

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

static bool equals_ignoring_case(const char *text, size_t bytes, const char *word)
{
    if (strlen(word) != bytes)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        if (lower(text[i]) != lower(word[i]))
            return false;
    }
    return true;
}

static bool is_name_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || (byte && strchr("!#$%&'*+-.^_`|~", byte));
}

/* One "name: value" of a head: sets name and value and returns the start of the next line, NULL when malformed. */
static const char *read_header(const char *line, const char *end, const char **name, size_t *name_bytes, const char **value, size_t *value_bytes)
{
    const char *stop = memchr(line, '\r', (size_t)(end - line));
    if (!stop || stop + 1 >= end || stop[1] != '\n')
        return NULL;
    const char *colon = memchr(line, ':', (size_t)(stop - line));
    if (!colon || colon == line)
        return NULL;
    for (const char *at = line; at < colon; at++) {
        if (!is_name_byte(*at))
            return NULL;
    }
    const char *from = colon + 1, *to = stop;
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    for (const char *at = from; at < to; at++) {
        if (((unsigned char)*at < 0x20 && *at != '\t') || *at == 0x7F)
            return NULL;
    }
    *name = line;
    *name_bytes = (size_t)(colon - line);
    *value = from;
    *value_bytes = (size_t)(to - from);
    return stop + 2;
}

bool llmc_http_header(const char *head, size_t head_bytes, const char *name, const char **value, size_t *value_bytes)
{
    const char *end = head + head_bytes, *line = memchr(head, '\n', head_bytes);
    for (line = line ? line + 1 : end; line + 2 < end;) {
        const char *found;
        size_t found_bytes;
        line = read_header(line, end, &found, &found_bytes, value, value_bytes);
        if (!line)
            return false;
        if (equals_ignoring_case(found, found_bytes, name))
            return true;
    }
    return false;
}

static llmc_http_method method_of(const char *text, size_t bytes)
{
    if (bytes == 4 && memcmp(text, "POST", 4) == 0)
        return LLMC_HTTP_POST;
    if (bytes == 3 && memcmp(text, "GET", 3) == 0)
        return LLMC_HTTP_GET;
    return bytes == 4 && memcmp(text, "HEAD", 4) == 0 ? LLMC_HTTP_HEAD : LLMC_HTTP_OTHER;
}

/* "METHOD target HTTP/1.x"; returns 0 or the status to refuse with. */
static int32_t read_request_line(llmc_http_request *request, const char *head, const char *stop)
{
    const char *space = memchr(head, ' ', (size_t)(stop - head));
    if (!space || space == head)
        return 400;
    for (const char *at = head; at < space; at++) {
        if (!is_name_byte(*at))
            return 400;
    }
    const char *target = space + 1, *second = memchr(target, ' ', (size_t)(stop - target));
    if (!second || *target != '/' || stop - second != 9)
        return 400;
    for (const char *at = target; at < second; at++) {
        if ((unsigned char)*at <= 0x20 || *at == 0x7F)
            return 400;
    }
    if (memcmp(second + 1, "HTTP/1.", 7) != 0 || (second[8] != '0' && second[8] != '1'))
        return 505;
    request->http_1_0 = second[8] == '0';
    request->keep_alive = !request->http_1_0;
    request->method = method_of(head, (size_t)(space - head));
    const char *query = memchr(target, '?', (size_t)(second - target));
    request->target = (size_t)(target - head);
    request->target_bytes = (size_t)((query ? query : second) - target);
    return 0;
}

static bool read_length(const char *text, size_t bytes, size_t *out)
{
    size_t value = 0;
    if (bytes == 0 || bytes > 18)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (size_t)(text[i] - '0');
    }
    *out = value;
    return true;
}

static bool has_word(const char *value, size_t bytes, const char *word)
{
    while (bytes) {
        const char *comma = memchr(value, ',', bytes);
        size_t piece = comma ? (size_t)(comma - value) : bytes, skipped = comma ? piece + 1 : piece;
        size_t from = 0, to = piece;
        while (from < to && value[from] == ' ')
            from++;
        while (to > from && value[to - 1] == ' ')
            to--;
        if (equals_ignoring_case(value + from, to - from, word))
            return true;
        value += skipped;
        bytes -= skipped;
    }
    return false;
}

/* One header that says where the body ends or what becomes of the connection. Returns 0 or the status to refuse with. */
static int32_t take_header(llmc_http_request *request, const char *name, size_t name_bytes, const char *value, size_t value_bytes, bool *has_length)
{
    if (equals_ignoring_case(name, name_bytes, "content-length")) {
        size_t length;
        if (!read_length(value, value_bytes, &length) || (*has_length && length != request->length))
            return 400;
        request->length = length;
        *has_length = true;
        return 0;
    }
    if (equals_ignoring_case(name, name_bytes, "transfer-encoding")) {
        if (!equals_ignoring_case(value, value_bytes, "chunked"))
            return 501;
        request->chunked = true;
        return 0;
    }
    if (equals_ignoring_case(name, name_bytes, "connection")) {
        if (has_word(value, value_bytes, "close"))
            request->keep_alive = false;
        if (request->http_1_0 && has_word(value, value_bytes, "keep-alive"))
            request->keep_alive = true;
        return 0;
    }
    if (equals_ignoring_case(name, name_bytes, "expect"))
        request->expects_continue = equals_ignoring_case(value, value_bytes, "100-continue");
    return 0;
}

static llmc_http_state read_head(llmc_http_request *request, const char *head, size_t head_bytes, size_t max_body_bytes)
{
    const char *end = head + head_bytes - 2, *line = memchr(head, '\r', head_bytes);
    bool has_length = false;
    int32_t refusal = line[1] == '\n' ? read_request_line(request, head, line) : 400;
    for (line += 2; !refusal && line < end;) {
        const char *name, *value;
        size_t name_bytes, value_bytes;
        line = read_header(line, end, &name, &name_bytes, &value, &value_bytes);
        refusal = line ? take_header(request, name, name_bytes, value, value_bytes, &has_length) : 400;
    }
    if (!refusal && request->chunked && has_length)
        refusal = 400;
    if (!refusal && request->length > max_body_bytes)
        refusal = 413;
    if (refusal)
        return refuse(request, refusal);
    request->head_bytes = request->body = request->next = head_bytes;
    return LLMC_HTTP_READY;
}

static llmc_http_state find_head(llmc_http_request *request, const char *bytes, size_t length, size_t max_body_bytes)
{
    size_t from = request->scanned > 3 ? request->scanned - 3 : 0;
    size_t visible = length < LLMC_HTTP_MAX_HEAD ? length : LLMC_HTTP_MAX_HEAD;
    const char *blank = NULL;
    for (const char *at = bytes + from; visible >= 4 && !blank;) {
        at = memchr(at, '\r', visible - 3 - (size_t)(at - bytes));
        if (!at)
            break;
        blank = memcmp(at, "\r\n\r\n", 4) == 0 ? at : NULL;
        at++;
    }
    if (blank)
        return read_head(request, bytes, (size_t)(blank - bytes) + 4, max_body_bytes);
    request->scanned = visible;
    return length >= LLMC_HTTP_MAX_HEAD ? refuse(request, 431) : LLMC_HTTP_MORE;
}

/* A line of the chunked coding: its length without CRLF, or SIZE_MAX when it is not complete. */
static size_t line_length(const char *bytes, size_t length)
{
    const char *stop = memchr(bytes, '\n', length < MAX_CHUNK_LINE ? length : MAX_CHUNK_LINE);
    return stop ? (size_t)(stop - bytes) : SIZE_MAX;
}

static bool read_chunk_size(const char *line, size_t bytes, size_t *out)
{
    size_t value = 0, digits = 0;
    for (; digits < bytes; digits++) {
        char byte = lower(line[digits]);
        int digit = byte >= '0' && byte <= '9' ? byte - '0' : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
        if (digit < 0)
            break;
        if (digits == 15)
            return false;
        value = value * 16 + (size_t)digit;
    }
    *out = value;
    return digits > 0 && (digits == bytes || line[digits] == ';' || line[digits] == ' ');
}

/* One line of the chunked coding: a size, the end of a chunk's data, or a trailer. READY: the body is complete. */
static llmc_http_state read_chunk_line(llmc_http_request *request, const char *bytes, size_t length, size_t max_body_bytes, bool *progress)
{
    const char *line = bytes + request->next;
    size_t count = line_length(line, length - request->next);
    if (count == SIZE_MAX)
        return length - request->next >= MAX_CHUNK_LINE ? refuse(request, 400) : LLMC_HTTP_MORE;
    if (count == 0 || line[count - 1] != '\r')
        return refuse(request, 400);
    request->next += count + 1;
    count--;
    *progress = true;
    if (request->chunk_phase == PHASE_DATA_END) {
        request->chunk_phase = PHASE_SIZE;
        return count ? refuse(request, 400) : LLMC_HTTP_MORE;
    }
    if (request->chunk_phase == PHASE_TRAILER)
        return count ? LLMC_HTTP_MORE : LLMC_HTTP_READY;
    if (!read_chunk_size(line, count, &request->length))
        return refuse(request, 400);
    if (request->length > max_body_bytes - request->body_bytes)
        return refuse(request, 413);
    request->chunk_phase = request->length ? PHASE_DATA : PHASE_TRAILER;
    return LLMC_HTTP_MORE;
}

static void move_chunk_data(llmc_http_request *request, char *bytes, size_t length)
{
    size_t here = length - request->next < request->length ? length - request->next : request->length;
    memmove(bytes + request->body + request->body_bytes, bytes + request->next, here);
    request->body_bytes += here;
    request->next += here;
    request->length -= here;
    if (!request->length)
        request->chunk_phase = PHASE_DATA_END;
}

static llmc_http_state read_chunks(llmc_http_request *request, char *bytes, size_t length, size_t max_body_bytes)
{
    for (bool progress = true; progress;) {
        progress = false;
        if (request->chunk_phase == PHASE_DATA) {
            progress = request->next < length;
            move_chunk_data(request, bytes, length);
            continue;
        }
        llmc_http_state state = read_chunk_line(request, bytes, length, max_body_bytes, &progress);
        if (state != LLMC_HTTP_MORE)
            return state;
    }
    return LLMC_HTTP_MORE;
}

llmc_http_state llmc_http_feed(llmc_http_request *request, char *bytes, size_t length, size_t max_body_bytes)
{
    if (request->refusal)
        return LLMC_HTTP_BAD;
    if (!request->head_bytes) {
        llmc_http_state state = find_head(request, bytes, length, max_body_bytes);
        if (state != LLMC_HTTP_READY)
            return state;
    }
    if (request->chunked)
        return read_chunks(request, bytes, length, max_body_bytes);
    if (length - request->head_bytes < request->length)
        return LLMC_HTTP_MORE;
    request->body_bytes = request->length;
    request->next = request->head_bytes + request->length;
    return LLMC_HTTP_READY;
}
