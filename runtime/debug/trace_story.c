/* SPDX-License-Identifier: MIT */
/* trace_story.c - see trace_story.h. */
#include "runtime/debug/trace_story.h"

#include <stdio.h>
#include <string.h>

#include "runtime/debug/symbol.h"
#include "runtime/debug/trace_tell.h"

enum {
    MEET_MAX = 100000,     /* goroutines that are told of before they do anything */
    FORGET_ABOVE = 200000, /* of which some may have ended where events were lost */
    ARGS_MAX = 5,
};

void gor__story_open(struct gor__story *story, struct gor__perfetto *to)
{
    memset(story, 0, sizeof *story);
    gor__stage_open(&story->stage, to);
    gor__symbol_refresh();
}

void gor__story_close(struct gor__story *story)
{
    gor__stage_close(&story->stage);
    gor__cast_fini(&story->cast);
}

/* ---- who is who */

static int meet_one(void *arg, const struct gor_info *info)
{
    struct gor__story *story = arg;
    struct gor__actor *actor = gor__cast_get(&story->cast, info->id);
    if (actor == NULL) {
        return 1;
    }
    actor->created_at = (uint64_t)(uintptr_t)info->created_at;
    actor->parent = info->parent;
    memcpy(actor->name, info->name, sizeof actor->name);
    gor__actor_learn(actor, (uint64_t)(uintptr_t)info->fn);
    return story->cast.count >= MEET_MAX;
}

void gor__story_meet(struct gor__story *story)
{
    (void)gor_each(meet_one, story);
}

/* ---- telling */

static void set_act(const struct gor__story *story, struct gor__actor *actor, enum gor__act act,
                    int64_t since_ns)
{
    actor->act = act;
    actor->gaps = story->gaps;
    actor->since_ns = since_ns;
}

/* What has been told of a goroutine holds unless something is missing since; but what ends its run on a P
 * is in the ring of that one, and so is the gap, if that is missing. */
static bool is_known(const struct gor__story *story, const struct gor__actor *actor)
{
    return actor->act == GOR__ACT_RUNS || (story->open_gaps == 0 && actor->gaps == story->gaps);
}

/* How far the item is ahead of what has been told of the goroutine: 0 if it is the next. */
static int32_t ahead(const struct gor__actor *actor, const struct gor__feed_item *item)
{
    uint32_t turn = (uint32_t)(item->a >> GOR__TRACE_TURN_AT);
    return actor->has_turn ? (int32_t)(turn - actor->turn) : 0;
}

static void learn_turn(struct gor__actor *actor, const struct gor__feed_item *item)
{
    actor->turn = (uint32_t)(item->a >> GOR__TRACE_TURN_AT);
    actor->has_turn = true;
}

/* An arrow from here to where `actor` runs next, if there is none yet. */
static uint64_t begin_flow(struct gor__story *story, struct gor__actor *actor)
{
    if (actor->flow != 0 || actor->act == GOR__ACT_RUNS || story->stage.silent) {
        return 0;
    }
    actor->flow = ++story->flows;
    return actor->flow;
}

static void tell_created(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    struct gor__actor *actor = gor__cast_get(&story->cast, item->id);
    char text[128];
    char place[256];
    char function[64];
    if (actor == NULL) {
        return;
    }
    gor__actor_learn(actor, item->b);
    if (actor->early) {
        actor->early = false; /* too late; see go_on */
        if (actor->act == GOR__ACT_ENDED) {
            gor__cast_remove(&story->cast, item->id);
        }
        return;
    }
    actor->created_at = item->a;
    actor->parent = item->source != GOR__FEED_COMMON ? story->running[item->source] : 0;
    set_act(story, actor, GOR__ACT_READY, ns);
    (void)snprintf(text, sizeof text, "makes %s", gor__actor_label(actor));
    gor__name_function(actor->fn, function, sizeof function);
    gor__name_place(actor->created_at, place, sizeof place);
    const struct gor__perfetto_arg args[] = {{"goroutine", NULL, actor->id},
                                             {"parent", NULL, actor->parent},
                                             {"function", function, 0},
                                             {"made at", place, 0}};
    struct gor__perfetto_event event = {.kind = GOR__PERFETTO_INSTANT,
                                        .ns = ns,
                                        .track = gor__tell_track(story, item),
                                        .category = "goroutine",
                                        .name = text,
                                        .flow_from = begin_flow(story, actor)};
    gor__tell(story, &event, args, 4);
}

