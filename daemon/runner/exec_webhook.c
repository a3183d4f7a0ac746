/* SPDX-License-Identifier: MIT */
/* exec_webhook.c - what is particular about a process that sends a webhook: what it reads, and what its
 * answer means for the next try. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/base/url.h"
#include "daemon/event/ask.h"
#include "daemon/runner/exec.h"

/* A file in memory, that is nowhere else, with the text, to be read from its beginning. Its descriptor, or
 * -errno. */
static int file_of(const char *text)
{
    size_t length = strlen(text);
    int fd = memfd_create("webhook", MFD_CLOEXEC);

    if (fd < 0) {
        return -errno;
    }
    ssize_t written = write(fd, text, length);
    int error = written < 0 ? errno : (size_t)written < length ? ENOSPC : 0;
    if (error == 0 && lseek(fd, 0, SEEK_SET) != 0) {
        error = errno;
    }
    if (error != 0) {
        close(fd);
    }
    return error != 0 ? -error : fd;
}

/* What curl is to read, signed for now if it is to be. As above, or -ENOMEM. */
static int file_of_webhook(const struct gord_exec *exec)
{
    const Gor__V1__HookOf *of = exec->webhook;
    bool ours = of->made_case == GOR__V1__HOOK_OF__MADE_OURS && of->ours;
    const struct gord_signer *signer = ours ? exec->run->signer : NULL;
    struct gord_signature signature;

    if (signer != NULL) {
        int result =
            gord_signer_sign(signer, of->document, gord_event_clock() / GOR_SECOND, &signature);
        if (result != 0) {
            return result;
        }
    }
    char *text = gord_webhook_input(of, signer != NULL ? &signature : NULL);
    int fd = text != NULL ? file_of(text) : -ENOMEM;
    free(text);
    return fd;
}

int gord_exec_open_webhook(struct gord_exec *exec)
{
    struct gord_run *run = exec->run;

    if (gord_url_is_hidden(exec->webhook->url)) {
        snprintf(run->detail, sizeof(run->detail),
                 "its URL was hidden when it was exported, and is not known here");
        return -EINVAL;
    }
    int fd = file_of_webhook(exec);
    if (fd < 0) {
        snprintf(run->detail, sizeof(run->detail), "cannot have ready what is to be sent: %s",
                 strerror(-fd));
        return fd;
    }
    exec->stdin_fd = fd;
    return 0;
}

static void count(struct gord_exec *exec, enum gord_webhook_result result)
{
    atomic_fetch_add_explicit(&exec->run->env->webhooks[result], 1, memory_order_relaxed);
}

/* One that refuses all that comes is not worth a record each. */
static void log_refusal(const struct gord_exec *exec, const char *text)
{
    const struct gord_run *run = exec->run;
    char *hidden = gord_url_hide(exec->webhook->url);
    const char *url = hidden != NULL ? hidden : "its URL";
    char more[96] = "";
    uint64_t unsaid;

    if (gord_sparing_says(&run->env->refusals, url, gor_now(), &unsaid)) {
        if (unsaid > 0) {
            snprintf(more, sizeof(more),
                     "; so were %" PRIu64 " before, since the last such record of this target",
                     unsaid);
        }
        gord_log_of(GORD_LOG_WARNING, run->id, gord_ask_queue(run->spec->lane),
                    "the webhook of job %" PRIu64 " is not sent again: %s %s%s",
                    exec->webhook->job_id, url, text, more);
    }
    free(hidden);
}

void gord_exec_take_answer(struct gord_exec *exec, struct gord_result *result)
{
    struct gord_run *run = exec->run;
    struct gord_webhook_answer answer;

    if (result->outcome == GOR__V1__OUTCOME__SUCCEEDED) {
        count(exec, GORD_WEBHOOK_TAKEN);
        return;
    }
    if (result->outcome != GOR__V1__OUTCOME__FAILED ||
        exec->stopped != GOR__V1__OUTCOME__OUTCOME_UNSPECIFIED) {
        if (result->outcome != GOR__V1__OUTCOME__CANCELLED) {
            count(exec, GORD_WEBHOOK_FAILED);
        }
        return;
    }
    gord_webhook_answer_of(&exec->last_line, gord_event_clock(), &answer);
    result->is_final = gord_webhook_is_refused(&answer);
    result->wait_ns = answer.wait_ns;
    count(exec, result->is_final ? GORD_WEBHOOK_REFUSED : GORD_WEBHOOK_FAILED);
    gord_webhook_answer_text(&answer, run->detail, sizeof(run->detail));
    if (result->is_final) {
        log_refusal(exec, run->detail);
    }
}
