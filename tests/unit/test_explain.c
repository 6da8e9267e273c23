/*
 * What llmcost_explain() says, field by field, and that it does not lie: the next call does what was explained, on
 * configs, requests and budgets made at random. And the routes in words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>

#include "call/call.h"

#include "../support/engine_rig.h"
#include "../support/random_trees.h"
#include "../support/rounds.h"

#define ROUTES(text) "{" RIG_OPENAI ",\"models\":{\"a\":\"openai/gpt-4o\",\"b\":\"openai/gpt-4o-mini\",\"c\":\"openai/gpt-4.1\"},\"routes\":{" text "}"

static json_t *explain(engine_rig *rig, const llmcost_request *request)
{
    char *text = NULL;
    json_error_t error;
    assert_int_equal(llmcost_explain(rig->client, request, &text), LLMCOST_OK);
    json_t *tree = json_loads(text, 0, &error);
    if (!tree)
        fail_msg("%s in %s", error.text, text);
    llmcost_string_free(text);
    return tree;
}

static json_t *explain_ask(engine_rig *rig, const char *model)
{
    rig_request space;
    return explain(rig, rig_ask(&space, model, "hi"));
}

static const char *text_at(json_t *tree, const char *key)
{
    const char *text = json_string_value(json_object_get(tree, key));
    return text ? text : "";
}

static json_t *step(json_t *tree, size_t index)
{
    return json_array_get(json_object_get(tree, "steps"), index);
}

static int64_t figure(json_t *tree, const char *key)
{
    json_t *value = json_object_get(tree, key);
    return json_is_integer(value) ? json_integer_value(value) : -1;
}

/* ---- field by field ---- */

static void test_a_cascade(void **state)
{
    (void)state;
    engine_rig rig;
    rig_open(&rig, ROUTES("\"faq\":{\"cascade\":[\"b\",\"a\"]}") "}");
    json_t *whole = explain_ask(&rig, "faq"), *tree = json_object_get(whole, "tree"), *cost = json_object_get(whole, "cost");
    assert_string_equal(text_at(whole, "model"), "faq");
    assert_string_equal(text_at(whole, "route"), "faq");
    assert_string_equal(text_at(whole, "kind"), "cascade");
    assert_string_equal(text_at(whole, "status"), "OK");
    assert_string_equal(text_at(json_object_get(whole, "cache"), "outcome"), "none");
    assert_int_equal(json_array_size(json_object_get(tree, "steps")), 2);
    json_t *first = step(tree, 0), *last = step(tree, 1);
    assert_string_equal(text_at(first, "name"), "openai/gpt-4o-mini");
    assert_string_equal(text_at(first, "provider"), "openai");
    assert_int_equal(figure(first, "context_window"), 128000);
    assert_int_equal(figure(first, "tries"), 3);
    assert_true(figure(first, "input_tokens") > figure(last, "input_tokens")); /* the instruction */
    assert_int_equal(figure(first, "output_tokens"), 16384);
    assert_int_equal(figure(first, "max_cost_nano"), figure(first, "input_tokens") * 150 + 16384 * 600);
    assert_string_equal(text_at(first, "admission"), "no budget");
    assert_string_equal(text_at(first, "breaker"), "closed");
    assert_int_equal(figure(cost, "least_nano"), figure(first, "max_cost_nano"));
    assert_int_equal(figure(cost, "greatest_nano"), 3 * (figure(first, "max_cost_nano") + figure(last, "max_cost_nano")));
    json_decref(whole);
    rig_close(&rig);
}

