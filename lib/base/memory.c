#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16, BLOCK_BYTES = 4096 };

struct llmc_arena_block {
    llmc_arena_block *next;
    size_t bytes;
};

static void *system_allocate(size_t bytes, void *user)
{
    (void)user;
    return malloc(bytes);
}

static void *system_reallocate(void *memory, size_t bytes, void *user)
{
    (void)user;
    return realloc(memory, bytes);
}

static void system_release(void *memory, void *user)
{
    (void)user;
    free(memory);
}

const llmc_allocator llmc_allocator_system = { system_allocate, system_reallocate, system_release, NULL };

void *llmc_alloc(const llmc_allocator *allocator, size_t bytes)
{
    return allocator->allocate(bytes ? bytes : 1, allocator->user);
}

void *llmc_calloc(const llmc_allocator *allocator, size_t count, size_t bytes)
{
    if (bytes && count > SIZE_MAX / bytes)
        return NULL;
    void *memory = llmc_alloc(allocator, count * bytes);
    if (memory)
        memset(memory, 0, count * bytes);
    return memory;
}

void *llmc_realloc(const llmc_allocator *allocator, void *memory, size_t bytes)
{
    if (!memory)
        return llmc_alloc(allocator, bytes);
    return allocator->reallocate(memory, bytes ? bytes : 1, allocator->user);
}

void llmc_free(const llmc_allocator *allocator, void *memory)
{
    if (memory)
        allocator->release(memory, allocator->user);
}

char *llmc_put_text(char *to, const char *text, size_t bytes)
{
    if (bytes)
        memcpy(to, text, bytes);
    to[bytes] = '\0';
    return to + bytes + 1;
}

char *llmc_strndup(const llmc_allocator *allocator, const char *text, size_t bytes)
{
    if (bytes == SIZE_MAX)
        return NULL;
    char *copy = llmc_alloc(allocator, bytes + 1);
    if (!copy)
        return NULL;
    llmc_put_text(copy, text, bytes);
    return copy;
}

char *llmc_strdup(const llmc_allocator *allocator, const char *text)
{
    return llmc_strndup(allocator, text, strlen(text));
}

bool llmc_grow(const llmc_allocator *allocator, void **items, size_t *capacity, size_t needed, size_t item_bytes)
{
    if (needed <= *capacity)
        return true;
    size_t wanted = *capacity ? *capacity : 4;
    while (wanted < needed) {
        if (wanted > SIZE_MAX / 2)
            return false;
        wanted *= 2;
    }
    if (wanted > SIZE_MAX / item_bytes)
        return false;
    void *grown = llmc_realloc(allocator, *items, wanted * item_bytes);
    if (!grown)
        return false;
    *items = grown;
    *capacity = wanted;
    return true;
}

static char *aligned_up(char *at)
{
    return at + (-(uintptr_t)at & (ALIGNMENT - 1));
}

static char *aligned_down(char *at)
{
    return at - ((uintptr_t)at & (ALIGNMENT - 1));
}

/* The arena goes on in this memory, as far as whole steps of the alignment fit. */
static void use(llmc_arena *arena, char *memory, size_t bytes)
{
    arena->at = aligned_up(memory);
    arena->end = aligned_down(memory + bytes);
    if (arena->end < arena->at)
        arena->end = arena->at;
}

void llmc_arena_init(llmc_arena *arena, const llmc_allocator *allocator, void *first, size_t first_bytes)
{
    *arena = (llmc_arena){ .allocator = allocator };
    if (first)
        use(arena, first, first_bytes);
}

void llmc_arena_clear(llmc_arena *arena)
{
    while (arena->blocks) {
        llmc_arena_block *block = arena->blocks;
        arena->blocks = block->next;
        llmc_free(arena->allocator, block);
    }
    arena->at = arena->end = NULL;
}

static bool add_block(llmc_arena *arena, size_t bytes)
{
    size_t wanted = bytes > BLOCK_BYTES / 2 ? bytes : BLOCK_BYTES;
    if (wanted > SIZE_MAX - sizeof(llmc_arena_block) - 2 * ALIGNMENT)
        return false;
    llmc_arena_block *block = llmc_alloc(arena->allocator, sizeof *block + 2 * ALIGNMENT + wanted);
    if (!block)
        return false;
    block->next = arena->blocks;
    block->bytes = wanted;
    arena->blocks = block;
    use(arena, (char *)(block + 1), 2 * ALIGNMENT + wanted);
    return true;
}

void *llmc_arena_alloc_slow(llmc_arena *arena, size_t bytes)
{
    return add_block(arena, bytes) ? llmc_arena_alloc(arena, bytes) : NULL;
}

void *llmc_arena_calloc(llmc_arena *arena, size_t count, size_t bytes)
{
    size_t total;
    void *memory = __builtin_mul_overflow(count, bytes, &total) ? NULL : llmc_arena_alloc(arena, total);
    return memory ? memset(memory, 0, total) : NULL;
}

char *llmc_arena_strndup(llmc_arena *arena, const char *text, size_t bytes)
{
    if (bytes == SIZE_MAX)
        return NULL;
    char *copy = llmc_arena_alloc(arena, bytes + 1);
    if (!copy)
        return NULL;
    llmc_put_text(copy, text, bytes);
    return copy;
}

char *llmc_arena_strdup(llmc_arena *arena, const char *text)
{
    if (!text)
        return NULL;
    size_t bytes = strlen(text) + 1;
    char *copy = llmc_arena_alloc(arena, bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}
