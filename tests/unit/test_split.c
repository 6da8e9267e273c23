/* Splits: who goes to which side, what moves when weights change, and what is counted for a side, on a fake network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/config_reading.h"
#include "../support/engine_rig.h"
#include "../support/rounds.h"
#include "policy/decide.h"

#define MODELS "\"models\":{\"a\":\"openai/gpt-4o\",\"b\":\"openai/gpt-4o-mini\",\"c\":\"openai/gpt-4.1\"}"
#define ROUTES(text) "{" RIG_OPENAI "," MODELS ",\"routes\":{" text "}}"
#define ASKS_A "\"gpt-4o\""
#define ASKS_B "\"gpt-4o-mini\""
#define ASKS_C "\"gpt-4.1\""

/* ---- who goes where ---- */

enum { MAX_SIDES = 6 };

typedef struct drawn_split {
    llmc_split split;
    const char *sides[MAX_SIDES];
    uint32_t weights[MAX_SIDES];
} drawn_split;

static void add_side(drawn_split *to, const char *name, uint32_t weight)
{
    to->sides[to->split.side_count] = name;
    to->weights[to->split.side_count++] = weight;
    to->split.sides = to->sides;
    to->split.weights = to->weights;
}

static const char *user_name(int number, char out[32])
{
    snprintf(out, 32, "user-%d", number);
    return out;
}

static const char *side_of(const drawn_split *of, const char *value)
{
    return of->sides[llmc_split_draw(&of->split, llmc_split_seed(&of->split, value), 0)];
}

/* These never change: other figures would move everybody's users. */
static void test_known_sides(void **state)
{
    static const struct { const char *value, *even, *uneven, *other; } known[] = {
        { "ann", "b", "openai/gpt-4o", "b" },
        { "bob", "a", "openai/gpt-4o", "a" },
        { "carol", "b", "openai/gpt-4o", "a" },
        { "dave", "b", "anthropic/claude-sonnet-4-5", "a" },
        { "eve", "b", "openai/gpt-4o", "a" },
        { "user-1", "a", "openai/gpt-4o", "a" },
        { "user-2", "b", "openai/gpt-4o", "a" },
        { "user-3", "a", "anthropic/claude-sonnet-4-5", "b" },
        { "7f3c9e1a-42", "b", "openai/gpt-4o", "a" },
        { "张三", "b", "anthropic/claude-sonnet-4-5", "a" },
        { "a rather long value of a tag, such as an address: someone@example.com/department/12345678901234567890", "b", "openai/gpt-4o", "a" },
    };
    (void)state;
    drawn_split even = { .split.name = "test" }, uneven = { .split.name = "test" }, other = { .split.name = "checkout" };
    add_side(&even, "a", 50);
    add_side(&even, "b", 50);
    add_side(&uneven, "openai/gpt-4o", 700);
    add_side(&uneven, "anthropic/claude-sonnet-4-5", 200);
    add_side(&uneven, "kimi", 100);
    add_side(&other, "a", 50);
    add_side(&other, "b", 50);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_string_equal(side_of(&even, known[i].value), known[i].even);
        assert_string_equal(side_of(&uneven, known[i].value), known[i].uneven);
        assert_string_equal(side_of(&other, known[i].value), known[i].other);
    }
    assert_true(llmc_split_seed(&even.split, "ann") == UINT64_C(0x5E3CCA7E66983721));
}

/* The sum of (observed - expected)^2 / expected; sides of no weight must have nobody. */
static double chi_square(const int *counts, const drawn_split *of, int all)
{
    double sum = 0, weights = 0;
    for (uint32_t i = 0; i < of->split.side_count; i++)
        weights += of->weights[i];
    for (uint32_t i = 0; i < of->split.side_count; i++) {
        double expected = all * (double)of->weights[i] / weights, off = counts[i] - expected;
        assert_true(of->weights[i] || counts[i] == 0);
        sum += expected > 0 ? off * off / expected : 0;
    }
    return sum;
}

