/*
 * wire.c: encodes a leg for its target, sends it, decodes what comes back, and prices it. The innermost policy.
 *
 * Everything an exchange needs is one struct in the leg's arena; its buffers come from a workspace of the driver, unless
 * too many exchanges have one, and are given back when the leg is destroyed.
 * Each of connecting, the first byte and the gaps between bytes has its own deadline and its own error, on one timer.
 * Left out on purpose: tries after a failure (retry.c) and anything about money beyond this leg's own bill (budget.c).
 */
#include "base/text.h"
#include "policy/policy.h"
#include "policy/price_leg.h"
#include "policy/usage_estimate.h"
#include "provider/authorize.h"
#include "provider/token.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MAX_HEADERS = 32 }; /* a config may have half as many */

typedef enum exchange_stage { QUEUED, CONNECTING, SENT, RECEIVING } exchange_stage;

typedef struct wire_state {
    llmcost_leg *leg;
    const llmc_provider *provider;
    const llmcost_transport *transport;
    void *transfer;              /* NULL: none under way */
    llmc_driver *driver;
    llmc_workspace *workspace;   /* NULL: none was to be had, or it would keep a secret */
    const llmc_allocator *allocator; /* of the buffers */
    llmc_wiping_memory wiping;   /* for what signs or is a secret as a whole */
    llmc_encoded encoded;
    llmc_buffer head;            /* the URL and the lines made here, each ended by a zero byte; holds the key: wiped */
    const char **headers;        /* room for MAX_HEADERS */
    uint32_t header_count;
    llmc_decoder decoder;
    void *decoder_state;
    const llmc_framing *framing;
    void *framing_state;
    llmc_answer_builder builder;
    llmcost_error answer_error;  /* from headers and bodies */
    llmc_timer timer;
    llmc_rate_limits *limits;    /* NULL: none told */
    exchange_stage stage;
    int32_t http_status;
    uint32_t wait_rank;          /* how exact the wait is that the headers ask for */
    int64_t received, began_ns, stage_ns, answered_wall_ms;
    int64_t prompt_estimate;     /* made when the caller left: his request is gone afterwards */
    llmcost_status failure;      /* why we ended the exchange ourselves */
    bool opened, decoding, event_stream, timer_reserved, stopped, concluded, counted;
    bool left;                   /* the caller, with a drain to come: he is shown nothing more */
} wire_state;

/* ---- the request's head ---- */

static const char accept[] = "Accept: ";

/* What this leg shows; NULL: nothing. A leg that no policy gave a credential shows the first. */
static const llmc_credential *credential_of(const wire_state *state)
{
    const llmc_provider *provider = state->provider;
    return state->leg->credential ? state->leg->credential : provider->credential_count ? provider->credentials : NULL;
}

/* Room for this much and the line of a stream: what grows later would move, and leave the key behind in memory that nobody wipes. */
static bool reserve_head(wire_state *state, size_t bytes)
{
    return llmc_buffer_reserve(&state->head, bytes + sizeof accept + strlen(state->provider->codec->stream_type));
}

static const char *add_head(wire_state *state, const char *name, const char *value)
{
    llmc_buffer *head = &state->head;
    char *at = head->data + head->length;
    size_t name_bytes = strlen(name), value_bytes = strlen(value);
    llmc_put_text(llmc_put_text(at, name, name_bytes) - 1, value, value_bytes);
    head->length += name_bytes + value_bytes + 1;
    return at;
}

static void add_line(wire_state *state, const char *line)
{
    if (state->header_count < MAX_HEADERS)
        state->headers[state->header_count++] = line;
}

/* The two ways that nearly all hosts have, without a detour. */
static const char *plain_header(const llmc_provider *provider)
{
    if (provider->auth == LLMC_AUTH_X_API_KEY)
        return "x-api-key: ";
    return provider->auth == LLMC_AUTH_BEARER || provider->auth == LLMC_AUTH_NONE_OR_BEARER ? "Authorization: Bearer " : NULL;
}

