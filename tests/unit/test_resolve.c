/* Names of models: routes, aliases, provider/model, bare names; circles; fingerprints. */
#include "client/config.h"

#include "../support/config_reading.h"
#include "../support/fail_for_good.h"
#include "../support/failing_allocator.h"

#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

static const char *const environment[] = { "OPENAI_API_KEY=sk-openai", "ANTHROPIC_API_KEY=sk-anthropic", NULL };

static config_reading good(const char *config)
{
    return config_reading_good(config, environment);
}

static void bad_has(const char *config, const char *words)
{
    config_reading_bad_has(config, environment, words);
}

/* {"providers": {"openai": {}}, <members>} */
static const char *with_openai(const char *members)
{
    static char config[4000];
    snprintf(config, sizeof config, "{\"providers\": {\"openai\": {}},\n%s}", members);
    return config;
}

static const llmc_route *resolve(config_reading *reading, const char *name)
{
    const llmc_route *route;
    llmcost_status status = llmc_settings_resolve(reading->settings, name, &reading->arena, &route, &reading->error);
    if (status)
        fail_msg("%s: %s", name, llmcost_error_message(&reading->error));
    return route;
}

static void refuses(config_reading *reading, const char *name, llmcost_status status, const char *message)
{
    const llmc_route *route = (const llmc_route *)reading;
    assert_int_equal(llmc_settings_resolve(reading->settings, name, &reading->arena, &route, &reading->error), status);
    assert_null(route);
    assert_int_equal(reading->error.status, status);
    assert_string_equal(llmcost_error_message(&reading->error), message);
}

/* Another way to the same models does not make their bare names ambiguous; alone, it is what they mean. */
static void test_second_doors(void **state)
{
    (void)state;
#define DOOR "\"vertex-anthropic\": {\"project\": \"p\", \"keys\": [\"env:OPENAI_API_KEY\"]}"
    config_reading both = good("{\"providers\": {" DOOR ", \"anthropic\": {}}}"), alone = good("{\"providers\": {" DOOR "}}");
#undef DOOR
    assert_string_equal(resolve(&both, "claude-sonnet-4-5")->provider->name, "anthropic");
    assert_string_equal(resolve(&both, "vertex-anthropic/claude-sonnet-4-5@20250929")->model, "claude-sonnet-4-5@20250929");
    assert_string_equal(resolve(&alone, "claude-sonnet-4-5")->provider->name, "vertex-anthropic");
    config_reading_end(&both);
    config_reading_end(&alone);
}

static void test_names(void **state)
{
    (void)state;
    config_reading reading = good("{\"providers\": {\"openai\": {}, \"local\": {\"preset\": \"ollama\"}},"
                                  "\"models\": {\"small\": \"openai/gpt-4o-mini\", \"tiny\": \"small\", \"openai/renamed\": \"openai/gpt-4o\", \"gpt-4o\": \"small\"},"
                                  "\"routes\": {\"faq\": {\"cascade\": [\"tiny\", \"openai/gpt-4o\"]}}}");
    assert_string_equal(resolve(&reading, "faq")->name, "faq");
    assert_ptr_equal(resolve(&reading, "small"), resolve(&reading, "tiny"));
    assert_string_equal(resolve(&reading, "tiny")->name, "openai/gpt-4o-mini");
    assert_string_equal(resolve(&reading, "openai/renamed")->model, "gpt-4o"); /* an alias comes before provider/model */
    assert_string_equal(resolve(&reading, "gpt-4o")->model, "gpt-4o-mini");    /* and before a bare name */

    const llmc_route *leaf = resolve(&reading, "openai/gpt-4o");
    assert_int_equal(leaf->kind, LLMC_ROUTE_LEAF);
    assert_string_equal(leaf->name, "openai/gpt-4o");
    assert_string_equal(leaf->model, "gpt-4o");
    assert_string_equal(leaf->provider->name, "openai");
    assert_non_null(leaf->prices);
    assert_int_equal(leaf->leaf_count, 1);
    assert_int_equal(leaf->step_count, 0);
    assert_string_equal(resolve(&reading, "local/hf.co/some/model:q4")->model, "hf.co/some/model:q4");
    leaf = resolve(&reading, "openai/of-the-future");
    assert_null(leaf->prices);
    assert_string_equal(resolve(&reading, "gpt-4.1")->name, "openai/gpt-4.1"); /* bare: the catalog knows whose it is */
    config_reading_end(&reading);
}

