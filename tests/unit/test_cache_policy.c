/* The cache around calls: what counts as the same question, what is kept, and a host's store behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../support/engine_rig.h"
#include "call/call.h"

#define PROVIDERS "\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0}}"
#define CONFIG "{" PROVIDERS ",\"cache\":{\"memory\":{\"ttl\":\"10m\"},\"sampled\":true},\"routes\":{\"r\":{\"cascade\":[\"openai/gpt-4o-mini\",\"openai/gpt-4o\"]}}}"
#define CAREFUL "{" PROVIDERS ",\"cache\":{\"memory\":{}}}"

static llmcost_response *chat(engine_rig *rig, const llmcost_request *request, llmcost_status expected)
{
    llmcost_response *response;
    assert_int_equal(llmcost_chat(rig->client, request, &response), expected);
    rig_check_receipt(response);
    return response;
}

/* Whether this one is answered by the cache. */
static bool hits(engine_rig *rig, const llmcost_request *request)
{
    size_t before = rig->network.request_count;
    llmcost_response *response = chat(rig, request, LLMCOST_OK);
    bool hit = llmcost_response_from_cache(response);
    assert_int_equal(rig->network.request_count, before + !hit);
    if (hit) {
        assert_int_equal(llmcost_response_cost_nano(response), 0);
        assert_true(llmcost_response_saved_nano(response) > 0);
        assert_int_equal(llmcost_response_line_count(response), 1);
    }
    llmcost_response_free(response);
    return hit;
}

/* ---- the key ---- */

static llmcost_part parts[] = { { .text = "hello" } };
static llmcost_tool_call tool_calls[] = { { .id = "id", .name = "f", .arguments = "{}" } };
static llmcost_tool tools[] = { { .name = "f", .description = "d", .parameters = "{\"type\":\"object\"}" } };
static llmcost_tool other_tools[] = { { .name = "f", .description = "e", .parameters = "{\"type\":\"object\"}" } };
static llmcost_tag tags[] = { { "feature", "faq" } };
static const char *stops[] = { "end" }, *other_stops[] = { "END" };

typedef void (*change_fn)(llmcost_request *request, llmcost_message *messages);

#define CHANGE(name, ...) static void name(llmcost_request *request, llmcost_message *messages) { (void)request; (void)messages; __VA_ARGS__; }
CHANGE(model, request->model = "openai/gpt-4.1")
CHANGE(text, messages[0].text = "hello!")
CHANGE(text_bytes, messages[0].text_bytes = 4)
CHANGE(role, messages[0].role = LLMCOST_SYSTEM)
CHANGE(name_, messages[0].name = "me")
CHANGE(as_part, messages[0].text = NULL; messages[0].parts = parts; messages[0].part_count = 1)
CHANGE(more_messages, messages[1] = (llmcost_message){ .role = LLMCOST_ASSISTANT, .text = "x" }; request->message_count = 2)
CHANGE(an_empty_message, messages[1] = (llmcost_message){ .role = LLMCOST_ASSISTANT, .text = " " }; request->message_count = 2)
CHANGE(tool_use, messages[1] = (llmcost_message){ .role = LLMCOST_ASSISTANT, .tool_calls = tool_calls, .tool_call_count = 1 }; request->message_count = 2)
CHANGE(a_tool, request->tools = tools; request->tool_count = 1)
CHANGE(another_tool, request->tools = other_tools; request->tool_count = 1)
CHANGE(choice_none, request->tools = tools; request->tool_count = 1; request->tool_choice = LLMCOST_TOOLS_NONE)
CHANGE(choice_required, request->tools = tools; request->tool_count = 1; request->tool_choice = LLMCOST_TOOLS_REQUIRED)
CHANGE(choice_one, request->tools = tools; request->tool_count = 1; request->tool_choice = LLMCOST_TOOLS_ONE; request->tool_choice_name = "f")
CHANGE(parallel, request->tools = tools; request->tool_count = 1; request->parallel_tool_calls = LLMCOST_OFF)
CHANGE(stop, request->stop = stops; request->stop_count = 1)
CHANGE(other_stop, request->stop = other_stops; request->stop_count = 1)
CHANGE(max_tokens, request->max_tokens = 16)
CHANGE(more_tokens, request->max_tokens = 4000)
CHANGE(seed_of_zero, request->has_seed = 1)
CHANGE(seed, request->has_seed = 1; request->seed = 7)
CHANGE(temperature_of_zero, request->has_temperature = 1)
CHANGE(temperature, request->has_temperature = 1; request->temperature = 0.5)
CHANGE(top_p, request->has_top_p = 1; request->top_p = 0.5)
CHANGE(logprobs, request->logprobs = 1)
CHANGE(top_logprobs, request->logprobs = 1; request->top_logprobs = 3)
CHANGE(n, request->n = 2)
CHANGE(format, request->format = LLMCOST_FORMAT_JSON)
CHANGE(schema, request->format = LLMCOST_FORMAT_JSON_SCHEMA; request->format_schema = "{\"type\":\"object\"}")
CHANGE(schema_name, request->format = LLMCOST_FORMAT_JSON_SCHEMA; request->format_schema = "{\"type\":\"object\"}"; request->format_name = "other")
CHANGE(strict, request->format = LLMCOST_FORMAT_JSON_SCHEMA; request->format_schema = "{\"type\":\"object\"}"; request->format_strict = 1)
CHANGE(extra, request->extra = "{\"top_k\":3}")
CHANGE(name_space, request->cache_namespace = "team b")
CHANGE(effort, request->model = "openai/o3"; request->effort = LLMCOST_EFFORT_LOW)
CHANGE(more_effort, request->model = "openai/o3"; request->effort = LLMCOST_EFFORT_HIGH)
CHANGE(route, request->model = "r")

