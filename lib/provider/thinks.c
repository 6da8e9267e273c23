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
    static const char *const marks[] = { "reason", "hinking", "grok-4", "-r1", "-R1", "gpt-oss", "magistral", "MiniMax-M", "qwen3", "Qwen3", "qwq", "QwQ" };
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (strstr(model, marks[i]))
            return true;
    }
    return false;
}

/* From 2.5 on, but for the smallest of that generation. */
static bool is_thinking_gemini(const char *model)
{
    return llmc_gemini_generation(model) >= 25 && !strstr(model, "2.5-flash-lite");
}

bool llmc_thinks_by_itself(const llmc_codec_target *target)
{
    const char *model = target->model;
    if (strstr(model, "non-reasoning"))
        return false;
    /* A host with that switch has it on unless it is told otherwise. */
    return (target->quirks & LLMC_QUIRK(THINKING_TYPE)) || llmc_openai_model_reasons(model) || llmc_claude_is_fixed(model) || is_thinking_gemini(model) || is_named_so(model);
}
