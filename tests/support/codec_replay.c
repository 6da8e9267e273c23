#include "codec_replay.h"

#include <stdio.h>
#include <stdlib.h>

/* Grows by doubling: a body is replayed once for each of its bytes, and sanitizers copy at every realloc(). */
static size_t room_for(size_t bytes)
{
    size_t room = 64;
    while (room < bytes)
        room *= 2;
    return room;
}

static void append_at(char **text, size_t *length, const char *more, size_t bytes)
{
    size_t room = room_for(*length + bytes + 1);
    if (!*text || room != room_for(*length + 1)) {
        char *grown = realloc(*text, room);
        if (!grown)
            abort();
        *text = grown;
    }
    memcpy(*text + *length, more, bytes);
    *length += bytes;
    (*text)[*length] = '\0';
}

static void append(char **text, const char *more, size_t bytes)
{
    size_t length = *text ? strlen(*text) : 0;
    append_at(text, &length, more, bytes);
}

static void log_text(replay *out, const char *more)
{
    append_at(&out->log, &out->log_bytes, more, strlen(more));
}

static const char *name_of(int kind)
{
    switch (kind) {
    case LLMCOST_EVENT_TEXT: return "TEXT";
    case LLMCOST_EVENT_REASONING: return "REASONING";
    case LLMCOST_EVENT_REFUSAL: return "REFUSAL";
    case LLMCOST_EVENT_TOOL_CALL: return "TOOL_CALL";
    case LLMCOST_EVENT_TOOL_ARGUMENTS: return "TOOL_ARGUMENTS";
    case LLMCOST_EVENT_FINISH: return "FINISH";
    case LLMCOST_EVENT_USAGE: return "USAGE";
    case LLMC_EVENT_META: return "META";
    case LLMCOST_EVENT_LOGPROBS: return "LOGPROBS";
    case LLMC_EVENT_SIGNATURE: return "SIGNATURE";
    case LLMC_EVENT_REASONING_HIDDEN: return "REASONING_HIDDEN";
    case LLMC_EVENT_MODEL: return "MODEL";
    case LLMCOST_EVENT_EXTRA: return "EXTRA";
    case LLMC_EVENT_EMBEDDING: return "EMBEDDING";
    case LLMC_EVENT_BALANCE: return "BALANCE";
    default: return "?";
    }
}

static void log_usage(replay *out, const llmc_usage *usage)
{
    char line[200];
    for (uint32_t i = 0; i < LLMCOST_CLASS_COUNT; i++) {
        if (usage->quantity[i] < 0)
            continue;
        snprintf(line, sizeof line, " %u=%lld", i, (long long)usage->quantity[i]);
        log_text(out, line);
    }
    snprintf(line, sizeof line, " p=%lld c=%lld t=%lld cost=%lld flags=%u tier=%s", (long long)usage->reported_prompt, (long long)usage->reported_completion,
             (long long)usage->reported_total, (long long)usage->stated_cost_pico, usage->flags, usage->tier);
    log_text(out, line);
}

static void log_vector(replay *out, const llmcost_event *event)
{
    char number[40];
    for (size_t at = 0; at + sizeof(float) <= event->bytes; at += sizeof(float)) {
        float value;
        memcpy(&value, event->text + at, sizeof value);
        snprintf(number, sizeof number, "%s%.9g", at ? " " : "", (double)value);
        log_text(out, number);
    }
}

static void log_event(replay *out, const llmcost_event *event)
{
    char line[100];
    snprintf(line, sizeof line, "%s %u %u", name_of(event->kind), event->choice, event->tool_index);
    log_text(out, line);
    if (event->kind == LLMCOST_EVENT_FINISH) {
        snprintf(line, sizeof line, " finish=%d ", (int)event->finish);
        log_text(out, line);
        log_text(out, event->finish_raw);
    }
    if (event->tool_id[0] || event->tool_name[0]) {
        log_text(out, " id=");
        log_text(out, event->tool_id);
        log_text(out, " name=");
        log_text(out, event->tool_name);
    }
    if (event->is_custom)
        log_text(out, " custom");
    if (event->kind == LLMCOST_EVENT_USAGE)
        log_usage(out, event->usage);
    log_text(out, " |");
    if (event->kind == LLMC_EVENT_EMBEDDING)
        log_vector(out, event);
    else
        append_at(&out->log, &out->log_bytes, event->text, event->bytes);
    log_text(out, "|\n");
}

