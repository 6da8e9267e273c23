/*
 * Route trees of depth 4, made at random, against a model of what routes are meant to do: which targets are asked in
 * which order, what comes out, and what each leg costs. Targets answer, are unsure, fail in every way that differs, or
 * are refused by a budget; with retries and without, streamed and not.
 *
 * The model knows only the tree and what each target will say. It reads one thing of the receipt: which side a split
 * took, because that is chance.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "call/call.h"
#include "policy/fallback_cause.h"

#include "../support/engine_rig.h"
#include "../support/random_trees.h"
#include "../support/rounds.h"

enum { SAYINGS = 3, LONGEST_WALK = 400, ANSWER_COST = 10 * 150 + 5 * 600 };

/* What a target says. */
typedef enum saying {
    ANSWERS, UNSURE, UNSURE_AT_ITS_END, FILTERS, BREAKS_OFF, RATE_LIMITS, RATE_LIMITS_LONG, HAS_NO_QUOTA, IS_OVERLOADED, FAILS, IS_SILENT,
    FINDS_IT_INVALID, REFUSES_THE_KEY, KNOWS_NO_SUCH_MODEL, FINDS_IT_TOO_LONG, FILTERS_THE_PROMPT, SAYING_COUNT
} saying;

static const struct {
    llmcost_status status;
    const char *text, *code;
    int32_t http_status;
    bool has_cost_unknown;
} sayings[SAYING_COUNT] = {
    [ANSWERS] = { LLMCOST_OK, "It is 5.", NULL, 200, false },
    [UNSURE] = { LLMCOST_OK, "UNCERTAIN", NULL, 200, false },
    [UNSURE_AT_ITS_END] = { LLMCOST_OK, "It is 4.\nUNCERTAIN", NULL, 200, false },
    [FILTERS] = { LLMCOST_OK, "It", NULL, 200, false },
    [BREAKS_OFF] = { LLMCOST_E_TRUNCATED, "part", NULL, 200, true },
    [RATE_LIMITS] = { LLMCOST_E_RATE_LIMITED, "", "rate_limit_exceeded", 429, false },
    [RATE_LIMITS_LONG] = { LLMCOST_E_RATE_LIMITED, "", "rate_limit_exceeded", 429, false },
    [HAS_NO_QUOTA] = { LLMCOST_E_QUOTA, "", "insufficient_quota", 429, false },
    [IS_OVERLOADED] = { LLMCOST_E_OVERLOADED, "", "overloaded", 503, false },
    [FAILS] = { LLMCOST_E_SERVER, "", "server_error", 500, false },
    [IS_SILENT] = { LLMCOST_E_FIRST_BYTE_TIMEOUT, "", NULL, 200, true },
    [FINDS_IT_INVALID] = { LLMCOST_E_INVALID_REQUEST, "", "invalid_request_error", 400, false },
    [REFUSES_THE_KEY] = { LLMCOST_E_AUTH, "", "invalid_api_key", 401, false },
    [KNOWS_NO_SUCH_MODEL] = { LLMCOST_E_NOT_FOUND, "", "model_not_found", 404, false },
    [FINDS_IT_TOO_LONG] = { LLMCOST_E_CONTEXT_LENGTH, "", "context_length_exceeded", 400, false },
    [FILTERS_THE_PROMPT] = { LLMCOST_E_CONTENT_FILTER, "", "content_filter", 400, false },
};

typedef struct round {
    random_tree tree;
    uint64_t seed;
    saying says[TREE_TARGETS][SAYINGS];
    bool broke[TREE_TARGETS];
    int retries[TREE_TARGETS];
    bool streams;
    int task; /* the call's tag; -1: none */
} round;

/* ---- the model ---- */

typedef struct leg {
    int target;
    saying said;
} leg;

typedef struct model {
    const round *round;
    const llmc_receipt *receipt;
    int used[TREE_TARGETS];
    leg walk[LONGEST_WALK];
    size_t legs;
    bool shown; /* content has reached the caller */
    llmcost_status out[TREE_TARGETS]; /* its only key is: nothing is sent */
} model;

typedef struct outcome {
    llmcost_status status;
    const char *text;
    bool altered, filtered;
} outcome;

static outcome walk(model *self, const tree_node *node, bool guarded, bool alternative);

static saying ask(model *self, int target)
{
    int use = self->used[target]++;
    saying said = self->round->says[target][use < SAYINGS ? use : SAYINGS - 1];
    assert_true(self->legs < LONGEST_WALK);
    if (said == REFUSES_THE_KEY || said == HAS_NO_QUOTA)
        self->out[target] = sayings[said].status;
    self->walk[self->legs++] = (leg){ target, said };
    return said;
}

