#include "bench.h"

#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "report.h"

//  Options.

option_row_t bench_option_rounds (bench_options_t *options)
{
    return (option_row_t){.name = "rounds",
                          .argument = "N",
                          .help = "rounds of each contender; a verdict needs 9",
                          .number = &options->rounds,
                          .most = 10000};
}

option_row_t bench_option_quick (bench_options_t *options)
{
    return (option_row_t){
        .name = "quick", .help = "much shorter, to see whether it works", .flag = &options->quick};
}

static bool s_take_transport (void *context, const char *value)
{
    bench_options_t *options = (bench_options_t *) context;
    for (int transport = 0; transport < TRANSPORTS; transport++)
        if (strcmp (value, transport_name ((transport_t) transport)) == 0)
            return options->transports[transport] = true;
    return false;
}

option_row_t bench_option_transport (bench_options_t *options)
{
    return (option_row_t){.name = "transport",
                          .argument = "T",
                          .help = "only tcp, ipc or inproc; may be repeated",
                          .take = s_take_transport,
                          .context = options};
}

static bool s_take_cores (void *context, const char *value)
{
    bench_options_t *options = (bench_options_t *) context;
    for (int cores = 0; cores < CORES; cores++) {
        const char *name = cores_name ((cores_t) cores);
        size_t length = strcspn (name, " ");
        if (strlen (value) == length && strncmp (value, name, length) == 0)
            return options->cores[cores] = true;
    }
    return false;
}

option_row_t bench_option_cores (bench_options_t *options)
{
    return (option_row_t){.name = "cores",
                          .argument = "C",
                          .help = "only any, one (for all) or two (an end each); may be repeated",
                          .take = s_take_cores,
                          .context = options};
}

option_row_t bench_option_json (bench_options_t *options)
{
    return (option_row_t){.name = "json",
                          .argument = "FILE",
                          .help = "write every round's result there as well",
                          .text = &options->json};
}

unsigned bench_choose (const bench_options_t *options, unsigned said, unsigned usual,
                       unsigned quick)
{
    if (said)
        return said;
    return options->quick ? quick : usual;
}

static bool s_wants (const bool *said, size_t count, size_t one, bool usual)
{
    for (size_t i = 0; i < count; i++)
        if (said[i])
            return said[one];
    return usual;
}

static bool s_take_part (void *context, const char *value)
{
    bench_parts_t *parts = (bench_parts_t *) context;
    for (size_t part = 0; part < parts->count; part++)
        if (strcmp (value, parts->names[part]) == 0)
            return parts->said[part] = true;
    return false;
}

option_row_t bench_option_only (bench_parts_t *parts)
{
    return (option_row_t){.name = "only",
                          .argument = "PART",
                          .help = "only one of the parts above; may be repeated",
                          .take = s_take_part,
                          .context = parts};
}

bool bench_wants_part (const bench_parts_t *parts, size_t part)
{
    return s_wants (parts->said, parts->count, part, true);
}

bool bench_wants_transport (const bench_options_t *options, transport_t transport, bool usual)
{
    return s_wants (options->transports, TRANSPORTS, transport, usual);
}

bool bench_wants_cores (const bench_options_t *options, cores_t cores, bool usual)
{
    if (cores == CORES_TWO && place_processors () < 2)
        return false;
    return s_wants (options->cores, CORES, cores, usual);
}

//  The run.

void bench_open (bench_t *self, const char *title, const bench_options_t *options)
{
    const char *refusal = environment_refusal ();
    if (refusal)
        fail ("%s; its numbers would mislead", refusal);
    *self = (bench_t){.title = title, .json_path = options->json};
    if (options->json && !(self->json = fopen (options->json, "w")))
        fail_errno (options->json);
    environment_look (self->facts);
    folder_make (self->folder);
    report_head (stdout, title, self->facts);
}

const section_t *bench_run (bench_t *self, const section_t *section)
{
    if (self->exit_code)
        return NULL;
    size_t size = (self->count + 1) * sizeof *self->sections;
    section_t *sections = (section_t *) realloc (self->sections, size);
    if (!sections)
        fail ("no memory");
    self->sections = sections;
    section_t *kept = &sections[self->count];
    *kept = *section;

    fflush (stdout);
    self->exit_code = section_run (kept);
    folder_empty (self->folder);
    if (self->exit_code) {
        section_clear (kept);
        return NULL;
    }
    self->count++;
    report_section (stdout, kept);
    return kept;
}

int bench_close (bench_t *self)
{
    folder_remove (self->folder);
    if (self->json && self->exit_code == 0)
        report_json (self->json, self->title, self->facts, self->sections, self->count);
    if (self->json && fclose (self->json))
        fail_errno (self->json_path);
    for (size_t i = 0; i < self->count; i++)
        section_clear (&self->sections[i]);
    free (self->sections);
    return self->exit_code;
}
