/*
 * A receipt in writing: the whole of it as JSON, the gist as one line.
 *
 * Made only when somebody asks. What is not known is null, never 0. The items of a line are the multiplication behind
 * its cost: added up in pico-units of their currency, exchanged and rounded once, they are cost_nano. A line that was
 * not charged by our rates (the provider's own statement, a full hold where nothing was reported) has a single item
 * that says so, counted in nano-units of the ledger's currency.
 */
#include "money/receipt_lines.h"

#include "base/text.h"
#include "wire/json.h"

#include <stdio.h>

enum { ONE_TO_ONE = 1000000000, LONGEST_TEXT = 1024 };

/* ---- JSON ---- */

/* Names may come from a request or a header: what is no UTF-8 must not spoil the document. */
static void write_text(llmc_json_writer *json, const char *key, const char *text)
{
    char copy[LONGEST_TEXT];
    llmc_json_write_key(json, key);
    if (!text || !*text) {
        llmc_json_write_null(json);
        return;
    }
    size_t bytes = strlen(text);
    if (llmc_utf8_valid(text, bytes)) {
        llmc_json_write_string(json, text, bytes);
        return;
    }
    snprintf(copy, sizeof copy, "%s", text);
    llmc_utf8_sanitize(copy);
    llmc_json_write_text(json, copy);
}

/* null below least: there is no such figure. */
static void write_figure(llmc_json_writer *json, const char *key, int64_t value, int64_t least)
{
    llmc_json_write_key(json, key);
    if (value < least)
        llmc_json_write_null(json);
    else
        llmc_json_write_integer(json, value);
}

static void write_item(llmc_json_writer *json, const char *name, int64_t quantity, int64_t rate_pico, const char *currency)
{
    llmc_json_write_begin_object(json);
    write_text(json, "class", name);
    llmc_json_write_member_integer(json, "quantity", quantity);
    llmc_json_write_member_integer(json, "rate_pico", rate_pico);
    write_text(json, "currency", currency);
    llmc_json_write_end_object(json);
}

static const char *charged_otherwise(const llmc_line *line)
{
    if (line->flags & LLMC_LINE_STATED)
        return "stated";
    return line->usage.flags & LLMC_USAGE_PRESUMED ? "presumed" : "other";
}

/* Whether the line's cost is what its counts come to at its rates. */
static bool is_itemised(const llmc_line *line)
{
    int64_t cost;
    return line->rates && llmc_price_usage(line->rates, &line->usage, line->exchange_nano, &cost) && cost == line->cost_nano;
}

static void write_items(llmc_json_writer *json, const llmc_receipt *receipt, const llmc_line *line)
{
    bool itemised = is_itemised(line);
    llmc_json_write_member_array(json, "items");
    for (uint32_t i = 0; itemised && i < LLMCOST_CLASS_COUNT; i++) {
        if (line->usage.quantity[i] > 0)
            write_item(json, llmcost_class_name(i), line->usage.quantity[i], line->rates->rate[i].pico, line->rates->currency);
    }
    if (!itemised && line->cost_nano && !llmc_line_is_unpriced(line))
        write_item(json, charged_otherwise(line), line->cost_nano, 1000, receipt->currency);
    llmc_json_write_end_array(json);
}

static void write_tokens(llmc_json_writer *json, const llmc_usage *usage)
{
    llmc_json_write_member_object(json, "tokens");
    for (uint32_t i = 0; i < LLMCOST_CLASS_COUNT; i++) {
        if (usage->quantity[i] >= 0)
            llmc_json_write_member_integer(json, llmcost_class_name(i), usage->quantity[i]);
    }
    llmc_json_write_end_object(json);
}

static void write_flags(llmc_json_writer *json, const llmc_line *line)
{
    llmc_json_write_member_array(json, "flags");
    for (size_t i = 0; i < LLMC_LINE_FLAG_COUNT; i++) {
        if (line->flags & llmc_line_flag_names[i].flag)
            llmc_json_write_text(json, llmc_line_flag_names[i].name + 3);
    }
    if (line->usage.flags & LLMC_USAGE_TOTAL_DIFFERS)
        llmc_json_write_text(json, "total_differs");
    if (line->usage.flags & LLMC_USAGE_PROMPT_EXCLUSIVE)
        llmc_json_write_text(json, "prompt_exclusive");
    llmc_json_write_end_array(json);
}

