#include "support/message.h"

static void s_append (zloom_buffer_t *buffer, zloom_bytes_t packed)
{
    zloom_buffer_append (buffer, packed.data, packed.size);
}

static void s_write_response (zloom_buffer_t *buffer, const zloom__message_t *message)
{
    if (message->error.size == 0) {
        zloom__wire_begin_response (buffer, message->id);
        s_append (buffer, message->value);
        return;
    }
    zloom_error_t error;
    zloom_bytes_t data = {0};
    zloom__wire_read_error (message->error, &error, &data);
    zloom__wire_error_response (buffer, message->id, &error, data);
}

void message_write (zloom_buffer_t *buffer, const zloom__message_t *message)
{
    switch (message->kind) {
    case ZLOOM__REQUEST:
        zloom__wire_begin_request (buffer, message->id, message->method, message->is_extended);
        s_append (buffer, message->params);
        break;
    case ZLOOM__NOTIFICATION:
        zloom__wire_begin_notification (buffer, message->method, message->is_extended);
        s_append (buffer, message->params);
        break;
    case ZLOOM__RESPONSE:
        s_write_response (buffer, message);
        break;
    case ZLOOM__CANCEL:
        zloom__wire_cancel (buffer, message->id);
        break;
    case ZLOOM__ITEM:
        zloom__wire_begin_item (buffer, message->id, message->count);
        s_append (buffer, message->value);
        break;
    case ZLOOM__CREDIT:
        zloom__wire_credit (buffer, message->id, message->count);
        break;
    case ZLOOM__BEAT:
    case ZLOOM__BEAT_ANSWER:
    default:
        zloom__wire_beat (buffer, message->kind, message->id);
    }
    if (message->is_extended)
        zloom__wire_headers (buffer, &message->headers);
}
