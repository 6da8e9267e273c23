#include "policy/lanes.h"

#include "base/clock.h"
#include "base/hash.h"
#include "policy/lane_window.h"

#include <pthread.h>
#include <string.h>

enum { SHARDS = 16, CHAINS = 64, MOST_LANES = 256 /* of a shard */, FIRED_AT_ONCE = 16 };

/* What the provider said is left, until its reset. */
typedef struct lane_hint {
    int64_t remaining, until_ns;
} lane_hint;

struct llmc_lane {
    llmc_lane *next;                 /* of its chain */
    const void *key;
    const llmc_limits *rules;
    uint64_t model;                  /* hash */
    int64_t in_flight, used_ns;
    int32_t busy;                    /* threads that come back to it */
    int64_t closed_until_ns;         /* a refusal said so */
    lane_hint hints[LLMCOST_LIMIT_COUNT];
    llmc_lane_window window;
    llmc_lane_waiter *first, *last;
    struct lane_shard *shard;
};

typedef struct lane_shard {
    pthread_mutex_t lock;
    llmc_lane *chains[CHAINS];
    size_t count;
} lane_shard;

struct llmc_lanes {
    const llmc_allocator *allocator;
    uint64_t seed;
    llmc_lane_fire_fn fire;
    lane_shard shards[SHARDS];
};

llmc_lanes *llmc_lanes_new(const llmc_allocator *allocator, uint64_t seed, llmc_lane_fire_fn fire)
{
    llmc_lanes *lanes = llmc_calloc(allocator, 1, sizeof *lanes);
    if (!lanes)
        return NULL;
    lanes->allocator = allocator;
    lanes->seed = seed;
    lanes->fire = fire;
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&lanes->shards[i].lock, NULL);
    return lanes;
}

void llmc_lanes_free(llmc_lanes *lanes)
{
    if (!lanes)
        return;
    for (size_t i = 0; i < SHARDS * CHAINS; i++) {
        for (llmc_lane *lane = lanes->shards[i / CHAINS].chains[i % CHAINS], *next; lane; lane = next) {
            next = lane->next;
            llmc_free(lanes->allocator, lane);
        }
    }
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_destroy(&lanes->shards[i].lock);
    llmc_free(lanes->allocator, lanes);
}

/* ---- finding one; its shard is locked ---- */

typedef struct lane_name {
    const void *key;
    uint64_t model, hash;
} lane_name;

static lane_name name_of(const llmc_lanes *lanes, const void *key, const char *model)
{
    lane_name name = { key, llmc_hash64(model, strlen(model), lanes->seed), 0 };
    name.hash = name.model ^ llmc_hash64(&key, sizeof key, lanes->seed);
    return name;
}

static lane_shard *shard_of(llmc_lanes *lanes, const lane_name *name)
{
    return &lanes->shards[name->hash % SHARDS];
}

static llmc_lane **chain_of(lane_shard *shard, const lane_name *name)
{
    return &shard->chains[name->hash / SHARDS % CHAINS];
}

static llmc_lane *find_lane(lane_shard *shard, const lane_name *name)
{
    llmc_lane *lane = *chain_of(shard, name);
    while (lane && (lane->key != name->key || lane->model != name->model))
        lane = lane->next;
    return lane;
}

/* Of those that nobody uses or waits for, the one that rested longest. NULL: there is none. */
static llmc_lane *take_resting(lane_shard *shard)
{
    llmc_lane **found = NULL;
    for (size_t i = 0; i < CHAINS; i++) {
        for (llmc_lane **link = &shard->chains[i]; *link; link = &(*link)->next) {
            if ((*link)->in_flight == 0 && (*link)->busy == 0 && !(*link)->first && (!found || (*link)->used_ns < (*found)->used_ns))
                found = link;
        }
    }
    llmc_lane *lane = found ? *found : NULL;
    if (lane)
        *found = lane->next;
    return lane;
}

