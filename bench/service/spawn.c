/* SPDX-License-Identifier: MIT */
/* The peers of S3 that need no daemon of ours: start a program, wait for it, start it again. With
 * `true` that is what the machine itself can do; with a queue's own client it is that queue. */
#include <inttypes.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/service/service.h"
#include "bench/service/session.h"

/* JOBS PROGRAM [ARGUMENT]... */
int service_spawn(char **args)
{
    int64_t jobs = service_count(args[0]);
    int64_t started = session_now_ns();

    for (int64_t i = 0; i < jobs; i++) {
        pid_t pid;
        int status;
        int err = posix_spawnp(&pid, args[1], NULL, NULL, args + 1, environ);
        if (err != 0) {
            session_fail("cannot start %s: %s", args[1], strerror(err));
        }
        if (waitpid(pid, &status, 0) != pid || status != 0) {
            session_fail("%s ended with status 0x%x", args[1], (unsigned)status);
        }
    }
    service_report_rate("spawn", jobs, session_now_ns() - started, "jobs/s", "count=%" PRId64,
                        jobs);
    return 0;
}
