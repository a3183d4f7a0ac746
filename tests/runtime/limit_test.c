/* SPDX-License-Identifier: MIT */
/* limit_test.c - every call that takes a context: what ends it, what does not, and that a wait which
 * was ended leaves nothing behind. */
#include "tests/runtime/help.h"

static struct gor_chan *c;
static struct gor_chan *other;
static struct gor_mutex mutex;
static struct gor_rwmutex rwmutex;
static struct gor_waitgroup waitgroup;
static struct gor_cond cond;
static struct gor_sem sem;

/* One call: how to make it wait, and how to let it go on. */
struct kind {
    const char *name;
    enum gor_wait_reason reason;
    void (*block)(void);
    int (*call)(struct gor_ctx *ctx);
    int success;
    void (*let_go)(void); /* NULL: nothing can */
    void (*end)(void);    /* after a success */
    bool forgets;         /* letting go lets only those go that wait already */
};

static void nothing(void)
{
}

static void make_full(void)
{
    c = new_chan(sizeof(int), 1);
    send_int(c, 1);
}

static void make_empty(void)
{
    c = new_chan(sizeof(int), 1);
    other = new_chan(sizeof(int), 1);
}

static int call_send(struct gor_ctx *ctx)
{
    int value = 2;
    return gor_chan_send_ctx(c, &value, ctx);
}

static int call_recv(struct gor_ctx *ctx)
{
    int value = 0;
    return gor_chan_recv_ctx(c, &value, ctx);
}

static int call_select(struct gor_ctx *ctx)
{
    int value = 0;
    struct gor_case cases[] = {
        {.chan = other, .value = &value, .op = GOR_RECV},
        {.chan = NULL, .value = &value, .op = GOR_SEND},
        {.chan = c, .value = &value, .op = GOR_RECV},
    };
    return gor_select_ctx(cases, 3, ctx);
}

static int call_select_of_nothing(struct gor_ctx *ctx)
{
    return gor_select_ctx(NULL, 0, ctx);
}

static int call_nil_send(struct gor_ctx *ctx)
{
    return gor_chan_send_ctx(NULL, NULL, ctx);
}

static int call_nil_recv(struct gor_ctx *ctx)
{
    return gor_chan_recv_ctx(NULL, NULL, ctx);
}

static int call_sleep(struct gor_ctx *ctx)
{
    return gor_ctx_sleep_until(ctx, GOR_NEVER);
}

static void take_one(void)
{
    (void)recv_int(c);
}

static void give_one(void)
{
    send_int(c, 3);
}

static void free_channels(void)
{
    gor_chan_unref(c);
    gor_chan_unref(other);
    c = NULL;
    other = NULL;
}

static void lock(void)
{
    gor_mutex_lock(&mutex);
}

static void unlock(void)
{
    gor_mutex_unlock(&mutex);
}

static int call_lock(struct gor_ctx *ctx)
{
    return gor_mutex_lock_ctx(&mutex, ctx);
}

static void write_lock(void)
{
    gor_rwmutex_lock(&rwmutex);
}

static void write_unlock(void)
{
    gor_rwmutex_unlock(&rwmutex);
}

static void read_lock(void)
{
    gor_rwmutex_rlock(&rwmutex);
}

static void read_unlock(void)
{
    gor_rwmutex_runlock(&rwmutex);
}

static int call_read_lock(struct gor_ctx *ctx)
{
    return gor_rwmutex_rlock_ctx(&rwmutex, ctx);
}

static int call_write_lock(struct gor_ctx *ctx)
{
    return gor_rwmutex_lock_ctx(&rwmutex, ctx);
}

static void add(void)
{
    gor_waitgroup_add(&waitgroup, 1);
}

static void done(void)
{
    gor_waitgroup_done(&waitgroup);
}

static int call_wait(struct gor_ctx *ctx)
{
    return gor_waitgroup_wait_ctx(&waitgroup, ctx);
}

static int call_cond_wait(struct gor_ctx *ctx)
{
    gor_mutex_lock(&mutex);
    int result = gor_cond_wait_ctx(&cond, &mutex, ctx);
    CHECK_EQ(gor_mutex_try_lock(&mutex), -EBUSY);
    gor_mutex_unlock(&mutex);
    return result;
}

static void signal_one(void)
{
    gor_cond_signal(&cond);
}

static void release(void)
{
    gor_sem_release(&sem, 2);
}