/* A signature covers the URL and the body; an old exchange wants its pair in the URL. */
static llmcost_status sign_head(wire_state *state, const llmc_credential *credential, const char *path)
{
    llmc_buffer signed_lines, query;
    llmc_buffer_init(&signed_lines, &state->wiping.pieces, 1 << 20);
    llmc_buffer_init(&query, &state->wiping.pieces, 1 << 20);
    llmc_unauthorized request = { state->encoded.method, state->head.data, state->encoded.body.data, state->encoded.body.length,
                                  llmc_clock_wall_ms(&state->leg->services->clock) };
    llmcost_status status = llmc_authorize(state->provider, credential, state->leg->token, &request, &signed_lines, &query);
    if (!status && !reserve_head(state, signed_lines.length + query.length))
        status = LLMCOST_E_MEMORY;
    if (!status && query.length) {
        llmc_buffer_clear(&state->head);
        add_head(state, state->provider->base_url, path);
        state->head.length--;
        add_head(state, llmc_buffer_text(&query), "");
    }
    for (size_t at = 0; !status && at < signed_lines.length; at += strlen(signed_lines.data + at) + 1)
        add_line(state, add_head(state, signed_lines.data + at, ""));
    llmc_buffer_free(&query);
    llmc_buffer_free(&signed_lines);
    return status;
}

/* The URL, and the lines that nobody else keeps until the exchange is over. */
static llmcost_status make_head(wire_state *state)
{
    const llmc_provider *provider = state->provider;
    const llmc_credential *credential = credential_of(state);
    const llmc_secret *shown = state->leg->token ? state->leg->token : credential ? &credential->key : NULL;
    const char *path = llmc_buffer_text(&state->encoded.path), *plain = plain_header(provider);
    bool bare = shown && plain;
    state->headers = llmc_alloc(state->allocator, MAX_HEADERS * sizeof *state->headers);
    if (!path || !state->headers || !reserve_head(state, strlen(provider->base_url) + state->encoded.path.length + 1 + (bare ? strlen(plain) + shown->bytes + 1 : 0)))
        return LLMCOST_E_MEMORY;
    add_head(state, provider->base_url, path);
    if (bare)
        add_line(state, add_head(state, plain, llmc_secret_reveal(shown)));
    llmcost_status status = shown && !plain ? sign_head(state, credential, path) : LLMCOST_OK;
    if (status)
        return status;
    if (state->encoded.body.length)
        add_line(state, "Content-Type: application/json");
    add_line(state, state->decoder.stream ? add_head(state, accept, provider->codec->stream_type) : "Accept: application/json");
    for (size_t i = 0; i < sizeof state->encoded.headers / sizeof state->encoded.headers[0] && state->encoded.headers[i]; i++)
        add_line(state, state->encoded.headers[i]);
    for (size_t i = 0; i < provider->header_count; i++)
        add_line(state, provider->headers[i]);
    return LLMCOST_OK;
}

/* ---- deadlines ---- */

static int64_t stage_limit_ns(const wire_state *state)
{
    const llmc_provider *provider = state->provider;
    int32_t ms = state->stage == CONNECTING ? provider->connect_ms : state->stage == SENT ? provider->first_byte_ms : provider->idle_ms;
    return state->stage == QUEUED || ms <= 0 ? LLMC_NEVER : llmc_clock_after(state->stage_ns, ms);
}

static void watch_deadline(wire_state *state)
{
    int64_t at = stage_limit_ns(state);
    if (state->leg->deadline_ns < at)
        at = state->leg->deadline_ns;
    /* A running timer that is due earlier is left alone: when it fires it looks again. */
    if (!state->timer.place || state->timer.at_ns > at)
        llmc_driver_timer_start(state->driver, &state->timer, at);
}

static void enter_stage(wire_state *state, exchange_stage stage)
{
    state->stage = stage;
    state->stage_ns = llmc_leg_now(state->leg);
    watch_deadline(state);
}

static void finish_exchange(wire_state *state, llmcost_status status, const char *detail);

static void end_transfer(wire_state *state)
{
    if (state->transfer) {
        void *transfer = state->transfer;
        state->transfer = NULL;
        state->transport->abort(state->transport->user, transfer);
    }
}

