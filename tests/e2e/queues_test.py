# SPDX-License-Identifier: MIT
"""Queues, pools of tokens, priorities, why a job waits; over a kill of the daemon too."""

import os
import time
from concurrent import futures

import gor_e2e as e2e
import gorctl_e2e as ctl

USAGE = 64


class Queues(ctl.GorctlTest):
    options = ("--grace", "500ms", "--exec-slots", "8")

    def tearDown(self):
        self.gorctl("cancel", "--all")

    def says_no(self, text, *args):
        """Refused by the daemon, with that text."""
        result = self.gorctl(*args)
        self.assertNotEqual(result.code, 0, result)
        self.assertEqual(result.out, b"", result)
        self.assertIn(text, result.err.decode())

    def hold(self, *options):
        """A job that runs until it is cancelled."""
        job_id = int(self.ok("submit", *options, "--", "sleep", "1000").out)
        self.client.wait_state(job_id, e2e.RUNNING)
        return job_id

    def queued(self, *options):
        return int(self.ok("submit", *options, "--", "true").out)

    def end(self, *ids):
        self.ok("cancel", *map(str, ids))
        self.client.wait(*ids)

    def why(self, job_id):
        return self.ok("why", "--json", str(job_id)).json

    def test_queue_bounds_its_jobs_and_lists_them(self):
        self.ok("queue", "create", "two", "2")
        first, second = self.hold("-q", "two"), self.hold("-q", "two")
        third = self.queued("-q", "two")
        why = self.why(third)
        self.assertEqual((why["state"], why["resource"], why["wants"], why["in_use"],
                          why["capacity"]), ("RUNNABLE", "two", 1, 2, 2))
        self.assertEqual(why["text"], "waits for a slot of queue 'two' (2 of 2 busy)")
        row = [q for q in self.ok("queues", "--json").json["queues"] if q["name"] == "two"][0]
        self.assertEqual((row["used"], row["queued"], row["running"]), (2, 1, 2))
        self.assertRegex(self.ok("queues").text, r"two +2 +2 +1 +2")
        self.says_no("in use", "queue", "rm", "two")
        self.end(first)
        self.assertEqual(self.client.wait(third).outcome, e2e.SUCCEEDED)
        self.end(second)
        self.ok("queue", "rm", "two")
        self.says_no("there is no queue 'two'; there are: default", "submit", "-q", "two", "true")

    def test_big_job_is_not_starved(self):
        self.ok("queue", "create", "big", "3")
        runs = [self.hold("-q", "big") for _ in range(3)]
        big = int(self.ok("submit", "-q", "big", "--slots", "3", "sleep", "1000").out)
        small = self.queued("-q", "big")
        self.end(runs[0])
        self.end(runs[1])
        self.assertEqual(self.client.get(small).state, e2e.RUNNABLE)
        why = self.why(small)
        self.assertEqual(why["before_id"], big)
        self.assertIn(f"kept for job {big}", why["text"])
        self.end(runs[2])
        self.client.wait_state(big, e2e.RUNNING)
        self.end(big)
        self.assertEqual(self.client.wait(small).outcome, e2e.SUCCEEDED)

    def test_priority_goes_first(self):
        self.ok("queue", "create", "one", "1")
        run = self.hold("-q", "one")
        low = self.queued("-q", "one")
        high = self.queued("-q", "one", "--priority", "100")
        least = self.queued("-q", "one", "--priority", "-100")
        self.end(run)
        jobs = [self.client.wait(job_id) for job_id in (high, low, least)]
        starts = [job.started_ns for job in jobs]
        self.assertEqual(starts, sorted(starts))

    def test_tokens_are_shared_over_queues_and_others_pass(self):
        self.ok("pool", "create", "gpu", "2")
        self.ok("queue", "create", "train")
        run = self.hold("--token", "gpu=2")
        waits = self.queued("-q", "train", "--token", "gpu")
        self.assertEqual(self.client.wait(self.queued()).outcome, e2e.SUCCEEDED)
        self.assertEqual(self.why(waits)["text"], "waits for 1 of pool 'gpu' (2 of 2 busy)")
        self.says_no("more than the 2 tokens of pool 'gpu'", "submit", "--token", "gpu=3", "true")
        self.ok("pool", "set", "gpu", "0")
        self.end(run)
        self.assertIn("which has only 0", self.why(waits)["text"])
        self.ok("pool", "set", "gpu", "1")
        self.assertEqual(self.client.wait(waits).outcome, e2e.SUCCEEDED)

    def test_pause_of_one_queue(self):
        self.ok("queue", "create", "calm")
        self.ok("pause", "-q", "calm")
        waits = self.queued("-q", "calm")
        self.assertEqual(self.client.wait(self.queued()).outcome, e2e.SUCCEEDED)
        self.assertEqual(self.why(waits)["text"], "queue 'calm' is paused")
        self.ok("resume", "-q", "calm")
        self.assertEqual(self.client.wait(waits).outcome, e2e.SUCCEEDED)
        self.ok("pause", "-q", "calm", "--for", "100ms")
        self.assertEqual(self.client.wait(self.queued("-q", "calm")).outcome, e2e.SUCCEEDED)

    def test_pause_whose_time_is_over_is_none(self):
        def pause(**fields):
            return self.client.call("Queues", "PauseQueue", name="brief", **fields)

        def refused(text, code=e2e.grpc.StatusCode.INVALID_ARGUMENT, **fields):
            with self.assertRaises(e2e.grpc.RpcError) as caught:
                pause(**fields)
            self.assertEqual((caught.exception.code(), caught.exception.details()), (code, text))

        second, day = 10 ** 9, 24 * 3600 * 10 ** 9
        self.ok("queue", "create", "brief")
        self.ok("pause", "-q", "brief", "--for", "100h")
        waits = self.queued("-q", "brief")
        before = time.time_ns()
        shown = pause(for_ns=day)
        self.assertTrue(shown.paused)
        self.assertTrue(before + day <= shown.paused_until_ns <= time.time_ns() + day)
        refused("for_ns is out of range", for_ns=-1)
        refused("for_ns is out of range", for_ns=2 ** 63 - 1)
        for until in (-2 ** 63, -1, 1, before - day - second):
            refused("until_ns is more than a day in the past", until_ns=until)
        self.assertIn("queue 'brief' is paused", self.why(waits)["text"])
        over = e2e.grpc.StatusCode.FAILED_PRECONDITION
        was = "the time until which queue 'brief' was to be paused is over; it is left as it is, "
        refused(was + "paused", over, until_ns=before - day + 3600 * second)
        self.assertIn("queue 'brief' is paused", self.why(waits)["text"])
        for until in (1, before - second, before + 10 * second):  # says nothing to who knows more
            before = time.time_ns()
            shown = pause(for_ns=day, until_ns=until)
            self.assertTrue(before + day <= shown.paused_until_ns <= time.time_ns() + day)
        self.ok("resume", "-q", "brief")
        self.assertEqual(self.client.wait(waits).outcome, e2e.SUCCEEDED)
        refused(was + "not paused", over, until_ns=before)
        with self.assertRaises(e2e.grpc.RpcError) as caught:
            self.client.call("Queues", "PauseQueue", name="nobody", until_ns=before)
        self.assertEqual(caught.exception.code(), e2e.grpc.StatusCode.NOT_FOUND)
        # By the time that it is taken it is over.
        self.assertEqual(self.ok("pause", "-q", "brief", "--for", "1ns").text,
                         "queue brief not paused: the time for that is over; 0 queued\n")
        self.assertEqual(self.client.wait(self.queued("-q", "brief")).outcome, e2e.SUCCEEDED)

    def test_a_pause_has_its_end_at_an_older_gord_as_well(self):
        """Which does not know for_ns, and takes what it knows."""
        asked, second = [], 10 ** 9

        def pause(request, _):
            asked.append(request)
            return self.client.message("Queue", name="brief", paused=True)

        handler = e2e.grpc.unary_unary_rpc_method_handler(
            pause, self.client.message("PauseQueueRequest").FromString,
            lambda reply: reply.SerializeToString())
        server = e2e.grpc.server(futures.ThreadPoolExecutor(2))
        server.add_generic_rpc_handlers([e2e.grpc.method_handlers_generic_handler(
            "gor.v1.Queues", {"PauseQueue": handler})])
        path = os.path.join(self.gord.folder, "older")
        server.add_insecure_port("unix:" + path)
        server.start()
        self.addCleanup(server.stop, None)
        before = time.time_ns()
        for options in (("--for", "5s"), ("--for", "100000d"), ()):
            done = ctl.run("pause", "-q", "brief", *options, host=path)
            self.assertEqual(done.code, 0, done)
        brief, long, ever = asked
        self.assertEqual(brief.for_ns, 5 * second)
        self.assertTrue(before + 5 * second <= brief.until_ns <= time.time_ns() + 5 * second)
        self.assertTrue(long.until_ns >= long.for_ns > 0)
        self.assertEqual((ever.for_ns, ever.until_ns), (0, 0))

    def test_jobs_are_meant_by_their_queue(self):
        self.ok("queue", "create", "meant", "1")
        self.ok("pool", "create", "meant-too", "5")
        begin = int(self.ok("submit", "--", "true").out)  # asks for no queue
        since = f"{begin}-{begin + 99}"
        run = self.hold("-q", "meant")
        waits = self.queued("-q", "meant", "--priority", "-5", "--token", "meant-too=2")
        named = self.queued("-q", "default")
        self.assertEqual(self.client.wait(begin, named)[1].outcome, e2e.SUCCEEDED)

        def listed(*words):
            return [job["id"] for job in self.ok(*words, since, "--json").json["jobs"]]

        self.assertEqual(listed("ls", "-q", "meant"), [waits, run])
        self.assertEqual(listed("ls", "-q", "meant", "--state", "runnable"), [waits])
        self.assertEqual(listed("history", "-q", "default"), [named, begin])
        self.assertEqual(listed("history", "-q", "meant"), [])
        self.assertEqual(self.ok("count", "-q", "meant", "--json").json["total"], 2)
        why = ("why", "-q", "meant", "--json")
        self.assertEqual(self.ok(*why, "--state", "runnable").json["resource"], "meant")
        self.refused(USAGE, "selects 2", *why)
        self.refused(ctl.NOTHING, "nothing selected", *why, "--state", "terminated")
        self.end(run)
        self.assertEqual(self.client.wait(waits).outcome, e2e.SUCCEEDED)
        self.assertEqual(listed("history", "-q", "meant"), [waits, run])

    def test_cancel_by_queue_frees_its_lanes(self):
        self.ok("queue", "create", "gone", "2")
        self.ok("pool", "create", "held", "9")
        self.ok("queue", "create", "stays")
        self.ok("pause", "-q", "stays")
        spared = self.queued("-q", "stays", "--token", "held=9")
        runs = [self.hold("-q", "gone", "--token", "held"), self.hold("-q", "gone")]
        waits = [self.queued("-q", "gone", "--token", f"held={i % 3 + 1}", "--priority", str(i % 4))
                 for i in range(12)]
        waiting = self.ok("cancel", "-q", "gone", "--state", "runnable", "--json").json["results"]
        self.assertEqual([r["id"] for r in waiting], waits[::-1])
        self.assertEqual({job.outcome for job in self.client.wait(*waits)}, {e2e.CANCELLED})
        listed = self.ok("queues", "--json").json
        self.assertEqual([(q["used"], q["queued"], q["running"]) for q in listed["queues"]
                          if q["name"] == "gone"], [(2, 0, 2)])
        self.assertEqual([(p["used"], p["queued"]) for p in listed["pools"] if p["name"] == "held"],
                         [(1, 1)])
        self.ok("cancel", "-q", "gone")
        self.client.wait(*runs)
        self.ok("queue", "rm", "gone")  # nothing of it is left
        self.assertEqual(len(self.ok("history", "-q", "gone", "--json").json["jobs"]), 14)
        self.ok("resume", "-q", "stays")
        self.assertEqual(self.client.wait(spared).outcome, e2e.SUCCEEDED)

    def test_dry_run_submits_nothing(self):
        before = self.queued()
        self.assertEqual(self.ok("submit", "--dry-run", "true").text, "would be taken; would start now\n")
        self.ok("queue", "create", "dry", "1")
        run = self.hold("-q", "dry")
        self.assertIn("not started now: waits for a slot of queue 'dry' (1 of 1 busy)",
                      self.ok("submit", "--dry-run", "-q", "dry", "true").text)
        self.assertIn("not started now: held; in 60 s",
                      self.ok("submit", "--dry-run", "--hold", "--in", "1m", "true").text)
        self.assertIn(f"not started now: waits for job {run} to succeed",
                      self.ok("submit", "--dry-run", "--after", str(run), "true").text)
        key = self.hold("--unique", "only one")
        self.assertEqual(self.ok("submit", "--dry-run", "--unique", "only one", "true").text,
                         f"no new job would be made: job {key} has its unique key\n")
        self.assertIn(f"not started now: waits for job {key} to end",
                      self.ok("submit", "--dry-run", "--unique", "only one", "--on-conflict",
                              "queue", "true").text)
        self.says_no("has it and has not ended", "submit", "--dry-run", "--unique", "only one",
                     "--on-conflict", "fail", "true")
        self.says_no("there is no queue 'nowhere'", "submit", "--dry-run", "-q", "nowhere", "true")
        self.assertEqual((run, key, self.queued()), (before + 1, before + 2, before + 3))
        self.end(run, key)

    def test_why_tells_what_keeps_all_apart_from_who_is_before_it(self):
        self.ok("queue", "create", "apart", "1")
        jobs = [self.hold("-q", "apart")] + [self.queued("-q", "apart") for _ in range(3)]
        full = "waits for a slot of queue 'apart' (1 of 1 busy)"
        self.assertEqual([self.why(job)["text"] for job in jobs[1:]],
                         [full, f"job {jobs[1]} is before it and wants the same; that {full}",
                          f"2 jobs are before it that want the same, the last of them job {jobs[2]}; "
                          f"the first {full}"])
        self.ok("pause", "-q", "apart")
        self.assertEqual([self.why(job)["text"] for job in jobs[1:3]],
                         ["queue 'apart' is paused", "queue 'apart' is paused; "
                          f"job {jobs[1]} is before it and wants the same"])
        self.end(*jobs)
        self.ok("resume", "-q", "apart")

    def test_dry_run_tells_that_it_would_never_run(self):
        never = "would be taken; not started now: it would never run: "
        early = ("submit", "--dry-run", "--in", "1h")
        for args, text in ((("--start-before", "30m"), "it is to start before "),
                           (("--hold", "--start-before", "30m"), "it is to start before "),
                           (("--deadline", "30m"), "its deadline is ")):
            self.assertTrue(self.ok(*early, *args, "true").text.startswith(never + text), args)
        for args in (("--start-before", "2h"), ("--deadline", "2h")):
            self.assertNotIn("never", self.ok(*early, *args, "true").text)
        parent = self.hold("--deadline", "30m")
        self.assertTrue(self.ok(*early, "--parent", str(parent), "true").text.startswith(
            f"{never}the deadline of job {parent} is "))
        self.end(parent)

    def test_who_waits_for_a_retry_holds_nothing(self):
        self.ok("queue", "create", "scarce", "1")
        self.ok("pool", "create", "scarcer", "1")
        asks = ("-q", "scarce", "--token", "scarcer")
        retries = int(self.ok("submit", *asks, "--retries", "3", "--backoff", "1h", "--",
                              "false").out)
        self.client.wait_state(retries, e2e.WAITING)
        self.assertIn("retry 1 of 3", self.why(retries)["text"])
        passes = self.hold(*asks)  # which runs
        held = self.queued("--hold", *asks)
        self.assertIn("held", self.why(held)["text"])
        self.ok("release", str(held))
        self.assertIn("(1 of 1 busy)", self.why(held)["text"])
        self.ok("hold", str(held))
        self.end(passes)
        self.assertEqual(self.client.wait(self.queued(*asks)).outcome, e2e.SUCCEEDED)
        self.end(retries, held)
        pool = [p for p in self.ok("pool", "ls", "--json").json["pools"] if p["name"] == "scarcer"]
        self.assertEqual(int(pool[0]["used"]), 0)

    def test_bad_flags(self):
        for words in (("submit", "--priority", "x", "true"), ("submit", "--priority", "10001", "true"),
                      ("submit", "--slots", "0", "true"), ("submit", "--token", "a=b", "true"),
                      ("submit", "--token", "a=0", "true"), ("queue",), ("queue", "make", "x"),
                      ("queue", "set", "x"), ("pool", "create", "x"), ("pool", "create", "x", "many"),
                      ("pause", "--for", "1m"), ("why",), ("why", "x"), ("why", "1", "2")):
            with self.subTest(words):
                self.refused(USAGE, "", *words)
        for words, text in ((("queue", "create", "A b"), "1 to 63"), (("queue", "create", "x" * 64), "1 to 63"),
                            (("queue", "create", "default"), "already"), (("queue", "set", "gone", "1"), "no queue"),
                            (("queue", "rm", "default"), "stays"), (("pool", "rm", "gone"), "no pool"),
                            (("queue", "create", "n", "1000001"), "1000000"), (("pause", "-q", "gone"), "no queue"),
                            (("pause", "-q", "default", "--for", "0s"), "'0s' is no time; `gorctl resume`"),
                            (("pause", "-q", "default", "--pause-until", "2h"), "'2h' is in the past; --for"),
                            (("pause", "-q", "default", "--for", "1h", "--pause-until", "2099-01-01"),
                             "exclude each other"),
                            (("submit", "--slots", "9", "true"), "more than the 8 slots for processes"),
                            (("why", "999999"), "no job 999999")):
            with self.subTest(words):
                self.says_no(text, *words)

    def test_bad_fields(self):
        for fields, text in (({"queue": "A"}, "spec.queue"), ({"queue": "-x"}, "spec.queue"),
                             ({"priority": 10001}, "spec.priority"), ({"priority": -10001}, "spec.priority"),
                             ({"slots": 1000001}, "spec.slots"), ({"tokens": {"": 1}}, "spec.tokens"),
                             ({"tokens": {"a": 0}}, "spec.tokens"),
                             ({"tokens": {f"p{i}": 1 for i in range(9)}}, "spec.tokens")):
            with self.subTest(fields):
                self.assertStatus(e2e.grpc.StatusCode.INVALID_ARGUMENT, self.client.exec, "true",
                                  text=text, **fields)