static void test_shares(void **state)
{
    static const uint32_t cases[][4] = { { 50, 50, 0, 0 }, { 1, 1, 1, 1 }, { 70, 20, 10, 0 }, { 1, 99, 0, 900 }, { 1000000, 1000, 1000, 1000 }, { 3, 3, 1, 0 } };
    llmc_random random;
    (void)state;
    llmc_random_init(&random, 3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int chance = 0; chance < 2; chance++) { /* by a tag's value, and without one */
            drawn_split of = { .split.name = "experiment" };
            int counts[MAX_SIDES] = { 0 }, all = 100000 * test_rounds(1);
            char value[32];
            for (int side = 0; side < 4; side++)
                add_side(&of, (const char *const[]){ "north", "south", "east", "west" }[side], cases[i][side]);
            for (int user = 0; user < all; user++)
                counts[llmc_split_draw(&of.split, chance ? llmc_random_next(&random) : llmc_split_seed(&of.split, user_name(user, value)), 0)]++;
            double off = chi_square(counts, &of, all);
            if (off > 16.27) /* three degrees of freedom, one in a thousand */
                fail_msg("case %zu: chi-square %.2f", i, off);
        }
    }
}

static void test_order_and_scale_mean_nothing(void **state)
{
    (void)state;
    drawn_split one = { .split.name = "r" }, turned = { .split.name = "r" }, larger = { .split.name = "r" };
    char value[32];
    add_side(&one, "a", 5);
    add_side(&one, "b", 3);
    add_side(&one, "c", 2);
    add_side(&turned, "c", 2);
    add_side(&turned, "a", 5);
    add_side(&turned, "b", 3);
    add_side(&larger, "b", 30);
    add_side(&larger, "c", 20);
    add_side(&larger, "a", 50);
    for (int user = 0; user < 20000; user++) {
        const char *side = side_of(&one, user_name(user, value));
        assert_string_equal(side_of(&one, value), side);
        assert_string_equal(side_of(&turned, value), side);
        assert_string_equal(side_of(&larger, value), side);
    }
}

/* Random splits with one thing changed: whoever moves, moves from or to what was changed, and no more than must. */
static void test_as_few_as_possible_move(void **state)
{
    enum { USERS = 4000 };
    llmc_random random;
    char value[32];
    (void)state;
    llmc_random_init(&random, 17);
    for (int round = test_rounds(60); round; round--) {
        drawn_split before = { .split.name = "r" }, after;
        uint32_t sides = 2 + (uint32_t)llmc_random_below(&random, 4), changed = (uint32_t)llmc_random_below(&random, sides);
        double sum_before = 0, sum_after = 0;
        for (uint32_t i = 0; i < sides; i++)
            add_side(&before, (const char *const[]){ "a", "b", "c", "d", "e" }[i], 1 + (uint32_t)llmc_random_below(&random, 100));
        after = before;
        after.split.sides = after.sides;
        after.split.weights = after.weights;
        after.weights[changed] = (uint32_t)llmc_random_below(&random, 200); /* also to 0: the side goes */
        for (uint32_t i = 0; i < sides; i++) {
            sum_before += before.weights[i];
            sum_after += after.weights[i];
        }
        double share_before = before.weights[changed] / sum_before, share_after = after.weights[changed] / sum_after;
        bool grows = share_after > share_before;
        int moved = 0;
        for (int user = 0; user < USERS; user++) {
            const char *from = side_of(&before, user_name(user, value)), *to = side_of(&after, value);
            if (from == to)
                continue;
            moved++;
            assert_string_equal(grows ? to : from, before.sides[changed]);
        }
        double wanted = (grows ? share_after - share_before : share_before - share_after) * USERS, off = moved - wanted;
        if (off * off > 25 * (wanted + 4)) /* five standard deviations */
            fail_msg("%d of %d moved, %.0f must", moved, USERS, wanted);
    }
}

/* What a user has in one experiment says nothing about what he has in another of the same sides. */
static void test_experiments_are_independent(void **state)
{
    static const char *const names[][2] = { { "test", "checkout" }, { "r", "s" }, { "a", "b" }, { "r.1", "r.2" }, { "", "x" } };
    char value[32];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        drawn_split one = { .split.name = names[i][0] }, two = { .split.name = names[i][1] };
        int counts[2][2] = { { 0 } }, all = 40000 * test_rounds(1);
        for (int side = 0; side < 2; side++) {
            add_side(&one, side ? "b" : "a", 50);
            add_side(&two, side ? "b" : "a", 50);
        }
        for (int user = 0; user < all; user++)
            counts[*side_of(&one, user_name(user, value)) - 'a'][*side_of(&two, value) - 'a']++;
        double product = (double)counts[0][0] * counts[1][1] - (double)counts[0][1] * counts[1][0];
        double rows = (double)(counts[0][0] + counts[0][1]) * (counts[1][0] + counts[1][1]), columns = (double)(counts[0][0] + counts[1][0]) * (counts[0][1] + counts[1][1]);
        double off = product * product * all / rows / columns;
        if (off > 10.83) /* one degree of freedom, one in a thousand */
            fail_msg("%s and %s: chi-square %.2f", names[i][0], names[i][1], off);
    }
}

