/* "cascade" of a route: the steps, and when an answer is not good enough. */
#include "client/config_routes.h"

#include "base/text.h"

#include <string.h>

enum { MAX_MARKER_BYTES = 64 };

static llmcost_status read_marker(llmc_config *config, const llmc_config_node *node, llmc_escalation *rules)
{
    if (!node || node->type == LLMC_JSON_FALSE)
        return LLMCOST_OK;
    if (node->type == LLMC_JSON_TRUE) {
        rules->marker = "UNCERTAIN";
        return LLMCOST_OK;
    }
    if (node->type != LLMC_JSON_STRING || !node->bytes || node->bytes > MAX_MARKER_BYTES || !llmc_text_is_header_safe(node->text) || node->text[0] == ' ' ||
        node->text[node->bytes - 1] == ' ')
        return llmc_config_fail(config, node, "\"marker\" must be true, false or one line of 1 to %d bytes without spaces at its ends", MAX_MARKER_BYTES);
    rules->marker = llmc_arena_strdup(&config->settings->arena, node->text);
    return rules->marker ? LLMCOST_OK : llmc_config_no_memory(config);
}

static llmcost_status read_logprob(llmc_config *config, const llmc_config_node *node, llmc_escalation *rules)
{
    int64_t micro;
    if (!node)
        return LLMCOST_OK;
    if (node->type != LLMC_JSON_NUMBER || !llmc_config_decimal(node, 6, &micro) || micro > 0 || micro < -100000000)
        return llmc_config_fail(config, node, "\"logprob_below\" must be a number from -100 to 0 of at most 6 decimals, such as -0.5");
    rules->has_logprob = true;
    rules->min_mean_logprob = (double)micro / 1e6;
    return LLMCOST_OK;
}

static llmcost_status read_judge(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_route *route, llmc_escalation *rules)
{
    const char *name;
    if (!node)
        return LLMCOST_OK;
    llmcost_status status = llmc_config_name(config, node, &name);
    if (status)
        return status;
    if (strncmp(name, "host:", 5) != 0) {
        status = llmc_config_route(config, node, at, name, &rules->judge_route);
        return status ? status : llmc_config_under(config, node, route, rules->judge_route);
    }
    rules->judge_host = name + 5;
    return *rules->judge_host ? LLMCOST_OK : llmc_config_fail(config, node, "\"judge\" must name a callback behind \"host:\"");
}

static llmcost_status read_escalation(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_route *route, llmc_escalation *rules)
{
    if (!node) {
        rules->marker = "UNCERTAIN";
        return LLMCOST_OK;
    }
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_ESCALATE, node, rules);
    if (!status)
        status = read_marker(config, llmc_config_member(node, "marker"), rules);
    if (!status)
        status = read_logprob(config, llmc_config_member(node, "logprob_below"), rules);
    if (!status)
        status = read_judge(config, llmc_config_member(node, "judge"), at, route, rules);
    if (status)
        return status;
    bool judged = rules->judge_host || rules->judge_route;
    if (rules->marker_instruction && !rules->marker)
        return llmc_config_fail(config, node, "\"marker_instruction\" needs a \"marker\"");
    if (rules->judge_instruction && !rules->judge_route)
        return llmc_config_fail(config, node, "\"judge_instruction\" needs a \"judge\" that is a model or a route");
    if (rules->judge_max_tokens && !rules->judge_route)
        return llmc_config_fail(config, node, "\"judge_max_tokens\" needs a \"judge\" that is a model or a route");
    if (!rules->marker && !rules->on_refusal && !rules->on_truncation && !rules->on_invalid_json && !rules->has_logprob && !judged)
        return llmc_config_fail(config, node, "\"escalate_on\" names nothing to escalate on; leave it out for {\"marker\": \"UNCERTAIN\"}");
    return LLMCOST_OK;
}

llmcost_status llmc_config_cascade(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_route *route)
{
    llmc_cascade *cascade = llmc_arena_calloc(&config->settings->arena, 1, sizeof *cascade);
    if (!cascade)
        return llmc_config_no_memory(config);
    route->cascade = cascade;
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_CASCADE, node, cascade);
    if (!status)
        status = llmc_config_steps(config, llmc_config_member(node, "cascade"), at, route);
    return status ? status : read_escalation(config, llmc_config_member(node, "escalate_on"), at, route, &cascade->escalation);
}
