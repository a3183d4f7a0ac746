# SPDX-License-Identifier: MIT
"""The service towards its clients: refusals, lists, waits, watches, logs, statistics."""

import os
import socket
import threading
import unittest

import gor_e2e as e2e
from gor_e2e import grpc

INVALID = None if grpc is None else grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = None if grpc is None else grpc.StatusCode.NOT_FOUND


class Refusals(e2e.GordTest):
    """Every bad request names the field and leaves the daemon alone."""

    def refuse(self, spec, text):
        self.assertStatus(INVALID, self.client.jobs, "Submit", spec=spec, text=text)

    def test_spec(self):
        exec_spec, native = self.client.exec_spec, self.client.native_spec
        self.refuse(self.client.message("JobSpec"), "spec.kind")
        self.assertStatus(INVALID, self.client.jobs, "Submit", text="spec is missing")
        self.refuse(exec_spec(), "spec.exec.argv is empty")
        self.refuse(exec_spec(""), "spec.exec.argv[0]")
        self.refuse(exec_spec("a", "b\0c"), "spec.exec.argv[1] holds a NUL")
        self.refuse(exec_spec("true", env={"": "x"}), "spec.exec.env[0]")
        self.refuse(exec_spec("true", cwd="relative"), "spec.exec.cwd")
        self.refuse(exec_spec("true", *["x" * (100 << 10)] * 21), "spec.exec: argv and env")
        self.refuse(exec_spec("true", "x" * (128 << 10)), "spec.exec.argv[1] has 131072 bytes")
        self.refuse(exec_spec("true", env={"X": "x" * (128 << 10)}), "spec.exec.env[0] has")
        self.refuse(exec_spec("true", name="n" * 201), "spec.name has 201 bytes")
        self.refuse(exec_spec("true", timeout_ns=-1), "spec.timeout_ns")
        self.refuse(exec_spec("true", grace_ns=-1), "spec.grace_ns")
        self.refuse(exec_spec("true", labels={"": "x"}), "spec.labels")
        bad = exec_spec("true")
        bad.exec.env.append(b"NOEQUALS")
        self.refuse(bad, "NAME=value")
        bad = exec_spec("true")
        bad.exec.umask_plus_1 = 0o2000
        self.refuse(bad, "umask_plus_1")
        self.refuse(native(""), "builtin.echo, builtin.sleep")
        self.refuse(native("builtin.nosuch"), "there is no 'builtin.nosuch'")
        self.refuse(native("builtin.sleep"), "takes one argument")
        self.refuse(native("builtin.sleep", "soon"), "cannot read 'soon' as a duration")
        self.refuse(native("builtin.fib", 93), "not a number from 0 to 92")
        self.refuse(native("builtin.fib", "-1"), "not a number")

    def test_submit_many_is_all_or_none(self):
        good = self.client.native_spec("builtin.echo")
        before = self.client.jobs("List").total_terminated
        self.assertStatus(INVALID, self.client.jobs, "SubmitMany",
                          specs=[good, self.client.exec_spec()], text="specs[1]: ")
        self.assertStatus(INVALID, self.client.jobs, "SubmitMany", text="specs has 0 entries")
        reply = self.client.jobs("List")
        self.assertEqual((reply.total_live, reply.total_terminated), (0, before))

    def test_unknown_jobs(self):
        for method, fields in (("Get", {"id": 77777}), ("Wait", {"ids": [77777]}),
                               ("Watch", {"ids": [77777]}), ("Logs", {"id": 77777})):
            with self.subTest(method=method):
                self.assertStatus(NOT_FOUND, self.client.jobs, method, text="there is no job 77777", **fields)

    def test_submit_stream_answers_each_in_its_order(self):
        good = self.client.native_spec("builtin.echo")
        bad = self.client.native_spec("builtin.nosuch")
        request = self.client.message("SubmitRequest")
        requests = [type(request)(spec=bad if n % 7 == 3 else good) for n in range(3000)]
        results = list(self.client.jobs("SubmitStream", iter(requests)))
        self.assertEqual([result.index for result in results], list(range(3000)))
        for n, result in enumerate(results):
            self.assertEqual(result.id == 0, n % 7 == 3)
            self.assertEqual(result.code, INVALID.value[0] if n % 7 == 3 else 0)
        ids = [result.id for result in results if result.id != 0]
        self.assertEqual(ids, sorted(set(ids)))
        self.client.wait(*ids)

    def test_submit_stream_that_is_left(self):
        """What was answered is kept, whatever the client does then."""
        request = self.client.message("SubmitRequest")
        request.spec.CopyFrom(self.client.native_spec("builtin.echo"))
        left = threading.Event()

        def requests():
            for _ in range(500):
                yield request
            left.wait(e2e.PATIENCE)

        call = self.client.jobs("SubmitStream", requests())
        ids = [next(call).id for _ in range(300)]
        call.cancel()
        left.set()
        self.assertEqual({job.outcome for job in
                          self.client.jobs("Wait", ids=ids).jobs}, {e2e.SUCCEEDED})
        self.assertEqual(list(self.client.jobs("SubmitStream", iter(()))), [])

    def test_submit_stream_whose_answers_are_not_read(self):
        """The stream is held back, and others are served."""
        request = self.client.message("SubmitRequest")
        request.spec.CopyFrom(self.client.native_spec("builtin.echo"))
        sent = [0]

        def requests():
            for sent[0] in range(200000):
                yield request

        before = self.client.runtime("Stats").jobs_submitted
        call = self.client.jobs("SubmitStream", requests())
        next(call)
        self.assertEqual(self.client.wait(self.client.native("builtin.echo")).outcome,
                         e2e.SUCCEEDED)
        call.cancel()
        self.assertLess(self.client.runtime("Stats").jobs_submitted - before, 200000)

    def test_bad_fields(self):
        jobs = self.client.jobs
        for limit in (1001, 2**32 - 1):
            self.assertStatus(INVALID, jobs, "Tree", id=1, limit=limit, text="limit is")
        self.assertStatus(INVALID, jobs, "Wait", text="ids")
        self.assertStatus(INVALID, jobs, "Cancel", text="ids is empty")
        self.assertStatus(INVALID, jobs, "Cancel", ids=[1], all=True, text="exclude")
        self.assertStatus(INVALID, jobs, "Cancel", ids=[1], cause="c" * 201, text="cause")
        self.assertStatus(INVALID, jobs, "List", limit=1001, text="limit")
        self.assertStatus(INVALID, jobs, "List", states=[9], text="states")
        self.assertStatus(INVALID, jobs, "List", outcomes=[99], text="outcomes")
        self.assertStatus(INVALID, jobs, "Watch", until_terminated=True, text="until_terminated")
        self.assertStatus(grpc.StatusCode.OUT_OF_RANGE, jobs, "Watch", after_seq=10**12)
        for value in (0, 1025):
            self.assertStatus(INVALID, self.client.runtime, "SetGomaxprocs", value=value,
                              text="value")

    def test_unknown_method_and_service(self):
        for path in ("/gor.v1.Jobs/Nosuch", "/gor.v2.Jobs/Submit"):
            stub = self.client.channel.unary_unary(path)
            self.assertStatus(grpc.StatusCode.UNIMPLEMENTED, stub, b"", timeout=e2e.PATIENCE)

    def test_oversized_and_broken_messages(self):
        stub = self.client.channel.unary_unary("/gor.v1.Jobs/Submit")
        self.assertStatus(grpc.StatusCode.RESOURCE_EXHAUSTED, stub, b"\x0a" + b"x" * (5 << 20),
                          timeout=e2e.PATIENCE)
        self.assertStatus(grpc.StatusCode.INTERNAL, stub, b"\xff\xff\xff", timeout=e2e.PATIENCE)
        # A name that is not UTF-8: JobSpec in field 1, name in field 3 of it.
        self.assertStatus(INVALID, stub, b"\x0a\x04\x1a\x02\xff\xfe", timeout=e2e.PATIENCE)

    def test_raw_garbage_costs_only_its_own_connection(self):
        for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 100, os.urandom(4096),
                     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 64,
                     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x40\x00\x00\x00\x00\x00\x00\x00", b""):
            with socket.socket(socket.AF_UNIX) as raw:
                raw.settimeout(e2e.PATIENCE)
                raw.connect(self.gord.socket)
                try:
                    raw.sendall(junk)
                    raw.shutdown(socket.SHUT_WR)
                    while raw.recv(65536):
                        pass
                except (BrokenPipeError, ConnectionResetError):
                    pass
        self.assertEqual(self.client.runtime("Version").pid, self.gord.process.pid)


