/* Routes that choose by what is known of a request: each fact at its boundaries, on a fake clock and a fake network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "../support/engine_rig.h"

#define MODELS "\"models\":{\"small\":\"openai/gpt-4o-mini\",\"large\":\"openai/gpt-4o\",\"mid\":\"openai/gpt-4.1\"}"
#define CHOOSE(entries) "{" RIG_OPENAI "," MODELS ",\"routes\":{\"r\":{\"choose\":[" entries ",{\"use\":\"small\"}]}}}"
#define WHEN(conditions) CHOOSE("{\"when\":{" conditions "},\"use\":\"large\"}")

/* Opens a client whose models all answer with their name. */
static void open_rig(engine_rig *rig, const char *config)
{
    rig_open(rig, config);
    fake_network_says(&rig->network, "\"gpt-4o-mini\"", "small", 10, 5);
    fake_network_says(&rig->network, "\"gpt-4o\"", "large", 10, 5);
    fake_network_says(&rig->network, "\"gpt-4.1\"", "mid", 10, 5);
}

/* Who answers; the receipt's entry for the node in *receipt where that is given. */
static void expect_answer(engine_rig *rig, const llmcost_request *request, const char *who, const char *why)
{
    llmcost_response *answer;
    assert_int_equal(llmcost_chat(rig->client, request, &answer), LLMCOST_OK);
    assert_string_equal(llmcost_response_text(answer), who);
    if (why && !strstr(llmcost_response_receipt(answer), why))
        fail_msg("\"%s\" is not in %s", why, llmcost_response_receipt(answer));
    rig_check_receipt(answer);
    llmcost_response_free(answer);
}

static void expect_one(const char *config, const llmcost_request *request, const char *who, const char *why)
{
    engine_rig rig;
    open_rig(&rig, config);
    expect_answer(&rig, request, who, why);
    rig_close(&rig);
}

static llmcost_request *tagged(rig_request *space, llmcost_tag *tags, uint32_t count)
{
    llmcost_request *request = rig_ask(space, "r", "hi");
    request->tags = tags;
    request->tag_count = count;
    return request;
}

/* ---- tags ---- */

static void test_tag(void **state)
{
    (void)state;
    rig_request space;
    llmcost_tag tags[] = { { "task", "code" }, { "lang", "de" } };
    expect_one(WHEN("\"tag\":{\"task\":\"code\"}"), tagged(&space, tags, 1), "large", "{\"node\":\"r\",\"kind\":\"choose\",\"to\":\"openai/gpt-4o\",\"why\":\"task is code\"}");
    expect_one(WHEN("\"tag\":{\"task\":\"cod\"}"), tagged(&space, tags, 1), "small", "\"to\":\"openai/gpt-4o-mini\",\"why\":\"by default\"");
    expect_one(WHEN("\"tag\":{\"task\":[\"a\",\"code\"]}"), tagged(&space, tags, 1), "large", "task is code");
    expect_one(WHEN("\"tag\":{\"task\":\"*\"}"), tagged(&space, tags, 1), "large", "task is code");
    expect_one(WHEN("\"tag\":{\"task\":\"*\"}"), tagged(&space, tags, 0), "small", NULL);
    expect_one(WHEN("\"tag\":{\"task\":\"code\",\"lang\":\"de\"}"), tagged(&space, tags, 2), "large", "task is code, lang is de");
    expect_one(WHEN("\"tag\":{\"task\":\"code\",\"lang\":\"de\"}"), tagged(&space, tags, 1), "small", NULL);
}

static void test_map_by_tag(void **state)
{
    (void)state;
    static const char config[] = CHOOSE("{\"by_tag\":\"task\",\"use\":{\"code\":\"large\",\"sum\":\"mid\",\"sql\":\"large\"}}");
    rig_request space;
    llmcost_tag tag = { "task", "code" };
    expect_one(config, tagged(&space, &tag, 1), "large", "task is code");
    tag.value = "sql";
    expect_one(config, tagged(&space, &tag, 1), "large", "task is sql");
    tag.value = "sum";
    expect_one(config, tagged(&space, &tag, 1), "mid", "task is sum");
    tag.value = "else";
    expect_one(config, tagged(&space, &tag, 1), "small", "by default");
}

