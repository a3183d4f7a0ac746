/* SPDX-License-Identifier: MIT */
/* selector.h - which jobs a command is about; the same words for every command.
 *
 * "3 5-9 -q build -l team=x --state running --name backup --mine --all" and so on: whatever is
 * said must hold.
 * Ownership   a zeroed selector is empty; it borrows from argv, gorctl_selector_fini() frees the rest.
 */
#ifndef GOR_CLIENT_SELECTOR_H
#define GOR_CLIENT_SELECTOR_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/gorctl.h"
#include "client/ids.h"
#include "gor/v1/jobs.pb-c.h"

enum { GORCTL_SELECTOR_WORDS = 16 };

/* The word of --outcome for all ends that nobody wanted: neither succeeded nor cancelled. */
#define GORCTL_OUTCOME_BAD "bad"

/* More jobs than this are not ended without --yes. */
enum { GORCTL_SELECTOR_MANY = 100 };

struct gorctl_selector {
    struct gorctl_ids ids; /* in the order they were named */
    const char *queue;
    const char *name;
    const char *labels[GORCTL_SELECTOR_WORDS];
    size_t label_count;
    Gor__V1__JobState states[GORCTL_SELECTOR_WORDS];
    size_t state_count;
    Gor__V1__Outcome outcomes[GORCTL_SELECTOR_WORDS];
    size_t outcome_count;
    int32_t exit_codes[GORCTL_SELECTOR_WORDS];
    size_t exit_code_count;
    Gor__V1__Selector__Kind kinds[GORCTL_SELECTOR_WORDS];
    size_t kind_count;
    int64_t since_ns, until_ns;
    int64_t ended_since_ns, ended_until_ns;
    uint64_t owner_plus_1; /* 0: anybody's */
    uint64_t parent_id;    /* 0: anywhere */
    bool mine, all;
};

/* The options, and the ids among the arguments; the input is a struct gorctl_selector. */
extern const struct argp gorctl_selector_argp;

/* Children for commands that need nothing else: as gorctl_read_children, and those as the third. */
extern const struct argp_child gorctl_selector_children[];

/* Whether nothing was said; nothing but ids; nothing but --all; nothing but --queue. */
bool gorctl_selector_is_empty(const struct gorctl_selector *selector);
bool gorctl_selector_is_ids(const struct gorctl_selector *selector);
bool gorctl_selector_is_all(const struct gorctl_selector *selector);
bool gorctl_selector_is_queue(const struct gorctl_selector *selector);

/* The form of the wire; free it with gor__v1__selector__free_unpacked(message, NULL). */
Gor__V1__Selector *gorctl_selector_message(const struct gorctl_selector *selector);

/* What a request about many jobs says: ids, or all if it can say so by itself, or a selector. */
struct gorctl_selection {
    uint64_t *ids; /* the selector's */
    size_t count;
    bool all;
    Gor__V1__Selector *message; /* owned; NULL: it is one of the others */
};

struct gorctl_selection gorctl_selector_select(const struct gorctl_selector *selector,
                                               bool takes_all);
void gorctl_selection_fini(struct gorctl_selection *selection);

/* The ids that are meant, which may be none: as named, if nothing but ids was said, else asked for, newest
 * first, at most GORCTL_IDS_MOST. Unknown ids are told one by one: GORCTL_EXIT_NOT_FOUND. An exit code;
 * what was found is in *out_ids only with GORCTL_EXIT_OK. */
int gorctl_selector_find(struct gorctl *ctl, const struct gorctl_selector *selector, bool live_only,
                         struct gorctl_ids *out_ids);

/* The same, and none at all is said: GORCTL_EXIT_NOTHING. */
int gorctl_selector_resolve(struct gorctl *ctl, const struct gorctl_selector *selector,
                            bool live_only, struct gorctl_ids *out_ids);

/* fn(arg, ids) of the jobs that are meant, ended ones too. Its exit code, or that of finding them; the selector
 * is no longer needed then. */
int gorctl_selector_run(struct gorctl *ctl, struct gorctl_selector *selector,
                        int (*fn)(const void *arg, const struct gorctl_ids *ids), const void *arg);

/* The one job that is meant; several: GORCTL_EXIT_USAGE. An exit code. */
int gorctl_selector_one(struct gorctl *ctl, const struct gorctl_selector *selector,
                        uint64_t *out_id);

/* Add up the pages of Jobs.Count. An exit code, and a reply for wire_decoded_free(). */
int gorctl_selector_count(struct gorctl *ctl, const struct gorctl_selector *selector,
                          bool live_only, Gor__V1__CountReply **out_reply);

/* Before `verb` ("cancel") is done to more than GORCTL_SELECTOR_MANY jobs, or live ones: ask on a
 * terminal, else refuse. GORCTL_EXIT_OK: go on. */
int gorctl_selector_confirm(struct gorctl *ctl, const struct gorctl_selector *selector,
                            const char *verb, bool live_only);

/* "nothing selected", and GORCTL_EXIT_NOTHING. */
int gorctl_selector_nothing(bool live_only);

void gorctl_selector_fini(struct gorctl_selector *selector);

#endif
