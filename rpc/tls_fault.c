/* SPDX-License-Identifier: MIT */
/* tls_fault.c - OpenSSL's reasons in words that tell whose certificate is meant, and what to do. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "rpc/tls_internal.h"

struct reason {
    int code;
    const char *text;
};

/* What we hold against the other end's certificate. */
static const struct reason verdicts[] = {
    {X509_V_ERR_CERT_HAS_EXPIRED, "its certificate has expired; have it made anew"},
    {X509_V_ERR_CERT_NOT_YET_VALID, "its certificate is not valid yet; compare the clocks"},
    {X509_V_ERR_HOSTNAME_MISMATCH, "its certificate is for another name than the one in the "
                                   "address; use a name that it has"},
    {X509_V_ERR_IP_ADDRESS_MISMATCH, "its certificate is for another address than this one; use a "
                                     "name that it has"},
    {X509_V_ERR_INVALID_PURPOSE, "its certificate is not made for this end of a connection"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "its certificate is signed by a CA that is not "
                                                   "known here"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "its certificate is signed by a CA that is not known "
                                           "here"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "its certificate is signed by a CA that is not "
                                                 "known here"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "its certificate is signed by a CA that is not known "
                                           "here"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "its certificate is signed by itself, and not known "
                                             "here"},
    {X509_V_ERR_CERT_REVOKED, "its certificate is revoked"},
    {X509_V_ERR_UNABLE_TO_GET_CRL, "the list of revoked certificates is not of the CA that has "
                                   "signed its certificate"},
    {X509_V_ERR_CRL_HAS_EXPIRED, "the list of revoked certificates has expired; have the CA make "
                                 "it anew"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, "its certificate is not signed by the CA that it names"},
};

/* What the other end holds against us, and what keeps the two from speaking at all. */
static const struct reason reasons[] = {
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "it wants a certificate, and none was given"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "it says that our certificate has expired"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, "it says that our certificate is revoked"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "it does not take our certificate"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, "our certificate is not made for this end of a "
                                                "connection"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, "it does not know the CA that has signed our certificate"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "it does not speak TLS 1.3"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "it does not speak TLS 1.3"},
    {SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, "it does not speak HTTP/2"},
    {SSL_R_NO_APPLICATION_PROTOCOL, "it does not speak HTTP/2"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "it gave no certificate"},
    {SSL_R_WRONG_VERSION_NUMBER, "it does not speak TLS"},
    {SSL_R_HTTP_REQUEST, "it does not speak TLS"},
    {SSL_R_HTTPS_PROXY_REQUEST, "it does not speak TLS"},
};

static const char *find(const struct reason *list, size_t count, long code)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].code == code) {
            return list[i].text;
        }
    }
    return NULL;
}

void rpc_tls_explain(const SSL *ssl, char *out, size_t size)
{
    unsigned long error = ERR_peek_error();
    int reason = ERR_GET_REASON(error);
    const char *text = NULL;
    ERR_clear_error();
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        long code = SSL_get_verify_result(ssl);
        text = find(verdicts, sizeof verdicts / sizeof verdicts[0], code);
        text = text != NULL ? text : X509_verify_cert_error_string(code);
    } else if (ERR_GET_LIB(error) == ERR_LIB_SSL) {
        text = find(reasons, sizeof reasons / sizeof reasons[0], reason);
    }
    if (text == NULL) {
        text = ERR_reason_error_string(error);
    }
    (void)snprintf(out, size, "%s", text != NULL ? text : "TLS cannot go on");
}
