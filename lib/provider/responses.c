/*
 * Answers in the OpenAI Responses format, whole or as a stream of named events. An answer is a list of output items:
 * messages, reasoning, calls of functions, and what tools of the server did. A stream tells each item in pieces and then
 * whole; what no piece told is read from the whole, so that a host may send as few pieces as it likes.
 *
 * Reasoning items that can be sent back are passed on as they are (see responses_codec.h). Items of server tools are
 * kept under "output_items". Left out on purpose: answers in the background, which would have to be asked for again.
 */
#include "provider/responses_codec.h"

#include "base/text.h"
#include "provider/decoding.h"
#include "provider/openai_codec.h"

#include <stdio.h>

enum { ITEMS_MAXIMUM = 8192 };

typedef enum item_kind { ITEM_NONE = 0, ITEM_MESSAGE, ITEM_REASONING, ITEM_CALL, ITEM_OTHER } item_kind;
typedef enum reasoning_form { FORM_NONE = 0, FORM_SUMMARY, FORM_TEXT } reasoning_form;

typedef struct responses_item {
    item_kind kind;
    reasoning_form form;    /* a host that sends both forms says the same twice: the first one counts */
    uint32_t tool, part;    /* part: of the reasoning, the one told last */
    llmc_utf8_joiner text, refusal;
    bool announced, told, logged, complete;
} responses_item;

typedef struct responses_state {
    llmc_buffer id, model;
    responses_item *items;
    size_t item_count, item_capacity;
    uint32_t tool_count;
    llmc_usage_counts counts;
    bool byok, introduced, reasoned, any_complete;
} responses_state;

/* The members of an event; of one without a response around it (a whole body, an error) also those of the response. */
typedef struct responses_event {
    llmc_json_span type, output_index, part_index, delta, logprobs, item, response, error;
    llmc_json_span id, model, status, output, usage, details, tier;
} responses_event;

typedef struct item_members {
    llmc_json_span type, call_id, id, name, arguments, content, summary, encrypted;
} item_members;

typedef struct part_members {
    llmc_json_span type, text, refusal, annotations, logprobs;
} part_members;

static responses_state *state_of(llmc_decoder *decoder)
{
    return decoder->state;
}

__attribute__((cold)) static llmcost_status no_memory(llmc_decoder *decoder)
{
    return llmc_error_set(decoder->error, LLMCOST_E_MEMORY, "no memory for the answer");
}

static bool is(const llmc_json_span *span, const char *word)
{
    return llmc_json_key_is(span, word);
}

static bool has_items(const llmc_json_span *raw)
{
    return raw->bytes > 2 && raw->text[0] == '[';
}

static void read_event(llmc_json *json, responses_event *event)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(responses_event, "type", type), LLMC_WANTED(responses_event, "delta", delta), LLMC_WANTED(responses_event, "output_index", output_index),
        LLMC_WANTED(responses_event, "content_index", part_index), LLMC_WANTED(responses_event, "summary_index", part_index),
        LLMC_WANTED(responses_event, "logprobs", logprobs), LLMC_WANTED(responses_event, "item", item), LLMC_WANTED(responses_event, "response", response),
        LLMC_WANTED(responses_event, "error", error), LLMC_WANTED(responses_event, "id", id), LLMC_WANTED(responses_event, "model", model),
        LLMC_WANTED(responses_event, "status", status), LLMC_WANTED(responses_event, "output", output), LLMC_WANTED(responses_event, "usage", usage),
        LLMC_WANTED(responses_event, "incomplete_details", details), LLMC_WANTED(responses_event, "service_tier", tier),
    };
    llmc_read_wanted(json, wanted, sizeof wanted / sizeof wanted[0], event);
}

