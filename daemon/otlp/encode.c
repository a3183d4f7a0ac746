/* SPDX-License-Identifier: MIT */
/* encode.c - see encode.h. */
#include "daemon/otlp/encode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/otlp/arena.h"
#include "daemon/otlp/page.h"
#include "gor/otlp.pb-c.h"

#define SECOND INT64_C(1000000000)

struct encoding {
    const struct gord_otlp_source *source;
    struct gord_page page;
    struct gord_arena arena;
    bool broken; /* the page is none of ours */
};

/* The type's message in the arena, as its INIT says; NULL: out of memory. */
#define MAKE(e, type, init) \
    ((type *)copy(&(e)->arena, sizeof(type), &(const type)init)) /* NOLINT(*-macro-parentheses) */

static void *copy(struct gord_arena *arena, size_t bytes, const void *from)
{
    void *made = gord_arena_take(arena, 1, bytes);

    return made != NULL ? memcpy(made, from, bytes) : NULL;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);

    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* ---- attributes */

static Gor__Otlp__Attribute *make_attribute(struct encoding *e, const char *key, const char *text)
{
    Gor__Otlp__Attribute *attribute = MAKE(e, Gor__Otlp__Attribute, GOR__OTLP__ATTRIBUTE__INIT);
    Gor__Otlp__Value *value = MAKE(e, Gor__Otlp__Value, GOR__OTLP__VALUE__INIT);

    if (attribute != NULL && value != NULL) {
        value->value_case = GOR__OTLP__VALUE__VALUE_TEXT;
        value->text = (char *)(uintptr_t)text;
        attribute->key = (char *)(uintptr_t)key;
        attribute->value = value;
    }
    return attribute;
}

/* The labels of a sample but for `le`; *out_count is 0 if there is no memory. */
static Gor__Otlp__Attribute **make_attributes(struct encoding *e, const struct gord_sample *sample,
                                              size_t *out_count)
{
    Gor__Otlp__Attribute **list =
        gord_arena_take(&e->arena, sample->label_count + 1, sizeof(*list));

    *out_count = 0;
    for (size_t i = 0; list != NULL && i < sample->label_count; i++) {
        const struct gord_label *label = &e->page.labels[sample->labels + i];
        if (strcmp(label->name, "le") != 0) {
            list[*out_count] = make_attribute(e, label->name, label->value);
            *out_count += 1;
        }
    }
    return list;
}

/* ---- times */

/* A time of the page, in seconds with at most nine digits behind the point. */
static int64_t read_ns(const char *text)
{
    char *end;
    int64_t ns = strtoll(text, &end, 10) * SECOND;
    int64_t unit = SECOND / 10;

    if (*end == '.') {
        for (end++; *end >= '0' && *end <= '9' && unit > 0; end++, unit /= 10) {
            ns += (*end - '0') * unit;
        }
    }
    return ns;
}

/* Have they the same labels, but for `le`, which stands last? */
static bool same_labels(const struct gord_page *page, const struct gord_sample *one,
                        const struct gord_sample *other)
{
    size_t count = one->label_count < other->label_count ? one->label_count : other->label_count;
    size_t more = one->label_count + other->label_count - 2 * count;
    const struct gord_sample *longer = one->label_count > count ? one : other;

    for (size_t i = 0; i < count; i++) {
        const struct gord_label *left = &page->labels[one->labels + i];
        const struct gord_label *right = &page->labels[other->labels + i];
        if (strcmp(left->name, right->name) != 0 || (strcmp(left->value, right->value) != 0)) {
            return false;
        }
    }
    return more == 0 || (more == 1 && strcmp(page->labels[longer->labels + count].name, "le") == 0);
}

/* Since when the series counts that the sample belongs to; never after now, which a clock that was set back
 * would make it. */
static uint64_t start_of(const struct encoding *e, const struct gord_family *created,
                         const struct gord_sample *sample)
{
    int64_t start_ns = e->source->start_ns;

    for (size_t i = 0; created != NULL && i < created->sample_count; i++) {
        const struct gord_sample *other = &e->page.samples[created->samples + i];
        if (same_labels(&e->page, sample, other)) {
            start_ns = read_ns(other->value);
            break;
        }
    }
    return (uint64_t)(start_ns < e->source->at_ns ? start_ns : e->source->at_ns);
}