/* Without its side a value goes where it would go if that side had never been. */
static void test_passing_over(void **state)
{
    char value[32];
    (void)state;
    drawn_split all = { .split.name = "r" }, rest = { .split.name = "r" };
    add_side(&all, "a", 5);
    add_side(&all, "b", 3);
    add_side(&all, "c", 2);
    add_side(&rest, "a", 5);
    add_side(&rest, "c", 2);
    for (int user = 0; user < 5000; user++) {
        uint64_t seed = llmc_split_seed(&all.split, user_name(user, value));
        size_t side = llmc_split_draw(&all.split, seed, 1u << 1);
        assert_string_equal(all.sides[side], side_of(&rest, value));
        assert_int_equal(llmc_split_draw(&all.split, seed, 7), SIZE_MAX);
    }
}

/* ---- calls ---- */

static llmcost_tag user_tag;

static llmcost_request *ask_as(rig_request *space, const char *model, const char *user)
{
    llmcost_request *request = rig_ask(space, model, "hello");
    user_tag = (llmcost_tag){ "user", user };
    request->max_tokens = 100;
    request->tags = user ? &user_tag : NULL;
    request->tag_count = user != NULL;
    return request;
}

/* Makes a call and gives back its receipt's id in id, where that is given. */
static void call_as(engine_rig *rig, const char *model, const char *user, llmcost_status wanted, char id[32])
{
    rig_request space;
    llmcost_response *response;
    assert_int_equal(llmcost_chat(rig->client, ask_as(&space, model, user), &response), wanted);
    rig_check_receipt(response);
    if (id)
        snprintf(id, 32, "%s", llmcost_response_id(response));
    llmcost_response_free(response);
}

/* A figure of a side, by the names in the report. */
static int64_t figure(engine_rig *rig, const char *split, const char *side, const char *key)
{
    char *report, wanted[100];
    assert_int_equal(llmcost_report(rig->client, "json", &report), LLMCOST_OK);
    const char *at = report;
    snprintf(wanted, sizeof wanted, "{\"name\":\"%s\",\"sticky\":", split);
    assert_non_null(at = strstr(at, wanted));
    snprintf(wanted, sizeof wanted, "{\"name\":\"%s\",\"weight\":", side);
    assert_non_null(at = strstr(at, wanted));
    snprintf(wanted, sizeof wanted, "\"%s\":", key);
    assert_non_null(at = strstr(at, wanted));
    int64_t value = strtoll(at + strlen(wanted), NULL, 10);
    llmcost_string_free(report);
    return value;
}

static void answer_all(engine_rig *rig)
{
    fake_network_says(&rig->network, ASKS_A, "from a", 1000, 100);
    fake_network_says(&rig->network, ASKS_B, "from b", 1000, 100);
    fake_network_says(&rig->network, ASKS_C, "from c", 1000, 100);
}

static void test_a_user_keeps_his_side(void **state)
{
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    char user[32];
    (void)state;
    drawn_split model = { .split.name = "r" };
    add_side(&model, "a", 50);
    add_side(&model, "b", 50);
    for (int restart = 0; restart < 2; restart++) {
        rig_open(&rig, ROUTES("\"r\":{\"split\":{\"a\":50,\"b\":50},\"sticky\":\"user\"}"));
        answer_all(&rig);
        for (int i = 0; i < 20; i++) {
            assert_int_equal(llmcost_chat(rig.client, ask_as(&space, "r", user_name(i, user)), &response), LLMCOST_OK);
            const char *side = side_of(&model, user);
            assert_int_equal(llmcost_response_text(response)[5], *side);
            char wanted[200];
            snprintf(wanted, sizeof wanted, "{\"node\":\"r\",\"kind\":\"split\",\"side\":\"%s\",\"to\":\"openai/%s\",\"why\":\"by its tag\"}", side, *side == 'a' ? "gpt-4o" : "gpt-4o-mini");
            assert_non_null(strstr(llmcost_response_receipt(response), wanted));
            llmcost_response_free(response);
        }
        assert_int_equal(figure(&rig, "r", "a", "calls") + figure(&rig, "r", "b", "calls"), 20);
        rig_close(&rig);
    }
}

