/*
 * Output items of the Responses format: messages, reasoning, calls of functions and what tools of the server did, told in
 * pieces and then whole.
 */
#include "provider/responses_decoding.h"

#include "base/text.h"

enum { ITEMS_MAXIMUM = 8192 };

typedef struct item_members {
    llmc_json_span type, call_id, id, name, arguments, content, summary, encrypted;
} item_members;

typedef struct part_members {
    llmc_json_span type, text, refusal, annotations, logprobs;
} part_members;

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

llmcost_status llmc_responses_item_at(llmc_decoder *decoder, int64_t index, responses_item **out)
{
    responses_state *state = llmc_responses_state(decoder);
    *out = NULL;
    if (index < 0 || index >= ITEMS_MAXIMUM)
        return llmc_decoder_malformed(decoder, NULL, "an item with an impossible index");
    void *items = llmc_decoder_reach(decoder, state->items, &state->item_count, &state->item_capacity, (size_t)index, sizeof(responses_item));
    if (!items)
        return LLMCOST_E_MEMORY;
    state->items = items;
    *out = &state->items[index];
    return LLMCOST_OK;
}

static llmcost_status item_of(llmc_decoder *decoder, const responses_event *event, responses_item **out)
{
    int64_t index = -1;
    read_index(&event->output_index, &index);
    return llmc_responses_item_at(decoder, index, out);
}

/* A call is named by call_id; the item's own id is the next best, and a result must name something. */
static llmcost_status announce(llmc_decoder *decoder, responses_item *item, const item_members *members)
{
    responses_state *state = llmc_responses_state(decoder);
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
        return llmc_decoder_no_memory(decoder);
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
    if (!llmc_responses_has_items(logprobs))
        return LLMCOST_OK;
    item->logged = true;
    return llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_LOGPROBS, 0, 0, NULL, logprobs);
}

/* Parts of reasoning are paragraphs. */
static llmcost_status tell_reasoning(llmc_decoder *decoder, responses_item *item, reasoning_form form, uint32_t part, const llmc_json_span *text)
{
    responses_state *state = llmc_responses_state(decoder);
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
    if (!status && llmc_responses_has_items(&part->annotations))
        status = llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_EXTRA, 0, 0, "annotations", &part->annotations);
    return status || item->logged ? status : tell_logprobs(decoder, item, &part->logprobs);
}

static llmcost_status finish_message_item(llmc_decoder *decoder, responses_item *item, const item_members *members)
{
    llmc_json json;
    llmcost_status status = LLMCOST_OK;
    llmc_json_begin(&json, members->content.text, members->content.bytes);
    bool logged = item->logged;
    if (!llmc_responses_has_items(&members->content) || !llmc_json_array(&json))
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
    if (!llmc_responses_has_items(parts) || !llmc_json_array(&json))
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
    if (!status && (members->encrypted.bytes || llmc_responses_has_items(&members->content)))
        status = llmc_decoder_emit_raw(decoder, LLMC_EVENT_REASONING_HIDDEN, 0, 0, NULL, raw);
    return status;
}

static void recognise(responses_item *item, const item_members *members)
{
    if (item->kind || !members->type.bytes)
        return;
    item->kind = llmc_responses_is(&members->type, "message") ? ITEM_MESSAGE : llmc_responses_is(&members->type, "reasoning") ? ITEM_REASONING
               : llmc_responses_is(&members->type, "function_call") ? ITEM_CALL : ITEM_OTHER;
}

llmcost_status llmc_responses_flush_item(llmc_decoder *decoder, responses_item *item)
{
    static const int kinds[] = { [ITEM_NONE] = LLMCOST_EVENT_TEXT, [ITEM_MESSAGE] = LLMCOST_EVENT_TEXT, [ITEM_REASONING] = LLMCOST_EVENT_REASONING,
                                 [ITEM_CALL] = LLMCOST_EVENT_TOOL_ARGUMENTS, [ITEM_OTHER] = LLMCOST_EVENT_TEXT };
    llmcost_status status = llmc_decoder_flush_text(decoder, kinds[item->kind], 0, item->tool, &item->text);
    return status ? status : llmc_decoder_flush_text(decoder, LLMCOST_EVENT_REFUSAL, 0, 0, &item->refusal);
}

/* An item as it ends, whole: what no piece of it told. */
llmcost_status llmc_responses_finish_item(llmc_decoder *decoder, responses_item *item, const llmc_json_span *raw)
{
    item_members members;
    llmcost_status status = LLMCOST_OK;
    if (item->complete)
        return LLMCOST_OK;
    read_item(raw, &members);
    recognise(item, &members);
    item->complete = llmc_responses_state(decoder)->any_complete = true;
    if (item->kind == ITEM_MESSAGE)
        status = finish_message_item(decoder, item, &members);
    if (item->kind == ITEM_REASONING)
        status = finish_reasoning_item(decoder, item, &members, raw);
    if (item->kind == ITEM_OTHER)
        status = llmc_decoder_emit_listed(decoder, 0, "output_items", raw);
    if (item->kind == ITEM_CALL && !item->announced)
        status = announce(decoder, item, &members);
    if (!status && item->kind == ITEM_CALL && !item->told)
        status = tell_arguments(decoder, item, &members.arguments);
    return status ? status : llmc_responses_flush_item(decoder, item);
}

/* ---- events of the stream ---- */

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
    return status ? status : llmc_responses_finish_item(decoder, item, &event->item);
}

llmc_responses_event_fn llmc_responses_item_event(const llmc_json_span *type)
{
    static const struct { const char *type; llmc_responses_event_fn decode; } events[] = {
        { "response.output_text.delta", on_text }, { "response.function_call_arguments.delta", on_arguments },
        { "response.reasoning_summary_text.delta", on_summary }, { "response.reasoning_text.delta", on_reasoning },
        { "response.refusal.delta", on_refusal }, { "response.output_item.added", on_item_added }, { "response.output_item.done", on_item_done },
    };
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (llmc_responses_is(type, events[i].type))
            return events[i].decode;
    return NULL;
}
