/* The marker: what it is, and that what a stream decides early is what the whole text says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/marker.h"

#define MARKER "UNCERTAIN"

typedef struct example {
    const char *text;
    int marked; /* 0: an answer; 1: the marker; 2: an answer before it */
} example;

static const example examples[] = {
    { "UNCERTAIN", 1 }, { "UNCERTAIN.", 1 }, { "  UNCERTAIN\n", 1 }, { "uncertain", 1 }, { "Uncertain!", 1 }, { "**UNCERTAIN**", 1 }, { "\"UNCERTAIN\"", 1 },
    { "UNCERTAIN \n", 1 }, { "UNCERTAIN\nI do not know.", 1 }, { "UNCERTAIN: it may be 4", 1 }, { "UNCERTAIN, maybe 4", 1 },
    { "Uncertain times call for courage.", 0 }, { "UNCERTAIN times call for courage.", 0 }, { "UNCERTAINTY is a word.", 0 }, { "uncertain. Perhaps 4", 0 },
    { "", 0 }, { "The answer is 4.", 0 }, { "I am UNCERTAIN", 0 }, { "It is 4.\nUncertain", 0 },
    { "It is 4.\nUNCERTAIN", 2 }, { "It is 4.\n\n**UNCERTAIN**\n", 2 }, { "It is 4.\nUNCERTAIN\n\n  ", 2 }, { "It is 4.\nUNCERTAIN\nNo: 5.", 0 },
    { "It is 4.\nUNCERTAINTY", 0 }, { "It is 4. \n UNCERTAIN.", 2 }, { "A\nUNCERTAIN\nB\nUNCERTAIN", 2 },
    { "UNCERTAIN\xe3\x80\x82", 1 }, { "UNCERTAIN\xef\xbc\x81\n", 1 }, { "uncertain\xef\xbc\x9f\xe2\x80\xa6", 1 }, { "UNCERTAIN\xef\xbc\x8c" "4", 1 },
    { "It is 4.\nUNCERTAIN\xe3\x80\x82", 2 }, { "UNCERTAIN\xe3\x80\x80" "4", 0 }, { "uncertain\xe3\x80\x82" "4", 0 }, { "It is 4.\nUNCERTAIN\xc3\xa9", 0 },
    { "UNCERTAIN \nbut 4", 0 }, { "\n\n\n", 0 }, { "***", 0 },
};

static void test_examples(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        size_t answer = 99;
        bool marked = llmc_marker_in(MARKER, examples[i].text, strlen(examples[i].text), &answer);
        if (marked != (examples[i].marked != 0) || (marked && (answer > 0) != (examples[i].marked == 2)))
            fail_msg("\"%s\"", examples[i].text);
    }
    size_t answer;
    assert_true(llmc_marker_in(MARKER, "It is 4.\n\nUNCERTAIN", 19, &answer));
    assert_int_equal(answer, 8); /* without the white space before the marker */
    assert_false(llmc_marker_in("", "anything", 8, &answer));
}

/* What a stream would have shown after each byte. */
typedef struct shown {
    size_t bytes;
    bool first, begun;
} shown;

static void see(shown *stream, const char *marker, const char *text, size_t bytes)
{
    if (stream->first)
        return;
    if (!stream->begun) {
        llmc_marker_state state = llmc_marker_at_start(marker, text, bytes);
        stream->first = state == LLMC_MARKER_FIRST;
        stream->begun = state == LLMC_MARKER_ABSENT;
        if (!stream->begun)
            return;
    }
    size_t tail = llmc_marker_tail(marker, text, bytes);
    assert_true(tail <= bytes);
    if (bytes - tail > stream->bytes)
        stream->bytes = bytes - tail;
}

static void check_stream(const char *marker, const char *text, size_t bytes)
{
    shown stream = { 0 };
    size_t answer = 0;
    bool marked = llmc_marker_in(marker, text, bytes, &answer);
    for (size_t i = 1; i <= bytes; i++) {
        see(&stream, marker, text, i);
        /* Nothing is shown that is not the answer, wherever the text ends. */
        size_t answer_so_far = 0;
        if (llmc_marker_in(marker, text, i, &answer_so_far) && stream.bytes > answer_so_far)
            fail_msg("\"%.*s\": %zu bytes shown, %zu are the answer", (int)i, text, stream.bytes, answer_so_far);
    }
    if (stream.first)
        assert_true(marked && answer == 0);
    if (!marked)
        assert_false(stream.first);
}

static void test_streams_of_the_examples(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
        check_stream(MARKER, examples[i].text, strlen(examples[i].text));
}

static void test_streams_of_random_texts(void **unused)
{
    (void)unused;
    static const char *const words[] = { MARKER, "UNCERT", "uncertain", "\n", "\n\n", " ", "  ", ".", "**", "\"", "It is 4", "AIN", "UN", ",", "\t", "\r\n", "NOT ", "NOT SURE", "NOT" };
    unsigned seed = 7;
    for (int round = 0; round < 20000; round++) {
        char text[400] = "";
        size_t count = 1 + (seed = seed * 1103515245 + 12345) / 65536 % 12;
        for (size_t i = 0; i < count; i++)
            strcat(text, words[(seed = seed * 1103515245 + 12345) / 65536 % (sizeof words / sizeof words[0])]);
        check_stream(round % 2 ? MARKER : "NOT SURE", text, strlen(text));
    }
}

/* At most 64 visible bytes are held at the beginning, and at the end no more than a line that may be the marker's. */
static void test_how_much_is_held(void **unused)
{
    (void)unused;
    char text[600];
    for (size_t lead = 0; lead < 200; lead++) {
        memset(text, '*', lead);
        strcpy(text + lead, "UNCERTAIN");
        check_stream(MARKER, text, strlen(text));
        strcpy(text + lead, "uncertain");
        memset(text + lead + 9, '!', 100);
        text[lead + 109] = '\0';
        check_stream(MARKER, text, strlen(text));
    }
    memset(text, '*', 200);
    assert_int_equal(llmc_marker_at_start(MARKER, text, 65), LLMC_MARKER_ABSENT);
    assert_int_equal(llmc_marker_at_start(MARKER, text, 64), LLMC_MARKER_POSSIBLE);
    assert_int_equal(llmc_marker_tail(MARKER, "It is 4.", 8), 0);
    assert_int_equal(llmc_marker_tail(MARKER, "It is 4.\n", 9), 1);
    assert_int_equal(llmc_marker_tail(MARKER, "It is 4.\nUNC", 12), 4);
    assert_int_equal(llmc_marker_tail(MARKER, "It is 4.\nUNCLE", 14), 0);
    assert_int_equal(llmc_marker_tail(MARKER, "It is 4.\nUNCERTAIN\n", 19), 11);
    assert_int_equal(llmc_marker_tail(MARKER, "", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_streams_of_the_examples),
        cmocka_unit_test(test_streams_of_random_texts),
        cmocka_unit_test(test_how_much_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
