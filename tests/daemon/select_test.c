/* SPDX-License-Identifier: MIT */
/* What a filter finds, page by page, against a naive look at the same random jobs. */
#include <errno.h>

#include "daemon/job/queues.h"
#include "daemon/store/match.h"
#include "tests/daemon/stores.h"

enum { JOBS = 300, ROUNDS = 400, KEYS = 3, PARENTS = 3 };

/* What the naive look knows of a job; labels[k] is 0 for none, else the digit of its value. */
struct known {
    uint64_t id;
    int64_t created_ns, finished_ns;
    uint32_t uid;
    int state, outcome, exit_code;
    int name, queue;
    uint64_t parent_id;
    bool is_lua;
    int labels[KEYS];
};

static struct known known[JOBS + 1];
static uint64_t seed;

static unsigned draw(unsigned below)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(seed >> 33) % below;
}

static const char *const names[] = {"", "build", "rebuild", "test"};
static const char *const queues[] = {"default", "fast", "slow"};
static const char *const keys[KEYS] = {"team", "tier", "x"};
static const char *const values[] = {"", "0", "1", "2"};

/* A native or a Lua spec, with fields before and after the queue. */
static struct gord_spec *spec_of(const struct known *job)
{
    Gor__V1__NativeSpec native = GOR__V1__NATIVE_SPEC__INIT;
    Gor__V1__LuaSpec lua = GOR__V1__LUA_SPEC__INIT;
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    Gor__V1__JobSpec__LabelsEntry entries[KEYS], *list[KEYS];
    struct gord_spec *spec = NULL;
    native.function = (char *)"builtin.echo";
    lua.script = (ProtobufCBinaryData){8, (uint8_t *)"return 1"};
    wire.kind_case = job->is_lua ? GOR__V1__JOB_SPEC__KIND_LUA : GOR__V1__JOB_SPEC__KIND_NATIVE;
    if (job->is_lua) {
        wire.lua = &lua;
    } else {
        wire.native = &native;
    }
    wire.parent_id = job->parent_id;
    wire.timeout_ns = 1000000007;
    wire.name = (char *)names[job->name];
    wire.queue = (char *)(job->queue > 0 || draw(2) == 0 ? queues[job->queue] : "");
    wire.priority = draw(2) == 0 ? -3 : 0;
    wire.labels = list;
    for (int k = 0; k < KEYS; k++) {
        if (job->labels[k] != 0) {
            gor__v1__job_spec__labels_entry__init(&entries[k]);
            entries[k].key = (char *)keys[k];
            entries[k].value = (char *)values[job->labels[k]];
            list[wire.n_labels++] = &entries[k];
        }
    }
    CHECK_EQ(gord_spec_from_wire(&wire, NULL, &spec), 0);
    return spec;
}

static void put_job(struct box *box, struct known *job)
{
    *job = (struct known){.uid = 1000 + draw(2), .name = (int)draw(4), .queue = (int)draw(3)};
    for (int k = 0; k < KEYS; k++) {
        job->labels[k] = (int)draw(4);
    }
    job->is_lua = draw(3) == 0;
    job->parent_id = draw(2) == 0 ? 1 + draw(PARENTS) : 0;
    struct gord_spec *spec = spec_of(job);
    job->id = gord_job_next_id(box->table);
    box_put(box, gord_event_submitted(job->id, spec, job->uid));
    box_put(box, gord_event_new(GORD_EVENT_QUEUED, job->id, NULL));
    gord_spec_unref(spec);
    job->state = GOR__V1__JOB_STATE__RUNNABLE;
}

/* Some start, and some of those end. */
static void run_job(struct box *box, struct known *job)
{
    if (draw(4) == 0) {
        return;
    }
    box_put(box, gord_event_started(job->id, job->id, 0, 0));
    job->state = GOR__V1__JOB_STATE__RUNNING;
    if (draw(4) != 0) {
        static const int outcomes[] = {GOR__V1__OUTCOME__SUCCEEDED, GOR__V1__OUTCOME__FAILED,
                                       GOR__V1__OUTCOME__CANCELLED};
        job->outcome = outcomes[draw(3)];
        job->exit_code = job->outcome == GOR__V1__OUTCOME__FAILED ? 1 + (int)draw(3) : 0;
        job->state = GOR__V1__JOB_STATE__TERMINATED;
        box_put(box, gord_event_finished(job->id, (Gor__V1__Outcome)job->outcome, job->exit_code, 0,
                                         ""));
    }
}

