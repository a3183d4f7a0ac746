/* SPDX-License-Identifier: MIT */
/* dump.c - goroutines as text, in the form of Go's tracebacks:
 *
 *     goroutine 7 [chan receive, 3 minutes, "collector"]:
 *     gor_chan_recv(...)
 *     	/src/gor/runtime/sync/chan.c:312 +0x1c
 *     collect(...)
 *     	/src/program.c:40 +0x52
 *     created by start_collector in goroutine 1
 *     	/src/program.c:61 +0x31
 *
 * Where the line is not known the file of the code stands there, with what addr2line takes (-e FILE
 * OFFSET). The arguments of a function are not known. Merged:
 *
 *     5003 goroutines, 2 different stacks
 *
 *     5000 goroutines [chan receive, 2 to 3 minutes]: 7 8 9 10 ...
 *     ...
 */
#include "runtime/debug/dump.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/assert.h"
#include "runtime/debug/look.h"
#include "runtime/debug/running.h"
#include "runtime/debug/spans.h"
#include "runtime/debug/stream.h"
#include "runtime/debug/symbol.h"
#include "runtime/sched/hibernate.h"
#include "runtime/sched/pool.h"

#define MINUTE (60 * GOR_SECOND)

enum { FIRST_IDS = 4, FIRST_SLOTS = 256 };

/* Goroutines that stand at the same place for the same reason. */
struct group {
    struct gor_info info; /* of the first one */
    bool in_call;
    uintptr_t start; /* of the library's function it waits in; else 0 */
    uint64_t count;
    int64_t min_wait_ns;
    int64_t max_wait_ns;
    uint64_t hibernated;
    gor_id_t ids[FIRST_IDS];
};

struct dump {
    struct gor__text *text;
    const struct gor_dump_opts *opts;
    const struct gor__dump_pick *pick; /* NULL: all that `opts` say */
    gor_id_t but;                      /* this one; 0: nobody */
    struct gor__bump bump;
    struct gor__running_list running;
    bool may_wait;
    uint64_t shown;
    int error; /* -ENOMEM, or -ECANCELED: the runtime stops */
    /* Merged. */
    struct group **groups;
    size_t group_count;
    size_t group_room;
    size_t *slots; /* hashed: index + 1; 0: free */
    size_t slot_count;
};

/* A debugger's call goes on all the same: all threads are halted, nobody waits. */
static bool is_over(const struct dump *dump)
{
    return dump->may_wait && gor__look_is_over();
}

static const struct gor_dump_opts all;

/* ---- one goroutine */

static bool is_wanted(const struct dump *dump, const struct gor_info *info)
{
    const struct gor_dump_opts *opts = dump->opts;
    if (dump->pick != NULL && !dump->pick->picks(dump->pick->arg, info->id)) {
        return false;
    }
    if (info->id == dump->but || (opts->id != 0 && info->id != opts->id)) {
        return false;
    }
    if (opts->states != 0 && (opts->states >> info->state & 1) == 0) {
        return false;
    }
    if (opts->reasons != 0 &&
        (info->state != GOR_WAITING || (opts->reasons >> info->reason & 1) == 0)) {
        return false;
    }
    if (opts->name != NULL && strncmp(opts->name, info->name, sizeof info->name - 1) != 0) {
        return false;
    }
    return info->waiting_ns >= opts->min_wait_ns;
}

static const char *state_text(const struct gor_info *info, bool in_call)
{
    if (info->state == GOR_WAITING) {
        return gor_wait_reason_name(info->reason);
    }
    return in_call && info->state == GOR_RUNNING ? "syscall" : gor_state_name(info->state);
}

static void print_minutes(struct gor__text *text, int64_t least_ns, int64_t most_ns)
{
    int64_t least = least_ns / MINUTE;
    int64_t most = most_ns / MINUTE;
    if (most == 0) {
        return;
    }
    gor__text_put(text, ", ");
    if (least < most) {
        gor__text_format(text, "%" PRId64 " to ", least);
    }
    gor__text_format(text, "%" PRId64 " minute%s", most, most == 1 ? "" : "s");
}

