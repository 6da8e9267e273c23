/*
 * Opening and closing a client, and its housekeeping.
 *
 * Nothing here is on a call's path but the two checks of llmc_client_check(): whether the client closes, and whether
 * this is still the process that opened it, which a page that the kernel wipes in a child tells without a system call.
 */
#include "base/layout.h"
#include "base/thread.h"
#include "client/client.h"
#include "client/options.h"
#include "policy/key_pool.h"
#include "policy/lanes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { FORK_PAGE_BYTES = 4096 };

static const char *system_environment(const char *name, void *user)
{
    (void)user;
    return getenv(name);
}

static void retain_answer(void *value)
{
    llmc_answer_ref(value);
}

static void release_answer(void *value)
{
    llmc_answer_unref(value);
}

/* ---- alerts ---- */

/* A budget without a period has no window. */
static void write_window(llmc_json_writer *writer, const llmc_account_alert *alert)
{
    llmc_json_write_key(writer, "window_from_ms");
    if (alert->budget->period == LLMC_PERIOD_TOTAL)
        llmc_json_write_null(writer);
    else
        llmc_json_write_integer(writer, alert->window_from_ms);
}

static void alert_of_account(const llmc_account_alert *alert, void *user)
{
    llmcost_client *client = user;
    if (!client->services.on_alert)
        return;
    llmc_buffer text;
    llmc_buffer_init(&text, &client->services.allocator, 1 << 20);
    llmc_json_writer writer = { &text, false };
    llmc_json_write_begin_object(&writer);
    llmc_json_write_member_text(&writer, "alert", alert->permille ? "budget" : "bound_exceeded");
    llmc_json_write_member_text(&writer, "budget", alert->budget->name);
    llmc_json_write_member_text(&writer, "value", alert->value);
    llmc_json_write_key(&writer, "fraction");
    llmc_json_write_double(&writer, alert->permille / 1000.0);
    llmc_json_write_member_integer(&writer, "spent_nano", alert->spent_nano);
    llmc_json_write_member_integer(&writer, "limit_nano", alert->limit_nano);
    write_window(&writer, alert);
    llmc_json_write_end_object(&writer);
    const char *json = llmc_buffer_text(&text);
    if (json) {
        client->services.on_alert(json, client->services.on_alert_user);
    }
    llmc_buffer_free(&text);
}

static void alert_of_target(const llmc_target_change *change, void *user)
{
    llmcost_client *client = user;
    if (!client->services.on_alert)
        return;
    llmc_buffer text;
    llmc_buffer_init(&text, &client->services.allocator, 1 << 16);
    llmc_json_writer writer = { &text, false };
    llmc_json_write_begin_object(&writer);
    llmc_json_write_member_text(&writer, "alert", "breaker");
    llmc_json_write_member_text(&writer, "target", change->target);
    llmc_json_write_member_text(&writer, "state", llmc_breaker_state_name(change->state));
    llmc_json_write_member_integer(&writer, "calls", change->window.calls);
    llmc_json_write_member_integer(&writer, "failures", change->window.failures);
    llmc_json_write_member_integer(&writer, "slow", change->window.slow);
    llmc_json_write_end_object(&writer);
    const char *json = llmc_buffer_text(&text);
    if (json)
        client->services.on_alert(json, client->services.on_alert_user);
    llmc_buffer_free(&text);
}

/* ---- opening ---- */

static const llmcost_policy *const policies[] = { &llmc_policy_meter, &llmc_policy_resolve, &llmc_policy_cache, &llmc_policy_check, &llmc_policy_choose, &llmc_policy_cascade,
                                                  &llmc_policy_fallback, &llmc_policy_batch_inputs, &llmc_policy_retry, &llmc_policy_keys, &llmc_policy_limits, &llmc_policy_breaker, &llmc_policy_fit,
                                                  &llmc_policy_format, &llmc_policy_budget, &llmc_policy_wire };

bool llmc_policy_is_ours(const llmcost_policy *policy)
{
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        if (policy->name == policies[i]->name)
            return true;
    }
    return false;
}

