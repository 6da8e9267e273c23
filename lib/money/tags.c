/* Found by name, and copied where they outlive the request. Both are on the path of a hit. */
#include "money/tags.h"

#include <string.h>

const char *llmc_tag_value(const llmcost_tag *tags, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tags[i].name, name) == 0)
            return tags[i].value ? tags[i].value : "";
    }
    return NULL;
}

llmcost_tag *llmc_tags_copy(const llmcost_tag *tags, size_t count, llmc_arena *arena)
{
    llmcost_tag *copies = llmc_arena_alloc(arena, count * sizeof *tags);
    for (size_t i = 0; copies && i < count; i++) {
        size_t name_bytes = strlen(tags[i].name) + 1, value_bytes = strlen(tags[i].value) + 1;
        char *name = llmc_arena_alloc(arena, name_bytes + value_bytes);
        if (!name)
            return NULL;
        copies[i].name = memcpy(name, tags[i].name, name_bytes);
        copies[i].value = memcpy(name + name_bytes, tags[i].value, value_bytes);
    }
    return copies;
}
