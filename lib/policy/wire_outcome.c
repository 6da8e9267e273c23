/* How an exchange ended: what it cost, its answer, its line of the receipt and, where it failed, its error. */
#include "policy/wire.h"

#include "policy/price_leg.h"

#include <string.h>

static void set_error(llmc_wire *state, llmcost_status status, const char *detail)
{
    llmcost_leg *leg = state->leg;
    llmcost_error *error = &leg->error;
    llmc_error_move(error, &state->answer_error);
    if (state->wait_rank == LLMC_WAIT_OF_LIMITS && status != LLMCOST_E_RATE_LIMITED)
        error->retry_after_ms = -1; /* the reset times of limits come with every answer: no wait for a server that fails */
    error->status = leg->status = status;
    error->http_status = state->http_status;
    llmc_error_set_text(error, &error->provider, state->provider->name, strlen(state->provider->name));
    const char *says = llmcost_status_text(status), *words = error->provider_message ? error->provider_message : detail;
    bool more = words && *words && strcmp(words, says) != 0;
    llmcost_error named = { .allocator = error->allocator };
    llmc_error_set(&named, status, "%s: %s%s%s", leg->route->name, says, more ? ": " : "", more ? words : "");
    llmc_free(&error->allocator, error->message);
    error->message = named.message;
}

static void charge(llmc_wire *state)
{
    llmcost_leg *leg = state->leg;
    llmc_line *line = llmc_leg_line(leg);
    if (!line || !leg->sent || !leg->operation->priced || state->http_status >= 300)
        return;
    if (llmc_wire_refused_in_success(state))
        line->flags |= LLMC_LINE_PRICED; /* at nothing */
    else
        llmc_price_leg(leg, line);
}

/* What a cached answer saves one day is the caller's prompt, without what we added to it. */
static void leave_out_added(const llmcost_leg *leg, llmc_usage *usage)
{
    int64_t *input = &usage->quantity[LLMCOST_INPUT];
    if (leg->extra_prompt_tokens > 0 && *input > 0)
        *input -= leg->extra_prompt_tokens < *input ? leg->extra_prompt_tokens : *input;
}

static void keep_answer(llmc_wire *state, int64_t now)
{
    llmcost_leg *leg = state->leg;
    if (llmc_answer_builder_is_empty(&state->builder) && leg->status != LLMCOST_OK)
        return;
    llmc_answer *answer = llmc_answer_build(&state->builder, state->provider->name, llmc_receipt_id(llmc_leg_receipt(leg)), &leg->usage, now - state->began_ns);
    if (answer) {
        leave_out_added(leg, &answer->usage);
        llmc_leg_set_answer(leg, answer);
    } else if (leg->status == LLMCOST_OK) {
        llmc_leg_out_of_memory(leg);
    }
}

/* Responses outlive their client: what its config says is copied for them. */
static const char *kept(llmcost_leg *leg, const char *text)
{
    const char *copy = llmc_arena_strdup(llmc_leg_arena(leg), text);
    return copy ? copy : "";
}

/* What the host hands out is named by itself; what a pair became, by the pair. */
static const char *fingerprint(const llmc_wire *state)
{
    const llmc_credential *credential = llmc_wire_credential(state);
    if (credential && credential->host)
        return state->leg->token ? state->leg->token->fingerprint : "";
    return credential ? llmc_credential_fingerprint(credential) : "";
}

/* By "on_abort": "cancel", by a deadline, or where a drain could not begin: it sets its own flag. */
static bool was_cut(const llmc_wire *state)
{
    const llmcost_leg *leg = state->leg;
    return state->concluded && leg->sent && leg->operation->priced && state->http_status < 300 && (leg->status == LLMCOST_E_CANCELLED || leg->status == LLMCOST_E_DEADLINE);
}

static void settle_line(llmc_wire *state, int64_t now)
{
    llmcost_leg *leg = state->leg;
    llmc_line *line = llmc_leg_line(leg);
    if (!line) {
        llmc_leg_out_of_memory(leg);
        return;
    }
    line->provider = kept(leg, state->provider->name);
    line->model = kept(leg, leg->route->model);
    line->status = leg->status;
    line->http_status = state->http_status;
    line->limits = state->limits;
    line->served_model = leg->answer ? kept(leg, leg->answer->model) : "";
    if (*fingerprint(state)) /* when a drain ends the host's key is gone, and the line has it */
        line->key = kept(leg, fingerprint(state));
    line->duration_ms = (now - state->began_ns) / LLMC_MS;
    const char *request_id = state->answer_error.request_id ? state->answer_error.request_id : leg->error.request_id;
    line->request_id = request_id ? kept(leg, request_id) : "";
    line->flags |= leg->sent ? LLMC_LINE_SENT : 0;
    line->flags |= was_cut(state) ? LLMC_LINE_CUT : 0;
}

/* A token that was made for this request alone. */
static void mask_bearer(const char *line, char *text)
{
    static const char before[] = "Authorization: Bearer ";
    if (strncmp(line, before, sizeof before - 1) == 0)
        llmc_secret_mask(&(llmc_secret){ .hidden = (char *)line + sizeof before - 1, .bytes = strlen(line) - (sizeof before - 1) }, text);
}

/* Some hosts repeat the key that they do not accept. */
static void mask_keys(const llmc_wire *state, llmcost_error *error)
{
    const llmc_provider *provider = state->provider;
    char *const texts[] = { error->message, error->provider_message, error->code, error->request_id };
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        if (!texts[t])
            continue;
        for (size_t i = 0; i < provider->credential_count; i++)
            llmc_credential_mask(&provider->credentials[i], texts[t]);
        if (state->leg->token)
            llmc_secret_mask(state->leg->token, texts[t]);
        if (provider->auth == LLMC_AUTH_JWT && state->header_count)
            mask_bearer(state->headers[0], texts[t]);
    }
}

int64_t llmc_wire_settle(llmc_wire *state)
{
    llmc_wire_estimate_usage(state);
    charge(state); /* before the answer is kept: a fee per call belongs to its usage */
    int64_t now = llmc_leg_now(state->leg);
    keep_answer(state, now);
    settle_line(state, now);
    return now;
}

void llmc_wire_conclude(llmc_wire *state, llmcost_status status, const char *detail)
{
    state->concluded = true;
    mask_keys(state, &state->answer_error);
    llmc_driver_timer_stop(state->driver, &state->timer);
    llmcost_leg *leg = state->leg;
    leg->status = status;
    int64_t now = leg->concluded_ns = llmc_wire_settle(state);
    if (leg->status)
        set_error(state, leg->status, detail);
    if (leg->status && leg->line)
        leg->line->message = kept(leg, llmcost_error_message(&leg->error));
    llmc_services_log(leg->services, LLMCOST_LOG_TRACE, "wire", "%s: HTTP %d, %s, %lld bytes in %lld ms", leg->route->name, (int)state->http_status,
                      status ? llmcost_status_name(status) : "OK", (long long)state->received, (long long)((now - state->began_ns) / LLMC_MS));
}
