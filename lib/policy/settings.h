/* Everything the config says, checked and resolved: what the client is opened with. Immutable while the client lives. */
#ifndef LLMC_SETTINGS_H
#define LLMC_SETTINGS_H

#include "money/accounts.h"
#include "money/catalog.h"
#include "policy/route.h"

typedef struct llmc_alias {
    const char *name;
    const llmc_route *route;
} llmc_alias;

typedef enum llmc_unknown_price { LLMC_PRICE_REFUSE = 0, LLMC_PRICE_WORST_CASE = 1, LLMC_PRICE_ALLOW = 2 } llmc_unknown_price;
typedef enum llmc_stated_cost { LLMC_STATED_OURS = 0, LLMC_STATED_PROVIDER = 1 } llmc_stated_cost;

/* A dated exchange rate: one unit of `from` in ledger units times 1e9. */
typedef struct llmc_exchange {
    llmc_currency from;
    int64_t nano;
    const char *date;
} llmc_exchange;

typedef struct llmc_settings {
    llmc_arena arena; /* all texts and arrays below */

    llmc_provider *providers;
    size_t provider_count;
    llmc_alias *names; /* routes and aliases, by name; bare models and provider/model are resolved as they come */
    size_t name_count;
    struct llmc_leaf_memo *leaves; /* leaves that requests named: grows, without locks (client/config_leaves.c) */
    struct llmc_targets *targets;  /* how the leaves' targets are: grows, without locks (policy/target.c) */
    llmc_catalog *catalog;

    /* "cache" */
    bool cache_memory;
    size_t cache_max_bytes, cache_max_entries;
    int64_t cache_ttl_ms;
    bool cache_sampled;
    const char *cache_namespace;
    int32_t cache_store_wait_ms;           /* a host's store; 0: as long as the call */

    /* "budgets" and money */
    llmc_budget *budgets;
    size_t budget_count;
    llmc_currency currency;
    llmc_exchange *exchanges;
    size_t exchange_count;
    llmc_unknown_price unknown_price;
    llmc_rate worst_input, worst_output;   /* unknown_price worst case, in the ledger's currency */
    llmc_stated_cost stated_cost;
    llmc_breaker_rules breaker;            /* what providers begin with */
    const llmc_route *baseline;            /* a leaf, or NULL: the route's dearest leaf */
    int64_t default_max_tokens;            /* 0: the model's maximum as far as the money goes */
    int64_t min_max_tokens;                /* the floor when a budget clamps */
    int32_t budget_wait_ms;
    int64_t image_bound_tokens;            /* 0: by the model's family, where known */

    /* reports */
    const char *const *report_tags;
    size_t report_tag_count, report_max_values, report_max_days, report_feedback_calls;
    llmc_split *splits, **last_split;      /* all that are in routes, with their sides numbered through */
    size_t side_count;
    uint32_t route_kinds;                  /* a bit for each llmc_route_kind that a route has */

    int32_t deadline_ms;                   /* default of a call; 0: none */
    int32_t close_ms;
    bool background;
} llmc_settings;

/* Reads a config: path, JSON text or NULL (client/config.c). environment never NULL. */
llmcost_status llmc_settings_read(llmc_settings **out, const char *config, const llmc_allocator *allocator,
                                  llmcost_environment_fn environment, void *environment_user, llmcost_error *error);
void llmc_settings_free(llmc_settings *settings);

/*
 * What a request's model name means: a route, else an alias, else "provider/model", else a bare name that exactly one
 * configured provider's catalog has. A leaf that is not in the tables and finds no place there is made in `arena`.
 * Any thread.
 * E_UNKNOWN_MODEL names the nearest known one, E_AMBIGUOUS_MODEL lists the providers.
 */
llmcost_status llmc_settings_resolve(const llmc_settings *settings, const char *name, llmc_arena *arena, const llmc_route **out, llmcost_error *error);
/* 1e9 for the ledger's own currency; false: the config has no rate for it. */
bool llmc_settings_exchange(const llmc_settings *settings, const char *currency, int64_t *nano);

#endif
