#include "commands.h"

#include <string.h>

#include "data/pack.h"
#include "data/walk.h"
#include "output.h"
#include "report.h"
#include "service.h"

static bool s_all;

static const option_row_t s_options[] = {{.name = "all",
                                          .letter = 'a',
                                          .kind = OPTION_FLAG,
                                          .help = "zloom's own methods too",
                                          .into.flag = &s_all},
                                         SERVICE_OPTIONS,
                                         OUTPUT_OPTIONS,
                                         OPTION_END};

//  A method, for people: its name and signature, and below what it does.
static void s_print_method (zloom_bytes_t method, zloom_buffer_t *scratch)
{
    const char *name, *signature, *doc;
    if (zloom_unpack (method, scratch, NULL, "{s:s s:s s:s}", "name", &name, "signature",
                      &signature, "doc", &doc)
        || !name || (!s_all && strncmp (name, "zloom.", 6) == 0))
        return;
    output_escaped (zloom_bytes_str (name));
    output_escaped (zloom_bytes_str (signature ? signature : "(...)"));
    output_char ('\n');
    if (doc) {
        output_string ("    ");
        output_escaped (zloom_bytes_str (doc));
        output_char ('\n');
    }
    output_record_end ();
}

static void s_print_text (zloom_bytes_t description)
{
    zloom_buffer_t scratch = {0};
    zloom_bytes_t methods, method;
    zloom_walk_t walk;
    if (zloom_unpack (description, &scratch, NULL, "{s:v}", "methods", &methods) == ZLOOM_OK)
        for (zloom_walk_begin (&walk, methods); zloom_walk_next (&walk, &method);)
            s_print_method (method, &scratch);
    else
        output_value (description);
    zloom_buffer_clear (&scratch);
}

static int s_run (int argc, char **argv)
{
    (void) argc;
    int status;
    zloom_client_t *client = service_open (argv[0], &status);
    if (!client)
        return status;
    status = service_call (client, argv[0], "zloom.describe");
    zloom_bytes_t description = zloom_client_result_bytes (client);
    if (!status && output_format () == OUTPUT_TEXT)
        s_print_text (description);
    else if (!status)
        output_value (description);
    zloom_client_destroy (&client);
    return output_end (status);
}

const command_t command_describe = {
    .name = "describe",
    .summary = "List the methods of a service",
    .arguments = "ADDRESS",
    .least = 1,
    .most = 1,
    .about = "Calls zloom.describe, which every zloom server has: the methods with their\n"
             "signatures and a line on each.",
    .examples = "  zloom describe tcp://127.0.0.1:5555\n"
                "  zloom describe tcp://127.0.0.1:5555 -o json",
    .options = s_options,
    .run = s_run};
