/* The JSON reader: what it accepts, what it refuses, what it reads; jansson is the yardstick. */
#include "../support/comma_locale.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "wire/json.h"

/* Exactly as long as the text, so that a sanitizer sees every read behind its end. */
static char *exact_copy(const char *text, size_t bytes)
{
    char *copy = malloc(bytes ? bytes : 1);
    assert_non_null(copy);
    memcpy(copy, text, bytes);
    return copy;
}

static bool accepts(const char *text, size_t bytes)
{
    llmc_json json;
    char *copy = exact_copy(text, bytes);
    llmc_json_begin(&json, copy, bytes);
    llmc_json_skip(&json);
    bool fine = llmc_json_end(&json);
    assert_int_equal(fine, json.failure == NULL);
    if (!fine)
        assert_true(json.failed_at >= json.begin && json.failed_at <= json.end);
    free(copy);
    return fine;
}

/* Walks everything by keys and items instead of skipping. */
static void walk(llmc_json *json, llmc_buffer *text)
{
    llmc_json_key key;
    int64_t integer;
    switch (llmc_json_peek(json)) {
    case LLMC_JSON_OBJECT:
        assert_true(llmc_json_object(json) || json->failure);
        while (llmc_json_next_key(json, &key))
            walk(json, text);
        break;
    case LLMC_JSON_ARRAY:
        assert_true(llmc_json_array(json) || json->failure);
        while (llmc_json_next_item(json))
            walk(json, text);
        break;
    case LLMC_JSON_STRING:
        llmc_json_string(json, text);
        break;
    case LLMC_JSON_NUMBER:
        llmc_json_integer(json, &integer);
        break;
    default:
        llmc_json_skip(json);
    }
}

static bool walks(const char *text, size_t bytes)
{
    llmc_json json;
    llmc_buffer strings;
    char *copy = exact_copy(text, bytes);
    llmc_buffer_init(&strings, &llmc_allocator_system, 1 << 20);
    llmc_json_begin(&json, copy, bytes);
    walk(&json, &strings);
    bool fine = llmc_json_end(&json);
    llmc_buffer_free(&strings);
    free(copy);
    return fine;
}

static bool jansson_accepts(const char *text, size_t bytes)
{
    json_t *tree = json_loadb(text, bytes, JSON_DECODE_ANY, NULL);
    json_decref(tree);
    return tree != NULL;
}

static const char *const good[] = {
    "{}", "[]", "\"\"", "0", "-0", "1", "-1", "1234567890123", "0.5", "-0.5e-7", "1E+5", "1e5", "true", "false", "null",
    " \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } } \n", "[[],{},[[]]]", "{\"\":1}", "{\"a\":1,\"a\":2}",
    "\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0041 \\u00e9 \\u20AC \\ud83d\\ude00\"", "\"\x7F\"", "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"",
    "\"\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF\"", "[true,false,null]", "{\"a\":{\"b\":{\"c\":[{\"d\":null}]}}}", "9223372036854775807",
    "-9223372036854775808", "1e-400", "\"0123456789abcdef\"", "\"0123456789abcde\\n0123456789abcdef\\\\\"", "\"\xEF\xBB\xBF\"",
};

