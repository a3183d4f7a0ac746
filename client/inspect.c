/* SPDX-License-Identifier: MIT */
/* inspect.c - see inspect.h. */
#include "client/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/options.h"
#include "client/when.h"

error_t gorctl_inspection_parse(int key, char *arg, struct argp_state *state, struct gorctl *ctl,
                                struct gorctl_inspection *inspection)
{
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, ctl, 1);
        return 0;
    case 'f':
        inspection->request.duration_ns = gorctl_option_duration(state, "--for", arg);
        return 0;
    case 'o':
        inspection->output = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

struct output {
    struct gorctl *ctl;
    FILE *out;       /* stdout, or owned */
    char *path;      /* owned; NULL: stdout */
    char *temporary; /* owned; where it is until it is complete */
    uint64_t bytes;
};

/* "gord-20260301-123015.cpu.pb.gz", in the working directory. */
static char *invent_name(const char *suffix)
{
    char stamp[32] = "";
    struct tm tm;
    time_t now = time(NULL);

    if (localtime_r(&now, &tm) != NULL) {
        (void)strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
    }
    return gorctl_format("gord-%s%s", stamp, suffix);
}

static int explain(const char *path, int error)
{
    gorctl_say("cannot write %s: %s", path, strerror(error));
    return GORCTL_EXIT_OUTPUT;
}

/* A profile names functions and jobs: it is for whoever asked. */
static int open_file(struct output *output)
{
    output->temporary = gorctl_format("%s.XXXXXX", output->path);
    int fd = mkostemp(output->temporary, O_CLOEXEC);
    if (fd < 0) {
        return explain(output->path, errno);
    }
    output->out = fdopen(fd, "w");
    if (output->out == NULL) {
        close(fd);
        return explain(output->path, ENOMEM);
    }
    return GORCTL_EXIT_OK;
}

static int open_output(struct output *output, const struct gorctl_fetch *fetch)
{
    const char *wanted = fetch->output;

    output->out = stdout;
    if (wanted != NULL && strcmp(wanted, "-") != 0) {
        output->path = gorctl_strdup(wanted);
    } else if (wanted == NULL && fetch->suffix != NULL && isatty(STDOUT_FILENO)) {
        output->path = invent_name(fetch->suffix);
    }
    return output->path != NULL ? open_file(output) : GORCTL_EXIT_OK;
}

/* The file gets its name, unless `code` is an error. */
static int close_output(struct output *output, int code)
{
    if (output->temporary != NULL && output->out != NULL) {
        int failed = fflush(output->out) != 0 || fsync(fileno(output->out)) != 0 ? errno : 0;
        failed = fclose(output->out) != 0 && failed == 0 ? errno : failed;
        if (code == GORCTL_EXIT_OK && failed == 0 && rename(output->temporary, output->path) != 0) {
            failed = errno;
        }
        if (code == GORCTL_EXIT_OK && failed != 0) {
            code = explain(output->path, failed);
        }
        if (code != GORCTL_EXIT_OK) {
            (void)unlink(output->temporary);
        }
    }
    free(output->temporary);
    return code;
}

static bool on_chunk(const ProtobufCMessage *message, void *user)
{
    struct output *output = user;
    const Gor__V1__InspectChunk *chunk = (const Gor__V1__InspectChunk *)message;

    if (fwrite(chunk->data.data, 1, chunk->data.len, output->out) != chunk->data.len) {
        int error = errno;
        /* For stdout, whoever ends the program says it. */
        gorctl_stream_stop(output->ctl,
                           output->path != NULL ? explain(output->path, error) : GORCTL_EXIT_OK);
        return true;
    }
    output->bytes += chunk->data.len;
    return true;
}

int gorctl_fetch(struct gorctl *ctl, const struct gorctl_fetch *fetch)
{
    struct output output = {.ctl = ctl};
    int code = open_output(&output, fetch);

    if (code == GORCTL_EXIT_OK) {
        code = gorctl_stream(ctl, &fetch->call, on_chunk, &output);
    }
    code = close_output(&output, code);
    if (code == GORCTL_EXIT_OK && output.path != NULL && fetch->output == NULL) {
        char size[GORCTL_WHEN_ROOM];
        gorctl_bytes_text(output.bytes, size);
        fprintf(stderr, "%s, %s; look at it with: %s %s\n", output.path, size, fetch->hint,
                output.path);
    }
    free(output.path);
    return code;
}

int gorctl_inspect(struct gorctl *ctl, const struct gorctl_inspection *inspection)
{
    struct gorctl_fetch fetch = {
        .call = {.path = "/gor.v1.Runtime/Inspect",
                 .request = &inspection->request.base,
                 .reply = &gor__v1__inspect_chunk__descriptor,
                 .timeout_ns = GORCTL_CALL_NS + inspection->request.duration_ns},
        .output = inspection->output,
        .suffix = inspection->suffix,
        .hint = inspection->hint};

    return gorctl_fetch(ctl, &fetch);
}
