#include "base/base64.h"

#include <stdint.h>

/* The value of a letter plus one; 0: none. */
static unsigned value_of(unsigned char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return letter - 'A' + 1u;
    if (letter >= 'a' && letter <= 'z')
        return letter - 'a' + 27u;
    if (letter >= '0' && letter <= '9')
        return letter - '0' + 53u;
    return letter == '+' ? 63 : letter == '/' ? 64 : 0;
}

bool llmc_base64_decode(const char *text, size_t bytes, unsigned char *out, size_t *out_bytes)
{
    const unsigned char *at = (const unsigned char *)text;
    unsigned char *begin = out;
    size_t padding = 0;
    while (bytes && padding < 2 && at[bytes - 1] == '=') {
        bytes--;
        padding++;
    }
    size_t rest = bytes % 4;
    if (rest == 1 || (padding && rest + padding != 4))
        return false;
    uint32_t bits = 0;
    for (size_t i = 0; i < bytes; i++) {
        unsigned value = value_of(at[i]);
        if (!value)
            return false;
        bits = bits << 6 | (value - 1);
        if (i % 4 != 3)
            continue;
        *out++ = (unsigned char)(bits >> 16);
        *out++ = (unsigned char)(bits >> 8);
        *out++ = (unsigned char)bits;
    }
    if (rest == 2)
        *out++ = (unsigned char)(bits >> 4);
    if (rest == 3) {
        *out++ = (unsigned char)(bits >> 10);
        *out++ = (unsigned char)(bits >> 2);
    }
    *out_bytes = (size_t)(out - begin);
    return true;
}
