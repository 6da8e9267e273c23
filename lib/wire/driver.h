/*
 * A driver: descriptors, timers and a mailbox, run by one thread at a time. It knows nothing of calls.
 *
 * One epoll descriptor stands for everything in it, so that a host can hand it to a loop of its own. Only post() and
 * wake() may be called by a thread that is not running the driver.
 */
#ifndef LLMC_DRIVER_H
#define LLMC_DRIVER_H

#include "base/clock.h"
#include "base/error.h"
#include "base/workspace.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct llmc_timer {
    int64_t at_ns;
    size_t place;  /* 1-based place in the heap; 0: not running */
    void (*fire)(void *user);
    void *user;
    bool patient;  /* judges by what came: never fired before the descriptors were looked at, however late it is */
} llmc_timer;

typedef struct llmc_message {
    struct llmc_message *next;
    void (*run)(struct llmc_message *message); /* owns the message from then on */
} llmc_message;

/*
 * A descriptor that is watched. Its memory is the owner's, until the round in which it
 * was unwatched is over.
 */
typedef struct llmc_watch {
    int descriptor;
    uint32_t events;     /* EPOLLIN | EPOLLOUT that are asked for */
    void (*ready)(void *user, uint32_t events);
    void *user;
} llmc_watch;

typedef struct llmc_driver {
    const llmc_allocator *allocator;
    const llmcost_clock *clock;
    int epoll, event;               /* event: wakes the poll */
    llmc_watch wake_watch;
    llmc_timer **timers;            /* a binary heap */
    size_t timer_count, timer_capacity, timer_reserved;
    int events_per_round;           /* served before what is due is looked at */
    uint32_t full_rounds;           /* in a row: more was ready than one round takes */
    int64_t looked_ns;              /* the time of the latest look at the timers */
    pthread_mutex_t mailbox_lock;
    llmc_message *mailbox, **mailbox_tail; /* under mailbox_lock */
    atomic_bool has_mail;           /* written under mailbox_lock: spares taking it for nothing */
    atomic_bool signalled;          /* the event descriptor is readable already */
    const struct llmcost_transport *transport; /* stepped each round; NULL: none */
    int64_t transport_due_ns;
    void (*after_ready)(void *user); /* once, after all descriptors of a round that were ready; NULL: nothing */
    void *after_ready_user;
    llmc_workspaces workspaces;     /* for the exchanges at hand */
} llmc_driver;

llmcost_status llmc_driver_open(llmc_driver *driver, const llmc_allocator *allocator, const llmcost_clock *clock);
void llmc_driver_close(llmc_driver *driver); /* messages still in the mailbox are run */

/* Room for one more timer is made here, so that starting one later cannot fail; given back by unreserve. */
bool llmc_driver_reserve_timer(llmc_driver *driver);
void llmc_driver_unreserve_timer(llmc_driver *driver);
void llmc_driver_timer_start(llmc_driver *driver, llmc_timer *timer, int64_t at_ns); /* restarts one that runs; due with the next look at the earliest */
void llmc_driver_timer_stop(llmc_driver *driver, llmc_timer *timer);

bool llmc_driver_watch(llmc_driver *driver, llmc_watch *watch); /* false: the system refuses; also changes events of a watched one */
void llmc_driver_unwatch(llmc_driver *driver, llmc_watch *watch);

void llmc_driver_post(llmc_driver *driver, llmc_message *message); /* any thread; run() is called on the driver's */
void llmc_driver_wake(llmc_driver *driver);                        /* any thread */
void llmc_driver_run_mail(llmc_driver *driver);                    /* what was posted so far, now */

/*
 * One round: wait until something is ready, the next timer is due or until_ns, then do all that is ready.
 * until_ns <= now: do not wait.
 */
void llmc_driver_step(llmc_driver *driver, int64_t until_ns);
int64_t llmc_driver_next_ns(const llmc_driver *driver); /* when the next timer is due; NEVER: none */

#endif
