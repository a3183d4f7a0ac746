# SPDX-License-Identifier: MIT
"""endure_samples - what a gord has and uses, once a second: as the kernel, its folder and it itself
tell."""

import collections
import csv
import os
import re
import threading
import time

import gor_e2e as e2e
from endure_books import OWN_CONNECTION

# Column: what it is for people, and its unit.
COLUMNS = {
    "rss": ("resident memory", "bytes"),
    "pss": ("its share of what is shared", "bytes"),
    "anon": ("memory of its own", "bytes"),
    "mapped": ("files mapped", "bytes"),
    "heap": ("heap in use", "bytes"),
    "stacks": ("stacks of goroutines", "bytes"),
    "fds": ("descriptors", "descriptors"),
    "threads": ("threads", "threads"),
    "goroutines": ("goroutines", "goroutines"),
    "children": ("child processes", "processes"),
    "connections": ("connections", "connections"),
    "files": ("files in the state directory", "files"),
    "disk": ("bytes in the state directory", "bytes"),
    "trail": ("the audit trail, not among them", "bytes"),
    "store": ("the database", "bytes"),
    "jobs": ("jobs kept", "jobs"),
    "live": ("jobs that have not ended", "jobs"),
    "ended": ("jobs ended since the start", "jobs"),
    "cpu": ("processor time", "seconds"),
}

TRAIL = re.compile(r"audit\.log(\.[1-7])?")  # as service/trail.h has it


def read(path):
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()


def mapped(pid):
    """How much address space files have."""
    spans = re.findall(r"^(\w+)-(\w+) (?:\S+ ){3}(?!0 )\d+ ", read(f"/proc/{pid}/maps"), re.M)
    return sum(int(end, 16) - int(start, 16) for start, end in spans)


def of_kernel(pid):
    """What /proc says of the process."""
    rollup = dict(re.findall(r"^(\w+):\s+(\d+) kB", read(f"/proc/{pid}/smaps_rollup"), re.M))
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    tasks = os.listdir(f"/proc/{pid}/task")
    children = 0
    for task in tasks:
        try:
            children += len(read(f"/proc/{pid}/task/{task}/children").split())
        except OSError:  # the thread has ended meanwhile
            pass
    ticks = int(fields[11]) + int(fields[12])
    return {"rss": int(rollup["Rss"]) * 1024, "pss": int(rollup["Pss"]) * 1024,
            "anon": int(rollup["Anonymous"]) * 1024, "mapped": mapped(pid), "fds": len(os.listdir(f"/proc/{pid}/fd")),
            "threads": len(tasks), "children": children, "cpu": ticks / os.sysconf("SC_CLK_TCK")}


def descriptors(pid):
    """How many the process has of each kind: sockets, pipes, files by their names."""
    found = collections.Counter()
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            what = os.readlink(f"/proc/{pid}/fd/{number}")
        except FileNotFoundError:  # closed meanwhile
            continue
        found[re.sub(r":?\[?(\d+)\]?$", "", os.path.basename(what)).removeprefix(
            "anon_inode:").strip("[]")] += 1
    return found


def of_folder(state):
    """What lies in the state directory: files, their bytes, and those of the database; and the bytes
    of the audit trail by themselves, as they grow up to what is kept of it."""
    files = disk = store = trail = 0
    for folder, _, names in os.walk(state):
        for name in names:
            try:
                size = os.stat(os.path.join(folder, name)).st_size
            except FileNotFoundError:  # removed between the two calls
                continue
            if TRAIL.fullmatch(name):
                trail += size
                continue
            files, disk = files + 1, disk + size
            if name == "gord.db":
                store = size
    return {"files": files, "disk": disk, "store": store, "trail": trail}


def of_gord(client):
    """What it tells itself."""
    text = b"".join(chunk.data for chunk in client.runtime("Inspect", kind=7)).decode()
    values = {}
    for name, value in re.findall(r"^(\w+)(?:\{[^}]*\})? ([-+.\dInfe]+)$", text, re.M):
        values[name] = values.get(name, 0) + float(value)
    stats = client.runtime("Stats")
    return {"heap": int(values["gord_heap_used_bytes"]),
            "stacks": int(values["gor_stacks_committed_bytes"]),
            "goroutines": stats.num_goroutine, "connections": stats.connections,
            "jobs": stats.jobs_terminated,
            "live": stats.jobs_created + stats.jobs_runnable + stats.jobs_running +
                    stats.jobs_waiting,
            "ended": int(values["gord_jobs_ended_total"])}


def sample(gord, client):
    return {**of_gord(client), **of_kernel(gord.process.pid), **of_folder(gord.state)}


class Sampler:
    """Takes a sample a second on a thread and a connection of its own, until it is stopped."""

    def __init__(self, gord, path):
        self.gord, self.path = gord, path
        self.client = gord.client(options=OWN_CONNECTION)
        self.client.message("JobSpec")
        self.rows = []
        self.fault = None
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.began = time.monotonic()
        self.thread.start()

    def _run(self):
        with open(self.path, "w", newline="", encoding="ascii") as file:
            table = csv.DictWriter(file, ["t", *COLUMNS])
            table.writeheader()
            try:
                while not self.ends.wait(max(0, len(self.rows) + self.began - time.monotonic())):
                    row = {"t": round(time.monotonic() - self.began, 2),
                           **sample(self.gord, self.client)}
                    self.rows.append(row)
                    table.writerow(row)
                    file.flush()
            except (OSError, e2e.grpc.RpcError) as error:
                self.fault = f"the samples end after {len(self.rows)}: {error!r}"

    def stop(self):
        self.ends.set()
        self.thread.join(e2e.PATIENCE)
        self.client.close()
