/*
 * A storm over real sockets: targets die, slow down, limit the rate, break off and recover by a seeded schedule while
 * threads call through a route of fallback and split. One target lives all the time, so every call can be answered.
 *
 * The weather changes with the number of calls that are done, not with time; no elapsed time decides anything but the
 * deadlines, which are wide. The figures are printed.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/counting_memory.h"
#include "../support/live.h"

enum { TARGETS = 4, THREADS = 4, PHASES = 12, CALLS_IN_PHASE = 24, CALLS = PHASES * CALLS_IN_PHASE, DEADLINE_MS = 60000 };

#define REPLY "\"reply\":{\"text\":\"It is on its way, says the target that was asked.\",\"usage\":{\"prompt\":20,\"completion\":10}}"

/* What a target may be like; the first two are well enough to answer. */
static const char *const weathers[] = {
    "{\"default\":{" REPLY "}}",
    "{\"default\":{\"delay_ms\":10," REPLY "}}",
    "{\"default\":{\"fault\":{\"reset\":true}}}",
    "{\"default\":{\"fault\":{\"status\":503}}}",
    "{\"default\":{\"fault\":{\"status\":429,\"retry_after\":\"30\"}}}",
    "{\"default\":{\"fault\":{\"silent\":true}}}",
    "{\"default\":{" REPLY ",\"fault\":{\"cut_at\":120}}}",
};
enum { WELL, SLOW, DEAD, WEATHERS = sizeof weathers / sizeof weathers[0] };

/* A breaker that is open: from when it was told until it lets a probe through. */
typedef struct watch {
    bool open;
    uint64_t requests; /* when it opened */
    uint64_t openings, late; /* late: legs that came while it was open */
    uint64_t most_late;
} watch;

typedef struct storm {
    llmcost_mock *mocks[TARGETS];
    llmcost_client *client;
    counting_memory memory;
    pthread_mutex_t lock;      /* guards what follows */
    watch watches[TARGETS];
    uint64_t answered, failed, past_deadline, legs, extra_legs, odd_bills;
    int64_t cost_nano, extra_nano;
    atomic_int begun, done;
} storm;

/* ---- watching ---- */

static int target_of(const char *text)
{
    const char *at = strstr(text, "\"target\":\"s");
    return at ? at[11] - '0' : -1;
}

/* Runs on the thread that changed the state, a moment later: a leg that was let in before may still arrive. */
static void take_alert(const char *json, void *user)
{
    storm *self = user;
    int target = target_of(json);
    if (target < 0 || target >= TARGETS)
        return;
    uint64_t requests = llmcost_mock_request_count(self->mocks[target]);
    pthread_mutex_lock(&self->lock);
    watch *on = &self->watches[target];
    if (strstr(json, "\"state\":\"half_open\"") && on->open) {
        uint64_t late = requests - on->requests;
        on->late += late;
        on->most_late = late > on->most_late ? late : on->most_late;
    }
    on->open = strstr(json, "\"state\":\"open\"") != NULL;
    on->requests = requests;
    on->openings += on->open;
    pthread_mutex_unlock(&self->lock);
}

/* ---- calling ---- */

static void count_lines(storm *self, const llmcost_response *response)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < llmcost_response_line_count(response); i++) {
        int64_t cost = 0, answered = 0, sent = 0;
        if (!llmcost_response_line_number(response, i, "cost_nano", &cost))
            cost = 0;
        (void)llmcost_response_line_number(response, i, "is_answered", &answered);
        (void)llmcost_response_line_number(response, i, "is_sent", &sent);
        sum += cost;
        self->legs += sent != 0;
        self->extra_legs += sent && !answered;
        self->extra_nano += answered ? 0 : cost;
    }
    self->cost_nano += sum;
    self->odd_bills += sum != llmcost_response_cost_nano(response);
}

static llmcost_status call(storm *self, int number)
{
    char user[20];
    llmcost_response *response = NULL;
    llmcost_message message = live_user("Where is my parcel?");
    llmcost_request request = live_request("storm", &message);
    llmcost_tag tag = { "user", user };
    snprintf(user, sizeof user, "u%d", number % 17);
    request.tags = &tag;
    request.tag_count = 1;
    request.max_tokens = 50;
    request.deadline_ms = DEADLINE_MS;
    double began = seconds_now();
    llmcost_status status = llmcost_chat(self->client, &request, &response);
    bool late = status == LLMCOST_E_DEADLINE || seconds_now() - began > DEADLINE_MS / 1000.0;
    pthread_mutex_lock(&self->lock);
    self->answered += status == LLMCOST_OK;
    self->failed += status != LLMCOST_OK;
    self->past_deadline += late;
    count_lines(self, response);
    pthread_mutex_unlock(&self->lock);
    llmcost_response_free(response);
    return status;
}

static void *keep_calling(void *user)
{
    storm *self = user;
    for (int number; (number = atomic_fetch_add(&self->begun, 1)) < CALLS;) {
        call(self, number);
        atomic_fetch_add(&self->done, 1);
    }
    return NULL;
}

/* ---- the weather ---- */

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static void set_weather(storm *self, int target, size_t weather)
{
    llmcost_error *error = NULL;
    if (llmcost_mock_script(self->mocks[target], weathers[weather], &error))
        fail_msg("weather %zu: %s", weather, llmcost_error_message(error));
}

