#include "report.h"

#include <math.h>
#include <string.h>

#include "score.h"

//  The table.

enum { NAME = 18, COLUMN = 24 };  //  Characters; a column has "2367.5 (2091.5-2873.3)"

void report_head (FILE *file, const char *title, const fact_t *facts)
{
    fprintf (file, "%s\n\n", title);
    for (size_t i = 0; i < ENVIRONMENT_FACTS; i++)
        fprintf (file, "%-10s%s\n", facts[i].name, facts[i].text);
    fprintf (
        file,
        "\nContenders take turns, round by round; one more round goes before and is discarded,\n"
        "and so is the first tenth of each. A number is the median over the rounds, with the\n"
        "first and third quartile; what is compared is compared pair by pair, and nine pairs\n"
        "out of ten must agree on a verdict.\n");
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
    fprintf (file, "  %-*s", NAME - 2, section->names[contender]);
    for (size_t i = 0; i < section->measure_count; i++) {
        const measure_t *measure = &section->measures[i];
        score_t score = score_of (section, contender, i);
        s_cell (file, &score.value, measure->unit, measure->digits);
    }
    for (size_t i = 0; i < section->measure_count && contender > 0; i++) {
        const measure_t *measure = &section->measures[i];
        score_t score = score_of (section, contender, i);
        if (measure->compare == COMPARE_RATIO)
            s_cell (file, &score.compared, 1, score.compared.median < 10 ? 3 : 1);
        if (measure->compare == COMPARE_DIFFERENCE)
            s_cell (file, &score.compared, measure->unit, measure->digits);
    }
    fprintf (file, "%s%s\n", contender > 0 ? "  " : "",
             contender > 0 ? score_verdict (section, contender) : "");
}

//  "p50 to raw-zmq", "call ns over 10".
static void s_compared_heading (FILE *file, const section_t *section, const measure_t *measure)
{
    char text[COLUMN];
    if (measure->compare == COMPARE_NOT)
        return;
    if (measure->compare == COMPARE_RATIO)
        snprintf (text, sizeof text, "%.*s to %s", (int) strcspn (measure->name, " "),
                  measure->name, section->names[0]);
    else
        snprintf (text, sizeof text, "%s over %s", measure->name, section->names[0]);
    fprintf (file, "%*s", COLUMN, text);
}

void report_section (FILE *file, const section_t *section)
{
    fprintf (file, "\n%s: %u round%s, %s\n%*s", section->name, section->rounds,
             section->rounds == 1 ? "" : "s", section->detail, NAME, "");
    for (size_t i = 0; i < section->measure_count; i++)
        fprintf (file, "%*s", COLUMN, section->measures[i].name);
    for (size_t i = 0; i < section->measure_count && section->contenders > 1; i++)
        s_compared_heading (file, section, &section->measures[i]);
    fprintf (file, "\n");
    for (size_t contender = 0; contender < section->contenders; contender++)
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

static void s_member (FILE *file, const char *name, const char *ending)
{
    fprintf (file, "\"%s%s\": ", name, ending);
}

static void s_number (FILE *file, double value)
{
    //  JSON has no infinity: what is compared with nothing has no value.
    if (isfinite (value))
        fprintf (file, "%.6g", value);
    else
        fprintf (file, "null");
}

static void s_spread (FILE *file, const spread_t *spread)
{
    const struct {
        const char *name;
        double value;
    } members[] = {{"least", spread->least},
                   {"lower", spread->lower},
                   {"median", spread->median},
                   {"upper", spread->upper},
                   {"most", spread->most}};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        fprintf (file, "%s", i ? ", " : "{");
        s_member (file, members[i].name, "");
        s_number (file, members[i].value);
    }
    fprintf (file, "}");
}

static void s_scores (FILE *file, const section_t *section, size_t contender)
{
    for (size_t i = 0; i < section->measure_count; i++) {
        const measure_t *measure = &section->measures[i];
        score_t score = score_of (section, contender, i);
        fprintf (file, ",\n         ");
        s_member (file, measure->key, "");
        s_spread (file, &score.value);
        if (measure->compare == COMPARE_NOT)
            continue;
        fprintf (file, ",\n         ");
        s_member (file, measure->key, measure->compare == COMPARE_RATIO ? "_ratio" : "_difference");
        s_spread (file, &score.compared);
    }
}

static void s_rounds (FILE *file, const section_t *section, size_t contender)
{
    s_member (file, "rounds", "");
    fprintf (file, "[");
    for (unsigned round = 0; round < section->rounds; round++) {
        fprintf (file, "%s{", round ? ", " : "");
        for (size_t i = 0; i < section->measure_count; i++) {
            fprintf (file, "%s", i ? ", " : "");
            s_member (file, section->measures[i].key, "");
            s_number (file, section_values (section, contender, round)[i]);
        }
        fprintf (file, "}");
    }
    fprintf (file, "]");
}

static void s_contender (FILE *file, const section_t *section, size_t contender)
{
    fprintf (file, "        {");
    s_member (file, "name", "");
    s_string (file, section->names[contender]);
    s_scores (file, section, contender);
    fprintf (file, ",\n         ");
    s_member (file, "verdict", "");
    s_string (file, score_verdict (section, contender));
    fprintf (file, ",\n         ");
    s_rounds (file, section, contender);
    fprintf (file, "}");
}

static void s_section (FILE *file, const section_t *section)
{
    fprintf (file, "    {");
    s_member (file, "name", "");
    s_string (file, section->name);
    fprintf (file, ", ");
    s_member (file, "detail", "");
    s_string (file, section->detail);
    fprintf (file, ", \"rounds\": %u,\n     \"contenders\": [\n", section->rounds);
    for (size_t contender = 0; contender < section->contenders; contender++) {
        s_contender (file, section, contender);
        fprintf (file, "%s\n", contender + 1 < section->contenders ? "," : "");
    }
    fprintf (file, "     ]}");
}

void report_json (FILE *file, const char *title, const fact_t *facts, const section_t *sections,
                  size_t count)
{
    fprintf (file, "{\n  ");
    s_member (file, "title", "");
    s_string (file, title);
    fprintf (file, ",\n  \"environment\": {");
    for (size_t i = 0; i < ENVIRONMENT_FACTS; i++) {
        fprintf (file, "%s\n    ", i ? "," : "");
        s_member (file, facts[i].name, "");
        s_string (file, facts[i].text);
    }
    fprintf (file, "\n  },\n  \"sections\": [\n");
    for (size_t i = 0; i < count; i++) {
        s_section (file, &sections[i]);
        fprintf (file, "%s\n", i + 1 < count ? "," : "");
    }
    fprintf (file, "  ]\n}\n");
}
