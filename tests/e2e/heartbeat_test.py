# SPDX-License-Identifier: MIT
"""Jobs that give no sign of life: told, cleared by the next sign, or ended."""

import json
import os
import shutil
import tempfile
import time
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl

PLUGINS = os.path.join(e2e.BUILD, "tests", "plugins")
SILENT = "stuck: no sign of life for 1 s"
STUCK, ALIVE = 17, 18
KILL = 1
DONE = 1


class Heartbeat(ctl.GorctlTest):
    @classmethod
    def setUpClass(cls):
        cls.plugins = tempfile.mkdtemp(prefix="gor-")
        shutil.copyfile(os.path.join(PLUGINS, "zoo1.so"), os.path.join(cls.plugins, "zoo.so"))
        cls.options = ("--grace", "500ms", "--plugin-dir", cls.plugins)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.plugins)

    def shell(self, script, *args, seconds=1, **fields):
        return self.client.exec("/bin/sh", "-c", script, "sh", *args,
                                heartbeat_ns=seconds * e2e.SECOND, **fields)

    def lua(self, text, seconds=1, **fields):
        script = self.client.message("LuaSpec", script=text.encode())
        return self.client.submit(self.client.message("JobSpec", lua=script,
                                                      heartbeat_ns=seconds * e2e.SECOND,
                                                      **fields))

    def until(self, kind, *ids):
        """The events of these jobs until each has had one of that kind."""
        events = []
        missing = set(ids)
        watch = self.client.jobs("Watch", ids=list(ids))
        while missing:
            event = next(watch)
            events.append(event)
            if event.kind == kind:
                missing.discard(event.job_id)
        watch.cancel()
        return events

    def await_job(self, job_id, holds):
        end = time.monotonic() + e2e.PATIENCE
        while not holds(job := self.client.get(job_id)):
            self.assertLess(time.monotonic(), end, job)
            time.sleep(0.02)
        return job

    def test_told_wherever_one_looks_and_cleared_by_a_sign(self):
        gate = os.path.join(self.gord.folder, "gate")
        os.mkfifo(gate)
        before = self.stuck_total()
        job_id = self.shell('echo "1/2 half" >&3; cat "$1"; while :; do echo >&3; sleep 0.05; done',
                            gate)
        event = self.until(STUCK, job_id)[-1]
        self.assertEqual((event.state, event.reason.split("\n")[0]), (e2e.RUNNING, SILENT))
        job = self.client.get(job_id)
        self.assertEqual((job.stuck_ns, job.reason), (event.at_ns, SILENT))
        self.assertIn(f"job {job_id} runs: {SILENT}", self.ok("why", str(job_id)).text)
        self.assertIn("Why         " + SILENT, self.ok("show", str(job_id)).text)
        self.assertIn("Heartbeat   1", self.ok("show", str(job_id)).text)
        self.assertIn("On stuck    report", self.ok("show", str(job_id)).text)
        self.assertIn(SILENT, self.ok("ls").text)
        self.assertGreaterEqual(self.stuck_total(), before + 1)
        with open(gate, "wb"):
            pass
        event = self.until(ALIVE, job_id)[-1]
        self.assertEqual(event.reason, "gives signs of life again")
        job = self.await_job(job_id, lambda job: job.stuck_ns == 0)
        self.assertEqual((job.reason, job.progress.text), ("", "half"))
        self.client.jobs("Terminate", ids=[job_id])
        self.client.wait(job_id)

    def test_it_says_where_it_stands(self):
        program = self.shell("sleep 1000 & sh -c 'exec sleep 2000' & echo >&3; wait")
        native = self.client.native("builtin.sleep", "1000s", heartbeat_ns=e2e.SECOND)
        script = self.lua("sleep(1000)")
        told = {}
        for job_id in (program, native, script):
            reason = self.until(STUCK, job_id)[-1].reason
            first, blank, told[job_id] = reason.split("\n", 2)
            self.assertEqual((first, blank), (SILENT, ""))
            self.assertEqual(self.client.get(job_id).reason, SILENT)
            for command in ("why", "show"):
                text = self.ok(command, str(job_id)).text
                for line in told[job_id].splitlines():
                    self.assertIn(line.strip(), text)
        lines = told[program].splitlines()
        self.assertEqual(len(lines), 3, lines)
        leader = self.client.get(program).pid
        self.assertRegex(lines[0], rf"^process {leader} \(sh\) of {self.gord.process.pid}: S \(sleeping\)")
        for line in lines[1:]:
            self.assertRegex(line, rf"^process \d+ \(sleep\) of {leader}: S \(sleeping\)")
        for job_id in (native, script):
            self.assertRegex(told[job_id], rf'^goroutine \d+ \[.*"job {job_id}"')
            self.assertLessEqual(len(told[job_id]), 4096)
        self.assertIn("[sleep", told[native])
        self.assertIn("gord_run_main", told[native])
        self.assertIn("gord_lua_run", told[script])
        self.client.jobs("Terminate", ids=list(told))
        self.client.wait(*told)

    def test_what_it_says_is_bounded(self):
        job_id = self.shell("for i in $(seq 30); do sleep 1000 & done; echo >&3; wait")
        lines = self.until(STUCK, job_id)[-1].reason.splitlines()
        self.assertEqual((len(lines), lines[-1]), (2 + 16 + 1, "and 15 more"))
        self.client.jobs("Terminate", ids=[job_id])
        self.client.wait(job_id)

    def stuck_total(self):
        text = self.ok("metrics").text
        return int(next(line.split()[1] for line in text.splitlines()
                        if line.startswith("gord_jobs_stuck_total")))

    def test_every_kind_of_sign(self):
        jobs = [self.shell("while sleep 1.5; do echo >&3; done"),
                self.shell("while sleep 1.5; do echo 1/2 >&3; done"),
                self.lua("while true do sleep(1.5) alive() end"),
                self.lua("while true do sleep(1.5) progress(50) end"),
                self.client.native("zoo.falter", heartbeat_ns=e2e.SECOND)]
        self.until(ALIVE, *jobs)
        self.client.jobs("Terminate", ids=jobs)
        for job_id in jobs:
            self.client.wait(job_id)

    def test_ended_as_failed(self):
        jobs = [self.shell("trap 'exit 0' TERM; sleep 1000 & wait", on_stuck=KILL),
                self.shell("exec sleep 1000", on_stuck=KILL),
                self.lua("sleep(1000)", on_stuck=KILL),
                self.client.native("builtin.sleep", "1000s", heartbeat_ns=e2e.SECOND,
                                   on_stuck=KILL)]
        child = self.client.exec("sleep", "1000", parent_id=jobs[1])
        for job_id in jobs:
            job = self.client.wait(job_id)
            self.assertEqual((job.outcome, job.exit_code, job.signal, job.detail, job.stuck_ns),
                             (e2e.FAILED, 124, 0, SILENT, 0))
        self.assertEqual(self.client.wait(child).outcome, e2e.CANCELLED)
        self.assertEqual(self.gorctl("wait", str(jobs[0])).code, 124)

    def test_retried(self):
        retry = self.client.message("RetryPolicy", retries=1, backoff_ns=1, exit_codes=[124])
        job = self.client.wait(self.shell("exec sleep 1000", on_stuck=KILL, retry=retry))
        self.assertEqual((job.outcome, job.exit_code, job.attempt), (e2e.FAILED, 124, 1))
        attempts = self.client.get(job.id, with_attempts=True).attempts
        self.assertEqual([(a.outcome, a.exit_code) for a in attempts], [(e2e.FAILED, 124)] * 2)

    def test_pauses_do_not_count(self):
        # They give signs long enough to be paused meanwhile.
        jobs = [self.shell('for i in $(seq 40); do echo $i >&3; sleep 0.05; done; sleep 1000',
                           seconds=2),
                self.lua("for i = 1, 40 do progress(i) sleep(0.05) end sleep(1000)", seconds=2)]
        for job_id in jobs:
            self.await_job(job_id, lambda job: job.HasField("progress"))
            result = self.client.jobs("PauseJobs", ids=[job_id]).results[0]
            self.assertEqual(result.status, DONE, result)
        # Silent for as long as they may be, and for less time than they are.
        self.until(STUCK, self.shell("sleep 1000", seconds=2))
        for job_id in jobs:
            self.assertEqual(self.client.get(job_id).stuck_ns, 0)
        self.client.jobs("ResumeJobs", ids=jobs)
        self.until(STUCK, *jobs)

    def test_an_array_s_tasks(self):
        spec = self.client.exec_spec("sleep", "1000", heartbeat_ns=e2e.SECOND, on_stuck=KILL)
        spec.array.indices.add(first=0, last=1)
        group = self.client.submit(spec)
        self.assertEqual(self.client.wait(group).outcome, e2e.FAILED)
        for task in (group + 1, group + 2):
            self.assertEqual(self.client.get(task).detail, SILENT)

    def test_what_is_refused(self):
        for dry in ((), ("--dry-run",)):
            self.refused(ctl.USAGE, "1 s to ten years", "submit", *dry, "--heartbeat", "500ms", "true")
            self.refused(ctl.USAGE, "--on-stuck is KILL without --heartbeat", "submit", *dry, "--on-stuck", "kill", "true")
        self.refused(ctl.USAGE, "report or kill", "submit", "--on-stuck", "cry", "true")
        self.ok("submit", "--dry-run", "--heartbeat", "1s", "--on-stuck", "kill", "true")

    def test_of_lines(self):
        line = {"argv": ["true"], "heartbeat": "90s", "on_stuck": "kill"}
        job_id = int(self.ok("submit", "--from", "-", stdin=json.dumps(line).encode()).out)
        spec = self.client.wait(job_id).spec
        self.assertEqual((spec.heartbeat_ns, spec.on_stuck), (90 * e2e.SECOND, KILL))
        bad = json.dumps(dict(line, on_stuck="cry")).encode()
        self.refused(ctl.USAGE, "report or kill", "submit", "--from", "-", stdin=bad)


if __name__ == "__main__":
    unittest.main()
