/* SPDX-License-Identifier: MIT */
/* profile_goroutine_test.c - the goroutine profile: who waits where, and for what; and the form that all
 * profiles have. */
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "tests/runtime/help.h"
#include "tests/runtime/profile_reader.h"

#define NOINLINE __attribute__((noinline))

/* After the call, so that it is none that goes on elsewhere. */
#define STAY __asm__ volatile("")

static NOINLINE void wait_for_a_value(struct gor_chan *c)
{
    (void)gor_chan_recv(c, NULL);
    STAY;
}

static NOINLINE void wait_for_many(struct gor_chan *c)
{
    struct gor_case cases[] = {{c, NULL, GOR_RECV, 0}, {NULL, NULL, GOR_RECV, 0}};
    (void)gor_select(cases, 2);
    STAY;
}

static void receiver(void *arg)
{
    wait_for_a_value(arg);
    STAY;
}

static void selector(void *arg)
{
    wait_for_many(arg);
    STAY;
}

/* The only sample with that function on its stack. */
static const struct profile_sample *only_sample(const struct profile *p, const char *function)
{
    const struct profile_sample *found = NULL;
    for (size_t i = 0; i < p->sample_count; i++) {
        if (profile_depth(&p->samples[i], function) >= 0) {
            CHECK(found == NULL);
            found = &p->samples[i];
        }
    }
    CHECK(found != NULL);
    return found;
}

