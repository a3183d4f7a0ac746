/* SPDX-License-Identifier: MIT */
/* away.c - see away.h. */
#include "client/away.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/bar.h"
#include "client/exits.h"
#include "client/when.h"

#define SECOND_NS ((int64_t)1000000000)
#define PATIENCE_NS (30 * SECOND_NS)
#define CALM_NS SECOND_NS /* back for less, it is still the same absence */

enum { FIRST_PAUSE_MS = 10, LONGEST_PAUSE_MS = 1000, NOTE_MS = 700 };

int gorctl_patience_find(const struct gorctl *ctl, int64_t *out_ns)
{
    const char *from = "--patience";
    const char *text = ctl->patience;
    if (text == NULL) {
        from = "$GOR_PATIENCE";
        text = getenv("GOR_PATIENCE");
    }
    *out_ns = PATIENCE_NS;
    if (text == NULL || text[0] == '\0' || gorctl_duration_parse(text, out_ns) == 0) {
        return GORCTL_EXIT_OK;
    }
    gorctl_say("%s: '%s' is not a duration; write 5s, 1m30s, or 0s not to wait at all", from, text);
    return GORCTL_EXIT_USAGE;
}

void gorctl_away_init(struct gorctl_channel *channel)
{
    (void)uv_timer_init(&channel->loop, &channel->pause);
    (void)uv_timer_init(&channel->loop, &channel->note);
    channel->pause.data = channel->note.data = channel;
}

void gorctl_away_fini(struct gorctl_channel *channel)
{
    uv_close((uv_handle_t *)&channel->pause, NULL);
    uv_close((uv_handle_t *)&channel->note, NULL);
}

int64_t gorctl_until(int64_t timeout_ns)
{
    int64_t now = (int64_t)uv_hrtime();
    return timeout_ns == 0 ? 0 : timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
}

int64_t gorctl_time_left(int64_t until_ns)
{
    int64_t left = until_ns - (int64_t)uv_hrtime();
    return until_ns == 0 ? 0 : left > 0 ? left : 1;
}

/* --------------------------------------------------------- being away */

bool gorctl_went_away(const struct gorctl_channel *channel, enum wire_status status)
{
    return status == WIRE_UNAVAILABLE && channel->patience_ns > 0 &&
           rpc_client_has_left(channel->client);
}

bool gorctl_is_away(const struct gorctl *ctl)
{
    return rpc_client_has_left(ctl->channel->client);
}

void gorctl_back_add(struct gorctl *ctl, struct gorctl_back *back)
{
    back->next = ctl->channel->backs;
    ctl->channel->backs = back;
}

void gorctl_back_remove(struct gorctl *ctl, struct gorctl_back *back)
{
    struct gorctl_back **at = &ctl->channel->backs;
    while (*at != NULL && *at != back) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = back->next;
    }
}

static void on_note(uv_timer_t *timer)
{
    struct gorctl_channel *channel = timer->data;
    channel->told = true;
    gorctl_bar_hide(channel->ctl);
    gorctl_say("gord is away; trying again");
    gorctl_bar_show(channel->ctl);
}

static bool is_stopped(const struct gorctl_channel *channel)
{
    return channel->stream != NULL && channel->stream->stopped;
}

static void on_pause(uv_timer_t *timer)
{
    uv_stop(timer->loop); /* it may be early in a turn, which would wait for something else */
}

/* Until `until_ns`, or until it is stopped. */
static void wait_until(struct gorctl_channel *channel, int64_t until_ns)
{
    int64_t left_ns;
    while (!is_stopped(channel) && (left_ns = until_ns - (int64_t)uv_hrtime()) > 0) {
        uv_update_time(&channel->loop);
        (void)uv_timer_start(&channel->pause, on_pause, (uint64_t)(left_ns + 999999) / 1000000, 0);
        (void)uv_run(&channel->loop, UV_RUN_ONCE);
    }
    (void)uv_timer_stop(&channel->pause);
}

/* ---------------------------------------------------------- connecting */

struct attempt {
    bool over;
    int error;
};

static void on_ready(struct rpc_client *client, int error, void *user)
{
    struct attempt *attempt = user;
    (void)client;
    attempt->over = true;
    attempt->error = error;
}

/* What has to be told if there is no other try. */
struct failure {
    int error;
    char why[RPC_TEXT_BYTES];
};

