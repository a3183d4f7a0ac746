/* SPDX-License-Identifier: MIT */
/* clock_shim.c - a wall clock that can be set, for one gord alone: preloaded by tests/e2e/clock_step_test.py.
 *
 * $GORD_CLOCK_SHIM is "OFFSET PATH": by how many nanoseconds the clock is wrong at first, and a FIFO. A line
 * "OFFSET\n" to PATH sets the clock, so that it is as wrong as that; "\n" in PATH.done says that all timers
 * that wanted to know of it have been read since. Whoever reads one goes on at once, so a call to gord's loop
 * after that is answered by a loop that has done what it does when the clock is set.
 *
 * What the kernel does for TFD_TIMER_CANCEL_ON_SET is done here: the timer becomes readable, and the read
 * fails with ECANCELED. Files have the machine's times, and processes that gord starts its clock: the
 * variables are gone by then.
 *
 * Threads     any; `lock` guards the table of timers.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define SECOND_NS INT64_C(1000000000)

enum { TIMERS = 1024 };

struct shimmed {
    bool wall;     /* by the wall clock */
    bool wants;    /* to be told when it is set */
    bool canceled; /* it has been set, and the timer not read since */
};

static _Atomic int64_t offset_ns; /* relaxed: it stands for itself */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct shimmed timers[TIMERS];
static unsigned unread;
static int commands = -1, done = -1;

static struct timespec add(struct timespec time, int64_t ns)
{
    int64_t sum = time.tv_sec * SECOND_NS + time.tv_nsec + ns;

    return (struct timespec){.tv_sec = sum / SECOND_NS, .tv_nsec = sum % SECOND_NS};
}

static int64_t offset(void)
{
    return atomic_load_explicit(&offset_ns, memory_order_relaxed);
}

/* ------------------------------------------------------------------ telling the time */

EXPORT int clock_gettime(clockid_t clock, struct timespec *out)
{
    static int (*_Atomic next)(clockid_t, struct timespec *);
    int (*real)(clockid_t, struct timespec *) = atomic_load_explicit(&next, memory_order_relaxed);

    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
        atomic_store_explicit(&next, real, memory_order_relaxed);
    }
    int result = real(clock, out);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        *out = add(*out, offset());
    }
    return result;
}

EXPORT time_t time(time_t *out)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}

EXPORT int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

/* ------------------------------------------------------------------ timers */

static bool is_ours(int fd)
{
    return fd >= 0 && fd < TIMERS && timers[fd].wall;
}

EXPORT int timerfd_create(int clock, int flags)
{
    int fd = (int)syscall(SYS_timerfd_create, clock, flags);

    if (fd >= 0 && fd < TIMERS) {
        pthread_mutex_lock(&lock);
        timers[fd] = (struct shimmed){.wall = clock == CLOCK_REALTIME};
        pthread_mutex_unlock(&lock);
    }
    return fd;
}

static int set_timer(int fd, int flags, const struct itimerspec *spec, struct itimerspec *old)
{
    return (int)syscall(SYS_timerfd_settime, fd, flags, spec, old);
}

/* Readable now, and until it is read. */
static void ring(int fd)
{
    struct itimerspec past = {.it_value = {.tv_nsec = 1}};

    (void)set_timer(fd, TFD_TIMER_ABSTIME, &past, NULL);
}

/* Of a time by the wall clock, absolute as gord's are. */
EXPORT int timerfd_settime(int fd, int flags, const struct itimerspec *spec, struct itimerspec *old)
{
    struct itimerspec real = *spec;

    if (!is_ours(fd)) {
        return set_timer(fd, flags, spec, old);
    }
    pthread_mutex_lock(&lock);
    if (spec->it_value.tv_sec != 0 || spec->it_value.tv_nsec != 0) {
        real.it_value = add(spec->it_value, -offset());
        if (real.it_value.tv_sec < 0 || real.it_value.tv_nsec < 0) {
            real.it_value = (struct timespec){.tv_nsec = 1};
        }
    }
    timers[fd].wants = (flags & TFD_TIMER_CANCEL_ON_SET) != 0;
    int result = set_timer(fd, flags, &real, old);
    if (timers[fd].canceled) {
        ring(fd);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

static void tell_done(void)
{
    while (write(done, "\n", 1) < 0 && errno == EINTR) {
    }
}

EXPORT ssize_t read(int fd, void *out, size_t bytes)
{
    ssize_t got = syscall(SYS_read, fd, out, bytes);

    if (!is_ours(fd)) {
        return got;
    }
    int error = errno;
    pthread_mutex_lock(&lock);
    if (timers[fd].canceled) {
        timers[fd].canceled = false;
        got = -1;
        error = ECANCELED;
        if (--unread == 0) {
            tell_done();
        }
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return got;
}

EXPORT int close(int fd)
{
    if (is_ours(fd)) {
        pthread_mutex_lock(&lock);
        unread -= timers[fd].canceled;
        timers[fd] = (struct shimmed){.wall = false};
        pthread_mutex_unlock(&lock);
    }
    return (int)syscall(SYS_close, fd);
}

/* ------------------------------------------------------------------ setting the clock */

static void set_clock(int64_t ns)
{
    pthread_mutex_lock(&lock);
    atomic_store_explicit(&offset_ns, ns, memory_order_relaxed);
    for (int fd = 0; fd < TIMERS; fd++) {
        if (timers[fd].wall && timers[fd].wants && !timers[fd].canceled) {
            timers[fd].canceled = true;
            unread++;
            ring(fd);
        }
    }
    if (unread == 0) {
        tell_done();
    }
    pthread_mutex_unlock(&lock);
}

static void *obey(void *arg)
{
    char line[32];
    size_t used = 0;

    for (;;) {
        ssize_t got = read(commands, line + used, 1);
        if (got == 1 && line[used] == '\n') {
            line[used] = '\0';
            set_clock(strtoll(line, NULL, 10));
            used = 0;
        } else if (got == 1 && used < sizeof(line) - 1) {
            used++;
        } else if (got < 0 && errno != EINTR) {
            return arg;
        }
    }
}

__attribute__((constructor)) static void begin(void)
{
    const char *given = getenv("GORD_CLOCK_SHIM");
    char name[256];
    char *path = NULL;
    pthread_t thread;
    sigset_t all, before;

    if (given == NULL) {
        return;
    }
    atomic_store_explicit(&offset_ns, strtoll(given, &path, 10), memory_order_relaxed);
    /* Both ways, so that neither waits for the other end, nor ends with it. */
    commands = open(path + 1, O_RDWR | O_CLOEXEC);
    snprintf(name, sizeof(name), "%s.done", path + 1);
    done = open(name, O_RDWR | O_CLOEXEC);
    unsetenv("GORD_CLOCK_SHIM");
    unsetenv("LD_PRELOAD");
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    if (commands < 0 || done < 0 || pthread_create(&thread, NULL, obey, NULL) != 0) {
        perror("clock_shim");
        _exit(1);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}
