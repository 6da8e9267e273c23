/*
 * One call's life: the client's core, the drivers that calls are leased, the call, and its response.
 *
 * A call, its legs, its receipt and its response share one arena that the response owns; the arena is reference
 * counted, because a detached leg or a waker may outlive the response's owner.
 */
#ifndef LLMC_CALL_H
#define LLMC_CALL_H

#include "policy/policy.h"
#include "wire/http.h"

enum { LLMC_HOST_POLICIES = 24, LLMC_MAX_POLICIES = 40, LLMC_RESPONSE_BYTES = 5120 };

typedef struct llmc_slot llmc_slot;

/* A driver with its transport: leased by one call at a time, owned by a stream or a loop, or idle in the pool. */
struct llmc_slot {
    llmc_driver driver;
    llmc_allocator allocator;
    llmcost_client *client;      /* NULL once the client is gone */
    llmc_http *http;             /* NULL with a host's transport */
    const llmcost_transport *transport;
    llmcost_transport hosts;     /* the host's transport with this driver's object for its user; close is NULL where there is none */
    llmc_slot *next_all, *next_idle;
    llmc_call *calls;            /* attached: in flight or detached. The driver's thread */
    uint32_t call_count;
    atomic_uint references;      /* pool, wakers */
    pthread_mutex_t lock;        /* guards closed against posts of wakers */
    bool closed;
    atomic_bool cancel_all;      /* the client is closing */
};

/* What is counted under the pool's lock. */
typedef struct llmc_pool {
    pthread_mutex_t lock;
    pthread_cond_t returned;
    llmc_slot *all, *idle;
    uint32_t leased;             /* by blocking calls */
    uint32_t owned;              /* by loops and streams */
    uint64_t opened;
} llmc_pool;

enum { LLMC_GATES = 16 };

/* Who is inside the client: who came but has not gone. Counted where threads rarely meet, so that a cache hit waits for nobody. */
typedef struct llmc_gate {
    _Atomic uint64_t came, gone;
    char apart[128 - 2 * sizeof(uint64_t)]; /* allocators align to 16: two lines keep neighbours off each other's */
} llmc_gate;

struct llmcost_client {
    llmc_gate gates[LLMC_GATES];
    uint64_t id_seed;
    size_t opener;               /* the thread's number: whatever that is, its calls have the same ids whenever the seed is the same */
    llmc_services services;
    llmc_settings *settings;
    llmcost_policy policies[LLMC_MAX_POLICIES]; /* by phase */
    uint16_t policy_count, host_policy_count;
    /* A bit for each policy: which a leg of an operation meets, which have a say when it leaves, which look at events. */
    uint64_t concerned[LLMC_OP_COUNT], leavers, listeners;
    llmcost_transport transport; /* the host's */
    bool has_transport;          /* else libcurl */
    llmc_pool pool;
    atomic_uint references;
    atomic_bool sealed;          /* a call was made: no more policies, hooks, stores */
    atomic_bool closing;
    unsigned char *fork_mark;    /* a page that reads as zero in a forked child */
    pthread_t background;
    atomic_bool background_runs;
    atomic_bool background_stop;
    pthread_mutex_t background_lock;
    pthread_cond_t background_wake;
};

struct llmcost_response {
    llmc_allocator allocator;
    atomic_uint references;
    llmc_arena arena;
    llmcost_status status;
    llmcost_error error;
    llmc_answer *answer;         /* one reference; NULL: none */
    llmc_receipt receipt;
    const llmc_line *answered;   /* the line whose answer this is; NULL: none */
    bool from_cache, altered;
    bool base64;                 /* how its JSON has vectors */
    char *summary, *receipt_json, *json; /* made when first asked for */
};

typedef enum llmc_call_mode { LLMC_CALL_BLOCKING, LLMC_CALL_STREAM, LLMC_CALL_LOOP, LLMC_CALL_DETACHED } llmc_call_mode;

struct llmc_call {
    llmcost_client *client;
    llmcost_response *response;
    llmc_slot *slot;             /* NULL: none needed so far */
    bool owns_lease;             /* the slot goes back to the pool when the call is complete */
    llmc_call *next, **link;     /* in slot->calls */
    llmcost_leg *root;
    llmcost_leg *ready, *last_ready; /* the last of any */
    const llmcost_request *request;
    llmcost_tag *tags;           /* detached: a copy, because the caller's request is gone */
    size_t tag_count;
    int64_t started_ns, deadline_ns;
    llmc_timer deadline_timer;
    bool timer_reserved;
    llmc_call_mode mode;
    uint64_t id;
    uint64_t serial;             /* of the latest leg */
    bool streams, pumping, complete;
    bool no_memory;              /* an event was lost for want of memory: that, not the caller, ended it */
    bool left;                   /* the sink wants no more */
    bool pump_posted;
    llmc_message pump_message;   /* to ourselves: holds a reference of the response */
    /* An event has left the root. false: the caller wants no more, cancel. */
    bool (*sink)(llmc_call *call, const llmcost_event *event);
    /* The call is complete; called exactly once, last. */
    void (*done)(llmc_call *call);
    void *user;
};

/* ---- response.c ---- */
llmcost_response *llmc_response_new(llmc_services *services, uint64_t id, size_t more_bytes); /* more: in the arena's first block, than a call takes */
llmcost_response *llmc_response_ref(llmcost_response *response);
void llmc_response_unref(llmcost_response *response);

void llmc_response_set_trail(llmcost_response *response); /* trail.c: of a failed call; nothing without memory */

