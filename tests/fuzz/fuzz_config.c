/* Any text as a config; what is read must resolve names without harm. */
#include "policy/settings.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *no_environment(const char *name, void *user)
{
    (void)name, (void)user;
    return NULL;
}

/* Names that a config may give meaning to, and the config's own. */
static void resolve_names(const llmc_settings *settings)
{
    static const char *const names[] = { "a", "openai/gpt-4o", "local/x", "gpt-4o", "/", "", "a/b/c" };
    llmcost_error error;
    llmc_arena arena;
    const llmc_route *route;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_arena_init(&arena, &llmc_allocator_system, NULL, 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)llmc_settings_resolve(settings, names[i], &arena, &route, &error);
    for (size_t i = 0; i < settings->name_count; i++) {
        if (llmc_settings_resolve(settings, settings->names[i].name, &arena, &route, &error) || route != settings->names[i].route)
            abort();
    }
    llmc_arena_clear(&arena);
    llmc_error_clear(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *config = malloc(size + 2);
    if (!config)
        return 0;
    config[0] = '{'; /* always a text, never a path */
    memcpy(config + 1, data, size);
    config[size + 1] = '\0';
    if (strstr(config, "prices") || strstr(config, "file:")) { /* no files of this machine */
        free(config);
        return 0;
    }
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_settings *settings;
    llmcost_status status = llmc_settings_read(&settings, config, &llmc_allocator_system, no_environment, NULL, &error);
    if ((status == LLMCOST_OK) != (settings != NULL) || (status && !*llmcost_error_message(&error)))
        abort();
    if (settings)
        resolve_names(settings);
    llmc_settings_free(settings);
    llmc_error_clear(&error);
    free(config);
    return 0;
}