static const struct gord_family *created_of(const struct encoding *e,
                                            const struct gord_family *family)
{
    char name[128];
    int length = snprintf(name, sizeof(name), "%s_created", family->name);

    return length < (int)sizeof(name) ? gord_page_find(&e->page, name) : NULL;
}

/* ---- gauges and sums */

/* Whole numbers are told as such, but where the unit has parts: one series shall not change its type. */
static void set_value(Gor__Otlp__Point *point, const char *text, bool whole)
{
    char *end;

    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (whole && errno == 0 && *end == '\0') {
        point->value_case = GOR__OTLP__POINT__VALUE_AS_INT;
        point->as_int = value;
    } else {
        point->value_case = GOR__OTLP__POINT__VALUE_AS_DOUBLE;
        point->as_double = strtod(text, NULL);
    }
}

static Gor__Otlp__Point **make_points(struct encoding *e, const struct gord_family *family,
                                      bool whole)
{
    const struct gord_family *created = created_of(e, family);
    Gor__Otlp__Point **points =
        gord_arena_take(&e->arena, family->sample_count + 1, sizeof(Gor__Otlp__Point *));

    for (size_t i = 0; points != NULL && i < family->sample_count; i++) {
        const struct gord_sample *sample = &e->page.samples[family->samples + i];
        Gor__Otlp__Point *point = MAKE(e, Gor__Otlp__Point, GOR__OTLP__POINT__INIT);
        if (point == NULL) {
            return NULL;
        }
        point->attributes = make_attributes(e, sample, &point->n_attributes);
        point->at_ns = (uint64_t)e->source->at_ns;
        if (family->type == GORD_METRIC_COUNTER) {
            point->start_ns = start_of(e, created, sample);
        }
        set_value(point, sample->value, whole);
        points[i] = point;
    }
    return points;
}

/* ---- histograms */

/* A point of the series that the sample belongs to, with room for so many buckets. */
static Gor__Otlp__HistogramPoint *begin_histogram(struct encoding *e,
                                                  const struct gord_family *created,
                                                  const struct gord_sample *sample, size_t room)
{
    Gor__Otlp__HistogramPoint *point =
        MAKE(e, Gor__Otlp__HistogramPoint, GOR__OTLP__HISTOGRAM_POINT__INIT);

    if (point == NULL) {
        return NULL;
    }
    point->attributes = make_attributes(e, sample, &point->n_attributes);
    point->start_ns = start_of(e, created, sample);
    point->at_ns = (uint64_t)e->source->at_ns;
    point->counts = gord_arena_take(&e->arena, room, sizeof(*point->counts));
    point->bounds = gord_arena_take(&e->arena, room, sizeof(*point->bounds));
    return point->counts != NULL && point->bounds != NULL ? point : NULL;
}

/* One more bucket; those of the page have in them what is in the ones before. */
static void add_bucket(struct encoding *e, Gor__Otlp__HistogramPoint *point,
                       const struct gord_sample *sample, uint64_t *before)
{
    const struct gord_label *le =
        sample->label_count > 0 ? &e->page.labels[sample->labels + sample->label_count - 1] : NULL;
    uint64_t count = strtoull(sample->value, NULL, 10);

    if (le == NULL || strcmp(le->name, "le") != 0 || count < *before) {
        e->broken = true;
        return;
    }
    point->counts[point->n_counts++] = count - *before;
    *before = count;
    if (strcmp(le->value, "+Inf") != 0) {
        point->bounds[point->n_bounds++] = strtod(le->value, NULL);
    }
}

