/*
 * Which rates hold for a request, the dearest that can hold, and what a usage costs.
 *
 * All rates come out of one function, rates_at(): the rates are constant between the lengths and hours at which a price
 * begins, so that the maximum of rates_at() over these points bounds every request below them.
 *
 * Inheritance, inside one price: cache reads, audio in and the first cache write cost the input rate; a cache write of
 * a duration without a rate costs the dearest write rate that is known; reasoning and audio out cost the output rate,
 * and output, should a model without an output rate produce any, the input rate.
 */
#include "money/catalog_rows.h"

#include "base/text.h"

#include <string.h>

enum { DAY_MS = 86400000, HOUR_MS = 3600000 };

typedef struct price_point {
    int32_t from_day, until_day; /* the price list in force */
    int64_t prompt, output;
    llmc_level level;
    bool off_peak, reasoned, dearest;
} price_point;

static llmc_level level_of(const char *tier)
{
    static const char *const names[LLMC_LEVEL_COUNT] = { "standard", "batch", "flex", "priority", "fast" };
    for (int level = 0; tier && level < LLMC_LEVEL_COUNT; level++) {
        if (llmc_text_equal_ignoring_case(tier, names[level]))
            return (llmc_level)level;
    }
    return LLMC_STANDARD; /* "default", "auto", and whatever a provider may invent */
}

static bool is_dated(const llmc_price *price)
{
    return price->from_day != LLMC_FIRST_DAY || price->until_day != LLMC_LAST_DAY;
}

static bool is_base(const llmc_price *price)
{
    return price->level == LLMC_STANDARD && !price->peak_days && !llmc_price_is_tier(price);
}

/* A time that is unknown is a peak hour of no particular day: the undated list, without what is cheaper at some hours. */
static bool is_off_peak(const llmc_price *price, int64_t wall_ms)
{
    if (wall_ms <= 0)
        return false;
    int weekday = (int)((wall_ms / DAY_MS + 3) % 7); /* 1970-01-01 was a Thursday; Monday is 0 */
    int hour = (int)(wall_ms % DAY_MS / HOUR_MS);
    return !(price->peak_days >> weekday & 1) || !(price->peak_hours >> hour & 1);
}

static bool list_covers(const llmc_price *base, int64_t wall_ms)
{
    if (wall_ms <= 0)
        return !is_dated(base);
    int64_t day = wall_ms / DAY_MS;
    return base->from_day <= day && day <= base->until_day;
}

static const llmc_price *list_in_force(const llmc_model *model, int64_t wall_ms)
{
    const llmc_price *list = &model->prices[0];
    for (size_t i = 0; i < model->price_count; i++) {
        if (is_base(&model->prices[i]) && list_covers(&model->prices[i], wall_ms))
            list = &model->prices[i];
    }
    return list;
}

static bool holds(const llmc_price *price, const price_point *point, llmc_level level, int64_t prompt)
{
    if (price->level != level || prompt <= price->above_prompt || point->output < price->least_output)
        return false;
    if (level != LLMC_STANDARD)
        return true;
    return price->from_day == point->from_day && price->until_day == point->until_day && (!price->peak_days || point->off_peak);
}

static const llmc_price *select_price(const llmc_model *model, const price_point *point, llmc_level level, int64_t prompt)
{
    const llmc_price *selected = NULL;
    for (size_t i = 0; i < model->price_count; i++) {
        if (holds(&model->prices[i], point, level, prompt))
            selected = &model->prices[i];
    }
    return selected;
}

