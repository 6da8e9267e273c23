/*
 * Callers who leave at any moment: of cascades with a judge, calls that wait for a budget, lookups in a host's store that
 * answers late, streams and whole answers, all on one loop. Each call ends once; what it held is given back; the budget's
 * sum is the receipts'; nothing is left. The moments are drawn from a seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/live.h"

#include <llmcost/plugin.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CALLS = 600, IN_FLIGHT = 40, LATE = 64 };

typedef struct call {
    uint64_t id;
    int done, left;
} call;

typedef struct storm {
    live all;
    llmcost_loop *loop;
    uint64_t seed;
    call calls[CALLS];
    int begun, done;
    unsigned by_status[64];
    int64_t cost_nano;
    llmcost_cache_reply *asked[LATE]; /* of the store: not answered yet */
    int asked_count;
} storm;

static uint32_t next_random(storm *self, uint32_t below)
{
    self->seed = self->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(self->seed >> 33) % below;
}

/* ---- a store that answers later, and never has anything ---- */

static void get(const uint8_t key[32], llmcost_cache_reply *reply, void *user)
{
    storm *self = user;
    (void)key;
    if (self->asked_count < LATE)
        self->asked[self->asked_count++] = reply;
    else
        llmcost_cache_reply_send(reply, NULL, 0);
}

static void put(const uint8_t key[32], const void *value, size_t bytes, int64_t ttl_ms, void *user)
{
    (void)key;
    (void)value;
    (void)bytes;
    (void)ttl_ms;
    (void)user;
}

static void answer_one(storm *self)
{
    if (!self->asked_count)
        return;
    int which = (int)next_random(self, (uint32_t)self->asked_count);
    llmcost_cache_reply *reply = self->asked[which];
    self->asked[which] = self->asked[--self->asked_count];
    llmcost_cache_reply_send(reply, NULL, 0);
}

/* ---- calls ---- */

static int on_event(const llmcost_event *event, void *user)
{
    call *one = user;
    (void)event;
    return one->left == 2; /* leaves on seeing a piece */
}

static storm *current;

static void on_done(uint64_t id, llmcost_response *response, void *user)
{
    call *one = user;
    assert_int_equal(id, one->id);
    assert_int_equal(++one->done, 1);
    current->done++;
    current->by_status[llmcost_response_status(response)]++;
    current->cost_nano += llmcost_response_cost_nano(response);
    assert_no_secret_in(response);
    llmcost_response_free(response);
}

static void begin_one(storm *self)
{
    static const char *const models[] = { "judged", "marked", OPENAI_MODEL, ANTHROPIC_MODEL };
    call *one = &self->calls[self->begun];
    char question[40];
    llmcost_message message = { .role = LLMCOST_USER, .text = question };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    snprintf(question, sizeof question, "question %u", next_random(self, 200));
    request.model = models[next_random(self, 4)];
    request.messages = &message;
    request.message_count = 1;
    request.max_tokens = 200;
    one->left = next_random(self, 4) == 0 ? 2 : 0;
    assert_int_equal(llmcost_loop_submit(self->loop, &request, next_random(self, 2) ? on_event : NULL, on_done, one, &one->id), LLMCOST_OK);
    self->begun++;
}

static void leave_one(storm *self)
{
    call *one = &self->calls[next_random(self, (uint32_t)self->begun)];
    llmcost_status status = llmcost_loop_cancel(self->loop, one->id);
    assert_true(status == LLMCOST_OK || one->done);
}

static void run(storm *self)
{
    while (self->done < CALLS) {
        while (self->begun < CALLS && self->begun - self->done < IN_FLIGHT)
            begin_one(self);
        if (next_random(self, 3) == 0)
            leave_one(self);
        for (uint32_t i = next_random(self, 4); i; i--)
            answer_one(self);
        assert_int_equal(llmcost_loop_poll(self->loop, (int32_t)next_random(self, 3)), LLMCOST_OK);
    }
}

/* ---- the whole ---- */

static int64_t member(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    assert_non_null(at);
    return strtoll(at + strlen(name), NULL, 10);
}

static void storm_of(uint64_t seed)
{
    storm *self = current = calloc(1, sizeof *self);
    char *budgets = NULL;
    const llmcost_cache_store store = { .struct_size = sizeof store, .name = "late", .user = self, .get = get, .put = put };
    self->seed = seed;
    live_open(&self->all, "{\"rules\":[{\"match\":{\"system_contains\":\"You check another\"},\"delay_ms\":3,\"reply\":{\"text\":\"NO\"}},"
                          "{\"match\":{\"contains\":\"question 1\"},\"delay_ms\":4,\"chunk_bytes\":4,\"chunk_delay_ms\":1,\"reply\":{\"text\":\"UNCERTAIN\"}},"
                          "{\"match\":{\"contains\":\"question\"},\"delay_ms\":2,\"chunk_bytes\":4,\"chunk_delay_ms\":1,\"reply\":{\"text\":\"It is as it is, and that is that.\"}}]}",
              NULL,
              "\"routes\":{\"judged\":{\"cascade\":[\"" OPENAI_MODEL "\",\"openai/gpt-4o\"],\"escalate_on\":{\"judge\":\"" OPENAI_MODEL "\"}},"
              "\"marked\":{\"cascade\":[\"" OPENAI_MODEL "\",\"" ANTHROPIC_MODEL "\"],\"escalate_on\":{\"marker\":\"UNCERTAIN\"}}},"
              "\"cache\":{\"memory\":{\"max_entries\":20},\"sampled\":true},\"budget_wait_ms\":50,"
              "\"budgets\":[{\"name\":\"all\",\"limit\":\"0.05 USD\"}]");
    assert_int_equal(llmcost_client_set_cache_store(self->all.client, &store), LLMCOST_OK);
    assert_int_equal(llmcost_loop_open(self->all.client, &self->loop), LLMCOST_OK);
    run(self);
    while (self->asked_count)
        answer_one(self);
    assert_int_equal(llmcost_loop_close(self->loop), LLMCOST_OK);
    assert_int_equal(llmcost_client_run(self->all.client, 1000), LLMCOST_OK);
    assert_int_equal(llmcost_budgets(self->all.client, &budgets), LLMCOST_OK);
    assert_int_equal(member(budgets, "\"held_nano\":"), 0);
    assert_int_equal(member(budgets, "\"spent_nano\":"), self->cost_nano);
    assert_in_range(self->cost_nano, 1, 50000000);
    print_message("seed %u: %u answered, %u left, %u refused by the budget, %lld nano-dollars\n", (unsigned)seed, self->by_status[LLMCOST_OK], self->by_status[LLMCOST_E_CANCELLED],
                  self->by_status[LLMCOST_E_BUDGET], (long long)self->cost_nano);
    assert_int_equal(self->by_status[LLMCOST_OK] + self->by_status[LLMCOST_E_CANCELLED] + self->by_status[LLMCOST_E_BUDGET], CALLS);
    assert_true(self->by_status[LLMCOST_E_CANCELLED] > 20);
    assert_true(self->by_status[LLMCOST_OK] > 20);
    llmcost_string_free(budgets);
    live_close(&self->all);
    free(self);
}

static void test_callers_leave_at_any_moment(void **state)
{
    (void)state;
    const char *rounds = getenv("LLMCOST_TEST_ROUNDS");
    long seeds = rounds ? 1 + strtol(rounds, NULL, 10) / 50000 : 2;
    for (long seed = 1; seed <= seeds; seed++)
        storm_of((uint64_t)seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_callers_leave_at_any_moment) };
    alarm(600);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
