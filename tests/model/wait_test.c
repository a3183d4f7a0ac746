/* SPDX-License-Identifier: MIT */
/* wait_test.c - how goroutines wait and are woken: whoever may end a wait (its partner, a deadline, a
 * context, one of a select's channels), one of them does, once, and both sides agree on what
 * happened.
 *
 * Channels, selects and limits are the runtime's own. Each goroutine here has a thread of its own,
 * as goroutines.h tells.
 *
 * model: sync/chan.c sync/select.c sched/limit.c sched/waitq.c sched/goroutine.c sched/timer.c
 */
#include "runtime/sched/cold.h"
#include "runtime/sync/chan.h"
#include "tests/model/goroutines.h"

enum { CHANNELS = 2, DEADLINE = 100 };

static char channel_memory[CHANNELS][sizeof(struct gor_chan) + 16] __attribute__((aligned(64)));
static int64_t sent[MODEL_THREADS];
static int64_t received[MODEL_THREADS];
static int results[MODEL_THREADS];
static bool done[MODEL_THREADS];

/* In place of schedule.c's, as gor__park in goroutines.h. */
void gor__park_select(enum gor_wait_reason reason)
{
    struct gor__g *g = gor__g_self();
    gor__g_set_state(g, GOR_WAITING, reason);
    gor__limit_begin(g);
    gor__select_unlock(g);
    wait_until_ready(g);
}

/* Nobody hibernates here. */
void gor__cold_warm(struct gor__g *g)
{
    (void)g;
}

/* ---- a small world */

static struct gor_chan *channel(int which)
{
    return (struct gor_chan *)channel_memory[which];
}

static void clear(size_t capacity)
{
    clear_goroutines();
    memset(channel_memory, 0, sizeof channel_memory);
    memset(received, 0, sizeof received);
    memset(done, 0, sizeof done);
    for (int i = 0; i < CHANNELS; i++) {
        channel(i)->elem_bytes = sizeof(int64_t);
        channel(i)->capacity = capacity;
        channel(i)->refs = 1;
        model_name(channel(i), sizeof channel_memory[0], i == 0 ? "a" : "b");
        model_name(&channel(i)->lock, sizeof channel(i)->lock, i == 0 ? "a.lock" : "b.lock");
    }
    for (int i = 0; i < MODEL_THREADS; i++) {
        sent[i] = 100 + i;
        results[i] = -1000;
    }
}

static void clear_unbuffered(void)
{
    clear(0);
}

static void finish(int result)
{
    int self = model_thread();
    results[self] = result;
    done[self] = true;
}

/* Whether a goroutine waits, on a queue and unwoken. */
static bool waits(int thread)
{
    return !done[thread] && goroutines[thread].state == GOR_WAITING && woken[thread] == 0;
}

static void receive_by_deadline(void)
{
    finish(gor_chan_recv_until(channel(0), &received[model_thread()], DEADLINE));
}

static void send_a(void)
{
    finish(gor_chan_send(channel(0), &sent[model_thread()]));
}

static void send_b(void)
{
    finish(gor_chan_send(channel(1), &sent[model_thread()]));
}

static void try_send_a(void)
{
    finish(gor_chan_try_send(channel(0), &sent[model_thread()]));
}

static void pass_deadline(void)
{
    (void)gor__timers_run(&proc.timers, DEADLINE);
    finish(0);
}

static void end_context(void)
{
    __atomic_store_n(&watchers.err, -ECANCELED, __ATOMIC_RELEASE);
    gor__watchers_end(&watchers);
    finish(0);
}

static void close_b(void)
{
    finish(gor_chan_close(channel(1)));
}

/* ---- a partner, and a deadline */

static void check_receiver(void)
{
    if (waits(0)) {
        /* Neither has come by: the offer was too early, and the clock too. */
        MODEL_CHECK(results[1] == -EAGAIN && gor__timers_first(&proc.timers) == DEADLINE);
    } else if (results[0] == 1) {
        MODEL_CHECK(results[1] == 0 && received[0] == sent[1]);
    } else {
        MODEL_CHECK(results[0] == -ETIMEDOUT && results[1] == -EAGAIN);
        MODEL_CHECK(channel(0)->receivers.first == NULL);
    }
}

static struct model_scenario partner_or_deadline = {
    .name = "partner or deadline",
    .setup = clear_unbuffered,
    .threads = {receive_by_deadline, try_send_a, pass_deadline},
    .resume = resume,
    .check = check_receiver,
    .stuck = check_receiver};

/* ---- a partner, a deadline and the end of a context, for one wait */

static void receive_by_all(void)
{
    struct gor__m *m = gor__enter();
    struct gor_chan *c = channel(0);
    struct gor__waiter *wake = NULL;
    struct gor__limit limit = {.deadline = DEADLINE, .watchers = &watchers};
    gor__lock(&c->lock);
    int result = gor__chan_recv_locked(c, &received[0], &wake);
    if (result == -EAGAIN) {
        m->g->waiter.elem = &received[0];
        result = gor__waitq_wait(&c->receivers, &c->lock, GOR_WAIT_CHAN_RECV, &limit);
    } else {
        gor__unlock(&c->lock);
        MODEL_CHECK(wake == NULL);
    }
    gor__leave();
    finish(result);
}

