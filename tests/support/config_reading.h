/* Reading configs in tests: an environment of one's own, and what comes of a text. */
#ifndef TESTS_CONFIG_READING_H
#define TESTS_CONFIG_READING_H

#include "policy/settings.h"

/* "NAME=value" pairs, NULL-ended; as the hook's user. */
const char *test_environment(const char *name, void *pairs);

typedef struct config_reading {
    llmc_settings *settings; /* NULL after a failure */
    llmcost_status status;
    llmcost_error error;
    llmc_arena arena;        /* for resolving */
} config_reading;

void config_reading_begin(config_reading *reading, const char *config, const char *const *environment);
void config_reading_end(config_reading *reading);
const llmc_provider *config_reading_provider(const config_reading *reading, const char *name);

/* These fail the running test where it comes out otherwise. */
config_reading config_reading_good(const char *config, const char *const *environment);
void config_reading_bad(const char *config, const char *const *environment, llmcost_status status, const char *message); /* exactly this message */
void config_reading_bad_has(const char *config, const char *const *environment, const char *words);                      /* E_CONFIG, and these words in it */
/* Every allocation fails once: a clear status, and nothing is left behind. */
void config_reading_sweep(const char *config, const char *const *environment);

#endif
