/*
 * The columns of one exchange. Texts and tool calls are told by their hashes, so that two libraries' tables can be
 * compared without the texts; `differs` names what parts from the figures that the recording's meta file repeats.
 */
#include "replay/row.h"

#include "replay/reading.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static const struct category {
    llmcost_status status;
    const char *name;
} categories[] = {
    { LLMCOST_OK, "ok" }, { LLMCOST_E_UNSUPPORTED, "unsupported" }, { LLMCOST_E_INVALID_REQUEST, "invalid_request" }, { LLMCOST_E_AUTH, "auth" },
    { LLMCOST_E_QUOTA, "quota" }, { LLMCOST_E_PERMISSION, "permission" }, { LLMCOST_E_NOT_FOUND, "not_found" }, { LLMCOST_E_RATE_LIMITED, "rate_limited" },
    { LLMCOST_E_OVERLOADED, "overloaded" }, { LLMCOST_E_SERVER, "server" }, { LLMCOST_E_SERVER_TIMEOUT, "timeout" },
    { LLMCOST_E_CONTEXT_LENGTH, "context_length" }, { LLMCOST_E_CONTENT_FILTER, "content_filter" }, { LLMCOST_E_CONFLICT, "conflict" },
    { LLMCOST_E_MALFORMED, "malformed" }, { LLMCOST_E_TRUNCATED, "truncated" }, { LLMCOST_E_TOO_LARGE, "too_large" }, { LLMCOST_E_CANCELLED, "cancelled" },
    { LLMCOST_E_MEMORY, "memory" },
};

static const char *category_of(llmcost_status status)
{
    for (size_t i = 0; i < sizeof categories / sizeof categories[0]; i++)
        if (categories[i].status == status)
            return categories[i].name;
    return llmcost_status_name(status);
}

void row_print_header(void)
{
    puts("provider\tcase\tresult\tfinish\ttext_bytes\ttext_xxh3\ttool_calls\ttools_xxh3\tinput\tinput_cached\twrite_5m\twrite_30m\twrite_1h\toutput\treasoning\taudio_in\taudio_out\t"
         "cost_nano\tcurrency\tdiffers");
}

/* Folders' names come from outside: no tab and no newline gets into the table. */
static void put_name(const char *text)
{
    for (; *text; text++)
        putchar((unsigned char)*text < 0x20 ? '?' : *text);
    putchar('\t');
}

/* ---- tool calls ---- */

/* [{"arguments":{...},"name":"..."}]: members sorted, no blanks; arguments that are no JSON stay text. */
static uint64_t tools_hash(const llmc_choice *choice)
{
    json_t *all = json_array();
    for (uint32_t i = 0; i < choice->tool_call_count; i++) {
        json_error_t error;
        const char *text = choice->tool_calls[i].arguments;
        json_t *arguments = json_loads(*text ? text : "{}", JSON_DECODE_ANY, &error);
        json_t *call = json_object();
        json_object_set_new(call, "name", json_string(choice->tool_calls[i].name));
        json_object_set_new(call, "arguments", arguments ? arguments : json_string(text));
        json_array_append_new(all, call);
    }
    char *text = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
    uint64_t hash = text ? XXH3_64bits(text, strlen(text)) : 0;
    free(text);
    json_decref(all);
    return hash;
}

/* ---- money ---- */

static bool price(const reading *r, const exchange *e, const row_prices *prices, int64_t *nano)
{
    llmc_rates rates;
    llmc_usage usage = r->usage;
    llmc_price_query query = { .wall_ms = prices->wall_ms, .prompt_tokens = llmc_usage_prompt(&usage), .output_tokens = llmc_usage_output(&usage),
                               .tier = usage.tier, .reasoned = usage.quantity[LLMCOST_REASONING] > 0 };
    if (usage.stated_cost_pico >= 0) {
        llmc_sum stated = { .pico = usage.stated_cost_pico };
        return llmc_sum_amount(&stated, 1000000000, nano);
    }
    const char *served = r->answer ? r->answer->model : "";
    const llmc_model *model = *served ? llmc_catalog_find(prices->catalog, llmc_preset_catalog(r->preset), served) : NULL;
    if (!model)
        model = llmc_catalog_find(prices->catalog, llmc_preset_catalog(r->preset), exchange_text(e, "model"));
    bool known = model && llmc_model_rates(model, &query, &rates);
    if (!known && !r->preset->free_of_charge)
        return false;
    if (!known)
        llmc_rates_free_of_charge(&rates, r->preset->currency);
    if (rates.rate[LLMCOST_REQUEST].pico > 0)
        usage.quantity[LLMCOST_REQUEST] = 1;
    return llmc_price_usage(&rates, &usage, 1000000000, nano);
}

/* ---- differences ---- */

typedef struct differences {
    char text[600];
    size_t length;
} differences;

__attribute__((format(printf, 2, 3))) static void differ(differences *d, const char *format, ...)
{
    va_list arguments;
    char word[200];
    va_start(arguments, format);
    vsnprintf(word, sizeof word, format, arguments);
    va_end(arguments);
    int count = snprintf(d->text + d->length, sizeof d->text - d->length, "%s%s", d->length ? "; " : "", word);
    d->length += count > 0 && (size_t)count < sizeof d->text - d->length ? (size_t)count : 0;
}

/* The figure as the provider reported it, next to ours; 0 and "not reported" are the same thing here. */
static void compare(differences *d, const json_t *usage, const char *name, int64_t ours)
{
    const json_t *value = json_object_get(usage, name);
    if (!json_is_number(value))
        return;
    int64_t theirs = (int64_t)json_number_value(value);
    if (theirs != (ours < 0 ? 0 : ours))
        differ(d, "%s %lld, recorded %lld", name, (long long)ours, (long long)theirs);
}

