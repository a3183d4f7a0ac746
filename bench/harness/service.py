# SPDX-License-Identifier: MIT
"""S1 to S9: a private gord under load, beside its peers. Durability stands beside every figure."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from . import build, machine, measure

READY_LIMIT_S = 20
# After a burst gord gives memory back that only the burst needed.
REST_S = 2


def file_system(path):
    """What the path lies on, such as "ext4 on /dev/vda"."""
    best = ("", "unknown")
    for line in Path("/proc/mounts").read_text().splitlines():
        device, point, kind = line.split()[:3]
        if (str(path) + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best[0]):
            best = (point, f"{kind} on {device}")
    return best[1]


class Place:
    """A folder for state on the disk that is measured, and a short one for sockets."""

    def __init__(self, root):
        root = Path(root or build.SOURCE / "build" / "bench-state").resolve()
        root.mkdir(parents=True, exist_ok=True)
        self.state = Path(tempfile.mkdtemp(prefix="run-", dir=root))
        self.sockets = Path(tempfile.mkdtemp(prefix="gor-bench-"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.state, ignore_errors=True)
        shutil.rmtree(self.sockets, ignore_errors=True)


def end(process, how=signal.SIGTERM):
    process.send_signal(how)
    try:
        return process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def wait_ready(listener, process):
    """Wait for READY=1 on a notify socket, as systemd does."""
    listener.settimeout(0.2)
    limit = time.monotonic() + READY_LIMIT_S
    while time.monotonic() < limit:
        try:
            if b"READY=1" in listener.recv(4096).split(b"\n"):
                return
        except TimeoutError:
            if process.poll() is not None:
                break
    raise measure.RunError(f"gord is not ready: it ended with {process.poll()}")


class Daemon:
    """A gord that runs."""

    def __init__(self, address, process, ready_s):
        self.address, self.process = address, process
        self.ready_s = ready_s  # from its start until it was ready

    def resident_mib(self):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise measure.RunError("gord has no resident memory: it ended")


@contextmanager
def gord_in(place, programs):
    """A daemon on the state that lies there, which lives as long as the block."""
    address, notify = place.sockets / "gord.sock", place.sockets / "notify.sock"
    notify.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(notify))
        log = open(place.state / "gord.err", "w+", encoding="utf-8")
        started = time.monotonic()
        process = subprocess.Popen(
            [programs.gord, "--state-dir", place.state / "gord", "--socket", address, "--store",
             "sync"], env=dict(os.environ, NOTIFY_SOCKET=str(notify)), stderr=log)
        try:
            wait_ready(listener, process)
            yield Daemon(address, process, time.monotonic() - started)
        except measure.RunError as error:
            log.seek(0)
            raise measure.RunError(f"{error}\n{log.read()[-2000:]}".rstrip()) from None
        finally:
            end(process)
            log.close()


@contextmanager
def gord(programs, root):
    """A fresh daemon, which lives as long as the block."""
    with Place(root) as place, gord_in(place, programs) as daemon:
        yield daemon


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def wait_listens(port):
    """Wait for a server that tells nobody when it is ready."""
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise measure.RunError(f"nobody listens at 127.0.0.1:{port}")


@contextmanager
def beanstalkd(root):
    """The port of a beanstalkd that syncs its log after every write."""
    with Place(root) as place:
        port = free_port()
        process = subprocess.Popen(["beanstalkd", "-f", "0", "-b", place.state, "-l", "127.0.0.1",
                                    "-p", str(port)], stderr=subprocess.DEVNULL)
        try:
            wait_listens(port)
            yield port
        finally:
            end(process)


@contextmanager
def redis(root):
    """The port of a Redis that syncs its log after every write."""
    with Place(root) as place:
        port = free_port()
        process = subprocess.Popen(
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", place.state,
             "--appendonly", "yes", "--appendfsync", "always", "--save", ""],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_listens(port)
            yield port
        finally:
            end(process)


class Runs:
    """One measurement each; what quick shrinks is in here."""

    def __init__(self, programs, arguments):
        self.programs, self.root, self.quick = programs, arguments.state, arguments.quick

    def client(self, *words, environment=None):
        return measure.run_program(self.programs.service, words, os.cpu_count() or 1,
                                   measure.time_limit(self.quick), environment)

    def daemon(self, name, *numbers):
        with gord(self.programs, self.root) as daemon:
            return self.client(name, daemon.address, *numbers)

    def native(self):
        return self.daemon("native", *((100, 10) if self.quick else (200000, 1000)))

    def unary(self):
        return self.daemon("unary", *((100, 10) if self.quick else (20000, 100)))

    def exec(self):
        return self.daemon("exec", 10 if self.quick else 1000, 100)

    def queue(self):
        return self.daemon("queue", *((3000, 100) if self.quick else (1000000, 1000)))

    def memory(self):
        """What queued jobs cost: resident memory with all of them, less that of an idle daemon."""
        jobs, some = (3000, 100) if self.quick else (1000000, 1000)
        with gord(self.programs, self.root) as daemon:
            idle = daemon.resident_mib()
            self.client("queue", daemon.address, jobs, some)
            time.sleep(REST_S)
            full = daemon.resident_mib()
        extras = {"count": str(jobs), "idle": f"{idle:.1f}"}
        return {"": (full - idle, "MiB", extras)}

    def look(self):
        """The same looks with few jobs stored and with many."""
        few, many, calls = (10, 100, 10) if self.quick else (1000, 1000000, 500)
        with gord(self.programs, self.root) as daemon:
            self.client("native", daemon.address, few, few)
            before = self.client("look", daemon.address, calls)
            self.client("native", daemon.address, many, few)
            figures = self.client("look", daemon.address, calls)
        for figure, (_, _, extras) in figures.items():
            extras.update(stored=str(few + many), few=f"{before[figure][0]:g}")
        return figures

    def restart(self):
        """Start with a long history; then the same with jobs that a crash took."""
        ended, running = (100, 10) if self.quick else (1000000, 2000)
        with Place(self.root) as place:
            with gord_in(place, self.programs) as daemon:
                self.client("native", daemon.address, ended, 10 if self.quick else 1000)
            with gord_in(place, self.programs) as daemon:
                start = daemon.ready_s
                self.client("sleep", daemon.address, running)
                end(daemon.process, signal.SIGKILL)
            with gord_in(place, self.programs) as daemon:
                settle = daemon.ready_s
                settled = self.client("settled", daemon.address, running)["settled"][0]
        return {"start": (start * 1e3, "ms", {"ended": str(ended)}),
                "settle": (settle * 1e3 + settled, "ms", {"ended": str(ended), "running": str(running)})}

    def start(self):
        return self.daemon("start", 50 if self.quick else 2000)

    def busy(self):
        return self.daemon("busy", 2 * (os.cpu_count() or 1), 50 if self.quick else 1000)

    def redis(self, depth):
        with redis(self.root) as port:
            return self.client("redis", port, 100 if self.quick else 20000, depth)

    def beanstalkd(self, depth):
        with beanstalkd(self.root) as port:
            return self.client("beanstalk", port, 100 if self.quick else 5000, depth)

    def spawn(self):
        return self.client("spawn", 10 if self.quick else 1000, "true")

    def task_spooler(self):
        """Submit `true` jobs with tsp's own client, then wait for the last to end."""
        jobs = 5 if self.quick else 200
        with Place(self.root) as place:
            mine = dict(os.environ, TS_SOCKET=str(place.sockets / "tsp"), TS_MAXFINISHED="10",
                        TMPDIR=str(place.state))
            subprocess.run(["tsp", "-S", str(os.cpu_count() or 1)], env=mine, check=True,
                           stdout=subprocess.DEVNULL)
            try:
                started = time.monotonic()
                self.client("spawn", jobs, "tsp", "-n", "true", environment=mine)
                subprocess.run(["tsp", "-w"], env=mine, check=False, stdout=subprocess.DEVNULL,
                               timeout=measure.time_limit(self.quick))
                took = time.monotonic() - started
            finally:
                subprocess.run(["tsp", "-K"], env=mine, check=False, stdout=subprocess.DEVNULL)
        return {"": (jobs / took, "jobs/s", {})}


    def nq(self):
        """The same with nq, which runs one job at a time."""
        jobs = 5 if self.quick else 200
        with Place(self.root) as place:
            mine = dict(os.environ, NQDIR=str(place.state))
            started = time.monotonic()
            self.client("spawn", jobs, "nq", "-q", "true", environment=mine)
            subprocess.run(["nq", "-w"], env=mine, check=False, stdout=subprocess.DEVNULL,
                           timeout=measure.time_limit(self.quick))
            took = time.monotonic() - started
        return {"": (jobs / took, "jobs/s", {})}


