/* SPDX-License-Identifier: MIT */
/* reload.c - see reload.h. */
#include "daemon/reload.h"

#include <errno.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/check_config.h"
#include "daemon/job/quota.h"
#include "daemon/sign/signer.h"
#include "daemon/store/store.h"
#include "daemon/tls.h"

struct tally {
    const struct gord_reload_report *report; /* NULL: only the log is told */
    unsigned changed;
    unsigned waiting; /* for a restart */
};

static void tell_fault(void *arg, const char *text)
{
    const struct tally *tally = arg;

    gord_log(GORD_LOG_ERROR, 0, "reload: %s", text);
    if (tally->report != NULL) {
        tally->report->fault(tally->report->arg, text);
    }
}

/* `stays`: why it needs a restart, with a colon before it, or ""; NULL: it does not. */
static void tell_change(struct tally *tally, const struct gord_option *option, const char *before,
                        const char *after, const char *stays)
{
    if (stays != NULL) {
        gord_log(GORD_LOG_WARNING, 0, "reload: %s: %s -> %s needs a restart, and stays%s",
                 option->name, before, after, stays);
        tally->waiting++;
    } else {
        gord_log(GORD_LOG_NOTICE, 0, "reload: %s: %s -> %s", option->name, before, after);
        tally->changed++;
    }
    if (tally->report != NULL) {
        const char *why = stays == NULL ? NULL : stays[0] == ':' ? stays + 2 : "needs a restart";
        tally->report->changed(tally->report->arg, option->name, before, after, why);
    }
}

/* Why a value that can change cannot become that one; NULL: it can. */
static const char *obstacle(enum gord_option_id id, const struct gord_config *now,
                            const struct gord_config *fresh)
{
    switch (id) {
    case GORD_OPT_TLS_CERT:
    case GORD_OPT_TLS_KEY:
    case GORD_OPT_TLS_CA:
    case GORD_OPT_TLS_CRL:
        return (now->tls_cert == NULL) != (fresh->tls_cert == NULL)
                   ? ": TLS is turned on and off by a restart"
                   : NULL;
    case GORD_OPT_EXEC_SLOTS:
        return now->max_goroutines != 0 && fresh->exec_slots > now->exec_slots
                   ? ": beside max-goroutines there is room for the slots of the start"
                   : NULL;
    default:
        return NULL;
    }
}

static void take_option(struct gord_config *now, struct gord_config *fresh, enum gord_option_id id,
                        struct tally *tally)
{
    const struct gord_option *option = gord_option_row(id);
    char before[GORD_OPTION_TEXT], after[GORD_OPTION_TEXT];
    const char *why = (option->flags & GORD_OPTION_LIVE) != 0 ? obstacle(id, now, fresh) : "";

    gord_option_show(option, now, before);
    gord_option_show(option, fresh, after);
    bool same = strcmp(before, after) == 0;
    if (!same) {
        tell_change(tally, option, gord_option_tell(option, now, before),
                    gord_option_tell(option, fresh, after), why);
    }
    if (same || why == NULL) {
        now->origin[id] = fresh->origin[id];
    }
    if (!same && why == NULL) {
        gord_option_swap(option, now, fresh);
    }
}

static void take_options(struct gord_config *now, struct gord_config *fresh, struct tally *tally)
{
    for (unsigned id = 0; id < GORD_OPTION_COUNT; id++) {
        if ((gord_option_row((enum gord_option_id)id)->flags & GORD_OPTION_COMMAND) == 0) {
            take_option(now, fresh, (enum gord_option_id)id, tally);
        }
    }
}

struct gord_keep gord_keep_of(const struct gord_config *config)
{
    return (struct gord_keep){.age_ns = config->keep_age_ns,
                              .failed_age_ns = config->keep_failed_ns,
                              .jobs = config->keep_jobs,
                              .bytes = config->keep_bytes};
}

/* The numbers have changed places as options; the list, and whom it names, do so here. */
static void take_owners(struct gord_config *now, struct gord_config *fresh)
{
    struct gord_owner_limits spare = now->owners;

    now->owners.items = fresh->owners.items;
    now->owners.count = fresh->owners.count;
    fresh->owners.items = spare.items;
    fresh->owners.count = spare.count;
}

