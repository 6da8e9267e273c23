/*
 * cache.c: answers a call with what was answered before.
 *
 * Found by hash, accepted only after comparing the whole canonical request, the namespace and the route's fingerprint.
 * Only complete, successful, unaltered answers are stored; sampled ones only where the config or the call says so.
 * A host's store stands behind the memory tier; when it fails the call goes on.
 * Left out on purpose: similar questions, and calls that are in flight.
 */
#include "base/sha256.h"
#include "policy/canonical.h"
#include "policy/outlook.h"

#include <string.h>

enum { KEY_ON_STACK = 4096 };

typedef struct cache_state {
    char *key; /* NULL: this call is not for the cache. Gone with the entry */
    llmc_cache_entry *entry; /* of the memory tier to be, which the key is in; NULL: none, or it was put */
    size_t key_bytes;
    llmc_cache_hash hash;
    uint8_t address[32]; /* of the host's store */
    bool hit, addressed;
    llmcost_cache_reply *reply; /* asked of the host's store and not used yet */
} cache_state;

/* ---- a get of the host's store, which may answer later and from any thread ---- */

/* Who is at what: the store may answer while nobody waits yet, or not any more. */
typedef enum reply_state { ASKED, ANSWERED, WAITED_FOR, GIVEN_UP } reply_state;

struct llmcost_cache_reply {
    llmc_allocator allocator;
    atomic_uint references;  /* the policy's and the store's */
    atomic_uint state;       /* a reply_state */
    llmcost_waker *waker;
    void *value;
    size_t bytes;
};

static void reply_unref(llmcost_cache_reply *reply)
{
    if (atomic_fetch_sub(&reply->references, 1) != 1)
        return;
    llmc_allocator allocator = reply->allocator;
    llmc_free(&allocator, reply->value);
    llmc_free(&allocator, reply);
}

void llmcost_cache_reply_send(llmcost_cache_reply *reply, const void *value, size_t bytes)
{
    if (!reply)
        return;
    if (value && (reply->value = llmc_strndup(&reply->allocator, value, bytes)))
        reply->bytes = bytes;
    if (atomic_exchange(&reply->state, ANSWERED) == WAITED_FOR)
        llmcost_waker_fire(reply->waker, 0);
    reply_unref(reply);
}

/* Nobody waits any more. The waker is the store's only once it has answered. */
static void reply_give_up(llmcost_cache_reply *reply)
{
    if (atomic_exchange(&reply->state, GIVEN_UP) == WAITED_FOR)
        llmcost_waker_free(reply->waker);
    reply_unref(reply);
}

/* ---- a hit ---- */

__attribute__((cold, noinline)) static void log_trace(llmcost_leg *leg, const char *what)
{
    llmc_services_log(leg->services, LLMCOST_LOG_TRACE, "cache", "%s: %s", llmcost_leg_target(leg), what);
}

static inline void trace(llmcost_leg *leg, const char *what)
{
    if (llmc_services_logs(leg->services, LLMCOST_LOG_TRACE))
        log_trace(leg, what);
}

/* The response keeps the root's answer, so its texts may be borrowed; a child's answer goes with the child. */
static inline void name_origin(llmc_line *line, const llmc_answer *answer)
{
    line->provider = answer->provider;
    line->model = answer->target;
    line->served_model = answer->model;
    line->original = answer->receipt_id;
}

__attribute__((noinline)) static bool name_origin_of_child(llmcost_leg *leg, llmc_line *line, const llmc_answer *answer)
{
    line->provider = llmc_arena_strdup(llmc_leg_arena(leg), answer->provider);
    line->model = llmc_arena_strdup(llmc_leg_arena(leg), answer->target);
    line->served_model = llmc_arena_strdup(llmc_leg_arena(leg), answer->model);
    line->original = llmc_arena_strdup(llmc_leg_arena(leg), answer->receipt_id);
    return line->provider && line->model && line->served_model && line->original;
}