static void test_by_chance(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) { /* no such tag, and a split that wants none */
        engine_rig rig;
        rig_request space;
        llmcost_response *response;
        rig_open(&rig, i < 1 ? ROUTES("\"r\":{\"split\":{\"a\":50,\"b\":50},\"sticky\":\"user\"}") : ROUTES("\"r\":{\"split\":{\"a\":50,\"b\":50}}"));
        answer_all(&rig);
        for (int call = 0; call < 60; call++) {
            assert_int_equal(llmcost_chat(rig.client, ask_as(&space, "r", i < 1 ? NULL : "ann"), &response), LLMCOST_OK);
            assert_non_null(strstr(llmcost_response_receipt(response), i < 1 ? "\"why\":\"by chance, without its tag\"" : "\"why\":\"by chance\""));
            llmcost_response_free(response);
        }
        int64_t a = figure(&rig, "r", "a", "calls"), b = figure(&rig, "r", "b", "calls");
        assert_int_equal(a + b, 60);
        assert_true(a > 10 && b > 10);
        rig_close(&rig);
    }
}

/* An alias may mean another model tomorrow, or two sides the same one today. */
static void test_sides_are_named_as_the_config_does(void **state)
{
    engine_rig rig;
    (void)state;
    rig_open(&rig, "{" RIG_OPENAI ",\"models\":{\"control\":\"openai/gpt-4o\",\"treatment\":\"openai/gpt-4o\"},"
                   "\"routes\":{\"r\":{\"split\":{\"control\":1,\"treatment\":1},\"sticky\":\"user\"},"
                   "\"s\":{\"split\":[{\"use\":\"openai/gpt-4o\",\"weight\":1,\"name\":\"old\"},{\"use\":{\"fallback\":[\"treatment\"]},\"weight\":0},{\"use\":\"openai/gpt-4o\",\"weight\":0}]}}}");
    answer_all(&rig);
    for (int i = 0; i < 20; i++) {
        char user[32];
        call_as(&rig, "r", user_name(i, user), LLMCOST_OK, NULL);
    }
    assert_true(figure(&rig, "r", "control", "calls") > 2 && figure(&rig, "r", "treatment", "calls") > 2);
    call_as(&rig, "s", NULL, LLMCOST_OK, NULL);
    assert_int_equal(figure(&rig, "s", "old", "calls"), 1);
    assert_int_equal(figure(&rig, "s", "s.2", "calls"), 0);
    assert_int_equal(figure(&rig, "s", "openai/gpt-4o", "calls"), 0);
    rig_close(&rig);
}

/* ---- a side that cannot serve the request ---- */

#define UNFIT(weights) "{\"providers\":{\"openai\":{\"key\":\"k\"},\"deepseek\":{\"key\":\"k\"}},\"unknown_price\":\"allow\"," \
                       "\"routes\":{\"r\":{\"split\":{" weights "},\"sticky\":\"user\"}}}"

static void test_an_unfit_side_is_passed_over(void **state)
{
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    int told = 0;
    (void)state;
    rig_open(&rig, UNFIT("\"deepseek/deepseek-chat\":60,\"openai/gpt-4o\":20,\"openai/gpt-4o-mini\":20"));
    answer_all(&rig);
    drawn_split rest = { .split.name = "r" };
    add_side(&rest, "openai/gpt-4o", 20);
    add_side(&rest, "openai/gpt-4o-mini", 20);
    for (int i = 0; i < 30; i++) {
        char user[32];
        ask_as(&space, "r", user_name(i, user))->n = 2;
        assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_OK);
        const char *receipt = llmcost_response_receipt(response);
        assert_string_equal(llmcost_response_text(response), strcmp(side_of(&rest, user), "openai/gpt-4o") == 0 ? "from a" : "from b");
        told += strstr(receipt, "\"pruned\":\"deepseek/deepseek-chat: ") != NULL;
        llmcost_response_free(response);
    }
    assert_true(told > 8 && told < 28); /* of those whose side it is */
    assert_int_equal(figure(&rig, "r", "deepseek/deepseek-chat", "calls"), 0);
    rig_close(&rig);
}

static void test_no_side_is_fit(void **state)
{
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    (void)state;
    rig_open(&rig, UNFIT("\"deepseek/deepseek-chat\":60,\"openai/gpt-4o\":0"));
    ask_as(&space, "r", "ann")->n = 2;
    assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_E_UNSUPPORTED);
    assert_non_null(strstr(llmcost_error_message(llmcost_response_error(response)), "deepseek"));
    assert_int_equal(rig.network.request_count, 0);
    llmcost_response_free(response);
    assert_int_equal(figure(&rig, "r", "deepseek/deepseek-chat", "failed"), 1);
    rig_close(&rig);
}

