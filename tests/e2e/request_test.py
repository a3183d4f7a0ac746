# SPDX-License-Identifier: MIT
"""Request ids: a submission whose reply was lost can be repeated and makes no second job (T22)."""

import contextlib
import os
import socket
import struct
import subprocess
import tempfile
import threading
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl
import http2
from gor_e2e import SUCCEEDED, grpc

LOST_REPLIES = 1000


class Requests(e2e.GordTest):
    def count(self):
        reply = self.client.jobs("List", limit=1)
        return reply.total_live + reply.total_terminated

    def submit(self, request_id, **fields):
        return self.client.jobs("Submit", spec=self.client.native_spec("builtin.echo", **fields),
                                request_id=request_id).id

    def test_a_thousand_lost_replies_make_a_thousand_jobs(self):
        before = self.count()
        submit = self.client.channel.unary_unary(
            "/gor.v1.Jobs/Submit", request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=lambda data: data)
        requests = [self.client.message("SubmitRequest", request_id=os.urandom(16),
                                        spec=self.client.native_spec("builtin.echo"))
                    for _ in range(LOST_REPLIES)]
        for number, request in enumerate(requests):
            lost = submit.future(request)
            # Given up at once, or when it is surely on its way to the disk, or behind the reply.
            if number % 3 == 0:
                lost.cancel()
            elif number % 3 == 1:
                self.client.jobs("List", limit=1)
                lost.cancel()
            else:
                lost.result(e2e.PATIENCE)
        ids = [self.client.jobs("Submit", request=request).id for request in requests]
        again = [self.client.jobs("Submit", request=request).id for request in requests]
        self.assertEqual(ids, again)
        self.assertEqual(len(set(ids)), LOST_REPLIES)
        self.client.wait(*ids)
        self.assertEqual(self.count() - before, LOST_REPLIES)

    def test_concurrent_repetitions_are_one_job(self):
        submit = self.client.channel.unary_unary(
            "/gor.v1.Jobs/Submit", request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=self.client.message("SubmitReply").FromString)
        request = self.client.message("SubmitRequest", request_id=os.urandom(16),
                                      spec=self.client.native_spec("builtin.echo"))
        replies = [submit.future(request) for _ in range(100)]
        self.assertEqual(len({r.result(e2e.PATIENCE).id for r in replies}), 1)

    def test_many_and_stream(self):
        specs = [self.client.native_spec("builtin.echo") for _ in range(3)]
        many = os.urandom(16)
        first = self.client.jobs("SubmitMany", specs=specs, request_id=many)
        again = self.client.jobs("SubmitMany", specs=specs, request_id=many)
        self.assertEqual((first.first_id, first.count), (again.first_id, again.count))
        ids = [os.urandom(16), os.urandom(16)]
        messages = [self.client.message("SubmitRequest", request_id=ids[i], spec=specs[0])
                    for i in (0, 1, 0, 0, 1)]
        results = [r.id for r in self.client.jobs("SubmitStream", iter(messages))]
        self.assertEqual(results[0], results[2])
        self.assertEqual(results[0], results[3])
        self.assertEqual(results[1], results[4])
        self.assertNotEqual(results[0], results[1])

    def test_another_job_under_the_same_id_is_refused(self):
        exists = grpc.StatusCode.ALREADY_EXISTS
        name = os.urandom(16)
        job = self.submit(name)
        why = f"this request id is that of job {job}, which was to do something else"
        self.assertStatus(exists, self.submit, name, priority=1, text=why)
        spec = self.client.native_spec("builtin.echo")
        self.assertStatus(exists, self.client.jobs, "SubmitMany", specs=[spec] * 2,
                          request_id=name, text=why)
        # Before the first is on disk as well.
        messages = [self.client.message("SubmitRequest", request_id=os.urandom(16), spec=spec)]
        other = self.client.message("SubmitRequest")
        other.CopyFrom(messages[0])
        other.spec.name = "other"
        first, second = self.client.jobs("SubmitStream", iter([messages[0], other]))
        self.assertEqual((first.code, second.code, second.id), (0, exists.value[0], 0))
        self.assertIn(f"that of job {first.id}, ", second.message)
        self.assertEqual(self.submit(name), job)

    def test_what_goes_along_by_itself_may_differ(self):
        name = os.urandom(16)
        ids = {self.client.jobs("Submit", request_id=name, spec=self.client.exec_spec(
            "true", env={"PATH": os.environ["PATH"], "N": str(n)}, not_before_ns=n)).id
               for n in range(1, 3)}
        self.assertEqual(len(ids), 1)

    def test_bad_ids_are_refused(self):
        for bad in (b"x", b"x" * 15, b"x" * 17, b"x" * 1000):
            self.assertStatus(grpc.StatusCode.INVALID_ARGUMENT, self.submit, bad,
                              text="request_id has")

    def test_without_an_id_each_is_a_job(self):
        self.assertNotEqual(self.submit(b""), self.submit(b""))

    def test_gorctl(self):
        run = lambda *args, **kw: ctl.run(*args, host=self.gord.target, **kw)
        name = "0123456789abcdef-0123456789ABCDEF"
        ids = {run("submit", "--request-id", name, "true").text for _ in range(3)}
        self.assertEqual(len(ids), 1)
        other = run("submit", "--request-id", name, "false")
        self.assertEqual(other.code, ctl.REFUSED)
        self.assertIn(f"this request id is that of job {ids.pop().strip()},", other.err.decode())
        self.assertIn("(what differs: exec.argv)", other.err.decode())
        lines = b'{"native": "builtin.echo"}\n' * 2
        many = {run("submit", "--request-id", "f" * 32, "--from", "-", stdin=lines).text
                for _ in range(2)}
        self.assertEqual(len(many), 1)
        self.assertNotEqual(run("submit", "true").text, run("submit", "true").text)
        for bad in ("", "x", "0" * 31, "0" * 33, "g" * 32):
            self.assertEqual(run("submit", "--request-id", bad, "true").code, ctl.USAGE, bad)


