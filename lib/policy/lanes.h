/*
 * Lanes: what one key may send to one model, shared by all threads. A lane counts what went through in the last minute
 * and what is under way, knows what the provider told of its own limits, and has a queue: the highest priority first,
 * then in order of arrival. Nobody overtakes the first in line, also where less would do for him.
 *
 * Room that comes free is given away under the lock, to the first in line, and he is woken once; so nobody is woken in
 * vain and no room is given twice. Room that time makes is looked for by the first in line, who sets himself an alarm;
 * who becomes first is told to look.
 *
 * The minute is a sliding one, in pieces of a second: never is more sent in any 60 seconds, and room returns up to a
 * second late where calls are dense. Left out on purpose: smoothing. Hosts count by buckets that allow a burst.
 */
#ifndef LLMC_LANES_H
#define LLMC_LANES_H

#include "policy/settings.h"

typedef struct llmc_lanes llmc_lanes;
typedef struct llmc_lane llmc_lane;

/* Fires a waker (llmcost_waker_fire): not under a lock, once. */
typedef void (*llmc_lane_fire_fn)(void *waker, int32_t value);

llmc_lanes *llmc_lanes_new(const llmc_allocator *allocator, uint64_t seed, llmc_lane_fire_fn fire); /* NULL without memory */
void llmc_lanes_free(llmc_lanes *lanes); /* nobody waits; NULL is fine */

/* A place: what a call has taken of a lane. */
typedef struct llmc_lane_place {
    llmc_lane *lane;   /* NULL: nothing */
    int64_t tokens;    /* counted for it */
    int64_t at_ns;     /* when */
} llmc_lane_place;

/* Who wants a place. Filled in by the caller down to the line. */
typedef struct llmc_lane_waiter {
    int64_t tokens, prompt_tokens; /* prompt and answer; the prompt alone */
    int64_t give_up_ns;
    int32_t priority;
    /* ---- in the queue, the shard's lock guards all but alarm_ns ---- */
    llmc_lane *lane;   /* NULL: it is out, and the lane may be gone */
    struct lane_shard *shard;
    struct llmc_lane_waiter *next, *previous;
    llmc_lane_place *place;
    void *waker;       /* NULL: none, or it is fired */
    int64_t alarm_ns;  /* when it looks by itself */
    int64_t opens_ns;  /* when there may be room, as far as is known; NEVER: when another call ends */
    bool queued;
} llmc_lane_waiter;

typedef enum llmc_lane_outcome {
    LLMC_LANE_TAKEN,   /* the place is yours */
    LLMC_LANE_QUEUED,  /* look again at alarm_ns, or when woken */
    LLMC_LANE_CLOSED,  /* no room comes free in time; not in the queue any more. opens_ns tells when, as far as is known */
    LLMC_LANE_NO_LANE  /* no memory, or too many lanes in use: go on without */
} llmc_lane_outcome;

/* key names the credential, or the provider that needs none: by its address. rules outlives the lanes. place is empty, and stays where it is while the waiter waits. */
llmc_lane_outcome llmc_lane_enter(llmc_lanes *lanes, const void *key, const char *model, const llmc_limits *rules,
                                  llmc_lane_waiter *waiter, llmc_lane_place *place, int64_t now_ns);
/* Who is queued looks whether it is his turn. *waker is taken over (and NULL afterwards) only if he goes on waiting and has none. */
llmc_lane_outcome llmc_lane_look(llmc_lanes *lanes, llmc_lane_waiter *waiter, void **waker, int64_t now_ns);
/* Out of the queue, where it is in it, with its waker, which is the caller's again (NULL: none, or fired). A place that it was given meanwhile stays in *place. */
void *llmc_lane_quit(llmc_lanes *lanes, llmc_lane_waiter *waiter, int64_t now_ns);

/* How it went with a place that is given back. */
typedef struct llmc_lane_report {
    bool sent;                      /* not sent: as if it had never been taken */
    int64_t tokens;                 /* that it really was; below 0: not known */
    int64_t closed_ms;              /* the provider refused it for so long; below 0: it did not, or did not say for how long */
    const llmc_rate_limits *limits; /* NULL: none told */
} llmc_lane_report;
void llmc_lane_give_back(llmc_lanes *lanes, llmc_lane_place *place, const llmc_lane_report *report, int64_t now_ns);

/* Whether a call of so many tokens could go at once. */
bool llmc_lane_has_room(llmc_lanes *lanes, const void *key, const char *model, int64_t tokens, int64_t now_ns);

#endif
