/*
 * wire.c: encodes a leg for its target, sends it and decodes what comes back. The innermost policy.
 *
 * Everything an exchange needs is one struct in the leg's arena; its buffers come from a workspace of the driver, unless
 * too many exchanges have one, and are given back when the leg is destroyed.
 * Each of connecting, the first byte and the gaps between bytes has its own deadline and its own error, on one timer.
 * The request's head is wire_head.c, what an exchange comes to wire_outcome.c.
 * Left out on purpose: tries after a failure (retry.c) and anything about money beyond this leg's own bill (budget.c).
 */
#include "policy/wire.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- deadlines ---- */

enum { ENDING_MS = 1000 }; /* for the end of HTTP when nothing of a stream's answer is missing any more */

static int64_t stage_limit_ns(const llmc_wire *state)
{
    const llmc_provider *provider = state->provider;
    int32_t ms = state->stage == LLMC_WIRE_CONNECTING ? provider->connect_ms : state->stage == LLMC_WIRE_SENT ? provider->first_byte_ms : provider->idle_ms;
    if (state->decoder.finished && (ms <= 0 || ms > ENDING_MS))
        ms = ENDING_MS;
    return state->stage == LLMC_WIRE_QUEUED || ms <= 0 ? LLMC_NEVER : llmc_clock_after(state->stage_ns, ms);
}

static void watch_deadline(llmc_wire *state)
{
    int64_t at = stage_limit_ns(state);
    if (state->leg->deadline_ns < at)
        at = state->leg->deadline_ns;
    /* A running timer that is due earlier is left alone: when it fires it looks again. */
    if (!state->timer.place || state->timer.at_ns > at)
        llmc_driver_timer_start(state->driver, &state->timer, at);
}

static void enter_stage(llmc_wire *state, llmc_wire_stage stage, int64_t now)
{
    state->stage = stage;
    state->stage_ns = now;
    watch_deadline(state);
}

static void finish_exchange(llmc_wire *state, llmcost_status status, const char *detail);

static void end_transfer(llmc_wire *state)
{
    if (state->transfer) {
        void *transfer = state->transfer;
        state->transfer = NULL;
        state->transport->abort(state->transport->user, transfer);
    }
}

static void deadline_fired(void *user)
{
    llmc_wire *state = user;
    llmcost_leg *leg = state->leg;
    int64_t now = llmc_leg_now(leg), limit = stage_limit_ns(state);
    if (now < limit && now < leg->deadline_ns) {
        watch_deadline(state);
        return;
    }
    static const llmcost_status late[] = { [LLMC_WIRE_QUEUED] = LLMCOST_E_DEADLINE, [LLMC_WIRE_CONNECTING] = LLMCOST_E_CONNECT_TIMEOUT,
                                           [LLMC_WIRE_SENT] = LLMCOST_E_FIRST_BYTE_TIMEOUT, [LLMC_WIRE_RECEIVING] = LLMCOST_E_IDLE_TIMEOUT };
    llmcost_status status = now >= leg->deadline_ns ? LLMCOST_E_DEADLINE : late[state->stage];
    end_transfer(state);
    finish_exchange(state, status, llmcost_status_text(status));
    llmc_leg_pump(leg);
}

/* ---- decoding ---- */

/* No part of an answer: answers are kept and shown. Its time began when it was asked for, or later. */
static bool take_token(llmc_wire *state, const llmcost_event *event)
{
    llmcost_leg *leg = state->leg;
    if (llmc_secret_set(leg->received, &leg->services->allocator, event->text, event->bytes) &&
        llmc_token_set(leg->credential->token, event->text, event->bytes, state->began_ns, (int64_t)event->tool_index * 1000))
        return true;
    state->failure = LLMCOST_E_MEMORY;
    return false;
}

static bool keep_event(llmc_wire *state, const llmcost_event *event)
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
static bool take_account(llmc_wire *state, const llmcost_event *event)
{
    if (event->kind == LLMC_EVENT_TOKEN)
        return take_token(state, event);
    llmcost_event balance = *event;
    if (!*balance.tool_name)
        balance.tool_name = state->provider->currency;
    return keep_event(state, &balance);
}

