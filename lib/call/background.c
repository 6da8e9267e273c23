/*
 * Who runs idle drivers that carry detached legs: the housekeeping thread, only where the config says
 * "background": true, which sleeps while there are none; else other calls, when they end and while they wait for
 * something that such a leg may hold.
 */
#include "call/call.h"

#include <time.h>

enum { SLICE_MS = 100, REST_MS = 20 };

/* Until a driver with detached work becomes idle; a short while where all of them are in others' hands. */
static void rest(llmcost_client *client)
{
    pthread_mutex_lock(&client->background_lock);
    if (!atomic_load(&client->background_stop) && atomic_load(&client->services.detached) == 0)
        pthread_cond_wait(&client->background_wake, &client->background_lock);
    else if (!atomic_load(&client->background_stop)) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += REST_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&client->background_wake, &client->background_lock, &until);
    }
    pthread_mutex_unlock(&client->background_lock);
}

static void *run_background(void *user)
{
    llmcost_client *client = user;
    llmc_visit visit;
    llmc_visit_begin(&visit, client);
    while (!atomic_load(&client->background_stop)) {
        int64_t until = llmc_clock_after(llmc_clock_now(&client->services.clock), SLICE_MS);
        if (llmc_pool_run_detached(client, until, true) > 0)
            continue;
        rest(client);
    }
    llmc_visit_end(&visit);
    return NULL;
}

bool llmc_client_give_turn(llmcost_client *client)
{
    if (atomic_load_explicit(&client->services.detached, memory_order_relaxed) == 0 || atomic_load_explicit(&client->background_runs, memory_order_relaxed))
        return false;
    llmc_pool_run_detached(client, llmc_clock_now(&client->services.clock), false);
    return atomic_load_explicit(&client->services.detached, memory_order_relaxed) > 0;
}

bool llmc_leg_give_turn(const llmcost_leg *leg)
{
    return llmc_client_give_turn(leg->call->client);
}

void llmc_background_wake(llmcost_client *client)
{
    pthread_mutex_lock(&client->background_lock);
    pthread_cond_signal(&client->background_wake);
    pthread_mutex_unlock(&client->background_lock);
}

llmcost_status llmc_background_start(llmcost_client *client)
{
    if (!client->settings->background)
        return LLMCOST_OK;
    if (pthread_create(&client->background, NULL, run_background, client))
        return LLMCOST_E_MEMORY;
    client->background_runs = true;
    return LLMCOST_OK;
}

void llmc_background_stop(llmcost_client *client)
{
    if (!client->background_runs)
        return;
    atomic_store(&client->background_stop, true);
    llmc_background_wake(client);
    pthread_join(client->background, NULL);
    client->background_runs = false;
}
