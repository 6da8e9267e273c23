/* Running totals as text for people and as JSON for programs: the same figures, amounts exact in both. */
#include "money/totals_rows.h"

#include "base/text.h"
#include "wire/json.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 41 };

/* ---- order ---- */

static bool comes_before(const llmc_report_row *a, const llmc_report_row *b)
{
    if (a->row.figure[LLMC_COST_NANO] != b->row.figure[LLMC_COST_NANO])
        return a->row.figure[LLMC_COST_NANO] > b->row.figure[LLMC_COST_NANO];
    if (a->row.figure[LLMC_CALLS] != b->row.figure[LLMC_CALLS])
        return a->row.figure[LLMC_CALLS] > b->row.figure[LLMC_CALLS];
    if (a->kind != b->kind)
        return a->kind < b->kind;
    return a->kind == LLMC_ROW_VALUE && strcmp(a->value, b->value) < 0;
}

/* A shell sort: the C library's own may allocate. */
static void sort_rows(llmc_report_row *rows, size_t count)
{
    size_t gap = 1;
    while (gap < count / 3)
        gap = gap * 3 + 1;
    for (; gap; gap /= 3) {
        for (size_t i = gap; i < count; i++) {
            llmc_report_row row = rows[i];
            size_t at = i;
            for (; at >= gap && comes_before(&row, &rows[at - gap]); at -= gap)
                rows[at] = rows[at - gap];
            rows[at] = row;
        }
    }
}

void llmc_report_sort(llmc_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        if (!report->dimensions[i].days)
            sort_rows(report->dimensions[i].rows, report->dimensions[i].count);
    }
}

/* ---- figures ---- */

/* part of whole in thousandths, half up; 0 where there is no whole. */
static int64_t permille(int64_t part, int64_t whole)
{
    if (whole <= 0)
        return 0;
    __int128 doubled = (__int128)part * 2000 + (part < 0 ? -whole : whole);
    __int128 result = doubled / ((__int128)whole * 2);
    return result > INT64_MAX ? INT64_MAX : result < INT64_MIN ? INT64_MIN : (int64_t)result;
}

static const char *percent(int64_t part, int64_t whole, char out[32])
{
    int64_t thousandths = permille(part, whole);
    uint64_t size = thousandths < 0 ? 0 - (uint64_t)thousandths : (uint64_t)thousandths;
    snprintf(out, 32, "%s%llu.%llu %%", thousandths < 0 ? "-" : "", (unsigned long long)(size / 10), (unsigned long long)(size % 10));
    return out;
}

static int64_t saved(const llmc_row *row)
{
    int64_t difference;
    if (!__builtin_sub_overflow(row->figure[LLMC_BASELINE_NANO], row->figure[LLMC_COST_NANO], &difference))
        return difference;
    return row->figure[LLMC_COST_NANO] > 0 ? INT64_MIN : INT64_MAX;
}

static const char *day_text(int64_t days, char out[NAME_BYTES])
{
    int64_t year;
    int month, day;
    llmc_civil_from_days(days, &year, &month, &day);
    snprintf(out, NAME_BYTES, "%04lld-%02d-%02d", (long long)year, month, day);
    return out;
}

/* A copy that cannot break a line or a JSON text. */
static const char *clean_text(const char *text, char *out, size_t room)
{
    size_t bytes = llmc_utf8_cut(text, strlen(text), room - 1);
    memcpy(out, text, bytes);
    out[bytes] = '\0';
    llmc_utf8_sanitize(out);
    return out;
}

/* ---- text ---- */

static const char *row_name(const llmc_report_dimension *of, const llmc_report_row *row, char out[NAME_BYTES])
{
    if (row->kind == LLMC_ROW_OTHER)
        return of->days ? "(earlier)" : "(other)";
    if (row->kind == LLMC_ROW_NONE)
        return "(none)";
    return of->days ? day_text(row->day, out) : clean_text(row->value, out, NAME_BYTES);
}

static void text_total(const llmc_report *report, llmc_buffer *out)
{
    const llmc_grand_total *total = &report->total;
    char cost[40], baseline[40], difference[40], share[32];
    llmc_buffer_add_format(out, "calls     %lld (failed %lld, refused %lld, escalated %lld)\n", (long long)total->row.figure[LLMC_CALLS],
                           (long long)total->row.figure[LLMC_FAILED], (long long)total->row.figure[LLMC_REFUSED], (long long)total->escalations);
    llmc_buffer_add_format(out, "cached    %lld (hit rate %s)\n", (long long)total->row.figure[LLMC_CACHED], percent(total->row.figure[LLMC_CACHED], total->row.figure[LLMC_CALLS], share));
    llmc_buffer_add_format(out, "tokens    in %lld, out %lld\n", (long long)total->row.figure[LLMC_TOKENS_IN], (long long)total->row.figure[LLMC_TOKENS_OUT]);
    llmc_buffer_add_format(out, "cost      %s\n", llmc_amount_text(total->row.figure[LLMC_COST_NANO], report->currency, 2, cost));
    llmc_buffer_add_format(out, "baseline  %s\n", llmc_amount_text(total->row.figure[LLMC_BASELINE_NANO], report->currency, 2, baseline));
    llmc_buffer_add_format(out, "saved     %s (%s)\n", llmc_amount_text(saved(&total->row), report->currency, 2, difference),
                           percent(saved(&total->row), total->row.figure[LLMC_BASELINE_NANO], share));
    for (size_t i = 0; i < LLMC_SAVING_COUNT; i++)
        llmc_buffer_add_format(out, "  %-16s %20s\n", llmc_saving_names[i], llmc_amount_text(total->saved_nano[i], report->currency, 2, difference));
}

