/* How many tokens a request is, without a tokenizer: an upper bound for holds, an estimate for bills. */
#ifndef LLMC_USAGE_ESTIMATE_H
#define LLMC_USAGE_ESTIMATE_H

#include "policy/policy.h"

/*
 * An upper bound of the prompt's tokens: byte-level vocabularies never make more tokens than there are bytes; each
 * message, part and tool adds what its framing may cost. false: it cannot be bounded; *why says what and what to do.
 * added_tokens: what the library put into the prompt, estimated at four bytes each; a host's own bound is not of that.
 */
bool llmc_prompt_bound(const llmc_services *services, const llmcost_request *request, const llmc_route *target, int64_t added_tokens, int64_t *tokens, const char **why);
/* Sound, of files too: its tokens have a rate of their own. */
bool llmc_prompt_has_sound(const llmcost_request *request);
/*
 * An upper bound of the tokens that one answer may think beside max_tokens: 0 where that covers thinking, as it does at
 * most hosts.
 */
int64_t llmc_thinking_bound(const llmcost_request *request, const llmc_route *target);
/* An estimate of the prompt's tokens; images at their bound, audio and documents by their size. */
int64_t llmc_prompt_estimate(const llmc_services *services, const llmcost_request *request, const llmc_route *target);

#endif
