# SPDX-License-Identifier: MIT
"""The daemon itself: starting, refusing to start, signals, stopping, restarting."""

import glob
import os
import shutil
import signal
import socket
import subprocess
import unittest

import gor_e2e as e2e
from gor_e2e import grpc

OK, INTERNAL, USAGE, STORE, BUSY, LISTEN = range(6)


class DaemonCase(unittest.TestCase):
    def gord(self, *options, **kw):
        gord = e2e.Gord(*options, **kw)
        self.addCleanup(gord.close)
        return gord

    def client(self, gord, **kw):
        client = gord.client(**kw)
        self.addCleanup(client.close)
        return client

    def refuse(self, gord, code, text):
        gord.launch()
        self.assertEqual(gord.process.wait(e2e.PATIENCE), code, gord.stderr())
        self.assertIn(text, gord.stderr())
        self.assertNotIn("READY=1", gord.notify.said)


class Starting(DaemonCase):
    def test_usage_errors(self):
        for args in (["--nosuch"], ["--exec-slots", "0"], ["--grace", "soon"], ["surplus"],
                     ["--listen", "0.0.0.0:7"], ["--listen", "example.com:7"]):
            with self.subTest(args=args):
                done = subprocess.run(e2e.gord_command(*args), capture_output=True, text=True,
                                      timeout=e2e.PATIENCE, check=False)
                self.assertEqual(done.returncode, USAGE, done.stderr)
                self.assertNotEqual(done.stderr, "")
                self.assertEqual(done.stdout, "")

    def test_help_and_version(self):
        for arg in ("--help", "--version"):
            done = subprocess.run(e2e.gord_command(arg), capture_output=True, text=True,
                                  timeout=e2e.PATIENCE, check=False)
            self.assertEqual(done.returncode, OK)
            self.assertIn("gord", done.stdout)

    @unittest.skipIf(e2e.SANITIZE == "thread", "a thread of its own blocks all signals")
    def test_no_thread_blocks_what_a_fault_of_its_own_raises(self):
        """The kernel would end the daemon, where a fault may bring back the stack of a goroutine."""
        gord = self.gord("--otlp-endpoint", "http://127.0.0.1:1").start()
        faults = 1 << signal.SIGSEGV - 1 | 1 << signal.SIGBUS - 1

        def blocks(task):
            with open(task, encoding="ascii") as file:
                (mask,) = [line.split()[1] for line in file if line.startswith("SigBlk:")]
            return int(mask, 16) & faults != 0

        tasks = glob.glob(f"/proc/{gord.process.pid}/task/*/status")
        self.assertTrue(tasks)
        for task in tasks:
            e2e.until(lambda task=task: not blocks(task))  # as each does until it has been made
        self.assertEqual(gord.stop(), OK, gord.stderr())

    def test_second_daemon_on_the_same_state(self):
        first = self.gord().start()
        second = self.gord(folder=first.folder)
        second.socket += "2"
        second.wants_notify = False
        second.launch()
        self.assertEqual(second.process.wait(e2e.PATIENCE), BUSY)
        self.assertIn(str(first.process.pid), second.stderr())
        self.assertTrue(first.alive())

    def test_second_daemon_on_the_same_socket(self):
        first = self.gord().start()
        second = self.gord()
        second.socket = first.socket
        self.refuse(second, LISTEN, first.socket)
        self.assertEqual(self.client(first).runtime("Version").pid, first.process.pid)

    def test_stale_socket_is_replaced_and_other_files_are_not(self):
        gord = self.gord().start()
        gord.kill()
        self.assertTrue(os.path.exists(gord.socket))
        gord.start()
        gord.stop()
        self.assertFalse(os.path.exists(gord.socket))
        with open(gord.socket, "w", encoding="ascii") as file:
            file.write("precious")
        self.refuse(gord, LISTEN, gord.socket)
        with open(gord.socket, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")

    def test_socket_path_that_is_too_long(self):
        gord = self.gord()
        gord.socket = os.path.join(gord.folder, "x" * 120)
        self.refuse(gord, USAGE, "107 bytes")

    def test_unreadable_database_is_refused_and_kept(self):
        gord = self.gord()
        os.makedirs(gord.state)
        path = os.path.join(gord.state, "gord.db")
        for content in (b"this is no database at all, but long enough to look at" * 100,
                        os.urandom(8192)):
            with open(path, "wb") as file:
                file.write(content)
            self.refuse(gord, STORE, path)
            with open(path, "rb") as file:
                self.assertEqual(file.read(), content, "the file was changed")

    def test_state_directory_that_cannot_be_made(self):
        gord = self.gord()
        gord.state = "/proc/nowhere/gord"
        self.refuse(gord, STORE, "/proc/nowhere")

    def test_too_few_descriptors_are_told_whichever_is_the_first_that_is_missing(self):
        refused = 0
        # A runner that did not come up keeps its memory: the process is about to end.
        env = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
        for limit in range(4, 1024):
            wrap = ("sh", "-c", f'ulimit -n {limit} && exec "$@"', "sh")
            gord = self.gord(wrap=wrap, env=env).launch()
            if gord.notify.wait_for("READY=1", alive=gord.alive) is not None:
                self.assertEqual(gord.stop(), OK, gord.stderr())
                break
            code = gord.process.wait(e2e.PATIENCE)
            self.assertGreater(code, 0, f"with {limit} descriptors: {gord.stderr()}")
            self.assertNotEqual(gord.stderr(), "", f"with {limit} descriptors")
            self.assertNotIn("Sanitizer", gord.stderr())
            gord.close()
            refused += 1
        self.assertGreater(refused, 0)

    def test_passed_socket(self):
        """Socket activation: the daemon serves the descriptor it is given and leaves its file."""
        gord = self.gord()
        path = os.path.join(gord.folder, "passed")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            fd = listener.fileno()
            # LISTEN_PID has to name the process that gord becomes: a shell execs it.
            gord.wrap = ["sh", "-c", f'exec 3<&{fd}; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', "sh"]
            real = subprocess.Popen
            try:
                subprocess.Popen = lambda *a, **k: real(*a, pass_fds=[fd], **k)
                gord.start()
            finally:
                subprocess.Popen = real
        client = e2e.Client("unix:" + path)
        job_id = client.exec("sh", "-c", "env; ls -l /proc/self/fd")
        client.wait(job_id)
        text = client.logs(job_id, 1)
        self.assertNotIn(b"LISTEN_", text)
        self.assertNotIn(b"socket:", text)
        client.close()
        self.assertFalse(os.path.exists(gord.socket))
        self.assertEqual(gord.stop(), OK)
        self.assertTrue(os.path.exists(path), "the file is systemd's")


class Stopping(DaemonCase):
    def test_signals_end_it_cleanly(self):
        for sig in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(sig=sig):
                gord = self.gord().start()
                self.assertEqual(gord.stop(sig), OK, gord.stderr())
                self.assertIsNotNone(gord.notify.wait_for("STOPPING=1"))
                self.assertFalse(os.path.exists(gord.socket))

    def test_asked_again_and_again_it_ends_cleanly_all_the_same(self):
        for _ in range(5):
            gord = self.gord().start()
            client = gord.client()
            client.wait(client.exec("true"))  # a call that is noted, which threads beside the loop see to
            client.close()
            while gord.process.poll() is None:
                gord.process.send_signal(signal.SIGTERM)
            self.assertEqual(gord.process.returncode, OK, gord.stderr())

    def test_hangup_reloads_and_usr1_dumps(self):
        gord = self.gord().start()
        client = self.client(gord)
        job_id = client.native("builtin.sleep", "1000s")
        client.wait_state(job_id, e2e.WAITING)
        gord.process.send_signal(signal.SIGHUP)
        gord.process.send_signal(signal.SIGUSR1)
        # Signals are handled in order by the loop, and so is the call after them.
        while "goroutine " not in gord.stderr():
            client.runtime("Version")
        self.assertIn("reloaded: 0 values changed", gord.stderr())
        self.assertIn(f"job {job_id}", gord.stderr())
        self.assertTrue(gord.alive())

    def test_quit_dumps_where_jobs_are_and_goes_on(self):
        gord = self.gord().start()
        client = self.client(gord)
        job_id = client.native("builtin.sleep", "1000s")
        client.wait_state(job_id, e2e.WAITING)
        for times in (1, 2):
            gord.process.send_signal(signal.SIGQUIT)
            while gord.stderr().count("SIGQUIT: ") < times or not gord.stderr().endswith("\n\n"):
                client.runtime("Version")
        self.assertRegex(gord.stderr(), r"goroutine \d+ \[sleep.*\]:\n")
        self.assertTrue(gord.alive())

    def test_running_jobs_end_as_cancelled_and_queued_ones_run_later(self):
        gord = self.gord("--exec-slots", "2", "--grace", "300ms").start()
        client = self.client(gord)
        gentle = client.exec("sleep", "1000")
        stubborn = client.exec("sh", "-c", "trap '' TERM; echo ready; "
                               "while :; do sleep 0.05; done")
        native = client.native("builtin.sleep", "1000s")
        queued = client.exec("echo", "later", name="later")
        for chunk in client.jobs("Logs", id=stubborn, follow=True):
            if b"ready" in chunk.data:
                break
        client.wait_process(gentle)
        client.wait_state(native, e2e.RUNNING)
        watch = client.jobs("Watch", from_now=True)
        self.assertEqual(gord.stop(), OK, gord.stderr())
        with self.assertRaises(grpc.RpcError) as caught:
            list(watch)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
        gord.start()
        client = self.client(gord)
        jobs = client.wait(gentle, stubborn, native)
        self.assertEqual([(j.outcome, j.detail) for j in jobs],
                         [(e2e.CANCELLED, "daemon stops")] * 3)
        self.assertEqual(jobs[1].signal, signal.SIGKILL)
        job = client.wait(queued)
        self.assertEqual((job.outcome, job.spec.name), (e2e.SUCCEEDED, "later"))
        self.assertEqual(client.logs(queued), b"later\n")

    def test_new_work_is_refused_while_it_stops(self):
        gord = self.gord("--grace", "1000s").start()
        client = self.client(gord)
        job_id = client.exec("sh", "-c", "trap '' TERM; echo ready; "
                             "while :; do sleep 0.05; done")
        for chunk in client.jobs("Logs", id=job_id, follow=True):
            if b"ready" in chunk.data:
                break
        gord.process.send_signal(signal.SIGTERM)
        self.assertIsNotNone(gord.notify.wait_for("STOPPING=1"))
        with self.assertRaises(grpc.RpcError) as caught:
            client.native("builtin.echo")
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertIn("stopping", caught.exception.details())
        # Asked again, it does not wait out the grace.
        self.assertEqual(gord.stop(), OK, gord.stderr())

    def test_restart_keeps_history_logs_and_ids(self):
        gord = self.gord().start()
        client = self.client(gord)
        job_id = client.exec("sh", "-c", "echo out; exit 4", name="kept",
                             labels={"who": "me"})
        before = client.wait(job_id)
        events = [e.SerializeToString() for e in client.events(job_id)]
        client.close()
        self.assertEqual(gord.stop(), OK)
        gord.start()
        client = self.client(gord)
        after = client.wait(job_id)
        self.assertEqual(after.SerializeToString(deterministic=True),
                         before.SerializeToString(deterministic=True))
        self.assertEqual([e.SerializeToString() for e in client.events(job_id)], events)
        self.assertEqual(client.logs(job_id), b"out\n")
        self.assertGreater(client.native("builtin.echo"), job_id)

    def test_pause_survives_a_restart(self):
        gord = self.gord().start()
        client = self.client(gord)
        client.jobs("Pause")
        job_id = client.native("builtin.echo")
        client.close()
        gord.stop()
        gord.start()
        client = self.client(gord)
        self.assertTrue(client.runtime("Stats").paused)
        self.assertEqual(client.get(job_id).state, e2e.RUNNABLE)
        client.jobs("Resume")
        self.assertEqual(client.wait(job_id).outcome, e2e.SUCCEEDED)

    def test_memory_store_says_so_and_forgets(self):
        gord = self.gord("--store", "memory").start()
        client = self.client(gord)
        reply = client.jobs("Submit", spec=client.native_spec("builtin.echo"))
        self.assertEqual(reply.durability, 2)
        self.assertEqual(client.wait(reply.id).outcome, e2e.SUCCEEDED)
        self.assertEqual(client.runtime("Version").durability, "memory")
        client.close()
        self.assertEqual(gord.stop(), OK)
        gord.start()
        client = self.client(gord)
        with self.assertRaises(grpc.RpcError) as caught:
            client.get(reply.id)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
        self.assertGreater(client.native("builtin.echo"), reply.id)


class Notifying(DaemonCase):
    def test_ready_status_watchdog(self):
        gord = self.gord(env={"WATCHDOG_USEC": "300000"}).start()
        self.assertIsNotNone(gord.notify.wait_for("STATUS="))
        self.assertIsNotNone(gord.notify.wait_for("WATCHDOG=1"))
        client = self.client(gord)
        gord.notify.said.clear()
        job_id = client.native("builtin.sleep", "1000s")
        self.assertIsNotNone(gord.notify.wait_for("STATUS=1 running"))
        gord.notify.said.clear()
        self.assertIsNotNone(gord.notify.wait_for("WATCHDOG=1"))
        client.jobs("Cancel", ids=[job_id])
        client.wait(job_id)

    def test_watchdog_of_another_process_is_not_ours(self):
        gord = self.gord(env={"WATCHDOG_USEC": "50000", "WATCHDOG_PID": "1"}).start()
        gord.notify.said.clear()
        self.assertIsNone(gord.notify.wait_for("WATCHDOG=1", seconds=0.6))

    def test_jobs_cannot_speak_for_the_daemon(self):
        gord = self.gord(env={"WATCHDOG_USEC": "10000000"}).start()
        client = self.client(gord)
        job_id = client.native("builtin.echo")
        client.wait(job_id)
        with open(f"/proc/{gord.process.pid}/environ", "rb") as file:
            self.assertIn(b"NOTIFY_SOCKET", file.read(), "as it was started")
        job_id = client.exec("/usr/bin/env", env={"A": "1"})
        client.wait(job_id)
        self.assertNotIn(b"NOTIFY", client.logs(job_id))


class FullDisk(DaemonCase):
    def setUp(self):
        if not e2e.is_root():
            self.skipTest("mounting a small file system needs root")
        self.folder = e2e.tempfile.mkdtemp(prefix="gor-e2e-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", self.folder],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.skipTest("cannot mount a tmpfs here: " + done.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", "-l", self.folder], check=False)

    def fill(self):
        ballast = os.path.join(self.folder, "ballast")
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
        return ballast

    def test_stop_with_events_that_cannot_be_kept_is_no_success(self):
        gord = self.gord(folder=self.folder).start()
        client = self.client(gord)
        running = client.native("builtin.sleep", "1000s")
        client.wait_state(running, e2e.RUNNING)
        self.fill()
        with self.assertRaises(grpc.RpcError):
            for _ in range(20000):
                client.native("builtin.echo", name="n" * 200)
        self.assertEqual(gord.stop(), 1, gord.stderr())

    def test_submit_is_refused_and_all_is_well_once_there_is_room(self):
        gord = self.gord(folder=self.folder).start()
        client = self.client(gord)
        running = client.native("builtin.sleep", "1000s")
        client.wait_state(running, e2e.RUNNING)
        ballast = self.fill()
        acknowledged, refused = [], None
        for _ in range(20000):
            try:
                acknowledged.append(client.native("builtin.echo", name="n" * 200))
            except grpc.RpcError as error:
                refused = error
                break
        self.assertIsNotNone(refused, "the disk never filled up")
        self.assertEqual(refused.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertIn("store refuses", refused.details())
        self.assertNotEqual(client.runtime("Stats").store_error, "")
        health = client.channel.unary_unary("/grpc.health.v1.Health/Check")
        name = b"\x0a\x0bgor.v1.Jobs"
        self.assertEqual(health(name, timeout=e2e.PATIENCE), b"\x08\x02", "NOT_SERVING")
        client.jobs("Cancel", ids=[running])
        self.assertEqual(client.wait(running).outcome, e2e.CANCELLED)
        os.unlink(ballast)
        watch = client.channel.unary_stream("/grpc.health.v1.Health/Watch")(
            name, timeout=e2e.PATIENCE)
        for state in watch:
            if state == b"\x08\x01":
                break
        watch.cancel()
        later = client.native("builtin.echo")
        self.assertEqual(client.wait(later).outcome, e2e.SUCCEEDED)
        for job_id in acknowledged:
            self.assertEqual(client.wait(job_id).outcome, e2e.SUCCEEDED)
        self.assertEqual(client.get(running).outcome, e2e.CANCELLED)
        events = client.events(running)
        self.assertEqual(events[-1].state, e2e.TERMINATED)
        self.assertEqual(gord.stop(), OK, gord.stderr())
        self.assertEqual(glob.glob(ballast), [])


if __name__ == "__main__":
    e2e.main()
