/* A client's life: opening, references, closing from where it may and may not, threads, a forked child, NULL. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/engine_rig.h"
#include "call/call.h"

#define CONFIG "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0}},\"cache\":{\"memory\":{},\"sampled\":true},\"budgets\":[{\"name\":\"b\",\"limit\":\"100 USD\"}]}"

static void test_references(void **unused)
{
    (void)unused;
    engine_rig rig;
    llmcost_response *response;
    rig_open(&rig, CONFIG);
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    assert_ptr_equal(llmcost_client_ref(rig.client), rig.client);
    assert_int_equal(llmcost_client_close(rig.client), LLMCOST_OK);
    assert_int_equal(llmcost_ask(rig.client, "openai/gpt-4o", "hello", &response), LLMCOST_OK);
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_an_open_loop_or_stream_keeps_it_open(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_loop *loop;
    llmcost_stream *stream;
    llmcost_response *response;
    rig_open(&rig, CONFIG);
    fake_network_streams(&rig.network, NULL, (const char *const[]){ "a", NULL }, 10, 5);
    assert_int_equal(llmcost_loop_open(rig.client, &loop), LLMCOST_OK);
    assert_int_equal(llmcost_client_close(rig.client), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_stream_open(rig.client, rig_ask(&space, "openai/gpt-4o", "hello"), &stream), LLMCOST_OK);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    assert_int_equal(llmcost_client_close(rig.client), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_stream_finish(stream, &response), LLMCOST_OK); /* and nothing had happened */
    llmcost_response_free(response);
    assert_int_equal(llmcost_stream_finish(stream, &response), LLMCOST_E_MISUSE);
    assert_null(response);
    llmcost_stream_close(stream);
    rig_close(&rig);
}

static void close_inside(const llmcost_response *response, void *user)
{
    (void)response;
    assert_int_equal(llmcost_client_close(user), LLMCOST_E_MISUSE);
}

static int close_in_event(const llmcost_event *event, void *user)
{
    (void)event;
    assert_int_equal(llmcost_client_close(user), LLMCOST_E_MISUSE);
    return 0;
}

static void close_in_alert(const char *json, void *user)
{
    assert_non_null(strstr(json, "\"alert\""));
    assert_int_equal(llmcost_client_close(user), LLMCOST_E_MISUSE);
}

static llmcost_verdict close_in_policy(llmcost_leg *leg, void *state, void *user)
{
    (void)leg;
    (void)state;
    assert_int_equal(llmcost_client_close(*(llmcost_client **)user), LLMCOST_E_MISUSE);
    return LLMCOST_CONTINUE;
}

static void test_closing_inside_a_callback(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    rig_open(&rig, "{" RIG_OPENAI ",\"budgets\":[{\"name\":\"b\",\"limit\":\"0.01 USD\",\"alert_at\":[0.001]}]}");
    llmcost_policy policy = { .struct_size = sizeof policy, .phase = LLMCOST_PHASE_SHAPE, .name = "closes", .user = &rig.client, .enter = close_in_policy, .leave = close_in_policy };
    assert_int_equal(llmcost_client_add_policy(rig.client, &policy), LLMCOST_OK);
    assert_int_equal(llmcost_client_on_receipt(rig.client, close_inside, rig.client), LLMCOST_OK);
    assert_int_equal(llmcost_client_on_alert(rig.client, close_in_alert, rig.client), LLMCOST_OK);
    fake_network_says(&rig.network, "plain", "hi", 10, 5);
    fake_network_streams(&rig.network, NULL, (const char *const[]){ "a", NULL }, 10, 5);
    rig_ask(&space, "openai/gpt-4o", "plain")->max_tokens = 64;
    assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_OK);
    llmcost_response_free(response);
    rig_ask(&space, "openai/gpt-4o", "streamed")->max_tokens = 64;
    assert_int_equal(llmcost_chat_stream(rig.client, &space.request, close_in_event, rig.client, &response), LLMCOST_OK);
    llmcost_response_free(response);
    assert_int_equal(llmcost_budget_correct(rig.client, "b", NULL, 9000000), LLMCOST_OK);
    rig_close(&rig);
}

static void no_get(const uint8_t key[32], llmcost_cache_reply *reply, void *user)
{
    (void)key;
    (void)user;
    llmcost_cache_reply_send(reply, NULL, 0);
}

