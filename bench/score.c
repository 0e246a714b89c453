#include "score.h"

#include <stdbool.h>
#include <stdlib.h>

#include "fail.h"

//  One round of one contender, in one measure.
typedef struct cell {
    const section_t *section;
    size_t contender;
    size_t measure;
    unsigned round;
} cell_t;

typedef double (cell_fn) (const cell_t *cell);

static double s_value (const cell_t *cell)
{
    return section_values (cell->section, cell->contender, cell->round)[cell->measure];
}

static double s_baseline (const cell_t *cell)
{
    return section_values (cell->section, 0, cell->round)[cell->measure];
}

static double s_ratio (const cell_t *cell)
{
    return s_value (cell) / s_baseline (cell);
}

static double s_difference (const cell_t *cell)
{
    return s_value (cell) - s_baseline (cell);
}

static spread_t s_over_rounds (cell_t cell, cell_fn *look)
{
    double *values = (double *) calloc (cell.section->rounds, sizeof *values);
    if (!values)
        fail ("no memory");
    for (cell.round = 0; cell.round < cell.section->rounds; cell.round++)
        values[cell.round] = look (&cell);
    spread_t spread = spread_of (values, cell.section->rounds);
    free (values);
    return spread;
}

score_t score_of (const section_t *section, size_t contender, size_t measure)
{
    cell_t cell = {.section = section, .contender = contender, .measure = measure};
    score_t score = {.value = s_over_rounds (cell, s_value)};
    if (section->measures[measure].compare == COMPARE_RATIO)
        score.compared = s_over_rounds (cell, s_ratio);
    if (section->measures[measure].compare == COMPARE_DIFFERENCE)
        score.compared = s_over_rounds (cell, s_difference);
    return score;
}

const char *score_verdict (const section_t *section, size_t contender)
{
    size_t measure = 0;
    while (measure < section->measure_count && !section->measures[measure].decides)
        measure++;
    if (measure == section->measure_count)
        return "";
    if (contender == 0)
        return "baseline";
    if (section->rounds < SCORE_ROUNDS_NEEDED)
        return "too few rounds";

    //  Nine pairs out of ten must say the same. Two contenders that are equal
    //  do so by chance in one run of 46 with ten rounds, of 4519 with twenty-one.
    unsigned more = 0, less = 0;
    cell_t cell = {.section = section, .contender = contender, .measure = measure};
    for (; cell.round < section->rounds; cell.round++) {
        more += s_difference (&cell) > 0;
        less += s_difference (&cell) < 0;
    }
    bool is_better = section->measures[measure].more_is_better;
    if (10 * more >= 9 * section->rounds)
        return is_better ? "faster" : "slower";
    if (10 * less >= 9 * section->rounds)
        return is_better ? "slower" : "faster";
    return "no difference shown";
}