static const char *const bad[] = {
    "", " ", "{", "}", "[", "]", "[1,]", "[,1]", "[1 2]", "[1,,2]", "{\"a\":1,}", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\" 1}", "{a:1}",
    "{\"a\":1 \"b\":2}", "{1:2}", "[1}", "{\"a\":1]", "{\"a\",1}", "[\"a\":1]", "[]]", "{}}", "1 2", "[1]x", "00", "01", "-01", "-", "+1", ".5", "1.", "1.e5",
    "1e", "1e+", "1.5e-", "0x10", "NaN", "Infinity", "nul", "nulll", "tru", "truex", "True", "fals", "falsee", "\"", "\"a", "\"a\\", "\"a\\\"",
    "'a'", "\"\\x\"", "\"\\u\"", "\"\\u12\"", "\"\\u123\"", "\"\\u123g\"", "\"\\u-123\"", "\"\\U0041\"", "\"\\a\"", "\"a\nb\"", "\"a\tb\"", "\"\x01\"", "\"\x1F\"",
    "\"\x80\"", "\"\xBF\"", "\"\xC0\x80\"", "\"\xC1\xBF\"", "\"\xC3\"", "\"\xC3(\"", "\"\xE2\x82\"", "\"\xE0\x80\x80\"", "\"\xE0\x9F\xBF\"", "\"\xED\xA0\x80\"",
    "\"\xED\xBF\xBF\"", "\"\xF0\x8F\xBF\xBF\"", "\"\xF4\x90\x80\x80\"", "\"\xF5\x80\x80\x80\"", "\"\xFF\"", "\"\xF0\x9F\x98\"", "\xEF\xBB\xBF{}", "/**/1", "[1]//", "[1]\f",
    "\xC3\xA9", "[\"a\" \"b\"]", "{\"a\":1,\"b\"}", "{\"a\":1,\"b", "[1,", "[\"\\ud83d", "tr", "n", "[1,2", "{\"a\":[}",
};

static void test_accepts_what_jansson_accepts(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof good / sizeof *good; n++) {
        size_t bytes = strlen(good[n]);
        if (!accepts(good[n], bytes) || !walks(good[n], bytes) || !jansson_accepts(good[n], bytes))
            fail_msg("refused: %s", good[n]);
    }
}

static void test_refuses_what_is_no_json(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof bad / sizeof *bad; n++) {
        size_t bytes = strlen(bad[n]);
        if (accepts(bad[n], bytes) || walks(bad[n], bytes) || jansson_accepts(bad[n], bytes))
            fail_msg("accepted: %s", bad[n]);
    }
    assert_false(accepts("\0", 1));
    assert_false(accepts("\"\0\"", 3));
    assert_false(accepts("[1\0]", 4));
}

/* A text that is accepted is refused when its end or any one byte is missing, unless jansson takes that too. */
static void test_every_prefix_and_every_lost_byte(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof good / sizeof *good; n++) {
        size_t bytes = strlen(good[n]);
        char text[256];
        for (size_t cut = 0; cut < bytes; cut++) {
            memcpy(text, good[n], bytes);
            assert_int_equal(accepts(text, cut), jansson_accepts(text, cut));
            assert_int_equal(walks(text, cut), jansson_accepts(text, cut));
            memmove(text + cut, text + cut + 1, bytes - cut - 1);
            bool ours = strstr(good[n], "\\u") || *good[n] == '-' || *good[n] == '1'; /* half a pair, or a number that grows too large */
            if (!ours)
                assert_int_equal(accepts(text, bytes - 1), jansson_accepts(text, bytes - 1));
        }
    }
}

/* A special byte at every place of strings of all lengths around the width of the scan. */
static void test_specials_at_every_place(void **state)
{
    static const char *const specials[] = { "\\n", "\x1F", "\xC3\xA9", "\xC3", "\xE2\x82\xAC", "\"", "\\q", "\xED\xA0\x80" };
    (void)state;
    for (size_t length = 0; length < 120; length++)
        for (size_t place = 0; place <= length; place++)
            for (size_t n = 0; n < sizeof specials / sizeof *specials; n++) {
                char text[160];
                size_t bytes = strlen(specials[n]);
                text[0] = '"';
                memset(text + 1, 'x', length);
                memcpy(text + 1 + place, specials[n], bytes);
                size_t end = 1 + (place + bytes > length ? place + bytes : length);
                text[end++] = '"';
                assert_int_equal(accepts(text, end), jansson_accepts(text, end));
                assert_false(accepts(text, end - 1) && !jansson_accepts(text, end - 1));
            }
}