/* ---- request.c ---- */
/*
 * The caller's request as this library's own layout, checked: sizes and strides, NULLs, UTF-8, enums, numbers in range,
 * nothing that belongs to another operation; the files that it names are read.
 * copy: everything is copied into the arena; else what has the right layout is borrowed.
 * On failure error says which field. *out lives in the arena, or is the caller's.
 */
llmcost_status llmc_request_import(const llmcost_request *request, llmc_operation_id operation, bool copy, llmc_arena *arena, const llmcost_request **out, llmcost_error *error);

/* ---- call.c ---- */
/*
 * A call on a new response; not started. request: imported; NULL where the root leg has a provider's name instead. Who
 * wants to be told of it sets so. NULL without memory (the response stays the caller's).
 */
llmc_call *llmc_call_new(llmcost_client *client, llmcost_response *response, llmc_operation_id operation, const llmcost_request *request, llmc_call_mode mode);
/*
 * A call to look at: its legs tell what would become of them and are never run. What they count, draw and log goes to
 * `services`, a copy that is thrown away; the client does not notice. NULL without memory.
 */
llmc_call *llmc_call_sketch(llmcost_client *client, llmcost_response *response, llmc_operation_id operation, const llmcost_request *request, llmc_services *services);
llmcost_leg *llmc_leg_sketch(llmcost_leg *parent, const llmc_route *route, const llmcost_request *request); /* a child to look at */
void llmc_services_copy(llmc_services *copy, llmc_services *services); /* the same cache, accounts and hooks; counts, random numbers and log apart */
void llmc_call_begin(llmc_call *call);                 /* the root leg enters; runs what is ready */
void llmc_call_fail(llmc_call *call, llmcost_status status); /* complete at once with the response's error: it never began */
void llmc_call_cancel(llmc_call *call, llmcost_status status); /* E_CANCELLED or E_DEADLINE; completes soon, through the legs */
void llmc_call_pump(llmc_call *call);
bool llmc_call_attach(llmc_call *call, llmc_slot *slot);

/* ---- leg.c ---- */
size_t llmc_leg_bytes(const llmcost_client *client);
/* In so many zeroed bytes, which live as long as the call. */
llmcost_leg *llmc_leg_init(void *memory, llmc_call *call, llmcost_leg *parent, const llmc_operation *operation, uint16_t first);
llmcost_leg *llmc_leg_new(llmc_call *call, llmcost_leg *parent, const llmc_operation *operation, uint16_t first);
void llmc_leg_schedule(llmcost_leg *leg);
void llmc_leg_run(llmcost_leg *leg);
void llmc_leg_cancel(llmcost_leg *leg, llmcost_status status);
void llmc_leg_destroy(llmcost_leg *leg); /* policies' states, answer, error; the memory is the arena's */
uint16_t llmc_leg_policy_index(const llmcost_leg *leg, llmcost_phase phase); /* of the first policy of this phase or further in */

/* ---- pool.c ---- */
llmcost_status llmc_pool_open(llmcost_client *client);
void llmc_pool_close(llmcost_client *client);
llmc_slot *llmc_slot_lease(llmcost_client *client, bool owned); /* NULL: no memory, or closing */
void llmc_slot_return(llmc_slot *slot, bool owned);
void llmc_slot_ref(llmc_slot *slot);
void llmc_slot_unref(llmc_slot *slot);
/* Run idle drivers that have detached work, until `until_ns` or nothing is left. Returns how many calls are left. */
uint32_t llmc_pool_run_detached(llmcost_client *client, int64_t until_ns, bool wait);

llmcost_status llmc_client_add_policy(llmcost_client *client, const llmcost_policy *policy); /* plugin.c; E_MISUSE: too many */

/* ---- background.c ---- */
llmcost_status llmc_background_start(llmcost_client *client); /* LLMCOST_OK where the config wants no thread */
void llmc_background_wake(llmcost_client *client);            /* a driver with detached work has become idle */
void llmc_background_stop(llmcost_client *client);
bool llmc_client_give_turn(llmcost_client *client);           /* what is ready of detached work; whether some is left that waits for turns. Nothing with a thread for it */

/* ---- gate.c ---- */
/* A thread's stay inside a client, on its stack. */
typedef struct llmc_visit {
    llmcost_client *client;
    llmc_gate *gate;          /* that it came in by; NULL: by none */
    uint64_t number;          /* no other has it that came into this client */
    struct llmc_visit *outer; /* the same thread's, in this client or another */
} llmc_visit;
/* Into the client: E_MISUSE (NULL, or a forked child), E_CLOSED. After LLMCOST_OK it stays open until leave(). */
llmcost_status llmc_client_enter(llmcost_client *client, llmc_visit *visit);
void llmc_client_leave(llmc_visit *visit);
/* Of a receipt: random, and no other's of this client. */
uint64_t llmc_visit_id(const llmc_visit *visit); /* of the one call that somebody came in for */
uint64_t llmc_client_next_id(llmcost_client *client); /* of a call that begins inside */
bool llmc_client_is_empty(llmcost_client *client); /* nobody is inside */
bool llmc_client_is_ours(const llmcost_client *client); /* not a forked child */
/* For a thread that the client itself started. */
void llmc_visit_begin(llmc_visit *visit, llmcost_client *client);
void llmc_visit_end(llmc_visit *visit);
/* This thread is inside: it runs a callback of a call, a policy, a judge or a store, and must not close. */
bool llmc_is_visiting(const llmcost_client *client);

#endif
