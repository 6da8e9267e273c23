/* An allocator that fails the Nth allocation and counts what is still out. One thread only. */
#ifndef TESTS_FAILING_ALLOCATOR_H
#define TESTS_FAILING_ALLOCATOR_H

#include <llmcost/llmcost.h>

typedef struct failing_allocator {
    llmcost_allocator allocator; /* hand this out */
    long fail_at;                /* the allocation that fails, counted from 1; 0: none */
    long calls;                  /* allocations so far, growing ones included */
    long live;                   /* blocks not given back */
    int failed;                  /* the failure happened */
} failing_allocator;

void failing_allocator_init(failing_allocator *failing, long fail_at);

#endif
