/* Marks: one holder at a time, and who waits sees what the holder did. */
#include "base/thread.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_mark_is_taken_once(void **state)
{
    (void)state;
    llmc_mark mark;
    atomic_init(&mark, false);
    assert_true(llmc_mark_try(&mark));
    assert_false(llmc_mark_try(&mark));
    assert_false(llmc_mark_try(&mark));
    llmc_mark_give_back(&mark);
    assert_true(llmc_mark_try(&mark));
}

enum { THREADS = 20, STEPS = 2000 };

typedef struct counter {
    llmc_mark mark;
    long steps; /* under the mark */
} counter;

static void *count(void *user)
{
    counter *shared = user;
    for (int i = 0; i < STEPS; i++) {
        for (unsigned round = 0; !llmc_mark_try(&shared->mark); round++)
            llmc_mark_wait(round);
        shared->steps++;
        llmc_mark_give_back(&shared->mark);
    }
    return NULL;
}

static void threads_take_turns(void **state)
{
    (void)state;
    counter shared = { .steps = 0 };
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, &shared), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(shared.steps, THREADS * STEPS);
}

typedef struct waiter {
    llmc_mark mark;
    atomic_uint tries;
    int seen, told; /* under the mark */
} waiter;

static void *wait_long(void *user)
{
    waiter *shared = user;
    for (unsigned round = 95; !llmc_mark_try(&shared->mark); round++) {
        llmc_mark_wait(round);
        atomic_fetch_add(&shared->tries, 1);
    }
    shared->seen = shared->told;
    return NULL;
}

/* Longer than anybody yields: then it naps between tries, and still gets it. */
static void who_waits_long_gets_it(void **state)
{
    (void)state;
    waiter shared = { .told = 0 };
    pthread_t thread;
    assert_true(llmc_mark_try(&shared.mark));
    assert_int_equal(pthread_create(&thread, NULL, wait_long, &shared), 0);
    while (atomic_load(&shared.tries) < 20)
        llmc_mark_wait(0);
    shared.told = 7;
    llmc_mark_give_back(&shared.mark);
    pthread_join(thread, NULL);
    assert_int_equal(shared.seen, 7);
    assert_false(llmc_mark_try(&shared.mark));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mark_is_taken_once),
        cmocka_unit_test(threads_take_turns),
        cmocka_unit_test(who_waits_long_gets_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
