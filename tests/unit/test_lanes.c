/* Lanes: the sliding minute against a list of all that went through, and the queue against a plain model of who is next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/counting_memory.h"
#include "../support/rounds.h"
#include "base/clock.h"
#include "base/memory.h"
#include "policy/lane_window.h"
#include "policy/lanes.h"

#define MS LLMC_MS
#define MINUTE_MS 60000

static uint64_t seed_state;

static uint64_t draw(uint64_t below)
{
    seed_state = seed_state * 6364136223846793005u + 1442695040888963407u;
    return (seed_state >> 33) % below;
}

/* ---- the sliding minute ---- */

static void test_the_minute_is_exact_where_calls_are_sparse(void **unused)
{
    (void)unused;
    llmc_lane_window window = { .count = 0 };
    for (int i = 0; i < 3; i++) {
        llmc_lane_window_slide(&window, i * 1000 * MS);
        assert_int_equal(llmc_lane_window_requests_ns(&window, 3), 0);
        llmc_lane_window_add(&window, 100, i * 1000 * MS);
    }
    assert_int_equal(llmc_lane_window_requests_ns(&window, 3), MINUTE_MS * MS);
    assert_int_equal(llmc_lane_window_requests_ns(&window, 2), 61000 * MS);
    assert_int_equal(llmc_lane_window_tokens_ns(&window, 100, 300), MINUTE_MS * MS);
    assert_int_equal(llmc_lane_window_tokens_ns(&window, 101, 300), 61000 * MS);
    assert_int_equal(llmc_lane_window_tokens_ns(&window, 1000000, 300), 62000 * MS); /* more than there ever is: when nothing else is in it */
    llmc_lane_window_slide(&window, MINUTE_MS * MS - 1);
    assert_int_equal(window.requests, 3);
    llmc_lane_window_slide(&window, MINUTE_MS * MS);
    assert_int_equal(window.requests, 2);
    assert_int_equal(window.tokens, 200);
    llmc_lane_window_correct(&window, 0, -1, -100); /* gone already */
    assert_int_equal(window.requests, 2);
    llmc_lane_window_correct(&window, 1000 * MS, 0, 50);
    assert_int_equal(window.tokens, 250);
    llmc_lane_window_correct(&window, 1500 * MS, 0, 50); /* nothing was then */
    assert_int_equal(window.tokens, 250);
    llmc_lane_window_slide(&window, 62000 * MS);
    assert_int_equal(window.requests, 0);
    assert_int_equal(window.tokens, 0);
}

/* Never too little is counted, and never what is older than 61 seconds. */
static void test_the_minute_against_a_list(void **unused)
{
    (void)unused;
    enum { CALLS = 3000 };
    static struct { int64_t at, tokens; } calls[CALLS];
    for (int round = 0; round < test_rounds(20); round++) {
        llmc_lane_window window = { .count = 0 };
        int64_t now = 0, gap = (int64_t)(1 + draw(2000)) * MS;
        seed_state = (uint64_t)round;
        for (int i = 0; i < CALLS; i++) {
            now += (int64_t)draw((uint64_t)gap);
            llmc_lane_window_slide(&window, now);
            int64_t least = 0, most = 0, least_tokens = 0;
            for (int j = i; j-- > 0 && calls[j].at > now - 61000 * MS;) {
                most++;
                least += calls[j].at > now - MINUTE_MS * MS;
                least_tokens += calls[j].at > now - MINUTE_MS * MS ? calls[j].tokens : 0;
            }
            assert_in_range(window.requests, least, most);
            assert_true(window.tokens >= least_tokens);
            calls[i].at = now;
            calls[i].tokens = (int64_t)draw(1000);
            llmc_lane_window_add(&window, calls[i].tokens, now);
            assert_true(window.count <= LLMC_WINDOW_PIECES);
            if (draw(4) == 0) { /* the true usage of an earlier one */
                int which = (int)draw((uint64_t)i + 1);
                int64_t truth = (int64_t)draw(2000);
                if (calls[which].at > now - MINUTE_MS * MS) {
                    llmc_lane_window_correct(&window, calls[which].at, 0, truth - calls[which].tokens);
                    calls[which].tokens = truth;
                }
            }
        }
        llmc_lane_window_slide(&window, now + 61000 * MS);
        assert_int_equal(window.requests, 0);
        assert_int_equal(window.tokens, 0);
    }
}