CHANGE(set_tags, request->tags = tags; request->tag_count = 1)
CHANGE(deadline, request->deadline_ms = 5000)
CHANGE(end_user, request->end_user = "u1")
CHANGE(ttl, request->cache_ttl_ms = 5000)
CHANGE(input_bound, request->input_bound_tokens = 99)
CHANGE(cache_mark, messages[0].cache_mark = 1)

static const change_fn different[] = { model, text, text_bytes, role, name_, as_part, more_messages, an_empty_message, tool_use, a_tool, another_tool, choice_none,
    choice_required, choice_one, parallel, stop, other_stop, max_tokens, more_tokens, seed_of_zero, seed, temperature_of_zero, temperature, top_p, logprobs, top_logprobs,
    n, format, schema, schema_name, strict, extra, name_space, effort, more_effort, route };
static const change_fn same[] = { set_tags, deadline, end_user, ttl, input_bound, cache_mark };

static void test_the_key(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, CONFIG);
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    assert_false(hits(&rig, rig_ask(&space, "openai/gpt-4o", "hello")));
    assert_true(hits(&rig, rig_ask(&space, "openai/gpt-4o", "hello")));
    for (size_t i = 0; i < sizeof different / sizeof different[0]; i++) {
        different[i](rig_ask(&space, "openai/gpt-4o", "hello"), space.messages);
        if (hits(&rig, &space.request))
            fail_msg("change %zu is not in the key", i);
        if (!hits(&rig, &space.request))
            fail_msg("change %zu is never found again", i);
    }
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        same[i](rig_ask(&space, "openai/gpt-4o", "hello"), space.messages);
        if (!hits(&rig, &space.request))
            fail_msg("change %zu does not shape the answer", i);
    }
    rig_close(&rig);
}

static void key_of(const char *config, const char *name, uint8_t fingerprint[32])
{
    engine_rig rig;
    llmc_arena arena;
    const llmc_route *found;
    llmcost_error error;
    rig_open(&rig, config);
    llmc_error_init(&error, &rig.memory.allocator);
    llmc_arena_init(&arena, &rig.memory.allocator, NULL, 0);
    assert_int_equal(llmc_settings_resolve(rig.client->settings, name, &arena, &found, &error), LLMCOST_OK);
    memcpy(fingerprint, found->fingerprint, 32);
    llmc_arena_clear(&arena);
    rig_close(&rig);
}

