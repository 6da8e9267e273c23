/*
 * What the parts of Gemini's decoder share: contents and their parts (gemini_parts.c), log-probabilities
 * (gemini_logprobs.c), and the chunks and candidates around them (gemini.c).
 */
#ifndef LLMC_GEMINI_DECODING_H
#define LLMC_GEMINI_DECODING_H

#include "provider/decoding.h"
#include "provider/gemini_codec.h"

typedef struct gemini_choice {
    llmc_utf8_joiner text, reasoning;
    uint32_t call_count;
    bool seen;
    char word[40]; /* the latest finish reason; "": none came */
} gemini_choice;

typedef struct gemini_state {
    llmc_identity identity;
    bool blocked, finish_came;
    gemini_choice *choices;
    size_t choice_count, choice_capacity;
    llmc_gemini_figures figures;
} gemini_state;

static inline gemini_state *llmc_gemini_state(const llmc_decoder *decoder)
{
    return decoder->state;
}

/* Whether what was noted stood in quotes: the content of a string, or another value as it is. */
static inline bool llmc_gemini_was_string(const llmc_json_span *span)
{
    return span->bytes && span->text[-1] == '"';
}

/* A text, where it is one. */
llmcost_status llmc_gemini_emit_string(llmc_decoder *decoder, int kind, uint32_t choice, const llmc_json_span *span, llmc_utf8_joiner *joiner);
/* A candidate's content, and its logprobsResult, raw. */
llmcost_status llmc_gemini_decode_content(llmc_decoder *decoder, gemini_choice *choice, uint32_t index, const llmc_json_span *content);
llmcost_status llmc_gemini_decode_logprobs(llmc_decoder *decoder, uint32_t index, const llmc_json_span *raw);

#endif