static void test_what_is_unknown(void **state)
{
    (void)state;
    engine_rig rig;
    rig_open(&rig, ROUTES("\"f\":{\"fallback\":[\"a\",\"openai/none-such\"]},\"j\":{\"cascade\":[\"b\",\"a\"],\"escalate_on\":{\"judge\":\"c\"}}") "}");
    json_t *whole = explain_ask(&rig, "f"), *unknown = step(json_object_get(whole, "tree"), 1);
    assert_true(json_is_null(json_object_get(unknown, "context_window")));
    assert_true(json_is_null(json_object_get(unknown, "max_cost_nano")));
    assert_string_equal(text_at(unknown, "max_cost"), "unknown");
    assert_string_equal(text_at(json_object_get(whole, "cost"), "greatest"), "unknown");
    assert_string_equal(text_at(json_object_get(whole, "cost"), "least"), "unknown");
    json_decref(whole);
    whole = explain_ask(&rig, "j"); /* a judge's prompt holds an answer */
    assert_string_equal(text_at(json_object_get(whole, "tree"), "judge"), "openai/gpt-4.1");
    assert_string_equal(text_at(json_object_get(whole, "cost"), "greatest"), "unknown");
    json_decref(whole);
    rig_close(&rig);
}

static void test_what_would_be_refused(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, ROUTES("\"r\":{\"fallback\":[\"a\",\"b\"]}") ",\"budgets\":[{\"name\":\"tiny\",\"limit\":\"0.0001 USD\",\"model\":\"gpt-4o\"},{\"name\":\"all\",\"limit\":\"0.001 USD\",\"each\":\"user\"}]}");
    json_t *whole = explain_ask(&rig, "a");
    assert_string_equal(text_at(whole, "status"), "E_BUDGET");
    assert_non_null(strstr(text_at(whole, "message"), "\"tiny\""));
    assert_string_equal(text_at(json_object_get(whole, "tree"), "admission"), "refused");
    assert_int_equal(figure(json_object_get(whole, "cost"), "greatest_nano"), 0);
    json_t *budgets = json_object_get(json_object_get(whole, "tree"), "budgets");
    assert_int_equal(json_array_size(budgets), 2);
    assert_string_equal(text_at(json_array_get(budgets, 0), "name"), "tiny");
    assert_int_equal(figure(json_array_get(budgets, 0), "limit_nano"), 100000);
    assert_int_equal(figure(json_array_get(budgets, 0), "spent_nano"), 0);
    json_decref(whole);
    whole = explain_ask(&rig, "r"); /* the second one is admitted, shortened */
    assert_string_equal(text_at(whole, "status"), "OK");
    assert_string_equal(text_at(step(json_object_get(whole, "tree"), 1), "admission"), "admitted with a lower max_tokens");
    json_decref(whole);
    whole = explain_ask(&rig, "nobody");
    assert_string_equal(text_at(whole, "status"), "E_UNKNOWN_MODEL");
    assert_true(json_is_null(json_object_get(whole, "route")));
    json_decref(whole);
    whole = explain(&rig, rig_ask(&space, "a", NULL));
    assert_string_equal(text_at(whole, "status"), "E_INVALID");
    json_decref(whole);
    rig_close(&rig);
}

static void test_what_is_pruned(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\"},\"anthropic\":{\"key\":\"k\"}},\"routes\":{\"r\":{\"fallback\":[\"anthropic/claude-sonnet-4-5\",\"openai/gpt-4o\"]}}}");
    llmcost_request *request = rig_ask(&space, "r", "hi");
    request->logprobs = 1;
    json_t *whole = explain(&rig, request), *tree = json_object_get(whole, "tree");
    assert_true(json_is_false(json_object_get(step(tree, 0), "fits")));
    assert_non_null(strstr(text_at(step(tree, 0), "why"), "anthropic"));
    assert_true(json_is_true(json_object_get(step(tree, 1), "fits")));
    assert_string_equal(text_at(whole, "status"), "OK");
    json_decref(whole);
    request->model = "anthropic/claude-sonnet-4-5";
    whole = explain(&rig, request);
    assert_string_equal(text_at(whole, "status"), "E_UNSUPPORTED");
    json_decref(whole);
    rig_close(&rig);
}

static void never_get(const uint8_t key[32], llmcost_cache_reply *reply, void *user)
{
    (void)key;
    (void)reply;
    (void)user;
    fail_msg("a store was asked");
}

