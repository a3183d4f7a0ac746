/* SPDX-License-Identifier: MIT */
/* trace_test.c - tracing on and off: who is refused, that nothing is lost, that snapshots are taken while
 * everything goes on, and what a crash leaves behind. What traces say is for tests/trace/. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "tests/runtime/child.h"
#include "tests/runtime/help.h"
#include "tests/runtime/wire_reader.h"

/* What was written. */
struct sink {
    uint8_t *bytes;
    size_t count;
    size_t calls;
    int answer;
};

static int take(void *arg, const void *bytes, size_t count)
{
    struct sink *sink = arg;
    sink->calls++;
    if (sink->answer < 0) {
        return sink->answer;
    }
    sink->bytes = realloc(sink->bytes, sink->count + count);
    CHECK(sink->bytes != NULL);
    memcpy(sink->bytes + sink->count, bytes, count);
    sink->count += count;
    return 0;
}

/* Packets, each of which is whole; how many events (TracePacket.track_event) there are. */
static size_t count_events(const struct sink *sink)
{
    struct wire_reader trace = {.at = sink->bytes, .end = sink->bytes + sink->count};
    size_t events = 0;
    while (wire_next(&trace)) {
        CHECK_EQ(trace.field, 1);
        struct wire_reader packet = wire_inside(&trace);
        while (wire_next(&packet)) {
            events += packet.field == 11;
        }
    }
    return events;
}

static void empty(struct sink *sink)
{
    free(sink->bytes);
    *sink = (struct sink){0};
}

enum { ROUNDS = 200 };

static void answer_all(void *arg)
{
    struct gor_chan **pair = arg;
    for (int i = 0; i < ROUNDS; i++) {
        send_int(pair[1], recv_int(pair[0]) + 1);
    }
}

/* Goroutines that wake each other. */
static void do_work(void)
{
    struct gor_chan *pair[2] = {new_chan(sizeof(int), 0), new_chan(sizeof(int), 0)};
    gor_id_t id = spawn_id(answer_all, pair);
    for (int i = 0; i < ROUNDS; i++) {
        send_int(pair[0], i);
        CHECK_EQ(recv_int(pair[1]), i + 1);
    }
    await_end(id);
    gor_chan_unref(pair[0]);
    gor_chan_unref(pair[1]);
}

TEST(trace_without_a_runtime_is_refused)
{
    struct sink sink = {0};
    CHECK_EQ(gor_trace_start(NULL, take, &sink), -ESRCH);
    CHECK_EQ(gor_trace_stop(NULL), -ESRCH);
    CHECK_EQ(gor_trace_flight_start(NULL), -ESRCH);
    CHECK_EQ(gor_trace_flight_stop(), -ESRCH);
    CHECK_EQ(gor_trace_snapshot(0, take, &sink, NULL), -ESRCH);
    CHECK(!gor_trace_on());
    gor_trace_log("nobody", "listens");
    gor_trace_begin("nothing");
    gor_trace_end();
    CHECK_EQ(sink.calls, 0);
}

GO_TEST(trace_states_are_kept_apart)
{
    struct sink sink = {0};
    CHECK_EQ(gor_trace_start(NULL, NULL, &sink), -EINVAL);
    CHECK_EQ(gor_trace_snapshot(0, NULL, &sink, NULL), -EINVAL);
    CHECK_EQ(gor_trace_snapshot(-1, take, &sink, NULL), -EINVAL);
    CHECK_EQ(gor_trace_start(NULL, take, &sink), 0);
    CHECK(gor_trace_on());
    CHECK_EQ(gor_trace_start(NULL, take, &sink), -EBUSY);
    CHECK_EQ(gor_trace_flight_start(NULL), 0);
    CHECK_EQ(gor_trace_flight_start(NULL), -EBUSY);
    CHECK_EQ(gor_trace_stop(NULL), 0);
    CHECK_EQ(gor_trace_stop(NULL), -ESRCH);
    CHECK(gor_trace_on());
    CHECK_EQ(gor_trace_flight_stop(), 0);
    CHECK_EQ(gor_trace_flight_stop(), -ESRCH);
    CHECK(!gor_trace_on());
    empty(&sink);
}

GO_TEST(trace_tells_of_all_that_happened)
{
    struct sink sink = {0};
    struct gor_trace_summary summary;
    for (int turn = 0; turn < 3; turn++) {
        CHECK_EQ(gor_trace_start(NULL, take, &sink), 0);
        do_work();
        CHECK_EQ(gor_trace_stop(&summary), 0);
        CHECK_EQ(summary.lost, 0);
        CHECK_EQ(summary.bytes, sink.count);
        CHECK_INT(summary.events, >=, 2 * ROUNDS);
        CHECK_INT(count_events(&sink), >=, 4 * ROUNDS);
        empty(&sink);
    }
}

