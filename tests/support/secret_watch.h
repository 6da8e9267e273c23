/* An allocator that looks into every block at the moment it is given back or moved: no secret may still stand there. */
#ifndef TESTS_SECRET_WATCH_H
#define TESTS_SECRET_WATCH_H

#include <stdatomic.h>

#include <llmcost/llmcost.h>

typedef struct secret_watch {
    llmcost_allocator allocator; /* hand this out */
    const llmcost_allocator *under;
    const char *const *secrets;  /* ended by NULL */
    atomic_int left_behind;      /* blocks that held one */
    const char *which;           /* the last of them */
} secret_watch;

void secret_watch_init(secret_watch *watch, const llmcost_allocator *under, const char *const *secrets);

#endif
