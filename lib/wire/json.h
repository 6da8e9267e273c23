/*
 * JSON on the hot path, without trees: a one-pass reader over bytes that are all there, and a writer into a buffer.
 *
 * What jansson accepts is accepted and read alike, with two differences: nesting ends at LLMC_JSON_MAX_DEPTH (jansson:
 * 2,048), and of members with the same name all are met in turn (jansson keeps the last). Beyond jansson, because paid
 * answers contain them: U+0000, lone surrogates, and numbers of any size in members that nobody reads. Anything else
 * that is no JSON is a failure, which sticks: after it every read returns false, so a caller checks once, at the end.
 *
 * Reading goes along the structure:
 *
 *     llmc_json json;
 *     llmc_json_key key;
 *     llmc_json_begin(&json, text, bytes);
 *     if (llmc_json_object(&json))
 *         while (llmc_json_next_key(&json, &key)) {
 *             if (llmc_json_key_is(&key, "id"))
 *                 llmc_json_string(&json, &id);
 *             else
 *                 llmc_json_skip(&json);
 *         }
 *     return llmc_json_end(&json);
 */
#ifndef LLMC_JSON_H
#define LLMC_JSON_H

#include "base/buffer.h"

enum { LLMC_JSON_MAX_DEPTH = 512 };

typedef enum llmc_json_type {
    LLMC_JSON_NONE = 0, /* a failure, or the end */
    LLMC_JSON_OBJECT, LLMC_JSON_ARRAY, LLMC_JSON_STRING, LLMC_JSON_NUMBER, LLMC_JSON_TRUE, LLMC_JSON_FALSE, LLMC_JSON_NULL
} llmc_json_type;

typedef struct llmc_json {
    const char *begin, *at, *end;
    const char *failure; /* static text: what is wrong; NULL: nothing */
    const char *failed_at;
    uint32_t depth;
    bool first;          /* the next key or item is the first of its container */
} llmc_json;

/* A run of the input. For a string: what stands between the quotes, still escaped. */
typedef struct llmc_json_span {
    const char *text;
    size_t bytes;
    bool escaped; /* holds a backslash: llmc_json_decode() before use */
} llmc_json_span;

typedef llmc_json_span llmc_json_key;

void llmc_json_begin(llmc_json *json, const char *text, size_t bytes);
bool llmc_json_end(llmc_json *json);           /* true: no failure, and nothing but white space is left */
void llmc_json_fail(llmc_json *json, const char *what); /* a failure of the caller's, e.g. a wrong type; what is static */
llmc_json_type llmc_json_peek(llmc_json *json); /* the type of the next value; consumes white space only */

/*
 * Enter a container. false, without a failure, when the next value is of another type: it is skipped, so that a member
 * of an unexpected type reads as absent.
 */
bool llmc_json_object(llmc_json *json);
bool llmc_json_array(llmc_json *json);
bool llmc_json_next_key(llmc_json *json, llmc_json_key *key); /* false: the object is left, or a failure */
bool llmc_json_next_item(llmc_json *json);                    /* false: the array is left, or a failure */
bool llmc_json_key_is_escaped(const llmc_json_key *key, const char *name); /* what key_is does where there are escapes */
inline bool llmc_json_key_is(const llmc_json_key *key, const char *name) /* inline: the length of a literal is known here */
{
    if (key->escaped)
        return llmc_json_key_is_escaped(key, name);
    return key->bytes == strlen(name) && memcmp(key->text, name, strlen(name)) == 0;
}

/* A name that a reader knows, and what to make of the member, which is the reader's own to say. */
typedef struct llmc_json_name {
    const char *text;
    uint16_t bytes, what, place;
} llmc_json_name;

#define LLMC_JSON_NAME(text, what, place) { text, sizeof(text) - 1, what, place }
/* NULL: none of them. Names that come often stand first. */
const llmc_json_name *llmc_json_find(const llmc_json_key *key, const llmc_json_name *names, size_t count);

