/* The JSON writer: every escape, commas, numbers that read back, memory that ends anywhere. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "wire/json.h"

static llmc_buffer buffer;
static llmc_json_writer writer;

static llmc_json_writer *begin(void)
{
    llmc_buffer_clear(&buffer);
    writer = (llmc_json_writer){ .out = &buffer };
    return &writer;
}

static void assert_written(const char *expected)
{
    assert_string_equal(llmc_buffer_text(&buffer), expected);
}

static int open_buffer(void **state)
{
    (void)state;
    llmc_buffer_init(&buffer, &llmc_allocator_system, 1 << 20);
    return 0;
}

static int close_buffer(void **state)
{
    (void)state;
    llmc_buffer_free(&buffer);
    return 0;
}

static void write_everything(llmc_json_writer *out)
{
    llmc_json_write_begin_object(out);
    llmc_json_write_key(out, "model");
    llmc_json_write_text(out, "gpt");
    llmc_json_write_key(out, "empty");
    llmc_json_write_begin_object(out);
    llmc_json_write_end_object(out);
    llmc_json_write_key(out, "list");
    llmc_json_write_begin_array(out);
    llmc_json_write_integer(out, INT64_MIN);
    llmc_json_write_double(out, 0.7);
    llmc_json_write_bool(out, true);
    llmc_json_write_bool(out, false);
    llmc_json_write_null(out);
    llmc_json_write_begin_array(out);
    llmc_json_write_end_array(out);
    llmc_json_write_begin_object(out);
    llmc_json_write_key(out, "a\"b");
    llmc_json_write_text(out, NULL);
    llmc_json_write_end_object(out);
    llmc_json_write_raw(out, "{\"x\":1}", 7);
    llmc_json_write_base64(out, "data:;base64,", "light", 5);
    llmc_json_write_string(out, "a\0b", 3);
    llmc_json_write_end_array(out);
    llmc_json_write_key(out, "n");
    llmc_json_write_integer(out, 0);
    llmc_json_write_end_object(out);
}

static const char everything[] = "{\"model\":\"gpt\",\"empty\":{},\"list\":[-9223372036854775808,0.7,true,false,null,[],{\"a\\\"b\":null},{\"x\":1},"
                                 "\"data:;base64,bGlnaHQ=\",\"a\\u0000b\"],\"n\":0}";

static void test_commas_and_nesting(void **state)
{
    (void)state;
    write_everything(begin());
    assert_written(everything);
}

static void test_every_byte_is_escaped_as_it_must(void **state)
{
    (void)state;
    for (int byte = 0; byte < 0x80; byte++) {
        char text = (char)byte, expected[16];
        static const char *const names[128] = { ['"'] = "\"\\\"\"", ['\\'] = "\"\\\\\"", ['\b'] = "\"\\b\"", ['\f'] = "\"\\f\"",
                                                ['\n'] = "\"\\n\"", ['\r'] = "\"\\r\"",  ['\t'] = "\"\\t\"" };
        sprintf(expected, byte < 0x20 ? "\"\\u%04x\"" : "\"%c\"", byte);
        llmc_json_write_string(begin(), &text, 1);
        assert_written(names[byte] ? names[byte] : expected);
    }
}

/* Around the width of the scan: reads back as it was, through our reader and jansson. */
static void test_strings_read_back(void **state)
{
    (void)state;
    static const char *const specials[] = { "", "\"", "\\", "\n", "\x01", "\x7F", "\xC3\xA9", "\xF0\x9F\x98\x80", "/", "\"\\\"" };
    for (size_t length = 0; length < 120; length++)
        for (size_t place = 0; place <= length; place++)
            for (size_t n = 0; n < sizeof specials / sizeof *specials; n++) {
                size_t bytes = strlen(specials[n]);
                char *text = malloc(length + bytes + 1); /* exact, so that a sanitizer sees reading behind the end */
                memset(text, 'x', place);
                memcpy(text + place, specials[n], bytes);
                memset(text + place + bytes, 'y', length - place);
                char *exact = malloc(length + bytes ? length + bytes : 1);
                memcpy(exact, text, length + bytes);
                llmc_json_write_string(begin(), exact, length + bytes);
                json_t *read = json_loadb(buffer.data, buffer.length, JSON_DECODE_ANY, NULL);
                assert_non_null(read);
                assert_int_equal(json_string_length(read), length + bytes);
                assert_memory_equal(json_string_value(read), text, length + bytes);
                json_decref(read);
                free(text);
                free(exact);
            }
}