static void deadline_fired(void *user)
{
    wire_state *state = user;
    llmcost_leg *leg = state->leg;
    int64_t now = llmc_leg_now(leg), limit = stage_limit_ns(state);
    if (now < limit && now < leg->deadline_ns) {
        watch_deadline(state);
        return;
    }
    static const llmcost_status late[] = { [QUEUED] = LLMCOST_E_DEADLINE, [CONNECTING] = LLMCOST_E_CONNECT_TIMEOUT,
                                           [SENT] = LLMCOST_E_FIRST_BYTE_TIMEOUT, [RECEIVING] = LLMCOST_E_IDLE_TIMEOUT };
    llmcost_status status = now >= leg->deadline_ns ? LLMCOST_E_DEADLINE : late[state->stage];
    end_transfer(state);
    finish_exchange(state, status, llmcost_status_text(status));
    llmc_leg_pump(leg);
}

/* ---- decoding ---- */

/* No part of an answer: answers are kept and shown. Its time began when it was asked for, or later. */
static bool take_token(wire_state *state, const llmcost_event *event)
{
    llmcost_leg *leg = state->leg;
    if (llmc_secret_set(leg->received, &leg->services->allocator, event->text, event->bytes) &&
        llmc_token_set(leg->credential->token, event->text, event->bytes, state->began_ns, (int64_t)event->tool_index * 1000))
        return true;
    state->failure = LLMCOST_E_MEMORY;
    return false;
}

static bool keep_event(wire_state *state, const llmcost_event *event)
{
    if (llmc_answer_builder_add(&state->builder, event))
        return true;
    const char *malformed = state->builder.malformed;
    state->failure = malformed ? LLMCOST_E_MALFORMED : state->builder.too_large ? LLMCOST_E_TOO_LARGE : LLMCOST_E_MEMORY;
    if (malformed)
        llmc_error_set_text(&state->answer_error, &state->answer_error.provider_message, malformed, strlen(malformed));
    return false;
}

/* What is told of the account, to nobody as it comes. */
static bool take_account(wire_state *state, const llmcost_event *event)
{
    if (event->kind == LLMC_EVENT_TOKEN)
        return take_token(state, event);
    llmcost_event balance = *event;
    if (!*balance.tool_name)
        balance.tool_name = state->provider->currency;
    return keep_event(state, &balance);
}

static bool take_event(void *user, const llmcost_event *event)
{
    wire_state *state = user;
    if (state->concluded) /* this very piece's way out cancelled the leg */
        return false;
    if (event->kind >= LLMC_EVENT_BALANCE)
        return take_account(state, event);
    if (event->kind == LLMCOST_EVENT_USAGE) { /* counts so far: those of the end are told on, once */
        state->leg->usage = *event->usage;
        state->counted = true;
        return true;
    }
    if (!keep_event(state, event))
        return false;
    if (llmc_leg_is_detached(state->leg) || state->left || llmc_leg_emit(state->leg, event))
        return true;
    /* A drain begins when the transport has returned: until then what comes is read as one reads it. */
    state->left = llmc_leg_caller_left(state->leg) && state->provider->drain_on_abort && state->leg->operation->priced;
    state->stopped = !state->left;
    return state->left;
}

static bool tell_usage(wire_state *state)
{
    llmcost_event event = { .kind = LLMCOST_EVENT_USAGE, .text = "", .tool_id = "", .tool_name = "", .usage = &state->leg->usage };
    return !state->left && (!state->counted || llmc_leg_is_detached(state->leg) || llmc_leg_emit(state->leg, &event));
}

static llmcost_status decode_failure(wire_state *state, const char *body, size_t bytes)
{
    llmcost_status status = llmc_decode_error_of_host(&state->answer_error, state->provider->quirks, state->http_status, body, bytes);
    if (state->http_status >= 400)
        return status;
    static const char redirect[] = "the host redirects elsewhere, and redirects are never followed: set base_url to the final address";
    llmc_error_set_text(&state->answer_error, &state->answer_error.provider_message, redirect, sizeof redirect - 1);
    return LLMCOST_E_NOT_FOUND;
}

