# SPDX-License-Identifier: MIT
"""gor_e2e - what the end-to-end tests share: a private gord, and a client made from its reflection.

A test module ends with `gor_e2e.main()`. The programs come from the environment that ctest sets:
GORD, GORCTL, GOR_SOURCE, GOR_BUILD, GOR_SANITIZE. Nothing here sleeps: a daemon is ready when it
says so on a real notify socket, and jobs are waited for by calls.
"""

import datetime
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

GORD = os.environ.get("GORD", "")
GORCTL = os.environ.get("GORCTL", "")
SOURCE = os.environ.get("GOR_SOURCE", "")
BUILD = os.environ.get("GOR_BUILD", "")
SANITIZE = os.environ.get("GOR_SANITIZE", "")

# Everything is slower under a sanitizer; limits only catch what hangs.
PATIENCE = 120 if SANITIZE else 60
SKIPPED = 77

try:
    import grpc
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
except ImportError:
    grpc = None

# States and outcomes of the contract.
CREATED, RUNNABLE, RUNNING, WAITING, TERMINATED = 1, 2, 3, 4, 5
(SUCCEEDED, FAILED, SIGNALED, TIMED_OUT, CANCELLED, LOST, SPAWN_ERROR, PANICKED, OOM_KILLED,
 DEPENDENCY_FAILED, EXPIRED) = range(1, 12)
SECOND = 1_000_000_000


def is_root():
    return os.geteuid() == 0


def gord_command(*args):
    """The command line of gord; under TSan the address space must not be too random."""
    if SANITIZE == "thread" and shutil.which("setarch"):
        return [shutil.which("setarch"), os.uname().machine, "-R", GORD, *args]
    return [GORD, *args]


def has_children_lists():
    return os.path.exists(f"/proc/self/task/{os.getpid()}/children")


def children(pid):
    """The processes that the threads of that one made."""
    if not has_children_lists():
        raise unittest.SkipTest("this kernel does not list a process's children")
    found = set()
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                found.update(int(word) for word in file.read().split())
        except OSError:  # the thread has ended
            continue
    return found


def made(pid):
    """When, in ticks since boot: with the number that names a process uniquely. None: it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except OSError:
        return None


def daily():
    """A cron expression: once a day, in UTC, at a time that no test lives to see."""
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=12)
    return f"{at.minute} {at.hour} * * *"


def until(condition, seconds=PATIENCE):
    """Ask again and again, where nothing tells of it by itself."""
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            raise AssertionError("it did not come about in time")
        time.sleep(0.01)


class NotifySocket:
    """The socket systemd would give; collects what the daemon says."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.socket.bind(self.path)
        self.said = []

    def wait_for(self, prefix, seconds=PATIENCE, alive=lambda: True):
        """The first line, said already or to come, that begins with `prefix`; None if there is
        none in time, or the daemon is no longer alive."""
        for line in self.said:
            if line.startswith(prefix):
                return line
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.socket.settimeout(0.2)
            try:
                text = self.socket.recv(65536).decode()
            except socket.timeout:
                if not alive():
                    return None
                continue
            lines = text.split("\n")
            self.said += lines
            for line in lines:
                if line.startswith(prefix):
                    return line
        return None

    def close(self):
        self.socket.close()