static void tell_named(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    struct gor__actor *actor = gor__cast_get(&story->cast, item->id);
    (void)ns;
    if (actor != NULL) {
        (void)snprintf(actor->name, sizeof actor->name, "%.*s", GOR_NAME_BYTES - 1, item->text);
        actor->label[0] = '\0';
    }
}

static void tell_ready(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    static const char *const wakers[] = {
        [GOR__TRACE_BY_GOROUTINE] = "goroutine",
        [GOR__TRACE_BY_TIMER] = "timer",
        [GOR__TRACE_BY_NETWORK] = "network",
        [GOR__TRACE_BY_STRANGER] = "thread of the host's",
    };
    struct gor__actor *actor = gor__cast_get(&story->cast, item->id);
    char text[128];
    if (actor == NULL || ahead(actor, item) < 0) {
        return;
    }
    learn_turn(actor, item);
    bool timed = (item->a & GOR__TRACE_UNTIMED) == 0;
    uint64_t kind = item->a & (GOR__TRACE_UNTIMED - 1);
    set_act(story, actor, GOR__ACT_READY, timed ? ns : 0);
    (void)snprintf(text, sizeof text, "wakes %s", gor__actor_label(actor));
    const char *waker = kind <= GOR__TRACE_BY_STRANGER ? wakers[kind] : "?";
    const struct gor__perfetto_arg args[] = {{"goroutine", NULL, actor->id},
                                             {"woken by", waker, 0},
                                             {"when", "since the waker runs", 0}};
    struct gor__perfetto_event event = {.kind = GOR__PERFETTO_INSTANT,
                                        .ns = ns,
                                        .track = gor__tell_track(story, item),
                                        .category = "goroutine",
                                        .name = text,
                                        .flow_from = begin_flow(story, actor)};
    gor__tell(story, &event, args, timed ? 2 : 3);
}

/* ---- what runs on a P */

static const char unknown[] = "unknown: events were lost";

/* `then` is what the one that ran does now. */
static void end_run(struct gor__story *story, uint32_t proc, int64_t ns, const char *until,
                    enum gor__act then)
{
    struct gor__actor *actor = gor__cast_find(&story->cast, story->running[proc]);
    const struct gor__perfetto_arg args[] = {{"until", until, 0}};
    struct gor__perfetto_event event = {
        .kind = GOR__PERFETTO_END, .ns = ns, .track = gor__stage_proc(&story->stage, proc)};
    if (story->running[proc] != 0) {
        gor__tell(story, &event, args, 1);
    }
    if (actor != NULL) {
        set_act(story, actor, then, ns);
    }
    story->running[proc] = 0;
}

/* The arrow to it ends here, with how long it has been able to run. */
static void begin_run(struct gor__story *story, uint32_t proc, int64_t ns, struct gor__actor *actor)
{
    char function[64];
    struct gor__perfetto_arg args[ARGS_MAX];
    size_t count = 0;
    gor__name_function(actor->fn, function, sizeof function);
    args[count++] = (struct gor__perfetto_arg){"goroutine", NULL, actor->id};
    args[count++] = (struct gor__perfetto_arg){"function", function, 0};
    if (story->holders[proc] != 0) {
        args[count++] = (struct gor__perfetto_arg){"thread", NULL, story->holders[proc] - 1};
    }
    bool queued = actor->act == GOR__ACT_READY || actor->act == GOR__ACT_AWAY;
    if (queued && actor->since_ns != 0 && ns >= actor->since_ns) {
        uint64_t delay = (uint64_t)(ns - actor->since_ns);
        args[count++] = (struct gor__perfetto_arg){"runnable for (ns)", NULL, delay};
    }
    struct gor__perfetto_event event = {.kind = GOR__PERFETTO_BEGIN,
                                        .ns = ns,
                                        .track = gor__stage_proc(&story->stage, proc),
                                        .category = "goroutine",
                                        .name = gor__actor_label(actor),
                                        .flow_to = actor->flow};
    gor__tell(story, &event, args, count);
    actor->flow = 0;
    set_act(story, actor, GOR__ACT_RUNS, ns);
    actor->proc = proc;
    story->running[proc] = actor->id;
}