static void write_line(llmc_json_writer *json, const llmc_receipt *receipt, const llmc_line *line)
{
    llmc_json_write_begin_object(json);
    llmc_json_write_member_integer(json, "index", line->index);
    write_text(json, "purpose", line->purpose);
    write_figure(json, "parent", line->parent, 0);
    write_text(json, "provider", line->provider);
    write_text(json, "model", line->model);
    write_text(json, "served_model", line->served_model);
    write_text(json, "status", llmcost_status_name(line->status));
    write_figure(json, "http_status", line->http_status, 1);
    write_text(json, "request_id", line->request_id);
    write_text(json, "key", line->key);
    write_tokens(json, &line->usage);
    write_text(json, "tier", line->usage.tier);
    write_text(json, "counts", llmc_line_counts(line));
    write_items(json, receipt, line);
    write_text(json, "source", llmc_line_source(line));
    if (line->exchange_nano != ONE_TO_ONE)
        llmc_json_write_member_integer(json, "exchange_nano", line->exchange_nano);
    write_figure(json, "cost_nano", llmc_line_is_unpriced(line) ? INT64_MIN : line->cost_nano, INT64_MIN + 1);
    write_figure(json, "stated_nano", line->stated_nano, 0);
    write_figure(json, "bound_nano", line->bound_nano, 0);
    write_flags(json, line);
    write_text(json, "note", line->note);
    write_figure(json, "started_ms", line->started_ms, 0);
    write_figure(json, "first_byte_ms", line->first_byte_ms, 0);
    write_figure(json, "duration_ms", line->duration_ms, 0);
    write_figure(json, "age_ms", line->age_ms, 0);
    write_text(json, "original", line->original);
    llmc_json_write_end_object(json);
}

static void write_savings(llmc_json_writer *json, const llmc_receipt *receipt)
{
    llmc_json_write_key(json, "baseline");
    if (receipt->baseline || receipt->baseline_nano != receipt->cost_nano) {
        llmc_json_write_begin_object(json);
        write_text(json, "model", receipt->baseline);
        llmc_json_write_member_integer(json, "cost_nano", receipt->baseline_nano);
        llmc_json_write_end_object(json);
    } else {
        llmc_json_write_null(json);
    }
    llmc_json_write_member_integer(json, "saved_nano", receipt->baseline_nano - receipt->cost_nano);
    llmc_json_write_member_object(json, "saved");
    for (size_t i = 0; i < LLMC_SAVING_COUNT; i++)
        llmc_json_write_member_integer(json, llmc_saving_names[i], receipt->saved_nano[i]);
    llmc_json_write_end_object(json);
}

/* In their order, as the caller gave them: a name may occur twice. */
static void write_tags(llmc_json_writer *json, const llmc_receipt *receipt)
{
    llmc_json_write_member_array(json, "tags");
    for (size_t i = 0; i < receipt->tag_count; i++) {
        llmc_json_write_begin_object(json);
        write_text(json, "name", receipt->tags[i].name);
        write_text(json, "value", receipt->tags[i].value);
        llmc_json_write_end_object(json);
    }
    llmc_json_write_end_array(json);
}

void llmc_decisions_write(llmc_json_writer *json, const llmc_receipt *receipt)
{
    llmc_json_write_begin_array(json);
    for (const llmc_decision *decision = receipt->decisions; decision; decision = decision->next) {
        llmc_json_write_begin_object(json);
        write_text(json, "node", decision->node);
        write_text(json, "kind", decision->kind);
        if (decision->side)
            write_text(json, "side", decision->side);
        write_text(json, "to", decision->to);
        write_text(json, "why", decision->why);
        llmc_json_write_end_object(json);
    }
    llmc_json_write_end_array(json);
}

static uint32_t count_unpriced(const llmc_receipt *receipt)
{
    uint32_t count = 0;
    for (const llmc_line *line = receipt->lines; line; line = line->next)
        count += llmc_line_is_unpriced(line);
    return count;
}

