/* SPDX-License-Identifier: MIT */
/* certificate_internal.h - what the files that make certificates share. */
#ifndef GOR_RPC_CERTIFICATE_INTERNAL_H
#define GOR_RPC_CERTIFICATE_INTERNAL_H

#include <openssl/x509.h>

#include "rpc/certificate.h"

/* Who signs; of a CA that is being made it is itself. */
struct rpc_signer {
    X509 *cert;    /* owned */
    EVP_PKEY *key; /* owned */
};

/* From their files. The error of a file, or -EINVAL, with a sentence in `why`; to be freed all the
 * same. */
int rpc_signer_read(const char *cert_path, const char *key_path, struct rpc_signer *out, char *why);
void rpc_signer_fini(struct rpc_signer *signer);

#endif
