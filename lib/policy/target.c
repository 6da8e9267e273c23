/*
 * The shared state of targets, and the circuit breaker's rules.
 *
 * The window is ten slices of time that move on with the clock: nine tenths of it to the whole. A breaker that has
 * opened stays so for open_ms, doubled each time that a probe fails, then lets in one probe at a time. The outcome of a
 * call counts for the state it was let in under: what was sent before a change comes too late to speak of what is after.
 *
 * A call that has no other target loses nothing by trying: it is refused only while the target answers nobody, and its
 * probes wait no longer than open_ms.
 *
 * The table only grows, without locks: its names may come from outside, so it is bounded.
 */
#include "policy/target.h"

#include "base/clock.h"
#include "base/hash.h"

#include <string.h>

enum { CHAINS = 256 };

struct llmc_targets {
    llmc_allocator allocator;
    atomic_uint count;
    _Atomic(llmc_target *) chains[CHAINS];
};

/* ---- the table ---- */

struct llmc_targets *llmc_targets_new(const llmc_allocator *allocator)
{
    struct llmc_targets *targets = llmc_calloc(allocator, 1, sizeof *targets);
    if (targets)
        targets->allocator = *allocator;
    return targets;
}

static void free_target(llmc_target *target, const llmc_allocator *allocator)
{
    pthread_mutex_destroy(&target->lock);
    llmc_free(allocator, target);
}

void llmc_targets_free(struct llmc_targets *targets)
{
    for (size_t i = 0; targets && i < CHAINS; i++) {
        llmc_target *target = atomic_load_explicit(&targets->chains[i], memory_order_relaxed);
        while (target) {
            llmc_target *next = target->next;
            free_target(target, &targets->allocator);
            target = next;
        }
    }
    if (targets) {
        llmc_allocator allocator = targets->allocator;
        llmc_free(&allocator, targets);
    }
}

static llmc_target *new_target(const llmc_allocator *allocator, const char *name, const llmc_breaker_rules *rules)
{
    size_t bytes = strlen(name) + 1;
    llmc_target *target = llmc_calloc(allocator, 1, sizeof *target + bytes);
    if (!target || pthread_mutex_init(&target->lock, NULL)) {
        llmc_free(allocator, target);
        return NULL;
    }
    target->name = memcpy(target + 1, name, bytes);
    target->rules = rules;
    target->slice = target->slices;
    target->last_good_ns = target->last_bad_ns = target->checked_ns = target->checking_until_ns = -1;
    return target;
}

static llmc_target *find(llmc_target *chain, const llmc_target *end, uint64_t hash, const char *name)
{
    while (chain != end && (chain->hash != hash || strcmp(chain->name, name) != 0))
        chain = chain->next;
    return chain == end ? NULL : chain;
}

bool llmc_target_of(struct llmc_targets *targets, const char *name, const llmc_breaker_rules *rules, llmc_target **out)
{
    uint64_t hash = llmc_hash64(name, strlen(name), 0);
    _Atomic(llmc_target *) *chain = &targets->chains[hash % CHAINS];
    llmc_target *first = atomic_load_explicit(chain, memory_order_acquire);
    *out = find(first, NULL, hash, name);
    if (*out)
        return true;
    if (atomic_fetch_add_explicit(&targets->count, 1, memory_order_relaxed) >= LLMC_TARGETS_MOST) {
        atomic_fetch_sub_explicit(&targets->count, 1, memory_order_relaxed);
        return true;
    }
    llmc_target *made = new_target(&targets->allocator, name, rules);
    if (!made) {
        atomic_fetch_sub_explicit(&targets->count, 1, memory_order_relaxed);
        return false;
    }
    made->hash = hash;
    made->next = first;
    while (!atomic_compare_exchange_weak_explicit(chain, &first, made, memory_order_acq_rel, memory_order_acquire)) {
        *out = find(first, made->next, hash, name); /* another thread was quicker */
        if (*out) {
            free_target(made, &targets->allocator);
            atomic_fetch_sub_explicit(&targets->count, 1, memory_order_relaxed);
            return true;
        }
        made->next = first;
    }
    *out = made;
    return true;
}

