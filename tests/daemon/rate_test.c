/* SPDX-License-Identifier: MIT */
/* Rates: the bucket against a plain simulation in virtual time, and whose turn it is with them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/event/clock.h"
#include "daemon/job/queues.h"
#include "daemon/job/rate.h"
#include "tests/daemon/specs.h"

#define SECOND ((int64_t)1000000000)
#define DAY (86400 * SECOND)

static struct gord_rate make(uint32_t count, int64_t per_ns, uint32_t burst, int64_t now_ns)
{
    struct gord_rate rate = {.full_at_ns = 0};
    gord_rate_change(&rate, &(struct gord_rate_limit){count, burst, per_ns}, now_ns);
    return rate;
}

TEST(bucket_begins_full_and_drips)
{
    struct gord_rate rate = make(10, SECOND, 20, 5 * SECOND);
    CHECK_EQ(gord_rate_tokens(&rate, 5 * SECOND), 20);
    gord_rate_take(&rate, 20, 5 * SECOND);
    CHECK_EQ(gord_rate_tokens(&rate, 5 * SECOND), 0);
    CHECK_EQ(gord_rate_when(&rate, 1), 5 * SECOND + SECOND / 10);
    CHECK_EQ(gord_rate_tokens(&rate, 5 * SECOND + SECOND / 10 - 1), 0);
    CHECK_EQ(gord_rate_tokens(&rate, 5 * SECOND + SECOND / 10), 1);
    CHECK_EQ(gord_rate_tokens(&rate, 6 * SECOND), 10);
    CHECK_EQ(gord_rate_tokens(&rate, 60 * SECOND), 20);
}

TEST(bucket_keeps_what_is_in_it_when_its_limit_changes)
{
    struct gord_rate rate = make(1, DAY, 10, 0);
    gord_rate_take(&rate, 7, 0);
    gord_rate_change(&rate, &(struct gord_rate_limit){100, 50, SECOND}, SECOND);
    CHECK_EQ(gord_rate_tokens(&rate, SECOND), 3);
    CHECK_EQ(gord_rate_tokens(&rate, SECOND + SECOND / 100), 4);
    gord_rate_change(&rate, &(struct gord_rate_limit){100, 2, SECOND}, SECOND);
    CHECK_EQ(gord_rate_tokens(&rate, SECOND), 2);
}

TEST(limit_that_cannot_be_kept_is_refused)
{
    char error[128];
    const struct gord_rate_limit bad[] = {{1000001, 1, SECOND},
                                          {1, 1000001, SECOND},
                                          {1, 1, 999999},
                                          {1, 1, 367 * DAY},
                                          {1, 100, 366 * DAY}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_EQ(gord_rate_check(&bad[i], error, sizeof error), -EINVAL);
        CHECK(error[0] != '\0');
    }
    CHECK_EQ(gord_rate_check(&(struct gord_rate_limit){1000000, 1000000, DAY}, error, sizeof error),
             0);
    CHECK_EQ(gord_rate_check(&(struct gord_rate_limit){0, 0, 0}, error, sizeof error), 0);
}

/* However it is asked, it never gives out more than was in it and has come, and never less than could
 * be had by one who always asks for a token as soon as gord_rate_when says there is one. */
TEST(bucket_gives_out_what_came_and_no_more)
{
    unsigned seed = 20261128;
    for (int round = 0; round < 300; round++) {
        uint32_t count = 1 + (uint32_t)rand_r(&seed) % 1000,
                 burst = 1 + (uint32_t)rand_r(&seed) % 50;
        int64_t per_ns = SECOND * (1 + rand_r(&seed) % 100), now_ns = 0;
        struct gord_rate rate = make(count, per_ns, burst, now_ns);
        uint64_t given = 0;
        for (int step = 0; step < 300; step++) {
            uint32_t wants = 1 + (uint32_t)rand_r(&seed) % burst;
            int64_t when_ns = gord_rate_when(&rate, wants);
            now_ns = when_ns > now_ns ? when_ns : now_ns;
            CHECK(gord_rate_tokens(&rate, now_ns) >= wants);
            gord_rate_take(&rate, wants, now_ns);
            given += wants;
            long double came = (long double)now_ns * count / per_ns;
            CHECK((long double)given <= burst + came * (1 + 1e-6L) + 1e-3L);
            if (step == 0) {
                continue;
            }
            CHECK((long double)given + 1e-3L >= came); /* it was never left full */
        }
    }
}