static void end_regions(struct gor__story *story, struct gor__actor *actor, int64_t ns)
{
    for (; actor->regions > 0; actor->regions--) {
        struct gor__perfetto_event event = {.kind = GOR__PERFETTO_END,
                                            .ns = ns,
                                            .track = gor__stage_goroutine(&story->stage, actor)};
        gor__tell(story, &event, NULL, 0);
    }
}

/* The one that ran stops; it may be unknown to us who that was. */
static void leave(struct gor__story *story, uint32_t proc, int64_t ns, uint64_t why)
{
    enum gor_state state = (enum gor_state)(why & 0xff);
    enum gor_wait_reason reason = (enum gor_wait_reason)(why >> 8 & 0xff);
    uint64_t id = story->running[proc];
    const char *until = state == GOR_WAITING      ? gor_wait_reason_name(reason)
                        : state == GOR_RUNNABLE   ? "yields"
                        : state == GOR_TERMINATED ? "ends"
                                                  : "the runtime stops";
    enum gor__act then = state == GOR_WAITING    ? GOR__ACT_WAITS
                         : state == GOR_RUNNABLE ? GOR__ACT_READY
                                                 : GOR__ACT_UNKNOWN;
    end_run(story, proc, ns, until, then);
    struct gor__actor *actor = gor__cast_find(&story->cast, id);
    if (actor != NULL && state == GOR_TERMINATED) {
        end_regions(story, actor, ns);
        actor->act = GOR__ACT_ENDED;
        if (!actor->early) {
            gor__cast_remove(&story->cast, id);
        }
    }
}

/* On the P of `item`, with the goroutine it names. */
static void go_on(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    struct gor__actor *actor = gor__cast_get(&story->cast, item->id);
    if (actor == NULL || ahead(actor, item) < 0) {
        return; /* another trace has begun, which tells how things stand */
    }
    /* Made before the trace began; or, by the clock of another processor, later than this. */
    bool first = item->event == GOR__TRACE_SWITCHED && (item->a & GOR__TRACE_FIRST) != 0;
    actor->early = actor->early || (first && actor->act == GOR__ACT_UNKNOWN);
    /* Only where events were lost. */
    if (actor->act == GOR__ACT_RUNS) {
        end_run(story, actor->proc, ns, unknown, GOR__ACT_UNKNOWN);
    }
    end_run(story, item->source, ns, unknown, GOR__ACT_UNKNOWN);
    gor__actor_learn(actor, item->b);
    learn_turn(actor, item);
    actor->turn++;
    begin_run(story, item->source, ns, actor);
}

static void tell_switched(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    uint32_t proc = item->source;
    if (proc == GOR__FEED_COMMON) {
        return;
    }
    if ((item->a & 0xffff) != 0) {
        leave(story, proc, ns, item->a);
    }
    if (item->id != 0) {
        go_on(story, item, ns);
    }
}

