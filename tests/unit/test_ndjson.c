/* One JSON value per line: cut at every point the frames are the same. */
#include "../support/nth_failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/framing.h"

/* What came out, as text: [frame] */
typedef struct seen {
    char text[4096];
    size_t length;
    int frames, stop_after;
    const char *input, *input_end;
    int borrowed; /* frames that stood in the input */
} seen;

static bool see(const llmc_frame *frame, void *user)
{
    seen *all = user;
    assert_string_equal(frame->event, "");
    all->length += (size_t)sprintf(all->text + all->length, "[%.*s]", (int)frame->bytes, frame->data);
    all->borrowed += frame->data >= all->input && frame->data < all->input_end;
    return ++all->frames != all->stop_after;
}

/* Cut at `first`, then every `step` bytes; each piece is a heap block of its own, gone when it was fed. */
static llmcost_status cut_with(const llmc_allocator *allocator, const char *text, size_t first, size_t step, size_t maximum, seen *all)
{
    const llmc_framing *framing = &llmc_framing_ndjson;
    void *state = malloc(framing->state_bytes);
    llmcost_status status = LLMCOST_OK;
    size_t at = 0, bytes = strlen(text);
    framing->init(state, allocator, maximum);
    while (at < bytes) {
        size_t length = at == 0 && first ? first : step;
        length = length > bytes - at ? bytes - at : length;
        char *piece = malloc(length);
        memcpy(piece, text + at, length);
        all->input = piece;
        all->input_end = piece + length;
        status = framing->feed(state, piece, length, see, all);
        assert_int_equal(framing->feed(state, piece, 0, see, all), status); /* nothing changes nothing */
        free(piece);
        at += length;
    }
    llmcost_status last = framing->finish(state, see, all);
    if (status != LLMCOST_OK)
        assert_int_equal(last, status); /* sticks */
    framing->free(state);
    free(state);
    return last;
}

static llmcost_status cut(const char *text, size_t first, size_t step, size_t maximum, seen *all)
{
    nth_failure counter = { .fail_at = 0 };
    llmc_allocator allocator = nth_failure_allocator(&counter);
    llmcost_status status = cut_with(&allocator, text, first, step, maximum, all);
    assert_int_equal(counter.live, 0);
    return status;
}

static const struct {
    const char *text, *frames;
} bodies[] = {
    { "", "" },
    { "\n", "" },
    { "\n\r\n \t\r\n\r\r\n", "" },
    { "{}\n", "[{}]" },
    { "{}", "[{}]" },
    { "{}\r", "[{}]" },
    { "{\"a\":1}\n{\"b\":2}\n", "[{\"a\":1}][{\"b\":2}]" },
    { "{\"a\":1}\r\n{\"b\":2}\r\n", "[{\"a\":1}][{\"b\":2}]" },
    { "{\"a\":1}\r\n\r\n\n{\"b\":2}", "[{\"a\":1}][{\"b\":2}]" },
    { "  {\"a\" : \"\xc3\xa4\"} \n7\nnull\n", "[  {\"a\" : \"\xc3\xa4\"} ][7][null]" },
    { "{\"a\":\r1}\n", "[{\"a\":\r1}]" }, /* a CR inside is white space of the value */
    { "not json\n{", "[not json][{]" },   /* cutting is all it does */
};

static void every_cut_gives_the_same_frames(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof bodies / sizeof *bodies; n++) {
        size_t bytes = strlen(bodies[n].text);
        for (size_t first = 0; first <= bytes; first++)
            for (size_t step = 1; step <= bytes + 1; step++) {
                seen all = { .length = 0 };
                assert_int_equal(cut(bodies[n].text, first, step, 100, &all), LLMCOST_OK);
                assert_string_equal(all.text, bodies[n].frames);
            }
    }
}

static void whole_lines_are_not_copied(void **state)
{
    (void)state;
    seen all = { .length = 0 };
    nth_failure counter = { .fail_at = 0 };
    llmc_allocator allocator = nth_failure_allocator(&counter);
    assert_int_equal(cut_with(&allocator, "{\"a\":1}\n{\"b\":2}\n", 0, 8, 100, &all), LLMCOST_OK);
    assert_int_equal(all.borrowed, 2);
    assert_int_equal(counter.allocations, 0);
    assert_int_equal(cut_with(&allocator, "{\"a\":1}\n{\"b\":2}\n", 0, 7, 100, &all), LLMCOST_OK);
    assert_int_equal(all.borrowed, 2);
    assert_true(counter.allocations > 0);
}

static void limits_do_not_depend_on_the_cut(void **state)
{
    static const struct {
        const char *text;
        int frames;
        llmcost_status status;
    } cases[] = {
        { "a\n0123456789\nb\n", 3, LLMCOST_OK },
        { "a\r\n0123456789\r\nb\r\n", 3, LLMCOST_OK },
        { "a\n0123456789", 2, LLMCOST_OK },
        { "a\n0123456789\r", 2, LLMCOST_OK },
        { "a\n0123456789a\nb\n", 1, LLMCOST_E_TOO_LARGE },
        { "a\n0123456789a\r\nb\n", 1, LLMCOST_E_TOO_LARGE },
        { "a\n0123456789a", 1, LLMCOST_E_TOO_LARGE },
        { "a\n                         \nb\n", 1, LLMCOST_E_TOO_LARGE },
    };
    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++)
        for (size_t step = 1; step <= strlen(cases[n].text); step++) {
            seen all = { .length = 0 };
            assert_int_equal(cut(cases[n].text, 0, step, 10, &all), cases[n].status);
            assert_int_equal(all.frames, cases[n].frames);
        }
    seen all = { .length = 0 };
    assert_int_equal(cut("{}\n", 0, 1, SIZE_MAX, &all), LLMCOST_OK);
    assert_int_equal(all.frames, 1);
}

static void the_callback_stops_it(void **state)
{
    const char *text = "a\nb\r\nc\nd";
    (void)state;
    for (size_t step = 1; step <= strlen(text); step++)
        for (int stop = 1; stop <= 4; stop++) {
            seen all = { .stop_after = stop };
            assert_int_equal(cut(text, 0, step, 100, &all), LLMCOST_OK);
            assert_int_equal(all.frames, stop);
        }
}

static void memory_that_ends_anywhere(void **state)
{
    const char *text = "{\"a\":1}\r\n{\"b\":2}\n\n{\"c\":3}";
    (void)state;
    for (size_t step = 1; step <= strlen(text); step++)
        for (long n = 1;; n++) {
            seen all = { .length = 0 };
            nth_failure failure = { .fail_at = n };
            llmc_allocator allocator = nth_failure_allocator(&failure);
            llmcost_status status = cut_with(&allocator, text, 0, step, 1000, &all);
            assert_int_equal(failure.live, 0);
            if (failure.allocations < n) {
                assert_int_equal(status, LLMCOST_OK);
                assert_string_equal(all.text, "[{\"a\":1}][{\"b\":2}][{\"c\":3}]");
                assert_true(n > 1); /* the last line always waits for the end */
                break;
            }
            assert_int_equal(status, LLMCOST_E_MEMORY);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_gives_the_same_frames), cmocka_unit_test(whole_lines_are_not_copied), cmocka_unit_test(limits_do_not_depend_on_the_cut),
        cmocka_unit_test(the_callback_stops_it),           cmocka_unit_test(memory_that_ends_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
