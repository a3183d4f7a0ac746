# SPDX-License-Identifier: MIT
"""Selectors: the same words for every command of gorctl, and what they mean on the wire."""

import json
import subprocess

import gor_e2e as e2e
import gorctl_e2e as ctl
import grpc

INVALID = grpc.StatusCode.INVALID_ARGUMENT


class SelectorTest(ctl.GorctlTest):
    def submit(self, *args):
        return int(self.ok("submit", *args).out)

    def listed(self, *args):
        return [job["id"] for job in self.ok(*args, "--json", "-n", "0").json["jobs"]]

    def ended(self, *args):
        job = self.submit(*args)
        self.client.wait(job)
        return job


class Restart(SelectorTest):
    def test_labels_live_through_a_kill(self):
        job = self.ended("-l", "kept=yes", "true")
        self.gord.kill()
        self.gord.start()
        self.assertEqual(self.listed("history", "-l", "kept=yes"), [job])


class Selectors(SelectorTest):
    # ------------------------------------------------------------ reading

    def test_labels_are_found_by_value_and_by_key(self):
        both = self.ended("-l", "team=a", "-l", "tier=1", "true")
        one = self.ended("-l", "team=a", "true")
        other = self.ended("-l", "team=b", "true")
        self.ended("true")
        self.assertEqual(self.listed("history", "-l", "team=a"), [one, both])
        self.assertEqual(self.listed("history", "-l", "team"), [other, one, both])
        self.assertEqual(self.listed("history", "-l", "team=a", "-l", "tier"), [both])
        self.assertEqual(self.listed("history", "-l", "team=c"), [])
        self.assertEqual(self.listed("ls", "-a", "-l", "team=b"), [other])
        self.assertEqual(self.listed("ls", "-l", "team=b"), [])  # it has ended

    def test_ids_ranges_and_exit_codes(self):
        jobs = [self.ended("--name", f"coded-{code}", "--shell", f"exit {code}")
                for code in (0, 2, 3, 4)]
        self.assertEqual(self.listed("ls", f"{jobs[0]}-{jobs[2]}"), jobs[2::-1])
        self.assertEqual(self.listed("ls", f"{jobs[0]},{jobs[3]}"), [jobs[3], jobs[0]])
        self.assertEqual(self.listed("history", "--name", "coded-", "--exit-code", "2,4"),
                         [jobs[3], jobs[1]])
        self.assertEqual(self.listed("history", str(jobs[0]), "--outcome", "failed"), [])

    def test_bad_is_every_end_that_nobody_wanted(self):
        def ended(*args):
            return self.ended("-l", "ends=1", *args)

        ended("true")
        bad = [ended("false"), ended("--shell", "kill -9 $$"), ended("/no/such/program"),
               ended("--timeout", "1ms", "sleep", "600")]
        bad.append(ended("--after", f"ok:{bad[0]}", "true"))
        cancelled = self.submit("-l", "ends=1", "--hold", "true")
        self.ok("cancel", str(cancelled))
        self.client.wait(cancelled)
        self.assertEqual(self.listed("history", "-l", "ends=1", "--outcome", "bad"), bad[::-1])
        self.assertEqual(self.listed("history", "-l", "ends=1", "--outcome", "cancelled,bad,failed"),
                         [cancelled] + bad[::-1])
        results = self.ok("retry", "-l", "ends=1", "--outcome", "bad", "--json").json["results"]
        self.assertEqual([r["id"] for r in results], bad)
        self.client.wait(*bad)
        self.assertIn("or bad", self.refused(ctl.USAGE, "no outcome", "history", "--outcome",
                                             "good").err.decode())

    def test_when_they_ended(self):
        job = self.ended("--name", "timed", "true")
        self.assertEqual(self.listed("history", "--name", "timed", "--ended-since", "1h"), [job])
        self.assertEqual(self.listed("history", "--name", "timed", "--ended-until", "1h"), [])

    def test_mine_and_queue(self):
        job = self.ended("--name", "my-own", "true")
        self.assertEqual(self.listed("history", "--mine", "--name", "my-own"), [job])
        self.assertEqual(self.listed("history", "-q", "default", "--name", "my-own"), [job])
        self.assertEqual(self.listed("history", "-q", "elsewhere", "--name", "my-own"), [])

    def test_kinds(self):
        jobs = {"exec": self.ended("-l", "kinds=1", "true"),
                "native": self.ended("-l", "kinds=1", "--native", "builtin.echo", "x"),
                "lua": self.ended_lua("kinds=1"),
                "array": self.ended("-l", "kinds=1", "--array", "1-2", "true")}
        tasks = self.listed("history", "--parent", str(jobs["array"]))
        self.assertEqual(len(tasks), 2)
        words = ("ls", "-a", "-l", "kinds=1", "--no-header", "-o", "id,kind", "-n", "0")
        shown = dict(line.split() for line in self.ok(*words).text.splitlines())
        self.assertEqual({kind: shown[str(job)] for kind, job in jobs.items()},
                         {kind: kind for kind in jobs})
        for kind in ("native", "lua", "array"):
            self.assertEqual(self.listed("ls", "-a", "-l", "kinds=1", "--kind", kind), [jobs[kind]])
        self.assertEqual(self.listed("history", "-l", "kinds=1", "--kind", "exec"),
                         sorted([jobs["exec"], *tasks], reverse=True))
        self.assertEqual(self.listed("history", "-l", "kinds=1", "--kind", "lua,array"),
                         [jobs["array"], jobs["lua"]])
        self.assertEqual(self.ok("count", "-l", "kinds=1", "--kind", "exec", "--json").json["total"], 3)
        held = self.submit("-l", "kinds=1", "--hold", "--native", "builtin.echo", "x")
        other = self.submit("-l", "kinds=1", "--hold", "true")
        self.assertEqual(self.listed("ls", "-l", "kinds=1", "--kind", "native"), [held])
        self.assertEqual(self.asked_to_end("-l", "kinds=1", "--kind", "native"), [held])
        self.client.wait(held)
        self.assertEqual(self.listed("ls", "-l", "kinds=1"), [other])
        self.ok("cancel", str(other))

    def asked_to_end(self, *args):
        return [r["id"] for r in self.ok("cancel", *args, "--json").json["results"]]

    def ended_lua(self, label):
        job = int(self.gorctl("lua", "-l", label, "-", stdin=b"return 1").out)
        self.client.wait(job)
        return job

    def test_children_of_one_job(self):
        top = self.submit("--hold", "true")
        below = [self.submit("--parent", str(top), *kind) for kind in
                 (("sleep", "600"), ("true",), ("--native", "builtin.sleep", "600s"))]
        deeper = self.submit("--parent", str(below[0]), "sleep", "600")
        self.client.wait(below[1])
        live = [below[2], below[0]]
        self.assertEqual(self.listed("ls", "--parent", str(top)), live)
        self.assertEqual(self.listed("ls", "-a", "--parent", str(top)), below[::-1])
        self.assertEqual(self.listed("history", "--parent", str(top)), [below[1]])
        self.assertEqual(self.listed("ls", "--parent", str(below[0])), [deeper])
        self.assertEqual(self.listed("ls", "--parent", str(top), "--kind", "native"), [below[2]])
        self.assertEqual(self.listed("ls", "-a", "--parent", str(top), f"{below[1]}-{deeper}"),
                         [below[2], below[1]])
        self.assertEqual(self.listed("ls", "-a", "--parent", "777777"), [])
        self.assertEqual(self.ok("count", "--parent", str(top), "--json").json["total"], 3)
        self.refused(ctl.NOTHING, "nothing selected", "cancel", "--parent", str(deeper))
        self.assertEqual(self.asked_to_end("--parent", str(top)), live)
        self.client.wait(*live, deeper)
        self.assertEqual(self.listed("ls", "--parent", str(top)), [])
        self.assertEqual(self.client.get(top).state, e2e.CREATED)
        self.ok("cancel", str(top))
        self.client.wait(top)
        self.assertEqual(self.listed("history", "--parent", str(top)), below[::-1])

    def test_count(self):
        for code in (0, 0, 1):
            self.ended("-l", "counted=1", "--shell", f"exit {code}")
        reply = self.ok("count", "-l", "counted=1", "--json").json
        self.assertEqual(reply["total"], 3)
        self.assertEqual({o["outcome"]: o["count"] for o in reply["outcomes"]},
                         {"SUCCEEDED": 2, "FAILED": 1})
        everything = self.ok("count", "--json").json
        self.assertEqual(everything["total"], len(self.listed("ls", "-a")))
        text = self.ok("count", "-l", "counted=1").text
        self.assertEqual([line.split() for line in text.splitlines()],
                         [["succeeded", "2"], ["failed", "1"], ["total", "3"]])
        self.assertEqual(self.ok("count", "-l", "counted=none", "--json").json["total"], 0)

    def test_logs_of_the_one_that_is_meant(self):
        self.ended("--name", "speaks-once", "echo", "here")
        self.assertEqual(self.ok("logs", "--name", "speaks-once").text, "here\n")
        self.ended("--name", "speaks-once", "echo", "again")
        self.refused(ctl.USAGE, "selects 2", "logs", "--name", "speaks-once")
        self.refused(ctl.NOTHING, "nothing selected", "logs", "--name", "never-was")

    # ------------------------------------------------------------ acting

    def test_cancel_what_is_meant_and_nothing_else(self):
        hit = [self.submit("-l", "end=yes", "sleep", "600") for _ in range(3)]
        spared = self.submit("-l", "end=no", "sleep", "600")
        self.ended("-l", "end=yes", "true")  # is no live one
        result = self.ok("cancel", "-l", "end=yes", "--json").json
        self.assertEqual([r["id"] for r in result["results"]], hit[::-1])
        for job in self.client.wait(*hit):
            self.assertEqual(job.outcome, e2e.CANCELLED)
        self.assertEqual(self.listed("ls", "-l", "end"), [spared])
        self.ok("cancel", str(spared))

    def test_nothing_selected_and_unknown_ids(self):
        job = self.submit("-l", "there=1", "sleep", "600")
        self.refused(ctl.NOTHING, "nothing selected", "cancel", "-l", "there=2")
        result = self.gorctl("cancel", "-l", "there=1", f"{job},777777,888888")
        self.assertEqual(result.code, ctl.NOT_FOUND)
        self.assertIn("no job 777777", result.err.decode())
        self.assertIn("no job 888888", result.err.decode())
        self.assertIn(f"{job}  asked", result.text)
        self.refused(ctl.NOT_FOUND, "no job 777777", "wait", "-l", "there=1", "777777")

    def test_wait_for_what_is_meant(self):
        self.ended("-l", "await=1", "false")  # had ended before: not waited for
        jobs = [self.submit("-l", "await=1", "sleep", "600") for _ in range(2)]
        # A job that had not been waited for would end it with another code.
        self.assertEqual(self.gorctl("wait", "-l", "await=1", "--timeout", "1ms").code,
                         ctl.TIMED_OUT)
        self.ok("cancel", "-l", "await=1")
        self.client.wait(*jobs)
        # What is described has ended, so that is waited for no more, however fast it was.
        for words in (("-l", "await=1"), ("-l", "await=1", "--any"),
                      ("-l", "await=1", str(jobs[0])), ("-l", "await=1", "--for", "running")):
            left = self.gorctl("wait", *words)
            self.assertEqual((left.code, left.text), (0, ""))
            self.assertIn("nothing to wait for", left.err.decode())
        self.ok("wait", "-l", "await=1", "--quiet")
        self.assertEqual(self.ok("wait", "-l", "await=1", "--json").json, {"jobs": []})

    def test_many_need_a_yes(self):
        self.ok("pause")
        for _ in range(101):
            self.submit("-l", "many=1", "--native", "builtin.sleep", "600s")
        self.refused(ctl.USAGE, "101 jobs", "cancel", "-l", "many=1")
        self.assertEqual(len(self.listed("ls", "-l", "many=1")), 101)

        terminal = ctl.Terminal("cancel", "-l", "many=1", host=self.gord.socket)
        terminal.type(b"n\n")
        self.assertEqual(terminal.close()[0], ctl.USAGE)
        self.assertEqual(len(self.listed("ls", "-l", "many=1")), 101)

        result = self.ok("cancel", "-l", "many=1", "--yes", "--json").json
        self.assertEqual(len(result["results"]), 101)
        self.ok("resume")
        self.assertEqual(self.listed("ls", "-l", "many=1"), [])

    def test_hold_and_release_what_is_meant(self):
        self.ok("pause")
        jobs = [self.submit("-l", "held=yes", "true") for _ in range(2)]
        other = self.submit("-l", "held=no", "true")
        gone = self.ended_native("-l", "held=yes")
        self.assertEqual(self.acted("hold", "-l", "held=yes"), jobs)
        self.assertEqual(self.listed("ls", "-l", "held", "--state", "created"), jobs[::-1])
        self.refused(ctl.NOTHING, "nothing selected", "hold", "-l", "held=yes")
        named = self.gorctl("hold", "-l", "held=yes", f"{jobs[0]},{gone},{other}")
        self.assertEqual(named.text, f"{jobs[0]}  it was held already\n")
        self.assertEqual(self.acted("release", "-l", "held=yes"), jobs)
        self.ok("resume")
        self.client.wait(other, *jobs)

    def ended_native(self, *options):
        job = self.submit(*options, "--native", "builtin.echo", "x")
        self.ok("cancel", str(job))  # starting is paused
        self.client.wait(job)
        return job

    def acted(self, *args):
        """The ids of the jobs to which it was done."""
        results = self.ok(*args, "--json").json["results"]
        self.assertEqual({r["status"] for r in results}, {"DONE"})
        return [r["id"] for r in results]

    def test_steer_and_end_what_is_meant(self):
        jobs = [self.submit("-l", "steer=yes", "sleep", "600") for _ in range(2)]
        other = self.submit("-l", "steer=no", "sleep", "600")
        for job in [other, *jobs]:
            self.client.wait_state(job, e2e.RUNNING)
        self.assertEqual(self.acted("pause", "-l", "steer=yes"), jobs)
        self.assertEqual(self.listed("ls", "-l", "steer", "--state", "waiting"), jobs[::-1])
        self.assertEqual(self.acted("resume", "-l", "steer=yes"), jobs)
        self.assertEqual(self.acted("signal", "URG", "--all", "-l", "steer=yes"), jobs)
        self.refused(ctl.NOTHING, "nothing selected", "signal", "URG", "-l", "steer=maybe")
        self.assertEqual(self.acted("terminate", "-l", "steer=yes"), jobs[::-1])
        for job in self.client.wait(*jobs):
            self.assertEqual(job.outcome, e2e.CANCELLED)
        self.assertEqual(self.listed("ls", "-l", "steer"), [other])
        self.ok("cancel", str(other))

    def test_rerun_what_is_meant(self):
        failed = [self.ended("-l", "again=yes", "--shell", f"exit {code}") for code in (1, 0, 3)]
        results = self.ok("rerun", "-l", "again=yes", "--outcome", "failed", "--json").json["results"]
        self.assertEqual([r["id"] for r in results], [failed[0], failed[2]])
        new = [r["new_id"] for r in results]
        self.assertEqual(new, sorted(new))
        self.client.wait(*new)
        self.refused(ctl.USAGE, "--all is not for this", "rerun", "--all")
        self.assertStatus(INVALID, self.client.jobs, "Rerun", selector={"all": True},
                          text="name the jobs")

    def test_what_is_let_go_starts_in_the_order_of_its_submission(self):
        self.ok("queue", "create", "turns")
        count = 1200  # more than have their turn at a time
        first = self.client.jobs("SubmitMany", specs=[self.client.native_spec(
            "builtin.echo", queue="turns", held=True)] * count).first_id
        last = first + count - 1
        self.ok("pause")
        self.assertEqual(self.acted("release", "-q", "turns"), list(range(first, first + count)))
        self.ok("resume")
        self.client.wait(*range(first, first + count))
        self.starts_in_order(*range(first, first + count, 100), last)
        self.ok("pause")
        self.ok("retry", "-q", "turns", str(first), f"{last - 1}-{last}")
        self.ok("resume")
        self.client.wait(first, last - 1, last)
        self.starts_in_order(first, last - 1, last)

    def starts_in_order(self, *ids):
        starts = [self.client.get(job).started_ns for job in ids]
        self.assertEqual(starts, sorted(starts))

    def test_what_is_changed_goes_behind_in_the_order_of_its_submission(self):
        self.ok("pause")
        jobs = [self.submit("-l", "change=yes", "--native", "builtin.echo") for _ in range(3)]
        self.assertEqual(self.acted("update", "-l", "change=yes", "--timeout", "1m"), jobs)
        self.ok("resume")
        self.client.wait(*jobs)
        self.starts_in_order(*jobs)

    def test_a_queue_or_its_jobs_are_paused(self):
        self.ok("queue", "create", "either")
        job = self.submit("-q", "either", "sleep", "600")
        self.client.wait_state(job, e2e.RUNNING)
        self.assertIn("queue either paused", self.ok("pause", "-q", "either").text)
        self.assertEqual(self.client.get(job).state, e2e.RUNNING)
        self.assertIn("queue either resumed", self.ok("resume", "-q", "either").text)
        self.assertEqual(self.acted("pause", "-q", "either", "--state", "running"), [job])
        self.refused(ctl.USAGE, "about a queue", "pause", "--for", "1h", str(job))
        self.refused(ctl.USAGE, "goes with jobs", "pause", "-q", "either", "--cause", "x")
        self.ok("cancel", str(job))

    # ------------------------------------------------------------ bad input

    def test_what_cannot_be_meant(self):
        self.refused(ctl.USAGE, "no key", "ls", "-l", "=x")
        self.refused(ctl.USAGE, "at most 16", "ls", *["-l", "x"] * 17)
        self.refused(ctl.USAGE, "no state", "cancel", "--state", "sleeping")
        self.refused(ctl.USAGE, "'job' is no kind of job; they are exec, native, lua, array",
                     "ls", "--kind", "lua,job")
        self.refused(ctl.USAGE, "at most 16", "ls", "--kind", ",".join(["lua"] * 17))
        self.refused(ctl.USAGE, "0 is no job", "cancel", "--parent", "0")
        self.refused(ctl.USAGE, "--parent", "cancel", "--parent", "top")
        self.refused(ctl.USAGE, "ls", "history", "--state", "running")
        jobs = self.client.jobs
        label = {"key": "", "value": "x"}
        for field, text in (({"labels": [label]}, "no key"),
                            ({"ids": [{"first": 0}]}, "begin at 1"),
                            ({"ids": [{"first": 5, "last": 4}]}, "upwards"),
                            ({"ids": [{"first": 1, "last": 2**63}]}, "100000"),
                            ({"states": [9]}, "states"),
                            ({"kinds": [3]}, "they are EXEC, NATIVE, LUA and ARRAY"),
                            ({"kinds": [0]}, "they are EXEC, NATIVE, LUA and ARRAY"),
                            ({"exit_codes": list(range(17))}, "exit codes")):
            for method in ("Select", "Count", "List", "Cancel"):
                self.assertStatus(INVALID, jobs, method, selector=field, text=text)
        self.assertStatus(INVALID, jobs, "Select", text="says nothing")
        self.assertStatus(INVALID, jobs, "Select", selector={"all": True}, limit=10001,
                          text="limit")
        self.assertStatus(INVALID, jobs, "List", name_contains="a",
                          selector={"name_contains": "b"}, text="not in both")


