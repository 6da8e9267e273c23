/* One HTTP call by plain libcurl, and raw sockets: for tests that look at a server without the library between. */
#ifndef TESTS_HTTP_CALL_H
#define TESTS_HTTP_CALL_H

#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

typedef struct http_reply {
    CURLcode result;
    long status;
    char *head, *body; /* ended by zero bytes; "" where there is none */
    size_t head_bytes, body_bytes;
    double seconds, first_byte_seconds;
    long connects; /* new connections that this call made */
} http_reply;

/* handle NULL: a new connection. body NULL: GET. headers: lines, ended by NULL; NULL: content-type json only. Waits 10 s at most. */
http_reply http_call(CURL *handle, const char *base, const char *path, const char *body, const char *const *headers);
void http_reply_free(http_reply *reply);

/* A connected blocking socket with a receive timeout of 5 s; -1 on failure. */
int raw_connect(uint16_t port);
int raw_send(int fd, const char *text, size_t bytes);
/* Reads until the other side closes or `until` was seen in what came (NULL: until it closes). A text of yours: free(). */
char *raw_read(int fd, const char *until, size_t *bytes);

#endif
