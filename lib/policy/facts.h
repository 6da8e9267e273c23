/* What chooses know of a request: each thing is found out when a rule first asks for it, and once in a call. */
#ifndef LLMC_FACTS_H
#define LLMC_FACTS_H

#include "policy/policy.h"

/* What a labeller said. */
typedef struct llmc_given_label {
    struct llmc_given_label *next;
    const llmc_labeller *labeller;
    const char *label;
    const char *why; /* "score 7: code 3, length 4", "openai/gpt-4o-mini says so" */
} llmc_given_label;

typedef struct llmc_facts {
    int64_t prompt_tokens;    /* -1: not counted so far */
    int64_t needs;            /* bits of llmc_need; -1: not looked at so far */
    llmc_given_label *labels;
    size_t asked;             /* targets that were asked how they are, and have not answered */
    bool only_looks;          /* the host is not asked for labels: what it would say is not known */
} llmc_facts;

llmc_facts *llmc_facts_of(llmcost_leg *leg); /* of its request, made when first asked for. NULL: the leg has failed (memory) */
int64_t llmc_facts_prompt_tokens(llmcost_leg *leg, llmc_facts *facts);

/* to: what the rule would use. */
bool llmc_condition_holds(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to);
/* In words, of a condition that holds: "task is code". */
void llmc_condition_tell(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to, llmc_buffer *out);
/* By what is known without asking it. Of a node: the step that must do, or any. */
bool llmc_route_is_healthy(llmcost_leg *leg, const llmc_route *route);

#endif
