/* SPDX-License-Identifier: MIT */
/* spec.h - what a job is to do, as submitted: immutable, shared, small.
 *
 * The environment is by far the largest part and the same for most jobs, so it is apart and shared,
 * and the submitter's resource limits with it: `packed` is the wire's JobSpec without name and those
 * two, `env` an ExecSpec that has nothing but its env and rlimits.
 * Threads     immutable; ref and unref from any thread.
 * Ownership   counted references; a spec holds one on its env.
 */
#ifndef GORD_EVENT_SPEC_H
#define GORD_EVENT_SPEC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/event/standing.h"
#include "gor/v1/jobs.pb-c.h"

/* The first run and take slots; a group waits for its tasks. The numbers are stored. */
enum gord_job_kind {
    GORD_EXEC = 0,
    GORD_NATIVE = 1,
    GORD_LUA = 2,
    GORD_KIND_COUNT,
    GORD_GROUP = GORD_KIND_COUNT,
    GORD_ALL_KINDS
};

/* How a job ended, for the hook that is run then. */
struct gord_hook_of {
    uint64_t job_id;
    Gor__V1__Outcome outcome;
    int32_t exit_code;
    int32_t signal;
    uint64_t array_id;    /* of a task, or of the array itself; 0: it is neither */
    uint32_t array_count; /* of that array's tasks */
    bool is_task;
    uint32_t array_index; /* of a task */
    uint32_t succeeded;   /* of an array: how many of its tasks, as the next three */
    uint32_t failed;
    uint32_t cancelled;
    uint32_t never_ran;
};

/* What the names of functions begin with that are not a plug-in's. */
#define GORD_BUILTIN_PREFIX "builtin."

/* One set of environment variables and resource limits. */
struct gord_env {
    atomic_uint refs;
    uint64_t hash; /* of the bytes; equal hashes need not mean equal sets */
    size_t bytes;
    uint8_t packed[];
};

struct gord_spec {
    atomic_uint refs;
    enum gord_job_kind kind;
    bool is_plugin; /* native, and not one of ours */
    uint64_t parent_id;
    int64_t timeout_ns;   /* 0: none */
    int64_t grace_ns;     /* 0: the daemon's default */
    bool takes_input;     /* its standard input is a pipe of ours */
    bool skips_pauses;    /* time spent paused does not count for the timeout */
    uint64_t output_max;  /* bytes; 0: the daemon's default */
    uint32_t retries;     /* 0: none */
    uint32_t after_count; /* jobs it is to run after */
    uint32_t array_count; /* of a group: its tasks; of a task: how many of them there are; else 0 */
    uint32_t array_index; /* of a task */
    uint64_t array_id;    /* of a task: the group it was submitted with; 0: it is no task */
    bool requeues;        /* runs again if a daemon dies under it */
    uint8_t on_stop;      /* Gor__V1__OnStop: what becomes of its run when the daemon is stopped */
    uint8_t on_stuck;     /* Gor__V1__OnStuck */
    int64_t heartbeat_ns; /* without a sign of life for so long its run is stuck; 0: never */
    bool hooked;  /* has something to do when it has ended; then it has a standing as well, so
                           * that the spec is there when it ends */
    bool is_hook; /* is run because another has ended */
    bool coming;  /* a group whose tasks are handed in one by one; not stored here, but with its
                           * standing */
    bool gated;   /* has a gate, or an end of its wait: its standing says which */
    struct gord_env *env; /* owned reference; NULL: empty environment or native */
    const char *unique;   /* its unique_key, in this allocation; "" if it has none */
    const char *name;     /* in this allocation; "" if it has none */
    bool labelled;        /* `packed` has labels */
    const char *lane;     /* in this allocation; what it asks for, see ask.h; "": nothing special */
    size_t packed_bytes;
    uint8_t packed[]; /* followed by the name, the unique key and the lane */
};

/* A spec from what a client sent; `shared` is an env to share if it is equal (the one the former
 * job had, say), or NULL. -EINVAL: of no kind. -ENOMEM. */
int gord_spec_from_wire(const Gor__V1__JobSpec *wire, struct gord_env *shared,
                        struct gord_spec **out_spec);

/* The env of such a job: `shared` again if it is equal, NULL if it is empty. -ENOMEM. */
int gord_env_from_wire(const Gor__V1__JobSpec *wire, struct gord_env *shared,
                       struct gord_env **out_env);

/* A spec from its stored parts (copied, env referenced). -EBADMSG: `packed` is not a JobSpec.
 * -ENOMEM. */
int gord_spec_from_packed(const void *packed, size_t packed_bytes, const char *name,
                          struct gord_env *env, struct gord_spec **out_spec);

/* The standing a job begins with, now; NULL with 0: it needs none. -ENOMEM. */
int gord_spec_standing(const struct gord_spec *spec, struct gord_standing **out_standing);

/* How the job ended that this is the hook of. 0, -ENOENT: of none; -ENOMEM. */
int gord_spec_hook_of(const struct gord_spec *spec, struct gord_hook_of *out_of);

/* The wire's form, without `with_env` less what is large, environment and script; free it with gor__v1__job_spec__free_unpacked(wire, NULL). NULL: out of
 * memory. */
Gor__V1__JobSpec *gord_spec_to_wire(const struct gord_spec *spec, int with_env);

struct gord_spec *gord_spec_ref(struct gord_spec *spec);
void gord_spec_unref(struct gord_spec *spec); /* NULL is fine */

/* Bytes this spec keeps in memory, without its env. */
size_t gord_spec_footprint(const struct gord_spec *spec);

struct gord_env *gord_env_new(const void *packed, size_t bytes); /* NULL: out of memory */
struct gord_env *gord_env_ref(struct gord_env *env);
void gord_env_unref(struct gord_env *env); /* NULL is fine */

#endif