static void no_put(const uint8_t key[32], const void *value, size_t bytes, int64_t ttl_ms, void *user)
{
    (void)key;
    (void)value;
    (void)bytes;
    (void)ttl_ms;
    (void)user;
}

/* A host that was compiled when the struct was shorter. */
static void test_a_store_of_another_size(void **unused)
{
    (void)unused;
    engine_rig rig;
    llmcost_cache_store store = { .struct_size = sizeof store, .get = no_get, .put = no_put };
    rig_open(&rig, CONFIG);
    store.struct_size = offsetof(llmcost_cache_store, put);
    assert_int_equal(llmcost_client_set_cache_store(rig.client, &store), LLMCOST_E_MISUSE);
    store.struct_size = UINT32_MAX;
    assert_int_equal(llmcost_client_set_cache_store(rig.client, &store), LLMCOST_E_MISUSE);
    memset(&store.remove, 0x5a, sizeof store.remove); /* beyond what he says he has */
    store.struct_size = offsetof(llmcost_cache_store, remove);
    assert_int_equal(llmcost_client_set_cache_store(rig.client, &store), LLMCOST_OK);
    assert_null(rig.client->services.cache_store.remove);
    rig_close(&rig);
}

/* One that was compiled when they were longer: what it asks for and we do not know is not ignored. */
static void test_descriptors_of_a_newer_version(void **unused)
{
    (void)unused;
    engine_rig rig;
    struct { llmcost_cache_store store; void *more; } store = { .store = { .struct_size = sizeof store, .get = no_get, .put = no_put }, .more = &rig };
    struct { llmcost_policy policy; void *more; } policy = { .policy = { .struct_size = sizeof policy, .phase = LLMCOST_PHASE_SHAPE, .name = "newer" }, .more = &rig };
    rig_open(&rig, CONFIG);
    assert_int_equal(llmcost_client_set_cache_store(rig.client, &store.store), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_client_add_policy(rig.client, &policy.policy), LLMCOST_E_MISUSE);
    store.more = policy.more = NULL;
    assert_int_equal(llmcost_client_set_cache_store(rig.client, &store.store), LLMCOST_OK);
    assert_int_equal(llmcost_client_add_policy(rig.client, &policy.policy), LLMCOST_OK);
    rig_close(&rig);
}

static void test_hooks_come_before_the_first_call(void **unused)
{
    (void)unused;
    engine_rig rig;
    llmcost_response *response;
    llmcost_policy policy = { .struct_size = sizeof policy, .phase = LLMCOST_PHASE_SHAPE, .name = "late" };
    llmcost_cache_store store = { .struct_size = sizeof store };
    rig_open(&rig, CONFIG);
    assert_int_equal(llmcost_client_set_cache_store(rig.client, &store), LLMCOST_E_MISUSE); /* no functions */
    policy.phase = LLMCOST_PHASE_WIRE;
    assert_int_equal(llmcost_client_add_policy(rig.client, &policy), LLMCOST_E_MISUSE);
    policy.phase = LLMCOST_PHASE_SHAPE;
    policy.name = NULL;
    assert_int_equal(llmcost_client_add_policy(rig.client, &policy), LLMCOST_E_MISUSE);
    policy.name = "late";
    int added = 0;
    while (added < LLMC_MAX_POLICIES && llmcost_client_add_policy(rig.client, &policy) == LLMCOST_OK)
        added++;
    assert_int_equal(added, 24); /* then it is full */
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    assert_int_equal(llmcost_ask(rig.client, "openai/gpt-4o", "hello", &response), LLMCOST_OK);
    llmcost_response_free(response);
    assert_int_equal(llmcost_client_on_receipt(rig.client, NULL, NULL), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_client_on_alert(rig.client, NULL, NULL), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_client_add_policy(rig.client, &policy), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_client_set_cache_store(rig.client, &store), LLMCOST_E_MISUSE);
    rig_close(&rig);
}

/* ---- closing while others are inside ---- */

typedef struct caller {
    engine_rig *rig;
    llmcost_status status;
    bool has_response;
} caller;

static void *call_silence(void *user)
{
    caller *self = user;
    rig_request space;
    llmcost_response *response = NULL;
    self->status = llmcost_chat(self->rig->client, rig_ask(&space, "openai/gpt-4o", "hello"), &response);
    self->has_response = response != NULL;
    llmcost_response_free(response);
    return NULL;
}

