/*
 * A number of the running thread, for choosing among things that are several so that threads rarely meet. From the
 * thread's id, not from thread-local storage, which would outlive an unloaded library.
 */
#ifndef LLMC_THREAD_H
#define LLMC_THREAD_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/* Ids are addresses of stacks, some megabytes and a page apart: the pages tell neighbours apart. */
static inline size_t llmc_thread_number(void)
{
    uintptr_t self = (uintptr_t)pthread_self();
    return (size_t)(self >> 12 ^ self >> 20);
}

#endif
