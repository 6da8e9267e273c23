#include "counting_memory.h"
#include "fail_for_good.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD = 16 }; /* keeps the size, and the alignment */

static int fails(counting_memory *memory)
{
    long call = ++memory->calls;
    if (!memory->fail_all && !test_allocation_fails(call, memory->fail_at) && (!memory->fail_from || call < memory->fail_from))
        return 0;
    memory->failed = 1;
    return 1;
}

static void *allocate(size_t bytes, void *user)
{
    counting_memory *memory = user;
    char *block = fails(memory) ? NULL : malloc(bytes + HEAD);
    if (!block)
        return NULL;
    memcpy(block, &bytes, sizeof bytes);
    memory->blocks++;
    memory->bytes += (long)bytes;
    return block + HEAD;
}

static void release(void *block, void *user)
{
    counting_memory *memory = user;
    if (!block)
        return;
    size_t bytes;
    memcpy(&bytes, (char *)block - HEAD, sizeof bytes);
    memory->blocks--;
    memory->bytes -= (long)bytes;
    free((char *)block - HEAD);
}

static void *reallocate(void *block, size_t bytes, void *user)
{
    void *grown = allocate(bytes, user);
    if (!grown || !block)
        return grown;
    size_t before;
    memcpy(&before, (char *)block - HEAD, sizeof before);
    memcpy(grown, block, before < bytes ? before : bytes);
    release(block, user);
    return grown;
}

void counting_memory_init(counting_memory *memory)
{
    memset(memory, 0, sizeof *memory);
    memory->allocator = (llmcost_allocator){ allocate, reallocate, release, memory };
}
