/*
 * Who waits for room in a budget: a queue in order of arrival under its owner's mutex, woken with the mutex free.
 *
 * Everybody is woken, in order, whenever anything changed: a waiter does not say which accounts and how much he needs,
 * and one wake-up too many costs a hold that is refused again, one too few costs a call that is refused for nothing.
 */
#ifndef LLMC_ACCOUNT_WAITERS_H
#define LLMC_ACCOUNT_WAITERS_H

#include "money/accounts.h"

#include <pthread.h>

typedef struct llmc_waiter_queue {
    pthread_mutex_t *mutex; /* the owner's */
    llmc_account_waiter *first, **end;
    struct waking *waking;  /* wake-ups under way, on the stacks of their threads */
    pthread_cond_t woken;
} llmc_waiter_queue;

void llmc_waiters_init(llmc_waiter_queue *queue, pthread_mutex_t *mutex);
void llmc_waiters_free(llmc_waiter_queue *queue);
void llmc_waiters_add(llmc_waiter_queue *queue, llmc_account_waiter *waiter);    /* mutex held */
void llmc_waiters_remove(llmc_waiter_queue *queue, llmc_account_waiter *waiter); /* mutex held; waits for a wake-up of it in another thread */
void llmc_waiters_wake(llmc_waiter_queue *queue);                                /* mutex free */

#endif
