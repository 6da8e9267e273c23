/*
 * Budgets in memory: the account engine of one process.
 *
 * One mutex over all accounts makes admission atomic over everything a leg matches. A hold and a settle each take it
 * once and do a few additions; nothing is allocated but for the first call of a tag value and, where calls of the window
 * before are still open, of a window. Those allocations happen under the mutex.
 *
 * Figures are 128 bits wide inside, so no sum can wrap; what goes out as 64 bits is capped.
 *
 * Windows begin with the first hold of a later time. A time in the window just before the current one is a thread that
 * looked at the clock early: it counts in the current window, else that window's room would be given out twice. A time
 * further back is a clock that was set right, and is followed.
 *
 * Without memory for an account a hard budget cannot tell and says so; a soft one counts where it still can.
 *
 * Left out: holds that expire on their own. Here a ticket dies with its process only.
 */
#include "money/accounts.h"

#include "base/hash.h"
#include "base/text.h"
#include "store/account_waiters.h"
#include "wire/json.h"

#include <string.h>

enum { TICKET_NEW = 0, TICKET_OPEN = 1, TICKET_USED = 2 };
enum { FIRST_BUCKETS = 16, MAX_VALUE_BYTES = 1000 };

typedef __int128 wide __attribute__((aligned(8))); /* a host's allocator may align to 8 only */

typedef struct account {
    struct account *chain;        /* the next in its bucket, or among those of past windows */
    uint32_t budget;
    uint32_t fired;               /* a bit for each alert that was given in this window */
    uint32_t users;               /* open tickets, and alerts being delivered: the account stays */
    bool shared, past;
    int64_t from_ms, until_ms;
    wide spent, held;
    int64_t granted, short_of_room, settled, released, exceeded;
    uint64_t hash;
    char value[];
} account;

typedef struct budget_state {
    const llmc_budget *rule;
    int64_t from_ms, until_ms;    /* the current window */
    account *shared;              /* without "each" the only one; with it, of the values beyond max_accounts */
    account **buckets;            /* "each": by value */
    size_t bucket_count, value_count;
    account *past;                /* of windows gone by, still used */
} budget_state;

typedef struct memory_engine {
    llmc_account_engine base;
    llmc_allocator allocator;
    llmc_account_alert_fn alert;
    void *alert_user;
    pthread_mutex_t mutex;
    llmc_waiter_queue waiters;
    uint32_t budget_count;
    budget_state budgets[];
} memory_engine;

/* What one account has to tell once the mutex is free. */
typedef struct pending_alert {
    account *account;
    uint32_t fired;
    bool exceeded;
    int64_t spent_nano;
} pending_alert;

static int64_t narrow(__int128 nano)
{
    return nano > INT64_MAX ? INT64_MAX : nano < INT64_MIN ? INT64_MIN : (int64_t)nano;
}

/* ---- accounts and windows ---- */

static account *account_new(memory_engine *engine, const budget_state *budget, const char *value, size_t bytes)
{
    account *fresh = llmc_calloc(&engine->allocator, 1, sizeof *fresh + bytes + 1);
    if (!fresh)
        return NULL;
    fresh->budget = (uint32_t)(budget - engine->budgets);
    fresh->from_ms = budget->from_ms;
    fresh->until_ms = budget->until_ms;
    memcpy(fresh->value, value, bytes);
    return fresh;
}

/* Out of the current window: kept as long as somebody uses it. */
static void retire(memory_engine *engine, budget_state *budget, account *old)
{
    if (!old->users) {
        llmc_free(&engine->allocator, old);
        return;
    }
    old->past = true;
    old->chain = budget->past;
    budget->past = old;
}

static void stop_using(memory_engine *engine, account *used)
{
    if (--used->users || !used->past)
        return;
    account **link = &engine->budgets[used->budget].past;
    while (*link != used)
        link = &(*link)->chain;
    *link = used->chain;
    llmc_free(&engine->allocator, used);
}

static bool begin_window(memory_engine *engine, budget_state *budget, int64_t from_ms, int64_t until_ms)
{
    account *fresh = account_new(engine, budget, "", 0);
    if (!fresh)
        return false;
    retire(engine, budget, budget->shared);
    for (size_t i = 0; i < budget->bucket_count; i++) {
        while (budget->buckets[i]) {
            account *old = budget->buckets[i];
            budget->buckets[i] = old->chain;
            retire(engine, budget, old);
        }
    }
    budget->value_count = 0;
    budget->from_ms = fresh->from_ms = from_ms;
    budget->until_ms = fresh->until_ms = until_ms;
    fresh->shared = true;
    budget->shared = fresh;
    return true;
}