static void test_map_with_conditions(void **state)
{
    (void)state;
    static const char config[] = CHOOSE("{\"when\":{\"prompt_tokens\":{\"above\":100}},\"by_tag\":\"task\",\"use\":{\"code\":\"large\",\"*\":\"mid\"}}");
    rig_request space;
    char text[1000];
    llmcost_tag tag = { "task", "code" };
    expect_one(config, tagged(&space, &tag, 1), "small", NULL);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    tagged(&space, &tag, 1);
    space.messages[0].text = text;
    expect_one(config, &space.request, "large", "tokens, task is code");
    tag.value = "prose";
    expect_one(config, &space.request, "mid", "tokens, task is prose");
}

/* ---- the prompt ---- */

static void test_prompt_tokens(void **state)
{
    (void)state;
    rig_request space;
    char text[33]; /* with the message's framing 12 tokens */
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    llmcost_request *request = rig_ask(&space, "r", text);
    expect_one(WHEN("\"prompt_tokens\":{\"above\":11}"), request, "large", "a prompt of about 12 tokens");
    expect_one(WHEN("\"prompt_tokens\":{\"above\":12}"), request, "small", NULL);
    expect_one(WHEN("\"prompt_tokens\":{\"below\":13}"), request, "large", NULL);
    expect_one(WHEN("\"prompt_tokens\":{\"below\":12}"), request, "small", NULL);
    expect_one(WHEN("\"prompt_tokens\":{\"above\":11,\"below\":13}"), request, "large", NULL);
    expect_one(WHEN("\"prompt_tokens\":{\"above\":12,\"below\":20}"), request, "small", NULL);
}

static void test_needs(void **state)
{
    (void)state;
    rig_request space;
    llmcost_part image = { .type = LLMCOST_PART_IMAGE_URL, .url = "https://h/i.png" }, text = { .type = LLMCOST_PART_TEXT, .text = "t" };
    llmcost_tool tool = { .name = "f", .parameters = "{\"type\":\"object\"}" };
    expect_one(WHEN("\"needs\":[\"vision\",\"tools\",\"audio\",\"documents\",\"json\",\"json_schema\"]"), rig_ask(&space, "r", "hi"), "small", NULL);
    space.messages[0] = (llmcost_message){ .role = LLMCOST_USER, .parts = &image, .part_count = 1 };
    expect_one(WHEN("\"needs\":\"vision\""), &space.request, "large", "needs vision");
    expect_one(WHEN("\"needs\":\"tools\""), &space.request, "small", NULL);
    space.messages[0].parts = &text;
    expect_one(WHEN("\"needs\":\"vision\""), &space.request, "small", NULL);
    rig_ask(&space, "r", "hi");
    space.request.tools = &tool;
    space.request.tool_count = 1;
    expect_one(WHEN("\"needs\":[\"vision\",\"tools\"]"), &space.request, "large", "\"needs tools\"");
    rig_ask(&space, "r", "hi");
    space.request.format = LLMCOST_FORMAT_JSON;
    expect_one(WHEN("\"needs\":\"json_schema\""), &space.request, "small", NULL);
    expect_one(WHEN("\"needs\":\"json\""), &space.request, "large", NULL);
    space.request.format = LLMCOST_FORMAT_JSON_SCHEMA;
    space.request.format_schema = "{\"type\":\"object\"}";
    expect_one(WHEN("\"needs\":\"json_schema\""), &space.request, "large", "needs json_schema");
    expect_one(WHEN("\"needs\":\"json\""), &space.request, "large", NULL);
}

static void test_needs_audio_and_documents(void **state)
{
    (void)state;
    rig_request space;
    llmcost_part part = { .type = LLMCOST_PART_AUDIO, .data = "xx", .data_bytes = 2, .media_type = "audio/wav" };
    rig_ask(&space, "r", "hi");
    space.messages[0] = (llmcost_message){ .role = LLMCOST_USER, .parts = &part, .part_count = 1 };
    expect_one(WHEN("\"needs\":\"audio\""), &space.request, "large", "needs audio");
    part = (llmcost_part){ .type = LLMCOST_PART_DOCUMENT, .data = "xx", .data_bytes = 2, .media_type = "application/pdf" };
    expect_one(WHEN("\"needs\":\"audio\""), &space.request, "small", NULL);
    expect_one(WHEN("\"needs\":\"documents\""), &space.request, "large", "needs documents");
}

