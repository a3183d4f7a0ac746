/* SPDX-License-Identifier: MIT */
/* metrics_test.c - the metrics as Prometheus reads them: well-formed, with the names that dashboards for
 * Go programs ask for, and with values that are known after known work. */
#include <ctype.h>
#include <pthread.h>
#include <unistd.h>

#include "tests/runtime/help.h"

/* ---------------------------------------------------------------- taking and reading them */

static char *metrics_text(const struct gor_metrics_opts *opts)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    CHECK(file != NULL);
    CHECK_EQ(gor_metrics_write(opts, file), 0);
    CHECK_EQ(fclose(file), 0);
    return text;
}

/* The line that begins with `name` and a blank; NULL: there is none. */
static const char *line_of(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == ' ') {
            return line;
        }
    }
    return NULL;
}

static double value_in(const char *text, const char *name)
{
    const char *line = line_of(text, name);
    if (line == NULL) {
        printf("%s\nno sample of %s\n", text, name);
        CHECK(line != NULL);
    }
    return strtod(line + strlen(name), NULL);
}

static double value_now(const char *name)
{
    char *text = metrics_text(NULL);
    double value = value_in(text, name);
    free(text);
    return value;
}

/* ---------------------------------------------------------------- form */

struct family {
    char name[128];
    char type[16];
    double last_bucket; /* of a histogram */
    double infinite;
    bool summed;
};

static size_t name_length(const char *text)
{
    size_t length = 0;
    while (isalnum((unsigned char)text[length]) || text[length] == '_' || text[length] == ':') {
        length++;
    }
    CHECK_INT(length, >, 0);
    CHECK(!isdigit((unsigned char)text[0]));
    return length;
}

static void take_head(const char *line, struct family *family)
{
    char name[128];
    char type[16];
    CHECK(strncmp(line, "# HELP ", 7) == 0);
    size_t length = name_length(line + 7);
    CHECK_INT(length, <, sizeof family->name);
    CHECK_EQ(line[7 + length], ' ');
    memset(family, 0, sizeof *family);
    memcpy(family->name, line + 7, length);
    const char *help = line + 7 + length + 1;
    const char *second = strchr(line, '\n') + 1;
    CHECK(help < second - 1);
    CHECK(memchr(help, '\\', (size_t)(second - help)) == NULL);
    CHECK_EQ(sscanf(second, "# TYPE %127s %15[a-z]", name, type), 2);
    CHECK_STR(name, family->name);
    CHECK(strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0 ||
          strcmp(type, "histogram") == 0);
    (void)snprintf(family->type, sizeof family->type, "%s", type);
    size_t total = strlen("_total");
    bool is_total = length > total && strcmp(family->name + length - total, "_total") == 0;
    CHECK(is_total == (strcmp(type, "counter") == 0));
}

static void take_bucket(const char *rest, struct family *family)
{
    char bound[64];
    double value = 0;
    CHECK_EQ(sscanf(rest, "{le=\"%63[^\"]\"} %lf\n", bound, &value), 2);
    CHECK(value >= family->last_bucket);
    CHECK(!family->summed);
    family->last_bucket = value;
    if (strcmp(bound, "+Inf") == 0) {
        family->infinite = value;
    }
}

static void take_sample(const char *line, struct family *family)
{
    size_t length = strlen(family->name);
    CHECK(strncmp(line, family->name, length) == 0);
    const char *rest = line + length;
    if (strcmp(family->type, "histogram") == 0) {
        if (strncmp(rest, "_bucket", 7) == 0) {
            take_bucket(rest + 7, family);
        } else if (strncmp(rest, "_sum ", 5) == 0) {
            family->summed = true;
        } else {
            CHECK(strncmp(rest, "_count ", 7) == 0 && family->summed);
            CHECK(strtod(rest + 7, NULL) == family->infinite);
        }
        return;
    }
    if (*rest == '{') {
        CHECK(strncmp(rest, "{version=\"", 10) == 0);
        rest = strchr(rest, '}') + 1;
    }
    CHECK_EQ(*rest, ' ');
    char *end = NULL;
    double value = strtod(rest + 1, &end);
    CHECK_EQ(*end, '\n');
    CHECK(value >= 0);
}

