/* Decimals, sums and amounts: exact or refused. */
#include "money/money.h"

#include "../support/comma_locale.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int64_t decimal(const char *text, int scale)
{
    int64_t value = -777;
    assert_true(llmc_decimal(text, strlen(text), scale, &value));
    return value;
}

static void refuse(const char *text, int scale)
{
    int64_t value = -777;
    if (llmc_decimal(text, strlen(text), scale, &value))
        fail_msg("'%s' became %lld", text, (long long)value);
    assert_int_equal(value, -777);
}

static void test_decimal_is_exact(void **state)
{
    (void)state;
    assert_int_equal(decimal("0.075", 6), 75000);
    assert_int_equal(decimal("2.5", 6), 2500000);
    assert_int_equal(decimal("1.75e-06", 12), 1750000);
    assert_int_equal(decimal("1.3e-10", 12), 130);
    assert_int_equal(decimal("2e-07", 12), 200000);
    assert_int_equal(decimal("2E-07", 12), 200000);
    assert_int_equal(decimal("1e+3", 0), 1000);
    assert_int_equal(decimal("-0.5", 9), -500000000);
    assert_int_equal(decimal("0", 12), 0);
    assert_int_equal(decimal("-0", 12), 0);
    assert_int_equal(decimal("0.0000000000000000000000000000", 6), 0);
    assert_int_equal(decimal("0e999999999999", 6), 0);
    assert_int_equal(decimal("000012.500000000000000000000000000", 1), 125);
    assert_int_equal(decimal("100000000000000000000000e-20", 0), 1000);
    assert_int_equal(decimal("9223372036854775807", 0), INT64_MAX);
    assert_int_equal(decimal("9223372036.854775807", 9), INT64_MAX);
    assert_int_equal(decimal("-9223372036854775807", 0), -INT64_MAX);
    int64_t part = 0;
    assert_true(llmc_decimal("12345", 3, 0, &part)); /* no more bytes than told */
    assert_int_equal(part, 123);
}

static void test_decimal_refuses(void **state)
{
    (void)state;
    static const char *const no_numbers[] = { "",   "-",  "+1",   ".5",   "5.",  "1.e3", "e5",  "1e",    "1e-",   "1,5",
                                              " 1", "1 ", "1.5x", "0x10", "nan", "inf",  "--1", "1.2.3", "1e5.5", "1_000" };
    for (size_t i = 0; i < sizeof no_numbers / sizeof no_numbers[0]; i++)
        refuse(no_numbers[i], 6);
    refuse("0.0000001", 6); /* a remainder beyond the scale */
    refuse("1e-7", 6);
    refuse("1.5", 0);
    refuse("1e-999999999999999999999", 12);
    refuse("9223372036854775808", 0);
    refuse("9223372036.854775808", 9);
    refuse("18446744073709551616", 0);
    refuse("99999999999999999999999", 0);
    refuse("1.00000000000000000000001", 12);
    refuse("1e19", 0);
    refuse("1e999999999999999999999", 0);
}

static int64_t from_double(double value, int scale)
{
    int64_t out = -777;
    assert_true(llmc_decimal_from_double(value, scale, &out));
    return out;
}

static void refuse_double(double value, int scale)
{
    int64_t out = -777;
    if (llmc_decimal_from_double(value, scale, &out))
        fail_msg("%.17g became %lld", value, (long long)out);
}