/* guarded: a cascade holds back what may be its marker. */
static bool is_shown(const model *self, saying said, bool guarded)
{
    return self->round->streams && *sayings[said].text && !(guarded && said == UNSURE);
}

static bool is_tried_again(saying said, bool alternative)
{
    return llmcost_status_is_retriable(sayings[said].status) && !(said == RATE_LIMITS_LONG && alternative);
}

static outcome walk_leaf(model *self, const tree_node *node, bool guarded, bool alternative)
{
    if (self->out[node->target])
        return (outcome){ .status = self->out[node->target] };
    if (self->round->broke[node->target])
        return (outcome){ .status = LLMCOST_E_BUDGET };
    saying said = ask(self, node->target);
    self->shown |= is_shown(self, said, guarded);
    for (int i = 0; i < self->round->retries[node->target] && !self->shown && is_tried_again(said, alternative); i++) {
        said = ask(self, node->target);
        self->shown |= is_shown(self, said, guarded);
    }
    return (outcome){ sayings[said].status, sayings[said].text, false, said == FILTERS };
}

static outcome walk_cascade(model *self, const tree_node *node, bool guarded, bool alternative)
{
    const char *best = NULL;
    outcome step = { 0 };
    for (size_t i = 0; i < node->count; i++) {
        bool last = i + 1 == node->count;
        step = walk(self, node->steps[i], guarded || !last, alternative);
        if (step.status && self->shown)
            return step;
        if (step.status)
            continue;
        if (last || !strstr(step.text, "UNCERTAIN"))
            return step;
        const char *sure = strcmp(step.text, "UNCERTAIN") == 0 ? NULL : "It is 4.";
        if (self->shown)
            return (outcome){ LLMCOST_OK, sure ? sure : step.text, true, false };
        best = sure ? sure : best;
    }
    return best && node->best ? (outcome){ LLMCOST_OK, best, true, false } : step;
}

static llmc_fallback_cause cause_of(const outcome *step)
{
    if (step->status == LLMCOST_OK)
        return step->filtered ? LLMC_CAUSE_CONTENT_FILTER : LLMC_CAUSE_NONE;
    return llmc_fallback_cause_of(step->status);
}

/* Which failure is told: one that may pass, else one that is no budget's. */
static int rank(llmcost_status status)
{
    return llmcost_status_is_retriable(status) ? 0 : llmcost_status_is_budget(status) ? 3 : 2;
}

static outcome walk_fallback(model *self, const tree_node *node, bool guarded, bool alternative)
{
    outcome told = { 0 }, filtered = { 0 };
    bool altered = false;
    for (size_t i = 0; i < node->count; i++) {
        bool last = i + 1 == node->count;
        outcome step = walk(self, node->steps[i], guarded, alternative || !last);
        llmc_fallback_cause cause = cause_of(&step);
        step.altered |= altered;
        if (step.status && (!told.status || rank(step.status) < rank(told.status)))
            told = step;
        if (cause == LLMC_CAUSE_NONE || !(node->on >> cause & 1) || self->shown)
            return step;
        if (step.status == LLMCOST_OK && last)
            return step;
        if (step.status == LLMCOST_OK && !filtered.text)
            filtered = step;
        if (cause == LLMC_CAUSE_CONTEXT_LENGTH) /* all windows are alike: none is larger */
            break;
        altered = true;
    }
    filtered.altered = true;
    return filtered.text ? filtered : told;
}

static size_t side_of(const model *self, const tree_node *node)
{
    for (const llmc_decision *decision = self->receipt->decisions; decision; decision = decision->next) {
        if (strcmp(decision->node, node->name) == 0 && strcmp(decision->kind, "split") == 0) {
            size_t side = (size_t)(decision->side[1] - '0');
            assert_true(side < node->count && node->weights[side] > 0);
            return side;
        }
    }
    fail_msg("the split %s was not decided", node->name);
    return 0;
}

static size_t entry_of(const model *self, const tree_node *node)
{
    size_t entry = 0;
    while (node->tasks[entry] >= 0 && node->tasks[entry] != self->round->task)
        entry++;
    return entry;
}

static outcome walk(model *self, const tree_node *node, bool guarded, bool alternative)
{
    switch (node->kind) {
    case TREE_CASCADE:
        return walk_cascade(self, node, guarded, alternative);
    case TREE_FALLBACK:
        return walk_fallback(self, node, guarded, alternative);
    case TREE_SPLIT:
        return walk(self, node->steps[side_of(self, node)], guarded, alternative);
    case TREE_CHOOSE:
        return walk(self, node->steps[entry_of(self, node)], guarded, alternative);
    default:
        return walk_leaf(self, node, guarded, alternative);
    }
}