/* What the config has nothing for is no part of its client's calls. */
static bool is_needed(const llmcost_client *client, const llmcost_policy *policy)
{
    const uint32_t kinds = client->settings->route_kinds;
    if (policy == &llmc_policy_choose)
        return kinds >> LLMC_ROUTE_CHOOSE & 1;
    if (policy == &llmc_policy_cascade)
        return kinds >> LLMC_ROUTE_CASCADE & 1;
    if (policy == &llmc_policy_fallback)
        return kinds >> LLMC_ROUTE_FALLBACK & 1;
    return policy != &llmc_policy_limits || client->services.lanes;
}

static void fire_waker(void *waker, int32_t value)
{
    llmcost_waker_fire(waker, value);
}

static llmcost_status open_lanes(llmc_services *services)
{
    const llmc_settings *settings = services->settings;
    bool limited = false;
    for (size_t i = 0; i < settings->provider_count; i++)
        limited |= settings->providers[i].limits != NULL;
    if (limited)
        services->lanes = llmc_lanes_new(&services->allocator, llmc_random_next(&services->random), fire_waker);
    return limited && !services->lanes ? LLMCOST_E_MEMORY : LLMCOST_OK;
}

static llmcost_status open_services(llmcost_client *client)
{
    llmc_services *services = &client->services;
    const llmc_settings *settings = client->settings;
    llmcost_status status = LLMCOST_OK;
    services->settings = settings;
    services->on_target = alert_of_target;
    services->on_target_user = client;
    if (settings->cache_memory) {
        llmc_memory_cache_limits limits = { settings->cache_max_bytes, settings->cache_max_entries };
        status = llmc_memory_cache_new(&services->cache, &services->allocator, &limits, llmc_random_next(&services->random), &(llmc_cache_values){ retain_answer, release_answer });
    }
    if (!status && settings->budget_count)
        status = llmc_memory_accounts_new(&services->accounts, &services->allocator, settings->budgets, settings->budget_count, alert_of_account, client);
    if (!status)
        status = llmc_key_pools_open(client->settings->providers, settings->provider_count, &services->allocator);
    if (!status)
        status = open_lanes(services);
    llmc_totals_settings totals = { settings->report_tags, settings->report_tag_count, settings->report_max_values, settings->report_max_days, settings->currency };
    if (!status)
        status = llmc_totals_new(&services->totals, &services->allocator, &totals);
    llmc_experiment_settings experiments = { settings->splits, settings->side_count, settings->report_feedback_calls, settings->currency };
    return status || !settings->splits ? status : llmc_experiments_new(&services->experiments, &services->allocator, &experiments);
}

static void free_hooks(const llmc_services *services, llmc_named_hook *hooks)
{
    while (hooks) {
        llmc_named_hook *next = hooks->next;
        llmc_free(&services->allocator, hooks->name);
        llmc_free(&services->allocator, hooks);
        hooks = next;
    }
}

static void close_services(llmcost_client *client)
{
    llmc_services *services = &client->services;
    llmc_memory_cache_free(services->cache);
    if (services->accounts)
        services->accounts->free(services->accounts);
    llmc_totals_free(services->totals);
    llmc_experiments_free(services->experiments);
    llmc_lanes_free(services->lanes);
    if (client->settings)
        llmc_key_pools_close(client->settings->providers, client->settings->provider_count, &services->allocator);
    free_hooks(services, services->judges);
    free_hooks(services, services->key_sources);
    free_hooks(services, services->labellers);
}

