/* The framings: server-sent events cut at every point give the same frames; whole bodies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/framing.h"

/* What came out, as text: event=data; */
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
    all->length += (size_t)sprintf(all->text + all->length, "%s=%.*s;", frame->event, (int)frame->bytes, frame->data);
    all->borrowed += frame->data >= all->input && frame->data < all->input_end;
    return ++all->frames != all->stop_after;
}

static int allowed = -1, outstanding;

static void *counted_allocate(size_t bytes, void *user)
{
    (void)user;
    if (allowed == 0)
        return NULL;
    allowed -= allowed > 0;
    outstanding++;
    return malloc(bytes);
}

static void *counted_reallocate(void *memory, size_t bytes, void *user)
{
    (void)user;
    if (allowed == 0)
        return NULL;
    allowed -= allowed > 0;
    return realloc(memory, bytes);
}

static void counted_release(void *memory, void *user)
{
    (void)user;
    outstanding--;
    free(memory);
}

static const llmc_allocator counted = { counted_allocate, counted_reallocate, counted_release, NULL };

/* Cut at `first`, then every `step` bytes; each piece is a heap block of its own, gone when it was fed. */
static llmcost_status cut(const llmc_framing *framing, const char *text, size_t bytes, size_t first, size_t step, size_t maximum, seen *all)
{
    void *state = malloc(framing->state_bytes);
    llmcost_status status = LLMCOST_OK;
    size_t at = 0;
    framing->init(state, &counted, maximum);
    while (at < bytes) {
        size_t length = at == 0 && first ? first : step;
        length = length > bytes - at ? bytes - at : length;
        char *piece = malloc(length);
        memcpy(piece, text + at, length);
        all->input = piece;
        all->input_end = piece + length;
        status = framing->feed(state, piece, length, see, all);
        free(piece);
        at += length;
    }
    llmcost_status last = framing->finish(state, see, all);
    if (status != LLMCOST_OK)
        assert_int_equal(last, status); /* sticks */
    framing->free(state);
    free(state);
    assert_int_equal(outstanding, 0);
    return last;
}

static void assert_frames(const char *text, size_t bytes, const char *expected)
{
    seen whole = { .length = 0 };
    assert_int_equal(cut(&llmc_framing_sse, text, bytes, 0, bytes, 10000, &whole), LLMCOST_OK);
    whole.text[whole.length] = '\0';
    assert_string_equal(whole.text, expected);
    for (size_t first = 1; first < bytes; first++) {
        seen split = { .length = 0 };
        assert_int_equal(cut(&llmc_framing_sse, text, bytes, first, bytes, 10000, &split), LLMCOST_OK);
        assert_string_equal(split.text, expected);
    }
    for (size_t step = 1; step <= 64; step++) {
        seen split = { .length = 0 };
        assert_int_equal(cut(&llmc_framing_sse, text, bytes, 0, step, 10000, &split), LLMCOST_OK);
        assert_string_equal(split.text, expected);
    }
}

static const struct {
    const char *text, *frames;
} streams[] = {
    { "", "" },
    { "data: one\n\ndata: two\n\n", "=one;=two;" },
    { "data: one\r\n\r\ndata: two\r\n\r\n", "=one;=two;" },
    { "data: one\r\rdata: two\r\r", "=one;=two;" },
    { "data: a\r\ndata: b\rdata: c\ndata: d\n\r\ndata: e\r\n\n", "=a\nb\nc\nd;=e;" },
    { "data:one\n\ndata:  two\n\ndata: \n\ndata:\n\ndata\n\n", "=one;= two;" },
    { "data:\ndata:\n\ndata: a\ndata\ndata:b\n\n", "=\n;=a\n\nb;" },
    { "event: message_start\ndata: {\"a\":1}\n\nevent: ping\ndata: {}\n\ndata: x\n\n", "message_start={\"a\":1};ping={};=x;" },
    { "data: late\nevent: name\n\n", "name=late;" },
    { "event: one\nevent: two\ndata: x\n\nevent: three\n\ndata: y\n\nevent: four\nevent\ndata: z\n\n", "two=x;=y;=z;" },
    { ": keep-alive\n\n:\n\n: OPENROUTER PROCESSING\ndata: a\n: between\ndata: b\n\n", "=a\nb;" },
    { "id: 7\nretry: 3000\ndata: a\nid: 8\nfoo: bar\nfoo\ndatax: no\ndat: no\n data: no\n\n", "=a;" },
    { "\xEF\xBB\xBF" "data: a\n\n\xEF\xBB\xBF" "data: b\n\n", "=a;" },
    { "\xEF\xBB\xBF\n\xEF\xBB\xBF" "data: b\n\n", "" },
    { "\xEF\xBB" "data: a\n\ndata: b\n\n", "=b;" },
    { "data: a\n\ndata: no blank line\n", "=a;=no blank line;" },
    { "data: a\n\ndata: no line end", "=a;=no line end;" },
    { "event: e\r\ndata: x\r\ndata: y", "e=x\ny;" },
    { "\n\n\r\n\r\rdata: a\n\n\n\n\ndata: [DONE]\n\n", "=a;=[DONE];" },
    { "data: {\"text\":\"a longer line, so that the scan has more than sixteen bytes to look at: 0123456789\"}\n\ndata: b: c\n\n",
      "={\"text\":\"a longer line, so that the scan has more than sixteen bytes to look at: 0123456789\"};=b: c;" },
    { "\xE4\xBD\xA0\ndata: \xE4\xBD\xA0\xE5\xA5\xBD\n\n", "=\xE4\xBD\xA0\xE5\xA5\xBD;" },
    { "data: a", "=a;" },
    { "data", "" },
    { "\r", "" },
};

