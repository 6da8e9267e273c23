/*
 * For what threads share in several pieces: a number of the running thread to choose one by, so that threads rarely meet,
 * and marks. The number is from the thread's id, not from thread-local storage, which would outlive an unloaded library.
 */
#ifndef LLMC_THREAD_H
#define LLMC_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ids are addresses of stacks, some megabytes and a page apart: the pages tell neighbours apart. */
static inline size_t llmc_thread_number(void)
{
    uintptr_t self = (uintptr_t)pthread_self();
    return (size_t)(self >> 12 ^ self >> 20);
}

/*
 * A mark guards what is held for a moment, and of which there is another where somebody holds this one: it costs one
 * atomic operation, where a mutex costs two and calls.
 */
typedef atomic_bool llmc_mark;

static inline bool llmc_mark_try(llmc_mark *mark)
{
    return !atomic_exchange_explicit(mark, true, memory_order_acquire);
}

static inline void llmc_mark_give_back(llmc_mark *mark)
{
    atomic_store_explicit(mark, false, memory_order_release);
}

/* After a try that failed, for the round'th time: whoever holds it may have been interrupted, and need our processor. */
void llmc_mark_wait(unsigned round);

#endif