static void read_item(const llmc_json_span *span, item_members *members)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(item_members, "type", type), LLMC_WANTED(item_members, "call_id", call_id), LLMC_WANTED(item_members, "id", id),
        LLMC_WANTED(item_members, "name", name), LLMC_WANTED(item_members, "arguments", arguments), LLMC_WANTED(item_members, "content", content),
        LLMC_WANTED(item_members, "summary", summary), LLMC_WANTED(item_members, "encrypted_content", encrypted),
    };
    llmc_json json;
    *members = (item_members){ 0 };
    llmc_json_begin(&json, span->text, span->bytes);
    llmc_read_wanted(&json, wanted, sizeof wanted / sizeof wanted[0], members);
}

static void read_part(llmc_json *json, part_members *members)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(part_members, "type", type), LLMC_WANTED(part_members, "text", text), LLMC_WANTED(part_members, "refusal", refusal),
        LLMC_WANTED(part_members, "annotations", annotations), LLMC_WANTED(part_members, "logprobs", logprobs),
    };
    *members = (part_members){ 0 };
    llmc_read_wanted(json, wanted, sizeof wanted / sizeof wanted[0], members);
}

/* ---- items ---- */

static bool read_index(const llmc_json_span *span, int64_t *out)
{
    llmc_json json;
    llmc_json_begin(&json, span->text, span->bytes);
    return span->bytes && llmc_json_integer(&json, out);
}

static llmcost_status item_at(llmc_decoder *decoder, int64_t index, responses_item **out)
{
    responses_state *state = state_of(decoder);
    if (index < 0 || index >= ITEMS_MAXIMUM)
        return llmc_decoder_malformed(decoder, NULL, "an item with an impossible index");
    if ((size_t)index >= state->item_count) {
        void *items = state->items;
        if (!llmc_grow(decoder->allocator, &items, &state->item_capacity, (size_t)index + 1, sizeof(responses_item)))
            return no_memory(decoder);
        state->items = items;
        memset(state->items + state->item_count, 0, ((size_t)index + 1 - state->item_count) * sizeof(responses_item));
        state->item_count = (size_t)index + 1;
    }
    *out = &state->items[index];
    return LLMCOST_OK;
}

static llmcost_status item_of(llmc_decoder *decoder, const responses_event *event, responses_item **out)
{
    int64_t index = -1;
    read_index(&event->output_index, &index);
    return item_at(decoder, index, out);
}

/* As a list of one, so that the answer joins them. */
static llmcost_status emit_other_item(llmc_decoder *decoder, const llmc_json_span *raw)
{
    llmc_buffer *scratch = &decoder->scratch;
    llmc_buffer_clear(scratch);
    llmc_buffer_add_byte(scratch, '[');
    llmc_buffer_add(scratch, raw->text, raw->bytes);
    llmc_buffer_add_byte(scratch, ']');
    const char *text = llmc_buffer_text(scratch);
    if (!text)
        return no_memory(decoder);
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMC_EVENT_EXTRA, .text = text, .bytes = scratch->length, .tool_name = "output_items" });
}

/* A call is named by call_id; the item's own id is the next best, and a result must name something. */
static llmcost_status announce(llmc_decoder *decoder, responses_item *item, const item_members *members)
{
    responses_state *state = state_of(decoder);
    llmc_buffer *scratch = &decoder->scratch;
    if (state->tool_count >= LLMC_TOOL_CALLS_MAXIMUM)
        return llmc_decoder_malformed(decoder, NULL, "more tool calls than anybody makes");
    item->announced = true;
    item->tool = state->tool_count++;
    llmc_buffer_clear(scratch);
    llmc_decode_member(members->call_id.bytes ? &members->call_id : &members->id, scratch);
    if (!scratch->length && !scratch->failure)
        llmc_buffer_add_format(scratch, "call_%u", item->tool);
    llmc_buffer_add_byte(scratch, '\0');
    size_t name = scratch->length;
    llmc_decode_member(&members->name, scratch);
    const char *id = llmc_buffer_text(scratch);
    if (!id)
        return no_memory(decoder);
    llmc_utf8_sanitize(scratch->data);
    llmc_utf8_sanitize(scratch->data + name);
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_TOOL_CALL, .tool_index = item->tool, .tool_id = id, .tool_name = id + name });
}