/* Scalars. false, without a failure, when the next value is of another type (null included): it is skipped, *out stays. */
bool llmc_json_span_string(llmc_json *json, llmc_json_span *out); /* no copy */
bool llmc_json_string(llmc_json *json, llmc_buffer *out);         /* appends the decoded text */
bool llmc_json_count(llmc_json *json, int64_t *out);    /* plain digits only, as most numbers are; false: nothing was passed, and *out stays */
bool llmc_json_integer(llmc_json *json, int64_t *out);  /* whole numbers within int64; 12.0 and 1e3 are whole; others: false */
bool llmc_json_double(llmc_json *json, double *out);    /* independent of the locale; beyond the range: false */
bool llmc_json_bool(llmc_json *json, bool *out);

bool llmc_json_skip(llmc_json *json);                      /* any value */
bool llmc_json_raw(llmc_json *json, llmc_json_span *out);  /* any value, as it stands */

/*
 * Append the decoded text of a string span. A lone surrogate half comes out as its three-byte form (ED A0..BF xx), so
 * that a caller who sees the other half in a later piece can join them: llmc_utf8_joiner.
 */
bool llmc_json_decode(const llmc_json_span *span, llmc_buffer *out); /* false: no memory or too large */

/*
 * Makes text that came in pieces well-formed: a high surrogate half at the end of a piece waits for the next piece; a
 * half that stays alone becomes U+FFFD. Most pieces pass through without a copy.
 */
typedef struct llmc_utf8_joiner {
    uint16_t waiting; /* a high half, or 0 */
} llmc_utf8_joiner;
/* Rewrites text in place (it never grows) behind `lead` bytes that were kept free before it; returns its new start, sets *bytes. */
enum { LLMC_JOINER_LEAD = 4 };
char *llmc_utf8_join(llmc_utf8_joiner *joiner, char *text, size_t *bytes); /* text[-LLMC_JOINER_LEAD..-1] must be writable */
size_t llmc_utf8_join_end(llmc_utf8_joiner *joiner, char out[4]);          /* what was still waiting: 0 or 3 bytes (U+FFFD) */

/* ---- writing: commas are put where they belong ---- */

typedef struct llmc_json_writer {
    llmc_buffer *out;
    bool comma;
} llmc_json_writer;

void llmc_json_write_begin_object(llmc_json_writer *writer);
void llmc_json_write_end_object(llmc_json_writer *writer);
void llmc_json_write_begin_array(llmc_json_writer *writer);
void llmc_json_write_end_array(llmc_json_writer *writer);
void llmc_json_write_key(llmc_json_writer *writer, const char *name);
void llmc_json_write_string(llmc_json_writer *writer, const char *text, size_t bytes); /* well-formed UTF-8; escapes 16 bytes at a time */
void llmc_json_write_text(llmc_json_writer *writer, const char *text);                 /* NULL: null */
void llmc_json_write_integer(llmc_json_writer *writer, int64_t value);
void llmc_json_write_double(llmc_json_writer *writer, double value); /* shortest form that reads back the same; no locale; not finite: null */
void llmc_json_write_bool(llmc_json_writer *writer, bool value);
void llmc_json_write_null(llmc_json_writer *writer);
void llmc_json_write_raw(llmc_json_writer *writer, const char *json, size_t bytes);    /* a value that is JSON already */
void llmc_json_write_base64(llmc_json_writer *writer, const char *prefix, const void *data, size_t bytes); /* "prefix" + base64, as a string */
/* A name and its value, as above; of an object or an array its beginning. */
void llmc_json_write_member_string(llmc_json_writer *writer, const char *name, const char *text, size_t bytes);
void llmc_json_write_member_text(llmc_json_writer *writer, const char *name, const char *text);
void llmc_json_write_member_integer(llmc_json_writer *writer, const char *name, int64_t value);
void llmc_json_write_member_count(llmc_json_writer *writer, const char *name, uint64_t value); /* at most INT64_MAX is written */
void llmc_json_write_member_bool(llmc_json_writer *writer, const char *name, bool value);
void llmc_json_write_member_json(llmc_json_writer *writer, const char *name, const char *json); /* ended by zero */
void llmc_json_write_member_object(llmc_json_writer *writer, const char *name);
void llmc_json_write_member_array(llmc_json_writer *writer, const char *name);

#endif