/* Names of all lengths around the width of the scan, with little or much behind them. */
static void test_names_of_all_lengths(void **state)
{
    static const char *const specials[] = { "", "\\n", "\x1F", "\xC3\xA9", "\xC3", "\\", "\\u00e9" };
    static const char *const tails[] = { "\":1}", "\" :1}", "\",1}", "\":1", "\":1,\"another\":\"0123456789012345678901234567890123456789\"}" };
    (void)state;
    for (size_t length = 0; length < 60; length++)
        for (size_t n = 0; n < sizeof specials / sizeof *specials; n++)
            for (size_t tail = 0; tail < sizeof tails / sizeof *tails; tail++) {
                char name[80] = "", text[200];
                llmc_json json;
                llmc_json_key key = { 0 };
                memset(name, 'x', length);
                memcpy(name + length / 2, specials[n], strlen(specials[n]));
                size_t bytes = (size_t)sprintf(text, "{\"%s%s", name, tails[tail]);
                char *exact = malloc(bytes); /* so that a sanitizer sees reading behind the end */
                memcpy(exact, text, bytes);
                assert_int_equal(walks(exact, bytes), jansson_accepts(exact, bytes));
                llmc_json_begin(&json, exact, bytes);
                if (llmc_json_object(&json) && llmc_json_next_key(&json, &key)) {
                    assert_int_equal(key.bytes, strlen(name));
                    assert_memory_equal(key.text, name, key.bytes);
                    assert_int_equal(key.escaped, strchr(specials[n], '\\') != NULL);
                }
                free(exact);
            }
}

static void test_find(void **state)
{
    (void)state;
    static const llmc_json_name names[] = { LLMC_JSON_NAME("id", 1, 10), LLMC_JSON_NAME("content", 2, 20), LLMC_JSON_NAME("tool_cal", 3, 30), LLMC_JSON_NAME("total_tokens", 4, 40),
                                            LLMC_JSON_NAME("completion_tokens_details", 5, 50), LLMC_JSON_NAME("", 6, 60), LLMC_JSON_NAME("sixteen_letters_", 7, 70) };
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        llmc_json_key key = { names[n].text, names[n].bytes, false };
        char other[40];
        assert_ptr_equal(llmc_json_find(&key, names, sizeof names / sizeof *names), &names[n]);
        assert_null(llmc_json_find(&key, names, n));
        key.text = other;
        for (size_t at = 0; at < key.bytes; at++) {
            strcpy(other, names[n].text);
            other[at] ^= 1;
            assert_null(llmc_json_find(&key, names, sizeof names / sizeof *names));
        }
    }
    assert_ptr_equal(llmc_json_find(&(llmc_json_key){ "c\\u006fntent", 12, true }, names, 7), &names[1]);
    assert_null(llmc_json_find(&(llmc_json_key){ "c\\u006fntenu", 12, true }, names, 7));
    assert_null(llmc_json_find(&(llmc_json_key){ "conten", 6, false }, names, 7));
}

/* What is no plain count is left where it stands. */
static void test_counts(void **state)
{
    (void)state;
    static const struct { const char *text; int64_t count; } cases[] = {
        { "0,", 0 }, { "7]", 7 }, { " 12}", 12 }, { "123456789012345678 ", INT64_C(123456789012345678) }, { "1x", 1 },
        { "1234567890123456789,", -1 }, { "00,", -1 }, { "01,", -1 }, { "12", -1 }, { "", -1 }, { " ", -1 }, { "-1,", -1 }, { "1.0,", -1 }, { "1e3,", -1 }, { "1E3,", -1 },
        { "  1,", -1 }, { "\"1\",", -1 }, { "null,", -1 },
    };
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        llmc_json json;
        int64_t count = -1;
        llmc_json_begin(&json, cases[n].text, strlen(cases[n].text));
        assert_int_equal(llmc_json_count(&json, &count), cases[n].count >= 0);
        assert_int_equal(count, cases[n].count);
        assert_null(json.failure);
        if (count < 0)
            assert_ptr_equal(json.at, json.begin);
    }
}

