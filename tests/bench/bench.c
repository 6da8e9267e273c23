/*
 * bench: the library against the same work by hand, in one run, alternating.
 *
 *     bench                          the whole table
 *     bench row NAME                 one row of it
 *     bench count NAME ours|raw N    do it N times and end: for counting instructions or system calls from outside
 *     bench tls URL CA_FILE          new TLS connections against a server that closes each
 *
 * BENCH_URL: a loopback provider that runs already (counting needs one that is not counted); else one is forked.
 * Figures are ratios of CPU time (getrusage, this process only): the median of the rounds, so that one disturbance from
 * elsewhere does not decide.
 */
#include "bench.h"

#include "../support/counting_memory.h"

#include <curl/curl.h>
#include <llmcost/mock.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 101 };

static int missed;

/* ---- measuring ---- */

static double cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static double wall_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static long resident_kb(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &pages, &resident) != 2)
        bench_die("/proc/self/statm", "unreadable");
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}

/* ---- the table ---- */

static void line(const char *what, const char *ours, const char *raw, const char *ratio, const char *gate, bool met)
{
    missed += !met;
    printf("%-44s %12s %12s %8s %12s  %s\n", what, ours, raw, ratio, gate, met ? "pass" : "MISS");
    fflush(stdout);
}

static void ratio_line(const char *what, double ours_us, double raw_us, double ratio, double gate)
{
    char ours[32], raw[32], figure[32], limit[32];
    snprintf(ours, sizeof ours, "%.3f us", ours_us);
    snprintf(raw, sizeof raw, "%.3f us", raw_us);
    snprintf(figure, sizeof figure, "%.2f", ratio);
    snprintf(limit, sizeof limit, "<= %.2f", gate);
    line(what, ours, raw, figure, limit, ratio <= gate);
}

static void figure_line(const char *what, double figure, const char *unit, double gate, bool at_least)
{
    char ours[32], limit[32];
    snprintf(ours, sizeof ours, "%.4g %s", figure, unit);
    snprintf(limit, sizeof limit, "%s %.4g %s", at_least ? ">=" : "<=", gate, unit);
    line(what, ours, "-", "-", limit, at_least ? figure >= gate : figure <= gate);
}

static void run_pair(const bench_pair *pair, const char *url)
{
    double ours[ROUNDS], raw[ROUNDS], ratios[ROUNDS];
    pair->open(url);
    pair->ours(pair->per_round);
    pair->raw(pair->per_round);
    for (int i = 0; i < ROUNDS; i++) {
        double start = cpu_us();
        pair->ours(pair->per_round);
        double middle = cpu_us();
        pair->raw(pair->per_round);
        ours[i] = (middle - start) / (double)pair->per_round;
        raw[i] = (cpu_us() - middle) / (double)pair->per_round;
        ratios[i] = ours[i] / raw[i];
    }
    pair->close();
    ratio_line(pair->what, median(ours, ROUNDS), median(raw, ROUNDS), median(ratios, ROUNDS), pair->gate);
}

/* ---- what is no pair ---- */

static void opening(const char *url)
{
    enum { TIMES = 21 };
    double times[TIMES];
    counting_memory memory;
    counting_memory_init(&memory);
    llmcost_client_close(bench_client(url, NULL, &memory.allocator));
    long most = 0;
    for (int i = 0; i < TIMES; i++) {
        double start = wall_us();
        llmcost_client *client = bench_client(url, NULL, &memory.allocator);
        times[i] = wall_us() - start;
        most = memory.bytes > most ? memory.bytes : most;
        llmcost_client_close(client);
    }
    figure_line("opening a client", median(times, TIMES) / 1000, "ms", 1, false);
    figure_line("opening a client, memory of ours", (double)most / 1024, "KB", 64, false);
}

static void connections(void)
{
    llmcost_mock *mock = NULL;
    char script[BENCH_ANSWER_BYTES + 200], text[BENCH_ANSWER_BYTES + 1];
    bench_text(text, BENCH_ANSWER_BYTES, 1);
    snprintf(script, sizeof script, "{\"validate\":false,\"default\":{\"reply\":{\"text\":\"%s\",\"usage\":{\"prompt\":200,\"completion\":100}}}}", text);
    if (llmcost_mock_start(&mock, script, NULL) != LLMCOST_OK)
        bench_die("the loopback provider", "not started");
    bench_ours_open(llmcost_mock_url(mock), 1024);
    bench_ours_calls(1000);
    figure_line("1,000 sequential calls, connections", (double)llmcost_mock_connection_count(mock), "", 1, false);
    bench_ours_close();
    llmcost_mock_stop(mock);
}