static llmcost_status tell_arguments(llmc_decoder *decoder, responses_item *item, const llmc_json_span *arguments)
{
    if (!arguments->bytes)
        return LLMCOST_OK;
    item->told = true;
    return llmc_decoder_emit_text(decoder, LLMCOST_EVENT_TOOL_ARGUMENTS, 0, item->tool, arguments, &item->text);
}

static llmcost_status tell_logprobs(llmc_decoder *decoder, responses_item *item, const llmc_json_span *logprobs)
{
    if (!has_items(logprobs))
        return LLMCOST_OK;
    item->logged = true;
    return llmc_decoder_emit_raw(decoder, LLMC_EVENT_LOGPROBS, 0, 0, NULL, logprobs);
}

/* Parts of reasoning are paragraphs. */
static llmcost_status tell_reasoning(llmc_decoder *decoder, responses_item *item, reasoning_form form, uint32_t part, const llmc_json_span *text)
{
    responses_state *state = state_of(decoder);
    if (!text->bytes || (item->form && item->form != form))
        return LLMCOST_OK;
    bool another = state->reasoned && (!item->told || part != item->part);
    item->form = form;
    item->part = part;
    item->told = state->reasoned = true;
    llmcost_status status = LLMCOST_OK;
    if (another)
        status = llmc_decoder_flush_text(decoder, LLMCOST_EVENT_REASONING, 0, 0, &item->text);
    if (another && !status)
        status = llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_REASONING, .text = "\n\n", .bytes = 2 });
    return status ? status : llmc_decoder_emit_text(decoder, LLMCOST_EVENT_REASONING, 0, 0, text, &item->text);
}

static llmcost_status finish_part(llmc_decoder *decoder, responses_item *item, const part_members *part)
{
    llmcost_status status = LLMCOST_OK;
    if (!item->told && part->text.bytes)
        status = llmc_decoder_emit_text(decoder, LLMCOST_EVENT_TEXT, 0, 0, &part->text, &item->text);
    if (!status && !item->told && part->refusal.bytes)
        status = llmc_decoder_emit_text(decoder, LLMCOST_EVENT_REFUSAL, 0, 0, &part->refusal, &item->refusal);
    if (!status && has_items(&part->annotations))
        status = llmc_decoder_emit_raw(decoder, LLMC_EVENT_EXTRA, 0, 0, "annotations", &part->annotations);
    return status || item->logged ? status : tell_logprobs(decoder, item, &part->logprobs);
}

static llmcost_status finish_message_item(llmc_decoder *decoder, responses_item *item, const item_members *members)
{
    llmc_json json;
    llmcost_status status = LLMCOST_OK;
    llmc_json_begin(&json, members->content.text, members->content.bytes);
    bool logged = item->logged;
    if (!has_items(&members->content) || !llmc_json_array(&json))
        return LLMCOST_OK;
    while (!status && llmc_json_next_item(&json)) {
        part_members part;
        read_part(&json, &part);
        item->logged = logged; /* each part of a whole has its own */
        status = finish_part(decoder, item, &part);
    }
    return status;
}

static llmcost_status tell_reasoning_parts(llmc_decoder *decoder, responses_item *item, reasoning_form form, const llmc_json_span *parts)
{
    llmc_json json;
    llmcost_status status = LLMCOST_OK;
    llmc_json_begin(&json, parts->text, parts->bytes);
    if (!has_items(parts) || !llmc_json_array(&json))
        return LLMCOST_OK;
    for (uint32_t i = 0; !status && llmc_json_next_item(&json); i++) {
        part_members part;
        read_part(&json, &part);
        status = tell_reasoning(decoder, item, form, i, &part.text);
    }
    return status;
}

