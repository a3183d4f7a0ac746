/* SPDX-License-Identifier: MIT */
/* upgrade.c - see upgrade.h. */
#include "daemon/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/crashpoint.h"
#include "daemon/base/log.h"
#include "runtime/gor.h"

#define VARIABLE "GORD_HANDOVER"

/* ------------------------------------------------------------------ how we were started */

static void free_vector(char **vector)
{
    for (char **p = vector; vector != NULL && *p != NULL; p++) {
        free(*p);
    }
    free(vector);
}

/* Sockets that systemd handed over come by the handover. */
static bool is_spent(const char *variable)
{
    return strncmp(variable, "LISTEN_", 7) == 0 ||
           strncmp(variable, VARIABLE "=", sizeof(VARIABLE)) == 0;
}

/* Without what is spent, and with room for one more. NULL: out of memory. */
static char **copy_vector(char *const *vector)
{
    size_t count = 0;
    size_t at = 0;

    while (vector[count] != NULL) {
        count++;
    }
    char **copy = calloc(count + 2, sizeof(*copy));
    for (size_t i = 0; copy != NULL && i < count; i++) {
        if (is_spent(vector[i])) {
            continue;
        }
        copy[at] = strdup(vector[i]);
        if (copy[at++] == NULL) {
            free_vector(copy);
            return NULL;
        }
    }
    return copy;
}

/* The path it was started by leads to what is installed now, symbolic links and all. One that was found
 * in PATH, or that led elsewhere from another folder, is known by the kernel. */
static void find_path(struct gord_upgrade *upgrade, const char *word)
{
    if (word != NULL && word[0] == '/' && strlen(word) < sizeof(upgrade->path)) {
        memcpy(upgrade->path, word, strlen(word) + 1);
        return;
    }
    ssize_t length = readlink("/proc/self/exe", upgrade->path, sizeof(upgrade->path) - 1);
    upgrade->path[length > 0 ? length : 0] = '\0';
}

int gord_upgrade_init(struct gord_upgrade *upgrade, char *const *argv)
{
    upgrade->self_fd = -1;
    find_path(upgrade, argv[0]);
    upgrade->argv = copy_vector(argv);
    upgrade->env = copy_vector(environ);
    return upgrade->argv != NULL && upgrade->env != NULL ? 0 : -ENOMEM;
}

void gord_upgrade_fini(struct gord_upgrade *upgrade)
{
    free_vector(upgrade->argv);
    free_vector(upgrade->env);
    if (upgrade->self_fd >= 0) {
        close(upgrade->self_fd);
    }
}

int gord_upgrade_open_self(struct gord_upgrade *upgrade)
{
    if (upgrade->self_fd < 0) {
        upgrade->self_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    }
    return upgrade->self_fd >= 0 ? 0 : -errno;
}

/* ------------------------------------------------------------------ signals meanwhile */

static const int held[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
/* That came too late for the former gord; 0: none. Any thread's handler sets it: relaxed, it stands for
 * itself. */
static atomic_int stop_signal;

void gord_upgrade_note_stop(int signum)
{
    atomic_store_explicit(&stop_signal, signum, memory_order_relaxed);
}

static void on_held(int signum)
{
    if (signum == SIGTERM || signum == SIGINT) {
        gord_upgrade_note_stop(signum);
    }
}

void gord_upgrade_hold_signals(void)
{
    struct sigaction action = {.sa_handler = on_held, .sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
        (void)sigaction(held[i], &action, NULL);
    }
}

static void mask_held(int how)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
        sigaddset(&set, held[i]);
    }
    (void)pthread_sigmask(how, &set, NULL);
}

void gord_upgrade_release_signals(void)
{
    mask_held(SIG_UNBLOCK);
}

/* Block them, and no others: what comes now waits for the new one, as does a stop that came before. */
static void pass_signals_on(void)
{
    mask_held(SIG_SETMASK);
    int signum = atomic_load_explicit(&stop_signal, memory_order_relaxed);
    if (signum != 0) {
        (void)raise(signum); /* in this thread: others that are left would take it */
    }
}

/* ------------------------------------------------------------------ doing it */

static void set_kept(int fd, bool kept)
{
    if (fd >= 0) {
        (void)fcntl(fd, F_SETFD, kept ? 0 : FD_CLOEXEC);
    }
}

