/* Whether a sweep's Nth allocation fails alone, or all from it on (LLMCOST_TEST_FAIL_FOR_GOOD). */
#ifndef TESTS_FAIL_FOR_GOOD_H
#define TESTS_FAIL_FOR_GOOD_H

#include <stdbool.h>

/* fail_at: counted from 1; below: none. */
bool test_allocation_fails(long call, long fail_at);
bool test_fails_for_good(void); /* the latter */

#endif