size_t llmc_targets_list(struct llmc_targets *targets, llmc_target **list, size_t most)
{
    size_t count = 0;
    for (size_t i = 0; i < CHAINS; i++) {
        for (llmc_target *target = atomic_load_explicit(&targets->chains[i], memory_order_acquire); target; target = target->next, count++) {
            if (count < most)
                list[count] = target;
        }
    }
    return count;
}

/* ---- latency ---- */

static inline size_t step_of(int64_t ms)
{
    if (ms < 4)
        return ms > 0 ? (size_t)ms : 0;
    int power = 63 - __builtin_clzll((unsigned long long)ms);
    size_t step = (size_t)(power - 1) * 4 + (size_t)(ms >> (power - 2) & 3);
    return step < LLMC_LATENCY_STEPS ? step : LLMC_LATENCY_STEPS - 1;
}

static int64_t end_of_step(size_t step)
{
    if (step < 4)
        return (int64_t)step;
    int power = (int)(step / 4) + 1;
    return ((int64_t)(4 + step % 4 + 1) << (power - 2)) - 1;
}

__attribute__((noinline)) static void halve(llmc_latency *latency)
{
    latency->total = 0;
    for (size_t i = 0; i < LLMC_LATENCY_STEPS; i++)
        latency->total += latency->counts[i] /= 2;
}

static inline void count_latency(llmc_latency *latency, int64_t ms)
{
    enum { MOST = 2000 };
    if (__builtin_expect(ms < 0, 0))
        return;
    latency->counts[step_of(ms)]++;
    if (++latency->total >= MOST)
        halve(latency);
}

int64_t llmc_latency_quantile_ms(const llmc_latency *latency, uint32_t permille)
{
    uint64_t wanted = ((uint64_t)latency->total * permille + 999) / 1000, seen = 0;
    for (size_t i = 0; latency->total && i < LLMC_LATENCY_STEPS; i++) {
        seen += latency->counts[i];
        if (seen >= wanted && seen)
            return end_of_step(i);
    }
    return -1;
}

/* ---- the window ---- */

static void move_window(llmc_target *target, int64_t now_ns)
{
    int64_t slice_ns = (int64_t)target->rules->window_ms * (LLMC_MS / LLMC_TARGET_SLICES), slice = now_ns / slice_ns;
    if (slice <= target->newest) /* a clock read before another thread's */
        return;
    int64_t passed = slice - target->newest;
    for (int64_t i = 0; i < passed && i < LLMC_TARGET_SLICES; i++)
        target->slices[(slice - i) % LLMC_TARGET_SLICES] = (llmc_target_counts){ 0 };
    target->newest = slice;
    target->slice = &target->slices[slice % LLMC_TARGET_SLICES];
    target->slice_ends_ns = (slice + 1) * slice_ns;
}

static inline llmc_target_counts *slice_at(llmc_target *target, int64_t now_ns)
{
    if (__builtin_expect(now_ns >= target->slice_ends_ns, 0))
        move_window(target, now_ns);
    return target->slice;
}

static llmc_target_counts window_of(llmc_target *target, int64_t now_ns)
{
    llmc_target_counts sum = { 0 };
    move_window(target, now_ns);
    for (size_t i = 0; i < LLMC_TARGET_SLICES; i++) {
        sum.calls += target->slices[i].calls;
        sum.failures += target->slices[i].failures;
        sum.slow += target->slices[i].slow;
    }
    return sum;
}

static bool is_too_much(const llmc_breaker_rules *rules, const llmc_target_counts *window)
{
    if (rules->off || window->calls < (uint32_t)rules->min_calls)
        return false;
    return (int64_t)window->failures * 1000 >= (int64_t)window->calls * rules->failed_permille ||
           (rules->slow_ms && (int64_t)window->slow * 1000 >= (int64_t)window->calls * rules->slow_permille);
}

