/* Usage totals, exact sums, and amounts as text. Counts come from servers: nothing they send may overflow unnoticed. */
#include "money/money.h"

#include <stdio.h>
#include <string.h>

void llmc_usage_init(llmc_usage *usage)
{
    *usage = (llmc_usage)LLMC_USAGE_NONE;
}

/* Classes that were not reported count as none; the sum stops at INT64_MAX. Without a loop: it is on the path of a hit. */
static inline int64_t plus(int64_t total, int64_t quantity)
{
    int64_t sum;
    return quantity <= 0 ? total : __builtin_add_overflow(total, quantity, &sum) ? INT64_MAX : sum;
}

int64_t llmc_usage_prompt(const llmc_usage *usage)
{
    const int64_t *quantity = usage->quantity;
    int64_t total = plus(plus(plus(0, quantity[LLMCOST_INPUT]), quantity[LLMCOST_INPUT_CACHED]), quantity[LLMCOST_WRITE_5M]);
    return plus(plus(plus(total, quantity[LLMCOST_WRITE_30M]), quantity[LLMCOST_WRITE_1H]), quantity[LLMCOST_AUDIO_IN]);
}

int64_t llmc_usage_output(const llmc_usage *usage)
{
    const int64_t *quantity = usage->quantity;
    return plus(plus(plus(0, quantity[LLMCOST_OUTPUT]), quantity[LLMCOST_REASONING]), quantity[LLMCOST_AUDIO_OUT]);
}

/* Of any size, in any currency. */
static __attribute__((noinline)) bool exchange(__int128 pico, int64_t exchange_nano, int64_t *nano)
{
    const __int128 unit = (__int128)1000 * 1000000000; /* pico per nano, times the exchange rate's decimals */
    __int128 product;
    if (exchange_nano < 0 || __builtin_mul_overflow(pico, (__int128)exchange_nano, &product) || __builtin_add_overflow(product, unit / 2, &product))
        return false;
    __int128 whole = product / unit;
    if (product < 0 && product % unit)
        whole--; /* half up also below zero */
    if (whole > INT64_MAX || whole < INT64_MIN)
        return false;
    *nano = (int64_t)whole;
    return true;
}

bool llmc_pico_amount(__int128 pico, int64_t exchange_nano, int64_t *nano)
{
    if (exchange_nano != 1000000000 || (unsigned __int128)pico > INT64_MAX / 2)
        return exchange(pico, exchange_nano, nano);
    *nano = (int64_t)(((uint64_t)pico + 500) / 1000); /* as nearly always: without 128-bit divisions */
    return true;
}

const char *llmc_amount_text(int64_t nano, const char *currency, int minimum_decimals, char out[40])
{
    uint64_t size = nano < 0 ? 0 - (uint64_t)nano : (uint64_t)nano;
    char decimals[10];
    snprintf(decimals, sizeof decimals, "%09u", (unsigned)(size % 1000000000));
    int length = 9, least = minimum_decimals < 0 ? 0 : minimum_decimals > 9 ? 9 : minimum_decimals;
    while (length > least && decimals[length - 1] == '0')
        length--;
    decimals[length] = '\0';

    bool dollars = strcmp(currency, "USD") == 0;
    snprintf(out, 40, "%s%.3s%s%llu%s%s", nano < 0 ? "-" : "", dollars ? "$" : currency, dollars || !*currency ? "" : " ",
             (unsigned long long)(size / 1000000000), length ? "." : "", decimals);
    return out;
}
