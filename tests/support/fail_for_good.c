#include "fail_for_good.h"

#include <stdlib.h>

bool test_fails_for_good(void)
{
    return getenv("LLMCOST_TEST_FAIL_FOR_GOOD") != NULL;
}

bool test_allocation_fails(long call, long fail_at)
{
    if (fail_at <= 0 || call < fail_at)
        return false;
    return call == fail_at || test_fails_for_good();
}
