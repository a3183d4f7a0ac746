# SPDX-License-Identifier: MIT
"""Deadlines: jobs are over by then, run or not; those below them too, whatever happens between."""

import time

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import EXPIRED, FAILED, SUCCEEDED, TIMED_OUT, WAITING, grpc

SOON = e2e.SECOND // 5
LONG = 1000 * e2e.SECOND


class Deadlines(e2e.GordTest):
    options = ("--exec-slots", "2")

    def soon(self):
        return time.time_ns() + SOON

    def assertTimedOut(self, job, text):
        ended = self.client.wait(job)
        self.assertEqual(ended.outcome, TIMED_OUT, ended.detail)
        self.assertIn(text, ended.detail)

    def test_running_queued_and_held_jobs_end_by_it(self):
        deadline = self.soon()
        runs = self.client.exec("sleep", "1000", deadline_ns=deadline)
        native = self.client.native("builtin.sleep", "1000s", deadline_ns=deadline)
        held = self.client.exec("true", held=True, deadline_ns=deadline)
        later = time.time_ns() + 3600 * e2e.SECOND  # by which nothing will have ended
        far = self.client.exec("true", held=True, deadline_ns=later)
        self.assertEqual((self.client.get(far).deadline_ns, self.client.get(far).deadline_of),
                         (later, 0))
        self.client.jobs("Cancel", ids=[far])
        blocker = self.client.exec("sleep", "1000")
        queued = self.client.exec("true", slots=2, deadline_ns=deadline)
        for job in (runs, native, held, queued):
            self.assertTimedOut(job, "its deadline, ")
        self.assertGreaterEqual(self.client.get(held).finished_ns, deadline)
        self.client.jobs("Cancel", ids=[blocker])

    def test_whichever_is_first_counts(self):
        job = self.client.exec("sleep", "1000", timeout_ns=SOON, deadline_ns=time.time_ns() + LONG)
        self.assertTimedOut(job, "its timeout of 0.2 s passed")
        job = self.client.exec("true", held=True, start_before_ns=self.soon(),
                               deadline_ns=time.time_ns() + LONG)
        self.assertEqual(self.client.wait(job).outcome, EXPIRED)
        self.assertEqual(self.client.wait(self.client.exec("true", deadline_ns=self.soon() + LONG))
                         .outcome, SUCCEEDED)

    def test_child_inherits_the_earlier_one(self):
        parent = self.client.exec("sleep", "1000", timeout_ns=LONG)
        self.client.wait_state(parent, e2e.RUNNING)
        child = self.client.exec("true", held=True, parent_id=parent)
        below = self.client.exec("true", held=True, parent_id=child)
        own = self.client.exec("true", held=True, parent_id=parent, deadline_ns=self.soon())
        limit = self.client.get(parent).started_ns + LONG
        for job in (child, below):
            shown = self.client.get(job)
            self.assertEqual((shown.deadline_ns, shown.deadline_of), (limit, parent))
        self.assertEqual(self.client.get(own).deadline_of, 0)
        why = self.client.jobs("Why", id=child)
        self.assertEqual((why.deadline_ns, why.deadline_of), (limit, parent))
        self.assertTimedOut(own, "its deadline, ")
        self.client.jobs("Cancel", ids=[parent])
        self.client.wait(parent, child, below)

    def test_outcome_names_whose_it_was(self):
        parent = self.client.exec("sleep", "1000", deadline_ns=self.soon() + 2 * SOON)
        child = self.client.native("builtin.sleep", "1000s", parent_id=parent)
        held = self.client.exec("true", held=True, parent_id=parent)
        self.assertTimedOut(parent, "its deadline, ")
        ended = self.client.wait(child)
        self.assertEqual(ended.outcome, TIMED_OUT, ended.detail)
        self.assertIn(f"the deadline of job {parent}, ", ended.detail)
        self.client.wait(held)

    def test_no_attempt_is_planned_behind_it(self):
        policy = self.client.message("RetryPolicy", retries=9, backoff_ns=LONG)
        job = self.client.exec("false", retry=policy, deadline_ns=time.time_ns() + LONG // 2)
        self.assertEqual(self.client.wait(job).outcome, FAILED)
        self.assertEqual(self.client.get(job).attempt, 0)
        policy = self.client.message("RetryPolicy", retries=9, backoff_ns=1000)
        job = self.client.exec("sleep", "1000", retry=policy, deadline_ns=self.soon())
        self.assertTimedOut(job, "its deadline, ")

    def test_a_manual_retry_is_free_of_it(self):
        job = self.client.exec("sleep", "0.4", deadline_ns=self.soon())
        self.assertTimedOut(job, "its deadline, ")
        self.client.jobs("Retry", ids=[job])
        self.assertEqual(self.client.wait(job).outcome, SUCCEEDED)

    def test_bad_fields_are_named(self):
        for fields in ({"deadline_ns": -1}, {"deadline_ns": 5, "not_before_ns": 9}):
            self.assertStatus(grpc.StatusCode.INVALID_ARGUMENT, self.client.exec, "true",
                              text="deadline_ns", **fields)

    def test_gorctl(self):
        def run(*args):
            return ctl.run(*args, host=self.gord.target)

        self.assertEqual(run("run", "--deadline", "200ms", "sleep", "1000").code, ctl.TIMED_OUT)
        parent = run("submit", "--deadline", "1h", "sleep", "1000").text.strip()
        self.client.wait_state(int(parent), e2e.RUNNING)
        child = run("submit", "--hold", "--parent", parent, "true").text.strip()
        self.assertRegex(run("show", child).text, f"Deadline    .*, of job {parent}\n")
        self.assertRegex(run("why", child).text, f"must be over by .*, the deadline of job {parent}\n")
        self.assertRegex(run("show", parent).text, "Deadline    [0-9]")
        self.assertEqual(run("submit", "--deadline", "someday", "true").code, ctl.USAGE)
        run("cancel", parent)


class Restart(e2e.KillTest):
    def policy(self, **fields):
        return self.client.message("RetryPolicy", requeue=1, **fields)

    def test_inherited_deadline_holds_in_the_next_daemon(self):
        parent = self.client.exec("sleep", "1000", timeout_ns=2 * e2e.SECOND, retry=self.policy())
        self.client.wait_process(parent)
        child = self.client.exec("sleep", "1000", parent_id=parent, retry=self.policy())
        self.client.wait_process(child)
        limit = self.client.get(child).deadline_ns
        self.restart()
        # Both run again. The parent's timeout begins anew with its run; what the child has does not.
        self.assertEqual((self.client.get(child).deadline_ns, self.client.get(child).deadline_of),
                         (limit, parent))
        ended = self.client.wait(child)
        self.assertEqual((ended.outcome, ended.losses), (TIMED_OUT, 1), ended.detail)
        self.assertIn(f"the deadline of job {parent}, ", ended.detail)
        self.client.jobs("Cancel", ids=[parent])
        self.client.wait(parent)

    def test_own_deadlines_hold_in_the_next_daemon(self):
        soon = time.time_ns() + e2e.SECOND
        alone = self.client.exec("sleep", "1000", deadline_ns=soon, retry=self.policy())
        held = self.client.exec("true", held=True, deadline_ns=soon)
        waits = self.client.exec("false", deadline_ns=soon + 3600 * e2e.SECOND,
                                 retry=self.policy(retries=1, backoff_ns=1800 * e2e.SECOND))
        self.client.wait_process(alone)
        self.client.wait_state(waits, WAITING)
        kept = self.client.get(waits).deadline_ns
        self.restart()
        for job in (alone, held):
            ended = self.client.wait(job)
            self.assertEqual(ended.outcome, TIMED_OUT, ended.detail)
            self.assertIn("its deadline, ", ended.detail)
        self.assertEqual(self.client.get(waits).deadline_ns, kept)
        self.client.jobs("Cancel", ids=[waits])
        self.client.wait(waits)


if __name__ == "__main__":
    e2e.main()