/* Vectors of two models have nothing to do with each other. */
static void test_embeddings_are_not_split(void **state)
{
    engine_rig rig;
    llmcost_request request = LLMCOST_REQUEST_INIT;
    llmcost_response *response;
    const char *inputs[] = { "hello" };
    (void)state;
    rig_open(&rig, ROUTES("\"r\":{\"split\":{\"openai/text-embedding-3-small\":50,\"openai/text-embedding-3-large\":50}}"));
    request.model = "r";
    request.inputs = inputs;
    request.input_count = 1;
    assert_int_equal(llmcost_embed(rig.client, &request, &response), LLMCOST_E_UNSUPPORTED);
    assert_non_null(strstr(llmcost_error_message(llmcost_response_error(response)), "r is a route of several models"));
    llmcost_response_free(response);
    rig_close(&rig);
}

/* ---- what is counted ---- */

static void test_counters(void **state)
{
    engine_rig rig;
    (void)state;
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0}}," MODELS ",\"cache\":{\"memory\":{},\"sampled\":true},\"routes\":{"
                   "\"r\":{\"split\":[{\"use\":{\"cascade\":[\"b\",\"a\"]},\"weight\":1,\"name\":\"cheap\"},{\"use\":\"a\",\"weight\":0}]}}}");
    fake_network_says(&rig.network, ASKS_B, "UNCERTAIN", 1000, 100)->done_ms = 400;
    fake_network_says(&rig.network, ASKS_A, "sure", 1000, 100)->times = 1;
    fake_network_fails(&rig.network, ASKS_A, 503, "overloaded");
    call_as(&rig, "r", "ann", LLMCOST_OK, NULL);
    call_as(&rig, "r", "ann", LLMCOST_OK, NULL); /* out of the cache */
    assert_int_equal(figure(&rig, "r", "cheap", "calls"), 1);
    assert_int_equal(figure(&rig, "r", "cheap", "cached"), 1);
    assert_int_equal(figure(&rig, "r", "cheap", "failed"), 0);
    assert_int_equal(figure(&rig, "r", "cheap", "escalated"), 1);
    assert_int_equal(figure(&rig, "r", "cheap", "escalations"), 1);
    assert_int_equal(figure(&rig, "r", "cheap", "cost_nano"), 1000 * 150 + 100 * 600 + 1000 * 2500 + 100 * 10000);
    assert_int_equal(figure(&rig, "r", "cheap", "mean_cost_nano"), 1000 * 150 + 100 * 600 + 1000 * 2500 + 100 * 10000);
    assert_int_equal(figure(&rig, "r", "cheap", "tokens_in"), 2000);
    assert_int_equal(figure(&rig, "r", "cheap", "latency_ms\":{\"mean"), fake_clock_ms(&rig.clock));
    assert_int_equal(figure(&rig, "r", "a", "calls"), 0);
    rig_close(&rig);
}

static void test_errors_by_category(void **state)
{
    engine_rig rig;
    (void)state;
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0}}," MODELS ",\"routes\":{\"r\":{\"split\":{\"a\":1}}}}");
    fake_network_fails(&rig.network, ASKS_A, 500, "server_error")->times = 1;
    fake_network_fails(&rig.network, ASKS_A, 429, "rate_limit_exceeded")->times = 2;
    fake_network_says(&rig.network, ASKS_A, "at last", 10, 5)->times = 1;
    fake_network_fails(&rig.network, ASKS_A, 401, "invalid_api_key");
    call_as(&rig, "r", NULL, LLMCOST_E_SERVER, NULL);
    call_as(&rig, "r", NULL, LLMCOST_E_RATE_LIMITED, NULL);
    call_as(&rig, "r", NULL, LLMCOST_E_RATE_LIMITED, NULL);
    call_as(&rig, "r", NULL, LLMCOST_OK, NULL);
    call_as(&rig, "r", NULL, LLMCOST_E_AUTH, NULL);
    assert_int_equal(figure(&rig, "r", "a", "calls"), 5);
    assert_int_equal(figure(&rig, "r", "a", "failed"), 4);
    assert_int_equal(figure(&rig, "r", "a", "server"), 1);
    assert_int_equal(figure(&rig, "r", "a", "capacity"), 2);
    assert_int_equal(figure(&rig, "r", "a", "credentials"), 1);
    rig_close(&rig);
}