def peers_of(case, runs, wanted):
    """{name: (run, durability)} of the peers that are installed."""
    found = {}
    if case.name == "S1" and wanted and shutil.which("beanstalkd"):
        found["beanstalkd/100"] = (lambda: runs.beanstalkd(100), "sync, 100 in flight")
        found["beanstalkd/1"] = (lambda: runs.beanstalkd(1), "sync, one at a time")
    if case.name == "S1" and wanted and shutil.which("redis-server"):
        found["redis/100"] = (lambda: runs.redis(100), "sync, 100 in flight")
    if case.name == "S3":
        found["posix_spawn"] = (runs.spawn, "keeps nothing")
        if wanted and shutil.which("tsp"):
            found["task-spooler"] = (runs.task_spooler, "in memory")
        if wanted and shutil.which("nq"):
            found["nq"] = (runs.nq, "in log files, no fsync")
    return found


def sample(case, runs, peers, count):
    """Ours and the peers', alternating."""
    ours, theirs = measure.Samples(), {name: measure.Samples() for name in peers}
    run = {"S1": runs.native, "S2": runs.unary, "S3": runs.exec, "S4": runs.queue,
           "S5": runs.look, "S6": runs.start, "S7": runs.restart, "S8": runs.memory, "S9": runs.busy}[case.name]
    for _ in range(count):
        ours.add(run())
        for name, (peer_run, _) in peers.items():
            theirs[name].add(peer_run())
    return ours, theirs


def run_case(case, programs, arguments, out):
    if programs.service is None:
        out.skipped(case, programs.why["service"])
        return
    runs = Runs(programs, arguments)
    peers = peers_of(case, runs, not arguments.no_peers)
    # A million submits take long and are a comparison within themselves.
    count = 1 if case.name in ("S4", "S5", "S7", "S8") else arguments.pairs
    with Place(arguments.state) as place:
        mine = f"sync, {file_system(place.state)}"
    procs = machine.facts(programs)["cpus"]
    try:
        ours, theirs = sample(case, runs, peers, count)
    except (measure.RunError, OSError, subprocess.SubprocessError) as error:
        out.failure(case, procs, error)
        return
    for figure in ours.values:
        beside = [(name, theirs[name]) for name in peers if figure in theirs[name].values]
        if not beside:
            out.row(case, figure, procs, ours, note=mine)
        for name, samples in beside:
            out.row(case, figure, procs, ours, name, samples, f"{mine}; peer: {peers[name][1]}")
