/*
 * The built-in prices: the table of catalog_prices.h in a form that needs no room for what most rows leave out, and how
 * it becomes rows of the catalog.
 *
 * Each figure is one word, which says what it is in its upper four bits and how much in the other 28: prices in tens of
 * pico-units per token, made when the compiler runs, so no floating-point number is left at run time (prices have at most
 * five decimals: the product is off by far less than the half that is added before the cut). What has few bits, such as a
 * date or a mark, is a SETTING: which, and 16 bits. The names stand in one string, in the same order as the rows. There is
 * no pointer in all this: nothing to relocate when the library is loaded.
 */
#include "money/catalog_rows.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define PROVIDER_LIST(X)                                                                                              \
    X(OPENAI, "openai") X(ANTHROPIC, "anthropic") X(GOOGLE, "google") X(DEEPSEEK, "deepseek")                         \
    X(DEEPSEEK_CNY, "deepseek-cny") X(MOONSHOT, "moonshot") X(MOONSHOT_CN, "moonshot-cn") X(ZHIPU, "zhipu")           \
    X(ZAI, "zai") X(DASHSCOPE_INTL, "dashscope-intl") X(DASHSCOPE, "dashscope") X(DOUBAO, "doubao")                   \
    X(QIANFAN, "qianfan") X(HUNYUAN, "hunyuan") X(MINIMAX, "minimax") X(STEPFUN, "stepfun") X(MISTRAL, "mistral")     \
    X(XAI, "xai") X(COHERE, "cohere") X(GROQ, "groq") X(PERPLEXITY, "perplexity") X(BEDROCK, "bedrock")               \
    X(OLLAMA, "ollama")

#define SOURCE_LIST(X)                                                                                                \
    X(SOURCE_PAGE, "provider price page")                                                                             \
    X(SOURCE_MAP, "provider price page by way of a public price map")                                                 \
    X(SOURCE_DATA, "public price data set")                                                                           \
    X(SOURCE_NOTICE, "launch or promotion notice as reported")                                                        \
    X(SOURCE_REPORT, "provider price page as reported")                                                               \
    X(SOURCE_RESELLER, "reseller price, converted")                                                                   \
    X(SOURCE_EARLIER, "earlier price list")                                                                           \
    X(SOURCE_LOCAL, "local server, free of charge")

#define ENUMERATOR(name, text) name,
#define TEXT(name, text) text,
enum { PROVIDER_LIST(ENUMERATOR) };
enum { SOURCE_LIST(ENUMERATOR) };
static const char *const provider_names[] = { PROVIDER_LIST(TEXT) };
static const char *const source_texts[] = { SOURCE_LIST(TEXT) };

/* What a word says: the price of a class by the class's own number, or one of these. */
enum figure { FEE_MOST = LLMCOST_CLASS_COUNT, ABOVE_PROMPT, WINDOW, MOST_OUTPUT, SETTING, ROW_START };
/* FURTHER opens another price of the row that ROW_START (provider, source, date) opened. */
enum setting { FURTHER, LEAST_OUTPUT, FROM_DATE, UNTIL_DATE, LEVEL, STATUS, IS_YUAN, IS_FREE, IS_UNCERTAIN, REPRICES, IS_OFF_PEAK, TENTHS, SETTING_COUNT = TENTHS + LLMC_LEVEL_COUNT };
enum { FIGURE_BITS = 28, SETTING_BITS = 16, DATE_BITS = 16, SOURCE_BITS = 3, PICO_PER_UNIT = 10 };
_Static_assert(ROW_START < 16, "a figure's name has four bits");

#define LOW_BITS(count) ((1u << (count)) - 1)
/* A value too large for its bits divides by zero: it does not compile. */
#define FITS(value, bits) ((uint32_t)(value) / ((value) <= LOW_BITS(bits)))
#define WORD(figure, value) ((uint32_t)(figure) << FIGURE_BITS | FITS(value, FIGURE_BITS))
#define SET(setting, value) WORD(SETTING, (uint32_t)(setting) << SETTING_BITS | FITS(value, SETTING_BITS))
#define PRICE(figure, price) WORD(figure, (price)*100000 + 0.5)
#define DATE(year, month, day) (((year)-2000) << 9 | (month) << 5 | (day))

#define SOURCE(kind, ...) (SOURCE_##kind << DATE_BITS | DATE(__VA_ARGS__))
#define PAGE(...) SOURCE(PAGE, __VA_ARGS__)
#define MAP(...) SOURCE(MAP, __VA_ARGS__)
#define DATA(...) SOURCE(DATA, __VA_ARGS__)
#define NOTICE(...) SOURCE(NOTICE, __VA_ARGS__)
#define REPORT(...) SOURCE(REPORT, __VA_ARGS__)
#define RESELLER(...) SOURCE(RESELLER, __VA_ARGS__)
#define EARLIER(...) SOURCE(EARLIER, __VA_ARGS__)
#define LOCAL(...) SOURCE(LOCAL, __VA_ARGS__)

