/* An allocator that counts blocks and bytes, and fails on demand: one allocation, or all from one on. Any thread. */
#ifndef TESTS_COUNTING_MEMORY_H
#define TESTS_COUNTING_MEMORY_H

#include <stdatomic.h>
#include <stddef.h>

#include <llmcost/llmcost.h>

typedef struct counting_memory {
    llmcost_allocator allocator; /* hand this out */
    atomic_long calls;           /* allocations so far, growing ones included */
    atomic_long fail_at;         /* the allocation that fails, counted from 1; 0: none */
    atomic_long fail_from;       /* every allocation from this one on fails; 0: none */
    atomic_int fail_all;         /* while set, every allocation fails */
    atomic_int failed;           /* one was made to fail */
    atomic_long blocks, bytes;   /* not given back */
} counting_memory;

void counting_memory_init(counting_memory *memory);

#endif
