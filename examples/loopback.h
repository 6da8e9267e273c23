/*
 * So that the examples run without a key: with a config file as argument they use that; without one they start the
 * loopback provider and let "openai" point to it. `settings` are further members of the config.
 */
#ifndef EXAMPLES_LOOPBACK_H
#define EXAMPLES_LOOPBACK_H

#include <llmcost/mock.h>

#include <stdio.h>
#include <stdlib.h>

static llmcost_mock *loopback;

static llmcost_client *open_example(int count, char **arguments, const char *script, const char *settings)
{
    char config[4096];
    llmcost_client *client = NULL;
    llmcost_error *error = NULL;
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    options.error = &error;
    if (count < 2 && llmcost_mock_start(&loopback, script, NULL) != LLMCOST_OK)
        exit(2);
    if (loopback)
        snprintf(config, sizeof config, "{\"providers\": {\"openai\": {\"base_url\": \"%s/v1\", \"key\": \"none\"}}%s%s}", llmcost_mock_url(loopback),
                 settings[0] ? ", " : "", settings);
    if (llmcost_client_open(&client, loopback ? config : arguments[1], &options) != LLMCOST_OK) {
        fprintf(stderr, "%s\n", llmcost_error_message(error));
        exit(2);
    }
    return client;
}

static void close_example(llmcost_client *client)
{
    llmcost_client_close(client);
    llmcost_mock_stop(loopback);
}

#endif
