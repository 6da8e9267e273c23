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

/*
 * How many bytes of punctuation stand here; 0: none. Other scripts have their own, and a stream may end within one:
 * so_far counts such a beginning.
 */
static size_t punctuation_at(const char *text, size_t bytes, size_t at, bool so_far)
{
    static const char *const wide[] = { "\xe3\x80\x82", "\xef\xbc\x81", "\xef\xbc\x9f", "\xe2\x80\xa6", "\xef\xbc\x8c", "\xe3\x80\x81", "\xef\xbc\x9a", "\xef\xbc\x9b" };
    if (is_punctuation(text[at]))
        return 1;
    size_t left = bytes - at, compared = left < 3 ? left : 3;
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        if (memcmp(text + at, wide[i], compared) == 0 && (compared == 3 || so_far))
            return compared;
    }
    return 0;
}

static size_t skip_lead(const char *text, size_t bytes)
{
    size_t at = 0;
    while (at < bytes && (is_space(text[at]) || is_decoration(text[at])))
        at++;
    return at;
}

/* Follows the marker: the end, a newline, punctuation; never a blank, for "UNCERTAIN times" is a sentence. */
static bool ends_token(const char *text, size_t bytes, size_t at, bool so_far)
{
    return at == bytes || text[at] == '\n' || text[at] == '\r' || punctuation_at(text, bytes, at, so_far);
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

/* The marker in any case, or as much of it as there is, and nothing but space and punctuation behind it. */
static bool could_be_alone(const char *marker, const char *text, size_t bytes, size_t at, bool so_far)
{
    size_t length = strlen(marker), left = bytes - at;
    if (at > LLMC_MARKER_PREFIX_BYTES || !equal_any_case(text + at, marker, left < length ? left : length))
        return false;
    for (size_t i = at + length, part; i < bytes; i += part) {
        part = is_space(text[i]) ? 1 : punctuation_at(text, bytes, i, so_far);
        if (!part)
            return false;
    }
    return left <= length + LLMC_MARKER_PREFIX_BYTES;
}

llmc_marker_state llmc_marker_at_start(const char *marker, const char *text, size_t bytes)
{
    size_t length = strlen(marker), at = skip_lead(text, bytes), left = bytes - at;
    if (at <= LLMC_MARKER_PREFIX_BYTES && left > length && memcmp(text + at, marker, length) == 0 && ends_token(text, bytes, at + length, false))
        return LLMC_MARKER_FIRST;
    /* In another case, or before a blank, only if nothing but space and punctuation follows. */
    return could_be_alone(marker, text, bytes, at, true) ? LLMC_MARKER_POSSIBLE : LLMC_MARKER_ABSENT;
}

static size_t without_trailing_space(const char *text, size_t bytes)
{
    while (bytes > 0 && is_space(text[bytes - 1]))
        bytes--;
    return bytes;
}

static size_t last_line_start(const char *text, size_t bytes)
{
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
    if (bytes - lead >= length && could_be_alone(marker, text, bytes, lead, false))
        return true;
    if (lead <= LLMC_MARKER_PREFIX_BYTES && bytes - lead >= length && memcmp(text + lead, marker, length) == 0 && ends_token(text, bytes, lead + length, false))
        return true;
    size_t end = without_trailing_space(text, bytes), line = last_line_start(text, end), at = line + skip_lead(text + line, end - line);
    if (line == 0 || end - at < length || memcmp(text + at, marker, length) != 0 || !ends_token(text, end, at + length, false))
        return false;
    *answer_bytes = without_trailing_space(text, line);
    return true;
}

size_t llmc_marker_tail(const char *marker, const char *text, size_t bytes)
{
    /* The space at the end always: the marker's line may follow, and what stands before it must not end in space. */
    size_t length = strlen(marker), end = without_trailing_space(text, bytes), line = last_line_start(text, end);
    if (line == 0)
        return bytes - end;
    size_t at = line + skip_lead(text + line, bytes - line), left = bytes - at;
    bool goes_on = left > length && !ends_token(text, end, at + length, true);
    if (goes_on || memcmp(text + at, marker, left < length ? left : length) != 0)
        return bytes - end;
    return bytes - without_trailing_space(text, line);
}
