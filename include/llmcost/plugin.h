/*
 * For those who extend libllmcost: policies, cache stores and transports of the host's own.
 *
 * A weaker promise than llmcost.h: these structs and meanings may change with a minor version; every descriptor begins
 * with its size, so that an old one keeps working as long as its fields mean the same. One of a newer header is taken
 * while what we do not know of it is zero, else it is E_MISUSE.
 */
#ifndef LLMCOST_PLUGIN_H
#define LLMCOST_PLUGIN_H

#include <llmcost/llmcost.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------ policies */

/*
 * One call is a tree of legs. A leg carries an operation (chat, list models, embed, count tokens, balance) and walks inward through the phases, each
 * policy's `enter` in turn, until it is answered or sent; then outward again through each entered policy's `leave`.
 * Another try is always a new leg. The phases, outermost first:
 */
typedef enum llmcost_phase {
    LLMCOST_PHASE_METER = 0,     /* tags, receipt, callbacks */
    LLMCOST_PHASE_RESOLVE = 1,   /* names become routes */
    LLMCOST_PHASE_CACHE = 2,
    LLMCOST_PHASE_COALESCE = 3,
    LLMCOST_PHASE_SHAPE = 4,     /* what does not depend on the model */
    LLMCOST_PHASE_ROUTE = 5,     /* the route's tree: cascades, fallbacks */
    LLMCOST_PHASE_RETRY = 6,
    LLMCOST_PHASE_KEYS = 7,
    LLMCOST_PHASE_BREAKER = 8,
    LLMCOST_PHASE_FIT = 9,       /* what depends on the target */
    LLMCOST_PHASE_BUDGET = 10,   /* hold and settle, per leg */
    LLMCOST_PHASE_WIRE = 11      /* encode, send, decode */
} llmcost_phase;

typedef struct llmcost_leg llmcost_leg;

/* What enter, resume and leave say. */
typedef enum llmcost_verdict {
    LLMCOST_CONTINUE = 0, /* go on: inward from enter, outward from leave */
    LLMCOST_ANSWER = 1,   /* enter: the leg is answered (llmcost_leg_answer, llmcost_leg_adopt); walk out */
    LLMCOST_FAIL = 2,     /* the leg has failed (llmcost_leg_fail); walk out */
    LLMCOST_WAIT = 3,     /* resume will be called: by a child, a timer, or llmcost_waker_fire(). In leave of a cancelled leg: as CONTINUE */
    LLMCOST_ANOTHER = 4   /* leave: try again in a new leg just inside this policy; then leave is called again with its outcome */
} llmcost_verdict;

/* What event says. */
typedef enum llmcost_event_verdict {
    LLMCOST_PASS = 0,    /* outward at once */
    LLMCOST_HOLD = 1,    /* queue it behind what is held already; what is left at the end goes out with a good answer, else is dropped */
    LLMCOST_RELEASE = 2, /* let the queue go, then this one */
    LLMCOST_SWALLOW = 3, /* it ends here */
    LLMCOST_CUT = 4      /* end the leg: the queue is dropped, what runs inside is cancelled, then leave */
} llmcost_event_verdict;

/*
 * A kind of event that only policies see: what came through this child (NULL: of this leg) so far is void, because
 * another try follows. What was held of it has been dropped; the verdict does not count.
 */
#define LLMCOST_EVENT_RESTART 16

typedef enum llmcost_wake_kind { LLMCOST_WAKE_CHILD = 0, LLMCOST_WAKE_TIMER = 1, LLMCOST_WAKE_HOOK = 2 } llmcost_wake_kind;
typedef struct llmcost_wake {
    int32_t kind;       /* llmcost_wake_kind */
    int32_t value;      /* HOOK: what llmcost_waker_fire() was given */
    llmcost_leg *child; /* CHILD: complete; its outcome can be read and adopted */
} llmcost_wake;

/*
 * A policy. A function that is NULL passes through. All run on the thread that drives the call, never under a lock.
 * `state` is state_bytes of zeroed memory of this leg; NULL where that is 0. `user` is the descriptor's.
 */
typedef struct llmcost_policy {
    uint32_t struct_size;
    int32_t phase;        /* llmcost_phase; policies of one phase run in the order they were added */
    const char *name;     /* for receipts and logs */
    void *user;
    uint32_t operations;  /* a bit per operation: 1 chat, 2 list models, 4 embed, 8 count tokens, 16 balance; 0: all */
    uint32_t state_bytes;
    llmcost_verdict (*enter)(llmcost_leg *leg, void *state, void *user);
    /* Each piece on its way out. child: the leg it comes from when a spawned child forwards its events, else NULL. */
    llmcost_event_verdict (*event)(llmcost_leg *leg, void *state, void *user, const llmcost_event *event, llmcost_leg *child);
    llmcost_verdict (*resume)(llmcost_leg *leg, void *state, void *user, const llmcost_wake *wake);
    llmcost_verdict (*leave)(llmcost_leg *leg, void *state, void *user);
    void (*cancel)(llmcost_leg *leg, void *state, void *user);  /* the leg was cancelled while this policy waited; leave follows */
    void (*destroy)(llmcost_leg *leg, void *state, void *user); /* once for every policy that was entered */
} llmcost_policy;

