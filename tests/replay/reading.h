/* What the library makes of a recorded exchange. */
#ifndef REPLAY_READING_H
#define REPLAY_READING_H

#include "provider/answer.h"
#include "provider/presets.h"
#include "replay/exchange.h"

typedef struct reading {
    const llmc_preset *preset;
    const llmc_codec *codec;    /* NULL: the library has no operation for this kind */
    llmc_operation_id operation;
    llmcost_status status;
    llmcost_error error;
    llmc_answer_builder builder;
    llmc_answer *answer;        /* NULL: none was built */
    llmc_usage usage;
    uint32_t vectors;           /* embeddings */
    bool counted;               /* the provider reported figures */
} reading;

/* pieces: sizes of the pieces that the body comes in; NULL: one piece. */
void reading_make(reading *r, const exchange *e, size_t (*piece)(size_t at, void *user), void *user);
void reading_free(reading *r);

#endif
