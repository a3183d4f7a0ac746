/* SPDX-License-Identifier: MIT */
/* whom.h - users and roles, as options name them. */
#ifndef GOR_CLIENT_WHOM_H
#define GOR_CLIENT_WHOM_H

#include <argp.h>
#include <stddef.h>
#include <stdint.h>

/* The number of a user of this machine, by name or number; `what` names the option or argument. A usage
 * error ends the program. */
uint32_t gorctl_option_user(struct argp_state *state, const char *what, const char *text);

/* 1 to 4 of viewer, submitter, operator, admin. */
unsigned gorctl_option_role(struct argp_state *state, const char *text);
const char *gorctl_role_name(unsigned role);

/* "anna", or "1000" if this machine knows no such user. */
void gorctl_user_text(uint32_t uid, char *out, size_t size);

#endif