static int call_acquire(struct gor_ctx *ctx)
{
    return gor_sem_acquire_ctx(&sem, 2, ctx);
}

static const struct kind kinds[] = {
    {"send", GOR_WAIT_CHAN_SEND, make_full, call_send, 0, take_one, free_channels, false},
    {"recv", GOR_WAIT_CHAN_RECV, make_empty, call_recv, 1, give_one, free_channels, false},
    {"select", GOR_WAIT_SELECT, make_empty, call_select, 2, give_one, free_channels, false},
    {"mutex", GOR_WAIT_MUTEX, lock, call_lock, 0, unlock, unlock, false},
    {"rlock", GOR_WAIT_RWMUTEX_READ, write_lock, call_read_lock, 0, write_unlock, read_unlock,
     false},
    {"lock", GOR_WAIT_RWMUTEX_WRITE, read_lock, call_write_lock, 0, read_unlock, write_unlock,
     false},
    {"waitgroup", GOR_WAIT_WAITGROUP, add, call_wait, 0, done, nothing, false},
    {"cond", GOR_WAIT_COND, nothing, call_cond_wait, 0, signal_one, nothing, true},
    {"sem", GOR_WAIT_SEMAPHORE, nothing, call_acquire, 0, release, nothing, false},
    {"nil send", GOR_WAIT_CHAN_SEND_NIL, nothing, call_nil_send, 0, NULL, nothing, false},
    {"nil recv", GOR_WAIT_CHAN_RECV_NIL, nothing, call_nil_recv, 0, NULL, nothing, false},
    {"select{}", GOR_WAIT_SELECT_EMPTY, nothing, call_select_of_nothing, 0, NULL, nothing, false},
    {"sleep", GOR_WAIT_SLEEP, nothing, call_sleep, 0, NULL, nothing, false},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static struct gor_ctx *new_ctx(void)
{
    struct gor_ctx *ctx = NULL;
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &ctx), 0);
    return ctx;
}

static struct gor_ctx *new_ended(void)
{
    struct gor_ctx *ctx = new_ctx();
    gor_ctx_cancel(ctx, NULL);
    return ctx;
}

static void check_result(const struct kind *kind, int result, int expected)
{
    if (result != expected) {
        test_fail(__FILE__, __LINE__, "%s: %d instead of %d", kind->name, result, expected);
    }
}

struct caller {
    const struct kind *kind;
    struct gor_ctx *ctx;
    int result;
};

static void make_call(void *arg)
{
    struct caller *caller = arg;
    caller->result = caller->kind->call(caller->ctx);
}

/* Once nobody waits any more, the next one to come must be served as if nobody ever had. */
static void check_still_works(const struct kind *kind)
{
    if (kind->let_go == NULL) {
        return;
    }
    if (kind->forgets) {
        struct caller caller = {kind, NULL, -1};
        gor_id_t id = spawn_parked(make_call, &caller, kind->reason);
        kind->let_go();
        await_end(id);
        check_result(kind, caller.result, kind->success);
    } else {
        kind->let_go();
        check_result(kind, kind->call(NULL), kind->success);
    }
    kind->end();
}

GO_TEST(limit_cancel_ends_a_wait)
{
    for (int k = 0; k < KINDS; k++) {
        struct caller caller = {&kinds[k], new_ctx(), 77};
        kinds[k].block();
        gor_id_t id = spawn_parked(make_call, &caller, kinds[k].reason);
        gor_ctx_cancel(caller.ctx, NULL);
        await_end(id);
        check_result(&kinds[k], caller.result, -ECANCELED);
        check_still_works(&kinds[k]);
        gor_ctx_unref(caller.ctx);
    }
}

GO_TEST(limit_cancel_of_a_context_above_ends_a_wait)
{
    for (int k = 0; k < KINDS; k++) {
        struct gor_ctx *top = new_ctx();
        struct gor_ctx *below = NULL;
        struct caller caller = {&kinds[k], NULL, 77};
        CHECK_EQ(gor_ctx_with_cancel(top, &below), 0);
        CHECK_EQ(gor_ctx_with_value(below, &kinds, NULL, &caller.ctx), 0);
        kinds[k].block();
        gor_id_t id = spawn_parked(make_call, &caller, kinds[k].reason);
        gor_ctx_cancel(top, NULL);
        await_end(id);
        check_result(&kinds[k], caller.result, -ECANCELED);
        check_still_works(&kinds[k]);
        gor_ctx_unref(caller.ctx);
        gor_ctx_unref(below);
        gor_ctx_unref(top);
    }
}

