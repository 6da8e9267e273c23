/*
 * Answers in the format of the Gemini API and Vertex AI: whole, as a stream of the same objects, or as one JSON array
 * of them (a stream that was fetched without alt=sse). A chunk's members are noted first and read in our order, for the
 * id of the answer, which made-up ids of tool calls hang on, stands behind the content.
 *
 * The format has no terminator: the end of the body is the end, if a finish reason came before it. A finish reason may
 * be followed by more (older models sent one with every chunk), so that a choice is told to be finished at the end only.
 *
 * Parts that are no text (images, code that was run) and what is told about an answer (groundings, citations, ratings)
 * are passed on as EXTRA under their names on the wire; images as "inline_data".
 */
#include "provider/gemini_decoding.h"

#include "base/text.h"

typedef struct gemini_chunk {
    llmc_json_span candidates, feedback, usage, model, id, error;
} gemini_chunk;

typedef struct gemini_candidate {
    llmc_json_span content, finish, index, finish_message, logprobs, grounding, citation, url_context, safety;
} gemini_candidate;

static llmcost_status emit_extra(llmc_decoder *decoder, uint32_t choice, const char *name, const llmc_json_span *raw)
{
    return raw->bytes > 2 ? llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_EXTRA, choice, 0, name, raw) : LLMCOST_OK;
}

/* ---- candidates ---- */

static llmcost_status choice_at(llmc_decoder *decoder, int64_t index, gemini_choice **out)
{
    gemini_state *state = llmc_gemini_state(decoder);
    if (index < 0 || index >= LLMC_CHOICES_MAXIMUM)
        return llmc_decoder_malformed(decoder, NULL, "a candidate with an impossible index");
    void *items = llmc_decoder_reach(decoder, state->choices, &state->choice_count, &state->choice_capacity, (size_t)index, sizeof(gemini_choice));
    if (!items)
        return LLMCOST_E_MEMORY;
    state->choices = items;
    *out = &state->choices[index];
    (*out)->seen = true;
    return LLMCOST_OK;
}

/* A word of theirs, short and well-formed. */
static void take_word(char *out, size_t room, const llmc_json_span *span)
{
    size_t bytes = span->bytes < room ? span->bytes : room - 1;
    if (bytes)
        memcpy(out, span->text, bytes);
    out[bytes] = '\0';
    llmc_utf8_sanitize(out);
}

static llmcost_status decode_extras(llmc_decoder *decoder, uint32_t index, const gemini_candidate *candidate)
{
    llmcost_status status = emit_extra(decoder, index, "groundingMetadata", &candidate->grounding);
    if (!status)
        status = emit_extra(decoder, index, "citationMetadata", &candidate->citation);
    if (!status)
        status = emit_extra(decoder, index, "urlContextMetadata", &candidate->url_context);
    /* Ratings come with every chunk of some models: only the last ones, of the whole answer, are told. */
    if (!status && candidate->finish.bytes)
        status = emit_extra(decoder, index, "safetyRatings", &candidate->safety);
    return status;
}

/* Why it ended, in words: worth keeping where something went wrong. */
static llmcost_status decode_finish(llmc_decoder *decoder, gemini_choice *choice, uint32_t index, const gemini_candidate *candidate)
{
    if (!candidate->finish.bytes || llmc_json_key_is(&candidate->finish, "FINISH_REASON_UNSPECIFIED"))
        return LLMCOST_OK;
    take_word(choice->word, sizeof choice->word, &candidate->finish);
    llmc_gemini_state(decoder)->finish_came = true;
    if (!llmc_gemini_was_string(&candidate->finish_message) || !strcmp(choice->word, "STOP"))
        return LLMCOST_OK;
    const llmc_json_span quoted = { candidate->finish_message.text - 1, candidate->finish_message.bytes + 2, false };
    return emit_extra(decoder, index, "finishMessage", &quoted);
}

