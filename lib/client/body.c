#include "client/body.h"

#include "base/text.h"
#include "call/request.h"

#include <stdarg.h>
#include <stdio.h>

enum { PATH_BYTES = 400, STEP_BYTES = 64 };

/* ---- failures ---- */

static void write_path(const llmc_body *body, const char *field, char out[PATH_BYTES])
{
    size_t at = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < body->depth && at < PATH_BYTES; i++) {
        const llmc_body_step *step = &body->path[i];
        size_t shown = step->key.text ? llmc_utf8_cut(step->key.text, step->key.bytes, STEP_BYTES) : 0;
        int wrote = step->key.text ? snprintf(out + at, PATH_BYTES - at, "%s%.*s", at ? "." : "", (int)shown, step->key.text)
                                   : snprintf(out + at, PATH_BYTES - at, "[%lld]", (long long)step->index);
        at += (size_t)wrote;
    }
    if (field && at < PATH_BYTES)
        snprintf(out + at, PATH_BYTES - at, "%s%s", at ? "." : "", field);
}

void llmc_body_fail(llmc_body *body, const char *field, const char *format, ...)
{
    if (body->status || body->json.failure)
        return;
    char path[PATH_BYTES], why[500];
    write_path(body, field, path);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    body->status = llmc_error_set(body->error, LLMCOST_E_INVALID, "%s%s%s", path, *path ? " " : "", why);
    llmc_json_fail(&body->json, "refused");
}

void llmc_body_no_memory(llmc_body *body)
{
    if (body->status || body->json.failure)
        return;
    body->status = llmc_error_set(body->error, LLMCOST_E_MEMORY, "out of memory for the request");
    llmc_json_fail(&body->json, "refused");
}

/* The next value is of this type. Otherwise it is passed: null is absent, anything else a failure. */
static bool wants(llmc_body *body, llmc_json_type wanted, const char *what)
{
    llmc_json_type type = llmc_json_peek(&body->json);
    if (type == wanted)
        return true;
    if (type == LLMC_JSON_NULL || type == LLMC_JSON_NONE)
        llmc_json_skip(&body->json);
    else
        llmc_body_fail(body, NULL, "must be %s", what);
    return false;
}

/* ---- containers ---- */

static bool enter(llmc_body *body)
{
    if (body->depth == LLMC_BODY_DEPTH) {
        llmc_body_fail(body, NULL, "is nested too deep");
        return false;
    }
    body->path[body->depth++] = (llmc_body_step){ .index = -1 };
    return true;
}

bool llmc_body_object(llmc_body *body)
{
    return wants(body, LLMC_JSON_OBJECT, "an object") && llmc_json_object(&body->json) && enter(body);
}

bool llmc_body_array(llmc_body *body)
{
    return wants(body, LLMC_JSON_ARRAY, "an array") && llmc_json_array(&body->json) && enter(body);
}

bool llmc_body_next_key(llmc_body *body, llmc_json_key *key)
{
    if (!llmc_json_next_key(&body->json, key)) {
        body->depth--;
        return false;
    }
    body->path[body->depth - 1].key = *key;
    return true;
}

bool llmc_body_next_item(llmc_body *body)
{
    if (!llmc_json_next_item(&body->json)) {
        body->depth--;
        return false;
    }
    body->path[body->depth - 1].index++;
    return true;
}

/* ---- texts ---- */

/* The decoded text of a span, in the arena. It is never longer than the span. */
static bool take(llmc_body *body, const llmc_json_span *span, const char **out, size_t *bytes)
{
    char *text = llmc_arena_alloc(body->arena, span->bytes + 1);
    if (!text) {
        llmc_body_no_memory(body);
        return false;
    }
    llmc_buffer decoded = { .allocator = body->arena->allocator, .data = text, .capacity = span->bytes + 1, .maximum = span->bytes };
    llmc_json_decode(span, &decoded);
    text[decoded.length] = '\0';
    if (span->escaped && !llmc_utf8_valid(text, decoded.length)) {
        llmc_body_fail(body, NULL, "holds half of a \\u surrogate pair");
        return false;
    }
    *out = text;
    *bytes = decoded.length;
    return true;
}

static bool take_string(llmc_body *body, const llmc_json_span *span, const char **out)
{
    const char *text;
    size_t bytes;
    if (!take(body, span, &text, &bytes))
        return false;
    if (strlen(text) != bytes) {
        llmc_body_fail(body, NULL, "holds a zero byte");
        return false;
    }
    *out = text;
    return true;
}

