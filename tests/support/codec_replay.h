/* Bodies through a codec: events become a log, so that two ways of feeding the same bytes can be compared. */
#ifndef TESTS_CODEC_REPLAY_H
#define TESTS_CODEC_REPLAY_H

#include "provider/presets.h"

/* What came out. */
typedef struct replay {
    llmcost_status status;
    llmcost_error error;
    llmc_usage usage;
    char *log;          /* every event by itself */
    size_t log_bytes;
    char *text, *reasoning, *refusal, *arguments; /* of choice 0, arguments of all its calls */
    unsigned tool_calls, finishes, usages, signatures, models, extras, logprobs;
    llmcost_finish finish; /* of choice 0 */
    char finish_raw[64], id[256], model[256];
    unsigned stop_after; /* the receiver refuses this event; 0: none */
    unsigned events;
} replay;

typedef struct replay_how {
    const llmc_codec *codec;
    llmc_operation_id operation;
    uint64_t quirks;
    bool stream;
    int32_t http_status;
    const llmc_allocator *allocator; /* NULL: the system's */
    unsigned stop_after;
} replay_how;

/* sizes: the pieces that the body comes in, as a function of the position; NULL: one piece. */
void replay_pieces(replay *out, const replay_how *how, const char *body, size_t bytes, size_t (*piece)(size_t at, void *user), void *user);
void replay_whole(replay *out, const replay_how *how, const char *body, size_t bytes);
void replay_split(replay *out, const replay_how *how, const char *body, size_t bytes, size_t split);
void replay_by(replay *out, const replay_how *how, const char *body, size_t bytes, size_t size);
void replay_free(replay *out);

#endif
