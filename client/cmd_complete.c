/* SPDX-License-Identifier: MIT */
/* cmd_complete.c - `gorctl complete -- WORD...`: what a shell asks for at a press of its tab key.
 *
 * Nobody waits for it: after 300 ms it ends with what it has, and it never says a word on stderr,
 * which would end up in the middle of a line that somebody types.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "client/completion.h"
#include "client/exits.h"
#include "client/when.h"

enum { OUTPUT_ROOM = 256 * 1024, MICROSECOND = 1000, SECOND_US = 1000000 };

static const int64_t PATIENCE_NS = 300000000;

static void give_up(int number)
{
    (void)number;
    _exit(GORCTL_EXIT_OK);
}

static void limit_time(void)
{
    const char *given = getenv("GOR_COMPLETE_TIMEOUT");
    int64_t ns = PATIENCE_NS;
    if (given != NULL && (gorctl_duration_parse(given, &ns) != 0 || ns <= 0)) {
        ns = PATIENCE_NS;
    }
    struct itimerval timer = {.it_value = {.tv_sec = ns / MICROSECOND / SECOND_US,
                                           .tv_usec = ns / MICROSECOND % SECOND_US}};
    (void)signal(SIGALRM, give_up);
    (void)setitimer(ITIMER_REAL, &timer, NULL);
}

int gorctl_cmd_complete(struct gorctl *ctl, int argc, char **argv)
{
    static char nothing[] = "";
    char *none[] = {nothing, NULL};
    int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDERR_FILENO);
    }
    /* All of it at once: giving up must not cut a line in two. */
    (void)setvbuf(stdout, NULL, _IOFBF, OUTPUT_ROOM);
    limit_time();
    if (first >= argc) {
        gorctl_complete(ctl, none, 1);
    }
    gorctl_complete(ctl, argv + first, (size_t)(argc - first));
}
