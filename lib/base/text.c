#include "base/text.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Length of the well-formed UTF-8 character at text, 0 where there is none. */
static size_t character_bytes(const unsigned char *text, size_t bytes)
{
    unsigned char first = text[0];
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        return bytes >= 2 && (text[1] & 0xC0) == 0x80 ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        unsigned char low = first == 0xE0 ? 0xA0 : 0x80, high = first == 0xED ? 0x9F : 0xBF;
        return bytes >= 3 && text[1] >= low && text[1] <= high && (text[2] & 0xC0) == 0x80 ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        unsigned char low = first == 0xF0 ? 0x90 : 0x80, high = first == 0xF4 ? 0x8F : 0xBF;
        return bytes >= 4 && text[1] >= low && text[1] <= high && (text[2] & 0xC0) == 0x80 && (text[3] & 0xC0) == 0x80 ? 4 : 0;
    }
    return 0;
}

#ifdef __SSE2__
/* What is aligned needs no load of its own. (As floats: a chain of integers would be split up, with more of them.) */
static inline bool is_ascii_128(const char *aligned)
{
    const __m128 *from = (const __m128 *)(const void *)aligned;
    __m128 any = from[0];
#pragma GCC unroll 8
    for (int i = 1; i < 8; i++)
        any = _mm_or_ps(any, from[i]);
    return !_mm_movemask_epi8(_mm_castps_si128(any));
}

/* A bit for each of sixteen bytes that is not ASCII. */
static inline unsigned beyond_ascii_16(const char *text)
{
    return (unsigned)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)text));
}

/* How far a text of 256 bytes or more is ASCII, in steps from one multiple of sixteen to the last: that step may overlap. */
static size_t long_ascii_bytes(const char *text, size_t bytes)
{
    const char *end = text + bytes, *at = text + (-(uintptr_t)text & 15), *last = end - ((uintptr_t)end & 15) - 128;
    if (beyond_ascii_16(text))
        return 0;
    while (at < last && is_ascii_128(at))
        at += 128;
    return at >= last && is_ascii_128(last) && !beyond_ascii_16(end - 16) ? bytes : (size_t)(at - text);
}
#endif

/* How far the text is ASCII. Most text is all ASCII, and passes by here. */
static size_t ascii_bytes(const char *text, size_t bytes)
{
    size_t at = 0;
#ifdef __SSE2__
    if (bytes >= 256 && (at = long_ascii_bytes(text, bytes)) == bytes)
        return bytes;
    for (; bytes - at >= 16; at += 16) {
        unsigned beyond = beyond_ascii_16(text + at);
        if (beyond)
            return at + (size_t)__builtin_ctz(beyond);
    }
#endif
    const uint64_t high = UINT64_C(0x8080808080808080);
    uint64_t eight = 0;
    for (; bytes - at >= sizeof eight; at += sizeof eight) {
        memcpy(&eight, text + at, sizeof eight);
        if (eight & high)
            break;
    }
    if (bytes >= sizeof eight && !(eight & high)) { /* the rest, once more with what stands before them */
        memcpy(&eight, text + bytes - sizeof eight, sizeof eight);
        if (!(eight & high))
            return bytes;
    }
    while (at < bytes && !(text[at] & 0x80))
        at++;
    return at;
}

/* How far what begins beyond ASCII is well-formed and beyond it, 0 where there is none. */
static __attribute__((noinline)) size_t other_bytes(const char *text, size_t bytes)
{
    size_t at = 0;
    do {
        size_t length = character_bytes((const unsigned char *)text + at, bytes - at);
        if (!length)
            return 0;
        at += length;
    } while (at < bytes && text[at] & 0x80);
    return at;
}

bool llmc_utf8_valid(const char *text, size_t bytes)
{
    for (;;) {
        size_t length = ascii_bytes(text, bytes);
        if (length == bytes)
            return true;
        text += length;
        bytes -= length;
        length = other_bytes(text, bytes);
        if (!length)
            return false;
        text += length;
        bytes -= length;
    }
}

size_t llmc_utf8_cut(const char *text, size_t bytes, size_t maximum)
{
    if (bytes <= maximum)
        return bytes;
    size_t at = maximum;
    while (at > 0 && maximum - at < 4 && ((unsigned char)text[at] & 0xC0) == 0x80)
        at--;
    return at;
}

void llmc_utf8_sanitize(char *text)
{
    for (;;) {
        while ((unsigned char)(*text - 0x20) < 0x7F - 0x20) /* all there is, as a rule */
            text++;
        unsigned char first = (unsigned char)*text;
        if (!first)
            return;
        size_t length = first < 0x80 ? 0 : character_bytes((const unsigned char *)text, strnlen(text, 4));
        if (!length) {
            *text = first == '\n' || first == '\t' ? ' ' : '?';
            length = 1;
        }
        text += length;
    }
}

static unsigned char lower(char byte)
{
    return (unsigned char)(byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
}

bool llmc_text_equal_ignoring_case(const char *a, const char *b)
{
    while (*a && (*a == *b || lower(*a) == lower(*b))) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

__attribute__((cold)) size_t llmc_text_distance(const char *a, const char *b)
{
    enum { LONGEST = 64 };
    size_t a_length = strlen(a), b_length = strlen(b), row[LONGEST + 1];
    if (a_length > LONGEST || b_length > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]), step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < step ? change : step;
        }
    }
    return row[b_length];
}

bool llmc_text_is_header_safe(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            return false;
    }
    return true;
}

/* Howard Hinnant's civil calendar: years begin in March, so that the leap day comes last. */
int64_t llmc_days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void llmc_civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * shifted_month + 2) / 5 + 1);
    *month = (int)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}
