/* SPDX-License-Identifier: MIT */
/* instance.c - see instance.h. */
#include "daemon/instance.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "rpc/digest.h"

#define MACHINE_FILE "/etc/machine-id"

enum { MACHINE_BYTES = 32 };

/* The machine's id is nobody else's business: it only goes into a digest. */
static void read_machine(char out[MACHINE_BYTES])
{
    int fd = open(MACHINE_FILE, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, out, MACHINE_BYTES) : -1;

    if (fd >= 0) {
        close(fd);
    }
    if (got != MACHINE_BYTES) {
        (void)getrandom(out, MACHINE_BYTES, 0);
    }
}

void gord_instance_id(const char *state_dir, char out[GORD_INSTANCE_BYTES])
{
    static const char purpose[] = "gord service.instance.id";
    char text[sizeof(purpose) + MACHINE_BYTES + PATH_MAX];
    uint8_t digest[RPC_DIGEST_BYTES];
    size_t length = strnlen(state_dir, PATH_MAX);

    memcpy(text, purpose, sizeof(purpose));
    read_machine(text + sizeof(purpose));
    memcpy(text + sizeof(purpose) + MACHINE_BYTES, state_dir, length);
    rpc_digest(text, sizeof(purpose) + MACHINE_BYTES + length, digest);
    digest[6] = (uint8_t)((digest[6] & 0x0F) | 0x80);
    digest[8] = (uint8_t)((digest[8] & 0x3F) | 0x80);
    for (int i = 0; i < 16; i++) {
        bool dash = i == 4 || i == 6 || i == 8 || i == 10;
        out += sprintf(out, "%s%02x", dash ? "-" : "", digest[i]);
    }
}
