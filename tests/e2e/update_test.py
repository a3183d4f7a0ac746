# SPDX-License-Identifier: MIT
"""gorctl update: what waits is changed; what has started or ended is not."""

import time

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import CREATED, EXPIRED, FAILED, RUNNABLE, SUCCEEDED, TIMED_OUT, WAITING, grpc

DONE, REFUSED, UNKNOWN = 1, 3, 4
KILL = 1  # when stuck


class Helpers:
    def update(self, *ids, fields=(), more=None, **spec):
        """What became of each job; `spec` has the new values, fields of that name unless told."""
        reply = self.client.jobs("Update", ids=ids, fields=fields or list(spec),
                                 spec=self.client.message("JobSpec", **spec), **(more or {}))
        return {r.id: (r.status, r.message) for r in reply.results}

    def held(self, *argv, **fields):
        return self.client.exec(*(argv or ("true",)), held=True, **fields)

    def run_held(self, job):
        self.client.jobs("Release", ids=[job])
        return self.client.wait(job)


class Update(Helpers, e2e.GordTest):
    options = ("--exec-slots", "1")

    def test_changed_job_does_what_it_was_told_last(self):
        job = self.held("sleep", "1000", labels={"a": "1", "b": "2"}, name="old")
        self.assertEqual(self.update(job, timeout_ns=50_000_000, name="new", more={"cause": "fix"}),
                         {job: (DONE, "version 1")})
        shown = self.client.get(job)
        self.assertEqual((shown.version, shown.spec.name, shown.state), (1, "new", CREATED))
        self.assertEqual(shown.spec.timeout_ns, 50_000_000)
        reasons = [e.reason for e in self.client.events(job)]
        self.assertTrue(any("updated by" in r and "fix (version 1: timeout_ns, name)" in r
                            for r in reasons), reasons)
        self.assertEqual(self.run_held(job).outcome, TIMED_OUT)
        self.assertEqual(self.client.get(job).version, 1)

    def test_heartbeat_is_given_and_taken_back(self):
        job = self.held("sleep", "1000")
        status, said = self.update(job, on_stuck=KILL)[job]
        self.assertEqual(status, REFUSED)
        self.assertIn("without spec.heartbeat_ns", said)
        status, said = self.update(job, heartbeat_ns=e2e.SECOND // 2)[job]
        self.assertEqual(status, REFUSED)
        self.assertIn("spec.heartbeat_ns is out of range", said)
        self.assertEqual(self.update(job, on_stuck=KILL, heartbeat_ns=7 * e2e.SECOND)[job],
                         (DONE, "version 1"))
        self.update(job, fields=["heartbeat_ns"])
        spec = self.client.get(job).spec
        self.assertEqual((spec.heartbeat_ns, spec.on_stuck), (0, 0))
        self.update(job, on_stuck=KILL, heartbeat_ns=e2e.SECOND)
        ended = self.run_held(job)
        self.assertEqual((ended.outcome, ended.exit_code), (FAILED, 124))
        self.assertIn("stuck: no sign of life for 1 s", ended.detail)

    def test_labels_are_set_and_taken_off_and_found(self):
        job = self.held(labels={"a": "1", "b": "2", "c": "3"})
        self.update(job, labels={"b": "two", "d": "4"}, more={"unset_labels": ["c", "none"]})
        self.assertEqual(dict(self.client.get(job).spec.labels), {"a": "1", "b": "two", "d": "4"})
        for key, value, found in (("b", "two", True), ("b", "2", False), ("c", "3", False)):
            label = self.client.message("LabelMatch", key=key, value=value)
            selector = self.client.message("Selector", labels=[label])
            ids = self.client.jobs("Select", selector=selector).ids
            self.assertEqual(job in ids, found, (key, value))
        self.client.jobs("Cancel", ids=[job])

    def test_priority_decides_among_those_that_wait(self):
        blocker = self.client.exec("sleep", "1000")
        self.client.wait_state(blocker, e2e.RUNNING)
        first, second = self.client.exec("true"), self.client.exec("true")
        self.assertEqual(self.update(second, priority=100)[second][0], DONE)
        self.assertEqual(self.client.get(second).state, RUNNABLE)
        self.client.jobs("Cancel", ids=[blocker])
        self.client.wait(first, second)
        self.assertLess(self.client.get(second).started_ns, self.client.get(first).started_ns)

    def test_many_changes_at_once(self):
        """Each moves it on before the last one is on disk."""
        blocker = self.client.exec("sleep", "1000")
        self.client.wait_state(blocker, e2e.RUNNING)
        job = self.client.exec("true")
        method = self.client.channel.unary_unary("/gor.v1.Jobs/Update")
        calls = []
        for priority in range(1, 41):
            spec = self.client.message("JobSpec", priority=priority)
            request = self.client.message("UpdateRequest", ids=[job], fields=["priority"], spec=spec)
            calls.append(method.future(request.SerializeToString(), timeout=e2e.PATIENCE))
        for call in calls:
            call.result()
        shown = self.client.get(job)
        self.assertEqual((shown.version, shown.state), (40, RUNNABLE))
        self.client.jobs("Cancel", ids=[blocker])
        self.assertEqual(self.client.wait(job).outcome, SUCCEEDED)

    def test_queued_job_is_put_off_and_back(self):
        blocker = self.client.exec("sleep", "1000")
        self.client.wait_state(blocker, e2e.RUNNING)
        job = self.client.exec("true")
        self.update(job, delay_ns=1000 * e2e.SECOND)
        shown = self.client.get(job)
        self.assertEqual(shown.state, CREATED)
        self.assertIn("in ", shown.reason)
        self.update(job, not_before_ns=time.time_ns() + 1000 * e2e.SECOND)
        self.assertIn("until ", self.client.get(job).reason)
        self.update(job, fields=["not_before_ns"])
        self.assertEqual(self.client.get(job).state, RUNNABLE)
        self.update(job, start_before_ns=time.time_ns() + e2e.SECOND // 10)
        self.assertEqual(self.client.wait(job).outcome, EXPIRED)
        self.client.jobs("Cancel", ids=[blocker])

    def test_time_to_start_before_is_lifted(self):
        job = self.held(start_before_ns=time.time_ns() + 1000 * e2e.SECOND)
        self.update(job, fields=["start_before_ns"])
        self.assertEqual(self.client.get(job).spec.start_before_ns, 0)
        self.assertEqual(self.run_held(job).outcome, SUCCEEDED)

    def test_waiting_for_a_retry_it_can_be_changed(self):
        policy = self.client.message("RetryPolicy", retries=5, backoff_ns=1000 * e2e.SECOND)
        job = self.client.exec("false", retry=policy)
        self.client.wait_state(job, WAITING)
        self.assertEqual(self.update(job, fields=["retry.retries", "delay_ns"],
                                     retry=self.client.message("RetryPolicy", retries=1))[job][0],
                         DONE)
        ended = self.client.wait(job)
        self.assertEqual((ended.outcome, ended.attempt, ended.version), (FAILED, 1, 1))

    def test_started_ended_and_unknown_jobs_are_refused(self):
        runs, ended = self.client.native("builtin.sleep", "1000s"), self.client.exec("true")
        self.client.wait_state(runs, e2e.RUNNING)
        self.client.wait(ended)
        self.assertEqual(self.update(runs, ended, 10**9, priority=1), {
            runs: (REFUSED, "it has started already"), ended: (REFUSED, "it has ended"),
            10**9: (UNKNOWN, "")})
        self.client.jobs("Cancel", ids=[runs])

    def test_version_is_checked(self):
        job = self.held()
        self.assertEqual(self.update(job, priority=1, more={"if_version": True})[job][0], DONE)
        status, text = self.update(job, priority=2, more={"if_version": True})[job]
        self.assertEqual(status, REFUSED)
        self.assertIn("its version is 1, not 0", text)
        self.assertEqual(self.client.get(job).spec.priority, 1)
        self.assertEqual(self.update(job, priority=2, more={"if_version": True, "version": 1})[job],
                         (DONE, "version 2"))
        self.client.jobs("Cancel", ids=[job])

    def test_new_spec_is_checked_as_a_submit_is(self):
        job = self.held()
        for spec, text in (({"priority": 10001}, "priority"), ({"queue": "nowhere"}, "nowhere"),
                           ({"timeout_ns": -1}, "timeout_ns"), ({"name": "x" * 201}, "name"),
                           ({"slots": 2}, "slots"), ({"tokens": {"none": 1}}, "none")):
            status, said = self.update(job, **spec)[job]
            self.assertEqual(status, REFUSED, spec)
            self.assertIn(text, said)
        self.assertEqual(self.client.get(job).version, 0)
        self.client.jobs("Cancel", ids=[job])

    def test_bad_requests_are_refused(self):
        spec = self.client.message("JobSpec")
        for text, fields in (
                ("nothing would change", {"ids": [1]}), ("is not there", {"ids": [1], "fields": ["name"]}),
                ("'exec' is none", {"ids": [1], "spec": spec, "fields": ["exec"]}),
                ("exclude", {"ids": [1], "spec": spec, "fields": ["delay_ns", "not_before_ns"]}),
                ("ids is empty", {"spec": spec, "fields": ["name"]})):
            self.assertStatus(grpc.StatusCode.INVALID_ARGUMENT, self.client.jobs, "Update", text=text,
                              **fields)

    def test_gorctl(self):
        def run(*args):
            return ctl.run(*args, host=self.gord.target)

        job = run("submit", "--hold", "-n", "old", "-l", "of=update", "true").text.strip()
        done = run("update", "-l", "of=update", "--priority", "-5", "--new-name", "new", "--in", "1h",
                   "--set-label", "more=1", "--timeout", "90s", "--retries", "3")
        self.assertEqual((done.code, done.text), (0, f"{job}  updated: version 1\n"))
        shown = run("show", job).text
        self.assertIn("Version     1", shown)
        self.assertIn("new", shown)
        self.assertEqual(run("update", job, "--in", "0s", "--timeout", "0s", "--no-tokens",
                             "--unset-label", "more").code, 0)
        late = run("update", job, "--priority", "1", "--if-version", "1")
        self.assertEqual(late.code, ctl.USAGE)
        self.assertIn("its version is 2, not 1", late.err.decode())
        self.assertEqual(run("update", job, "--heartbeat", "90s", "--on-stuck", "kill").code, 0)
        shown = run("show", job).text
        self.assertRegex(shown, r"Heartbeat +1m30s")
        self.assertRegex(shown, r"On stuck +kill")
        self.assertEqual(run("update", job, "--heartbeat", "0s").code, 0)
        self.assertNotIn("Heartbeat", run("show", job).text)
        for args, said in ((("--heartbeat", "10ms"), "out of range"),
                           (("--on-stuck", "kill"), "without --heartbeat"),
                           (("--heartbeat", "soon"), "--heartbeat"),
                           (("--on-stuck", "wait"), "it must be report or kill"),
                           (("--to-queue", "none"), ": --to-queue: there is no queue 'none'"),
                           (("--new-name", "x" * 300), ": --new-name has 300 bytes"),
                           (("--set-label", "x" * 300 + "=y"), ": --set-label: a key has")):
            bad = run("update", job, *args)
            self.assertEqual(bad.code, ctl.USAGE, args)
            self.assertIn(said, bad.err.decode())
        run("release", job)
        self.assertEqual(run("wait", job).code, 0)
        self.assertEqual(run("update", job, "--priority", "1").code, ctl.USAGE)
        for args in ((job,), ("--priority", "1"), (job, "--priority", "many"), (job, "--token", "a=b"),
                     (job, "--set-label", "x"), (job, "--in", "1s", "--at", "2h"), (job, "--tz", "UTC"),
                     (job, "--slots", "0"), (job, "--all", "--priority", "1")):
            self.assertEqual(run("update", *args).code, ctl.USAGE, args)
        self.assertEqual(run("update", "999999999", "--priority", "1").code, ctl.NOT_FOUND)


class Restart(Helpers, e2e.KillTest):
    def test_changes_outlive_a_kill(self):
        job = self.held("sh", "-c", "exit 3", name="old", labels={"a": "1"})
        self.update(job, name="new", labels={"a": "2"}, priority=9,
                    retry=self.client.message("RetryPolicy", retries=1, backoff_ns=1000),
                    fields=["name", "labels", "priority", "retry.retries"])
        plain = self.held(priority=3)
        self.update(plain, priority=0)
        self.restart()
        shown = self.client.get(job)
        self.assertEqual((shown.spec.name, dict(shown.spec.labels), shown.spec.priority,
                          shown.version), ("new", {"a": "2"}, 9, 1))
        self.assertEqual(self.client.get(plain).spec.priority, 0)
        ended = self.run_held(job)
        self.assertEqual((ended.exit_code, ended.attempt), (3, 1))
        self.assertEqual(self.run_held(plain).outcome, SUCCEEDED)
        self.assertStoreIsSound()


if __name__ == "__main__":
    e2e.main()
