/* SPDX-License-Identifier: MIT */
/* journal.h - records for systemd's journal, with fields: its native protocol.
 *
 * A record is one datagram of lines KEY=value; journald adds who sent it. libsystemd would do no more
 * for records of one line, and bring a library along.
 * Threads     any, on one socket.
 */
#ifndef GORD_BASE_JOURNAL_H
#define GORD_BASE_JOURNAL_H

#include "daemon/base/log.h"

#define GORD_JOURNAL_SOCKET "/run/systemd/journal/socket"

struct gord_journal_record {
    int priority; /* syslog's */
    const struct gord_log_job *job;
    const struct gord_log_place *place;
    const char *text; /* one line */
};

/* A socket to whoever is bound to `path`, close-on-exec and never blocking; or a negative errno. */
int gord_journal_open(const char *path);

/* 0; or a negative errno, when the record is not there: the journal is away, or its queue full. */
int gord_journal_send(int fd, const struct gord_journal_record *record);

#endif