/* The samples of a series stand together: buckets, sum, count. *out_count: how many series there are. */
static Gor__Otlp__HistogramPoint **
make_histograms(struct encoding *e, const struct gord_family *family, size_t *out_count)
{
    const struct gord_family *created = created_of(e, family);
    Gor__Otlp__HistogramPoint **points =
        gord_arena_take(&e->arena, family->sample_count + 1, sizeof(Gor__Otlp__HistogramPoint *));
    Gor__Otlp__HistogramPoint *point = NULL;
    uint64_t before = 0;

    *out_count = 0;
    for (size_t i = 0; points != NULL && i < family->sample_count && !e->broken; i++) {
        const struct gord_sample *sample = &e->page.samples[family->samples + i];
        if (point == NULL) {
            point = begin_histogram(e, created, sample, family->sample_count - i);
            if (point == NULL) {
                return NULL;
            }
            before = 0;
        }
        if (ends_with(sample->name, "_bucket")) {
            add_bucket(e, point, sample, &before);
        } else if (ends_with(sample->name, "_sum")) {
            point->has_sum_case = GOR__OTLP__HISTOGRAM_POINT__HAS_SUM_SUM;
            point->sum = strtod(sample->value, NULL);
        } else {
            point->count = strtoull(sample->value, NULL, 10);
            e->broken = point->count != before || point->n_counts != point->n_bounds + 1;
            points[*out_count] = point;
            *out_count += 1;
            point = NULL;
        }
    }
    e->broken = e->broken || point != NULL;
    return points;
}

/* ---- metrics */

/* UCUM's word for what a name ends in. */
static const char *unit_of(const char *name)
{
    if (ends_with(name, "_seconds") || ends_with(name, "_seconds_total")) {
        return "s";
    }
    return ends_with(name, "_bytes") || ends_with(name, "_bytes_total") ? "By" : "";
}

static void fill_sum(struct encoding *e, const struct gord_family *family,
                     Gor__Otlp__Metric *metric)
{
    Gor__Otlp__Sum *sum = MAKE(e, Gor__Otlp__Sum, GOR__OTLP__SUM__INIT);

    if (sum != NULL) {
        sum->points = make_points(e, family, strcmp(metric->unit, "s") != 0);
        sum->n_points = sum->points != NULL ? family->sample_count : 0;
        sum->temporality = GOR__OTLP__TEMPORALITY__CUMULATIVE;
        sum->monotonic = true;
        metric->data_case = GOR__OTLP__METRIC__DATA_SUM;
        metric->sum = sum;
    }
}

static void fill_gauge(struct encoding *e, const struct gord_family *family,
                       Gor__Otlp__Metric *metric)
{
    Gor__Otlp__Gauge *gauge = MAKE(e, Gor__Otlp__Gauge, GOR__OTLP__GAUGE__INIT);

    if (gauge != NULL) {
        gauge->points = make_points(e, family, strcmp(metric->unit, "s") != 0);
        gauge->n_points = gauge->points != NULL ? family->sample_count : 0;
        metric->data_case = GOR__OTLP__METRIC__DATA_GAUGE;
        metric->gauge = gauge;
    }
}

static void fill_histogram(struct encoding *e, const struct gord_family *family,
                           Gor__Otlp__Metric *metric)
{
    Gor__Otlp__Histogram *histogram = MAKE(e, Gor__Otlp__Histogram, GOR__OTLP__HISTOGRAM__INIT);

    if (histogram != NULL) {
        histogram->points = make_histograms(e, family, &histogram->n_points);
        histogram->temporality = GOR__OTLP__TEMPORALITY__CUMULATIVE;
        metric->data_case = GOR__OTLP__METRIC__DATA_HISTOGRAM;
        metric->histogram = histogram;
    }
}

static Gor__Otlp__Metric *make_metric(struct encoding *e, const struct gord_family *family)
{
    static void (*const fills[])(struct encoding *, const struct gord_family *,
                                 Gor__Otlp__Metric *) = {[GORD_METRIC_GAUGE] = fill_gauge,
                                                         [GORD_METRIC_COUNTER] = fill_sum,
                                                         [GORD_METRIC_HISTOGRAM] = fill_histogram};
    Gor__Otlp__Metric *metric = MAKE(e, Gor__Otlp__Metric, GOR__OTLP__METRIC__INIT);

    if (metric != NULL) {
        metric->name = (char *)(uintptr_t)family->name;
        metric->description = (char *)(uintptr_t)family->help;
        metric->unit = (char *)(uintptr_t)unit_of(family->name);
        fills[family->type](e, family, metric);
    }
    return metric;
}

