/*
 * The pool of drivers. A curl multi handle has one driver at a time: a blocking call leases one and gives it back with
 * its kept-alive connections; streams and loops own one while they are open. An idle driver may still carry detached
 * legs; they move whenever anybody runs it, and llmc_pool_run_detached() runs the idle ones.
 */
#include "call/call.h"

#include <errno.h>
#include <time.h>

llmcost_status llmc_pool_open(llmcost_client *client)
{
    llmc_pool *pool = &client->pool;
    if (pthread_mutex_init(&pool->lock, NULL))
        return LLMCOST_E_MEMORY;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int failed = pthread_cond_init(&pool->returned, &attributes);
    pthread_condattr_destroy(&attributes);
    if (failed) {
        pthread_mutex_destroy(&pool->lock);
        return LLMCOST_E_MEMORY;
    }
    return LLMCOST_OK;
}

static void slot_free(llmc_slot *slot)
{
    llmc_allocator allocator = slot->allocator;
    pthread_mutex_destroy(&slot->lock);
    llmc_free(&allocator, slot);
}

/* ---- the driver's network ---- */

static void wake_driver(void *user)
{
    llmc_slot *slot = user;
    llmc_driver_wake(&slot->driver);
}

static bool open_hosts_transport(llmc_slot *slot)
{
    slot->hosts = slot->client->transport;
    slot->transport = slot->driver.transport = &slot->hosts;
    if (slot->hosts.open)
        slot->hosts.user = slot->hosts.open(slot->client->transport.user, wake_driver, slot);
    return !slot->hosts.open || slot->hosts.user;
}

static bool open_transport(llmc_slot *slot)
{
    if (slot->client->has_transport)
        return open_hosts_transport(slot);
    if (llmc_http_open(&slot->http, &slot->driver))
        return false;
    slot->transport = llmc_http_transport(slot->http);
    return true;
}

static void close_transport(llmc_slot *slot)
{
    llmc_http_close(slot->http);
    if (slot->hosts.close)
        slot->hosts.close(slot->hosts.user);
    slot->driver.transport = NULL;
}

/* ---- slots ---- */

static void slot_close(llmc_slot *slot)
{
    pthread_mutex_lock(&slot->lock);
    slot->closed = true;
    pthread_mutex_unlock(&slot->lock);
    close_transport(slot);
    llmc_driver_close(&slot->driver);
    llmc_slot_unref(slot);
}

static llmc_slot *slot_open(llmcost_client *client)
{
    llmc_slot *slot = llmc_calloc(&client->services.allocator, 1, sizeof *slot);
    if (!slot)
        return NULL;
    slot->allocator = client->services.allocator;
    slot->client = client;
    atomic_init(&slot->references, 1);
    if (pthread_mutex_init(&slot->lock, NULL)) {
        llmc_free(&client->services.allocator, slot);
        return NULL;
    }
    if (llmc_driver_open(&slot->driver, &slot->allocator, &client->services.clock)) {
        slot_free(slot);
        return NULL;
    }
    if (!open_transport(slot)) {
        llmc_driver_close(&slot->driver);
        slot_free(slot);
        return NULL;
    }
    return slot;
}

void llmc_slot_ref(llmc_slot *slot)
{
    atomic_fetch_add(&slot->references, 1);
}

void llmc_slot_unref(llmc_slot *slot)
{
    if (atomic_fetch_sub(&slot->references, 1) == 1)
        slot_free(slot);
}

static llmc_slot *take_idle(llmc_pool *pool)
{
    llmc_slot *slot = pool->idle;
    if (slot) {
        pool->idle = slot->next_idle;
        slot->next_idle = NULL;
    }
    return slot;
}

llmc_slot *llmc_slot_lease(llmcost_client *client, bool owned)
{
    llmc_pool *pool = &client->pool;
    pthread_mutex_lock(&pool->lock);
    bool closing = atomic_load(&client->closing);
    llmc_slot *slot = closing ? NULL : take_idle(pool);
    if (!closing)
        *(owned ? &pool->owned : &pool->leased) += 1;
    pthread_mutex_unlock(&pool->lock);
    if (slot || closing)
        return slot;
    slot = slot_open(client);
    pthread_mutex_lock(&pool->lock);
    if (slot) {
        slot->next_all = pool->all;
        pool->all = slot;
        pool->opened++;
    } else {
        *(owned ? &pool->owned : &pool->leased) -= 1;
        pthread_cond_broadcast(&pool->returned);
    }
    pthread_mutex_unlock(&pool->lock);
    return slot;
}

