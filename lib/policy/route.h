/*
 * Routes: a name for a tree. A node is a leaf (provider/model) or a cascade; fallback, split and choose join them as
 * further kinds. The tree is built from the config, checked for cycles and unknown names, and never changes.
 */
#ifndef LLMC_ROUTE_H
#define LLMC_ROUTE_H

#include "money/catalog.h"
#include "provider/provider.h"

typedef enum llmc_route_kind { LLMC_ROUTE_LEAF = 0, LLMC_ROUTE_CASCADE = 1 } llmc_route_kind;
typedef enum llmc_cascade_failure { LLMC_CASCADE_BEST = 0, LLMC_CASCADE_ERROR = 1 } llmc_cascade_failure;

/* When a cascade step's answer is not good enough. */
typedef struct llmc_escalation {
    const char *marker;            /* NULL: none; default "UNCERTAIN" */
    const char *marker_instruction;/* NULL: ours */
    bool on_refusal, on_truncation, on_invalid_json;
    bool has_logprob;
    double min_mean_logprob;       /* escalate below; e.g. -0.5 */
    const char *judge_host;        /* "host:NAME": a callback of llmcost_client_add_judge() */
    const struct llmc_route *judge_route; /* a judge model */
    const char *judge_instruction; /* NULL: ours */
} llmc_escalation;

typedef struct llmc_route {
    llmc_route_kind kind;
    const char *name;              /* "faq", or "openai/gpt-4o" for a leaf */
    uint8_t fingerprint[32];       /* SHA-256 over everything that decides which answer comes out of this subtree */
    uint32_t leaf_count;           /* leaves of the unfolded tree; 1 for a leaf */
    /* LEAF */
    const llmc_provider *provider;
    const char *model;
    const llmc_model *prices;      /* NULL: not in the catalog */
    struct llmc_target *target;    /* what is known of its health, shared by all leaves of this name; NULL: nothing is kept */
    bool has_fixed_rates;          /* its standard rates are the same for every request: */
    llmc_rates fixed_rates;
    /* CASCADE */
    const struct llmc_route *const *steps;
    size_t step_count;
    llmc_escalation escalation;
    llmc_cascade_failure on_failure;
} llmc_route;

#endif
