/*
 * The JSON reader: one pass, no tree, no allocation of its own, no recursion.
 *
 * A failure moves the reader to the end of its text, where every read fails by itself: no function has to ask whether
 * one happened before. Strings are checked completely when they are passed, also when they are skipped, so that what is
 * accepted does not depend on what is looked at. Left out on purpose: comments, trailing commas, a byte order mark.
 */
#include "wire/json.h"

#include "base/text.h"
#include "wire/number.h"
#include "wire/scan.h"

static const char ended[] = "the text ends in the middle of a value";

static const uint8_t type_of[256] = {
    ['{'] = LLMC_JSON_OBJECT, ['['] = LLMC_JSON_ARRAY, ['"'] = LLMC_JSON_STRING, ['t'] = LLMC_JSON_TRUE, ['f'] = LLMC_JSON_FALSE,
    ['n'] = LLMC_JSON_NULL,   ['-'] = LLMC_JSON_NUMBER, ['0'] = LLMC_JSON_NUMBER, ['1'] = LLMC_JSON_NUMBER, ['2'] = LLMC_JSON_NUMBER,
    ['3'] = LLMC_JSON_NUMBER, ['4'] = LLMC_JSON_NUMBER, ['5'] = LLMC_JSON_NUMBER, ['6'] = LLMC_JSON_NUMBER, ['7'] = LLMC_JSON_NUMBER,
    ['8'] = LLMC_JSON_NUMBER, ['9'] = LLMC_JSON_NUMBER,
};

__attribute__((cold)) static bool fail_at(llmc_json *json, const char *at, const char *what)
{
    if (!json->failure) {
        json->failure = what;
        json->failed_at = at;
    }
    json->at = json->end;
    return false;
}

void llmc_json_begin(llmc_json *json, const char *text, size_t bytes)
{
    if (!bytes)
        text = "";
    *json = (llmc_json){ .begin = text, .at = text, .end = text + bytes };
}

void llmc_json_fail(llmc_json *json, const char *what)
{
    fail_at(json, json->at, what);
}