static void check_form(const char *text)
{
    struct family family = {.name = ""};
    int families = 0;
    CHECK_INT(strlen(text), >, 0);
    CHECK_EQ(text[strlen(text) - 1], '\n');
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        if (*line != '#') {
            take_sample(line, &family);
            continue;
        }
        take_head(line, &family);
        families++;
        char head[160];
        (void)snprintf(head, sizeof head, "# TYPE %s ", family.name);
        CHECK(strstr(strstr(text, head) + 1, head) == NULL);
        line = strchr(line, '\n') + 1;
    }
    CHECK_INT(families, >, 40);
}

static void run_a_while(void *arg)
{
    gor_yield();
    gor_waitgroup_done(arg);
}

GO_TEST(metrics_are_in_the_form_prometheus_reads)
{
    struct gor_waitgroup wg = {0};
    int procs = gor_gomaxprocs(0);
    gor_waitgroup_add(&wg, 1000);
    for (int i = 0; i < 1000; i++) {
        spawn(run_a_while, &wg);
    }
    gor_waitgroup_wait(&wg);
    (void)gor_gomaxprocs(procs + 1);
    char *text = metrics_text(NULL);
    check_form(text);
    free(text);
}

/* ---------------------------------------------------------------- names */

/* What dashboards for Go programs ask for, as far as it means something here. */
static const char *const known_names[] = {
    "go_goroutines",
    "go_threads",
    "go_sched_gomaxprocs_threads",
    "go_sched_goroutines_goroutines",
    "go_sched_goroutines_created_goroutines_total",
    "go_sched_goroutines_runnable_goroutines",
    "go_sched_goroutines_running_goroutines",
    "go_sched_goroutines_waiting_goroutines",
    "go_sched_threads_total_threads",
    "go_sched_latencies_seconds_sum",
    "go_sched_latencies_seconds_count",
    "go_sched_latencies_seconds_bucket{le=\"6.399999999999999e-08\"}",
    "go_sched_latencies_seconds_bucket{le=\"0.010485759999999998\"}",
    "go_sched_latencies_seconds_bucket{le=\"+Inf\"}",
    "go_sched_pauses_stopping_other_seconds_count",
    "go_sched_pauses_total_other_seconds_count",
    "go_sync_mutex_wait_total_seconds_total",
    "go_memory_classes_heap_stacks_bytes",
    "go_memstats_stack_inuse_bytes",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_virtual_memory_bytes",
    "process_virtual_memory_max_bytes",
    "process_start_time_seconds",
    "process_open_fds",
    "process_max_fds",
};

GO_TEST(metrics_have_the_names_that_dashboards_ask_for)
{
    char *text = metrics_text(NULL);
    for (size_t i = 0; i < sizeof known_names / sizeof *known_names; i++) {
        (void)value_in(text, known_names[i]);
    }
    CHECK(strstr(text, "\ngor_info{version=\"" GOR_VERSION "\"} 1\n") != NULL);
    /* Another meaning, or none: not under these names. */
    CHECK(strstr(text, "go_info") == NULL);
    CHECK(strstr(text, "go_gc_") == NULL);
    CHECK(strstr(text, "heap_alloc") == NULL);
    free(text);
}

GO_TEST(metrics_leave_the_process_out_if_asked_to)
{
    char *text = metrics_text(&(struct gor_metrics_opts){.no_process = true});
    CHECK(strstr(text, "\nprocess_") == NULL);
    CHECK(strstr(text, "\ngo_goroutines ") != NULL);
    free(text);
}

/* ---------------------------------------------------------------- values */

static void park_on(void *arg)
{
    (void)gor_chan_recv(arg, NULL);
}