class Looking(e2e.GordTest):
    def test_list_pages_and_filters(self):
        specs = [self.client.native_spec("builtin.fail", i % 2, name=f"page-{i}")
                 for i in range(25)]
        first = self.client.jobs("SubmitMany", specs=specs).first_id
        ids = list(range(first, first + 25))
        self.client.wait(*ids)
        seen, before = [], 0
        while True:
            reply = self.client.jobs("List", name_contains="page-", limit=10, before_id=before,
                                     without_env=True)
            seen += [j.id for j in reply.jobs]
            before = reply.next_before_id
            if before == 0:
                break
        self.assertEqual(seen, ids[::-1])
        failed = self.client.jobs("List", name_contains="page-", outcomes=[e2e.FAILED]).jobs
        self.assertEqual(len(failed), 12)
        self.assertEqual({j.exit_code for j in failed}, {1})
        at = self.client.get(ids[10]).created_ns
        self.assertGreaterEqual(at, failed[-1].created_ns)
        self.assertEqual(self.client.jobs("List", created_from_ns=2**62).jobs[:], [])
        live = self.client.native("builtin.sleep", "1000s", name="page-live")
        self.client.wait_state(live, e2e.RUNNING)
        reply = self.client.jobs("List", name_contains="page-live")
        self.assertEqual([(j.id, j.state) for j in reply.jobs], [(live, e2e.RUNNING)])
        self.assertEqual(reply.total_live, 1)
        self.client.jobs("Cancel", ids=[live])
        self.client.wait(live)

    def test_list_without_env(self):
        job_id = self.client.exec("true", env={"SECRET": "x", "PATH": "/usr/bin"})
        self.client.wait(job_id)
        reply = self.client.jobs("List", limit=1, without_env=True)
        self.assertEqual(len(reply.jobs[0].spec.exec.env), 0)
        self.assertEqual(len(self.client.jobs("List", limit=1).jobs[0].spec.exec.env), 2)
        self.assertEqual(len(self.client.get(job_id).spec.exec.env), 2)
        self.assertEqual(len(self.client.wait(job_id).spec.exec.env), 0)

    def test_wait_any_all_and_deadline(self):
        slow = self.client.native("builtin.sleep", "1000s")
        quick = self.client.native("builtin.echo")
        jobs = self.client.jobs("Wait", ids=[slow, quick], any=True).jobs
        self.assertEqual([j.id for j in jobs], [quick])
        self.assertStatus(grpc.StatusCode.DEADLINE_EXCEEDED, self.client.jobs, "Wait",
                          ids=[slow, quick], timeout=0.2)
        self.client.jobs("Cancel", ids=[slow])
        self.assertEqual(len(self.client.jobs("Wait", ids=[slow, quick]).jobs), 2)

    def test_statistics_and_version(self):
        job_id = self.client.native("builtin.fanout", 50)
        self.client.wait(job_id)
        stats = self.client.runtime("Stats")
        self.assertGreater(stats.goroutines_created, 50)
        self.assertGreaterEqual(stats.jobs_succeeded, 1)
        self.assertEqual(stats.durability, "sync")
        self.assertEqual(stats.pid, self.gord.process.pid)
        self.assertGreater(stats.resident_bytes, 0)
        self.assertEqual(stats.state_dir, self.gord.state)
        version = self.client.runtime("Version")
        self.assertEqual((version.version, version.pid), (stats.version, stats.pid))

    def test_gomaxprocs_is_read_and_set(self):
        now = self.client.runtime("GetGomaxprocs").value
        self.assertGreaterEqual(now, 1)
        reply = self.client.runtime("SetGomaxprocs", value=7)
        self.assertEqual((reply.value, reply.former), (7, now))
        self.assertEqual(self.client.runtime("GetGomaxprocs").value, 7)
        self.client.runtime("SetGomaxprocs", value=now)

    def test_goroutines_of_jobs_are_seen(self):
        ids = [self.client.native("builtin.sleep", "1000s") for _ in range(300)]
        self.client.wait_state(ids[-1], e2e.WAITING)
        found = {}
        for reply in self.client.runtime("Goroutines"):
            for goroutine in reply.goroutines:
                found[goroutine.name] = goroutine
        for job_id in ids:
            self.assertEqual(found[f"job {job_id}"].state, "waiting")
        dump = b"".join(chunk.data for chunk in self.client.runtime("Inspect", kind=1))
        for job_id in ids:
            self.assertIn(f', "job {job_id}"]:\n'.encode(), dump)
        self.client.jobs("Cancel", ids=ids)
        self.client.wait(*ids)

    def test_inspections_are_checked(self):
        for fields, text in (({}, "kind 0"), ({"kind": 99}, "kind 99"),
                             ({"kind": 3}, "1 ms to 1 hour"),
                             ({"kind": 3, "duration_ns": 3601 * 10**9}, "1 ms to 1 hour")):
            with self.subTest(fields=fields):
                self.assertStatus(INVALID, self.client.runtime, "Inspect", text=text, **fields)

    def test_reflection_and_health(self):
        want = ["gor.v1.Crons", "gor.v1.Jobs", "gor.v1.Plugins", "gor.v1.Queues", "gor.v1.Runtime",
                "gor.v1.Store", "gor.v1.Tokens",
                "grpc.health.v1.Health",
                "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]
        for version in ("v1", "v1alpha"):
            self.assertEqual(sorted(self.client.messages.services(version)), want)
        stub = self.client.channel.unary_unary("/grpc.health.v1.Health/Check")
        self.assertEqual(stub(b"", timeout=e2e.PATIENCE), b"\x08\x01")
        name = b"gor.v1.Jobs"
        self.assertEqual(stub(b"\x0a" + bytes([len(name)]) + name, timeout=e2e.PATIENCE),
                         b"\x08\x01")
        self.assertStatus(NOT_FOUND, stub, b"\x0a\x01x", timeout=e2e.PATIENCE)


class Watching(e2e.GordTest):
    def take(self, watch, count):
        """The next `count` events of a watch, which then ends."""
        events = [next(watch) for _ in range(count)]
        watch.cancel()
        return events

    def test_watch_is_gapless_from_the_first_to_the_last(self):
        """Watchers that begin at different times, before, amid and after much work, all see every
        event once and in order."""
        watches, done = [], []

        def follow(after):
            seqs = []
            watch = self.client.jobs("Watch", after_seq=after)
            for event in watch:
                seqs.append(event.seq)
                if event.job_id == last and event.state == e2e.TERMINATED:
                    watch.cancel()
                    break
            done.append((after, seqs))

        total = 1600
        specs = [self.client.native_spec("builtin.echo") for _ in range(200)]
        first = self.client.jobs("SubmitMany", specs=specs).first_id
        last = first + total  # one more, at the end
        for step in range(1, total // 200):
            thread = threading.Thread(target=follow, args=(step - 1,))
            thread.start()
            watches.append(thread)
            self.client.jobs("SubmitMany", specs=specs)
        self.client.wait(*range(first, last))
        self.assertEqual(self.client.native("builtin.echo"), last)
        follow(0)
        for thread in watches:
            thread.join(e2e.PATIENCE)
            self.assertFalse(thread.is_alive())
        self.assertEqual(len(done), len(watches) + 1)
        for after, seqs in done:
            self.assertEqual(seqs, list(range(after + 1, seqs[-1] + 1)))

    def test_watch_of_some_until_they_end(self):
        ended = self.client.native("builtin.echo")
        self.client.wait(ended)
        other = self.client.native("builtin.sleep", "1000s")
        mine = self.client.native("builtin.sleep", "10ms", name="mine")
        events = list(self.client.jobs("Watch", ids=[mine, ended], until_terminated=True))
        self.assertEqual({e.job_id for e in events}, {mine, ended})
        self.assertEqual({e.name for e in events if e.job_id == mine}, {"mine"})
        self.assertEqual([e.seq for e in events], sorted(e.seq for e in events))
        for job_id in (mine, ended):
            own = [e for e in events if e.job_id == job_id]
            self.assertEqual((own[0].state, own[-1].state), (e2e.CREATED, e2e.TERMINATED))
        again = list(self.client.jobs("Watch", ids=[mine], until_terminated=True,
                                      after_seq=events[-1].seq))
        self.assertEqual(again, [])
        self.client.jobs("Cancel", ids=[other])
        self.client.wait(other)

    def test_watch_from_now(self):
        watch = self.client.jobs("Watch", from_now=True)
        # The call may reach the daemon after the next submission unless something comes back first:
        # so submit until the watch tells of one.
        seen = []
        thread = threading.Thread(target=lambda: seen.append(next(watch)))
        thread.start()
        ids = []
        while thread.is_alive():
            ids.append(self.client.native("builtin.echo"))
            thread.join(0.05)
        watch.cancel()
        self.assertIn(seen[0].job_id, ids)


class SlowWatcher(e2e.GordTest):
    def test_slow_watcher_costs_no_memory(self):
        watch = self.client.jobs("Watch")
        before = self.client.runtime("Stats").resident_bytes
        specs = [self.client.native_spec("builtin.echo", name="n" * 100) for _ in range(1000)]
        for _ in range(10):
            reply = self.client.jobs("SubmitMany", specs=specs)
            self.client.wait(*range(reply.first_id, reply.first_id + reply.count))
        grown = self.client.runtime("Stats").resident_bytes - before
        watch.cancel()
        if not e2e.SANITIZE:
            self.assertLess(grown, 32 << 20)


class Logs(e2e.GordTest):
    options = ("--log-cap", "1M")

    def test_follow_is_pushed_and_resumes_at_an_offset(self):
        fifo = os.path.join(self.gord.folder, "fifo")
        os.mkfifo(fifo)
        job_id = self.client.exec("sh", "-c", "echo one; read x <fifo; echo two",
                                  cwd=self.gord.folder)
        chunks = self.client.jobs("Logs", id=job_id, follow=True)
        first = next(chunks)
        self.assertEqual((first.data, first.stream), (b"one\n", 1))
        with open(fifo, "wb") as file:
            file.write(b"go\n")
        second = next(chunks)
        self.assertEqual(second.data, b"two\n")
        self.assertEqual(list(chunks), [])
        self.assertGreaterEqual(second.at_ns, first.at_ns)
        self.assertEqual(self.client.logs(job_id, offset=first.next_offset), b"two\n")
        self.assertEqual(self.client.logs(job_id, offset=second.next_offset), b"")
        self.assertStatus(INVALID, self.client.logs, job_id, offset=first.next_offset + 1,
                          text="offset")

    def test_follow_from_before_the_start(self):
        self.client.jobs("Pause")
        job_id = self.client.exec("echo", "hello")
        chunks = self.client.jobs("Logs", id=job_id, follow=True)
        self.client.jobs("Resume")
        self.assertEqual(b"".join(c.data for c in chunks), b"hello\n")

    def test_without_follow_it_ends_at_once(self):
        job_id = self.client.native("builtin.sleep", "1000s")
        self.client.wait_state(job_id, e2e.RUNNING)
        self.assertEqual(self.client.logs(job_id, follow=False), b"")
        self.client.jobs("Cancel", ids=[job_id])
        self.client.wait(job_id)

    def test_log_is_capped_and_says_so(self):
        job_id = self.client.exec("sh", "-c", "head -c 3000000 /dev/zero; echo err >&2")
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.stdout_bytes), (e2e.SUCCEEDED, 3000000))
        chunks = list(self.client.jobs("Logs", id=job_id))
        kept = sum(len(c.data) for c in chunks if c.stream == 1)
        gaps = [c for c in chunks if c.missing_bytes]
        self.assertLessEqual(kept, 1 << 20)
        self.assertGreater(kept, 3 << 18)
        self.assertEqual(len(gaps), 1)
        self.assertEqual(gaps[0].missing_bytes + kept, 3000000)
        self.assertIn(b"bytes of output are missing here", gaps[0].data)
        self.assertIn(b"err\n", [c.data for c in chunks if c.stream == 2])

    def test_many_followers_of_one_job(self):
        job_id = self.client.exec("sh", "-c", "for i in 1 2 3 4 5; do echo $i; sleep 0.02; done")
        got = []
        threads = [threading.Thread(target=lambda: got.append(self.client.logs(job_id)))
                   for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(e2e.PATIENCE)
        self.assertEqual(got, [b"1\n2\n3\n4\n5\n"] * 20)


if __name__ == "__main__":
    e2e.main()
