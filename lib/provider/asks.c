/* See asks.h. Of the request alone: what the host is does not matter here. */
#include "provider/asks.h"

bool llmc_asks_several(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->n > 1;
}

bool llmc_asks_seed(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->has_seed;
}

bool llmc_asks_logprobs(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->logprobs || request->top_logprobs;
}

bool llmc_asks_json_mode(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->format == LLMCOST_FORMAT_JSON;
}

bool llmc_asks_temperature_above_1(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->has_temperature && request->temperature > 1.0;
}

bool llmc_asks_one_by_one(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->tool_count && request->parallel_tool_calls == LLMCOST_OFF && request->tool_choice != LLMCOST_TOOLS_NONE;
}

bool llmc_asks_above_5_stops(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->stop_count > 5;
}

bool llmc_asks_temperature_above_2(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->has_temperature && request->temperature > 2.0;
}

bool llmc_asks_above_20_logprobs(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->top_logprobs > 20;
}

bool llmc_asks_forced_tool(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->tool_choice == LLMCOST_TOOLS_REQUIRED || request->tool_choice == LLMCOST_TOOLS_ONE;
}

bool llmc_asks_budget_only(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->thinking_budget_tokens && request->effort == LLMCOST_EFFORT_DEFAULT;
}

bool llmc_asks_effort(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->effort != LLMCOST_EFFORT_DEFAULT;
}

/* {"type": "custom", "custom": {...}}: Anthropic has a type of that name, which is something else and has no such member. */
static bool is_custom_tool(llmc_json *json)
{
    llmc_json_key key;
    bool custom = false;
    if (!llmc_json_object(json))
        return false;
    while (llmc_json_next_key(json, &key)) {
        custom = custom || (llmc_json_key_is(&key, "custom") && llmc_json_peek(json) == LLMC_JSON_OBJECT);
        llmc_json_skip(json);
    }
    return custom;
}

static bool passes_custom_tools(const char *extra)
{
    llmc_json json;
    llmc_json_key key;
    bool any = false;
    llmc_json_begin(&json, extra, strlen(extra));
    if (!llmc_json_object(&json))
        return false;
    while (llmc_json_next_key(&json, &key)) {
        if (!llmc_json_key_is(&key, "tools") || llmc_json_peek(&json) != LLMC_JSON_ARRAY) {
            llmc_json_skip(&json);
            continue;
        }
        llmc_json_array(&json);
        while (llmc_json_next_item(&json))
            any = is_custom_tool(&json) || any;
    }
    return any;
}

bool llmc_asks_custom_tools(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    for (uint32_t i = 0; i < request->message_count; i++)
        for (uint32_t j = 0; j < request->messages[i].tool_call_count; j++)
            if (request->messages[i].tool_calls[j].is_custom)
                return true;
    return request->extra && passes_custom_tools(request->extra);
}

bool llmc_asks_end_user(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->end_user != NULL;
}

bool llmc_asks_stop(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->stop_count > 0;
}