static llmcost_status decode_candidate(llmc_decoder *decoder, llmc_json *json, int64_t index)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(gemini_candidate, "content", content), LLMC_WANTED(gemini_candidate, "finishReason", finish), LLMC_WANTED(gemini_candidate, "index", index),
        LLMC_WANTED(gemini_candidate, "finishMessage", finish_message), LLMC_WANTED(gemini_candidate, "logprobsResult", logprobs),
        LLMC_WANTED(gemini_candidate, "groundingMetadata", grounding), LLMC_WANTED(gemini_candidate, "citationMetadata", citation),
        LLMC_WANTED(gemini_candidate, "urlContextMetadata", url_context), LLMC_WANTED(gemini_candidate, "safetyRatings", safety),
    };
    gemini_candidate candidate = { 0 };
    gemini_choice *choice = NULL;
    llmc_read_wanted(json, wanted, sizeof wanted / sizeof wanted[0], &candidate);
    if (json->failure)
        return LLMCOST_OK;
    if (candidate.index.bytes) {
        llmc_json number;
        llmc_json_begin(&number, candidate.index.text, candidate.index.bytes);
        llmc_json_integer(&number, &index);
    }
    llmcost_status status = choice_at(decoder, index, &choice);
    if (!status)
        status = llmc_gemini_decode_content(decoder, choice, (uint32_t)index, &candidate.content);
    if (!status && candidate.logprobs.bytes)
        status = llmc_gemini_decode_logprobs(decoder, (uint32_t)index, &candidate.logprobs);
    if (!status)
        status = decode_extras(decoder, (uint32_t)index, &candidate);
    return status ? status : decode_finish(decoder, choice, (uint32_t)index, &candidate);
}

static llmcost_status decode_candidates(llmc_decoder *decoder, const llmc_json_span *candidates)
{
    llmc_json json;
    llmcost_status status = LLMCOST_OK;
    if (!candidates->bytes)
        return LLMCOST_OK;
    llmc_json_begin(&json, candidates->text, candidates->bytes);
    if (!llmc_json_array(&json))
        return LLMCOST_OK;
    for (int64_t ordinal = 0; !status && llmc_json_next_item(&json); ordinal++)
        status = decode_candidate(decoder, &json, ordinal);
    return status;
}

typedef struct gemini_feedback {
    llmc_json_span reason, message;
} gemini_feedback;

/* A prompt that was refused: no candidates, and yet it is billed. */
static llmcost_status decode_feedback(llmc_decoder *decoder, const llmc_json_span *raw)
{
    static const llmc_wanted_member wanted[] = { LLMC_WANTED(gemini_feedback, "blockReason", reason), LLMC_WANTED(gemini_feedback, "blockReasonMessage", message) };
    gemini_state *state = llmc_gemini_state(decoder);
    gemini_feedback feedback = { 0 };
    gemini_choice *choice = NULL;
    llmc_json json;
    if (!raw->bytes)
        return LLMCOST_OK;
    llmc_json_begin(&json, raw->text, raw->bytes);
    llmc_read_wanted(&json, wanted, 2, &feedback);
    if (!feedback.reason.bytes || state->finish_came)
        return LLMCOST_OK;
    llmcost_status status = choice_at(decoder, 0, &choice);
    if (status)
        return status;
    state->blocked = state->finish_came = true;
    take_word(choice->word, sizeof choice->word, &feedback.reason);
    status = llmc_gemini_emit_string(decoder, LLMCOST_EVENT_REFUSAL, 0, &feedback.message, NULL);
    return status ? status : emit_extra(decoder, 0, "promptFeedback", raw);
}

/* ---- the end ---- */

