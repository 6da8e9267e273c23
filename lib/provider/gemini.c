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
#include "provider/gemini_codec.h"

#include "base/text.h"
#include "provider/decoding.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct gemini_choice {
    llmc_utf8_joiner text, reasoning;
    uint32_t call_count;
    bool seen;
    char word[40]; /* the latest finish reason; "": none came */
} gemini_choice;

typedef struct gemini_state {
    llmc_buffer id, model;
    bool introduced, blocked, finish_came;
    gemini_choice *choices;
    size_t choice_count, choice_capacity;
    llmc_gemini_figures figures;
} gemini_state;

typedef struct gemini_chunk {
    llmc_json_span candidates, feedback, usage, model, id, error;
} gemini_chunk;

typedef struct gemini_candidate {
    llmc_json_span content, finish, index, finish_message, logprobs, grounding, citation, url_context, safety;
} gemini_candidate;

typedef struct gemini_part {
    llmc_json_span text, thought, signature, call, inline_data, file_data, code, code_result;
} gemini_part;

static gemini_state *state_of(llmc_decoder *decoder)
{
    return decoder->state;
}

__attribute__((cold)) static llmcost_status no_memory(llmc_decoder *decoder)
{
    return llmc_error_set(decoder->error, LLMCOST_E_MEMORY, "no memory for the answer");
}

/* Whether what was noted stood in quotes: the content of a string, or another value as it is. */
static bool was_string(const llmc_json_span *span)
{
    return span->bytes && span->text[-1] == '"';
}

static llmcost_status emit_string(llmc_decoder *decoder, int kind, uint32_t choice, const llmc_json_span *span, llmc_utf8_joiner *joiner)
{
    return was_string(span) ? llmc_decoder_emit_text(decoder, kind, choice, 0, span, joiner) : LLMCOST_OK;
}

static llmcost_status emit_extra(llmc_decoder *decoder, uint32_t choice, const char *name, const llmc_json_span *raw)
{
    return raw->bytes > 2 ? llmc_decoder_emit_raw(decoder, LLMC_EVENT_EXTRA, choice, 0, name, raw) : LLMCOST_OK;
}

/* As a list of one: lists are joined where the answer is gathered, so that the second image does not replace the first. */
static llmcost_status emit_listed(llmc_decoder *decoder, uint32_t choice, const char *name, const llmc_json_span *raw)
{
    llmc_buffer *scratch = &decoder->scratch;
    if (raw->bytes <= 2)
        return LLMCOST_OK;
    llmc_buffer_clear(scratch);
    llmc_buffer_add_byte(scratch, '[');
    llmc_buffer_add(scratch, raw->text, raw->bytes);
    llmc_buffer_add_byte(scratch, ']');
    const char *text = llmc_buffer_text(scratch);
    if (!text)
        return no_memory(decoder);
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMC_EVENT_EXTRA, .choice = choice, .text = text, .bytes = raw->bytes + 2, .tool_name = name });
}

/* ---- tool calls and signatures ---- */

typedef struct gemini_call {
    llmc_json_span name, id, args;
} gemini_call;

static void mix(uint64_t *hash, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < length; i++)
        *hash = (*hash ^ at[i]) * UINT64_C(0x100000001b3);
}

/* The same answer has the same ids whenever it is decoded, and another answer has others. */
static void make_up_id(const gemini_state *state, const gemini_call *call, uint32_t choice, uint32_t ordinal, char out[40])
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    char place[32];
    mix(&hash, state->id.data, state->id.length);
    mix(&hash, place, (size_t)snprintf(place, sizeof place, "/%u/%u/", choice, ordinal));
    mix(&hash, call->name.text, call->name.bytes);
    mix(&hash, call->args.text, call->args.bytes);
    snprintf(out, 40, LLMC_GEMINI_MADE_UP "%016" PRIx64, hash);
}

static llmcost_status announce(llmc_decoder *decoder, const gemini_call *call, uint32_t choice, uint32_t ordinal)
{
    llmc_buffer *scratch = &decoder->scratch;
    char made_up[40];
    llmc_buffer_clear(scratch);
    llmc_decode_member(&call->id, scratch);
    llmc_buffer_add_byte(scratch, '\0');
    size_t name = scratch->length;
    llmc_decode_member(&call->name, scratch);
    const char *id = llmc_buffer_text(scratch);
    if (!id)
        return no_memory(decoder);
    llmc_utf8_sanitize(scratch->data);
    llmc_utf8_sanitize(scratch->data + name);
    const char *called = id + name;
    if (!*id) {
        make_up_id(state_of(decoder), call, choice, ordinal, made_up);
        id = made_up;
    }
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_TOOL_CALL, .choice = choice, .tool_index = ordinal, .tool_id = id, .tool_name = called });
}