/* A streamed choice that ends is told with what goes back of its reasoning, as a whole answer has it. */
static bool emit(llmc_wire *state, const llmcost_event *event)
{
    if (event->kind != LLMCOST_EVENT_FINISH || !llmc_leg_streams(state->leg))
        return llmc_leg_emit(state->leg, event);
    llmc_buffer blocks;
    llmcost_event finish = *event;
    llmc_buffer_init(&blocks, &state->leg->services->allocator, SIZE_MAX / 4);
    bool more = llmc_answer_builder_thinking(&state->builder, event->choice, &blocks);
    if (!more)
        state->failure = LLMCOST_E_MEMORY;
    if (more && blocks.length) {
        finish.text = blocks.data;
        finish.bytes = blocks.length;
    }
    more = more && llmc_leg_emit(state->leg, &finish);
    llmc_buffer_free(&blocks);
    return more;
}

static bool take_event(void *user, const llmcost_event *event)
{
    llmc_wire *state = user;
    if (state->concluded) /* this very piece's way out cancelled the leg */
        return false;
    if (event->kind >= LLMC_EVENT_BALANCE)
        return take_account(state, event);
    if (event->kind == LLMCOST_EVENT_USAGE) { /* counts so far: those of the end are told on, once */
        state->leg->usage = *event->usage;
        state->counted = true;
        return true;
    }
    if (!state->builder.model.length && *state->builder.target && (event->kind != LLMC_EVENT_META || !*event->tool_name)) {
        if (!take_event(state, &(llmcost_event){ .kind = LLMC_EVENT_META, .text = "", .tool_name = state->builder.target }))
            return false; /* a host that does not say which model answers: the one that was asked */
    }
    if (!keep_event(state, event))
        return false;
    if (llmc_leg_is_detached(state->leg) || state->left || emit(state, event))
        return true;
    if (state->failure)
        return false;
    /* A drain begins when the transport has returned: until then what comes is read as one reads it. */
    state->left = llmc_leg_caller_left(state->leg) && state->provider->drain_on_abort && state->leg->operation->priced;
    state->stopped = !state->left;
    return state->left;
}

static bool tell_usage(llmc_wire *state)
{
    llmcost_event event = { .kind = LLMCOST_EVENT_USAGE, .text = "", .tool_id = "", .tool_name = "", .usage = &state->leg->usage };
    return !state->left && (!state->counted || llmc_leg_is_detached(state->leg) || llmc_leg_emit(state->leg, &event));
}

static llmcost_status decode_failure(llmc_wire *state, const char *body, size_t bytes)
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
    llmc_wire *state = user;
    if (state->http_status >= 300) {
        state->failure = decode_failure(state, frame->data, frame->bytes);
        return false;
    }
    llmcost_status status = state->decoder.codec->decode_frame(&state->decoder, frame);
    if (status && !state->failure && !state->stopped)
        state->failure = status;
    return status == LLMCOST_OK;
}

/* Some servers call their events plain text, or nothing at all: no document begins like one. */
static bool begins_events(const llmc_codec *codec, const char *bytes, size_t length)
{
    static const char *const openings[] = { "data:", "event:", ":" };
    if (codec->stream_framing != &llmc_framing_sse || !length)
        return false;
    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++) {
        size_t opening = strlen(openings[i]);
        if (!memcmp(bytes, openings[i], length < opening ? length : opening))
            return true;
    }
    return false;
}

/* The first bytes of a body tell how to read it: an error, a stream, or one document. */
static bool begin_decoding(llmc_wire *state, const char *bytes, size_t length)
{
    const llmc_codec *codec = state->provider->codec;
    bool stream = state->decoder.stream && state->http_status < 300 && (state->event_stream || begins_events(codec, bytes, length));
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
    llmc_wire *state = context;
    state->opened = true;
    enter_stage(state, LLMC_WIRE_CONNECTING, state->transfer ? llmc_leg_now(state->leg) : state->began_ns); /* of no transfer yet: it is starting just now */
}

