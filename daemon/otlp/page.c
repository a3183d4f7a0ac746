/* SPDX-License-Identifier: MIT */
/* page.c - see page.h. */
#include "daemon/otlp/page.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/grow.h"

/* ---- heads */

/* The word before the next space, which becomes its end; *text goes behind it. */
static char *cut_word(char **text)
{
    char *word = *text;
    char *space = strchr(word, ' ');

    if (space == NULL) {
        *text = word + strlen(word);
    } else {
        *space = '\0';
        *text = space + 1;
    }
    return word;
}

static int add_family(struct gord_page *page, const char *name, const char *help)
{
    int result =
        gord_grow(&page->families, page->family_count, &page->family_room, sizeof(*page->families));

    if (result == 0) {
        page->families[page->family_count++] =
            (struct gord_family){.name = name, .help = help, .samples = page->sample_count};
    }
    return result;
}

static int set_type(struct gord_page *page, const char *name, const char *type)
{
    static const char *const types[] = {[GORD_METRIC_GAUGE] = "gauge",
                                        [GORD_METRIC_COUNTER] = "counter",
                                        [GORD_METRIC_HISTOGRAM] = "histogram"};
    struct gord_family *family =
        page->family_count > 0 ? &page->families[page->family_count - 1] : NULL;

    if (family == NULL || strcmp(family->name, name) != 0) {
        return -EBADMSG;
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(type, types[i]) == 0) {
            family->type = (enum gord_metric_type)i;
            return 0;
        }
    }
    return -EBADMSG;
}

/* "# HELP NAME TEXT" begins a family, "# TYPE NAME TYPE" goes on. Other comments are nobody's. */
static int read_comment(struct gord_page *page, char *line)
{
    (void)cut_word(&line);
    const char *what = cut_word(&line);

    if (strcmp(what, "HELP") == 0) {
        const char *name = cut_word(&line);
        return add_family(page, name, line);
    }
    if (strcmp(what, "TYPE") == 0) {
        const char *name = cut_word(&line);
        return set_type(page, name, line);
    }
    return 0;
}

/* ---- samples */

/* The value behind an opening quote, without what escapes; *text goes behind the closing one. NULL: there
 * is none. */
static char *cut_value(char **text)
{
    char *value = *text;
    char *to = value;

    for (char *from = value; *from != '\0'; from++) {
        if (*from == '"') {
            *text = from + 1;
            *to = '\0';
            return value;
        }
        if (*from == '\\' && from[1] != '\0') {
            from++;
            *to++ = *from == 'n' ? '\n' : *from;
        } else {
            *to++ = *from;
        }
    }
    return NULL;
}

/* What is between the braces, of which the first is cut off. */
static int read_labels(struct gord_page *page, char **text)
{
    while (**text != '}') {
        char *name = *text;
        char *equals = strchr(name, '=');
        if (equals == NULL || equals[1] != '"') {
            return -EBADMSG;
        }
        *equals = '\0';
        *text = equals + 2;
        const char *value = cut_value(text);
        if (value == NULL) {
            return -EBADMSG;
        }
        int result =
            gord_grow(&page->labels, page->label_count, &page->label_room, sizeof(*page->labels));
        if (result != 0) {
            return result;
        }
        page->labels[page->label_count++] = (struct gord_label){name, value};
        *text += **text == ',';
    }
    (*text)++;
    return 0;
}

static int read_sample(struct gord_page *page, char *line)
{
    struct gord_sample sample = {.name = line, .labels = page->label_count};
    char *end = line + strcspn(line, "{ ");
    bool labelled = *end == '{';
    int result = page->family_count > 0 && *end != '\0' ? 0 : -EBADMSG;

    if (result == 0) {
        *end++ = '\0';
        result = labelled ? read_labels(page, &end) : 0;
    }
    if (result == 0) {
        result = gord_grow(&page->samples, page->sample_count, &page->sample_room,
                           sizeof(*page->samples));
    }
    if (result == 0) {
        sample.value = end + strspn(end, " ");
        sample.label_count = page->label_count - sample.labels;
        page->samples[page->sample_count++] = sample;
        page->families[page->family_count - 1].sample_count++;
    }
    return result;
}

/* ---- the whole */

int gord_page_read(char *text, struct gord_page *out_page)
{
    struct gord_page page = {0};
    int result = 0;

    while (result == 0 && *text != '\0') {
        char *line = text;
        char *end = strchr(text, '\n');
        if (end == NULL) {
            result = -EBADMSG;
            break;
        }
        *end = '\0';
        text = end + 1;
        if (*line == '#') {
            result = read_comment(&page, line);
        } else if (*line != '\0') {
            result = read_sample(&page, line);
        }
    }
    if (result != 0) {
        gord_page_fini(&page);
        return result;
    }
    *out_page = page;
    return 0;
}

void gord_page_fini(struct gord_page *page)
{
    free(page->families);
    free(page->samples);
    free(page->labels);
    *page = (struct gord_page){0};
}

const struct gord_family *gord_page_find(const struct gord_page *page, const char *name)
{
    for (size_t i = 0; i < page->family_count; i++) {
        if (strcmp(page->families[i].name, name) == 0) {
            return &page->families[i];
        }
    }
    return NULL;
}
