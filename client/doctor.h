/* SPDX-License-Identifier: MIT */
/* doctor.h - what `gorctl doctor` found, check by check.
 *
 * Each check tells one or more findings: what it looked at, what it saw there, and for what is wrong
 * what to type.
 */
#ifndef GOR_CLIENT_DOCTOR_H
#define GOR_CLIENT_DOCTOR_H

#include <stdbool.h>

#include <jansson.h>

#include "client/gorctl.h"
#include "client/screen.h"

enum gorctl_health {
    GORCTL_HEALTH_OK,
    GORCTL_HEALTH_SKIPPED, /* it cannot be looked at here */
    GORCTL_HEALTH_WARNING, /* it works, but people should know */
    GORCTL_HEALTH_FAULT,   /* something does not work */
};

struct gorctl_doctor {
    struct gorctl *ctl;
    struct gorctl_screen screen;
    json_t *findings; /* owned; with --json */
    unsigned faults, warnings;
    bool reached;    /* the daemon answers */
    bool elsewhere;  /* it is on another machine, perhaps */
    char *socket;    /* owned; the path of its Unix socket; NULL: it has none */
    unsigned daemon; /* its process; 0 until it is known */
};

/* One line; `advice` is what to type, or NULL. */
void gorctl_finding(struct gorctl_doctor *doctor, enum gorctl_health health, const char *check,
                    const char *advice, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Whom we talk to, and whether they answer. */
void gorctl_doctor_address(struct gorctl_doctor *doctor);
void gorctl_doctor_socket(struct gorctl_doctor *doctor);
void gorctl_doctor_token(struct gorctl_doctor *doctor);
void gorctl_doctor_connection(struct gorctl_doctor *doctor);

/* What systemd says of the service. */
void gorctl_doctor_unit(struct gorctl_doctor *doctor);

/* What a daemon that answers says of itself. */
void gorctl_doctor_state(struct gorctl_doctor *doctor);
void gorctl_doctor_surroundings(struct gorctl_doctor *doctor);
void gorctl_doctor_queues(struct gorctl_doctor *doctor);
void gorctl_doctor_crons(struct gorctl_doctor *doctor);
void gorctl_doctor_lost(struct gorctl_doctor *doctor);

/* Make a call. NULL and a finding when it fails; else a reply for wire_decoded_free(). */
ProtobufCMessage *gorctl_doctor_ask(struct gorctl_doctor *doctor, const char *check,
                                    const char *path, const ProtobufCMessage *request,
                                    const ProtobufCMessageDescriptor *reply);

#endif
