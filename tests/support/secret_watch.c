#include "secret_watch.h"

#include <string.h>

typedef union block {
    size_t bytes;
    char aligned[16];
} block;

static void look(secret_watch *watch, const block *head)
{
    for (const char *const *secret = watch->secrets; *secret; secret++) {
        if (memmem(head + 1, head->bytes, *secret, strlen(*secret))) {
            watch->left_behind++;
            watch->which = *secret;
        }
    }
}

static void *allocate(size_t bytes, void *user)
{
    const secret_watch *watch = user;
    block *head = watch->under->allocate(sizeof *head + bytes, watch->under->user);
    if (!head)
        return NULL;
    memset(head, 0, sizeof *head + bytes); /* what an earlier owner left is not this one's fault */
    head->bytes = bytes;
    return head + 1;
}

static void release(void *memory, void *user)
{
    secret_watch *watch = user;
    if (!memory)
        return;
    look(watch, (block *)memory - 1);
    watch->under->release((block *)memory - 1, watch->under->user);
}

static void *reallocate(void *memory, size_t bytes, void *user)
{
    void *moved = allocate(bytes, user);
    if (!moved || !memory)
        return moved;
    size_t before = ((block *)memory - 1)->bytes;
    memcpy(moved, memory, before < bytes ? before : bytes);
    release(memory, user);
    return moved;
}

void secret_watch_init(secret_watch *watch, const llmcost_allocator *under, const char *const *secrets)
{
    *watch = (secret_watch){ .allocator = { allocate, reallocate, release, watch }, .under = under, .secrets = secrets };
}
