/* How hard a request looks, without asking anybody. */
#ifndef LLMC_CLASSIFY_H
#define LLMC_CLASSIFY_H

#include <stddef.h>

typedef enum llmc_hint {
    LLMC_HINT_LENGTH = 0,  /* it is long */
    LLMC_HINT_CODE,        /* code, or words of programming */
    LLMC_HINT_MATH,        /* formulas, or words of mathematics */
    LLMC_HINT_NUMBERS,     /* several figures: something is to be worked out */
    LLMC_HINT_QUESTIONS,   /* more than one question */
    LLMC_HINT_REASONING,   /* why, compare, prove, design */
    LLMC_HINT_STEPS,       /* several things are to be done, in an order */
    LLMC_HINT_CONDITIONS,  /* must, at least, without */
    LLMC_HINT_EASY,        /* a greeting, a translation, a definition: points off */
    LLMC_HINTS
} llmc_hint;
extern const char *const llmc_hint_names[LLMC_HINTS]; /* "length", "code", ... */

typedef struct llmc_score {
    int points[LLMC_HINTS]; /* none below 0 but for EASY */
    int total;              /* their sum, not below 0 */
} llmc_score;

enum { LLMC_SCORE_MEDIUM = 3, LLMC_SCORE_COMPLEX = 7, LLMC_SCORE_TEXT_BYTES = 200 };

/* English and Chinese; of other languages length, code, formulas and figures count. Any bytes. */
void llmc_classify(const char *text, size_t bytes, llmc_score *out);
/* "score 7: length 2, code 3, reasoning 2" */
const char *llmc_score_text(const llmc_score *score, char out[LLMC_SCORE_TEXT_BYTES]);

#endif
