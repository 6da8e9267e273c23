#include "policy/key_verdict.h"

#include <string.h>

static bool says(const char *text, const char *word)
{
    for (; text && *text; text++) {
        const char *at = text, *of = word;
        for (; *of && (*at >= 'A' && *at <= 'Z' ? *at | 0x20 : *at) == *of; at++)
            of++;
        if (!*of)
            return true;
    }
    return false;
}

static bool says_one_of(const char *text, const char *const *words)
{
    while (*words && !says(text, *words))
        words++;
    return *words != NULL;
}

static bool tells_one_of(const llmcost_error *error, const char *const *words)
{
    return says_one_of(error->code, words) || says_one_of(error->provider_message, words);
}

/* A subject and what became of it, in one text: a code of "invalid_request_error" says nothing of the key in the message. */
static bool condemns_key(const char *text)
{
    static const char *const subjects[] = { "key", "credential", "account", "token", NULL };
    static const char *const fates[] = { "revoked", "disabled", "deactivated", "expired", "blocked", "leaked", "suspended", "banned", "deleted", "invalid", "not valid", "not active", "inactive", "terminated", NULL };
    return says_one_of(text, subjects) && says_one_of(text, fates);
}

/* Whoever speaks of a model means that this key is good for others. */
static bool is_about_key(const llmcost_error *error)
{
    static const char *const others[] = { "model", "endpoint", "deployment", "region", "scope", NULL };
    return (condemns_key(error->code) || condemns_key(error->provider_message)) && !tells_one_of(error, others);
}

/* Free calls are granted model by model: the others go on. */
static bool is_about_free_calls(const llmcost_error *error)
{
    static const char *const words[] = { "freetier", "free tier", "free_tier", NULL };
    return tells_one_of(error, words);
}

llmc_key_state llmc_key_verdict(llmcost_status status, const llmcost_error *error)
{
    if (status == LLMCOST_E_AUTH || (status == LLMCOST_E_PERMISSION && is_about_key(error)))
        return LLMC_KEY_REJECTED;
    if (status == LLMCOST_E_QUOTA)
        return is_about_free_calls(error) ? LLMC_KEY_OK : LLMC_KEY_OUT_OF_MONEY;
    return status == LLMCOST_E_RATE_LIMITED ? LLMC_KEY_LIMITED : LLMC_KEY_OK;
}

bool llmc_key_stays_rejected(const llmcost_error *error, const llmc_provider *provider, const llmc_credential *credential)
{
    static const char *const clocks[] = { "skew", "expired", "not yet", NULL };
    bool by_clock = provider->auth == LLMC_AUTH_JWT || provider->auth == LLMC_AUTH_BCE || (provider->auth == LLMC_AUTH_AWS && credential->id.bytes);
    return !credential->host && !(by_clock && tells_one_of(error, clocks));
}

bool llmc_shows_money(const llmc_answer *answer)
{
    for (uint32_t i = 0; answer && i < answer->balance_count; i++) {
        const char *amount = answer->balances[i].amount;
        if (*amount != '-' && amount[strspn(amount, "0.")])
            return true;
    }
    return false;
}

void llmc_key_alert(llmc_services *services, const char *provider, const char *key, const char *state)
{
    if (!services->on_alert)
        return;
    llmc_buffer text;
    llmc_buffer_init(&text, &services->allocator, 1 << 20);
    llmc_json_writer writer = { &text, false };
    const char *const members[][2] = { { "alert", "key" }, { "provider", provider }, { "key", key }, { "state", state } };
    llmc_json_write_begin_object(&writer);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        llmc_json_write_member_text(&writer, members[i][0], members[i][1]);
    llmc_json_write_end_object(&writer);
    const char *json = llmc_buffer_text(&text);
    if (json)
        services->on_alert(json, services->on_alert_user);
    llmc_buffer_free(&text);
}
