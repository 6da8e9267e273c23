/*
 * The built-in price table, as of 2026-11-21.
 *
 * How to read it. Prices stand in the currency named, per million tokens, as the price pages print them; the macro M()
 * makes whole pico-units per token of them when the compiler runs, so no floating-point number is left at run time
 * (prices have at most six decimals: the product is off by far less than the half that is added before the cut).
 *
 *   ROW(provider, "name alias ...", SOURCE(year, month, day), context window, most output tokens, USD(input, output), ...)
 *       ABOVE(n, USD(...), ...)        replaces it for the whole request when the prompt has more than n tokens
 *       OUTPUT_FROM(n, USD(...), ...)  when the output has at least n tokens
 *       OFF_PEAK(USD(...), ...)        outside the peak hours (DeepSeek: Mon-Fri 01-04 and 06-10 UTC)
 *       DATED(USD(...), ..., FROM(year, month, day), UNTIL(...))  another price list on these UTC days, both included;
 *                                      its own ABOVE lines carry the same days
 *       PRIORITY(USD(...), ...)        the rates of the priority tier
 *
 * READ is a cache read, WRITE_5M and so on a cache write by how long it is kept, THINK reasoning. What is left out
 * inherits as price.c says; 0 means left out, and FREE a price of zero. BATCH and FLEX halve every rate. Day 0: only the
 * month is known. UNCERTAIN: the source is not sure. THINKING_REPRICES: with reasoning, all output costs that rate.
 *
 * Simplified: a provider that bills one model in two currencies is two providers (deepseek, deepseek-cny). Qwen's cache
 * reads cost a fifth of the input rate, or a tenth in explicit caches: the fifth stands here. A write that OpenAI keeps
 * for twelve hours stands as WRITE_1H. Of Perplexity's fees by search size the smallest, which is its default, is
 * charged, and the largest held. Left out: cached audio, storage per hour, public holidays in peak hours (billed peak).
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

/* One line of the table: a row with its base price, or, without names, a further price of the row above. */
typedef struct line {
    const char *names;
    uint32_t in, out, read, write_5m, write_30m, write_1h, think, audio_in, audio_out; /* pico-units per token */
    uint32_t above, context, max_output;
    uint32_t fee, fee_most; /* micro-units per request */
    uint16_t least_output, source_date, from, until; /* dates packed by DATE() */
    uint8_t provider, source, level, status;
    uint8_t tenths[LLMC_LEVEL_COUNT]; /* multipliers */
    bool yuan : 1, free : 1, uncertain : 1, reprices : 1, off_peak : 1;
} line;

#define M(price) ((uint32_t)((price)*1000000 + 0.5))
#define DATE(year, month, day) (uint16_t)(((year)-2000) << 9 | (month) << 5 | (day))

#define SOURCE(kind, ...) .source = SOURCE_##kind, .source_date = DATE(__VA_ARGS__)
#define PAGE(...) SOURCE(PAGE, __VA_ARGS__)
#define MAP(...) SOURCE(MAP, __VA_ARGS__)
#define DATA(...) SOURCE(DATA, __VA_ARGS__)
#define NOTICE(...) SOURCE(NOTICE, __VA_ARGS__)
#define REPORT(...) SOURCE(REPORT, __VA_ARGS__)
#define RESELLER(...) SOURCE(RESELLER, __VA_ARGS__)
#define EARLIER(...) SOURCE(EARLIER, __VA_ARGS__)
#define LOCAL(...) SOURCE(LOCAL, __VA_ARGS__)

#define USD(input, output) .in = M(input), .out = M(output)
#define CNY(input, output) .yuan = true, .in = M(input), .out = M(output)
#define READ(price) .read = M(price)
#define WRITE_5M(price) .write_5m = M(price)
#define WRITE_30M(price) .write_30m = M(price)
#define WRITE_1H(price) .write_1h = M(price)
#define THINK(price) .think = M(price)
#define AUDIO_IN(price) .audio_in = M(price)
#define AUDIO_OUT(price) .audio_out = M(price)
#define FEE(least, most) .fee = M(least), .fee_most = M(most)
#define BATCH .tenths[LLMC_BATCH] = 5
#define FLEX .tenths[LLMC_FLEX] = 5
#define PRIORITY_TIMES(factor) .tenths[LLMC_PRIORITY] = (uint8_t)((factor)*10 + 0.5)
#define FAST_TIMES(factor) .tenths[LLMC_FAST] = (uint8_t)((factor)*10 + 0.5)
#define LEGACY .status = LLMC_ROW_LEGACY
#define HISTORICAL .status = LLMC_ROW_HISTORICAL
#define FROM(...) .from = DATE(__VA_ARGS__)
#define UNTIL(...) .until = DATE(__VA_ARGS__)

#define UNCERTAIN .uncertain = true
#define FREE .free = true
#define THINKING_REPRICES .reprices = true

#define ROW(by, all_names, kind_and_date, window, most, ...)                                                          \
    { .provider = by, .names = all_names, kind_and_date, .context = window, .max_output = most, __VA_ARGS__ }
#define ABOVE(n, ...) { .above = n, __VA_ARGS__ }
#define OUTPUT_FROM(n, ...) { .least_output = n, __VA_ARGS__ }
#define OFF_PEAK(...) { .off_peak = true, __VA_ARGS__ }
#define DATED(...) { __VA_ARGS__ }
#define PRIORITY(...) { .level = LLMC_PRIORITY, __VA_ARGS__ }