/* Go to the window of wall_ms. false: a new one is due, and there is no memory for it. */
static bool enter_window(memory_engine *engine, budget_state *budget, int64_t wall_ms, bool *changed)
{
    if (wall_ms >= budget->from_ms && wall_ms < budget->until_ms)
        return true;
    int64_t from_ms, until_ms;
    llmc_period_window(budget->rule->period, wall_ms, &from_ms, &until_ms);
    bool same = from_ms == budget->from_ms && until_ms == budget->until_ms, just_before = until_ms == budget->from_ms;
    if (same || just_before)
        return true;
    if (!begin_window(engine, budget, from_ms, until_ms))
        return false;
    *changed = true;
    return true;
}

/* Twice the buckets once there are more values than buckets; without memory the chains get longer. */
static void grow_buckets(memory_engine *engine, budget_state *budget)
{
    size_t count = budget->bucket_count ? budget->bucket_count * 2 : FIRST_BUCKETS;
    account **buckets = llmc_calloc(&engine->allocator, count, sizeof *buckets);
    if (!buckets)
        return;
    for (size_t i = 0; i < budget->bucket_count; i++) {
        while (budget->buckets[i]) {
            account *moved = budget->buckets[i];
            budget->buckets[i] = moved->chain;
            moved->chain = buckets[moved->hash & (count - 1)];
            buckets[moved->hash & (count - 1)] = moved;
        }
    }
    llmc_free(&engine->allocator, budget->buckets);
    budget->buckets = buckets;
    budget->bucket_count = count;
}

static account *add_value(memory_engine *engine, budget_state *budget, const char *value, size_t bytes, uint64_t hash)
{
    if (budget->value_count >= budget->bucket_count)
        grow_buckets(engine, budget);
    account *fresh = budget->bucket_count ? account_new(engine, budget, value, bytes) : NULL;
    if (!fresh)
        return NULL;
    account **bucket = &budget->buckets[hash & (budget->bucket_count - 1)];
    fresh->hash = hash;
    fresh->chain = *bucket;
    *bucket = fresh;
    budget->value_count++;
    return fresh;
}

static account *value_account(memory_engine *engine, budget_state *budget, const char *value)
{
    size_t bytes = strlen(value);
    uint64_t hash = llmc_hash64(value, bytes, (uintptr_t)engine);
    account *found = budget->bucket_count ? budget->buckets[hash & (budget->bucket_count - 1)] : NULL;
    while (found && (found->hash != hash || strcmp(found->value, value) != 0))
        found = found->chain;
    if (found)
        return found;
    if (bytes > MAX_VALUE_BYTES || (int64_t)budget->value_count >= budget->rule->max_accounts)
        return budget->shared;
    found = add_value(engine, budget, value, bytes, hash);
    return found || !budget->rule->soft ? found : budget->shared;
}

/* The account that a call at wall_ms counts in. NULL: no memory, or no such budget. */
static account *find_account(memory_engine *engine, uint32_t number, const char *value, int64_t wall_ms, bool *changed)
{
    if (number >= engine->budget_count)
        return NULL;
    budget_state *budget = &engine->budgets[number];
    if (!enter_window(engine, budget, wall_ms, changed) && !budget->rule->soft)
        return NULL;
    return budget->rule->each ? value_account(engine, budget, value ? value : "") : budget->shared;
}

/* ---- alerts ---- */

static void note_alerts(memory_engine *engine, account *spent_on, bool exceeded, pending_alert *pending)
{
    const llmc_budget *rule = engine->budgets[spent_on->budget].rule;
    uint32_t fired = 0;
    for (size_t i = 0; i < rule->alert_count; i++) {
        bool reached = spent_on->spent > 0 && spent_on->spent * 1000 >= (__int128)rule->limit_nano * rule->alert_permille[i];
        if (reached && !(spent_on->fired & 1u << i))
            fired |= 1u << i;
    }
    spent_on->fired |= fired;
    *pending = (pending_alert){ .account = spent_on, .fired = fired, .exceeded = exceeded, .spent_nano = narrow(spent_on->spent) };
}

static bool has_alerts(const memory_engine *engine, const pending_alert *pending)
{
    return engine->alert && (pending->fired || pending->exceeded);
}

