/* "when" of an entry of a choose: its conditions. Where a list stands for a value, any of it will do. */
#include "client/config_routes.h"

#include <string.h>

enum { MAX_CONDITIONS = 32, MILLIONTHS = 6 };

/* The conditions of one entry as they are read. */
typedef struct when_draft {
    llmc_route_place at;
    llmc_condition *conditions;
    size_t count;
    const llmc_labeller *labeller;
    llmc_rule *rule;
} when_draft;

static llmcost_status next_condition(llmc_config *config, const llmc_config_node *node, when_draft *draft, llmc_fact fact, llmc_condition **out)
{
    if (draft->count == MAX_CONDITIONS)
        return llmc_config_fail(config, node, "an entry of a choose has at most %d conditions", MAX_CONDITIONS);
    *out = &draft->conditions[draft->count++];
    **out = (llmc_condition){ .fact = fact, .above = INT64_MIN, .below = INT64_MAX };
    return LLMCOST_OK;
}

/* ---- words ---- */

/* "a" or ["a", "b"] */
static llmcost_status read_words(llmc_config *config, const llmc_config_node *node, const char *const **words, size_t *count)
{
    bool list = node->type == LLMC_JSON_ARRAY;
    const llmc_config_node *item = list ? node->first : node;
    size_t most = list ? node->count : 1, found = 0;
    llmcost_status status = LLMCOST_OK;
    if (!most)
        return llmc_config_fail(config, node, "\"%s\" is an empty list: it would never hold", node->key);
    const char **all = llmc_arena_calloc(&config->settings->arena, most, sizeof *all);
    if (!all)
        return llmc_config_no_memory(config);
    for (; found < most && !status; item = item->next)
        status = llmc_config_name(config, item, &all[found++]);
    *words = all;
    *count = found;
    return status;
}

/* Words of a fixed set, as bits. */
static llmcost_status read_bits(llmc_config *config, const llmc_config_node *node, const char *what, const char *const *names, size_t name_count, uint32_t *mask)
{
    const char *const *words;
    size_t count;
    llmcost_status status = read_words(config, node, &words, &count);
    for (size_t i = 0; i < count && !status; i++) {
        llmc_nearest nearest = { .word = words[i] };
        char hint[LLMC_HINT_BYTES];
        size_t bit = 0;
        while (bit < name_count && strcmp(names[bit], words[i]) != 0)
            llmc_nearest_offer(&nearest, names[bit++]);
        if (bit == name_count)
            return llmc_config_fail(config, node, "\"%.100s\" is no %s%s; the nearest is \"%s\"", words[i], what, llmc_nearest_hint(&nearest, hint), nearest.best);
        *mask |= 1u << bit;
    }
    return status;
}

/* ---- the conditions ---- */

static llmcost_status read_tags(llmc_config *config, const llmc_config_node *node, when_draft *draft)
{
    llmcost_status status = llmc_config_expect(config, node, LLMC_JSON_OBJECT, "an object of tags and values, such as {\"task\": [\"code\", \"sql\"]}");
    for (const llmc_config_node *tag = node->first; tag && !status; tag = tag->next) {
        llmc_condition *condition = NULL;
        status = next_condition(config, tag, draft, LLMC_FACT_TAG, &condition);
        if (!status)
            status = llmc_config_key_name(config, tag, &condition->subject);
        if (!status)
            status = read_words(config, tag, &condition->words, &condition->count);
    }
    return status;
}

static llmcost_status check_label(llmc_config *config, const llmc_config_node *node, const llmc_labeller *labeller, const char *label)
{
    llmc_nearest nearest = { .word = label };
    char hint[LLMC_HINT_BYTES];
    for (size_t i = 0; i < labeller->label_count; i++) {
        if (strcmp(labeller->labels[i].name, label) == 0)
            return LLMCOST_OK;
        llmc_nearest_offer(&nearest, labeller->labels[i].name);
    }
    if (labeller->kind == LLMC_LABELLER_HOST) /* it may say whatever it likes */
        return LLMCOST_OK;
    return llmc_config_fail(config, node, "no label is called \"%.100s\"%s; the nearest is \"%.100s\"", label, llmc_nearest_hint(&nearest, hint), nearest.best);
}