static llmcost_finish finish_of(const char *word)
{
    static const struct { const char *word; llmcost_finish finish; } words[] = {
        { "STOP", LLMCOST_FINISH_STOP }, { "MAX_TOKENS", LLMCOST_FINISH_LENGTH },
        { "SAFETY", LLMCOST_FINISH_CONTENT_FILTER }, { "RECITATION", LLMCOST_FINISH_CONTENT_FILTER }, { "LANGUAGE", LLMCOST_FINISH_CONTENT_FILTER },
        { "BLOCKLIST", LLMCOST_FINISH_CONTENT_FILTER }, { "PROHIBITED_CONTENT", LLMCOST_FINISH_CONTENT_FILTER }, { "SPII", LLMCOST_FINISH_CONTENT_FILTER },
        { "MODEL_ARMOR", LLMCOST_FINISH_CONTENT_FILTER }, { "IMAGE_SAFETY", LLMCOST_FINISH_CONTENT_FILTER },
        { "IMAGE_PROHIBITED_CONTENT", LLMCOST_FINISH_CONTENT_FILTER }, { "IMAGE_RECITATION", LLMCOST_FINISH_CONTENT_FILTER },
        { "OTHER", LLMCOST_FINISH_ERROR }, { "MALFORMED_FUNCTION_CALL", LLMCOST_FINISH_ERROR }, { "UNEXPECTED_TOOL_CALL", LLMCOST_FINISH_ERROR },
        { "TOO_MANY_TOOL_CALLS", LLMCOST_FINISH_ERROR }, { "MISSING_THOUGHT_SIGNATURE", LLMCOST_FINISH_ERROR }, { "MALFORMED_RESPONSE", LLMCOST_FINISH_ERROR },
        { "NO_IMAGE", LLMCOST_FINISH_ERROR }, { "IMAGE_OTHER", LLMCOST_FINISH_ERROR },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strcmp(words[i].word, word))
            return words[i].finish;
    return LLMCOST_FINISH_STOP;
}

static llmcost_status finish_choice(llmc_decoder *decoder, gemini_choice *choice, uint32_t index)
{
    llmcost_status status = llmc_decoder_flush_text(decoder, LLMCOST_EVENT_REASONING, index, 0, &choice->reasoning);
    if (!status)
        status = llmc_decoder_flush_text(decoder, LLMCOST_EVENT_TEXT, index, 0, &choice->text);
    if (status)
        return status;
    llmcost_finish finish = llmc_gemini_state(decoder)->blocked ? LLMCOST_FINISH_CONTENT_FILTER : finish_of(choice->word);
    if (finish == LLMCOST_FINISH_STOP && choice->call_count)
        finish = LLMCOST_FINISH_TOOL_CALLS;
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_FINISH, .choice = index, .finish = finish, .finish_raw = choice->word });
}

static llmcost_status finish_answer(llmc_decoder *decoder)
{
    gemini_state *state = llmc_gemini_state(decoder);
    llmcost_status status = LLMCOST_OK;
    for (uint32_t i = 0; !status && i < state->choice_count; i++)
        if (state->choices[i].seen)
            status = finish_choice(decoder, &state->choices[i], i);
    decoder->finished = !status;
    return status;
}

/* ---- chunks ---- */

static llmcost_status introduce(llmc_decoder *decoder, const gemini_chunk *chunk)
{
    if (!(chunk->model.bytes || chunk->id.bytes || chunk->candidates.bytes || chunk->feedback.bytes))
        return LLMCOST_OK;
    return llmc_decoder_introduce(decoder, &llmc_gemini_state(decoder)->identity, &chunk->id, &chunk->model);
}

static void read_chunk(llmc_json *json, gemini_chunk *chunk)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(gemini_chunk, "candidates", candidates), LLMC_WANTED(gemini_chunk, "usageMetadata", usage), LLMC_WANTED(gemini_chunk, "modelVersion", model),
        LLMC_WANTED(gemini_chunk, "responseId", id), LLMC_WANTED(gemini_chunk, "promptFeedback", feedback), LLMC_WANTED(gemini_chunk, "error", error),
    };
    *chunk = (gemini_chunk){ 0 };
    llmc_read_wanted(json, wanted, sizeof wanted / sizeof wanted[0], chunk);
}

static llmcost_status decode_chunk(llmc_decoder *decoder, const gemini_chunk *chunk, const llmc_frame *frame)
{
    llmcost_status status = introduce(decoder, chunk);
    if (!status)
        status = decode_candidates(decoder, &chunk->candidates);
    if (!status)
        status = decode_feedback(decoder, &chunk->feedback);
    if (!status)
        status = llmc_gemini_decode_usage(decoder, &llmc_gemini_state(decoder)->figures, &chunk->usage);
    if (!status && chunk->error.bytes)
        status = llmc_decode_error_body(decoder->error, decoder->http_status, frame->data, frame->bytes);
    return status;
}

