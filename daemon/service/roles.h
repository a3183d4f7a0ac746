/* SPDX-License-Identifier: MIT */
/* roles.h - who may call what: every method has the least role that it takes, here and nowhere else.
 *
 * Each role may do what those before it may. Whose jobs may be steered is owner.h's.
 * Threads     any; constant.
 */
#ifndef GORD_SERVICE_ROLES_H
#define GORD_SERVICE_ROLES_H

#include <stdbool.h>
#include <stdint.h>

enum gord_role {
    GORD_ROLE_NONE,
    GORD_ROLE_VIEWER,    /* look at everything but output, results and secrets of others */
    GORD_ROLE_SUBMITTER, /* hand in jobs; steer one's own */
    GORD_ROLE_OPERATOR,  /* steer everybody's, pause and drain the daemon */
    GORD_ROLE_ADMIN,     /* everything */
};

struct gord_rule {
    enum gord_role role;
    bool submits; /* makes jobs, which need an owner */
};

/* Of "/gor.v1.Jobs/Submit". A method of ours that has no rule takes an admin; what is not ours
 * (health, reflection, what does not exist) anybody with a role. */
struct gord_rule gord_rule_of(const char *path);

/* Is there a rule for it? */
bool gord_rule_exists(const char *path);

const char *gord_role_name(enum gord_role role);

/* The role in a certificate's URI, "urn:gor:role:ROLE" or "urn:gor:role:ROLE:uid:1000"; *out_uid is
 * (uint32_t)-1 without. GORD_ROLE_NONE: it is no such URI. */
enum gord_role gord_role_of_uri(const char *uri, uint32_t *out_uid);

#endif
