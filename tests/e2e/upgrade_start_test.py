# SPDX-License-Identifier: MIT
"""gord becomes another while programs hang in their start, as on a mount that does not answer.

They are made to by a write lease on their file, which whoever is to execute it has to wait for; but the
kernel ends it after a while.
"""

import fcntl
import os
import shutil
import signal
import time
import unittest

import gor_e2e as e2e
from exec_use_test import lives
from upgrade_test import AcrossDaemons, UpgradedGord

CRASHING = os.environ.get("GORD_CRASHING", "")
QUEUED_AGAIN = "the daemon stops; it is queued again"
REQUEUED = 10  # a kind of event
ALWAYS = 1  # to be run again when it is lost
OPTIONS = ("--stop-timeout", "10200ms", "--grace", "100ms", "--gomaxprocs", "8")


class HangingFile:
    """A shell whose start hangs until it is let go."""

    def __init__(self, test, path):
        self.path = path
        shutil.copy("/bin/sh", path)
        self.fd = os.open(path, os.O_RDONLY)
        test.addCleanup(os.close, self.fd)
        try:
            fcntl.fcntl(self.fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        except OSError as error:
            test.skipTest(f"no leases: {error}")

    def is_wanted(self):
        return fcntl.fcntl(self.fd, fcntl.F_GETLEASE) != fcntl.F_WRLCK

    def let_go(self):
        fcntl.fcntl(self.fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)


class UpgradeAmidStarts(AcrossDaemons):
    def setUp(self):
        former = signal.signal(signal.SIGIO, signal.SIG_IGN)  # somebody wants a file
        self.addCleanup(signal.signal, signal.SIGIO, former)
        self.gord, self.client = e2e.begin_gord(self, *OPTIONS, kind=UpgradedGord)
        self.ran = os.path.join(self.gord.folder, "ran")
        try:
            with open("/proc/sys/fs/lease-break-time", encoding="ascii") as file:
                self.leases_end = time.monotonic() + int(file.read())
        except OSError as error:
            self.skipTest(f"no leases: {error}")

    def until_said(self, text):
        e2e.until(lambda: text in self.gord.stderr() or time.monotonic() > self.leases_end)

    def hung_until_now(self, more=0):
        """And does so for so many seconds more."""
        if time.monotonic() + more > self.leases_end:
            self.skipTest("the machine is too slow for the time that the kernel leaves a lease")

    def hang(self, script, **fields):
        """A job whose start hangs, and its file."""
        before = e2e.children(self.gord.process.pid)
        file = HangingFile(self, os.path.join(self.gord.folder, f"sh{len(before)}"))
        job = self.client.exec(file.path, "-c", script, **fields)
        e2e.until(file.is_wanted)
        (process,) = e2e.children(self.gord.process.pid) - before
        return job, file, process

    def runs(self):
        with open(self.ran, encoding="ascii") as file:
            return [int(line) for line in file]

    def test_what_hangs_is_the_next_daemons_and_never_runs_then(self):
        script = f"echo $GOR_JOB_ID >>{self.ran}"
        hung = [self.hang(script), self.hang(script, retry={"requeue": ALWAYS}), self.hang(script)]
        lost, again, cancelled = (job for job, _, _ in hung)
        self.client.jobs("Cancel", ids=[cancelled], cause="enough")
        self.gord.upgrade()
        self.again()
        self.hung_until_now()
        for _, file, _ in hung:
            file.let_go()
        ended = self.client.wait(lost, again, cancelled)
        self.assertEqual([job.outcome for job in ended],
                         [e2e.LOST, e2e.SUCCEEDED, e2e.CANCELLED])
        self.assertEqual(ended[2].detail, "enough")
        self.assertEqual(ended[1].losses, 1)
        for _, _, process in hung:
            e2e.until(lambda pid=process: not lives(pid))
        self.assertEqual(self.runs(), [again])
        self.assertEqual(self.gord.stderr().count("was not handed over in time"), 3)

    def test_what_starts_at_the_last_moment_does_not_go_on_unseen(self):
        """It is handed over if it still can be, else killed."""
        job, file, process = self.hang("exec sleep 1000")
        self.gord.notify.said.clear()
        self.gord.process.send_signal(signal.SIGUSR2)
        self.until_said("was not handed over in time")
        self.hung_until_now()
        file.let_go()
        self.assertIsNotNone(self.gord.notify.wait_for("READY=1", alive=self.gord.alive))
        self.again()
        if self.client.get(job).state == e2e.TERMINATED:
            self.assertEqual(self.client.get(job).outcome, e2e.LOST)
        else:
            self.client.wait_process(job)
            self.client.jobs("Cancel", ids=[job])
            self.assertEqual(self.client.wait(job).outcome, e2e.CANCELLED)
        e2e.until(lambda: not lives(process))

    def test_what_hangs_at_a_stop_never_runs(self):
        job, file, process = self.hang(f"echo $GOR_JOB_ID >>{self.ran}")
        self.assertEqual(self.gord.stop(), 0, self.gord.stderr())
        self.hung_until_now()
        file.let_go()
        e2e.until(lambda: not lives(process))
        self.assertFalse(os.path.exists(self.ran))
        self.gord.start()
        self.again()
        self.assertEqual(self.client.wait(job).outcome, e2e.CANCELLED)

    def test_what_starts_as_the_daemon_stops_does_not_go_on_unseen(self):
        job, file, process = self.hang("exec sleep 1000")
        self.gord.process.send_signal(signal.SIGTERM)
        self.until_said("it did not end when asked and was left")
        self.hung_until_now()
        file.let_go()
        self.assertEqual(self.gord.process.wait(e2e.PATIENCE), 0, self.gord.stderr())
        e2e.until(lambda: not lives(process))
        self.gord.start()
        self.again()
        self.assertEqual(self.client.wait(job).outcome, e2e.CANCELLED)

    def test_asked_again_and_again_it_does_not_wait_for_what_hangs(self):
        _, file, process = self.hang("exec sleep 1000")
        self.gord.process.send_signal(signal.SIGTERM)
        self.until_said("stopping on SIGTERM")
        self.gord.process.send_signal(signal.SIGTERM)
        self.until_said("asked again")
        self.hung_until_now(more=20)
        self.gord.process.send_signal(signal.SIGTERM)
        before = self.leases_end - 5 - time.monotonic()
        self.assertEqual(self.gord.process.wait(before), 0, self.gord.stderr())
        file.let_go()
        e2e.until(lambda: not lives(process))


class WithoutMemory(UpgradedGord):
    """One that has none left to note that a run is to be queued again."""

    def __init__(self, *options):
        super().__init__(*options)
        self.extra_env = {"GORD_NO_MEMORY_FOR": QUEUED_AGAIN}
        shutil.copy(CRASHING, self.binary)


@unittest.skipUnless(CRASHING, "GORD_CRASHING does not name a program")
class QueuedAgainWithoutMemory(AcrossDaemons):
    def begin(self, *options):
        self.gord, self.client = e2e.begin_gord(self, *options, kind=WithoutMemory)

    def assertWasQueued(self, job):
        """At its end, as nobody could say it before; and that end came when it was asked for."""
        events = self.client.events(job)
        reasons = [event.reason for event in events]
        self.assertFalse([event for event in events if event.outcome], reasons)
        self.assertEqual([event.reason for event in events if event.kind == REQUEUED],
                         [QUEUED_AGAIN])
        self.assertEqual(reasons.count(QUEUED_AGAIN), 1)

    def test_one_that_an_upgrade_keeps_from_its_start(self):
        self.begin(*OPTIONS)
        fifo = os.path.join(self.gord.folder, "fifo")
        os.mkfifo(fifo)
        spec = self.client.exec_spec("cat")
        spec.exec.stdin_path = os.fsencode(fifo)
        job = self.client.submit(spec)
        self.client.wait_state(job, e2e.RUNNING)
        self.gord.upgrade()
        self.again()
        self.assertWasQueued(job)
        with open(fifo, "w", encoding="ascii"):
            pass
        self.assertEqual(self.client.wait(job).outcome, e2e.SUCCEEDED)

    def test_one_that_a_stop_is_to_queue_again(self):
        self.begin("--stop-policy", "requeue")
        job = self.client.exec("sleep", "1000")
        self.client.wait_process(job)
        self.assertEqual(self.gord.stop(), 0, self.gord.stderr())
        self.gord.start()
        self.again()
        self.assertWasQueued(job)


if __name__ == "__main__":
    e2e.main()
