/*
 * See thinks.h. A guess on the safe side: it decides how much room a short answer gets, and one that needs less leaves it.
 * Left out on purpose: hosts whose max_tokens is of the text alone (policy/usage_estimate.c) need no room.
 */
#include "provider/thinks.h"

#include "provider/claude.h"
#include "provider/gemini_codec.h"
#include "provider/openai_codec.h"
#include "provider/presets.h"

#include <string.h>

static bool is_named_so(const char *model)
{
    static const char marks[] = "reason\0" "hinking\0" "grok-4\0" "-r1\0" "-R1\0" "gpt-oss\0" "magistral\0" "MiniMax-M\0" "wen3\0";
    for (const char *mark = marks; *mark; mark += strlen(mark) + 1) {
        if (strstr(model, mark))
            return true;
    }
    return false;
}

/* From 2.5 on, but for the smallest of that generation. */
static bool is_thinking_gemini(const char *model)
{
    return llmc_gemini_generation(model) >= 25 && !strstr(model, "2.5-flash-lite");
}

bool llmc_thinks_by_itself(uint64_t quirks, const char *model)
{
    if (strstr(model, "non-reasoning"))
        return false;
    /* A host with that switch has it on unless it is told otherwise. */
    return (quirks & LLMC_QUIRK(THINKING_TYPE)) || llmc_openai_model_reasons(model) || llmc_claude_is_fixed(model) || is_thinking_gemini(model) || is_named_so(model);
}