/* Passed on is what can go back: what the provider encrypted, and the open reasoning of hosts that do not encrypt. */
static llmcost_status finish_reasoning_item(llmc_decoder *decoder, responses_item *item, const item_members *members, const llmc_json_span *raw)
{
    bool told = item->told;
    llmcost_status status = LLMCOST_OK;
    if (!told)
        status = tell_reasoning_parts(decoder, item, FORM_SUMMARY, &members->summary);
    if (!told && !status)
        status = tell_reasoning_parts(decoder, item, FORM_TEXT, &members->content);
    if (!status && (members->encrypted.bytes || has_items(&members->content)))
        status = llmc_decoder_emit_raw(decoder, LLMC_EVENT_REASONING_HIDDEN, 0, 0, NULL, raw);
    return status;
}

static void recognise(responses_item *item, const item_members *members)
{
    if (item->kind || !members->type.bytes)
        return;
    item->kind = is(&members->type, "message") ? ITEM_MESSAGE : is(&members->type, "reasoning") ? ITEM_REASONING
               : is(&members->type, "function_call") ? ITEM_CALL : ITEM_OTHER;
}

static llmcost_status flush_item(llmc_decoder *decoder, responses_item *item)
{
    static const int kinds[] = { [ITEM_NONE] = LLMCOST_EVENT_TEXT, [ITEM_MESSAGE] = LLMCOST_EVENT_TEXT, [ITEM_REASONING] = LLMCOST_EVENT_REASONING,
                                 [ITEM_CALL] = LLMCOST_EVENT_TOOL_ARGUMENTS, [ITEM_OTHER] = LLMCOST_EVENT_TEXT };
    llmcost_status status = llmc_decoder_flush_text(decoder, kinds[item->kind], 0, item->tool, &item->text);
    return status ? status : llmc_decoder_flush_text(decoder, LLMCOST_EVENT_REFUSAL, 0, 0, &item->refusal);
}

/* An item as it ends, whole: what no piece of it told. */
static llmcost_status finish_item(llmc_decoder *decoder, responses_item *item, const llmc_json_span *raw)
{
    item_members members;
    llmcost_status status = LLMCOST_OK;
    if (item->complete)
        return LLMCOST_OK;
    read_item(raw, &members);
    recognise(item, &members);
    item->complete = state_of(decoder)->any_complete = true;
    if (item->kind == ITEM_MESSAGE)
        status = finish_message_item(decoder, item, &members);
    if (item->kind == ITEM_REASONING)
        status = finish_reasoning_item(decoder, item, &members, raw);
    if (item->kind == ITEM_OTHER)
        status = emit_other_item(decoder, raw);
    if (item->kind == ITEM_CALL && !item->announced)
        status = announce(decoder, item, &members);
    if (!status && item->kind == ITEM_CALL && !item->told)
        status = tell_arguments(decoder, item, &members.arguments);
    return status ? status : flush_item(decoder, item);
}

/* ---- the response around them ---- */

static llmcost_status introduce(llmc_decoder *decoder, const responses_event *response)
{
    responses_state *state = state_of(decoder);
    if (state->introduced)
        return LLMCOST_OK;
    llmc_decode_member(&response->id, &state->id);
    llmc_decode_member(&response->model, &state->model);
    const char *id = llmc_buffer_text(&state->id), *model = llmc_buffer_text(&state->model);
    if (!id || !model)
        return no_memory(decoder);
    llmc_utf8_sanitize(state->id.data);
    llmc_utf8_sanitize(state->model.data);
    state->introduced = true;
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMC_EVENT_META, .text = id, .bytes = strlen(id), .tool_name = model });
}

static llmcost_status decode_usage(llmc_decoder *decoder, const responses_event *response)
{
    responses_state *state = state_of(decoder);
    llmc_json json;
    if (response->tier.bytes && response->tier.bytes < sizeof state->counts.tier) {
        llmc_json_begin(&json, response->tier.text - 1, response->tier.bytes + 2); /* with its quotes */
        llmc_usage_read_tier(&json, &state->counts);
    }
    if (!response->usage.bytes)
        return LLMCOST_OK;
    llmc_json_begin(&json, response->usage.text, response->usage.bytes);
    llmc_responses_read_usage(&json, &state->counts, &state->byok);
    return llmc_decoder_emit_usage(decoder, &state->counts);
}