/* clang-format off */
static const line table[] = {
    ROW(OPENAI, "gpt-4o gpt-4o-2024-08-06 gpt-4o-2024-11-20", MAP(2026, 7, 24), 128000, 16384, USD(2.5, 10), READ(1.25), BATCH),
        PRIORITY(USD(4.25, 17), READ(2.125)),
    ROW(OPENAI, "gpt-4o-mini gpt-4o-mini-2024-07-18", MAP(2026, 7, 24), 128000, 16384, USD(0.15, 0.6), READ(0.075), BATCH),
        PRIORITY(USD(0.25, 1), READ(0.125)),
    ROW(OPENAI, "gpt-3.5-turbo gpt-3.5-turbo-0125", MAP(2026, 7, 24), 16385, 4096, USD(0.5, 1.5), BATCH, LEGACY),
    ROW(OPENAI, "gpt-4.1", MAP(2026, 7, 24), 1047576, 32768, USD(2, 8), READ(0.5), BATCH),
        PRIORITY(USD(3.5, 14), READ(0.875)),
    ROW(OPENAI, "gpt-4.1-mini", MAP(2026, 7, 24), 1047576, 32768, USD(0.4, 1.6), READ(0.1), BATCH),
        PRIORITY(USD(0.7, 2.8), READ(0.175)),
    ROW(OPENAI, "gpt-4.1-nano", MAP(2026, 7, 24), 1047576, 32768, USD(0.1, 0.4), READ(0.025), BATCH),
        PRIORITY(USD(0.2, 0.8), READ(0.05)),
    ROW(OPENAI, "o3", MAP(2026, 7, 24), 200000, 100000, USD(2, 8), READ(0.5), BATCH, FLEX, LEGACY),
        PRIORITY(USD(3.5, 14), READ(0.875)),
    ROW(OPENAI, "o3-mini", MAP(2026, 7, 24), 200000, 100000, USD(1.1, 4.4), READ(0.55), BATCH, LEGACY),
    ROW(OPENAI, "o4-mini", MAP(2026, 7, 24), 200000, 100000, USD(1.1, 4.4), READ(0.275), BATCH, FLEX, LEGACY),
        PRIORITY(USD(2, 8), READ(0.5)),
    ROW(OPENAI, "gpt-5 gpt-5.1", MAP(2026, 7, 24), 400000, 128000, USD(1.25, 10), READ(0.125), BATCH, FLEX, PRIORITY_TIMES(2), LEGACY),
    ROW(OPENAI, "gpt-5-mini", MAP(2026, 7, 24), 400000, 128000, USD(0.25, 2), READ(0.025), BATCH, FLEX),
        PRIORITY(USD(0.45, 3.6), READ(0.045)),
    ROW(OPENAI, "gpt-5-nano", MAP(2026, 7, 24), 400000, 128000, USD(0.05, 0.4), READ(0.005), BATCH, FLEX),
    ROW(OPENAI, "gpt-5.2", MAP(2026, 7, 24), 400000, 128000, USD(1.75, 14), READ(0.175), BATCH, FLEX, PRIORITY_TIMES(2), LEGACY),
    ROW(OPENAI, "gpt-5.4", MAP(2026, 7, 24), 1050000, 128000, USD(2.5, 15), READ(0.25), BATCH, FLEX, PRIORITY_TIMES(2)),
        ABOVE(272000, USD(5, 22.5), READ(0.5)),
    ROW(OPENAI, "gpt-5.4-mini", MAP(2026, 7, 24), 400000, 128000, USD(0.75, 4.5), READ(0.075), BATCH, FLEX, PRIORITY_TIMES(2)),
    ROW(OPENAI, "gpt-5.4-nano", MAP(2026, 7, 24), 400000, 128000, USD(0.2, 1.25), READ(0.02), BATCH, FLEX),
    ROW(OPENAI, "gpt-5.5", MAP(2026, 7, 24), 1050000, 128000, USD(5, 30), READ(0.5), BATCH, FLEX, PRIORITY_TIMES(2)),
        ABOVE(272000, USD(10, 45), READ(1)),
    ROW(OPENAI, "gpt-5.5-pro", MAP(2026, 7, 24), 1050000, 128000, USD(30, 180), BATCH, FLEX),
        ABOVE(272000, USD(60, 270)),
    ROW(OPENAI, "gpt-5.6-sol gpt-5.6", NOTICE(2026, 8, 21), 1050000, 128000, USD(4, 20), READ(0.4), WRITE_30M(5), BATCH, FLEX, PRIORITY_TIMES(2), UNCERTAIN),
        ABOVE(272000, USD(8, 30), READ(0.8), WRITE_30M(10)),
        DATED(USD(5, 30), READ(0.5), WRITE_30M(6.25), UNTIL(2026, 8, 20)),
        ABOVE(272000, USD(10, 45), READ(1), WRITE_30M(12.5), UNTIL(2026, 8, 20)),
    ROW(OPENAI, "gpt-5.6-terra", DATA(2026, 8, 21), 1050000, 128000, USD(2, 12), READ(0.2), WRITE_30M(2.5), BATCH, FLEX, PRIORITY_TIMES(2)),
        ABOVE(272000, USD(4, 18), READ(0.4), WRITE_30M(5)),
        DATED(USD(2.5, 15), READ(0.25), WRITE_30M(3.125), UNTIL(2026, 7, 29)),
        ABOVE(272000, USD(5, 22.5), READ(0.5), WRITE_30M(6.25), UNTIL(2026, 7, 29)),
    ROW(OPENAI, "gpt-5.6-luna", DATA(2026, 8, 21), 1050000, 128000, USD(0.2, 1.2), READ(0.02), WRITE_30M(0.25), BATCH, FLEX, PRIORITY_TIMES(2)),
        ABOVE(272000, USD(0.4, 1.8), READ(0.04), WRITE_30M(0.5)),
        DATED(USD(1, 6), READ(0.1), WRITE_30M(1.25), UNTIL(2026, 7, 29)),
        ABOVE(272000, USD(2, 9), READ(0.2), WRITE_30M(2.5), UNTIL(2026, 7, 29)),
    ROW(OPENAI, "gpt-6-astra", NOTICE(2026, 9, 3), 1050000, 128000, USD(10, 50), READ(1), WRITE_30M(12.5), BATCH, FLEX, FAST_TIMES(2)),
        ABOVE(272000, USD(20, 75), READ(2), WRITE_30M(25)),
    ROW(OPENAI, "gpt-6-sol", NOTICE(2026, 9, 22), 1050000, 128000, USD(2, 10), READ(0.2), WRITE_30M(2.5), BATCH, FLEX, FAST_TIMES(2)),
        ABOVE(272000, USD(4, 15), READ(0.4), WRITE_30M(5)),
    ROW(OPENAI, "gpt-6-luna", NOTICE(2026, 9, 22), 1050000, 128000, USD(0.1, 0.5), READ(0.01), WRITE_30M(0.125), BATCH, FLEX, FAST_TIMES(2)),
        ABOVE(272000, USD(0.2, 0.75), READ(0.02), WRITE_30M(0.25)),
    ROW(OPENAI, "gpt-6.1-sol", NOTICE(2026, 9, 29), 1050000, 128000, USD(2, 10), READ(0.1), WRITE_30M(2.5), BATCH, FLEX, FAST_TIMES(2)),
        ABOVE(272000, USD(4, 15), READ(0.2), WRITE_30M(5)),
    ROW(OPENAI, "gpt-6.1-terra", NOTICE(2026, 10, 26), 1050000, 128000, USD(1, 5), READ(0.05), WRITE_30M(1.25), WRITE_1H(2.5), BATCH, FLEX, FAST_TIMES(2), UNCERTAIN),
        ABOVE(272000, USD(2, 7.5), READ(0.1), WRITE_30M(2.5)),
    ROW(OPENAI, "gpt-6.2-astra", NOTICE(2026, 11, 17), 1050000, 128000, USD(8, 40), READ(0.4), WRITE_30M(10), BATCH, FLEX, FAST_TIMES(2), UNCERTAIN),
        ABOVE(272000, USD(16, 60), READ(0.8), WRITE_30M(20)),
    ROW(OPENAI, "gpt-6.2-sol", NOTICE(2026, 11, 17), 1050000, 128000, USD(2, 10), READ(0.1), WRITE_30M(2.5), BATCH, FLEX, FAST_TIMES(2), UNCERTAIN),
        ABOVE(272000, USD(4, 15), READ(0.2), WRITE_30M(5)),
    ROW(OPENAI, "gpt-audio", MAP(2026, 7, 24), 128000, 16384, USD(2.5, 10), AUDIO_IN(32), AUDIO_OUT(64)),
    ROW(OPENAI, "gpt-audio-mini", MAP(2026, 7, 24), 128000, 16384, USD(0.6, 2.4), AUDIO_IN(10), AUDIO_OUT(20)),
    ROW(OPENAI, "text-embedding-3-small", MAP(2026, 7, 24), 8191, 0, USD(0.02, 0), BATCH),
    ROW(OPENAI, "text-embedding-3-large", MAP(2026, 7, 24), 8191, 0, USD(0.13, 0), BATCH),

    ROW(ANTHROPIC, "claude-fable-5-1", REPORT(2026, 10, 24), 1000000, 128000, USD(10, 50), READ(0.25), WRITE_5M(12.5), WRITE_1H(20), BATCH),
    ROW(ANTHROPIC, "claude-fable-5", REPORT(2026, 10, 24), 1000000, 128000, USD(10, 50), READ(1), WRITE_5M(12.5), WRITE_1H(20), BATCH, LEGACY),
    ROW(ANTHROPIC, "claude-opus-5-5", REPORT(2026, 10, 24), 1000000, 128000, USD(4, 20), READ(0.2), WRITE_5M(5), WRITE_1H(8), BATCH, FAST_TIMES(2)),
    ROW(ANTHROPIC, "claude-opus-5", REPORT(2026, 10, 24), 1000000, 128000, USD(5, 25), READ(0.5), WRITE_5M(6.25), WRITE_1H(10), BATCH),
    ROW(ANTHROPIC, "claude-opus-4-8 claude-opus-4-7 claude-opus-4-6", REPORT(2026, 8, 21), 1000000, 128000, USD(5, 25), READ(0.5), WRITE_5M(6.25), WRITE_1H(10), BATCH, LEGACY),
    ROW(ANTHROPIC, "claude-opus-4-5 claude-opus-4-5-20251101", REPORT(2026, 8, 21), 200000, 64000, USD(5, 25), READ(0.5), WRITE_5M(6.25), WRITE_1H(10), BATCH, LEGACY),
    ROW(ANTHROPIC, "claude-opus-4-1 claude-opus-4-0 claude-opus-4-20250514 claude-opus-4-1-20250805", REPORT(2026, 8, 21), 200000, 32000, USD(15, 75), READ(1.5), WRITE_5M(18.75), WRITE_1H(30), BATCH, LEGACY),
    ROW(ANTHROPIC, "claude-sonnet-5-5", REPORT(2026, 10, 24), 1000000, 128000, USD(2, 10), READ(0.1), WRITE_5M(2.5), WRITE_1H(4), BATCH),
        DATED(USD(2, 10), READ(0.2), WRITE_5M(2.5), WRITE_1H(4), FROM(2026, 9, 28), UNTIL(2026, 10, 6)),
    ROW(ANTHROPIC, "claude-sonnet-5", REPORT(2026, 10, 24), 1000000, 128000, USD(2, 10), READ(0.2), WRITE_5M(2.5), WRITE_1H(4), BATCH),
    ROW(ANTHROPIC, "claude-sonnet-4-6", REPORT(2026, 8, 21), 1000000, 64000, USD(3, 15), READ(0.3), WRITE_5M(3.75), WRITE_1H(6), BATCH, LEGACY),
    ROW(ANTHROPIC, "claude-sonnet-4-5 claude-sonnet-4-5-20250929", REPORT(2026, 8, 21), 200000, 64000, USD(3, 15), READ(0.3), WRITE_5M(3.75), WRITE_1H(6), BATCH, LEGACY),
        ABOVE(200000, USD(6, 22.5), READ(0.6), WRITE_5M(7.5), WRITE_1H(12)),
    ROW(ANTHROPIC, "claude-sonnet-4 claude-sonnet-4-0 claude-sonnet-4-20250514 claude-3-7-sonnet-20250219 claude-3-7-sonnet-latest", REPORT(2026, 8, 21), 200000, 64000, USD(3, 15), READ(0.3), WRITE_5M(3.75), WRITE_1H(6), BATCH, LEGACY),
        ABOVE(200000, USD(6, 22.5), READ(0.6), WRITE_5M(7.5), WRITE_1H(12)),
    ROW(ANTHROPIC, "claude-3-5-sonnet claude-3-5-sonnet-20241022 claude-3-5-sonnet-20240620 claude-3-5-sonnet-latest", EARLIER(2026, 8, 21), 200000, 8192, USD(3, 15), READ(0.3), WRITE_5M(3.75), WRITE_1H(6), BATCH, HISTORICAL),
    ROW(ANTHROPIC, "claude-haiku-5-5", REPORT(2026, 10, 24), 1000000, 128000, USD(0.1, 0.5), READ(0.01), WRITE_5M(0.125), WRITE_1H(0.2), BATCH),
        ABOVE(100000, USD(0.5, 2.5), READ(0.05), WRITE_5M(0.625), WRITE_1H(1)),
    ROW(ANTHROPIC, "claude-haiku-4-5 claude-haiku-4-5-20251001", REPORT(2026, 8, 21), 200000, 64000, USD(1, 5), READ(0.1), WRITE_5M(1.25), WRITE_1H(2), BATCH),
    ROW(ANTHROPIC, "claude-3-5-haiku claude-3-5-haiku-20241022 claude-3-5-haiku-latest", EARLIER(2026, 8, 21), 200000, 8192, USD(0.8, 4), READ(0.08), WRITE_5M(1), WRITE_1H(1.6), BATCH, HISTORICAL),
    ROW(ANTHROPIC, "claude-3-haiku claude-3-haiku-20240307", REPORT(2026, 8, 21), 200000, 4096, USD(0.25, 1.25), READ(0.03), WRITE_5M(0.3), WRITE_1H(0.5), BATCH, HISTORICAL),

    ROW(GOOGLE, "gemini-4-argon gemini-4-carbon", NOTICE(2026, 11, 0), 1000000, 64000, USD(2, 10), READ(0.1), BATCH, FLEX, UNCERTAIN),
        DATED(USD(4, 20), READ(0.2), FROM(2026, 12, 1)),
    ROW(GOOGLE, "gemini-3.1-pro-preview gemini-3-pro-preview", MAP(2026, 7, 24), 1048576, 65536, USD(2, 12), READ(0.2), BATCH, FLEX, PRIORITY_TIMES(1.8)),
        ABOVE(200000, USD(4, 18), READ(0.4)),
    ROW(GOOGLE, "gemini-3.8-flash gemini-3.7-flash gemini-3.6-flash", REPORT(2026, 11, 0), 1048576, 65536, USD(0.75, 3.75), READ(0.075), BATCH, FLEX, PRIORITY_TIMES(1.8), UNCERTAIN),
        DATED(USD(1.5, 7.5), READ(0.15), FROM(2027, 1, 1)),
    ROW(GOOGLE, "gemini-3.5-flash", MAP(2026, 7, 24), 1048576, 65536, USD(1.5, 9), READ(0.15), BATCH, FLEX, PRIORITY_TIMES(1.8)),
    ROW(GOOGLE, "gemini-3.5-flash-lite", MAP(2026, 8, 21), 1048576, 65536, USD(0.3, 2.5), READ(0.03), BATCH, FLEX),
    ROW(GOOGLE, "gemini-3-flash-preview", MAP(2026, 7, 24), 1048576, 65536, USD(0.5, 3), READ(0.05), AUDIO_IN(1), BATCH, FLEX, PRIORITY_TIMES(1.8)),
    ROW(GOOGLE, "gemini-3.1-flash-lite", MAP(2026, 7, 24), 1048576, 65536, USD(0.25, 1.5), READ(0.025), AUDIO_IN(0.5), BATCH, FLEX, PRIORITY_TIMES(1.8)),
    ROW(GOOGLE, "gemini-2.5-pro", MAP(2026, 7, 24), 1048576, 65536, USD(1.25, 10), READ(0.125), BATCH),
        ABOVE(200000, USD(2.5, 15), READ(0.25)),
    ROW(GOOGLE, "gemini-2.5-flash", MAP(2026, 7, 24), 1048576, 65536, USD(0.3, 2.5), READ(0.03), AUDIO_IN(1), BATCH),
    ROW(GOOGLE, "gemini-2.5-flash-lite", MAP(2026, 7, 24), 1048576, 65536, USD(0.1, 0.4), READ(0.01), AUDIO_IN(0.3), BATCH),
    ROW(GOOGLE, "gemini-2.0-flash", MAP(2026, 7, 24), 1048576, 8192, USD(0.1, 0.4), READ(0.025), AUDIO_IN(0.7), BATCH, LEGACY),
    ROW(GOOGLE, "gemini-1.5-pro", EARLIER(2025, 9, 0), 2097152, 8192, USD(1.25, 5), READ(0.3125), HISTORICAL),
        ABOVE(128000, USD(2.5, 10), READ(0.625)),
    ROW(GOOGLE, "gemini-1.5-flash", EARLIER(2025, 9, 0), 1048576, 8192, USD(0.075, 0.3), READ(0.01875), HISTORICAL),
        ABOVE(128000, USD(0.15, 0.6), READ(0.0375)),
    ROW(GOOGLE, "gemini-embedding-001", MAP(2026, 7, 24), 2048, 0, USD(0.15, 0), BATCH),
    ROW(GOOGLE, "gemini-embedding-2", MAP(2026, 7, 24), 8192, 0, USD(0.2, 0), BATCH),

    ROW(DEEPSEEK, "deepseek-flash deepseek-v4-flash deepseek-v4.1-flash deepseek-chat deepseek-reasoner", PAGE(2026, 10, 31), 1000000, 384000, USD(0.3, 1.2), READ(0.006), UNCERTAIN),
        OFF_PEAK(USD(0.15, 0.6), READ(0.003)),

    ROW(DEEPSEEK_CNY, "deepseek-flash deepseek-v4-flash deepseek-v4.1-flash deepseek-chat deepseek-reasoner", PAGE(2026, 10, 31), 1000000, 384000, CNY(2, 8), READ(0.04), UNCERTAIN),
        OFF_PEAK(CNY(1, 4), READ(0.02)),

    ROW(DEEPSEEK, "deepseek-v4-pro", PAGE(2026, 10, 31), 1000000, 384000, USD(1.32, 3.96), READ(0.044), UNCERTAIN),
        OFF_PEAK(USD(0.66, 1.98), READ(0.022)),

    ROW(DEEPSEEK_CNY, "deepseek-v4-pro", PAGE(2026, 10, 31), 1000000, 384000, CNY(9, 27), READ(0.3), UNCERTAIN),
        OFF_PEAK(CNY(4.5, 13.5), READ(0.15)),

    ROW(DEEPSEEK, "deepseek-v3.2", EARLIER(2026, 7, 24), 131072, 65536, USD(0.28, 0.42), READ(0.028), HISTORICAL),

    ROW(MOONSHOT, "kimi-k3.1-pro", REPORT(2026, 11, 0), 1048576, 131072, USD(2, 10), READ(0.2), WRITE_5M(2), UNCERTAIN),
    ROW(MOONSHOT, "kimi-k3", DATA(2026, 7, 16), 1048576, 131072, USD(3, 15), READ(0.3)),

    ROW(MOONSHOT_CN, "kimi-k3", PAGE(2026, 7, 16), 1048576, 131072, CNY(20, 100), READ(2)),

    ROW(MOONSHOT, "kimi-k2.7-code", DATA(2026, 6, 15), 262144, 262144, USD(0.95, 4), READ(0.19)),
    ROW(MOONSHOT, "kimi-k2.6", DATA(2026, 7, 24), 262144, 262144, USD(0.95, 4), READ(0.16)),
    ROW(MOONSHOT, "kimi-k2.5", DATA(2026, 7, 24), 262144, 262144, USD(0.6, 3), READ(0.1)),
    ROW(MOONSHOT, "kimi-k2-0905-preview kimi-k2 kimi-k2-thinking kimi-k2-0711-preview", DATA(2026, 7, 24), 262144, 262144, USD(0.6, 2.5), READ(0.15), LEGACY),
    ROW(MOONSHOT, "moonshot-v1-128k", DATA(2026, 7, 24), 131072, 131072, USD(2, 5), LEGACY),

    ROW(ZHIPU, "glm-5.3 glm-5.2", REPORT(2026, 8, 19), 1000000, 131072, CNY(8, 28), READ(2)),
    ROW(ZHIPU, "glm-5.3-flash", REPORT(2026, 9, 9), 1000000, 0, CNY(0.8, 2.8), READ(0.23), UNCERTAIN),
    ROW(ZHIPU, "glm-5.1", DATA(2026, 5, 23), 200000, 131072, CNY(6, 24), READ(1.3), UNCERTAIN),
        ABOVE(32000, CNY(8, 28), READ(2)),
    ROW(ZHIPU, "glm-4.7", DATA(2026, 5, 23), 200000, 131072, CNY(2, 8), READ(0.4), UNCERTAIN),
        OUTPUT_FROM(200, CNY(3, 14), READ(0.6)),
        ABOVE(32000, CNY(4, 16), READ(0.8)),
    ROW(ZHIPU, "glm-4.5-air", DATA(2026, 5, 23), 128000, 98304, CNY(0.8, 2), READ(0.16), UNCERTAIN),
        OUTPUT_FROM(200, CNY(0.8, 6), READ(0.16)),
        ABOVE(32000, CNY(1.2, 8), READ(0.24)),
    ROW(ZHIPU, "embedding-3", PAGE(2025, 12, 0), 8192, 0, CNY(0.5, 0), BATCH, UNCERTAIN),

    ROW(ZAI, "glm-5.3 glm-5.2", MAP(2026, 8, 19), 1000000, 131072, USD(1.4, 4.4), READ(0.26)),
    ROW(ZAI, "glm-4.7 glm-4.6", MAP(2026, 7, 24), 200000, 128000, USD(0.6, 2.2), READ(0.11)),
    ROW(ZAI, "glm-4.5-air", MAP(2026, 7, 24), 128000, 96000, USD(0.2, 1.1), READ(0.03), UNCERTAIN),

    ROW(DASHSCOPE_INTL, "qwen3.8-max", REPORT(2026, 11, 0), 1000000, 131072, USD(2, 6), READ(0.4), WRITE_5M(2.5), BATCH, UNCERTAIN),
    ROW(DASHSCOPE_INTL, "qwen3.7-max", DATA(2026, 7, 2), 1000000, 65536, USD(2.5, 7.5), READ(0.5), WRITE_5M(3.125), BATCH),
    ROW(DASHSCOPE_INTL, "qwen3.7-plus qwen3.6-plus", DATA(2026, 7, 2), 1000000, 65536, USD(0.5, 3), READ(0.1), WRITE_5M(0.625), BATCH),
        ABOVE(256000, USD(2, 6), READ(0.4), WRITE_5M(2.5)),
    ROW(DASHSCOPE_INTL, "qwen3-max", MAP(2026, 7, 24), 262144, 65536, USD(1.2, 6), READ(0.24), WRITE_5M(1.5), BATCH),
        ABOVE(32000, USD(2.4, 12), READ(0.48), WRITE_5M(3)),
        ABOVE(128000, USD(3, 15), READ(0.6), WRITE_5M(3.75)),
    ROW(DASHSCOPE_INTL, "qwen-plus", MAP(2026, 7, 24), 1000000, 32768, USD(0.4, 1.2), READ(0.08), WRITE_5M(0.5), THINK(4), BATCH, THINKING_REPRICES),
        ABOVE(256000, USD(1.2, 3.6), READ(0.24), WRITE_5M(1.5), THINK(12)),
    ROW(DASHSCOPE_INTL, "qwen-flash", MAP(2026, 7, 24), 1000000, 32768, USD(0.05, 0.4), READ(0.01), WRITE_5M(0.0625), BATCH),
        ABOVE(256000, USD(0.25, 2), READ(0.05), WRITE_5M(0.3125)),

    ROW(DASHSCOPE, "qwen3-max", PAGE(2026, 8, 0), 262144, 65536, CNY(2.5, 10), READ(0.5), WRITE_5M(3.125), BATCH),
        ABOVE(32000, CNY(4, 16), READ(0.8), WRITE_5M(5)),
        ABOVE(128000, CNY(7, 28), READ(1.4), WRITE_5M(8.75)),
    ROW(DASHSCOPE, "qwen3.6-plus", PAGE(2026, 8, 0), 1000000, 65536, CNY(2, 12), READ(0.4), WRITE_5M(2.5), BATCH, UNCERTAIN),
    ROW(DASHSCOPE, "qwen3.5-plus", PAGE(2026, 8, 0), 1000000, 65536, CNY(0.8, 4.8), READ(0.16), WRITE_5M(1), BATCH, UNCERTAIN),
        ABOVE(128000, CNY(2, 12), READ(0.4), WRITE_5M(2.5)),
    ROW(DASHSCOPE, "qwen-plus", PAGE(2026, 8, 0), 1000000, 32768, CNY(0.8, 2), READ(0.16), WRITE_5M(1), THINK(8), BATCH, UNCERTAIN, THINKING_REPRICES),
    ROW(DASHSCOPE, "qwen-flash", PAGE(2026, 8, 0), 1000000, 32768, CNY(0.15, 1.5), READ(0.03), WRITE_5M(0.1875), BATCH, UNCERTAIN),
    ROW(DASHSCOPE, "text-embedding-v4", PAGE(2026, 8, 0), 8192, 0, CNY(0.5, 0), BATCH),

    ROW(DOUBAO, "doubao-seed-2-1-pro", REPORT(2026, 10, 0), 256000, 128000, CNY(6, 30), READ(1.2), UNCERTAIN),
    ROW(DOUBAO, "doubao-seed-2-0-pro doubao-seed-2-0-pro-260215", PAGE(2026, 7, 24), 256000, 128000, CNY(3.2, 16)),
        ABOVE(32000, CNY(4.8, 24)),
        ABOVE(128000, CNY(9.6, 48)),
    ROW(DOUBAO, "doubao-seed-2-0-lite doubao-seed-2-0-lite-260215", PAGE(2026, 7, 24), 256000, 128000, CNY(0.6, 3.6)),
        ABOVE(32000, CNY(0.9, 5.4)),
        ABOVE(128000, CNY(1.8, 10.8)),
    ROW(DOUBAO, "doubao-seed-2-0-mini doubao-seed-2-0-mini-260215", PAGE(2026, 7, 24), 256000, 128000, CNY(0.2, 2)),
        ABOVE(32000, CNY(0.4, 4)),
        ABOVE(128000, CNY(0.8, 8)),

    ROW(QIANFAN, "ernie-4.5-turbo-128k", PAGE(2025, 12, 0), 131072, 12288, CNY(0.8, 3.2), BATCH, UNCERTAIN),
    ROW(QIANFAN, "ernie-5.0", PAGE(2026, 2, 0), 131072, 65536, CNY(6, 24), UNCERTAIN),
        ABOVE(32000, CNY(10, 40)),

    ROW(HUNYUAN, "hy4", RESELLER(2026, 10, 0), 0, 0, CNY(3, 9), UNCERTAIN),

    ROW(MINIMAX, "MiniMax-M3", MAP(2026, 7, 24), 1000000, 128000, USD(0.3, 1.2), READ(0.06)),
        ABOVE(512000, USD(0.6, 2.4), READ(0.12)),
    ROW(MINIMAX, "MiniMax-M2.7", DATA(2026, 7, 2), 204800, 131072, USD(0.3, 1.2), READ(0.06), WRITE_5M(0.375)),
    ROW(MINIMAX, "MiniMax-M2.5 MiniMax-M2.1 MiniMax-M2", MAP(2026, 7, 24), 204800, 131072, USD(0.3, 1.2), READ(0.03), WRITE_5M(0.375), LEGACY),

    ROW(STEPFUN, "step-5-preview", PAGE(2026, 10, 7), 0, 0, CNY(7, 20), READ(0.35)),
    ROW(STEPFUN, "step-3.7-flash", PAGE(2026, 10, 7), 0, 0, CNY(1.35, 8.1), READ(0.27)),
    ROW(STEPFUN, "step-3.5-flash", PAGE(2026, 10, 7), 0, 0, CNY(0.7, 2.1), READ(0.14)),

    ROW(MISTRAL, "mistral-large-4-0", REPORT(2026, 10, 20), 524288, 0, USD(1.36, 4.18), BATCH, UNCERTAIN),
        DATED(USD(0.68, 2.09), UNTIL(2026, 10, 20)),
    ROW(MISTRAL, "mistral-large-2512 mistral-large-latest", MAP(2026, 7, 24), 262144, 262144, USD(0.5, 1.5), READ(0.05), BATCH, UNCERTAIN),
    ROW(MISTRAL, "mistral-medium-3.5 mistral-medium-latest", MAP(2026, 7, 24), 262144, 262144, USD(1.5, 7.5), BATCH),
    ROW(MISTRAL, "mistral-small-2603", PAGE(2026, 8, 21), 262144, 0, USD(0.15, 0.6), READ(0.015), BATCH),
    ROW(MISTRAL, "codestral-2508", MAP(2026, 7, 24), 256000, 256000, USD(0.3, 0.9), BATCH),
    ROW(MISTRAL, "mistral-embed", PAGE(2026, 7, 24), 8192, 0, USD(0.1, 0), BATCH),

    ROW(XAI, "grok-4.7 grok-4.6 grok-4.5", REPORT(2026, 10, 24), 500000, 0, USD(2, 6), READ(0.5)),
        ABOVE(199999, USD(4, 12), READ(1)),
    ROW(XAI, "grok-4.3", MAP(2026, 7, 24), 1000000, 0, USD(1.25, 2.5), READ(0.2)),
        ABOVE(200000, USD(2.5, 5), READ(0.4)),
    ROW(XAI, "grok-4-1-fast grok-4-1-fast-reasoning grok-4-1-fast-non-reasoning", MAP(2026, 7, 24), 2000000, 0, USD(0.2, 0.5), READ(0.05), LEGACY),
        ABOVE(128000, USD(0.4, 1)),
    ROW(XAI, "grok-4 grok-4-0709", MAP(2026, 7, 24), 256000, 0, USD(3, 15), READ(0.75), UNCERTAIN, LEGACY),
        ABOVE(128000, USD(6, 30)),
    ROW(XAI, "grok-code-fast-1", MAP(2026, 7, 24), 256000, 0, USD(0.2, 1.5), READ(0.02), LEGACY),

    ROW(COHERE, "command-a-03-2025", MAP(2026, 7, 24), 256000, 8000, USD(2.5, 10)),
    ROW(COHERE, "command-r7b-12-2024", MAP(2026, 7, 24), 128000, 4096, USD(0.0375, 0.15)),
    ROW(COHERE, "embed-v4.0", MAP(2026, 7, 24), 128000, 0, USD(0.12, 0)),

    ROW(GROQ, "llama-3.3-70b-versatile", MAP(2026, 7, 24), 131072, 32768, USD(0.59, 0.79), BATCH),
    ROW(GROQ, "llama-3.1-8b-instant", MAP(2026, 7, 24), 131072, 131072, USD(0.05, 0.08), BATCH),
    ROW(GROQ, "openai/gpt-oss-120b", MAP(2026, 7, 24), 131072, 65536, USD(0.15, 0.6), READ(0.075), BATCH),
    ROW(GROQ, "openai/gpt-oss-20b", MAP(2026, 7, 24), 131072, 65536, USD(0.075, 0.3), READ(0.0375), BATCH),

    ROW(PERPLEXITY, "sonar", MAP(2026, 7, 24), 128000, 0, USD(1, 1), FEE(0.005, 0.012)),
    ROW(PERPLEXITY, "sonar-pro", MAP(2026, 7, 24), 200000, 8000, USD(3, 15), FEE(0.006, 0.014)),
    ROW(PERPLEXITY, "sonar-reasoning-pro", MAP(2026, 7, 24), 128000, 0, USD(2, 8), FEE(0.006, 0.014)),
    ROW(PERPLEXITY, "sonar-deep-research", MAP(2026, 7, 24), 128000, 0, USD(2, 8), THINK(3), FEE(0.005, 0.005)),

    ROW(BEDROCK, "amazon.nova-micro-v1:0", DATA(2026, 8, 21), 128000, 10000, USD(0.035, 0.14), READ(0.00875), BATCH),
    ROW(BEDROCK, "amazon.nova-lite-v1:0", DATA(2026, 8, 21), 300000, 10000, USD(0.06, 0.24), READ(0.015), BATCH),
    ROW(BEDROCK, "amazon.nova-pro-v1:0", DATA(2026, 8, 21), 300000, 10000, USD(0.8, 3.2), READ(0.2), BATCH),
    ROW(BEDROCK, "amazon.nova-2-lite-v1:0", DATA(2026, 8, 21), 1000000, 64000, USD(0.3, 2.5), READ(0.075), BATCH),

    ROW(OLLAMA, "*", LOCAL(2026, 11, 21), 0, 0, USD(0, 0), FREE),
};
/* clang-format on */

