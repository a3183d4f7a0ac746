/* SPDX-License-Identifier: MIT */
/* url.h - URLs that something is sent to: are they right, and how they may be shown.
 *
 * What is right is what everybody reads alike: http or https, a host, and characters that stand for
 * themselves in a URL. A password may be in its beginning, and often all of what is behind the host
 * is one, as with most chats' webhooks: so neither is shown.
 * Threads     any; pure.
 */
#ifndef GORD_BASE_URL_H
#define GORD_BASE_URL_H

#include <stdbool.h>
#include <stddef.h>

#define GORD_URL_HIDDEN "(hidden)" /* what stands in place of the rest */

enum { GORD_URL_MAX = 2000, GORD_URL_WHY = 128 };

/* Is it right? Else why not, as "has no host", in `why`. */
bool gord_url_check(const char *url, char why[GORD_URL_WHY]);

/* Has a right one neither user nor query? Then nothing of it is secret, and a path may be added. */
bool gord_url_is_plain(const char *url);

/* What may be shown of a right one, in at most as many bytes as it has and those of two marks: scheme,
 * host and port. A new text; NULL: out of memory. */
char *gord_url_hide(const char *url);

/* Was it made by that? */
bool gord_url_is_hidden(const char *url);

#endif
