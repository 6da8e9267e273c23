/*
 * keys.c: what a leg shows its provider. Several keys take turns; a pair that must be exchanged, or a key that the host
 * hands out, becomes a token that is kept until shortly before it expires and asked for again when it is rejected, once.
 *
 * An exchange is a child that begins at the wire: it has a line of its own on the receipt, purpose "token", and costs
 * nothing. What it got comes straight to this leg, so that a token that nobody may keep serves its call all the same.
 */
#include "policy/policy.h"
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
    return LLMCOST_FAIL;
}

/* ---- the policy ---- */

static llmcost_verdict keys_enter(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    const llmc_provider *provider = leg->route ? leg->route->provider : NULL;
    leg->credential = NULL;
    leg->token = NULL;
    if (!provider || !provider->credential_count)
        return LLMCOST_CONTINUE;
    unsigned turn = provider->turn ? atomic_fetch_add_explicit(provider->turn, 1, memory_order_relaxed) : 0;
    leg->credential = &provider->credentials[turn % provider->credential_count];
    return leg->credential->token ? get_token(leg, memory) : LLMCOST_CONTINUE;
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
    return verdict == LLMCOST_CONTINUE && state->asked_again ? LLMCOST_ANOTHER : verdict;
}

/* A token may be withdrawn before its time: once, another is asked for. */
static llmcost_verdict keys_leave(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    keys_state *state = memory;
    if (leg->status != LLMCOST_E_AUTH || !leg->token || state->asked_again || leg->cancelled || llmc_leg_was_delivered(leg))
        return LLMCOST_CONTINUE;
    llmc_token_reject(leg->credential->token, &state->token);
    llmc_secret_free(&state->token, &leg->services->allocator);
    leg->token = NULL;
    state->asked_again = true;
    llmcost_verdict verdict = get_token(leg, state);
    return verdict == LLMCOST_CONTINUE ? LLMCOST_ANOTHER : verdict;
}

static void keys_destroy(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    keys_state *state = memory;
    end_asking(state);
    llmc_secret_free(&state->token, &leg->services->allocator);
    leg->token = NULL;
}

const llmcost_policy llmc_policy_keys = {
    .struct_size = sizeof(llmcost_policy), .name = "keys", .phase = LLMCOST_PHASE_KEYS, .state_bytes = sizeof(keys_state),
    .enter = keys_enter, .resume = keys_resume, .leave = keys_leave, .destroy = keys_destroy,
};
