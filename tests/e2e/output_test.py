# SPDX-License-Identifier: MIT
"""Output beyond its cap: kept at both ends, bounded on disk while it is written, followed without
gaps."""

import os
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import grpc
from upgrade_test import UpgradedGord

INVALID = grpc.StatusCode.INVALID_ARGUMENT if grpc else None
GIGABYTE = 1 << 30
CAP = 1 << 20
STARTED = 3  # a kind of events


def output_files(state, job_id):
    folder = os.path.join(state, "logs", str(job_id // 1024))
    return [os.path.join(folder, name) for name in os.listdir(folder)
            if name.split(".")[0] == str(job_id)]


def remove_files(state, job_id, which=lambda path: True):
    for path in filter(which, output_files(state, job_id)):
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass  # just renamed


def bytes_on_disk(state, job_id):
    total = 0
    for path in output_files(state, job_id):
        try:
            total += os.stat(path).st_blocks * 512
        except FileNotFoundError:
            pass  # just replaced
    return total


class Output(ctl.GorctlTest):
    options = ("--log-cap", "1M")

    def test_a_gigabyte_without_a_newline_leaves_the_cap_at_most(self):
        count = GIGABYTE if not e2e.SANITIZE else GIGABYTE // 16
        job_id = self.client.exec("sh", "-c", f"printf begin; head -c {count} /dev/zero; printf end")
        most, done = 0, threading.Event()

        def look():
            nonlocal most
            while not done.is_set():
                try:
                    most = max(most, bytes_on_disk(self.gord.state, job_id))
                except FileNotFoundError:
                    pass  # no output yet
                time.sleep(0.005)

        looker = threading.Thread(target=look)
        looker.start()
        job = self.client.wait(job_id)
        done.set()
        looker.join()
        self.assertEqual((job.outcome, job.stdout_bytes), (e2e.SUCCEEDED, count + 8))
        slack = 3 * 4096  # the last page of each file
        self.assertLessEqual(most, CAP + slack)
        self.assertLessEqual(bytes_on_disk(self.gord.state, job_id), CAP + slack)
        chunks = list(self.client.jobs("Logs", id=job_id))
        kept = b"".join(c.data for c in chunks if c.stream == 1)
        missing = [c.missing_bytes for c in chunks if c.missing_bytes]
        self.assertEqual(len(missing), 1)
        self.assertEqual(len(kept) + missing[0], count + 8)
        self.assertTrue(kept.startswith(b"begin\0") and kept.endswith(b"\0end"))

    def test_gorctl_shows_both_ends_and_what_is_missing(self):
        job_id = self.submit("--output-max", "64K", "--shell",
                             "seq -w 1 100000; echo oops >&2")
        self.client.wait(job_id)
        result = self.gorctl("logs", str(job_id))
        lines = result.text.splitlines()
        self.assertEqual((lines[0], lines[-1]), ("000001", "100000"))
        self.assertLessEqual(len(result.out), 64 << 10)
        missing = sum(line["missing_bytes"] for line in
                      self.ok("logs", "--json", str(job_id)).lines if "missing_bytes" in line)
        # Of the two pipes either may be read first, so "oops" can be amid what is left out.
        self.assertEqual(missing + len(result.out) + result.err.count(b"oops\n") * 5, 700005)
        self.assertIn(f"gord: {missing} bytes of output are missing here", result.err.decode())
        self.assertIn("Output kept", self.ok("show", str(job_id)).text)

    def test_who_follows_from_the_beginning_misses_nothing(self):
        # In steps that the reader allows, so that it never lags by a part.
        fifo = os.path.join(self.gord.folder, "steps")
        os.mkfifo(fifo)
        spec = self.client.exec_spec(
            "sh", "-c", "exec 3<steps; n=0; while read line <&3; do n=$((n+1)); "
            "head -c 8000 /dev/zero; echo $n; done", cwd=self.gord.folder,
            output_max_bytes=64 << 10)
        job_id = self.client.submit(spec)
        steps = open(fifo, "w", encoding="ascii")
        chunks = self.client.jobs("Logs", id=job_id, follow=True)
        text, steps_done = b"", 0
        while steps_done < 100:
            steps.write("go\n")
            steps.flush()
            while text.count(b"\n") <= steps_done:
                chunk = next(chunks)
                self.assertEqual(chunk.missing_bytes, 0)
                text += chunk.data
            steps_done += 1
        steps.close()
        text += b"".join(c.data for c in chunks)
        self.assertEqual(text, b"".join(b"\0" * 8000 + b"%d\n" % n for n in range(1, 101)))
        # Now most of it is gone.
        self.assertLess(len(self.client.logs(job_id, 1)), 64 << 10)

    def test_offsets_go_on_over_the_gap_and_a_lost_one_says_so(self):
        job_id = self.client.exec("sh", "-c", "for i in $(seq 2000); do echo $i; done; "
                                  "head -c 200000 /dev/zero", output_max_bytes=64 << 10)
        self.client.wait(job_id)
        chunks = list(self.client.jobs("Logs", id=job_id))
        for at in range(0, len(chunks), max(1, len(chunks) // 20)):
            rest = list(self.client.jobs("Logs", id=job_id, offset=chunks[at].next_offset))
            self.assertEqual([c.next_offset for c in rest],
                             [c.next_offset for c in chunks[at + 1:]])
        gap = next(i for i, c in enumerate(chunks) if c.missing_bytes)
        inside = chunks[gap - 1].next_offset + 5000
        rest = list(self.client.jobs("Logs", id=job_id, offset=inside))
        self.assertIn(b"up to ", rest[0].data)
        self.assertEqual([c.data for c in rest[1:]], [c.data for c in chunks[gap + 1:]])

    def test_caps_out_of_range_are_refused(self):
        for most in (1, 65535, 1 << 51):
            spec = self.client.exec_spec("true", output_max_bytes=most)
            self.assertStatus(INVALID, self.client.submit, spec, text="output_max_bytes")
        self.refused(ctl.USAGE, "--output-max: '3 apples' is not a size", "submit",
                     "--output-max", "3 apples", "true")


class Lossy(ctl.GorctlTest):
    """A run that does not show all of its job's output, for a part of that was removed, is no success."""

    options = ("--log-cap", "64K")
    PIECES = 100
    WRITTEN = len("begin\n") + PIECES * 65536

    def lose_some(self, end, **where):
        """A run whose job's files are removed again and again while it shows them: its exit code, what came."""
        script = os.path.join(tempfile.mkdtemp(dir=self.gord.folder), "much.lua")
        with open(script, "w", encoding="ascii") as file:
            file.write(f'print("begin") for i = 1, {self.PIECES} do print(("x"):rep(65535)) end {end}')
        before = self.client.exec("true")
        run = self.start("run", "--lua", script, stdout=subprocess.PIPE, **where)
        out = os.read(run.stdout.fileno(), 1)
        for _ in range(100):
            remove_files(self.gord.state, before + 1)
            out += os.read(run.stdout.fileno(), 16384)
        out += run.stdout.read()
        run.stdout.close()
        return run.wait(e2e.PATIENCE), out

    def test_a_success_without_all_its_output_ends_with_74_and_one_summary(self):
        with tempfile.TemporaryFile() as err:
            code, out = self.lose_some("", stderr=err)
            err.seek(0)
            lines = err.read().decode().splitlines()
        self.assertEqual((code, len(lines)), (ctl.OUTPUT, 2), lines)
        self.assertIn("bytes of output are missing here", lines[0])
        self.assertRegex(lines[1], f"job [0-9]+: {self.WRITTEN - len(out)} bytes of its output are "
                                   "missing: .*--output-max.*--log-cap.*write to a file")

    def test_a_failure_keeps_its_code_and_remarks_stand_where_bytes_are_missing(self):
        code, out = self.lose_some("error('over')", stderr=subprocess.STDOUT)
        self.assertEqual(code, 1)
        parts = out.split(b"bytes of output are missing here")
        self.assertGreater(len(parts), 1)
        for part in parts[1:]:
            self.assertIn(b"xxx", part)  # amid the output
        self.assertEqual(out.count(b"bytes of its output are missing: "), 1)


def has_not_ended(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(")")[2].split()[0] != "Z"


class HeldTest(ctl.GorctlTest):
    """A daemon with the zoo and a small cap on output."""

    more_options = ()
    LINES = 100000
    MUCH = b"".join(b"%d\n" % n for n in range(1, LINES + 1))

    @classmethod
    def setUpClass(cls):
        cls.plugins = tempfile.mkdtemp(prefix="gor-")
        shutil.copyfile(os.path.join(e2e.BUILD, "tests", "plugins", "zoo1.so"),
                        os.path.join(cls.plugins, "zoo.so"))
        cls.options = ("--log-cap", "64K", "--plugin-dir", cls.plugins, *cls.more_options)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.plugins)

    def run_unread_of(self, *words):
        """A run that nobody reads from but for the first byte, and its job."""
        before = self.client.exec("true")
        run = self.start("run", *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(os.read(run.stdout.fileno(), 1), b"0")
        return run, before + 1


class Held(HeldTest):
    """A program writes no faster than the run that shows its output takes it."""

    more_options = ("--grace", "100ms")

    def run_unread(self, script, *options):
        return self.run_unread_of(*options, "--shell", script)

    def take(self, run, code=0):
        """The rest of what it shows, without a word on stderr if all is well."""
        out, err = run.communicate(timeout=e2e.PATIENCE)
        self.assertEqual(run.returncode, code, err)
        return out, err

    def test_many_times_the_cap_arrives_whole_and_others_go_on_meanwhile(self):
        run, job = self.run_unread(f"echo 0; seq {self.LINES * 10} | tee /dev/stderr")
        # Another run's output comes.
        much = b"".join(b"%d\n" % n for n in range(1, self.LINES + 1))
        self.assertEqual(self.ok("run", "seq", str(self.LINES)).out, much)
        # One that only looks on holds nobody, here or there.
        look = self.client.jobs("Logs", id=job, follow=True)
        other = self.client.exec("seq", str(self.LINES))
        look_at_other = self.client.jobs("Logs", id=other, follow=True)
        self.assertEqual(self.client.wait(other).stdout_bytes, len(much))
        self.assertEqual(self.client.get(job).state, e2e.RUNNING)
        look.cancel()
        look_at_other.cancel()
        out, err = self.take(run)
        much = b"".join(b"%d\n" % n for n in range(1, self.LINES * 10 + 1))
        self.assertEqual((out, err), (b"\n" + much, much))

    def test_a_follower_that_is_killed_lets_the_job_end(self):
        run, job = self.run_unread(f"echo 0; seq {self.LINES * 10}; exit 3")
        self.assertEqual(self.client.get(job).state, e2e.RUNNING)
        run.kill()
        run.communicate()
        self.assertEqual(self.client.wait(job).exit_code, 3)

    def test_one_that_stops_does_not_keep_the_job_from_its_end(self):
        run, job = self.run_unread(f"trap 'seq {self.LINES * 10}; exit' TERM; echo 0; seq {self.LINES * 10}")
        self.ok("cancel", str(job))
        self.assertEqual(self.client.wait(job).outcome, e2e.CANCELLED)
        _, err = self.take(run, ctl.CANCELLED)
        self.assertIn(b"bytes of its output are missing", err)
        run, job = self.run_unread(f"echo 0; seq {self.LINES * 10}")
        self.ok("terminate", str(job))
        self.assertEqual(self.client.wait(job).outcome, e2e.CANCELLED)
        self.take(run, ctl.CANCELLED)

    def test_what_a_program_leaves_in_its_pipe_is_read_when_there_is_room(self):
        # It ends with much in the pipe, which stays there for longer than the grace, however short that is.
        size = 1 << 20
        for options in ((), ("--grace", "1ms")):
            run, job = self.run_unread(
                f"exec /usr/bin/python3 -c 'import fcntl, os; fcntl.fcntl(1, 1031, {size}); "
                f"os.write(1, b\"0\" * {size})'", *options)
            self.client.wait_process(job)
            pid = self.client.get(job).pid
            while has_not_ended(pid):
                time.sleep(0.01)
            time.sleep(0.3)
            self.assertEqual(self.client.get(job).state, e2e.RUNNING)
            self.assertEqual(self.take(run), (b"0" * (size - 1), b""))

    def test_what_others_write_behind_it_is_not_waited_for(self):
        run, job = self.run_unread("echo 0; yes & exit 0")
        self.assertEqual(self.client.wait(job).outcome, e2e.SUCCEEDED)
        out, err = run.communicate(timeout=e2e.PATIENCE)
        self.assertIn(b"what they write from here on is not kept", out + err)

    def test_one_that_is_held_is_not_stuck(self):
        run, _ = self.run_unread(f"echo 0; seq {self.LINES * 10}", "--heartbeat", "1s",
                                 "--on-stuck", "kill")
        self.client.wait(self.client.exec("sleep", "2.5"))  # more than two heartbeats
        self.assertEqual(self.take(run), (b"\n" + b"".join(b"%d\n" % n for n in range(
            1, self.LINES * 10 + 1)), b""))

    def test_a_log_that_somebody_removes_holds_nobody(self):
        # Before its end, all of it or what is behind the first part; what comes then is in new files.
        for written, is_removed in ((1000, lambda path: True),
                                    (48000, lambda path: not path.endswith(".log"))):
            fifo = os.path.join(self.gord.folder, f"go-{written}")
            os.mkfifo(fifo)
            job = self.client.exec("sh", "-c", f"head -c {written} /dev/zero; read x <{fifo}; "
                                   f"head -c {self.LINES} /dev/zero; exit 3")
            e2e.until(lambda: len(self.client.logs(job, follow=False)) == written)
            remove_files(self.gord.state, job, is_removed)
            chunks = self.client.jobs("Logs", id=job, follow=True, holds=True)
            self.client.get(job)  # an answer that comes after it was heard
            with open(fifo, "w", encoding="ascii"):
                pass
            self.assertEqual(self.client.wait(job).exit_code, 3)
            chunks.cancel()

    def test_wrong_requests(self):
        job = self.client.exec("true")
        for more in ({}, {"follow": True, "tail_lines": 1}, {"follow": True, "since_ns": 1}):
            self.assertStatus(INVALID, self.client.jobs, "Logs", id=job, holds=True,
                              text="holds is for one that follows", **more)

    def test_who_is_announced_and_does_not_come_holds_nobody_for_long(self):
        spec = self.client.exec_spec("seq", str(self.LINES))
        reply = self.client.jobs("Submit", spec=spec, follows=True)
        self.assertEqual(self.client.wait(reply.id).stdout_bytes, 588895)


class HeldGoroutines(HeldTest):
    """What functions and scripts write waits as what programs do."""

    LONG = 300000

    def run_script(self, text, *options):
        script = os.path.join(tempfile.mkdtemp(dir=self.gord.folder), "script.lua")
        with open(script, "w", encoding="ascii") as file:
            file.write(text)
        return self.run_unread_of(*options, "--lua", script)

    def counting(self):
        return f"print(0) for i = 1, {self.LINES} do print(i) end"

    def assertWaits(self, job):
        """It has come to no more than the run has room for."""
        self.assertNotEqual(self.client.get(job).state, e2e.TERMINATED)

    def test_a_script_and_its_long_lines_arrive_whole(self):
        run, job = self.run_script(self.counting() + f' log(("x"):rep({self.LONG})) print("end")')
        self.assertWaits(job)
        out, err = run.communicate(timeout=e2e.PATIENCE)
        self.assertEqual((run.returncode, out), (0, b"\n" + self.MUCH + b"end\n"))
        self.assertEqual(err, b"x" * self.LONG + b"\n")

    def test_goroutines_that_write_at_once_lose_nothing_and_keep_their_lines(self):
        run, job = self.run_unread_of("--native", "zoo.scribble")
        self.assertWaits(job)
        out, err = run.communicate(timeout=e2e.PATIENCE)
        self.assertEqual((run.returncode, err), (0, b""))
        lines = {str(n): [] for n in range(8)}
        for line in out.decode().splitlines()[1:]:
            number, place, zeros = line.split(" ")
            self.assertEqual(zeros.count("0"), 10000 if int(place) % 1000 == 0 else 90)
            lines[number].append(int(place))
        for places in lines.values():
            self.assertEqual(places, list(range(2000)))

    def test_one_that_is_held_ends_when_its_follower_goes_or_its_end_is_wanted(self):
        run, job = self.run_script(self.counting() + " return 'all'")
        self.assertWaits(job)
        run.kill()
        run.communicate()
        self.assertEqual(self.client.wait(job).outcome, e2e.SUCCEEDED)
        for words in (("--native", "zoo.scribble"), None):
            run, job = self.run_unread_of(*words) if words else self.run_script(self.counting())
            self.assertWaits(job)
            self.ok("cancel", str(job))
            self.assertIn(self.client.wait(job).outcome, (e2e.CANCELLED, e2e.SUCCEEDED))
            run.communicate(timeout=e2e.PATIENCE)
        run, job = self.run_script(self.counting(), "--timeout", "500ms")
        self.assertEqual(self.client.wait(job).outcome, e2e.TIMED_OUT)
        run.communicate(timeout=e2e.PATIENCE)

    def test_one_that_is_held_is_not_stuck(self):
        run, _ = self.run_script(self.counting(), "--heartbeat", "1s", "--on-stuck", "kill")
        self.client.wait(self.client.exec("sleep", "2.5"))  # more than two heartbeats
        out, err = run.communicate(timeout=e2e.PATIENCE)
        self.assertEqual((run.returncode, out, err), (0, b"\n" + self.MUCH, b""))


class HeldAtTheEnd(HeldTest):
    """A follower that takes nothing does not decide how long the daemon waits for what it lets end."""

    more_options = ("--stop-timeout", "10m")

    def setUp(self):
        self.gord, self.client = e2e.begin_gord(self, *self.options, kind=UpgradedGord)
        path = os.path.join(self.gord.folder, "script.lua")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"print(0) for i = 1, {self.LINES} do print(i) end")
        self.inside = (("--native", "zoo.scribble"), ("--lua", path))

    def again(self):
        self.client.close()
        self.client = self.gord.client()
        self.addCleanup(self.client.close)

    def assertSucceeded(self, *jobs):
        self.assertEqual({self.client.get(job).outcome for job in jobs}, {e2e.SUCCEEDED})

    def test_a_stop_waits_for_jobs_and_not_for_who_follows_them(self):
        program = ("--shell", f"echo 0; seq {self.LINES * 10}")
        runs = [self.run_unread_of("--on-stop", "wait", *words) for words in (*self.inside, program)]
        self.assertEqual(self.gord.stop(), 0)
        self.gord.start()
        self.again()
        self.assertSucceeded(*(job for _, job in runs))
        for run, _ in runs:
            run.kill()
            run.communicate()

    def hold_child(self, job, which):
        """Have its program write much, which a follower holds; its id and the call."""
        children = lambda: self.client.jobs("Tree", id=job).jobs[1:]
        e2e.until(lambda: len(children()) > which)
        child = children()[which].id
        self.client.wait_process(child)
        call = self.client.jobs("Logs", id=child, follow=True, holds=True)
        self.client.get(child)  # an answer that comes after it was heard
        with open(os.path.join(self.gord.folder, f"go-{which}"), "w", encoding="ascii"):
            pass
        return child, call

    def test_an_upgrade_awaits_jobs_and_not_who_follows_them(self):
        go = os.path.join(self.gord.folder, "go")
        spec = self.client.message("JobSpec")
        spec.lua.script = f"""for i = 0, 1 do
            local wait = ('until test -e {go}-%d; do sleep 0.02; done; '):format(i)
            job.wait(job.submit{{argv = {{'sh', '-c', wait .. 'seq {self.LINES * 30}'}}}})
        end""".encode()
        script = self.client.submit(spec)
        runs = [self.run_unread_of(*words) for words in self.inside]
        first, call = self.hold_child(script, 0)
        e2e.until(lambda: len(self.client.logs(first, follow=False)) > 20000)
        upgrade = self.start("daemon", "upgrade", "--wait", stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        second, other_call = self.hold_child(script, 1)  # which starts meanwhile
        out, err = upgrade.communicate(timeout=e2e.PATIENCE)
        self.assertEqual(upgrade.returncode, 0, err)
        self.assertIn(b"native jobs: 1 ended by themselves\n", out)
        call.cancel()
        other_call.cancel()
        self.again()
        self.assertSucceeded(script, first, second, *(job for _, job in runs))
        for run, _ in runs:
            run.kill()
            run.communicate()


class HeldBehind(HeldTest):
    """A goroutine that its function leaves behind waits to write: that ends with the job."""

    def left_behind(self):
        return sum(p.left_behind for p in self.client.call("Plugins", "ListPlugins").plugins)

    def starts(self, job):
        return sum(event.kind == STARTED for event in self.client.events(job))

    def test_what_it_would_write_is_dropped(self):
        runs = [self.run_unread_of("--native", "zoo.babble", *options)
                for options in ((), ("--retries", "1", "--backoff", "1ms"))]
        for _, job in runs:  # it is amid
            e2e.until(lambda job=job: len(self.client.logs(job, follow=False)) > 20000)
        gate = self.client.native("zoo.open_gate")
        self.assertEqual(self.client.wait(gate, runs[0][1])[1].outcome, e2e.FAILED)
        e2e.until(lambda: self.starts(runs[1][1]) == 2)
        e2e.until(lambda: self.left_behind() == 0)
        (run, job), (again, retried) = runs
        out, err = run.communicate(timeout=e2e.PATIENCE)
        self.assertEqual((run.returncode, err), (1, b""))
        self.assertEqual(out, b"\n" + b"x" * (len(out) - 1))
        self.assertEqual(self.client.get(job).stdout_bytes, len(out) + 1)
        last = b"0\n" + b"".join(b"%0100d\n" % n for n in range(2000))
        out, err = again.communicate(timeout=e2e.PATIENCE)
        self.assertEqual((again.returncode, err), (0, b""))
        self.assertEqual(out, b"\n" + b"x" * (len(out) - 1 - len(last)) + last)
        self.assertEqual(self.client.wait(retried).outcome, e2e.SUCCEEDED)
        self.assertEqual(self.client.get(retried).stdout_bytes, len(last))
        self.assertTrue(last.endswith(self.client.logs(retried, stream=1)[-10000:]))  # undamaged


class HeldWithoutPlace(HeldTest):
    """A run that cannot be started, for want of a place for its goroutine, was none: who holds the job, or is
    about to, holds the one that can."""

    more_options = ("--max-stack-memory", "16M")

    def setUp(self):
        self.crowd = self.client.native("zoo.crowd")
        self.assertEqual(next(self.client.jobs("Logs", id=self.crowd, follow=True)).data, b"full\n")

    def make_room(self):
        self.client.jobs("Cancel", ids=[self.crowd])

    def refusals(self):
        return next(int(line.split()[1]) for line in self.ok("metrics").text.splitlines()
                    if line.startswith("gor_spawns_refused_total "))

    def await_refusals(self, job):
        """Some more of a job that has begun to wait for its place."""
        event = self.client.wait_state(job, e2e.WAITING)
        self.assertEqual(event.reason, "a place for its goroutine")
        before = self.refusals()
        e2e.until(lambda: self.refusals() >= before + 3)

    def test_one_that_follows_already_loses_nothing(self):
        job = self.client.submit(self.client.exec_spec("seq", str(self.LINES), held=True))
        chunks = self.client.jobs("Logs", id=job, follow=True, holds=True)
        self.client.jobs("Release", ids=[job])
        self.await_refusals(job)
        self.make_room()
        self.assertEqual(b"".join(c.data for c in chunks), self.MUCH)
        self.assertEqual(self.client.get(job).outcome, e2e.SUCCEEDED)

    def test_one_that_is_announced_loses_nothing(self):
        spec = self.client.exec_spec("seq", str(self.LINES))
        job = self.client.jobs("Submit", spec=spec, follows=True).id
        self.await_refusals(job)
        self.make_room()
        self.client.wait_process(job)
        chunks = self.client.jobs("Logs", id=job, follow=True, holds=True)
        self.assertEqual(b"".join(c.data for c in chunks), self.MUCH)

    def test_one_that_never_starts_ends_those_who_follow_it(self):
        run = self.start("run", "seq", str(self.LINES), stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
        job = self.crowd + 1
        e2e.until(lambda: self.gorctl("show", str(job)).code == 0)
        self.await_refusals(job)
        chunks = self.client.jobs("Logs", id=job, follow=True, holds=True)
        self.ok("cancel", str(job))
        self.assertEqual(list(chunks), [])
        out, err = run.communicate(timeout=e2e.PATIENCE)
        self.assertEqual((run.returncode, out), (ctl.CANCELLED, b""), err)
        self.make_room()


class Tail(ctl.GorctlTest):
    """gorctl logs -n and --from: found from the end."""

    def test_last_lines_of_a_job_that_has_ended(self):
        job = self.submit("--shell", "seq 100000; echo err >&2; printf end")
        self.client.wait(job)
        self.assertEqual(self.ok("logs", "-n", "3", "--stdout", str(job)).out, b"99999\n100000\nend")
        self.assertEqual(self.gorctl("logs", "-n", "1", "--stderr", str(job)).out, b"err\n")
        self.assertEqual(self.gorctl("logs", "-n", "0", str(job)).out, b"")
        out = self.gorctl("logs", "-n", "1000000", "--stdout", str(job)).out
        self.assertEqual(len(out.splitlines()), 100001)
        chunks = list(self.client.jobs("Logs", id=job, tail_lines=2, only=1))
        self.assertEqual(b"".join(c.data for c in chunks), b"100000\nend")

    def reader(self, script):
        """A job that reads what is sent to it."""
        spec = self.client.exec_spec("sh", "-c", script)
        spec.exec.stdin_pipe = True
        return self.client.submit(spec)

    def test_followed_from_the_last_lines(self):
        job = self.reader("seq 1000; cat; exit 4")
        stream = self.client.jobs("Logs", id=job, follow=True)
        got = b""
        while not got.endswith(b"1000\n"):
            got += next(stream).data
        stream.cancel()
        process = self.start("logs", "-n", "2", "-f", str(job), stdout=subprocess.PIPE)
        self.assertEqual([process.stdout.readline() for _ in range(2)], [b"999\n", b"1000\n"])
        self.client.jobs("Send", id=job, data=b"more\n", close=True)
        self.assertEqual(process.stdout.read(), b"more\n")
        process.stdout.close()
        self.assertEqual(process.wait(e2e.PATIENCE), 4)

    def test_what_was_written_since(self):
        job = self.reader("echo before; read x; echo after")
        before = next(self.client.jobs("Logs", id=job, follow=True))
        self.client.jobs("Send", id=job, data=b"\n", close=True)
        self.client.wait(job)
        chunks = list(self.client.jobs("Logs", id=job, since_ns=before.at_ns + 1))
        self.assertEqual([c.data for c in chunks], [b"after\n"])
        self.assertEqual(self.ok("logs", "--from", "1h", str(job)).out, b"before\nafter\n")
        self.assertEqual(len(list(self.client.jobs("Logs", id=job, since_ns=before.at_ns))), 2)
        silent = self.submit("--shell", "exit 0")
        self.client.wait(silent)
        self.assertEqual(self.ok("logs", "-n", "5", str(silent)).out, b"")

    def test_wrong_words(self):
        job = self.client.exec("true")
        self.refused(ctl.USAGE, "not a number", "logs", "-n", "x", str(job))
        self.refused(ctl.USAGE, "do not go with it", "logs", "-n", "3", "--offset", "8", str(job))
        self.refused(ctl.USAGE, "--from", "logs", "--from", "whenever", str(job))
        self.assertStatus(INVALID, self.client.jobs, "Logs", id=job, offset=8, tail_lines=1,
                          text="do not go with it")
        self.assertStatus(INVALID, self.client.jobs, "Logs", id=job, since_ns=-1, text="before 1970")
        self.assertStatus(INVALID, self.client.jobs, "Logs", id=job, only=3, text="STDOUT, STDERR")


if __name__ == "__main__":
    e2e.main()
