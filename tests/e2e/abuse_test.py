# SPDX-License-Identifier: MIT
"""Programs that behave badly: each ends in the right way, and the daemon takes no harm."""

import os

import gor_e2e as e2e
from exec_use_test import lives

MIB = 1 << 20
GIB = 1 << 30


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


class Abuse(e2e.GordTest):
    options = ("--grace", "300ms", "--log-cap", "4M")

    def tearDown(self):
        # Whatever it was, others are served as before.
        job = self.client.wait(self.client.exec("echo", "well"))
        self.assertEqual(job.outcome, e2e.SUCCEEDED)

    def lines(self, job_id, count):
        out = b""
        for chunk in self.client.jobs("Logs", id=job_id, follow=True):
            out += chunk.data
            if out.count(b"\n") >= count:
                return out.split(b"\n")[:count]
        raise AssertionError(f"the job ended before {count} lines: {out!r}")

    def test_a_gigabyte_without_a_newline(self):
        count = 64 * MIB if e2e.SANITIZE else GIB
        before = resident(self.gord.process.pid)
        job_id = self.client.exec("head", "-c", str(count), "/dev/zero")
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.stdout_bytes), (e2e.SUCCEEDED, count))
        kept = self.client.logs(job_id, 1)
        self.assertLessEqual(len(kept), 4 * MIB)
        # Three quarters of the file, of which the headers of its frames are some thousandths.
        self.assertGreaterEqual(len(kept), 3 * MIB * 0.99)
        self.assertEqual(kept.count(b"\0"), len(kept))
        self.assertIn(b"bytes of output are missing here", self.client.logs(job_id, 3))
        if not e2e.SANITIZE:
            self.assertLess(resident(self.gord.process.pid) - before, 64 * MIB)

    def test_a_flood_on_stderr_leaves_stdout_whole(self):
        job_id = self.client.exec(
            "sh", "-c", "echo first; head -c 3000000 /dev/zero | tr '\\0' e >&2; echo last; exit 4")
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.exit_code), (e2e.FAILED, 4))
        self.assertEqual((job.stdout_bytes, job.stderr_bytes), (11, 3000000))
        self.assertEqual(self.client.logs(job_id, 1), b"first\nlast\n")
        self.assertEqual(len(self.client.logs(job_id, 2)), 3000000)

    def test_closed_pipes_are_no_end(self):
        job_id = self.client.exec("sh", "-c", "exec >&- 2>&-; sleep 0.3; exit 6")
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.exit_code), (e2e.FAILED, 6))
        self.assertGreaterEqual(job.finished_ns - job.started_ns, 3 * e2e.SECOND // 10)

    def test_closed_pipes_do_not_keep_it_from_being_cancelled(self):
        job_id = self.client.exec("sh", "-c", "trap '' TERM; echo ready; exec >&- 2>&-; "
                                  "while :; do sleep 1; done")
        self.lines(job_id, 1)
        self.client.jobs("Cancel", ids=[job_id], cause="enough")
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.signal, job.detail), (e2e.CANCELLED, 9, "enough"))

    def test_it_exits_while_its_child_lives(self):
        for redirect, said in (("", True), (">/dev/null 2>&1", False)):
            with self.subTest(redirect=redirect):
                job_id = self.client.exec("sh", "-c", f"sleep 1000 {redirect} & echo $!; exit 2")
                job = self.client.wait(job_id)
                self.assertEqual((job.outcome, job.exit_code), (e2e.FAILED, 2))
                self.assertFalse(lives(int(self.client.logs(job_id, 1))))
                self.assertEqual(b"left behind" in self.client.logs(job_id, 3), said)

    def test_a_deaf_daemon_that_forked_twice(self):
        script = ("import os, signal, time\n"
                  "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
                  "if os.fork() == 0:\n"
                  "    os.setsid()\n"
                  "    if os.fork() != 0: os._exit(0)\n"
                  "    print(os.getpid(), flush=True)\n"
                  "    time.sleep(1000)\n"
                  "os.wait()\n"
                  "print(os.getpid(), flush=True)\n"
                  "time.sleep(1000)\n")
        for end in ("cancel", "timeout"):
            with self.subTest(end=end):
                timeout = 2 * e2e.SECOND if end == "timeout" else 0
                job_id = self.client.exec("/usr/bin/python3", "-c", script, timeout_ns=timeout)
                pids = [int(line) for line in self.lines(job_id, 2)]
                if end == "cancel":
                    self.client.jobs("Cancel", ids=[job_id])
                job = self.client.wait(job_id)
                self.assertEqual((job.outcome, job.signal),
                                 (e2e.CANCELLED if end == "cancel" else e2e.TIMED_OUT, 9))
                self.assertEqual([pid for pid in pids if lives(pid)], [])

    def test_a_crowd_of_short_orphans_is_reaped(self):
        job_id = self.client.exec("sh", "-c", "i=0; while [ $i -lt 200 ]; do "
                                  "(setsid true &); i=$((i + 1)); done; echo done; sleep 1000")
        self.lines(job_id, 1)
        self.client.jobs("Cancel", ids=[job_id])
        self.client.wait(job_id)
        e2e.until(lambda: not e2e.children(self.gord.process.pid))

    def test_it_kills_its_own_group(self):
        job = self.client.wait(self.client.exec("sh", "-c", "kill -KILL 0"))
        self.assertEqual((job.outcome, job.signal), (e2e.SIGNALED, 9))

    def test_it_stops_itself(self):
        job_id = self.client.exec("sh", "-c", "echo ready; kill -STOP $$")
        self.lines(job_id, 1)
        self.client.jobs("Cancel", ids=[job_id])
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.signal), (e2e.CANCELLED, 15))

    def test_arguments_that_no_program_can_have(self):
        for argv, text in ((["echo", "a\0b"], "holds a NUL"),
                           (["echo", "x" * (128 << 10)], "one argument has less than"),
                           (["echo", *["x" * (100 << 10)] * 21], "argv and env together")):
            self.assertStatus(e2e.grpc.StatusCode.INVALID_ARGUMENT, self.client.exec, *argv,
                              text=text)
        # As many as there may be.
        job_id = self.client.exec("sh", "-c", 'echo "$# ${#1}"', "x", *["y" * 130_000] * 10)
        self.client.wait(job_id)
        self.assertEqual(self.client.logs(job_id, 1), b"10 130000\n")
        # Few enough bytes, but more pointers than the stack has room for: the kernel refuses.
        job = self.client.wait(self.client.exec("true", *["z"] * 900_000))
        self.assertEqual(job.outcome, e2e.SPAWN_ERROR)
        self.assertIn("Argument list too long", job.detail)


if __name__ == "__main__":
    e2e.main()
