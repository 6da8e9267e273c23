/* The tags of a call: what a host files it under. */
#ifndef LLMC_TAGS_H
#define LLMC_TAGS_H

#include "base/memory.h"

const char *llmc_tag_value(const llmcost_tag *tags, size_t count, const char *name); /* NULL: no such tag */
llmcost_tag *llmc_tags_copy(const llmcost_tag *tags, size_t count, llmc_arena *arena); /* NULL without memory */

#endif
