/* How the targets are, as JSON for llmcost_targets(): a copy of each is taken under its lock and written without. */
#include "policy/target.h"

#include "base/clock.h"
#include "wire/json.h"

#include <stdlib.h>
#include <string.h>

const char *llmc_breaker_state_name(llmc_breaker_state state)
{
    static const char *const names[] = { "closed", "open", "half_open" };
    return names[state];
}

static int by_name(const void *left, const void *right)
{
    return strcmp((*(llmc_target *const *)left)->name, (*(llmc_target *const *)right)->name);
}

/* Below 0: not known. */
static void time_ms(llmc_json_writer *writer, const char *key, int64_t ms)
{
    llmc_json_write_key(writer, key);
    if (ms < 0)
        llmc_json_write_null(writer);
    else
        llmc_json_write_integer(writer, ms);
}

static void latency(llmc_json_writer *writer, const char *key, const llmc_latency *of)
{
    llmc_json_write_member_object(writer, key);
    time_ms(writer, "p50", llmc_latency_quantile_ms(of, 500));
    time_ms(writer, "p95", llmc_latency_quantile_ms(of, 950));
    llmc_json_write_end_object(writer);
}

static void write_window(llmc_json_writer *writer, const llmc_target_counts *window)
{
    llmc_json_write_member_object(writer, "window");
    llmc_json_write_member_count(writer, "calls", window->calls);
    llmc_json_write_member_count(writer, "failures", window->failures);
    llmc_json_write_member_count(writer, "slow", window->slow);
    llmc_json_write_end_object(writer);
}

static int64_t probe_in_ms(const llmc_target_view *view, int64_t now_ns)
{
    if (view->state != LLMC_BREAKER_OPEN)
        return -1;
    return view->open_until_ns > now_ns ? (view->open_until_ns - now_ns + LLMC_MS - 1) / LLMC_MS : 0;
}

static void write_target(llmc_json_writer *writer, llmc_target *target, int64_t now_ns)
{
    llmc_target_view view;
    llmc_target_look(target, now_ns, &view);
    llmc_json_write_begin_object(writer);
    llmc_json_write_member_text(writer, "name", target->name);
    llmc_json_write_member_text(writer, "state", llmc_breaker_state_name(view.state));
    llmc_json_write_member_bool(writer, "healthy", view.healthy);
    llmc_json_write_member_count(writer, "calls", view.calls);
    llmc_json_write_member_count(writer, "failures", view.failures);
    llmc_json_write_member_count(writer, "slow", view.slow);
    llmc_json_write_member_count(writer, "refused", view.refused);
    llmc_json_write_member_count(writer, "opened", view.opened);
    time_ms(writer, "probe_in_ms", probe_in_ms(&view, now_ns));
    llmc_json_write_member_text(writer, "last_error", view.last_error ? llmcost_status_name(view.last_error) : NULL);
    write_window(writer, &view.window);
    latency(writer, "whole_ms", &view.whole);
    latency(writer, "first_byte_ms", &view.first_byte);
    llmc_json_write_end_object(writer);
}

llmcost_status llmc_targets_describe(struct llmc_targets *targets, const llmc_allocator *allocator, int64_t now_ns, llmc_buffer *out)
{
    size_t most = llmc_targets_list(targets, NULL, 0);
    llmc_target **list = llmc_calloc(allocator, most + 1, sizeof *list);
    if (!list)
        return LLMCOST_E_MEMORY;
    size_t count = llmc_targets_list(targets, list, most); /* others may have come since */
    count = count < most ? count : most;
    qsort(list, count, sizeof *list, by_name);
    llmc_json_writer writer = { out, false };
    llmc_json_write_begin_array(&writer);
    for (size_t i = 0; i < count; i++)
        write_target(&writer, list[i], now_ns);
    llmc_json_write_end_array(&writer);
    llmc_free(allocator, list);
    return LLMCOST_OK;
}