static void test_beyond_jansson(void **state)
{
    (void)state;
    static const char *const ours[] = { "\"\\u0000\"", "\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83d\\ud83d\"", "\"\\ude00\\ud83d\"", "\"\\ud83dx\"",
                                        "\"\\ud83d\\n\"", "99999999999999999999", "-99999999999999999999", "1e999", "-1e999", "{\"\\u0000\":1}" };
    for (size_t n = 0; n < sizeof ours / sizeof *ours; n++) {
        assert_true(accepts(ours[n], strlen(ours[n])));
        assert_false(jansson_accepts(ours[n], strlen(ours[n])));
    }
}

static void test_depth(void **state)
{
    (void)state;
    for (int objects = 0; objects < 2; objects++)
        for (size_t depth = LLMC_JSON_MAX_DEPTH - 1; depth <= LLMC_JSON_MAX_DEPTH + 2; depth++) {
            llmc_buffer text;
            llmc_buffer_init(&text, &llmc_allocator_system, 1 << 20);
            for (size_t n = 0; n < depth; n++)
                llmc_buffer_add_text(&text, objects ? "{\"a\":" : "[");
            llmc_buffer_add_text(&text, "0");
            for (size_t n = 0; n < depth; n++)
                llmc_buffer_add_byte(&text, objects ? '}' : ']');
            assert_int_equal(accepts(text.data, text.length), depth <= LLMC_JSON_MAX_DEPTH);
            assert_int_equal(walks(text.data, text.length), depth <= LLMC_JSON_MAX_DEPTH);
            llmc_buffer_free(&text);
        }
}

/* Mixed nesting that is skipped: every closing bracket is checked against its own opening one. */
static void test_skip_knows_its_brackets(void **state)
{
    (void)state;
    char text[1200];
    size_t half = 300, at = 0;
    for (size_t n = 0; n < half; n++)
        at += (size_t)sprintf(text + at, "%s", n % 3 ? "[" : "{\"\":");
    at += (size_t)sprintf(text + at, "1");
    for (size_t n = half; n-- > 0;)
        text[at++] = n % 3 ? ']' : '}';
    assert_true(accepts(text, at));
    for (size_t n = at - half; n < at; n++) {
        text[n] ^= ']' ^ '}';
        assert_false(accepts(text, at));
        text[n] ^= ']' ^ '}';
    }
}

static void assert_reads_string(const char *text, const char *expected, size_t bytes)
{
    llmc_json json;
    llmc_buffer out;
    llmc_buffer_init(&out, &llmc_allocator_system, 1000);
    llmc_json_begin(&json, text, strlen(text));
    assert_true(llmc_json_string(&json, &out));
    assert_true(llmc_json_end(&json));
    assert_int_equal(out.length, bytes);
    assert_memory_equal(llmc_buffer_text(&out), expected, bytes);
    llmc_buffer_free(&out);
}