static void text_dimension(const llmc_report *report, const llmc_report_dimension *of, llmc_buffer *out)
{
    char name[NAME_BYTES], cost[40], difference[40], share[32];
    llmc_buffer_add_format(out, "\n%-40s %10s %8s %8s %8s %18s %9s %18s\n", clean_text(of->name, name, sizeof name), "calls", "cached", "failed", "refused", "cost", "share", "saved");
    for (size_t i = 0; i < of->count; i++) {
        const llmc_report_row *row = &of->rows[i];
        llmc_buffer_add_format(out, "%-40s %10lld %8lld %8lld %8lld %18s %9s %18s\n", row_name(of, row, name), (long long)row->row.figure[LLMC_CALLS],
                               (long long)row->row.figure[LLMC_CACHED], (long long)row->row.figure[LLMC_FAILED], (long long)row->row.figure[LLMC_REFUSED],
                               llmc_amount_text(row->row.figure[LLMC_COST_NANO], report->currency, 2, cost), percent(row->row.figure[LLMC_COST_NANO], report->total.row.figure[LLMC_COST_NANO], share),
                               llmc_amount_text(saved(&row->row), report->currency, 2, difference));
    }
}

void llmc_report_text(const llmc_report *report, llmc_buffer *out)
{
    text_total(report, out);
    for (size_t i = 0; i < report->count; i++) {
        if (report->dimensions[i].count)
            text_dimension(report, &report->dimensions[i], out);
    }
    llmc_experiments_text(report->experiments, out);
}

/* ---- JSON ---- */

static void json_text(llmc_json_writer *json, const char *name, const char *text)
{
    char clean[256];
    llmc_json_write_member_text(json, name, !text || llmc_utf8_valid(text, strlen(text)) ? text : clean_text(text, clean, sizeof clean));
}

static void json_figures(llmc_json_writer *json, const llmc_row *row)
{
    static const char *const names[LLMC_FIGURE_COUNT] = { "calls", "failed", "refused", "cached", "cost_nano", "baseline_nano", "tokens_in", "tokens_out" };
    for (size_t i = 0; i < LLMC_FIGURE_COUNT; i++)
        llmc_json_write_member_integer(json, names[i], row->figure[i]);
    llmc_json_write_member_integer(json, "saved_nano", saved(row));
}

static void json_total(llmc_json_writer *json, const llmc_grand_total *total)
{
    llmc_json_write_member_object(json, "total");
    json_figures(json, &total->row);
    llmc_json_write_member_integer(json, "hit_rate_permille", permille(total->row.figure[LLMC_CACHED], total->row.figure[LLMC_CALLS]));
    llmc_json_write_member_integer(json, "saved_permille", permille(saved(&total->row), total->row.figure[LLMC_BASELINE_NANO]));
    llmc_json_write_member_integer(json, "escalations", total->escalations);
    llmc_json_write_member_integer(json, "duration_ns", total->duration_ns);
    llmc_json_write_member_object(json, "saved_by");
    for (size_t i = 0; i < LLMC_SAVING_COUNT; i++)
        llmc_json_write_member_integer(json, llmc_saving_names[i], total->saved_nano[i]);
    llmc_json_write_end_object(json);
    llmc_json_write_end_object(json);
}

static void json_row(llmc_json_writer *json, const llmc_report_dimension *of, const llmc_report_row *row, int64_t total_nano)
{
    char day[NAME_BYTES];
    llmc_json_write_begin_object(json);
    json_text(json, "value", of->days && row->kind == LLMC_ROW_VALUE ? day_text(row->day, day) : row->value);
    llmc_json_write_member_bool(json, "other", row->kind == LLMC_ROW_OTHER);
    json_figures(json, &row->row);
    llmc_json_write_member_integer(json, "share_permille", permille(row->row.figure[LLMC_COST_NANO], total_nano));
    llmc_json_write_end_object(json);
}

static void json_dimension(llmc_json_writer *json, const llmc_report_dimension *of, int64_t total_nano)
{
    llmc_json_write_begin_object(json);
    json_text(json, "name", of->name);
    llmc_json_write_member_bool(json, "tag", of->tag);
    llmc_json_write_member_array(json, "rows");
    for (size_t i = 0; i < of->count; i++)
        json_row(json, of, &of->rows[i], total_nano);
    llmc_json_write_end_array(json);
    llmc_json_write_end_object(json);
}

void llmc_report_json(const llmc_report *report, llmc_buffer *out)
{
    llmc_json_writer json = { .out = out };
    llmc_json_write_begin_object(&json);
    json_text(&json, "currency", report->currency);
    json_total(&json, &report->total);
    llmc_json_write_member_array(&json, "by");
    for (size_t i = 0; i < report->count; i++)
        json_dimension(&json, &report->dimensions[i], report->total.row.figure[LLMC_COST_NANO]);
    llmc_json_write_end_array(&json);
    llmc_json_write_key(&json, "splits");
    llmc_experiments_json(report->experiments, &json);
    llmc_json_write_end_object(&json);
}
