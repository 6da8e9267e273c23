#include "store/account_waiters.h"

struct waking {
    const llmc_account_waiter *waiter; /* compared only: its memory may be gone */
    pthread_t thread;
    struct waking *next;
};

void llmc_waiters_init(llmc_waiter_queue *queue, pthread_mutex_t *mutex)
{
    *queue = (llmc_waiter_queue){ .mutex = mutex };
    queue->end = &queue->first;
    pthread_cond_init(&queue->woken, NULL);
}

void llmc_waiters_free(llmc_waiter_queue *queue)
{
    pthread_cond_destroy(&queue->woken);
}

void llmc_waiters_add(llmc_waiter_queue *queue, llmc_account_waiter *waiter)
{
    if (waiter->link)
        return;
    waiter->next = NULL;
    waiter->link = queue->end;
    *queue->end = waiter;
    queue->end = &waiter->next;
}

/* Out of whichever list it is in: the queue, or the one that a thread is just waking. */
static void unlink_waiter(llmc_waiter_queue *queue, llmc_account_waiter *waiter)
{
    *waiter->link = waiter->next;
    if (waiter->next)
        waiter->next->link = waiter->link;
    if (queue->end == &waiter->next)
        queue->end = waiter->link;
    waiter->next = NULL;
    waiter->link = NULL;
}

static bool is_woken_elsewhere(const llmc_waiter_queue *queue, const llmc_account_waiter *waiter)
{
    for (const struct waking *waking = queue->waking; waking; waking = waking->next) {
        if (waking->waiter == waiter && !pthread_equal(waking->thread, pthread_self()))
            return true;
    }
    return false;
}

void llmc_waiters_remove(llmc_waiter_queue *queue, llmc_account_waiter *waiter)
{
    if (waiter->link)
        unlink_waiter(queue, waiter);
    while (is_woken_elsewhere(queue, waiter))
        pthread_cond_wait(&queue->woken, queue->mutex);
}

/* Mutex held on entry and on return, free while the waiter is called. */
static void wake_one(llmc_waiter_queue *queue, llmc_account_waiter *waiter)
{
    struct waking self = { waiter, pthread_self(), queue->waking };
    queue->waking = &self;
    void (*wake)(void *user) = waiter->wake;
    void *user = waiter->user;
    unlink_waiter(queue, waiter);
    pthread_mutex_unlock(queue->mutex);
    wake(user);
    pthread_mutex_lock(queue->mutex);
    struct waking **link = &queue->waking;
    while (*link != &self)
        link = &(*link)->next;
    *link = self.next;
    pthread_cond_broadcast(&queue->woken);
}

void llmc_waiters_wake(llmc_waiter_queue *queue)
{
    pthread_mutex_lock(queue->mutex);
    /* Taken as a whole, so that one who queues again while being woken waits for the next change. */
    llmc_account_waiter *list = queue->first;
    if (list)
        list->link = &list;
    queue->first = NULL;
    queue->end = &queue->first;
    while (list)
        wake_one(queue, list);
    pthread_mutex_unlock(queue->mutex);
}
