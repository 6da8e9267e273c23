/*
 * The receipt of one call: a line per leg, what each cost and how that was counted, and the saving against a baseline.
 *
 * Lines live in the call's arena. The total is the sum of the lines; the savings telescope from the baseline to the
 * total, each the difference of two rounded amounts, so that they add up to the last unit.
 */
#ifndef LLMC_RECEIPT_H
#define LLMC_RECEIPT_H

#include "base/buffer.h"
#include "money/catalog.h"
#include "money/totals.h"

typedef enum llmc_line_flag {
    LLMC_LINE_SENT = 1 << 0,           /* bytes may have reached the provider */
    LLMC_LINE_CACHED = 1 << 1,         /* answered by the cache: no tokens, no cost */
    LLMC_LINE_PRICED = 1 << 2,         /* cost_nano is a figure */
    LLMC_LINE_PRICE_UNKNOWN = 1 << 3,  /* no price in the catalog */
    LLMC_LINE_WORST_CASE = 1 << 4,     /* charged at the configured worst-case rates */
    LLMC_LINE_PRICE_UNCERTAIN = 1 << 5,
    LLMC_LINE_STATED = 1 << 6,         /* charged what the provider stated */
    LLMC_LINE_STATED_DIFFERS = 1 << 7, /* the provider states another cost than ours */
    LLMC_LINE_DRAINING = 1 << 8,       /* the caller left; the true usage is still being read and settled */
    LLMC_LINE_ANSWERED = 1 << 9,       /* the answer that was delivered came from this leg */
    LLMC_LINE_FREE = 1 << 10,          /* a provider at no cost */
    LLMC_LINE_BOUND_EXCEEDED = 1 << 11,
    LLMC_LINE_POLICY_FAILED = 1 << 12, /* a cache, a hook or a store failed; the call went on */
    LLMC_LINE_FORMAT_INSTRUCTED = 1 << 13, /* the target has no such output format: it was told in words, and its answer checked */
    LLMC_LINE_PART = 1 << 14,          /* its answer is a part of the one that was delivered */
    LLMC_LINE_CUT = 1 << 15            /* the call ended before the answer did: cancelled, and what came is estimated */
} llmc_line_flag;

typedef struct llmc_line {
    struct llmc_line *next;            /* in the order the legs began */
    uint32_t index;
    int32_t parent;                    /* index of the line it hangs under; -1: none */
    uint32_t flags;
    llmcost_status status;
    int32_t http_status;
    const char *purpose;               /* "answer", "cascade", "judge", "retry", "cache", ... */
    const char *provider, *model, *served_model, *request_id, *key; /* "" where not known */
    const char *original;              /* cached: the receipt that paid for it */
    const char *note;                  /* what policies had to say; NULL: nothing */
    const char *message;               /* of its error; NULL: none */
    llmc_usage usage;
    const llmc_rates *rates;           /* that were applied; NULL: none */
    int64_t exchange_nano;
    int64_t cost_nano, stated_nano;    /* stated: -1: none */
    int64_t bound_nano;                /* what a budget held; -1: nothing */
    int64_t age_ms;                    /* cached: how old; else -1 */
    int64_t started_ms, first_byte_ms, duration_ms; /* since the call began; -1: not */
    const struct llmc_rate_limits *limits; /* what the provider told of them; NULL: nothing */
} llmc_line;

/* A node of the route that chose one of its steps. */
typedef struct llmc_decision {
    struct llmc_decision *next;        /* in the order they were made */
    const char *node, *kind;           /* "test", "split" */
    const char *to, *why;              /* "openai/gpt-4o", "by its tag" */
    const char *side;                  /* of a split: as the config calls it; else NULL */
    uint32_t side_number;
    bool taken;                        /* what it went to was really asked */
    struct llmc_decision *inner;       /* the one that followed from it at once; NULL: none, or it does not matter */
} llmc_decision;

typedef struct llmc_receipt {
    uint64_t number;
    char id[20];                       /* see llmc_receipt_id() */
    uint32_t line_count;
    llmc_line *lines, **last;
    llmc_decision *decisions, **last_decision;
    int64_t started_wall_ms, duration_ns;
    int64_t cached_ns;                 /* what the answers out of the cache took when they were fetched */
    int64_t cost_nano, baseline_nano, saved_nano[LLMC_SAVING_COUNT];
    int64_t late_nano;                 /* what detached legs cost beyond cost_nano, as far as it was counted */
    const char *baseline;              /* "openai/gpt-4o", by the call; NULL after closing: none could be priced */
    int64_t delivered_in, delivered_out; /* tokens of the answer that was delivered, a cached one's too; -1: not known */
    uint32_t escalations;
    uint32_t restarts;                 /* how often the caller was told that what he was shown is void */
    llmc_currency currency;
    bool altered, cached;
    const llmcost_tag *tags;           /* the call's; of the arena */
    size_t tag_count;
    const char *cache_state;           /* "hit", "miss", "off", "not cacheable: sampled", ...; static */
    const char *pruned;                /* leaves that cannot serve this request, with the reason; NULL: none */
    const char *degraded;              /* policies that failed, and the call went on without them; NULL: none */
} llmc_receipt;

void llmc_receipt_init(llmc_receipt *receipt, uint64_t number, const llmc_currency currency, int64_t wall_ms);
const char *llmc_receipt_id(const llmc_receipt *receipt);   /* "r-" and 16 hex digits, written when first asked for */
bool llmc_receipt_number(const char *id, uint64_t *number); /* of its text; false: that is none */
llmc_line *llmc_receipt_add(llmc_receipt *receipt, llmc_arena *arena, const char *purpose, int32_t parent); /* NULL without memory */
/* A text behind another, with "; " between them: for pruned and degraded. The old one without memory; never NULL text. */
const char *llmc_receipt_join(llmc_arena *arena, const char *before, const char *name, const char *text);
/* A note, behind what is there already. Lost without memory. */
void llmc_line_add_note(llmc_line *line, llmc_arena *arena, const char *note);

/* What the savings are computed from. NULL rates: unknown. */
typedef struct llmc_saving_inputs {
    const llmc_line *answered;         /* the line whose answer was delivered; NULL: none was */
    const llmc_usage *delivered;       /* its usage; a cached answer's stored one */
    const llmc_rates *baseline;        /* standard rates of the baseline model */
    int64_t baseline_exchange_nano;
    const llmc_rates *standard;        /* standard rates of the answering model */
    int64_t extra_prompt_tokens;       /* what we added to the prompt (a cascade's instruction), estimated */
} llmc_saving_inputs;
/* Totals, baseline and savings; the sum of saved_nano is baseline - cost. */
void llmc_receipt_close(llmc_receipt *receipt, const llmc_saving_inputs *inputs);

/* The lines' keys (llmcost_line_key, llmcost_response_line_number, _text). */
bool llmc_line_number(const llmc_line *line, const char *key, int64_t *out);
const char *llmc_line_text(const llmc_line *line, const char *key);

struct llmc_json_writer;
void llmc_decisions_write(struct llmc_json_writer *json, const llmc_receipt *receipt); /* an array */
void llmc_receipt_write(const llmc_receipt *receipt, llmcost_status status, llmc_buffer *out);   /* JSON */
void llmc_receipt_summary(const llmc_receipt *receipt, llmcost_status status, llmc_buffer *out); /* one line of text */

#endif