/* ---- the queue ---- */

typedef struct caller {
    llmc_lane_waiter waiter;
    llmc_lane_place place;
    bool waits, has, woken;
    int wakers;             /* of it that are out: at most one */
    int id, order;
    int64_t tokens;
} caller;

static void fire(void *waker, int32_t value)
{
    caller *self = waker;
    assert_int_equal(value, 0);
    assert_int_equal(self->wakers, 1); /* each once */
    self->wakers = 0;
    self->woken = true;
}

typedef struct model {
    llmc_lanes *lanes;
    llmc_limits rules;
    caller callers[40];
    struct { int64_t at, tokens; } log[100000]; /* everything that went through */
    int log_count, arrivals, in_flight;
    int64_t now;
} model;

static int64_t sent_since(const model *self, int64_t since, bool tokens)
{
    int64_t sum = 0;
    for (int i = self->log_count; i-- > 0 && self->log[i].at > since;)
        sum += tokens ? self->log[i].tokens : 1;
    return sum;
}

/* Who must be next: the highest priority, then the first to come. */
static caller *first_in_line(model *self)
{
    caller *first = NULL;
    for (size_t i = 0; i < sizeof self->callers / sizeof self->callers[0]; i++) {
        caller *at = &self->callers[i];
        if (at->waits && !at->has && (!first || at->waiter.priority > first->waiter.priority || (at->waiter.priority == first->waiter.priority && at->order < first->order)))
            first = at;
    }
    return first;
}

static void took(model *self, caller *at)
{
    at->has = true;
    at->waits = false;
    self->in_flight++;
    assert_ptr_not_equal(at->place.lane, NULL);
    assert_true(!self->rules.in_flight || self->in_flight <= self->rules.in_flight);
    assert_true(!self->rules.requests_per_minute || sent_since(self, self->now - MINUTE_MS * MS, false) < self->rules.requests_per_minute);
    int64_t tokens = sent_since(self, self->now - MINUTE_MS * MS, true);
    assert_true(!self->rules.tokens_per_minute || tokens == 0 || tokens + at->tokens <= self->rules.tokens_per_minute);
    self->log[self->log_count].at = self->now;
    self->log[self->log_count++].tokens = at->tokens;
}

static void look(model *self, caller *at)
{
    void *spare = at->wakers ? NULL : at;
    at->woken = false;
    at->wakers = 1;
    llmc_lane_outcome outcome = llmc_lane_look(self->lanes, &at->waiter, &spare, self->now);
    if (outcome == LLMC_LANE_QUEUED) {
        assert_null(spare);
        return;
    }
    void *own = llmc_lane_quit(self->lanes, &at->waiter, self->now);
    assert_ptr_equal(own ? own : spare, at); /* handed back, where it is */
    assert_true(!own || !spare);
    at->wakers = 0;
    if (outcome == LLMC_LANE_TAKEN) {
        took(self, at);
        return;
    }
    assert_int_equal(outcome, LLMC_LANE_CLOSED);
    assert_true(self->now >= at->waiter.give_up_ns || self->rules.requests_per_minute);
    at->waits = false;
}

static void arrive(model *self, caller *at)
{
    at->tokens = (int64_t)(1 + draw(500));
    at->waiter = (llmc_lane_waiter){ .tokens = at->tokens, .prompt_tokens = 1, .priority = (int32_t)draw(3), .give_up_ns = self->now + (int64_t)(1 + draw(90000)) * MS };
    at->place = (llmc_lane_place){ .lane = NULL };
    at->order = self->arrivals++;
    const caller *before = first_in_line(self);
    bool overtakes = !before || before->waiter.priority < at->waiter.priority;
    at->waits = true;
    switch (llmc_lane_enter(self->lanes, self, "m", &self->rules, &at->waiter, &at->place, self->now)) {
    case LLMC_LANE_TAKEN:
        assert_true(overtakes); /* nobody else */
        took(self, at);
        return;
    case LLMC_LANE_QUEUED:
        look(self, at);
        return;
    default:
        at->waits = false;
    }
}

static void leave(model *self, caller *at)
{
    static const llmc_lane_report as_reserved = { .sent = true, .tokens = -1, .closed_ms = -1 };
    assert_int_equal(at->has, true);
    at->has = false;
    self->in_flight--;
    llmc_lane_give_back(self->lanes, &at->place, &as_reserved, self->now);
    assert_null(at->place.lane);
}

