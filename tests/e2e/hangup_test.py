# SPDX-License-Identifier: MIT
"""The terminal of a gorctl goes away, as when ssh breaks: jobs that were handed in are on record and go on."""

import fcntl
import os
import pty
import signal
import subprocess
import termios
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl


class Hangup(e2e.GordTest):
    def setUp(self):
        self.go = os.path.join(self.gord.folder, f"go-{self.id().rsplit('.', 1)[-1]}")
        os.mkfifo(self.go)
        self.script = f"read line < {self.go}; echo \"$line\""

    def session(self, *args, ignore=False):
        """A gorctl that leads a session of its own, on a terminal; our end of that."""
        ours, theirs = pty.openpty()

        def become_leader():
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            signal.signal(signal.SIGHUP, signal.SIG_IGN if ignore else signal.SIG_DFL)

        # The leak check of a sanitizer has the process stopped by ptrace as it ends. A hangup comes with SIGCONT,
        # which takes that stop back, and the check waits for it for ever.
        leaks = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        process = subprocess.Popen(ctl.command(*args), stdin=theirs, stdout=theirs, stderr=theirs,
                                   env=ctl.environment(self.gord.socket, TERM="xterm", ASAN_OPTIONS=leaks),
                                   start_new_session=True, preexec_fn=become_leader)
        os.close(theirs)
        return process, ours

    def goes_on(self, job):
        """It runs, is on record, and comes to its end."""
        self.assertIn(self.client.get(job).state, (e2e.RUNNING, e2e.RUNNABLE))
        with open(self.go, "w", encoding="ascii") as file:
            file.write("went on\n")
        self.assertEqual(self.client.wait(job).outcome, e2e.SUCCEEDED)
        self.assertEqual(self.client.logs(job, stream=1), b"went on\n")

    def begun_by(self, *args, **how):
        """A session that has just handed in a job, which anybody knows of; the job, and the session."""
        last = self.client.exec("true")
        watch = self.client.jobs("Watch")
        process, ours = self.session(*args, "--", "sh", "-c", self.script, **how)
        job = next(event.job_id for event in watch if event.job_id > last)
        watch.cancel()
        return job, process, ours

    def made_by(self, *args, **how):
        """Hang up as soon as anybody knows of a new job; that, and how gorctl ended."""
        job, process, ours = self.begun_by(*args, **how)
        os.close(ours)
        return job, process.wait(e2e.PATIENCE)

    def test_submit_that_has_told_the_id(self):
        process, ours = self.session("submit", "--", "sh", "-c", self.script)
        text = b""
        while not text.endswith(b"\n"):
            text += os.read(ours, 100)
        os.close(ours)
        self.assertIn(process.wait(e2e.PATIENCE), (0, -signal.SIGHUP))
        self.goes_on(int(text))

    def test_submit_that_tells_nobody(self):
        for ignore in (False, True):
            job, code = self.made_by("submit", ignore=ignore)
            self.assertIn(code, (0, ctl.OUTPUT) if ignore else (0, ctl.OUTPUT, -signal.SIGHUP))
            self.goes_on(job)

    def test_run_ends_and_its_job_goes_on(self):
        job, code = self.made_by("run")
        self.assertEqual(code, -signal.SIGHUP)
        self.goes_on(job)

    def test_run_on_a_signal_alone_does_the_same(self):
        job, process, ours = self.begun_by("run")
        process.send_signal(signal.SIGHUP)
        self.assertEqual(process.wait(e2e.PATIENCE), -signal.SIGHUP)
        os.close(ours)
        self.goes_on(job)

    def test_run_that_ignores_it_ends_when_it_has_to_write(self):
        job, process, ours = self.begun_by("run", ignore=True)
        os.close(ours)
        self.goes_on(job)
        self.assertIn(process.wait(e2e.PATIENCE), (ctl.OUTPUT, -signal.SIGPIPE))


if __name__ == "__main__":
    e2e.main()