static void apply(const struct gord_reload *reload, struct gord_signer *signer)
{
    const struct gord_config *config = reload->config;
    struct gord_runner_change runner = {.slots = {[GORD_EXEC] = config->exec_slots,
                                                  [GORD_NATIVE] = config->native_slots,
                                                  [GORD_LUA] = config->lua_slots},
                                        .refuse_at_ceiling = config->refuse_at_ceiling,
                                        .grace_ns = config->grace_ns,
                                        .stop_policy = config->stop_policy,
                                        .new_privs = config->new_privs,
                                        .log_cap_bytes = config->log_cap_bytes,
                                        .finish_hook = config->finish_hook,
                                        .finish_hook_url = config->finish_hook_url,
                                        .signer = signer};
    struct gord_keep keep = gord_keep_of(config);

    gord_log_set_level(config->log_level);
    if (gord_quota_set(gord_bus_table(gord_runner_bus(reload->runner)), &config->owners) != 0) {
        gord_log(GORD_LOG_ERROR, 0, "reload: out of memory: the limits of owners stay");
    }
    if (gord_runner_change(reload->runner, &runner)) {
        gord_log(GORD_LOG_NOTICE, 0, "reload: webhooks are %s from now on",
                 signer != NULL ? "signed with other secrets" : "not signed");
    }
    gord_store_set_keep(gord_bus_store(gord_runner_bus(reload->runner)), &keep);
    gord_service_set_hide_env(reload->service, config->hide_env);
    gord_export_change(reload->export);
}

/* Whatever can fail has not: from here on it is in force. */
static void take(const struct gord_reload *reload, struct gord_config *fresh,
                 struct gord_signer *signer, struct tally *tally)
{
    take_options(reload->config, fresh, tally);
    take_owners(reload->config, fresh);
    char *file = reload->config->file;
    reload->config->file = fresh->file;
    fresh->file = file;
    apply(reload, signer);
    gord_check_log_doubts(reload->config);
}

/* What signs webhooks from now on, read once more: NULL for nothing. */
static int load_signer(const struct gord_config *fresh, struct gord_faults *faults,
                       struct gord_signer **out_signer)
{
    char why[GORD_SIGNER_WHY];

    int result = gord_signer_new(fresh->webhook_secret_file, why, out_signer);
    if (result != 0) {
        gord_fault(faults, "webhook-secret-file: %s", why);
    }
    return result;
}

int gord_reload(const struct gord_reload *reload, const struct gord_reload_report *report,
                char text[GORD_RELOAD_TEXT], struct gord_reloaded *out_reloaded)
{
    struct tally tally = {.report = report};
    struct gord_faults faults = {.tell = tell_fault, .arg = &tally};
    struct gord_config fresh;
    int result = gord_config_read_again(reload->config, &faults, &fresh);

    if (result == 0) {
        gord_check_config(&fresh, &faults);
        /* The last thing that can fail, with the certificates that are to be in force. */
        bool tls = reload->config->tls_cert != NULL && fresh.tls_cert != NULL;
        struct gord_signer *signer = NULL;
        result = faults.count != 0 ? -EINVAL : load_signer(&fresh, &faults, &signer);
        result = result == 0 && tls ? gord_tls_load(&fresh, reload->server) : result;
        if (result == 0) {
            take(reload, &fresh, signer, &tally);
            snprintf(text, GORD_RELOAD_TEXT, "reloaded: %u values changed, %u need a restart%s",
                     tally.changed, tally.waiting,
                     tls ? "; certificates read again, for connections to come" : "");
            *out_reloaded = (struct gord_reloaded){tls, reload->config->file};
        }
        gord_signer_unref(signer);
        gord_config_fini(&fresh);
    }
    if (result != 0) {
        snprintf(text, GORD_RELOAD_TEXT,
                 "the reload changed nothing: %s; gord --check-config tells more",
                 result == -ENOMEM ? "out of memory" : "the configuration has faults, see the log");
    }
    gord_log(result == 0 ? GORD_LOG_NOTICE : GORD_LOG_ERROR, 0, "%s", text);
    return result;
}