/* The window is of a price file, so that it stays what it is. */
#define FITS "{" RIG_OPENAI "," MODELS ",\"prices\":{\"llmcost_prices\":1,\"unit\":\"per_million_tokens\",\"currency\":\"USD\",\"models\":{\"openai/gpt-4o\":{\"context\":1000}}}," \
             "\"routes\":{\"r\":{\"choose\":[{\"when\":{\"fits\":true},\"use\":\"large\"},{\"use\":\"small\"}]}}}"

static void test_fits(void **state)
{
    (void)state;
    rig_request space;
    llmcost_request *request = rig_ask(&space, "r", "hi"); /* 5 tokens */
    request->max_tokens = 995;
    expect_one(FITS, request, "large", "takes a prompt of about 5 tokens");
    request->max_tokens = 996;
    expect_one(FITS, request, "small", NULL);
    request->max_tokens = INT64_MAX; /* longer than prompt and answer together can be */
    expect_one(FITS, request, "small", NULL);
}

/* ---- time ---- */

static void expect_at(int64_t wall_ms, const char *config, const char *who)
{
    engine_rig rig;
    rig_request space;
    open_rig(&rig, config);
    fake_clock_advance(&rig.clock, wall_ms - FAKE_CLOCK_START_WALL_MS);
    expect_answer(&rig, rig_ask(&space, "r", "hi"), who, NULL);
    rig_close(&rig);
}

static void test_hour(void **state)
{
    (void)state;
    enum { HOUR = 3600000 };
    static const int64_t day = INT64_C(20720) * 24 * HOUR;
    expect_at(day, WHEN("\"hour\":{\"from\":0,\"to\":8}"), "large");
    expect_at(day + 8 * HOUR - 1, WHEN("\"hour\":{\"from\":0,\"to\":8}"), "large");
    expect_at(day + 8 * HOUR, WHEN("\"hour\":{\"from\":0,\"to\":8}"), "small");
    expect_at(day - 1, WHEN("\"hour\":{\"from\":22,\"to\":6}"), "large");
    expect_at(day + 6 * HOUR - 1, WHEN("\"hour\":{\"from\":22,\"to\":6}"), "large");
    expect_at(day + 6 * HOUR, WHEN("\"hour\":{\"from\":22,\"to\":6}"), "small");
    expect_at(day + 22 * HOUR - 1, WHEN("\"hour\":{\"from\":22,\"to\":6}"), "small");
    expect_at(day + 23 * HOUR, WHEN("\"hour\":{\"from\":20,\"to\":24}"), "large");
}

static void test_weekday(void **state)
{
    (void)state;
    static const int64_t day = 86400000, thursday = INT64_C(20720) * 86400000; /* 2026-09-24 */
    expect_at(thursday, WHEN("\"weekday\":\"thu\""), "large");
    expect_at(thursday + day - 1, WHEN("\"weekday\":\"thu\""), "large");
    expect_at(thursday + day, WHEN("\"weekday\":\"thu\""), "small");
    expect_at(thursday + 2 * day, WHEN("\"weekday\":[\"sat\",\"sun\"]"), "large");
    expect_at(thursday + 4 * day, WHEN("\"weekday\":[\"sat\",\"sun\"]"), "small");
    expect_at(thursday - 1, WHEN("\"weekday\":\"wed\""), "large");
}

/* ---- money ---- */

#define SPENT(limits, budget) "{" RIG_OPENAI "," MODELS ",\"budgets\":[{\"name\":\"b\",\"limit\":" budget "}]," \
                              "\"routes\":{\"r\":{\"choose\":[{\"when\":{\"spent\":{\"budget\":\"b\"," limits "}},\"use\":\"small\"},{\"use\":\"large\"}]}}}"