class Looks(ctl.GorctlTest):
    """show, tree and watch take selectors."""

    def test_show_of_several_jobs(self):
        ids = [self.submit("--name", "shown", "--", "true") for _ in range(3)]
        self.client.wait(*ids)
        text = self.ok("show", "--name", "shown").text
        self.assertEqual(text.count("\n\nJob  "), 2)
        lines = self.ok("show", "--json", "--name", "shown").lines
        self.assertEqual([line["job"]["id"] for line in lines], ids[::-1])
        self.assertEqual(self.ok("show", "--json", str(ids[0])).json["job"]["id"], ids[0])
        done = self.gorctl("show", "--json", str(ids[0]), "999999", str(ids[1]))
        self.assertEqual((done.code, [x["job"]["id"] for x in done.lines]), (ctl.NOT_FOUND, ids[:2]))
        self.refused(ctl.NOTHING, "nothing selected", "show", "--name", "nobody's")
        self.refused(ctl.USAGE, "which job?", "show")

    def test_tree_of_several_jobs_once_each(self):
        top = self.client.exec("sleep", "1000", name="top")
        below = [self.client.exec("sleep", "1000", name="below", parent_id=top) for _ in range(2)]
        alone = self.client.exec("true", name="below")
        self.addCleanup(self.client.jobs, "Cancel", ids=[top])
        self.client.wait(alone)
        text = self.ok("tree", "--name", "below").text
        self.assertEqual(text.count("JOB"), 2)
        self.assertEqual(text.count(f"─ {below[0]} "), 1)
        trees = self.ok("tree", "--json", "--below", str(below[0]), str(below[1])).lines
        self.assertEqual([[j["id"] for j in t["jobs"]] for t in trees], [[b] for b in below])
        self.refused(ctl.USAGE, "of which job?", "tree")

    def test_watch_of_the_children_of_one_kind(self):
        top = self.client.exec("true", held=True)
        self.addCleanup(self.client.jobs, "Cancel", ids=[top])
        wanted = self.client.exec("true", held=True, parent_id=top)
        others = [self.client.native("builtin.echo", held=True, parent_id=top),
                  self.client.exec("true", held=True)]
        process = self.start("watch", "--json", "--parent", str(top), "--kind", "exec",
                             "--from-seq", "1", stdout=subprocess.PIPE)
        process.stdout.readline()
        self.client.jobs("Release", ids=[wanted, *others])
        events = [json.loads(x) for x in process.stdout.read().splitlines()]
        process.stdout.close()
        self.assertEqual(process.wait(e2e.PATIENCE), 0)
        self.assertEqual({e["job_id"] for e in events}, {wanted})
        self.client.wait(*others)

    def test_watch_of_those_described(self):
        first = self.client.exec("true", held=True, name="watched")
        other = self.client.exec("true", held=True, name="unseen")
        process = self.start("watch", "--json", "--name", "watched", "--from-seq", "1",
                             stdout=subprocess.PIPE)
        process.stdout.readline()
        self.client.jobs("Release", ids=[first, other])
        events = [json.loads(x) for x in process.stdout.read().splitlines()]
        process.stdout.close()
        self.assertEqual(process.wait(e2e.PATIENCE), 0)
        self.assertEqual({e["job_id"] for e in events}, {first})
        self.assertEqual(events[-1]["kind"], "FINISHED")
        self.client.wait(other)
        self.refused(ctl.NOTHING, "none is meant", "watch", "--name", "watched")


if __name__ == "__main__":
    e2e.main()