/* A split below a fallback counts when it is asked, and the splits below it only where they are. */
static void test_only_what_was_asked_counts(void **state)
{
    engine_rig rig;
    (void)state;
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0}}," MODELS ",\"cache\":{\"memory\":{},\"sampled\":true},\"routes\":{"
                   "\"inner\":{\"split\":{\"b\":1}},\"r\":{\"fallback\":[\"a\",{\"split\":{\"inner\":1}},{\"split\":{\"b\":1}}]}}}");
    fake_network_says(&rig.network, ASKS_A, "from a", 10, 5)->times = 1;
    fake_network_fails(&rig.network, ASKS_A, 500, "server_error");
    fake_network_says(&rig.network, ASKS_B, "from b", 10, 5)->times = 1;
    fake_network_fails(&rig.network, ASKS_B, 500, "server_error")->times = 1;
    fake_network_says(&rig.network, ASKS_B, "from b", 10, 5);
    call_as(&rig, "r", NULL, LLMCOST_OK, NULL);
    call_as(&rig, "r", NULL, LLMCOST_OK, NULL); /* the cache knows */
    assert_int_equal(figure(&rig, "inner", "b", "calls"), 0);
    assert_int_equal(figure(&rig, "r.2", "inner", "calls"), 0);
    assert_int_equal(figure(&rig, "r.2", "inner", "cached"), 0);
    for (int i = 0; i < 2; i++) {
        rig_request space;
        llmcost_response *response;
        ask_as(&space, "r", NULL)->cache = LLMCOST_CACHE_OFF;
        assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_OK);
        llmcost_response_free(response);
        assert_int_equal(figure(&rig, "inner", "b", "calls"), i + 1);
        assert_int_equal(figure(&rig, "r.2", "inner", "calls"), i + 1);
        assert_int_equal(figure(&rig, "r.3", "b", "calls"), i);
    }
    rig_close(&rig);
}

/* What a provider bills after the caller has left changes the cost that was counted. */
static int leave(const llmcost_event *event, void *user)
{
    (void)event;
    (void)user;
    return 1;
}

static void test_late_amounts(void **state)
{
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    (void)state;
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0,\"on_abort\":\"drain\"}}," MODELS ",\"routes\":{\"r\":{\"split\":{\"a\":1}}}}");
    fake_exchange *exchange = fake_network_add(&rig.network, NULL);
    for (int i = 0; i < 5; i++)
        fake_exchange_delta(exchange, 1000 * (i + 1), "12345678");
    fake_exchange_end(exchange, 6000, "stop", 10, 50);
    assert_int_equal(llmcost_chat_stream(rig.client, ask_as(&space, "r", NULL), leave, NULL, &response), LLMCOST_E_CANCELLED);
    int64_t estimated = llmcost_response_cost_nano(response);
    assert_int_equal(figure(&rig, "r", "a", "cost_nano"), estimated);
    assert_int_equal(figure(&rig, "r", "a", "time"), 1);
    llmcost_response_free(response);
    assert_int_equal(llmcost_client_run(rig.client, 60000), LLMCOST_OK);
    assert_true(estimated != 10 * 2500 + 50 * 10000);
    assert_int_equal(figure(&rig, "r", "a", "cost_nano"), 10 * 2500 + 50 * 10000);
    assert_int_equal(figure(&rig, "r", "a", "mean_cost_nano"), 10 * 2500 + 50 * 10000);
    assert_int_equal(figure(&rig, "r", "a", "calls"), 1);
    rig_close(&rig);
}

static void test_receipt_outlives_the_client(void **state)
{
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    (void)state;
    rig_open(&rig, "{" RIG_OPENAI ",\"routes\":{\"r\":{\"split\":[{\"name\":\"the new one\",\"use\":\"openai/gpt-4o\",\"weight\":1}]}}}");
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    assert_int_equal(llmcost_chat(rig.client, rig_ask(&space, "r", "hello"), &response), LLMCOST_OK);
    rig.responses_out = true;
    rig_close(&rig);
    assert_non_null(strstr(llmcost_response_receipt(response), "\"side\":\"the new one\",\"to\":\"openai/gpt-4o\""));
    llmcost_response_free(response);
}

/* ---- feedback ---- */