GO_TEST(trace_stops_writing_when_it_cannot)
{
    struct sink sink = {.answer = -ENOSPC};
    CHECK_EQ(gor_trace_start(NULL, take, &sink), 0);
    do_work();
    CHECK_EQ(gor_trace_stop(NULL), -ENOSPC);
    CHECK_EQ(sink.calls, 1);
    CHECK_EQ(gor_trace_flight_start(NULL), 0);
    CHECK_EQ(gor_trace_snapshot(0, take, &sink, NULL), -ENOSPC);
    CHECK_EQ(gor_trace_flight_stop(), 0);
}

GO_TEST(trace_to_a_file_that_is_full_says_so)
{
    FILE *file = fopen("/dev/full", "we");
    CHECK(file != NULL);
    CHECK_EQ(gor_trace_start(NULL, gor_trace_to_file, file), 0);
    CHECK_EQ(gor_trace_stop(NULL), -ENOSPC);
    (void)fclose(file);
}

/* A write that is held up, so that the buffers, as small as they get, overflow. */
struct gate {
    struct sink sink;
    _Atomic bool reached;
    _Atomic bool open;
};

static int take_behind_gate(void *arg, const void *bytes, size_t count)
{
    struct gate *gate = arg;
    atomic_store(&gate->reached, true);
    while (!atomic_load(&gate->open)) {
        (void)usleep(1000);
    }
    return take(&gate->sink, bytes, count);
}

GO_TEST(trace_says_where_events_are_missing)
{
    static const char said[] = "events were lost";
    struct gor_trace_opts opts = {.buffer_bytes = 1};
    struct gor_trace_summary summary;
    struct gate gate = {.reached = false};
    CHECK_EQ(gor_trace_start(&opts, take_behind_gate, &gate), 0);
    YIELD_UNTIL(atomic_load(&gate.reached))
    for (int i = 0; i < 5; i++) {
        gor_trace_log("long", "a text of several records, of which the first ones will be gone");
        do_work();
    }
    atomic_store(&gate.open, true);
    CHECK_EQ(gor_trace_stop(&summary), 0);
    CHECK_INT(summary.lost, >=, 5 * 2 * ROUNDS / 2);
    CHECK_INT(count_events(&gate.sink), >=, 1);
    CHECK(memmem(gate.sink.bytes, gate.sink.count, said, strlen(said)) != NULL);
    empty(&gate.sink);
}

GO_TEST(flight_recorder_keeps_the_last)
{
    struct gor_trace_opts opts = {.buffer_bytes = 64 << 10};
    struct sink all = {0};
    struct sink last = {0};
    struct gor_trace_summary summary;
    CHECK_EQ(gor_trace_flight_start(&opts), 0);
    for (int i = 0; i < 20; i++) {
        do_work();
    }
    CHECK_EQ(gor_trace_snapshot(0, take, &all, &summary), 0);
    CHECK_EQ(summary.bytes, all.count);
    CHECK_INT(count_events(&all), >=, 2 * ROUNDS);
    /* Of the last nanosecond there is no more than how things stand. */
    CHECK_EQ(gor_trace_snapshot(1, take, &last, NULL), 0);
    CHECK_INT(count_events(&last), <, 100);
    CHECK_EQ(gor_trace_flight_stop(), 0);
    empty(&all);
    empty(&last);
}

static _Atomic bool stop_working;

static void work_on(void *unused)
{
    (void)unused;
    while (!atomic_load(&stop_working)) {
        gor_trace_begin("round");
        do_work();
        gor_trace_log("round", "done");
        gor_trace_end();
    }
}

GO_TEST(snapshots_are_taken_while_everybody_goes_on)
{
    struct gor_trace_opts opts = {.buffer_bytes = 32 << 10};
    gor_id_t ids[4];
    atomic_store(&stop_working, false);
    CHECK_EQ(gor_trace_flight_start(&opts), 0);
    for (int i = 0; i < 4; i++) {
        ids[i] = spawn_id(work_on, NULL);
    }
    for (int i = 0; i < SCALED(50, 20, 10); i++) {
        struct sink sink = {0};
        CHECK_EQ(gor_trace_snapshot(i % 2 * GOR_MILLISECOND, take, &sink, NULL), 0);
        (void)count_events(&sink);
        empty(&sink);
        gor_yield();
    }
    atomic_store(&stop_working, true);
    for (int i = 0; i < 4; i++) {
        await_end(ids[i]);
    }
    CHECK_EQ(gor_trace_flight_stop(), 0);
}

GO_TEST(trace_goes_on_and_off_while_everybody_goes_on)
{
    struct sink sink = {0};
    gor_id_t ids[4];
    atomic_store(&stop_working, false);
    for (int i = 0; i < 4; i++) {
        ids[i] = spawn_id(work_on, NULL);
    }
    for (int i = 0; i < SCALED(30, 10, 5); i++) {
        CHECK_EQ(gor_trace_start(NULL, take, &sink), 0);
        do_work();
        CHECK_EQ(gor_trace_stop(NULL), 0);
        (void)count_events(&sink);
        empty(&sink);
    }
    atomic_store(&stop_working, true);
    for (int i = 0; i < 4; i++) {
        await_end(ids[i]);
    }
}

