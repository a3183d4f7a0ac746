/* SPDX-License-Identifier: MIT */
/* signals_sent_test.c - signals that the host gets while goroutines run: nobody is disturbed.
 */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "tests/runtime/help.h"

static _Atomic int handled; /* lock-free, as a handler needs */

static void count_signal(int number)
{
    (void)number;
    atomic_fetch_add(&handled, 1);
}

static void act_on(int number, void (*handler)(int number), struct sigaction *out_before)
{
    struct sigaction action = {.sa_handler = handler}; /* without SA_RESTART */
    CHECK_EQ(sigaction(number, &action, out_before), 0);
}

struct talk {
    int from;
    int to;
    int raining;
    struct gor_waitgroup *wg;
};

/* No thread of the runtime takes the signal in a call, but SIGPROF, which samples whoever computes: a
 * sleep ends with it, as on any thread of the host. */
static int nap_in_kernel(void *arg)
{
    const int *raining = arg;
    return usleep(200) == 0 || (errno == EINTR && *raining == SIGPROF) ? 0 : -errno;
}

/* All that parks, and a call on a thread of its own: none of it may answer -EINTR. */
static void talk_on(void *arg)
{
    struct talk *t = arg;
    char byte = 'x';
    for (int i = 0; i < SCALED(300, 150, 80); i++) {
        CHECK_EQ(gor_write(t->to, &byte, 1, GOR_NEVER), 1);
        CHECK_EQ(gor_read(t->from, &byte, 1, GOR_NEVER), 1);
        CHECK_EQ(gor_sleep(20 * GOR_MICROSECOND), 0);
        if (i % 16 == 0) {
            CHECK_EQ(gor_blocking(nap_in_kernel, &t->raining), 0);
        }
    }
    gor_waitgroup_done(t->wg);
}

struct shower {
    int number;
    _Atomic bool stop;
};

static void *rain_signals(void *arg)
{
    struct shower *s = arg;
    while (!atomic_load(&s->stop)) {
        CHECK_EQ(kill(getpid(), s->number), 0);
        usleep(20);
    }
    return NULL;
}

/* Until `enough` of them were handled. */
static void talk_in_the_rain(int number, int enough)
{
    enum { PAIRS = 4 };
    struct shower shower = {.number = number};
    struct talk talks[2 * PAIRS];
    struct gor_waitgroup wg = {0};
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, rain_signals, &shower), 0);
    gor_waitgroup_add(&wg, 2 * PAIRS);
    for (int i = 0; i < PAIRS; i++) {
        int there[2];
        int back[2];
        CHECK_EQ(pipe(there), 0);
        CHECK_EQ(pipe(back), 0);
        talks[2 * i] = (struct talk){there[0], back[1], number, &wg};
        talks[2 * i + 1] = (struct talk){back[0], there[1], number, &wg};
        spawn(talk_on, &talks[2 * i]);
        spawn(talk_on, &talks[2 * i + 1]);
    }
    gor_waitgroup_wait(&wg);
    YIELD_UNTIL(atomic_load(&handled) >= enough)
    atomic_store(&shower.stop, true);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    for (int i = 0; i < 2 * PAIRS; i++) {
        CHECK_EQ(gor_close(talks[i].from), 0);
        CHECK_EQ(gor_close(talks[i].to), 0);
    }
}

GO_TEST(signals_that_are_ignored_disturb_nobody)
{
    talk_in_the_rain(SIGCHLD, 0);
    talk_in_the_rain(SIGURG, 0);
    talk_in_the_rain(SIGWINCH, 0);
}

GO_TEST(signals_with_a_handler_of_the_host_disturb_nobody)
{
    static const int numbers[] = {SIGCHLD, SIGUSR1, SIGURG, SIGALRM, SIGPROF};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction before;
        act_on(numbers[i], count_signal, &before);
        atomic_store(&handled, 0);
        /* TSan holds signals back until their thread calls something it knows, if ever. */
        talk_in_the_rain(numbers[i], SCALED(20, 20, 0));
        /* What is still pending is dropped by ignoring it; many of these are deadly by default. */
        act_on(numbers[i], SIG_IGN, NULL);
        CHECK_EQ(sigaction(numbers[i], &before, NULL), 0);
    }
}