static void test_every_cut_gives_the_same_frames(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof streams / sizeof *streams; n++)
        assert_frames(streams[n].text, strlen(streams[n].text), streams[n].frames);
}

static void test_zero_bytes_are_data(void **state)
{
    unsigned char memory[512];
    const char *text = "data: a\0b\n\n";
    seen all = { .length = 0 };
    (void)state;
    assert_true(llmc_framing_sse.state_bytes <= sizeof memory);
    assert_int_equal(cut(&llmc_framing_sse, text, 11, 0, 11, 100, &all), LLMCOST_OK);
    assert_int_equal(all.frames, 1);
}

static void test_whole_events_are_not_copied(void **state)
{
    const char *text = "event: e\ndata: one\n\ndata: two\r\n\r\ndata: three\ndata: lines\n\n";
    seen all = { .length = 0 };
    (void)state;
    allowed = 1000;
    assert_int_equal(cut(&llmc_framing_sse, text, strlen(text), 0, 1000, 1000, &all), LLMCOST_OK);
    assert_int_equal(all.borrowed, 2);
    assert_int_equal(1000 - allowed, 2); /* the event's name, and the event of two lines */
    allowed = 1000;
    assert_int_equal(cut(&llmc_framing_sse, "data: one\n\ndata: two\n\n", 22, 0, 11, 1000, &all), LLMCOST_OK);
    assert_int_equal(allowed, 1000);
    assert_int_equal(all.borrowed, 4);
    allowed = -1;
}

static void test_limits_do_not_depend_on_the_cut(void **state)
{
    static const struct {
        const char *text;
        int frames;
        llmcost_status status;
    } cases[] = {
        { "data: a\n\ndata: 0123456789\n\n", 2, LLMCOST_OK },
        { "data: a\n\ndata: 0123456789a\n\ndata: b\n\n", 1, LLMCOST_E_TOO_LARGE },
        { "data: a\n\ndata: 01234\ndata: 6789\n\ndata: b\n\n", 3, LLMCOST_OK },
        { "data: a\n\ndata: 01234\ndata: 6789a\n\ndata: b\n\n", 1, LLMCOST_E_TOO_LARGE },
        { "data: 0123456789", 1, LLMCOST_OK },
        { "data: 0123456789a", 0, LLMCOST_E_TOO_LARGE },
        { ": comments have a bound\n\ndata: x\n\n", 1, LLMCOST_OK },
        { "data: a\n\n: a comment that never seems to end\n\ndata: x\n\n", 1, LLMCOST_E_TOO_LARGE },
        { "\xEF\xBB\xBF" "data: 0123456789\n\n", 1, LLMCOST_OK },
    };
    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        size_t bytes = strlen(cases[n].text);
        for (size_t step = 1; step <= bytes; step++) {
            seen all = { .length = 0 };
            assert_int_equal(cut(&llmc_framing_sse, cases[n].text, bytes, 0, step, 10, &all), cases[n].status);
            assert_int_equal(all.frames, cases[n].frames);
        }
    }
    seen all = { .length = 0 };
    assert_int_equal(cut(&llmc_framing_sse, "data: a\n\n", 9, 0, 3, SIZE_MAX, &all), LLMCOST_OK);
    assert_int_equal(all.frames, 1);
}

