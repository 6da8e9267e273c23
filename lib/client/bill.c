/* What a client can tell of itself: the report, its counters, its budgets. */
#include "client/client.h"
#include "policy/key_pool.h"

#include <string.h>

enum { LARGEST_REPORT = 64 << 20 };

llmcost_status llmc_client_hand_out(llmcost_client *client, llmc_write_fn write, const void *how, char **out)
{
    if (!out)
        return LLMCOST_E_MISUSE;
    *out = NULL;
    llmc_visit visit;
    llmcost_status status = llmc_client_enter(client, &visit);
    if (status)
        return status;
    llmc_buffer buffer;
    llmc_buffer_init(&buffer, &client->services.allocator, LARGEST_REPORT);
    status = write(client, how, &buffer);
    if (!status && !(*out = llmc_string_new(&client->services.allocator, &buffer)))
        status = LLMCOST_E_MEMORY;
    llmc_buffer_free(&buffer);
    llmc_client_leave(&visit);
    return status;
}

static llmcost_status write_report(llmcost_client *client, const void *how, llmc_buffer *out)
{
    return llmc_totals_report(client->services.totals, client->services.experiments, *(const char *)how, out);
}

llmcost_status llmcost_report(llmcost_client *client, const char *format, char **out)
{
    if (out)
        *out = NULL;
    if (!format || (strcmp(format, "text") != 0 && strcmp(format, "json") != 0))
        return LLMCOST_E_MISUSE;
    return llmc_client_hand_out(client, write_report, format[0] == 't' ? "t" : "j", out);
}

static void write_cache(llmcost_client *client, llmc_json_writer *writer)
{
    llmc_services *services = &client->services;
    llmc_memory_cache_stats stats = { 0 };
    int64_t saved_nano, saved_ns;
    llmc_totals_cached(services->totals, &saved_nano, &saved_ns);
    if (services->cache)
        llmc_memory_cache_stats_read(services->cache, &stats);
    llmc_json_write_member_object(writer, "cache");
    llmc_json_write_member_count(writer, "hits", stats.hits);
    llmc_json_write_member_count(writer, "misses", stats.misses);
    llmc_json_write_member_count(writer, "stores", stats.stores);
    llmc_json_write_member_count(writer, "evictions", stats.evictions);
    llmc_json_write_member_count(writer, "expirations", stats.expirations);
    llmc_json_write_member_count(writer, "entries", stats.entries);
    llmc_json_write_member_count(writer, "bytes", stats.bytes);
    llmc_json_write_member_integer(writer, "saved_nano", saved_nano);
    llmc_json_write_member_integer(writer, "saved_ms", saved_ns / 1000000);
    llmc_json_write_end_object(writer);
}

static void write_drivers(llmcost_client *client, llmc_json_writer *writer)
{
    llmc_pool *pool = &client->pool;
    uint64_t connections = 0;
    pthread_mutex_lock(&pool->lock);
    for (llmc_slot *slot = pool->all; slot; slot = slot->next_all)
        connections += slot->http ? llmc_http_connections(slot->http) : 0;
    uint64_t opened = pool->opened, leased = pool->leased, owned = pool->owned;
    pthread_mutex_unlock(&pool->lock);
    llmc_json_write_member_object(writer, "drivers");
    llmc_json_write_member_count(writer, "opened", opened);
    llmc_json_write_member_count(writer, "leased", leased);
    llmc_json_write_member_count(writer, "owned", owned);
    llmc_json_write_member_count(writer, "connections", connections);
    llmc_json_write_end_object(writer);
}

static void write_key(const llmc_provider *provider, size_t index, int64_t now, llmc_json_writer *writer)
{
    static const char *const states[LLMC_KEY_STATES] = { "ok", "limited", "out_of_money", "rejected" };
    const llmc_credential *credential = &provider->credentials[index];
    const llmc_pooled_key *key = &provider->pool->keys[index];
    int64_t back_ns;
    llmc_key_state state = llmc_key_pool_state(provider->pool, index, now, &back_ns);
    llmc_json_write_begin_object(writer);
    llmc_json_write_member_text(writer, "provider", provider->name);
    llmc_json_write_member_text(writer, "key", credential->host ? credential->host : llmc_credential_fingerprint(credential));
    llmc_json_write_member_text(writer, "state", states[state]);
    llmc_json_write_member_integer(writer, "back_in_ms", back_ns == LLMC_NEVER ? -1 : back_ns > now ? (back_ns - now + LLMC_MS - 1) / LLMC_MS : 0);
    llmc_json_write_member_count(writer, "calls", atomic_load(&key->calls));
    llmc_json_write_member_count(writer, "in_flight", atomic_load(&key->in_flight));
    llmc_json_write_end_object(writer);
}

