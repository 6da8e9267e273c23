/*
 * The gate: who is inside a client. Closing shuts it, then waits until it is empty.
 *
 * Entering counts first and looks for the closing flag after, closing sets the flag first and looks at the counts
 * after: one of the two sees the other.
 */
#include "call/call.h"

#include "base/thread.h"

static llmc_gate *my_gate(llmcost_client *client)
{
    return &client->gates[llmc_thread_number() % LLMC_GATES];
}

bool llmc_client_is_ours(const llmcost_client *client)
{
    return *client->fork_mark != 0;
}

/* ---- which clients this thread is inside ---- */

static _Thread_local llmc_visit *innermost;

void llmc_visit_begin(llmc_visit *visit, llmcost_client *client)
{
    *visit = (llmc_visit){ .client = client, .outer = innermost };
    innermost = visit;
}

void llmc_visit_end(llmc_visit *visit)
{
    innermost = visit->outer;
}

bool llmc_is_visiting(const llmcost_client *client)
{
    const llmc_visit *visit = innermost;
    while (visit && visit->client != client)
        visit = visit->outer;
    return visit != NULL;
}

/* ---- in and out ---- */

llmcost_status llmc_client_enter(llmcost_client *client, llmc_visit *visit)
{
    if (!client || !llmc_client_is_ours(client))
        return LLMCOST_E_MISUSE;
    llmc_gate *gate = my_gate(client);
    atomic_fetch_add(&gate->inside, 1);
    if (!atomic_load(&client->closing)) {
        llmc_visit_begin(visit, client);
        visit->gate = gate;
        return LLMCOST_OK;
    }
    atomic_fetch_sub(&gate->inside, 1);
    return LLMCOST_E_CLOSED;
}

void llmc_client_leave(llmc_visit *visit)
{
    llmc_visit_end(visit);
    atomic_fetch_sub(&visit->gate->inside, 1);
}

uint64_t llmc_client_next_id(llmcost_client *client)
{
    enum { RUN = 64 };
    _Atomic uint64_t *next = &my_gate(client)->next_id;
    uint64_t before = atomic_load_explicit(next, memory_order_relaxed), taken;
    do
        taken = before % RUN ? before : atomic_fetch_add_explicit(&client->id_runs, 1, memory_order_relaxed) * RUN;
    while (!atomic_compare_exchange_strong_explicit(next, &before, taken + 1, memory_order_relaxed, memory_order_relaxed));
    return llmc_random_nth(client->id_seed, taken);
}

bool llmc_client_is_empty(llmcost_client *client)
{
    for (int i = 0; i < LLMC_GATES; i++) {
        if (atomic_load(&client->gates[i].inside) != 0)
            return false;
    }
    return true;
}
