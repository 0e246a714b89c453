//  zloom__client - how a client is made inside
//
//  client.c has the functions that programs call, client_send.c takes a call
//  to a link or lets it wait, client_receive.c takes what comes and ends
//  calls. A call goes through these states; it ends once, from any of them:
//
//      WAITING --a link is there--> SENT --reply, deadline, link lost--> ENDED
//         \________deadline, nobody there, cancelled______________________/
//
//  A call with a callback is gone when it has ended; one without stays ENDED
//  until `wait` or `next` fetch it.
//
//  Threads: single owner.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_REQREP_CLIENT_INTERNAL_H
#define ZLOOM_REQREP_CLIENT_INTERNAL_H

#include <sys/queue.h>

#include "base/buffer.h"
#include "base/guard_internal.h"
#include "data/wire_internal.h"
#include "net/port_internal.h"
#include "policy/credit_internal.h"
#include "policy/wheel_internal.h"
#include "reqrep/client.h"
#include "session/links_internal.h"
#include "session/outstanding_internal.h"

//  What a call brings, as it is handed on; borrowed.
typedef struct zloom__request {
    zloom_bytes_t method;
    zloom_bytes_t params;
    zloom__headers_t headers;  //  Without `remaining`, which is set when it is sent
    bool is_stream;
} zloom__request_t;

struct zloom_reply {
    zloom_call_id_t id;
    bool is_item;
    zloom_error_t error;
    zloom_bytes_t value;      //  Packed; borrowed from the port, a call or an item
    zloom_bytes_t data;       //  Of the error
    zloom_buffer_t *scratch;  //  Of the client: for strings
};

//  An item of a stream that nobody has fetched yet.
typedef struct zloom__item {
    STAILQ_ENTRY (zloom__item) next;
    zloom__frame_t frame;
    zloom_bytes_t value;
} zloom__item_t;

STAILQ_HEAD (zloom__items, zloom__item);

typedef enum zloom__call_state {
    ZLOOM__CALL_WAITING,
    ZLOOM__CALL_SENT,
    ZLOOM__CALL_ENDED
} zloom__call_state_t;

//  A call under way.
typedef struct zloom__outgoing {
    zloom__entry_t entry;  //  First: its id
    zloom__call_state_t state;
    zloom__timer_t timer;  //  Its deadline, or when to stop looking for a peer
    zloom_time_t deadline;
    TAILQ_ENTRY (zloom__outgoing) queue;  //  In `waiting`, or in `spare`
    zloom__peer_t *peer;                  //  SENT: to whom
    zloom__link_t link;                   //  SENT: by which link
    zloom_reply_fn *callback;
    void *context;
    bool is_greeting;  //  Ours: asks what the peer is
    bool is_stream;
    uint64_t next_seq;  //  Of the next item
    zloom__credit_taker_t credit;
    bool owes_credit;           //  The server could not be told of it: no room
    zloom_reason_t reason;      //  ENDED here: why; NONE: by a response
    struct zloom__items items;  //  For `next`, in order
    zloom_buffer_t saved;       //  WAITING: the request's bytes
    zloom__frame_t response;    //  ENDED by a response
    zloom__request_t request;   //  WAITING: slices of the saved bytes
} zloom__outgoing_t;

TAILQ_HEAD (zloom__calls, zloom__outgoing);

struct zloom_client {
    zloom__guard_t guard;
    zloom__port_t *port;
    zloom_client_options_t options;
    zloom__links_t links;
    zloom__outstanding_t outstanding;
    zloom__wheel_t wheel;
    struct zloom__calls waiting;  //  Not sent yet, in order
    size_t waiting_bytes;
    struct zloom__calls spare;  //  Ended and forgotten, to be used again
    size_t spare_bytes;         //  What they keep of memory for requests; bounded
    struct zloom__items spare_items;
    zloom__item_t *held;         //  What the last `next` gave the program
    zloom__outgoing_t *fetched;  //  In whose response the last result lies
    bool owes_credit;            //  Some call does
    zloom_time_t next_beat;      //  When a silent server is due for one
    zloom_time_t turned_at;      //  The last turn
    zloom_buffer_t head;         //  Of the message being sent
    zloom_buffer_t params;       //  Packed from a picture
    zloom_buffer_t scratch;      //  Strings of the last result
    zloom_reply_t result;        //  Of the last call, wait or next
    zloom_call_id_t awaited;     //  The call that `call`, `wait` or `next` waits for
    bool wants_items;            //  ... by `next`
    bool got_awaited;            //  It has ended, and its outcome is the result
    size_t greetings;            //  Of those outstanding, not the program's
    bool is_broken;              //  The context is gone
    bool is_closing;
    bool in_foreign_loop;  //  A descriptor was asked for
    unsigned corks;        //  Calls of cork without their uncork
    zloom_client_stats_t stats;
    zloom_error_t error;  //  last_error
};

//  client_send.c

//  Check a request against the limits, give it an id and send it, or let it
//  wait. Errors as zloom_client_start; nothing was begun then.
zloom_code_t zloom__client_begin (zloom_client_t *self, const zloom__request_t *request,
                                  uint32_t timeout_ms, zloom_reply_fn *callback, void *context,
                                  zloom__outgoing_t **ret_call);

//  Send what waits, as far as links take it.
void zloom__client_send_waiting (zloom_client_t *self);

//  Ask a peer what it is, by zloom.ping.
void zloom__client_greet (zloom_client_t *self, zloom__peer_t *peer);

//  Tell a zloom peer that a call is given up, or that items are taken.
void zloom__client_send_cancel (zloom_client_t *self, const zloom__outgoing_t *call);
void zloom__client_send_credit (zloom_client_t *self, zloom__outgoing_t *call);

//  A link has room again: tell the credit that found none.
void zloom__client_send_owed_credit (zloom_client_t *self, zloom__link_t link);

//  Put a call that nobody needs any more where the next one takes it from. What
//  such calls keep of memory is within the bound of what may wait to be sent.
void zloom__client_spare (zloom_client_t *self, zloom__outgoing_t *call);

//  client_receive.c

//  One turn: wait for an event until `until` and deal with it, and with the
//  deadlines that have passed. TIMEOUT: there was none.
zloom__event_kind_t zloom__client_turn (zloom_client_t *self, zloom_time_t until);

//  When a turn has something to do even if nothing comes.
zloom_time_t zloom__client_next_due (zloom_client_t *self);

//  End a call for a reason that arose here.
void zloom__client_end (zloom_client_t *self, zloom__outgoing_t *call, zloom_reason_t reason);

//  End every call that is not ended.
void zloom__client_end_all (zloom_client_t *self, zloom_reason_t reason);

//  Give an ended call to the program as the result of wait or next, and
//  forget it.
zloom_code_t zloom__client_fetch (zloom_client_t *self, zloom__outgoing_t *call);

//  Forget a call that has ended: back to the spare ones.
void zloom__client_forget (zloom_client_t *self, zloom__outgoing_t *call);

//  Give the oldest item of a call to the program as the result of next.
void zloom__client_fetch_item (zloom_client_t *self, zloom__outgoing_t *call);

//  Make `result` hold nothing.
void zloom__client_clear_result (zloom_client_t *self);

#endif
