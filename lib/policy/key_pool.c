#include "policy/key_pool.h"

#include "base/clock.h"
#include "base/hash.h"

#include <string.h>

enum { FIRST_GUESS_MS = 1000, MOST_GUESSES = 6 };

/* ---- opening ---- */

static llmc_key_pool *open_pool(const llmc_provider *provider, const llmc_allocator *allocator)
{
    size_t count = provider->credential_count, models = count > 1 ? count * LLMC_KEY_MODELS : 0;
    llmc_key_pool *pool = llmc_calloc(allocator, 1, sizeof *pool + count * sizeof *pool->keys + models * sizeof(llmc_key_model));
    if (!pool)
        return NULL;
    pool->provider = provider;
    pool->count = count;
    pool->keys = (llmc_pooled_key *)(pool + 1);
    llmc_key_model *of_first = (llmc_key_model *)(pool->keys + count);
    for (size_t i = 0; i < count && models; i++)
        pool->keys[i].models = of_first + i * LLMC_KEY_MODELS;
    if (!pthread_mutex_init(&pool->lock, NULL))
        return pool;
    llmc_free(allocator, pool);
    return NULL;
}

llmcost_status llmc_key_pools_open(llmc_provider *providers, size_t count, const llmc_allocator *allocator)
{
    for (size_t i = 0; i < count; i++) {
        if (providers[i].credential_count && !(providers[i].pool = open_pool(&providers[i], allocator)))
            return LLMCOST_E_MEMORY;
    }
    return LLMCOST_OK;
}

void llmc_key_pools_close(llmc_provider *providers, size_t count, const llmc_allocator *allocator)
{
    for (size_t i = 0; i < count; i++) {
        if (!providers[i].pool)
            continue;
        pthread_mutex_destroy(&providers[i].pool->lock);
        llmc_free(allocator, providers[i].pool);
        providers[i].pool = NULL;
    }
}

/* ---- models of a key; the lock is held ---- */

uint64_t llmc_key_model_hash(const char *model)
{
    return llmc_hash64(model, strlen(model), 0) | 1;
}

static llmc_key_model *find_model(const llmc_pooled_key *key, uint64_t model)
{
    for (size_t i = 0; key->models && i < LLMC_KEY_MODELS; i++) {
        if (key->models[i].model == model)
            return &key->models[i];
    }
    return NULL;
}

static llmc_key_model *add_model(const llmc_pooled_key *key, uint64_t model)
{
    llmc_key_model *found = find_model(key, model);
    if (found || !key->models)
        return found;
    found = key->models;
    for (size_t i = 0; i < LLMC_KEY_MODELS && found->model; i++) {
        if (!key->models[i].model || key->models[i].limited_until_ns < found->limited_until_ns)
            found = &key->models[i];
    }
    *found = (llmc_key_model){ .model = model };
    return found;
}

/* ---- choosing; the lock is held ---- */

static llmc_key_state state_of(llmc_pooled_key *key, uint64_t model, int64_t now_ns, int64_t *back_ns)
{
    int state = atomic_load_explicit(&key->state, memory_order_relaxed);
    if (state == LLMC_KEY_OUT_OF_MONEY && key->back_ns <= now_ns) {
        state = LLMC_KEY_OK;
        atomic_store_explicit(&key->state, state, memory_order_relaxed);
    }
    *back_ns = state == LLMC_KEY_OUT_OF_MONEY ? key->back_ns : state == LLMC_KEY_REJECTED ? LLMC_NEVER : 0;
    const llmc_key_model *found = state == LLMC_KEY_OK ? find_model(key, model) : NULL;
    if (!found || found->limited_until_ns <= now_ns)
        return (llmc_key_state)state;
    *back_ns = found->limited_until_ns;
    return LLMC_KEY_LIMITED;
}

/* Smaller is better: what the order wants counts most, then how often it was used. */
typedef struct key_rank {
    int64_t first, second;
} key_rank;

static key_rank rank_of(const llmc_key_pool *pool, llmc_pooled_key *key, uint64_t model, int64_t now_ns)
{
    if (pool->provider->key_order == LLMC_KEYS_LEAST_USED)
        return (key_rank){ (int64_t)atomic_load_explicit(&key->in_flight, memory_order_relaxed), (int64_t)atomic_load_explicit(&key->calls, memory_order_relaxed) };
    const llmc_key_model *found = pool->provider->key_order == LLMC_KEYS_REMAINING ? find_model(key, model) : NULL;
    return (key_rank){ found && now_ns < found->share_until_ns ? -found->share : INT64_MIN, 0 };
}

