#include "spread.h"

#include <stdlib.h>

static int s_compare (const void *a_p, const void *b_p)
{
    double a = *(const double *) a_p, b = *(const double *) b_p;
    return (a > b) - (a < b);
}

//  The value at a share of the way through sorted ones, between two neighbours
//  in proportion.
static double s_at (const double *sorted, size_t count, double share)
{
    double place = share * (double) (count - 1);
    size_t below = (size_t) place;
    if (below + 1 >= count)
        return sorted[count - 1];
    return sorted[below] + (place - (double) below) * (sorted[below + 1] - sorted[below]);
}

spread_t spread_of (double *values, size_t count)
{
    qsort (values, count, sizeof values[0], s_compare);
    return (spread_t){.least = values[0],
                      .lower = s_at (values, count, 0.25),
                      .median = s_at (values, count, 0.5),
                      .upper = s_at (values, count, 0.75),
                      .most = values[count - 1]};
}