static llmcost_status decode_call(llmc_decoder *decoder, gemini_choice *choice, uint32_t index, const llmc_json_span *raw)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(gemini_call, "name", name), LLMC_WANTED(gemini_call, "id", id), LLMC_WANTED(gemini_call, "args", args),
    };
    static const llmc_json_span nothing = { "{}", 2, false };
    gemini_call call = { 0 };
    llmc_json json;
    if (choice->call_count >= LLMC_TOOL_CALLS_MAXIMUM)
        return llmc_decoder_malformed(decoder, NULL, "more tool calls than anybody makes");
    llmc_json_begin(&json, raw->text, raw->bytes);
    llmc_read_wanted(&json, wanted, sizeof wanted / sizeof wanted[0], &call);
    if (!call.args.bytes || *call.args.text != '{')
        call.args = nothing;
    uint32_t ordinal = choice->call_count++;
    llmcost_status status = announce(decoder, &call, index, ordinal);
    return status ? status : llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_TOOL_ARGUMENTS, index, ordinal, NULL, &call.args);
}

static bool is_signature(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return bytes > 0;
}

/* One line of the hidden reasoning that gemini_codec.h tells of. */
static llmcost_status emit_signature(llmc_decoder *decoder, uint32_t choice, const char *place, const llmc_json_span *signature)
{
    llmc_buffer *scratch = &decoder->scratch;
    llmc_buffer_clear(scratch);
    llmc_buffer_add_text(scratch, LLMC_GEMINI_MARK);
    llmc_buffer_add_text(scratch, place);
    llmc_buffer_add_byte(scratch, ':');
    size_t head = scratch->length;
    llmc_decode_member(signature, scratch);
    llmc_buffer_add_byte(scratch, '\n');
    const char *text = llmc_buffer_text(scratch);
    if (!text)
        return no_memory(decoder);
    if (!is_signature(text + head, scratch->length - head - 1))
        return LLMCOST_OK;
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMC_EVENT_REASONING_HIDDEN, .choice = choice, .text = text, .bytes = scratch->length });
}

/* ---- parts ---- */

static llmcost_status decode_signature(llmc_decoder *decoder, const gemini_choice *choice, uint32_t index, const gemini_part *part, bool thought)
{
    char number[16];
    snprintf(number, sizeof number, "%u", choice->call_count - 1);
    if (!was_string(&part->signature))
        return LLMCOST_OK;
    if (part->call.bytes)
        return emit_signature(decoder, index, number, &part->signature);
    if (part->inline_data.bytes || part->file_data.bytes || part->code.bytes || part->code_result.bytes)
        return LLMCOST_OK; /* parts that do not go back */
    return emit_signature(decoder, index, thought ? "thought" : part->text.bytes ? "text" : "end", &part->signature);
}

static llmcost_status decode_part(llmc_decoder *decoder, gemini_choice *choice, uint32_t index, llmc_json *json)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(gemini_part, "text", text), LLMC_WANTED(gemini_part, "thought", thought), LLMC_WANTED(gemini_part, "thoughtSignature", signature),
        LLMC_WANTED(gemini_part, "functionCall", call), LLMC_WANTED(gemini_part, "inlineData", inline_data), LLMC_WANTED(gemini_part, "fileData", file_data),
        LLMC_WANTED(gemini_part, "executableCode", code), LLMC_WANTED(gemini_part, "codeExecutionResult", code_result),
    };
    gemini_part part = { 0 };
    llmc_read_wanted(json, wanted, sizeof wanted / sizeof wanted[0], &part);
    if (json->failure)
        return LLMCOST_OK;
    bool thought = llmc_json_key_is(&part.thought, "true");
    llmcost_status status = emit_string(decoder, thought ? LLMCOST_EVENT_REASONING : LLMCOST_EVENT_TEXT, index, &part.text, thought ? &choice->reasoning : &choice->text);
    if (!status && part.call.bytes)
        status = decode_call(decoder, choice, index, &part.call);
    if (!status)
        status = decode_signature(decoder, choice, index, &part, thought);
    if (!status)
        status = emit_listed(decoder, index, "inline_data", &part.inline_data);
    if (!status)
        status = emit_listed(decoder, index, "fileData", &part.file_data);
    if (!status)
        status = emit_listed(decoder, index, "executableCode", &part.code);
    return status ? status : emit_listed(decoder, index, "codeExecutionResult", &part.code_result);
}