static void test_doubles(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        { 0, "0.0" },       { -0.0, "-0.0" },     { 1, "1.0" },          { -1, "-1.0" },        { 0.7, "0.7" },      { 0.1, "0.1" },         { 100, "100.0" },
        { 1.5, "1.5" },     { 0.1 + 0.2, "0.30000000000000004" },        { 123.456, "123.456" }, { 1e15, "1000000000000000.0" },
        { 1e16, "1e16" },   { 1e22, "1e22" },     { 1.25e-5, "1.25e-5" }, { 0.0001, "0.0001" },  { 0.001, "0.001" },  { 1e100, "1e100" },
        { 1e-100, "1e-100" }, { DBL_MAX, "1.7976931348623157e308" },     { DBL_MIN, "2.2250738585072014e-308" },       { 5e-324, "5e-324" },
        { 9007199254740993.0, "9007199254740992.0" },                    { 5e-323, "5e-323" },  { 2.0 / 3, "0.6666666666666666" },
        { 0x1p-44, "5.684341886080802e-14" },     { 9.5367431640625e-7, "9.5367431640625e-7" }, { 4.35, "4.35" },    { 1e23, "1e23" },
        { 123456789012345680.0, "1.2345678901234568e17" },
    };
    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        llmc_json_write_double(begin(), cases[n].value);
        assert_written(cases[n].text);
    }
    llmc_json_write_double(begin(), INFINITY);
    assert_written("null");
    llmc_json_write_begin_array(begin());
    llmc_json_write_double(&writer, -INFINITY);
    llmc_json_write_double(&writer, NAN);
    llmc_json_write_end_array(&writer);
    assert_written("[null,null]");
}

static unsigned significant_digits(const char *text)
{
    unsigned count = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (*text == '0' && !count))
            continue;
        count++;
        zeros = *text == '0' ? zeros + 1 : 0;
    }
    return count - zeros;
}

/* Doubles of all magnitudes: exact on the way back, and never more digits than printf needs. */
static void test_doubles_read_back_and_are_short(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    for (int n = 0; n < 20000; n++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        uint64_t bits = n % 4 ? random : random & UINT64_C(0xFFF) << 52; /* every fourth: a power of two */
        double value, ours, theirs;
        memcpy(&value, &bits, sizeof value);
        if (n % 5 == 0)
            value = (double)(int64_t)(random % 1000000) / 1000;
        if (!isfinite(value))
            continue;
        llmc_json_write_double(begin(), value);
        const char *text = llmc_buffer_text(&buffer);
        llmc_json json;
        llmc_json_begin(&json, text, buffer.length);
        assert_true(llmc_json_double(&json, &ours) && llmc_json_end(&json));
        theirs = strtod(text, NULL);
        assert_memory_equal(&ours, &value, sizeof value);
        assert_memory_equal(&theirs, &value, sizeof value);
        char shortest[40];
        int precision = 0;
        do
            sprintf(shortest, "%.*e", precision++, value);
        while (strtod(shortest, NULL) != value);
        assert_true(significant_digits(text) <= (unsigned)precision);
    }
}

