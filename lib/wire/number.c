/*
 * Numbers as JSON spells them. strtod() and printf() ask the host's locale for the decimal point, so neither is used.
 *
 * Numbers of few digits are converted by one exact multiplication or division of doubles. The rest goes through a long
 * decimal that can be multiplied by powers of two: slow (about a microsecond) but exact and short, and rare in what
 * is read here. Digits beyond DIGITS only matter as "there is more": no double needs more than 767 to be told apart
 * from the middle between two neighbours.
 */
#include "wire/number.h"

#include <string.h>

enum {
    DIGITS = 800,
    STEP = 56,              /* bits of one shift: ten times 2^56 still fits in 64 bits */
    MANTISSA_BITS = 53,     /* a double is a whole number of so many bits times 2^exponent */
    LEAST_EXPONENT = -1074,
    MOST_EXPONENT = 971,
    FAR = 1000000000        /* beyond any power of ten of interest */
};

/* 0.digits times 10^point, where neither the first nor the last digit is 0 */
typedef struct decimal {
    uint8_t digits[DIGITS];
    int count, point;
    bool negative;
    bool more; /* a little more than the digits say */
} decimal;

static void trim(decimal *number)
{
    while (number->count && number->digits[number->count - 1] == 0)
        number->count--;
    if (!number->count)
        number->point = 0;
}

static void append(decimal *number, unsigned digit)
{
    if (number->count < DIGITS)
        number->digits[number->count++] = (uint8_t)digit;
    else if (digit)
        number->more = true;
}

/* Divide by 2^bits, bits at most STEP: long division, digit after digit. */
static void shift_right(decimal *number, int bits)
{
    uint64_t rest = 0, mask = (UINT64_C(1) << bits) - 1;
    int read = 0, point = number->point, count = number->count;
    while (rest >> bits == 0) {
        rest = rest * 10 + (read < count ? number->digits[read] : 0);
        read++;
    }
    point -= read - 1;
    number->count = 0; /* writing stays behind reading */
    for (; read < count; read++) {
        append(number, (unsigned)(rest >> bits));
        rest = (rest & mask) * 10 + number->digits[read];
    }
    for (; rest; rest = (rest & mask) * 10)
        append(number, (unsigned)(rest >> bits));
    number->point = point;
    trim(number);
}

/* Multiply by 2^bits, bits at most STEP: from the last digit to the first. */
static void shift_left(decimal *number, int bits)
{
    uint8_t product[DIGITS + 20];
    int at = (int)sizeof product;
    uint64_t carry = 0;
    for (int read = number->count; read > 0; carry /= 10) {
        carry += (uint64_t)number->digits[--read] << bits;
        product[--at] = (uint8_t)(carry % 10);
    }
    for (; carry; carry /= 10)
        product[--at] = (uint8_t)(carry % 10);
    int length = (int)sizeof product - at;
    number->point += length - number->count;
    number->count = 0;
    for (int read = 0; read < length; read++)
        append(number, product[at + read]);
    trim(number);
}

static void shift(decimal *number, int bits)
{
    for (; number->count && bits > 0; bits -= bits > STEP ? STEP : bits)
        shift_left(number, bits > STEP ? STEP : bits);
    for (; number->count && bits < 0; bits += bits < -STEP ? STEP : -bits)
        shift_right(number, bits < -STEP ? STEP : -bits);
}

/* The digits before the point, of which there are at most 19. */
static uint64_t whole_part(const decimal *number)
{
    uint64_t whole = 0;
    for (int at = 0; at < number->point; at++)
        whole = whole * 10 + (at < number->count ? number->digits[at] : 0);
    return whole;
}

