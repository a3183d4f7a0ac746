/* SPDX-License-Identifier: MIT */
/* whom.c - see whom.h. */
#include "client/whom.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "client/exits.h"
#include "client/options.h"

static const char *const roles[] = {"nobody", "viewer", "submitter", "operator", "admin"};

enum { ROLES = sizeof roles / sizeof roles[0] };

uint32_t gorctl_option_user(struct argp_state *state, const char *what, const char *text)
{
    uint64_t number = 0;
    const struct passwd *found = getpwnam(text);
    if (found != NULL) {
        return found->pw_uid;
    }
    if (gorctl_number_parse(text, &number) != 0 || number >= UINT32_MAX) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "%s: '%s' is no user of this machine; give the number that the user has "
                     "where the daemon runs",
                     what, text);
    }
    return (uint32_t)number;
}

unsigned gorctl_option_role(struct argp_state *state, const char *text)
{
    for (unsigned role = 1; role < ROLES; role++) {
        if (strcmp(text, roles[role]) == 0) {
            return role;
        }
    }
    argp_failure(state, GORCTL_EXIT_USAGE, 0,
                 "--role: '%s' is none; it must be viewer, submitter, operator or admin", text);
    return 0;
}

const char *gorctl_role_name(unsigned role)
{
    return roles[role < ROLES ? role : 0];
}

void gorctl_user_text(uint32_t uid, char *out, size_t size)
{
    const struct passwd *found = getpwuid(uid);
    if (found != NULL) {
        (void)snprintf(out, size, "%s", found->pw_name);
    } else {
        (void)snprintf(out, size, "%u", uid);
    }
}
