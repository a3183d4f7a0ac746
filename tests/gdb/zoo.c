/* SPDX-License-Identifier: MIT */
/* zoo.c - goroutines of every kind, for a debugger to look at: the tests halt it where all are there.
 *
 *     zoo            one of each; then they are let go, and it prints "done"
 *     zoo abort      the same, but one of them aborts
 *     zoo fresh      some that have not run yet
 *     zoo crowd N    N that all wait for the same channel
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/gor.h"

/* Where it is halted. */
#define PLACE __attribute__((noinline, noclone, used))
#define STAY() __asm__ volatile("" ::: "memory")

static struct gor_chan *empty;
static struct gor_chan *full;
static struct gor_mutex lock;
static struct gor_rwmutex readers_lock;
static struct gor_waitgroup group;
static struct gor_mutex condition_lock;
static struct gor_cond condition;
static struct gor_sem tickets;
static struct gor_once first_time;
static int parked_pipe[2];
static int foreign_pipe[2];
static _Atomic bool spinning;
static _Atomic bool outside;
static _Atomic bool go_on;
static _Atomic long ran;

PLACE static void all_there(void)
{
    STAY();
}

PLACE static void all_gone(void)
{
    STAY();
}

PLACE static void not_yet(void)
{
    STAY();
}

/* ---- the animals */

static void receive_for_ever(void *arg)
{
    int secret = 4711;
    (void)gor_chan_recv(arg, NULL);
    printf("%d\n", secret);
}

static void send_for_ever(void *arg)
{
    int answer = 42;
    (void)gor_chan_send(arg, &answer);
}

static void choose_for_ever(void *arg)
{
    struct gor_case cases[] = {{empty, NULL, GOR_RECV, 0}, {full, arg, GOR_SEND, 0}};
    (void)gor_select(cases, 2);
}

static void sleep_for_long(void *arg)
{
    (void)arg;
    (void)gor_sleep(3600 * GOR_SECOND);
}

static void want_lock(void *arg)
{
    gor_mutex_lock(arg);
}

static void want_to_read(void *arg)
{
    gor_rwmutex_rlock(arg);
}

static void want_all_done(void *arg)
{
    gor_waitgroup_wait(arg);
}

static void want_news(void *arg)
{
    gor_mutex_lock(&condition_lock);
    gor_cond_wait(arg, &condition_lock);
}

static void want_tickets(void *arg)
{
    (void)gor_sem_acquire(arg, 3, GOR_NEVER);
}

static void read_parked(void *arg)
{
    char letter;
    (void)arg;
    (void)gor_read(parked_pipe[0], &letter, 1, GOR_NEVER);
}

static void keep_thread(void *arg)
{
    gor_lock_os_thread();
    (void)gor_chan_recv(arg, NULL);
}

static void spin(void *arg)
{
    int laps = 7;
    (void)arg;
    spinning = true;
    while (!go_on) {
    }
    printf("%d laps\n", laps);
}

static void block_outside(void *arg)
{
    char letter = '?';
    (void)arg;
    outside = true;
    if (read(foreign_pipe[0], &letter, 1) == 1) {
        printf("heard %c\n", letter);
    }
}

static void nothing(void *arg)
{
    (void)arg;
}

/* ---- the zoo */

static void fail(const char *what)
{
    fprintf(stderr, "zoo: %s\n", what);
    exit(1);
}

static gor_id_t start(void (*fn)(void *arg), void *arg, const char *name)
{
    gor_id_t id = 0;
    struct gor_go_opts opts = {.name = name, .out_id = &id};
    if (gor_go_with(&opts, fn, arg) != 0) {
        fail("cannot start a goroutine");
    }
    return id;
}

static void start_waiting(void (*fn)(void *arg), void *arg, const char *name,
                          enum gor_wait_reason reason)
{
    gor_id_t id = start(fn, arg, name);
    struct gor_info info = {.reason = GOR_WAIT_NONE};
    while (gor_lookup(id, &info) != 0 || info.reason != reason) {
        gor_yield();
    }
}