#define USD(input, output) PRICE(LLMCOST_INPUT, input), PRICE(LLMCOST_OUTPUT, output)
#define CNY(input, output) SET(IS_YUAN, true), USD(input, output)
#define READ(price) PRICE(LLMCOST_INPUT_CACHED, price)
#define WRITE_5M(price) PRICE(LLMCOST_WRITE_5M, price)
#define WRITE_30M(price) PRICE(LLMCOST_WRITE_30M, price)
#define WRITE_1H(price) PRICE(LLMCOST_WRITE_1H, price)
#define THINK(price) PRICE(LLMCOST_REASONING, price)
#define AUDIO_IN(price) PRICE(LLMCOST_AUDIO_IN, price)
#define AUDIO_OUT(price) PRICE(LLMCOST_AUDIO_OUT, price)
#define FEE(least, most) PRICE(LLMCOST_REQUEST, least), PRICE(FEE_MOST, most)
#define BATCH SET(TENTHS + LLMC_BATCH, 5)
#define FLEX SET(TENTHS + LLMC_FLEX, 5)
#define PRIORITY_TIMES(factor) SET(TENTHS + LLMC_PRIORITY, (factor)*10 + 0.5)
#define FAST_TIMES(factor) SET(TENTHS + LLMC_FAST, (factor)*10 + 0.5)
#define LEGACY SET(STATUS, LLMC_ROW_LEGACY)
#define HISTORICAL SET(STATUS, LLMC_ROW_HISTORICAL)
#define FROM(...) SET(FROM_DATE, DATE(__VA_ARGS__))
#define UNTIL(...) SET(UNTIL_DATE, DATE(__VA_ARGS__))
#define UNCERTAIN SET(IS_UNCERTAIN, true)
#define FREE SET(IS_FREE, true)
#define THINKING_REPRICES SET(REPRICES, true)

#define ROW(by, names, source, window, most, ...) WORD(ROW_START, (by) << (DATE_BITS + SOURCE_BITS) | (source)), WORD(WINDOW, window), WORD(MOST_OUTPUT, most), __VA_ARGS__,
#define DATED(...) SET(FURTHER, true), __VA_ARGS__,
#define ABOVE(n, ...) DATED(WORD(ABOVE_PROMPT, n), __VA_ARGS__)
#define OUTPUT_FROM(n, ...) DATED(SET(LEAST_OUTPUT, n), __VA_ARGS__)
#define OFF_PEAK(...) DATED(SET(IS_OFF_PEAK, true), __VA_ARGS__)
#define PRIORITY(...) DATED(SET(LEVEL, LLMC_PRIORITY), __VA_ARGS__)
static const uint32_t table[] = {
#include "money/catalog_prices.h"
};

#undef ROW
#undef DATED
#define ROW(by, names, ...) names "\0"
#define DATED(...)
static const char all_names[] =
#include "money/catalog_prices.h"
    ;

static const uint32_t *const table_end = table + sizeof table / sizeof table[0];

/* One price of the table, unpacked; 0: left out. */
typedef struct line {
    uint32_t figure[SETTING];
    uint16_t setting[SETTING_COUNT];
} line;

/* Where the price that opens at `at` ends: at the next one, of its row or of another. */
static const uint32_t *end_of(const uint32_t *at)
{
    for (at++; at < table_end && *at >> FIGURE_BITS != ROW_START && *at != SET(FURTHER, true);)
        at++;
    return at;
}

static line unpack(const uint32_t *at)
{
    line unpacked = { .figure = { 0 } };
    for (const uint32_t *end = end_of(at++); at < end; at++) {
        uint32_t figure = *at >> FIGURE_BITS, value = *at & LOW_BITS(FIGURE_BITS);
        if (figure == SETTING)
            unpacked.setting[value >> SETTING_BITS] = value & LOW_BITS(SETTING_BITS);
        else
            unpacked.figure[figure] = value;
    }
    return unpacked;
}

static int32_t day_of(uint16_t date)
{
    return (int32_t)llmc_days_from_civil(2000 + (date >> 9), date >> 5 & 15, date & 31);
}

static void fill_price(const line *from, llmc_price *price)
{
    llmc_price_init(price);
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++) {
        if (from->figure[i])
            price->pico[i] = from->figure[i] * (int64_t)PICO_PER_UNIT * (i == LLMCOST_REQUEST ? 1000000 : 1);
    }
    if (from->setting[IS_FREE])
        price->pico[LLMCOST_INPUT] = 0;
    price->above_prompt = from->figure[ABOVE_PROMPT] ? (int64_t)from->figure[ABOVE_PROMPT] : -1;
    price->least_output = from->setting[LEAST_OUTPUT];
    price->level = (uint8_t)from->setting[LEVEL];
    if (from->setting[FROM_DATE])
        price->from_day = day_of(from->setting[FROM_DATE]);
    if (from->setting[UNTIL_DATE])
        price->until_day = day_of(from->setting[UNTIL_DATE]);
    if (from->setting[IS_OFF_PEAK]) {
        price->peak_days = 0x1F; /* Monday to Friday */
        price->peak_hours = 7u << 1 | 15u << 6;
    }
}

