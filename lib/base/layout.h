/* Structs of hosts that were compiled against another version: shorter than ours, or longer. */
#ifndef LLMC_LAYOUT_H
#define LLMC_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { LLMC_STRUCT_MAX_BYTES = 1 << 14 };

/* least: the size in the first version. */
static inline bool llmc_layout_is_possible(uint32_t bytes, size_t least)
{
    return bytes >= least && bytes <= LLMC_STRUCT_MAX_BYTES;
}

/* What both know of it over ours, which is at its defaults. false: theirs sets something that we do not know. */
static inline bool llmc_lay_over(void *ours, size_t our_bytes, const void *theirs, size_t their_bytes)
{
    size_t known = their_bytes < our_bytes ? their_bytes : our_bytes;
    memcpy(ours, theirs, known);
    for (size_t i = known; i < their_bytes; i++) {
        if (((const char *)theirs)[i])
            return false;
    }
    return true;
}

#endif
