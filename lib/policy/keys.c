/*
 * keys.c: what a leg shows its provider. A pair that must be exchanged, or a key that the host hands out, becomes a token
 * that is kept until shortly before it expires and asked for again when it is rejected, once.
 *
 * Of several keys one is taken from the pool (key_pool.h). When it turns out to be rejected, without money or
 * rate-limited the leg goes on with another at once: that is no retry, waits for nothing, and each key is tried once.
 * Where no key is usable nothing is sent.
 *
 * An exchange is a child that begins at the wire: it has a line of its own on the receipt, purpose "token", and costs
 * nothing. What it got comes straight to this leg, so that a token that nobody may keep serves its call all the same.
 */
#include "policy/key_verdict.h"
#include "policy/outlook.h"
#include "policy/place.h"
#include "provider/token.h"

#include <string.h>

enum { MAX_KEY_BYTES = 16 << 10, LOOK_AGAIN_MS = 20, LONGEST_LOOKING_MS = 5000 };

typedef struct keys_state {
    llmc_secret token;
    llmc_token *asked; /* it is this leg's turn to ask for it; NULL: it is not */
    int64_t looking_ns; /* since when it waits for what another leg asks for */
    uint32_t round;     /* of that asking */
    bool looking;
    bool asked_again;   /* the first one was rejected */
    bool refused;       /* the exchange was: a key that no leg was sent with */
    llmc_place place;
    uint64_t model;     /* its hash; 0: nobody needs it */
    unsigned char *tried; /* a byte per key; NULL: this is the first */
} keys_state;

static bool is_printable(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return true;
}

static llmcost_verdict show_token(llmcost_leg *leg, keys_state *state)
{
    leg->token = &state->token;
    return LLMCOST_CONTINUE;
}

/* ---- the host's callback ---- */

static llmcost_verdict take_from_host(llmcost_leg *leg, keys_state *state, llmcost_status status, const char *room, int64_t valid_ms)
{
    llmc_token *token = leg->credential->token;
    size_t bytes = strnlen(room, MAX_KEY_BYTES + 1);
    if (status)
        return llmc_leg_fail(leg, LLMCOST_E_AUTH, "%s: the callback for its key failed: %s", leg->route->name, llmcost_status_text(status));
    if (!bytes || bytes > MAX_KEY_BYTES || !is_printable(room, bytes))
        return llmc_leg_fail(leg, LLMCOST_E_AUTH, "%s: the callback for its key gave none of 1 to %d printable ASCII characters", leg->route->name, MAX_KEY_BYTES);
    if (!llmc_secret_set(&state->token, &leg->services->allocator, room, bytes))
        return llmc_leg_out_of_memory(leg);
    (void)llmc_token_set(token, room, bytes, llmc_leg_now(leg), valid_ms); /* without memory it is asked for again */
    return show_token(leg, state);
}

/* The callback writes into room of ours, so that no copy stays with the host's allocator. */
static llmcost_verdict ask_host(llmcost_leg *leg, keys_state *state)
{
    const char *name = leg->credential->host;
    const llmc_named_hook *source = llmc_named_hook_find(leg->services->key_sources, name);
    if (!source)
        return llmc_leg_fail(leg, LLMCOST_E_CONFIG, "%s: its key is \"host:%s\", and no such callback was added: llmcost_client_add_key_source()", leg->route->name, name);
    char *room = llmc_calloc(&leg->services->allocator, 1, MAX_KEY_BYTES + 1);
    if (!room)
        return llmc_leg_out_of_memory(leg);
    int64_t valid_ms = 0;
    llmcost_status status = source->fn.key(leg->route->provider->name, state->asked_again, room, MAX_KEY_BYTES + 1, &valid_ms, source->user);
    llmcost_verdict verdict = take_from_host(leg, state, status, room, valid_ms);
    llmc_wipe(room, MAX_KEY_BYTES + 1);
    llmc_free(&leg->services->allocator, room);
    return verdict;
}

/* ---- an exchange ---- */

static void end_asking(keys_state *state)
{
    if (state->asked)
        llmc_token_end_asking(state->asked);
    state->asked = NULL;
}

static llmcost_verdict exchange(llmcost_leg *leg, keys_state *state)
{
    llmc_spawn spawn = { .inside = true, .first_phase = LLMCOST_PHASE_WIRE, .operation = &llmc_operations[LLMC_OP_TOKEN], .route = leg->route->provider->exchange, .purpose = "token" };
    llmcost_leg *child = llmc_leg_spawn(leg, &spawn);
    state->looking = false;
    if (!child)
        return leg->status ? LLMCOST_FAIL : llmc_leg_out_of_memory(leg);
    child->credential = leg->credential;
    child->received = &state->token;
    return LLMCOST_WAIT;
}