/* ---- changes of state ---- */

static llmc_breaker_state state_of(const llmc_target *target)
{
    return llmc_phase_state(atomic_load_explicit(&target->phase, memory_order_relaxed));
}

static void change_to(llmc_target *target, llmc_breaker_state state, int64_t now_ns, llmc_target_change *change)
{
    unsigned phase = atomic_load_explicit(&target->phase, memory_order_relaxed);
    atomic_store_explicit(&target->phase, ((phase >> 2) + 1) << 2 | (unsigned)state, memory_order_release);
    target->probing = false;
    *change = (llmc_target_change){ target->name, state, window_of(target, now_ns) };
}

static int64_t longest_ms(const llmc_breaker_rules *rules)
{
    return rules->max_open_ms > rules->open_ms ? rules->max_open_ms : rules->open_ms;
}

static void keep_open_until(int64_t *until_ns, int64_t other_ns)
{
    if (*until_ns < other_ns)
        *until_ns = other_ns;
}

/* Never longer than max_open_ms: after that it is worth a probe, whatever was said. */
static void heed_retry_after(llmc_target *target, int64_t now_ns, int64_t retry_after_ms)
{
    int64_t most = longest_ms(target->rules);
    if (retry_after_ms <= 0)
        return;
    int64_t until_ns = llmc_clock_after(now_ns, retry_after_ms < most ? retry_after_ms : most);
    keep_open_until(&target->open_until_ns, until_ns);
    keep_open_until(&target->lone_until_ns, until_ns);
}

static void open_breaker(llmc_target *target, const llmc_target_report *report, llmc_target_change *change)
{
    const llmc_breaker_rules *rules = target->rules;
    int64_t ms = (int64_t)rules->open_ms << (target->reopened < 30 ? target->reopened : 30), most = longest_ms(rules);
    change_to(target, LLMC_BREAKER_OPEN, report->now_ns, change);
    target->open_until_ns = llmc_clock_after(report->now_ns, ms < most ? ms : most);
    target->lone_until_ns = llmc_clock_after(report->now_ns, rules->open_ms);
    heed_retry_after(target, report->now_ns, report->retry_after_ms);
    target->opened++;
}

static void close_breaker(llmc_target *target, int64_t now_ns, llmc_target_change *change)
{
    change_to(target, LLMC_BREAKER_CLOSED, now_ns, change);
    memset(target->slices, 0, sizeof target->slices);
    target->reopened = 0;
}

/* ---- who is let in ---- */

static bool is_lone(const llmc_target *target, bool lone)
{
    return lone && !target->rules->strict;
}

static int64_t opens_at(const llmc_target *target, bool lone)
{
    return is_lone(target, lone) ? target->lone_until_ns : target->open_until_ns;
}

static bool may_probe(const llmc_target *target, int64_t now_ns, bool lone)
{
    return state_of(target) == LLMC_BREAKER_OPEN ? now_ns >= opens_at(target, lone) : !target->probing;
}

static bool answers_some(llmc_target *target, int64_t now_ns)
{
    llmc_target_counts window = window_of(target, now_ns);
    return window.calls > window.failures;
}

static void let_probe(llmc_target *target, int64_t now_ns, llmc_target_pass *pass, llmc_target_change *change)
{
    if (state_of(target) == LLMC_BREAKER_OPEN) {
        change_to(target, LLMC_BREAKER_HALF_OPEN, now_ns, change);
        target->good_probes = 0;
    }
    target->probing = pass->probe = true;
}

