/*
 * Budgets and the accounts behind them.
 *
 * A budget is a rule of the config; an account is one budget's figures for one window (and, for a budget with "each",
 * one tag value). Admission is atomic over all accounts that a leg matches: a hold is granted only if for every one of
 * them spent + held + bound <= limit. A hold is a ticket used once; settling or releasing it again does nothing.
 *
 * The engine behind the interface may answer later, from any thread: memory now, shared stores to come.
 */
#ifndef LLMC_ACCOUNTS_H
#define LLMC_ACCOUNTS_H

#include "base/buffer.h"
#include "money/money.h"

typedef enum llmc_period { LLMC_PERIOD_TOTAL = 0, LLMC_PERIOD_MINUTE, LLMC_PERIOD_HOUR, LLMC_PERIOD_DAY, LLMC_PERIOD_MONTH } llmc_period;

enum { LLMC_BUDGET_MAX_ALERTS = 8, LLMC_BUDGET_MAX_MATCHES = 16 };

/* A rule. All texts live as long as the client. */
typedef struct llmc_budget {
    const char *name;
    int64_t limit_nano;
    llmc_period period;
    const llmcost_tag *where; /* tags that a call must carry; a value may hold '*' alone: any value */
    size_t where_count;
    const char *provider, *model; /* NULL: any; the configured provider, the provider's name of the model */
    const char *each;             /* a tag: one account per value of it; calls without the tag share the account of "" */
    int32_t alert_permille[LLMC_BUDGET_MAX_ALERTS]; /* ascending */
    size_t alert_count;
    bool soft;                    /* count and alert only, never refuse */
    int64_t max_accounts;         /* "each": at most so many values at once, the rest share one account; counted */
} llmc_budget;

/* First instant of the window that contains wall_ms, and of the next one (UTC). TOTAL: INT64_MIN, INT64_MAX. */
void llmc_period_window(llmc_period period, int64_t wall_ms, int64_t *from_ms, int64_t *until_ms);
bool llmc_budget_matches(const llmc_budget *budget, const llmcost_tag *tags, size_t tag_count, const char *provider, const char *model);

/* One account that a leg touches. value: of the budget's "each" tag; NULL: none. Borrowed during the call. */
typedef struct llmc_account_ref {
    uint32_t budget;
    const char *value;
} llmc_account_ref;

typedef enum llmc_hold_outcome {
    LLMC_HOLD_GRANTED = 0,
    LLMC_HOLD_SHORT_HELD,   /* it would fit if other holds were not open: wait */
    LLMC_HOLD_SHORT_SPENT,  /* spent + bound > limit: waiting does not help, a smaller bound may */
    LLMC_HOLD_UNAVAILABLE   /* the engine cannot tell */
} llmc_hold_outcome;

typedef struct llmc_hold_reply {
    llmc_hold_outcome outcome;
    uint32_t budget;          /* which one is short; undefined after GRANTED */
    int64_t spendable_nano;   /* the least limit - spent over all hard accounts, whatever is held */
} llmc_hold_reply;

/* What stands in an account just now. */
typedef struct llmc_account_figures {
    int64_t spent_nano, held_nano;
} llmc_account_figures;

/* A ticket: the caller's memory, at one address from hold until settled. */
typedef struct llmc_ticket {
    uint64_t id[2];           /* random and serial: unique over processes */
    int64_t bound_nano;
    uint32_t state;           /* engine's: 0 new, 1 open, 2 used */
    uint32_t account_count;
    bool no_bound;            /* the caller's: bound_nano is 0 because nobody knows one, and what it cost exceeds nothing */
    void *accounts[LLMC_BUDGET_MAX_MATCHES]; /* engine's */
    void *engine_data;
} llmc_ticket;

/*
 * Somebody who waits for room: called once, from any thread, without a lock held, when an account of his changed (or
 * another one). Queue first, then hold once more, then sleep: a change before queueing is not told.
 */
typedef struct llmc_account_waiter {
    void (*wake)(void *user);
    void *user;
    struct llmc_account_waiter *next, **link; /* engine's; link NULL: not queued */
} llmc_account_waiter;

/* Something crossed a fraction of its limit, or a settle exceeded its hold. Called without a lock held. */
typedef struct llmc_account_alert {
    const llmc_budget *budget;
    const char *value;        /* of "each"; NULL: none, or the account that values beyond max_accounts share */
    int32_t permille;         /* the fraction crossed; 0: bound_exceeded */
    int64_t spent_nano, limit_nano, window_from_ms;
} llmc_account_alert;
typedef void (*llmc_account_alert_fn)(const llmc_account_alert *alert, void *user);

typedef void (*llmc_hold_fn)(void *user, const llmc_hold_reply *reply);
typedef void (*llmc_settled_fn)(void *user, bool stored); /* stored false: the engine failed; counted */

typedef struct llmc_account_engine llmc_account_engine;
struct llmc_account_engine {
    const char *name;
    bool answers_later;       /* hold may reply after it returned, from any thread */
    /* Exactly one reply each, before returning or later. fn of settle may be NULL. ticket state makes each idempotent. */
    void (*hold)(llmc_account_engine *engine, llmc_ticket *ticket, const llmc_account_ref *refs, size_t count, int64_t bound_nano, int64_t wall_ms, llmc_hold_fn fn, void *user);
    /*
     * What a hold would be answered now, and the figures of each account; nothing changes, nothing is counted. At once.
     * NULL: the engine cannot tell without asking somebody.
     */
    void (*look)(llmc_account_engine *engine, const llmc_account_ref *refs, size_t count, int64_t bound_nano, int64_t wall_ms, llmc_hold_reply *reply, llmc_account_figures *figures);
    /* The true amount, also above the hold; 0 releases. It lands in the window the ticket was held in. */
    void (*settle)(llmc_account_engine *engine, llmc_ticket *ticket, int64_t amount_nano, llmc_settled_fn fn, void *user);
    /*
     * Queue for the next change of any account; first come, first woken. unwait: after it returns wake is not called any
     * more; it waits for a wake that another thread is just calling, so hold no lock that wake takes.
     */
    void (*wait)(llmc_account_engine *engine, llmc_account_waiter *waiter);
    void (*unwait)(llmc_account_engine *engine, llmc_account_waiter *waiter);
    llmcost_status (*correct)(llmc_account_engine *engine, uint32_t budget, const char *value, int64_t delta_nano, int64_t wall_ms);
    /* Appends a JSON array with one object per account: name, value, limit_nano, spent_nano, held_nano, window, counts. */
    llmcost_status (*describe)(llmc_account_engine *engine, int64_t wall_ms, llmc_buffer *out);
    void (*free)(llmc_account_engine *engine);
};

/* The memory engine (store/memory_accounts.c). budgets: borrowed. */
llmcost_status llmc_memory_accounts_new(llmc_account_engine **out, const llmc_allocator *allocator, const llmc_budget *budgets, size_t budget_count,
                                        llmc_account_alert_fn alert, void *alert_user);

#endif
