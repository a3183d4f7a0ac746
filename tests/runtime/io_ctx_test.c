/* SPDX-License-Identifier: MIT */
/* io_ctx_test.c - every call that may wait ends with its context: cancelled while it waits, late, or
 * before it begins; and is done all the same if it need not wait. */
#include <fcntl.h>
#include <netdb.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/runtime/help.h"

/* Where every call has to wait. */
struct place {
    int empty[2];    /* a socket pair with nothing in it */
    int full[2];     /* one that takes nothing more */
    int listener;    /* nobody comes to it */
    int hanging;     /* one whose line is full */
    int in_line[16]; /* those who stand in it */
    int file;
    char fifo[256];
    char crowded[GOR_ADDR_BYTES];
    struct gor_proc *proc; /* runs until its input ends */
    int proc_input;
};

static void fill(int fd)
{
    static char bytes[65536];
    while (gor_write(fd, bytes, sizeof bytes, 0) > 0) {
    }
}

/* Connections that nobody accepts, until one more has to wait. */
static void crowd(struct place *p)
{
    const struct gor_net_opts tight = {.backlog = 1};
    p->hanging = gor_listen("tcp4", "127.0.0.1:0", &tight, GOR_NEVER);
    CHECK_INT(gor_local_addr(p->hanging, p->crowded, sizeof p->crowded), >, 0);
    for (int i = 0; i < 16; i++) {
        p->in_line[i] = gor_dial("tcp", p->crowded, NULL, gor_after(20 * GOR_MILLISECOND));
    }
    CHECK_INT(p->in_line[15], <, 0);
}

static void make_place(struct place *p)
{
    char *argv[] = {"cat", NULL};
    const struct gor_proc_opts opts = {.in.kind = GOR_PROC_PIPE};
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p->empty), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p->full), 0);
    fill(p->full[0]);
    p->listener = gor_listen("tcp", "127.0.0.1:0", NULL, GOR_NEVER);
    crowd(p);
    snprintf(p->fifo, sizeof p->fifo, "%s/file", test_tmpdir());
    p->file = open(p->fifo, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK_EQ(gor_write(p->file, "file", 4, GOR_NEVER), 4);
    snprintf(p->fifo, sizeof p->fifo, "%s/fifo", test_tmpdir());
    CHECK_EQ(mkfifo(p->fifo, 0600), 0);
    CHECK_EQ(gor_proc_spawn("cat", argv, &opts, &p->proc), 0);
    p->proc_input = gor_proc_pipe(p->proc, 0);
}

static void leave_place(struct place *p)
{
    int fds[] = {p->empty[0], p->empty[1], p->full[0], p->full[1],
                 p->listener, p->hanging,  p->file,    p->proc_input};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        CHECK_EQ(gor_close(fds[i]), 0);
    }
    for (int i = 0; i < 16; i++) {
        if (p->in_line[i] >= 0) {
            CHECK_EQ(gor_close(p->in_line[i]), 0);
        }
    }
    CHECK_EQ(gor_proc_wait(p->proc, NULL, NULL, GOR_NEVER), 0);
    gor_proc_free(p->proc);
    CHECK_EQ(unlink(p->fifo), 0);
}

/* ---- the calls */

static char byte;
static struct iovec part = {&byte, 1};

static ssize_t do_read(struct place *p, struct gor_ctx *ctx)
{
    return gor_read_ctx(p->empty[0], &byte, 1, ctx);
}

static ssize_t do_readv(struct place *p, struct gor_ctx *ctx)
{
    return gor_readv_ctx(p->empty[0], &part, 1, ctx);
}

static ssize_t do_recvfrom(struct place *p, struct gor_ctx *ctx)
{
    return gor_recvfrom_ctx(p->empty[0], &byte, 1, NULL, NULL, ctx);
}

static ssize_t do_recvmsg(struct place *p, struct gor_ctx *ctx)
{
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    return gor_recvmsg_ctx(p->empty[0], &message, 0, ctx);
}