static llmcost_verdict answer_from(llmcost_leg *leg, cache_state *state, llmc_answer *answer, int64_t stored_wall_ms)
{
    state->hit = true;
    llmc_receipt *receipt = llmc_leg_receipt(leg);
    receipt->cache_state = "hit";
    receipt->cached = true;
    leg->purpose = "cache";
    trace(leg, "hit");
    llmc_leg_set_answer(leg, answer);
    leg->usage = answer->usage;
    llmc_line *line = llmc_leg_line(leg);
    if (!line)
        return llmc_leg_out_of_memory(leg);
    line->flags |= LLMC_LINE_CACHED | LLMC_LINE_PRICED;
    name_origin(line, answer);
    if (leg->parent && !name_origin_of_child(leg, line, answer))
        return llmc_leg_out_of_memory(leg);
    if (stored_wall_ms >= 0) /* from the start of the call: a clock that is not asked again is a clock that costs nothing */
        line->age_ms = receipt->started_wall_ms > stored_wall_ms ? receipt->started_wall_ms - stored_wall_ms : 0;
    receipt->cached_ns += answer->duration_ns > 0 ? answer->duration_ns : 0;
    return llmc_leg_streams(leg) ? llmc_leg_replay(leg) : LLMCOST_ANSWER;
}

/* ---- eligibility ---- */

/* An absent temperature is the provider's default, so it samples. */
static bool samples(const llmcost_request *request)
{
    return !request->has_temperature || request->temperature != 0;
}

static bool sampled_allowed(const llmcost_leg *leg)
{
    int wanted = leg->request->cache_sampled;
    return wanted == LLMCOST_DEFAULT ? leg->services->settings->cache_sampled : wanted == LLMCOST_ON;
}

static const char *not_for_the_cache(const llmcost_leg *leg)
{
    if (!leg->services->cache && !leg->services->cache_store.get)
        return "none";
    if (leg->request->cache == LLMCOST_CACHE_OFF)
        return "off";
    if (leg->operation->generates && samples(leg->request) && !sampled_allowed(leg))
        return "not cacheable: sampled";
    return NULL;
}

static llmcost_verdict missed(llmcost_leg *leg, const char *why)
{
    llmc_leg_receipt(leg)->cache_state = why;
    trace(leg, why);
    if (leg->request->cache == LLMCOST_CACHE_ONLY)
        return llmc_leg_fail(leg, LLMCOST_E_CACHE_MISS, "%s", strcmp(why, "miss") == 0 ? llmcost_status_text(LLMCOST_E_CACHE_MISS) : "the call asked for a cached answer only, but it is not for the cache: see \"sampled\" and \"memory\" under \"cache\"");
    return LLMCOST_CONTINUE;
}

/* ---- looking up ---- */

/* After llmcost_cache_clear() what a store has kept is not asked for any more: this client has other addresses then. */
static void address(llmcost_leg *leg, const char *key, cache_state *state)
{
    struct { uint8_t plain[32]; uint64_t generation; } cleared = { .generation = atomic_load(&leg->services->cache_generation) };
    llmc_sha256_of(key, state->key_bytes, state->address);
    if (cleared.generation) {
        memcpy(cleared.plain, state->address, sizeof cleared.plain);
        llmc_sha256_of(&cleared, sizeof cleared, state->address);
    }
    state->addressed = true;
}

static int64_t ttl_of(const llmcost_leg *leg)
{
    return leg->request->cache_ttl_ms > 0 ? leg->request->cache_ttl_ms : leg->services->settings->cache_ttl_ms;
}

static void store_in_memory(llmcost_leg *leg, cache_state *state, int64_t now, int64_t stored_wall_ms, int64_t ttl_ms)
{
    llmc_cache_entry *entry = state->entry;
    state->entry = NULL;
    state->key = NULL;
    bool stored = llmc_memory_cache_put_entry(leg->services->cache, state->hash, entry, llmc_answer_ref(leg->answer), leg->answer->bytes,
                                              llmc_clock_after(now, ttl_ms > 0 ? ttl_ms : -1), stored_wall_ms, now);
    if (!stored)
        llmc_leg_policy_failed(leg, "cache", "the answer could not be stored: too large, or no memory");
}

