/* What the files that read the config share. Inside lib/client only; others see policy/settings.h. */
#ifndef LLMC_CONFIG_H
#define LLMC_CONFIG_H

#include "policy/settings.h"
#include "client/config_tree.h"

enum { LLMC_CONFIG_MAX_FILE_BYTES = 16 << 20, LLMC_CONFIG_MAX_NAME_BYTES = 256 };

struct llmc_route_draft;

/* The reading of one config. */
typedef struct llmc_config {
    llmc_settings *settings;
    const llmc_config_tree *tree; /* NULL: everything is from the environment */
    const llmc_allocator *allocator;
    const char *path;             /* of the config file; relative paths start in its folder; NULL: in the current one */
    llmcost_environment_fn environment;
    void *environment_user;
    llmc_buffer environment_lines; /* "NAME=VALUE" of "env_file", each ended by a zero byte; wiped */
    llmcost_error *error;
    struct llmc_route_draft *drafts; /* routes and aliases while they are built (config_routes.c) */
    size_t draft_count;
} llmc_config;

/* ---- messages (config_values.c) ---- */

/* E_CONFIG with "file:line: " of the node in front; node NULL: without. Never give it a secret. */
llmcost_status llmc_config_fail(llmc_config *config, const llmc_config_node *node, const char *format, ...) __attribute__((format(printf, 3, 4), cold));
llmcost_status llmc_config_no_memory(llmc_config *config) __attribute__((cold));

/* "did you mean": offer all candidates, then ask for the hint. */
typedef struct llmc_nearest {
    const char *word, *best;
    size_t distance;
} llmc_nearest;
enum { LLMC_HINT_BYTES = 320 };
void llmc_nearest_offer(llmc_nearest *nearest, const char *candidate);
const char *llmc_nearest_hint(const llmc_nearest *nearest, char out[LLMC_HINT_BYTES]); /* ", did you mean \"x\"?" or "" */

/* ---- values (config_values.c) ---- */

bool llmc_config_duration(const char *text, int64_t *ms);  /* "10m" */
bool llmc_config_size(const char *text, int64_t *bytes);   /* "64MB" */
bool llmc_config_currency(const char *text);               /* three capital letters */
bool llmc_config_date(const char *text);                   /* 2026-11-01, a day that exists */
/* A string or number node as a decimal, times 10^scale, exactly. */
bool llmc_config_decimal(const llmc_config_node *node, int scale, int64_t *out);
/* "5 USD", in nano-units of the ledger. Fills in the error. */
llmcost_status llmc_config_money(llmc_config *config, const llmc_config_node *node, int64_t *nano);
/* The node is of this type, or an error that says what belongs there. */
llmcost_status llmc_config_expect(llmc_config *config, const llmc_config_node *node, llmc_json_type type, const char *what);
/* A copy of a string node of 1 to LLMC_CONFIG_MAX_NAME_BYTES bytes without control characters. */
llmcost_status llmc_config_name(llmc_config *config, const llmc_config_node *node, const char **out);
/* The same for a key of an object, such as the name of a route. */
llmcost_status llmc_config_key_name(llmc_config *config, const llmc_config_node *node, const char **out);

/* ---- files (config_files.c) ---- */

/* path as written in the config: relative ones start in the config's folder. NULL without memory. */
char *llmc_config_path(llmc_config *config, const char *path);
/* A whole regular file of at most `maximum` bytes; node: where it is named, or NULL. E_FILE names the path. */
llmcost_status llmc_config_file(llmc_config *config, const llmc_config_node *node, const char *path, size_t maximum, llmc_buffer *out);

/* ---- the environment (config_environment.c) ---- */

/* "env_file": NAME=VALUE lines that stand in for variables that the environment lacks. */
llmcost_status llmc_config_environment_file(llmc_config *config, const llmc_config_node *node);
void llmc_config_environment_forget(llmc_config *config);
const char *llmc_config_variable(const llmc_config *config, const char *name); /* NULL: not set, or empty */

/* ---- the table of keys (config_key_table.h, config_keys.c) ---- */

typedef enum llmc_config_key_kind {
    LLMC_KEY_BOOL, LLMC_KEY_INTEGER, LLMC_KEY_FRACTION, LLMC_KEY_MILLISECONDS, LLMC_KEY_DURATION, LLMC_KEY_SIZE, LLMC_KEY_TEXT, LLMC_KEY_LONG_TEXT,
    LLMC_KEY_PATH, LLMC_KEY_CURRENCY, LLMC_KEY_CHOICE, LLMC_KEY_STRUCTURE, /* read by the section's own file */
    LLMC_KEY_SECTION /* no key: the keys after it belong to it */
} llmc_config_key_kind;

