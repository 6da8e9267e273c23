/* Who says what kind of request it is: a model, a classifier without a call, or the host. */
#ifndef LLMC_LABELLER_H
#define LLMC_LABELLER_H

#include "policy/facts.h"

/* The label, where no call is needed for it, or it was asked for already. NULL: ask the model; or the leg has failed (memory). */
const llmc_given_label *llmc_label_known(llmcost_leg *leg, llmc_facts *facts, const llmc_labeller *labeller);
/* A child that asks the model. NULL: it cannot be asked, or the leg has failed: its status says so. */
llmcost_leg *llmc_label_ask(llmcost_leg *leg, const llmc_labeller *labeller);
/* What the complete child answered; child NULL: the middle label, because none could be asked. NULL: no memory. */
const llmc_given_label *llmc_label_learn(llmcost_leg *leg, llmc_facts *facts, const llmc_labeller *labeller, const llmcost_leg *child);
/* What the model is asked. NULL: no memory. */
const llmcost_request *llmc_label_request(llmcost_leg *leg, const llmc_labeller *labeller);

#endif
