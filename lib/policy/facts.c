/*
 * facts.c: whether the conditions of a choose's rules hold.
 *
 * All of it is known before anything is sent and changes nothing, but for labels (labeller.c). Times are those of the
 * call's start, so that all rules of a call see the same hour. The prompt's size is an estimate of four bytes of text a
 * token; where it matters, leave room.
 */
#include "policy/facts.h"

#include "money/tags.h"
#include "policy/usage_estimate.h"

#include <string.h>

const char *const llmc_need_names[LLMC_NEED_COUNT] = { "vision", "audio", "documents", "tools", "json", "json_schema" };
const char *const llmc_weekday_names[7] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

enum { MILLIONTHS = 1000000 };
static const int64_t HOUR_MS = 3600000, DAY_MS = 86400000;

llmc_facts *llmc_facts_of(llmcost_leg *leg)
{
    if (leg->facts)
        return leg->facts;
    leg->facts = llmc_arena_alloc(llmc_leg_arena(leg), sizeof *leg->facts);
    if (leg->facts)
        *leg->facts = (llmc_facts){ .prompt_tokens = -1, .needs = -1 };
    else
        llmc_leg_out_of_memory(leg);
    return leg->facts;
}

int64_t llmc_facts_prompt_tokens(llmcost_leg *leg, llmc_facts *facts)
{
    static const llmc_route any_model = { .model = "" };
    if (facts->prompt_tokens < 0)
        facts->prompt_tokens = llmc_prompt_estimate(leg->services, leg->request, &any_model);
    return facts->prompt_tokens;
}

/* ---- what a request needs ---- */

static uint32_t need_of_part(const llmcost_part *part)
{
    switch (part->type) {
    case LLMCOST_PART_IMAGE:
    case LLMCOST_PART_IMAGE_URL:
        return LLMC_NEED_VISION;
    case LLMCOST_PART_AUDIO:
        return LLMC_NEED_AUDIO;
    case LLMCOST_PART_DOCUMENT:
        return LLMC_NEED_DOCUMENTS;
    default:
        return 0;
    }
}

static uint32_t needs_of(const llmcost_request *request)
{
    uint32_t needs = request->tool_count ? LLMC_NEED_TOOLS : 0;
    needs |= request->format == LLMCOST_FORMAT_TEXT ? 0 : LLMC_NEED_JSON;
    needs |= request->format == LLMCOST_FORMAT_JSON_SCHEMA ? LLMC_NEED_JSON_SCHEMA : 0;
    for (uint32_t i = 0; i < request->message_count; i++) {
        const llmcost_message *message = &request->messages[i];
        for (uint32_t k = 0; k < message->part_count; k++)
            needs |= need_of_part(&message->parts[k]);
    }
    return needs;
}

static uint32_t needs(llmcost_leg *leg, llmc_facts *facts)
{
    if (facts->needs < 0)
        facts->needs = needs_of(leg->request);
    return (uint32_t)facts->needs;
}

/* ---- health and size of a target ---- */

/* Which steps stand for a node: a cascade's last one, any of the others. */
static size_t first_that_counts(const llmc_route *route)
{
    return route->kind == LLMC_ROUTE_CASCADE ? route->step_count - 1 : 0;
}

bool llmc_route_is_healthy(llmcost_leg *leg, const llmc_route *route)
{
    bool healthy = false;
    if (route->kind == LLMC_ROUTE_LEAF)
        llmc_health_known(leg, route, &healthy);
    for (size_t i = first_that_counts(route); i < route->step_count && !healthy; i++)
        healthy = llmc_route_is_healthy(leg, route->steps[i]);
    return healthy;
}

static bool has_room(const llmc_route *route, int64_t prompt, int64_t answer)
{
    bool room = false;
    if (route->kind == LLMC_ROUTE_LEAF) {
        int64_t window = route->prices ? llmc_model_context(route->prices) : 0;
        return window <= 0 || (prompt <= window && answer <= window - prompt); /* what nobody knows is tried */
    }
    for (size_t i = first_that_counts(route); i < route->step_count && !room; i++)
        room = has_room(route->steps[i], prompt, answer);
    return room;
}

