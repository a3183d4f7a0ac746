/* SPDX-License-Identifier: MIT */
/* name_test.c - names of goroutines are copied: the caller's text may go at once, and whoever looks
 * in comes upon no memory that is gone. */
#include <pthread.h>

#include "tests/runtime/help.h"

static void be_looked_at(void *arg)
{
    struct gor_info info;
    CHECK_EQ(gor_lookup(gor_self(), &info), 0);
    CHECK_STR(info.name, arg);
}

static void spawn_named(const char *name, const char *expected)
{
    char text[64];
    snprintf(text, sizeof text, "%s", name);
    CHECK_EQ(
        gor_go_with(&(struct gor_go_opts){.name = text}, be_looked_at, (void *)(uintptr_t)expected),
        0);
    memset(text, '?', sizeof text);
}

GO_TEST(name_is_copied_and_cut)
{
    struct gor_info info;
    spawn_named("short", "short");
    spawn_named("exactly thirty-one bytes, as it", "exactly thirty-one bytes, as it");
    spawn_named("one byte more than there is room for", "one byte more than there is roo");
    spawn_named("", "");
    CHECK_EQ(gor_go(be_looked_at, ""), 0);
    gor_set_name("another");
    be_looked_at("another");
    gor_set_name(NULL);
    be_looked_at("");
    CHECK_EQ(gor_lookup(gor_self(), &info), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1);
}

static _Atomic bool looking;
static _Atomic bool over;

static int check_name(void *unused, const struct gor_info *info)
{
    (void)unused;
    CHECK_INT(strnlen(info->name, sizeof info->name), <, sizeof info->name);
    return 0;
}

static void *look_always(void *unused)
{
    (void)unused;
    atomic_store(&looking, true);
    while (!atomic_load(&over)) {
        CHECK_EQ(gor_each(check_name, NULL), 0);
    }
    return NULL;
}

static void free_own_name(void *arg)
{
    gor_yield();
    gor_set_name("about to end");
    free(arg);
}

GO_TEST(name_may_be_freed_while_others_look)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, look_always, NULL), 0);
    YIELD_UNTIL(atomic_load(&looking));
    for (int i = 0; i < SCALED(50000, 10000, 5000); i++) {
        char *name = malloc(GOR_NAME_BYTES);
        CHECK(name != NULL);
        snprintf(name, GOR_NAME_BYTES, "job %d", i);
        CHECK_EQ(gor_go_with(&(struct gor_go_opts){.name = name}, free_own_name, name), 0);
        if (i % 64 == 0) {
            gor_yield();
        }
    }
    YIELD_UNTIL(gor_num_goroutine() == 1);
    atomic_store(&over, true);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}
