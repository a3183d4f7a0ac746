/* SPDX-License-Identifier: MIT */
/* certificate.c - see certificate.h. */
#include "rpc/certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rpc/certificate_internal.h"

enum { SERIAL_BYTES = 16, SAN_BYTES = 4096, DAY_SECONDS = 24 * 60 * 60, NAME_MAX_BYTES = 63 };

static FILE *open_new(const char *path, char *why)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL) {
        int error = errno;
        (void)snprintf(why, RPC_TLS_TEXT, "cannot make '%s': %s", path, strerror(error));
        errno = error;
    }
    return file;
}

static int close_written(FILE *file, bool good, const char *path, char *why)
{
    good = good && fflush(file) == 0 && fsync(fileno(file)) == 0;
    int error = good ? 0 : errno != 0 ? -errno : -EIO;
    (void)fclose(file);
    if (!good) {
        (void)snprintf(why, RPC_TLS_TEXT, "cannot write '%s': %s", path, strerror(-error));
        (void)unlink(path);
    }
    return error;
}

static int write_key(EVP_PKEY *key, const char *path, char *why)
{
    FILE *file = open_new(path, why);
    if (file == NULL) {
        return -errno;
    }
    errno = 0;
    bool good = PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
    return close_written(file, good, path, why);
}

static int write_cert(X509 *cert, const char *path, char *why)
{
    FILE *file = open_new(path, why);
    if (file == NULL) {
        return -errno;
    }
    errno = 0;
    return close_written(file, PEM_write_X509(file, cert) == 1, path, why);
}

int rpc_signer_read(const char *cert_path, const char *key_path, struct rpc_signer *out, char *why)
{
    const char *path = cert_path;
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        out->cert = PEM_read_X509(file, NULL, NULL, NULL);
        (void)fclose(file);
        path = key_path;
        file = fopen(path, "re");
    }
    if (file == NULL) {
        int error = errno;
        (void)snprintf(why, RPC_TLS_TEXT, "cannot read '%s': %s", path, strerror(error));
        return -error;
    }
    out->key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    (void)fclose(file);
    if (out->cert == NULL || out->key == NULL || X509_check_private_key(out->cert, out->key) != 1) {
        (void)snprintf(why, RPC_TLS_TEXT, "'%s' and '%s' are not a certificate and its private key",
                       cert_path, key_path);
        return -EINVAL;
    }
    return 0;
}

void rpc_signer_fini(struct rpc_signer *signer)
{
    X509_free(signer->cert);
    EVP_PKEY_free(signer->key);
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool good = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

static bool is_number(const char *host)
{
    unsigned char scratch[16];
    return inet_pton(AF_INET, host, scratch) == 1 || inet_pton(AF_INET6, host, scratch) == 1;
}

/* "DNS:box,IP:192.0.2.1", or "URI:..."; commas would begin a new entry. */
static bool list_names(const struct rpc_certificate *what, char out[SAN_BYTES])
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < what->host_count; i++) {
        const char *host = what->hosts[i];
        if (host[0] == '\0' || strpbrk(host, ", ;\n") != NULL) {
            return false;
        }
        int length = snprintf(out + used, SAN_BYTES - used, "%s%s:%s", used > 0 ? "," : "",
                              is_number(host) ? "IP" : "DNS", host);
        used += (size_t)length;
        if (used >= SAN_BYTES) {
            return false;
        }
    }
    if (what->uri != NULL) {
        (void)snprintf(out, SAN_BYTES, "URI:%s", what->uri);
    }
    return true;
}

static bool add_extensions(const struct rpc_certificate *what, X509 *cert, X509 *issuer)
{
    char names[SAN_BYTES];
    bool ca = what->kind == RPC_CERTIFICATE_CA;
    bool good = add_extension(cert, issuer, NID_basic_constraints,
                              ca ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") &&
                add_extension(cert, issuer, NID_key_usage,
                              ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") &&
                add_extension(cert, issuer, NID_subject_key_identifier, "hash") &&
                add_extension(cert, issuer, NID_authority_key_identifier, "keyid") &&
                list_names(what, names);
    if (good && !ca) {
        good = add_extension(cert, issuer, NID_ext_key_usage,
                             what->kind == RPC_CERTIFICATE_SERVER ? "serverAuth" : "clientAuth");
    }
    if (good && names[0] != '\0') {
        good = add_extension(cert, issuer, NID_subject_alt_name, names);
    }
    return good;
}

static bool fill_in(const struct rpc_certificate *what, X509 *cert, EVP_PKEY *key, X509 *issuer)
{
    unsigned char serial[SERIAL_BYTES];
    X509_NAME *subject = X509_get_subject_name(cert);
    if (RAND_bytes(serial, sizeof serial) != 1) {
        return false;
    }
    serial[0] &= 0x7f; /* it is a positive number */
    BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
    bool good = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
    BN_free(number);
    /* An hour back: clocks differ. */
    long from = what->days < 0 ? 2L * what->days * DAY_SECONDS : -3600;
    return good && X509_set_version(cert, X509_VERSION_3) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(cert), from) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(cert), (long)what->days * DAY_SECONDS) != NULL &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                      (const unsigned char *)what->name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(cert, X509_get_subject_name(issuer)) == 1 &&
           X509_set_pubkey(cert, key) == 1 && add_extensions(what, cert, issuer);
}

/* A certificate of `key`, signed. NULL, and OpenSSL knows why. */
static X509 *make_signed(const struct rpc_certificate *what, EVP_PKEY *key,
                         const struct rpc_signer *signer)
{
    X509 *cert = X509_new();
    if (cert != NULL && fill_in(what, cert, key, signer->cert != NULL ? signer->cert : cert) &&
        X509_sign(cert, signer->key != NULL ? signer->key : key, EVP_sha256()) > 0) {
        return cert;
    }
    X509_free(cert);
    return NULL;
}

static int write_both(const struct rpc_certificate *what, const struct rpc_signer *signer,
                      const char *cert_path, const char *key_path, char *why)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = key != NULL ? make_signed(what, key, signer) : NULL;
    int error = 0;
    if (cert == NULL) {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        (void)snprintf(why, RPC_TLS_TEXT, "cannot make the certificate of '%s': %s", what->name,
                       reason != NULL ? reason : "a name in it cannot be one");
        error = -EINVAL;
    }
    if (error == 0) {
        error = write_key(key, key_path, why);
    }
    if (error == 0) {
        error = write_cert(cert, cert_path, why);
        if (error != 0) {
            (void)unlink(key_path); /* of no use without the other, and in the way */
        }
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    return error;
}

int rpc_certificate_make(const struct rpc_certificate *what, const char *cert, const char *key,
                         const char *ca_cert, const char *ca_key, char out_why[RPC_TLS_TEXT])
{
    struct rpc_signer signer = {NULL, NULL};
    int error = 0;
    ERR_clear_error();
    if (what->name[0] == '\0' || strlen(what->name) > NAME_MAX_BYTES) {
        (void)snprintf(out_why, RPC_TLS_TEXT, "the name '%.80s' must have 1 to %d bytes",
                       what->name, NAME_MAX_BYTES);
        return -EINVAL;
    }
    if (ca_cert != NULL) {
        error = rpc_signer_read(ca_cert, ca_key, &signer, out_why);
    }
    if (error == 0) {
        error = write_both(what, &signer, cert, key, out_why);
    }
    rpc_signer_fini(&signer);
    ERR_clear_error();
    return error;
}