static void tell_taken(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    static const char *const losses[] = {
        [GOR__TRACE_LOST_BLOCKED] = "blocks in foreign code",
        [GOR__TRACE_LOST_HOG] = "preempted",
        [GOR__TRACE_LOST_WORLD] = "the world stops",
        [GOR__TRACE_LOST_RETIRED] = "GOMAXPROCS is less",
    };
    if (item->source != GOR__FEED_COMMON) {
        uint64_t loss = item->a & (GOR__TRACE_FIRST - 1);
        const char *until = loss <= GOR__TRACE_LOST_RETIRED ? losses[loss] : "?";
        end_run(story, item->source, ns, until, GOR__ACT_UNKNOWN);
    }
    struct gor__actor *actor = gor__cast_get(&story->cast, item->id);
    if (actor != NULL && ahead(actor, item) >= 0) {
        learn_turn(actor, item);
        /* It may run on; when it cannot any more its thread says so. */
        set_act(story, actor, GOR__ACT_AWAY, 0);
    }
}

static void tell_given(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    if (item->source != GOR__FEED_COMMON) {
        go_on(story, item, ns);
    }
}

/* ---- in order */

bool gor__story_due(void *arg, const struct gor__feed_item *item)
{
    const struct gor__story *story = arg;
    if (item->id == 0 || (item->event != GOR__TRACE_SWITCHED && item->event != GOR__TRACE_GIVEN &&
                          item->event != GOR__TRACE_READY)) {
        return true;
    }
    const struct gor__actor *actor = gor__cast_find(&story->cast, item->id);
    if (actor == NULL || !is_known(story, actor) || ahead(actor, item) < 0) {
        return true;
    }
    if (ahead(actor, item) > 0) {
        return false;
    }
    switch (actor->act) {
    case GOR__ACT_RUNS:
        return false;
    case GOR__ACT_WAITS:
        return item->event == GOR__TRACE_READY;
    case GOR__ACT_READY:
        return item->event == GOR__TRACE_SWITCHED;
    case GOR__ACT_AWAY:
        return item->event == GOR__TRACE_GIVEN;
    case GOR__ACT_UNKNOWN:
    case GOR__ACT_ENDED:
        break;
    }
    return true;
}

static void show_gap(struct gor__story *story, uint32_t source, int64_t ns)
{
    const struct gor__perfetto_arg args[] = {{"events", NULL, story->lost[source]}};
    struct gor__feed_item item = {.source = source};
    struct gor__perfetto_event event = {.kind = GOR__PERFETTO_BEGIN,
                                        .ns = ns,
                                        .track = gor__tell_track(story, &item),
                                        .category = "scheduler",
                                        .name = "events were lost"};
    gor__tell(story, &event, args, 1);
}

static void end_gap(struct gor__story *story, uint32_t source, int64_t ns)
{
    struct gor__feed_item item = {.source = source};
    struct gor__perfetto_event event = {
        .kind = GOR__PERFETTO_END, .ns = ns, .track = gor__tell_track(story, &item)};
    if (story->lost[source] > 0) {
        gor__tell(story, &event, NULL, 0);
        story->lost[source] = 0;
        story->open_gaps--;
        story->gaps++;
    }
}

/* Records of this ring are missing: what went on there may have ended, and anything may have begun. */
static void tell_gap(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    if (story->cast.count > FORGET_ABOVE) {
        gor__cast_prune(&story->cast);
    }
    if (item->source != GOR__FEED_COMMON) {
        end_run(story, item->source, ns, unknown, GOR__ACT_UNKNOWN);
        gor__tell_hold_lost(story, item->source, ns);
    } else {
        gor__tell_end_world(story, ns);
    }
    end_gap(story, item->source, ns);
    story->lost[item->source] = item->a;
    story->open_gaps++;
    show_gap(story, item->source, ns);
}

static void tell_gap_ends(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    end_gap(story, item->source, ns);
}

