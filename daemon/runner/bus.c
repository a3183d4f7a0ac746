/* SPDX-License-Identifier: MIT */
#include "daemon/runner/bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/assert.h"
#include "daemon/base/log.h"
#include "daemon/job/history.h"
#include "daemon/job/queues.h"

/* Events kept for watchers after their commit; behind that they are read from the store. */
#define RECENT_WINDOW 4096U
#define PROGRESS_EVENTS 1024U

struct gord_bus {
    uv_loop_t *loop; /* borrowed */
    struct gord_job_table *table;
    struct gord_store *store;
    struct gord_reader *reader;
    struct gord_inbox inbox;
    uv_prepare_t turn; /* runs flush before the loop would sleep */
    uv_idle_t awake;   /* active: the loop must not sleep, for flush left something to do */
    struct gord_bus_hook *hooks;
    bool dirty;
    bool paused;
    bool closed;
    bool joins_ends; /* see gord_bus_join_ends */
    uint64_t committed;
    struct gord_event **recent; /* owned references; slot of seq: seq & (recent_slots - 1) */
    uint64_t recent_slots;      /* a power of two */
    uint64_t recent_first;      /* seq of the oldest kept */
    uint64_t next_seq;          /* seq after the newest kept */
};

/* ------------------------------------------------------------------ recent events */

static struct gord_event **recent_slot(const struct gord_bus *bus, uint64_t seq)
{
    return &bus->recent[seq & (bus->recent_slots - 1)];
}

static int grow_recent(struct gord_bus *bus)
{
    uint64_t slots = bus->recent_slots * 2;
    struct gord_event **wider = calloc(slots, sizeof(struct gord_event *));

    if (wider == NULL) {
        return -ENOMEM;
    }
    for (uint64_t seq = bus->recent_first; seq < bus->next_seq; seq++) {
        wider[seq & (slots - 1)] = *recent_slot(bus, seq);
    }
    free(bus->recent);
    bus->recent = wider;
    bus->recent_slots = slots;
    return 0;
}

/* Make room for so many more: forget old committed ones, keep all that are not committed. */
static int make_room(struct gord_bus *bus, size_t count)
{
    uint64_t kept = bus->next_seq - bus->recent_first;
    int result = 0;

    while (kept >= RECENT_WINDOW && bus->recent_first <= bus->committed) {
        gord_event_unref(*recent_slot(bus, bus->recent_first));
        *recent_slot(bus, bus->recent_first) = NULL;
        bus->recent_first++;
        kept--;
    }
    while (result == 0 && kept + count > bus->recent_slots) {
        result = grow_recent(bus);
    }
    return result;
}

struct gord_event *gord_bus_recent(const struct gord_bus *bus, uint64_t seq)
{
    return seq >= bus->recent_first && seq < bus->next_seq ? *recent_slot(bus, seq) : NULL;
}

/* ------------------------------------------------------------------ the ring */

void gord_bus_wake(struct gord_bus *bus)
{
    bus->dirty = true;
}

/* An active idle handle is all it takes. */
static void on_awake(uv_idle_t *awake)
{
    (void)awake;
}

static void on_turn(uv_prepare_t *turn)
{
    struct gord_bus *bus = turn->data;

    if (!bus->dirty) {
        return;
    }
    bus->dirty = false;
    for (struct gord_bus_hook *hook = bus->hooks; hook != NULL; hook = hook->next) {
        if (hook->flush != NULL) {
            hook->flush(hook->arg);
        }
    }
    if (bus->closed) {
        return;
    }
    /* What a flush emitted or left over is for the next turn, after the clients had theirs. */
    if (bus->dirty) {
        uv_idle_start(&bus->awake, on_awake);
    } else {
        uv_idle_stop(&bus->awake);
    }
}

void gord_bus_join_ends(struct gord_bus *bus, bool join)
{
    bus->joins_ends = join;
}

