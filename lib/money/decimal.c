/*
 * Decimal figures as scaled integers, exactly or not at all.
 *
 * Digits are read by hand, because strtod() follows the locale and rounds. A double from a JSON tree is taken for the
 * shortest decimal that reads back as that very double: division is correctly rounded, so the check is exact.
 */
#include "money/money.h"

#include <math.h>

static const double power_of_ten[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };

enum { DIGITS_MOST = 19, EXPONENT_MOST = 100000 }; /* more digits than 19 leave a remainder or overflow anyway */

/* mantissa * 10^exponent; the mantissa does not end in a zero digit unless it is 0. */
typedef struct decimal_parts {
    uint64_t mantissa;
    int64_t exponent;
    int digits;
} decimal_parts;

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Zeros wait in the exponent until another digit comes, so that trailing ones cost no room. false: too many digits. */
static bool add_digit(decimal_parts *parts, int64_t *zeros, char byte)
{
    if (byte == '0') {
        *zeros += parts->mantissa != 0;
        return true;
    }
    if (parts->mantissa && parts->digits + *zeros + 1 > DIGITS_MOST)
        return false;
    for (; *zeros > 0; (*zeros)--, parts->digits++)
        parts->mantissa *= 10;
    parts->mantissa = parts->mantissa * 10 + (uint64_t)(byte - '0');
    parts->digits++;
    return true;
}

static bool read_exponent(const char *at, const char *end, int64_t *exponent)
{
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (at == end)
        return false;
    int64_t value = 0;
    for (; at < end; at++) {
        if (!is_digit(*at))
            return false;
        if (value < EXPONENT_MOST)
            value = value * 10 + (*at - '0');
    }
    *exponent = negative ? -value : value;
    return true;
}

/* digits [. digits] [e [sign] digits] */
static bool read_parts(const char *at, const char *end, decimal_parts *parts)
{
    int64_t zeros = 0, decimals = 0, exponent = 0;
    if (at == end || !is_digit(*at))
        return false;
    for (; at < end && is_digit(*at); at++) {
        if (!add_digit(parts, &zeros, *at))
            return false;
    }
    if (at < end && *at == '.') {
        at++;
        if (at == end || !is_digit(*at))
            return false;
        for (; at < end && is_digit(*at); at++, decimals++) {
            if (!add_digit(parts, &zeros, *at))
                return false;
        }
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        if (!read_exponent(at + 1, end, &exponent))
            return false;
        at = end;
    }
    parts->exponent = exponent - decimals + zeros;
    return at == end;
}

static bool scale_up(uint64_t mantissa, int64_t power, bool negative, int64_t *out)
{
    __int128 value = mantissa;
    for (; power > 0; power--) {
        value *= 10;
        if (value > INT64_MAX)
            return false;
    }
    if (value > INT64_MAX)
        return false;
    *out = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

bool llmc_decimal(const char *text, size_t bytes, int scale, int64_t *out)
{
    const char *end = text + bytes;
    bool negative = bytes && *text == '-';
    decimal_parts parts = { 0 };
    if (!read_parts(text + negative, end, &parts))
        return false;
    if (!parts.mantissa) {
        *out = 0;
        return true;
    }
    int64_t power = parts.exponent + scale;
    return power >= 0 && scale_up(parts.mantissa, power, negative, out);
}

bool llmc_decimal_from_double(double value, int scale, int64_t *out)
{
    if (!isfinite(value))
        return false;
    bool negative = value < 0;
    double size = negative ? -value : value;
    for (int decimals = 0; decimals <= scale && decimals <= 15; decimals++) {
        double scaled = size * power_of_ten[decimals];
        if (scaled >= 1e15) /* beyond 15 digits neighbours cannot be told apart */
            return false;
        int64_t whole = (int64_t)(scaled + 0.5);
        if ((double)whole / power_of_ten[decimals] == size)
            return scale_up((uint64_t)whole, scale - decimals, negative, out);
    }
    return false;
}