static void keep_descriptors(const Gor__Handover__Handover *handover, bool kept)
{
    for (size_t i = 0; i < handover->n_listeners; i++) {
        set_kept(handover->listeners[i]->fd, kept);
    }
    for (size_t i = 0; i < handover->n_runs; i++) {
        const Gor__Handover__Run *run = handover->runs[i];
        set_kept(run->pidfd, kept);
        set_kept(run->stdout_fd, kept);
        set_kept(run->stderr_fd, kept);
        set_kept(run->progress_fd, kept);
        set_kept(run->result_fd, kept);
        set_kept(run->input_fd, kept);
        set_kept(run->group_fd, kept);
    }
}

/* The file with all of it, which is kept; or -errno. */
static int write_file(const Gor__Handover__Handover *handover)
{
    size_t size = gor__handover__handover__get_packed_size(handover);
    uint8_t *bytes = malloc(size + 1);
    int fd = bytes != NULL ? memfd_create("gord-handover", 0) : -1;
    int result = fd >= 0 ? 0 : bytes == NULL ? -ENOMEM : -errno;

    if (result == 0) {
        gor__handover__handover__pack(handover, bytes);
    }
    for (size_t at = 0; result == 0 && at < size;) {
        ssize_t put = pwrite(fd, bytes + at, size - at, (off_t)at);
        if (put < 0 && errno != EINTR) {
            result = -errno;
        }
        at += put > 0 ? (size_t)put : 0;
    }
    free(bytes);
    if (result != 0 && fd >= 0) {
        close(fd);
    }
    return result != 0 ? result : fd;
}

/* The environment as it was, and the file's number. */
static int set_variable(const struct gord_upgrade *upgrade, int fd)
{
    char **last = upgrade->env;

    while (*last != NULL && strncmp(*last, VARIABLE "=", sizeof(VARIABLE)) != 0) {
        last++;
    }
    free(*last);
    *last = NULL;
    return asprintf(last, VARIABLE "=%d", fd) < 0 ? -ENOMEM : 0;
}

static int execute(const struct gord_upgrade *upgrade, const Gor__Handover__Handover *handover,
                   bool again)
{
    int fd = write_file(handover);
    int result = fd < 0 ? fd : set_variable(upgrade, fd);

    if (result == 0 && again) {
        set_kept(upgrade->self_fd, true);
        fexecve(upgrade->self_fd, upgrade->argv, upgrade->env);
        result = -errno;
    } else if (result == 0) {
        execve(upgrade->path, upgrade->argv, upgrade->env);
        result = -errno;
    }
    if (fd >= 0) {
        close(fd);
    }
    return result;
}

int gord_upgrade_execute(struct gord_upgrade *upgrade, Gor__Handover__Handover *handover,
                         const struct rlimit *nofile)
{
    char why[GORD_UPGRADE_WHY];

    handover->format = GORD_HANDOVER_FORMAT;
    handover->version = GOR_VERSION;
    pass_signals_on();
    (void)setrlimit(RLIMIT_NOFILE, nofile);
    keep_descriptors(handover, true);
    GORD_CRASHPOINT(UPGRADE_HANDED);
    int result = execute(upgrade, handover, false);
    snprintf(why, sizeof(why), "%.120s could not be run: %s", upgrade->path, strerror(-result));
    handover->failure = why;
    result = execute(upgrade, handover, true);
    keep_descriptors(handover, false);
    return result;
}

/* ------------------------------------------------------------------ the other side */

static Gor__Handover__Handover *read_file(int fd)
{
    struct stat file;
    Gor__Handover__Handover *handover = NULL;

    if (fstat(fd, &file) != 0 || file.st_size <= 0) {
        return NULL;
    }
    void *bytes = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes != MAP_FAILED) {
        handover = gor__handover__handover__unpack(NULL, (size_t)file.st_size, bytes);
        munmap(bytes, (size_t)file.st_size);
    }
    return handover;
}

Gor__Handover__Handover *gord_upgrade_take(void)
{
    const char *number = getenv(VARIABLE);
    int fd = number != NULL ? atoi(number) : -1;

    unsetenv(VARIABLE);
    if (fd <= STDERR_FILENO) {
        return NULL;
    }
    Gor__Handover__Handover *handover = read_file(fd);
    close(fd);
    if (handover == NULL || handover->format != GORD_HANDOVER_FORMAT) {
        gord_log(GORD_LOG_ERROR, 0,
                 "what the former gord handed over cannot be read; jobs that ran "
                 "are settled as lost");
        if (handover != NULL) {
            gor__handover__handover__free_unpacked(handover, NULL);
        }
        return NULL;
    }
    keep_descriptors(handover, false);
    GORD_CRASHPOINT(UPGRADE_TAKEN);
    return handover;
}
