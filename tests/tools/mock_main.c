/* The loopback provider as a program: llmcost-mock [script.json [port]]. Prints its URL and runs until its input ends. */
#include <llmcost/mock.h>

#include <stdio.h>
#include <stdlib.h>

static char *read_whole(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t length = 0, got = 0;
    do {
        length += got;
        char *grown = file ? realloc(text, length + 65537) : NULL;
        if (!grown)
            break;
        text = grown;
        got = fread(text + length, 1, 65536, file);
    } while (got);
    if (file)
        fclose(file);
    if (text)
        text[length] = '\0';
    return text;
}

int main(int argument_count, char **arguments)
{
    llmcost_error *error = NULL;
    llmcost_mock *mock = NULL;
    llmcost_mock_options options = LLMCOST_MOCK_OPTIONS_INIT;
    char *script = argument_count > 1 ? read_whole(arguments[1]) : NULL;
    if (argument_count > 1 && !script) {
        fprintf(stderr, "llmcost-mock: %s cannot be read\n", arguments[1]);
        return 2;
    }
    options.port = argument_count > 2 ? (uint16_t)strtoul(arguments[2], NULL, 10) : 0;
    options.error = &error;
    llmcost_status status = llmcost_mock_start(&mock, script, &options);
    free(script);
    if (status != LLMCOST_OK) {
        fprintf(stderr, "llmcost-mock: %s\n", llmcost_error_message(error));
        llmcost_error_free(error);
        return 1;
    }
    printf("%s\n", llmcost_mock_url(mock));
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    return llmcost_mock_stop(mock) == LLMCOST_OK ? 0 : 1;
}