static void never_put(const uint8_t key[32], const void *value, size_t bytes, int64_t ttl_ms, void *user)
{
    (void)key;
    (void)value;
    (void)bytes;
    (void)ttl_ms;
    (void)user;
    fail_msg("something was stored");
}

static llmcost_verdict never_enter(llmcost_leg *leg, void *state, void *user)
{
    (void)leg;
    (void)state;
    (void)user;
    fail_msg("a policy was asked");
    return LLMCOST_CONTINUE;
}

/* A host's own things are named, and left alone; and a client that only explained takes more of them. */
static void test_what_is_the_hosts(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, ROUTES("\"r\":{\"fallback\":[\"a\",\"b\"]}") ",\"cache\":{\"memory\":false,\"sampled\":true}}");
    const llmcost_cache_store store = { .struct_size = sizeof store, .get = never_get, .put = never_put };
    const llmcost_policy policy = { .struct_size = sizeof policy, .name = "mine", .enter = never_enter };
    json_decref(explain_ask(&rig, "r"));
    assert_int_equal(llmcost_client_set_cache_store(rig.client, &store), LLMCOST_OK);
    assert_int_equal(llmcost_client_add_policy(rig.client, &policy), LLMCOST_OK);
    json_t *whole = explain_ask(&rig, "r"), *cache = json_object_get(whole, "cache");
    assert_string_equal(text_at(cache, "outcome"), "unknown");
    assert_string_equal(text_at(cache, "store"), "unknown");
    assert_int_equal(strlen(text_at(cache, "address")), 16);
    assert_int_equal(figure(json_object_get(whole, "cost"), "least_nano"), 0);
    assert_string_equal(json_string_value(json_array_get(json_object_get(whole, "not_asked"), 0)), "mine");
    json_decref(whole);
    llmcost_request *request = rig_ask(&space, "r", "hi");
    request->cache = LLMCOST_CACHE_ONLY; /* it may be there */
    whole = explain(&rig, request);
    assert_string_equal(text_at(whole, "status"), "OK");
    json_decref(whole);
    rig_close(&rig);
}

static void test_misuse(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    char *text = (char *)1;
    rig_open(&rig, ROUTES("\"r\":{\"fallback\":[\"a\",\"b\"]}") "}");
    assert_int_equal(llmcost_explain(rig.client, NULL, &text), LLMCOST_E_MISUSE);
    assert_null(text);
    assert_int_equal(llmcost_explain(rig.client, rig_ask(&space, "r", "hi"), NULL), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_explain(NULL, &space.request, &text), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_explain_json(rig.client, NULL, 0, &text), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_explain_json(rig.client, "{", 0, &text), LLMCOST_OK);
    assert_non_null(strstr(text, "\"status\":\"E_INVALID\""));
    llmcost_string_free(text);
    assert_int_equal(llmcost_explain_json(rig.client, "{\"model\":\"r\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", 0, &text), LLMCOST_OK);
    assert_non_null(strstr(text, "\"status\":\"OK\""));
    llmcost_string_free(text);
    assert_int_equal(llmcost_route_describe(rig.client, "none such", &text), LLMCOST_E_UNKNOWN_MODEL);
    assert_null(text);
    rig_close(&rig);
}

/* ---- the next call does what was explained ---- */

typedef struct standing {
    char *texts[4];
} standing;

static standing stand(engine_rig *rig)
{
    standing now;
    assert_int_equal(llmcost_stats(rig->client, &now.texts[0]), LLMCOST_OK);
    assert_int_equal(llmcost_budgets(rig->client, &now.texts[1]), LLMCOST_OK);
    assert_int_equal(llmcost_report(rig->client, "json", &now.texts[2]), LLMCOST_OK);
    assert_int_equal(llmcost_targets(rig->client, &now.texts[3]), LLMCOST_OK);
    return now;
}

