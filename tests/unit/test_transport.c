/* A network of the host's own: an object for each driver, fed by other threads, and transports of other sizes. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <llmcost/plugin.h>

#define CONFIG "{\"providers\":{\"openai\":{\"key\":\"k\",\"retries\":0}}}"

enum { CALLERS = 4 };

static const char whole_answer[] =
    "{\"id\":\"x\",\"object\":\"chat.completion\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"fed\"},"
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}";

typedef struct host_network {
    atomic_int opened, closed, started, strange;
    bool no_memory;
} host_network;

/* One exchange at a time: all that blocking calls need. Fed by a thread of its own. */
typedef struct host_driver {
    host_network *network;
    llmcost_transport_wake_fn wake;
    void *wake_context;
    pthread_t owner, feeder;
    const llmcost_http_events *events;
    void *context;
    atomic_bool arrived;
    bool feeding;
    llmcost_http_request request; /* what it points to is borrowed until done */
    size_t sum;                   /* of that, as it was when the exchange began */
} host_driver;

static size_t sum_of(const llmcost_http_request *request)
{
    size_t sum = 0;
    for (const char *at = request->url; *at; at++)
        sum = sum * 31 + (unsigned char)*at;
    for (uint32_t i = 0; i < request->header_count; i++)
        for (const char *at = request->headers[i]; *at; at++)
            sum = sum * 31 + (unsigned char)*at;
    for (size_t i = 0; i < request->body_bytes; i++)
        sum = sum * 31 + (unsigned char)request->body[i];
    return sum;
}

static void *feed(void *user)
{
    host_driver *own = user;
    usleep(30000); /* the driver sleeps by now */
    atomic_store(&own->arrived, true);
    own->wake(own->wake_context);
    return NULL;
}

static void *open_driver(void *user, llmcost_transport_wake_fn wake, void *wake_context)
{
    host_network *network = user;
    if (network->no_memory)
        return NULL;
    network->opened++;
    host_driver *own = calloc(1, sizeof *own);
    *own = (host_driver){ .network = network, .wake = wake, .wake_context = wake_context };
    wake(wake_context); /* may be early */
    return own;
}

static void close_driver(void *user)
{
    host_driver *own = user;
    own->network->closed++;
    own->network->strange += own->events != NULL;
    if (own->feeding)
        pthread_join(own->feeder, NULL);
    free(own);
}

static llmcost_status start(void *user, const llmcost_http_request *request, const llmcost_http_events *events, void *context, void **transfer)
{
    host_driver *own = user;
    own->network->started++;
    own->network->strange += own->events != NULL || request->struct_size != sizeof *request;
    if (own->feeding)
        pthread_join(own->feeder, NULL);
    own->events = events;
    own->context = context;
    own->request = *request;
    own->sum = sum_of(request);
    own->network->strange += strncmp(request->url, "https://", 8) != 0 || request->header_count < 2 || !request->body_bytes;
    own->owner = pthread_self();
    atomic_store(&own->arrived, false);
    *transfer = own;
    own->feeding = pthread_create(&own->feeder, NULL, feed, own) == 0;
    return own->feeding ? LLMCOST_OK : LLMCOST_E_MEMORY;
}

static void abort_transfer(void *user, void *transfer)
{
    host_driver *own = user;
    own->network->strange += transfer != own;
    own->events = NULL;
}

static int64_t step(void *user, int64_t now_ns)
{
    (void)now_ns;
    host_driver *own = user;
    if (!own->events || !atomic_load(&own->arrived))
        return INT64_MAX;
    const llmcost_http_events *events = own->events;
    own->network->strange += !pthread_equal(own->owner, pthread_self());
    own->events = NULL;
    events->opening(own->context);
    events->connected(own->context);
    events->status(own->context, 200);
    events->header(own->context, "Content-Type", "application/json");
    events->body(own->context, whole_answer, sizeof whole_answer - 1);
    own->network->strange += sum_of(&own->request) != own->sum;
    events->done(own->context, LLMCOST_OK, "");
    return INT64_MAX;
}

static llmcost_transport whole_transport(host_network *network)
{
    return (llmcost_transport){ sizeof(llmcost_transport), 0, network, start, abort_transfer, step, open_driver, close_driver };
}

