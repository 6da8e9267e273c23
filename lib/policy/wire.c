/*
 * wire.c: encodes a leg for its target, sends it, decodes what comes back, and prices it. The innermost policy.
 *
 * Everything an exchange needs is one struct in the leg's arena; the buffers are given back when the leg is destroyed.
 * Each of connecting, the first byte and the gaps between bytes has its own deadline and its own error, on one timer.
 * Left out on purpose: tries after a failure (retry.c) and anything about money beyond this leg's own bill (budget.c).
 */
#include "base/text.h"
#include "policy/policy.h"
#include "policy/price_leg.h"
#include "policy/usage_estimate.h"

#include <string.h>
#include <strings.h>

typedef enum exchange_stage { QUEUED, CONNECTING, SENT, RECEIVING } exchange_stage;

typedef struct wire_state {
    llmcost_leg *leg;
    const llmc_provider *provider;
    const llmcost_transport *transport;
    void *transfer;              /* NULL: none under way */
    llmc_driver *driver;
    llmc_encoded encoded;
    llmc_buffer head;            /* url and header lines, each ended by a zero byte; holds the key: wiped */
    const char *headers[32];
    uint32_t header_count;
    llmc_decoder decoder;
    void *decoder_state;
    const llmc_framing *framing;
    void *framing_state;
    llmc_answer_builder builder;
    llmcost_error answer_error;  /* from headers and bodies */
    llmc_timer timer;
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

static const char *add_head(wire_state *state, size_t *at, const char *name, const char *value)
{
    *at = state->head.length;
    llmc_buffer_add_text(&state->head, name);
    llmc_buffer_add_text(&state->head, value);
    llmc_buffer_add_byte(&state->head, '\0');
    return NULL;
}

/* Offsets first, pointers when the buffer has stopped moving. */
static bool make_head(wire_state *state)
{
    const llmc_provider *provider = state->provider;
    size_t offsets[32], count = 0, at;
    const char *path = llmc_buffer_text(&state->encoded.path);
    if (!path)
        return false;
    llmc_buffer_reserve(&state->head, 500); /* the usual head, in one allocation */
    add_head(state, &at, provider->base_url, path);
    if (provider->key_count > 0) {
        bool x_api_key = provider->preset->auth == LLMC_AUTH_X_API_KEY;
        add_head(state, &offsets[count++], x_api_key ? "x-api-key: " : "Authorization: Bearer ", llmc_secret_reveal(&provider->keys[0]));
    }
    if (state->encoded.body.length)
        add_head(state, &offsets[count++], "Content-Type: ", "application/json");
    add_head(state, &offsets[count++], "Accept: ", state->decoder.stream ? provider->codec->stream_type : "application/json");
    for (size_t i = 0; i < sizeof state->encoded.headers / sizeof state->encoded.headers[0] && state->encoded.headers[i]; i++)
        add_head(state, &offsets[count++], state->encoded.headers[i], "");
    for (size_t i = 0; i < provider->header_count && count < sizeof offsets / sizeof offsets[0]; i++)
        add_head(state, &offsets[count++], provider->headers[i], "");
    if (state->head.failure)
        return false;
    for (size_t i = 0; i < count; i++)
        state->headers[i] = state->head.data + offsets[i];
    state->header_count = (uint32_t)count;
    return true;
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

static bool take_event(void *user, const llmcost_event *event)
{
    wire_state *state = user;
    if (state->concluded) /* this very piece's way out cancelled the leg */
        return false;
    if (event->kind == LLMCOST_EVENT_USAGE) { /* counts so far: those of the end are told on, once */
        state->leg->usage = *event->usage;
        state->counted = true;
        return true;
    }
    if (!llmc_answer_builder_add(&state->builder, event)) {
        state->failure = state->builder.too_large ? LLMCOST_E_TOO_LARGE : LLMCOST_E_MEMORY;
        return false;
    }
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
    const llmc_allocator *allocator = &state->leg->services->allocator;
    bool stream = state->decoder.stream && state->http_status < 300 && state->event_stream;
    state->framing = stream ? codec->stream_framing : &llmc_framing_whole;
    state->framing_state = llmc_arena_calloc(llmc_leg_arena(state->leg), 1, state->framing->state_bytes);
    state->decoder_state = llmc_arena_calloc(llmc_leg_arena(state->leg), 1, codec->decoder_bytes);
    if (!state->framing_state || !state->decoder_state)
        return false;
    state->framing->init(state->framing_state, allocator, (size_t)state->provider->max_response_bytes);
    llmc_decoder_begin(&state->decoder, codec, state->leg->operation->id, allocator, state->provider->quirks, stream, state->http_status, take_event,
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

static void on_header(void *context, const char *name, const char *value)
{
    wire_state *state = context;
    if (strcasecmp(name, "content-type") == 0)
        state->event_stream = is_type(value, state->provider->codec->stream_type);
    else
        llmc_decode_error_header(&state->answer_error, &state->wait_rank, name, value, state->answered_wall_ms);
}

static int take_body(wire_state *state, const char *bytes, size_t length)
{
    if (state->received == 0 && state->leg->line)
        state->leg->line->first_byte_ms = (llmc_leg_now(state->leg) - llmc_leg_call_started(state->leg)) / LLMC_MS;
    enter_stage(state, RECEIVING);
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
    return status || tell_usage(state) ? status : LLMCOST_E_CANCELLED;
}

static void set_error(wire_state *state, llmcost_status status, const char *detail)
{
    llmcost_leg *leg = state->leg;
    llmcost_error *error = &leg->error;
    llmc_error_move(error, &state->answer_error);
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
    if (served && input >= 0 && output >= 0)
        return;
    if (input < 0 || (!served && llmc_usage_prompt(usage) <= 0))
        estimate_input(state);
    size_t written = llmc_answer_builder_output_bytes(&state->builder);
    int64_t estimate = written ? (int64_t)(written + 3) / 4 : 0;
    bool final = reported && output >= 0 && (served || llmc_usage_output(usage) >= estimate);
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
static llmc_usage usage_of_callers_prompt(const llmcost_leg *leg)
{
    llmc_usage usage = leg->usage;
    int64_t *input = &usage.quantity[LLMCOST_INPUT];
    if (leg->extra_prompt_tokens > 0 && *input > 0)
        *input -= leg->extra_prompt_tokens < *input ? leg->extra_prompt_tokens : *input;
    return usage;
}

static void keep_answer(wire_state *state)
{
    llmcost_leg *leg = state->leg;
    if (llmc_answer_builder_is_empty(&state->builder) && leg->status != LLMCOST_OK)
        return;
    llmc_usage usage = usage_of_callers_prompt(leg);
    llmc_answer *answer = llmc_answer_build(&state->builder, state->provider->name, llmc_leg_receipt(leg)->id, &usage, llmc_leg_now(leg) - state->began_ns);
    if (answer)
        llmc_leg_set_answer(leg, answer);
    else if (leg->status == LLMCOST_OK)
        llmc_leg_out_of_memory(leg);
}

/* Responses outlive their client: what its config says is copied for them. */
static const char *kept(llmcost_leg *leg, const char *text)
{
    const char *copy = llmc_arena_strdup(llmc_leg_arena(leg), text);
    return copy ? copy : "";
}

static void settle_line(wire_state *state)
{
    llmcost_leg *leg = state->leg;
    llmc_line *line = llmc_leg_line(leg);
    if (!line) {
        llmc_leg_out_of_memory(leg);
        return;
    }
    int64_t now = llmc_leg_now(leg);
    line->provider = kept(leg, state->provider->name);
    line->model = kept(leg, leg->route->model);
    line->status = leg->status;
    line->http_status = state->http_status;
    line->served_model = leg->answer ? kept(leg, leg->answer->model) : "";
    line->key = state->provider->key_count ? kept(leg, state->provider->keys[0].fingerprint) : "";
    line->duration_ms = (now - state->began_ns) / LLMC_MS;
    const char *request_id = state->answer_error.request_id ? state->answer_error.request_id : leg->error.request_id;
    line->request_id = request_id ? kept(leg, request_id) : "";
    line->flags |= leg->sent ? LLMC_LINE_SENT : 0;
}

/* Some hosts repeat the key that they do not accept. */
static void mask_keys(const llmc_provider *provider, llmcost_error *error)
{
    for (size_t i = 0; i < provider->key_count; i++) {
        llmc_secret_mask(&provider->keys[i], error->provider_message);
        llmc_secret_mask(&provider->keys[i], error->code);
        llmc_secret_mask(&provider->keys[i], error->request_id);
    }
}

/* The exchange is over: the leg has its outcome and its bill. */
static void conclude(wire_state *state, llmcost_status status, const char *detail)
{
    state->concluded = true;
    mask_keys(state->provider, &state->answer_error);
    llmc_driver_timer_stop(state->driver, &state->timer);
    llmcost_leg *leg = state->leg;
    leg->status = status;
    estimate_usage(state);
    charge(state); /* before the answer is kept: a fee per call belongs to its usage */
    keep_answer(state);
    settle_line(state);
    if (leg->status)
        set_error(state, leg->status, detail);
    llmc_services_log(leg->services, LLMCOST_LOG_TRACE, "wire", "%s: HTTP %d, %s, %lld bytes in %lld ms", leg->route->name, (int)state->http_status,
                      status ? llmcost_status_name(status) : "OK", (long long)state->received, (long long)((llmc_leg_now(leg) - state->began_ns) / LLMC_MS));
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
    state->driver = llmc_leg_driver(leg);
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

static llmcost_verdict wire_enter(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    wire_state *state = memory;
    const llmc_allocator *allocator = &leg->services->allocator;
    const llmc_provider *provider = leg->route->provider;
    state->leg = leg;
    state->provider = provider;
    state->timer = (llmc_timer){ .fire = deadline_fired, .user = state, .patient = true };
    state->began_ns = llmc_leg_now(leg);
    if (!leg->requested_wall_ms)
        leg->requested_wall_ms = llmc_clock_wall_ms(&leg->services->clock);
    llmc_encoded_init(&state->encoded, allocator);
    llmc_buffer_init(&state->head, allocator, 1 << 20);
    llmc_error_init(&state->answer_error, allocator);
    llmc_answer_builder_init(&state->builder, allocator, (size_t)provider->max_response_bytes);
    state->decoder.stream = leg->operation->streams && llmc_leg_streams(leg);
    if (!llmc_leg_line(leg))
        return llmc_leg_out_of_memory(leg);
    llmc_codec_target target = { .preset = provider->preset, .provider = provider->name, .model = leg->route->model, .quirks = provider->quirks, .stream = state->decoder.stream };
    llmcost_status status = leg->unchecked && leg->operation->id == LLMC_OP_CHAT ? provider->codec->check(leg->operation->id, leg->request, &target, &leg->error) : LLMCOST_OK;
    if (!status)
        status = provider->codec->encode(leg->operation->id, leg->request, &target, &state->encoded, &leg->error);
    if (status) {
        leg->status = status;
        return LLMCOST_FAIL;
    }
    if (!make_head(state))
        return llmc_leg_out_of_memory(leg);
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
            keep_answer(state);
            settle_line(state);
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
    if (state->decoding) {
        llmc_decoder_free(&state->decoder);
        state->framing->free(state->framing_state);
    }
    if (state->head.data)
        llmc_wipe(state->head.data, state->head.length);
    llmc_buffer_free(&state->head);
    llmc_encoded_free(&state->encoded);
    llmc_answer_builder_free(&state->builder);
    llmc_error_clear(&state->answer_error);
    (void)leg;
}

const llmcost_policy llmc_policy_wire = {
    .struct_size = sizeof(llmcost_policy), .name = "wire", .phase = LLMCOST_PHASE_WIRE, .state_bytes = sizeof(wire_state),
    .enter = wire_enter, .resume = wire_resume, .cancel = wire_cancel, .destroy = wire_destroy,
};
