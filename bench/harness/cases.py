# SPDX-License-Identifier: MIT
"""The workloads: what each is called, what it runs with, what we aim at."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Case:
    name: str                # of the workload, as the programs know it
    about: str
    kind: str = "pair"       # pair: gor-bench beside go-bench; echo: W11; service: S1 and on
    label: str = ""          # what tells this from other cases of the same workload
    args: tuple = ()
    quick_args: tuple = ()   # instead of args in a quick run
    divide: int = 1000       # of the counts in a quick run
    procs: tuple = ()        # the only numbers of Ps it means something with; (): any
    # figure, (figure, Ps) or (figure, peer) -> how many times faster; without a peer: than Go
    goal: dict = field(default_factory=dict)

    def goal_beside(self, peer, figure, procs):
        """The goal beside this peer, or None."""
        if (figure, peer) in self.goal:
            return self.goal[figure, peer]
        if not peer.startswith("go"):
            return None
        return self.goal.get((figure, procs), self.goal.get(figure))


CASES = [
    Case("F1", "a bare register switch, the floor of W2; no peer", procs=(1,)),
    Case("W1", "goroutines spawned and joined", goal={"": 4}),
    Case("W2", "two goroutines yield to each other", procs=(1,), goal={"": 5}),
    Case("W3", "unbuffered channel ping-pong", goal={("", 1): 3, ("", 2): 1.5}),
    Case("W4", "one producer, one consumer, a channel of 128", goal={"": 1.5}),
    Case("W5", "skynet: a million leaves", goal={"": 3}),
    Case("W5w", "the third skynet in one process"),
    Case("W6", "prime sieve, the first 3,000 primes", divide=100, goal={"": 2}),
    Case("W7", "select over 8 channels", goal={"": 2}),
    Case("W8", "1,000 goroutines lock and unlock one mutex", divide=100, goal={"": 2}),
    Case("W8y", "the same with a yield inside the lock", divide=100),
    Case("W9", "parked goroutines: memory and creation", label="100k", args=(100000,),
         goal={"bytes": 1 / 1.7, "hibernated": 1 / 0.4, "create": 1}),
    Case("W9", "parked goroutines: memory and creation", label="1M", args=(1000000,),
         goal={"bytes": 1 / 1.7, "hibernated": 1 / 0.4, "create": 1}),
    Case("W9w", "creating 100,000 a second time", args=(100000,)),
    Case("W10", "a million sleepers: processor time", goal={"": 1 / 0.7}),
    Case("W11", "TCP echo, 1,000 connections of 64 bytes", kind="echo",
         goal={"rate": 1.3, ("rate", "libuv"): 1}),
    Case("W12", "recursive fib split into goroutines", args=(20, 38), quick_args=(10, 20)),
    Case("W13", "sleepers beside one that computes and one that blocks", divide=50, goal={"p99": 1}),
    Case("S1", "native no-op jobs end to end, submitted in batches", kind="service",
         goal={("", "beanstalkd/1"): 20, ("", "redis/100"): 1}),
    Case("S2", "single submits, 100 in flight", kind="service"),
    Case("S3", "exec jobs (`true`), submit to exit recorded", kind="service",
         goal={("", "posix_spawn"): 0.8, ("", "task-spooler"): 5}),
    Case("S4", "the last 1,000 submits of a million into a paused queue", kind="service"),
    Case("S5", "50 rows and the count, with a million jobs stored", kind="service"),
    Case("S6", "a job for an idle daemon, from acceptance to its recorded end", kind="service"),
    Case("S7", "start with a million jobs that have ended; 2,000 taken by kill -9", kind="service"),
    Case("S8", "resident memory of a million queued jobs", kind="service"),
    Case("S9", "statistics asked for while every P computes", kind="service"),
]

GROUPS = {"runtime": lambda c: c.kind != "service", "service": lambda c: c.kind == "service"}


def choose(names):
    """The cases of the names or groups given, in the order above; all for none."""
    chosen = set()
    for name in names:
        matches = GROUPS.get(name, lambda c, wanted=name: c.name.lower() == wanted.lower())
        found = {i for i, c in enumerate(CASES) if matches(c)}
        if not found:
            raise KeyError(name)
        chosen |= found
    return [c for i, c in enumerate(CASES) if i in chosen or not names]


def describe():
    lines = {c.name: f"  {c.name:<4} {c.about}" for c in CASES}
    return "\n".join(lines.values())