static gor__tell_fn *const tells[GOR__TRACE_EVENT_COUNT] = {
    [GOR__TRACE_CREATED] = tell_created,
    [GOR__TRACE_NAMED] = tell_named,
    [GOR__TRACE_READY] = tell_ready,
    [GOR__TRACE_SWITCHED] = tell_switched,
    [GOR__TRACE_TAKEN] = tell_taken,
    [GOR__TRACE_GIVEN] = tell_given,
    [GOR__TRACE_HELD] = gor__tell_held,
    [GOR__TRACE_DROPPED] = gor__tell_held,
    [GOR__TRACE_STOLEN] = gor__tell_stolen,
    [GOR__TRACE_FIRED] = gor__tell_fired,
    [GOR__TRACE_POLLED] = gor__tell_polled,
    [GOR__TRACE_THREAD_BEGAN] = gor__tell_thread,
    [GOR__TRACE_THREAD_ENDED] = gor__tell_thread,
    [GOR__TRACE_THREAD_SLEEPS] = gor__tell_thread,
    [GOR__TRACE_THREAD_POLLS] = gor__tell_thread,
    [GOR__TRACE_THREAD_AWAKE] = gor__tell_thread,
    [GOR__TRACE_THREAD_LACKS] = gor__tell_thread,
    [GOR__TRACE_WORLD_STOPS] = gor__tell_world,
    [GOR__TRACE_WORLD_STANDS] = gor__tell_world,
    [GOR__TRACE_WORLD_GOES_ON] = gor__tell_world,
    [GOR__TRACE_PROCS] = gor__tell_procs,
    [GOR__TRACE_COUNTS] = gor__tell_counts,
    [GOR__TRACE_LOG] = gor__tell_log,
    [GOR__TRACE_REGION_BEGAN] = gor__tell_region,
    [GOR__TRACE_REGION_ENDED] = gor__tell_region,
    [GOR__TRACE_GAP] = tell_gap,
    [GOR__TRACE_GAP_ENDS] = tell_gap_ends,
};

void gor__story_tell(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    gor__tell_fn *known = item->event < GOR__TRACE_EVENT_COUNT ? tells[item->event] : NULL;
    if (known != NULL) {
        known(story, item, ns);
    }
}

/* ---- beginning and end */

void gor__story_hush(struct gor__story *story)
{
    story->stage.silent = true;
}

void gor__story_speak(struct gor__story *story, int64_t ns)
{
    story->stage.silent = false;
    for (uint32_t i = 0; i < GOR__PROCS_MAX; i++) {
        if (story->running[i] != 0) {
            begin_run(story, i, ns, gor__cast_find(&story->cast, story->running[i]));
        }
    }
    for (uint32_t i = 0; i <= GOR__FEED_COMMON; i++) {
        if (story->lost[i] > 0) {
            show_gap(story, i, ns);
        }
    }
    gor__stage_show_threads(&story->stage, ns);
}

struct end {
    struct gor__story *story;
    int64_t ns;
};

static void end_one(void *arg, struct gor__actor *actor)
{
    const struct end *end = arg;
    end_regions(end->story, actor, end->ns);
    if (actor->flow == 0) {
        return;
    }
    struct gor__perfetto_event event = {
        .kind = GOR__PERFETTO_INSTANT,
        .ns = end->ns,
        .track = gor__stage_track(&end->story->stage, GOR__TRACK_ELSEWHERE),
        .category = "goroutine",
        .name = "has not run yet when the trace ends",
        .flow_to = actor->flow};
    const struct gor__perfetto_arg args[] = {{"goroutine", NULL, actor->id}};
    gor__tell(end->story, &event, args, 1);
    actor->flow = 0;
}

void gor__story_end(struct gor__story *story, int64_t ns)
{
    struct end end = {story, ns};
    for (uint32_t i = 0; i < GOR__PROCS_MAX; i++) {
        if (story->running[i] != 0) {
            end_run(story, i, ns, "the trace ends", GOR__ACT_UNKNOWN);
        }
    }
    for (uint32_t i = 0; i <= GOR__FEED_COMMON; i++) {
        end_gap(story, i, ns);
    }
    gor__cast_each(&story->cast, end_one, &end);
    gor__tell_end_world(story, ns);
    gor__stage_end_threads(&story->stage, ns);
}