static void test_feedback(void **state)
{
    engine_rig rig;
    char first[32], second[32], plain[32], failed[32];
    (void)state;
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0}}," MODELS ",\"routes\":{\"r\":{\"split\":{\"a\":1}}},\"report\":{\"feedback_calls\":2}}");
    fake_network_says(&rig.network, ASKS_A, "from a", 10, 5)->times = 3;
    fake_network_fails(&rig.network, ASKS_A, 500, "server_error");
    call_as(&rig, "r", NULL, LLMCOST_OK, first);
    call_as(&rig, "r", NULL, LLMCOST_OK, second);
    call_as(&rig, "a", NULL, LLMCOST_OK, plain);
    assert_int_equal(strlen(first), 18);
    assert_string_not_equal(first, second);
    assert_int_equal(llmcost_feedback(rig.client, first, 3), LLMCOST_OK);
    assert_int_equal(llmcost_feedback(rig.client, second, 4), LLMCOST_OK);
    assert_int_equal(llmcost_feedback(rig.client, first, 1), LLMCOST_OK); /* he thought better of it */
    assert_int_equal(llmcost_feedback(rig.client, plain, 5), LLMCOST_E_UNKNOWN_CALL); /* through no split */
    assert_int_equal(figure(&rig, "r", "a", "scored"), 2);
    assert_int_equal(figure(&rig, "r", "a", "mean_score"), 2);
    call_as(&rig, "r", NULL, LLMCOST_E_SERVER, failed);
    assert_int_equal(llmcost_feedback(rig.client, failed, -5), LLMCOST_OK);
    assert_int_equal(llmcost_feedback(rig.client, first, 3), LLMCOST_E_UNKNOWN_CALL); /* two are remembered */
    assert_int_equal(figure(&rig, "r", "a", "scored"), 3);
    static const char *const bad[] = { "", "r-", "r-0123456789abcde", "r-0123456789abcdeff", "r-0123456789ABCDEF", "x-0123456789abcdef", "r-0123456789abcdeg" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(llmcost_feedback(rig.client, bad[i], 1), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_feedback(rig.client, NULL, 1), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_feedback(NULL, first, 1), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_feedback(rig.client, failed, 2e9), LLMCOST_E_MISUSE);
    assert_string_equal(llmcost_response_id(NULL), "");
    rig_close(&rig);

    rig_open(&rig, "{" RIG_OPENAI "}"); /* without a split, nothing is remembered */
    fake_network_says(&rig.network, NULL, "hello", 10, 5);
    call_as(&rig, "openai/gpt-4o", NULL, LLMCOST_OK, first);
    assert_int_equal(llmcost_feedback(rig.client, first, 1), LLMCOST_E_UNKNOWN_CALL);
    char *report;
    assert_int_equal(llmcost_report(rig.client, "json", &report), LLMCOST_OK);
    assert_non_null(strstr(report, ",\"splits\":[]}"));
    llmcost_string_free(report);
    rig_close(&rig);
}

static void test_the_report_in_words(void **state)
{
    engine_rig rig;
    char *text, id[32];
    (void)state;
    rig_open(&rig, ROUTES("\"r\":{\"split\":{\"a\":50,\"b\":50},\"sticky\":\"user\"}"));
    answer_all(&rig);
    for (int i = 0; i < 40; i++) {
        char user[32];
        call_as(&rig, "r", user_name(i, user), LLMCOST_OK, id);
        assert_int_equal(llmcost_feedback(rig.client, id, i % 2), LLMCOST_OK);
    }
    assert_int_equal(llmcost_report(rig.client, "text", &text), LLMCOST_OK);
    assert_non_null(strstr(text, "\nsplit r by user "));
    assert_non_null(strstr(text, "  b against a, 95 % intervals\n    cost of a call            -$0.00329   -$0.00329 .. -$0.00329   differs\n"));
    llmcost_string_free(text);
    rig_close(&rig);
}

/* ---- the config ---- */

#define CONFIG(sides) "{" RIG_OPENAI "," MODELS ",\"routes\":{\"r\":{\"split\":" sides "}}}"

