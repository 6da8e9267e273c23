/* describe_choose.c: the rules of a choose in words, as they stand in the config. */
#include "policy/describe.h"

enum { MILLIONTHS_OF_A_PERCENT = 10000 };

static void add_words(const char *const *words, size_t count, llmc_buffer *out)
{
    for (size_t i = 0; i < count; i++) {
        llmc_buffer_add_text(out, i ? " or " : "");
        llmc_buffer_add_text(out, words[i]);
    }
}

static void add_bits(uint32_t mask, const char *const *names, size_t count, llmc_buffer *out)
{
    const char *between = "";
    for (size_t i = 0; i < count; i++) {
        if (!(mask & 1u << i))
            continue;
        llmc_buffer_add_text(out, between);
        llmc_buffer_add_text(out, names[i]);
        between = " or ";
    }
}

static void add_share(int64_t millionths, llmc_buffer *out)
{
    llmc_buffer_add_format(out, "%lld.%02lld%%", (long long)(millionths / MILLIONTHS_OF_A_PERCENT), (long long)(millionths % MILLIONTHS_OF_A_PERCENT / 100));
}

static void add_limits(const llmc_condition *condition, void (*add)(int64_t value, llmc_buffer *out), llmc_buffer *out)
{
    bool above = condition->above != INT64_MIN, below = condition->below != INT64_MAX;
    if (above) {
        llmc_buffer_add_text(out, " above ");
        add(condition->above, out);
    }
    llmc_buffer_add_text(out, above && below ? " and" : "");
    if (below) {
        llmc_buffer_add_text(out, " below ");
        add(condition->below, out);
    }
}

static void add_tokens(int64_t tokens, llmc_buffer *out)
{
    llmc_buffer_add_integer(out, tokens);
}

static void tag(const llmc_condition *condition, llmc_buffer *out)
{
    llmc_buffer_add_text(out, condition->subject);
    llmc_buffer_add_text(out, " is ");
    add_words(condition->words, condition->count, out);
}

static void prompt(const llmc_condition *condition, llmc_buffer *out)
{
    llmc_buffer_add_text(out, "prompt tokens");
    add_limits(condition, add_tokens, out);
}

static void need(const llmc_condition *condition, llmc_buffer *out)
{
    llmc_buffer_add_text(out, "needs ");
    add_bits(condition->mask, llmc_need_names, LLMC_NEED_COUNT, out);
}

static void fits(const llmc_condition *condition, llmc_buffer *out)
{
    (void)condition;
    llmc_buffer_add_text(out, "it fits");
}

static void spent(const llmc_condition *condition, llmc_buffer *out)
{
    llmc_buffer_add_text(out, "spent of budget ");
    llmc_buffer_add_text(out, condition->subject);
    add_limits(condition, add_share, out);
}

static void hour(const llmc_condition *condition, llmc_buffer *out)
{
    llmc_buffer_add_format(out, "%02d:00 to %02d:00 UTC", (int)condition->above, (int)condition->below);
}

static void weekday(const llmc_condition *condition, llmc_buffer *out)
{
    add_bits(condition->mask, llmc_weekday_names, 7, out);
}

static void healthy(const llmc_condition *condition, llmc_buffer *out)
{
    llmc_buffer_add_text(out, condition->count ? "" : "it");
    for (size_t i = 0; i < condition->count; i++) {
        llmc_buffer_add_text(out, i ? " or " : "");
        llmc_buffer_add_text(out, condition->targets[i]->name);
    }
    llmc_buffer_add_text(out, " is healthy");
}

static void (*const conditions[LLMC_FACTS])(const llmc_condition *condition, llmc_buffer *out) = {
    [LLMC_FACT_TAG] = tag,   [LLMC_FACT_PROMPT_TOKENS] = prompt, [LLMC_FACT_NEEDS] = need,      [LLMC_FACT_FITS] = fits,
    [LLMC_FACT_SPENT] = spent, [LLMC_FACT_HOUR] = hour,          [LLMC_FACT_WEEKDAY] = weekday, [LLMC_FACT_HEALTHY] = healthy,
};

void llmc_describe_choose(const llmc_route *route, llmc_buffer *out)
{
    const llmc_labeller *labeller = route->choose->labeller;
    llmc_buffer_add_text(out, route->choose->rules ? "the first whose conditions hold" : "the cheapest for the request");
    if (!labeller)
        return;
    llmc_buffer_add_text(out, "; labels by ");
    if (labeller->kind == LLMC_LABELLER_MODEL)
        llmc_buffer_add_text(out, labeller->route->name);
    else if (labeller->kind == LLMC_LABELLER_LOCAL)
        llmc_buffer_add_text(out, "the local classifier");
    else {
        llmc_buffer_add_text(out, "host:");
        llmc_buffer_add_text(out, labeller->host);
    }
}

void llmc_describe_rule(const llmc_route *route, size_t step, llmc_buffer *out)
{
    const llmc_rule *rule = route->choose->rules ? &route->choose->rules[step] : NULL;
    if (!rule)
        return;
    bool any = rule->condition_count || rule->label_count;
    llmc_buffer_add_text(out, any ? "when " : "else: ");
    for (size_t i = 0; i < rule->condition_count; i++) {
        llmc_buffer_add_text(out, i ? ", " : "");
        conditions[rule->conditions[i].fact](&rule->conditions[i], out);
    }
    if (rule->label_count) {
        llmc_buffer_add_text(out, rule->condition_count ? ", label is " : "label is ");
        add_words(rule->labels, rule->label_count, out);
    }
    llmc_buffer_add_text(out, any ? ": " : "");
}