static void cancel(model *self, caller *at)
{
    void *waker = llmc_lane_quit(self->lanes, &at->waiter, self->now);
    assert_true(!waker || waker == at);
    assert_int_equal(waker != NULL, at->wakers);
    at->wakers = 0;
    at->waits = at->woken = false;
    if (!at->place.lane)
        return;
    static const llmc_lane_report unsent = { .sent = false, .tokens = 0, .closed_ms = -1 }; /* it was given one meanwhile */
    llmc_lane_give_back(self->lanes, &at->place, &unsent, self->now);
}

/* All who were woken look; whoever was given a place is the one whose turn it was. */
static void settle(model *self)
{
    for (bool again = true; again;) {
        again = false;
        caller *next = first_in_line(self);
        for (size_t i = 0; i < sizeof self->callers / sizeof self->callers[0]; i++) {
            caller *at = &self->callers[i];
            if (!at->woken)
                continue;
            if (at->place.lane && next && at->place.lane != NULL && next->place.lane == NULL)
                fail_msg("%d was served before %d", at->order, next->order);
            look(self, at);
            again = true;
        }
    }
}

static void alarms(model *self)
{
    for (size_t i = 0; i < sizeof self->callers / sizeof self->callers[0]; i++) {
        caller *at = &self->callers[i];
        if (at->waits && at->waiter.alarm_ns <= self->now) {
            look(self, at);
            settle(self);
        }
    }
}

/* The next instant at which somebody looks by himself. */
static int64_t next_alarm(const model *self)
{
    int64_t at = LLMC_NEVER;
    for (size_t i = 0; i < sizeof self->callers / sizeof self->callers[0]; i++) {
        if (self->callers[i].waits && self->callers[i].waiter.alarm_ns < at)
            at = self->callers[i].waiter.alarm_ns;
    }
    return at;
}

/* Whoever is first in line and could go is not left to sleep. */
static void nobody_sleeps_for_nothing(model *self)
{
    const caller *first = first_in_line(self);
    if (!first || first->place.lane || self->rules.tokens_per_minute)
        return;
    bool full = self->rules.in_flight && self->in_flight >= self->rules.in_flight;
    /* A second late at most, where calls are dense. */
    bool spent = self->rules.requests_per_minute && sent_since(self, self->now - 61000 * MS, false) >= self->rules.requests_per_minute;
    assert_true(full || spent);
}

static void advance(model *self, int64_t ms)
{
    int64_t until = self->now + ms * MS;
    for (int64_t at; (at = next_alarm(self)) <= until;) {
        self->now = at > self->now ? at : self->now;
        alarms(self);
        nobody_sleeps_for_nothing(self);
    }
    self->now = until;
}

static void play(model *self, int steps)
{
    const size_t count = sizeof self->callers / sizeof self->callers[0];
    for (int i = 0; i < steps; i++) {
        caller *at = &self->callers[draw(count)];
        if (!at->waits && !at->has)
            arrive(self, at);
        else if (at->has)
            leave(self, at);
        else if (draw(4) == 0)
            cancel(self, at);
        settle(self);
        nobody_sleeps_for_nothing(self);
        if (draw(3) == 0)
            advance(self, (int64_t)draw(3000));
    }
    for (size_t i = 0; i < count; i++) {
        caller *at = &self->callers[i];
        if (at->has)
            leave(self, at);
        else if (at->waits)
            cancel(self, at);
        settle(self);
    }
    for (size_t i = 0; i < count; i++) { /* those that the others' leaving let in */
        if (self->callers[i].has)
            leave(self, &self->callers[i]);
        assert_false(self->callers[i].waits);
        assert_int_equal(self->callers[i].wakers, 0);
    }
    assert_int_equal(self->in_flight, 0);
}

static void test_the_queue_against_a_model(void **unused)
{
    (void)unused;
    static model self;
    for (int round = 0; round < test_rounds(300); round++) {
        counting_memory memory;
        counting_memory_init(&memory);
        memset(&self, 0, sizeof self);
        seed_state = (uint64_t)round * 7919 + 1;
        self.rules = (llmc_limits){ .in_flight = draw(3) ? (int64_t)(1 + draw(6)) : 0, .requests_per_minute = draw(2) ? (int64_t)(1 + draw(40)) : 0,
                                    .tokens_per_minute = draw(3) ? 0 : (int64_t)(200 + draw(3000)) };
        self.lanes = llmc_lanes_new(&memory.allocator, 1, fire);
        play(&self, 400);
        llmc_lanes_free(self.lanes);
        assert_int_equal(memory.blocks, 0);
    }
}

