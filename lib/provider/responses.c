/*
 * Answers in the OpenAI Responses format, whole or as a stream of named events. An answer is a list of output items:
 * messages, reasoning, calls of functions, and what tools of the server did. A stream tells each item in pieces and then
 * whole; what no piece told is read from the whole, so that a host may send as few pieces as it likes.
 *
 * Reasoning items that can be sent back are passed on as they are (see responses_codec.h). Items of server tools are
 * kept under "output_items". Left out on purpose: answers in the background, which would have to be asked for again.
 */
#include "provider/responses_decoding.h"

#include "base/text.h"
#include "provider/openai_codec.h"

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

/* ---- the response around them ---- */

static void read_tier(llmc_decoder *decoder, const responses_event *response)
{
    llmc_usage_counts *counts = &llmc_responses_state(decoder)->counts;
    llmc_json json;
    if (!response->tier.bytes || response->tier.bytes >= sizeof counts->tier)
        return;
    llmc_json_begin(&json, response->tier.text - 1, response->tier.bytes + 2); /* with its quotes */
    llmc_usage_read_tier(&json, counts);
    llmc_decoder_note_tier(decoder, counts);
}

static llmcost_status decode_usage(llmc_decoder *decoder, const responses_event *response)
{
    responses_state *state = llmc_responses_state(decoder);
    llmc_json json;
    read_tier(decoder, response);
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
    if (!llmc_responses_has_items(output) || !llmc_json_array(&json))
        return LLMCOST_OK;
    for (int64_t i = 0; !status && llmc_json_next_item(&json); i++) {
        responses_item *item;
        if (llmc_json_peek(&json) != LLMC_JSON_OBJECT) {
            llmc_json_skip(&json);
            continue;
        }
        llmc_json_raw(&json, &raw);
        status = llmc_responses_item_at(decoder, i, &item);
        if (!status)
            status = llmc_responses_finish_item(decoder, item, &raw);
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
    if (finish == LLMCOST_FINISH_STOP && llmc_responses_state(decoder)->tool_count)
        finish = LLMCOST_FINISH_TOOL_CALLS;
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_FINISH, .finish = finish, .finish_raw = word });
}

static llmcost_status fail_response(llmc_decoder *decoder, const responses_event *response)
{
    if (response->error.bytes)
        return llmc_decode_error_body(decoder->error, decoder->http_status, response->error.text, response->error.bytes);
    if (llmc_responses_is(&response->status, "failed") || llmc_responses_is(&response->status, "cancelled"))
        return llmc_error_set(decoder->error, LLMCOST_E_SERVER, "the provider ended the answer as %.*s and gave no reason; try again later",
                              (int)response->status.bytes, response->status.text);
    return llmc_error_set(decoder->error, LLMCOST_E_MALFORMED, "the answer is not ready (it is made in the background); leave \"background\" out of extra");
}

static bool ended(const responses_event *response)
{
    bool bad = llmc_responses_is(&response->status, "failed") || llmc_responses_is(&response->status, "cancelled") || llmc_responses_is(&response->status, "queued") || llmc_responses_is(&response->status, "in_progress");
    return !bad && !response->error.bytes;
}

/* The whole response: as a body, or in the last event of a stream. */
static llmcost_status finish_response(llmc_decoder *decoder, const responses_event *response)
{
    responses_state *state = llmc_responses_state(decoder);
    llmcost_status status = llmc_decoder_introduce(decoder, &llmc_responses_state(decoder)->identity, &response->id, &response->model);
    if (!status && !state->any_complete)
        status = decode_output(decoder, &response->output);
    for (size_t i = 0; !status && i < state->item_count; i++)
        status = llmc_responses_flush_item(decoder, &state->items[i]);
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

static llmcost_status on_begun(llmc_decoder *decoder, const responses_event *event)
{
    responses_event response;
    read_response(event, &response);
    read_tier(decoder, &response);
    return response.model.bytes ? llmc_decoder_introduce(decoder, &llmc_responses_state(decoder)->identity, &response.id, &response.model) : LLMCOST_OK;
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
    static const struct { const char *type; llmc_responses_event_fn decode; } events[] = {
        { "response.created", on_begun }, { "response.in_progress", on_begun }, { "response.queued", on_begun },
        { "response.completed", on_ended }, { "response.incomplete", on_ended }, { "response.failed", on_ended }, { "response.cancelled", on_ended },
    };
    llmc_responses_event_fn of_an_item = llmc_responses_item_event(&event->type);
    if (of_an_item)
        return of_an_item(decoder, event);
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (llmc_responses_is(&event->type, events[i].type))
            return events[i].decode(decoder, event);
    if (llmc_responses_is(&event->type, "error") || (!event->type.bytes && event->error.bytes))
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
    if (llmc_decoder_refused(decoder) || !strcmp(frame->event, "error"))
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

static void decode_begin(llmc_decoder *decoder)
{
    responses_state *state = llmc_responses_state(decoder);
    llmc_identity_init(&state->identity, decoder->allocator);
    llmc_usage_counts_init(&state->counts);
}

static void decode_free(llmc_decoder *decoder)
{
    responses_state *state = llmc_responses_state(decoder);
    llmc_free(decoder->allocator, state->items);
    llmc_identity_free(&state->identity);
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
    .decode_end = llmc_decoder_end_early,
    .decode_free = decode_free,
};
