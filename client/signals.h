/* SPDX-License-Identifier: MIT */
/* signals.h - signals as people write them: "INT", "SIGINT", "sigint", "2", "RTMIN+3". */
#ifndef GOR_CLIENT_SIGNALS_H
#define GOR_CLIENT_SIGNALS_H

/* The number, 1 to 64; -EINVAL: there is no such signal. */
int gorctl_signal_parse(const char *text);

#endif
