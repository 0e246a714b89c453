//  setting - socket options of libzmq by name, for -O NAME=VALUE
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_SETTING_H
#define ZLOOM_TOOLS_SETTING_H

#include <stdbool.h>

//  Set an option of a ZeroMQ socket from "name=value". False where the name is
//  unknown, the value is none, or libzmq refuses it (reported).
bool setting_apply (void *zmq_socket, const char *setting);

#endif