static void check_standing(engine_rig *rig, standing *before)
{
    standing now = stand(rig);
    for (size_t i = 0; i < sizeof now.texts / sizeof now.texts[0]; i++) {
        assert_string_equal(now.texts[i], before->texts[i]);
        llmcost_string_free(now.texts[i]);
        llmcost_string_free(before->texts[i]);
    }
}

static void script_target(engine_rig *rig, random_tree *tree, int target)
{
    static char urls[TREE_TARGETS][20];
    fake_exchange *exchange = NULL;
    switch (tree_below(tree, 10)) {
    case 0:
        exchange = fake_network_fails(&rig->network, NULL, 500, "server_error");
        break;
    case 1:
        exchange = fake_network_fails(&rig->network, NULL, 400, "invalid_request_error");
        break;
    case 2:
        exchange = fake_network_add(&rig->network, NULL);
        exchange->status_ms = FAKE_SILENT;
        break;
    case 4:
        exchange = fake_network_fails(&rig->network, NULL, 401, "invalid_api_key");
        break;
    case 5:
        exchange = fake_network_fails(&rig->network, NULL, 429, "insufficient_quota");
        break;
    case 3:
        exchange = fake_network_says(&rig->network, NULL, "UNCERTAIN", 10, 5);
        break;
    default:
        exchange = fake_network_says(&rig->network, NULL, "It is 5.", 10, 16);
    }
    snprintf(urls[target], sizeof urls[target], "p%d.test", target);
    exchange->url = urls[target];
}

static void open_random(engine_rig *rig, random_tree *tree, uint64_t seed)
{
    static char config[2 * TREE_CONFIG_BYTES];
    static const char *const limits[] = { "0.0000001", "0.00001", "0.00003", "0.0001", "0.001", "1" };
    const char *each[TREE_TARGETS];
    tree_make(tree, seed, 3);
    for (int i = 0; i < TREE_TARGETS; i++)
        each[i] = tree_below(tree, 3) ? "\"first_byte_ms\":1000,\"retries\":1" : "\"first_byte_ms\":1000,\"retries\":0";
    size_t at = (size_t)snprintf(config, sizeof config, "{%s", tree_below(tree, 2) ? "\"breaker\":{\"min_calls\":2}," : "");
    at += tree_providers(config + at, sizeof config - at, each);
    at += (size_t)snprintf(config + at, sizeof config - at, ",\"routes\":{\"r\":%s},\"min_max_tokens\":16%s%s,\"budgets\":[", tree->text,
                           tree_below(tree, 3) ? ",\"cache\":{\"memory\":{},\"sampled\":true}" : "", tree_below(tree, 3) ? "" : ",\"default_max_tokens\":50");
    for (uint32_t i = 0, count = tree_below(tree, 4); i < count; i++) {
        at += (size_t)snprintf(config + at, sizeof config - at, "%s{\"limit\":\"%s USD\",\"per\":\"hour\"", i ? "," : "", limits[tree_below(tree, 6)]);
        if (tree_below(tree, 2))
            at += (size_t)snprintf(config + at, sizeof config - at, ",\"provider\":\"p%u\"", (unsigned)tree_below(tree, TREE_TARGETS));
        at += (size_t)snprintf(config + at, sizeof config - at, "%s%s}", tree_below(tree, 2) ? ",\"each\":\"user\"" : "", tree_below(tree, 4) ? "" : ",\"when_spent\":\"alert\"");
    }
    snprintf(config + at, sizeof config - at, "]}");
    rig_open(rig, config);
    rig->clock.frozen = 0;
    for (int target = 0; target < TREE_TARGETS; target++)
        script_target(rig, tree, target);
}

