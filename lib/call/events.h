/* Events on their way out of a leg, those that a policy holds back, and a leg's timer. */
#ifndef LLMC_EVENTS_H
#define LLMC_EVENTS_H

#include "call/call.h"

void llmc_events_free(llmcost_leg *leg); /* what policies of this leg still hold is dropped */
void llmc_leg_timer_end(llmcost_leg *leg);

#endif
