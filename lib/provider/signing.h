/*
 * What request signatures share: a request in the one form that both sides compute. Pure functions of request, key and
 * time; nothing here knows a clock or a network.
 */
#ifndef LLMC_SIGNING_H
#define LLMC_SIGNING_H

#include "base/buffer.h"

enum { LLMC_SIGNED_HEADERS_MAXIMUM = 32, LLMC_SIGNING_KEY_MAXIMUM = 256 };

/* A request as it goes onto the wire. */
typedef struct llmc_signed_request {
    const char *method;
    const char *host;     /* as in the Host header: with a port where it is not the scheme's own */
    const char *target;   /* path and query, percent-encoded once */
    const char *const *headers; /* further "Name: value" lines that are signed, header_count of them */
    size_t header_count;
    const void *body;
    size_t body_bytes;
} llmc_signed_request;

typedef struct llmc_signing_key {
    const char *access_key, *secret_key;
    const char *session_token; /* of credentials that expire; NULL or "": none */
} llmc_signing_key;

/* One header: spans of what the caller holds. */
typedef struct llmc_signed_header {
    const char *name, *value;
    size_t name_bytes, value_bytes; /* without blanks around */
} llmc_signed_header;

typedef struct llmc_signed_headers {
    llmc_signed_header list[LLMC_SIGNED_HEADERS_MAXIMUM];
    size_t count;
} llmc_signed_headers;

/* Percent-encodes all but letters, digits, "-._~" and the characters of `kept`. */
void llmc_sign_encode(llmc_buffer *out, const char *text, size_t bytes, const char *kept);
/* The same after undoing what percent-encoding there is. */
void llmc_sign_encode_again(llmc_buffer *out, const char *text, size_t bytes, const char *kept);
/*
 * The parameters of a query, encoded alike, each with "=", in order: by name and then value, or (whole) as texts, where
 * "=" has its place among the characters. Failures are the buffer's.
 */
void llmc_sign_query(llmc_buffer *out, const char *query, bool whole);
/* Adds a header and keeps the order by name, in lower case; false: too many, or no "Name: value". */
bool llmc_sign_header(llmc_signed_headers *headers, const char *name, const char *value);
bool llmc_sign_header_line(llmc_signed_headers *headers, const char *line);
/* "host;x-amz-date": each name once. */
void llmc_sign_header_names(const llmc_signed_headers *headers, llmc_buffer *out);
bool llmc_sign_same_name(const llmc_signed_header *a, const llmc_signed_header *b);
static inline char llmc_sign_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}
/* "name" "value" and a zero byte. */
void llmc_sign_add_line(llmc_buffer *lines, const char *name, const char *value);
llmcost_status llmc_sign_status(llmc_buffer_failure failure);
/* "2015-08-30T12:36:00Z"; the basic form is the same without "-" and ":". */
void llmc_sign_time(int64_t wall_ms, char extended[21], char basic[17]);

#endif