static void test_strings(void **state)
{
    (void)state;
    assert_reads_string("\"\"", "", 0);
    assert_reads_string("\"plain\"", "plain", 5);
    assert_reads_string("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
    assert_reads_string("\"a\\u0000b\"", "a\0b", 3);
    assert_reads_string("\"\\u0041\\u007f\\u0080\\u07ff\\u0800\\uffff\"", "A\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF", 12);
    assert_reads_string("\"\\u00E9\\u00e9\"", "\xC3\xA9\xC3\xA9", 4);
    assert_reads_string("\"\\ud83d\\ude00\"", "\xF0\x9F\x98\x80", 4);
    assert_reads_string("\"\\uD800\\uDC00\\uDBFF\\uDFFF\"", "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 8);
    assert_reads_string("\"\\ud83d\"", "\xED\xA0\xBD", 3);
    assert_reads_string("\"\\ude00\"", "\xED\xB8\x80", 3);
    assert_reads_string("\"\\ud83d\\ud83d\\ude00\"", "\xED\xA0\xBD\xF0\x9F\x98\x80", 7);
    assert_reads_string("\"\\ude00\\ud83d\"", "\xED\xB8\x80\xED\xA0\xBD", 6);
    assert_reads_string("\"\\ud83d\\u0041\\ud83d\\\\ude00\"", "\xED\xA0\xBD" "A" "\xED\xA0\xBD\\ude00", 13);
    assert_reads_string("\"\xE4\xBD\xA0\xE5\xA5\xBD, \\\"\xF0\x9F\x98\x80\\\"\"", "\xE4\xBD\xA0\xE5\xA5\xBD, \"\xF0\x9F\x98\x80\"", 14);
}

/* A span that no reader checked must not be read beyond its end. */
static void test_decode_stays_inside(void **state)
{
    static const char *const pieces[] = { "\\", "\\u", "\\u12", "\\ud83d\\", "\\ud83d\\u", "\\ud83d\\ude0", "a\\uzzzz" };
    (void)state;
    for (size_t n = 0; n < sizeof pieces / sizeof *pieces; n++) {
        llmc_buffer out;
        size_t bytes = strlen(pieces[n]);
        char *copy = exact_copy(pieces[n], bytes);
        llmc_buffer_init(&out, &llmc_allocator_system, 100);
        assert_true(llmc_json_decode(&(llmc_json_span){ copy, bytes, true }, &out));
        assert_true(out.length <= bytes);
        llmc_buffer_free(&out);
        free(copy);
    }
}

static bool integer_of(const char *text, int64_t *out)
{
    llmc_json json;
    llmc_json_begin(&json, text, strlen(text));
    bool read = llmc_json_integer(&json, out);
    assert_true(llmc_json_end(&json));
    return read;
}

static void test_integers(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
    } whole[] = {
        { "0", 0 }, { "-0", 0 }, { "7", 7 }, { "-7", -7 }, { "12.0", 12 }, { "1e3", 1000 }, { "1E+3", 1000 }, { "1.5e1", 15 }, { "1500e-2", 15 },
        { "0.0", 0 }, { "0e999999999999", 0 }, { "0.000e5", 0 }, { "123456789012345678", 123456789012345678 }, { "-12.50e1", -125 },
        { "9223372036854775807", INT64_MAX }, { "-9223372036854775808", INT64_MIN }, { "9223372036854775807.000", INT64_MAX }, { "922337203685477580.7e1", INT64_MAX },
        { "1e18", 1000000000000000000 }, { "0.00000000000000000000000000001e29", 1 },
    };
    static const char *const others[] = { "9223372036854775808", "-9223372036854775809", "18446744073709551616", "99999999999999999999", "1e19", "1e999999999999",
                                          "1e-999999999999", "0.5", "12.01", "1e-1", "-0.1", "true", "null", "\"1\"", "[1]", "{\"a\":1}" };
    (void)state;
    for (size_t n = 0; n < sizeof whole / sizeof *whole; n++) {
        int64_t value = -99;
        if (!integer_of(whole[n].text, &value) || value != whole[n].value)
            fail_msg("%s read as %lld", whole[n].text, (long long)value);
    }
    for (size_t n = 0; n < sizeof others / sizeof *others; n++) {
        int64_t value = -99;
        assert_false(integer_of(others[n], &value));
        assert_int_equal(value, -99);
    }
}

static bool double_of(const char *text, double *out)
{
    llmc_json json;
    llmc_json_begin(&json, text, strlen(text));
    bool read = llmc_json_double(&json, out);
    assert_true(llmc_json_end(&json));
    return read;
}

static const char *const doubles[] = {
    "0", "-0.0", "1", "0.1", "0.7", "-2.5", "3.14159265358979323846", "1e22", "1e23", "8.5e-7", "123456789012345678901234567890", "9007199254740993",
    "9007199254740992.9999999999999999", "9007199254740993.0000000000000000000000000000001", "1.7976931348623157e308", "1.7976931348623158e308",
    "2.2250738585072014e-308", "2.2250738585072011e-308", "2.2250738585072009e-308", "4.9406564584124654e-324", "2.4703282292062327e-324",
    "2.4703282292062328e-324", "1e-323", "1e-400", "0.000000000000000000000000000000000000001e40", "100000000000000000000000000000000000000e-38",
    "0.30000000000000004", "0.1e0", "12345.678e-3", "5e-324", "1e-5", "0.0001220703125", "179769313486231570000e288",
};

static void test_doubles_are_nearest(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof doubles / sizeof *doubles; n++) {
        double value = -99, wanted = strtod(doubles[n], NULL);
        if (!double_of(doubles[n], &value) || memcmp(&value, &wanted, sizeof value) != 0)
            fail_msg("%s read as %.17g", doubles[n], value);
    }
    double value = -99;
    assert_false(double_of("1e309", &value));
    assert_false(double_of("-1.7976931348623159e308", &value));
    assert_false(double_of("1e99999999999999999999", &value));
    assert_false(double_of("\"1\"", &value));
    assert_false(double_of("null", &value));
    assert_true(value == -99);
}

