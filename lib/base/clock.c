#include "base/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t system_monotonic_ns(void *user)
{
    (void)user;
    return read_clock(CLOCK_MONOTONIC);
}

/* As of the kernel's latest tick, some milliseconds ago at most, like time(): a quarter of what the exact one costs. */
#ifdef CLOCK_REALTIME_COARSE
enum { WALL_CLOCK = CLOCK_REALTIME_COARSE };
#else
enum { WALL_CLOCK = CLOCK_REALTIME };
#endif

static int64_t system_wall_ms(void *user)
{
    (void)user;
    return read_clock(WALL_CLOCK) / 1000000;
}

const llmcost_clock llmc_clock_system = { system_monotonic_ns, system_wall_ms, NULL, NULL };

int64_t llmc_clock_now(const llmcost_clock *clock)
{
    return clock->monotonic_ns(clock->user);
}

int64_t llmc_clock_wall_ms(const llmcost_clock *clock)
{
    return clock->wall_ms(clock->user);
}

int64_t llmc_clock_after(int64_t now_ns, int64_t ms)
{
    if (ms < 0 || ms > (LLMC_NEVER - now_ns) / LLMC_MS)
        return LLMC_NEVER;
    return now_ns + ms * LLMC_MS;
}
