/*
 * From a rule to the bytes on the wire, in two stages. The renderer of a dialect writes a body: bytes, and where a
 * stream's events end. Assembling makes a wire of it: head, framing, delays, and how the connection ends. Faults are
 * turns of either stage, so the server knows none of them: it sends a wire.
 */
#ifndef LLMC_MOCK_REPLY_H
#define LLMC_MOCK_REPLY_H

#include "base/buffer.h"
#include "mock/question.h"
#include "mock/script.h"

typedef struct llmc_mock_body {
    int32_t status;
    const char *content_type;
    llmc_buffer headers; /* whole lines */
    llmc_buffer bytes;
    size_t *cuts;        /* ends of the events */
    size_t cut_count, cut_capacity;
    size_t events;       /* deltas so far, for error_in_stream */
    bool streamed, broken; /* broken: the stream ended by an error event */
    bool no_memory;
} llmc_mock_body;

void llmc_mock_body_init(llmc_mock_body *body, const llmc_allocator *allocator);
void llmc_mock_body_free(llmc_mock_body *body);
void llmc_mock_body_cut(llmc_mock_body *body); /* an event ends here */
void llmc_mock_add_string(llmc_buffer *buffer, const char *text, size_t bytes); /* with quotes */
void llmc_mock_add_escaped(llmc_buffer *buffer, const char *text, size_t bytes, bool ascii); /* without quotes */

/* What a rendering starts from: the choice texts with the echo filled in, the usage with the estimates filled in. */
typedef struct llmc_mock_answer {
    const llmc_mock_question *question;
    const llmc_mock_rule *rule;
    llmc_mock_text model;
    llmc_mock_usage usage;
    size_t count; /* of choices */
} llmc_mock_answer;

void llmc_mock_answer_begin(llmc_mock_answer *answer, const llmc_mock_question *question, const llmc_mock_rule *rule);
llmc_mock_choice llmc_mock_answer_choice(const llmc_mock_answer *answer, size_t index);

/* A text in pieces for a stream's deltas: escaped once, cut between characters (or inside a surrogate pair on demand). */
typedef struct llmc_mock_pieces {
    llmc_buffer escaped;
    size_t at, piece_bytes, count, index;
    bool split;
} llmc_mock_pieces;
void llmc_mock_pieces_begin(llmc_mock_pieces *pieces, const llmc_allocator *allocator, llmc_mock_text text, const llmc_mock_rule *rule, size_t exact_count);
bool llmc_mock_pieces_next(llmc_mock_pieces *pieces, const char **piece, size_t *bytes);
void llmc_mock_pieces_free(llmc_mock_pieces *pieces, llmc_buffer *out); /* a text lost for want of memory fails out */

/* An error body in the question's dialect; without type and message: what the provider says with this status. */
void llmc_mock_error_body(llmc_mock_body *body, const llmc_mock_question *question, int32_t status, const llmc_mock_failure *failure, const char *param);
/* A list of models, of vectors, or a count, by the forms of the question's route (reply_lists.c). */
void llmc_mock_models_render(llmc_mock_body *body, const llmc_mock_question *question, const json_t *models);
void llmc_mock_list_render(llmc_mock_body *body, const llmc_mock_answer *answer);
/* When the rule wants the stream to fail at this point: writes the error event and returns true, from then on always. */
bool llmc_mock_stream_broke(llmc_mock_body *body, const llmc_mock_answer *answer);
/* The body of a rule with its faults; false: the rule renders in its dialect as usual. */
bool llmc_mock_fault_body(llmc_mock_body *body, const llmc_mock_question *question, const llmc_mock_rule *rule);

typedef enum llmc_mock_end { LLMC_MOCK_KEEP = 0, LLMC_MOCK_CLOSE, LLMC_MOCK_RESET, LLMC_MOCK_SILENT } llmc_mock_end;

typedef struct llmc_mock_step {
    size_t end;
    int64_t delay_ms; /* before the bytes up to end */
} llmc_mock_step;

/* Bytes and when to send them. Counted: a kept wire is shared by connections; one thread only. */
typedef struct llmc_mock_wire {
    llmc_allocator allocator;
    uint32_t refs;
    llmc_mock_end end;
    char *bytes;
    size_t length;
    size_t request_id;  /* where 16 digits of the request's number go; 0: nowhere */
    llmc_mock_step *steps;
    size_t step_count, step_capacity;
    size_t drip_bytes;
    int64_t drip_ms;
    uint64_t filler;    /* that many 'x' after the bytes */
} llmc_mock_wire;

/* rule NULL: no faults, no delays. NULL without memory. */
llmc_mock_wire *llmc_mock_wire_assemble(const llmc_allocator *allocator, llmc_mock_body *body, const llmc_mock_question *question, const llmc_mock_rule *rule);
/* The wire that answers a question by a rule. */
llmc_mock_wire *llmc_mock_wire_of_rule(const llmc_allocator *allocator, const llmc_mock_question *question, llmc_mock_rule *rule);
/* The list of models. */
llmc_mock_wire *llmc_mock_wire_of_models(const llmc_allocator *allocator, const llmc_mock_question *question, const json_t *models);
/* A refusal, an unknown path. */
llmc_mock_wire *llmc_mock_wire_of_refusal(const llmc_allocator *allocator, const llmc_mock_question *question);
llmc_mock_wire *llmc_mock_wire_of_json(const llmc_allocator *allocator, const llmc_mock_question *question, int32_t status, const char *json);
void llmc_mock_wire_release(llmc_mock_wire *wire);

#endif