static void test_spent(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    llmcost_tag ann = { "user", "ann" }, bob = { "user", "bob" };
    /* An answer of gpt-4o costs 10 * 2.5 + 5 * 10 = 75 micro-dollars: half of 150. */
    open_rig(&rig, SPENT("\"above\":0.499999", "\"0.000150 USD\",\"when_spent\":\"alert\",\"each\":\"user\""));
    expect_answer(&rig, tagged(&space, &ann, 1), "large", "by default");
    expect_answer(&rig, tagged(&space, &ann, 1), "small", "budget b is 50% spent");
    expect_answer(&rig, tagged(&space, &bob, 1), "large", NULL);
    expect_answer(&rig, tagged(&space, NULL, 0), "large", NULL);
    rig_close(&rig);
    open_rig(&rig, SPENT("\"above\":0.5", "\"0.000150 USD\",\"when_spent\":\"alert\""));
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "large", NULL);
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "large", NULL);
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "small", "budget b is 100% spent");
    rig_close(&rig);
    open_rig(&rig, SPENT("\"below\":0.5", "\"0.000150 USD\",\"when_spent\":\"alert\",\"per\":\"day\""));
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "small", "budget b is 0% spent");
    expect_answer(&rig, rig_ask(&space, "large", "hi"), "large", NULL);
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "large", NULL);
    fake_clock_advance(&rig.clock, 86400000); /* a new window */
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "small", NULL);
    rig_close(&rig);
}

/* ---- the cheapest ---- */

#define CHEAPEST(set) "{\"providers\":{\"openai\":{\"key\":\"k\"},\"local\":{\"preset\":\"ollama\",\"base_url\":\"http://127.0.0.1:1/v1\"},\"none\":{\"base_url\":\"https://none\",\"key\":\"k\"}}," MODELS "," \
                      "\"routes\":{\"r\":{\"choose\":[{\"use\":{\"cheapest\":[" set "]}}]}}}"

static void test_cheapest(void **state)
{
    (void)state;
    rig_request space;
    expect_one(CHEAPEST("\"large\",\"small\",\"mid\""), rig_ask(&space, "r", "hi"), "small", "\"why\":\"the cheapest: at most ");
    expect_one(CHEAPEST("\"none/gpt-4.1\",\"large\""), rig_ask(&space, "r", "hi"), "large", NULL);
    expect_one(CHEAPEST("\"none/gpt-4.1\",\"none/gpt-4o\""), rig_ask(&space, "r", "hi"), "mid", "the first: no price is known");
    expect_one(CHEAPEST("{\"cascade\":[\"small\",\"large\"]},\"large\""), rig_ask(&space, "r", "hi"), "large", NULL);
    expect_one(CHEAPEST("{\"fallback\":[\"small\",\"large\"]},\"mid\""), rig_ask(&space, "r", "hi"), "mid", NULL);
}

static void test_free_is_cheapest(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    llmcost_response *answer;
    rig_open(&rig, CHEAPEST("\"small\",\"local/qwen\""));
    fake_network_fails(&rig.network, NULL, 400, "x");
    assert_int_not_equal(llmcost_chat(rig.client, rig_ask(&space, "r", "hi"), &answer), LLMCOST_OK);
    assert_non_null(strstr(llmcost_response_receipt(answer), "\"to\":\"local/qwen\",\"why\":\"the cheapest: free\""));
    llmcost_response_free(answer);
    rig_close(&rig);
}

/* ---- health ---- */

#define LOCAL "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0},\"local\":{\"preset\":\"ollama\",\"base_url\":\"http://127.0.0.1:1/v1\",\"retries\":0}},"
#define LOCAL_FIRST LOCAL "\"routes\":{\"r\":{\"choose\":[{\"when\":{\"healthy\":\"local/qwen2.5:7b\",\"label\":[\"simple\",\"medium\"]}," \
                    "\"use\":{\"fallback\":[\"local/qwen2.5:7b\",\"openai/gpt-4o-mini\"]}},{\"use\":\"openai/gpt-4o-mini\"}],\"label_with\":\"local\"}}}"
#define HARD "First prove the theorem, then derive the equation, explain why, compare both. ```x```"