GO_TEST(limit_deadline_of_the_context_ends_a_wait)
{
    for (int k = 0; k < KINDS; k++) {
        struct gor_ctx *ctx = NULL;
        int64_t deadline = gor_after(GOR_MILLISECOND);
        CHECK_EQ(gor_ctx_with_deadline(gor_ctx_background(), deadline, &ctx), 0);
        kinds[k].block();
        check_result(&kinds[k], kinds[k].call(ctx), -ETIMEDOUT);
        CHECK(gor_now() >= deadline);
        check_still_works(&kinds[k]);
        gor_ctx_unref(ctx);
    }
    /* A deadline that passes starts a goroutine, which holds the context until it has ended. */
    YIELD_UNTIL(gor_num_goroutine() == 1)
}

GO_TEST(limit_context_that_has_ended_refuses_to_wait)
{
    for (int k = 0; k < KINDS; k++) {
        struct gor_ctx *ctx = new_ended();
        kinds[k].block();
        check_result(&kinds[k], kinds[k].call(ctx), -ECANCELED);
        check_still_works(&kinds[k]);
        gor_ctx_unref(ctx);
    }
}

GO_TEST(limit_context_that_has_ended_does_what_can_be_done_at_once)
{
    for (int k = 0; k < KINDS; k++) {
        if (kinds[k].let_go != NULL && !kinds[k].forgets) {
            struct gor_ctx *ctx = new_ended();
            kinds[k].block();
            kinds[k].let_go();
            check_result(&kinds[k], kinds[k].call(ctx), kinds[k].success);
            kinds[k].end();
            gor_ctx_unref(ctx);
        }
    }
}

/* Served before its context ends, which then finds nobody. */
static void check_served(const struct kind *kind, struct gor_ctx *ctx)
{
    struct caller caller = {kind, ctx, 77};
    kind->block();
    gor_id_t id = spawn_parked(make_call, &caller, kind->reason);
    kind->let_go();
    await_end(id);
    check_result(kind, caller.result, kind->success);
    kind->end();
}

GO_TEST(limit_without_end_waits_until_served)
{
    for (int k = 0; k < KINDS; k++) {
        if (kinds[k].let_go != NULL) {
            struct gor_ctx *plain = NULL;
            CHECK_EQ(gor_ctx_without_cancel(gor_ctx_background(), &plain), 0);
            check_served(&kinds[k], NULL);
            check_served(&kinds[k], gor_ctx_background());
            check_served(&kinds[k], plain);
            gor_ctx_unref(plain);
        }
    }
}

GO_TEST(limit_served_in_time_is_left_alone_afterwards)
{
    struct gor_ctx *ctx = new_ctx();
    for (int k = 0; k < KINDS; k++) {
        if (kinds[k].let_go != NULL) {
            check_served(&kinds[k], ctx);
        }
    }
    gor_ctx_cancel(ctx, NULL);
    gor_ctx_unref(ctx);
}

GO_TEST(limit_one_cancel_ends_the_waits_of_all)
{
    enum { EACH = 20 };
    static struct caller callers[KINDS * EACH];
    static gor_id_t ids[KINDS * EACH];
    struct gor_ctx *ctx = new_ctx();
    /* The two halves of the read-write mutex want it held in different ways. */
    make_full();
    lock();
    write_lock();
    add();
    struct gor_chan *full = c;
    int count = 0;
    for (int k = 0; k < KINDS; k++) {
        bool needs_another = kinds[k].call == call_recv || kinds[k].call == call_select ||
                             kinds[k].call == call_cond_wait;
        for (int i = 0; i < EACH && !needs_another; i++, count++) {
            callers[count] = (struct caller){&kinds[k], ctx, 77};
            ids[count] = spawn_parked(make_call, &callers[count], kinds[k].reason);
        }
    }
    gor_ctx_cancel(ctx, NULL);
    for (int i = 0; i < count; i++) {
        await_end(ids[i]);
        check_result(callers[i].kind, callers[i].result, -ECANCELED);
    }
    unlock();
    write_unlock();
    done();
    gor_chan_unref(full);
    c = NULL;
    gor_ctx_unref(ctx);
}

