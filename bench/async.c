#include "async.h"

#include <stdio.h>

#include "fail.h"
#include "flow.h"

enum { RATE, P50, P99, MEASURES };

static const measure_t s_window_measures[MEASURES] = {
    [RATE] = {.name = "million/s",
              .key = "calls_per_s",
              .unit = 1e6,
              .digits = 3,
              .compare = COMPARE_RATIO,
              .more_is_better = true,
              .decides = true},
    [P50] = {.name = "p50 us", .key = "p50_ns", .unit = 1000, .digits = 1},
    [P99] = {
        .name = "p99 us", .key = "p99_ns", .unit = 1000, .digits = 1, .compare = COMPARE_RATIO}};

static const measure_t s_bulk_measures[MEASURES] = {
    [RATE] = {.name = "GB/s",
              .key = "bytes_per_s",
              .unit = 1e9,
              .digits = 3,
              .compare = COMPARE_RATIO,
              .more_is_better = true,
              .decides = true},
    [P50] = {.name = "p50 us", .key = "p50_ns", .unit = 1000, .digits = 1},
    [P99] = {
        .name = "p99 us", .key = "p99_ns", .unit = 1000, .digits = 1, .compare = COMPARE_RATIO}};

static const measure_t s_rate_measures[MEASURES] = {
    [RATE] = {.name = "million/s", .key = "calls_per_s", .unit = 1e6, .digits = 3},
    [P50] =
        {.name = "p50 us", .key = "p50_ns", .unit = 1000, .digits = 1, .compare = COMPARE_RATIO},
    [P99] = {.name = "p99 us",
             .key = "p99_ns",
             .unit = 1000,
             .digits = 1,
             .compare = COMPARE_RATIO,
             .decides = true}};

static void s_play (flow_t *flow, const contender_t *contender, void *client, double *ret_values)
{
    contender->client->flow (client, flow);
    ret_values[RATE] = flow_rate (flow);
    ret_values[P50] = (double) zloom_histogram_value_at_percentile (flow->histogram, 50);
    ret_values[P99] = (double) zloom_histogram_value_at_percentile (flow->histogram, 99);
    flow_clear (flow);
}

static void s_window_round (const contest_t *contest, const contender_t *contender, void *client,
                            double *ret_values)
{
    flow_t flow = flow_closed (contest->payload_bytes, contest->window, contest->ms);
    s_play (&flow, contender, client, ret_values);
}

static void s_bulk_round (const contest_t *contest, const contender_t *contender, void *client,
                          double *ret_values)
{
    s_window_round (contest, contender, client, ret_values);
    ret_values[RATE] *= (double) contest->payload_bytes;
}

static void s_rate_round (const contest_t *contest, const contender_t *contender, void *client,
                          double *ret_values)
{
    flow_t flow =
        flow_open (contest->payload_bytes, contest->window, contest->rate_per_s, contest->ms);
    s_play (&flow, contender, client, ret_values);
}

//  A contender that is ten times too slow is too slow, and does not hang.
static unsigned s_seconds (const contest_t *contest)
{
    return 60 + contest->ms / 100;
}

static section_t s_section (contest_t *contest, const char *what, unsigned rounds,
                            const measure_t *measures)
{
    contest->round_seconds = s_seconds (contest);
    return contest_section (contest, what, rounds, measures, MEASURES);
}

section_t async_window_section (contest_t *contest, unsigned rounds)
{
    char what[24];
    snprintf (what, sizeof what, "window %u", contest->window);
    contest->round = s_window_round;
    section_t section = s_section (contest, what, rounds, s_window_measures);
    snprintf (section.detail, sizeof section.detail, "%u ms each, %u calls under way, %zu bytes",
              contest->ms, contest->window, contest->payload_bytes);
    return section;
}

section_t async_bulk_section (contest_t *contest, unsigned rounds)
{
    contest->round = s_bulk_round;
    section_t section = s_section (contest, "bulk", rounds, s_bulk_measures);
    snprintf (section.detail, sizeof section.detail,
              "%u ms each, %u calls under way, %zu bytes there and as many back", contest->ms,
              contest->window, contest->payload_bytes);
    return section;
}

section_t async_rate_section (contest_t *contest, unsigned rounds)
{
    contest->round = s_rate_round;
    section_t section = s_section (contest, "rate", rounds, s_rate_measures);
    snprintf (section.detail, sizeof section.detail,
              "%u ms each, open loop, %.3f million/s wanted, %zu bytes", contest->ms,
              contest->rate_per_s / 1e6, contest->payload_bytes);
    return section;
}