static void add_local(engine_rig *rig, bool alive)
{
    static const char models[] = "{\"object\":\"list\",\"data\":[{\"id\":\"qwen2.5:7b\"}]}";
    fake_exchange *list = fake_network_add(&rig->network, NULL);
    list->url = "/models";
    if (alive)
        fake_exchange_piece(list, 0, models, sizeof models - 1);
    else
        list->status_ms = FAKE_SILENT;
}

static void test_a_live_local_server(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, LOCAL_FIRST);
    add_local(&rig, true);
    fake_network_says(&rig.network, NULL, "local", 10, 5)->url = "127.0.0.1";
    fake_network_says(&rig.network, NULL, "cloud", 10, 5)->url = "api.openai.com";
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "local", "\"why\":\"local/qwen2.5:7b is healthy, label simple (score 0: easy -2)\"");
    expect_answer(&rig, rig_ask(&space, "r", HARD), "cloud", "by default, label complex");
    assert_int_equal(rig.network.request_count, 3); /* it was asked once how it is */
    rig_close(&rig);
}

static void test_a_slow_local_server(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, LOCAL_FIRST);
    add_local(&rig, false);
    fake_network_says(&rig.network, NULL, "cloud", 10, 5)->url = "api.openai.com";
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "cloud", "by default");
    assert_int_equal(fake_clock_ms(&rig.clock), 500);
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "cloud", NULL);
    assert_int_equal(fake_clock_ms(&rig.clock), 500); /* known now */
    assert_int_equal(rig.network.request_count, 3);
    fake_clock_advance(&rig.clock, 10000);
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "cloud", NULL);
    assert_int_equal(rig.network.request_count, 5);   /* asked again */
    rig_close(&rig);
}

static void test_a_dead_local_server(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, LOCAL_FIRST);
    fake_exchange *dead = fake_network_add(&rig.network, NULL);
    dead->url = "127.0.0.1";
    dead->http_status = 0;
    dead->status = LLMCOST_E_NETWORK;
    fake_network_says(&rig.network, NULL, "cloud", 10, 5)->url = "api.openai.com";
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "cloud", "by default");
    rig_close(&rig);
}

/* It answers the check and then fails: the fallback of the same entry goes on, and the next call knows. */
static void test_a_local_server_that_dies(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, LOCAL_FIRST);
    add_local(&rig, true);
    fake_network_fails(&rig.network, NULL, 500, "crashed")->url = "127.0.0.1";
    fake_network_says(&rig.network, NULL, "cloud", 10, 5)->url = "api.openai.com";
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "cloud", "local/qwen2.5:7b is healthy");
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "cloud", "by default");
    rig_close(&rig);
}

static void test_health_of_nodes(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, LOCAL "\"routes\":{\"any\":{\"fallback\":[\"local/a\",\"openai/gpt-4o\"]},\"last\":{\"cascade\":[\"openai/gpt-4o\",\"local/a\"]},"
                         "\"r\":{\"choose\":[{\"when\":{\"healthy\":true},\"use\":\"last\"},{\"when\":{\"healthy\":[\"last\",\"any\"]},\"use\":\"openai/gpt-4o\"},{\"use\":\"openai/gpt-4o-mini\"}]}}}");
    add_local(&rig, false);
    fake_network_says(&rig.network, "\"gpt-4o\"", "large", 10, 5);
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "large", "\"why\":\"any is healthy\"");
    rig_close(&rig);
}

/* Other conditions are looked at before anybody is asked, and a call that is cancelled meanwhile ends. */
static void test_nobody_is_asked_in_vain(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    llmcost_stream *stream;
    rig_open(&rig, LOCAL "\"routes\":{\"r\":{\"choose\":[{\"when\":{\"tag\":{\"a\":\"1\"},\"healthy\":true},\"use\":\"local/a\"},{\"use\":\"openai/gpt-4o-mini\"}]}}}");
    add_local(&rig, false);
    fake_network_says(&rig.network, NULL, "cloud", 10, 5)->url = "api.openai.com";
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "cloud", NULL);
    assert_int_equal(rig.network.request_count, 1);
    llmcost_tag tag = { "a", "1" };
    assert_int_equal(llmcost_stream_open(rig.client, tagged(&space, &tag, 1), &stream), LLMCOST_OK);
    assert_int_equal(llmcost_stream_poll(stream, 1), 0);
    llmcost_stream_close(stream);
    assert_int_equal(rig.network.request_count, 2);
    rig_close(&rig);
}