GO_TEST(limit_deadlines_of_the_locks)
{
    int64_t past = gor_now() - 1;
    CHECK_EQ(gor_mutex_lock_until(&mutex, past), 0);
    CHECK_EQ(gor_mutex_lock_until(&mutex, past), -ETIMEDOUT);
    CHECK_EQ(gor_mutex_lock_until(&mutex, gor_after(GOR_MILLISECOND)), -ETIMEDOUT);
    gor_mutex_unlock(&mutex);
    CHECK_EQ(gor_mutex_lock_until(&mutex, GOR_NEVER), 0);
    gor_mutex_unlock(&mutex);

    CHECK_EQ(gor_rwmutex_rlock_until(&rwmutex, past), 0);
    CHECK_EQ(gor_rwmutex_rlock_until(&rwmutex, past), 0);
    CHECK_EQ(gor_rwmutex_lock_until(&rwmutex, past), -ETIMEDOUT);
    CHECK_EQ(gor_rwmutex_lock_until(&rwmutex, gor_after(GOR_MILLISECOND)), -ETIMEDOUT);
    gor_rwmutex_runlock(&rwmutex);
    gor_rwmutex_runlock(&rwmutex);
    CHECK_EQ(gor_rwmutex_lock_until(&rwmutex, GOR_NEVER), 0);
    CHECK_EQ(gor_rwmutex_rlock_until(&rwmutex, past), -ETIMEDOUT);
    CHECK_EQ(gor_rwmutex_rlock_until(&rwmutex, gor_after(GOR_MILLISECOND)), -ETIMEDOUT);
    gor_rwmutex_unlock(&rwmutex);
}

static void try_read(void *arg)
{
    *(int *)arg = gor_rwmutex_rlock_ctx(&rwmutex, NULL);
}

/* A writer stops new readers; when it gives up, they must not wait for the next unlock. */
GO_TEST(limit_writer_that_gives_up_lets_readers_in)
{
    struct gor_ctx *ctx = new_ctx();
    struct caller writer = {&kinds[5], ctx, 77};
    int reader = 77;
    read_lock();
    gor_id_t writer_id = spawn_parked(make_call, &writer, GOR_WAIT_RWMUTEX_WRITE);
    gor_id_t reader_id = spawn_parked(try_read, &reader, GOR_WAIT_RWMUTEX_READ);
    gor_ctx_cancel(ctx, NULL);
    await_end(writer_id);
    await_end(reader_id);
    CHECK_EQ(writer.result, -ECANCELED);
    CHECK_EQ(reader, 0);
    read_unlock();
    read_unlock();
    gor_ctx_unref(ctx);
}

/* A large request that gives up lets the small ones behind it through. */
GO_TEST(limit_request_that_gives_up_lets_those_behind_it_through)
{
    struct gor_ctx *ctx = new_ctx();
    struct caller large = {&kinds[8], ctx, 77};
    struct caller same = {&kinds[8], NULL, 77};
    gor_sem_release(&sem, 1);
    gor_id_t first = spawn_parked(make_call, &large, GOR_WAIT_SEMAPHORE);
    gor_id_t second = spawn_parked(make_call, &same, GOR_WAIT_SEMAPHORE);
    gor_ctx_cancel(ctx, NULL);
    await_end(first);
    gor_sem_release(&sem, 1);
    await_end(second);
    CHECK_EQ(large.result, -ECANCELED);
    CHECK_EQ(same.result, 0);
    gor_ctx_unref(ctx);
}

static int call_all_outside(void *arg)
{
    for (int k = 0; k < KINDS; k++) {
        if (kinds[k].call != call_cond_wait) {
            check_result(&kinds[k], kinds[k].call(arg), -EPERM);
        }
    }
    CHECK_EQ(gor_cond_wait_ctx(&cond, &mutex, arg), -EPERM);
    CHECK_EQ(gor_mutex_lock_until(&mutex, 0), -EPERM);
    CHECK_EQ(gor_rwmutex_lock_until(&rwmutex, 0), -EPERM);
    CHECK_EQ(gor_rwmutex_rlock_until(&rwmutex, 0), -EPERM);
    return 0;
}

GO_TEST(limit_is_for_goroutines_only)
{
    struct gor_ctx *ctx = new_ctx();
    CHECK_EQ(gor_blocking(call_all_outside, ctx), 0);
    gor_ctx_unref(ctx);
}
