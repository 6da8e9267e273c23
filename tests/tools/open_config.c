/* Opens a client with each config file that is named, as a user would, and says what is wrong with it. */
#include <llmcost/llmcost.h>

#include <stdio.h>

static int open_one(const char *path)
{
    llmcost_client *client = NULL;
    llmcost_error *error = NULL;
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    options.error = &error;
    if (llmcost_client_open(&client, path, &options) != LLMCOST_OK)
        fprintf(stderr, "%s\n", llmcost_error_message(error));
    llmcost_error_free(error);
    int failed = client == NULL;
    llmcost_client_close(client);
    return failed;
}

int main(int count, char **arguments)
{
    int failed = 0;
    for (int i = 1; i < count; i++)
        failed |= open_one(arguments[i]);
    return failed;
}