static void test_double_is_exact(void **state)
{
    (void)state;
    assert_int_equal(from_double(0.075, 6), 75000);
    assert_int_equal(from_double(1.75e-06, 12), 1750000);
    assert_int_equal(from_double(1.3e-10, 12), 130);
    assert_int_equal(from_double(2e-07, 12), 200000);
    assert_int_equal(from_double(0.1, 9), 100000000);
    assert_int_equal(from_double(-0.1, 9), -100000000);
    assert_int_equal(from_double(0.0, 9), 0);
    assert_int_equal(from_double(5, 9), INT64_C(5000000000));
    assert_int_equal(from_double(9223372036.0, 9), INT64_C(9223372036000000000));
    assert_int_equal(from_double(123456.789012345, 9), INT64_C(123456789012345));
    assert_int_equal(from_double(270, 6), 270000000);
    for (int64_t pico = 1; pico < 2000000; pico += 7) /* every price of up to six decimals, read the way jansson reads it */
        assert_int_equal(from_double((double)pico / 1e6, 6), pico);
}

static void test_double_refuses(void **state)
{
    (void)state;
    refuse_double(NAN, 6);
    refuse_double(INFINITY, 6);
    refuse_double(-INFINITY, 6);
    refuse_double(0.1 + 0.2, 9); /* 0.30000000000000004 is nobody's price */
    refuse_double(1.0 / 3, 12);
    refuse_double(1e-13, 12);
    refuse_double(0.0000005, 6);
    refuse_double(1e15, 0);
    refuse_double(9223372037.0, 9);
    refuse_double(1e300, 6);
    refuse_double(5e-324, 12);
}

static void test_numbers_ignore_the_locale(void **state)
{
    (void)state;
    comma_locale_begin();
    char text[40];
    assert_int_equal(decimal("0.075", 6), 75000);
    refuse("0,075", 6);
    assert_string_equal(llmc_amount_text(1500000000, "USD", 0, text), "$1.5");
    comma_locale_end();
}

static void test_sum_rounds_once(void **state)
{
    (void)state;
    llmc_sum sum = { 0 };
    int64_t nano = -1;
    assert_true(llmc_sum_amount(&sum, 1000000000, &nano));
    assert_int_equal(nano, 0);
    for (int i = 0; i < 3; i++)
        llmc_sum_add(&sum, 1, (llmc_rate){ 400 }); /* three times 0.4 nano: 1.2, not 0 */
    assert_true(llmc_sum_amount(&sum, 1000000000, &nano));
    assert_int_equal(nano, 1);
    llmc_sum_add(&sum, 1, (llmc_rate){ 299 });
    assert_true(llmc_sum_amount(&sum, 1000000000, &nano));
    assert_int_equal(nano, 1); /* 1.499 */
    llmc_sum_add(&sum, 1, (llmc_rate){ 1 });
    assert_true(llmc_sum_amount(&sum, 1000000000, &nano));
    assert_int_equal(nano, 2); /* 1.5: half up */
    assert_true(llmc_sum_amount(&sum, 140000000, &nano));
    assert_int_equal(nano, 0); /* 0.21 */
    assert_true(llmc_sum_amount(&sum, INT64_C(7100000000), &nano));
    assert_int_equal(nano, 11); /* 10.65 */
    llmc_sum negative = { .pico = -1500 };
    assert_true(llmc_sum_amount(&negative, 1000000000, &nano));
    assert_int_equal(nano, -1); /* half up, below zero too */
    negative.pico = -1501;
    assert_true(llmc_sum_amount(&negative, 1000000000, &nano));
    assert_int_equal(nano, -2);
}

