/*
 * Finding the first byte of interest, sixteen or sixty-four at a time where the machine has SSE2. No function reads at or
 * behind end. Most of what a language model sends is long runs of plain text, so this is where reading and writing spend
 * their time.
 */
#ifndef LLMC_SCAN_H
#define LLMC_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __SSE2__
#include <emmintrin.h>

static inline __attribute__((always_inline)) __m128i llmc_scan_load(const char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

static inline __attribute__((always_inline)) __m128i llmc_scan_equal(__m128i bytes, char wanted)
{
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(wanted));
}

/*
 * The sign of a byte tells whether it is a mark of llmc_scan_string(). Bit 1 turned over, a quote comes right behind the
 * control bytes: less what follows it, these are negative, as is what is 0x80 and above.
 */
static inline __attribute__((always_inline)) __m128i llmc_scan_string_marks(__m128i bytes)
{
    __m128i below = _mm_subs_epi8(_mm_xor_si128(bytes, _mm_set1_epi8(2)), _mm_set1_epi8(0x21));
    return _mm_or_si128(below, llmc_scan_equal(bytes, '\\'));
}

/* The same for llmc_scan_escape(), where 0x80 and above is none. */
static inline __attribute__((always_inline)) __m128i llmc_scan_escape_marks(__m128i bytes)
{
    __m128i below = _mm_subs_epi8(_mm_xor_si128(bytes, _mm_set1_epi8(2)), _mm_set1_epi8(0x21));
    return _mm_or_si128(_mm_andnot_si128(bytes, below), llmc_scan_equal(bytes, '\\'));
}

/* The first mark, or where fewer than sixteen bytes are left. */
static inline __attribute__((always_inline)) const char *llmc_scan_marks(const char *at, const char *end, __m128i (*marks)(__m128i bytes))
{
    for (; end - at >= 64; at += 64) {
        __m128i first = _mm_or_si128(marks(llmc_scan_load(at)), marks(llmc_scan_load(at + 16)));
        __m128i second = _mm_or_si128(marks(llmc_scan_load(at + 32)), marks(llmc_scan_load(at + 48)));
        if (_mm_movemask_epi8(_mm_or_si128(first, second)))
            break;
    }
    for (; end - at >= 16; at += 16) {
        int mask = _mm_movemask_epi8(marks(llmc_scan_load(at)));
        if (mask)
            return at + (unsigned)__builtin_ctz((unsigned)mask);
    }
    return at;
}
#endif

static __attribute__((noinline, unused)) const char *llmc_scan_long_string(const char *at, const char *end)
{
#ifdef __SSE2__
    at = llmc_scan_marks(at, end, llmc_scan_string_marks);
#endif
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80)
        at++;
    return at;
}

/* The first byte of a JSON string that is not plain ASCII: a quote, a backslash, a control byte, or 0x80 and above. */
static inline const char *llmc_scan_string(const char *at, const char *end)
{
#ifdef __SSE2__
    if (end - at >= 16) {
        int mask = _mm_movemask_epi8(llmc_scan_string_marks(llmc_scan_load(at)));
        if (mask)
            return at + (unsigned)__builtin_ctz((unsigned)mask); /* most strings are short */
    }
#endif
    return llmc_scan_long_string(at, end);
}

/* The same for a name, with LLMC_SCAN_NAME bytes that can be read; NULL: it is longer than anybody's. */
enum { LLMC_SCAN_NAME = 32 };
static inline const char *llmc_scan_name(const char *at)
{
#ifdef __SSE2__
    int mask = _mm_movemask_epi8(llmc_scan_string_marks(llmc_scan_load(at)));
    if (!mask) {
        at += 16;
        mask = _mm_movemask_epi8(llmc_scan_string_marks(llmc_scan_load(at)));
    }
    return mask ? at + (unsigned)__builtin_ctz((unsigned)mask) : NULL;
#else
    const char *mark = llmc_scan_long_string(at, at + LLMC_SCAN_NAME);
    return mark < at + LLMC_SCAN_NAME ? mark : NULL;
#endif
}

/* The first byte that must be escaped in a JSON string: a quote, a backslash or a control byte. */
static inline const char *llmc_scan_escape(const char *at, const char *end)
{
#ifdef __SSE2__
    at = llmc_scan_marks(at, end, llmc_scan_escape_marks);
#endif
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
        at++;
    return at;
}

/* The first ASCII byte. */
static inline const char *llmc_scan_ascii(const char *at, const char *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        int mask = _mm_movemask_epi8(llmc_scan_load(at));
        if (mask != 0xFFFF)
            return at + (unsigned)__builtin_ctz(~(unsigned)mask);
    }
#endif
    while (at < end && (unsigned char)*at >= 0x80)
        at++;
    return at;
}

/* The first LF or CR. */
static inline const char *llmc_scan_line_end(const char *at, const char *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        __m128i bytes = llmc_scan_load(at);
        int mask = _mm_movemask_epi8(_mm_or_si128(llmc_scan_equal(bytes, '\n'), llmc_scan_equal(bytes, '\r')));
        if (mask)
            return at + (unsigned)__builtin_ctz((unsigned)mask);
    }
#endif
    while (at < end && *at != '\n' && *at != '\r')
        at++;
    return at;
}

#endif