void llmc_receipt_write(const llmc_receipt *receipt, llmcost_status status, llmc_buffer *out)
{
    char amount[40];
    llmc_json_writer writer = { out, false }, *json = &writer;
    llmc_json_write_begin_object(json);
    write_text(json, "id", llmc_receipt_id(receipt));
    write_text(json, "status", llmcost_status_name(status));
    llmc_json_write_member_integer(json, "cost_nano", receipt->cost_nano);
    write_text(json, "currency", receipt->currency);
    write_text(json, "cost", llmc_amount_text(receipt->cost_nano, "", 0, amount));
    llmc_json_write_member_integer(json, "unpriced_lines", count_unpriced(receipt));
    write_savings(json, receipt);
    write_tags(json, receipt);
    write_text(json, "cache", receipt->cache_state);
    llmc_json_write_member_bool(json, "altered", receipt->altered);
    llmc_json_write_member_integer(json, "escalations", receipt->escalations);
    llmc_json_write_member_integer(json, "restarts", receipt->restarts);
    llmc_json_write_key(json, "route");
    llmc_decisions_write(json, receipt);
    write_text(json, "pruned", receipt->pruned);
    write_text(json, "degraded", receipt->degraded);
    llmc_json_write_member_integer(json, "started_wall_ms", receipt->started_wall_ms);
    llmc_json_write_member_integer(json, "duration_ns", receipt->duration_ns);
    llmc_json_write_member_array(json, "lines");
    for (const llmc_line *line = receipt->lines; line; line = line->next)
        write_line(json, receipt, line);
    llmc_json_write_end_array(json);
    llmc_json_write_end_object(json);
}

/* ---- one line of text ---- */

typedef struct leg_sums {
    int64_t in, out; /* -1: no leg has a figure */
    uint32_t sent, unpriced;
    bool estimated;
    const llmc_line *answered, *last;
} leg_sums;

static void add_count(int64_t *sum, int64_t count)
{
    if (__builtin_add_overflow(*sum < 0 ? 0 : *sum, count, sum))
        *sum = INT64_MAX;
}

static bool has_count(const llmc_usage *usage, const llmcost_class *classes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (usage->quantity[classes[i]] >= 0)
            return true;
    }
    return false;
}

static leg_sums sum_legs(const llmc_receipt *receipt)
{
    static const llmcost_class inputs[] = { LLMCOST_INPUT, LLMCOST_INPUT_CACHED, LLMCOST_WRITE_5M, LLMCOST_WRITE_30M, LLMCOST_WRITE_1H, LLMCOST_AUDIO_IN };
    static const llmcost_class outputs[] = { LLMCOST_OUTPUT, LLMCOST_REASONING, LLMCOST_AUDIO_OUT };
    leg_sums sums = { .in = -1, .out = -1 };
    for (const llmc_line *line = receipt->lines; line; line = line->next) {
        sums.unpriced += llmc_line_is_unpriced(line);
        sums.sent += (line->flags & LLMC_LINE_SENT) != 0;
        if (line->flags & LLMC_LINE_ANSWERED)
            sums.answered = line;
        if (*line->model)
            sums.last = line;
        if (has_count(&line->usage, inputs, sizeof inputs / sizeof inputs[0]))
            add_count(&sums.in, llmc_usage_prompt(&line->usage));
        if (has_count(&line->usage, outputs, sizeof outputs / sizeof outputs[0]))
            add_count(&sums.out, llmc_usage_output(&line->usage));
        const char *counts = llmc_line_counts(line);
        sums.estimated |= counts && strcmp(counts, "reported") != 0;
    }
    return sums;
}

static void say_amount(llmc_buffer *out, int64_t nano, const char *currency)
{
    char text[40];
    llmc_buffer_add_text(out, llmc_amount_text(nano, currency, 0, text));
}

/* 1,204 */
static void say_count(llmc_buffer *out, const char *before, int64_t count, const char *after)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)count);
    llmc_buffer_add_text(out, before);
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            llmc_buffer_add_byte(out, ',');
        llmc_buffer_add_byte(out, digits[i]);
    }
    llmc_buffer_add_text(out, after);
}