GO_TEST(metrics_count_goroutines)
{
    struct gor_chan *c = new_chan(0, 0);
    for (int i = 0; i < 30; i++) {
        spawn_parked(park_on, c, GOR_WAIT_CHAN_RECV);
    }
    char *text = metrics_text(NULL);
    CHECK_EQ(value_in(text, "go_goroutines"), 31);
    CHECK_EQ(value_in(text, "go_sched_goroutines_goroutines"), 31);
    CHECK_EQ(value_in(text, "go_sched_goroutines_created_goroutines_total"), 31);
    CHECK_EQ(value_in(text, "go_sched_gomaxprocs_threads"), gor_gomaxprocs(0));
    CHECK_EQ(value_in(text, "gor_cpus"), gor_num_cpu());
    CHECK_INT(value_in(text, "go_threads"), >=, 3);
    CHECK_INT(value_in(text, "go_sched_goroutines_running_goroutines"), <=, gor_gomaxprocs(0));
    CHECK_INT(value_in(text, "gor_switches_total"), >=, 30);
    CHECK_INT(value_in(text, "gor_stacks_in_use"), >=, 31);
    /* A page each at least. */
    CHECK_INT(value_in(text, "gor_stacks_committed_bytes"), >=, 31 * 4096);
    CHECK_EQ(value_in(text, "go_memory_classes_heap_stacks_bytes"),
             value_in(text, "gor_stacks_committed_bytes"));
    free(text);
    CHECK_EQ(gor_chan_close(c), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    CHECK_EQ(value_now("go_goroutines"), 1);
    gor_chan_unref(c);
}

/* With one P it is this goroutine that runs, and whoever it has just woken that could. */
static int count_states(void *unused)
{
    struct gor_chan *c = new_chan(0, 0);
    (void)unused;
    for (int i = 0; i < 5; i++) {
        spawn_parked(park_on, c, GOR_WAIT_CHAN_RECV);
    }
    CHECK_EQ(gor_chan_send(c, NULL), 0);
    CHECK_EQ(gor_chan_send(c, NULL), 0);
    char *text = metrics_text(NULL);
    CHECK_EQ(value_in(text, "go_sched_goroutines_runnable_goroutines"), 2);
    CHECK_EQ(value_in(text, "go_sched_goroutines_running_goroutines"), 1);
    CHECK_EQ(value_in(text, "go_sched_goroutines_waiting_goroutines"), 3);
    CHECK_EQ(value_in(text, "gor_away_goroutines"), 0);
    free(text);
    CHECK_EQ(gor_chan_close(c), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_chan_unref(c);
    return 0;
}

TEST(metrics_count_goroutines_by_state)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1}, count_states, NULL), 0);
}

/* A place less than goroutines wanted. */
static int refuse_some(void *unused)
{
    struct gor_chan *gate = new_chan(0, 0);
    struct gor_quota *quota = gor_quota_new(1);
    struct gor_go_opts in_quota = {.quota = quota};
    (void)unused;
    CHECK_EQ(gor_go_with(&in_quota, park_on, gate), 0);
    CHECK_EQ(gor_go_with(&in_quota, park_on, gate), -EAGAIN);
    CHECK_EQ(gor_go(park_on, gate), 0);
    CHECK_EQ(gor_go(park_on, gate), -EAGAIN);
    CHECK_EQ(gor_go(park_on, gate), -EAGAIN);
    char *text = metrics_text(NULL);
    CHECK_EQ(value_in(text, "gor_ceiling_goroutines"), 3);
    CHECK_EQ(value_in(text, "gor_spawns_refused_total"), 2);
    CHECK_EQ(value_in(text, "gor_spawns_waiting"), 0);
    CHECK_EQ(value_in(text, "gor_quota_spawns_refused_total"), 1);
    CHECK_EQ(value_in(text, "gor_quota_spawns_waiting"), 0);
    CHECK_INT(value_in(text, "gor_charged_stack_bytes"), >, 0);
    CHECK_INT(value_in(text, "gor_ceiling_stack_bytes"), >, 0);
    free(text);
    CHECK_EQ(gor_chan_close(gate), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_quota_unref(quota);
    gor_chan_unref(gate);
    return 0;
}

TEST(metrics_tell_of_ceilings_and_quotas)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.max_goroutines = 3}, refuse_some, NULL), 0);
}

GO_TEST(metrics_time_stops_of_the_world)
{
    int procs = gor_gomaxprocs(0);
    for (int i = 0; i < 5; i++) {
        (void)gor_gomaxprocs(procs + 1 + i % 2);
    }
    char *text = metrics_text(NULL);
    CHECK_INT(value_in(text, "go_sched_pauses_stopping_other_seconds_count"), >=, 5);
    CHECK_EQ(value_in(text, "go_sched_pauses_stopping_other_seconds_count"),
             value_in(text, "go_sched_pauses_total_other_seconds_count"));
    CHECK(value_in(text, "go_sched_pauses_stopping_other_seconds_sum") <=
          value_in(text, "go_sched_pauses_total_other_seconds_sum"));
    free(text);
}

struct locked {
    struct gor_mutex mutex;
    struct gor_rwmutex rw;
};

static void want_mutex(void *arg)
{
    struct locked *locked = arg;
    gor_mutex_lock(&locked->mutex);
    gor_mutex_unlock(&locked->mutex);
}