/** Add a policy to a client, 24 at most. Before its first call, else E_MISUSE. The descriptor is copied; name and user must outlive the client. */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_client_add_policy(llmcost_client *client, const llmcost_policy *policy);

/* NULL for the leg is fine below: nothing happens, and the answer is NULL, "", LLMCOST_FAIL or E_MISUSE. */
/** The request of a leg; borrowed. It may differ from the caller's: policies further out may have changed it. NULL for list models and balances, and once the caller has left a leg that is read on without him. */
LLMCOST_API const llmcost_request *llmcost_leg_request(const llmcost_leg *leg);
/** The operation of a leg: "chat", "list_models", "embed", "count_tokens" or "balance". Static. */
LLMCOST_API const char *llmcost_leg_operation(const llmcost_leg *leg);
/** Where the leg is going: "openai/gpt-4o", or a route's name while it is not decided; "" before names are resolved. */
LLMCOST_API const char *llmcost_leg_target(const llmcost_leg *leg);
/** How the leg ended; LLMCOST_OK while it runs. */
LLMCOST_API llmcost_status llmcost_leg_status(const llmcost_leg *leg);
/** The text of the leg's answer (first choice); "" while there is none. bytes may be NULL. */
LLMCOST_API const char *llmcost_leg_text(const llmcost_leg *leg, size_t *bytes);
/** Why the leg's first choice ended; FINISH_NONE while there is no answer. */
LLMCOST_API llmcost_finish llmcost_leg_finish_reason(const llmcost_leg *leg);
/** Fail a leg: returns LLMCOST_FAIL for `return llmcost_leg_fail(...)`. message is copied. */
LLMCOST_API llmcost_verdict llmcost_leg_fail(llmcost_leg *leg, llmcost_status status, const char *message);
/** Answer a leg that chats with a text, at no cost: returns LLMCOST_ANSWER, or LLMCOST_FAIL without memory. bytes 0: strlen. The answer counts as altered. */
LLMCOST_API llmcost_verdict llmcost_leg_answer(llmcost_leg *leg, const char *text, size_t bytes);
/**
 * Replace the request of a leg for what is further in. It is checked as a caller's is (E_INVALID; E_MISUSE: NULL) and
 * must begin with LLMCOST_REQUEST_INIT or be a copy of the leg's. The struct is copied; what it points to must live until
 * the leg is destroyed: llmcost_leg_alloc(). From a policy of PHASE_CACHE or further in the answer is not cached: it
 * answers another question than the one that was looked up. Change what shall be cached from a policy further out.
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_leg_set_request(llmcost_leg *leg, const llmcost_request *request);
/** Memory that lives as long as the call; zeroed; NULL without memory. */
LLMCOST_API void *llmcost_leg_alloc(llmcost_leg *leg, size_t bytes);
/** Mark the answer as changed by a policy: it is never cached, and llmcost_response_is_altered() tells. */
LLMCOST_API void llmcost_leg_mark_altered(llmcost_leg *leg);
/** Write a line of explanation onto the receipt. text is copied. */
LLMCOST_API void llmcost_leg_note(llmcost_leg *leg, const char *text);

/* How to make a child. Zero bytes are defaults. */
typedef struct llmcost_spawn {
    uint32_t struct_size;
    int32_t first_phase;            /* not further out than the parent's policy that spawns: lower is raised to just inside it */
    const char *model;              /* a name; NULL: the parent's target */
    const char *purpose;            /* on the receipt: "judge", "hedge"; static */
    const llmcost_request *request; /* NULL: the parent's. Imported, see llmcost_leg_set_request() */
    int32_t deadline_ms;            /* 0: what the parent has left */
    uint8_t forward_events;         /* its pieces go through the parent's policy as if the parent had produced them */
    uint8_t reserved[3];
    const char *operation;          /* "chat", "list_models", "embed", ...; NULL: the parent's. A request of its own where the parent's is for another */
} llmcost_spawn;

/**
 * Make a child of a leg, from enter, resume or leave; then return LLMCOST_WAIT: resume is called when it is complete.
 * Several at once are fine. The child inherits tags, namespace and budgets; cancelling the parent cancels it.
 * Returns NULL when it cannot be made: the leg's error says why (memory, an unknown name, a request that is not valid; E_MISUSE: no
 * struct_size, a cascade further in than the phase of routes), or the leg was cancelled.
 */
LLMCOST_API llmcost_leg *llmcost_leg_spawn(llmcost_leg *parent, const llmcost_spawn *spawn);
/** Take the outcome of a complete child (answer or failure) as the leg's own: returns LLMCOST_ANSWER or LLMCOST_FAIL. NULL, a child that could not be made: LLMCOST_FAIL. */
LLMCOST_API llmcost_verdict llmcost_leg_adopt(llmcost_leg *leg, llmcost_leg *child);
/** Cancel a child that is not wanted any more. It completes with E_CANCELLED; what it cost stays on the receipt. */
LLMCOST_API void llmcost_leg_cancel_child(llmcost_leg *leg, llmcost_leg *child);
/** Be resumed after delay_ms, once; a later call replaces an earlier one; below 0 takes it back. */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_leg_timer(llmcost_leg *leg, int64_t delay_ms);