/* The value's head: when it was stored, as digits and a line end. false: none of ours. */
static bool read_stored(const llmcost_cache_reply *reply, int64_t *wall_ms, size_t *head)
{
    enum { MOST_DIGITS = 15 };
    const char *value = reply->value;
    int64_t number = 0;
    size_t at = 0;
    while (at < reply->bytes && at < MOST_DIGITS && value[at] >= '0' && value[at] <= '9')
        number = number * 10 + (value[at++] - '0');
    if (at == 0 || at == reply->bytes || value[at] != '\n')
        return false;
    *wall_ms = number;
    *head = at + 1;
    return true;
}

/* The memory tier takes what the store knew, for what is left of its life. */
static void fill_memory(llmcost_leg *leg, cache_state *state, int64_t stored_wall_ms)
{
    int64_t ttl_ms = ttl_of(leg), age_ms = llmc_leg_receipt(leg)->started_wall_ms - stored_wall_ms;
    if (age_ms < 0)
        age_ms = 0;
    if (leg->services->cache && (ttl_ms <= 0 || age_ms < ttl_ms))
        store_in_memory(leg, state, llmc_leg_now(leg), stored_wall_ms, ttl_ms > 0 ? ttl_ms - age_ms : 0);
}

static llmcost_verdict use_reply(llmcost_leg *leg, cache_state *state, llmcost_cache_reply *reply)
{
    const llmcost_cache_store *store = &leg->services->cache_store;
    int64_t stored_wall_ms = -1;
    size_t head = 0;
    if (!reply->value)
        return missed(leg, "miss");
    llmc_answer *answer = NULL;
    if (read_stored(reply, &stored_wall_ms, &head))
        answer = llmc_answer_read(&leg->services->allocator, (const char *)reply->value + head, reply->bytes - head);
    if (!answer) {
        llmc_leg_policy_failed(leg, "cache", "the host's store returned something that is no answer of ours");
        if (store->remove)
            store->remove(state->address, store->user);
        return missed(leg, "miss");
    }
    llmc_leg_set_answer(leg, llmc_answer_ref(answer));
    fill_memory(leg, state, stored_wall_ms);
    return answer_from(leg, state, answer, stored_wall_ms);
}

/* A store that is slow or gone makes a call dearer, never fails it. */
static llmcost_verdict give_up(llmcost_leg *leg, cache_state *state, const char *why)
{
    reply_give_up(state->reply);
    state->reply = NULL;
    llmc_leg_policy_failed(leg, "cache", why);
    return missed(leg, "miss");
}

static llmcost_verdict ask_store(llmcost_leg *leg, cache_state *state)
{
    const llmcost_cache_store *store = &leg->services->cache_store;
    llmcost_cache_reply *reply = llmc_calloc(&leg->services->allocator, 1, sizeof *reply);
    llmcost_waker *waker = reply ? llmcost_leg_waker(leg) : NULL;
    if (!waker) { /* without memory the call still goes on */
        llmc_free(&leg->services->allocator, reply);
        llmc_leg_policy_failed(leg, "cache", "no memory to ask the host's store");
        return missed(leg, "miss");
    }
    address(leg, state->key, state);
    reply->allocator = leg->services->allocator;
    reply->waker = waker;
    atomic_init(&reply->references, 2);
    state->reply = reply;
    store->get(state->address, reply, store->user);
    if (atomic_exchange(&reply->state, WAITED_FOR) != ANSWERED) {
        int32_t limit_ms = leg->services->settings->cache_store_wait_ms;
        return limit_ms > 0 && llmcost_leg_timer(leg, limit_ms) ? give_up(leg, state, "no memory to wait for the host's store") : LLMCOST_WAIT;
    }
    llmcost_waker_free(waker);
    llmcost_verdict verdict = use_reply(leg, state, reply);
    state->reply = NULL;
    reply_unref(reply);
    return verdict;
}

