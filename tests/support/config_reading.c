#include "config_reading.h"

#include "failing_allocator.h"

#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

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

config_reading config_reading_good(const char *config, const char *const *environment)
{
    config_reading reading;
    config_reading_begin(&reading, config, environment);
    if (reading.status)
        fail_msg("%s: %s", config, llmcost_error_message(&reading.error));
    return reading;
}

void config_reading_bad(const char *config, const char *const *environment, llmcost_status status, const char *message)
{
    config_reading reading;
    config_reading_begin(&reading, config, environment);
    assert_null(reading.settings);
    assert_string_equal(llmcost_error_message(&reading.error), message);
    assert_int_equal(reading.status, status);
    assert_int_equal(reading.error.status, status);
    config_reading_end(&reading);
}

void config_reading_bad_has(const char *config, const char *const *environment, const char *words)
{
    config_reading reading;
    config_reading_begin(&reading, config, environment);
    assert_null(reading.settings);
    if (!strstr(llmcost_error_message(&reading.error), words))
        fail_msg("\"%s\" is not in: %s", words, llmcost_error_message(&reading.error));
    assert_int_equal(reading.status, LLMCOST_E_CONFIG);
    config_reading_end(&reading);
}

void config_reading_sweep(const char *config, const char *const *environment)
{
    for (long n = 1;; n++) {
        failing_allocator failing;
        failing_allocator_init(&failing, n);
        llmcost_error error;
        llmc_error_init(&error, &failing.allocator);
        llmc_settings *settings;
        llmcost_status status = llmc_settings_read(&settings, config, &failing.allocator, test_environment, (void *)environment, &error);
        if (failing.failed) {
            assert_int_equal(status, LLMCOST_E_MEMORY);
            assert_null(settings);
        } else {
            assert_int_equal(status, LLMCOST_OK);
        }
        llmc_settings_free(settings);
        llmc_error_clear(&error);
        assert_int_equal(failing.live, 0);
        if (!failing.failed)
            return;
        assert_true(n < 10000);
    }
}