/* ---- what cannot serve the request ---- */

#define TWO_HOSTS "\"providers\":{\"openai\":{\"key\":\"k\"},\"deepseek\":{\"key\":\"k\"}}"
#define UNFIT(entries) "{" TWO_HOSTS "," MODELS ",\"routes\":{\"r\":{\"choose\":[" entries "]}}}"

static llmcost_request *with_audio(rig_request *space)
{
    static llmcost_part part = { .type = LLMCOST_PART_AUDIO, .data = "xx", .data_bytes = 2, .media_type = "audio/wav" };
    rig_ask(space, "r", "hi");
    space->messages[0] = (llmcost_message){ .role = LLMCOST_USER, .parts = &part, .part_count = 1 };
    return &space->request;
}

static void test_unfit_rules_are_skipped(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    llmcost_response *answer;
    expect_one(UNFIT("{\"use\":\"deepseek/deepseek-chat\"},{\"use\":\"large\"}"), with_audio(&space), "large", "\"pruned\":\"deepseek/deepseek-chat: ");
    rig_open(&rig, UNFIT("{\"when\":{\"needs\":\"audio\"},\"use\":\"deepseek/deepseek-chat\"},{\"use\":\"deepseek/deepseek-reasoner\"}"));
    assert_int_equal(llmcost_chat(rig.client, with_audio(&space), &answer), LLMCOST_E_UNSUPPORTED);
    assert_non_null(strstr(llmcost_error_message(llmcost_response_error(answer)), "r: no rule of this choose is left; deepseek (model deepseek-chat) cannot"));
    assert_non_null(strstr(llmcost_response_receipt(answer), "deepseek/deepseek-reasoner: "));
    assert_int_equal(rig.network.request_count, 0);
    llmcost_response_free(answer);
    rig_close(&rig);
}

static void test_invalid_request(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    llmcost_response *answer;
    rig_open(&rig, WHEN("\"fits\":true"));
    rig_ask(&space, "r", "hi");
    space.request.format = LLMCOST_FORMAT_JSON_SCHEMA;
    space.request.format_schema = "{";
    llmcost_status status = llmcost_chat(rig.client, &space.request, &answer);
    assert_int_equal(status, LLMCOST_E_INVALID);
    llmcost_response_free(answer);
    rig_close(&rig);
}

/* ---- trees, and the cache ---- */

static void test_nested(void **state)
{
    (void)state;
    static const char config[] = "{" RIG_OPENAI "," MODELS ",\"routes\":{\"in\":{\"choose\":[{\"when\":{\"tag\":{\"b\":\"1\"}},\"use\":\"large\"},{\"use\":\"mid\"}]},"
                                 "\"r\":{\"fallback\":[{\"choose\":[{\"when\":{\"tag\":{\"a\":\"1\"}},\"use\":\"in\"},{\"use\":\"small\"}]},\"mid\"]}}}";
    rig_request space;
    llmcost_tag both[] = { { "a", "1" }, { "b", "1" } };
    expect_one(config, tagged(&space, both, 2), "large", "{\"node\":\"r.1\",\"kind\":\"choose\",\"to\":\"in\",\"why\":\"a is 1\"},{\"node\":\"in\",\"kind\":\"choose\",\"to\":\"openai/gpt-4o\",\"why\":\"b is 1\"}");
    expect_one(config, tagged(&space, both, 1), "mid", NULL);
    expect_one(config, tagged(&space, both, 0), "small", NULL);
}

#define CACHED "\"cache\":{\"memory\":{},\"sampled\":true},"