/* A route that was edited is another one. */
static void test_edited_routes(void **unused)
{
    (void)unused;
    static const char *const routes[] = {
        "{\"cascade\":[\"openai/gpt-4o-mini\",\"openai/gpt-4o\"]}", "{\"cascade\":[\"openai/gpt-4o\",\"openai/gpt-4o-mini\"]}", "{\"cascade\":[\"openai/gpt-4o-mini\",\"openai/gpt-4.1\"]}",
        "{\"cascade\":[\"openai/gpt-4o-mini\",\"openai/gpt-4o\"],\"escalate_on\":{\"marker\":\"NO\"}}", "{\"cascade\":[\"openai/gpt-4o-mini\",\"openai/gpt-4o\"],\"escalate_on\":{\"refusal\":true}}",
        "{\"cascade\":[\"openai/gpt-4o-mini\",\"openai/gpt-4o\"],\"escalate_on\":{\"judge\":\"host:me\"}}",
    };
    enum { COUNT = sizeof routes / sizeof routes[0] };
    uint8_t keys[COUNT][32];
    for (size_t i = 0; i < COUNT; i++) {
        char config[600];
        snprintf(config, sizeof config, "{" PROVIDERS ",\"routes\":{\"r\":%s}}", routes[i]);
        key_of(config, "r", keys[i]);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(keys[i], keys[j], 32);
    }
}

/* ---- what is looked up and kept ---- */

static void test_the_rule_for_sampled_answers(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, CAREFUL);
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    llmcost_request *request = rig_ask(&space, "openai/gpt-4o", "hello");
    assert_false(hits(&rig, request));
    assert_false(hits(&rig, request)); /* no temperature is the provider's, which samples */
    request->cache_sampled = LLMCOST_ON;
    assert_false(hits(&rig, request));
    assert_true(hits(&rig, request));
    request->cache_sampled = LLMCOST_DEFAULT;
    assert_false(hits(&rig, request));
    request->has_temperature = 1;
    assert_false(hits(&rig, request));
    assert_true(hits(&rig, request));
    rig_close(&rig);
}

static void test_uses(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, CONFIG);
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    llmcost_request *request = rig_ask(&space, "openai/gpt-4o", "hello");
    request->cache = LLMCOST_CACHE_ONLY;
    llmcost_response_free(chat(&rig, request, LLMCOST_E_CACHE_MISS));
    assert_int_equal(rig.network.request_count, 0);
    request->cache = LLMCOST_CACHE_OFF;
    assert_false(hits(&rig, request));
    assert_false(hits(&rig, request));
    request->cache = LLMCOST_CACHE_REFRESH;
    assert_false(hits(&rig, request));
    assert_false(hits(&rig, request));
    request->cache = LLMCOST_CACHE_ONLY;
    assert_true(hits(&rig, request));
    assert_int_equal(llmcost_cache_clear(rig.client), LLMCOST_OK);
    llmcost_response_free(chat(&rig, request, LLMCOST_E_CACHE_MISS));
    rig_close(&rig);
}

static void test_ttl(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, CONFIG);
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    llmcost_request *request = rig_ask(&space, "openai/gpt-4o", "hello");
    assert_false(hits(&rig, request));
    fake_clock_advance(&rig.clock, 599999);
    assert_true(hits(&rig, request));
    llmcost_response *response = chat(&rig, request, LLMCOST_OK);
    assert_int_equal(rig_line(response, 0, "age_ms"), 599999);
    llmcost_response_free(response);
    fake_clock_advance(&rig.clock, 2);
    assert_false(hits(&rig, request));
    rig_ask(&space, "openai/gpt-4o", "other")->cache_ttl_ms = 1000;
    assert_false(hits(&rig, request));
    fake_clock_advance(&rig.clock, 1001);
    assert_false(hits(&rig, request));
    rig_close(&rig);
}

/* The try that answered says when the answer came, not the first one. */
static void test_ttl_after_another_try(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":1}},\"breaker\":false,\"cache\":{\"memory\":{\"ttl\":\"10s\"},\"sampled\":true}}");
    fake_exchange *busy = fake_network_fails(&rig.network, NULL, 429, "rate_limit_exceeded");
    busy->headers[1] = "Retry-After: 20";
    busy->times = 1;
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    llmcost_request *request = rig_ask(&space, "openai/gpt-4o", "hello");
    llmcost_response_free(chat(&rig, request, LLMCOST_OK));
    assert_int_equal(rig.network.request_count, 2);
    assert_true(fake_clock_ms(&rig.clock) >= 20000);
    fake_clock_advance(&rig.clock, 9000);
    llmcost_response *response = chat(&rig, request, LLMCOST_OK);
    assert_int_equal(llmcost_response_from_cache(response), 1);
    assert_int_equal(rig_line(response, 0, "age_ms"), 9000);
    llmcost_response_free(response);
    fake_clock_advance(&rig.clock, 1001);
    assert_false(hits(&rig, request));
    rig_close(&rig);
}