/* Does what the event leads to belong into its transaction, and is there none that it is in already? */
static bool joins(const struct gord_bus *bus, const struct gord_event *event)
{
    return event->kind == GORD_EVENT_FINISHED &&
           (bus->joins_ends || (event->spec != NULL && event->spec->hooked)) &&
           !gord_store_is_grouping(bus->store);
}

int gord_bus_emit(struct gord_bus *bus, struct gord_event *event, uint64_t *out_seq)
{
    if (event == NULL) {
        return -ENOMEM;
    }
    struct gord_job *job = gord_job_find(bus->table, event->job_id);
    int result = gord_job_allows(job, (enum gord_event_kind)event->kind) ? 0 : -EINVAL;
    if (result == 0) {
        result = make_room(bus, 1);
    }
    if (result == 0) {
        result = gord_job_apply(bus->table, event);
    }
    if (result != 0) {
        gord_event_unref(event);
        return result;
    }
    GORD_ASSERT(event->seq == bus->next_seq);
    *recent_slot(bus, event->seq) = event;
    bus->next_seq++;
    bus->dirty = true;
    if (out_seq != NULL) {
        *out_seq = event->seq;
    }
    bool joined = joins(bus, event);
    if (joined) {
        gord_store_begin_group(bus->store);
    }
    gord_store_put(bus->store, event);
    job = gord_job_find(bus->table, event->job_id);
    for (struct gord_bus_hook *hook = bus->hooks; hook != NULL; hook = hook->next) {
        if (hook->applied != NULL) {
            hook->applied(hook->arg, event, job);
        }
    }
    if (joined) {
        gord_store_end_group(bus->store);
    }
    return 0;
}

int gord_bus_enter_history(struct gord_bus *bus, struct gord_event *const *events, size_t count,
                           uint64_t *out_seq)
{
    if (make_room(bus, count) != 0) {
        for (size_t i = 0; i < count; i++) {
            gord_event_unref(events[i]);
        }
        return -ENOMEM;
    }
    gord_history_number(bus->table, events, count);
    gord_store_begin_group(bus->store);
    for (size_t i = 0; i < count; i++) {
        GORD_ASSERT(events[i]->seq == bus->next_seq);
        *recent_slot(bus, events[i]->seq) = events[i];
        bus->next_seq++;
        gord_store_put(bus->store, events[i]);
    }
    gord_store_end_group(bus->store);
    *out_seq = events[count - 1]->seq;
    bus->dirty = true;
    return 0;
}

void gord_bus_post(struct gord_bus *bus, struct gord_event *event)
{
    if (event == NULL) {
        gord_log(GORD_LOG_ERROR, 0, "out of memory for an event; ending to recover from the store");
        abort();
    }
    gord_inbox_post(&bus->inbox, &event->link);
}

static void on_posted(void *arg, struct gord_inbox_item *item)
{
    struct gord_bus *bus = arg;
    struct gord_event *event = gord_event_of_item(item);
    uint64_t job_id = event->job_id;
    enum gord_event_kind kind = (enum gord_event_kind)event->kind;
    int result = bus->closed ? -EINVAL : -EAGAIN;

    if (result == -EAGAIN) {
        result = gord_bus_emit(bus, event, NULL);
    } else {
        gord_event_unref(event);
    }
    if (result == -ENOMEM) {
        gord_log_of(GORD_LOG_ERROR, job_id, gord_queues_of(bus->table, job_id),
                    "out of memory for event '%s'; ending to recover", gord_event_kind_name(kind));
        abort();
    }
}

static void on_committed(void *arg, struct gord_event *const *events, size_t count)
{
    struct gord_bus *bus = arg;

    if (count == 0) {
        return;
    }
    bus->committed = events[count - 1]->seq;
    for (struct gord_bus_hook *hook = bus->hooks; hook != NULL; hook = hook->next) {
        if (hook->committed != NULL) {
            hook->committed(hook->arg, events, count);
        }
    }
    gord_job_committed(bus->table, bus->committed);
    bus->dirty = true;
}

