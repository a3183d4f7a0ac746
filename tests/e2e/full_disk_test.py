# SPDX-License-Identifier: MIT
"""A disk that is full, and one that fails to flush: what is refused, what goes on, what is said, and
that the history is whole once there is space again."""

import os
import subprocess
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import grpc

CRASHING = os.environ.get("GORD_CRASHING", "")
SERVING, NOT_SERVING = 1, 2


def health(client, wanted):
    """Until the health of Jobs is `wanted`, told by its watch."""
    stub = client.channel.unary_stream("/grpc.health.v1.Health/Watch",
                                       request_serializer=lambda x: x,
                                       response_deserializer=lambda x: x)
    watch = stub(b"\x0a\x0bgor.v1.Jobs", timeout=e2e.PATIENCE)
    for reply in watch:
        if dict(e2e.Messages.parse(reply)).get(1) == wanted:
            watch.cancel()
            return
    raise AssertionError(f"health never is {wanted}")


def check_events(test, client):
    last, seqs = client.runtime("Stats").last_seq, []
    watch = client.jobs("Watch")
    for event in watch:
        seqs.append(event.seq)
        if event.seq == last:
            break
    watch.cancel()
    test.assertEqual(seqs, list(range(1, last + 1)))


@unittest.skipUnless(e2e.is_root(), "mounting a small file system takes root")
class FullDisk(unittest.TestCase):
    def setUp(self):
        self.gord = e2e.Gord("--log-cap", "1M")
        self.addCleanup(self.gord.close)
        os.mkdir(self.gord.state)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", self.gord.state],
                              capture_output=True, check=False)
        if done.returncode != 0:
            self.skipTest("cannot mount: " + done.stderr.decode())
        self.addCleanup(subprocess.run, ["umount", "-l", self.gord.state], check=False)
        self.gord.start()
        self.client = self.gord.client()
        self.addCleanup(self.client.close)

    def fill(self):
        with open(os.path.join(self.gord.state, "filler"), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass

    def gorctl(self, *args):
        return ctl.run(*args, host=self.gord.socket)

    def test_submit_is_refused_what_runs_ends_and_history_is_whole(self):
        fifos = [os.path.join(self.gord.folder, name) for name in ("one", "two")]
        for fifo in fifos:
            os.mkfifo(fifo)
        done = self.client.exec("echo", "before")
        self.client.wait(done)
        running = self.client.exec("sh", "-c", "echo begin; read x <one; head -c 300000 /dev/zero; "
                                   "read x <two; echo end; exit 7", cwd=self.gord.folder)
        self.client.wait_process(running)
        self.fill()
        # At submit: refused, cleanly, until the disk was asked once by whoever comes first.
        with self.assertRaises(grpc.RpcError) as caught:
            for _ in range(1000):
                self.client.submit(self.client.exec_spec("true", name="n" * 200))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertIn("make room", caught.exception.details())
        health(self.client, NOT_SERVING)
        self.assertIn("REFUSES", self.gorctl("stats").text)
        self.assertIn("it takes no new jobs", self.gorctl("version").text)
        # Looking works.
        self.assertEqual(self.client.logs(done), b"before\n")
        self.assertEqual(self.client.get(done).outcome, e2e.SUCCEEDED)
        # In job output: the job does not notice.
        follow = self.client.jobs("Logs", id=running, follow=True)
        with open(fifos[0], "wb") as file:
            file.write(b"go\n")
        # At a state change: it ends, with its own code, though that cannot be written yet.
        with open(fifos[1], "wb") as file:
            file.write(b"go\n")
        job = self.client.wait(running)
        self.assertEqual((job.outcome, job.exit_code, job.stdout_bytes), (e2e.FAILED, 7, 300010))
        list(follow)
        os.unlink(os.path.join(self.gord.state, "filler"))
        health(self.client, SERVING)
        check_events(self, self.client)
        self.assertEqual(self.client.get(running).exit_code, 7)
        self.assertEqual(self.client.wait(self.client.exec("true")).outcome, e2e.SUCCEEDED)
        self.assertEqual(self.gord.stop(), 0)
        checked = self.gord.check_store()
        self.assertEqual(checked.returncode, 0, checked.stdout)

    def test_a_run_whose_output_could_not_be_kept_is_no_success(self):
        fifo, filled = (os.path.join(self.gord.folder, name) for name in ("go", "filled"))
        os.mkfifo(fifo)
        os.mkfifo(filled)
        run = subprocess.Popen(
            ctl.command("run", "-C", self.gord.folder, "--shell", "echo begin; read x <go; "
                        "head -c 300000 /dev/zero; echo >filled"),
            env=ctl.environment(self.gord.socket), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(run.stdout.readline(), b"begin\n")
        self.fill()
        with open(fifo, "wb") as file:
            file.write(b"go\n")
        with open(filled, "rb") as file:
            file.readline()
        os.unlink(os.path.join(self.gord.state, "filler"))
        out, err = run.communicate(timeout=e2e.PATIENCE)
        self.assertEqual(run.returncode, ctl.OUTPUT, err)
        self.assertIn(f"{300000 - len(out)} bytes of its output are missing: the daemon could not "
                      "keep them", err.decode())

    def test_stopped_while_full_it_says_what_is_lost(self):
        running = self.client.exec("sleep", "1000")
        self.client.wait_process(running)
        self.fill()
        try:
            for _ in range(1000):
                self.client.submit(self.client.exec_spec("true", name="n" * 200))
        except grpc.RpcError:
            pass
        self.client.close()
        self.assertEqual(self.gord.stop(), 1)
        self.assertIn("could not be stored", self.gord.stderr())
        os.unlink(os.path.join(self.gord.state, "filler"))
        self.gord.start()
        client = self.gord.client()
        self.assertEqual(client.wait(running).outcome, e2e.LOST)  # its end was not on record
        check_events(self, client)
        client.close()


@unittest.skipUnless(CRASHING, "GORD_CRASHING does not name a program")
class FailedFlush(unittest.TestCase):
    def test_nothing_is_acknowledged_any_more_until_a_restart(self):
        gord = e2e.Gord()
        self.addCleanup(gord.close)
        switch = os.path.join(gord.folder, "fail")
        gord.extra_env = {"GORD_FAIL_FLUSH": switch}
        plain = gord.command
        gord.command = lambda: [CRASHING if word == e2e.GORD else word for word in plain()]
        gord.start()
        client = gord.client()
        kept = client.native("builtin.echo", "kept")
        client.wait(kept)
        with open(switch, "w", encoding="ascii"):
            pass
        with self.assertRaises(grpc.RpcError) as caught:
            client.native("builtin.echo", "not acknowledged")
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertIn("restart gord", caught.exception.details())
        health(client, NOT_SERVING)
        # The disk is well again, it says; but what it said before was not true.
        os.unlink(switch)
        with self.assertRaises(grpc.RpcError) as caught:
            client.native("builtin.echo", "not either")
        self.assertIn("restart gord", caught.exception.details())
        self.assertIn("could not be flushed", client.runtime("Stats").store_error)
        self.assertIn("could not be flushed", client.runtime("Version").store_error)
        client.close()
        self.assertEqual(gord.stop(), 1)
        gord.command = plain
        gord.start()
        client = gord.client()
        self.assertEqual(client.get(kept).outcome, e2e.SUCCEEDED)
        check_events(self, client)
        client.close()
        self.assertEqual(gord.stop(), 0)


if __name__ == "__main__":
    e2e.main()