static bool take_frame(const llmc_frame *frame, void *user)
{
    wire_state *state = user;
    if (state->http_status >= 300) {
        state->failure = decode_failure(state, frame->data, frame->bytes);
        return false;
    }
    llmcost_status status = state->decoder.codec->decode_frame(&state->decoder, frame);
    if (status && !state->failure && !state->stopped)
        state->failure = status;
    return status == LLMCOST_OK;
}

/* The first byte of a body tells how to read it: an error, a stream, or one document. */
static bool begin_decoding(wire_state *state)
{
    const llmc_codec *codec = state->provider->codec;
    bool stream = state->decoder.stream && state->http_status < 300 && state->event_stream;
    state->framing = stream ? codec->stream_framing : &llmc_framing_whole;
    state->framing_state = llmc_arena_calloc(llmc_leg_arena(state->leg), 1, state->framing->state_bytes);
    state->decoder_state = llmc_arena_alloc(llmc_leg_arena(state->leg), codec->decoder_bytes);
    if (!state->framing_state || !state->decoder_state)
        return false;
    state->framing->init(state->framing_state, state->allocator, (size_t)state->provider->max_response_bytes);
    llmc_decoder_begin(&state->decoder, codec, state->leg->operation->id, state->allocator, state->provider->quirks, stream, state->http_status, take_event,
                       state, &state->answer_error, state->decoder_state);
    state->decoding = true;
    return true;
}

/* ---- what the transport reports ---- */

static void on_opening(void *context)
{
    wire_state *state = context;
    state->opened = true;
    enter_stage(state, CONNECTING);
}

static void on_connected(void *context)
{
    wire_state *state = context;
    state->leg->sent = true;
    enter_stage(state, SENT);
}

static void on_status(void *context, int32_t http_status)
{
    wire_state *state = context;
    state->leg->sent = true;
    state->http_status = http_status;
    state->answered_wall_ms = llmc_clock_wall_ms(&state->leg->services->clock); /* once for all headers */
    state->event_stream = false;
}

static bool is_type(const char *value, const char *type)
{
    return strncasecmp(value, type, strlen(type)) == 0;
}

/* Without memory they are not told. */
static void take_limit(wire_state *state, const char *name, const char *value)
{
    if (!state->limits && (state->limits = llmc_arena_alloc(llmc_leg_arena(state->leg), sizeof *state->limits)))
        llmc_rate_limits_init(state->limits);
    if (state->limits)
        llmc_decode_limit_header(state->limits, name, value, state->answered_wall_ms);
}

static void on_header(void *context, const char *name, const char *value)
{
    wire_state *state = context;
    if ((*name | 0x20) == 'c' && strcasecmp(name, "content-type") == 0)
        state->event_stream = is_type(value, state->provider->codec->stream_type);
    else
        llmc_decode_error_header(&state->answer_error, &state->wait_rank, name, value, state->answered_wall_ms);
    if (llmc_is_limit_header(name))
        take_limit(state, name, value);
}

static int take_body(wire_state *state, const char *bytes, size_t length)
{
    enter_stage(state, RECEIVING);
    if (state->received == 0 && state->leg->line)
        state->leg->line->first_byte_ms = (state->stage_ns - llmc_leg_call_started(state->leg)) / LLMC_MS;
    state->received += (int64_t)length;
    if (!state->decoding && !begin_decoding(state))
        state->failure = LLMCOST_E_MEMORY;
    if (state->received > state->provider->max_response_bytes)
        state->failure = LLMCOST_E_TOO_LARGE;
    if (state->failure)
        return 1;
    llmcost_status status = state->framing->feed(state->framing_state, bytes, length, take_frame, state);
    if (status && !state->failure)
        state->failure = status;
    return state->failure || state->stopped;
}

static int on_body(void *context, const char *bytes, size_t length)
{
    wire_state *state = context;
    llmcost_leg *leg = state->leg;
    int ends = take_body(state, bytes, length);
    llmc_leg_pump_later(leg); /* what a policy did on seeing a piece: cancelling a sibling, for one */
    return ends;
}

