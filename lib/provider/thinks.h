/* Which models think before they answer without being asked to. */
#ifndef LLMC_THINKS_H
#define LLMC_THINKS_H

#include "provider/codec.h"

/* Known to, by name or host: then a few max_tokens are gone before the first word. */
bool llmc_thinks_by_itself(const llmc_codec_target *target);

#endif
