/* "label_with" of a choose: who gives the label, which labels there are, and where the local classifier draws its lines. */
#include "client/config_routes.h"

#include "text/classify.h"

#include <string.h>

enum { MAX_THRESHOLD = 1000, MAX_DESCRIPTION = 1000 };

static const llmc_label default_labels[] = {
    { "simple", "small talk, one well-known fact, a short rewrite, a translation, an extraction: a small model does it well" },
    { "medium", "some knowledge or a few steps: an explanation, a summary, ordinary code, a short calculation" },
    { "complex", "long reasoning, mathematics, difficult code, planning, expert knowledge, or many conditions at once" },
};

static llmcost_status add_label(llmc_config *config, const llmc_config_node *node, llmc_label *label)
{
    label->description = "";
    if (!node->key)
        return llmc_config_name(config, node, &label->name);
    llmcost_status status = llmc_config_key_name(config, node, &label->name);
    if (status)
        return status;
    if (node->type != LLMC_JSON_STRING || node->bytes > MAX_DESCRIPTION)
        return llmc_config_fail(config, node, "the description of a label is a text of at most %d bytes", MAX_DESCRIPTION);
    label->description = llmc_arena_strdup(&config->settings->arena, node->text);
    return label->description ? LLMCOST_OK : llmc_config_no_memory(config);
}

/* {"NAME": "description", ...} or ["NAME", ...] */
static llmcost_status read_labels(llmc_config *config, const llmc_config_node *node, llmc_labeller *labeller)
{
    labeller->labels = default_labels;
    labeller->label_count = sizeof default_labels / sizeof default_labels[0];
    if (!node)
        return LLMCOST_OK;
    if ((node->type != LLMC_JSON_OBJECT && node->type != LLMC_JSON_ARRAY) || node->count < 2 || node->count > LLMC_MAX_LABELS)
        return llmc_config_fail(config, node, "\"labels\" must be 2 to %d labels with a description each, from easy to hard, such as {\"chat\": \"small talk\", \"code\": \"programming\"}", LLMC_MAX_LABELS);
    llmc_label *labels = llmc_arena_calloc(&config->settings->arena, node->count, sizeof *labels);
    llmcost_status status = labels ? LLMCOST_OK : llmc_config_no_memory(config);
    size_t count = 0;
    for (const llmc_config_node *each = node->first; each && !status; each = each->next) {
        status = add_label(config, each, &labels[count]);
        for (size_t i = 0; i < count && !status; i++) {
            if (strcmp(labels[i].name, labels[count].name) == 0)
                return llmc_config_fail(config, each, "two labels are called \"%.200s\"", labels[count].name);
        }
        count++;
    }
    labeller->labels = labels;
    labeller->label_count = count;
    return status;
}

static llmcost_status read_thresholds(llmc_config *config, const llmc_config_node *choose, const llmc_config_node *node, llmc_labeller *labeller)
{
    static const int32_t usual[] = { LLMC_SCORE_MEDIUM, LLMC_SCORE_COMPLEX };
    size_t count = 0, wanted = labeller->label_count - 1;
    if (!node && wanted != sizeof usual / sizeof usual[0])
        return llmc_config_fail(config, choose, "\"label_with\": \"local\" needs \"label_thresholds\" for these labels: %zu scores, from which on each label but the first holds", wanted);
    if (!node) {
        memcpy(labeller->thresholds, usual, sizeof usual);
        return LLMCOST_OK;
    }
    int64_t score, before = 0;
    bool valid = node->type == LLMC_JSON_ARRAY && node->count == wanted;
    for (const llmc_config_node *each = valid ? node->first : NULL; each && valid; each = each->next) {
        valid = each->type == LLMC_JSON_NUMBER && llmc_config_decimal(each, 0, &score) && score > before && score <= MAX_THRESHOLD;
        before = valid ? score : 0;
        labeller->thresholds[count++] = (int32_t)before;
    }
    return valid ? LLMCOST_OK : llmc_config_fail(config, node, "\"label_thresholds\" must be %zu rising whole numbers from 1 to %d, one for each label but the first", wanted, MAX_THRESHOLD);
}

static llmcost_status read_who(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_labeller *labeller)
{
    const char *name = "";
    llmcost_status status = node->type == LLMC_JSON_OBJECT ? LLMCOST_OK : llmc_config_name(config, node, &name);
    if (status)
        return status;
    if (strcmp(name, "local") == 0) {
        labeller->kind = LLMC_LABELLER_LOCAL;
        return LLMCOST_OK;
    }
    if (strncmp(name, "host:", 5) != 0)
        return llmc_config_route(config, node, at, "label_with", &labeller->route);
    labeller->kind = LLMC_LABELLER_HOST;
    labeller->host = name + 5;
    return *labeller->host ? LLMCOST_OK : llmc_config_fail(config, node, "\"label_with\" must name a callback behind \"host:\"");
}

llmcost_status llmc_config_labeller(llmc_config *config, const llmc_config_node *choose, llmc_route_place at, const llmc_labeller **out)
{
    const llmc_config_node *who = llmc_config_member(choose, "label_with"), *thresholds = llmc_config_member(choose, "label_thresholds");
    static const char *const without[] = { "labels", "label_thresholds", "label_max_tokens" };
    llmc_labeller *labeller = llmc_arena_calloc(&config->settings->arena, 1, sizeof *labeller);
    if (!labeller)
        return llmc_config_no_memory(config);
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_CHOOSE, choose, labeller);
    for (size_t i = 0; i < sizeof without / sizeof without[0] && !who && !status; i++) {
        if (llmc_config_member(choose, without[i]))
            return llmc_config_fail(config, llmc_config_member(choose, without[i]), "\"%s\" needs \"label_with\"", without[i]);
    }
    if (status || !who)
        return status;
    *out = labeller;
    status = read_who(config, who, at, labeller);
    if (!status)
        status = read_labels(config, llmc_config_member(choose, "labels"), labeller);
    if (!status && labeller->kind != LLMC_LABELLER_LOCAL && thresholds)
        return llmc_config_fail(config, thresholds, "\"label_thresholds\" are for \"label_with\": \"local\"");
    if (!status && labeller->kind == LLMC_LABELLER_LOCAL)
        status = read_thresholds(config, choose, thresholds, labeller);
    return status;
}
