#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "data/pack.h"
#include "data/walk.h"
#include "output.h"
#include "report.h"
#include "service.h"

static const option_row_t s_options[] = {SERVICE_OPTIONS, OUTPUT_OPTIONS, OPTION_END};

//  Where the values stand, for people.
enum { COLUMN = 24 };

static void s_print_rows (zloom_bytes_t map, int indent);

static void s_print_name (const char *name, int indent)
{
    char padded[64];
    snprintf (padded, sizeof padded, "%*s", indent, "");
    output_string (padded);
    output_escaped (zloom_bytes_str (name));
    int used = indent + (int) strlen (name);
    snprintf (padded, sizeof padded, "%*s", used < COLUMN ? COLUMN - used : 1, "");
    output_string (padded);
}

static void s_print_row (zloom_bytes_t key, zloom_bytes_t value, int indent)
{
    zloom_buffer_t scratch = {0};
    zloom_walk_t walk;
    const char *name;
    if (zloom_unpack (key, &scratch, NULL, "s", &name) || !name)
        name = "?";
    if (indent == 0 && zloom_walk_begin (&walk, value)) {
        output_escaped (zloom_bytes_str (name));
        output_char ('\n');
        s_print_rows (value, 2);
    } else {
        s_print_name (name, indent);
        output_json (value, 0);
        output_char ('\n');
    }
    zloom_buffer_clear (&scratch);
}

static void s_print_rows (zloom_bytes_t map, int indent)
{
    zloom_walk_t walk;
    zloom_bytes_t key, value;
    for (zloom_walk_begin (&walk, map);
         zloom_walk_next (&walk, &key) && zloom_walk_next (&walk, &value);)
        s_print_row (key, value, indent);
    output_record_end ();
}

static int s_run (int argc, char **argv)
{
    (void) argc;
    int status;
    zloom_client_t *client = service_open (argv[0], &status);
    if (!client)
        return status;
    status = service_call (client, argv[0], "zloom.stats");
    zloom_bytes_t stats = zloom_client_result_bytes (client);
    if (!status && output_format () == OUTPUT_TEXT)
        s_print_rows (stats, 0);
    else if (!status)
        output_value (stats);
    zloom_client_destroy (&client);
    return output_end (status);
}

const command_t command_stats = {
    .name = "stats",
    .summary = "Show the counters of a service",
    .arguments = "ADDRESS",
    .least = 1,
    .most = 1,
    .about = "Calls zloom.stats, which every zloom server has. Counters only grow while the\n"
             "server lives.",
    .examples = "  zloom stats tcp://127.0.0.1:5555\n"
                "  zloom stats tcp://127.0.0.1:5555 -o json",
    .options = s_options,
    .run = s_run};