class Messages:
    """Message classes of a running gord, built from the reflection that it serves."""

    def __init__(self, channel):
        self.pool = descriptor_pool.DescriptorPool()
        self.known = set()
        self.channel = channel

    # The reflection protocol itself, as raw bytes: field 3 asks for a file by name, 4 by symbol;
    # the reply has field 4, a list (field 1) of FileDescriptorProto.
    @staticmethod
    def _field(number, data):
        return bytes([number << 3 | 2]) + Messages._varint(len(data)) + data

    @staticmethod
    def _varint(value):
        out = b""
        while value > 127:
            out += bytes([value & 127 | 128])
            value >>= 7
        return out + bytes([value])

    @staticmethod
    def parse(data):
        """[(field number, value)] of a message; values are int or bytes."""
        out, at = [], 0

        def varint():
            nonlocal at
            value = shift = 0
            while True:
                byte = data[at]
                at += 1
                value |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return value

        while at < len(data):
            key = varint()
            if key & 7 == 0:
                out.append((key >> 3, varint()))
            elif key & 7 == 2:
                size = varint()
                out.append((key >> 3, data[at:at + size]))
                at += size
            else:
                raise ValueError(f"wire type {key & 7}")
        return out

    def ask(self, request, version="v1"):
        """One request to the reflection service; the fields of the one reply."""
        call = self.channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=lambda x: x, response_deserializer=lambda x: x)
        return self.parse(next(iter(call(iter([request]), timeout=PATIENCE))))

    def services(self, version="v1"):
        reply = dict(self.ask(self._field(7, b"*"), version))
        return [self.parse(item)[0][1].decode() for number, item in self.parse(reply[6])
                if number == 1]

    def files(self, request):
        reply = dict(self.ask(request))
        if 4 not in reply:
            raise LookupError(f"reflection answered {reply}")
        return [item for number, item in self.parse(reply[4]) if number == 1]

    def _add(self, data):
        file = descriptor_pb2.FileDescriptorProto.FromString(data)
        if file.name in self.known:
            return
        for name in file.dependency:
            if name not in self.known:
                for part in self.files(self._field(3, name.encode())):
                    self._add(part)
        if file.name not in self.known:
            self.known.add(file.name)
            self.pool.Add(file)

    def load(self, symbol):
        for data in self.files(self._field(4, symbol.encode())):
            self._add(data)

    def __getattr__(self, name):
        descriptor = self.pool.FindMessageTypeByName("gor.v1." + name)
        cls = message_factory.MessageFactory(self.pool).GetPrototype(descriptor)
        setattr(self, name, cls)
        return cls


