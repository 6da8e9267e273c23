#include "failing_allocator.h"
#include "fail_for_good.h"

#include <stdlib.h>

static int fails_now(failing_allocator *failing)
{
    if (!test_allocation_fails(++failing->calls, failing->fail_at))
        return 0;
    failing->failed = 1;
    return 1;
}

static void *allocate(size_t bytes, void *user)
{
    failing_allocator *failing = user;
    void *memory = fails_now(failing) ? NULL : malloc(bytes ? bytes : 1);
    failing->live += memory != NULL;
    return memory;
}

static void *reallocate(void *memory, size_t bytes, void *user)
{
    failing_allocator *failing = user;
    if (fails_now(failing))
        return NULL;
    void *grown = realloc(memory, bytes ? bytes : 1);
    failing->live += grown && !memory;
    return grown;
}

static void release(void *memory, void *user)
{
    failing_allocator *failing = user;
    failing->live -= memory != NULL;
    free(memory);
}

void failing_allocator_init(failing_allocator *failing, long fail_at)
{
    *failing = (failing_allocator){ .allocator = { allocate, reallocate, release, failing }, .fail_at = fail_at };
}
