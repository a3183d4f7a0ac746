# SPDX-License-Identifier: MIT
"""gorctl retry: a job that has ended runs again as the job it is."""

import os

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import CANCELLED, CREATED, DEPENDENCY_FAILED, EXPIRED, FAILED, LOST, SUCCEEDED, grpc

DONE, REFUSED, UNKNOWN = 1, 3, 4


class Helpers:
    def retry(self, *ids, **fields):
        return {r.id: (r.status, r.message)
                for r in self.client.jobs("Retry", ids=ids, **fields).results}

    def count(self, outcome):
        return sum(o.count for o in self.client.jobs("Count").outcomes if o.outcome == outcome)

    def flag(self):
        """A job fails until this file is there."""
        return os.path.join(self.gord.folder, f"flag{self.id()}")

    def failing(self, **fields):
        job = self.client.exec("sh", "-c", f"echo run; test -e {self.flag()}", **fields)
        self.assertEqual(self.client.wait(job).outcome, FAILED)
        return job

    def repair(self):
        with open(self.flag(), "w", encoding="utf-8"):
            pass

    def outcomes(self, job):
        return [e.outcome for e in self.client.events(job) if e.outcome]

    def behind(self, job, condition=0, **fields):
        clause = self.client.message(
            "AnyOf", of=[self.client.message("Dependency", id=job, condition=condition)])
        return self.client.exec("true", after=[clause], **fields)


