/*
 * Joins surrogate halves that a provider sent apart. A streamed character outside the basic plane may come as two
 * \uXXXX escapes in two chunks, because some servers cut their text between UTF-16 units. The decoder of the reader
 * keeps a lone half as three bytes (ED A0..BF xx, no UTF-8), and here they find each other.
 */
#include "wire/json.h"

/* The surrogate half at text, or 0. Well-formed UTF-8 never has a byte of A0 and above behind ED. */
static uint16_t half_at(const unsigned char *text, const unsigned char *end)
{
    if (end - text < 3 || text[0] != 0xED || text[1] < 0xA0 || text[1] > 0xBF || (text[2] & 0xC0) != 0x80)
        return 0;
    return (uint16_t)(0xD000 | (text[1] & 0x3F) << 6 | (text[2] & 0x3F));
}

static bool is_high(uint16_t half)
{
    return half >= 0xD800 && half < 0xDC00;
}

static unsigned char *put_pair(unsigned char *out, uint16_t high, uint16_t low)
{
    uint32_t code = 0x10000 + ((uint32_t)(high & 0x3FF) << 10 | (low & 0x3FF));
    *out++ = (unsigned char)(0xF0 | code >> 18);
    *out++ = (unsigned char)(0x80 | (code >> 12 & 0x3F));
    *out++ = (unsigned char)(0x80 | (code >> 6 & 0x3F));
    *out++ = (unsigned char)(0x80 | (code & 0x3F));
    return out;
}

static unsigned char *put_replacement(unsigned char *out)
{
    memcpy(out, "\xEF\xBF\xBD", 3);
    return out + 3;
}

static bool is_low(uint16_t half)
{
    return half >= 0xDC00;
}

char *llmc_utf8_join(llmc_utf8_joiner *joiner, char *text, size_t *bytes)
{
    unsigned char *at = (unsigned char *)text, *end = at + *bytes, *start = at, *out, *next;
    if (at == end)
        return text;
    if (joiner->waiting) {
        uint16_t low = half_at(at, end);
        at += is_low(low) ? 3 : 0;
        start = at - (is_low(low) ? 4 : 3); /* what settles the waiting half ends where reading goes on */
        if (is_low(low))
            put_pair(start, joiner->waiting, low);
        else
            put_replacement(start);
        joiner->waiting = 0;
    }
    for (out = at; (next = memchr(at, 0xED, (size_t)(end - at)));) {
        uint16_t half = half_at(next, end), low;
        size_t plain = (size_t)(next - at) + (half ? 0 : 1); /* without a half it is a character like any other */
        memmove(out, at, plain);
        out += plain;
        at += plain;
        if (!half)
            continue;
        at += 3;
        low = is_high(half) ? half_at(at, end) : 0;
        if (is_low(low)) {
            out = put_pair(out, half, low);
            at += 3;
        } else if (is_high(half) && at == end) {
            joiner->waiting = half;
        } else {
            out = put_replacement(out);
        }
    }
    memmove(out, at, (size_t)(end - at));
    *bytes = (size_t)(out - start) + (size_t)(end - at);
    return (char *)start;
}

size_t llmc_utf8_join_end(llmc_utf8_joiner *joiner, char out[4])
{
    if (!joiner->waiting)
        return 0;
    joiner->waiting = 0;
    return (size_t)(put_replacement((unsigned char *)out) - (unsigned char *)out);
}
