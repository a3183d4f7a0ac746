# SPDX-License-Identifier: MIT
"""Gates: what keeps accepted jobs from the queue, and that a dead daemon changes nothing of it."""

import time

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import EXPIRED, grpc

DONE, UNCHANGED, REFUSED, UNKNOWN = 1, 2, 3, 4
QUEUED, GATED = 2, 8  # kinds of events


def now_ns():
    return time.time_ns()


class Gates(e2e.GordTest):
    def hold(self, method, *ids, **fields):
        return [r.status for r in self.client.jobs(method, ids=ids, **fields).results]

    def test_held_job_runs_once_it_is_released(self):
        job = self.client.exec("true", held=True)
        shown = self.client.get(job)
        self.assertEqual(shown.state, e2e.CREATED)
        self.assertIn("held", shown.reason)
        self.assertEqual(self.hold("Hold", job), [UNCHANGED])
        self.assertEqual(self.hold("Release", job, cause="go"), [DONE])
        self.assertEqual(self.client.wait(job).outcome, e2e.SUCCEEDED)
        reasons = [e.reason for e in self.client.events(job)]
        self.assertTrue(any("released by" in r and ": go" in r for r in reasons), reasons)
        self.assertEqual(self.hold("Release", job, 10**9), [REFUSED, UNKNOWN])

    def test_queued_job_can_be_held_and_others_pass_it(self):
        self.client.jobs("Pause")
        first, second = self.client.exec("true"), self.client.exec("true")
        self.assertEqual(self.hold("Hold", first), [DONE])
        self.client.jobs("Resume")
        self.assertEqual(self.client.wait(second).outcome, e2e.SUCCEEDED)
        self.assertEqual(self.client.get(first).state, e2e.CREATED)
        self.hold("Release", first)
        self.assertEqual(self.client.wait(first).outcome, e2e.SUCCEEDED)

    def test_running_job_cannot_be_held(self):
        job = self.client.native("builtin.sleep", "1000s")
        self.client.wait_state(job, e2e.RUNNING)
        self.assertEqual(self.hold("Hold", job), [REFUSED])
        self.client.jobs("Cancel", ids=[job])

    def test_all_means_those_it_fits(self):
        jobs = [self.client.exec("true", held=True) for _ in range(3)]
        reply = self.client.jobs("Release", all=True)
        self.assertLessEqual(set(jobs), {r.id for r in reply.results})
        self.client.wait(*jobs)

    def test_delay_and_time_are_kept(self):
        begun = time.monotonic()
        job = self.client.exec("true", delay_ns=e2e.SECOND // 2)
        self.assertEqual(self.client.get(job).state, e2e.CREATED)
        self.assertRegex(self.client.get(job).reason, r"^in [0-9.]{1,5} s$")
        self.client.wait(job)
        self.assertGreaterEqual(time.monotonic() - begun, 0.5)
        due = now_ns() + e2e.SECOND // 2
        job = self.client.exec("true", not_before_ns=due, zone="Europe/Berlin")
        self.assertIn("until ", self.client.get(job).reason)
        self.assertGreaterEqual(self.client.wait(job).started_ns, due)

    def test_time_in_the_past_is_at_once(self):
        self.assertEqual(self.client.wait(self.client.exec("true", not_before_ns=1)).outcome,
                         e2e.SUCCEEDED)

    def test_job_that_cannot_start_in_time_expires(self):
        job = self.client.exec("true", held=True, start_before_ns=now_ns() + e2e.SECOND // 5)
        ended = self.client.wait(job)
        self.assertEqual(ended.outcome, EXPIRED)
        self.assertIn("it was to start before", ended.detail)
        self.client.jobs("Pause")
        queued = self.client.exec("true", start_before_ns=now_ns() + e2e.SECOND // 5)
        self.assertEqual(self.client.wait(queued).outcome, EXPIRED)
        self.client.jobs("Resume")
        started = self.client.native("builtin.sleep", "700ms",
                                     start_before_ns=now_ns() + e2e.SECOND // 2)
        self.assertEqual(self.client.wait(started).outcome, e2e.SUCCEEDED)

    def test_cancelled_at_its_gate_never_runs(self):
        job = self.client.exec("true", held=True)
        self.client.jobs("Cancel", ids=[job])
        self.assertEqual(self.client.wait(job).outcome, e2e.CANCELLED)
        self.assertEqual(self.hold("Release", job), [REFUSED])

    def test_bad_fields_are_named(self):
        for text, fields in (("delay_ns", {"delay_ns": -1}), ("not_before_ns", {"not_before_ns": -1}),
                             ("exclude each other", {"delay_ns": 1, "not_before_ns": 1}),
                             ("start_before_ns", {"start_before_ns": -5}),
                             ("could never start", {"start_before_ns": 5, "not_before_ns": 9}),
                             ("zone", {"zone": "x" * 64})):
            self.assertStatus(grpc.StatusCode.INVALID_ARGUMENT, self.client.exec, "true", text=text,
                              **fields)
        for fields in ({}, {"ids": [1], "all": True}, {"ids": [1], "cause": "x" * 5000}):
            self.assertStatus(grpc.StatusCode.INVALID_ARGUMENT, self.client.jobs, "Hold", **fields)

    def test_many_delayed_jobs_come_in_the_order_of_their_times(self):
        base = now_ns() + 100_000_000
        specs = [self.client.native_spec("builtin.echo",
                                         not_before_ns=base + (i * 37 % 200 + 1) * 1_000_000)
                 for i in range(200)]
        first = self.client.jobs("SubmitMany", specs=specs).first_id
        due, queued = {}, {}
        for job in self.client.wait(*range(first, first + 200)):
            seqs = {e.kind: e.seq for e in self.client.events(job.id)}
            if GATED in seqs:  # not those whose time had come already
                due[job.id], queued[job.id] = job.spec.not_before_ns, seqs[QUEUED]
        self.assertEqual(sorted(due, key=queued.get), sorted(due, key=due.get))

    def gorctl(self, *args):
        return ctl.run(*args, host=self.gord.target)

    def test_gorctl_holds_and_releases(self):
        job = self.gorctl("submit", "--hold", "true").text.strip()
        self.assertIn("held; `gorctl release", self.gorctl("show", job).text)
        self.assertIn("it was held already", self.gorctl("hold", job).text)
        self.assertEqual(self.gorctl("release", job, "--cause", "now").code, 0)
        self.assertEqual(self.gorctl("wait", job).code, 0)
        self.assertEqual(self.gorctl("hold", job).code, ctl.USAGE)
        self.assertEqual(self.gorctl("hold", "999999999").code, ctl.NOT_FOUND)
        self.assertEqual(self.gorctl("hold").code, ctl.USAGE)

    def test_gorctl_times(self):
        self.assertEqual(self.gorctl("run", "--in", "50ms", "true").code, 0)
        late = self.gorctl("run", "--hold", "--start-before", "100ms", "true")
        self.assertEqual(late.code, 84)
        job = self.gorctl("submit", "--at", "2100-01-02 03:04", "--tz", "Europe/Berlin", "true")
        shown = self.gorctl("show", "--json", job.text.strip()).json["job"]
        self.assertEqual(int(shown["spec"]["not_before_ns"]), 4102538640 * e2e.SECOND)
        self.assertEqual(shown["spec"]["zone"], "Europe/Berlin")
        for args in (("--in", "5"), ("--at", "soon"), ("--at", "25:00"), ("--tz", "Mars/Here"),
                     ("--in", "1s", "--at", "2h"), ("--at", "2h", "--tz", "../etc"),
                     ("--start-before", "whenever")):
            self.assertEqual(self.gorctl("submit", *args, "true").code, ctl.USAGE, args)


class Recovery(e2e.KillTest):
    """kill -9, and everything is where it was."""

    def test_gates_outlive_a_kill(self):
        begun = time.monotonic()
        held = self.client.exec("true", held=True)
        self.client.jobs("Pause")
        queued = self.client.exec("true")
        self.client.jobs("Hold", ids=[queued])
        self.client.jobs("Resume")
        released = self.client.exec("true", held=True, delay_ns=10**15)
        self.client.jobs("Release", ids=[released])
        delayed = self.client.exec("true", delay_ns=3 * e2e.SECOND)
        due = now_ns() + 3 * e2e.SECOND
        timed = self.client.exec("true", not_before_ns=due)
        expiring = self.client.exec("true", held=True, start_before_ns=due)
        self.restart()
        for job, text in ((held, "held"), (queued, "held"), (released, "in "), (delayed, "in "),
                          (timed, "until ")):
            shown = self.client.get(job)
            self.assertEqual(shown.state, e2e.CREATED, job)
            self.assertIn(text, shown.reason)
        self.client.wait(delayed)
        self.assertGreaterEqual(time.monotonic() - begun, 3)
        self.assertGreaterEqual(self.client.wait(timed).started_ns, due)
        self.assertEqual(self.client.wait(expiring).outcome, EXPIRED)
        self.client.jobs("Release", ids=[held, queued])
        self.assertEqual([j.outcome for j in self.client.wait(held, queued)],
                         [e2e.SUCCEEDED, e2e.SUCCEEDED])


if __name__ == "__main__":
    e2e.main()
