/* The walk of a leg, seen by policies of a host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "call/call.h"
#include "../support/engine_rig.h"

#define CONFIG "{" RIG_OPENAI "}"

static char trace[2000];

static void note(const char *what, const char *who)
{
    size_t length = strlen(trace);
    snprintf(trace + length, sizeof trace - length, "%s%s.%s", length ? " " : "", who, what);
}

/* A policy that writes down what happens to it and says what it is told to. */
typedef struct actor {
    const char *name;
    llmcost_verdict on_enter, on_leave;
    llmcost_event_verdict on_event;
    llmcost_verdict (*enter)(llmcost_leg *leg, struct actor *actor);
    llmcost_verdict (*leave)(llmcost_leg *leg, struct actor *actor);
    llmcost_verdict (*resume)(llmcost_leg *leg, struct actor *actor, const llmcost_wake *wake);
    llmcost_event_verdict (*event)(llmcost_leg *leg, struct actor *actor, const llmcost_event *event);
    int entered, left, destroyed, cancelled, resumed, events;
    llmcost_leg *children[4];
    int tries;
    llmcost_waker *waker;
    int64_t resumed_ms;
    engine_rig *rig;
} actor;

static llmcost_verdict actor_enter(llmcost_leg *leg, void *state, void *user)
{
    actor *self = user;
    *(actor **)state = self;
    self->entered++;
    note("enter", self->name);
    return self->enter ? self->enter(leg, self) : self->on_enter;
}

static llmcost_event_verdict actor_event(llmcost_leg *leg, void *state, void *user, const llmcost_event *event, llmcost_leg *child)
{
    (void)child;
    actor *self = user;
    assert_ptr_equal(*(actor **)state, self);
    if (event->kind > LLMCOST_EVENT_USAGE)
        return LLMCOST_PASS;
    self->events++;
    return self->event ? self->event(leg, self, event) : self->on_event;
}

static llmcost_verdict actor_resume(llmcost_leg *leg, void *state, void *user, const llmcost_wake *wake)
{
    actor *self = user;
    assert_ptr_equal(*(actor **)state, self);
    self->resumed++;
    self->resumed_ms = fake_clock_ms(&self->rig->clock);
    note(wake->kind == LLMCOST_WAKE_CHILD ? "child" : wake->kind == LLMCOST_WAKE_TIMER ? "timer" : "hook", self->name);
    return self->resume ? self->resume(leg, self, wake) : LLMCOST_CONTINUE;
}

static llmcost_verdict actor_leave(llmcost_leg *leg, void *state, void *user)
{
    actor *self = user;
    assert_ptr_equal(*(actor **)state, self);
    self->left++;
    note("leave", self->name);
    return self->leave ? self->leave(leg, self) : self->on_leave;
}

static void actor_cancel(llmcost_leg *leg, void *state, void *user)
{
    (void)leg;
    actor *self = user;
    assert_ptr_equal(*(actor **)state, self);
    self->cancelled++;
    note("cancel", self->name);
}

static void actor_destroy(llmcost_leg *leg, void *state, void *user)
{
    (void)leg;
    actor *self = user;
    assert_ptr_equal(*(actor **)state, self);
    self->destroyed++;
}

static void add(engine_rig *rig, actor *self, llmcost_phase phase, const char *name)
{
    llmcost_policy policy = { .struct_size = sizeof policy, .phase = phase, .name = name, .user = self, .state_bytes = sizeof(actor *), .enter = actor_enter,
                              .event = actor_event, .resume = actor_resume, .leave = actor_leave, .cancel = actor_cancel, .destroy = actor_destroy };
    self->name = name;
    self->rig = rig;
    assert_int_equal(llmcost_client_add_policy(rig->client, &policy), LLMCOST_OK);
}

static void check_balance(const actor *self)
{
    assert_int_equal(self->entered, self->destroyed);
}

static void set_up(engine_rig *rig)
{
    trace[0] = '\0';
    rig_open(rig, CONFIG);
}

static llmcost_response *ask(engine_rig *rig, llmcost_status expected)
{
    rig_request space;
    llmcost_response *response = NULL;
    int receipts = rig->receipts;
    llmcost_status status = llmcost_chat(rig->client, rig_ask(&space, "openai/gpt-4o", "hello"), &response);
    if (status != expected)
        print_error("%s\n", llmcost_error_message(llmcost_response_error(response)));
    assert_int_equal(status, expected);
    assert_non_null(response);
    assert_int_equal(rig->receipts, receipts + 1); /* exactly once */
    rig_check_receipt(response);
    return response;
}

/* ---- policies without a state ---- */

typedef struct stateless {
    int entered, left, destroyed;
} stateless;

static llmcost_verdict stateless_enter(llmcost_leg *leg, void *state, void *user)
{
    (void)leg;
    assert_null(state);
    ((stateless *)user)->entered++;
    return LLMCOST_CONTINUE;
}

static llmcost_verdict stateless_leave(llmcost_leg *leg, void *state, void *user)
{
    (void)leg;
    assert_null(state);
    ((stateless *)user)->left++;
    return LLMCOST_CONTINUE;
}

static void stateless_destroy(llmcost_leg *leg, void *state, void *user)
{
    (void)leg;
    assert_null(state);
    ((stateless *)user)->destroyed++;
}

/* With and without each of its functions: what it has is called once, also where the call fails further in. */
static void test_policies_without_a_state(void **unused)
{
    (void)unused;
    for (int has = 0; has < 8; has++) {
        for (int fails = 0; fails < 2; fails++) {
            engine_rig rig;
            stateless seen[11] = { 0 };
            actor innermost = { .on_enter = fails ? LLMCOST_FAIL : LLMCOST_CONTINUE };
            set_up(&rig);
            for (int phase = 0; phase < 11; phase++) {
                llmcost_policy policy = { .struct_size = sizeof policy, .phase = phase, .name = "stateless", .user = &seen[phase],
                                          .enter = has & 1 ? stateless_enter : NULL, .leave = has & 2 ? stateless_leave : NULL, .destroy = has & 4 ? stateless_destroy : NULL };
                assert_int_equal(llmcost_client_add_policy(rig.client, &policy), LLMCOST_OK);
            }
            add(&rig, &innermost, LLMCOST_PHASE_BUDGET, "innermost");
            fake_network_says(&rig.network, NULL, "hi", 1, 1);
            llmcost_response_free(ask(&rig, fails ? LLMCOST_E_MISUSE : LLMCOST_OK)); /* it fails without a reason */
            for (int phase = 0; phase < 11; phase++) {
                assert_int_equal(seen[phase].entered, has & 1 ? 1 : 0);
                assert_int_equal(seen[phase].left, has & 2 ? 1 : 0);
                assert_int_equal(seen[phase].destroyed, has & 4 ? 1 : 0);
            }
            check_balance(&innermost);
            rig_close(&rig);
        }
    }
}