static void test_base64(void **state)
{
    static const struct {
        const char *data;
        size_t bytes;
        const char *text;
    } cases[] = { { "", 0, "\"\"" },           { "f", 1, "\"Zg==\"" },         { "fo", 2, "\"Zm8=\"" },        { "foo", 3, "\"Zm9v\"" },
                  { "foob", 4, "\"Zm9vYg==\"" }, { "fooba", 5, "\"Zm9vYmE=\"" }, { "foobar", 6, "\"Zm9vYmFy\"" }, { "\xFF\xFB\xFE\0\x10\x83", 6, "\"//v+ABCD\"" } };
    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        llmc_json_write_base64(begin(), NULL, cases[n].data, cases[n].bytes);
        assert_written(cases[n].text);
    }
    llmc_json_write_base64(begin(), "data:\"x\",", NULL, 0);
    assert_written("\"data:\\\"x\\\",\"");
    llmc_buffer small;
    llmc_buffer_init(&small, &llmc_allocator_system, 16);
    llmc_json_writer bounded = { .out = &small };
    llmc_json_write_base64(&bounded, "", "twelve bytes", 12);
    assert_int_equal(small.failure, LLMC_BUFFER_TOO_LARGE);
    llmc_buffer_free(&small);
}

static int allowed, outstanding;

static void *counted_allocate(size_t bytes, void *user)
{
    (void)user;
    void *memory = allowed-- > 0 ? malloc(bytes) : NULL;
    outstanding += memory != NULL;
    return memory;
}

static void *counted_reallocate(void *memory, size_t bytes, void *user)
{
    (void)user;
    return allowed-- > 0 ? realloc(memory, bytes) : NULL;
}

static void counted_release(void *memory, void *user)
{
    (void)user;
    outstanding--;
    free(memory);
}

static void test_memory_that_ends_anywhere(void **state)
{
    const llmc_allocator counted = { counted_allocate, counted_reallocate, counted_release, NULL };
    int failures = 0;
    (void)state;
    for (int n = 0;; n++) {
        llmc_buffer out;
        allowed = n;
        llmc_buffer_init(&out, &counted, 1 << 20);
        write_everything(&(llmc_json_writer){ .out = &out });
        bool fine = out.failure == LLMC_BUFFER_FINE;
        if (fine)
            assert_string_equal(llmc_buffer_text(&out), everything);
        else
            assert_int_equal(out.failure, LLMC_BUFFER_NO_MEMORY);
        llmc_buffer_free(&out);
        assert_int_equal(outstanding, 0);
        if (fine)
            break;
        failures++;
    }
    assert_true(failures >= 1);
}

static void test_members(void **state)
{
    (void)state;
    llmc_json_writer *out = begin();
    llmc_json_write_begin_object(out);
    llmc_json_write_member_string(out, "string", "a\"bc", 3);
    llmc_json_write_member_text(out, "text", "\n");
    llmc_json_write_member_text(out, "none", NULL);
    llmc_json_write_member_integer(out, "integer", INT64_MIN);
    llmc_json_write_member_count(out, "count", UINT64_MAX);
    llmc_json_write_member_bool(out, "yes", true);
    llmc_json_write_member_bool(out, "no", false);
    llmc_json_write_member_json(out, "json", "{\"a\":[1]}");
    llmc_json_write_member_array(out, "array");
    llmc_json_write_integer(out, 1);
    llmc_json_write_end_array(out);
    llmc_json_write_member_object(out, "object");
    llmc_json_write_member_integer(out, "\"", 2);
    llmc_json_write_end_object(out);
    llmc_json_write_end_object(out);
    assert_written("{\"string\":\"a\\\"b\",\"text\":\"\\n\",\"none\":null,\"integer\":-9223372036854775808,\"count\":9223372036854775807,\"yes\":true,\"no\":false,"
                   "\"json\":{\"a\":[1]},\"array\":[1],\"object\":{\"\\\"\":2}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commas_and_nesting), cmocka_unit_test(test_every_byte_is_escaped_as_it_must),
        cmocka_unit_test(test_strings_read_back),  cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_doubles_read_back_and_are_short), cmocka_unit_test(test_base64),
        cmocka_unit_test(test_members), cmocka_unit_test(test_memory_that_ends_anywhere),
    };
    return cmocka_run_group_tests(tests, open_buffer, close_buffer);
}