static void never_kept(void (*script)(fake_network *network), const char *config, const char *model_name, int64_t length)
{
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, config);
    script(&rig.network);
    for (int i = 0; i < 2; i++) {
        rig_ask(&space, model_name, "hello")->max_tokens = length;
        llmcost_status status = llmcost_chat(rig.client, &space.request, &response);
        assert_true(llmcost_response_from_cache(response) == 0);
        (void)status;
        llmcost_response_free(response);
    }
    assert_int_equal(rig_stat(&rig, "stores"), 0);
    rig_close(&rig);
}

static void a_failure(fake_network *network)
{
    fake_network_fails(network, NULL, 429, "rate_limit_exceeded");
}

static void a_cut(fake_network *network)
{
    fake_exchange *exchange = fake_network_add(network, NULL);
    fake_exchange_piece(exchange, 0, "{\"id\":\"c\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"ha", 56);
}

static void a_filter(fake_network *network)
{
    static const char body[] = "{\"id\":\"x\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"h\"},\"finish_reason\":\"content_filter\"}]}";
    fake_exchange_piece(fake_network_add(network, NULL), 0, body, sizeof body - 1);
}

static void a_best_so_far(fake_network *network)
{
    fake_network_says(network, "gpt-4o-mini", "It is 4.\nUNCERTAIN", 10, 5);
    fake_network_fails(network, NULL, 401, "invalid_api_key");
}

static void an_answer(fake_network *network)
{
    fake_network_says(network, NULL, "hi", 10, 5);
}

static void test_what_is_never_kept(void **unused)
{
    (void)unused;
    never_kept(a_failure, CONFIG, "openai/gpt-4o", 0);
    never_kept(a_cut, CONFIG, "openai/gpt-4o", 0);
    never_kept(a_filter, CONFIG, "openai/gpt-4o", 0);
    never_kept(a_best_so_far, CONFIG, "r", 0);
    /* Shortened by the budget: another call might get more. */
    never_kept(an_answer, "{" PROVIDERS ",\"cache\":{\"memory\":{},\"sampled\":true},\"budgets\":[{\"limit\":\"0.00094 USD\"}]}", "openai/gpt-4o", 100);
}

/* Providers answer with a dated name. What was paid for and what came from the cache is one model on the receipt and in the report. */
static void test_a_hit_is_of_the_model_that_was_paid_for(void **unused)
{
    (void)unused;
    static const char *const names[] = { "openai/gpt-4o", "r" };
    for (size_t i = 0; i < 2; i++) {
        engine_rig rig;
        rig_request space;
        llmcost_response *response;
        char *report;
        rig_open(&rig, CONFIG);
        fake_network_says(&rig.network, "gpt-4o-mini", "UNCERTAIN", 10, 5);
        fake_network_says(&rig.network, NULL, "hi", 10, 5);
        for (int hit = 0; hit < 2; hit++) {
            assert_int_equal(llmcost_chat(rig.client, rig_ask(&space, names[i], "hello"), &response), LLMCOST_OK);
            assert_int_equal(llmcost_response_from_cache(response), hit);
            assert_string_equal(llmcost_response_model_name(response), "served");
            if (hit)
                assert_string_equal(llmcost_response_line_text(response, 0, "model"), "gpt-4o");
            llmcost_response_free(response);
        }
        assert_int_equal(llmcost_report(rig.client, "json", &report), LLMCOST_OK);
        assert_non_null(strstr(report, "{\"value\":\"gpt-4o\",\"other\":false,\"calls\":2,\"failed\":0,\"refused\":0,\"cached\":1,"));
        assert_null(strstr(report, "\"served\""));
        llmcost_string_free(report);
        rig_close(&rig);
    }
}

static void test_replays(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    char first[200], second[200];
    llmcost_response *response;
    rig_open(&rig, CONFIG);
    fake_network_streams(&rig.network, NULL, (const char *const[]){ "It ", "is", " 4", ".", NULL }, 10, 5);
    llmcost_request *request = rig_ask(&space, "openai/gpt-4o", "hello");
    assert_int_equal(rig_stream(&rig, request, first, sizeof first, NULL), LLMCOST_OK);
    assert_int_equal(rig_stream(&rig, request, second, sizeof second, &response), LLMCOST_OK);
    assert_string_equal(first, "It is 4.");
    assert_string_equal(second, first);
    assert_true(llmcost_response_from_cache(response));
    assert_string_equal(llmcost_response_provider(response), "openai");
    assert_string_equal(llmcost_response_text(response), first);
    llmcost_response_free(response);
    assert_true(hits(&rig, request)); /* and a call that does not stream finds it too */
    assert_int_equal(rig.network.request_count, 1);
    rig_close(&rig);
}

/* ---- a host's store ---- */

typedef enum manner { AT_ONCE, FROM_A_THREAD, GARBAGE, EMPTY, NEVER } manner;

typedef struct store {
    manner manner;
    uint8_t key[32];
    void *value;
    size_t bytes;
    int gets, puts, removes;
    int64_t ttl_ms;
    llmcost_cache_reply *reply;
    pthread_t thread;
} store;

static void *send_later(void *user)
{
    store *self = user;
    nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    llmcost_cache_reply_send(self->reply, self->value, self->bytes);
    return NULL;
}

static void store_get(const uint8_t key[32], llmcost_cache_reply *reply, void *user)
{
    store *self = user;
    self->gets++;
    self->reply = reply;
    bool has = self->value && memcmp(key, self->key, 32) == 0;
    if (self->manner == NEVER)
        return;
    if (self->manner == FROM_A_THREAD)
        pthread_create(&self->thread, NULL, send_later, self);
    else if (self->manner == GARBAGE)
        llmcost_cache_reply_send(reply, "\xff\x00garbage", 9);
    else if (self->manner == EMPTY)
        llmcost_cache_reply_send(reply, "", 0);
    else
        llmcost_cache_reply_send(reply, has ? self->value : NULL, has ? self->bytes : 0);
}

static void store_put(const uint8_t key[32], const void *value, size_t bytes, int64_t ttl_ms, void *user)
{
    store *self = user;
    self->puts++;
    self->ttl_ms = ttl_ms;
    memcpy(self->key, key, 32);
    free(self->value);
    self->value = malloc(bytes);
    self->bytes = bytes;
    memcpy(self->value, value, bytes);
}

static void store_remove(const uint8_t key[32], void *user)
{
    store *self = user;
    assert_memory_equal(key, self->key, 32);
    self->removes++;
}

static void open_by(engine_rig *rig, store *self, const char *config)
{
    llmcost_cache_store hooks = { .struct_size = sizeof hooks, .name = "mine", .user = self, .get = store_get, .put = store_put, .remove = store_remove };
    rig_open(rig, config);
    assert_int_equal(llmcost_client_set_cache_store(rig->client, &hooks), LLMCOST_OK);
    fake_network_says(&rig->network, NULL, "hi", 10, 5);
}

static void open_with(engine_rig *rig, store *self)
{
    open_by(rig, self, "{" PROVIDERS ",\"cache\":{\"memory\":false,\"sampled\":true}}");
}

static bool hits_by(store *self, const char *config, int64_t length)
{
    engine_rig rig;
    rig_request space;
    open_by(&rig, self, config);
    rig_ask(&space, "openai/gpt-4o", "hello")->max_tokens = length;
    bool hit = hits(&rig, &space.request);
    rig_close(&rig);
    return hit;
}

/* Clients that cut answers at different lengths share a store, not their answers. */
static void test_the_length_of_the_config_is_in_the_key(void **unused)
{
    (void)unused;
    static const char plain[] = "{" PROVIDERS ",\"cache\":{\"memory\":false,\"sampled\":true}}", cut[] = "{" PROVIDERS ",\"default_max_tokens\":16,\"cache\":{\"memory\":false,\"sampled\":true}}";
    store self = { .manner = AT_ONCE };
    assert_false(hits_by(&self, cut, 0));
    assert_true(hits_by(&self, cut, 0));
    assert_true(hits_by(&self, plain, 16)); /* the same question in other words */
    assert_false(hits_by(&self, plain, 0));
    assert_true(hits_by(&self, plain, 0));
    free(self.value);
}

static void test_a_store_of_the_hosts(void **unused)
{
    (void)unused;
    for (int how = AT_ONCE; how <= EMPTY; how++) {
        engine_rig rig;
        rig_request space;
        store self = { .manner = AT_ONCE };
        open_with(&rig, &self);
        rig.clock.frozen = how == FROM_A_THREAD;
        llmcost_request *request = rig_ask(&space, "openai/gpt-4o", "hello");
        assert_false(hits(&rig, request));
        assert_int_equal(self.puts, 1);
        self.manner = (manner)how;
        bool good = how == AT_ONCE || how == FROM_A_THREAD;
        assert_int_equal(hits(&rig, request), good);
        if (how == FROM_A_THREAD)
            pthread_join(self.thread, NULL);
        assert_int_equal(rig_stat(&rig, "policy_failures"), !good);
        assert_int_equal(self.removes, !good);
        self.manner = AT_ONCE;
        request->cache_namespace = "another";
        assert_false(hits(&rig, request));
        free(self.value);
        rig_close(&rig);
    }
}

/* An answer of the store has an age, and the memory tier takes it over for what is left of its life. */
static void test_a_store_behind_the_memory_tier(void **unused)
{
    (void)unused;
    static const char config[] = "{" PROVIDERS ",\"cache\":{\"memory\":{\"ttl\":\"10m\"},\"sampled\":true}}";
    engine_rig first, second;
    rig_request space;
    store self = { .manner = AT_ONCE };
    open_by(&first, &self, config);
    llmcost_request *request = rig_ask(&space, "openai/gpt-4o", "hello");
    assert_false(hits(&first, request));
    rig_close(&first);
    open_by(&second, &self, config);
    fake_clock_advance(&second.clock, 400000);
    self.gets = 0;
    for (int round = 0; round < 2; round++) {
        llmcost_response *response = chat(&second, request, LLMCOST_OK);
        assert_true(llmcost_response_from_cache(response));
        assert_string_equal(llmcost_response_text(response), "hi");
        assert_int_equal(rig_line(response, 0, "age_ms"), 400000);
        assert_int_equal(self.gets, 1);
        llmcost_response_free(response);
    }
    fake_clock_advance(&second.clock, 200001); /* past its life here; the store decides over its own */
    assert_true(hits(&second, request));
    assert_int_equal(self.gets, 2);
    assert_true(hits(&second, request));
    assert_int_equal(self.gets, 3);
    assert_int_equal(self.puts, 1);
    free(self.value);
    rig_close(&second);
}

static void test_clearing_reaches_a_store(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    store self = { .manner = AT_ONCE };
    open_with(&rig, &self);
    llmcost_request *request = rig_ask(&space, "openai/gpt-4o", "hello");
    for (int round = 0; round < 3; round++) {
        assert_false(hits(&rig, request));
        assert_true(hits(&rig, request));
        assert_int_equal(llmcost_cache_clear(rig.client), LLMCOST_OK);
    }
    free(self.value);
    rig_close(&rig);
}

/* Promise: a cache that fails makes a call dearer, it never fails it. */
static void test_a_store_that_never_answers(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    store self = { .manner = NEVER };
    open_with(&rig, &self);
    rig_ask(&space, "openai/gpt-4o", "hello")->deadline_ms = 3000;
    llmcost_response *response = chat(&rig, &space.request, LLMCOST_OK);
    assert_int_equal(fake_clock_ms(&rig.clock), 1000);
    assert_string_equal(llmcost_response_text(response), "hi");
    assert_non_null(strstr(llmcost_response_receipt(response), "did not answer in time"));
    llmcost_response_free(response);
    assert_int_equal(rig_stat(&rig, "policy_failures"), 1);
    assert_int_equal(self.puts, 1);
    llmcost_cache_reply_send(self.reply, "late", 4); /* when the call is long gone */
    self.manner = AT_ONCE;
    assert_true(hits(&rig, &space.request));
    free(self.value);
    rig_close(&rig);
}

/* 0: as long as the call. The store's answer may come in the very end, or never. */
static void test_a_store_that_is_waited_for(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    store self = { .manner = NEVER };
    open_by(&rig, &self, "{" PROVIDERS ",\"cache\":{\"memory\":false,\"sampled\":true,\"store_wait_ms\":0}}");
    rig_ask(&space, "openai/gpt-4o", "hello")->deadline_ms = 3000;
    llmcost_response_free(chat(&rig, &space.request, LLMCOST_E_DEADLINE));
    assert_int_equal(fake_clock_ms(&rig.clock), 3000);
    llmcost_cache_reply_send(self.reply, "late", 4);
    assert_int_equal(self.puts, 0);
    rig_close(&rig);
}

static llmcost_verdict answer_instead(llmcost_leg *leg, void *state, void *user)
{
    (void)state;
    (void)user;
    return llmcost_leg_status(leg) == LLMCOST_OK ? llmcost_leg_answer(leg, "something else", 0) : LLMCOST_CONTINUE;
}

static llmcost_verdict forget_all(llmcost_leg *leg, void *state, void *user)
{
    (void)leg;
    (void)state;
    assert_int_equal(llmcost_cache_clear(*(llmcost_client **)user), LLMCOST_OK);
    return LLMCOST_CONTINUE;
}

/* What was under way when all was forgotten is kept when it is there. */
static void test_forgetting_in_the_middle_of_a_call(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, CONFIG);
    const llmcost_policy forgets = { .struct_size = sizeof forgets, .phase = LLMCOST_PHASE_SHAPE, .name = "forgets", .user = &rig.client, .enter = forget_all };
    assert_int_equal(llmcost_client_add_policy(rig.client, &forgets), LLMCOST_OK);
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    llmcost_request *request = rig_ask(&space, "openai/gpt-4o", "hello");
    llmcost_response_free(chat(&rig, request, LLMCOST_OK));
    assert_true(hits(&rig, request));
    assert_int_equal(llmcost_cache_clear(rig.client), LLMCOST_OK);
    assert_false(hits(&rig, request));
    rig_close(&rig);
}