static void test_order_in_every_phase(void **unused)
{
    (void)unused;
    engine_rig rig;
    static const char *const names[] = { "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10" };
    actor actors[11] = { 0 };
    set_up(&rig);
    for (int i = 10; i >= 0; i--) /* the phase decides, not the order of adding */
        add(&rig, &actors[i], (llmcost_phase)i, names[i]);
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    llmcost_response *response = ask(&rig, LLMCOST_OK);
    assert_string_equal(trace, "p0.enter p1.enter p2.enter p3.enter p4.enter p5.enter p6.enter p7.enter p8.enter p9.enter p10.enter "
                               "p10.leave p9.leave p8.leave p7.leave p6.leave p5.leave p4.leave p3.leave p2.leave p1.leave p0.leave");
    assert_string_equal(llmcost_response_text(response), "hi");
    llmcost_response_free(response);
    for (int i = 0; i < 11; i++)
        check_balance(&actors[i]);
    rig_close(&rig);
}

static llmcost_verdict fail_here(llmcost_leg *leg, actor *self)
{
    (void)self;
    return llmcost_leg_fail(leg, LLMCOST_E_PERMISSION, "not today");
}

static void test_fail_from_enter(void **unused)
{
    (void)unused;
    engine_rig rig;
    actor outer = { 0 }, middle = { .enter = fail_here }, inner = { 0 };
    set_up(&rig);
    add(&rig, &outer, LLMCOST_PHASE_SHAPE, "a");
    add(&rig, &middle, LLMCOST_PHASE_RETRY, "b");
    add(&rig, &inner, LLMCOST_PHASE_FIT, "c");
    llmcost_response *response = ask(&rig, LLMCOST_E_PERMISSION);
    assert_string_equal(trace, "a.enter b.enter b.leave a.leave");
    assert_string_equal(llmcost_error_message(llmcost_response_error(response)), "not today");
    llmcost_response_free(response);
    check_balance(&middle);
    assert_int_equal(inner.destroyed, 0);
    assert_int_equal(rig.network.request_count, 0);
    rig_close(&rig);
}

static void test_verdicts_that_make_no_sense_are_failures(void **unused)
{
    (void)unused;
    static const llmcost_verdict verdicts[] = { LLMCOST_FAIL, LLMCOST_ANSWER, LLMCOST_ANOTHER };
    for (size_t i = 0; i < 3; i++) {
        engine_rig rig;
        actor one = { .on_enter = verdicts[i] };
        set_up(&rig);
        add(&rig, &one, LLMCOST_PHASE_SHAPE, "a");
        llmcost_response_free(ask(&rig, LLMCOST_E_MISUSE));
        assert_string_equal(trace, "a.enter a.leave");
        check_balance(&one);
        rig_close(&rig);
    }
}

static llmcost_verdict answer_here(llmcost_leg *leg, actor *self)
{
    (void)self;
    return llmcost_leg_answer(leg, "canned", 0);
}

static void test_answer_from_enter_also_streams(void **unused)
{
    (void)unused;
    engine_rig rig;
    actor outer = { 0 }, one = { .enter = answer_here };
    char text[100];
    rig_request space;
    llmcost_response *response;
    set_up(&rig);
    add(&rig, &outer, LLMCOST_PHASE_COALESCE, "a");
    add(&rig, &one, LLMCOST_PHASE_SHAPE, "b");
    response = ask(&rig, LLMCOST_OK);
    assert_string_equal(llmcost_response_text(response), "canned");
    assert_true(llmcost_response_is_altered(response));
    assert_int_equal(llmcost_response_cost_nano(response), 0);
    llmcost_response_free(response);
    assert_int_equal(rig_stream(&rig, rig_ask(&space, "openai/gpt-4o", "hello"), text, sizeof text, &response), LLMCOST_OK);
    assert_string_equal(text, "canned");
    assert_true(outer.events > 0);
    llmcost_response_free(response);
    rig_close(&rig);
}

static llmcost_verdict answer_over_failure(llmcost_leg *leg, actor *self)
{
    (void)self;
    return llmcost_leg_status(leg) ? llmcost_leg_answer(leg, "sorry", 0) : LLMCOST_CONTINUE;
}

static void test_answer_from_leave_over_a_failure(void **unused)
{
    (void)unused;
    engine_rig rig;
    actor one = { .leave = answer_over_failure };
    char text[100];
    rig_request space;
    set_up(&rig);
    add(&rig, &one, LLMCOST_PHASE_SHAPE, "a");
    fake_network_fails(&rig.network, NULL, 401, "invalid_api_key");
    llmcost_response *response = ask(&rig, LLMCOST_OK);
    assert_string_equal(llmcost_response_text(response), "sorry");
    assert_null(llmcost_response_error(response));
    llmcost_response_free(response);
    assert_int_equal(rig_stream(&rig, rig_ask(&space, "openai/gpt-4o", "hello"), text, sizeof text, NULL), LLMCOST_OK);
    assert_string_equal(text, "sorry");
    rig_close(&rig);
}

static llmcost_verdict wait_by_timer(llmcost_leg *leg, actor *self)
{
    (void)self;
    assert_int_equal(llmcost_leg_timer(leg, 700), LLMCOST_OK);
    return LLMCOST_WAIT;
}

static void test_wait_by_timer_in_enter_and_leave(void **unused)
{
    (void)unused;
    engine_rig rig;
    actor one = { .enter = wait_by_timer, .leave = wait_by_timer };
    set_up(&rig);
    add(&rig, &one, LLMCOST_PHASE_SHAPE, "a");
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    llmcost_response_free(ask(&rig, LLMCOST_OK));
    assert_string_equal(trace, "a.enter a.timer a.leave a.timer");
    assert_int_equal(fake_clock_ms(&rig.clock), 1400);
    rig_close(&rig);
}

static llmcost_verdict timer_and_go(llmcost_leg *leg, actor *self)
{
    (void)self;
    assert_int_equal(llmcost_leg_timer(leg, 5), LLMCOST_OK);
    llmcost_waker_fire(llmcost_leg_waker(leg), 3);
    return LLMCOST_CONTINUE;
}

