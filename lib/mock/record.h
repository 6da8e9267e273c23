/* The last requests, for a test to look at: a ring that the server thread writes and any thread reads. */
#ifndef LLMC_MOCK_RECORD_H
#define LLMC_MOCK_RECORD_H

#include "base/buffer.h"

#include <pthread.h>

typedef struct llmc_mock_record {
    uint64_t number; /* of the request, from 1; 0: nothing here */
    llmc_buffer head, body;
} llmc_mock_record;

typedef struct llmc_mock_copy llmc_mock_copy;

typedef struct llmc_mock_records {
    const llmc_allocator *allocator;
    pthread_mutex_t lock;
    llmc_mock_record *ring;
    size_t count;
    llmc_mock_copy *copies; /* what was handed out; lives as long as the server */
} llmc_mock_records;

bool llmc_mock_records_open(llmc_mock_records *records, const llmc_allocator *allocator, size_t count);
void llmc_mock_records_close(llmc_mock_records *records);
/* number from 1. Without memory the request is not recorded. */
void llmc_mock_records_add(llmc_mock_records *records, uint64_t number, const char *head, size_t head_bytes, const char *body, size_t body_bytes);
const char *llmc_mock_records_body(llmc_mock_records *records, uint64_t number, size_t *bytes);
const char *llmc_mock_records_header(llmc_mock_records *records, uint64_t number, const char *name);

#endif
