/* Time comes in through a hook; NULL functions never reach here. */
#ifndef LLMC_CLOCK_H
#define LLMC_CLOCK_H

#include <llmcost/llmcost.h>

#define LLMC_NEVER INT64_MAX
#define LLMC_MS INT64_C(1000000) /* nanoseconds */

extern const llmcost_clock llmc_clock_system; /* CLOCK_MONOTONIC, and CLOCK_REALTIME as of the latest tick; wait is NULL */

int64_t llmc_clock_now(const llmcost_clock *clock);
int64_t llmc_clock_wall_ms(const llmcost_clock *clock);
/* now + ms, without overflow; NEVER when ms is below 0. */
int64_t llmc_clock_after(int64_t now_ns, int64_t ms);

#endif