static size_t active(engine_rig *rig)
{
    pthread_mutex_lock(&rig->network.lock);
    size_t count = rig->network.active;
    pthread_mutex_unlock(&rig->network.lock);
    return count;
}

static void test_closing_cancels_blocking_calls(void **unused)
{
    (void)unused;
    enum { CALLERS = 8 };
    for (int round = 0; round < 20; round++) {
        engine_rig rig;
        caller callers[CALLERS];
        pthread_t threads[CALLERS];
        rig_open(&rig, CONFIG);
        rig.clock.frozen = 1;
        fake_network_add(&rig.network, NULL)->done_ms = FAKE_SILENT;
        for (int i = 0; i < CALLERS; i++) {
            callers[i] = (caller){ .rig = &rig };
            pthread_create(&threads[i], NULL, call_silence, &callers[i]);
        }
        while (active(&rig) < CALLERS) /* all are inside: entering a client that is gone already is nobody's right */
            sched_yield();
        assert_int_equal(llmcost_client_close(rig.client), LLMCOST_OK);
        for (int i = 0; i < CALLERS; i++) {
            pthread_join(threads[i], NULL);
            assert_int_equal(callers[i].status, LLMCOST_E_CANCELLED);
            assert_true(callers[i].has_response);
        }
        assert_int_equal(rig.network.active, 0);
        assert_int_equal(rig.memory.blocks, 0);
        fake_network_free(&rig.network);
    }
}

/* The flag of the closing is up and memory still there: who comes then is told so, who is on his way is cancelled. */
static void test_calls_that_meet_a_closing_client(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_response *response = (llmcost_response *)&rig;
    llmcost_stream *stream;
    llmcost_loop *loop;
    char *text;
    rig_open(&rig, CONFIG);
    rig.client->closing = true;
    assert_int_equal(llmcost_chat(rig.client, rig_ask(&space, "openai/gpt-4o", "hello"), &response), LLMCOST_E_CLOSED);
    assert_null(response);
    assert_int_equal(llmcost_stream_open(rig.client, &space.request, &stream), LLMCOST_E_CLOSED);
    assert_int_equal(llmcost_loop_open(rig.client, &loop), LLMCOST_E_CLOSED);
    assert_int_equal(llmcost_report(rig.client, "json", &text), LLMCOST_E_CLOSED);
    rig.client->closing = false;
    rig_close(&rig);
}

static llmcost_verdict begin_closing(llmcost_leg *leg, void *state, void *user)
{
    (void)leg;
    (void)state;
    (*(llmcost_client **)user)->closing = true;
    return LLMCOST_CONTINUE;
}

static void test_a_call_that_finds_no_driver_any_more(void **unused)
{
    (void)unused;
    engine_rig rig;
    llmcost_response *response;
    rig_open(&rig, CONFIG);
    llmcost_policy policy = { .struct_size = sizeof policy, .phase = LLMCOST_PHASE_SHAPE, .name = "closing", .user = &rig.client, .enter = begin_closing };
    assert_int_equal(llmcost_client_add_policy(rig.client, &policy), LLMCOST_OK);
    assert_int_equal(llmcost_ask(rig.client, "openai/gpt-4o", "hello", &response), LLMCOST_E_CANCELLED);
    llmcost_response_free(response);
    rig.client->closing = false;
    rig_close(&rig);
}

static void *call_and_count(void *user)
{
    engine_rig *rig = user;
    for (int i = 0; i < 200; i++) {
        char question[40];
        llmcost_response *response;
        snprintf(question, sizeof question, "question %d", i % 20);
        if (llmcost_ask(rig->client, "openai/gpt-4o", question, &response) != LLMCOST_OK)
            abort();
        llmcost_response_free(response);
    }
    return NULL;
}

static void ignore_receipt(const llmcost_response *response, void *user)
{
    (void)response;
    (void)user;
}

static void test_many_threads(void **unused)
{
    (void)unused;
    engine_rig rig;
    pthread_t threads[4];
    rig_open(&rig, CONFIG);
    assert_int_equal(llmcost_client_on_receipt(rig.client, ignore_receipt, NULL), LLMCOST_OK);
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, call_and_count, &rig);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(rig_spent(&rig), (int64_t)rig.network.request_count * 75000);
    assert_in_range(rig.network.request_count, 20, 80);
    rig_close(&rig);
}