/* Mutex free; the account is in use until the mutex is taken again. */
static void deliver(memory_engine *engine, const pending_alert *pending)
{
    const account *of = pending->account;
    const llmc_budget *rule = engine->budgets[of->budget].rule;
    llmc_account_alert alert = { .budget = rule, .value = rule->each && !of->shared ? of->value : NULL, .spent_nano = pending->spent_nano,
                                 .limit_nano = rule->limit_nano, .window_from_ms = of->from_ms };
    if (pending->exceeded)
        engine->alert(&alert, engine->alert_user);
    for (size_t i = 0; i < rule->alert_count; i++) {
        if (!(pending->fired & 1u << i))
            continue;
        alert.permille = rule->alert_permille[i];
        engine->alert(&alert, engine->alert_user);
    }
}

static void deliver_all(memory_engine *engine, const pending_alert *pending, size_t count)
{
    for (size_t i = 0; i < count; i++)
        deliver(engine, &pending[i]);
    if (!count)
        return;
    pthread_mutex_lock(&engine->mutex);
    for (size_t i = 0; i < count; i++)
        stop_using(engine, pending[i].account);
    pthread_mutex_unlock(&engine->mutex);
}

/* ---- the interface ---- */

/* Whether a bound fits everywhere, account by account. */
typedef struct judgement {
    llmc_hold_reply reply;
    __int128 spendable, room; /* the least */
} judgement;

static const judgement nothing_judged = { .reply = { .outcome = LLMC_HOLD_GRANTED, .spendable_nano = INT64_MAX }, .spendable = INT64_MAX };

/* Being short of what is spent outweighs being short of what is held, because it decides whether waiting can help. */
static void judge(judgement *so_far, const llmc_budget *rule, uint32_t budget, wide spent, wide held, int64_t bound_nano)
{
    llmc_hold_reply *reply = &so_far->reply;
    if (rule->soft)
        return;
    __int128 spendable = rule->limit_nano - spent, room = spendable - held;
    if (spendable < bound_nano && (reply->outcome != LLMC_HOLD_SHORT_SPENT || spendable < so_far->spendable)) {
        reply->outcome = LLMC_HOLD_SHORT_SPENT;
        reply->budget = budget;
    }
    if (room < bound_nano && reply->outcome != LLMC_HOLD_SHORT_SPENT && (reply->outcome == LLMC_HOLD_GRANTED || room < so_far->room)) {
        reply->outcome = LLMC_HOLD_SHORT_HELD;
        reply->budget = budget;
        so_far->room = room;
    }
    if (spendable < so_far->spendable)
        so_far->spendable = spendable;
    reply->spendable_nano = narrow(so_far->spendable);
}

static llmc_hold_reply judge_all(const memory_engine *engine, account *const *accounts, size_t count, int64_t bound_nano)
{
    judgement whole = nothing_judged;
    for (size_t i = 0; i < count; i++)
        judge(&whole, engine->budgets[accounts[i]->budget].rule, accounts[i]->budget, accounts[i]->spent, accounts[i]->held, bound_nano);
    for (size_t i = 0; i < count && whole.reply.outcome != LLMC_HOLD_GRANTED; i++)
        accounts[i]->short_of_room += accounts[i]->budget == whole.reply.budget;
    return whole.reply;
}

static void book_hold(llmc_ticket *ticket, account *const *accounts, size_t count, int64_t bound_nano)
{
    for (size_t i = 0; i < count; i++) {
        accounts[i]->held += bound_nano;
        accounts[i]->users++;
        accounts[i]->granted++;
        ticket->accounts[i] = accounts[i];
    }
    ticket->account_count = (uint32_t)count;
    ticket->bound_nano = bound_nano;
    ticket->state = TICKET_OPEN;
}

static bool is_among(account *const *accounts, size_t count, const account *wanted)
{
    for (size_t i = 0; i < count; i++) {
        if (accounts[i] == wanted)
            return true;
    }
    return false;
}

