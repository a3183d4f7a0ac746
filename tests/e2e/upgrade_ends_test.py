# SPDX-License-Identifier: MIT
"""gorctl daemon upgrade: what lives within the daemon ends with it, which is told before and after."""

import json
import os
import pty
import subprocess

import gor_e2e as e2e
import gorctl_e2e
from gor_e2e import grpc
from upgrade_test import REQUEUE, WAIT, AcrossDaemons, UpgradedGord, gorctl

SCRIPT = b"sleep(1000)"


class UpgradeEnds(AcrossDaemons):
    assertStatus = e2e.GordTest.assertStatus

    def begin(self, *options):
        self.gord, self.client = e2e.begin_gord(self, *options, kind=UpgradedGord)

    def native(self, **fields):
        job = self.client.native("builtin.sleep", "1000s", **fields)
        self.client.wait_state(job, e2e.WAITING)
        return job

    def script(self, **fields):
        spec = self.client.message("JobSpec", **fields)
        spec.lua.script = SCRIPT
        job = self.client.submit(spec)
        self.client.wait_state(job, e2e.WAITING)
        return job

    def upgrade(self, *args):
        return gorctl("daemon", "upgrade", *args, GOR_HOST=self.gord.socket)

    def test_without_yes_it_is_told_and_nothing_is_done(self):
        self.begin()
        program = self.client.exec("sleep", "1000")
        self.client.wait_process(program)
        jobs = [self.native(), self.native(on_stop=REQUEUE), self.script(on_stop=WAIT)]
        done = self.upgrade()
        self.assertEqual((done.returncode, done.stdout), (gorctl_e2e.USAGE, ""), done.stderr)
        self.assertEqual(done.stderr,
                         "what runs within the daemon ends with it (programs that go on: 1):\n"
                         "  native jobs: 1 cancelled, 1 queued again\n"
                         "  scripts: 1 awaited for up to 1m05s, then cancelled\n"
                         "gorctl: nothing was done; say --yes if you mean it, or --wait to let "
                         "them end first\n")
        for job in jobs:
            self.assertEqual(self.client.get(job).state, e2e.WAITING)

    def test_tasks_of_an_array_are_counted_and_it_is_not(self):
        self.begin()
        spec = self.client.native_spec("builtin.sleep", "1000s")
        spec.array.indices.add(first=0, last=1, step=1)
        group = self.client.submit(spec)
        for task in (group + 1, group + 2):
            self.client.wait_state(task, e2e.WAITING)
        done = self.upgrade("--yes")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("native jobs: 2 cancelled", done.stdout)

    def test_on_a_terminal_it_asks(self):
        self.begin()
        job = self.native()
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        for answer, code in ((b"n\n", gorctl_e2e.USAGE), (b"y\n", 0)):
            os.write(ours, answer)
            done = subprocess.run(gorctl_e2e.command("daemon", "upgrade"), stdin=theirs, text=True,
                                  env=gorctl_e2e.environment(self.gord.socket), check=False,
                                  capture_output=True)
            self.assertIn("Go on? [y/N]", done.stderr)
            self.assertEqual(done.returncode, code, done.stderr)
            if code != 0:
                self.assertEqual(self.client.get(job).state, e2e.WAITING)
        os.close(theirs)
        self.again()
        self.assertEqual(self.client.get(job).detail, "daemon is being replaced")

    def test_with_yes_what_ended_is_told_afterwards(self):
        self.begin()
        jobs = [self.native(), self.native(on_stop=REQUEUE), self.script()]
        done = self.upgrade("--yes")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"\Agord \S+, process \d+ -> gord \S+, process \d+\n"
                         r"native jobs: 1 cancelled, 1 queued again\nscripts: 1 cancelled\n\Z")
        self.assertIn("native jobs could not go on over that: 1 cancelled, 1 queued again, 0 awaited",
                      self.gord.stderr())
        self.again()
        self.assertEqual(self.client.get(jobs[0]).outcome, e2e.CANCELLED)
        self.client.wait_state(jobs[1], e2e.WAITING)  # it runs again
        done = self.upgrade("--yes", "--json")
        told = json.loads(done.stdout)
        self.assertEqual((told["plan"]["natives"]["requeued"], told["plan"]["programs"]), (1, 0))
        self.assertEqual(told["now"]["natives_ended"],
                         {"cancelled": 0, "requeued": 1, "awaited": 0})

    def test_with_wait_they_may_end_by_themselves(self):
        self.begin()
        job = self.native()
        process = self.begin_wait()
        self.assertEqual(self.client.get(job).state, e2e.WAITING)  # its policy would have ended it
        self.client.jobs("Cancel", ids=[job], cause="enough")
        out, err = process.communicate(timeout=e2e.PATIENCE)
        self.assertEqual(process.returncode, 0, err)
        self.assertIn("awaited for up to 1m05s", err)
        self.assertIn("native jobs: 1 cancelled\n", out)
        self.again()
        self.assertIn("enough", self.client.get(job).detail)

    def begin_wait(self):
        """gorctl daemon upgrade --wait, which the daemon has begun with; what it says is read line by line."""
        process = subprocess.Popen(gorctl_e2e.command("daemon", "upgrade", "--wait"), text=True,
                                   env=gorctl_e2e.environment(self.gord.socket),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        e2e.until(lambda: "becoming what is installed" in self.gord.stderr())
        return process

    def end_wait(self, process):
        out, err = process.communicate(timeout=e2e.PATIENCE)
        self.assertEqual(process.returncode, 0, err)
        self.again()
        return out, err

    def lua(self, script, **fields):
        spec = self.client.message("JobSpec", **fields)
        spec.lua.script = script.encode()
        return self.client.submit(spec)

    def until_file(self, name):
        """A program that ends when a file is there, as a Lua table; and the file."""
        path = os.path.join(self.gord.folder, name)
        return f"{{'sh', '-c', 'until test -e {path}; do sleep 0.02; done'}}", path

    def child_of(self, job, which=0):
        """One that it has handed in, once that is there."""
        children = lambda: self.client.jobs("Tree", id=job).jobs[1:]
        e2e.until(lambda: len(children()) > which)
        return children()[which].id

    def test_with_wait_a_script_sees_its_program_end(self):
        self.begin()
        argv, path = self.until_file("go")
        job = self.lua(f"return job.wait(job.submit{{argv = {argv}}}).outcome")
        program = self.child_of(job)
        self.client.wait_process(program)
        process = self.begin_wait()
        with open(path, "w", encoding="ascii"):
            pass
        out, err = self.end_wait(process)
        self.assertIn("scripts: 1 ended by themselves\n", out)
        self.assertRegex(err, f"  job {job}: (waits for job {program}, which runs|runs|waits: .*)\n")
        self.assertEqual(self.client.get(job, with_result=True).result, b"succeeded")
        self.assertEqual(self.client.get(program).outcome, e2e.SUCCEEDED)

    def test_with_wait_what_a_script_hands_in_starts_and_nothing_else(self):
        self.begin("--exec-slots", "1")
        argv, path = self.until_file("go")
        job = self.lua(f"""
            job.wait(job.submit{{argv = {argv}}})
            local inner = "return job.wait(job.submit{{argv = {{'true'}}}}).outcome"
            return job.wait(job.submit{{lua = inner}}).result""")
        self.client.wait_process(self.child_of(job))
        other = self.client.exec("true")  # has the next turn
        process = self.begin_wait()
        self.assertStatus(grpc.StatusCode.UNAVAILABLE, self.client.exec, "true")
        with open(path, "w", encoding="ascii"):
            pass
        out, _ = self.end_wait(process)
        self.assertIn("scripts: 2 ended by themselves\n", out)
        self.assertEqual(self.client.get(job, with_result=True).result, b"succeeded")
        self.client.wait(other)
        self.assertGreater(self.client.get(other).started_ns,
                           self.client.runtime("Version").started_ns)

    def test_with_wait_what_keeps_a_program_is_told_and_can_be_ended(self):
        self.begin()
        argv, path = self.until_file("go")
        job = self.lua(f"job.wait(job.submit{{argv = {argv}}}) "
                       "return job.wait(job.submit{argv = {'true'}}).outcome", name="report")
        self.client.wait_process(self.child_of(job))
        self.client.jobs("Pause")
        with open(path, "w", encoding="ascii"):
            pass
        program = self.child_of(job, 1)
        self.client.wait_state(program, e2e.RUNNABLE)
        process = self.begin_wait()
        self.assertEqual(self.client.get(program).reason, "starting jobs is paused")
        self.client.jobs("Resume")
        out, err = self.end_wait(process)
        self.assertIn(f"  job {job} 'report': waits for job {program}, which has not started: "
                      "starting jobs is paused\n", err)
        self.assertIn("scripts: 1 ended by themselves\n", out)
        self.assertEqual(self.client.get(job, with_result=True).result, b"succeeded")

    def test_with_wait_a_paused_script_can_be_resumed(self):
        self.begin()
        argv, path = self.until_file("go")
        job = self.lua(f"job.wait(job.submit{{argv = {argv}}})")
        self.client.wait_process(self.child_of(job))
        self.assertEqual(self.client.jobs("PauseJobs", ids=[job]).results[0].status, 1)
        process = self.begin_wait()
        with open(path, "w", encoding="ascii"):
            pass
        self.client.jobs("ResumeJobs", ids=[job])
        out, _ = self.end_wait(process)
        self.assertIn("scripts: 1 ended by themselves\n", out)

    def test_with_wait_and_when_time_is_over_policies_count(self):
        self.begin("--stop-timeout", "10200ms", "--grace", "100ms")
        jobs = [self.native(), self.native(on_stop=REQUEUE)]
        done = self.upgrade("--wait")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("awaited for up to 100ms", done.stderr)
        self.assertIn("native jobs: 1 cancelled, 1 queued again\n", done.stdout)
        self.again()
        self.assertEqual(self.client.get(jobs[0]).detail, "daemon is being replaced")
        self.client.wait_state(jobs[1], e2e.WAITING)

    def test_with_wait_streams_and_requests_of_many_are_taken_below_what_is_awaited(self):
        self.begin()
        script = self.script()
        native = self.native()
        process = self.begin_wait()
        below = [self.client.exec_spec("true", parent_id=job) for job in (script, native)]
        none = self.client.exec_spec("true")
        request = lambda spec: self.client.message("SubmitRequest", spec=spec)
        self.assertStatus(grpc.StatusCode.UNAVAILABLE, self.client.jobs, "SubmitMany",
                          specs=[below[0], none])
        self.assertStatus(grpc.StatusCode.UNAVAILABLE, self.client.jobs, "SubmitMany",
                          specs=[none, below[0]])
        first = self.client.jobs("SubmitMany", specs=below).first_id
        streamed = [result.id for result in
                    self.client.jobs("SubmitStream", iter([request(spec) for spec in below]))]
        self.assertEqual([job.outcome for job in self.client.wait(first, first + 1, *streamed)],
                         [e2e.SUCCEEDED] * 4)
        # Whatever comes behind one that is not taken is not either: so it can be asked for again.
        stream = self.client.jobs("SubmitStream", iter([request(spec) for spec in
                                                        (below[0], none, below[1])]))
        last = next(stream).id
        self.client.jobs("Cancel", ids=[script, native])
        with self.assertRaises(grpc.RpcError) as raised:
            next(stream)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.end_wait(process)
        self.assertStatus(grpc.StatusCode.NOT_FOUND, self.client.get, last + 1)

    def test_the_same_ones_are_told_whatever_happens_to_others(self):
        self.begin("--lua-slots", "20")
        jobs = [self.script() for _ in range(18)]
        inside = lambda: [job.id for job in self.client.runtime("PlanUpgrade").inside]
        self.assertEqual(inside(), jobs[:16])
        self.client.jobs("PauseJobs", ids=jobs[:3])  # each has an event more
        self.assertEqual(inside(), jobs[:16])
        self.client.jobs("Cancel", ids=jobs[1:2])
        self.client.wait(jobs[1])
        self.assertEqual(inside(), jobs[:1] + jobs[2:17])

    def programs(self, fifos, **fields):
        """Some that run, each with its process, and behind each of these one that a FIFO keeps from starting."""
        running, kept = [], []
        for fifo in fifos:
            running.append(self.client.exec("sleep", "1000", **fields))
            spec = self.client.exec_spec("sleep", "1000", **fields)
            spec.exec.stdin_path = os.fsencode(fifo)
            kept.append(self.client.submit(spec))
        return {job: self.client.wait_process(job).reason for job in running}, kept

    def assertGoesOn(self, job, process):
        reasons = [event.reason for event in self.client.events(job)]
        told = self.client.get(job)
        self.assertEqual((told.state, told.outcome), (e2e.RUNNING, 0), reasons)
        self.assertEqual([reason for reason in reasons if reason.startswith("as process ")],
                         [process])
        self.assertFalse([reason for reason in reasons if "queued again" in reason], reasons)
        self.assertTrue(reasons[-1].endswith("it goes on"), reasons)

    def assertWasQueued(self, job):
        events = self.client.events(job)
        reasons = [event.reason for event in events]
        self.assertFalse([event for event in events if event.outcome], reasons)
        self.assertIn("the daemon stops; it is queued again", reasons)

    def end_with_programs(self, *args):
        """Of an upgrade that ends a script; programs below it are left, and those below none."""
        self.begin("--stop-timeout", "10200ms", "--grace", "100ms", "--exec-slots", "200")
        script = self.script()
        fifos = [os.path.join(self.gord.folder, f"fifo{i}") for i in range(40)]
        for fifo in fifos:
            os.mkfifo(fifo)
        running, kept = self.programs(fifos[:20], parent_id=script)
        others, kept_others = self.programs(fifos[20:])
        done = self.upgrade(*args)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("scripts: 1 cancelled\n", done.stdout)
        self.again()
        for job, process in {**running, **others}.items():
            self.assertGoesOn(job, process)
        for job in kept + kept_others:
            self.assertWasQueued(job)
        return {**running, **others}

    def test_with_wait_and_when_time_is_over_programs_go_on_wherever_they_are(self):
        self.end_with_programs("--wait")

    def test_programs_below_what_is_ended_at_once_go_on_as_well(self):
        self.end_with_programs("--yes")

    def test_wait_without_time_for_it_is_refused(self):
        self.begin("--stop-timeout", "8s")
        done = self.upgrade("--wait")
        self.assertEqual(done.returncode, gorctl_e2e.USAGE)
        self.assertIn("--stop-timeout leaves no time", done.stderr)
        done = self.upgrade()  # nothing ends with it
        # A slow machine's gord is away for so long that gorctl says so.
        told = [line for line in done.stderr.splitlines() if "gord is away" not in line]
        self.assertEqual((done.returncode, told), (0, []))


if __name__ == "__main__":
    e2e.main()
