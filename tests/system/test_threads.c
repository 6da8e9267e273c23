/*
 * Sixteen threads on one client and one budget over real sockets: blocking calls, streams and cached hits. Admission is
 * never over the limit, whenever one looks; the report and the budget add up to what the responses said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/live.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 16, CALLS = 60 };

/* gpt-4o-mini: 5 tokens in and 100 out cost 60,750 nano-dollars. */
enum { COST_NANO = 5 * 150 + 100 * 600 };
static const char script[] = "{\"default\":{\"reply\":{\"text\":\"an answer of some length\",\"usage\":{\"prompt\":5,\"completion\":100}},\"chunk_bytes\":6,\"delay_ms\":2}}";

typedef struct worker {
    live *all;
    int index;
    long answered, refused, cached, other;
    int64_t cost;
} worker;

static atomic_int watching, overdrawn;

static void take(worker *own, llmcost_status status, llmcost_response *response)
{
    own->answered += status == LLMCOST_OK;
    own->refused += status == LLMCOST_E_BUDGET;
    own->other += status != LLMCOST_OK && status != LLMCOST_E_BUDGET;
    own->cached += llmcost_response_from_cache(response);
    own->cost += llmcost_response_cost_nano(response);
    llmcost_response_free(response);
}

static int ignore_event(const llmcost_event *event, void *user)
{
    (void)event;
    (void)user;
    return 0;
}

static void *work(void *user)
{
    worker *own = user;
    const llmcost_tag tag = { "team", "a" };
    for (int i = 0; i < CALLS; i++) {
        char question[64];
        llmcost_response *response = NULL;
        snprintf(question, sizeof question, i % 3 == 2 ? "always the same" : "question %d of %d", i, own->index);
        llmcost_message message = live_user(question);
        llmcost_request request = live_request(OPENAI_MODEL, &message);
        request.tags = &tag;
        request.tag_count = 1;
        request.has_temperature = 1; /* 0: may be cached */
        llmcost_status status = (i + own->index) % 2 ? llmcost_chat(own->all->client, &request, &response)
                                                     : llmcost_chat_stream(own->all->client, &request, ignore_event, NULL, &response);
        take(own, status, response);
    }
    return NULL;
}

static int64_t number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value))
        fail_msg("no number %s", name);
    return json_integer_value(value);
}

static json_t *parsed(char *text)
{
    json_t *value = json_loads(text, 0, NULL);
    assert_non_null(value);
    llmcost_string_free(text);
    return value;
}

static void check_admission(live *all)
{
    char *text = NULL;
    assert_int_equal(llmcost_budgets(all->client, &text), LLMCOST_OK);
    json_t *budgets = parsed(text), *account = json_array_get(budgets, 0);
    int64_t spent = number(account, "spent_nano"), held = number(account, "held_nano"), limit = number(account, "limit_nano");
    if (spent + held > limit && !atomic_exchange(&overdrawn, 1)) /* not a thread to fail in */
        print_error("spent %lld and held %lld of %lld\n", (long long)spent, (long long)held, (long long)limit);
    json_decref(budgets);
}

static void *watch(void *user)
{
    while (atomic_load(&watching)) {
        char *text = NULL;
        check_admission(user);
        if (llmcost_report(((live *)user)->client, "json", &text) == LLMCOST_OK)
            llmcost_string_free(text);
        if (llmcost_stats(((live *)user)->client, &text) == LLMCOST_OK)
            llmcost_string_free(text);
        usleep(2000);
    }
    return NULL;
}

static void run_threads(live *all, worker *sum)
{
    pthread_t threads[THREADS], watcher;
    worker workers[THREADS];
    memset(sum, 0, sizeof *sum);
    atomic_store(&watching, 1);
    assert_int_equal(pthread_create(&watcher, NULL, watch, all), 0);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){ .all = all, .index = i };
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        sum->answered += workers[i].answered;
        sum->refused += workers[i].refused;
        sum->cached += workers[i].cached;
        sum->other += workers[i].other;
        sum->cost += workers[i].cost;
    }
    atomic_store(&watching, 0);
    pthread_join(watcher, NULL);
    assert_int_equal(atomic_load(&overdrawn), 0);
}

