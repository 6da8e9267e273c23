/*
 * A name lookup that hangs. getaddrinfo() is this program's own here: for names under ".hangs" it returns only when all
 * tests are over, so that deadline, time-outs, cancelling and closing must return while libcurl's thread is still in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/live.h"

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SLOW_MS = 500, HANGS_S = 300, IN_TIME_S = 60 };

static atomic_int lookups[128], inside, released; /* by the name's first letter: a late one is not taken for another test's */
typedef int (*lookup_fn)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    lookup_fn real;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (!name || (!strstr(name, ".slow") && !strstr(name, ".hangs")))
        return real(name, service, hints, out);
    atomic_fetch_add(&inside, 1);
    atomic_fetch_add(&lookups[name[0] & 127], 1);
    double until = seconds_now() + (strstr(name, ".slow") ? SLOW_MS / 1000.0 : HANGS_S);
    while (seconds_now() < until && (strstr(name, ".slow") || !atomic_load(&released)))
        usleep(2000);
    atomic_fetch_sub(&inside, 1);
    return strstr(name, "found") ? real("127.0.0.1", service, hints, out) : EAI_NONAME;
}

/* ---- clients ---- */

static llmcost_client *client_of(const char *host, const char *members, counting_memory *memory)
{
    char config[400];
    llmcost_client *client = NULL;
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    counting_memory_init(memory);
    options.allocator = &memory->allocator;
    snprintf(config, sizeof config, "{\"providers\":{\"openai\":{\"base_url\":\"http://%s/v1\",\"key\":\"" OPENAI_KEY "\",\"proxy\":\"\",\"retries\":0,\"send_key_over_plain_http\":true%s}}}", host, members);
    assert_int_equal(llmcost_client_open(&client, config, &options), LLMCOST_OK);
    return client;
}

static void close_in_time(llmcost_client *client, counting_memory *memory)
{
    double began = seconds_now();
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
    assert_true(seconds_now() - began < IN_TIME_S);
    assert_int_equal((long)memory->blocks, 0);
}

/* libcurl's threads begin when the machine lets them. */
static void wait_for_lookups(char name, int wanted)
{
    for (double until = seconds_now() + IN_TIME_S; atomic_load(&lookups[(int)name]) < wanted && seconds_now() < until;)
        usleep(1000);
    assert_int_equal(atomic_load(&lookups[(int)name]), wanted);
}

static void expect_in_time(llmcost_client *client, char name, int32_t deadline_ms, llmcost_status wanted)
{
    llmcost_response *response = NULL;
    llmcost_message message = live_user("hello");
    llmcost_request request = live_request(OPENAI_MODEL, &message);
    request.deadline_ms = deadline_ms;
    double began = seconds_now();
    int before = atomic_load(&lookups[(int)name]);
    assert_int_equal(llmcost_chat(client, &request, &response), wanted);
    assert_true(seconds_now() - began < IN_TIME_S);
    wait_for_lookups(name, before + 1);
    assert_true(atomic_load(&inside) > 0);
    assert_int_equal(llmcost_response_cost_nano(response), 0);
    assert_no_secret_in(response);
    llmcost_response_free(response);
}

/* ---- the tests ---- */

static void a_deadline_holds(void **state)
{
    (void)state;
    counting_memory memory;
    llmcost_client *client = client_of("a.hangs", "", &memory);
    for (int i = 0; i < 2; i++)
        expect_in_time(client, 'a', 1500, LLMCOST_E_DEADLINE);
    close_in_time(client, &memory);
}

static void a_connect_timeout_holds(void **state)
{
    (void)state;
    counting_memory memory;
    llmcost_client *client = client_of("b.hangs", ",\"connect_ms\":1500", &memory);
    for (int i = 0; i < 2; i++)
        expect_in_time(client, 'b', 0, LLMCOST_E_CONNECT_TIMEOUT);
    close_in_time(client, &memory);
}

static void take_cancelled(uint64_t call, llmcost_response *response, void *user)
{
    (void)call;
    assert_int_equal(llmcost_response_status(response), LLMCOST_E_CANCELLED);
    ++*(int *)user;
    llmcost_response_free(response);
}

static void cancelling_on_a_loop(void **state)
{
    (void)state;
    counting_memory memory;
    llmcost_client *client = client_of("c.hangs", "", &memory);
    llmcost_loop *loop = NULL;
    llmcost_message message = live_user("hello");
    llmcost_request request = live_request(OPENAI_MODEL, &message);
    uint64_t call;
    int cancelled = 0;
    assert_int_equal(llmcost_loop_open(client, &loop), LLMCOST_OK);
    for (int i = 0; i < 2; i++) {
        double began = seconds_now();
        int before = atomic_load(&lookups['c']);
        assert_int_equal(llmcost_loop_submit(loop, &request, NULL, take_cancelled, &cancelled, &call), LLMCOST_OK);
        while (atomic_load(&lookups['c']) == before && seconds_now() - began < IN_TIME_S)
            assert_int_equal(llmcost_loop_poll(loop, 10), LLMCOST_OK);
        assert_int_equal(llmcost_loop_cancel(loop, call), LLMCOST_OK);
        while (cancelled == i)
            assert_int_equal(llmcost_loop_poll(loop, 1000), LLMCOST_OK);
        assert_true(seconds_now() - began < IN_TIME_S);
    }
    /* Closing the loop over a third one. */
    assert_int_equal(llmcost_loop_submit(loop, &request, NULL, take_cancelled, &cancelled, &call), LLMCOST_OK);
    assert_int_equal(llmcost_loop_poll(loop, 50), LLMCOST_OK);
    double began = seconds_now();
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    assert_true(seconds_now() - began < IN_TIME_S);
    assert_int_equal(cancelled, 3);
    close_in_time(client, &memory);
}

