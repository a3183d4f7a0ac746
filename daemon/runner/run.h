/* SPDX-License-Identifier: MIT */
/* run.h - one job being run: what its goroutine, the loop and the log's readers share.
 *
 * Cancelling from the loop and making the context on the goroutine meet in two atomics: each side
 * stores its own and then looks at the other's (both seq_cst), so at least one of them sees both
 * and cancels.
 * Threads     as each field says.
 * Ownership   counted references: the loop's until the job's FINISHED event, the goroutine's until
 *             it ends, one for each log note under way, one for each reader.
 */
#ifndef GORD_RUNNER_RUN_H
#define GORD_RUNNER_RUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "daemon/base/sparing.h"
#include "daemon/event/event.h"
#include "daemon/runner/bus.h"
#include "daemon/runner/cgroup.h"
#include "daemon/runner/children.h"
#include "daemon/runner/errand.h"
#include "daemon/runner/heartbeat.h"
#include "daemon/runner/hold.h"
#include "daemon/runner/input.h"
#include "daemon/runner/logfile.h"
#include "daemon/runner/process.h"
#include "daemon/runner/reporter.h"
#include "daemon/runner/rlimits.h"
#include "daemon/sign/signer.h"
#include "gor/handover.pb-c.h"
#include "runtime/gor.h"

#define GORD_DETAIL_BYTES 512

/* The exit code of a run that was ended since it was stuck, whatever its own was. */
#define GORD_STUCK_EXIT_CODE 124

/* What became of the tries to send webhooks. */
enum gord_webhook_result {
    GORD_WEBHOOK_TAKEN,   /* 2xx */
    GORD_WEBHOOK_REFUSED, /* for what it is: it is not tried again */
    GORD_WEBHOOK_FAILED,  /* all else */
    GORD_WEBHOOK_RESULTS
};

/* What all runs share; outlives them. */
struct gord_run_env {
    struct gord_bus *bus;
    struct gord_inbox *notes;           /* log notes: "job N wrote something" */
    struct gord_inbox *errands;         /* of struct gord_errand */
    struct gord_heartbeats *heartbeats; /* loop only */
    struct gord_inbox *written;         /* writes to the input of jobs that have ended */
    struct gord_children children;
    struct gord_signer
        *signer; /* owned reference: of webhooks; NULL: they are not signed; loop only */
    const char *log_root;
    uint64_t log_cap_bytes;   /* loop only */
    _Atomic int64_t grace_ns; /* of a job that names none; relaxed: it stands for itself */
    atomic_int new_privs;     /* enum gord_new_privs, of programs; relaxed as well */
    struct gor_ctx *root;     /* above every job that has no parent */
    struct gor_ctx *hurry;    /* cancelled: no more grace for anybody */
    struct gor_ctx *leave;    /* cancelled: programs are left to the next daemon */
    /* They are about to be; set by the loop before `leave` is cancelled, and before anything is told to end
     * with the daemon. */
    atomic_bool leaving;
    struct gord_rlimits_own rlimits;
    struct gord_cgroups cgroups;
    atomic_ullong webhooks[GORD_WEBHOOK_RESULTS]; /* relaxed: they stand for themselves */
    struct gord_sparing refusals;                 /* of webhooks, by their targets, in the log */
};

/* Of a program: who comes first decides. Where the daemon leaves programs, one that is starting goes on with
 * the next, and one that is not is queued again. */
enum gord_run_start {
    GORD_RUN_NOT_STARTED, /* it may be kept from that for long, as by a FIFO that nobody writes to */
    GORD_RUN_STARTS,      /* set by its goroutine; nobody queues it again on its way */
    GORD_RUN_KEPT,        /* set by its goroutine or the loop: it never starts, and runs again */
};

struct gord_run {
    atomic_uint refs;
    uint64_t id;
    struct gord_run_env *env;       /* borrowed */
    uint32_t uid;                   /* whose it is; immutable */
    struct gord_spec *spec;         /* owned reference; immutable */
    struct gord_standing *standing; /* owned reference, at its start; NULL: it had none */
    struct gord_signer *signer;     /* owned reference, of a hook; NULL: none; immutable */
    struct gord_run *above; /* owned reference: of the job that it stands below, if that has a
                                     * run; NULL: has none. Immutable */
    _Atomic(struct gor_ctx *) ctx; /* owned; set once, by a goroutine of the job */
    _Atomic(const char *) cause;   /* owned; set once by the loop */
    _Atomic(struct gor_ctx *)
        force;          /* owned; set once by the goroutine, while it waits out a grace */
    atomic_bool forced; /* no grace; set by the loop, as ctx and cause are */
    atomic_int start; /* enum gord_run_start; a program that was taken over starts as it is made */
    atomic_bool requeued; /* ended for the daemon's sake: it runs again; set by the loop, before
                                  * the cause, or by the goroutine of a program that is kept */
    atomic_bool failed;   /* ended since it is stuck; set by the loop, before the cause */
    int64_t started_at;   /* gor_now() at the start; immutable, as the next two */
    int64_t late_ns;      /* when that was, after its start had been put on record */
    int64_t deadline;     /* that of its standing, on gor_now()'s clock; GOR_NEVER: none */
    gor_id_t goroutine;   /* set before it runs */
    char name[32];        /* "job 7", for dumps */
    struct gord_heartbeat heartbeat;
    struct gord_hold hold;       /* followers of a program's output that it waits for */
    struct gord_logfile log;     /* goroutines write, the loop reads its end */
    struct gord_process process; /* of an exec job */
    struct gor_quota *quota;     /* owned reference; its goroutines, of other jobs; immutable */
    bool paused;                 /* the quota is; loop only */
    bool withdrawn;              /* it could not be started, and never will; loop only */
    struct gord_input input;     /* of an exec job that takes some */
    struct gor_chan *poked;      /* owned; see gord_run_poke; NULL: nobody wants to know */
    struct gord_inbox_item note; /* link of env->notes while `noted` */
    atomic_bool noted;
    atomic_uint followers;          /* readers that want notes */
    char detail[GORD_DETAIL_BYTES]; /* goroutine only, or the loop where that is lost */
    _Atomic(struct gord_reporter *)
        reporter;                   /* owned; set once, by the job's first word; NULL: none yet */
    struct list_link sampled;       /* list link of the sampler; loop only */
    Gor__V1__JobState shown;        /* state the sampler announced last; loop only */
    atomic_bool panicked;           /* a goroutine of a native job panicked */
    _Atomic(char *) panic;          /* owned; set once: message and backtrace of the first panic */
    Gor__Handover__Run *taken_over; /* owned; its process was another daemon's; NULL: was not */
    Gor__Handover__Run *handed;     /* owned by its goroutine, then the loop; see handover.h */
    struct gord_errand handed_errand;
    struct gor_job *job; /* of a plug-in's function: owned by plugins.h, immutable; else NULL */
};