static double assemble(bool negative, uint64_t mantissa, int exponent)
{
    const uint64_t top = UINT64_C(1) << (MANTISSA_BITS - 1);
    uint64_t bits = mantissa;
    if (mantissa >= top) /* else subnormal, or zero */
        bits = (mantissa - top) | (uint64_t)(exponent - LEAST_EXPONENT + 1) << (MANTISSA_BITS - 1);
    bits |= (uint64_t)negative << 63;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Uses the number up. */
static bool decimal_to_double(decimal *number, double *out)
{
    if (number->point > 310)
        return false;
    if (number->count == 0 || number->point < -330) {
        *out = assemble(number->negative, 0, 0);
        return true;
    }
    /* Bring 17 or 18 digits before the point: 54 to 60 bits. Three bits are less than a digit, so no step goes too far. */
    int exponent = 0;
    while (number->point < 17 || number->point > 18) {
        int bits = number->point < 17 ? (17 - number->point) * 3 : (18 - number->point) * 3;
        bits = bits > STEP ? STEP : bits < -STEP ? -STEP : bits;
        shift(number, bits);
        exponent -= bits;
    }
    uint64_t mantissa = whole_part(number);
    bool more = number->more || number->count > number->point;
    int drop = 1;
    while (mantissa >> drop >> MANTISSA_BITS)
        drop++;
    if (exponent + drop < LEAST_EXPONENT)
        drop = LEAST_EXPONENT - exponent;
    if (drop > 62) { /* less than a quarter of the least double */
        *out = assemble(number->negative, 0, 0);
        return true;
    }
    uint64_t half = UINT64_C(1) << (drop - 1), rest = mantissa & (half * 2 - 1);
    mantissa >>= drop;
    exponent += drop;
    mantissa += rest > half || (rest == half && (more || (mantissa & 1)));
    if (mantissa >> MANTISSA_BITS) {
        mantissa >>= 1;
        exponent++;
    }
    if (exponent > MOST_EXPONENT)
        return false;
    *out = assemble(number->negative, mantissa, exponent);
    return true;
}

static int parse_exponent(const char *at, const char *end)
{
    bool negative = at < end && *at == '-';
    int64_t exponent = 0;
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    for (; at < end; at++)
        exponent = exponent > FAR ? exponent : exponent * 10 + (*at - '0');
    return (int)(exponent > FAR ? (negative ? -FAR : FAR) : (negative ? -exponent : exponent));
}

static void parse(decimal *number, const char *text, size_t bytes)
{
    const char *at = text, *end = text + bytes;
    int64_t point = 0;
    bool fraction = false;
    number->count = 0;
    number->more = false;
    number->negative = at < end && *at == '-';
    at += number->negative;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        if (number->count || *at != '0') {
            append(number, (unsigned)(*at - '0'));
            point += !fraction;
        } else {
            point -= fraction;
        }
    }
    if (at < end)
        point += parse_exponent(at + 1, end);
    number->point = (int)(point > FAR ? FAR : point < -FAR ? -FAR : point);
    trim(number);
}

/* A run of at most 18 digits, the usual case; else bytes of it were read. */
static size_t few_digits(const char *text, size_t bytes, uint64_t *out)
{
    uint64_t value = 0;
    size_t at = 0;
    for (; at < bytes && at < 18 && text[at] >= '0' && text[at] <= '9'; at++)
        value = value * 10 + (uint64_t)(text[at] - '0');
    *out = value;
    return at;
}

bool llmc_number_to_integer(const char *text, size_t bytes, int64_t *out)
{
    bool negative = bytes && *text == '-';
    uint64_t value;
    if (few_digits(text + negative, bytes - negative, &value) < bytes - negative) {
        decimal number;
        parse(&number, text, bytes);
        if (number.more || number.point < number.count || number.point > 19)
            return false;
        value = whole_part(&number);
    }
    if (value > (uint64_t)INT64_MAX + negative)
        return false;
    *out = (int64_t)(negative ? 0 - value : value);
    return true;
}

/* Up to 15 digits without an exponent: they and the power of ten are doubles without error, and the division rounds once. */
static bool quick_double(const char *text, size_t bytes, double *out)
{
    static const double tens[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18 };
    bool negative = bytes && *text == '-';
    uint64_t whole, fraction = 0;
    size_t at = negative + few_digits(text + negative, bytes - negative, &whole), places = 0;
    if (at < bytes && text[at] == '.') {
        places = few_digits(text + at + 1, bytes - at - 1, &fraction);
        at += 1 + places;
    }
    if (at < bytes || at - negative > 15)
        return false;
    double value = ((double)whole * tens[places] + (double)fraction) / tens[places];
    *out = negative ? -value : value;
    return true;
}