static void test_config_errors(void **state)
{
    (void)state;
    config_reading_bad_has(CONFIG("[{\"use\":\"a\",\"weight\":1},{\"use\":\"a\",\"weight\":2}]"), NULL, "two sides of a split are called \"a\"; give one of them a \"name\"");
    config_reading_bad_has(CONFIG("[{\"use\":\"a\",\"weight\":1,\"name\":\"x\"},{\"use\":\"b\",\"weight\":2,\"name\":\"x\"}]"), NULL, "two sides of a split are called \"x\"");
    config_reading_bad_has(CONFIG("[{\"use\":\"a\",\"weight\":1,\"name\":\"r.2\"},{\"use\":{\"split\":{\"b\":1}},\"weight\":2}]"), NULL, "two sides of a split are called \"r.2\"");
    config_reading_bad_has(CONFIG("{\"a\":0,\"b\":0}"), NULL, "a split needs a weight above 0");
    config_reading_bad_has(CONFIG("{\"a\":-1}"), NULL, "the weight of \"a\" must be a whole number from 0 to 1000000");
    config_reading_bad_has(CONFIG("{\"a\":1.5}"), NULL, "the weight of \"a\" must be a whole number");
    config_reading_bad_has(CONFIG("{\"a\":1000001}"), NULL, "the weight of \"a\" must be a whole number");
    config_reading_bad_has(CONFIG("{\"a\":\"1\"}"), NULL, "the weight of \"a\" must be a whole number");
    config_reading_bad_has(CONFIG("[{\"use\":\"a\"}]"), NULL, "the weight of \"a\" must be a whole number");
    config_reading_bad_has(CONFIG("[{\"weight\":1}]"), NULL, "a side of a split needs \"use\"");
    config_reading_bad_has(CONFIG("[{\"use\":\"a\",\"weight\":1,\"name\":5}]"), NULL, "name");
    config_reading_bad_has(CONFIG("[{\"use\":\"a\",\"weight\":1,\"name\":\"\"}]"), NULL, "name");
    config_reading_bad_has(CONFIG("[{\"use\":\"a\",\"wait\":1}]"), NULL, "\"weight\"");
    config_reading_bad_has(CONFIG("[\"a\"]"), NULL, "a side: {\"use\": NAME, \"weight\": WEIGHT}");
    config_reading_bad_has(CONFIG("[]"), NULL, "must be a list of 1 to 16 names");
    config_reading_bad_has(CONFIG("\"a\""), NULL, "\"split\" must be an object of names and weights, or a list of sides");
    config_reading_bad_has(CONFIG("{\"nowhere\":1}"), NULL, "nowhere");
    config_reading_bad_has(CONFIG("{\"a\":1},\"stick\":\"user\""), NULL, "\"sticky\"");
    config_reading_bad_has("{" RIG_OPENAI ",\"report\":{\"feedback_calls\":10000001}}", NULL, "feedback_calls");
}

static void test_config(void **state)
{
    (void)state;
    config_reading reading = config_reading_good("{" RIG_OPENAI "," MODELS ",\"routes\":{\"z\":{\"split\":[{\"use\":\"a\",\"weight\":1},{\"use\":{\"split\":{\"b\":1,\"c\":2}},\"weight\":3}],\"sticky\":\"user\"},"
                                                 "\"y\":{\"split\":{\"z\":1}}}}", NULL);
    const llmc_settings *settings = reading.settings;
    assert_int_equal(settings->report_feedback_calls, 10000);
    assert_int_equal(settings->side_count, 5);
    const llmc_split *z = settings->splits, *inner = z->next, *y = inner->next;
    assert_null(y->next);
    assert_string_equal(z->name, "z");
    assert_string_equal(z->sticky, "user");
    assert_string_equal(z->sides[0], "a");
    assert_string_equal(z->sides[1], "z.2");
    assert_string_equal(inner->name, "z.2");
    assert_int_equal(inner->weights[1], 2);
    assert_string_equal(y->name, "y");
    bool seen[5] = { false };
    for (const llmc_split *split = z; split; split = split->next) {
        for (uint32_t i = 0; i < split->side_count; i++) {
            assert_false(seen[split->first_side + i]);
            seen[split->first_side + i] = true;
        }
    }
    config_reading_end(&reading);
    config_reading_sweep(CONFIG("[{\"use\":\"a\",\"weight\":1,\"name\":\"x\"},{\"use\":{\"split\":{\"b\":1}},\"weight\":2}],\"sticky\":\"user\""), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_sides), cmocka_unit_test(test_shares), cmocka_unit_test(test_order_and_scale_mean_nothing), cmocka_unit_test(test_as_few_as_possible_move),
        cmocka_unit_test(test_experiments_are_independent), cmocka_unit_test(test_passing_over),
        cmocka_unit_test(test_a_user_keeps_his_side), cmocka_unit_test(test_by_chance), cmocka_unit_test(test_sides_are_named_as_the_config_does),
        cmocka_unit_test(test_an_unfit_side_is_passed_over), cmocka_unit_test(test_no_side_is_fit), cmocka_unit_test(test_embeddings_are_not_split),
        cmocka_unit_test(test_counters), cmocka_unit_test(test_errors_by_category), cmocka_unit_test(test_only_what_was_asked_counts), cmocka_unit_test(test_late_amounts), cmocka_unit_test(test_receipt_outlives_the_client),
        cmocka_unit_test(test_feedback), cmocka_unit_test(test_the_report_in_words), cmocka_unit_test(test_config_errors), cmocka_unit_test(test_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
