#include "policy/marker.h"

#include <string.h>

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* Decoration that models put around a word: **UNCERTAIN**, "UNCERTAIN", `UNCERTAIN`. */
static bool is_decoration(char byte)
{
    return byte == '*' || byte == '_' || byte == '"' || byte == '\'' || byte == '`' || byte == '#' || byte == '[' || byte == '(';
}

static bool is_punctuation(char byte)
{
    return strchr(".,;:!?)]}*_\"'`-", byte) && byte;
}

static size_t skip_lead(const char *text, size_t bytes)
{
    size_t at = 0;
    while (at < bytes && (is_space(text[at]) || is_decoration(text[at])))
        at++;
    return at;
}

/* Follows the marker: the end, a newline, punctuation; never a blank, for "UNCERTAIN times" is a sentence. */
static bool ends_token(const char *text, size_t bytes, size_t at)
{
    return at == bytes || text[at] == '\n' || text[at] == '\r' || is_punctuation(text[at]);
}

llmc_marker_state llmc_marker_at_start(const char *marker, const char *text, size_t bytes)
{
    size_t length = strlen(marker), at = skip_lead(text, bytes), left = bytes - at;
    if (at > LLMC_MARKER_PREFIX_BYTES)
        return LLMC_MARKER_ABSENT;
    if (left <= length) {
        /* In any case it may still be the lower-case marker alone. */
        for (size_t i = 0; i < left; i++) {
            char a = text[at + i], b = marker[i];
            if (a != b && ((a ^ b) != 0x20 || ((a | 0x20) < 'a' || (a | 0x20) > 'z')))
                return LLMC_MARKER_ABSENT;
        }
        return LLMC_MARKER_POSSIBLE;
    }
    if (memcmp(text + at, marker, length) == 0 && ends_token(text, bytes, at + length))
        return LLMC_MARKER_FIRST;
    for (size_t i = 0; i < length; i++) {
        char a = text[at + i], b = marker[i];
        if (a != b && ((a ^ b) != 0x20 || ((a | 0x20) < 'a' || (a | 0x20) > 'z')))
            return LLMC_MARKER_ABSENT;
    }
    /* In another case, or before a blank: only if nothing but space and punctuation follows. */
    for (size_t i = at + length; i < bytes; i++) {
        if (!is_space(text[i]) && !is_punctuation(text[i]))
            return LLMC_MARKER_ABSENT;
    }
    return bytes - at - length > LLMC_MARKER_PREFIX_BYTES ? LLMC_MARKER_ABSENT : LLMC_MARKER_POSSIBLE;
}

static bool equal_any_case(const char *a, const char *b, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        char x = a[i], y = b[i];
        if (x != y && ((x ^ y) != 0x20 || ((x | 0x20) < 'a' || (x | 0x20) > 'z')))
            return false;
    }
    return true;
}

static bool alone(const char *marker, const char *text, size_t bytes)
{
    size_t length = strlen(marker), at = skip_lead(text, bytes);
    if (at > LLMC_MARKER_PREFIX_BYTES || bytes - at < length || bytes - at - length > LLMC_MARKER_PREFIX_BYTES || !equal_any_case(text + at, marker, length))
        return false;
    for (size_t i = at + length; i < bytes; i++) {
        if (!is_space(text[i]) && !is_punctuation(text[i]))
            return false;
    }
    return true;
}

static size_t last_line_start(const char *text, size_t bytes)
{
    while (bytes > 0 && is_space(text[bytes - 1]))
        bytes--;
    while (bytes > 0 && text[bytes - 1] != '\n')
        bytes--;
    return bytes;
}

bool llmc_marker_in(const char *marker, const char *text, size_t bytes, size_t *answer_bytes)
{
    size_t length = strlen(marker), lead = skip_lead(text, bytes);
    *answer_bytes = 0;
    if (!length)
        return false;
    if (alone(marker, text, bytes))
        return true;
    if (lead <= LLMC_MARKER_PREFIX_BYTES && bytes - lead >= length && memcmp(text + lead, marker, length) == 0 && ends_token(text, bytes, lead + length))
        return true;
    size_t line = last_line_start(text, bytes), at = line + skip_lead(text + line, bytes - line);
    if (line == 0 || bytes - at < length || memcmp(text + at, marker, length) != 0 || !ends_token(text, bytes, at + length))
        return false;
    while (line > 0 && is_space(text[line - 1]))
        line--;
    *answer_bytes = line;
    return true;
}

size_t llmc_marker_tail(const char *marker, const char *text, size_t bytes)
{
    /* White space at the end may stand before the marker's line; the last line may be it, also with space behind it. */
    size_t length = strlen(marker), line = last_line_start(text, bytes), end = bytes;
    while (end > 0 && is_space(text[end - 1]))
        end--;
    if (line == 0)
        return bytes - end;
    size_t at = line + skip_lead(text + line, bytes - line), left = bytes - at;
    bool may = left < length ? memcmp(text + at, marker, left) == 0 : memcmp(text + at, marker, length) == 0 && ends_token(text, bytes, at + length);
    if (!may)
        return bytes - end;
    while (line > 0 && is_space(text[line - 1]))
        line--;
    return bytes - line;
}
