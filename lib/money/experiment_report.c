/*
 * What came of splits, as text for people and as JSON for programs: the sides' figures, and each side against the first
 * one of its split, with 95 % intervals. Doubles only where statistics begin; sums of money are exact.
 */
#include "money/experiment_sums.h"
#include "money/money.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 41, FIXED_BYTES = 40 };

typedef struct side_figures {
    llmc_side_sums sums;
    llmc_percentiles latency, first_byte;
    int64_t failed; /* calls */
} side_figures;

/* What sides are compared in. */
typedef enum comparison_kind { COMPARE_COST, COMPARE_ERRORS, COMPARE_ESCALATIONS, COMPARE_SCORE, COMPARE_LATENCY, COMPARISONS } comparison_kind;
static const char *const json_names[COMPARISONS] = { "mean_cost_nano", "error_rate", "escalation_rate", "mean_score", "mean_latency_ms" };
static const char *const text_names[COMPARISONS] = { "cost of a call", "error rate", "escalation rate", "score", "latency (ms)" };

static side_figures read_side(llmc_experiments *experiments, uint32_t side)
{
    side_figures figures = { .latency = llmc_experiments_latency(experiments, side), .first_byte = llmc_experiments_first_byte(experiments, side) };
    llmc_experiments_read(experiments, side, &figures.sums);
    for (size_t i = 0; i < LLMC_CATEGORIES; i++)
        figures.failed += figures.sums.failed[i];
    return figures;
}

static llmc_interval scaled(llmc_interval interval, double unit)
{
    interval.difference /= unit;
    interval.low /= unit;
    interval.high /= unit;
    return interval;
}

/* How much more side b has than side a. */
static llmc_interval compare(comparison_kind kind, const side_figures *a, const side_figures *b)
{
    const llmc_side_sums *x = &a->sums, *y = &b->sums;
    switch (kind) {
    case COMPARE_COST: return llmc_interval_of_means(&x->cost, &y->cost);
    case COMPARE_ERRORS: return llmc_interval_of_shares(a->failed, x->calls, b->failed, y->calls);
    case COMPARE_ESCALATIONS: return llmc_interval_of_shares(x->escalated, x->calls, y->escalated, y->calls);
    case COMPARE_SCORE: return scaled(llmc_interval_of_means(&x->score, &y->score), 1e6);
    default: return scaled(llmc_interval_of_means(&x->duration, &y->duration), 1e6);
    }
}

static int64_t whole(__int128 value)
{
    return value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : (int64_t)value;
}

/* ---- text ---- */

/* In integers: a host's locale may have a decimal comma. */
static const char *fixed(double value, int decimals, const char *plus, char out[FIXED_BYTES])
{
    static const double units[] = { 1, 10, 100, 1000, 10000 };
    double size = (value < 0 ? -value : value) * units[decimals] + 0.5;
    int64_t scaled_up = size < 9e18 ? (int64_t)size : INT64_MAX, unit = (int64_t)units[decimals];
    const char *sign = scaled_up == 0 ? "" : value < 0 ? "-" : plus;
    if (decimals)
        snprintf(out, FIXED_BYTES, "%s%lld.%0*lld", sign, (long long)(scaled_up / unit), decimals, (long long)(scaled_up % unit));
    else
        snprintf(out, FIXED_BYTES, "%s%lld", sign, (long long)scaled_up);
    return out;
}

static const char *amount(double nano, const char *currency, char out[FIXED_BYTES])
{
    double half = nano < 0 ? -0.5 : 0.5;
    return llmc_amount_text(nano < 9e18 && nano > -9e18 ? (int64_t)(nano + half) : 0, currency, 2, out);
}

static const char *figure_text(comparison_kind kind, double value, const char *currency, char out[FIXED_BYTES])
{
    if (kind == COMPARE_COST)
        return amount(value, currency, out);
    if (kind == COMPARE_SCORE)
        return fixed(value, 4, "+", out);
    if (kind == COMPARE_LATENCY)
        return fixed(value, 1, "+", out);
    fixed(value * 100, 2, "+", out);
    return strcat(out, " %");
}

/* A copy that cannot break a line. */
static const char *clean(const char *text, char out[NAME_BYTES])
{
    size_t bytes = llmc_utf8_cut(text, strlen(text), NAME_BYTES - 1);
    memcpy(out, text, bytes);
    out[bytes] = '\0';
    llmc_utf8_sanitize(out);
    return out;
}