static llmcost_status decode_output(llmc_decoder *decoder, const llmc_json_span *output)
{
    llmc_json json;
    llmc_json_span raw;
    llmcost_status status = LLMCOST_OK;
    llmc_json_begin(&json, output->text, output->bytes);
    if (!has_items(output) || !llmc_json_array(&json))
        return LLMCOST_OK;
    for (int64_t i = 0; !status && llmc_json_next_item(&json); i++) {
        responses_item *item;
        if (llmc_json_peek(&json) != LLMC_JSON_OBJECT) {
            llmc_json_skip(&json);
            continue;
        }
        llmc_json_raw(&json, &raw);
        status = item_at(decoder, i, &item);
        if (!status)
            status = finish_item(decoder, item, &raw);
    }
    return status;
}

static llmcost_finish finish_of(const char *word)
{
    static const struct { const char *word; llmcost_finish finish; } words[] = {
        { "completed", LLMCOST_FINISH_STOP }, { "max_output_tokens", LLMCOST_FINISH_LENGTH }, { "max_tokens", LLMCOST_FINISH_LENGTH },
        { "content_filter", LLMCOST_FINISH_CONTENT_FILTER }, { "context_length", LLMCOST_FINISH_CONTEXT_LENGTH },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strcmp(words[i].word, word))
            return words[i].finish;
    return LLMCOST_FINISH_STOP;
}

/* Why an answer is not complete: {"reason": "max_output_tokens"}; else the status itself says how it ended. */
static llmcost_status emit_finish(llmc_decoder *decoder, const responses_event *response)
{
    llmc_json json;
    llmc_json_key key;
    llmc_json_span reason = response->status;
    char word[64];
    llmc_json_begin(&json, response->details.text, response->details.bytes);
    for (bool more = response->details.bytes && llmc_json_object(&json); more && llmc_json_next_key(&json, &key);) {
        if (llmc_json_key_is(&key, "reason"))
            llmc_json_span_string(&json, &reason);
        else
            llmc_json_skip(&json);
    }
    size_t bytes = reason.bytes < sizeof word ? reason.bytes : sizeof word - 1;
    if (bytes)
        memcpy(word, reason.text, bytes);
    word[bytes] = '\0';
    llmc_utf8_sanitize(word);
    llmcost_finish finish = finish_of(word);
    if (finish == LLMCOST_FINISH_STOP && state_of(decoder)->tool_count)
        finish = LLMCOST_FINISH_TOOL_CALLS;
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_FINISH, .finish = finish, .finish_raw = word });
}

static llmcost_status fail_response(llmc_decoder *decoder, const responses_event *response)
{
    if (response->error.bytes)
        return llmc_decode_error_body(decoder->error, decoder->http_status, response->error.text, response->error.bytes);
    if (is(&response->status, "failed") || is(&response->status, "cancelled"))
        return llmc_error_set(decoder->error, LLMCOST_E_SERVER, "the provider ended the answer as %.*s and gave no reason; try again later",
                              (int)response->status.bytes, response->status.text);
    return llmc_error_set(decoder->error, LLMCOST_E_MALFORMED, "the answer is not ready (it is made in the background); leave \"background\" out of extra");
}

static bool ended(const responses_event *response)
{
    bool bad = is(&response->status, "failed") || is(&response->status, "cancelled") || is(&response->status, "queued") || is(&response->status, "in_progress");
    return !bad && !response->error.bytes;
}

/* The whole response: as a body, or in the last event of a stream. */
static llmcost_status finish_response(llmc_decoder *decoder, const responses_event *response)
{
    responses_state *state = state_of(decoder);
    llmcost_status status = introduce(decoder, response);
    if (!status && !state->any_complete)
        status = decode_output(decoder, &response->output);
    for (size_t i = 0; !status && i < state->item_count; i++)
        status = flush_item(decoder, &state->items[i]);
    if (!status)
        status = decode_usage(decoder, response);
    if (!status && !ended(response))
        status = fail_response(decoder, response);
    if (!status)
        status = emit_finish(decoder, response);
    decoder->finished = !status;
    return status;
}