__attribute__((cold)) static llmcost_status truncated(llmc_decoder *decoder)
{
    return llmc_error_set(decoder->error, LLMCOST_E_TRUNCATED, "the stream ended before the answer was complete; try again");
}

/* A stream as one document. */
static llmcost_status decode_array(llmc_decoder *decoder, const llmc_frame *frame)
{
    llmc_json json;
    gemini_chunk chunk;
    llmcost_status status = LLMCOST_OK;
    llmc_json_begin(&json, frame->data, frame->bytes);
    llmc_json_array(&json);
    while (!status && llmc_json_next_item(&json)) {
        read_chunk(&json, &chunk);
        status = decode_chunk(decoder, &chunk, frame);
    }
    if (status)
        return status;
    return llmc_gemini_state(decoder)->finish_came ? finish_answer(decoder) : truncated(decoder);
}

static llmcost_status decode_answer(llmc_decoder *decoder, const llmc_frame *frame)
{
    llmc_json json;
    gemini_chunk chunk = { 0 };
    llmc_json_begin(&json, frame->data, frame->bytes);
    llmc_json_type type = llmc_json_peek(&json);
    bool array = type == LLMC_JSON_ARRAY && !decoder->stream;
    if (array)
        llmc_json_skip(&json);
    else
        read_chunk(&json, &chunk);
    if (!llmc_json_end(&json))
        return llmc_decoder_malformed(decoder, &json, NULL);
    if (array)
        return decode_array(decoder, frame);
    if (type != LLMC_JSON_OBJECT)
        return llmc_decoder_malformed(decoder, NULL, "no JSON object");
    llmcost_status status = decode_chunk(decoder, &chunk, frame);
    if (status || decoder->stream)
        return status;
    return llmc_gemini_state(decoder)->choice_count ? finish_answer(decoder) : llmc_decode_error_in_success(decoder, frame, "an answer without candidates");
}

/* ---- the descriptor ---- */

static llmcost_status decode_frame(llmc_decoder *decoder, const llmc_frame *frame)
{
    if (decoder->finished)
        return LLMCOST_OK;
    if (llmc_decoder_refused(decoder) || !strcmp(frame->event, "error"))
        return llmc_decode_error_body(decoder->error, decoder->http_status, frame->data, frame->bytes);
    if (decoder->operation != LLMC_OP_CHAT)
        return llmc_gemini_decode_list(decoder, frame);
    if (decoder->stream && frame->bytes == 0)
        return LLMCOST_OK;
    return decode_answer(decoder, frame);
}

static llmcost_status decode_end(llmc_decoder *decoder)
{
    if (decoder->finished)
        return LLMCOST_OK;
    if (llmc_decoder_refused(decoder))
        return llmc_decode_error_body(decoder->error, decoder->http_status, "", 0);
    if (decoder->stream)
        return llmc_gemini_state(decoder)->finish_came ? finish_answer(decoder) : truncated(decoder);
    return llmc_error_set(decoder->error, LLMCOST_E_TRUNCATED, "the answer is empty; try again");
}

static void decode_begin(llmc_decoder *decoder)
{
    gemini_state *state = llmc_gemini_state(decoder);
    llmc_identity_init(&state->identity, decoder->allocator);
    llmc_gemini_figures_init(&state->figures);
}

static void decode_free(llmc_decoder *decoder)
{
    gemini_state *state = llmc_gemini_state(decoder);
    llmc_free(decoder->allocator, state->choices);
    llmc_identity_free(&state->identity);
}

static bool has_operation(llmc_operation_id operation)
{
    return operation != LLMC_OP_BALANCE;
}

const llmc_codec llmc_codec_gemini = {
    .name = "gemini",
    .has_operation = has_operation,
    .check = llmc_gemini_check,
    .encode = llmc_gemini_encode,
    .stream_framing = &llmc_framing_sse, .stream_type = "text/event-stream",
    .decoder_bytes = sizeof(gemini_state),
    .decode_begin = decode_begin,
    .decode_frame = decode_frame,
    .decode_end = decode_end,
    .decode_free = decode_free,
};
