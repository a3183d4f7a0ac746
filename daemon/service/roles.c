/* SPDX-License-Identifier: MIT */
#include "daemon/service/roles.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define OURS "/gor.v1."
#define ROLE_URI "urn:gor:role:"
#define UID_PART ":uid:"

struct rule {
    const char *path; /* behind OURS */
    enum gord_role role;
    bool submits;
};

/* By path, as strcmp() has it: every call is looked up. */
static const struct rule rules[] = {
    {"Crons/Delete", GORD_ROLE_SUBMITTER, false},
    {"Crons/List", GORD_ROLE_VIEWER, false},
    {"Crons/Pause", GORD_ROLE_SUBMITTER, false},
    {"Crons/Preview", GORD_ROLE_VIEWER, false},
    {"Crons/Put", GORD_ROLE_SUBMITTER, true},
    {"Crons/Resume", GORD_ROLE_SUBMITTER, false},
    {"Crons/Run", GORD_ROLE_SUBMITTER, false},
    {"Crons/Show", GORD_ROLE_VIEWER, false},
    {"Jobs/Cancel", GORD_ROLE_SUBMITTER, false},
    {"Jobs/Count", GORD_ROLE_VIEWER, false},
    {"Jobs/Drain", GORD_ROLE_OPERATOR, false},
    {"Jobs/Get", GORD_ROLE_VIEWER, false},
    {"Jobs/Hold", GORD_ROLE_SUBMITTER, false},
    {"Jobs/List", GORD_ROLE_VIEWER, false},
    {"Jobs/Logs", GORD_ROLE_VIEWER, false},
    {"Jobs/Pause", GORD_ROLE_OPERATOR, false},
    {"Jobs/PauseJobs", GORD_ROLE_SUBMITTER, false},
    {"Jobs/Release", GORD_ROLE_SUBMITTER, false},
    {"Jobs/Remove", GORD_ROLE_SUBMITTER, false},
    {"Jobs/Rerun", GORD_ROLE_SUBMITTER, true},
    {"Jobs/Resume", GORD_ROLE_OPERATOR, false},
    {"Jobs/ResumeJobs", GORD_ROLE_SUBMITTER, false},
    {"Jobs/Retry", GORD_ROLE_SUBMITTER, false},
    {"Jobs/Select", GORD_ROLE_VIEWER, false},
    {"Jobs/Send", GORD_ROLE_SUBMITTER, false},
    {"Jobs/Signal", GORD_ROLE_SUBMITTER, false},
    {"Jobs/Submit", GORD_ROLE_SUBMITTER, true},
    {"Jobs/SubmitMany", GORD_ROLE_SUBMITTER, true},
    {"Jobs/SubmitStream", GORD_ROLE_SUBMITTER, true},
    {"Jobs/Terminate", GORD_ROLE_SUBMITTER, false},
    {"Jobs/Tree", GORD_ROLE_VIEWER, false},
    {"Jobs/Undrain", GORD_ROLE_OPERATOR, false},
    {"Jobs/Update", GORD_ROLE_SUBMITTER, false},
    {"Jobs/Wait", GORD_ROLE_VIEWER, false},
    {"Jobs/Watch", GORD_ROLE_VIEWER, false},
    {"Jobs/Why", GORD_ROLE_VIEWER, false},
    {"Plugins/ListPlugins", GORD_ROLE_VIEWER, false},
    {"Plugins/ReloadPlugins", GORD_ROLE_ADMIN, false},
    {"Queues/List", GORD_ROLE_VIEWER, false},
    {"Queues/ListOwners", GORD_ROLE_VIEWER, false},
    {"Queues/PauseQueue", GORD_ROLE_OPERATOR, false},
    {"Queues/RemovePool", GORD_ROLE_OPERATOR, false},
    {"Queues/RemoveQueue", GORD_ROLE_OPERATOR, false},
    {"Queues/RemoveRate", GORD_ROLE_OPERATOR, false},
    {"Queues/ResumeQueue", GORD_ROLE_OPERATOR, false},
    {"Queues/SetPool", GORD_ROLE_OPERATOR, false},
    {"Queues/SetQueue", GORD_ROLE_OPERATOR, false},
    {"Queues/SetRate", GORD_ROLE_OPERATOR, false},
    {"Runtime/GetGomaxprocs", GORD_ROLE_VIEWER, false},
    {"Runtime/Goroutines", GORD_ROLE_OPERATOR, false},
    {"Runtime/Inspect", GORD_ROLE_OPERATOR, false},
    {"Runtime/PlanUpgrade", GORD_ROLE_VIEWER, false},
    {"Runtime/Reload", GORD_ROLE_ADMIN, false},
    {"Runtime/SetGomaxprocs", GORD_ROLE_ADMIN, false},
    {"Runtime/Stats", GORD_ROLE_VIEWER, false},
    {"Runtime/Surroundings", GORD_ROLE_VIEWER, false},
    {"Runtime/Upgrade", GORD_ROLE_ADMIN, false},
    {"Runtime/Version", GORD_ROLE_VIEWER, false},
    {"Store/Audit", GORD_ROLE_ADMIN, false},
    {"Store/Backup", GORD_ROLE_ADMIN, false},
    {"Store/Import", GORD_ROLE_SUBMITTER, true},
    {"Tokens/CreateToken", GORD_ROLE_ADMIN, false},
    {"Tokens/ListTokens", GORD_ROLE_ADMIN, false},
    {"Tokens/RevokeToken", GORD_ROLE_ADMIN, false},
    {"Tokens/ShowToken", GORD_ROLE_ADMIN, false},
};