static void test_the_callback_stops_it(void **state)
{
    const char *text = "data: a\n\ndata: b\n\ndata: c\n\ndata: d";
    size_t bytes = strlen(text);
    (void)state;
    for (size_t step = 1; step <= bytes; step++)
        for (int stop = 1; stop <= 4; stop++) {
            seen all = { .stop_after = stop };
            assert_int_equal(cut(&llmc_framing_sse, text, bytes, 0, step, 100, &all), LLMCOST_OK);
            assert_int_equal(all.frames, stop);
        }
}

static void test_memory_that_ends_anywhere(void **state)
{
    const char *text = "event: name\ndata: one line\n\nevent: other\ndata: a\ndata: b\n\ndata: the end";
    size_t bytes = strlen(text);
    (void)state;
    for (size_t step = 1; step <= bytes; step++)
        for (int n = 0;; n++) {
            seen all = { .length = 0 };
            allowed = n;
            llmcost_status status = cut(&llmc_framing_sse, text, bytes, 0, step, 1000, &all);
            allowed = -1;
            if (status == LLMCOST_OK) {
                assert_string_equal(all.text, "name=one line;other=a\nb;=the end;");
                assert_true(n > 0);
                break;
            }
            assert_int_equal(status, LLMCOST_E_MEMORY);
            assert_true(n < 20);
        }
}

static void test_whole_bodies(void **state)
{
    (void)state;
    for (size_t step = 1; step <= 12; step++) {
        seen all = { .length = 0 };
        assert_int_equal(cut(&llmc_framing_whole, "{\"a\":\n\n1}\r\n", 11, 0, step, 11, &all), LLMCOST_OK);
        assert_int_equal(all.frames, 1);
        assert_string_equal(all.text, "={\"a\":\n\n1}\r\n;");
        seen none = { .length = 0 };
        assert_int_equal(cut(&llmc_framing_whole, "{\"a\":\n\n1}\r\n", 11, 0, step, 10, &none), LLMCOST_E_TOO_LARGE);
        assert_int_equal(none.frames, 0);
        allowed = 0;
        assert_int_equal(cut(&llmc_framing_whole, "{\"a\":\n\n1}\r\n", 11, 0, step, 11, &none), LLMCOST_E_MEMORY);
        assert_int_equal(none.frames, 0);
        allowed = -1;
    }
    seen empty = { .length = 0 };
    assert_int_equal(cut(&llmc_framing_whole, "", 0, 0, 1, 10, &empty), LLMCOST_OK);
    assert_string_equal(empty.text, "=;");
}

static void test_a_document_with_its_end(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool whole;
    } bodies[] = { { "{}", true }, { " [1,{\"a\":\"}\"}] \r\n", true }, { "\xEF\xBB\xBF{\"a\":1}", true }, { "", false }, { "12", false }, { "\"a\"", false }, { "null", false },
                   { "{\"a\":1}{", false }, { "{\"a\":[1]", false }, { "{\"a\":\"}", false }, { "<html>{}</html>", false } };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        llmc_buffer body;
        llmc_framing_whole.init(&body, &counted, 100);
        assert_int_equal(llmc_framing_whole.feed(&body, bodies[i].text, strlen(bodies[i].text), NULL, NULL), LLMCOST_OK);
        assert_int_equal(llmc_whole_is_json(&body), bodies[i].whole);
        char over[200] = "";
        assert_int_equal(llmc_framing_whole.feed(&body, over, sizeof over, NULL, NULL), LLMCOST_E_TOO_LARGE);
        assert_false(llmc_whole_is_json(&body));
        llmc_framing_whole.free(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut_gives_the_same_frames), cmocka_unit_test(test_zero_bytes_are_data),
        cmocka_unit_test(test_whole_events_are_not_copied),     cmocka_unit_test(test_limits_do_not_depend_on_the_cut),
        cmocka_unit_test(test_the_callback_stops_it),           cmocka_unit_test(test_memory_that_ends_anywhere),
        cmocka_unit_test(test_whole_bodies),                    cmocka_unit_test(test_a_document_with_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
