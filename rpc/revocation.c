/* SPDX-License-Identifier: MIT */
/* revocation.c - the list of a CA's certificates that are good for nothing any more, as a file. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rpc/certificate_internal.h"

/* Clocks differ; and nobody fetches these lists: one that ran out would let nobody in. */
enum { BEFORE_SECONDS = 3600, VALID_DAYS = 3650, DAY_SECONDS = 24 * 60 * 60 };

static int cannot_read(const char *path, char *why)
{
    int error = errno;
    (void)snprintf(why, RPC_TLS_TEXT, "cannot read '%s': %s", path, strerror(error));
    return -error;
}

static int read_cert(const char *path, const struct rpc_signer *ca, X509 **out, char *why)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return cannot_read(path, why);
    }
    *out = PEM_read_X509(file, NULL, NULL, NULL);
    (void)fclose(file);
    if (*out == NULL) {
        (void)snprintf(why, RPC_TLS_TEXT, "'%s' holds no certificate", path);
        return -EINVAL;
    }
    if (X509_verify(*out, X509_get0_pubkey(ca->cert)) != 1) {
        (void)snprintf(why, RPC_TLS_TEXT, "'%s' is not signed by the CA beside it", path);
        return -EINVAL;
    }
    return 0;
}

static X509_CRL *begin_list(const struct rpc_signer *ca)
{
    X509_CRL *list = X509_CRL_new();
    if (list != NULL && X509_CRL_set_version(list, X509_CRL_VERSION_2) == 1 &&
        X509_CRL_set_issuer_name(list, X509_get_subject_name(ca->cert)) == 1) {
        return list;
    }
    X509_CRL_free(list);
    return NULL;
}

/* The list so far, or an empty one. */
static int read_list(const char *path, const struct rpc_signer *ca, X509_CRL **out, char *why)
{
    FILE *file = fopen(path, "re");
    if (file == NULL && errno == ENOENT) {
        *out = begin_list(ca);
        return *out != NULL ? 0 : -ENOMEM;
    }
    if (file == NULL) {
        return cannot_read(path, why);
    }
    *out = PEM_read_X509_CRL(file, NULL, NULL, NULL);
    (void)fclose(file);
    if (*out == NULL || X509_CRL_verify(*out, ca->key) != 1) {
        (void)snprintf(why, RPC_TLS_TEXT,
                       "'%s' is no list of the certificates that this CA has "
                       "revoked; move it away to begin a new one",
                       path);
        return -EINVAL;
    }
    return 0;
}

/* Lists of one CA are told apart by it. */
static bool count_up(X509_CRL *list)
{
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(list, NID_crl_number, NULL, NULL);
    int64_t value = 0;
    if (number == NULL) {
        number = ASN1_INTEGER_new();
    } else if (ASN1_INTEGER_get_int64(&value, number) != 1) {
        value = 0;
    }
    bool good = number != NULL && ASN1_INTEGER_set_int64(number, value + 1) == 1 &&
                X509_CRL_add1_ext_i2d(list, NID_crl_number, number, 0, X509V3_ADD_REPLACE) == 1;
    ASN1_INTEGER_free(number);
    return good;
}

static bool add_entry(X509_CRL *list, X509 *cert)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, 0);
    bool good = entry != NULL && now != NULL &&
                X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(cert)) == 1 &&
                X509_REVOKED_set_revocationDate(entry, now) == 1 &&
                X509_CRL_add0_revoked(list, entry) == 1;
    if (!good) {
        X509_REVOKED_free(entry);
    }
    ASN1_TIME_free(now);
    return good;
}

static bool sign_list(X509_CRL *list, const struct rpc_signer *ca)
{
    ASN1_TIME *from = X509_gmtime_adj(NULL, -BEFORE_SECONDS);
    ASN1_TIME *until = X509_gmtime_adj(NULL, (long)VALID_DAYS * DAY_SECONDS);
    bool good = from != NULL && until != NULL && X509_CRL_set1_lastUpdate(list, from) == 1 &&
                X509_CRL_set1_nextUpdate(list, until) == 1 && count_up(list) &&
                X509_CRL_sort(list) == 1 && X509_CRL_sign(list, ca->key, EVP_sha256()) > 0;
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    return good;
}

/* The old list stays until the new one is whole. */
static int write_list(X509_CRL *list, const char *path, char *why)
{
    char fresh[PATH_MAX];
    if (snprintf(fresh, sizeof fresh, "%s.new", path) >= (int)sizeof fresh) {
        (void)snprintf(why, RPC_TLS_TEXT, "the path '%.100s' is too long", path);
        return -ENAMETOOLONG;
    }
    (void)unlink(fresh);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    errno = file != NULL ? 0 : errno;
    bool good = file != NULL && PEM_write_X509_CRL(file, list) == 1 && fflush(file) == 0 &&
                fsync(fd) == 0 && rename(fresh, path) == 0;
    int error = good ? 0 : errno != 0 ? -errno : -EIO;
    if (!good) {
        (void)snprintf(why, RPC_TLS_TEXT, "cannot write '%s': %s", path, strerror(-error));
        (void)unlink(fresh);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return error;
}

static int put_on_list(X509 *cert, const struct rpc_signer *ca, X509_CRL *list, const char *path,
                       char *why)
{
    X509_REVOKED *entry;
    if (X509_CRL_get0_by_cert(list, &entry, cert) == 1) {
        (void)snprintf(why, RPC_TLS_TEXT, "it is revoked already, in '%s'", path);
        return -EALREADY;
    }
    if (!add_entry(list, cert) || !sign_list(list, ca)) {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        (void)snprintf(why, RPC_TLS_TEXT, "cannot make the list '%s': %s", path,
                       reason != NULL ? reason : "out of memory");
        return -EINVAL;
    }
    return write_list(list, path, why);
}

int rpc_certificate_revoke(const char *cert, const char *ca_cert, const char *ca_key,
                           const char *list, char out_why[RPC_TLS_TEXT])
{
    struct rpc_signer ca = {NULL, NULL};
    X509 *found = NULL;
    X509_CRL *crl = NULL;
    ERR_clear_error();
    (void)snprintf(out_why, RPC_TLS_TEXT, "out of memory");
    int error = rpc_signer_read(ca_cert, ca_key, &ca, out_why);
    error = error != 0 ? error : read_cert(cert, &ca, &found, out_why);
    error = error != 0 ? error : read_list(list, &ca, &crl, out_why);
    error = error != 0 ? error : put_on_list(found, &ca, crl, list, out_why);
    X509_CRL_free(crl);
    X509_free(found);
    rpc_signer_fini(&ca);
    ERR_clear_error();
    return error;
}