static void on_done(void *context, llmcost_status status, const char *detail)
{
    wire_state *state = context;
    llmcost_leg *leg = state->leg;
    state->transfer = NULL;
    finish_exchange(state, status, detail);
    llmc_leg_pump(leg);
}

static const llmcost_http_events http_events = { on_opening, on_connected, on_status, on_header, on_body, on_done };

/* ---- outcomes ---- */

__attribute__((cold)) static llmcost_status missing_vectors(wire_state *state)
{
    char words[80];
    int bytes = snprintf(words, sizeof words, "%u vectors came for %u texts", state->builder.vectors ? state->builder.vectors->count : 0, state->builder.inputs);
    llmc_error_set_text(&state->answer_error, &state->answer_error.provider_message, words, (size_t)bytes);
    return LLMCOST_E_MALFORMED;
}

static llmcost_status finish_decoding(wire_state *state)
{
    if (!state->decoding && !begin_decoding(state)) /* an empty body */
        return LLMCOST_E_MEMORY;
    llmcost_status status = state->framing->finish(state->framing_state, take_frame, state);
    if (state->failure == LLMCOST_E_MALFORMED && state->framing != &llmc_framing_whole)
        state->failure = LLMCOST_E_TRUNCATED; /* an event that only the end of the stream ended */
    if (state->failure || state->stopped)
        return state->failure ? state->failure : llmc_leg_stop_status(state->leg);
    if (state->http_status >= 300 && !status) /* an error without a body */
        return decode_failure(state, "", 0);
    if (!status)
        status = state->decoder.codec->decode_end(&state->decoder);
    if (!status && state->builder.inputs && !llmc_answer_builder_has_vectors(&state->builder))
        return missing_vectors(state);
    return status || tell_usage(state) ? status : LLMCOST_E_CANCELLED;
}

static void set_error(wire_state *state, llmcost_status status, const char *detail)
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

/* A side that the provider did not count, or not sensibly. */
static void estimate_input(wire_state *state)
{
    llmcost_leg *leg = state->leg;
    llmc_usage *usage = &leg->usage;
    int64_t estimate = leg->request ? llmc_prompt_estimate(leg->services, leg->request, leg->route) : state->prompt_estimate;
    int64_t counted = llmc_usage_prompt(usage); /* cached, perhaps, without the whole */
    if (counted > 0)
        estimate = estimate > counted ? estimate - counted : 0;
    usage->quantity[LLMCOST_INPUT] = estimate;
    usage->flags |= LLMC_USAGE_INPUT_ESTIMATED;
}

/*
 * A document that came whole under HTTP 200 and is an error, without anything of an answer or a count: as definite as a
 * status of 4xx. An error inside a stream is not, for by then the model may have been at work.
 */
static bool refused_in_success(const wire_state *state)
{
    llmcost_status status = state->leg->status;
    if (!status || status != state->answer_error.status || status == LLMCOST_E_MALFORMED || status == LLMCOST_E_TRUNCATED || status == LLMCOST_E_MEMORY)
        return false;
    return state->framing == &llmc_framing_whole && llmc_answer_builder_is_empty(&state->builder) && !(state->leg->usage.flags & LLMC_USAGE_REPORTED);
}

/*
 * What a leg without complete usage cost. An HTTP error is free, those of the server too: no provider bills a 5xx. What
 * was sent and answered in part is estimated: the whole prompt and what came. Sent and nothing known: presumed, and the
 * budget charges its full hold.
 */