static void write_keys(llmcost_client *client, llmc_json_writer *writer)
{
    const llmc_settings *settings = client->settings;
    int64_t now = llmc_clock_now(&client->services.clock);
    llmc_json_write_member_array(writer, "keys");
    for (const llmc_provider *provider = settings->providers; provider < settings->providers + settings->provider_count; provider++) {
        for (size_t i = 0; provider->pool && i < provider->credential_count; i++)
            write_key(provider, i, now, writer);
    }
    llmc_json_write_end_array(writer);
}

static llmcost_status write_stats(llmcost_client *client, const void *how, llmc_buffer *out)
{
    (void)how;
    llmc_services *services = &client->services;
    llmc_json_writer writer = { out, false };
    llmc_json_write_begin_object(&writer);
    write_cache(client, &writer);
    write_drivers(client, &writer);
    write_keys(client, &writer);
    llmc_json_write_member_count(&writer, "budget_refusals", atomic_load(&services->refused));
    llmc_json_write_member_count(&writer, "bounds_exceeded", atomic_load(&services->bound_exceeded));
    llmc_json_write_member_count(&writer, "retries_refused", atomic_load(&services->retries_refused));
    llmc_json_write_member_count(&writer, "policy_failures", atomic_load(&services->policy_failures));
    llmc_json_write_member_count(&writer, "detached", atomic_load(&services->detached));
    llmc_json_write_member_count(&writer, "detached_dropped", atomic_load(&services->dropped_detached));
    llmc_json_write_end_object(&writer);
    return LLMCOST_OK;
}

llmcost_status llmcost_stats(llmcost_client *client, char **out)
{
    return llmc_client_hand_out(client, write_stats, NULL, out);
}

static llmcost_status write_budgets(llmcost_client *client, const void *how, llmc_buffer *out)
{
    (void)how;
    llmc_account_engine *accounts = client->services.accounts;
    if (accounts)
        return accounts->describe(accounts, llmc_clock_wall_ms(&client->services.clock), out);
    llmc_buffer_add_text(out, "[]");
    return LLMCOST_OK;
}

llmcost_status llmcost_budgets(llmcost_client *client, char **out)
{
    return llmc_client_hand_out(client, write_budgets, NULL, out);
}

static llmcost_status write_targets(llmcost_client *client, const void *how, llmc_buffer *out)
{
    (void)how;
    const llmc_services *services = &client->services;
    return llmc_targets_describe(client->settings->targets, &services->allocator, llmc_clock_now(&services->clock), out);
}

llmcost_status llmcost_targets(llmcost_client *client, char **out)
{
    return llmc_client_hand_out(client, write_targets, NULL, out);
}

static llmcost_status correct(llmcost_client *client, const char *budget, const char *value, int64_t delta_nano)
{
    const llmc_settings *settings = client->settings;
    llmc_account_engine *accounts = client->services.accounts;
    for (size_t i = 0; accounts && i < settings->budget_count; i++) {
        if (strcmp(settings->budgets[i].name, budget) == 0)
            return accounts->correct(accounts, (uint32_t)i, value, delta_nano, llmc_clock_wall_ms(&client->services.clock));
    }
    return LLMCOST_E_MISUSE;
}

llmcost_status llmcost_budget_correct(llmcost_client *client, const char *budget, const char *value, int64_t delta_nano)
{
    if (!budget)
        return LLMCOST_E_MISUSE;
    llmc_visit visit;
    llmcost_status status = llmc_client_enter(client, &visit);
    if (status)
        return status;
    status = correct(client, budget, value, delta_nano);
    llmc_client_leave(&visit);
    return status;
}

llmcost_status llmcost_feedback(llmcost_client *client, const char *receipt_id, double score)
{
    uint64_t number;
    if (!receipt_id || !llmc_receipt_number(receipt_id, &number))
        return LLMCOST_E_MISUSE;
    llmc_visit visit;
    llmcost_status status = llmc_client_enter(client, &visit);
    if (status)
        return status;
    status = llmc_experiments_feedback(client->services.experiments, number, score);
    llmc_client_leave(&visit);
    return status;
}

llmcost_status llmcost_cache_clear(llmcost_client *client)
{
    llmc_visit visit;
    llmcost_status status = llmc_client_enter(client, &visit);
    if (status)
        return status;
    atomic_fetch_add(&client->services.cache_generation, 1);
    if (client->services.cache)
        llmc_memory_cache_clear(client->services.cache);
    llmc_client_leave(&visit);
    return LLMCOST_OK;
}