/* Make the two contexts, on a goroutine, and wait for it. The runtime's errors. Loop. */
int gord_run_env_open(struct gord_run_env *env);
void gord_run_env_close(struct gord_run_env *env);

/* How a run ended. */
struct gord_result {
    bool left; /* to the next daemon: it has not ended */
    Gor__V1__Outcome outcome;
    int exit_code;
    int signal;
    bool core_dumped;
    bool is_final;   /* it would end so every time: it is not tried again */
    int64_t wait_ns; /* at least so long until it is; 0: as its policy says */
};

/* It was ended from outside, as gord_run_stopped() says. */
static inline void gord_result_stop(struct gord_result *result, Gor__V1__Outcome stopped)
{
    result->outcome = stopped;
    if (stopped == GOR__V1__OUTCOME__FAILED) {
        result->exit_code = GORD_STUCK_EXIT_CODE;
        result->signal = 0;
    }
}

/* With one reference, of a job whose spec is there. above: the run under whose context it runs; NULL:
 * under that of all. NULL: out of memory. Loop. */
struct gord_run *gord_run_new(struct gord_run_env *env, const struct gord_job *job,
                              struct gord_run *above);
struct gord_run *gord_run_ref(struct gord_run *run); /* any thread */
void gord_run_unref(struct gord_run *run);           /* any thread; NULL is fine */

/* The goroutine's body; arg is the run: runs the job, posts its events, gives up a reference. */
void gord_run_main(void *arg);

/* Cancel with that cause, the first one counts. Loop. */
void gord_run_cancel(struct gord_run *run, const char *cause);

/* The daemon needs it to end: as cancelling, but the job is queued again then. Loop. */
void gord_run_requeue(struct gord_run *run, const char *cause);

/* It is stuck: as cancelling, but the run has failed then. Loop. */
void gord_run_fail(struct gord_run *run, const char *cause);

/* A pause has begun or ended: have the run's goroutine look at its deadline again, if it has one that
 * pauses move. Loop. */
void gord_run_poke(struct gord_run *run);

/* The same, without a grace. Loop. */
void gord_run_force(struct gord_run *run, const char *cause);

/* Done once the run is forced; NULL: out of memory, or it is forced. [goroutine] */
struct gor_ctx *gord_run_force_ctx(struct gord_run *run);

/* The context of the run, made at the first call; NULL: out of memory. [goroutine] */
struct gor_ctx *gord_run_ctx(struct gord_run *run);

/* Jobs below it have their deadline by the wall clock, from when a start was put on record; its context
 * counts from when it, or what it is below, began to run, which is a little later. Is it in between, if that
 * deadline is over? [goroutine] */
bool gord_run_is_about_over(struct gord_run *run);

/* Its own timeout has passed, as its goroutine found: end what is below it too. [goroutine] */
void gord_run_time_out(struct gord_run *run);

/* 0, or why the run was ended from outside: TIMED_OUT, CANCELLED, or FAILED; the cause goes to the detail.
 * Looks only at a context that was made. [goroutine] */
Gor__V1__Outcome gord_run_stopped(struct gord_run *run);

/* The program is about to start, and will. False: it is to be queued again instead. [goroutine] */
bool gord_run_starts(struct gord_run *run);

/* It does not start any more, for it is to be queued again. False: it starts. Any thread. */
bool gord_run_keep(struct gord_run *run);

/* It has been kept so: what gord_run_stopped() would say of it. [goroutine] */
Gor__V1__Outcome gord_run_kept(struct gord_run *run);

/* Whether it was ended, as gord_run_stopped() says, only for what is above it ends with the daemon, which
 * leaves programs alone. [goroutine] */
bool gord_run_is_left(struct gord_run *run, Gor__V1__Outcome stopped);

/* It has ended so: shut its log, and post that. Whoever calls gives up the goroutine's reference then. [goroutine] */
void gord_run_end(struct gord_run *run, const struct gord_result *result);

/* In the handler of a panic: of its own goroutine, which ends it; of another one, whose panic cancels it.
 * Message and backtrace go to its log and its end. [goroutine] */
void gord_run_end_by_panic(struct gord_run *run, const char *message);
void gord_run_note_panic(struct gord_run *run, const char *message);

/* Is the caller in a deferred call because it panics? [goroutine] */
bool gord_run_is_panicking(void);

/* The kinds. [goroutine] */
void gord_exec_run(struct gord_run *run, struct gord_result *out_result);
void gord_native_run(struct gord_run *run, struct gord_result *out_result);
void gord_lua_job_run(struct gord_run *run, struct gord_result *out_result);

#endif