/* ------------------------------------------------------------------ turns */

static uint64_t enter(struct gord_job_table *table, const char *queue, const char *rate,
                      uint32_t amount, uint32_t slots)
{
    Gor__V1__NativeSpec native = GOR__V1__NATIVE_SPEC__INIT;
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    Gor__V1__JobSpec__RatesEntry entry = GOR__V1__JOB_SPEC__RATES_ENTRY__INIT, *list = &entry;
    struct gord_spec *spec;
    native.function = (char *)"builtin.echo";
    wire.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    wire.native = &native;
    wire.queue = (char *)(uintptr_t)queue;
    wire.slots = slots;
    entry.key = (char *)(uintptr_t)rate;
    entry.value = amount;
    wire.rates = &list;
    wire.n_rates = rate != NULL;
    CHECK_EQ(gord_spec_from_wire(&wire, NULL, &spec), 0);
    uint64_t id = submit(table, spec);
    gord_job_committed(table, gord_job_next_seq(table) - 1);
    return id;
}

static uint64_t take(struct gord_job_table *table)
{
    struct gord_job *job = gord_job_take_of(table, (1U << GORD_KIND_COUNT) - 1);
    CHECK(gord_job_table_is_valid(table));
    return job != NULL ? job->id : 0;
}

/* Nothing drips while a test runs. */
static void limit(struct gord_job_table *table, enum gord_resource_kind what, const char *name,
                  uint32_t burst)
{
    CHECK_EQ(gord_queues_limit(table, what, name, &(struct gord_rate_limit){1, burst, DAY}), 0);
}

static struct gord_job_table *rates_table(void)
{
    struct gord_job_table *table =
        gord_job_table_new(&(struct gord_job_opts){.next_id = 1, .next_seq = 1});
    CHECK(table != NULL);
    gord_queues_set_slots(table, GORD_NATIVE, 4);
    return table;
}

TEST(start_takes_of_the_rate_and_the_next_waits)
{
    struct gord_job_table *table = rates_table();
    struct gord_why why;
    limit(table, GORD_RATE, "api", 2);
    uint64_t first = enter(table, "", "api", 1, 1), second = enter(table, "", "api", 1, 1);
    uint64_t third = enter(table, "", "api", 1, 1), free = enter(table, "", NULL, 0, 1);
    CHECK_EQ(take(table), first);
    CHECK_EQ(take(table), second);
    CHECK_EQ(take(table), free); /* which does not wait for it */
    CHECK_EQ(take(table), 0);
    int64_t ready_ns = gord_queues_next_token(table) - gord_clock_boot();
    CHECK(ready_ns > DAY - 600 * SECOND && ready_ns <= DAY);
    gord_queues_why(table, gord_job_find(table, third), &why);
    CHECK(strncmp(why.text, "rate: waits for 1 of rate 'api' (1/d, burst 2)", 46) == 0);
    CHECK(why.ready_ns > gord_event_clock() + DAY - 600 * SECOND);
    limit(table, GORD_RATE, "api", 3); /* holds one more, but none has come */
    CHECK_EQ(take(table), 0);
    CHECK_EQ(
        gord_queues_limit(table, GORD_RATE, "api", &(struct gord_rate_limit){1000000, 3, 1000000}),
        0);
    while (take(table) != third) {
        gord_queues_touch(table); /* it comes within a nanosecond */
    }
    CHECK_EQ(gord_queues_next_token(table), 0);
    gord_job_table_free(table);
}