static void check_sums(live *all, const worker *sum)
{
    char *text = NULL;
    assert_int_equal(sum->answered + sum->refused, THREADS * CALLS);
    assert_int_equal(sum->other, 0);
    assert_int_equal(sum->cost, (sum->answered - sum->cached) * COST_NANO);
    assert_int_equal(llmcost_mock_request_count(all->mock), sum->answered - sum->cached);
    assert_int_equal(llmcost_report(all->client, "json", &text), LLMCOST_OK);
    json_t *report = parsed(text), *total = json_object_get(report, "total");
    assert_int_equal(number(total, "cost_nano"), sum->cost);
    assert_int_equal(number(total, "calls"), THREADS * CALLS);
    json_decref(report);
    assert_int_equal(llmcost_budgets(all->client, &text), LLMCOST_OK);
    json_t *budgets = parsed(text), *account = json_array_get(budgets, 0);
    assert_int_equal(number(account, "spent_nano"), sum->cost);
    assert_int_equal(number(account, "held_nano"), 0);
    json_decref(budgets);
    assert_int_equal(atomic_load(&all->receipts), THREADS * CALLS);
}

static void money_enough(void **state)
{
    (void)state;
    live all;
    worker sum;
    live_open(&all, script, NULL, "\"cache\":{\"memory\":{}},\"report\":{\"tags\":[\"team\"]},\"budgets\":[{\"limit\":\"10 USD\",\"where\":{\"team\":\"a\"}}]");
    run_threads(&all, &sum);
    check_sums(&all, &sum);
    assert_int_equal(sum.refused, 0);
    assert_true(sum.cached >= THREADS * CALLS / 3 - 2 * THREADS); /* those that started together may each have asked */
    live_close(&all);
}

/* Money for some 148 calls, wanted by hundreds. The least answer is the longest, so that none is shortened. */
static void money_runs_out(void **state)
{
    (void)state;
    live all;
    worker sum;
    live_open(&all, script, NULL, "\"cache\":{\"memory\":{}},\"budget_wait_ms\":30000,\"min_max_tokens\":100,\"report\":{\"tags\":[\"team\"]},\"budgets\":[{\"limit\":\"0.009 USD\",\"where\":{\"team\":\"a\"}}]");
    run_threads(&all, &sum);
    check_sums(&all, &sum);
    assert_true(sum.refused > 0);
    assert_true(sum.cost <= 9000000);
    assert_true(sum.cost > 9000000 - 2 * COST_NANO); /* and little is left lying */
    live_close(&all);
}

/* ---- closing while sixteen threads wait for answers that never come ---- */

static void *ask_once(void *user)
{
    worker *own = user;
    llmcost_response *response = NULL;
    llmcost_message message = live_user("hello");
    llmcost_request request = live_request(ANTHROPIC_MODEL, &message);
    llmcost_status status = llmcost_chat(own->all->client, &request, &response);
    own->other = status;
    own->cost = llmcost_response_cost_nano(response); /* a response outlives its client */
    llmcost_response_free(response);
    return NULL;
}

static void closing_under_load(void **state)
{
    (void)state;
    live all;
    pthread_t threads[THREADS];
    worker workers[THREADS];
    live_open(&all, "{\"default\":{\"fault\":{\"silent\":true}}}", NULL, NULL);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){ .all = &all, .index = i };
        assert_int_equal(pthread_create(&threads[i], NULL, ask_once, &workers[i]), 0);
    }
    while (llmcost_mock_request_count(all.mock) < THREADS)
        usleep(1000);
    double began = seconds_now();
    assert_int_equal(llmcost_client_close(all.client), LLMCOST_OK);
    assert_true(seconds_now() - began < 60); /* first_byte_ms is longer */
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].other, LLMCOST_E_CANCELLED);
        assert_true(workers[i].cost > 0); /* sent: billed as an estimate */
    }
    llmcost_mock_stop(all.mock);
    assert_int_equal((long)all.memory.blocks, 0);
}

/* ---- one loop, fed and cancelled by many threads ---- */

enum { FEEDERS = 8, FED = 200 };

typedef struct feed {
    llmcost_loop *loop;
    int index, submitted;
    atomic_int done[FED];
    struct fed {
        struct feed *of;
        int call;
    } calls[FED];
} feed;

