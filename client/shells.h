/* SPDX-License-Identifier: MIT */
/* shells.h - the scripts in shells/, as parts of the program. */
#ifndef GOR_CLIENT_SHELLS_H
#define GOR_CLIENT_SHELLS_H

struct gorctl_shell {
    const char *name; /* "bash" */
    const char *begin;
    const char *end;
};

/* Ended by a NULL name. */
extern const struct gorctl_shell gorctl_shells[];

#endif
