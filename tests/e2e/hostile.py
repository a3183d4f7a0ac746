# SPDX-License-Identifier: MIT
"""hostile - what the tests of peers that attack share: the client that behaves beside them, and the
judgement: the counter of what they did has grown, the daemon's memory has not by much, the others were
served. What is printed are the figures of docs/protocol.md.
"""

import os
import re
import resource
import threading
import time
import unittest

import gor_e2e as e2e
import http2

MIB = 1 << 20
METRICS = 7
CALM = http2.ENHANCE_YOUR_CALM
GET, WATCH = "/gor.v1.Jobs/Get", "/gor.v1.Jobs/Watch"
# What a well-behaved call may wait at most while others attack, and what the daemon may grow by.
PATIENT_SECONDS = 20 if e2e.SANITIZE else 2
GROWTH = 16 * MIB


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def many_descriptors(test, count):
    """May this process have so many? Else the test is skipped."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 100:
        test.skipTest(f"this process may have only {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    test.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))


class Beside(threading.Thread):
    """A client that behaves: it calls, one call after the other, and notes the slowest."""

    def __init__(self, client):
        super().__init__()
        self.client = client
        self.client.runtime("Version")
        self.slowest = self.calls = 0
        self.error = None
        self.over = threading.Event()

    def run(self):
        try:
            while not self.over.is_set():
                begin = time.monotonic()
                self.client.runtime("Version")
                self.slowest = max(self.slowest, time.monotonic() - begin)
                self.calls += 1
        except e2e.grpc.RpcError as error:
            self.error = error

    def end(self):
        if not self.over.is_set():
            self.over.set()
            self.join()
            self.client.close()


class Judge:
    """Of a test with `gord` and `client`."""

    beside = None

    def cuts(self):
        text = b"".join(chunk.data for chunk in
                        self.client.runtime("Inspect", kind=METRICS)).decode()
        return {line.split('"')[1]: int(line.split()[1]) for line in text.splitlines()
                if line.startswith("gord_rpc_cut_total{")}

    def wait_for_cut(self, counter, count=1):
        """Until the counter is above what it was at watch() by so many."""
        e2e.until(lambda: self.cuts()[counter] >= self.before[counter] + count)

    def watch(self, client=None):
        self.beside = Beside(client or self.gord.client())
        self.addCleanup(self.beside.end)
        self.before = self.cuts()
        self.memory = resident(self.gord.process.pid)
        self.beside.start()

    def judge(self, name, counters, growth=GROWTH):
        """`counters`: those of which one has grown; all others must be what they were."""
        self.beside.end()
        self.assertIsNone(self.beside.error)
        self.assertGreater(self.beside.calls, 0)
        self.assertLess(self.beside.slowest, PATIENT_SECONDS)
        counters = (counters,) if isinstance(counters, str) else counters
        grown = {cause: count - self.before[cause] for cause, count in self.cuts().items()
                 if count > self.before[cause]}
        self.assertEqual(bool(grown), bool(counters), grown)
        self.assertLessEqual(set(grown), set(counters))
        more = resident(self.gord.process.pid) - self.memory
        if not e2e.SANITIZE:
            self.assertLess(more, growth)
        print(f"| {name} | {max(more, 0) >> 10:,} | {1000 * self.beside.slowest:.1f} | "
              f"{self.beside.calls:,} | {grown} |")
        return grown


def tcp(gord):
    """The port that it listens on, and the token."""
    port = int(re.search(r"listening on 127.0.0.1 port (\d+)", gord.stderr())[1])
    with open(os.path.join(gord.state, "token"), encoding="ascii") as file:
        return port, file.read().strip()


class HostileTest(Judge, e2e.GordTest):
    """With one daemon for the class."""


class OneByOne(Judge, unittest.TestCase):
    """With a fresh daemon for each attack, which has taken no memory for others before."""

    options = ()

    def one_by_one(self, attacks):
        """Each is a tuple that begins with its name; attack(*it) answers the counters to rise."""
        for one in attacks:
            with self.subTest(one[0]):
                self.gord = e2e.Gord(*self.options)
                try:
                    self.gord.start()
                    self.client = self.gord.client()
                    self.watch()
                    counters = self.attack(*one)
                    self.judge(one[0], counters)
                    self.client.close()
                    self.assertEqual(self.gord.stop(), 0, self.gord.stderr())
                finally:
                    self.beside.end()
                    self.gord.close()