/* Try once. 0, or what is wrong, in `failure` as well. */
static int try_once(struct gorctl_channel *channel, int64_t until_ns, struct failure *failure)
{
    struct attempt attempt = {.over = false};
    struct rpc_client_opts opts = gorctl_client_opts(channel);
    struct rpc_client *client;
    opts.connect_timeout_ns = gorctl_time_left(until_ns);
    opts.on_ready = on_ready;
    opts.user = &attempt;
    failure->error = rpc_client_open(&channel->loop, &opts, &client);
    if (failure->error != 0) {
        (void)snprintf(failure->why, sizeof(failure->why), "%s", strerror(-failure->error));
        return failure->error;
    }
    while (!attempt.over && !is_stopped(channel)) {
        (void)uv_run(&channel->loop, UV_RUN_ONCE);
    }
    if (attempt.over && attempt.error == 0) {
        rpc_client_close(channel->client);
        channel->client = client;
        return 0;
    }
    failure->error = attempt.over ? attempt.error : -ECANCELED;
    (void)snprintf(failure->why, sizeof(failure->why), "%s", rpc_client_error_text(client));
    rpc_client_close(client);
    return failure->error;
}

static int give_up(const struct gorctl_channel *channel, const struct failure *failure)
{
    char patience[GORCTL_WHEN_ROOM];
    if (failure->error == -EPROTO) {
        return gorctl_explain_no_daemon(channel, failure->error, failure->why);
    }
    gorctl_duration_text(channel->patience_ns, patience);
    gorctl_say("the daemon went away, and was not back within %s%s%s", patience,
               failure->why[0] != '\0' ? ": " : "", failure->why);
    fputs(
        "  --patience (or $GOR_PATIENCE) has it waited for longer; `gorctl doctor` looks closer.\n",
        stderr);
    return GORCTL_EXIT_NO_DAEMON;
}

static void tell_back(struct gorctl_channel *channel)
{
    for (struct gorctl_back *back = channel->backs, *next; back != NULL; back = next) {
        next = back->next;
        back->is_back(back->user);
    }
}

/* Try until it works, with pauses that grow. What listens there and is no gord, or has another
 * certificate, is not worth waiting for. */
static int try_until(struct gorctl_channel *channel, int64_t until_ns, struct failure *failure)
{
    int error = -ETIMEDOUT;
    while (!is_stopped(channel) && (int64_t)uv_hrtime() < until_ns) {
        if (channel->tries > 0) {
            unsigned shift = channel->tries < 8 ? channel->tries : 8;
            int64_t pause_ms = FIRST_PAUSE_MS << (shift - 1);
            pause_ms = pause_ms < LONGEST_PAUSE_MS ? pause_ms : LONGEST_PAUSE_MS;
            int64_t next_ns = (int64_t)uv_hrtime() + pause_ms * 1000000;
            wait_until(channel, next_ns < until_ns ? next_ns : until_ns);
        }
        channel->tries++;
        error = is_stopped(channel) ? -ECANCELED : try_once(channel, until_ns, failure);
        if (error == 0 || error == -EPROTO) {
            break;
        }
    }
    return error;
}

/* When patience ends. */
static int64_t begin_absence(struct gorctl_channel *channel)
{
    int64_t now = (int64_t)uv_hrtime();
    if (channel->back_ns == 0 || now - channel->back_ns > CALM_NS) {
        channel->since_ns = now;
        channel->tries = 0;
        channel->told = false;
    }
    return channel->since_ns + channel->patience_ns;
}

int gorctl_try_to_come_back(struct gorctl *ctl, int64_t limit_ns)
{
    struct gorctl_channel *channel = ctl->channel;
    struct failure failure = {.error = 0};
    int64_t lasts_ns = begin_absence(channel);
    int error = try_once(channel, (int64_t)uv_hrtime() + limit_ns, &failure);
    channel->back_ns = (int64_t)uv_hrtime();
    if (error == 0) {
        tell_back(channel);
        return GORCTL_EXIT_OK;
    }
    return error == -EPROTO || channel->back_ns >= lasts_ns ? give_up(channel, &failure)
                                                            : GORCTL_EXIT_TIMED_OUT;
}

int gorctl_come_back(struct gorctl *ctl, int64_t until_ns)
{
    struct gorctl_channel *channel = ctl->channel;
    struct failure failure = {.error = 0};
    int64_t lasts_ns = begin_absence(channel);
    bool bounded = until_ns != 0 && until_ns < lasts_ns;
    uv_update_time(&channel->loop);
    if (!channel->told) {
        (void)uv_timer_start(&channel->note, on_note, NOTE_MS, 0);
    }
    int error = try_until(channel, bounded ? until_ns : lasts_ns, &failure);
    (void)uv_timer_stop(&channel->note);
    channel->back_ns = (int64_t)uv_hrtime();
    if (error == 0) {
        tell_back(channel);
        return GORCTL_EXIT_OK;
    }
    if (is_stopped(channel)) {
        return GORCTL_EXIT_DETACHED;
    }
    return bounded && error != -EPROTO ? GORCTL_EXIT_TIMED_OUT : give_up(channel, &failure);
}
