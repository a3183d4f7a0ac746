/* SPDX-License-Identifier: MIT */
/* signer_internal.h - what signer.c and secret.c share. */
#ifndef GORD_SIGN_SIGNER_INTERNAL_H
#define GORD_SIGN_SIGNER_INTERNAL_H

#include <stdatomic.h>

#include "daemon/sign/signer.h"

enum { GORD_SECRET_LEAST = 24, GORD_SECRET_MOST = 64 };

struct gord_secret {
    size_t bytes;
    uint8_t key[GORD_SECRET_MOST];
};

struct gord_signer {
    atomic_uint refs;
    size_t count; /* at least one */
    struct gord_secret secrets[GORD_SIGNER_SECRETS];
};

/* Read them from the file; as gord_signer_new. */
int gord_secret_read(const char *path, char why[GORD_SIGNER_WHY], struct gord_signer *signer);

#endif