class Client:
    """A stock gRPC client of one gord."""

    def __init__(self, target, token=None, options=()):
        self.channel = grpc.insecure_channel(target, options=[
            ("grpc.max_receive_message_length", 64 << 20),
            ("grpc.max_send_message_length", 64 << 20), *options])
        self.metadata = [("authorization", "Bearer " + token)] if token is not None else []
        self.messages = Messages(self.channel)
        self.loaded = False

    def close(self):
        self.channel.close()

    def _load(self):
        if not self.loaded:
            if self.metadata:
                ask = self.messages.channel
                self.messages.channel = grpc.intercept_channel(ask, _AddToken(self.metadata))
            self.messages.load("gor.v1.Jobs")
            self.messages.load("gor.v1.Runtime")
            self.messages.load("gor.v1.Plugins")
            self.messages.load("gor.v1.Store")
            self.messages.load("gor.v1.Crons")
            self.messages.load("gor.v1.Queues")
            self.messages.load("gor.v1.Tokens")
            self.loaded = True

    def message(self, name, /, **fields):
        self._load()
        return getattr(self.messages, name)(**fields)

    def call(self, service, method, request=None, timeout=PATIENCE, **fields):
        """A unary call, or the iterator of a stream; a client stream's `request` is an iterable."""
        self._load()
        found = self.messages.pool.FindServiceByName("gor.v1." + service).FindMethodByName(method)
        in_class = getattr(self.messages, found.input_type.name)
        out_class = getattr(self.messages, found.output_type.name)
        shape = descriptor_pb2.MethodDescriptorProto()
        found.CopyToProto(shape)
        ways = tuple("stream" if streaming else "unary"
                     for streaming in (shape.client_streaming, shape.server_streaming))
        stub = getattr(self.channel, "_".join(ways))(
            f"/gor.v1.{service}/{method}",
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=out_class.FromString)
        if request is None:
            request = in_class(**fields)
        return stub(request, timeout=timeout, metadata=self.metadata)

    def jobs(self, method, *args, **fields):
        return self.call("Jobs", method, *args, **fields)

    def runtime(self, method, *args, **fields):
        return self.call("Runtime", method, *args, **fields)

    # ------------------------------------------------------------ shorthands

    def exec_spec(self, *argv, env=None, cwd="", **fields):
        spec = self.message("JobSpec", **fields)
        spec.exec.argv.extend(os.fsencode(a) for a in argv)
        if env is None:
            env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin")}
        spec.exec.env.extend(os.fsencode(f"{k}={v}") for k, v in env.items())
        spec.exec.cwd = os.fsencode(cwd)
        return spec

    def native_spec(self, function, *args, **fields):
        spec = self.message("JobSpec", **fields)
        spec.native.function = function
        spec.native.args.extend(str(a) for a in args)
        return spec

    def submit(self, spec):
        return self.jobs("Submit", spec=spec).id

    def exec(self, *argv, **fields):
        return self.submit(self.exec_spec(*argv, **fields))

    def native(self, function, *args, **fields):
        return self.submit(self.native_spec(function, *args, **fields))

    def wait(self, *ids, timeout=PATIENCE, **fields):
        """The jobs, once they have terminated."""
        jobs = self.jobs("Wait", ids=ids, timeout=timeout, **fields).jobs
        return jobs[0] if len(ids) == 1 else jobs

    def get(self, job_id, **fields):
        return self.jobs("Get", id=job_id, **fields).job

    def events(self, job_id):
        return self.jobs("Get", id=job_id, with_events=True).events

    def logs(self, job_id, stream=None, follow=True, offset=0):
        """The bytes a job wrote (of one stream: 1 stdout, 2 stderr, 3 gord)."""
        chunks = self.jobs("Logs", id=job_id, follow=follow, offset=offset)
        return b"".join(c.data for c in chunks if stream is None or c.stream == stream)

    def deaf(self, **fields):
        """The id of a job that by now does not end on SIGTERM."""
        job_id = self.exec("sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done",
                           **fields)
        output = self.jobs("Logs", id=job_id, follow=True)
        next(output)
        output.cancel()
        return job_id

    def wait_process(self, job_id):
        """Until the process of an exec job is there; that event."""
        watch = self.jobs("Watch", ids=[job_id])
        for event in watch:
            if event.reason.startswith("as process "):
                watch.cancel()
                return event
        raise AssertionError(f"job {job_id} never had a process")

    def wait_state(self, job_id, *states):
        """Until the job has been in one of the states, told by its events; that event."""
        watch = self.jobs("Watch", ids=[job_id])
        for event in watch:
            if event.state in states:
                watch.cancel()
                return event
        raise AssertionError(f"job {job_id} never came to {states}")


if grpc is not None:
    class _AddToken(grpc.StreamStreamClientInterceptor):
        def __init__(self, metadata):
            self.metadata = metadata

        def intercept_stream_stream(self, continuation, details, requests):
            details = details._replace(metadata=list(details.metadata or []) + self.metadata)
            return continuation(details, requests)