static void fed_done(uint64_t call, llmcost_response *response, void *user)
{
    (void)call;
    struct fed *own = user;
    atomic_fetch_add(&own->of->done[own->call], 1);
    llmcost_response_free(response);
}

static void *feed_loop(void *user)
{
    feed *own = user;
    llmcost_message message = live_user("hello");
    for (int i = 0; i < FED; i++) {
        llmcost_request request = live_request(i % 2 ? OPENAI_MODEL : ANTHROPIC_MODEL, &message);
        uint64_t call = 0;
        own->calls[i] = (struct fed){ own, i };
        if (llmcost_loop_submit(own->loop, &request, i % 3 ? ignore_event : NULL, fed_done, &own->calls[i], &call) == LLMCOST_OK)
            own->submitted++;
        if (i % 4 == own->index % 4)
            (void)llmcost_loop_cancel(own->loop, call);
        if (i % 16 == 0)
            llmcost_loop_wake(own->loop);
    }
    return NULL;
}

static void a_loop_fed_by_threads(void **state)
{
    (void)state;
    static feed feeds[FEEDERS];
    live all;
    pthread_t threads[FEEDERS];
    llmcost_loop *loop = NULL;
    live_open(&all, "{\"rules\":[{\"times\":32,\"delay_ms\":1000}],\"default\":{\"delay_ms\":1}}", "\"retries\":0,\"max_connections\":32", NULL);
    assert_int_equal(llmcost_loop_open(all.client, &loop), LLMCOST_OK);
    for (int i = 0; i < FEEDERS; i++) {
        memset(&feeds[i], 0, sizeof feeds[i]);
        feeds[i].loop = loop;
        feeds[i].index = i;
        assert_int_equal(pthread_create(&threads[i], NULL, feed_loop, &feeds[i]), 0);
    }
    for (int i = 0; i < 20; i++)
        assert_int_equal(llmcost_loop_poll(loop, 5), LLMCOST_OK);
    for (int i = 0; i < FEEDERS; i++)
        pthread_join(threads[i], NULL);
    while (llmcost_loop_pending(loop) > 0)
        assert_int_equal(llmcost_loop_poll(loop, 1000), LLMCOST_OK);
    for (int i = 0; i < FEEDERS * FED; i++)
        assert_int_equal(atomic_load(&feeds[i / FED].done[i % FED]), 1);
    assert_true(llmcost_mock_connection_count(all.mock) >= 32);
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    live_close(&all);
}

static atomic_bool about_to_run;

static void *run_for_long(void *user)
{
    atomic_store(&about_to_run, true);
    assert_int_equal(llmcost_client_run(user, 600000), LLMCOST_OK);
    return NULL;
}

/* Who runs the client for its abandoned stream leaves when it is to be closed: else the closing would take as long as he may stay. */
static void closing_while_another_runs(void **state)
{
    (void)state;
    static live all;
    char slow[600]; /* four minutes of an answer, a letter every half second */
    snprintf(slow, sizeof slow, "{\"default\":{\"reply\":{\"text\":\"%0480d\"},\"chunk_bytes\":1,\"chunk_delay_ms\":500}}", 7);
    live_open(&all, slow,
              "\"retries\":0,\"on_abort\":\"drain\"", "\"close_ms\":0");
    llmcost_message message = live_user("hello");
    llmcost_request request = live_request(OPENAI_MODEL, &message);
    llmcost_stream *stream;
    const llmcost_event *event;
    pthread_t runner;
    assert_int_equal(llmcost_stream_open(all.client, &request, &stream), LLMCOST_OK);
    assert_int_equal(llmcost_stream_next(stream, &event), LLMCOST_OK);
    llmcost_stream_close(stream);
    assert_int_equal(pthread_create(&runner, NULL, run_for_long, all.client), 0);
    while (!atomic_load(&about_to_run))
        usleep(1000);
    usleep(300000); /* he is inside, and asleep */
    live_close(&all);
    pthread_join(runner, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(money_enough), cmocka_unit_test(money_runs_out), cmocka_unit_test(closing_under_load),
                                       cmocka_unit_test(a_loop_fed_by_threads), cmocka_unit_test(closing_while_another_runs) };
    alarm(600);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