class GoesAway(threading.Thread):
    """A daemon that takes one call, and then ends without an answer, or with that status."""

    def __init__(self, folder, status=None):
        super().__init__()
        self.path = os.path.join(folder, "s")
        self.status = status
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.listener.bind(self.path)
        self.listener.listen()
        self.listener.settimeout(e2e.PATIENCE)

    def run(self):
        peer = http2.Peer.__new__(http2.Peer)
        peer.socket, _ = self.listener.accept()
        peer.socket.settimeout(e2e.PATIENCE)
        peer.socket.recv(len(http2.PREFACE), socket.MSG_WAITALL)
        peer.unread = b""
        peer.send(http2.settings())
        stream = next(stream for kind, flags, stream, _ in peer.frames()
                      if kind == http2.DATA and flags & http2.END_STREAM)
        self.listener.close()
        os.unlink(self.path)
        if self.status is not None:
            # As a daemon that stops: the notice, and then the answer.
            peer.send(http2.frame(http2.GOAWAY, payload=struct.pack(">II", stream, 0)) +
                      http2.headers(stream, b"\x88" +
                                    http2.field(b"content-type", b"application/grpc") +
                                    http2.field(b"grpc-status", b"%d" % self.status),
                                    http2.END_HEADERS | http2.END_STREAM))
        peer.close()


class Unknown(e2e.GordTest):
    """Only where a submission may have been taken all the same is told how to repeat it."""

    lines = b'{"native": "builtin.echo"}\n'

    def submit_both(self, *args, host):
        """By itself, and with others from a file: what is told."""
        name = os.urandom(16).hex()
        told = []
        for way, stdin in (("true",), b""), (("--from", "-"), self.lines):
            with host() as path:
                done = ctl.run(*args, "submit", "--request-id", name, *way, host=path, stdin=stdin)
            told.append((done.code, done.err.decode(), f"--request-id={name}"))
        return told

    def test_what_the_daemon_refuses_was_not_taken(self):
        @contextlib.contextmanager
        def drained():
            ctl.run("drain", "--cause", "new disks", host=self.gord.target)
            yield self.gord.target
            ctl.run("undrain", host=self.gord.target)

        for code, err, advice in self.submit_both(host=drained):
            self.assertEqual(code, ctl.REFUSED)
            self.assertIn("new disks", err)
            self.assertNotIn(advice, err)
            self.assertNotIn("taken all the same", err)

    def test_what_it_did_not_answer_may_have_been(self):
        for status in (None, grpc.StatusCode.UNAVAILABLE.value[0]):
            @contextlib.contextmanager
            def going(status=status):
                with tempfile.TemporaryDirectory(prefix="gor-away-") as folder:
                    daemon = GoesAway(folder, status)
                    daemon.start()
                    yield daemon.path
                    daemon.join()

            for patience in "0s", "50ms":
                for code, err, advice in self.submit_both(f"--patience={patience}", host=going):
                    self.assertIn(code, (ctl.NO_DAEMON, ctl.REFUSED), err)
                    self.assertIn(advice, err)


