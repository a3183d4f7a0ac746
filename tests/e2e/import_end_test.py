# SPDX-License-Identifier: MIT
"""An import that ends before its time, by a signal, with its reader, or with a daemon of before request ids,
says how it goes on."""

import concurrent.futures
import ctypes
import fcntl
import os
import platform
import re
import signal
import struct
import subprocess
import sys
import threading
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import grpc
from import_e2e import ImportTest

GETRANDOM = {"x86_64": (0xC000003E, 318), "aarch64": (0xC00000B7, 278)}.get(platform.machine())


def without_random_numbers():
    """Run in the child: getrandom(2) fails from now on, as it does where the system has none yet."""
    arch, number = GETRANDOM
    code = [(0x20, 0, 0, 4), (0x15, 0, 3, arch), (0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x0005000B),
            (0x06, 0, 0, 0x7FFF0000)]
    text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in code))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(text)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, program, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def be_old(path, target):
    """What gorctl sees of a daemon that answers a message about its options by its index only: it takes the
    first job, and of the second it says that it dies, for somebody to kill it. The newer one at `target` knows
    the messages."""
    client = e2e.Client(target)

    def take(requests, _):
        print("called", flush=True)
        for index, request in enumerate(requests):
            if index > 1:
                print("dying", flush=True)
                threading.Event().wait()
            yield client.message("ImportResult", index=index, old_id=request.job.id,
                                 id=request.job.id and 1000 + request.job.id, status=min(index, 1))

    result, request = (type(client.message(name)) for name in ("ImportResult", "ImportRequest"))
    handler = grpc.stream_stream_rpc_method_handler(
        take, request_deserializer=request.FromString, response_serializer=result.SerializeToString)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("gor.v1.Store", {"Import": handler}),))
    server.add_insecure_port("unix:" + path)
    server.start()
    print("ready", flush=True)
    threading.Event().wait()


class Ends(ImportTest):
    def setUp(self):
        super().setUp()
        self.lines = []
        for n in range(3):
            job = self.client.native("builtin.echo", name=f"n{n}", held=True)
            self.addCleanup(self.client.jobs, "Cancel", ids=[job])
            self.lines += self.ok("export", "--reveal", "--jobs-only", "--from-id", str(job)).out.splitlines(True)

    def importing(self, gord, *options, stdout=subprocess.PIPE, preexec=None, host=None):
        process = subprocess.Popen(ctl.command("import", *options, "-"), stdin=subprocess.PIPE, stdout=stdout,
                                   stderr=subprocess.PIPE, preexec_fn=preexec,
                                   env=ctl.environment(host or gord.socket))
        for close in (process.stderr.close, process.wait, process.kill):
            self.addCleanup(close)
        self.addCleanup(lambda: process.stdin.closed or process.stdin.raw.close())
        return process

    def feed(self, process, lines):
        process.stdin.write(b"".join(lines))
        process.stdin.flush()

    def check_it_goes_on(self, gord, client, err):
        """As it was told, with what was printed and without."""
        told = re.findall(r"the same command with (--request-id=[0-9a-f]{32}) goes on", err)
        self.assertEqual(len(told), 1, err)
        done = self.into(gord, self.file([line.decode() for line in self.lines]), told[0])
        self.assertIn(b" 0 refused", done.err)
        self.assertEqual(len(done.text.splitlines()), 3)
        self.assertEqual(sorted(job.spec.name for job in client.jobs("List", limit=100).jobs), ["n0", "n1", "n2"])

    def test_by_a_signal(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            gord, client = self.other()
            process = self.importing(gord)
            self.feed(process, self.lines[:2])
            process.stdout.readline()  # a job is taken when what comes after it has come
            process.send_signal(number)
            self.assertEqual(process.wait(e2e.PATIENCE), 128 + number)
            self.assertEqual(process.stdout.read(), b"")
            process.stdout.close()
            err = process.stderr.read().decode()
            self.assertIn("1 job taken", err)
            self.check_it_goes_on(gord, client, err)

    def test_by_a_signal_while_the_daemon_is_away(self):
        gord, client = self.other()
        process = self.importing(gord)
        self.feed(process, self.lines[:2])
        process.stdout.readline()
        client.close()
        gord.kill()
        self.assertEqual(process.stderr.readline(), b"gorctl: gord is away; trying again\n")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(e2e.PATIENCE), 128 + signal.SIGTERM)
        process.stdout.close()
        gord.start()
        client = gord.client()
        self.addCleanup(client.close)
        self.check_it_goes_on(gord, client, process.stderr.read().decode())

    def test_by_a_signal_while_nobody_reads_what_it_prints(self):
        gord, client = self.other()
        out, full = os.pipe()
        self.addCleanup(os.close, out)
        fcntl.fcntl(full, fcntl.F_SETPIPE_SZ, 4096)
        os.write(full, b"x" * 4096)
        process = self.importing(gord, stdout=full)
        os.close(full)
        self.feed(process, self.lines[:2])
        e2e.until(lambda: client.jobs("Count").total == 1)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(e2e.PATIENCE), 128 + signal.SIGTERM)
        self.check_it_goes_on(gord, client, process.stderr.read().decode())

    def test_with_its_reader(self):
        """Which goes while there is something to write, or nothing."""
        for late in (self.lines[2:], []):
            gord, client = self.other()
            process = self.importing(gord)
            self.feed(process, self.lines[:2])
            process.stdout.readline()
            process.stdout.close()
            try:
                self.feed(process, late)
            except BrokenPipeError:
                pass
            self.assertEqual(process.wait(e2e.PATIENCE), -signal.SIGPIPE)
            self.check_it_goes_on(gord, client, process.stderr.read().decode())

    def test_a_signal_that_is_ignored_stays_so(self):
        gord, client = self.other()
        process = self.importing(gord, preexec=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.feed(process, self.lines[:2])
        process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        self.feed(process, self.lines[2:])
        self.assertEqual(len(process.communicate(timeout=e2e.PATIENCE)[0].splitlines()), 2)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(client.jobs("Count").total, 3)

    @unittest.skipIf(GETRANDOM is None, "no numbers of system calls for this machine")
    def test_without_random_numbers_no_id_is_told(self):
        gord, _ = self.other()
        process = self.importing(gord, preexec=without_random_numbers)
        self.feed(process, self.lines[:2])
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(e2e.PATIENCE), 128 + signal.SIGTERM)
        process.stdout.close()
        err = process.stderr.read().decode()
        self.assertNotIn("request-id", err)
        self.assertNotIn("000", err)
        self.assertIn("put that into a file and go on with --resume=FILE", err)

    def old(self, path):
        process = subprocess.Popen([sys.executable, __file__, "be-old", path, self.gord.target],
                                   stdout=subprocess.PIPE)
        for close in (process.stdout.close, process.wait, process.kill):
            self.addCleanup(close)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        return process

    def test_a_daemon_of_before_request_ids(self):
        """It is not gone on with by itself, since it might take jobs twice."""
        path = os.path.join(self.gord.folder, "old.socket")
        old = self.old(path)
        process = self.importing(None, "--patience=20s", host=path)
        self.feed(process, self.lines[:1])
        old_id = re.search(rb'"id":(\d+)', self.lines[0])[1]
        self.assertEqual(process.stdout.readline(), b"%b %d\n" % (old_id, 1000 + int(old_id)))
        self.feed(process, self.lines[1:])
        self.assertEqual([old.stdout.readline() for _ in range(2)], [b"called\n", b"dying\n"])
        old.kill()
        again = self.old(path)
        self.assertEqual(process.wait(e2e.PATIENCE), ctl.NO_DAEMON)
        process.stdout.close()
        err = process.stderr.read().decode()
        again.kill()
        self.assertEqual(again.stdout.read(), b"")
        self.assertIn("the daemon is gone", err)
        self.assertIn("go on with --resume=FILE", err)
        self.assertIn("From line 2 on, 2 lines were sent and not answered, and may be taken as well;\n"
                      "  this daemon, which is older, cannot tell.", err)
        self.assertNotIn("request-id", err)