/* ---- single rules ---- */

static llmc_lane_outcome enter(llmc_lanes *lanes, caller *at, const llmc_limits *rules, const char *model_name, int64_t now_ms, int64_t wait_ms)
{
    at->waiter = (llmc_lane_waiter){ .tokens = at->tokens, .prompt_tokens = at->tokens, .give_up_ns = (now_ms + wait_ms) * MS };
    return llmc_lane_enter(lanes, rules, model_name, rules, &at->waiter, &at->place, now_ms * MS);
}

static void give_back(llmc_lanes *lanes, caller *at, llmc_lane_report report, int64_t now_ms)
{
    llmc_lane_give_back(lanes, &at->place, &report, now_ms * MS);
}

static void test_what_the_provider_tells(void **unused)
{
    (void)unused;
    llmc_lanes *lanes = llmc_lanes_new(&llmc_allocator_system, 1, fire);
    const llmc_limits learns = { .learn = true }, deaf = { .learn = false };
    caller a = { .tokens = 10 }, b = { .tokens = 10 };
    llmc_rate_limits told;
    llmc_rate_limits_init(&told);
    told.of[LLMCOST_LIMIT_REQUESTS] = (llmc_rate_limit){ 100, 0, 4000 };
    const llmc_lane_report used_up = { .sent = true, .tokens = -1, .closed_ms = -1, .limits = &told }, refused = { .sent = true, .tokens = -1, .closed_ms = 20000 };

    assert_int_equal(enter(lanes, &a, &learns, "m", 0, 10000), LLMC_LANE_TAKEN);
    give_back(lanes, &a, used_up, 1000);
    assert_int_equal(enter(lanes, &b, &learns, "other", 1000, 10000), LLMC_LANE_TAKEN); /* another lane */
    assert_int_equal(enter(lanes, &a, &learns, "m", 1000, 10000), LLMC_LANE_QUEUED);
    assert_int_equal(a.waiter.opens_ns, 5000 * MS);
    void *none = NULL;
    assert_int_equal(llmc_lane_look(lanes, &a.waiter, &none, 4999 * MS), LLMC_LANE_QUEUED);
    assert_int_equal(a.waiter.alarm_ns, 5000 * MS);
    assert_int_equal(llmc_lane_look(lanes, &a.waiter, &none, 5000 * MS), LLMC_LANE_TAKEN);
    give_back(lanes, &a, used_up, 5000);
    assert_int_equal(enter(lanes, &a, &learns, "m", 5000, 4000), LLMC_LANE_TAKEN); /* a hint delays, it never refuses */
    give_back(lanes, &a, refused, 6000);
    assert_int_equal(enter(lanes, &a, &learns, "m", 6000, 10000), LLMC_LANE_CLOSED); /* a refusal does, at once */
    assert_int_equal(a.waiter.opens_ns, 26000 * MS);
    assert_int_equal(enter(lanes, &a, &learns, "m", 16001, 10000), LLMC_LANE_QUEUED);
    assert_null(llmc_lane_quit(lanes, &a.waiter, 16001 * MS));
    assert_int_equal(enter(lanes, &a, &learns, "m", 26000, 0), LLMC_LANE_TAKEN);
    give_back(lanes, &b, used_up, 26000);

    assert_int_equal(enter(lanes, &b, &deaf, "m", 0, 0), LLMC_LANE_TAKEN);
    give_back(lanes, &b, refused, 0);
    assert_int_equal(enter(lanes, &b, &deaf, "m", 0, 0), LLMC_LANE_TAKEN);
    give_back(lanes, &b, refused, 0);
    give_back(lanes, &a, refused, 26000);
    llmc_lanes_free(lanes);
}