TEST(big_start_has_the_coming_tokens_set_aside)
{
    struct gord_job_table *table = rates_table();
    limit(table, GORD_RATE, "api", 3);
    uint64_t first = enter(table, "", "api", 1, 1);
    CHECK_EQ(take(table), first);
    enter(table, "", "api", 3, 1);
    enter(table, "", "api", 1, 2); /* would find its two, but comes later */
    CHECK_EQ(take(table), 0);
    gord_job_table_free(table);
}

TEST(keys_count_apart)
{
    struct gord_job_table *table = rates_table();
    limit(table, GORD_RATE, "mail", 1);
    uint64_t ann = enter(table, "", "mail/ann", 1, 1), more = enter(table, "", "mail/ann", 1, 1);
    uint64_t bob = enter(table, "", "mail/bob", 1, 1), all = enter(table, "", "mail", 1, 1);
    CHECK_EQ(take(table), ann);
    CHECK_EQ(take(table), bob);
    CHECK_EQ(take(table), all);
    CHECK_EQ(take(table), 0);
    CHECK_EQ(gord_queues_remove(table, GORD_RATE, "mail"), -EBUSY);
    uint64_t running,
        queued = gord_queues_count(table, gord_queues_find(table, GORD_RATE, "mail"), &running);
    CHECK_EQ(queued, 1);
    CHECK_EQ(running, 3);
    CHECK_EQ(
        gord_queues_limit(table, GORD_RATE, "mail", &(struct gord_rate_limit){1000000, 1, 1000000}),
        0);
    while (take(table) != more) { /* a change is one of every key's */
        gord_queues_touch(table);
    }
    gord_job_table_free(table);
}

TEST(rate_of_a_queue_is_one_a_start_whatever_slots_it_takes)
{
    struct gord_job_table *table = rates_table();
    struct gord_why why;
    CHECK_EQ(gord_queues_set(table, GORD_QUEUE, "slow", GORD_UNLIMITED), 0);
    limit(table, GORD_QUEUE, "slow", 2);
    uint64_t big = enter(table, "slow", NULL, 0, 2), small = enter(table, "slow", NULL, 0, 1);
    uint64_t late = enter(table, "slow", NULL, 0, 1), other = enter(table, "", NULL, 0, 1);
    CHECK_EQ(take(table), big);
    CHECK_EQ(take(table), small);
    CHECK_EQ(take(table), other);
    gord_queues_why(table, gord_job_find(table, late), &why);
    CHECK(strstr(why.text, "the rate of queue 'slow' (1/d, burst 2)") != NULL);
    CHECK_EQ(gord_queues_limit(table, GORD_QUEUE, "slow", &(struct gord_rate_limit){0, 0, 0}), 0);
    gord_queues_set_slots(table, GORD_NATIVE, 5);
    CHECK_EQ(take(table), late);
    gord_job_table_free(table);
}

TEST(ask_with_rates_survives_its_text)
{
    struct gord_ask ask = {.queue = "default", .slots = 1, .rate_count = 2}, back;
    char text[GORD_ASK_BYTES], again[GORD_ASK_BYTES];
    snprintf(ask.rates[0].pool, sizeof ask.rates[0].pool, "api");
    ask.rates[0].amount = 3;
    snprintf(ask.rates[1].pool, sizeof ask.rates[1].pool, "mail/Ann@example.org:25");
    ask.rates[1].amount = 1;
    CHECK(strcmp(gord_ask_text(&ask, text), "default 0 1 ~api=3 ~mail/Ann@example.org:25=1") == 0);
    CHECK_EQ(gord_ask_parse(text, &back), 0);
    CHECK(strcmp(gord_ask_text(&back, again), text) == 0);
    const char *const bad[] = {"default 0 1 ~api",       "default 0 1 ~api=0",
                               "default 0 1 ~=1",        "default 0 1 ~api/=1",
                               "default 0 1 ~api/a/b=1", "default 0 1 ~Api=1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_EQ(gord_ask_parse(bad[i], &back), -EBADMSG);
    }
}