static void on_connected(void *context)
{
    llmc_wire *state = context;
    state->leg->sent = true;
    enter_stage(state, LLMC_WIRE_SENT, llmc_leg_now(state->leg));
}

static void on_status(void *context, int32_t http_status)
{
    llmc_wire *state = context;
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
static void take_limit(llmc_wire *state, const char *name, const char *value)
{
    if (!state->limits && (state->limits = llmc_arena_alloc(llmc_leg_arena(state->leg), sizeof *state->limits)))
        llmc_rate_limits_init(state->limits);
    if (state->limits)
        llmc_decode_limit_header(state->limits, name, value, state->answered_wall_ms);
}

static void on_header(void *context, const char *name, const char *value)
{
    llmc_wire *state = context;
    if ((*name | 0x20) == 'c' && strcasecmp(name, "content-type") == 0)
        state->event_stream = is_type(value, state->provider->codec->stream_type);
    else
        llmc_decode_error_header(&state->answer_error, &state->wait_rank, name, value, state->answered_wall_ms);
    if (llmc_is_limit_header(name))
        take_limit(state, name, value);
}

static int take_body(llmc_wire *state, const char *bytes, size_t length)
{
    enter_stage(state, LLMC_WIRE_RECEIVING, llmc_leg_now(state->leg));
    if (state->received == 0 && state->leg->line)
        state->leg->line->first_byte_ms = (state->stage_ns - llmc_leg_call_started(state->leg)) / LLMC_MS;
    state->received += (int64_t)length;
    if (!state->decoding && !begin_decoding(state, bytes, length))
        state->failure = LLMCOST_E_MEMORY;
    if (state->received > state->provider->max_response_bytes)
        state->failure = LLMCOST_E_TOO_LARGE;
    if (state->failure)
        return 1;
    llmcost_status status = state->framing->feed(state->framing_state, bytes, length, take_frame, state);
    if (status && !state->failure)
        state->failure = status;
    if (state->decoder.finished)
        watch_deadline(state);
    return state->failure || state->stopped;
}

static int on_body(void *context, const char *bytes, size_t length)
{
    llmc_wire *state = context;
    llmcost_leg *leg = state->leg;
    int ends = take_body(state, bytes, length);
    llmc_leg_pump_later(leg); /* what a policy did on seeing a piece: cancelling a sibling, for one */
    return ends;
}

static void on_done(void *context, llmcost_status status, const char *detail)
{
    llmc_wire *state = context;
    llmcost_leg *leg = state->leg;
    state->transfer = NULL;
    finish_exchange(state, status, detail);
    llmc_leg_pump(leg);
}

static const llmcost_http_events http_events = { on_opening, on_connected, on_status, on_header, on_body, on_done };

/* ---- outcomes ---- */

__attribute__((cold)) static llmcost_status missing_vectors(llmc_wire *state)
{
    char words[80];
    int bytes = snprintf(words, sizeof words, "%u vectors came for %u texts", state->builder.vectors ? state->builder.vectors->count : 0, state->builder.inputs);
    llmc_error_set_text(&state->answer_error, &state->answer_error.provider_message, words, (size_t)bytes);
    return LLMCOST_E_MALFORMED;
}

static llmcost_status finish_decoding(llmc_wire *state)
{
    if (!state->decoding && !begin_decoding(state, NULL, 0)) /* an empty body */
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
    return status || tell_usage(state) ? status : llmc_leg_stop_status(state->leg);
}

/* Nothing of the answer is missing: it is one, and paid for, however badly HTTP ended. A try more would be paid again. */
static bool is_complete(const llmc_wire *state)
{
    if (!state->decoding || state->failure || state->stopped || state->http_status >= 300)
        return false;
    return state->decoder.finished || (state->framing == &llmc_framing_whole && llmc_whole_is_json(state->framing_state));
}

static void finish_exchange(llmc_wire *state, llmcost_status status, const char *detail)
{
    llmcost_leg *leg = state->leg;
    bool refused = state->http_status >= 300 && !state->failure && llmcost_status_category(status) != LLMCOST_CATEGORY_TIME;
    if (state->failure)
        detail = ""; /* we ended it; libcurl's word for that is of no use */
    if (status == LLMCOST_OK || refused || is_complete(state)) /* an HTTP error is one, however badly its body ended */
        status = finish_decoding(state);
    else if (state->failure)
        status = state->failure;
    else if (state->stopped)
        status = llmc_leg_stop_status(leg);
    else if (status == LLMCOST_E_NETWORK && state->received > 0)
        status = LLMCOST_E_TRUNCATED;
    llmc_wire_conclude(state, status, detail);
    llmcost_wake wake = { .kind = LLMCOST_WAKE_HOOK, .value = (int32_t)status };
    llmc_leg_wake(leg, &wake);
}

/* ---- the policy ---- */

static llmcost_verdict start_transfer(llmcost_leg *leg, llmc_wire *state)
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
        enter_stage(state, LLMC_WIRE_QUEUED, state->began_ns);
    return LLMCOST_WAIT;
}