static bool mark_process(llmcost_client *client)
{
    client->fork_mark = mmap(NULL, FORK_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (client->fork_mark == MAP_FAILED)
        return false;
    madvise(client->fork_mark, FORK_PAGE_BYTES, MADV_WIPEONFORK);
    *client->fork_mark = 1;
    return true;
}

static void free_client(llmcost_client *client)
{
    llmc_allocator allocator = client->services.allocator;
    close_services(client);
    llmc_settings_free(client->settings);
    if (client->fork_mark && client->fork_mark != MAP_FAILED)
        munmap(client->fork_mark, FORK_PAGE_BYTES);
    pthread_cond_destroy(&client->background_wake);
    pthread_mutex_destroy(&client->background_lock);
    if (!client->has_transport)
        llmc_http_global_close();
    llmc_free(&allocator, client);
}

static llmcost_status open_client(llmcost_client *client, const char *config, const llmcost_options *options, llmcost_error *error)
{
    llmc_services *services = &client->services;
    llmcost_environment_fn environment = options->environment ? options->environment : system_environment;
    services->clock = options->clock ? *options->clock : llmc_clock_system;
    services->log = options->log;
    services->log_user = options->log_user;
    services->log_level = options->log_level ? options->log_level : LLMCOST_LOG_WARNING;
    llmc_random_init(&services->random, options->random_seed);
    client->id_seed = llmc_random_next(&services->random);
    client->opener = llmc_thread_number();
    llmcost_status status = llmc_settings_read(&client->settings, config, &services->allocator, environment, options->environment_user, error);
    if (!status)
        status = open_services(client);
    for (size_t i = 0; !status && i < sizeof policies / sizeof policies[0]; i++) {
        if (is_needed(client, policies[i]))
            status = llmc_client_add_policy(client, policies[i]);
    }
    if (!status && !mark_process(client))
        status = LLMCOST_E_MEMORY;
    return status ? status : llmc_pool_open(client);
}

static llmcost_client *new_client(const llmcost_options *options, const llmcost_transport *transport)
{
    const llmc_allocator *allocator = options->allocator ? options->allocator : &llmc_allocator_system;
    llmcost_client *client = llmc_calloc(allocator, 1, sizeof *client);
    if (!client)
        return NULL;
    client->services.allocator = *allocator;
    client->transport = *transport;
    client->has_transport = options->transport != NULL;
    atomic_init(&client->references, 1);
    pthread_mutex_init(&client->background_lock, NULL);
    pthread_cond_init(&client->background_wake, NULL);
    if (!client->has_transport && llmc_http_global_open()) {
        pthread_cond_destroy(&client->background_wake);
        pthread_mutex_destroy(&client->background_lock);
        llmc_free(allocator, client);
        return NULL;
    }
    return client;
}

/* The caller's error object, where he wants one. */
static llmcost_status hand_error(const llmcost_options *options, llmcost_error *error, llmcost_status status)
{
    error->status = status;
    if (options->error && status) {
        llmcost_error *copy = llmc_calloc(&error->allocator, 1, sizeof *copy);
        if (copy) {
            llmc_error_init(copy, &error->allocator);
            llmc_error_move(copy, error);
        }
        *options->error = copy;
    }
    llmc_error_clear(error);
    return status;
}

llmcost_status llmcost_client_open(llmcost_client **out, const char *config, const llmcost_options *given)
{
    llmcost_options options;
    llmcost_transport transport = { 0 };
    llmcost_error error;
    if (!out)
        return LLMCOST_E_MISUSE;
    *out = NULL;
    llmcost_status status = llmc_options_import(given, &options);
    if (!status && options.transport)
        status = llmc_transport_import(options.transport, &transport);
    if (options.error)
        *options.error = NULL;
    if (status)
        return status;
    llmc_error_init(&error, options.allocator ? options.allocator : &llmc_allocator_system);
    llmcost_client *client = new_client(&options, &transport);
    if (!client)
        return hand_error(&options, &error, LLMCOST_E_MEMORY);
    status = open_client(client, config, &options, &error);
    if (!status && (status = llmc_background_start(client)))
        llmc_pool_close(client);
    if (status)
        free_client(client);
    else
        *out = client;
    return hand_error(&options, &error, status);
}

/* ---- closing ---- */

llmcost_client *llmcost_client_ref(llmcost_client *client)
{
    if (client)
        atomic_fetch_add(&client->references, 1);
    return client;
}

static bool in_use(llmcost_client *client)
{
    pthread_mutex_lock(&client->pool.lock);
    bool owned = client->pool.owned > 0;
    if (!owned)
        atomic_store(&client->closing, true);
    pthread_mutex_unlock(&client->pool.lock);
    return owned;
}

llmcost_status llmcost_client_close(llmcost_client *client)
{
    if (!client)
        return LLMCOST_OK;
    if (!*client->fork_mark)
        return LLMCOST_E_MISUSE;
    unsigned references = atomic_load(&client->references);
    while (references > 1) {
        if (atomic_compare_exchange_weak(&client->references, &references, references - 1))
            return LLMCOST_OK;
    }
    if (llmc_is_visiting(client) || in_use(client))
        return LLMCOST_E_MISUSE;
    llmc_background_stop(client);
    llmc_visit visit;
    llmc_visit_begin(&visit, client);
    llmc_pool_close(client);
    llmc_visit_end(&visit);
    free_client(client);
    return LLMCOST_OK;
}

/* ---- housekeeping ---- */

llmcost_status llmcost_client_run(llmcost_client *client, int32_t max_ms)
{
    llmc_visit visit;
    if (llmc_client_enter(client, &visit))
        return LLMCOST_E_MISUSE;
    int64_t now = llmc_clock_now(&client->services.clock);
    llmc_pool_run_detached(client, max_ms > 0 ? llmc_clock_after(now, max_ms) : now, max_ms > 0);
    llmc_client_leave(&visit);
    return LLMCOST_OK;
}

/* ---- hooks ---- */

static llmcost_status may_change(llmcost_client *client)
{
    return !client || !*client->fork_mark || atomic_load(&client->closing) || atomic_load(&client->sealed) ? LLMCOST_E_MISUSE : LLMCOST_OK;
}

llmcost_status llmcost_client_on_receipt(llmcost_client *client, llmcost_receipt_fn fn, void *user)
{
    if (may_change(client))
        return LLMCOST_E_MISUSE;
    client->services.on_receipt = fn;
    client->services.on_receipt_user = user;
    return LLMCOST_OK;
}

llmcost_status llmcost_client_on_alert(llmcost_client *client, llmcost_alert_fn fn, void *user)
{
    if (may_change(client))
        return LLMCOST_E_MISUSE;
    client->services.on_alert = fn;
    client->services.on_alert_user = user;
    return LLMCOST_OK;
}

static llmc_named_hook *add_hook(llmcost_client *client, llmc_named_hook **hooks, const char *name, void *user)
{
    const llmc_allocator *allocator = &client->services.allocator;
    llmc_named_hook *hook = llmc_calloc(allocator, 1, sizeof *hook);
    char *copy = llmc_strdup(allocator, name);
    if (!hook || !copy) {
        llmc_free(allocator, hook);
        llmc_free(allocator, copy);
        return NULL;
    }
    *hook = (llmc_named_hook){ .next = *hooks, .name = copy, .user = user };
    *hooks = hook;
    return hook;
}

const llmc_named_hook *llmc_named_hook_find(const llmc_named_hook *hooks, const char *name)
{
    while (hooks && strcmp(hooks->name, name) != 0)
        hooks = hooks->next;
    return hooks;
}

llmcost_status llmcost_client_add_judge(llmcost_client *client, const char *name, llmcost_judge_fn fn, void *user)
{
    if (may_change(client) || !name || !*name || !fn)
        return LLMCOST_E_MISUSE;
    llmc_named_hook *hook = add_hook(client, &client->services.judges, name, user);
    if (!hook)
        return LLMCOST_E_MEMORY;
    hook->fn.judge = fn;
    return LLMCOST_OK;
}

llmcost_status llmcost_client_add_labeller(llmcost_client *client, const char *name, llmcost_labeller_fn fn, void *user)
{
    if (may_change(client) || !name || !*name || !fn)
        return LLMCOST_E_MISUSE;
    llmc_named_hook *hook = add_hook(client, &client->services.labellers, name, user);
    if (!hook)
        return LLMCOST_E_MEMORY;
    hook->fn.label = fn;
    return LLMCOST_OK;
}

llmcost_status llmcost_client_add_key_source(llmcost_client *client, const char *name, llmcost_key_fn fn, void *user)
{
    if (may_change(client) || !name || !*name || !fn)
        return LLMCOST_E_MISUSE;
    llmc_named_hook *hook = add_hook(client, &client->services.key_sources, name, user);
    if (!hook)
        return LLMCOST_E_MEMORY;
    hook->fn.key = fn;
    return LLMCOST_OK;
}

llmcost_status llmcost_client_set_cache_store(llmcost_client *client, const llmcost_cache_store *store)
{
    llmcost_cache_store ours = { 0 };
    if (may_change(client) || !store)
        return LLMCOST_E_MISUSE;
    if (!llmc_layout_is_possible(store->struct_size, offsetof(llmcost_cache_store, remove)) || !llmc_lay_over(&ours, sizeof ours, store, store->struct_size))
        return LLMCOST_E_MISUSE;
    ours.struct_size = sizeof ours;
    if (!ours.get || !ours.put)
        return LLMCOST_E_MISUSE;
    client->services.cache_store = ours;
    return LLMCOST_OK;
}
