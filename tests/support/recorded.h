/* The recorded exchanges beside the checkout: the list, the bodies, and what they must come to. */
#ifndef TESTS_RECORDED_H
#define TESTS_RECORDED_H

#include "provider/presets.h"

/* The columns of the list. */
enum {
    RECORDED_PROVIDER, RECORDED_CASE, RECORDED_STATUS, RECORDED_STREAM, RECORDED_TAGS, RECORDED_MODEL, RECORDED_PROMPT, RECORDED_COMPLETION,
    RECORDED_CACHED, RECORDED_REASONING, RECORDED_WRITE, RECORDED_WRITE_5M, RECORDED_WRITE_1H, RECORDED_AUDIO_IN, RECORDED_AUDIO_OUT, RECORDED_TOTAL,
    RECORDED_BILLED_IN, RECORDED_BILLED_OUT, RECORDED_COST, RECORDED_FINISH, RECORDED_TOOL_CALLS, RECORDED_BODY_BYTES, RECORDED_SOURCE, RECORDED_COLUMNS
};

typedef struct recorded {
    char *cells[RECORDED_COLUMNS];
    char *body, *meta, *request; /* meta: status, headers and more as JSON; request: NULL where it was not recorded */
    size_t bytes;
    const llmc_codec *codec;
    llmc_operation_id operation;
    char name[300];    /* provider/case */
} recorded;

typedef struct recordings {
    recorded *list; /* those that have a codec */
    size_t count, least; /* least: fewer of them are a mistake */
    char *index;
} recordings;

/* The codec that reads an exchange; NULL: leave it out. */
typedef const llmc_codec *(*recorded_codec_fn)(const recorded *e);
recordings recordings_read(void);
recordings recordings_read_for(recorded_codec_fn choose, size_t least);
char *recorded_part(const recorded *e, const char *part, size_t *bytes); /* such as "request.json"; free() it; NULL: there is none */
void recordings_free(recordings *all);
/* Runs the test once per exchange, with a pointer to it as its state; without exchanges one test that is skipped. */
int recordings_run(recordings *all, const char *group, void (*test)(void **state));

bool recorded_has_tag(const recorded *e, const char *tag);
bool recorded_has(const recorded *e, int column);
int64_t recorded_figure(const recorded *e, int column); /* 0 where there is none */
/* Whether the exchange is a failure, be it behind a status of 200. */
bool recorded_fails(const recorded *e);
const llmc_preset *recorded_preset(const recorded *e);
/* The text and the reasoning of choice 0, read line by line and as trees: another way than the library's. free() both. */
void recorded_said(const recorded *e, char **text, char **reasoning);
uint32_t recorded_tool_calls(const recorded *e);
/* Of the provider's own word; FINISH_NONE: not one that is known everywhere. */
llmcost_finish recorded_finish(const char *word);

/* These fail the running test. quantity: by class, below 0 where it has no figure. */
void recorded_check_quantities(const recorded *e, const int64_t *quantity, bool prompt_exclusive);
void recorded_check_finish(const recorded *e, llmcost_finish finish, bool has_tool_calls);
void recorded_check_failure(const recorded *e, llmcost_status status);

#endif