static void say_cost(llmc_buffer *out, const llmc_receipt *receipt, uint32_t unpriced)
{
    if (unpriced && receipt->cost_nano == 0) {
        llmc_buffer_add_text(out, "cost unknown (no price in the catalog)");
        return;
    }
    llmc_buffer_add_text(out, unpriced ? "at least " : "");
    say_amount(out, receipt->cost_nano, receipt->currency);
}

static void say_model(llmc_buffer *out, const llmc_line *line)
{
    llmc_buffer_add_text(out, line->provider);
    llmc_buffer_add_text(out, *line->provider && *line->model ? "/" : "");
    llmc_buffer_add_text(out, line->model);
}

static void say_legs(llmc_buffer *out, const leg_sums *sums)
{
    const char *about = sums->estimated ? ", about " : ", ";
    if (sums->in >= 0)
        say_count(out, about, sums->in, " in");
    if (sums->out >= 0)
        say_count(out, about, sums->out, " out");
    if (sums->sent > 1)
        say_count(out, " over ", sums->sent, " legs");
}

/* ", saved $0.002877 of $0.003 (route $0.002877)"; nothing where nothing is known or gained. */
static void say_savings(llmc_buffer *out, const char *before, const llmc_receipt *receipt, bool by_policy)
{
    const char *between = " (";
    int policies = 0;
    for (size_t i = 0; i < LLMC_SAVING_COUNT; i++)
        policies += receipt->saved_nano[i] != 0;
    if (!policies)
        return;
    llmc_buffer_add_text(out, before);
    say_amount(out, receipt->baseline_nano - receipt->cost_nano, receipt->currency);
    if (!by_policy)
        return;
    llmc_buffer_add_text(out, " of ");
    say_amount(out, receipt->baseline_nano, receipt->currency);
    for (size_t i = 0; i < LLMC_SAVING_COUNT; i++) {
        if (!receipt->saved_nano[i])
            continue;
        llmc_buffer_add_text(out, between);
        llmc_buffer_add_text(out, llmc_saving_names[i]);
        llmc_buffer_add_byte(out, ' ');
        say_amount(out, receipt->saved_nano[i], receipt->currency);
        between = ", ";
    }
    llmc_buffer_add_byte(out, ')');
}

static void say_cached(llmc_buffer *out, const llmc_receipt *receipt)
{
    llmc_buffer_add_text(out, " from the cache");
    bool wordless = receipt->delivered_out == 0 && receipt->delivered_in > 0; /* vectors */
    if (receipt->delivered_out >= 0)
        say_count(out, ": ", wordless ? receipt->delivered_in : receipt->delivered_out, wordless ? " in" : " out");
    say_savings(out, receipt->delivered_out >= 0 ? ", saved " : ": saved ", receipt, receipt->cost_nano != 0);
}

static void say_failure(llmc_buffer *out, const leg_sums *sums, llmcost_status status)
{
    llmc_buffer_add_text(out, ": ");
    if (sums->last) {
        say_model(out, sums->last);
        llmc_buffer_add_text(out, " ");
    }
    llmc_buffer_add_text(out, "failed with ");
    llmc_buffer_add_text(out, llmcost_status_name(status));
    llmc_buffer_add_text(out, ", ");
    llmc_buffer_add_text(out, llmcost_status_text(status));
    say_legs(out, sums);
}

static void say_answer(llmc_buffer *out, const llmc_receipt *receipt, const leg_sums *sums)
{
    const llmc_line *line = sums->answered ? sums->answered : sums->last;
    llmc_buffer_add_text(out, ": ");
    if (line)
        say_model(out, line);
    else
        llmc_buffer_add_text(out, "no provider was asked");
    say_legs(out, sums);
    say_savings(out, "; saved ", receipt, true);
}

void llmc_receipt_summary(const llmc_receipt *receipt, llmcost_status status, llmc_buffer *out)
{
    size_t start = out->length;
    leg_sums sums = sum_legs(receipt);
    bool cached = receipt->cached || (sums.answered && sums.answered->flags & LLMC_LINE_CACHED);
    say_cost(out, receipt, sums.unpriced);
    if (status)
        say_failure(out, &sums, status);
    else if (cached)
        say_cached(out, receipt);
    else
        say_answer(out, receipt, &sums);
    if (llmc_buffer_text(out))
        llmc_utf8_sanitize(out->data + start); /* one line, whatever names hold */
}
