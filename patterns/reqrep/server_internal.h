//  zloom__server - how a server is made inside
//
//  server.c has what programs call, server_turn.c takes what comes and works
//  through it, server_calls.c has the calls under way, server_answers.c sends
//  what is answered, call.c is what handlers call, methods.c knows the methods.
//
//  A request that its handler answers at once never enters a table: it is
//  read, handled and answered within one turn. Everything else is *held*: its
//  frame is kept, it is found by (link, id) when a cancel or credit comes, and
//  its deadline is on the wheel.
//
//      request --inline--> handler --answered--> gone
//         |                   \--defer--> held --answered--> gone
//         |--behind, nested--> held, in `ready` --> handler
//         \--workers---------> held, at a thread --> gone
//
//  A server that lags (a handler has blocked the turn) first takes in all
//  that waits in the sockets, so that a cancel is seen before its request is
//  begun, and works through the queue then.
//
//  Threads: single owner, apart from what is said to be shared.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_REQREP_SERVER_INTERNAL_H
#define ZLOOM_REQREP_SERVER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "base/buffer.h"
#include "base/guard_internal.h"
#include "data/wire_internal.h"
#include "net/port_internal.h"
#include "policy/credit_internal.h"
#include "policy/wheel_internal.h"
#include "reqrep/server.h"
#include "reqrep/signature_internal.h"

//  What a method is made of; borrowed.
typedef struct zloom__method_spec {
    const char *name;
    const char *signature;  //  NULL = anything
    const char *doc;        //  NULL = none
    zloom_handler_fn *handler;
    void *context;
    bool is_builtin;  //  Runs inline, also while draining
} zloom__method_spec_t;

typedef struct zloom__method {
    char *name;
    size_t name_size;
    char *signature_text;          //  NULL = anything
    char *doc;                     //  NULL = none
    zloom__signature_t signature;  //  Slices of signature_text
    zloom_handler_fn *handler;
    void *context;
    bool is_builtin;
    uint64_t calls;
    uint64_t failed;
    unsigned quick;  //  Calls in a row that took no time worth looking at the clock for
} zloom__method_t;

struct zloom_call {
    zloom_server_t *server;
    zloom__channel_t channel;
    zloom__link_t link;
    uint64_t id;
    uint8_t envelope[ZLOOM__ENVELOPE_MAX];
    size_t envelope_size;
    zloom__method_t *method;
    zloom_bytes_t params;  //  Slices of the port's body, or of `frame`
    zloom__headers_t headers;
    const uint8_t *body;  //  Where those slices' body begins
    size_t body_size;
    zloom_time_t deadline;  //  NEVER: the caller set none
    zloom__timer_t timer;
    zloom__frame_t frame;  //  The body, once kept

    bool is_extended;    //  The request had headers
    bool is_from_zloom;  //  The caller is a zloom peer; known once it is kept
    bool is_notification;
    bool takes_items;
    bool is_kept;      //  Slices are in `frame`
    bool is_held;      //  In the table, counted as pending
    bool is_queued;    //  In `ready`
    bool is_inside;    //  Its handler runs in the owner's thread
    bool is_threaded;  //  Its handler runs in a worker
    bool is_deferred;
    bool is_answered;     //  Its response is made
    bool is_failure;      //  ... and is an error
    bool is_unsent;       //  ... and waits in `unsent` for room
    atomic_bool is_over;  //  Nobody waits any more

    zloom__credit_t credit;  //  Threaded: under shared.lock
    bool wants_credit;       //  An item was refused: the watcher is to be told
    bool is_thirsty;         //  In `thirsty`
    zloom_call_fn *watcher;
    void *watcher_context;

    zloom_buffer_t out;      //  The message being sent
    zloom_buffer_t strings;  //  What args handed out
    zloom_error_t error;     //  What args or an answer found wrong

    LIST_ENTRY (zloom_call) in_table;
    TAILQ_ENTRY (zloom_call) queue;     //  In `ready`, `unsent`, `thirsty` or `spare`
    TAILQ_ENTRY (zloom_call) handover;  //  In shared.items
    bool is_item_waiting;               //  Under shared.lock
    zloom__job_t job;
};

TAILQ_HEAD (zloom__call_queue, zloom_call);
LIST_HEAD (zloom__call_bucket, zloom_call);

struct zloom_server {
    zloom__guard_t guard;
    zloom__port_t *port;
    zloom_server_options_t options;
    char *name;
    char *version;
    zloom__channel_t channels;  //  How many
    zloom__method_t **methods;  //  Sorted by name
    size_t method_count;
    zloom__wheel_t wheel;

    struct zloom__call_bucket *table;  //  Held calls, by link and id
    size_t table_size;                 //  A power of two
    size_t pending;                    //  Held calls
    size_t pending_bytes;              //  ... their bodies, and unsent answers
    struct zloom__call_queue ready;    //  To be handled, in order
    struct zloom__call_queue unsent;   //  Answers that found no room
    uint32_t unsent_by_link[256];      //  ... how many there are, by a hash of their link
    struct zloom__call_queue thirsty;  //  Deferred, and its item found a full link
    struct zloom__call_queue spare;
    size_t spare_count;  //  Spare calls, and what they keep of memory; bounded
    size_t spare_bytes;
    zloom_time_t retry_at;   //  When to try the unsent ones again
    zloom_buffer_t scratch;  //  Messages that belong to no call

