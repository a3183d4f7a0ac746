/* SPDX-License-Identifier: MIT */
/* fields.h - what the daemon calls a field of the protocol, as the option that says it.
 *
 * The daemon names what is wrong in a request by its field, for clients of any kind; who reads gorctl's
 * messages has written an option.
 * Threads     pure functions.
 */
#ifndef GOR_CLIENT_FIELDS_H
#define GOR_CLIENT_FIELDS_H

/* The text with "spec.queue" as "--queue", and so on; fields that no option sets stay. To be freed; NULL:
 * out of memory. */
char *gorctl_fields_as_options(const char *text);

#endif