static llmcost_status read_label(llmc_config *config, const llmc_config_node *node, when_draft *draft)
{
    if (!draft->labeller)
        return llmc_config_fail(config, node, "who gives the label? The choose needs \"label_with\": a model or a route, \"local\" or \"host:NAME\"");
    llmcost_status status = read_words(config, node, &draft->rule->labels, &draft->rule->label_count);
    for (size_t i = 0; i < draft->rule->label_count && !status; i++)
        status = check_label(config, node, draft->labeller, draft->rule->labels[i]);
    return status;
}

/* {"above": N, "below": N}: at least one of them. */
static llmcost_status read_limits(llmc_config *config, const llmc_config_node *node, int scale, int64_t most, const char *shape, llmc_condition *condition)
{
    const llmc_config_node *above = llmc_config_member(node, "above"), *below = llmc_config_member(node, "below");
    bool valid = (above || below) && (!above || (above->type == LLMC_JSON_NUMBER && llmc_config_decimal(above, scale, &condition->above) && condition->above >= 0 && condition->above <= most)) &&
                 (!below || (below->type == LLMC_JSON_NUMBER && llmc_config_decimal(below, scale, &condition->below) && condition->below >= 0 && condition->below <= most));
    if (!valid)
        return llmc_config_fail(config, node, "\"%s\" needs \"above\" or \"below\" or both, such as %s", node->key, shape);
    if (above && below && condition->above >= condition->below)
        return llmc_config_fail(config, node, "\"%s\" never holds: \"above\" is not less than \"below\"", node->key);
    return LLMCOST_OK;
}

static llmcost_status read_prompt(llmc_config *config, const llmc_config_node *node, when_draft *draft)
{
    static const int64_t most = 1000000000;
    llmc_condition *condition = NULL;
    char nothing[1];
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_WHEN_PROMPT, node, nothing);
    if (!status)
        status = next_condition(config, node, draft, LLMC_FACT_PROMPT_TOKENS, &condition);
    return status ? status : read_limits(config, node, 0, most, "{\"above\": 8000}", condition);
}

static llmcost_status read_spent(llmc_config *config, const llmc_config_node *node, when_draft *draft)
{
    static const int64_t most = 100000000;
    const llmc_config_node *name = llmc_config_member(node, "budget");
    const llmc_settings *settings = config->settings;
    llmc_nearest nearest = { .word = name ? name->text : "" };
    llmc_condition *condition = NULL;
    char nothing[1], hint[LLMC_HINT_BYTES];
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_WHEN_SPENT, node, nothing);
    if (!status && !name)
        return llmc_config_fail(config, node, "\"spent\" needs the \"budget\" that it is about");
    if (!status)
        status = next_condition(config, node, draft, LLMC_FACT_SPENT, &condition);
    if (!status)
        status = llmc_config_name(config, name, &condition->subject);
    if (status)
        return status;
    while (condition->number < settings->budget_count && strcmp(settings->budgets[condition->number].name, condition->subject) != 0)
        llmc_nearest_offer(&nearest, settings->budgets[condition->number++].name);
    if (condition->number == settings->budget_count)
        return llmc_config_fail(config, name, "no budget is called \"%.200s\"%s", condition->subject, llmc_nearest_hint(&nearest, hint));
    return read_limits(config, node, MILLIONTHS, most, "{\"budget\": \"faq\", \"above\": 0.8}", condition);
}

static llmcost_status read_hour(llmc_config *config, const llmc_config_node *node, when_draft *draft)
{
    const llmc_config_node *from = llmc_config_member(node, "from"), *to = llmc_config_member(node, "to");
    llmc_condition *condition = NULL;
    char nothing[1];
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_WHEN_HOUR, node, nothing);
    if (!status)
        status = next_condition(config, node, draft, LLMC_FACT_HOUR, &condition);
    if (status)
        return status;
    bool valid = from && to && from->type == LLMC_JSON_NUMBER && to->type == LLMC_JSON_NUMBER && llmc_config_decimal(from, 0, &condition->above) && llmc_config_decimal(to, 0, &condition->below);
    if (!valid || condition->above < 0 || condition->above > 23 || condition->below < 0 || condition->below > 24 || condition->above % 24 == condition->below % 24)
        return llmc_config_fail(config, node, "\"hour\" needs two different whole hours (UTC), such as {\"from\": 22, \"to\": 6}");
    return LLMCOST_OK;
}

