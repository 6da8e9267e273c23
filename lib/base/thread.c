#include "base/thread.h"

#include <sched.h>
#include <time.h>

__attribute__((cold)) void llmc_mark_wait(unsigned round)
{
    enum { YIELDS = 100, NAP_NS = 50000 };
    if (round < YIELDS)
        sched_yield();
    else
        nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
}
