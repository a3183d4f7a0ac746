# SPDX-License-Identifier: MIT
"""Waiting for jobs to come to a state: level-triggered, all or the first of them, with a limit."""

import itertools
import subprocess

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import grpc

INVALID = grpc.StatusCode.INVALID_ARGUMENT if grpc else None
DEADLINE = grpc.StatusCode.DEADLINE_EXCEEDED if grpc else None


class WaitForStates(ctl.GorctlTest):
    options = ("--exec-slots", "2")

    def setUp(self):
        self.held = self.client.exec("sleep", "1000", held=True)
        self.addCleanup(self.client.wait, self.held)
        self.addCleanup(self.client.jobs, "Cancel", ids=[self.held])

    def start_waiting(self, *args):
        """Begin `gorctl wait`; it has asked when this returns."""
        asked = self.client.runtime("Stats").calls
        process = self.start("wait", *args, stdout=subprocess.PIPE)
        for ours in itertools.count(1):
            if self.client.runtime("Stats").calls > asked + ours:
                return process

    def test_it_is_there_already(self):
        self.assertIn(f"{self.held}  created", self.ok("wait", "--for", "created",
                                                       str(self.held)).text)
        reply = self.client.jobs("Wait", ids=[self.held], states=[e2e.CREATED, e2e.WAITING])
        self.assertEqual([(j.id, j.state) for j in reply.jobs], [(self.held, e2e.CREATED)])

    def test_it_comes_there(self):
        process = self.start_waiting("--for", "running", str(self.held))
        future = self.client.exec("true")
        self.client.wait(future)
        self.assertIsNone(process.poll())
        self.client.jobs("Release", ids=[self.held])
        self.assertIn(b"running", process.stdout.read())
        process.stdout.close()
        self.assertEqual(process.wait(e2e.PATIENCE), 0)

    def test_it_ends_instead_with_its_own_code(self):
        job = self.client.exec("sh", "-c", "exit 7")
        self.client.wait(job)
        self.assertEqual(self.gorctl("wait", "--for", "created", str(job)).code, 7)
        self.assertEqual(self.gorctl("wait", "--for", "created", "--any", str(job)).code, 7)
        self.client.jobs("Cancel", ids=[self.held])
        self.assertEqual(self.gorctl("wait", "--for", "running", str(self.held)).code,
                         ctl.CANCELLED)

    def test_all_or_any_and_what_was_reached_stays_so(self):
        """The first is paused by the time the second runs."""
        first = self.client.exec("sleep", "1000")
        process = self.start_waiting("--for", "running", str(first), str(self.held))
        out = self.ok("wait", "--for", "running", "--any", str(first), str(self.held)).text
        self.assertEqual(len(out.splitlines()), 1)
        self.client.jobs("PauseJobs", ids=[first])
        self.ok("wait", "--for", "waiting", str(first))
        self.assertIsNone(process.poll())
        self.client.jobs("Release", ids=[self.held])
        self.assertEqual(len(process.stdout.read().splitlines()), 2)
        process.stdout.close()
        self.assertEqual(process.wait(e2e.PATIENCE), 0)
        self.client.jobs("Terminate", ids=[first])
        self.client.wait(first)

    def test_time_is_up(self):
        done = self.refused(ctl.TIMED_OUT, "the job has not come to that state, or ended", "wait",
                            "--for", "running", "--timeout", "50ms", str(self.held))
        self.assertEqual(done.out, b"")
        self.assertStatus(DEADLINE, self.client.jobs, "Wait", ids=[self.held], states=[e2e.RUNNING],
                          timeout=0.05)
        # Those that gave up are gone: this is answered by what happens now.
        self.client.jobs("Release", ids=[self.held])
        self.ok("wait", "--for", "running", str(self.held))

    def test_wrong_words(self):
        self.refused(ctl.USAGE, "'gone' is no state", "wait", "--for", "gone", str(self.held))
        self.assertStatus(INVALID, self.client.jobs, "Wait", ids=[self.held], states=[9],
                          text="states[0] is 9")
        self.assertStatus(INVALID, self.client.jobs, "Wait", ids=range(1, 10002),
                          states=[e2e.RUNNING], text="1 to 10000")


if __name__ == "__main__":
    e2e.main()
