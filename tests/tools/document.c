/* Prints the README's tables from the tables of the code: document config | providers. */
#include "client/config.h"
#include "provider/presets.h"

#include <stdio.h>
#include <string.h>

static int print_config(void)
{
    llmc_buffer text;
    llmc_buffer_init(&text, &llmc_allocator_system, 1 << 20);
    int code = llmc_config_document(&text) == LLMCOST_OK ? 0 : 1;
    fwrite(text.data, 1, text.length, stdout);
    llmc_buffer_free(&text);
    return code;
}

static int print_providers(void)
{
    puts("| preset | format | base URL | key from | bills in |\n|---|---|---|---|---|");
    for (size_t i = 0; i < llmc_preset_count(); i++) {
        const llmc_preset *preset = llmc_preset_at(i);
        printf("| `%s` | %s | %s |", preset->name, preset->codec->name, preset->base_url ? preset->base_url : "(yours)");
        for (size_t k = 0; k < sizeof preset->key_variables / sizeof preset->key_variables[0] && preset->key_variables[k]; k++)
            printf("%s `%s`", k ? " or" : "", preset->key_variables[k]);
        printf("%s | %s |\n", preset->key_variables[0] ? "" : " (optional)", preset->free_of_charge ? "nothing" : preset->currency);
    }
    return 0;
}

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "config") == 0)
        return print_config();
    if (count == 2 && strcmp(arguments[1], "providers") == 0)
        return print_providers();
    fputs("document config | providers\n", stderr);
    return 2;
}