static void print_more(struct gor__text *text, const struct gor_info *info)
{
    if (info->hibernated) {
        gor__text_put(text, ", hibernated");
    }
    if (info->thread_locked) {
        gor__text_put(text, ", locked to thread");
    }
    if (info->name[0] != '\0') {
        gor__text_format(text, ", \"%s\"", info->name);
    }
    gor__text_put(text, "]");
}

static void print_stack(struct gor__text *text, const struct gor_info *info, bool with_parent)
{
    char tail[48] = "";
    gor__dump_frames(text, info);
    if (info->frame_count == 0) {
        gor__dump_place(text, "", (uintptr_t)info->fn, false, "(...)");
        if (info->frames_end == GOR_FRAMES_LOST) {
            gor__text_put(text, "...where it is now could not be found out...\n");
        }
    }
    if (info->created_at != NULL) {
        if (with_parent && info->parent != 0) {
            (void)snprintf(tail, sizeof tail, " in goroutine %" PRIu64, info->parent);
        }
        gor__dump_place(text, "created by ", (uintptr_t)info->created_at, true, tail);
    }
    gor__text_put(text, "\n");
}

static void print_note(const struct dump *dump, const struct gor_info *info)
{
    if (dump->pick != NULL) {
        gor__text_format(dump->text, "...%s...\n", dump->pick->note(info->reason));
    }
}

static void print_one(struct dump *dump, const struct gor_info *info, bool in_call)
{
    struct gor__text *text = dump->text;
    gor__text_format(text, "goroutine %" PRIu64 " [%s", info->id, state_text(info, in_call));
    print_minutes(text, info->waiting_ns, info->waiting_ns);
    print_more(text, info);
    gor__text_put(text, ":\n");
    print_note(dump, info);
    print_stack(text, info, true);
}

/* ---- merging */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15) + (hash >> 29);
}

/* The innermost frame counts by its function, if that is the library's. */
static uint64_t hash_of(const struct group *group)
{
    const struct gor_info *info = &group->info;
    uint64_t hash = mix((uint64_t)info->state << 8 | (uint64_t)info->reason, group->in_call);
    hash = mix(hash, (uintptr_t)info->created_at);
    hash = mix(hash, (uintptr_t)info->fn);
    hash = mix(hash, group->start);
    for (unsigned i = group->start != 0; i < info->frame_count; i++) {
        hash = mix(hash, (uintptr_t)info->frames[i]);
    }
    return hash ^ hash >> 32;
}

static bool is_alike(const struct group *a, const struct group *b)
{
    const struct gor_info *one = &a->info;
    const struct gor_info *other = &b->info;
    unsigned first = a->start != 0;
    if (one->state != other->state || one->reason != other->reason || a->in_call != b->in_call ||
        a->start != b->start || one->created_at != other->created_at || one->fn != other->fn ||
        one->thread_locked != other->thread_locked || one->frames_end != other->frames_end ||
        one->frame_count != other->frame_count) {
        return false;
    }
    return one->frame_count <= first ||
           memcmp(one->frames + first, other->frames + first,
                  (one->frame_count - first) * sizeof one->frames[0]) == 0;
}

static size_t *find_slot(struct dump *dump, const struct group *group)
{
    size_t at = (size_t)hash_of(group) & (dump->slot_count - 1);
    while (dump->slots[at] != 0 && !is_alike(dump->groups[dump->slots[at] - 1], group)) {
        at = (at + 1) & (dump->slot_count - 1);
    }
    return &dump->slots[at];
}

