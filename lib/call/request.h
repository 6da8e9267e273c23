/* The steps of importing a request: into this library's layout (request.c), checking it, reading the files that it names. */
#ifndef LLMC_REQUEST_H
#define LLMC_REQUEST_H

#include "provider/codec.h"

/* Most items that any array of a request may have. */
enum { LLMC_REQUEST_MAX_ITEMS = 1 << 20 };

/*
 * Everything but sizes and strides, of a request in our layout. E_INVALID names the field with its index.
 * *names_files is set where a part is LLMCOST_PART_FILE, else left alone.
 */
llmcost_status llmc_request_check(const llmcost_request *request, llmc_operation_id operation, bool *names_files, llmcost_error *error);
/* A copy whose parts of that kind are the images, audio and documents in those files (request_files.c). E_FILE, E_INVALID, E_MEMORY. */
llmcost_status llmc_request_read_files(const llmcost_request *request, llmc_arena *arena, const llmcost_request **out, llmcost_error *error);

#endif