static llmcost_verdict look_again(llmcost_leg *leg)
{
    return llmcost_leg_timer(leg, LOOK_AGAIN_MS) == LLMCOST_OK ? LLMCOST_WAIT : llmc_leg_no_driver(leg);
}

static llmcost_verdict exchange_or_wait(llmcost_leg *leg, keys_state *state)
{
    if (llmc_token_begin_asking(leg->credential->token, &state->round)) {
        state->asked = leg->credential->token;
        return exchange(leg, state);
    }
    state->looking = true;
    state->looking_ns = llmc_leg_now(leg);
    return look_again(leg);
}

/* ---- either ---- */

static llmcost_verdict get_token(llmcost_leg *leg, keys_state *state)
{
    llmcost_status status = llmc_token_get(leg->credential->token, llmc_leg_now(leg), &state->token);
    if (status == LLMCOST_OK)
        return show_token(leg, state);
    if (status == LLMCOST_E_MEMORY)
        return llmc_leg_out_of_memory(leg);
    return leg->credential->host ? ask_host(leg, state) : exchange_or_wait(leg, state);
}

/* What the other leg asked for is there; or it asked in vain, or takes too long, and this one asks for itself. */
static llmcost_verdict look(llmcost_leg *leg, keys_state *state)
{
    llmc_token *token = leg->credential->token;
    llmcost_status status = llmc_token_get(token, llmc_leg_now(leg), &state->token);
    if (status == LLMCOST_OK)
        return show_token(leg, state);
    if (status == LLMCOST_E_MEMORY)
        return llmc_leg_out_of_memory(leg);
    bool goes_on = llmc_token_is_asked_for(token, state->round) && llmc_leg_now(leg) < llmc_clock_after(state->looking_ns, LONGEST_LOOKING_MS);
    return goes_on ? look_again(leg) : exchange(leg, state);
}

static llmcost_verdict take_from_exchange(llmcost_leg *leg, keys_state *state, const llmcost_leg *child)
{
    end_asking(state);
    if (!child->status)
        return show_token(leg, state);
    llmc_error_clear(&leg->error);
    llmc_error_copy(&leg->error, &child->error);
    leg->status = child->status;
    state->refused = child->sent;
    return LLMCOST_FAIL;
}

/* ---- the pool ---- */

/* Whether the lane of a key has room; asked only where there are several keys and limits. */
typedef struct room_question {
    llmcost_leg *leg;
    int64_t tokens, now_ns;
} room_question;

static bool has_room(void *user, size_t key)
{
    const room_question *of = user;
    const llmc_route *route = of->leg->route;
    return llmc_lane_has_room(of->leg->services->lanes, &route->provider->credentials[key], route->model, of->tokens, of->now_ns);
}

static bool is_limited(const llmcost_leg *leg)
{
    return leg->route->provider->limits && leg->services->lanes && (leg->operation->id == LLMC_OP_CHAT || leg->operation->id == LLMC_OP_EMBED);
}

static bool take_key(llmcost_leg *leg, keys_state *state)
{
    const llmc_provider *provider = leg->route->provider;
    llmc_key_pool *pool = provider->pool;
    int key = 0;
    if (!llmc_key_pool_take_lone(pool)) {
        bool balance = leg->operation->id == LLMC_OP_BALANCE;
        if (!state->model && pool->count > 1)
            state->model = llmc_key_model_hash(leg->route->model);
        room_question question = { .leg = leg, .now_ns = llmc_leg_now(leg) };
        llmc_key_wish wish = { .model = state->model, .tried = state->tried, .asks_for_money = balance, .checks = balance || leg->operation->id == LLMC_OP_LIST_MODELS };
        if (pool->count > 1 && is_limited(leg)) {
            int64_t prompt;
            question.tokens = llmc_limits_tokens(leg, &prompt);
            wish.has_room = has_room;
            wish.user = &question;
        }
        key = llmc_key_pool_take(pool, &wish, question.now_ns);
    }
    if (key < 0)
        return false;
    state->place.pool = pool;
    state->place.key = (size_t)key;
    leg->credential = &provider->credentials[key];
    return true;
}