typedef enum llmc_config_section_id {
    LLMC_SECTION_ROOT, LLMC_SECTION_PROVIDER, LLMC_SECTION_BREAKER, LLMC_SECTION_LIMITS, LLMC_SECTION_CASCADE, LLMC_SECTION_ESCALATE, LLMC_SECTION_FALLBACK,
    LLMC_SECTION_SPLIT, LLMC_SECTION_SPLIT_SIDE, LLMC_SECTION_CHOOSE, LLMC_SECTION_CHOOSE_RULE, LLMC_SECTION_WHEN, LLMC_SECTION_WHEN_PROMPT,
    LLMC_SECTION_WHEN_SPENT, LLMC_SECTION_WHEN_HOUR, LLMC_SECTION_CHEAPEST, LLMC_SECTION_CACHE, LLMC_SECTION_CACHE_MEMORY,
    LLMC_SECTION_BUDGET, LLMC_SECTION_EXCHANGE, LLMC_SECTION_UNKNOWN_PRICE, LLMC_SECTION_REPORT, LLMC_SECTION_COUNT
} llmc_config_section_id;

/*
 * Reads the plain keys of a section into target and refuses unknown ones; keys that it lacks get their defaults, so
 * object may be NULL. Keys with a structure of their own are only known here, the section's file reads them.
 */
llmcost_status llmc_config_keys(llmc_config *config, llmc_config_section_id section, const llmc_config_node *object, void *target);
/* The same without defaults: what the object does not name stays. */
llmcost_status llmc_config_keys_over(llmc_config *config, llmc_config_section_id section, const llmc_config_node *object, void *target);
/* All keys, as Markdown for the README (config_document.c). E_MEMORY or E_TOO_LARGE as the buffer has it. */
llmcost_status llmc_config_document(llmc_buffer *out);

/* ---- sections ---- */

llmcost_status llmc_config_providers(llmc_config *config, const llmc_config_node *providers);
llmcost_status llmc_config_breaker(llmc_config *config, const llmc_config_node *node, llmc_breaker_rules *rules); /* config_providers.c; NULL: on, as it is */
llmcost_status llmc_config_providers_of_environment(llmc_config *config);
llmcost_status llmc_config_base_url(llmc_config *config, const llmc_config_node *object, llmc_provider *provider); /* config_url.c */
llmcost_status llmc_config_credentials(llmc_config *config, const llmc_config_node *object, llmc_provider *provider); /* config_credentials.c */
llmcost_status llmc_config_limits(llmc_config *config, const llmc_config_node *node, llmc_provider *provider); /* config_limits.c */
void llmc_config_keep_loopback_local(llmc_provider *provider); /* no proxy of the environment for it */
llmcost_status llmc_config_check_plain_http(llmc_config *config, const llmc_config_node *node, const llmc_provider *provider); /* config_providers.c */
bool llmc_config_has_usual_key(const llmc_config *config, const llmc_preset *preset);
bool llmc_config_has_base_url(const llmc_config *config, const llmc_preset *preset); /* without anything of the config */
llmcost_status llmc_config_routes(llmc_config *config, const llmc_config_node *models, const llmc_config_node *routes);
llmcost_status llmc_config_budgets(llmc_config *config, const llmc_config_node *budgets);
llmcost_status llmc_config_budget_models(llmc_config *config, const llmc_config_node *budgets); /* when the routes are read, which need the budgets */
llmcost_status llmc_config_money_rules(llmc_config *config, const llmc_config_node *root); /* exchange_rates, unknown_price, prices */

/* ---- names of models (config_resolve.c) ---- */

enum { LLMC_REASON_BYTES = 700 };
const llmc_route *llmc_config_known_name(const llmc_settings *settings, const char *name); /* a route or an alias; NULL: none */
/* "provider/model" or a bare name; reason says why not. */
llmcost_status llmc_config_leaf(const llmc_settings *settings, const char *name, llmc_arena *arena, const llmc_route **out, char reason[LLMC_REASON_BYTES]);
const llmc_provider *llmc_config_provider(const llmc_settings *settings, const char *name, size_t bytes); /* NULL: not configured */
/* The same, remembering: for names of requests (config_leaves.c). *out is NULL after a failure. */
llmcost_status llmc_leaf_memo_resolve(const llmc_settings *settings, const char *name, llmc_arena *arena, const llmc_route **out, char reason[LLMC_REASON_BYTES]);
const llmc_route *llmc_leaf_memo_find(struct llmc_leaf_memo *memo, const char *name); /* NULL: not named so far */
struct llmc_leaf_memo *llmc_leaf_memo_new(llmc_arena *arena);
void llmc_leaf_memo_free(struct llmc_leaf_memo *memo, const llmc_allocator *allocator); /* what it remembers; NULL is fine */
void llmc_route_fingerprint(llmc_route *route); /* of a node whose children have theirs */

#endif
