#include "wire/driver.h"

#include <llmcost/plugin.h>

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* After so many full rounds in a row every descriptor of many thousands has had its turn: the kernel takes them in turn. */
enum { EVENTS_PER_ROUND = 64, FULL_ROUNDS = 256, LONG_ROUND_NS = 10 * 1000 * 1000 };

static void drain_event(void *user, uint32_t events)
{
    (void)events;
    llmc_driver *driver = user;
    uint64_t count;
    if (read(driver->event, &count, sizeof count) < 0)
        count = 0; /* nothing was there */
    /* After the read: a wake in between leaves its mail to this round, instead of a flag that no write stands behind. */
    atomic_exchange(&driver->signalled, false);
}

llmcost_status llmc_driver_open(llmc_driver *driver, const llmc_allocator *allocator, const llmcost_clock *clock)
{
    *driver = (llmc_driver){ .allocator = allocator, .clock = clock, .epoll = -1, .event = -1, .events_per_round = EVENTS_PER_ROUND, .transport_due_ns = LLMC_NEVER, .looked_ns = llmc_clock_now(clock) };
    driver->mailbox_tail = &driver->mailbox;
    llmc_workspaces_init(&driver->workspaces, allocator);
    if (pthread_mutex_init(&driver->mailbox_lock, NULL))
        return LLMCOST_E_MEMORY;
    driver->epoll = epoll_create1(EPOLL_CLOEXEC);
    driver->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    driver->wake_watch = (llmc_watch){ driver->event, EPOLLIN, drain_event, driver };
    if (driver->epoll < 0 || driver->event < 0 || !llmc_driver_watch(driver, &driver->wake_watch)) {
        llmc_driver_close(driver);
        return LLMCOST_E_MEMORY;
    }
    return LLMCOST_OK;
}

static llmc_message *take_mail(llmc_driver *driver)
{
    pthread_mutex_lock(&driver->mailbox_lock);
    llmc_message *first = driver->mailbox;
    driver->mailbox = NULL;
    driver->mailbox_tail = &driver->mailbox;
    atomic_store(&driver->has_mail, false);
    pthread_mutex_unlock(&driver->mailbox_lock);
    return first;
}

void llmc_driver_run_mail(llmc_driver *driver)
{
    if (!atomic_load(&driver->has_mail))
        return;
    llmc_message *message = take_mail(driver);
    while (message) {
        llmc_message *next = message->next;
        message->run(message);
        message = next;
    }
}

void llmc_driver_close(llmc_driver *driver)
{
    if (driver->event >= 0)
        close(driver->event);
    if (driver->epoll >= 0)
        close(driver->epoll);
    driver->epoll = driver->event = -1;
    llmc_driver_run_mail(driver);
    pthread_mutex_destroy(&driver->mailbox_lock);
    llmc_free(driver->allocator, driver->timers);
    driver->timers = NULL;
    llmc_workspaces_free(&driver->workspaces);
}

/* ---- timers: a binary heap; every timer knows its place, so that stopping one is cheap ---- */

static void place_timer(llmc_driver *driver, size_t index, llmc_timer *timer)
{
    driver->timers[index] = timer;
    timer->place = index + 1;
}