/* As well off as the best of its keys. */
static void fail_without_key(llmcost_leg *leg, const keys_state *state)
{
    static const llmcost_status statuses[LLMC_KEY_STATES] = { LLMCOST_E_RATE_LIMITED, LLMCOST_E_RATE_LIMITED, LLMCOST_E_QUOTA, LLMCOST_E_AUTH };
    static const char *const advice[LLMC_KEY_STATES] = { "ask again later", "ask again later", "top up and call llmcost_balance(), which puts a key with money back", "open the client anew with a key that is accepted" };
    llmc_key_pool *pool = leg->route->provider->pool;
    int64_t now = llmc_leg_now(leg);
    llmc_key_census census = llmc_key_pool_census(pool, state->model, now);
    llmc_error_clear(&leg->error);
    llmc_leg_fail(leg, statuses[census.best], "%s: no key of provider \"%s\" is usable, and nothing was sent: of %zu, %zu rate-limited, %zu out of money, %zu rejected; %s",
                  leg->route->name, pool->provider->name, pool->count, census.of[LLMC_KEY_LIMITED], census.of[LLMC_KEY_OUT_OF_MONEY], census.of[LLMC_KEY_REJECTED], advice[census.best]);
    leg->error.retry_after_ms = census.back_ns == LLMC_NEVER ? -1 : census.back_ns > now ? (census.back_ns - now + LLMC_MS - 1) / LLMC_MS : 0;
}

llmcost_verdict llmc_keys_look(llmcost_leg *leg)
{
    llmc_key_pool *pool = leg->route->provider->pool;
    const keys_state state = { .model = llmc_key_model_hash(leg->route->model) };
    if (!pool || llmc_key_pool_census(pool, state.model, llmc_leg_now(leg)).of[LLMC_KEY_OK])
        return LLMCOST_CONTINUE;
    fail_without_key(leg, &state);
    return LLMCOST_FAIL;
}

static void tell_of_key(const llmcost_leg *leg, const keys_state *state, const char *condition)
{
    const llmc_credential *credential = &leg->route->provider->credentials[state->place.key];
    const char *provider = leg->route->provider->name, *key = credential->host ? credential->host : llmc_credential_fingerprint(credential);
    llmc_services_log(leg->services, LLMCOST_LOG_WARNING, "keys", "provider \"%s\": key %s is %s", provider, key, condition);
    llmc_key_alert(leg->services, provider, key, condition);
}

/* How the leg with this key went; the pool is told. */
static void judge_key(llmcost_leg *leg, keys_state *state, bool sent)
{
    llmc_key_pool *pool = state->place.pool;
    const llmcost_leg *source = leg->source ? leg->source : leg;
    size_t key = state->place.key;
    if (!pool || (leg->status == LLMCOST_OK && pool->count < 2 && leg->operation->id == LLMC_OP_CHAT))
        return;
    if (leg->status == LLMCOST_OK) {
        llmc_key_pool_served(pool, key, state->model, llmc_leg_now(leg), source->line ? source->line->limits : NULL);
        if (leg->operation->id == LLMC_OP_BALANCE || leg->operation->id == LLMC_OP_LIST_MODELS)
            llmc_key_pool_put_back(pool, key, llmc_shows_money(leg->answer));
        return;
    }
    if (!sent)
        return;
    llmc_key_state verdict = llmc_key_verdict(leg->status, &leg->error);
    if (verdict == LLMC_KEY_LIMITED)
        llmc_key_pool_limited(pool, key, state->model, llmc_leg_now(leg), leg->error.retry_after_ms);
    if (verdict == LLMC_KEY_OUT_OF_MONEY && llmc_key_pool_out_of_money(pool, key, llmc_leg_now(leg)))
        tell_of_key(leg, state, "out_of_money");
    if (verdict == LLMC_KEY_REJECTED && llmc_key_stays_rejected(&leg->error, leg->route->provider, leg->credential) && llmc_key_pool_reject(pool, key))
        tell_of_key(leg, state, "rejected");
}

static void leave_key(llmcost_leg *leg, keys_state *state)
{
    if (state->place.kept) /* by a leg that reads on */
        return;
    llmc_place_leave(leg, &state->place);
}

/* What the caller hears when there is no further key: of a pool, how it stands, not only how its last key fared. */
static void sum_up(llmcost_leg *leg, const keys_state *state)
{
    llmc_key_pool *pool = leg->route->provider->pool;
    int64_t now = llmc_leg_now(leg);
    llmc_key_census census = llmc_key_pool_census(pool, state->model, now);
    if (census.of[LLMC_KEY_OK])
        return;
    if (leg->status != LLMCOST_E_RATE_LIMITED && census.best == LLMC_KEY_LIMITED) {
        fail_without_key(leg, state);
        return;
    }
    int64_t back_ms = census.back_ns > now ? (census.back_ns - now + LLMC_MS - 1) / LLMC_MS : 0;
    if (leg->status == LLMCOST_E_RATE_LIMITED && census.back_ns != LLMC_NEVER)
        leg->error.retry_after_ms = back_ms;
}

static bool may_go_on(const llmcost_leg *leg)
{
    return leg->status != LLMCOST_OK && !leg->cancelled && !llmc_leg_is_detached(leg) && !llmc_leg_was_delivered(leg);
}

