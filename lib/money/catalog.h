/*
 * The price catalog: what a model costs, by provider, day, hour, service tier and prompt length.
 *
 * Rows come from the built-in table (dated, with source), then from files in our format and in the LiteLLM price-map
 * format, which replace or extend field by field: a partial override inherits the rates that it leaves out.
 * Immutable after the client is open, so it is read without locks.
 */
#ifndef LLMC_CATALOG_H
#define LLMC_CATALOG_H

#include "money/money.h"

typedef struct llmc_catalog llmc_catalog;
typedef struct llmc_model llmc_model; /* one row: provider, model, prices, limits */

/* What decides which rates hold. Zero bytes: now unknown, standard tier. */
typedef struct llmc_price_query {
    int64_t wall_ms;          /* when the request was made (UTC) */
    int64_t prompt_tokens;    /* all input classes */
    int64_t output_tokens;
    bool reasoned;            /* the usage has reasoning tokens, or thinking is asked for: some models charge all output more then */
    const char *tier;         /* "batch", "flex", "priority", ...; NULL or "": standard */
} llmc_price_query;

typedef struct llmc_rates {
    llmc_rate rate[LLMCOST_CLASS_COUNT]; /* every class filled in: a missing one has inherited */
    llmc_currency currency;
    const char *source;       /* where the figures come from, with their date: "provider price page, 2026-10-24" */
    bool uncertain;           /* the source is not sure: flag the receipt */
} llmc_rates;

llmcost_status llmc_catalog_new(llmc_catalog **out, const llmc_allocator *allocator, llmcost_error *error); /* with the built-in table */
/* With the built-in rows of these providers only: most clients use two or three, and the whole table takes 60 KB. */
llmcost_status llmc_catalog_new_for(llmc_catalog **out, const llmc_allocator *allocator, const char *const *providers, size_t provider_count, llmcost_error *error);
bool llmc_catalog_builtin_has(const char *provider, const char *model); /* exact name or alias, in the whole built-in table */
bool llmc_catalog_builtin_may_slash(const char *provider); /* a slash may stand in its names of models; also where no row tells */
void llmc_catalog_free(llmc_catalog *catalog);
/*
 * A JSON text in our format or LiteLLM's (told apart by "llmcost_prices"); name: for messages and sources.
 * E_CONFIG names entry and member; after a failure the catalog may hold a part of the file. Later files win.
 */
llmcost_status llmc_catalog_load(llmc_catalog *catalog, const char *name, const char *json, size_t bytes, llmcost_error *error);

/*
 * The row of a provider's model: exact name, else an alias, else without a trailing date (-YYYY-MM-DD, -YYYYMMDD) or
 * -latest, else (bedrock) the same without what names a profile, else the provider's "*" row (local models). NULL: not
 * in the catalog.
 * provider: the preset's name ("openai", "moonshot", "dashscope-intl"); any thread.
 */
const llmc_model *llmc_catalog_find(const llmc_catalog *catalog, const char *provider, const char *model);
/* Whether a provider's row with exactly this name or alias exists (no "*"): for bare model names. */
bool llmc_catalog_has(const llmc_catalog *catalog, const char *provider, const char *model);

const char *llmc_model_name(const llmc_model *model);
int64_t llmc_model_max_output(const llmc_model *model); /* 0: unknown */
int64_t llmc_model_context(const llmc_model *model);    /* 0: unknown */
const char *llmc_model_currency(const llmc_model *model); /* NULL: it has no price */
const char *llmc_model_status(const llmc_model *model); /* "current", "legacy" (still served, or likely), "historical" (retired) */
/* The rates that hold for one request. false: this row has no token price (unknown). */
bool llmc_model_rates(const llmc_model *model, const llmc_price_query *query, llmc_rates *out);
/* The standard rates of a row whose every request has the same, also at worst; false: they depend on day, hour, length, reasoning or fees. */
bool llmc_model_rates_fixed(const llmc_model *model, llmc_rates *out);
/*
 * The dearest rates that any request with at most these prompt and output tokens can be charged on this day, class by
 * class and over hours and tiers of length, for an upper bound. service tier as in the query.
 */
bool llmc_model_rates_worst(const llmc_model *model, const llmc_price_query *query, llmc_rates *out);
/* The free model: all rates zero in the given currency (local servers, base_url without prices but declared free). */
void llmc_rates_free_of_charge(llmc_rates *out, const char *currency);

/* The cost of one leg: summed exactly, rounded once. exchange_nano as in llmc_sum_amount. false: overflow. */
bool llmc_price_usage(const llmc_rates *rates, const llmc_usage *usage, int64_t exchange_nano, int64_t *cost_nano);

#endif