static llmc_lane *make_lane(llmc_lanes *lanes, lane_shard *shard, const lane_name *name, const llmc_limits *rules)
{
    bool full = shard->count >= MOST_LANES;
    llmc_lane *lane = full ? take_resting(shard) : llmc_alloc(lanes->allocator, sizeof *lane);
    if (!lane)
        return NULL;
    llmc_lane **chain = chain_of(shard, name);
    *lane = (llmc_lane){ .next = *chain, .key = name->key, .model = name->model, .rules = rules, .shard = shard };
    *chain = lane;
    shard->count += !full;
    return lane;
}

/* ---- when there is room ---- */

/* Instants; 0: now. */
typedef struct lane_opening {
    int64_t certain_ns; /* not before this, whatever other calls do */
    int64_t at_ns;      /* as far as is known; NEVER: when a call ends */
} lane_opening;

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* A hint that nobody who waits would live to see is none: what the provider says then is as good as what we guess. */
static int64_t hinted_ns(const llmc_lane *lane, const llmc_lane_waiter *waiter)
{
    const int64_t needs[LLMCOST_LIMIT_COUNT] = { [LLMCOST_LIMIT_REQUESTS] = 1, [LLMCOST_LIMIT_TOKENS] = waiter->prompt_tokens,
                                                 [LLMCOST_LIMIT_INPUT_TOKENS] = waiter->prompt_tokens, [LLMCOST_LIMIT_OUTPUT_TOKENS] = 1 };
    int64_t at = 0;
    for (size_t i = 0; i < LLMCOST_LIMIT_COUNT; i++) {
        const lane_hint *hint = &lane->hints[i];
        if (hint->until_ns && hint->remaining < needs[i] && hint->until_ns < waiter->give_up_ns)
            at = later(at, hint->until_ns);
    }
    return at;
}

static lane_opening opening_for(llmc_lane *lane, const llmc_lane_waiter *waiter, int64_t now_ns)
{
    const llmc_limits *rules = lane->rules;
    llmc_lane_window_slide(&lane->window, now_ns);
    lane_opening opening = { .certain_ns = lane->closed_until_ns };
    if (rules->requests_per_minute)
        opening.certain_ns = later(opening.certain_ns, llmc_lane_window_requests_ns(&lane->window, rules->requests_per_minute));
    opening.at_ns = later(opening.certain_ns, hinted_ns(lane, waiter));
    if (rules->tokens_per_minute)
        opening.at_ns = later(opening.at_ns, llmc_lane_window_tokens_ns(&lane->window, waiter->tokens, rules->tokens_per_minute));
    if (rules->in_flight && lane->in_flight >= rules->in_flight)
        opening.at_ns = LLMC_NEVER;
    return opening;
}

/* One that is over says nothing any more. */
static void count_down(lane_hint *hint, int64_t by, int64_t now_ns)
{
    if (hint->until_ns > now_ns)
        hint->remaining -= by;
}

static void take_place(llmc_lane *lane, const llmc_lane_waiter *waiter, llmc_lane_place *place, int64_t now_ns)
{
    lane->in_flight++;
    count_down(&lane->hints[LLMCOST_LIMIT_REQUESTS], 1, now_ns);
    count_down(&lane->hints[LLMCOST_LIMIT_TOKENS], waiter->tokens, now_ns);
    count_down(&lane->hints[LLMCOST_LIMIT_INPUT_TOKENS], waiter->prompt_tokens, now_ns);
    llmc_lane_window_add(&lane->window, waiter->tokens, now_ns);
    *place = (llmc_lane_place){ lane, waiter->tokens, now_ns };
}

/* ---- the queue; the shard is locked ---- */

static void queue_up(llmc_lane *lane, llmc_lane_waiter *waiter)
{
    llmc_lane_waiter *before = lane->last;
    while (before && before->priority < waiter->priority)
        before = before->previous;
    waiter->previous = before;
    waiter->next = before ? before->next : lane->first;
    *(before ? &before->next : &lane->first) = waiter;
    *(waiter->next ? &waiter->next->previous : &lane->last) = waiter;
    waiter->queued = true;
}

static void unqueue(llmc_lane_waiter *waiter)
{
    llmc_lane *lane = waiter->lane;
    *(waiter->previous ? &waiter->previous->next : &lane->first) = waiter->next;
    *(waiter->next ? &waiter->next->previous : &lane->last) = waiter->previous;
    waiter->next = waiter->previous = NULL;
    waiter->queued = false;
}