static ssize_t do_fd_wait(struct place *p, struct gor_ctx *ctx)
{
    return gor_fd_wait_ctx(p->empty[0], GOR_FD_READ, ctx);
}

static ssize_t do_write(struct place *p, struct gor_ctx *ctx)
{
    return gor_write_ctx(p->full[0], &byte, 1, ctx);
}

static ssize_t do_write_all(struct place *p, struct gor_ctx *ctx)
{
    return gor_write_all_ctx(p->full[0], &byte, 1, ctx, NULL);
}

static ssize_t do_writev(struct place *p, struct gor_ctx *ctx)
{
    return gor_writev_ctx(p->full[0], &part, 1, ctx);
}

static ssize_t do_writev_all(struct place *p, struct gor_ctx *ctx)
{
    return gor_writev_all_ctx(p->full[0], &part, 1, ctx, NULL);
}

static ssize_t do_sendto(struct place *p, struct gor_ctx *ctx)
{
    return gor_sendto_ctx(p->full[0], &byte, 1, NULL, 0, ctx);
}

static ssize_t do_sendmsg(struct place *p, struct gor_ctx *ctx)
{
    const struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    return gor_sendmsg_ctx(p->full[0], &message, 0, ctx);
}

static ssize_t do_sendfile(struct place *p, struct gor_ctx *ctx)
{
    off_t offset = 0;
    return gor_sendfile_ctx(p->full[0], p->file, &offset, 1, ctx);
}

static ssize_t do_accept(struct place *p, struct gor_ctx *ctx)
{
    return gor_accept_ctx(p->listener, NULL, NULL, ctx);
}

static ssize_t do_dial(struct place *p, struct gor_ctx *ctx)
{
    return gor_dial_ctx("tcp", p->crowded, NULL, ctx);
}

/* By a name, whose addresses are tried side by side. */
static ssize_t do_dial_name(struct place *p, struct gor_ctx *ctx)
{
    char address[GOR_ADDR_BYTES];
    snprintf(address, sizeof address, "localhost%s", strrchr(p->crowded, ':'));
    return gor_dial_ctx("tcp", address, NULL, ctx);
}

static ssize_t do_open(struct place *p, struct gor_ctx *ctx)
{
    return gor_open_ctx(p->fifo, O_RDONLY, 0, ctx);
}

static ssize_t do_wait_pid(struct place *p, struct gor_ctx *ctx)
{
    return gor_wait_pid_ctx(gor_proc_pid(p->proc), NULL, NULL, ctx);
}

static ssize_t do_proc_wait(struct place *p, struct gor_ctx *ctx)
{
    return gor_proc_wait_ctx(p->proc, NULL, NULL, ctx);
}

static _Atomic bool waits_for_post;

static int wait_for_post(void *arg)
{
    atomic_store(&waits_for_post, true);
    while (sem_wait(arg) != 0) {
    }
    return 0;
}

static _Atomic long semaphores;

static void free_semaphore(void *arg)
{
    CHECK_EQ(sem_destroy(arg), 0);
    free(arg);
    atomic_fetch_sub(&semaphores, 1);
}

static sem_t *pending_semaphore;

static ssize_t do_blocking(struct place *p, struct gor_ctx *ctx)
{
    int result = 0;
    sem_t *semaphore = malloc(sizeof *semaphore);
    (void)p;
    CHECK_EQ(sem_init(semaphore, 0, 0), 0);
    atomic_fetch_add(&semaphores, 1);
    pending_semaphore = semaphore;
    return gor_blocking_ctx(wait_for_post, semaphore, free_semaphore, ctx, &result);
}