static bool receive(void *user, const llmcost_event *event)
{
    replay *out = user;
    if (event->text[event->bytes] != '\0')
        abort(); /* the contract: ended by zero */
    if (++out->events == out->stop_after)
        return false;
    log_event(out, event);
    switch (event->kind) {
    case LLMCOST_EVENT_TEXT: if (event->choice == 0) append(&out->text, event->text, event->bytes); break;
    case LLMCOST_EVENT_REASONING: if (event->choice == 0) append(&out->reasoning, event->text, event->bytes); break;
    case LLMCOST_EVENT_REFUSAL: append(&out->refusal, event->text, event->bytes); break;
    case LLMCOST_EVENT_TOOL_CALL: out->tool_calls++; break;
    case LLMCOST_EVENT_TOOL_ARGUMENTS: append(&out->arguments, event->text, event->bytes); break;
    case LLMCOST_EVENT_USAGE: out->usages++; break;
    case LLMC_EVENT_SIGNATURE: out->signatures++; break;
    case LLMC_EVENT_MODEL: out->models++; break;
    case LLMCOST_EVENT_EXTRA: out->extras++; break;
    case LLMCOST_EVENT_LOGPROBS: out->logprobs++; break;
    case LLMC_EVENT_META:
        snprintf(out->id, sizeof out->id, "%s", event->text);
        snprintf(out->model, sizeof out->model, "%s", event->tool_name);
        break;
    case LLMCOST_EVENT_FINISH:
        out->finishes++;
        if (event->choice == 0) {
            out->finish = event->finish;
            snprintf(out->finish_raw, sizeof out->finish_raw, "%s", event->finish_raw);
        }
        break;
    }
    return true;
}

typedef struct feeding {
    llmc_decoder *decoder;
    llmcost_status status;
} feeding;

static bool take_frame(const llmc_frame *frame, void *user)
{
    feeding *feed = user;
    /* A copy of exactly this size, so that a sanitizer sees every read beyond it. */
    char *copy = malloc(frame->bytes ? frame->bytes : 1);
    if (!copy)
        abort();
    memcpy(copy, frame->data, frame->bytes);
    llmc_frame exact = { frame->event, copy, frame->bytes };
    feed->status = feed->decoder->codec->decode_frame(feed->decoder, &exact);
    free(copy);
    return feed->status == LLMCOST_OK;
}

void replay_pieces(replay *out, const replay_how *how, const char *body, size_t bytes, size_t (*piece)(size_t at, void *user), void *user)
{
    const llmc_allocator *allocator = how->allocator ? how->allocator : &llmc_allocator_system;
    const llmc_framing *framing = how->stream ? how->codec->stream_framing : &llmc_framing_whole;
    memset(out, 0, sizeof *out);
    out->stop_after = how->stop_after;
    log_text(out, "");
    append(&out->text, "", 0);
    append(&out->reasoning, "", 0);
    append(&out->refusal, "", 0);
    append(&out->arguments, "", 0);
    llmc_error_init(&out->error, allocator);
    void *state = malloc(how->codec->decoder_bytes), *framing_state = calloc(1, framing->state_bytes ? framing->state_bytes : 1);
    if (!state || !framing_state)
        abort();
    llmc_decoder decoder;
    feeding feed = { &decoder, LLMCOST_OK };
    llmc_decoder_begin(&decoder, how->codec, how->operation, allocator, how->quirks, how->stream, how->http_status ? how->http_status : 200, receive, out, &out->error, state);
    framing->init(framing_state, allocator, 64 << 20);
    llmcost_status status = LLMCOST_OK;
    for (size_t at = 0; at < bytes && !status && !feed.status;) {
        size_t size = piece ? piece(at, user) : bytes;
        if (size > bytes - at)
            size = bytes - at;
        status = framing->feed(framing_state, body + at, size, take_frame, &feed);
        at += size;
    }
    if (!status && !feed.status)
        status = framing->finish(framing_state, take_frame, &feed);
    if (!status)
        status = feed.status;
    if (!status)
        status = how->codec->decode_end(&decoder);
    if (decoder.emit_stopped && status != LLMCOST_E_CANCELLED)
        abort();
    out->status = status;
    out->usage = decoder.usage;
    llmc_decoder_free(&decoder);
    framing->free(framing_state);
    free(framing_state);
    free(state);
}

void replay_whole(replay *out, const replay_how *how, const char *body, size_t bytes)
{
    replay_pieces(out, how, body, bytes, NULL, NULL);
}

static size_t split_at(size_t at, void *user)
{
    size_t split = *(size_t *)user;
    return at < split ? split - at : SIZE_MAX;
}

void replay_split(replay *out, const replay_how *how, const char *body, size_t bytes, size_t split)
{
    replay_pieces(out, how, body, bytes, split_at, &split);
}

static size_t of_size(size_t at, void *user)
{
    (void)at;
    return *(size_t *)user;
}

void replay_by(replay *out, const replay_how *how, const char *body, size_t bytes, size_t size)
{
    replay_pieces(out, how, body, bytes, of_size, &size);
}

void replay_free(replay *out)
{
    llmc_error_clear(&out->error);
    free(out->log);
    free(out->text);
    free(out->reasoning);
    free(out->refusal);
    free(out->arguments);
}