static llmcost_status read_weekday(llmc_config *config, const llmc_config_node *node, when_draft *draft)
{
    llmc_condition *condition = NULL;
    llmcost_status status = next_condition(config, node, draft, LLMC_FACT_WEEKDAY, &condition);
    return status ? status : read_bits(config, node, "weekday", llmc_weekday_names, 7, &condition->mask);
}

static llmcost_status read_needs(llmc_config *config, const llmc_config_node *node, when_draft *draft)
{
    llmc_condition *condition = NULL;
    llmcost_status status = next_condition(config, node, draft, LLMC_FACT_NEEDS, &condition);
    return status ? status : read_bits(config, node, "ability", llmc_need_names, LLMC_NEED_COUNT, &condition->mask);
}

static llmcost_status read_fits(llmc_config *config, const llmc_config_node *node, when_draft *draft)
{
    llmc_condition *condition = NULL;
    if (node->type != LLMC_JSON_TRUE)
        return llmc_config_fail(config, node, "\"fits\" can only be true");
    return next_condition(config, node, draft, LLMC_FACT_FITS, &condition);
}

static llmcost_status read_healthy(llmc_config *config, const llmc_config_node *node, when_draft *draft)
{
    llmc_condition *condition = NULL;
    llmcost_status status = next_condition(config, node, draft, LLMC_FACT_HEALTHY, &condition);
    if (status || node->type == LLMC_JSON_TRUE)
        return status;
    bool list = node->type == LLMC_JSON_ARRAY;
    if ((!list && node->type != LLMC_JSON_STRING) || (list && (!node->count || node->count > LLMC_ROUTE_MAX_STEPS)))
        return llmc_config_fail(config, node, "\"healthy\" must be true, a model or a route, or a list of them");
    const llmc_config_node *item = list ? node->first : node;
    const llmc_route **targets = llmc_arena_calloc(&config->settings->arena, list ? node->count : 1, sizeof *targets);
    if (!targets)
        return llmc_config_no_memory(config);
    condition->targets = targets;
    for (; item && !status; item = list ? item->next : NULL) {
        if (item->type != LLMC_JSON_STRING)
            return llmc_config_fail(config, item, "\"healthy\" takes names of models and routes");
        status = llmc_config_route(config, item, draft->at, "", &targets[condition->count++]);
    }
    return status;
}

static const struct {
    const char *key;
    llmcost_status (*read)(llmc_config *config, const llmc_config_node *node, when_draft *draft);
} readers[] = {
    { "tag", read_tags },   { "label", read_label },  { "prompt_tokens", read_prompt }, { "needs", read_needs },     { "fits", read_fits },
    { "spent", read_spent }, { "hour", read_hour },   { "weekday", read_weekday },      { "healthy", read_healthy },
};

llmcost_status llmc_config_when(llmc_config *config, const llmc_config_node *node, llmc_route_place at, const llmc_labeller *labeller, llmc_rule *rule)
{
    llmc_condition conditions[MAX_CONDITIONS];
    when_draft draft = { .at = at, .conditions = conditions, .labeller = labeller, .rule = rule };
    char nothing[1];
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_WHEN, node, nothing);
    if (!status && !node->count)
        return llmc_config_fail(config, node, "\"when\" names no condition; leave it out for an entry that always holds");
    for (size_t i = 0; i < sizeof readers / sizeof readers[0] && !status; i++) {
        const llmc_config_node *member = llmc_config_member(node, readers[i].key);
        if (member)
            status = readers[i].read(config, member, &draft);
    }
    if (status || !draft.count)
        return status;
    llmc_condition *kept = llmc_arena_alloc(&config->settings->arena, draft.count * sizeof *kept);
    if (!kept)
        return llmc_config_no_memory(config);
    memcpy(kept, conditions, draft.count * sizeof *kept);
    rule->conditions = kept;
    rule->condition_count = draft.count;
    return LLMCOST_OK;
}
