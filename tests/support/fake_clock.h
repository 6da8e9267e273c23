/*
 * A clock that stands still until somebody waits, then jumps to the instant waited for. With `frozen` a wait only lets
 * other threads run. Any thread.
 */
#ifndef TESTS_FAKE_CLOCK_H
#define TESTS_FAKE_CLOCK_H

#include <stdatomic.h>

#include <llmcost/llmcost.h>

typedef struct fake_clock {
    llmcost_clock clock;   /* hand this out */
    atomic_llong now_ns;
    atomic_int frozen;
    atomic_long idle_waits; /* with nothing to wait for */
} fake_clock;

#define FAKE_CLOCK_START_WALL_MS INT64_C(1790000000000)

void fake_clock_init(fake_clock *clock);
void fake_clock_advance(fake_clock *clock, int64_t ms);
int64_t fake_clock_ms(fake_clock *clock); /* since it was made */

#endif
