/* SPDX-License-Identifier: MIT */
/* groups.c - the storm's tasks in common: the first error ends them all, objects go round. */
#include "tests/runtime/storm/storm.h"

struct task {
    struct storm *s;
    int fails; /* with -ERANGE, after a while */
    int64_t ns;
};

static int work_or_fail(struct gor_ctx *ctx, void *arg)
{
    const struct task *task = arg;
    int result = gor_ctx_sleep_until(ctx, gor_after(task->ns));
    CHECK(result == 0 || result == -ECANCELED || result == -ETIMEDOUT);
    atomic_fetch_add(&task->s->children_ended, 1);
    return task->fails ? -ERANGE : 0;
}

void storm_group(struct storm_worker *w)
{
    enum { TASKS = 5 };
    struct task tasks[TASKS];
    struct gor_group *group = NULL;
    bool one_fails = storm_below(w, 2) == 0;
    CHECK_EQ(gor_group_new(w->s->root_ctx, &group), 0);
    gor_group_set_limit(group, storm_below(w, 3) == 0 ? 2 : -1);
    for (int i = 0; i < TASKS; i++) {
        tasks[i] = (struct task){w->s, one_fails && i == 2, storm_below(w, 200) * GOR_MICROSECOND};
        atomic_fetch_add(&w->s->children, 1);
        CHECK_EQ(gor_group_go(group, work_or_fail, &tasks[i]), 0);
    }
    CHECK_EQ(gor_group_wait(group), one_fails ? -ERANGE : 0);
    CHECK(gor_ctx_err(gor_group_ctx(group)) != 0);
    gor_group_free(group);
}

/* An object belongs to one at a time. */
struct object {
    _Atomic int users;
};

void *storm_make_object(void *arg)
{
    (void)arg;
    return calloc(1, sizeof(struct object));
}

void storm_destroy_object(void *object, void *arg)
{
    (void)arg;
    CHECK_EQ(atomic_load(&((struct object *)object)->users), 0);
    free(object);
}

void storm_pool(struct storm_worker *w)
{
    struct object *object = gor_pool_get(w->s->pool);
    CHECK(object != NULL);
    CHECK_EQ(atomic_fetch_add(&object->users, 1), 0);
    if (storm_below(w, 2) == 0) {
        gor_yield();
    }
    CHECK_EQ(atomic_fetch_sub(&object->users, 1), 1);
    gor_pool_put(w->s->pool, object);
    if (storm_below(w, 50) == 0) {
        gor_pool_trim(w->s->pool);
    }
}