static void fill(struct box *box)
{
    for (size_t i = 0; i < sizeof queues / sizeof *queues; i++) {
        CHECK_EQ(gord_queues_set(box->table, GORD_QUEUE, queues[i], GORD_UNLIMITED), 0);
    }
    for (unsigned i = 0; i < JOBS; i++) {
        put_job(box, &known[i]);
    }
    box_settle(box);
    while (gord_job_take(box->table, GORD_NATIVE) != NULL) {
    }
    while (gord_job_take(box->table, GORD_LUA) != NULL) {
    }
    for (unsigned i = 0; i < JOBS; i++) {
        run_job(box, &known[i]);
    }
    box_settle(box);
}

static int learn_times(void *arg, struct gord_row *row)
{
    (void)arg;
    known[row->id - 1].created_ns = row->created_ns;
    known[row->id - 1].finished_ns = row->finished_ns;
    return 0;
}

static bool in_ranges(const struct gord_filter *filter, uint64_t id)
{
    for (size_t i = 0; i < filter->range_count; i++) {
        if (id >= filter->ranges[i].first && id <= filter->ranges[i].last) {
            return true;
        }
    }
    return filter->range_count == 0;
}

static bool has_labels(const struct gord_filter *filter, const struct known *job)
{
    for (size_t i = 0; i < filter->label_count; i++) {
        int k = 0;
        while (k < KEYS - 1 && strcmp(keys[k], filter->labels[i].key) != 0) {
            k++;
        }
        const char *value = filter->labels[i].value;
        if (job->labels[k] == 0 || (value != NULL && strcmp(values[job->labels[k]], value) != 0)) {
            return false;
        }
    }
    return true;
}

static bool ended_right(const struct gord_filter *filter, const struct known *job)
{
    bool asks =
        filter->finished_from_ns != 0 || filter->finished_to_ns != 0 || filter->exit_code_count > 0;
    if (job->state != GOR__V1__JOB_STATE__TERMINATED) {
        return !asks && (filter->outcomes == 0 || filter->states != 0);
    }
    bool code = filter->exit_code_count == 0;
    for (size_t i = 0; i < filter->exit_code_count; i++) {
        code |=
            job->outcome != GOR__V1__OUTCOME__CANCELLED && job->exit_code == filter->exit_codes[i];
    }
    return code && (filter->outcomes == 0 || (filter->outcomes & 1U << job->outcome) != 0) &&
           job->finished_ns >= filter->finished_from_ns &&
           (filter->finished_to_ns == 0 || job->finished_ns < filter->finished_to_ns);
}

static bool naive(const struct gord_filter *filter, const struct known *job)
{
    return (filter->states == 0 || (filter->states & 1U << job->state) != 0) &&
           (!filter->of_uid || filter->uid == job->uid) &&
           (filter->parent_id == 0 || filter->parent_id == job->parent_id) &&
           (filter->kinds == 0 ||
            (filter->kinds & 1U << (job->is_lua ? GORD_LUA : GORD_NATIVE)) != 0) &&
           (filter->queue == NULL || strcmp(filter->queue, queues[job->queue]) == 0) &&
           (filter->name_contains == NULL ||
            strstr(names[job->name], filter->name_contains) != NULL) &&
           job->created_ns >= filter->created_from_ns &&
           (filter->created_to_ns == 0 || job->created_ns < filter->created_to_ns) &&
           in_ranges(filter, job->id) && has_labels(filter, job) && ended_right(filter, job);
}