class Restart(ctl.GorctlTest):
    def test_queues_and_lanes_survive_kill_9(self):
        self.ok("queue", "create", "kept", "1")
        self.ok("pool", "create", "gpu", "1")
        self.ok("pause", "-q", "kept")
        first = int(self.ok("submit", "-q", "kept", "--token", "gpu", "true").out)
        second = int(self.ok("submit", "-q", "kept", "--priority", "50", "true").out)
        self.gord.kill()
        self.gord.start()
        client = self.gord.client()
        self.assertEqual(self.ok("why", "--json", str(first)).json["text"], "queue 'kept' is paused")
        pools = self.ok("queues", "--json").json["pools"]
        self.assertEqual([(p["name"], p["tokens"], p["queued"]) for p in pools if p["name"] == "gpu"],
                         [("gpu", 1, 1)])
        self.ok("resume", "-q", "kept")
        jobs = client.wait(first), client.wait(second)
        self.assertEqual([job.outcome for job in jobs], [e2e.SUCCEEDED] * 2)
        self.assertLess(jobs[1].started_ns, jobs[0].started_ns)
        client.close()

    def test_jobs_far_from_their_turn_keep_their_lanes(self):
        self.ok("queue", "create", "long", "50")
        self.ok("pause", "-q", "long")
        before = self.gord.client()
        specs = [before.native_spec("builtin.echo", "x", queue="long", priority=i % 3)
                 for i in range(6000)]
        first = before.jobs("SubmitMany", specs=specs).first_id
        before.close()
        last = first + 5999
        self.gord.kill()
        self.gord.start()
        client = self.gord.client()
        row = [q for q in self.ok("queues", "--json").json["queues"] if q["name"] == "long"][0]
        self.assertEqual((row["queued"], row["paused"]), (6000, True))
        self.assertEqual(self.ok("why", "--json", str(last)).json["ahead"], 1999)
        self.ok("resume", "-q", "long")
        jobs = client.wait(last, first + 3)
        self.assertEqual([job.outcome for job in jobs], [e2e.SUCCEEDED] * 2)
        started = {job.id: job.started_ns for job in jobs}
        self.assertLess(started[last], started[first + 3])  # priority 2 all before priority 0
        client.close()

    def test_a_file_of_jobs_names_queues_and_tokens(self):
        self.ok("queue", "create", "file", "2")
        self.ok("pool", "create", "disk", "3")
        lines = (b'{"argv": ["true"], "queue": "file", "priority": -3, "slots": 2, '
                 b'"tokens": {"disk": 3}}\n')
        job_id = self.ok("submit", "--from", "-", stdin=lines).text.strip()
        spec = self.ok("show", "--json", job_id).json["job"]["spec"]
        self.assertEqual((spec["queue"], spec["priority"], spec["slots"], spec["tokens"]),
                         ("file", -3, 2, {"disk": 3}))
        for line, text in ((b'{"argv": ["a"], "queue": 1}', "queue"),
                           (b'{"argv": ["a"], "priority": "x"}', "priority"),
                           (b'{"argv": ["a"], "slots": 0}', "slots"),
                           (b'{"argv": ["a"], "tokens": {"a": -1}}', "tokens")):
            with self.subTest(line):
                result = self.gorctl("submit", "--from", "-", stdin=line)
                self.assertNotEqual(result.code, 0)
                self.assertIn(text, result.err.decode())


if __name__ == "__main__":
    e2e.main()
