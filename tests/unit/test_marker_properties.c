/*
 * The marker: cases, and a property over random texts. Whatever pieces a text comes in, what may be shown before its end
 * is known is never a part of the marker, and what is decided early is what the whole text decides.
 */
#include "policy/marker.h"

#include "../support/rounds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char marker[] = "UNCERTAIN";

/* answer_bytes; -1: the marker is not in it. */
static long said(const char *text)
{
    size_t bytes = 777;
    return llmc_marker_in(marker, text, strlen(text), &bytes) ? (long)bytes : -1;
}

static void marker_counts(void **state)
{
    (void)state;
    static const char *const texts[] = { "UNCERTAIN",       "UNCERTAIN.",    "UNCERTAIN\n",    "UNCERTAIN, I think.",  "UNCERTAIN\nIt may be 5.", "**UNCERTAIN**", "\"UNCERTAIN\"",
                                         " \n UNCERTAIN \n", "uncertain",     "Uncertain.",     "`uncertain`",          "\nUNCERTAIN: no idea",    "UNCERTAIN!" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (said(texts[i]) != 0)
            fail_msg("'%s'", texts[i]);
    }
}

static void marker_as_the_last_line_leaves_the_answer(void **state)
{
    (void)state;
    assert_int_equal(said("It is 5.\nUNCERTAIN"), 8);
    assert_int_equal(said("It is 5.\n\nUNCERTAIN.\n\n"), 8);
    assert_int_equal(said("a\nb \r\n**UNCERTAIN**"), 3);
    assert_int_equal(said("It is 5.\nUNCERTAIN, though"), 8);
    assert_int_equal(said("It is 5.\n UNCERTAIN \n"), 8);
}

static void marker_does_not_count(void **state)
{
    (void)state;
    static const char *const texts[] = { "",
                                         "It is 5.",
                                         "Uncertain times call for patience.",
                                         "uncertain, but 5",
                                         "UNCERTAIN times call for patience.",
                                         "UNCERTAINTY is a word",
                                         "It is UNCERTAIN",
                                         "It is 5.\nuncertain",
                                         "UNCERTAI",
                                         "It is 5.\nUNCERTAINTY",
                                         "It is 5.\nUNCERTAIN\nNo, 6.",
                                         "It is 5.\nUNCERTAIN times" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (said(texts[i]) != -1)
            fail_msg("'%s'", texts[i]);
    }
    assert_int_equal(said("UNCERTAIN"), 0);
    size_t bytes;
    assert_false(llmc_marker_in("", "", 0, &bytes));
}

static void a_beginning_is_decided_as_soon_as_it_can_be(void **state)
{
    (void)state;
    static const struct { const char *text; llmc_marker_state wanted; } cases[] = {
        { "", LLMC_MARKER_POSSIBLE },           { "U", LLMC_MARKER_POSSIBLE },           { " **UNC", LLMC_MARKER_POSSIBLE },    { "UNCERTAIN", LLMC_MARKER_POSSIBLE },
        { "UNCERTAIN.", LLMC_MARKER_FIRST },    { "UNCERTAIN\n", LLMC_MARKER_FIRST },    { "UNCERTAIN ", LLMC_MARKER_POSSIBLE }, { "UNCERTAIN t", LLMC_MARKER_ABSENT },
        { "uncertain", LLMC_MARKER_POSSIBLE },  { "Uncertain t", LLMC_MARKER_ABSENT },   { "Unk", LLMC_MARKER_ABSENT },         { "It", LLMC_MARKER_ABSENT },
        { "UNCERTAINTY", LLMC_MARKER_ABSENT },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (llmc_marker_at_start(marker, cases[i].text, strlen(cases[i].text)) != cases[i].wanted)
            fail_msg("'%s'", cases[i].text);
    }
}

/* ---- the property ---- */

static uint64_t next_random(uint64_t *random)
{
    *random ^= *random << 13, *random ^= *random >> 7, *random ^= *random << 17;
    return *random;
}

static size_t random_text(uint64_t *random, char *text, size_t room)
{
    static const char *const words[] = { "UNCERTAIN", "UNCERTAIN", "UNCERT", "uncertain", "Uncertain", "UNCERTAINTY", "\n", "\n", "\r\n", " ",      ".",
                                         "*",         "it",        "5",      "N",         "(",         "\"",          ",",  "\t", "\n\n", "        ", "................" };
    size_t length = 0, count = next_random(random) % 9;
    if (next_random(random) % 16 == 0)
        count += 20;
    for (size_t i = 0; i < count; i++) {
        const char *word = words[next_random(random) % (sizeof words / sizeof words[0])];
        size_t bytes = strlen(word);
        if (length + bytes >= room)
            break;
        memcpy(text + length, word, bytes);
        length += bytes;
    }
    text[length] = '\0';
    return length;
}

static void check_text(const char *text, size_t bytes)
{
    size_t answer, shown = 0;
    bool has = llmc_marker_in(marker, text, bytes, &answer), begun = false;
    for (size_t i = 0; i <= bytes; i++) {
        llmc_marker_state start = begun ? LLMC_MARKER_ABSENT : llmc_marker_at_start(marker, text, i);
        if (start == LLMC_MARKER_FIRST) {
            if (!has || answer != 0)
                fail_msg("decided too early after %zu bytes: '%s'", i, text);
            return;
        }
        begun = start == LLMC_MARKER_ABSENT;
        size_t held = begun ? llmc_marker_tail(marker, text, i) : i;
        assert_true(held <= i);
        shown = i - held > shown ? i - held : shown;
        if (has && shown > answer)
            fail_msg("%zu of %zu bytes were shown after %zu: '%s'", shown, answer, i, text);
    }
}

static void nothing_of_the_marker_is_ever_shown(void **state)
{
    (void)state;
    char text[600];
    uint64_t random = 88172645463325252u;
    int with = 0, rounds = test_rounds(100000);
    for (int round = 0; round < rounds; round++) {
        size_t bytes = random_text(&random, text, sizeof text), answer;
        with += llmc_marker_in(marker, text, bytes, &answer);
        check_text(text, bytes);
    }
    assert_true(with > rounds / 10 && with < rounds - rounds / 10);
}

static void long_white_space_before_and_behind(void **state)
{
    (void)state;
    char text[400];
    for (size_t before = 0; before < 150; before++) {
        for (size_t behind = 0; behind < 150; behind += before % 5 ? 149 : 1) {
            static const char *const forms[] = { "UNCERTAIN", "uncertain" };
            for (size_t form = 0; form < 2; form++) {
                memset(text, form ? '\n' : ' ', before);
                memcpy(text + before, forms[form], 9);
                memset(text + before + 9, '.', behind);
                text[before + 9 + behind] = '\0';
                check_text(text, before + 9 + behind);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marker_counts),
        cmocka_unit_test(marker_as_the_last_line_leaves_the_answer),
        cmocka_unit_test(marker_does_not_count),
        cmocka_unit_test(a_beginning_is_decided_as_soon_as_it_can_be),
        cmocka_unit_test(nothing_of_the_marker_is_ever_shown),
        cmocka_unit_test(long_white_space_before_and_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
