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
    uint32_t bytes, offset;
} llmc_wanted_member;

#define LLMC_WANTED(type, name, field) { name, sizeof(name) - 1, offsetof(type, field) }

/* A string member keeps its content, any other its raw text; null stays empty. */
void llmc_json_note(llmc_json *json, llmc_json_span *out);
/* Notes these members of the object that is next; the others are skipped. */
void llmc_read_wanted(llmc_json *json, const llmc_wanted_member *wanted, size_t count, void *out);

/* Who answers. */
typedef struct llmc_identity {
    llmc_buffer id, model;
    bool introduced;
} llmc_identity;
void llmc_identity_init(llmc_identity *identity, const llmc_allocator *allocator);
void llmc_identity_free(llmc_identity *identity);
/* META, once; the members may be empty. */
llmcost_status llmc_decoder_introduce(llmc_decoder *decoder, llmc_identity *identity, const llmc_json_span *id, const llmc_json_span *model);

/* What a joiner still holds, as an event of this kind. */
llmcost_status llmc_decoder_flush_text(llmc_decoder *decoder, int kind, uint32_t choice, uint32_t tool_index, llmc_utf8_joiner *joiner);
/* JSON as it stands; name goes into tool_name. */
llmcost_status llmc_decoder_emit_raw(llmc_decoder *decoder, int kind, uint32_t choice, uint32_t tool_index, const char *name, const llmc_json_span *raw);
/* The same as a list of one, which the answer joins: a second image does not replace the first. */
llmcost_status llmc_decoder_emit_listed(llmc_decoder *decoder, uint32_t choice, const char *name, const llmc_json_span *raw);
/* The items, grown and zeroed up to this index. NULL: no memory, and said so; they are as they were. */
void *llmc_decoder_reach(llmc_decoder *decoder, void *items, size_t *count, size_t *capacity, size_t index, size_t item_bytes);
/* The beginning of a tool call. */
llmcost_status llmc_decoder_emit_tool_call(llmc_decoder *decoder, uint32_t choice, uint32_t tool_index, const llmc_json_span *id, const llmc_json_span *name);
/* Normalises, and emits USAGE when it differs from the last one. */
llmcost_status llmc_decoder_emit_usage(llmc_decoder *decoder, const llmc_usage_counts *counts);
/* The tier that the counts name: an answer may break off before it has counts. */
void llmc_decoder_note_tier(llmc_decoder *decoder, const llmc_usage_counts *counts);
/* E_MEMORY, said. */
llmcost_status llmc_decoder_no_memory(llmc_decoder *decoder) __attribute__((cold));
/* Whether the HTTP status says that there is no answer. */
bool llmc_decoder_refused(const llmc_decoder *decoder);
/* E_TRUNCATED, said. */
llmcost_status llmc_decoder_truncated(llmc_decoder *decoder) __attribute__((cold));
/* decode_end of a format that says itself when it has finished: any other end is a failure. */
llmcost_status llmc_decoder_end_early(llmc_decoder *decoder);
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
llmcost_status llmc_decode_models(llmc_decoder *decoder, const llmc_frame *frame) __attribute__((cold));

#endif