/* Room for the key where it can stay: in an entry of the memory tier, else in the arena. */
static bool make_room_for_key(llmcost_leg *leg, cache_state *state)
{
    if (!leg->services->cache)
        state->key = llmc_arena_alloc(llmc_leg_arena(leg), state->key_bytes);
    else if ((state->entry = llmc_memory_cache_entry_new(leg->services->cache, state->key_bytes)))
        state->key = llmc_cache_entry_key(state->entry);
    return state->key != NULL;
}

static llmcost_verdict look_up(llmcost_leg *leg, cache_state *state, const char *key)
{
    llmc_services *services = leg->services;
    if (services->cache) {
        state->hash = llmc_memory_cache_hash(services->cache, key, state->key_bytes);
        if (leg->request->cache != LLMCOST_CACHE_REFRESH) {
            llmc_cache_hit found;
            if (llmc_memory_cache_get(services->cache, state->hash, key, state->key_bytes, llmc_leg_call_started(leg), &found))
                return answer_from(leg, state, found.value, found.stored_wall_ms);
        }
    }
    /* Only a miss keeps its key: for storing what is answered. */
    if (!state->key) {
        if (!make_room_for_key(leg, state))
            return llmc_leg_out_of_memory(leg);
        memcpy(state->key, key, state->key_bytes);
    }
    if (leg->request->cache == LLMCOST_CACHE_REFRESH) {
        llmc_leg_receipt(leg)->cache_state = "refresh";
        return LLMCOST_CONTINUE;
    }
    return services->cache_store.get ? ask_store(leg, state) : missed(leg, "miss");
}

/* The key of this call, on the stack where it fits there. NULL: no memory, or larger than a key may be (key_bytes 0). */
static inline __attribute__((always_inline)) const char *make_key(llmcost_leg *leg, cache_state *state, char on_stack[KEY_ON_STACK])
{
    state->key_bytes = llmc_canonical_write(leg, on_stack, KEY_ON_STACK);
    if (state->key_bytes <= KEY_ON_STACK)
        return state->key_bytes ? on_stack : NULL;
    if (make_room_for_key(leg, state))
        llmc_canonical_write(leg, state->key, state->key_bytes);
    return state->key;
}

static llmcost_verdict no_key(llmcost_leg *leg, const cache_state *state)
{
    return state->key_bytes ? llmc_leg_out_of_memory(leg) : missed(leg, "not cacheable: too large");
}

static llmcost_verdict cache_enter(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    cache_state *state = memory;
    _Alignas(int64_t) char on_stack[KEY_ON_STACK];
    const char *why = not_for_the_cache(leg);
    if (why)
        return missed(leg, why);
    const char *key = make_key(leg, state, on_stack);
    return key ? look_up(leg, state, key) : no_key(leg, state);
}

static llmcost_verdict look_only(llmcost_leg *leg, cache_state *state, llmc_cache_outlook *out)
{
    llmc_services *services = leg->services;
    _Alignas(int64_t) char on_stack[KEY_ON_STACK];
    const char *key = make_key(leg, state, on_stack);
    if (!key) {
        out->why_not = state->key_bytes ? NULL : "not cacheable: too large";
        return no_key(leg, state);
    }
    address(leg, key, state);
    memcpy(out->address, state->address, sizeof out->address);
    if (leg->request->cache == LLMCOST_CACHE_REFRESH)
        return LLMCOST_CONTINUE;
    out->asks_store = services->cache_store.get;
    if (services->cache) {
        state->hash = llmc_memory_cache_hash(services->cache, key, state->key_bytes);
        out->in_memory = llmc_memory_cache_has(services->cache, state->hash, key, state->key_bytes, llmc_leg_call_started(leg));
    }
    if (out->in_memory)
        return LLMCOST_ANSWER;
    return out->asks_store ? LLMCOST_CONTINUE : missed(leg, "miss");
}

llmcost_verdict llmc_cache_look(llmcost_leg *leg, llmc_cache_outlook *out)
{
    cache_state state = { 0 };
    *out = (llmc_cache_outlook){ .why_not = not_for_the_cache(leg) };
    if (out->why_not)
        return missed(leg, out->why_not);
    llmcost_verdict verdict = look_only(leg, &state, out);
    llmc_cache_entry_release(state.entry);
    return verdict;
}