/* ---- what really happens ---- */

static void script_answer(engine_rig *rig, fake_exchange **made, saying said, bool streams)
{
    const char *text = sayings[said].text;
    if (said == UNSURE_AT_ITS_END && streams) {
        *made = fake_network_streams(&rig->network, NULL, (const char *const[]){ "It is 4.", "\nUNCERTAIN", NULL }, 10, 5);
        return;
    }
    if (said != FILTERS) {
        *made = streams ? fake_network_streams(&rig->network, NULL, (const char *const[]){ text, NULL }, 10, 5) : fake_network_says(&rig->network, NULL, text, 10, 5);
        return;
    }
    *made = fake_network_add(&rig->network, NULL);
    if (streams) {
        fake_exchange_delta(*made, 1, text);
        fake_exchange_end(*made, 2, "content_filter", 10, 5);
        return;
    }
    static const char body[] = "{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"It\"},\"finish_reason\":\"content_filter\"}],"
                               "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15}}";
    fake_exchange_piece(*made, 0, body, sizeof body - 1);
}

static void script(engine_rig *rig, const round *of, int target, int use)
{
    static char urls[TREE_TARGETS][20];
    saying said = of->says[target][use];
    fake_exchange *exchange = NULL;
    if (said <= FILTERS) {
        script_answer(rig, &exchange, said, of->streams);
    } else if (said == BREAKS_OFF) {
        exchange = fake_network_add(&rig->network, NULL);
        if (of->streams)
            fake_exchange_delta(exchange, 1, "part");
        else
            fake_exchange_piece(exchange, 1, "{\"id\":", 6);
        exchange->done_ms = 2;
        exchange->status = LLMCOST_E_NETWORK;
    } else if (said == IS_SILENT) {
        exchange = fake_network_add(&rig->network, NULL);
        exchange->status_ms = FAKE_SILENT;
    } else {
        exchange = fake_network_fails(&rig->network, NULL, sayings[said].http_status, sayings[said].code);
        exchange->headers[1] = said == RATE_LIMITS ? "Retry-After: 1" : said == RATE_LIMITS_LONG ? "Retry-After: 30" : NULL;
    }
    snprintf(urls[target], sizeof urls[target], "p%d.test", target);
    exchange->url = urls[target];
    exchange->times = use + 1 < SAYINGS ? 1 : 0;
}

static void open_round(engine_rig *rig, const round *of)
{
    static char config[2 * TREE_CONFIG_BYTES];
    static char members[TREE_TARGETS][80];
    const char *each[TREE_TARGETS], *between = "";
    for (int i = 0; i < TREE_TARGETS; i++) {
        snprintf(members[i], sizeof members[i], "\"retries\":%d,\"retry_budget\":0,\"first_byte_ms\":1000", of->retries[i]);
        each[i] = members[i];
    }
    size_t at = (size_t)snprintf(config, sizeof config, "{\"breaker\":false,");
    at += tree_providers(config + at, sizeof config - at, each);
    at += (size_t)snprintf(config + at, sizeof config - at, ",\"routes\":{\"r\":%s},\"budgets\":[", of->tree.text);
    for (int i = 0; i < TREE_TARGETS; i++) {
        if (!of->broke[i])
            continue;
        at += (size_t)snprintf(config + at, sizeof config - at, "%s{\"limit\":\"0.0000001 USD\",\"provider\":\"p%d\"}", between, i);
        between = ",";
    }
    snprintf(config + at, sizeof config - at, "]}");
    rig_open(rig, config);
    for (int target = 0; target < TREE_TARGETS; target++) {
        for (int use = 0; use < SAYINGS; use++)
            script(rig, of, target, use);
    }
}

/* ---- both, held against each other ---- */

static void show(const round *of, const model *expected, const engine_rig *rig)
{
    print_error("seed %llu, %s, tree %s\n", (unsigned long long)of->seed, of->streams ? "streamed" : "whole", of->tree.text);
    for (int i = 0; i < TREE_TARGETS; i++)
        print_error("p%d%s, %d retries: %d %d %d\n", i, of->broke[i] ? " refused" : "", of->retries[i], (int)of->says[i][0], (int)of->says[i][1], (int)of->says[i][2]);
    for (size_t i = 0; i < expected->legs; i++)
        print_error("expected leg to p%d: %d\n", expected->walk[i].target, (int)expected->walk[i].said);
    for (size_t i = 0; i < rig->network.request_count && i < FAKE_MAX_REQUESTS; i++)
        print_error("request to %s\n", rig->network.requests[i].url);
}

