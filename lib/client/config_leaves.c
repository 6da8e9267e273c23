/*
 * Leaves that requests named, remembered by the name they used: a fingerprint costs more than a whole answer out of the
 * cache. Insert-only and without locks; bounded, because names come from outside: what finds no place is made anew
 * each time. A leaf lives as long as the settings.
 */
#include "client/config.h"

#include "base/hash.h"

#include <stdatomic.h>
#include <string.h>

enum { SLOTS = 128, PROBES = 8, ROOM_BYTES = 1000 };

typedef struct leaf_entry {
    const char *key;
    const llmc_route *route;
    llmc_arena arena;      /* begins in the room, which a route and its name fit into */
    char room[ROOM_BYTES];
} leaf_entry;

struct llmc_leaf_memo {
    _Atomic(leaf_entry *) slots[SLOTS];
};

static size_t first_slot(const char *name)
{
    return llmc_hash64(name, strlen(name), 0) % SLOTS;
}

struct llmc_leaf_memo *llmc_leaf_memo_new(llmc_arena *arena)
{
    return llmc_arena_calloc(arena, 1, sizeof(struct llmc_leaf_memo));
}

static void free_entry(leaf_entry *entry, const llmc_allocator *allocator)
{
    if (entry)
        llmc_arena_clear(&entry->arena);
    llmc_free(allocator, entry);
}

void llmc_leaf_memo_free(struct llmc_leaf_memo *memo, const llmc_allocator *allocator)
{
    for (size_t i = 0; memo && i < SLOTS; i++)
        free_entry(atomic_load_explicit(&memo->slots[i], memory_order_relaxed), allocator);
}

const llmc_route *llmc_leaf_memo_find(struct llmc_leaf_memo *memo, const char *name)
{
    size_t at = first_slot(name);
    for (size_t i = 0; i < PROBES; i++) {
        const leaf_entry *entry = atomic_load_explicit(&memo->slots[(at + i) % SLOTS], memory_order_acquire);
        if (!entry)
            return NULL;
        if (strcmp(entry->key, name) == 0)
            return entry->route;
    }
    return NULL;
}

static leaf_entry *make_entry(const llmc_settings *settings, const char *name, llmcost_status *status, char reason[LLMC_REASON_BYTES])
{
    const llmc_allocator *allocator = settings->arena.allocator;
    leaf_entry *entry = llmc_alloc(allocator, sizeof *entry);
    *status = LLMCOST_E_MEMORY;
    if (!entry)
        return NULL;
    llmc_arena_init(&entry->arena, allocator, entry->room, sizeof entry->room);
    *status = llmc_config_leaf(settings, name, &entry->arena, &entry->route, reason);
    if (*status) {
        free_entry(entry, allocator);
        return NULL;
    }
    entry->key = strcmp(entry->route->name, name) == 0 ? entry->route->name : entry->route->model;
    return entry;
}

/* The entry takes the first free place, unless another thread was quicker with the same name. NULL: no place. */
static const llmc_route *insert(struct llmc_leaf_memo *memo, leaf_entry *entry, const llmc_allocator *allocator)
{
    size_t at = first_slot(entry->key);
    for (size_t i = 0; i < PROBES; i++) {
        leaf_entry *there = NULL;
        if (atomic_compare_exchange_strong_explicit(&memo->slots[(at + i) % SLOTS], &there, entry, memory_order_acq_rel, memory_order_acquire))
            return entry->route;
        if (strcmp(there->key, entry->key) == 0) {
            free_entry(entry, allocator);
            return there->route;
        }
    }
    free_entry(entry, allocator);
    return NULL;
}

static bool has_place(struct llmc_leaf_memo *memo, const char *name)
{
    size_t at = first_slot(name);
    for (size_t i = 0; i < PROBES; i++) {
        if (!atomic_load_explicit(&memo->slots[(at + i) % SLOTS], memory_order_relaxed))
            return true;
    }
    return false;
}

llmcost_status llmc_leaf_memo_resolve(const llmc_settings *settings, const char *name, llmc_arena *arena, const llmc_route **out, char reason[LLMC_REASON_BYTES])
{
    llmcost_status status;
    if (has_place(settings->leaves, name)) {
        leaf_entry *entry = make_entry(settings, name, &status, reason);
        *out = entry ? insert(settings->leaves, entry, settings->arena.allocator) : NULL;
        if (*out || (!entry && status != LLMCOST_E_MEMORY))
            return *out ? LLMCOST_OK : status;
    }
    return llmc_config_leaf(settings, name, arena, out, reason);
}