static void compare_usage(differences *d, const reading *r, const exchange *e)
{
    const json_t *usage = json_object_get(e->meta, "usage_as_reported");
    const int64_t *quantity = r->usage.quantity;
    int64_t written = 0;
    for (int i = LLMCOST_WRITE_5M; i <= LLMCOST_WRITE_1H; i++)
        written += quantity[i] > 0 ? quantity[i] : 0;
    if (json_object_get(usage, "billed_in")) {
        compare(d, usage, "billed_in", llmc_usage_prompt(&r->usage));
        compare(d, usage, "billed_out", llmc_usage_output(&r->usage));
        return;
    }
    compare(d, usage, "prompt", r->usage.reported_prompt);
    compare(d, usage, "completion", r->usage.reported_completion);
    compare(d, usage, "total", r->usage.reported_total);
    compare(d, usage, "cached", quantity[LLMCOST_INPUT_CACHED]);
    compare(d, usage, "reasoning", quantity[LLMCOST_REASONING]);
    compare(d, usage, "cache_write", written);
    compare(d, usage, "audio_in", quantity[LLMCOST_AUDIO_IN]);
    compare(d, usage, "audio_out", quantity[LLMCOST_AUDIO_OUT]);
}

static void compare_finish(differences *d, const llmc_choice *choice, const exchange *e)
{
    const json_t *words = json_object_get(e->meta, "finish_as_reported");
    for (size_t i = 0; i < json_array_size(words); i++) {
        const char *word = json_string_value(json_array_get(words, i));
        if (word && choice && !strcmp(word, choice->finish_raw))
            return;
    }
    if (json_array_size(words) > 0)
        differ(d, "finish %.40s, recorded %.40s", choice ? choice->finish_raw : "none", json_string_value(json_array_get(words, 0)) ? json_string_value(json_array_get(words, 0)) : "?");
}

static bool is_told(const exchange *e, const char *tag)
{
    const json_t *tags = json_object_get(e->meta, "tags");
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const char *word = json_string_value(json_array_get(tags, i));
        if (word && !strcmp(word, tag))
            return true;
    }
    return false;
}

static void compare_all(differences *d, const reading *r, const exchange *e)
{
    uint32_t calls = 0;
    long recorded = exchange_number(e, "tool_calls"), http_status = exchange_number(e, "status");
    bool failure_in_success = is_told(e, "error_in_200") || is_told(e, "error_in_stream");
    for (uint32_t i = 0; r->answer && i < r->answer->choice_count; i++)
        calls += r->answer->choices[i].tool_call_count;
    if (r->status && http_status < 300 && !failure_in_success)
        differ(d, "status 200, read as %s", category_of(r->status));
    if (!r->status && (http_status >= 300 || failure_in_success))
        differ(d, "a failure, read as ok");
    compare_usage(d, r, e);
    if (r->operation != LLMC_OP_CHAT)
        return;
    compare_finish(d, r->answer && r->answer->choice_count ? &r->answer->choices[0] : NULL, e);
    if ((long)calls != recorded)
        differ(d, "tool_calls %u, recorded %ld", calls, recorded);
}

/* ---- the line ---- */

static void put_answer(const reading *r)
{
    const llmc_choice *choice = r->answer && r->answer->choice_count ? &r->answer->choices[0] : NULL;
    if (r->operation != LLMC_OP_CHAT || !choice) {
        if (r->operation == LLMC_OP_EMBED && !r->status)
            printf("\t\t\t%u\t\t", r->vectors);
        else
            printf("\t\t\t\t\t");
        return;
    }
    printf("%s\t%zu\t%016llx\t", choice->finish == LLMCOST_FINISH_NONE ? "" : llmcost_finish_name(choice->finish), choice->text.bytes,
           (unsigned long long)XXH3_64bits(choice->text.text, choice->text.bytes));
    printf("%u\t%016llx\t", choice->tool_call_count, (unsigned long long)tools_hash(choice));
}

static void put_usage(const reading *r)
{
    static const int classes[] = { LLMCOST_INPUT, LLMCOST_INPUT_CACHED, LLMCOST_WRITE_5M, LLMCOST_WRITE_30M, LLMCOST_WRITE_1H, LLMCOST_OUTPUT, LLMCOST_REASONING, LLMCOST_AUDIO_IN, LLMCOST_AUDIO_OUT };
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        int64_t quantity = r->usage.quantity[classes[i]];
        if (quantity >= 0 && r->counted)
            printf("%lld", (long long)quantity);
        putchar('\t');
    }
}

void row_print(const char *folder, const char *provider, const char *name, const row_prices *prices)
{
    exchange e;
    reading r;
    differences d = { .length = 0 };
    int64_t nano;
    exchange_read(&e, folder, provider, name);
    reading_make(&r, &e, NULL, NULL);
    put_name(provider);
    put_name(name);
    printf("%s\t", category_of(r.status));
    put_answer(&r);
    put_usage(&r);
    if (r.codec && !r.status && r.counted && r.operation != LLMC_OP_COUNT_TOKENS && price(&r, &e, prices, &nano))
        printf("%lld\t%s\t", (long long)nano, r.preset->currency);
    else
        printf("\t\t");
    if (e.flaw[0])
        differ(&d, "%s", e.flaw);
    else if (r.codec)
        compare_all(&d, &r, &e);
    for (char *at = d.text; *at; at++)
        putchar((unsigned char)*at < 0x20 ? '?' : *at);
    putchar('\n');
    reading_free(&r);
    exchange_free(&e);
}