static const struct wait {
    ssize_t (*call)(struct place *p, struct gor_ctx *ctx);
    enum gor_wait_reason reason;
} waits[] = {
    {do_read, GOR_WAIT_IO},       {do_readv, GOR_WAIT_IO},         {do_recvfrom, GOR_WAIT_IO},
    {do_recvmsg, GOR_WAIT_IO},    {do_fd_wait, GOR_WAIT_IO},       {do_write, GOR_WAIT_IO},
    {do_write_all, GOR_WAIT_IO},  {do_writev, GOR_WAIT_IO},        {do_writev_all, GOR_WAIT_IO},
    {do_sendto, GOR_WAIT_IO},     {do_sendmsg, GOR_WAIT_IO},       {do_sendfile, GOR_WAIT_IO},
    {do_accept, GOR_WAIT_IO},     {do_dial, GOR_WAIT_IO},          {do_dial_name, GOR_WAIT_IO},
    {do_open, GOR_WAIT_BLOCKING}, {do_wait_pid, GOR_WAIT_PROCESS}, {do_proc_wait, GOR_WAIT_PROCESS},
};

enum { WAITS = sizeof waits / sizeof waits[0] };

struct caller {
    const struct wait *wait;
    struct place *place;
    struct gor_ctx *ctx;
    ssize_t result;
    struct gor_waitgroup wg;
};

static void call(void *arg)
{
    struct caller *c = arg;
    c->result = c->wait->call(c->place, c->ctx);
    gor_waitgroup_done(&c->wg);
}

/* What was given up and still hangs about in the kernel goes on once the other end comes. */
static void release_opens(struct place *p)
{
    int fd = -1;
    while ((fd = open(p->fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) >= 0) {
        close(fd);
        gor_yield();
    }
}

GO_TEST(io_is_ended_by_a_context_cancelled_meanwhile)
{
    struct place place;
    make_place(&place);
    for (int i = 0; i < WAITS; i++) {
        struct caller c = {.wait = &waits[i], .place = &place};
        CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &c.ctx), 0);
        gor_waitgroup_add(&c.wg, 1);
        gor_id_t id = spawn_id(call, &c);
        await_waiting(id, waits[i].reason);
        gor_ctx_cancel(c.ctx, NULL);
        gor_waitgroup_wait(&c.wg);
        CHECK_EQ(c.result, -ECANCELED);
        /* And has no effect on the next one. */
        CHECK_EQ(waits[i].call(&place, c.ctx), -ECANCELED);
        gor_ctx_unref(c.ctx);
        CHECK_EQ(gor_ctx_with_timeout(gor_ctx_background(), GOR_MILLISECOND, &c.ctx), 0);
        CHECK_EQ(waits[i].call(&place, c.ctx), -ETIMEDOUT);
        gor_ctx_unref(c.ctx);
        await_end(id);
    }
    release_opens(&place);
    leave_place(&place);
}

GO_TEST(io_blocking_call_goes_on_behind_a_cancelled_context)
{
    struct caller c = {.wait = &(const struct wait){do_blocking, GOR_WAIT_BLOCKING}};
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &c.ctx), 0);
        gor_waitgroup_add(&c.wg, 1);
        atomic_store(&waits_for_post, false);
        spawn_parked(call, &c, GOR_WAIT_BLOCKING);
        /* Else the semaphore might be freed under our hands: who is given up before is never begun. */
        YIELD_UNTIL(atomic_load(&waits_for_post))
        gor_ctx_cancel(c.ctx, NULL);
        gor_waitgroup_wait(&c.wg);
        CHECK_EQ(c.result, -ECANCELED);
        CHECK_EQ(atomic_load(&semaphores), 1);
        CHECK_EQ(sem_post(pending_semaphore), 0);
        YIELD_UNTIL(atomic_load(&semaphores) == 0)
        CHECK_EQ(do_blocking(NULL, c.ctx), -ECANCELED);
        CHECK_EQ(atomic_load(&semaphores), 0);
        gor_ctx_unref(c.ctx);
    }
}