/* ---- the facts, one by one ---- */

static bool is_among(const llmc_condition *condition, const char *word)
{
    for (size_t i = 0; i < condition->count; i++) {
        if (strcmp(condition->words[i], word) == 0 || strcmp(condition->words[i], "*") == 0)
            return true;
    }
    return false;
}

static const char *tag_of(llmcost_leg *leg, const llmc_condition *condition)
{
    return llmc_tag_value(leg->request->tags, leg->request->tag_count, condition->subject);
}

static bool tag_holds(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to)
{
    (void)facts, (void)to;
    const char *value = tag_of(leg, condition);
    return value && is_among(condition, value);
}

static void tag_tells(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to, llmc_buffer *out)
{
    (void)facts, (void)to;
    llmc_buffer_add_text(out, condition->subject);
    llmc_buffer_add_text(out, " is ");
    llmc_buffer_add_text(out, tag_of(leg, condition));
}

static bool prompt_holds(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to)
{
    (void)to;
    int64_t tokens = llmc_facts_prompt_tokens(leg, facts);
    return tokens > condition->above && tokens < condition->below;
}

static void tell_prompt(llmcost_leg *leg, llmc_facts *facts, const char *before, llmc_buffer *out)
{
    llmc_buffer_add_text(out, before);
    llmc_buffer_add_integer(out, llmc_facts_prompt_tokens(leg, facts));
    llmc_buffer_add_text(out, " tokens");
}

static void prompt_tells(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to, llmc_buffer *out)
{
    (void)condition, (void)to;
    tell_prompt(leg, facts, "a prompt of about ", out);
}

static bool needs_hold(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to)
{
    (void)to;
    return needs(leg, facts) & condition->mask;
}

static void needs_tell(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to, llmc_buffer *out)
{
    (void)to;
    uint32_t both = needs(leg, facts) & condition->mask;
    llmc_buffer_add_text(out, "needs");
    for (size_t i = 0; i < LLMC_NEED_COUNT; i++) {
        if (!(both & 1u << i))
            continue;
        llmc_buffer_add_text(out, " ");
        llmc_buffer_add_text(out, llmc_need_names[i]);
    }
}

static bool fits_holds(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to)
{
    (void)condition;
    int64_t length = leg->request->max_tokens > 0 ? leg->request->max_tokens : leg->services->settings->default_max_tokens;
    return has_room(to, llmc_facts_prompt_tokens(leg, facts), length) && llmc_route_fits(leg, to);
}

static void fits_tells(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to, llmc_buffer *out)
{
    (void)condition, (void)to;
    tell_prompt(leg, facts, "takes a prompt of about ", out);
}

/* In millionths of the limit; -1: nobody can tell. */
static int64_t share_spent(llmcost_leg *leg, const llmc_condition *condition)
{
    llmc_account_engine *accounts = leg->services->accounts;
    const llmc_budget *budget = &leg->services->settings->budgets[condition->number];
    const llmc_account_ref ref = { condition->number, budget->each ? llmc_tag_value(leg->request->tags, leg->request->tag_count, budget->each) : NULL };
    llmc_hold_reply reply;
    llmc_account_figures figures;
    if (!accounts || !accounts->look)
        return -1;
    accounts->look(accounts, &ref, 1, 0, llmc_leg_receipt(leg)->started_wall_ms, &reply, &figures);
    __int128 used = (__int128)figures.spent_nano + figures.held_nano;
    if (used <= 0)
        return budget->limit_nano > 0 ? 0 : MILLIONTHS;
    __int128 share = budget->limit_nano > 0 ? used * MILLIONTHS / budget->limit_nano : INT64_MAX;
    return share > INT64_MAX ? INT64_MAX : (int64_t)share;
}

