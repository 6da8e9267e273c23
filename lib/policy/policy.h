/*
 * What a policy sees: the leg it works on, the services of the client, and how to make children.
 *
 * A leg is walked by the engine (call/leg.c), which alone changes its position. Policies meet in the leg: none knows
 * another's insides. Descriptors are llmcost_policy (plugin.h), the same for ours and the host's.
 */
#ifndef LLMC_POLICY_H
#define LLMC_POLICY_H

#include "base/random.h"
#include "money/receipt.h"
#include "policy/settings.h"
#include "policy/target.h"
#include "provider/answer.h"
#include "store/memory_cache.h"
#include "wire/driver.h"

#include <llmcost/plugin.h>

typedef struct llmc_call llmc_call;

/* The client as policies see it: services, all usable from any thread. */
typedef struct llmc_services {
    llmc_allocator allocator;
    llmcost_clock clock;
    llmc_random random;
    const llmc_settings *settings;
    llmc_memory_cache *cache;             /* NULL: none */
    llmcost_cache_store cache_store;      /* get NULL: none */
    atomic_uint_fast64_t cache_generation; /* how often the cache was cleared: a host's store is then asked elsewhere */
    llmc_account_engine *accounts;        /* NULL: no budgets */
    struct llmc_lanes *lanes;             /* NULL: no provider has limits */
    llmc_totals *totals;
    llmc_experiments *experiments;        /* NULL: the config has no split */
    llmcost_alert_fn on_alert;
    void *on_alert_user;
    llmcost_receipt_fn on_receipt;
    void *on_receipt_user;
    struct llmc_named_hook *judges, *key_sources, *labellers;
    atomic_uint_fast64_t policy_failures, dropped_detached, detached, bound_exceeded, refused, retries_refused;
    void (*on_target)(const llmc_target_change *change, void *user); /* a breaker has changed its state; never under a lock */
    void *on_target_user;
    llmcost_log_fn log;
    void *log_user;
    int32_t log_level;
} llmc_services;

/* A callback of the host's that the config names. */
typedef struct llmc_named_hook {
    struct llmc_named_hook *next;
    char *name;
    union {
        llmcost_judge_fn judge;
        llmcost_key_fn key;
        llmcost_labeller_fn label;
    } fn;
    void *user;
} llmc_named_hook;
const llmc_named_hook *llmc_named_hook_find(const llmc_named_hook *hooks, const char *name); /* NULL: none */

/* What a policy is doing with a leg at its place. */
typedef enum llmc_leg_stage { LLMC_LEG_NEW = 0, LLMC_LEG_ENTERING, LLMC_LEG_LEAVING, LLMC_LEG_COMPLETE } llmc_leg_stage;

typedef struct llmc_pending_wake {
    struct llmc_pending_wake *next;
    llmcost_wake wake;
} llmc_pending_wake;

struct llmc_held_events;

/* Of a leg's walk, at a policy. */
typedef struct llmc_stop {
    void *state;                    /* the policy's, when it was entered; NULL: it has none */
    const llmcost_request *request; /* as it was when the policy let the leg inward; NULL: it has not */
} llmc_stop;

struct llmcost_leg {
    llmc_call *call;
    llmc_services *services;
    llmc_arena *arena;                  /* the call's, as is the receipt */
    llmc_receipt *receipt;
    llmcost_leg *parent, *children, *next_sibling;
    llmcost_leg *next_ready;            /* engine's queue */
    const llmc_operation *operation;
    const llmcost_request *request;     /* newest layout; policies replace it, never write into it */
    const llmc_route *route;            /* NULL before resolve; a leaf is a target */
    const llmc_route *named_route;      /* as it stands in the config, before its choices were made; for the baseline */
    const char *provider_name;          /* operations without a route (list models): where to */
    const llmc_credential *credential;  /* what it shows there; NULL: nothing, or the first */
    const llmc_secret *token;           /* what that was exchanged for; NULL: it is shown itself */
    llmc_secret *received;              /* where an exchange puts what it got; NULL: it is none */
    const char *purpose;
    uint64_t serial;

    uint16_t first, at;                 /* policy indices: it has been at first..at */
    uint32_t visit, parent_visit;       /* counts the moves of this leg; the parent's, when this child was made */
    uint8_t stage, waiting, forwards, queued, cancelled, wanted_another;
    bool altered, sent, timer_set, deadline_timer_set;
    bool no_store;                      /* not for the cache, though nothing about the answer is altered */
    uint8_t wishes;                     /* what of its request the library asks for by itself (wish.h) */
    bool unchecked;                     /* the host gave it a request or a target of its own */
    bool all_fit;                       /* every leaf of the call's route can serve the request that this leg has */
    bool unseen;                        /* its answer has not gone outward as events */
    bool has_alternative;               /* a further target is asked when it fails: it need not wait long, nor try what is bound to fail */
    bool delivered;                     /* content of this leg has reached the caller: no other try can be invisible */
    bool until_shown;                   /* its own deadline holds until content of it has reached the caller */
    uint32_t attempt;                   /* retries: 0 is the first */
    uint64_t entered;                   /* a bit for each policy that was entered, and not left again */