static const char *milliseconds(int64_t ns, int64_t count, char out[FIXED_BYTES])
{
    return count ? fixed((double)ns / 1e6, 1, "", out) : "-";
}

static void text_side(const llmc_split *split, uint32_t index, const side_figures *side, const char *currency, llmc_buffer *out)
{
    char name[NAME_BYTES], cost[FIXED_BYTES], mean[FIXED_BYTES], p50[FIXED_BYTES], p95[FIXED_BYTES], p99[FIXED_BYTES], score[FIXED_BYTES];
    const llmc_side_sums *sums = &side->sums;
    llmc_buffer_add_format(out, "%-40s %8u %10lld %8lld %8lld %9lld %18s %14s %9s %9s %9s %8lld %10s\n", clean(split->sides[index], name), split->weights[index],
                           (long long)sums->calls, (long long)sums->cached, (long long)side->failed, (long long)sums->escalated, llmc_amount_text(whole(sums->cost_nano), currency, 2, cost),
                           sums->cost.count ? amount(llmc_moments_mean(&sums->cost), currency, mean) : "-", milliseconds(side->latency.p50_ns, side->latency.count, p50),
                           milliseconds(side->latency.p95_ns, side->latency.count, p95), milliseconds(side->latency.p99_ns, side->latency.count, p99),
                           (long long)sums->score.count, sums->score.count ? fixed(llmc_moments_mean(&sums->score) / 1e6, 4, "", score) : "-");
}

static void text_comparison(const llmc_split *split, uint32_t index, const side_figures *first, const side_figures *side, const char *currency, llmc_buffer *out)
{
    char name[NAME_BYTES], against[NAME_BYTES], difference[FIXED_BYTES], low[FIXED_BYTES], high[FIXED_BYTES];
    llmc_buffer_add_format(out, "  %s against %s, 95 %% intervals\n", clean(split->sides[index], name), clean(split->sides[0], against));
    for (int i = 0; i < COMPARISONS; i++) {
        llmc_interval interval = compare((comparison_kind)i, first, side);
        if (!interval.known) {
            llmc_buffer_add_format(out, "    %-18s too few\n", text_names[i]);
            continue;
        }
        bool differs = interval.low > 0 || interval.high < 0;
        llmc_buffer_add_format(out, "    %-18s %16s   %s .. %s%s\n", text_names[i], figure_text((comparison_kind)i, interval.difference, currency, difference),
                               figure_text((comparison_kind)i, interval.low, currency, low), figure_text((comparison_kind)i, interval.high, currency, high), differs ? "   differs" : "");
    }
}

static void text_split(llmc_experiments *experiments, const llmc_split *split, llmc_buffer *out)
{
    const char *currency = llmc_experiments_settings(experiments)->currency;
    char name[NAME_BYTES], sticky[NAME_BYTES], title[2 * NAME_BYTES + 20];
    snprintf(title, sizeof title, "split %s%s%s", clean(split->name, name), split->sticky ? " by " : "", split->sticky ? clean(split->sticky, sticky) : "");
    llmc_buffer_add_format(out, "\n%-40s %8s %10s %8s %8s %9s %18s %14s %9s %9s %9s %8s %10s\n", title, "weight", "calls", "cached", "failed", "escalated", "cost", "each", "p50 ms",
                           "p95 ms", "p99 ms", "scored", "score");
    side_figures first = read_side(experiments, split->first_side);
    text_side(split, 0, &first, currency, out);
    for (uint32_t i = 1; i < split->side_count; i++) {
        side_figures side = read_side(experiments, split->first_side + i);
        text_side(split, i, &side, currency, out);
    }
    for (uint32_t i = 1; i < split->side_count; i++) {
        side_figures side = read_side(experiments, split->first_side + i);
        text_comparison(split, i, &first, &side, currency, out);
    }
}

void llmc_experiments_text(llmc_experiments *experiments, llmc_buffer *out)
{
    for (const llmc_split *split = experiments ? llmc_experiments_settings(experiments)->splits : NULL; split; split = split->next)
        text_split(experiments, split, out);
}

/* ---- JSON ---- */

/* null where nothing is known. */
static void write_double(llmc_json_writer *json, const char *name, double value, bool known)
{
    llmc_json_write_key(json, name);
    if (known)
        llmc_json_write_double(json, value);
    else
        llmc_json_write_null(json);
}

