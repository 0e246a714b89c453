#include "score.h"

#include <stdlib.h>

#include "fail.h"

typedef double (measure_fn) (const section_t *section, size_t contender, unsigned round);

static double s_p50 (const section_t *section, size_t contender, unsigned round)
{
    return (double) section_result (section, contender, round)->p50;
}

static double s_p99 (const section_t *section, size_t contender, unsigned round)
{
    return (double) section_result (section, contender, round)->p99;
}

static double s_p50_ratio (const section_t *section, size_t contender, unsigned round)
{
    return s_p50 (section, contender, round) / s_p50 (section, 0, round);
}

static double s_p99_ratio (const section_t *section, size_t contender, unsigned round)
{
    return s_p99 (section, contender, round) / s_p99 (section, 0, round);
}

static spread_t s_over_rounds (const section_t *section, size_t contender, measure_fn *measure)
{
    double *values = (double *) calloc (section->rounds, sizeof *values);
    if (!values)
        fail ("no memory");
    for (unsigned round = 0; round < section->rounds; round++)
        values[round] = measure (section, contender, round);
    spread_t spread = spread_of (values, section->rounds);
    free (values);
    return spread;
}

//  Nine pairs out of ten must say the same. Two contenders that are equal do
//  so by chance in one run of 46 with ten rounds, of 4519 with twenty-one.
static const char *s_verdict (const section_t *section, size_t contender)
{
    unsigned slower = 0, faster = 0;
    for (unsigned round = 0; round < section->rounds; round++) {
        double ratio = s_p50_ratio (section, contender, round);
        slower += ratio > 1;
        faster += ratio < 1;
    }
    if (contender == 0)
        return "baseline";
    if (section->rounds < SCORE_ROUNDS_NEEDED)
        return "too few rounds";
    if (10 * slower >= 9 * section->rounds)
        return "slower";
    if (10 * faster >= 9 * section->rounds)
        return "faster";
    return "no difference shown";
}

score_t score_of (const section_t *section, size_t contender)
{
    score_t score = {.p50 = s_over_rounds (section, contender, s_p50),
                     .p99 = s_over_rounds (section, contender, s_p99),
                     .p50_ratio = s_over_rounds (section, contender, s_p50_ratio),
                     .p99_ratio = s_over_rounds (section, contender, s_p99_ratio)};
    for (unsigned round = 0; round < section->rounds; round++)
        score.outside += section_result (section, contender, round)->outside;
    score.verdict = s_verdict (section, contender);
    return score;
}