static void test_reservations_are_corrected(void **unused)
{
    (void)unused;
    llmc_lanes *lanes = llmc_lanes_new(&llmc_allocator_system, 1, fire);
    const llmc_limits rules = { .tokens_per_minute = 1000, .requests_per_minute = 3 };
    caller a = { .tokens = 900 }, b = { .tokens = 200 }, c = { .tokens = 1000 };
    assert_int_equal(enter(lanes, &a, &rules, "m", 0, 1000), LLMC_LANE_TAKEN);
    assert_int_equal(enter(lanes, &b, &rules, "m", 0, 1000), LLMC_LANE_QUEUED); /* a's true usage may be less */
    void *waker = &b;
    b.wakers = 1;
    assert_int_equal(llmc_lane_look(lanes, &b.waiter, &waker, 0), LLMC_LANE_QUEUED);
    give_back(lanes, &a, (llmc_lane_report){ .sent = true, .tokens = 100, .closed_ms = -1 }, 500);
    assert_true(b.woken);
    assert_non_null(b.place.lane);
    give_back(lanes, &b, (llmc_lane_report){ .sent = false, .closed_ms = -1 }, 600); /* as if it had never been */
    assert_int_equal(enter(lanes, &c, &rules, "m", 600, 1000), LLMC_LANE_QUEUED);
    assert_int_equal(c.waiter.opens_ns, 60500 * MS); /* a's hundred are in its way, until half a second after their minute: b counted with them */
    assert_null(llmc_lane_quit(lanes, &c.waiter, 600 * MS));
    b.tokens = 1;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(enter(lanes, &b, &rules, "m", 700, 0), LLMC_LANE_TAKEN);
        give_back(lanes, &b, (llmc_lane_report){ .sent = true, .tokens = 1, .closed_ms = -1 }, 700);
    }
    assert_int_equal(enter(lanes, &b, &rules, "m", 800, 30000), LLMC_LANE_CLOSED); /* three requests: nothing else helps */
    assert_int_equal(b.waiter.opens_ns, 60000 * MS + 700 * MS);
    llmc_lanes_free(lanes);
}

static void test_lanes_are_bounded(void **unused)
{
    (void)unused;
    counting_memory memory;
    counting_memory_init(&memory);
    llmc_lanes *lanes = llmc_lanes_new(&memory.allocator, 1, fire);
    const llmc_limits rules = { .in_flight = 1 };
    enum { MANY = 20000 };
    caller *callers = calloc(MANY, sizeof *callers);
    long most = 0;
    for (int i = 0; i < MANY; i++) { /* each for a model of its own, and gone again */
        char name[40];
        snprintf(name, sizeof name, "model-%d", i);
        assert_int_equal(enter(lanes, &callers[i], &rules, name, i, 0), LLMC_LANE_TAKEN);
        give_back(lanes, &callers[i], (llmc_lane_report){ .sent = true, .closed_ms = -1 }, i);
        most = memory.blocks > most ? memory.blocks : most;
    }
    assert_in_range(most, 2, 4097);
    int taken = 0, without = 0;
    for (int i = 0; i < MANY; i++) { /* all at once: what is in use is not forgotten */
        char name[40];
        snprintf(name, sizeof name, "model-%d", i);
        llmc_lane_outcome outcome = enter(lanes, &callers[i], &rules, name, MANY, 0);
        taken += outcome == LLMC_LANE_TAKEN;
        without += outcome == LLMC_LANE_NO_LANE;
    }
    assert_int_equal(taken, 4096);
    assert_int_equal(taken + without, MANY);
    for (int i = 0; i < MANY; i++)
        give_back(lanes, &callers[i], (llmc_lane_report){ .sent = true, .closed_ms = -1 }, MANY);
    llmc_lanes_free(lanes);
    free(callers);
    assert_int_equal(memory.blocks, 0);
    memory.fail_all = 1;
    assert_null(llmc_lanes_new(&memory.allocator, 1, fire));
    memory.fail_all = 0;
    lanes = llmc_lanes_new(&memory.allocator, 1, fire);
    memory.fail_all = 1;
    caller alone = { .tokens = 1 };
    assert_int_equal(enter(lanes, &alone, &rules, "m", 0, 0), LLMC_LANE_NO_LANE);
    llmc_lanes_free(lanes);
    llmc_lanes_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_minute_is_exact_where_calls_are_sparse), cmocka_unit_test(test_the_minute_against_a_list),
        cmocka_unit_test(test_the_queue_against_a_model), cmocka_unit_test(test_what_the_provider_tells), cmocka_unit_test(test_reservations_are_corrected),
        cmocka_unit_test(test_lanes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
