#include "sync.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <zloom.h>

#include "fail.h"

enum { P50, P99, MEASURES };

static const measure_t s_measures[MEASURES] = {
    [P50] = {.name = "p50 us",
             .key = "p50_ns",
             .unit = 1000,
             .digits = 1,
             .compare = COMPARE_RATIO,
             .decides = true},
    [P99] = {
        .name = "p99 us", .key = "p99_ns", .unit = 1000, .digits = 1, .compare = COMPARE_RATIO}};

//  A round trip, timed; the answer is looked at when the clock has stopped.
static int64_t s_time_call (const contender_t *contender, void *client, zloom_bytes_t payload)
{
    zloom_time_t start = zloom_time_now ();
    zloom_bytes_t answer = contender->client->call (client, payload);
    zloom_time_t end = zloom_time_now ();
    if (!zloom_bytes_equal (answer, payload))
        fail ("%s: the answer is not what was sent", contender->name);
    return end - start;
}

static void s_time_calls (const contender_t *contender, void *client, zloom_bytes_t payload,
                          unsigned count, int64_t *ret_ns)
{
    if (contender->client->calls) {
        contender->client->calls (client, payload, count, ret_ns);
        return;
    }
    for (unsigned call = 0; call < count; call++)
        ret_ns[call] = s_time_call (contender, client, payload);
}

static void s_round (const contest_t *contest, const contender_t *contender, void *client,
                     double *ret_values)
{
    zloom_histogram_t *histogram = zloom_histogram_new (NULL, NULL);
    int64_t *times = (int64_t *) calloc (contest->calls, sizeof *times);
    unsigned char *data = contest_payload (contest);
    if (!histogram || !times)
        fail ("no memory");
    zloom_bytes_t payload = zloom_bytes (data, contest->payload_bytes);

    s_time_calls (contender, client, payload, contest->calls / 10, times);
    s_time_calls (contender, client, payload, contest->calls, times);
    for (unsigned call = 0; call < contest->calls; call++)
        if (!zloom_histogram_record (histogram, times[call]))
            fail ("%s: a call took %lld ns", contender->name, (long long) times[call]);

    ret_values[P50] = (double) zloom_histogram_value_at_percentile (histogram, 50);
    ret_values[P99] = (double) zloom_histogram_value_at_percentile (histogram, 99);
    free (data);
    free (times);
    zloom_histogram_destroy (&histogram);
}

section_t sync_section (contest_t *contest, const char *what, unsigned rounds)
{
    contest->round = s_round;
    //  A second for ten calls is ample.
    contest->round_seconds = 60 + contest->calls / 10;
    section_t section = contest_section (contest, what, rounds, s_measures, MEASURES);
    snprintf (section.detail, sizeof section.detail, "%u calls a round, %zu bytes", contest->calls,
              contest->payload_bytes);
    return section;
}