/* What a policy that goes on had asked for must not wake the next one: the exchange is still running then. */
static void test_a_late_wake_reaches_nobody(void **unused)
{
    (void)unused;
    engine_rig rig;
    actor one = { .enter = timer_and_go };
    set_up(&rig);
    add(&rig, &one, LLMCOST_PHASE_BUDGET, "a");
    fake_exchange *exchange = fake_network_says(&rig.network, NULL, "hi", 10, 5);
    exchange->pieces[0].at_ms = exchange->done_ms = 50;
    llmcost_response *response = ask(&rig, LLMCOST_OK);
    assert_string_equal(llmcost_response_text(response), "hi");
    assert_string_equal(trace, "a.enter a.leave");
    llmcost_response_free(response);
    rig_close(&rig);
}

static void *fire_later(void *user)
{
    actor *self = user;
    nanosleep(&(struct timespec){ .tv_nsec = 3000000 }, NULL);
    llmcost_waker_fire(self->waker, 7);
    return NULL;
}

static pthread_t firing;

static llmcost_verdict wait_by_thread(llmcost_leg *leg, actor *self)
{
    self->waker = llmcost_leg_waker(leg);
    assert_non_null(self->waker);
    pthread_create(&firing, NULL, fire_later, self);
    return LLMCOST_WAIT;
}

static llmcost_verdict expect_seven(llmcost_leg *leg, actor *self, const llmcost_wake *wake)
{
    (void)leg;
    (void)self;
    assert_int_equal(wake->value, 7);
    return LLMCOST_CONTINUE;
}

static void test_wait_by_waker_of_another_thread(void **unused)
{
    (void)unused;
    engine_rig rig;
    actor one = { .enter = wait_by_thread, .resume = expect_seven };
    set_up(&rig);
    rig.clock.frozen = 1;
    add(&rig, &one, LLMCOST_PHASE_SHAPE, "a");
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    llmcost_response_free(ask(&rig, LLMCOST_OK));
    pthread_join(firing, NULL);
    assert_string_equal(trace, "a.enter a.hook a.leave");
    rig_close(&rig);
}

static llmcost_verdict wait_for_ever(llmcost_leg *leg, actor *self)
{
    (void)leg;
    (void)self;
    return LLMCOST_WAIT;
}

static llmcost_verdict wait_with_waker(llmcost_leg *leg, actor *self)
{
    if (!self->waker)
        self->waker = llmcost_leg_waker(leg);
    return LLMCOST_WAIT;
}

static void test_a_wait_without_an_end_is_ended(void **unused)
{
    (void)unused;
    engine_rig rig;
    actor one = { .enter = wait_for_ever };
    set_up(&rig);
    add(&rig, &one, LLMCOST_PHASE_SHAPE, "a");
    llmcost_response_free(ask(&rig, LLMCOST_E_MISUSE));
    assert_string_equal(trace, "a.enter a.cancel a.leave");
    rig_close(&rig);

    actor two = { .enter = wait_with_waker };
    set_up(&rig);
    add(&rig, &two, LLMCOST_PHASE_SHAPE, "a");
    llmcost_response_free(ask(&rig, LLMCOST_E_DEADLINE));
    assert_int_equal(fake_clock_ms(&rig.clock), 600000);
    assert_string_equal(trace, "a.enter a.cancel a.leave");
    llmcost_waker_fire(two.waker, 1); /* the call is long gone */
    rig_close(&rig);

    /* Also in leave, and also when leave says WAIT again after the cancel. */
    actor three = { .leave = wait_with_waker };
    set_up(&rig);
    add(&rig, &three, LLMCOST_PHASE_SHAPE, "a");
    fake_network_fails(&rig.network, NULL, 401, "invalid_api_key");
    llmcost_response *response = ask(&rig, LLMCOST_E_DEADLINE);
    assert_string_equal(trace, "a.enter a.leave a.cancel a.leave");
    llmcost_waker_free(three.waker);
    llmcost_response_free(response);
    rig_close(&rig);
}

static llmcost_verdict another_once(llmcost_leg *leg, actor *self)
{
    (void)leg;
    return self->tries++ == 0 ? LLMCOST_ANOTHER : LLMCOST_CONTINUE;
}

static void test_another(void **unused)
{
    (void)unused;
    engine_rig rig;
    actor outer = { 0 }, one = { .leave = another_once }, inner = { 0 };
    set_up(&rig);
    add(&rig, &outer, LLMCOST_PHASE_SHAPE, "a");
    add(&rig, &one, LLMCOST_PHASE_ROUTE, "b");
    add(&rig, &inner, LLMCOST_PHASE_FIT, "c");
    fake_network_says(&rig.network, NULL, "one", 10, 5)->times = 1;
    fake_network_says(&rig.network, NULL, "two", 20, 5);
    llmcost_response *response = ask(&rig, LLMCOST_OK);
    assert_string_equal(llmcost_response_text(response), "two");
    assert_string_equal(trace, "a.enter b.enter c.enter c.leave b.leave c.enter c.leave b.leave a.leave");
    assert_int_equal(llmcost_response_line_count(response), 2);
    assert_string_equal(rig_line_text(response, 1, "purpose"), "retry");
    assert_int_equal(llmcost_response_cost_nano(response), 75000 + 100000);
    llmcost_response_free(response);
    check_balance(&inner);
    rig_close(&rig);
}

static llmcost_verdict spawn_three(llmcost_leg *leg, actor *self)
{
    static const char *const models[] = { "openai/gpt-4o", "openai/gpt-4o-mini", "openai/gpt-4.1" };
    for (int i = 0; i < 3; i++) {
        llmcost_spawn spawn = { .struct_size = sizeof spawn, .model = models[i], .purpose = "vote" };
        self->children[i] = llmcost_leg_spawn(leg, &spawn);
        assert_non_null(self->children[i]);
    }
    return LLMCOST_WAIT;
}

static llmcost_verdict adopt_the_second(llmcost_leg *leg, actor *self, const llmcost_wake *wake)
{
    assert_int_equal(wake->kind, LLMCOST_WAKE_CHILD);
    assert_int_equal(llmcost_leg_status(wake->child), LLMCOST_OK);
    if (self->resumed < 3)
        return LLMCOST_WAIT;
    assert_string_equal(llmcost_leg_text(self->children[1], NULL), "two");
    return llmcost_leg_adopt(leg, self->children[1]);
}