/* Halfway between two doubles, with the digit that decides far behind what is kept. */
static void test_doubles_with_many_digits(void **state)
{
    (void)state;
    for (int last = 0; last < 2; last++) {
        char text[1400];
        int at = sprintf(text, "9007199254740993.");
        memset(text + at, '0', 1200);
        sprintf(text + at + 1200, "%d", last);
        double value = 0;
        assert_true(double_of(text, &value));
        assert_true(value == (last ? 9007199254740994.0 : 9007199254740992.0));
    }
}

static void test_numbers_do_not_ask_the_locale(void **state)
{
    (void)state;
    comma_locale_begin();
    double value = 0;
    assert_true(double_of("3.14159265358979323846", &value));
    comma_locale_end();
    assert_true(value == 3.14159265358979323846);
}

static void test_words(void **state)
{
    llmc_json json;
    bool value = true;
    (void)state;
    llmc_json_begin(&json, "[false,true,null,1,{\"a\":true}]", 30);
    assert_true(llmc_json_array(&json));
    assert_true(llmc_json_next_item(&json) && llmc_json_bool(&json, &value) && !value);
    assert_true(llmc_json_next_item(&json) && llmc_json_bool(&json, &value) && value);
    for (int n = 0; n < 3; n++) {
        assert_true(llmc_json_next_item(&json));
        assert_false(llmc_json_bool(&json, &value));
        assert_true(value);
    }
    assert_false(llmc_json_next_item(&json));
    assert_true(llmc_json_end(&json));
}

/* A member of an unexpected type reads as absent, and what follows is read all the same. */
static void test_unexpected_types_are_absent(void **state)
{
    static const char *const values[] = { "{\"x\":[1,{}]}", "[1,[2],{\"y\":3}]", "\"text\"", "12.5", "true", "false", "null" };
    (void)state;
    for (size_t n = 0; n < sizeof values / sizeof *values; n++)
        for (int wanted = 0; wanted < 6; wanted++) {
            char text[100];
            llmc_json json;
            llmc_json_key key;
            llmc_json_span span = { NULL, 0, false };
            int64_t integer = -99, after = 0;
            double real;
            bool boolean, read = false;
            llmc_json_begin(&json, text, (size_t)sprintf(text, "{\"a\": %s, \"b\": 5}", values[n]));
            assert_true(llmc_json_object(&json));
            assert_true(llmc_json_next_key(&json, &key) && llmc_json_key_is(&key, "a"));
            switch (wanted) {
            case 0: read = llmc_json_object(&json); break;
            case 1: read = llmc_json_array(&json); break;
            case 2: read = llmc_json_span_string(&json, &span); break;
            case 3: read = llmc_json_integer(&json, &integer); break;
            case 4: read = llmc_json_double(&json, &real); break;
            case 5: read = llmc_json_bool(&json, &boolean); break;
            }
            static const int fits[] = { 0, 1, 2, 4, 5, 5, -1 };
            assert_int_equal(read, wanted == fits[n]);
            if (read && wanted == 0)
                while (llmc_json_next_key(&json, &key))
                    assert_true(llmc_json_skip(&json));
            if (read && wanted == 1)
                while (llmc_json_next_item(&json))
                    assert_true(llmc_json_skip(&json));
            assert_true(llmc_json_next_key(&json, &key) && llmc_json_key_is(&key, "b"));
            assert_true(llmc_json_integer(&json, &after));
            assert_int_equal(after, 5);
            assert_false(llmc_json_next_key(&json, &key));
            assert_true(llmc_json_end(&json));
        }
}