static void open_storm(storm *self)
{
    char config[4000];
    llmcost_error *error = NULL;
    memset(self, 0, sizeof *self);
    pthread_mutex_init(&self->lock, NULL);
    counting_memory_init(&self->memory);
    size_t at = (size_t)snprintf(config, sizeof config, "{\"breaker\":{\"min_calls\":4,\"window_ms\":1000,\"open_ms\":50,\"max_open_ms\":100},\"providers\":{");
    for (int i = 0; i < TARGETS; i++) {
        assert_int_equal(llmcost_mock_start(&self->mocks[i], weathers[WELL], NULL), LLMCOST_OK);
        /* The last one lives all the time: it may be as slow as the machine is. */
        at += (size_t)snprintf(config + at, sizeof config - at, "%s\"s%d\":{\"preset\":\"openai\",\"base_url\":\"%s/v1\",\"key\":\"k\",\"proxy\":\"\",\"retries\":%d,\"first_byte_ms\":%d}", i ? "," : "", i,
                               llmcost_mock_url(self->mocks[i]), i == 0, i + 1 < TARGETS ? 150 : DEADLINE_MS);
    }
    snprintf(config + at, sizeof config - at, "},\"routes\":{\"storm\":{\"fallback\":[{\"split\":{\"s0/gpt-4o-mini\":2,\"s1/gpt-4o-mini\":1},\"sticky\":\"user\"},\"s2/gpt-4o-mini\",\"s3/gpt-4o-mini\"]}},"
             "\"budgets\":[{\"limit\":\"1000 USD\"}]}");
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    options.allocator = &self->memory.allocator;
    options.random_seed = 7;
    options.error = &error;
    if (llmcost_client_open(&self->client, config, &options))
        fail_msg("client: %s", llmcost_error_message(error));
    assert_int_equal(llmcost_client_on_alert(self->client, take_alert, self), LLMCOST_OK);
}

static void close_storm(storm *self)
{
    char *text = NULL;
    assert_int_equal(llmcost_budgets(self->client, &text), LLMCOST_OK);
    assert_non_null(strstr(text, "\"held_nano\":0"));
    llmcost_string_free(text);
    assert_int_equal(llmcost_client_close(self->client), LLMCOST_OK);
    assert_int_equal(self->memory.blocks, 0);
    for (int i = 0; i < TARGETS; i++)
        llmcost_mock_stop(self->mocks[i]);
    pthread_mutex_destroy(&self->lock);
}

static void blow(storm *self, uint64_t seed)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, keep_calling, self), 0);
    for (int phase = 0; phase < PHASES; phase++) {
        while (atomic_load(&self->done) < phase * CALLS_IN_PHASE)
            usleep(500);
        for (int i = 0; i + 1 < TARGETS; i++)
            set_weather(self, i, next_random(&seed) % WEATHERS);
        set_weather(self, TARGETS - 1, next_random(&seed) % (SLOW + 1));
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void show(const storm *self)
{
    uint64_t openings = 0, late = 0, requests = 0;
    for (int i = 0; i < TARGETS; i++) {
        openings += self->watches[i].openings;
        late += self->watches[i].late;
        requests += llmcost_mock_request_count(self->mocks[i]);
    }
    print_message("%llu of %d calls answered, %llu past their deadline; %llu legs, %llu of them more than one a call; extra spend %.2f %% of %.6f USD; "
                  "%llu openings of breakers, %llu legs under way when they opened\n",
                  (unsigned long long)self->answered, CALLS, (unsigned long long)self->past_deadline, (unsigned long long)requests, (unsigned long long)self->extra_legs,
                  self->cost_nano ? 100.0 * (double)self->extra_nano / (double)self->cost_nano : 0.0, (double)self->cost_nano / 1e9, (unsigned long long)openings, (unsigned long long)late);
}

/* Returns how often a breaker opened. */
static uint64_t storm_of(uint64_t seed)
{
    uint64_t openings = 0;
    storm self;
    open_storm(&self);
    blow(&self, seed);
    show(&self);
    assert_int_equal(self.answered, CALLS);
    assert_int_equal(self.past_deadline, 0);
    assert_int_equal(self.odd_bills, 0);
    assert_true(self.extra_nano >= 0 && self.extra_nano < self.cost_nano);
    for (int i = 0; i < TARGETS; i++) {
        assert_true(self.watches[i].most_late <= THREADS); /* nobody was let in: only what was under way */
        openings += self.watches[i].openings;
    }
    close_storm(&self);
    return openings;
}

static void every_call_is_answered(void **unused)
{
    (void)unused;
    uint64_t openings = 0;
    for (uint64_t seed = 1; seed <= 3; seed++)
        openings += storm_of(seed);
    assert_true(openings > 0);
}

/* All of them die: calls fail at once and say so, and nobody waits for a deadline. One recovers: calls are answered again. */
static void a_blackout_ends(void **unused)
{
    (void)unused;
    storm self;
    open_storm(&self);
    for (int i = 0; i < TARGETS; i++)
        set_weather(&self, i, DEAD);
    for (int i = 0; i < 20; i++)
        assert_true(call(&self, i) != LLMCOST_OK);
    assert_int_equal(self.past_deadline, 0);
    assert_int_equal(self.cost_nano, self.extra_nano);
    set_weather(&self, 2, WELL);
    llmcost_status status = LLMCOST_E_NETWORK;
    for (int i = 0; i < 1000 && status; i++) {
        status = call(&self, i);
        usleep(status ? 10000 : 0);
    }
    assert_int_equal(status, LLMCOST_OK);
    close_storm(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_call_is_answered), cmocka_unit_test(a_blackout_ends) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
