/*
 * Amounts, rates and what is counted. An amount and a rate are different types, so that they cannot be mixed up:
 * a rate is in pico-units (1e-12) of its currency per counted unit, an amount in nano-units (1e-9). Integers only.
 */
#ifndef LLMC_MONEY_H
#define LLMC_MONEY_H

#include "base/error.h"

typedef struct llmc_rate {
    int64_t pico; /* per token, or per request */
} llmc_rate;

typedef char llmc_currency[4]; /* "USD", ended by zero */

/* What one leg used, normalised by its codec: disjoint classes. -1: not reported; 0 is a reported zero. */
typedef struct llmc_usage {
    int64_t quantity[LLMCOST_CLASS_COUNT];
    int64_t reported_prompt, reported_completion, reported_total; /* the provider's own totals; -1: none */
    int64_t stated_cost_pico; /* the provider's own statement, in pico-units of its currency; -1: none */
    uint32_t flags;           /* llmc_usage_flag */
    char tier[12];            /* the service tier that was served ("default", "flex", "priority", "batch"), "" if not told */
} llmc_usage;

typedef enum llmc_usage_flag {
    LLMC_USAGE_REPORTED = 1 << 0,         /* the provider sent counts */
    LLMC_USAGE_TOTAL_DIFFERS = 1 << 1,    /* the classes do not add up to the provider's total */
    LLMC_USAGE_PROMPT_EXCLUSIVE = 1 << 2, /* cached, or written to the cache, exceeded prompt: the prompt was taken as exclusive of it */
    LLMC_USAGE_INPUT_ESTIMATED = 1 << 3,
    LLMC_USAGE_OUTPUT_ESTIMATED = 1 << 4,
    LLMC_USAGE_PRESUMED = 1 << 5          /* nothing is known: the full hold was charged */
} llmc_usage_flag;

#define LLMC_NOT_REPORTED(name, number, text) -1,
#define LLMC_USAGE_NONE { .quantity = { LLMCOST_CLASS_LIST(LLMC_NOT_REPORTED) }, .reported_prompt = -1, .reported_completion = -1, \
                          .reported_total = -1, .stated_cost_pico = -1 }
void llmc_usage_init(llmc_usage *usage); /* all -1 */
int64_t llmc_usage_prompt(const llmc_usage *usage); /* all input classes, what tiers compare with */
int64_t llmc_usage_output(const llmc_usage *usage); /* output, reasoning and audio out */

/*
 * Decimal text ("0.075", "2.5", "1.75e-06") times 10^scale as an exact integer. false: no number, a remainder beyond
 * the scale, or an overflow. scale 6 turns units per million tokens into pico-units per token; 12 units per token; 9 amounts.
 */
bool llmc_decimal(const char *text, size_t bytes, int scale, int64_t *out);
/* A double that came from decimal text of at most 15 digits, e.g. out of a JSON tree: the exact value or false. */
bool llmc_decimal_from_double(double value, int scale, int64_t *out);
/* quantity * rate summed exactly; round once at the end. */
typedef struct llmc_sum {
    __int128 pico;
    bool overflow;
} llmc_sum;
static inline void llmc_sum_add(llmc_sum *sum, int64_t quantity, llmc_rate rate)
{
    if (quantity <= 0) /* -1: not reported */
        return;
    if (__builtin_add_overflow(sum->pico, (__int128)quantity * rate.pico, &sum->pico))
        sum->overflow = true;
}
/* Half up to nano-units, after multiplying by exchange (a rate with 9 decimals: ledger units per unit, 1e9 = 1:1). false: overflow. */
bool llmc_pico_amount(__int128 pico, int64_t exchange_nano, int64_t *nano);
static inline bool llmc_sum_amount(const llmc_sum *sum, int64_t exchange_nano, int64_t *nano)
{
    return !sum->overflow && llmc_pico_amount(sum->pico, exchange_nano, nano);
}

/* "$0.001234", "CNY 0.176": as few decimals as are exact, at least `minimum_decimals`. out of 40 bytes. */
const char *llmc_amount_text(int64_t nano, const char *currency, int minimum_decimals, char out[40]);

#endif
