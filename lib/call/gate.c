/*
 * The gate: who is inside a client. Closing shuts it, then waits until it is empty.
 *
 * Entering counts first and looks for the closing flag after, closing sets the flag first and looks at the counts
 * after: one of the two sees the other. The count of those who came is each one's number, too, of which the id of its
 * call is made.
 */
#include "call/call.h"

#include "base/thread.h"

static llmc_gate *my_gate(llmcost_client *client)
{
    return &client->gates[(llmc_thread_number() - client->opener) % LLMC_GATES];
}

/* Numbers of different gates differ in their remainder. */
static uint64_t number_of(const llmcost_client *client, const llmc_gate *gate, uint64_t before)
{
    return before * LLMC_GATES + (uint64_t)(gate - client->gates);
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
    uint64_t before = atomic_fetch_add(&gate->came, 1);
    if (atomic_load(&client->closing)) {
        atomic_fetch_add(&gate->gone, 1);
        return LLMCOST_E_CLOSED;
    }
    *visit = (llmc_visit){ .client = client, .gate = gate, .number = number_of(client, gate, before), .outer = innermost };
    innermost = visit;
    return LLMCOST_OK;
}

void llmc_client_leave(llmc_visit *visit)
{
    llmc_visit_end(visit);
    atomic_fetch_add(&visit->gate->gone, 1);
}

uint64_t llmc_visit_id(const llmc_visit *visit)
{
    return llmc_random_nth(visit->client->id_seed, visit->number);
}

/* Takes the number of somebody who comes and goes. */
uint64_t llmc_client_next_id(llmcost_client *client)
{
    llmc_gate *gate = my_gate(client);
    uint64_t before = atomic_fetch_add(&gate->came, 1);
    atomic_fetch_add(&gate->gone, 1);
    return llmc_random_nth(client->id_seed, number_of(client, gate, before));
}

/* Nobody goes before having come: if those who had gone are as many as have come by now, all had gone. */
bool llmc_client_is_empty(llmcost_client *client)
{
    for (int i = 0; i < LLMC_GATES; i++) {
        uint64_t gone = atomic_load(&client->gates[i].gone);
        if (gone != atomic_load(&client->gates[i].came))
            return false;
    }
    return true;
}