/* Every class filled in. */
static void fill_in(const llmc_price *price, int64_t pico[LLMCOST_CLASS_COUNT])
{
    static const uint8_t writes[] = { LLMCOST_WRITE_5M, LLMCOST_WRITE_30M, LLMCOST_WRITE_1H };
    static const uint8_t heirs[][2] = {
        { LLMCOST_INPUT_CACHED, LLMCOST_INPUT }, { LLMCOST_AUDIO_IN, LLMCOST_INPUT },   { LLMCOST_OUTPUT, LLMCOST_INPUT },
        { LLMCOST_REASONING, LLMCOST_OUTPUT },   { LLMCOST_AUDIO_OUT, LLMCOST_OUTPUT },
    };
    memcpy(pico, price->pico, sizeof price->pico);
    int64_t write = LLMC_NO_RATE;
    for (size_t i = 0; i < sizeof writes; i++)
        write = pico[writes[i]] > write ? pico[writes[i]] : write;
    for (size_t i = 0; i < sizeof writes; i++) {
        if (pico[writes[i]] == LLMC_NO_RATE)
            pico[writes[i]] = write == LLMC_NO_RATE ? pico[LLMCOST_INPUT] : write;
    }
    for (size_t i = 0; i < sizeof heirs / sizeof heirs[0]; i++) {
        if (pico[heirs[i][0]] == LLMC_NO_RATE)
            pico[heirs[i][0]] = pico[heirs[i][1]];
    }
    if (pico[LLMCOST_REQUEST] == LLMC_NO_RATE)
        pico[LLMCOST_REQUEST] = 0;
}

/* rate * numerator / denominator, half up to a pico. Absurd figures stop at INT64_MAX. */
static int64_t scaled(int64_t rate, int64_t numerator, int64_t denominator)
{
    __int128 value = ((__int128)rate * numerator * 2 + denominator) / ((__int128)denominator * 2);
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/* The level's figure for a class that holds at this length. */
static const llmc_price *stated_level(const llmc_model *model, const price_point *point, int token_class)
{
    const llmc_price *stated = NULL;
    for (size_t i = 0; i < model->price_count; i++) {
        if (model->prices[i].pico[token_class] != LLMC_NO_RATE && holds(&model->prices[i], point, point->level, point->prompt))
            stated = &model->prices[i];
    }
    return stated;
}

/*
 * A class's rate at the service level asked for. A figure may be stated for some lengths and some classes only; what it
 * does to its class there, it does to it in a longer tier too, and to the other classes of its side: a priority price
 * without a long-context figure never falls back to the plain one. Without a figure the level's multiplier holds.
 */
static int64_t level_rate(const llmc_model *model, const price_point *point, int token_class, const llmc_price *standard, int64_t rate)
{
    bool is_output = token_class == LLMCOST_OUTPUT || token_class == LLMCOST_REASONING || token_class == LLMCOST_AUDIO_OUT;
    int side = token_class == LLMCOST_REQUEST ? LLMCOST_REQUEST : is_output ? LLMCOST_OUTPUT : LLMCOST_INPUT;
    const llmc_price *own = stated_level(model, point, token_class), *level = own ? own : stated_level(model, point, side);
    if (!level) {
        int64_t multiplier = model->multiplier[point->level];
        return multiplier ? scaled(rate, multiplier, LLMC_MULTIPLIER_ONE) : rate;
    }
    const llmc_price *stated_for = select_price(model, point, LLMC_STANDARD, level->above_prompt + 1);
    if (own && stated_for == standard)
        return own->pico[token_class];
    int64_t plain[LLMCOST_CLASS_COUNT];
    int reference = own ? token_class : side;
    fill_in(stated_for, plain);
    return plain[reference] ? scaled(rate, level->pico[reference], plain[reference]) : level->pico[reference];
}

static void rates_at(const llmc_model *model, const price_point *point, int64_t pico[LLMCOST_CLASS_COUNT])
{
    const llmc_price *standard = select_price(model, point, LLMC_STANDARD, point->prompt);
    fill_in(standard, pico);
    if (point->dearest && pico[LLMCOST_REQUEST] < model->request_most)
        pico[LLMCOST_REQUEST] = model->request_most;
    for (int i = 0; point->level != LLMC_STANDARD && i < LLMCOST_CLASS_COUNT; i++)
        pico[i] = level_rate(model, point, i, standard, pico[i]);
    if (model->thinking_reprices && point->reasoned)
        pico[LLMCOST_OUTPUT] = pico[LLMCOST_REASONING];
}

/* What does not depend on the request's size; false: the row has no token price. */
static bool begin(const llmc_model *model, const llmc_price_query *query, price_point *point, llmc_rates *out)
{
    memset(out, 0, sizeof *out);
    memcpy(out->currency, model->currency, sizeof out->currency);
    out->source = model->source;
    out->uncertain = model->uncertain;
    *point = (price_point){ .level = level_of(query->tier), .reasoned = query->reasoned };
    point->prompt = query->prompt_tokens > 0 ? query->prompt_tokens : 0;
    point->output = query->output_tokens > 0 ? query->output_tokens : 0;
    return model->price_count > 0;
}

bool llmc_model_rates(const llmc_model *model, const llmc_price_query *query, llmc_rates *out)
{
    price_point point;
    int64_t pico[LLMCOST_CLASS_COUNT];
    if (!begin(model, query, &point, out))
        return false;
    const llmc_price *list = list_in_force(model, query->wall_ms);
    point.from_day = list->from_day;
    point.until_day = list->until_day;
    for (size_t i = 0; i < model->price_count; i++) {
        if (model->prices[i].peak_days && is_off_peak(&model->prices[i], query->wall_ms))
            point.off_peak = true;
    }
    rates_at(model, &point, pico);
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++)
        out->rate[i].pico = pico[i];
    return true;
}