static void want_to_read(void *arg)
{
    struct locked *locked = arg;
    gor_rwmutex_rlock(&locked->rw);
    gor_rwmutex_runlock(&locked->rw);
}

GO_TEST(metrics_add_up_what_goroutines_wait_for_locks)
{
    struct locked locked = {.mutex = {{0}}};
    gor_mutex_lock(&locked.mutex);
    gor_rwmutex_lock(&locked.rw);
    spawn_parked(want_mutex, &locked, GOR_WAIT_MUTEX);
    spawn_parked(want_to_read, &locked, GOR_WAIT_RWMUTEX_READ);
    gor_sleep(50 * GOR_MILLISECOND);
    gor_mutex_unlock(&locked.mutex);
    gor_rwmutex_unlock(&locked.rw);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    /* By a clock that may be ten milliseconds late at either end. */
    CHECK(value_now("go_sync_mutex_wait_total_seconds_total") >= 2 * 0.030);
}

GO_TEST(metrics_tell_of_the_process)
{
    enum { FILES = 64 };
    int fds[FILES];
    double before = value_now("process_open_fds");
    for (int i = 0; i < FILES; i++) {
        fds[i] = dup(STDOUT_FILENO);
        CHECK_INT(fds[i], >=, 0);
    }
    /* The runtime may start a thread meanwhile, with one of its own. */
    double more = value_now("process_open_fds");
    CHECK_INT(more, >=, before + FILES);
    for (int i = 0; i < FILES; i++) {
        CHECK_EQ(close(fds[i]), 0);
    }
    CHECK_INT(value_now("process_open_fds"), <, more);
    CHECK_INT(value_now("process_max_fds"), >=, before);
    CHECK_INT(value_now("process_resident_memory_bytes"), >, 100000);
    CHECK(value_now("process_virtual_memory_bytes") > value_now("process_resident_memory_bytes"));
    CHECK_INT(value_now("process_cpu_seconds_total"), >=, 0);
    double age = (double)time(NULL) - value_now("process_start_time_seconds");
    CHECK(age > -5 && age < 600);
}

/* ---------------------------------------------------------------- writing */

static int write_nothing(void *arg, const char *text, size_t bytes)
{
    (void)text;
    CHECK_INT(bytes, >, 0);
    ++*(int *)arg;
    return -ENOSPC;
}

GO_TEST(metrics_end_with_the_error_of_whoever_takes_them)
{
    int calls = 0;
    CHECK_EQ(gor_metrics_write_to(NULL, write_nothing, &calls), -ENOSPC);
    CHECK_EQ(calls, 1);
    FILE *full = fopen("/dev/full", "w");
    CHECK(full != NULL);
    CHECK_EQ(gor_metrics_write(NULL, full), -ENOSPC);
    (void)fclose(full);
}

TEST(metrics_without_a_runtime_are_refused)
{
    int calls = 0;
    CHECK_EQ(gor_metrics_write_to(NULL, write_nothing, &calls), -ESRCH);
    CHECK_EQ(gor_metrics_write(NULL, stdout), -ESRCH);
    CHECK_EQ(calls, 0);
}

/* ---------------------------------------------------------------- while everything moves */

static void *take_metrics(void *arg)
{
    int *rounds = arg;
    for (int i = 0; i < *rounds; i++) {
        char *text = metrics_text(NULL);
        check_form(text);
        free(text);
    }
    return NULL;
}

static void work(void *arg)
{
    while (!atomic_load((_Atomic bool *)arg)) {
        struct gor_waitgroup wg = {0};
        gor_waitgroup_add(&wg, 10);
        for (int i = 0; i < 10; i++) {
            spawn(run_a_while, &wg);
        }
        gor_waitgroup_wait(&wg);
    }
}

GO_TEST(metrics_are_taken_by_threads_of_the_host_while_goroutines_come_and_go)
{
    _Atomic bool stop = false;
    int rounds = SCALED(100, 30, 10);
    pthread_t thread;
    gor_id_t ids[] = {spawn_id(work, &stop), spawn_id(work, &stop)};
    CHECK_EQ(pthread_create(&thread, NULL, take_metrics, &rounds), 0);
    for (int i = 0; i < rounds; i++) {
        char *text = metrics_text(NULL);
        check_form(text);
        free(text);
        gor_yield();
    }
    CHECK_EQ(pthread_join(thread, NULL), 0);
    atomic_store(&stop, true);
    await_end(ids[0]);
    await_end(ids[1]);
}
