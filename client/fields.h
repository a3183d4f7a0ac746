/* SPDX-License-Identifier: MIT */
/* fields.h - what the daemon calls a field of the protocol, as the option that says it.
 *
 * The daemon names what is wrong in a request by its field, for clients of any kind; who reads gorctl's
 * messages has written an option.
 * Threads     pure functions.
 */
#ifndef GOR_CLIENT_FIELDS_H
#define GOR_CLIENT_FIELDS_H

/* The text with "spec.queue" as "--queue", or of "update" as "--to-queue", and so on; fields that no option
 * sets stay. `command` may be NULL: none in particular. To be freed; NULL: out of memory. */
char *gorctl_fields_as_options(const char *command, const char *text);

#endif
