#include "shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

const char *shared_folder(void)
{
    const char *folder = getenv("LLMCOST_SHARED");
    if (!folder || !*folder)
        folder = "../shared";
    struct stat facts;
    return stat(folder, &facts) == 0 && S_ISDIR(facts.st_mode) ? folder : "";
}

char *read_file(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    char *text = NULL;
    size_t length = 0, capacity = 0;
    for (;;) {
        if (capacity - length < 4096) {
            capacity = capacity ? capacity * 2 : 8192;
            char *grown = realloc(text, capacity + 1);
            if (!grown)
                break;
            text = grown;
        }
        size_t got = fread(text + length, 1, capacity - length, file);
        length += got;
        if (got == 0)
            break;
    }
    fclose(file);
    if (text)
        text[length] = '\0';
    if (bytes)
        *bytes = length;
    return text;
}
