/*
 * How the keys of one provider fare, shared by all threads: which are out and until when, which is next.
 *
 * Rejected and out of money are states of a key. Rate-limited is a state of a key and a model, for that is what hosts
 * count by: a small model goes on where the large one is throttled. A lone key is never kept back for a rate limit; its
 * calls wait in retry.c, or queue under "limits".
 */
#ifndef LLMC_KEY_POOL_H
#define LLMC_KEY_POOL_H

#include "policy/settings.h"

#include <pthread.h>
#include <stdatomic.h>

enum { LLMC_KEY_MODELS = 8 }; /* told apart for each key; of more, those that come back soonest are forgotten */

/* The best first: a pool that has no key to give is as well off as its best one. */
typedef enum llmc_key_state { LLMC_KEY_OK, LLMC_KEY_LIMITED, LLMC_KEY_OUT_OF_MONEY, LLMC_KEY_REJECTED, LLMC_KEY_STATES } llmc_key_state;

typedef struct llmc_key_model {
    uint64_t model;             /* its hash; 0: free */
    int64_t limited_until_ns;
    int64_t share, share_until_ns; /* what is left of the rate limit, in millionths, until its reset */
    uint32_t guesses;           /* limited so often in a row without being told for how long */
} llmc_key_model;

typedef struct llmc_pooled_key {
    atomic_uint_fast64_t calls;
    atomic_uint_fast32_t in_flight;
    atomic_int state;           /* llmc_key_state, never LIMITED; changed under the lock */
    int64_t back_ns;            /* OUT_OF_MONEY: when it is tried again */
    llmc_key_model *models;     /* LLMC_KEY_MODELS of them; NULL: a lone key */
} llmc_pooled_key;

typedef struct llmc_key_pool {
    const llmc_provider *provider;
    pthread_mutex_t lock;
    size_t count, next;         /* next: in turn */
    llmc_pooled_key *keys;
} llmc_key_pool;

/* One for every provider with keys. E_MEMORY: close what there is. */
llmcost_status llmc_key_pools_open(llmc_provider *providers, size_t count, const llmc_allocator *allocator);
void llmc_key_pools_close(llmc_provider *providers, size_t count, const llmc_allocator *allocator);

/* What a leg wants of a pool. */
typedef struct llmc_key_wish {
    uint64_t model;             /* llmc_key_model_hash() */
    const unsigned char *tried; /* a byte per key; NULL: none so far */
    bool asks_for_money;        /* a balance: of a key that is out of it, first of all */
    bool checks;                /* a balance, a list of models: where no key is in, one that is out will do, for the answer puts it back */
    /* Whether a call with this key could go at once: preferred. NULL: all could. */
    bool (*has_room)(void *user, size_t key);
    void *user;
} llmc_key_wish;

uint64_t llmc_key_model_hash(const char *model);
/* The key to use, counted as under way; below 0: none is usable. */
int llmc_key_pool_take(llmc_key_pool *pool, const llmc_key_wish *wish, int64_t now_ns);
/* The same for the usual case, a lone key that is in. false: llmc_key_pool_take() decides. */
static inline bool llmc_key_pool_take_lone(llmc_key_pool *pool)
{
    if (pool->count != 1 || atomic_load_explicit(&pool->keys->state, memory_order_relaxed) != LLMC_KEY_OK)
        return false;
    atomic_fetch_add_explicit(&pool->keys->calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&pool->keys->in_flight, 1, memory_order_relaxed);
    return true;
}
void llmc_key_pool_give_back(llmc_key_pool *pool, size_t key);

/* What became of it. true: it was not so before. */
bool llmc_key_pool_reject(llmc_key_pool *pool, size_t key);
bool llmc_key_pool_out_of_money(llmc_key_pool *pool, size_t key, int64_t now_ns);
bool llmc_key_pool_put_back(llmc_key_pool *pool, size_t key, bool money); /* it was accepted; money: and has some */
void llmc_key_pool_limited(llmc_key_pool *pool, size_t key, uint64_t model, int64_t now_ns, int64_t wait_ms); /* below 0: not told */
void llmc_key_pool_served(llmc_key_pool *pool, size_t key, uint64_t model, int64_t now_ns, const llmc_rate_limits *limits); /* NULL: none told */

/* How a pool stands for a model. */
typedef struct llmc_key_census {
    size_t of[LLMC_KEY_STATES];
    llmc_key_state best;
    int64_t back_ns;            /* the soonest return of any; NEVER: none returns by itself */
} llmc_key_census;
llmc_key_census llmc_key_pool_census(llmc_key_pool *pool, uint64_t model, int64_t now_ns);

/* One key, over all models: its state and when it is in again (0: it is; NEVER: not by itself). */
llmc_key_state llmc_key_pool_state(llmc_key_pool *pool, size_t key, int64_t now_ns, int64_t *back_ns);

#endif