    int64_t deadline_ns;
    int64_t concluded_ns;               /* when its own exchange with a provider was over; 0: it had none, or has it still */
    llmc_timer timer;                   /* of llmcost_leg_timer() */
    llmc_timer deadline_timer;          /* of a child whose deadline is its own */
    llmc_pending_wake *wakes, *last_wake; /* the last of any */

    llmcost_status status;
    llmcost_error error;
    llmc_answer *answer;                /* one reference */
    const llmcost_leg *source;          /* whose answer it is: a leaf leg, through adoptions */
    llmc_line *line;                    /* on the receipt; NULL: none yet */
    llmc_usage usage;
    const char *pruned;                 /* reasons, see check.c; bits of steps in pruned_steps */
    uint64_t pruned_steps;
    struct llmc_facts *facts;           /* what chooses found out about its request; NULL: nothing so far */
    int64_t extra_prompt_tokens;
    int64_t too_small;                  /* a context window of so many tokens did not hold the prompt; 0: none is known */
    int64_t requested_wall_ms;          /* decides price periods and budget windows */
    int64_t counted_nano, counted_in, counted_out;  /* detached: what the caller's receipt said before the true usage was known */
    int64_t bound_nano;                 /* what a budget holds for it; -1: nothing */
    struct llmc_held_events *held;      /* of the policy that holds */
    struct llmc_place *place;           /* what it occupies at its provider; NULL: nothing. A detached leg takes it along */
    const char *another;                /* purpose of its next try; NULL: "retry" */
    llmc_stop stops[];                  /* one per policy */
};

/* ---- what the engine does for policies (call/) ---- */

static inline llmc_arena *llmc_leg_arena(const llmcost_leg *leg)
{
    return leg->arena;
}
static inline llmc_receipt *llmc_leg_receipt(const llmcost_leg *leg)
{
    return leg->receipt;
}
llmcost_response *llmc_leg_response(llmcost_leg *leg);
int64_t llmc_leg_now(const llmcost_leg *leg);
int64_t llmc_leg_call_started(const llmcost_leg *leg);
bool llmc_leg_streams(const llmcost_leg *leg);          /* the caller wants pieces */
bool llmc_leg_is_detached(const llmcost_leg *leg);      /* nobody waits for it any more */
/* The driver of the call, leased now if it has none. NULL: E_MEMORY. */
llmc_driver *llmc_leg_driver(llmcost_leg *leg);
const llmcost_transport *llmc_leg_transport(llmcost_leg *leg);

llmcost_verdict llmc_leg_fail(llmcost_leg *leg, llmcost_status status, const char *format, ...) __attribute__((format(printf, 3, 4), cold));
llmcost_verdict llmc_leg_out_of_memory(llmcost_leg *leg) __attribute__((cold));
llmcost_verdict llmc_leg_no_driver(llmcost_leg *leg) __attribute__((cold)); /* after llmc_leg_driver() or llmcost_leg_waker() gave none: no memory, or the client is being closed */
void llmc_leg_set_answer(llmcost_leg *leg, llmc_answer *answer); /* takes the reference */

/* A child, inside the library: a route instead of a name. */
typedef struct llmc_spawn {
    llmcost_phase first_phase;
    bool inside;                     /* begin no further out than just inside the policy that spawns */
    const llmc_operation *operation; /* NULL: the parent's */
    const llmc_route *route;
    const llmcost_request *request;
    uint8_t wishes;      /* of a request given here (wish.h); without one they are the parent's, as is the request */
    const char *purpose;
    bool forwards;
    uint32_t attempt;
    int64_t deadline_ns; /* 0: the parent's */
    bool until_shown;    /* deadline_ns holds until content of the child has reached the caller, then the parent's does */
} llmc_spawn;
llmcost_leg *llmc_leg_spawn(llmcost_leg *parent, const llmc_spawn *spawn);

/* Resume a waiting leg; later, from the engine's queue. The driver's thread. */
void llmc_leg_wake(llmcost_leg *leg, const llmcost_wake *wake);
/* Run what is ready of the leg's call. Called at the end of every callback of the driver. */
void llmc_leg_pump(llmcost_leg *leg);
/* The same, when the transport has returned: within a callback of its own it may neither start nor let go of anything. */
void llmc_leg_pump_later(llmcost_leg *leg);
/*
 * Before waiting for what a detached leg may hold: what is ready of those that rest on drivers of nobody. true: some are
 * left, which nobody runs but in turns: come again in a while.
 */
bool llmc_leg_give_turn(const llmcost_leg *leg);
enum { LLMC_TURN_MS = 20 };
bool llmc_leg_caller_left(const llmcost_leg *leg); /* he said so on being shown a piece */
bool llmc_leg_was_delivered(const llmcost_leg *leg); /* content of it has reached him, perhaps from a policy further out */

