# SPDX-License-Identifier: MIT
"""What a stop of the daemon does to running jobs: kill, wait, requeue, leave; and a kill -9 amid it."""

import os
import unittest

import gor_e2e as e2e

KILL, WAIT, REQUEUE, LEAVE = 1, 2, 3, 4
STARTED, REQUEUED = 3, 10  # kinds of events
# Less than what a stop needs for its end: nothing is awaited.
NO_TIME = ("--stop-timeout", "1s", "--grace", "100ms")


class StopPolicies(unittest.TestCase):
    def setUp(self):
        self.client = None

    def begin(self, *options):
        self.gord = e2e.Gord(*options)
        self.addCleanup(self.gord.close)
        self.gord.start()
        self.client = self.gord.client()

    def again(self):
        """Stopped or dead already: the next one."""
        self.client.close()
        self.gord.start()
        self.client = self.gord.client()

    def restart(self):
        self.assertEqual(self.gord.stop(), 0, self.gord.stderr())
        self.again()

    def tearDown(self):
        if self.client is not None:
            self.client.close()
            self.assertEqual(self.gord.stop(), 0)

    def run_until_gone(self, **fields):
        """A program that ends by itself once a file is gone; its id, when it runs."""
        self.busy = os.path.join(self.gord.folder, "busy")
        with open(self.busy, "w", encoding="ascii"):
            pass
        job = self.client.exec("sh", "-c", f"while test -e {self.busy}; do sleep 0.05; done",
                               **fields)
        self.client.wait_process(job)
        return job

    def count_runs(self, **fields):
        """A program that leaves a line for each of its runs, when it runs."""
        self.ran = os.path.join(self.gord.folder, "ran")
        job = self.client.exec("sh", "-c", f"echo run >>{self.ran}; exec sleep 1000", **fields)
        self.client.wait_process(job)
        return job

    def run_again(self, job):
        """Wait until it has been queued again and has begun once more."""
        requeued = False
        watch = self.client.jobs("Watch", ids=[job])
        for event in watch:
            requeued = requeued or event.kind == REQUEUED
            if requeued and event.kind == STARTED:
                watch.cancel()
                return
        self.fail(f"job {job} was not run again")

    def test_without_a_policy_it_is_cancelled(self):
        self.begin()
        job = self.count_runs()
        self.restart()
        ended = self.client.get(job)
        self.assertEqual((ended.outcome, ended.detail), (e2e.CANCELLED, "daemon stops"))

    def test_requeue_runs_it_again_and_counts_nothing(self):
        self.begin()
        jobs = [self.count_runs(on_stop=REQUEUE),
                self.client.native("builtin.sleep", "1000s", on_stop=REQUEUE)]
        self.client.wait_state(jobs[1], e2e.WAITING)
        self.restart()
        for job in jobs:
            self.run_again(job)
            got = self.client.get(job)
            self.assertIn(got.state, (e2e.RUNNING, e2e.WAITING))
            self.assertEqual((got.attempt, got.losses), (0, 0))
        self.client.jobs("Cancel", ids=jobs)
        self.assertEqual({j.outcome for j in self.client.wait(*jobs)}, {e2e.CANCELLED})

    def test_the_daemons_policy_is_for_jobs_that_say_none(self):
        self.begin("--stop-policy", "requeue")
        own = self.client.exec("sleep", "1000", on_stop=KILL)
        self.client.wait_process(own)
        other = self.count_runs()
        self.restart()
        self.assertEqual(self.client.get(own).outcome, e2e.CANCELLED)
        self.run_again(other)
        self.client.jobs("Cancel", ids=[other])
        self.client.wait(other)

    def test_wait_lets_it_end(self):
        self.begin("--stop-policy", "wait")
        job = self.run_until_gone()
        self.gord.process.terminate()
        self.assertIsNotNone(self.gord.notify.wait_for("EXTEND_TIMEOUT_USEC=20000000"))
        self.assertIsNotNone(self.gord.notify.wait_for("STATUS=stopping: 1 running"))
        os.unlink(self.busy)
        self.assertEqual(self.gord.process.wait(e2e.PATIENCE), 0)
        self.again()
        self.assertEqual(self.client.get(job).outcome, e2e.SUCCEEDED)

    def test_wait_and_leave_end_with_the_time(self):
        self.begin(*NO_TIME)
        jobs = [self.run_until_gone(on_stop=policy) for policy in (WAIT, LEAVE)]
        self.restart()
        for job in jobs:
            ended = self.client.get(job)
            self.assertEqual((ended.outcome, ended.detail), (e2e.CANCELLED, "daemon stops"))

    def test_a_second_signal_waits_for_nobody(self):
        self.begin("--stop-policy", "wait")
        job = self.run_until_gone()
        self.gord.process.terminate()
        self.assertIsNotNone(self.gord.notify.wait_for("STOPPING=1"))
        self.assertIsNotNone(self.gord.notify.wait_for("STATUS=stopping"))
        self.assertEqual(self.gord.stop(), 0)
        self.again()
        self.assertEqual(self.client.get(job).outcome, e2e.CANCELLED)

    def test_killed_amid_a_stop_it_is_queued_again_all_the_same(self):
        self.begin("--grace", "1000s")
        ran = os.path.join(self.gord.folder, "ran")
        job = self.client.exec("sh", "-c",
                               f"trap 'echo asked >>{ran}' TERM; echo run; "
                               "while :; do sleep 0.05; done", on_stop=REQUEUE)
        next(iter(self.client.jobs("Logs", id=job, follow=True)))  # the trap is there
        watch = self.client.jobs("Watch", ids=[job])
        self.gord.process.terminate()
        for event in watch:  # tells only what is on disk
            if event.reason == "the daemon stops; it is queued again":
                break
        self.gord.kill()
        self.again()
        self.run_again(job)
        got = self.client.get(job)
        self.assertEqual((got.attempt, got.losses), (0, 0))
        self.client.jobs("Terminate", ids=[job])
        self.client.wait(job)

    def test_cancelled_amid_a_stop_it_stays_cancelled(self):
        self.begin("--grace", "200ms")
        job = self.client.exec("sh", "-c", "trap '' TERM; echo run; while :; do sleep 0.05; done",
                               on_stop=REQUEUE)
        next(iter(self.client.jobs("Logs", id=job, follow=True)))
        self.client.jobs("Cancel", ids=[job], cause="enough")
        self.restart()
        ended = self.client.get(job)
        self.assertEqual((ended.outcome, ended.detail), (e2e.CANCELLED, "enough"))


if __name__ == "__main__":
    e2e.main()
