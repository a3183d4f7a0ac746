/* SPDX-License-Identifier: MIT */
/* linger.h - the end of a connection whose peer may still be sending.
 *
 * A socket closed with bytes unread is reset, and the reset takes from the peer what it has not read
 * yet: our last answers, and the GOAWAY that says what was wrong. So our side is ended, what still
 * comes is read and dropped, for a while, until the peer has closed as well.
 *
 * Bounds      LINGER_NS and LINGER_BYTES each; LINGERERS_MAX of a hub, of which the oldest goes.
 * Threads     the loop's.
 */
#ifndef GOR_RPC_LINGER_H
#define GOR_RPC_LINGER_H

#include <stdbool.h>

#include "rpc/connection.h"

/* The session is over, and was told so; what it had to say is in `unsent`. Closes when it is time. */
void rpc_linger_begin(struct rpc_connection *connection);

/* Close all of the hub's now. */
void rpc_linger_end_all(struct rpc_hub *hub);

#endif