static void make_request(random_tree *tree, rig_request *space, llmcost_tag tag[2])
{
    static const char *const tasks[] = { "t0", "t1", "t2" };
    static const char *const users[] = { "ann", "bob", "carl" };
    llmcost_request *request = rig_ask(space, "r", tree_below(tree, 2) ? "hello" : "How long does an order take to arrive in winter?");
    tag[0] = (llmcost_tag){ "user", users[tree_below(tree, 3)] };
    tag[1] = (llmcost_tag){ "task", tasks[tree_below(tree, 3)] };
    request->tags = tag;
    request->tag_count = tree_below(tree, 3);
    if (tree_below(tree, 50) == 0)
        tag[0].value = ""; /* which is invalid */
    request->max_tokens = tree_below(tree, 3) ? 20 + 100 * (int64_t)tree_below(tree, 2) : 0;
    request->has_temperature = tree_below(tree, 4) == 0;
    request->cache = tree_below(tree, 4) ? LLMCOST_CACHE_DEFAULT : (int32_t)tree_below(tree, 4);
    request->format = tree_below(tree, 6) ? LLMCOST_FORMAT_TEXT : LLMCOST_FORMAT_JSON;
    request->input_bound_tokens = tree_below(tree, 8) ? 0 : 300;
}

/* The decisions that are made before anything is sent come first on the receipt; fallbacks add theirs. */
static void check_decisions(json_t *whole, const llmcost_response *response)
{
    json_t *explained = json_object_get(whole, "decisions"), *made;
    json_error_t error;
    json_t *receipt = json_loads(llmcost_response_receipt(response), 0, &error);
    assert_non_null(receipt);
    made = json_object_get(receipt, "route");
    assert_true(json_array_size(made) >= json_array_size(explained));
    for (size_t i = 0; i < json_array_size(explained); i++)
        assert_true(json_equal(json_array_get(explained, i), json_array_get(made, i)));
    json_decref(receipt);
}

typedef struct tally {
    int hits, refused, sent;
} tally;

static void check_call(engine_rig *rig, json_t *whole, const llmcost_response *response, size_t requests_before, tally *seen)
{
    const char *status = text_at(whole, "status"), *outcome = text_at(json_object_get(whole, "cache"), "outcome");
    int64_t greatest = figure(json_object_get(whole, "cost"), "greatest_nano"), least = figure(json_object_get(whole, "cost"), "least_nano");
    bool refused = strcmp(status, "OK") != 0, hit = strcmp(outcome, "hit") == 0;
    size_t requests = rig->network.request_count - requests_before;
    if (*outcome) /* else it did not get there */
        assert_string_equal(response->receipt.cache_state, outcome);
    assert_int_equal(llmcost_response_from_cache(response), hit);
    if (refused) {
        const char *message = llmcost_error_message(llmcost_response_error(response));
        assert_string_equal(llmcost_status_name(llmcost_response_status(response)), status);
        if (strncmp(message, text_at(whole, "message"), strlen(text_at(whole, "message"))) != 0 && strcmp(status, "E_BREAKER_OPEN") != 0)
            fail_msg("\"%s\" is not \"%s\"", message, text_at(whole, "message"));
    }
    assert_int_equal(requests > 0, !refused && !hit);
    if (greatest >= 0)
        assert_in_range(llmcost_response_cost_nano(response), 0, greatest);
    assert_true(greatest < 0 || (least >= 0 && least <= greatest));
    check_decisions(whole, response);
    seen->hits += hit;
    seen->refused += refused;
    seen->sent += requests > 0;
}

static void run_seed(uint64_t seed, tally *seen)
{
    static random_tree tree;
    engine_rig rig;
    rig_request space;
    llmcost_tag tags[2];
    open_random(&rig, &tree, seed);
    for (int i = 0; i < 6; i++) {
        llmcost_response *response = NULL;
        make_request(&tree, &space, tags);
        standing before = stand(&rig);
        json_t *whole = explain(&rig, &space.request), *again = explain(&rig, &space.request);
        assert_true(json_equal(whole, again));
        check_standing(&rig, &before);
        size_t requests = rig.network.request_count;
        (void)!llmcost_chat(rig.client, &space.request, &response);
        check_call(&rig, whole, response, requests, seen);
        llmcost_response_free(response);
        json_decref(whole);
        json_decref(again);
    }
    rig_close(&rig);
}

static uint64_t running;