static bool is_better(key_rank a, key_rank b)
{
    return a.first < b.first || (a.first == b.first && a.second < b.second);
}

/* Of those that `wanted` takes, in turn. */
static int choose(llmc_key_pool *pool, const llmc_key_wish *wish, int64_t now_ns, llmc_key_state wanted, bool with_room)
{
    int best = -1;
    key_rank best_rank = { 0, 0 };
    for (size_t i = 0; i < pool->count; i++) {
        size_t index = (pool->next + i) % pool->count;
        llmc_pooled_key *key = &pool->keys[index];
        int64_t back_ns;
        if ((wish->tried && wish->tried[index]) || state_of(key, wish->model, now_ns, &back_ns) != wanted)
            continue;
        if (with_room && !wish->has_room(wish->user, index))
            continue;
        key_rank rank = rank_of(pool, key, wish->model, now_ns);
        if (best < 0 || is_better(rank, best_rank)) {
            best = (int)index;
            best_rank = rank;
        }
    }
    return best;
}

static int choose_any(llmc_key_pool *pool, const llmc_key_wish *wish, int64_t now_ns)
{
    int chosen = wish->asks_for_money ? choose(pool, wish, now_ns, LLMC_KEY_OUT_OF_MONEY, false) : -1;
    if (chosen < 0 && wish->has_room)
        chosen = choose(pool, wish, now_ns, LLMC_KEY_OK, true);
    if (chosen < 0)
        chosen = choose(pool, wish, now_ns, LLMC_KEY_OK, false);
    for (int state = LLMC_KEY_LIMITED; chosen < 0 && wish->checks && state < LLMC_KEY_STATES; state++)
        chosen = choose(pool, wish, now_ns, (llmc_key_state)state, false);
    return chosen;
}

static void count_call(llmc_pooled_key *key)
{
    atomic_fetch_add_explicit(&key->calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&key->in_flight, 1, memory_order_relaxed);
}

int llmc_key_pool_take(llmc_key_pool *pool, const llmc_key_wish *wish, int64_t now_ns)
{
    pthread_mutex_lock(&pool->lock);
    int chosen = choose_any(pool, wish, now_ns);
    if (chosen >= 0) {
        pool->next = ((size_t)chosen + 1) % pool->count;
        count_call(&pool->keys[chosen]);
    }
    pthread_mutex_unlock(&pool->lock);
    return chosen;
}

void llmc_key_pool_give_back(llmc_key_pool *pool, size_t key)
{
    atomic_fetch_sub_explicit(&pool->keys[key].in_flight, 1, memory_order_relaxed);
}

/* ---- what became of it ---- */

bool llmc_key_pool_reject(llmc_key_pool *pool, size_t key)
{
    pthread_mutex_lock(&pool->lock);
    bool changed = atomic_exchange_explicit(&pool->keys[key].state, LLMC_KEY_REJECTED, memory_order_relaxed) != LLMC_KEY_REJECTED;
    pthread_mutex_unlock(&pool->lock);
    return changed;
}

bool llmc_key_pool_out_of_money(llmc_key_pool *pool, size_t key, int64_t now_ns)
{
    if (!pool->provider->quota_retry_ms)
        return false;
    pthread_mutex_lock(&pool->lock);
    int64_t back_ns;
    bool changed = state_of(&pool->keys[key], 0, now_ns, &back_ns) == LLMC_KEY_OK;
    if (changed) { /* of a call that was under way when another found out, nothing is counted anew */
        pool->keys[key].back_ns = llmc_clock_after(now_ns, pool->provider->quota_retry_ms);
        atomic_store_explicit(&pool->keys[key].state, LLMC_KEY_OUT_OF_MONEY, memory_order_relaxed);
    }
    pthread_mutex_unlock(&pool->lock);
    return changed;
}