/* A way to resume a waiting leg from any thread, also when the leg is gone by then. */
typedef struct llmcost_waker llmcost_waker;
/** A waker of this leg, yours: fired or freed exactly once. NULL without memory. */
LLMCOST_API llmcost_waker *llmcost_leg_waker(llmcost_leg *leg);
/** Resume the leg with LLMCOST_WAKE_HOOK and this value, and free the waker. Any thread. */
LLMCOST_API void llmcost_waker_fire(llmcost_waker *waker, int32_t value);
/** Free a waker without resuming; NULL is fine. Any thread. */
LLMCOST_API void llmcost_waker_free(llmcost_waker *waker);

/* ------------------------------------------------------------------------------------------------ cache store */

typedef struct llmcost_cache_reply llmcost_cache_reply;

/*
 * A host's own cache behind the memory tier. Keys are SHA-256 over format version, namespace and request: address and
 * verification at once; the prompt is not in them. Values are opaque bytes. A store that fails answers with a miss.
 */
typedef struct llmcost_cache_store {
    uint32_t struct_size;
    uint32_t reserved;
    const char *name;
    void *user;
    /* Answer through llmcost_cache_reply_send(), exactly once, here or later, from any thread. */
    void (*get)(const uint8_t key[32], llmcost_cache_reply *reply, void *user);
    /* Keep a copy for ttl_ms. Any thread that drives calls. */
    void (*put)(const uint8_t key[32], const void *value, size_t bytes, int64_t ttl_ms, void *user);
    /* The value is none of ours: it will never be an answer. May be NULL. llmcost_cache_clear() does not come here: this client asks for other keys then. */
    void (*remove)(const uint8_t key[32], void *user);
} llmcost_cache_store;

/** Put a store behind the client's cache. Before its first call, else E_MISUSE. Copied; name and user must outlive the client. */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_client_set_cache_store(llmcost_client *client, const llmcost_cache_store *store);
/** Answer a get: the value, copied, or NULL for a miss. The reply is gone afterwards. Any thread. */
LLMCOST_API void llmcost_cache_reply_send(llmcost_cache_reply *reply, const void *value, size_t bytes);

/* ------------------------------------------------------------------------------------------------ transport */

/* One HTTP exchange. The struct is borrowed while start runs, what it points to until done was called or abort has returned. */
typedef struct llmcost_http_request {
    uint32_t struct_size;
    int32_t max_connections;      /* to this host; 0: no limit */
    const char *method, *url;
    const char *const *headers;   /* "Name: value" */
    uint32_t header_count;
    uint8_t accept_any_certificate;
    uint8_t reserved[3];
    const char *body;
    size_t body_bytes;
    const char *proxy;            /* NULL: from the environment; "": none */
    const char *ca_file;          /* NULL: the system's */
} llmcost_http_request;

/* What a transport reports, in this order, on the thread that steps it; done exactly once and last. */
typedef struct llmcost_http_events {
    void (*opening)(void *context);                                          /* it has left the queue for max_connections */
    void (*connected)(void *context);                                        /* the request is about to leave */
    void (*status)(void *context, int32_t http_status);
    void (*header)(void *context, const char *name, const char *value);
    int (*body)(void *context, const char *bytes, size_t length);            /* returns 0, or anything else to end the exchange */
    void (*done)(void *context, llmcost_status status, const char *detail);  /* LLMCOST_OK: the body is complete */
} llmcost_http_events;

/* Makes the driver that a transport's object belongs to call step soon. Any thread, from open until close returns. */
typedef void (*llmcost_transport_wake_fn)(void *wake_context);

/*
 * The network, for tests and hosts with a network of their own. A client has several drivers (blocking calls lease
 * one, streams and loops own one), each run by one thread at a time. `open` makes an object for each, which start,
 * abort and step of this driver are given; without open and close all drivers share `user`, and a transport that other
 * threads feed has no way to say so.
 */
typedef struct llmcost_transport {
    uint32_t struct_size;
    uint32_t reserved;
    void *user;
    /* Begin an exchange; may not call back before it returned. *transfer names it for abort. */
    llmcost_status (*start)(void *driver, const llmcost_http_request *request, const llmcost_http_events *events, void *context, void **transfer);
    void (*abort)(void *driver, void *transfer); /* no callback any more */
    /* Report what is due; returns the instant of the next thing to report (INT64_MAX: none). */
    int64_t (*step)(void *driver, int64_t now_monotonic_ns);
    /* Both or neither. open returns the driver's object, NULL without memory; wake may be called with wake_context until close returns. */
    void *(*open)(void *user, llmcost_transport_wake_fn wake, void *wake_context);
    void (*close)(void *driver); /* no exchange is under way */
} llmcost_transport;

#ifdef __cplusplus
}
#endif

#endif
