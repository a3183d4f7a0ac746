/* SPDX-License-Identifier: MIT */
/* output.h - where the output of jobs lies: up to three files each, in folders of 1024 jobs.
 *
 * What is in them is daemon/runner/logfile.h's; here they are only found, measured and removed.
 * Threads     pure functions and system calls; any thread.
 */
#ifndef GORD_STORE_OUTPUT_H
#define GORD_STORE_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

enum { GORD_OUTPUT_FOLDER_JOBS = 1024 };

/* The parts of a job's output. */
enum gord_output_part {
    GORD_OUTPUT_HEAD,
    GORD_OUTPUT_TAIL,     /* the newer part of the tail */
    GORD_OUTPUT_TAIL_OLD, /* the one before it */
    GORD_OUTPUT_PARTS
};

/* "<root>/<id / 1024>/<id>.log", ".tail", ".tail.old". -ENAMETOOLONG. */
int gord_output_path(const char *root, uint64_t id, enum gord_output_part part, char *out,
                     size_t out_bytes);

/* The id and part that a file's name in such a folder says. -EINVAL: it is none of these. */
int gord_output_parse(const char *name, uint64_t *out_id, enum gord_output_part *out_part);

/* Remove the output of a job, as far as there is any. 0 or -errno. */
int gord_output_remove(const char *root, uint64_t id);

/* Bytes it takes on the disk; 0 if there is none. */
uint64_t gord_output_bytes(const char *root, uint64_t id);

#endif