static void *log_from_outside(void *arg)
{
    for (int i = 0; i < 100; i++) {
        gor_trace_log("host", "a thread of the host's");
        gor_trace_begin("of nobody");
        gor_trace_end();
    }
    CHECK_EQ(gor_trace_stop(arg), 0);
    return NULL;
}

GO_TEST(trace_may_be_stopped_by_a_thread_of_the_host)
{
    struct sink sink = {0};
    struct gor_trace_summary summary;
    pthread_t thread;
    CHECK_EQ(gor_trace_start(NULL, take, &sink), 0);
    CHECK_EQ(pthread_create(&thread, NULL, log_from_outside, &summary), 0);
    while (gor_trace_on()) {
        gor_yield();
    }
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_INT(summary.events, >=, 100);
    empty(&sink);
}

static _Atomic gor_id_t waiter; /* 0: not started yet */

static bool waiter_sleeps(void)
{
    struct gor_info info;
    CHECK_EQ(gor_lookup(waiter, &info), 0);
    return info.state == GOR_WAITING && info.reason == GOR_WAIT_SLEEP;
}

/* It goes on once somebody else wants a snapshot, and no longer has the runtime busy with that. */
static int take_slowly(void *unused, const void *bytes, size_t count)
{
    enum { LOOKS_MOST = 200000 }; /* far more than it takes */
    static bool seen;
    (void)unused;
    (void)bytes;
    (void)count;
    for (int i = 0; !seen; i++) {
        CHECK_INT(i, <, LOOKS_MOST);
        seen = atomic_load(&waiter) != 0 && waiter_sleeps();
        usleep(100);
    }
    return 0;
}

static _Atomic bool taking;

static int take_and_tell(void *arg, const void *bytes, size_t count)
{
    atomic_store(&taking, true);
    return take_slowly(arg, bytes, count);
}

static void *snap_slowly(void *unused)
{
    CHECK_EQ(gor_trace_snapshot(0, take_and_tell, NULL, NULL), 0);
    return unused;
}

static void snap_after(void *arg)
{
    CHECK_EQ(gor_trace_snapshot(0, take, arg, NULL), 0);
}

/* Each yield would be one more event, for as long as that lasts. */
GO_TEST(snapshot_that_takes_long_is_waited_for_asleep)
{
    struct sink sink = {0};
    pthread_t thread;
    CHECK_EQ(gor_trace_flight_start(NULL), 0);
    CHECK_EQ(pthread_create(&thread, NULL, snap_slowly, NULL), 0);
    YIELD_UNTIL(atomic_load(&taking))
    atomic_store(&waiter, spawn_id(snap_after, &sink));
    await_end(waiter);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(gor_trace_flight_stop(), 0);
    empty(&sink);
}

static char crash_file[64];

static void do_nothing(void *unused)
{
    (void)unused;
}

static void panic_on_purpose(void *unused)
{
    (void)unused;
    gor_panic("on purpose");
}

static void crash(void)
{
    struct gor_trace_opts opts = {.crash_file = crash_file};
    CHECK_EQ(gor_trace_flight_start(&opts), 0);
    spawn(do_nothing, NULL);
    spawn(panic_on_purpose, NULL);
    (void)pause();
}

TEST(flight_recorder_is_written_when_the_process_panics)
{
    struct sink sink = {0};
    uint8_t chunk[4096];
    (void)snprintf(crash_file, sizeof crash_file, "/tmp/gor-trace-test.%d", (int)getpid());
    int status = status_of_child(crash);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGABRT);
    FILE *file = fopen(crash_file, "re");
    CHECK(file != NULL);
    for (size_t got = 0; (got = fread(chunk, 1, sizeof chunk, file)) > 0;) {
        CHECK_EQ(take(&sink, chunk, got), 0);
    }
    (void)fclose(file);
    (void)unlink(crash_file);
    CHECK_INT(count_events(&sink), >=, 4);
    empty(&sink);
}

TEST(trace_from_the_environment_ends_with_the_runtime)
{
    char path[64];
    struct sink sink = {0};
    uint8_t chunk[4096];
    void (*body)(void) = do_work;
    (void)snprintf(path, sizeof path, "/tmp/gor-trace-env-test.%d", (int)getpid());
    CHECK_EQ(setenv("GOR_TRACE", path, 1), 0);
    CHECK_EQ(gor_run(NULL, test_call_body, &body), 0);
    CHECK_EQ(unsetenv("GOR_TRACE"), 0);
    FILE *file = fopen(path, "re");
    CHECK(file != NULL);
    for (size_t got = 0; (got = fread(chunk, 1, sizeof chunk, file)) > 0;) {
        CHECK_EQ(take(&sink, chunk, got), 0);
    }
    (void)fclose(file);
    (void)unlink(path);
    CHECK_INT(count_events(&sink), >=, 4 * ROUNDS);
    empty(&sink);
}