static void write_percentiles(llmc_json_writer *json, const char *name, const llmc_percentiles *of, double mean, bool has_mean)
{
    llmc_json_write_member_object(json, name);
    if (has_mean)
        write_double(json, "mean", mean, of->count > 0);
    write_double(json, "p50", (double)of->p50_ns / 1e6, of->count > 0);
    write_double(json, "p95", (double)of->p95_ns / 1e6, of->count > 0);
    write_double(json, "p99", (double)of->p99_ns / 1e6, of->count > 0);
    llmc_json_write_end_object(json);
}

static void write_failures(llmc_json_writer *json, const llmc_side_sums *sums)
{
    static const char *const names[LLMC_CATEGORIES] = { NULL, "host", "config", "request", "budget", "time", "network", "credentials", "capacity", "server" };
    llmc_json_write_member_object(json, "failed_by");
    for (size_t i = 1; i < LLMC_CATEGORIES; i++)
        llmc_json_write_member_integer(json, names[i], sums->failed[i]);
    llmc_json_write_end_object(json);
}

static void write_comparison(llmc_json_writer *json, const llmc_split *split, const side_figures *first, const side_figures *side)
{
    llmc_json_write_member_object(json, "against");
    llmc_json_write_member_text(json, "side", split->sides[0]);
    for (int i = 0; i < COMPARISONS; i++) {
        llmc_interval interval = compare((comparison_kind)i, first, side);
        llmc_json_write_member_object(json, json_names[i]);
        write_double(json, "difference", interval.difference, interval.known);
        write_double(json, "low", interval.low, interval.known);
        write_double(json, "high", interval.high, interval.known);
        llmc_json_write_end_object(json);
    }
    llmc_json_write_end_object(json);
}

static double rate(int64_t part, int64_t of)
{
    return of > 0 ? (double)part / (double)of : 0;
}

static void write_side(llmc_json_writer *json, const llmc_split *split, uint32_t index, const side_figures *side)
{
    const llmc_side_sums *sums = &side->sums;
    llmc_json_write_member_text(json, "name", split->sides[index]);
    llmc_json_write_member_integer(json, "weight", split->weights[index]);
    llmc_json_write_member_integer(json, "calls", sums->calls);
    llmc_json_write_member_integer(json, "cached", sums->cached);
    llmc_json_write_member_integer(json, "failed", side->failed);
    write_failures(json, sums);
    llmc_json_write_member_integer(json, "cost_nano", whole(sums->cost_nano));
    llmc_json_write_member_integer(json, "tokens_in", sums->tokens_in);
    llmc_json_write_member_integer(json, "tokens_out", sums->tokens_out);
    llmc_json_write_member_integer(json, "escalations", sums->escalations);
    llmc_json_write_member_integer(json, "escalated", sums->escalated);
    llmc_json_write_member_integer(json, "scored", sums->score.count);
    write_double(json, "mean_cost_nano", llmc_moments_mean(&sums->cost), sums->cost.count > 0);
    write_double(json, "error_rate", rate(side->failed, sums->calls), sums->calls > 0);
    write_double(json, "escalation_rate", rate(sums->escalated, sums->calls), sums->calls > 0);
    write_double(json, "mean_score", llmc_moments_mean(&sums->score) / 1e6, sums->score.count > 0);
    write_percentiles(json, "latency_ms", &side->latency, llmc_moments_mean(&sums->duration) / 1e6, true);
    write_percentiles(json, "first_byte_ms", &side->first_byte, 0, false);
}

static void write_split(llmc_json_writer *json, llmc_experiments *experiments, const llmc_split *split)
{
    llmc_json_write_begin_object(json);
    llmc_json_write_member_text(json, "name", split->name);
    llmc_json_write_member_text(json, "sticky", split->sticky);
    llmc_json_write_member_array(json, "sides");
    side_figures first = read_side(experiments, split->first_side);
    for (uint32_t i = 0; i < split->side_count; i++) {
        side_figures side = i ? read_side(experiments, split->first_side + i) : first;
        llmc_json_write_begin_object(json);
        write_side(json, split, i, &side);
        if (i)
            write_comparison(json, split, &first, &side);
        llmc_json_write_end_object(json);
    }
    llmc_json_write_end_array(json);
    llmc_json_write_end_object(json);
}

void llmc_experiments_json(llmc_experiments *experiments, llmc_json_writer *json)
{
    llmc_json_write_begin_array(json);
    for (const llmc_split *split = experiments ? llmc_experiments_settings(experiments)->splits : NULL; split; split = split->next)
        write_split(json, experiments, split);
    llmc_json_write_end_array(json);
}