/* Does it only say when another one began? */
static bool is_created(const struct encoding *e, const struct gord_family *family)
{
    static const char end[] = "_created";
    char name[128];
    size_t length = strlen(family->name);

    if (!ends_with(family->name, end) || length - strlen(end) >= sizeof(name)) {
        return false;
    }
    snprintf(name, sizeof(name), "%.*s", (int)(length - strlen(end)), family->name);
    return gord_page_find(&e->page, name) != NULL;
}

/* ---- the whole */

static void fill_resource(struct encoding *e, Gor__Otlp__Resource *resource)
{
    const struct {
        const char *key, *text;
    } pairs[] = {{"service.name", "gord"},
                 {"service.version", e->source->version},
                 {"service.instance.id", e->source->instance},
                 {"host.name", e->source->host}};
    size_t count = sizeof(pairs) / sizeof(pairs[0]);

    resource->attributes = gord_arena_take(&e->arena, count, sizeof(*resource->attributes));
    for (size_t i = 0; resource->attributes != NULL && i < count; i++) {
        resource->attributes[i] = make_attribute(e, pairs[i].key, pairs[i].text);
        resource->n_attributes++;
    }
}

static void fill_scope(struct encoding *e, Gor__Otlp__OfScope *scope)
{
    scope->metrics = gord_arena_take(&e->arena, e->page.family_count + 1, sizeof(*scope->metrics));
    for (size_t i = 0; scope->metrics != NULL && i < e->page.family_count; i++) {
        const struct gord_family *family = &e->page.families[i];
        if (family->sample_count > 0 && !is_created(e, family)) {
            scope->metrics[scope->n_metrics++] = make_metric(e, family);
        }
    }
}

static int pack(struct encoding *e, void **out_message, size_t *out_bytes)
{
    Gor__Otlp__Export export = GOR__OTLP__EXPORT__INIT;
    Gor__Otlp__OfResource of_resource = GOR__OTLP__OF_RESOURCE__INIT;
    Gor__Otlp__OfResource *of_resources[] = {&of_resource};
    Gor__Otlp__Resource resource = GOR__OTLP__RESOURCE__INIT;
    Gor__Otlp__OfScope of_scope = GOR__OTLP__OF_SCOPE__INIT;
    Gor__Otlp__OfScope *of_scopes[] = {&of_scope};
    Gor__Otlp__Scope scope = GOR__OTLP__SCOPE__INIT;

    fill_resource(e, &resource);
    fill_scope(e, &of_scope);
    if (e->arena.failed || e->broken) {
        return e->broken ? -EBADMSG : -ENOMEM;
    }
    scope.name = (char *)"gord";
    scope.version = (char *)(uintptr_t)e->source->version;
    of_scope.scope = &scope;
    of_resource.resource = &resource;
    of_resource.of_scopes = of_scopes;
    of_resource.n_of_scopes = 1;
    export.of_resources = of_resources;
    export.n_of_resources = 1;
    size_t bytes = gor__otlp__export__get_packed_size(&export);
    uint8_t *message = malloc(bytes);
    if (message == NULL) {
        return -ENOMEM;
    }
    *out_bytes = gor__otlp__export__pack(&export, message);
    *out_message = message;
    return 0;
}

int gord_otlp_encode(const struct gord_otlp_source *source, char *page, void **out_message,
                     size_t *out_bytes)
{
    struct encoding e = {.source = source};
    int result = gord_page_read(page, &e.page);

    if (result != 0) {
        return result;
    }
    gord_arena_init(&e.arena);
    result = pack(&e, out_message, out_bytes);
    gord_arena_fini(&e.arena);
    gord_page_fini(&e.page);
    return result;
}

int gord_otlp_read_reply(const void *reply, size_t reply_bytes, uint64_t *out_rejected,
                         char *out_text, size_t bytes)
{
    Gor__Otlp__ExportReply *read = gor__otlp__export_reply__unpack(NULL, reply_bytes, reply);

    if (read == NULL) {
        return -EBADMSG;
    }
    const Gor__Otlp__Partly *partly = read->partly;
    *out_rejected =
        partly != NULL && partly->rejected_points > 0 ? (uint64_t)partly->rejected_points : 0;
    snprintf(out_text, bytes, "%s", partly != NULL ? partly->message : "");
    gor__otlp__export_reply__free_unpacked(read, NULL);
    return 0;
}
