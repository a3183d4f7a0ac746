/* SPDX-License-Identifier: MIT */
/* doctor_unit.c - see doctor.h: what systemd says of gord.service. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/doctor.h"

/* Properties as `systemctl show` prints them: KEY=VALUE. */
struct unit {
    char load[32];
    char active[32];
    char result[64];
    char restarts[32];
    char watchdog[32];
    char pid[32];
};

static void keep(char *room, size_t bytes, const char *line, const char *key)
{
    size_t length = strlen(key);
    if (strncmp(line, key, length) == 0 && line[length] == '=') {
        snprintf(room, bytes, "%.*s", (int)strcspn(line + length + 1, "\n"), line + length + 1);
    }
}

/* False: systemd does not run here, or there is none. */
static bool read_unit(struct unit *unit)
{
    char line[256];
    *unit = (struct unit){0};
    FILE *pipe = popen("systemctl show gord.service -p LoadState -p ActiveState -p Result "
                       "-p NRestarts -p WatchdogUSec -p MainPID 2>/dev/null </dev/null",
                       "re");
    while (pipe != NULL && fgets(line, sizeof(line), pipe) != NULL) {
        keep(unit->load, sizeof(unit->load), line, "LoadState");
        keep(unit->active, sizeof(unit->active), line, "ActiveState");
        keep(unit->result, sizeof(unit->result), line, "Result");
        keep(unit->restarts, sizeof(unit->restarts), line, "NRestarts");
        keep(unit->watchdog, sizeof(unit->watchdog), line, "WatchdogUSec");
        keep(unit->pid, sizeof(unit->pid), line, "MainPID");
    }
    return pipe != NULL && pclose(pipe) == 0 && unit->active[0] != '\0';
}

static void tell_active(struct gorctl_doctor *doctor, const struct unit *unit)
{
    char own[32];
    snprintf(own, sizeof(own), "%u", doctor->daemon);
    if (doctor->reached && strcmp(own, unit->pid) != 0) {
        gorctl_finding(doctor, GORCTL_HEALTH_OK, "systemd", NULL,
                       "gord.service runs as process %s; the daemon that answers is another",
                       unit->pid);
    } else if (strcmp(unit->restarts, "0") != 0 && unit->restarts[0] != '\0') {
        gorctl_finding(
            doctor, GORCTL_HEALTH_WARNING, "systemd",
            "Look why it ended: journalctl -u gord -p warning; once that is mended: sudo "
            "systemctl reset-failed gord",
            "gord.service runs, but was restarted %s times after it had ended by itself",
            unit->restarts);
    } else {
        bool watched = strcmp(unit->watchdog, "0") != 0 && unit->watchdog[0] != '\0';
        gorctl_finding(doctor, GORCTL_HEALTH_OK, "systemd", NULL, "gord.service runs, %s%s",
                       watched ? "its watchdog after " : "without a watchdog",
                       watched ? unit->watchdog : "");
    }
}

void gorctl_doctor_unit(struct gorctl_doctor *doctor)
{
    static const char journal[] = "Look why: journalctl -u gord -n 50; then type: sudo systemctl "
                                  "restart gord";
    struct unit unit;
    if (doctor->elsewhere) {
        gorctl_finding(doctor, GORCTL_HEALTH_SKIPPED, "systemd", NULL,
                       "the daemon is on another machine");
    } else if (!read_unit(&unit)) {
        gorctl_finding(doctor, GORCTL_HEALTH_SKIPPED, "systemd", NULL,
                       "this machine is not run by it");
    } else if (strcmp(unit.load, "loaded") != 0) {
        gorctl_finding(doctor, GORCTL_HEALTH_SKIPPED, "systemd", NULL, "gord.service is %s",
                       unit.load);
    } else if (strcmp(unit.active, "failed") == 0) {
        gorctl_finding(doctor, GORCTL_HEALTH_FAULT, "systemd", journal,
                       "gord.service has failed: %s", unit.result);
    } else if (strcmp(unit.active, "activating") == 0) {
        gorctl_finding(doctor, GORCTL_HEALTH_WARNING, "systemd", journal,
                       "gord.service does not come up: it is being started, after %s restarts",
                       unit.restarts);
    } else if (strcmp(unit.active, "active") == 0) {
        tell_active(doctor, &unit);
    } else {
        gorctl_finding(doctor, GORCTL_HEALTH_SKIPPED, "systemd", NULL, "gord.service is %s",
                       unit.active);
    }
}
