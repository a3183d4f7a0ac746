/* SPDX-License-Identifier: MIT */
#include "daemon/tls.h"

#include "daemon/base/log.h"
#include "rpc/tls.h"

int gord_tls_load(const struct gord_config *config, struct rpc_server *server)
{
    struct rpc_tls_files files = {.ca = config->tls_ca,
                                  .cert = config->tls_cert,
                                  .key = config->tls_key,
                                  .crl = config->tls_crl};
    struct rpc_tls_context *context;
    char why[RPC_TLS_TEXT];

    if (files.cert == NULL) {
        return 0;
    }
    int result = rpc_tls_context_new(&files, true, why, &context);
    if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0, "TLS: %s", why);
        return result;
    }
    rpc_server_use_tls(server, context);
    return 0;
}