static void test_names_that_fail(void **state)
{
    (void)state;
    config_reading reading = good("{\"providers\": {\"openai\": {}, \"gateway\": {\"preset\": \"openai\", \"base_url\": \"https://gateway.example\"}}, \"models\": {\"small\": \"openai/gpt-4o-mini\"}}");
    refuses(&reading, "smal", LLMCOST_E_UNKNOWN_MODEL, "no route, alias or provider is called \"smal\", did you mean \"small\"?");
    refuses(&reading, "opnai/gpt-4o", LLMCOST_E_UNKNOWN_MODEL, "no route, alias or provider is called \"opnai/gpt-4o\", did you mean \"openai/gpt-4o\"?");
    refuses(&reading, "gpt-4o", LLMCOST_E_AMBIGUOUS_MODEL, "several providers have \"gpt-4o\": write one of them in front, such as \"openai/gpt-4o\"; they are openai, gateway");
    refuses(&reading, "anthropic/claude-x", LLMCOST_E_UNKNOWN_MODEL,
            "no route, alias or provider is called \"anthropic/claude-x\"; anthropic has it, but is not configured: set ANTHROPIC_API_KEY, or add \"anthropic\" to \"providers\"");
    refuses(&reading, "claude-sonnet-4-5", LLMCOST_E_UNKNOWN_MODEL,
            "no route, alias or provider is called \"claude-sonnet-4-5\"; anthropic has it, but is not configured: set ANTHROPIC_API_KEY, or add \"anthropic\" to \"providers\"");
    refuses(&reading, "lmstudio/x", LLMCOST_E_UNKNOWN_MODEL,
            "no route, alias or provider is called \"lmstudio/x\"; lmstudio has it, but is not configured: add \"lmstudio\" to \"providers\"");
    refuses(&reading, "nobody-knows-this", LLMCOST_E_UNKNOWN_MODEL,
            "no route, alias or provider is called \"nobody-knows-this\"; write \"provider/model\", such as \"openai/nobody-knows-this\"");
    refuses(&reading, "openai/", LLMCOST_E_UNKNOWN_MODEL, "no model is named behind \"openai/\"");
    refuses(&reading, NULL, LLMCOST_E_INVALID, "no model is named");
    refuses(&reading, "", LLMCOST_E_INVALID, "no model is named");
    refuses(&reading, "openai/a\r\nX: b", LLMCOST_E_INVALID, "the name of the model holds a control character");
    refuses(&reading, "openai/\xff", LLMCOST_E_INVALID, "the name of the model is not valid UTF-8");
    char *name = malloc(100000);
    memset(name, 'a', 99999);
    name[99999] = '\0';
    refuses(&reading, name, LLMCOST_E_INVALID, "the name of the model is longer than 256 bytes");
    name[256] = '\0';
    const llmc_route *route;
    assert_int_equal(llmc_settings_resolve(reading.settings, name, &reading.arena, &route, &reading.error), LLMCOST_E_UNKNOWN_MODEL);
    free(name);
    config_reading_end(&reading);
}