static void estimate_usage(wire_state *state)
{
    llmcost_leg *leg = state->leg;
    llmc_usage *usage = &leg->usage;
    if (!leg->operation->priced || !leg->sent || state->http_status >= 300 || refused_in_success(state))
        return;
    bool reported = usage->flags & LLMC_USAGE_REPORTED, served = reported && leg->status == LLMCOST_OK;
    int64_t input = usage->quantity[LLMCOST_INPUT], output = usage->quantity[LLMCOST_OUTPUT];
    bool writes = leg->operation->generates;
    if (served && input >= 0 && (output >= 0 || !writes))
        return;
    if (input < 0 || (!served && llmc_usage_prompt(usage) <= 0))
        estimate_input(state);
    size_t written = llmc_answer_builder_output_bytes(&state->builder);
    int64_t estimate = written ? (int64_t)(written + 3) / 4 : 0;
    bool final = !writes || (reported && output >= 0 && (served || llmc_usage_output(usage) >= estimate));
    if (!final) {
        if (output < estimate)
            usage->quantity[LLMCOST_OUTPUT] = estimate;
        usage->flags |= LLMC_USAGE_OUTPUT_ESTIMATED;
    }
    if (state->http_status == 0)
        usage->flags |= LLMC_USAGE_PRESUMED;
}

