#include "base/time.h"

#include <time.h>

zloom_time_t zloom_time_now (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (zloom_time_t) now.tv_sec * ZLOOM_SEC + now.tv_nsec;
}