static llmcost_status decode_content(llmc_decoder *decoder, gemini_choice *choice, uint32_t index, const llmc_json_span *content)
{
    llmc_json json;
    llmc_json_key key;
    llmcost_status status = LLMCOST_OK;
    if (!content->bytes)
        return LLMCOST_OK;
    llmc_json_begin(&json, content->text, content->bytes);
    if (!llmc_json_object(&json))
        return LLMCOST_OK;
    while (!status && llmc_json_next_key(&json, &key)) {
        if (!llmc_json_key_is(&key, "parts")) {
            llmc_json_skip(&json);
            continue;
        }
        if (llmc_json_array(&json))
            while (!status && llmc_json_next_item(&json))
                status = decode_part(decoder, choice, index, &json);
    }
    return status;
}

/* ---- log-probabilities, in OpenAI's shape ---- */

typedef struct gemini_token {
    llmc_json_span token, logprob;
} gemini_token;

/* Token and number stay as they are written. */
static void write_token(llmc_json_writer *out, llmc_json *json)
{
    static const llmc_wanted_member wanted[] = { LLMC_WANTED(gemini_token, "token", token), LLMC_WANTED(gemini_token, "logProbability", logprob) };
    gemini_token token = { 0 };
    llmc_read_wanted(json, wanted, 2, &token);
    bool number = token.logprob.bytes && strchr("-0123456789", *token.logprob.text);
    llmc_json_write_key(out, "token");
    llmc_json_write_raw(out, "\"", 1);
    llmc_buffer_add(out->out, token.token.text, token.token.bytes);
    llmc_buffer_add_byte(out->out, '"');
    llmc_json_write_key(out, "logprob");
    llmc_json_write_raw(out, number ? token.logprob.text : "null", number ? token.logprob.bytes : 4);
    llmc_json_write_key(out, "bytes");
    llmc_json_write_null(out);
}

/* The alternatives of one place. */
static void write_alternatives(llmc_json_writer *out, llmc_json *json)
{
    llmc_json_key key;
    for (bool more = llmc_json_object(json); more && llmc_json_next_key(json, &key);) {
        if (!llmc_json_key_is(&key, "candidates")) {
            llmc_json_skip(json);
            continue;
        }
        for (bool inner = llmc_json_array(json); inner && llmc_json_next_item(json);) {
            llmc_json_write_begin_object(out);
            write_token(out, json);
            llmc_json_write_end_object(out);
        }
    }
}

typedef struct gemini_logprobs {
    llmc_json_span chosen, alternatives;
} gemini_logprobs;

static llmcost_status decode_logprobs(llmc_decoder *decoder, uint32_t index, const llmc_json_span *raw)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(gemini_logprobs, "chosenCandidates", chosen), LLMC_WANTED(gemini_logprobs, "topCandidates", alternatives),
    };
    gemini_logprobs lists = { 0 };
    llmc_json json, others;
    llmc_json_writer out = { .out = &decoder->scratch };
    llmc_json_begin(&json, raw->text, raw->bytes);
    llmc_read_wanted(&json, wanted, 2, &lists);
    if (lists.chosen.bytes <= 2)
        return LLMCOST_OK;
    llmc_json_begin(&json, lists.chosen.text, lists.chosen.bytes);
    llmc_json_begin(&others, lists.alternatives.text ? lists.alternatives.text : "", lists.alternatives.bytes);
    bool more = llmc_json_array(&json), more_others = lists.alternatives.bytes && llmc_json_array(&others);
    llmc_buffer_clear(&decoder->scratch);
    llmc_json_write_begin_array(&out);
    while (more && llmc_json_next_item(&json)) {
        llmc_json_write_begin_object(&out);
        write_token(&out, &json);
        llmc_json_write_key(&out, "top_logprobs");
        llmc_json_write_begin_array(&out);
        more_others = more_others && llmc_json_next_item(&others);
        if (more_others)
            write_alternatives(&out, &others);
        llmc_json_write_end_array(&out);
        llmc_json_write_end_object(&out);
    }
    llmc_json_write_end_array(&out);
    const char *text = llmc_buffer_text(&decoder->scratch);
    if (!text)
        return no_memory(decoder);
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMC_EVENT_LOGPROBS, .choice = index, .text = text, .bytes = decoder->scratch.length });
}

