/*
 * An answer: what a provider said, apart from the call that asked. Immutable, reference counted, in one allocation,
 * so that a cache can keep it and several responses can share it. A builder gathers it from a decoder's events.
 */
#ifndef LLMC_ANSWER_H
#define LLMC_ANSWER_H

#include "provider/codec.h"

#include <stdatomic.h>

typedef struct llmc_text {
    const char *text; /* never NULL; ended by a zero byte */
    size_t bytes;
} llmc_text;

typedef struct llmc_choice {
    llmc_text text, reasoning, refusal, signature, hidden_reasoning;
    llmc_text logprobs;           /* a JSON array of OpenAI's items; empty: none */
    const char *finish_raw;
    llmcost_finish finish;
    uint32_t tool_call_count;
    const llmcost_tool_call *tool_calls;
    const llmcost_message *message; /* the choice as a message for the next request */
} llmc_choice;

/* Money that is left at a provider. */
typedef struct llmc_balance {
    const char *amount, *currency; /* a decimal number; "USD" */
} llmc_balance;

typedef struct llmc_answer {
    atomic_uint references;
    llmc_allocator allocator;
    size_t bytes;                 /* of the whole allocation: what a cache counts */
    const char *id, *model;       /* as the provider spells them; "" where it did not */
    const char *receipt_id;       /* of the call that paid for it */
    const char *provider;         /* configured name that served it */
    const char *target;           /* the model of it that was asked, as the config and the catalog spell it; "" where none was */
    uint32_t choice_count;
    const llmc_choice *choices;
    uint32_t model_count;         /* list models */
    const char *const *models;
    uint32_t embedding_count, dimensions;
    const float *embeddings;      /* embedding_count vectors, one behind the other */
    uint32_t balance_count;
    const llmc_balance *balances;
    const char *extra;            /* kept members as one JSON object ("{}": none) */
    llmc_usage usage;             /* as reported, for what a cached answer would have cost today */
    int64_t duration_ns;
} llmc_answer;

llmc_answer *llmc_answer_ref(llmc_answer *answer);
void llmc_answer_unref(llmc_answer *answer); /* NULL is fine */

typedef struct llmc_tool_builder {
    llmc_buffer id, name, arguments;
    bool is_custom;
} llmc_tool_builder;

typedef struct llmc_choice_builder {
    llmc_buffer text, reasoning, refusal, signature, hidden_reasoning, logprobs, finish_raw;
    llmcost_finish finish;
    llmc_tool_builder *tools;
    size_t tool_count, tool_capacity;
} llmc_choice_builder;

/* A kept member: what came last, or the pieces of a list joined. */
typedef struct llmc_extra_builder {
    llmc_buffer name, value;
} llmc_extra_builder;

/* Indices come from servers and from shared caches. */
enum { LLMC_ANSWER_MAX_CHOICES = 128, LLMC_ANSWER_MAX_TOOL_CALLS = 1024, LLMC_ANSWER_MAX_EXTRAS = 64, LLMC_ANSWER_MAX_BALANCES = 64 };

/* Vectors, each at its input's place. */
typedef struct llmc_vectors_builder {
    uint32_t count;
    size_t each;         /* bytes of one */
    char *known;         /* a byte per input: 1 where its vector has come; behind the vectors, in one allocation */
    char floats[];
} llmc_vectors_builder;

typedef struct llmc_answer_builder {
    const llmc_allocator *allocator;
    const llmc_allocator *answers; /* what an answer is made from, which outlives the builder: at first the same */
    size_t maximum, used;         /* of all texts together */
    llmc_choice_builder *choices;
    size_t choice_count, choice_capacity;
    llmc_extra_builder *extras;
    size_t extra_count, extra_capacity;
    llmc_buffer id, model, models; /* models: each ended by a zero byte */
    uint32_t model_count;
    uint32_t balance_count;       /* an amount and a currency each, where the models are */
    uint32_t inputs;              /* how many vectors are asked for; set it before the first comes */
    llmc_vectors_builder *vectors; /* NULL: none has come */
    bool failed, too_large;       /* no memory, or more than `maximum` or the limits above allow */
    const char *malformed;        /* or what cannot be an answer; static */
    const char *target;           /* borrowed; NULL: none */
} llmc_answer_builder;

void llmc_answer_builder_init(llmc_answer_builder *builder, const llmc_allocator *allocator, size_t maximum);
void llmc_answer_builder_free(llmc_answer_builder *builder);
bool llmc_answer_builder_add(llmc_answer_builder *builder, const llmcost_event *event); /* false: builder->failed */
bool llmc_answer_builder_has_vectors(const llmc_answer_builder *builder); /* one for each input; none where there are no inputs */
bool llmc_answer_builder_is_empty(const llmc_answer_builder *builder); /* nothing of an answer has come */
bool llmc_answer_builder_is_finished(const llmc_answer_builder *builder); /* each choice has told its finish */
size_t llmc_answer_builder_output_bytes(const llmc_answer_builder *builder); /* what the model wrote, for estimates */
size_t llmc_answer_builder_reasoning_bytes(const llmc_answer_builder *builder); /* and what of that is its thinking */
/* The answer so far, with one reference; the builder can go on. NULL without memory, or after a failure. */
llmc_answer *llmc_answer_build(llmc_answer_builder *builder, const char *provider, const char *receipt_id, const llmc_usage *usage, int64_t duration_ns);
/* The vectors of several answers as one, in their order; all have the same dimensions. NULL without memory. */
llmc_answer *llmc_answer_join(const llmc_allocator *allocator, const llmc_answer *const *parts, size_t count, const llmc_usage *usage, int64_t duration_ns);
/* A copy whose first choice has another text. NULL without memory. */
llmc_answer *llmc_answer_with_text(const llmc_answer *answer, const char *text, size_t bytes);
/* An answer of one text. NULL without memory. */
llmc_answer *llmc_answer_of_text(const llmc_allocator *allocator, const char *text, size_t bytes);

/* A list of what goes back of a choice's reasoning. indexed: as a piece of a stream, whose items have an index. */
void llmc_write_thinking_blocks(llmc_json_writer *json, llmc_text reasoning, llmc_text signature, llmc_text hidden, bool indexed);
/* The indexed one of a choice so far; nothing where nothing goes back. false: no memory. */
bool llmc_answer_builder_thinking(const llmc_answer_builder *builder, uint32_t choice, llmc_buffer *out);

/* For stores that keep bytes: JSON of a format version. read: NULL when it is not one of ours, or without memory. */
bool llmc_answer_write(const llmc_answer *answer, llmc_buffer *out);
llmc_answer *llmc_answer_read(const llmc_allocator *allocator, const char *text, size_t bytes);

#endif