bool llmc_model_rates_fixed(const llmc_model *model, llmc_rates *out)
{
    const llmc_price_query any = { 0 };
    if (model->thinking_reprices || !model->price_count || !is_base(&model->prices[0]))
        return false;
    for (size_t i = 1; i < model->price_count; i++) {
        if (model->prices[i].level == LLMC_STANDARD)
            return false;
    }
    return llmc_model_rates(model, &any, out) && out->rate[LLMCOST_REQUEST].pico >= model->request_most;
}

static bool has_hours(const llmc_model *model)
{
    for (size_t i = 0; i < model->price_count; i++) {
        if (model->prices[i].peak_days)
            return true;
    }
    return false;
}

static void raise_to(const llmc_model *model, const price_point *point, llmc_rates *out)
{
    int64_t pico[LLMCOST_CLASS_COUNT];
    rates_at(model, point, pico);
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++)
        out->rate[i].pico = pico[i] > out->rate[i].pico ? pico[i] : out->rate[i].pico;
}

/* All lengths at which a price begins, at peak and off-peak hours, with and without reasoning. */
static void raise_over_list(const llmc_model *model, price_point point, int64_t prompt, int64_t output, llmc_rates *out)
{
    const llmc_price *prices = model->prices;
    int variants = model->thinking_reprices ? 4 : has_hours(model) ? 2 : 1;
    for (size_t i = 0; i < model->price_count; i++) {
        if (prompt <= prices[i].above_prompt || (i && prices[i].above_prompt == prices[i - 1].above_prompt))
            continue;
        for (size_t j = 0; j < model->price_count; j++) {
            if (output < prices[j].least_output || (j && prices[j].least_output == prices[j - 1].least_output))
                continue;
            point.prompt = prices[i].above_prompt + 1;
            point.output = prices[j].least_output;
            for (int variant = 0; variant < variants; variant++) {
                point.off_peak = variant & 1;
                point.reasoned = variant & 2;
                raise_to(model, &point, out);
            }
        }
    }
}

bool llmc_model_rates_worst(const llmc_model *model, const llmc_price_query *query, llmc_rates *out)
{
    price_point point;
    if (!begin(model, query, &point, out))
        return false;
    point.dearest = true;
    int64_t prompt = point.prompt, output = point.output;
    const llmc_price *in_force = list_in_force(model, query->wall_ms);
    for (size_t i = 0; i < model->price_count; i++) {
        const llmc_price *list = &model->prices[i];
        if (!is_base(list) || (query->wall_ms > 0 && list != in_force))
            continue;
        point.from_day = list->from_day;
        point.until_day = list->until_day;
        raise_over_list(model, point, prompt, output, out);
    }
    return true;
}

void llmc_rates_free_of_charge(llmc_rates *out, const char *currency)
{
    memset(out, 0, sizeof *out);
    memcpy(out->currency, currency, strnlen(currency, sizeof out->currency - 1));
    out->source = "free of charge";
}

bool llmc_price_usage(const llmc_rates *rates, const llmc_usage *usage, int64_t exchange_nano, int64_t *cost_nano)
{
    llmc_sum sum = { 0 };
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++)
        llmc_sum_add(&sum, usage->quantity[i], rates->rate[i]);
    return llmc_sum_amount(&sum, exchange_nano, cost_nano);
}