/* ---- events of the stream ---- */

static void read_response(const responses_event *event, responses_event *response)
{
    llmc_json json;
    *response = (responses_event){ 0 };
    llmc_json_begin(&json, event->response.text, event->response.bytes);
    if (event->response.bytes)
        read_event(&json, response);
}

static llmcost_status on_text(llmc_decoder *decoder, const responses_event *event)
{
    responses_item *item;
    llmcost_status status = item_of(decoder, event, &item);
    if (status || !event->delta.bytes)
        return status;
    item->told = true;
    status = llmc_decoder_emit_text(decoder, LLMCOST_EVENT_TEXT, 0, 0, &event->delta, &item->text);
    return status ? status : tell_logprobs(decoder, item, &event->logprobs);
}

static llmcost_status on_refusal(llmc_decoder *decoder, const responses_event *event)
{
    responses_item *item;
    llmcost_status status = item_of(decoder, event, &item);
    if (status || !event->delta.bytes)
        return status;
    item->told = true;
    return llmc_decoder_emit_text(decoder, LLMCOST_EVENT_REFUSAL, 0, 0, &event->delta, &item->refusal);
}

/* Pieces of a call that nothing announced are left to its end, which has them all. */
static llmcost_status on_arguments(llmc_decoder *decoder, const responses_event *event)
{
    responses_item *item;
    llmcost_status status = item_of(decoder, event, &item);
    return status || !item->announced ? status : tell_arguments(decoder, item, &event->delta);
}

static llmcost_status reasoning_delta(llmc_decoder *decoder, const responses_event *event, reasoning_form form)
{
    responses_item *item;
    int64_t part = 0;
    llmcost_status status = item_of(decoder, event, &item);
    read_index(&event->part_index, &part);
    if (status)
        return status;
    item->kind = ITEM_REASONING;
    return tell_reasoning(decoder, item, form, (uint32_t)part, &event->delta);
}

static llmcost_status on_summary(llmc_decoder *decoder, const responses_event *event)
{
    return reasoning_delta(decoder, event, FORM_SUMMARY);
}

static llmcost_status on_reasoning(llmc_decoder *decoder, const responses_event *event)
{
    return reasoning_delta(decoder, event, FORM_TEXT);
}

static llmcost_status on_item_added(llmc_decoder *decoder, const responses_event *event)
{
    responses_item *item;
    item_members members;
    llmcost_status status = item_of(decoder, event, &item);
    if (status)
        return status;
    read_item(&event->item, &members);
    recognise(item, &members);
    return item->kind == ITEM_CALL && !item->announced && members.name.bytes ? announce(decoder, item, &members) : LLMCOST_OK;
}

static llmcost_status on_item_done(llmc_decoder *decoder, const responses_event *event)
{
    responses_item *item;
    llmcost_status status = item_of(decoder, event, &item);
    return status ? status : finish_item(decoder, item, &event->item);
}

static llmcost_status on_begun(llmc_decoder *decoder, const responses_event *event)
{
    responses_event response;
    read_response(event, &response);
    return response.model.bytes ? introduce(decoder, &response) : LLMCOST_OK;
}

static llmcost_status on_ended(llmc_decoder *decoder, const responses_event *event)
{
    responses_event response;
    read_response(event, &response);
    if (!response.status.bytes) /* the event's own name says it too: response.completed */
        response.status = (llmc_json_span){ event->type.text + strlen("response."), event->type.bytes - strlen("response."), false };
    return finish_response(decoder, &response);
}

