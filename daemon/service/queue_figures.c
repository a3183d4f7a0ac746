/* SPDX-License-Identifier: MIT */
/* queue_figures.c - see queue_figures.h. */
#include "daemon/service/queue_figures.h"

#include <inttypes.h>
#include <stdbool.h>

#define SECOND INT64_C(1000000000)

/* All that is told, of which the families are made. */
struct queues {
    const struct gord_queue_figures *items;
    size_t count;
    FILE *out;
};

static void put_head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* As a label's value: names of queues need no escaping as they are, but that is others' business. */
static void put_escaped(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == '"') {
            (void)fputc('\\', out);
        }
        (void)fputs(*text == '\n' ? "\\n" : (const char[]){*text, '\0'}, out);
    }
}

/* The head of a sample: NAME{queue="..." without the brace that ends it. */
static void put_queue(FILE *out, const char *name, const char *suffix,
                      const struct gord_queue_figures *queue)
{
    fprintf(out, "%s%s{queue=\"", name, suffix);
    put_escaped(out, queue->name[0] != '\0' ? queue->name : GORD_QUEUE_OTHERS);
    (void)fputc('"', out);
}

static void put_jobs(const struct queues *queues)
{
    static const char name[] = "gord_queue_jobs";

    put_head(queues->out, name, "gauge", "Jobs of a queue that wait for a slot, or have one.");
    for (size_t i = 0; i < queues->count; i++) {
        put_queue(queues->out, name, "", &queues->items[i]);
        fprintf(queues->out, ",state=\"queued\"} %" PRIu64 "\n", queues->items[i].queued);
        put_queue(queues->out, name, "", &queues->items[i]);
        fprintf(queues->out, ",state=\"running\"} %" PRIu64 "\n", queues->items[i].running);
    }
}

static void put_slots(const struct queues *queues)
{
    static const char name[] = "gord_queue_slots";
    bool headed = false;

    for (size_t i = 0; i < queues->count; i++) {
        if (queues->items[i].slots == GORD_UNLIMITED) {
            continue;
        }
        if (!headed) {
            put_head(queues->out, name, "gauge",
                     "Slots of a queue; one without a limit is left out.");
            headed = true;
        }
        put_queue(queues->out, name, "", &queues->items[i]);
        fprintf(queues->out, "} %" PRIu64 "\n", queues->items[i].slots);
    }
}

/* In seconds, exactly and without zeros at the end. */
static void put_seconds(FILE *out, int64_t ns)
{
    char digits[16];
    int length = snprintf(digits, sizeof(digits), "%09" PRId64, ns % SECOND);

    while (length > 0 && digits[length - 1] == '0') {
        digits[--length] = '\0';
    }
    fprintf(out, "%" PRId64 "%s%s", ns / SECOND, length > 0 ? "." : "", digits);
}

static void put_histogram(FILE *out, const char *name, const struct gord_queue_figures *queue,
                          const struct gord_histogram *histogram)
{
    uint64_t count = 0;

    for (int i = 0; i < GORD_LATENCY_BOUNDS; i++) {
        count += histogram->counts[i];
        put_queue(out, name, "_bucket", queue);
        (void)fputs(",le=\"", out);
        put_seconds(out, gord_latency_bound_ns(i));
        fprintf(out, "\"} %" PRIu64 "\n", count);
    }
    count += histogram->counts[GORD_LATENCY_BOUNDS];
    put_queue(out, name, "_bucket", queue);
    fprintf(out, ",le=\"+Inf\"} %" PRIu64 "\n", count);
    put_queue(out, name, "_sum", queue);
    fprintf(out, "} %.9f\n", histogram->sum_ns / (double)SECOND);
    put_queue(out, name, "_count", queue);
    fprintf(out, "} %" PRIu64 "\n", count);
}

/* A family of histograms, and one that tells since when each of them counts, as Prometheus' client
 * libraries do. `place`: where they are in what is kept of a queue. */
static void put_latency(const struct queues *queues, const char *name, const char *help,
                        size_t place)
{
    char created[64];

    put_head(queues->out, name, "histogram", help);
    for (size_t i = 0; i < queues->count; i++) {
        const struct gord_queue_figures *queue = &queues->items[i];
        if (queue->has_latency) {
            put_histogram(queues->out, name, queue,
                          (const void *)((const char *)&queue->latency + place));
        }
    }
    snprintf(created, sizeof(created), "%s_created", name);
    put_head(queues->out, created, "gauge", "Since when that is counted, as a Unix time.");
    for (size_t i = 0; i < queues->count; i++) {
        const struct gord_queue_figures *queue = &queues->items[i];
        if (queue->has_latency) {
            put_queue(queues->out, created, "", queue);
            (void)fputs("} ", queues->out);
            put_seconds(queues->out, queue->latency.since_ns);
            (void)fputc('\n', queues->out);
        }
    }
}

static bool have_latency(const struct queues *queues)
{
    for (size_t i = 0; i < queues->count; i++) {
        if (queues->items[i].has_latency) {
            return true;
        }
    }
    return false;
}

void gord_queue_figures_write(const struct gord_queue_figures *queues, size_t count, FILE *out)
{
    const struct queues all = {queues, count, out};

    put_jobs(&all);
    put_slots(&all);
    if (have_latency(&all)) {
        put_latency(&all, "gord_queue_wait_seconds",
                    "How long jobs of a queue waited for their start, once they might.",
                    offsetof(struct gord_latency, wait));
        put_latency(&all, "gord_queue_run_seconds", "How long attempts of jobs of a queue ran.",
                    offsetof(struct gord_latency, run));
    }
}