static void test_several_children(void **unused)
{
    (void)unused;
    engine_rig rig;
    actor one = { .enter = spawn_three, .resume = adopt_the_second }, inner = { 0 };
    char text[50];
    rig_request space;
    set_up(&rig);
    add(&rig, &one, LLMCOST_PHASE_SHAPE, "a");
    add(&rig, &inner, LLMCOST_PHASE_FIT, "c");
    fake_network_says(&rig.network, "gpt-4o-mini", "two", 10, 5);
    fake_network_says(&rig.network, NULL, "other", 10, 5);
    llmcost_response *response = ask(&rig, LLMCOST_OK);
    assert_string_equal(llmcost_response_text(response), "two");
    assert_int_equal(one.entered, 1); /* no child met its parent's policy */
    assert_int_equal(inner.entered, 3);
    assert_int_equal(llmcost_response_line_count(response), 3);
    assert_string_equal(rig_line_text(response, 0, "purpose"), "vote");
    llmcost_response_free(response);
    one = (actor){ .enter = spawn_three, .resume = adopt_the_second, .name = "a", .rig = &rig };
    assert_int_equal(rig.network.request_count, 3);
    rig.network.exchanges[0].times = rig.network.exchanges[1].times = 1; /* used up */
    /* Nothing forwards, and still a stream sees the answer. */
    fake_network_streams(&rig.network, "gpt-4o-mini", (const char *const[]){ "t", "wo", NULL }, 10, 5);
    fake_network_streams(&rig.network, NULL, (const char *const[]){ "other", NULL }, 10, 5);
    assert_int_equal(rig_stream(&rig, rig_ask(&space, "openai/gpt-4o", "hello"), text, sizeof text, NULL), LLMCOST_OK);
    assert_string_equal(text, "two");
    rig_close(&rig);
}

/* A hedge: a second child when the first is slow; the first answer wins, the other is cancelled. */
static llmcost_verdict hedge_enter(llmcost_leg *leg, actor *self)
{
    llmcost_spawn spawn = { .struct_size = sizeof spawn, .purpose = "answer" };
    self->children[0] = llmcost_leg_spawn(leg, &spawn);
    assert_int_equal(llmcost_leg_timer(leg, 400), LLMCOST_OK);
    return LLMCOST_WAIT;
}

static llmcost_verdict hedge_resume(llmcost_leg *leg, actor *self, const llmcost_wake *wake)
{
    if (wake->kind == LLMCOST_WAKE_TIMER) {
        llmcost_spawn spawn = { .struct_size = sizeof spawn, .purpose = "hedge", .model = "openai/gpt-4o-mini" };
        self->children[1] = llmcost_leg_spawn(leg, &spawn);
        return LLMCOST_WAIT;
    }
    llmcost_leg *other = wake->child == self->children[0] ? self->children[1] : self->children[0];
    llmcost_leg_cancel_child(leg, other);
    return llmcost_leg_adopt(leg, wake->child);
}

static void test_hedge(void **unused)
{
    (void)unused;
    engine_rig rig;
    actor one = { .enter = hedge_enter, .resume = hedge_resume };
    set_up(&rig);
    add(&rig, &one, LLMCOST_PHASE_ROUTE, "h");
    fake_network_says(&rig.network, "gpt-4o-mini", "fast", 10, 5);
    fake_exchange *slow = fake_network_says(&rig.network, NULL, "slow", 10, 5);
    slow->pieces[0].at_ms = slow->done_ms = 5000;
    llmcost_response *response = ask(&rig, LLMCOST_OK);
    assert_string_equal(llmcost_response_text(response), "fast");
    assert_int_equal(fake_clock_ms(&rig.clock), 400);
    assert_int_equal(rig.network.aborted, 1);
    assert_int_equal(llmcost_response_line_count(response), 2);
    assert_true(rig_line(response, 0, "cost_nano") > 0); /* it was sent: its prompt is charged */
    assert_string_equal(rig_line_text(response, 0, "status"), "E_CANCELLED");
    assert_int_equal(rig_line(response, 1, "cost_nano"), 4500);
    llmcost_response_free(response);
    assert_string_equal(trace, "h.enter h.timer h.child h.leave");
    rig_close(&rig);

    actor quick = { .enter = hedge_enter, .resume = hedge_resume };
    set_up(&rig);
    add(&rig, &quick, LLMCOST_PHASE_ROUTE, "h");
    fake_network_says(&rig.network, NULL, "first", 10, 5);
    response = ask(&rig, LLMCOST_OK);
    assert_int_equal(llmcost_response_line_count(response), 1);
    assert_int_equal(fake_clock_ms(&rig.clock), 0); /* the timer went with it */
    llmcost_response_free(response);
    rig_close(&rig);
}

static void test_cancelling_a_parent_cancels_its_children(void **unused)
{
    (void)unused;
    engine_rig rig;
    actor one = { .enter = spawn_three, .resume = adopt_the_second }, inner = { 0 };
    rig_request space;
    llmcost_response *response;
    set_up(&rig);
    add(&rig, &one, LLMCOST_PHASE_SHAPE, "a");
    add(&rig, &inner, LLMCOST_PHASE_FIT, "c");
    fake_network_add(&rig.network, NULL)->done_ms = FAKE_SILENT;
    rig_ask(&space, "openai/gpt-4o", "hello")->deadline_ms = 1000;
    assert_int_equal(llmcost_chat(rig.client, &space.request, &response), LLMCOST_E_DEADLINE);
    assert_int_equal(fake_clock_ms(&rig.clock), 1000);
    assert_int_equal(rig.network.aborted, 3);
    assert_int_equal(one.cancelled, 1);
    assert_int_equal(one.left, 1);
    assert_int_equal(inner.left, 3);
    rig_check_receipt(response);
    llmcost_response_free(response);
    rig_close(&rig);
}

static llmcost_verdict spawn_with_deadline(llmcost_leg *leg, actor *self)
{
    llmcost_spawn spawn = { .struct_size = sizeof spawn, .deadline_ms = 300 };
    self->children[0] = llmcost_leg_spawn(leg, &spawn);
    return LLMCOST_WAIT;
}

static llmcost_verdict adopt_child(llmcost_leg *leg, actor *self, const llmcost_wake *wake)
{
    (void)self;
    return llmcost_leg_adopt(leg, wake->child);
}

static void test_a_childs_own_deadline_ends_any_wait(void **unused)
{
    (void)unused;
    engine_rig rig;
    actor one = { .enter = spawn_with_deadline, .resume = adopt_child }, inner = { .enter = wait_with_waker };
    set_up(&rig);
    add(&rig, &one, LLMCOST_PHASE_SHAPE, "a");
    add(&rig, &inner, LLMCOST_PHASE_FIT, "c");
    llmcost_response_free(ask(&rig, LLMCOST_E_DEADLINE));
    assert_int_equal(fake_clock_ms(&rig.clock), 300);
    assert_string_equal(trace, "a.enter c.enter c.cancel c.leave a.child a.leave");
    llmcost_waker_free(inner.waker);
    rig_close(&rig);
}

