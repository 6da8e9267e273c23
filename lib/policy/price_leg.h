/* The bill of one leg: what it used, at which rates, and what that costs in the ledger's currency. */
#ifndef LLMC_PRICE_LEG_H
#define LLMC_PRICE_LEG_H

#include "policy/policy.h"

/* Rates of a target now. false: unknown. worst: the dearest a request of at most these sizes can be charged. */
bool llmc_target_rates(const llmc_services *services, const llmc_route *target, const llmc_price_query *query, bool worst, llmc_rates *out);
/* The configured worst-case rates for models without a price. false: the config has none. */
bool llmc_worst_case_rates(const llmc_services *services, llmc_rates *out);
/* Fills in usage, rates and cost of the leg's line from leg->usage. */
void llmc_price_leg(llmcost_leg *leg, llmc_line *line);

#endif
