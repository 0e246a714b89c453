#include "caller.h"

#include "base/memory.h"
#include "data/pack.h"
#include "data/walk.h"
#include "output.h"
#include "report.h"
#include "service.h"

struct pending {
    STAILQ_ENTRY (pending) next;
    caller_t *caller;
    zloom_call_id_t id;
    uint64_t line;
    bool is_over;
    zloom_buffer_t values;  //  What came and is not printed yet: packed, one after the other
    size_t count;
    zloom_error_t error;
};

void caller_fail (caller_t *self, uint64_t line, const zloom_error_t *error)
{
    int status = self->numbers
                     ? report (zloom_error_exit_code (error), report_advice (error->reason),
                               "line %llu: %s", (unsigned long long) line, error->text)
                     : service_report (self->address, error);
    if (!self->status)
        self->status = status;
    self->nobody =
        self->nobody
        || (error->origin == ZLOOM_HERE
            && (error->reason == ZLOOM_REASON_NO_PEER || error->reason == ZLOOM_REASON_WRONG_PEER
                || error->reason == ZLOOM_REASON_AUTHENTICATION));
}

//  A result, or an item of a stream.
static void s_print (const caller_t *self, uint64_t line, zloom_bytes_t value)
{
    if (!self->unordered) {
        output_value (value);
        return;
    }
    zloom_buffer_t numbered = {0};
    zloom_pack (&numbered, NULL, "{s:U s:v}", "line", line, "result", value);
    output_value (zloom_buffer_bytes (&numbered));
    zloom_buffer_clear (&numbered);
}

//  Print what a call has brought so far.
static void s_print_values (pending_t *pending)
{
    zloom_buffer_t list = {0};
    zloom_walk_t walk;
    zloom_bytes_t value;
    zloom_pack_array_head (&list, (uint32_t) pending->count);
    zloom_buffer_append (&list, pending->values.data, pending->values.size);
    for (zloom_walk_begin (&walk, zloom_buffer_bytes (&list)); zloom_walk_next (&walk, &value);)
        s_print (pending->caller, pending->line, value);
    zloom_buffer_clear (&list);
    zloom_buffer_reset (&pending->values);
    pending->count = 0;
}

static void s_free (pending_t *pending)
{
    zloom_buffer_clear (&pending->values);
    zloom_free (pending);
}

//  Print, from the front, all that is complete, and what the first of the rest
//  has already.
static void s_print_front (caller_t *self)
{
    pending_t *pending;
    while ((pending = STAILQ_FIRST (&self->queue))) {
        if (pending->count)
            s_print_values (pending);
        if (!pending->is_over)
            return;
        if (pending->error.code)
            caller_fail (self, pending->line, &pending->error);
        STAILQ_REMOVE_HEAD (&self->queue, next);
        s_free (pending);
    }
}

static void s_drop (caller_t *self, pending_t *pending)
{
    STAILQ_REMOVE (&self->queue, pending, pending, next);
    s_free (pending);
}

//  A value to print, unless it is the nil that only ends a stream.
static bool s_is_worth_printing (const caller_t *self, zloom_reply_t *reply)
{
    bool ends_stream = self->options.stream && !zloom_reply_is_item (reply);
    return zloom_reply_code (reply) == ZLOOM_OK
           && !(ends_stream && zloom_reply_read (reply, "n") == ZLOOM_OK);
}

static void s_take (zloom_client_t *client, zloom_reply_t *reply, void *context)
{
    (void) client;
    pending_t *pending = (pending_t *) context;
    caller_t *self = pending->caller;
    bool is_over = !zloom_reply_is_item (reply);
    if (s_is_worth_printing (self, reply)) {
        zloom_bytes_t value = zloom_reply_bytes (reply);
        if (!zloom_buffer_append (&pending->values, value.data, value.size))
            report_no_memory ();
        pending->count++;
    }
    pending->error = *zloom_reply_error (reply);
    pending->is_over = is_over;
    self->under_way -= is_over;
    if (!self->unordered) {
        s_print_front (self);
        return;
    }
    s_print_values (pending);
    if (is_over && pending->error.code)
        caller_fail (self, pending->line, &pending->error);
    if (is_over)
        s_drop (self, pending);
}

bool caller_start (caller_t *self, uint64_t line, zloom_bytes_t params)
{
    pending_t *pending = (pending_t *) zloom_alloc (sizeof *pending);
    if (!pending)
        report_no_memory ();
    pending->caller = self;
    pending->line = line;
    STAILQ_INSERT_TAIL (&self->queue, pending, next);
    if (zloom_client_start_bytes (self->client, &pending->id, &self->options, s_take, pending,
                                  self->method, params)) {
        caller_fail (self, line, zloom_client_last_error (self->client));
        s_drop (self, pending);
        return false;
    }
    self->under_way++;
    return true;
}

bool caller_notify (caller_t *self, uint64_t line, zloom_bytes_t params)
{
    if (zloom_client_notify_bytes (self->client, self->method, params) == ZLOOM_OK)
        return true;
    caller_fail (self, line, zloom_client_last_error (self->client));
    return false;
}

void caller_cancel (caller_t *self)
{
    //  Taken off the queue first, so that nothing is printed on the way.
    struct pending_queue dropped = STAILQ_HEAD_INITIALIZER (dropped);
    STAILQ_CONCAT (&dropped, &self->queue);
    self->unordered = false;
    pending_t *pending;
    while ((pending = STAILQ_FIRST (&dropped))) {
        STAILQ_REMOVE_HEAD (&dropped, next);
        if (!pending->is_over)
            zloom_client_cancel (self->client, pending->id);
        s_free (pending);
    }
}
