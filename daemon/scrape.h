/* SPDX-License-Identifier: MIT */
/* scrape.h - GET /metrics: gord's figures over HTTP, for Prometheus.
 *
 * On a thread of its own, that of libmicrohttpd: whoever is slow, hostile or many keeps others who ask
 * for metrics waiting, and nobody else. The loop is asked for the daemon's figures, at most a few
 * times a second however many ask.
 *
 * Invariants  there are at most GORD_SCRAPE_CONNECTIONS; each is for one request, and gives way to
 *             others when it is old.
 * Threads     loop thread.
 * Ownership   start/stop/free; what it is given is borrowed until stop.
 */
#ifndef GORD_SCRAPE_H
#define GORD_SCRAPE_H

#include <uv.h>

#include "daemon/base/config.h"
#include "daemon/service/service.h"

enum { GORD_SCRAPE_CONNECTIONS = 32 };

struct gord_scrape;

/* Listen where the configuration says, and answer. 0, or the error, which has been logged. */
int gord_scrape_start(const struct gord_config *config, uv_loop_t *loop,
                      struct gord_service *service, struct gord_scrape **out_scrape);

/* Answer nobody any more; before the service ends and the runtime stops. Blocks until an answer that is
 * being written is written. NULL is fine. */
void gord_scrape_stop(struct gord_scrape *scrape);

/* Once the loop has run after the stop. NULL is fine. */
void gord_scrape_free(struct gord_scrape *scrape);

#endif
