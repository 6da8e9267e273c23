/* An allocator that fails its Nth allocation and counts what was not given back. */
#ifndef TESTS_NTH_FAILURE_H
#define TESTS_NTH_FAILURE_H

#include "base/memory.h"

typedef struct nth_failure {
    long fail_at; /* 1: the first; 0: none */
    long allocations, live;
} nth_failure;

llmc_allocator nth_failure_allocator(nth_failure *failure);

#endif
