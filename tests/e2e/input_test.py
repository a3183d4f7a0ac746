# SPDX-License-Identifier: MIT
"""What programs read: a file, what comes through gorctl, what is sent later; never more than fits."""

import os
import random
import subprocess
import threading

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import grpc

PIECE = 64 << 10


def bytes_of_every_kind(count):
    return random.Random(4).randbytes(count)


class Input(ctl.GorctlTest):
    options = ("--grace", "300ms")

    def piped(self, *argv, **fields):
        spec = self.client.exec_spec(*argv, **fields)
        spec.exec.stdin_pipe = True
        return self.client.submit(spec)

    def send(self, job_id, data=b"", **fields):
        return self.client.jobs("Send", id=job_id, data=data, **fields)

    def send_later(self, job_id, data, **fields):
        """A call that goes on beside us."""
        self.client.message("SendRequest")
        stub = self.client.channel.unary_unary(
            "/gor.v1.Jobs/Send", request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=self.client.messages.SendReply.FromString)
        return stub.future(self.client.message("SendRequest", id=job_id, data=data, **fields),
                           timeout=e2e.PATIENCE)

    def fails(self, code, text, fn, *args, **fields):
        self.assertStatus(getattr(grpc.StatusCode, code), fn, *args, text=text, **fields)

    # ------------------------------------------------------------ files

    def test_file_is_read_byte_for_byte(self):
        data = bytes_of_every_kind(300_000)
        path = os.path.join(self.gord.folder, "input \xff".encode("latin-1").decode(
            "utf-8", "surrogateescape"))
        with open(path, "wb") as file:
            file.write(data)
        job_id = int(self.ok("submit", "--stdin", os.path.basename(path), "-C", "/", "cat",
                             cwd=self.gord.folder).out)
        self.assertEqual(self.client.wait(job_id).outcome, e2e.SUCCEEDED)
        self.assertEqual(self.client.logs(job_id, 1), data)
        self.assertIn("Stdin", self.ok("show", str(job_id)).text)
        job_id = int(self.ok("submit", "--from", "-",
                             stdin=b'{"argv": ["wc", "-c"], "stdin": "/etc/passwd"}\n').out)
        self.client.wait(job_id)
        self.assertEqual(int(self.client.logs(job_id, 1)), os.stat("/etc/passwd").st_size)

    def test_file_that_is_not_there(self):
        job = self.client.wait(self.submit("--stdin", "/no/such", "cat"))
        self.assertEqual((job.outcome, job.detail),
                         (e2e.SPAWN_ERROR,
                          "cannot open '/no/such' for its standard input: No such file or "
                          "directory"))

    def test_fifo_that_nobody_writes_to_holds_up_its_job_only(self):
        path = os.path.join(self.gord.folder, "fifo")
        os.mkfifo(path)
        job_id = self.submit("--stdin", path, "cat")
        self.client.wait_state(job_id, e2e.RUNNING)
        self.assertEqual(self.client.wait(self.client.exec("true")).outcome, e2e.SUCCEEDED)
        self.client.jobs("Cancel", ids=[job_id])
        self.assertEqual(self.client.wait(job_id).outcome, e2e.CANCELLED)
        # Another, for the open that was given up still waits at that one.
        path += "2"
        os.mkfifo(path)
        job_id = self.submit("--stdin", path, "cat")
        with open(path, "wb") as file:
            file.write(b"late\n")
        self.client.wait(job_id)
        self.assertEqual(self.client.logs(job_id, 1), b"late\n")

    def test_what_is_wrong_with_it_is_named(self):
        spec = self.client.exec_spec("cat")
        spec.exec.stdin_path = b"relative"
        self.fails("INVALID_ARGUMENT", "stdin_path", self.client.submit, spec)
        spec.exec.stdin_path = b"/a\0b"
        self.fails("INVALID_ARGUMENT", "stdin_path", self.client.submit, spec)
        spec.exec.stdin_path = b"/dev/null"
        spec.exec.stdin_pipe = True
        self.fails("INVALID_ARGUMENT", "exclude each other", self.client.submit, spec)
        self.refused(ctl.USAGE, "for programs", "submit", "--stdin", "x", "--native",
                     "builtin.echo")

    # ------------------------------------------------------------ sending

    def test_what_is_sent_is_read_in_its_order(self):
        job_id = self.piped("cat")
        self.assertEqual(self.send(job_id, b"one\n").bytes, 4)
        self.send(job_id, b"two\0\xff\n")
        self.send(job_id)
        self.send(job_id, b"three", close=True)
        job = self.client.wait(job_id)
        self.assertEqual(job.outcome, e2e.SUCCEEDED)
        self.assertEqual(self.client.logs(job_id, 1), b"one\ntwo\0\xff\nthree")
        self.fails("FAILED_PRECONDITION", "has ended", self.send, job_id, b"x")

    def test_a_job_that_is_queued_is_waited_for(self):
        self.client.jobs("Pause")
        job_id = self.piped("cat")
        waiting = self.send_later(job_id, b"early\n", close=True)
        cancelled = self.piped("cat")
        in_vain = self.send_later(cancelled, b"never")
        self.client.jobs("Cancel", ids=[cancelled])
        with self.assertRaises(grpc.RpcError) as caught:
            in_vain.result()
        self.assertEqual(caught.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertFalse(waiting.done())
        self.client.jobs("Resume")
        self.assertEqual(waiting.result().bytes, 6)
        self.client.wait(job_id)
        self.assertEqual(self.client.logs(job_id, 1), b"early\n")

    def test_jobs_that_take_no_input(self):
        job_id = self.client.exec("sleep", "1000")
        self.fails("FAILED_PRECONDITION", "--stdin -", self.send, job_id, b"x")
        self.client.jobs("Cancel", ids=[job_id])
        native = self.client.native("builtin.sleep", "1h")
        self.fails("FAILED_PRECONDITION", "takes no input", self.send, native, b"x")
        self.client.jobs("Cancel", ids=[native])
        self.fails("NOT_FOUND", "no job 999999", self.send, 999999, b"x")
        self.fails("INVALID_ARGUMENT", "at most 65536", self.send, native, b"x" * (PIECE + 1))

    def test_a_job_that_closes_its_input(self):
        job_id = self.piped("sh", "-c", "exec <&-; echo closed; sleep 1000")
        for _ in self.client.jobs("Logs", id=job_id, follow=True):
            break
        self.fails("FAILED_PRECONDITION", "takes no more input", self.send, job_id, b"x")
        self.client.jobs("Cancel", ids=[job_id])
        closed = self.piped("sh", "-c", "cat; sleep 1000")
        self.send(closed, close=True)
        self.fails("FAILED_PRECONDITION", "it was closed", self.send, closed, b"x")
        self.client.jobs("Cancel", ids=[closed])

    def test_a_job_that_never_reads_holds_up_its_writers_and_no_memory(self):
        job_id = self.piped("sleep", "1000")
        self.assertEqual(self.send(job_id, b"x" * PIECE).bytes, PIECE)  # the pipe's own room
        self.fails("DEADLINE_EXCEEDED", "", self.send, job_id, b"y" * PIECE, timeout=0.2)
        waiting = [self.send_later(job_id, b"z" * PIECE) for _ in range(40)]
        codes = []
        answered = threading.Semaphore(0)
        for call in waiting:
            call.add_done_callback(lambda call: (codes.append(call.code()), answered.release()))
        for _ in range(40 - 16):
            self.assertTrue(answered.acquire(timeout=e2e.PATIENCE))
        self.assertEqual(set(codes), {grpc.StatusCode.RESOURCE_EXHAUSTED})
        self.assertEqual(self.client.wait(self.client.exec("true")).outcome, e2e.SUCCEEDED)
        self.client.jobs("Cancel", ids=[job_id])
        for _ in range(16):
            self.assertTrue(answered.acquire(timeout=e2e.PATIENCE))
        self.assertEqual(codes.count(grpc.StatusCode.FAILED_PRECONDITION), 16)

    def test_each_call_comes_whole(self):
        job_id = self.piped("cat")
        pieces = [bytes([letter]) * PIECE for letter in b"abcdefgh"]
        calls = [self.send_later(job_id, piece) for piece in pieces]
        for call in calls:
            call.result()
        self.send(job_id, close=True)
        self.client.wait(job_id)
        out = self.client.logs(job_id, 1)
        got = [out[at:at + PIECE] for at in range(0, len(out), PIECE)]
        self.assertEqual(sorted(got), pieces)

    # ------------------------------------------------------------ sending again

    def test_what_a_writer_repeats_comes_once(self):
        job_id = self.piped("sh", "-c", "cat; exec sleep 1000")
        me, other = b"m" * 16, b"o" * 16
        self.assertEqual(self.send(job_id, b"abc", writer=me).bytes, 3)
        self.assertEqual(self.send(job_id, b"abc", writer=me).bytes, 3)
        self.assertEqual(self.send(job_id, b"xyz", writer=other).bytes, 3)
        self.send(job_id, b"of nobody")
        self.assertEqual(self.send(job_id, b"bcde", writer=me, offset=1).bytes, 4)
        self.assertEqual(self.send(job_id, b"b", writer=me, offset=1).bytes, 1)
        self.fails("OUT_OF_RANGE", "does not have the input", self.send, job_id, b"x", writer=me,
                   offset=6)
        self.fails("OUT_OF_RANGE", "was started anew", self.send, job_id, b"x", writer=b"n" * 16,
                   offset=1)
        for _ in range(2):
            self.send(job_id, b"!", writer=me, offset=5, close=True)
        out = self.client.jobs("Logs", id=job_id, follow=True)
        expected, said = b"abcxyzof nobodyde!", b""
        while len(said) < len(expected):
            said += next(out).data
        self.assertEqual(said, expected)
        self.client.jobs("Cancel", ids=[job_id])

    def test_a_close_is_repeated_by_the_one_who_closed(self):
        job_id = self.piped("sh", "-c", "cat; sleep 1000")
        self.send(job_id, b"a", writer=b"m" * 16)
        for _ in range(3):
            self.send(job_id, writer=b"m" * 16, offset=1, close=True)
        self.send(job_id, b"a", writer=b"m" * 16)
        self.fails("FAILED_PRECONDITION", "it was closed", self.send, job_id, b"ab",
                   writer=b"m" * 16)
        self.fails("FAILED_PRECONDITION", "it was closed", self.send, job_id, writer=b"o" * 16,
                   close=True)
        self.client.jobs("Cancel", ids=[job_id])

    def test_what_is_repeated_while_it_is_written_comes_once(self):
        fifo = os.path.join(self.gord.folder, "go")
        os.mkfifo(fifo)
        job_id = self.piped("sh", "-c", f"read -r x < {fifo}; exec cat")
        data = bytes_of_every_kind(PIECE)
        self.send(job_id, data[:1000], writer=b"m" * 16)
        calls = [self.send_later(job_id, data, writer=b"m" * 16, offset=1000) for _ in range(8)]
        with open(fifo, "w", encoding="ascii") as file:
            print("go", file=file)
        self.assertEqual([call.result().bytes for call in calls], [PIECE] * 8)
        self.send(job_id, writer=b"m" * 16, offset=1000 + PIECE, close=True)
        self.client.wait(job_id)
        self.assertEqual(self.client.logs(job_id, 1), data[:1000] + data)

    def test_a_writer_that_was_given_up_goes_on_where_it_was(self):
        fifo = os.path.join(self.gord.folder, "later")
        os.mkfifo(fifo)
        job_id = self.piped("sh", "-c", f"read -r x < {fifo}; exec cat")
        data = bytes_of_every_kind(PIECE)
        self.send(job_id, data[:50_000], writer=b"m" * 16)
        self.fails("DEADLINE_EXCEEDED", "", self.send, job_id, data, writer=b"m" * 16,
                   offset=50_000, timeout=0.2)  # a part of it is in the pipe
        with open(fifo, "w", encoding="ascii") as file:
            print("go", file=file)
        self.send(job_id, data, writer=b"m" * 16, offset=50_000, close=True)
        self.client.wait(job_id)
        self.assertEqual(self.client.logs(job_id, 1), data[:50_000] + data)

    def test_many_writers_and_wrong_ones(self):
        job_id = self.piped("wc", "-c")
        self.fails("INVALID_ARGUMENT", "writer has 3 bytes; it is 16", self.send, job_id, b"x",
                   writer=b"abc")
        self.fails("INVALID_ARGUMENT", "there is none", self.send, job_id, b"x", offset=1)
        self.fails("INVALID_ARGUMENT", "more than anybody sends", self.send, job_id, b"x",
                   writer=b"m" * 16, offset=(1 << 64) - 1)
        names = [i.to_bytes(16, "big") for i in range(600)]
        for _ in range(2):
            for name in names:
                self.send(job_id, b"1234", writer=name)
        self.send(job_id, writer=names[0], offset=4, close=True)
        self.client.wait(job_id)
        self.assertEqual(int(self.client.logs(job_id, 1)), 4 * 600)

    # ------------------------------------------------------------ gorctl

    def test_run_hands_on_what_it_reads(self):
        data = bytes_of_every_kind(1 << 20)
        result = self.gorctl("run", "--stdin", "-", "--", "cat", stdin=data)
        self.assertEqual((result.code, result.out, result.err), (0, data, b""))
        path = os.path.join(self.gord.folder, "run")
        with open(path, "wb") as file:
            file.write(data)
        with open(path, "rb") as file:
            done = subprocess.run(ctl.command("run", "--stdin", "-", "--", "cat"), stdin=file,
                                  capture_output=True, env=ctl.environment(self.gord.socket),
                                  check=False, timeout=e2e.PATIENCE)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, data, b""))

    def test_run_of_a_job_that_does_not_read_it_all(self):
        result = self.gorctl("run", "--stdin", "-", "--", "head", "-c", "3",
                             stdin=b"abcdef" * 100_000)
        self.assertEqual((result.code, result.out, result.err), (0, b"abc", b""))
        # Its own code, though nobody ends what we read.
        process = self.start("run", "--stdin", "-", "--", "sh", "-c", "exit 3",
                             stdin=subprocess.PIPE)
        self.assertEqual(process.wait(e2e.PATIENCE), 3)
        process.stdin.close()

    def test_submit_hands_on_what_it_reads(self):
        data = bytes_of_every_kind(200_000)
        job_id = int(self.ok("submit", "--stdin", "-", "--", "cat", stdin=data).out)
        self.client.wait(job_id)
        self.assertEqual(self.client.logs(job_id, 1), data)

    def test_send_and_close(self):
        job_id = self.piped("cat")
        self.ok("send", str(job_id), "a word")
        self.ok("send", "-n", str(job_id), "no newline")
        self.ok("send", str(job_id), "-", stdin=b"\0bytes\n")
        self.ok("send", str(job_id), "--close")
        self.client.wait(job_id)
        self.assertEqual(self.client.logs(job_id, 1), b"a word\nno newline\0bytes\n")
        self.refused(ctl.USAGE, "has ended", "send", str(job_id), "x")
        self.refused(ctl.NOT_FOUND, "no job 999999", "send", "999999", "x")
        self.refused(ctl.USAGE, "what to which job", "send", str(job_id))
        self.refused(ctl.USAGE, "one text", "send", "1", "a", "b")


if __name__ == "__main__":
    e2e.main()
