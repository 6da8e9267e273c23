/* What the tests of the price catalog share. */
#ifndef TESTS_PRICES_H
#define TESTS_PRICES_H

#include "money/catalog.h"

/* An allocator that fails its Nth allocation (0: never) and knows what is still out. */
typedef struct price_memory {
    llmc_allocator allocator; /* hand this on */
    long fail_at, count, live;
} price_memory;
void price_memory_init(price_memory *memory, long fail_at);

llmc_catalog *prices_new(void);                            /* the built-in table; asserts */
void prices_load(llmc_catalog *catalog, const char *json); /* asserts that it loads */
/* Loads what must fail with E_CONFIG, and asserts that the message has both pieces. */
void prices_refuse(llmc_catalog *catalog, const char *json, const char *piece, const char *other);

int64_t at_time(int year, int month, int day, int hour, int minute); /* wall_ms, UTC */
extern const int64_t price_day;                                      /* noon of 2026-11-21, a Saturday */

/* One class's rate in pico per token; asserts that row and price are there. */
int64_t rate_of(const llmc_catalog *catalog, const char *provider, const char *model, llmc_price_query query, llmcost_class token_class);
int64_t plain_rate(const llmc_catalog *catalog, const char *provider, const char *model, llmcost_class token_class);

/* A usage of the classes given, the others not reported. */
llmc_usage usage_of(int64_t input, int64_t cached, int64_t output, int64_t reasoning);
/* The cost in nano of its own currency, priced as the library does: rates by the usage's own totals. */
int64_t cost_of(const llmc_catalog *catalog, const char *provider, const char *model, const llmc_usage *usage, int64_t wall_ms, const char *tier);

#endif
