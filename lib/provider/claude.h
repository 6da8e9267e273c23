/* What a Claude model takes, wherever it is hosted: an effort or a thinking budget, and sampling parameters. */
#ifndef LLMC_CLAUDE_H
#define LLMC_CLAUDE_H

#include "provider/encoding.h"

enum { LLMC_CLAUDE_DEFAULT_MAX_TOKENS = 4096, LLMC_CLAUDE_LEAST_BUDGET = 1024, LLMC_CLAUDE_MARKS_MAXIMUM = 4 };

bool llmc_claude_takes_effort(const char *model);
bool llmc_claude_is_fixed(const char *model); /* it thinks by its own measure and takes no sampling parameters */
bool llmc_claude_thinks_by_budget(const llmcost_request *request, const char *model);
/* The request's own budget, else what its effort comes to: never more than half of max_tokens. */
int64_t llmc_claude_budget(const llmcost_request *request, int64_t max_tokens);
/* E_UNSUPPORTED where this model cannot think or sample as it is asked to. */
llmcost_status llmc_claude_check(const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error);

#endif