bool llmc_key_pool_put_back(llmc_key_pool *pool, size_t key, bool money)
{
    pthread_mutex_lock(&pool->lock);
    int state = atomic_load_explicit(&pool->keys[key].state, memory_order_relaxed);
    bool changed = state == LLMC_KEY_REJECTED || (state == LLMC_KEY_OUT_OF_MONEY && money);
    if (changed)
        atomic_store_explicit(&pool->keys[key].state, LLMC_KEY_OK, memory_order_relaxed);
    pthread_mutex_unlock(&pool->lock);
    return changed;
}

void llmc_key_pool_limited(llmc_key_pool *pool, size_t key, uint64_t model, int64_t now_ns, int64_t wait_ms)
{
    if (pool->count < 2)
        return;
    pthread_mutex_lock(&pool->lock);
    llmc_key_model *found = add_model(&pool->keys[key], model);
    if (wait_ms < 0 && found->limited_until_ns <= now_ns) { /* of several calls that hear it at once, one guesses */
        wait_ms = (int64_t)FIRST_GUESS_MS << found->guesses;
        found->guesses += found->guesses < MOST_GUESSES;
    }
    int64_t until_ns = wait_ms < 0 ? 0 : llmc_clock_after(now_ns, wait_ms);
    if (until_ns > found->limited_until_ns)
        found->limited_until_ns = until_ns;
    pthread_mutex_unlock(&pool->lock);
}

/* The scarcest of what is told. */
static void take_share(llmc_key_model *model, const llmc_rate_limits *limits, int64_t now_ns)
{
    int64_t share = INT64_MAX, reset_ms = 0;
    for (size_t i = 0; i < LLMCOST_LIMIT_COUNT; i++) {
        const llmc_rate_limit *of = &limits->of[i];
        if (of->remaining < 0 || of->limit <= 0)
            continue;
        int64_t left = of->remaining < of->limit ? (int64_t)((double)of->remaining / (double)of->limit * 1e6) : 1000000;
        if (left >= share)
            continue;
        share = left;
        reset_ms = of->reset_ms >= 0 ? of->reset_ms : 60000;
    }
    if (share == INT64_MAX)
        return;
    model->share = share;
    model->share_until_ns = llmc_clock_after(now_ns, reset_ms);
}

void llmc_key_pool_served(llmc_key_pool *pool, size_t key, uint64_t model, int64_t now_ns, const llmc_rate_limits *limits)
{
    if (pool->count < 2)
        return;
    pthread_mutex_lock(&pool->lock);
    llmc_key_model *found = limits && pool->provider->key_order == LLMC_KEYS_REMAINING ? add_model(&pool->keys[key], model) : find_model(&pool->keys[key], model);
    if (found && found->limited_until_ns <= now_ns)
        found->guesses = 0;
    if (found && limits)
        take_share(found, limits, now_ns);
    pthread_mutex_unlock(&pool->lock);
}

/* ---- telling ---- */

llmc_key_census llmc_key_pool_census(llmc_key_pool *pool, uint64_t model, int64_t now_ns)
{
    llmc_key_census census = { .best = LLMC_KEY_REJECTED, .back_ns = LLMC_NEVER };
    pthread_mutex_lock(&pool->lock);
    for (size_t i = 0; i < pool->count; i++) {
        int64_t back_ns;
        llmc_key_state state = state_of(&pool->keys[i], model, now_ns, &back_ns);
        census.of[state]++;
        if (state < census.best)
            census.best = state;
        if (back_ns < census.back_ns)
            census.back_ns = back_ns;
    }
    pthread_mutex_unlock(&pool->lock);
    return census;
}

llmc_key_state llmc_key_pool_state(llmc_key_pool *pool, size_t key, int64_t now_ns, int64_t *back_ns)
{
    pthread_mutex_lock(&pool->lock);
    llmc_pooled_key *of = &pool->keys[key];
    llmc_key_state state = state_of(of, 0, now_ns, back_ns);
    for (size_t i = 0; state <= LLMC_KEY_LIMITED && of->models && i < LLMC_KEY_MODELS; i++) {
        if (of->models[i].limited_until_ns <= now_ns)
            continue;
        if (state == LLMC_KEY_OK || of->models[i].limited_until_ns < *back_ns)
            *back_ns = of->models[i].limited_until_ns;
        state = LLMC_KEY_LIMITED;
    }
    pthread_mutex_unlock(&pool->lock);
    return state;
}