/* All accounts or none. Mutex held. */
static llmc_hold_reply admit(memory_engine *engine, llmc_ticket *ticket, const llmc_account_ref *refs, size_t count, int64_t bound_nano,
                             int64_t wall_ms, bool *changed)
{
    llmc_hold_reply reply = { .outcome = LLMC_HOLD_UNAVAILABLE };
    account *accounts[LLMC_BUDGET_MAX_MATCHES];
    size_t found = 0;
    if (ticket->state == TICKET_OPEN) /* the same hold once more counts once */
        return (llmc_hold_reply){ .outcome = LLMC_HOLD_GRANTED, .spendable_nano = INT64_MAX };
    if (ticket->state != TICKET_NEW || count > LLMC_BUDGET_MAX_MATCHES || bound_nano < 0)
        return reply;
    for (size_t i = 0; i < count; i++) {
        account *one = find_account(engine, refs[i].budget, refs[i].value, wall_ms, changed);
        if (!one) {
            reply.budget = refs[i].budget;
            return reply;
        }
        if (!is_among(accounts, found, one))
            accounts[found++] = one;
    }
    reply = judge_all(engine, accounts, found, bound_nano);
    if (reply.outcome == LLMC_HOLD_GRANTED)
        book_hold(ticket, accounts, found, bound_nano);
    return reply;
}

static void engine_hold(llmc_account_engine *base, llmc_ticket *ticket, const llmc_account_ref *refs, size_t count, int64_t bound_nano, int64_t wall_ms, llmc_hold_fn fn, void *user)
{
    memory_engine *engine = (memory_engine *)base;
    bool changed = false;
    pthread_mutex_lock(&engine->mutex);
    llmc_hold_reply reply = admit(engine, ticket, refs, count, bound_nano, wall_ms, &changed);
    changed = changed && engine->waiters.first;
    pthread_mutex_unlock(&engine->mutex);
    if (changed)
        llmc_waiters_wake(&engine->waiters);
    fn(user, &reply);
}

/* The account that a call at wall_ms would count in, as it is now. NULL: nothing stands in it yet. */
static const account *find_existing(const memory_engine *engine, const budget_state *budget, const char *value, int64_t wall_ms)
{
    int64_t from_ms, until_ms;
    llmc_period_window(budget->rule->period, wall_ms, &from_ms, &until_ms);
    bool current = (wall_ms >= budget->from_ms && wall_ms < budget->until_ms) || until_ms == budget->from_ms;
    if (!current || !budget->rule->each)
        return current ? budget->shared : NULL;
    size_t bytes = strlen(value);
    uint64_t hash = llmc_hash64(value, bytes, (uintptr_t)engine);
    const account *found = budget->bucket_count ? budget->buckets[hash & (budget->bucket_count - 1)] : NULL;
    while (found && (found->hash != hash || strcmp(found->value, value) != 0))
        found = found->chain;
    bool shares = bytes > MAX_VALUE_BYTES || (int64_t)budget->value_count >= budget->rule->max_accounts;
    return found || !shares ? found : budget->shared;
}

static void engine_look(llmc_account_engine *base, const llmc_account_ref *refs, size_t count, int64_t bound_nano, int64_t wall_ms, llmc_hold_reply *reply, llmc_account_figures *figures)
{
    memory_engine *engine = (memory_engine *)base;
    judgement whole = nothing_judged;
    pthread_mutex_lock(&engine->mutex);
    for (size_t i = 0; i < count; i++) {
        const budget_state *budget = &engine->budgets[refs[i].budget];
        const account *found = find_existing(engine, budget, refs[i].value ? refs[i].value : "", wall_ms);
        wide spent = found ? found->spent : 0, held = found ? found->held : 0;
        figures[i] = (llmc_account_figures){ narrow(spent), narrow(held) };
        judge(&whole, budget->rule, refs[i].budget, spent, held, bound_nano);
    }
    pthread_mutex_unlock(&engine->mutex);
    *reply = whole.reply;
}

/* Close a ticket in its accounts; returns how many of them have something to tell. Mutex held. */
static size_t book_settle(memory_engine *engine, llmc_ticket *ticket, int64_t amount_nano, pending_alert *pending)
{
    size_t telling = 0;
    for (uint32_t i = 0; i < ticket->account_count; i++) {
        account *held_in = ticket->accounts[i];
        bool exceeded = amount_nano > ticket->bound_nano;
        held_in->held -= ticket->bound_nano;
        held_in->spent += amount_nano;
        held_in->exceeded += exceeded;
        *(amount_nano ? &held_in->settled : &held_in->released) += 1;
        pending[telling] = (pending_alert){ 0 };
        if (amount_nano)
            note_alerts(engine, held_in, exceeded, &pending[telling]);
        if (has_alerts(engine, &pending[telling]))
            telling++; /* and stays in use until that is done */
        else
            stop_using(engine, held_in);
    }
    ticket->state = TICKET_USED;
    return telling;
}