/* ---- a forked child ---- */

static int child_of(engine_rig *rig, llmcost_loop *loop, llmcost_stream *stream)
{
    llmcost_response *response;
    const llmcost_event *event;
    llmcost_stream *other;
    llmcost_loop *other_loop;
    rig_request space;
    char *text;
    int right = llmcost_ask(rig->client, "openai/gpt-4o", "hello", &response) == LLMCOST_E_MISUSE;
    right += llmcost_stream_open(rig->client, rig_ask(&space, "openai/gpt-4o", "hello"), &other) == LLMCOST_E_MISUSE;
    right += llmcost_stream_next(stream, &event) == LLMCOST_E_MISUSE;
    right += llmcost_stream_finish(stream, &response) == LLMCOST_E_MISUSE;
    right += llmcost_loop_open(rig->client, &other_loop) == LLMCOST_E_MISUSE;
    right += llmcost_loop_poll(loop, 0) == LLMCOST_E_MISUSE;
    right += llmcost_loop_cancel(loop, 1) == LLMCOST_E_MISUSE;
    right += llmcost_loop_close(loop) == LLMCOST_E_MISUSE;
    right += llmcost_report(rig->client, "json", &text) == LLMCOST_E_MISUSE;
    right += llmcost_client_run(rig->client, 0) == LLMCOST_E_MISUSE;
    right += llmcost_client_close(rig->client) == LLMCOST_E_MISUSE;
    right += llmcost_cache_clear(rig->client) == LLMCOST_E_MISUSE;
    llmcost_stream_close(stream);
    return right;
}

/* ---- ids ---- */

enum { ID_THREADS = 6, ID_CALLS = 300, ID_BYTES = 20 };

typedef struct id_caller {
    llmcost_client *client;
    char ids[ID_CALLS][ID_BYTES];
} id_caller;

static void *gather_ids(void *user)
{
    id_caller *self = user;
    for (int i = 0; i < ID_CALLS; i++) {
        llmcost_response *response = NULL;
        llmcost_status status = llmcost_ask(self->client, "nobody/knows", "hello", &response);
        (void)status; /* that of a response, whose id is asked for */
        snprintf(self->ids[i], ID_BYTES, "%s", llmcost_response_id(response));
        llmcost_response_free(response);
    }
    return NULL;
}

static int compare_ids(const void *left, const void *right)
{
    return strcmp(left, right);
}

static void test_no_two_calls_have_the_same_id(void **unused)
{
    (void)unused;
    engine_rig rig;
    static id_caller callers[ID_THREADS];
    static char all[ID_THREADS * ID_CALLS][ID_BYTES];
    pthread_t threads[ID_THREADS];
    rig_open(&rig, CONFIG);
    for (int i = 0; i < ID_THREADS; i++) {
        callers[i].client = rig.client;
        assert_int_equal(pthread_create(&threads[i], NULL, gather_ids, &callers[i]), 0);
    }
    for (int i = 0; i < ID_THREADS; i++) {
        pthread_join(threads[i], NULL);
        memcpy(all[i * ID_CALLS], callers[i].ids, sizeof callers[i].ids);
    }
    qsort(all, ID_THREADS * ID_CALLS, ID_BYTES, compare_ids);
    assert_int_equal(strlen(all[0]), 18);
    for (int i = 1; i < ID_THREADS * ID_CALLS; i++)
        assert_string_not_equal(all[i - 1], all[i]);
    rig_close(&rig);
}

/* Of the thread that opened the client: what is tested with a seed of its own is the same each time. */
static void test_a_seed_gives_the_same_ids(void **unused)
{
    (void)unused;
    static id_caller callers[2];
    for (int i = 0; i < 2; i++) {
        engine_rig rig;
        rig_open(&rig, CONFIG);
        callers[i].client = rig.client;
        gather_ids(&callers[i]);
        rig_close(&rig);
    }
    for (int i = 0; i < ID_CALLS; i++)
        assert_string_equal(callers[0].ids[i], callers[1].ids[i]);
}

