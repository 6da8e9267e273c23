/*
 * How many texts a host embeds in one request, and how many tokens all of them together may be, as of 2026-08. Where
 * nothing is published the number is a cautious one: a smaller batch costs a request more, a larger one is refused.
 */
#include "provider/presets.h"

#include <string.h>

/* Two thirds of what is allowed: tokens are estimated. */
enum { CAUTIOUS_INPUTS = 128, TOKENS_OF_OPENAI = 200000 };

llmc_embed_limits llmc_preset_embed_limits(const llmc_preset *preset)
{
    static const struct { const char *preset; llmc_embed_limits limits; } hosts[] = {
        { "openai", { 2048, TOKENS_OF_OPENAI } }, { "azure", { 2048, TOKENS_OF_OPENAI } }, { "dashscope", { 10, 0 } }, { "dashscope-intl", { 10, 0 } },
        { "zhipu", { 64, 0 } }, { "zai", { 64, 0 } }, { "cohere", { 96, 0 } }, { "google", { 100, 0 } },
        { "vertex", { 1, 0 } }, /* gemini-embedding-001 takes no more */
        { "ollama", { 512, 0 } }, { "ollama-openai", { 512, 0 } }, { "ollama-cloud", { 512, 0 } },
    };
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        if (!strcmp(hosts[i].preset, preset->name))
            return hosts[i].limits;
    return (llmc_embed_limits){ CAUTIOUS_INPUTS, 0 };
}
