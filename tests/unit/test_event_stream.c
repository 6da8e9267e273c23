/* Amazon's event streams: cut at every point they give the same frames; what is damaged or hostile is refused. */
#include "../support/event_stream.h"
#include "../support/nth_failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/framing.h"

enum { MAXIMUM = 4096 };

/* What came out, as text: name=data; */
typedef struct seen {
    char text[8192];
    size_t length;
    int frames, stop_after, borrowed;
    const char *input, *input_end;
} seen;

static bool see(const llmc_frame *frame, void *user)
{
    seen *all = user;
    int written = snprintf(all->text + all->length, sizeof all->text - all->length, "%s=%.*s;", frame->event, (int)frame->bytes, frame->data);
    all->length += (size_t)written;
    all->borrowed += frame->data >= all->input && frame->data < all->input_end;
    return ++all->frames != all->stop_after;
}

/* The first piece, then pieces of `step` bytes; each is a block of its own, gone when it was fed. */
static llmcost_status cut(const llmc_allocator *allocator, const llmc_buffer *stream, size_t first, size_t step, size_t maximum, seen *all)
{
    void *state = malloc(llmc_framing_event_stream.state_bytes);
    llmcost_status status = LLMCOST_OK;
    llmc_framing_event_stream.init(state, allocator, maximum);
    for (size_t at = 0; at < stream->length;) {
        size_t length = at == 0 && first ? first : step;
        length = length > stream->length - at ? stream->length - at : length;
        char *piece = malloc(length);
        memcpy(piece, stream->data + at, length);
        all->input = piece;
        all->input_end = piece + length;
        status = llmc_framing_event_stream.feed(state, piece, length, see, all);
        free(piece);
        at += length;
    }
    llmcost_status last = llmc_framing_event_stream.finish(state, see, all);
    assert_int_equal(last, status); /* a failure sticks */
    llmc_framing_event_stream.free(state);
    free(state);
    return last;
}

/* The same frames and the same status, wherever it is cut. */
static void expect_frames(const llmc_buffer *stream, llmcost_status wanted, const char *frames)
{
    seen whole = { .length = 0 };
    assert_int_equal(cut(&llmc_allocator_system, stream, 0, stream->length + 1, MAXIMUM, &whole), wanted);
    assert_string_equal(whole.text, frames);
    assert_int_equal(whole.borrowed, whole.frames);
    for (size_t at = 1; at < stream->length; at++) {
        seen split = { .length = 0 };
        assert_int_equal(cut(&llmc_allocator_system, stream, at, stream->length, MAXIMUM, &split), wanted);
        assert_string_equal(split.text, frames);
    }
    for (size_t step = 1; step <= 40; step++) {
        seen split = { .length = 0 };
        assert_int_equal(cut(&llmc_allocator_system, stream, 0, step, MAXIMUM, &split), wanted);
        assert_string_equal(split.text, frames);
    }
}

static void begin(llmc_buffer *stream, const char *script)
{
    llmc_buffer_init(stream, &llmc_allocator_system, 1 << 20);
    event_stream_script(stream, script, strlen(script));
}