static llmcost_verdict spawn_unknown(llmcost_leg *leg, actor *self)
{
    (void)self;
    llmcost_spawn spawn = { .struct_size = sizeof spawn, .model = "nobody/nothing" };
    llmcost_leg *child = llmcost_leg_spawn(leg, &spawn);
    assert_null(child);
    assert_int_equal(llmcost_leg_status(child), LLMCOST_E_MISUSE);
    assert_string_equal(llmcost_leg_text(child, NULL), "");
    assert_int_equal(llmcost_leg_finish_reason(child), LLMCOST_FINISH_NONE);
    return llmcost_leg_adopt(leg, child);
}

static llmcost_verdict adopt_nothing(llmcost_leg *leg, actor *self)
{
    (void)self;
    return llmcost_leg_adopt(leg, NULL);
}

static llmcost_verdict answer_nothing(llmcost_leg *leg, actor *self)
{
    (void)self;
    return llmcost_leg_answer(leg, NULL, 0);
}

/* What a policy got as NULL may be handed on: the leg ends with what is known of the cause. */
static void test_a_policy_that_hands_on_null(void **unused)
{
    (void)unused;
    llmcost_verdict (*const enters[])(llmcost_leg *, actor *) = { adopt_nothing, answer_nothing };
    for (size_t i = 0; i < sizeof enters / sizeof enters[0]; i++) {
        engine_rig rig;
        actor one = { .enter = enters[i] };
        set_up(&rig);
        add(&rig, &one, LLMCOST_PHASE_SHAPE, "a");
        llmcost_response_free(ask(&rig, LLMCOST_E_MISUSE));
        rig_close(&rig);
    }
}

static void test_a_child_of_an_unknown_name(void **unused)
{
    (void)unused;
    engine_rig rig;
    actor one = { .enter = spawn_unknown };
    set_up(&rig);
    add(&rig, &one, LLMCOST_PHASE_SHAPE, "a");
    llmcost_response_free(ask(&rig, LLMCOST_E_UNKNOWN_MODEL));
    rig_close(&rig);
}

/* As a policy of ours may spawn, which is not confined to what lies further in than itself. */
static llmcost_verdict spawn_a_cascade(llmcost_leg *leg, actor *self)
{
    if (self->entered > 1) /* the steps of the cascade pass here too */
        return LLMCOST_CONTINUE;
    llmc_spawn spawn = { .first_phase = LLMCOST_PHASE_ROUTE, .purpose = "spawn" };
    assert_int_equal(llmc_settings_resolve(leg->services->settings, "r", llmc_leg_arena(leg), &spawn.route, &leg->error), LLMCOST_OK);
    self->children[0] = llmc_leg_spawn(leg, &spawn);
    return self->children[0] ? LLMCOST_WAIT : LLMCOST_FAIL;
}

/* The cascades' own policy comes first in its phase: a later one's child for a cascade is met by it. */
static void test_a_cascade_under_a_later_policy_of_its_phase(void **unused)
{
    (void)unused;
    engine_rig rig;
    actor one = { .enter = spawn_a_cascade, .resume = adopt_child };
    trace[0] = '\0';
    rig_open(&rig, "{" RIG_OPENAI ",\"routes\":{\"r\":{\"cascade\":[\"openai/gpt-4o-mini\",\"openai/gpt-4.1\"]}}}");
    add(&rig, &one, LLMCOST_PHASE_ROUTE, "a");
    fake_network_says(&rig.network, "gpt-4o-mini", "UNCERTAIN", 10, 5);
    fake_network_says(&rig.network, "gpt-4.1", "sure", 10, 5);
    llmcost_response *response = ask(&rig, LLMCOST_OK);
    assert_string_equal(llmcost_response_text(response), "sure");
    assert_int_equal(llmcost_response_line_count(response), 2);
    llmcost_response_free(response);
    rig_close(&rig);
}

/* ---- children that cannot be ---- */

static struct { llmcost_spawn spawn; uint64_t more; } asked_for; /* what the next child is to be */
static llmcost_request asked_request;

static llmcost_verdict spawn_asked(llmcost_leg *leg, actor *self)
{
    (void)self;
    if (asked_for.spawn.request == &asked_request && asked_request.struct_size) {
        uint32_t tools = asked_request.tool_count;
        asked_request = *llmcost_leg_request(leg);
        asked_request.tool_count = tools; /* without any: NULL */
    }
    return llmcost_leg_spawn(leg, &asked_for.spawn) ? LLMCOST_WAIT : LLMCOST_FAIL;
}

static llmcost_status status_of_child(llmcost_phase phase, llmcost_spawn spawn)
{
    engine_rig rig;
    actor one = { .enter = spawn_asked, .resume = adopt_child };
    rig_open(&rig, "{" RIG_OPENAI ",\"routes\":{\"r\":{\"cascade\":[\"openai/gpt-4o-mini\",\"openai/gpt-4o\"]}}}");
    asked_for.spawn = spawn;
    add(&rig, &one, phase, "a");
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    rig_request space;
    llmcost_response *response;
    llmcost_status status = llmcost_chat(rig.client, rig_ask(&space, "openai/gpt-4o", "hello"), &response);
    assert_true(status == LLMCOST_OK || rig.network.request_count == 0);
    llmcost_response_free(response);
    rig_close(&rig);
    return status;
}

