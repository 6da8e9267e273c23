/* Which models think before they answer without being asked to. */
#ifndef LLMC_THINKS_H
#define LLMC_THINKS_H

#include <stdbool.h>
#include <stdint.h>

/* Known to, by the host's quirks or its name: then a few max_tokens are gone before the first word. */
bool llmc_thinks_by_itself(uint64_t quirks, const char *model);

#endif