static void the_checksum_is_the_usual_one(void **state)
{
    (void)state;
    assert_int_equal(llmc_crc32(0, "", 0), 0);
    assert_int_equal(llmc_crc32(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(llmc_crc32(0, "The quick brown fox jumps over the lazy dog", 43), 0x414fa339);
    uint32_t half = llmc_crc32(0, "1234", 4);
    assert_int_equal(llmc_crc32(half, "56789", 5), 0xcbf43926);
    char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    assert_int_equal(llmc_crc32(0, all, sizeof all), 0x29058c73);
}

static void messages_become_frames(void **state)
{
    (void)state;
    llmc_buffer stream;
    begin(&stream, "messageStart {\"role\":\"assistant\"}\ncontentBlockDelta {\"a\":1}\nmessageStop\nmetadata {}\n");
    expect_frames(&stream, LLMCOST_OK, "messageStart={\"role\":\"assistant\"};contentBlockDelta={\"a\":1};messageStop=;metadata={};");
    llmc_buffer_free(&stream);
    begin(&stream, "");
    expect_frames(&stream, LLMCOST_OK, "");
    llmc_buffer_free(&stream);
}

static void exceptions_and_errors_have_their_names(void **state)
{
    (void)state;
    llmc_buffer stream;
    begin(&stream, "!throttlingException {\"message\":\"slow\"}\n?InternalError It broke\n?Silent\n");
    expect_frames(&stream, LLMCOST_OK, "throttlingException={\"message\":\"slow\"};InternalError=It broke;Silent=;");
    llmc_buffer_clear(&stream);
    static const char nameless[] = "\x0d:message-type\x07\0\x09" "exception";
    event_stream_raw(&stream, nameless, sizeof nameless - 1, "x", 1);
    event_stream_raw(&stream, "", 0, "y", 1);
    expect_frames(&stream, LLMCOST_OK, "exception=x;=y;");
    llmc_buffer_free(&stream);
}

/* One header of every type before the one that counts. */
static void headers_of_all_types_are_skipped(void **state)
{
    (void)state;
    static const char headers[] = "\1a\0" "\1b\1" "\1c\2X" "\1d\3XX" "\1e\4XXXX" "\1f\5XXXXXXXX" "\1g\6\0\3XXX" "\1h\7\0\2XX" "\1i\x08XXXXXXXX" "\1j\x09XXXXXXXXXXXXXXXX"
                                  "\0\0" "\x0b:event-type\4XXXX" "\x0b:event-type\7\0\2ok";
    llmc_buffer stream;
    begin(&stream, "");
    event_stream_raw(&stream, headers, sizeof headers - 1, "data", 4);
    expect_frames(&stream, LLMCOST_OK, "ok=data;");
    /* Every shorter run of headers either ends between two of them or is damaged. */
    for (size_t bytes = 0; bytes < sizeof headers - 1; bytes++) {
        seen all = { .length = 0 };
        llmc_buffer_clear(&stream);
        event_stream_raw(&stream, headers, bytes, "data", 4);
        llmcost_status status = cut(&llmc_allocator_system, &stream, 0, stream.length, MAXIMUM, &all);
        assert_int_equal(all.frames, status == LLMCOST_OK);
        assert_true(status == LLMCOST_OK || status == LLMCOST_E_MALFORMED);
    }
    llmc_buffer_clear(&stream);
    event_stream_raw(&stream, "\1a\x0a", 3, "data", 4);
    expect_frames(&stream, LLMCOST_E_MALFORMED, "");
    llmc_buffer_free(&stream);
}

static void a_long_name_is_cut(void **state)
{
    (void)state;
    char script[400];
    llmc_buffer stream;
    memset(script, 'n', sizeof script);
    memcpy(script + 300, " x", 3);
    begin(&stream, script);
    seen all = { .length = 0 };
    assert_int_equal(cut(&llmc_allocator_system, &stream, 0, stream.length, MAXIMUM, &all), LLMCOST_OK);
    assert_int_equal(all.length, 127 + 3);
    llmc_buffer_free(&stream);
}

/* Any bit that tips over anywhere in the second message: the first comes out, and nothing after it. */
static void damage_is_seen(void **state)
{
    (void)state;
    llmc_buffer stream;
    begin(&stream, "one {}\n");
    size_t first = stream.length;
    event_stream_script(&stream, "two {\"a\":1}\nthree {}\n", 21);
    size_t second_end = stream.length - first; /* "three {}" is two bytes longer than "one {}" */
    for (size_t at = first; at < second_end - 2; at++)
        for (int bit = 0; bit < 8; bit++) {
            seen all = { .length = 0 };
            stream.data[at] ^= (char)(1 << bit);
            llmcost_status status = cut(&llmc_allocator_system, &stream, 0, at % 7 + 5, MAXIMUM, &all);
            assert_int_equal(status, LLMCOST_E_MALFORMED);
            assert_string_equal(all.text, "one={};");
            stream.data[at] ^= (char)(1 << bit);
        }
    llmc_buffer_free(&stream);
}

static void prelude(llmc_buffer *stream, uint32_t total, uint32_t headers)
{
    llmc_buffer_clear(stream);
    event_stream_u32(stream, total);
    event_stream_u32(stream, headers);
    event_stream_u32(stream, llmc_crc32(0, stream->data, 8));
    llmc_buffer_add(stream, "0123456789abcdef", 16);
}

static void hostile_lengths_cost_nothing(void **state)
{
    (void)state;
    static const struct { uint32_t total, headers; llmcost_status status; } lengths[] = {
        { 0, 0, LLMCOST_E_MALFORMED }, { 15, 0, LLMCOST_E_MALFORMED }, { 16, 1, LLMCOST_E_MALFORMED }, { 100, 85, LLMCOST_E_MALFORMED },
        { 100, UINT32_MAX, LLMCOST_E_MALFORMED }, { UINT32_MAX, UINT32_MAX, LLMCOST_E_MALFORMED }, { UINT32_MAX, 131073, LLMCOST_E_MALFORMED },
        { UINT32_MAX, 0, LLMCOST_E_TOO_LARGE }, { 16 + MAXIMUM + 1, 0, LLMCOST_E_TOO_LARGE }, { 16 + MAXIMUM + 101, 100, LLMCOST_E_TOO_LARGE },
        { 16 + MAXIMUM, 0, LLMCOST_OK }, { 16 + MAXIMUM + 131072, 131072, LLMCOST_OK },
    };
    llmc_buffer stream;
    llmc_buffer_init(&stream, &llmc_allocator_system, 1 << 20);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        prelude(&stream, lengths[i].total, lengths[i].headers);
        expect_frames(&stream, lengths[i].status, "");
    }
    llmc_buffer_free(&stream);
}

static void the_limit_is_of_the_payload(void **state)
{
    (void)state;
    llmc_buffer stream;
    char script[MAXIMUM + 20];
    memset(script, 'x', sizeof script);
    memcpy(script, "e ", 2);
    for (int more = 0; more < 2; more++) {
        llmc_buffer_init(&stream, &llmc_allocator_system, 1 << 20);
        event_stream_script(&stream, script, 2 + MAXIMUM + (size_t)more);
        for (size_t step = 1; step < 8000; step += 777) {
            seen all = { .length = 0 };
            assert_int_equal(cut(&llmc_allocator_system, &stream, 0, step, MAXIMUM, &all), more ? LLMCOST_E_TOO_LARGE : LLMCOST_OK);
            assert_int_equal(all.frames, !more);
        }
        llmc_buffer_free(&stream);
    }
}

static void a_cut_message_is_dropped(void **state)
{
    (void)state;
    llmc_buffer stream;
    begin(&stream, "one {}\ntwo {}\n");
    for (size_t bytes = stream.length / 2; bytes < stream.length; bytes++) {
        llmc_buffer part = stream;
        seen all = { .length = 0 };
        part.length = bytes;
        assert_int_equal(cut(&llmc_allocator_system, &part, 0, 7, MAXIMUM, &all), LLMCOST_OK);
        assert_string_equal(all.text, "one={};");
    }
    llmc_buffer_free(&stream);
}

static void the_receiver_can_stop(void **state)
{
    (void)state;
    llmc_buffer stream;
    begin(&stream, "one {}\ntwo {}\nthree {}\n");
    for (int stop = 1; stop <= 3; stop++)
        for (size_t step = 1; step <= stream.length; step++) {
            seen all = { .stop_after = stop };
            assert_int_equal(cut(&llmc_allocator_system, &stream, 0, step, MAXIMUM, &all), LLMCOST_OK);
            assert_int_equal(all.frames, stop);
        }
    llmc_buffer_free(&stream);
}

static void it_fails_cleanly_without_memory(void **state)
{
    (void)state;
    llmc_buffer stream;
    begin(&stream, "one {}\ntwo {\"text\":\"longer than the first by far, so that the buffer has to grow for it, and then some more\"}\n");
    for (long n = 1;; n++) {
        nth_failure failure = { .fail_at = n };
        llmc_allocator allocator = nth_failure_allocator(&failure);
        seen all = { .length = 0 };
        llmcost_status status = cut(&allocator, &stream, 0, 9, MAXIMUM, &all);
        assert_int_equal(failure.live, 0);
        if (failure.allocations < n) {
            assert_int_equal(status, LLMCOST_OK);
            assert_int_equal(all.frames, 2);
            assert_true(n > 1);
            break;
        }
        assert_int_equal(status, LLMCOST_E_MEMORY);
    }
    llmc_buffer_free(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checksum_is_the_usual_one), cmocka_unit_test(messages_become_frames), cmocka_unit_test(exceptions_and_errors_have_their_names),
        cmocka_unit_test(headers_of_all_types_are_skipped), cmocka_unit_test(a_long_name_is_cut), cmocka_unit_test(damage_is_seen),
        cmocka_unit_test(hostile_lengths_cost_nothing), cmocka_unit_test(the_limit_is_of_the_payload), cmocka_unit_test(a_cut_message_is_dropped),
        cmocka_unit_test(the_receiver_can_stop), cmocka_unit_test(it_fails_cleanly_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