class Gord:
    """One daemon on a private state directory."""

    def __init__(self, *options, folder=None, env=None, wrap=(), notify=True):
        self.owns_folder = folder is None
        # Short, since the path of a Unix socket has at most 107 bytes.
        self.folder = folder or tempfile.mkdtemp(prefix="gor-e2e-", dir="/tmp")
        self.state = os.path.join(self.folder, "state")
        self.socket = os.path.join(self.folder, "s")
        self.options = options
        self.extra_env = env or {}
        self.wrap = list(wrap)
        self.process = None
        self.orphans = set()  # programs that it had when it was killed
        self.notify = None
        self.stderr_path = os.path.join(self.folder, "stderr")
        self.wants_notify = notify

    @property
    def target(self):
        return "unix:" + self.socket

    def command(self):
        own = any(option.startswith("--config") for option in self.options)
        return self.wrap + gord_command(*([] if own else ["--no-config"]), "--state-dir", self.state,
                                        "--socket", self.socket, *self.options)

    def environment(self):
        systemds = ("LISTEN_", "NOTIFY_", "INVOCATION_")
        env = {k: v for k, v in os.environ.items() if not k.startswith(systemds)}
        env.update(self.extra_env)
        return env

    def launch(self):
        """Start it without waiting for anything."""
        env = self.environment()
        if self.notify is not None:
            self.notify.close()
            os.unlink(self.notify.path)
            self.notify = None
        if self.wants_notify:
            self.notify = NotifySocket(self.folder)
            env["NOTIFY_SOCKET"] = self.notify.path
        with open(self.stderr_path, "ab") as err:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=err,
                                            stderr=err, env=env)
        return self

    def start(self):
        self.launch()
        if self.notify.wait_for("READY=1", alive=lambda: self.process.poll() is None) is None:
            code = self.process.poll()
            self.kill()
            raise AssertionError(f"gord did not become ready (code {code}):\n{self.stderr()}")
        return self

    def stderr(self):
        with open(self.stderr_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def client(self, **kw):
        return Client(self.target, **kw)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def check_store(self):
        """What --check-store says of its state, while it is stopped: the ended process."""
        return subprocess.run(gord_command("--state-dir", self.state, "--check-store"),
                              capture_output=True, check=False)

    def stop(self, sig=signal.SIGTERM, seconds=PATIENCE):
        """Ask it to end; its exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("gord did not stop:\n" + self.stderr()) from None

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            if has_children_lists():
                self.orphans |= {(pid, made(pid)) for pid in children(self.process.pid)}
            self.process.kill()
            self.process.wait()

    def end_orphans(self):
        for pid, since in self.orphans:
            try:
                if made(pid) == since:
                    os.killpg(pid, signal.SIGKILL)
            except OSError:  # it has ended, or leads no group
                continue
        self.orphans.clear()

    def close(self):
        self.kill()
        self.end_orphans()
        if self.notify is not None:
            self.notify.close()
            self.notify = None
        if self.owns_folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def begin_gord(test, *options, kind=Gord):
    """A daemon of the test's own, which serves, and its client; both end with the test."""
    gord = kind(*options)
    test.addCleanup(gord.close)
    gord.start()
    client = gord.client()
    test.addCleanup(client.close)
    return gord, client


class GordTest(unittest.TestCase):
    """A test class with a daemon of its own (one for the class; `options` are its command line)."""

    options = ()

    @classmethod
    def setUpClass(cls):
        cls.gord = Gord(*cls.options)
        try:
            cls.gord.start()
            cls.client = cls.gord.client()
        except BaseException:
            cls.gord.close()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        code = cls.gord.stop()
        text = cls.gord.stderr()
        cls.gord.close()
        if code != 0 or "Sanitizer" in text or "runtime error" in text:
            raise AssertionError(f"gord ended with code {code}:\n{text}")

    def assertStatus(self, code, fn, *args, text=None, **kw):
        """fn(...) fails with that gRPC status; the details."""
        with self.assertRaises(grpc.RpcError) as caught:
            result = fn(*args, **kw)
            if hasattr(result, "__next__"):
                list(result)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        if text is not None:
            self.assertIn(text, caught.exception.details())
        return caught.exception.details()


class KillTest(unittest.TestCase):
    """A test class that kills its daemon; each test has one of its own."""

    def setUp(self):
        self.gord = Gord()
        self.addCleanup(self.gord.close)
        self.gord.start()
        self.client = self.gord.client()

    def assertStoreIsSound(self):
        """Stop the daemon; its store has nothing to complain of, and it starts again."""
        self.client.close()
        self.assertEqual(self.gord.stop(), 0)
        checked = self.gord.check_store()
        self.assertEqual(checked.returncode, 0, checked.stdout)
        self.gord.start()
        self.client = self.gord.client()

    def restart(self):
        self.gord.kill()
        self.client.close()
        self.gord.start()
        self.client = self.gord.client()

    def tearDown(self):
        self.client.close()
        self.assertEqual(self.gord.stop(), 0)


def main():
    """Run the tests of the calling module."""
    if not GORD or not os.access(GORD, os.X_OK):
        print("SKIP: GORD does not name a program")
        sys.exit(SKIPPED)
    if grpc is None:
        print("SKIP: python3-grpcio is not installed for", sys.executable)
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
