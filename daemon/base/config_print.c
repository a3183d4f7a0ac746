/* SPDX-License-Identifier: MIT */
/* config_print.c - a configuration as a file: what is in force, and what there is; see config.h. */
#include <string.h>

#include "daemon/base/config.h"
#include "runtime/gor.h"

enum { COLUMN = 40, WIDTH = 100 };

static bool is_key(enum gord_option_id id)
{
    return (gord_option_row(id)->flags & GORD_OPTION_COMMAND) == 0;
}

static void print_origin(const struct gord_config *config, enum gord_option_id id, FILE *out)
{
    const struct gord_origin *origin = &config->origin[id];

    switch (origin->source) {
    case GORD_FROM_FILE:
        fprintf(out, "# %s:%u\n", config->file, origin->line);
        break;
    case GORD_FROM_COMMAND:
        fputs("# command line\n", out);
        break;
    default:
        fputs("# default\n", out);
        break;
    }
}

void gord_config_print(const struct gord_config *config, FILE *out)
{
    char value[GORD_OPTION_TEXT];

    for (unsigned id = 0; id < GORD_OPTION_COUNT; id++) {
        const struct gord_option *option = gord_option_row((enum gord_option_id)id);
        if (is_key((enum gord_option_id)id)) {
            int used =
                fprintf(out, "%s = %s", option->name, gord_option_show(option, config, value));
            fprintf(out, "%*s", used < COLUMN ? COLUMN - used : 1, "");
            print_origin(config, (enum gord_option_id)id, out);
        }
    }
}

/* The text as lines of a comment. */
static void print_comment(const char *text, FILE *out)
{
    size_t column = 0;

    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (column != 0 && column + 1 + word > WIDTH) {
            fputc('\n', out);
            column = 0;
        }
        column += (size_t)fprintf(out, "%s%.*s", column == 0 ? "# " : " ", (int)word, text);
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static void print_key(const struct gord_option *option, FILE *out)
{
    char allowed[GORD_OPTION_WHY], line[GORD_OPTION_TEXT];

    fputc('\n', out);
    snprintf(line, sizeof(line), "%s.", option->doc);
    print_comment(line, out);
    snprintf(line, sizeof(line), "Takes %s. %s",
             gord_option_allowed(option, allowed, sizeof(allowed)),
             (option->flags & GORD_OPTION_LIVE) != 0 ? "A reload changes it."
                                                     : "A change needs a restart.");
    print_comment(line, out);
    fprintf(out, "#%s = %s\n", option->name, option->initial);
}

void gord_config_print_defaults(FILE *out)
{
    static const char *const titles[] = {"Where gord is, and who reaches it", "What it runs",
                                         "What it keeps, and tells"};
    int group = -1;

    print_comment(
        "gord.conf - what gord is told to do. Lines of the form key = value; every key is "
        "explained here and shown with its default. A comment begins with '#' at the start "
        "of a line or after a blank.",
        out);
    fputs("#\n", out);
    print_comment(
        "The options of the command line have the same names and come first. After a "
        "change: `gord --check-config` says whether it is right, `systemctl reload gord` "
        "applies it, `gord --print-config` shows what is in force. The unit gord.service gives "
        "state-dir, socket and plugin-dir, so these keys change nothing for it. See "
        "gord.conf(5).",
        out);
    for (unsigned id = 0; id < GORD_OPTION_COUNT; id++) {
        if (!is_key((enum gord_option_id)id)) {
            continue;
        }
        if (gord_option_group((enum gord_option_id)id) != group) {
            group = gord_option_group((enum gord_option_id)id);
            fprintf(out, "\n# ---- %s\n", titles[group]);
        }
        print_key(gord_option_row((enum gord_option_id)id), out);
    }
}
