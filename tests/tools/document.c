/* Prints the README's tables from the tables of the code: document config | providers | abilities. */
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

/* ---- what a host takes: its codec's own check is asked ---- */

static llmcost_message messages[1] = { { .role = LLMCOST_USER, .text = "hello" } };
static llmcost_part part = { .media_type = "image/png", .data = "x", .data_bytes = 1 };
static const llmcost_tool tool = { .name = "look", .parameters = "{}" };
static const char *const inputs[] = { "hello" };

static void ask_part(int32_t type, const char *media_type)
{
    part.type = type;
    part.media_type = media_type;
    messages[0] = (llmcost_message){ .role = LLMCOST_USER, .parts = &part, .part_count = 1 };
}

static void with_tools(llmcost_request *request)
{
    request->tools = &tool;
    request->tool_count = 1;
}

static void with_schema(llmcost_request *request)
{
    request->format = LLMCOST_FORMAT_JSON_SCHEMA;
    request->format_schema = "{\"type\":\"object\"}";
}

static void with_image(llmcost_request *request)
{
    (void)request;
    ask_part(LLMCOST_PART_IMAGE, "image/png");
}

static void with_audio(llmcost_request *request)
{
    (void)request;
    ask_part(LLMCOST_PART_AUDIO, "audio/wav");
}

static void with_document(llmcost_request *request)
{
    (void)request;
    ask_part(LLMCOST_PART_DOCUMENT, "application/pdf");
}

static void with_effort(llmcost_request *request)
{
    request->effort = LLMCOST_EFFORT_LOW;
}

static void with_choices(llmcost_request *request)
{
    request->n = 2;
}

static void with_logprobs(llmcost_request *request)
{
    request->logprobs = 1;
}

static void with_seed(llmcost_request *request)
{
    request->has_seed = 1;
}

static void to_embed(llmcost_request *request)
{
    request->inputs = inputs;
    request->input_count = 1;
    request->messages = NULL;
    request->message_count = 0;
}

static void as_it_is(llmcost_request *request)
{
    (void)request;
}

static const struct ability {
    const char *name;
    llmc_operation_id operation;
    void (*ask)(llmcost_request *request);
} abilities[] = {
    { "tools", LLMC_OP_CHAT, with_tools }, { "schema", LLMC_OP_CHAT, with_schema }, { "images", LLMC_OP_CHAT, with_image }, { "audio", LLMC_OP_CHAT, with_audio },
    { "documents", LLMC_OP_CHAT, with_document }, { "effort", LLMC_OP_CHAT, with_effort }, { "choices", LLMC_OP_CHAT, with_choices },
    { "log-probs", LLMC_OP_CHAT, with_logprobs }, { "seed", LLMC_OP_CHAT, with_seed }, { "models", LLMC_OP_LIST_MODELS, as_it_is },
    { "embed", LLMC_OP_EMBED, to_embed }, { "count", LLMC_OP_COUNT_TOKENS, as_it_is }, { "balance", LLMC_OP_BALANCE, as_it_is },
};

/* A model whose name tells nothing but that its family can what the format can. */
static const char *model_of(const llmc_preset *preset)
{
    static const struct { const char *codec, *model; } models[] = { { "gemini", "gemini-3-flash" }, { "anthropic", "claude-sonnet-5" }, { "bedrock", "anthropic.claude-sonnet-5-v1:0" } };
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
        if (!strcmp(models[i].codec, preset->codec->name))
            return models[i].model;
    return "model";
}

static int can(const llmc_preset *preset, const struct ability *ability)
{
    llmcost_request request;
    llmcost_error error;
    if (!preset->codec->has_operation(ability->operation))
        return 0;
    llmcost_request_init(&request);
    request.model = model_of(preset);
    request.max_tokens = 4096;
    messages[0] = (llmcost_message){ .role = LLMCOST_USER, .text = "hello" };
    request.messages = messages;
    request.message_count = 1;
    ability->ask(&request);
    llmc_codec_target target = { .preset = preset, .provider = preset->name, .model = request.model, .quirks = preset->quirks };
    llmc_error_init(&error, &llmc_allocator_system);
    int good = preset->codec->check(ability->operation, &request, &target, &error) == LLMCOST_OK;
    llmc_error_clear(&error);
    return good;
}

static int print_abilities(void)
{
    size_t count = sizeof abilities / sizeof abilities[0];
    printf("| preset |");
    for (size_t i = 0; i < count; i++)
        printf(" %s |", abilities[i].name);
    printf("\n|---|");
    for (size_t i = 0; i < count; i++)
        printf("---|");
    for (size_t k = 0; k < llmc_preset_count(); k++) {
        const llmc_preset *preset = llmc_preset_at(k);
        printf("\n| `%s` |", preset->name);
        for (size_t i = 0; i < count; i++)
            printf(" %s |", can(preset, &abilities[i]) ? "yes" : "");
    }
    putchar('\n');
    return 0;
}

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "config") == 0)
        return print_config();
    if (count == 2 && strcmp(arguments[1], "providers") == 0)
        return print_providers();
    if (count == 2 && strcmp(arguments[1], "abilities") == 0)
        return print_abilities();
    fputs("document config | providers | abilities\n", stderr);
    return 2;
}
