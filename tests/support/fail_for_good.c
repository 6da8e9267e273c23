#include "fail_for_good.h"

#include <stdlib.h>

bool test_allocation_fails(long call, long fail_at)
{
    if (fail_at <= 0 || call < fail_at)
        return false;
    return call == fail_at || getenv("LLMCOST_TEST_FAIL_FOR_GOOD");
}