/* Under the lock. */
static bool admit(llmc_target *target, int64_t now_ns, bool lone, llmc_target_pass *pass, int64_t *wait_ms, llmc_target_change *change)
{
    if (state_of(target) == LLMC_BREAKER_CLOSED)
        return true;
    if (may_probe(target, now_ns, lone)) {
        let_probe(target, now_ns, pass, change);
        return true;
    }
    if (is_lone(target, lone) && answers_some(target, now_ns))
        return true;
    target->refused++;
    *wait_ms = state_of(target) == LLMC_BREAKER_OPEN ? (opens_at(target, lone) - now_ns + LLMC_MS - 1) / LLMC_MS : -1;
    return false;
}

bool llmc_target_admit(llmc_target *target, int64_t now_ns, bool lone, llmc_target_pass *pass, int64_t *wait_ms, llmc_target_change *change)
{
    *pass = (llmc_target_pass){ .target = target };
    *change = (llmc_target_change){ 0 };
    *wait_ms = 0;
    pthread_mutex_lock(&target->lock);
    bool admitted = admit(target, now_ns, lone, pass, wait_ms, change);
    pass->phase = atomic_load_explicit(&target->phase, memory_order_relaxed);
    pthread_mutex_unlock(&target->lock);
    if (!admitted)
        pass->target = NULL;
    return admitted;
}

bool llmc_target_would_refuse(llmc_target *target, int64_t at_ns, bool lone)
{
    if (llmc_phase_state(atomic_load_explicit(&target->phase, memory_order_acquire)) == LLMC_BREAKER_CLOSED)
        return false;
    pthread_mutex_lock(&target->lock);
    bool open = state_of(target) != LLMC_BREAKER_CLOSED && !may_probe(target, at_ns, lone);
    bool refuses = open && !(is_lone(target, lone) && answers_some(target, at_ns));
    pthread_mutex_unlock(&target->lock);
    return refuses;
}

/* ---- what became of it ---- */

static bool is_slow(const llmc_breaker_rules *rules, const llmc_target_report *report)
{
    int64_t ms = rules->slow_whole || report->first_byte_ms < 0 ? report->whole_ms : report->first_byte_ms;
    return rules->slow_ms && report->outcome == LLMC_OUTCOME_GOOD && ms >= rules->slow_ms;
}

static void count(llmc_target *target, const llmc_target_report *report, bool slow, bool in_window)
{
    bool bad = report->outcome == LLMC_OUTCOME_BAD;
    target->calls++;
    target->failures += bad;
    target->slow += slow;
    if (!bad) {
        count_latency(&target->whole, report->whole_ms);
        count_latency(&target->first_byte, report->first_byte_ms);
    }
    if (!in_window)
        return;
    llmc_target_counts *slice = slice_at(target, report->now_ns);
    slice->calls++;
    slice->failures += bad;
    slice->slow += slow;
    if (bad)
        target->last_error = report->status;
    *(bad ? &target->last_bad_ns : &target->last_good_ns) = report->now_ns;
}

bool llmc_target_report_good(const llmc_target_pass *pass, int64_t now_ns, int64_t whole_ms, int64_t first_byte_ms)
{
    llmc_target *target = pass->target;
    if (target->rules->slow_ms || pass->probe)
        return false;
    pthread_mutex_lock(&target->lock);
    bool of_now = pass->phase == atomic_load_explicit(&target->phase, memory_order_relaxed);
    if (of_now) {
        target->calls++;
        target->last_good_ns = now_ns;
        slice_at(target, now_ns)->calls++;
        count_latency(&target->whole, whole_ms);
        count_latency(&target->first_byte, first_byte_ms);
    }
    pthread_mutex_unlock(&target->lock);
    return of_now;
}

static void end_probe(llmc_target *target, const llmc_target_report *report, bool failed, llmc_target_change *change)
{
    target->probing = false;
    if (report->outcome == LLMC_OUTCOME_NOTHING)
        return;
    if (failed) {
        target->reopened++;
        open_breaker(target, report, change);
    } else if (++target->good_probes >= (uint32_t)target->rules->probes) {
        close_breaker(target, report->now_ns, change);
    }
}