bool llmc_number_to_double(const char *text, size_t bytes, double *out)
{
    if (quick_double(text, bytes, out))
        return true;
    decimal number;
    parse(&number, text, bytes);
    return decimal_to_double(&number, out);
}

/* ---- writing ---- */

static void assign(decimal *number, uint64_t value, int power_of_ten)
{
    number->count = 0;
    number->more = number->negative = false;
    for (uint64_t unit = UINT64_C(1000000000000000000); unit; unit /= 10) {
        if (number->count || value / unit)
            append(number, (unsigned)(value / unit % 10));
    }
    number->point = number->count + power_of_ten;
    trim(number);
}

/* exact, cut or filled up to so many digits, as a whole number */
static uint64_t first_digits(const decimal *exact, int digits)
{
    uint64_t value = 0;
    for (int at = 0; at < digits; at++)
        value = value * 10 + (at < exact->count ? exact->digits[at] : 0);
    return value;
}

/*
 * The shortest digits: exact is value's whole decimal expansion. Of its two neighbours with n digits the nearer one is
 * tried first; the other one can read back alone, where the doubles above are twice as far apart as those below.
 */
static void shortest(const decimal *exact, double value, decimal *out)
{
    const double least_normal = 2.2250738585072014e-308;
    /* 15 digits tell normal doubles apart: what has fewer shows as 15 that end in zeros. */
    for (int digits = value < least_normal ? 1 : 15; digits <= 17; digits++) {
        uint64_t below = first_digits(exact, digits);
        bool up = digits < exact->count && exact->digits[digits] >= 5;
        for (int attempt = 0; attempt < 2; attempt++, up = !up) {
            double back;
            decimal trial;
            assign(out, below + up, exact->point - digits);
            trial = *out;
            if (decimal_to_double(&trial, &back) && back == value)
                return;
        }
    }
    *out = *exact; /* not reached: 17 digits always read back */
}

static size_t put_exponent(int exponent, char *out)
{
    size_t at = 0;
    out[at++] = 'e';
    if (exponent < 0)
        out[at++] = '-';
    unsigned rest = (unsigned)(exponent < 0 ? -exponent : exponent);
    if (rest >= 100)
        out[at++] = (char)('0' + rest / 100);
    if (rest >= 10)
        out[at++] = (char)('0' + rest / 10 % 10);
    out[at++] = (char)('0' + rest % 10);
    return at;
}

/* As people write it: up to 16 digits before the point and four zeros behind it; an exponent beyond. */
static size_t layout(const decimal *number, char *out)
{
    bool scientific = number->point > 16 || number->point < -3;
    int point = scientific ? 1 : number->point;
    size_t at = 0;
    if (point <= 0)
        out[at++] = '0';
    for (int digit = point < 0 ? point : 0; digit < number->count || digit < point; digit++) {
        if (digit == point)
            out[at++] = '.';
        out[at++] = (char)('0' + (digit >= 0 && digit < number->count ? number->digits[digit] : 0));
    }
    if (scientific)
        return at + put_exponent(number->point - 1, out + at);
    if (number->count <= point) {
        out[at++] = '.';
        out[at++] = '0';
    }
    return at;
}

size_t llmc_number_from_double(double value, char out[LLMC_NUMBER_BYTES])
{
    uint64_t bits;
    size_t sign = 0;
    memcpy(&bits, &value, sizeof bits);
    if (bits >> 63) {
        out[sign++] = '-';
        bits &= INT64_MAX;
        value = -value;
    }
    if (bits == 0) {
        memcpy(out + sign, "0.0", 3);
        return sign + 3;
    }
    int exponent = (int)(bits >> (MANTISSA_BITS - 1));
    uint64_t mantissa = bits & ((UINT64_C(1) << (MANTISSA_BITS - 1)) - 1);
    if (exponent)
        mantissa |= UINT64_C(1) << (MANTISSA_BITS - 1);
    decimal exact, digits;
    assign(&exact, mantissa, 0);
    shift(&exact, (exponent ? exponent - 1 : 0) + LEAST_EXPONENT);
    shortest(&exact, value, &digits);
    return sign + layout(&digits, out + sign);
}
