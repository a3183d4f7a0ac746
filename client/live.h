/* SPDX-License-Identifier: MIT */
/* live.h - candidates from the daemon as it is now; none when it does not answer. */
#ifndef GOR_CLIENT_LIVE_H
#define GOR_CLIENT_LIVE_H

#include "client/candidates.h"

/* Ids of jobs: those that have not ended, those that have, or all, the newest of them. */
void gorctl_live_jobs(const struct gorctl_candidates *at);
void gorctl_live_ended_jobs(const struct gorctl_candidates *at);
void gorctl_live_all_jobs(const struct gorctl_candidates *at);

/* Of the newest jobs, each once: their names; labels as KEY=VALUE; their keys. */
void gorctl_live_names(const struct gorctl_candidates *at);
void gorctl_live_labels(const struct gorctl_candidates *at);
void gorctl_live_label_keys(const struct gorctl_candidates *at);

void gorctl_live_queues(const struct gorctl_candidates *at);
void gorctl_live_pools(const struct gorctl_candidates *at);
void gorctl_live_rates(const struct gorctl_candidates *at);
void gorctl_live_crons(const struct gorctl_candidates *at);
void gorctl_live_functions(const struct gorctl_candidates *at);

/* Not from the daemon, but from the file of contexts. */
void gorctl_live_contexts(const struct gorctl_candidates *at);

#endif
