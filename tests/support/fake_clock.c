#include "fake_clock.h"

#include <time.h>

enum { START_NS = 1000000000 };

static int64_t monotonic_ns(void *user)
{
    return ((fake_clock *)user)->now_ns;
}

static int64_t wall_ms(void *user)
{
    return FAKE_CLOCK_START_WALL_MS + fake_clock_ms(user);
}

static void wait_until(int64_t until_ns, void *user)
{
    fake_clock *clock = user;
    if (clock->frozen || until_ns == INT64_MAX) {
        clock->idle_waits++;
        nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
        return;
    }
    long long now = clock->now_ns;
    while (now < until_ns && !atomic_compare_exchange_weak(&clock->now_ns, &now, until_ns))
        ;
}

void fake_clock_init(fake_clock *clock)
{
    clock->now_ns = START_NS;
    clock->frozen = 0;
    clock->idle_waits = 0;
    clock->clock = (llmcost_clock){ monotonic_ns, wall_ms, wait_until, clock };
}

void fake_clock_advance(fake_clock *clock, int64_t ms)
{
    clock->now_ns += ms * 1000000;
}

int64_t fake_clock_ms(fake_clock *clock)
{
    return (clock->now_ns - START_NS) / 1000000;
}
