/*
 * make replay FIXTURES=DIR: every recorded exchange below DIR (DIR/provider/case) through the library's codecs, one
 * tab-separated line each. Prices are those of today, in the provider's currency; a cost that the provider states wins.
 */
#include "replay/row.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* The folders in a folder, in order; NULL where it cannot be read. */
static int list(const char *path, struct dirent ***entries)
{
    int count = scandir(path, entries, NULL, alphasort);
    return count < 0 ? 0 : count;
}

static int is_case_folder(const char *folder, const char *provider, const char *name)
{
    char path[4096];
    struct stat status;
    int length = snprintf(path, sizeof path, "%s/%s/%s", folder, provider, name);
    return name[0] != '.' && length > 0 && (size_t)length < sizeof path && stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static void replay_provider(const char *folder, const char *provider, const row_prices *prices)
{
    char path[4096];
    struct dirent **entries = NULL;
    int length = snprintf(path, sizeof path, "%s/%s", folder, provider);
    int count = length > 0 && (size_t)length < sizeof path ? list(path, &entries) : 0;
    for (int i = 0; i < count; i++) {
        if (is_case_folder(folder, provider, entries[i]->d_name))
            row_print(folder, provider, entries[i]->d_name, prices);
        free(entries[i]);
    }
    free(entries);
}

int main(int count, char **arguments)
{
    struct dirent **entries = NULL;
    row_prices prices = { .wall_ms = (int64_t)time(NULL) * 1000 };
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    if (count != 2 || llmc_catalog_new(&prices.catalog, &llmc_allocator_system, &error) != LLMCOST_OK) {
        fprintf(stderr, "usage: replay DIR, where DIR/provider/case holds response.body and response.meta.json\n");
        return 2;
    }
    int providers = scandir(arguments[1], &entries, NULL, alphasort);
    if (providers < 0) {
        perror(arguments[1]);
        llmc_catalog_free(prices.catalog);
        return 2;
    }
    row_print_header();
    for (int i = 0; i < providers; i++) {
        if (entries[i]->d_name[0] != '.')
            replay_provider(arguments[1], entries[i]->d_name, &prices);
        free(entries[i]);
    }
    free(entries);
    llmc_catalog_free(prices.catalog);
    return fflush(stdout) == 0 ? 0 : 1;
}
