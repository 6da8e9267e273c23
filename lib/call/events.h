/* Events on their way out of a leg, those that a policy holds back, and a leg's timer. */
#ifndef LLMC_EVENTS_H
#define LLMC_EVENTS_H

#include "call/call.h"

void llmc_events_free(llmcost_leg *leg); /* what policies of this leg still hold is dropped */
/*
 * Another try follows in place of what is inside the policy that the leg is at: what that policy and those further out
 * hold of it is dropped, and they are told by LLMCOST_EVENT_RESTART.
 */
void llmc_events_restart(llmcost_leg *leg);
void llmc_leg_timer_stop(llmcost_leg *leg);
void llmc_leg_timer_end(llmcost_leg *leg); /* gives its room back, and that of the leg's own deadline */
void llmc_leg_set_deadline(llmcost_leg *leg, llmc_driver *driver, int64_t deadline_ns); /* room for a timer is reserved */

#endif
