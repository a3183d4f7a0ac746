/* SPDX-License-Identifier: MIT */
/* Request ids in the store: written with their jobs, also of a job whose history is old, and kept for a day
 * from when they were made. */
#include "daemon/job/history.h"
#include "daemon/service/differ.h"
#include "daemon/service/import_inside.h"
#include "daemon/service/request.h"
#include "tests/daemon/stores.h"

#define HOUR ((int64_t)3600 * 1000000000)
#define NOON ((int64_t)1000000 * HOUR)

static struct gord_request *request_of(uint8_t name, int64_t at_ns)
{
    struct gord_request *request = calloc(1, sizeof *request);
    CHECK(request != NULL);
    *request = (struct gord_request){
        .id = {name}, .count = 1, .at_ns = at_ns, .digest = UINT64_MAX - name};
    return request;
}

/* A job that ended at `ended_ns` and is taken at `now_ns`. */
static uint64_t take(struct box *box, uint8_t name, int64_t ended_ns, int64_t now_ns)
{
    struct gord_spec *spec = native_spec("", 0);
    uint64_t id = gord_job_next_id(box->table);
    struct gord_event *events[2] = {
        gord_event_submitted(id, spec, 1000),
        gord_event_finished(id, GOR__V1__OUTCOME__CANCELLED, 0, 0, "before it began")};
    gord_spec_unref(spec);
    CHECK(events[0] != NULL && events[1] != NULL);
    events[0]->at_ns = events[1]->at_ns = ended_ns;
    events[0]->request = request_of(name, now_ns);
    CHECK_EQ(gord_history_complete(events, 2), 2);
    gord_history_number(box->table, events, 2);
    gord_store_begin_group(box->store);
    for (int i = 0; i < 2; i++) {
        gord_store_put(box->store, events[i]);
        gord_event_unref(events[i]);
    }
    gord_store_end_group(box->store);
    return id;
}

static void submit_named(struct box *box, uint8_t name, int64_t at_ns)
{
    struct gord_spec *spec = native_spec("", 0);
    uint64_t id = gord_job_next_id(box->table);
    struct gord_event *event = gord_event_submitted(id, spec, 1000);
    event->at_ns = at_ns;
    event->request = request_of(name, 0);
    box_put(box, event);
    gord_spec_unref(spec);
}

/* The job, and the digest of what was handed in; 0: it is not known. */
static uint64_t find_with(struct box *box, uint8_t name, uint32_t uid, uint64_t *out_digest)
{
    const uint8_t id[GORD_REQUEST_BYTES] = {name};
    struct gord_reader *reader = box_reader(box);
    uint64_t first = 0;
    struct gord_request request = {.count = 0};
    box_settle(box);
    int result = gord_reader_request(reader, id, uid, &first, &request);
    CHECK(result == 0 || result == -ENOENT);
    CHECK_EQ(request.count, first != 0);
    *out_digest = request.digest;
    gord_reader_close(reader);
    return first;
}

static uint64_t find(struct box *box, uint8_t name, uint32_t uid)
{
    uint64_t digest;
    return find_with(box, name, uid, &digest);
}

TEST(request_of_an_ended_job_outlives_a_restart)
{
    const char *dir = fresh_dir();
    struct box box;
    CHECK_EQ(box_open(&box, dir, false), 0);
    uint64_t digest = 0;
    uint64_t id = take(&box, 1, NOON - 1000 * HOUR, NOON);
    CHECK_EQ(find_with(&box, 1, 1000, &digest), id);
    CHECK_EQ(digest, UINT64_MAX - 1);
    CHECK_EQ(find(&box, 1, 1001), 0); /* another's */
    CHECK_EQ(find(&box, 2, 1000), 0);
    CHECK_EQ(box_close(&box), 0);
    CHECK_EQ(box_open(&box, dir, false), 0);
    CHECK_EQ(find(&box, 1, 1000), id);
    CHECK_EQ(box_close(&box), 0);
}

TEST(request_is_kept_for_a_day_from_when_it_was_made)
{
    struct box box;
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    submit_named(&box, 1, NOON - HOUR);
    uint64_t id = take(&box, 2, NOON - 1000 * HOUR, NOON);
    submit_named(&box, 3, NOON + 23 * HOUR + HOUR / 2); /* sweeps */
    CHECK_EQ(find(&box, 1, 1000), 0);
    CHECK_EQ(find(&box, 2, 1000), id);
    take(&box, 4, NOON - 1000 * HOUR, NOON + 26 * HOUR); /* does, too */
    CHECK_EQ(find(&box, 2, 1000), 0);
    CHECK(find(&box, 3, 1000) != 0);
    CHECK_EQ(box_close(&box), 0);
}

static void name_job(uint8_t import, uint8_t last, uint64_t id, int64_t created_ns,
                     uint8_t out[GORD_REQUEST_BYTES])
{
    uint8_t of[GORD_REQUEST_BYTES] = {import};
    Gor__V1__Job job = GOR__V1__JOB__INIT;
    of[GORD_REQUEST_BYTES - 1] = last;
    job.id = id;
    job.created_ns = created_ns;
    gord_import_name_job(of, &job, out);
}

