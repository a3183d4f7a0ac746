# SPDX-License-Identifier: MIT
"""Steering programs while they run: pause, resume, signals, and what they are sent to end."""

import os
import signal
import time

import gor_e2e as e2e
import gorctl_e2e as ctl
from exec_use_test import lives

MS = 1_000_000
DONE, ENDED, UNKNOWN, NOT_RUNNING, UNCHANGED, UNFIT = range(1, 7)
# No print() in the handler: it may have interrupted one.
TELLS_SIGNALS = ("import os, signal, sys, time\n"
                 "def tell(number, frame):\n"
                 "    os.write(1, signal.Signals(number).name.encode() + b'\\n')\n"
                 "    if number == int(sys.argv[1]): sys.exit(5)\n"
                 "for number in (1, 2, 10, 12, 15): signal.signal(number, tell)\n"
                 "print('ready', flush=True)\n"
                 "while True: time.sleep(1000)\n")


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[0]


class Steer(ctl.GorctlTest):
    options = ("--grace", "300ms")

    def status(self, method, *ids, **fields):
        reply = self.client.jobs(method, ids=ids, **fields)
        self.assertEqual([r.id for r in reply.results], list(ids))
        return [r.status for r in reply.results]

    def await_output(self, job_id, text, offset=0):
        for chunk in self.client.jobs("Logs", id=job_id, follow=True, offset=offset):
            if text in chunk.data:
                return chunk.next_offset
        raise AssertionError(f"the job never wrote {text!r}")

    def await_states(self, pids, wanted):
        """Until the processes are in such states: they see a signal when they run next."""
        end = time.monotonic() + e2e.PATIENCE
        while not wanted([state_of(pid) for pid in pids]):
            self.assertLess(time.monotonic(), end, [state_of(pid) for pid in pids])

    def tells(self, ends_by, **fields):
        job_id = self.client.exec("/usr/bin/python3", "-c", TELLS_SIGNALS, str(ends_by), **fields)
        self.await_output(job_id, b"ready")
        return job_id

    # ------------------------------------------------------------ pause

    def test_paused_processes_stand_still(self):
        # One in the group, one below it in a session of its own, one that has left.
        job_id = self.client.exec(
            "sh", "-c", "echo $$; sleep 1000 & echo $!; setsid sleep 1001 & echo $!; "
            "(setsid sh -c 'echo $$; exec sleep 1002' &); wait")
        out = b""
        for chunk in self.client.jobs("Logs", id=job_id, follow=True):
            out += chunk.data
            if out.count(b"\n") == 4:
                break
        pids = [int(word) for word in out.split()]
        self.assertEqual(self.status("PauseJobs", job_id, cause="lunch"), [DONE])
        self.await_states(pids, lambda states: states == ["T"] * 4)
        job = self.client.get(job_id)
        self.assertEqual(job.state, e2e.WAITING)
        self.assertEqual(job.reason, f"paused by user {os.geteuid()}: lunch")
        self.assertEqual(self.status("PauseJobs", job_id), [UNCHANGED])
        self.assertEqual(self.status("ResumeJobs", job_id), [DONE])
        self.await_states(pids, lambda states: "T" not in states)
        job = self.client.get(job_id)
        self.assertEqual((job.state, job.reason),
                         (e2e.RUNNING, f"resumed by user {os.geteuid()}"))
        self.assertEqual(self.status("ResumeJobs", job_id), [UNCHANGED])
        self.client.jobs("Cancel", ids=[job_id])
        self.client.wait(job_id)
        self.assertEqual([pid for pid in pids if lives(pid)], [])

    def test_paused_job_ends_when_cancelled(self):
        job_id = self.tells(signal.SIGTERM)
        self.status("PauseJobs", job_id)
        self.client.jobs("Cancel", ids=[job_id], cause="enough")
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.exit_code, job.detail),
                         (e2e.CANCELLED, 5, "enough"))

    def test_paused_time_counts_for_the_timeout_or_not(self):
        spec = self.client.exec_spec("sleep", "1000", timeout_ns=2 * e2e.SECOND)
        counts = self.client.submit(spec)
        spec.exec.timeout_skips_pauses = True
        skips = self.client.submit(spec)
        child = self.client.exec("sleep", "1000", parent_id=skips)
        for job_id in (counts, skips, child):
            self.client.wait_process(job_id)
        self.status("PauseJobs", counts, skips)
        self.assertEqual(self.client.wait(counts).outcome, e2e.TIMED_OUT)
        self.assertEqual(self.client.get(skips).state, e2e.WAITING)
        self.status("ResumeJobs", skips)
        job = self.client.wait(skips)
        self.assertEqual((job.outcome, job.detail),
                         (e2e.TIMED_OUT, "its timeout of 2 s passed"))
        self.assertGreater(job.finished_ns - job.started_ns, 2 * e2e.SECOND)
        job = self.client.wait(child)
        self.assertEqual((job.outcome, job.detail),
                         (e2e.TIMED_OUT, "the timeout of its parent job passed"))

    def lua(self, text, **fields):
        script = self.client.message("LuaSpec", script=text.encode())
        return self.client.submit(self.client.message("JobSpec", lua=script, **fields))

    def written(self, job_id):
        return len(self.client.logs(job_id, 1, follow=False))

    def await_paused_goroutine(self):
        end = time.monotonic() + e2e.PATIENCE
        while "[paused" not in (dump := self.ok("dump").text):
            self.assertLess(time.monotonic(), end, dump)

    def test_goroutines_stand_still(self):
        for job_id in (self.lua("while true do print('tick') sleep(0.001) end"),
                       self.lua("while true do spawn(function() sleep(0.001) print('tick') end):recv() end")):
            self.await_output(job_id, b"tick")
            self.assertEqual(self.status("PauseJobs", job_id, cause="lunch"), [DONE])
            self.assertEqual(self.status("PauseJobs", job_id), [UNCHANGED])
            self.await_paused_goroutine()
            written = self.written(job_id)
            for _ in range(3):
                self.client.wait(self.client.native("builtin.pingpong", "2000"))
            self.assertEqual(self.written(job_id), written)
            job = self.client.get(job_id)
            self.assertEqual((job.state, job.reason),
                             (e2e.WAITING, f"paused by user {os.geteuid()}: lunch"))
            self.assertEqual(self.status("ResumeJobs", job_id), [DONE])
            self.assertEqual(self.status("ResumeJobs", job_id), [UNCHANGED])
            end = time.monotonic() + e2e.PATIENCE
            while self.written(job_id) == written:
                self.assertLess(time.monotonic(), end)
            self.client.jobs("Cancel", ids=[job_id])
            self.assertEqual(self.client.wait(job_id).outcome, e2e.CANCELLED)

    def test_paused_goroutines_end_when_asked_or_when_their_time_is_over(self):
        native = self.client.native("builtin.sleep", "1h")
        timed = self.lua("print('begun') sleep(1000)", timeout_ns=3000 * MS)
        self.await_output(timed, b"begun")
        self.client.wait_state(native, e2e.WAITING)
        self.assertEqual(self.status("PauseJobs", native, timed), [DONE, DONE])
        self.assertEqual(self.status("Signal", native, signal=signal.SIGINT), [UNFIT])
        self.client.jobs("Cancel", ids=[native])
        self.assertEqual(self.client.wait(native).outcome, e2e.CANCELLED)
        self.assertEqual(self.client.wait(timed).outcome, e2e.TIMED_OUT)

    def test_jobs_that_cannot_be_paused(self):
        ended = self.client.exec("true")
        self.client.wait(ended)
        reply = self.client.jobs("PauseJobs", ids=[ended, 999999])
        self.assertEqual([r.status for r in reply.results], [ENDED, UNKNOWN])
        for bad in ({"ids": []}, {"ids": range(1, 100002)}, {"ids": [1], "cause": "x" * 5000}):
            self.assertStatus(e2e.grpc.StatusCode.INVALID_ARGUMENT, self.client.jobs, "PauseJobs",
                              **bad)

    # ------------------------------------------------------------ signals

    def test_signal_reaches_the_group_and_the_history(self):
        job_id = self.tells(signal.SIGUSR2)
        self.assertEqual(self.status("Signal", job_id, signal=signal.SIGUSR1), [DONE])
        self.await_output(job_id, b"SIGUSR1")
        self.status("Signal", job_id, signal=signal.SIGUSR2)
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.exit_code), (e2e.FAILED, 5))
        self.assertEqual([(e.signal, e.reason) for e in self.client.events(job_id)
                          if e.reason.startswith("signal")],
                         [(10, f"signal 10 (USR1) sent by user {os.geteuid()}"),
                          (12, f"signal 12 (USR2) sent by user {os.geteuid()}")])

    def test_signal_that_kills_is_how_the_job_ended(self):
        job_id = self.client.exec("sleep", "1000")
        self.client.wait_process(job_id)
        self.status("Signal", job_id, signal=signal.SIGKILL)
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.signal), (e2e.SIGNALED, signal.SIGKILL))
        self.assertEqual(self.status("Signal", job_id, signal=1), [ENDED])

    def test_signal_leaves_the_reason_of_a_pause_and_cont_ends_it(self):
        job_id = self.tells(signal.SIGUSR1)
        self.status("PauseJobs", job_id)
        self.status("Signal", job_id, signal=signal.SIGUSR1)
        job = self.client.get(job_id)
        self.assertEqual((job.state, job.reason),
                         (e2e.WAITING, f"paused by user {os.geteuid()}"))
        self.status("Signal", job_id, signal=signal.SIGCONT)
        self.assertEqual(self.client.wait(job_id).exit_code, 5)

    def test_signals_that_are_none(self):
        for number in (0, -1, 65):
            self.assertStatus(e2e.grpc.StatusCode.INVALID_ARGUMENT, self.client.jobs, "Signal",
                              ids=[1], signal=number)

    # ------------------------------------------------------------ the end

    def test_stop_signals_come_in_their_order(self):
        spec = self.client.exec_spec("/usr/bin/python3", "-c", TELLS_SIGNALS, "15")
        for number, wait in ((signal.SIGINT, e2e.SECOND), (signal.SIGHUP, e2e.SECOND),
                             (signal.SIGTERM, 0)):
            spec.exec.stop_signals.add(signal=number, wait_ns=wait)
        job_id = self.client.submit(spec)
        self.await_output(job_id, b"ready")
        self.client.jobs("Cancel", ids=[job_id])
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.exit_code), (e2e.CANCELLED, 5))
        self.assertEqual(self.client.logs(job_id, 1), b"ready\nSIGINT\nSIGHUP\nSIGTERM\n")

    def test_stop_signals_that_do_not_help_end_with_kill(self):
        spec = self.client.exec_spec("/usr/bin/python3", "-c", TELLS_SIGNALS, "0")
        spec.exec.stop_signals.add(signal=signal.SIGINT, wait_ns=1)
        job_id = self.client.submit(spec)
        self.await_output(job_id, b"ready")
        self.client.jobs("Cancel", ids=[job_id])
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.signal), (e2e.CANCELLED, signal.SIGKILL))

    def test_stop_signals_are_checked(self):
        for signals in ([(0, 0)], [(65, 0)], [(15, -1)], [(15, 0)] * 17):
            spec = self.client.exec_spec("true")
            for number, wait in signals:
                spec.exec.stop_signals.add(signal=number, wait_ns=wait)
            self.assertStatus(e2e.grpc.StatusCode.INVALID_ARGUMENT, self.client.submit, spec,
                              text="stop_signals")

    # ------------------------------------------------------------ gorctl

    def test_gorctl_pauses_resumes_and_signals(self):
        job_id = self.submit("--signal", "INT@10s,SIGTERM", "--timeout", "1h",
                             "--timeout-skips-pauses", "--", "sleep", "1000")
        self.client.wait_process(job_id)
        spec = self.client.get(job_id).spec.exec
        self.assertEqual([(s.signal, s.wait_ns) for s in spec.stop_signals],
                         [(2, 10 * e2e.SECOND), (15, 0)])
        self.assertTrue(spec.timeout_skips_pauses)
        self.assertEqual(self.ok("pause", str(job_id), "--cause", "lunch").text,
                         f"{job_id}  paused\n")
        self.assertIn("lunch", self.ok("ls").text)
        self.assertEqual(self.ok("pause", str(job_id)).text, f"{job_id}  was paused already\n")
        self.assertEqual(self.ok("resume", str(job_id)).text, f"{job_id}  resumed\n")
        self.assertEqual(self.ok("signal", "sigcont", str(job_id)).text,
                         f"{job_id}  signal sent\n")
        self.assertIn("INT@10s,TERM", self.ok("show", str(job_id)).text)
        self.assertEqual(self.ok("signal", "9", str(job_id), "--json").json["results"][0]["status"],
                         "DONE")
        self.assertEqual(self.gorctl("wait", str(job_id)).code, 137)
        self.assertEqual(self.ok("resume", str(job_id)).text, f"{job_id}  had ended already\n")
        self.refused(ctl.NOT_FOUND, "there is no job 999999", "pause", "999999")
        self.refused(ctl.USAGE, "no signal", "signal", "NOPE", "1")
        self.refused(ctl.USAGE, "which signal", "signal", "INT")
        self.refused(ctl.USAGE, "no signal", "submit", "--signal", "NOPE@1s", "true")
        self.refused(ctl.USAGE, "no time", "submit", "--signal", "INT@soon", "true")
        self.refused(ctl.USAGE, "for programs", "submit", "--signal", "INT", "--native",
                     "builtin.echo")

    def test_gorctl_pause_without_jobs_is_about_starting(self):
        self.assertIn("no queued job will start", self.ok("pause").text)
        job_id = self.submit("true")
        self.refused(ctl.USAGE, "does not run yet", "pause", str(job_id))
        self.assertIn("queued jobs start", self.ok("resume").text)
        self.assertEqual(self.client.wait(job_id).outcome, e2e.SUCCEEDED)

    def test_gorctl_takes_them_from_a_file(self):
        lines = b'{"argv": ["true"], "signal": "INT@1s", "timeout_skips_pauses": true}\n'
        job_id = int(self.ok("submit", "--from", "-", stdin=lines).out)
        spec = self.client.get(job_id).spec.exec
        self.assertEqual([(s.signal, s.wait_ns) for s in spec.stop_signals], [(2, e2e.SECOND)])
        self.assertTrue(spec.timeout_skips_pauses)
        self.refused(ctl.USAGE, "no signal", "submit", "--from", "-",
                     stdin=b'{"argv": ["true"], "signal": "X"}\n')


if __name__ == "__main__":
    e2e.main()