static void test_escalation(void **state)
{
    (void)state;
    config_reading reading = good("{\"providers\": {\"openai\": {}}, \"models\": {\"s\": \"openai/s\", \"l\": \"openai/l\", \"j\": \"openai/j\"}, \"routes\": {"
                                  "\"plain\": {\"cascade\": [\"s\", \"l\"]},"
                                  "\"all\": {\"cascade\": [\"s\", \"l\"], \"on_failure\": \"error\", \"escalate_on\": {\"marker\": \"NOT SURE\", \"marker_instruction\": \"Say\\nso.\","
                                  " \"refusal\": true, \"truncation\": true, \"invalid_json\": true, \"logprob_below\": -0.5, \"judge\": \"j\", \"judge_instruction\": \"Well?\"}},"
                                  "\"host\": {\"cascade\": [\"s\", \"l\"], \"escalate_on\": {\"marker\": false, \"judge\": \"host:checker\"}},"
                                  "\"marked\": {\"cascade\": [\"s\", \"l\"], \"escalate_on\": {\"marker\": true}},"
                                  "\"judged\": {\"cascade\": [\"s\", \"l\"], \"escalate_on\": {\"judge\": \"plain\"}},"
                                  "\"nested\": {\"cascade\": [{\"cascade\": [\"s\", \"j\"]}, \"plain\"]}}}");
    const llmc_escalation *rules = &resolve(&reading, "plain")->cascade->escalation;
    assert_string_equal(rules->marker, "UNCERTAIN");
    assert_null(rules->marker_instruction);
    assert_false(rules->on_refusal || rules->on_truncation || rules->on_invalid_json || rules->has_logprob);
    assert_null(rules->judge_host);
    assert_null(rules->judge_route);

    const llmc_route *all = resolve(&reading, "all");
    rules = &all->cascade->escalation;
    assert_int_equal(all->cascade->on_failure, LLMC_CASCADE_ERROR);
    assert_string_equal(rules->marker, "NOT SURE");
    assert_string_equal(rules->marker_instruction, "Say\nso.");
    assert_true(rules->on_refusal && rules->on_truncation && rules->on_invalid_json && rules->has_logprob);
    assert_true(rules->min_mean_logprob > -0.5000001 && rules->min_mean_logprob < -0.4999999);
    assert_ptr_equal(rules->judge_route, resolve(&reading, "j"));
    assert_string_equal(rules->judge_instruction, "Well?");

    rules = &resolve(&reading, "host")->cascade->escalation;
    assert_null(rules->marker);
    assert_string_equal(rules->judge_host, "checker");
    assert_null(rules->judge_route);
    assert_string_equal(resolve(&reading, "marked")->cascade->escalation.marker, "UNCERTAIN");
    assert_null(resolve(&reading, "judged")->cascade->escalation.marker);
    assert_ptr_equal(resolve(&reading, "judged")->cascade->escalation.judge_route, resolve(&reading, "plain"));

    const llmc_route *nested = resolve(&reading, "nested");
    assert_int_equal(nested->leaf_count, 4);
    assert_string_equal(nested->steps[0]->name, "nested.1");
    assert_int_equal(nested->steps[0]->kind, LLMC_ROUTE_CASCADE);
    assert_ptr_equal(nested->steps[1], resolve(&reading, "plain"));
    config_reading_end(&reading);

    static const struct { const char *rules, *words; } bad[] = {
        { "{\"marker\": \"\"}", "\"marker\" must be true, false or one line" },
        { "{\"marker\": \" X\"}", "\"marker\" must be" },
        { "{\"marker\": \"X \"}", "\"marker\" must be" },
        { "{\"marker\": \"a\\nb\"}", "\"marker\" must be" },
        { "{\"marker\": 1}", "\"marker\" must be" },
        { "{\"marker\": \"0123456789012345678901234567890123456789012345678901234567890123X\"}", "\"marker\" must be" },
        { "{\"marker_instruction\": \"x\", \"refusal\": true}", "\"marker_instruction\" needs a \"marker\"" },
        { "{\"judge_instruction\": \"x\", \"refusal\": true}", "\"judge_instruction\" needs a \"judge\"" },
        { "{\"judge_max_tokens\": 5, \"refusal\": true}", "\"judge_max_tokens\" needs a \"judge\"" },
        { "{\"judge_max_tokens\": 5, \"judge\": \"host:h\"}", "\"judge_max_tokens\" needs a \"judge\" that is a model" },
        { "{\"judge_max_tokens\": 0, \"judge\": \"openai/a\"}", "\"judge_max_tokens\" is out of range" },
        { "{\"judge_instruction\": \"x\", \"judge\": \"host:h\"}", "\"judge_instruction\" needs a \"judge\" that is a model" },
        { "{\"logprob_below\": 0.5}", "\"logprob_below\" must be" },
        { "{\"logprob_below\": -1e9}", "\"logprob_below\" must be" },
        { "{\"logprob_below\": \"-1\"}", "\"logprob_below\" must be" },
        { "{\"judge\": \"host:\"}", "behind \"host:\"" },
        { "{\"judge\": \"nobody\"}", "no route, alias or provider is called \"nobody\"" },
        { "{\"judge\": 1}", "\"judge\" must be a text" },
        { "{\"refusal\": 1}", "\"refusal\" must be true or false" },
        { "{\"marker\": false}", "names nothing to escalate on" },
        { "{}", "names nothing to escalate on" },
        { "true", "\"escalate_on\" must be an object" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char members[400];
        snprintf(members, sizeof members, "\"routes\": {\"r\": {\"cascade\": [\"openai/a\", \"openai/b\"], \"escalate_on\": %s}}", bad[i].rules);
        bad_has(with_openai(members), bad[i].words);
    }
}

static void test_routes_that_fail(void **state)
{
    (void)state;
    bad_has(with_openai("\"models\": {\n\"a\": \"b\",\n\"b\": \"c\", \"c\": \"a\"}"), "config:4: names go in a circle: \"a\" -> \"b\" -> \"c\" -> \"a\"");
    bad_has(with_openai("\"models\": {\"a\": \"a\"}"), "config:2: names go in a circle: \"a\" -> \"a\"");
    bad_has(with_openai("\"models\": {\"openai/x\": \"openai/x\"}"), "names go in a circle: \"openai/x\" -> \"openai/x\"");
    bad_has(with_openai("\"models\": {\"x\": \"r\", \"y\": \"x\"}, \"routes\": {\"r\": {\"cascade\": [\"openai/a\", {\"cascade\": [\"y\"]}]}}"), "names go in a circle: \"x\" -> \"r\" -> \"y\" -> \"x\"");
    bad_has(with_openai("\"routes\": {\"r\": {\"cascade\": [\"openai/a\"], \"escalate_on\": {\"judge\": \"r\"}}}"), "names go in a circle: \"r\" -> \"r\"");
    bad_has(with_openai("\"models\": {\"a\": \"openai/x\"}, \"routes\": {\"a\": {\"cascade\": [\"openai/x\"]}}"), "\"a\" is both a model's alias and a route");
    bad_has(with_openai("\"models\": {\"a\": \"nobody\"}"), "config:2: no route, alias or provider is called \"nobody\"");
    bad_has(with_openai("\"routes\": {\"r\": {\n\"cascade\": [\"openai/x\",\n\"opnai/y\"]}}"), "config:4: no route, alias or provider is called \"opnai/y\", did you mean \"openai/y\"?");
    bad_has(with_openai("\"models\": {\"a\": {}}"), "\"a\" must be a name");
    bad_has(with_openai("\"routes\": {\"a\": \"openai/x\"}"), "\"a\" must be a route");
    bad_has(with_openai("\"routes\": {\"a\": {}}"), "a route needs its kind");
    bad_has(with_openai("\"routes\": {\"a\": {\"cascade\": []}}"), "\"cascade\" must be a list of 1 to 16 names");
    bad_has(with_openai("\"routes\": {\"a\": {\"cascade\": \"openai/x\"}}"), "\"cascade\" must be a list");
    bad_has(with_openai("\"routes\": {\"a\": {\"cascade\": [1]}}"), "must be a text");
    bad_has(with_openai("\"routes\": {\"a\": {\"cascade\": [\"\"]}}"), "a name has 1 to 256 bytes");
    bad_has(with_openai("\"routes\": {\"a\": {\"cascade\": [\"openai/x\"], \"on_failure\": \"panic\"}}"), "\"on_failure\" must be one of best|error");
    bad_has(with_openai("\"models\": {\"a\\tb\": \"openai/x\"}"), "a name holds a control character");
    bad_has(with_openai("\"routes\": {\"r\":\n {\"fallback\": []}}"), "config:3: \"fallback\" must be a list of 1 to 16 names");
    bad_has(with_openai("\"routes\": {\"r\": {\"split\": {\"openai/x\": -1}}}"), "the weight of \"openai/x\" must be a whole number from 0 to 1000000");
    bad_has(with_openai("\"routes\": {\"r\": {\"split\": {\"openai/x\": 0}}}"), "a split needs a weight above 0");
    bad_has(with_openai("\"routes\": {\"r\": {\"fallbck\": []}}"), "a route needs its kind: \"cascade\", \"fallback\", \"split\", \"choose\" or \"cheapest\", did you mean \"fallback\"?");
}

#define CHOOSE_OF(entries, more) with_openai("\"models\": {\"a\": \"openai/a\", \"b\": \"openai/b\"}, \"budgets\": [{\"name\": \"daily\", \"limit\": \"1 USD\"}],\n\"routes\": {\"r\":\n{\"choose\": [\n" entries "]" more "}}")
#define WHEN_OF(conditions) CHOOSE_OF("{\"when\": {" conditions "},\n\"use\": \"a\"}, {\"use\": \"b\"}", "")
#define LABELS_OF(more) CHOOSE_OF("{\"when\": {\"label\": \"complex\"}, \"use\": \"a\"}, {\"use\": \"b\"}", ",\n" more)

static void test_chooses_that_fail(void **state)
{
    (void)state;
    bad_has(CHOOSE_OF("", ""), "\"choose\" must be a list of entries");
    bad_has(with_openai("\"routes\": {\"r\": {\"choose\": {}}}"), "\"choose\" must be a list of entries");
    bad_has(CHOOSE_OF("\"a\"", ""), "config:5: an entry of a choose is an object such as");
    bad_has(CHOOSE_OF("{}", ""), "config:5: an entry of a choose needs \"use\"");
    bad_has(CHOOSE_OF("{\"use\": 1}", ""), "\"use\" must be a text");
    bad_has(CHOOSE_OF("{\"whn\": {}, \"use\": \"a\"}", ""), "config:5: unknown key \"whn\", did you mean \"when\"?");
    bad_has(CHOOSE_OF("{\"when\": {\"fits\": true}, \"use\": \"a\"}", ""), "config:5: the last entry of a choose is for all that is left");
    bad_has(CHOOSE_OF("{\"by_tag\": \"t\", \"use\": {\"x\": \"a\"}}", ""), "the last entry of a choose is for all that is left");
    bad_has(CHOOSE_OF("{\"by_tag\": \"t\", \"use\": \"a\"}, {\"use\": \"b\"}", ""), "with \"by_tag\" goes a map from the tag's values to models");
    bad_has(CHOOSE_OF("{\"by_tag\": \"t\", \"use\": {}}, {\"use\": \"b\"}", ""), "with \"by_tag\" goes a map");
    bad_has(CHOOSE_OF("{\"by_tag\": 1, \"use\": {\"x\": \"a\"}}, {\"use\": \"b\"}", ""), "\"by_tag\" must be a text");
    bad_has(CHOOSE_OF("{\"use\": \"a\"}", ", \"lable_with\": \"a\""), "unknown key \"lable_with\", did you mean \"label_with\"?");
    bad_has(CHOOSE_OF("{\"use\": \"r\"}", ""), "names go in a circle: \"r\" -> \"r\"");
    bad_has(LABELS_OF("\"label_with\": \"r\""), "names go in a circle: \"r\" -> \"r\"");
    bad_has(WHEN_OF("\"healthy\": \"r\""), "names go in a circle: \"r\" -> \"r\"");
    bad_has(with_openai("\"routes\": {\"r\": {\"cheapest\": []}}"), "\"cheapest\" must be a list of 1 to 16 names");
    bad_has(with_openai("\"routes\": {\"r\": {\"cheapest\": [\"openai/a\"], \"label_with\": \"local\"}}"), "unknown key \"label_with\"");
    char many[3000] = "\"routes\": {\"r\": {\"choose\": [";
    for (int i = 0; i < 17; i++)
        strcat(many, "{\"use\": \"openai/a\"},");
    strcat(many, "{\"use\": \"openai/a\"}]}}");
    bad_has(with_openai(many), "a choose has at most 16 models to choose from");
}

static void test_conditions_that_fail(void **state)
{
    (void)state;
    bad_has(WHEN_OF(""), "config:5: \"when\" names no condition");
    bad_has(WHEN_OF("\"promt_tokens\": {}"), "config:5: unknown key \"promt_tokens\", did you mean \"prompt_tokens\"?");
    bad_has(WHEN_OF("\"xyzzy\": 1"), "unknown key \"xyzzy\"; the nearest is");
    bad_has(WHEN_OF("\"tag\": \"x\""), "\"tag\" must be an object of tags and values");
    bad_has(WHEN_OF("\"tag\": {\"t\": []}"), "\"t\" is an empty list: it would never hold");
    bad_has(WHEN_OF("\"tag\": {\"t\": [1]}"), "must be a text");
    bad_has(WHEN_OF("\"label\": \"complex\""), "config:5: who gives the label? The choose needs \"label_with\"");
    bad_has(WHEN_OF("\"prompt_tokens\": 5"), "\"prompt_tokens\" must be an object");
    bad_has(WHEN_OF("\"prompt_tokens\": {}"), "\"prompt_tokens\" needs \"above\" or \"below\"");
    bad_has(WHEN_OF("\"prompt_tokens\": {\"above\": 1.5}"), "\"prompt_tokens\" needs \"above\" or \"below\"");
    bad_has(WHEN_OF("\"prompt_tokens\": {\"above\": -1}"), "\"prompt_tokens\" needs \"above\" or \"below\"");
    bad_has(WHEN_OF("\"prompt_tokens\": {\"above\": 5, \"below\": 5}"), "\"prompt_tokens\" never holds");
    bad_has(WHEN_OF("\"prompt_tokens\": {\"over\": 5}"), "unknown key \"over\"");
    bad_has(WHEN_OF("\"needs\": \"visions\""), "\"visions\" is no ability, did you mean \"vision\"?");
    bad_has(WHEN_OF("\"needs\": [\"vision\", \"legs\"]"), "\"legs\" is no ability");
    bad_has(WHEN_OF("\"fits\": false"), "\"fits\" can only be true");
    bad_has(WHEN_OF("\"spent\": {\"above\": 0.5}"), "\"spent\" needs the \"budget\"");
    bad_has(WHEN_OF("\"spent\": {\"budget\": \"dayly\", \"above\": 0.5}"), "no budget is called \"dayly\", did you mean \"daily\"?");
    bad_has(WHEN_OF("\"spent\": {\"budget\": \"daily\"}"), "\"spent\" needs \"above\" or \"below\"");
    bad_has(WHEN_OF("\"spent\": {\"budget\": \"daily\", \"above\": \"80%\"}"), "\"spent\" needs \"above\" or \"below\"");
    bad_has(WHEN_OF("\"hour\": {\"from\": 8}"), "\"hour\" needs two different whole hours");
    bad_has(WHEN_OF("\"hour\": {\"from\": 8, \"to\": 8}"), "\"hour\" needs two different whole hours");
    bad_has(WHEN_OF("\"hour\": {\"from\": 0, \"to\": 24}"), "\"hour\" needs two different whole hours");
    bad_has(WHEN_OF("\"hour\": {\"from\": 0, \"to\": 25}"), "\"hour\" needs two different whole hours");
    bad_has(WHEN_OF("\"hour\": {\"from\": 24, \"to\": 5}"), "\"hour\" needs two different whole hours");
    bad_has(WHEN_OF("\"hour\": {\"from\": 1.5, \"to\": 5}"), "\"hour\" needs two different whole hours");
    bad_has(WHEN_OF("\"weekday\": \"monday\""), "\"monday\" is no weekday");
    bad_has(WHEN_OF("\"healthy\": false"), "\"healthy\" must be true, a model or a route");
    bad_has(WHEN_OF("\"healthy\": []"), "\"healthy\" must be true, a model or a route");
    bad_has(WHEN_OF("\"healthy\": [1]"), "\"healthy\" takes names");
    bad_has(WHEN_OF("\"healthy\": \"opnai/x\""), "did you mean \"openai/x\"?");
}

static void test_labellers_that_fail(void **state)
{
    (void)state;
    bad_has(CHOOSE_OF("{\"use\": \"a\"}", ",\n\"label_with\": \"local\""), "config:6: \"label_with\" is never asked");
    bad_has(CHOOSE_OF("{\"use\": \"a\"}", ",\n\"labels\": [\"x\", \"y\"]"), "config:6: \"labels\" needs \"label_with\"");
    bad_has(CHOOSE_OF("{\"use\": \"a\"}", ",\n\"label_max_tokens\": 5"), "\"label_max_tokens\" needs \"label_with\"");
    bad_has(LABELS_OF("\"label_with\": 5"), "\"label_with\" must be a text");
    bad_has(LABELS_OF("\"label_with\": \"host:\""), "\"label_with\" must name a callback behind \"host:\"");
    bad_has(LABELS_OF("\"label_with\": \"nobody\""), "config:6: no route, alias or provider is called \"nobody\"");
    bad_has(LABELS_OF("\"label_with\": \"a\", \"label_max_tokens\": 0"), "\"label_max_tokens\" is out of range");
    bad_has(LABELS_OF("\"label_with\": \"a\", \"label_thresholds\": [1, 2]"), "\"label_thresholds\" are for \"label_with\": \"local\"");
    bad_has(LABELS_OF("\"label_with\": \"a\", \"labels\": {\"complx\": \"\", \"y\": \"\"}"), "config:5: no label is called \"complex\", did you mean \"complx\"?");
    bad_has(LABELS_OF("\"label_with\": \"a\", \"labels\": {\"complex\": \"\"}"), "\"labels\" must be 2 to 16 labels");
    bad_has(LABELS_OF("\"label_with\": \"a\", \"labels\": {\"complex\": 5, \"y\": \"\"}"), "the description of a label is a text");
    bad_has(LABELS_OF("\"label_with\": \"a\", \"labels\": [\"complex\", \"complex\"]"), "two labels are called \"complex\"");
    bad_has(LABELS_OF("\"label_with\": \"local\", \"labels\": [\"complex\", \"y\"]"), "needs \"label_thresholds\" for these labels: 1 scores");
    bad_has(LABELS_OF("\"label_with\": \"local\", \"label_thresholds\": [3]"), "\"label_thresholds\" must be 2 rising whole numbers");
    bad_has(LABELS_OF("\"label_with\": \"local\", \"label_thresholds\": [3, 3]"), "\"label_thresholds\" must be 2 rising whole numbers");
    bad_has(LABELS_OF("\"label_with\": \"local\", \"label_thresholds\": [0, 3]"), "\"label_thresholds\" must be 2 rising whole numbers");
}

static void test_deep_routes(void **state)
{
    (void)state;
    char *config = malloc(100000);
    size_t length = (size_t)sprintf(config, "{\"providers\": {\"openai\": {}}, \"models\": {\"n0\": \"openai/x\"");
    for (int i = 1; i < 1000; i++)
        length += (size_t)sprintf(config + length, ", \"n%d\": \"n%d\"", i, i - 1);
    strcpy(config + length, "}}"); /* in this order each is built before it is needed */
    config_reading reading = good(config);
    assert_int_equal(reading.settings->name_count, 1000);
    assert_string_equal(resolve(&reading, "n999")->name, "openai/x");
    config_reading_end(&reading);

    length = (size_t)sprintf(config, "{\"providers\": {\"openai\": {}}, \"models\": {\"n999\": \"openai/x\"");
    for (int i = 998; i >= 0; i--)
        length += (size_t)sprintf(config + length, ", \"m%d\": \"m%d\"", 998 - i, 999 - i);
    strcpy(config + length, ", \"m999\": \"openai/x\"}}");
    bad_has(config, "routes are nested more than 32 deep");

    /* Doubling at each level: 2^9 models behind one name. */
    length = (size_t)sprintf(config, "{\"providers\": {\"openai\": {}}, \"routes\": {\"r0\": {\"cascade\": [\"openai/x\", \"openai/y\"]}");
    for (int i = 1; i < 9; i++)
        length += (size_t)sprintf(config + length, ", \"r%d\": {\"cascade\": [\"r%d\", \"r%d\"]}", i, i - 1, i - 1);
    strcpy(config + length, "}}");
    bad_has(config, "a route reaches more than 256 models");
    free(config);
}

/* The fingerprint of a route "r" in a config whose provider and route are these. */
static void fingerprint(const char *provider, const char *route, uint8_t out[32])
{
    char config[2000];
    snprintf(config, sizeof config, "{\"providers\": {\"p\": {%s}}, \"models\": {\"same\": \"p/a\"}, \"routes\": {\"r\": {%s}}}", provider, route);
    config_reading reading = good(config);
    memcpy(out, resolve(&reading, "r")->fingerprint, 32);
    config_reading_end(&reading);
}

static void test_fingerprints(void **state)
{
    (void)state;
    static const char plain_provider[] = "\"preset\": \"openai\", \"key\": \"k\"", plain_route[] = "\"cascade\": [\"p/a\", \"p/b\"]";
    static const char *const same[][2] = {
        { plain_provider, "\"cascade\": [\"same\", \"p/b\"], \"escalate_on\": {\"marker\": true}, \"on_failure\": \"best\"" },
        { "\"preset\": \"openai\", \"keys\": [\"other\"], \"retries\": 7, \"idle_ms\": 5", plain_route },
        { "\"preset\": \"openai\", \"key\": \"k\", \"base_url\": \"HTTPS://API.openai.com:443/v1/\"", plain_route },
        { plain_provider, "\"cascade\": [\"p/a\", \"p/b\"], \"escalate_on\": {\"marker\": \"UNCERTAIN\", \"refusal\": false}" },
    };
    static const char *const different[][2] = {
        { plain_provider, plain_route },
        { plain_provider, "\"cascade\": [\"p/b\", \"p/a\"]" },
        { plain_provider, "\"cascade\": [\"p/a\"]" },
        { plain_provider, "\"cascade\": [\"p/a\", \"p/b\", \"p/b\"]" },
        { plain_provider, "\"cascade\": [\"p/a\", {\"cascade\": [\"p/b\"]}]" },
        { plain_provider, "\"cascade\": [\"p/a\", \"p/b\"], \"on_failure\": \"error\"" },
        { plain_provider, "\"cascade\": [\"p/a\", \"p/b\"], \"escalate_on\": {\"marker\": \"UNSURE\"}" },
        { plain_provider, "\"cascade\": [\"p/a\", \"p/b\"], \"escalate_on\": {\"marker\": true, \"marker_instruction\": \"x\"}" },
        { plain_provider, "\"cascade\": [\"p/a\", \"p/b\"], \"escalate_on\": {\"marker\": true, \"refusal\": true}" },
        { plain_provider, "\"cascade\": [\"p/a\", \"p/b\"], \"escalate_on\": {\"marker\": true, \"truncation\": true}" },
        { plain_provider, "\"cascade\": [\"p/a\", \"p/b\"], \"escalate_on\": {\"marker\": true, \"invalid_json\": true}" },
        { plain_provider, "\"cascade\": [\"p/a\", \"p/b\"], \"escalate_on\": {\"marker\": true, \"logprob_below\": 0}" },
        { plain_provider, "\"cascade\": [\"p/a\", \"p/b\"], \"escalate_on\": {\"marker\": true, \"logprob_below\": -0.5}" },
        { plain_provider, "\"cascade\": [\"p/a\", \"p/b\"], \"escalate_on\": {\"marker\": true, \"logprob_below\": -0.500001}" },
        { plain_provider, "\"cascade\": [\"p/a\", \"p/b\"], \"escalate_on\": {\"marker\": true, \"judge\": \"host:h\"}" },
        { plain_provider, "\"cascade\": [\"p/a\", \"p/b\"], \"escalate_on\": {\"marker\": true, \"judge\": \"host:i\"}" },
        { plain_provider, "\"cascade\": [\"p/a\", \"p/b\"], \"escalate_on\": {\"marker\": true, \"judge\": \"p/a\"}" },
        { plain_provider, "\"cascade\": [\"p/a\", \"p/b\"], \"escalate_on\": {\"marker\": true, \"judge\": \"p/b\"}" },
        { plain_provider, "\"cascade\": [\"p/a\", \"p/b\"], \"escalate_on\": {\"marker\": true, \"judge\": \"p/b\", \"judge_instruction\": \"x\"}" },
        { plain_provider, "\"cascade\": [\"p/a\", \"p/b\"], \"escalate_on\": {\"marker\": true, \"judge\": \"p/b\", \"judge_instruction\": \"x\", \"judge_max_tokens\": 100}" },
        { "\"preset\": \"openai\", \"key\": \"k\", \"base_url\": \"https://other.example/v1\"", plain_route },
        { "\"preset\": \"openai\", \"key\": \"k\", \"codec\": \"anthropic\"", plain_route },
        { "\"preset\": \"openai\", \"key\": \"k\", \"quirks\": {\"no_seed\": true}", plain_route },
        { "\"preset\": \"openai\", \"key\": \"k\", \"headers\": {\"X-Beta\": \"1\"}", plain_route },
        { "\"preset\": \"groq\", \"key\": \"k\", \"base_url\": \"https://api.openai.com/v1\"", plain_route },
        { "\"preset\": \"azure\", \"key\": \"k\", \"base_url\": \"https://a.openai.azure.com/openai\"", plain_route },
        { "\"preset\": \"azure\", \"key\": \"k\", \"base_url\": \"https://a.openai.azure.com/openai\", \"api_version\": \"2024-10-21\"", plain_route },
        { "\"preset\": \"azure\", \"key\": \"k\", \"base_url\": \"https://a.openai.azure.com/openai\", \"api_version\": \"2025-04-01-preview\"", plain_route },
    };
    enum { COUNT = sizeof different / sizeof different[0] };
    static uint8_t prints[COUNT][32];
    uint8_t print[32], other[32];
    for (size_t i = 0; i < COUNT; i++) {
        fingerprint(different[i][0], different[i][1], prints[i]);
        for (size_t k = 0; k < i; k++) {
            if (memcmp(prints[i], prints[k], 32) == 0)
                fail_msg("%s | %s is no different from %s | %s", different[i][0], different[i][1], different[k][0], different[k][1]);
        }
    }
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        fingerprint(same[i][0], same[i][1], print);
        if (memcmp(print, prints[0], 32) != 0)
            fail_msg("%s | %s should be the same", same[i][0], same[i][1]);
    }
    fingerprint("\"preset\": \"openai\", \"key\": \"k\", \"headers\": {\"X-A\": \"1\", \"X-B\": \"2\"}", plain_route, print);
    fingerprint("\"preset\": \"openai\", \"key\": \"k\", \"headers\": {\"X-B\": \"2\", \"X-A\": \"1\"}", plain_route, other);
    assert_memory_equal(print, other, 32);

    /* However a leaf is reached, and whatever its provider is called here. */
    config_reading reading = good("{\"providers\": {\"openai\": {}, \"again\": {\"preset\": \"openai\"}}, \"models\": {\"s\": \"openai/gpt-4o\"}}");
    assert_memory_equal(resolve(&reading, "s")->fingerprint, resolve(&reading, "openai/gpt-4o")->fingerprint, 32);
    assert_memory_equal(resolve(&reading, "s")->fingerprint, resolve(&reading, "again/gpt-4o")->fingerprint, 32);
    assert_memory_not_equal(resolve(&reading, "s")->fingerprint, resolve(&reading, "openai/gpt-4.1")->fingerprint, 32);
    config_reading_end(&reading);
}