static void test_children_that_cannot_be(void **unused)
{
    (void)unused;
    const uint32_t size = sizeof(llmcost_spawn);
    /* Nobody further in knows cascades, or names. */
    assert_int_equal(status_of_child(LLMCOST_PHASE_SHAPE, (llmcost_spawn){ .struct_size = size, .model = "r" }), LLMCOST_OK);
    assert_int_equal(status_of_child(LLMCOST_PHASE_ROUTE, (llmcost_spawn){ .struct_size = size, .model = "r" }), LLMCOST_E_MISUSE);
    assert_int_equal(status_of_child(LLMCOST_PHASE_RETRY, (llmcost_spawn){ .struct_size = size, .model = "r" }), LLMCOST_E_MISUSE);
    assert_int_equal(status_of_child(LLMCOST_PHASE_SHAPE, (llmcost_spawn){ .struct_size = size, .model = "r", .first_phase = LLMCOST_PHASE_RETRY, .deadline_ms = 50 }), LLMCOST_E_MISUSE);
    assert_int_equal(status_of_child(LLMCOST_PHASE_METER, (llmcost_spawn){ .struct_size = size }), LLMCOST_OK);
    assert_int_equal(status_of_child(LLMCOST_PHASE_METER, (llmcost_spawn){ .struct_size = size, .first_phase = LLMCOST_PHASE_CACHE }), LLMCOST_E_MISUSE);
    assert_int_equal(status_of_child(LLMCOST_PHASE_METER, (llmcost_spawn){ .struct_size = size, .first_phase = LLMCOST_PHASE_CACHE, .model = "openai/gpt-4o" }), LLMCOST_OK);
    /* Sizes; the operation came later. */
    assert_int_equal(status_of_child(LLMCOST_PHASE_SHAPE, (llmcost_spawn){ .model = "openai/gpt-4o" }), LLMCOST_E_MISUSE);
    assert_int_equal(status_of_child(LLMCOST_PHASE_SHAPE, (llmcost_spawn){ .struct_size = offsetof(llmcost_spawn, operation), .operation = "fly" }), LLMCOST_OK);
    assert_int_equal(status_of_child(LLMCOST_PHASE_SHAPE, (llmcost_spawn){ .struct_size = sizeof asked_for, .model = "openai/gpt-4o" }), LLMCOST_OK);
    asked_for.more = 1;
    assert_int_equal(status_of_child(LLMCOST_PHASE_SHAPE, (llmcost_spawn){ .struct_size = sizeof asked_for, .model = "openai/gpt-4o" }), LLMCOST_E_MISUSE);
    asked_for.more = 0;
    assert_int_equal(status_of_child(LLMCOST_PHASE_SHAPE, (llmcost_spawn){ .struct_size = size, .operation = "fly" }), LLMCOST_E_MISUSE);
    assert_int_equal(status_of_child(LLMCOST_PHASE_SHAPE, (llmcost_spawn){ .struct_size = size, .operation = "chat" }), LLMCOST_OK);
    /* Requests. */
    asked_request = (llmcost_request)LLMCOST_REQUEST_INIT;
    assert_int_equal(status_of_child(LLMCOST_PHASE_SHAPE, (llmcost_spawn){ .struct_size = size, .request = &asked_request }), LLMCOST_OK);
    asked_request.tool_count = 1;
    assert_int_equal(status_of_child(LLMCOST_PHASE_SHAPE, (llmcost_spawn){ .struct_size = size, .request = &asked_request }), LLMCOST_E_INVALID);
    memset(&asked_request, 0, sizeof asked_request);
    assert_int_equal(status_of_child(LLMCOST_PHASE_SHAPE, (llmcost_spawn){ .struct_size = size, .request = &asked_request }), LLMCOST_E_INVALID);
}

static llmcost_verdict set_bad_request(llmcost_leg *leg, actor *self)
{
    (void)self;
    const llmcost_request *before = llmcost_leg_request(leg);
    llmcost_request request = *before;
    request.message_count = 0;
    assert_int_equal(llmcost_leg_set_request(leg, &request), LLMCOST_E_INVALID);
    assert_int_equal(llmcost_leg_set_request(leg, NULL), LLMCOST_E_MISUSE);
    assert_ptr_equal(llmcost_leg_request(leg), before);
    return LLMCOST_CONTINUE;
}

static llmcost_verdict ask_for_a_seed(llmcost_leg *leg, actor *self)
{
    (void)self;
    llmcost_request request = *llmcost_leg_request(leg);
    request.n = 5;
    request.has_seed = 1;
    assert_int_equal(llmcost_leg_set_request(leg, &request), LLMCOST_OK);
    return LLMCOST_CONTINUE;
}

