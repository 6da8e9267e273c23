/* Tokens that are kept: until when, in which hands, and whose turn it is to ask for another. */
#include "base/clock.h"
#include "provider/token.h"

#include "../support/nth_failure.h"
#include "../support/secret_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

static void assert_holds(llmc_token *token, int64_t now_ns, const char *text)
{
    llmc_secret copy = { 0 };
    llmcost_status status = llmc_token_get(token, now_ns, &copy);
    assert_int_equal(status, text ? LLMCOST_OK : LLMCOST_E_AUTH);
    if (text)
        assert_string_equal(llmc_secret_reveal(&copy), text);
    assert_int_equal(copy.bytes, text ? strlen(text) : 0);
    llmc_secret_free(&copy, &llmc_allocator_system);
}

static void kept_less_its_margin(void **unused)
{
    (void)unused;
    static const struct { int64_t valid_ms, good_ms; } times[] = {
        { 1, 1 }, { 9, 9 }, { 10, 9 }, { 1000, 900 }, { 599990, 539991 }, { 600000, 540000 }, { 600010, 540010 }, { 3600000, 3540000 }, { INT64_C(86400000) * 30, INT64_C(86400000) * 30 - 60000 },
    };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        llmc_token token;
        int64_t now = 12345;
        assert_true(llmc_token_open(&token, &llmc_allocator_system));
        assert_holds(&token, now, NULL);
        assert_true(llmc_token_set(&token, "abc-tail", 3, now, times[i].valid_ms));
        assert_holds(&token, now, "abc");
        assert_holds(&token, now + times[i].good_ms * MS - 1, "abc");
        assert_holds(&token, now + times[i].good_ms * MS, NULL);
        llmc_token_close(&token);
    }
}

static void for_once_or_for_ever(void **unused)
{
    (void)unused;
    llmc_token token;
    assert_true(llmc_token_open(&token, &llmc_allocator_system));
    assert_true(llmc_token_set(&token, "old", 3, 0, 1000));
    assert_true(llmc_token_set(&token, "new", 3, 0, 0)); /* is not kept, and takes nothing's place */
    assert_true(llmc_token_set(&token, "new", 3, 0, INT64_MIN));
    assert_holds(&token, 0, "old");
    assert_true(llmc_token_set(&token, "new", 3, 0, INT64_MAX));
    assert_holds(&token, INT64_MAX - 1, "new");
    llmc_token_close(&token);
}

static void rejected(void **unused)
{
    (void)unused;
    llmc_token token;
    llmc_secret copy = { 0 }, empty = { 0 };
    assert_true(llmc_token_open(&token, &llmc_allocator_system));
    llmc_token_reject(&token, &empty); /* there is none */
    assert_true(llmc_token_set(&token, "first", 5, 0, 1000));
    assert_int_equal(llmc_token_get(&token, 0, &copy), LLMCOST_OK);
    llmc_token_reject(&token, &empty);
    assert_holds(&token, 0, "first");
    llmc_token_reject(&token, &copy);
    assert_holds(&token, 0, NULL);
    assert_true(llmc_token_set(&token, "other", 5, 0, 1000)); /* of another thread, meanwhile */
    llmc_token_reject(&token, &copy);
    assert_holds(&token, 0, "other");
    llmc_secret_free(&copy, &llmc_allocator_system);
    llmc_token_close(&token);
}

static void turns(void **unused)
{
    (void)unused;
    llmc_token token;
    uint32_t first, second;
    assert_true(llmc_token_open(&token, &llmc_allocator_system));
    assert_false(llmc_token_is_asked_for(&token, 0));
    assert_true(llmc_token_begin_asking(&token, &first));
    assert_false(llmc_token_begin_asking(&token, &second));
    assert_int_equal(first, second);
    assert_true(llmc_token_is_asked_for(&token, second));
    llmc_token_end_asking(&token);
    assert_false(llmc_token_is_asked_for(&token, second));
    assert_true(llmc_token_begin_asking(&token, &first)); /* another round is not the one that was waited for */
    assert_int_not_equal(first, second);
    assert_false(llmc_token_is_asked_for(&token, second));
    llmc_token_end_asking(&token);
    llmc_token_close(&token);
}

static void without_memory(void **unused)
{
    (void)unused;
    nth_failure failure = { .fail_at = 0 };
    llmc_allocator allocator = nth_failure_allocator(&failure);
    llmc_token token;
    llmc_secret copy = { 0 };
    assert_true(llmc_token_open(&token, &allocator));
    assert_true(llmc_token_set(&token, "first", 5, 0, 1000));
    failure.fail_at = failure.allocations + 1;
    assert_false(llmc_token_set(&token, "second", 6, 0, 5000)); /* nothing has changed, its time neither */
    assert_holds(&token, 900 * MS, NULL);
    failure.fail_at = failure.allocations + 1;
    assert_int_equal(llmc_token_get(&token, 0, &copy), LLMCOST_E_MEMORY);
    assert_null(copy.hidden);
    llmc_token_close(&token);
    assert_int_equal(failure.live, 0);
}

static void nothing_stays_behind(void **unused)
{
    (void)unused;
    static const char *const secrets[] = { "first-secret", "second-secret", "third-secret", NULL };
    secret_watch watch;
    llmc_token token;
    llmc_secret copy = { 0 };
    secret_watch_init(&watch, &llmc_allocator_system, secrets);
    assert_true(llmc_token_open(&token, &watch.allocator));
    assert_true(llmc_token_set(&token, secrets[0], strlen(secrets[0]), 0, 1000));
    assert_int_equal(llmc_token_get(&token, 0, &copy), LLMCOST_OK);
    assert_true(llmc_token_set(&token, secrets[1], strlen(secrets[1]), 0, 1000));
    assert_int_equal(llmc_token_get(&token, 0, &copy), LLMCOST_OK);
    llmc_token_reject(&token, &copy);
    assert_true(llmc_token_set(&token, secrets[2], strlen(secrets[2]), 0, 1000));
    llmc_secret_free(&copy, &watch.allocator);
    llmc_token_close(&token);
    assert_int_equal(watch.left_behind, 0);
    void *block = watch.allocator.allocate(20, &watch); /* it would have been seen */
    strcpy(block, "a first-secret");
    block = watch.allocator.reallocate(block, 40, &watch);
    assert_int_equal(watch.left_behind, 1);
    watch.allocator.release(block, &watch);
    assert_int_equal(watch.left_behind, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_less_its_margin), cmocka_unit_test(for_once_or_for_ever), cmocka_unit_test(rejected), cmocka_unit_test(turns),
        cmocka_unit_test(without_memory), cmocka_unit_test(nothing_stays_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