static const char *const names[] = {"nobody", "viewer", "submitter", "operator", "admin"};

static int by_path(const void *path, const void *rule)
{
    return strcmp(path, ((const struct rule *)rule)->path);
}

/* NULL: there is none. */
static const struct rule *find(const char *path)
{
    return bsearch(path + strlen(OURS), rules, sizeof(rules) / sizeof(rules[0]), sizeof(rules[0]),
                   by_path);
}

static bool is_ours(const char *path)
{
    return strncmp(path, OURS, strlen(OURS)) == 0;
}

bool gord_rule_exists(const char *path)
{
    return is_ours(path) && find(path) != NULL;
}

struct gord_rule gord_rule_of(const char *path)
{
    if (!is_ours(path)) {
        return (struct gord_rule){GORD_ROLE_VIEWER, false};
    }
    const struct rule *rule = find(path);
    if (rule == NULL) {
        return (struct gord_rule){GORD_ROLE_ADMIN, false};
    }
    return (struct gord_rule){rule->role, rule->submits};
}

const char *gord_role_name(enum gord_role role)
{
    return names[role];
}

static enum gord_role parse_role(const char *text, size_t length)
{
    for (enum gord_role role = GORD_ROLE_VIEWER; role <= GORD_ROLE_ADMIN; role++) {
        if (strlen(names[role]) == length && memcmp(text, names[role], length) == 0) {
            return role;
        }
    }
    return GORD_ROLE_NONE;
}

enum gord_role gord_role_of_uri(const char *uri, uint32_t *out_uid)
{
    *out_uid = (uint32_t)-1;
    if (strncmp(uri, ROLE_URI, strlen(ROLE_URI)) != 0) {
        return GORD_ROLE_NONE;
    }
    const char *role = uri + strlen(ROLE_URI);
    size_t length = strcspn(role, ":");
    const char *rest = role + length;
    if (*rest != '\0') {
        char *end;
        if (strncmp(rest, UID_PART, strlen(UID_PART)) != 0) {
            return GORD_ROLE_NONE;
        }
        rest += strlen(UID_PART);
        errno = 0;
        unsigned long uid = strtoul(rest, &end, 10);
        if (rest[0] < '0' || rest[0] > '9' || *end != '\0' || errno != 0 || uid >= UINT32_MAX) {
            return GORD_ROLE_NONE;
        }
        *out_uid = (uint32_t)uid;
    }
    return parse_role(role, length);
}