static void on_health(void *arg, int error, const char *text)
{
    struct gord_bus *bus = arg;

    if (error != 0) {
        gord_log(GORD_LOG_ERROR, 0, "the store refuses: %s", text);
    } else {
        gord_log(GORD_LOG_NOTICE, 0, "the store takes events again");
    }
    for (struct gord_bus_hook *hook = bus->hooks; hook != NULL; hook = hook->next) {
        if (hook->health != NULL) {
            hook->health(hook->arg, error, text);
        }
    }
    bus->dirty = true;
}

/* ------------------------------------------------------------------ life cycle */

struct read_back {
    struct gord_bus *bus;
    const struct gord_bus_opts *opts;
    uint64_t count; /* of events: one or a few for each job */
};

static int apply_stored(void *arg, struct gord_event *event)
{
    struct read_back *back = arg;

    if (back->opts->progress != NULL && ++back->count % PROGRESS_EVENTS == 0) {
        back->opts->progress(back->opts->progress_arg, back->count);
    }
    return gord_job_apply(back->bus->table, event);
}

static int apply_setting(void *arg, const struct gord_setting *setting)
{
    struct gord_bus *bus = arg;
    int result = gord_queues_set(bus->table, (enum gord_resource_kind)setting->what, setting->name,
                                 setting->capacity);

    if (result == 0 && setting->rate_count > 0) {
        const struct gord_rate_limit limit = {setting->rate_count, setting->rate_burst,
                                              setting->rate_per_ns};
        result = gord_queues_limit(bus->table, (enum gord_resource_kind)setting->what,
                                   setting->name, &limit);
    }
    if (result == 0 && setting->fair[0] != '\0') {
        result = gord_queues_set_fair(bus->table, setting->name, setting->fair);
    }
    if (result == 0 && setting->paused) {
        result = gord_queues_pause(bus->table, setting->name, true, setting->paused_until_ns);
    }
    return result;
}

static int apply_weight(void *arg, const char *name, const struct gord_weight *weight)
{
    struct gord_bus *bus = arg;
    int result = weight->weight <= GORD_WEIGHT_MAX
                     ? gord_queues_weigh(bus->table, name, weight->key, weight->weight)
                     : -EBADMSG;

    return result == -ENOENT ? 0 : result;
}

static int read_back(struct gord_bus *bus, const struct gord_store_start *start,
                     const struct gord_bus_opts *bus_opts, char *out_text)
{
    struct gord_job_opts opts = {.next_id = start->next_id,
                                 .next_seq = start->next_seq,
                                 .committed = start->next_seq - 1,
                                 .spec_window = bus_opts->spec_window};
    struct read_back back = {bus, bus_opts, 0};
    size_t window = opts.spec_window != 0 ? opts.spec_window : GORD_JOB_SPEC_WINDOW;
    int result;

    bus->committed = start->next_seq - 1;
    bus->next_seq = start->next_seq;
    bus->recent_first = start->next_seq;
    bus->paused = start->paused;
    bus->table = gord_job_table_new(&opts);
    if (bus->table == NULL) {
        return -ENOMEM;
    }
    result = gord_reader_open(gord_store_path(bus->store), &bus->reader);
    if (result == 0) {
        result = gord_reader_settings(bus->reader, apply_setting, bus);
    }
    if (result == 0) {
        result = gord_reader_weights(bus->reader, GORD_QUEUE, apply_weight, bus);
    }
    if (result == 0) {
        result = gord_reader_recover(bus->reader, window, apply_stored, &back);
    }
    if (result != 0) {
        snprintf(out_text, GORD_STORE_TEXT, "cannot read the jobs back from %s: %s",
                 gord_store_path(bus->store), strerror(-result));
    }
    return result;
}