/* What a host puts in a request's place is checked as the caller's was: nothing is dropped in silence. */
static void test_a_request_of_the_hosts_is_checked(void **unused)
{
    (void)unused;
    for (int phase = LLMCOST_PHASE_METER; phase <= LLMCOST_PHASE_BUDGET; phase++) {
        engine_rig rig;
        rig_request space;
        llmcost_response *response;
        actor one = { .enter = set_bad_request }, two = { .enter = ask_for_a_seed };
        rig_open(&rig, "{\"providers\":{\"anthropic\":{\"key\":\"k\"}}}");
        add(&rig, &one, (llmcost_phase)phase, "a");
        add(&rig, &two, (llmcost_phase)phase, "b");
        assert_int_equal(llmcost_chat(rig.client, rig_ask(&space, "anthropic/claude-sonnet-4-5", "hello"), &response), LLMCOST_E_UNSUPPORTED);
        assert_int_equal(rig.network.request_count, 0);
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

static llmcost_verdict spawn_mini(llmcost_leg *leg, actor *self)
{
    (void)self;
    llmcost_spawn spawn = { .struct_size = sizeof spawn, .model = "openai/gpt-4o-mini" };
    assert_non_null(llmcost_leg_spawn(leg, &spawn));
    return LLMCOST_WAIT;
}

/* Also from outside the phase in which names are resolved. */
static void test_a_childs_model_counts_in_every_phase(void **unused)
{
    (void)unused;
    for (int phase = LLMCOST_PHASE_METER; phase <= LLMCOST_PHASE_BUDGET; phase++) {
        engine_rig rig;
        actor one = { .enter = spawn_mini, .resume = adopt_child };
        set_up(&rig);
        add(&rig, &one, (llmcost_phase)phase, "a");
        fake_network_says(&rig.network, "gpt-4o-mini", "mini", 10, 5);
        llmcost_response *response = ask(&rig, LLMCOST_OK);
        assert_string_equal(llmcost_response_text(response), "mini");
        assert_int_equal(llmcost_response_cost_nano(response), 4500);
        llmcost_response_free(response);
        assert_int_equal(one.entered, 1);
        rig_close(&rig);
    }
}

/* ---- events ---- */

static llmcost_event_verdict swallow_text(llmcost_leg *leg, actor *self, const llmcost_event *event)
{
    (void)leg;
    (void)self;
    return event->kind == LLMCOST_EVENT_TEXT ? LLMCOST_SWALLOW : LLMCOST_PASS;
}

static llmcost_event_verdict hold_until_second(llmcost_leg *leg, actor *self, const llmcost_event *event)
{
    (void)leg;
    if (event->kind != LLMCOST_EVENT_TEXT)
        return LLMCOST_PASS;
    return ++self->tries == 2 ? LLMCOST_RELEASE : LLMCOST_HOLD;
}

static llmcost_event_verdict cut_at_second(llmcost_leg *leg, actor *self, const llmcost_event *event)
{
    (void)leg;
    if (event->kind != LLMCOST_EVENT_TEXT)
        return LLMCOST_PASS;
    return ++self->tries == 2 ? LLMCOST_CUT : LLMCOST_PASS;
}

static llmcost_event_verdict hold_all(llmcost_leg *leg, actor *self, const llmcost_event *event)
{
    (void)leg;
    (void)self;
    (void)event;
    return LLMCOST_HOLD;
}

static llmcost_status stream_through(llmcost_event_verdict (*event)(llmcost_leg *, actor *, const llmcost_event *), char *text, size_t bytes, actor *one)
{
    engine_rig rig;
    rig_request space;
    *one = (actor){ .event = event };
    set_up(&rig);
    add(&rig, one, LLMCOST_PHASE_SHAPE, "a");
    fake_network_streams(&rig.network, NULL, (const char *const[]){ "one ", "two ", "three", NULL }, 10, 5);
    llmcost_status status = rig_stream(&rig, rig_ask(&space, "openai/gpt-4o", "hello"), text, bytes, NULL);
    assert_int_equal(one->left, 1);
    assert_int_equal(rig.receipts, 1);
    rig_close(&rig);
    return status;
}

static void test_event_verdicts(void **unused)
{
    (void)unused;
    char text[100];
    actor one;
    assert_int_equal(stream_through(swallow_text, text, sizeof text, &one), LLMCOST_OK);
    assert_string_equal(text, "");
    assert_int_equal(stream_through(hold_until_second, text, sizeof text, &one), LLMCOST_OK);
    assert_string_equal(text, "one two three");
    assert_int_equal(stream_through(hold_all, text, sizeof text, &one), LLMCOST_OK);
    assert_string_equal(text, "one two three"); /* what is still held goes with the answer */
    assert_int_equal(stream_through(cut_at_second, text, sizeof text, &one), LLMCOST_E_CANCELLED);
    assert_string_equal(text, "one ");
}

/* Two children race; the first piece decides, while it is on its way out. */
static llmcost_verdict race_enter(llmcost_leg *leg, actor *self)
{
    static const char *const models[] = { "openai/gpt-4o", "openai/gpt-4o-mini" };
    for (int i = 0; i < 2; i++) {
        llmcost_spawn spawn = { .struct_size = sizeof spawn, .model = models[i], .purpose = "race", .forward_events = 1 };
        self->children[i] = llmcost_leg_spawn(leg, &spawn);
    }
    return LLMCOST_WAIT;
}

static llmcost_verdict race_resume(llmcost_leg *leg, actor *self, const llmcost_wake *wake)
{
    if (wake->child != self->children[0])
        return LLMCOST_WAIT;
    llmcost_leg_cancel_child(leg, self->children[1]);
    return llmcost_leg_adopt(leg, wake->child);
}

static llmcost_event_verdict cancel_the_other(llmcost_leg *leg, actor *self, const llmcost_event *event)
{
    if (event->kind != LLMCOST_EVENT_TEXT)
        return LLMCOST_PASS;
    if (self->tries++ == 0)
        llmcost_leg_cancel_child(leg, self->children[1]);
    assert_int_equal(self->rig->network.aborted, 1); /* at once */
    return LLMCOST_PASS;
}

static llmcost_event_verdict cancel_this_one(llmcost_leg *leg, actor *self, const llmcost_event *event)
{
    assert_int_equal(event->kind, LLMCOST_EVENT_TEXT);
    assert_int_equal(self->tries++, 0); /* none comes after it */
    llmcost_leg_cancel_child(leg, self->children[0]);
    return LLMCOST_PASS;
}

static void test_cancelling_from_within_an_event(void **unused)
{
    (void)unused;
    for (int itself = 0; itself < 2; itself++) {
        engine_rig rig;
        rig_request space;
        char text[100];
        llmcost_response *response;
        actor one = { .enter = race_enter, .resume = race_resume, .event = itself ? cancel_this_one : cancel_the_other };
        set_up(&rig);
        add(&rig, &one, LLMCOST_PHASE_ROUTE, "a");
        fake_network_add(&rig.network, "gpt-4o-mini")->done_ms = FAKE_SILENT;
        static const char both[] = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" two\"}}]}\n\n";
        fake_exchange *exchange = fake_network_add(&rig.network, NULL);
        exchange->headers[0] = "Content-Type: text/event-stream";
        fake_exchange_piece(exchange, 1, both, sizeof both - 1);
        fake_exchange_end(exchange, 2, "stop", 10, 5);
        rig_ask(&space, "openai/gpt-4o", "hello")->deadline_ms = 5000;
        assert_int_equal(rig_stream(&rig, &space.request, text, sizeof text, &response), itself ? LLMCOST_E_CANCELLED : LLMCOST_OK);
        assert_string_equal(text, itself ? "one" : "one two");
        assert_int_equal(fake_clock_ms(&rig.clock), itself ? 1 : 2);
        assert_int_equal(llmcost_response_line_count(response), 2);
        rig_check_receipt(response);
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

/* ---- requests, operations ---- */

static llmcost_verdict lower_length(llmcost_leg *leg, actor *self)
{
    (void)self;
    llmcost_request request = *llmcost_leg_request(leg);
    request.max_tokens = request.max_tokens ? request.max_tokens * 2 : 7;
    assert_int_equal(llmcost_leg_set_request(leg, &request), LLMCOST_OK);
    return LLMCOST_CONTINUE;
}

static llmcost_verdict shorten_once(llmcost_leg *leg, actor *self)
{
    return llmcost_leg_status(leg) == LLMCOST_E_CONTEXT_LENGTH ? lower_length(leg, self), LLMCOST_ANOTHER : LLMCOST_CONTINUE;
}

/* What a policy changes before it asks for another try is what that try is made with. */
static void test_another_try_has_the_request_set_for_it(void **unused)
{
    (void)unused;
    engine_rig rig;
    actor one = { .leave = shorten_once };
    set_up(&rig);
    add(&rig, &one, LLMCOST_PHASE_SHAPE, "a");
    fake_network_fails(&rig.network, NULL, 400, "context_length_exceeded")->times = 1;
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    llmcost_response_free(ask(&rig, LLMCOST_OK));
    assert_int_equal(rig.network.request_count, 2);
    assert_null(strstr(rig.network.requests[0].body, "_tokens\":7"));
    assert_non_null(strstr(rig.network.requests[1].body, "_tokens\":7"));
    rig_close(&rig);
}

/* Another try begins with the request as it was let inward, not as the first try left it. */
static void test_another_try_has_the_request_of_its_place(void **unused)
{
    (void)unused;
    engine_rig rig;
    actor one = { .leave = another_once }, inner = { .enter = lower_length };
    set_up(&rig);
    add(&rig, &one, LLMCOST_PHASE_ROUTE, "a");
    add(&rig, &inner, LLMCOST_PHASE_KEYS, "b");
    fake_network_says(&rig.network, NULL, "hi", 10, 5);
    llmcost_response_free(ask(&rig, LLMCOST_OK));
    assert_non_null(strstr(rig.network.requests[0].body, "_tokens\":7"));
    assert_non_null(strstr(rig.network.requests[1].body, "_tokens\":7"));
    rig_close(&rig);
}

/* An answer to a request that was changed behind the cache is no answer to the one that the cache saw. */
static void test_a_request_changed_behind_the_cache(void **unused)
{
    (void)unused;
    static const llmcost_phase phases[] = { LLMCOST_PHASE_METER, LLMCOST_PHASE_RESOLVE, LLMCOST_PHASE_CACHE, LLMCOST_PHASE_SHAPE, LLMCOST_PHASE_RETRY, LLMCOST_PHASE_BUDGET };
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        engine_rig rig;
        actor one = { .enter = lower_length };
        rig_open(&rig, "{" RIG_OPENAI ",\"cache\":{\"memory\":{},\"sampled\":true}}");
        add(&rig, &one, phases[i], "a");
        fake_network_says(&rig.network, NULL, "hi", 10, 5);
        llmcost_response_free(ask(&rig, LLMCOST_OK));
        assert_non_null(strstr(rig.network.requests[0].body, "_tokens\":7"));
        llmcost_response_free(ask(&rig, LLMCOST_OK));
        assert_int_equal(rig.network.request_count, phases[i] < LLMCOST_PHASE_CACHE ? 1 : 2);
        rig_close(&rig);
    }
}

static void test_operations(void **unused)
{
    (void)unused;
    engine_rig rig;
    actor one = { .on_enter = LLMCOST_CONTINUE }, two = { 0 };
    llmcost_response *response;
    set_up(&rig);
    llmcost_policy chat_only = { .struct_size = sizeof chat_only, .phase = LLMCOST_PHASE_SHAPE, .name = "chat", .user = &one, .operations = 1,
                                 .state_bytes = sizeof(actor *), .enter = actor_enter, .leave = actor_leave, .destroy = actor_destroy };
    one.name = "chat";
    assert_int_equal(llmcost_client_add_policy(rig.client, &chat_only), LLMCOST_OK);
    add(&rig, &two, LLMCOST_PHASE_SHAPE, "all");
    fake_exchange *exchange = fake_network_add(&rig.network, NULL);
    static const char models[] = "{\"object\":\"list\",\"data\":[{\"id\":\"a\"},{\"id\":\"b\"}]}";
    fake_exchange_piece(exchange, 0, models, sizeof models - 1);
    assert_int_equal(llmcost_list_models(rig.client, "openai", &response), LLMCOST_OK);
    assert_int_equal(llmcost_response_model_count(response), 2);
    assert_string_equal(llmcost_response_model(response, 1), "b");
    assert_int_equal(one.entered, 0);
    assert_int_equal(two.entered, 1);
    assert_int_equal(two.left, 1);
    llmcost_response_free(response);
    assert_int_equal(llmcost_list_models(rig.client, "nobody", &response), LLMCOST_E_UNKNOWN_MODEL);
    llmcost_response_free(response);
    rig_close(&rig);
}

static llmcost_verdict spawn_and_go(llmcost_leg *leg, actor *self)
{
    llmcost_spawn spawn = { .struct_size = sizeof spawn, .model = "openai/gpt-4o-mini", .purpose = "shadow" };
    self->children[0] = llmcost_leg_spawn(leg, &spawn);
    return LLMCOST_CONTINUE;
}

/* A child that nobody waits for ends before its parent does, and its completion resumes nobody. */
static void test_a_child_that_nobody_waits_for(void **unused)
{
    (void)unused;
    engine_rig rig;
    actor one = { .enter = spawn_and_go };
    set_up(&rig);
    add(&rig, &one, LLMCOST_PHASE_ROUTE, "a");
    fake_network_says(&rig.network, "gpt-4o-mini", "shadow", 10, 5);
    fake_exchange *slow = fake_network_says(&rig.network, NULL, "main", 10, 5);
    slow->pieces[0].at_ms = slow->done_ms = 100;
    llmcost_response *response = ask(&rig, LLMCOST_OK);
    assert_string_equal(llmcost_response_text(response), "main");
    assert_int_equal(llmcost_response_line_count(response), 2);
    assert_string_equal(trace, "a.enter a.leave");
    llmcost_response_free(response);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_in_every_phase),
        cmocka_unit_test(test_policies_without_a_state),
        cmocka_unit_test(test_fail_from_enter),
        cmocka_unit_test(test_verdicts_that_make_no_sense_are_failures),
        cmocka_unit_test(test_answer_from_enter_also_streams),
        cmocka_unit_test(test_answer_from_leave_over_a_failure),
        cmocka_unit_test(test_wait_by_timer_in_enter_and_leave),
        cmocka_unit_test(test_a_late_wake_reaches_nobody),
        cmocka_unit_test(test_wait_by_waker_of_another_thread),
        cmocka_unit_test(test_a_wait_without_an_end_is_ended),
        cmocka_unit_test(test_another),
        cmocka_unit_test(test_several_children),
        cmocka_unit_test(test_hedge),
        cmocka_unit_test(test_cancelling_a_parent_cancels_its_children),
        cmocka_unit_test(test_a_childs_own_deadline_ends_any_wait),
        cmocka_unit_test(test_a_child_of_an_unknown_name),
        cmocka_unit_test(test_a_policy_that_hands_on_null),
        cmocka_unit_test(test_a_cascade_under_a_later_policy_of_its_phase),
        cmocka_unit_test(test_children_that_cannot_be),
        cmocka_unit_test(test_a_request_of_the_hosts_is_checked),
        cmocka_unit_test(test_a_childs_model_counts_in_every_phase),
        cmocka_unit_test(test_event_verdicts),
        cmocka_unit_test(test_cancelling_from_within_an_event),
        cmocka_unit_test(test_another_try_has_the_request_set_for_it),
        cmocka_unit_test(test_another_try_has_the_request_of_its_place),
        cmocka_unit_test(test_a_request_changed_behind_the_cache),
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_a_child_that_nobody_waits_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