static void test_keys(void **state)
{
    const char *text = "{\"plain\":1,\"\\u0070lain\":2,\"plai\\u006e\":3,\"\\ud83d\\ude00\":4,\"a\\u0000b\":5,\"\":6,\"plain\":7}";
    static const bool is_plain[] = { true, true, true, false, false, false, true };
    llmc_json json;
    llmc_json_key key;
    (void)state;
    llmc_json_begin(&json, text, strlen(text));
    assert_true(llmc_json_object(&json));
    for (int64_t n = 0; n < 7; n++) {
        int64_t value = 0;
        assert_true(llmc_json_next_key(&json, &key));
        assert_int_equal(llmc_json_key_is(&key, "plain"), is_plain[n]);
        assert_false(llmc_json_key_is(&key, "plai"));
        assert_false(llmc_json_key_is(&key, "plainer"));
        assert_false(llmc_json_key_is(&key, "a"));
        assert_int_equal(llmc_json_key_is(&key, "\xF0\x9F\x98\x80"), n == 3);
        assert_int_equal(llmc_json_key_is(&key, ""), n == 5);
        assert_true(llmc_json_integer(&json, &value));
        assert_int_equal(value, n + 1);
    }
    assert_false(llmc_json_next_key(&json, &key));
    assert_true(llmc_json_end(&json));
}

static void test_raw(void **state)
{
    static const char *const values[] = { "{ \"a\" : [1, 2] }", "[]", "\"a\\nb\"", "-1.50e3", "true", "null" };
    (void)state;
    for (size_t n = 0; n < sizeof values / sizeof *values; n++) {
        char text[60];
        llmc_json json;
        llmc_json_span raw;
        llmc_json_begin(&json, text, (size_t)sprintf(text, "[ %s , 1]", values[n]));
        assert_true(llmc_json_array(&json) && llmc_json_next_item(&json));
        assert_true(llmc_json_raw(&json, &raw));
        assert_int_equal(raw.bytes, strlen(values[n]));
        assert_memory_equal(raw.text, values[n], raw.bytes);
        assert_true(llmc_json_next_item(&json) && llmc_json_skip(&json) && !llmc_json_next_item(&json) && llmc_json_end(&json));
    }
}