static bool spent_holds(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to)
{
    (void)facts, (void)to;
    int64_t share = share_spent(leg, condition);
    if (share < 0)
        llmc_leg_policy_failed(leg, "choose", "a budget's account cannot be read: rules that ask for it do not hold");
    return share >= 0 && share > condition->above && share < condition->below;
}

static void spent_tells(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to, llmc_buffer *out)
{
    (void)facts, (void)to;
    llmc_buffer_add_format(out, "budget %s is %lld%% spent", condition->subject, (long long)(share_spent(leg, condition) / (MILLIONTHS / 100)));
}

static int64_t hour_of(llmcost_leg *leg)
{
    int64_t rest = llmc_leg_receipt(leg)->started_wall_ms % DAY_MS;
    return (rest < 0 ? rest + DAY_MS : rest) / HOUR_MS;
}

static bool hour_holds(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to)
{
    (void)facts, (void)to;
    int64_t hour = hour_of(leg);
    bool since = hour >= condition->above, until = hour < condition->below;
    return condition->above < condition->below ? since && until : since || until;
}

static void hour_tells(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to, llmc_buffer *out)
{
    (void)facts, (void)condition, (void)to;
    llmc_buffer_add_format(out, "hour %lld UTC", (long long)hour_of(leg));
}

/* 1970-01-01 was a Thursday. */
static int weekday_of(llmcost_leg *leg)
{
    int64_t wall_ms = llmc_leg_receipt(leg)->started_wall_ms, day = wall_ms / DAY_MS - (wall_ms % DAY_MS < 0);
    return (int)((day % 7 + 7 + 3) % 7);
}

static bool weekday_holds(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to)
{
    (void)facts, (void)to;
    return condition->mask & 1u << weekday_of(leg);
}

static void weekday_tells(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to, llmc_buffer *out)
{
    (void)facts, (void)condition, (void)to;
    llmc_buffer_add_format(out, "%s UTC", llmc_weekday_names[weekday_of(leg)]);
}

static const llmc_route *healthy_target(llmcost_leg *leg, const llmc_condition *condition, const llmc_route *to)
{
    if (!condition->count)
        return llmc_route_is_healthy(leg, to) ? to : NULL;
    for (size_t i = 0; i < condition->count; i++) {
        if (llmc_route_is_healthy(leg, condition->targets[i]))
            return condition->targets[i];
    }
    return NULL;
}

static bool healthy_holds(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to)
{
    (void)facts;
    return healthy_target(leg, condition, to) != NULL;
}

static void healthy_tells(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to, llmc_buffer *out)
{
    (void)facts;
    const llmc_route *target = healthy_target(leg, condition, to);
    llmc_buffer_add_text(out, target ? target->name : to->name);
    llmc_buffer_add_text(out, " is healthy");
}

static const struct {
    bool (*holds)(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to);
    void (*tells)(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to, llmc_buffer *out);
} table[LLMC_FACTS] = {
    [LLMC_FACT_TAG] = { tag_holds, tag_tells },         [LLMC_FACT_PROMPT_TOKENS] = { prompt_holds, prompt_tells },
    [LLMC_FACT_NEEDS] = { needs_hold, needs_tell },     [LLMC_FACT_FITS] = { fits_holds, fits_tells },
    [LLMC_FACT_SPENT] = { spent_holds, spent_tells },   [LLMC_FACT_HOUR] = { hour_holds, hour_tells },
    [LLMC_FACT_WEEKDAY] = { weekday_holds, weekday_tells }, [LLMC_FACT_HEALTHY] = { healthy_holds, healthy_tells },
};

bool llmc_condition_holds(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to)
{
    return table[condition->fact].holds(leg, facts, condition, to);
}

void llmc_condition_tell(llmcost_leg *leg, llmc_facts *facts, const llmc_condition *condition, const llmc_route *to, llmc_buffer *out)
{
    table[condition->fact].tells(leg, facts, condition, to, out);
}