/* Wakers on their way out from under the lock. */
typedef struct fired_wakers {
    void *wakers[FIRED_AT_ONCE];
    size_t count;
} fired_wakers;

static void take_waker(llmc_lane_waiter *waiter, fired_wakers *fired)
{
    if (waiter->waker)
        fired->wakers[fired->count++] = waiter->waker;
    waiter->waker = NULL;
}

/* Gives away what room there is; whom it leaves first in line, and he sleeps too long, is told to look. true: there may be more. */
static bool serve_some(llmc_lane *lane, fired_wakers *fired, int64_t now_ns)
{
    while (lane->first) {
        llmc_lane_waiter *waiter = lane->first;
        lane_opening opening = opening_for(lane, waiter, now_ns);
        waiter->opens_ns = opening.at_ns;
        if (fired->count == FIRED_AT_ONCE)
            return true;
        if (opening.at_ns > now_ns) {
            if (waiter->alarm_ns > opening.at_ns)
                take_waker(waiter, fired);
            return false;
        }
        unqueue(waiter);
        take_place(lane, waiter, waiter->place, now_ns);
        take_waker(waiter, fired);
    }
    return false;
}

static void fire(const llmc_lanes *lanes, fired_wakers *fired)
{
    for (size_t i = 0; i < fired->count; i++)
        lanes->fire(fired->wakers[i], 0);
    fired->count = 0;
}

/* The shard is locked before and after; what is left in `fired` is for when it is free. */
static void serve(llmc_lanes *lanes, llmc_lane *lane, fired_wakers *fired, int64_t now_ns)
{
    while (serve_some(lane, fired, now_ns)) {
        lane->busy++; /* it stays */
        pthread_mutex_unlock(&lane->shard->lock);
        fire(lanes, fired);
        pthread_mutex_lock(&lane->shard->lock);
        lane->busy--;
    }
}

/* ---- entering, looking, quitting ---- */

static llmc_lane_outcome outcome_for(const llmc_lane *lane, const llmc_lane_waiter *waiter, const lane_opening *opening, int64_t now_ns)
{
    bool first = !lane->first || lane->first == waiter || lane->first->priority < waiter->priority;
    if (first && opening->at_ns <= now_ns)
        return LLMC_LANE_TAKEN;
    return opening->certain_ns > waiter->give_up_ns || now_ns >= waiter->give_up_ns ? LLMC_LANE_CLOSED : LLMC_LANE_QUEUED;
}

llmc_lane_outcome llmc_lane_enter(llmc_lanes *lanes, const void *key, const char *model, const llmc_limits *rules,
                                  llmc_lane_waiter *waiter, llmc_lane_place *place, int64_t now_ns)
{
    lane_name name = name_of(lanes, key, model);
    lane_shard *shard = shard_of(lanes, &name);
    llmc_lane_outcome outcome = LLMC_LANE_NO_LANE;
    pthread_mutex_lock(&shard->lock);
    llmc_lane *lane = find_lane(shard, &name);
    if (!lane)
        lane = make_lane(lanes, shard, &name, rules);
    waiter->lane = lane;
    waiter->shard = shard;
    waiter->place = place;
    if (lane) {
        lane_opening opening = opening_for(lane, waiter, now_ns);
        lane->used_ns = now_ns;
        waiter->opens_ns = opening.at_ns;
        waiter->alarm_ns = waiter->give_up_ns;
        outcome = outcome_for(lane, waiter, &opening, now_ns);
    }
    if (outcome == LLMC_LANE_TAKEN)
        take_place(lane, waiter, place, now_ns);
    else if (outcome == LLMC_LANE_QUEUED)
        queue_up(lane, waiter);
    pthread_mutex_unlock(&shard->lock);
    return outcome;
}