TEST(jobs_of_imports_have_ids_that_nothing_else_has)
{
    enum { IMPORTS = 4, JOBS = 40, ALL = 2 * IMPORTS * JOBS * 2 };
    static uint8_t names[ALL][GORD_REQUEST_BYTES];
    size_t count = 0;
    for (int import = 0; import < IMPORTS; import++) {
        for (uint64_t id = 1; id <= JOBS; id++) {
            for (int64_t at_ns = 0; at_ns < 2; at_ns++) {
                name_job((uint8_t)import, 0, id, at_ns, names[count++]);
                name_job(0, (uint8_t)(import + 1), id, at_ns, names[count++]);
            }
        }
    }
    CHECK_EQ(count, ALL);
    for (size_t i = 0; i < count; i++) {
        uint64_t rest = 0;
        memcpy(&rest, names[i] + 1, sizeof(rest)); /* of an id that somebody chose it would be 0 */
        CHECK(rest != 0);
        for (size_t j = 0; j < i; j++) {
            CHECK(memcmp(names[i], names[j], GORD_REQUEST_BYTES) != 0);
        }
    }
    uint8_t again[GORD_REQUEST_BYTES];
    name_job(0, 0, 1, 0, again); /* the same each time */
    CHECK(memcmp(names[0], again, sizeof(again)) == 0);
}

static uint64_t digest_of(const Gor__V1__JobSpec *spec, size_t times)
{
    static uint8_t bytes[GORD_REQUEST_BYTES] = "an id of its own";
    const ProtobufCBinaryData id = {sizeof(bytes), bytes};
    Gor__V1__JobSpec *specs[] = {(Gor__V1__JobSpec *)(uintptr_t)spec,
                                 (Gor__V1__JobSpec *)(uintptr_t)spec};
    return gord_request_digest(&id, specs, times);
}

TEST(request_digest_tells_what_is_to_be_done)
{
    ProtobufCBinaryData words[] = {{4, (uint8_t *)(uintptr_t) "true"}};
    ProtobufCBinaryData variables[] = {{3, (uint8_t *)(uintptr_t) "A=1"}};
    Gor__V1__ExecSpec exec = GOR__V1__EXEC_SPEC__INIT;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    const ProtobufCBinaryData none = {0, NULL};
    Gor__V1__JobSpec *specs[] = {&spec};
    exec.n_argv = 1;
    exec.argv = words;
    spec.kind_case = GOR__V1__JOB_SPEC__KIND_EXEC;
    spec.exec = &exec;
    uint64_t digest = digest_of(&spec, 1);
    CHECK(digest != 0);
    CHECK_EQ(digest_of(&spec, 1), digest);
    CHECK(digest_of(&spec, 2) != digest);
    CHECK_EQ(gord_request_digest(&none, specs, 1), 0);

    exec.n_env = 1; /* what goes along by itself, and moments */
    exec.env = variables;
    exec.umask_plus_1 = 1;
    spec.not_before_ns = spec.start_before_ns = spec.deadline_ns = 7;
    CHECK_EQ(digest_of(&spec, 1), digest);
    CHECK_EQ(exec.n_env, 1);

    spec.delay_ns = 1;
    CHECK(digest_of(&spec, 1) != digest);
    spec.delay_ns = 0;
    words[0].data = (uint8_t *)(uintptr_t) "fail";
    CHECK(digest_of(&spec, 1) != digest);
}

TEST(request_without_a_digest_is_taken_for_the_same)
{
    struct gord_request_known known = {.first_id = 9, .count = 1};
    struct gord_refusal why = {.text = ""};
    struct gord_request_what what = {NULL, 2, 5};
    CHECK(gord_request_is_same(NULL, &known, &what, &why)); /* from before there were digests */
    known.digest = 4;
    what.digest = 0;
    CHECK(gord_request_is_same(NULL, &known, &what, &why));
    what.digest = 4;
    CHECK(gord_request_is_same(NULL, &known, &what, &why));
    what.digest = 5;
    CHECK(!gord_request_is_same(NULL, &known, &what, &why));
    CHECK_EQ(why.status, WIRE_ALREADY_EXISTS);
    CHECK(strstr(why.text, "that of job 9, which") != NULL);
    CHECK(strstr(why.text, "not as many jobs") != NULL);
}

TEST(differ_names_fields_in_the_messages_that_both_have)
{
    ProtobufCBinaryData words[] = {{4, (uint8_t *)(uintptr_t) "true"}};
    Gor__V1__ExecSpec exec = GOR__V1__EXEC_SPEC__INIT, other = exec;
    Gor__V1__NativeSpec native = GOR__V1__NATIVE_SPEC__INIT;
    Gor__V1__RetryPolicy retry = GOR__V1__RETRY_POLICY__INIT;
    Gor__V1__JobSpec a = GOR__V1__JOB_SPEC__INIT, b = a;
    char text[64];
    a.kind_case = b.kind_case = GOR__V1__JOB_SPEC__KIND_EXEC;
    a.exec = &exec;
    b.exec = &other;
    gord_differ(&a.base, &b.base, text, sizeof(text));
    CHECK_STR(text, "");
    b.priority = -1;
    b.retry = &retry;
    other.n_argv = 1;
    other.argv = words;
    other.cwd = (ProtobufCBinaryData){1, (uint8_t *)(uintptr_t) "/"};
    other.stdin_pipe = true;
    gord_differ(&a.base, &b.base, text, sizeof(text));
    CHECK(strstr(text, "exec.argv") != NULL && strstr(text, "exec.cwd") != NULL);
    CHECK(strstr(text, "exec.stdin_pipe") != NULL);
    CHECK(strstr(text, "priority") != NULL && strstr(text, "retry") != NULL);
    char narrow[12]; /* what has no room is left out */
    gord_differ(&a.base, &b.base, narrow, sizeof(narrow));
    CHECK(strlen(narrow) < sizeof(narrow) && strstr(text, narrow) != NULL);
    a = b;
    b.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    b.native = &native;
    gord_differ(&a.base, &b.base, text, sizeof(text));
    CHECK_STR(text, "exec, native");
}
