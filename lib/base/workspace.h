/*
 * Memory for what lives no longer than one exchange: an allocator that cuts its pieces off one block, which is kept from
 * one borrower to the next. What does not fit comes from the allocator underneath. One borrower at a time; whoever comes
 * meanwhile does without. Pieces of the block need no freeing: they are gone when it is given back.
 */
#ifndef LLMC_WORKSPACE_H
#define LLMC_WORKSPACE_H

#include "base/memory.h"

enum { LLMC_WORKSPACE_BYTES = 32 << 10 };

typedef struct llmc_workspace {
    llmc_allocator pieces; /* what a borrower allocates from */
    const llmc_allocator *under;
    char *block;           /* made for the first borrower */
    size_t used, last;     /* where the free part begins, and the piece before it */
    size_t outside;        /* pieces that did not fit and must be freed */
    bool lent;
} llmc_workspace;

void llmc_workspace_init(llmc_workspace *workspace, const llmc_allocator *under); /* must not move afterwards */
void llmc_workspace_free(llmc_workspace *workspace);
const llmc_allocator *llmc_workspace_borrow(llmc_workspace *workspace); /* NULL: lent already, or no memory */
void llmc_workspace_return(llmc_workspace *workspace);

#endif