static inline const char *pass_white(const char *at, const char *end)
{
    while (at < end && (unsigned char)*at <= ' ' && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* To the next byte that is no white space; false at the end. */
static inline bool next_byte(llmc_json *json)
{
    json->at = pass_white(json->at, json->end);
    return json->at < json->end;
}

bool llmc_json_end(llmc_json *json)
{
    if (json->failure)
        return false;
    if (next_byte(json))
        return fail_at(json, json->at, "there is more text behind the value");
    if (json->depth)
        return fail_at(json, json->at, ended);
    return true;
}

static inline llmc_json_type peek(llmc_json *json)
{
    if (!next_byte(json))
        return LLMC_JSON_NONE;
    llmc_json_type type = (llmc_json_type)type_of[(unsigned char)*json->at];
    if (type == LLMC_JSON_NONE)
        fail_at(json, json->at, "a value was expected");
    return type;
}

llmc_json_type llmc_json_peek(llmc_json *json)
{
    return peek(json);
}

/* ---- strings ---- */

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The value of four hexadecimal digits, or -1. */
static int hex_unit(const char *at, const char *end)
{
    int unit = 0;
    if (end - at < 4)
        return -1;
    for (int digit = 0; digit < 4; digit++) {
        int value = hex_digit(at[digit]);
        if (value < 0)
            return -1;
        unit = unit << 4 | value;
    }
    return unit;
}

/* Behind the escape that begins at the backslash at, or NULL. Halves of a pair pass one by one. */
static const char *escape_end(const char *at, const char *end)
{
    if (end - at < 2)
        return NULL;
    switch (at[1]) {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
        return at + 2;
    case 'u':
        return hex_unit(at + 2, end) < 0 ? NULL : at + 6;
    }
    return NULL;
}

/* The byte at which the plain ASCII ended was no closing quote: passes what is allowed there; NULL after a failure. */
static const char *string_special(llmc_json *json, const char *at, bool *escaped)
{
    const char *end = json->end, *next;
    if (at == end) {
        fail_at(json, at, ended);
        return NULL;
    }
    if (*at == '\\') {
        *escaped = true;
        next = escape_end(at, end);
        if (!next)
            fail_at(json, at, "a string holds an escape that does not exist");
        return next;
    }
    if ((unsigned char)*at < 0x20) {
        fail_at(json, at, "a string holds a control character");
        return NULL;
    }
    next = llmc_scan_ascii(at, end);
    if (llmc_utf8_valid(at, (size_t)(next - at)))
        return next;
    fail_at(json, at, "a string is no UTF-8");
    return NULL;
}

/* The rest of a string that is not all plain: returns its closing quote; NULL after a failure. */
static __attribute__((noinline)) const char *string_rest(llmc_json *json, const char *at, bool *escaped)
{
    do {
        at = string_special(json, at, escaped);
        if (!at)
            return NULL;
        at = llmc_scan_string(at, json->end);
    } while (at == json->end || *at != '"');
    return at;
}

/* At a quote: checks the string and returns what is behind it; NULL after a failure. Inline: this is half of all reading. */
static inline __attribute__((always_inline)) const char *pass_string(llmc_json *json, const char *at, llmc_json_span *out)
{
    const char *begin = at + 1, *end = json->end;
    out->text = begin;
    out->escaped = false;
    at = llmc_scan_string(begin, end);
    if (at == end || *at != '"') {
        at = string_rest(json, at, &out->escaped);
        if (!at)
            return NULL;
    }
    out->bytes = (size_t)(at - begin);
    return at + 1;
}

/*
 * One escape of a checked string: reads it at the backslash *at and moves behind it; returns the bytes put into out. A
 * pair of halves becomes one character, a lone half its three-byte form.
 */
static size_t decode_escape(const char **at, const char *end, char out[4])
{
    static const char plain[256] = { ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                     ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t' };
    const char *escape = *at;
    if (end - escape < 2) {
        *at = end;
        return 0;
    }
    if (escape[1] != 'u') {
        *at = escape + 2;
        out[0] = plain[(unsigned char)escape[1]];
        return 1;
    }
    int unit = hex_unit(escape + 2, end);
    if (unit < 0) {
        *at = end;
        return 0;
    }
    uint32_t code = (uint32_t)unit;
    *at = escape + 6;
    if (code >> 10 == 0xD800 >> 10 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
        int low = hex_unit(*at + 2, end);
        if (low >> 10 == 0xDC00 >> 10) {
            code = 0x10000 + ((code & 0x3FF) << 10 | ((uint32_t)low & 0x3FF));
            *at += 6;
        }
    }
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t bytes = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t last = bytes - 1; last > 0; last--, code >>= 6)
        out[last] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)((0xF0 << (4 - bytes) & 0xFF) | code);
    return bytes;
}

bool llmc_json_decode(const llmc_json_span *span, llmc_buffer *out)
{
    const char *at = span->text, *end = at + span->bytes;
    while (span->escaped && at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        if (!escape)
            break;
        char character[4];
        llmc_buffer_add(out, at, (size_t)(escape - at));
        at = escape;
        llmc_buffer_add(out, character, decode_escape(&at, end, character));
    }
    llmc_buffer_add(out, at, (size_t)(end - at));
    return !out->failure;
}

extern inline bool llmc_json_key_is(const llmc_json_key *key, const char *name);

__attribute__((cold)) bool llmc_json_key_is_escaped(const llmc_json_key *key, const char *name)
{
    const char *at = key->text, *end = at + key->bytes, *name_end = name + strlen(name);
    while (at < end) {
        char character[4] = { *at };
        size_t bytes = 1;
        if (*at == '\\')
            bytes = decode_escape(&at, end, character);
        else
            at++;
        if ((size_t)(name_end - name) < bytes || memcmp(name, character, bytes) != 0)
            return false;
        name += bytes;
    }
    return name == name_end;
}

static inline uint64_t eight_at(const char *at)
{
    uint64_t eight;
    memcpy(&eight, at, sizeof eight);
    return eight;
}

/* memcmp() for names: short, and most often the same. The last eight bytes once more with what stands before them. */
static inline bool is_same(const char *a, const char *b, size_t bytes)
{
    size_t at = 0;
    if (bytes < 8) {
        while (at < bytes && a[at] == b[at])
            at++;
        return at == bytes;
    }
    for (; at < bytes - 8; at += 8)
        if (eight_at(a + at) != eight_at(b + at))
            return false;
    return eight_at(a + bytes - 8) == eight_at(b + bytes - 8);
}

static __attribute__((cold, noinline)) const llmc_json_name *find_escaped(const llmc_json_key *key, const llmc_json_name *names, size_t count)
{
    for (const llmc_json_name *name = names; name < names + count; name++)
        if (llmc_json_key_is_escaped(key, name->text))
            return name;
    return NULL;
}

const llmc_json_name *llmc_json_find(const llmc_json_key *key, const llmc_json_name *names, size_t count)
{
    if (key->escaped)
        return find_escaped(key, names, count);
    for (const llmc_json_name *name = names; name < names + count; name++)
        if (name->bytes == key->bytes && is_same(name->text, key->text, key->bytes))
            return name;
    return NULL;
}

/* ---- numbers and words ---- */

static const char *pass_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

static bool pass_number(llmc_json *json, llmc_json_span *out)
{
    const char *begin = json->at, *end = json->end, *at = begin + (*begin == '-'), *digits = at;
    at = pass_digits(at, end);
    if (at == digits || (*digits == '0' && at - digits > 1))
        return fail_at(json, begin, "a number is malformed");
    if (at < end && *at == '.') {
        digits = at + 1;
        at = pass_digits(digits, end);
        if (at == digits)
            return fail_at(json, begin, "a number is malformed");
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        digits = at + 1;
        if (digits < end && (*digits == '+' || *digits == '-'))
            digits++;
        at = pass_digits(digits, end);
        if (at == digits)
            return fail_at(json, begin, "a number is malformed");
    }
    *out = (llmc_json_span){ begin, (size_t)(at - begin), false };
    json->at = at;
    return true;
}

static inline bool pass_word(llmc_json *json, llmc_json_type type)
{
    const char *at = json->at, *last_four = at + (type == LLMC_JSON_FALSE);
    const char *word = type == LLMC_JSON_TRUE ? "true" : type == LLMC_JSON_FALSE ? "alse" : "null";
    if (json->end - last_four < 4 || memcmp(last_four, word, 4) != 0)
        return fail_at(json, at, "a value was expected");
    json->at = last_four + 4;
    return true;
}

/* ---- containers ---- */

static inline bool enter(llmc_json *json)
{
    if (json->depth == LLMC_JSON_MAX_DEPTH)
        return fail_at(json, json->at, "the text is nested too deep");
    json->at++;
    json->depth++;
    json->first = true;
    return true;
}

/* Before a member of the container at hand: where it begins; NULL: the container was left, or a failure. */
static inline const char *next_member(llmc_json *json, char closing)
{
    const char *end = json->end, *at = pass_white(json->at, end);
    bool first = json->first;
    json->first = false;
    if (at < end && *at == closing) {
        json->at = at + 1;
        json->depth--;
        return NULL;
    }
    if (at < end && !first) {
        if (*at != ',') {
            fail_at(json, at, "a comma was expected");
            return NULL;
        }
        at = pass_white(at + 1, end);
    }
    if (at < end)
        return at;
    fail_at(json, at, ended);
    return NULL;
}

static inline bool next_key(llmc_json *json, llmc_json_key *key)
{
    const char *at = next_member(json, '}');
    if (!at)
        return false;
    if (*at != '"')
        return fail_at(json, at, "a member's name was expected");
    at = pass_string(json, at, key);
    if (!at)
        return false;
    at = pass_white(at, json->end);
    if (at == json->end || *at != ':')
        return fail_at(json, at, at == json->end ? ended : "a colon was expected");
    json->at = at + 1;
    return true;
}

static inline bool next_item(llmc_json *json)
{
    const char *at = next_member(json, ']');
    if (at)
        json->at = at;
    return at != NULL;
}

static __attribute__((noinline)) bool any_next_key(llmc_json *json, llmc_json_key *key)
{
    return next_key(json, key);
}

/* As servers write it: a comma, a plain name, a colon, and no white space; and more behind it than a name can take. */
bool llmc_json_next_key(llmc_json *json, llmc_json_key *key)
{
    enum { AROUND = 4 }; /* comma, quotes, colon */
    const char *at = json->at;
    if (json->end - at < LLMC_SCAN_NAME + AROUND || (!json->first && *at++ != ',') || *at != '"')
        return any_next_key(json, key);
    const char *name = at + 1, *close = llmc_scan_name(name);
    if (!close || memcmp(close, "\":", 2) != 0)
        return any_next_key(json, key);
    *key = (llmc_json_key){ name, (size_t)(close - name), false };
    json->first = false;
    json->at = close + 2;
    return true;
}

bool llmc_json_next_item(llmc_json *json)
{
    return next_item(json);
}

static bool pass_scalar(llmc_json *json, llmc_json_type type)
{
    llmc_json_span span;
    if (type == LLMC_JSON_STRING) {
        const char *at = pass_string(json, json->at, &span);
        if (at)
            json->at = at;
        return at != NULL;
    }
    if (type == LLMC_JSON_NUMBER)
        return pass_number(json, &span);
    return pass_word(json, type);
}

/* Containers that were entered here: a bit for each, 1 for an object. */
static bool pass_container(llmc_json *json)
{
    uint64_t objects[LLMC_JSON_MAX_DEPTH / 64 + 1] = { 0 };
    const uint32_t floor = json->depth;
    for (;;) {
        llmc_json_type type = peek(json);
        if (type == LLMC_JSON_NONE)
            return fail_at(json, json->at, ended);
        if (type <= LLMC_JSON_ARRAY) {
            if (!enter(json))
                return false;
            uint64_t bit = UINT64_C(1) << json->depth % 64, *word = &objects[json->depth / 64];
            *word = type == LLMC_JSON_OBJECT ? *word | bit : *word & ~bit;
        } else if (!pass_scalar(json, type)) {
            return false;
        }
        llmc_json_key key;
        while (!(objects[json->depth / 64] >> json->depth % 64 & 1 ? next_key(json, &key) : next_item(json))) {
            if (json->failure || json->depth == floor)
                return !json->failure;
        }
    }
}

static inline bool pass_value(llmc_json *json, llmc_json_type type)
{
    if (type == LLMC_JSON_NONE)
        return fail_at(json, json->at, ended);
    return type <= LLMC_JSON_ARRAY ? pass_container(json) : pass_scalar(json, type);
}

static __attribute__((noinline)) bool skip_any(llmc_json *json)
{
    return pass_value(json, peek(json));
}

/* Most that nobody wants to read are plain words. */
bool llmc_json_skip(llmc_json *json)
{
    const char *at = json->at, *end = json->end;
    if (at < end && *at == '"') {
        at = llmc_scan_string(at + 1, end);
        if (at < end && *at == '"') {
            json->at = at + 1;
            return true;
        }
    }
    return skip_any(json);
}

bool llmc_json_raw(llmc_json *json, llmc_json_span *out)
{
    llmc_json_type type = peek(json);
    const char *begin = json->at;
    if (!pass_value(json, type))
        return false;
    *out = (llmc_json_span){ begin, (size_t)(json->at - begin), false };
    return true;
}

/* ---- values of a wanted type: anything else is passed and reads as absent ---- */

static inline bool wants(llmc_json *json, llmc_json_type wanted)
{
    llmc_json_type type = peek(json);
    if (type == wanted)
        return true;
    pass_value(json, type);
    return false;
}

bool llmc_json_object(llmc_json *json)
{
    return wants(json, LLMC_JSON_OBJECT) && enter(json);
}

bool llmc_json_array(llmc_json *json)
{
    return wants(json, LLMC_JSON_ARRAY) && enter(json);
}

bool llmc_json_span_string(llmc_json *json, llmc_json_span *out)
{
    if (!wants(json, LLMC_JSON_STRING))
        return false;
    const char *at = pass_string(json, json->at, out);
    if (at)
        json->at = at;
    return at != NULL;
}

bool llmc_json_string(llmc_json *json, llmc_buffer *out)
{
    llmc_json_span span;
    return llmc_json_span_string(json, &span) && llmc_json_decode(&span, out);
}

bool llmc_json_count(llmc_json *json, int64_t *out)
{
    enum { MOST_DIGITS = 18 };
    const char *end = json->end, *begin = json->at, *at;
    begin += begin < end && *begin == ' ';
    uint64_t value = 0;
    unsigned digit;
    for (at = begin; at < end && (digit = (unsigned char)*at - (unsigned)'0') < 10; at++)
        value = value * 10 + digit;
    size_t digits = (size_t)(at - begin);
    if (digits - 1 >= MOST_DIGITS || at == end || *at == '.' || (*at | 0x20) == 'e' || (*begin == '0' && digits > 1))
        return false;
    json->at = at;
    *out = (int64_t)value;
    return true;
}

bool llmc_json_integer(llmc_json *json, int64_t *out)
{
    llmc_json_span span;
    if (llmc_json_count(json, out))
        return true;
    return wants(json, LLMC_JSON_NUMBER) && pass_number(json, &span) && llmc_number_to_integer(span.text, span.bytes, out);
}

bool llmc_json_double(llmc_json *json, double *out)
{
    llmc_json_span span;
    return wants(json, LLMC_JSON_NUMBER) && pass_number(json, &span) && llmc_number_to_double(span.text, span.bytes, out);
}

bool llmc_json_bool(llmc_json *json, bool *out)
{
    llmc_json_type type = peek(json);
    if (!pass_value(json, type) || (type != LLMC_JSON_TRUE && type != LLMC_JSON_FALSE))
        return false;
    *out = type == LLMC_JSON_TRUE;
    return true;
}
