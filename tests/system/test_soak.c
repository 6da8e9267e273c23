/* Many calls on one client: what it holds does not grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/live.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WARM_UP = 500, UNCACHED = 20000, CACHED = 100000, RSS_GROWTH_BYTES = 8 << 20 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOW 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOW 1
#endif
#endif
#ifndef SLOW
#define SLOW 0
#endif
/* A sanitizer keeps freed memory back and takes its time: fewer calls, and our own count alone. */
static int scaled(int calls)
{
    return SLOW ? calls / 10 : calls;
}

static long resident_bytes(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &pages, &resident), 2);
    fclose(file);
    return resident * sysconf(_SC_PAGESIZE);
}

static void ask(live *all, const char *question, llmcost_cache_use cache, int streams)
{
    llmcost_message message = live_user(question);
    llmcost_request request = live_request(OPENAI_MODEL, &message);
    llmcost_response *response = NULL;
    llmcost_stream *stream = NULL;
    const llmcost_event *event;
    request.has_temperature = 1;
    request.cache = (int32_t)cache;
    if (!streams) {
        assert_int_equal(llmcost_chat(all->client, &request, &response), LLMCOST_OK);
    } else {
        assert_int_equal(llmcost_stream_open(all->client, &request, &stream), LLMCOST_OK);
        while (llmcost_stream_next(stream, &event) == LLMCOST_OK && event)
            continue;
        assert_int_equal(llmcost_stream_finish(stream, &response), LLMCOST_OK);
        llmcost_stream_close(stream);
    }
    llmcost_response_free(response);
}

static void ask_failing(live *all)
{
    llmcost_response *response = NULL;
    assert_int_equal(llmcost_ask(all->client, ANTHROPIC_MODEL, "fail", &response), LLMCOST_E_SERVER);
    llmcost_response_free(response);
}

static void run(live *all, int uncached, int cached)
{
    for (int i = 0; i < uncached; i++) {
        ask(all, "hello", LLMCOST_CACHE_OFF, i % 8 == 7);
        if (i % 10 == 9)
            ask_failing(all);
    }
    for (int i = 0; i < cached; i++)
        ask(all, "the same", LLMCOST_CACHE_DEFAULT, i % 8 == 7);
}

static void nothing_grows(void **state)
{
    (void)state;
    live all;
    live_open(&all, "{\"rules\":[{\"match\":{\"contains\":\"fail\"},\"fault\":{\"status\":500}}],\"default\":{\"reply\":{\"text\":\"an answer\"}}}", NULL,
              "\"breaker\":false,\"cache\":{\"memory\":{}},\"budgets\":[{\"limit\":\"1000 USD\"}]");
    run(&all, WARM_UP, WARM_UP);
    long bytes = all.memory.bytes, blocks = all.memory.blocks, resident = resident_bytes();
    double began = seconds_now();
    run(&all, scaled(UNCACHED), scaled(CACHED));
    double seconds = seconds_now() - began;
    print_message("%d uncached and %d cached calls in %.1f s: %+ld bytes and %+ld blocks of ours, %+ld KiB resident\n", scaled(UNCACHED), scaled(CACHED),
                  seconds, all.memory.bytes - bytes, all.memory.blocks - blocks, (resident_bytes() - resident) / 1024);
    assert_true(all.memory.blocks <= blocks);
    assert_true(all.memory.bytes <= bytes + 64); /* the cached answer's id may have more digits */
    assert_true(SLOW || resident_bytes() - resident < RSS_GROWTH_BYTES);
    assert_int_equal(llmcost_mock_connection_count(all.mock), 1);
    live_close(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_grows) };
    alarm(600);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
