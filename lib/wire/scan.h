/*
 * Finding the first byte of interest, sixteen at a time where the machine has SSE2. No function reads at or behind end.
 * Most of what a language model sends is long runs of plain text, so this is where reading and writing spend their time.
 */
#ifndef LLMC_SCAN_H
#define LLMC_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __SSE2__
#include <emmintrin.h>

static inline __m128i llmc_scan_load(const char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

static inline __m128i llmc_scan_equal(__m128i bytes, char wanted)
{
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(wanted));
}
#endif

/* The first byte of a JSON string that is not plain ASCII: a quote, a backslash, a control byte, or 0x80 and above. */
static inline const char *llmc_scan_string(const char *at, const char *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        __m128i bytes = llmc_scan_load(at);
        __m128i marks = _mm_or_si128(llmc_scan_equal(bytes, '"'), llmc_scan_equal(bytes, '\\'));
        /* The comparison is signed: what is 0x80 and above counts as negative, hence as less than a blank too. */
        int mask = _mm_movemask_epi8(_mm_or_si128(marks, _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '))));
        if (mask)
            return at + __builtin_ctz((unsigned)mask);
    }
#endif
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80)
        at++;
    return at;
}

/* The first byte that must be escaped in a JSON string: a quote, a backslash or a control byte. */
static inline const char *llmc_scan_escape(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i control = _mm_set1_epi8(0x1F);
    for (; end - at >= 16; at += 16) {
        __m128i bytes = llmc_scan_load(at);
        __m128i marks = _mm_or_si128(llmc_scan_equal(bytes, '"'), llmc_scan_equal(bytes, '\\'));
        int mask = _mm_movemask_epi8(_mm_or_si128(marks, _mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes)));
        if (mask)
            return at + __builtin_ctz((unsigned)mask);
    }
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
            return at + __builtin_ctz(~(unsigned)mask);
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
            return at + __builtin_ctz((unsigned)mask);
    }
#endif
    while (at < end && *at != '\n' && *at != '\r')
        at++;
    return at;
}

#endif