/* Under the lock. */
static void take(llmc_target *target, const llmc_target_pass *pass, const llmc_target_report *report, llmc_target_change *change)
{
    bool slow = is_slow(target->rules, report), failed = slow || report->outcome == LLMC_OUTCOME_BAD;
    bool of_now = pass->phase == atomic_load_explicit(&target->phase, memory_order_relaxed), closed = state_of(target) == LLMC_BREAKER_CLOSED;
    if (report->outcome >= LLMC_OUTCOME_GOOD)
        count(target, report, slow, of_now || !closed);
    if (pass->probe) {
        end_probe(target, report, failed, change);
    } else if (failed && !closed) {
        heed_retry_after(target, report->now_ns, report->retry_after_ms);
    } else if (failed && of_now) {
        llmc_target_counts window = window_of(target, report->now_ns);
        if (is_too_much(target->rules, &window))
            open_breaker(target, report, change);
    }
}

void llmc_target_report_outcome(const llmc_target_pass *pass, const llmc_target_report *report, llmc_target_change *change)
{
    llmc_target *target = pass->target;
    change->target = NULL;
    if (report->outcome < LLMC_OUTCOME_GOOD && !pass->probe)
        return;
    pthread_mutex_lock(&target->lock);
    take(target, pass, report, change);
    pthread_mutex_unlock(&target->lock);
}

int64_t llmc_target_median_first_byte_ms(llmc_target *target)
{
    pthread_mutex_lock(&target->lock);
    int64_t ms = llmc_latency_quantile_ms(&target->first_byte, 500);
    pthread_mutex_unlock(&target->lock);
    return ms;
}

/* ---- health ---- */

/* Under the lock. */
static bool is_healthy(const llmc_target *target, int64_t now_ns)
{
    if (state_of(target) != LLMC_BREAKER_CLOSED && !may_probe(target, now_ns, false))
        return false;
    return target->last_bad_ns <= target->last_good_ns || now_ns >= llmc_clock_after(target->last_bad_ns, target->rules->open_ms);
}

bool llmc_target_is_healthy(llmc_target *target, int64_t now_ns)
{
    if (!target)
        return true;
    pthread_mutex_lock(&target->lock);
    bool healthy = is_healthy(target, now_ns);
    pthread_mutex_unlock(&target->lock);
    return healthy;
}

void llmc_target_look(llmc_target *target, int64_t now_ns, llmc_target_view *out)
{
    pthread_mutex_lock(&target->lock);
    *out = (llmc_target_view){
        .state = state_of(target), .healthy = is_healthy(target, now_ns), .open_until_ns = target->open_until_ns, .last_error = target->last_error,
        .calls = target->calls, .failures = target->failures, .slow = target->slow, .refused = target->refused, .opened = target->opened,
        .window = window_of(target, now_ns), .whole = target->whole, .first_byte = target->first_byte,
    };
    pthread_mutex_unlock(&target->lock);
}

bool llmc_target_checked(llmc_target *target, int64_t now_ns, int64_t good_for_ms, bool *good)
{
    pthread_mutex_lock(&target->lock);
    bool known = target->checked_ns >= 0 && now_ns < llmc_clock_after(target->checked_ns, good_for_ms);
    *good = target->check_good;
    pthread_mutex_unlock(&target->lock);
    return known;
}

/* A leg that goes away forgets to end what it began: that ends by itself. */
bool llmc_target_begin_check(llmc_target *target, int64_t now_ns, int64_t until_ns)
{
    pthread_mutex_lock(&target->lock);
    bool begins = now_ns >= target->checking_until_ns;
    if (begins)
        target->checking_until_ns = until_ns;
    pthread_mutex_unlock(&target->lock);
    return begins;
}

void llmc_target_end_check(llmc_target *target, int64_t now_ns, bool known, bool good)
{
    pthread_mutex_lock(&target->lock);
    target->checking_until_ns = -1;
    if (known) {
        target->checked_ns = now_ns;
        target->check_good = good;
    }
    pthread_mutex_unlock(&target->lock);
}
