#include "setting.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "nearest.h"
#include "report.h"

typedef enum { VALUE_INT, VALUE_INT64, VALUE_BYTES } value_kind_t;

typedef struct {
    const char *name;
    int option;
    value_kind_t kind;
} setting_t;

//  Those that make sense for a socket that lives for one command. Heartbeats
//  are absent on purpose: with them libzmq 4.3.4 aborts when a queue is full.
static const setting_t s_settings[] = {
    {"affinity", ZMQ_AFFINITY, VALUE_INT64},
    {"backlog", ZMQ_BACKLOG, VALUE_INT},
    {"bindtodevice", ZMQ_BINDTODEVICE, VALUE_BYTES},
    {"conflate", ZMQ_CONFLATE, VALUE_INT},
    {"connect-timeout", ZMQ_CONNECT_TIMEOUT, VALUE_INT},
    {"handshake-ivl", ZMQ_HANDSHAKE_IVL, VALUE_INT},
    {"immediate", ZMQ_IMMEDIATE, VALUE_INT},
    {"ipv6", ZMQ_IPV6, VALUE_INT},
    {"metadata", 95, VALUE_BYTES},  //  ZMQ_METADATA, which Debian's zmq.h lacks
    {"probe-router", ZMQ_PROBE_ROUTER, VALUE_INT},
    {"rcvbuf", ZMQ_RCVBUF, VALUE_INT},
    {"rcvhwm", ZMQ_RCVHWM, VALUE_INT},
    {"reconnect-ivl", ZMQ_RECONNECT_IVL, VALUE_INT},
    {"reconnect-ivl-max", ZMQ_RECONNECT_IVL_MAX, VALUE_INT},
    {"req-correlate", ZMQ_REQ_CORRELATE, VALUE_INT},
    {"req-relaxed", ZMQ_REQ_RELAXED, VALUE_INT},
    {"router-handover", ZMQ_ROUTER_HANDOVER, VALUE_INT},
    {"routing-id", ZMQ_ROUTING_ID, VALUE_BYTES},
    {"sndbuf", ZMQ_SNDBUF, VALUE_INT},
    {"sndhwm", ZMQ_SNDHWM, VALUE_INT},
    {"socks-proxy", ZMQ_SOCKS_PROXY, VALUE_BYTES},
    {"stream-notify", ZMQ_STREAM_NOTIFY, VALUE_INT},
    {"tcp-keepalive", ZMQ_TCP_KEEPALIVE, VALUE_INT},
    {"tcp-maxrt", ZMQ_TCP_MAXRT, VALUE_INT},
    {"tos", ZMQ_TOS, VALUE_INT},
    {"xpub-nodrop", ZMQ_XPUB_NODROP, VALUE_INT},
    {"xpub-verbose", ZMQ_XPUB_VERBOSE, VALUE_INT},
};

enum { SETTING_COUNT = sizeof s_settings / sizeof s_settings[0] };

static const setting_t *s_find (const char *name, size_t size)
{
    char typed[32] = {0};
    if (size < sizeof typed)
        memcpy (typed, name, size);
    nearest_t nearest = {.word = typed};
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (strcmp (typed, s_settings[i].name) == 0)
            return &s_settings[i];
        nearest_offer (&nearest, s_settings[i].name);
    }
    if (nearest.match)
        report_usage ("no socket option '%.*s'; did you mean '%s'?", (int) size, name,
                      nearest.match);
    else
        report_usage ("no socket option '%.*s'", (int) size, name);
    return NULL;
}

static int s_set (void *zmq_socket, const setting_t *setting, const char *value)
{
    if (setting->kind == VALUE_BYTES)
        return zmq_setsockopt (zmq_socket, setting->option, value, strlen (value));
    char *end;
    errno = 0;
    int64_t number = strtoll (value, &end, 10);
    int small = (int) number;
    if (end == value || *end || errno || (setting->kind == VALUE_INT && small != number)) {
        errno = EINVAL;
        return -1;
    }
    return setting->kind == VALUE_INT
               ? zmq_setsockopt (zmq_socket, setting->option, &small, sizeof small)
               : zmq_setsockopt (zmq_socket, setting->option, &number, sizeof number);
}

bool setting_apply (void *zmq_socket, const char *setting)
{
    const char *value = strchr (setting, '=');
    if (!value) {
        report_usage ("--option %s: it is NAME=VALUE", setting);
        return false;
    }
    const setting_t *found = s_find (setting, (size_t) (value - setting));
    if (!found)
        return false;
    if (s_set (zmq_socket, found, value + 1) == 0)
        return true;
    report_usage ("--option %s: the socket does not take this value", setting);
    return false;
}
