/* SPDX-License-Identifier: MIT */
/* sites_test.c - how deep goroutines went, by the place they were started at: not what others did on the
 * same stack before. */
#include <stdlib.h>

#include "tests/runtime/help.h"

enum { DEEP_KIB = 150, STACK = 1 << 20, MANY = 64 };

__attribute__((noinline)) static int go_down(int kib)
{
    volatile char frame[1024];
    frame[0] = (char)kib;
    frame[1023] = (char)kib;
    return kib > 0 ? go_down(kib - 1) + (frame[0] != frame[1023]) : 0;
}

/* Where the goroutines of each kind are started at, as they are told themselves. */
static _Atomic(const void *) diver_place;
static _Atomic(const void *) shallow_place;
static _Atomic(const void *) waiting_place;

static const void *own_place(void)
{
    struct gor_info info;
    CHECK_EQ(gor_lookup(gor_self(), &info), 0);
    return info.created_at;
}

static void dive(void *arg)
{
    diver_place = own_place();
    CHECK_EQ(go_down(DEEP_KIB), 0);
    gor_waitgroup_done(arg);
}

static void stay_up(void *arg)
{
    shallow_place = own_place();
    gor_yield();
    gor_waitgroup_done(arg);
}

static const struct gor_go_opts large = {.stack_bytes = STACK};

/* Two places. */
__attribute__((noinline)) static void start_diver(struct gor_waitgroup *wg)
{
    CHECK_EQ(gor_go_with(&large, dive, wg), 0);
}

__attribute__((noinline)) static void start_shallow(struct gor_waitgroup *wg)
{
    CHECK_EQ(gor_go_with(&large, stay_up, wg), 0);
}

struct found {
    const void *place;
    struct gor_site site;
};

static int look_for(void *arg, const struct gor_site *site)
{
    struct found *found = arg;
    if (site->created_at == found->place) {
        found->site = *site;
    }
    return 0;
}

static struct gor_site site_at(const void *place)
{
    struct found found = {.place = place};
    CHECK_EQ(gor_each_site(look_for, &found), 0);
    return found.site;
}

static void start_many(void (*start)(struct gor_waitgroup *wg))
{
    struct gor_waitgroup wg = {0};
    gor_waitgroup_add(&wg, MANY);
    for (int i = 0; i < MANY; i++) {
        start(&wg);
    }
    gor_waitgroup_wait(&wg);
}

GO_TEST(site_tells_how_deep_its_goroutines_went)
{
    start_many(start_diver);
    YIELD_UNTIL(site_at(diver_place).measured > 0)
    struct gor_site deep = site_at(diver_place);
    CHECK_INT(deep.stack_most_bytes, >=, DEEP_KIB * 1024);
    CHECK_INT(deep.stack_most_bytes, <, deep.stack_bytes);
    CHECK_INT(deep.stack_bytes, >=, STACK);
    /* The same stacks serve those now. */
    start_many(start_shallow);
    CHECK_INT(site_at(shallow_place).stack_most_bytes, <, DEEP_KIB * 1024);
}

struct waiting {
    struct gor_chan *down;
    struct gor_chan *end;
};

static void wait_deep_down(void *arg)
{
    struct waiting *waiting = arg;
    waiting_place = own_place();
    CHECK_EQ(go_down(DEEP_KIB), 0);
    send_int(waiting->down, 1);
    (void)gor_chan_recv(waiting->end, NULL);
}

/* They need not have ended, nor does the memory have to be there still. */
GO_TEST(site_knows_of_those_who_live)
{
    struct waiting waiting = {new_chan(sizeof(int), 0), new_chan(0, 0)};
    for (int i = 0; i < MANY; i++) {
        CHECK_EQ(gor_go_with(&large, wait_deep_down, &waiting), 0);
    }
    for (int i = 0; i < MANY; i++) {
        CHECK_EQ(recv_int(waiting.down), 1);
    }
    CHECK_EQ(site_at(waiting_place).live, MANY);
    CHECK_INT(site_at(waiting_place).stack_most_bytes, >=, DEEP_KIB * 1024);
    CHECK_EQ(gor_stacks_release(), 0);
    CHECK_INT(site_at(waiting_place).stack_most_bytes, >=, DEEP_KIB * 1024);
    CHECK_EQ(gor_chan_close(waiting.end), 0);
    await_alone();
    CHECK_EQ(site_at(waiting_place).live, 0);
    gor_chan_unref(waiting.down);
    gor_chan_unref(waiting.end);
}

GO_TEST(sites_are_printed_by_name_the_deepest_first)
{
    char *text = NULL;
    size_t length = 0;
    start_many(start_diver);
    start_many(start_shallow);
    FILE *out = open_memstream(&text, &length);
    CHECK(out != NULL);
    CHECK_EQ(gor_dump_sites(out), 0);
    CHECK_EQ(fclose(out), 0);
    const char *deep = strstr(text, "start_diver");
    CHECK(strstr(text, "started by") != NULL);
    CHECK(deep != NULL);
    free(text);
}

static int stop(void *arg, const struct gor_site *site)
{
    (void)arg;
    (void)site;
    return 7;
}

GO_TEST(sites_are_visited_until_told_to_stop)
{
    CHECK_EQ(gor_each_site(stop, NULL), 7);
}

TEST(sites_want_a_runtime)
{
    CHECK_EQ(gor_each_site(stop, NULL), -ESRCH);
}
