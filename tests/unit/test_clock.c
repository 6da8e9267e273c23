/* The system's clocks, and instants that are so far from now. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

static int64_t read_ns(clockid_t id)
{
    struct timespec now;
    assert_int_equal(clock_gettime(id, &now), 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Each reading lies between one before and one behind it: exact where time is measured, of the latest tick for the wall. */
static void test_system_clocks(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t before = read_ns(CLOCK_MONOTONIC), now = llmc_clock_now(&llmc_clock_system);
        assert_true(before <= now && now <= read_ns(CLOCK_MONOTONIC));
#ifdef CLOCK_REALTIME_COARSE
        before = read_ns(CLOCK_REALTIME_COARSE) / LLMC_MS;
        int64_t wall = llmc_clock_wall_ms(&llmc_clock_system);
        assert_true(before <= wall && wall <= read_ns(CLOCK_REALTIME_COARSE) / LLMC_MS);
#endif
    }
    assert_null(llmc_clock_system.wait);
}

static void test_instants(void **state)
{
    (void)state;
    assert_int_equal(llmc_clock_after(5, 0), 5);
    assert_int_equal(llmc_clock_after(5, 7), 5 + 7 * LLMC_MS);
    assert_true(llmc_clock_after(5, -1) == LLMC_NEVER);
    assert_true(llmc_clock_after(5, INT64_MAX) == LLMC_NEVER);
    int64_t most = (LLMC_NEVER - 5) / LLMC_MS;
    assert_int_equal(llmc_clock_after(5, most), 5 + most * LLMC_MS);
    assert_true(llmc_clock_after(5, most + 1) == LLMC_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_system_clocks),
        cmocka_unit_test(test_instants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
