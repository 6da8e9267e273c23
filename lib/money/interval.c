/*
 * interval.c: the little statistics that an experiment's outcome needs.
 *
 * The sums are whole numbers and exact; doubles come in where they are divided. In plain arithmetic, without the
 * mathematical library, which the library does not link.
 *
 * Left out on purpose: other levels than 95 %, tests of significance (an interval without 0 in it is one), corrections
 * for looking often or at many sides.
 */
#include "money/interval.h"

#include <string.h>

/* ---- moments ---- */

static __int128 bounded(int64_t value)
{
    static const int64_t bound = INT64_C(1) << 50;
    return value > bound ? bound : value < -bound ? -bound : value;
}

void llmc_moments_add(llmc_moments *moments, int64_t value)
{
    moments->count++;
    moments->sum += bounded(value);
    moments->squares += bounded(value) * bounded(value);
}

void llmc_moments_remove(llmc_moments *moments, int64_t value)
{
    moments->count--;
    moments->sum -= bounded(value);
    moments->squares -= bounded(value) * bounded(value);
}

void llmc_moments_merge(llmc_moments *to, const llmc_moments *from)
{
    to->count += from->count;
    to->sum += from->sum;
    to->squares += from->squares;
}

double llmc_moments_mean(const llmc_moments *moments)
{
    return moments->count > 0 ? (double)moments->sum / (double)moments->count : 0;
}

/* Around the whole number next to the mean, where the squares are as small as they get: nothing large cancels in doubles. */
double llmc_moments_variance(const llmc_moments *moments)
{
    __int128 count = moments->count;
    if (count < 2)
        return 0;
    __int128 centre = moments->sum / count, rest = moments->sum - centre * count;
    __int128 squares = moments->squares - centre * (moments->sum + rest);
    double around_mean = (double)squares - (double)rest * (double)rest / (double)count;
    return around_mean > 0 ? around_mean / (double)(count - 1) : 0;
}

/* ---- functions ---- */

/* Newton's way, from a guess with half the exponent. */
static double square_root(double square)
{
    uint64_t bits;
    if (!(square > 0))
        return 0;
    memcpy(&bits, &square, sizeof bits);
    bits = (bits >> 1) + (UINT64_C(1023) << 51);
    double root;
    memcpy(&root, &bits, sizeof root);
    for (int i = 0; i < 5; i++)
        root = (root + square / root) / 2;
    return root;
}

static const double normal = 1.9599639845400545;

/* The reciprocal is a smooth function of 1/freedom: a polynomial through its Chebyshev nodes is right to 4e-6 of it. */
double llmc_student_t(double freedom)
{
    static const double terms[] = { -0.050472073268357, 0.25473801492266, -0.45945376467362, 0.24594591674274, 0.17923668819094, 0.01619866544351,
                                    -0.61770629403028, 0.51021471542071 };
    double x = freedom > 1 ? 1 / freedom : 1, sum = 0;
    for (unsigned i = 0; i < sizeof terms / sizeof terms[0]; i++)
        sum = sum * x + terms[i];
    return 1 / sum;
}

/* ---- intervals ---- */

llmc_interval llmc_interval_of_means(const llmc_moments *a, const llmc_moments *b)
{
    llmc_interval of = { .difference = llmc_moments_mean(b) - llmc_moments_mean(a) };
    if (a->count < 2 || b->count < 2)
        return of;
    double a_part = llmc_moments_variance(a) / (double)a->count, b_part = llmc_moments_variance(b) / (double)b->count, both = a_part + b_part;
    double rest = a_part * a_part / (double)(a->count - 1) + b_part * b_part / (double)(b->count - 1);
    double half = both > 0 ? llmc_student_t(both * both / rest) * square_root(both) : 0;
    of.low = of.difference - half;
    of.high = of.difference + half;
    of.known = true;
    return of;
}

void llmc_interval_of_share(int64_t hits, int64_t count, double *low, double *high)
{
    double n = (double)count, p = (double)hits / n, square = normal * normal;
    double centre = 2 * n * p + square, half = normal * square_root(square + 4 * n * p * (1 - p)), whole = 2 * (n + square);
    *low = hits ? (centre - half) / whole : 0;
    *high = hits < count ? (centre + half) / whole : 1;
}

static double hypotenuse(double x, double y)
{
    return square_root(x * x + y * y);
}

llmc_interval llmc_interval_of_shares(int64_t a_hits, int64_t a_count, int64_t b_hits, int64_t b_count)
{
    double a_low, a_high, b_low, b_high;
    double a = a_count > 0 ? (double)a_hits / (double)a_count : 0, b = b_count > 0 ? (double)b_hits / (double)b_count : 0;
    llmc_interval of = { .difference = b - a };
    if (a_count < 1 || b_count < 1)
        return of;
    llmc_interval_of_share(a_hits, a_count, &a_low, &a_high);
    llmc_interval_of_share(b_hits, b_count, &b_low, &b_high);
    of.low = of.difference - hypotenuse(b - b_low, a_high - a);
    of.high = of.difference + hypotenuse(b_high - b, a - a_low);
    of.known = true;
    return of;
}