static const char *check_walk(const model *expected, const engine_rig *rig)
{
    if (rig->network.request_count != expected->legs)
        return "another number of legs";
    for (size_t i = 0; i < expected->legs && i < FAKE_MAX_REQUESTS; i++) {
        if (rig->network.requests[i].url[9] - '0' != expected->walk[i].target)
            return "another order of legs";
    }
    return NULL;
}

/* Each leg that was sent, in its order, with its cost; together they are the bill. */
static const char *check_bill(const model *expected, const llmcost_response *response)
{
    int64_t sum = 0;
    size_t at = 0;
    for (const llmc_line *line = response->receipt.lines; line; line = line->next) {
        if (!(line->flags & LLMC_LINE_SENT)) {
            if (line->cost_nano > 0)
                return "a leg that was not sent costs something";
            continue;
        }
        if (at == expected->legs || line->provider[1] - '0' != expected->walk[at].target)
            return "another leg on the receipt";
        saying said = expected->walk[at++].said;
        int64_t cost = sayings[said].status ? 0 : ANSWER_COST;
        if (sayings[said].has_cost_unknown ? line->cost_nano < 0 : line->cost_nano != cost)
            return "another cost of a leg";
        sum += line->cost_nano;
    }
    if (at != expected->legs)
        return "a leg is missing on the receipt";
    return sum == llmcost_response_cost_nano(response) ? NULL : "the lines are not the bill";
}

static const char *check(const model *expected, const outcome *out, const engine_rig *rig, const llmcost_response *response, const char *streamed)
{
    const char *wrong = check_walk(expected, rig);
    if (!wrong && llmcost_response_status(response) != out->status)
        wrong = "another status";
    if (!wrong && !out->status && strcmp(llmcost_response_text(response), out->text) != 0)
        wrong = "another text";
    if (!wrong && !out->status && streamed && strcmp(streamed, out->text) != 0)
        wrong = "another text was streamed";
    if (!wrong && !out->status && llmcost_response_is_altered(response) != out->altered)
        wrong = "altered, or not";
    return wrong ? wrong : check_bill(expected, response);
}

static void make_round(round *of, uint64_t seed, int most_retries)
{
    memset(of, 0, sizeof *of);
    of->seed = seed;
    tree_make(&of->tree, seed, 4);
    of->streams = tree_below(&of->tree, 2);
    of->task = (int)tree_below(&of->tree, 4) - 1;
    for (int i = 0; i < TREE_TARGETS; i++) {
        of->broke[i] = tree_below(&of->tree, 8) == 0;
        of->retries[i] = most_retries ? (int)tree_below(&of->tree, (uint32_t)most_retries + 1) : 0;
        for (int j = 0; j < SAYINGS; j++)
            of->says[i][j] = (saying)tree_below(&of->tree, SAYING_COUNT);
    }
}

static void run_round(uint64_t seed, int most_retries)
{
    static round of;
    static model expected;
    engine_rig rig;
    rig_request space;
    llmcost_response *response = NULL;
    char text[1000], task[8];
    llmcost_tag tags[2] = { { "task", task }, { "user", "ann" } };
    make_round(&of, seed, most_retries);
    open_round(&rig, &of);
    llmcost_request *request = rig_ask(&space, "r", "hello");
    snprintf(task, sizeof task, "t%d", of.task);
    request->tags = of.task >= 0 ? tags : tags + 1;
    request->tag_count = (of.task >= 0) + (seed % 3 != 0);
    request->max_tokens = 100;
    llmcost_status status = of.streams ? rig_stream(&rig, request, text, sizeof text, &response) : llmcost_chat(rig.client, request, &response);
    memset(&expected, 0, sizeof expected);
    expected.round = &of;
    expected.receipt = &response->receipt;
    outcome out = walk(&expected, of.tree.root, false, false);
    const char *wrong = check(&expected, &out, &rig, response, of.streams ? text : NULL);
    if (wrong) {
        show(&of, &expected, &rig);
        fail_msg("%s: expected %s \"%s\" %s, got %s \"%s\" %s", wrong, llmcost_status_name(out.status), out.text ? out.text : "", out.altered ? "altered" : "",
                 llmcost_status_name(status), llmcost_response_text(response), llmcost_response_is_altered(response) ? "altered" : "");
    }
    rig_check_receipt(response);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_without_retries(void **state)
{
    (void)state;
    for (int i = 0; i < test_rounds(2000); i++)
        run_round((uint64_t)i, 0);
}

static void test_with_retries(void **state)
{
    (void)state;
    for (int i = 0; i < test_rounds(3000); i++)
        run_round((uint64_t)i + (UINT64_C(1) << 32), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_retries), cmocka_unit_test(test_with_retries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