static llmcost_verdict cache_resume(llmcost_leg *leg, void *memory, void *user, const llmcost_wake *wake)
{
    (void)user;
    cache_state *state = memory;
    llmcost_cache_reply *reply = state->reply;
    if (!reply)
        return LLMCOST_WAIT;
    if (wake->kind == LLMCOST_WAKE_TIMER && atomic_load(&reply->state) != ANSWERED)
        return give_up(leg, state, "the host's store did not answer in time");
    if (wake->kind != LLMCOST_WAKE_HOOK)
        return LLMCOST_WAIT;
    state->reply = NULL;
    llmcost_verdict verdict = use_reply(leg, state, reply);
    reply_unref(reply);
    return verdict;
}

/* ---- storing ---- */

static bool worth_keeping(const llmcost_leg *leg)
{
    if (leg->status != LLMCOST_OK || leg->altered || leg->no_store || !leg->answer)
        return false;
    if (leg->answer->choice_count == 0)
        return leg->answer->embedding_count > 0;
    for (uint32_t i = 0; i < leg->answer->choice_count; i++) {
        llmcost_finish finish = leg->answer->choices[i].finish;
        if (finish != LLMCOST_FINISH_STOP && finish != LLMCOST_FINISH_TOOL_CALLS && finish != LLMCOST_FINISH_LENGTH)
            return false;
    }
    return true;
}

static void store_at_host(llmcost_leg *leg, cache_state *state, int64_t stored_wall_ms, int64_t ttl_ms)
{
    const llmcost_cache_store *store = &leg->services->cache_store;
    llmc_buffer bytes;
    llmc_buffer_init(&bytes, &leg->services->allocator, SIZE_MAX / 4);
    if (!state->addressed)
        address(leg, state->key, state);
    llmc_buffer_add_integer(&bytes, stored_wall_ms);
    llmc_buffer_add_byte(&bytes, '\n');
    if (llmc_answer_write(leg->answer, &bytes))
        store->put(state->address, bytes.data, bytes.length, ttl_ms, store->user);
    else
        llmc_leg_policy_failed(leg, "cache", "the answer could not be written for the host's store");
    llmc_buffer_free(&bytes);
}

static llmcost_verdict cache_leave(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    cache_state *state = memory;
    if (!state->key || state->hit || !worth_keeping(leg))
        return LLMCOST_CONTINUE;
    /* When it came, by both clocks: the wall's follows from the start of the call. Of its own exchange only: another try came later. */
    int64_t now = leg->source == leg && leg->concluded_ns ? leg->concluded_ns : llmc_leg_now(leg), ttl_ms = ttl_of(leg);
    int64_t wall_ms = llmc_leg_receipt(leg)->started_wall_ms + (now - llmc_leg_call_started(leg)) / LLMC_MS;
    if (leg->services->cache_store.put)
        store_at_host(leg, state, wall_ms > 0 ? wall_ms : 0, ttl_ms);
    if (leg->services->cache) /* last: it takes the key */
        store_in_memory(leg, state, now, wall_ms, ttl_ms);
    return LLMCOST_CONTINUE;
}

static void cache_destroy(llmcost_leg *leg, void *memory, void *user)
{
    (void)leg;
    (void)user;
    cache_state *state = memory;
    if (state->entry)
        llmc_cache_entry_release(state->entry);
    if (state->reply)
        reply_give_up(state->reply);
}

const llmcost_policy llmc_policy_cache = {
    .struct_size = sizeof(llmcost_policy), .name = "cache", .phase = LLMCOST_PHASE_CACHE, .operations = 1u << LLMC_OP_CHAT | 1u << LLMC_OP_EMBED,
    .state_bytes = sizeof(cache_state), .enter = cache_enter, .resume = cache_resume, .leave = cache_leave, .destroy = cache_destroy,
};
