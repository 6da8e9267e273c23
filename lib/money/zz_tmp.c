#include "money/money.h"
void llmc_usage_init(llmc_usage *usage)
{
    *usage = (llmc_usage){ .reported_prompt = -1, .reported_completion = -1, .reported_total = -1, .stated_cost_pico = -1 };
    for (size_t i = 0; i < LLMCOST_CLASS_COUNT; i++)
        usage->quantity[i] = -1;
}
