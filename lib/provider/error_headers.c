/*
 * How long a provider asks to wait, whether it wants the request again, by what name it knows a request, what is left of
 * its limits, and (Amazon's) what kind of failure it was: the headers that tell. All times are in milliseconds from now,
 * never below zero, never above a month.
 */
#include "provider/decoding.h"

#include "base/text.h"

static const int64_t LONGEST_WAIT_MS = INT64_C(30) * 24 * 3600 * 1000;

static int64_t bounded_wait(double ms)
{
    if (!(ms > 0))
        return 0;
    return ms < (double)LONGEST_WAIT_MS ? (int64_t)(ms + 0.999) : LONGEST_WAIT_MS;
}

/* Digits with a fraction, whatever the locale. Returns behind it; NULL: no number. */
static const char *read_decimal(const char *text, const char *end, double *out)
{
    double value = 0, unit = 1;
    const char *at = text;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        value = value * 10 + (*at - '0');
    if (at == text)
        return NULL;
    if (at < end && *at == '.')
        for (at++; at < end && *at >= '0' && *at <= '9'; at++)
            value += (*at - '0') * (unit /= 10);
    *out = value;
    return at;
}

/* "6m0s", "120ms", "1h2m3.5s", "17s"; a bare number is seconds. */
static bool duration_ms(const char *text, size_t bytes, double *ms)
{
    static const struct { const char *name; double ms; } units[] = { { "ms", 1 }, { "us", 0.001 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 } };
    const char *at = text, *end = text + bytes;
    double sum = 0, value;
    while (at < end) {
        at = read_decimal(at, end, &value);
        if (!at)
            return false;
        if (at == end && sum == 0) {
            *ms = value * 1000;
            return true;
        }
        size_t i = 0;
        while (i < sizeof units / sizeof units[0] && ((size_t)(end - at) < strlen(units[i].name) || memcmp(at, units[i].name, strlen(units[i].name)) != 0))
            i++;
        if (i == sizeof units / sizeof units[0])
            return false;
        sum += value * units[i].ms;
        at += strlen(units[i].name);
    }
    *ms = sum;
    return bytes > 0;
}

bool llmc_duration_ms(const char *text, size_t bytes, int64_t *out)
{
    double ms;
    if (!bytes || !duration_ms(text, bytes, &ms))
        return false;
    *out = bounded_wait(ms);
    return true;
}

static bool two_digits(const char *text, int *out)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
        return false;
    *out = (text[0] - '0') * 10 + text[1] - '0';
    return true;
}

static bool clock_seconds(const char *text, int64_t *seconds)
{
    int hour, minute, second;
    if (!two_digits(text, &hour) || text[2] != ':' || !two_digits(text + 3, &minute) || text[5] != ':' || !two_digits(text + 6, &second))
        return false;
    *seconds = hour * 3600 + minute * 60 + second;
    return true;
}

static int month_of(const char *name)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int month = 0; month < 12; month++)
        if (!strncmp(months + 3 * month, name, 3))
            return month + 1;
    return 0;
}

static bool day_of(const char *text, int *day)
{
    return two_digits(text, day) && *day >= 1 && *day <= 31;
}

