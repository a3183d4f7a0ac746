/* SPDX-License-Identifier: MIT */
#include "daemon/service/roles.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define OURS "/gor.v1."
#define ROLE_URI "urn:gor:role:"
#define UID_PART ":uid:"

static const struct {
    const char *path; /* behind OURS */
    enum gord_role role;
    bool submits;
} rules[] = {
    {"Jobs/Get", GORD_ROLE_VIEWER, false},
    {"Jobs/List", GORD_ROLE_VIEWER, false},
    {"Jobs/Why", GORD_ROLE_VIEWER, false},
    {"Jobs/Select", GORD_ROLE_VIEWER, false},
    {"Jobs/Count", GORD_ROLE_VIEWER, false},
    {"Queues/List", GORD_ROLE_VIEWER, false},
    {"Queues/ListOwners", GORD_ROLE_VIEWER, false},
    {"Jobs/Tree", GORD_ROLE_VIEWER, false},
    {"Jobs/Wait", GORD_ROLE_VIEWER, false},
    {"Jobs/Watch", GORD_ROLE_VIEWER, false},
    {"Jobs/Logs", GORD_ROLE_VIEWER, false},
    {"Crons/List", GORD_ROLE_VIEWER, false},
    {"Crons/Show", GORD_ROLE_VIEWER, false},
    {"Crons/Preview", GORD_ROLE_VIEWER, false},
    {"Plugins/ListPlugins", GORD_ROLE_VIEWER, false},
    {"Runtime/Stats", GORD_ROLE_VIEWER, false},
    {"Runtime/GetGomaxprocs", GORD_ROLE_VIEWER, false},
    {"Runtime/Version", GORD_ROLE_VIEWER, false},
    {"Runtime/Surroundings", GORD_ROLE_VIEWER, false},
    {"Jobs/Submit", GORD_ROLE_SUBMITTER, true},
    {"Jobs/SubmitMany", GORD_ROLE_SUBMITTER, true},
    {"Jobs/SubmitStream", GORD_ROLE_SUBMITTER, true},
    {"Jobs/Rerun", GORD_ROLE_SUBMITTER, true},
    {"Jobs/Retry", GORD_ROLE_SUBMITTER, false},
    {"Jobs/Update", GORD_ROLE_SUBMITTER, false},
    {"Jobs/Remove", GORD_ROLE_SUBMITTER, false},
    {"Jobs/Cancel", GORD_ROLE_SUBMITTER, false},
    {"Jobs/Terminate", GORD_ROLE_SUBMITTER, false},
    {"Jobs/PauseJobs", GORD_ROLE_SUBMITTER, false},
    {"Jobs/ResumeJobs", GORD_ROLE_SUBMITTER, false},
    {"Jobs/Signal", GORD_ROLE_SUBMITTER, false},
    {"Jobs/Send", GORD_ROLE_SUBMITTER, false},
    {"Jobs/Hold", GORD_ROLE_SUBMITTER, false},
    {"Jobs/Release", GORD_ROLE_SUBMITTER, false},
    {"Crons/Put", GORD_ROLE_SUBMITTER, true},
    {"Crons/Delete", GORD_ROLE_SUBMITTER, false},
    {"Crons/Pause", GORD_ROLE_SUBMITTER, false},
    {"Crons/Resume", GORD_ROLE_SUBMITTER, false},
    {"Crons/Run", GORD_ROLE_SUBMITTER, false},
    {"Store/Import", GORD_ROLE_SUBMITTER, true},
    {"Jobs/Pause", GORD_ROLE_OPERATOR, false},
    {"Jobs/Resume", GORD_ROLE_OPERATOR, false},
    {"Jobs/Drain", GORD_ROLE_OPERATOR, false},
    {"Jobs/Undrain", GORD_ROLE_OPERATOR, false},
    {"Queues/PauseQueue", GORD_ROLE_OPERATOR, false},
    {"Queues/ResumeQueue", GORD_ROLE_OPERATOR, false},
    {"Queues/SetQueue", GORD_ROLE_OPERATOR, false},
    {"Queues/SetPool", GORD_ROLE_OPERATOR, false},
    {"Queues/SetRate", GORD_ROLE_OPERATOR, false},
    {"Queues/RemoveQueue", GORD_ROLE_OPERATOR, false},
    {"Queues/RemovePool", GORD_ROLE_OPERATOR, false},
    {"Queues/RemoveRate", GORD_ROLE_OPERATOR, false},
    {"Runtime/Goroutines", GORD_ROLE_OPERATOR, false},
    {"Runtime/Inspect", GORD_ROLE_OPERATOR, false},
    {"Runtime/SetGomaxprocs", GORD_ROLE_ADMIN, false},
    {"Plugins/ReloadPlugins", GORD_ROLE_ADMIN, false},
    {"Runtime/Reload", GORD_ROLE_ADMIN, false},
    {"Runtime/Upgrade", GORD_ROLE_ADMIN, false},
    {"Store/Backup", GORD_ROLE_ADMIN, false},
    {"Store/Audit", GORD_ROLE_ADMIN, false},
    {"Tokens/CreateToken", GORD_ROLE_ADMIN, false},
    {"Tokens/ListTokens", GORD_ROLE_ADMIN, false},
    {"Tokens/ShowToken", GORD_ROLE_ADMIN, false},
    {"Tokens/RevokeToken", GORD_ROLE_ADMIN, false},
};

static const char *const names[] = {"nobody", "viewer", "submitter", "operator", "admin"};

static const size_t rule_count = sizeof(rules) / sizeof(rules[0]);

/* Its place in the table, or rule_count. */
static size_t find(const char *path)
{
    size_t i = 0;

    while (i < rule_count && strcmp(path + strlen(OURS), rules[i].path) != 0) {
        i++;
    }
    return i;
}

static bool is_ours(const char *path)
{
    return strncmp(path, OURS, strlen(OURS)) == 0;
}

bool gord_rule_exists(const char *path)
{
    return is_ours(path) && find(path) < rule_count;
}

struct gord_rule gord_rule_of(const char *path)
{
    if (!is_ours(path)) {
        return (struct gord_rule){GORD_ROLE_VIEWER, false};
    }
    size_t i = find(path);
    if (i == rule_count) {
        return (struct gord_rule){GORD_ROLE_ADMIN, false};
    }
    return (struct gord_rule){rules[i].role, rules[i].submits};
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
