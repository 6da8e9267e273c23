/* The host's allocator, and arenas on top of it. Every allocation of the library goes through here. */
#ifndef LLMC_MEMORY_H
#define LLMC_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <llmcost/llmcost.h>

typedef llmcost_allocator llmc_allocator;

/* malloc, realloc and free. */
extern const llmc_allocator llmc_allocator_system;

void *llmc_alloc(const llmc_allocator *allocator, size_t bytes);
void *llmc_calloc(const llmc_allocator *allocator, size_t count, size_t bytes); /* zeroed; NULL when the product overflows */
void *llmc_realloc(const llmc_allocator *allocator, void *memory, size_t bytes);
void llmc_free(const llmc_allocator *allocator, void *memory);
char *llmc_put_text(char *to, const char *text, size_t bytes); /* ended by a zero byte; returns what is behind that */
char *llmc_strdup(const llmc_allocator *allocator, const char *text);
char *llmc_strndup(const llmc_allocator *allocator, const char *text, size_t bytes);

/*
 * Grow an array to hold at least `needed` items; doubles. *items and *capacity change on success only.
 * Returns false without memory.
 */
bool llmc_grow(const llmc_allocator *allocator, void **items, size_t *capacity, size_t needed, size_t item_bytes);

/*
 * An arena: memory that is given back all at once. The first block may be the caller's, so that an object and what
 * belongs to it take a single allocation.
 */
typedef struct llmc_arena_block llmc_arena_block;
typedef struct llmc_arena {
    const llmc_allocator *allocator; /* outlives the arena */
    llmc_arena_block *blocks;
    char *at, *end;                  /* both aligned; NULL: no block yet */
} llmc_arena;

void llmc_arena_init(llmc_arena *arena, const llmc_allocator *allocator, void *first, size_t first_bytes);
void llmc_arena_clear(llmc_arena *arena); /* gives back all blocks but the caller's first */
void *llmc_arena_alloc_slow(llmc_arena *arena, size_t bytes);
void *llmc_arena_calloc(llmc_arena *arena, size_t count, size_t bytes);
char *llmc_arena_strdup(llmc_arena *arena, const char *text); /* NULL stays NULL */
char *llmc_arena_strndup(llmc_arena *arena, const char *text, size_t bytes);

/* Aligned to 16, not zeroed; NULL without memory. at is aligned always, so that the usual piece is a comparison and an addition. */
static inline void *llmc_arena_alloc(llmc_arena *arena, size_t bytes)
{
    char *memory = arena->at;
    if (!memory || bytes > (size_t)(arena->end - memory))
        return llmc_arena_alloc_slow(arena, bytes);
    arena->at = memory + ((bytes + 15) & ~(size_t)15);
    return memory;
}

#endif