static llmcost_status decode_event(llmc_decoder *decoder, const responses_event *event, const llmc_frame *frame)
{
    static const struct { const char *type; llmcost_status (*decode)(llmc_decoder *, const responses_event *); } events[] = {
        { "response.output_text.delta", on_text }, { "response.function_call_arguments.delta", on_arguments },
        { "response.reasoning_summary_text.delta", on_summary }, { "response.reasoning_text.delta", on_reasoning },
        { "response.refusal.delta", on_refusal }, { "response.output_item.added", on_item_added }, { "response.output_item.done", on_item_done },
        { "response.created", on_begun }, { "response.in_progress", on_begun }, { "response.queued", on_begun },
        { "response.completed", on_ended }, { "response.incomplete", on_ended }, { "response.failed", on_ended }, { "response.cancelled", on_ended },
    };
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (is(&event->type, events[i].type))
            return events[i].decode(decoder, event);
    if (is(&event->type, "error") || (!event->type.bytes && event->error.bytes))
        return llmc_decode_error_body(decoder->error, decoder->http_status, frame->data, frame->bytes);
    return LLMCOST_OK; /* the ends of pieces, progress of server tools, and what will be added */
}

static bool is_done(const llmc_frame *frame)
{
    return frame->bytes >= 6 && !memcmp(frame->data, "[DONE]", 6);
}

static llmcost_status decode_frame(llmc_decoder *decoder, const llmc_frame *frame)
{
    llmc_json json;
    responses_event event = { 0 };
    if (decoder->finished)
        return LLMCOST_OK;
    if (decoder->http_status < 200 || decoder->http_status > 299 || !strcmp(frame->event, "error"))
        return llmc_decode_error_body(decoder->error, decoder->http_status, frame->data, frame->bytes);
    if (decoder->operation == LLMC_OP_LIST_MODELS)
        return llmc_decode_models(decoder, frame);
    if (decoder->operation == LLMC_OP_COUNT_TOKENS)
        return llmc_decode_input_tokens(decoder, frame);
    if (decoder->stream && (frame->bytes == 0 || is_done(frame)))
        return LLMCOST_OK;
    llmc_json_begin(&json, frame->data, frame->bytes);
    bool is_object = llmc_json_peek(&json) == LLMC_JSON_OBJECT;
    read_event(&json, &event);
    if (!llmc_json_end(&json) || !is_object)
        return llmc_decoder_malformed(decoder, &json, "no JSON object");
    if (decoder->stream)
        return decode_event(decoder, &event, frame);
    if (!event.output.bytes && !event.status.bytes)
        return llmc_decode_error_in_success(decoder, frame, "a response without output");
    return finish_response(decoder, &event);
}

static llmcost_status decode_end(llmc_decoder *decoder)
{
    if (decoder->finished)
        return LLMCOST_OK;
    if (decoder->http_status < 200 || decoder->http_status > 299)
        return llmc_decode_error_body(decoder->error, decoder->http_status, "", 0);
    return llmc_error_set(decoder->error, LLMCOST_E_TRUNCATED, decoder->stream ? "the stream ended before the answer was complete; try again" : "the answer is empty; try again");
}

static void decode_begin(llmc_decoder *decoder)
{
    responses_state *state = state_of(decoder);
    llmc_buffer_init(&state->id, decoder->allocator, 1 << 12);
    llmc_buffer_init(&state->model, decoder->allocator, 1 << 12);
    llmc_usage_counts_init(&state->counts);
}

static void decode_free(llmc_decoder *decoder)
{
    responses_state *state = state_of(decoder);
    llmc_free(decoder->allocator, state->items);
    llmc_buffer_free(&state->id);
    llmc_buffer_free(&state->model);
}

static bool has_operation(llmc_operation_id operation)
{
    return operation == LLMC_OP_CHAT || operation == LLMC_OP_LIST_MODELS || operation == LLMC_OP_COUNT_TOKENS;
}

const llmc_codec llmc_codec_responses = {
    .name = "responses",
    .has_operation = has_operation,
    .check = llmc_responses_check,
    .encode = llmc_responses_encode,
    .stream_framing = &llmc_framing_sse, .stream_type = "text/event-stream",
    .decoder_bytes = sizeof(responses_state),
    .decode_begin = decode_begin,
    .decode_frame = decode_frame,
    .decode_end = decode_end,
    .decode_free = decode_free,
};
