/* SPDX-License-Identifier: MIT */
/* dump_test.c - the printed form of all goroutines. */
#include "tests/runtime/help.h"

static char *dump_text(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    CHECK(out != NULL);
    CHECK_EQ(gor_dump(out), 0);
    CHECK_EQ(fclose(out), 0);
    return text;
}

static void check_has(const char *text, const char *words)
{
    if (strstr(text, words) == NULL) {
        test_fail(__FILE__, __LINE__, "no \"%s\" in: %s", words, text);
    }
}

static void park_in_select(void *arg)
{
    struct gor_case one = {arg, NULL, GOR_RECV, 0};
    struct gor_case cases[] = {one, {NULL, NULL, GOR_RECV, 0}};
    (void)gor_select(cases, 2);
}

static void park_in_recv(void *arg)
{
    gor_set_name("waiter-seven");
    (void)gor_chan_recv(arg, NULL);
}

GO_TEST(dump_shows_ids_states_reasons_and_names)
{
    struct gor_chan *c = new_chan(0, 0);
    char words[64];
    gor_id_t select_id = spawn_parked(park_in_select, c, GOR_WAIT_SELECT);
    gor_id_t recv_id = spawn_parked(park_in_recv, c, GOR_WAIT_CHAN_RECV);
    char *text = dump_text();
    snprintf(words, sizeof words, "goroutine %" PRIu64 " [select", select_id);
    check_has(text, words);
    snprintf(words, sizeof words, "goroutine %" PRIu64 " [chan receive", recv_id);
    check_has(text, words);
    snprintf(words, sizeof words, "goroutine %" PRIu64 " [running", gor_self());
    check_has(text, words);
    check_has(text, "waiter-seven");
    check_has(text, "created by");
    free(text);
    CHECK_EQ(gor_chan_close(c), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_chan_unref(c);
}

GO_TEST(dump_to_a_broken_stream_tells_the_error)
{
    FILE *full = fopen("/dev/full", "w");
    CHECK(full != NULL);
    setvbuf(full, NULL, _IONBF, 0);
    CHECK_INT(gor_dump(full), <, 0);
    fclose(full);
}

struct crowd {
    struct gor_waitgroup started;
    struct gor_chan *c;
};

static void park_in_crowd(void *arg)
{
    struct crowd *crowd = arg;
    gor_waitgroup_done(&crowd->started);
    (void)gor_chan_recv(crowd->c, NULL);
}

GO_TEST(dump_of_thousands_shows_every_one)
{
    int count = SCALED(5000, 2000, 1000);
    struct crowd crowd = {.c = new_chan(0, 0)};
    gor_waitgroup_add(&crowd.started, count);
    for (int i = 0; i < count; i++) {
        spawn(park_in_crowd, &crowd);
    }
    gor_waitgroup_wait(&crowd.started);
    struct gor_stats stats;
    do {
        gor_yield();
        CHECK_EQ(gor_stats_get(&stats, true), 0);
    } while (stats.by_state[GOR_WAITING] != (uint64_t)count);
    char *text = dump_text();
    int shown = 0;
    for (const char *at = text; (at = strstr(at, "[chan receive")) != NULL; at++) {
        shown++;
    }
    CHECK_EQ(shown, count);
    free(text);
    CHECK_EQ(gor_chan_close(crowd.c), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_chan_unref(crowd.c);
}

TEST(dump_without_a_runtime_is_harmless)
{
    FILE *null = fopen("/dev/null", "w");
    CHECK_INT(gor_dump(null), <=, 0);
    fclose(null);
}