bool llmc_body_text(llmc_body *body, const char **out, size_t *bytes)
{
    llmc_json_span span;
    return wants(body, LLMC_JSON_STRING, "a string") && llmc_json_span_string(&body->json, &span) && take(body, &span, out, bytes);
}

bool llmc_body_string(llmc_body *body, const char **out)
{
    llmc_json_span span;
    return wants(body, LLMC_JSON_STRING, "a string") && llmc_json_span_string(&body->json, &span) && take_string(body, &span, out);
}

const char *llmc_body_key(llmc_body *body, const llmc_json_key *key)
{
    const char *text;
    return take_string(body, key, &text) ? text : NULL;
}

bool llmc_body_object_text(llmc_body *body, const char **out)
{
    llmc_json_span span;
    if (!wants(body, LLMC_JSON_OBJECT, "an object") || !llmc_json_raw(&body->json, &span))
        return false;
    *out = llmc_arena_strndup(body->arena, span.text, span.bytes);
    if (!*out)
        llmc_body_no_memory(body);
    return *out;
}

/* ---- numbers ---- */

bool llmc_body_integer(llmc_body *body, int64_t least, int64_t most, int64_t *out)
{
    int64_t value;
    if (!wants(body, LLMC_JSON_NUMBER, "a whole number"))
        return false;
    if (llmc_json_integer(&body->json, &value) && value >= least && value <= most) {
        *out = value;
        return true;
    }
    if (least == INT64_MIN)
        llmc_body_fail(body, NULL, "must be a whole number of 64 bits");
    else if (most == INT64_MAX)
        llmc_body_fail(body, NULL, "must be a whole number of %lld or more", (long long)least);
    else
        llmc_body_fail(body, NULL, "must be a whole number from %lld to %lld", (long long)least, (long long)most);
    return false;
}

bool llmc_body_double(llmc_body *body, double *out)
{
    if (!wants(body, LLMC_JSON_NUMBER, "a number"))
        return false;
    if (llmc_json_double(&body->json, out))
        return true;
    llmc_body_fail(body, NULL, "is beyond the range of numbers");
    return false;
}

bool llmc_body_bool(llmc_body *body, bool *out)
{
    llmc_json_type type = llmc_json_peek(&body->json);
    if (type == LLMC_JSON_TRUE || type == LLMC_JSON_FALSE)
        return llmc_json_bool(&body->json, out);
    wants(body, LLMC_JSON_TRUE, "true or false");
    return false;
}

/* ---- the rest ---- */

void llmc_body_unknown(llmc_body *body)
{
    llmc_json_span span;
    llmc_json_type type = llmc_json_peek(&body->json);
    if (!llmc_json_raw(&body->json, &span) || type == LLMC_JSON_NULL || type == LLMC_JSON_FALSE)
        return;
    bool empty = type == LLMC_JSON_OBJECT || type == LLMC_JSON_ARRAY;
    for (size_t i = 1; i + 1 < span.bytes; i++)
        empty &= span.text[i] == ' ' || span.text[i] == '\n' || span.text[i] == '\r' || span.text[i] == '\t';
    if (!empty)
        llmc_body_fail(body, NULL, "is not known");
}

void llmc_body_cache_mark(llmc_body *body, bool *marked)
{
    static const char *const words[] = { "type", "ephemeral", "mode", "explicit", "ttl", "5m" };
    llmc_json_key key;
    if (!llmc_body_object(body))
        return;
    *marked = true;
    while (llmc_body_next_key(body, &key)) {
        const char *wanted = NULL, *word;
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i += 2)
            wanted = llmc_json_key_is(&key, words[i]) ? words[i + 1] : wanted;
        if (!wanted)
            llmc_body_unknown(body);
        else if (llmc_body_string(body, &word) && strcmp(word, wanted) != 0)
            llmc_body_fail(body, NULL, "\"%.64s\" is not known: %s", word, wanted);
    }
}

void *llmc_body_add(llmc_body *body, void **items, uint32_t *count, uint32_t *capacity, size_t item_bytes)
{
    if (*count == LLMC_REQUEST_MAX_ITEMS) {
        llmc_body_fail(body, NULL, "is one too many");
        return NULL;
    }
    if (*count == *capacity) {
        uint32_t wanted = *capacity ? *capacity * 2 : 4;
        void *grown = llmc_arena_alloc(body->arena, wanted * item_bytes);
        if (!grown) {
            llmc_body_no_memory(body);
            return NULL;
        }
        if (*count)
            memcpy(grown, *items, *count * item_bytes);
        *items = grown;
        *capacity = wanted;
    }
    void *item = (char *)*items + (*count)++ * item_bytes;
    return memset(item, 0, item_bytes);
}
