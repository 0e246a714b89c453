//  exchange - sends what a feed gives, prints what the socket receives
//
//  One poll loop for every socket type: it knows whose turn it is (REQ, REP),
//  waits for a first peer or subscriber, answers with an echo, and ends by
//  count, by time, by silence, at the end of the input, or by a signal.
//
//  Threads: main only.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_TOOLS_EXCHANGE_H
#define ZLOOM_TOOLS_EXCHANGE_H

#include "base/time.h"
#include "feed.h"
#include "message.h"
#include "raw.h"

#define EXCHANGE_NO_COUNT UINT64_MAX

typedef struct exchange_options {
    feed_options_t feed;
    raw_options_t raw;
    int ending;             //  message_ending_t
    bool echo;              //  Send back what is received
    uint64_t count;         //  Stop after so many messages
    zloom_time_t duration;  //  Stop after this
    zloom_time_t idle;      //  Stop when nothing was received for this
    zloom_time_t wait;      //  Give up when nobody takes the first message within this
    zloom_time_t timeout;   //  REQ: give up when a reply takes longer
    zloom_time_t linger;    //  At the end, time for what was sent to leave
    zloom_time_t interval;  //  Pause between messages sent
} exchange_options_t;

//  Whether the count is of messages sent rather than of those received.
bool exchange_counts_sent (const raw_kind_t *kind);

//  Do it. Returns the exit code; what went wrong is reported.
int exchange_run (const raw_kind_t *kind, const exchange_options_t *options, char **addresses);

#endif
