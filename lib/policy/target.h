/*
 * What is known of a target's health ("provider/model"), shared by all its leaves and all threads: its circuit breaker,
 * how long its answers take, and the result of an active check.
 *
 * Functions of time and outcomes only: the policy is breaker.c, active checks are health.c.
 */
#ifndef LLMC_TARGET_H
#define LLMC_TARGET_H

#include "base/buffer.h"
#include "base/memory.h"
#include "provider/provider.h"

#include <pthread.h>

typedef enum llmc_breaker_state { LLMC_BREAKER_CLOSED = 0, LLMC_BREAKER_OPEN = 1, LLMC_BREAKER_HALF_OPEN = 2 } llmc_breaker_state;

enum { LLMC_TARGET_SLICES = 10, LLMC_LATENCY_STEPS = 88, LLMC_TARGETS_MOST = 4096 };

typedef struct llmc_target_counts {
    uint32_t calls, failures, slow;
} llmc_target_counts;

/* Durations on a scale of four steps per doubling, up to an hour; halved now and then, so that the latest count most. */
typedef struct llmc_latency {
    uint16_t counts[LLMC_LATENCY_STEPS];
    uint32_t total;
} llmc_latency;
int64_t llmc_latency_quantile_ms(const llmc_latency *latency, uint32_t permille); /* the step's upper end; -1: none were counted */

typedef struct llmc_target {
    const char *name;
    const llmc_breaker_rules *rules;
    struct llmc_target *next;      /* of the same chain; as the rest above the lock it never changes */
    uint64_t hash;
    atomic_uint phase;             /* how often the state changed, times 4, and the state: all that most calls look at */
    pthread_mutex_t lock;          /* guards what follows */
    llmc_target_counts slices[LLMC_TARGET_SLICES]; /* the window, the newest at newest % SLICES */
    int64_t newest, slice_ends_ns;
    llmc_target_counts *slice;     /* the newest */
    int64_t open_until_ns, lone_until_ns; /* lone: for calls with no other target, not doubled */
    uint32_t reopened, good_probes;
    bool probing;
    int64_t last_good_ns, last_bad_ns;    /* -1: never */
    llmcost_status last_error;
    uint64_t calls, failures, slow, refused, opened; /* since the client was opened */
    llmc_latency whole, first_byte;
    int64_t checked_ns, checking_until_ns; /* the active check; -1: never */
    bool check_good;
} llmc_target;

/* ---- the table (any thread, without locks) ---- */

struct llmc_targets *llmc_targets_new(const llmc_allocator *allocator); /* allocator is borrowed */
void llmc_targets_free(struct llmc_targets *targets); /* NULL is fine */
/* The target of this name, made when it is new; name is copied, rules are borrowed. NULL: the table is full. false: no memory. */
bool llmc_target_of(struct llmc_targets *targets, const char *name, const llmc_breaker_rules *rules, llmc_target **out);
/* How many there are, and the first `most` of them in no order. */
size_t llmc_targets_list(struct llmc_targets *targets, llmc_target **list, size_t most);
/* JSON, by name (target_report.c). E_MEMORY, else as the buffer has it. */
llmcost_status llmc_targets_describe(struct llmc_targets *targets, const llmc_allocator *allocator, int64_t now_ns, llmc_buffer *out);

/* A target as it is at one instant. */
typedef struct llmc_target_view {
    llmc_breaker_state state;
    bool healthy;
    int64_t open_until_ns;
    llmcost_status last_error;
    uint64_t calls, failures, slow, refused, opened;
    llmc_target_counts window;
    llmc_latency whole, first_byte;
} llmc_target_view;
void llmc_target_look(llmc_target *target, int64_t now_ns, llmc_target_view *out);
const char *llmc_breaker_state_name(llmc_breaker_state state); /* target_report.c */

/* ---- the breaker ---- */

/* A change of state, to be told when no lock is held. */
typedef struct llmc_target_change {
    const char *target; /* NULL: nothing has changed */
    llmc_breaker_state state;
    llmc_target_counts window;
} llmc_target_change;

/* A leg's permission to call. */
typedef struct llmc_target_pass {
    llmc_target *target; /* NULL: none */
    unsigned phase;
    bool probe;
} llmc_target_pass;

typedef enum llmc_outcome {
    LLMC_OUTCOME_NOTHING, /* it says nothing of the target: never sent, cancelled */
    LLMC_OUTCOME_ALIVE,   /* the target spoke, and not of itself: the request, the key, a limit */
    LLMC_OUTCOME_GOOD,
    LLMC_OUTCOME_BAD
} llmc_outcome;

typedef struct llmc_target_report {
    llmc_outcome outcome;
    llmcost_status status;
    int64_t now_ns, whole_ms, first_byte_ms; /* -1: not known */
    int64_t retry_after_ms;                  /* of a bad one; -1: the provider did not say */
} llmc_target_report;

static inline llmc_breaker_state llmc_phase_state(unsigned phase)
{
    return (llmc_breaker_state)(phase & 3);
}

/* The way of most calls: false where llmc_target_admit() must be asked. */
static inline bool llmc_target_admit_closed(llmc_target *target, llmc_target_pass *pass)
{
    *pass = (llmc_target_pass){ .target = target, .phase = atomic_load_explicit(&target->phase, memory_order_acquire) };
    return llmc_phase_state(pass->phase) == LLMC_BREAKER_CLOSED;
}
/* lone: the call has no other target. false: refused; *wait_ms: until the next probe may go, -1 while one is under way. */
bool llmc_target_admit(llmc_target *target, int64_t now_ns, bool lone, llmc_target_pass *pass, int64_t *wait_ms, llmc_target_change *change);
/* Of most calls: a good answer to a call that no breaker had a part in. false: not so, llmc_target_report_outcome() takes it. */
bool llmc_target_report_good(const llmc_target_pass *pass, int64_t now_ns, int64_t whole_ms, int64_t first_byte_ms);
/* Exactly once for each pass. */
void llmc_target_report_outcome(const llmc_target_pass *pass, const llmc_target_report *report, llmc_target_change *change);
/* Whether a leg that comes at this instant would be refused. */
bool llmc_target_would_refuse(llmc_target *target, int64_t at_ns, bool lone);
int64_t llmc_target_median_first_byte_ms(llmc_target *target); /* -1: not known */

/* ---- health ---- */

/*
 * Healthy is what a call may be sent to with some hope: the breaker would let it in, and the latest answer was no failure,
 * or that is longer ago than the breaker stays open at first, so that somebody tries again.
 */
bool llmc_target_is_healthy(llmc_target *target, int64_t now_ns); /* NULL: true */
bool llmc_target_checked(llmc_target *target, int64_t now_ns, int64_t good_for_ms, bool *good); /* an active check's result is known */
bool llmc_target_begin_check(llmc_target *target, int64_t now_ns, int64_t until_ns); /* false: another leg is at it */
void llmc_target_end_check(llmc_target *target, int64_t now_ns, bool known, bool good);

#endif
