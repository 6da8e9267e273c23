/*
 * Which Claude model thinks how, by its name, and what it then refuses. Sampling parameters are the models' too.
 *
 * "claude-sonnet-4-5-20250929", "anthropic/claude-opus-5", "us.anthropic.claude-3-7-sonnet-20250219-v1:0": a generation of
 * two digits decides. Models that cannot be placed are taken for the newest ones.
 */
#include "provider/claude.h"

#include "provider/asks.h"

/* "claude-sonnet-4-5-20250929", "claude-3-5-haiku-latest", "anthropic/claude-opus-5": 45, 35, 50; 0: not told. */
static int generation_of(const char *model)
{
    const char *at = strstr(model, "claude");
    int major = 0;
    for (; at && *at; at++) {
        if (*at < '0' || *at > '9' || (at[-1] != '-' && at[-1] != '.'))
            continue;
        bool single = at[1] < '0' || at[1] > '9';
        if (major)
            return major * 10 + (single ? *at - '0' : 0);
        if (!single)
            return 0;
        major = *at - '0';
        if (at[1] != '-' && at[1] != '.')
            break;
    }
    return major * 10;
}

bool llmc_claude_takes_effort(const char *model)
{
    int generation = generation_of(model);
    return generation == 0 || generation >= 46 || (generation == 45 && strstr(model, "opus"));
}

static bool takes_budget(const char *model)
{
    int generation = generation_of(model);
    return generation == 0 || generation < 50;
}

/* Since the 5th generation. */
bool llmc_claude_is_fixed(const char *model)
{
    return generation_of(model) >= 50;
}

bool llmc_claude_thinks_by_budget(const llmcost_request *request, const char *model)
{
    if (request->thinking_budget_tokens > 0)
        return takes_budget(model) && !(request->effort != LLMCOST_EFFORT_DEFAULT && llmc_claude_takes_effort(model));
    return request->effort != LLMCOST_EFFORT_DEFAULT && !llmc_claude_takes_effort(model);
}

static bool asks_temperature_of_fixed(const llmcost_request *request, const llmc_codec_target *target)
{
    return llmc_claude_is_fixed(target->model) && request->has_temperature && request->temperature != 1.0;
}

static bool asks_top_p_of_fixed(const llmcost_request *request, const llmc_codec_target *target)
{
    return llmc_claude_is_fixed(target->model) && request->has_top_p && request->top_p != 1.0;
}

static bool asks_budget_of_fixed(const llmcost_request *request, const llmc_codec_target *target)
{
    return request->thinking_budget_tokens > 0 && request->effort == LLMCOST_EFFORT_DEFAULT && !takes_budget(target->model);
}

static bool asks_small_budget(const llmcost_request *request, const llmc_codec_target *target)
{
    return request->thinking_budget_tokens > 0 && llmc_claude_thinks_by_budget(request, target->model) && request->thinking_budget_tokens < LLMC_CLAUDE_LEAST_BUDGET;
}

static bool asks_budget_above_limit(const llmcost_request *request, const llmc_codec_target *target)
{
    return request->max_tokens > 0 && llmc_claude_thinks_by_budget(request, target->model) && request->thinking_budget_tokens >= request->max_tokens;
}

static bool asks_effort_in_little_room(const llmcost_request *request, const llmc_codec_target *target)
{
    return request->max_tokens > 0 && request->max_tokens < 2 * LLMC_CLAUDE_LEAST_BUDGET && request->thinking_budget_tokens == 0 && llmc_claude_thinks_by_budget(request, target->model);
}

static bool asks_temperature_while_thinking(const llmcost_request *request, const llmc_codec_target *target)
{
    return llmc_claude_thinks_by_budget(request, target->model) && request->has_temperature && request->temperature != 1.0;
}

static bool forces_tool_while_thinking(const llmcost_request *request, const llmc_codec_target *target)
{
    bool forced = request->tool_choice == LLMCOST_TOOLS_REQUIRED || request->tool_choice == LLMCOST_TOOLS_ONE;
    return llmc_claude_thinks_by_budget(request, target->model) && forced;
}

static const llmc_incapability incapabilities[] = {
    { 0, llmc_asks_temperature_above_1, "temperature", "use at most 1" },
    { 0, asks_temperature_of_fixed, "temperature", "this model's is fixed at 1; leave it out" },
    { 0, asks_top_p_of_fixed, "top_p", "this model's is fixed; leave it out" },
    { 0, asks_budget_of_fixed, "thinking_budget_tokens", "this model takes an effort; set effort instead" },
    { 0, asks_small_budget, "thinking_budget_tokens", "give at least 1024" },
    { 0, asks_budget_above_limit, "thinking_budget_tokens", "it must be below max_tokens" },
    { 0, asks_effort_in_little_room, "effort", "thinking takes max_tokens of at least 2048 on this model" },
    { 0, asks_temperature_while_thinking, "temperature", "while the model thinks it is fixed at 1; leave it out" },
    { 0, forces_tool_while_thinking, "tool_choice", "a model that thinks cannot be forced to a tool; use auto, or leave effort out" },
};

llmcost_status llmc_claude_check(const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error)
{
    return llmc_check_capabilities(incapabilities, sizeof incapabilities / sizeof incapabilities[0], request, target, error);
}

int64_t llmc_claude_budget(const llmcost_request *request, int64_t max_tokens)
{
    static const int64_t budgets[] = { [LLMCOST_EFFORT_LOW] = 1024, [LLMCOST_EFFORT_MEDIUM] = 4096, [LLMCOST_EFFORT_HIGH] = 16384,
                                       [LLMCOST_EFFORT_XHIGH] = 32768, [LLMCOST_EFFORT_MAX] = 32768 };
    if (request->thinking_budget_tokens > 0)
        return request->thinking_budget_tokens;
    bool known = request->effort >= LLMCOST_EFFORT_LOW && request->effort <= LLMCOST_EFFORT_MAX;
    int64_t budget = known ? budgets[request->effort] : LLMC_CLAUDE_LEAST_BUDGET;
    return budget < max_tokens / 2 ? budget : max_tokens / 2;
}
