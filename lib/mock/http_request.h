/*
 * The HTTP/1.1 request parser of the loopback provider: bytes in, offsets out. It works in the caller's buffer and
 * keeps offsets only, so that the buffer may move between two feedings. Chunked bodies are decoded in place.
 *
 * Strict where leniency would hide a client's mistake: lines end by CRLF, no folded headers, one body length.
 * Left out on purpose: trailers are skipped, upgrades are ignored, there is no HTTP/2.
 */
#ifndef LLMC_MOCK_HTTP_REQUEST_H
#define LLMC_MOCK_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LLMC_HTTP_MAX_HEAD = 64 * 1024 };

typedef enum llmc_http_state { LLMC_HTTP_MORE = 0, LLMC_HTTP_READY, LLMC_HTTP_BAD } llmc_http_state;
typedef enum llmc_http_method { LLMC_HTTP_OTHER = 0, LLMC_HTTP_GET, LLMC_HTTP_POST, LLMC_HTTP_HEAD } llmc_http_method;

/* All zero bytes: before the first byte of a request. */
typedef struct llmc_http_request {
    size_t scanned;            /* so far no end of the head in here */
    size_t head_bytes;         /* with its blank line; 0: not complete yet */
    size_t target, target_bytes; /* the path, without a query */
    size_t body, body_bytes;
    size_t next;               /* the first byte that is not decoded yet; when READY: where the next request begins */
    size_t length;             /* Content-Length, or what is left of the current chunk */
    llmc_http_method method;
    int32_t refusal;           /* BAD: the HTTP status to refuse with */
    uint8_t chunk_phase;
    bool chunked, keep_alive, http_1_0, expects_continue;
} llmc_http_request;

/* bytes: everything from the first byte of this request on, length of it known so far; may be changed in place. */
llmc_http_state llmc_http_feed(llmc_http_request *request, char *bytes, size_t length, size_t max_body_bytes);
/* A header of a complete head, name in any case; false where there is none. */
bool llmc_http_header(const char *head, size_t head_bytes, const char *name, const char **value, size_t *value_bytes);

#endif