static void sift_up(llmc_driver *driver, size_t index, llmc_timer *timer)
{
    while (index > 0 && driver->timers[(index - 1) / 2]->at_ns > timer->at_ns) {
        place_timer(driver, index, driver->timers[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    place_timer(driver, index, timer);
}

static void sift_down(llmc_driver *driver, size_t index, llmc_timer *timer)
{
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= driver->timer_count)
            break;
        if (child + 1 < driver->timer_count && driver->timers[child + 1]->at_ns < driver->timers[child]->at_ns)
            child++;
        if (driver->timers[child]->at_ns >= timer->at_ns)
            break;
        place_timer(driver, index, driver->timers[child]);
        index = child;
    }
    place_timer(driver, index, timer);
}

bool llmc_driver_reserve_timer(llmc_driver *driver)
{
    if (!llmc_grow(driver->allocator, (void **)&driver->timers, &driver->timer_capacity, driver->timer_reserved + 1, sizeof *driver->timers))
        return false;
    driver->timer_reserved++;
    return true;
}

void llmc_driver_unreserve_timer(llmc_driver *driver)
{
    driver->timer_reserved--;
}

void llmc_driver_timer_stop(llmc_driver *driver, llmc_timer *timer)
{
    if (!timer->place)
        return;
    size_t index = timer->place - 1;
    timer->place = 0;
    llmc_timer *last = driver->timers[--driver->timer_count];
    if (last == timer)
        return;
    sift_up(driver, index, last);
    sift_down(driver, last->place - 1, last);
}

void llmc_driver_timer_start(llmc_driver *driver, llmc_timer *timer, int64_t at_ns)
{
    llmc_driver_timer_stop(driver, timer);
    timer->at_ns = at_ns > driver->looked_ns ? at_ns : driver->looked_ns + 1;
    if (at_ns == LLMC_NEVER)
        return;
    sift_up(driver, driver->timer_count++, timer);
}

int64_t llmc_driver_next_ns(const llmc_driver *driver)
{
    int64_t next = driver->timer_count ? driver->timers[0]->at_ns : LLMC_NEVER;
    return driver->transport_due_ns < next ? driver->transport_due_ns : next;
}

/* ---- descriptors ---- */

bool llmc_driver_watch(llmc_driver *driver, llmc_watch *watch)
{
    struct epoll_event event = { .events = watch->events, .data.ptr = watch };
    if (epoll_ctl(driver->epoll, EPOLL_CTL_ADD, watch->descriptor, &event) == 0)
        return true;
    return errno == EEXIST && epoll_ctl(driver->epoll, EPOLL_CTL_MOD, watch->descriptor, &event) == 0;
}

void llmc_driver_unwatch(llmc_driver *driver, llmc_watch *watch)
{
    /* A descriptor that was closed has left the set by itself; the error then means nothing. */
    epoll_ctl(driver->epoll, EPOLL_CTL_DEL, watch->descriptor, NULL);
    watch->events = 0;
}

/* ---- the mailbox ---- */

void llmc_driver_wake(llmc_driver *driver)
{
    if (atomic_exchange(&driver->signalled, true))
        return;
    uint64_t one = 1;
    if (write(driver->event, &one, sizeof one) < 0)
        return; /* the counter is full: it is readable already */
}

void llmc_driver_post(llmc_driver *driver, llmc_message *message)
{
    message->next = NULL;
    pthread_mutex_lock(&driver->mailbox_lock);
    *driver->mailbox_tail = message;
    driver->mailbox_tail = &message->next;
    atomic_store(&driver->has_mail, true);
    /* Under the lock: once the message is taken its owner may close the driver. */
    llmc_driver_wake(driver);
    pthread_mutex_unlock(&driver->mailbox_lock);
}

/* ---- a round ---- */

static int milliseconds_until(int64_t now_ns, int64_t until_ns)
{
    if (until_ns <= now_ns)
        return 0;
    if (until_ns == LLMC_NEVER)
        return -1;
    int64_t ms = (until_ns - now_ns + LLMC_MS - 1) / LLMC_MS;
    return ms > 3600000 ? 3600000 : (int)ms;
}

static void serve(const struct epoll_event *event)
{
    llmc_watch *watch = event->data.ptr;
    if (watch && watch->events) /* else unwatched by an earlier one of this round: its owner keeps the memory until the round is over */
        watch->ready(watch->user, event->events);
}

/*
 * Of servers that send faster than one reads fewer are served at a time, so that what is due is looked at between them.
 * What is left out of a round is not taken in turn by the kernel, so the next one asks for no more than this one served.
 */
static int serve_all(llmc_driver *driver, const struct epoll_event *ready, int count)
{
    int64_t began_ns = count > 1 ? llmc_clock_now(driver->clock) : 0;
    for (int i = 0; i < count; i++) {
        serve(&ready[i]);
        if (i + 1 < count && llmc_clock_now(driver->clock) - began_ns > LONG_ROUND_NS)
            return driver->events_per_round = i + 1;
    }
    int more = driver->events_per_round * 2;
    driver->events_per_round = more < EVENTS_PER_ROUND ? more : EVENTS_PER_ROUND;
    return count;
}

/* true: perhaps more is ready than was served. */
static bool poll_descriptors(llmc_driver *driver, int timeout_ms, bool *found)
{
    struct epoll_event ready[EVENTS_PER_ROUND];
    int most = driver->events_per_round, count = epoll_wait(driver->epoll, ready, most, timeout_ms);
    bool all = serve_all(driver, ready, count) == count && count < most;
    if (count > 0 && driver->after_ready)
        driver->after_ready(driver->after_ready_user);
    *found = count > 0;
    return !all;
}

/* Each look is later than the one before, whatever the clock's grain: what is due with the next look must be due then. */
static int64_t look(llmc_driver *driver)
{
    int64_t now_ns = llmc_clock_now(driver->clock);
    return driver->looked_ns = now_ns > driver->looked_ns ? now_ns : driver->looked_ns + 1;
}

/* What was due at the latest look. polled: all that is ready has been read since the last sleep. */
static bool fire_due(llmc_driver *driver, bool polled)
{
    int64_t now_ns = driver->looked_ns;
    bool fired = false;
    while (driver->timer_count && driver->timers[0]->at_ns <= now_ns && (polled || !driver->timers[0]->patient)) {
        llmc_timer *timer = driver->timers[0];
        llmc_driver_timer_stop(driver, timer);
        timer->fire(timer->user);
        fired = true;
    }
    return fired;
}

void llmc_driver_step(llmc_driver *driver, int64_t until_ns)
{
    look(driver);
    /* What is due already needs no look at the descriptors: one system call less for every request that starts. */
    if (fire_due(driver, false) && (until_ns == LLMC_NEVER || until_ns > look(driver)))
        return;
    int64_t now = driver->looked_ns, next = llmc_driver_next_ns(driver);
    if (until_ns < next)
        next = until_ns;
    bool jumps = driver->clock->wait != NULL;
    bool found, full = poll_descriptors(driver, jumps ? 0 : milliseconds_until(now, next), &found);
    if (jumps && !found && next > now && !atomic_load(&driver->signalled))
        driver->clock->wait(next, driver->clock->user);
    llmc_driver_run_mail(driver);
    if (driver->transport)
        driver->transport_due_ns = driver->transport->step(driver->transport->user, llmc_clock_now(driver->clock));
    look(driver);
    driver->full_rounds = full ? driver->full_rounds + 1 : 0;
    fire_due(driver, driver->full_rounds % FULL_ROUNDS == 0);
}
