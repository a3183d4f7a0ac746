# SPDX-License-Identifier: MIT
"""What gorctl sends to the input of a job arrives byte for byte, whatever becomes of the daemon
meanwhile; or gorctl says that it cannot."""

import array
import fcntl
import os
import random
import subprocess
import sys
import tempfile
import termios
import threading

import gor_e2e as e2e
import gorctl_e2e as ctl
import onward_test

FULL = 50_000  # bytes in a pipe for 64 KiB, of which pages that are not whole take more

READER = """
import os, sys
def copy(count):
    while count > 0 and (data := os.read(0, min(count, 65536))):
        out.write(data)
        count -= len(data)
print("begins", flush=True)
with open(sys.argv[1], "wb", buffering=0) as out:
    for line in open(sys.argv[2]):
        copy(int(line))
    copy(1 << 60)
"""


class Input(onward_test.GoingOn):
    def data(self, count):
        return random.Random(7).randbytes(count)

    def slow_job(self):
        """A command that reads as many bytes as each line of a fifo says, then all; what it has read,
        and the fifo."""
        out, steps = (os.path.join(self.gord.folder, name) for name in ("out", "steps"))
        os.mkfifo(steps)
        return [sys.executable, "-c", READER, out, steps], out, steps

    def begin_feeding(self, data, *args):
        """gorctl with the data coming in by a pipe."""
        process = subprocess.Popen(ctl.command(*args), env=ctl.environment(**self.reach()),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(self.finish, process)

        def write():
            try:
                process.stdin.write(data)
                process.stdin.close()
            except BrokenPipeError:
                pass
        writer = threading.Thread(target=write)
        writer.start()
        self.addCleanup(writer.join)
        process.writer = writer
        return process

    def finish(self, process):
        process.kill()
        process.wait()
        for file in (process.stdin, process.stdout, process.stderr):
            if file is not None:
                try:
                    file.close()
                except BrokenPipeError:
                    pass

    def end_feeding(self, process):
        process.writer.join(e2e.PATIENCE)
        out, err = process.stdout.read(), process.stderr.read()
        code = process.wait(e2e.PATIENCE)
        return code, out, err.decode().replace(onward_test.NOTE, "")

    def full(self, job):
        """Wait until the job's pipe is, and so more is on its way."""
        pid = self.client.wait_process(job).pid
        fd = os.open(f"/proc/{pid}/fd/0", os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, fd)
        waiting = array.array("i", [0])

        def is_full():
            fcntl.ioctl(fd, termios.FIONREAD, waiting)
            return waiting[0] > FULL
        e2e.until(is_full)

    def newest(self):
        e2e.until(lambda: len(self.client.jobs("List", limit=1).jobs) == 1)
        return self.client.jobs("List", limit=1).jobs[0].id

    def feeds_over_upgrades(self, *args):
        data = self.data(700_001)
        command, out, steps = self.slow_job()
        process = self.begin_feeding(data, *args, "--", *command)
        job = self.newest()
        with open(steps, "w", encoding="ascii", buffering=1) as file:
            for count in (0, 1, 30_000, 70_000, 99_999):
                print(count, file=file)  # what is written behind it is cut anywhere
                self.full(job)
                self.upgrade()
        code, said, err = self.end_feeding(process)
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(self.client.wait(job).outcome, e2e.SUCCEEDED)
        with open(out, "rb") as file:
            self.assertEqual(file.read(), data)
        return said

    def test_run_over_upgrades(self):
        self.begin()
        self.assertEqual(self.feeds_over_upgrades("run", "--stdin", "-"), b"begins\n")

    def test_submit_over_upgrades(self):
        self.begin()
        self.assertEqual(self.feeds_over_upgrades("submit", "--stdin", "-"), b"1\n")

    def test_send_over_upgrades_with_others_that_write(self):
        self.begin()
        spec = self.client.exec_spec("sh", "-c", "head -c 100000 >/dev/null; exec cat")
        spec.exec.stdin_pipe = True
        held = self.client.submit(spec)
        first, second = b"a" * 150_000, b"b" * 150_000
        one = self.begin_feeding(first, "send", str(held), "-")
        two = self.begin_feeding(second, "send", str(held), "-")
        for _ in range(3):
            self.upgrade()
        for process in (one, two):
            self.assertEqual(self.end_feeding(process), (0, b"", ""))
        self.client.jobs("Send", id=held, close=True)
        self.client.wait(held)
        out = self.client.logs(held, 1)
        self.assertEqual(len(out), 200_000)

    def test_input_that_ended_before_an_upgrade_stays_so(self):
        self.begin()
        go = os.path.join(self.gord.folder, "go")
        os.mkfifo(go)
        process = self.begin_feeding(b"all", "run", "--stdin", "-", "--", "sh", "-c",
                                     f"cat; echo; cat {go}; exit 5")
        e2e.until(lambda: self.client.get(self.newest()).stdout_bytes == 4)
        self.upgrade()
        with open(go, "w", encoding="ascii"):
            pass
        self.assertEqual(self.end_feeding(process), (5, b"all\n", ""))

    # ------------------------------------------------------------ started anew

    def begin_requeued(self, stdin, then="", first=":"):
        """gorctl with a job that is run again when the daemon was killed, and copies its input each
        time; and where to. It does `first` before it says that it has read all."""
        out = os.path.join(self.gord.folder, "copy")
        process = subprocess.Popen(
            ctl.command("run", "--requeue", "--stdin", "-", "--", "sh", "-c",
                        f"cat > {out}; {first}; echo read; {then}"),
            env=ctl.environment(**self.reach()), stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.addCleanup(self.finish, process)
        return process, out

    def gone(self, process):
        """It ends, for it cannot give the job what that has to have."""
        code, err = process.wait(e2e.PATIENCE), process.stderr.read().decode()
        self.assertEqual(code, ctl.REFUSED, err)
        self.assertIn("was started anew, and the 5 bytes of input that it had are gone", err)
        self.client.jobs("Cancel", ids=[self.newest()])

    def test_half_of_a_pipe_is_not_given_to_a_job_that_is_started_anew(self):
        self.begin()
        process, out = self.begin_requeued(subprocess.PIPE)
        process.stdin.write(b"first")
        process.stdin.flush()
        e2e.until(lambda: os.path.exists(out) and os.path.getsize(out) == 5)
        self.restart(self.gord.kill)
        process.stdin.write(b"second")
        process.stdin.flush()
        self.gone(process)
        self.assertEqual(os.path.getsize(out), 0)

    def test_all_of_a_pipe_is_missed_by_a_job_that_is_started_anew(self):
        self.begin()
        process, out = self.begin_requeued(subprocess.PIPE, "exec sleep 1000")
        process.stdin.write(b"whole")
        process.stdin.close()
        e2e.until(lambda: self.client.get(self.newest()).stdout_bytes == 5)
        self.restart(self.gord.kill)
        self.gone(process)

    def test_a_file_is_read_again_for_a_job_that_is_started_anew(self):
        self.begin()
        data = self.data(200_000)
        with tempfile.TemporaryFile() as file:
            file.write(b"before" + data)
            file.seek(6)
            go = os.path.join(self.gord.folder, "go")
            process, out = self.begin_requeued(file, "test $again = 0 || exec sleep 1000; exit 3",
                                               first=f"test -e {go}; again=$?")
            e2e.until(lambda: self.client.get(self.newest()).stdout_bytes == 5)
            with open(go, "w", encoding="ascii"):
                pass
            os.unlink(out)
            self.restart(self.gord.kill)
            self.assertEqual(process.wait(e2e.PATIENCE), 3, process.stderr.read())
            with open(out, "rb") as copy:
                self.assertEqual(copy.read(), data)

    def test_a_job_that_is_lost_needs_no_input(self):
        self.begin()
        process = self.begin_feeding(b"x" * 300_000, "run", "--stdin", "-", "--", "sleep", "1000")
        self.full(self.newest())
        self.restart(self.gord.kill)
        code, _, err = self.end_feeding(process)
        self.assertEqual(code, ctl.LOST, err)
        self.assertNotIn("input", err)


if __name__ == "__main__":
    e2e.main()
