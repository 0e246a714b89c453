//  message - writes again what the wire codec has read
//
//  Threads: any (pure).
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TESTS_SUPPORT_MESSAGE_H
#define ZLOOM_TESTS_SUPPORT_MESSAGE_H

#include "data/wire_internal.h"

//  Append the message as zloom itself would send it. The error of a response
//  goes through zloom_error_t, so what that cannot hold is lost.
void message_write (zloom_buffer_t *buffer, const zloom__message_t *message);

#endif
