# SPDX-License-Identifier: MIT
"""The life of jobs: exec and native, ended in every way there is."""

import os
import signal
import unittest

import gor_e2e as e2e
from gor_e2e import grpc


class Life(e2e.GordTest):
    options = ("--grace", "500ms")

    # ------------------------------------------------------------ exec

    def test_exec_succeeds_with_output_and_history(self):
        job_id = self.client.exec("sh", "-c", "echo out; echo err >&2", name="hello")
        job = self.client.wait(job_id)
        self.assertEqual((job.state, job.outcome, job.exit_code),
                         (e2e.TERMINATED, e2e.SUCCEEDED, 0))
        self.assertEqual(self.client.logs(job_id, 1), b"out\n")
        self.assertEqual(self.client.logs(job_id, 2), b"err\n")
        self.assertEqual((job.stdout_bytes, job.stderr_bytes), (4, 4))
        events = self.client.events(job_id)
        self.assertEqual([e.state for e in events], [e2e.CREATED, e2e.RUNNABLE, e2e.RUNNING,
                                                     e2e.RUNNING, e2e.RUNNING, e2e.TERMINATED])
        self.assertRegex(events[3].reason, r"^as process \d+$")
        self.assertLess(0, job.created_ns)
        self.assertLessEqual(job.created_ns, job.started_ns)
        self.assertLessEqual(job.started_ns, job.finished_ns)
        self.assertEqual(job.uid, os.geteuid())
        self.assertEqual(job.spec.name, "hello")

    def test_exec_exit_code_is_kept(self):
        job = self.client.wait(self.client.exec("sh", "-c", "exit 3"))
        self.assertEqual((job.outcome, job.exit_code), (e2e.FAILED, 3))

    def test_exec_killed_by_a_foreign_signal(self):
        job = self.client.wait(self.client.exec("sh", "-c", "kill -USR1 $$"))
        self.assertEqual((job.outcome, job.signal), (e2e.SIGNALED, signal.SIGUSR1))

    def test_exec_missing_program(self):
        job = self.client.wait(self.client.exec("no-such-program-here", env={"PATH": "/usr/bin"}))
        self.assertEqual(job.outcome, e2e.SPAWN_ERROR)
        self.assertEqual(job.detail,
                         "cannot start 'no-such-program-here': not found in PATH (/usr/bin)")

    def test_exec_not_executable_and_not_a_program(self):
        plain = os.path.join(self.gord.folder, "plain")
        with open(plain, "w", encoding="ascii") as file:
            file.write("just text\n")
        job = self.client.wait(self.client.exec(plain))
        self.assertEqual(job.outcome, e2e.SPAWN_ERROR)
        self.assertIn("Permission denied", job.detail)
        os.chmod(plain, 0o755)
        job = self.client.wait(self.client.exec(plain))
        self.assertEqual(job.outcome, e2e.SPAWN_ERROR)
        self.assertIn("not a program", job.detail)

    def test_exec_missing_folder(self):
        job = self.client.wait(self.client.exec("true", cwd="/no/such/folder"))
        self.assertEqual(job.outcome, e2e.SPAWN_ERROR)
        self.assertIn("cannot enter folder '/no/such/folder'", job.detail)

    def test_exec_environment_is_exactly_the_given_one(self):
        job_id = self.client.exec("/usr/bin/env", env={"B": "2 $HOME", "GOR_JOB_ID": "wrong"})
        self.client.wait(job_id)
        self.assertEqual(sorted(self.client.logs(job_id).split(b"\n")),
                         sorted([b"B=2 $HOME", b"GOR_JOB_ID=%d" % job_id, b""]))

    def test_exec_argv_is_byte_exact(self):
        args = ["a b", "", "$HOME", "line\nbreak", "'\"\\", b"\xff\xfe".decode("utf-8",
                                                                               "surrogateescape")]
        job_id = self.client.exec("printf", "%s|", *args)
        self.client.wait(job_id)
        self.assertEqual(self.client.logs(job_id, 1),
                         b"".join(os.fsencode(a) + b"|" for a in args))

    def test_exec_cwd_umask_stdin_and_descriptors(self):
        spec = self.client.exec_spec("sh", "-c", "pwd; umask; cat; ls /proc/self/fd | wc -l; "
                                     "ps -o pgid= -p $$ | tr -d ' '; echo $$", cwd="/usr")
        spec.exec.umask_plus_1 = 0o27 + 1
        job_id = self.client.submit(spec)
        self.client.wait(job_id)
        lines = self.client.logs(job_id, 1).decode().split()
        self.assertEqual(lines[:2], ["/usr", "0027"])
        self.assertEqual(lines[2], "4", "stdin, stdout, stderr and the one ls reads the list from")
        if len(lines) == 5:  # ps is there
            self.assertEqual(lines[3], lines[4], "leads its own process group")

    def test_exec_signals_are_at_their_defaults(self):
        job_id = self.client.exec("grep", "-E", "Sig(Blk|Ign)", "/proc/self/status")
        self.client.wait(job_id)
        for line in self.client.logs(job_id, 1).decode().splitlines():
            self.assertEqual(int(line.split()[1], 16), 0, line)

    def test_exec_cancel_keeps_the_cause(self):
        job_id = self.client.exec("sleep", "1000")
        self.client.wait_process(job_id)
        job = self.client.get(job_id)
        self.assertGreater(job.pid, 0)
        self.assertGreater(job.goroutine, 0)
        reply = self.client.jobs("Cancel", ids=[job_id, 999999], cause="changed my mind")
        self.assertEqual([(r.id, r.status) for r in reply.results], [(job_id, 1), (999999, 3)])
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.signal, job.detail),
                         (e2e.CANCELLED, signal.SIGTERM, "changed my mind"))
        reply = self.client.jobs("Cancel", ids=[job_id])
        self.assertEqual(reply.results[0].status, 2)

    def test_exec_that_ignores_term_is_killed_after_its_grace(self):
        job_id = self.client.exec("sh", "-c", "trap '' TERM; echo ready; "
                                  "while :; do sleep 0.05; done", grace_ns=e2e.SECOND // 5)
        for chunk in self.client.jobs("Logs", id=job_id, follow=True):
            if b"ready" in chunk.data:
                break
        self.client.jobs("Cancel", ids=[job_id])
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.signal), (e2e.CANCELLED, signal.SIGKILL))

    def test_exec_timeout(self):
        job = self.client.wait(self.client.exec("sleep", "1000", timeout_ns=e2e.SECOND // 10))
        self.assertEqual((job.outcome, job.signal), (e2e.TIMED_OUT, signal.SIGTERM))
        self.assertIn("0.1 s", job.detail)

    def test_exec_grandchild_that_holds_the_pipes_does_not_hang_the_job(self):
        job_id = self.client.exec("sh", "-c", "setsid sleep 1000 & echo $!")
        job = self.client.wait(job_id)
        self.assertEqual(job.outcome, e2e.SUCCEEDED)
        self.assertIn(b"left behind", self.client.logs(job_id, 3))
        left = int(self.client.logs(job_id, 1))
        self.assertFalse(os.path.exists(f"/proc/{left}"), "it ends with its job, and is reaped")

    def test_exec_group_ends_with_its_job(self):
        job_id = self.client.exec("sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!")
        job = self.client.wait(job_id)
        self.assertEqual(job.outcome, e2e.SUCCEEDED)
        pid = int(self.client.logs(job_id, 1))
        with open_pidfd(pid) as ended:
            self.assertTrue(ended, "the process in the background lives on")

    def test_exec_last_words_of_a_child_are_kept(self):
        job_id = self.client.exec("sh", "-c", "(sleep 0.1; echo late) & echo early")
        self.client.wait(job_id)
        self.assertEqual(self.client.logs(job_id, 1), b"early\nlate\n")

    def test_exec_large_output_keeps_its_order(self):
        job_id = self.client.exec("seq", "1", "200000")
        job = self.client.wait(job_id)
        want = "".join(f"{i}\n" for i in range(1, 200001)).encode()
        self.assertEqual(job.stdout_bytes, len(want))
        self.assertEqual(self.client.logs(job_id), want)

    def test_exec_closed_output_is_no_end(self):
        job_id = self.client.exec("sh", "-c", "exec >&- 2>&-; sleep 0.2; exit 7")
        self.assertEqual(self.client.wait(job_id).exit_code, 7)

    # ------------------------------------------------------------ native

    def test_native_builtins(self):
        for function, args, output in (
                ("echo", ["a", "b c"], b"a b c\n"), ("echo", [], b""), ("fib", [20], b"6765\n"),
                ("fib", [2], b"1\n"), ("fanout", [100], b"100 goroutines, sum 5050\n"),
                ("sleep", ["1ms"], b"")):
            with self.subTest(function=function, args=args):
                job_id = self.client.native("builtin." + function, *args)
                job = self.client.wait(job_id)
                self.assertEqual((job.outcome, job.detail), (e2e.SUCCEEDED, ""))
                self.assertEqual(self.client.logs(job_id), output)
        job_id = self.client.native("builtin.pingpong", 1000)
        self.client.wait(job_id)
        self.assertIn(b"1000 rounds", self.client.logs(job_id))
        job_id = self.client.native("builtin.spin", "5ms")
        self.assertEqual(self.client.wait(job_id).outcome, e2e.SUCCEEDED)

    def test_native_failure_and_panic_end_only_the_job(self):
        job = self.client.wait(self.client.native("builtin.fail", 9, "no luck"))
        self.assertEqual((job.outcome, job.exit_code, job.detail), (e2e.FAILED, 9, "no luck"))
        job = self.client.wait(self.client.native("builtin.panic", "boom"))
        self.assertEqual(job.outcome, e2e.PANICKED)
        self.assertIn("boom", job.detail)
        self.assertTrue(self.gord.alive())

    @unittest.skipIf(e2e.SANITIZE, "an overflow is the sanitizer's to report")
    def test_native_stack_overflow_ends_only_the_job(self):
        for _ in range(3):
            job_id = self.client.native("builtin.overflow")
            job = self.client.wait(job_id)
            self.assertEqual(job.outcome, e2e.PANICKED)
            self.assertIn("stack overflow", job.detail)
            self.assertIn("KiB", job.detail)
            # Where it was, for whoever has to find out why.
            log = self.client.logs(job_id, 3)
            self.assertIn(b"stack overflow", log)
            self.assertIn(b"use_up_stack", log)
        self.assertTrue(self.gord.alive())
        self.assertEqual(self.client.wait(self.client.native("builtin.echo", "on")).outcome,
                         e2e.SUCCEEDED)

    def test_native_waiting_is_told_with_its_reason(self):
        job_id = self.client.native("builtin.sleep", "1000s")
        event = self.client.wait_state(job_id, e2e.WAITING)
        self.assertNotEqual(event.reason, "")
        job = self.client.get(job_id)
        self.assertEqual((job.state, job.reason), (e2e.WAITING, event.reason))
        self.client.jobs("Cancel", ids=[job_id], cause="enough")
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.detail), (e2e.CANCELLED, "enough"))

    def test_native_timeout_and_cancel_of_each(self):
        for function, arg in (("sleep", "1000s"), ("spin", "1000s"), ("fib", 60),
                              ("pingpong", 10**15)):
            with self.subTest(function=function):
                job = self.client.wait(self.client.native("builtin." + function, arg,
                                                          timeout_ns=e2e.SECOND // 20))
                self.assertEqual(job.outcome, e2e.TIMED_OUT)
                job_id = self.client.native("builtin." + function, arg)
                self.client.wait_state(job_id, e2e.RUNNING)
                self.client.jobs("Cancel", ids=[job_id])
                self.assertEqual(self.client.wait(job_id).outcome, e2e.CANCELLED)

    def test_native_thousand_in_parallel(self):
        specs = [self.client.native_spec("builtin.sleep", "300ms") for _ in range(1000)]
        reply = self.client.jobs("SubmitMany", specs=specs)
        self.assertEqual(reply.count, 1000)
        jobs = self.client.wait(*range(reply.first_id, reply.first_id + 1000))
        self.assertEqual({j.outcome for j in jobs}, {e2e.SUCCEEDED})
        # They ran side by side: all had started before the first one ended.
        self.assertLess(max(j.started_ns for j in jobs), min(j.finished_ns for j in jobs))

    # ------------------------------------------------------------ families

    def test_children_end_with_their_parent(self):
        parent = self.client.native("builtin.sleep", "1000s")
        child = self.client.exec("sleep", "1000", parent_id=parent)
        grandchild = self.client.native("builtin.sleep", "1000s", parent_id=child)
        self.client.wait_state(grandchild, e2e.RUNNING)
        self.client.jobs("Cancel", ids=[parent], cause="all of you")
        jobs = self.client.wait(parent, child, grandchild)
        self.assertEqual([j.outcome for j in jobs], [e2e.CANCELLED] * 3)
        self.assertEqual(jobs[0].detail, "all of you")
        self.assertIn(str(parent), jobs[1].detail)

    def test_parent_must_live(self):
        ended = self.client.native("builtin.echo")
        self.client.wait(ended)
        self.assertStatus(grpc.StatusCode.FAILED_PRECONDITION, self.client.native, "builtin.echo",
                          parent_id=ended, text="has ended")
        self.assertStatus(grpc.StatusCode.NOT_FOUND, self.client.native, "builtin.echo",
                          parent_id=10**9, text="parent_id")


class open_pidfd:  # pylint: disable=invalid-name
    """True inside once the process has ended (it may never have been ours)."""

    def __init__(self, pid):
        self.pid = pid
        self.fd = -1

    def __enter__(self):
        import select
        try:
            self.fd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        return bool(select.select([self.fd], [], [], e2e.PATIENCE)[0])

    def __exit__(self, *what):
        if self.fd >= 0:
            os.close(self.fd)


class Slots(e2e.GordTest):
    options = ("--exec-slots", "1", "--native-slots", "2", "--grace", "1s")

    def test_queue_says_why_it_waits_and_cancels_at_once(self):
        first = self.client.exec("sleep", "1000")
        self.client.wait_state(first, e2e.RUNNING)
        second = self.client.exec("true")
        job = self.client.get(second)
        self.assertEqual((job.state, job.reason),
                         (e2e.RUNNABLE, "waits for an exec slot (1 of 1 busy)"))
        self.client.jobs("Cancel", ids=[second], cause="no need")
        job = self.client.wait(second)
        self.assertEqual((job.outcome, job.detail, job.started_ns), (e2e.CANCELLED, "no need", 0))
        third = self.client.exec("true")
        self.client.jobs("Cancel", ids=[first])
        self.assertEqual(self.client.wait(third).outcome, e2e.SUCCEEDED)

    def test_pause_and_resume(self):
        self.client.jobs("Pause")
        job_id = self.client.native("builtin.echo")
        job = self.client.get(job_id)
        self.assertEqual((job.state, job.reason), (e2e.RUNNABLE, "starting jobs is paused"))
        self.assertTrue(self.client.runtime("Stats").paused)
        self.assertEqual(self.client.jobs("Resume").queued, 1)
        self.assertEqual(self.client.wait(job_id).outcome, e2e.SUCCEEDED)

    def test_cancel_all(self):
        ids = [self.client.native("builtin.sleep", "1000s") for _ in range(5)]
        reply = self.client.jobs("Cancel", all=True, cause="sweep")
        self.assertEqual(sorted(r.id for r in reply.results), ids)
        jobs = self.client.wait(*ids)
        self.assertEqual({(j.outcome, j.detail) for j in jobs}, {(e2e.CANCELLED, "sweep")})


if __name__ == "__main__":
    e2e.main()
