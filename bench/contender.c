#include "contender.h"

const contender_t contender_raw_zmq = {
    .name = "raw-zmq", .server = &server_raw_zmq, .client = &client_raw_zmq};

const contender_t contender_zloom = {
    .name = "zloom", .server = &server_zloom, .client = &client_zloom};

const contender_t contender_zloom_blocking = {.name = "zloom-blocking",
                                              .server = &server_zloom,
                                              .client = &client_zloom,
                                              .sleeps_at_once = true};

const contender_t contender_zloom_libzmq = {.name = "zloom-libzmq",
                                            .server = &server_zloom,
                                            .client = &client_zloom,
                                            .engine = ZLOOM_ENGINE_LIBZMQ};