static void growth(const char *url)
{
    bench_ours_open(url, 1024);
    bench_ours_calls(5000); /* the cache is full: its limit is a megabyte */
    bench_ours_hits(1000);
    long before = resident_kb();
    bench_ours_hits(1000000);
    figure_line("memory growth, 1,000,000 cached calls", (double)(resident_kb() - before), "KB", 64, false);
    before = resident_kb();
    bench_ours_calls(100000);
    figure_line("memory growth, 100,000 uncached calls", (double)(resident_kb() - before), "KB", 64, false);
    bench_ours_close();
}

/* Each thread asks a question of its own: two threads that fight for one entry's counter measure the machine's bus. */
typedef struct asker {
    llmcost_client *client;
    uint64_t number;
    size_t times;
} asker;

static void *hits_in_thread(void *user)
{
    const asker *who = user;
    char question[1025];
    llmcost_message message = { .role = LLMCOST_USER, .text = question, .text_bytes = 1024 };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    bench_text(question, 1024, who->number);
    request.model = "openai/gpt-4o-mini";
    request.messages = &message;
    request.message_count = 1;
    for (size_t i = 0; i < who->times; i++) {
        llmcost_response *response = NULL;
        if (llmcost_chat(who->client, &request, &response) != LLMCOST_OK)
            bench_die("a hit", "failed");
        llmcost_response_free(response);
    }
    return NULL;
}