GO_TEST(io_that_need_not_wait_is_done_whatever_the_context)
{
    struct gor_ctx *ended = NULL;
    char text[GOR_ADDR_BYTES];
    struct addrinfo *list = NULL;
    int fds[2];
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &ended), 0);
    gor_ctx_cancel(ended, NULL);
    struct gor_ctx *const contexts[] = {ended, NULL, gor_ctx_background()};
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        CHECK_EQ(gor_write_all_ctx(fds[0], "abc", 3, contexts[i], NULL), 0);
        CHECK_EQ(gor_fd_wait_ctx(fds[1], GOR_FD_READ, contexts[i]), GOR_FD_READ);
        CHECK_EQ(gor_read_ctx(fds[1], text, sizeof text, contexts[i]), 3);
        CHECK_EQ(gor_close(fds[0]), 0);
        CHECK_EQ(gor_close(fds[1]), 0);
        int listener = gor_listen_ctx("unix", "@gor-io-ctx-test", NULL, contexts[i]);
        CHECK_INT(listener, >=, 0);
        int client = gor_dial_ctx("unix", "@gor-io-ctx-test", NULL, contexts[i]);
        CHECK_INT(client, >=, 0);
        int server = gor_accept_ctx(listener, NULL, NULL, contexts[i]);
        CHECK_INT(server, >=, 0);
        CHECK_EQ(gor_close(client), 0);
        CHECK_EQ(gor_close(server), 0);
        CHECK_EQ(gor_close(listener), 0);
        CHECK_EQ(gor_resolve_ctx("127.0.0.1", "80", NULL, contexts[i], &list), 0);
        freeaddrinfo(list);
    }
    CHECK_EQ(gor_resolve_ctx("localhost", "80", NULL, ended, &list), -ECANCELED);
    CHECK_EQ(gor_open_ctx("/dev/null", O_RDONLY, 0, ended), -ECANCELED);
    gor_ctx_unref(ended);
}

/* ---- readers whose contexts end about when their bytes come */

struct racer {
    int fd;
    struct gor_ctx *ctx;
    _Atomic long *got;
    struct gor_waitgroup *wg;
};

static void read_or_give_up(void *arg)
{
    struct racer *r = arg;
    char mine;
    ssize_t result = gor_read_ctx(r->fd, &mine, 1, r->ctx);
    CHECK(result == 1 || result == -ECANCELED);
    if (result == 1) {
        atomic_fetch_add(r->got, 1);
    }
    gor_waitgroup_done(r->wg);
}

static void cancel_it(void *arg)
{
    gor_ctx_cancel(arg, NULL);
}

GO_TEST(io_context_racing_with_the_data_loses_no_byte)
{
    enum { ROUNDS = SCALED(400, 150, 100), READERS = 4 };
    int fds[2];
    uint64_t seed = test_seed();
    CHECK_EQ(gor_pipe(fds), 0);
    for (int i = 0; i < ROUNDS; i++) {
        struct racer racer = {.fd = fds[0]};
        struct gor_waitgroup wg = {0};
        _Atomic long got = 0;
        CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &racer.ctx), 0);
        racer.got = &got;
        racer.wg = &wg;
        gor_waitgroup_add(&wg, READERS);
        for (int k = 0; k < READERS; k++) {
            spawn(read_or_give_up, &racer);
        }
        int bytes = random_below(&seed, READERS + 1);
        for (int k = random_below(&seed, 3); k > 0; k--) {
            gor_yield();
        }
        spawn(cancel_it, racer.ctx);
        for (int k = 0; k < bytes; k++) {
            CHECK_EQ(gor_write(fds[1], "x", 1, GOR_NEVER), 1);
        }
        gor_waitgroup_wait(&wg);
        for (long k = atomic_load(&got); k < bytes; k++) {
            CHECK_EQ(gor_read(fds[0], &byte, 1, 0), 1);
        }
        CHECK_EQ(gor_read(fds[0], &byte, 1, 0), -ETIMEDOUT);
        YIELD_UNTIL(gor_ctx_err(racer.ctx) != 0 && gor_num_goroutine() == 1)
        gor_ctx_unref(racer.ctx);
    }
    CHECK_EQ(gor_close(fds[0]), 0);
    CHECK_EQ(gor_close(fds[1]), 0);
}