/* The table is walked over in one direction, since names have no index. Begins as zeros. */
typedef struct table_row {
    const char *names, *provider;
    const uint32_t *words, *end;
    size_t prices;
} table_row;

static bool next_row(table_row *at)
{
    at->names = at->words ? at->names + strlen(at->names) + 1 : all_names;
    at->words = at->words ? at->end : table;
    if (at->words == table_end)
        return false;
    at->provider = provider_names[(*at->words & LOW_BITS(FIGURE_BITS)) >> (DATE_BITS + SOURCE_BITS)];
    at->end = at->words;
    at->prices = 0;
    do {
        at->end = end_of(at->end);
        at->prices++;
    } while (at->end < table_end && *at->end >> FIGURE_BITS != ROW_START);
    return true;
}

static const char *source_of(llmc_catalog *catalog, uint32_t start)
{
    char text[96];
    uint32_t day = start & 31, length = (uint32_t)snprintf(text, sizeof text, "%s, %u-%02u", source_texts[start >> DATE_BITS & LOW_BITS(SOURCE_BITS)],
                                                           2000 + (start >> 9 & 127), start >> 5 & 15);
    if (day)
        snprintf(text + length, sizeof text - length, "-%02u", day);
    return llmc_catalog_keep(catalog, text);
}

static bool add_aliases(llmc_catalog *catalog, llmc_model *model, char *names)
{
    while (names) {
        char *space = strchr(names, ' ');
        if (space)
            *space = '\0';
        if (!llmc_catalog_alias(catalog, model, names))
            return false;
        names = space ? space + 1 : NULL;
    }
    return true;
}

static bool add_row(llmc_catalog *catalog, const table_row *row)
{
    char *name = llmc_catalog_keep(catalog, row->names);
    if (!name)
        return false;
    char *aliases = strchr(name, ' ');
    if (aliases)
        *aliases++ = '\0';
    llmc_model *model = llmc_catalog_add(catalog, row->provider, name, row->prices);
    if (!model)
        return false;
    model->source = source_of(catalog, *row->words);
    line base = unpack(row->words);
    for (const uint32_t *at = row->words; at < row->end; at = end_of(at)) {
        line price = unpack(at);
        fill_price(&price, &model->prices[model->price_count++]);
    }
    for (int i = 0; i < LLMC_LEVEL_COUNT; i++)
        model->multiplier[i] = base.setting[TENTHS + i] * (LLMC_MULTIPLIER_ONE / 10);
    model->request_most = base.figure[FEE_MOST] * (int64_t)PICO_PER_UNIT * 1000000;
    model->context = base.figure[WINDOW];
    model->max_output = base.figure[MOST_OUTPUT];
    memcpy(model->currency, base.setting[IS_YUAN] ? "CNY" : "USD", sizeof model->currency);
    model->status = (uint8_t)base.setting[STATUS];
    model->uncertain = base.setting[IS_UNCERTAIN];
    model->thinking_reprices = base.setting[REPRICES];
    return model->source && add_aliases(catalog, model, aliases);
}

static bool is_wanted(const char *provider, const char *const *providers, size_t provider_count)
{
    for (size_t i = 0; i < provider_count; i++) {
        if (strcmp(providers[i], provider) == 0)
            return true;
    }
    return !providers;
}

bool llmc_catalog_load_builtin(llmc_catalog *catalog, const char *const *providers, size_t provider_count)
{
    for (table_row row = { 0 }; next_row(&row);) {
        if (is_wanted(row.provider, providers, provider_count) && !add_row(catalog, &row))
            return false;
    }
    return true;
}

/* A word of a list of words with blanks between them. */
static bool has_word(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = words; length && (at = strstr(at, word)); at += length) {
        if ((at == words || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
            return true;
    }
    return false;
}

__attribute__((cold)) bool llmc_catalog_builtin_may_slash(const char *provider)
{
    bool known = false;
    for (table_row row = { 0 }; next_row(&row);) {
        if (strcmp(row.provider, provider) != 0)
            continue;
        if (strpbrk(row.names, "/*"))
            return true;
        known = true;
    }
    return !known;
}

bool llmc_catalog_builtin_has(const char *provider, const char *model)
{
    for (table_row row = { 0 }; next_row(&row);) {
        if (strcmp(row.provider, provider) == 0 && strcmp(model, "*") != 0 && has_word(row.names, model))
            return true;
    }
    return false;
}