static int64_t given(uint32_t pico)
{
    return pico ? (int64_t)pico : LLMC_NO_RATE;
}

static int32_t day_of(uint16_t date)
{
    return (int32_t)llmc_days_from_civil(2000 + (date >> 9), date >> 5 & 15, date & 31);
}

static void fill_price(const line *from, llmc_price *price)
{
    llmc_price_init(price);
    price->pico[LLMCOST_INPUT] = from->free ? 0 : given(from->in);
    price->pico[LLMCOST_OUTPUT] = given(from->out);
    price->pico[LLMCOST_INPUT_CACHED] = given(from->read);
    price->pico[LLMCOST_WRITE_5M] = given(from->write_5m);
    price->pico[LLMCOST_WRITE_30M] = given(from->write_30m);
    price->pico[LLMCOST_WRITE_1H] = given(from->write_1h);
    price->pico[LLMCOST_REASONING] = given(from->think);
    price->pico[LLMCOST_AUDIO_IN] = given(from->audio_in);
    price->pico[LLMCOST_AUDIO_OUT] = given(from->audio_out);
    price->pico[LLMCOST_REQUEST] = from->fee ? from->fee * INT64_C(1000000) : LLMC_NO_RATE;
    price->above_prompt = from->above ? (int64_t)from->above : -1;
    price->least_output = from->least_output;
    price->level = from->level;
    if (from->from)
        price->from_day = day_of(from->from);
    if (from->until)
        price->until_day = day_of(from->until);
    if (from->off_peak) {
        price->peak_days = 0x1F; /* Monday to Friday */
        price->peak_hours = 7u << 1 | 15u << 6;
    }
}