/* Each part is asked for in about a fourth of the rounds, so that most filters match something. */
static struct gord_filter random_filter(struct gord_id_range *ranges,
                                        struct gord_label_match *labels, int32_t *codes)
{
    struct gord_filter filter = {.limit = 1 + draw(40), .without_spec = draw(2) == 0};
    filter.states = draw(4) == 0 ? 1U << (1 + draw(GORD_STATE_COUNT - 1)) | 1U << (1 + draw(5)) : 0;
    filter.outcomes = draw(4) == 0 ? 1U << (1 + draw(3)) | 1U << (1 + draw(6)) : 0;
    filter.name_contains = draw(4) == 0 ? (draw(2) == 0 ? "build" : "e") : NULL;
    filter.queue = draw(4) == 0 ? queues[draw(3)] : NULL;
    filter.of_uid = draw(4) == 0;
    filter.uid = 1000 + draw(2);
    filter.parent_id = draw(6) == 0 ? 1 + draw(PARENTS + 1) : 0;
    filter.kinds = draw(6) == 0 ? 1 + draw((1U << GORD_ALL_KINDS) - 1) : 0;
    filter.created_from_ns = draw(6) == 0 ? known[draw(JOBS)].created_ns : 0;
    filter.created_to_ns = draw(6) == 0 ? known[draw(JOBS)].created_ns : 0;
    filter.finished_from_ns = draw(8) == 0 ? known[draw(JOBS)].finished_ns : 0;
    filter.finished_to_ns = draw(8) == 0 ? known[draw(JOBS)].finished_ns : 0;
    filter.ranges = ranges;
    for (uint64_t top = JOBS + 10; draw(3) != 0 && filter.range_count < 5 && top > 40;) {
        uint64_t last = top - draw(30);
        uint64_t first = last - draw(30);
        first = first == 0 ? 1 : first;
        ranges[filter.range_count++] = (struct gord_id_range){first, last};
        top = first - 1 > 0 && first > 60 ? first - 1 : 0;
    }
    if (draw(2) == 0) {
        filter.range_count = 0;
    }
    filter.labels = labels;
    while (draw(3) == 0 && filter.label_count < 2) {
        labels[filter.label_count++] =
            (struct gord_label_match){keys[draw(KEYS)], draw(3) == 0 ? NULL : values[1 + draw(3)]};
    }
    filter.labels = filter.label_count > 0 ? labels : NULL;
    filter.exit_codes = codes;
    if (draw(6) == 0) {
        codes[0] = (int32_t)draw(4);
        codes[1] = (int32_t)draw(4);
        filter.exit_code_count = 1 + draw(2);
    }
    return filter;
}

struct got {
    uint64_t ids[JOBS];
    size_t count;
};

static int get(void *arg, struct gord_row *row)
{
    struct got *got = arg;
    CHECK(got->count < JOBS);
    got->ids[got->count++] = row->id;
    return 0;
}

/* How many were found. */
static size_t compare(struct gord_reader *reader, struct gord_filter *filter)
{
    struct got got = {.count = 0};
    size_t expected = 0;
    do {
        size_t before = got.count;
        CHECK_EQ(gord_reader_list(reader, filter, get, &got, &filter->before_id), 0);
        CHECK_INT(got.count - before, <=, filter->limit);
    } while (filter->before_id != 0);
    for (unsigned i = JOBS; i-- > 0;) {
        if (naive(filter, &known[i])) {
            CHECK(expected < got.count && got.ids[expected] == known[i].id);
            expected++;
        }
    }
    CHECK_EQ(got.count, expected);
    return expected;
}

TEST(filters_find_what_a_naive_look_finds)
{
    struct box box;
    struct gord_filter everything = {.limit = JOBS};
    uint64_t next;
    size_t found = 0;
    seed = test_seed();
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    fill(&box);
    struct gord_reader *reader = box_reader(&box);
    CHECK_EQ(gord_reader_list(reader, &everything, learn_times, NULL, &next), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct gord_id_range ranges[8];
        struct gord_label_match labels[4];
        int32_t codes[2];
        struct gord_filter filter = random_filter(ranges, labels, codes);
        found += compare(reader, &filter);
    }
    CHECK_INT(found, >, ROUNDS); /* the filters did not miss everything */
    CHECK_EQ(gord_reader_knows(reader, JOBS), 0);
    CHECK_EQ(gord_reader_knows(reader, JOBS + 1), -ENOENT);
    CHECK_EQ(gord_reader_knows(reader, UINT64_MAX), -ENOENT);
    gord_reader_close(reader);
    CHECK_EQ(box_close(&box), 0);
}

TEST(queue_is_read_from_whole_and_broken_specs)
{
    static const uint8_t whole[] = {0x20, 0x96, 0x01, 0x52, 2, 'q', '1', 0x25, 1, 2, 3, 4};
    const char *queue = NULL;
    CHECK_EQ(gord_match_queue(whole, sizeof whole, &queue), 2);
    CHECK(queue != NULL && memcmp(queue, "q1", 2) == 0);
    for (size_t cut = 0; cut < 7; cut++) {
        CHECK_EQ(gord_match_queue(whole, cut, &queue), 0);
    }
    static const uint8_t endless[] = {0x52, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0x01};
    CHECK_EQ(gord_match_queue(endless, sizeof endless, &queue), 0);
}
