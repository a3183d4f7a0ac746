# SPDX-License-Identifier: MIT
"""Retries: runs that failed are made again; runs that a daemon took along are no attempts."""

import os

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import CANCELLED, FAILED, LOST, RUNNING, SUCCEEDED, TERMINATED, WAITING, grpc

ALWAYS, NEVER = 1, 2
MS = 1_000_000


def policy(client, retries=0, backoff_ns=MS, **fields):
    return client.message("RetryPolicy", retries=retries, backoff_ns=backoff_ns, **fields)


class Retries(e2e.GordTest):
    def job(self, script, **fields):
        return self.client.exec("sh", "-c", script, retry=policy(self.client, **fields))

    def attempts(self, job):
        """How each run ended."""
        return [(e.outcome, e.exit_code) for e in self.client.events(job) if e.outcome]

    def test_job_runs_until_it_succeeds(self):
        path = os.path.join(self.gord.folder, "count")
        job = self.job(f"echo $$ >> {path}; test $(wc -l < {path}) = 3", retries=5)
        ended = self.client.wait(job)
        self.assertEqual(ended.outcome, SUCCEEDED)
        self.assertEqual(ended.attempt, 2)
        self.assertEqual(self.attempts(job), [(FAILED, 1), (FAILED, 1), (SUCCEEDED, 0)])
        reasons = [e.reason for e in self.client.events(job)]
        self.assertTrue(any("exit code 1; retry 2 of 5 in" in r for r in reasons), reasons)

    def test_last_attempt_counts(self):
        job = self.job("echo try; exit 7", retries=2, fixed=True)
        ended = self.client.wait(job)
        self.assertEqual((ended.outcome, ended.exit_code), (FAILED, 7))
        self.assertEqual(len(self.attempts(job)), 3)
        self.assertEqual(self.client.logs(job), b"try\n" * 3)

    def test_who_follows_hears_every_run_as_it_writes(self):
        path = os.path.join(self.gord.folder, "follows")
        job = self.job(f"test -e {path} || {{ touch {path}; echo first; exit 1; }}; "
                       "echo second; exec sleep 1000", retries=1)
        said = b""
        for chunk in self.client.jobs("Logs", id=job, follow=True):
            said += chunk.data
            if said == b"first\nsecond\n":
                break
        self.assertEqual(self.client.get(job).state, RUNNING)
        self.client.jobs("Cancel", ids=[job])
        self.client.wait(job)

    def test_only_after_certain_codes(self):
        self.assertEqual(len(self.attempts_of("exit 75", exit_codes=[75, 111])), 3)
        self.assertEqual(len(self.attempts_of("exit 76", exit_codes=[75, 111])), 1)
        self.assertEqual(len(self.attempts_of("kill -9 $$", exit_codes=[75])), 1)
        self.assertEqual(len(self.attempts_of("kill -9 $$")), 3)

    def attempts_of(self, script, **fields):
        job = self.job(script, retries=2, **fields)
        self.client.wait(job)
        return self.attempts(job)

    def test_native_panic_and_timeout_are_retried(self):
        job = self.client.native("builtin.panic", "no", retry=policy(self.client, 1))
        self.assertEqual(self.client.wait(job).outcome, e2e.PANICKED)
        self.assertEqual(len(self.attempts(job)), 2)
        job = self.client.native("builtin.sleep", "1000s", timeout_ns=20 * MS,
                                 retry=policy(self.client, 1))
        self.assertEqual(self.client.wait(job).outcome, e2e.TIMED_OUT)
        self.assertEqual(len(self.attempts(job)), 2)

    def test_waiting_job_says_when_and_can_be_cancelled_held_and_freed(self):
        job = self.job("exit 1", retries=3, backoff_ns=1000 * e2e.SECOND)
        self.client.wait_state(job, WAITING)
        shown = self.client.get(job)
        self.assertEqual(shown.state, WAITING)
        self.assertRegex(shown.reason, "retry 1 of 3; in [0-9.]+ s")
        self.client.jobs("Cancel", ids=[job])
        self.assertEqual(self.client.wait(job).outcome, CANCELLED)

    def test_slot_is_free_while_it_waits(self):
        slots = os.cpu_count() * 8
        for _ in range(slots):
            self.job("exit 1", retries=1, backoff_ns=1000 * e2e.SECOND)
        self.assertEqual(self.client.wait(self.client.exec("true")).outcome, SUCCEEDED)
        self.client.jobs("Cancel", all=True)

    def test_dependants_wait_for_the_last_attempt(self):
        job = self.job("exit 1", retries=2)
        clause = self.client.message("AnyOf", of=[self.client.message("Dependency", id=job,
                                                                      condition=2)])
        after = self.client.exec("true", after=[clause])
        self.assertEqual(self.client.wait(after).outcome, SUCCEEDED)
        self.assertGreaterEqual(self.client.get(after).started_ns, self.client.get(job).finished_ns)

    def test_bad_policies_are_refused(self):
        for fields in ({"retries": 1_000_001}, {"backoff_ns": -1}, {"max_ns": -1},
                       {"jitter_percent": 101}, {"exit_codes": [1] * 257}, {"requeue": 9}):
            self.assertStatus(grpc.StatusCode.INVALID_ARGUMENT, self.job, "true", **fields,
                              text="spec.retry")

    def test_gorctl(self):
        run = lambda *args: ctl.run(*args, host=self.gord.target)
        self.assertEqual(run("run", "--retries", "2", "--backoff", "1ms..2ms", "--jitter", "50",
                             "--retry-on", "4,5", "--shell", "exit 5").code, 5)
        for args in (("--retries", "x"), ("--backoff", "1s"), ("--retries", "1", "--backoff", "0s"),
                     ("--retries", "1", "--backoff", "fixed:1s..2s"), ("--retries", "1", "--jitter",
                     "101"), ("--retries", "1", "--retry-on", "256"), ("--requeue", "--no-requeue")):
            self.assertEqual(run("submit", *args, "true").code, ctl.USAGE, args)


