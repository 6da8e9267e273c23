#include "config_reading.h"

#include <string.h>

const char *test_environment(const char *name, void *pairs)
{
    size_t bytes = strlen(name);
    for (const char *const *pair = pairs; pair && *pair; pair++) {
        if (strncmp(*pair, name, bytes) == 0 && (*pair)[bytes] == '=')
            return *pair + bytes + 1;
    }
    return NULL;
}

void config_reading_begin(config_reading *reading, const char *config, const char *const *environment)
{
    llmc_error_init(&reading->error, &llmc_allocator_system);
    llmc_arena_init(&reading->arena, &llmc_allocator_system, NULL, 0);
    reading->status = llmc_settings_read(&reading->settings, config, &llmc_allocator_system, test_environment, (void *)environment, &reading->error);
}

void config_reading_end(config_reading *reading)
{
    llmc_settings_free(reading->settings);
    llmc_arena_clear(&reading->arena);
    llmc_error_clear(&reading->error);
}

const llmc_provider *config_reading_provider(const config_reading *reading, const char *name)
{
    for (size_t i = 0; reading->settings && i < reading->settings->provider_count; i++) {
        if (strcmp(reading->settings->providers[i].name, name) == 0)
            return &reading->settings->providers[i];
    }
    return NULL;
}
