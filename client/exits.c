/* SPDX-License-Identifier: MIT */
/* exits.c - see exits.h. */
#include "client/exits.h"

int gorctl_exit_of_status(enum wire_status status)
{
    switch (status) {
    case WIRE_OK:
        return GORCTL_EXIT_OK;
    case WIRE_INVALID_ARGUMENT:
    case WIRE_OUT_OF_RANGE:
    case WIRE_FAILED_PRECONDITION: /* the same command would be refused again */
        return GORCTL_EXIT_USAGE;
    case WIRE_NOT_FOUND:
        return GORCTL_EXIT_NOT_FOUND;
    case WIRE_PERMISSION_DENIED:
    case WIRE_UNAUTHENTICATED:
        return GORCTL_EXIT_DENIED;
    case WIRE_RESOURCE_EXHAUSTED:
    case WIRE_UNAVAILABLE:
    case WIRE_ABORTED:
    case WIRE_ALREADY_EXISTS: /* until that one has ended */
    case WIRE_DEADLINE_EXCEEDED:
        return GORCTL_EXIT_REFUSED;
    default:
        return GORCTL_EXIT_INTERNAL;
    }
}

/* Exit codes are one byte; whatever else a native function answers must not look like success. */
static int one_byte(int code)
{
    if (code >= 1 && code <= 255) {
        return code;
    }
    int low = code & 0xff;
    return low != 0 ? low : 1;
}

int gorctl_exit_of_job(const Gor__V1__Job *job)
{
    switch (job->outcome) {
    case GOR__V1__OUTCOME__SUCCEEDED:
        return GORCTL_EXIT_OK;
    case GOR__V1__OUTCOME__FAILED:
        return one_byte(job->exit_code);
    case GOR__V1__OUTCOME__SIGNALED:
    case GOR__V1__OUTCOME__OOM_KILLED: /* by SIGKILL */
        return GORCTL_EXIT_SIGNAL + (job->signal & 0x7f);
    case GOR__V1__OUTCOME__TIMED_OUT:
        return GORCTL_EXIT_TIMED_OUT;
    case GOR__V1__OUTCOME__CANCELLED:
        return GORCTL_EXIT_CANCELLED;
    case GOR__V1__OUTCOME__LOST:
        return GORCTL_EXIT_LOST;
    case GOR__V1__OUTCOME__SPAWN_ERROR:
        return GORCTL_EXIT_SPAWN;
    case GOR__V1__OUTCOME__PANICKED:
        return GORCTL_EXIT_PANICKED;
    case GOR__V1__OUTCOME__DEPENDENCY_FAILED:
        return GORCTL_EXIT_DEPENDENCY;
    case GOR__V1__OUTCOME__EXPIRED:
        return GORCTL_EXIT_EXPIRED;
    default:
        return GORCTL_EXIT_INTERNAL;
    }
}

void gorctl_exit_list(FILE *out)
{
    fputs("Exit codes:\n"
          "  0    success\n"
          "  N    run, wait, logs -f: the job's own exit code\n"
          "  1    doctor: it has found a fault\n"
          "  124  the job (or `wait --timeout`) ran out of time\n"
          "  128+N  the job was ended by signal N\n"
          "  79   the job was cancelled\n"
          "  80   the job was lost: the daemon died under it\n"
          "  81   the job's program could not be started\n"
          "  82   the native job panicked\n"
          "  83   the job never ran: what it was to run after cannot come any more\n"
          "  84   the job never ran: the time it was to start before passed\n"
          "  130  ctrl-C: gorctl left, the job runs on\n"
          "  64   wrong usage, or the daemon refused an argument\n"
          "  65   no job is like that: nothing was selected\n"
          "  66   no such job, or no such input file\n"
          "  69   no daemon answers\n"
          "  70   internal error\n"
          "  74   standard output could not be written; run: the job succeeded, but not\n"
          "       all of its output came out here\n"
          "  75   refused for now; the same command may succeed later\n"
          "  77   permission denied\n",
          out);
}
