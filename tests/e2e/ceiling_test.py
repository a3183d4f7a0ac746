# SPDX-License-Identifier: MIT
"""Ceilings on goroutines and on the memory of stacks: jobs wait for places or are refused, and the
daemon itself goes on as if nothing was."""

import unittest

import gor_e2e as e2e
from gor_e2e import grpc
from upgrade_test import AcrossDaemons, UpgradedGord

WAIT = 2  # a stop policy
EXHAUSTED = None if grpc is None else grpc.StatusCode.RESOURCE_EXHAUSTED


class CeilingTest(e2e.GordTest):
    def metric(self, name):
        chunks = self.client.runtime("Inspect", kind=7)
        text = b"".join(chunk.data for chunk in chunks).decode()
        values = [line.split()[1] for line in text.splitlines() if line.startswith(name + " ")]
        self.assertEqual(len(values), 1, f"{name} in:\n{text}")
        return float(values[0])

    def sleepers(self, count):
        """As many jobs that sleep; their ids."""
        specs = [self.client.native_spec("builtin.sleep", "1h") for _ in range(count)]
        first = self.client.jobs("SubmitMany", specs=specs).first_id
        return list(range(first, first + count))

    def cancel(self, ids):
        self.client.jobs("Cancel", ids=ids)
        for job in self.client.wait(*ids) if len(ids) > 1 else [self.client.wait(*ids)]:
            self.assertEqual(job.outcome, e2e.CANCELLED)

    def assertServes(self):
        """Calls are answered, and processes run: those are no goroutines of native jobs."""
        self.assertEqual(self.client.runtime("Version").pid, self.gord.process.pid)
        job = self.client.wait(self.client.exec("echo", "here"))
        self.assertEqual(job.outcome, e2e.SUCCEEDED, job.detail)
        self.assertEqual(self.client.logs(job.id), b"here\n")


class Queue(CeilingTest):
    options = ("--max-goroutines", "20", "--native-slots", "1000", "--exec-slots", "4")

    def test_jobs_wait_for_places_in_their_order(self):
        ids = self.sleepers(50)
        self.client.wait_state(ids[19], e2e.WAITING)
        self.assertServes()
        states = [self.client.get(i).state for i in ids]
        self.assertEqual(states[20:], [e2e.RUNNABLE] * 30)
        self.assertEqual(self.metric("gord_native_goroutines"), 20)
        self.assertEqual(self.metric("gord_native_goroutines_max"), 20)
        late = self.client.native("builtin.echo", "late")
        reason = self.client.get(late).reason
        self.assertIn("20 of at most 20 goroutines (--max-goroutines)", reason)
        self.cancel(ids[:20])
        self.client.wait_state(ids[39], e2e.WAITING)
        self.assertLessEqual(self.metric("gord_native_goroutines"), 20)
        self.assertServes()
        self.cancel(ids[20:])
        self.assertEqual(self.client.wait(late).outcome, e2e.SUCCEEDED)

    def test_what_a_job_starts_counts_too(self):
        job = self.client.wait(self.client.native("builtin.fanout", 100_000))
        if job.outcome == e2e.FAILED:
            self.assertIn("--max-goroutines", job.detail)
        self.assertServes()
        job = self.client.wait(self.client.native("builtin.pingpong", 10))
        self.assertEqual(job.outcome, e2e.SUCCEEDED, job.detail)

    def test_many_short_jobs_come_through(self):
        specs = [self.client.native_spec("builtin.echo", i) for i in range(500)]
        first = self.client.jobs("SubmitMany", specs=specs).first_id
        for job in self.client.wait(*range(first, first + 500)):
            self.assertEqual(job.outcome, e2e.SUCCEEDED, job.detail)

    def test_one_that_waits_for_a_place_can_be_cancelled(self):
        ids = self.sleepers(20)
        self.client.wait_state(ids[19], e2e.WAITING)
        more = self.sleepers(2)
        self.cancel(more)
        self.cancel(ids)