static void engine_settle(llmc_account_engine *base, llmc_ticket *ticket, int64_t amount_nano, llmc_settled_fn fn, void *user)
{
    memory_engine *engine = (memory_engine *)base;
    pending_alert pending[LLMC_BUDGET_MAX_MATCHES];
    size_t telling = 0;
    pthread_mutex_lock(&engine->mutex);
    bool never_held = ticket->state == TICKET_NEW, waiters = false;
    if (ticket->state == TICKET_OPEN) {
        telling = book_settle(engine, ticket, amount_nano > 0 ? amount_nano : 0, pending);
        waiters = engine->waiters.first;
    }
    pthread_mutex_unlock(&engine->mutex);
    if (waiters)
        llmc_waiters_wake(&engine->waiters);
    deliver_all(engine, pending, telling);
    if (fn)
        fn(user, !never_held || amount_nano <= 0);
}

static void engine_wait(llmc_account_engine *base, llmc_account_waiter *waiter)
{
    memory_engine *engine = (memory_engine *)base;
    pthread_mutex_lock(&engine->mutex);
    llmc_waiters_add(&engine->waiters, waiter);
    pthread_mutex_unlock(&engine->mutex);
}

static void engine_unwait(llmc_account_engine *base, llmc_account_waiter *waiter)
{
    memory_engine *engine = (memory_engine *)base;
    pthread_mutex_lock(&engine->mutex);
    llmc_waiters_remove(&engine->waiters, waiter);
    pthread_mutex_unlock(&engine->mutex);
}

static llmcost_status engine_correct(llmc_account_engine *base, uint32_t budget, const char *value, int64_t delta_nano, int64_t wall_ms)
{
    memory_engine *engine = (memory_engine *)base;
    if (budget >= engine->budget_count)
        return LLMCOST_E_MISUSE;
    pending_alert pending = { 0 };
    bool changed = false, telling = false;
    pthread_mutex_lock(&engine->mutex);
    account *corrected = find_account(engine, budget, value, wall_ms, &changed);
    if (corrected) {
        corrected->spent += delta_nano;
        if (delta_nano > 0)
            note_alerts(engine, corrected, false, &pending);
        telling = has_alerts(engine, &pending);
        corrected->users += telling;
    }
    pthread_mutex_unlock(&engine->mutex);
    llmc_waiters_wake(&engine->waiters);
    deliver_all(engine, &pending, telling);
    return corrected ? LLMCOST_OK : LLMCOST_E_MEMORY;
}

__attribute__((cold)) static void write_value(llmc_json_writer *json, const account *of, bool each)
{
    char clean[MAX_VALUE_BYTES + 1];
    memcpy(clean, of->value, strlen(of->value) + 1);
    if (!llmc_utf8_valid(clean, strlen(clean)))
        llmc_utf8_sanitize(clean);
    llmc_json_write_member_text(json, "value", each && !of->shared ? clean : NULL);
    llmc_json_write_member_bool(json, "other", each && of->shared);
}

static void write_window(llmc_json_writer *json, const account *of, llmc_period period)
{
    static const char *const names[] = { "total", "minute", "hour", "day", "month" };
    llmc_json_write_member_object(json, "window");
    llmc_json_write_member_text(json, "period", names[period]);
    if (period != LLMC_PERIOD_TOTAL) {
        llmc_json_write_member_integer(json, "from_ms", of->from_ms);
        llmc_json_write_member_integer(json, "until_ms", of->until_ms);
    }
    llmc_json_write_end_object(json);
}

__attribute__((cold)) static void write_account(llmc_json_writer *json, const llmc_budget *rule, const account *of)
{
    llmc_json_write_begin_object(json);
    llmc_json_write_member_text(json, "name", rule->name);
    write_value(json, of, rule->each);
    llmc_json_write_member_bool(json, "soft", rule->soft);
    llmc_json_write_member_integer(json, "limit_nano", rule->limit_nano);
    llmc_json_write_member_integer(json, "spent_nano", narrow(of->spent));
    llmc_json_write_member_integer(json, "held_nano", narrow(of->held));
    write_window(json, of, rule->period);
    llmc_json_write_member_integer(json, "open", of->granted - of->settled - of->released);
    llmc_json_write_member_integer(json, "granted", of->granted);
    llmc_json_write_member_integer(json, "short", of->short_of_room);
    llmc_json_write_member_integer(json, "settled", of->settled);
    llmc_json_write_member_integer(json, "released", of->released);
    llmc_json_write_member_integer(json, "bound_exceeded", of->exceeded);
    llmc_json_write_end_object(json);
}

