/*
 * HTTP over libcurl's multi interface, one per driver: keep-alive, HTTP/2 and the CA store stay with it.
 *
 * Every wait is the driver's: libcurl's own time-outs are off and its sockets and timer are watched by the driver.
 * TLS is verified unless a request says otherwise; redirects are never followed, so that a key never travels on.
 * One thing libcurl does by itself: a request on a kept connection that ends before any byte of an answer goes out once
 * more, on a new connection. Servers close idle connections just as they are used again, and that is no failure.
 */
#ifndef LLMC_HTTP_H
#define LLMC_HTTP_H

#include "wire/driver.h"

#include <llmcost/plugin.h>

typedef struct llmc_http llmc_http;

/* Process-wide, counted; libcurl must have been initialised before the first llmc_http_open(). */
llmcost_status llmc_http_global_open(void);
void llmc_http_global_close(void);

llmcost_status llmc_http_open(llmc_http **out, llmc_driver *driver);
void llmc_http_close(llmc_http *http); /* no exchange may be under way */
const llmcost_transport *llmc_http_transport(llmc_http *http);
uint64_t llmc_http_connections(llmc_http *http); /* opened so far; any thread */

#endif
