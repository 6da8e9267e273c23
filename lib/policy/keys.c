/*
 * keys.c: what a leg shows its provider. Several keys take turns; a pair that must be exchanged, or a key that the host
 * hands out, becomes a token that is kept until shortly before it expires and asked for again when it is rejected, once.
 */
#include "policy/policy.h"
#include "provider/token.h"

#include <string.h>

enum { MAX_KEY_BYTES = 16 << 10 };

typedef struct keys_state {
    llmc_secret token;
    bool asked_again; /* the first one was rejected */
} keys_state;

static bool is_printable(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return true;
}

static llmcost_verdict use_token(llmcost_leg *leg, keys_state *state, const char *text, size_t bytes)
{
    if (!llmc_secret_set(&state->token, &leg->services->allocator, text, bytes))
        return llmc_leg_out_of_memory(leg);
    leg->token = &state->token;
    return LLMCOST_CONTINUE;
}

/* The callback writes into room of ours, so that no copy stays with the host's allocator. */
static llmcost_verdict ask_host(llmcost_leg *leg, keys_state *state, const llmc_credential *credential)
{
    const llmc_provider *provider = leg->route->provider;
    const llmc_named_hook *source = llmc_named_hook_find(leg->services->key_sources, credential->host);
    if (!source)
        return llmc_leg_fail(leg, LLMCOST_E_CONFIG, "%s: its key is \"host:%s\", and no such callback was added: llmcost_client_add_key_source()", leg->route->name, credential->host);
    char *room = llmc_calloc(&leg->services->allocator, 1, MAX_KEY_BYTES + 1);
    if (!room)
        return llmc_leg_out_of_memory(leg);
    int64_t valid_ms = 0;
    llmcost_status status = source->fn.key(provider->name, state->asked_again, room, MAX_KEY_BYTES + 1, &valid_ms, source->user);
    size_t bytes = strnlen(room, MAX_KEY_BYTES + 1);
    bool usable = !status && bytes && bytes <= MAX_KEY_BYTES && is_printable(room, bytes);
    llmcost_verdict verdict = LLMCOST_FAIL;
    if (status)
        llmc_leg_fail(leg, LLMCOST_E_AUTH, "%s: the callback for its key failed: %s", leg->route->name, llmcost_status_text(status));
    else if (!usable)
        llmc_leg_fail(leg, LLMCOST_E_AUTH, "%s: the callback for its key gave none of 1 to %d printable ASCII characters", leg->route->name, MAX_KEY_BYTES);
    else
        verdict = use_token(leg, state, room, bytes);
    if (usable && valid_ms > 0)
        llmc_token_set(credential->token, room, bytes, llmc_leg_now(leg), valid_ms); /* without memory it is asked for again */
    llmc_wipe(room, MAX_KEY_BYTES + 1);
    llmc_free(&leg->services->allocator, room);
    return verdict;
}

static llmcost_verdict exchange(llmcost_leg *leg, const llmc_credential *credential)
{
    llmc_spawn spawn = { .inside = true, .first_phase = LLMCOST_PHASE_WIRE, .operation = &llmc_operations[LLMC_OP_TOKEN], .route = leg->route->provider->exchange, .purpose = "token" };
    llmcost_leg *child = llmc_leg_spawn(leg, &spawn);
    if (!child)
        return leg->status ? LLMCOST_FAIL : llmc_leg_out_of_memory(leg);
    child->credential = credential;
    return LLMCOST_WAIT;
}

/* WAIT: none is kept. */
static llmcost_verdict take_token(llmcost_leg *leg, keys_state *state)
{
    llmcost_status status = llmc_token_get(leg->credential->token, llmc_leg_now(leg), &state->token);
    if (status == LLMCOST_E_MEMORY)
        return llmc_leg_out_of_memory(leg);
    leg->token = status ? NULL : &state->token;
    return status ? LLMCOST_WAIT : LLMCOST_CONTINUE;
}

static llmcost_verdict get_token(llmcost_leg *leg, keys_state *state)
{
    llmcost_verdict verdict = take_token(leg, state);
    if (verdict != LLMCOST_WAIT)
        return verdict;
    return leg->credential->host ? ask_host(leg, state, leg->credential) : exchange(leg, leg->credential);
}

static llmcost_verdict keys_enter(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    const llmc_provider *provider = leg->route ? leg->route->provider : NULL;
    if (!provider || !provider->credential_count)
        return LLMCOST_CONTINUE;
    unsigned turn = provider->credential_count > 1 ? atomic_fetch_add_explicit(provider->turn, 1, memory_order_relaxed) : 0;
    leg->credential = &provider->credentials[turn % provider->credential_count];
    return leg->credential->token ? get_token(leg, memory) : LLMCOST_CONTINUE;
}

static llmcost_verdict keys_resume(llmcost_leg *leg, void *memory, void *user, const llmcost_wake *wake)
{
    (void)user;
    keys_state *state = memory;
    if (wake->kind != LLMCOST_WAKE_CHILD)
        return LLMCOST_WAIT;
    if (wake->child->status) {
        llmc_error_clear(&leg->error);
        llmc_error_copy(&leg->error, &wake->child->error);
        leg->status = wake->child->status;
        return LLMCOST_FAIL;
    }
    llmcost_verdict verdict = take_token(leg, state);
    if (verdict == LLMCOST_WAIT)
        return llmc_leg_fail(leg, LLMCOST_E_AUTH, "%s: the token that was exchanged for its key has expired already", leg->route->name);
    return verdict == LLMCOST_CONTINUE && state->asked_again ? LLMCOST_ANOTHER : verdict;
}

/* A token may be withdrawn before its time: once, another is asked for. */
static llmcost_verdict keys_leave(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    keys_state *state = memory;
    if (leg->status != LLMCOST_E_AUTH || !leg->token || state->asked_again || leg->cancelled || llmc_leg_is_detached(leg))
        return LLMCOST_CONTINUE;
    llmc_token_reject(leg->credential->token, &state->token);
    llmc_secret_free(&state->token, &leg->services->allocator);
    leg->token = NULL;
    state->asked_again = true;
    llmcost_verdict verdict = get_token(leg, state);
    return verdict == LLMCOST_CONTINUE ? LLMCOST_ANOTHER : verdict == LLMCOST_WAIT ? LLMCOST_WAIT : LLMCOST_CONTINUE;
}

static void keys_destroy(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    keys_state *state = memory;
    llmc_secret_free(&state->token, &leg->services->allocator);
    leg->token = NULL;
}

const llmcost_policy llmc_policy_keys = {
    .struct_size = sizeof(llmcost_policy), .name = "keys", .phase = LLMCOST_PHASE_KEYS, .state_bytes = sizeof(keys_state),
    .enter = keys_enter, .resume = keys_resume, .leave = keys_leave, .destroy = keys_destroy,
};
