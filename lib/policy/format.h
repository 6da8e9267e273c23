/* Structured output where the target has none of its own: which way a request for JSON goes to a target. */
#ifndef LLMC_POLICY_FORMAT_H
#define LLMC_POLICY_FORMAT_H

#include "policy/policy.h"

/* What the codec's check says of a request to a target. */
llmcost_status llmc_target_check(llmcost_leg *leg, const llmc_route *target, const llmcost_request *request, llmcost_error *error);
/*
 * The format that the target is asked for: the request's own where it takes that, else the nearest it takes (JSON,
 * TEXT), with the rest to be said by instruction. The leg's wishes do not count. *format stays when nothing helps; the status is that of the codec's check.
 */
llmcost_status llmc_format_for(llmcost_leg *leg, const llmc_route *target, int32_t *format, llmcost_error *error);
/* Whether the codec takes the request with this max_tokens: some formats, and thinking, need more. error says why not. */
bool llmc_length_suffices(llmcost_leg *leg, const llmc_route *target, int64_t max_tokens, llmcost_error *error);

#endif
