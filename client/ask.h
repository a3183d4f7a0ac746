/* SPDX-License-Identifier: MIT */
/* ask.h - what a job asks for besides a place: -q, --priority, --slots, --token, --rate.
 *
 * Ownership   borrows from argv.
 */
#ifndef GOR_CLIENT_ASK_H
#define GOR_CLIENT_ASK_H

#include <argp.h>
#include <stddef.h>
#include <stdint.h>

#include "gor/v1/jobs.pb-c.h"

struct gorctl_ask {
    const char *queue; /* NULL: the default */
    int32_t priority;
    uint32_t slots;
    const char **tokens; /* owned array of "POOL" and "POOL=N" */
    size_t token_count;
    const char **rates; /* owned array of "RATE" and "RATE/KEY=N" */
    size_t rate_count;
    const char *array; /* its indices, see array.h; NULL: it is one job */
};

/* The options; the input is a struct gorctl_ask, zeroed. */
extern const struct argp gorctl_ask_argp;

/* Into the message. An exit code, with a word on stderr if it is not GORCTL_EXIT_OK. */
int gorctl_ask_fill(const struct gorctl_ask *ask, Gor__V1__JobSpec *message);

/* The values of --priority and --slots; one that is wrong ends the program with a word. */
int32_t gorctl_ask_priority(struct argp_state *state, const char *text);
uint32_t gorctl_ask_slots(struct argp_state *state, const char *text);

/* The value of --token or --rate into the message. An exit code as above. */
int gorctl_ask_token(const char *given, Gor__V1__JobSpec *message);
int gorctl_ask_rate(const char *given, Gor__V1__JobSpec *message);

/* One more pool that the job wants tokens of. */
void gorctl_ask_add_token(Gor__V1__JobSpec *message, const char *pool, size_t pool_length,
                          uint32_t count);

/* One more rate that its start counts in. */
void gorctl_ask_add_rate(Gor__V1__JobSpec *message, const char *rate, size_t rate_length,
                         uint32_t count);

void gorctl_ask_fini(struct gorctl_ask *ask);

#endif