/* ---- candidates ---- */

static llmcost_status choice_at(llmc_decoder *decoder, int64_t index, gemini_choice **out)
{
    gemini_state *state = state_of(decoder);
    if (index < 0 || index >= LLMC_CHOICES_MAXIMUM)
        return llmc_decoder_malformed(decoder, NULL, "a candidate with an impossible index");
    if ((size_t)index >= state->choice_count) {
        void *items = state->choices;
        if (!llmc_grow(decoder->allocator, &items, &state->choice_capacity, (size_t)index + 1, sizeof(gemini_choice)))
            return no_memory(decoder);
        state->choices = items;
        memset(state->choices + state->choice_count, 0, ((size_t)index + 1 - state->choice_count) * sizeof(gemini_choice));
        state->choice_count = (size_t)index + 1;
    }
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
    state_of(decoder)->finish_came = true;
    if (!was_string(&candidate->finish_message) || !strcmp(choice->word, "STOP"))
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
        status = decode_content(decoder, choice, (uint32_t)index, &candidate.content);
    if (!status && candidate.logprobs.bytes)
        status = decode_logprobs(decoder, (uint32_t)index, &candidate.logprobs);
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
    gemini_state *state = state_of(decoder);
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
    status = emit_string(decoder, LLMCOST_EVENT_REFUSAL, 0, &feedback.message, NULL);
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
    llmcost_finish finish = state_of(decoder)->blocked ? LLMCOST_FINISH_CONTENT_FILTER : finish_of(choice->word);
    if (finish == LLMCOST_FINISH_STOP && choice->call_count)
        finish = LLMCOST_FINISH_TOOL_CALLS;
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_FINISH, .choice = index, .finish = finish, .finish_raw = choice->word });
}

static llmcost_status finish_answer(llmc_decoder *decoder)
{
    gemini_state *state = state_of(decoder);
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
    gemini_state *state = state_of(decoder);
    if (state->introduced || !(chunk->model.bytes || chunk->id.bytes || chunk->candidates.bytes || chunk->feedback.bytes))
        return LLMCOST_OK;
    llmc_decode_member(&chunk->id, &state->id);
    llmc_decode_member(&chunk->model, &state->model);
    const char *id = llmc_buffer_text(&state->id), *model = llmc_buffer_text(&state->model);
    if (!id || !model)
        return no_memory(decoder);
    llmc_utf8_sanitize(state->id.data);
    llmc_utf8_sanitize(state->model.data);
    state->introduced = true;
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMC_EVENT_META, .text = id, .bytes = strlen(id), .tool_name = model });
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
        status = llmc_gemini_decode_usage(decoder, &state_of(decoder)->figures, &chunk->usage);
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
    return state_of(decoder)->finish_came ? finish_answer(decoder) : truncated(decoder);
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
    return state_of(decoder)->choice_count ? finish_answer(decoder) : llmc_decode_error_in_success(decoder, frame, "an answer without candidates");
}

/* ---- the descriptor ---- */

static llmcost_status decode_frame(llmc_decoder *decoder, const llmc_frame *frame)
{
    if (decoder->finished)
        return LLMCOST_OK;
    if (decoder->http_status < 200 || decoder->http_status > 299 || !strcmp(frame->event, "error"))
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
    if (decoder->http_status < 200 || decoder->http_status > 299)
        return llmc_decode_error_body(decoder->error, decoder->http_status, "", 0);
    if (decoder->stream)
        return state_of(decoder)->finish_came ? finish_answer(decoder) : truncated(decoder);
    return llmc_error_set(decoder->error, LLMCOST_E_TRUNCATED, "the answer is empty; try again");
}

static void decode_begin(llmc_decoder *decoder)
{
    gemini_state *state = state_of(decoder);
    llmc_buffer_init(&state->id, decoder->allocator, 1 << 12);
    llmc_buffer_init(&state->model, decoder->allocator, 1 << 12);
    llmc_gemini_figures_init(&state->figures);
}

static void decode_free(llmc_decoder *decoder)
{
    gemini_state *state = state_of(decoder);
    llmc_free(decoder->allocator, state->choices);
    llmc_buffer_free(&state->id);
    llmc_buffer_free(&state->model);
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