static void charge(wire_state *state)
{
    llmcost_leg *leg = state->leg;
    llmc_line *line = llmc_leg_line(leg);
    if (!line || !leg->sent || !leg->operation->priced || state->http_status >= 300)
        return;
    if (refused_in_success(state))
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

static void keep_answer(wire_state *state, int64_t now)
{
    llmcost_leg *leg = state->leg;
    if (llmc_answer_builder_is_empty(&state->builder) && leg->status != LLMCOST_OK)
        return;
    llmc_answer *answer = llmc_answer_build(&state->builder, state->provider->name, llmc_leg_receipt(leg)->id, &leg->usage, now - state->began_ns);
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
static const char *fingerprint(const wire_state *state)
{
    const llmc_credential *credential = credential_of(state);
    if (credential && credential->host)
        return state->leg->token ? state->leg->token->fingerprint : "";
    return credential ? llmc_credential_fingerprint(credential) : "";
}

/* By "on_abort": "cancel", by a deadline, or where a drain could not begin: it sets its own flag. */
static bool was_cut(const wire_state *state)
{
    const llmcost_leg *leg = state->leg;
    return state->concluded && leg->sent && leg->operation->priced && state->http_status < 300 && (leg->status == LLMCOST_E_CANCELLED || leg->status == LLMCOST_E_DEADLINE);
}

static void settle_line(wire_state *state, int64_t now)
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
static void mask_keys(const wire_state *state, llmcost_error *error)
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

/* The exchange is over: the leg has its outcome and its bill. */
static void conclude(wire_state *state, llmcost_status status, const char *detail)
{
    state->concluded = true;
    mask_keys(state, &state->answer_error);
    llmc_driver_timer_stop(state->driver, &state->timer);
    llmcost_leg *leg = state->leg;
    leg->status = status;
    estimate_usage(state);
    charge(state); /* before the answer is kept: a fee per call belongs to its usage */
    int64_t now = leg->concluded_ns = llmc_leg_now(leg);
    keep_answer(state, now);
    settle_line(state, now);
    if (leg->status)
        set_error(state, leg->status, detail);
    if (leg->status && leg->line)
        leg->line->message = kept(leg, llmcost_error_message(&leg->error));
    llmc_services_log(leg->services, LLMCOST_LOG_TRACE, "wire", "%s: HTTP %d, %s, %lld bytes in %lld ms", leg->route->name, (int)state->http_status,
                      status ? llmcost_status_name(status) : "OK", (long long)state->received, (long long)((now - state->began_ns) / LLMC_MS));
}

static void finish_exchange(wire_state *state, llmcost_status status, const char *detail)
{
    llmcost_leg *leg = state->leg;
    bool refused = state->http_status >= 300 && !state->failure && llmcost_status_category(status) != LLMCOST_CATEGORY_TIME;
    if (status == LLMCOST_OK || refused) /* an HTTP error is one, however badly its body ended */
        status = finish_decoding(state);
    else if (state->failure)
        status = state->failure; /* we ended it; libcurl's word for that is of no use */
    else if (state->stopped)
        status = llmc_leg_stop_status(leg);
    else if (status == LLMCOST_E_NETWORK && state->received > 0)
        status = LLMCOST_E_TRUNCATED;
    conclude(state, status, detail);
    llmcost_wake wake = { .kind = LLMCOST_WAKE_HOOK, .value = (int32_t)status };
    llmc_leg_wake(leg, &wake);
}

/* ---- the policy ---- */

static llmcost_verdict start_transfer(llmcost_leg *leg, wire_state *state)
{
    const llmc_provider *provider = state->provider;
    llmcost_http_request request = {
        .struct_size = sizeof request, .max_connections = provider->max_connections, .method = state->encoded.method, .url = state->head.data,
        .headers = state->headers, .header_count = state->header_count, .accept_any_certificate = provider->insecure_tls,
        .body = state->encoded.body.data, .body_bytes = state->encoded.body.length, .proxy = provider->proxy, .ca_file = provider->ca_file,
    };
    if (!state->driver)
        return llmc_leg_no_driver(leg);
    if (!llmc_driver_reserve_timer(state->driver))
        return llmc_leg_out_of_memory(leg);
    state->timer_reserved = true;
    state->transport = llmc_leg_transport(leg);
    llmcost_status status = state->transport->start(state->transport->user, &request, &http_events, state, &state->transfer);
    if (status)
        return llmc_leg_fail(leg, status, "%s: the request could not be started: %s", leg->route->name, llmcost_status_text(status));
    if (state->driver->transport) /* a host's own: it is asked before anybody sleeps */
        state->driver->transport_due_ns = llmc_leg_now(leg);
    if (!state->opened)
        enter_stage(state, QUEUED);
    return LLMCOST_WAIT;
}

static void make_buffers(wire_state *state)
{
    const llmc_allocator *lasting = &state->leg->services->allocator;
    bool secret = state->leg->operation->id == LLMC_OP_TOKEN; /* the whole of it: question, answer, and all that is copied on the way */
    state->workspace = state->driver && !secret ? llmc_workspace_borrow(&state->driver->workspaces) : NULL;
    llmc_wiping_memory_init(&state->wiping, lasting);
    state->allocator = secret ? &state->wiping.pieces : state->workspace ? &state->workspace->pieces : lasting;
    llmc_encoded_init(&state->encoded, state->allocator);
    llmc_buffer_init(&state->head, state->allocator, 1 << 20);
    llmc_error_init(&state->answer_error, lasting);
    llmc_answer_builder_init(&state->builder, state->allocator, (size_t)state->provider->max_response_bytes);
    state->builder.answers = lasting;
}

/* What check.c and resolve.c did not see: a host's policy has changed it, or made it. */
__attribute__((cold)) static llmcost_status check_now(llmcost_leg *leg, const llmc_codec_target *target)
{
    const llmc_codec *codec = leg->route->provider->codec;
    if (!codec->has_operation(leg->operation->id))
        return llmc_error_set(&leg->error, LLMCOST_E_UNSUPPORTED, "provider \"%s\" has no operation %s", target->provider, leg->operation->name);
    return codec->check(leg->operation->id, leg->request, target, &leg->error);
}

/* A leg that a policy further in made for another provider has met nobody who would have asked for its key. */
static bool has_credential(const wire_state *state)
{
    const llmc_credential *credential = credential_of(state);
    return !credential || !credential->token || state->leg->token || state->leg->received;
}

static llmcost_verdict wire_enter(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    wire_state *state = memory;
    const llmc_provider *provider = leg->route->provider;
    state->leg = leg;
    state->provider = provider;
    state->timer = (llmc_timer){ .fire = deadline_fired, .user = state, .patient = true };
    state->began_ns = llmc_leg_now(leg);
    if (!leg->requested_wall_ms)
        leg->requested_wall_ms = llmc_clock_wall_ms(&leg->services->clock);
    state->driver = llmc_leg_driver(leg);
    make_buffers(state);
    state->decoder.stream = leg->operation->streams && llmc_leg_streams(leg);
    state->builder.inputs = leg->operation->id == LLMC_OP_EMBED ? leg->request->input_count : 0;
    if (!llmc_leg_line(leg))
        return llmc_leg_out_of_memory(leg);
    llmc_codec_target target = { .preset = provider->preset, .provider = provider->name, .model = leg->route->model, .quirks = provider->quirks, .stream = state->decoder.stream, .api_version = provider->api_version };
    llmcost_status status = leg->unchecked ? check_now(leg, &target) : LLMCOST_OK;
    if (!status)
        status = provider->codec->encode(leg->operation->id, leg->request, &target, &state->encoded, &leg->error);
    if (status) {
        leg->status = status;
        return LLMCOST_FAIL;
    }
    if (!has_credential(state))
        return llmc_leg_fail(leg, LLMCOST_E_AUTH, "%s: its key must be asked for, which a leg that begins inside the phase of keys does not do", leg->route->name);
    status = make_head(state);
    if (status == LLMCOST_E_MEMORY)
        return llmc_leg_out_of_memory(leg);
    if (status)
        return llmc_leg_fail(leg, LLMCOST_E_AUTH, "%s: its credential cannot sign the request", leg->route->name);
    return start_transfer(leg, state);
}

static llmcost_verdict wire_resume(llmcost_leg *leg, void *memory, void *user, const llmcost_wake *wake)
{
    (void)user;
    (void)wake;
    const wire_state *state = memory;
    if (!state->concluded)
        return LLMCOST_WAIT;
    return leg->status == LLMCOST_OK ? LLMCOST_ANSWER : LLMCOST_FAIL;
}

/*
 * The caller left. Either the exchange is ended and what came so far is billed as an estimate, or, where the provider's
 * config says "drain", the leg from the budget inward reads on to the usage without him and settles the true amount.
 */
static void wire_cancel(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    wire_state *state = memory;
    if (!state->transfer)
        return;
    llmcost_status why = leg->status;
    if (state->provider->drain_on_abort && leg->sent && leg->operation->priced && !llmc_leg_is_detached(leg)) {
        llmcost_leg *detached = llmc_leg_detach(leg, LLMCOST_PHASE_BUDGET);
        if (detached) {
            detached->usage = leg->usage; /* as reported so far */
            state->prompt_estimate = llmc_prompt_estimate(leg->services, leg->request, leg->route);
            estimate_usage(state);
            charge(state);
            int64_t now = llmc_leg_now(leg);
            keep_answer(state, now);
            settle_line(state, now);
            if (leg->line)
                leg->line->flags |= LLMC_LINE_DRAINING;
            detached->counted_nano = leg->line ? leg->line->cost_nano : 0;
            detached->counted_out = llmc_usage_output(&leg->usage);
            state->leg = detached;
            state->left = false; /* nobody is left to be shown anything */
            leg->status = why;
            return;
        }
    }
    end_transfer(state);
    conclude(state, why, llmcost_status_text(why));
}

static void free_buffers(wire_state *state)
{
    if (state->decoding) {
        llmc_decoder_free(&state->decoder);
        state->framing->free(state->framing_state);
    }
    llmc_free(state->allocator, state->headers);
    llmc_buffer_free(&state->head);
    llmc_encoded_free(&state->encoded);
    llmc_answer_builder_free(&state->builder);
}

static void give_back_buffers(wire_state *state)
{
    if (!state->workspace || state->workspace->outside)
        free_buffers(state);
    if (state->workspace)
        llmc_workspace_return(&state->driver->workspaces, state->workspace);
}

static void wire_destroy(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    wire_state *state = memory;
    if (!state->provider)
        return;
    end_transfer(state);
    if (state->timer_reserved) {
        llmc_driver_timer_stop(state->driver, &state->timer);
        llmc_driver_unreserve_timer(state->driver);
    }
    if (state->head.data)
        llmc_wipe(state->head.data, state->head.length);
    llmc_error_clear(&state->answer_error);
    give_back_buffers(state);
    (void)leg;
}

const llmcost_policy llmc_policy_wire = {
    .struct_size = sizeof(llmcost_policy), .name = "wire", .phase = LLMCOST_PHASE_WIRE, .state_bytes = sizeof(wire_state),
    .enter = wire_enter, .resume = wire_resume, .cancel = wire_cancel, .destroy = wire_destroy,
};
