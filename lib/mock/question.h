/*
 * A request, understood: which dialect it speaks and what it asks. Two readings: a full one, which validates as
 * strictly as the provider would, and a skim that finds the model and the form of the answer without building a tree.
 */
#ifndef LLMC_MOCK_QUESTION_H
#define LLMC_MOCK_QUESTION_H

#include "base/buffer.h"
#include "mock/script.h"

typedef struct llmc_mock_dialect llmc_mock_dialect; /* dialect.h */
typedef struct llmc_mock_route llmc_mock_route;

typedef struct llmc_mock_question {
    const char *head; /* the request's head: for headers */
    size_t head_bytes;
    const char *body;
    size_t body_bytes;
    llmc_mock_text path;
    const llmc_mock_route *route; /* never NULL */
    llmc_buffer path_model;       /* the model that the path names; empty: none */
    bool is_post, http_1_0;
    uint64_t number;
    /* from the body */
    json_t *root; /* NULL after a skim */
    json_t *chat; /* borrowed: what asks, in it */
    json_t *inputs; /* to embed: an array of texts */
    int64_t dimensions; /* of a vector; 0: not asked for */
    bool base64;    /* vectors are asked for as base64 */
    llmc_mock_text model;
    bool stream, include_usage, logprobs, top_logprobs;
    int64_t n;
    size_t prompt_bytes; /* of all texts in it */
    llmc_buffer user, system;
    /* what a strict provider refuses with: 0, or an HTTP status */
    int32_t refusal;
    const char *refusal_type, *refusal_code, *refusal_param;
    char refusal_message[200];
} llmc_mock_question;

void llmc_mock_question_init(llmc_mock_question *question, const llmc_allocator *allocator);
void llmc_mock_question_free(llmc_mock_question *question);
bool llmc_mock_question_is_chat(const llmc_mock_question *question);
bool llmc_mock_question_lists_models(const llmc_mock_question *question);
/* The refusal of a wrong key unless the key is right. */
void llmc_mock_question_check_key(llmc_mock_question *question, llmc_mock_text key);
/* The full reading: sets everything, and refusal when validating and the provider would refuse. Unparsable bodies are refused in any case. */
void llmc_mock_question_read(llmc_mock_question *question, bool validate);
/* The skim: true when model, stream and include_usage are known and nothing unusual stands in the body. model points into the body. */
bool llmc_mock_question_skim(llmc_mock_question *question);
/* Sets the refusal, the first one wins; returns false. */
bool llmc_mock_refuse(llmc_mock_question *question, int32_t status, const char *type, const char *param, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The same with 400, in the dialect's word for it. */
bool llmc_mock_invalid(llmc_mock_question *question, const char *param, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool llmc_mock_has_header(const llmc_mock_question *question, const char *name);
/* A member that is a string, else NULL; whether it is this one. */
const char *llmc_mock_text_at(const json_t *object, const char *name);
bool llmc_mock_text_is(const json_t *object, const char *name, const char *word);

#endif
