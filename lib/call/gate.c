/*
 * The gate: who is inside a client. Closing shuts it, then waits until it is empty.
 *
 * Entering counts first and looks for the closing flag after, closing sets the flag first and looks at the counts
 * after: one of the two sees the other.
 */
#include "call/call.h"

static llmc_gate *my_gate(llmcost_client *client)
{
    uintptr_t self = (uintptr_t)pthread_self();
    return &client->gates[(self >> 12 ^ self >> 20) % LLMC_GATES];
}

llmcost_status llmc_client_enter(llmcost_client *client)
{
    if (!client || !*client->fork_mark)
        return LLMCOST_E_MISUSE;
    llmc_gate *gate = my_gate(client);
    atomic_fetch_add(&gate->inside, 1);
    if (!atomic_load(&client->closing))
        return LLMCOST_OK;
    atomic_fetch_sub(&gate->inside, 1);
    return LLMCOST_E_CLOSED;
}

void llmc_client_leave(llmcost_client *client)
{
    atomic_fetch_sub(&my_gate(client)->inside, 1);
}

bool llmc_client_is_empty(llmcost_client *client)
{
    for (int i = 0; i < LLMC_GATES; i++) {
        if (atomic_load(&client->gates[i].inside) != 0)
            return false;
    }
    return true;
}

/* More than LLMC_CALLBACK_THREADS threads at once in callbacks are not all noticed: then only misuse goes unseen. */
void llmc_callback_begin(llmcost_client *client)
{
    uintptr_t self = (uintptr_t)pthread_self();
    for (int i = 0; i < LLMC_CALLBACK_THREADS; i++) {
        uintptr_t nobody = 0;
        if (atomic_compare_exchange_strong(&client->callback_threads[i], &nobody, self))
            return;
    }
}

void llmc_callback_end(llmcost_client *client)
{
    uintptr_t self = (uintptr_t)pthread_self();
    for (int i = 0; i < LLMC_CALLBACK_THREADS; i++) {
        uintptr_t me = self;
        if (atomic_compare_exchange_strong(&client->callback_threads[i], &me, 0))
            return;
    }
}

bool llmc_in_callback(llmcost_client *client)
{
    uintptr_t self = (uintptr_t)pthread_self();
    for (int i = 0; i < LLMC_CALLBACK_THREADS; i++) {
        if (atomic_load(&client->callback_threads[i]) == self)
            return true;
    }
    return false;
}
