/*
 * Token estimate of a text that no provider counted. It looks at the width of characters only: Latin text takes about
 * four bytes a token, other alphabets about two characters, Chinese, Japanese and Korean about one character, and
 * what stands beyond them (emoji) about two tokens. Rounded up. A real count takes a vocabulary, which is another matter.
 */
#include "provider/codec.h"

int64_t llmc_estimate_tokens(const char *text, size_t bytes)
{
    int64_t hundredths = 0;
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x80)
            hundredths += 26;
        else if (byte >= 0xf0)
            hundredths += 200;
        else if (byte >= 0xe0)
            hundredths += 90;
        else if (byte >= 0xc0)
            hundredths += 50;
    }
    return bytes ? (hundredths + 99) / 100 + (hundredths == 0) : 0;
}