/* What a hit's line says of the cached answer is still there when a host's policy answered over it and the cache forgot it. */
static void test_a_hit_that_is_answered_over(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    rig_open(&rig, CONFIG);
    const llmcost_policy over = { .struct_size = sizeof over, .phase = LLMCOST_PHASE_RESOLVE, .name = "over", .leave = answer_instead };
    assert_int_equal(llmcost_client_add_policy(rig.client, &over), LLMCOST_OK);
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    llmcost_response *paid = chat(&rig, rig_ask(&space, "openai/gpt-4o", "hello"), LLMCOST_OK), *hit = chat(&rig, &space.request, LLMCOST_OK);
    assert_int_equal(llmcost_cache_clear(rig.client), LLMCOST_OK);
    assert_int_equal(rig.network.request_count, 1);
    assert_string_equal(llmcost_response_text(hit), "something else");
    assert_string_equal(rig_line_text(hit, 0, "purpose"), "cache");
    assert_string_equal(rig_line_text(hit, 0, "provider"), "openai");
    assert_string_equal(rig_line_text(hit, 0, "original"), llmcost_response_id(paid));
    assert_non_null(strstr(llmcost_response_receipt(hit), llmcost_response_id(paid)));
    llmcost_response_free(paid);
    llmcost_response_free(hit);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_key),
        cmocka_unit_test(test_edited_routes),
        cmocka_unit_test(test_the_rule_for_sampled_answers),
        cmocka_unit_test(test_uses),
        cmocka_unit_test(test_ttl),
        cmocka_unit_test(test_ttl_after_another_try),
        cmocka_unit_test(test_what_is_never_kept),
        cmocka_unit_test(test_a_hit_is_of_the_model_that_was_paid_for),
        cmocka_unit_test(test_replays),
        cmocka_unit_test(test_the_length_of_the_config_is_in_the_key),
        cmocka_unit_test(test_a_store_of_the_hosts),
        cmocka_unit_test(test_a_store_behind_the_memory_tier),
        cmocka_unit_test(test_clearing_reaches_a_store),
        cmocka_unit_test(test_a_store_that_never_answers),
        cmocka_unit_test(test_a_store_that_is_waited_for),
        cmocka_unit_test(test_a_hit_that_is_answered_over),
        cmocka_unit_test(test_forgetting_in_the_middle_of_a_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
