/* SPDX-License-Identifier: MIT */
/* What the daemon calls a field, as the option that says it. */
#include <stdlib.h>

#include "client/fields.h"
#include "tests/test.h"

static void check_of(const char *command, const char *text, const char *wanted)
{
    char *said = gorctl_fields_as_options(command, text);
    CHECK(said != NULL);
    CHECK_STR(said, wanted);
    free(said);
}

static void check(const char *text, const char *wanted)
{
    check_of("cron", text, wanted);
    check_of(NULL, text, wanted);
}

TEST(fields_are_named_by_the_options_that_set_them)
{
    check("spec.queue: there is no queue 'x'", "--queue: there is no queue 'x'");
    check("specs[3]: spec.after names 2 jobs", "specs[3]: --after names 2 jobs");
    check("give spec.array, or take ok", "give --array, or take ok");
    check("it is spec.array.", "it is --array.");
    check("spec.array.indices is empty", "--array is empty");
    check("spec.on_stuck is KILL without spec.heartbeat_ns, which",
          "--on-stuck is KILL without --heartbeat, which");
    check("spec.job.priority is 1", "--priority is 1");
    check("spec.job.name has 300 bytes", "--name has 300 bytes"); /* spec.name is the entry's */
    check("spec.queue", "--queue");
    check("spec.on_finish_url has no host", "--on-finish-url has no host");
}

TEST(fields_without_an_option_stay)
{
    static const char *const texts[] = {"",
                                        "spec.",
                                        "spec.job.",
                                        "spec.group is set by gord",
                                        "a.spec.queue",
                                        "spec.queues",
                                        "spec.queue_name",
                                        "spec.array.indices[2]: it ends",
                                        "myspec.queue",
                                        "spec.name",
                                        "spec.exec.env[0]"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        check(texts[i], texts[i]);
    }
}

TEST(fields_are_named_as_the_command_names_them)
{
    check_of("update", "spec.queue: there is no queue 'x'", "--to-queue: there is no queue 'x'");
    check_of("submit", "spec.queue: there is no queue 'x'", "--queue: there is no queue 'x'");
    check_of("update", "spec.name has 300 bytes", "--new-name has 300 bytes");
    check_of("run", "spec.name has 300 bytes", "--name has 300 bytes");
    check_of("update", "spec.labels holds 65, of spec.slots", "--set-label holds 65, of --slots");
    check_of("update", "spec.labels[2] is empty", "spec.labels[2] is empty");
}