static llmcost_status open_client(const llmcost_transport *transport, llmcost_client **out)
{
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    options.transport = transport;
    return llmcost_client_open(out, CONFIG, &options);
}

static void *ask_three(void *user)
{
    for (int i = 0; i < 3; i++) {
        llmcost_response *response = NULL;
        if (llmcost_ask(user, "openai/gpt-4o", "hello", &response) || strcmp(llmcost_response_text(response), "fed") != 0)
            abort();
        llmcost_response_free(response);
    }
    return NULL;
}

/* Threads side by side: each driver is stepped by the thread that runs it, when the network says so and not at a time-out. */
static void test_a_driver_each(void **state)
{
    (void)state;
    host_network network = { 0 };
    llmcost_transport transport = whole_transport(&network);
    llmcost_client *client = NULL;
    assert_int_equal(open_client(&transport, &client), LLMCOST_OK);
    memset(&transport, 0, sizeof transport); /* it was copied */
    pthread_t threads[CALLERS];
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_three, client), 0);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(network.started, 3 * CALLERS);
    assert_in_range(network.opened, 1, CALLERS);
    assert_int_equal(network.closed, 0);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
    assert_int_equal(network.closed, network.opened);
    assert_int_equal(network.strange, 0);
}

static void test_no_memory_for_a_driver(void **state)
{
    (void)state;
    host_network network = { .no_memory = true };
    llmcost_transport transport = whole_transport(&network);
    llmcost_client *client = NULL;
    llmcost_response *response = NULL;
    assert_int_equal(open_client(&transport, &client), LLMCOST_OK);
    assert_int_equal(llmcost_ask(client, "openai/gpt-4o", "hello", &response), LLMCOST_E_MEMORY);
    llmcost_response_free(response);
    network.no_memory = false;
    ask_three(client);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
    assert_int_equal(network.closed, 1);
    assert_int_equal(network.strange, 0);
}

/* ---- other sizes ---- */

static int64_t answer_at_once(void *user, int64_t now_ns)
{
    host_driver *own = user;
    atomic_store(&own->arrived, true);
    return step(user, now_ns);
}

static void ignore_wake(void *wake_context)
{
    (void)wake_context;
}

/* One that ends before open: all drivers share its user. */
static void test_a_shorter_transport(void **state)
{
    (void)state;
    host_network network = { 0 };
    host_driver shared = { .network = &network, .wake = ignore_wake };
    enum { SHORT = offsetof(llmcost_transport, open) };
    llmcost_transport *transport = malloc(SHORT);
    llmcost_transport from = { SHORT, 0, &shared, start, abort_transfer, answer_at_once, NULL, NULL };
    memcpy(transport, &from, SHORT);
    llmcost_client *client = NULL;
    assert_int_equal(open_client(transport, &client), LLMCOST_OK);
    free(transport);
    ask_three(client);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
    pthread_join(shared.feeder, NULL);
    assert_int_equal(network.started, 3);
    assert_int_equal(network.strange, 0);
}

static void test_impossible_transports(void **state)
{
    (void)state;
    host_network network = { 0 };
    struct {
        llmcost_transport transport;
        void *more;
    } longer = { whole_transport(&network), &network };
    longer.transport.struct_size = sizeof longer;
    llmcost_transport bad[6];
    for (int i = 0; i < 6; i++)
        bad[i] = whole_transport(&network);
    bad[0].struct_size = 0;
    bad[1].start = NULL;
    bad[2].abort = NULL;
    bad[3].step = NULL;
    bad[4].open = NULL;
    bad[5].close = NULL;
    llmcost_client *client = NULL;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(open_client(&bad[i], &client), LLMCOST_E_MISUSE);
        assert_null(client);
    }
    assert_int_equal(open_client(&longer.transport, &client), LLMCOST_E_MISUSE);
    longer.more = NULL;
    assert_int_equal(open_client(&longer.transport, &client), LLMCOST_OK);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
    assert_int_equal(network.opened, 0); /* no call, no driver */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_driver_each), cmocka_unit_test(test_no_memory_for_a_driver), cmocka_unit_test(test_a_shorter_transport),
        cmocka_unit_test(test_impossible_transports),
    };
    alarm(600);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
