/* SPDX-License-Identifier: MIT */
/* machine_list_test.c - while the world stands the list of threads stays as it is, though more are wanted
 * and the system refuses them: whoever has it stand goes through the list without a lock. */
#include <pthread.h>
#include <sched.h>

#include "runtime/sched/sched.h"
#include "runtime/sched/world.h"
#include "tests/runtime/help.h"
#include "tests/runtime/maker.h"

static _Atomic bool refuses;
static _Atomic long refused;

bool maker_is_refused(void)
{
    bool refuse = atomic_load(&refuses);
    atomic_fetch_add(&refused, refuse ? 1 : 0);
    return refuse;
}

static void *want_threads(void *unused)
{
    while (atomic_load(&refuses)) {
        gor__machine_want();
        sched_yield();
    }
    return unused;
}

static uint32_t listed(void)
{
    return __atomic_load_n(&gor__sched.machine_count, __ATOMIC_ACQUIRE);
}

/* For as long as the maker is about to make one, and some time more. */
static void see_it_stay(void)
{
    uint32_t before = listed();
    for (int i = 0; i < 200; i++) {
        CHECK_EQ(listed(), before);
        sched_yield();
    }
}

TEST(list_of_threads_stays_as_it_is_while_the_world_stands)
{
    pthread_t wanting;
    CHECK_EQ(gor_start(NULL), 0);
    atomic_store(&refuses, true);
    CHECK_EQ(pthread_create(&wanting, NULL, want_threads, NULL), 0);
    for (int i = 0; i < 50; i++) {
        long before = atomic_load(&refused);
        gor__world_lock_outside();
        CHECK(gor__world_stop(NULL));
        see_it_stay();
        gor__world_start();
        gor__mutex_unlock(&gor__world_lock);
        while (atomic_load(&refused) == before) {
            sched_yield();
        }
    }
    atomic_store(&refuses, false);
    CHECK_EQ(pthread_join(wanting, NULL), 0);
    CHECK_EQ(gor_stop(), 0);
}
