/* SPDX-License-Identifier: MIT */
/* tcp.h - talking to a peer's server on this machine: commands out in one piece, answers as lines.
 *
 * Errors      end the program with a message, as in session.h.
 * Threads     one.
 */
#ifndef GOR_BENCH_SERVICE_TCP_H
#define GOR_BENCH_SERVICE_TCP_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Connect to 127.0.0.1:port; give it to fclose(). `name` is the server's, for messages. */
FILE *tcp_connect(int64_t port, const char *name);

/* Send all of it. */
void tcp_send(FILE *server, const char *bytes, size_t size);

/* Read one line, without its end, into `line`. */
void tcp_line(FILE *server, char *line, int room);

#endif