static int64_t instant_ms(int year, int month, int day, int64_t seconds)
{
    return (llmc_days_from_civil(year, month, day) * 86400 + seconds) * 1000;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT". */
static bool usual_date_ms(const char *text, int64_t *ms)
{
    int day, month, century, year;
    int64_t seconds;
    if (strlen(text) < 29 || memcmp(text + 3, ", ", 2) != 0 || !day_of(text + 5, &day) || !(month = month_of(text + 8)) ||
        !two_digits(text + 12, &century) || !two_digits(text + 14, &year) || !clock_seconds(text + 17, &seconds))
        return false;
    *ms = instant_ms(century * 100 + year, month, day, seconds);
    return true;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT": the year within the century that ends fifty years from now. */
static bool dashed_date_ms(const char *text, int64_t wall_ms, int64_t *ms)
{
    static const int64_t fifty_years_ms = INT64_C(18262) * 86400 * 1000;
    int day, month, year;
    int64_t seconds;
    const char *at = strstr(text, ", ");
    if (!at || strlen(at) < 24 || !day_of(at + 2, &day) || at[4] != '-' || !(month = month_of(at + 5)) || at[8] != '-' ||
        !two_digits(at + 9, &year) || at[11] != ' ' || !clock_seconds(at + 12, &seconds))
        return false;
    int century = 1900;
    while (century < 9900 && instant_ms(century + 100 + year, month, day, seconds) - fifty_years_ms <= wall_ms)
        century += 100;
    *ms = instant_ms(century + year, month, day, seconds);
    return true;
}

/* "Sun Nov  6 08:49:37 1994", as C's asctime() writes it. */
static bool asctime_ms(const char *text, int64_t *ms)
{
    int day, month, century, year;
    int64_t seconds;
    if (strlen(text) < 24 || text[3] != ' ' || !(month = month_of(text + 4)) || text[7] != ' ' || text[10] != ' ')
        return false;
    const char padded[] = { text[8] == ' ' ? '0' : text[8], text[9] };
    if (!day_of(padded, &day) || !clock_seconds(text + 11, &seconds) || text[19] != ' ' || !two_digits(text + 20, &century) || !two_digits(text + 22, &year))
        return false;
    *ms = instant_ms(century * 100 + year, month, day, seconds);
    return true;
}

/* The three forms of RFC 9110, section 5.6.7, all in GMT. */
static bool http_date_ms(const char *text, int64_t wall_ms, int64_t *ms)
{
    return usual_date_ms(text, ms) || dashed_date_ms(text, wall_ms, ms) || asctime_ms(text, ms);
}

/* "2026-11-21T10:00:30Z", with any offset. */
static bool rfc3339_ms(const char *text, int64_t *ms)
{
    int century, year, month, day, hours = 0, minutes = 0;
    int64_t seconds;
    if (strlen(text) < 20 || !two_digits(text, &century) || !two_digits(text + 2, &year) || text[4] != '-' || !two_digits(text + 5, &month) ||
        text[7] != '-' || !two_digits(text + 8, &day) || (text[10] != 'T' && text[10] != ' ') || !clock_seconds(text + 11, &seconds))
        return false;
    if (month < 1 || month > 12)
        return false;
    const char *zone = text + 19;
    if (*zone == '.')
        for (zone++; *zone >= '0' && *zone <= '9';)
            zone++;
    int64_t sign = *zone == '+' ? 1 : *zone == '-' ? -1 : 0;
    if (sign && (!two_digits(zone + 1, &hours) || zone[3] != ':' || !two_digits(zone + 4, &minutes)))
        return false;
    *ms = (llmc_days_from_civil(century * 100 + year, month, day) * 86400 + seconds - sign * (hours * 3600 + minutes * 60)) * 1000;
    return true;
}

static bool plain_number(const char *value, double *out)
{
    const char *end = value + strlen(value);
    return read_decimal(value, end, out) == end;
}

static bool milliseconds(const char *value, int64_t wall_ms, int64_t *out)
{
    double ms;
    (void)wall_ms;
    if (!plain_number(value, &ms))
        return false;
    *out = bounded_wait(ms);
    return true;
}

static bool seconds_or_date(const char *value, int64_t wall_ms, int64_t *out)
{
    double seconds;
    int64_t instant;
    if (plain_number(value, &seconds)) {
        *out = bounded_wait(seconds * 1000);
        return true;
    }
    if (!http_date_ms(value, wall_ms, &instant))
        return false;
    *out = bounded_wait((double)instant - (double)wall_ms);
    return true;
}

/* A duration, a date, or the instant in seconds or milliseconds since 1970. */
static bool reset_time(const char *value, int64_t wall_ms, int64_t *out)
{
    double number, ms;
    int64_t instant;
    if (plain_number(value, &number) && number >= 1e9) {
        *out = bounded_wait((number >= 1e11 ? number : number * 1000) - (double)wall_ms);
        return true;
    }
    if (duration_ms(value, strlen(value), &ms)) {
        *out = bounded_wait(ms);
        return true;
    }
    if (!rfc3339_ms(value, &instant))
        return false;
    *out = bounded_wait((double)instant - (double)wall_ms);
    return true;
}

/* The prefix is in small letters. */
static bool begins_ignoring_case(const char *text, const char *prefix)
{
    while (*prefix && (*text >= 'A' && *text <= 'Z' ? *text + 'a' - 'A' : *text) == *prefix) {
        text++;
        prefix++;
    }
    return !*prefix;
}

bool llmc_is_limit_header(const char *name)
{
    char first = (char)(name[0] | 0x20);
    return (first == 'x' && begins_ignoring_case(name, "x-ratelimit-")) || (first == 'a' && begins_ignoring_case(name, "anthropic-ratelimit-"));
}

static bool is_reset(const char *name)
{
    if (begins_ignoring_case(name, "x-ratelimit-reset"))
        return true;
    if (!begins_ignoring_case(name, "anthropic-ratelimit-"))
        return false;
    size_t bytes = strlen(name);
    return llmc_text_equal_ignoring_case(name + bytes - 6, "-reset");
}

/* Of several reset times the nearest counts: which limit was hit is not told. */
static void take_wait(llmcost_error *error, uint32_t *rank, uint32_t new_rank, int64_t ms)
{
    if (new_rank < *rank || (new_rank == *rank && error->retry_after_ms >= 0 && error->retry_after_ms <= ms))
        return;
    *rank = new_rank;
    error->retry_after_ms = ms;
}

static bool is_request_id(const char *name)
{
    static const char *const names[] = { "x-request-id", "request-id", "x-amzn-requestid", "apim-request-id", "x-ms-request-id", "x-generation-id", "x-zai-request-id", "x-ds-trace-id", "mistral-correlation-id" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i][0] == (name[0] | 0x20) && llmc_text_equal_ignoring_case(names[i], name))
            return true;
    return false;
}

/* "ThrottlingException:http://...", or "com.amazon.coral#ThrottlingException": where the body has no code of its own. */
static void take_kind(llmcost_error *error, const char *value)
{
    size_t bytes = strcspn(value, ":");
    for (size_t i = bytes; i-- > 0;)
        if (value[i] == '#') {
            value += i + 1;
            bytes -= i + 1;
            break;
        }
    if (bytes)
        llmc_error_set_text(error, &error->code, value, bytes);
}

/* OpenAI's and Anthropic's, whose own clients obey it. */
static void take_advice(llmcost_error *error, const char *value)
{
    if (llmc_text_equal_ignoring_case(value, "true"))
        error->should_retry = 1;
    else if (llmc_text_equal_ignoring_case(value, "false"))
        error->should_retry = -1;
}

void llmc_decode_error_header(llmcost_error *error, uint32_t *rank, const char *name, const char *value, int64_t wall_ms)
{
    enum { RESET = LLMC_WAIT_OF_LIMITS, RETRY_AFTER, RETRY_AFTER_MS };
    int64_t ms;
    if (!strchr("arxmARXM", name[0])) /* most headers concern nobody: none that does begins otherwise */
        return;
    if (llmc_text_equal_ignoring_case(name, "retry-after-ms")) {
        if (milliseconds(value, wall_ms, &ms))
            take_wait(error, rank, RETRY_AFTER_MS, ms);
    } else if (llmc_text_equal_ignoring_case(name, "retry-after")) {
        if (seconds_or_date(value, wall_ms, &ms))
            take_wait(error, rank, RETRY_AFTER, ms);
    } else if (llmc_text_equal_ignoring_case(name, "x-should-retry")) {
        take_advice(error, value);
    } else if (is_reset(name)) {
        if (reset_time(value, wall_ms, &ms))
            take_wait(error, rank, RESET, ms);
    } else if (llmc_text_equal_ignoring_case(name, "x-amzn-errortype")) {
        take_kind(error, value);
    } else if (is_request_id(name) && !error->request_id) {
        llmc_error_set_text(error, &error->request_id, value, strlen(value));
    }
}

/* ---- limits ---- */

void llmc_rate_limits_init(llmc_rate_limits *limits)
{
    for (size_t i = 0; i < LLMCOST_LIMIT_COUNT; i++)
        limits->of[i] = (llmc_rate_limit){ -1, -1, -1 };
}

static void take_count(const char *value, int64_t *out)
{
    double count;
    if (plain_number(value, &count) && count < 9e15)
        *out = (int64_t)count;
}

/* "first-second", or the first alone where there is no second. */
static bool is_joined(const char *name, const char *first, const char *second)
{
    size_t bytes = strlen(first);
    return begins_ignoring_case(name, first) && (*second ? name[bytes] == '-' && llmc_text_equal_ignoring_case(name + bytes + 1, second) : !name[bytes]);
}

/*
 * "x-ratelimit-remaining-tokens", "anthropic-ratelimit-input-tokens-remaining", and "x-ratelimit-remaining" of hosts that
 * count requests only. Left out: windows that hosts tell beside these (a day's, a minute's).
 */
void llmc_decode_limit_header(llmc_rate_limits *limits, const char *name, const char *value, int64_t wall_ms)
{
    static const char *const kinds[LLMCOST_LIMIT_COUNT] = { "requests", "tokens", "input-tokens", "output-tokens" };
    static const char *const figures[] = { "limit", "remaining", "reset" };
    bool anthropic = (name[0] | 0x20) == 'a';
    name += anthropic ? strlen("anthropic-ratelimit-") : strlen("x-ratelimit-");
    for (size_t k = 0; k < LLMCOST_LIMIT_COUNT; k++) {
        for (size_t f = 0; f < sizeof figures / sizeof figures[0]; f++) {
            bool found = anthropic ? is_joined(name, kinds[k], figures[f]) : is_joined(name, figures[f], kinds[k]) || (k == LLMCOST_LIMIT_REQUESTS && is_joined(name, figures[f], ""));
            if (!found)
                continue;
            llmc_rate_limit *of = &limits->of[k];
            if (f == 2)
                reset_time(value, wall_ms, &of->reset_ms);
            else
                take_count(value, f ? &of->remaining : &of->limit);
            return;
        }
    }
}
