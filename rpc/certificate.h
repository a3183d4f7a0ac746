/* SPDX-License-Identifier: MIT */
/* certificate.h - making a certificate and its key, into files: a CA's own, or one that it signs.
 *
 * Keys are on the curve P-256, which everybody's TLS knows. Files are for their owner only, and none
 * is ever written over.
 *
 * Threads     any; it writes to the disk.
 */
#ifndef GOR_RPC_CERTIFICATE_H
#define GOR_RPC_CERTIFICATE_H

#include <stddef.h>

#include "rpc/tls.h"

enum rpc_certificate_kind { RPC_CERTIFICATE_CA, RPC_CERTIFICATE_SERVER, RPC_CERTIFICATE_CLIENT };

struct rpc_certificate {
    enum rpc_certificate_kind kind;
    const char *name;         /* its common name, at most 63 bytes */
    const char *const *hosts; /* of a server: names and IP addresses it is reached by */
    size_t host_count;
    const char *uri; /* of a client: what it may do; NULL: none */
    int days;        /* valid from now on; negative: it has expired so long ago */
};

/* Write the certificate and its key. ca_cert and ca_key are the CA's files; NULL for a CA, which signs
 * itself. 0, or -EEXIST, -EINVAL, -ENOMEM or the error of a file, with a sentence in out_why. */
int rpc_certificate_make(const struct rpc_certificate *what, const char *cert, const char *key,
                         const char *ca_cert, const char *ca_key, char out_why[RPC_TLS_TEXT]);

/* Put the certificate in the file `cert` on the CA's list of those that are revoked, the file `list`,
 * which is begun if it is not there and replaced in one step. 0; -EALREADY: it is on it; -EINVAL,
 * -ENOMEM or the error of a file, with a sentence in out_why. */
int rpc_certificate_revoke(const char *cert, const char *ca_cert, const char *ca_key,
                           const char *list, char out_why[RPC_TLS_TEXT]);

#endif
