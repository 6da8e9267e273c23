/*
 * The inside of the price catalog: what a row holds and how the loaders put figures into it.
 *
 * A row is a flat list of prices, each a set of rates with the conditions under which it holds: days, prompt and output
 * length, hours, service level. Tiers, dated price lists, off-peak hours and explicit priority rates are all that one
 * thing, and "the last price whose conditions hold" is the one rule of selection.
 */
#ifndef LLMC_CATALOG_ROWS_H
#define LLMC_CATALOG_ROWS_H

#include "money/catalog.h"

#define LLMC_NO_RATE INT64_C(-1) /* left out: inherits */
#define LLMC_MULTIPLIER_ONE INT64_C(1000000)

enum { LLMC_PATCH_PRICES_MOST = 48, LLMC_FIRST_DAY = INT32_MIN, LLMC_LAST_DAY = INT32_MAX };

typedef enum llmc_level { LLMC_STANDARD, LLMC_BATCH, LLMC_FLEX, LLMC_PRIORITY, LLMC_FAST, LLMC_LEVEL_COUNT } llmc_level;

typedef struct llmc_price {
    int64_t pico[LLMCOST_CLASS_COUNT]; /* LLMC_NO_RATE: left out */
    int64_t above_prompt;              /* for prompts of strictly more tokens; -1: for all */
    int64_t least_output;              /* and outputs of at least so many */
    int32_t from_day, until_day;       /* UTC days since 1970, both included; a dated list replaces the undated one */
    uint32_t peak_hours;               /* bit h: hour h UTC; with peak_days not 0 the price holds outside these hours */
    uint8_t peak_days;                 /* bit 0: Monday */
    uint8_t level;                     /* llmc_level; figures of a level stand for every day and hour */
} llmc_price;

struct llmc_model {
    const char *provider, *name, *source;
    llmc_price *prices;                   /* the undated base first, then its tiers and hours, dated lists, levels */
    size_t price_count;                   /* 0: no token price */
    int64_t multiplier[LLMC_LEVEL_COUNT]; /* in millionths; 0: none known */
    int64_t request_most;                 /* the dearest fee per request, where the fee depends on what it asks for */
    int64_t max_output, context;
    llmc_currency currency;
    uint8_t status; /* llmc_row_status */
    bool uncertain;
    bool thinking_reprices; /* in an answer with reasoning all output costs the reasoning rate */
};

typedef enum llmc_row_status { LLMC_ROW_CURRENT, LLMC_ROW_LEGACY, LLMC_ROW_HISTORICAL } llmc_row_status;

/* What one entry of a file says about one row. Texts are borrowed until it is applied. */
typedef struct llmc_row_patch {
    const char *provider, *model, *source;
    llmc_price prices[LLMC_PATCH_PRICES_MOST];
    size_t price_count;
    int64_t multiplier[LLMC_LEVEL_COUNT]; /* 0: left out */
    int64_t max_output, context;          /* 0: left out */
    llmc_currency currency;
    bool replaces_tiers; /* tiers are given, perhaps none */
    bool free_of_charge, uncertain;
} llmc_row_patch;

void llmc_price_init(llmc_price *price); /* no rates, no conditions */
bool llmc_price_is_tier(const llmc_price *price);
/* The patch's price for these conditions, new if need be; NULL: there are too many. */
llmc_price *llmc_patch_price(llmc_row_patch *patch, llmc_level level, int64_t above_prompt, int64_t least_output);
/* Replaces the row's figures by those given, and keeps the others; the row, or NULL without memory. */
llmc_model *llmc_catalog_apply(llmc_catalog *catalog, const llmc_row_patch *patch);
char *llmc_catalog_keep(llmc_catalog *catalog, const char *text); /* a copy that lives as long as the catalog; NULL without memory */

/* New rows, for the built-in table. */
llmc_model *llmc_catalog_add(llmc_catalog *catalog, const char *provider, const char *name, size_t price_capacity);
bool llmc_catalog_alias(llmc_catalog *catalog, llmc_model *model, const char *alias); /* never hides an exact name */
/* The rows of one provider, NULL: of all, but for those whose bit is set in *loaded. */
bool llmc_catalog_load_builtin(llmc_catalog *catalog, const char *provider, uint64_t *loaded);

/* The two formats; root: a jansson tree. */
struct json_t;
llmcost_status llmc_catalog_load_own(llmc_catalog *catalog, const char *file, struct json_t *root, llmcost_error *error);
llmcost_status llmc_catalog_load_litellm(llmc_catalog *catalog, const char *file, struct json_t *root, llmcost_error *error);

#endif
