/* Ten thousand calls in flight on one loop in one thread, the provider in another process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/http_call.h"
#include "../support/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CALLS = 10000, DELAY_MS = 6000, SPARE_DESCRIPTORS = 200 };

typedef struct many {
    llmcost_mock *mock;
    llmcost_client *client;
    llmcost_loop *loop;
    counting_memory memory;
    unsigned char done[CALLS];
    int completions, failures;
    double first_done;
} many;

typedef struct slot {
    many *all;
    int index;
} slot;

static many all;
static slot slots[CALLS];

static void call_done(uint64_t call, llmcost_response *response, void *user)
{
    (void)call;
    slot *own = user;
    if (!all.completions++)
        all.first_done = seconds_now();
    all.done[own->index]++;
    if (llmcost_response_status(response) || strcmp(llmcost_response_text(response), "hello") != 0)
        all.failures++;
    llmcost_response_free(response);
}

static int raise_descriptors(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= CALLS + SPARE_DESCRIPTORS;
}

static long requests_so_far(void)
{
    http_reply reply = http_call(NULL, llmcost_mock_url(all.mock), "/mock/stats", NULL, NULL);
    const char *at = strstr(reply.body, "\"requests\":");
    long count = at ? atol(at + 11) : -1;
    http_reply_free(&reply);
    return count;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void open_all(int delay_ms)
{
    char script[100], config[400];
    llmcost_mock_options options = LLMCOST_MOCK_OPTIONS_INIT;
    options.in_child_process = 1;
    snprintf(script, sizeof script, "{\"default\":{\"reply\":{\"text\":\"hello\"},\"delay_ms\":%d}}", delay_ms);
    assert_int_equal(llmcost_mock_start(&all.mock, script, &options), LLMCOST_OK);
    snprintf(config, sizeof config, "{\"providers\":{\"openai\":{\"base_url\":\"%s/v1\",\"key\":\"k-123456\",\"proxy\":\"\",\"retries\":0,\"max_connections\":0,\"connect_ms\":60000}}}", llmcost_mock_url(all.mock));
    counting_memory_init(&all.memory);
    llmcost_options client_options = LLMCOST_OPTIONS_INIT;
    client_options.allocator = &all.memory.allocator;
    assert_int_equal(llmcost_client_open(&all.client, config, &client_options), LLMCOST_OK);
    assert_int_equal(llmcost_loop_open(all.client, &all.loop), LLMCOST_OK);
}

static void submit_all(void)
{
    llmcost_message message = live_user("hello");
    llmcost_request request = live_request(OPENAI_MODEL, &message);
    for (int i = 0; i < CALLS; i++) {
        slots[i] = (slot){ &all, i };
        assert_int_equal(llmcost_loop_submit(all.loop, &request, NULL, call_done, &slots[i], NULL), LLMCOST_OK);
    }
}

static void rest_a_second(void)
{
    double cpu = cpu_seconds(), until = seconds_now() + 1;
    while (seconds_now() < until)
        assert_int_equal(llmcost_loop_poll(all.loop, 1000), LLMCOST_OK);
    cpu = cpu_seconds() - cpu;
    print_message("%d calls in flight: %.4f s of processor time in an idle second, %ld bytes of ours a call\n", CALLS, cpu, (long)all.memory.bytes / CALLS);
    if (all.completions == 0) /* else the second was not idle */
        assert_true(cpu < 0.1);
}

static void all_complete_exactly_once(void **state)
{
    (void)state;
    if (!raise_descriptors()) {
        print_message("skipped: fewer than %d descriptors are allowed\n", CALLS + SPARE_DESCRIPTORS);
        skip();
    }
    double began = seconds_now();
    open_all(DELAY_MS);
    submit_all();
    while (requests_so_far() < CALLS && all.completions == 0) {
        for (int i = 0; i < 100; i++)
            assert_int_equal(llmcost_loop_poll(all.loop, 5), LLMCOST_OK);
    }
    double sent = seconds_now();
    print_message("%d requests sent after %.2f s\n", CALLS, sent - began);
    if (sent - began < DELAY_MS / 1000.0 - 1.5) /* a slow build is answered before it may rest */
        rest_a_second();
    while (llmcost_loop_pending(all.loop) > 0)
        assert_int_equal(llmcost_loop_poll(all.loop, 1000), LLMCOST_OK);
    print_message("all answered after %.2f s\n", seconds_now() - began);
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(all.done[i], 1);
    assert_int_equal(all.completions, CALLS);
    assert_int_equal(all.failures, 0);
    assert_true(seconds_now() - began < 240);
    assert_int_equal(llmcost_loop_close(all.loop), LLMCOST_OK);
    assert_int_equal(llmcost_client_close(all.client), LLMCOST_OK);
    llmcost_mock_stop(all.mock);
    assert_int_equal((long)all.memory.blocks, 0);
}

/* Closing with everything still in flight completes everything. */
static void closing_completes_all(void **state)
{
    (void)state;
    if (!raise_descriptors())
        skip();
    memset(&all, 0, sizeof all);
    open_all(600000);
    submit_all();
    for (int i = 0; i < 50; i++)
        assert_int_equal(llmcost_loop_poll(all.loop, 1), LLMCOST_OK);
    double began = seconds_now();
    assert_int_equal(llmcost_loop_close(all.loop), LLMCOST_OK);
    assert_true(seconds_now() - began < 120);
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(all.done[i], 1);
    assert_int_equal(all.failures, CALLS);
    assert_int_equal(llmcost_client_close(all.client), LLMCOST_OK);
    llmcost_mock_stop(all.mock);
    assert_int_equal((long)all.memory.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(all_complete_exactly_once), cmocka_unit_test(closing_completes_all) };
    alarm(600);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
