/*
 * Routes: a name for a tree. Leaves are provider/model; the other nodes have steps, which nest freely. The tree is built
 * from the config, checked for cycles and unknown names, and never changes.
 *
 * Splits, and chooses as far as they go by what is known, are decided before the cache is asked (decide.c): what is left
 * of the tree has its own fingerprint.
 */
#ifndef LLMC_ROUTE_H
#define LLMC_ROUTE_H

#include "money/catalog.h"
#include "money/experiment.h"
#include "provider/provider.h"

typedef enum llmc_route_kind {
    LLMC_ROUTE_LEAF = 0,
    LLMC_ROUTE_CASCADE = 1,  /* the next step when an answer is not good enough */
    LLMC_ROUTE_FALLBACK = 2, /* the next step when one failed */
    LLMC_ROUTE_SPLIT = 3,    /* one of the steps, by weight */
    LLMC_ROUTE_CHOOSE = 4,   /* the first step whose conditions hold, or the cheapest */
    LLMC_ROUTE_KINDS
} llmc_route_kind;
extern const char *const llmc_route_kind_names[LLMC_ROUTE_KINDS]; /* "model", "cascade", ... */

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
    int64_t judge_max_tokens;      /* of a judge model's answer; 0: enough */
} llmc_escalation;

typedef struct llmc_cascade {
    llmc_escalation escalation;
    llmc_cascade_failure on_failure;
} llmc_cascade;

/* What makes a fallback go on. */
typedef struct llmc_fallback {
    uint32_t on;        /* a bit per llmc_fallback_cause */
    int32_t attempt_ms; /* how long a step that is not the last may take until its answer is shown; 0: no limit */
    bool begins_again;  /* also when part of an answer has been shown: the next one begins from the start */
} llmc_fallback;

/* What a choose can know of a request. */
typedef enum llmc_fact {
    LLMC_FACT_TAG = 0,       /* `subject` has one of `words` as its value */
    LLMC_FACT_PROMPT_TOKENS, /* estimated */
    LLMC_FACT_NEEDS,         /* one of the abilities in `mask` */
    LLMC_FACT_FITS,          /* the rule's target takes the request, and its window the prompt and the answer */
    LLMC_FACT_SPENT,         /* share of the budget `number`, in millionths */
    LLMC_FACT_HOUR,          /* UTC: from `above` until `below`, over midnight where that is less */
    LLMC_FACT_WEEKDAY,       /* UTC: one of those in `mask`, Monday is bit 0 */
    LLMC_FACT_HEALTHY,       /* one of `targets`; none: the rule's own */
    LLMC_FACTS
} llmc_fact;

typedef enum llmc_need {
    LLMC_NEED_VISION = 1, LLMC_NEED_AUDIO = 2, LLMC_NEED_DOCUMENTS = 4, LLMC_NEED_TOOLS = 8, LLMC_NEED_JSON = 16, LLMC_NEED_JSON_SCHEMA = 32
} llmc_need;
enum { LLMC_NEED_COUNT = 6 };
extern const char *const llmc_need_names[LLMC_NEED_COUNT]; /* "vision", ... by bit */
extern const char *const llmc_weekday_names[7];            /* "mon", ... */

typedef struct llmc_condition {
    llmc_fact fact;
    uint32_t mask;
    const char *subject;                     /* the tag, or the budget's name */
    const char *const *words;
    const struct llmc_route *const *targets;
    size_t count;                            /* of words or targets */
    int64_t above, below;                    /* both exclusive */
    uint32_t number;
} llmc_condition;

typedef struct llmc_rule {
    const llmc_condition *conditions;        /* all must hold */
    size_t condition_count;
    const char *const *labels;               /* one of them must be given; none: whatever is */
    size_t label_count;
} llmc_rule;

typedef enum llmc_labeller_kind { LLMC_LABELLER_MODEL = 0, LLMC_LABELLER_LOCAL = 1, LLMC_LABELLER_HOST = 2 } llmc_labeller_kind;
enum { LLMC_MAX_LABELS = 16 };

typedef struct llmc_label {
    const char *name, *description;          /* "": none */
} llmc_label;

typedef struct llmc_labeller {
    llmc_labeller_kind kind;
    const struct llmc_route *route;          /* of a model */
    const char *host;                        /* name of a callback of llmcost_client_add_labeller() */
    const llmc_label *labels;                /* from easy to hard */
    size_t label_count;
    int64_t max_tokens;                      /* of a model's answer; 0: enough */
    int32_t thresholds[LLMC_MAX_LABELS - 1]; /* local: the score that each label but the first begins with */
} llmc_labeller;

typedef struct llmc_choose {
    const llmc_rule *rules;                  /* one per step; NULL: the cheapest of the steps */
    const llmc_labeller *labeller;           /* NULL: no rule asks for a label */
    struct llmc_facts *facts;                /* of a call's own copy: what is known of its request */
} llmc_choose;

/* A choice leaves two bytes in the fingerprint of what is left of the tree (decide.c). */
enum { LLMC_ROUTE_MAX_STEPS = 16, LLMC_ROUTE_MAX_CHOICES = 16 };

typedef struct llmc_route {
    llmc_route_kind kind;
    const char *name;              /* "faq", or "openai/gpt-4o" for a leaf */
    uint8_t fingerprint[32];       /* SHA-256 over everything that decides which answer comes out of this subtree */
    uint32_t leaf_count;           /* leaves of the unfolded tree; 1 for a leaf */
    uint32_t choice_count;         /* its splits and chooses that are still to be decided */
    uint32_t depth;                /* nodes below it on the longest way down; 0 for a leaf */
    /* All but a LEAF */
    const struct llmc_route *const *steps;
    size_t step_count;
    const llmc_cascade *cascade;   /* of these one, by kind */
    const llmc_fallback *fallback;
    const llmc_split *split;       /* a side for each step */
    const llmc_choose *choose;
    struct llmc_decision *through; /* of a call's own tree: the decisions that count when this is asked; else NULL */
    /* LEAF */
    const llmc_provider *provider;
    const char *model;
    const llmc_model *prices;      /* NULL: not in the catalog */
    int64_t exchange_nano;         /* of the prices' currency, as a provider's; without prices the provider's own */
    struct llmc_target *target;    /* what is known of its health, shared by all leaves of this name; NULL: nothing is kept */
    bool has_fixed_rates;          /* its standard rates are the same for every request: */
    llmc_rates fixed_rates;
} llmc_route;

#endif
