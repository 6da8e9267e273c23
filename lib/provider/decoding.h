/* What the decoders share among themselves, beyond the contract of provider/codec.h. */
#ifndef LLMC_DECODING_H
#define LLMC_DECODING_H

#include "provider/codec.h"
#include "provider/usage.h"

/* Hostile answers: more of either is malformed. */
enum { LLMC_CHOICES_MAXIMUM = 128, LLMC_TOOL_CALLS_MAXIMUM = 1024 };

/* llmc_json_decode(), but for a member that is not there. */
static inline bool llmc_decode_member(const llmc_json_span *span, llmc_buffer *out)
{
    return span->bytes ? llmc_json_decode(span, out) : !out->failure;
}

/* A member to note, and where: lengths and places are known when this is compiled, for it is read for every piece of text. */
typedef struct llmc_wanted_member {
    const char *name;
    size_t bytes, offset;
} llmc_wanted_member;

#define LLMC_WANTED(type, name, field) { name, sizeof(name) - 1, offsetof(type, field) }

/* A string member keeps its content, any other its raw text; null stays empty. */
void llmc_json_note(llmc_json *json, llmc_json_span *out);
/* Notes these members of the object that is next; the others are skipped. */
void llmc_read_wanted(llmc_json *json, const llmc_wanted_member *wanted, size_t count, void *out);

/* What a joiner still holds, as an event of this kind. */
llmcost_status llmc_decoder_flush_text(llmc_decoder *decoder, int kind, uint32_t choice, uint32_t tool_index, llmc_utf8_joiner *joiner);
/* JSON as it stands; name goes into tool_name. */
llmcost_status llmc_decoder_emit_raw(llmc_decoder *decoder, int kind, uint32_t choice, uint32_t tool_index, const char *name, const llmc_json_span *raw);
/* The beginning of a tool call. */
llmcost_status llmc_decoder_emit_tool_call(llmc_decoder *decoder, uint32_t choice, uint32_t tool_index, const llmc_json_span *id, const llmc_json_span *name);
/* Normalises, and emits USAGE when it differs from the last one. */
llmcost_status llmc_decoder_emit_usage(llmc_decoder *decoder, const llmc_usage_counts *counts);
/* E_MALFORMED, or E_TRUNCATED for a whole body that only ended too early. json or what may be NULL. */
llmcost_status llmc_decoder_malformed(llmc_decoder *decoder, const llmc_json *json, const char *what) __attribute__((cold));
/* llmc_decode_error_body() where the kind of failure stands apart: the name of an exception. NULL or "": it does not. */
llmcost_status llmc_decode_error_of_kind(llmcost_error *error, int32_t http_status, const char *kind, const char *body, size_t bytes) __attribute__((cold));
/* A 2xx body without the answer: the failure that it describes, else E_MALFORMED. */
llmcost_status llmc_decode_error_in_success(llmc_decoder *decoder, const llmc_frame *frame, const char *otherwise) __attribute__((cold));
/* "6m0s", "120ms", "17s", "30" (seconds): rounded up. false: none of these. */
bool llmc_duration_ms(const char *text, size_t bytes, int64_t *out);
/* Whether what was noted is a JSON array; a hostile string may only look like one. */
bool llmc_span_is_list(const llmc_json_span *span);
/* A provider's word that says why an answer ended, cut to what anybody's have. */
enum { LLMC_WORD_BYTES = 64 };
void llmc_decode_word(const llmc_json_span *span, char out[LLMC_WORD_BYTES]);
/* The list of numbers that is next, as native floats in scratch; what is in scratch as one EMBEDDING. */
llmcost_status llmc_decoder_read_vector(llmc_decoder *decoder, llmc_json *json);
llmcost_status llmc_decoder_tell_vector(llmc_decoder *decoder, uint32_t index);
/* Both at once; a list of such lists, by their order. */
llmcost_status llmc_decoder_emit_vector(llmc_decoder *decoder, uint32_t index, llmc_json *json);
llmcost_status llmc_decoder_emit_vectors(llmc_decoder *decoder, const llmc_json_span *list);
/* {"input_tokens": 12}, the answer to a count, as USAGE. */
llmcost_status llmc_decode_input_tokens(llmc_decoder *decoder, const llmc_frame *frame);
/* {"data": [{"id": ...}]}, {"models": [{"name": ...}]} or the bare array, as MODEL events. */
llmcost_status llmc_decode_models(llmc_decoder *decoder, const llmc_frame *frame);

#endif