static const char *source_of(llmc_catalog *catalog, const line *row)
{
    char text[96];
    int day = row->source_date & 31, length = snprintf(text, sizeof text, "%s, %d-%02d", source_texts[row->source], 2000 + (row->source_date >> 9),
                                                       row->source_date >> 5 & 15);
    if (day)
        snprintf(text + length, sizeof text - (size_t)length, "-%02d", day);
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

static bool add_row(llmc_catalog *catalog, const line *row, size_t lines)
{
    char *name = llmc_catalog_keep(catalog, row->names);
    if (!name)
        return false;
    char *aliases = strchr(name, ' ');
    if (aliases)
        *aliases++ = '\0';
    llmc_model *model = llmc_catalog_add(catalog, provider_names[row->provider], name, lines);
    if (!model)
        return false;
    model->source = source_of(catalog, row);
    for (; model->price_count < lines; model->price_count++)
        fill_price(row + model->price_count, &model->prices[model->price_count]);
    for (int i = 0; i < LLMC_LEVEL_COUNT; i++)
        model->multiplier[i] = row->tenths[i] * (LLMC_MULTIPLIER_ONE / 10);
    model->request_most = row->fee_most * INT64_C(1000000);
    model->context = row->context;
    model->max_output = row->max_output;
    memcpy(model->currency, row->yuan ? "CNY" : "USD", sizeof model->currency);
    model->status = row->status;
    model->uncertain = row->uncertain;
    model->thinking_reprices = row->reprices;
    return model->source && add_aliases(catalog, model, aliases);
}

static bool is_wanted(const line *row, const char *const *providers, size_t provider_count)
{
    for (size_t i = 0; i < provider_count; i++) {
        if (strcmp(providers[i], provider_names[row->provider]) == 0)
            return true;
    }
    return !providers;
}

bool llmc_catalog_load_builtin(llmc_catalog *catalog, const char *const *providers, size_t provider_count)
{
    const line *end = table + sizeof table / sizeof table[0];
    for (const line *row = table, *next; row < end; row = next) {
        for (next = row + 1; next < end && !next->names; next++)
            ;
        if (is_wanted(row, providers, provider_count) && !add_row(catalog, row, (size_t)(next - row)))
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

bool llmc_catalog_builtin_has(const char *provider, const char *model)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].names && strcmp(provider_names[table[i].provider], provider) == 0 && strcmp(model, "*") != 0 && has_word(table[i].names, model))
            return true;
    }
    return false;
}
