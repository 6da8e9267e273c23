/* One line of the table that a replay prints. */
#ifndef REPLAY_ROW_H
#define REPLAY_ROW_H

#include "money/catalog.h"

typedef struct row_prices {
    llmc_catalog *catalog;
    int64_t wall_ms; /* the day whose prices hold */
} row_prices;

void row_print_header(void);
void row_print(const char *folder, const char *provider, const char *name, const row_prices *prices);

#endif
