/*
 * Memory for what lives no longer than one exchange: an allocator that cuts its pieces off one block. What does not fit
 * comes from the allocator underneath. Pieces of the block need no freeing: they are gone when it is given back.
 *
 * Blocks are kept from one borrower to the next, as many as there were borrowers at once, but never more than
 * LLMC_WORKSPACES: whoever comes when all of them are lent does without. When the last one is given back, a burst is over:
 * as many are kept as it had at once, for the next is often like it, and those of a larger one before it are freed, all
 * but LLMC_WORKSPACES_IDLE.
 */
#ifndef LLMC_WORKSPACE_H
#define LLMC_WORKSPACE_H

#include "base/memory.h"

enum { LLMC_WORKSPACE_BYTES = 32 << 10, LLMC_WORKSPACES = 64, LLMC_WORKSPACES_IDLE = 4 };

typedef struct llmc_workspace {
    llmc_allocator pieces; /* what a borrower allocates from */
    const llmc_allocator *under;
    struct llmc_workspace *next;
    size_t used, last;     /* where the free part of the block begins, and the piece before it */
    size_t outside;        /* pieces that did not fit and must be freed */
    _Alignas(16) char block[];
} llmc_workspace;

typedef struct llmc_workspaces {
    const llmc_allocator *under;
    llmc_workspace *idle;
    uint32_t count, lent; /* count: lent ones too */
    uint32_t most;        /* lent at once since the latest burst */
} llmc_workspaces;

void llmc_workspaces_init(llmc_workspaces *workspaces, const llmc_allocator *under);
void llmc_workspaces_free(llmc_workspaces *workspaces); /* none is lent */
llmc_workspace *llmc_workspace_borrow(llmc_workspaces *workspaces); /* NULL: all of them are lent, or no memory */
void llmc_workspace_return(llmc_workspaces *workspaces, llmc_workspace *workspace);

#endif
