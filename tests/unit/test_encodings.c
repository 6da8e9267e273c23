/* UTF-8 against a plain reading of RFC 3629 at every offset of the fast steps, and base64. */
#include "base/base64.h"
#include "base/text.h"

#include "../support/rounds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool plainly_valid(const unsigned char *text, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        size_t more = text[at] < 0x80 ? 0 : text[at] >> 5 == 6 ? 1 : text[at] >> 4 == 14 ? 2 : text[at] >> 3 == 30 ? 3 : 9;
        if (more == 9 || bytes - at <= more)
            return false;
        uint32_t code = more ? text[at] & (0x3Fu >> more) : text[at];
        for (size_t i = 1; i <= more; i++) {
            if (text[at + i] >> 6 != 2)
                return false;
            code = code << 6 | (text[at + i] & 0x3F);
        }
        static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
        if (code < least[more] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
            return false;
        at += more + 1;
    }
    return true;
}

static void test_utf8_at_every_offset(void **state)
{
    (void)state;
    static const char *const pieces[] = { "\xC3\xA9", "\xE4\xBD\xA0\xE5\xA5\xBD", "\xF0\x9F\x98\x80", "\xFF", "\x80", "\xC3", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xC0\x80", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF" };
    for (size_t piece = 0; piece < sizeof pieces / sizeof pieces[0]; piece++) {
        for (size_t length = 0; length < 150; length++) {
            for (size_t offset = 0; offset <= length; offset++) {
                size_t bytes = length + strlen(pieces[piece]);
                char *text = malloc(bytes); /* exactly, so that a read behind it is seen */
                memset(text, 'a', bytes);
                memcpy(text + offset, pieces[piece], strlen(pieces[piece]));
                assert_int_equal(llmc_utf8_valid(text, bytes), plainly_valid((unsigned char *)text, bytes));
                free(text);
            }
        }
    }
}

/* Long texts are looked at in larger steps, from where memory is aligned. */
static void test_utf8_of_long_texts(void **state)
{
    (void)state;
    static const char *const pieces[] = { "\xC3\xA9", "\xF0\x9F\x98\x80", "\xFF", "\xE2\x82" };
    static const size_t lengths[] = { 254, 255, 256, 257, 271, 384, 399, 515 };
    for (size_t n = 0; n < sizeof lengths / sizeof lengths[0]; n++) {
        for (size_t shift = 0; shift < 16; shift++) {
            size_t bytes = lengths[n];
            char *room = malloc(shift + bytes), *text = room + shift; /* exactly, so that a read behind it is seen */
            memset(room, 'a', shift + bytes);
            assert_true(llmc_utf8_valid(text, bytes));
            for (size_t offset = 0; offset < bytes; offset++) {
                const char *piece = pieces[offset % 4];
                size_t length = strlen(piece) < bytes - offset ? strlen(piece) : bytes - offset;
                memcpy(text + offset, piece, length);
                assert_int_equal(llmc_utf8_valid(text, bytes), plainly_valid((unsigned char *)text, bytes));
                memset(text + offset, 'a', length);
            }
            free(room);
        }
    }
}

/* Runs of ASCII of any length between letters beyond it, most of them well-formed. */
static void test_utf8_of_mixed_texts(void **state)
{
    (void)state;
    static const char *const pieces[] = { "\xC3\xA9", "\xE4\xBD\xA0", "\xF0\x9F\x98\x80", "\xC3\xA9\xC3\xA0", "\xC2\x80", "\xFF" };
    uint32_t seed = 7;
    int valid = 0, rounds = test_rounds(20000);
    for (int round = 0; round < rounds; round++) {
        char *text = malloc(600);
        size_t bytes = 0;
        for (;;) {
            seed = seed * 1664525 + 1013904223;
            size_t run = (seed >> 16) % (round % 2 ? 20 : 300);
            const char *piece = pieces[(seed >> 8) % 100 ? (seed >> 25) % 5 : 5];
            if (bytes + run + strlen(piece) > 600)
                break;
            memset(text + bytes, 'a', run);
            memcpy(text + bytes + run, piece, strlen(piece));
            bytes += run + strlen(piece);
        }
        char *exact = realloc(text, bytes ? bytes : 1); /* so that a read behind it is seen */
        bool right = plainly_valid((unsigned char *)exact, bytes);
        assert_int_equal(llmc_utf8_valid(exact, bytes), right);
        valid += right;
        free(exact);
    }
    assert_true(valid > rounds / 10 && valid < rounds);
}

static void test_utf8_random(void **state)
{
    (void)state;
    uint32_t seed = 1;
    unsigned char text[12];
    for (int round = 0, rounds = test_rounds(400000); round < rounds; round++) {
        for (size_t i = 0; i < sizeof text; i++) {
            seed = seed * 1664525 + 1013904223;
            static const unsigned char often[] = { 'a', 0x80, 0xBF, 0xC2, 0xE0, 0xA0, 0xED, 0x9F, 0xF0, 0x90, 0xF4, 0x8F };
            text[i] = seed >> 31 ? often[(seed >> 16) % sizeof often] : (unsigned char)(seed >> 16);
        }
        size_t bytes = seed % (sizeof text + 1);
        assert_int_equal(llmc_utf8_valid((char *)text, bytes), plainly_valid(text, bytes));
    }
}

static void test_base64(void **state)
{
    (void)state;
    static const struct {
        const char *text, *bytes;
        size_t count;
    } good[] = {
        { "", "", 0 }, { "Zg==", "f", 1 }, { "Zg", "f", 1 }, { "Zm8=", "fo", 2 }, { "Zm8", "fo", 2 }, { "Zm9v", "foo", 3 }, { "Zm9vYg==", "foob", 4 },
        { "+/+/AAAA", "\xFB\xFF\xBF\0\0\0", 6 }, { "AP8=", "\0\xFF", 2 },
    };
    unsigned char out[16];
    size_t count;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(llmc_base64_decode(good[i].text, strlen(good[i].text), out, &count));
        assert_int_equal(count, good[i].count);
        assert_memory_equal(out, good[i].bytes, count);
    }
    static const char *const bad[] = { "Z", "Zg=", "Zm9v=", "Zm9v==", "====", "=", "Zm 9", "Zm9v\n", "Zm-_", "Z=g=", "Zm9vY", "\xC3\xA9zz" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (llmc_base64_decode(bad[i], strlen(bad[i]), out, &count))
            fail_msg("%s", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_at_every_offset), cmocka_unit_test(test_utf8_of_long_texts), cmocka_unit_test(test_utf8_of_mixed_texts),
        cmocka_unit_test(test_utf8_random), cmocka_unit_test(test_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