static void check_limited(void)
{
    MODEL_CHECK(done[0] && watchers.first == NULL && channel(0)->receivers.first == NULL);
    if (results[0] == 1) {
        MODEL_CHECK(results[1] == 0 && received[0] == sent[1]);
    } else {
        MODEL_CHECK(results[0] == -ECANCELED || results[0] == -ETIMEDOUT);
        MODEL_CHECK(results[1] == -EAGAIN);
    }
}

static struct model_scenario three_enders = {
    .name = "three enders",
    .setup = clear_unbuffered,
    .threads = {receive_by_all, try_send_a, pass_deadline, end_context},
    .resume = resume,
    .check = check_limited};

/* ---- two channels complete one select */

static void select_both(void)
{
    int64_t value[2] = {0, 0};
    struct gor_case cases[2] = {{.chan = channel(0), .value = &value[0], .op = GOR_RECV},
                                {.chan = channel(1), .value = &value[1], .op = GOR_RECV}};
    int index = gor_select(cases, 2);
    MODEL_CHECK(index == 0 || index == 1);
    MODEL_CHECK(value[1 - index] == 0);
    received[0] = value[index];
    finish(index);
}

/* Thread 1 sends on a, 2 on b: the one that was chosen is done, the other waits in its line. */
static void check_one_shot(void)
{
    MODEL_CHECK(done[0]);
    int winner = 1 + results[0];
    int loser = 3 - winner;
    MODEL_CHECK(results[winner] == 0 && received[0] == sent[winner]);
    MODEL_CHECK(waits(loser));
    for (int i = 0; i < CHANNELS; i++) {
        const struct gor__waiter *first = channel(i)->senders.first;
        MODEL_CHECK(channel(i)->receivers.first == NULL);
        MODEL_CHECK((first != NULL) == (i == loser - 1));
        MODEL_CHECK(first == NULL || (first->g == &goroutines[loser] && first->next == NULL));
    }
}

static struct model_scenario one_shot = {.name = "one shot",
                                         .setup = clear_unbuffered,
                                         .threads = {select_both, send_a, send_b},
                                         .resume = resume,
                                         .stuck = check_one_shot};

/* ---- a channel is closed while the other one completes the select */

static void check_closed(void)
{
    MODEL_CHECK(done[0] && results[2] == 0);
    if (results[0] == 0) {
        MODEL_CHECK(results[1] == 0 && received[0] == sent[1]);
    } else {
        MODEL_CHECK(received[0] == 0 && waits(1));
    }
    MODEL_CHECK(channel(0)->receivers.first == NULL && channel(1)->receivers.first == NULL);
}

static struct model_scenario closed = {.name = "closed",
                                       .setup = clear_unbuffered,
                                       .threads = {select_both, send_a, close_b},
                                       .resume = resume,
                                       .check = check_closed,
                                       .stuck = check_closed};

/* ---- two selects that can serve each other either way */

static void offer_a_or_take_b(void)
{
    int self = model_thread();
    struct gor_case cases[2] = {{.chan = channel(0), .value = &sent[self], .op = GOR_SEND},
                                {.chan = channel(1), .value = &received[self], .op = GOR_RECV}};
    finish(gor_select(cases, 2));
}

static void take_a_or_offer_b(void)
{
    int self = model_thread();
    struct gor_case cases[2] = {{.chan = channel(0), .value = &received[self], .op = GOR_RECV},
                                {.chan = channel(1), .value = &sent[self], .op = GOR_SEND}};
    finish(gor_select(cases, 2));
}

static void check_met(void)
{
    MODEL_CHECK(results[0] == results[1] && (results[0] == 0 || results[0] == 1));
    MODEL_CHECK(received[0] == (results[0] == 1 ? sent[1] : 0));
    MODEL_CHECK(received[1] == (results[0] == 0 ? sent[0] : 0));
    for (int i = 0; i < CHANNELS; i++) {
        MODEL_CHECK(channel(i)->senders.first == NULL && channel(i)->receivers.first == NULL);
    }
}

static struct model_scenario crossing = {.name = "crossing",
                                         .setup = clear_unbuffered,
                                         .threads = {offer_a_or_take_b, take_a_or_offer_b},
                                         .resume = resume,
                                         .check = check_met};

static struct model_scenario *const all[] = {&partner_or_deadline, &crossing, &closed, &one_shot,
                                             &three_enders};

TEST(a_wait_ends_once_and_both_sides_agree)
{
    model_hold(all, sizeof all / sizeof all[0]);
}

/* The claim of a token, the locks and what they publish. What survives is hints, and loads that the
 * model keeps in order anyway. */
TEST(a_wrong_access_is_found)
{
    struct model_mutants mutants;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        all[i]->memory = MODEL_WEAK;
    }
    model_mutate(all, sizeof all / sizeof all[0] - !model_long(), MODEL_SPLIT, &mutants);
    CHECK_INT(mutants.made[MODEL_SPLIT], >=, 8);
    /* At one place the timers' lock is taken when nobody here could be in the way. */
    CHECK_INT(mutants.survived[MODEL_SPLIT], <=, 1);
    CHECK_INT(mutants.made[MODEL_RELAX] - mutants.survived[MODEL_RELAX], >=, 15);
}