static void test_a_failure_sticks(void **state)
{
    llmc_json json;
    llmc_json_key key;
    llmc_json_span span;
    llmc_buffer out;
    int64_t integer;
    double real;
    bool boolean;
    (void)state;
    llmc_buffer_init(&out, &llmc_allocator_system, 100);
    for (int own = 0; own < 2; own++) {
        const char *text = "{\"a\":1,\"b\":\"x\"}";
        llmc_json_begin(&json, text, strlen(text));
        assert_true(llmc_json_object(&json) && llmc_json_next_key(&json, &key));
        if (own)
            llmc_json_fail(&json, "of the caller's");
        else
            assert_false(llmc_json_next_key(&json, &key)); /* the value was forgotten */
        const char *failure = json.failure, *failed_at = json.failed_at;
        assert_non_null(failure);
        assert_ptr_equal(failed_at, text + 5);
        assert_int_equal(llmc_json_peek(&json), LLMC_JSON_NONE);
        assert_false(llmc_json_object(&json));
        assert_false(llmc_json_array(&json));
        assert_false(llmc_json_next_key(&json, &key));
        assert_false(llmc_json_next_item(&json));
        assert_false(llmc_json_string(&json, &out));
        assert_false(llmc_json_span_string(&json, &span));
        assert_false(llmc_json_integer(&json, &integer));
        assert_false(llmc_json_double(&json, &real));
        assert_false(llmc_json_bool(&json, &boolean));
        assert_false(llmc_json_skip(&json));
        assert_false(llmc_json_raw(&json, &span));
        llmc_json_fail(&json, "another");
        assert_false(llmc_json_end(&json));
        assert_ptr_equal(json.failure, failure);
        assert_ptr_equal(json.failed_at, failed_at);
    }
    assert_int_equal(out.length, 0);
    llmc_buffer_free(&out);
}

static void test_a_loop_that_was_left_early_is_noticed(void **state)
{
    llmc_json json;
    (void)state;
    llmc_json_begin(&json, "[1", 2);
    assert_true(llmc_json_array(&json) && llmc_json_next_item(&json) && llmc_json_skip(&json));
    assert_false(llmc_json_end(&json));
    llmc_json_begin(&json, NULL, 0);
    assert_int_equal(llmc_json_peek(&json), LLMC_JSON_NONE);
    assert_true(llmc_json_end(&json)); /* nothing was read, nothing is left */
}

static void *no_memory(size_t bytes, void *user)
{
    (void)bytes;
    (void)user;
    return NULL;
}

static void test_strings_without_memory(void **state)
{
    llmc_allocator none = llmc_allocator_system;
    llmc_buffer out;
    llmc_json json;
    (void)state;
    none.allocate = no_memory;
    llmc_buffer_init(&out, &none, 1000);
    llmc_json_begin(&json, "\"a\\nb\"", 6);
    assert_false(llmc_json_string(&json, &out));
    assert_true(llmc_json_end(&json)); /* the text was fine */
    assert_int_equal(out.failure, LLMC_BUFFER_NO_MEMORY);
    llmc_buffer_init(&out, &llmc_allocator_system, 2);
    llmc_json_begin(&json, "\"a\\nb\"", 6);
    assert_false(llmc_json_string(&json, &out));
    assert_int_equal(out.failure, LLMC_BUFFER_TOO_LARGE);
    llmc_buffer_free(&out);
    llmc_buffer_init(&out, &llmc_allocator_system, 3); /* the maximum counts decoded bytes */
    llmc_json_begin(&json, "\"a\\nb\"", 6);
    assert_true(llmc_json_string(&json, &out));
    llmc_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts_what_jansson_accepts), cmocka_unit_test(test_refuses_what_is_no_json),
        cmocka_unit_test(test_every_prefix_and_every_lost_byte), cmocka_unit_test(test_specials_at_every_place),
        cmocka_unit_test(test_beyond_jansson), cmocka_unit_test(test_depth),
        cmocka_unit_test(test_skip_knows_its_brackets), cmocka_unit_test(test_strings),
        cmocka_unit_test(test_decode_stays_inside), cmocka_unit_test(test_integers),
        cmocka_unit_test(test_doubles_are_nearest), cmocka_unit_test(test_doubles_with_many_digits),
        cmocka_unit_test(test_numbers_do_not_ask_the_locale), cmocka_unit_test(test_words),
        cmocka_unit_test(test_unexpected_types_are_absent), cmocka_unit_test(test_keys), cmocka_unit_test(test_names_of_all_lengths), cmocka_unit_test(test_find), cmocka_unit_test(test_counts),
        cmocka_unit_test(test_raw), cmocka_unit_test(test_a_failure_sticks),
        cmocka_unit_test(test_a_loop_that_was_left_early_is_noticed), cmocka_unit_test(test_strings_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
