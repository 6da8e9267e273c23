/*
 * The JSON reader against jansson. Where jansson accepts, ours must read the same tree, but for nesting beyond our own
 * depth, and for a zero byte behind a number or word, which jansson 2.14 overlooks: its look-ahead takes the byte for an
 * empty buffer. Where only ours accepts, the text must hold a NUL escape, a lone surrogate half or a number out of range, and
 * with these replaced jansson must accept it too.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool fact)
{
    if (!fact)
        abort();
}

static json_t *build_string(const llmc_json_span *span, size_t *bytes, char **text)
{
    llmc_buffer out;
    llmc_buffer_init(&out, &llmc_allocator_system, SIZE_MAX / 4);
    must(llmc_json_decode(span, &out) && out.length <= span->bytes);
    *bytes = out.length;
    *text = llmc_buffer_take(&out);
    return json_stringn_nocheck(*text, *bytes);
}

static json_t *build_number(const llmc_json_span *raw)
{
    llmc_json number;
    int64_t integer = 0;
    double real = 0;
    llmc_json_begin(&number, raw->text, raw->bytes);
    for (size_t n = 0; n < raw->bytes; n++) {
        if (strchr(".eE", raw->text[n]))
            return llmc_json_double(&number, &real) ? json_real(real) : json_null();
    }
    return llmc_json_integer(&number, &integer) ? json_integer(integer) : json_null();
}

/* Never NULL. After a failure of the reader the tree is anything. */
static json_t *build(llmc_json *json)
{
    llmc_json_span span;
    char *text;
    size_t bytes;
    bool truth;
    json_t *tree = NULL;
    switch (llmc_json_peek(json)) {
    case LLMC_JSON_OBJECT:
        tree = json_object();
        if (llmc_json_object(json))
            while (llmc_json_next_key(json, &span)) {
                json_decref(build_string(&span, &bytes, &text));
                must(memchr(text, 0, bytes) || llmc_json_key_is(&span, text));
                json_object_setn_new_nocheck(tree, text, bytes, build(json));
                free(text);
            }
        return tree;
    case LLMC_JSON_ARRAY:
        tree = json_array();
        if (llmc_json_array(json))
            while (llmc_json_next_item(json))
                json_array_append_new(tree, build(json));
        return tree;
    case LLMC_JSON_STRING:
        if (!llmc_json_span_string(json, &span))
            return json_null();
        tree = build_string(&span, &bytes, &text);
        free(text);
        return tree;
    case LLMC_JSON_NUMBER:
        return llmc_json_raw(json, &span) ? build_number(&span) : json_null();
    case LLMC_JSON_TRUE:
    case LLMC_JSON_FALSE:
        return llmc_json_bool(json, &truth) ? json_boolean(truth) : json_null();
    default:
        llmc_json_skip(json);
        return json_null();
    }
}

static long unit_at(const char *at, const char *end)
{
    char digits[5] = "";
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    memcpy(digits, at + 2, 4);
    return strtol(digits, NULL, 16);
}

/* A text that ours accepted: replaces in place what jansson refuses, which never grows it. Returns the new length. */
static size_t tame(char *text, size_t size)
{
    const char *at = text, *end = text + size;
    char *out = text;
    bool inside = false;
    while (at < end) {
        long unit = inside ? unit_at(at, end) : -1, next = unit >= 0xD800 && unit < 0xDC00 ? unit_at(at + 6, end) : -1;
        if (next >= 0xDC00 && next < 0xE000) {
            memmove(out, at, 12);
            out += 12;
            at += 12;
        } else if (unit == 0 || (unit >= 0xD800 && unit < 0xE000)) {
            memcpy(out, "\\u0001", 6);
            out += 6;
            at += 6;
        } else if (inside && *at == '\\') {
            memmove(out, at, 2);
            out += 2;
            at += 2;
        } else if (!inside && ((*at >= '0' && *at <= '9') || *at == '-')) {
            size_t bytes = strspn(at, "0123456789+-.eE");
            errno = 0;
            bool real = strcspn(at, ".eE") < bytes;
            double value = real ? strtod(at, NULL) : (double)strtoll(at, NULL, 10);
            bool beyond = errno == ERANGE && (!real || value > 1 || value < -1);
            memmove(out, beyond ? "0" : at, beyond ? 1 : bytes);
            out += beyond ? 1 : bytes;
            at += bytes;
        } else {
            inside ^= *at == '"';
            *out++ = *at++;
        }
    }
    return (size_t)(out - text);
}

static void check_only_ours(const char *data, size_t size)
{
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    size_t length = tame(text, size);
    must(length != size || memcmp(text, data, size) != 0);
    json_t *tree = json_loadb(text, length, JSON_DECODE_ANY, NULL);
    must(tree != NULL);
    json_decref(tree);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    llmc_json json, skipper;
    json_t *theirs = json_loadb(text, size, JSON_DECODE_ANY, NULL);
    llmc_json_begin(&json, text, size);
    json_t *ours = build(&json);
    bool fine = llmc_json_end(&json);
    /* Skipping must come to the same verdict. */
    llmc_json_begin(&skipper, text, size);
    must((llmc_json_skip(&skipper) && llmc_json_end(&skipper)) == fine);
    if (theirs && fine)
        must(json_equal(ours, theirs));
    if (theirs && !fine)
        must(strstr(json.failure, "too deep") || (json.failed_at < json.end && *json.failed_at == '\0'));
    if (fine && !theirs)
        check_only_ours(text, size);
    json_decref(ours);
    json_decref(theirs);
    return 0;
}