/* More names than are remembered: each means the same every time. */
static void test_many_names(void **state)
{
    (void)state;
    config_reading reading = good(with_openai("\"currency\": \"USD\""));
    char name[40];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2000; i++) {
            snprintf(name, sizeof name, "openai/m%d", i);
            const llmc_route *leaf = resolve(&reading, name);
            assert_string_equal(leaf->name, name);
            assert_string_equal(leaf->model, name + 7);
        }
    }
    config_reading_end(&reading);

    reading = good(with_openai("\"currency\": \"USD\""));
    const llmc_route *bare = resolve(&reading, "gpt-4o");
    assert_ptr_equal(bare, resolve(&reading, "gpt-4o"));
    assert_ptr_not_equal(bare, resolve(&reading, "openai/gpt-4o"));
    assert_string_equal(bare->name, "openai/gpt-4o");
    char *longest = calloc(1, 300);
    memset(longest, 'x', 256);
    memcpy(longest, "openai/", 7);
    assert_string_equal(resolve(&reading, longest)->name, longest);
    free(longest);
    config_reading_end(&reading);
}

static void *resolve_many(void *user)
{
    const llmc_settings *settings = user;
    llmcost_error error;
    llmc_arena arena;
    const llmc_route *route;
    char name[40];
    size_t wrong = 0;
    llmc_error_init(&error, &llmc_allocator_system);
    for (int i = 0; i < 20000; i++) {
        llmc_arena_init(&arena, &llmc_allocator_system, NULL, 0);
        snprintf(name, sizeof name, "openai/m%d", i % 200);
        if (llmc_settings_resolve(settings, name, &arena, &route, &error) || strcmp(route->name, name) != 0)
            wrong++;
        llmc_arena_clear(&arena);
    }
    llmc_error_clear(&error);
    return (void *)wrong;
}