static void prepare(void)
{
    int one = 1;
    empty = gor_chan_new(sizeof(int), 0);
    full = gor_chan_new(sizeof(int), 1);
    if (empty == NULL || full == NULL || gor_chan_send(full, &one) != 0 || pipe(parked_pipe) != 0 ||
        pipe(foreign_pipe) != 0) {
        fail("cannot prepare");
    }
    gor_mutex_lock(&lock);
    gor_rwmutex_lock(&readers_lock);
    gor_waitgroup_add(&group, 2);
    gor_sem_release(&tickets, 2);
    gor_once_do(&first_time, nothing, NULL);
}

static void start_all(void)
{
    static int answer = 42;
    start_waiting(receive_for_ever, empty, "receiver", GOR_WAIT_CHAN_RECV);
    start_waiting(send_for_ever, full, "sender", GOR_WAIT_CHAN_SEND);
    start_waiting(choose_for_ever, &answer, "chooser", GOR_WAIT_SELECT);
    start_waiting(sleep_for_long, NULL, "sleeper", GOR_WAIT_SLEEP);
    start_waiting(want_lock, &lock, "locker", GOR_WAIT_MUTEX);
    start_waiting(want_to_read, &readers_lock, "reader", GOR_WAIT_RWMUTEX_READ);
    start_waiting(want_all_done, &group, "waiter", GOR_WAIT_WAITGROUP);
    start_waiting(want_news, &condition, "listener", GOR_WAIT_COND);
    start_waiting(want_tickets, &tickets, "buyer", GOR_WAIT_SEMAPHORE);
    start_waiting(read_parked, NULL, NULL, GOR_WAIT_IO);
    start_waiting(keep_thread, empty, "bound", GOR_WAIT_CHAN_RECV);
    /* One after the other, so that none has to give up its processor for the next. */
    (void)start(spin, NULL, "spinner");
    while (!spinning) {
        gor_yield();
    }
    (void)start(block_outside, NULL, "foreigner");
    while (!outside) {
        gor_yield();
    }
}

static void die(void *arg)
{
    int why = 13;
    (void)arg;
    printf("%d\n", why);
    abort();
}

/* The root returns, and all that wait are gone; those on threads must end. */
static void let_go(void)
{
    go_on = true;
    if (write(foreign_pipe[1], "!", 1) != 1) {
        fail("cannot write");
    }
}

static int one_of_each(void *arg)
{
    const char *mode = arg;
    prepare();
    start_all();
    if (strcmp(mode, "abort") == 0) {
        (void)start(die, NULL, "victim");
        (void)gor_chan_recv(empty, NULL);
    }
    all_there();
    let_go();
    return 0;
}

static void count_run(void *arg)
{
    (void)arg;
    ran++;
}

/* With a seed nobody runs but at the calls of others, and which is drawn: so at least one has not. */
static int some_fresh(void *arg)
{
    long made = 0;
    (void)arg;
    do {
        (void)start(count_run, NULL, "fresh");
        made++;
    } while (ran == made);
    all_there();
    return 0;
}

static void join_crowd(void *arg)
{
    ran++;
    (void)gor_chan_recv(arg, NULL);
}

static uint64_t parked(void)
{
    struct gor_stats stats;
    return gor_stats_get(&stats, true) == 0 ? stats.by_state[GOR_WAITING] : 0;
}

static int crowd(void *arg)
{
    long count = strtol(arg, NULL, 10);
    empty = gor_chan_new(sizeof(int), 0);
    for (long i = 1; i < count; i++) {
        (void)start(join_crowd, empty, NULL);
    }
    /* Counting them takes long: only when all have run, to see those that were stopped on the way. */
    while (ran < count - 1 || parked() < (uint64_t)count - 1) {
        gor_yield();
    }
    start_waiting(receive_for_ever, empty, "last", GOR_WAIT_CHAN_RECV);
    all_there();
    return 0;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    struct gor_opts opts = {.gomaxprocs = 8};
    not_yet();
    if (strcmp(mode, "fresh") == 0) {
        opts.seed = 1;
        (void)gor_run(&opts, some_fresh, NULL);
    } else if (strcmp(mode, "crowd") == 0 && argc > 2) {
        opts.gomaxprocs = 1;
        (void)gor_run(&opts, crowd, argv[2]);
    } else {
        (void)gor_run(&opts, one_of_each, (void *)(uintptr_t)mode);
    }
    all_gone();
    puts("done");
    return 0;
}
