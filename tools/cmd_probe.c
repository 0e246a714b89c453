#include "commands.h"

#include <stdio.h>

#include "base/buffer.h"
#include "base/text.h"
#include "data/pack.h"
#include "net/probe.h"
#include "output.h"
#include "report.h"

static struct {
    zloom_time_t timeout;
} s_given;

static const option_row_t s_options[] = {{.name = "timeout",
                                          .letter = 't',
                                          .kind = OPTION_DURATION,
                                          .metavar = "TIME",
                                          .fallback = "3s",
                                          .help = "how long it may take altogether",
                                          .into.duration = &s_given.timeout},
                                         OUTPUT_OPTIONS,
                                         OPTION_END};

//  A time that was measured, in microseconds; -1 where it was not.
static double s_microseconds (zloom_time_t time)
{
    return time == ZLOOM_PROBE_NO_TIME ? -1 : (double) time / 1e3;
}

static void s_print_row (const char *name, const char *value)
{
    output_string (name);
    output_string (value[0] ? value : "-");
    output_char ('\n');
}

static void s_print_time (const char *name, zloom_time_t time)
{
    char text[32];
    snprintf (text, sizeof text, "%.0f us", s_microseconds (time));
    s_print_row (name, time == ZLOOM_PROBE_NO_TIME ? "" : text);
}

static void s_print_text (const char *address, const zloom_probe_t *probe)
{
    char text[128];
    output_escaped (zloom_bytes_str (address));
    output_char ('\n');
    snprintf (text, sizeof text, "ZMTP %u.%u", probe->major, probe->minor);
    s_print_row ("  found         ", zloom_probe_found_name (probe->found));
    s_print_row ("  protocol      ", probe->major ? text : "");
    s_print_row ("  mechanism     ", probe->mechanism);
    s_print_row ("  socket type   ", probe->socket_type);
    s_print_row ("  zloom         ", probe->zloom ? probe->zloom_value : "");
    s_print_row ("  engine        ", probe->engine);
    zloom_text_escape (text, sizeof text, zloom_bytes (probe->identity, probe->identity_size));
    s_print_row ("  routing id    ", text);
    s_print_row ("  says          ", probe->said);
    s_print_time ("  connect       ", probe->connect);
    s_print_time ("  handshake     ", probe->handshake);
    s_print_time ("  round trip    ", probe->ping);
    output_record_end ();
}

//  A text, or nil where there is none.
static const char *s_or_nil (const char *text)
{
    return text[0] ? text : NULL;
}

//  Microseconds as a packed number, or nil.
static zloom_bytes_t s_pack_time (zloom_buffer_t *buffer, zloom_time_t time)
{
    zloom_pack (buffer, NULL, time == ZLOOM_PROBE_NO_TIME ? "n" : "f", s_microseconds (time));
    return zloom_buffer_bytes (buffer);
}

static zloom_bytes_t s_pack_id (zloom_buffer_t *buffer, const zloom_probe_t *probe)
{
    zloom_pack (buffer, NULL, probe->identity_size ? "b" : "n", probe->identity,
                (size_t) probe->identity_size);
    return zloom_buffer_bytes (buffer);
}

static void s_print_value (const char *address, const zloom_probe_t *probe)
{
    zloom_buffer_t value = {0}, id = {0}, connect = {0}, handshake = {0}, ping = {0};
    char version[16] = "";
    if (probe->major)
        snprintf (version, sizeof version, "%u.%u", probe->major, probe->minor);
    // clang-format off
    zloom_pack (&value, NULL, "{s:s s:s s:s s:s s:? s:s s:s s:s s:v s:s s:v s:v s:v}",
                "address", address,
                "found", zloom_probe_found_name (probe->found),
                "zmtp", s_or_nil (version),
                "mechanism", s_or_nil (probe->mechanism),
                "as_server", probe->as_server,
                "socket_type", s_or_nil (probe->socket_type),
                "zloom", probe->zloom ? probe->zloom_value : NULL,
                "engine", s_or_nil (probe->engine),
                "routing_id", s_pack_id (&id, probe),
                "says", s_or_nil (probe->said),
                "connect_us", s_pack_time (&connect, probe->connect),
                "handshake_us", s_pack_time (&handshake, probe->handshake),
                "ping_us", s_pack_time (&ping, probe->ping));
    // clang-format on
    output_value (zloom_buffer_bytes (&value));
    zloom_buffer_clear (&value);
    zloom_buffer_clear (&id);
    zloom_buffer_clear (&connect);
    zloom_buffer_clear (&handshake);
    zloom_buffer_clear (&ping);
}

//  What was found is data; why it is no use is an error.
static int s_judge (const char *address, const zloom_probe_t *probe)
{
    zloom_reason_t reason = zloom_probe_reason (probe);
    if (reason == ZLOOM_REASON_NONE)
        return EXIT_OK;
    char shown[128], found[256];
    const char *advice = probe->found == ZLOOM_PROBE_SILENT
                             ? "whether it is a ZeroMQ socket at all, and not a STREAM"
                             : NULL;
    output_idle ();
    return report (zloom_reason_exit_code (reason), advice, "'%s': %s",
                   zloom_text_escape (shown, sizeof shown, zloom_bytes_str (address)),
                   zloom_probe_describe (probe, found, sizeof found));
}

static int s_run (int argc, char **argv)
{
    (void) argc;
    zloom_probe_options_t options = ZLOOM_PROBE_OPTIONS_DEFAULT;
    zloom_probe_t probe;
    zloom_error_t error;
    int64_t timeout_ms = s_given.timeout / ZLOOM_MSEC;
    options.timeout_ms = timeout_ms > INT32_MAX ? INT32_MAX : (uint32_t) timeout_ms;
    if (zloom_probe (argv[0], &options, &probe, &error))
        return report (zloom_error_exit_code (&error),
                       error.reason == ZLOOM_REASON_NO_PEER
                           ? "start what should listen there, or another address"
                           : report_advice (error.reason),
                       "%s", error.text);
    if (output_format () == OUTPUT_TEXT)
        s_print_text (argv[0], &probe);
    else
        s_print_value (argv[0], &probe);
    return output_end (s_judge (argv[0], &probe));
}

const command_t command_probe = {
    .name = "probe",
    .summary = "Tell what listens at an address",
    .arguments = "ADDRESS",
    .least = 1,
    .most = 1,
    .about = "Speaks the ZMTP handshake by hand, and so sees what a ZeroMQ socket hides: the\n"
             "version, the security mechanism, the type of the socket, whether it is zloom's\n"
             "and with which engine, and how long it takes. It never takes a message from anybody.",
    .examples = "  zloom probe tcp://127.0.0.1:5555\n"
                "  zloom probe ipc:///run/service/socket -o json",
    .options = s_options,
    .run = s_run};