static double throughput(llmcost_client *client, int threads, size_t each)
{
    pthread_t ids[2];
    asker who[2] = { { client, 1, each }, { client, 2, each } };
    double start = wall_us();
    for (int i = 0; i < threads; i++)
        pthread_create(&ids[i], NULL, hits_in_thread, &who[i]);
    for (int i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    return (double)threads * (double)each / (wall_us() - start);
}

/* The best of several: a machine with two cores is rarely left alone. */
static void two_threads(const char *url)
{
    double best = 0, ratio;
    bench_cache = "64MB";
    llmcost_client *client = bench_client(url, NULL, NULL);
    throughput(client, 2, 1);
    for (int i = 0; i < 9; i++) {
        double one = throughput(client, 1, 100000);
        ratio = throughput(client, 2, 100000) / one;
        best = ratio > best ? ratio : best;
    }
    figure_line("exact hits, two threads / one", best, "x", 1.6, true);
    llmcost_client_close(client);
    bench_cache = "1MB";
}

static void waited(uint64_t call, llmcost_response *response, void *user)
{
    (void)call;
    ++*(int *)user;
    llmcost_response_free(response);
}

/* 64 calls wait for a server that is silent; half a second of that is watched. */
static void waiting(void)
{
    llmcost_mock *mock = NULL;
    llmcost_mock_options options = LLMCOST_MOCK_OPTIONS_INIT;
    options.in_child_process = 1;
    if (llmcost_mock_start(&mock, "{\"default\":{\"delay_ms\":1500,\"reply\":{\"text\":\"late\"}}}", &options) != LLMCOST_OK)
        bench_die("the loopback provider", "not started");
    llmcost_client *client = bench_client(llmcost_mock_url(mock), NULL, NULL);
    llmcost_loop *loop = NULL;
    if (llmcost_loop_open(client, &loop) != LLMCOST_OK)
        bench_die("llmcost_loop_open", "failed");
    int done = 0;
    for (int i = 0; i < BENCH_IN_FLIGHT; i++) {
        char question[40];
        llmcost_message message = { .role = LLMCOST_USER, .text = question };
        llmcost_request request = LLMCOST_REQUEST_INIT;
        snprintf(question, sizeof question, "%d", i);
        request.model = "openai/gpt-4o-mini";
        request.messages = &message;
        request.message_count = 1;
        if (llmcost_loop_submit(loop, &request, NULL, waited, &done, NULL) != LLMCOST_OK)
            bench_die("llmcost_loop_submit", "failed");
    }
    for (double until = wall_us() + 500000; wall_us() < until;)
        llmcost_loop_poll(loop, 50);
    double start = cpu_us(), until = wall_us() + 500000;
    while (wall_us() < until)
        llmcost_loop_poll(loop, (int32_t)((until - wall_us()) / 1000) + 1);
    figure_line("64 calls waiting, CPU of half a second", (cpu_us() - start) / 1000, "ms", 1, false);
    while (llmcost_loop_pending(loop))
        llmcost_loop_poll(loop, -1);
    if (done != BENCH_IN_FLIGHT)
        bench_die("waiting calls", "not all came back");
    llmcost_loop_close(loop);
    llmcost_client_close(client);
    llmcost_mock_stop(mock);
}

/* ---- TLS ---- */

static void tls_ours(llmcost_client *client, size_t n)
{
    while (n--) {
        llmcost_response *response = NULL;
        llmcost_message message = { .role = LLMCOST_USER, .text = "Hello" };
        llmcost_request request = LLMCOST_REQUEST_INIT;
        request.model = "openai/gpt-4o-mini";
        request.messages = &message;
        request.message_count = 1;
        request.cache = LLMCOST_CACHE_OFF;
        if (llmcost_chat(client, &request, &response) != LLMCOST_OK)
            bench_die("a call over TLS", response ? llmcost_error_message(llmcost_response_error(response)) : "memory");
        llmcost_response_free(response);
    }
}

static int tls(const char *url, const char *ca_file)
{
    enum { TLS_ROUNDS = 9, TLS_CALLS = 20 };
    double ours[TLS_ROUNDS], raw[TLS_ROUNDS], ratios[TLS_ROUNDS];
    llmcost_client *client = bench_client(url, ca_file, NULL);
    bench_raw_open(url, ca_file, 64);
    tls_ours(client, 2);
    bench_raw_calls(2);
    for (int i = 0; i < TLS_ROUNDS; i++) {
        double start = cpu_us();
        tls_ours(client, TLS_CALLS);
        double middle = cpu_us();
        bench_raw_calls(TLS_CALLS);
        ours[i] = (middle - start) / TLS_CALLS;
        raw[i] = (cpu_us() - middle) / TLS_CALLS;
        ratios[i] = ours[i] / raw[i];
    }
    ratio_line("new TLS connection, from the second on", median(ours, TLS_ROUNDS), median(raw, TLS_ROUNDS), median(ratios, TLS_ROUNDS), 1.25);
    bench_raw_close();
    llmcost_client_close(client);
    return missed ? 1 : 0;
}

/* ---- main ---- */

static llmcost_mock *start_server(void)
{
    llmcost_mock *mock = NULL;
    llmcost_mock_options options = LLMCOST_MOCK_OPTIONS_INIT;
    char script[BENCH_ANSWER_BYTES + 200], text[BENCH_ANSWER_BYTES + 1];
    bench_text(text, BENCH_ANSWER_BYTES, 1);
    snprintf(script, sizeof script, "{\"validate\":false,\"default\":{\"reply\":{\"text\":\"%s\",\"usage\":{\"prompt\":200,\"completion\":100}}}}", text);
    options.in_child_process = 1;
    options.record_requests = -1;
    if (llmcost_mock_start(&mock, script, &options) != LLMCOST_OK)
        bench_die("the loopback provider", "not started");
    return mock;
}

static const bench_pair *find_pair(const char *name)
{
    for (size_t i = 0; i < bench_pair_count; i++) {
        if (strcmp(bench_pairs[i].name, name) == 0)
            return &bench_pairs[i];
    }
    bench_die(name, "no such work");
}

static int count(const char *name, const char *side, size_t n, const char *url)
{
    const bench_pair *pair = find_pair(name);
    pair->open(url);
    (strcmp(side, "raw") == 0 ? pair->raw : pair->ours)(n);
    pair->close();
    return 0;
}

static int one_row(const char *name, const char *url)
{
    run_pair(find_pair(name), url);
    return missed ? 1 : 0;
}

static int whole_table(const char *url)
{
    printf("%-44s %12s %12s %8s %12s\n", "what", "ours", "raw", "ratio", "gate");
    opening(url);
    for (size_t i = 0; i < bench_pair_count; i++)
        run_pair(&bench_pairs[i], url);
    two_threads(url);
    waiting();
    connections();
    growth(url);
    return missed ? 1 : 0;
}

static int work(int argument_count, char **arguments, const char *url)
{
    if (argument_count == 5 && strcmp(arguments[1], "count") == 0)
        return count(arguments[2], arguments[3], strtoul(arguments[4], NULL, 10), url);
    return argument_count == 3 && strcmp(arguments[1], "row") == 0 ? one_row(arguments[2], url) : whole_table(url);
}

int main(int argument_count, char **arguments)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (argument_count == 4 && strcmp(arguments[1], "tls") == 0)
        return tls(arguments[2], arguments[3]);
    const char *url = getenv("BENCH_URL");
    llmcost_mock *mock = url ? NULL : start_server();
    if (mock)
        url = llmcost_mock_url(mock);
    int status = work(argument_count, arguments, url);
    llmcost_mock_stop(mock);
    return status;
}