    zloom__method_t *recent_method;  //  The one that was found last
    zloom__method_t *dispatched;     //  Whose handler ran in the last turn; NULL = none
    zloom_time_t dispatched_at;
    bool is_behind;     //  Take in all before the next handler
    unsigned handlers;  //  Inline handlers on the stack
    bool is_draining;
    bool is_broken;
    bool in_foreign_loop;
    atomic_bool is_closing;  //  It is being destroyed
    atomic_bool is_stopping;
    zloom_time_t give_up_at;  //  When a stopped server waits no longer; NEVER before
    zloom_time_t started_at;
    zloom_server_stats_t stats;
    zloom_error_t error;

    //  What workers and the owner share.
    struct {
        pthread_mutex_t lock;
        pthread_cond_t changed;          //  Credit came, an item was taken, a call is over
        struct zloom__call_queue items;  //  Calls whose item waits to be sent
    } shared;
};

//  server.c

//  Every function that does something comes in here and leaves by the other,
//  which passes its code on. Errors: FORKED, SECOND_THREAD (told by the code
//  alone), CONTEXT_GONE, BAD_STATE (from within a handler).
zloom_code_t zloom__server_enter (zloom_server_t *self);
zloom_code_t zloom__server_leave (zloom_server_t *self, zloom_code_t code);

//  A stop was asked for: drain from now on, for a bounded time. Again: nothing.
void zloom__server_begin_stop (zloom_server_t *self);

//  A deferred call has sent something: between two turns of a foreign loop that
//  may have read the signal of something else that came.
void zloom__server_settle (zloom_server_t *self);

//  server_turn.c

//  One turn. TIMEOUT: nothing came, and nothing is left to handle.
zloom__event_kind_t zloom__server_turn (zloom_server_t *self, zloom_time_t until);

//  When a turn has something to do even if nothing comes.
zloom_time_t zloom__server_next_due (const zloom_server_t *self);

//  End a call with an error; data may have no bytes. From any thread that has
//  the call.
void zloom__call_fail (zloom_call_t *call, const zloom_error_t *error, zloom_bytes_t data);

//  Take note that nobody waits any more; tell those who work on it.
void zloom__call_end (zloom_call_t *call);

//  Tell the workers that nobody waits any more for what they do.
void zloom__server_end_threaded (zloom_server_t *self);

//  Drop all calls, telling their watchers; free them.
void zloom__server_drop_calls (zloom_server_t *self);

//  server_calls.c: taking calls, holding them, letting them go

//  A call from what came; not held yet. NULL: no memory.
zloom_call_t *zloom__server_take_call (zloom_server_t *self, const zloom__event_t *event,
                                       const zloom__message_t *message);

//  A held call by what its messages say. NULL: there is none.
zloom_call_t *zloom__server_find_call (const zloom_server_t *self, const zloom__event_t *event,
                                       uint64_t id);

//  Keep a call's body, so that its slices stay where they are. False: no memory.
bool zloom__call_keep (zloom_call_t *call);

//  Hold a call beyond the turn.  False: no memory.
bool zloom__call_hold (zloom_call_t *call);

//  Whether somebody waits for an answer that is still to come.
bool zloom__call_is_open (const zloom_call_t *call);

//  Take it out of the queue it stands in, if any.
void zloom__call_leave_queue (zloom_call_t *call);

//  Let it go; or only if it is answered, and nobody has it in hands.
void zloom__call_release (zloom_call_t *call);
void zloom__call_release_if_done (zloom_call_t *call);

//  Free one that stands in no list, with the memory it keeps.
void zloom__call_free (zloom_call_t *call);

//  What an answer takes while it waits, and how many wait for a link.
size_t zloom__call_unsent_size (const zloom_call_t *call);
uint32_t *zloom__server_unsent_to (zloom_server_t *self, zloom__link_t link);

//  server_answers.c

//  Send what lies in call->out as a message of its own, with `tail`.
zloom_code_t zloom__call_send (zloom_call_t *call, zloom_bytes_t tail);

//  Send the response that was made in call->out, and `tail` behind it (which
//  may have no bytes), or let it wait for room. The call is gone afterwards
//  unless its handler still runs or it waits.
void zloom__call_send_response (zloom_call_t *call, zloom_bytes_t tail);

//  Answer without a handler: why the request is not worked on.
void zloom__server_refuse (zloom_server_t *self, const zloom__event_t *event, uint64_t id,
                           const zloom_error_t *error);

//  Try again soon what found no room; and do so.
void zloom__server_retry (zloom_server_t *self);
void zloom__server_send_unsent (zloom_server_t *self);

//  methods.c

//  NULL: there is none of that name.
zloom__method_t *zloom__server_find_method (zloom_server_t *self, zloom_bytes_t name);

//  As zloom_server_handle, any name.
zloom_code_t zloom__server_add_method (zloom_server_t *self, const zloom__method_spec_t *spec,
                                       zloom_error_t *reterr);

void zloom__server_free_methods (zloom_server_t *self);

//  builtin.c

//  zloom.ping, describe, stats, health.
zloom_code_t zloom__server_add_builtins (zloom_server_t *self, zloom_error_t *reterr);

#endif
