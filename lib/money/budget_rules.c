/* Which calls a budget is about, and in which window of UTC time they count. */
#include "money/accounts.h"

#include "base/text.h"
#include "money/tags.h"

#include <string.h>

static const int64_t MINUTE_MS = 60000, HOUR_MS = 3600000, DAY_MS = 86400000;

static int64_t saturated_product(int64_t a, int64_t b)
{
    int64_t product;
    if (!__builtin_mul_overflow(a, b, &product))
        return product;
    return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
}

static int64_t floor_quotient(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static void month_window(int64_t wall_ms, int64_t *from_ms, int64_t *until_ms)
{
    int64_t year;
    int month, day;
    llmc_civil_from_days(floor_quotient(wall_ms, DAY_MS), &year, &month, &day);
    *from_ms = saturated_product(llmc_days_from_civil(year, month, 1), DAY_MS);
    year += month == 12;
    *until_ms = saturated_product(llmc_days_from_civil(year, month % 12 + 1, 1), DAY_MS);
}

void llmc_period_window(llmc_period period, int64_t wall_ms, int64_t *from_ms, int64_t *until_ms)
{
    *from_ms = INT64_MIN;
    *until_ms = INT64_MAX;
    if (period == LLMC_PERIOD_TOTAL)
        return;
    if (period == LLMC_PERIOD_MONTH) {
        month_window(wall_ms, from_ms, until_ms);
        return;
    }
    int64_t length = period == LLMC_PERIOD_MINUTE ? MINUTE_MS : period == LLMC_PERIOD_HOUR ? HOUR_MS : DAY_MS;
    int64_t number = floor_quotient(wall_ms, length);
    *from_ms = saturated_product(number, length);
    *until_ms = saturated_product(number + 1, length);
}

static bool tag_matches(const llmcost_tag *wanted, const llmcost_tag *tags, size_t tag_count)
{
    const char *value = llmc_tag_value(tags, tag_count, wanted->name), *asked = wanted->value ? wanted->value : "";
    return value && (strcmp(asked, "*") == 0 || strcmp(asked, value) == 0);
}

static bool name_matches(const char *wanted, const char *name)
{
    return !wanted || (name && strcmp(wanted, name) == 0);
}

bool llmc_budget_matches(const llmc_budget *budget, const llmcost_tag *tags, size_t tag_count, const char *provider, const char *model)
{
    if (!name_matches(budget->provider, provider) || !name_matches(budget->model, model))
        return false;
    for (size_t i = 0; i < budget->where_count; i++) {
        if (!tag_matches(&budget->where[i], tags, tag_count))
            return false;
    }
    return true;
}
