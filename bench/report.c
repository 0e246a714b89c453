#include "report.h"

#include <string.h>

#include "score.h"

//  The table.

enum { COLUMN = 24 };  //  Characters for "2367.5 (2091.5-2873.3)"

void report_head (FILE *file, const char *title, const fact_t *facts, const section_t *section)
{
    fprintf (file, "%s\n\n", title);
    for (size_t i = 0; i < ENVIRONMENT_FACTS; i++)
        fprintf (file, "%-10s%s\n", facts[i].name, facts[i].text);
    fprintf (
        file,
        "\nEach contender in turn, %u rounds of %u calls with %zu bytes, one at a time; a round\n"
        "of each and the first tenth of every round are discarded. A number is the median\n"
        "over the rounds, with the first and third quartile; a ratio is that of the pairs,\n"
        "of which nine out of ten must agree on a verdict.\n",
        section->rounds, section->calls, section->payload_bytes);
}

//  "41.9 (41.5-42.3)", to the right as its heading is.
static void s_cell (FILE *file, const spread_t *spread, double unit, int digits)
{
    char text[64];
    snprintf (text, sizeof text, "%.*f (%.*f-%.*f)", digits, spread->median / unit, digits,
              spread->lower / unit, digits, spread->upper / unit);
    fprintf (file, "%*s", COLUMN, text);
}

static void s_row (FILE *file, const section_t *section, size_t contender)
{
    score_t score = score_of (section, contender);
    fprintf (file, "  %-14s", section->contenders[contender]->name);
    s_cell (file, &score.p50, 1000, 1);
    s_cell (file, &score.p99, 1000, 1);
    if (contender > 0) {
        s_cell (file, &score.p50_ratio, 1, 3);
        s_cell (file, &score.p99_ratio, 1, 3);
        fprintf (file, "  %s", score.verdict);
    }
    fprintf (file, "\n");
    if (score.outside)
        fprintf (file, "  %-14s%llu calls took longer than can be measured\n", "",
                 (unsigned long long) score.outside);
}

void report_section (FILE *file, const section_t *section)
{
    char where[64], p50_to[64], p99_to[64];
    const char *baseline = section->contenders[0]->name;
    snprintf (where, sizeof where, "%s, %s", transport_name (section->transport),
              section->pinned ? "one core" : "any core");
    snprintf (p50_to, sizeof p50_to, "p50 to %s", baseline);
    snprintf (p99_to, sizeof p99_to, "p99 to %s", baseline);

    fprintf (file, "\n%-16s%*s%*s%*s%*s\n", where, COLUMN, "p50 us", COLUMN, "p99 us", COLUMN,
             p50_to, COLUMN, p99_to);
    for (size_t contender = 0; contender < section->contender_count; contender++)
        s_row (file, section, contender);
}

//  JSON.

static void s_string (FILE *file, const char *text)
{
    fputc ('"', file);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf (file, "\\%c", *text);
        else if ((unsigned char) *text < ' ')
            fprintf (file, "\\u%04x", (unsigned) *text);
        else
            fputc (*text, file);
    fputc ('"', file);
}

static void s_member (FILE *file, const char *name)
{
    s_string (file, name);
    fprintf (file, ": ");
}

static void s_spread (FILE *file, const char *name, const spread_t *spread)
{
    s_member (file, name);
    fprintf (
        file,
        "{\"least\": %.6g, \"lower\": %.6g, \"median\": %.6g, \"upper\": %.6g, \"most\": %.6g}",
        spread->least, spread->lower, spread->median, spread->upper, spread->most);
}

static void s_rounds (FILE *file, const section_t *section, size_t contender)
{
    s_member (file, "rounds");
    fprintf (file, "[");
    for (unsigned i = 0; i < section->rounds; i++) {
        const round_t *round = section_result (section, contender, i);
        fprintf (file, "%s{\"p50_ns\": %lld, \"p99_ns\": %lld}", i ? ", " : "",
                 (long long) round->p50, (long long) round->p99);
    }
    fprintf (file, "]");
}

static void s_contender (FILE *file, const section_t *section, size_t contender)
{
    score_t score = score_of (section, contender);
    fprintf (file, "        {");
    s_member (file, "name");
    s_string (file, section->contenders[contender]->name);
    fprintf (file, ",\n         ");
    s_spread (file, "p50_ns", &score.p50);
    fprintf (file, ",\n         ");
    s_spread (file, "p99_ns", &score.p99);
    fprintf (file, ",\n         ");
    s_spread (file, "p50_ratio", &score.p50_ratio);
    fprintf (file, ",\n         ");
    s_spread (file, "p99_ratio", &score.p99_ratio);
    fprintf (file, ",\n         ");
    s_member (file, "verdict");
    s_string (file, score.verdict);
    fprintf (file, ",\n         \"outside\": %llu,\n         ", (unsigned long long) score.outside);
    s_rounds (file, section, contender);
    fprintf (file, "}");
}

static void s_section (FILE *file, const section_t *section)
{
    fprintf (file,
             "    {\"transport\": \"%s\", \"one_core\": %s, \"rounds\": %u, \"calls\": %u, "
             "\"payload_bytes\": %zu,\n     \"contenders\": [\n",
             transport_name (section->transport), section->pinned ? "true" : "false",
             section->rounds, section->calls, section->payload_bytes);
    for (size_t contender = 0; contender < section->contender_count; contender++) {
        s_contender (file, section, contender);
        fprintf (file, "%s\n", contender + 1 < section->contender_count ? "," : "");
    }
    fprintf (file, "     ]}");
}

void report_json (FILE *file, const char *title, const fact_t *facts, const section_t *sections,
                  size_t count)
{
    fprintf (file, "{\n  ");
    s_member (file, "title");
    s_string (file, title);
    fprintf (file, ",\n  \"environment\": {");
    for (size_t i = 0; i < ENVIRONMENT_FACTS; i++) {
        fprintf (file, "%s\n    ", i ? "," : "");
        s_member (file, facts[i].name);
        s_string (file, facts[i].text);
    }
    fprintf (file, "\n  },\n  \"sections\": [\n");
    for (size_t i = 0; i < count; i++) {
        s_section (file, &sections[i]);
        fprintf (file, "%s\n", i + 1 < count ? "," : "");
    }
    fprintf (file, "  ]\n}\n");
}
