#include "base/workspace.h"

#include <string.h>

/* Before every piece of the block: its size, which reallocating must know. */
enum { HEAD_BYTES = 16 };

static size_t rounded(size_t bytes)
{
    return (bytes + HEAD_BYTES - 1) & ~(size_t)(HEAD_BYTES - 1);
}

static bool is_ours(const llmc_workspace *workspace, const void *memory)
{
    return (uintptr_t)memory - (uintptr_t)workspace->block < LLMC_WORKSPACE_BYTES;
}

static size_t *size_of(void *memory)
{
    return (size_t *)(void *)((char *)memory - HEAD_BYTES);
}

static void *take_outside(llmc_workspace *workspace, size_t bytes)
{
    void *memory = llmc_alloc(workspace->under, bytes);
    workspace->outside += memory != NULL;
    return memory;
}

static void *take(size_t bytes, void *user)
{
    llmc_workspace *workspace = user;
    size_t room = LLMC_WORKSPACE_BYTES - workspace->used;
    if (bytes > room || rounded(bytes) + HEAD_BYTES > room)
        return take_outside(workspace, bytes);
    workspace->last = workspace->used + HEAD_BYTES;
    workspace->used = workspace->last + rounded(bytes);
    char *memory = workspace->block + workspace->last;
    *size_of(memory) = bytes;
    return memory;
}

static void release(void *memory, void *user)
{
    llmc_workspace *workspace = user;
    if (!is_ours(workspace, memory)) {
        llmc_free(workspace->under, memory);
        workspace->outside--;
        return;
    }
    if (memory == workspace->block + workspace->last)
        workspace->used = workspace->last = workspace->last - HEAD_BYTES;
}

/* The last piece grows where it is. */
static void *resize(void *memory, size_t bytes, void *user)
{
    llmc_workspace *workspace = user;
    if (!is_ours(workspace, memory))
        return llmc_realloc(workspace->under, memory, bytes);
    size_t *size = size_of(memory);
    size_t room = LLMC_WORKSPACE_BYTES - workspace->last;
    if (memory == workspace->block + workspace->last && bytes <= room && rounded(bytes) <= room) {
        workspace->used = workspace->last + rounded(bytes);
        *size = bytes;
        return memory;
    }
    void *moved = take(bytes, workspace);
    if (moved)
        memcpy(moved, memory, *size < bytes ? *size : bytes);
    return moved;
}

void llmc_workspaces_init(llmc_workspaces *workspaces, const llmc_allocator *under)
{
    *workspaces = (llmc_workspaces){ .under = under };
}

static void free_idle(llmc_workspaces *workspaces, uint32_t kept)
{
    while (workspaces->idle && workspaces->count > kept) {
        llmc_workspace *workspace = workspaces->idle;
        workspaces->idle = workspace->next;
        workspaces->count--;
        llmc_free(workspaces->under, workspace);
    }
}

void llmc_workspaces_free(llmc_workspaces *workspaces)
{
    free_idle(workspaces, 0);
}

static llmc_workspace *make_workspace(llmc_workspaces *workspaces)
{
    if (workspaces->count == LLMC_WORKSPACES)
        return NULL;
    llmc_workspace *workspace = llmc_alloc(workspaces->under, sizeof *workspace + LLMC_WORKSPACE_BYTES);
    if (!workspace)
        return NULL;
    *workspace = (llmc_workspace){ .pieces = { take, resize, release, workspace }, .under = workspaces->under };
    workspaces->count++;
    return workspace;
}

llmc_workspace *llmc_workspace_borrow(llmc_workspaces *workspaces)
{
    llmc_workspace *workspace = workspaces->idle;
    if (workspace)
        workspaces->idle = workspace->next;
    else
        workspace = make_workspace(workspaces);
    workspaces->lent += workspace != NULL;
    if (workspaces->lent > workspaces->most)
        workspaces->most = workspaces->lent;
    return workspace;
}

void llmc_workspace_return(llmc_workspaces *workspaces, llmc_workspace *workspace)
{
    workspace->used = workspace->last = 0;
    workspace->next = workspaces->idle;
    workspaces->idle = workspace;
    if (--workspaces->lent)
        return;
    free_idle(workspaces, workspaces->most > LLMC_WORKSPACES_IDLE ? workspaces->most : LLMC_WORKSPACES_IDLE);
    workspaces->most = 0;
}