int gord_bus_open(const struct gord_bus_opts *opts, char *out_text, struct gord_bus **out_bus)
{
    struct gord_bus *bus = calloc(1, sizeof(*bus));
    struct gord_store_start start;
    struct gord_store_opts store = {.dir = opts->state_dir,
                                    .memory = opts->memory,
                                    .keep = opts->keep,
                                    .loop = opts->loop,
                                    .committed = on_committed,
                                    .health = on_health,
                                    .arg = bus};

    snprintf(out_text, GORD_STORE_TEXT, "out of memory");
    if (bus == NULL) {
        return -ENOMEM;
    }
    bus->loop = opts->loop;
    bus->recent_slots = RECENT_WINDOW * 2;
    bus->recent = calloc(bus->recent_slots, sizeof(struct gord_event *));
    int result = bus->recent != NULL ? 0 : -ENOMEM;
    if (result == 0) {
        result = gord_store_open(&store, &start, out_text, &bus->store);
    }
    if (result != 0) {
        free(bus->recent);
        free(bus);
        return result;
    }
    result = read_back(bus, &start, opts, out_text);
    if (result == 0) {
        result = gord_inbox_init(&bus->inbox, opts->loop, on_posted, bus);
    }
    if (result != 0) {
        gord_store_close(bus->store);
        gord_reader_close(bus->reader);
        gord_job_table_free(bus->table);
        free(bus->recent);
        free(bus);
        return result;
    }
    uv_prepare_init(opts->loop, &bus->turn);
    bus->turn.data = bus;
    uv_prepare_start(&bus->turn, on_turn);
    uv_unref((uv_handle_t *)&bus->turn);
    uv_idle_init(opts->loop, &bus->awake);
    *out_bus = bus;
    return 0;
}

int gord_bus_close(struct gord_bus *bus)
{
    int result;

    if (bus->closed) {
        return 0;
    }
    gord_inbox_drain(&bus->inbox);
    result = gord_store_close(bus->store);
    bus->store = NULL;
    bus->closed = true;
    gord_inbox_close(&bus->inbox);
    uv_close((uv_handle_t *)&bus->turn, NULL);
    uv_close((uv_handle_t *)&bus->awake, NULL);
    return result;
}

void gord_bus_free(struct gord_bus *bus)
{
    if (bus == NULL) {
        return;
    }
    GORD_ASSERT(bus->closed);
    for (uint64_t seq = bus->recent_first; seq < bus->next_seq; seq++) {
        gord_event_unref(*recent_slot(bus, seq));
    }
    gord_reader_close(bus->reader);
    gord_job_table_free(bus->table);
    free(bus->recent);
    free(bus);
}

void gord_bus_follow(struct gord_bus *bus, struct gord_bus_hook *hook)
{
    struct gord_bus_hook **end = &bus->hooks;

    while (*end != NULL) {
        end = &(*end)->next;
    }
    hook->next = NULL;
    *end = hook;
}

/* ------------------------------------------------------------------ looking in */

uint64_t gord_bus_last_seq(const struct gord_bus *bus)
{
    return bus->next_seq - 1;
}

uint64_t gord_bus_committed(const struct gord_bus *bus)
{
    return bus->committed;
}

struct gord_job_table *gord_bus_table(struct gord_bus *bus)
{
    return bus->table;
}

struct gord_reader *gord_bus_reader(struct gord_bus *bus)
{
    return bus->reader;
}

struct gord_store *gord_bus_store(struct gord_bus *bus)
{
    return bus->store;
}

uv_loop_t *gord_bus_loop(struct gord_bus *bus)
{
    return bus->loop;
}

bool gord_bus_was_paused(const struct gord_bus *bus)
{
    return bus->paused;
}

int gord_bus_store_error(struct gord_bus *bus, const char **out_text)
{
    struct gord_store_status status;

    gord_store_status(bus->store, &status);
    if (out_text != NULL) {
        *out_text = status.text;
    }
    return status.error;
}