class Known(ImportTest):
    def test_more_jobs_than_fit_into_a_message(self):
        """Those of a file, and again when the daemon is back."""
        gord, client = self.other()
        here = client.native("builtin.echo", held=True)
        first, last = 1 << 62, 1200000
        taken = os.path.join(self.gord.folder, "taken")
        with open(taken, "w", encoding="ascii") as file:
            file.writelines(f"{i} {i}\n" for i in range(first + 1, first + last))
            file.writelines(f"{i} {here}\n" for i in (first, first + last))
        job = self.client.native("builtin.echo", held=True)
        self.addCleanup(self.client.jobs, "Cancel", ids=[job])
        line = self.ok("export", "--reveal", "--jobs-only", "--from-id", str(job)).out
        lines = [re.sub(rb'"id":\d+', b'"id":%d' % (first + i), line, count=1) for i in (last, last, 0)]
        process = subprocess.Popen(ctl.command("import", "--resume", taken, "-"), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ctl.environment(gord.socket))
        self.addCleanup(process.kill)
        process.stdin.write(lines[0] + lines[1])
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), b"%d %d\n" % (first + last, here))
        client.close()
        gord.kill()
        gord.start()
        self.addCleanup(gord.client().close)
        process.stdin.write(lines[2])
        err = process.communicate(timeout=e2e.PATIENCE)[1]
        self.assertEqual(process.returncode, 0, err)
        self.assertIn(b"0 jobs taken, 0 of them with new ids; 3 are here already", err)

    def test_what_is_known_comes_first(self):
        message = self.client.message
        known = message("ImportRequest", known=[message("ImportedJob", old_id=7, id=8)])
        queue = message("ImportRequest", queue=message("Queue", name="default"))
        results = list(self.client.call("Store", "Import", iter([
            message("ImportRequest", options=message("ImportOptions", dry_run=True)), known, queue])))
        self.assertEqual([(r.index, r.once) for r in sorted(results, key=lambda r: r.index)],
                         [(0, True), (1, False), (2, False)])
        for wrong, text in ((known, "known comes before the first job"),
                            (message("ImportRequest", known=[message("ImportedJob", old_id=7)]),
                             "known[0]: an id is 0")):
            requests = [queue, wrong] if wrong is known else [wrong, queue]
            self.assertStatus(grpc.StatusCode.INVALID_ARGUMENT, self.client.call, "Store", "Import",
                              iter(requests), text=text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["be-old"]:
        be_old(*sys.argv[2:])
    e2e.main()