static bool make_room(struct dump *dump)
{
    if (dump->group_count < dump->slot_count / 2) {
        return true;
    }
    size_t slot_count = dump->slot_count != 0 ? dump->slot_count * 2 : FIRST_SLOTS;
    size_t *slots = gor__bump_take(&dump->bump, slot_count * sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    dump->slots = slots;
    dump->slot_count = slot_count;
    for (size_t i = 0; i < dump->group_count; i++) {
        *find_slot(dump, dump->groups[i]) = i + 1;
    }
    return true;
}

static bool add_group(struct dump *dump, const struct group *group)
{
    struct group **groups = gor__bump_grow(&dump->bump, dump->groups, sizeof *groups,
                                           dump->group_count, &dump->group_room);
    struct group *kept = gor__bump_take(&dump->bump, sizeof *kept);
    if (groups == NULL || kept == NULL) {
        return false;
    }
    *kept = *group;
    dump->groups = groups;
    groups[dump->group_count++] = kept;
    return true;
}

static bool merge(struct dump *dump, const struct gor_info *info, bool in_call)
{
    struct group alone = {.info = *info, .in_call = in_call, .min_wait_ns = info->waiting_ns};
    unsigned out = gor__dump_inner(info->frames, info->frame_count, &alone.start);
    alone.info.frame_count -= out;
    memmove(alone.info.frames, alone.info.frames + out,
            alone.info.frame_count * sizeof info->frames[0]);
    if (!make_room(dump)) {
        return false;
    }
    size_t *slot = find_slot(dump, &alone);
    if (*slot == 0) {
        if (!add_group(dump, &alone)) {
            return false;
        }
        *slot = dump->group_count;
    }
    struct group *group = dump->groups[*slot - 1];
    if (group->count < FIRST_IDS) {
        group->ids[group->count] = info->id;
    }
    group->count++;
    group->hibernated += info->hibernated;
    /* Said only when it is so of all. */
    group->info.hibernated = group->hibernated == group->count;
    if (strcmp(group->info.name, info->name) != 0) {
        group->info.name[0] = '\0'; /* not that of all */
    }
    if (info->waiting_ns < group->min_wait_ns) {
        group->min_wait_ns = info->waiting_ns;
    }
    if (info->waiting_ns > group->max_wait_ns) {
        group->max_wait_ns = info->waiting_ns;
    }
    return true;
}

static void print_group(struct dump *dump, const struct group *group)
{
    struct gor__text *text = dump->text;
    gor__text_format(text, "%" PRIu64 " goroutine%s [%s", group->count,
                     group->count == 1 ? "" : "s", state_text(&group->info, group->in_call));
    print_minutes(text, group->min_wait_ns, group->max_wait_ns);
    print_more(text, &group->info);
    gor__text_put(text, ":");
    for (uint64_t i = 0; i < group->count && i < FIRST_IDS; i++) {
        gor__text_format(text, " %" PRIu64, group->ids[i]);
    }
    gor__text_put(text, group->count > FIRST_IDS ? " ...\n" : "\n");
    print_note(dump, &group->info);
    print_stack(text, &group->info, false);
}

static void print_groups(struct dump *dump)
{
    struct gor__spans order = {NULL, 0, 0};
    uint64_t limit = dump->opts->limit != 0 ? dump->opts->limit : UINT64_MAX;
    for (size_t i = 0; i < dump->group_count; i++) {
        struct gor__span span = {
            .low = UINT64_MAX - dump->groups[i]->count, .what = i, .rank = (uint32_t)i};
        if (!gor__spans_add(&order, &dump->bump, span)) {
            dump->error = -ENOMEM;
            return;
        }
    }
    gor__spans_sort(&order);
    gor__text_format(dump->text, "%" PRIu64 " goroutine%s, %zu different stack%s\n\n", dump->shown,
                     dump->shown == 1 ? "" : "s", dump->group_count,
                     dump->group_count == 1 ? "" : "s");
    for (size_t i = 0; i < order.count && i < limit && dump->text->error == 0; i++) {
        if (is_over(dump)) {
            dump->error = -ECANCELED;
            return;
        }
        print_group(dump, dump->groups[order.list[i].what]);
    }
}

/* ---- all of them */

static void print_hibernation(struct gor__text *text)
{
    int error = gor__hibernate_error();
    if (error != 0) {
        gor__text_format(text, "nobody hibernates: error %d, see gor_hibernate(3)\n\n", -error);
    }
}

static int visit(void *arg, struct gor__g *g)
{
    struct dump *dump = arg;
    const struct gor_dump_opts *opts = dump->opts;
    struct gor_info info;
    if (is_over(dump)) {
        dump->error = -ECANCELED;
        return 1;
    }
    /* First without the frames, which cost most. */
    if (!gor__look(g, false, &info) || !is_wanted(dump, &info) || !gor__look(g, true, &info) ||
        !is_wanted(dump, &info)) {
        return 0;
    }
    bool in_call = gor__running_fill(&dump->running, &info);
    dump->shown++;
    if (opts->merged) {
        dump->error = merge(dump, &info, in_call) ? 0 : -ENOMEM;
    } else {
        print_one(dump, &info, in_call);
    }
    bool full = !opts->merged && opts->limit != 0 && dump->shown >= opts->limit;
    return full || dump->error != 0 || dump->text->error != 0;
}

static int print_all(struct dump *dump)
{
    gor__symbol_refresh();
    if (!dump->opts->no_running) {
        gor__running_look(&dump->bump, dump->may_wait, &dump->running);
    }
    if (dump->pick == NULL) {
        print_hibernation(dump->text);
    }
    (void)gor__pool_each(visit, dump);
    if (dump->opts->merged && dump->error == 0) {
        print_groups(dump);
    }
    gor__bump_fini(&dump->bump);
    int error = gor__text_end(dump->text);
    return error == 0 ? dump->error : error;
}

int gor__dump(struct gor__text *text, const struct gor_dump_opts *opts, bool may_wait)
{
    struct dump dump = {.text = text, .opts = opts != NULL ? opts : &all, .may_wait = may_wait};
    return print_all(&dump);
}

int gor__dump_others(struct gor__text *text, gor_id_t but, bool may_wait)
{
    struct dump dump = {.text = text, .opts = &all, .but = but, .may_wait = may_wait};
    return print_all(&dump);
}

int gor__dump_picked(struct gor__text *text, const struct gor_dump_opts *opts,
                     const struct gor__dump_pick *pick)
{
    struct dump dump = {.text = text, .opts = opts, .pick = pick, .may_wait = true};
    return print_all(&dump);
}

int gor_dump_to(int (*write)(void *arg, const char *text, size_t bytes), void *arg,
                const struct gor_dump_opts *opts)
{
    struct gor__text text;
    gor__text_init(&text, write, arg);
    return gor__dump(&text, opts, true);
}

int gor_dump_with(FILE *out, const struct gor_dump_opts *opts)
{
    int error = gor_dump_to(gor__stream_write, out, opts);
    int failed = gor__stream_end(out);
    return failed != 0 ? failed : error;
}

int gor_dump(FILE *out)
{
    return gor__shown(gor_dump_with(out, NULL));
}

/* Whether to try again, once there may be room: a descriptor that does not block is often shared with
 * whoever made it so. */
static bool is_tried_again(int fd, int error)
{
    if (error == EAGAIN || error == EWOULDBLOCK) {
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        return poll(&room, 1, -1) >= 0 || errno == EINTR;
    }
    return error == EINTR;
}

int gor__dump_write_to_fd(void *arg, const char *text, size_t bytes)
{
    int fd = *(const int *)arg;
    while (bytes > 0) {
        ssize_t put = write(fd, text, bytes);
        if (put < 0) {
            int error = errno;
            if (!is_tried_again(fd, error)) {
                return -error;
            }
            continue;
        }
        text += put;
        bytes -= (size_t)put;
    }
    return 0;
}

void gor_debug_dump(int fd)
{
    struct gor__text text;
    int error = errno;
    gor__text_init(&text, gor__dump_write_to_fd, &fd);
    gor__symbol_begin_alone(GOR__LONER_DEBUGGER);
    (void)gor__dump(&text, NULL, false);
    gor__symbol_end_alone(GOR__LONER_DEBUGGER);
    errno = error;
}
