/* What is known of models by their names, where a host refuses a request that another model would take. */
#include "provider/openai_codec.h"

#include "provider/presets.h"

/* The o-series, "codex-...", and "gpt-5" and later. A vendor's prefix ("openai/") does not count. */
bool llmc_openai_model_reasons(const char *model)
{
    const char *slash = strrchr(model, '/');
    const char *name = slash ? slash + 1 : model;
    if (name[0] == 'o' && name[1] >= '1' && name[1] <= '9')
        return true;
    if (!strncmp(name, "codex-", 6))
        return true;
    return !strncmp(name, "gpt-", 4) && !strstr(name, "chat") && name[4] >= '5' && name[4] <= '9';
}

/* GPT-5.6 and later. */
bool llmc_openai_model_takes_marks(const char *model)
{
    if (strncmp(model, "gpt-", 4) != 0 || model[4] < '5' || model[4] > '9')
        return false;
    return model[4] > '5' || (model[5] == '.' && model[6] >= '6' && model[6] <= '9');
}

bool llmc_openai_is_own(const llmc_codec_target *target)
{
    return !strcmp(llmc_preset_catalog(target->preset), "openai");
}

/* Efforts that a host, or a family of OpenAI's models, does not take. First match counts. */
enum { NONE = 1 << LLMCOST_EFFORT_NONE, MINIMAL = 1 << LLMCOST_EFFORT_MINIMAL, LOW = 1 << LLMCOST_EFFORT_LOW, MEDIUM = 1 << LLMCOST_EFFORT_MEDIUM,
       HIGH = 1 << LLMCOST_EFFORT_HIGH, XHIGH = 1 << LLMCOST_EFFORT_XHIGH, MAX = 1 << LLMCOST_EFFORT_MAX };

static const struct effort_rule {
    const char *catalog, *model_prefix;
    int refused;
} effort_rules[] = {
    { "openai", "gpt-6-astra", NONE },
    { "openai", "gpt-6.1-sol", NONE },
    { "openai", "gpt-6.2", NONE | MINIMAL },
    { "deepseek", "", XHIGH },
    { "moonshot", "", MINIMAL | MEDIUM | XHIGH },
    { "moonshot-cn", "", MINIMAL | MEDIUM | XHIGH },
    { "zhipu", "glm-5.3", NONE | MINIMAL | MEDIUM | XHIGH },
    { "zai", "glm-5.3", NONE | MINIMAL | MEDIUM | XHIGH },
    { "zhipu", "", MINIMAL | MEDIUM | XHIGH },
    { "zai", "", MINIMAL | MEDIUM | XHIGH },
    { "xai", "", NONE | MINIMAL | MAX },
};

bool llmc_openai_asks_refused_effort(const llmcost_request *request, const llmc_codec_target *target)
{
    bool asked = request->effort > 0 && request->effort <= LLMCOST_EFFORT_MAX;
    for (size_t i = 0; asked && i < sizeof effort_rules / sizeof effort_rules[0]; i++) {
        const struct effort_rule *rule = &effort_rules[i];
        if (!strcmp(rule->catalog, llmc_preset_catalog(target->preset)) && !strncmp(rule->model_prefix, target->model, strlen(rule->model_prefix)))
            return rule->refused >> request->effort & 1;
    }
    return false;
}

static bool reasons(const llmcost_request *request, const llmc_codec_target *target)
{
    return llmc_openai_is_own(target) && llmc_openai_model_reasons(target->model) && request->effort != LLMCOST_EFFORT_NONE;
}

/* 1 is these models' default, which they accept. */
bool llmc_openai_asks_temperature_while_reasoning(const llmcost_request *request, const llmc_codec_target *target)
{
    return request->has_temperature && request->temperature != 1.0 && reasons(request, target);
}

bool llmc_openai_asks_top_p_while_reasoning(const llmcost_request *request, const llmc_codec_target *target)
{
    return request->has_top_p && request->top_p != 1.0 && reasons(request, target);
}