static void closing_a_stream(void **state)
{
    (void)state;
    counting_memory memory;
    llmcost_client *client = client_of("d.hangs", "", &memory);
    llmcost_stream *stream = NULL;
    llmcost_message message = live_user("hello");
    llmcost_request request = live_request(OPENAI_MODEL, &message);
    double began = seconds_now();
    assert_int_equal(llmcost_stream_open(client, &request, &stream), LLMCOST_OK);
    llmcost_stream_close(stream);
    assert_true(seconds_now() - began < IN_TIME_S);
    close_in_time(client, &memory);
}

/* Another thread waits in a blocking call while the client closes. */
static void *ask_blocking(void *user)
{
    llmcost_response *response = NULL;
    llmcost_status status = llmcost_ask(user, OPENAI_MODEL, "hello", &response);
    llmcost_response_free(response);
    return (void *)(intptr_t)status;
}

static void closing_under_a_blocking_call(void **state)
{
    (void)state;
    counting_memory memory;
    pthread_t thread;
    void *status = NULL;
    llmcost_client *client = client_of("e.hangs", "", &memory);
    assert_int_equal(pthread_create(&thread, NULL, ask_blocking, client), 0);
    wait_for_lookups('e', 1);
    double began = seconds_now();
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
    assert_true(seconds_now() - began < IN_TIME_S);
    pthread_join(thread, &status);
    assert_int_equal((intptr_t)status, LLMCOST_E_CANCELLED);
    assert_int_equal((long)memory.blocks, 0);
}

/* Many hang at once; none of them delays the others. */
static void many_slow_lookups(void **state)
{
    (void)state;
    counting_memory memory;
    llmcost_client *client = client_of("f.hangs", "", &memory);
    llmcost_loop *loop = NULL;
    int cancelled = 0;
    assert_int_equal(llmcost_loop_open(client, &loop), LLMCOST_OK);
    llmcost_message message = live_user("hello");
    llmcost_request request = live_request(OPENAI_MODEL, &message);
    for (int i = 0; i < 30; i++)
        assert_int_equal(llmcost_loop_submit(loop, &request, NULL, take_cancelled, &cancelled, NULL), LLMCOST_OK);
    for (int i = 0; i < 20; i++)
        assert_int_equal(llmcost_loop_poll(loop, 5), LLMCOST_OK);
    double began = seconds_now();
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    assert_true(seconds_now() - began < IN_TIME_S);
    assert_int_equal(cancelled, 30);
    close_in_time(client, &memory);
}

static void an_unknown_name_is_e_name(void **state)
{
    (void)state;
    counting_memory memory;
    llmcost_response *response = NULL;
    llmcost_client *client = client_of("nowhere.slow", "", &memory);
    assert_int_equal(llmcost_ask(client, OPENAI_MODEL, "hello", &response), LLMCOST_E_NAME);
    assert_non_null(strstr(llmcost_error_message(llmcost_response_error(response)), "nowhere.slow"));
    llmcost_response_free(response);
    close_in_time(client, &memory);
}

/* A slow lookup that ends well is only slow. */
static void patience_is_rewarded(void **state)
{
    (void)state;
    counting_memory memory;
    llmcost_mock *mock = NULL;
    llmcost_response *response = NULL;
    char host[100];
    assert_int_equal(llmcost_mock_start(&mock, NULL, NULL), LLMCOST_OK);
    snprintf(host, sizeof host, "found.slow:%d", llmcost_mock_port(mock));
    llmcost_client *client = client_of(host, "", &memory);
    double began = seconds_now();
    assert_int_equal(llmcost_ask(client, OPENAI_MODEL, "hello", &response), LLMCOST_OK);
    assert_true(seconds_now() - began >= SLOW_MS / 1000.0 - 0.01);
    llmcost_response_free(response);
    close_in_time(client, &memory);
    llmcost_mock_stop(mock);
}

static int threads_of_ours(void)
{
    char line[200];
    int count = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        sscanf(line, "Threads: %d", &count);
    if (file)
        fclose(file);
    return count;
}

static int threads_at_first;

static int count_threads(void **state)
{
    (void)state;
    threads_at_first = threads_of_ours();
    return 0;
}

/* libcurl's threads leave, and give back what they hold, before the program ends. */
static int let_lookups_end(void **state)
{
    (void)state;
    atomic_store(&released, 1);
    for (double until = seconds_now() + IN_TIME_S; (atomic_load(&inside) || threads_of_ours() > threads_at_first) && seconds_now() < until;)
        usleep(5000);
    return atomic_load(&inside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_holds), cmocka_unit_test(a_connect_timeout_holds), cmocka_unit_test(cancelling_on_a_loop), cmocka_unit_test(closing_a_stream),
        cmocka_unit_test(closing_under_a_blocking_call), cmocka_unit_test(many_slow_lookups), cmocka_unit_test(an_unknown_name_is_e_name),
        cmocka_unit_test(patience_is_rewarded),
    };
    alarm(600);
    return cmocka_run_group_tests(tests, count_threads, let_lookups_end);
}