static void make_buffers(llmc_wire *state)
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
    state->builder.target = state->leg->route->model;
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
static bool has_credential(const llmc_wire *state)
{
    const llmc_credential *credential = llmc_wire_credential(state);
    return !credential || !credential->token || state->leg->token || state->leg->received;
}

/* libcurl and servers resolve "." and ".." in a path: with such a part in a model's name it is not the one that was meant. */
static bool leads_elsewhere(const char *path)
{
    for (const char *at = path ? strstr(path, "/.") : NULL; at; at = strstr(at + 1, "/.")) {
        const char *after = at + 2 + (at[2] == '.');
        if (*after == '\0' || *after == '/' || *after == '?')
            return true;
    }
    return false;
}

static llmcost_verdict wire_enter(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    llmc_wire *state = memory;
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
    if (!status && leads_elsewhere(llmc_buffer_text(&state->encoded.path)))
        status = llmc_error_set(&leg->error, LLMCOST_E_INVALID, "%s: the name of the model has a part \".\" or \"..\", which would lead to another URL", leg->route->name);
    if (status) {
        leg->status = status;
        return LLMCOST_FAIL;
    }
    if (!has_credential(state))
        return llmc_leg_fail(leg, LLMCOST_E_AUTH, "%s: its key must be asked for, which a leg that begins inside the phase of keys does not do", leg->route->name);
    status = llmc_wire_make_head(state);
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
    const llmc_wire *state = memory;
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
    llmc_wire *state = memory;
    if (!state->transfer)
        return;
    llmcost_status why = leg->status;
    if (state->provider->drain_on_abort && leg->sent && leg->operation->priced && !llmc_leg_is_detached(leg)) {
        llmcost_leg *detached = llmc_leg_detach(leg, LLMCOST_PHASE_BUDGET);
        if (detached) {
            detached->usage = leg->usage; /* as reported so far */
            llmc_wire_keep_for_estimates(state);
            llmc_wire_settle(state);
            if (leg->line)
                leg->line->flags |= LLMC_LINE_DRAINING;
            detached->counted_nano = leg->line ? leg->line->cost_nano : 0;
            detached->counted_in = llmc_usage_prompt(&leg->usage);
            detached->counted_out = llmc_usage_output(&leg->usage);
            state->leg = detached;
            state->left = false; /* nobody is left to be shown anything */
            leg->status = why;
            return;
        }
    }
    end_transfer(state);
    llmc_wire_conclude(state, why, llmcost_status_text(why));
}

static void free_buffers(llmc_wire *state)
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

static void give_back_buffers(llmc_wire *state)
{
    if (!state->workspace || state->workspace->outside)
        free_buffers(state);
    if (state->workspace)
        llmc_workspace_return(&state->driver->workspaces, state->workspace);
}

static void wire_destroy(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    llmc_wire *state = memory;
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
    .struct_size = sizeof(llmcost_policy), .name = "wire", .phase = LLMCOST_PHASE_WIRE, .state_bytes = sizeof(llmc_wire),
    .enter = wire_enter, .resume = wire_resume, .cancel = wire_cancel, .destroy = wire_destroy,
};
