# SPDX-License-Identifier: MIT
"""endure_submit - the ways to hand in jobs, and to steer them."""

import os
import time

import gor_e2e as e2e

MS = 1_000_000
# What each program does first: it signs in the ledger, in one write.
SIGN = 'echo "$GOR_JOB_ID" >> "$LEDGER"; '
SCRIPTS = (
    "return 'made by ' .. #args",
    "local t = {} for i = 1, 500 do t[i] = tostring(i) end return #table.concat(t) % 3",
    "local id = job.submit{native = 'builtin.echo', args = {'below'}}\n"
    "return job.wait(id).exit_code",
    "error('as it was asked to')")
QUEUES = ("default", "left", "right")


class Submits:
    """Actions of a client that stays. Each gets a generator of its own, so a seed tells what it
    does, whatever the others do meanwhile."""

    def __init__(self, client, books, folder):
        self.client, self.books, self.folder = client, books, folder
        self.env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LEDGER": books.ledger}

    def spec(self, rng, text="", **fields):
        """A program that signs and then does what the text says."""
        fields.setdefault("name", f"n{rng.randrange(1000)}")
        fields.setdefault("queue", rng.choice(QUEUES))
        fields.setdefault("labels", {"group": f"g{rng.randrange(6)}", "one": str(rng.random())})
        return self.client.exec_spec("/bin/sh", "-c", SIGN + text, env=self.env, **fields)

    def submit(self, spec, ledger=True, **more):
        reply = self.client.jobs("Submit", spec=spec, **more)
        # An array runs nothing itself.
        self.books.acknowledge(reply.id, ledger=ledger and not spec.HasField("array"))
        return reply.id

    # ------------------------------------------------------------ one way each

    def do_exec(self, rng):
        text = f"i=0; while [ $i -lt {rng.randrange(20)} ]; do echo line $i; i=$((i+1)); done; "
        self.submit(self.spec(rng, text + f"exit {rng.choice((0, 0, 0, 7))}"))

    def do_native(self, rng):
        call = rng.choice((("builtin.echo", "a", "b"), ("builtin.fib", 15),
                           ("builtin.sleep", "30ms"), ("builtin.pingpong", 50),
                           ("builtin.fanout", 20), ("builtin.fail", 3, "asked"),
                           ("builtin.panic", "asked")))
        spec = self.client.native_spec(*call, labels={"group": f"g{rng.randrange(6)}"})
        self.submit(spec, ledger=False)

    def do_lua(self, rng):
        spec = self.client.message("JobSpec", name="script")
        spec.lua.script = rng.choice(SCRIPTS).encode()
        spec.lua.args.extend("x" * rng.randrange(4))
        self.submit(spec, ledger=False)

    def do_batch(self, rng):
        specs = [self.client.native_spec("builtin.echo", i, name=f"b{i}")
                 for i in range(rng.randrange(3, 12))]
        after = specs[-1].after.add()
        after.of.add(line=1)
        reply = self.client.jobs("SubmitMany", specs=specs, request_id=rng.randbytes(16))
        self.books.acknowledge(*range(reply.first_id, reply.first_id + reply.count))

    def do_stream(self, rng):
        requests = [self.client.message("SubmitRequest",
                                        spec=self.client.native_spec(function, "s"))
                    for function in rng.choices(("builtin.echo", "no.such"), (9, 1), k=8)]
        results = list(self.client.jobs("SubmitStream", iter(requests)))
        if len(results) != len(requests):
            raise AssertionError(f"{len(results)} answers to {len(requests)} requests")
        self.books.acknowledge(*(r.id for r in results if r.id))

    def do_array(self, rng):
        spec = self.spec(rng, "exit $((GOR_ARRAY_INDEX == 3))")
        spec.array.indices.add(first=0, last=rng.randrange(2, 6))
        spec.array.at_once = 3
        array = self.submit(spec)
        tasks = spec.array.indices[0].last + 1
        self.books.acknowledge(*range(array + 1, array + 1 + tasks), ledger=True)

    def do_retry(self, rng):
        spec = self.spec(rng, f"exit {rng.choice((0, 5, 5))}")
        spec.retry.retries, spec.retry.backoff_ns, spec.retry.fixed = 2, 20 * MS, True
        self.submit(spec)

    def do_deadline(self, rng):
        soon = time.time_ns() + rng.randrange(50, 800) * MS
        fields = rng.choice(({"deadline_ns": soon}, {"timeout_ns": 100 * MS},
                             {"start_before_ns": soon, "held": True}, {"delay_ns": 300 * MS}))
        self.submit(self.spec(rng, "exec sleep 1", grace_ns=200 * MS, **fields))

    def do_chain(self, rng):
        before = self.submit(self.spec(rng, f"exit {rng.randrange(2)}"))
        for condition in (0, 1, 2, 3):
            spec = self.spec(rng)
            spec.after.add().of.add(id=before, condition=condition)
            self.submit(spec)

    def do_hook(self, rng):
        spec = self.spec(rng, f"exit {rng.randrange(2)}")
        spec.on_finish.extend((b"/bin/sh", b"-c", SIGN.encode() + b'echo "$GOR_HOOK_OUTCOME"'))
        self.submit(spec)

    def do_unique(self, rng):
        self.submit(self.spec(rng, "sleep 0.2", unique_key=f"u{rng.randrange(2)}",
                              on_conflict=rng.randrange(4)))

    def do_input(self, rng):
        spec = self.spec(rng, "exec cat", timeout_ns=20 * e2e.SECOND, queue="default")
        spec.exec.stdin_pipe = True
        job = self.submit(spec)
        self.client.jobs("Send", id=job, data=rng.randbytes(2000), close=True)

    def do_tell(self, rng):
        self.submit(self.spec(rng, 'for i in 1 2 3; do echo "$i/3 on" >&$GOR_PROGRESS_FD; done; '
                              f'printf {rng.randrange(1000)} >&$GOR_RESULT_FD'))

    def do_big(self, rng):
        self.submit(self.spec(rng, f"head -c {rng.randrange(200_000, 900_000)} /dev/urandom"))

    # ------------------------------------------------------------ steering

    def group(self, rng):
        return self.client.message("Selector", labels=[
            self.client.message("LabelMatch", key="group", value=f"g{rng.randrange(6)}")])

    def do_steer(self, rng):
        group = self.group(rng)
        for verb in rng.choice((("Hold", "Release"), ("PauseJobs", "ResumeJobs"), ("Cancel",),
                                ("Terminate",), ("Signal",))):
            more = {"signal": 15} if verb == "Signal" else {}
            self.client.jobs(verb, selector=group, **more)

    def do_update(self, rng):
        job = self.submit(self.spec(rng, held=True, queue="left"))
        change = self.client.message("JobSpec", queue="right", priority=rng.randrange(5),
                                     labels={"changed": "yes"})
        self.client.jobs("Update", ids=[job], spec=change, fields=["queue", "priority", "labels"])
        self.client.jobs("Release", ids=[job])

    def do_again(self, rng):
        job = self.books.some_id(rng)
        verb = rng.choice(("Retry", "Rerun"))
        reply = self.client.jobs(verb, ids=[job])
        self.books.acknowledge(*(r.new_id for r in reply.results if r.new_id))

    def do_remove(self, rng):
        job = self.books.some_id(rng)
        reply = self.client.jobs("Remove", ids=list(range(max(1, job - 3), job + 1)))
        self.books.remove(r.id for r in reply.results if r.status == 1)

    def do_queues(self, rng):
        def queues(method, **fields):
            return self.client.call("Queues", method, **fields)
        name = f"passing{rng.randrange(10**9)}"
        queues("SetQueue", name=name, slots=2)
        queues("SetPool", name=name, tokens=3)
        self.submit(self.spec(rng, queue="default", tokens={"two": 1}))
        queues("PauseQueue", name="left", until_ns=time.time_ns() + 700 * MS)
        self.client.jobs("Pause")
        self.client.jobs("Resume")
        queues("ResumeQueue", name="right")
        queues("RemoveQueue", name=name)
        queues("RemovePool", name=name)

    def do_cron(self, rng):
        spec = self.client.message("CronSpec", name=f"passing{rng.randrange(10**9)}",
                                   expr="every 1h", job=self.spec(rng, queue="default"))
        self.client.call("Crons", "Put", spec=spec, replace=True)
        run = self.client.call("Crons", "Run", name=spec.name, request_id=rng.randbytes(16))
        self.books.acknowledge(run.id, ledger=True)
        for method in ("Pause", "Resume", "Show", "Preview", "Delete"):
            self.client.call("Crons", method, name=spec.name)

    def do_look(self, rng):
        job = self.books.some_id(rng)
        for method, fields in (("Get", {"with_events": True, "with_attempts": True}), ("Why", {}),
                               ("Tree", {"from_top": True})):
            self.client.jobs(method, id=job, **fields)
        self.client.jobs("List", limit=100, with_use=True, selector=self.group(rng))
        self.client.jobs("Count", selector=self.group(rng))
        self.client.jobs("Select", selector=self.group(rng))
        list(self.client.jobs("Logs", id=job, follow=False, tail_lines=3))