static void test_sum_survives_hostile_counts(void **state)
{
    (void)state;
    int64_t nano = -1;
    llmc_sum sum = { 0 };
    llmc_sum_add(&sum, -1, (llmc_rate){ 5000 });
    llmc_sum_add(&sum, INT64_MIN, (llmc_rate){ INT64_MAX });
    llmc_sum_add(&sum, 0, (llmc_rate){ INT64_MAX });
    assert_true(llmc_sum_amount(&sum, 1000000000, &nano));
    assert_int_equal(nano, 0);

    llmc_sum_add(&sum, INT64_MAX, (llmc_rate){ 1000 });
    assert_true(llmc_sum_amount(&sum, 1000000000, &nano));
    assert_int_equal(nano, INT64_MAX);
    llmc_sum_add(&sum, 1, (llmc_rate){ 500 });
    assert_false(llmc_sum_amount(&sum, 1000000000, &nano));

    llmc_sum huge = { 0 };
    llmc_sum_add(&huge, INT64_MAX, (llmc_rate){ INT64_MAX });
    assert_false(huge.overflow);
    assert_false(llmc_sum_amount(&huge, 1000000000, &nano));
    assert_false(llmc_sum_amount(&huge, 1, &nano));
    llmc_sum_add(&huge, INT64_MAX, (llmc_rate){ INT64_MAX });
    llmc_sum_add(&huge, INT64_MAX, (llmc_rate){ INT64_MAX });
    assert_true(huge.overflow);
    assert_false(llmc_sum_amount(&huge, 0, &nano));
    assert_false(llmc_sum_amount(&(llmc_sum){ 0 }, -1, &nano));
}

static void test_usage_totals(void **state)
{
    (void)state;
    llmc_usage usage;
    llmc_usage_init(&usage);
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++)
        assert_int_equal(usage.quantity[i], -1);
    assert_int_equal(usage.reported_total, -1);
    assert_int_equal(usage.reported_prompt, -1);
    assert_int_equal(usage.reported_completion, -1);
    assert_int_equal(usage.stated_cost_pico, -1);
    assert_int_equal(usage.flags, 0);
    assert_string_equal(usage.tier, "");
    assert_int_equal(llmc_usage_prompt(&usage), 0);
    assert_int_equal(llmc_usage_output(&usage), 0);
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++)
        usage.quantity[i] = INT64_C(1) << i;
    assert_int_equal(llmc_usage_prompt(&usage), 1 + 2 + 4 + 8 + 16 + 128);
    assert_int_equal(llmc_usage_output(&usage), 32 + 64 + 256);
    usage.quantity[LLMCOST_INPUT] = INT64_MIN;
    assert_int_equal(llmc_usage_prompt(&usage), 2 + 4 + 8 + 16 + 128);
    usage.quantity[LLMCOST_INPUT] = INT64_MAX;
    usage.quantity[LLMCOST_REASONING] = INT64_MAX;
    assert_int_equal(llmc_usage_prompt(&usage), INT64_MAX);
    assert_int_equal(llmc_usage_output(&usage), INT64_MAX);
}

static void check_text(int64_t nano, const char *currency, int decimals, const char *expected)
{
    char text[40];
    assert_ptr_equal(llmc_amount_text(nano, currency, decimals, text), text);
    assert_string_equal(text, expected);
}

static void test_amount_text(void **state)
{
    (void)state;
    check_text(1234000, "USD", 0, "$0.001234");
    check_text(176000000, "CNY", 2, "CNY 0.176");
    check_text(0, "USD", 0, "$0");
    check_text(0, "USD", 2, "$0.00");
    check_text(INT64_C(5000000000), "EUR", 2, "EUR 5.00");
    check_text(-1500000000, "USD", 0, "-$1.5");
    check_text(-1, "CNY", 0, "-CNY 0.000000001");
    check_text(1, "USD", -3, "$0.000000001");
    check_text(1000000000, "USD", 99, "$1.000000000");
    check_text(INT64_MAX, "CNY", 0, "CNY 9223372036.854775807");
    check_text(INT64_MIN, "CNY", 9, "-CNY 9223372036.854775808");
    check_text(1000000000, "", 0, "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decimal_is_exact),
        cmocka_unit_test(test_decimal_refuses),
        cmocka_unit_test(test_double_is_exact),
        cmocka_unit_test(test_double_refuses),
        cmocka_unit_test(test_numbers_ignore_the_locale),
        cmocka_unit_test(test_sum_rounds_once),
        cmocka_unit_test(test_sum_survives_hostile_counts),
        cmocka_unit_test(test_usage_totals),
        cmocka_unit_test(test_amount_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