class Losses(e2e.KillTest):
    """T12: what a daemon's death takes along is no attempt."""

    def submit(self, flag, **fields):
        script = f"test -e {flag} && exit 0; touch {flag}; exec sleep 1000"
        return self.client.exec("sh", "-c", script, retry=policy(self.client, **fields))

    def test_lost_runs(self):
        names = [os.path.join(self.gord.folder, n) for n in "abcd"]
        plain = self.client.exec("sleep", "1000")
        again = self.submit(names[0], requeue=ALWAYS)
        retried = self.submit(names[1], retries=1)
        never = self.submit(names[2], retries=1, requeue=NEVER)
        cancelled = self.submit(names[3], requeue=ALWAYS)
        for job in (plain, again, retried, never, cancelled):
            self.client.wait_process(job)
        waiting = self.client.exec("false", retry=policy(self.client, 1, 2 * e2e.SECOND))
        self.client.wait_state(waiting, WAITING)
        os.sync()
        while not all(os.path.exists(n) for n in names):
            pass
        stubborn = self.client.exec("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done",
                                    grace_ns=1000 * e2e.SECOND, retry=policy(self.client, 3))
        next(self.client.jobs("Logs", id=stubborn, follow=True))
        self.client.jobs("Cancel", ids=[stubborn], cause="enough of it")
        self.restart()
        self.assertEqual([j.outcome for j in self.client.wait(plain, never)], [LOST, LOST])
        for job in (again, retried):
            ended = self.client.wait(job)
            self.assertEqual((ended.outcome, ended.attempt, ended.losses), (SUCCEEDED, 0, 1))
        ended = self.client.wait(stubborn)
        self.assertEqual(ended.outcome, CANCELLED)
        self.assertIn("enough of it", ended.detail)
        ended = self.client.wait(waiting)
        self.assertEqual((ended.outcome, ended.attempt, ended.losses), (FAILED, 1, 0))

    def started_or_ended(self, job_id):
        watch = self.client.jobs("Watch", ids=[job_id], from_now=True)
        while (job := self.client.get(job_id)).state not in (RUNNING, WAITING, TERMINATED):
            next(watch)
        watch.cancel()
        return job

    def test_job_that_ends_every_daemon_is_given_up(self):
        job = self.client.native("builtin.sleep", "1000s",
                                 retry=policy(self.client, requeue=ALWAYS))
        # One that is seen to run may not be on record as such: then its daemon's end is no loss.
        while (ended := self.started_or_ended(job)).state != TERMINATED:
            self.restart()
        self.assertEqual((ended.outcome, ended.losses), (LOST, 5))
        self.assertIn("not run again", ended.detail)


if __name__ == "__main__":
    e2e.main()