static bool remember_tried(llmcost_leg *leg, keys_state *state, size_t key)
{
    if (!state->tried)
        state->tried = llmc_arena_calloc(llmc_leg_arena(leg), 1, leg->route->provider->pool->count);
    if (state->tried)
        state->tried[key] = 1;
    return state->tried != NULL;
}

static void drop_token(llmcost_leg *leg, keys_state *state)
{
    llmc_secret_free(&state->token, &leg->services->allocator);
    leg->token = NULL;
    state->asked_again = state->refused = false;
}

/* In leave, after a failure: on with another key, if it was for this one. sent: it was shown to the provider. */
static llmcost_verdict use_another(llmcost_leg *leg, keys_state *state, bool sent)
{
    for (;; sent = state->refused) {
        llmc_key_pool *pool = state->place.pool;
        size_t key = state->place.key;
        judge_key(leg, state, sent);
        bool for_the_key = pool && llmc_key_verdict(leg->status, &leg->error) != LLMC_KEY_OK;
        leave_key(leg, state);
        if (!for_the_key || pool->count < 2 || !may_go_on(leg) || !remember_tried(leg, state, key))
            return LLMCOST_CONTINUE;
        if (!take_key(leg, state)) {
            sum_up(leg, state);
            return LLMCOST_CONTINUE;
        }
        drop_token(leg, state);
        leg->another = "key";
        leg->place = &state->place;
        llmcost_verdict verdict = leg->credential->token ? get_token(leg, state) : LLMCOST_CONTINUE;
        if (verdict != LLMCOST_FAIL)
            return verdict == LLMCOST_CONTINUE ? LLMCOST_ANOTHER : verdict;
    }
}

/* ---- the policy ---- */

static llmcost_verdict keys_enter(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    keys_state *state = memory;
    const llmc_provider *provider = leg->route ? leg->route->provider : NULL;
    leg->credential = NULL;
    leg->token = NULL;
    leg->place = provider ? &state->place : NULL;
    if (!provider || !provider->pool)
        return LLMCOST_CONTINUE;
    if (!take_key(leg, state)) {
        fail_without_key(leg, state);
        llmc_place_note_refusal(leg, leg->status);
        return LLMCOST_FAIL;
    }
    return leg->credential->token ? get_token(leg, state) : LLMCOST_CONTINUE;
}

static llmcost_verdict keys_resume(llmcost_leg *leg, void *memory, void *user, const llmcost_wake *wake)
{
    (void)user;
    keys_state *state = memory;
    llmcost_verdict verdict = LLMCOST_WAIT;
    if (wake->kind == LLMCOST_WAKE_CHILD)
        verdict = take_from_exchange(leg, state, wake->child);
    else if (wake->kind == LLMCOST_WAKE_TIMER && state->looking)
        verdict = look(leg, state);
    if (leg->stage != LLMC_LEG_LEAVING)
        return verdict;
    if (verdict == LLMCOST_FAIL)
        return use_another(leg, state, state->refused);
    return verdict == LLMCOST_CONTINUE ? LLMCOST_ANOTHER : verdict;
}

/* A token may be withdrawn before its time: once, another is asked for. */
static llmcost_verdict ask_again(llmcost_leg *leg, keys_state *state)
{
    llmc_token_reject(leg->credential->token, &state->token);
    llmc_secret_free(&state->token, &leg->services->allocator);
    leg->token = NULL;
    leg->place = &state->place;
    state->asked_again = true;
    llmcost_verdict verdict = get_token(leg, state);
    if (verdict == LLMCOST_FAIL)
        return use_another(leg, state, state->refused);
    return verdict == LLMCOST_CONTINUE ? LLMCOST_ANOTHER : verdict;
}

static llmcost_verdict keys_leave(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    keys_state *state = memory;
    leg->place = NULL; /* it is here, and its next try brings its own */
    if (leg->status == LLMCOST_E_AUTH && leg->token && !state->asked_again && may_go_on(leg))
        return ask_again(leg, state);
    return use_another(leg, state, state->refused || (leg->source ? leg->source : leg)->sent);
}

static void keys_destroy(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    keys_state *state = memory;
    end_asking(state);
    leave_key(leg, state);
    llmc_secret_free(&state->token, &leg->services->allocator);
    leg->token = NULL;
}

const llmcost_policy llmc_policy_keys = {
    .struct_size = sizeof(llmcost_policy), .name = "keys", .phase = LLMCOST_PHASE_KEYS, .state_bytes = sizeof(keys_state),
    .enter = keys_enter, .resume = keys_resume, .leave = keys_leave, .destroy = keys_destroy,
};