static void test_a_forked_child(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_loop *loop;
    llmcost_stream *stream;
    int status;
    rig_open(&rig, CONFIG);
    fake_network_streams(&rig.network, NULL, (const char *const[]){ "a", NULL }, 10, 5);
    assert_int_equal(llmcost_loop_open(rig.client, &loop), LLMCOST_OK);
    assert_int_equal(llmcost_stream_open(rig.client, rig_ask(&space, "openai/gpt-4o", "hello"), &stream), LLMCOST_OK);
    pid_t child = fork();
    if (child == 0)
        _exit(child_of(&rig, loop, stream));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 12);
    llmcost_stream_close(stream); /* the parent's are as they were */
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    rig_close(&rig);
}

static void test_null_everywhere(void **unused)
{
    (void)unused;
    engine_rig rig;
    rig_request space;
    llmcost_response *response;
    llmcost_stream *stream;
    const llmcost_event *event;
    llmcost_loop *loop;
    char *text;
    rig_open(&rig, CONFIG);
    llmcost_request *request = rig_ask(&space, "openai/gpt-4o", "hello");
    assert_int_equal(llmcost_client_open(NULL, CONFIG, NULL), LLMCOST_E_MISUSE);
    llmcost_client *none = rig.client;
    llmcost_error *error = (llmcost_error *)&rig; /* whatever was there */
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    options.error = &error;
    options.log_level = 99;
    assert_int_equal(llmcost_client_open(&none, CONFIG, &options), LLMCOST_E_MISUSE);
    assert_null(none);
    assert_null(error);
    assert_int_equal(llmcost_client_close(NULL), LLMCOST_OK);
    assert_null(llmcost_client_ref(NULL));
    assert_int_equal(llmcost_client_run(NULL, 0), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_chat(NULL, request, &response), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_chat(rig.client, NULL, &response), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_chat(rig.client, request, NULL), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_ask(rig.client, NULL, "x", &response), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_ask(rig.client, "x", NULL, &response), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_chat_json(rig.client, NULL, 0, &response), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_list_models(rig.client, NULL, &response), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_stream_open(rig.client, NULL, &stream), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_stream_open(rig.client, request, NULL), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_stream_next(NULL, &event), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_stream_finish(NULL, &response), LLMCOST_E_MISUSE);
    llmcost_stream_close(NULL);
    assert_int_equal(llmcost_chat_stream(rig.client, request, NULL, NULL, &response), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_loop_open(NULL, &loop), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_loop_open(rig.client, NULL), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_loop_close(NULL), LLMCOST_OK);
    assert_int_equal(llmcost_loop_poll(NULL, 0), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_loop_cancel(NULL, 0), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_loop_pending(NULL), 0);
    assert_int_equal(llmcost_loop_descriptor(NULL), -1);
    assert_int_equal(llmcost_loop_timeout_ms(NULL), -1);
    llmcost_loop_wake(NULL);
    assert_int_equal(llmcost_report(rig.client, NULL, &text), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_report(rig.client, "xml", &text), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_report(rig.client, "json", NULL), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_stats(NULL, &text), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_budgets(NULL, &text), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_budget_correct(rig.client, NULL, NULL, 1), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_budget_correct(rig.client, "nobody", NULL, 1), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_cache_clear(NULL), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_client_add_policy(NULL, NULL), LLMCOST_E_MISUSE);
    assert_int_equal(llmcost_client_add_judge(rig.client, NULL, NULL, NULL), LLMCOST_E_MISUSE);
    llmcost_string_free(NULL);
    llmcost_response_free(NULL);
    llmcost_error_free(NULL);
    llmcost_waker_free(NULL);
    llmcost_waker_fire(NULL, 0);
    llmcost_cache_reply_send(NULL, NULL, 0);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_an_open_loop_or_stream_keeps_it_open),
        cmocka_unit_test(test_closing_inside_a_callback),
        cmocka_unit_test(test_a_store_of_another_size),
        cmocka_unit_test(test_descriptors_of_a_newer_version),
        cmocka_unit_test(test_hooks_come_before_the_first_call),
        cmocka_unit_test(test_closing_cancels_blocking_calls),
        cmocka_unit_test(test_calls_that_meet_a_closing_client),
        cmocka_unit_test(test_a_call_that_finds_no_driver_any_more),
        cmocka_unit_test(test_many_threads),
        cmocka_unit_test(test_no_two_calls_have_the_same_id),
        cmocka_unit_test(test_a_seed_gives_the_same_ids),
        cmocka_unit_test(test_a_forked_child),
        cmocka_unit_test(test_null_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
