/* SPDX-License-Identifier: MIT */
/* exposition.c - see exposition.h. */
#include "runtime/debug/exposition.h"

#include <inttypes.h>

void gor__metric_head(struct gor__text *text, const char *name, const char *type, const char *help)
{
    const char *const words[] = {"# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        gor__text_put(text, words[i]);
    }
}

void gor__metric_count(struct gor__text *text, const char *name, uint64_t value)
{
    gor__text_format(text, "%s %" PRIu64 "\n", name, value);
}

static void put_seconds(struct gor__text *text, int64_t ns)
{
    uint64_t size = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
    gor__text_format(text, "%s%" PRIu64 ".%09" PRIu64 "\n", ns < 0 ? "-" : "",
                     size / (uint64_t)GOR_SECOND, size % (uint64_t)GOR_SECOND);
}

void gor__metric_seconds(struct gor__text *text, const char *name, int64_t ns)
{
    gor__text_format(text, "%s ", name);
    put_seconds(text, ns);
}

static void put_escaped(struct gor__text *text, const char *value)
{
    char one[2] = "";
    for (; *value != '\0'; value++) {
        one[0] = *value == '\n' ? 'n' : *value;
        gor__text_put(text, *value == '\\' || *value == '"' || *value == '\n' ? "\\" : "");
        gor__text_put(text, one);
    }
}

void gor__metric_info(struct gor__text *text, const char *name, const char *label,
                      const char *value)
{
    gor__text_format(text, "%s{%s=\"", name, label);
    put_escaped(text, value);
    gor__text_put(text, "\"} 1\n");
}

/* Go's bounds are exclusive and those of Prometheus inclusive, so Go's library takes the largest number
 * below each; it prints so. */
static const struct {
    int64_t ns;
    const char *words;
} bounds[] = {
    {64, "6.399999999999999e-08"},      {640, "6.399999999999999e-07"},
    {7168, "7.167999999999999e-06"},    {81920, "8.191999999999999e-05"},
    {917504, "0.0009175039999999999"},  {10485760, "0.010485759999999998"},
    {117440512, "0.11744051199999998"},
};

static uint64_t count_below(const struct gor_histogram *histogram, int64_t ns)
{
    uint64_t count = 0;
    for (unsigned i = 0; gor_histogram_bound(i) < ns; i++) {
        count += histogram->buckets[i];
    }
    return count;
}

void gor__metric_histogram(struct gor__text *text, const char *name,
                           const struct gor_histogram *histogram)
{
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        gor__text_format(text, "%s_bucket{le=\"%s\"} %" PRIu64 "\n", name, bounds[i].words,
                         count_below(histogram, bounds[i].ns));
    }
    gor__text_format(text, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum ", name, histogram->count,
                     name);
    put_seconds(text, histogram->sum_ns);
    gor__text_format(text, "%s_count %" PRIu64 "\n", name, histogram->count);
}
