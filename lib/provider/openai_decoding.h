/*
 * What the two halves of OpenAI's decoder share: messages and their tool calls (openai_message.c), and the chunks and
 * choices around them (openai.c).
 */
#ifndef LLMC_OPENAI_DECODING_H
#define LLMC_OPENAI_DECODING_H

#include "provider/decoding.h"
#include "provider/openai_codec.h"

typedef struct openai_call {
    int64_t wire_index;
    uint64_t id_hash;        /* 0: no id came yet */
    llmc_buffer id, held;    /* only while the name has not come; held: arguments, still escaped */
    bool held_escaped;
    llmc_utf8_joiner joiner;
    bool announced, is_custom;
} openai_call;

typedef struct openai_choice {
    llmc_utf8_joiner text, reasoning, refusal;
    openai_call *calls;
    size_t call_count, call_capacity;
    bool seen, finished;
} openai_choice;

typedef struct openai_state {
    llmc_buffer id, model;
    llmc_buffer filters;     /* what Azure found in the prompt: told when the answer has been introduced */
    bool introduced;
    bool finish_came;
    bool byok;               /* the stated cost is a fee only */
    bool counted;            /* this chunk holds figures */
    llmc_json_span failure;  /* what a choice of this chunk says of why it failed */
    openai_choice *choices;
    size_t choice_count, choice_capacity;
    llmc_usage_counts counts;
    uint64_t extra_hash[4];  /* citations, search_results, filters of the prompt and of a choice: last sent */
} openai_state;

static inline openai_state *llmc_openai_state(const llmc_decoder *decoder)
{
    return decoder->state;
}

/* To tell whether something was seen before; never 0. */
static inline uint64_t llmc_openai_hash(const char *text, size_t bytes)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    return hash ? hash : 1;
}

/* A message, or the delta of one; the log-probabilities beside it. */
llmcost_status llmc_openai_decode_message(llmc_decoder *decoder, llmc_json *json, openai_choice *choice, uint32_t index);
llmcost_status llmc_openai_decode_logprobs(llmc_decoder *decoder, llmc_json *json, uint32_t index);
/* What its texts and calls still hold back. */
llmcost_status llmc_openai_flush_choice(llmc_decoder *decoder, openai_choice *choice, uint32_t index);

#endif
