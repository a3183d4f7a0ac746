# SPDX-License-Identifier: MIT
"""The runs of a job one by one: Job.attempts, gorctl history --attempts."""

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import CANCELLED, FAILED, LOST, SIGNALED, SUCCEEDED, WAITING, grpc


class Helpers:
    def policy(self, retries=0, backoff_ns=1000, **fields):
        return self.client.message("RetryPolicy", retries=retries, backoff_ns=backoff_ns, **fields)

    def attempts(self, job):
        return self.client.get(job, with_attempts=True).attempts


class Attempts(Helpers, e2e.GordTest):
    def test_each_run_tells_how_it_ended(self):
        job = self.client.exec("sh", "-c", "echo out; echo err >&2; exit 3", retry=self.policy(2))
        self.client.wait(job)
        runs = self.attempts(job)
        self.assertEqual([(r.number, r.outcome, r.exit_code) for r in runs],
                         [(n, FAILED, 3) for n in (1, 2, 3)])
        self.assertEqual({(r.stdout_bytes, r.stderr_bytes) for r in runs}, {(4, 4)})
        for before, after in zip(runs, runs[1:]):
            self.assertLessEqual(before.started_ns, before.finished_ns)
            self.assertLessEqual(before.finished_ns, after.started_ns)
        self.assertIn("retry 1 of 2", runs[0].detail)
        listed = self.client.jobs("List", limit=100, with_attempts=True).jobs[0]
        self.assertEqual(list(listed.attempts), list(runs))

    def test_job_that_ran_once_has_one(self):
        job = self.client.exec("sh", "-c", "kill -9 $$")
        ended = self.client.wait(job)
        run, = self.attempts(job)
        self.assertEqual((run.number, run.outcome, run.signal, run.started_ns),
                         (1, SIGNALED, 9, ended.started_ns))
        self.assertEqual(len(self.client.get(job).attempts), 0)

    def test_retried_running_and_unstarted_jobs(self):
        job = self.client.exec("true")
        self.client.wait(job)
        self.client.jobs("Retry", ids=[job])
        self.client.wait(job)
        self.assertEqual([r.outcome for r in self.attempts(job)], [SUCCEEDED, SUCCEEDED])
        held = self.client.exec("true", held=True)
        self.assertEqual(len(self.attempts(held)), 0)
        self.client.jobs("Cancel", ids=[held])
        self.client.wait(held)
        self.assertEqual([(r.outcome, r.started_ns) for r in self.attempts(held)], [(CANCELLED, 0)])
        job = self.client.exec("false", retry=self.policy(1, 1000 * e2e.SECOND))
        self.client.wait_state(job, WAITING)
        self.assertEqual([(r.number, r.outcome) for r in self.attempts(job)], [(1, FAILED)])
        self.client.jobs("Cancel", ids=[job])
        self.client.wait(job)
        self.assertEqual([r.outcome for r in self.attempts(job)], [FAILED, CANCELLED])

    def test_of_many_the_newest_are_told(self):
        job = self.client.exec("false", retry=self.policy(120, fixed=True, backoff_ns=1))
        self.client.wait(job)
        self.assertEqual([r.number for r in self.attempts(job)], list(range(22, 122)))

    def test_a_page_with_attempts_is_small(self):
        self.assertStatus(grpc.StatusCode.INVALID_ARGUMENT, self.client.jobs, "List", limit=101,
                          with_attempts=True, text="at most 100 with attempts")

    def test_gorctl_has_a_row_for_each(self):
        def run(*args):
            return ctl.run(*args, host=self.gord.target)

        job = run("submit", "--retries", "2", "--backoff", "1ms", "--shell", "exit 5").text.strip()
        run("wait", job)
        lines = run("history", "--attempts", job).text.splitlines()
        self.assertEqual(lines[0].split()[:4], ["ID", "RUN", "OUTCOME", "STARTED"])
        self.assertEqual([line.split()[:2] for line in lines[1:]],
                         [[job, "1"], [job, "2"], [job, "3"]])
        only = run("history", "--attempts", "-o", "run,stdout", job).text.split()
        self.assertEqual(only[:4], ["RUN", "STDOUT", "1", "0"])
        found = run("history", "--attempts", "--json", job).json["jobs"][0]["attempts"]
        self.assertEqual([a["exit_code"] for a in found], [5, 5, 5])


class Restart(Helpers, e2e.KillTest):
    def test_run_that_ended_with_a_daemon_is_lost(self):
        job = self.client.exec("sleep", "1000", retry=self.policy(requeue=1))
        self.client.wait_process(job)
        self.restart()
        self.client.wait_process(job)
        self.client.jobs("Cancel", ids=[job])
        self.client.wait(job)
        self.assertEqual([r.outcome for r in self.attempts(job)], [LOST, CANCELLED])


if __name__ == "__main__":
    e2e.main()