static bool was_used(const account *of)
{
    return of->granted || of->short_of_room || of->spent;
}

static void write_budget(llmc_json_writer *json, const budget_state *budget)
{
    if (!budget->rule->each || was_used(budget->shared))
        write_account(json, budget->rule, budget->shared);
    for (size_t i = 0; i < budget->bucket_count; i++) {
        for (const account *of = budget->buckets[i]; of; of = of->chain)
            write_account(json, budget->rule, of);
    }
    for (const account *of = budget->past; of; of = of->chain)
        write_account(json, budget->rule, of);
}

__attribute__((cold)) static llmcost_status engine_describe(llmc_account_engine *base, int64_t wall_ms, llmc_buffer *out)
{
    memory_engine *engine = (memory_engine *)base;
    llmc_json_writer json = { .out = out };
    bool changed = false, complete = true;
    pthread_mutex_lock(&engine->mutex);
    llmc_json_write_begin_array(&json);
    for (uint32_t i = 0; i < engine->budget_count; i++) {
        complete = enter_window(engine, &engine->budgets[i], wall_ms, &changed) && complete;
        write_budget(&json, &engine->budgets[i]);
    }
    llmc_json_write_end_array(&json);
    pthread_mutex_unlock(&engine->mutex);
    if (changed)
        llmc_waiters_wake(&engine->waiters);
    return complete && !out->failure ? LLMCOST_OK : LLMCOST_E_MEMORY;
}

static void free_chain(memory_engine *engine, account *chain)
{
    while (chain) {
        account *next = chain->chain;
        llmc_free(&engine->allocator, chain);
        chain = next;
    }
}

__attribute__((cold)) static void engine_free(llmc_account_engine *base)
{
    memory_engine *engine = (memory_engine *)base;
    for (uint32_t i = 0; i < engine->budget_count; i++) {
        budget_state *budget = &engine->budgets[i];
        for (size_t j = 0; j < budget->bucket_count; j++)
            free_chain(engine, budget->buckets[j]);
        free_chain(engine, budget->past);
        llmc_free(&engine->allocator, budget->shared);
        llmc_free(&engine->allocator, budget->buckets);
    }
    llmc_waiters_free(&engine->waiters);
    pthread_mutex_destroy(&engine->mutex);
    llmc_allocator allocator = engine->allocator;
    llmc_free(&allocator, engine);
}

static bool init_budget(memory_engine *engine, budget_state *budget, const llmc_budget *rule)
{
    budget->rule = rule;
    budget->from_ms = INT64_MIN;
    budget->until_ms = rule->period == LLMC_PERIOD_TOTAL ? INT64_MAX : INT64_MIN; /* the first call begins a window */
    budget->shared = account_new(engine, budget, "", 0);
    if (budget->shared)
        budget->shared->shared = true;
    return budget->shared;
}

__attribute__((cold)) llmcost_status llmc_memory_accounts_new(llmc_account_engine **out, const llmc_allocator *allocator, const llmc_budget *budgets, size_t budget_count,
                                        llmc_account_alert_fn alert, void *alert_user)
{
    *out = NULL;
    if (budget_count > UINT32_MAX / sizeof(budget_state))
        return LLMCOST_E_MISUSE;
    memory_engine *engine = llmc_calloc(allocator, 1, sizeof *engine + budget_count * sizeof(budget_state));
    if (!engine)
        return LLMCOST_E_MEMORY;
    engine->base = (llmc_account_engine){ .name = "memory", .hold = engine_hold, .look = engine_look, .settle = engine_settle, .wait = engine_wait, .unwait = engine_unwait,
                                          .correct = engine_correct, .describe = engine_describe, .free = engine_free };
    engine->allocator = *allocator;
    engine->alert = alert;
    engine->alert_user = alert_user;
    engine->budget_count = (uint32_t)budget_count;
    pthread_mutex_init(&engine->mutex, NULL);
    llmc_waiters_init(&engine->waiters, &engine->mutex);
    for (size_t i = 0; i < budget_count; i++) {
        if (!init_budget(engine, &engine->budgets[i], &budgets[i])) {
            engine_free(&engine->base);
            return LLMCOST_E_MEMORY;
        }
    }
    *out = &engine->base;
    return LLMCOST_OK;
}