void llmc_slot_return(llmc_slot *slot, bool owned)
{
    llmcost_client *client = slot->client;
    llmc_pool *pool = &client->pool;
    bool detached = slot->call_count > 0;
    pthread_mutex_lock(&pool->lock);
    slot->next_idle = pool->idle;
    pool->idle = slot;
    *(owned ? &pool->owned : &pool->leased) -= 1;
    pthread_cond_broadcast(&pool->returned);
    if (detached && client->background_runs) /* under the lock: afterwards the client may be closed and gone */
        llmc_background_wake(client);
    pthread_mutex_unlock(&pool->lock);
}

/* The idle driver with detached work that has rested longest, leased: returned ones go to the front. */
static llmc_slot *lease_busy(llmc_pool *pool, uint32_t *left, uint32_t *busy)
{
    pthread_mutex_lock(&pool->lock);
    llmc_slot **found = NULL, *slot = NULL;
    *left = *busy = 0;
    for (llmc_slot **link = &pool->idle; *link; link = &(*link)->next_idle) {
        if ((*link)->call_count == 0)
            continue;
        *left += (*link)->call_count;
        *busy += 1;
        found = link;
    }
    if (found) {
        slot = *found;
        *found = slot->next_idle;
        pool->leased++;
    }
    pthread_mutex_unlock(&pool->lock);
    return slot;
}

/* Another thread closes the client, and begins with it when all others are out. */
static bool is_waited_for(llmcost_client *client)
{
    return atomic_load(&client->closing) && !llmc_client_is_empty(client);
}

uint32_t llmc_pool_run_detached(llmcost_client *client, int64_t until_ns, bool wait)
{
    enum { SLICE_MS = 5 };
    uint32_t left = 0, busy = 0, turns = 0;
    for (uint32_t round = 1;; round++) {
        llmc_slot *slot = lease_busy(&client->pool, &left, &busy);
        if (!slot)
            return left;
        if (round == 1)
            turns = busy;
        int64_t now = llmc_clock_now(&client->services.clock);
        int64_t slice = left == slot->call_count ? until_ns : now + SLICE_MS * LLMC_MS; /* several drivers take turns */
        if (slice > until_ns)
            slice = until_ns;
        uint32_t before = slot->call_count;
        llmc_driver_step(&slot->driver, wait ? slice : now);
        left -= before - slot->call_count < left ? before - slot->call_count : left;
        llmc_slot_return(slot, false);
        if (!wait && round < turns)
            continue; /* each of them once */
        if (!wait || left == 0 || is_waited_for(client) || llmc_clock_now(&client->services.clock) >= until_ns)
            return left;
    }
}

/* ---- closing ---- */

static void cancel_everything(llmc_slot *slot)
{
    for (llmc_call *call = slot->calls, *next; call; call = next) {
        next = call->next;
        llmc_call_cancel(call, LLMCOST_E_CANCELLED);
    }
}

/* Blocking calls in other threads see cancel_all when their driver wakes, cancel their calls and give the driver back. */
static void wait_for_leases(llmcost_client *client)
{
    llmc_pool *pool = &client->pool;
    pthread_mutex_lock(&pool->lock);
    while (pool->leased > 0 || !llmc_client_is_empty(client)) {
        for (llmc_slot *slot = pool->all; slot; slot = slot->next_all) {
            atomic_store(&slot->cancel_all, true);
            llmc_driver_wake(&slot->driver);
        }
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += 5000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(&pool->returned, &pool->lock, &until);
    }
    pthread_mutex_unlock(&pool->lock);
}

void llmc_pool_close(llmcost_client *client)
{
    llmc_pool *pool = &client->pool;
    wait_for_leases(client);
    int64_t until = llmc_clock_after(llmc_clock_now(&client->services.clock), client->settings->close_ms);
    uint32_t left = llmc_pool_run_detached(client, until, client->settings->close_ms > 0);
    atomic_fetch_add(&client->services.dropped_detached, left);
    while (pool->all) {
        llmc_slot *slot = pool->all;
        pool->all = slot->next_all;
        cancel_everything(slot);
        slot_close(slot);
    }
    pthread_cond_destroy(&pool->returned);
    pthread_mutex_destroy(&pool->lock);
}
