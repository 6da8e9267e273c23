/* A support desk's day: what is asked, how hard it is, and what each model would say. All of it follows from the options. */
#ifndef DEMO_DAY_H
#define DEMO_DAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct desk_options {
    double seed, questions, repeat_share, easy_share, easy_accuracy, hard_accuracy, admits, large_accuracy;
    double system_tokens, question_tokens, answer_tokens, tight;
    const char *model, *base_url; /* the real provider; NULL: the loopback one */
} desk_options;

enum { DESK_FEATURES = 4, DESK_TIGHT_FEATURE = 3, DESK_MAX_TOKENS = 600 };
extern const char *const desk_features[DESK_FEATURES];
extern const char desk_instruction[]; /* what a cascade tells the small model */

/* Sets the defaults, reads the command line, and explains what is wrong. */
bool desk_options_read(desk_options *options, int count, char **arguments);
void desk_options_print(const desk_options *options);

typedef enum desk_outcome { DESK_RIGHT, DESK_WRONG, DESK_UNSURE } desk_outcome;

/* One distinct question. */
typedef struct desk_question {
    char *text;
    int feature;
    bool easy;
    desk_outcome small, large;
    size_t answer_bytes;
} desk_question;

typedef struct desk_day {
    desk_question *questions;
    size_t question_count;
    size_t *asked;             /* the day in order: which question is asked */
    size_t asked_count;
    char *system;
} desk_day;

/* Shares are met exactly, by shuffled quotas: only the order and the lengths are chance. false without memory. */
bool desk_day_make(desk_day *day, const desk_options *options);
void desk_day_free(desk_day *day);

/* The number that only a right answer to this question names. */
uint32_t desk_key(size_t question);
bool desk_is_right(size_t question, const char *answer);
bool desk_number_in(const char *text, size_t *question);

#endif