/* Its own waker is not in the queue meanwhile: nobody is woken by himself. */
llmc_lane_outcome llmc_lane_look(llmc_lanes *lanes, llmc_lane_waiter *waiter, void **waker, int64_t now_ns)
{
    llmc_lane *lane = waiter->lane;
    lane_shard *shard = waiter->shard;
    fired_wakers fired = { .count = 0 };
    llmc_lane_outcome outcome = LLMC_LANE_TAKEN;
    pthread_mutex_lock(&shard->lock);
    void *own = waiter->waker;
    waiter->waker = NULL;
    if (waiter->queued)
        serve(lanes, lane, &fired, now_ns);
    if (waiter->queued) {
        lane_opening opening = opening_for(lane, waiter, now_ns);
        outcome = outcome_for(lane, waiter, &opening, now_ns);
        waiter->opens_ns = opening.at_ns;
        waiter->alarm_ns = lane->first == waiter && opening.at_ns < waiter->give_up_ns ? opening.at_ns : waiter->give_up_ns;
    }
    if (outcome == LLMC_LANE_QUEUED && !own) {
        own = *waker;
        *waker = NULL;
    }
    waiter->waker = own;
    if (outcome == LLMC_LANE_CLOSED) {
        unqueue(waiter);
        serve(lanes, lane, &fired, now_ns);
    }
    pthread_mutex_unlock(&shard->lock);
    fire(lanes, &fired);
    return outcome;
}

void *llmc_lane_quit(llmc_lanes *lanes, llmc_lane_waiter *waiter, int64_t now_ns)
{
    llmc_lane *lane = waiter->lane;
    lane_shard *shard = waiter->shard;
    fired_wakers fired = { .count = 0 };
    pthread_mutex_lock(&shard->lock);
    void *waker = waiter->waker;
    waiter->waker = NULL;
    if (waiter->queued) {
        unqueue(waiter);
        serve(lanes, lane, &fired, now_ns);
    }
    pthread_mutex_unlock(&shard->lock);
    fire(lanes, &fired);
    return waker;
}

/* ---- giving back ---- */

static void learn(llmc_lane *lane, const llmc_lane_report *report, int64_t now_ns)
{
    if (report->closed_ms >= 0)
        lane->closed_until_ns = later(lane->closed_until_ns, llmc_clock_after(now_ns, report->closed_ms));
    for (size_t i = 0; report->limits && i < LLMCOST_LIMIT_COUNT; i++) {
        const llmc_rate_limit *of = &report->limits->of[i];
        if (of->remaining >= 0 && of->reset_ms >= 0)
            lane->hints[i] = (lane_hint){ of->remaining, llmc_clock_after(now_ns, of->reset_ms) };
    }
}

void llmc_lane_give_back(llmc_lanes *lanes, llmc_lane_place *place, const llmc_lane_report *report, int64_t now_ns)
{
    llmc_lane *lane = place->lane;
    if (!lane)
        return;
    lane_shard *shard = lane->shard;
    fired_wakers fired = { .count = 0 };
    pthread_mutex_lock(&shard->lock);
    lane->in_flight--;
    lane->used_ns = now_ns;
    if (!report->sent)
        llmc_lane_window_correct(&lane->window, place->at_ns, -1, -place->tokens);
    else if (report->tokens >= 0)
        llmc_lane_window_correct(&lane->window, place->at_ns, 0, report->tokens - place->tokens);
    if (lane->rules->learn)
        learn(lane, report, now_ns);
    place->lane = NULL;
    serve(lanes, lane, &fired, now_ns);
    pthread_mutex_unlock(&shard->lock);
    fire(lanes, &fired);
}

bool llmc_lane_has_room(llmc_lanes *lanes, const void *key, const char *model, int64_t tokens, int64_t now_ns)
{
    lane_name name = name_of(lanes, key, model);
    lane_shard *shard = shard_of(lanes, &name);
    const llmc_lane_waiter waiter = { .tokens = tokens, .prompt_tokens = tokens, .give_up_ns = LLMC_NEVER };
    pthread_mutex_lock(&shard->lock);
    llmc_lane *lane = find_lane(shard, &name);
    bool room = !lane || (!lane->first && opening_for(lane, &waiter, now_ns).at_ns <= now_ns);
    pthread_mutex_unlock(&shard->lock);
    return room;
}
