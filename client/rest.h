/* SPDX-License-Identifier: MIT */
/* rest.h - what a text says below its first line: where a job panicked, or is stuck. */
#ifndef GOR_CLIENT_REST_H
#define GOR_CLIENT_REST_H

/* Print it, escaped, with tabs at the begin of a line as four blanks; nothing if there is one line only. */
void gorctl_rest_print(const char *text);

#endif