/* An event on its way out, from the policy that the leg is at. false: stop, the leg was cut. */
bool llmc_leg_emit(llmcost_leg *leg, const llmcost_event *event);
/* Let go what the policy that the leg is at holds, but for the last keep_bytes of text. false: the leg was cut. */
bool llmc_leg_release(llmcost_leg *leg, size_t keep_bytes);
bool llmc_leg_hold(llmcost_leg *leg, const llmcost_event *event); /* queue an event at the policy that the leg is at; false: no memory */
void llmc_leg_trim_held(llmcost_leg *leg, size_t bytes);          /* take so many bytes off the end of the held text */
void llmc_leg_drop_held(llmcost_leg *leg);
/* An event was not taken: by the caller, who wants no more, or for want of memory. Fails the leg. */
llmcost_verdict llmc_leg_stopped(llmcost_leg *leg);
llmcost_status llmc_leg_stop_status(const llmcost_leg *leg);
void llmc_leg_lose_event(llmcost_leg *leg); /* for want of memory */
/*
 * Another answer follows in place of what came through the policy that the leg is at. What is held of it is dropped, the
 * policies further out are told, and the caller too, if part of it has reached him. false: he wants no more.
 */
bool llmc_leg_begin_again(llmcost_leg *leg);
/* Emit the leg's answer piece by piece, as a stream would have come: ANSWER, or FAIL when the caller wants no more. */
llmcost_verdict llmc_leg_replay(llmcost_leg *leg);

/* The leg's line on the receipt, made when first asked for. NULL without memory. */
llmc_line *llmc_leg_line(llmcost_leg *leg);

/*
 * Split a waiting leg: what is inside `phase` (and it) goes on as a detached leg of its own on the same driver, which
 * is returned; the rest walks out. NULL without memory: nothing changed.
 */
llmcost_leg *llmc_leg_detach(llmcost_leg *leg, llmcost_phase phase);

/* A policy failed and the call goes on: counted, logged, and told on the receipt. why is static. */
void llmc_leg_policy_failed(llmcost_leg *leg, const char *policy, const char *why);
static inline bool llmc_services_logs(const llmc_services *services, int level)
{
    return services->log && level <= services->log_level;
}
void llmc_services_log(llmc_services *services, int level, const char *part, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ---- health (health.c): for policies that choose by it, from enter or resume ---- */

/* How the target of a leaf is, where that is known without asking it: true, and *healthy. */
bool llmc_health_known(llmcost_leg *leg, const llmc_route *route, bool *healthy);
/*
 * Where it is not: a child that asks the target's server for its models, within half a second and at no cost; wait for it.
 * NULL: it cannot be asked or another leg is at it, take llmc_target_is_healthy(); or the leg has failed: its status says so.
 */
llmcost_leg *llmc_health_ask(llmcost_leg *leg, const llmc_route *route);
bool llmc_health_learn(llmcost_leg *leg, const llmcost_leg *child); /* of the complete child: healthy */
llmc_outcome llmc_outcome_of(const llmcost_leg *leg); /* breaker.c: what the end of a leg that was on the wire says of its target */

/* ---- the policies, in the order of their phases ---- */

bool llmc_route_fits(llmcost_leg *leg, const llmc_route *route); /* check.c: whether it can serve the leg's request */
bool llmc_route_takes(llmcost_leg *leg, const llmc_route *route, llmcost_error *error); /* the same, saying why not */
void llmc_route_prune(llmcost_leg *leg, const llmc_route *route, const llmcost_error *error); /* on the receipt: it cannot */
void llmc_route_tell_unfit(llmcost_leg *leg, const llmc_route *route); /* check.c: on the receipt, why it cannot */

/* What came of the sides of splits (outcome.c). Late: a detached leg of a call that was counted cost so much more. */
void llmc_count_outcome(llmcost_leg *leg, const llmc_call_facts *facts);
void llmc_count_late(llmc_services *services, llmc_receipt *receipt, int64_t more_nano);

extern const llmcost_policy llmc_policy_meter;
extern const llmcost_policy llmc_policy_resolve;
extern const llmcost_policy llmc_policy_cache;
extern const llmcost_policy llmc_policy_check;
extern const llmcost_policy llmc_policy_choose;
extern const llmcost_policy llmc_policy_cascade;
extern const llmcost_policy llmc_policy_fallback;
extern const llmcost_policy llmc_policy_batch_inputs;
extern const llmcost_policy llmc_policy_retry;
extern const llmcost_policy llmc_policy_keys;
extern const llmcost_policy llmc_policy_breaker;
extern const llmcost_policy llmc_policy_limits;
extern const llmcost_policy llmc_policy_fit;
extern const llmcost_policy llmc_policy_format;
extern const llmcost_policy llmc_policy_budget;
extern const llmcost_policy llmc_policy_wire;

#endif
