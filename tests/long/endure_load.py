# SPDX-License-Identifier: MIT
"""endure_load - the schedule: which action begins when, drawn from a seed.

Load comes in rounds: for most of a round actions begin at the given rate, then nobody asks for
anything until it is over. So each round begins and ends alike, and there is a quiet moment in each
in which to look at what is left.
"""

import collections
import queue
import random
import threading
import time

import gor_e2e as e2e

WORKERS = 24
QUIET = 0.25  # of a round
WEIGHTS = {"exec": 10, "native": 10, "lua": 6, "batch": 3, "stream": 3, "array": 2, "look": 6,
           "steer": 4, "half": 5, "big": 2, "watch": 4}


class Load:
    def __init__(self, actors, seed, rate, round_s):
        self.actions = {name[3:]: getattr(actor, name) for actor in actors
                        for name in sorted(dir(actor)) if name.startswith("do_")}
        self.seed, self.rate, self.round_s = seed, rate, round_s
        self.done = collections.Counter()
        self.refused = collections.Counter()
        self.faults = []
        self.late = 0
        self.slowest = (0, "nothing")
        self.lock = threading.Lock()
        self.todo = queue.Queue(WORKERS * 4)
        self.workers = [threading.Thread(target=self._work, daemon=True) for _ in range(WORKERS)]

    def plan(self):
        """Names of actions without end: each once, then as often as its weight says."""
        rng = random.Random(self.seed)
        names = list(self.actions)
        rng.shuffle(names)
        yield from names
        weights = [WEIGHTS.get(name, 1) for name in names]
        while True:
            yield rng.choices(names, weights)[0]

    def run(self, rounds):
        """All of it; returns when the last action has ended."""
        for worker in self.workers:
            worker.start()
        plan, number, begin = self.plan(), 0, time.monotonic()
        for turn in range(rounds):
            at = begin + turn * self.round_s
            for step in range(int(self.round_s * (1 - QUIET) * self.rate)):
                self._sleep_until(at + step / self.rate)
                self._hand_out(number, next(plan))
                number += 1
            self._sleep_until(at + self.round_s)
        for _ in self.workers:
            self.todo.put(None)
        for worker in self.workers:
            worker.join(e2e.PATIENCE)
        hung = sum(worker.is_alive() for worker in self.workers)
        if hung:
            self.faults.append(f"{hung} clients hang")

    @staticmethod
    def _sleep_until(moment):
        time.sleep(max(0, moment - time.monotonic()))

    def _hand_out(self, number, name):
        """On a machine that is too slow for the rate actions are left out, never put off; but for
        the first of each."""
        try:
            self.todo.put((number, name), block=number < len(self.actions))
        except queue.Full:
            self.late += 1

    def _work(self):
        while True:
            item = self.todo.get()
            if item is None:
                return
            self._do(*item)

    def _do(self, number, name):
        began = time.monotonic()
        fault = refusal = None
        try:
            self.actions[name](random.Random(f"{self.seed}/{number}"))
        except e2e.grpc.RpcError as error:
            # What one client wants the other has just ended or removed: it is refused, in words.
            if error.code() in (e2e.grpc.StatusCode.NOT_FOUND, e2e.grpc.StatusCode.OUT_OF_RANGE,
                                e2e.grpc.StatusCode.ALREADY_EXISTS,
                                e2e.grpc.StatusCode.FAILED_PRECONDITION):
                refusal = f"{name}: {error.code().name}"
            else:
                fault = f"{error.code().name}: {error.details()}"
        except Exception as error:  # pylint: disable=broad-except  # whatever it is, it is told
            fault = repr(error)
        with self.lock:
            self.done[name] += 1
            self.slowest = max(self.slowest, (time.monotonic() - began, name))
            if refusal:
                self.refused[refusal] += 1
            if fault:
                self.faults.append(f"action {number}, {name}: {fault}")