class Again(Helpers, e2e.GordTest):
    def test_same_job_runs_again_and_keeps_its_past(self):
        job = self.failing(labels={"team": "again"})
        before = self.client.get(job)
        failed, succeeded = self.count(FAILED), self.count(SUCCEEDED)
        self.repair()
        self.assertEqual(self.retry(job, cause="repaired"), {job: (DONE, "run 2")})
        after = self.client.wait(job)
        self.assertEqual((after.outcome, after.attempt), (SUCCEEDED, 1))
        self.assertEqual(after.created_ns, before.created_ns)
        self.assertEqual(self.outcomes(job), [FAILED, SUCCEEDED])
        self.assertEqual(self.client.logs(job), b"run\nrun\n")
        reasons = [e.reason for e in self.client.events(job)]
        self.assertTrue(any(r.startswith("retried by") and "repaired" in r for r in reasons), reasons)
        self.assertEqual((self.count(FAILED), self.count(SUCCEEDED)), (failed - 1, succeeded + 1))
        label = self.client.message("LabelMatch", key="team", value="again")
        found = self.client.jobs("Select", selector=self.client.message("Selector", labels=[label]))
        self.assertEqual(list(found.ids), [job])

    def test_live_and_unknown_jobs_are_refused(self):
        lives = self.client.native("builtin.sleep", "1000s")
        self.assertEqual(self.retry(lives, 10**9),
                         {lives: (REFUSED, "it has not ended"), 10**9: (UNKNOWN, "")})
        self.client.jobs("Cancel", ids=[lives])

    def test_success_is_repeated_only_by_id(self):
        good = self.client.exec("true", labels={"only": "id"})
        bad = self.client.exec("false", labels={"only": "id"})
        self.client.wait(good, bad)
        label = self.client.message("LabelMatch", key="only", value="id")
        selector = self.client.message("Selector", labels=[label])
        self.assertEqual(self.retry(selector=selector), {bad: (DONE, "run 2")})
        self.assertEqual(self.retry(good), {good: (DONE, "run 2")})
        self.client.wait(good, bad)

    def test_delay_and_other_gates(self):
        job = self.failing(start_before_ns=2**62)
        self.assertEqual(self.retry(job, delay_ns=1000 * e2e.SECOND)[job][0], DONE)
        shown = self.client.get(job)
        self.assertEqual(shown.state, CREATED)
        self.assertIn("in ", shown.reason)
        self.client.jobs("Cancel", ids=[job])
        self.assertEqual(self.client.wait(job).outcome, CANCELLED)
        # It did not run, so that counts for nothing.
        self.assertEqual(self.retry(job), {job: (DONE, "run 2")})
        self.client.wait(job)
        late = self.client.exec("true", held=True, start_before_ns=1)
        self.assertEqual(self.client.wait(late).outcome, EXPIRED)
        self.assertEqual(self.retry(late), {late: (DONE, "run 1")})
        self.assertEqual(self.client.wait(late).outcome, SUCCEEDED)

    def test_job_that_waited_waits_anew_when_both_are_retried(self):
        job = self.failing()
        behind = self.behind(job)
        self.assertEqual(self.client.wait(behind).outcome, DEPENDENCY_FAILED)
        # By itself it finds what it found before.
        self.assertEqual(self.retry(behind)[behind][0], DONE)
        self.assertEqual(self.client.wait(behind).outcome, DEPENDENCY_FAILED)
        self.repair()
        ids = self.client.message("IdRange", first=job, last=behind)
        done = self.retry(selector=self.client.message("Selector", ids=[ids]))
        self.assertEqual([status for status, _ in done.values()], [DONE, DONE])
        self.assertEqual(self.client.wait(behind).outcome, SUCCEEDED)
        self.assertGreaterEqual(self.client.get(behind).started_ns,
                                self.client.get(job).finished_ns)

    def test_what_it_ran_after_need_not_be_there_any_more(self):
        first = self.client.exec("true")
        self.client.wait(first)
        behind = self.behind(first)
        self.client.wait(behind)
        self.client.jobs("Remove", ids=[first])
        self.retry(behind)
        self.assertEqual(self.client.wait(behind).outcome, SUCCEEDED)

    def test_revived_job_is_awaited(self):
        job = self.failing()
        self.repair()
        self.retry(job, delay_ns=e2e.SECOND // 5)
        behind = self.behind(job)
        self.assertEqual(self.client.wait(behind).outcome, SUCCEEDED)

    def test_retries_do_not_begin_anew(self):
        policy = self.client.message("RetryPolicy", retries=1, backoff_ns=1_000_000)
        job = self.failing(retry=policy)
        self.assertEqual(self.outcomes(job), [FAILED, FAILED])
        self.retry(job)
        self.client.wait(job)
        self.assertEqual(self.outcomes(job), [FAILED, FAILED, FAILED])

    def test_unique_key_is_taken_or_free(self):
        job = self.failing(unique_key="again")
        other = self.client.exec("true", held=True, unique_key="again", on_conflict=3)
        self.assertEqual(self.retry(job), {
            job: (REFUSED, f"job {other} has its unique key and has not ended")})
        self.client.jobs("Cancel", ids=[other])
        self.client.wait(other)
        self.retry(job, delay_ns=1000 * e2e.SECOND)
        self.assertStatus(grpc.StatusCode.ALREADY_EXISTS, self.client.exec, "true",
                          unique_key="again", on_conflict=3)
        self.client.jobs("Cancel", ids=[job])

    def test_removed_after_a_retry(self):
        job = self.failing()
        self.retry(job)
        self.client.wait(job)
        result = self.client.jobs("Remove", ids=[job]).results[0]
        self.assertEqual(result.status, DONE)
        self.assertStatus(grpc.StatusCode.NOT_FOUND, self.client.get, job)

    def test_bad_requests_are_refused(self):
        for fields in ({}, {"all": True}, {"ids": [1], "delay_ns": -1},
                       {"ids": [1], "delay_ns": 2**62}):
            self.assertStatus(grpc.StatusCode.INVALID_ARGUMENT, self.client.jobs, "Retry", **fields)

    def test_gorctl(self):
        def run(*args):
            return ctl.run(*args, host=self.gord.target)

        job = run("submit", "-l", "by=ctl", "false").text.strip()
        run("wait", job)
        done = run("retry", job, "--cause", "once more")
        self.assertEqual((done.code, done.text), (0, f"{job}  retried: run 2\n"))
        run("wait", job)
        self.assertEqual(run("retry", "-l", "by=ctl", "--delay", "1h").code, 0)
        refused = run("retry", job)
        self.assertEqual(refused.code, ctl.USAGE)
        self.assertIn("it has not ended", refused.err.decode())
        self.assertEqual(run("cancel", job).code, 0)
        for args in ((), ("--all",), (job, "--delay", "soon")):
            self.assertEqual(run("retry", *args).code, ctl.USAGE, args)
        self.assertEqual(run("retry", "999999999").code, ctl.NOT_FOUND)


class Restart(Helpers, e2e.KillTest):
    def test_revived_jobs_outlive_a_kill(self):
        job, running = self.failing(), self.failing()
        self.retry(job, delay_ns=1000 * e2e.SECOND)
        long = self.client.exec("sh", "-c", "test -e $0 && sleep 1000", self.flag())
        self.client.wait(long)
        self.repair()
        self.retry(long, running)
        self.client.wait(running)
        self.client.wait_state(long, e2e.RUNNING)
        self.restart()
        self.assertEqual(self.client.get(job).state, CREATED)
        self.assertEqual(self.client.get(job).attempt, 1)
        self.assertEqual(self.client.get(running).outcome, SUCCEEDED)
        self.assertEqual(self.client.wait(long).outcome, LOST)
        self.assertEqual(self.outcomes(long), [FAILED, LOST])
        self.client.jobs("Cancel", ids=[job])
        self.client.wait(job)
        self.retry(job, long)
        self.assertEqual(self.client.wait(job).outcome, SUCCEEDED)
        self.client.jobs("Cancel", ids=[long])
        self.client.wait(long)
        self.assertStoreIsSound()


class Limited(Helpers, e2e.GordTest):
    """With limits on what is kept, the end that counts is the last."""

    options = ("--keep-jobs", "5")

    def test_revived_job_is_kept_by_its_last_end(self):
        job = self.failing()
        others = []
        for _ in range(4):  # one after the other, so that they end in this order
            others.append(self.client.exec("true"))
            self.client.wait(others[-1])
        self.repair()
        self.retry(job)
        self.client.wait(job)
        more = self.client.exec("true")
        self.client.wait(more)
        while True:  # until somebody has gone, which must be the first of the others
            kept = [j.id for j in self.client.jobs("List", limit=100).jobs]
            if len(kept) <= 5:
                break
        self.assertEqual(sorted(kept), sorted([job, more] + others[1:]))


if __name__ == "__main__":
    e2e.main()
