/* SPDX-License-Identifier: MIT */
/* check_config.c - see check_config.h. */
#include "daemon/check_config.h"

#include <limits.h>

#include "daemon/base/log.h"
#include "daemon/export.h"
#include "daemon/runner/plugin_file.h"
#include "daemon/sign/signer.h"
#include "daemon/stop.h"
#include "rpc/tls.h"
#include "runtime/gor.h"

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

enum { TIME_ROOM = 40 };

/* That is so with any policy, for a job may have one of its own. */
static void doubt_stop_timeout(const struct gord_config *config, struct gord_faults *doubts)
{
    char where[PATH_MAX + 64], limit[TIME_ROOM], grace[TIME_ROOM], end[TIME_ROOM], keeps[TIME_ROOM];
    int64_t keeps_ns = gord_stop_keeps_ns(config);

    if (gord_stop_awaits_ns(config) > 0) {
        return;
    }
    gord_fault(
        doubts,
        "%s is %s, but a stop keeps %s back for its end (%s, and the grace of %s): no job is "
        "awaited, %s; give more than %s",
        gord_config_where(config, GORD_OPT_STOP_TIMEOUT, where, sizeof(where)),
        gord_format_duration(config->stop_timeout_ns, limit, sizeof(limit)),
        gord_format_duration(keeps_ns, keeps, sizeof(keeps)),
        gord_format_duration(keeps_ns - config->grace_ns, end, sizeof(end)),
        gord_format_duration(config->grace_ns, grace, sizeof(grace)),
        config->stop_policy == GORD_STOP_WAIT || config->stop_policy == GORD_STOP_LEAVE
            ? "though stop-policy says so"
            : "also if its on-stop says so",
        keeps);
}

void gord_check_doubts(const struct gord_config *config, struct gord_faults *doubts)
{
    doubt_stop_timeout(config, doubts);
}

static void log_doubt(void *arg, const char *text)
{
    (void)arg;
    gord_log(GORD_LOG_WARNING, 0, "%s", text);
}

void gord_check_log_doubts(const struct gord_config *config)
{
    struct gord_faults doubts = {.tell = log_doubt};

    gord_check_doubts(config, &doubts);
}
