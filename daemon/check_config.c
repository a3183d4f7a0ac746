/* SPDX-License-Identifier: MIT */
/* check_config.c - see check_config.h. */
#include "daemon/check_config.h"

#include <limits.h>

#include "daemon/export.h"
#include "daemon/runner/plugin_file.h"
#include "daemon/sign/signer.h"
#include "rpc/tls.h"

static void check_certificates(const struct gord_config *config, struct gord_faults *faults)
{
    struct rpc_tls_files files = {
        .ca = config->tls_ca, .cert = config->tls_cert, .key = config->tls_key};
    struct rpc_tls_context *context;
    char why[RPC_TLS_TEXT];

    if (files.cert == NULL) {
        return;
    }
    if (rpc_tls_context_new(&files, true, why, &context) == 0) {
        rpc_tls_context_free(context);
    } else {
        gord_fault(faults, "TLS: %s", why);
    }
}

static void check_plugins(const struct gord_config *config, struct gord_faults *faults)
{
    char why[GORD_PLUGIN_ERROR], where[PATH_MAX + 64];

    if (config->plugin_dir != NULL && gord_plugin_check_folder(config->plugin_dir, why) != 0) {
        gord_fault(faults, "%s: %s",
                   gord_config_where(config, GORD_OPT_PLUGIN_DIR, where, sizeof(where)), why);
    }
}

static void check_secret(const struct gord_config *config, struct gord_faults *faults)
{
    struct gord_signer *signer = NULL;
    char why[GORD_SIGNER_WHY], where[PATH_MAX + 64];

    if (gord_signer_new(config->webhook_secret_file, why, &signer) != 0) {
        gord_fault(faults, "%s: %s",
                   gord_config_where(config, GORD_OPT_WEBHOOK_SECRET_FILE, where, sizeof(where)),
                   why);
    }
    gord_signer_unref(signer);
}

void gord_check_config(const struct gord_config *config, struct gord_faults *faults)
{
    size_t before = faults->count;

    gord_config_check_files(config, faults);
    if (faults->count == before) { /* what is not there need not be looked into */
        check_certificates(config, faults);
        check_plugins(config, faults);
        check_secret(config, faults);
        gord_export_check(config, faults);
    }
}
