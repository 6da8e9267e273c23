/* Surrogate halves that came in different pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "wire/json.h"

#define HIGH "\xED\xA0\xBD"
#define LOW "\xED\xB8\x80"
#define PAIR "\xF0\x9F\x98\x80"
#define LONE "\xEF\xBF\xBD"
#define HANGUL "\xED\x95\x9C"

/* Pieces are parted by '|'. */
static void assert_joined(const char *pieces, const char *expected)
{
    llmc_utf8_joiner joiner = { 0 };
    char out[200], rest[4];
    size_t length = 0;
    for (const char *piece = pieces;; piece++) {
        size_t bytes = strcspn(piece, "|"), joined = bytes;
        char *memory = malloc(LLMC_JOINER_LEAD + bytes + 1), *text = memory + LLMC_JOINER_LEAD; /* a sanitizer watches both ends */
        memcpy(text, piece, bytes);
        const char *begin = llmc_utf8_join(&joiner, text, &joined);
        assert_true(begin >= memory && begin + joined <= text + bytes);
        assert_true(llmc_utf8_valid(begin, joined));
        memcpy(out + length, begin, joined);
        length += joined;
        free(memory);
        piece += bytes;
        if (!*piece)
            break;
    }
    size_t last = llmc_utf8_join_end(&joiner, rest);
    memcpy(out + length, rest, last);
    length += last;
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(out, expected, length);
    assert_int_equal(llmc_utf8_join_end(&joiner, rest), 0);
}

static void test_plain_text_passes(void **state)
{
    (void)state;
    assert_joined("", "");
    assert_joined("abc", "abc");
    assert_joined("a|b||c", "abc");
    assert_joined("\xC3\xA9" HANGUL PAIR "x|" HANGUL "|" HANGUL HANGUL, "\xC3\xA9" HANGUL PAIR "x" HANGUL HANGUL HANGUL);
}

static void test_plain_text_is_not_moved(void **state)
{
    llmc_utf8_joiner joiner = { 0 };
    char memory[] = "....some " HANGUL " text", *text = memory + LLMC_JOINER_LEAD;
    size_t bytes = strlen(text), joined = bytes;
    (void)state;
    assert_ptr_equal(llmc_utf8_join(&joiner, text, &joined), text);
    assert_int_equal(joined, bytes);
}

static void test_halves_in_two_pieces(void **state)
{
    (void)state;
    assert_joined(HIGH "|" LOW, PAIR);
    assert_joined("a" HIGH "|" LOW "b", "a" PAIR "b");
    assert_joined("a" HIGH "||" LOW "b", "a" PAIR "b");
    assert_joined(HIGH "|" LOW HIGH "|" LOW, PAIR PAIR);
    assert_joined(HIGH "|" LOW HIGH "|" LOW HIGH "|", PAIR PAIR LONE);
    assert_joined("\xED\xA0\x80|\xED\xB0\x80", "\xF0\x90\x80\x80");
    assert_joined("\xED\xAF\xBF|\xED\xBF\xBF", "\xF4\x8F\xBF\xBF");
    assert_joined(HIGH "|" LOW HIGH LOW "x", PAIR PAIR "x");
}

static void test_halves_in_one_piece(void **state)
{
    (void)state;
    assert_joined(HIGH LOW, PAIR);
    assert_joined("a" HIGH LOW "b" HIGH LOW HANGUL, "a" PAIR "b" PAIR HANGUL);
    assert_joined(HIGH LOW LOW, PAIR LONE);
    assert_joined(HIGH HIGH LOW, LONE PAIR);
}

static void test_lone_halves(void **state)
{
    (void)state;
    assert_joined(HIGH, LONE);
    assert_joined(LOW, LONE);
    assert_joined("a" HIGH "b", "a" LONE "b");
    assert_joined("a" LOW "b", "a" LONE "b");
    assert_joined(LOW HIGH, LONE LONE);
    assert_joined(LOW "|" HIGH "|" HIGH "|x", LONE LONE LONE "x");
    assert_joined("a" HIGH "|b", "a" LONE "b");
    assert_joined(HIGH "|" HANGUL, LONE HANGUL);
    assert_joined(HIGH "|" HIGH LOW, LONE PAIR);
    assert_joined(HIGH "|a" LOW, LONE "a" LONE);
    assert_joined(HIGH "|||", LONE);
}

/* The same text, cut between any two characters and halves. */
static void test_every_cut(void **state)
{
    static const char *const units[] = { "a", HIGH, LOW, HANGUL, HIGH, HIGH, LOW, LOW, "b", HIGH };
    const char *expected = "a" PAIR HANGUL LONE PAIR LONE "b" LONE;
    enum { UNITS = sizeof units / sizeof *units };
    (void)state;
    for (unsigned cuts = 0; cuts < 1u << UNITS; cuts++) {
        char pieces[100] = "";
        for (unsigned n = 0; n < UNITS; n++) {
            strcat(pieces, units[n]);
            if (cuts >> n & 1)
                strcat(pieces, "|");
        }
        assert_joined(pieces, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_text_passes),   cmocka_unit_test(test_plain_text_is_not_moved), cmocka_unit_test(test_halves_in_two_pieces),
        cmocka_unit_test(test_halves_in_one_piece), cmocka_unit_test(test_lone_halves),             cmocka_unit_test(test_every_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