static void test_the_next_call_does_it(void **state)
{
    (void)state;
    tally seen = { 0 };
    for (int i = 0; i < test_rounds(500); i++) {
        running = (uint64_t)i;
        run_seed((uint64_t)i, &seen);
    }
    print_message("%d hits, %d refused, %d sent\n", seen.hits, seen.refused, seen.sent);
    assert_true(seen.hits > 50 && seen.refused > 100 && seen.sent > 500);
}

/* A test that fails says with which seed. */
static int tell_seed(void **state)
{
    (void)state;
    if (running)
        print_message("seed %llu was the last\n", (unsigned long long)running);
    return 0;
}

/* ---- routes in words ---- */

static void test_routes_in_words(void **state)
{
    (void)state;
    static const char expected[] =
        "a = openai/gpt-4o  $2.50 in, $10.00 out per million; context 128,000\n"
        "b = openai/gpt-4o-mini  $0.15 in, $0.60 out per million; context 128,000\n"
        "c = openai/gpt-4.1  $2.00 in, $8.00 out per million; context 1,047,576\n"
        "faq: cascade, escalates on the marker \"NO\", a refusal, truncation, invalid JSON, a mean log-probability below -0.500000, the judge host:j; failing that, the error\n"
        "  1. openai/gpt-4o-mini  $0.15 in, $0.60 out per million; context 128,000\n"
        "  2. openai/gpt-4o  $2.50 in, $10.00 out per million; context 128,000\n"
        "r: fallback, the next one when one failed\n"
        "  1. r.1: split, sticky by the tag \"user\"\n"
        "     1. weight 1 (25.0%): faq: cascade, escalates on the marker \"NO\", a refusal, truncation, invalid JSON, a mean log-probability below -0.500000, the judge host:j; failing that, the error\n"
        "        1. openai/gpt-4o-mini  $0.15 in, $0.60 out per million; context 128,000\n"
        "        2. openai/gpt-4o  $2.50 in, $10.00 out per million; context 128,000\n"
        "     2. b, weight 3 (75.0%): openai/gpt-4o-mini  $0.15 in, $0.60 out per million; context 128,000\n"
        "  2. openai/unheard-of  price unknown; context unknown\n";
    engine_rig rig;
    char *text = NULL;
    rig_open(&rig, ROUTES("\"faq\":{\"cascade\":[\"b\",\"a\"],\"on_failure\":\"error\",\"escalate_on\":{\"marker\":\"NO\",\"refusal\":true,\"truncation\":true,\"invalid_json\":true,\"logprob_below\":-0.5,\"judge\":\"host:j\"}},"
                          "\"r\":{\"fallback\":[{\"split\":{\"faq\":1,\"b\":3},\"sticky\":\"user\"},\"openai/unheard-of\"]}") "}");
    assert_int_equal(llmcost_route_describe(rig.client, NULL, &text), LLMCOST_OK);
    if (strcmp(text, expected) != 0)
        fail_msg("\n%s", text);
    llmcost_string_free(text);
    assert_int_equal(llmcost_route_describe(rig.client, "gpt-4.1-nano", &text), LLMCOST_OK);
    assert_string_equal(text, "gpt-4.1-nano = openai/gpt-4.1-nano  $0.10 in, $0.40 out per million; context 1,047,576\n");
    llmcost_string_free(text);
    rig_close(&rig);
    rig_open(&rig, "{" RIG_OPENAI "}");
    assert_int_equal(llmcost_route_describe(rig.client, NULL, &text), LLMCOST_OK);
    assert_string_equal(text, "");
    llmcost_string_free(text);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cascade), cmocka_unit_test(test_what_is_unknown), cmocka_unit_test(test_what_would_be_refused),
        cmocka_unit_test(test_what_is_pruned), cmocka_unit_test(test_what_is_the_hosts), cmocka_unit_test(test_misuse),
        cmocka_unit_test_teardown(test_the_next_call_does_it, tell_seed), cmocka_unit_test(test_routes_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
