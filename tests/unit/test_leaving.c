/*
 * Another thread closes the client at the very moment in which its last stream or loop has given the driver back. The
 * pool's lock is watched for that: unlocking is this program's own function here. Memory given back is overwritten, so
 * that whoever still looks at the client falls.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/engine_rig.h"
#include "call/call.h"

#include <dlfcn.h>
#include <malloc.h>

#define CONFIG(members) "{" members "\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0,\"on_abort\":\"drain\"}}}"

static engine_rig rig;
static pthread_mutex_t *watched; /* closes when this one is unlocked and nothing is out any more */
static llmcost_status closed;

static void *close_client(void *unused)
{
    (void)unused;
    closed = llmcost_client_close(rig.client);
    return NULL;
}

__attribute__((visibility("default"))) int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    int (*real)(pthread_mutex_t *);
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_mutex_unlock");
    bool last = mutex == watched && rig.client->pool.owned == 0;
    if (last)
        watched = NULL;
    int result = real(mutex);
    if (last) {
        pthread_t thread;
        pthread_create(&thread, NULL, close_client, NULL);
        pthread_join(thread, NULL);
    }
    return result;
}

static void *allocate(size_t bytes, void *user)
{
    (void)user;
    return malloc(bytes);
}

static void *reallocate(void *block, size_t bytes, void *user)
{
    (void)user;
    return realloc(block, bytes);
}

static void release(void *block, void *user)
{
    (void)user;
    static void *(*volatile overwrite)(void *, int, size_t) = memset; /* which no compiler sees through */
    if (block)
        overwrite(block, 0xdb, malloc_usable_size(block));
    free(block);
}

static void open_client(const char *config)
{
    static const llmcost_allocator overwriting = { allocate, reallocate, release, NULL };
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    rig_init(&rig);
    options.allocator = &overwriting;
    options.clock = &rig.clock.clock;
    options.transport = &rig.network.transport;
    assert_int_equal(llmcost_client_open(&rig.client, config, &options), LLMCOST_OK);
    closed = LLMCOST_E_MISUSE;
}

static void expect_closed(void)
{
    assert_null(watched);
    assert_int_equal(closed, LLMCOST_OK);
    assert_int_equal(rig.network.active, 0);
    fake_network_free(&rig.network);
}

static llmcost_stream *open_stream(void)
{
    rig_request space;
    llmcost_stream *stream = NULL;
    const llmcost_event *event = NULL;
    fake_network_streams(&rig.network, NULL, (const char *const[]){ "one ", "two", NULL }, 10, 5);
    assert_int_equal(llmcost_stream_open(rig.client, rig_ask(&space, "openai/gpt-4o", "hello"), &stream), LLMCOST_OK);
    assert_int_equal(llmcost_stream_next(stream, &event), LLMCOST_OK);
    return stream;
}

static void test_after_a_stream(void **unused)
{
    (void)unused;
    open_client(CONFIG(""));
    llmcost_stream *stream = open_stream();
    const llmcost_event *event;
    while (llmcost_stream_next(stream, &event) == LLMCOST_OK && event)
        ;
    watched = &rig.client->pool.lock;
    llmcost_stream_close(stream);
    expect_closed();
}

static void drop_response(uint64_t call, llmcost_response *response, void *user)
{
    (void)call;
    (void)user;
    llmcost_response_free(response);
}

static void test_after_a_loop(void **unused)
{
    (void)unused;
    rig_request space;
    llmcost_loop *loop = NULL;
    open_client(CONFIG(""));
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    assert_int_equal(llmcost_loop_open(rig.client, &loop), LLMCOST_OK);
    assert_int_equal(llmcost_loop_submit(loop, rig_ask(&space, "openai/gpt-4o", "hello"), NULL, drop_response, NULL, NULL), LLMCOST_OK);
    while (llmcost_loop_pending(loop))
        assert_int_equal(llmcost_loop_poll(loop, -1), LLMCOST_OK);
    watched = &rig.client->pool.lock;
    assert_int_equal(llmcost_loop_close(loop), LLMCOST_OK);
    expect_closed();
}

/* The stream leaves work behind, for which the client's own thread is to be woken. */
static void test_after_a_stream_that_is_drained(void **unused)
{
    (void)unused;
    open_client(CONFIG("\"background\":true,"));
    llmcost_stream *stream = open_stream();
    watched = &rig.client->pool.lock;
    llmcost_stream_close(stream);
    expect_closed();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_after_a_stream),
        cmocka_unit_test(test_after_a_loop),
        cmocka_unit_test(test_after_a_stream_that_is_drained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