static void test_cache_keys_go_by_the_choice(void **state)
{
    (void)state;
    static const char config[] = "{" RIG_OPENAI "," CACHED MODELS ",\"routes\":{\"r\":{\"fallback\":[{\"choose\":[{\"when\":{\"tag\":{\"a\":[\"1\",\"2\"]}},\"use\":\"large\"},{\"use\":\"small\"}]},\"mid\"]}}}";
    engine_rig rig;
    rig_request space;
    llmcost_tag tag = { "a", "1" };
    open_rig(&rig, config);
    expect_answer(&rig, tagged(&space, &tag, 1), "large", "\"cache\":\"miss\"");
    expect_answer(&rig, tagged(&space, NULL, 0), "small", "\"cache\":\"miss\"");
    tag.value = "2"; /* another reason, the same way */
    expect_answer(&rig, tagged(&space, &tag, 1), "large", "\"cache\":\"hit\"");
    expect_answer(&rig, tagged(&space, NULL, 0), "small", "\"cache\":\"hit\"");
    assert_int_equal(rig.network.request_count, 2);
    rig_close(&rig);
}

static void test_a_decided_choose_is_its_step(void **state)
{
    (void)state;
    static const char config[] = "{" RIG_OPENAI "," CACHED MODELS ",\"routes\":{\"r\":{\"choose\":[{\"when\":{\"tag\":{\"a\":\"1\"}},\"use\":\"large\"},{\"use\":\"small\"}]}}}";
    engine_rig rig;
    rig_request space;
    open_rig(&rig, config);
    expect_answer(&rig, rig_ask(&space, "small", "hi"), "small", "\"cache\":\"miss\"");
    expect_answer(&rig, rig_ask(&space, "r", "hi"), "small", "\"cache\":\"hit\"");
    rig_close(&rig);
}

/* Vectors of one model mean nothing to another. */
static void test_no_embeddings(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    llmcost_response *answer;
    const char *input = "hi";
    rig_open(&rig, "{" RIG_OPENAI ",\"routes\":{\"e\":{\"choose\":[{\"when\":{\"tag\":{\"a\":\"1\"}},\"use\":\"openai/text-embedding-3-small\"},{\"use\":\"openai/text-embedding-3-large\"}]}}}");
    rig_ask(&space, "e", "");
    space.request.messages = NULL;
    space.request.message_count = 0;
    space.request.inputs = &input;
    space.request.input_count = 1;
    assert_int_equal(llmcost_embed(rig.client, &space.request, &answer), LLMCOST_E_UNSUPPORTED);
    llmcost_response_free(answer);
    rig_close(&rig);
}

static void test_receipt_outlives_the_client(void **state)
{
    (void)state;
    engine_rig rig;
    rig_request space;
    llmcost_response *answer;
    open_rig(&rig, WHEN("\"needs\":\"tools\""));
    assert_int_equal(llmcost_chat(rig.client, rig_ask(&space, "r", "hi"), &answer), LLMCOST_OK);
    rig.responses_out = true;
    rig_close(&rig);
    assert_non_null(strstr(llmcost_response_receipt(answer), "{\"node\":\"r\",\"kind\":\"choose\",\"to\":\"openai/gpt-4o-mini\",\"why\":\"by default\"}"));
    llmcost_response_free(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tag), cmocka_unit_test(test_map_by_tag), cmocka_unit_test(test_map_with_conditions), cmocka_unit_test(test_prompt_tokens),
        cmocka_unit_test(test_needs), cmocka_unit_test(test_needs_audio_and_documents), cmocka_unit_test(test_fits), cmocka_unit_test(test_hour), cmocka_unit_test(test_weekday),
        cmocka_unit_test(test_spent), cmocka_unit_test(test_cheapest), cmocka_unit_test(test_free_is_cheapest), cmocka_unit_test(test_a_live_local_server), cmocka_unit_test(test_a_slow_local_server),
        cmocka_unit_test(test_a_dead_local_server), cmocka_unit_test(test_a_local_server_that_dies), cmocka_unit_test(test_health_of_nodes), cmocka_unit_test(test_nobody_is_asked_in_vain), cmocka_unit_test(test_unfit_rules_are_skipped),
        cmocka_unit_test(test_invalid_request), cmocka_unit_test(test_nested), cmocka_unit_test(test_cache_keys_go_by_the_choice),
        cmocka_unit_test(test_a_decided_choose_is_its_step), cmocka_unit_test(test_no_embeddings), cmocka_unit_test(test_receipt_outlives_the_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
