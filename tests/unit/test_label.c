/* Which label a model's answer names, however it is dressed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "text/label.h"

static const char *const labels[] = { "simple", "medium", "complex", "very complex", "困难" };
enum { SIMPLE, MEDIUM, COMPLEX, VERY, HARD, LABELS };

/* In memory that ends where the text does, so that a sanitizer sees every byte too many. */
static int in(const char *text)
{
    size_t bytes = strlen(text);
    char *exact = malloc(bytes ? bytes : 1);
    assert_non_null(exact);
    memcpy(exact, text, bytes);
    int label = llmc_label_in(exact, bytes, labels, LABELS);
    free(exact);
    return label;
}

static void test_dressed(void **state)
{
    (void)state;
    static const char *const complex_ones[] = { "complex", "Complex", "COMPLEX.", " complex\n", "\"complex\"", "**Complex**", "`complex`", "Label: complex", "label=complex", "- complex",
                                                "This is a complex request.", "{\"label\": \"complex\"}", "complex, because it is long", "<think>simple? no</think>\ncomplex", "complex_", "[complex]",
                                                "complex complex", "The label is: Complex!" };
    for (size_t i = 0; i < sizeof complex_ones / sizeof complex_ones[0]; i++) {
        if (strcmp(complex_ones[i], "complex_") == 0)
            assert_int_equal(in(complex_ones[i]), LLMC_LABEL_NONE);
        else if (in(complex_ones[i]) != COMPLEX)
            fail_msg("\"%s\" is %d", complex_ones[i], in(complex_ones[i]));
    }
}

static void test_several(void **state)
{
    (void)state;
    assert_int_equal(in("simple rather than complex"), SIMPLE);        /* it begins with it */
    assert_int_equal(in("It is not complex but simple"), SIMPLE);
    assert_int_equal(in("It is not \"complex\". It is medium."), MEDIUM);
    assert_int_equal(in("Between simple and complex: medium"), MEDIUM);
    assert_int_equal(in("Either simple or complex"), LLMC_LABEL_NONE);
    assert_int_equal(in("Labels: simple, medium, complex\nAnswer: complex"), COMPLEX);
    assert_int_equal(in("very complex"), VERY);
    assert_int_equal(in("Very Complex."), VERY);
    assert_int_equal(in("a very complex thing"), VERY);
}

static void test_none(void **state)
{
    (void)state;
    static const char *const nothing[] = { "", " ", "I cannot say", "simpler", "complexity", "not simple", "uncomplex", "hard", "comple", "\xff\xfe", "mediumx", "1medium" };
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++)
        assert_int_equal(in(nothing[i]), LLMC_LABEL_NONE);
}

static void test_chinese(void **state)
{
    (void)state;
    assert_int_equal(in("困难"), HARD);
    assert_int_equal(in("标签是困难。"), HARD);
    assert_int_equal(in("不困难"), LLMC_LABEL_NONE);
    assert_int_equal(in("这是complex的"), COMPLEX);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_dressed), cmocka_unit_test(test_several), cmocka_unit_test(test_none), cmocka_unit_test(test_chinese) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