static void test_threads(void **state)
{
    (void)state;
    config_reading reading = good(with_openai("\"currency\": \"USD\""));
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, resolve_many, reading.settings), 0);
    for (size_t i = 0; i < 4; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    config_reading_end(&reading);
}

/* The remembering fails first, then the arena of the call: only without both there is no answer. */
static void test_without_memory(void **state)
{
    (void)state;
    failing_allocator failing;
    failing_allocator_init(&failing, 0);
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_settings *settings;
    const llmc_route *route;
    assert_int_equal(llmc_settings_read(&settings, with_openai("\"currency\": \"USD\""), &failing.allocator, test_environment, (void *)environment, &error), LLMCOST_OK);

    failing_allocator calls;
    failing_allocator_init(&calls, 1);
    llmc_arena arena;
    llmc_arena_init(&arena, &calls.allocator, NULL, 0);
    failing.fail_at = failing.calls + 1;
    assert_int_equal(llmc_settings_resolve(settings, "openai/x", &arena, &route, &error), LLMCOST_E_MEMORY);
    assert_null(route);
    calls.fail_at = 0;
    failing.fail_at = failing.calls + 1;
    llmcost_status status = llmc_settings_resolve(settings, "openai/x", &arena, &route, &error);
    assert_int_equal(status, test_fails_for_good() ? LLMCOST_E_MEMORY : LLMCOST_OK); /* for good: nor for what all calls to the model share */
    if (!status) {
        assert_int_equal(calls.live, 1);
        assert_string_equal(route->name, "openai/x");
        assert_int_equal(llmc_settings_resolve(settings, "openai/x", &arena, &route, &error), LLMCOST_OK);
        assert_int_equal(calls.live, 1);
    }
    llmc_arena_clear(&arena);
    llmc_settings_free(settings);
    llmc_error_clear(&error);
    assert_int_equal(failing.live, 0);
    assert_int_equal(calls.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names), cmocka_unit_test(test_second_doors),       cmocka_unit_test(test_names_that_fail), cmocka_unit_test(test_escalation),     cmocka_unit_test(test_routes_that_fail),
        cmocka_unit_test(test_chooses_that_fail), cmocka_unit_test(test_conditions_that_fail), cmocka_unit_test(test_labellers_that_fail), cmocka_unit_test(test_deep_routes), cmocka_unit_test(test_fingerprints),    cmocka_unit_test(test_many_names),      cmocka_unit_test(test_threads),        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
