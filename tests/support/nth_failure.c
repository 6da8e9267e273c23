#include "nth_failure.h"
#include "fail_for_good.h"

#include <stdlib.h>

static void *allocate(size_t bytes, void *user)
{
    nth_failure *failure = user;
    if (test_allocation_fails(++failure->allocations, failure->fail_at))
        return NULL;
    failure->live++;
    return malloc(bytes ? bytes : 1);
}

static void *reallocate(void *memory, size_t bytes, void *user)
{
    nth_failure *failure = user;
    if (test_allocation_fails(++failure->allocations, failure->fail_at))
        return NULL;
    failure->live += memory == NULL;
    return realloc(memory, bytes ? bytes : 1);
}

static void release(void *memory, void *user)
{
    nth_failure *failure = user;
    failure->live -= memory != NULL;
    free(memory);
}

llmc_allocator nth_failure_allocator(nth_failure *failure)
{
    return (llmc_allocator){ allocate, reallocate, release, failure };
}
