/* SPDX-License-Identifier: MIT */
/* The words jobs are shown in. */
#include <stdlib.h>
#include <unistd.h>

#include "client/screen.h"
#include "tests/test.h"

static void check_status(Gor__V1__JobState state, Gor__V1__Outcome outcome, int code, int signal,
                         const char *expected)
{
    Gor__V1__Job job = GOR__V1__JOB__INIT;
    char text[GORCTL_WORD_ROOM];
    job.state = state;
    job.outcome = outcome;
    job.exit_code = code;
    job.signal = signal;
    gorctl_status_text(&job, text);
    CHECK_STR(text, expected);
}

TEST(status_text_says_that_there_is_a_core_file)
{
    Gor__V1__Job job = GOR__V1__JOB__INIT;
    Gor__V1__Event event = GOR__V1__EVENT__INIT;
    char text[GORCTL_WORD_ROOM];

    job.state = GOR__V1__JOB_STATE__TERMINATED;
    job.outcome = GOR__V1__OUTCOME__SIGNALED;
    job.signal = 11;
    job.core_dumped = 1;
    gorctl_status_text(&job, text);
    CHECK_STR(text, "signal 11 (SEGV), core dumped");
    job.outcome = GOR__V1__OUTCOME__TIMED_OUT;
    gorctl_status_text(&job, text);
    CHECK_STR(text, "timed out, core dumped");
    event.state = GOR__V1__JOB_STATE__CREATED; /* its text says it: it is tried again */
    event.core_dumped = 1;
    gorctl_event_text(&event, text);
    CHECK_STR(text, "created");
}

TEST(status_text_says_state_or_end)
{
    check_status(GOR__V1__JOB_STATE__RUNNABLE, 0, 0, 0, "runnable");
    check_status(GOR__V1__JOB_STATE__RUNNING, 0, 0, 0, "running");
    check_status(GOR__V1__JOB_STATE__TERMINATED, GOR__V1__OUTCOME__SUCCEEDED, 0, 0, "succeeded");
    check_status(GOR__V1__JOB_STATE__TERMINATED, GOR__V1__OUTCOME__FAILED, 3, 0, "failed (3)");
    check_status(GOR__V1__JOB_STATE__TERMINATED, GOR__V1__OUTCOME__SIGNALED, 0, 9,
                 "signal 9 (KILL)");
    check_status(GOR__V1__JOB_STATE__TERMINATED, GOR__V1__OUTCOME__SIGNALED, 0, 999,
                 "signal 999 (?)");
    check_status((Gor__V1__JobState)99, 0, 0, 0, "unknown");
    check_status(GOR__V1__JOB_STATE__TERMINATED, (Gor__V1__Outcome)99, 0, 0, "unknown");
}

TEST(state_and_outcome_words_are_read_in_any_dress)
{
    Gor__V1__JobState state;
    Gor__V1__Outcome outcome;
    CHECK(gorctl_state_parse("RUNNING", &state));
    CHECK_EQ(state, GOR__V1__JOB_STATE__RUNNING);
    CHECK(gorctl_outcome_parse("timed-out", &outcome));
    CHECK_EQ(outcome, GOR__V1__OUTCOME__TIMED_OUT);
    CHECK(gorctl_outcome_parse("TIMED_OUT", &outcome));
    CHECK(gorctl_outcome_parse("spawn-error", &outcome));
    CHECK_EQ(outcome, GOR__V1__OUTCOME__SPAWN_ERROR);
    CHECK(gorctl_outcome_parse("not-started", &outcome));
    CHECK_EQ(outcome, GOR__V1__OUTCOME__SPAWN_ERROR);
    CHECK(!gorctl_state_parse("unknown", &state));
    CHECK(!gorctl_state_parse("run", &state));
    CHECK(!gorctl_state_parse("", &state));
    CHECK(!gorctl_outcome_parse("fine", &outcome));
}

TEST(every_outcome_and_state_has_a_style_or_is_plain)
{
    for (int outcome = 0; outcome <= GOR__V1__OUTCOME__PANICKED; outcome++) {
        CHECK(gorctl_status_style(GOR__V1__JOB_STATE__TERMINATED, (Gor__V1__Outcome)outcome) !=
              NULL);
    }
}

TEST(command_text_of_no_kind_is_empty)
{
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    char *text = gorctl_command_text(&spec);
    CHECK_STR(text, "");
    free(text);
    text = gorctl_command_text(NULL);
    CHECK_STR(text, "");
    free(text);
}

TEST(took_counts_from_start_to_end_or_now)
{
    Gor__V1__Job job = GOR__V1__JOB__INIT;
    CHECK_EQ(gorctl_job_took(&job, 100), 0);
    job.started_ns = 40;
    CHECK_EQ(gorctl_job_took(&job, 100), 60);
    CHECK_EQ(gorctl_job_took(&job, 10), 0); /* a clock that was set back */
    job.finished_ns = 50;
    CHECK_EQ(gorctl_job_took(&job, 100), 10);
}

TEST(screen_of_a_pipe_is_plain)
{
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    struct gorctl_screen screen = gorctl_screen_of(ends[1]);
    CHECK(!screen.terminal);
    CHECK(!screen.colour);
    CHECK_EQ(screen.width, 0);
    close(ends[0]);
    close(ends[1]);
}
