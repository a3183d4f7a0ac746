/* SPDX-License-Identifier: MIT */
/* context_file.h - the file of contexts: where it is, reading it, changing it for good.
 *
 * It decides whom gorctl talks to, so others may not write to it. A change is made under a lock on its
 * folder and put in place by a rename: whoever reads sees the former or the new file, whole.
 */
#ifndef GOR_CLIENT_CONTEXT_FILE_H
#define GOR_CLIENT_CONTEXT_FILE_H

#include "client/contexts.h"

/* $XDG_CONFIG_HOME/gor/contexts, else ~/.config/gor/contexts; the caller's. */
char *gorctl_context_file_path(void);

/* No file is no contexts. An exit code, with a word on stderr. */
int gorctl_context_file_read(struct gorctl_contexts *out_contexts);

/* Read it, have `change` change it, write it. `change` answers with an exit code; if that is not
 * GORCTL_EXIT_OK nothing is written. */
typedef int gorctl_context_change(struct gorctl_contexts *contexts, void *user);
int gorctl_context_file_change(gorctl_context_change *change, void *user);

#endif
