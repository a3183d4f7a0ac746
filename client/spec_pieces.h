/* SPDX-License-Identifier: MIT */
/* spec_pieces.h - the message that describes a job, piece by piece, for whoever makes one: the options of
 * the command line (spec.h), lines of JSON (batch.h).
 *
 * The caller's environment (without GOR_TOKEN), working directory, umask and resource limits are what a
 * program begins with.
 * Ownership   a new message is the caller's, to be freed with
 *             gor__v1__job_spec__free_unpacked(message, NULL); what is added is copied.
 */
#ifndef GOR_CLIENT_SPEC_PIECES_H
#define GOR_CLIENT_SPEC_PIECES_H

#include <stddef.h>

#include "gor/v1/jobs.pb-c.h"

/* A message of that kind and nothing more. */
Gor__V1__JobSpec *gorctl_spec_new_exec(void);
Gor__V1__JobSpec *gorctl_spec_new_native(const char *function);

void gorctl_spec_add_argument(Gor__V1__ExecSpec *exec, const void *bytes, size_t length);
void gorctl_spec_add_hook_word(Gor__V1__JobSpec *message, const void *bytes, size_t length);
void gorctl_spec_add_native_argument(Gor__V1__NativeSpec *native, const char *text);
void gorctl_spec_add_label(Gor__V1__JobSpec *message, const char *key, size_t key_length,
                           const char *value);

/* In place of the variable of that name, if there is one. */
void gorctl_spec_set_env(Gor__V1__ExecSpec *exec, const char *assignment);
void gorctl_spec_clear_env(Gor__V1__ExecSpec *exec);

/* The caller's, all of them. 0, or -errno of getcwd(). */
int gorctl_spec_set_surroundings(Gor__V1__ExecSpec *exec);

/* Absolute, seen from where we are. 0, or -errno of getcwd(). */
int gorctl_spec_set_directory(Gor__V1__ExecSpec *exec, const char *directory);
int gorctl_spec_set_input(Gor__V1__ExecSpec *exec, const char *path);

#endif
