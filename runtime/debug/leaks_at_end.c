/* SPDX-License-Identifier: MIT */
/* leaks_at_end.c - what has leaked when the runtime stops. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/env.h"
#include "runtime/debug/dump.h"
#include "runtime/debug/leak.h"
#include "runtime/debug/leak_scan.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/seeded.h"

static enum gor_leaks mode;

static enum gor_leaks mode_of(const char *word)
{
    if (word == NULL || gor__env_switch(word) == GOR__ENV_OFF) {
        return GOR_LEAKS_OFF;
    }
    if (gor__env_switch(word) == GOR__ENV_ON) {
        return GOR_LEAKS_REPORT;
    }
    if (strcmp(word, "exit") == 0 || strcmp(word, "verify") == 0) {
        return GOR_LEAKS_EXIT;
    }
    gor__env_refuse("GOR_LEAKS", word, "on, off, exit or verify");
    return GOR_LEAKS_OFF;
}

void gor__leaks_init(const struct gor_opts *opts)
{
    const char *word = gor__env("GOR_LEAKS");
    enum gor_leaks wish = mode_of(word);
    mode = opts->leaks != GOR_LEAKS_DEFAULT ? opts->leaks : wish;
    bool verify = word != NULL && strcmp(word, "verify") == 0;
    if (verify) {
        gor__leak_verify_init();
    }
    gor__maker_errand(verify ? gor__leak_verify : NULL);
}

static __attribute__((noinline)) int tell(void)
{
    struct gor__text text;
    int fd = STDERR_FILENO;
    gor__text_init(&text, gor__dump_write_to_fd, &fd);
    return gor__leak_dump(&text, GOR__LEAK_STACK());
}

bool gor__leaks_at_end(void)
{
    int leaked = 0;
    if (mode != GOR_LEAKS_OFF) {
        GOR__LEAK_CALL(leaked = tell(), NULL);
    }
    return leaked > 0 && mode == GOR_LEAKS_EXIT;
}
