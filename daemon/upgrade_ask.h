/* SPDX-License-Identifier: MIT */
/* upgrade_ask.h - the question to a binary whether it can take over, and the answer.
 *
 * It is run as it will be run, with one word more, and says on its stdout whether it can. The loop goes on
 * meanwhile, however long that takes; in the end the process that was asked is killed, with its group.
 *
 * Threads     the loop's.
 * Ownership   what is asked belongs to itself, until `answered` is called or it is dropped; its memory goes
 *             when the loop has run the close callbacks.
 */
#ifndef GORD_UPGRADE_ASK_H
#define GORD_UPGRADE_ASK_H

#include <stdint.h>

#include <uv.h>

#include "daemon/base/config.h"
#include "daemon/upgrade.h"

struct gord_asking;

struct gord_asking_opts {
    uv_loop_t *loop;
    struct gord_upgrade *upgrade; /* borrowed while this begins */
    int64_t limit_ns;             /* for the answer; 0: 10 s */
    /* Once, from the loop: 0, or a negative errno with a sentence. */
    void (*answered)(void *arg, int result, const char *why);
    void *arg;
};

/* Begin to ask. Else a negative errno with a sentence, and `answered` is not called. */
int gord_upgrade_ask(const struct gord_asking_opts *opts, char why[GORD_UPGRADE_WHY],
                     struct gord_asking **out_asking);

/* Nobody wants the answer any more: `answered` is not called. */
void gord_asking_drop(struct gord_asking *asking);

/* On the side that is asked: the question, taken off the end of the arguments; NULL: none. */
const char *gord_upgrade_question(int *argc, char **argv);

/* The answer to that, "FORMAT.SCHEMA", once the configuration has been found right: an exit code, after a
 * line on stdout. */
enum gord_exit gord_upgrade_answer(const char *question);

/* The answer when it has not: `fault` is the first, and may be "". */
void gord_upgrade_refuse(const char *fault);

#endif