class Refuse(CeilingTest):
    options = ("--max-goroutines", "5", "--at-ceiling", "refuse")

    def test_jobs_beyond_the_ceiling_are_refused(self):
        ids = self.sleepers(4) + self.sleepers(1)
        spec = self.client.native_spec("builtin.echo")
        self.assertStatus(EXHAUSTED, self.client.jobs, "Submit", spec=spec,
                          text="--at-ceiling=refuse")
        self.assertStatus(EXHAUSTED, self.client.jobs, "SubmitMany", specs=[spec],
                          text="of at most 5 goroutines (--max-goroutines)")
        self.assertServes()
        self.cancel(ids)
        self.client.wait(self.client.native("builtin.echo"))
        self.assertStatus(EXHAUSTED, self.client.jobs, "SubmitMany", specs=[spec] * 6,
                          text="places for 5 more jobs")
        first = self.client.jobs("SubmitMany", specs=[spec] * 5).first_id
        self.client.wait(*range(first, first + 5))


@unittest.skipIf(e2e.SANITIZE, "goroutines cost more there")
class Memory(CeilingTest):
    options = ("--max-stack-memory", "16M", "--exec-slots", "4", "--native-slots", "10000")

    def test_started_jobs_wait_for_memory(self):
        """16 MiB are enough for some 3,500; the others have been started when that shows."""
        ids = self.sleepers(5000)
        self.client.wait_state(ids[-1], e2e.WAITING)
        self.assertEqual(self.client.get(ids[-1]).reason, "a place for its goroutine")
        self.assertGreater(self.metric("gord_jobs_without_place"), 100)
        self.assertGreater(self.metric("gor_spawns_refused_total"), 0)
        late = self.client.exec("true")
        self.assertEqual(self.client.runtime("Version").pid, self.gord.process.pid)
        self.assertIn("--max-stack-memory", self.client.get(late).reason)
        self.cancel(ids[-1:])
        for at in range(0, 4999, 1000):
            self.cancel(ids[at:min(at + 1000, 4999)])
        self.assertEqual(self.client.wait(late).outcome, e2e.SUCCEEDED)
        self.assertEqual(self.metric("gord_jobs_without_place"), 0)


@unittest.skipIf(e2e.SANITIZE, "goroutines cost more there")
class Line(AcrossDaemons):
    """A started job that waits for memory when its daemon goes has not run, and does so with the next one."""

    def setUp(self):
        self.gord, self.client = e2e.begin_gord(self, "--max-stack-memory", "16M", "--native-slots",
                                                "10000", "--stop-timeout", "20s", kind=UpgradedGord)

    def stand_in_line(self, spec):
        """The job, behind so many others that there is no place for it."""
        others = [self.client.native_spec("builtin.sleep", "1h") for _ in range(5000)]
        job = self.client.jobs("SubmitMany", specs=others + [spec]).first_id + len(others)
        self.client.wait_state(job, e2e.WAITING)
        self.assertEqual(self.client.get(job).reason, "a place for its goroutine")
        return job

    def assertRuns(self, job):
        self.assertNotIn("still run", self.gord.stderr())  # nobody was waited for
        self.again()
        ended = self.client.wait(job)
        self.assertEqual((ended.outcome, ended.losses), (e2e.SUCCEEDED, 0), ended.detail)

    def test_a_stop_queues_it_again(self):
        job = self.stand_in_line(self.client.native_spec("builtin.echo", "late", on_stop=WAIT))
        self.assertEqual(self.gord.stop(), 0, self.gord.stderr())
        self.gord.start()
        self.assertRuns(job)

    def test_an_upgrade_queues_it_again(self):
        job = self.stand_in_line(self.client.exec_spec("true"))
        self.gord.upgrade()
        self.assertRuns(job)


if __name__ == "__main__":
    e2e.main()
