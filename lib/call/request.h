/* The two halves of importing a request: bringing it into this library's layout (request.c) and checking it. */
#ifndef LLMC_REQUEST_H
#define LLMC_REQUEST_H

#include "base/error.h"

/* Most items that any array of a request may have. */
enum { LLMC_REQUEST_MAX_ITEMS = 1 << 20 };

/* Everything but sizes and strides, of a request in our layout. E_INVALID names the field with its index. */
llmcost_status llmc_request_check(const llmcost_request *request, llmcost_error *error);

#endif