GO_TEST(profile_goroutine_counts_equal_stacks_together)
{
    struct gor_chan *c = new_chan(0, 0);
    struct profile p;
    for (int i = 0; i < 100; i++) {
        (void)spawn_parked(receiver, c, GOR_WAIT_CHAN_RECV);
    }
    (void)spawn_parked(selector, c, GOR_WAIT_SELECT);
    profile_take(&p, GOR_PROFILE_GOROUTINE);
    CHECK_EQ(p.type_count, 1);
    CHECK_STR(p.types[0][0], "goroutine");
    CHECK_STR(p.types[0][1], "count");
    CHECK_STR(p.period_type[0], "goroutine");
    CHECK_EQ(p.period, 1);
    CHECK_INT(p.time_ns, >, INT64_C(1700000000) * GOR_SECOND);
    CHECK_EQ(profile_sum(&p, NULL, 0), 102);

    const struct profile_sample *receivers = only_sample(&p, "wait_for_a_value");
    CHECK_EQ(receivers->values[0], 100);
    CHECK_STR(receivers->frames[0].function, "gor_chan_recv");
    CHECK_EQ(profile_depth(receivers, "wait_for_a_value"), 1);
    CHECK_EQ(profile_depth(receivers, "receiver"), 2);
    CHECK(strstr(receivers->frames[1].file, "profile_goroutine_test.c") != NULL);
    CHECK_INT(receivers->frames[1].line, >, 0);
    CHECK(profile_has_label(receivers, "wait_reason", "chan receive"));
    CHECK(strstr(profile_label(receivers, "created_by"), "spawn_id help.h:") != NULL);

    const struct profile_sample *selects = only_sample(&p, "wait_for_many");
    CHECK_EQ(selects->values[0], 1);
    CHECK_STR(selects->frames[0].function, "gor_select");
    CHECK(profile_has_label(selects, "wait_reason", "select"));
    profile_free(&p);
    CHECK_EQ(gor_chan_close(c), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_chan_unref(c);
}

GO_TEST(profile_goroutine_shows_whoever_asks_by_its_own_stack)
{
    struct profile p;
    gor_set_name("asks");
    profile_take(&p, GOR_PROFILE_GOROUTINE);
    CHECK_EQ(p.sample_count, 1);
    CHECK_INT(profile_depth(&p.samples[0], "gor_profile_write_to"), >=, 0);
    CHECK_INT(profile_depth(&p.samples[0], "profile_take"), >, 0);
    CHECK(profile_has_label(&p.samples[0], "goroutine", "asks"));
    CHECK(profile_has_label(&p.samples[0], "wait_reason", NULL));
    profile_free(&p);
}

/* ---- of those that compute, or are blocked in foreign code */

#if defined(__SANITIZE_THREAD__)
enum { STOPS_ANYWHERE = false }; /* it delays signals */
#else
enum { STOPS_ANYWHERE = true };
#endif

static _Atomic bool there;
static _Atomic bool go_on;

static NOINLINE void compute_here(void *unused)
{
    (void)unused;
    atomic_store(&there, true);
    while (!atomic_load(&go_on)) {
    }
    STAY;
}

static void computes(void *unused)
{
    compute_here(unused);
    STAY;
}

/* What lies above a public function that calls back is the program's, and not left out. */
static void computes_once(void *once)
{
    gor_once_do(once, compute_here, NULL);
    STAY;
}

static NOINLINE void nap_here(void)
{
    struct timespec nap = {0, 1000000};
    atomic_store(&there, true);
    while (!atomic_load(&go_on)) {
        (void)nanosleep(&nap, NULL);
    }
    STAY;
}

static void blocks(void *unused)
{
    (void)unused;
    nap_here();
    STAY;
}

/* Again until it was found in a moment when it could be asked, or was not waiting for its P. */
static void await_stack(const char *inner, const char *outer)
{
    bool found = false;
    while (!found) {
        struct profile p;
        profile_take(&p, GOR_PROFILE_GOROUTINE);
        for (size_t i = 0; i < p.sample_count && !found; i++) {
            int depth = profile_depth(&p.samples[i], inner);
            found = depth >= 0 && profile_depth(&p.samples[i], outer) > depth;
        }
        profile_free(&p);
        gor_yield();
    }
}

static void check_stack_while(void (*fn)(void *arg), void *arg, const char *inner,
                              const char *outer)
{
    atomic_store(&there, false);
    atomic_store(&go_on, false);
    spawn(fn, arg);
    YIELD_UNTIL(atomic_load(&there))
    await_stack(inner, outer);
    atomic_store(&go_on, true);
    YIELD_UNTIL(gor_num_goroutine() == 1)
}

GO_TEST(profile_goroutine_shows_where_those_compute_that_run)
{
    struct gor_once once = {0};
    if (!STOPS_ANYWHERE) {
        test_skip("the sanitizer delays signals");
        return;
    }
    check_stack_while(computes, NULL, "compute_here", "computes");
    check_stack_while(computes_once, &once, "compute_here", "gor_once_do");
}

GO_TEST(profile_goroutine_shows_where_those_are_blocked_that_call_the_system)
{
    check_stack_while(blocks, NULL, "nap_here", "blocks");
}

GO_TEST(profile_names_the_program_and_its_build)
{
    struct profile p;
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK_INT(length, >, 0);
    self[length] = '\0';
    profile_take(&p, GOR_PROFILE_GOROUTINE);
    CHECK_INT(p.mapping_count, >, 1);
    CHECK_STR(p.program, self);
    CHECK_INT(strlen(p.build_id), >=, 16);
    profile_free(&p);
}

/* What a child and the caller of a profile do at once must not upset each other. */
struct storm {
    _Atomic bool over;
    _Atomic long born;
    struct gor_chan *c;
};

static void passer(void *arg)
{
    struct storm *storm = arg;
    (void)gor_set_label("passer", "yes");
    (void)gor_chan_try_recv(storm->c, NULL);
    gor_yield();
    atomic_fetch_sub(&storm->born, 1);
}

static void breeder(void *arg)
{
    struct storm *storm = arg;
    while (!atomic_load(&storm->over)) {
        if (atomic_load(&storm->born) < SCALED(10000, 2000, 500)) {
            atomic_fetch_add(&storm->born, 1);
            spawn(passer, storm);
        }
        gor_yield();
    }
    atomic_fetch_sub(&storm->born, 1);
}

GO_TEST(profile_goroutine_of_those_who_come_and_go)
{
    struct storm storm = {.born = 2, .c = new_chan(0, 0)};
    spawn(breeder, &storm);
    spawn(breeder, &storm);
    for (int i = 0; i < SCALED(50, 20, 10); i++) {
        struct profile p;
        profile_take(&p, GOR_PROFILE_GOROUTINE);
        CHECK_INT(profile_sum(&p, NULL, 0), >=, 1);
        for (size_t k = 0; k < p.sample_count; k++) {
            CHECK(profile_has_label(&p.samples[k], "passer", NULL) ||
                  profile_has_label(&p.samples[k], "passer", "yes"));
        }
        profile_free(&p);
        gor_yield();
    }
    atomic_store(&storm.over, true);
    YIELD_UNTIL(atomic_load(&storm.born) == 0)
    gor_chan_unref(storm.c);
}

/* ---- the form */

static int stop_at_once(void *arg, const void *bytes, size_t count)
{
    (void)arg;
    (void)bytes;
    (void)count;
    return -EPIPE;
}

GO_TEST(profile_write_tells_what_went_wrong)
{
    FILE *full = fopen("/dev/full", "w");
    CHECK(full != NULL);
    setvbuf(full, NULL, _IONBF, 0);
    CHECK_EQ(gor_profile_write(GOR_PROFILE_GOROUTINE, NULL, full), -ENOSPC);
    fclose(full);
    CHECK_EQ(gor_profile_write_to(GOR_PROFILE_GOROUTINE, NULL, stop_at_once, NULL), -EPIPE);
    CHECK_EQ(gor_profile_write_to(GOR_PROFILE_CPU, NULL, stop_at_once, NULL), -ESRCH);
    CHECK_EQ(gor_profile_write_to((enum gor_profile)77, NULL, stop_at_once, NULL), -EINVAL);
}

TEST(profile_goroutine_without_a_runtime_is_refused)
{
    CHECK_EQ(gor_profile_write_to(GOR_PROFILE_GOROUTINE, NULL, stop_at_once, NULL), -ESRCH);
}

static bool is_there(const char *program)
{
    char command[128];
    (void)snprintf(command, sizeof command, "%s >/dev/null 2>&1", program);
    return system(command) == 0;
}

/* What a command prints, cut at the end of `out`. */
static void read_command(const char *command, char *out, size_t room)
{
    FILE *from = popen(command, "r");
    CHECK(from != NULL);
    size_t length = fread(out, 1, room - 1, from);
    out[length] = '\0';
    CHECK_EQ(pclose(from), 0);
}

static char profile_path[512];

static int write_profile_of_parked(void *unused)
{
    (void)unused;
    struct gor_chan *c = new_chan(0, 0);
    for (int i = 0; i < 30; i++) {
        (void)spawn_parked(receiver, c, GOR_WAIT_CHAN_RECV);
    }
    FILE *out = fopen(profile_path, "w");
    CHECK(out != NULL);
    CHECK_EQ(gor_profile_write(GOR_PROFILE_GOROUTINE, NULL, out), 0);
    CHECK_EQ(fclose(out), 0);
    CHECK_EQ(gor_chan_close(c), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_chan_unref(c);
    return 0;
}

/* Other programs of the host are started when the runtime has stopped. */
TEST(profile_is_read_by_gzip_and_by_go)
{
    char command[1024];
    char text[16384];
    (void)snprintf(profile_path, sizeof profile_path, "%s/goroutine.pb.gz", test_tmpdir());
    CHECK_EQ(gor_run(NULL, write_profile_of_parked, NULL), 0);
    if (is_there("gzip --version")) {
        (void)snprintf(command, sizeof command, "gzip --test %s", profile_path);
        CHECK_EQ(system(command), 0);
    }
    if (!is_there("go tool pprof -h")) {
        test_skip("there is no `go tool pprof` here");
        return;
    }
    (void)snprintf(command, sizeof command, "go tool pprof -top %s 2>/dev/null", profile_path);
    read_command(command, text, sizeof text);
    CHECK(strstr(text, "Type: goroutine") != NULL);
    CHECK(strstr(text, "gor_chan_recv") != NULL);
    CHECK(strstr(text, "wait_for_a_value") != NULL);
    (void)snprintf(command, sizeof command, "go tool pprof -tags %s 2>/dev/null", profile_path);
    read_command(command, text, sizeof text);
    CHECK(strstr(text, "chan receive") != NULL);
}
