/* The reactor's timers, on a clock that is moved by hand. */
#include "wire/driver.h"

#include "../support/counting_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct driver_rig {
    counting_memory memory;
    llmcost_clock clock;
    int64_t now_ns;
    llmc_driver driver;
} driver_rig;

static int64_t now(void *user)
{
    return ((driver_rig *)user)->now_ns;
}

static void open_rig(driver_rig *rig, int64_t now_ns)
{
    rig->now_ns = now_ns;
    counting_memory_init(&rig->memory);
    rig->clock = (llmcost_clock){ .monotonic_ns = now, .user = rig };
    assert_int_equal(llmc_driver_open(&rig->driver, &rig->memory.allocator, &rig->clock), LLMCOST_OK);
}

static void close_rig(driver_rig *rig)
{
    llmc_driver_close(&rig->driver);
    assert_int_equal(atomic_load(&rig->memory.blocks), 0);
}

/* A timer that sets itself again, each time to the same instant. */
typedef struct stubborn {
    llmc_timer timer;
    llmc_driver *driver;
    int64_t at_ns;
    int fired;
} stubborn;

static void fire(void *user)
{
    stubborn *self = user;
    self->fired++;
    if (self->at_ns != LLMC_NEVER)
        llmc_driver_timer_start(self->driver, &self->timer, self->at_ns);
}

static void start(driver_rig *rig, stubborn *timer, int64_t at_ns, int64_t again_ns)
{
    *timer = (stubborn){ .timer = { .fire = fire, .user = timer }, .driver = &rig->driver, .at_ns = again_ns };
    assert_true(llmc_driver_reserve_timer(&rig->driver));
    llmc_driver_timer_start(&rig->driver, &timer->timer, at_ns);
}

static void end(driver_rig *rig, stubborn *timer)
{
    llmc_driver_timer_stop(&rig->driver, &timer->timer);
    llmc_driver_unreserve_timer(&rig->driver);
}

/* What is due again while it fires is due with the next look: a step ends, also where the clock stands still. */
static void test_a_timer_that_is_always_due(void **state)
{
    (void)state;
    static const int64_t starts[] = { -5, 0, 1, 1000000000 };
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        driver_rig rig;
        stubborn timer;
        open_rig(&rig, starts[i]);
        start(&rig, &timer, starts[i], starts[i]);
        for (int step = 1; step <= 5; step++) {
            llmc_driver_step(&rig.driver, LLMC_NEVER);
            assert_int_equal(timer.fired, step);
        }
        end(&rig, &timer);
        close_rig(&rig);
    }
}

static void test_what_is_not_due_waits(void **state)
{
    (void)state;
    driver_rig rig;
    stubborn soon, late;
    open_rig(&rig, 1000);
    start(&rig, &late, 1000 + 20 * LLMC_MS, LLMC_NEVER);
    start(&rig, &soon, 1000, LLMC_NEVER);
    llmc_driver_step(&rig.driver, 1000);
    llmc_driver_step(&rig.driver, 1000);
    assert_int_equal(soon.fired, 1);
    assert_int_equal(late.fired, 0);
    assert_int_equal(llmc_driver_next_ns(&rig.driver), 1000 + 20 * LLMC_MS);
    rig.now_ns += 19 * LLMC_MS;
    llmc_driver_step(&rig.driver, rig.now_ns);
    assert_int_equal(late.fired, 0);
    rig.now_ns += LLMC_MS;
    llmc_driver_step(&rig.driver, rig.now_ns);
    assert_int_equal(late.fired, 1);
    end(&rig, &soon);
    end(&rig, &late);
    close_rig(&rig);
}

static void read_nothing(void *user, uint32_t events)
{
    (void)user;
    (void)events;
}

/* A patient timer waits until all that is ready has been read; where more is ready than a round takes it must not for ever. */
static void test_deadlines_of_a_driver_that_is_never_idle(void **state)
{
    (void)state;
    enum { READY = 64 };
    driver_rig rig;
    stubborn patient, late;
    llmc_watch watches[READY];
    open_rig(&rig, 1000);
    for (int i = 0; i < READY; i++) {
        watches[i] = (llmc_watch){ .descriptor = eventfd(1, EFD_CLOEXEC), .events = EPOLLIN, .ready = read_nothing };
        assert_true(llmc_driver_watch(&rig.driver, &watches[i]));
    }
    start(&rig, &patient, 2000, LLMC_NEVER);
    patient.timer.patient = true;
    start(&rig, &late, 3000, LLMC_NEVER);
    for (int i = 0; i < 100; i++) {
        rig.now_ns += LLMC_MS;
        llmc_driver_step(&rig.driver, LLMC_NEVER);
    }
    assert_int_equal(patient.fired, 0);
    for (int i = 0; i < 500; i++)
        llmc_driver_step(&rig.driver, LLMC_NEVER);
    assert_int_equal(patient.fired, 1);
    assert_int_equal(late.fired, 1);
    for (int i = 0; i < READY; i++) {
        llmc_driver_unwatch(&rig.driver, &watches[i]);
        close(watches[i].descriptor);
    }
    end(&rig, &patient);
    end(&rig, &late);
    close_rig(&rig);
}

typedef struct flooder {
    driver_rig *rig;
    llmc_watch watch;
    int served;
} flooder;

static void read_for_long(void *user, uint32_t events)
{
    flooder *one = user;
    (void)events;
    one->served++;
    one->rig->now_ns += 20 * LLMC_MS;
}

static int served_in_a_step(driver_rig *rig, const flooder *flooders, int count)
{
    int served = 0;
    for (int i = 0; i < count; i++)
        served -= flooders[i].served;
    llmc_driver_step(&rig->driver, LLMC_NEVER);
    for (int i = 0; i < count; i++)
        served += flooders[i].served;
    return served;
}

/* Servers that send faster than one reads: what is due is looked at between them, and each has its turn. */
static void test_rounds_that_take_long(void **state)
{
    (void)state;
    enum { READY = 8 };
    driver_rig rig;
    stubborn deadline;
    flooder flooders[READY];
    open_rig(&rig, 1000);
    for (int i = 0; i < READY; i++) {
        flooders[i] = (flooder){ .rig = &rig, .watch = { .descriptor = eventfd(1, EFD_CLOEXEC), .events = EPOLLIN, .ready = read_for_long, .user = &flooders[i] } };
        assert_true(llmc_driver_watch(&rig.driver, &flooders[i].watch));
    }
    start(&rig, &deadline, rig.now_ns + 30 * LLMC_MS, LLMC_NEVER);
    for (int i = 0; i < 2; i++)
        assert_int_equal(served_in_a_step(&rig, flooders, READY), 1);
    assert_int_equal(deadline.fired, 1);
    for (int i = 0; i < 3 * READY; i++)
        assert_int_equal(served_in_a_step(&rig, flooders, READY), 1);
    for (int i = 0; i < READY; i++) {
        assert_true(flooders[i].served > 0);
        llmc_driver_unwatch(&rig.driver, &flooders[i].watch);
        close(flooders[i].watch.descriptor);
    }
    end(&rig, &deadline);
    close_rig(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_timer_that_is_always_due),
        cmocka_unit_test(test_what_is_not_due_waits),
        cmocka_unit_test(test_deadlines_of_a_driver_that_is_never_idle),
        cmocka_unit_test(test_rounds_that_take_long),
    };
    alarm(60); /* a step that does not end */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