class Elsewhere(e2e.GordTest):
    """gorctl repeats a submission from another terminal, and from another directory."""

    def submit(self, *args, cwd="/", **env):
        done = subprocess.run(ctl.command("submit", "--request-id", self.name, *args), cwd=cwd,
                              env=ctl.environment(self.gord.target, **env), check=False,
                              capture_output=True, text=True)
        return done.returncode, done.stdout.strip(), done.stderr

    def setUp(self):
        self.name = os.urandom(16).hex()

    def test_another_terminal_is_the_same(self):
        code, job, err = self.submit("true", WINDOWID="1", SHLVL="1")
        self.assertEqual(code, 0, err)
        self.assertEqual(self.submit("true", SSH_TTY="/dev/pts/9", SHLVL="2")[:2], (0, job))
        self.assertEqual(self.submit("--env", "A=1", "true")[:2], (0, job))

    def test_another_directory_is_not_and_is_told(self):
        code, job, err = self.submit("--hold", "true", cwd="/usr")
        self.assertEqual(code, 0, err)
        for _ in range(2):
            code, out, err = self.submit("--hold", "true", cwd="/")
            self.assertEqual((code, out), (ctl.REFUSED, ""))
            self.assertIn(f"that of job {job}, which was to do something else (what differs: "
                          "exec.cwd; that one runs in /usr): ", err)
            self.client.jobs("Cancel", ids=[int(job)])  # the second time it has ended
            self.client.wait(int(job))
        self.assertEqual(self.submit("--hold", "--cwd", "/usr", "true")[:2], (0, job))
        self.assertIn("(what differs: exec.argv, exec.cwd, priority; that one runs in /usr)",
                      self.submit("--hold", "--priority", "1", "false")[2])

    def test_what_was_changed_since_is_not_told(self):
        code, job, err = self.submit("--hold", "true")
        self.assertEqual(code, 0, err)
        update = ctl.run("update", job, "--priority", "7", host=self.gord.target)
        self.assertEqual(update.code, 0, update.err)
        self.assertEqual(self.submit("--hold", "true")[:2], (0, job))
        code, _, err = self.submit("--hold", "false")
        self.assertEqual(code, ctl.REFUSED)
        self.assertIn("which was to do something else: give each", err)

    def test_of_several_the_first_that_differs_counts(self):
        specs = [self.client.native_spec("builtin.echo", str(i)) for i in range(3)]
        name = os.urandom(16)
        self.client.jobs("SubmitMany", specs=specs, request_id=name)
        specs[1].name = "other"
        self.assertStatus(grpc.StatusCode.ALREADY_EXISTS, self.client.jobs, "SubmitMany",
                          specs=specs, request_id=name, text="(what differs: name)")
        self.assertStatus(grpc.StatusCode.ALREADY_EXISTS, self.client.jobs, "SubmitMany",
                          specs=specs[:1], request_id=name, text="not as many jobs")


class Recovery(unittest.TestCase):
    def test_ids_outlive_a_kill(self):
        gord = e2e.Gord()
        self.addCleanup(gord.close)
        gord.start()
        client = gord.client()
        request = client.message("SubmitRequest", request_id=os.urandom(16),
                                 spec=client.native_spec("builtin.echo", held=True))
        job = client.jobs("Submit", request=request).id
        gord.kill()
        client.close()
        gord.start()
        client = gord.client()
        self.assertEqual(client.jobs("Submit", request=request).id, job)
        request.spec.priority = 1
        with self.assertRaises(grpc.RpcError) as caught:
            client.jobs("Submit", request=request)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.ALREADY_EXISTS)
        client.jobs("Release", ids=[job])  # had it run before, it might be lost
        self.assertEqual(client.wait(job).outcome, SUCCEEDED)
        client.close()
        self.assertEqual(gord.stop(), 0)


if __name__ == "__main__":
    e2e.main()
