#include "engine.h"

#include "report.h"

engine_options_t engine_given;

const char *const engine_names[] = {[ZLOOM_ENGINE_AUTO] = "auto",
                                    [ZLOOM_ENGINE_LIBZMQ] = "libzmq",
                                    [ZLOOM_ENGINE_DIRECT] = "direct",
                                    NULL};

//  The library's own bound, said in the words of the command line.
static const zloom_time_t s_busy_poll_most = ZLOOM_SEC;

int engine_take (zloom_engine_t *ret_engine, uint32_t *ret_busy_poll_us)
{
    if (engine_given.busy_poll > s_busy_poll_most)
        return report_usage ("--busy-poll TIME: it is at most 1s");
    *ret_engine = (zloom_engine_t) engine_given.engine;
    *ret_busy_poll_us = (uint32_t) ((engine_given.busy_poll + ZLOOM_USEC - 1) / ZLOOM_USEC);
    return EXIT_OK;
}

uint32_t engine_look_ms (bool is_lively)
{
    return is_lively && engine_given.busy_poll > 0
               ? (uint32_t) ((engine_given.busy_poll + ZLOOM_MSEC - 1) / ZLOOM_MSEC)
               : 0;
}
